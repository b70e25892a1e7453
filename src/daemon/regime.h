/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kind of host this is, as one value: read once by topology.c (and again on request), then decided by.
 */
#ifndef DAEMON_REGIME_H
#define DAEMON_REGIME_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <virtrk/units.h>

struct sysroot;

enum regime_kind {
	REGIME_ROOT_DOMAIN,	/* no partitions: all reservations share the host's one root domain, global EDF on m CPUs */
	REGIME_EXCLUSIVE,	/* one CPU, one domain, a partition each */
	REGIME_SHARED,		/* several domains in one partition */
	REGIME_PINNED,		/* sched_rt_runtime_us = -1: the kernel checks nothing, our admission is the only one */
};

enum tristate { NO = 0, YES = 1, UNKNOWN = -1 };
enum cgroup_mode { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };

struct regime {
	enum regime_kind kind;
	char release[65];		/* uname -r */
	cpu_set_t online;
	cpu_set_t isolated;		/* isolcpus and friends */
	uint32_t n_cpus;		/* CPUs of the root domain that reservations share */
	enum tristate smt;
	enum cgroup_mode cgroup;
	char cgroup_path[256];		/* where version 2 is mounted; "" */
	enum tristate partitions;	/* cgroup v2 cpuset controller with cpuset.cpus.partition */
	enum tristate remote_partitions;	/* cpuset.cpus.exclusive (>= 6.7) */
	int64_t rt_runtime_us;		/* -1 = no limit */
	uint64_t rt_period_us;
	nsec_t fair_budget_ns;		/* 0 = this kernel has no fair server */
	nsec_t fair_period_ns;
	enum tristate fair_known;	/* NO: assumed 50 ms / 1 s, the file could not be read */
	enum tristate hrtick_dl;
	nsec_t jiffy_ns;
	nsec_t tick_ns;			/* enforcement grain that admission must assume */
	nsec_t period_min_ns;
	nsec_t period_max_ns;
	enum tristate deadline;		/* the kernel knows SCHED_DEADLINE */
	enum tristate preempt_rt;
	char preemption[16];		/* "full", "voluntary" ...; "": cannot be read */
	enum tristate irq_time;		/* interrupts are charged to nobody (CONFIG_IRQ_TIME_ACCOUNTING), or to whom they interrupt */
	enum tristate rt_group_sched;
	enum tristate frequency_scaling;
	char governor[32];
	bool root_user;
	enum tristate process_connector;
	enum tristate limit_heard;	/* set by the manager: writes to rt_runtime_us are; UNKNOWN: in a /proc of its own they may not be */
	enum tristate lost_known;	/* set by the manager: what the kernel has booked could be read */
	bw_t lost_bw;			/* booked for no thread that there is */
	bw_t below_bw;			/* booked are so much less than none: the kernel has lost count */
	enum tristate perf_switch;	/* perf_event context-switch records: what the meter needs */
};

/* @before: has the limit as it is still, and it is not read, which is no mere look (limit-watch.c); NULL: it is read. */
int regime_read(const struct sysroot *root, const struct regime *before, struct regime *ret);
const char *regime_kind_name(enum regime_kind kind);	/* "root-domain", "exclusive", "shared", "pinned" */

/* The doctor: pure, a regime in, findings out. */
enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_FAIL };

struct finding {
	enum finding_level level;
	const char *check;	/* short stable key: "hrtick", "fair-server", "cgroup" ... */
	char *text;		/* what is so, with the number */
	char *mend;		/* the command that mends it; NULL when nothing needs to be done */
};

int doctor_findings(const struct regime *regime, struct finding **ret, size_t *ret_n);
void doctor_findings_free(struct finding *findings, size_t n);
const char *finding_level_name(enum finding_level level);	/* "ok", "note", "warn", "fail" */

#endif
