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
	root->ops = &ops;
	m->root = root;
	test_sweep(m);
	test_threads(m);
	vm_table_done(&m->vms);
	return expect_result();
}
