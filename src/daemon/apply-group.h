/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STEP_GROUP: CPUs added to a thread's own control group, or taken out again. Only for apply.c; what the manager may ask stands in
 * partition.h.
 */
#ifndef DAEMON_APPLY_GROUP_H
#define DAEMON_APPLY_GROUP_H

#include "apply-sched.h"

int apply_group(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);

/* Takes back what a step has made. What a step has removed stays removed: it is removed again later, which does nothing. */
int apply_group_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);

/* A step that makes: has the group what it had, what the step gives, or what somebody else has written? One that removes: always STEP_OLD. */
int apply_group_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);

#endif
