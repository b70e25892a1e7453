/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a snapshot of a domain from what was found: which thread is what. In the order of belief:
 *
 *   the main thread (tid == pid) is the emulator;
 *   what QMP said of a thread that is still the same (tid and start);
 *   names that QEMU gives with debug-threads=on: "CPU 2/KVM", "ALL CPUs/TCG" (one thread runs them all), "IO iothread1";
 *   names that the kernel gives to threads it starts inside the process, and kernel threads that bear the process' number;
 *   all others are workers.
 *
 * Numbers are those that the guest's owner knows: of vCPUs, and of iothreads that are called as libvirt calls them
 * ("iothread1"). Others are counted in the order of their thread ids.
 *
 * Used by source-proc. Pure: values in, value out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "source-proc-judge.h"

void proc_roles_done(struct proc_roles *roles)
{
	free(roles->v);
	*roles = (struct proc_roles){ 0 };
}

static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int role_add(struct proc_roles *roles, const struct proc_threads *threads, const struct proc_role *role)
{
	const struct proc_thread *thread = proc_threads_find(threads, role->tid);

	if (!thread)
		return -ESTALE;
	roles->v[roles->n] = *role;
	roles->v[roles->n++].start_ticks = thread->start_ticks;
	return 0;
}

int proc_roles_make(struct proc_roles *ret, const struct qmp_answer *answer, const struct proc_threads *threads)
{
	_cleanup_(proc_roles_done) struct proc_roles roles = { 0 };
	size_t i, k;
	int r;

	roles.kvm_known = answer->kvm_known;
	roles.kvm = answer->kvm;
	roles.v = calloc(answer->n_cpus + answer->n_iothreads ?: 1, sizeof(*roles.v));
	if (!roles.v)
		return -ENOMEM;
	for (i = 0; i < answer->n_cpus; i++) {
		const struct qmp_cpu *cpu = &answer->cpus[i];
		bool again = false;

		for (k = 0; k < roles.n; k++)
			again |= roles.v[k].tid == cpu->tid;
		roles.vcpus_shared |= again;
		if (again)
			continue;
		r = role_add(&roles, threads, &(struct proc_role){
			.tid = cpu->tid, .kind = VM_THREAD_VCPU, .index = cpu->index });
		if (r < 0)
			return r;
	}
	for (i = 0; i < answer->n_iothreads; i++) {
		struct proc_role role = { .tid = answer->iothreads[i].tid, .kind = VM_THREAD_IOTHREAD };

		snprintf(role.id, sizeof(role.id), "%s", answer->iothreads[i].id);
		r = role_add(&roles, threads, &role);
		if (r < 0)
			return r;
	}
	*ret = TAKE_GENERIC(roles, struct proc_roles, (struct proc_roles){ 0 });
	return 0;
}

static const struct proc_role *role_find(const struct proc_roles *roles, const struct proc_thread *thread)
{
	size_t i;

	for (i = 0; roles && i < roles->n; i++)
		if (roles->v[i].tid == thread->tid && roles->v[i].start_ticks == thread->start_ticks)
			return &roles->v[i];
	return NULL;
}

/* "CPU 2/KVM" */
static bool vcpu_name_parse(const char *comm, uint32_t *ret_index, enum vm_accel *ret_accel)
{
	const char *rest = after(comm, "CPU "), *slash = rest ? strchr(rest, '/') : NULL;
	char number[16];

	if (!slash || (size_t)(slash - rest) >= sizeof(number))
		return false;
	memcpy(number, rest, (size_t)(slash - rest));
	number[slash - rest] = '\0';
	if (strcmp(slash, "/KVM") == 0)
		*ret_accel = VM_ACCEL_KVM;
	else if (strcmp(slash, "/TCG") == 0)
		*ret_accel = VM_ACCEL_TCG;
	else
		return false;
	return proc_number_parse(number, UINT32_MAX, ret_index);
}

/* What a thread is, before the numbers of those that have none of their own. */
struct guess {
	enum vm_thread_kind kind;
	uint32_t index;
	const char *id;		/* of an iothread */
	enum vm_accel accel;
	bool shared;
};

static void guess_by_name(const char *comm, struct guess *guess)
{
	const char *id;

	if (vcpu_name_parse(comm, &guess->index, &guess->accel)) {
		guess->kind = VM_THREAD_VCPU;
	} else if (strcmp(comm, "ALL CPUs/TCG") == 0) {
		guess->kind = VM_THREAD_VCPU;
		guess->accel = VM_ACCEL_TCG;
		guess->shared = true;
	} else if ((id = after(comm, "IO ")) != NULL && *id && strcmp(id, "mon_iothread") != 0) {
		guess->kind = VM_THREAD_IOTHREAD;	/* mon_iothread reads QMP: no guest waits for it */
		guess->id = id;
	} else if (after(comm, "vhost-")) {
		guess->kind = VM_THREAD_VHOST;
	} else if (after(comm, "kvm-pit/")) {
		guess->kind = VM_THREAD_KVM_PIT;
	} else if (after(comm, "kvm-nx-lpage-re")) {	/* cut after 15 characters */
		guess->kind = VM_THREAD_KVM_NX;
	}
}

static struct guess guess_thread(const struct proc_thread *thread, pid_t pid, const struct proc_roles *roles)
{
	struct guess guess = { .kind = VM_THREAD_WORKER };
	const struct proc_role *role;

	if (thread->tid == pid) {
		guess.kind = VM_THREAD_EMULATOR;
		return guess;
	}
	guess_by_name(thread->comm, &guess);	/* also for the accelerator */
	role = role_find(roles, thread);
	if (role) {
		guess.kind = role->kind;
		guess.index = role->index;
		guess.id = role->id;
		guess.shared = role->kind == VM_THREAD_VCPU && roles->vcpus_shared;
	}
	return guess;
}

/* The lowest number of that kind that is free; @vm's threads are few. */
static int add_unnumbered(struct vm *vm, enum vm_thread_kind kind, const struct proc_thread *thread)
{
	uint32_t index = kind == VM_THREAD_IOTHREAD ? 0 : (uint32_t)vm_count(vm, kind);
	char name[VM_THREAD_NAME_MAX];

	for (;; index++) {
		vm_thread_name_format(name, kind, index);
		if (!vm_find_thread(vm, name))
			break;
	}
	return vm_add_thread(vm, kind, index, thread->tid, thread->start_ticks, thread->comm);
}

/* First those with a number of their own (vCPUs, "iothread1" as libvirt calls them), then the others by tid. */
static int add_numbered(struct vm *vm, const struct proc_thread *thread, struct guess *guess)
{
	int r;

	switch (guess->kind) {
	case VM_THREAD_EMULATOR:
	case VM_THREAD_VCPU:
		break;
	case VM_THREAD_IOTHREAD: {
		const char *number = after(guess->id, "iothread");

		if (!number || !proc_number_parse(number, UINT32_MAX, &guess->index))
			return 0;
		break;
	}
	default:
		return 0;
	}
	r = vm_add_thread(vm, guess->kind, guess->index, thread->tid, thread->start_ticks, thread->comm);
	if (r != -EEXIST)
		return r;
	if (guess->kind == VM_THREAD_VCPU)	/* two threads of one name: the first is believed */
		guess->kind = VM_THREAD_WORKER;
	return 0;
}

static int add_threads(struct vm *vm, const struct proc_threads *threads, struct guess *guesses)
{
	size_t i;
	int r;

	for (i = 0; i < threads->n; i++) {
		r = add_numbered(vm, &threads->v[i], &guesses[i]);
		if (r < 0)
			return r;
	}
	for (i = 0; i < threads->n; i++) {
		if (guesses[i].kind == VM_THREAD_EMULATOR || guesses[i].kind == VM_THREAD_VCPU)
			continue;
		r = add_unnumbered(vm, guesses[i].kind, &threads->v[i]);
		if (r < 0 && r != -EEXIST)	/* an iothread that has its number already */
			return r;
	}
	return 0;
}

static int add_helpers(struct vm *vm, const struct proc_threads *threads, const struct proc_helpers *helpers)
{
	size_t i;
	int r;

	for (i = 0; helpers && i < helpers->n; i++) {
		const struct proc_helper *helper = &helpers->v[i];

		if (!proc_threads_find(threads, helper->owner))
			continue;
		r = add_unnumbered(vm, helper->kind, &helper->thread);
		if (r < 0)
			return r;
	}
	return 0;
}

static enum vm_accel accel_judge(const struct vm *vm, const struct cmdline *cmdline, const struct guess *guesses,
				 size_t n, const struct proc_roles *roles)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (guesses[i].accel != VM_ACCEL_UNKNOWN)
			return guesses[i].accel;
	if (cmdline->accels == CMDLINE_KVM || (roles && roles->kvm_known && roles->kvm) ||
	    vm_count(vm, VM_THREAD_KVM_NX) || vm_count(vm, VM_THREAD_KVM_PIT))
		return VM_ACCEL_KVM;
	if (cmdline->accels == CMDLINE_TCG ||
	    (cmdline->accels == (CMDLINE_KVM | CMDLINE_TCG) && roles && roles->kvm_known))
		return VM_ACCEL_TCG;
	return VM_ACCEL_UNKNOWN;
}

int proc_snapshot(struct vm **ret, pid_t pid, const struct cmdline *cmdline, const struct proc_threads *threads,
		  const struct proc_helpers *helpers, const struct proc_roles *roles)
{
	_cleanup_(vm_freep) struct vm *vm = NULL;
	_cleanup_(freep) struct guess *guesses = calloc(threads->n ?: 1, sizeof(*guesses));
	const struct proc_thread *main_thread = proc_threads_find(threads, pid);
	size_t i;
	int r;

	if (!guesses)
		return -ENOMEM;
	r = vm_new(&vm, cmdline->name, pid);
	if (r < 0)
		return r;
	if (cmdline->uuid) {
		vm->uuid = strdup(cmdline->uuid);
		if (!vm->uuid)
			return -ENOMEM;
	}
	vm->origin = cmdline->origin;
	vm->start_ticks = main_thread ? main_thread->start_ticks : 0;
	for (i = 0; i < threads->n; i++) {
		guesses[i] = guess_thread(&threads->v[i], pid, roles);
		vm->vcpus_shared |= guesses[i].shared;
	}
	r = add_threads(vm, threads, guesses);
	if (r == 0)
		r = add_helpers(vm, threads, helpers);
	if (r < 0)
		return r;
	vm->accel = accel_judge(vm, cmdline, guesses, threads->n, roles);
	vm->vcpus_unknown = vm_count(vm, VM_THREAD_VCPU) == 0;
	vm_sort(vm);
	*ret = TAKE_PTR(vm);
	return 0;
}
