/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a no: the smallest change of the newcomers that turns it into a yes. Every candidate is found by bisection over
 * one number and confirmed by vrk_admit() as it stands, so a repair never promises what admission would refuse. Called by
 * the daemon for its refusals and by the offline verbs.
 *
 * Bisection is exact where admission is monotone (a smaller budget never hurts) and merely sound where it is not (a longer
 * deadline or period may hurt others): then it may miss a smaller change, but what it returns fits.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/analysis.h>

#include "internal.h"

#define GRID_NS NSEC_PER_USEC
#define SCALE_ONE ((uint64_t)1 << 32)

struct trial {
	const struct vrk_host *host;
	const struct vrk_reservation *was;
	struct vrk_reservation *r;
	size_t n;
	size_t first;
};

static int trial_fits(const struct trial *t, bool *ret)
{
	struct vrk_verdict v = { .ok = false };
	int err = vrk_admit(t->host, t->r, t->n, &v, NULL);

	*ret = err == 0 && v.ok;
	return err;
}

static nsec_t grid_down(u128 ns)
{
	return (nsec_t)(ns / GRID_NS * GRID_NS);
}

static nsec_t scaled_budget(nsec_t budget, uint64_t scale)
{
	nsec_t q = grid_down(((u128)budget * scale) >> 32);

	return q < VRK_BUDGET_MIN_NS ? 2 * GRID_NS : q;	/* the least budget on the grid that the kernel takes */
}

static void trial_scale(struct trial *t, uint64_t scale)
{
	for (size_t i = t->first; i < t->n; i++)
		t->r[i].budget_ns = scaled_budget(t->was[i].budget_ns, scale);
}

static void trial_reset(struct trial *t)
{
	memcpy(t->r + t->first, t->was + t->first, (t->n - t->first) * sizeof(*t->r));
}

/* The largest scale of all newcomers' budgets; 0 = none. */
static int repair_budget(struct trial *t, uint64_t *ret_scale)
{
	uint64_t lo = 0, hi = SCALE_ONE;	/* lo fits, hi does not */
	nsec_t largest = 1;
	bool fits;
	int err;

	for (size_t i = t->first; i < t->n; i++)
		if (t->was[i].budget_ns > largest)
			largest = t->was[i].budget_ns;
	*ret_scale = 0;
	trial_scale(t, lo);
	err = trial_fits(t, &fits);
	if (err < 0 || !fits)
		return err;
	/* finer than half a step of the grid for the largest budget changes nothing any more */
	while (hi - lo > 1 && (((u128)(hi - lo) * largest) >> 32) >= GRID_NS / 2) {
		uint64_t mid = lo + (hi - lo) / 2;

		trial_scale(t, mid);
		err = trial_fits(t, &fits);
		if (err < 0)
			return err;
		if (fits)
			lo = mid;
		else
			hi = mid;
	}
	*ret_scale = lo ? lo : 1;
	return 0;
}

/* The least value in (lo, limit] that fits, on the grid, put into r[index] by @set; 0 = not even the limit does. */
static int repair_value(struct trial *t, size_t index, nsec_t lo, nsec_t limit,
			void (*set)(struct vrk_reservation *r, const struct vrk_reservation *was, nsec_t value), nsec_t *ret)
{
	nsec_t hi = limit;
	bool fits;
	int err;

	*ret = 0;
	trial_reset(t);
	set(&t->r[index], &t->was[index], hi);
	err = trial_fits(t, &fits);
	if (err < 0 || !fits)
		return err;
	lo /= GRID_NS;		/* in steps of the grid from here: lo does not fit, hi does */
	hi = hi / GRID_NS + (hi % GRID_NS != 0);
	while (hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;

		set(&t->r[index], &t->was[index], mid * GRID_NS);
		err = trial_fits(t, &fits);
		if (err < 0)
			return err;
		if (fits)
			hi = mid;
		else
			lo = mid;
	}
	*ret = hi * GRID_NS < limit ? hi * GRID_NS : limit;
	return 0;
}

static void set_deadline(struct vrk_reservation *r, const struct vrk_reservation *was, nsec_t value)
{
	(void)was;
	r->deadline_ns = value;
}

static void set_period(struct vrk_reservation *r, const struct vrk_reservation *was, nsec_t value)
{
	r->period_ns = value;
	if (was->deadline_ns == was->period_ns)
		r->deadline_ns = value;
}

static int repair_deadline(struct trial *t, struct vrk_repair *best, u128 *cost)
{
	nsec_t value;
	int err;

	for (size_t i = t->first; i < t->n; i++) {
		const struct vrk_reservation *w = &t->was[i];
		u128 c;

		if (w->deadline_ns >= w->period_ns || w->deadline_ns == 0)
			continue;
		err = repair_value(t, i, w->deadline_ns, w->period_ns, set_deadline, &value);
		if (err < 0)
			return err;
		c = ((u128)(value - w->deadline_ns) << 32) / w->deadline_ns;
		if (value && c < *cost) {
			*cost = c;
			*best = (struct vrk_repair){ VRK_REPAIR_DEADLINE, i, value, *w };
			set_deadline(&best->fits, w, value);
		}
	}
	return 0;
}

static int repair_period(struct trial *t, struct vrk_repair *best, u128 *cost)
{
	nsec_t limit = t->host->period_max_ns ? t->host->period_max_ns : VRK_PERIOD_MAX_NS, value;
	int err;

	for (size_t i = t->first; i < t->n; i++) {
		const struct vrk_reservation *w = &t->was[i];
		u128 c;

		if (w->period_ns >= limit || w->period_ns == 0)
			continue;
		err = repair_value(t, i, w->period_ns, limit, set_period, &value);
		if (err < 0)
			return err;
		c = ((u128)(value - w->period_ns) << 32) / w->period_ns;
		if (value && c < *cost) {
			*cost = c;
			*best = (struct vrk_repair){ VRK_REPAIR_PERIOD, i, value, *w };
			set_period(&best->fits, w, value);
		}
	}
	return 0;
}

static int repair_tick(struct trial *t, struct vrk_repair *best)
{
	struct vrk_host fine = *t->host;
	struct trial with_fine = *t;
	bool fits;
	int err;

	fine.tick_ns = 0;
	with_fine.host = &fine;
	trial_reset(t);
	err = trial_fits(&with_fine, &fits);
	if (err == 0 && fits)
		*best = (struct vrk_repair){ VRK_REPAIR_TICK, SIZE_MAX, 0, { 0, 0, 0, false } };
	return err;
}

static int repair(struct trial *t, struct vrk_repair *best)
{
	u128 cost = ~(u128)0;
	uint64_t scale;
	int err = repair_budget(t, &scale);

	if (err < 0)
		return err;
	if (scale) {
		size_t i = t->first;

		cost = SCALE_ONE - scale;
		*best = (struct vrk_repair){ VRK_REPAIR_BUDGET, i, scaled_budget(t->was[i].budget_ns, scale), t->was[i] };
		best->fits.budget_ns = best->value_ns;
	}
	err = repair_deadline(t, best, &cost);
	if (err == 0)
		err = repair_period(t, best, &cost);
	if (err == 0 && t->host->tick_ns && best->kind == VRK_REPAIR_NONE)
		err = repair_tick(t, best);
	return err;
}

int vrk_admit_repair(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, size_t first,
		     struct vrk_repair *ret)
{
	struct vrk_repair best = { .kind = VRK_REPAIR_NONE, .index = SIZE_MAX };
	struct trial t = { .host = host, .was = r, .n = n, .first = first };
	int err = 0;

	if (first > n)
		return -EINVAL;
	if (first < n) {
		t.r = malloc(n * sizeof(*r));
		if (!t.r)
			return -ENOMEM;
		memcpy(t.r, r, n * sizeof(*r));
		err = repair(&t, &best);
		free(t.r);
	}
	if (err == 0)
		*ret = best;
	return err;
}

int vrk_admit_largest(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
		      nsec_t period_ns, nsec_t *ret_budget_ns)
{
	struct vrk_reservation *all;
	struct trial t;
	nsec_t lo = 0, hi;
	bool fits;
	int err = 0;

	if (n == SIZE_MAX || period_ns > NSEC_MAX)
		return -ERANGE;
	all = malloc((n + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (n > 0)
		memcpy(all, r, n * sizeof(*all));
	all[n] = (struct vrk_reservation){ .deadline_ns = period_ns, .period_ns = period_ns };
	t = (struct trial){ .host = host, .r = all, .n = n + 1 };
	hi = period_ns / GRID_NS + 1;		/* in steps of the grid: lo fits (or is 0), hi does not */
	while (err == 0 && hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;

		all[n].budget_ns = mid * GRID_NS;
		fits = false;
		err = trial_fits(&t, &fits);
		/* 1 us is below the kernel's least budget, yet 2 us may fit: not a no, but no answer either */
		if (fits || all[n].budget_ns < VRK_BUDGET_MIN_NS)
			lo = mid;
		else
			hi = mid;
	}
	free(all);
	if (err == 0)
		*ret_budget_ns = lo * GRID_NS < VRK_BUDGET_MIN_NS ? 0 : lo * GRID_NS;
	return err;
}
