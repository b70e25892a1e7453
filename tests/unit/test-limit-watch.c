/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose limit is watched: that of the first process where it can be had, one's own where it cannot, which is told; once by the
 * manager, however often it looks.
 */
#include "fake-proc.h"
#include "limit-watch.h"
#include "manager-private.h"

#define LIMIT  "proc/sys/kernel/sched_rt_runtime_us"
#define PERIOD "proc/sys/kernel/sched_rt_period_us"
#define OWN    "writes to the kernel's limit on SCHED_DEADLINE (sched_rt_runtime_us) are watched in virtrkd's own /proc"
#define UNHEARD "writes to the kernel's limit on SCHED_DEADLINE (sched_rt_runtime_us) cannot be watched"

static void files_make(const char *tree, const char *below)
{
	_cleanup_(freep) char *limit = NULL, *period = NULL;

	tree_must(asprintf(&limit, "%s" LIMIT, below) >= 0 && asprintf(&period, "%s" PERIOD, below) >= 0, "asprintf");
	tree_file(tree, limit, "950000\n");
	tree_file(tree, period, "1000000\n");
}

static void first_has_another(const char *tree)
{
	files_make(tree, "proc/1/root/");
}

static void first_has_the_same(const char *tree)
{
	tree_link(tree, "proc/1/root", "/");
}

static void first_is_closed(const char *tree)
{
	tree_file(tree, "proc/1/root", "");	/* the open fails, and not since there is nothing */
}

static void no_first(const char *tree)
{
}

static const struct {
	const char *name;
	void (*make)(const char *tree);
	bool own;
	const char *heard, *unheard;
	enum tristate limit_heard;
} cases[] = {
	{ "a copy of a host",		no_first,	    false, LIMIT, NULL, YES },
	{ "process 1 has the same",	first_has_the_same, false, LIMIT, NULL, YES },
	{ "process 1 has another",	first_has_another,  false, "proc/1/root/" LIMIT, LIMIT, YES },
	{ "that of process 1 is closed", first_is_closed,   true,  PERIOD, NULL, UNKNOWN },
};

static void test_watch(size_t i)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct limit_watch *watch = NULL;

	CASE(cases[i].name);
	files_make(tree, "");
	cases[i].make(tree);
	tree_must(sysroot_new(&root, tree) >= 0, "sysroot_new");
	if (!EXPECT_INT(limit_watch_new(&watch, root), 0))
		return;
	EXPECT_INT(limit_watch_is_own(watch), cases[i].own);
	EXPECT(!limit_watch_written(watch));
	if (cases[i].unheard)
		tree_file(tree, cases[i].unheard, "-1\n");
	EXPECT(!limit_watch_written(watch));
	tree_file(tree, cases[i].heard, "900000\n");
	EXPECT(limit_watch_written(watch));
	EXPECT(!limit_watch_written(watch));
	limit_watch_free(watch);
}

/* How often @line was logged while the manager looked @looks times; for that standard error is a file meanwhile. */
static unsigned int lines_of(struct manager *m, unsigned int looks, const char *line)
{
	_cleanup_(freep) char *text = calloc(1, 65536);
	unsigned int n = 0;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	tree_must(text && file && saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0, "tmpfile");
	for (unsigned int i = 0; i < looks; i++)
		EXPECT_INT(manager_regime_read(m), 0);
	(void)dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	EXPECT(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	for (const char *p = text; (p = strstr(p, line)); p++)
		n++;
	return n;
}

static void test_manager(size_t i)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	struct manager m = { 0 };

	CASE(cases[i].name);
	tree_file(tree, "sys/devices/system/cpu/online", "0-1\n");
	files_make(tree, "");
	cases[i].make(tree);
	tree_must(sysroot_new(&m.root, tree) >= 0, "sysroot_new");
	EXPECT_INT(lines_of(&m, 3, OWN), cases[i].own);
	EXPECT_INT(m.regime.limit_heard, cases[i].limit_heard);
	limit_watch_free(m.limit);
	sysroot_free(m.root);
}

static void test_none(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	struct manager m = { 0 };

	CASE("there is nothing to watch, and it is tried again");
	tree_file(tree, "sys/devices/system/cpu/online", "0-1\n");
	tree_must(sysroot_new(&m.root, tree) >= 0, "sysroot_new");
	EXPECT_INT(lines_of(&m, 3, UNHEARD), 1);
	EXPECT_INT(m.regime.limit_heard, NO);
	files_make(tree, "");
	EXPECT_INT(lines_of(&m, 1, UNHEARD), 0);
	EXPECT_INT(m.regime.limit_heard, YES);
	EXPECT_INT(m.regime.rt_runtime_us, 950000);
	limit_watch_free(m.limit);
	sysroot_free(m.root);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_watch(i);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_manager(i);
	test_none();
	return expect_result();
}
