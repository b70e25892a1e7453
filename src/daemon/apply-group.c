/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: let the control group that libvirt has made for a thread have CPUs that it was denied, or put back what stood there.
 *
 * libvirt pins a thread by the cpuset.cpus of its group as much as by its affinity (virsh vcpupin), and no affinity reaches beyond
 * that file. A thread that was promised a CPU and is pinned elsewhere comes back in no other way. What is promised is added there and nothing
 * taken away; when the promise has gone, libvirt's own list is put back, and with it the thread is where libvirt wanted it.
 *
 * Putting back is careful with what is somebody else's: a list that is not ours any more was written since, and stays. A group
 * that has vanished went with its domain, or its vCPU.
 *
 * Called by apply.c through its table of step kinds. Decides nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "apply-group.h"
#include "cpulist.h"

/* Nobody looks again later: that takes two looks. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static int list_read(const struct sysroot *root, const struct step *step, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_readf(root, &text, "%s/cpuset.cpus", step->cgroup);
	if (is_gone(r))
		r = sysroot_readf(root, &text, "%s/cpuset.cpus", step->cgroup);
	return r < 0 ? r : cpulist_parse(text, ret);
}

/* And read back: the kernel may answer a write with success and have something else. */
static int list_write(const struct sysroot *root, const struct step *step, const cpu_set_t *cpus)
{
	_cleanup_(freep) char *path = NULL, *list = NULL, *line = NULL;
	cpu_set_t now;
	int r;

	r = cpulist_format(cpus, &list);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/cpuset.cpus", step->cgroup) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&line, "%s\n", list) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	r = sysroot_write(root, path, line);
	if (is_gone(r))
		r = sysroot_write(root, path, line);
	if (r >= 0)
		r = list_read(root, step, &now);
	return r < 0 ? r : CPU_EQUAL(&now, cpus) ? 0 : -EIO;
}

static int cannot(const struct step *step, const char *what, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, r, r == -EIO ? VR_READ_BACK : VR_FAILED, "%s cpuset.cpus of %s, the control group of %s: %s", what, step->cgroup,
			    step->label, strerror(-r));
}

static int group_make(const struct sysroot *root, const struct step *step, struct step_done *done, struct vr_error **reterr)
{
	cpu_set_t now;
	int r;

	r = list_read(root, step, &now);
	if (r < 0)
		return cannot(step, "cannot read", r, reterr);
	if (!CPU_EQUAL(&now, &step->before) && !CPU_EQUAL(&now, &step->cpus))
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "cpuset.cpus of %s is not what it was any more: somebody has changed it",
				    step->cgroup);
	done->written = true;	/* a write that fails may have taken */
	r = list_write(root, step, &step->cpus);
	return r < 0 ? cannot(step, "cannot add to", r, reterr) : 0;
}

static int group_remove(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	cpu_set_t now;
	int r;

	r = list_read(root, step, &now);
	if (r >= 0 && CPU_EQUAL(&now, &step->cpus))
		r = list_write(root, step, &step->before);
	return r < 0 && !is_gone(r) ? cannot(step, "cannot put back", r, reterr) : 0;
}

int apply_group(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr)
{
	*ret = (struct step_done){ 0 };
	return step->make ? group_make(root, step, ret, reterr) : group_remove(root, step, reterr);
}

int apply_group_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr)
{
	return step->make ? group_remove(root, step, reterr) : 0;
}

int apply_group_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr)
{
	cpu_set_t now;
	int r;

	*ret = STEP_OLD;
	if (!step->make)
		return 0;	/* the ledger has it still, and it will be removed from there */
	r = list_read(root, step, &now);
	if (r < 0 && !is_gone(r))
		return cannot(step, "cannot read", r, reterr);
	if (r < 0)
		*ret = STEP_GONE;
	else if (!CPU_EQUAL(&now, &step->before))
		*ret = CPU_EQUAL(&now, &step->cpus) ? STEP_NEW : STEP_FOREIGN;
	return 0;
}
