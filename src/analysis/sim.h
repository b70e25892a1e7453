/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator's inside: the CBS entity (sim-cbs.c), the guest in a server (sim-guest.c) and the host (simulate.c).
 */
#ifndef ANALYSIS_SIM_H
#define ANALYSIS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/simulate.h>

typedef int64_t sim_time;

#define SIM_NEVER INT64_MAX

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
/* As if rng_next() had been called @n times. */
void rng_skip(struct rng *rng, uint64_t n);
/* Uniform in [0, limit], and often enough exactly an end: corners are where bounds break. */
sim_time rng_upto(struct rng *rng, sim_time limit);

/* sched_dl_entity, as far as the rules need it. */
struct cbs {
	sim_time budget, deadline, period;	/* what was promised: Q, D, P */
	sim_time q;			/* left; negative after an overrun */
	sim_time d;			/* absolute deadline */
	sim_time replenish_at;		/* SIM_NEVER unless throttled */
	sim_time over;			/* how far below 0 this budget will be cut */
	bool throttled;
	bool whole;			/* this budget was whole when it started and its owner has wanted it ever since */
	bool exhausted;			/* q has passed 0: the rest is overrun */
	/* the fair server only: waiting for zero laxity, or (once it had to step in) an ordinary server */
	bool fair;
	bool armed;
	bool running;
	unsigned int grain;		/* shift of the comparison */
};

void cbs_init(struct cbs *s, const struct vrk_reservation *r, bool fair, bool grain);
void cbs_wake(struct cbs *s, sim_time now);
void cbs_sleep(struct cbs *s, sim_time now);
void cbs_cut(struct cbs *s, sim_time now);
void cbs_timer(struct cbs *s, sim_time now);
void cbs_background(struct cbs *s, sim_time now);

enum job_state { JOB_NONE, JOB_JITTER, JOB_READY, JOB_SUSPENDED };

struct guest_task {
	const struct vrk_sim_task *spec;
	struct vrk_sim_task_result *result;
	enum job_state state;
	sim_time arrived;		/* of the job in hand */
	sim_time next_arrival;		/* of the one after it */
	sim_time event;			/* end of jitter or suspension, or next arrival: when this task changes by itself */
	sim_time segment;		/* left of the execution up to the next suspension */
	sim_time left;			/* left after that segment */
	sim_time pause_left;
	uint32_t pauses_left;
};

struct guest {
	struct guest_task *tasks;
	size_t n;
	bool edf;
	bool idling;
	/*
	 * Between two calls of guest_advance() or guest_ran() a guest changes by itself only at guest_next_event(). Whoever
	 * changes it at another time, from another guest say, sets this, so that the host looks at it again.
	 */
	bool touched;
};

void guest_init(struct guest *g, struct rng *rng, uint32_t flags);
/* Let what is due at @now happen. */
void guest_advance(struct guest *g, sim_time now, struct rng *rng, uint32_t flags);
sim_time guest_next_event(const struct guest *g);
struct guest_task *guest_current(const struct guest *g);
/* It ran for @ran ns up to @now. */
void guest_ran(struct guest *g, struct guest_task *t, sim_time ran, sim_time now, struct rng *rng, uint32_t flags);
void guest_done(struct guest *g, sim_time now);

#endif
