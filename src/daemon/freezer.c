/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread must not be running at the moment at which it becomes SCHED_DEADLINE. The kernel sets the timer that ends a budget
 * (HRTICK_DL) when it puts a thread on a CPU, and one that is there already is not put there: its first budget then ends at the tick, and
 * others on that CPU are late once by so much. Nothing but leaving the CPU helps: being moved to another control group, and what
 * else makes the kernel choose anew, finds the same thread and changes nothing (6.12).
 *
 * So it is frozen, given its policy, and thawed: its first budget begins as every other, by waking. The kernel brings a frozen thread out of its
 * program, or of its guest (KVM_RUN ends with EINTR, as by any signal), and it sleeps until it is thawed. That takes microseconds,
 * and no debugger or parent sees it.
 *
 * Only what is alone in its control group, as libvirt makes them for each vCPU, is frozen; kernel threads do not count, nor do those that
 * the kernel runs in the name of a process: either are not stopped by it, or do nothing for anybody but this guest. A group that holds others, as
 * that of a QEMU which somebody started without libvirt, is never frozen.
 * That the thread sleeps is asked of itself, and not of cgroup.events, which waits for kernel threads in the group that never
 * freeze (KVM's page recovery in vcpu0, before 6.14).
 *
 * A daemon that dies in between leaves a guest that stands still. So the group is in the plan that was written down before
 * (state.c), and the next daemon thaws it before it does anything else.
 *
 * Decides nothing about who is given what.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "freezer.h"
#include "whereabouts.h"

#define CHILD		"rk"	/* apply-cpuset.c */

#define LOOK_NS		(50 * NSEC_PER_USEC)
#define LOOKS_BEFORE	40	/* 2 ms: one that runs leaves at once, one that waits for a CPU need not */
#define LOOKS_AFTER	400	/* 20 ms: longer than a tick, which ends a budget anyway */
#define THAW_TRIES	5

/* linux/sched.h: of the kernel, or run by it in the name of a process */
#define PF_USER_WORKER	0x00004000
#define PF_KTHREAD	0x00200000

static void moment(void)
{
	const struct timespec ts = { .tv_nsec = LOOK_NS };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ESRCH;
}

/* In the file or not there: 1 or 0. */
static int is_frozen(const struct sysroot *root, const char *path)
{
	uint64_t frozen;
	char file[PATH_MAX];
	int r;

	snprintf(file, sizeof(file), "%s/cgroup.freeze", path);
	r = sysroot_read_u64(root, file, &frozen);
	return r < 0 ? r : frozen != 0;
}

static int freezer_write(const struct sysroot *root, const char *path, const char *text)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/cgroup.freeze", path);
	return sysroot_write(root, file, text);
}

static bool is_kernels(const struct sysroot *root, pid_t tid)
{
	uint64_t flags;

	return sysroot_thread_flags(root, tid, &flags) >= 0 && (flags & (PF_KTHREAD | PF_USER_WORKER));
}

/* 1: of those that have a program, @tid is the only one in the group, and there is none below it. */
static int is_alone(const struct sysroot *root, const char *path, pid_t tid)
{
	_cleanup_(freep) char *threads = NULL, *stat = NULL;
	bool found = false;
	char *line, *rest;
	int r;

	r = sysroot_readf(root, &stat, "%s/cgroup.stat", path);
	if (r < 0)
		return r;
	stat[strcspn(stat, "\n")] = '\0';
	if (strcmp(stat, "nr_descendants 0") != 0)
		return 0;
	r = sysroot_readf(root, &threads, "%s/cgroup.threads", path);
	if (r < 0)
		return r;
	for (line = strtok_r(threads, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		pid_t other = (pid_t)strtol(line, NULL, 10);

		if (other == tid)
			found = true;
		else if (!is_kernels(root, other))
			return 0;
	}
	return found;
}

/* 1: it can be frozen for @tid. */
static int is_fit(const struct sysroot *root, const char *path, pid_t tid)
{
	int r;

	r = is_alone(root, path, tid);
	if (r <= 0)
		return r;
	r = is_frozen(root, path);
	return r < 0 ? r : !r;
}

int freezer_look(const struct sysroot *root, const char *mount, pid_t tid, char **ret)
{
	_cleanup_(freep) char *group = NULL, *path = NULL;
	int r;

	if (!mount[0])
		return 0;
	r = thread_cgroup(root, tid, &group);
	if (r < 0)
		return r == -ENODATA || is_gone(r) ? 0 : r;
	if (strcmp(group, "/") == 0)
		return 0;
	if (asprintf(&path, "%s%s", mount, group) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = is_fit(root, path, tid);
	if (r <= 0)
		return is_gone(r) ? 0 : r;
	*ret = TAKE_PTR(path);
	return 1;
}

int freezer_below(const char *group, char **ret)
{
	if (asprintf(ret, "%s/" CHILD, group) >= 0)
		return 1;
	*ret = NULL;
	return -ENOMEM;
}

/* Of one that is not ready, or has ended: no. */
static bool is_ready(const struct sysroot *root, pid_t tid)
{
	_cleanup_(freep) char *stat = NULL;
	const char *state;

	if (sysroot_readf(root, &stat, "/proc/%d/stat", tid) < 0)
		return false;
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && state[2] == 'R';
}

static void wait_until_it_sleeps(const struct sysroot *root, pid_t tid, unsigned int looks)
{
	while (is_ready(root, tid) && --looks > 0)
		moment();
}

int freezer_hold(const struct sysroot *root, const char *path, pid_t tid)
{
	int r;

	r = is_fit(root, path, tid);
	if (r <= 0)
		return is_gone(r) ? 0 : r;
	r = freezer_write(root, path, "1\n");
	if (r < 0)
		return is_gone(r) ? 0 : r;
	wait_until_it_sleeps(root, tid, LOOKS_BEFORE);
	return 1;
}

int freezer_thaw(const struct sysroot *root, const char *path)
{
	int r = -EIO;

	for (unsigned int i = 0; i < THAW_TRIES; i++) {
		r = is_frozen(root, path);
		if (r == 0 || is_gone(r))
			return 0;
		r = freezer_write(root, path, "0\n");
		if (r < 0)
			moment();
	}
	return r < 0 && !is_gone(r) ? r : 0;
}

/*
 * That it has slept once after it was given its policy is all that is needed. Now that it goes before all others, one that was
 * waiting for a CPU gets there; where even that takes longer, it is others of its kind that run.
 */
int freezer_let_go(const struct sysroot *root, const char *path, pid_t tid)
{
	wait_until_it_sleeps(root, tid, LOOKS_AFTER);
	return freezer_thaw(root, path);
}
