/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slice made a partition and given back, on a kernel made of files. Each write may fail, or the partition may turn out
 * invalid: then all is as before; and what another thread needs that joins.
 */
#include <limits.h>

#include "apply.h"
#include "apply-slice.h"
#include "cpulist.h"
#include "expect.h"

#define SLICE "/sys/fs/cgroup/virtrk.slice"

static struct {
	char *tree;
	const struct sysroot_ops *fake;
	unsigned int calls, fail_at;
	bool populated;
	int fail_with;			/* 0 = -EIO */
	bool fail_takes;		/* says no, but has done it */
	const char *invalid;		/* what becomes of a partition */
	cpu_set_t affinity;
	unsigned int wakes_at;		/* the thread goes to CPU 2 when it was woken so often */
	unsigned int woken;
} model;

static cpu_set_t cpus(const char *list)
{
	cpu_set_t set;

	EXPECT_INT(cpulist_parse(list, &set), 0);
	return set;
}

static void put(const char *path, const char *text)
{
	tree_file(model.tree, path + 1, text);
}

/* What the kernel makes of a write: nothing it says is in the file that was written alone. */
static void write_effect(const char *path, const char *text)
{
	if (!strstr(path, "cpuset.cpus.partition")) {
		put(path, text);
		return;
	}
	put(path, strcmp(text, "root\n") == 0 && model.invalid ? model.invalid : text);
	put(SLICE "/cpuset.cpus.effective", strcmp(text, "root\n") == 0 ? "2-3\n" : "0-3\n");
}

static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	bool fails = ++model.calls == model.fail_at;

	if (model.populated && strcmp(text, "\n") == 0)
		return -ENOSPC;
	if (!fails || model.fail_takes)
		write_effect(path, text);
	return fails ? model.fail_with ?: -EIO : 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	*ret = model.affinity;
	return 0;
}

/* Field 22 is the start time, 39 the CPU. */
static void stat_put(unsigned int cpu)
{
	char text[256];

	snprintf(text, sizeof(text), "11 (CPU 0/KVM) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 1011 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %u 0 0\n",
		 cpu);
	put("/proc/11/stat", text);
}

static int model_wake(const struct sysroot *root, pid_t tid)
{
	if (++model.woken == model.wakes_at)
		stat_put(2);
	return 0;
}

static const struct sysroot_ops model_ops = { .affinity_get = model_affinity_get, .wake = model_wake, .write = model_write };

static struct sysroot *root_make(const char *before)
{
	struct sysroot *root = NULL;

	free(tree_free(model.tree));
	memset(&model, 0, sizeof(model));
	model.tree = tree_new();
	model.affinity = cpus("2-3");
	put(SLICE "/cpuset.cpus", before);
	put(SLICE "/cpuset.cpus.partition", "member\n");
	put(SLICE "/cpuset.cpus.effective", "0-3\n");
	put("/proc/11/cgroup", "0::/virtrk.slice/m.scope/libvirt/vcpu0\n");
	stat_put(2);
	tree_must(sysroot_new(&root, model.tree) == 0, model.tree);
	model.fake = root->ops;
	root->ops = &model_ops;
	return root;
}

static struct step step_make(bool make, bool whole, const char *before)
{
	return (struct step){ .kind = STEP_SLICE, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .make = make,
			      .whole = whole, .cgroup = (char *)SLICE, .cpus = cpus("2-3"), .before = cpus(before) };
}

static char *state_of(const struct sysroot *root)
{
	_cleanup_(freep) char *state = NULL, *list = NULL;
	char *text = NULL;

	EXPECT_INT(sysroot_read(root, SLICE "/cpuset.cpus.partition", &state), 0);
	EXPECT_INT(sysroot_read(root, SLICE "/cpuset.cpus", &list), 0);
	tree_must(asprintf(&text, "%s %s", state, list) >= 0, "asprintf");
	return text;
}

#define EXPECT_STATE(root, want)                                  \
	do {                                                      \
		_cleanup_(freep) char *expect_text = state_of(root); \
		EXPECT_STR(expect_text, want);                    \
	} while (0)

static void test_whole(void)
{
	struct step make = step_make(true, true, ""), remove = step_make(false, true, "");
	struct plan makes = { &make, 1 }, removes = { &remove, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("\n");
	enum step_look look;

	CASE("made");
	EXPECT_INT(apply_slice_look(root, &make, &look, NULL), 0);
	EXPECT_INT(look, STEP_OLD);
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_STATE(root, "root 2-3");
	EXPECT_INT(apply_slice_look(root, &make, &look, NULL), 0);
	EXPECT_INT(look, STEP_NEW);
	CASE("removed, and again");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	EXPECT_STATE(root, "member ");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	CASE("undone after a crash, with what it had before");
	make.before = cpus("0-1");
	put(SLICE "/cpuset.cpus", "0-1\n");
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_INT(apply_undo(root, &makes, NULL, NULL), 0);
	EXPECT_STATE(root, "member 0-1");
	CASE("CPUs of somebody else stay");
	put(SLICE "/cpuset.cpus", "1\n");
	put(SLICE "/cpuset.cpus.partition", "root invalid\n");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	EXPECT_STATE(root, "member 1");
	CASE("the slice is gone");
	remove.cgroup = make.cgroup = (char *)"/sys/fs/cgroup/virtrk-x.slice";
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	EXPECT_INT(apply_slice_look(root, &make, &look, NULL), 0);
	EXPECT_INT(look, STEP_GONE);
}

static void test_failures(void)
{
	for (unsigned int at = 1; at <= 2; at++) {
		for (int takes = 0; takes < 2; takes++) {
			struct step make = step_make(true, true, "0-1");
			struct plan makes = { &make, 1 };
			_cleanup_(sysroot_freep) struct sysroot *root = root_make("0-1\n");
			_cleanup_(vr_error_freep) struct vr_error *err = NULL;

			CASE(takes ? "a write that fails and takes" : "a write that fails");
			model.fail_at = at;
			model.fail_takes = takes;
			EXPECT_INT(apply_plan(root, &makes, &err), -EIO);
			EXPECT(err && err->reason == VR_FAILED && strstr(err->text, "cannot get CPUs for vcpu0 of d"));
			EXPECT_STATE(root, "member 0-1");
		}
	}
}

/* One answer that it is gone is not believed: else the slice would keep its CPUs, and nobody would know. */
static void test_gone_once(void)
{
	static const int errors[] = { -ENOENT, -ENODEV };

	for (unsigned int i = 0; i < 4; i++) {
		struct step make = step_make(true, true, "0-1"), remove = step_make(false, true, "0-1");
		struct plan makes = { &make, 1 }, removes = { &remove, 1 };
		_cleanup_(sysroot_freep) struct sysroot *root = root_make("0-1\n");

		CASE(i % 2 ? "the second write of a removal says once that the slice is gone" : "the first write says so");
		EXPECT_INT(apply_plan(root, &makes, NULL), 0);
		model.fail_at = model.calls + 1 + i % 2;
		model.fail_with = errors[i / 2];
		EXPECT_INT(apply_plan(root, &removes, NULL), 0);
		EXPECT_STATE(root, "member 0-1");
	}
}

static const struct {
	const char *name;
	bool whole;
	const char *state;		/* of the slice before */
	const char *invalid;
	const char *affinity;
	const char *group;
	unsigned int cpu, wakes_at;
	int r;
	enum vr_reason reason;
	const char *words;
	const char *after;
} cases[] = {
	{ "invalid", true, "member", "root invalid (Cpu list in cpuset.cpus not exclusive)\n", "2-3", NULL, 2, 0, -EIO, VR_READ_BACK,
	  "\"root invalid (Cpu list in cpuset.cpus not exclusive)\"", "member " },
	{ "a thread that is pinned", true, "member", NULL, "2", NULL, 2, 0, -EPERM, VR_AFFINITY, "may run on CPU 2 only", "member " },
	{ "one that has been moved out", true, "member", NULL, "2-3", "0::/virtrk.slice2/x\n", 2, 0, -ESTALE, VR_READ_BACK,
	  "is not in " SLICE " any more", "member " },
	{ "one that sleeps, and is woken", true, "member", NULL, "2-3", NULL, 0, 2, 0, 0, NULL, "root 2-3" },
	{ "one that does not wake", true, "member", NULL, "2-3", NULL, 0, 0, -EBUSY, VR_BAD_CPU, "sleeps, and cannot be brought", "member " },
	{ "one that joins", false, "root", NULL, "2-3", NULL, 3, 0, 0, 0, NULL, "root 2-3" },
	{ "one that joins what is invalid now", false, "root invalid", NULL, "2-3", NULL, 3, 0, -EIO, VR_READ_BACK, "\"root invalid\"",
	  "root invalid 2-3" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct step make = step_make(true, cases[i].whole, "");
		struct plan makes = { &make, 1 };
		_cleanup_(sysroot_freep) struct sysroot *root = root_make(cases[i].whole ? "\n" : "2-3\n");
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		char text[64];

		CASE(cases[i].name);
		snprintf(text, sizeof(text), "%s\n", cases[i].state);
		put(SLICE "/cpuset.cpus.partition", text);
		put(SLICE "/cpuset.cpus.effective", cases[i].whole ? "0-3\n" : "2-3\n");
		model.invalid = cases[i].invalid;
		model.affinity = cpus(cases[i].affinity);
		model.wakes_at = cases[i].wakes_at;
		stat_put(cases[i].cpu);
		if (cases[i].group)
			put("/proc/11/cgroup", cases[i].group);
		EXPECT_INT(apply_plan(root, &makes, &err), cases[i].r);
		EXPECT_STATE(root, cases[i].after);
		if (cases[i].words)
			EXPECT(err && err->reason == cases[i].reason && strstr(err->text, cases[i].words));
		else
			EXPECT(err == NULL);
	}
}

static void test_changed(void)
{
	struct step make = step_make(true, true, "");
	struct plan makes = { &make, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("0\n");

	CASE("somebody has given the slice CPUs meanwhile");
	EXPECT_INT(apply_plan(root, &makes, NULL), -ESTALE);
	EXPECT_STATE(root, "member 0");
	CASE("the thread has ended");
	make.start_ticks++;
	EXPECT_INT(apply_plan(root, &makes, NULL), -ESRCH);
	EXPECT_INT(model.calls, 0);
}

/* From 6.7 on: cpuset.cpus is not touched. */
static void test_exclusive(void)
{
	struct step make = step_make(true, true, ""), remove = step_make(false, true, "");
	struct plan makes = { &make, 1 }, removes = { &remove, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("0-3\n");
	_cleanup_(freep) char *made = NULL, *removed = NULL;

	CASE("cpuset.cpus.exclusive");
	put(SLICE "/cpuset.cpus.exclusive", "\n");
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_STATE(root, "root 0-3");
	EXPECT_INT(sysroot_read(root, SLICE "/cpuset.cpus.exclusive", &made), 0);
	EXPECT_STR(made, "2-3");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	EXPECT_STATE(root, "member 0-3");
	EXPECT_INT(sysroot_read(root, SLICE "/cpuset.cpus.exclusive", &removed), 0);
	EXPECT_STR(removed, "");
}

/* Before 6.7: it cannot be emptied as long as anybody is in the slice. */
static void test_populated(void)
{
	struct step make = step_make(true, true, ""), remove = step_make(false, true, "");
	struct plan makes = { &make, 1 }, removes = { &remove, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("\n");

	CASE("not to be emptied");
	put("/sys/fs/cgroup/cpuset.cpus.effective", "0-3\n");
	model.populated = true;
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	EXPECT_STATE(root, "member 0-3");
}

int main(void)
{
	test_exclusive();
	test_populated();
	test_whole();
	test_failures();
	test_gone_once();
	test_cases();
	test_changed();
	free(tree_free(model.tree));
	return expect_result();
}
