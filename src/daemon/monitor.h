/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel really gave. Per reserved thread: execution time (schedstat), switch records (perf) replayed by the
 * meter into throttlings and missed budgets, and the scheduler state as it is now (for drift). Decides nothing.
 */
#ifndef DAEMON_MONITOR_H
#define DAEMON_MONITOR_H

#include "ledger.h"
#include "sysroot.h"

struct monitor;

struct monitor_sample {
	nsec_t time_ns;		/* CLOCK_MONOTONIC of this sample */
	nsec_t since_ns;	/* when watching began */
	nsec_t used_ns;		/* executed since then: measured by the kernel */
	nsec_t ready_ns;	/* ready but not running since then: throttled or preempted */
	nsec_t throttled_ns;	/* of that, with the budget used up */
	uint64_t throttled;	/* how often it was throttled */
	uint64_t missed;	/* server periods in which it stayed ready and did not get its budget by the deadline */
	nsec_t worst_late_ns;	/* by how much at worst */
	uint64_t lost;		/* switch records lost; throttled and missed are lower bounds then */
	bool metered;		/* false: no switch records on this host, throttled and missed are unknown */
	bool queued;		/* the last record shows it ready and off the CPU; false also where that is not known */
	struct sched_state now;
	cpu_set_t affinity;
};

int monitor_new(struct monitor **ret, struct sysroot *root);
struct monitor *monitor_free(struct monitor *monitor);
DEFINE_CLEANUP(struct monitor *, monitor_free)

int monitor_watch(struct monitor *monitor, const struct promise *promise);	/* again = with new parameters */
void monitor_unwatch(struct monitor *monitor, pid_t tid);
int monitor_sample(struct monitor *monitor, pid_t tid, struct monitor_sample *ret);	/* -ESRCH: it has ended, or is not watched */

/* Where the kernel stands with a thread; the same twice, and it has not moved in between. */
struct monitor_stand {
	bool ready;		/* on a run queue, or kept from it by throttling; not asleep, not stopped */
	int64_t budget_ns;	/* left; <= 0: it may not run before it gets a new one. As deadline_ns only if it is ready */
	nsec_t deadline_ns;	/* of the scheduler's clock: only to be compared with another */
};

/* -ENODATA: not SCHED_DEADLINE just now, or a kernel that does not tell. Of one that is ready costs ten times a sample. */
int monitor_stand(struct monitor *monitor, pid_t tid, struct monitor_stand *ret);
size_t monitor_count(const struct monitor *monitor);

#endif
