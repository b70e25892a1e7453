/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed-priority tasks of one vCPU that share cache colours. Whoever is preempted may have to load again what was evicted meanwhile,
 * and whoever starts anew finds what others left. Counted in whole colours, as unions: a preemption by h costs, for the response of
 * task i, what any task that h can preempt (down to i) uses and what h or anybody who can preempt h uses, too. That is at least
 * what evicting and useful cache blocks give (Altmeyer, Davis, Maiza, Real-Time Systems 48, 2012), nested preemptions included. Tasks
 * of one priority may preempt each other, as far as this file knows.
 *
 * The cost depends on i, so each task is asked about alone, with those that go before it made longer by as much. Called by planning
 * inside guests. Knows nothing about other vCPUs: their colours must be others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "memory.h"

static void unite(struct vrk_colors *set, const struct vrk_colors *more)
{
	for (size_t w = 0; w < VRK_COLORS_MAX / 64; w++)
		set->words[w] |= more->words[w];
}

static uint64_t both(struct vrk_colors a, const struct vrk_colors *b)
{
	for (size_t w = 0; w < VRK_COLORS_MAX / 64; w++)
		a.words[w] &= b->words[w];
	return vrk_colors_count(&a);
}

/* Loading what others of the vCPU may have used since the last job. */
static uint64_t start_cost(const struct vrk_colors *colors, size_t n, size_t i, nsec_t reload_ns)
{
	struct vrk_colors others = { { 0 } };

	for (size_t j = 0; j < n; j++)
		if (j != i)
			unite(&others, &colors[j]);
	return clamp64((u128)both(others, &colors[i]) * reload_ns);
}

/* What a preemption by @h costs, for the response of @i. */
static uint64_t preemption_cost(const struct vrk_task *t, const struct vrk_colors *colors, size_t n, size_t h, size_t i, nsec_t reload_ns)
{
	struct vrk_colors hurt = { { 0 } }, evict = { { 0 } };

	for (size_t j = 0; j < n; j++) {
		if (j != h && t[j].priority >= t[h].priority && t[j].priority <= t[i].priority)
			unite(&hurt, &colors[j]);
		if (t[j].priority <= t[h].priority)
			unite(&evict, &colors[j]);
	}
	return clamp64((u128)both(hurt, &evict) * reload_ns);
}

/* Task @i with those that go before it, all as long as they may become. Return: -ERANGE; or how many, @i first. */
static int64_t longer_set(const struct vrk_task *t, const struct vrk_colors *colors, size_t n, size_t i, nsec_t reload_ns, bool warm,
			  struct vrk_task *ret)
{
	int64_t k = 0;

	for (size_t step = 0; step < n; step++) {
		size_t h = step == 0 ? i : step <= i ? step - 1 : step;
		u128 longer;

		if (h != i && t[h].priority > t[i].priority)
			continue;
		longer = warm ? start_cost(colors, n, h, reload_ns) : 0;
		if (h != i)
			longer += preemption_cost(t, colors, n, h, i, reload_ns);
		longer += t[h].wcet_ns;
		if (longer > NSEC_MAX)
			return -ERANGE;
		ret[k] = t[h];
		ret[k++].wcet_ns = (nsec_t)longer;
	}
	return k;
}

int vrk_guest_fp_reload(const struct vrk_supply *s, enum vrk_supply_mode mode, const struct vrk_task *t, const struct vrk_colors *colors,
			size_t n, nsec_t reload_ns, bool warm, struct vrk_verdict *ret, nsec_t *ret_response_ns)
{
	struct vrk_verdict v = { .ok = true, .test = VRK_TEST_GUEST_FP, .index = SIZE_MAX }, one;
	struct vrk_task *set;
	nsec_t *response;
	int64_t r = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i].suspensions > 0 || t[i].suspension_ns > 0)
			return -EOPNOTSUPP;
	set = calloc(n + 1, sizeof(*set));
	response = calloc(n + 1, sizeof(*response));
	if (!set || !response)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = longer_set(t, colors, n, i, reload_ns, warm, set);
		if (r >= 0)
			r = vrk_guest_fp(s, mode, set, (size_t)r, &one, response);
		if (r < 0)
			break;
		if (ret_response_ns)
			ret_response_ns[i] = response[0];
		if (v.ok && response[0] > t[i].deadline_ns) {
			v.ok = false;
			v.index = i;
		}
		if (v.index == i || (v.ok && i + 1 == n)) {
			v.lhs = response[0];
			v.rhs = t[i].deadline_ns;
		}
	}
	free(set);
	free(response);
	if (r >= 0)
		*ret = v;
	return r < 0 ? (int)r : 0;
}
