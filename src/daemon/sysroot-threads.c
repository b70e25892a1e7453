/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of a sysroot: system calls on the real host, files in a fake root.
 *
 * What a thread of a fake root is comes from /proc/TID/stat (fields 19 nice, 40 real-time priority, 41 policy) and
 * /proc/TID/status (Cpus_allowed_list). These do not hold the parameters of SCHED_DEADLINE, so such a thread has one more
 * file there, /proc/TID/virtrk-sched: one line "FLAGS RUNTIME DEADLINE PERIOD", numbers in ns. Nothing can be set.
 *
 * Used through sysroot.h alone. Decides nothing, logs nothing, keeps nothing between calls.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpulist.h"
#include "sysroot-private.h"

/* glibc declares it since 2.41 only, and under the kernel's own name; so ours is called differently. */
struct attr_v0 {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};
static_assert(sizeof(struct attr_v0) == 48, "SCHED_ATTR_SIZE_VER0");

static bool policy_is_fair(uint32_t policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH;
}

/* The real host's threads. */

static int host_attr_get(pid_t tid, struct attr_v0 *ret)
{
	struct attr_v0 attr = { .size = sizeof(attr) };

	if (syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0) < 0)
		return -errno;
	*ret = attr;
	return 0;
}

/*
 * Since 6.12 the kernel reports the slice of a fair thread as its runtime, and takes a runtime that is given back to it
 * for an own slice from then on. A slice like our own thread's is the default one: 0 keeps it that way.
 */
static nsec_t fair_slice(const struct attr_v0 *attr)
{
	struct attr_v0 self;

	if (!policy_is_fair(attr->policy) || attr->runtime == 0)
		return 0;
	if (host_attr_get(0, &self) == 0 && policy_is_fair(self.policy) && self.runtime == attr->runtime)
		return 0;
	return attr->runtime;
}

static int host_sched_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	struct attr_v0 attr;
	int r;

	if (tid <= 0)
		return -EINVAL;	/* to the kernel 0 is the caller */
	r = host_attr_get(tid, &attr);
	if (r < 0)
		return r;

	*ret = (struct sched_state){
		.policy = attr.policy,
		.flags = attr.flags,
		.nice = attr.nice,
		.priority = attr.priority,
		.runtime_ns = attr.policy == SCHED_DEADLINE ? attr.runtime : fair_slice(&attr),
		.deadline_ns = attr.policy == SCHED_DEADLINE ? attr.deadline : 0,
		.period_ns = attr.policy == SCHED_DEADLINE ? attr.period : 0,
	};
	return 0;
}

static int host_policy_get(const struct sysroot *root, pid_t tid)
{
	int policy = tid <= 0 ? -EINVAL : sched_getscheduler(tid);

	if (policy < 0)
		return tid <= 0 ? policy : -errno;
	return policy & ~SCHED_RESET_ON_FORK;
}

static int host_sched_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	struct attr_v0 attr = {
		.size = sizeof(attr),
		.policy = state->policy,
		.flags = state->flags,
		.nice = state->nice,
		.priority = state->priority,
		.runtime = state->runtime_ns,
		.deadline = state->deadline_ns,
		.period = state->period_ns,
	};

	if (tid <= 0)
		return -EINVAL;
	if (syscall(SYS_sched_setattr, tid, &attr, 0) < 0)
		return -errno;
	return 0;
}

static int host_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	cpu_set_t set;

	if (tid <= 0)
		return -EINVAL;
	CPU_ZERO(&set);
	if (sched_getaffinity(tid, sizeof(set), &set) < 0)
		return -errno;
	*ret = set;
	return 0;
}

static int host_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	if (tid <= 0)
		return -EINVAL;
	if (sched_setaffinity(tid, sizeof(*set), set) < 0)
		return -errno;
	return 0;
}

/*
 * As a debugger stops a thread for a moment: it wakes, and its system call is restarted or answers EINTR as it does for every
 * signal, but no signal is delivered. When the daemon dies meanwhile the kernel lets the thread go.
 */
static int host_wake(const struct sysroot *root, pid_t tid)
{
	int r = 0;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || waitpid(tid, NULL, __WALL) < 0)
		r = -errno;
	(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return r;
}

const struct sysroot_ops sysroot_host_ops = {
	.sched_get = host_sched_get,
	.policy_get = host_policy_get,
	.sched_set = host_sched_set,
	.affinity_get = host_affinity_get,
	.affinity_set = host_affinity_set,
	.wake = host_wake,
};
/* What /proc says of a thread, in both. */

/* Field @number (3 or more) of /proc/TID/stat; the second may hold spaces and parentheses, so from the last ')' on. */
static int stat_field(const char *stat, unsigned int number, int64_t *ret)
{
	const char *p = strrchr(stat, ')');
	char field[24];
	size_t length;

	if (!p)
		return -EBADMSG;
	for (p++; *p == ' ' && number > 3; number--)
		p += 1 + strcspn(p + 1, " ");
	if (*p != ' ')
		return -EBADMSG;
	length = strcspn(++p, " ");
	if (length == 0 || length >= sizeof(field))
		return -EBADMSG;
	memcpy(field, p, length);
	field[length] = '\0';
	return sysroot_i64_parse(field, ret);
}

static int read_thread(const struct sysroot *root, pid_t tid, const char *name, char **ret)
{
	int r;

	r = sysroot_readf(root, ret, "/proc/%d/%s", tid, name);
	if (r == -ENOENT || r == -ESRCH)	/* promises are forgotten by that: it takes two looks */
		r = sysroot_readf(root, ret, "/proc/%d/%s", tid, name);
	return r == -ENOENT ? -ESRCH : r;	/* gone before the open, or (ESRCH already) after it */
}

/* Field @number of the thread's stat, which has to be in 0..@max. */
static int thread_number(const struct sysroot *root, pid_t tid, unsigned int number, int64_t max, int64_t *ret)
{
	_cleanup_(freep) char *stat = NULL;
	int r;

	if (tid <= 0)
		return -EINVAL;
	r = read_thread(root, tid, "stat", &stat);
	if (r >= 0)
		r = stat_field(stat, number, ret);
	if (r < 0)
		return r;
	return *ret < 0 || *ret > max ? -EBADMSG : 0;
}

int sysroot_start_ticks(const struct sysroot *root, pid_t tid, uint64_t *ret)
{
	int64_t ticks;
	int r = thread_number(root, tid, 22, INT64_MAX, &ticks);

	if (r >= 0)
		*ret = (uint64_t)ticks;
	return r;
}

int sysroot_thread_flags(const struct sysroot *root, pid_t tid, uint64_t *ret)
{
	int64_t flags;
	int r = thread_number(root, tid, 9, UINT32_MAX, &flags);

	if (r >= 0)
		*ret = (uint64_t)flags;
	return r;
}

int sysroot_thread_cpu(const struct sysroot *root, pid_t tid, uint32_t *ret)
{
	int64_t cpu;
	int r = thread_number(root, tid, 39, UINT32_MAX, &cpu);

	if (r >= 0)
		*ret = (uint32_t)cpu;
	return r;
}

/* A fake root's threads. */

static int fake_deadline_get(const struct sysroot *root, pid_t tid, struct sched_state *state)
{
	_cleanup_(freep) char *text = NULL;
	int used = -1;
	int r;

	r = sysroot_readf(root, &text, "/proc/%d/virtrk-sched", tid);
	if (r < 0)
		return r;
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &state->flags, &state->runtime_ns,
		   &state->deadline_ns, &state->period_ns, &used) != 4 ||
	    text[used] != '\0')
		return -EBADMSG;
	return 0;
}

static int fake_sched_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	_cleanup_(freep) char *stat = NULL;
	int64_t nice, priority, policy;
	struct sched_state state = { 0 };
	int r;

	r = read_thread(root, tid, "stat", &stat);
	if (r < 0)
		return r;
	r = stat_field(stat, 19, &nice);
	if (r < 0)
		return r;
	r = stat_field(stat, 40, &priority);
	if (r < 0)
		return r;
	r = stat_field(stat, 41, &policy);
	if (r < 0)
		return r;
	if (nice < -20 || nice > 19 || priority < 0 || priority > 99 || policy < 0 || policy > POLICY_EXT)
		return -EBADMSG;

	state.policy = (uint32_t)policy;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		state.priority = (uint32_t)priority;
	else if (policy != SCHED_DEADLINE)
		state.nice = (int32_t)nice;
	else
		r = fake_deadline_get(root, tid, &state);
	if (r < 0)
		return r;
	*ret = state;
	return 0;
}

static int fake_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	static const char key[] = "\nCpus_allowed_list:\t";
	_cleanup_(freep) char *status = NULL;
	char *list;
	int r;

	r = read_thread(root, tid, "status", &status);
	if (r < 0)
		return r;
	list = strstr(status, key);
	if (!list)
		return -EBADMSG;
	list += sizeof(key) - 1;
	list[strcspn(list, "\n")] = '\0';
	return cpulist_parse(list, ret);
}

static int fake_sched_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	return -ENOSYS;
}

static int fake_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return -ENOSYS;
}

const struct sysroot_ops sysroot_fake_ops = {
	.sched_get = fake_sched_get,
	.sched_set = fake_sched_set,
	.affinity_get = fake_affinity_get,
	.affinity_set = fake_affinity_set,
};
