/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EDF tasks inside a reservation: in every window the demand fits the supply (Shin, Lee, RTSS 2003),
 *	for all t = D_i + k T_i - J_i:  B + sum max(0, floor((t + J_i - D_i)/T_i) + 1) C_i <= sbf(t),
 * up to the longest busy period. Walked from its end like QPA: where demand h(t) fits, every shorter window down to inv(h(t))
 * fits as well. Called by vrk_guest_check() and by sizing. The load must leave at least 2^-20 of the supply, else the busy
 * period has no useful end: such sets are refused.
 */
#include <errno.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define STEPS_MAX 100000

struct edf {
	const struct vrk_supply *s;
	const struct vrk_task *t;
	size_t n;
	nsec_t blocking;
};

static u128 demand(const struct edf *e, nsec_t t)
{
	u128 sum = e->blocking;

	for (size_t i = 0; i < e->n; i++) {
		const struct vrk_task *x = &e->t[i];

		if (t + x->jitter_ns >= x->deadline_ns)
			sum += ((u128)((t + x->jitter_ns - x->deadline_ns) / x->period_ns) + 1) * x->wcet_ns;
	}
	return sum;
}

/*
 * The busy period is no shorter: it is the inverse supply of B + sum ceil(t/T) C >= B + t U, inv(w) >= D - Q + w P/Q, and
 * switches and interrupts take their part of every t. Where load and supply are close this is most of the way, and where
 * they take all there is no end: NSEC_MAX.
 */
static nsec_t busy_least(const struct edf *e)
{
	const struct vrk_supply *s = e->s;
	u128 load = 0, share, least;

	for (size_t i = 0; i < e->n; i++)
		load += ((u128)e->t[i].wcet_ns << FRAC_SHIFT) / e->t[i].period_ns;
	if (load > FRAC_ONE)
		return NSEC_MAX;
	share = load * s->period_ns / s->budget_ns + ((u128)s->switch_ns << FRAC_SHIFT) / s->budget_ns;
	if (s->irq_ns)
		share += ((u128)s->irq_ns << FRAC_SHIFT) / s->irq_period_ns;
	least = (u128)(s->deadline_ns - s->budget_ns) + (u128)e->blocking * s->period_ns / s->budget_ns;
	if (share > FRAC_ONE || least > SUPPLY_MAX)
		return NSEC_MAX;
	if (share == FRAC_ONE)
		return 1;	/* nothing is known: it may just fit, as it does on a whole CPU */
	least = (least << FRAC_SHIFT) / (FRAC_ONE - share);
	return least > SUPPLY_MAX ? NSEC_MAX : least > 0 ? (nsec_t)least : 1;
}

/* The longest time the vCPU can want to run without a pause; NSEC_MAX = no end found. */
static nsec_t busy_period(const struct edf *e)
{
	nsec_t t = busy_least(e), next;

	for (unsigned int step = 0; t < NSEC_MAX && step < STEPS_MAX; step++) {
		u128 work = e->blocking;

		for (size_t i = 0; i < e->n; i++)
			work += (u128)ceil_div(t + e->t[i].jitter_ns, e->t[i].period_ns) * e->t[i].wcet_ns;
		next = supply_inverse(e->s, work, 1, 0);
		if (next == NSEC_MAX || next <= t)
			return next == NSEC_MAX ? NSEC_MAX : t;
		t = next;
	}
	return NSEC_MAX;
}

/* The last deadline in [1, limit); 0 = none. */
static nsec_t point_below(const struct edf *e, nsec_t limit)
{
	nsec_t best = 0;

	for (size_t i = 0; i < e->n; i++) {
		const struct vrk_task *x = &e->t[i];
		nsec_t t;

		if (x->deadline_ns >= limit + x->jitter_ns)
			continue;
		t = limit - 1 + x->jitter_ns - (limit - 1 + x->jitter_ns - x->deadline_ns) % x->period_ns;
		t = t > x->jitter_ns ? t - x->jitter_ns : 0;
		best = t > best ? t : best;
	}
	return best;
}

static void verdict_of(struct vrk_verdict *v, u128 lhs, u128 rhs, nsec_t at)
{
	*v = (struct vrk_verdict){
		.ok = lhs <= rhs,
		.test = VRK_TEST_GUEST_EDF,
		.unit = VRK_SIDE_NS,
		.lhs = clamp64(lhs),
		.rhs = clamp64(rhs),
		.at_ns = at,
		.index = SIZE_MAX,
	};
}

static void edf_run(const struct edf *e, struct vrk_verdict *v)
{
	nsec_t busy = busy_period(e), t;

	verdict_of(v, 0, 0, 0);
	if (busy == NSEC_MAX) {
		verdict_of(v, NSEC_MAX, 0, 0);
		return;
	}
	t = point_below(e, busy + 1);
	for (unsigned int step = 0; t > 0; step++) {
		u128 h = demand(e, t);
		nsec_t given = vrk_sbf(e->s, t), need;

		if (v->at_ns == 0 || h > given || given - h < v->rhs - v->lhs)
			verdict_of(v, h, given, t);
		if (h > given)
			return;
		if (step == STEPS_MAX) {
			verdict_of(v, NSEC_MAX, 0, t);
			return;
		}
		need = supply_inverse(e->s, h, 1, 0);
		t = point_below(e, need < t ? need : t);
	}
}

/* Load against supply, with 2^-20 to spare. */
static bool load_fits(const struct edf *e, struct vrk_verdict *v)
{
	u128 load = 0, given = ((u128)e->s->budget_ns << FRAC_SHIFT) / e->s->period_ns;

	for (size_t i = 0; i < e->n; i++)
		load += frac_up(e->t[i].wcet_ns, e->t[i].period_ns);
	if (e->s->budget_ns == e->s->deadline_ns && e->s->deadline_ns == e->s->period_ns && load <= FRAC_ONE)
		return true;	/* the whole CPU */
	*v = (struct vrk_verdict){
		.ok = load + (FRAC_ONE >> BW_SHIFT) <= given,
		.test = VRK_TEST_GUEST_EDF,
		.unit = VRK_SIDE_BW,
		.lhs = frac_to_bw_up(load + (FRAC_ONE >> BW_SHIFT)),
		.rhs = clamp64(given >> (FRAC_SHIFT - BW_SHIFT)),
		.index = SIZE_MAX,
	};
	return v->ok;
}

static void edf_judge(struct edf *e, struct vrk_verdict *v)
{
	const struct vrk_task *late = NULL;
	uint64_t suspensions = 0;

	for (size_t i = 0; i < e->n; i++) {
		const struct vrk_task *t = &e->t[i];

		suspensions += t->suspensions + (t->suspension_ns > 0);
		e->blocking = t->blocking_ns > e->blocking ? t->blocking_ns : e->blocking;
		if (t->jitter_ns >= t->deadline_ns)
			late = t;
	}
	if (!supply_sane(e->s) || suspensions > 0)
		verdict_of(v, suspensions + 1, 0, 0);
	else if (late)	/* it may become ready when its deadline is there: no window is short enough to show that */
		verdict_of(v, (u128)late->jitter_ns + late->wcet_ns, late->deadline_ns, 0);
	else if (e->n == 0)
		verdict_of(v, 0, 0, 0);
	else if (load_fits(e, v))
		edf_run(e, v);
}

int vrk_guest_edf(const struct vrk_supply *s, const struct vrk_task *t, size_t n, struct vrk_verdict *ret)
{
	struct edf e = { .s = s, .t = t, .n = n };
	struct vrk_verdict v;
	int err = tasks_check(t, n);

	if (err < 0)
		return err;
	edf_judge(&e, &v);
	*ret = v;
	return 0;
}

/* A window that surely does not give what is due in it, among those up to @longest; 0 = none. */
static nsec_t window_short(const struct edf *e, nsec_t longest)
{
	nsec_t t = point_below(e, longest + 1);

	for (unsigned int step = 0; t > 0 && step < STEPS_MAX; step++) {
		nsec_t need = supply_inverse(e->s, demand(e, t), 1, 0);

		if (need > t)
			return t;
		t = point_below(e, need < t ? need : t);
	}
	return 0;
}

/*
 * A window that does not give what is due in it is a no without the others, and without the busy period. So the windows that
 * are likely to be too short are asked first: the one that was the last time, then those of the first few jobs.
 */
bool edf_ask_fits(struct edf_ask *ask, const struct vrk_supply *s)
{
	struct edf e = { .s = s, .t = ask->g->tasks, .n = ask->g->n };
	struct vrk_verdict v;
	nsec_t soon = 0;

	if (!supply_sane(s))
		return false;
	for (size_t i = 0; i < e.n; i++) {
		nsec_t second = e.t[i].deadline_ns + e.t[i].period_ns;

		e.blocking = e.t[i].blocking_ns > e.blocking ? e.t[i].blocking_ns : e.blocking;
		soon = second > soon ? second : soon;
	}
	if (ask->last_no && supply_inverse(s, demand(&e, ask->last_no), 1, 0) > ask->last_no)
		return false;
	soon = window_short(&e, soon);
	if (soon > 0) {
		ask->last_no = soon;
		return false;
	}
	edf_judge(&e, &v);
	return v.ok;
}
