/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtrk-tasks: runs a periodic task set and says how late its jobs were.
 *
 * It is the real-time application of demonstrations and tests: static, so that it runs in a guest whose
 * whole file system is one initramfs, and dependent on nothing of ours. It knows nothing about
 * reservations, hosts or virtual machines. Answers are JSON, one object a line: a line per task and one
 * named "all" over all jobs. Exit codes: 0 done (missed deadlines are an answer, not a failure), 1 failed,
 * 2 usage or a task set against the rules.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner.h"
#include "statistics.h"
#include "taskset.h"
#include "work.h"

#define TEXT_MAX (64UL * 1024)

enum { EXIT_USAGE = 2 };

static int usage(FILE *to, int code)
{
	(void)fputs("virtrk-tasks calibrate\n"
		    "virtrk-tasks run [--iterations-per-ms=N] [--duration=10s] [--responses] [--other] TASKSET|FILE|-\n"
		    "virtrk-tasks burn TIME [--threads=N]\n"
		    "\n"
		    "TASKSET: \"NAME PERIOD WORK DEADLINE PRIORITY [DURATION]; ...\", as lines in a FILE\n"
		    "  --iterations-per-ms=N  what 1ms of work is; without it a calibration runs first\n"
		    "  --responses            also print all response times (us), one line per task\n"
		    "  --other                keep the caller's policy instead of SCHED_FIFO\n",
		    to);
	return code;
}

static int failed(const char *what, int r)
{
	(void)fprintf(stderr, "virtrk-tasks: %s: %s\n", what, strerror(-r));
	return EXIT_FAILURE;
}

static void print_ms(const char *key, uint64_t ns)
{
	(void)printf(",\"%s\":%" PRIu64 ".%06" PRIu64, key, ns / 1000000, ns % 1000000);
}

static void print_statistics(const char *name, const struct job_log *log, const struct statistics *s)
{
	(void)printf("{\"name\":\"%s\",\"jobs\":%zu,\"missed\":%zu,\"skipped\":%zu", name, log->jobs, log->missed,
		     log->skipped);
	print_ms("mean_ms", s->mean_ns);
	print_ms("p50_ms", s->p50_ns);
	print_ms("p99_ms", s->p99_ns);
	print_ms("worst_ms", s->worst_ns);
}

static void print_responses(const char *name, const struct job_log *log)
{
	(void)printf("{\"name\":\"%s\",\"response_us\":[", name);
	for (size_t i = 0; i < log->n; i++)
		(void)printf("%s%" PRIu64, i ? "," : "", log->response_ns[i] / 1000);
	(void)printf("]}\n");
}

/* The line over all tasks: its times are all times together, so its percentiles are not means of percentiles. */
static int print_all(const struct job_log *logs, size_t n, uint64_t iterations_per_ms)
{
	struct job_log all = { 0 };
	struct statistics s;

	for (size_t i = 0; i < n; i++)
		all.n += logs[i].n;
	all.response_ns = calloc(all.n, sizeof(uint64_t));
	if (!all.response_ns)
		return -ENOMEM;
	all.n = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(all.response_ns + all.n, logs[i].response_ns, logs[i].n * sizeof(uint64_t));
		all.n += logs[i].n;
		all.jobs += logs[i].jobs;
		all.missed += logs[i].missed;
		all.skipped += logs[i].skipped;
	}
	s = statistics_of(all.response_ns, all.n);
	print_statistics("all", &all, &s);
	(void)printf(",\"tasks\":%zu,\"iterations_per_ms\":%" PRIu64 "}\n", n, iterations_per_ms);
	free(all.response_ns);
	return 0;
}

static void print_task(const struct task_spec *t, const struct job_log *log)
{
	struct statistics s = statistics_of(log->response_ns, log->n);

	print_statistics(t->name, log, &s);
	print_ms("period_ms", t->period_ns);
	print_ms("deadline_ms", t->deadline_ns);
	(void)printf(",\"iterations\":%" PRIu64 "}\n", log->iterations);
}

static int text_read(const char *arg, char *text, size_t *ret_len)
{
	FILE *f;
	int r;

	/* A blank cannot stand in the middle of our files' names, and must stand in a task. */
	if (strchr(arg, ' ')) {
		*ret_len = strlen(arg);
		if (*ret_len > TEXT_MAX)
			return -E2BIG;
		memcpy(text, arg, *ret_len);
		return 0;
	}
	f = strcmp(arg, "-") == 0 ? stdin : fopen(arg, "re");
	if (!f)
		return -errno;
	*ret_len = fread(text, 1, TEXT_MAX + 1, f);
	r = ferror(f) ? -EIO : *ret_len > TEXT_MAX ? -E2BIG : 0;
	if (f != stdin)
		(void)fclose(f);
	return r;
}

static int taskset_load(const char *arg, struct taskset *ret)
{
	char *text = malloc(TEXT_MAX + 1), error[TASKSET_ERROR_MAX];
	size_t len = 0;
	int r;

	if (!text)
		return failed("task set", -ENOMEM);
	r = text_read(arg, text, &len);
	if (r < 0) {
		free(text);
		return failed(arg, r);
	}
	r = taskset_parse(text, len, ret, error);
	free(text);
	if (r < 0) {
		(void)fprintf(stderr, "virtrk-tasks: %s\n", error);
		return EXIT_USAGE;
	}
	return EXIT_SUCCESS;
}

static int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || text[0] < '0' || text[0] > '9' || !*ret || *ret > max ? -EINVAL : 0;
}

struct arguments {
	struct run_options run;
	uint64_t threads;
	bool responses;
};

static int arguments_parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "iterations-per-ms", required_argument, NULL, 'i' },
		{ "duration", required_argument, NULL, 'd' },
		{ "responses", no_argument, NULL, 'r' },
		{ "other", no_argument, NULL, 'o' },
		{ "threads", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'i')
			r = number_parse(optarg, 1000000000, &a->run.iterations_per_ms);
		else if (c == 'd')
			r = time_parse(optarg, strlen(optarg), &a->run.duration_ns);
		else if (c == 't')
			r = number_parse(optarg, 4096, &a->threads);
		else if (c == 'r')
			a->responses = true;
		else if (c == 'o')
			a->run.realtime = false;
		else
			return c == 'h' ? 'h' : -EINVAL;
		if (r < 0)
			(void)fprintf(stderr, "virtrk-tasks: '%s' is not a value of that option\n", optarg);
	}
	return r;
}

static int verb_calibrate(const char *arg, struct arguments *a)
{
	if (arg)
		return usage(stderr, EXIT_USAGE);
	(void)printf("{\"iterations_per_ms\":%" PRIu64 "}\n", work_calibrate());
	return EXIT_SUCCESS;
}

static int verb_run(const char *arg, struct arguments *a)
{
	struct job_log *logs;
	struct taskset set;
	int r;

	if (!arg)
		return usage(stderr, EXIT_USAGE);
	r = taskset_load(arg, &set);
	if (r)
		return r;
	for (size_t i = 0; i < set.n; i++)
		if (a->run.duration_ns / set.task[i].period_ns > TASK_JOBS_MAX) {
			(void)fprintf(stderr, "virtrk-tasks: %s would have more than %llu jobs\n", set.task[i].name,
				      TASK_JOBS_MAX);
			return EXIT_USAGE;
		}
	if (!a->run.iterations_per_ms)
		a->run.iterations_per_ms = work_calibrate();
	/* Without the right to lock, pages may fault in during the run: worth knowing, not worth failing. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		(void)fprintf(stderr, "virtrk-tasks: mlockall: %s, ignoring\n", strerror(errno));
	r = runner_run(&set, &a->run, &logs);
	if (r == -EPERM)
		return failed("SCHED_FIFO needs root (or --other)", r);
	if (r < 0)
		return failed("the task set could not be started", r);
	/* In order of release, so before the statistics sort them. */
	for (size_t i = 0; a->responses && i < set.n; i++)
		print_responses(set.task[i].name, &logs[i]);
	for (size_t i = 0; i < set.n; i++)
		print_task(&set.task[i], &logs[i]);
	r = print_all(logs, set.n, a->run.iterations_per_ms);
	runner_free(logs, set.n);
	return r < 0 ? failed("summary", r) : EXIT_SUCCESS;
}

static int verb_burn(const char *arg, struct arguments *a)
{
	uint64_t duration;
	int r;

	if (!arg)
		return usage(stderr, EXIT_USAGE);
	r = time_parse(arg, strlen(arg), &duration);
	if (r < 0)
		return failed(arg, r);
	r = runner_burn(duration, (unsigned int)a->threads);
	if (r < 0)
		return failed("burn", r);
	(void)printf("{\"burned_ms\":%" PRIu64 ",\"threads\":%" PRIu64 "}\n", duration / 1000000, a->threads);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(const char *arg, struct arguments *a);
	} verbs[] = {
		{ "calibrate", verb_calibrate },
		{ "run", verb_run },
		{ "burn", verb_burn },
	};
	struct arguments a = { .run = { .duration_ns = 10000000000ULL, .realtime = true } };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	a.threads = cpus > 0 ? (uint64_t)cpus : 1;
	r = arguments_parse(argc, argv, &a);
	if (r == 'h')
		return usage(stdout, EXIT_SUCCESS);
	if (r < 0 || argc - optind < 1 || argc - optind > 2)
		return r < 0 ? EXIT_USAGE : usage(stderr, EXIT_USAGE);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[optind], verbs[i].name) == 0) {
			r = verbs[i].fn(argv[optind + 1], &a);
			if (fflush(stdout) != 0 && r == EXIT_SUCCESS)
				return failed("standard output", -errno);
			return r;
		}
	(void)fprintf(stderr, "virtrk-tasks: no command '%s'; there are calibrate, run and burn\n", argv[optind]);
	return EXIT_USAGE;
}
