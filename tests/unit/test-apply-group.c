/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs added to a thread's own control group, and what stood there put back: what each failure leaves, and what is somebody
 * else's meanwhile. The kernel is made of files.
 */
#include "apply.h"
#include "apply-group.h"
#include "cpulist.h"
#include "expect.h"

#define GROUP "/sys/fs/cgroup/m.scope/libvirt/vcpu0"
#define LIST  GROUP "/cpuset.cpus"

static struct {
	char *tree;
	int write_r;
	bool takes;	/* a write that fails has been done */
	bool ignored;	/* one that succeeds has not */
	unsigned int writes;
} model;

static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	model.writes++;
	EXPECT_STR(path, LIST);
	if (!model.ignored && (model.write_r == 0 || model.takes))
		tree_file(model.tree, &LIST[1], text);
	return model.write_r;
}

static const struct sysroot_ops model_ops = { .write = model_write };

/* @list NULL: the group is gone. */
static struct sysroot *root_make(const char *list)
{
	struct sysroot *root = NULL;

	free(tree_free(model.tree));
	memset(&model, 0, sizeof(model));
	model.tree = tree_new();
	if (list)
		tree_file(model.tree, &LIST[1], list);
	tree_must(sysroot_new(&root, model.tree) == 0, model.tree);
	root->ops = &model_ops;
	return root;
}

/* Pinned to CPU 1 by libvirt, promised CPU 3. */
static struct step step_make(bool make)
{
	struct step step = { .kind = STEP_GROUP, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .make = make,
			     .cgroup = (char *)GROUP };

	EXPECT_INT(cpulist_parse("1", &step.before), 0);
	EXPECT_INT(cpulist_parse("1,3", &step.cpus), 0);
	return step;
}

static const struct {
	const char *name;
	bool make;
	const char *list;
	int write_r;
	bool takes, ignored;
	int r;
	enum vr_reason reason;
	const char *words;	/* NULL: no error */
	const char *after;
	unsigned int writes;
} cases[] = {
	{ "added", true, "1\n", 0, false, false, 0, 0, NULL, "1,3", 1 },
	{ "by a predecessor that died", true, "1,3\n", 0, false, false, 0, 0, NULL, "1,3", 1 },
	{ "written since it was looked at", true, "2\n", 0, false, false, -ESTALE, VR_READ_BACK, "is not what it was any more", "2", 0 },
	{ "gone", true, NULL, 0, false, false, -ENOENT, VR_FAILED, "cannot read cpuset.cpus", NULL, 0 },
	{ "refused", true, "1\n", -EACCES, false, false, -EACCES, VR_FAILED, "cannot add to cpuset.cpus", "1", 1 },
	{ "refused, and done", true, "1\n", -EBUSY, true, false, -EBUSY, VR_FAILED, "cannot add to cpuset.cpus", "1,3", 1 },
	{ "without effect", true, "1\n", 0, false, true, -EIO, VR_READ_BACK, "cannot add to cpuset.cpus", "1", 1 },
	{ "put back", false, "1,3\n", 0, false, false, 0, 0, NULL, "1", 1 },
	{ "put back already", false, "1\n", 0, false, false, 0, 0, NULL, "1", 0 },
	{ "written by somebody else", false, "0-3\n", 0, false, false, 0, 0, NULL, "0-3", 0 },
	{ "gone with its domain", false, NULL, 0, false, false, 0, 0, NULL, NULL, 0 },
	{ "vanishes meanwhile", false, "1,3\n", -ENODEV, false, false, 0, 0, NULL, "1,3", 2 },
	{ "cannot be put back", false, "1,3\n", -EBUSY, false, false, -EBUSY, VR_FAILED, "cannot put back cpuset.cpus", "1,3", 1 },
	{ "put back without effect", false, "1,3\n", 0, false, true, -EIO, VR_READ_BACK, "cannot put back cpuset.cpus", "1,3", 1 },
};

static void list_expect(const struct sysroot *root, const char *list)
{
	_cleanup_(freep) char *text = NULL;
	int r = sysroot_read(root, LIST, &text);

	if (!list)
		EXPECT_INT(r, -ENOENT);
	else
		EXPECT_STR(text, list);
}

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(sysroot_freep) struct sysroot *root = root_make(cases[i].list);
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct step step = step_make(cases[i].make);
		struct step_done done;

		CASE(cases[i].name);
		model.write_r = cases[i].write_r;
		model.takes = cases[i].takes;
		model.ignored = cases[i].ignored;
		EXPECT_INT(apply_group(root, &step, &done, &err), cases[i].r);
		EXPECT_INT(model.writes, cases[i].writes);
		EXPECT_INT(done.written, cases[i].make && cases[i].writes > 0);
		list_expect(root, cases[i].after);
		if (!cases[i].words)
			EXPECT(err == NULL);
		else
			EXPECT(err && err->reason == cases[i].reason && strstr(err->text, cases[i].words));
	}
}

static void test_look(void)
{
	static const struct {
		const char *name;
		bool make;
		const char *list;
		enum step_look look;
	} looks[] = {
		{ "not yet", true, "1\n", STEP_OLD },
		{ "done", true, "1,3\n", STEP_NEW },
		{ "somebody else's", true, "2\n", STEP_FOREIGN },
		{ "gone", true, NULL, STEP_GONE },
		{ "one that puts back", false, "1,3\n", STEP_OLD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		_cleanup_(sysroot_freep) struct sysroot *root = root_make(looks[i].list);
		struct step step = step_make(looks[i].make);
		enum step_look look;

		CASE(looks[i].name);
		EXPECT_INT(apply_group_look(root, &step, &look, NULL), 0);
		EXPECT_INT(look, looks[i].look);
	}
}

/* A write that says no and is done all the same is taken back; so is what a predecessor has left. */
static void test_plan(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("1\n");
	struct step steps[] = { step_make(true), step_make(true) };
	struct plan plan = { steps, 2 };
	size_t foreign = 9;

	CASE("the second of two cannot");
	EXPECT_INT(cpulist_parse("0", &steps[1].before), 0);
	EXPECT_INT(cpulist_parse("0,2", &steps[1].cpus), 0);
	EXPECT_INT(apply_plan(root, &plan, NULL), -ESTALE);
	list_expect(root, "1");
	CASE("undone");
	plan.n = 1;
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	list_expect(root, "1,3");
	EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
	list_expect(root, "1");
	EXPECT_INT(foreign, 0);
}

int main(void)
{
	test_cases();
	test_look();
	test_plan();
	free(tree_free(model.tree));
	return expect_result();
}
