/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From what was asked to what the tests must assume: budgets grow by the two switches around each of them, deadlines
 * shrink by the latency of the timer that replenishes them (release jitter, seen from the deadline), and a sleeping
 * reservation can come back with part of its budget. Every test starts here, so that none forgets a cost.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"

int host_check(const struct vrk_host *host, size_t n)
{
	if (host->cpus == 0)
		return -EINVAL;
	if (host->fair_budget_ns &&
	    (host->fair_period_ns == 0 || host->fair_budget_ns > host->fair_period_ns))
		return -EINVAL;
	if (n > N_MAX || host->cpus > CPUS_MAX)
		return -E2BIG;
	if (host->tick_ns > COST_MAX || host->switch_ns > COST_MAX || host->latency_ns > COST_MAX ||
	    host->fair_period_ns > NSEC_MAX)
		return -ERANGE;
	return 0;
}

bool entity_init(const struct vrk_host *host, const struct vrk_reservation *r, size_t index, struct entity *ret,
		 struct vrk_verdict *ret_no)
{
	struct entity e = {
		.c = r->budget_ns + 2 * host->switch_ns,
		.d = r->deadline_ns > host->latency_ns ? r->deadline_ns - host->latency_ns : 0,
		.p = r->period_ns,
		.q = r->budget_ns,
		.wake_d = r->deadline_ns,
		.sleeps = !r->gapless,
	};

	if (e.c <= e.d) {
		*ret = e;
		return true;
	}
	*ret_no = (struct vrk_verdict){
		.unit = VRK_SIDE_NS,
		.lhs = e.c,
		.rhs = e.d,
		.at_ns = r->deadline_ns,
		.index = index,
	};
	return false;
}

int entities_new(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, bool with_fair,
		 struct entity **ret, size_t *ret_n, struct vrk_verdict *ret_no)
{
	/*
	 * The fair server is deferred, but once it runs it keeps its deadline over a sleep of the ordinary threads, as
	 * every DEADLINE thread does: an implicit-deadline reservation that sleeps.
	 */
	const struct vrk_reservation fair = {
		.budget_ns = host->fair_budget_ns,
		.deadline_ns = host->fair_period_ns,
		.period_ns = host->fair_period_ns,
	};
	struct entity *e = calloc(n + 1, sizeof(*e));
	bool fits = true;

	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < n && fits; i++)
		fits = entity_init(host, &r[i], i, &e[i], ret_no);
	if (fits && with_fair && host->fair_budget_ns)
		fits = entity_init(host, &fair, SIZE_MAX, &e[n++], ret_no);
	if (!fits) {
		free(e);
		e = NULL;
	}
	*ret = e;
	*ret_n = n;
	return 0;
}

static u128 gcd(u128 a, u128 b)
{
	while (b) {
		u128 t = a % b;

		a = b;
		b = t;
	}
	return a;
}

int fractions_fit_one(const struct entity *e, size_t n, bool by_deadline)
{
	u128 num = 0, den = 1, scaled, add;

	for (size_t i = 0; i < n; i++) {
		uint64_t b = by_deadline ? e[i].d : e[i].p;
		u128 g = gcd(den, b);

		if (__builtin_mul_overflow(num, b / g, &scaled) ||
		    __builtin_mul_overflow((u128)e[i].c, den / g, &add) ||
		    __builtin_add_overflow(scaled, add, &num) ||
		    __builtin_mul_overflow(den, b / g, &den))
			return -1;
	}
	return num <= den;
}
