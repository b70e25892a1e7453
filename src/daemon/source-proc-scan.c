/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads /proc: which processes are QEMUs that run a machine, which threads they have, which kernel threads serve them.
 *
 * The kernel starts helpers for a machine: vhost-PID, kvm-pit/PID, kvm-nx-lpage-recovery-PID. Newer kernels start the
 * first (6.4) and the last (6.12) of them inside the process, older ones as kernel threads proper, children of kthreadd
 * with the owner's PID in the name alone. Anybody can take such a name, so the parent is looked at.
 *
 * Used by source-proc. All files are read through the sysroot, so all of this runs against a directory. Threads come and
 * go while it reads: one that is gone is left out.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "source-proc-scan.h"
#include "sysroot.h"

#define KTHREADD 2

void proc_threads_done(struct proc_threads *threads)
{
	free(threads->v);
	*threads = (struct proc_threads){ 0 };
}

void proc_helpers_done(struct proc_helpers *helpers)
{
	free(helpers->v);
	*helpers = (struct proc_helpers){ 0 };
}

bool proc_number_parse(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;
	const char *p;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > max)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

static int gone(int r)
{
	return r == -ENOENT ? -ESRCH : r;
}

static int read_comm(const struct sysroot *root, pid_t pid, pid_t tid, char ret[32])
{
	_cleanup_(freep) char *comm = NULL;
	int r;

	if (tid)
		r = sysroot_readf(root, &comm, "/proc/%d/task/%d/comm", pid, tid);
	else
		r = sysroot_readf(root, &comm, "/proc/%d/comm", pid);
	if (r < 0)
		return gone(r);
	snprintf(ret, 32, "%s", comm);
	return 0;
}

int proc_identify(const struct sysroot *root, pid_t pid, struct cmdline *ret)
{
	_cleanup_(freep) char *program = NULL, *text = NULL;
	char path[64], comm[32] = "";
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	r = sysroot_readlink(root, path, &program);
	if (r < 0) {
		/* a kernel thread has none, and not everybody may read it; the name then has to do */
		r = read_comm(root, pid, 0, comm);
		if (r < 0)
			return r;
	}
	if (!cmdline_is_qemu(program ?: comm))
		return -ENODATA;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	r = sysroot_read_bytes(root, path, &text, &size);
	if (r < 0)
		return gone(r);
	if (size == 0)
		return -ECHILD;
	return cmdline_parse(ret, text, size);
}

static int pid_compare(const void *pa, const void *pb)
{
	const pid_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* Directory entries that are numbers, sorted. */
static int list_numbers(const struct sysroot *root, const char *path, pid_t **ret, size_t *ret_n)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_(freep) pid_t *list = NULL;
	size_t n = 0, room = 0;
	struct dirent *entry;
	int r;

	r = sysroot_opendir(root, path, &dir);
	if (r < 0)
		return r;
	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		uint32_t number;
		pid_t *p;

		if (!proc_number_parse(entry->d_name, INT_MAX, &number))
			continue;
		if (n == room) {
			room = room ? room * 2 : 64;
			p = reallocarray(list, room, sizeof(*list));
			if (!p)
				return -ENOMEM;
			list = p;
		}
		list[n++] = (pid_t)number;
	}
	if (errno)
		return -errno;
	if (n)
		qsort(list, n, sizeof(*list), pid_compare);
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

int proc_list(const struct sysroot *root, pid_t **ret, size_t *ret_n)
{
	return list_numbers(root, "/proc", ret, ret_n);
}

int proc_read_threads(const struct sysroot *root, pid_t pid, struct proc_threads *ret)
{
	_cleanup_(proc_threads_done) struct proc_threads threads = { 0 };
	_cleanup_(freep) pid_t *tids = NULL;
	char path[64];
	size_t i, n;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	r = list_numbers(root, path, &tids, &n);
	if (r < 0)
		return gone(r);
	threads.v = calloc(n ?: 1, sizeof(*threads.v));
	if (!threads.v)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct proc_thread *thread = &threads.v[threads.n];

		r = read_comm(root, pid, tids[i], thread->comm);
		if (r == 0)
			r = sysroot_start_ticks(root, tids[i], &thread->start_ticks);
		if (r == -ESRCH)
			continue;
		if (r < 0)
			return r;
		thread->tid = tids[i];
		threads.n++;
	}
	/* the main thread is there as long as the process is, if only as a zombie */
	if (!proc_threads_find(&threads, pid))
		return -ESRCH;
	*ret = TAKE_GENERIC(threads, struct proc_threads, (struct proc_threads){ 0 });
	return 0;
}

const struct proc_thread *proc_threads_find(const struct proc_threads *threads, pid_t tid)
{
	size_t low = 0, high = threads->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (threads->v[middle].tid == tid)
			return &threads->v[middle];
		if (threads->v[middle].tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* "vhost-12", "kvm-pit/12", "kvm-nx-lpage-recovery-12" */
static bool helper_name_parse(const char *comm, enum vm_thread_kind *ret_kind, pid_t *ret_owner)
{
	static const struct {
		const char *prefix;
		enum vm_thread_kind kind;
	} names[] = {
		{ "vhost-", VM_THREAD_VHOST },
		{ "kvm-pit/", VM_THREAD_KVM_PIT },
		{ "kvm-nx-lpage-recovery-", VM_THREAD_KVM_NX },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i].prefix);
		uint32_t owner;

		if (strncmp(comm, names[i].prefix, length) != 0 || !proc_number_parse(comm + length, INT_MAX, &owner))
			continue;
		*ret_kind = names[i].kind;
		*ret_owner = (pid_t)owner;
		return true;
	}
	return false;
}

static bool is_kernel_thread(const struct sysroot *root, pid_t pid)
{
	_cleanup_(freep) char *stat = NULL;
	const char *rest;
	int parent;

	if (sysroot_readf(root, &stat, "/proc/%d/stat", pid) < 0)
		return false;
	rest = strrchr(stat, ')');
	return rest && sscanf(rest + 1, " %*c %d", &parent) == 1 && parent == KTHREADD;
}

/* Kernel threads are kthreadd's children: one file lists them. Without it all processes are candidates. */
static int list_kernel_threads(const struct sysroot *root, pid_t **ret, size_t *ret_n)
{
	_cleanup_(freep) char *children = NULL;
	_cleanup_(freep) pid_t *list = NULL;
	char *p, *token, *state = NULL;
	uint32_t number;
	size_t n = 0;

	if (sysroot_readf(root, &children, "/proc/%d/task/%d/children", KTHREADD, KTHREADD) < 0)
		return proc_list(root, ret, ret_n);
	list = calloc(strlen(children) / 2 + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (p = children; (token = strtok_r(p, " \n", &state)) != NULL; p = NULL)
		if (proc_number_parse(token, INT_MAX, &number))
			list[n++] = (pid_t)number;
	if (n)
		qsort(list, n, sizeof(*list), pid_compare);
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

int proc_read_helpers(const struct sysroot *root, struct proc_helpers *ret)
{
	_cleanup_(proc_helpers_done) struct proc_helpers helpers = { 0 };
	_cleanup_(freep) pid_t *pids = NULL;
	size_t i, n;
	int r;

	r = list_kernel_threads(root, &pids, &n);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		struct proc_helper helper = { .thread.tid = pids[i] }, *v;

		if (read_comm(root, pids[i], 0, helper.thread.comm) < 0 ||
		    !helper_name_parse(helper.thread.comm, &helper.kind, &helper.owner) ||
		    !is_kernel_thread(root, pids[i]) ||
		    sysroot_start_ticks(root, pids[i], &helper.thread.start_ticks) < 0)
			continue;
		v = reallocarray(helpers.v, helpers.n + 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		helpers.v = v;
		helpers.v[helpers.n++] = helper;
	}
	*ret = TAKE_GENERIC(helpers, struct proc_helpers, (struct proc_helpers){ 0 });
	return 0;
}
