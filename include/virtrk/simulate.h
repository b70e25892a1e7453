/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host in which time is a number: reservations under the kernel's CBS rules, EDF over one or several CPUs, fair servers,
 * guests with tasks inside. Pure and seeded: the same question gives the same answer, bit for bit. It can refute a bound,
 * never prove one; what it observed worst is what it tells.
 */
#ifndef VIRTRK_SIMULATE_H
#define VIRTRK_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vrk_sim_flags {
	VRK_SIM_SYNC = 1 << 0,		/* everything starts at 0 and repeats exactly; else phases and pauses are drawn */
	VRK_SIM_FULL = 1 << 1,		/* every job takes its whole wcet and every suspension its whole length; else also less */
	VRK_SIM_GRAIN = 1 << 2,		/* the kernel's comparison of budgets in units of 1024 ns; else exact */
	VRK_SIM_PACK = 1 << 3,		/* a thread without CPU takes the first free one; else any free one */
	VRK_SIM_OVERRUN = 1 << 4,	/* every budget is overrun by the whole tick; else by as much as is drawn */
	VRK_SIM_CONVOY = 1 << 5,	/* critical sections first in every job; else anywhere in it */
	VRK_SIM_PERIODIC = 1 << 7,	/* servers by fixed priority, the earlier the higher: periodic ones, which burn their budget */
	VRK_SIM_DEFERRABLE = 1 << 8,	/* or deferrable ones, which keep it to the end of the period. No fair servers, no tick */
	VRK_SIM_UNBROKEN = 1 << 9,	/* a budget that ends while a holder of a resource runs goes on as long as one does, and is not paid back */
	VRK_SIM_BAND_FIFO = 1 << 6,	/* of the holders in one guest the first granted goes first; else by priority */
};

/* What tasks of several servers lock. One that waits sleeps; ownership passes at the release. */
struct vrk_sim_resource {
	bool ranked;			/* the least rank first, ties by arrival; else by arrival alone */
	nsec_t latency_ns;		/* the next owner is ready at most so long after it was granted */
};

/* @count times in each job of a task: @length_ns of its execution, which goes before what holds nothing. */
struct vrk_sim_section {
	size_t resource;
	nsec_t length_ns;
	uint32_t count;
};

enum vrk_sim_state {
	VRK_SIM_SLEEPING = 0,
	VRK_SIM_RUNNING,
	VRK_SIM_WAITING,		/* others run on the CPUs that it may use */
	VRK_SIM_THROTTLED,		/* its budget is used up */
};

/* A server from one instant to the next; nothing in the host changes in between. */
struct vrk_sim_moment {
	nsec_t from_ns;
	nsec_t to_ns;			/* = from_ns: only at the very end */
	enum vrk_sim_state state;
	int32_t cpu;			/* where it runs, else -1 */
	size_t task;			/* which of tasks[] runs in it, SIZE_MAX = none (idling, or it does not run) */
};

/* The job that a task has in hand at from_ns, and how many it has finished before. */
struct vrk_sim_job {
	nsec_t from_ns;
	nsec_t to_ns;
	bool active;			/* arrived and not finished */
	bool suspended;			/* sleeps, or waits for a resource */
	nsec_t arrived_ns;		/* where active; it may have had to wait for the one before it */
	uint64_t finished;
};

/* Is told everything, in order of time; for charts and traces. */
struct vrk_sim_watch {
	void (*server)(void *userdata, size_t server, const struct vrk_sim_moment *moment);
	void (*task)(void *userdata, size_t task, const struct vrk_sim_job *job);
	void *userdata;
};

struct vrk_sim_host {
	uint32_t cpus;
	nsec_t tick_ns;			/* a budget is cut up to so late */
	uint32_t flags;			/* enum vrk_sim_flags */
	uint64_t seed;
	const struct vrk_sim_resource *resources;
	size_t n_resources;
	const struct vrk_sim_watch *watch;	/* NULL: nobody looks */
};

/* One activity inside a server. Jobs arrive at least period_ns apart; several of one task queue up. */
struct vrk_sim_task {
	nsec_t wcet_ns;
	nsec_t period_ns;
	nsec_t deadline_ns;		/* 0 = none */
	nsec_t jitter_ns;		/* a job may become ready so much after its arrival */
	nsec_t suspension_ns;		/* all suspensions of a job together */
	uint32_t suspensions;		/* at most so many */
	const struct vrk_sim_section *sections;	/* part of the wcet; not in servers that are edf */
	size_t n_sections;
	uint32_t rank;			/* in ranked queues */
	bool handler;			/* goes before holders, too; handlers are a server's first tasks, without sections */
	size_t next;			/* 0 = none; else a job of tasks[next - 1] arrives whenever one of this ends: it stands behind this */
	nsec_t next_ns;			/* one, so much later at most. Its response and deadline count from the arrival that began the chain */
};

struct vrk_sim_server {
	struct vrk_reservation reservation;
	int32_t cpu;			/* -1 = may run anywhere */
	bool fair;			/* the kernel's fair server: pinned, deferred to zero laxity */
	bool hard;			/* hard interrupt handlers: before everything else, one to its end after another, without budget; pinned */
	bool fifo;			/* SCHED_FIFO threads: behind every reservation, without budget; pinned */
	bool idling;			/* spins when it has no job, instead of sleeping */
	bool edf;			/* its tasks by EDF; else the earlier in the array goes first */
	size_t first_task;		/* tasks[first_task .. first_task + n_tasks) */
	size_t n_tasks;
};

struct vrk_sim_server_result {
	nsec_t served_ns;
	uint64_t budgets;		/* whole budgets that were used up */
	nsec_t late_whole_ns;		/* worst: a whole budget wanted since its start, not delivered by its deadline */
	nsec_t late_rest_ns;		/* worst: the rest of a budget after a sleep */
	nsec_t at_ns;			/* when the first whole budget was late; NSEC_MAX = never */
};

struct vrk_sim_task_result {
	uint64_t jobs;			/* finished */
	uint64_t missed;		/* finished late, or unfinished at the end after their deadline */
	nsec_t worst_ns;		/* response, from arrival */
	nsec_t wait_ns;			/* worst: from a request to being ready with it */
	nsec_t hold_ns;			/* worst: from a grant to the release */
};

/**
 * vrk_simulate() - run the host from 0 to @until_ns
 * @ret_servers: @n_servers results
 * @ret_tasks:   @n_tasks results
 *
 * Times up to 2^60. Costs O(n_servers + n_tasks) per event and memory O(n_servers + n_tasks).
 * Return: number of events; -EINVAL a reservation out of order, a task range out of bounds, a CPU that is not there, a task
 * without period, a section of no resource, without length or count, beyond its task's wcet or under EDF, a chain that goes back;
 * -ERANGE; -ENOMEM.
 */
int64_t vrk_simulate(const struct vrk_sim_host *host, const struct vrk_sim_server *servers, size_t n_servers,
		     const struct vrk_sim_task *tasks, size_t n_tasks, nsec_t until_ns,
		     struct vrk_sim_server_result *ret_servers, struct vrk_sim_task_result *ret_tasks);

#ifdef __cplusplus
}
#endif

#endif
