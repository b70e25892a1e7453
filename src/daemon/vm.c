/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and their threads as values. Two sources describe the same process from different sides: source-proc
 * brings threads, source-libvirt brings name, UUID and state. The table joins them by process:
 *
 *   a snapshot with threads     is whole as far as threads go, and says nothing about the state
 *   a snapshot without threads  says nothing about threads, and its state counts
 *
 * so neither source can undo what the other one knows. Names come from guests' owners and go into D-Bus object
 * paths, journal fields and file names: vm_new() escapes them, so that no source can forget to.
 *
 * Called by the sources (to build snapshots) and the manager (to merge them). Never reads a file, a clock or a
 * process, and never decides what a change means.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

static const char *const thread_kind_names[_VM_THREAD_KIND_MAX] = {
	[VM_THREAD_EMULATOR] = "emulator", [VM_THREAD_VCPU] = "vcpu",	    [VM_THREAD_IOTHREAD] = "iothread",
	[VM_THREAD_VHOST] = "vhost",	   [VM_THREAD_KVM_PIT] = "kvm-pit", [VM_THREAD_KVM_NX] = "kvm-nx",
	[VM_THREAD_WORKER] = "worker",
};

const char *vm_thread_kind_name(enum vm_thread_kind kind)
{
	assert(kind < _VM_THREAD_KIND_MAX);
	return thread_kind_names[kind];
}

const char *vm_origin_name(enum vm_origin origin)
{
	return origin == VM_LIBVIRT ? "libvirt" : "qemu";
}

const char *vm_accel_name(enum vm_accel accel)
{
	switch (accel) {
	case VM_ACCEL_KVM:
		return "kvm";
	case VM_ACCEL_TCG:
		return "tcg";
	case VM_ACCEL_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *vm_state_name(enum vm_state state)
{
	switch (state) {
	case VM_PAUSED:
		return "paused";
	case VM_SHUTOFF:
		return "shutoff";
	case VM_RUNNING:
		break;
	}
	return "running";
}

/* Length of the well-formed UTF-8 character at @s that is fit to print, 0 when there is none. */
static size_t utf8_printable(const unsigned char *s)
{
	uint32_t c, least;
	size_t i, length;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2, c = s[0] & 0x1f, least = 0x80;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3, c = s[0] & 0x0f, least = 0x800;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4, c = s[0] & 0x07, least = 0x10000;
	else
		return 0;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)	/* the terminating 0 ends here too */
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* overlong, surrogate, beyond Unicode, or one of the C1 controls that terminals obey */
	if (c < least || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff || c < 0xa0)
		return 0;
	return length;
}

/*
 * '/' and a leading '.' because the name becomes a file name, '\' so that two names never meet in one escaped form.
 * What does not fit is cut between characters; the table keeps names apart that became equal by it.
 */
void vm_name_escape(char ret[VM_NAME_MAX + 1], const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	size_t out = 0;

	while (*s) {
		size_t length = utf8_printable(s);

		if (length && *s != '/' && *s != '\\' && !(*s == '.' && out == 0)) {
			if (out + length > VM_NAME_MAX)
				break;
			memcpy(ret + out, s, length);
			out += length;
			s += length;
		} else {
			if (out + 4 > VM_NAME_MAX)
				break;
			snprintf(ret + out, 5, "\\x%02x", *s);
			out += 4;
			s++;
		}
	}
	ret[out] = '\0';
}

int vm_new(struct vm **ret, const char *name, pid_t pid)
{
	_cleanup_(vm_freep) struct vm *vm = calloc(1, sizeof(*vm));
	char escaped[VM_NAME_MAX + 1];

	if (!vm)
		return -ENOMEM;
	if (name && name[0])
		vm_name_escape(escaped, name);
	else
		snprintf(escaped, sizeof(escaped), "qemu-%d", pid);
	vm->pid = pid;
	vm->name = strdup(escaped);
	if (!vm->name)
		return -ENOMEM;
	*ret = TAKE_PTR(vm);
	return 0;
}

struct vm *vm_free(struct vm *vm)
{
	if (!vm)
		return NULL;
	free(vm->name);
	free(vm->uuid);
	free(vm->vcpus_reason);
	free(vm->threads);
	free(vm);
	return NULL;
}

int vm_add_thread(struct vm *vm, enum vm_thread_kind kind, uint32_t index, pid_t tid, uint64_t start_ticks,
		  const char *comm)
{
	struct vm_thread *thread;
	size_t i;

	assert(kind < _VM_THREAD_KIND_MAX);
	for (i = 0; i < vm->n_threads; i++)
		if (vm->threads[i].tid == tid || (vm->threads[i].kind == kind && vm->threads[i].index == index))
			return -EEXIST;
	thread = reallocarray(vm->threads, vm->n_threads + 1, sizeof(*thread));
	if (!thread)
		return -ENOMEM;
	vm->threads = thread;
	thread += vm->n_threads++;
	*thread = (struct vm_thread){ .tid = tid, .kind = kind, .index = index, .start_ticks = start_ticks };
	vm_thread_name_format(thread->name, kind, index);
	if (comm)
		snprintf(thread->comm, sizeof(thread->comm), "%.*s", (int)sizeof(thread->comm) - 1, comm);
	return 0;
}

static int thread_compare(const void *pa, const void *pb)
{
	const struct vm_thread *a = pa, *b = pb;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

void vm_sort(struct vm *vm)
{
	if (vm->n_threads)
		qsort(vm->threads, vm->n_threads, sizeof(*vm->threads), thread_compare);
}

const struct vm_thread *vm_find_thread(const struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < vm->n_threads; i++)
		if (strcmp(vm->threads[i].name, name) == 0)
			return &vm->threads[i];
	return NULL;
}

size_t vm_count(const struct vm *vm, enum vm_thread_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < vm->n_threads; i++)
		n += vm->threads[i].kind == kind;
	return n;
}

int vm_thread_name_parse(const char *name, enum vm_thread_kind *ret_kind, uint32_t *ret_index)
{
	size_t kind;

	for (kind = 0; kind < _VM_THREAD_KIND_MAX; kind++) {
		size_t length = strlen(thread_kind_names[kind]);
		const char *p = name + length;
		uint64_t index = 0;

		if (strncmp(name, thread_kind_names[kind], length) != 0)
			continue;
		if (kind == VM_THREAD_EMULATOR ? *p != '\0' : *p == '\0' || (p[0] == '0' && p[1]))
			return -EINVAL;
		for (; *p; p++) {
			if (*p < '0' || *p > '9')
				return -EINVAL;
			index = index * 10 + (uint64_t)(*p - '0');
			if (index > UINT32_MAX)
				return -EINVAL;
		}
		*ret_kind = (enum vm_thread_kind)kind;
		*ret_index = (uint32_t)index;
		return 0;
	}
	return -EINVAL;
}

void vm_thread_name_format(char name[VM_THREAD_NAME_MAX], enum vm_thread_kind kind, uint32_t index)
{
	if (kind == VM_THREAD_EMULATOR)
		snprintf(name, VM_THREAD_NAME_MAX, "%s", vm_thread_kind_name(kind));
	else
		snprintf(name, VM_THREAD_NAME_MAX, "%s%u", vm_thread_kind_name(kind), index);
}

void vm_table_done(struct vm_table *table)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		vm_free(table->vms[i]);
	free(table->vms);
	*table = (struct vm_table){ 0 };
}

struct vm *vm_table_by_name(const struct vm_table *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (strcmp(table->vms[i]->name, name) == 0)
			return table->vms[i];
	return NULL;
}

struct vm *vm_table_by_pid(const struct vm_table *table, pid_t pid)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (table->vms[i]->pid == pid)
			return table->vms[i];
	return NULL;
}

struct vm *vm_table_take(struct vm_table *table, pid_t pid)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (table->vms[i]->pid == pid) {
			struct vm *vm = table->vms[i];

			table->n--;
			memmove(&table->vms[i], &table->vms[i + 1], (table->n - i) * sizeof(struct vm *));
			return vm;
		}
	return NULL;
}

/* Where to cut so that @length bytes of a well-formed name stay well-formed. */
static int cut_length(const char *name, size_t length)
{
	if (strlen(name) <= length)
		return (int)strlen(name);
	while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
		length--;
	return (int)length;
}

/* Makes @vm's name one that no other process in the table bears: NAME, NAME-PID, NAME-PID-2 ... */
static int name_make_unique(const struct vm_table *table, struct vm *vm)
{
	_cleanup_(freep) char *name = NULL;
	unsigned int attempt;

	for (attempt = 0;; attempt++) {
		const struct vm *bearer = vm_table_by_name(table, name ? name : vm->name);
		char suffix[32];

		if (!bearer || bearer->pid == vm->pid)
			break;
		if (attempt == 0)
			snprintf(suffix, sizeof(suffix), "-%d", vm->pid);
		else
			snprintf(suffix, sizeof(suffix), "-%d-%u", vm->pid, attempt + 1);
		free(TAKE_PTR(name));
		if (asprintf(&name, "%.*s%s", cut_length(vm->name, VM_NAME_MAX - strlen(suffix)), vm->name,
			     suffix) < 0) {
			name = NULL;
			return -ENOMEM;
		}
	}
	if (name) {
		free(vm->name);
		vm->name = TAKE_PTR(name);
	}
	return 0;
}

static bool threads_equal(const struct vm *a, const struct vm *b)
{
	size_t i;

	if (a->n_threads != b->n_threads || a->vcpus_unknown != b->vcpus_unknown || a->vcpus_shared != b->vcpus_shared)
		return false;
	for (i = 0; i < a->n_threads; i++) {
		const struct vm_thread *x = &a->threads[i], *y = &b->threads[i];

		if (x->tid != y->tid || x->start_ticks != y->start_ticks || thread_compare(x, y) != 0)
			return false;
	}
	return true;
}

static enum vm_change merge_threads(struct vm *old, struct vm *given)
{
	bool same = threads_equal(old, given);
	struct vm_thread *threads = old->threads;

	/* taken even when the same: a comm may have changed, or the reason */
	old->threads = given->threads;
	old->n_threads = given->n_threads;
	old->vcpus_unknown = given->vcpus_unknown;
	old->vcpus_shared = given->vcpus_shared;
	free(old->vcpus_reason);
	old->vcpus_reason = TAKE_PTR(given->vcpus_reason);
	given->threads = threads;
	return same ? VM_CHANGE_NONE : VM_CHANGE_THREADS;
}

/*
 * A name stays once it is given, for it is in the ledger and on the bus by then. Only libvirt's word replaces one that
 * was read from a command line.
 */
static int merge_identity(const struct vm_table *table, struct vm *old, struct vm *given, enum vm_change *change)
{
	bool libvirt = given->origin == VM_LIBVIRT && old->origin != VM_LIBVIRT;
	int r;

	if (libvirt) {
		r = name_make_unique(table, given);
		if (r < 0)
			return r;
		free(old->name);
		old->name = TAKE_PTR(given->name);
		old->origin = VM_LIBVIRT;
		*change |= VM_CHANGE_IDENTITY;
	}
	if (given->uuid && !old->uuid) {
		old->uuid = TAKE_PTR(given->uuid);
		*change |= VM_CHANGE_IDENTITY;
	}
	if (given->accel != VM_ACCEL_UNKNOWN && given->accel != old->accel) {
		old->accel = given->accel;
		*change |= VM_CHANGE_IDENTITY;
	}
	if (given->start_ticks)
		old->start_ticks = given->start_ticks;
	return 0;
}

static int table_add(struct vm_table *table, struct vm *vm)
{
	struct vm **vms;
	int r;

	r = name_make_unique(table, vm);
	if (r < 0)
		return r;
	vms = reallocarray(table->vms, table->n + 1, sizeof(struct vm *));
	if (!vms)
		return -ENOMEM;
	table->vms = vms;
	table->vms[table->n++] = vm;
	return 0;
}

int vm_table_merge(struct vm_table *table, struct vm *vm, enum vm_change *ret_change, struct vm **ret_vm)
{
	_cleanup_(vm_freep) struct vm *given = vm;
	enum vm_change change = VM_CHANGE_NONE;
	struct vm *old = vm_table_by_pid(table, vm->pid);
	int r;

	vm_sort(given);
	/* 0 = this source could not read the start; another start = the pid was used again, the old one is dead */
	if (old && old->start_ticks && given->start_ticks && old->start_ticks != given->start_ticks) {
		vm_free(vm_table_take(table, old->pid));
		old = NULL;
	}
	if (!old) {
		r = table_add(table, given);
		if (r < 0)
			return r;
		*ret_change = VM_CHANGE_NEW;
		*ret_vm = TAKE_PTR(given);
		return 0;
	}
	r = merge_identity(table, old, given, &change);
	if (r < 0)
		return r;
	if (given->n_threads) {
		change |= merge_threads(old, given);
	} else if (given->state != old->state) {
		old->state = given->state;
		change |= VM_CHANGE_STATE;
	}
	*ret_change = change;
	*ret_vm = old;
	return 0;
}
