/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STEP_AFFINITY: one thread to one CPU, or back to those it had. Only for apply.c; what the manager may ask stands in
 * partition.h.
 */
#ifndef DAEMON_APPLY_AFFINITY_H
#define DAEMON_APPLY_AFFINITY_H

#include "apply-sched.h"

int apply_affinity(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);

/* Takes back what a step has made. What a step has removed stays removed: it is removed again later, which does nothing. */
int apply_affinity_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);

/* A step that makes: is the thread where it was, on its CPU, or elsewhere? One that removes: always STEP_OLD. */
int apply_affinity_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);

#endif
