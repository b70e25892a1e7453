/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU set apart and given back, on a kernel made of files: a directory that looks like libvirt's control groups, and
 * operations that do to it what the kernel does. Each write may fail, or the partition may turn out invalid: then all
 * files are as before.
 */
#include <dirent.h>
#include <limits.h>

#include "apply-cpuset.h"
#include "apply.h"
#include "expect.h"

#define MS	NSEC_PER_MSEC
#define LIBVIRT "/sys/fs/cgroup/machine.slice/m.scope/libvirt"
#define VCPU0	LIBVIRT "/vcpu0"
#define VCPU1	LIBVIRT "/vcpu1"

static struct {
	char *tree;
	const struct sysroot_ops *fake;		/* what the files are without a model */
	struct sched_state now[3];		/* of the threads 11 and 12: [1] and [2] */
	unsigned int calls;			/* that change something */
	unsigned int fail_at;
	int fail_with;
	bool fail_takes;			/* says no, but has done it */
	const char *invalid;			/* what becomes of a partition */
	bool no_affinity;			/* a thread that is moved keeps its affinity */
	bool refuse_deadline;			/* of thread 12 */
	unsigned int wakes_at;			/* thread 11 goes to CPU 2 when it was woken so often; 0 = never */
	unsigned int woken;
} model;

static bool model_fails(void)
{
	return ++model.calls == model.fail_at;
}

static void put(const char *path, const char *text)
{
	tree_file(model.tree, path + 1, text);
}

static void group_put(const char *path, const char *type)
{
	static const char *const empty[] = { "cpuset.cpus", "cpuset.cpus.exclusive", "cgroup.threads", "cgroup.subtree_control" };
	char file[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, empty[i]);
		put(file, "\n");
	}
	snprintf(file, sizeof(file), "%s/cgroup.type", path);
	put(file, type);
	snprintf(file, sizeof(file), "%s/cpuset.cpus.partition", path);
	put(file, "member\n");
	snprintf(file, sizeof(file), "%s/cpuset.cpus.effective", path);
	put(file, "0-3\n");
}

/* By the plain operations of a directory, without the model. */
static int plain_write(const struct sysroot *root, const char *path, const char *text)
{
	struct sysroot plain = *root;

	plain.ops = model.fake;
	return sysroot_write(&plain, path, text);
}

static void status_put(pid_t tid, const char *cpus)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	snprintf(text, sizeof(text), "Name:\tx\nCpus_allowed_list:\t%s\n", cpus);
	put(path, text);
}

/* Without the line of @tid, and when @in with it as the last one. */
static void list_put(const char *group, pid_t tid, bool in)
{
	char path[PATH_MAX], full[PATH_MAX], line[64], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.threads", group);
	snprintf(full, sizeof(full), "%s%s", model.tree, path);
	file = fopen(full, "re");
	while (file && fgets(line, sizeof(line), file))
		if (atoi(line) > 0 && atoi(line) != tid)
			strcat(text, line);
	if (file)
		fclose(file);
	else if (!in)
		return;
	if (in)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d\n", tid);
	put(path, text);
}

/* A thread goes to the group in whose cgroup.threads it is written: it leaves the others' lists. */
static void thread_goes(const char *group, pid_t tid, bool child)
{
	static const char *const groups[] = { VCPU0, VCPU0 "/rk", VCPU1 };
	char path[PATH_MAX], text[PATH_MAX + 8];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		list_put(groups[i], tid, strcmp(group, groups[i]) == 0);
	snprintf(path, sizeof(path), "/proc/%d/cgroup", tid);
	snprintf(text, sizeof(text), "0::%s\n", group + strlen("/sys/fs/cgroup"));
	put(path, text);
	if (!model.no_affinity)
		status_put(tid, child ? "2" : "0-3");
}

static int write_effect(const struct sysroot *root, const char *path, const char *text)
{
	const char *name = strrchr(path, '/') + 1;
	char group[256], file[PATH_MAX];
	bool child;

	snprintf(group, sizeof(group), "%.*s", (int)(name - 1 - path), path);
	child = strstr(path, "/rk/");
	if (strcmp(name, "cgroup.threads") == 0) {
		thread_goes(group, atoi(text), child);
		return 0;
	}
	if (strcmp(name, "cgroup.subtree_control") == 0)
		return plain_write(root, path, text[0] == '+' ? "cpuset cpu\n" : "cpu\n");
	if (strcmp(name, "cpuset.cpus.partition") == 0) {
		snprintf(file, sizeof(file), "%s/cpuset.cpus.effective", group);
		put(file, "2\n");
		return plain_write(root, path, model.invalid ?: "root\n");
	}
	return plain_write(root, path, text);
}

static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	bool fails = model_fails();

	if (!fails || model.fail_takes) {
		int r = write_effect(root, path, text);

		if (!fails)
			return r;
	}
	return model.fail_with;
}

static int model_mkdir(const struct sysroot *root, const char *path)
{
	bool fails = model_fails();
	char probe[PATH_MAX];

	snprintf(probe, sizeof(probe), "%s%s", model.tree, path);
	if (access(probe, F_OK) == 0)
		return -EEXIST;
	if (!fails || model.fail_takes)
		group_put(path, "domain invalid\n");
	return fails ? model.fail_with : 0;
}

static int model_rmdir(const struct sysroot *root, const char *path)
{
	bool fails = model_fails();
	char full[PATH_MAX];

	if (fails && !model.fail_takes)
		return model.fail_with;
	snprintf(full, sizeof(full), "%s%s", model.tree, path);
	(void)nftw(full, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return fails ? model.fail_with : 0;
}

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	*ret = model.now[tid - 10];
	return 0;
}

static int model_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	if (model.refuse_deadline && tid == 12 && state->policy == SCHED_DEADLINE)
		return -EBUSY;
	model.now[tid - 10] = *state;
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	return model.fake->affinity_get(root, tid, ret);
}

/* Field 22 is the start time, 39 the CPU. */
static void stat_put(pid_t tid, unsigned int cpu)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	snprintf(text, sizeof(text), "%d (CPU 0/KVM) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %u 0 0\n",
		 tid, 1000 + tid, cpu);
	put(path, text);
}

static int model_wake(const struct sysroot *root, pid_t tid)
{
	if (++model.woken == model.wakes_at)
		stat_put(tid, 2);
	return 0;
}

static const struct sysroot_ops model_ops = {
	model_get, model_set, model_affinity_get, NULL, model_wake, model_write, model_mkdir, model_rmdir,
};

static void thread_put(pid_t tid)
{
	char path[64];

	stat_put(tid, 2);
	snprintf(path, sizeof(path), "/proc/%d/cgroup", tid);
	put(path, tid == 11 ? "0::/machine.slice/m.scope/libvirt/vcpu0\n" : "0::/machine.slice/m.scope/libvirt/vcpu1\n");
	status_put(tid, "0-3");
}

static void host_make(void)
{
	const struct sysroot_ops *fake = model.fake;

	free(tree_free(model.tree));
	memset(&model, 0, sizeof(model));
	model.fake = fake;
	model.tree = tree_new();
	put("/sys/fs/cgroup/cpuset.cpus.effective", "0-3\n");
	group_put("/sys/fs/cgroup/machine.slice", "domain\n");
	group_put("/sys/fs/cgroup/machine.slice/m.scope", "domain\n");
	group_put(LIBVIRT, "domain threaded\n");
	group_put(LIBVIRT "/vcpu1", "threaded\n");
	group_put(VCPU0, "threaded\n");
	put(VCPU0 "/cgroup.subtree_control", "cpu\n");
	put(VCPU0 "/cgroup.threads", "11\n");
	put(VCPU1 "/cgroup.threads", "12\n");
	thread_put(11);
	thread_put(12);
}

/* All files as one text, by name. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void text_add(char **text, const char *path, const char *what)
{
	char *longer = NULL;

	tree_must(asprintf(&longer, "%s%s=%s\n", *text, path, what) >= 0, "asprintf");
	free(*text);
	*text = longer;
}

static void directory_add(char **text, const struct sysroot *root, const char *path)
{
	struct dirent **entries = NULL;
	char full[PATH_MAX];
	int n;

	snprintf(full, sizeof(full), "%s%s", model.tree, path);
	n = scandir(full, &entries, not_dots, by_name);
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *value = NULL;
		char below[PATH_MAX];

		snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_type == DT_DIR) {
			text_add(text, below, "directory");
			directory_add(text, root, below);
		} else if (sysroot_read(root, below, &value) >= 0) {
			text_add(text, below, value);
		}
		free(entries[i]);
	}
	free(entries);
}

static char *everything(const struct sysroot *root)
{
	char *text = strdup("");

	directory_add(&text, root, "/sys");
	directory_add(&text, root, "/proc");
	return text;
}

static struct step step_make(bool make, uint64_t kept)
{
	return (struct step){
		.kind = STEP_PARTITION, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .make = make,
		.whole = true, .cgroup = (char *)VCPU0, .cpu = 2, .kept = kept,
	};
}

/* Thread 12 shares it. */
static struct step step_share(bool make, bool whole)
{
	return (struct step){
		.kind = STEP_PARTITION, .tid = 12, .start_ticks = 1012, .label = (char *)"vcpu1 of d", .make = make, .whole = whole,
		.cgroup = (char *)VCPU0, .home = (char *)VCPU1, .cpu = 2,
	};
}

static struct sysroot *root_make(void)
{
	struct sysroot *root = NULL;

	host_make();
	tree_must(sysroot_new(&root, model.tree) == 0, model.tree);
	model.fake = root->ops;
	root->ops = &model_ops;
	return root;
}

static void test_whole(void)
{
	struct step make = step_make(true, 0), remove = step_make(false, 0);
	_cleanup_(freep) char *before = NULL, *after = NULL, *again = NULL;
	struct plan makes = { &make, 1 }, removes = { &remove, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make();
	enum step_look look;

	CASE("made");
	before = everything(root);
	EXPECT_INT(apply_cpuset_look(root, &make, &look, NULL), 0);
	EXPECT_INT(look, STEP_OLD);
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	after = everything(root);
	EXPECT(strstr(after, VCPU0 "/rk/cpuset.cpus.partition=root\n"));
	EXPECT(strstr(after, VCPU0 "/rk/cgroup.type=threaded\n"));
	EXPECT(strstr(after, VCPU0 "/rk/cgroup.threads=11\n"));
	EXPECT(strstr(after, "/sys/fs/cgroup/machine.slice/cpuset.cpus.exclusive=2\n"));
	EXPECT(strstr(after, LIBVIRT "/cpuset.cpus.exclusive=2\n"));
	EXPECT(strstr(after, LIBVIRT "/vcpu1/cpuset.cpus.exclusive=\n"));
	EXPECT_INT(apply_cpuset_look(root, &make, &look, NULL), 0);
	EXPECT_INT(look, STEP_NEW);
	CASE("removed");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	again = everything(root);
	EXPECT_STR(again, before);
	CASE("removed twice");
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	CASE("the domain is gone with its groups");
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_INT(model_rmdir(root, "/sys/fs/cgroup/machine.slice/m.scope"), 0);
	EXPECT_INT(model_rmdir(root, "/proc/11"), 0);
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	free(again);
	again = everything(root);
	EXPECT(strstr(again, "/sys/fs/cgroup/machine.slice/cpuset.cpus.exclusive=\n"));
}

/* What others have in the lists stays there. */
static void test_kept(void)
{
	uint64_t kept = PARTITION_KEPT_LEVEL(3) | PARTITION_KEPT_CONTROL;	/* "/sys", "fs", "cgroup", "machine.slice" */
	struct step make = step_make(true, kept), remove = step_make(false, kept);
	_cleanup_(freep) char *before = NULL, *after = NULL;
	struct plan makes = { &make, 1 }, removes = { &remove, 1 };
	_cleanup_(sysroot_freep) struct sysroot *root = root_make();

	CASE("what was there before");
	put("/sys/fs/cgroup/machine.slice/cpuset.cpus.exclusive", "1-2\n");
	put(LIBVIRT "/cpuset.cpus.exclusive", "1\n");
	put(VCPU0 "/cgroup.subtree_control", "cpuset cpu\n");
	before = everything(root);
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	after = everything(root);
	EXPECT_STR(after, before);
}

/* Each change fails once, with each errno, undone or done: all as before, and the message says so. */
static void test_fail(void)
{
	static const int errors[] = { -EINVAL, -EBUSY, -ENOSPC };
	unsigned int failed = 0;

	for (size_t e = 0; e < 2 * ARRAY_SIZE(errors); e++) {
		for (unsigned int at = 1; at <= 12; at++) {
			_cleanup_(freep) char *before = NULL, *after = NULL;
			_cleanup_(vr_error_freep) struct vr_error *err = NULL;
			_cleanup_(sysroot_freep) struct sysroot *root = root_make();
			struct step make = step_make(true, 0);
			struct plan plan = { &make, 1 };
			char name[64];
			int r;

			snprintf(name, sizeof(name), "change %u fails with %d%s", at, errors[e / 2], e % 2 ? ", but is done" : "");
			CASE(name);
			before = everything(root);
			model.fail_at = at;
			model.fail_with = errors[e / 2];
			model.fail_takes = e % 2;
			r = apply_plan(root, &plan, &err);
			if (r == 0)
				continue;
			failed++;
			after = everything(root);
			EXPECT_STR(after, before);
			EXPECT(err && err->text && strstr(err->text, "vcpu0 of d") && !strchr(err->text, '\n'));
			EXPECT(err && err->text && !strstr(err->text, "former state"));
		}
	}
	CASE("how many changes there are");	/* mkdir, type, control, five lists, partition, threads */
	EXPECT_INT(failed, 10 * 2 * ARRAY_SIZE(errors));
}

/* One answer that it is gone is not believed: else the CPU would be lost, and nobody would know. */
static void test_gone_once(void)
{
	static const int errors[] = { -ENOENT, -ENODEV };
	unsigned int at, e;

	for (at = 1; at <= 10; at++) {
		for (e = 0; e < ARRAY_SIZE(errors); e++) {
			struct step make = step_make(true, 0), remove = step_make(false, 0);
			struct plan makes = { &make, 1 }, removes = { &remove, 1 };
			_cleanup_(freep) char *before = NULL, *after = NULL;
			_cleanup_(sysroot_freep) struct sysroot *root = root_make();
			char name[64];

			snprintf(name, sizeof(name), "change %u of a removal says once: %s", at, strerror(-errors[e]));
			CASE(name);
			before = everything(root);
			EXPECT_INT(apply_plan(root, &makes, NULL), 0);
			model.fail_at = model.calls + at;
			model.fail_with = errors[e];
			EXPECT_INT(apply_plan(root, &removes, NULL), 0);
			after = everything(root);
			EXPECT_STR(after, before);
		}
	}
}

/* A dead daemon has left it after any change: looking and undoing brings all back. */
static void test_undo(void)
{
	for (unsigned int at = 1; at <= 11; at++) {
		_cleanup_(freep) char *before = NULL, *after = NULL;
		_cleanup_(sysroot_freep) struct sysroot *root = root_make();
		struct step make = step_make(true, 0);
		struct plan plan = { &make, 1 };
		struct step_done done;
		size_t foreign = 0;
		char name[64];

		snprintf(name, sizeof(name), "died before change %u", at);
		CASE(name);
		before = everything(root);
		model.fail_at = at;
		model.fail_with = -EINTR;
		(void)apply_cpuset(root, &make, &done, NULL);
		model.fail_at = 0;
		EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
		after = everything(root);
		EXPECT_STR(after, before);
		EXPECT_INT(foreign, 0);
	}
}

static void test_answers(void)
{
	static const struct {
		const char *name;
		const char *file, *text;	/* written before */
		const char *invalid;
		bool no_affinity;
		int fail_at, fail_with;
		int r;
		enum vr_reason reason;
		const char *words;
	} cases[] = {
		{ "invalid", NULL, NULL, "root invalid (Cpu list in cpuset.cpus not exclusive)\n", false, 0, 0, -EIO, VR_READ_BACK,
		  "the kernel does not set CPU 2 apart for vcpu0 of d: \"root invalid (Cpu list in cpuset.cpus not exclusive)\"" },
		{ "the thread does not go there", NULL, NULL, NULL, true, 0, 0, -EIO, VR_READ_BACK, "is not there" },
		{ "moved by somebody", "/proc/11/cgroup", "0::/user.slice\n", NULL, false, 0, 0, -ESTALE, VR_READ_BACK,
		  "somebody has moved it" },
		{ "ended", "/proc/11/stat", "11 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 77 0 0\n", NULL, false, 0, 0, -ESRCH,
		  VR_THREAD_GONE, "has ended" },
		{ "a group of that name", VCPU0 "/rk/x", "", NULL, false, 0, 0, -EEXIST, VR_FAILED, "File exists" },
		{ "a sibling has this CPU only", LIBVIRT "/vcpu1/cpuset.cpus", "2\n", NULL, false, 7, -EINVAL, -EBUSY, VR_BAD_CPU,
		  "it is the only CPU of " LIBVIRT "/vcpu1, or exclusive to it" },
		{ "a sibling has it exclusively", LIBVIRT "/vcpu1/cpuset.cpus.exclusive", "1-2\n", NULL, false, 7, -EINVAL, -EBUSY,
		  VR_BAD_CPU, "exclusive to it" },
		{ "refused for no reason that is seen", NULL, NULL, NULL, false, 7, -EINVAL, -EINVAL, VR_FAILED, "Invalid argument" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *before = NULL, *after = NULL;
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(sysroot_freep) struct sysroot *root = root_make();
		struct step make = step_make(true, 0);
		struct plan plan = { &make, 1 };

		CASE(cases[i].name);
		if (cases[i].file)
			put(cases[i].file, cases[i].text);
		before = everything(root);
		model.invalid = cases[i].invalid;
		model.no_affinity = cases[i].no_affinity;
		model.fail_at = (unsigned int)cases[i].fail_at;
		model.fail_with = cases[i].fail_with;
		EXPECT_INT(apply_plan(root, &plan, &err), cases[i].r);
		EXPECT(err && err->reason == cases[i].reason && strstr(err->text, cases[i].words));
		after = everything(root);
		EXPECT_STR(after, before);
	}
}

/* A thread that sleeps elsewhere is woken; one that cannot be, goes back. */
static void test_sleeper(void)
{
	struct step make = step_make(true, 0);
	struct plan plan = { &make, 1 };

	for (unsigned int at = 0; at <= 2; at++) {
		_cleanup_(freep) char *before = NULL, *after = NULL;
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(sysroot_freep) struct sysroot *root = root_make();

		CASE(at ? "it wakes" : "it does not wake");
		stat_put(11, 0);
		model.wakes_at = at;
		before = everything(root);
		EXPECT_INT(apply_plan(root, &plan, &err), at ? 0 : -EBUSY);
		EXPECT(at ? model.woken == at && !err : model.woken > 2 && err && err->reason == VR_BAD_CPU &&
		       strstr(err->text, "try again when its guest runs"));
		after = everything(root);
		EXPECT(at || strcmp(before, after) == 0);
	}
}

/* Two threads, of which the second is refused by the scheduler: the first one's CPU goes back, too, but not before it has rested. */
static void test_plan(void)
{
	const struct sched_state other = { .policy = SCHED_OTHER }, small = { SCHED_DEADLINE, 1, 0, 0, MS, MS, MS };
	struct step steps[] = {
		step_make(true, 0),
		{ .kind = STEP_SCHED, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .old = other, .new = small },
		{ .kind = STEP_SCHED, .tid = 12, .start_ticks = 1012, .label = (char *)"vcpu1 of d", .old = other, .new = small },
	};
	struct step remove = step_make(false, 0);
	struct plan plan = { steps, ARRAY_SIZE(steps) }, removes = { &remove, 1 };
	_cleanup_(freep) char *before = NULL, *after = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(sysroot_freep) struct sysroot *root = root_make();

	CASE("the last step of three fails");
	before = everything(root);
	model.refuse_deadline = true;
	EXPECT_INT(apply_plan(root, &plan, &err), -EBUSY);
	EXPECT(err && err->reason == VR_KERNEL_BUSY);
	EXPECT_INT(model.now[1].policy, SCHED_OTHER);
	EXPECT(steps[0].stays && !steps[1].stays && !steps[2].stays);
	after = everything(root);
	EXPECT(strcmp(after, before) != 0);
	free(TAKE_PTR(after));
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	after = everything(root);
	EXPECT_STR(after, before);
	free(TAKE_PTR(after));

	CASE("the scheduler refuses the first one: there is nothing to wait for");
	plan.n = 2;
	steps[1].tid = 12;
	steps[1].start_ticks = 1012;
	EXPECT_INT(apply_plan(root, &plan, NULL), -EBUSY);
	EXPECT(!steps[0].stays);
	after = everything(root);
	EXPECT_STR(after, before);
	free(TAKE_PTR(after));

	CASE("a daemon died when all was done: the CPU stays");
	steps[1].tid = 11;
	steps[1].start_ticks = 1011;
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);
	EXPECT(steps[0].stays);
	EXPECT_INT(model.now[1].policy, SCHED_OTHER);
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	after = everything(root);
	EXPECT_STR(after, before);
	free(TAKE_PTR(after));

	CASE("a daemon died before anything was done: there is nothing that could stay");
	EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);
	EXPECT(!steps[0].stays);
}

/* Two threads of one domain on the CPU: who comes and goes second leaves the partition alone, whoever it is. */
static void test_share(void)
{
	struct step make = step_make(true, 0), remove = step_make(false, 0), comes = step_share(true, false);
	struct step goes = step_share(false, false), last = step_share(false, true);
	_cleanup_(freep) char *before = NULL, *one = NULL, *two = NULL, *again = NULL;
	_cleanup_(sysroot_freep) struct sysroot *root = root_make();
	struct plan makes = { &make, 1 }, removes = { &remove, 1 }, come = { &comes, 1 }, go = { &goes, 1 }, end = { &last, 1 };
	enum step_look look;

	CASE("a second one comes");
	before = everything(root);
	EXPECT_INT(apply_plan(root, &makes, NULL), 0);
	one = everything(root);
	EXPECT_INT(apply_cpuset_look(root, &comes, &look, NULL), 0);
	EXPECT_INT(look, STEP_OLD);
	EXPECT_INT(apply_plan(root, &come, NULL), 0);
	EXPECT_INT(apply_cpuset_look(root, &comes, &look, NULL), 0);
	EXPECT_INT(look, STEP_NEW);
	two = everything(root);
	EXPECT(strstr(two, VCPU0 "/rk/cgroup.threads=11\n12\n"));
	EXPECT(strstr(two, VCPU1 "/cgroup.threads=\n"));
	CASE("and goes");
	EXPECT_INT(apply_plan(root, &go, NULL), 0);
	again = everything(root);
	EXPECT_STR(again, one);
	CASE("undone, when a daemon died behind it");
	EXPECT_INT(apply_plan(root, &come, NULL), 0);
	EXPECT_INT(apply_undo(root, &come, NULL, NULL), 0);
	free(again);
	again = everything(root);
	EXPECT_STR(again, one);
	CASE("the first one goes, and then the second, with the partition");
	EXPECT_INT(apply_plan(root, &come, NULL), 0);
	remove.whole = false;
	EXPECT_INT(apply_plan(root, &removes, NULL), 0);
	free(two);
	two = everything(root);
	EXPECT(strstr(two, VCPU0 "/rk/cgroup.threads=12\n") && strstr(two, VCPU0 "/cgroup.threads=11\n"));
	EXPECT_INT(apply_plan(root, &end, NULL), 0);
	free(again);
	again = everything(root);
	EXPECT_STR(again, before);
}

/* Each change of the second one fails: it is where it was, the first one where it is. */
static void test_share_fail(void)
{
	static const struct {
		const char *name;
		const char *state;	/* of the partition before */
		const char *group;	/* of thread 12 before */
		unsigned int fail_at;
		bool takes;
		int r;
		const char *words;
	} cases[] = {
		{ "not a partition any more", "root invalid (x)\n", NULL, 0, false, -EIO, "vcpu1 of d cannot share it: \"root invalid (x)\"" },
		{ "moved by somebody", "root\n", "0::/user.slice\n", 0, false, -ESTALE, "somebody has moved it" },
		{ "the kernel does not take it", "root\n", NULL, 1, false, -EBUSY, "cgroup.threads" },
		{ "the kernel takes it and says no", "root\n", NULL, 1, true, -EBUSY, "cgroup.threads" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *before = NULL, *after = NULL;
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(sysroot_freep) struct sysroot *root = root_make();
		struct step make = step_make(true, 0), comes = step_share(true, false);
		struct plan makes = { &make, 1 }, come = { &comes, 1 };

		CASE(cases[i].name);
		EXPECT_INT(apply_plan(root, &makes, NULL), 0);
		put(VCPU0 "/rk/cpuset.cpus.partition", cases[i].state);
		if (cases[i].group)
			put("/proc/12/cgroup", cases[i].group);
		before = everything(root);
		model.calls = 0;
		model.fail_at = cases[i].fail_at;
		model.fail_with = -EBUSY;
		model.fail_takes = cases[i].takes;
		EXPECT_INT(apply_plan(root, &come, &err), cases[i].r);
		EXPECT(err && strstr(err->text, cases[i].words) && !strchr(err->text, '\n'));
		after = everything(root);
		EXPECT_STR(after, before);
	}
}

int main(void)
{
	test_share();
	test_share_fail();
	test_whole();
	test_kept();
	test_fail();
	test_gone_once();
	test_undo();
	test_answers();
	test_sleeper();
	test_plan();
	free(tree_free(model.tree));
	return expect_result();
}
