/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: let a thread run on one CPU only, or where it could run before. That is all there is to a pinned thread: no
 * partition, no control group. The kernel allows it to SCHED_DEADLINE threads only where it does not check them at all
 * (sched_rt_runtime_us = -1); a host that checks again meanwhile answers EBUSY or EPERM, and that is said.
 *
 * The affinity comes before the policy when a reservation is made, and goes after it: on either way the thread is an
 * ordinary one while it moves, and the CPU from which it comes never sees its reservation.
 *
 * Going back is careful with what is somebody else's: a thread that is not on our CPU any more has been moved since,
 * and stays there. One whose former CPUs are gone from its control group meanwhile gets all that the group allows.
 *
 * Called by apply.c through its table of step kinds. Decides nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apply-affinity.h"
#include "cpulist.h"

static int thread_gone(const struct step *step, struct vr_error **reterr)
{
	return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid);
}

static int cannot_read(const struct step *step, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, r, VR_FAILED, "cannot read the affinity of %s (thread %d): %s", step->label, step->tid,
			    strerror(-r));
}

static void target_make(const struct step *step, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	CPU_SET(step->cpu, ret);
}

/* -ESRCH without words: gone, or another thread bears its number. */
static int thread_affinity(const struct sysroot *root, const struct step *step, cpu_set_t *ret)
{
	uint64_t start_ticks;
	int r;

	r = sysroot_start_ticks(root, step->tid, &start_ticks);
	if (r >= 0 && start_ticks != step->start_ticks)
		return -ESRCH;
	return r < 0 ? r : root->ops->affinity_get(root, step->tid, ret);
}

static int refused(const struct step *step, int r, struct vr_error **reterr)
{
	if (r == -ESRCH)
		return thread_gone(step, reterr);
	if (r == -EINVAL)
		return vr_error_set(reterr, r, VR_BAD_CPU,
				    "%s (thread %d) cannot run on CPU %u: its control group (cpuset.cpus) does not have it",
				    step->label, step->tid, step->cpu);
	if (r == -EPERM)
		return vr_error_set(reterr, r, VR_NOT_PERMITTED, "changing the affinity of %s (thread %d) needs CAP_SYS_NICE: run as root",
				    step->label, step->tid);
	return vr_error_set(reterr, r, VR_FAILED, "%s (thread %d) cannot be pinned to CPU %u: %s", step->label, step->tid, step->cpu,
			    strerror(-r));
}

static int moved_since(const struct step *step, const cpu_set_t *now, struct vr_error **reterr)
{
	_cleanup_(freep) char *was = NULL, *is = NULL;

	if (cpulist_format(&step->before, &was) < 0 || cpulist_format(now, &is) < 0)
		return -ENOMEM;
	return vr_error_set(reterr, -ESTALE, VR_READ_BACK,
			    "%s (thread %d) may run on CPU %s and not on %s any more: somebody else has changed it", step->label,
			    step->tid, is, was);
}

static int affinity_make(const struct sysroot *root, const struct step *step, struct step_done *done, struct vr_error **reterr)
{
	cpu_set_t now, target;
	int r;

	target_make(step, &target);
	r = thread_affinity(root, step, &now);
	if (r < 0)
		return r == -ESRCH ? thread_gone(step, reterr) : cannot_read(step, r, reterr);
	if (!CPU_EQUAL(&now, &step->before) && !CPU_EQUAL(&now, &target))
		return moved_since(step, &now, reterr);
	done->written = true;	/* a write that fails may have taken */
	r = root->ops->affinity_set(root, step->tid, &target);
	if (r < 0)
		return refused(step, r, reterr);
	r = thread_affinity(root, step, &now);
	if (r < 0)
		return r == -ESRCH ? thread_gone(step, reterr) : cannot_read(step, r, reterr);
	if (!CPU_EQUAL(&now, &target))
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "%s (thread %d) was pinned to CPU %u, but is not there", step->label,
				    step->tid, step->cpu);
	return 0;
}

/* What has ended or was moved by somebody else is fine as it is. */
static int affinity_remove(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	cpu_set_t now, target, all;
	int r;

	target_make(step, &target);
	r = thread_affinity(root, step, &now);
	if (r < 0)
		return r == -ESRCH ? 0 : cannot_read(step, r, reterr);
	if (!CPU_EQUAL(&now, &target) || CPU_EQUAL(&step->before, &target))
		return 0;
	r = root->ops->affinity_set(root, step->tid, &step->before);
	if (r == -EINVAL) {
		memset(&all, 0xff, sizeof(all));
		r = root->ops->affinity_set(root, step->tid, &all);
	}
	if (r >= 0)
		r = thread_affinity(root, step, &now);
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "%s (thread %d) cannot get its former CPUs back: %s", step->label, step->tid,
				    strerror(-r));
	/* less than before is right where its control group has less; the one CPU alone may be all that this has */
	return 0;
}

int apply_affinity(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr)
{
	*ret = (struct step_done){ 0 };
	return step->make ? affinity_make(root, step, ret, reterr) : affinity_remove(root, step, reterr);
}

int apply_affinity_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr)
{
	return step->make ? affinity_remove(root, step, reterr) : 0;
}

int apply_affinity_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr)
{
	cpu_set_t now, target;
	int r;

	*ret = STEP_OLD;
	if (!step->make)
		return 0;	/* the ledger has it still, and it will be removed from there */
	target_make(step, &target);
	r = thread_affinity(root, step, &now);
	if (r < 0 && r != -ESRCH)
		return cannot_read(step, r, reterr);
	if (r == -ESRCH)
		*ret = STEP_GONE;
	else if (!CPU_EQUAL(&now, &step->before))
		*ret = CPU_EQUAL(&now, &target) ? STEP_NEW : STEP_FOREIGN;
	return 0;
}
