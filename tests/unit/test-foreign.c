/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is SCHED_DEADLINE already, where some cannot be looked at.
 */
#include "expect.h"
#include "foreign.h"

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
	test_scan();
	return expect_result();
}
