/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a server in the simulator: tasks whose jobs arrive, become ready after some jitter, run in segments with
 * suspensions between, some of it under locks (sim-lock.c), and finish. Fixed priority (array order) or EDF. Draws what is free
 * to vary (arrivals, lengths) from the host's generator, so that one seed fixes a run. Called by simulate.c only; it does not
 * know when its server runs until it is told.
 */
#include <stdint.h>

#include "sim.h"

#define RNG_STEP 0x9e3779b97f4a7c15ULL	/* splitmix64 */

void rng_skip(struct rng *rng, uint64_t n)
{
	rng->state += n * RNG_STEP;
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += RNG_STEP;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

sim_time rng_upto(struct rng *rng, sim_time limit)
{
	uint64_t x = rng_next(rng);

	if (limit <= 0 || (x & 7) == 0)
		return 0;
	if ((x & 7) <= 2)
		return limit;
	return (sim_time)((x >> 3) % ((uint64_t)limit + 1));
}

/* As much of the execution outside of sections as comes before the next section or suspension; maybe none. */
static void part_next(struct guest_task *t, struct rng *rng, uint32_t flags)
{
	uint64_t ends = t->requests_left + t->pauses_left;

	if (ends == 0)
		t->segment = t->left;
	else if (flags & VRK_SIM_CONVOY && t->requests_left > 0)
		t->segment = 0;
	else if (flags & VRK_SIM_FULL)
		t->segment = t->left / (sim_time)(ends + 1);
	else
		t->segment = rng_upto(rng, t->left);
	t->left -= t->segment;
}

static void segment_next(struct guest_task *t, struct rng *rng, uint32_t flags)
{
	if (t->spec->n_sections > 0) {
		part_next(t, rng, flags);
		return;
	}
	if (t->pauses_left == 0 || t->left == 0)
		t->segment = t->left;
	else if (flags & VRK_SIM_FULL)
		t->segment = t->left / (t->pauses_left + 1);
	else
		t->segment = rng_upto(rng, t->left);
	if (t->segment == 0)
		t->segment = t->left;
	t->left -= t->segment;
}

/* Sections of one job: all of them, in their order; or some, from any of them on. */
static void job_sections(struct guest_task *t, struct rng *rng, uint32_t flags)
{
	const struct vrk_sim_task *s = t->spec;

	t->requests_left = 0;
	for (size_t i = 0; i < s->n_sections; i++) {
		t->requests_left += s->sections[i].count;
		t->left -= (sim_time)s->sections[i].length_ns * s->sections[i].count;
	}
	t->section = 0;
	if (!(flags & VRK_SIM_FULL) && s->n_sections > 0) {
		t->section = rng_next(rng) % s->n_sections;
		if ((rng_next(rng) & 3) == 0)
			t->requests_left = (uint64_t)rng_upto(rng, (sim_time)t->requests_left);
	}
	t->again = s->sections[t->section].count;
}

static void job_start(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags)
{
	const struct vrk_sim_task *s = t->spec;
	sim_time pause = flags & VRK_SIM_SYNC ? 0 : rng_upto(rng, (rng_next(rng) & 3) ? 0 : (sim_time)s->period_ns);
	sim_time jitter = flags & VRK_SIM_SYNC ? (sim_time)s->jitter_ns : rng_upto(rng, (sim_time)s->jitter_ns);

	t->arrived = t->next_arrival;
	t->next_arrival += (sim_time)s->period_ns + pause;
	if (t->chain)
		chain_started(t);
	t->left = (sim_time)s->wcet_ns;
	t->pause_left = (sim_time)s->suspension_ns;
	t->pauses_left = s->suspensions;
	if (s->n_sections > 0)
		job_sections(t, rng, flags);
	if (!(flags & VRK_SIM_FULL)) {
		if ((rng_next(rng) & 3) == 0 && t->left > 0)
			t->left = rng_upto(rng, t->left - 1) + 1;
		t->pause_left = rng_upto(rng, t->pause_left);
		t->pauses_left = (uint32_t)rng_upto(rng, s->suspensions);
	}
	segment_next(t, rng, flags);
	t->state = JOB_JITTER;
	t->event = t->arrived + jitter > now ? t->arrived + jitter : now;
}

void guest_init(struct guest *g, struct rng *rng, uint32_t flags)
{
	for (size_t i = 0; i < g->n; i++) {
		struct guest_task *t = &g->tasks[i];

		t->guest = g;
		t->state = JOB_NONE;
		t->next_arrival = flags & VRK_SIM_SYNC ? 0 : rng_upto(rng, (sim_time)t->spec->period_ns);
		t->event = t->chain ? SIM_NEVER : t->next_arrival;
	}
}

void guest_advance(struct guest *g, sim_time now, struct rng *rng, uint32_t flags)
{
	for (size_t i = 0; i < g->n; i++) {
		struct guest_task *t = &g->tasks[i];

		if (t->event > now)
			continue;
		if (t->state == JOB_NONE)
			job_start(t, now, rng, flags);
		else if (t->state == JOB_SUSPENDED)
			segment_next(t, rng, flags);
		else if (t->state == JOB_GRANTED)
			lock_heard(t, now);
		if (t->state == JOB_SUSPENDED || t->event <= now) {
			t->state = JOB_READY;
			t->event = SIM_NEVER;
		}
	}
}

sim_time guest_next_event(const struct guest *g)
{
	sim_time next = SIM_NEVER;

	for (size_t i = 0; i < g->n; i++)
		if (g->tasks[i].event < next)
			next = g->tasks[i].event;
	return next;
}

static sim_time task_deadline(const struct guest_task *t)
{
	return t->arrived + (sim_time)(t->spec->deadline_ns ? t->spec->deadline_ns : t->spec->period_ns);
}

struct guest_task *guest_current(const struct guest *g, uint32_t flags)
{
	struct guest_task *best = g->holders > 0 ? lock_current(g, flags) : g->begun;

	if (best)
		return best;
	for (size_t i = 0; i < g->n; i++) {
		struct guest_task *t = &g->tasks[i];

		if (t->state != JOB_READY)
			continue;
		if (!best || (g->edf && task_deadline(t) < task_deadline(best)))
			best = t;
		if (!g->edf)
			break;
	}
	return best;
}

static void job_end(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags)
{
	sim_time response = now - t->arrived;

	t->result->jobs++;
	if ((nsec_t)response > t->result->worst_ns)
		t->result->worst_ns = (nsec_t)response;
	if (t->spec->deadline_ns && (nsec_t)response > t->spec->deadline_ns)
		t->result->missed++;
	t->state = JOB_NONE;
	t->event = t->next_arrival;
	if (t->chain)
		chain_take(t);
	if (t->next)
		chain_signal(t, now, rng, flags);
}

static void pause_start(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags)
{
	sim_time pause = t->pauses_left == 1 || (flags & VRK_SIM_FULL) ? t->pause_left / t->pauses_left
		: rng_upto(rng, t->pause_left);

	t->pause_left -= pause;
	t->pauses_left--;
	t->state = JOB_SUSPENDED;
	t->event = now + pause;
}

/* The end of a part of a job with sections. Only here locks are asked for and released: by who runs. */
static void part_end(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags)
{
	if (t->lock) {
		lock_release(t, now, rng);
		if (t->left == 0 && t->requests_left == 0)
			job_end(t, now, rng, flags);
		else
			part_next(t, rng, flags);
	} else if (t->requests_left > 0 && (t->pauses_left == 0 || t->left == 0 || (flags & VRK_SIM_CONVOY) || (rng_next(rng) & 1))) {
		lock_request(t, now, rng, flags);
	} else if (t->pauses_left > 0 && t->left > 0) {
		pause_start(t, now, rng, flags);
	} else {
		job_end(t, now, rng, flags);
	}
}

void guest_ran(struct guest *g, struct guest_task *t, sim_time ran, sim_time now, struct rng *rng, uint32_t flags)
{
	t->segment -= ran;
	if (g->hard)
		g->begun = t->segment > 0 ? t : NULL;
	if (t->segment > 0)
		return;
	if (t->spec->n_sections > 0)
		part_end(t, now, rng, flags);
	else if (t->left == 0)
		job_end(t, now, rng, flags);
	else
		pause_start(t, now, rng, flags);
	guest_advance(g, now, rng, flags);
}

void guest_done(struct guest *g, sim_time now)
{
	for (size_t i = 0; i < g->n; i++) {
		struct guest_task *t = &g->tasks[i];

		chain_done(t, now);
		if (t->state == JOB_NONE)
			continue;
		lock_done(t, now);
		if (t->spec->deadline_ns && now > task_deadline(t))
			t->result->missed++;
		/* a job still waiting has been waiting for at least so long: what starves must show */
		if ((nsec_t)(now - t->arrived) > t->result->worst_ns && now > t->arrived)
			t->result->worst_ns = (nsec_t)(now - t->arrived);
	}
}
