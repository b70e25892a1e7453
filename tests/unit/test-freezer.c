/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread held still while its reservation begins, on a kernel made of files: what may be frozen and what never is; that it is so
 * when the policy is written, and not any more afterwards, whatever fails; and that a new daemon thaws what a dead one held.
 */
#include <sched.h>

#include "apply.h"
#include "expect.h"
#include "freezer.h"

#define MOUNT "/sys/fs/cgroup"
#define GROUP "/libvirt/vcpu0"
#define FREEZE MOUNT GROUP "/cgroup.freeze"
#define MS    NSEC_PER_MSEC

static struct {
	char *tree;
	const struct sysroot_ops *fake;
	struct sched_state now;
	bool frozen_at_set;		/* when it first became SCHED_DEADLINE */
	unsigned int sets;
	unsigned int writes, fail_from, fail_to;	/* of the writes to the freezer */
	int fail_with;
	int set_fails_with;
} model;

static const struct sched_state plain = { .policy = SCHED_OTHER };
static const struct sched_state reserved = { SCHED_DEADLINE, SCHED_FLAG_RESET_ON_FORK, 0, 0, MS, 10 * MS, 10 * MS };

static void put(const char *path, const char *text)
{
	tree_file(model.tree, path + 1, text);
}

static bool frozen(const struct sysroot *root)
{
	uint64_t value = 2;

	EXPECT_INT(sysroot_read_u64(root, FREEZE, &value), 0);
	return value == 1;
}

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = model.now;
	return 0;
}

static int model_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	if (state->policy == SCHED_DEADLINE) {
		if (model.sets++ == 0)
			model.frozen_at_set = frozen(root);
		if (model.set_fails_with)
			return model.set_fails_with;
	}
	model.now = *state;
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	CPU_SET(0, ret);
	return 0;
}

static int model_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return -ENOSYS;
}

static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	EXPECT_STR(path, FREEZE);
	model.writes++;
	if (model.writes >= model.fail_from && model.writes <= model.fail_to)
		return model.fail_with;
	put(path, text);
	return 0;
}

static const struct sysroot_ops model_ops = {
	.sched_get = model_get, .sched_set = model_set, .affinity_get = model_affinity_get, .affinity_set = model_affinity_set,
	.write = model_write,
};

static void thread_put(pid_t tid, const char *state, unsigned int flags)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	snprintf(text, sizeof(text), "%d (CPU 0/KVM) %s 1 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n", tid, state, flags, 1000 + tid);
	put(path, text);
}

static void scene_make(void)
{
	char *tree = model.tree;

	memset(&model, 0, sizeof(model));
	model.tree = tree;
	model.now = plain;
	thread_put(11, "S", 0);
	thread_put(12, "S", 0);
	thread_put(13, "S", 0x00208040);	/* kvm-nx-lpage-re, before 6.14 */
	thread_put(14, "S", 0x0000c000);	/* and since */
	put("/proc/11/cgroup", "0::" GROUP "\n");
	put(MOUNT GROUP "/cgroup.stat", "nr_descendants 0\nnr_dying_descendants 1\n");
	put(MOUNT GROUP "/cgroup.threads", "11\n13\n14\n");
	put(FREEZE, "0\n");
}

static void test_look(const struct sysroot *root)
{
	static const struct {
		const char *name;
		const char *file, *text;
		int r;
	} cases[] = {
		{ "its own, beside threads of the kernel", NULL, NULL, 1 },
		{ "another thread in it", MOUNT GROUP "/cgroup.threads", "11\n12\n", 0 },
		{ "another one that has just ended", MOUNT GROUP "/cgroup.threads", "11\n99\n", 0 },
		{ "it has left meanwhile", MOUNT GROUP "/cgroup.threads", "13\n", 0 },
		{ "one of another name space in it", MOUNT GROUP "/cgroup.threads", "0\n11\n", 0 },
		{ "a group below it", MOUNT GROUP "/cgroup.stat", "nr_descendants 1\nnr_dying_descendants 0\n", 0 },
		{ "ten groups below it", MOUNT GROUP "/cgroup.stat", "nr_descendants 10\n", 0 },
		{ "frozen by somebody", FREEZE, "1\n", 0 },
		{ "the root", "/proc/11/cgroup", "0::/\n", 0 },
		{ "a group that is not there", "/proc/11/cgroup", "0::/other\n", 0 },
		{ "none of version 2", "/proc/11/cgroup", "3:cpu:/x\n", 0 },
		{ "no number in its freezer", FREEZE, "x\n", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *path = NULL;

		CASE(cases[i].name);
		scene_make();
		if (cases[i].file)
			put(cases[i].file, cases[i].text);
		EXPECT_INT(freezer_look(root, MOUNT, 11, &path), cases[i].r);
		EXPECT_STR(path, cases[i].r > 0 ? MOUNT GROUP : NULL);
		EXPECT_INT(model.writes, 0);
	}
	CASE("no control groups at all");
	EXPECT_INT(freezer_look(root, "", 11, NULL), 0);
}

static void test_begin(struct sysroot *root)
{
	static const struct {
		const char *name;
		const char *file, *text;	/* so since the plan was made */
		const char *state;		/* of the thread */
		unsigned int fail_from, fail_to;
		int fail_with;
		int set_fails_with;
		int r;
		bool held, is_reserved, is_frozen;
		const char *words;
	} cases[] = {
		{ "begins", NULL, NULL, "S", 0, 0, 0, 0, 0, true, true, false, NULL },
		{ "does not leave its CPU in time", NULL, NULL, "R", 0, 0, 0, 0, 0, true, true, false, NULL },
		{ "refused by the kernel", NULL, NULL, "S", 0, 0, 0, -EBUSY, -EBUSY, true, false, false, "vcpu0 of d" },
		{ "others have come", MOUNT GROUP "/cgroup.threads", "11\n12\n", "S", 0, 0, 0, 0, 0, false, true, false, NULL },
		{ "somebody has frozen it", FREEZE, "1\n", "S", 0, 0, 0, 0, 0, false, true, true, NULL },
		{ "cannot be frozen", NULL, NULL, "S", 1, 1, -EIO, 0, -EIO, false, false, false, "cannot be held still" },
		{ "the group has just gone", NULL, NULL, "S", 1, 1, -ENODEV, 0, 0, false, true, false, NULL },
		{ "files that are read-only", NULL, NULL, "S", 1, 1, -EROFS, 0, 0, false, true, false, NULL },
		{ "thawed at the second try", NULL, NULL, "S", 2, 2, -EINTR, 0, 0, true, true, false, NULL },
		{ "thawed on the way back", NULL, NULL, "S", 2, 6, -EIO, 0, -EIO, true, false, false, "frozen and cannot be thawed" },
		{ "never thawed", NULL, NULL, "S", 2, 99, -EIO, 0, -EIO, true, true, true, "write 0 to it" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct step step = { .kind = STEP_SCHED, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .old = plain,
				     .new = reserved, .freezer = (char *)MOUNT GROUP };
		struct plan plan = { .steps = &step, .n = 1 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].name);
		scene_make();
		thread_put(11, cases[i].state, 0);
		if (cases[i].file)
			put(cases[i].file, cases[i].text);
		model.fail_from = cases[i].fail_from;
		model.fail_to = cases[i].fail_to;
		model.fail_with = cases[i].fail_with;
		model.set_fails_with = cases[i].set_fails_with;
		EXPECT_INT(apply_plan(root, &plan, &err), cases[i].r);
		EXPECT_INT(model.frozen_at_set, cases[i].held || cases[i].is_frozen);
		EXPECT_INT(sched_state_equal(&model.now, &reserved), cases[i].is_reserved);
		EXPECT_INT(frozen(root), cases[i].is_frozen);
		EXPECT(cases[i].words ? err && err->text && strstr(err->text, cases[i].words) : !err);
	}
}

/* Dead at any write: the plan is in the file, and the next daemon undoes it. */
static void test_undo(struct sysroot *root)
{
	const struct {
		const char *name;
		struct sched_state now;
		bool frozen;
	} cases[] = {
		{ "before it was frozen", plain, false },
		{ "while it was frozen", plain, true },
		{ "when it had its reservation", reserved, true },
		{ "when it was thawed", reserved, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct step step = { .kind = STEP_SCHED, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .old = plain,
				     .new = reserved, .freezer = (char *)MOUNT GROUP };
		struct plan plan = { .steps = &step, .n = 1 };

		CASE(cases[i].name);
		scene_make();
		model.now = cases[i].now;
		if (cases[i].frozen)
			put(FREEZE, "1\n");
		EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);
		EXPECT(!frozen(root) && sched_state_equal(&model.now, &plain));
	}
}

/* What was taken from it is given back: that begins a reservation, too. And a change of one that it has does not. */
static void test_other_steps(struct sysroot *root)
{
	struct sched_state larger = reserved;
	struct step step = { .kind = STEP_SCHED, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .old = reserved, .new = plain,
			     .freezer = (char *)MOUNT GROUP };
	struct plan plan = { .steps = &step, .n = 1 };

	CASE("a release that is undone");
	scene_make();
	EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);
	EXPECT(model.frozen_at_set && !frozen(root) && sched_state_equal(&model.now, &reserved));
	CASE("a change");
	larger.runtime_ns *= 2;
	step.old = reserved;
	step.new = larger;
	step.freezer = NULL;
	scene_make();
	model.now = reserved;
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT_INT(model.sets, 1);
	EXPECT(!model.frozen_at_set && model.writes == 0);
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;

	model.tree = tree;
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return expect_result();
	model.fake = root->ops;
	root->ops = &model_ops;

	test_look(root);
	test_begin(root);
	test_undo(root);
	test_other_steps(root);
	return expect_result();
}
