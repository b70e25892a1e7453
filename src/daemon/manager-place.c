/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs for threads that ask for them, from the manager's side: which CPU for which thread (partition.c), and can it be
 * (partition-look.c)? Then the request goes its way through admission, and the partition is a step of the plan like any other.
 * What becomes of it is seen by manager-partition.c.
 *
 * Called by the requests, and for domains that are about to start. Changes nothing but the manager's view of the host, which is
 * looked at again when the kernel's limit was written.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-private.h"
#include "partition.h"

static bool items_ask(const struct request_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (CPU_COUNT(&items[i].cpus) > 0)
			return true;
	return false;
}

static int label_make(const struct vm *vm, const char *thread, char **ret)
{
	if (asprintf(ret, "%s of %s", thread, vm->name) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Takes @label on success. */
static int item_look_pinned(struct manager *m, const struct vm_thread *thread, char **label, struct partition *ret,
			    struct vr_error **reterr)
{
	struct partition partition = { .kind = PARTITION_PINNED, .tid = thread->tid, .start_ticks = thread->start_ticks };
	int r;

	r = m->root->ops->affinity_get(m->root, thread->tid, &partition.before);
	if (r == -ESRCH)
		return vr_error_set(reterr, r, VR_THREAD_GONE, "%s has ended", *label);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read the affinity of %s: %s", *label, strerror(-r));
	partition.label = TAKE_PTR(*label);
	*ret = partition;
	return 0;
}

/* The slice of the domain, as the first one of its threads that is there already has it. Takes @label on success. */
static int item_look_shared(struct manager *m, const struct vm *vm, const struct vm_thread *thread, const struct request_item *item,
			    char **label, struct partition *ret, struct vr_error **reterr)
{
	_cleanup_(partition_clear) struct partition partition = {
		.kind = PARTITION_SHARED, .tid = thread->tid, .start_ticks = thread->start_ticks, .cpu = item->cpu,
		.cpus = item->slice_cpus,
	};
	const struct partition *there;
	int r;

	r = partition_look_slice(m->root, &m->regime, vm->pid, &partition.cgroup);
	if (r == 0)
		r = -ESRCH;
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", *label, strerror(-r));
	there = ledger_slice(&m->ledger, partition.cgroup);
	if (there)
		partition.before = there->before;
	else
		r = partition_look_cpus(m->root, partition.cgroup, &partition.before, reterr);
	if (r < 0)
		return r;
	partition.label = TAKE_PTR(*label);
	*ret = TAKE_GENERIC(partition, struct partition, (struct partition){ 0 });
	return 0;
}

static int item_look(struct manager *m, const struct vm *vm, const struct request_item *item, struct partition *ret,
		     struct vr_error **reterr)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	_cleanup_(freep) char *label = NULL;
	int r;

	if (!thread)
		return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s of %s has ended", item->thread, vm->name);
	r = label_make(vm, item->thread, &label);
	if (r < 0)
		return r;
	if (item->kind == PARTITION_PINNED)
		return item_look_pinned(m, thread, &label, ret, reterr);
	if (item->kind == PARTITION_SHARED)
		return item_look_shared(m, vm, thread, item, &label, ret, reterr);
	return partition_look(m->root, &m->regime, label, thread->tid, thread->start_ticks, ret, reterr);
}

/* The partition of a thread that has been released, and rests. */
static bool item_rests(const struct manager *m, const struct vm *vm, const struct request_item *item)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	const struct partition *p = thread ? ledger_partition(&m->ledger, thread->tid, thread->start_ticks) : NULL;

	return p && !ledger_tenant(&m->ledger, p);
}

/* The ledger as it will be when partitions that end are gone, and their CPUs free. */
static int ledger_settled(const struct ledger *ledger, struct partition_host *host, struct ledger *ret)
{
	cpu_set_t cpus;
	int r;

	r = ledger_copy(ledger, ret);
	for (size_t i = r < 0 ? 0 : ret->n_partitions; i > 0; i--) {
		const struct partition *p = &ret->partitions[i - 1];

		if (ledger_tenant(ret, p))
			continue;
		partition_cpus(p, &cpus);
		CPU_OR(&host->housekeeping, &host->housekeeping, &cpus);
		ledger_remove_partition(ret, p->tid, p->start_ticks);
	}
	return r;
}

/*
 * A reservation on all CPUs promises what global EDF gives, to a thread that may run on all of them. The kernel insists on that, but
 * where it checks nothing it is looked at here.
 */
static int item_check_roams(struct manager *m, const struct vm *vm, const struct request_item *item, struct vr_error **reterr)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	cpu_set_t affinity, needs, missing;

	if (!thread || ledger_find(&m->ledger, vm->name, item->thread) ||
	    m->root->ops->affinity_get(m->root, thread->tid, &affinity) < 0)
		return 0;
	CPU_XOR(&needs, &m->regime.online, &m->regime.isolated);	/* isolated are a subset of those online */
	CPU_AND(&missing, &affinity, &needs);
	if (CPU_EQUAL(&missing, &needs))
		return 0;
	return vr_error_set(reterr, -EPERM, VR_AFFINITY,
			    "%s of %s may not run on all CPUs, and without one to which it is pinned it would have to: name CPUs for it (--cpu)",
			    item->thread, vm->name);
}

static int items_look(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
		      struct vr_error **reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_(partition_clear) struct partition partition = { 0 };

		if (items[i].apart && !ledger_find(&m->ledger, vm->name, items[i].thread) && !item_rests(m, vm, &items[i]))
			r = item_look(m, vm, &items[i], &partition, reterr);
		else if (!items[i].apart && m->regime.kind == REGIME_PINNED)
			r = item_check_roams(m, vm, &items[i], reterr);
	}
	return r;
}

static int cannot_tell_slice(const char *who, int r, struct vr_error **reterr)
{
	return r == -ENOMEM ? r : vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", who, strerror(-r));
}

static int roams_in(struct manager *m, const char *slice, pid_t tid, const char *label, struct vr_error **reterr)
{
	_cleanup_(freep) char *its = NULL;
	int r;

	r = partition_look_slice(m->root, &m->regime, tid, &its);
	if (r == -ESRCH || (r >= 0 && (r == 0 || strcmp(its, slice) != 0)))
		return 0;
	if (r < 0)
		return cannot_tell_slice(label, r, reterr);
	return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
			    "%s can get no CPUs: %s is in it and SCHED_DEADLINE on all CPUs of the host: release that one first",
			    strrchr(slice, '/') + 1, label);
}

/*
 * A slice that is to become a partition takes all threads in it along. Those that are SCHED_DEADLINE already were judged among
 * those that share all CPUs, and would have to be judged anew: refused.
 */
static int slice_check_roams(struct manager *m, const char *slice, const struct foreign *foreign, struct vr_error **reterr)
{
	char label[VM_NAME_MAX + VM_THREAD_NAME_MAX + 8];
	int r = 0;

	if (ledger_slice(&m->ledger, slice))
		return 0;
	for (size_t i = 0; r >= 0 && i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];

		snprintf(label, sizeof(label), "%s of %s", p->thread, p->domain);
		if (!ledger_partition(&m->ledger, p->tid, p->start_ticks))
			r = roams_in(m, slice, p->tid, label, reterr);
	}
	for (size_t i = 0; r >= 0 && i < foreign->n; i++) {
		snprintf(label, sizeof(label), "thread %d (%s, not ours)", foreign->loads[i].tid, foreign->loads[i].comm);
		if (foreign->loads[i].tid > 0)
			r = roams_in(m, slice, foreign->loads[i].tid, label, reterr);
	}
	return r < 0 ? r : 0;
}

/*
 * Where the kernel checks nothing we have to, so what is asked now is decided by what the host is now. But who is pinned was promised that under
 * the other rules: as long as there is one, the next ones are told so.
 */
static int regime_renew(struct manager *m)
{
	if (m->limit && limit_watch_written(m->limit))
		m->limit_other = m->regime.kind != REGIME_PINNED || partition_limit_back(m->root, &m->regime);
	if (!m->limit_other)
		return 0;
	for (size_t i = 0; i < m->ledger.n_partitions; i++)
		if (m->ledger.partitions[i].kind == PARTITION_PINNED)
			return 0;
	log_info("the kernel's limit on SCHED_DEADLINE was written: looking at the host again");
	return manager_regime_read(m);
}

int manager_place(struct manager *m, const struct vm *vm, bool settled, const struct foreign *foreign, struct request_item *items,
		  size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger later = { 0 };
	_cleanup_(freep) char *slice = NULL;
	struct partition_host host = { 0 };
	const struct partition_ask ask = { &host, &m->regime, settled ? &later : &m->ledger, foreign, vm->name };
	bool asks = items_ask(items, n);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		items[i].apart = false;
	r = regime_renew(m);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot look at the host again: %s", strerror(-r));
	if (!asks && m->ledger.n_partitions == 0)
		return items_look(m, vm, items, n, reterr);
	r = partition_look_slice(m->root, &m->regime, vm->pid, &slice);
	if (r < 0)
		return r == -ESRCH ? vr_error_set(reterr, r, VR_THREAD_GONE, "%s has ended", vm->name) : cannot_tell_slice(vm->name, r, reterr);
	host.slice = slice;
	if (asks || m->regime.kind == REGIME_PINNED)
		r = partition_host_read(m->root, &m->regime, slice, &host, reterr);
	if (r >= 0 && asks && slice)
		r = slice_check_roams(m, slice, foreign, reterr);
	if (r >= 0 && settled)
		r = ledger_settled(&m->ledger, &host, &later);
	for (size_t i = 0; r >= 0 && !settled && i < n; i++)
		if (item_rests(m, vm, &items[i]))
			return -EAGAIN;
	if (r >= 0)
		r = partition_assign(&ask, items, n, reterr);
	return r < 0 ? r : items_look(m, vm, items, n, reterr);
}

/* The slice in force that has just the CPUs which the items name: that is the one which is meant. */
static const char *slice_named(const struct ledger *ledger, const struct request_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; CPU_COUNT(&items[i].cpus) > 0 && k < ledger->n_partitions; k++)
			if (ledger->partitions[k].kind == PARTITION_SHARED && CPU_EQUAL(&ledger->partitions[k].cpus, &items[i].cpus))
				return ledger->partitions[k].cgroup;
	return NULL;
}

bool manager_place_is_known(struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n)
{
	(void)regime_renew(m);	/* a failure is told when it is placed */
	return !items_ask(items, n) || m->regime.kind == REGIME_PINNED || start->slice || slice_named(&m->ledger, items, n);
}

/* 1 = *ret is the path of the slice in which it will be. */
static int slice_path(const struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n, char **ret)
{
	const char *named = start->slice ? NULL : slice_named(&m->ledger, items, n);

	if (!start->slice && !named)
		return 0;
	if (named)
		*ret = strdup(named);
	else if (asprintf(ret, "%s/%s", m->regime.cgroup_path, start->slice) < 0)
		*ret = NULL;
	return *ret ? 1 : -ENOMEM;
}

int manager_place_prepared(struct manager *m, const struct manager_start *start, const struct foreign *foreign, struct request_item *items,
			   size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger later = { 0 };
	_cleanup_(freep) char *slice = NULL;
	struct partition_host host = { 0 };
	const struct partition_ask ask = { &host, &m->regime, &later, foreign, start->domain };
	int r;

	for (size_t i = 0; i < n; i++)
		items[i].apart = false;
	r = regime_renew(m);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot look at the host again: %s", strerror(-r));
	r = slice_path(m, start, items, n, &slice);
	if (r < 0)
		return r;
	if (!items_ask(items, n) && (slice ? !ledger_slice(&m->ledger, slice) : m->regime.kind != REGIME_PINNED))
		return 0;	/* shares what all share */
	r = partition_host_read(m->root, &m->regime, slice, &host, reterr);
	if (r >= 0 && slice && items_ask(items, n))
		r = slice_check_roams(m, slice, foreign, reterr);
	if (r >= 0)
		r = ledger_settled(&m->ledger, &host, &later);
	return r < 0 ? r : partition_assign(&ask, items, n, reterr);
}

/* The group of another vCPU that is to share the CPU, below which there is nothing of ours yet. 1 = *ret is it. */
static int group_of_other(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n, uint32_t cpu,
			  const struct ledger *want, char **ret)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(partition_clear) struct partition other = { 0 };
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);

		if (!thread || thread->kind != VM_THREAD_VCPU || !items[i].apart || items[i].cpu != cpu ||
		    item_look(m, vm, &items[i], &other, NULL) < 0 || ledger_group(want, other.cgroup))
			continue;
		*ret = TAKE_PTR(other.cgroup);
		return 1;
	}
	return 0;
}

/*
 * An exclusive CPU: below whose group? That of those who have the CPU already; else the thread's own, or that of a vCPU which is asked for
 * with it. Below one group there is one partition, which may be another CPU's still: then that one has to end first.
 */
static int partition_settle(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    const struct request_item *item, const struct ledger *want, struct partition *partition,
			    struct vr_error **reterr)
{
	const struct partition *there = ledger_partition_on(want, partition->cpu);
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	_cleanup_(freep) char *group = NULL;
	int r = 1;

	assert(partition->cgroup);	/* its own group, as item_look() has found it */
	if (there)
		group = strdup(there->cgroup);
	else if (thread && thread->kind == VM_THREAD_VCPU && !ledger_group(want, partition->cgroup))
		group = strdup(partition->cgroup);
	else
		r = group_of_other(m, vm, items, n, partition->cpu, want, &group);
	if (r == 0)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "CPU %u cannot be set apart for %s: the partition of another CPU, which its domain shares, is in its control "
				    "group: release that one first", partition->cpu, partition->label);
	if (!group)
		return -ENOMEM;
	if (strcmp(group, partition->cgroup) != 0)
		partition->home = TAKE_PTR(partition->cgroup);
	else
		free(partition->cgroup);
	partition->cgroup = TAKE_PTR(group);
	if (there) {
		partition->kept = there->kept;
		return 0;
	}
	r = partition_look_kept(m->root, partition);
	return r < 0 ? vr_error_set(reterr, r, VR_FAILED, "cannot read %s: %s", partition->cgroup, strerror(-r)) : 0;
}

/* Into the ledger that is wanted: a partition for each item that gets a CPU. */
int manager_want_partitions(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    struct ledger *want, struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(partition_clear) struct partition partition = { 0 };
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);
		nsec_t rest = manager_rest_partition_ns(m, &items[i].reservation);
		struct partition *own;
		int r;

		if (!items[i].apart || !thread)
			continue;
		own = ledger_partition(want, thread->tid, thread->start_ticks);
		if (own) {
			if (own->kind != PARTITION_PINNED && rest > own->rest_ns)
				own->rest_ns = rest;
			continue;
		}
		r = item_look(m, vm, &items[i], &partition, reterr);
		if (r < 0)
			return r;
		partition.cpu = items[i].cpu;
		partition.rest_ns = partition.kind == PARTITION_PINNED ? 0 : rest;
		if (partition.kind == PARTITION_EXCLUSIVE)
			r = partition_settle(m, vm, items, n, &items[i], want, &partition, reterr);
		if (r >= 0)
			r = ledger_add_partition(want, &partition);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A thread that rests is in its partition still, which says nothing about where it will be. */
int manager_place_settles(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger want = { 0 };
	struct partition_host host = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		if (item_rests(m, vm, &items[i]))
			return 0;
	r = ledger_settled(&m->ledger, &host, &want);
	return r < 0 ? r : manager_want_partitions(m, vm, items, n, &want, reterr);
}
