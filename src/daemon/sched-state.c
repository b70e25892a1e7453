/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the kernel schedules one thread, as a value: when two are the same, and in words. What matters of it differs by policy:
 * of a fair thread its slice is no promise, of a SCHED_DEADLINE thread a period of 0 is its deadline.
 *
 * Pure. Used by the plan, which asks whether there is anything to do, and by all who read back or tell what they found.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#include "sched-state.h"

bool sched_state_equal(const struct sched_state *a, const struct sched_state *b)
{
	const uint64_t deadline_flags = SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN;

	if (a->policy != b->policy)
		return false;
	switch (a->policy) {
	case SCHED_DEADLINE:
		return ((a->flags ^ b->flags) & deadline_flags) == 0 && a->runtime_ns == b->runtime_ns &&
		       a->deadline_ns == b->deadline_ns &&
		       /* to the kernel a period of 0 is the deadline */
		       (a->period_ns ?: a->deadline_ns) == (b->period_ns ?: b->deadline_ns);
	case SCHED_FIFO:
	case SCHED_RR:
		return ((a->flags ^ b->flags) & SCHED_FLAG_RESET_ON_FORK) == 0 && a->priority == b->priority;
	default:	/* the slice is no promise: it moves with the host's default */
		return ((a->flags ^ b->flags) & SCHED_FLAG_RESET_ON_FORK) == 0 && a->nice == b->nice;
	}
}

const char *sched_policy_name(uint32_t policy)
{
	switch (policy) {
	case SCHED_OTHER:
		return "other";
	case SCHED_FIFO:
		return "fifo";
	case SCHED_RR:
		return "rr";
	case SCHED_BATCH:
		return "batch";
	case SCHED_IDLE:
		return "idle";
	case SCHED_DEADLINE:
		return "deadline";
	case POLICY_EXT:
		return "ext";
	default:
		return "unknown";
	}
}

char *sched_state_format(char buf[SCHED_STATE_STRLEN], const struct sched_state *state)
{
	char budget[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	const char *name = sched_policy_name(state->policy);

	switch (state->policy) {
	case SCHED_DEADLINE:
		snprintf(buf, SCHED_STATE_STRLEN, "%s %s/%s/%s%s", name, vrk_nsec_format(budget, state->runtime_ns),
			 vrk_nsec_format(deadline, state->deadline_ns),
			 vrk_nsec_format(period, state->period_ns ?: state->deadline_ns),
			 state->flags & SCHED_FLAG_RECLAIM ? " soft" : "");
		break;
	case SCHED_FIFO:
	case SCHED_RR:
		snprintf(buf, SCHED_STATE_STRLEN, "%s %" PRIu32, name, state->priority);
		break;
	default:
		snprintf(buf, SCHED_STATE_STRLEN, "%s nice %" PRId32, name, state->nice);
	}
	return buf;
}
