/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a question costs as its size grows, from 10 to 10000: one row for each size, one column for each test, in microseconds of
 * CPU time. growth.sh makes a picture of it. A test that took longer than a second is not asked anything larger: "-" stands for
 * not asked. An answer that was cut off by a cap is a no, and its time shows where the cap is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <virtrk/system.h>

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define N_MAX 10000
#define LONG_US 1e6

static struct vrk_reservation r[N_MAX];
static struct vrk_task t[N_MAX];
static int32_t cpu[N_MAX];

static double now_us(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec * 1e-3;
}

/* @n reservations, all gapless, that together take @percent of @cpus CPUs. */
static struct vrk_host fill(size_t n, uint32_t cpus, uint64_t percent)
{
	static const uint64_t periods[] = { 50, 80, 100, 200, 250, 330, 400, 500, 750, 1000 };

	for (size_t i = 0; i < n; i++) {
		nsec_t p = MS(periods[i * 7 % 10]) + i * 1000;

		r[i] = (struct vrk_reservation){ p / n * cpus * percent / 100, p / 10 * 9, p, true };
	}
	return (struct vrk_host){ .cpus = cpus, .kernel_limit_bw = VRK_BW_UNLIMITED };
}

/* @n tasks that together take @percent of a CPU; equal periods occur, as they do. */
static struct vrk_guest fill_tasks(size_t n, uint64_t percent, enum vrk_guest_scheduler scheduler)
{
	for (size_t i = 0; i < n; i++) {
		nsec_t p = MS(20 + i % 100 * 10);

		t[i] = (struct vrk_task){ .wcet_ns = p / n * percent / 100 + 1, .period_ns = p, .deadline_ns = p, .priority = (uint32_t)(i % 100) };
	}
	return (struct vrk_guest){ scheduler, VRK_SUPPLY_SLEEPING, t, n };
}

static void ask_qpa(size_t n)
{
	const struct vrk_host h = fill(n, 1, 95);
	struct vrk_verdict v;

	(void)vrk_edf_qpa(&h, r, n, &v, NULL);
}

static void ask_gfb(size_t n)
{
	const struct vrk_host h = fill(n, 4, 60);
	struct vrk_verdict v;

	(void)vrk_gedf_gfb(&h, r, n, &v);
}

static void ask_bak(size_t n)
{
	const struct vrk_host h = fill(n, 4, 60);
	struct vrk_verdict v;

	(void)vrk_gedf_bak(&h, r, n, &v);
}

static void ask_bcl(size_t n)
{
	const struct vrk_host h = fill(n, 4, 60);
	struct vrk_verdict v;

	(void)vrk_gedf_bcl(&h, r, n, &v);
}

static void ask_bcl_iter(size_t n)
{
	const struct vrk_host h = fill(n, 4, 85);
	struct vrk_verdict v;

	(void)vrk_gedf_bcl_iter(&h, r, n, &v, NULL);
}

static void ask_guest(size_t n, enum vrk_guest_scheduler scheduler)
{
	const struct vrk_supply s = { MS(8), MS(10), MS(10) };
	const struct vrk_guest g = fill_tasks(n, 60, scheduler);
	struct vrk_verdict v;

	(void)vrk_guest_check(&s, &g, &v, NULL);
}

static void ask_fp(size_t n)
{
	ask_guest(n, VRK_GUEST_FP);
}

static void ask_edf(size_t n)
{
	ask_guest(n, VRK_GUEST_EDF);
}

static void ask_size(size_t n)
{
	const struct vrk_host h = { .cpus = 1 };
	const struct vrk_guest g = fill_tasks(n, 40, VRK_GUEST_FP);
	nsec_t q;

	(void)vrk_size_budget(&h, &g, MS(5), 0, 0, &q);
}

static void ask_place(size_t n)
{
	const struct vrk_host h = fill(n, n < 4 ? 1 : (uint32_t)(n / 4), 70);
	const struct vrk_place how = { .method = VRK_PLACE_WORST_FIT };
	struct vrk_verdict v;

	(void)vrk_place(&h, r, n, &how, cpu, &v);
}

static void ask_place_exact(size_t n)
{
	const struct vrk_host h = fill(n, n < 4 ? 1 : (uint32_t)(n / 4), 99);
	const struct vrk_place how = { .method = VRK_PLACE_EXACT, .steps_max = 20000 };
	struct vrk_verdict v;

	(void)vrk_place(&h, r, n, &how, cpu, &v);
}

static struct {
	const char *name;
	void (*ask)(size_t n);
	bool too_long;
} tests[] = {
	{ "QPA", ask_qpa, false },
	{ "GFB", ask_gfb, false },
	{ "BAK", ask_bak, false },
	{ "BCL", ask_bcl, false },
	{ "BCL-iter", ask_bcl_iter, false },
	{ "guest-FP", ask_fp, false },
	{ "guest-EDF", ask_edf, false },
	{ "least-budget", ask_size, false },
	{ "worst-fit", ask_place, false },
	{ "branch-and-bound-20000", ask_place_exact, false },
};

#define N_TESTS (sizeof(tests) / sizeof(tests[0]))

/* The least of a few runs, each of as many questions as take a millisecond. */
static double cost_us(void (*ask)(size_t n), size_t n)
{
	double best = 1e18;

	for (int run = 0; run < 3 && (run == 0 || best < LONG_US / 4); run++) {
		double start = now_us(), took;
		unsigned int repeat = 0;

		do {
			ask(n);
			repeat++;
			took = now_us() - start;
		} while (took < 1000);
		best = took / repeat < best ? took / repeat : best;
	}
	return best;
}

int main(void)
{
	static const size_t sizes[] = { 10, 30, 100, 300, 1000, 3000, 10000 };

	printf("n");
	for (size_t i = 0; i < N_TESTS; i++)
		printf(" %s", tests[i].name);
	printf("\n");
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		printf("%zu", sizes[k]);
		for (size_t i = 0; i < N_TESTS; i++) {
			double us = tests[i].too_long ? 0 : cost_us(tests[i].ask, sizes[k]);

			tests[i].too_long |= us > LONG_US;
			if (us > 0)
				printf(" %.2f", us);
			else
				printf(" -");
			fflush(stdout);
		}
		printf("\n");
	}
	return EXIT_SUCCESS;
}
