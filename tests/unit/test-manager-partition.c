/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator switches the kernel's limit on SCHED_DEADLINE off and on: what is asked next is decided by what the host is then, but
 * not as long as somebody is pinned. A manager that only decides, over a host made of files.
 */
#include "cpulist.h"
#include "fake-proc.h"
#include "manager-private.h"

#define MS    NSEC_PER_MSEC
#define LIMIT "proc/sys/kernel/sched_rt_runtime_us"

enum { PID = 100 };

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = (struct sched_state){ .policy = SCHED_OTHER };
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	return cpulist_parse("0-1", ret);
}

static const struct sysroot_ops model_ops = { .sched_get = model_get, .affinity_get = model_affinity_get };

static int reading;	/* inotify: of the limit */

static void domain_make(struct manager *m, const char *tree)
{
	enum vm_change change;
	struct vm *vm, *there;

	fake_process(tree, PID, "/usr/bin/qemu-system-x86_64", "qemu-system-x86", "qemu\0", 5);
	fake_thread(tree, PID, PID + 1, "CPU 0/KVM", 1000 + PID);
	tree_must(vm_new(&vm, "rt", PID) >= 0, "vm_new");
	tree_must(vm_add_thread(vm, VM_THREAD_VCPU, 0, PID + 1, 1000 + PID, "CPU 0/KVM") >= 0, "vm_add_thread");
	tree_must(vm_table_merge(&m->vms, vm, &change, &there) >= 0, "vm_table_merge");
}

static struct manager *manager_make(const char *tree, sd_event *event)
{
	struct manager *m = calloc(1, sizeof(*m));

	tree_must(m != NULL, "calloc");
	tree_file(tree, "sys/devices/system/cpu/online", "0-1\n");
	tree_file(tree, "proc/sys/kernel/sched_rt_period_us", "1000000\n");
	tree_file(tree, LIMIT, "950000\n");
	m->options.dry_run = true;
	m->event = sd_event_ref(event);
	tree_must(sysroot_new(&m->root, tree) >= 0, "sysroot_new");
	m->root->ops = &model_ops;
	reading = fake_watch_reads(tree, LIMIT);
	tree_must(manager_regime_read(m) >= 0, "regime");
	tree_must(monitor_new(&m->monitor, m->root) >= 0, "monitor_new");
	domain_make(m, tree);
	return m;
}

static int ask(struct manager *m, struct vr_error **reterr)
{
	const struct request_item item = { .thread = "vcpu0", .reservation = { 1 * MS, 10 * MS, 10 * MS } };
	_cleanup_(verdict_done) struct verdict verdict = { 0 };

	return manager_check(m, "rt", &item, 1, &verdict, reterr);
}

static void test_limit(struct manager *m, const char *tree)
{
	const struct partition pinned = { .kind = PARTITION_PINNED, .label = (char *)"vcpu1 of rt", .tid = 7, .start_ticks = 1, .cpu = 1 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	CASE("as it was when the daemon started: not looked at again, since that is no mere look");
	EXPECT_INT(m->regime.kind, REGIME_ROOT_DOMAIN);
	(void)fake_was_read(reading);
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.kind, REGIME_ROOT_DOMAIN);
	EXPECT_INT(manager_regime_read(m), 0);
	EXPECT(!fake_was_read(reading));
	CASE("less of it");
	tree_file(tree, LIMIT, "500000\n");
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.rt_runtime_us, 500000);
	EXPECT(fake_was_read(reading));
	CASE("its period");
	tree_file(tree, "proc/sys/kernel/sched_rt_period_us", "500000\n");
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.rt_period_us, 500000);
	tree_file(tree, "proc/sys/kernel/sched_rt_period_us", "1000000\n");
	CASE("switched off");
	tree_file(tree, LIMIT, "-1\n");
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.kind, REGIME_PINNED);
	CASE("switched on, and somebody is pinned");
	EXPECT_INT(ledger_add_partition(&m->ledger, &pinned), 0);
	tree_file(tree, LIMIT, "950000\n");
	EXPECT_INT(ask(m, &err), -EOPNOTSUPP);
	EXPECT_INT(m->regime.kind, REGIME_PINNED);
	EXPECT(err && err->reason == VR_UNSUPPORTED && strstr(err->text, "somebody has set sched_rt_runtime_us from -1 to 950000"));
	CASE("nobody any more");
	ledger_remove_partition(&m->ledger, 7, 1);
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.kind, REGIME_ROOT_DOMAIN);
	CASE("who starts a domain is told by the same rule");
	tree_file(tree, LIMIT, "-1\n");
	EXPECT(manager_place_is_known(m, &(struct manager_start) { "rt", NULL }, &(struct request_item) { .cpus = m->regime.online }, 1));
	EXPECT_INT(m->regime.kind, REGIME_PINNED);
	tree_file(tree, LIMIT, "950000\n");
	EXPECT_INT(ask(m, NULL), 0);
	EXPECT_INT(m->regime.kind, REGIME_ROOT_DOMAIN);
}

#define SLICE "/sys/fs/cgroup/virtrk.slice"

static void slice_make(struct manager *m, const char *tree)
{
	const struct promise promise = { .domain = (char *)"rt", .thread = "vcpu0", .pid = PID, .tid = PID + 1, .start_ticks = 1000 + PID,
					 .reservation = { 6 * MS, 10 * MS, 10 * MS } };
	struct partition shared = { .kind = PARTITION_SHARED, .label = (char *)"vcpu0 of rt", .cgroup = (char *)SLICE, .tid = PID + 1,
				    .start_ticks = 1000 + PID, .cpu = 1 };

	CPU_SET(1, &shared.cpus);
	tree_file(tree, "sys/devices/system/cpu/online", "0-3\n");
	tree_file(tree, "sys/fs/cgroup/cpuset.cpus.effective", "0,2-3\n");
	EXPECT_INT(cpulist_parse("0-3", &m->regime.online), 0);
	m->regime.n_cpus = 4;
	m->regime.tick_ns = 10000;		/* as with HRTICK_DL */
	m->regime.cgroup = CGROUP_V2;
	m->regime.partitions = YES;
	strcpy(m->regime.cgroup_path, "/sys/fs/cgroup");
	EXPECT_INT(ledger_add(&m->ledger, &promise), 0);
	EXPECT_INT(ledger_add_partition(&m->ledger, &shared), 0);
}

/* What the hook asks is judged where libvirt will put the domain. */
static void test_start(struct manager *m)
{
	static const struct {
		const char *name, *slice;
		nsec_t budget_ms;
		const char *cpus, *more_cpus;	/* of its two vCPUs, of which the second asks for little */
		int r;
		enum vr_reason reason;
		const char *words;
		bool apart;
	} starts[] = {
		{ "on the CPUs of all", NULL, 5, "", "", 0, 0, NULL, false },
		{ "in the slice, whose CPU has room", "virtrk.slice", 2, "", "", 0, 0, NULL, true },
		{ "in the slice, whose CPU has not", "virtrk.slice", 5, "", "", -EDQUOT, VR_OVERLOAD, "", false },
		{ "in the slice, naming another CPU", "virtrk.slice", 2, "2", "", -EBUSY, VR_BAD_CPU, "virtrk.slice has CPU 1 already", false },
		{ "in a slice without CPUs", "virtrk2.slice", 5, "", "", 0, 0, NULL, false },
		{ "in a slice that is to get one", "virtrk2.slice", 5, "2", "2", 0, 0, NULL, true },
		{ "in one that is to get several", "virtrk2.slice", 5, "2", "3", -EINVAL, VR_BAD_CPU, "the same have to be named", false },
		{ "in one that is to get another's", "virtrk2.slice", 5, "1", "", -EBUSY, VR_BAD_CPU, "CPU 1", false },
		{ "in one that is to get all that is left", "virtrk2.slice", 5, "0,2-3", "", -EBUSY, VR_BAD_CPU, "at least one", false },
		{ "in none, with a CPU: judged when it is there", NULL, 5, "2", "3", 0, 0, NULL, false },
		{ "in no slice of virtrk's", "machine.slice", 5, "", "", -EINVAL, VR_BAD_CPU, "no name of a slice of virtrk's", false },
		{ "in one elsewhere", "virtrk/../x.slice", 5, "", "", -EINVAL, VR_BAD_CPU, "no name of a slice of virtrk's", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct request_item items[] = { { .thread = "vcpu0", .reservation = { starts[i].budget_ms * MS, 10 * MS, 10 * MS } },
						{ .thread = "vcpu1", .reservation = { MS / 10, 10 * MS, 10 * MS } } };
		const struct manager_start start = { "late", starts[i].slice };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(foreign_done) struct foreign held = { 0 };
		bool known = starts[i].slice || !*starts[i].cpus;

		CASE(starts[i].name);
		EXPECT(cpulist_parse(starts[i].cpus, &items[0].cpus) == 0 && cpulist_parse(starts[i].more_cpus, &items[1].cpus) == 0);
		EXPECT_INT(manager_prepare_start(m, &start, items, 2, &err), starts[i].r);
		if (starts[i].r < 0)
			EXPECT(err && err->reason == starts[i].reason && strstr(err->text, starts[i].words));
		EXPECT_INT(manager_prepared_load(m, NULL, NULL, 0, &held), 0);
		if (EXPECT_INT(held.n, starts[i].r < 0 || !known ? 0 : 2) && held.n > 0)
			EXPECT_INT(CPU_COUNT(&held.loads[0].cpus), starts[i].apart);
		manager_prepared_started(m, "late");
	}
}

/* Who names no CPUs, and is in a slice that has none, needs nothing of the host: not what slices get CPUs with. */
static void test_start_plain(struct manager *m)
{
	const struct request_item item = { .thread = "vcpu0", .reservation = { 1 * MS, 10 * MS, 10 * MS } };
	const enum regime_kind kind = m->regime.kind;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	CASE("a host without cpuset");
	m->regime.partitions = NO;
	EXPECT_INT(manager_prepare_start(m, &(struct manager_start) { "late", "virtrk2.slice" }, &item, 1, NULL), 0);
	CASE("and CPUs are named");
	EXPECT_INT(manager_prepare_start(m, &(struct manager_start) { "late", "virtrk2.slice" },
					 &(struct request_item) { .thread = "vcpu0", .reservation = item.reservation, .cpus = m->regime.online }, 1,
					 &err), -EOPNOTSUPP);
	EXPECT(err && strstr(err->text, "no cpuset controller"));
	EXPECT_INT(m->regime.kind, kind);
	m->regime.partitions = YES;
	manager_prepared_started(m, "late");
}

static int failing_write(const struct sysroot *root, const char *path, const char *text)
{
	return -EBUSY;
}

/* What libvirt denies the thread that is in the slice: @list in its group, after which @after stands there, and @before is kept. */
static void home_expect(struct manager *m, const char *tree, const char *list, const char *after, const char *before)
{
	static const char group[] = "sys/fs/cgroup/virtrk.slice/m.scope/libvirt/vcpu0/cpuset.cpus";
	bool fails = strcmp(list, after) == 0 && !strchr(after, '1');	/* CPU 1 is the one it needs */
	_cleanup_(freep) char *now = NULL, *was = NULL, *written = NULL;
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const struct sysroot_ops failing = { .write = failing_write }, *ops = m->root->ops;
	_cleanup_(plan_done) struct plan plan = { 0 };

	tree_file(tree, group, list);
	if (fails)
		m->root->ops = &failing;
	EXPECT_INT(manager_partition_return(m, ledger_find(&m->ledger, "rt", "vcpu0"), &err), fails ? -EBUSY : 0);
	m->root->ops = ops;
	EXPECT(!fails || (err && strstr(err->text, "cannot add to cpuset.cpus of /sys/fs/cgroup/virtrk.slice/m.scope/libvirt/vcpu0")));
	EXPECT_INT(sysroot_readf(m->root, &now, "/%s", group), 0);
	EXPECT_STR(now, after);
	EXPECT_INT(cpulist_format(&m->ledger.partitions[0].home_before, &was), 0);
	EXPECT_STR(was, before);
	EXPECT_INT(state_load(m->state, &ledger, &plan, NULL), 0);
	if (!EXPECT_INT(ledger.n_partitions, 1) || !EXPECT_INT(plan.n, 0))
		return;
	EXPECT_INT(cpulist_format(&ledger.partitions[0].home_before, &written), 0);
	EXPECT_STR(written, before);
	EXPECT_STR(ledger.partitions[0].home, m->ledger.partitions[0].home);
}

static void test_home(struct manager *m, const char *tree)
{
	_cleanup_(tree_freep) char *directory = tree_new();

	tree_must(state_open(&m->state, directory, NULL) >= 0, "state_open");
	tree_must(state_save(m->state, &m->ledger, NULL, NULL) >= 0, "state_save");
	tree_file(tree, "proc/101/cgroup", "0::/virtrk.slice/m.scope/libvirt/vcpu0\n");
	CASE("its group has the CPU");
	home_expect(m, tree, "0-1", "0-1", "");
	CASE("denied, and the write is refused");
	home_expect(m, tree, "0", "0", "");
	CASE("denied");
	home_expect(m, tree, "2", "1-2", "2");
	CASE("denied again, and the write is refused");
	home_expect(m, tree, "3", "3", "2");
	CASE("denied again");
	home_expect(m, tree, "3", "1,3", "3");
	EXPECT_STR(m->ledger.partitions[0].home, "/sys/fs/cgroup/virtrk.slice/m.scope/libvirt/vcpu0");
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	sd_event *event = NULL;
	struct manager *m;

	tree_must(sd_event_new(&event) >= 0, "sd_event_new");
	m = manager_make(tree, event);
	test_limit(m, tree);
	slice_make(m, tree);
	test_start(m);
	test_start_plain(m);
	test_home(m, tree);
	manager_free(m);
	sd_event_unref(event);
	return expect_result();
}
