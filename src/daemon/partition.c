/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets which CPU for itself. A request may name CPUs for a thread; the first of them that nobody has is taken, so
 * that one number means this CPU and a list leaves the choice. A thread that has a CPU of its own keeps it when its
 * parameters are replaced; to go to another one it has to be released first, since it cannot be SCHED_DEADLINE on the way.
 *
 * A CPU is refused, each time with one line that says why, when it is not there, offline, isolated by boot options, in a
 * partition of somebody else, promised to another thread, or the last one for housekeeping.
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

static bool cpu_is_taken(const struct request_item *items, size_t n, uint32_t cpu)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].apart && items[i].cpu == cpu)
			return true;
	return false;
}

/* Is there another CPU left when this one goes, too? */
static bool housekeeping_remains(const struct partition_host *host, const struct ledger *ledger,
				 const struct request_item *items, size_t n, uint32_t cpu)
{
	cpu_set_t left = host->housekeeping;

	CPU_CLR(cpu, &left);
	for (size_t i = 0; i < ledger->n_partitions; i++)
		CPU_CLR(ledger->partitions[i].cpu, &left);
	for (size_t i = 0; i < n; i++)
		if (items[i].apart)
			CPU_CLR(items[i].cpu, &left);
	return CPU_COUNT(&left) > 0;
}

struct question {
	const struct partition_host *host;
	const struct ledger *ledger;
	const char *domain;
	const struct request_item *items;
	size_t before;			/* so many items have their CPU */
};

/* 0 = free; else with words. -EAGAIN: a partition on it is about to end. */
static int cpu_check(const struct question *q, const char *thread, uint32_t cpu, struct vr_error **reterr)
{
	const struct partition *other = ledger_partition_on(q->ledger, cpu);

	if (!CPU_ISSET(cpu, &q->host->online))
		return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "%s of %s: CPU %u does not exist or is offline", thread,
				    q->domain, cpu);
	if (CPU_ISSET(cpu, &q->host->isolated))
		return vr_error_set(reterr, -EINVAL, VR_BAD_CPU,
				    "%s of %s: CPU %u is isolated by boot options (isolcpus): the kernel makes no partition of it",
				    thread, q->domain, cpu);
	if (cpu_is_taken(q->items, q->before, cpu))
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "%s of %s: CPU %u is asked for twice, and one CPU serves one thread", thread, q->domain, cpu);
	if (other && !ledger_tenant(q->ledger, other))
		return -EAGAIN;
	if (other)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU, "%s of %s: CPU %u is exclusive to %s", thread, q->domain, cpu,
				    other->label);
	if (!CPU_ISSET(cpu, &q->host->housekeeping))
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "%s of %s: CPU %u belongs to a cpuset partition that is not of virtrkd", thread, q->domain,
				    cpu);
	if (!housekeeping_remains(q->host, q->ledger, q->items, q->before, cpu))
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "%s of %s: CPU %u is the last one for everything else, at least one has to stay", thread,
				    q->domain, cpu);
	return 0;
}

/* The first that is free. Of several that are not, the first one's reason, unless another only has to be waited for. */
static int cpu_choose(const struct question *q, struct request_item *item, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *first = NULL;
	bool waits = false;
	int code = -EINVAL;

	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int r;

		if (!CPU_ISSET(cpu, &item->cpus))
			continue;
		r = cpu_check(q, item->thread, cpu, &first);
		if (r == 0) {
			item->apart = true;
			item->cpu = cpu;
			return 0;
		}
		waits |= r == -EAGAIN;
	}
	if (waits)
		return -EAGAIN;
	code = first ? first->code : -ENOMEM;
	if (CPU_COUNT(&item->cpus) > 1)
		return vr_error_set(reterr, code, VR_BAD_CPU, "%s of %s: none of its %d CPUs is free; the first: %s",
				    item->thread, q->domain, CPU_COUNT(&item->cpus), first ? first->text : "");
	if (reterr && !*reterr)
		*reterr = TAKE_PTR(first);
	return code;
}

static int item_assign(const struct question *q, struct request_item *item, struct vr_error **reterr)
{
	const struct promise *promise = ledger_find(q->ledger, q->domain, item->thread);
	const struct partition *own = item_partition(q->ledger, q->domain, item);
	bool asks = CPU_COUNT(&item->cpus) > 0;

	item->apart = false;
	if (own && (!asks || CPU_ISSET(own->cpu, &item->cpus))) {
		item->apart = true;
		item->cpu = own->cpu;
		return 0;
	}
	if (promise && asks)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    own ? "%s of %s has a CPU of its own already: release it first, then it may get another"
					: "%s of %s shares its CPUs with others: release it first, then it may get one of its own",
				    item->thread, q->domain);
	return asks ? cpu_choose(q, item, reterr) : 0;
}

int partition_assign(const struct partition_host *host, const struct ledger *ledger, const char *domain,
		     struct request_item *items, size_t n, struct vr_error **reterr)
{
	struct question q = { host, ledger, domain, items, 0 };

	for (q.before = 0; q.before < n; q.before++) {
		int r = item_assign(&q, &items[q.before], reterr);

		if (r < 0)
			return r;
	}
	return 0;
}
