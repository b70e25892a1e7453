/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread per periodic task, and the log of what each did.
 *
 * All tasks are released together first (the critical instant), then each at start + k * period, by
 * absolute sleeps, so that lateness never adds up. A response time is completion minus *release*, not
 * minus wake-up: what the machine does to the timer and to the wake-up counts. A release that passes
 * while the job before is still running is skipped and counts as missed, as a sample that nobody took.
 * The log is allocated and touched before the first release; the threads then write nothing else.
 * Called by main.c. Never prints, never decides what is good.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"
#include "work.h"

#define STACK_SIZE	(64UL * 1024)
#define FIRST_RELEASE	50000000ULL	/* after the last thread was made: all are asleep by then */

struct worker {
	const struct task_spec *task;
	struct job_log *log;
	uint64_t start_ns;
	pthread_t thread;
	pthread_mutex_t *gate;	/* held by runner_run() until all threads exist and start_ns is written */
};

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000ULL), .tv_nsec = (long)(ns % 1000000000ULL) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static void *worker_main(void *userdata)
{
	struct worker *w = userdata;
	struct job_log *log = w->log;
	size_t k = 0;

	(void)pthread_mutex_lock(w->gate);
	(void)pthread_mutex_unlock(w->gate);
	while (k < log->jobs) {
		uint64_t release = w->start_ns + k * w->task->period_ns, now;

		sleep_until(release);
		work_do(log->iterations);
		now = clock_now();
		log->response_ns[log->n++] = now - release;
		if (now - release > w->task->deadline_ns)
			log->missed++;
		for (k++; k < log->jobs && w->start_ns + k * w->task->period_ns < now; k++) {
			log->skipped++;
			log->missed++;
		}
	}
	return NULL;
}

void runner_free(struct job_log *logs, size_t n)
{
	if (!logs)
		return;
	for (size_t i = 0; i < n; i++)
		free(logs[i].response_ns);
	free(logs);
}

static int logs_new(const struct taskset *set, const struct run_options *opts, struct job_log **ret)
{
	struct job_log *logs = calloc(set->n, sizeof(*logs));

	if (!logs)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		const struct task_spec *t = &set->task[i];
		uint64_t duration = t->duration_ns ? t->duration_ns : opts->duration_ns;
		uint64_t jobs = duration / t->period_ns;

		logs[i].jobs = jobs ? (size_t)jobs : 1;
		logs[i].iterations = (uint64_t)((unsigned __int128)t->work_ns * opts->iterations_per_ms / 1000000);
		logs[i].response_ns = malloc(logs[i].jobs * sizeof(uint64_t));
		if (!logs[i].response_ns) {
			runner_free(logs, set->n);
			return -ENOMEM;
		}
		/* The pages must be there before the run: a page fault is not part of a response. */
		memset(logs[i].response_ns, 0xff, logs[i].jobs * sizeof(uint64_t));
	}
	*ret = logs;
	return 0;
}

static int attributes_init(pthread_attr_t *attr, const struct task_spec *task, bool realtime)
{
	struct sched_param param = { 0 };
	int r;

	r = pthread_attr_init(attr);
	if (r)
		return -r;
	r = pthread_attr_setstacksize(attr, STACK_SIZE);
	if (!r && realtime) {
		param.sched_priority = task->priority;
		r = pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
		if (!r)
			r = pthread_attr_setschedpolicy(attr, SCHED_FIFO);
		if (!r)
			r = pthread_attr_setschedparam(attr, &param);
	}
	if (r)
		(void)pthread_attr_destroy(attr);
	return -r;
}

static int worker_start(struct worker *w, bool realtime)
{
	pthread_attr_t attr;
	int r;

	r = attributes_init(&attr, w->task, realtime);
	if (r < 0)
		return r;
	r = pthread_create(&w->thread, &attr, worker_main, w);
	(void)pthread_attr_destroy(&attr);
	if (!r)
		(void)pthread_setname_np(w->thread, w->task->name);
	return -r;
}

int runner_run(const struct taskset *set, const struct run_options *opts, struct job_log **ret)
{
	struct worker workers[TASKSET_MAX] = { 0 };
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job_log *logs;
	size_t started = 0;
	uint64_t start;
	int r;

	r = logs_new(set, opts, &logs);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&gate);
	for (; r == 0 && started < set->n; started += r == 0) {
		workers[started] = (struct worker){ .task = &set->task[started], .log = &logs[started], .gate = &gate };
		r = worker_start(&workers[started], opts->realtime);
	}
	start = clock_now() + FIRST_RELEASE;
	for (size_t i = 0; i < started; i++) {
		workers[i].start_ns = start;
		if (r < 0)
			logs[i].jobs = 0;	/* the set is not complete: nobody runs */
	}
	(void)pthread_mutex_unlock(&gate);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(workers[i].thread, NULL);
	if (r < 0) {
		runner_free(logs, set->n);
		return r;
	}
	*ret = logs;
	return 0;
}

static void *burner_main(void *userdata)
{
	const uint64_t *end = userdata;

	while (clock_now() < *end)
		work_do(100000);
	return NULL;
}

int runner_burn(uint64_t duration_ns, unsigned int threads)
{
	uint64_t end = clock_now() + duration_ns;
	pthread_t *thread = calloc(threads, sizeof(*thread));
	unsigned int started = 0;
	int r = 0;

	if (!thread)
		return -ENOMEM;
	for (; r == 0 && started < threads; started += r == 0)
		r = pthread_create(&thread[started], NULL, burner_main, &end);
	for (unsigned int i = 0; i < started; i++)
		(void)pthread_join(thread[i], NULL);
	free(thread);
	return -r;
}
