/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From tasks to a reservation: the least budget for a period, and the period that costs the CPU least (Shin, Lee, RTSS 2003;
 * Phan et al., CARTS, 2011). Each step is the guest's own test, so what is returned passes it; the test is monotone in the
 * budget, not in the period, hence bisection for the one and a list of candidates for the other.
 *
 * Called by planning. It does not ask whether the host has room: that is vrk_admit()'s question.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"

#define DIVISORS_MAX 64

int vrk_guest_check(const struct vrk_supply *s, const struct vrk_guest *g, struct vrk_verdict *ret, nsec_t *ret_response_ns)
{
	if (g->scheduler == VRK_GUEST_FP)
		return vrk_guest_fp(s, g->mode, g->tasks, g->n, ret, ret_response_ns);
	for (size_t i = 0; ret_response_ns && i < g->n; i++)
		ret_response_ns[i] = NSEC_MAX;		/* EDF answers for the deadlines, not for each response */
	return vrk_guest_edf(s, g->tasks, g->n, ret);
}

static int fits(const struct vrk_host *host, const struct vrk_guest *g, nsec_t budget, nsec_t deadline, nsec_t period, bool *ret)
{
	const struct vrk_reservation r = { budget, deadline, period, false };
	struct vrk_supply s;
	struct vrk_verdict v = { .ok = false };
	int err;

	vrk_supply_init(host, &r, &s);
	err = vrk_guest_check(&s, g, &v, NULL);
	*ret = err == 0 && v.ok;
	return err;
}

int vrk_size_budget(const struct vrk_host *host, const struct vrk_guest *g, nsec_t period_ns, nsec_t deadline_ns, nsec_t grid_ns,
		    nsec_t *ret_budget_ns)
{
	nsec_t grid = grid_ns ? grid_ns : NSEC_PER_USEC, deadline = deadline_ns ? deadline_ns : period_ns;
	nsec_t lo = 0, hi = deadline / grid;	/* in steps of the grid: lo does not fit, hi does */
	bool ok;
	int err;

	if (period_ns == 0 || deadline > period_ns || period_ns > NSEC_MAX / 2)
		return -EINVAL;
	err = fits(host, g, hi * grid, deadline, period_ns, &ok);
	if (err < 0)
		return err;
	if (hi == 0 || !ok) {
		*ret_budget_ns = 0;
		return 0;
	}
	while (hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;

		err = fits(host, g, mid * grid, deadline, period_ns, &ok);
		if (err < 0)
			return err;
		if (ok)
			hi = mid;
		else
			lo = mid;
	}
	*ret_budget_ns = hi * grid;
	return 0;
}

/* Is a better than b, by (Q + 2 switches) / P? */
static bool cheaper(const struct vrk_host *host, const struct vrk_reservation *a, const struct vrk_reservation *b)
{
	u128 x = (u128)(a->budget_ns + 2 * host->switch_ns) * b->period_ns;
	u128 y = (u128)(b->budget_ns + 2 * host->switch_ns) * a->period_ns;

	return x < y || (x == y && a->period_ns > b->period_ns);
}

static int candidate(const struct vrk_host *host, const struct vrk_guest *g, nsec_t period, struct vrk_reservation *best)
{
	struct vrk_reservation r = { .deadline_ns = period, .period_ns = period };
	int err = vrk_size_budget(host, g, period, 0, 0, &r.budget_ns);

	if (err < 0)
		return err;
	if (r.budget_ns >= VRK_BUDGET_MIN_NS && (best->budget_ns == 0 || cheaper(host, &r, best)))
		*best = r;
	return 0;
}

int vrk_size_period(const struct vrk_host *host, const struct vrk_guest *g, nsec_t min_ns, nsec_t max_ns, struct vrk_reservation *ret)
{
	struct vrk_reservation best = { .budget_ns = 0 };
	int err;

	if (min_ns == 0 || min_ns > max_ns || max_ns > NSEC_MAX / 2)
		return -EINVAL;
	for (nsec_t p = min_ns; p <= max_ns; p += p / 8 + 1) {
		err = candidate(host, g, p, &best);
		if (err < 0)
			return err;
	}
	for (size_t i = 0; i < 2 * g->n; i++) {
		nsec_t whole = i % 2 ? g->tasks[i / 2].deadline_ns : g->tasks[i / 2].period_ns;

		for (unsigned int k = 1; k <= DIVISORS_MAX; k++) {
			if (whole / k < min_ns || whole / k > max_ns)
				continue;
			err = candidate(host, g, whole / k, &best);
			if (err < 0)
				return err;
		}
	}
	*ret = best;
	return 0;
}
