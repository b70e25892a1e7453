/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: give a slice CPUs that only those have who are in it, or take them back. What the kernel has for that is the
 * local cpuset partition: a control group right below the root with CPUs, made the root of a scheduling domain. From kernel 6.7 on
 * the CPUs are written to cpuset.cpus.exclusive, and cpuset.cpus is left as it is: where that was empty it can't become so again as long
 * as anybody is in the slice (ENOSPC). Older kernels have no other file: there it gets all that is left when it cannot be emptied.
 *
 *   virtrk.slice/                              the partition: all CPUs that the domains in it share
 *     machine-qemu....scope/libvirt/vcpu0/     libvirt's, as it is; <resource><partition>/virtrk</partition></resource> puts it there
 *
 * Why on the slice: threads of two processes cannot be in one threaded group, and below libvirt's groups there is nothing
 * that two domains have in common. All threads of these domains run on these CPUs then, also those without a reservation, as
 * ordinary ones in what is left.
 *
 * The first reservation makes the partition, and for it the step is `whole`. For the next ones the step only sees to it that the
 * partition is what it was made, that the thread is in it and may run on all its CPUs, and that it has come there: one
 * that sleeps since before counts to the kernel as one of the root domain in which it fell asleep,
 * and is woken (EPERM else; whereabouts.h).
 *
 * Undoing writes "member", and what the file held before unless somebody else has changed that meanwhile. What has vanished with
 * the slice is undone already. The same code removes what a dead daemon left half done.
 *
 * Called by apply.c through its table of step kinds. Decides nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "apply-slice.h"
#include "cpulist.h"
#include "whereabouts.h"

#define PARTITION "cpuset.cpus.partition"
#define EXCLUSIVE "cpuset.cpus.exclusive"

/* The slice has vanished with its last domain, or this kernel has no such file. Nobody looks again later: that takes two looks. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static const char *cpus_file(const struct sysroot *root, const struct step *step)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/" EXCLUSIVE, step->cgroup) < PATH_MAX && sysroot_exists(root, path) ? EXCLUSIVE :
														      "cpuset.cpus";
}

static int file_read(const struct sysroot *root, const struct step *step, const char *file, char **ret)
{
	int r;

	r = sysroot_readf(root, ret, "%s/%s", step->cgroup, file);
	return is_gone(r) ? sysroot_readf(root, ret, "%s/%s", step->cgroup, file) : r;
}

static int file_write(const struct sysroot *root, const struct step *step, const char *file, const char *text)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", step->cgroup, file);
	int r;

	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	r = sysroot_write(root, path, text);
	return is_gone(r) ? sysroot_write(root, path, text) : r;
}

static int file_write_cpus(const struct sysroot *root, const struct step *step, const char *list)
{
	_cleanup_(freep) char *line = NULL;

	if (asprintf(&line, "%s\n", list) < 0) {	/* an empty write would not reach the kernel */
		line = NULL;
		return -ENOMEM;
	}
	return file_write(root, step, cpus_file(root, step), line);
}

static int cpus_read(const struct sysroot *root, const struct step *step, const char *file, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = file_read(root, step, file, &text);
	return r < 0 ? r : cpulist_parse(text, ret);
}

static int cpus_write(const struct sysroot *root, const struct step *step, const cpu_set_t *cpus)
{
	_cleanup_(freep) char *list = NULL, *all = NULL;
	int r;

	r = cpulist_format(cpus, &list);
	if (r >= 0)
		r = file_write_cpus(root, step, list);
	if (r != -ENOSPC || CPU_COUNT(cpus) > 0)
		return r;
	r = sysroot_readf(root, &all, "%.*s/cpuset.cpus.effective", (int)(strrchr(step->cgroup, '/') - step->cgroup), step->cgroup);
	return r < 0 ? r : file_write_cpus(root, step, all);
}

/* ---- make ---- */

static int cannot_make(const struct step *step, const char *what, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, r, VR_FAILED, "%s cannot get CPUs for %s: %s: %s", step->cgroup, step->label, what, strerror(-r));
}

static int thread_gone(const struct step *step, struct vr_error **reterr)
{
	return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid);
}

/* 1 = the thread is somewhere below the slice; /proc tells its group from the mount point on. */
static int thread_is_in(const struct sysroot *root, const struct step *step)
{
	const char *name = strrchr(step->cgroup, '/');
	_cleanup_(freep) char *group = NULL;
	uint64_t start_ticks;
	size_t length;
	int r;

	r = sysroot_start_ticks(root, step->tid, &start_ticks);
	if (r >= 0 && start_ticks != step->start_ticks)
		return -ESRCH;
	if (r >= 0)
		r = thread_cgroup(root, step->tid, &group);
	if (r < 0 || !name)
		return r == -ENODATA ? 0 : r;
	length = strlen(name);
	return strncmp(group, name, length) == 0 && (group[length] == '/' || group[length] == '\0');
}

/* The kernel answers a write with success, and tells in the file what became of it. */
static int partition_check(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	_cleanup_(freep) char *state = NULL, *list = NULL;
	cpu_set_t effective;
	int r;

	r = cpulist_format(&step->cpus, &list);
	if (r >= 0)
		r = file_read(root, step, PARTITION, &state);
	if (r >= 0 && strcmp(state, "root") != 0)
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "the kernel does not set CPU %s apart for %s: \"%s\"", list,
				    step->cgroup, state);
	if (r >= 0)
		r = cpus_read(root, step, "cpuset.cpus.effective", &effective);
	if (r < 0)
		return cannot_make(step, PARTITION, r, reterr);
	if (!CPU_EQUAL(&effective, &step->cpus))
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "the kernel sets other CPUs apart for %s than %s", step->cgroup, list);
	return 0;
}

static int partition_make(const struct sysroot *root, const struct step *step, struct step_done *done, struct vr_error **reterr)
{
	const char *file = cpus_file(root, step);
	cpu_set_t now;
	int r;

	r = cpus_read(root, step, file, &now);
	if (r < 0)
		return cannot_make(step, file, r, reterr);
	if (!CPU_EQUAL(&now, &step->before) && !CPU_EQUAL(&now, &step->cpus))
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "%s of %s is not what it was any more: somebody has changed it",
				    file, step->cgroup);
	done->written = true;	/* from here on there may be something to take back */
	r = cpus_write(root, step, &step->cpus);
	if (r < 0)
		return cannot_make(step, file, r, reterr);
	r = file_write(root, step, PARTITION, "root\n");
	return r < 0 ? cannot_make(step, PARTITION, r, reterr) : 0;
}

static int affinity_check(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	_cleanup_(freep) char *has = NULL, *needs = NULL;
	cpu_set_t affinity;
	int r;

	r = root->ops->affinity_get(root, step->tid, &affinity);
	if (r < 0)
		return r == -ESRCH ? thread_gone(step, reterr) : cannot_make(step, "its thread cannot be looked at", r, reterr);
	if (CPU_EQUAL(&affinity, &step->cpus))
		return 0;
	if (cpulist_format(&affinity, &has) < 0 || cpulist_format(&step->cpus, &needs) < 0)
		return -ENOMEM;
	return vr_error_set(reterr, -EPERM, VR_AFFINITY,
			    "%s (thread %d) may run on CPU %s only, but a reservation needs all CPUs of its slice, %s: it is pinned "
			    "(virsh vcpupin, taskset)",
			    step->label, step->tid, has, needs);
}

static int thread_wake(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	int r = thread_bring(root, step->tid, &step->cpus);

	if (r == -ESRCH)
		return thread_gone(step, reterr);
	if (r == -EBUSY)
		return vr_error_set(reterr, r, VR_BAD_CPU,
				    "%s (thread %d) sleeps, and cannot be brought to the CPUs of %s before it wakes: try again when its guest runs",
				    step->label, step->tid, step->cgroup);
	return r;
}

static int slice_make(const struct sysroot *root, const struct step *step, struct step_done *done, struct vr_error **reterr)
{
	int r;

	r = thread_is_in(root, step);
	if (r == -ESRCH)
		return thread_gone(step, reterr);
	if (r < 0)
		return cannot_make(step, "its control group cannot be read", r, reterr);
	if (r == 0)
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "%s (thread %d) is not in %s any more: somebody has moved it",
				    step->label, step->tid, step->cgroup);
	r = step->whole ? partition_make(root, step, done, reterr) : 0;
	if (r >= 0)
		r = partition_check(root, step, reterr);
	if (r >= 0)
		r = affinity_check(root, step, reterr);
	return r < 0 ? r : thread_wake(root, step, reterr);
}

/* ---- remove ---- */

static int slice_remove(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	_cleanup_(freep) char *state = NULL;
	cpu_set_t now;
	int r;

	if (!step->whole)
		return 0;
	r = file_read(root, step, PARTITION, &state);
	if (r >= 0 && strcmp(state, "member") != 0)
		r = file_write(root, step, PARTITION, "member\n");
	if (r >= 0)
		r = cpus_read(root, step, cpus_file(root, step), &now);
	if (r >= 0 && CPU_EQUAL(&now, &step->cpus) && !CPU_EQUAL(&now, &step->before))
		r = cpus_write(root, step, &step->before);
	free(TAKE_PTR(state));
	if (r >= 0)
		r = file_read(root, step, PARTITION, &state);
	if (r >= 0 && strcmp(state, "member") != 0)
		r = -EIO;
	if (r < 0 && !is_gone(r))
		return vr_error_set(reterr, r, VR_FAILED, "the CPUs of %s cannot be given back: %s", step->cgroup, strerror(-r));
	return 0;
}

/* ---- the step ---- */

int apply_slice(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr)
{
	*ret = (struct step_done){ 0 };
	return step->make ? slice_make(root, step, ret, reterr) : slice_remove(root, step, reterr);
}

int apply_slice_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr)
{
	return step->make ? slice_remove(root, step, reterr) : 0;
}

int apply_slice_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr)
{
	_cleanup_(freep) char *state = NULL;
	cpu_set_t now;
	int r;

	*ret = step->make && !step->whole ? STEP_NEW : STEP_OLD;	/* of a thread alone nothing tells whether it has come */
	if (!step->make || !step->whole)
		return 0;
	r = file_read(root, step, PARTITION, &state);
	if (r >= 0)
		r = cpus_read(root, step, cpus_file(root, step), &now);
	if (is_gone(r)) {
		*ret = STEP_GONE;
		return 0;
	}
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read what the CPUs of %s are: %s", step->cgroup, strerror(-r));
	if (strcmp(state, "member") != 0 || !CPU_EQUAL(&now, &step->before))
		*ret = STEP_NEW;
	return 0;
}
