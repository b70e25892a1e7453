/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EDF tasks inside a reservation: in every window the demand fits the supply (Shin, Lee, RTSS 2003),
 *	for all t = D_i + k T_i - J_i:  B + sum max(0, floor((t + J_i - D_i)/T_i) + 1) C_i <= sbf(t),
 * up to the longest busy period, or up to where straight lines above demand and below supply cross, whichever is shorter. Walked
 * from its end like QPA: where demand h(t) fits, every shorter window down to inv(h(t)) fits as well. Called by vrk_guest_check()
 * and by sizing. The load must leave at least 2^-20 of the supply, else neither has a useful end: such sets are refused.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define STEPS_MAX 100000
#define BUSY_STEPS_MAX 1000	/* where the lines cross in any case */

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

/*
 * No window from this length on is too short; NSEC_MAX = none known. A task has at most U (t + J + T - D) due, or U t where that is
 * less; and inv(w) is no later than
 *	t = Delta + latency + irq + (w + debt + 2 switches) P/Q + t (switch/Q + irq/irq_period),
 * since (ceil(w/Q) - 1) (P - Q) <= w P/Q - w, and ceil(t/x) <= t/x + 1. So inv(h(t)) <= t from the t on at which both sides are
 * equal. Everything is rounded up.
 */
static nsec_t lines_cross(const struct edf *e)
{
	const struct vrk_supply *s = e->s;
	u128 load = 0, share, rest, work = (u128)e->blocking + supply_debt(s) + 2 * (u128)s->switch_ns, at;

	for (size_t i = 0; i < e->n; i++) {
		const struct vrk_task *x = &e->t[i];
		nsec_t early = x->jitter_ns + x->period_ns;

		load += frac_up(x->wcet_ns, x->period_ns);
		if (early > x->deadline_ns)
			work += ((u128)x->wcet_ns * (early - x->deadline_ns) + x->period_ns - 1) / x->period_ns;
	}
	if (load > FRAC_ONE || work > SUPPLY_MAX)
		return NSEC_MAX;
	share = (load * s->period_ns + s->budget_ns - 1) / s->budget_ns + frac_up(s->switch_ns, s->budget_ns);
	if (s->irq_ns)
		share += frac_up(s->irq_ns, s->irq_period_ns);
	if (share >= FRAC_ONE)
		return NSEC_MAX;
	rest = FRAC_ONE - share;
	at = supply_blackout(s) + (u128)s->latency_ns + s->irq_ns + (work * s->period_ns + s->budget_ns - 1) / s->budget_ns;
	if (at > SUPPLY_MAX)
		return NSEC_MAX;
	at = ((at << FRAC_SHIFT) + rest - 1) / rest;
	return at > SUPPLY_MAX ? NSEC_MAX : (nsec_t)at;
}

/* The longest time the vCPU can want to run without a pause, or @enough if that is shorter or no end is found; NSEC_MAX = none. */
static nsec_t busy_period(const struct edf *e, nsec_t enough)
{
	unsigned int steps = enough < NSEC_MAX ? BUSY_STEPS_MAX : STEPS_MAX;
	nsec_t t = busy_least(e), next;

	for (unsigned int step = 0; t < enough && step < steps; step++) {
		u128 work = e->blocking;

		for (size_t i = 0; i < e->n; i++)
			work += (u128)ceil_div(t + e->t[i].jitter_ns, e->t[i].period_ns) * e->t[i].wcet_ns;
		next = supply_inverse(e->s, work, 1, 0);
		if (next == NSEC_MAX || next <= t)
			return next == NSEC_MAX ? enough : t;
		t = next;
	}
	return enough;
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
	nsec_t longest = busy_period(e, lines_cross(e)), t;

	verdict_of(v, 0, 0, 0);
	if (longest == NSEC_MAX) {
		verdict_of(v, NSEC_MAX, 0, 0);
		return;
	}
	t = point_below(e, longest + 1);
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

/* Is it the windows that decide? Else *v is the verdict. */
static bool windows_decide(struct edf *e, struct vrk_verdict *v)
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
	else
		return load_fits(e, v);
	return false;
}

int vrk_guest_edf(const struct vrk_supply *s, const struct vrk_task *t, size_t n, struct vrk_verdict *ret)
{
	struct edf e = { .s = s, .t = t, .n = n };
	struct vrk_verdict v;
	int err = tasks_check(t, n);

	if (err < 0)
		return err;
	if (windows_decide(&e, &v))
		edf_run(&e, &v);
	*ret = v;
	return 0;
}

/* ---- one guest, many supplies ---- */

int edf_ask_init(struct edf_ask *ask, const struct vrk_guest *g)
{
	int err = tasks_check(g->tasks, g->n);

	if (err < 0)
		return err;
	*ask = (struct edf_ask){ .g = g, .too_long = NSEC_MAX, .strides = calloc(g->n + 1, sizeof(*ask->strides)) };
	if (!ask->strides)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		const struct vrk_task *x = &g->tasks[i];

		ask->strides[i] = (struct edf_stride){
			.first = x->deadline_ns - x->jitter_ns,		/* of those that are late nothing is asked */
			.period = x->period_ns,
			.inverse = UINT64_MAX / x->period_ns,
			.wcet = x->wcet_ns,
		};
	}
	return 0;
}

void edf_ask_done(struct edf_ask *ask)
{
	free(ask->strides);
}

/*
 * point_below(), and what is due in a window of it: of all those before @limit, no deadline is later. The quotient is at most one
 * less than x 2^-64 (2^64/T - 1) > x/T - 1, and a multiplication is several times faster than a division.
 */
static nsec_t point_due(const struct edf_ask *ask, nsec_t limit, nsec_t blocking, u128 *ret_due)
{
	nsec_t last = limit - 1, least = last;
	u128 due = blocking;

	for (size_t i = 0; i < ask->g->n; i++) {
		const struct edf_stride *s = &ask->strides[i];
		nsec_t x = last - s->first, jobs, rest;

		if (last < s->first)
			continue;
		jobs = (nsec_t)((u128)x * s->inverse >> 64);
		rest = x - jobs * s->period;
		if (rest >= s->period) {
			rest -= s->period;
			jobs++;
		}
		due += (u128)(jobs + 1) * s->wcet;
		least = rest < least ? rest : least;
	}
	*ret_due = due;
	return last - least;
}

/* Does every window up to @longest give what is due in it? *ret_short = one that does not; 0 = there are too many to ask. */
static bool windows_fit(const struct edf_ask *ask, const struct edf *e, nsec_t longest, nsec_t *ret_short)
{
	u128 due;
	nsec_t t = point_due(ask, longest + 1, e->blocking, &due);

	for (unsigned int step = 0; t > 0; step++) {
		nsec_t need = supply_inverse(e->s, due, 1, 0);

		*ret_short = need > t ? t : 0;
		if (need > t || step == STEPS_MAX)
			return false;
		t = point_due(ask, need, e->blocking, &due);
	}
	return true;
}

/* All of them. Where that was too much to ask once, more is not tried: it would be a millionth of a CPU less. */
static bool all_fit(struct edf_ask *ask, const struct edf *e, nsec_t *ret_short)
{
	nsec_t longest = lines_cross(e);

	if (longest == NSEC_MAX)
		longest = busy_period(e, NSEC_MAX);
	if (longest >= ask->too_long)
		return false;
	if (windows_fit(ask, e, longest, ret_short))
		return true;
	if (*ret_short == 0)
		ask->too_long = longest;
	return false;
}

/*
 * A window that does not give what is due in it is a no without the others, and without the longest one. So the windows that
 * are likely to be too short are asked first: the one that was the last time, then those of the first few jobs.
 */
bool edf_ask_fits(struct edf_ask *ask, const struct vrk_supply *s)
{
	struct edf e = { .s = s, .t = ask->g->tasks, .n = ask->g->n };
	nsec_t soon = 0, lacking = 0;
	struct vrk_verdict v;
	bool fits;

	if (!windows_decide(&e, &v))
		return v.ok;
	if (ask->last_no && supply_inverse(s, demand(&e, ask->last_no), 1, 0) > ask->last_no)
		return false;
	for (size_t i = 0; i < e.n; i++) {
		nsec_t second = e.t[i].deadline_ns + e.t[i].period_ns;

		soon = second > soon ? second : soon;
	}
	fits = windows_fit(ask, &e, soon, &lacking);
	if (fits || lacking == 0)
		fits = all_fit(ask, &e, &lacking);
	ask->last_no = lacking ? lacking : ask->last_no;
	return fits;
}
