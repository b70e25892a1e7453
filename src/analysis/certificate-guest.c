/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second pair of eyes for what is inside a vCPU, and for fixed-priority servers: given a yes and its witness, is it proved?
 * Written from the theorems again, with its own supply function, sharing no code with the tests: it searches nothing.
 *
 * What proves what:
 *  guest-fp	Any w with supply(w) >= q C + B + (what goes first in w) ends the q-th job of the busy period: demand is a step
 *		function of w that is met at w, so it is met no later than w. The jobs of the busy period are all those up to
 *		the first that is done before the next arrives; the response is the largest w - (q-1) T + J. Across a suspension
 *		supply starts anew: S of them make S + 1 intervals. A task that suspends goes first with jitter R - C, its R
 *		being claimed in the same certificate; of an equal that comes later in the array its deadline is taken: before
 *		the first deadline is missed nothing takes longer.
 *  guest-edf	The horizon ends every busy period. All that is due in a window of t is supplied by need <= t, so it is in every
 *		window from need to t; between need and the next point there is no deadline.
 *  host-fp	The same as guest-fp with the whole CPU as supply; deferrable servers have jitter P - Q.
 *
 * Called by whoever is about to act on a yes. It never says yes to what is not proved.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <virtrk/proof.h>

typedef unsigned __int128 wide;

#define LONGEST ((wide)1 << 62)
#define NUMBER_MAX ((nsec_t)1 << 45)
#define TASKS_MAX ((size_t)1 << 20)

struct view {
	const struct vrk_supply *s;
	const struct vrk_guest *g;
	const struct vrk_guest_certificate *c;
};

static wide up(wide num, wide den)
{
	return (num + den - 1) / den;
}

/* ---- supply, once more ---- */

static bool supply_proper(const struct vrk_supply *s)
{
	return s->budget_ns > 0 && s->budget_ns <= s->deadline_ns && s->deadline_ns <= s->period_ns && s->period_ns <= LONGEST &&
	       s->tick_ns <= LONGEST && s->switch_ns <= LONGEST && s->latency_ns <= LONGEST && s->irq_ns <= LONGEST &&
	       (s->irq_ns == 0 || (s->irq_period_ns > 0 && s->irq_period_ns <= LONGEST));
}

/* Is @work surely done in @pieces intervals that are @t long together? */
static bool supplied(const struct vrk_supply *s, wide t, wide pieces, wide work)
{
	wide blackout = (wide)s->period_ns + s->deadline_ns - 2 * (wide)s->budget_ns, lost, chunks, rest;

	if (work == 0)
		return true;
	if (t > LONGEST)
		return false;
	/* debts of an overrun, and switches */
	work += pieces * (s->tick_ns + (wide)(s->tick_ns / s->budget_ns) * s->budget_ns);
	work += (up(t, s->period_ns) + 2 * pieces - 1) * s->switch_ns;
	/* time in which nothing may come */
	lost = pieces * (blackout + s->latency_ns);
	if (s->irq_ns)
		lost += (up(t, s->irq_period_ns) + pieces - 1) * s->irq_ns;
	if (t < lost)
		return false;
	chunks = (t - lost) / s->period_ns;
	rest = (t - lost) % s->period_ns;
	return chunks * s->budget_ns + (rest < s->budget_ns ? rest : s->budget_ns) >= work;
}

/* ---- fixed priority ---- */

static bool sleeps(const struct vrk_task *t)
{
	return t->suspensions > 0 || t->suspension_ns > 0;
}

static bool task_proper(const struct vrk_task *t)
{
	return t->wcet_ns > 0 && t->wcet_ns <= NUMBER_MAX && t->period_ns > 0 && t->period_ns <= NUMBER_MAX && t->deadline_ns > 0 &&
	       t->deadline_ns <= NUMBER_MAX && t->jitter_ns <= NUMBER_MAX && t->blocking_ns <= NUMBER_MAX &&
	       t->suspension_ns <= NUMBER_MAX && (!sleeps(t) || t->deadline_ns <= t->period_ns);
}

/* What goes before task @i in a window of @w, equal priorities included. */
static wide first_in(const struct view *v, size_t i, wide w)
{
	wide sum = 0;

	for (size_t h = 0; h < v->g->n; h++) {
		const struct vrk_task *t = &v->g->tasks[h];
		wide jitter = t->jitter_ns;

		if (h == i || t->priority > v->g->tasks[i].priority)
			continue;
		if (sleeps(t)) {
			bool before = h < i || t->priority < v->g->tasks[i].priority;

			jitter = (before ? v->c->responses_ns[h] : t->deadline_ns) - t->wcet_ns;
		}
		sum += up(w + jitter, t->period_ns) * t->wcet_ns;
	}
	return sum;
}

/* Is the @q-th job of a busy period of task @i done within @w? */
static bool job_proved(const struct view *v, size_t i, uint64_t q, wide w)
{
	const struct vrk_task *t = &v->g->tasks[i];
	wide work = (wide)q * t->wcet_ns + t->blocking_ns + first_in(v, i, w);

	if (!sleeps(t))
		return supplied(v->s, w, 1, work);
	if (w >= t->suspension_ns && supplied(v->s, w - t->suspension_ns, (wide)t->suspensions + 1, work))
		return true;
	return v->g->mode == VRK_SUPPLY_IDLING && supplied(v->s, w, 1, work + t->suspension_ns);
}

/* The windows of task @i begin at points[*point]. */
static bool task_proved(const struct view *v, size_t i, size_t *point)
{
	const struct vrk_task *t = &v->g->tasks[i];
	wide claim = v->c->responses_ns[i];

	if (claim > t->deadline_ns || claim < t->wcet_ns)
		return false;
	for (uint64_t q = 1; *point < v->c->n_points; q++) {
		wide w = v->c->points_ns[(*point)++], before = (wide)(q - 1) * t->period_ns;

		if (w > LONGEST || !job_proved(v, i, q, w) || w + t->jitter_ns > before + claim)
			return false;
		if (w + t->jitter_ns <= before + t->period_ns)
			return true;	/* done before the next one arrives */
	}
	return false;
}

static bool fp_proved(const struct view *v)
{
	size_t point = 0;

	if (v->c->n_responses != v->g->n)
		return false;
	/* first_in() subtracts */
	for (size_t i = 0; i < v->g->n; i++)
		if (sleeps(&v->g->tasks[i]) && (v->c->responses_ns[i] < v->g->tasks[i].wcet_ns ||
						v->g->tasks[i].deadline_ns < v->g->tasks[i].wcet_ns))
			return false;
	for (size_t i = 0; i < v->g->n; i++)
		if (!task_proved(v, i, &point))
			return false;
	return point == v->c->n_points;
}

/* ---- EDF ---- */

/* With @due all that is due in a window of @t; without, all that arrives in it. */
static wide guest_work(const struct vrk_guest *g, wide t, bool due)
{
	wide sum = 0, blocking = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct vrk_task *x = &g->tasks[i];

		blocking = x->blocking_ns > blocking ? x->blocking_ns : blocking;
		if (!due)
			sum += up(t + x->jitter_ns, x->period_ns) * x->wcet_ns;
		else if (t + x->jitter_ns >= x->deadline_ns)
			sum += ((t + x->jitter_ns - x->deadline_ns) / x->period_ns + 1) * x->wcet_ns;
	}
	return sum + blocking;
}

/* Is any deadline D + k T - J strictly between? */
static bool guest_deadline_between(const struct vrk_guest *g, wide lo, wide hi)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct vrk_task *x = &g->tasks[i];
		wide from = lo + x->jitter_ns;
		wide next = from < x->deadline_ns ? x->deadline_ns : x->deadline_ns + ((from - x->deadline_ns) / x->period_ns + 1) * x->period_ns;

		if (next < hi + x->jitter_ns)
			return true;
	}
	return false;
}

static bool edf_proved(const struct view *v)
{
	wide limit = (wide)v->c->horizon_ns + 1;

	if (v->g->n == 0)
		return true;
	for (size_t i = 0; i < v->g->n; i++)
		if (sleeps(&v->g->tasks[i]) || v->g->tasks[i].jitter_ns >= v->g->tasks[i].deadline_ns)
			return false;
	if (v->c->n_points % 2 || v->c->horizon_ns == 0 ||
	    !supplied(v->s, v->c->horizon_ns, 1, guest_work(v->g, v->c->horizon_ns, false)))
		return false;
	for (size_t k = 0; k < v->c->n_points; k += 2) {
		wide t = v->c->points_ns[k], need = v->c->points_ns[k + 1];

		if (t >= limit || need > t || guest_deadline_between(v->g, t, limit) ||
		    !supplied(v->s, need, 1, guest_work(v->g, t, true)))
			return false;
		limit = need;
	}
	return !guest_deadline_between(v->g, 0, limit);
}

nsec_t vrk_guest_demand(const struct vrk_guest *g, nsec_t t_ns)
{
	wide sum = guest_work(g, t_ns, true);

	return sum < NSEC_MAX ? (nsec_t)sum : NSEC_MAX;
}

int vrk_guest_certificate_check(const struct vrk_supply *s, const struct vrk_guest *g, const struct vrk_guest_certificate *cert)
{
	const struct view v = { s, g, cert };
	bool proved;

	if (!supply_proper(s) || g->n > TASKS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < g->n; i++)
		if (!task_proper(&g->tasks[i]))
			return -EBADMSG;
	if (g->scheduler == VRK_GUEST_FP)
		proved = cert->test == VRK_TEST_GUEST_FP && fp_proved(&v);
	else
		proved = cert->test == VRK_TEST_GUEST_EDF && edf_proved(&v);
	return proved ? 0 : -EBADMSG;
}

/* ---- fixed-priority servers ---- */

int vrk_host_fp_check(const struct vrk_reservation *r, size_t n, bool deferrable, const nsec_t *delivered_ns)
{
	for (size_t i = 0; i < n; i++) {
		wide work = r[i].budget_ns, w = delivered_ns[i];

		if (r[i].budget_ns == 0 || r[i].budget_ns > r[i].deadline_ns || r[i].deadline_ns > r[i].period_ns ||
		    r[i].period_ns > NUMBER_MAX || w > r[i].deadline_ns)
			return -EBADMSG;
		for (size_t h = 0; h < i; h++)
			work += up(w + (deferrable ? r[h].period_ns - r[h].budget_ns : 0), r[h].period_ns) * r[h].budget_ns;
		if (work > w)
			return -EBADMSG;
	}
	return 0;
}
