/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One CPU under EDF: processor demand, walked by QPA (Baruah, Mok, Rosier, RTSS 1990; Zhang, Burns, IEEE TC 58 (2009)),
 * extended to what SCHED_DEADLINE really does. Called by vrk_admit() for hosts of one CPU.
 *
 * What is protected: every whole budget (one that starts at a replenishment, or at a wake-up with a fresh deadline) is
 * delivered by its deadline. That alone gives the supply bound function in every busy interval; a remnant, the rest of
 * a budget after a sleep, may be late by the slack P - Q that the supply bound leaves before the first whole budget.
 *
 * The demand h(t) of a window [t0, t0+t], t0 the last instant before which nothing with a deadline in it was pending:
 *  - whole budgets:  (floor((t - d) / p) + 1) * c for t >= d, c and d with the host's costs (entity.c).
 *  - remnants: a thread may sleep with budget left and come back at t0 with x to go to its old deadline. The kernel
 *    (dl_entity_overflow, revised wake-up rule) then leaves it at most Q*x/D, and the next whole budget is due P later.
 *    So with t = k*p + x the demand is k*c + min(c, Q*x/D) instead of k*c. For D = P this changes nothing, for D < P it
 *    does: (50, 50, 100) beside (10, 100, 100) has h(50) = 50 as sporadic tasks, but the second may have slept through
 *    the first half with 5 left. Reservations marked gapless have no remnants.
 *  - overruns: without a fine timer a budget is cut at the next tick. The overrun o <= tick is paid back: it is work of
 *    the *next* budget (or next few, when o > Q), done early under the deadline of this one. Work that is due inside the
 *    window anyway is in h(t) already, so per reservation only the last overrun, borrowed from beyond the window, adds: at
 *    most one tick each. Only those count that can have a deadline inside (t >= d, or any t for a sleeper): all others are
 *    preempted, tick or no tick. The one whose deadline is in question does not delay itself: its own overrun comes after
 *    its whole budget.
 *  - a sleeper may cost two more switches in the window than its whole budgets have brought with them.
 *
 * h(t) - t is largest where some t = d + k*p, since between those points h grows with slopes that only ever end there.
 * QPA: h is monotone, so from h(t) <= t follows h(t') <= t' for all t' in [h(t), t]: go on at the last point below h(t).
 *
 * Where to begin: with A = sum(c (p-d)/p) + constants, h(t) <= A + U t, so all t >= A / (1-U) are fine; without
 * sleepers also the synchronous busy period bounds the search, and it is the only bound at U = 1.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/analysis.h>

#include "internal.h"

#define STEPS_MAX 1000000	/* then the density bound, which has said no by then, stays the answer */
#define BUSY_STEPS_MAX 100000
#define WITNESS_STEPS_MAX 32

struct demand {
	const struct entity *e;
	size_t n;
	uint64_t tick_ns;
	u128 switches;		/* the extra switches of sleepers, all of them */
	uint64_t d_min;
	bool sleepers;
	bool exact;		/* no constants: density is the plain sum, but for rounding */
	u128 load;		/* sum(c/p), 2^60 = 1, rounded up */
	u128 density;		/* sum(c/d) + constants/d_min: h(t) <= density * t for all t >= d_min */
};

static void demand_init(struct demand *w, const struct vrk_host *host, const struct entity *e, size_t n)
{
	u128 constant;

	*w = (struct demand){ .e = e, .n = n, .tick_ns = host->tick_ns, .d_min = UINT64_MAX };
	for (size_t i = 0; i < n; i++) {
		if (e[i].d < w->d_min)
			w->d_min = e[i].d;
		if (e[i].sleeps) {
			w->sleepers = true;
			w->switches += (u128)2 * host->switch_ns;
		}
		w->load += frac_up(e[i].c, e[i].p);
		w->density += frac_up(e[i].c, e[i].d);
	}
	constant = w->switches + (n ? (u128)(n - 1) * w->tick_ns : 0);
	w->exact = constant == 0;
	if (!w->exact)
		w->density += frac_up(clamp64(constant), w->d_min);
}

static u128 demand_at(const struct demand *w, uint64_t t)
{
	u128 sum = w->switches;
	size_t late = 0;	/* how many may have borrowed a tick from beyond the window */

	for (size_t i = 0; i < w->n; i++) {
		const struct entity *e = &w->e[i];
		uint64_t k;

		if (e->sleeps) {
			uint64_t x = t % e->p;

			k = t / e->p + (x >= e->d);
			if (x < e->d)
				sum += ceil_mul_div(e->q, x, e->wake_d);
		} else {
			k = t >= e->d ? (t - e->d) / e->p + 1 : 0;
		}
		sum += (u128)k * e->c;
		late += e->sleeps || k > 0;
	}
	if (late > 1)
		sum += (u128)(late - 1) * w->tick_ns;
	return sum;
}

/* The last t = d + k*p below @limit; 0 = there is none. */
static uint64_t point_below(const struct demand *w, uint64_t limit)
{
	uint64_t best = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct entity *e = &w->e[i];
		uint64_t t;

		if (e->d >= limit)
			continue;
		t = limit - 1 - (limit - 1 - e->d) % e->p;
		if (t > best)
			best = t;
	}
	return best;
}

static size_t point_owner(const struct demand *w, uint64_t t, size_t n_reservations)
{
	for (size_t i = 0; i < n_reservations; i++)
		if (t >= w->e[i].d && (t - w->e[i].d) % w->e[i].p == 0)
			return i;
	return SIZE_MAX;
}

/* All t >= *ret have h(t) <= t, by the linear bound. False: it does not bound the search within 63 bits. */
static bool horizon_linear(const struct demand *w, uint64_t *ret)
{
	/* one extra ns each, so that a checker that rounds per reservation comes to the same answer */
	u128 a = w->switches + (u128)w->n * w->tick_ns + w->n;
	u128 slack, t;

	if (w->load >= FRAC_ONE)
		return false;
	slack = FRAC_ONE - w->load;
	for (size_t i = 0; i < w->n; i++)
		if (w->e[i].p > w->e[i].d)
			a += ceil_mul_div(w->e[i].c, w->e[i].p - w->e[i].d, w->e[i].p);
	if (a >> 66)
		return false;
	t = ((a << FRAC_SHIFT) + slack - 1) / slack;
	if (t > NSEC_MAX)
		return false;
	*ret = (uint64_t)t;
	return true;
}

/* The synchronous busy period, when no reservation sleeps and it ends within the cap. */
static bool horizon_busy(const struct demand *w, uint64_t cap, uint64_t *ret)
{
	u128 t = (u128)w->n * w->tick_ns, next;

	if (w->sleepers)
		return false;
	for (size_t i = 0; i < w->n; i++)
		t += w->e[i].c;
	for (unsigned int step = 0; step < BUSY_STEPS_MAX && t <= cap; step++) {
		next = (u128)w->n * w->tick_ns;
		for (size_t i = 0; i < w->n; i++)
			next += (u128)ceil_div((uint64_t)t, w->e[i].p) * w->e[i].c;
		if (next == t) {
			*ret = (uint64_t)t;
			return true;
		}
		t = next;
	}
	return false;
}

static int points_push(struct vrk_certificate *cert, size_t *cap, uint64_t t)
{
	if (cert->n_points == *cap) {
		size_t more = *cap ? *cap * 2 : 16;
		nsec_t *p = realloc(cert->points_ns, more * sizeof(*p));

		if (!p)
			return -ENOMEM;
		cert->points_ns = p;
		*cap = more;
	}
	cert->points_ns[cert->n_points++] = t;
	return 0;
}

static void verdict_bw(struct vrk_verdict *v, bool ok, u128 lhs)
{
	*v = (struct vrk_verdict){
		.ok = ok,
		.test = VRK_TEST_QPA,
		.unit = VRK_SIDE_BW,
		.lhs = frac_to_bw_up(lhs),
		.rhs = BW_UNIT,
		.index = SIZE_MAX,
	};
	if (ok && v->lhs > v->rhs)	/* equal to one, and only rounded above it */
		v->lhs = v->rhs;
}

/* Up to @n roundings may have lifted an exact 1 above 1: then count in full. */
static bool is_at_most_one(const struct demand *w, u128 frac, bool by_deadline)
{
	if (frac <= FRAC_ONE)
		return true;
	if (frac > FRAC_ONE + w->n)
		return false;
	return fractions_fit_one(w->e, w->n, by_deadline) == 1;
}

static void verdict_at(struct vrk_verdict *v, const struct demand *w, uint64_t t, u128 h, size_t n_reservations)
{
	*v = (struct vrk_verdict){
		.ok = h <= t,
		.test = VRK_TEST_QPA,
		.unit = VRK_SIDE_NS,
		.lhs = clamp64(h),
		.rhs = t,
		.at_ns = t,
		.index = point_owner(w, t, n_reservations),
	};
}

/* The walk comes from above and fails at some late point; people understand the first one. Tries for a little while. */
static void witness_first(struct vrk_verdict *v, const struct demand *w, size_t n_reservations)
{
	uint64_t t = 0;

	for (unsigned int step = 0; step < WITNESS_STEPS_MAX; step++) {
		uint64_t next = v->at_ns;
		u128 h;

		for (size_t i = 0; i < w->n; i++) {
			const struct entity *e = &w->e[i];
			uint64_t p = t < e->d ? e->d : t - (t - e->d) % e->p + e->p;

			if (p < next)
				next = p;
		}
		if (next >= v->at_ns)
			return;
		t = next;
		h = demand_at(w, t);
		if (h > t) {
			verdict_at(v, w, t, h, n_reservations);
			return;
		}
	}
}

static int qpa_walk(const struct demand *w, uint64_t horizon, size_t n_reservations, struct vrk_verdict *v,
		    struct vrk_certificate *cert)
{
	uint64_t t = point_below(w, horizon);
	u128 h, best_slack = ~(u128)0;
	size_t cap = 0;
	int r;

	cert->horizon_ns = horizon;
	for (unsigned int step = 0; t > 0; step++) {
		if (step == STEPS_MAX) {
			verdict_bw(v, false, w->density);
			return 0;
		}
		h = demand_at(w, t);
		if (h > t || t - h < best_slack) {
			verdict_at(v, w, t, h, n_reservations);
			if (h > t) {
				witness_first(v, w, n_reservations);
				return 0;
			}
			best_slack = t - h;
		}
		r = points_push(cert, &cap, t);
		if (r < 0)
			return r;
		t = point_below(w, (uint64_t)h < t ? (uint64_t)h : t);
	}
	return 0;
}

static int qpa(const struct demand *w, size_t n_reservations, struct vrk_verdict *v, struct vrk_certificate *cert)
{
	uint64_t linear = NSEC_MAX, busy, horizon;
	bool found;

	verdict_bw(v, true, w->density);
	if (w->n == 0)
		return 0;
	if (w->density <= FRAC_ONE || (w->exact && is_at_most_one(w, w->density, true)))
		return 0;	/* the certificate without points says so */
	if (!is_at_most_one(w, w->load, false)) {
		verdict_bw(v, false, w->load);
		return 0;
	}
	found = horizon_linear(w, &linear);
	horizon = linear;
	if (horizon_busy(w, linear, &busy)) {
		found = true;
		horizon = busy;
	}
	if (!found) {
		verdict_bw(v, false, w->density);
		return 0;
	}
	return qpa_walk(w, horizon, n_reservations, v, cert);
}

int vrk_edf_qpa(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret,
		struct vrk_certificate *ret_cert)
{
	struct vrk_certificate cert = { .test = VRK_TEST_QPA };
	struct vrk_verdict v = { .ok = false };
	struct demand w;
	struct entity *e;
	size_t n_all;
	int err = host_check(host, n);

	if (err < 0)
		return err;
	err = entities_new(host, r, n, true, &e, &n_all, &v);
	if (err < 0)
		return err;
	if (!e) {
		v.test = VRK_TEST_QPA;
		*ret = v;
		return 0;
	}
	demand_init(&w, host, e, n_all);
	err = qpa(&w, n, &v, &cert);
	free(e);
	if (err == 0)
		*ret = v;
	if (err == 0 && v.ok && ret_cert)
		*ret_cert = cert;
	else
		vrk_certificate_done(&cert);
	return err;
}
