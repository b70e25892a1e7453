/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What metadata ask for and was refused for want of room: asked for again when room has come back, and only then. A manager over a
 * kernel made of variables: two domains of one vCPU each on a host of one CPU, the second of which finds no room.
 */
#include "fake-proc.h"
#include "intent.h"
#include "manager-private.h"

#define MS NSEC_PER_MSEC

enum { FIRST = 100, SECOND = 200, THIRD = 300, PIDS = 400 };

static struct sched_state now[PIDS];	/* by tid: the vCPU of a domain has its pid and one */
static unsigned int writes;
static int refuse;			/* what the kernel says to each that is to become SCHED_DEADLINE */
static unsigned int told_refused;

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = now[tid];
	return 0;
}

static int model_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	if (state->policy == SCHED_DEADLINE && refuse)
		return refuse;
	writes++;
	now[tid] = *state;
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	CPU_SET(0, ret);
	return 0;
}

static int model_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return -ENOSYS;
}

static const struct sysroot_ops model_ops = { model_get, model_set, model_affinity_get, model_affinity_set };

static void on_event(const struct manager_event *event, void *userdata)
{
	told_refused += event->kind == MANAGER_REFUSED;
}

static void on_hand(int r, const struct verdict *verdict, const struct vr_error *error, void *userdata)
{
	EXPECT_INT(r, 0);
}

/* They are in the table already. */
static void on_found(struct source_event *event, void *userdata)
{
	vm_free(TAKE_PTR(event->vm));
}

static void domain_make(struct manager *m, const char *tree, const char *name, pid_t pid)
{
	enum vm_change change;
	struct vm *vm, *there;

	fake_process(tree, pid, "/usr/bin/qemu-system-x86_64", "qemu-system-x86", "qemu\0", 5);
	fake_thread(tree, pid, pid + 1, "CPU 0/KVM", 1000 + (unsigned long)pid);
	tree_must(vm_new(&vm, name, pid) >= 0, "vm_new");
	tree_must(vm_add_thread(vm, VM_THREAD_VCPU, 0, pid + 1, 1000 + (uint64_t)pid, "CPU 0/KVM") >= 0, "vm_add_thread");
	tree_must(vm_table_merge(&m->vms, vm, &change, &there) >= 0, "vm_table_merge");
}

static struct manager *manager_make(const char *tree, sd_event *event)
{
	struct manager *m = calloc(1, sizeof(*m));
	_cleanup_(freep) char *state = tree_path(tree, "state");

	tree_must(m != NULL, "calloc");
	m->event = sd_event_ref(event);
	tree_must(sysroot_new(&m->root, tree) >= 0, "sysroot_new");
	m->root->ops = &model_ops;
	CPU_SET(0, &m->regime.online);
	m->regime = (struct regime) {
		.kind = REGIME_ROOT_DOMAIN, .online = m->regime.online, .n_cpus = 1, .rt_runtime_us = 950000, .rt_period_us = 1000000,
		.deadline = YES, .jiffy_ns = 4 * MS, .period_min_ns = 100 * NSEC_PER_USEC, .period_max_ns = 4000 * MS,
	};
	tree_must(monitor_new(&m->monitor, m->root) >= 0, "monitor_new");
	tree_must(source_proc_new(&m->source_proc, m->root, event, on_found, NULL) >= 0, "source_proc_new");
	tree_must(state_open(&m->state, state, NULL) >= 0, "state_open");
	manager_listen(m, on_event, NULL);
	domain_make(m, tree, "first", FIRST);
	domain_make(m, tree, "second", SECOND);
	domain_make(m, tree, "third", THIRD);
	return m;
}

static void want(struct manager *m, pid_t pid, nsec_t budget_ns)
{
	struct intent_item item = { "vcpu0", budget_ns, 10 * MS, 10 * MS, false, "" };
	_cleanup_(intent_freep) struct intent *intent = calloc(1, sizeof(*intent));

	tree_must(intent && intent_set(intent, &item) >= 0, "intent_set");
	manager_intent_told(m, pid, &intent, NULL);
}

static bool has(const struct manager *m, const char *domain)
{
	return ledger_find(&m->ledger, domain, "vcpu0") != NULL;
}

/* Until nothing is due and nobody waits: a request that waits for returning bandwidth has a timer. */
static void settle(struct manager *m)
{
	int enabled = 0;

	do {
		if (m->waiting)
			(void)sd_event_run(m->event, UINT64_MAX);
		else
			while (sd_event_run(m->event, 0) > 0)
				;
		if (m->intent_room)
			(void)sd_event_source_get_enabled(m->intent_room, &enabled);
	} while (m->waiting || enabled != SD_EVENT_OFF);
}

static void expect(struct manager *m, bool first, bool second, bool third)
{
	settle(m);
	EXPECT_INT(has(m, "first"), first);
	EXPECT_INT(has(m, "second"), second);
	EXPECT_INT(has(m, "third"), third);
	EXPECT_INT(*manager_intent_refusal(m, FIRST) == '\0', first);
}

static void give_back(struct manager *m, const char *domain)
{
	EXPECT_INT(manager_release(m, domain, NULL, 0, NULL), 0);
}

static void test_room(struct manager *m)
{
	const struct promise *p;

	CASE("no room: refused, and told once");
	want(m, FIRST, 6 * MS);
	want(m, SECOND, 5 * MS);
	want(m, THIRD, 5 * MS);
	expect(m, true, false, false);
	EXPECT_INT(told_refused, 2);
	EXPECT(strstr(manager_intent_refusal(m, SECOND), "vcpu0") != NULL);
	CASE("nothing came back: nobody asks");
	writes = 0;
	expect(m, true, false, false);
	EXPECT_INT(writes, 0);
	CASE("half of it came back: tried, and not told again");
	want(m, FIRST, 5 * MS + MS / 2);
	expect(m, true, false, false);
	EXPECT_INT(told_refused, 2);
	CASE("released: who is known longest has it, the other one waits on");
	give_back(m, "first");
	settle(m);
	EXPECT(has(m, "second") && !has(m, "third"));
	EXPECT_STR(manager_intent_refusal(m, SECOND), "");
	EXPECT(*manager_intent_refusal(m, THIRD));
	CASE("who released by hand is not asked for");
	EXPECT(!has(m, "first"));
	CASE("a thread has ended");
	p = ledger_find(&m->ledger, "second", "vcpu0");
	if (!EXPECT(p))
		return;
	now[SECOND + 1] = (struct sched_state) { 0 };
	manager_forget(m, p, "ended");
	settle(m);
	EXPECT(has(m, "third"));
	EXPECT_STR(manager_intent_refusal(m, THIRD), "");
	EXPECT_INT(told_refused, 2);
}

static void test_not_again(struct manager *m)
{
	static const struct request_item by_hand = { .thread = "vcpu0", .reservation = { 1 * MS, 10 * MS, 10 * MS } };

	CASE("metadata that ask for less are a new request");
	want(m, SECOND, 6 * MS);
	settle(m);
	EXPECT(!has(m, "second"));
	want(m, SECOND, 2 * MS);
	settle(m);
	EXPECT(has(m, "second"));
	EXPECT_STR(manager_intent_refusal(m, SECOND), "");
	CASE("reserved by hand meanwhile: kept");
	give_back(m, "second");
	want(m, FIRST, 8 * MS);
	settle(m);
	EXPECT(!has(m, "first") && *manager_intent_refusal(m, FIRST));
	EXPECT_INT(manager_reserve(m, "first", &by_hand, 1, on_hand, NULL), 0);
	settle(m);
	give_back(m, "third");
	settle(m);
	EXPECT(has(m, "first") && ledger_find(&m->ledger, "first", "vcpu0")->reservation.budget_ns == 1 * MS);
	CASE("the kernel is against it: tried once more, and then no more");
	give_back(m, "first");
	settle(m);
	refuse = -EBUSY;
	told_refused = 0;
	want(m, THIRD, 3 * MS);
	settle(m);
	EXPECT_INT(told_refused, 1);
	EXPECT(*manager_intent_refusal(m, THIRD));
	for (unsigned int i = 0; i < 3; i++) {
		manager_intents_room(m);
		settle(m);
		EXPECT_INT(told_refused, 2);
	}
	refuse = 0;
	manager_intents_room(m);
	settle(m);
	EXPECT(!has(m, "third"));
}

static void want_ways(struct manager *m, pid_t pid, uint32_t ways)
{
	_cleanup_(intent_freep) struct intent *intent = calloc(1, sizeof(*intent));

	tree_must(intent != NULL, "calloc");
	intent->memory.ways = ways;
	manager_intent_told(m, pid, &intent, NULL);
}

/* On a host whose cache cannot be divided. */
static void test_ways(struct manager *m)
{
	CASE("ways of the cache, and no threads: refused, told once");
	told_refused = 0;
	want_ways(m, FIRST, 2);
	settle(m);
	EXPECT_INT(told_refused, 1);
	EXPECT(strstr(manager_intent_refusal(m, FIRST), "caches cannot be divided"));
	want_ways(m, FIRST, 2);
	EXPECT_INT(told_refused, 1);
	CASE("threads after that: theirs is another answer");
	want(m, FIRST, 1 * MS);
	settle(m);
	EXPECT(has(m, "first"));
	EXPECT_STR(manager_intent_refusal(m, FIRST), "");
	CASE("nothing any more");
	want_ways(m, FIRST, 0);
	settle(m);
	EXPECT(!has(m, "first"));
	EXPECT_STR(manager_intent_refusal(m, FIRST), "");
	EXPECT_INT(told_refused, 1);
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	sd_event *event = NULL;
	struct manager *m;

	tree_must(sd_event_new(&event) >= 0, "sd_event_new");
	m = manager_make(tree, event);
	test_room(m);
	test_not_again(m);
	test_ways(m);
	manager_free(m);
	sd_event_unref(event);
	return expect_result();
}
