/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which threads of a plan can be held still while their reservation begins (freezer.c): those with a control group of their own. It
 * has to be known before the plan is written down, since the next virtrkd thaws what this one dies over. A group that
 * somebody else has frozen is not named, and stays frozen.
 *
 * A thread for which the same plan makes a partition begins in the group below its own that is made then; when others come with it into
 * that one, there is nothing to be frozen.
 *
 * Called for every plan that is about to be carried out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "freezer.h"
#include "manager-private.h"

/* The step that gives the thread of @sched a CPU of its own. */
static const struct step *partition_step(const struct plan *plan, const struct step *sched)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct step *step = &plan->steps[i];

		if (step->kind == STEP_PARTITION && step->make && step->tid == sched->tid && step->start_ticks == sched->start_ticks)
			return step;
	}
	return NULL;
}

static int step_look(struct manager *m, const struct plan *plan, const struct step *step, char **ret)
{
	const struct step *partition = partition_step(plan, step);

	if (!partition)
		return freezer_look(m->root, m->regime.cgroup_path, step->tid, ret);
	return partition->whole ? freezer_below(partition->cgroup, ret) : 0;
}

int manager_plan_freezers(struct manager *m, struct plan *plan, struct vr_error **reterr)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct step *step = &plan->steps[i];
		int r;

		if (step->kind != STEP_SCHED || (step->old.policy == SCHED_DEADLINE) == (step->new.policy == SCHED_DEADLINE))
			continue;
		r = step_look(m, plan, step, &step->freezer);
		if (r < 0)
			return vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", step->label, strerror(-r));
	}
	return 0;
}
