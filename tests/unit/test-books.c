/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has booked, from files as it writes them, and from such as it does not. */
#include "books.h"
#include "expect.h"

#define PATH "sys/kernel/debug/sched/debug"

static void test_text(void)
{
	static const struct {
		const char *name;
		const char *text;	/* NULL: no such file */
		int r;
		int64_t booked, limit;
	} cases[] = {
		{ "not mounted", NULL, -ENOENT, 0, 0 },
		{ "empty", "", -ENODATA, 0, 0 },
		{ "as the kernel writes it", "Sched Debug Version: v0.11\ndl_rq[0]:\n  .dl_nr_running                 : 0\n"
		  "  .dl_bw->bw                     : 996147\n  .dl_bw->total_bw               : 104856\n\n", 0, 104856, 996147 },
		{ "the limit is not told", "dl_rq[0]:\n  .dl_bw->total_bw : 7\n  .dl_bw->bw : 8\n", 0, 7, 0 },
		{ "no limit", "dl_rq[0]:\n  .dl_bw->bw : -1\n  .dl_bw->total_bw : 7\n", 0, 7, -1 },
		{ "fewer than none", "dl_rq[0]:\n  .dl_bw->total_bw : -262147\n", 0, -262147, 0 },
		{ "before the CPU", "  .dl_bw->total_bw : 7\ndl_rq[0]:\n", -ENODATA, 0, 0 },
		{ "cut off in the number", "dl_rq[0]:\n  .dl_bw->total_bw               : 1048", -ENODATA, 0, 0 },
		{ "no number", "dl_rq[0]:\n  .dl_bw->total_bw\n", -ENODATA, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(sysroot_freep) struct sysroot *root = NULL;
		struct books books = { 0 };

		CASE(cases[i].name);
		if (cases[i].text)
			tree_file(tree, PATH, cases[i].text);
		if (!EXPECT_INT(sysroot_new(&root, tree), 0))
			continue;
		EXPECT_INT(books_read(root, 0, &books), cases[i].r);
		EXPECT_INT(books.booked_bw, cases[i].booked);
		EXPECT_INT(books.limit_bw, cases[i].limit);
	}
}

/* The root domain of a CPU, where there are several. */
static void test_cpus(void)
{
	static const struct {
		const char *name;
		uint32_t cpu;
		int r;
		int64_t booked;
	} cases[] = { { "0", 0, 0, 104856 }, { "1", 1, 0, -7 }, { "10", 10, 0, 5 }, { "the last, cut off", 2, -ENODATA, 0 },
		      { "not there", 3, -ENODATA, 0 } };
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	tree_file(tree, PATH, "dl_rq[0]:\n  .dl_bw->total_bw               : 104856\n\ncpu#10, 2 MHz\n"
		  "dl_rq[10]:\n  .dl_nr_running                 : 0\n  .dl_bw->total_bw               : 5\n"
		  "dl_rq[1]:\n  .dl_bw->total_bw               : -7\ndl_rq[2]:\n");
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct books books = { 0 };

		CASE(cases[i].name);
		EXPECT_INT(books_read(root, cases[i].cpu, &books), cases[i].r);
		EXPECT_INT(books.booked_bw, cases[i].booked);
	}
}

/* A host of many threads tells more than is ever read whole. */
static void test_long(void)
{
	static const char line[] = " S            a-thread  1234      1234.567890      1234   120         0.000000      1234.567890\n";
	static const char end[] = "dl_rq[1]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : 42\n";
	const size_t n = 20000, length = n * (sizeof(line) - 1);
	_cleanup_(freep) char *text = malloc(length + sizeof(end));
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct books books = { 0 };

	CASE("a host of many threads");
	tree_must(text != NULL, "malloc");
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	memcpy(text + length, end, sizeof(end));
	tree_file(tree, PATH, text);
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return;
	EXPECT_INT(books_read(root, 1, &books), 0);
	EXPECT_INT(books.booked_bw, 42);
}

int main(void)
{
	test_text();
	test_cpus();
	test_long();
	return expect_result();
}
