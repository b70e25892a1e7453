/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes in a directory that looks like a host. */
#ifndef TEST_FAKE_PROC_H
#define TEST_FAKE_PROC_H

#include <sys/inotify.h>

#include "expect.h"

static inline void fake_stat(const char *tree, int tid, int parent, const char *comm, unsigned long start_ticks)
{
	_cleanup_(freep) char *name = NULL, *text = NULL;

	tree_must(asprintf(&name, "proc/%d/stat", tid) >= 0, "asprintf");
	tree_must(asprintf(&text, "%d (%s) S %d 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %lu 0 0 0 0 0\n", tid, comm,
			   parent, start_ticks) >= 0, "asprintf");
	tree_file(tree, name, text);
}

/* One more thread; that with tid == pid comes first. */
static inline void fake_thread(const char *tree, int pid, int tid, const char *comm, unsigned long start_ticks)
{
	_cleanup_(freep) char *name = NULL, *text = NULL;

	tree_must(asprintf(&name, "proc/%d/task/%d/comm", pid, tid) >= 0, "asprintf");
	tree_must(asprintf(&text, "%s\n", comm) >= 0, "asprintf");
	tree_file(tree, name, text);
	fake_stat(tree, tid, 1, comm, start_ticks);
}

/* @cmdline of @size bytes, with NULs; @program NULL = no link exe, as for a kernel thread or another user's. */
static inline void fake_process(const char *tree, int pid, const char *program, const char *comm, const char *cmdline,
				size_t size)
{
	_cleanup_(freep) char *name = NULL, *exe = NULL, *comm_name = NULL, *text = NULL;

	tree_must(asprintf(&name, "proc/%d/cmdline", pid) >= 0, "asprintf");
	tree_bytes(tree, name, cmdline, size);
	tree_must(asprintf(&comm_name, "proc/%d/comm", pid) >= 0 && asprintf(&text, "%s\n", comm) >= 0, "asprintf");
	tree_file(tree, comm_name, text);
	if (program) {
		tree_must(asprintf(&exe, "proc/%d/exe", pid) >= 0, "asprintf");
		tree_link(tree, exe, program);
	}
	fake_thread(tree, pid, pid, comm, 1000 + (unsigned long)pid);
}

static inline void fake_kernel_thread(const char *tree, int pid, int parent, const char *comm)
{
	char cut[16];

	snprintf(cut, sizeof(cut), "%.15s", comm);
	fake_process(tree, pid, NULL, comm, "", 0);	/* its comm file has the whole name, its stat has not */
	fake_stat(tree, pid, parent, cut, 1000 + (unsigned long)pid);
}

/* To ask whether a file is read: returns a descriptor. */
static inline int fake_watch_reads(const char *tree, const char *name)
{
	_cleanup_(freep) char *path = tree_path(tree, name);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	tree_must(fd >= 0 && inotify_add_watch(fd, path, IN_ACCESS) >= 0, path);
	return fd;
}

/* Since the last call. */
static inline bool fake_was_read(int watch)
{
	char events[4096];
	bool any = false;

	while (read(watch, events, sizeof(events)) > 0)
		any = true;
	return any;
}

static inline void fake_remove(const char *tree, const char *name)
{
	tree_free(tree_path(tree, name));
}

#endif
