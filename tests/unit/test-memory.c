/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which colours and banks the next domain gets: by number and by list, beside those that there are, refused with both sides and the
 * smallest change. Options of a mount, lines of mountinfo, and a host that is a directory.
 */
#include "expect.h"
#include "memory.h"
#include "sysroot.h"

#define MIB (UINT64_C(1) << 20)

/* 256 MiB in 16 colours (address bits 12 to 15) and 4 banks (16 and 17): 4 MiB of each pair. */
#define PROFILE "virtrk-profile 1 cache=12,13,14,15 bank=16,17\n"
static const struct memory_range all = { 0, 65536 };

struct pools {
	struct memory_pool *items;
	size_t n;
};

static void pools_done(struct pools *pools)
{
	memory_pools_free(pools->items, pools->n);
}

/* A line of mountinfo for each. */
static void pool_add(struct pools *pools, const char *name, const char *options)
{
	_cleanup_(freep) char *line = NULL;
	struct memory_pool pool;

	tree_must(asprintf(&line, "30 1 0:%zu / /run/virtrk/mem/%s rw,nosuid - colorfs virtrk:%s rw,%s", 40 + pools->n, name, name, options) >= 0, "asprintf");
	if (!EXPECT_INT(memory_pool_parse(line, &pool), 1))
		return;
	pools->items = reallocarray(pools->items, pools->n + 1, sizeof(pool));
	tree_must(pools->items != NULL, "memory");
	pools->items[pools->n++] = pool;
}

static void choose(const struct memory_host *host, const struct pools *pools, const struct memory_want *want, int want_r, const char *words)
{
	_cleanup_(memory_pool_done) struct memory_pool pool = { .bytes = 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *options = NULL;
	int r = memory_choose(host, pools->items, pools->n, want, &pool, &err);

	if (!EXPECT_INT(r, want_r) && err)
		fprintf(stderr, "    %s\n", err->text);
	if (r >= 0 && EXPECT_INT(memory_options(host, &pool, &options), 0))
		EXPECT_STR(options, words);
	if (r < 0 && EXPECT(err && err->text) && !EXPECT(strstr(err->text, words) != NULL))
		fprintf(stderr, "    %s\n", err->text);
}

#define WANT(...) &(const struct memory_want){ .domain = "rt", __VA_ARGS__ }
#define KNOWN	  ",profile=virtrk-profile;1;cache=12:13:14:15;bank=16:17"

static void test_choose(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	_cleanup_(pools_done) struct pools none = { 0 }, some = { 0 }, alone = { 0 }, wrong = { 0 };

	CASE("the host");
	EXPECT_INT(memory_host_make(PROFILE, &all, 1, &host, NULL), 0);
	EXPECT_INT(host.colors, 16);
	EXPECT_INT(host.banks, 4);
	EXPECT_INT(host.frames[0], 1024);
	CASE("anything");
	choose(&host, &none, WANT(.bytes = 256 * MIB), 0, "size=268435456" KNOWN);
	CASE("one page more than there is");
	choose(&host, &none, WANT(.bytes = 256 * MIB + 4096), -EDQUOT, "4KiB less would fit");
	CASE("four colours, all their memory");
	choose(&host, &none, WANT(.bytes = 64 * MIB, .n_colors = 4), 0, "size=67108864,colors=0-3" KNOWN);
	CASE("one page more: one colour more");
	choose(&host, &none, WANT(.bytes = 64 * MIB + 4096, .n_colors = 4), -EDQUOT, "; 1 more colour would do; 4KiB less would fit");
	CASE("both sides of the inequality");
	choose(&host, &none, WANT(.bytes = 80 * MIB, .n_colors = 4), -EDQUOT, "80MiB wanted, 64MiB there");
	CASE("banks");
	choose(&host, &none, WANT(.bytes = 8 * MIB, .n_colors = 1, .n_banks = 2), 0, "size=8388608,colors=0,banks=0-1" KNOWN);
	CASE("a list");
	choose(&host, &none, WANT(.bytes = MIB, .colors = "3,5-6", .banks = "3"), 0, "size=1048576,colors=3:5-6,banks=3" KNOWN);
	CASE("for itself");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 2, .exclusive = true), 0, "size=1048576,colors=0-1,exclusive" KNOWN);
	CASE("all for itself, and no word which");
	choose(&host, &none, WANT(.bytes = MIB, .exclusive = true), -EINVAL, "which colours");

	pool_add(&some, "a", "size=16384k,colors=0-3");
	pool_add(&some, "b", "size=8m,colors=6+8,banks=0,exclusive");
	pool_add(&some, "c", "size=65536k,colors=12-15");
	CASE("any, beside one that wants some for itself");
	choose(&host, &some, WANT(.bytes = MIB), -EDQUOT, "colour 6 is in use by b, and one of both wants it alone; colours 0-5:7:9-15 can be named");
	CASE("the lowest that nobody names");
	choose(&host, &some, WANT(.bytes = MIB, .n_colors = 3), 0, "size=1048576,colors=4-5:7" KNOWN);
	CASE("all that nobody names");
	choose(&host, &some, WANT(.bytes = MIB, .n_colors = 6), 0, "size=1048576,colors=4-5:7:9-11" KNOWN);
	CASE("one more");
	choose(&host, &some, WANT(.bytes = MIB, .n_colors = 7), -EDQUOT, "6 are left of 16; 1 fewer would fit");
	CASE("shared with one that does not mind");
	choose(&host, &some, WANT(.bytes = MIB, .colors = "3-4"), 0, "size=1048576,colors=3-4" KNOWN);
	CASE("but not for itself");
	choose(&host, &some, WANT(.bytes = MIB, .colors = "3-4", .exclusive = true), -EDQUOT, "colour 3 is in use by a");
	CASE("shared with one that does");
	choose(&host, &some, WANT(.bytes = MIB, .colors = "8"), -EDQUOT, "colour 8 is in use by b");
	CASE("banks that nobody names");
	choose(&host, &some, WANT(.bytes = MIB, .colors = "4", .n_banks = 3), 0, "size=1048576,colors=4,banks=1-3" KNOWN);
	CASE("more than its colours hold: what nobody names would help");
	choose(&host, &some, WANT(.bytes = 49 * MIB, .n_colors = 3), -EDQUOT, "48MiB there; 1 more colour would do; 1MiB less would fit");
	CASE("nobody's are all among them: sharing is not what was asked for");
	choose(&host, &some, WANT(.bytes = 97 * MIB, .n_colors = 6), -EDQUOT, "96MiB there; 1MiB less would fit");
	CASE("sets that overlap compete");
	/* a and rt have together 80 MiB to take of the 80 MiB of colours 0 to 4 */
	choose(&host, &some, WANT(.bytes = 64 * MIB, .colors = "0-4"), 0, "size=67108864,colors=0-4" KNOWN);
	choose(&host, &some, WANT(.bytes = 64 * MIB + 4096, .colors = "0-4"), -EDQUOT, "with that of a");

	pool_add(&alone, "greedy", "size=4m,colors=0-15,exclusive");
	CASE("a mount by another profile");
	pool_add(&wrong, "w", "size=64m,colors=1");
	choose(&host, &wrong, WANT(.bytes = MIB, .n_colors = 1), -EDQUOT, "what is mounted for w does not agree with the memory profile");
	CASE("all colours are somebody's");
	choose(&host, &alone, WANT(.bytes = MIB, .n_colors = 1), -EDQUOT, "0 are left of 16");
	choose(&host, &alone, WANT(.bytes = MIB), -EDQUOT, "in use by greedy");
}

/* As many frames of each colour. */
static void test_layout(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	_cleanup_(pools_done) struct pools none = { 0 }, half = { 0 }, shares = { 0 }, shares2 = { 0 };

	EXPECT_INT(memory_host_make(PROFILE, &all, 1, &host, NULL), 0);
	CASE("its addresses choose");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 4, .preserve = true), 0, "size=1048576,colors=0-3,layout=preserve" KNOWN);
	choose(&host, &none, WANT(.bytes = 256 * MIB, .preserve = true), 0, "size=268435456,layout=preserve" KNOWN);
	CASE("that needs a power of two, as much of each, and no more");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 3, .preserve = true), -EINVAL, "a power of two");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 2, .banks = "0-2", .preserve = true), -EINVAL, "a power of two");
	choose(&host, &none, WANT(.bytes = MIB + 4096, .n_colors = 4, .preserve = true), -EINVAL, "a multiple of 16384");
	choose(&host, &none, WANT(.bytes = MIB + 16384, .n_colors = 4, .n_banks = 2, .preserve = true), -EINVAL, "a multiple of 32768");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 4, .exclusive = true, .preserve = true), -EINVAL, "one of both");
	choose(&host, &none, WANT(.bytes = 80 * MIB, .n_colors = 4, .preserve = true), -EDQUOT, "80MiB wanted, 64MiB there");

	pool_add(&half, "h", "size=8m,colors=3");
	CASE("less is left of one of its colours");
	choose(&host, &half, WANT(.bytes = 48 * MIB, .colors = "0-3"), 0, "size=50331648,colors=0-3" KNOWN);
	choose(&host, &half, WANT(.bytes = 48 * MIB, .colors = "0-3", .preserve = true), -EDQUOT,
	       "as many frames of each colour: of some 20MiB are wanted, with what others have, and 16MiB are there");
	choose(&host, &half, WANT(.bytes = 32 * MIB, .colors = "0-3", .preserve = true), 0, "size=33554432,colors=0-3,layout=preserve" KNOWN);
	CASE("what is mounted so has its shares, too");
	pool_add(&shares, "p", "size=8m,colors=0-1,banks=0-1,layout=preserve");
	choose(&host, &shares, WANT(.bytes = 2 * MIB, .colors = "0", .banks = "0"), 0, "size=2097152,colors=0,banks=0" KNOWN);
	choose(&host, &shares, WANT(.bytes = 2 * MIB + 4096, .colors = "0", .banks = "0"), -EDQUOT, "of some 4100KiB are wanted");
	pool_add(&shares2, "p", "size=16m,colors=0-1,layout=preserve");
	choose(&host, &shares2, WANT(.bytes = 8 * MIB, .colors = "0"), 0, "size=8388608,colors=0" KNOWN);
	choose(&host, &shares2, WANT(.bytes = 8 * MIB + 4096, .colors = "0"), -EDQUOT, "of some 16388KiB are wanted");
}

static void test_refused(void)
{
	static const struct {
		const char *name;
		struct memory_want want;
		const char *words;
	} cases[] = {
		{ "nothing", { .bytes = 0 }, "at least one" },
		{ "half a page", { .bytes = 2048 }, "whole pages" },
		{ "more colours than there are", { .bytes = MIB, .n_colors = 17 }, "this host has 16" },
		{ "more banks than there are", { .bytes = MIB, .n_banks = 5 }, "this host has 4" },
		{ "a colour that is not there", { .bytes = MIB, .colors = "14-16" }, "has 0-15" },
		{ "no list", { .bytes = MIB, .colors = "x" }, "colours x:" },
		{ "a bank twice", { .bytes = MIB, .banks = "1,1" }, "banks 1,1:" },
		{ "backwards", { .bytes = MIB, .banks = "2-1" }, "banks 2-1:" },
		{ "number and list", { .bytes = MIB, .n_colors = 2, .colors = "1" }, "either" },
		{ "more than any host has", { .bytes = UINT64_MAX - 4095 }, "any host" },
	};
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	const struct pools none = { 0 };

	EXPECT_INT(memory_host_make(PROFILE, &all, 1, &host, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memory_want want = cases[i].want;

		want.domain = "rt";
		CASE(cases[i].name);
		choose(&host, &none, &want, -EINVAL, cases[i].words);
	}
}

static void test_hosts(void)
{
	static const struct {
		const char *name, *profile, *words;
	} bad[] = {
		{ "no profile's text", "colours: 16", "virtrk-profile" },
		{ "too many colours", "virtrk-profile 1 cache=12,13,14,15,16,17,18,19,20,21,22", "2048 colours" },
		{ "too many pairs", "virtrk-profile 1 cache=12,13,14,15,16,17,18,19,20,21 bank=22,23,24,25,26,27,28", "1024 colours and 128 banks" },
	};
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	const struct pools none = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(memory_host_done) struct memory_host other = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(bad[i].name);
		EXPECT_INT(memory_host_make(bad[i].profile, &all, 1, &other, &err), -EBADMSG);
		if (EXPECT(err && err->text))
			EXPECT(strstr(err->text, bad[i].words) != NULL);
	}
	CASE("without a profile there is one colour");
	EXPECT_INT(memory_host_make(NULL, &all, 1, &host, NULL), 0);
	choose(&host, &none, WANT(.bytes = 256 * MIB), 0, "size=268435456");
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 2), -EINVAL, "2 colours: this host has 1: it has no memory profile");
}

static void test_banks_alone(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	const struct pools none = { 0 };

	CASE("a profile without cache colours");
	EXPECT_INT(memory_host_make("virtrk-profile 1 bank=16,17", &all, 1, &host, NULL), 0);
	choose(&host, &none, WANT(.bytes = MIB, .n_colors = 2), -EINVAL, "2 colours: this host has 1 by its memory profile");
}

static void test_lines(void)
{
	static const struct {
		const char *name, *line;
		int r;
		const char *domain, *path;
		uint64_t bytes;
		uint32_t colors;	/* how many; 0 = all */
	} cases[] = {
		{ "another file system", "22 1 0:20 / /tmp rw - tmpfs tmpfs rw,size=5k", 0, NULL, NULL, 0, 0 },
		{ "a mount of ours", "30 1 0:44 / /run/virtrk/mem/rt rw,nosuid shared:5 master:1 - colorfs virtrk:rt rw,size=1024k,colors=0-3+8", 1, "rt",
		  "/run/virtrk/mem/rt", MIB, 5 },
		{ "by hand", "30 1 0:44 / /mnt rw - colorfs none rw,size=1048576,exclusive,colors=7", 1, "", "/mnt", MIB, 1 },
		{ "blanks in names", "30 1 0:44 / /mnt/a\\040b rw - colorfs virtrk:a\\134b\\040 rw,size=4k", 1, "a\\b ", "/mnt/a b", 4096, 0 },
		{ "options that we do not know", "30 1 0:44 / /m rw - colorfs virtrk:x ro,size=4k,node=1,uid=0", 1, "x", "/m", 4096, 0 },
		{ "no size", "30 1 0:44 / /m rw - colorfs virtrk:x rw,colors=1", -EBADMSG, NULL, NULL, 0, 0 },
		{ "a size that is none", "30 1 0:44 / /m rw - colorfs virtrk:x rw,size=lots", -EBADMSG, NULL, NULL, 0, 0 },
		{ "a size that is too large", "30 1 0:44 / /m rw - colorfs virtrk:x rw,size=99999999999999999g", -EBADMSG, NULL, NULL, 0, 0 },
		{ "colours that are none", "30 1 0:44 / /m rw - colorfs virtrk:x rw,size=4k,colors=a", -EBADMSG, NULL, NULL, 0, 0 },
		{ "cut off", "30 1 0:44 / /m rw - colorfs", 0, NULL, NULL, 0, 0 },
		{ "nothing", "", 0, NULL, NULL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(memory_pool_done) struct memory_pool pool = { .bytes = 0 };
		int r = memory_pool_parse(cases[i].line, &pool);

		CASE(cases[i].name);
		if (!EXPECT_INT(r, cases[i].r) || r != 1)
			continue;
		EXPECT_STR(pool.domain, cases[i].domain);
		EXPECT_STR(pool.path, cases[i].path);
		EXPECT(pool.bytes == cases[i].bytes);
		EXPECT_INT(pool.all_colors, cases[i].colors == 0);
		if (!pool.all_colors)
			EXPECT_INT(pool.colors.count, cases[i].colors);
	}
}

static void test_look(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(memory_host_done) struct memory_host host = { 0 }, again = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(pools_done) struct pools pools = { 0 };

	tree_must(sysroot_new(&root, tree) == 0, tree);
	CASE("a kernel that does not tell");
	EXPECT_INT(memory_look(root, &host, &err), -ENOENT);
	EXPECT(err && strstr(err->text, "which memory there is"));
	CASE("blocks, some of them not in use");
	tree_file(tree, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	tree_file(tree, "sys/devices/system/memory/memory0/phys_index", "00000000\n");
	tree_file(tree, "sys/devices/system/memory/memory0/state", "online\n");
	tree_file(tree, "sys/devices/system/memory/memory1/phys_index", "00000001\n");
	tree_file(tree, "sys/devices/system/memory/memory1/state", "online\n");
	tree_file(tree, "sys/devices/system/memory/memory32/phys_index", "00000020\n");
	tree_file(tree, "sys/devices/system/memory/memory32/state", "offline\n");
	tree_file(tree, "sys/devices/system/memory/memory40/phys_index", "00000028\n");
	tree_file(tree, "sys/devices/system/memory/memory40/state", "online\n");
	EXPECT_INT(memory_look(root, &host, NULL), 0);
	EXPECT_INT(host.colors, 1);
	EXPECT_INT(host.frames[0], 3 * 32768);
	CASE("a measured profile of nobody knows where");
	tree_file(tree, "var/lib/virtrk/memory-profile", "virtrk-profile 1 cache=12\n");
	EXPECT_INT(memory_look(root, &again, NULL), -ESTALE);
	CASE("one of this machine");
	tree_file(tree, "var/lib/virtrk/memory-profile",
		  "# measured\nvirtrk-profile 1 cache=12,13\nmachine cpu=none microcode=none board=none/none/none/none/none bios=none/none/none dimms=none "
		  "memory=0-10000000,100000000-108000000,140000000-148000000\n");
	if (EXPECT_INT(memory_look(root, &again, NULL), 0)) {
		EXPECT_INT(again.colors, 4);
		memory_host_done(&again);
	}
	CASE("the administrator's profile comes first");
	tree_file(tree, "etc/virtrk/memory-profile", PROFILE);
	EXPECT_INT(memory_look(root, &again, NULL), 0);
	EXPECT_INT(again.colors, 16);
	EXPECT_INT(again.frames[63], 3 * 512);
	CASE("mounted twice, counted once");
	tree_file(tree, "proc/self/mountinfo",
		  "22 1 0:20 / /tmp rw - tmpfs tmpfs rw,size=5k\n"
		  "30 1 0:44 / /run/virtrk/mem/rt rw - colorfs virtrk:rt rw,size=1024k,colors=0-3\n"
		  "31 1 0:45 / /run/virtrk/mem/b rw - colorfs virtrk:b rw,size=1024k,colors=4\n"
		  "32 1 0:44 / /elsewhere rw - colorfs virtrk:rt rw,size=1024k,colors=0-3\n");
	if (EXPECT_INT(memory_look_pools(root, &pools.items, &pools.n), 0) && EXPECT_INT(pools.n, 2))
		EXPECT_STR(pools.items[1].domain, "b");
}

static const struct {
	const char *name;
	struct memory_want want;
	const char *words;	/* NULL: it is there */
} serves[] = {
	{ "as it is",		{ .domain = "rt", .bytes = MIB, .n_colors = 4, .banks = "0,2", .exclusive = true }, NULL },
	{ "less would do",	{ .domain = "rt", .bytes = 4096 }, NULL },
	{ "the same list",	{ .domain = "rt", .bytes = MIB, .colors = "2+0-1+3" }, NULL },
	{ "any",		{ .domain = "any", .bytes = MIB }, NULL },
	{ "none at all",	{ .domain = "b", .bytes = 4096 }, "b has no memory of its own: that is mounted before QEMU starts" },
	{ "held only",		{ .domain = "held", .bytes = 4096 }, "held has no memory of its own" },
	{ "more than it is",	{ .domain = "rt", .bytes = MIB + 4096 }, "the memory of rt is 1MiB, wanted are 1028KiB" },
	{ "fewer colours",	{ .domain = "rt", .bytes = MIB, .n_colors = 3 }, "has the colours 0-3, wanted are 3 of them" },
	{ "other colours",	{ .domain = "rt", .bytes = MIB, .colors = "0-4" }, "has the colours 0-3, not 0-4" },
	{ "some of them",	{ .domain = "rt", .bytes = MIB, .colors = "0-2" }, "has the colours 0-3, not 0-2" },
	{ "no such colour",	{ .domain = "rt", .bytes = MIB, .colors = "0-16" }, "this host has 0-15" },
	{ "other banks",	{ .domain = "rt", .bytes = MIB, .banks = "1" }, "has the banks 0:2, not 1" },
	{ "any is no colours",	{ .domain = "any", .bytes = MIB, .n_colors = 16 }, "has the colours of any, wanted are 16" },
	{ "its addresses choose",	{ .domain = "b2", .bytes = MIB, .n_colors = 2, .preserve = true }, NULL },
	{ "theirs do not",	{ .domain = "rt", .bytes = MIB, .preserve = true }, "the memory of rt is not of layout preserve" },
	{ "not for itself",	{ .domain = "any", .bytes = MIB, .exclusive = true }, "the memory of any is not exclusive" },
};

static void test_serves(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	_cleanup_(pools_done) struct pools pools = { 0 };

	EXPECT_INT(memory_host_make(PROFILE, &all, 1, &host, NULL), 0);
	pool_add(&pools, "any", "size=1024k" KNOWN);
	pool_add(&pools, "held", "size=1024k" KNOWN);
	if (!EXPECT_INT(pools.n, 2))
		return;
	free(pools.items[1].path);
	pools.items[1].path = NULL;
	pool_add(&pools, "rt", "size=1024k,exclusive,colors=0-3,banks=0:2" KNOWN);
	pool_add(&pools, "b2", "size=1024k,colors=4-5,layout=preserve" KNOWN);
	for (size_t i = 0; i < ARRAY_SIZE(serves); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		size_t at = 99;
		int r = memory_serves(&host, pools.items, pools.n, &serves[i].want, &at, &err);

		CASE(serves[i].name);
		if (!serves[i].words && EXPECT_INT(r, 0))
			EXPECT_STR(pools.items[at].domain, serves[i].want.domain);
		else if (serves[i].words && EXPECT(r < 0 && err && err->text) && !EXPECT(strstr(err->text, serves[i].words) != NULL))
			fprintf(stderr, "    %s\n", err->text);
	}
}

int main(void)
{
	test_serves();
	test_choose();
	test_layout();
	test_refused();
	test_hosts();
	test_banks_alone();
	test_lines();
	test_look();
	return expect_result();
}
