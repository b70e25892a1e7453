/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: every promise in force and the kernel state it replaced. The plan: the ordered, undoable steps from one
 * ledger to another. Pure values; state.c writes them down, apply.c carries them out.
 */
#ifndef DAEMON_LEDGER_H
#define DAEMON_LEDGER_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <virtrk/analysis.h>

#include "sched-state.h"
#include "vm.h"		/* VM_THREAD_NAME_MAX only */

struct promise {
	char *domain;
	char thread[VM_THREAD_NAME_MAX];
	pid_t pid;
	pid_t tid;
	uint64_t start_ticks;
	struct vrk_reservation reservation;
	bool soft;
	struct sched_state before;	/* what the thread was, and becomes again */
};

/*
 * A thread that has left SCHED_DEADLINE, perhaps throttled, and rests: to the kernel it stays throttled until the timer of
 * its 0-lag time. Who makes it SCHED_DEADLINE again before that stops this timer, and it never runs again.
 */
struct leaver {
	pid_t tid;
	uint64_t start_ticks;
	nsec_t until_ns;		/* CLOCK_MONOTONIC */
};

enum partition_kind {
	PARTITION_EXCLUSIVE,	/* a cpuset partition on a cgroup of ours below that of one of the domain's vCPUs (apply-cpuset.c) */
	PARTITION_SHARED,	/* a cpuset partition on the slice in which several domains are (apply-slice.c) */
	PARTITION_PINNED,	/* no partition for the kernel, only an affinity (apply-affinity.c) */
	_PARTITION_KIND_MAX,
};

/*
 * The CPU that one thread was given, or the CPUs of its slice. It outlives its promise by rest_ns: the kernel counts the
 * bandwidth of a thread that has left until then. An exclusive CPU is one domain's: its threads share it, each with a record of
 * its own. So do those of one slice, and those that are pinned to one CPU.
 */
struct partition {
	char *label;			/* "vcpu0 of rt", for messages */
	char *cgroup;			/* EXCLUSIVE: the vCPU's group below which it is made; SHARED: the slice; else NULL */
	pid_t tid;
	uint64_t start_ticks;
	uint32_t cpu;
	uint64_t kept;			/* EXCLUSIVE: what was so before and has to stay, PARTITION_KEPT_* */
	nsec_t rest_ns;
	enum partition_kind kind;
	cpu_set_t cpus;			/* SHARED: all of the slice, of which cpu is the first */
	cpu_set_t before;		/* PINNED: where the thread could run; SHARED: the slice's CPUs, may be none */
	char *home;			/* EXCLUSIVE: the thread's own group, to which it goes back; NULL: that is cgroup.
					 * Else: its own group, where CPUs were added that libvirt had denied it; NULL: none were */
	cpu_set_t home_before;		/* not EXCLUSIVE, with home: the CPUs that it had, and gets back, ... */
	cpu_set_t home_cpus;		/* ... and those it has now */
};

void partition_cpus(const struct partition *partition, cpu_set_t *ret);

#define PARTITION_LEVELS_MAX   32
#define PARTITION_KEPT_LEVEL(i) (1ULL << (i))	/* the CPU stands in cpuset.cpus.exclusive of the i-th directory of the path */
#define PARTITION_KEPT_CONTROL (1ULL << 32)	/* the thread's cgroup hands cpuset on to its children */

struct ledger {
	struct promise *promises;
	size_t n;
	struct partition *partitions;
	size_t n_partitions;
	struct leaver *leavers;
	size_t n_leavers;
};

void ledger_done(struct ledger *ledger);
int ledger_copy(const struct ledger *ledger, struct ledger *ret);
struct promise *ledger_find(const struct ledger *ledger, const char *domain, const char *thread);
int ledger_add(struct ledger *ledger, const struct promise *promise);	/* copies; -EEXIST: that name, or that thread */
bool ledger_remove(struct ledger *ledger, const char *domain, const char *thread);
size_t ledger_remove_pid(struct ledger *ledger, pid_t pid);	/* the process is gone; how many went */

/* Remembers that a thread rests; of two times the later one. */
int ledger_rest(struct ledger *ledger, pid_t tid, uint64_t start_ticks, nsec_t until_ns);
nsec_t ledger_rests_until(const struct ledger *ledger, pid_t tid, uint64_t start_ticks);	/* 0 = it does not */
void ledger_rest_expire(struct ledger *ledger, nsec_t now_ns);

/*
 * promise_rest_ns() - how long a thread rests that leaves this reservation just now, for the timers of a host with ticks
 *
 * To the deadline at most a period, and on from there until its overrun is paid: overrun * P/Q. The kernel notices the end of a
 * budget at a tick; two are counted, and a grace, since ticks and timers may be late. @debt_ns is an overrun that was seen; where it is
 * more, it counts. Rounds up; NSEC_MAX at most.
 */
nsec_t promise_rest_ns(const struct vrk_reservation *reservation, nsec_t tick_ns, nsec_t debt_ns);

/* Copies. -EEXIST: the thread has one, or the CPU is another's, and they do not share it. */
int ledger_add_partition(struct ledger *ledger, const struct partition *partition);
struct partition *ledger_partition(const struct ledger *ledger, pid_t tid, uint64_t start_ticks);
struct partition *ledger_partition_on(const struct ledger *ledger, uint32_t cpu);	/* of several the first */
struct partition *ledger_slice(const struct ledger *ledger, const char *slice);		/* of several the first */
struct partition *ledger_group(const struct ledger *ledger, const char *cgroup);	/* made on it or below it; of several the first */
size_t ledger_places(const struct ledger *ledger);	/* how many sets of CPUs have partitions */
const struct partition *ledger_place(const struct ledger *ledger, size_t place);	/* the first one on the place-th of them */
void ledger_remove_partition(struct ledger *ledger, pid_t tid, uint64_t start_ticks);
/* The promise that a partition serves; NULL: it only waits for its end. */
struct promise *ledger_tenant(const struct ledger *ledger, const struct partition *partition);
/* Any of those that share @partition's CPUs; NULL: all of them only wait for its end. */
struct promise *ledger_tenant_beside(const struct ledger *ledger, const struct partition *partition);

/* The scheduler state that embodies a promise: SCHED_DEADLINE, RESET_ON_FORK, RECLAIM when soft. */
void promise_sched_state(const struct promise *promise, struct sched_state *ret);

enum step_kind {
	STEP_SCHED,		/* policy and parameters of one thread */
	STEP_PARTITION,		/* a CPU for one domain and one thread of it */
	STEP_SLICE,		/* CPUs for a slice and one thread in it */
	STEP_AFFINITY,		/* one thread to one CPU */
	STEP_GROUP,		/* CPUs for the control group of one thread */
	_STEP_KIND_MAX,
};

struct step {
	enum step_kind kind;
	pid_t tid;
	uint64_t start_ticks;
	char *label;			/* "vcpu0 of rt", for messages */
	struct sched_state old;		/* STEP_SCHED */
	struct sched_state new;
	char *freezer;			/* STEP_SCHED: the group that is frozen while it becomes SCHED_DEADLINE; NULL: none */
	bool make;			/* not STEP_SCHED: else it is removed; the rest as in struct partition */
	bool whole;			/* STEP_SLICE, STEP_PARTITION: the partition itself; else it is there, and only the thread comes or goes */
	char *cgroup;
	char *home;
	uint32_t cpu;
	uint64_t kept;
	cpu_set_t cpus;
	cpu_set_t before;
	bool rests;			/* told by apply: it left SCHED_DEADLINE, perhaps throttled ... */
	nsec_t debt_ns;			/* ... with this debt, as far as it was seen */
	bool held;			/* told by apply: it is frozen still */
	bool stays;			/* told by apply: CPUs given are not taken back yet, the ledger has to know them */
};

struct plan {
	struct step *steps;
	size_t n;
};

void plan_done(struct plan *plan);
int plan_add(struct plan *plan, const struct step *step);	/* copies, the label too */

/*
 * plan_diff() - from what is promised to what is wanted. Order: give back, then shrink, then grow, then take, so that the
 * kernel never has to hold more than the larger of both; partitions go behind what is given back, and come before what is taken.
 * O(n log n), in partitions O(n^2).
 */
int plan_diff(const struct ledger *have, const struct ledger *want, struct plan *ret);

#endif
