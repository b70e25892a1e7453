/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The constant bandwidth server as kernel/sched/deadline.c carries it out, on two numbers: what is left of the budget, and the
 * absolute deadline. What each rule is for stands in cbs.h; the names in the kernel are dl_entity_overflow(),
 * update_dl_entity(), update_dl_revised_wakeup() and replenish_dl_entity().
 *
 * Called by the meter alone. Pure arithmetic: no clock, no memory, no decision.
 */
#include <assert.h>

#include "cbs.h"

/* dl_entity_overflow() compares in grains of 2^10 ns. */
#define DL_SCALE 10

nsec_t cbs_next_period(const struct cbs_params *p, const struct cbs *s)
{
	return s->d_ns - p->deadline_ns + p->period_ns;
}

void cbs_restart(const struct cbs_params *p, struct cbs *s, nsec_t now_ns)
{
	s->q_ns = (int64_t)p->budget_ns;
	s->d_ns = now_ns + p->deadline_ns;
}

void cbs_replenish(const struct cbs_params *p, struct cbs *s, nsec_t now_ns)
{
	uint64_t periods;

	assert(s->q_ns <= 0 && p->budget_ns > 0);
	periods = (uint64_t)-s->q_ns / p->budget_ns + 1;
	s->d_ns += periods * p->period_ns;
	s->q_ns += (int64_t)(periods * p->budget_ns);
	if (s->d_ns < now_ns)
		cbs_restart(p, s, now_ns);
}

/* Could the rest of the budget by the old deadline be more than the reserved share from now on? */
static bool cbs_overflows(const struct cbs_params *p, const struct cbs *s, nsec_t now_ns)
{
	__int128 left = (__int128)(p->deadline_ns >> DL_SCALE) * (s->q_ns >> DL_SCALE);
	__int128 right = (__int128)((s->d_ns - now_ns) >> DL_SCALE) * (p->budget_ns >> DL_SCALE);

	return left > right;
}

bool cbs_wakes_anew(const struct cbs_params *p, const struct cbs *s, nsec_t now_ns)
{
	if (s->d_ns < now_ns)
		return true;
	return p->deadline_ns == p->period_ns && cbs_overflows(p, s, now_ns);
}

void cbs_revise(const struct cbs_params *p, struct cbs *s, nsec_t now_ns)
{
	if (now_ns > s->d_ns)
		now_ns = s->d_ns;
	if (p->deadline_ns < p->period_ns && cbs_overflows(p, s, now_ns))
		s->q_ns = (int64_t)((__int128)(s->d_ns - now_ns) * p->budget_ns / p->deadline_ns);
}

bool cbs_is_due(const struct cbs_params *p, const struct cbs *s, nsec_t now_ns)
{
	return s->q_ns <= 0 && cbs_next_period(p, s) <= now_ns;
}

bool cbs_notice(const struct cbs_params *p, struct cbs *s, nsec_t now_ns, bool leaving,
		struct cbs *ret_bound)
{
	struct cbs paid = *s;
	nsec_t overrun_ns = (nsec_t)-s->q_ns;
	nsec_t late_ns;

	cbs_replenish(p, &paid, 0);
	if (paid.d_ns >= now_ns) {
		*s = paid;
		*ret_bound = paid;
		if (p->budget_ns <= p->grain_ns)
			ret_bound->d_ns += p->period_ns * (p->grain_ns / p->budget_ns);
		return true;
	}
	if (!leaving && overrun_ns < p->grain_ns)
		return false;
	late_ns = now_ns - cbs_next_period(p, s);
	if (late_ns > overrun_ns)
		late_ns = overrun_ns;
	cbs_restart(p, s, now_ns);
	*ret_bound = (struct cbs){ s->q_ns - (int64_t)late_ns, s->d_ns };
	return true;
}

nsec_t cbs_next_change(const struct cbs_params *p, const struct cbs *s, nsec_t last_ns, nsec_t to_ns)
{
	nsec_t next_ns;

	if (s->q_ns > 0)
		next_ns = last_ns + (nsec_t)s->q_ns;
	else if (cbs_is_due(p, s, last_ns))
		next_ns = last_ns + p->grain_ns - (nsec_t)-s->q_ns;	/* by then it has been noticed */
	else
		next_ns = cbs_next_period(p, s);
	return next_ns > last_ns && next_ns < to_ns ? next_ns : to_ns;
}

void cbs_end_throttling(const struct cbs_params *p, struct cbs *s, nsec_t at_ns)
{
	if (s->q_ns > 0)
		s->q_ns = 0;
	if (s->q_ns <= -(int64_t)p->grain_ns)
		s->q_ns = p->grain_ns > 0 ? 1 - (int64_t)p->grain_ns : 0;
	s->d_ns = at_ns + p->deadline_ns - p->period_ns;
	cbs_replenish(p, s, at_ns);
}
