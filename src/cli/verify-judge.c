/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One busy period against the supply bound function: is there an interval [s, t] in which the thread got less than sbf(t - s)?
 *
 * Which ones to look at: in the deficit sbf(t - s) - (S(t) - S(s)), S being the CPU time so far, both terms grow by at most one
 * ns per ns. While the thread runs, S grows at just that rate, so an s in the middle of a run can be moved to its end, and a t
 * there to its beginning, without making the deficit smaller; while it waits, s can be moved to the beginning of
 * the wait and t to its end. Hence all s are beginnings of waits and all t ends of waits.
 *
 * How to find the worst s of a t without going through all of them: with x = s + Delta, Delta the longest time without supply,
 *	sbf(t - s) = Q * ((t - x) / P) + min(Q, (t - x) mod P)		for x < t, else 0.
 * Write x = P * k + phi and t = P * l + psi. Then, up to Q * l, the deficit is H = S(s) - Q * k plus a term of psi - phi, which
 * has four forms:
 *	phi in [0, psi - Q]: Q;  (psi - Q, psi]: psi - phi;  (psi, psi + P - Q]: 0;  (psi + P - Q, P): psi - phi + P - Q.
 * So the best s of each form is the one with the greatest H, or the greatest H - phi, in a range of phi: a tree over the
 * sorted phases with both maxima, into which s is put when t is beyond s + Delta. The four candidates are then judged by
 * vrk_sbf() itself; its latency is part of Delta, and its tick takes the same from all (but never below 0, so the worst is
 * looked for without it).
 *
 * Called by verify.c, and by its test against going through all pairs. Pure.
 */
#include <assert.h>
#include <string.h>

#include "verify.h"

#define NONE SIZE_MAX

struct phase {
	int64_t phi;
	size_t wait;
};

struct judge {
	const struct vrk_supply *supply;
	struct vrk_supply exact;	/* the same without tick */
	const struct verify_wait *waits;
	size_t n;
	nsec_t blackout_ns;
	struct phase *phases;	/* sorted */
	size_t *place;		/* of a wait: where in phases */
	int64_t *height;	/* of a wait: H */
	size_t *highest;	/* the tree: 2 n, the wait with the greatest H below a node */
	size_t *steepest;	/* ... H - phi */
};

static void judge_done(struct judge *j)
{
	free(j->phases);
	free(j->place);
	free(j->height);
	free(j->highest);
	free(j->steepest);
}

static int phase_compare(const void *a, const void *b)
{
	const struct phase *p = a, *q = b;

	if (p->phi != q->phi)
		return p->phi < q->phi ? -1 : 1;
	return p->wait < q->wait ? -1 : p->wait > q->wait;
}

static int judge_init(struct judge *j)
{
	const struct vrk_supply *s = j->supply;

	j->blackout_ns = s->period_ns - s->budget_ns + (s->deadline_ns - s->budget_ns) + s->latency_ns;
	j->phases = calloc(j->n, sizeof(*j->phases));
	j->place = calloc(j->n, sizeof(*j->place));
	j->height = calloc(j->n, sizeof(*j->height));
	j->highest = calloc(j->n, 2 * sizeof(*j->highest));
	j->steepest = calloc(j->n, 2 * sizeof(*j->steepest));
	if (!j->phases || !j->place || !j->height || !j->highest || !j->steepest)
		return -ENOMEM;
	for (size_t i = 0; i < j->n; i++) {
		nsec_t x = j->waits[i].from_ns - j->waits[0].from_ns + j->blackout_ns;

		j->phases[i] = (struct phase){ (int64_t)(x % s->period_ns), i };
		j->height[i] = (int64_t)j->waits[i].got_ns - (int64_t)(x / s->period_ns * s->budget_ns);
	}
	qsort(j->phases, j->n, sizeof(*j->phases), phase_compare);
	for (size_t i = 0; i < j->n; i++)
		j->place[j->phases[i].wait] = i;
	memset(j->highest, 0xff, j->n * 2 * sizeof(*j->highest));
	memset(j->steepest, 0xff, j->n * 2 * sizeof(*j->steepest));
	return 0;
}

static int64_t slope_of(const struct judge *j, size_t wait)
{
	return j->height[wait] - j->phases[j->place[wait]].phi;
}

static size_t higher(const struct judge *j, size_t a, size_t b)
{
	if (a == NONE || b == NONE)
		return a == NONE ? b : a;
	return j->height[a] >= j->height[b] ? a : b;
}

static size_t steeper(const struct judge *j, size_t a, size_t b)
{
	if (a == NONE || b == NONE)
		return a == NONE ? b : a;
	return slope_of(j, a) >= slope_of(j, b) ? a : b;
}

/* @wait is there from now on, or (NONE at its @place) no more. */
static void tree_set(struct judge *j, size_t place, size_t wait)
{
	size_t i = place + j->n;

	j->highest[i] = wait;
	j->steepest[i] = wait;
	for (i /= 2; i > 0; i /= 2) {
		j->highest[i] = higher(j, j->highest[2 * i], j->highest[2 * i + 1]);
		j->steepest[i] = steeper(j, j->steepest[2 * i], j->steepest[2 * i + 1]);
	}
}

/* The best at places [from, to). */
static size_t tree_best(const struct judge *j, bool steep, size_t from, size_t to)
{
	size_t best = NONE;

	for (from += j->n, to += j->n; from < to; from /= 2, to /= 2) {
		if (from & 1) {
			best = steep ? steeper(j, best, j->steepest[from]) : higher(j, best, j->highest[from]);
			from++;
		}
		if (to & 1) {
			to--;
			best = steep ? steeper(j, best, j->steepest[to]) : higher(j, best, j->highest[to]);
		}
	}
	return best;
}

/* How many phases are at most @phi. */
static size_t phases_upto(const struct judge *j, int64_t phi)
{
	size_t low = 0, high = j->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (j->phases[middle].phi <= phi)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Among those in the tree, the interval up to the end of wait @last that has the least excess; false: nothing is promised. */
static bool worst_window(const struct judge *j, size_t last, struct verify_window *ret, int64_t *ret_margin_ns)
{
	const struct verify_wait *end = &j->waits[last];
	int64_t q = (int64_t)j->supply->budget_ns, p = (int64_t)j->supply->period_ns;
	int64_t psi = (int64_t)((end->to_ns - j->waits[0].from_ns) % j->supply->period_ns);
	size_t a = phases_upto(j, psi - q), b = phases_upto(j, psi), c = phases_upto(j, psi + p - q);
	size_t candidates[] = {
		tree_best(j, false, 0, a), tree_best(j, true, a, b), tree_best(j, false, b, c), tree_best(j, true, c, j->n),
	};
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		const struct verify_wait *start;
		nsec_t length_ns, exact_ns, got_ns;

		if (candidates[i] == NONE)
			continue;
		start = &j->waits[candidates[i]];
		length_ns = end->to_ns - start->from_ns;
		got_ns = end->got_ns - start->got_ns;
		exact_ns = vrk_sbf(&j->exact, length_ns);
		if (exact_ns == 0 || (found && (int64_t)(got_ns - exact_ns) >= *ret_margin_ns))
			continue;
		*ret = (struct verify_window){ candidates[i], last, vrk_sbf(j->supply, length_ns), got_ns };
		*ret_margin_ns = (int64_t)(got_ns - exact_ns);
		found = true;
	}
	return found;
}

static int judge_walk(struct judge *j, verify_listener listen, void *userdata, int64_t *ret_margin_ns)
{
	size_t in = 0, out = 0;		/* in the tree: waits [out, in) */

	for (size_t last = 0; last < j->n; last++) {
		struct verify_window worst;
		int64_t margin_ns = 0;
		int r;

		for (; in <= last && j->waits[in].from_ns + j->blackout_ns < j->waits[last].to_ns; in++)
			tree_set(j, j->place[in], in);
		if (!worst_window(j, last, &worst, &margin_ns))
			continue;
		if (margin_ns < *ret_margin_ns)
			*ret_margin_ns = margin_ns;
		if (worst.got_ns >= worst.promised_ns)
			continue;
		r = listen(userdata, j->waits, &worst);
		if (r < 0)
			return r;
		for (; out < in; out++)
			tree_set(j, j->place[out], NONE);
		in = out = last + 1;
	}
	return 0;
}

int verify_busy(const struct vrk_supply *supply, const struct verify_wait *waits, size_t n, verify_listener listen, void *userdata,
		int64_t *ret_margin_ns)
{
	_cleanup_(judge_done) struct judge j = { .supply = supply, .exact = *supply, .waits = waits, .n = n };
	int r;

	assert(supply->switch_ns == 0 && supply->irq_ns == 0);
	assert(supply->budget_ns > 0 && supply->budget_ns <= supply->deadline_ns && supply->deadline_ns <= supply->period_ns);
	j.exact.tick_ns = 0;
	*ret_margin_ns = INT64_MAX;
	if (n == 0)
		return 0;
	r = judge_init(&j);
	return r < 0 ? r : judge_walk(&j, listen, userdata, ret_margin_ns);
}
