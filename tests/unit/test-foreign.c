/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel has booked, from files as it writes them, and from such as it does not; and who is SCHED_DEADLINE already, where some
 * cannot be looked at.
 */
#include "expect.h"
#include "foreign.h"

static void test_booked(void)
{
	static const struct {
		const char *name;
		const char *text;	/* NULL: no such file */
		int r;
		bw_t booked;
	} cases[] = {
		{ "not mounted", NULL, -ENOENT, 0 },
		{ "empty", "", -ENODATA, 0 },
		{ "as the kernel writes it", "Sched Debug Version: v0.11\ndl_rq[0]:\n  .dl_nr_running                 : 0\n"
		  "  .dl_bw->bw                     : 996147\n  .dl_bw->total_bw               : 104856\n\n", 0, 104856 },
		{ "the first root domain counts", "  .dl_bw->total_bw : 7\n  .dl_bw->total_bw : 8\n", 0, 7 },
		{ "fewer than none", "  .dl_bw->total_bw : -262147\n", 0, -262147 },
		{ "cut off in the number", "  .dl_bw->total_bw               : 1048", -ENODATA, 0 },
		{ "no number", "  .dl_bw->total_bw\n", -ENODATA, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		int64_t booked = 0;

		CASE(cases[i].name);
		if (cases[i].text)
			tree_file(tree, "sys/kernel/debug/sched/debug", cases[i].text);
		if (!EXPECT_INT(sysroot_new(&root, tree), 0))
			continue;
		EXPECT_INT(foreign_booked(root, &booked), cases[i].r);
		EXPECT_INT(booked, cases[i].booked);
	}
}

/* The root domain of a CPU, where there are several; the kernel's count may have gone below zero. */
static void test_booked_on(void)
{
	static const struct {
		uint32_t cpu;
		int r;
		int64_t booked;
	} cases[] = { { 0, 0, 104856 }, { 1, 0, -7 }, { 10, 0, 5 }, { 2, -ENODATA, 0 } };
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	tree_file(tree, "sys/kernel/debug/sched/debug", "dl_rq[0]:\n  .dl_bw->total_bw               : 104856\n\ncpu#10, 2 MHz\n"
		  "dl_rq[10]:\n  .dl_nr_running                 : 0\n  .dl_bw->total_bw               : 5\n"
		  "dl_rq[1]:\n  .dl_bw->total_bw               : -7\ndl_rq[2]:\n");
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t booked = 0;

		EXPECT_INT(foreign_booked_on(root, cases[i].cpu, &booked), cases[i].r);
		EXPECT_INT(booked, cases[i].booked);
	}
}

static int policy_answer, state_answer;

static int model_policy(const struct sysroot *root, pid_t tid)
{
	return policy_answer;
}

static int model_state(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = (struct sched_state){ .policy = 6, .runtime_ns = 1000000, .deadline_ns = 2000000, .period_ns = 2000000 };
	return state_answer;
}

static int model_affinity(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	return -ESRCH;
}

/* Who has ended is nobody; who cannot be looked at may be somebody. */
static void test_scan(void)
{
	static const struct sysroot_ops ops = { .policy_get = model_policy, .sched_get = model_state, .affinity_get = model_affinity };
	static const struct {
		const char *name;
		const char *file;	/* NULL: no /proc at all */
		int policy, state;
		int r;
		size_t n;
		const char *words;
	} cases[] = {
		{ "no /proc", NULL, 0, 0, -ENOENT, 0, "in /proc: No such file or directory" },
		{ "nobody", "proc/self", 6, 0, 0, 0, NULL },
		{ "an ordinary thread", "proc/11/task/11/comm", 0, 0, 0, 0, NULL },
		{ "one that is SCHED_DEADLINE", "proc/11/task/11/comm", 6, 0, 0, 1, NULL },
		{ "one that ends", "proc/11/task/11/comm", -ESRCH, 0, 0, 0, NULL },
		{ "one that ends a moment later", "proc/11/task/11/comm", 6, -ESRCH, 0, 0, NULL },
		{ "one that is hidden", "proc/11/task/11/comm", -EPERM, 0, 0, 0, NULL },
		{ "one of a copied host, whose files say too little", "proc/11/task/11/comm", 6, -EBADMSG, 0, 0, NULL },
		{ "one that cannot be looked at", "proc/11/task/11/comm", -EIO, 0, -EIO, 0, "SCHED_DEADLINE threads of others in /proc: " },
		{ "one of which memory does not suffice", "proc/11/task/11/comm", 6, -ENOMEM, -ENOMEM, 0, NULL },
		{ "a process that is gone", "proc/11/comm", 6, 0, 0, 0, NULL },
		{ "a process that cannot be opened", "proc/11/task", 6, 0, -ENOTDIR, 0, "in /proc: Not a directory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		_cleanup_(foreign_done) struct foreign foreign = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		const struct ledger ledger = { 0 };

		CASE(cases[i].name);
		if (cases[i].file)
			tree_file(tree, cases[i].file, "x\n");
		if (!EXPECT_INT(sysroot_new(&root, tree), 0))
			continue;
		root->ops = &ops;
		policy_answer = cases[i].policy;
		state_answer = cases[i].state;
		EXPECT_INT(foreign_scan(root, &ledger, &foreign, &err), cases[i].r);
		EXPECT_INT(foreign.n, cases[i].n);
		EXPECT(cases[i].words ? err && err->text && strstr(err->text, cases[i].words) : !err);
	}
}

int main(void)
{
	test_booked();
	test_booked_on();
	test_scan();
	return expect_result();
}
