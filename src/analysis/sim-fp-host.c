/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers of a fixed-priority host in the simulator, as the original Virt/RK had them; stock Linux has none. Each gets its
 * whole budget at the beginning of every period, at instants that nothing moves; what is left of the one before is lost.
 * A deferrable server keeps its budget until there is work or the period ends. A periodic one wants the CPU until the
 * budget is gone, work or none, and what comes after that waits for the next period.
 *
 * They use the entity of sim-cbs.c, whose rules lead here for them: the queue is by d, so d is the priority, and the deadline
 * of a budget is kept beside it. Called by sim-cbs.c and simulate.c. Written from the definitions, sharing nothing with
 * host-fp.c, whose bound it is to be held against.
 */
#include <stdbool.h>
#include <stdint.h>

#include "sim.h"

void fixed_init(struct cbs *s, const struct vrk_reservation *r, size_t priority, bool periodic, sim_time phase)
{
	*s = (struct cbs){
		.budget = (sim_time)r->budget_ns,
		.deadline = (sim_time)r->deadline_ns,
		.period = (sim_time)r->period_ns,
		.d = (sim_time)priority,
		.replenish_at = phase,
		.throttled = true,
		.fixed = true,
		.burns = periodic,
	};
}

/* No later than if the budget of the period before had been used up at once, before time began. */
sim_time fixed_phase(const struct vrk_reservation *r, struct rng *rng)
{
	return rng_upto(rng, (sim_time)(r->period_ns - r->budget_ns));
}

/* There is budget, or it would be throttled. */
void fixed_wake(struct cbs *s)
{
	s->whole = false;
	s->exhausted = false;
}

void fixed_timer(struct cbs *s, sim_time now)
{
	s->q = s->budget;
	s->throttled = false;
	s->exhausted = false;
	s->whole = true;
	s->due = now + s->deadline;
	s->replenish_at = now + s->period;
}
