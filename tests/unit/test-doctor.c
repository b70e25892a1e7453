/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor's table: for each property a good host, each way in which it is not, the level, the words that carry the
 * number and the command. Every host gets every finding, in the same order.
 */
#include "expect.h"
#include "regime.h"

/* All is well: one difference per case is told against it. */
static struct regime healthy(void)
{
	struct regime regime = {
		.release = "6.12.107+deb13-amd64", .n_cpus = 4, .cgroup = CGROUP_V2, .partitions = YES,
		.remote_partitions = YES, .rt_runtime_us = 950000, .rt_period_us = 1000000,
		.fair_budget_ns = 50 * NSEC_PER_MSEC, .fair_period_ns = NSEC_PER_SEC, .fair_known = YES,
		.hrtick_dl = YES, .jiffy_ns = 4 * NSEC_PER_MSEC, .tick_ns = 10 * NSEC_PER_USEC,
		.period_min_ns = 100 * NSEC_PER_USEC, .period_max_ns = 4194304 * NSEC_PER_USEC,
		.deadline = YES, .preempt_rt = YES, .preemption = "full", .irq_time = YES, .governor = "performance", .root_user = true,
		.process_connector = YES, .perf_switch = YES, .lost_known = YES, .limit_heard = YES,
	};
	unsigned int cpu;

	CPU_ZERO(&regime.online);
	CPU_ZERO(&regime.isolated);
	for (cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &regime.online);
	return regime;
}

#define HOST(name, ...)                       \
	static void name(struct regime *g)    \
	{                                     \
		__VA_ARGS__;                  \
	}

HOST(no_deadline, g->deadline = NO)
HOST(deadline_unknown, g->deadline = UNKNOWN)
HOST(not_root, g->root_user = false)
HOST(limit_own, g->limit_heard = UNKNOWN)
HOST(limit_unheard, g->limit_heard = NO)
HOST(one_cpu, g->n_cpus = 1; CPU_ZERO(&g->online); CPU_SET(0, &g->online))
HOST(all_isolated, g->n_cpus = 0; g->isolated = g->online)
HOST(two_isolated, g->n_cpus = 2; CPU_SET(2, &g->isolated); CPU_SET(3, &g->isolated))
HOST(no_limit, g->rt_runtime_us = -1; g->kind = REGIME_PINNED)
HOST(no_time, g->rt_runtime_us = 0)
HOST(fair_assumed, g->fair_known = NO)
HOST(fair_none, g->fair_budget_ns = 0)
HOST(lost_some, g->lost_bw = BW_UNIT + BW_UNIT / 4)
HOST(lost_below, g->below_bw = 3; g->lost_known = NO)
HOST(lost_unknown, g->lost_known = NO; g->lost_bw = 7)
HOST(tick_coarse, g->hrtick_dl = NO; g->tick_ns = g->jiffy_ns)
HOST(tick_unknown, g->hrtick_dl = UNKNOWN; g->tick_ns = g->jiffy_ns)
HOST(smt_on, g->smt = YES)
HOST(smt_unknown, g->smt = UNKNOWN)
HOST(scaling, g->frequency_scaling = YES; snprintf(g->governor, 32, "powersave"))
HOST(no_governor, g->governor[0] = '\0')
HOST(no_rt, g->preempt_rt = NO)
HOST(rt_unknown, g->preempt_rt = UNKNOWN)
HOST(preempts, g->preempt_rt = NO)
HOST(voluntary, g->preempt_rt = NO; snprintf(g->preemption, 16, "voluntary"))
HOST(preemption_unknown, g->preempt_rt = NO; g->preemption[0] = '\0')
HOST(irq_charged, g->irq_time = NO)
HOST(irq_unknown, g->irq_time = UNKNOWN)
HOST(rt_group, g->rt_group_sched = YES)
HOST(rt_group_unknown, g->rt_group_sched = UNKNOWN)
HOST(cgroup_v1, g->cgroup = CGROUP_V1; g->partitions = g->remote_partitions = NO)
HOST(cgroup_hybrid, g->cgroup = CGROUP_HYBRID)
HOST(cgroup_none, g->cgroup = CGROUP_NONE; g->partitions = NO)
HOST(not_remote, g->remote_partitions = NO; snprintf(g->release, 65, "6.1.0"))
HOST(no_connector, g->process_connector = NO)
HOST(connector_unknown, g->process_connector = UNKNOWN)
HOST(no_perf, g->perf_switch = NO)
HOST(nothing, (void)g)

static const struct {
	void (*change)(struct regime *g);
	const char *check;
	enum finding_level level;
	const char *words;	/* in the text */
	const char *mend;	/* in the command; NULL: none */
} cases[] = {
	{ nothing, "deadline", FINDING_OK, "kernel 6.12.107+deb13-amd64 has SCHED_DEADLINE", NULL },
	{ no_deadline, "deadline", FINDING_FAIL, "no SCHED_DEADLINE: nothing can be reserved", "apt-get install linux-image" },
	{ deadline_unknown, "deadline", FINDING_NOTE, "cannot be told", NULL },
	{ nothing, "root", FINDING_OK, "as root", NULL },
	{ not_root, "root", FINDING_FAIL, "not run as root", "sudo " },
	{ nothing, "cpus", FINDING_OK, "4 CPUs (0-3) of one root domain: global EDF", NULL },
	{ one_cpu, "cpus", FINDING_OK, "1 CPU (0) of one root domain: EDF, admitted by processor demand", NULL },
	{ two_isolated, "cpus", FINDING_OK, "2 CPUs (0-1)", NULL },
	{ all_isolated, "cpus", FINDING_FAIL, "no CPU is left", "isolcpus" },
	{ nothing, "isolated", FINDING_OK, "no CPU is isolated", NULL },
	{ two_isolated, "isolated", FINDING_NOTE, "2 CPUs are isolated (2-3)", NULL },
	{ nothing, "rt-limit", FINDING_OK, "950000 of every 1000000 us", NULL },
	{ no_limit, "rt-limit", FINDING_WARN, "-1: the kernel checks neither bandwidth nor affinity", "sysctl" },
	{ no_time, "rt-limit", FINDING_FAIL, "nothing can be reserved", "sysctl" },
	{ nothing, "fair-server", FINDING_OK, "50ms in every 1s of each CPU", NULL },
	{ fair_assumed, "fair-server", FINDING_NOTE, "50ms in every 1s of each CPU is assumed", "mount -t debugfs" },
	{ fair_none, "fair-server", FINDING_OK, "no fair server", NULL },
	{ nothing, "lost-bandwidth", FINDING_OK, "nothing for threads that do not exist", NULL },
	{ lost_some, "lost-bandwidth", FINDING_WARN, "booked 1.250 CPU for nobody", "reboot" },
	{ lost_below, "lost-bandwidth", FINDING_WARN, "less than nothing", "virtrk reserve" },
	{ lost_unknown, "lost-bandwidth", FINDING_NOTE, "cannot be read", "mount -t debugfs" },
	{ nothing, "limit-watch", FINDING_OK, "are noticed", NULL },
	{ limit_own, "limit-watch", FINDING_WARN, "virtrkd's own /proc", "restart virtrkd" },
	{ limit_unheard, "limit-watch", FINDING_WARN, "cannot be watched", "restart virtrkd" },
	{ nothing, "hrtick", FINDING_OK, "within 10us", NULL },
	{ tick_coarse, "hrtick", FINDING_WARN, "at the 4ms tick: a reservation may overrun by up to 4ms and is paid back; "
	  "admission counts it", "echo HRTICK_DL > /sys/kernel/debug/sched/features" },
	{ tick_unknown, "hrtick", FINDING_WARN, "off is assumed", "echo HRTICK_DL" },
	{ nothing, "period", FINDING_OK, "from 100us to 4.194304s", NULL },
	{ nothing, "smt", FINDING_OK, "off", NULL },
	{ smt_on, "smt", FINDING_WARN, "SMT is on", "smt/control" },
	{ smt_unknown, "smt", FINDING_NOTE, "cannot be read", "smt/control" },
	{ nothing, "frequency", FINDING_OK, "\"performance\"", NULL },
	{ scaling, "frequency", FINDING_WARN, "\"powersave\"", "cpupower" },
	{ no_governor, "frequency", FINDING_OK, "does not scale", NULL },
	{ nothing, "preempt-rt", FINDING_OK, "PREEMPT_RT", NULL },
	{ no_rt, "preempt-rt", FINDING_NOTE, "no PREEMPT_RT", "linux-image-rt" },
	{ rt_unknown, "preempt-rt", FINDING_NOTE, "cannot be read", "linux-image-rt" },
	{ nothing, "preemption", FINDING_OK, "(PREEMPT_RT)", NULL },
	{ preempts, "preemption", FINDING_OK, "preemption model \"full\"", NULL },
	{ voluntary, "preemption", FINDING_NOTE, "preemption model \"voluntary\": a reserved thread that wakes may wait", "echo full > " },
	{ preemption_unknown, "preemption", FINDING_NOTE, "cannot be read", "mount -t debugfs" },
	{ nothing, "interrupt-time", FINDING_OK, "to no thread's budget", NULL },
	{ irq_charged, "interrupt-time", FINDING_NOTE, "to the thread that they interrupt", "irqaffinity=" },
	{ irq_unknown, "interrupt-time", FINDING_NOTE, "cannot be read", "irqaffinity=" },
	{ nothing, "rt-group", FINDING_OK, "not limited per group", NULL },
	{ rt_group, "rt-group", FINDING_NOTE, "cpu.rt_runtime_us", NULL },
	{ rt_group_unknown, "rt-group", FINDING_NOTE, "cannot be read", NULL },
	{ nothing, "cgroup", FINDING_OK, "version 2", NULL },
	{ cgroup_v1, "cgroup", FINDING_NOTE, "version 1", "unified_cgroup_hierarchy" },
	{ cgroup_hybrid, "cgroup", FINDING_NOTE, "mixed", "unified_cgroup_hierarchy" },
	{ cgroup_none, "cgroup", FINDING_NOTE, "no control groups", "unified_cgroup_hierarchy" },
	{ nothing, "partitions", FINDING_OK, "can be set apart", NULL },
	{ not_remote, "partitions", FINDING_NOTE, "needs kernel 6.7, this is 6.1.0", NULL },
	{ cgroup_v1, "partitions", FINDING_NOTE, "no CPU can be set apart", NULL },
	{ nothing, "process-connector", FINDING_OK, "at once", NULL },
	{ no_connector, "process-connector", FINDING_WARN, "no process connector", NULL },
	{ connector_unknown, "process-connector", FINDING_WARN, "cannot be read", NULL },
	{ nothing, "switch-records", FINDING_OK, "can be measured", NULL },
	{ no_perf, "switch-records", FINDING_WARN, "no perf events", NULL },
};

static const struct finding *finding_of(const struct finding *findings, size_t n, const char *check)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(findings[i].check, check) == 0)
			return &findings[i];
	return NULL;
}

static void test_case(size_t i)
{
	struct regime regime = healthy();
	struct finding *findings = NULL;
	const struct finding *f;
	size_t j, n = 0;

	cases[i].change(&regime);
	if (!EXPECT_INT(doctor_findings(&regime, &findings, &n), 0))
		return;
	f = finding_of(findings, n, cases[i].check);
	if (EXPECT(f != NULL)) {
		EXPECT_STR(finding_level_name(f->level), finding_level_name(cases[i].level));
		if (!EXPECT(strstr(f->text, cases[i].words) != NULL))
			fprintf(stderr, "the text is \"%s\"\n", f->text);
		EXPECT((f->mend != NULL) == (cases[i].mend != NULL));
		EXPECT(!f->mend || !cases[i].mend || strstr(f->mend, cases[i].mend) != NULL);
	}
	for (j = 0; j < n; j++)
		EXPECT(findings[j].text && !strchr(findings[j].text, '\n'));
	doctor_findings_free(findings, n);
}

static void test_healthy(void)
{
	struct regime regime = healthy();
	struct finding *findings = NULL;
	size_t i, j, n = 0;

	CASE("a healthy host");
	EXPECT_INT(doctor_findings(&regime, &findings, &n), 0);
	EXPECT_INT(n, 20);
	for (i = 0; i < n; i++) {
		EXPECT(findings[i].level == FINDING_OK && !findings[i].mend);
		for (j = 0; j < i; j++)
			EXPECT(strcmp(findings[i].check, findings[j].check) != 0);
	}
	doctor_findings_free(findings, n);
	doctor_findings_free(NULL, 0);
}

int main(void)
{
	size_t i;

	test_healthy();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].words);
		test_case(i);
	}
	return expect_result();
}
