/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed-priority servers on one CPU, as the original Virt/RK had them: when is a whole budget delivered, counted from its
 * replenishment? W = Q + sum_hp ceil((W + J_h)/P_h) Q_h (Joseph, Pandya, 1986), with J = 0 for periodic servers, and J = P - Q
 * for deferrable ones, which may deliver two budgets back to back (Strosnider, Lehoczky, Sha, IEEE TC 44 (1995)).
 *
 * And the recurrence of older papers for tasks inside such a server, kept to draw their figures again. Neither is part of
 * admission: stock Linux has no such servers, and the old recurrence is optimistic.
 */
#include <errno.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define STEPS_MAX 100000

static nsec_t delivered(const struct vrk_reservation *r, size_t i, bool deferrable)
{
	nsec_t w = r[i].budget_ns;

	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		u128 next = r[i].budget_ns;

		for (size_t h = 0; h < i; h++) {
			nsec_t jitter = deferrable ? r[h].period_ns - r[h].budget_ns : 0;

			next += (u128)ceil_div(w + jitter, r[h].period_ns) * r[h].budget_ns;
		}
		if (next == w)
			return w;
		if (next > r[i].deadline_ns)
			return clamp64(next) > SUPPLY_MAX ? NSEC_MAX : (nsec_t)next;
		w = (nsec_t)next;
	}
	return NSEC_MAX;
}

int vrk_host_fp(const struct vrk_reservation *r, size_t n, bool deferrable, struct vrk_verdict *ret, nsec_t *ret_delivered_ns)
{
	struct vrk_verdict v = { .ok = true, .test = VRK_TEST_HOST_FP, .unit = VRK_SIDE_NS, .index = SIZE_MAX };

	for (size_t i = 0; i < n; i++)
		if (r[i].budget_ns == 0 || r[i].budget_ns > r[i].deadline_ns || r[i].deadline_ns > r[i].period_ns ||
		    r[i].period_ns > TASK_MAX)
			return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		nsec_t w = delivered(r, i, deferrable);

		if (ret_delivered_ns)
			ret_delivered_ns[i] = w;
		if (v.ok) {
			v.ok = w <= r[i].deadline_ns;
			v.lhs = w;
			v.rhs = r[i].deadline_ns;
			v.index = i;
		}
	}
	*ret = v;
	return 0;
}

int vrk_legacy_fp(const struct vrk_supply *s, const struct vrk_task *t, size_t n, struct vrk_verdict *ret, nsec_t *ret_response_ns)
{
	struct vrk_verdict v = { .ok = true, .test = VRK_TEST_GUEST_FP, .unit = VRK_SIDE_NS, .index = SIZE_MAX };
	int err = tasks_check(t, n);

	if (err < 0)
		return err;
	if (!supply_sane(s))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		u128 w = 0, next = t[i].wcet_ns;

		for (unsigned int step = 0; next != w && next <= t[i].deadline_ns && step < STEPS_MAX; step++) {
			u128 work = (u128)t[i].wcet_ns + t[i].blocking_ns;

			w = next;
			for (size_t h = 0; h < n; h++)
				if (h != i && (t[h].priority < t[i].priority || (h < i && t[h].priority == t[i].priority)))
					work += (u128)ceil_div((nsec_t)w + t[h].jitter_ns, t[h].period_ns) * t[h].wcet_ns;
			next = work + (work + s->budget_ns - 1) / s->budget_ns * (s->period_ns - s->budget_ns);
		}
		if (ret_response_ns)
			ret_response_ns[i] = next == w ? (nsec_t)w : NSEC_MAX;
		if (v.ok) {
			v.ok = next == w;
			v.lhs = clamp64(next);
			v.rhs = t[i].deadline_ns;
			v.index = i;
		}
	}
	*ret = v;
	return 0;
}
