/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries a plan out: every step in order, and when one fails the ones before it are taken back, last one first. What
 * is taken back is what was found just before the write, not what the plan supposed.
 *
 * A step that cannot be taken back does not stop the others from being taken back, and is named in the message: then,
 * and only then, the kernel is in a state that nobody asked for, and a person must know.
 *
 * CPUs that were given to a thread stay its own when it has been SCHED_DEADLINE on them, for as long as after a release: the
 * kernel takes its bandwidth off whatever root domain they are in at its 0-lag time (apply-cpuset.c). That is not waited for in here:
 * the step is marked, and the manager, which has a timer for that, keeps its record. So are those that could not be taken back.
 *
 * apply_undo() is for the plan of a predecessor that died within it. Nothing tells which steps it had done, so it
 * looks: a thread that is as the step would have left it goes back, one that is as before is fine, one that is neither
 * was somebody else's since.
 *
 * Called by the manager, which has written the plan down before (state.c). Decides nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply-affinity.h"
#include "apply-cpuset.h"
#include "apply-group.h"
#include "apply-sched.h"
#include "apply-slice.h"
#include "apply.h"

struct step_ops {
	int (*apply)(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);
	int (*restore)(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr);
	int (*look)(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);
};

static const struct step_ops step_ops[_STEP_KIND_MAX] = {
	[STEP_SCHED] = { apply_sched, apply_sched_restore, apply_sched_look },
	[STEP_PARTITION] = { apply_cpuset, apply_cpuset_restore, apply_cpuset_look },
	[STEP_SLICE] = { apply_slice, apply_slice_restore, apply_slice_look },
	[STEP_AFFINITY] = { apply_affinity, apply_affinity_restore, apply_affinity_look },
	[STEP_GROUP] = { apply_group, apply_group_restore, apply_group_look },
};

/* Does @sched give a reservation to the thread to which @step gives CPUs, or to one that shares them? */
static bool step_serves(const struct plan *plan, const struct step *step, const struct step *sched)
{
	size_t i;

	if (sched->tid == step->tid && sched->start_ticks == step->start_ticks)
		return true;
	for (i = 0; step->whole && i < plan->n; i++) {
		const struct step *other = &plan->steps[i];

		if (other->kind == step->kind && other->make && other->tid == sched->tid &&
		    other->start_ticks == sched->start_ticks && strcmp(other->cgroup, step->cgroup) == 0)
			return true;
	}
	return false;
}

/* A partition whose threads have been SCHED_DEADLINE in it; @done NULL: nobody knows, so they have. */
static bool step_has_served(const struct plan *plan, const struct step *step, const struct step_done *done)
{
	size_t i;

	if (!step->make || (step->kind != STEP_PARTITION && step->kind != STEP_SLICE))
		return false;
	for (i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == STEP_SCHED && plan->steps[i].new.policy == SCHED_DEADLINE &&
		    (!done || done[i].written) && step_serves(plan, step, &plan->steps[i]))
			return true;
	return false;
}

/* The whole of a partition stays when anybody's part of it does. */
static bool step_is_kept(const struct plan *plan, const struct step *step)
{
	size_t i;

	for (i = 0; step->whole && i < plan->n; i++)
		if (plan->steps[i].stays && plan->steps[i].kind == step->kind && strcmp(plan->steps[i].cgroup, step->cgroup) == 0)
			return true;
	return false;
}

/* Adds that @step could not be taken back to *reterr, whose code and reason stay those of the first failure. */
static void error_append(struct vr_error **reterr, int code, const struct step *step, const struct vr_error *why)
{
	const char *words = why && why->text ? why->text : "out of memory";
	char *text = NULL;

	if (!reterr)
		return;
	if (!*reterr) {
		(void)vr_error_set(reterr, code, VR_FAILED, "%s could not be given its former state back: %s",
				   step->label, words);
		return;
	}
	if (asprintf(&text, "%s; and %s could not be given its former state back: %s", (*reterr)->text ?: "",
		     step->label, words) < 0)
		return;
	free((*reterr)->text);
	(*reterr)->text = text;
}

static void plan_begin(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		plan->steps[i].stays = plan->steps[i].held = plan->steps[i].rests = false;
}

static int step_restore(struct sysroot *root, const struct plan *plan, struct step *step, const struct step_done *done,
			const struct sched_state *state, struct vr_error **reterr)
{
	int r;

	step->stays = step_has_served(plan, step, done) || step_is_kept(plan, step);
	if (step->stays || (done && !done[step - plan->steps].written))
		return 0;
	r = step_ops[step->kind].restore(root, step, state, reterr);
	step->stays = r < 0 && step->kind != STEP_SCHED && step->make;
	return r;
}

static void plan_revert(struct sysroot *root, struct plan *plan, const struct step_done *done, size_t n, int code,
			struct vr_error **reterr)
{
	while (n-- > 0) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct step *step = &plan->steps[n];

		if (step_restore(root, plan, step, done, &done[n].found, &err) < 0)
			error_append(reterr, code, step, err);
	}
}

int apply_plan(struct sysroot *root, struct plan *plan, struct vr_error **reterr)
{
	_cleanup_(freep) struct step_done *done = calloc(plan->n + 1, sizeof(*done));
	size_t i;
	int r;

	if (!done)
		return -ENOMEM;
	plan_begin(plan);
	for (i = 0; i < plan->n; i++) {
		struct step *step = &plan->steps[i];

		r = step_ops[step->kind].apply(root, step, &done[i], reterr);
		step->rests = done[i].rests;
		step->debt_ns = done[i].debt_ns;
		step->held = done[i].held;
		if (r < 0) {
			plan_revert(root, plan, done, i + 1, r, reterr);	/* its write may have taken half */
			return r;
		}
	}
	return 0;
}

static int step_undo(struct sysroot *root, const struct plan *plan, struct step *step, size_t *foreign, struct vr_error **reterr)
{
	enum step_look look;
	int r;

	r = step_ops[step->kind].look(root, step, &look, reterr);
	if (r < 0)
		return r;
	*foreign += look == STEP_FOREIGN;
	return look == STEP_NEW ? step_restore(root, plan, step, NULL, &step->old, reterr) : 0;
}

int apply_undo(struct sysroot *root, struct plan *plan, size_t *ret_foreign, struct vr_error **reterr)
{
	size_t foreign = 0;
	int first = 0;
	size_t i;

	plan_begin(plan);
	for (i = 0; i < plan->n; i++) {		/* at once: a guest may stand still */
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r = plan->steps[i].kind == STEP_SCHED ? apply_sched_thaw(root, &plan->steps[i], &err) : 0;

		if (r < 0) {
			first = first ?: r;
			error_append(reterr, first, &plan->steps[i], err);
		}
	}
	for (i = plan->n; i > 0; i--) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r;

		r = step_undo(root, plan, &plan->steps[i - 1], &foreign, &err);
		if (r < 0) {
			first = first ?: r;
			error_append(reterr, first, &plan->steps[i - 1], err);
		}
	}
	if (ret_foreign)
		*ret_foreign = foreign;
	return first;
}
