/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks between guests in the simulator. A resource has an owner and a queue; a task that asks for one that is taken sleeps,
 * and the release passes ownership to the next in the queue, who hears of it after the resource's latency at most. In its
 * guest an owner goes before all tasks that own nothing, but not before handlers of interrupts: by priority among such, or the
 * first granted first, since no bound may depend on that. The host knows nothing of it all: an owner's vCPU runs when its
 * reservation does.
 *
 * Called by sim-guest.c, at instants at which the task that asks or releases is running. Sections do not nest: a task asks
 * for one lock at a time, and holds it until its section is executed.
 */
#include <errno.h>
#include <stdint.h>

#include "sim.h"

#define WCET_MAX ((nsec_t)1 << 60)

int sections_check(const struct vrk_sim_host *host, const struct vrk_sim_task *t, bool edf)
{
	nsec_t left = t->wcet_ns < WCET_MAX ? t->wcet_ns : WCET_MAX;

	if (t->n_sections > 0 && (edf || t->handler))
		return -EINVAL;
	for (size_t i = 0; i < t->n_sections; i++) {
		const struct vrk_sim_section *s = &t->sections[i];

		if (s->resource >= host->n_resources || s->length_ns == 0 || s->count == 0 || s->length_ns > left / s->count ||
		    host->resources[s->resource].latency_ns > WCET_MAX)
			return -EINVAL;
		left -= s->length_ns * s->count;
	}
	return 0;
}

void lock_heard(struct guest_task *t, sim_time now)
{
	t->state = JOB_READY;
	t->event = SIM_NEVER;
	if ((nsec_t)(now - t->asked) > t->result->wait_ns)
		t->result->wait_ns = (nsec_t)(now - t->asked);
}

static void lock_grant(struct sim_lock *l, struct guest_task *t, sim_time now)
{
	l->holder = t;
	t->granted = now;
	t->guest->holders++;
}

static void lock_queue(struct sim_lock *l, struct guest_task *t)
{
	struct guest_task **at = &l->first;

	while (*at && (!l->spec->ranked || (*at)->spec->rank <= t->spec->rank))
		at = &(*at)->behind;
	t->behind = *at;
	*at = t;
}

void lock_request(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags)
{
	const struct vrk_sim_section *s = &t->spec->sections[t->section];

	t->lock = &t->guest->locks[s->resource];
	t->asked = now;
	t->segment = (sim_time)s->length_ns;
	if (!(flags & VRK_SIM_FULL) && (rng_next(rng) & 3) == 0)
		t->segment = rng_upto(rng, t->segment - 1) + 1;
	t->requests_left--;
	if (--t->again == 0) {
		t->section = (t->section + 1) % t->spec->n_sections;
		t->again = t->spec->sections[t->section].count;
	}
	if (!t->lock->holder) {
		lock_grant(t->lock, t, now);
		lock_heard(t, now);
		return;
	}
	t->state = JOB_WAITING;
	t->event = SIM_NEVER;
	lock_queue(t->lock, t);
}

void lock_release(struct guest_task *t, sim_time now, struct rng *rng)
{
	struct sim_lock *l = t->lock;
	struct guest_task *next = l->first;

	if ((nsec_t)(now - t->granted) > t->result->hold_ns)
		t->result->hold_ns = (nsec_t)(now - t->granted);
	t->guest->holders--;
	t->lock = NULL;
	l->holder = NULL;
	if (!next)
		return;
	l->first = next->behind;
	next->behind = NULL;
	lock_grant(l, next, now);
	next->state = JOB_GRANTED;
	next->event = now + rng_upto(rng, (sim_time)l->spec->latency_ns);
	if (next->event <= now)
		lock_heard(next, now);
	next->guest->touched = true;
}

struct guest_task *lock_current(const struct guest *g, uint32_t flags)
{
	struct guest_task *best = NULL;

	for (size_t i = 0; i < g->n; i++) {
		struct guest_task *t = &g->tasks[i];

		if (t->state != JOB_READY)
			continue;
		if (t->spec->handler)
			return t;
		if (!holds(t))
			continue;
		if (!best || ((flags & VRK_SIM_BAND_FIFO) && t->granted < best->granted))
			best = t;
	}
	return best;
}

/* What is still waited for or held at the end has been for at least so long. */
void lock_done(struct guest_task *t, sim_time now)
{
	if (!t->lock)
		return;
	if (!holds(t) && (nsec_t)(now - t->asked) > t->result->wait_ns)
		t->result->wait_ns = (nsec_t)(now - t->asked);
	if (holds(t) && (nsec_t)(now - t->granted) > t->result->hold_ns)
		t->result->hold_ns = (nsec_t)(now - t->granted);
}
