/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator's inside: the CBS entity (sim-cbs.c), the guest in a server (sim-guest.c), what guests lock (sim-lock.c), what
 * goes from one to the next (sim-chain.c) and the host (simulate.c).
 */
#ifndef ANALYSIS_SIM_H
#define ANALYSIS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/simulate.h>

typedef int64_t sim_time;

#define SIM_NEVER INT64_MAX
#define TIME_MAX  ((nsec_t)1 << 60)
#define SIM_SIGNALS_MAX 32	/* that wait for one task of a chain */

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
	/* servers of fixed-priority hosts only (sim-fp-host.c): d is the priority */
	bool fixed;
	bool burns;			/* periodic: wants its budget whether there is work or not */
	sim_time due;			/* the absolute deadline of this budget */
};

void cbs_init(struct cbs *s, const struct vrk_reservation *r, bool fair, bool grain);
void cbs_wake(struct cbs *s, sim_time now);
void cbs_sleep(struct cbs *s, sim_time now);
void cbs_cut(struct cbs *s, sim_time now);
void cbs_timer(struct cbs *s, sim_time now);
void cbs_background(struct cbs *s, sim_time now);

/* A server of a fixed-priority host; its first period begins at @phase. */
void fixed_init(struct cbs *s, const struct vrk_reservation *r, size_t priority, bool periodic, sim_time phase);
sim_time fixed_phase(const struct vrk_reservation *r, struct rng *rng);
void fixed_wake(struct cbs *s);
void fixed_timer(struct cbs *s, sim_time now);

/* No server at all: what runs before all of them (or behind all), as long as it likes. */
static inline void cbs_unlimited(struct cbs *s, bool before)
{
	s->q = SIM_NEVER / 4;
	s->d = before ? -(SIM_NEVER / 4) : SIM_NEVER / 4;
	s->throttled = s->whole = s->exhausted = false;
	s->replenish_at = SIM_NEVER;
}

enum job_state { JOB_NONE, JOB_JITTER, JOB_READY, JOB_SUSPENDED, JOB_WAITING, JOB_GRANTED };

struct guest;
struct guest_task;

/* One resource: who has it, and who waits for it. */
struct sim_lock {
	const struct vrk_sim_resource *spec;
	struct guest_task *holder;
	struct guest_task *first;	/* of the queue, next to be granted */
};

/* Signals that a task of a chain has not begun with. */
struct sim_chain {
	struct sim_signal {
		sim_time arrived;	/* the signal that began the chain */
		sim_time ready;
	} waiting[SIM_SIGNALS_MAX];	/* a ring */
	size_t first, n;
};

struct guest_task {
	const struct vrk_sim_task *spec;
	struct vrk_sim_task_result *result;
	enum job_state state;
	sim_time arrived;		/* of the job in hand */
	sim_time next_arrival;		/* of the one after it */
	sim_time event;			/* end of jitter or suspension, or next arrival: when this task changes by itself */
	sim_time segment;		/* left of the execution up to the next suspension, request or release */
	sim_time left;			/* left after that segment */
	sim_time pause_left;
	uint32_t pauses_left;
	struct guest_task *next;	/* arrives when a job of this ends */
	struct sim_chain *chain;	/* NULL: it arrives by itself */
	struct guest *guest;
	/* tasks with critical sections only */
	struct sim_lock *lock;		/* held, or waited for */
	struct guest_task *behind;	/* next in that queue */
	uint64_t requests_left;		/* of this job */
	size_t section;			/* the next one's number */
	uint32_t again;			/* how often that one is still to come */
	sim_time asked, granted;
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
	struct sim_lock *locks;		/* all there are */
	size_t holders;			/* how many of its tasks own one */
	bool hard;			/* what has begun is not preempted */
	struct guest_task *begun;	/* then: by whom */
};

void guest_init(struct guest *g, struct rng *rng, uint32_t flags);
/* Let what is due at @now happen. */
void guest_advance(struct guest *g, sim_time now, struct rng *rng, uint32_t flags);
sim_time guest_next_event(const struct guest *g);
struct guest_task *guest_current(const struct guest *g, uint32_t flags);
/* It ran for @ran ns up to @now. */
void guest_ran(struct guest *g, struct guest_task *t, sim_time ran, sim_time now, struct rng *rng, uint32_t flags);
void guest_done(struct guest *g, sim_time now);

/* sim-chain.c */
int chains_check(const struct vrk_sim_task *tasks, size_t n);
size_t chains_count(const struct vrk_sim_task *tasks, size_t n);
void chains_init(struct guest_task *tasks, size_t n, struct sim_chain *chains);
/* A job of @from has ended: the next part of its chain hears of it. */
void chain_signal(struct guest_task *from, sim_time now, struct rng *rng, uint32_t flags);
/* The first signal that waits is the next arrival of a task that has nothing in hand; it begins with it. */
void chain_take(struct guest_task *t);
void chain_started(struct guest_task *t);
/* What is under way or waits at the end: for all parts that are still to come, too. */
void chain_done(struct guest_task *t, sim_time now);

/* sim-lock.c */
static inline bool holds(const struct guest_task *t)
{
	return t->lock && t->state != JOB_WAITING;
}

/* Ask for its next section's lock: it is ready in it, or waits. */
void lock_request(struct guest_task *t, sim_time now, struct rng *rng, uint32_t flags);
void lock_release(struct guest_task *t, sim_time now, struct rng *rng);
/* A granted one has heard of it. */
void lock_heard(struct guest_task *t, sim_time now);
/* Of a guest's ready holders the one to run; NULL = none. */
struct guest_task *lock_current(const struct guest *g, uint32_t flags);
void lock_done(struct guest_task *t, sim_time now);
int sections_check(const struct vrk_sim_host *host, const struct vrk_sim_task *t, bool edf);

#endif
