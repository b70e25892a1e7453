/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways of a cache on a resctrl file system made of files: no hardware here has one. What the kernel prints is read and written, damaged
 * text refused; who gets which ways beside libvirt's groups and the default one; a group is made, read back, or leaves nothing.
 */
#include <dirent.h>
#include <limits.h>

#include "apply-resctrl.h"
#include "expect.h"
#include "resctrl.h"
#include "sysroot.h"

#define FS "/sys/fs/resctrl"

static struct {
	char *tree;
	const char *fail;	/* a write into a file of that name fails */
	int with;
	const char *keeps;	/* what schemata says after a write, whatever was written */
} model;

/* ---- text ---- */

static void test_schemata(void)
{
	static const struct {
		const char *name, *text, *want;		/* NULL: refused */
	} cases[] = {
		{ "empty", "", "" },
		{ "as the kernel prints", "    MB:0=100;1=90\n    L3:0=7ff;1=7ff\n", "MB:0=100;1=90\nL3:0=7ff;1=7ff\n" },
		{ "without the last newline", "L3:0=f", "L3:0=f\n" },
		{ "code and data", "L3CODE:0=f0\nL3DATA:0=f\n", "L3CODE:0=f0\nL3DATA:0=f\n" },
		{ "caches with gaps", "L2:4=3;9=c\n", "L2:4=3;9=c\n" },
		{ "all 64 ways", "L3:0=ffffffffffffffff\n", "L3:0=ffffffffffffffff\n" },
		{ "more than 64", "L3:0=1ffffffffffffffff\n", NULL },
		{ "no value", "L3:0=\n", NULL },
		{ "no cache", "L3:=f\n", NULL },
		{ "nothing", "L3:\n", NULL },
		{ "no name", ":0=f\n", NULL },
		{ "a name too long", "L3CODEANDDATAALSO:0=f\n", NULL },
		{ "a name in small letters", "l3:0=f\n", NULL },
		{ "with 0x", "L3:0=0xf\n", NULL },
		{ "hex where there is none", "MB:0=a0\n", NULL },
		{ "negative", "MB:0=-5\n", NULL },
		{ "a cache twice", "L3:0=f;0=f\n", NULL },
		{ "a line twice", "L3:0=f\nL3:1=f\n", NULL },
		{ "a semicolon at the end", "L3:0=f;\n", NULL },
		{ "words behind it", "L3:0=f all\n", NULL },
		{ "the number of a cache too large", "L3:4294967296=f\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(freep) char *text = NULL;
		struct resctrl_schemata got;
		int r = resctrl_schemata_parse(cases[i].text, &got, &err);

		CASE(cases[i].name);
		EXPECT_INT(r, cases[i].want ? 0 : -EBADMSG);
		EXPECT((err != NULL) == !cases[i].want);
		if (r == 0 && EXPECT_INT(resctrl_schemata_format(&got, &text), 0))
			EXPECT_STR(text, cases[i].want);
	}
}

static void test_names(void)
{
	static const struct {
		const char *domain, *group;
	} cases[] = {
		{ "rt", "virtrk-rt" }, { "a/b", "virtrk-a%2fb" }, { "50%", "virtrk-50%25" }, { "\xc3\xa4", "virtrk-%c3%a4" },
		{ "with space", "virtrk-with%20space" },
	};
	_cleanup_(freep) char *none = NULL;
	char group[RESCTRL_GROUP_MAX], large[300];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *domain = NULL;

		CASE(cases[i].domain);
		EXPECT_INT(resctrl_group_name(cases[i].domain, group), 0);
		EXPECT_STR(group, cases[i].group);
		EXPECT_INT(resctrl_group_domain(group, &domain), 0);
		EXPECT_STR(domain, cases[i].domain);
	}
	CASE("not ours");
	EXPECT_INT(resctrl_group_domain("qemu-1-rt-vcpus_0", &none), -ENOENT);
	EXPECT_INT(resctrl_group_domain("virtrk-%7", &none), -ENOENT);
	EXPECT_INT(resctrl_group_domain("virtrk-%zz", &none), -ENOENT);
	EXPECT_INT(resctrl_group_domain("virtrk-%41", &none), -ENOENT);	/* A needs no escape */
	EXPECT_INT(resctrl_group_domain("virtrk-%00", &none), -ENOENT);
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	CASE("too long");
	EXPECT_INT(resctrl_group_name(large, group), -ENAMETOOLONG);
}

/* ---- who gets what ---- */

static void put(const char *path, const char *text)
{
	tree_file(model.tree, path + 1, text);
}

static void host_make(const char *common)
{
	put(FS "/info/L3/cbm_mask", "fff\n");
	put(FS "/info/L3/min_cbm_bits", "2\n");
	put(FS "/info/L3/shareable_bits", "800\n");
	put(FS "/info/L3/num_closids", "4\n");
	put(FS "/info/MB/num_closids", "8\n");
	put(FS "/info/MB/min_bandwidth", "10\n");
	put(FS "/info/MB/bandwidth_gran", "10\n");
	put(FS "/info/last_cmd_status", "mask f0f has non-consecutive 1-bits\n");
	put(FS "/schemata", common);
	put(FS "/tasks", "1\n");
}

static void group_make(const char *name, const char *schemata, const char *tasks)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), FS "/%s/schemata", name);
	put(path, schemata);
	snprintf(path, sizeof(path), FS "/%s/tasks", name);
	put(path, tasks);
}

static void look(struct sysroot *root, struct resctrl *host)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	resctrl_done(host);
	EXPECT_INT(resctrl_look(root, host, &err), 0);
}

static void place(const struct resctrl *host, const char *group, uint32_t ways, uint32_t percent, int want_r, const char *want)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *text = NULL;
	struct resctrl_schemata got;
	int r = resctrl_place(host, group, ways, percent, &got, &err);

	EXPECT_INT(r, want_r);
	if (r >= 0 && EXPECT_INT(resctrl_schemata_format(&got, &text), 0))
		EXPECT_STR(text, want);
	if (r < 0 && EXPECT(err && err->text))
		EXPECT(strstr(err->text, want) != NULL);
}

static void test_place(struct sysroot *root)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };

	CASE("not mounted");
	EXPECT_INT(resctrl_look(root, &host, NULL), -ENOENT);
	host_make("MB:0=100;1=100\nL3:0=00f;1=003\n");
	group_make("qemu-1-other", "MB:0=100;1=100\nL3:0=030;1=00c\n", "7\n");
	look(root, &host);
	CASE("what it is");
	EXPECT_INT(host.n, 2);
	EXPECT_INT(host.ways, 0xfff);
	EXPECT_INT(host.closids, 4);
	EXPECT_STR(host.cache[0], "L3");
	EXPECT(host.bandwidth);
	CASE("the lowest run that nobody has");
	place(&host, "virtrk-rt", 3, 0, 0, "L3:0=1c0;1=70\n");
	CASE("all that is left of cache 0");
	place(&host, "virtrk-rt", 5, 0, 0, "L3:0=7c0;1=1f0\n");
	CASE("one way more: the shared one is nobody's");
	place(&host, "virtrk-rt", 6, 0, -EDQUOT, "the most that nobody has is 5; all other tasks share f of fff: take ways from them (/sys/fs/resctrl/schemata), or ask for 1 fewer");
	CASE("below the least");
	place(&host, "virtrk-rt", 1, 0, -EINVAL, "from 2 to 12");
	CASE("more than there are");
	place(&host, "virtrk-rt", 13, 0, -EINVAL, "from 2 to 12");
	CASE("nothing asked for");
	place(&host, "virtrk-rt", 0, 0, -EINVAL, "neither");
	CASE("bandwidth, rounded down");
	place(&host, "virtrk-rt", 2, 57, 0, "L3:0=c0;1=30\nMB:0=50;1=50\n");
	CASE("too little bandwidth");
	place(&host, "virtrk-rt", 0, 9, -EINVAL, "a memory bandwidth of 9 %: from 10 to 100, in steps of 10");
	CASE("more than all");
	place(&host, "virtrk-rt", 0, 110, -EINVAL, "from 10 to 100");
	CASE("what it has counts as free");
	group_make("virtrk-rt", "MB:0=100;1=100\nL3:0=7c0;1=7f0\n", "11\n");
	look(root, &host);
	place(&host, "virtrk-rt", 5, 0, 0, "L3:0=7c0;1=1f0\n");
	CASE("but not for another");
	place(&host, "virtrk-b", 2, 0, -EDQUOT, "the most that nobody has is 0");
	CASE("groups are used up");
	group_make("virtrk-c", "MB:0=100;1=100\nL3:0=00f;1=003\n", "12\n");
	look(root, &host);
	place(&host, "virtrk-b", 0, 50, -EDQUOT, "knows 4 groups");
	place(&host, "virtrk-rt", 0, 50, 0, "MB:0=50;1=50\n");
}

static void test_kinds(struct sysroot *root)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct resctrl_schemata lines;
	_cleanup_(resctrl_done) struct resctrl host = { 0 };

	CASE("code and data apart");
	put(FS "/info/L3CODE/cbm_mask", "ff\n");
	put(FS "/info/L3CODE/min_cbm_bits", "1\n");
	put(FS "/info/L3CODE/num_closids", "8\n");
	put(FS "/info/L3DATA/num_closids", "6\n");
	put(FS "/schemata", "L3CODE:0=3\nL3DATA:0=c\n");
	put(FS "/tasks", "");
	look(root, &host);
	EXPECT_INT(host.closids, 6);
	place(&host, "virtrk-rt", 4, 0, 0, "L3CODE:0=f0\nL3DATA:0=f0\n");
	CASE("no bandwidth to limit");
	place(&host, "virtrk-rt", 0, 50, -EOPNOTSUPP, "in percent");
	CASE("all ways are everybody's");
	put(FS "/schemata", "L3CODE:0=ff\nL3DATA:0=ff\n");
	look(root, &host);
	place(&host, "virtrk-rt", 4, 0, -EDQUOT, "all other tasks share ff of ff: take ways from them (/sys/fs/resctrl/schemata)");
	EXPECT_INT(resctrl_place(&host, "virtrk-rt", 4, 0, &lines, &err), -EDQUOT);
	EXPECT(err && !strstr(err->text, "fewer"));	/* none at all is nothing to ask for */
}

/* ---- made and removed ---- */

static const struct sysroot_ops *fake;

static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	struct sysroot plain = *root;
	const char *file = strrchr(path, '/') + 1;
	_cleanup_(freep) char *before = NULL, *all = NULL;

	plain.ops = fake;
	if (model.fail && strcmp(file, model.fail) == 0)
		return model.with;
	if (strcmp(file, "tasks") != 0)
		return sysroot_write(&plain, path, model.keeps ?: text);
	/* the kernel adds to the list */
	if (sysroot_read(&plain, path, &before) < 0 || asprintf(&all, "%s%s%s", before, *before ? "\n" : "", text) < 0)
		return -EIO;
	return sysroot_write(&plain, path, all);
}

static int model_mkdir(const struct sysroot *root, const char *path)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/schemata", path);
	put(file, "L3:0=fff\n");
	snprintf(file, sizeof(file), "%s/tasks", path);
	put(file, "");
	return 0;
}

static int model_rmdir(const struct sysroot *root, const char *path)
{
	_cleanup_(freep) char *whole = tree_path(model.tree, path + 1);
	static const char *const files[] = { "schemata", "tasks" };
	char file[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(file, sizeof(file), "%s/%s", whole, files[i]);
		(void)unlink(file);
	}
	return rmdir(whole) < 0 ? -errno : 0;
}

static void make(struct sysroot *root, const char *name, const char *fails, int with, const char *keeps, int want_r, const char *want)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const struct resctrl_schemata lines = { .n = 1, .resources[0] = { .name = "L3", .n = 1, .at[0] = { 0, 0xf0 } } };
	const pid_t tids[] = { 11, 12 };

	CASE(name);
	model.fail = fails;
	model.with = with;
	model.keeps = keeps;
	EXPECT_INT(apply_resctrl_make(root, "virtrk-rt", &lines, NULL, tids, ARRAY_SIZE(tids), &err), want_r);
	model.fail = model.keeps = NULL;
	EXPECT_INT(sysroot_exists(root, FS "/virtrk-rt"), want_r == 0);
	if (want_r < 0 && EXPECT(err && err->text))
		EXPECT(strstr(err->text, want) != NULL);
}

static void test_apply(struct sysroot *root)
{
	const pid_t all[] = { 11, 12 }, more[] = { 11, 13 };
	const struct resctrl_schemata other = { .n = 1, .resources[0] = { .name = "L3", .n = 1, .at[0] = { 0, 0x3 } } };
	_cleanup_(freep) char *text = NULL;
	struct resctrl_schemata before;
	struct sysroot_ops ops = *root->ops;

	fake = root->ops;
	ops.write = model_write;
	ops.mkdir = model_mkdir;
	ops.rmdir = model_rmdir;
	root->ops = &ops;
	put("/proc/13/stat", "13 (CPU 1/KVM) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n");
	make(root, "no such mask", "schemata", -EINVAL, NULL, -EINVAL, "non-consecutive 1-bits");
	make(root, "no such thread may come", "tasks", -EPERM, NULL, -EPERM, "into the group");
	make(root, "other ways than written", NULL, 0, "L3:0=fff\n", -ESTALE, "other ways");
	make(root, "a thread has ended", "tasks", -ESRCH, NULL, 0, "");
	EXPECT_INT(apply_resctrl_empty(root, "virtrk-rt"), 1);
	EXPECT_INT(apply_resctrl_remove(root, "virtrk-rt", NULL), 0);
	make(root, "all is well", NULL, 0, NULL, 0, "");
	EXPECT_INT(apply_resctrl_empty(root, "virtrk-rt"), 0);
	EXPECT_INT(apply_resctrl_holds(root, "virtrk-rt", all, 2), 0);
	EXPECT_INT(apply_resctrl_holds(root, "virtrk-rt", more, 2), -ENODATA);
	CASE("a change that fails");
	EXPECT_INT(resctrl_schemata_parse("L3:0=f0\n", &before, NULL), 0);
	model.fail = "tasks";
	model.with = -EBUSY;
	EXPECT_INT(apply_resctrl_make(root, "virtrk-rt", &other, &before, all, 2, NULL), -EBUSY);
	model.fail = NULL;
	EXPECT_INT(sysroot_read(root, FS "/virtrk-rt/schemata", &text), 0);
	EXPECT_STR(text, "L3:0=f0");
	CASE("removed");
	EXPECT_INT(apply_resctrl_remove(root, "virtrk-rt", NULL), 0);
	EXPECT_INT(apply_resctrl_remove(root, "virtrk-rt", NULL), 0);
	EXPECT(!sysroot_exists(root, FS "/virtrk-rt"));
	root->ops = fake;
}

static void with_tree(void (*test)(struct sysroot *root))
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	model.tree = tree;
	tree_must(sysroot_new(&root, tree) == 0, tree);
	test(root);
}

static void apply_prepare(struct sysroot *root)
{
	host_make("L3:0=00f\n");
	test_apply(root);
}

int main(void)
{
	test_schemata();
	test_names();
	with_tree(test_place);
	with_tree(test_kinds);
	with_tree(apply_prepare);
	return expect_result();
}
