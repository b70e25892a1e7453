/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The samples of an experiment, in several threads. Work is taken a sample at a time (a few at a time) from one counter; each thread
 * counts for itself, and the sums are added at the end, so that the result is the same whoever did what. Samples of all points are
 * mixed, so that the time left can be told from the part that is done although some points take longer than others.
 *
 * Called by the verb. The threads share only what is constant, the counters and the first error.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "experiment-run.h"
#include "experiment-sample.h"

#define BATCH 8
#define BAR_WIDTH 30
#define DRAW_EVERY_NS (200 * NSEC_PER_MSEC)

struct run {
	const struct experiment *e;
	struct experiment_draw *draws;		/* per point */
	uint32_t shard, shards;
	uint64_t per_point, work;		/* samples of this shard */
	atomic_uint_fast64_t next, done;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned int running;			/* with lock */
	int error;				/* the first, with lock */
	struct vr_error *why;
};

struct worker {
	struct run *run;
	pthread_t thread;
	struct experiment_result result;
	struct sum_tables tables;
};

static int sample_run(struct worker *worker, uint64_t item, struct vr_error **reterr)
{
	_cleanup_(experiment_sample_done) struct experiment_sample sample = { 0 };
	const struct run *run = worker->run;
	size_t point = (size_t)(item % run->e->n_points);
	uint64_t number = item / run->e->n_points * run->shards + run->shard - 1;
	struct experiment_result *result = &worker->result;
	int r;

	r = experiment_sample_draw(run->e, point, &run->draws[point], number, &worker->tables, &sample, reterr);
	if (r < 0)
		return r;
	result->samples[point]++;
	result->utilisation_bw[point] += sample.utilisation_bw;
	for (size_t i = 0; i < result->n_tests; i++) {
		struct experiment_tally *tally = &result->tallies[point * result->n_tests + i];
		uint64_t bandwidth;
		bool ok;

		r = experiment_sample_judge(run->e, &run->draws[point], &sample, run->e->tests[i], &ok, &bandwidth, reterr);
		if (r < 0)
			return r;
		if (!ok)
			continue;
		tally->accepted++;
		tally->utilisation_bw += sample.utilisation_bw;
		tally->bandwidth_bw += bandwidth;
	}
	return 0;
}

static int batch_run(struct worker *worker, uint64_t from, uint64_t to, struct vr_error **reterr)
{
	for (uint64_t i = from; i < to; i++) {
		int r = sample_run(worker, i, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static void *worker_run(void *userdata)
{
	struct worker *worker = userdata;
	struct run *run = worker->run;
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	int r = 0;

	while (r >= 0 && !atomic_load(&run->stop)) {
		uint64_t from = atomic_fetch_add(&run->next, BATCH), to = from + BATCH;

		if (from >= run->work)
			break;
		to = to < run->work ? to : run->work;
		r = batch_run(worker, from, to, &why);
		atomic_fetch_add(&run->done, to - from);
	}
	(void)pthread_mutex_lock(&run->lock);
	if (r < 0 && run->error == 0) {
		run->error = r;
		run->why = TAKE_PTR(why);
		atomic_store(&run->stop, true);
	}
	run->running--;
	(void)pthread_cond_signal(&run->ended);
	(void)pthread_mutex_unlock(&run->lock);
	return NULL;
}

/* ---- the bar ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void bar_draw(uint64_t done, uint64_t work, uint64_t elapsed_ns)
{
	unsigned int filled = (unsigned int)(done * BAR_WIDTH / work), permille = (unsigned int)(done * 1000 / work);
	char bar[BAR_WIDTH + 1], left[48] = "";

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	if (done > 0) {
		uint64_t s = (uint64_t)((unsigned __int128)elapsed_ns * (work - done) / done / NSEC_PER_SEC);

		if (s >= 3600)
			snprintf(left, sizeof(left), "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", s / 3600, s / 60 % 60, s % 60);
		else
			snprintf(left, sizeof(left), "%" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
	}
	fprintf(stderr, "\r[%s] %u.%u%%  %s\033[K", bar, permille / 10, permille % 10, left);
}

/* Until every thread has ended. */
static void run_wait(struct run *run, bool progress)
{
	uint64_t began = now_ns();

	(void)pthread_mutex_lock(&run->lock);
	while (run->running > 0) {
		uint64_t until = now_ns() + DRAW_EVERY_NS;
		const struct timespec at = { .tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC) };

		if (!progress) {
			(void)pthread_cond_wait(&run->ended, &run->lock);
			continue;
		}
		(void)pthread_cond_timedwait(&run->ended, &run->lock, &at);
		bar_draw(atomic_load(&run->done), run->work, now_ns() - began);
	}
	(void)pthread_mutex_unlock(&run->lock);
	if (progress)
		fputs("\r\033[K", stderr);
}

/* ---- threads ---- */

static int workers_start(struct run *run, struct worker *workers, unsigned int jobs, unsigned int *ret_started)
{
	*ret_started = 0;
	for (unsigned int i = 0; i < jobs; i++) {
		int r;

		workers[i].run = run;
		r = experiment_result_new(run->e, run->shard, run->shards, &workers[i].result);
		if (r < 0)
			return r;
		(void)pthread_mutex_lock(&run->lock);
		run->running++;
		(void)pthread_mutex_unlock(&run->lock);
		r = pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
		if (r == 0) {
			++*ret_started;
			continue;
		}
		(void)pthread_mutex_lock(&run->lock);
		run->running--;
		(void)pthread_mutex_unlock(&run->lock);
		if (i == 0)
			return -r;
		break;			/* fewer do as well, only slower */
	}
	return 0;
}

static int workers_join(struct run *run, struct worker *workers, unsigned int jobs, unsigned int started, struct experiment_result *sum)
{
	for (unsigned int i = 0; i < jobs; i++) {
		if (i < started) {
			(void)pthread_join(workers[i].thread, NULL);
			experiment_result_add(sum, &workers[i].result);
		}
		experiment_result_done(&workers[i].result);
		sum_tables_done(&workers[i].tables);
	}
	return run->error;
}

static int run_threads(struct run *run, unsigned int jobs, bool progress, struct experiment_result *sum)
{
	_cleanup_(freep) struct worker *workers = calloc(jobs, sizeof(*workers));
	unsigned int started;
	int r, ended;

	if (!workers)
		return -ENOMEM;
	r = workers_start(run, workers, jobs, &started);
	if (r < 0)
		atomic_store(&run->stop, true);
	run_wait(run, progress);
	ended = workers_join(run, workers, jobs, started, sum);
	return r < 0 ? r : ended;
}

/* The wait for the end of threads goes by the clock of the bar. */
static int run_init(struct run *run)
{
	pthread_condattr_t attributes;
	int r = pthread_condattr_init(&attributes);

	if (r == 0)
		r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(&run->ended, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (r == 0)
		r = pthread_mutex_init(&run->lock, NULL);
	return -r;
}

int experiment_run(const struct experiment *e, uint32_t shard, uint32_t shards, unsigned int jobs, bool progress,
		   struct experiment_result *ret, struct vr_error **reterr)
{
	_cleanup_(experiment_result_done) struct experiment_result sum = { 0 };
	_cleanup_(freep) struct experiment_draw *draws = calloc(e->n_points, sizeof(*draws));
	struct run run = { .e = e, .draws = draws, .shard = shard, .shards = shards };
	int r;

	if (!draws)
		return -ENOMEM;
	for (size_t i = 0; i < e->n_points; i++)
		experiment_point(e, i, &draws[i]);
	run.per_point = experiment_shard_samples(e->samples, shard, shards);
	run.work = run.per_point * e->n_points;
	r = experiment_result_new(e, shard, shards, &sum);
	if (r >= 0)
		r = run_init(&run);
	if (r < 0)
		return r;
	r = run_threads(&run, jobs, progress && run.work > 0, &sum);
	(void)pthread_cond_destroy(&run.ended);
	(void)pthread_mutex_destroy(&run.lock);
	if (r < 0) {
		if (run.why && reterr && !*reterr)
			*reterr = TAKE_PTR(run.why);
		vr_error_free(run.why);
		return r;
	}
	*ret = TAKE_GENERIC(sum, struct experiment_result, (struct experiment_result){ 0 });
	return 0;
}
