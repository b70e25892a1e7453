/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: set a CPU apart for one thread, or give it back. What the kernel has for that is the remote cpuset partition
 * (cgroup v2, 6.7): a control group with that CPU in cpuset.cpus.exclusive, of it and of all above it, may become the
 * root of a scheduling domain of its own. A SCHED_DEADLINE thread in it may use this one CPU, and needs no other.
 *
 *   machine.slice/machine-qemu....scope/libvirt/vcpu0/      libvirt's; a vCPU's own
 *                                                     rk/   ours: threaded, and the partition
 *
 * Threads of one domain may share it: those that are not vcpu0's come from groups of their own (step->home), and go back there.
 * The first one's step makes the partition, the last one's removes it (step->whole); the others only move their thread.
 *
 * Tried, and why it is so and not otherwise:
 *   - The partition on vcpu0 itself: a pinning of another vCPU by libvirt makes it "root invalid", the CPU does not come back, and
 *     when the domain then ends it is lost until reboot (6.12). Never do that. The child of ours has survived all that libvirt does.
 *   - Threads of two processes in one threaded group: refused by the kernel. So one CPU serves one domain here.
 *   - The partition beside the vcpuN, for all of them: as bad as on vcpuN itself, since a pinning of any vCPU to that CPU then names the
 *     CPU of a sibling that is exclusive, which invalidates the sibling. Below one of the vcpuN it is no sibling of any.
 *   - Removing the partition as soon as its thread has left SCHED_DEADLINE: the timer of its 0-lag time then takes the
 *     bandwidth off the root domain into which the CPU has come back, which never had it. Seen on 6.12: other
 *     reservations are booked as too little, or the sum falls below zero and all are refused, until some partition changes
 *     again. So a partition outlives its promise (struct partition, rest_ns). When libvirt ends a domain nobody waits:
 *     with a period longer than libvirt takes, the count is wrong then.
 *   - The kernel lets a partition take CPUs from SCHED_DEADLINE threads that have no room on those that are left. Admission does not.
 *   - Without CAP_SYS_ADMIN the file says "root invalid (Enable partition not permitted)".
 *   - SCHED_DEADLINE for a thread that sleeps when it is moved: EPERM until it wakes, since the kernel looks at the root domain of the
 *     CPU on which it fell asleep. So it is woken (whereabouts.h).
 *   - A CPU that is the only one of a partition cannot be switched off (EBUSY), but the attempt leaves the thread with the affinity
 *     of all CPUs: drift that the watch sees.
 *
 * Undoing needs no old text, since others may change the lists meanwhile: the CPU is taken out of those in which it
 * was not before (step->kept). Each part is skipped when it is so already, hence what a dead daemon left half done is undone by
 * the same code; and what has vanished with its domain is undone already.
 *
 * Called by apply.c through its table of step kinds. Decides nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "apply-cpuset.h"
#include "cpulist.h"
#include "whereabouts.h"

#define CHILD "rk"

#define EXCLUSIVE "cpuset.cpus.exclusive"

/* The next directory of a path, from "/sys" on: into @directory. False at the end. */
static bool level_next(const char *path, char directory[PATH_MAX], size_t *at)
{
	const char *slash;

	if (path[*at] == '\0')
		return false;
	slash = strchr(path + *at + 1, '/');
	*at = slash ? (size_t)(slash - path) : strlen(path);
	if (*at >= PATH_MAX)
		return false;
	memcpy(directory, path, *at);
	directory[*at] = '\0';
	return true;
}

static int file_path(char ret[PATH_MAX], const char *directory, const char *file)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", directory, file);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* What has vanished: the domain has ended meanwhile, and libvirt or systemd has removed its groups. A CPU is given up by that: two looks. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static int file_read(const struct sysroot *root, const char *directory, const char *file, char **ret)
{
	int r;

	r = sysroot_readf(root, ret, "%s/%s", directory, file);
	return is_gone(r) ? sysroot_readf(root, ret, "%s/%s", directory, file) : r;
}

static int file_write(const struct sysroot *root, const char *directory, const char *file, const char *text)
{
	char path[PATH_MAX];
	int r;

	r = file_path(path, directory, file);
	if (r >= 0)
		r = sysroot_write(root, path, text);
	return is_gone(r) ? sysroot_write(root, path, text) : r;
}

static int group_remove(const struct sysroot *root, const char *directory)
{
	int r;

	r = sysroot_rmdir(root, directory);
	return is_gone(r) ? sysroot_rmdir(root, directory) : r;
}

static int cpus_read(const struct sysroot *root, const char *directory, const char *file, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = file_read(root, directory, file, &text);
	return r < 0 ? r : cpulist_parse(text, ret);
}

/* Reads, changes, writes, reads back. Nothing is written when it is so already. */
static int exclusive_change(const struct sysroot *root, const char *directory, uint32_t cpu, bool in)
{
	_cleanup_(freep) char *list = NULL, *line = NULL;
	cpu_set_t set;
	int r;

	r = cpus_read(root, directory, EXCLUSIVE, &set);
	if (r < 0 || !!CPU_ISSET(cpu, &set) == in)
		return r;
	if (in)
		CPU_SET(cpu, &set);
	else
		CPU_CLR(cpu, &set);
	r = cpulist_format(&set, &list);
	if (r < 0)
		return r;
	if (asprintf(&line, "%s\n", list) < 0)	/* an empty write would not reach the kernel */
		return -ENOMEM;
	r = file_write(root, directory, EXCLUSIVE, line);
	if (r >= 0)
		r = cpus_read(root, directory, EXCLUSIVE, &set);
	return r < 0 ? r : !!CPU_ISSET(cpu, &set) == in ? 0 : -EIO;
}

/* 1 = it hands cpuset on to its children */
static int control_read(const struct sysroot *root, const char *directory)
{
	_cleanup_(freep) char *text = NULL;
	char *word, *rest;
	int r;

	r = file_read(root, directory, "cgroup.subtree_control", &text);
	if (r < 0)
		return r;
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (strcmp(word, "cpuset") == 0)
			return 1;
	return 0;
}

/* Where the thread comes from. */
static const char *step_home(const struct step *step)
{
	return step->home ?: step->cgroup;
}

static int child_path(const struct step *step, char ret[PATH_MAX])
{
	return file_path(ret, step->cgroup, CHILD);
}

/* 1 = the thread is in the group that has this path; /proc tells it from the mount point on. -ESRCH: it has ended. */
static int thread_is_in(const struct sysroot *root, const struct step *step, const char *group)
{
	_cleanup_(freep) char *its = NULL;
	size_t length, behind;
	uint64_t start_ticks;
	int r;

	r = sysroot_start_ticks(root, step->tid, &start_ticks);
	if (r < 0)
		return r;
	if (start_ticks != step->start_ticks)
		return -ESRCH;
	r = thread_cgroup(root, step->tid, &its);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	length = strlen(its);
	behind = strlen(group);
	return length > 1 && behind > length && strcmp(group + behind - length, its) == 0;
}

/* ---- make ---- */

/* Words for a CPU that another group has: its name. Looked for where the kernel said no. */
static bool holder_find(const struct sysroot *root, const char *directory, uint32_t cpu, char ret[PATH_MAX])
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const char *self = strrchr(directory, '/') + 1;
	char parent[PATH_MAX];
	struct dirent *entry;

	snprintf(parent, sizeof(parent), "%.*s", (int)(self - 1 - directory), directory);
	if (sysroot_opendir(root, parent, &dir) < 0)
		return false;
	while ((entry = readdir(dir))) {
		cpu_set_t set, wanted;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, self) == 0 ||
		    file_path(ret, parent, entry->d_name) < 0)
			continue;
		CPU_ZERO(&wanted);
		CPU_SET(cpu, &wanted);
		if (cpus_read(root, ret, EXCLUSIVE, &set) >= 0 && CPU_ISSET(cpu, &set))
			return true;
		if (cpus_read(root, ret, "cpuset.cpus", &set) >= 0 && CPU_EQUAL(&set, &wanted))
			return true;
	}
	return false;
}

static int cannot_make(const struct step *step, const char *what, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, r, VR_FAILED, "CPU %u cannot be set apart for %s: %s: %s", step->cpu, step->label, what,
			    strerror(-r));
}

static int exclusive_refused(const struct sysroot *root, const struct step *step, const char *directory, int r,
			     struct vr_error **reterr)
{
	char holder[PATH_MAX];

	if (is_gone(r))
		return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s has ended: %s is gone", step->label, directory);
	if (r == -EINVAL && holder_find(root, directory, step->cpu, holder))
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "CPU %u cannot be set apart for %s: it is the only CPU of %s, or exclusive to it",
				    step->cpu, step->label, holder);
	return cannot_make(step, directory, r, reterr);
}

/* From the top down: a group may have exclusive only what the one above it has. */
static int exclusive_take(const struct sysroot *root, const struct step *step, const char *child,
			  struct vr_error **reterr)
{
	char directory[PATH_MAX], file[PATH_MAX];
	size_t at = 0;
	int r;

	while (level_next(child, directory, &at)) {
		if (file_path(file, directory, EXCLUSIVE) < 0 || !sysroot_exists(root, file))
			continue;	/* above the hierarchy, or its top */
		r = exclusive_change(root, directory, step->cpu, true);
		if (r < 0)
			return exclusive_refused(root, step, directory, r, reterr);
	}
	return 0;
}

/* The kernel answers a write with success, and tells in the file what became of it. */
static int partition_switch(const struct sysroot *root, const struct step *step, const char *child,
			    struct vr_error **reterr)
{
	_cleanup_(freep) char *state = NULL;
	cpu_set_t effective;
	int r;

	r = file_write(root, child, "cpuset.cpus.partition", "root\n");
	if (r >= 0)
		r = file_read(root, child, "cpuset.cpus.partition", &state);
	if (r >= 0 && strcmp(state, "root") != 0)
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "the kernel does not set CPU %u apart for %s: \"%s\"",
				    step->cpu, step->label, state);
	if (r >= 0)
		r = cpus_read(root, child, "cpuset.cpus.effective", &effective);
	if (r < 0)
		return cannot_make(step, "cpuset.cpus.partition", r, reterr);
	if (CPU_COUNT(&effective) != 1 || !CPU_ISSET(step->cpu, &effective))
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "the kernel sets other CPUs apart for %s than CPU %u",
				    step->label, step->cpu);
	return 0;
}

static int thread_wake(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	cpu_set_t target;
	int r;

	CPU_ZERO(&target);
	CPU_SET(step->cpu, &target);
	r = thread_bring(root, step->tid, &target);
	if (r == -EBUSY)
		return vr_error_set(reterr, r, VR_BAD_CPU,
				    "%s (thread %d) sleeps, and cannot be brought to CPU %u before it wakes: try again when its guest runs",
				    step->label, step->tid, step->cpu);
	return r;
}

static int thread_move(const struct sysroot *root, const struct step *step, const char *child, struct vr_error **reterr)
{
	cpu_set_t affinity;
	char tid[24];
	int r;

	snprintf(tid, sizeof(tid), "%d\n", step->tid);
	r = file_write(root, child, "cgroup.threads", tid);
	if (r < 0 && r != -ESRCH)
		return cannot_make(step, "cgroup.threads", r, reterr);
	if (r >= 0)
		r = thread_is_in(root, step, child);
	if (r > 0)
		r = root->ops->affinity_get(root, step->tid, &affinity) ?: 1;
	if (r == -ESRCH)
		return vr_error_set(reterr, r, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid);
	if (r < 0)
		return cannot_make(step, "its thread cannot be looked at", r, reterr);
	if (r == 0 || CPU_COUNT(&affinity) != 1 || !CPU_ISSET(step->cpu, &affinity))
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "%s (thread %d) was moved to CPU %u, but is not there",
				    step->label, step->tid, step->cpu);
	r = thread_wake(root, step, reterr);
	return r == -ESRCH ? vr_error_set(reterr, r, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid) : r;
}

static int group_make(const struct sysroot *root, const struct step *step, const char *child, struct step_done *done,
		      struct vr_error **reterr)
{
	int r;

	done->written = true;	/* from here on there may be something to take back */
	r = sysroot_mkdir(root, child);
	if (r == -EEXIST)
		done->written = false;
	if (r < 0)
		return cannot_make(step, child, r, reterr);
	r = file_write(root, child, "cgroup.type", "threaded\n");
	if (r < 0)
		return cannot_make(step, "cgroup.type", r, reterr);
	r = control_read(root, step->cgroup);
	if (r == 0)
		r = file_write(root, step->cgroup, "cgroup.subtree_control", "+cpuset\n");
	if (r < 0)
		return cannot_make(step, "cgroup.subtree_control", r, reterr);
	r = exclusive_take(root, step, child, reterr);
	return r < 0 ? r : partition_switch(root, step, child, reterr);
}

/* Another thread's step has made it: is it still what it was? */
static int group_check(const struct sysroot *root, const struct step *step, const char *child, struct step_done *done,
		       struct vr_error **reterr)
{
	_cleanup_(freep) char *state = NULL;
	int r;

	r = file_read(root, child, "cpuset.cpus.partition", &state);
	if (r < 0)
		return cannot_make(step, child, r, reterr);
	if (strcmp(state, "root") != 0)
		return vr_error_set(reterr, -EIO, VR_READ_BACK, "CPU %u is not set apart any more, %s cannot share it: \"%s\"",
				    step->cpu, step->label, state);
	done->written = true;
	return 0;
}

static int partition_make(const struct sysroot *root, const struct step *step, struct step_done *done,
			  struct vr_error **reterr)
{
	char child[PATH_MAX];
	int r;

	r = child_path(step, child);
	if (r >= 0)
		r = thread_is_in(root, step, step_home(step));
	if (r == -ESRCH)
		return vr_error_set(reterr, r, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid);
	if (r < 0)
		return cannot_make(step, "its control group cannot be read", r, reterr);
	if (r == 0)
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "%s (thread %d) is not in %s any more: somebody has moved it",
				    step->label, step->tid, step_home(step));
	r = step->whole ? group_make(root, step, child, done, reterr) : group_check(root, step, child, done, reterr);
	return r < 0 ? r : thread_move(root, step, child, reterr);
}

/* ---- remove ---- */

/* Ours goes home; when it has ended, or somebody has moved it elsewhere, there is nothing to do. */
static int thread_home(const struct sysroot *root, const struct step *step, const char *child)
{
	char tid[24];
	int r;

	r = thread_is_in(root, step, child);
	if (r <= 0)
		return r == -ESRCH ? 0 : r;
	snprintf(tid, sizeof(tid), "%d\n", step->tid);
	r = file_write(root, step_home(step), "cgroup.threads", tid);
	return r == -ESRCH || is_gone(r) ? 0 : r;
}

/* All threads that are still there go to the group above: somebody may have moved others in. */
static int threads_out(const struct sysroot *root, const struct step *step, const char *child)
{
	_cleanup_(freep) char *text = NULL;
	char *line, *rest;
	int r;

	r = file_read(root, child, "cgroup.threads", &text);
	for (line = r < 0 ? NULL : strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		r = file_write(root, step->cgroup, "cgroup.threads", line);
		if (r < 0 && r != -ESRCH)
			return r;
		r = 0;
	}
	return r;
}

static int child_remove(const struct sysroot *root, const struct step *step, const char *child)
{
	int r;

	r = threads_out(root, step, child);
	if (r < 0)	/* one that is not threaded (yet) has none to list, and none in it */
		return is_gone(r) ? 0 : r == -EOPNOTSUPP ? group_remove(root, child) : r;
	r = group_remove(root, child);
	return is_gone(r) ? 0 : r;
}

static int control_return(const struct sysroot *root, const struct step *step)
{
	int r;

	if (step->kept & PARTITION_KEPT_CONTROL)
		return 0;
	r = control_read(root, step->cgroup);
	if (r > 0)
		r = file_write(root, step->cgroup, "cgroup.subtree_control", "-cpuset\n");
	return is_gone(r) ? 0 : r;
}

/* From the bottom up, as the kernel wants it. */
static int exclusive_return(const struct sysroot *root, const struct step *step)
{
	size_t ends[PARTITION_LEVELS_MAX], at = 0;
	char directory[PATH_MAX];
	unsigned int n = 0;

	while (n < PARTITION_LEVELS_MAX && level_next(step->cgroup, directory, &at))
		ends[n++] = at;
	while (n-- > 0) {
		int r;

		if (step->kept & PARTITION_KEPT_LEVEL(n))
			continue;
		snprintf(directory, sizeof(directory), "%.*s", (int)ends[n], step->cgroup);
		r = exclusive_change(root, directory, step->cpu, false);
		if (r < 0 && !is_gone(r))
			return r;
	}
	return 0;
}

/* The whole of it, or just this thread's part. */
static int partition_remove(const struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	char child[PATH_MAX];
	int r;

	r = child_path(step, child);
	if (r >= 0)
		r = thread_home(root, step, child);
	if (r >= 0 && !step->whole)
		return 0;
	if (r >= 0)
		r = child_remove(root, step, child);
	if (r >= 0)
		r = control_return(root, step);
	if (r >= 0)
		r = exclusive_return(root, step);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "CPU %u cannot be given back from %s (%s): %s", step->cpu, step->label,
				    child, strerror(-r));
	return 0;
}

/* ---- the step ---- */

int apply_cpuset(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr)
{
	*ret = (struct step_done){ 0 };
	return step->make ? partition_make(root, step, ret, reterr) : partition_remove(root, step, reterr);
}

int apply_cpuset_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr)
{
	return step->make ? partition_remove(root, step, reterr) : 0;
}

/* Is the CPU in a list in which it was not before? */
static int exclusive_look(const struct sysroot *root, const struct step *step)
{
	char directory[PATH_MAX];
	unsigned int n = 0;
	size_t at = 0;

	for (; n < PARTITION_LEVELS_MAX && level_next(step->cgroup, directory, &at); n++) {
		cpu_set_t set;
		int r;

		if (step->kept & PARTITION_KEPT_LEVEL(n))
			continue;
		r = cpus_read(root, directory, EXCLUSIVE, &set);
		if (r < 0 && !is_gone(r))
			return r;
		if (r >= 0 && CPU_ISSET(step->cpu, &set))
			return 1;
	}
	return 0;
}

int apply_cpuset_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr)
{
	char child[PATH_MAX];
	int r;

	*ret = STEP_OLD;
	if (!step->make)
		return 0;	/* the ledger has it still, and it will be removed from there */
	r = child_path(step, child);
	if (r < 0)
		return r;
	if (step->whole && sysroot_exists(root, child)) {
		*ret = STEP_NEW;
		return 0;
	}
	r = step->whole ? exclusive_look(root, step) : thread_is_in(root, step, child);
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read what CPU %u of %s is: %s", step->cpu, step->label,
				    strerror(-r));
	*ret = r > 0 ? STEP_NEW : STEP_OLD;
	return 0;
}
