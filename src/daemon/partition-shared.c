/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets which CPUs in a slice. Several domains are in it, and all their threads share its CPUs: the first request names
 * them all, and the slice is made a partition of exactly these; whoever comes next is there already, and names the same
 * CPUs or none. Where the slice has none, and none are named, its threads share with all others as ever.
 *
 * To give a slice other CPUs, all its reservations have to be released first: the threads would lose theirs on the way.
 *
 * Called by partition_assign(). Pure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "partition.h"

static uint32_t cpus_first(const cpu_set_t *cpus)
{
	uint32_t cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, cpus))
		cpu++;
	return cpu;
}

/* What the items name together: one list, or none at all. 1 = *ret is it. */
static int items_name(const struct partition_ask *ask, const struct request_item *items, size_t n, cpu_set_t *ret,
		      struct vr_error **reterr)
{
	int named = 0;

	for (size_t i = 0; i < n; i++) {
		if (CPU_COUNT(&items[i].cpus) == 0)
			continue;
		if (named && !CPU_EQUAL(&items[i].cpus, ret))
			return vr_error_set(reterr, -EINVAL, VR_BAD_CPU,
					    "%s of %s: all threads of a slice share its CPUs, so the same have to be named for all of them",
					    items[i].thread, ask->domain);
		*ret = items[i].cpus;
		named = 1;
	}
	return named;
}

static bool slice_is_used(const struct ledger *ledger, const char *slice)
{
	for (size_t i = 0; i < ledger->n_partitions; i++)
		if (ledger->partitions[i].kind == PARTITION_SHARED && strcmp(ledger->partitions[i].cgroup, slice) == 0 &&
		    ledger_tenant(ledger, &ledger->partitions[i]))
			return true;
	return false;
}

/* The slice has CPUs: are those named the same? */
static int slice_check(const struct partition_ask *ask, const struct partition *slice, const cpu_set_t *cpus,
		       struct vr_error **reterr)
{
	_cleanup_(freep) char *list = NULL;

	if (CPU_EQUAL(&slice->cpus, cpus))
		return 0;
	if (!slice_is_used(ask->ledger, ask->host->slice))
		return -EAGAIN;		/* it ends in a moment */
	if (cpulist_format(&slice->cpus, &list) < 0)
		return -ENOMEM;
	return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
			    "%s has CPU %s already, for all domains in it: name the same or none, or release their reservations first",
			    strrchr(ask->host->slice, '/') + 1, list);
}

/* CPUs that the slice is to get: each may be had, and one stays. */
static int cpus_check(const struct partition_ask *ask, const char *thread, const cpu_set_t *cpus, struct vr_error **reterr)
{
	cpu_set_t left, its;

	CPU_AND(&its, &ask->host->housekeeping, &ask->host->isolated);
	CPU_XOR(&left, &ask->host->housekeeping, &its);
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int r;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		r = partition_check_cpu(ask, thread, cpu, reterr);
		if (r < 0)
			return r;
		CPU_CLR(cpu, &left);
	}
	for (size_t i = 0; i < ask->ledger->n_partitions; i++) {
		partition_cpus(&ask->ledger->partitions[i], &its);
		CPU_AND(&its, &its, &left);
		CPU_XOR(&left, &left, &its);
	}
	if (CPU_COUNT(&left) == 0)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "%s of %s: these are all CPUs that there are, at least one has to stay for everything else", thread,
				    ask->domain);
	return 0;
}

static int items_check(const struct partition_ask *ask, const struct request_item *items, size_t n, struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++) {
		const struct promise *promise = ledger_find(ask->ledger, ask->domain, items[i].thread);

		if (promise && !ledger_partition(ask->ledger, promise->tid, promise->start_ticks))
			return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
					    "%s of %s shares its CPUs with all others: release it first, then its slice may get some",
					    items[i].thread, ask->domain);
	}
	return 0;
}

int partition_assign_shared(const struct partition_ask *ask, struct request_item *items, size_t n, struct vr_error **reterr)
{
	const struct partition *slice = ledger_slice(ask->ledger, ask->host->slice);
	cpu_set_t cpus;
	int r, named;

	for (size_t i = 0; i < n; i++)
		items[i].apart = false;
	named = items_name(ask, items, n, &cpus, reterr);
	if (named < 0 || (!named && !slice))
		return named < 0 ? named : 0;
	r = items_check(ask, items, n, reterr);
	if (r >= 0 && named)
		r = slice ? slice_check(ask, slice, &cpus, reterr) : cpus_check(ask, items[0].thread, &cpus, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		items[i].apart = true;
		items[i].kind = PARTITION_SHARED;
		items[i].slice_cpus = slice ? slice->cpus : cpus;
		items[i].cpu = cpus_first(&items[i].slice_cpus);
	}
	return 0;
}
