/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger as a value: unique by name and by thread, deep copies, order kept. */
#include "expect.h"
#include "ledger.h"

static struct promise promise_make(const char *domain, const char *thread, pid_t pid, pid_t tid)
{
	struct promise promise = {
		.domain = (char *)domain,
		.pid = pid,
		.tid = tid,
		.start_ticks = 100 + (uint64_t)tid,
		.reservation = { 4 * NSEC_PER_MSEC, 9 * NSEC_PER_MSEC, 10 * NSEC_PER_MSEC },
		.before = { .policy = SCHED_OTHER, .nice = 3 },
	};

	snprintf(promise.thread, sizeof(promise.thread), "%s", thread);
	return promise;
}

static int add(struct ledger *ledger, const char *domain, const char *thread, pid_t pid, pid_t tid)
{
	struct promise promise = promise_make(domain, thread, pid, tid);

	return ledger_add(ledger, &promise);
}

static void test_add(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	struct promise again = promise_make("c", "vcpu0", 1, 11);
	char name[] = "a";

	CASE("add");
	EXPECT(ledger_find(&ledger, "a", "vcpu0") == NULL);
	EXPECT_INT(add(&ledger, name, "vcpu0", 1, 11), 0);
	name[0] = 'x';		/* the ledger has its own copy */
	EXPECT_INT(add(&ledger, "a", "vcpu1", 1, 12), 0);
	EXPECT_INT(add(&ledger, "b", "vcpu0", 2, 21), 0);
	EXPECT_INT(add(&ledger, "a", "vcpu0", 1, 99), -EEXIST);
	EXPECT_INT(add(&ledger, "c", "vcpu0", 1, 11), -EEXIST);
	again.start_ticks++;	/* the same number, but a later thread */
	EXPECT_INT(ledger_add(&ledger, &again), 0);
	EXPECT_INT(ledger.n, 4);
	EXPECT(ledger_find(&ledger, "a", "vcpu1") == &ledger.promises[1]);
	EXPECT(ledger_find(&ledger, "a", "vcpu") == NULL);
	EXPECT(ledger_find(&ledger, "b", "vcpu1") == NULL);
}

static void test_copy(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, copy = { 0 }, empty = { 0 }, none = { 0 };

	CASE("copy");
	EXPECT_INT(ledger_copy(&empty, &none), 0);
	EXPECT(none.n == 0);
	EXPECT_INT(add(&ledger, "a", "vcpu0", 1, 11), 0);
	EXPECT_INT(add(&ledger, "a", "vcpu1", 1, 12), 0);
	EXPECT_INT(ledger_copy(&ledger, &copy), 0);
	EXPECT(ledger_remove(&ledger, "a", "vcpu0"));
	EXPECT_INT(copy.n, 2);
	EXPECT(copy.promises[0].domain != NULL && ledger_find(&copy, "a", "vcpu0") != NULL);
	EXPECT_INT(copy.promises[0].reservation.deadline_ns, 9 * NSEC_PER_MSEC);
	EXPECT_INT(copy.promises[0].before.nice, 3);
}

static void test_remove(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	pid_t i;

	CASE("remove");
	EXPECT(!ledger_remove(&ledger, "a", "vcpu0"));
	EXPECT_INT(ledger_remove_pid(&ledger, 1), 0);
	for (i = 0; i < 6; i++) {
		char thread[VM_THREAD_NAME_MAX];

		snprintf(thread, sizeof(thread), "vcpu%d", i);
		EXPECT_INT(add(&ledger, i % 2 ? "odd" : "even", thread, 1 + i % 2, 10 + i), 0);
	}
	EXPECT(ledger_remove(&ledger, "odd", "vcpu5"));		/* the last */
	EXPECT(ledger_remove(&ledger, "even", "vcpu0"));	/* the first */
	EXPECT(!ledger_remove(&ledger, "even", "vcpu0"));
	EXPECT_INT(ledger.n, 4);
	EXPECT_INT(ledger_remove_pid(&ledger, 2), 2);
	EXPECT_INT(ledger.n, 2);
	EXPECT_STR(ledger.promises[0].thread, "vcpu2");
	EXPECT_STR(ledger.promises[1].thread, "vcpu4");
	EXPECT_INT(ledger_remove_pid(&ledger, 7), 0);
	EXPECT_INT(ledger_remove_pid(&ledger, 1), 2);
	EXPECT_INT(ledger.n, 0);
}

static void test_sched_state(void)
{
	struct promise promise = promise_make("a", "vcpu0", 1, 11);
	struct sched_state hard, soft;

	CASE("what embodies a promise");
	promise_sched_state(&promise, &hard);
	EXPECT_INT(hard.policy, SCHED_DEADLINE);
	EXPECT_INT(hard.flags, SCHED_FLAG_RESET_ON_FORK);
	EXPECT(hard.runtime_ns == 4 * NSEC_PER_MSEC && hard.deadline_ns == 9 * NSEC_PER_MSEC &&
	       hard.period_ns == 10 * NSEC_PER_MSEC);
	EXPECT(hard.nice == 0 && hard.priority == 0);
	promise.soft = true;
	promise_sched_state(&promise, &soft);
	EXPECT_INT(soft.flags, SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM);
	EXPECT(!sched_state_equal(&hard, &soft));
}

static void test_rest(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(ledger_done) struct ledger copy = { 0 };

	CASE("who has left rests");
	EXPECT_INT(ledger_rests_until(&ledger, 7, 70), 0);
	EXPECT_INT(ledger_rest(&ledger, 7, 70, 1000), 0);
	EXPECT_INT(ledger_rest(&ledger, 8, 80, 500), 0);
	EXPECT_INT(ledger_rests_until(&ledger, 7, 70), 1000);
	EXPECT_INT(ledger_rests_until(&ledger, 7, 71), 0);	/* another's number */
	EXPECT_INT(ledger_rest(&ledger, 7, 70, 900), 0);	/* of two times the later one */
	EXPECT_INT(ledger_rests_until(&ledger, 7, 70), 1000);
	EXPECT_INT(ledger_rest(&ledger, 7, 70, 1100), 0);
	EXPECT_INT(ledger_rests_until(&ledger, 7, 70), 1100);
	EXPECT_INT(ledger_copy(&ledger, &copy), 0);
	ledger_rest_expire(&ledger, 499);
	EXPECT_INT(ledger.n_leavers, 2);
	ledger_rest_expire(&ledger, 500);
	EXPECT_INT(ledger.n_leavers, 1);
	ledger_rest_expire(&ledger, 1100);
	EXPECT_INT(ledger.n_leavers, 0);
	EXPECT_INT(ledger_rests_until(&copy, 8, 80), 500);
}

static void test_rest_ns(void)
{
	static const struct {
		const char *name;
		struct vrk_reservation reservation;
		nsec_t tick_ns;
		nsec_t rest_ns;		/* a period, two ticks of debt (or what was seen) at its rate, 50 ms */
		nsec_t debt_ns;
	} cases[] = {
		{ "no tick",		{ 20000000, 100000000, 100000000 },	0,		150000000 },
		{ "20 of 100 ms",	{ 20000000, 100000000, 100000000 },	4000000,	190000000 },
		{ "deadline matters not", { 20000000, 30000000, 100000000 },	4000000,	190000000 },
		{ "a whole CPU",	{ 10000000, 10000000, 10000000 },	4000000,	68000000 },
		{ "rounds up",		{ 3000000, 10000000, 10000000 },	1,		60000007 },
		{ "least budget, longest period", { 1024, 4194304000, 4194304000 }, 10000000,	81924244304000 },
		{ "a debt of less than two ticks", { 20000000, 100000000, 100000000 },	4000000,	190000000,	7999999 },
		{ "a debt of more",	{ 20000000, 100000000, 100000000 },	4000000,	2650000000,	500000000 },
		{ "no longer than time",  { 1, 1, NSEC_MAX },			NSEC_MAX,	NSEC_MAX },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		EXPECT_INT(promise_rest_ns(&cases[i].reservation, cases[i].tick_ns, cases[i].debt_ns), cases[i].rest_ns);
	}
}

static void test_partition(void)
{
	const struct partition first = { (char *)"vcpu0 of a", (char *)"/g/a", 7, 70, 2, 5, 1000 };
	struct partition other = { (char *)"vcpu0 of b", (char *)"/g/b", 8, 80, 2, 0, 0 };
	struct promise promise = { .domain = (char *)"a", .thread = "vcpu0", .pid = 6, .tid = 7, .start_ticks = 70 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, copy = { 0 };

	CASE("a CPU has one domain, a thread one CPU");
	EXPECT_INT(ledger_add_partition(&ledger, &first), 0);
	EXPECT_INT(ledger_add_partition(&ledger, &other), -EEXIST);
	other.cpu = 3;
	other.tid = 7;
	other.start_ticks = 70;
	EXPECT_INT(ledger_add_partition(&ledger, &other), -EEXIST);
	other.start_ticks = 71;		/* the number of a later thread */
	EXPECT_INT(ledger_add_partition(&ledger, &other), 0);
	CASE("found");
	EXPECT(ledger_partition(&ledger, 7, 70) == &ledger.partitions[0]);
	EXPECT(ledger_partition(&ledger, 7, 72) == NULL);
	EXPECT(ledger_partition_on(&ledger, 3) == &ledger.partitions[1]);
	EXPECT(ledger_partition_on(&ledger, 4) == NULL);
	EXPECT(ledger_tenant(&ledger, &ledger.partitions[0]) == NULL);
	EXPECT_INT(ledger_add(&ledger, &promise), 0);
	EXPECT(ledger_tenant(&ledger, &ledger.partitions[0]) == &ledger.promises[0]);
	EXPECT(ledger_tenant(&ledger, &ledger.partitions[1]) == NULL);
	CASE("copied, and removed");
	EXPECT_INT(ledger_copy(&ledger, &copy), 0);
	ledger_remove_partition(&ledger, 7, 70);
	ledger_remove_partition(&ledger, 7, 70);
	EXPECT(ledger.n_partitions == 1 && ledger.partitions[0].cpu == 3);
	if (EXPECT_INT(copy.n_partitions, 2)) {
		EXPECT_STR(copy.partitions[0].cgroup, "/g/a");
		EXPECT_STR(copy.partitions[1].label, "vcpu0 of b");
		EXPECT(copy.partitions[0].kept == 5 && copy.partitions[0].rest_ns == 1000);
	}
	EXPECT(ledger_remove(&copy, "a", "vcpu0") && copy.n_partitions == 2);	/* it outlives its promise */
}

/* Threads of one domain share an exclusive CPU below one group, where there is no second one. */
static void test_exclusive_shared(void)
{
	struct partition p = { (char *)"vcpu0 of a", (char *)"/g/vcpu0", 7, 70, 2, 5, 0 };
	struct promise promise = { .domain = (char *)"a", .thread = "vcpu1", .pid = 6, .tid = 8, .start_ticks = 80 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, copy = { 0 };

	CASE("two on one CPU");
	EXPECT_INT(ledger_add_partition(&ledger, &p), 0);
	p.tid = 8;
	p.start_ticks = 80;
	p.home = (char *)"/g/vcpu1";
	EXPECT_INT(ledger_add_partition(&ledger, &p), 0);
	EXPECT_INT(ledger_places(&ledger), 1);
	CASE("below another group, or on another CPU");
	p.tid = 9;
	p.cgroup = (char *)"/g/vcpu2";
	EXPECT_INT(ledger_add_partition(&ledger, &p), -EEXIST);
	p.cgroup = (char *)"/g/vcpu0";
	p.cpu = 3;
	EXPECT_INT(ledger_add_partition(&ledger, &p), -EEXIST);
	EXPECT(ledger_group(&ledger, "/g/vcpu0") == &ledger.partitions[0] && !ledger_group(&ledger, "/g/vcpu1"));
	CASE("whoever has a promise there");
	EXPECT(ledger_tenant_beside(&ledger, &ledger.partitions[0]) == NULL);
	EXPECT_INT(ledger_add(&ledger, &promise), 0);
	EXPECT(ledger_tenant(&ledger, &ledger.partitions[0]) == NULL);
	EXPECT(ledger_tenant_beside(&ledger, &ledger.partitions[0]) == &ledger.promises[0]);
	CASE("copied");
	EXPECT_INT(ledger_copy(&ledger, &copy), 0);
	EXPECT(copy.n_partitions == 2 && copy.partitions[0].home == NULL);
	EXPECT_STR(copy.partitions[1].home, "/g/vcpu1");
}

/* Threads that are pinned share a CPU, with each other only; a place is a CPU. */
static void test_pinned(void)
{
	struct partition pin = { .kind = PARTITION_PINNED, .label = (char *)"vcpu0 of a", .tid = 7, .start_ticks = 70, .cpu = 2 };
	const struct partition exclusive = { (char *)"vcpu0 of b", (char *)"/g/b", 8, 80, 3, 0, 0 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, copy = { 0 };

	CASE("two on one CPU");
	CPU_SET(5, &pin.before);
	EXPECT_INT(ledger_places(&ledger), 0);
	EXPECT(ledger_place(&ledger, 0) == NULL);
	EXPECT_INT(ledger_add_partition(&ledger, &pin), 0);
	EXPECT_INT(ledger_add_partition(&ledger, &pin), -EEXIST);
	EXPECT_INT(ledger_add_partition(&ledger, &exclusive), 0);
	pin.tid = 9;
	EXPECT_INT(ledger_add_partition(&ledger, &pin), 0);
	CASE("none beside an exclusive one");
	pin.tid = 10;
	pin.cpu = 3;
	EXPECT_INT(ledger_add_partition(&ledger, &pin), -EEXIST);
	CASE("places");
	EXPECT_INT(ledger_places(&ledger), 2);
	EXPECT(ledger_place(&ledger, 0) == &ledger.partitions[0] && ledger_place(&ledger, 1) == &ledger.partitions[1]);
	EXPECT(ledger_place(&ledger, 2) == NULL);
	CASE("copied");
	EXPECT_INT(ledger_copy(&ledger, &copy), 0);
	EXPECT(copy.n_partitions == 3 && copy.partitions[2].kind == PARTITION_PINNED && copy.partitions[2].cgroup == NULL &&
	       CPU_ISSET(5, &copy.partitions[2].before));
}

/* The threads of a slice share its CPUs, which are the same for all of them and nobody else's. */
static void test_shared(void)
{
	struct partition in = { .kind = PARTITION_SHARED, .label = (char *)"vcpu0 of a", .cgroup = (char *)"/v", .tid = 7, .cpu = 2 };
	const struct partition exclusive = { (char *)"vcpu0 of b", (char *)"/g/b", 8, 80, 3, 0, 0 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	cpu_set_t cpus;

	CASE("two in one slice");
	CPU_SET(2, &in.cpus);
	CPU_SET(3, &in.cpus);
	EXPECT(ledger_slice(&ledger, "/v") == NULL);
	EXPECT_INT(ledger_add_partition(&ledger, &in), 0);
	in.tid = 9;
	EXPECT_INT(ledger_add_partition(&ledger, &in), 0);
	EXPECT_INT(ledger_places(&ledger), 1);
	EXPECT(ledger_partition_on(&ledger, 3) == &ledger.partitions[0] && ledger_slice(&ledger, "/v") == &ledger.partitions[0]);
	partition_cpus(&ledger.partitions[1], &cpus);
	EXPECT_INT(CPU_COUNT(&cpus), 2);
	CASE("its second CPU is nobody else's");
	EXPECT_INT(ledger_add_partition(&ledger, &exclusive), -EEXIST);
	in.tid = 10;
	in.cgroup = (char *)"/w";
	EXPECT_INT(ledger_add_partition(&ledger, &in), -EEXIST);
	CASE("one slice has one set of CPUs");
	in.cgroup = (char *)"/v";
	CPU_ZERO(&in.cpus);
	CPU_SET(5, &in.cpus);
	in.cpu = 5;
	EXPECT_INT(ledger_add_partition(&ledger, &in), -EEXIST);
	in.cgroup = (char *)"/w";
	EXPECT_INT(ledger_add_partition(&ledger, &in), 0);
	EXPECT_INT(ledger_places(&ledger), 2);
}

int main(void)
{
	test_partition();
	test_exclusive_shared();
	test_shared();
	test_pinned();
	test_rest();
	test_rest_ns();
	test_add();
	test_copy();
	test_remove();
	test_sched_state();
	return expect_result();
}
