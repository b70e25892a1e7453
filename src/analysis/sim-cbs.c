/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The constant bandwidth server as Linux 6.12 has it (kernel/sched/deadline.c), event by event: wake-up (update_dl_entity,
 * dl_check_constrained_dl), sleep, the cut at exhaustion, the replenishment timer, and the deferral of the fair server.
 * Called by the simulator's host. It knows neither CPUs nor guests, and nothing here is a bound: the rules are what bounds
 * are tested against, so they follow the kernel even where the kernel is odd.
 */
#include <stdbool.h>
#include <stdint.h>

#include "sim.h"

void cbs_init(struct cbs *s, const struct vrk_reservation *r, bool fair, bool grain)
{
	*s = (struct cbs){
		.budget = (sim_time)r->budget_ns,
		.deadline = (sim_time)r->deadline_ns,
		.period = (sim_time)r->period_ns,
		.d = -(sim_time)r->period_ns - 1,	/* long past: the first wake-up starts a period */
		.replenish_at = SIM_NEVER,
		.fair = fair,
		.grain = grain ? 10 : 0,
	};
}

/* Would q until d take more than its share? In the kernel's grains. */
static bool overflows(const struct cbs *s, sim_time now)
{
	__int128 left = (__int128)(s->deadline >> s->grain) * (s->q >> s->grain);
	__int128 right = (__int128)((s->d - now) >> s->grain) * (s->budget >> s->grain);

	return left > right;
}

static void fresh(struct cbs *s, sim_time now)
{
	s->q = s->budget;
	s->d = now + s->deadline;
	s->whole = true;
	s->exhausted = false;
}

/* Deferred: not before its laxity is gone. */
static void fair_arm(struct cbs *s, sim_time now)
{
	s->armed = true;
	s->throttled = true;
	s->replenish_at = s->d - s->q > now ? s->d - s->q : now;
}

void cbs_wake(struct cbs *s, sim_time now)
{
	bool constrained = s->deadline < s->period;

	if (s->throttled)
		return;		/* the timer will see to it */
	if (s->fixed) {
		fixed_wake(s);
		return;
	}
	if (constrained && s->d < now && now < s->d - s->deadline + s->period) {
		s->throttled = true;
		s->replenish_at = s->d - s->deadline + s->period;
		if (s->q > 0)
			s->q = 0;
		return;
	}
	s->whole = false;
	s->exhausted = s->q <= 0;
	if (s->d < now || overflows(s, now)) {
		if (constrained && s->d >= now) {
			s->q = (sim_time)((__int128)s->budget * (s->d - now) / s->deadline);
			if (s->q <= 0)
				cbs_cut(s, now);
			return;
		}
		fresh(s, now);
	}
	if (s->fair && !s->running)
		fair_arm(s, now);
}

void cbs_sleep(struct cbs *s, sim_time now)
{
	s->whole = false;
	if (s->fair) {		/* dl_server_stop() */
		s->armed = false;
		s->throttled = false;
		s->replenish_at = SIM_NEVER;
	} else if (!s->throttled && s->q <= 0) {
		cbs_cut(s, now);
	}
}

static void replenish(struct cbs *s, sim_time now)
{
	s->throttled = false;
	s->replenish_at = SIM_NEVER;
	while (s->q <= 0) {
		s->d += s->period;
		s->q += s->budget;
	}
	s->whole = true;
	s->exhausted = false;
	if (s->d < now)
		fresh(s, now);
}

/* The budget is gone, and the kernel has noticed. */
void cbs_cut(struct cbs *s, sim_time now)
{
	s->throttled = true;
	if (s->fixed)
		return;		/* until the next period, whose beginning is fixed, too */
	s->replenish_at = s->d - s->deadline + s->period;
	if (s->replenish_at <= now)
		replenish(s, now);
}

void cbs_timer(struct cbs *s, sim_time now)
{
	if (s->fixed) {
		fixed_timer(s, now);
		return;
	}
	if (!s->armed) {
		replenish(s, now);
		return;
	}
	if (now < s->d - s->q) {	/* it got time in the background: not yet */
		s->replenish_at = s->d - s->q;
		return;
	}
	s->armed = false;
	s->running = true;
	s->throttled = false;
	s->replenish_at = SIM_NEVER;
	s->whole = false;
	if (overflows(s, now))
		fresh(s, now);
	if (s->q <= 0)
		replenish(s, now);
}

/* Ordinary threads used its budget up while no reservation wanted the CPU: it was never needed. */
void cbs_background(struct cbs *s, sim_time now)
{
	s->running = false;
	fresh(s, now);
	fair_arm(s, now);
}
