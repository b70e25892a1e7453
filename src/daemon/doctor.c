/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this host fit to keep promises? One finding per property of the regime, in a fixed order: what is so, with the
 * number, and the command that mends it. A finding's key is stable, for scripts.
 *
 *   fail  no reservation can be made
 *   warn  reservations work, but a guarantee is weaker, or the watch on it blind
 *   note  good to know
 *   ok    as it should be
 *
 * Called by the manager for `virtrk doctor`. Pure: a regime in, findings out; it mends nothing itself, since each of
 * these commands changes the whole host.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cpulist.h"
#include "regime.h"

const char *finding_level_name(enum finding_level level)
{
	switch (level) {
	case FINDING_NOTE:
		return "note";
	case FINDING_WARN:
		return "warn";
	case FINDING_FAIL:
		return "fail";
	case FINDING_OK:
		break;
	}
	return "ok";
}

/* A check fills level, text and mend. Memory that runs out leaves text NULL, which doctor_findings() notices. */
typedef void (*check_fn)(const struct regime *regime, struct finding *f);

__attribute__((format(printf, 3, 4)))
static void found(struct finding *f, enum finding_level level, const char *fmt, ...)
{
	va_list ap;

	f->level = level;
	va_start(ap, fmt);
	if (vasprintf(&f->text, fmt, ap) < 0)
		f->text = NULL;
	va_end(ap);
}

static void mend(struct finding *f, const char *command)
{
	f->mend = strdup(command);
	if (!f->mend) {		/* then the whole finding is void */
		free(f->text);
		f->text = NULL;
	}
}

static void check_deadline(const struct regime *regime, struct finding *f)
{
	if (regime->deadline == NO) {
		found(f, FINDING_FAIL, "this kernel (%s) has no SCHED_DEADLINE: nothing can be reserved", regime->release);
		mend(f, "apt-get install linux-image-amd64");
	} else if (regime->deadline == UNKNOWN) {
		found(f, FINDING_NOTE, "kernel %s: whether it has SCHED_DEADLINE cannot be told from here",
		      regime->release);
	} else {
		found(f, FINDING_OK, "kernel %s has SCHED_DEADLINE", regime->release);
	}
}

static void check_root(const struct regime *regime, struct finding *f)
{
	if (regime->root_user) {
		found(f, FINDING_OK, "virtrkd runs as root");
		return;
	}
	found(f, FINDING_FAIL, "virtrkd does not run as root: it can decide, but not reserve");
	mend(f, "sudo systemctl restart virtrkd");
}

static void check_cpus(const struct regime *regime, struct finding *f)
{
	_cleanup_(freep) char *list = NULL;
	cpu_set_t cpus;

	CPU_XOR(&cpus, &regime->online, &regime->isolated);	/* isolated are a subset of those online */
	if (cpulist_format(&cpus, &list) < 0)
		return;
	if (regime->n_cpus == 0) {
		found(f, FINDING_FAIL, "no CPU is left for reservations: all that are online are isolated");
		mend(f, "remove isolcpus= from the kernel's command line and reboot");
		return;
	}
	found(f, FINDING_OK, "reservations share %" PRIu32 " CPU%s (%s) of one root domain: %s", regime->n_cpus,
	      regime->n_cpus == 1 ? "" : "s", list,
	      regime->n_cpus == 1 ? "EDF, admitted by processor demand" : "global EDF, admitted by its sufficient tests");
}

static void check_isolated(const struct regime *regime, struct finding *f)
{
	_cleanup_(freep) char *list = NULL;

	if (CPU_COUNT(&regime->isolated) == 0) {
		found(f, FINDING_OK, "no CPU is isolated (isolcpus)");
		return;
	}
	if (cpulist_format(&regime->isolated, &list) < 0)
		return;
	found(f, FINDING_NOTE, "%d CPU%s isolated (%s): not in the root domain, so no reservation runs there",
	      CPU_COUNT(&regime->isolated), CPU_COUNT(&regime->isolated) == 1 ? " is" : "s are", list);
}

static void check_smt(const struct regime *regime, struct finding *f)
{
	if (regime->smt == NO) {
		found(f, FINDING_OK, "no two CPUs share a core (SMT is off)");
		return;
	}
	if (regime->smt == UNKNOWN)
		found(f, FINDING_NOTE, "whether CPUs share cores (SMT) cannot be read");
	else
		found(f, FINDING_WARN,
		      "SMT is on: two CPUs share one core, so the same budget does less work while the sibling is busy");
	mend(f, "echo off > /sys/devices/system/cpu/smt/control");
}

static void check_rt_limit(const struct regime *regime, struct finding *f)
{
	if (regime->rt_runtime_us < 0) {
		found(f, FINDING_WARN,
		      "sched_rt_runtime_us is -1: the kernel checks neither bandwidth nor affinity, our admission is the "
		      "only one, and a busy FIFO thread can stop a CPU");
		mend(f, "sysctl -w kernel.sched_rt_runtime_us=950000");
	} else if (regime->rt_runtime_us == 0) {
		found(f, FINDING_FAIL, "sched_rt_runtime_us is 0: real-time threads get no time, nothing can be reserved");
		mend(f, "sysctl -w kernel.sched_rt_runtime_us=950000");
	} else {
		found(f, FINDING_OK, "the kernel grants up to %" PRId64 " of every %" PRIu64 " us of each CPU",
		      regime->rt_runtime_us, regime->rt_period_us);
	}
}

static void check_limit_watch(const struct regime *regime, struct finding *f)
{
	if (regime->limit_heard == YES) {
		found(f, FINDING_OK, "writes to sched_rt_runtime_us are noticed");
		return;
	}
	found(f, FINDING_WARN, "writes to sched_rt_runtime_us %s: what is asked after one is decided by the limit as it was",
	      regime->limit_heard == NO ? "cannot be watched" :
					  "are watched in virtrkd's own /proc, since that of process 1 cannot be opened, and may not be noticed");
	mend(f, "systemctl restart virtrkd, after such a write");
}

static void check_fair_server(const struct regime *regime, struct finding *f)
{
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];

	vrk_nsec_format(budget, regime->fair_budget_ns);
	vrk_nsec_format(period, regime->fair_period_ns);
	if (regime->fair_known != YES) {
		found(f, FINDING_NOTE,
		      "what the kernel keeps for ordinary threads (fair server) cannot be read: %s in every %s of each CPU "
		      "is assumed, and admission counts it", budget, period);
		mend(f, "mount -t debugfs none /sys/kernel/debug");
	} else if (regime->fair_budget_ns == 0) {
		found(f, FINDING_OK, "this kernel keeps nothing back for ordinary threads (no fair server)");
	} else {
		found(f, FINDING_OK, "ordinary threads keep %s in every %s of each CPU (fair server); admission counts it",
		      budget, period);
	}
}

static void check_lost(const struct regime *regime, struct finding *f)
{
	char lost[VRK_BW_STRLEN];

	if (regime->below_bw > 0) {
		found(f, FINDING_WARN,
		      "the kernel counts less than nothing as given away, and refuses everybody: a CPU was set apart, or came back, while bandwidth "
		      "was on its way back. It counts anew when a cpuset partition is made or removed");
		mend(f, "virtrk reserve DOMAIN --vcpu N --cpu CPU ..., or reboot");
	} else if (regime->lost_known != YES) {
		found(f, FINDING_NOTE, "what the kernel has booked cannot be read, so neither whether it has lost bandwidth");
		mend(f, "mount -t debugfs none /sys/kernel/debug");
	} else if (regime->lost_bw == 0) {
		found(f, FINDING_OK, "the kernel has booked nothing for threads that do not exist");
	} else {
		found(f, FINDING_WARN,
		      "the kernel has booked %s CPU for nobody, and refuses as much: somebody took sleeping threads out of "
		      "SCHED_DEADLINE, and it has lost count. It counts anew when its root domains are rebuilt: "
		      "when a cpuset partition is made or removed, or a CPU goes offline", vrk_bw_format(lost, regime->lost_bw));
		mend(f, "reboot");
	}
}

static void check_hrtick(const struct regime *regime, struct finding *f)
{
	char tick[VRK_NSEC_STRLEN];

	vrk_nsec_format(tick, regime->tick_ns);
	if (regime->hrtick_dl == YES) {
		found(f, FINDING_OK, "budgets are enforced to within %s (HRTICK_DL)", tick);
		return;
	}
	if (regime->hrtick_dl == NO)
		found(f, FINDING_WARN,
		      "budgets are enforced at the %s tick: a reservation may overrun by up to %s and is paid back; "
		      "admission counts it", tick, tick);
	else
		found(f, FINDING_WARN,
		      "whether HRTICK_DL is on cannot be read, off is assumed: budgets are enforced at the %s tick, a "
		      "reservation may overrun by up to %s and is paid back; admission counts it", tick, tick);
	mend(f, "echo HRTICK_DL > /sys/kernel/debug/sched/features");
}

static void check_period(const struct regime *regime, struct finding *f)
{
	char least[VRK_NSEC_STRLEN], most[VRK_NSEC_STRLEN];

	found(f, FINDING_OK, "periods may be from %s to %s", vrk_nsec_format(least, regime->period_min_ns),
	      vrk_nsec_format(most, regime->period_max_ns));
}

static void check_cgroup(const struct regime *regime, struct finding *f)
{
	static const char *const names[] = {
		[CGROUP_NONE] = "no control groups are mounted",
		[CGROUP_V1] = "control groups are of version 1",
		[CGROUP_HYBRID] = "control groups are mixed (versions 1 and 2)",
		[CGROUP_V2] = "control groups are of version 2",
	};

	if (regime->cgroup == CGROUP_V2) {
		found(f, FINDING_OK, "%s", names[regime->cgroup]);
		return;
	}
	found(f, FINDING_NOTE, "%s: reservations work, partitions want version 2 alone", names[regime->cgroup]);
	mend(f, "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line and reboot");
}

static void check_partitions(const struct regime *regime, struct finding *f)
{
	if (regime->partitions == YES && regime->remote_partitions == YES)
		found(f, FINDING_OK, "CPUs can be set apart for vCPUs of libvirt's domains, one each (virtrk reserve --cpu); at least one "
		      "stays for everything else");
	else if (regime->partitions == YES)
		found(f, FINDING_NOTE, "no CPU can be set apart for a vCPU: a partition below other control groups needs "
		      "kernel 6.7, this is %s; all reservations share the root domain", regime->release);
	else
		found(f, FINDING_NOTE, "no CPU can be set apart for a vCPU: control groups of version 2 have no cpuset here; all "
		      "reservations share the root domain");
}

static void check_preempt_rt(const struct regime *regime, struct finding *f)
{
	if (regime->preempt_rt == YES) {
		found(f, FINDING_OK, "PREEMPT_RT: wake-up latency is bounded");
		return;
	}
	if (regime->preempt_rt == NO)
		found(f, FINDING_NOTE, "no PREEMPT_RT: budgets are kept, but a wake-up may wait for what the kernel is doing");
	else
		found(f, FINDING_NOTE, "whether this is PREEMPT_RT cannot be read");
	mend(f, "apt-get install linux-image-rt-amd64");
}

/* Admission cannot know how long that takes, and nobody's budget is charged for it: it is latency. */
static void check_preemption(const struct regime *regime, struct finding *f)
{
	if (regime->preempt_rt == YES || strcmp(regime->preemption, "full") == 0) {
		found(f, FINDING_OK, "the kernel lets a reserved thread run in the middle of others' system calls (%s)",
		      regime->preempt_rt == YES ? "PREEMPT_RT" : "preemption model \"full\"");
	} else if (regime->preemption[0]) {
		found(f, FINDING_NOTE,
		      "preemption model \"%s\": a reserved thread that wakes may wait for a long system call of another one, for milliseconds",
		      regime->preemption);
		mend(f, "echo full > /sys/kernel/debug/sched/preempt (at boot: preempt=full)");
	} else {
		found(f, FINDING_NOTE, "whether a reserved thread that wakes has to wait for others' system calls cannot be read (preemption model)");
		mend(f, "mount -t debugfs none /sys/kernel/debug");
	}
}

static void check_irq_time(const struct regime *regime, struct finding *f)
{
	if (regime->irq_time == YES) {
		found(f, FINDING_OK, "interrupts are charged to no thread's budget (CONFIG_IRQ_TIME_ACCOUNTING)");
		return;
	}
	found(f, FINDING_NOTE, regime->irq_time == NO ?
	      "interrupts are charged to the thread that they interrupt (no CONFIG_IRQ_TIME_ACCOUNTING): so much less of its budget is its own" :
	      "whether interrupts are charged to the threads that they interrupt cannot be read (CONFIG_IRQ_TIME_ACCOUNTING)");
	mend(f, "add irqaffinity= with CPUs that have no reservations to the kernel's command line and reboot");
}

static void check_rt_group(const struct regime *regime, struct finding *f)
{
	if (regime->rt_group_sched == YES)
		found(f, FINDING_NOTE,
		      "CONFIG_RT_GROUP_SCHED: a FIFO or RR thread gets its old policy back only while its cpu cgroup has a "
		      "cpu.rt_runtime_us");
	else if (regime->rt_group_sched == NO)
		found(f, FINDING_OK, "FIFO and RR threads are not limited per group (no CONFIG_RT_GROUP_SCHED)");
	else
		found(f, FINDING_NOTE, "whether CONFIG_RT_GROUP_SCHED is set cannot be read");
}

static void check_frequency(const struct regime *regime, struct finding *f)
{
	if (regime->frequency_scaling == YES) {
		found(f, FINDING_WARN, "CPU frequency governor \"%s\": at a lower clock the same budget does less work",
		      regime->governor);
		mend(f, "cpupower frequency-set -g performance");
	} else if (regime->governor[0]) {
		found(f, FINDING_OK, "CPU frequency governor \"%s\"", regime->governor);
	} else {
		found(f, FINDING_OK, "Linux does not scale the CPU frequency here");
	}
}

static void check_connector(const struct regime *regime, struct finding *f)
{
	if (regime->process_connector == YES)
		found(f, FINDING_OK, "new QEMU processes are seen at once (process connector)");
	else
		found(f, FINDING_WARN, "%s: QEMU processes that libvirt does not know are looked for at each request only",
		      regime->process_connector == NO ? "there is no process connector (none in the kernel, or virtrkd is in a container)" :
							"whether the kernel has a process connector cannot be read");
}

static void check_switches(const struct regime *regime, struct finding *f)
{
	if (regime->perf_switch == YES)
		found(f, FINDING_OK, "throttling and missed budgets can be measured (perf context-switch records)");
	else
		found(f, FINDING_WARN, "the kernel has no perf events: throttling and missed budgets stay unknown, use is "
		      "measured");
}

static const struct {
	const char *key;
	check_fn check;
} checks[] = {
	{ "deadline",		check_deadline },
	{ "root",		check_root },
	{ "cpus",		check_cpus },
	{ "isolated",		check_isolated },
	{ "rt-limit",		check_rt_limit },
	{ "limit-watch",	check_limit_watch },
	{ "fair-server",	check_fair_server },
	{ "lost-bandwidth",	check_lost },
	{ "hrtick",		check_hrtick },
	{ "period",		check_period },
	{ "smt",		check_smt },
	{ "frequency",		check_frequency },
	{ "preempt-rt",		check_preempt_rt },
	{ "preemption",		check_preemption },
	{ "interrupt-time",	check_irq_time },
	{ "rt-group",		check_rt_group },
	{ "cgroup",		check_cgroup },
	{ "partitions",		check_partitions },
	{ "process-connector",	check_connector },
	{ "switch-records",	check_switches },
};

void doctor_findings_free(struct finding *findings, size_t n)
{
	size_t i;

	for (i = 0; findings && i < n; i++) {
		free(findings[i].text);
		free(findings[i].mend);
	}
	free(findings);
}

int doctor_findings(const struct regime *regime, struct finding **ret, size_t *ret_n)
{
	struct finding *findings = calloc(ARRAY_SIZE(checks), sizeof(*findings));
	size_t i;

	if (!findings)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		findings[i].check = checks[i].key;
		checks[i].check(regime, &findings[i]);
		if (!findings[i].text) {
			doctor_findings_free(findings, i + 1);
			return -ENOMEM;
		}
	}
	*ret = findings;
	*ret_n = ARRAY_SIZE(checks);
	return 0;
}
