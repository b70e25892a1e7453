/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts made of files, and what is read of them: a stock Debian 13 as the base, and one difference per case. What cannot
 * be read must come out as unknown, or as the assumption that grants less.
 */
#include <time.h>

#include "cpulist.h"
#include "expect.h"
#include "regime.h"
#include "sysroot.h"

#define MOUNTS_V2 \
	"24 30 0:22 / /sys rw,nosuid - sysfs sysfs rw\n" \
	"35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNTS_V1 \
	"35 24 0:30 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n" \
	"37 35 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n" \
	"36 35 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu\n" \
	"38 35 0:33 / /sys/fs/cgroup/other rw - cgroup cgroup rw,cpu,xattr\n"

struct file {
	const char *name;
	const char *text;	/* NULL: the file is not there */
};

static const struct file debian13[] = {
	{ "proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n" },
	{ "proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.107-1 (2026-10-01)\n" },
	{ "proc/sys/kernel/sched_rt_runtime_us", "950000\n" },
	{ "proc/sys/kernel/sched_rt_period_us", "1000000\n" },
	{ "proc/sys/kernel/sched_deadline_period_min_us", "100\n" },
	{ "proc/sys/kernel/sched_deadline_period_max_us", "4194304\n" },
	{ "proc/sys/kernel/perf_event_paranoid", "3\n" },
	{ "proc/net/connector", "Name            ID\ncn_proc         1:1\n" },
	{ "proc/self/mountinfo", MOUNTS_V2 },
	{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n" },
	{ "sys/devices/system/cpu/online", "0-3\n" },
	{ "sys/devices/system/cpu/isolated", "\n" },
	{ "sys/devices/system/cpu/smt/active", "0\n" },
	{ "sys/kernel/debug/sched/features", "GENTLE_FAIR_SLEEPERS NO_HRTICK NO_HRTICK_DL NONTASK_CAPACITY\n" },
	{ "sys/kernel/debug/sched/preempt", "none (voluntary) full\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu0/runtime", "50000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu0/period", "1000000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu1/runtime", "50000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu1/period", "1000000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu2/runtime", "50000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu2/period", "1000000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu3/runtime", "50000000\n" },
	{ "sys/kernel/debug/sched/fair_server/cpu3/period", "1000000000\n" },
	{ "boot/config-6.12.107+deb13-amd64", "# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\nCONFIG_HZ=250\n" },
};

/* All that a case may look at, as text: "root-domain cpus=4 ..." */
static char *regime_text(const struct regime *g)
{
	static const char *const cgroups[] = { "none", "v1", "hybrid", "v2" };
	_cleanup_(freep) char *online = NULL, *isolated = NULL;
	char *text = NULL;

	tree_must(cpulist_format(&g->online, &online) == 0 && cpulist_format(&g->isolated, &isolated) == 0, "cpulist");
	tree_must(asprintf(&text,
			   "kind=%s\nrelease=%s\nonline=%s\nisolated=%s\ncpus=%u\nsmt=%d\ncgroup=%s\npartitions=%d\n"
			   "remote=%d\nrt=%" PRId64 "/%" PRIu64 "\nfair=%" PRIu64 "/%" PRIu64 "\nfair-known=%d\n"
			   "hrtick=%d\njiffy=%" PRIu64 "\ntick=%" PRIu64 "\nperiod=%" PRIu64 "-%" PRIu64 "\ndeadline=%d\n"
			   "rt-kernel=%d\nrt-group=%d\nfrequency=%d\ngovernor=%s\nconnector=%d\nperf=%d\npreemption=%s\nirq-time=%d\n",
			   regime_kind_name(g->kind), g->release, online, isolated, g->n_cpus, g->smt,
			   cgroups[g->cgroup], g->partitions, g->remote_partitions, g->rt_runtime_us,
			   g->rt_period_us, g->fair_budget_ns, g->fair_period_ns, g->fair_known, g->hrtick_dl,
			   g->jiffy_ns, g->tick_ns, g->period_min_ns, g->period_max_ns, g->deadline, g->preempt_rt,
			   g->rt_group_sched, g->frequency_scaling, g->governor, g->process_connector,
			   g->perf_switch, g->preemption, g->irq_time) > 0, "asprintf");
	return text;
}

static void tree_apply(const char *tree, const struct file *files, size_t n)
{
	size_t i;

	for (i = 0; i < n && files[i].name; i++) {
		_cleanup_(freep) char *path = tree_path(tree, files[i].name);

		if (files[i].text)
			tree_file(tree, files[i].name, files[i].text);
		else
			tree_must(unlink(path) == 0 || errno == ENOENT, path);
	}
}

static const struct {
	const char *name;
	struct file files[4];
	const char *want[4];	/* lines that must be in the text */
} cases[] = {
	{ "stock Debian 13", { { NULL, NULL } },
	  { "kind=root-domain\nrelease=6.12.107+deb13-amd64\nonline=0-3\nisolated=\ncpus=4\nsmt=0\ncgroup=v2\n"
	    "partitions=1\nremote=1\nrt=950000/1000000\nfair=50000000/1000000000\nfair-known=1\nhrtick=0\n"
	    "jiffy=4000000\ntick=4000000\nperiod=100000-4194304000\ndeadline=1\nrt-kernel=0\nrt-group=0\n"
	    "frequency=0\ngovernor=\nconnector=1\nperf=1\npreemption=voluntary\nirq-time=0\n" } },
	{ "preemption set at boot", { { "sys/kernel/debug/sched/preempt", "none voluntary (full)\n" } }, { "preemption=full\n" } },
	{ "preemption unreadable", { { "sys/kernel/debug/sched/preempt", NULL } }, { "preemption=\n" } },
	{ "preemption without a word that is so", { { "sys/kernel/debug/sched/preempt", "none (voluntary\n" } }, { "preemption=\n" } },
	{ "preemption by a word too long", { { "sys/kernel/debug/sched/preempt", "(sixteen-letters-)\n" } }, { "preemption=\n" } },
	{ "interrupts counted by themselves", { { "boot/config-6.12.107+deb13-amd64", "CONFIG_HZ=250\nCONFIG_IRQ_TIME_ACCOUNTING=y\n" } },
	  { "irq-time=1" } },
	{ "no limit of the kernel", { { "proc/sys/kernel/sched_rt_runtime_us", "-1\n" } },
	  { "kind=pinned", "rt=-1/1000000" } },
	{ "limit unreadable", { { "proc/sys/kernel/sched_rt_runtime_us", "lots\n" } },
	  { "kind=root-domain", "rt=950000/1000000" } },
	{ "limit of a zero period", { { "proc/sys/kernel/sched_rt_period_us", "0\n" } },
	  { "rt=950000/1000000" } },
	{ "isolated CPUs", { { "sys/devices/system/cpu/isolated", "2-3\n" } },
	  { "isolated=2-3\ncpus=2" } },
	{ "isolated CPUs that are offline", { { "sys/devices/system/cpu/isolated", "3-7\n" } },
	  { "isolated=3\ncpus=3" } },
	{ "isolated unreadable", { { "sys/devices/system/cpu/isolated", NULL } }, { "isolated=\ncpus=4" } },
	{ "SMT on", { { "sys/devices/system/cpu/smt/active", "1\n" } }, { "smt=1" } },
	{ "SMT unknown", { { "sys/devices/system/cpu/smt/active", NULL } }, { "smt=-1" } },
	{ "fine enforcement", { { "sys/kernel/debug/sched/features", "HRTICK HRTICK_DL\n" } },
	  { "hrtick=1\njiffy=4000000\ntick=10000\n" } },
	{ "a feature of a longer name", { { "sys/kernel/debug/sched/features", "NO_HRTICK_DL_X HRTICK_DLX\n" } },
	  { "hrtick=-1\njiffy=4000000\ntick=4000000\n" } },
	{ "features unreadable", { { "sys/kernel/debug/sched/features", NULL } },
	  { "hrtick=-1\njiffy=4000000\ntick=4000000\n" } },
	{ "tick unknown", { { "boot/config-6.12.107+deb13-amd64", NULL } },
	  { "jiffy=10000000\ntick=10000000\n", "rt-group=-1", "irq-time=-1" } },
	{ "tick of 300 Hz is rounded up", { { "boot/config-6.12.107+deb13-amd64", "CONFIG_HZ=300\n" } },
	  { "jiffy=3333334\n" } },
	{ "tick garbled", { { "boot/config-6.12.107+deb13-amd64", "CONFIG_HZ=\nCONFIG_HZ=250\n" } },
	  { "jiffy=10000000\n" } },
	{ "the largest fair server counts",
	  { { "sys/kernel/debug/sched/fair_server/cpu2/runtime", "30000000\n" },
	    { "sys/kernel/debug/sched/fair_server/cpu2/period", "100000000\n" } },
	  { "fair=30000000/100000000\nfair-known=1" } },
	{ "one fair server unreadable", { { "sys/kernel/debug/sched/fair_server/cpu3/period", NULL } },
	  { "fair=50000000/1000000000\nfair-known=0" } },
	{ "a fair server that cannot be", { { "sys/kernel/debug/sched/fair_server/cpu1/period", "0\n" } },
	  { "fair=50000000/1000000000\nfair-known=0" } },
	{ "CPU 4 has no file of its own", { { "sys/devices/system/cpu/online", "0-4\n" } },
	  { "cpus=5", "fair=50000000/1000000000\nfair-known=0" } },
	{ "kernel of Debian 12: partitions, but not remote ones",
	  { { "proc/sys/kernel/osrelease", "6.1.0-30-amd64\n" } },
	  { "partitions=1\nremote=0", "fair=50000000/1000000000\nfair-known=1" } },
	{ "the last without remote partitions", { { "proc/sys/kernel/osrelease", "6.6.99\n" } }, { "remote=0" } },
	{ "the first with remote partitions", { { "proc/sys/kernel/osrelease", "6.7.0-rc1\n" } }, { "remote=1" } },
	{ "a later major", { { "proc/sys/kernel/osrelease", "7.0\n" } }, { "remote=1" } },
	{ "a release that is no number", { { "proc/sys/kernel/osrelease", "next\n" } },
	  { "partitions=1\nremote=-1" } },
	{ "PREEMPT_RT by its flag", { { "sys/kernel/realtime", "1\n" } }, { "rt-kernel=1" } },
	{ "PREEMPT_RT by its version", { { "proc/sys/kernel/version", "#1 SMP PREEMPT_RT Debian 6.12\n" } },
	  { "rt-kernel=1" } },
	{ "version unreadable", { { "proc/sys/kernel/version", NULL } }, { "rt-kernel=-1" } },
	{ "cgroup version 1", { { "proc/self/mountinfo", MOUNTS_V1 },
				{ "sys/fs/cgroup/cpu,cpuacct/cpu.rt_runtime_us", "950000\n" } },
	  { "cgroup=v1\npartitions=0\nremote=0", "rt-group=1" } },
	{ "version 1 without rt groups", { { "proc/self/mountinfo", MOUNTS_V1 } }, { "cgroup=v1", "rt-group=0" } },
	{ "rt groups by the configuration",
	  { { "boot/config-6.12.107+deb13-amd64", "CONFIG_RT_GROUP_SCHED=y\n" } }, { "rt-group=1" } },
	{ "hybrid, cpuset in version 1",
	  { { "proc/self/mountinfo", MOUNTS_V1 "40 35 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" },
	    { "sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n" } },
	  { "cgroup=hybrid\npartitions=0\nremote=0" } },
	{ "no cgroups", { { "proc/self/mountinfo", "24 30 0:22 / /sys rw - sysfs sysfs rw\n" } },
	  { "cgroup=none\npartitions=0" } },
	{ "mounts garbled", { { "proc/self/mountinfo", " - cgroup2\n - cgroup2 x\na b\n1 2 3 4 - cgroup2 x\n\n" } },
	  { "cgroup=none\npartitions=0" } },
	{ "controllers unreadable", { { "sys/fs/cgroup/cgroup.controllers", NULL } },
	  { "cgroup=v2\npartitions=-1\nremote=-1" } },
	{ "controller of a longer name", { { "sys/fs/cgroup/cgroup.controllers", "cpusets cpu\n" } },
	  { "partitions=0" } },
	{ "governors differ: the worst counts",
	  { { "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n" },
	    { "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "schedutil\n" } },
	  { "frequency=1\ngovernor=schedutil" } },
	{ "performance", { { "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n" } },
	  { "frequency=0\ngovernor=performance" } },
	{ "an overlong governor is cut",
	  { { "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
	      "0123456789012345678901234567890123456789\n" } },
	  { "governor=0123456789012345678901234567890\n" } },
	{ "no connector, no perf", { { "proc/net/connector", NULL }, { "proc/sys/kernel/perf_event_paranoid", NULL } },
	  { "connector=0\nperf=0" } },
	{ "connector without processes", { { "proc/net/connector", "Name ID\n" } }, { "connector=0" } },
	{ "a kernel without limits of periods",
	  { { "proc/sys/kernel/sched_deadline_period_min_us", NULL },
	    { "proc/sys/kernel/sched_deadline_period_max_us", NULL } },
	  { "period=100000-4194304000\ndeadline=-1" } },
	{ "own limits of periods", { { "proc/sys/kernel/sched_deadline_period_min_us", "1000\n" } },
	  { "period=1000000-4194304000" } },
	{ "a limit beyond all time", { { "proc/sys/kernel/sched_deadline_period_max_us", "18446744073709551615\n" } },
	  { "period=100000-4194304000" } },
};

static void test_cases(void)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		_cleanup_(freep) char *text = NULL;
		struct regime regime;

		CASE(cases[i].name);
		tree_apply(tree, debian13, ARRAY_SIZE(debian13));
		tree_apply(tree, cases[i].files, ARRAY_SIZE(cases[i].files));
		if (!EXPECT_INT(sysroot_new(&root, tree), 0) || !EXPECT_INT(regime_read(root, NULL, &regime), 0))
			continue;
		text = regime_text(&regime);
		for (j = 0; j < ARRAY_SIZE(cases[i].want) && cases[i].want[j]; j++)
			if (!EXPECT(strstr(text, cases[i].want[j]) != NULL))
				fprintf(stderr, "wanted:\n%s\ngot:\n%s", cases[i].want[j], text);
	}
}

static void test_without_cpus(void)
{
	static const struct file lists[] = {
		{ "sys/devices/system/cpu/online", "0-3,\n" },
		{ "sys/devices/system/cpu/online", "0-4095\n" },
		{ "sys/devices/system/cpu/online", NULL },
	};
	static const int errors[] = { -EINVAL, -ERANGE, -ENOENT };
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct regime regime = { .n_cpus = 77 };
	size_t i;

	tree_apply(tree, debian13, ARRAY_SIZE(debian13));
	EXPECT_INT(sysroot_new(&root, tree), 0);
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		CASE(lists[i].text ?: "no list of CPUs");
		tree_apply(tree, &lists[i], 1);
		EXPECT_INT(regime_read(root, NULL, &regime), errors[i]);
		EXPECT_INT(regime.n_cpus, 77);
	}
}

/* Old kernels have no fair server: no debugfs needed to know. */
static void test_old_kernel(void)
{
	static const struct file files[] = {
		{ "proc/sys/kernel/osrelease", "6.1.0-30-amd64\n" },
		{ "sys/devices/system/cpu/online", "0\n" },
	};
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct regime regime;

	CASE("a bare tree of an old kernel");
	tree_apply(tree, files, ARRAY_SIZE(files));
	EXPECT_INT(sysroot_new(&root, tree), 0);
	EXPECT_INT(regime_read(root, NULL, &regime), 0);
	EXPECT(regime.fair_budget_ns == 0 && regime.fair_known == YES);
	EXPECT(regime.hrtick_dl == UNKNOWN && regime.tick_ns == 10 * NSEC_PER_MSEC);
	EXPECT(regime.smt == UNKNOWN && regime.deadline == UNKNOWN && regime.preempt_rt == UNKNOWN);
	EXPECT(regime.process_connector == NO && regime.perf_switch == NO);
	CASE("a bare tree of a new kernel");
	tree_file(tree, "proc/sys/kernel/osrelease", "6.12.0\n");
	EXPECT_INT(regime_read(root, NULL, &regime), 0);
	EXPECT(regime.fair_budget_ns == 50 * NSEC_PER_MSEC && regime.fair_period_ns == NSEC_PER_SEC);
	EXPECT_INT(regime.fair_known, NO);
}

static void test_host(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct timespec tick = { 0 };
	struct regime regime;

	CASE("this host");
	EXPECT_INT(sysroot_new(&root, NULL), 0);
	if (!EXPECT_INT(regime_read(root, NULL, &regime), 0))
		return;
	EXPECT_INT(CPU_COUNT(&regime.online), sysconf(_SC_NPROCESSORS_ONLN));
	EXPECT_INT(clock_getres(CLOCK_MONOTONIC_COARSE, &tick), 0);
	EXPECT_INT(regime.jiffy_ns, tick.tv_nsec);
	EXPECT(regime.tick_ns > 0 && regime.tick_ns <= regime.jiffy_ns);
	EXPECT_INT(regime.deadline, YES);
	EXPECT_INT(regime.root_user, geteuid() == 0);
	EXPECT(regime.release[0] != '\0' && regime.period_min_ns < regime.period_max_ns);
}

int main(void)
{
	test_cases();
	test_without_cpus();
	test_old_kernel();
	test_host();
	CASE("names");
	EXPECT_STR(regime_kind_name(REGIME_ROOT_DOMAIN), "root-domain");
	EXPECT_STR(regime_kind_name(REGIME_EXCLUSIVE), "exclusive");
	EXPECT_STR(regime_kind_name(REGIME_SHARED), "shared");
	EXPECT_STR(regime_kind_name(REGIME_PINNED), "pinned");
	return expect_result();
}
