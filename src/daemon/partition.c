/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets which CPU. A request may name CPUs for a thread; the first of them that will do is taken, so that one number
 * means this CPU and a list leaves the choice. A thread that has its CPU keeps it when its parameters are replaced; to go
 * to another one it has to be released first, since it cannot be SCHED_DEADLINE on the way.
 *
 *   exclusive   the thread gets a CPU that nobody has, or, where its list has none, one that threads of its own domain have: they
 *               share it as long as admission says yes
 *   pinned      where the kernel checks nothing (sched_rt_runtime_us = -1): threads of any domain share a CPU as long as admission says
 *               yes. Since it judges one CPU by itself, no SCHED_DEADLINE thread may roam that could come there
 *   shared      the domain is in a slice of ours: partition-shared.c
 *
 * A CPU is refused, each time with one line that says why, when it is not there, offline, in a partition of somebody else,
 * promised to another domain, or the last one for housekeeping; isolated by boot options, when it is to be exclusive.
 *
 * Called by the manager before admission, which judges what is assigned here. Pure.
 */
#include <errno.h>
#include <string.h>

#include "partition.h"

static const struct partition *item_partition(const struct ledger *ledger, const char *domain,
					      const struct request_item *item)
{
	const struct promise *promise = ledger_find(ledger, domain, item->thread);

	return promise ? ledger_partition(ledger, promise->tid, promise->start_ticks) : NULL;
}

/* By an item before, not by those that are pinned there with it. */
static bool cpu_is_taken(const struct request_item *items, size_t n, uint32_t cpu)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].apart && items[i].cpu == cpu)
			return true;
	return false;
}

/* Is there another CPU left when this one goes, too, and those that are held? One that is isolated would be a poor place for everything else. */
static bool housekeeping_remains(const struct partition_ask *ask, const struct request_item *items, size_t n, uint32_t cpu)
{
	const struct ledger *ledger = ask->ledger;
	cpu_set_t left, its;

	CPU_AND(&its, &ask->host->housekeeping, &ask->host->isolated);
	CPU_XOR(&left, &ask->host->housekeeping, &its);
	CPU_CLR(cpu, &left);
	for (size_t i = 0; ask->foreign && i < ask->foreign->n; i++) {
		if (!ask->foreign->loads[i].held_for)
			continue;
		CPU_AND(&its, &ask->foreign->loads[i].cpus, &left);
		CPU_XOR(&left, &left, &its);
	}
	for (size_t i = 0; i < ledger->n_partitions; i++) {
		partition_cpus(&ledger->partitions[i], &its);
		CPU_AND(&its, &its, &left);
		CPU_XOR(&left, &left, &its);
	}
	for (size_t i = 0; i < n; i++)
		if (items[i].apart)
			CPU_CLR(items[i].cpu, &left);
	return CPU_COUNT(&left) > 0;
}

struct question {
	const struct partition_ask *ask;
	struct request_item *items;
	size_t n;
	size_t before;			/* so many items have their CPU */
};

#define refuse(q, thread, code, format, ...) \
	vr_error_set(reterr, code, VR_BAD_CPU, "%s of %s: " format, thread, (q)->ask->domain, __VA_ARGS__)

/* A thread of somebody else that has more than this CPU: where it runs next nobody knows, and no test for one CPU holds beside it. */
static const struct foreign_load *load_roams(const struct foreign *foreign, uint32_t cpu)
{
	for (size_t i = 0; foreign && i < foreign->n; i++) {
		const struct foreign_load *load = &foreign->loads[i];
		int count = CPU_COUNT(&load->cpus);

		if (load->tid > 0 && count != 1 && (count == 0 || CPU_ISSET(cpu, &load->cpus)))
			return load;
	}
	return NULL;
}

static const struct promise *promise_roams(const struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->n; i++)
		if (!ledger_partition(ledger, ledger->promises[i].tid, ledger->promises[i].start_ticks))
			return &ledger->promises[i];
	return NULL;
}

/* What only those mind that are pinned. */
static int cpu_check_pinned(const struct question *q, const char *thread, uint32_t cpu, struct vr_error **reterr)
{
	const struct promise *promise = promise_roams(q->ask->ledger);
	const struct foreign_load *load = load_roams(q->ask->foreign, cpu);

	if (promise)
		return refuse(q, thread, -EBUSY,
			      "CPU %u cannot be promised to it, since %s of %s has a reservation on all CPUs: release that one, then both "
			      "may be pinned", cpu, promise->thread, promise->domain);
	if (load)
		return refuse(q, thread, -EBUSY,
			      "CPU %u cannot be promised to it, since thread %d (%s, not ours) is SCHED_DEADLINE and may come there, too: "
			      "give that one a CPU with taskset", cpu, load->tid, load->comm);
	return 0;
}

/* Prepared for another domain, which will have it. */
static const struct foreign_load *cpu_held(const struct partition_ask *ask, uint32_t cpu)
{
	for (size_t i = 0; ask->foreign && i < ask->foreign->n; i++) {
		const struct foreign_load *load = &ask->foreign->loads[i];

		if (load->held_for && CPU_ISSET(cpu, &load->cpus) && strcmp(load->held_for, ask->domain) != 0)
			return load;
	}
	return NULL;
}

/* What only those mind that want it for themselves. */
static int cpu_check_exclusive(const struct question *q, const char *thread, uint32_t cpu, struct vr_error **reterr)
{
	const struct foreign_load *held = cpu_held(q->ask, cpu);

	if (held)
		return refuse(q, thread, -EBUSY, "CPU %u is prepared for %s", cpu, held->held_for);
	if (CPU_ISSET(cpu, &q->ask->host->isolated))
		return refuse(q, thread, -EINVAL, "CPU %u is isolated by boot options (isolcpus): the kernel makes no partition of it", cpu);
	return 0;
}

/* Exclusive to the domain that asks: by an item before, or by the ledger. */
static bool cpu_is_ours(const struct question *q, uint32_t cpu)
{
	const struct partition *other = ledger_partition_on(q->ask->ledger, cpu);
	const struct promise *tenant = other ? ledger_tenant_beside(q->ask->ledger, other) : NULL;

	if (q->ask->host->pinned || q->ask->host->slice)
		return false;
	return cpu_is_taken(q->items, q->before, cpu) ||
	       (tenant && other->kind == PARTITION_EXCLUSIVE && strcmp(tenant->domain, q->ask->domain) == 0);
}

/* Whose it is, in words of the one that is there. */
static int cpu_refuse(const struct question *q, const char *thread, uint32_t cpu, const struct partition *other,
		      struct vr_error **reterr)
{
	const struct promise *tenant = ledger_tenant_beside(q->ask->ledger, other);

	if (!tenant)
		return -EAGAIN;
	return refuse(q, thread, -EBUSY, "CPU %u is %s to %s of %s", cpu, other->kind == PARTITION_EXCLUSIVE ? "exclusive" : "promised",
		      tenant->thread, tenant->domain);
}

/* 0 = free; else with words. -EAGAIN: a partition on it is about to end. */
static int cpu_check(const struct question *q, const char *thread, uint32_t cpu, struct vr_error **reterr)
{
	const struct partition_host *host = q->ask->host;
	const struct partition *other = ledger_partition_on(q->ask->ledger, cpu);
	int r;

	if (!CPU_ISSET(cpu, &host->online))
		return refuse(q, thread, -EINVAL, "CPU %u does not exist or is offline", cpu);
	r = host->pinned ? cpu_check_pinned(q, thread, cpu, reterr) : cpu_check_exclusive(q, thread, cpu, reterr);
	if (r < 0 || cpu_is_ours(q, cpu))
		return r;
	if (other && !(host->pinned && other->kind == PARTITION_PINNED))
		return cpu_refuse(q, thread, cpu, other, reterr);
	if (!CPU_ISSET(cpu, &host->housekeeping))
		return refuse(q, thread, -EBUSY, "CPU %u belongs to a cpuset partition that is not of virtrkd", cpu);
	if (!housekeeping_remains(q->ask, q->items, q->before, cpu))
		return refuse(q, thread, -EBUSY, "CPU %u is the last one for everything else, at least one has to stay", cpu);
	return 0;
}

static void item_give(const struct question *q, struct request_item *item, uint32_t cpu)
{
	item->apart = true;
	item->cpu = cpu;
	item->kind = q->ask->host->pinned ? PARTITION_PINNED : PARTITION_EXCLUSIVE;
}

/* Is it as good as any, or does the item fit beside those that are there? The item has the CPU. */
static int item_fits(const struct question *q, const struct request_item *item, bool *ret)
{
	*ret = true;
	if (CPU_COUNT(&item->cpus) == 1 || !(q->ask->host->pinned || cpu_is_ours(q, item->cpu)))
		return 0;
	return admit_fits_on(q->ask->regime, q->ask->ledger, q->ask->foreign, q->ask->domain, q->items, q->before + 1, item->cpu, ret);
}

/* What was found out about a list of CPUs. */
struct search {
	struct vr_error *first;		/* of those that are not free the first one's reason */
	uint32_t allowed;		/* the first that is, though the item does not fit there; CPU_SETSIZE: none */
	bool waits;			/* one only has to be waited for */
};

/* The first that is free, and on which the item fits; only those that are ours already, or only the others. 1: it has one. */
static int cpus_try(const struct question *q, struct request_item *item, bool ours, struct search *search)
{
	bool fits;
	int r;

	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &item->cpus) || cpu_is_ours(q, cpu) != ours)
			continue;
		r = cpu_check(q, item->thread, cpu, &search->first);
		search->waits |= r == -EAGAIN;
		if (r < 0)
			continue;
		item_give(q, item, cpu);
		r = item_fits(q, item, &fits);
		if (r < 0 || fits)
			return r < 0 ? r : 1;
		search->allowed = search->allowed < cpu ? search->allowed : cpu;
	}
	return 0;
}

/* Nobody's before its own domain's. Of several that are not free, the first one's reason, unless another only has to be waited for. */
static int cpu_choose(const struct question *q, struct request_item *item, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *first = NULL;
	struct search search = { .allowed = CPU_SETSIZE };
	int r, code;

	r = cpus_try(q, item, false, &search) ?: cpus_try(q, item, true, &search);
	first = search.first;
	if (r != 0)
		return r < 0 ? r : 0;
	if (search.allowed < CPU_SETSIZE) {
		item_give(q, item, search.allowed);
		return 0;
	}
	item->apart = false;
	if (search.waits)
		return -EAGAIN;
	code = first ? first->code : -ENOMEM;
	if (CPU_COUNT(&item->cpus) > 1)
		return vr_error_set(reterr, code, VR_BAD_CPU, "%s of %s: none of its %d CPUs is free; the first: %s",
				    item->thread, q->ask->domain, CPU_COUNT(&item->cpus), first ? first->text : "");
	if (reterr && !*reterr)
		*reterr = TAKE_PTR(first);
	return code;
}

/* A CPU for one that names none: rather one to which others are pinned already, so that the rest stays what it is. */
static int cpu_plan(const struct question *q, struct request_item *item, struct vr_error **reterr)
{
	const struct partition_host *host = q->ask->host;
	bool fits;
	int r;

	item->cpus = host->online;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &host->online) ||
		    (!cpu_is_taken(q->items, q->before, cpu) && !ledger_partition_on(q->ask->ledger, cpu)) ||
		    cpu_check(q, item->thread, cpu, NULL) < 0)
			continue;
		item_give(q, item, cpu);
		r = item_fits(q, item, &fits);
		if (r < 0 || fits)
			return r;
	}
	return cpu_choose(q, item, reterr);
}

/* Where some are pinned all are. */
static bool others_are_pinned(const struct question *q)
{
	for (size_t i = 0; i < q->ask->ledger->n_partitions; i++)
		if (q->ask->ledger->partitions[i].kind == PARTITION_PINNED)
			return true;
	for (size_t i = 0; i < q->n; i++)
		if (CPU_COUNT(&q->items[i].cpus) > 0)
			return true;
	for (size_t i = 0; q->ask->foreign && i < q->ask->foreign->n; i++)
		if (q->ask->foreign->loads[i].held_for && CPU_COUNT(&q->ask->foreign->loads[i].cpus) > 0)
			return true;
	return false;
}

static int item_assign(const struct question *q, struct request_item *item, struct vr_error **reterr)
{
	const struct promise *promise = ledger_find(q->ask->ledger, q->ask->domain, item->thread);
	const struct partition *own = item_partition(q->ask->ledger, q->ask->domain, item);
	bool asks = CPU_COUNT(&item->cpus) > 0;

	item->apart = false;
	if (own && (!asks || CPU_ISSET(own->cpu, &item->cpus))) {
		item->apart = true;
		item->cpu = own->cpu;
		item->kind = own->kind;
		return 0;
	}
	if (promise && asks)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    !own ? "%s of %s shares its CPUs with others: release it first, then it may get one of its own"
				    : own->kind == PARTITION_PINNED ?
					   "%s of %s is pinned to a CPU already: release it first, then it may get another"
					 : "%s of %s has a CPU of its own already: release it first, then it may get another",
				    item->thread, q->ask->domain);
	if (!promise && !asks && q->ask->host->pinned && others_are_pinned(q))
		return cpu_plan(q, item, reterr);
	return asks ? cpu_choose(q, item, reterr) : 0;
}

static bool thread_is_vcpu(const char *name)
{
	enum vm_thread_kind kind;
	uint32_t index;

	return vm_thread_name_parse(name, &kind, &index) >= 0 && kind == VM_THREAD_VCPU;
}

static bool vcpu_is_on(const struct question *q, uint32_t cpu)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->items[i].apart && q->items[i].cpu == cpu && thread_is_vcpu(q->items[i].thread))
			return true;
	return false;
}

/* The partition is made below a vCPU's control group: other threads come to one that is there, or is made with them. */
static int vcpus_check(const struct question *q, struct vr_error **reterr)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct request_item *item = &q->items[i];

		if (item->apart && item->kind == PARTITION_EXCLUSIVE && !ledger_partition_on(q->ask->ledger, item->cpu) &&
		    !vcpu_is_on(q, item->cpu))
			return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
					    "%s of %s cannot get a CPU of its own: only a vCPU can, and then others of its domain may share it",
					    item->thread, q->ask->domain);
	}
	return 0;
}

int partition_check_cpu(const struct partition_ask *ask, const char *thread, uint32_t cpu, struct vr_error **reterr)
{
	const struct question q = { ask, NULL, 0, 0 };

	return cpu_check(&q, thread, cpu, reterr);
}

int partition_assign(const struct partition_ask *ask, struct request_item *items, size_t n, struct vr_error **reterr)
{
	struct question q = { ask, items, n, 0 };

	if (ask->host->slice)
		return partition_assign_shared(ask, items, n, reterr);
	for (q.before = 0; q.before < n; q.before++) {
		int r = item_assign(&q, &items[q.before], reterr);

		if (r < 0)
			return r;
	}
	return vcpus_check(&q, reterr);
}
