/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why did the kernel refuse? sched_setattr() has one errno for many rules, and people have spent days on "Operation not
 * permitted". So after a refusal the rules are asked one by one (sched(7); kernel/sched/syscalls.c), and the first
 * that is broken is named, with the numbers and, where there is one, the command that mends it.
 *
 *   EPERM   no CAP_SYS_NICE; no real-time time at all (sched_rt_runtime_us 0); affinity narrower than the root domain
 *   EBUSY   the bandwidth of the root domain is used up: what the kernel has booked, and its limit
 *   EINVAL  budget, deadline or period against the kernel's rules, or a flag that it does not know
 *
 * Called by apply-sched.c after the fact only. Changes nothing; what cannot be read is left out of the message.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apply-sched.h"
#include "books.h"
#include "cpulist.h"

#define CAP_SYS_NICE_BIT 23	/* linux/capability.h */

#define BUDGET_MIN_NS 1024	/* DL_SCALE: below it the kernel's arithmetic loses the budget */

struct case_of {
	const struct sysroot *root;
	const struct step *step;
	const struct sched_state *state;
	int r;
	struct vr_error **reterr;
};

#define say(c, reason, ...) vr_error_set((c)->reterr, (c)->r, reason, __VA_ARGS__)

/* True when it is known that we lack it. */
static bool capability_missing(const struct sysroot *root)
{
	static const char key[] = "\nCapEff:\t";
	_cleanup_(freep) char *status = NULL;
	const char *value;

	if (sysroot_read(root, "/proc/self/status", &status) < 0)
		return false;
	value = strstr(status, key);
	return value && !(strtoull(value + sizeof(key) - 1, NULL, 16) & (1ULL << CAP_SYS_NICE_BIT));
}

static int cpus_read(const struct sysroot *root, const char *path, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	return r < 0 ? r : cpulist_parse(text, ret);
}

/* The root domain of a host without partitions: every CPU that is online, but for isolcpus=. */
static int root_domain_read(const struct sysroot *root, cpu_set_t *ret)
{
	cpu_set_t online, isolated;
	int r;

	r = cpus_read(root, "/sys/devices/system/cpu/online", &online);
	if (r < 0)
		return r;
	if (cpus_read(root, "/sys/devices/system/cpu/isolated", &isolated) < 0)
		CPU_ZERO(&isolated);
	CPU_AND(&isolated, &isolated, &online);
	CPU_XOR(ret, &online, &isolated);
	return 0;
}

/* -EPERM because of the affinity? Returns 1 when it was not that, or cannot be told. */
static int say_affinity(const struct case_of *c)
{
	_cleanup_(freep) char *has = NULL, *needs = NULL;
	cpu_set_t affinity, domain, covered;

	if (c->root->ops->affinity_get(c->root, c->step->tid, &affinity) < 0 ||
	    root_domain_read(c->root, &domain) < 0)
		return 1;
	CPU_AND(&covered, &affinity, &domain);
	if (CPU_EQUAL(&covered, &domain))
		return 1;
	if (cpulist_format(&affinity, &has) < 0 || cpulist_format(&domain, &needs) < 0)
		return -ENOMEM;
	return say(c, VR_AFFINITY,
		   "%s (thread %d) may run on CPU %s only, but a reservation needs all CPUs of its root domain, %s: "
		   "taskset -pc %s %d",
		   c->step->label, c->step->tid, has, needs, needs, c->step->tid);
}

/* The line of /proc/TID/cgroup that matters for cpuset: v1's own, else v2's. NULL: not told. For the caller to free. */
static char *cpuset_cgroup(const struct case_of *c)
{
	_cleanup_(freep) char *text = NULL;
	const char *path;

	if (sysroot_readf(c->root, &text, "/proc/%d/cgroup", c->step->tid) < 0)
		return NULL;
	path = strstr(text, ":cpuset:");
	path = path ? path + strlen(":cpuset:") : strstr(text, "0::");
	if (!path)
		return NULL;
	if (strncmp(path, "0::", 3) == 0)
		path += 3;
	return strndup(path, strcspn(path, "\n"));
}

static int say_not_permitted(const struct case_of *c)
{
	_cleanup_(freep) char *cgroup = NULL;
	int64_t rt_runtime_us;
	int r;

	if (capability_missing(c->root))
		return say(c, VR_NOT_PERMITTED, "changing the scheduling of %s (thread %d) needs CAP_SYS_NICE: run as root",
			   c->step->label, c->step->tid);
	if (c->state->policy != SCHED_DEADLINE)
		return say(c, VR_NOT_PERMITTED,
			   "the kernel does not permit policy %s for %s (thread %d); with CONFIG_RT_GROUP_SCHED its cpu "
			   "cgroup needs a cpu.rt_runtime_us",
			   sched_policy_name(c->state->policy), c->step->label, c->step->tid);
	if (sysroot_read_i64(c->root, "/proc/sys/kernel/sched_rt_runtime_us", &rt_runtime_us) == 0 &&
	    rt_runtime_us == 0)
		return say(c, VR_NOT_PERMITTED,
			   "this host gives no time to real-time threads (sched_rt_runtime_us is 0): "
			   "sysctl kernel.sched_rt_runtime_us=950000");
	r = say_affinity(c);
	if (r <= 0)
		return r;
	cgroup = cpuset_cgroup(c);
	return say(c, VR_NOT_PERMITTED,
		   "the kernel does not permit SCHED_DEADLINE for %s (thread %d): it has root's rights and all CPUs of the "
		   "host, so its cpuset (%s) may be split into root domains that it does not wholly cover",
		   c->step->label, c->step->tid, cgroup ?: "unknown");
}

/*
 * The books of the root domain in which the thread is: its CPUs are all among the thread's, which the kernel has checked before it says EBUSY, and
 * those of isolcpus= are not.
 */
static int books_of(const struct case_of *c, struct books *ret, uint32_t *ret_cpus)
{
	cpu_set_t domain, all;
	uint32_t cpu = 0;
	int r;

	r = root_domain_read(c->root, &all);
	if (r >= 0)
		r = c->root->ops->affinity_get(c->root, c->step->tid, &domain);
	if (r < 0)
		return r;
	CPU_AND(&domain, &domain, &all);
	if (CPU_COUNT(&domain) == 0)
		return -ENODATA;
	while (!CPU_ISSET(cpu, &domain))
		cpu++;
	*ret_cpus = (uint32_t)CPU_COUNT(&domain);
	r = books_read(c->root, cpu, ret);
	return r >= 0 && ret->limit_bw <= 0 ? -ENODATA : r;
}

static int say_busy(const struct case_of *c)
{
	uint64_t asked = c->state->period_ns == 0 ? 0 : (uint64_t)(
		((unsigned __int128)c->state->runtime_ns << BW_SHIFT) / c->state->period_ns);
	char asked_text[VRK_BW_STRLEN], booked_text[VRK_BW_STRLEN], limit_text[VRK_BW_STRLEN];
	struct books books;
	uint32_t cpus;

	if (books_of(c, &books, &cpus) < 0)
		return say(c, VR_KERNEL_BUSY,
			   "the kernel has no room for the %s CPU of %s (thread %d); what it has booked cannot be read "
			   "(debugfs); if something was just given back, it is free after at most its period",
			   vrk_bw_format(asked_text, asked), c->step->label, c->step->tid);
	if (books.booked_bw < 0)
		return say(c, VR_KERNEL_BUSY,
			   "the kernel refuses %s (thread %d), as it would anybody: it has lost count, and has booked %s CPU less than "
			   "nothing; it counts anew when a CPU is given to a thread or comes back",
			   c->step->label, c->step->tid, vrk_bw_format(booked_text, (bw_t)-books.booked_bw));
	return say(c, VR_KERNEL_BUSY,
		   "the kernel has no room for the %s CPU of %s (thread %d): it has booked %s of %s CPUs, for whoever asked; "
		   "what was just given back is free after at most its period",
		   vrk_bw_format(asked_text, asked), c->step->label, c->step->tid, vrk_bw_format(booked_text, (bw_t)books.booked_bw),
		   vrk_bw_format(limit_text, (bw_t)books.limit_bw * cpus));
}

/* A limit of the host on periods, in ns; @fallback when it cannot be read. */
static nsec_t period_limit(const struct sysroot *root, const char *path, nsec_t fallback)
{
	uint64_t us;

	return sysroot_read_u64(root, path, &us) == 0 && us <= NSEC_MAX / NSEC_PER_USEC ? us * NSEC_PER_USEC : fallback;
}

static int say_invalid(const struct case_of *c)
{
	const struct sched_state *s = c->state;
	nsec_t period = s->period_ns ?: s->deadline_ns;
	nsec_t least = period_limit(c->root, "/proc/sys/kernel/sched_deadline_period_min_us", 100 * NSEC_PER_USEC);
	nsec_t most = period_limit(c->root, "/proc/sys/kernel/sched_deadline_period_max_us",
				   (1ULL << 22) * NSEC_PER_USEC);
	char a[VRK_NSEC_STRLEN], b[VRK_NSEC_STRLEN];
	const char *label = c->step->label;

	if (s->policy != SCHED_DEADLINE)
		return say(c, VR_UNSUPPORTED, "the kernel refuses policy %s with priority %" PRIu32 " for %s",
			   sched_policy_name(s->policy), s->priority, label);
	if (s->runtime_ns < BUDGET_MIN_NS)
		return say(c, VR_BAD_BUDGET, "%s: a budget of %s is below the kernel's least, 1024ns", label,
			   vrk_nsec_format(a, s->runtime_ns));
	if (s->runtime_ns > s->deadline_ns)
		return say(c, VR_BAD_BUDGET, "%s: a budget of %s is above the deadline of %s", label,
			   vrk_nsec_format(a, s->runtime_ns), vrk_nsec_format(b, s->deadline_ns));
	if (s->deadline_ns > period)
		return say(c, VR_BAD_DEADLINE, "%s: a deadline of %s is above the period of %s", label,
			   vrk_nsec_format(a, s->deadline_ns), vrk_nsec_format(b, period));
	if (period < least)
		return say(c, VR_BAD_PERIOD, "%s: a period of %s is below this host's least, %s "
			   "(sched_deadline_period_min_us)", label, vrk_nsec_format(a, period), vrk_nsec_format(b, least));
	if (period > most)
		return say(c, VR_BAD_PERIOD, "%s: a period of %s is above this host's longest, %s "
			   "(sched_deadline_period_max_us)", label, vrk_nsec_format(a, period), vrk_nsec_format(b, most));
	return say(c, VR_UNSUPPORTED, "%s: the kernel knows no SCHED_DEADLINE with flags 0x%" PRIx64, label, s->flags);
}

int apply_sched_diagnose(const struct sysroot *root, const struct step *step, const struct sched_state *state, int r,
			 struct vr_error **reterr)
{
	const struct case_of c = { root, step, state, r, reterr };

	switch (reterr ? r : 0) {
	case 0:
		break;	/* nobody listens */
	case -EPERM:
		(void)say_not_permitted(&c);
		break;
	case -EBUSY:
		(void)say_busy(&c);
		break;
	case -EINVAL:
		(void)say_invalid(&c);
		break;
	case -ENOSYS:
		(void)say(&c, VR_UNSUPPORTED, "%s (thread %d) cannot be changed: %s", step->label, step->tid,
			  sysroot_is_host(root) ? "the kernel has no sched_setattr()" : "this is not the real host");
		break;
	default:
		(void)say(&c, VR_FAILED, "cannot change the scheduling of %s (thread %d): %s", step->label, step->tid,
			  strerror(-r));
	}
	return r;
}
