/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of what runs: domains and their threads, as values. Sources make snapshots (struct vm), the manager
 * merges them into its table and hears what changed. Pure: no system call.
 */
#ifndef DAEMON_VM_H
#define DAEMON_VM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

enum vm_origin { VM_QEMU, VM_LIBVIRT };			/* who started it */
enum vm_accel { VM_ACCEL_UNKNOWN, VM_ACCEL_KVM, VM_ACCEL_TCG };
enum vm_state { VM_RUNNING, VM_PAUSED, VM_SHUTOFF };	/* plain QEMU: always running */

enum vm_thread_kind {
	VM_THREAD_EMULATOR,	/* the main thread: tid == pid */
	VM_THREAD_VCPU,
	VM_THREAD_IOTHREAD,
	VM_THREAD_VHOST,	/* kernel thread vhost-PID */
	VM_THREAD_KVM_PIT,	/* kernel thread kvm-pit/PID */
	VM_THREAD_KVM_NX,	/* kernel thread kvm-nx-lpage-recovery-PID */
	VM_THREAD_WORKER,	/* anything else QEMU starts: block workers, vnc, migration */
	_VM_THREAD_KIND_MAX,
};

#define VM_THREAD_NAME_MAX 32

struct vm_thread {
	pid_t tid;
	enum vm_thread_kind kind;
	uint32_t index;			/* vCPU or iothread number; 0.. in order of tid for the others */
	uint64_t start_ticks;		/* field 22 of /proc/TID/stat: tells a reused tid apart */
	char name[VM_THREAD_NAME_MAX];	/* "vcpu0", "emulator", "iothread1", "vhost0", "kvm-pit0", "kvm-nx0", "worker0" */
	char comm[16];
};

struct vm {
	char *name;
	pid_t pid;
	uint64_t start_ticks;
	char *uuid;			/* NULL when unknown */
	enum vm_origin origin;
	enum vm_accel accel;
	enum vm_state state;
	bool vcpus_unknown;		/* QEMU names no threads and has no QMP socket: say so, reserve nothing */
	bool vcpus_shared;		/* single-threaded TCG: the thread of vcpu0 runs all vCPUs */
	char *vcpus_reason;		/* why they are unknown, or why QMP could not say; NULL = nothing to tell */
	struct vm_thread *threads;	/* sorted by (kind, index); none in a snapshot of source-libvirt */
	size_t n_threads;
};

/*
 * What is safe in an object path, a journal field and a file name: control characters, '/', '\', a leading '.' and
 * bytes that are not UTF-8 become \xHH; at most VM_NAME_MAX bytes.
 */
#define VM_NAME_MAX 255
void vm_name_escape(char ret[VM_NAME_MAX + 1], const char *name);

int vm_new(struct vm **ret, const char *name, pid_t pid);	/* escapes @name; NULL or "" = "qemu-PID" */
struct vm *vm_free(struct vm *vm);
DEFINE_CLEANUP(struct vm *, vm_free)

int vm_add_thread(struct vm *vm, enum vm_thread_kind kind, uint32_t index, pid_t tid, uint64_t start_ticks,
		  const char *comm);		/* -EEXIST: that (kind, index) or tid is there already */
void vm_sort(struct vm *vm);
const struct vm_thread *vm_find_thread(const struct vm *vm, const char *name);
size_t vm_count(const struct vm *vm, enum vm_thread_kind kind);

/* "vcpu0" -> VM_THREAD_VCPU, 0. Strict: no leading zeros, no sign; "emulator" has no number. -EINVAL otherwise. */
int vm_thread_name_parse(const char *name, enum vm_thread_kind *ret_kind, uint32_t *ret_index);
void vm_thread_name_format(char name[VM_THREAD_NAME_MAX], enum vm_thread_kind kind, uint32_t index);

const char *vm_origin_name(enum vm_origin origin);	/* "qemu", "libvirt" */
const char *vm_accel_name(enum vm_accel accel);		/* "unknown", "kvm", "tcg" */
const char *vm_state_name(enum vm_state state);		/* "running", "paused", "shutoff" */
const char *vm_thread_kind_name(enum vm_thread_kind kind);	/* "vcpu", "emulator", ... */

/* What a merge changed, so that the manager can act and tell. */
enum vm_change {
	VM_CHANGE_NONE = 0,
	VM_CHANGE_NEW = 1 << 0,
	VM_CHANGE_THREADS = 1 << 1,	/* a thread came or went */
	VM_CHANGE_STATE = 1 << 2,
	VM_CHANGE_IDENTITY = 1 << 3,	/* name, uuid, accel or origin became known */
};

struct vm_table {
	struct vm **vms;
	size_t n;
};

void vm_table_done(struct vm_table *table);
struct vm *vm_table_by_name(const struct vm_table *table, const char *name);
struct vm *vm_table_by_pid(const struct vm_table *table, pid_t pid);

/*
 * Takes @vm, also on failure. A known pid with the same start is brought up to date, an unknown one is added (and
 * takes the place of a dead one with the same pid); a name that another pid bears gets "-PID" appended. Fields that
 * the snapshot does not know (uuid NULL) keep their value: one with threads does not know the state, one without
 * (source-libvirt's) does not know the threads. A name stays once given, unless libvirt's replaces a guessed one.
 * Return: 0 with *ret_change and *ret_vm (owned by the table); -ENOMEM.
 */
int vm_table_merge(struct vm_table *table, struct vm *vm, enum vm_change *ret_change, struct vm **ret_vm);
struct vm *vm_table_take(struct vm_table *table, pid_t pid);	/* out of the table; NULL when unknown */

#endif
