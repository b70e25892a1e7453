/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which thread of a domain is what: from /proc, QMP and the command line to a snapshot. Pure. */
#ifndef DAEMON_SOURCE_PROC_JUDGE_H
#define DAEMON_SOURCE_PROC_JUDGE_H

#include "source-cmdline.h"
#include "source-proc-scan.h"
#include "source-qmp.h"
#include "vm.h"

/* What QMP said about a thread; such a word counts more than the thread's name. */
struct proc_role {
	pid_t tid;
	uint64_t start_ticks;
	enum vm_thread_kind kind;		/* VM_THREAD_VCPU or VM_THREAD_IOTHREAD */
	uint32_t index;				/* of the vCPU */
	char id[VM_THREAD_NAME_MAX];		/* of the iothread */
};

struct proc_roles {
	struct proc_role *v;
	size_t n;
	bool vcpus_shared;
	bool kvm_known, kvm;
};

void proc_roles_done(struct proc_roles *roles);

/* -ESTALE: QEMU speaks of threads that are not its own here (it counts in another namespace). */
int proc_roles_make(struct proc_roles *ret, const struct qmp_answer *answer, const struct proc_threads *threads);

/* Pure. Any of @helpers, @roles may be NULL: not looked for, not known. */
int proc_snapshot(struct vm **ret, pid_t pid, const struct cmdline *cmdline, const struct proc_threads *threads,
		  const struct proc_helpers *helpers, const struct proc_roles *roles);

#endif
