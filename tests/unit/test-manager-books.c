/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel counts as given away, over a host made of files: a partition stays while its CPU's books hold what nobody has any more, and
 * the kernel is made to count anew where its books are too low, but not while something is on its way back. That a kernel does so
 * is a matter of the tests on a host; here nothing changes when the limit is read.
 */
#include "cpulist.h"
#include "fake-proc.h"
#include "manager-private.h"

#define MS     NSEC_PER_MSEC
#define LIMIT  "proc/sys/kernel/sched_rt_runtime_us"
#define BOOKS  "sys/kernel/debug/sched/debug"
#define STATE  "sys/fs/cgroup/vcpu0/rk/cpuset.cpus.partition"
#define SERVER 52428	/* 50 of 1000 ms */
#define TENTH  104857

static struct manager *m;
static const char *tree;
static int reading;	/* inotify: of the limit */

/* CPU 0 is everybody's, CPU 1 perhaps somebody's. */
static void books_are(int64_t shared, int64_t own)
{
	char text[256];

	snprintf(text, sizeof(text), "dl_rq[0]:\n  .dl_bw->total_bw : %" PRId64 "\ndl_rq[1]:\n  .dl_bw->total_bw : %" PRId64 "\n", shared, own);
	tree_file(tree, BOOKS, text);
}

static void manager_make(void)
{
	m = calloc(1, sizeof(*m));
	tree_must(m != NULL, "calloc");
	tree_file(tree, LIMIT, "950000\n");
	tree_must(sysroot_new(&m->root, tree) >= 0, "sysroot_new");
	m->regime = (struct regime){ .kind = REGIME_ROOT_DOMAIN, .fair_budget_ns = 50 * MS, .fair_period_ns = 1000 * MS };
	tree_must(cpulist_parse("0-1", &m->regime.online) >= 0, "cpulist_parse");
	reading = fake_watch_reads(tree, LIMIT);
}

static void promise_add(pid_t tid, const char *thread)
{
	struct promise p = { .domain = (char[]){ "rt" }, .pid = 1, .tid = tid, .start_ticks = 5, .reservation = { 10 * MS, 100 * MS, 100 * MS } };

	snprintf(p.thread, sizeof(p.thread), "%s", thread);
	tree_must(ledger_add(&m->ledger, &p) >= 0, "ledger_add");
}

static struct partition *partition_add(pid_t tid)
{
	const struct partition p = { .label = (char[]){ "vcpu0 of rt" }, .cgroup = (char[]){ "/sys/fs/cgroup/vcpu0" }, .tid = tid, .start_ticks = 5,
				     .cpu = 1, .kind = PARTITION_EXCLUSIVE };

	tree_must(ledger_add_partition(&m->ledger, &p) >= 0, "ledger_add_partition");
	return ledger_partition(&m->ledger, tid, 5);
}

static void test_too_little(void)
{
	static const struct {
		const char *name;
		int64_t shared;
		bool read;
	} cases[] = {
		{ "nothing", 0, false },
		{ "the servers", 2LL * SERVER, false },
		{ "what is promised", TENTH, false },
		{ "less: somebody may have taken it from our thread", 10, false },
		{ "below zero", -1, true },
		{ "far below zero", -262147, true },
	};

	promise_add(10, "vcpu0");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		books_are(cases[i].shared, -5);
		EXPECT_INT(manager_books_below(m), cases[i].shared < 0 ? -cases[i].shared : 0);
		EXPECT(!manager_books_mend(m));		/* nothing has changed */
		EXPECT_INT(fake_was_read(reading), cases[i].read);
	}
	CASE("CPU 0 is apart: the books of the other one are everybody's");
	partition_add(10)->cpu = 0;
	books_are(-1, 7);
	EXPECT_INT(manager_books_below(m), 0);
	books_are(7, -3);
	EXPECT_INT(manager_books_below(m), 3);
	ledger_remove_partition(&m->ledger, 10, 5);
}

static void test_not_now(void)
{
	const struct promise p = { .tid = 11, .start_ticks = 5, .reservation = { 10 * MS, 100 * MS, 100 * MS } };

	books_are(-1, 0);
	CASE("no books");
	m->regime.kind = REGIME_PINNED;
	EXPECT(!manager_books_mend(m) && !fake_was_read(reading));
	m->regime.kind = REGIME_ROOT_DOMAIN;
	CASE("a daemon that writes nothing does not make the kernel do anything");
	m->options.dry_run = true;
	EXPECT(!manager_books_mend(m) && !fake_was_read(reading));
	m->options.dry_run = false;
	CASE("something comes back");
	returning_add(m, &p);
	EXPECT(!manager_books_mend(m) && !fake_was_read(reading));
	m->n_returning = 0;
	CASE("a partition waits for its end");
	partition_add(12);
	EXPECT(!manager_books_mend(m) && !fake_was_read(reading));
	ledger_remove_partition(&m->ledger, 12, 5);
	CASE("now");
	EXPECT(!manager_books_mend(m) && fake_was_read(reading));
}

static void test_too_much(void)
{
	static const struct {
		const char *name, *state;
		int64_t own;
		bool booked, beside;
	} cases[] = {
		{ "nothing", "root\n", 0, false, false },
		{ "the server", "root\n", SERVER, false, false },
		{ "what has left", "root\n", TENTH, true, false },
		{ "and the server", "root\n", TENTH + SERVER, true, false },
		{ "little", "root\n", 10485, true, false },
		{ "below zero there is nothing to wait for", "root\n", -TENTH, false, false },
		{ "what another one has who stays", "root\n", TENTH, false, true },
		{ "and the server, too", "root\n", TENTH + SERVER, false, true },
		{ "another one, and what has left", "root\n", 2 * TENTH, true, true },
		{ "not a partition any more", "member\n", TENTH, false, false },
		{ "gone with its domain", NULL, TENTH, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct partition *p;

		CASE(cases[i].name);
		if (cases[i].state)
			tree_file(tree, STATE, cases[i].state);
		else
			fake_remove(tree, STATE);
		books_are(0, cases[i].own);
		if (cases[i].beside) {
			promise_add(21, "vcpu1");
			partition_add(21);
		}
		p = partition_add(20);
		EXPECT_INT(manager_still_booked(m, p), cases[i].booked);
		ledger_remove_partition(&m->ledger, 20, 5);
		ledger_remove_partition(&m->ledger, 21, 5);
		ledger_remove(&m->ledger, "rt", "vcpu1");
	}
}

int main(void)
{
	_cleanup_(tree_freep) char *made = tree_new();

	tree = made;
	manager_make();
	test_too_little();
	test_not_now();
	test_too_much();
	close(reading);
	manager_free(m);
	return expect_result();
}
