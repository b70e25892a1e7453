/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets which CPU, and which line says why not; and what a host and a thread's control group say before.
 */
#include <limits.h>

#include "cpulist.h"
#include "expect.h"
#include "partition.h"
#include "sysroot.h"

#define MS NSEC_PER_MSEC

/* Ledger: vcpu0 of a has CPU 2; vcpu1 of a shares; CPU 5 is left by somebody and on its way back. */
static void ledger_make(struct ledger *ledger)
{
	const struct vrk_reservation r = { MS, 10 * MS, 10 * MS };
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .pid = 10, .tid = 10, .start_ticks = 1, .reservation = r };
	const struct partition mine = { (char *)"vcpu0 of a", (char *)"/g/vcpu0", 10, 1, 2, 0, MS };
	const struct partition left = { (char *)"vcpu0 of gone", (char *)"/h/vcpu0", 99, 1, 5, 0, MS };

	EXPECT_INT(ledger_add(ledger, &p), 0);
	strcpy(p.thread, "vcpu1");
	p.tid = 11;
	EXPECT_INT(ledger_add(ledger, &p), 0);
	EXPECT_INT(ledger_add_partition(ledger, &mine), 0);
	EXPECT_INT(ledger_add_partition(ledger, &left), 0);
}

static const struct {
	const char *name;
	const char *online, *isolated, *housekeeping;
	const char *domain;
	const char *items[4];		/* "vcpu0", "vcpu0=2-3", or "vcpu0:80=2-3" for 80 of 100 ms */
	int r;
	const char *got;		/* the CPUs in order, '-' for none of its own; or what the message holds */
} cases[] = {
	{ "nobody asks", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0", "vcpu1" }, 0, "--" },
	{ "one CPU", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=3" }, 0, "3" },
	{ "the first that is free", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=2-4" }, 0, "3" },
	{ "each another", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=3-4", "vcpu1=3-4", "emulator" }, 0, "34-" },
	{ "more threads than CPUs: they share", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=3", "vcpu1=3" }, 0, "33" },
	{ "only where there is no other", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=3-4", "vcpu1=3-4", "vcpu2=3-4" }, 0, "343" },
	{ "by what fits", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0:80=3-4", "vcpu1:30=3-4", "vcpu2:30=3-4" }, 0, "344" },
	{ "what fits on none: admission says why", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0:80=3-4", "vcpu1:80=3-4", "vcpu2:30=3-4" }, 0, "343" },
	{ "beside another of the domain", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu2=2" }, 0, "2" },
	{ "rather alone", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu2=2-3" }, 0, "3" },
	{ "the emulator beside a vCPU", "0-7", "", "0-1,3-4,6-7", "a", { "emulator=2" }, 0, "2" },
	{ "the emulator with a vCPU", "0-7", "", "0-1,3-4,6-7", "b", { "emulator=3", "vcpu0=3" }, 0, "33" },
	{ "the emulator alone", "0-7", "", "0-1,3-4,6-7", "b", { "emulator=3", "vcpu0=4" }, -EOPNOTSUPP, "emulator of b cannot get a CPU of its own: only a vCPU can" },
	{ "another's", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=2" }, -EBUSY, "vcpu0 of b: CPU 2 is exclusive to vcpu0 of a" },
	{ "none of several", "0-3", "", "0-1,3", "b", { "vcpu0=2,9" }, -EBUSY, "none of its 2 CPUs is free; the first: vcpu0 of b: CPU 2 is exclusive to vcpu0 of a" },
	{ "not there", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=8" }, -EINVAL, "CPU 8 does not exist or is offline" },
	{ "offline", "0-5,7", "", "0-1,3-4,7", "b", { "vcpu0=6" }, -EINVAL, "CPU 6 does not exist or is offline" },
	{ "isolated", "0-7", "6", "0-1,3-4,6-7", "b", { "vcpu0=6" }, -EINVAL, "CPU 6 is isolated by boot options" },
	{ "a partition of others", "0-7", "", "0-1,3-4,7", "b", { "vcpu0=6" }, -EBUSY, "CPU 6 belongs to a cpuset partition that is not of virtrkd" },
	{ "the last one", "0,2,5", "", "0", "b", { "vcpu0=0" }, -EBUSY, "CPU 0 is the last one for everything else" },
	{ "the last one, of a list", "0-2,5", "", "0-1", "b", { "vcpu0=0-1", "vcpu1=0-1" }, 0, "00" },
	{ "the last one, and another's", "0-2,5", "", "0", "b", { "vcpu0=0,2" }, -EBUSY, "vcpu0 of b: none of its 2 CPUs is free; the first: vcpu0 of b: CPU 0 is the last one" },
	{ "the last one that is not isolated", "0-2,5", "1", "0-1", "b", { "vcpu0=0" }, -EBUSY, "CPU 0 is the last one for everything else" },
	{ "on its way back: wait", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=5" }, -EAGAIN, NULL },
	{ "on its way back, but another is free", "0-7", "", "0-1,3-4,6-7", "b", { "vcpu0=5-6" }, 0, "6" },
	{ "replaced where it is", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu0" }, 0, "2" },
	{ "replaced where it is, named", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu0=2-3" }, 0, "2" },
	{ "to another CPU", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu0=3" }, -EBUSY, "vcpu0 of a has a CPU of its own already: release it first" },
	{ "from what is shared", "0-7", "", "0-1,3-4,6-7", "a", { "vcpu1=3" }, -EBUSY, "vcpu1 of a shares its CPUs with others: release it first" },
};

/*
 * Where the kernel checks nothing. Ledger: vcpu0 of a pinned to CPU 2 with 60 of 100 ms; each item asks for 30 of 100 ms.
 */
static const struct {
	const char *name;
	const char *isolated;
	const char *roams;		/* a foreign SCHED_DEADLINE thread on these CPUs; NULL: none */
	bool shares;			/* a promise of ours on all CPUs */
	const char *domain;
	const char *items[4];
	int r;
	const char *got;
} pins[] = {
	{ "beside another", "", NULL, false, "b", { "vcpu0=2" }, 0, "2" },
	{ "the first on which it fits", "", NULL, false, "b", { "vcpu0=2-3", "vcpu1=2-3" }, 0, "23" },
	{ "two on an empty one", "", NULL, false, "b", { "vcpu0=3", "vcpu1=3" }, 0, "33" },
	{ "on none of them: admission says why", "", NULL, false, "b", { "vcpu0=2", "vcpu1=2", "emulator=2" }, 0, "222" },
	{ "who names none, where others are", "", NULL, false, "b", { "vcpu0" }, 0, "2" },
	{ "and elsewhere, if it has to", "", NULL, false, "b", { "vcpu0", "vcpu1" }, 0, "20" },
	{ "with one that names some", "", NULL, false, "b", { "vcpu0", "vcpu1=3" }, 0, "23" },
	{ "an isolated one", "3", NULL, false, "b", { "vcpu0=3" }, 0, "3" },
	{ "replaced", "", NULL, false, "a", { "vcpu0" }, 0, "2" },
	{ "to another CPU", "", NULL, false, "a", { "vcpu0=3" }, -EBUSY, "vcpu0 of a is pinned to a CPU already: release it first" },
	{ "not there", "", NULL, false, "b", { "vcpu0=4" }, -EINVAL, "CPU 4 does not exist or is offline" },
	{ "the last one", "", NULL, false, "b", { "vcpu0=0", "vcpu1=1", "emulator=3" }, -EBUSY, "CPU 3 is the last one for everything else" },
	{ "one that roams", "", "0-3", false, "b", { "vcpu0=2" }, -EBUSY, "since thread 77 (chrt, not ours) is SCHED_DEADLINE and may come there" },
	{ "one that roams elsewhere", "", "0-1", false, "b", { "vcpu0=2" }, 0, "2" },
	{ "one that is pinned", "", "2", false, "b", { "vcpu0=2" }, 0, "2" },
	{ "one of ours that roams", "", NULL, true, "b", { "vcpu0=2" }, -EBUSY, "since vcpu1 of a has a reservation on all CPUs" },
	{ "which may be replaced", "", NULL, true, "a", { "vcpu1" }, 0, "-" },
};

static void pins_make(struct ledger *ledger, bool shares)
{
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .pid = 10, .tid = 10, .start_ticks = 1,
			     .reservation = { 60 * MS, 100 * MS, 100 * MS } };
	const struct partition pin = { .kind = PARTITION_PINNED, .label = (char *)"vcpu0 of a", .tid = 10, .start_ticks = 1, .cpu = 2 };

	EXPECT_INT(ledger_add(ledger, &p), 0);
	EXPECT_INT(ledger_add_partition(ledger, &pin), 0);
	strcpy(p.thread, "vcpu1");
	p.tid = 11;
	if (shares)
		EXPECT_INT(ledger_add(ledger, &p), 0);
}

static void item_parse(const char *text, struct request_item *item)
{
	const char *equals = strchrnul(text, '=');
	size_t name = strcspn(text, ":=");
	nsec_t budget_ns = text[name] == ':' ? strtoull(text + name + 1, NULL, 10) * MS : 10 * MS;

	*item = (struct request_item){ .reservation = { budget_ns, 100 * MS, 100 * MS } };
	snprintf(item->thread, sizeof(item->thread), "%.*s", (int)name, text);
	if (*equals)
		EXPECT_INT(cpulist_parse(equals + 1, &item->cpus), 0);
}

static void test_assign(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	const struct regime regime = { .rt_runtime_us = 950000, .rt_period_us = 1000000, .n_cpus = 8, .period_min_ns = MS / 10,
				       .period_max_ns = 4000 * MS, .tick_ns = 1 };

	ledger_make(&ledger);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct request_item items[4];
		struct partition_host host = { 0 };
		const struct partition_ask ask = { &host, &regime, &ledger, NULL, cases[i].domain };
		char got[8] = "";
		size_t n = 0;
		int r;

		CASE(cases[i].name);
		EXPECT_INT(cpulist_parse(cases[i].online, &host.online), 0);
		EXPECT_INT(cpulist_parse(cases[i].isolated, &host.isolated), 0);
		EXPECT_INT(cpulist_parse(cases[i].housekeeping, &host.housekeeping), 0);
		while (n < 4 && cases[i].items[n]) {
			item_parse(cases[i].items[n], &items[n]);
			n++;
		}
		r = partition_assign(&ask, items, n, &err);
		EXPECT_INT(r, cases[i].r);
		for (size_t k = 0; r == 0 && k < n; k++)
			got[k] = (char)(items[k].apart ? "01234567"[items[k].cpu] : '-');
		if (r == 0)
			EXPECT_STR(got, cases[i].got);
		else if (cases[i].got)
			EXPECT(err && err->reason == (r == -EOPNOTSUPP ? VR_UNSUPPORTED : VR_BAD_CPU) && strstr(err->text, cases[i].got));
		else
			EXPECT(err == NULL);
	}
}

static void test_assign_pinned(void)
{
	const struct regime regime = { .kind = REGIME_PINNED, .rt_runtime_us = -1, .rt_period_us = 1000000, .n_cpus = 4,
				       .period_min_ns = MS / 10, .period_max_ns = 4000 * MS, .tick_ns = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(pins); i++) {
		struct foreign_load load = { .tid = 77, .comm = "chrt", .reservation = { MS, 100 * MS, 100 * MS } };
		const struct foreign foreign = { &load, pins[i].roams ? 1 : 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		struct partition_host host = { .pinned = true };
		const struct partition_ask ask = { &host, &regime, &ledger, &foreign, pins[i].domain };
		struct request_item items[4];
		char got[8] = "";
		size_t n = 0;
		int r;

		CASE(pins[i].name);
		pins_make(&ledger, pins[i].shares);
		EXPECT_INT(cpulist_parse("0-3", &host.online), 0);
		host.housekeeping = host.online;
		EXPECT_INT(cpulist_parse(pins[i].isolated, &host.isolated), 0);
		EXPECT_INT(cpulist_parse(pins[i].roams ?: "", &load.cpus), 0);
		for (; n < 4 && pins[i].items[n]; n++) {
			item_parse(pins[i].items[n], &items[n]);
			items[n].reservation = (struct vrk_reservation){ 30 * MS, 100 * MS, 100 * MS };
		}
		r = partition_assign(&ask, items, n, &err);
		EXPECT_INT(r, pins[i].r);
		for (size_t k = 0; r == 0 && k < n; k++) {
			EXPECT(!items[k].apart || items[k].kind == PARTITION_PINNED);
			got[k] = (char)(items[k].apart ? "01234567"[items[k].cpu] : '-');
		}
		if (r == 0)
			EXPECT_STR(got, pins[i].got);
		else
			EXPECT(err && err->reason == VR_BAD_CPU && strstr(err->text, pins[i].got));
	}
}

/* What is prepared for domains to come: CPU 3 for c, where it is alone or pinned with 60 of 100 ms. */
static void test_assign_held(void)
{
	static const struct {
		const char *name;
		bool pinned;
		const char *housekeeping;
		const char *domain;
		const char *items[3];
		int r;
		const char *got;
	} helds[] = {
		{ "another's", false, "0-3", "b", { "vcpu0=3" }, -EBUSY, "vcpu0 of b: CPU 3 is prepared for c" },
		{ "another one of the list", false, "0-3", "b", { "vcpu0=2-3", "vcpu1=2-3" }, 0, "22" },
		{ "its own", false, "0-3", "c", { "vcpu0=3" }, 0, "3" },
		{ "the last one beside it", false, "0,3", "b", { "vcpu0=0" }, -EBUSY, "CPU 0 is the last one" },
		{ "none named", false, "0-3", "b", { "vcpu0" }, 0, "-" },
		{ "pinned beside it", true, "0-3", "b", { "vcpu0:30=3" }, 0, "3" },
		{ "pinned where it fits", true, "0-3", "b", { "vcpu0:80=2-3", "vcpu1:30=2-3" }, 0, "23" },
		{ "pinned, as those are to be that name none", true, "0-3", "b", { "vcpu0:30" }, 0, "0" },
	};
	const struct regime regime = { .rt_runtime_us = -1, .rt_period_us = 1000000, .n_cpus = 4, .period_min_ns = MS / 10,
				       .period_max_ns = 4000 * MS, .tick_ns = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(helds); i++) {
		struct foreign_load load = { .comm = "prepared", .reservation = { 60 * MS, 100 * MS, 100 * MS }, .held_for = "c" };
		const struct foreign foreign = { &load, 1 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		const struct ledger ledger = { 0 };
		struct partition_host host = { .pinned = helds[i].pinned };
		const struct partition_ask ask = { &host, &regime, &ledger, &foreign, helds[i].domain };
		struct request_item items[3];
		size_t n = 0;
		int r;

		CASE(helds[i].name);
		EXPECT_INT(cpulist_parse("0-3", &host.online), 0);
		EXPECT_INT(cpulist_parse(helds[i].housekeeping, &host.housekeeping), 0);
		CPU_SET(3, &load.cpus);
		for (; n < 3 && helds[i].items[n]; n++)
			item_parse(helds[i].items[n], &items[n]);
		r = partition_assign(&ask, items, n, &err);
		EXPECT_INT(r, helds[i].r);
		for (size_t k = 0; r == 0 && k < n; k++)
			EXPECT_INT(items[k].apart ? (char)('0' + items[k].cpu) : '-', helds[i].got[k]);
		if (r < 0)
			EXPECT(err && err->reason == VR_BAD_CPU && strstr(err->text, helds[i].got));
	}
}

/*
 * In a slice. Ledger: vcpu0 of a is in "/v" with CPUs 2-3, and vcpu0 of b alone on CPU 5; vcpu1 of a shares with all others. With
 * `rests` nothing in /v has a promise any more.
 */
static const struct {
	const char *name;
	const char *slice;
	bool rests;
	const char *domain;
	const char *items[4];
	int r;
	const char *got;		/* the CPUs of the slice; NULL: none are given */
} slices[] = {
	{ "nobody asks, and it has none", "/w", false, "c", { "vcpu0" }, 0, NULL },
	{ "the first names them", "/w", false, "c", { "vcpu0=4" }, 0, "4" },
	{ "two", "/w", false, "c", { "vcpu0=6-7", "vcpu1=6-7" }, 0, "6-7" },
	{ "two, named once", "/w", false, "c", { "vcpu0", "vcpu1=6-7" }, 0, "6-7" },
	{ "not the same for both", "/w", false, "c", { "vcpu0=6-7", "vcpu1=6" }, -EINVAL, "the same have to be named for all" },
	{ "who comes next names none", "/v", false, "c", { "vcpu0", "emulator" }, 0, "2-3" },
	{ "or the same", "/v", false, "c", { "vcpu0=2-3" }, 0, "2-3" },
	{ "or others", "/v", false, "c", { "vcpu0=3" }, -EBUSY, "v has CPU 2-3 already" },
	{ "others, when it rests", "/v", true, "c", { "vcpu0=3" }, -EAGAIN, NULL },
	{ "the same, when it rests", "/v", true, "c", { "vcpu0=2-3" }, 0, "2-3" },
	{ "replaced", "/v", false, "a", { "vcpu0" }, 0, "2-3" },
	{ "one that shares with all others", "/v", false, "a", { "vcpu1=2-3" }, -EBUSY, "vcpu1 of a shares its CPUs with all others" },
	{ "another slice's", "/w", false, "c", { "vcpu0=3-4" }, -EBUSY, "CPU 3 is promised to vcpu0 of a" },
	{ "an exclusive one", "/w", false, "c", { "vcpu0=4-5" }, -EBUSY, "CPU 5 is exclusive to vcpu0 of b" },
	{ "not there", "/w", false, "c", { "vcpu0=7-8" }, -EINVAL, "CPU 8 does not exist or is offline" },
	{ "isolated", "/w", false, "c", { "vcpu0=0" }, -EINVAL, "CPU 0 is isolated by boot options" },
	{ "all but an isolated one", "/w", false, "c", { "vcpu0=1,4,6-7" }, -EBUSY, "at least one has to stay" },
	{ "all that are left", "/w", false, "c", { "vcpu0=1,4,6-7" }, -EBUSY, "at least one has to stay" },
};

static void slices_make(struct ledger *ledger, bool rests)
{
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .pid = 10, .tid = 10, .reservation = { MS, 10 * MS, 10 * MS } };
	struct partition in = { .kind = PARTITION_SHARED, .label = (char *)"vcpu0 of a", .cgroup = (char *)"/v", .tid = 10, .cpu = 2 };
	const struct partition other = { (char *)"vcpu0 of b", (char *)"/g/vcpu0", 30, 0, 5, 0, MS };

	EXPECT_INT(cpulist_parse("2-3", &in.cpus), 0);
	EXPECT_INT(ledger_add_partition(ledger, &in), 0);
	EXPECT_INT(ledger_add_partition(ledger, &other), 0);
	if (!rests)
		EXPECT_INT(ledger_add(ledger, &p), 0);
	strcpy(p.thread, "vcpu1");
	p.tid = 11;
	EXPECT_INT(ledger_add(ledger, &p), 0);
	p.domain = (char *)"b";
	strcpy(p.thread, "vcpu0");
	p.tid = 30;
	EXPECT_INT(ledger_add(ledger, &p), 0);
}

static void test_assign_shared(void)
{
	const struct regime regime = { .n_cpus = 7 };

	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		struct partition_host host = { .slice = slices[i].slice };
		const struct partition_ask ask = { &host, &regime, &ledger, NULL, slices[i].domain };
		struct request_item items[4];
		size_t n = 0;
		int r;

		CASE(slices[i].name);
		slices_make(&ledger, slices[i].rests);
		EXPECT_INT(cpulist_parse("0-7", &host.online), 0);
		EXPECT_INT(cpulist_parse("0", &host.isolated), 0);
		EXPECT_INT(cpulist_parse(strstr(slices[i].name, "isolated one") ? "0-1,4,6-7" : "1,4,6-7", &host.housekeeping), 0);
		for (; n < 4 && slices[i].items[n]; n++)
			item_parse(slices[i].items[n], &items[n]);
		r = partition_assign(&ask, items, n, &err);
		EXPECT_INT(r, slices[i].r);
		for (size_t k = 0; r == 0 && k < n; k++) {
			_cleanup_(freep) char *list = NULL;

			EXPECT(items[k].apart == (slices[i].got != NULL));
			if (!items[k].apart)
				continue;
			EXPECT_INT(cpulist_format(&items[k].slice_cpus, &list), 0);
			EXPECT_STR(list, slices[i].got);
			EXPECT(items[k].kind == PARTITION_SHARED && items[k].cpu == (uint32_t)atoi(list));
		}
		if (r < 0 && slices[i].got)
			EXPECT(err && err->reason == VR_BAD_CPU && strstr(err->text, slices[i].got));
	}
}

/* ---- what is read ---- */

static void test_look_slice(void)
{
	static const struct {
		const char *name;
		const char *group;
		const char *slice;	/* NULL: none */
	} looks[] = {
		{ "libvirt's domain", "0::/virtrk.slice/machine-qemu.scope/libvirt/vcpu0\n", "/sys/fs/cgroup/virtrk.slice" },
		{ "in the slice itself", "0::/virtrk.slice\n", "/sys/fs/cgroup/virtrk.slice" },
		{ "one slice per partition", "0::/virtrk\\x2drt.slice/x\n", "/sys/fs/cgroup/virtrk\\x2drt.slice" },
		{ "beside version 1", "3:cpu:/virtrk.slice\n0::/virtrk.slice/x\n", "/sys/fs/cgroup/virtrk.slice" },
		{ "another's", "0::/machine.slice/virtrk.slice/x\n", NULL },
		{ "no slice", "0::/virtrk.scope/x\n", NULL },
		{ "another name", "0::/virtr.slice/x\n", NULL },
		{ "the root", "0::/\n", NULL },
		{ "version 1 alone", "3:cpuset:/virtrk.slice\n", NULL },
	};
	const struct regime regime = { .cgroup_path = "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		_cleanup_(freep) char *slice = NULL;

		CASE(looks[i].name);
		tree_file(tree, "proc/11/cgroup", looks[i].group);
		tree_must(sysroot_new(&root, tree) == 0, tree);
		EXPECT_INT(partition_look_slice(root, &regime, 11, &slice), looks[i].slice ? 1 : 0);
		EXPECT_STR(slice, looks[i].slice);
		EXPECT_INT(partition_look_slice(root, &regime, 12, &slice), -ESRCH);
	}
}

static const struct {
	const char *name;
	const char *group;
	const char *type;	/* of it; NULL: not there */
	int r;
	enum vr_reason reason;
	const char *words;
} groups[] = {
	{ "libvirt's", "/machine.slice/m.scope/libvirt/vcpu0", "threaded\n", 0, 0, NULL },
	{ "a two-digit one", "/machine.slice/m.scope/libvirt/vcpu12", "threaded\n", 0, 0, NULL },
	{ "libvirt's, without machined", "/machine/qemu-1-rt.libvirt-qemu/vcpu0", "threaded\n", 0, 0, NULL },
	{ "a session's", "/user.slice/session-1.scope", "domain\n", -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt started" },
	{ "the emulator's", "/machine.slice/m.scope/libvirt/emulator", "threaded\n", 0, 0, NULL },
	{ "an I/O thread's", "/machine.slice/m.scope/libvirt/iothread1", "threaded\n", 0, 0, NULL },
	{ "not libvirt's", "/machine.slice/m.scope/other/vcpu0", "threaded\n", -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt" },
	{ "no number", "/libvirt/vcpu", "threaded\n", -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt" },
	{ "more than a number", "/libvirt/vcpu0x", "threaded\n", -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt" },
	{ "not threaded", "/m/libvirt/vcpu0", "domain\n", -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt" },
	{ "one that is lost", "/m/libvirt/vcpu0/rk", "threaded\n", -EBUSY, VR_BAD_CPU, "a partition that this virtrkd has not made" },
	{ "in the root", "/", NULL, -EOPNOTSUPP, VR_UNSUPPORTED, "only threads that libvirt" },
};

static void test_look(void)
{
	const struct regime regime = { .cgroup_path = "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(partition_clear) struct partition partition = { 0 };
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		char text[256];
		int r;

		CASE(groups[i].name);
		snprintf(text, sizeof(text), "0::%s\n", groups[i].group);
		tree_file(tree, "proc/11/cgroup", text);
		snprintf(text, sizeof(text), "sys/fs/cgroup%s/cgroup.type", groups[i].group);
		if (groups[i].type)
			tree_file(tree, text, groups[i].type);
		tree_must(sysroot_new(&root, tree) == 0, tree);
		r = partition_look(root, &regime, "vcpu0 of d", 11, 5, &partition, &err);
		EXPECT_INT(r, groups[i].r);
		snprintf(text, sizeof(text), "/sys/fs/cgroup%s", groups[i].group);
		if (r == 0)
			EXPECT(strcmp(partition.cgroup, text) == 0 && partition.tid == 11 && partition.start_ticks == 5);
		else
			EXPECT(err && err->reason == groups[i].reason && strstr(err->text, groups[i].words));
	}
}

static void test_kept(void)
{
	struct partition partition = { (char *)"x", (char *)"/sys/fs/cgroup/m/libvirt/vcpu0", 11, 5, 2, 0, 0 };
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	CASE("nothing is there before");
	tree_file(tree, "sys/fs/cgroup/m/cpuset.cpus.exclusive", "1,3\n");
	tree_file(tree, "sys/fs/cgroup/m/libvirt/cpuset.cpus.exclusive", "\n");
	tree_file(tree, "sys/fs/cgroup/m/libvirt/vcpu0/cgroup.subtree_control", "cpu\n");
	tree_must(sysroot_new(&root, tree) == 0, tree);
	EXPECT_INT(partition_look_kept(root, &partition), 0);
	EXPECT_INT(partition.kept, 0);
	CASE("a list and the controller");
	tree_file(tree, "sys/fs/cgroup/m/cpuset.cpus.exclusive", "1-3\n");
	tree_file(tree, "sys/fs/cgroup/m/libvirt/vcpu0/cgroup.subtree_control", "cpu cpuset\n");
	EXPECT_INT(partition_look_kept(root, &partition), 0);
	EXPECT_INT(partition.kept, PARTITION_KEPT_LEVEL(3) | PARTITION_KEPT_CONTROL);
}

/* libvirt's vcpupin writes the group's list: what was promised is added there. */
static void test_home(void)
{
	static const struct {
		const char *name, *group;
		enum partition_kind kind;
		const char *list;	/* of cpuset.cpus; NULL: no such file */
		const char *path;	/* NULL: nothing to do */
		const char *after;
	} homes[] = {
		{ "pinned elsewhere", "0::/machine.slice/m.scope/libvirt/vcpu0\n", PARTITION_PINNED, "1\n",
		  "/sys/fs/cgroup/machine.slice/m.scope/libvirt/vcpu0", "1,3" },
		{ "pinned there", "0::/machine.slice/m.scope/libvirt/vcpu0\n", PARTITION_PINNED, "2-4\n", NULL, NULL },
		{ "not pinned", "0::/machine.slice/m.scope/libvirt/vcpu0\n", PARTITION_PINNED, "\n", NULL, NULL },
		{ "without cpuset", "0::/machine.slice/m.scope/libvirt/vcpu0\n", PARTITION_PINNED, NULL, NULL, NULL },
		{ "an emulator's", "0::/machine/qemu-1-rt.libvirt-qemu/emulator\n", PARTITION_PINNED, "0\n",
		  "/sys/fs/cgroup/machine/qemu-1-rt.libvirt-qemu/emulator", "0,3" },
		{ "a group of somebody else", "0::/system.slice/x.service\n", PARTITION_PINNED, "1\n", NULL, NULL },
		{ "in a slice, pinned to one of its CPUs", "0::/virtrk.slice/m.scope/libvirt/vcpu0\n", PARTITION_SHARED, "2\n",
		  "/sys/fs/cgroup/virtrk.slice/m.scope/libvirt/vcpu0", "2-3" },
		{ "no group of version 2", "3:cpuset:/m\n", PARTITION_PINNED, NULL, NULL, NULL },
	};
	const struct regime regime = { .cgroup_path = "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
		struct partition partition = { .kind = homes[i].kind, .tid = 11, .start_ticks = 5, .cpu = 3 };
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		_cleanup_(freep) char *before = NULL, *after = NULL;
		struct step step = { 0 };
		char path[256];

		CASE(homes[i].name);
		EXPECT_INT(cpulist_parse("2-3", &partition.cpus), 0);
		snprintf(path, sizeof(path), "sys/fs/cgroup%.*s/cpuset.cpus", (int)strcspn(homes[i].group + 3, "\n"), homes[i].group + 3);
		tree_file(tree, "proc/11/cgroup", homes[i].group);
		if (homes[i].list)
			tree_file(tree, path, homes[i].list);
		tree_must(sysroot_new(&root, tree) == 0, tree);
		EXPECT_INT(partition_look_home(root, &regime, &partition, &step), homes[i].path != NULL);
		EXPECT_STR(step.cgroup, homes[i].path);
		if (!homes[i].path)
			continue;
		EXPECT(step.kind == STEP_GROUP && step.make && step.tid == 11 && step.start_ticks == 5);
		EXPECT(cpulist_format(&step.before, &before) == 0 && cpulist_format(&step.cpus, &after) == 0);
		EXPECT(before && strncmp(before, homes[i].list, strlen(before)) == 0);
		EXPECT_STR(after, homes[i].after);
		free(step.cgroup);
	}
	CASE("a thread that has ended");
	{
		const struct partition partition = { .kind = PARTITION_PINNED, .tid = 11, .cpu = 3 };
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		struct step step;

		tree_must(sysroot_new(&root, tree) == 0, tree);
		EXPECT_INT(partition_look_home(root, &regime, &partition, &step), -ESRCH);
	}
}

static void test_host(void)
{
	static const struct {
		const char *name;
		enum cgroup_mode cgroup;
		enum tristate partitions, remote;
		const char *words;
	} hosts[] = {
		{ "control groups of version 1", CGROUP_V1, NO, NO, "needs control groups of version 2 with cpuset" },
		{ "no cpuset", CGROUP_V2, NO, NO, "have no cpuset controller" },
		{ "an older kernel", CGROUP_V2, YES, NO, "needs kernel 6.7, this is 6.1.0" },
	};
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct regime regime = { .cgroup = CGROUP_V2, .partitions = YES, .remote_partitions = YES, .cgroup_path = "/sys/fs/cgroup" };
	struct partition_host host;

	tree_file(tree, "sys/devices/system/cpu/online", "0-3\n");
	tree_file(tree, "sys/fs/cgroup/cpuset.cpus.effective", "0-1,3\n");
	tree_must(sysroot_new(&root, tree) == 0, tree);
	CASE("a host that can");
	EXPECT_INT(partition_host_read(root, &regime, NULL, &host, NULL), 0);
	EXPECT_INT(CPU_COUNT(&host.online), 4);
	EXPECT(CPU_COUNT(&host.housekeeping) == 3 && !CPU_ISSET(2, &host.housekeeping));
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(hosts[i].name);
		regime.cgroup = hosts[i].cgroup;
		regime.partitions = hosts[i].partitions;
		regime.remote_partitions = hosts[i].remote;
		snprintf(regime.release, sizeof(regime.release), "6.1.0");
		EXPECT_INT(partition_host_read(root, &regime, NULL, &host, &err), -EOPNOTSUPP);
		EXPECT(err && err->reason == VR_UNSUPPORTED && strstr(err->text, hosts[i].words));
	}
}

/* Pinned: no control groups are needed, but the limit has to be off still. */
static void test_host_pinned(void)
{
	static const struct {
		const char *name;
		int64_t limit_us;
		bool cgroup;
		int r;
		int housekeeping;
	} hosts[] = {
		{ "no control groups", -1, false, 0, 4 },
		{ "a partition of others", -1, true, 0, 3 },
		{ "somebody has set the limit", 950000, true, -EOPNOTSUPP, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		struct regime regime = { .kind = REGIME_PINNED, .rt_runtime_us = hosts[i].limit_us };
		struct partition_host host = { 0 };

		CASE(hosts[i].name);
		tree_file(tree, "sys/devices/system/cpu/online", "0-3\n");
		tree_file(tree, "sys/fs/cgroup/cpuset.cpus.effective", "0-1,3\n");
		tree_must(sysroot_new(&root, tree) == 0, tree);
		if (hosts[i].cgroup)
			strcpy(regime.cgroup_path, "/sys/fs/cgroup");
		EXPECT_INT(partition_host_read(root, &regime, NULL, &host, &err), hosts[i].r);
		EXPECT_INT(CPU_COUNT(&host.housekeeping), hosts[i].housekeeping);
		if (hosts[i].r == 0)
			EXPECT(host.pinned);
		else
			EXPECT(err && strstr(err->text, "from -1 to 950000"));
	}
}

/* A slice needs cpuset in version 2, but not kernel 6.7; and on a host that pins it is a slice all the same. */
static void test_host_slice(void)
{
	static const struct {
		const char *name;
		enum regime_kind kind;
		enum cgroup_mode cgroup;
		enum tristate partitions, remote;
		const char *words;	/* NULL: it can be */
	} hosts[] = {
		{ "a host that can", REGIME_ROOT_DOMAIN, CGROUP_V2, YES, YES, NULL },
		{ "an older kernel", REGIME_ROOT_DOMAIN, CGROUP_V2, YES, NO, NULL },
		{ "one that pins", REGIME_PINNED, CGROUP_V2, YES, YES, NULL },
		{ "control groups of version 1", REGIME_ROOT_DOMAIN, CGROUP_V1, NO, NO, "needs control groups of version 2 with cpuset" },
		{ "no cpuset", REGIME_PINNED, CGROUP_V2, NO, NO, "have no cpuset controller" },
	};
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	tree_file(tree, "sys/devices/system/cpu/online", "0-3\n");
	tree_file(tree, "sys/fs/cgroup/cpuset.cpus.effective", "0-1,3\n");
	tree_must(sysroot_new(&root, tree) == 0, tree);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct regime regime = { .kind = hosts[i].kind, .cgroup = hosts[i].cgroup, .partitions = hosts[i].partitions,
					 .remote_partitions = hosts[i].remote, .cgroup_path = "/sys/fs/cgroup" };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct partition_host host = { 0 };

		CASE(hosts[i].name);
		EXPECT_INT(partition_host_read(root, &regime, "/sys/fs/cgroup/virtrk.slice", &host, &err),
			   hosts[i].words ? -EOPNOTSUPP : 0);
		if (hosts[i].words)
			EXPECT(err && err->reason == VR_UNSUPPORTED && strstr(err->text, hosts[i].words));
		else
			EXPECT(!host.pinned && host.slice && CPU_COUNT(&host.housekeeping) == 3);
	}
}

/* What the slice holds before: the newer file where there is one. */
static void test_look_cpus(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	cpu_set_t cpus;

	CASE("no file: cpuset is not handed on");
	tree_file(tree, "sys/fs/cgroup/virtrk.slice/cgroup.threads", "");
	tree_must(sysroot_new(&root, tree) == 0, tree);
	EXPECT_INT(partition_look_cpus(root, "/sys/fs/cgroup/virtrk.slice", &cpus, &err), -EOPNOTSUPP);
	EXPECT(err && err->reason == VR_UNSUPPORTED && strstr(err->text, "does not hand on cpuset"));
	CASE("before kernel 6.7");
	tree_file(tree, "sys/fs/cgroup/virtrk.slice/cpuset.cpus", "0-2\n");
	EXPECT_INT(partition_look_cpus(root, "/sys/fs/cgroup/virtrk.slice", &cpus, NULL), 0);
	EXPECT_INT(CPU_COUNT(&cpus), 3);
	CASE("since then");
	tree_file(tree, "sys/fs/cgroup/virtrk.slice/cpuset.cpus.exclusive", "\n");
	EXPECT_INT(partition_look_cpus(root, "/sys/fs/cgroup/virtrk.slice", &cpus, NULL), 0);
	EXPECT_INT(CPU_COUNT(&cpus), 0);
}

int main(void)
{
	test_host_slice();
	test_look_cpus();
	test_host_pinned();
	test_assign();
	test_assign_pinned();
	test_assign_held();
	test_assign_shared();
	test_look_slice();
	test_look();
	test_home();
	test_kept();
	test_host();
	return expect_result();
}
