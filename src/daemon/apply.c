/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries a plan out: every step in order, and when one fails the ones before it are taken back, last one first. What
 * is taken back is what was found just before the write, not what the plan supposed.
 *
 * A step that cannot be taken back does not stop the others from being taken back, and is named in the message: then,
 * and only then, the kernel is in a state that nobody asked for, and a person must know.
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
#include <time.h>

#include "apply-affinity.h"
#include "apply-cpuset.h"
#include "apply-sched.h"
#include "apply-slice.h"
#include "apply.h"

#define TICK_MAX_NS (10 * NSEC_PER_MSEC)	/* of the slowest kernels, HZ=100 */
#define REST_MAX_NS (5 * NSEC_PER_SEC)

struct step_ops {
	int (*apply)(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr);
	int (*restore)(struct sysroot *root, const struct step *step, const struct sched_state *state, bool *ret_rests,
		       struct vr_error **reterr);
	int (*look)(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr);
};

static const struct step_ops step_ops[_STEP_KIND_MAX] = {
	[STEP_SCHED] = { apply_sched, apply_sched_restore, apply_sched_look },
	[STEP_PARTITION] = { apply_cpuset, apply_cpuset_restore, apply_cpuset_look },
	[STEP_SLICE] = { apply_slice, apply_slice_restore, apply_slice_look },
	[STEP_AFFINITY] = { apply_affinity, apply_affinity_restore, apply_affinity_look },
};

/*
 * A thread that has just left SCHED_DEADLINE rests in its partition before this is removed: apply-cpuset.c says why. Here that is
 * waited for, since it is only where a plan fails, or its daemon died, after the reservation and before the end.
 */
static void rest_add(const struct step *step, nsec_t *rest)
{
	const struct vrk_reservation left = { step->new.runtime_ns, step->new.deadline_ns, step->new.period_ns };
	nsec_t ns;

	if (step->kind != STEP_SCHED || !step->rests || step->new.policy != SCHED_DEADLINE)
		return;
	ns = promise_rest_ns(&left, TICK_MAX_NS);
	ns = ns < REST_MAX_NS ? ns : REST_MAX_NS;
	*rest = ns > *rest ? ns : *rest;
}

static void rest_wait(const struct step *step, nsec_t *rest)
{
	struct timespec ts = { (time_t)(*rest / NSEC_PER_SEC), (long)(*rest % NSEC_PER_SEC) };

	if ((step->kind != STEP_PARTITION && step->kind != STEP_SLICE) || *rest == 0)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
	*rest = 0;
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

static void plan_revert(struct sysroot *root, struct plan *plan, const struct step_done *done, size_t n, int code,
			struct vr_error **reterr)
{
	nsec_t rest = 0;

	while (n-- > 0) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct step *step = &plan->steps[n];

		if (!done[n].written)
			continue;
		rest_wait(step, &rest);
		if (step_ops[step->kind].restore(root, step, &done[n].found, &step->rests, &err) < 0)
			error_append(reterr, code, step, err);
		rest_add(step, &rest);
	}
}

int apply_plan(struct sysroot *root, struct plan *plan, struct vr_error **reterr)
{
	_cleanup_(freep) struct step_done *done = calloc(plan->n + 1, sizeof(*done));
	size_t i;
	int r;

	if (!done)
		return -ENOMEM;
	for (i = 0; i < plan->n; i++) {
		struct step *step = &plan->steps[i];

		r = step_ops[step->kind].apply(root, step, &done[i], reterr);
		step->rests = done[i].rests;
		if (r < 0) {
			plan_revert(root, plan, done, i + 1, r, reterr);	/* its write may have taken half */
			return r;
		}
	}
	return 0;
}

static int step_undo(struct sysroot *root, struct step *step, size_t *foreign, nsec_t *rest, struct vr_error **reterr)
{
	enum step_look look;
	int r;

	r = step_ops[step->kind].look(root, step, &look, reterr);
	if (r < 0)
		return r;
	*foreign += look == STEP_FOREIGN;
	if (look != STEP_NEW)
		return 0;
	rest_wait(step, rest);
	r = step_ops[step->kind].restore(root, step, &step->old, &step->rests, reterr);
	rest_add(step, rest);
	return r;
}

int apply_undo(struct sysroot *root, struct plan *plan, size_t *ret_foreign, struct vr_error **reterr)
{
	size_t foreign = 0;
	nsec_t rest = 0;
	int first = 0;
	size_t i;

	for (i = plan->n; i > 0; i--) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r;

		r = step_undo(root, &plan->steps[i - 1], &foreign, &rest, &err);
		if (r < 0) {
			first = first ?: r;
			error_append(reterr, first, &plan->steps[i - 1], err);
		}
	}
	if (ret_foreign)
		*ret_foreign = foreign;
	return first;
}
