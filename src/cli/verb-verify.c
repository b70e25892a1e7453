/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify: was what virtrkd promised kept? For a while the scheduler's switches are recorded, not asked of virtrkd but of the
 * kernel; then the CPU time of each reserved thread in every interval in which it was ready is held against the supply
 * bound function of its reservation (verify.h). Printed is a row per thread, and of each interval that was broken when, how
 * much it lacked, and who ran instead.
 *
 * Called by main.c. Changes nothing but a trace instance of its own, which is removed also when a signal ends it.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "text.h"
#include "verify-tracer.h"

#define FOR_NS (10 * NSEC_PER_SEC)
#define FOR_MIN_NS (100 * NSEC_PER_MSEC)
#define FOR_MAX_NS (3600 * NSEC_PER_SEC)
#define LATENCY_NS (250 * NSEC_PER_USEC)
#define LATENCY_MAX_NS (100 * NSEC_PER_MSEC)
#define READ_EVERY_NS (50 * NSEC_PER_MSEC)

/* One reserved thread. */
struct row {
	struct json_object *promise;	/* as client_statistics() gives it; owned by the array */
	const char *verdict;
	const char *why;		/* a sentence for one that is not judged; or NULL */
	bool nothing;			/* its promise is nothing, with so much latency */
	struct verify_result result;
};

struct watch {
	struct json_object *before;
	struct row *rows;
	size_t n;
	nsec_t for_ns;
	nsec_t tick_ns;
	nsec_t latency_ns;
	nsec_t start_ns;
};

static void watch_done(struct watch *w)
{
	json_object_put(w->before);
	free(w->rows);
}

/* ---- signals ---- */

static volatile sig_atomic_t ended_by;

static void on_signal(int sig)
{
	ended_by = sig;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Whoever ignores one (nohup) goes on doing so. */
static void signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal }, old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
}

/* The trace is removed: now end as if nothing had been caught. */
static void signals_obey(void)
{
	int sig = ended_by;

	if (sig == 0)
		return;
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

/* ---- what was promised ---- */

static int time_option(const struct arguments *arguments, enum option_id id, nsec_t least_ns, nsec_t most_ns, nsec_t *ret,
		       struct vr_error **reterr)
{
	const char *text = arguments->value[id];
	char option[32], least[VRK_NSEC_STRLEN], most[VRK_NSEC_STRLEN];
	nsec_t ns = *ret;
	int r;

	snprintf(option, sizeof(option), "--%s", option_defs[id].name);
	r = text ? time_parse(option, text, &ns, reterr) : 0;
	if (r < 0)
		return r;
	if (ns < least_ns || ns > most_ns)
		return vr_error_set(reterr, -ERANGE, VR_FAILED, "%s %s: from %s to %s", option, text, vrk_nsec_format(least, least_ns),
				    vrk_nsec_format(most, most_ns));
	*ret = ns;
	return 0;
}

static bool row_is_of(struct json_object *promise, const char *domain)
{
	return !domain || strcmp(answer_text(promise, "domain"), domain) == 0;
}

static int watch_rows(struct watch *w, const char *domain, struct vr_error **reterr)
{
	size_t n = json_object_array_length(w->before);

	w->rows = calloc(n ? n : 1, sizeof(*w->rows));
	if (!w->rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *promise = json_object_array_get_idx(w->before, i);
		uint64_t budget_ns = answer_u64(promise, "budget_ns"), deadline_ns = answer_u64(promise, "deadline_ns");

		if (!row_is_of(promise, domain))
			continue;
		if (budget_ns == 0 || budget_ns > deadline_ns || deadline_ns > answer_u64(promise, "period_ns") ||
		    answer_u64(promise, "period_ns") > (1ULL << 42) || answer_u64(promise, "tid") > INT32_MAX)
			return vr_error_set(reterr, -EBADMSG, VR_FAILED, "virtrkd's answer to Statistics has a reservation that cannot be");
		w->rows[w->n++].promise = promise;
	}
	if (w->n == 0 && domain)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "domain %s has no reservation: there is no promise to verify", domain);
	if (w->n == 0)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "nothing is reserved: there is no promise to verify");
	return 0;
}

static int watch_ask(struct watch *w, struct client *client, const char *domain, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *regime = NULL, *known = NULL;
	int r = domain ? client_domain(client, domain, &known, reterr) : 0;

	if (r >= 0)
		r = client_regime(client, &regime, reterr);
	if (r >= 0)
		r = client_statistics(client, &w->before, reterr);
	if (r < 0)
		return r;
	w->tick_ns = answer_u64(regime, "tick_ns");
	if (w->tick_ns > NSEC_PER_SEC)
		return vr_error_set(reterr, -EBADMSG, VR_FAILED, "virtrkd's answer to DescribeRegime has a tick that cannot be");
	return watch_rows(w, domain, reterr);
}

/* ---- watching ---- */

static void pause_until(nsec_t until_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(until_ns / NSEC_PER_SEC), .tv_nsec = (long)(until_ns % NSEC_PER_SEC) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);	/* a signal ends it, as it should */
}

static int watch_sample(const struct watch *w, struct verify *v)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->n; i++) {
		struct verify_sample sample;

		thread_sample((pid_t)answer_u64(w->rows[i].promise, "tid"), &sample);
		r = verify_sample(v, i, &sample);
	}
	return r;
}

static int watch_record(struct watch *w, struct tracer *tracer, struct verify *v)
{
	nsec_t now_ns = clock_monotonic(), end_ns;
	int r = watch_sample(w, v);

	w->start_ns = now_ns;
	end_ns = now_ns + w->for_ns;
	for (; r >= 0 && now_ns < end_ns && !ended_by; now_ns = clock_monotonic()) {
		pause_until(now_ns + READ_EVERY_NS < end_ns ? now_ns + READ_EVERY_NS : end_ns);
		r = tracer_read(tracer, v);
		if (r >= 0)
			r = watch_sample(w, v);
	}
	return ended_by ? -EINTR : r;
}

static int watch_judge(struct watch *w, struct tracer *tracer, struct verify *v)
{
	_cleanup_(freep) struct verify_sample *samples = calloc(w->n, sizeof(*samples));
	int r = samples ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < w->n; i++)
		thread_sample((pid_t)answer_u64(w->rows[i].promise, "tid"), &samples[i]);
	if (r >= 0)
		r = tracer_stop(tracer);
	if (r >= 0)
		r = tracer_read(tracer, v);
	for (size_t i = 0; r >= 0 && i < w->n; i++) {
		r = verify_end(v, i, &samples[i], &w->rows[i].result);
		w->rows[i].verdict = verify_verdict_name(w->rows[i].result.verdict);
	}
	return r;
}

static int watch_run(struct watch *w, struct vr_error **reterr)
{
	_cleanup_(freep) struct verify_subject *subjects = calloc(w->n, sizeof(*subjects));
	_cleanup_(freep) pid_t *tids = calloc(w->n, sizeof(*tids));
	_cleanup_(tracer_freep) struct tracer *tracer = NULL;
	_cleanup_(verify_freep) struct verify *v = NULL;
	int r;

	if (!subjects || !tids)
		return -ENOMEM;
	for (size_t i = 0; i < w->n; i++) {
		struct json_object *promise = w->rows[i].promise;
		nsec_t budget_ns = answer_u64(promise, "budget_ns");

		/* What comes late is charged all the same (supply.c of the library): each budget lacks it. */
		w->rows[i].nothing = budget_ns <= w->latency_ns;
		if (!w->rows[i].nothing)
			budget_ns -= w->latency_ns;
		tids[i] = (pid_t)answer_u64(promise, "tid");
		subjects[i] = (struct verify_subject){ tids[i], {
			.budget_ns = budget_ns, .deadline_ns = answer_u64(promise, "deadline_ns"),
			.period_ns = answer_u64(promise, "period_ns"), .tick_ns = w->tick_ns, .latency_ns = w->latency_ns,
		} };
	}
	r = verify_new(&v, subjects, w->n, TRACER_GRAIN_NS);
	if (r < 0)
		return r;
	signals_catch();
	r = tracer_start(&tracer, tids, w->n, reterr);
	if (r >= 0)
		r = watch_record(w, tracer, v);
	if (r >= 0)
		r = watch_judge(w, tracer, v);
	return r == -EBADMSG ? vr_error_set(reterr, r, VR_FAILED, "the kernel's trace cannot be read: it has another form here") : r;
}

/* Is it still the same promise? A virtrkd that was started anew counts from anew, so that alone says little. */
static void row_compare(struct row *row, struct json_object *after)
{
	static const char *const keys[] = { "tid", "budget_ns", "period_ns", "deadline_ns" };
	struct json_object *now = NULL;

	for (size_t i = 0; !now && i < json_object_array_length(after); i++) {
		struct json_object *one = json_object_array_get_idx(after, i);

		if (row_is_of(one, answer_text(row->promise, "domain")) &&
		    strcmp(answer_text(one, "thread"), answer_text(row->promise, "thread")) == 0)
			now = one;
	}
	if (!now) {
		row->why = "it was released, or ended, meanwhile";
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (answer_u64(now, keys[i]) != answer_u64(row->promise, keys[i]))
				row->why = "another was made meanwhile";
		if (!row->why && row->result.verdict == VERIFY_BROKEN && answer_u64(now, "since_ns") != answer_u64(row->promise, "since_ns"))
			row->why = "it was made anew meanwhile, or virtrkd was started anew";
	}
	if (row->why)
		row->verdict = "changed";
}

/* virtrkd may be gone by now: the promise is the kernel's, and holds without it. */
static void watch_compare(struct watch *w, const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *after = NULL;
	_cleanup_(client_closep) struct client *client = NULL;

	if (cli_connect(&client, arguments, NULL) < 0 || client_statistics(client, &after, NULL) < 0)
		return;
	for (size_t i = 0; i < w->n; i++)
		row_compare(&w->rows[i], after);
}

/* Nothing promised, nothing kept. */
static void row_weigh(struct row *row)
{
	if (!row->nothing || row->why)
		return;
	row->verdict = "unsure";
	row->why = "its budget is no longer than the latency that is allowed for";
}

static bool row_says(const struct row *row, const char *verdict)
{
	return strcmp(row->verdict, verdict) == 0;
}

static const char *watch_verdict(const struct watch *w)
{
	const char *verdict = "kept";

	for (size_t i = 0; i < w->n; i++) {
		if (row_says(&w->rows[i], "broken"))
			return "broken";
		if (!row_says(&w->rows[i], "kept"))
			verdict = "unsure";
	}
	return verdict;
}

/* ---- as JSON ---- */

static void json_u64(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *culprits_json(const struct verify_breach *b)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < b->n_culprits; i++) {
		const struct verify_culprit *c = &b->culprits[i];
		struct json_object *one = json_object_new_object();

		json_u64(one, "tid", (uint64_t)c->tid);
		json_object_object_add(one, "comm", text_is_utf8(c->comm) ? json_object_new_string(c->comm) : NULL);
		json_object_object_add(one, "priority", json_object_new_int(c->prio));
		json_u64(one, "ran_ns", c->ran_ns);
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *breaches_json(const struct watch *w, const struct verify_result *result)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < result->n_breaches; i++) {
		const struct verify_breach *b = &result->breaches[i];
		struct json_object *one = json_object_new_object();

		json_u64(one, "time_ns", b->from_ns);
		json_u64(one, "since_start_ns", b->from_ns > w->start_ns ? b->from_ns - w->start_ns : 0);
		json_u64(one, "length_ns", b->to_ns - b->from_ns);
		json_u64(one, "got_ns", b->got_ns);
		json_u64(one, "promised_ns", b->promised_ns);
		json_u64(one, "cpu", b->cpu);
		json_object_object_add(one, "demoted_to", b->demoted ? json_object_new_int(b->prio) : NULL);
		json_object_object_add(one, "instead", culprits_json(b));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *row_json(const struct watch *w, const struct row *row)
{
	static const char *const keys[] = { "domain", "thread", "tid", "budget_ns", "period_ns", "deadline_ns", "soft" };
	const struct verify_result *result = &row->result;
	struct json_object *one = json_object_new_object();

	for (size_t i = 0; one && i < ARRAY_SIZE(keys); i++)
		json_object_object_add(one, keys[i], json_object_get(answer_member(row->promise, keys[i])));
	json_object_object_add(one, "verdict", json_object_new_string(row->verdict));
	json_object_object_add(one, "why", row->why ? json_object_new_string(row->why) : NULL);
	json_u64(one, "ready_ns", result->ready_ns);
	json_u64(one, "got_ns", result->ran_ns);
	json_object_object_add(one, "spare_ns", result->margin_ns == INT64_MAX ? NULL : json_object_new_int64(result->margin_ns));
	json_u64(one, "unseen_ns", result->unjudged_ns);
	json_u64(one, "holes", result->holes);
	json_u64(one, "missing", result->missing);
	json_u64(one, "doubtful", result->doubtful);
	json_u64(one, "broken", result->broken);
	json_object_object_add(one, "breaches", breaches_json(w, result));
	return one;
}

static int watch_json(const struct watch *w)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	struct json_object *threads = json_object_new_array();

	if (!answer || !threads) {
		json_object_put(threads);
		return cli_fail(-ENOMEM, NULL);
	}
	json_object_object_add(answer, "verdict", json_object_new_string(watch_verdict(w)));
	json_u64(answer, "for_ns", w->for_ns);
	json_u64(answer, "tick_ns", w->tick_ns);
	json_u64(answer, "latency_ns", w->latency_ns);
	for (size_t i = 0; i < w->n; i++)
		json_object_array_add(threads, row_json(w, &w->rows[i]));
	json_object_object_add(answer, "threads", threads);
	return cli_print_json(answer);
}

/* ---- as text ---- */

static char *spare_text(char buf[TEXT_NUMBER_MAX], int64_t margin_ns)
{
	char number[TEXT_NUMBER_MAX];

	if (margin_ns == INT64_MAX)
		snprintf(buf, TEXT_NUMBER_MAX, "-");
	else
		snprintf(buf, TEXT_NUMBER_MAX, "%s%.40s", margin_ns < 0 ? "-" : "",
			 text_duration(number, margin_ns < 0 ? 0 - (nsec_t)margin_ns : (nsec_t)margin_ns));
	return buf;
}

static int watch_table(const struct watch *w)
{
	static const struct table_column columns[] = {
		{ "DOMAIN", TABLE_LEFT }, { "THREAD", TABLE_LEFT }, { "RESERVATION", TABLE_LEFT }, { "READY", TABLE_RIGHT },
		{ "GOT", TABLE_RIGHT }, { "SPARE", TABLE_RIGHT }, { "UNSEEN", TABLE_RIGHT }, { "VERDICT", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < w->n; i++) {
		const struct row *row = &w->rows[i];
		char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], number[TEXT_NUMBER_MAX];

		table_add(table, "%s", answer_text(row->promise, "domain"));
		table_add(table, "%s", answer_text(row->promise, "thread"));
		table_add(table, "%s/%s%s", vrk_nsec_format(budget, answer_u64(row->promise, "budget_ns")),
			  vrk_nsec_format(period, answer_u64(row->promise, "period_ns")), answer_bool(row->promise, "soft") ? " soft" : "");
		table_add(table, "%s", text_duration(number, row->result.ready_ns));
		table_add(table, "%s", text_duration(number, row->result.ran_ns));
		table_add(table, "%s", spare_text(number, row->result.margin_ns));
		table_add(table, "%s", text_duration(number, row->result.unjudged_ns));
		table_add(table, "%s", row->verdict);
	}
	return cli_print_table(table);
}

static const char *prio_text(char buf[32], int prio)
{
	if (prio < 0)
		return "deadline";
	if (prio == 0)
		return "stopper";
	if (prio >= 100)
		return "ordinary";
	snprintf(buf, 32, "real-time %d", 99 - prio);
	return buf;
}

/* "12:34:56.789", of the moment that CLOCK_MONOTONIC calls @ns. */
static void clock_text(char buf[32], nsec_t ns)
{
	struct timespec now;
	struct tm tm;
	int64_t then_ms;
	time_t then;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	then_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)((clock_monotonic() - ns) / NSEC_PER_MSEC);
	then = (time_t)(then_ms / 1000);
	if (!localtime_r(&then, &tm) || strftime(buf, 24, "%T", &tm) == 0)
		snprintf(buf, 24, "?");
	snprintf(buf + strlen(buf), 8, ".%03d", (int)(then_ms % 1000));
}

static int breach_print(const struct row *row, const struct verify_breach *b)
{
	char when[32], length[TEXT_NUMBER_MAX], got[TEXT_NUMBER_MAX], promised[TEXT_NUMBER_MAX], prio[32], who[512] = "";
	size_t n = 0;

	clock_text(when, b->from_ns);
	for (size_t i = 0; i < b->n_culprits && i < 4 && n < sizeof(who); i++) {
		const struct verify_culprit *c = &b->culprits[i];
		char ran[TEXT_NUMBER_MAX];

		if (c->tid == 0)
			n += (size_t)snprintf(who + n, sizeof(who) - n, "%s idle %s", i ? "," : "", text_duration(ran, c->ran_ns));
		else
			n += (size_t)snprintf(who + n, sizeof(who) - n, "%s %s[%d] (%s) %s", i ? "," : "", *c->comm ? c->comm : "?", c->tid,
					      prio_text(prio, c->prio), text_duration(ran, c->ran_ns));
	}
	return cli_print("%s %s: broken at %s: in %s it got %s, promised %s%s%s%s; CPU %u meanwhile:%s", answer_text(row->promise, "domain"),
			 answer_text(row->promise, "thread"), when, text_duration(length, b->to_ns - b->from_ns), text_duration(got, b->got_ns),
			 text_duration(promised, b->promised_ns), b->demoted ? "; somebody had taken SCHED_DEADLINE from it (it was " : "",
			 b->demoted ? prio_text(prio, b->prio) : "", b->demoted ? ")" : "", b->cpu, *who ? who : " not seen");
}

static int row_print(const struct row *row)
{
	const struct verify_result *result = &row->result;
	const char *domain = answer_text(row->promise, "domain"), *thread = answer_text(row->promise, "thread");
	int r = 0;

	if (row_says(row, "changed"))
		return cli_print("%s %s: the reservation changed, so it is not judged: %s", domain, thread, row->why);
	if (row->nothing)
		return cli_print("%s %s: %s: nothing is promised; --latency= with less asks more", domain, thread, row->why);
	for (size_t i = 0; r >= 0 && i < result->n_breaches; i++)
		r = breach_print(row, &result->breaches[i]);
	if (r >= 0 && result->broken > result->n_breaches)
		r = cli_print("%s %s: and %" PRIu64 " more", domain, thread, result->broken - result->n_breaches);
	if (r >= 0 && row_says(row, "unsure"))
		r = cli_print("%s %s: unsure, since the kernel's trace lacks records of it: %" PRIu64 " turns on a CPU missing, %" PRIu64 " holes, "
			      "%" PRIu64 " intervals that may be broken or not", domain, thread, result->missing, result->holes, result->doubtful);
	return r;
}

static int watch_print(const struct watch *w)
{
	int code = watch_table(w), r = 0;

	for (size_t i = 0; code == CLI_DONE && r >= 0 && i < w->n; i++)
		r = row_print(&w->rows[i]);
	return r < 0 ? cli_fail(r, NULL) : code;
}

int verb_verify(const struct arguments *arguments)
{
	_cleanup_(watch_done) struct watch w = { .for_ns = FOR_NS, .latency_ns = LATENCY_NS };
	const char *domain = arguments->n_operands > 1 ? arguments->operands[1] : NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = time_option(arguments, OPTION_FOR, FOR_MIN_NS, FOR_MAX_NS, &w.for_ns, &err), code;

	if (r >= 0)
		r = time_option(arguments, OPTION_LATENCY, 0, LATENCY_MAX_NS, &w.latency_ns, &err);
	if (r < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = watch_ask(&w, client, domain, &err);
	client = client_close(client);		/* a connection that nobody reads would fill with signals */
	if (r >= 0)
		r = watch_run(&w, &err);
	signals_obey();
	if (r < 0)
		return cli_fail(r, err);
	watch_compare(&w, arguments);
	for (size_t i = 0; i < w.n; i++)
		row_weigh(&w.rows[i]);
	code = arguments->given[OPTION_JSON] ? watch_json(&w) : watch_print(&w);
	if (code != CLI_DONE)
		return code;
	if (strcmp(watch_verdict(&w), "broken") == 0)
		return CLI_BROKEN;
	return strcmp(watch_verdict(&w), "kept") == 0 ? CLI_DONE : CLI_FAILED;
}
