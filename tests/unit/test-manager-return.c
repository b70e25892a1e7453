/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs that are given back together: one that cannot be does not hold the others back, and is tried again. A manager over a host made of
 * files, whose threads are pinned; that is all that needs no kernel.
 */
#include "cpulist.h"
#include "fake-proc.h"
#include "manager-private.h"

#define N 3

enum { FIRST = 201 };

static cpu_set_t affinity[N];
static pid_t stuck;
static unsigned int refusals;

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = (struct sched_state){ .policy = SCHED_OTHER };
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	*ret = affinity[tid - FIRST];
	return 0;
}

static int model_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	if (tid == stuck) {
		refusals++;
		return -EBUSY;
	}
	affinity[tid - FIRST] = *set;
	return 0;
}

static const struct sysroot_ops ops = { .sched_get = model_get, .affinity_get = model_affinity_get, .affinity_set = model_affinity_set };

static void pinned_make(struct manager *m, const char *tree, size_t i)
{
	struct partition p = { .kind = PARTITION_PINNED, .label = (char[]){ "vcpu of rt" }, .tid = FIRST + (pid_t)i, .cpu = (uint32_t)i };

	p.start_ticks = 1000 + (uint64_t)p.tid;
	fake_stat(tree, p.tid, 1, "CPU/KVM", 1000 + (unsigned long)p.tid);
	tree_must(cpulist_parse("0-3", &p.before) >= 0, "cpulist_parse");
	CPU_ZERO(&affinity[i]);
	CPU_SET(i, &affinity[i]);
	tree_must(ledger_add_partition(&m->ledger, &p) >= 0, "ledger_add_partition");
}

static bool is_pinned(size_t i)
{
	return CPU_COUNT(&affinity[i]) == 1;
}

/* Until nothing but @left of them is in the ledger, or @usec are over. */
static void loop_until(struct manager *m, size_t left, uint64_t usec)
{
	nsec_t end = manager_now() + usec * NSEC_PER_USEC;

	while (m->ledger.n_partitions > left && manager_now() < end)
		tree_must(sd_event_run(m->event, 100000) >= 0, "sd_event_run");
}

static void test_return(const char *name, pid_t tid_stuck, bool again)
{
	_cleanup_(tree_freep) char *tree = tree_new(), *directory = tree_new();
	struct manager *m = calloc(1, sizeof(*m));
	size_t left = tid_stuck ? 1 : 0;

	CASE(name);
	tree_must(m != NULL && sysroot_new(&m->root, tree) >= 0 && sd_event_new(&m->event) >= 0, "manager");
	m->root->ops = &ops;
	m->regime = (struct regime){ .kind = REGIME_PINNED };
	tree_must(monitor_new(&m->monitor, m->root) >= 0 && state_open(&m->state, directory, NULL) >= 0, "state_open");
	for (size_t i = 0; i < N; i++)
		pinned_make(m, tree, i);
	stuck = tid_stuck;
	refusals = 0;
	EXPECT_INT(manager_partition_update(m), 0);	/* nobody has a promise: all are due */
	loop_until(m, left, 5000000);
	EXPECT_INT(m->ledger.n_partitions, left);
	for (size_t i = 0; i < N; i++)
		EXPECT_INT(is_pinned(i), FIRST + (pid_t)i == tid_stuck);
	EXPECT(!tid_stuck || (refusals > 0 && ledger_partition(&m->ledger, tid_stuck, 1000 + (uint64_t)tid_stuck)));
	if (again) {
		stuck = 0;
		loop_until(m, 0, 5000000);	/* it is tried again, after a second */
		EXPECT_INT(m->ledger.n_partitions, 0);
		EXPECT(!is_pinned((size_t)(tid_stuck - FIRST)));
	}
	manager_free(m);
}

int main(void)
{
	test_return("all of them", 0, false);
	test_return("but the first", FIRST, true);
	test_return("but one in between", FIRST + 1, false);
	test_return("but the last", FIRST + N - 1, false);
	return expect_result();
}
