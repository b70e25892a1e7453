/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel mirror against the kernel: thousands of random requests, each asked of vrk_reservation_check() and vrk_kernel_check()
 * and of sched_setattr(), which must agree each time: EINVAL where a rule is broken, EBUSY where the sum is one unit too
 * large, done otherwise. The requests are for sleeping processes of our own, which never use any of it; they aim at the
 * edge, since everything else is easily right.
 *
 * How much the root domain has left is not to be read anywhere, so it is measured first, to the unit, by trying. It is measured
 * again at the end: where others have taken or given back some meanwhile, nothing was learnt. 77: not possible here.
 *
 *   VIRTRK_ORACLE_N=100000	how many requests
 *   VIRTRK_SEED=0x1234		which ones
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <virtrk/analysis.h>

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

#define SLEEPERS 6
#define BALLAST  64		/* more of them, that only hold what is more than one of the six can ask for */
#define REQUESTS 20000
/* With the longest period one unit of 2^-20 is exactly 4000 ns of budget. */
#define UNIT_NS (VRK_PERIOD_MAX_NS / BW_UNIT)

struct attr {		/* the kernel's struct sched_attr, version 0 */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static pid_t sleepers[SLEEPERS + BALLAST];
static uint64_t draw_state;

static uint64_t draw(uint64_t lo, uint64_t hi)
{
	uint64_t z = draw_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return lo + z % (hi - lo + 1);
}

/* 0 or a negative errno. */
static int reserve(size_t i, const struct vrk_reservation *r)
{
	struct attr attr = { .size = sizeof(attr), .policy = SCHED_DEADLINE, .runtime = r->budget_ns, .deadline = r->deadline_ns,
			     .period = r->period_ns };

	return syscall(SYS_sched_setattr, sleepers[i], &attr, 0) < 0 ? -errno : 0;
}

static void sleepers_end(void)
{
	for (size_t i = 0; i < SLEEPERS + BALLAST; i++)
		if (sleepers[i] > 0) {
			(void)kill(sleepers[i], SIGKILL);
			(void)waitpid(sleepers[i], NULL, 0);
		}
}

static int sleepers_start(void)
{
	pid_t parent = getpid();

	for (size_t i = 0; i < SLEEPERS + BALLAST; i++) {
		sleepers[i] = fork();
		if (sleepers[i] < 0)
			return -errno;
		if (sleepers[i] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (getppid() == parent)
				pause();
			_exit(0);
		}
	}
	return 0;
}

static struct vrk_reservation units(bw_t bw)
{
	return (struct vrk_reservation){ bw * UNIT_NS, VRK_PERIOD_MAX_NS, VRK_PERIOD_MAX_NS, false };
}

/* What one sleeper can have at most, when the others have @others: all that is left, in units; at most one CPU. */
static bw_t room_measure(size_t sleeper)
{
	bw_t lo = 1, hi = BW_UNIT + 1;

	while (hi - lo > 1) {
		bw_t mid = lo + (hi - lo) / 2;
		struct vrk_reservation r = units(mid);

		if (reserve(sleeper, &r) == 0)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Any request: right and wrong, small and large, and often within a few units of @left. */
static struct vrk_reservation request_draw(bw_t left)
{
	static const nsec_t edges[] = { 0, 1, 1023, 1024, 1025, 99999, 100000, 100001, VRK_PERIOD_MAX_NS, VRK_PERIOD_MAX_NS + 1,
					(nsec_t)1 << 62, (nsec_t)1 << 63, UINT64_MAX };
	struct vrk_reservation r = { .period_ns = draw(0, 3) ? draw(100000, 4000000000) : draw(100000, 2000000) };
	bw_t want = draw(0, 1) ? left + draw(0, 6) - 3 : draw(0, left + left / 4);

	r.deadline_ns = draw(0, 2) ? r.period_ns : draw(r.period_ns / 2, r.period_ns);
	r.budget_ns = (nsec_t)((unsigned __int128)want * r.period_ns >> BW_SHIFT) + draw(0, 2);
	if (draw(0, 9) == 0)
		r = units(left + draw(0, 2) - 1);
	switch (draw(0, 39)) {
	case 0:
		r.budget_ns = edges[draw(0, sizeof(edges) / sizeof(edges[0]) - 1)];
		break;
	case 1:
		r.deadline_ns = edges[draw(1, sizeof(edges) / sizeof(edges[0]) - 1)];
		break;
	case 2:
		r.period_ns = edges[draw(1, sizeof(edges) / sizeof(edges[0]) - 1)];
		break;
	}
	return r;
}

/* What the library says the kernel will answer, for @r in place of what @i has. */
static int foretell(const struct vrk_reservation *have, size_t i, const struct vrk_reservation *r, bw_t room)
{
	const struct vrk_host host = { .cpus = 1, .kernel_limit_bw = room };
	struct vrk_reservation all[SLEEPERS];
	struct vrk_verdict v;

	if (vrk_reservation_check(NULL, r, &v) < 0 || !v.ok)
		return -EINVAL;
	memcpy(all, have, sizeof(all));
	all[i] = *r;
	if (vrk_kernel_check(&host, all, SLEEPERS, &v) < 0)
		return -EINVAL;
	/* the kernel asks nothing where the share stays the same */
	return v.ok || vrk_bw(r->budget_ns, r->period_ns) == vrk_bw(have[i].budget_ns, have[i].period_ns) ? 0 : -EBUSY;
}

static bw_t sum_without(const struct vrk_reservation *have, size_t i)
{
	bw_t sum = 0;

	for (size_t k = 0; k < SLEEPERS; k++)
		sum += k == i ? 0 : vrk_bw(have[k].budget_ns, have[k].period_ns);
	return sum;
}

static int requests_run(uint64_t n, bw_t room)
{
	struct vrk_reservation have[SLEEPERS];
	uint64_t taken = 0, busy = 0, invalid = 0;
	int failed = 0;

	for (size_t i = 0; i < SLEEPERS; i++) {
		have[i] = units(1);
		if (reserve(i, &have[i]) < 0)
			return -errno;
	}
	for (uint64_t k = 0; k < n && failed < 5; k++) {
		size_t i = draw(0, SLEEPERS - 1);
		struct vrk_reservation r = request_draw(room - sum_without(have, i));
		int want = foretell(have, i, &r, room), got = reserve(i, &r);

		taken += got == 0;
		busy += got == -EBUSY;
		invalid += got == -EINVAL;
		if (got == 0)
			have[i] = r;
		if (got == want)
			continue;
		failed++;
		fprintf(stderr, "request %" PRIu64 ": budget %" PRIu64 " deadline %" PRIu64 " period %" PRIu64 ", %" PRIu64 " units of %" PRIu64
			" are taken: the kernel says %d, the mirror %d\n", k, r.budget_ns, r.deadline_ns, r.period_ns,
			sum_without(have, i), room, got, want);
	}
	printf("kernel-mirror: %" PRIu64 " requests, %" PRIu64 " done, %" PRIu64 " too large, %" PRIu64 " invalid, %d failed; %" PRIu64
	       " units were free\n", n, taken, busy, invalid, failed, room);
	for (size_t i = 0; i < SLEEPERS; i++) {
		have[i] = units(1);
		(void)reserve(i, &have[i]);
	}
	return failed;
}

static int skip(const char *why)
{
	sleepers_end();
	printf("%s\n", why);
	return 77;
}

static bool number_is(const char *path, long long want)
{
	FILE *f = fopen(path, "re");
	long long value = want - 1;
	bool same = f && fscanf(f, "%lld", &value) == 1 && value == want;

	if (f)
		(void)fclose(f);
	return same;
}

int main(void)
{
	const char *n = getenv("VIRTRK_ORACLE_N"), *seed = getenv("VIRTRK_SEED");
	const struct vrk_reservation one = units(1);
	bw_t room, again;
	int r;

	draw_state = seed ? strtoull(seed, NULL, 0) : 1;
	if (number_is("/proc/sys/kernel/sched_rt_runtime_us", -1))
		return skip("the kernel admits everything here (sched_rt_runtime_us = -1)");
	if (!number_is("/proc/sys/kernel/sched_deadline_period_min_us", 100) ||
	    !number_is("/proc/sys/kernel/sched_deadline_period_max_us", 1 << 22))
		return skip("the limits of periods are not the kernel's defaults");
	if (sleepers_start() < 0)
		return skip("cannot start processes");
	r = reserve(0, &one);
	if (r < 0)
		return skip(r == -EPERM ? "SCHED_DEADLINE cannot be set here: not permitted" : "SCHED_DEADLINE cannot be set here");
	for (size_t i = 0; (room = room_measure(0)) > BW_UNIT * 3 / 4; i++) {
		const struct vrk_reservation ballast = units(BW_UNIT / 2);

		r = reserve(0, &one);
		if (r < 0 || i == BALLAST || reserve(SLEEPERS + i, &ballast) < 0)
			return skip("the root domain is too large to be filled");
	}
	if (room < 1000)
		return skip("the root domain is full");
	r = requests_run(n ? strtoull(n, NULL, 0) : REQUESTS, room);
	for (size_t i = 1; i < SLEEPERS; i++)
		(void)reserve(i, &one);
	again = room_measure(0) + (SLEEPERS - 1);
	if (again != room)
		return skip("somebody else took or gave back bandwidth meanwhile");
	sleepers_end();
	if (r != 0)
		fprintf(stderr, "again with VIRTRK_SEED=%s\n", seed ? seed : "1");
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
