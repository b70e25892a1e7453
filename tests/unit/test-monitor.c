/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: what it reads of a thread in a fake root, where there are no switch records, and how it says no; then our own
 * thread on the real host, with records if we may have them. What the numbers are worth is for the end-to-end test.
 */
#include <sched.h>

#include "expect.h"
#include "monitor.h"
#include "perf.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)

static struct promise promise_of(pid_t pid, pid_t tid, uint64_t start)
{
	struct promise promise = {
		.domain = (char *)"rt",
		.thread = "vcpu0",
		.pid = pid,
		.tid = tid,
		.start_ticks = start,
		.reservation = { MS(4), MS(10), MS(10) },
	};

	return promise;
}

/* A thread of policy SCHED_DEADLINE, 4 ms in 10 ms, on CPUs 0 and 1. */
static void fake_thread(const char *tree, const char *schedstat)
{
	tree_file(tree, "proc/100/task/101/schedstat", schedstat);
	tree_file(tree, "proc/101/stat",
		  "101 (CPU 0/KVM) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 -101 0 1 0 98765 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 6 0\n");
	tree_file(tree, "proc/101/virtrk-sched", "1 4000000 10000000 10000000\n");
	tree_file(tree, "proc/101/status", "Name:\tCPU 0/KVM\nCpus_allowed_list:\t0-1\n");
}

static const struct {
	const char *name;
	const char *schedstat;	/* NULL = the thread is gone */
	int r;
	nsec_t used_ns;
	nsec_t ready_ns;	/* at most: there is no more time than has passed */
} reads[] = {
	{ "nothing used yet",		"1000 500 3\n",		0,		0,	0 },
	{ "used and waited",		"4000 501 4\n",		0,		3000,	1 },
	{ "no newline",			"5000 501 4",		0,		4000,	1 },
	{ "runs backwards",		"999 501 4\n",		-EBADMSG,	0,	0 },
	{ "waits backwards",		"5000 1 4\n",		-EBADMSG,	0,	0 },
	{ "one number",			"5000\n",		-EBADMSG,	0,	0 },
	{ "words",			"none at all\n",	-EBADMSG,	0,	0 },
	{ "empty",			"",			-EBADMSG,	0,	0 },
	{ "right again",		"6000 501 4\n",		0,		5000,	1 },
	{ "gone",			NULL,			-ESRCH,		0,	0 },
};

static void test_reads(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(monitor_freep) struct monitor *monitor = NULL;
	_cleanup_(freep) char *stat = tree_path(tree, "proc/101/stat");
	struct promise promise = promise_of(100, 101, 98765);
	struct monitor_sample sample;
	size_t i;

	CASE("a fake root");
	fake_thread(tree, "1000 500 3\n");
	EXPECT_INT(sysroot_new(&root, tree), 0);
	EXPECT_INT(monitor_new(&monitor, root), 0);
	EXPECT_INT(monitor_watch(monitor, &promise), 0);
	for (i = 0; i < ARRAY_SIZE(reads); i++) {
		CASE(reads[i].name);
		if (reads[i].schedstat)
			tree_file(tree, "proc/100/task/101/schedstat", reads[i].schedstat);
		else
			(void)unlink(stat);
		sample.used_ns = 12345;
		EXPECT_INT(monitor_sample(monitor, 101, &sample), reads[i].r);
		if (reads[i].r < 0) {
			EXPECT_INT(sample.used_ns, 12345);	/* set on success only */
			continue;
		}
		EXPECT_INT(sample.used_ns, reads[i].used_ns);
		EXPECT_INT(sample.ready_ns, reads[i].ready_ns);
		EXPECT(sample.time_ns >= sample.since_ns && sample.since_ns > 0);
		EXPECT(!sample.metered && sample.throttled == 0 && sample.missed == 0);
		EXPECT_INT(sample.now.policy, SCHED_DEADLINE);
		EXPECT_INT(sample.now.runtime_ns, MS(4));
		EXPECT_INT(CPU_COUNT(&sample.affinity), 2);
	}
}

static void test_watching(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(monitor_freep) struct monitor *monitor = NULL;
	struct promise promise = promise_of(100, 101, 98765);
	struct promise absent = promise_of(100, 102, 1);
	struct monitor_sample first, second;

	CASE("watching");
	fake_thread(tree, "1000 500 3\n");
	EXPECT_INT(sysroot_new(&root, tree), 0);
	EXPECT_INT(monitor_new(&monitor, root), 0);
	EXPECT_INT(monitor_sample(monitor, 101, &first), -ESRCH);
	EXPECT_INT(monitor_watch(monitor, &absent), -ESRCH);
	EXPECT_INT(monitor_count(monitor), 0);
	monitor_unwatch(monitor, 101);

	CASE("a reservation that cannot be");
	promise.reservation.budget_ns = 0;
	EXPECT_INT(monitor_watch(monitor, &promise), -EINVAL);
	promise.reservation = (struct vrk_reservation){ MS(11), MS(10), MS(10) };
	EXPECT_INT(monitor_watch(monitor, &promise), -EINVAL);
	promise.reservation = (struct vrk_reservation){ MS(4), MS(11), MS(10) };
	EXPECT_INT(monitor_watch(monitor, &promise), -EINVAL);
	EXPECT_INT(monitor_count(monitor), 0);

	CASE("again, with new parameters, is no new start");
	promise.reservation = (struct vrk_reservation){ MS(4), MS(10), MS(10) };
	EXPECT_INT(monitor_watch(monitor, &promise), 0);
	tree_file(tree, "proc/100/task/101/schedstat", "3000 500 3\n");
	EXPECT_INT(monitor_sample(monitor, 101, &first), 0);
	promise.reservation.budget_ns = MS(5);
	EXPECT_INT(monitor_watch(monitor, &promise), 0);
	EXPECT_INT(monitor_count(monitor), 1);
	EXPECT_INT(monitor_sample(monitor, 101, &second), 0);
	EXPECT_INT(second.since_ns, first.since_ns);
	EXPECT_INT(second.used_ns, 2000);

	CASE("another thread under the same number is one");
	promise.start_ticks++;
	EXPECT_INT(monitor_watch(monitor, &promise), 0);
	EXPECT_INT(monitor_count(monitor), 1);
	EXPECT_INT(monitor_sample(monitor, 101, &second), 0);
	EXPECT_INT(second.used_ns, 0);

	CASE("no longer watched");
	monitor_unwatch(monitor, 101);
	EXPECT_INT(monitor_count(monitor), 0);
	EXPECT_INT(monitor_sample(monitor, 101, &second), -ESRCH);
}

/* Ourselves, an ordinary thread: not the promised policy, so nothing may be judged. */
static void test_host(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(monitor_freep) struct monitor *monitor = NULL;
	struct promise promise = promise_of(getpid(), gettid(), 0);
	struct promise absent = promise_of(getpid(), INT32_MAX, 0);
	struct monitor_sample sample = { .used_ns = 0 };
	nsec_t until_ns = perf_monotonic_now() + NSEC_PER_SEC;

	CASE("our own thread");
	EXPECT_INT(sysroot_new(&root, NULL), 0);
	EXPECT_INT(monitor_new(&monitor, root), 0);
	EXPECT_INT(monitor_watch(monitor, &absent), -ESRCH);
	EXPECT_INT(monitor_watch(monitor, &promise), 0);
	while (sample.used_ns == 0 && perf_monotonic_now() < until_ns)	/* it is charged at the tick */
		if (!EXPECT_INT(monitor_sample(monitor, promise.tid, &sample), 0))
			return;
	EXPECT(sample.used_ns > 0);
	EXPECT(sample.used_ns + sample.ready_ns <= sample.time_ns - sample.since_ns + 100 * NSEC_PER_MSEC);
	EXPECT_INT(sample.throttled, 0);
	EXPECT_INT(sample.missed, 0);
	EXPECT(sample.now.policy != SCHED_DEADLINE);
	printf("switch records: %s\n", sample.metered ? "yes" : "no, not permitted or not there");
}

/* The records' clock is measured, not assumed: two readings a while apart agree. */
static void test_clock(void)
{
	struct perf_clock clock;
	nsec_t now_ns = perf_monotonic_now();
	int64_t apart_ns;

	CASE("the clock of the records");
	if (perf_clock_open(&clock) < 0)
		return;
	apart_ns = (int64_t)(perf_clock_convert(&clock, now_ns + NSEC_PER_SEC) - perf_clock_convert(&clock, now_ns));
	EXPECT(apart_ns > (int64_t)(NSEC_PER_SEC - NSEC_PER_MSEC) && apart_ns < (int64_t)(NSEC_PER_SEC + NSEC_PER_MSEC));
	perf_clock_close(&clock);
}

int main(void)
{
	test_reads();
	test_watching();
	test_host();
	test_clock();
	return expect_result();
}
