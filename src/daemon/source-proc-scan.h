/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc tells about QEMU processes. */
#ifndef DAEMON_SOURCE_PROC_SCAN_H
#define DAEMON_SOURCE_PROC_SCAN_H

#include "source-cmdline.h"
#include "vm.h"

struct sysroot;

struct proc_thread {
	pid_t tid;
	uint64_t start_ticks;
	char comm[32];		/* kernel threads have longer names than others */
};

struct proc_threads {
	struct proc_thread *v;	/* sorted by tid */
	size_t n;
};

/* Kernel threads that work for a domain, outside its process: vhost-PID, kvm-pit/PID, kvm-nx-lpage-recovery-PID. */
struct proc_helper {
	struct proc_thread thread;
	enum vm_thread_kind kind;
	pid_t owner;		/* the PID in its name: that of the process, or of the thread which asked for it */
};

struct proc_helpers {
	struct proc_helper *v;	/* sorted by tid */
	size_t n;
};

void proc_threads_done(struct proc_threads *threads);
void proc_helpers_done(struct proc_helpers *helpers);

/* The thread with that id, or NULL. */
const struct proc_thread *proc_threads_find(const struct proc_threads *threads, pid_t tid);

/*
 * Is process @pid a QEMU that runs a machine? 0 with *ret; -ENODATA it is not; -ECHILD it was a QEMU, and is dead but
 * not buried yet; -ESRCH it has ended; -errno.
 */
int proc_identify(const struct sysroot *root, pid_t pid, struct cmdline *ret);
int proc_list(const struct sysroot *root, pid_t **ret, size_t *ret_n);	/* all processes */
int proc_read_threads(const struct sysroot *root, pid_t pid, struct proc_threads *ret);	/* -ESRCH it has ended */
int proc_read_helpers(const struct sysroot *root, struct proc_helpers *ret);

/* Decimal digits, all of @text, no leading zero, at most @max. */
bool proc_number_parse(const char *text, uint32_t max, uint32_t *ret);

#endif
