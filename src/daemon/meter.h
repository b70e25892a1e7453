/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The meter: one thread's switch records in, what its reservation was given out. Pure: the time is in the records.
 *
 * It replays the constant bandwidth server as kernel/sched/deadline.c carries it out: the remaining budget q and the
 * absolute deadline d, the wakeup rule, throttling until d - D + P, the payback of what was overrun, the revised
 * wakeup rule where D < P. All times are of the clock that the scheduler's deadlines are in (sched_clock: what perf
 * and ftrace stamp by default), not CLOCK_MONOTONIC: a deadline moves by exactly P in it and the replay never drifts.
 *
 * What cannot be seen, and what follows from it:
 * - Switch records do not tell when a sleeper was woken. It is taken to wake when it is switched in, unless
 *   meter_wake() says otherwise; the time between is in ready_ns of the scheduler, but not here, and no one's miss.
 * - Nor do they tell when exactly the kernel noticed the end of a budget: at a tick, or when it switched.
 * - The kernel charges at most the time that the thread was on the CPU, less when it was interrupted, stolen from, slowed
 *   down or is reclaiming. The replay then sees the budget end too early; a throttling sets it right.
 * - sched_yield() in a SCHED_DEADLINE thread throws its budget away. That looks as if it were kept waiting, and may be
 *   called a miss: the one wrong accusation that is possible. QEMU's vCPU threads do not call it.
 * Where that leaves two readings, a miss is counted only if it is one in both.
 *
 * Errors of the numbers (tick = the grain given to meter_init()), as found against a model of the kernel's rules that knows
 * all, over 12 kinds of load:
 *   used_ns       by the records: about 1 us per switch; includes interrupts and stolen time, which the kernel does not charge
 *   ready_ns      the same; without meter_wake() it lacks the waits between wakeup and first run
 *   throttled     counted while in step (meter_in_step()): exact for a thread that does not sleep, or whose wakeups are
 *                 seen; for other sleepers within a fifth (held back on waking: inferred from a punctual return)
 *   throttled_ns  to about 1 us, up to the replenishment; what follows until it runs is waiting. Lacks the time held
 *                 back after an unseen wakeup
 *   missed        server periods in which the thread stayed ready through the deadline with budget left, and got the rest,
 *                 or went to sleep, more than a tick later; a delay of further whole periods counts one each, as their
 *                 budget is never made up for. A tick of lateness is no miss: until then another reservation
 *                 may rightly run on, since the kernel notices the end of a budget at the tick. Overrun that is
 *                 paid back makes chunks shorter, but was delivered in advance: no miss either. A lower bound: exact in
 *                 a host that keeps its promises nearly always, half or less of the truth when all are late all the time
 *   worst_late_ns the longest such delay after the deadline, also when it was within the tick; too large by a tick at most,
 *                 for a sleeper with D < P
 *   lost          records that are missing; after each the replay starts anew
 */
#ifndef DAEMON_METER_H
#define DAEMON_METER_H

#include <stdbool.h>
#include <stdint.h>

#include <virtrk/units.h>

#include "cbs.h"

enum meter_state {
	METER_UNKNOWN,		/* before the first record, and after a loss */
	METER_RUNNING,
	METER_THROTTLED,	/* ready, its budget used up */
	METER_WAITING,		/* ready with budget, and not running: preempted, or not yet switched in */
	METER_SLEEPING,
	_METER_STATE_MAX,
};

/* How it left the CPU. */
enum meter_leave {
	METER_BLOCKED,
	METER_READY,		/* still runnable, nothing known about its successor */
	METER_READY_LOWER,	/* still runnable, and what runs now has no deadline: nearly always a throttling */
};

struct meter_totals {
	nsec_t used_ns;
	nsec_t ready_ns;
	nsec_t throttled_ns;
	uint64_t throttled;
	uint64_t missed;
	nsec_t worst_late_ns;
	uint64_t lost;
};

/* Hears of each interval when it has ended; intervals come in order, without gaps or overlaps. */
typedef void (*meter_listener)(void *userdata, enum meter_state state, nsec_t start_ns, nsec_t end_ns);

/* Private, here only so that it can be embedded and copied. */
struct meter {
	struct cbs_params params;
	meter_listener listener;
	void *userdata;
	enum { METER_AT_UNKNOWN, METER_AT_CPU, METER_AT_QUEUE, METER_AT_SLEEP } at;
	nsec_t last_ns;			/* up to here all is accounted for */
	nsec_t since_ns;		/* start of the interval under way */
	enum meter_leave leave;
	bool entered;			/* a record has been seen */
	nsec_t run_ns;			/* how long it ran last */
	nsec_t excess_ns;		/* how much longer than its budget explains */
	bool renewed;			/* replenished while it ran */
	nsec_t wake_bound_ns;		/* no wakeup was longer before its switch-in than this */
	nsec_t early_ns;		/* the server may have started so much earlier than thought */
	bool in_step;
	bool doubtful;
	struct cbs server;	/* the likely one */
	struct cbs other;	/* what it may be as well, or what is certain */
	enum { METER_NO_OTHER, METER_OTHER_VERSION, METER_OTHER_BOUND } has_other;
	uint64_t counted;		/* misses already counted of this deadline */
	struct meter_totals totals;
};

/* Starts at @now_ns with nothing known. The params must be valid (assert). */
void meter_init(struct meter *meter, const struct cbs_params *params, nsec_t now_ns);
void meter_listen(struct meter *meter, meter_listener listener, void *userdata);
/* New parameters for the same thread: as in the kernel, q and d stay until the next replenishment. */
void meter_set_params(struct meter *meter, const struct cbs_params *params);

/* The records, in order of time; one that goes back in time is taken as of the one before. */
void meter_in(struct meter *meter, nsec_t now_ns);
void meter_out(struct meter *meter, nsec_t now_ns, enum meter_leave leave);
void meter_wake(struct meter *meter, nsec_t now_ns);		/* where wakeups can be seen */
void meter_lost(struct meter *meter, nsec_t now_ns, uint64_t records);

/* For the wakeups that follow: none waited longer than this for its switch-in. NSEC_MAX (the start) = unknown. */
void meter_wake_bound(struct meter *meter, nsec_t bound_ns);

/*
 * The kernel's own q and d, read at @now_ns, with all records up to then fed. Of a thread that runs they are as of the last
 * tick, at most grain_ns ago. True when it was of use; false when it contradicts itself and should be read again later.
 */
bool meter_sync(struct meter *meter, nsec_t now_ns, int64_t q_ns, nsec_t d_ns);
/* It has no such server any more (another policy): nothing is judged until the next meter_sync() or long sleep. */
void meter_desync(struct meter *meter);
bool meter_in_step(const struct meter *meter);		/* throttled and missed are being counted */
bool meter_wants_sync(const struct meter *meter);	/* not in step, or in doubt */
bool meter_may_sync(const struct meter *meter);		/* a record has told where it is: meter_sync() makes sense */

/* Totals as of @now_ns, the interval under way included; changes nothing. */
void meter_read(const struct meter *meter, nsec_t now_ns, struct meter_totals *ret);
/* Ends the interval under way at @now_ns, for the listener. */
void meter_finish(struct meter *meter, nsec_t now_ns);

const char *meter_state_name(enum meter_state state);	/* "unknown", "running", "throttled", "waiting", "sleeping" */

#endif
