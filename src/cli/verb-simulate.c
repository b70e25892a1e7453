/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simulate: runs a described system under the kernel's rules and prints what it saw, with the bounds of the analysis
 * beside it. An observation is no proof: that nothing was late says nothing of other phases. So it always exits 0, and
 * every number seen is labelled as simulated. No daemon is asked and nothing is changed.
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "chart.h"
#include "cli.h"
#include "system-judge.h"
#include "system-simulate.h"
#include "text.h"

#define FOR_DEFAULT_NS (10 * NSEC_PER_SEC)
#define FOR_MAX_NS     (86400 * NSEC_PER_SEC)
#define SVG_CHANGES_MAX	  ((size_t)20000)	/* more of them could not be told apart on a screen */
#define TRACE_CHANGES_MAX ((size_t)1000000)	/* some 300 MB */

static int for_get(const struct arguments *arguments, nsec_t *ret)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *text = arguments->value[OPTION_FOR];

	*ret = FOR_DEFAULT_NS;
	if (!text)
		return CLI_DONE;
	if (time_parse("--for", text, ret, &err) < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : "out of memory");
	if (*ret == 0 || *ret > FOR_MAX_NS)
		return cli_say(CLI_USAGE, "--for %s: must be above zero and at most 86400s", text);
	return CLI_DONE;
}

/* Digits and nothing else, up to 2^64 - 1. */
static int seed_get(const struct arguments *arguments, uint64_t *ret)
{
	const char *text = arguments->value[OPTION_SEED];
	uint64_t seed = 0;

	for (const char *p = text; p && *p; p++)
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(seed, 10U, &seed) ||
		    __builtin_add_overflow(seed, (uint64_t)(*p - '0'), &seed))
			return cli_say(CLI_USAGE, "--seed %s: must be a whole number from 0 to 2^64-1", text);
	*ret = seed;
	return CLI_DONE;
}

/* ---- for people ---- */

static const char *time_or(char buf[VRK_NSEC_STRLEN], struct json_object *row, const char *key, const char *none)
{
	return answer_is_null(row, key) ? none : vrk_nsec_format(buf, answer_u64(row, key));
}

static int tasks_table(struct json_object *rows)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "TASK", TABLE_LEFT }, { "JOBS", TABLE_RIGHT },
		{ "MISSED", TABLE_RIGHT }, { "SIMULATED", TABLE_RIGHT }, { "BOUND", TABLE_RIGHT }, { "DEADLINE", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char text[VRK_NSEC_STRLEN];

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%" PRIu64, answer_u64(row, "jobs"));
		table_add(table, "%" PRIu64, answer_u64(row, "missed"));
		table_add(table, "%s", time_or(text, row, "simulated", "-"));
		table_add(table, "%s", time_or(text, row, "bound", "-"));
		table_add(table, "%s", time_or(text, row, "deadline", "-"));
	}
	return cli_print_table(table);
}

static int irqs_table(struct json_object *rows)
{
	static const struct table_column columns[] = {
		{ "INTERRUPT", TABLE_LEFT }, { "CPU", TABLE_RIGHT }, { "VM", TABLE_LEFT }, { "SERVED", TABLE_RIGHT }, { "MISSED", TABLE_RIGHT },
		{ "HARD", TABLE_RIGHT }, { "THREAD", TABLE_RIGHT }, { "SIMULATED", TABLE_RIGHT }, { "BOUND", TABLE_RIGHT },
		{ "DEADLINE", TABLE_RIGHT },
	};
	static const char *const times[] = { "hard", "thread", "simulated", "bound", "deadline" };
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char text[VRK_NSEC_STRLEN];

		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%" PRIu64, answer_u64(row, "cpu"));
		table_add(table, "%s", answer_is_null(row, "vm") ? "-" : answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "jobs"));
		table_add(table, "%" PRIu64, answer_u64(row, "missed"));
		for (size_t k = 0; k < ARRAY_SIZE(times); k++)
			table_add(table, "%s", time_or(text, row, times[k], "-"));
	}
	return cli_print_table(table);
}

static int vcpus_table(struct json_object *rows, nsec_t for_ns)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "SUPPLIED", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "BUDGETS", TABLE_RIGHT }, { "LATE", TABLE_RIGHT }, { "FIRST AT", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char text[VRK_NSEC_STRLEN], share[TEXT_NUMBER_MAX];
		uint64_t late = answer_u64(row, "late"), rest = answer_u64(row, "late_rest");

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", vrk_nsec_format(text, answer_u64(row, "supplied")));
		table_add(table, "%s", text_percent(share, answer_u64(row, "supplied"), for_ns));
		table_add(table, "%" PRIu64, answer_u64(row, "budgets"));
		late = rest > late ? rest : late;
		table_add(table, "%s", late ? vrk_nsec_format(text, late) : "never");
		table_add(table, "%s", time_or(text, row, "late_at", "-"));
	}
	return cli_print_table(table);
}

static int answer_show(const struct system_document *d, struct json_object *answer)
{
	struct json_object *tasks = answer_member(answer, "tasks"), *vcpus = answer_member(answer, "vcpus");
	uint64_t for_ns = answer_u64(answer, "for");
	char text[VRK_NSEC_STRLEN];
	int r = CLI_DONE;

	if (cli_print("simulated: %s, %" PRIu64 " events, %s (an observation, not a proof)", vrk_nsec_format(text, for_ns),
		      answer_u64(answer, "events"), answer_is_null(answer, "seed") ? "all start at once" : "phases drawn") < 0)
		return cli_fail(-ENOMEM, NULL);
	if (d->n_tasks > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : tasks_table(tasks);
	if (r == CLI_DONE && d->n_irqs > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : irqs_table(answer_member(answer, "irqs"));
	if (r == CLI_DONE && d->n_vcpus > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : vcpus_table(vcpus, for_ns);
	return r;
}

/* ---- pictures and traces ---- */

/* Both may be asked for, each with a window of its own. */
struct recording {
	const char *svg, *trace;	/* file names, NULL = not asked for */
	bool from_given, to_given;
	nsec_t from_ns, to_ns;
	struct chart charts[2];		/* of svg, of trace */
	struct vrk_sim_watch each[2];
	size_t n;
	struct vrk_sim_watch watch;
};

static void recording_done(struct recording *rec)
{
	chart_done(&rec->charts[0]);
	chart_done(&rec->charts[1]);
}

static void record_server(void *userdata, size_t server, const struct vrk_sim_moment *moment)
{
	const struct recording *rec = userdata;

	for (size_t i = 0; i < rec->n; i++)
		rec->each[i].server(rec->each[i].userdata, server, moment);
}

static void record_task(void *userdata, size_t task, const struct vrk_sim_job *job)
{
	const struct recording *rec = userdata;

	for (size_t i = 0; i < rec->n; i++)
		rec->each[i].task(rec->each[i].userdata, task, job);
}

static int instant_get(const struct arguments *arguments, enum option_id id, bool *ret_given, nsec_t *ret)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char name[32];

	*ret_given = arguments->given[id];
	snprintf(name, sizeof(name), "--%s", option_defs[id].name);
	if (*ret_given && time_parse(name, arguments->value[id], ret, &err) < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : "out of memory");
	return CLI_DONE;
}

static int recording_get(const struct arguments *arguments, nsec_t until_ns, struct recording *ret)
{
	int r;

	ret->svg = arguments->value[OPTION_SVG];
	ret->trace = arguments->value[OPTION_TRACE];
	r = instant_get(arguments, OPTION_FROM, &ret->from_given, &ret->from_ns);
	if (r == CLI_DONE)
		r = instant_get(arguments, OPTION_TO, &ret->to_given, &ret->to_ns);
	if (r != CLI_DONE)
		return r;
	if ((ret->from_given || ret->to_given) && !ret->svg && !ret->trace)
		return cli_say(CLI_USAGE, "--from and --to say what --svg and --trace show: neither is given");
	if (!ret->to_given)
		ret->to_ns = until_ns;
	if (ret->to_ns > until_ns)
		return cli_say(CLI_USAGE, "--to %s: the run ends before (--for)", arguments->value[OPTION_TO]);
	if (ret->from_ns >= ret->to_ns)
		return cli_say(CLI_USAGE, "--from must be before %s", ret->to_given ? "--to" : "the end of the run (--for)");
	return CLI_DONE;
}

/* Twice the longest period is what fits the eye: after that it mostly repeats. */
static nsec_t window_usual(const struct system_document *d)
{
	nsec_t longest = NSEC_PER_MSEC;

	for (size_t i = 0; i < d->n_vcpus; i++)
		longest = d->vcpus[i].reservation.period_ns > longest ? d->vcpus[i].reservation.period_ns : longest;
	for (size_t i = 0; i < d->n_tasks; i++)
		longest = d->tasks[i].period_ns > longest ? d->tasks[i].period_ns : longest;
	for (size_t i = 0; i < d->n_irqs; i++)
		longest = d->irqs[i].irq.period_ns > longest ? d->irqs[i].irq.period_ns : longest;
	return 2 * longest;
}

static int recording_start(struct recording *rec, const struct system_document *d)
{
	nsec_t usual = window_usual(d), to_ns = rec->to_ns;
	int r = 0;

	if (!rec->to_given && rec->to_ns - rec->from_ns > usual)
		to_ns = rec->from_ns + usual;
	if (rec->svg) {
		r = chart_init(&rec->charts[0], d, rec->from_ns, to_ns, SVG_CHANGES_MAX);
		rec->each[rec->n++] = chart_watch(&rec->charts[0]);
	}
	if (r >= 0 && rec->trace) {
		r = chart_init(&rec->charts[1], d, rec->from_ns, rec->to_ns, TRACE_CHANGES_MAX);
		rec->each[rec->n++] = chart_watch(&rec->charts[1]);
	}
	rec->watch = (struct vrk_sim_watch){ record_server, record_task, rec };
	return r;
}

static int svg_write(FILE *f, const struct chart *chart, const struct system_run *run)
{
	char title[160], subtitle[160], from[VRK_NSEC_STRLEN], to[VRK_NSEC_STRLEN], until[VRK_NSEC_STRLEN];

	snprintf(title, sizeof(title), "Simulated: %s to %s of %s", vrk_nsec_format(from, chart->from_ns), vrk_nsec_format(to, chart->to_ns),
		 vrk_nsec_format(until, run->until_ns));
	if (run->seed)
		snprintf(subtitle, sizeof(subtitle), "phases drawn, seed %" PRIu64 "; an observation, not a proof", *run->seed);
	else
		snprintf(subtitle, sizeof(subtitle), "all start at once; an observation, not a proof");
	return chart_svg(f, chart, title, subtitle);
}

/* One file, of the picture or of the trace. Returns an exit code. */
static int recording_write(const struct recording *rec, struct chart *chart, bool svg, const struct system_run *run)
{
	const char *path = svg ? rec->svg : rec->trace;
	char from[VRK_NSEC_STRLEN], to[VRK_NSEC_STRLEN];
	FILE *f;
	int r = chart_end(chart);

	if (r < 0)
		return cli_fail(r, NULL);
	if (chart->full && rec->to_given)
		return cli_say(CLI_USAGE, "--%s: more than %zu changes from %s to %s: choose a shorter window with --from and --to",
			       svg ? "svg" : "trace", svg ? SVG_CHANGES_MAX : TRACE_CHANGES_MAX, vrk_nsec_format(from, rec->from_ns),
			       vrk_nsec_format(to, rec->to_ns));
	f = fopen(path, "we");
	if (!f)
		return cli_say(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
	r = svg ? svg_write(f, chart, run) : chart_trace(f, chart);
	if (fclose(f) != 0 && r >= 0)
		r = -errno;
	return r < 0 ? cli_say(CLI_FAILED, "cannot write %s: %s", path, strerror(-r)) : CLI_DONE;
}

/* What the files show, for people. */
static int recording_show(const struct recording *rec, bool svg)
{
	const struct chart *chart = &rec->charts[svg ? 0 : 1];
	char from[VRK_NSEC_STRLEN], to[VRK_NSEC_STRLEN];

	return cli_print("%s: %s to %s%s", svg ? rec->svg : rec->trace, vrk_nsec_format(from, chart->from_ns),
			 vrk_nsec_format(to, chart->to_ns), chart->full ? ", where it became too much: --from and --to choose" :
			 chart->to_ns < rec->to_ns ? ", --from and --to choose" : "");
}

static int recordings_end(struct recording *rec, const struct system_run *run, bool quiet)
{
	int r = CLI_DONE;

	if (rec->svg)
		r = recording_write(rec, &rec->charts[0], true, run);
	if (r == CLI_DONE && rec->trace)
		r = recording_write(rec, &rec->charts[1], false, run);
	if (r != CLI_DONE || quiet)
		return r;
	if ((rec->svg && recording_show(rec, true) < 0) || (rec->trace && recording_show(rec, false) < 0))
		return cli_fail(-ENOMEM, NULL);
	return CLI_DONE;
}

static int simulate(const struct arguments *arguments, struct system_run *run, struct recording *rec)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	bool json = arguments->given[OPTION_JSON];
	int r = system_document_read(arguments->operands[1], &document, &err);

	if (r >= 0)
		r = system_judge(&document, &result, &err);
	if (r >= 0 && rec->svg && chart_lanes(&document) > CHART_LANES_MAX)
		return cli_say(CLI_USAGE, "--svg: %zu CPUs, vCPUs, tasks and interrupts are too many for a picture, %zu at most; --trace takes "
			       "them all", chart_lanes(&document), CHART_LANES_MAX);
	if (r >= 0)
		r = recording_start(rec, &document);
	run->watch = rec->n > 0 ? &rec->watch : NULL;
	if (r >= 0)
		r = system_run(&document, run, &err);
	if (r >= 0)
		r = system_run_answer(&document, &result, run, &answer);
	if (r == -EBADMSG && err && err->reason == VR_BAD_CONFIG)
		return cli_say(CLI_USAGE, "%s", err->text);
	if (r < 0)
		return cli_fail(r, err);
	r = recordings_end(rec, run, json);
	if (r != CLI_DONE)
		return r;
	return json ? cli_print_json(answer) : answer_show(&document, answer);
}

int verb_simulate(const struct arguments *arguments)
{
	_cleanup_(recording_done) struct recording rec = { .n = 0 };
	_cleanup_(system_run_done) struct system_run run = { 0 };
	uint64_t seed;
	int r = for_get(arguments, &run.until_ns);

	if (r == CLI_DONE)
		r = seed_get(arguments, &seed);
	if (r == CLI_DONE)
		r = recording_get(arguments, run.until_ns, &rec);
	if (r != CLI_DONE)
		return r;
	run.seed = arguments->given[OPTION_SEED] ? &seed : NULL;
	return simulate(arguments, &run, &rec);
}
