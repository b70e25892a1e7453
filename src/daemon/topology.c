/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads what kind of host this is into one value. Everything comes from files below the sysroot; on the real host two
 * things are tried as well, since no file tells them: the policy SCHED_DEADLINE and the kernel's tick.
 *
 * What cannot be read is UNKNOWN, or assumed against the applicant: a fair server of 50 ms in every second, budgets
 * enforced at the tick, a tick of 10 ms. Only the list of CPUs must be there: without it nothing can be admitted.
 *
 * Called by the manager at start and when the doctor is asked. Decides nothing, changes nothing, mounts nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "cpulist.h"
#include "regime.h"
#include "sysroot.h"

#define CPU_DIR	  "/sys/devices/system/cpu"
#define SCHED_DIR "/sys/kernel/debug/sched"

#define FAIR_BUDGET_ASSUMED_NS (50 * NSEC_PER_MSEC)
#define FAIR_PERIOD_ASSUMED_NS NSEC_PER_SEC
#define JIFFY_ASSUMED_NS       (10 * NSEC_PER_MSEC)	/* CONFIG_HZ=100, the coarsest in use */

/*
 * With HRTICK_DL a budget ends by a timer of its own. The kernel counts it in units of 1024 ns rounded down twice
 * (2.048 us), and the timer is late by its programming and its interrupt, some microseconds on any hardware of today.
 */
#define HRTICK_GRAIN_NS (10 * NSEC_PER_USEC)

const char *regime_kind_name(enum regime_kind kind)
{
	switch (kind) {
	case REGIME_EXCLUSIVE:
		return "exclusive";
	case REGIME_SHARED:
		return "shared";
	case REGIME_PINNED:
		return "pinned";
	case REGIME_ROOT_DOMAIN:
		break;
	}
	return "root-domain";
}

/* The kernel */

/* Is the release at least @major.@minor? UNKNOWN when it does not begin with two numbers. */
static enum tristate release_reaches(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int a, b;

	if (sscanf(release, "%u.%u", &a, &b) != 2)
		return UNKNOWN;
	return a > major || (a == major && b >= minor) ? YES : NO;
}

/* A line "KEY=value" of the kernel's configuration; -ENOENT when the file or the line is not there. */
static int config_read(const struct sysroot *root, const char *release, const char *key, char value[32])
{
	_cleanup_(freep) char *text = NULL;
	size_t length = strlen(key);
	const char *line;
	int r;

	r = sysroot_readf(root, &text, "/boot/config-%s", release);
	if (r < 0)
		return r;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		line += length + 1;
		snprintf(value, 32, "%.*s", (int)strcspn(line, "\n"), line);
		return 0;
	}
	return -ENOENT;
}

static nsec_t jiffy_read(const struct sysroot *root, const char *release)
{
	struct timespec ts;
	char value[32];
	unsigned long hz;

	if (sysroot_is_host(root) && clock_getres(CLOCK_MONOTONIC_COARSE, &ts) == 0 && ts.tv_sec == 0 && ts.tv_nsec > 0)
		return (nsec_t)ts.tv_nsec;
	if (config_read(root, release, "CONFIG_HZ", value) < 0)
		return JIFFY_ASSUMED_NS;
	hz = strtoul(value, NULL, 10);
	return hz > 0 && hz <= 10000 ? (NSEC_PER_SEC + hz - 1) / hz : JIFFY_ASSUMED_NS;
}

static enum tristate preempt_rt_read(const struct sysroot *root)
{
	_cleanup_(freep) char *version = NULL;
	uint64_t realtime;

	if (sysroot_read_u64(root, "/sys/kernel/realtime", &realtime) == 0)
		return realtime ? YES : NO;
	if (sysroot_read(root, "/proc/sys/kernel/version", &version) < 0)
		return UNKNOWN;
	return strstr(version, "PREEMPT_RT") ? YES : NO;
}

/* What may be written to that file is all in it, and what is so stands in parentheses: "none voluntary (full)". */
static void preemption_read(const struct sysroot *root, struct regime *regime)
{
	_cleanup_(freep) char *text = NULL;
	const char *word;
	size_t length;

	if (sysroot_read(root, SCHED_DIR "/preempt", &text) < 0)
		return;
	word = strchr(text, '(');
	length = word ? strcspn(word + 1, ")") : 0;
	if (word && word[1 + length] == ')' && length < sizeof(regime->preemption))
		snprintf(regime->preemption, sizeof(regime->preemption), "%.*s", (int)length, word + 1);
}

/* "is not set" is a line that config_read() does not find. */
static enum tristate config_has(const struct sysroot *root, const char *release, const char *key)
{
	char path[128], value[32];

	if (config_read(root, release, key, value) == 0)
		return strcmp(value, "y") == 0 ? YES : NO;
	snprintf(path, sizeof(path), "/boot/config-%s", release);
	return sysroot_exists(root, path) ? NO : UNKNOWN;
}

static enum tristate deadline_read(const struct sysroot *root)
{
	if (sysroot_is_host(root))
		return sched_get_priority_max(SCHED_DEADLINE) >= 0 ? YES : NO;
	return sysroot_exists(root, "/proc/sys/kernel/sched_deadline_period_min_us") ? YES : UNKNOWN;
}

static void kernel_read(const struct sysroot *root, struct regime *regime)
{
	_cleanup_(freep) char *release = NULL;

	if (sysroot_read(root, "/proc/sys/kernel/osrelease", &release) == 0)
		snprintf(regime->release, sizeof(regime->release), "%s", release);
	regime->jiffy_ns = jiffy_read(root, regime->release);
	regime->preempt_rt = preempt_rt_read(root);
	preemption_read(root, regime);
	regime->irq_time = config_has(root, regime->release, "CONFIG_IRQ_TIME_ACCOUNTING");
	regime->deadline = deadline_read(root);
}

/* CPUs */

static int cpus_read(const struct sysroot *root, const char *path, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	return r < 0 ? r : cpulist_parse(text, ret);
}

static enum tristate flag_read(const struct sysroot *root, const char *path)
{
	uint64_t flag;

	if (sysroot_read_u64(root, path, &flag) < 0)
		return UNKNOWN;
	return flag ? YES : NO;
}

static int processors_read(const struct sysroot *root, struct regime *regime)
{
	cpu_set_t isolated;
	int r;

	r = cpus_read(root, CPU_DIR "/online", &regime->online);
	if (r < 0)
		return r;
	if (cpus_read(root, CPU_DIR "/isolated", &isolated) < 0)
		CPU_ZERO(&isolated);
	CPU_AND(&regime->isolated, &isolated, &regime->online);
	regime->n_cpus = (uint32_t)(CPU_COUNT(&regime->online) - CPU_COUNT(&regime->isolated));
	regime->smt = flag_read(root, CPU_DIR "/smt/active");
	return 0;
}

/* The worst governor of all CPUs: one that changes the clock, if there is one. No governor: nothing scales in Linux. */
static void frequency_read(const struct sysroot *root, struct regime *regime)
{
	unsigned int cpu;

	regime->frequency_scaling = NO;
	for (cpu = 0; cpu < CPU_SETSIZE && regime->frequency_scaling == NO; cpu++) {
		_cleanup_(freep) char *governor = NULL;

		if (!CPU_ISSET(cpu, &regime->online) ||
		    sysroot_readf(root, &governor, CPU_DIR "/cpu%u/cpufreq/scaling_governor", cpu) < 0)
			continue;
		snprintf(regime->governor, sizeof(regime->governor), "%s", governor);
		regime->frequency_scaling = strcmp(governor, "performance") == 0 ? NO : YES;
	}
}

/* Limits and grain of SCHED_DEADLINE */

static nsec_t period_read(const struct sysroot *root, const char *path, nsec_t fallback)
{
	uint64_t us;

	if (sysroot_read_u64(root, path, &us) < 0 || us > NSEC_MAX / NSEC_PER_USEC)
		return fallback;
	return us * NSEC_PER_USEC;
}

static void limits_read(const struct sysroot *root, const struct regime *before, struct regime *regime)
{
	if (before) {
		regime->rt_runtime_us = before->rt_runtime_us;
		regime->rt_period_us = before->rt_period_us;
	} else if (sysroot_read_i64(root, "/proc/sys/kernel/sched_rt_runtime_us", &regime->rt_runtime_us) < 0 ||
	    sysroot_read_u64(root, "/proc/sys/kernel/sched_rt_period_us", &regime->rt_period_us) < 0 ||
	    regime->rt_period_us == 0) {
		regime->rt_runtime_us = 950000;		/* the kernel's defaults */
		regime->rt_period_us = 1000000;
	}
	regime->period_min_ns = period_read(root, "/proc/sys/kernel/sched_deadline_period_min_us",
					    100 * NSEC_PER_USEC);
	regime->period_max_ns = period_read(root, "/proc/sys/kernel/sched_deadline_period_max_us",
					    (1ULL << 22) * NSEC_PER_USEC);
}

/* One word of the scheduler's features; the word with NO_ in front means off. */
static enum tristate feature_read(const struct sysroot *root, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	enum tristate found = UNKNOWN;
	char *word, *rest;

	if (sysroot_read(root, SCHED_DIR "/features", &text) < 0)
		return UNKNOWN;
	for (word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		if (strcmp(word, name) == 0)
			found = YES;
		else if (strncmp(word, "NO_", 3) == 0 && strcmp(word + 3, name) == 0)
			found = NO;
	}
	return found;
}

static int fair_server_read_cpu(const struct sysroot *root, unsigned int cpu, nsec_t *ret_budget, nsec_t *ret_period)
{
	char path[sizeof(SCHED_DIR) + 64];
	nsec_t budget, period;
	int r;

	snprintf(path, sizeof(path), SCHED_DIR "/fair_server/cpu%u/runtime", cpu);
	r = sysroot_read_u64(root, path, &budget);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), SCHED_DIR "/fair_server/cpu%u/period", cpu);
	r = sysroot_read_u64(root, path, &period);
	if (r < 0)
		return r;
	if (period == 0 || budget > period)
		return -EBADMSG;
	*ret_budget = budget;
	*ret_period = period;
	return 0;
}

/* The largest of all CPUs, since admission takes one for all. Any CPU that cannot be read makes it an assumption. */
static bool fair_server_read_all(const struct sysroot *root, struct regime *regime)
{
	nsec_t most = 0, most_period = FAIR_PERIOD_ASSUMED_NS;
	unsigned int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		nsec_t budget, period;

		if (!CPU_ISSET(cpu, &regime->online))
			continue;
		if (fair_server_read_cpu(root, cpu, &budget, &period) < 0)
			return false;
		if ((unsigned __int128)budget * most_period > (unsigned __int128)most * period) {
			most = budget;
			most_period = period;
		}
	}
	regime->fair_budget_ns = most;
	regime->fair_period_ns = most_period;
	return true;
}

static void fair_server_read(const struct sysroot *root, struct regime *regime)
{
	bool there = sysroot_exists(root, SCHED_DIR "/fair_server") || release_reaches(regime->release, 6, 12) != NO;

	if (!there || fair_server_read_all(root, regime)) {
		regime->fair_known = YES;
		return;
	}
	regime->fair_known = NO;
	regime->fair_budget_ns = FAIR_BUDGET_ASSUMED_NS;
	regime->fair_period_ns = FAIR_PERIOD_ASSUMED_NS;
}

/* Control groups */

/* What /proc/self/mountinfo says. */
struct cgroup_mounts {
	bool v1;
	bool v2;
	char *v2_path;		/* the first one */
	char *v1_cpu_path;
};

static void cgroup_mounts_done(struct cgroup_mounts *mounts)
{
	free(mounts->v2_path);
	free(mounts->v1_cpu_path);
}

/* "36 35 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct": field 5, then after " - " */
static int cgroup_mount_add(struct cgroup_mounts *mounts, char *line)
{
	char *tail = strstr(line, " - ");
	char *path = line;
	char **slot = NULL;
	int i;

	for (i = 0; i < 4 && path; i++) {
		path = strchr(path, ' ');
		path = path ? path + 1 : NULL;
	}
	if (!tail || !path || path > tail)
		return 0;
	if (strncmp(tail + 3, "cgroup2 ", 8) == 0) {
		mounts->v2 = true;
		slot = &mounts->v2_path;
	} else if (strncmp(tail + 3, "cgroup ", 7) == 0) {
		mounts->v1 = true;
		tail = strrchr(tail, ' ');
		for (; tail; tail = strchr(tail + 1, ','))
			if (strncmp(tail + 1, "cpu", 3) == 0 && (tail[4] == ',' || tail[4] == '\0'))
				slot = &mounts->v1_cpu_path;
	}
	if (!slot || *slot)
		return 0;
	*slot = strndup(path, strcspn(path, " "));
	return *slot ? 0 : -ENOMEM;
}

static int cgroup_mounts_read(const struct sysroot *root, struct cgroup_mounts *mounts)
{
	_cleanup_(freep) char *text = NULL;
	char *line, *rest;
	int r;

	if (sysroot_read(root, "/proc/self/mountinfo", &text) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		r = cgroup_mount_add(mounts, line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Has the cgroup2 hierarchy the controller cpuset? On a hybrid host it often sits in version 1. */
static enum tristate partitions_read(const struct sysroot *root, const char *v2_path)
{
	_cleanup_(freep) char *text = NULL;
	char *word, *rest;

	if (!v2_path)
		return NO;
	if (sysroot_readf(root, &text, "%s/cgroup.controllers", v2_path) < 0)
		return UNKNOWN;
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (strcmp(word, "cpuset") == 0)
			return YES;
	return NO;
}

static enum tristate rt_group_sched_read(const struct sysroot *root, const char *release, const char *v1_cpu_path)
{
	char path[512];

	if (v1_cpu_path) {
		snprintf(path, sizeof(path), "%s/cpu.rt_runtime_us", v1_cpu_path);
		return sysroot_exists(root, path) ? YES : NO;
	}
	return config_has(root, release, "CONFIG_RT_GROUP_SCHED");
}

static int cgroups_read(const struct sysroot *root, struct regime *regime)
{
	_cleanup_(cgroup_mounts_done) struct cgroup_mounts mounts = { 0 };
	int r;

	r = cgroup_mounts_read(root, &mounts);
	if (r < 0)
		return r;
	if (mounts.v1)
		regime->cgroup = mounts.v2 ? CGROUP_HYBRID : CGROUP_V1;
	else
		regime->cgroup = mounts.v2 ? CGROUP_V2 : CGROUP_NONE;
	if (mounts.v2_path)
		snprintf(regime->cgroup_path, sizeof(regime->cgroup_path), "%s", mounts.v2_path);
	regime->partitions = partitions_read(root, mounts.v2_path);
	regime->remote_partitions = regime->partitions == YES ? release_reaches(regime->release, 6, 7) :
								regime->partitions;
	regime->rt_group_sched = rt_group_sched_read(root, regime->release, mounts.v1_cpu_path);
	return 0;
}

/* What we watch with */

/* The kernel lists its connectors: no need for a socket, and it holds for a fake root too. */
static enum tristate process_connector_read(const struct sysroot *root)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, "/proc/net/connector", &text);
	if (r < 0)
		return r == -ENOENT ? NO : UNKNOWN;
	return strstr(text, "cn_proc") ? YES : NO;
}

static void watching_read(const struct sysroot *root, struct regime *regime)
{
	regime->process_connector = process_connector_read(root);
	regime->perf_switch = sysroot_exists(root, "/proc/sys/kernel/perf_event_paranoid") ? YES : NO;
	/* or as virtrkd.service has it: a user of its own, with what it needs of root's rights */
	regime->root_user = geteuid() == 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SYS_NICE, 0, 0) == 1;
}

int regime_read(const struct sysroot *root, const struct regime *before, struct regime *ret)
{
	struct regime regime = { 0 };
	int r;

	kernel_read(root, &regime);
	r = processors_read(root, &regime);
	if (r < 0)
		return r;
	frequency_read(root, &regime);
	limits_read(root, before, &regime);
	regime.hrtick_dl = feature_read(root, "HRTICK_DL");
	regime.tick_ns = regime.hrtick_dl == YES ? HRTICK_GRAIN_NS : regime.jiffy_ns;
	fair_server_read(root, &regime);
	r = cgroups_read(root, &regime);
	if (r < 0)
		return r;
	watching_read(root, &regime);
	regime.kind = regime.rt_runtime_us < 0 ? REGIME_PINNED : REGIME_ROOT_DOMAIN;

	*ret = regime;
	return 0;
}
