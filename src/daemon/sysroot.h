/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only door to /proc, /sys, /dev and /run, and to the scheduler's system calls. A sysroot is the real host or a
 * directory that looks like one (--root): then files come from there and no system call is made on a thread.
 */
#ifndef DAEMON_SYSROOT_H
#define DAEMON_SYSROOT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <virtrk/units.h>

#include "cleanup.h"
#include "sched-state.h"

struct sysroot;

/*
 * The system calls that change or read a thread; tests wrap them to let the n-th fail. All return 0 or -errno.
 * In a fake root nothing can be set (-ENOSYS); what can be read is told in sysroot-threads.c.
 */
struct sysroot_ops {
	int (*sched_get)(const struct sysroot *root, pid_t tid, struct sched_state *ret);
	int (*sched_set)(const struct sysroot *root, pid_t tid, const struct sched_state *state);
	int (*affinity_get)(const struct sysroot *root, pid_t tid, cpu_set_t *ret);
	int (*affinity_set)(const struct sysroot *root, pid_t tid, const cpu_set_t *set);
	int (*wake)(const struct sysroot *root, pid_t tid);	/* out of a sleep that signals end; NULL: cannot */
	/* What changes files: NULL is what sysroot_write() and the others do by themselves. */
	int (*write)(const struct sysroot *root, const char *path, const char *text);
	int (*mkdir)(const struct sysroot *root, const char *path);
	int (*rmdir)(const struct sysroot *root, const char *path);
	int (*policy_get)(const struct sysroot *root, pid_t tid);	/* the policy alone, at half the price; NULL: ask sched_get */
};

struct sysroot {
	int fd;				/* O_PATH of the root directory */
	char *path;			/* "/" for the real host */
	const struct sysroot_ops *ops;
};

int sysroot_new(struct sysroot **ret, const char *path);	/* NULL or "/" = the real host */
struct sysroot *sysroot_free(struct sysroot *root);
DEFINE_CLEANUP(struct sysroot *, sysroot_free)
bool sysroot_is_host(const struct sysroot *root);

/* Paths are absolute ("/proc/1/comm") and taken below the root. Read whole (at most 1 MiB), without the last newline. */
int sysroot_read(const struct sysroot *root, const char *path, char **ret);	/* -EBADMSG: there is a NUL in it */
int sysroot_read_bytes(const struct sysroot *root, const char *path, char **ret, size_t *ret_size);	/* as it is */
int sysroot_readf(const struct sysroot *root, char **ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int sysroot_read_u64(const struct sysroot *root, const char *path, uint64_t *ret);
int sysroot_read_i64(const struct sysroot *root, const char *path, int64_t *ret);
int sysroot_write(const struct sysroot *root, const char *path, const char *text);
int sysroot_mkdir(const struct sysroot *root, const char *path);	/* 0755 */
int sysroot_rmdir(const struct sysroot *root, const char *path);
int sysroot_open(const struct sysroot *root, const char *path, int flags);	/* fd or -errno */
int sysroot_opendir(const struct sysroot *root, const char *path, DIR **ret);
bool sysroot_exists(const struct sysroot *root, const char *path);
/* The link count of a directory: in /proc/PID/task two more than the process has threads. */
int sysroot_links(const struct sysroot *root, const char *path, uint64_t *ret);
int sysroot_readlink(const struct sysroot *root, const char *path, char **ret);

/* Of /proc/TID/stat. -ESRCH: the thread is gone; -EBADMSG: not told. */
int sysroot_thread_flags(const struct sysroot *root, pid_t tid, uint64_t *ret);	/* field 9: the kernel's PF_* */
int sysroot_start_ticks(const struct sysroot *root, pid_t tid, uint64_t *ret);	/* field 22 */
int sysroot_thread_cpu(const struct sysroot *root, pid_t tid, uint32_t *ret);	/* field 39: on which it runs, or has run last */

#endif
