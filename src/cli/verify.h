/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Was the promise kept? Records of a scheduler trace in, a judgement per thread out. Pure: the time is in the records.
 *
 * The promise: in every interval in which a reserved thread is ready all the time (running, waiting or throttled), it gets at
 * least vrk_sbf(length) of CPU time. That holds for every such interval, wherever in a busy period it begins: a thread that
 * wakes with a rest q of its budget has so near a deadline (d - now <= D - Q + q) that the rest and then whole budgets come
 * in time for it; what the rest lacks, the thread had before it slept. It holds for soft reservations too: reclaiming
 * only makes budgets last longer. A budget that was overrun up to the tick, before the interval, is paid back in it: the
 * supply's tick_ns takes that off. It does not hold across a sleep, so a sleep ends the interval.
 *
 * All intervals are looked at, in O(n log n) for n waits: see verify-judge.c.
 *
 * What a trace cannot show: time that interrupts and a hypervisor take from a running thread counts as given. Records may be
 * missing, said by the kernel or not. Such holes are found by the chain of each CPU (who is switched out is who was switched
 * in), and no interval reaches over one in which the kernel counted turns of the thread. A hole that is long enough to hide a
 * breach, with less CPU time in it than was promised, makes the verdict unsure. When two threads alternate, a hole may look
 * whole (the same one before and after): so before anybody is accused, the kernel's own count of the thread's turns, and its
 * CPU time, must agree with the trace around that interval, or what is unseen must be too little to matter.
 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#include "cleanup.h"
#include "trace.h"

/* ---- one busy period (verify-judge.c) ---- */

/* It was ready and did not run. */
struct verify_wait {
	nsec_t from_ns;
	nsec_t to_ns;
	nsec_t got_ns;		/* CPU time from the beginning of the busy period to this wait */
	size_t where;		/* the caller's */
};

/* From the beginning of wait @first to the end of wait @last. */
struct verify_window {
	size_t first, last;
	nsec_t promised_ns;
	nsec_t got_ns;		/* less than promised */
};

typedef int (*verify_listener)(void *userdata, const struct verify_wait *waits, const struct verify_window *broken);

/*
 * verify_busy() - all intervals in one busy period against the supply bound function
 * @waits:  in order, not overlapping
 * @supply: without switch and interrupt costs (assert): those are in the trace
 * @listen: hears of each broken interval; after one, only those that begin later are looked at, so they do not overlap
 * @ret_margin_ns: the least excess of any interval over what exact enforcement (no tick) promises it, of those that are promised
 *	anything; below 0: less, but the tick explains it; INT64_MAX: nothing was promised
 *
 * O(n log n). Return: 0; -ENOMEM; what the listener returned below 0.
 */
int verify_busy(const struct vrk_supply *supply, const struct verify_wait *waits, size_t n, verify_listener listen, void *userdata,
		int64_t *ret_margin_ns);

/* ---- all that was recorded ---- */

enum verify_verdict {
	VERIFY_KEPT,
	VERIFY_BROKEN,
	VERIFY_UNSURE,		/* too much is missing in the trace */
};

#define VERIFY_CULPRITS 8
#define VERIFY_BREACHES 16
#define VERIFY_PRIO_DEADLINE (-1)

/* Who ran on the CPU at which it waited. */
struct verify_culprit {
	pid_t tid;		/* 0 = nobody, the CPU was idle */
	int prio;
	char comm[TRACE_COMM_MAX];	/* "" = unknown */
	nsec_t ran_ns;
};

struct verify_breach {
	nsec_t from_ns;
	nsec_t to_ns;
	nsec_t got_ns;
	nsec_t promised_ns;
	unsigned int cpu;	/* where it waited last */
	bool demoted;		/* it had not SCHED_DEADLINE in the interval, but ... */
	int prio;
	struct verify_culprit culprits[VERIFY_CULPRITS];	/* longest first */
	size_t n_culprits;
};

struct verify_result {
	enum verify_verdict verdict;
	nsec_t ran_ns;
	nsec_t ready_ns;	/* ran, waited or was throttled; only what could be judged */
	nsec_t unjudged_ns;	/* perhaps ready, but in a hole */
	uint64_t holes;
	uint64_t missing;	/* turns on a CPU that the kernel counted and the trace lacks */
	uint64_t doubtful;	/* intervals that would be broken, had it not run unseen; and holes that may hide one */
	int64_t margin_ns;	/* as verify_busy() */
	uint64_t broken;	/* intervals */
	struct verify_breach breaches[VERIFY_BREACHES];		/* the first ones */
	size_t n_breaches;
};

struct verify_subject {
	pid_t tid;
	struct vrk_supply supply;
};

/* What /proc said of a thread between two moments. */
struct verify_sample {
	nsec_t before_ns;
	nsec_t after_ns;
	bool gone;
	bool ready;		/* running or in the queue */
	uint64_t turns;		/* how often it was switched in, ever */
	nsec_t ran_ns;		/* its CPU time, ever */
};

struct verify;

/* @grain_ns: times in the records are cut down to multiples of it. -ENOMEM. */
int verify_new(struct verify **ret, const struct verify_subject *subjects, size_t n, nsec_t grain_ns);
struct verify *verify_free(struct verify *v);
DEFINE_CLEANUP(struct verify *, verify_free)

/*
 * A sample of a subject. Only what is recorded from the first one on is judged. The closer they are, the better it is known where
 * the thread ran without the trace saying so. -ENOMEM.
 */
int verify_sample(struct verify *v, size_t subject, const struct verify_sample *sample);
/* A record, in the order in which the kernel gives them. -ENOMEM. */
int verify_record(struct verify *v, const struct trace_record *record);
/* The last sample, and the judgement of all that was recorded up to then. Once per subject. -ENOMEM. */
int verify_end(struct verify *v, size_t subject, const struct verify_sample *sample, struct verify_result *ret);

const char *verify_verdict_name(enum verify_verdict verdict);	/* "kept", "broken", "unsure" */

#endif
