/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-monitor [ROUNDS]: what it costs to watch 64 reserved threads, sampled once a second as virtrkd does. Each has 0.1 ms
 * in every 100 ms and wakes 200 times a second for next to nothing, as the vCPU of an idle guest does. Prints CPU time of
 * our own per sample and as a part of a CPU; asserts nothing.
 *
 * Exit 77 where reservations cannot be made.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "ledger.h"
#include "monitor.h"

enum { SKIPPED = 77 };

#define THREADS 64
#define ROUNDS_MAX 600

static const struct vrk_reservation reservation = { NSEC_PER_MSEC / 10, 100 * NSEC_PER_MSEC, 100 * NSEC_PER_MSEC };
static _Atomic pid_t tids[THREADS];
static atomic_bool stop;

static nsec_t clock_now(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

static void *thread_run(void *arg)
{
	const struct timespec nap = { .tv_nsec = 5000000 };

	atomic_store((_Atomic pid_t *)arg, gettid());
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const nsec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const char *what, nsec_t *t, size_t n, double scale, const char *unit)
{
	qsort(t, n, sizeof(*t), compare);
	printf("%-44s median %8.3f %s   least %8.3f   most %8.3f   (%zu rounds)\n", what, (double)t[n / 2] / scale, unit,
	       (double)t[0] / scale, (double)t[n - 1] / scale, n);
}

static int watch(struct sysroot *root, struct monitor *monitor, pid_t tid)
{
	struct promise promise = { .domain = (char *)"bench", .pid = getpid(), .tid = tid, .reservation = reservation };
	struct sched_state state;
	int r;

	r = sysroot_start_ticks(root, tid, &promise.start_ticks);
	if (r < 0)
		return r;
	promise_sched_state(&promise, &state);
	r = root->ops->sched_set(root, tid, &state);
	return r < 0 ? r : monitor_watch(monitor, &promise);
}

/* One round: all threads once. CPU time of this thread, and what it learned. */
static int sample_all(struct monitor *monitor, nsec_t *ret_cpu_ns, uint64_t *ret_lost, bool *ret_metered)
{
	struct monitor_sample sample;
	nsec_t start_ns = clock_now(CLOCK_THREAD_CPUTIME_ID);
	uint64_t lost = 0;
	bool metered = true;
	size_t i;
	int r;

	for (i = 0; i < THREADS; i++) {
		r = monitor_sample(monitor, atomic_load(&tids[i]), &sample);
		if (r < 0)
			return r;
		lost += sample.lost;
		metered &= sample.metered;
	}
	*ret_cpu_ns = clock_now(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	*ret_lost = lost;
	*ret_metered = metered;
	return 0;
}

static int measure(struct monitor *monitor, size_t rounds)
{
	static nsec_t cpu_ns[ROUNDS_MAX];
	struct timespec second = { .tv_sec = 1 };
	uint64_t lost = 0;
	bool metered = false;
	size_t i;
	int r;

	for (i = 0; i < rounds; i++) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL);
		r = sample_all(monitor, &cpu_ns[i], &lost, &metered);
		if (r < 0)
			return r;
	}
	report("64 threads sampled once", cpu_ns, rounds, 1e3, "us");
	for (i = 0; i < rounds; i++)
		cpu_ns[i] /= THREADS;
	report("one thread sampled", cpu_ns, rounds, 1e3, "us");
	printf("once a second that is %.4f %% of a CPU (goal: 0.1 %%); %s, %" PRIu64 " records lost\n",
	       (double)cpu_ns[rounds / 2] * THREADS / 1e7, metered ? "with switch records" : "without switch records", lost);
	return 0;
}

static int run(struct sysroot *root, struct monitor *monitor, size_t rounds)
{
	pthread_t threads[THREADS];
	size_t i, n = 0;
	int r = 0;

	for (; n < THREADS && r == 0; n += r == 0)
		r = -pthread_create(&threads[n], NULL, thread_run, (void *)&tids[n]);
	for (i = 0; i < n && r == 0; i++) {
		while (atomic_load(&tids[i]) == 0)
			(void)sched_yield();
		r = watch(root, monitor, atomic_load(&tids[i]));
	}
	if (r == 0)
		r = measure(monitor, rounds);
	atomic_store(&stop, true);
	for (i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(monitor_freep) struct monitor *monitor = NULL;
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
	int r;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-monitor [ROUNDS, at most %d]\n", ROUNDS_MAX);
		return 2;
	}
	r = sysroot_new(&root, NULL);
	if (r == 0)
		r = monitor_new(&monitor, root);
	if (r == 0)
		r = run(root, monitor, (size_t)rounds);
	if (r == -EPERM || r == -EBUSY) {
		printf("no reservations here: %s\n", strerror(-r));
		return SKIPPED;
	}
	if (r < 0)
		fprintf(stderr, "bench-monitor: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
