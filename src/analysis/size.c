/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From tasks to a reservation: the least budget for a period, and the period that costs the CPU least (Shin, Lee, RTSS 2003;
 * Phan et al., CARTS, 2011). Each step is the guest's own test, so what is returned passes it; the test is monotone in the
 * budget, not in the period, hence bisection for the one and a list of candidates for the other.
 *
 * Thousands of candidates are looked at, and nearly all lose. So each is asked first whether it fits with a budget that would
 * make it cheaper than the best so far: one question, which most often fails at the task, or in the window, where the last one
 * failed. Only a candidate that wins is bisected. The answer is that of bisecting all of them.
 *
 * Called by planning. It does not ask whether the host has room: that is vrk_admit()'s question.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define DIVISORS_MAX 64
#define GRID_NS NSEC_PER_USEC

int vrk_guest_check(const struct vrk_supply *s, const struct vrk_guest *g, struct vrk_verdict *ret, nsec_t *ret_response_ns)
{
	if (g->scheduler == VRK_GUEST_FP)
		return vrk_guest_fp(s, g->mode, g->tasks, g->n, ret, ret_response_ns);
	for (size_t i = 0; ret_response_ns && i < g->n; i++)
		ret_response_ns[i] = NSEC_MAX;		/* EDF answers for the deadlines, not for each response */
	return vrk_guest_edf(s, g->tasks, g->n, ret);
}

/* One guest to be sized. */
struct sizing {
	const struct vrk_host *host;
	const struct vrk_guest *g;
	struct fp_ask fp;	/* one of the two */
	struct edf_ask edf;
	u128 load;		/* sum(C/T), 2^60 = 1, rounded down */
};

static void sizing_done(struct sizing *s)
{
	if (s->g->scheduler == VRK_GUEST_FP)
		fp_ask_done(&s->fp);
	else
		edf_ask_done(&s->edf);
}

static int sizing_init(struct sizing *s, const struct vrk_host *host, const struct vrk_guest *g)
{
	int err = g->scheduler == VRK_GUEST_FP ? fp_ask_init(&s->fp, g) : edf_ask_init(&s->edf, g);

	s->host = host;
	s->g = g;
	s->load = 0;
	for (size_t i = 0; err == 0 && i < g->n; i++)
		s->load += ((u128)g->tasks[i].wcet_ns << FRAC_SHIFT) / g->tasks[i].period_ns;
	return err;
}

static bool fits(struct sizing *s, nsec_t budget, nsec_t deadline, nsec_t period)
{
	const struct vrk_reservation r = { budget, deadline, period, false };
	struct vrk_supply supply;

	vrk_supply_init(s->host, &r, &supply);
	return s->g->scheduler == VRK_GUEST_FP ? fp_ask_fits(&s->fp, &supply) : edf_ask_fits(&s->edf, &supply);
}

/*
 * No budget of so many steps, or fewer, is enough: sbf(t) <= t Q/P, and where the last job of a busy period ends, at some
 * t no later than the next one's arrival, at least t sum(C/T) was done. So Q < P sum(C/T) never fits.
 */
static nsec_t steps_too_few(const struct sizing *s, nsec_t period, nsec_t grid)
{
	u128 load = s->load > FRAC_ONE ? FRAC_ONE : s->load;
	nsec_t least = (nsec_t)(load * period >> FRAC_SHIFT);	/* 2^60 2^62: no overflow */

	return least > 0 ? (least - 1) / grid : 0;
}

/* The least number of steps up to @most with which it fits; 0 = none. */
static nsec_t least_steps(struct sizing *s, nsec_t period, nsec_t deadline, nsec_t grid, nsec_t most)
{
	nsec_t lo = steps_too_few(s, period, grid), hi = most;	/* lo does not fit, hi does */

	if (hi <= lo || !fits(s, hi * grid, deadline, period))
		return 0;
	while (hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;

		if (fits(s, mid * grid, deadline, period))
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

int vrk_size_budget(const struct vrk_host *host, const struct vrk_guest *g, nsec_t period_ns, nsec_t deadline_ns, nsec_t grid_ns,
		    nsec_t *ret_budget_ns)
{
	nsec_t grid = grid_ns ? grid_ns : GRID_NS, deadline = deadline_ns ? deadline_ns : period_ns;
	struct sizing s;
	int err;

	if (period_ns == 0 || deadline > period_ns || period_ns > NSEC_MAX / 2)
		return -EINVAL;
	err = sizing_init(&s, host, g);
	if (err < 0)
		return err;
	*ret_budget_ns = grid * least_steps(&s, period_ns, deadline, grid, deadline / grid);
	sizing_done(&s);
	return 0;
}

/*
 * The largest budget with which a reservation of @period is cheaper than @best, by (Q + 2 switches) / P, or as cheap with a
 * longer period; in steps of the grid.
 */
static nsec_t steps_cheaper(const struct vrk_host *host, const struct vrk_reservation *best, nsec_t period)
{
	u128 cost, budget;

	if (best->budget_ns == 0)
		return period / GRID_NS;
	cost = (u128)(best->budget_ns + 2 * host->switch_ns) * period;
	budget = cost / best->period_ns;
	if (cost % best->period_ns == 0 && period <= best->period_ns && budget > 0)
		budget--;	/* as cheap is not enough */
	budget = budget > 2 * (u128)host->switch_ns ? budget - 2 * (u128)host->switch_ns : 0;
	return (nsec_t)(budget < period ? budget : period) / GRID_NS;
}

/* Most candidates end at their first question: is what would be cheaper than the best enough? */
static void candidate(struct sizing *s, nsec_t period, struct vrk_reservation *best)
{
	nsec_t budget = GRID_NS * least_steps(s, period, period, GRID_NS, steps_cheaper(s->host, best, period));

	if (budget >= VRK_BUDGET_MIN_NS)
		*best = (struct vrk_reservation){ .budget_ns = budget, .deadline_ns = period, .period_ns = period };
}

static int by_length(const void *a, const void *b)
{
	nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;

	return (x > y) - (x < y);
}

static size_t sort_unique(nsec_t *x, size_t n)
{
	size_t kept = 0;

	qsort(x, n, sizeof(*x), by_length);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || x[i] != x[kept - 1])
			x[kept++] = x[i];
	return kept;
}

/* The tasks' periods and deadlines divided by 1, 2, 3, ..., each once; *ret is to be freed. */
static int divisors_new(const struct vrk_guest *g, nsec_t min_ns, nsec_t max_ns, nsec_t **ret, size_t *ret_n)
{
	nsec_t *whole = calloc(2 * g->n + 1, sizeof(*whole)), *part;
	size_t n = 0, n_parts = 0;

	if (!whole)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		whole[n++] = g->tasks[i].period_ns;
		whole[n++] = g->tasks[i].deadline_ns;
	}
	n = sort_unique(whole, n);
	part = calloc(n * DIVISORS_MAX + 1, sizeof(*part));
	for (size_t i = 0; part && i < n; i++)
		for (unsigned int k = 1; k <= DIVISORS_MAX; k++)
			if (whole[i] / k >= min_ns && whole[i] / k <= max_ns)
				part[n_parts++] = whole[i] / k;
	free(whole);
	if (!part)
		return -ENOMEM;
	*ret_n = sort_unique(part, n_parts);
	*ret = part;
	return 0;
}

/* The grid goes first: what it finds is near the best, and spares the divisors most of their questions. */
static int period_search(struct sizing *s, nsec_t min_ns, nsec_t max_ns, struct vrk_reservation *best)
{
	nsec_t *divisors;
	size_t n;
	int err = divisors_new(s->g, min_ns, max_ns, &divisors, &n);

	if (err < 0)
		return err;
	for (nsec_t p = min_ns; p <= max_ns; p += p / 8 + 1)
		candidate(s, p, best);
	for (size_t i = 0; i < n; i++)
		candidate(s, divisors[i], best);
	free(divisors);
	return 0;
}

int vrk_size_period(const struct vrk_host *host, const struct vrk_guest *g, nsec_t min_ns, nsec_t max_ns, struct vrk_reservation *ret)
{
	struct vrk_reservation best = { .budget_ns = 0 };
	struct sizing s;
	int err;

	if (min_ns == 0 || min_ns > max_ns || max_ns > NSEC_MAX / 2)
		return -EINVAL;
	err = sizing_init(&s, host, g);
	if (err < 0)
		return err;
	err = period_search(&s, min_ns, max_ns, &best);
	sizing_done(&s);
	if (err == 0)
		*ret = best;
	return err;
}
