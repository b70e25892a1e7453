/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups of the cache and their domains: what has served or was left half made is removed, what serves stays, and what is not ours is
 * never touched. A manager over a resctrl file system made of files.
 */
#include <limits.h>

#include "fake-proc.h"
#include "manager-private.h"

#define FS "/sys/fs/resctrl"

static char *tree;
static unsigned int removed;

static void put(const char *path, const char *text)
{
	tree_file(tree, path + 1, text);
}

static void group_make(const char *name, const char *tasks)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), FS "/%s/schemata", name);
	put(path, "L3:0=f0\n");
	snprintf(path, sizeof(path), FS "/%s/tasks", name);
	put(path, tasks);
}

/* The kernel removes a group with the files in it. */
static int model_rmdir(const struct sysroot *root, const char *path)
{
	_cleanup_(tree_freep) char *whole = tree_path(tree, path + 1);

	removed++;
	return whole ? 0 : -ENOMEM;
}

/* A thread goes into the group: the kernel adds it to the list. */
static int model_write(const struct sysroot *root, const char *path, const char *text)
{
	struct sysroot_ops ops = *root->ops;
	struct sysroot plain = *root;
	_cleanup_(freep) char *before = NULL, *all = NULL;

	ops.write = NULL;
	plain.ops = &ops;
	if (strcmp(strrchr(path, '/'), "/tasks") != 0)
		return sysroot_write(&plain, path, text);
	if (sysroot_read(&plain, path, &before) < 0 || asprintf(&all, "%s\n%s", before, text) < 0)
		return -EIO;
	return sysroot_write(&plain, path, all);
}

static void domain_make(struct manager *m, const char *name, pid_t pid)
{
	enum vm_change change;
	struct vm *vm, *there;

	fake_process(tree, pid, "/usr/bin/qemu-system-x86_64", "qemu-system-x86", "qemu\0", 5);
	fake_thread(tree, pid, pid + 1, "CPU 0/KVM", 1000 + (unsigned long)pid);
	tree_must(vm_new(&vm, name, pid) >= 0, "vm_new");
	tree_must(vm_add_thread(vm, VM_THREAD_EMULATOR, 0, pid, 1000, "qemu-system-x86") >= 0, "vm_add_thread");
	tree_must(vm_add_thread(vm, VM_THREAD_VCPU, 0, pid + 1, 1000 + (uint64_t)pid, "CPU 0/KVM") >= 0, "vm_add_thread");
	tree_must(vm_table_merge(&m->vms, vm, &change, &there) >= 0, "vm_table_merge");
}

static bool is_there(const struct manager *m, const char *group)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), FS "/%s", group);
	return sysroot_exists(m->root, path);
}

static void test_sweep(struct manager *m)
{
	put(FS "/schemata", "L3:0=f\n");
	put(FS "/tasks", "1\n");
	put(FS "/info/L3/cbm_mask", "fff\n");
	put(FS "/info/L3/num_closids", "8\n");
	group_make("virtrk-rt", "100\n101\n");
	group_make("virtrk-half", "200\n");
	group_make("virtrk-gone", "");
	group_make("virtrk-lost", "900\n");
	group_make("qemu-1-other", "");
	domain_make(m, "rt", 100);
	domain_make(m, "half", 200);

	CASE("a daemon that writes nothing");
	m->options.dry_run = true;
	manager_cache_sweep(m, true);
	EXPECT_INT(removed, 0);
	m->options.dry_run = false;
	CASE("a domain has ended");
	manager_cache_sweep(m, false);
	EXPECT_INT(removed, 1);
	EXPECT(!is_there(m, "virtrk-gone"));
	CASE("at the start: what was left half made, and whose domain nobody knows");
	manager_cache_sweep(m, true);
	EXPECT_INT(removed, 3);
	EXPECT(!is_there(m, "virtrk-half") && !is_there(m, "virtrk-lost"));
	EXPECT(is_there(m, "virtrk-rt") && is_there(m, "qemu-1-other"));
	manager_cache_sweep(m, true);
	EXPECT_INT(removed, 3);
}

static void test_threads(struct manager *m)
{
	const struct vm *rt = vm_table_by_name(&m->vms, "rt");
	_cleanup_(freep) char *tasks = NULL;

	CASE("a thread that is new comes into the group");
	put(FS "/virtrk-rt/tasks", "100\n");
	manager_cache_threads(m, rt);
	EXPECT_INT(sysroot_read(m->root, FS "/virtrk-rt/tasks", &tasks), 0);
	EXPECT(tasks && strstr(tasks, "101"));
	CASE("given back");
	EXPECT_INT(manager_cache_release(m, "rt", NULL), 0);
	EXPECT(!is_there(m, "virtrk-rt"));
	EXPECT_INT(manager_cache_release(m, "rt", NULL), -ENOENT);
	EXPECT_INT(manager_cache_release(m, "nobody", NULL), -ENXIO);
}

static void lines_expect(const struct manager *m, const char *group, const char *expected)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), FS "/%s/schemata", group);
	EXPECT_INT(sysroot_read(m->root, path, &text), 0);
	EXPECT(text && strcmp(text, expected) == 0);
}

/* What the kernel makes of a new directory. */
static int model_mkdir(const struct sysroot *root, const char *path)
{
	group_make(strrchr(path, '/') + 1, "");
	return 0;
}

/* All other tasks have ways 0-3 of 12. */
static void test_reserve(struct manager *m)
{
	_cleanup_(vr_error_freep) struct vr_error *full = NULL, *many = NULL;
	_cleanup_(freep) char *lines = NULL, *other = NULL, *tasks = NULL;

	tree_must(sysroot_rmdir(m->root, FS "/qemu-1-other") == 0, "rmdir");
	CASE("would they fit?");
	EXPECT_INT(manager_cache_check(m, "rt", 8, NULL), 0);
	EXPECT(!is_there(m, "virtrk-rt"));
	EXPECT_INT(manager_cache_check(m, "one that does not run", 8, NULL), 0);
	EXPECT_INT(manager_cache_check(m, "rt", 9, &full), -EDQUOT);
	EXPECT(full && strstr(full->text, "the most that nobody has is 8"));
	EXPECT_INT(manager_cache_check(m, "rt", 13, &many), -EINVAL);
	EXPECT(many && many->reason == VR_UNSUPPORTED);
	CASE("taken: the lowest that are free, and all threads are there");
	EXPECT_INT(manager_cache_reserve(m, "rt", 4, 0, &lines, NULL), 0);
	lines_expect(m, "virtrk-rt", "L3:0=f0");
	EXPECT_INT(sysroot_read(m->root, FS "/virtrk-rt/tasks", &tasks), 0);
	EXPECT(tasks && strstr(tasks, "100") && strstr(tasks, "101"));
	CASE("what another has is not free");
	EXPECT_INT(manager_cache_reserve(m, "half", 5, 0, &other, NULL), -EDQUOT);
	EXPECT(!is_there(m, "virtrk-half"));
	EXPECT_INT(manager_cache_reserve(m, "half", 4, 0, &other, NULL), 0);
	lines_expect(m, "virtrk-half", "L3:0=f00");
	CASE("given back");
	EXPECT_INT(manager_cache_release(m, "half", NULL), 0);
	EXPECT_INT(manager_cache_release(m, "rt", NULL), 0);
}

/* A write of schemata that the hardware does not take; a thread that does not come into the group. */
static const char *failing;

static int model_write_fails(const struct sysroot *root, const char *path, const char *text)
{
	return strcmp(strrchr(path, '/'), failing) == 0 ? -EIO : model_write(root, path, text);
}

static void test_undo(struct manager *m, struct sysroot_ops *ops)
{
	static const char *const files[] = { "/schemata", "/tasks" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(freep) char *lines = NULL;

		CASE("refused by the kernel: nothing stays");
		failing = files[i];
		ops->write = model_write_fails;
		EXPECT(manager_cache_reserve(m, "rt", 4, 0, &lines, &err) < 0);
		EXPECT(err && err->text);
		EXPECT(!is_there(m, "virtrk-rt"));
		ops->write = model_write;
	}
}

/* What a domain's metadata ask for. */
static void test_follow(struct manager *m)
{
	_cleanup_(vr_error_freep) struct vr_error *full = NULL;

	CASE("a daemon that writes nothing");
	m->options.dry_run = true;
	EXPECT_INT(manager_cache_follow(m, "rt", true, 0, 4, NULL), 0);
	EXPECT(!is_there(m, "virtrk-rt"));
	m->options.dry_run = false;
	CASE("it starts");
	EXPECT_INT(manager_cache_follow(m, "rt", true, 0, 4, NULL), 0);
	lines_expect(m, "virtrk-rt", "L3:0=f0");
	CASE("told again");
	EXPECT_INT(manager_cache_follow(m, "rt", false, 4, 4, NULL), 0);
	lines_expect(m, "virtrk-rt", "L3:0=f0");
	CASE("a daemon that is started anew leaves what there is");
	EXPECT_INT(manager_cache_follow(m, "rt", true, 0, 2, NULL), 0);
	lines_expect(m, "virtrk-rt", "L3:0=f0");
	CASE("changed");
	EXPECT_INT(manager_cache_follow(m, "rt", false, 4, 2, NULL), 0);
	lines_expect(m, "virtrk-rt", "L3:0=30");
	CASE("changed to what there is not: as before");
	EXPECT_INT(manager_cache_follow(m, "rt", false, 2, 9, &full), -EDQUOT);
	EXPECT(full && strstr(full->text, "the most that nobody has is 8"));
	lines_expect(m, "virtrk-rt", "L3:0=30");
	CASE("no longer asked for, but somebody has given it others since");
	EXPECT_INT(manager_cache_follow(m, "rt", false, 4, 0, NULL), 0);
	EXPECT(is_there(m, "virtrk-rt"));
	CASE("no longer asked for");
	EXPECT_INT(manager_cache_follow(m, "rt", false, 2, 0, NULL), 0);
	EXPECT(!is_there(m, "virtrk-rt"));
	EXPECT_INT(manager_cache_follow(m, "rt", false, 0, 0, NULL), 0);
}

int main(void)
{
	_cleanup_(tree_freep) char *made = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(freep) struct manager *m = calloc(1, sizeof(*m));
	struct sysroot_ops ops;

	tree = made;
	tree_must(m && sysroot_new(&root, made) == 0, made);
	ops = *root->ops;
	ops.rmdir = model_rmdir;
	ops.write = model_write;
	ops.mkdir = model_mkdir;
	root->ops = &ops;
	m->root = root;
	test_sweep(m);
	test_threads(m);
	test_reserve(m);
	test_undo(m, &ops);
	test_follow(m);
	vm_table_done(&m->vms);
	return expect_result();
}
