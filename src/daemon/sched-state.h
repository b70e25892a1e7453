/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the kernel schedules one thread: a value, which sysroot.h reads and writes.
 */
#ifndef DAEMON_SCHED_STATE_H
#define DAEMON_SCHED_STATE_H

#include <linux/sched.h>	/* SCHED_FLAG_* */
#include <stdbool.h>
#include <stdint.h>

#include <virtrk/units.h>

/* Newer than the oldest headers that we build with. */
#define POLICY_EXT 7

/* The kernel's struct sched_attr (version 0 is enough), in our words. */
struct sched_state {
	uint32_t policy;	/* SCHED_OTHER, SCHED_FIFO, SCHED_DEADLINE ... */
	uint64_t flags;		/* SCHED_FLAG_* */
	int32_t nice;
	uint32_t priority;
	nsec_t runtime_ns;	/* SCHED_DEADLINE: the budget; the fair policies: an own slice, 0 = the kernel's (>= 6.12) */
	nsec_t deadline_ns;
	nsec_t period_ns;
};

bool sched_state_equal(const struct sched_state *a, const struct sched_state *b);	/* what the policy makes matter */
const char *sched_policy_name(uint32_t policy);						/* "other", "deadline", ... */

#define SCHED_STATE_STRLEN 128

/* For a person: "other nice 5", "fifo 50", "deadline 4ms/9ms/10ms soft" (budget/deadline/period). Return: @buf. */
char *sched_state_format(char buf[SCHED_STATE_STRLEN], const struct sched_state *state);

#endif
