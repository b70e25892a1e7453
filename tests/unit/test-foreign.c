/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel has booked, from files as it writes them, and from such as it does not.
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
		{ "cut off in the number", "  .dl_bw->total_bw               : 1048", -ENODATA, 0 },
		{ "no number", "  .dl_bw->total_bw\n", -ENODATA, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		bw_t booked = 0;

		CASE(cases[i].name);
		if (cases[i].text)
			tree_file(tree, "sys/kernel/debug/sched/debug", cases[i].text);
		if (!EXPECT_INT(sysroot_new(&root, tree), 0))
			continue;
		EXPECT_INT(foreign_booked(root, &booked), cases[i].r);
		EXPECT_INT(booked, cases[i].booked);
	}
}

int main(void)
{
	test_booked();
	return expect_result();
}
