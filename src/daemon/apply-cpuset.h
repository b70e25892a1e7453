/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STEP_PARTITION: a CPU for one thread, or several of one domain. Only for apply.c; what the manager may ask stands in partition.h.
 */
#ifndef DAEMON_APPLY_CPUSET_H
#define DAEMON_APPLY_CPUSET_H

#include "apply-sched.h"

int apply_cpuset(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);

/* Takes away again what a step has made. What a step has removed stays removed, or half so: it is removed again later. */
int apply_cpuset_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);

/* A step that makes: STEP_NEW when there is any trace of it. One that removes: always STEP_OLD. */
int apply_cpuset_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);

#endif
