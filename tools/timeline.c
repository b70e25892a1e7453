/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtrk-timeline: when one thread ran, waited, was throttled and slept, from a sched_switch (and sched_wakeup) trace.
 *
 * The trace tells when it left the CPU and why; whether a runnable thread was throttled or merely preempted is decided by the
 * same replay of its reservation as in virtrkd (meter.h), here with wakeups and successors to go by. Out come the intervals
 * as JSON, one on a line, and a picture. For the demo and for developers; not installed.
 *
 * main() reads the arguments, the rest goes by values: read the file into events, replay them into intervals, print.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "meter.h"
#include "picture.h"
#include "trace.h"

enum { EXIT_USAGE = 2 };

static pid_t arg_tid;
static struct cbs_params arg_params;	/* budget 0: no reservation */
static nsec_t arg_from_ns;
static nsec_t arg_to_ns = NSEC_MAX;
static const char *arg_svg;
static const char *arg_json;
static const char *arg_trace;

static const char usage_text[] =
	"usage: virtrk-timeline --tid N [--budget TIME --period TIME [--deadline TIME] [--tick TIME]]\n"
	"                       [--from TIME] [--to TIME] [--svg FILE] [--json FILE] TRACE\n"
	"  TRACE           text of a tracefs trace with sched_switch and, better, sched_wakeup of thread N; - is stdin\n"
	"  --budget ...    its reservation; without it nothing is throttled\n"
	"  --tick          how late the kernel may notice the end of a budget (default: this host's tick)\n"
	"  --from, --to    what is shown, counted from the start of the trace; a bare number is ms\n"
	"  --json FILE     one interval on a line: state, start_ns, end_ns, and cpu while it runs; - is stdout, the default\n"
	"  --svg FILE      a picture\n"
	"exit code: 0 done, 1 failed, 2 wrong use\n";

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "virtrk-timeline: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

/* What is read and what becomes of it. */

struct events {
	struct trace_event *events;
	size_t n;
	size_t n_own;		/* of these, of the thread; the rest are losses */
	nsec_t first_ns;	/* of the trace, whoever it is about */
	nsec_t last_ns;
};

struct history {
	struct interval *intervals;
	size_t n_intervals;
	struct budget_point *points;
	size_t n_points;
	nsec_t *replenished_ns;
	size_t n_replenished;
	nsec_t throttled_until_ns;	/* the last throttling heard of */
	unsigned int cpu;
	bool failed;			/* out of memory */
};

static void events_done(struct events *e)
{
	free(e->events);
}

static void history_done(struct history *h)
{
	free(h->intervals);
	free(h->points);
	free(h->replenished_ns);
}

/* Room for one more; full at 0, 16, 32, 64 ...: then it doubles. */
static bool array_grow(void *array, size_t n, size_t size)
{
	void **p = array, *more;

	if (n >= 16 ? (n & (n - 1)) != 0 : n != 0)
		return true;
	more = reallocarray(*p, n == 0 ? 16 : 2 * n, size);
	if (more)
		*p = more;
	return more != NULL;
}

static int read_events(FILE *f, pid_t tid, struct events *ret, size_t *ret_line)
{
	_cleanup_(freep) char *line = NULL;
	size_t size = 0;
	ssize_t length;

	for (*ret_line = 1; (length = getline(&line, &size, f)) >= 0; ++*ret_line) {
		struct trace_event event;
		int r;

		if (length > 0 && line[length - 1] == '\n')
			length--;
		r = trace_parse(line, (size_t)length, tid, &event);
		if (r < 0)
			return r;
		if (event.time_ns > 0 && ret->first_ns == 0)
			ret->first_ns = event.time_ns;
		if (event.time_ns > ret->last_ns)
			ret->last_ns = event.time_ns;
		if (event.kind == TRACE_NONE)
			continue;
		if (!array_grow(&ret->events, ret->n, sizeof(*ret->events)))
			return -ENOMEM;
		ret->events[ret->n++] = event;
		ret->n_own += event.kind != TRACE_LOST;
	}
	return ferror(f) ? -EIO : 0;
}

/* The replay. */

static void history_interval(void *userdata, enum meter_state state, nsec_t start_ns, nsec_t end_ns)
{
	struct history *h = userdata;

	if (state == METER_THROTTLED)
		h->throttled_until_ns = end_ns;
	if (!array_grow(&h->intervals, h->n_intervals, sizeof(*h->intervals))) {
		h->failed = true;
		return;
	}
	h->intervals[h->n_intervals++] = (struct interval){ state, start_ns, end_ns, h->cpu };
}

static void history_point(struct history *h, nsec_t time_ns, int64_t left_ns, bool known)
{
	if (!array_grow(&h->points, h->n_points, sizeof(*h->points))) {
		h->failed = true;
		return;
	}
	h->points[h->n_points++] = (struct budget_point){ time_ns, left_ns, known };
}

static void history_replenished(struct history *h, nsec_t time_ns)
{
	if (!array_grow(&h->replenished_ns, h->n_replenished, sizeof(*h->replenished_ns))) {
		h->failed = true;
		return;
	}
	h->replenished_ns[h->n_replenished++] = time_ns;
}

/* The budget line from the state @before to the state @after an event: straight, with a jump where it was replenished. */
static void history_budget(struct history *h, const struct meter *before, const struct meter *after)
{
	nsec_t now_ns = after->last_ns, jump_ns = now_ns;
	int64_t slope = before->at == METER_AT_CPU ? -1 : 0;
	int64_t expected_ns;

	if (!after->in_step) {
		history_point(h, now_ns, 0, false);
		return;
	}
	if (!before->in_step) {
		history_point(h, now_ns, after->server.q_ns, true);
		return;
	}
	if (before->at == METER_AT_QUEUE && h->throttled_until_ns > before->last_ns)
		jump_ns = h->throttled_until_ns;
	else if (before->at == METER_AT_CPU)
		jump_ns = before->server.d_ns - before->params.deadline_ns + before->params.period_ns;
	if (jump_ns < before->last_ns || jump_ns > now_ns)
		jump_ns = now_ns;
	expected_ns = before->server.q_ns + slope * (int64_t)(now_ns - before->last_ns);
	if (after->server.d_ns != before->server.d_ns) {
		history_point(h, jump_ns, before->server.q_ns + slope * (int64_t)(jump_ns - before->last_ns), true);
		history_point(h, jump_ns, after->server.q_ns - slope * (int64_t)(now_ns - jump_ns), true);
		history_replenished(h, jump_ns);
	} else if (after->server.q_ns != expected_ns) {
		history_point(h, now_ns, expected_ns, true);	/* the revised wakeup rule, or put right */
	}
	history_point(h, now_ns, after->server.q_ns, true);
}

/* Without a reservation no successor means a throttling. */
static enum meter_leave leave_of(const struct trace_event *event)
{
	if (!event->runnable)
		return METER_BLOCKED;
	return event->lower && arg_params.budget_ns > 0 ? METER_READY_LOWER : METER_READY;
}

static void replay_event(struct meter *meter, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_IN:
		meter_in(meter, event->time_ns);
		break;
	case TRACE_OUT:
		meter_out(meter, event->time_ns, leave_of(event));
		break;
	case TRACE_WAKE:
		meter_wake(meter, event->time_ns);
		break;
	case TRACE_LOST:	/* without a time: right after the event before */
		meter_lost(meter, meter->last_ns, event->lost);
		break;
	case TRACE_NONE:
		break;
	}
}

static int replay(const struct events *e, const struct cbs_params *params, struct history *ret, struct meter_totals *totals)
{
	/* Without a reservation: one that has all of a CPU for longer than any trace. */
	static const struct cbs_params none = { CBS_PERIOD_MAX_NS, CBS_PERIOD_MAX_NS, CBS_PERIOD_MAX_NS, 0 };
	struct meter meter, before;
	size_t i;

	meter_init(&meter, params->budget_ns > 0 ? params : &none, e->first_ns);
	meter_wake_bound(&meter, 0);
	meter_listen(&meter, history_interval, ret);
	for (i = 0; i < e->n && !ret->failed; i++) {
		before = meter;
		if (e->events[i].kind == TRACE_OUT)
			ret->cpu = e->events[i].cpu;
		replay_event(&meter, &e->events[i]);
		history_budget(ret, &before, &meter);
	}
	before = meter;
	meter_finish(&meter, e->last_ns);
	history_budget(ret, &before, &meter);
	*totals = meter.totals;
	return ret->failed ? -ENOMEM : 0;
}

/* What is printed. */

static int write_json(FILE *f, const struct history *h, const struct events *e, nsec_t from_ns, nsec_t to_ns)
{
	size_t i;

	for (i = 0; i < h->n_intervals; i++) {
		const struct interval *p = &h->intervals[i];
		nsec_t start_ns = p->start_ns > from_ns ? p->start_ns : from_ns;
		nsec_t end_ns = p->end_ns < to_ns ? p->end_ns : to_ns;

		if (start_ns >= end_ns)
			continue;
		fprintf(f, "{\"state\": \"%s\", \"start_ns\": %" PRIu64 ", \"end_ns\": %" PRIu64, meter_state_name(p->state),
			start_ns - e->first_ns, end_ns - e->first_ns);
		if (p->state == METER_RUNNING)
			fprintf(f, ", \"cpu\": %u", p->cpu);
		fprintf(f, "}\n");
	}
	return ferror(f) ? -EIO : 0;
}

static size_t count_state(const struct history *h, enum meter_state state, nsec_t from_ns, nsec_t to_ns)
{
	size_t i, n = 0;

	for (i = 0; i < h->n_intervals; i++)
		n += h->intervals[i].state == state && h->intervals[i].end_ns > from_ns && h->intervals[i].start_ns < to_ns;
	return n;
}

/* As vrk_nsec_format(), with the space that belongs before a unit. */
static const char *time_words(char words[VRK_NSEC_STRLEN + 1], nsec_t ns)
{
	char text[VRK_NSEC_STRLEN];
	size_t digits;

	vrk_nsec_format(text, ns);
	digits = strspn(text, "0123456789.");
	snprintf(words, VRK_NSEC_STRLEN + 1, "%.*s %s", (int)digits, text, text + digits);
	return words;
}

static nsec_t longest_wait(const struct history *h, nsec_t from_ns, nsec_t to_ns)
{
	nsec_t longest_ns = 0;
	size_t i;

	for (i = 0; i < h->n_intervals; i++) {
		const struct interval *p = &h->intervals[i];

		if (p->state == METER_WAITING && p->end_ns > from_ns && p->start_ns < to_ns && p->end_ns - p->start_ns > longest_ns)
			longest_ns = p->end_ns - p->start_ns;
	}
	return longest_ns;
}

static void describe(const struct history *h, const struct events *e, nsec_t from_ns, nsec_t to_ns, char title[128],
		     char subtitle[256])
{
	char budget[VRK_NSEC_STRLEN + 1], period[VRK_NSEC_STRLEN + 1], deadline[VRK_NSEC_STRLEN + 1];
	const struct cbs_params *p = &arg_params;
	int n;

	if (p->budget_ns == 0)
		n = snprintf(title, 128, "Thread %d, no reservation", arg_tid);
	else
		n = snprintf(title, 128, "Thread %d, reserved: %s in every %s", arg_tid, time_words(budget, p->budget_ns),
			     time_words(period, p->period_ns));
	if (p->deadline_ns < p->period_ns && n > 0 && n < 128)
		snprintf(title + n, 128 - (size_t)n, ", within %s", time_words(deadline, p->deadline_ns));
	n = snprintf(subtitle, 256, "%.0f ms out of %.1f s that were traced; longest wait %.2f ms", (double)(to_ns - from_ns) / 1e6,
		     (double)(e->last_ns - e->first_ns) / 1e9, (double)longest_wait(h, from_ns, to_ns) / 1e6);
	if (p->budget_ns > 0 && n > 0 && n < 256)
		snprintf(subtitle + n, 256 - (size_t)n, ", throttled %zu times; dashed lines: budget replenished",
			 count_state(h, METER_THROTTLED, from_ns, to_ns));
}

static int write_svg(FILE *f, const struct history *h, const struct events *e, nsec_t from_ns, nsec_t to_ns)
{
	char title[128], subtitle[256];
	struct picture picture = {
		.title = title,
		.subtitle = subtitle,
		.origin_ns = e->first_ns,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.intervals = h->intervals,
		.n_intervals = h->n_intervals,
		.budget_ns = arg_params.budget_ns,
		.points = h->points,
		.n_points = h->n_points,
		.replenished_ns = h->replenished_ns,
		.n_replenished = h->n_replenished,
	};

	describe(h, e, from_ns, to_ns, title, subtitle);
	return picture_write(f, &picture);
}

typedef int (*writer)(FILE *f, const struct history *h, const struct events *e, nsec_t from_ns, nsec_t to_ns);

static int write_file(const char *path, writer write, const struct history *h, const struct events *e)
{
	nsec_t from_ns = e->first_ns + arg_from_ns;
	nsec_t to_ns = arg_to_ns < e->last_ns - e->first_ns ? e->first_ns + arg_to_ns : e->last_ns;
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int r;

	if (!f)
		return -errno;
	r = write(f, h, e, from_ns, to_ns);
	if (fflush(f) != 0)
		r = r < 0 ? r : -errno;
	if (f != stdout && fclose(f) != 0)
		r = r < 0 ? r : -errno;
	return r;
}

static int run(FILE *f)
{
	_cleanup_(events_done) struct events e = { .n = 0 };
	_cleanup_(history_done) struct history h = { .n_intervals = 0 };
	struct meter_totals totals;
	char text[64];
	size_t line;
	int r;

	r = read_events(f, arg_tid, &e, &line);
	if (r < 0) {
		fprintf(stderr, "virtrk-timeline: %s, line %zu: %s\n", arg_trace, line,
			r == -EBADMSG ? "not what the kernel writes" : strerror(-r));
		return EXIT_FAILURE;
	}
	snprintf(text, sizeof(text), "no event of thread %d", arg_tid);
	if (e.n_own == 0)
		return fail(arg_trace, text);
	snprintf(text, sizeof(text), "it ends at %.3f ms", (double)(e.last_ns - e.first_ns) / 1e6);
	if (arg_from_ns >= e.last_ns - e.first_ns)
		return fail(arg_trace, text);
	r = replay(&e, &arg_params, &h, &totals);
	if (r < 0)
		return fail(arg_trace, strerror(-r));
	if (totals.lost > 0)
		fprintf(stderr, "virtrk-timeline: %s: %" PRIu64 " events are missing\n", arg_trace, totals.lost);
	r = arg_json ? write_file(arg_json, write_json, &h, &e) : 0;
	if (r < 0)
		return fail(arg_json, strerror(-r));
	r = arg_svg ? write_file(arg_svg, write_svg, &h, &e) : 0;
	return r < 0 ? fail(arg_svg, strerror(-r)) : EXIT_SUCCESS;
}

/* The arguments. */

static int parse_time(const char *option, const char *text, nsec_t *ret)
{
	if (vrk_nsec_parse(text, ret) == 0)
		return 0;
	fprintf(stderr, "virtrk-timeline: --%s %s: a time with its unit is needed, as in 4ms\n", option, text);
	return -EINVAL;
}

/* Where on the axis, which is in ms. */
static int parse_place(const char *option, const char *text, nsec_t *ret)
{
	char ms[64];

	if (*text != '\0' && text[strspn(text, "0123456789.")] == '\0' && (size_t)snprintf(ms, sizeof(ms), "%sms", text) < sizeof(ms))
		return parse_time(option, ms, ret);
	return parse_time(option, text, ret);
}

static int parse_tid(const char *text, pid_t *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value <= 0 || value > INT32_MAX) {
		fprintf(stderr, "virtrk-timeline: --tid %s: a thread's number is needed\n", text);
		return -EINVAL;
	}
	*ret = (pid_t)value;
	return 0;
}

static int parse_option(int option)
{
	switch (option) {
	case 't':
		return parse_tid(optarg, &arg_tid);
	case 'b':
		return parse_time("budget", optarg, &arg_params.budget_ns);
	case 'p':
		return parse_time("period", optarg, &arg_params.period_ns);
	case 'd':
		return parse_time("deadline", optarg, &arg_params.deadline_ns);
	case 'g':
		return parse_time("tick", optarg, &arg_params.grain_ns);
	case 'f':
		return parse_place("from", optarg, &arg_from_ns);
	case 'e':
		return parse_place("to", optarg, &arg_to_ns);
	case 's':
		arg_svg = optarg;
		return 0;
	case 'j':
		arg_json = optarg;
		return 0;
	default:
		return -EINVAL;		/* getopt has said why */
	}
}

static const char *broken_rule(void)
{
	const struct cbs_params *p = &arg_params;

	if (arg_tid == 0)
		return "--tid is needed";
	if (arg_from_ns >= arg_to_ns)
		return "--from is not before --to";
	if ((p->budget_ns == 0) != (p->period_ns == 0))
		return "--budget and --period go together";
	if (p->deadline_ns > p->period_ns)
		return "the deadline is longer than the period";
	if (p->budget_ns > p->deadline_ns)
		return "the budget is longer than the deadline";
	if (p->period_ns > CBS_PERIOD_MAX_NS)
		return "the period is longer than the kernel allows";
	if (p->grain_ns > NSEC_PER_SEC)
		return "the tick is longer than a second";
	return NULL;
}

/* 0, or -EINVAL with the reason printed. */
static int parse_args(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tid", required_argument, NULL, 't' },	 { "budget", required_argument, NULL, 'b' },
		{ "period", required_argument, NULL, 'p' },	 { "deadline", required_argument, NULL, 'd' },
		{ "tick", required_argument, NULL, 'g' },	 { "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 'e' },		 { "svg", required_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'j' },	 { NULL, 0, NULL, 0 },
	};
	struct timespec jiffy = { .tv_nsec = 0 };
	const char *rule;
	int option, r;

	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	arg_params.grain_ns = (nsec_t)jiffy.tv_nsec;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		r = parse_option(option);
		if (r < 0)
			return r;
	}
	if (arg_params.deadline_ns == 0)
		arg_params.deadline_ns = arg_params.period_ns;
	if (!arg_svg && !arg_json)
		arg_json = "-";
	rule = argc - optind == 1 ? broken_rule() : "one trace is needed";
	if (!rule) {
		arg_trace = argv[optind];
		return 0;
	}
	fprintf(stderr, "virtrk-timeline: %s\n", rule);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	_cleanup_(fclosep) FILE *f = NULL;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	if (parse_args(argc, argv) < 0) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	f = strcmp(arg_trace, "-") == 0 ? fdopen(dup(STDIN_FILENO), "r") : fopen(arg_trace, "re");
	if (!f)
		return fail(arg_trace, strerror(errno));
	return run(f);
}
