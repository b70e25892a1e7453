/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chains in the simulator: a job of one task that ends makes one of another arrive, maybe in another server, after a delay. So an
 * interrupt goes from the hard handler to a thread to a handler inside a guest. Every part of a chain counts from the signal that
 * started it. What a task cannot take yet waits in a queue; when that is full, a signal is served together with the last of them.
 *
 * Called by sim-guest.c and simulate.c. A chain goes forward in the array of tasks, hence it ends. It knows nothing of CPUs.
 */
#include <errno.h>
#include <stdint.h>

#include "sim.h"

int chains_check(const struct vrk_sim_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].next == 0)
			continue;
		if (tasks[i].next > n || tasks[i].next - 1 <= i)
			return -EINVAL;
		if (tasks[i].next_ns > TIME_MAX)
			return -ERANGE;
	}
	return 0;
}

size_t chains_count(const struct vrk_sim_task *tasks, size_t n)
{
	size_t chained = 0;

	for (size_t i = 0; i < n; i++)
		chained += tasks[i].next > 0;
	return chained;
}

void chains_init(struct guest_task *tasks, size_t n, struct sim_chain *chains)
{
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].spec->next == 0)
			continue;
		tasks[i].next = &tasks[tasks[i].spec->next - 1];
		if (!tasks[i].next->chain)
			tasks[i].next->chain = chains++;
	}
}

void chain_take(struct guest_task *t)
{
	struct sim_chain *c = t->chain;

	t->event = SIM_NEVER;
	if (c->n == 0)
		return;
	t->next_arrival = c->waiting[c->first].arrived;
	t->event = c->waiting[c->first].ready;
}

void chain_started(struct guest_task *t)
{
	struct sim_chain *c = t->chain;

	c->first = (c->first + 1) % SIM_SIGNALS_MAX;
	c->n--;
}

void chain_signal(struct guest_task *from, sim_time now, struct rng *rng, uint32_t flags)
{
	struct guest_task *t = from->next;
	struct sim_chain *c = t->chain;
	sim_time delay = (sim_time)from->spec->next_ns;

	if (!(flags & VRK_SIM_SYNC))
		delay = rng_upto(rng, delay);
	if (c->n == SIM_SIGNALS_MAX) {
		for (; t; t = t->next)
			t->result->missed += t->spec->deadline_ns > 0;
		return;
	}
	c->waiting[(c->first + c->n++) % SIM_SIGNALS_MAX] = (struct sim_signal){ from->arrived, now + delay };
	if (t->state == JOB_NONE && c->n == 1)
		chain_take(t);
	if (t->guest)	/* else it is in no server */
		t->guest->touched = true;
}

static void unfinished(struct guest_task *t, sim_time arrived, sim_time now)
{
	sim_time waited = now - arrived;

	if (waited <= 0)
		return;
	t->result->missed += t->spec->deadline_ns && (nsec_t)waited > t->spec->deadline_ns;
	if ((nsec_t)waited > t->result->worst_ns)
		t->result->worst_ns = (nsec_t)waited;
}

void chain_done(struct guest_task *t, sim_time now)
{
	const struct sim_chain *c = t->chain;

	for (struct guest_task *n = t->next; n && t->state != JOB_NONE; n = n->next)
		unfinished(n, t->arrived, now);
	for (size_t i = 0; c && i < c->n; i++)
		for (struct guest_task *n = t; n; n = n->next)
			unfinished(n, c->waiting[(c->first + i) % SIM_SIGNALS_MAX].arrived, now);
}
