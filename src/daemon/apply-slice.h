/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STEP_SLICE: CPUs for a slice in which several domains are. Only for apply.c; what the manager may ask stands in partition.h.
 */
#ifndef DAEMON_APPLY_SLICE_H
#define DAEMON_APPLY_SLICE_H

#include "apply-sched.h"

int apply_slice(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);

/* Takes away again what a step has made. What a step has removed stays removed, or half so: it is removed again later. */
int apply_slice_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);

/* A step that makes a partition: STEP_NEW when there is any trace of it. Any other has nothing to undo: STEP_OLD. */
int apply_slice_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);

#endif
