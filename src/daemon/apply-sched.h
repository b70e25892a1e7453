/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STEP_SCHED: policy and parameters of one thread. Only for apply.c.
 */
#ifndef DAEMON_APPLY_SCHED_H
#define DAEMON_APPLY_SCHED_H

#include "error.h"
#include "ledger.h"
#include "sysroot.h"

/* What one step found and did, so that exactly that can be taken back. Filled also when the step failed. */
struct step_done {
	bool written;			/* false: the kernel was not asked to change anything */
	bool rests;			/* it left SCHED_DEADLINE, and may be throttled still ... */
	nsec_t debt_ns;			/* ... with a debt that was seen; 0 = none was */
	bool held;			/* it was frozen meanwhile, and could not be thawed */
	struct sched_state found;	/* the thread's state just before the write */
};

enum step_look {
	STEP_GONE,	/* the thread has ended; its number may be another's now */
	STEP_OLD,
	STEP_NEW,	/* or on its way there, or back */
	STEP_FOREIGN,	/* neither: somebody else has written */
};

int apply_sched(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);

/*
 * Back to @state, read back. Waits a little for bandwidth that is booked still, and for a thread that rests. One that has ended
 * is fine. Tells in @step whether it left SCHED_DEADLINE by this, and may be throttled.
 */
int apply_sched_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);

/* Lets the thread go if a dead daemon has held it. */
int apply_sched_thaw(struct sysroot *root, const struct step *step, struct vr_error **reterr);

int apply_sched_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);

/* apply-diagnose.c: the words for sched_set() having answered @r to @state. Returns @r. */
int apply_sched_diagnose(const struct sysroot *root, const struct step *step, const struct sched_state *state, int r,
			 struct vr_error **reterr);

#endif
