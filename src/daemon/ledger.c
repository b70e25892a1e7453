/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger is a value: an array of promises in the order in which they were made, each with the state of its thread
 * from before. A thread is known by two keys that must both be unique: its name ("vcpu0" of "rt") for people, and
 * (tid, start_ticks) for the kernel, which tells a reused tid apart.
 *
 * The manager keeps the one in force and makes changed copies; plan_diff() compares two; state.c writes one down.
 * Pure: no system call, no log; -ENOMEM is the only fault beside a refused duplicate. Searches are linear: a host has
 * tens of reserved threads, a few hundred at most.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ledger.h"

#define REST_TICKS    2
#define REST_GRACE_NS (50 * NSEC_PER_MSEC)

static void promise_done(struct promise *promise)
{
	free(promise->domain);
	promise->domain = NULL;
}

static void partition_done(struct partition *partition)
{
	free(partition->label);
	free(partition->cgroup);
	free(partition->home);
	*partition = (struct partition){ 0 };
}

static bool promise_named(const struct promise *promise, const char *domain, const char *thread)
{
	return strcmp(promise->domain, domain) == 0 && strcmp(promise->thread, thread) == 0;
}

void ledger_done(struct ledger *ledger)
{
	size_t i;

	for (i = 0; i < ledger->n; i++)
		promise_done(&ledger->promises[i]);
	for (i = 0; i < ledger->n_partitions; i++)
		partition_done(&ledger->partitions[i]);
	free(ledger->promises);
	free(ledger->partitions);
	free(ledger->leavers);
	*ledger = (struct ledger){ 0 };
}

struct promise *ledger_find(const struct ledger *ledger, const char *domain, const char *thread)
{
	size_t i;

	for (i = 0; i < ledger->n; i++)
		if (promise_named(&ledger->promises[i], domain, thread))
			return &ledger->promises[i];
	return NULL;
}

/* Makes room for one more first, so that a failure leaves the ledger as it was. */
static int ledger_append(struct ledger *ledger, const struct promise *promise)
{
	_cleanup_(freep) char *domain = strdup(promise->domain);
	struct promise *grown;

	if (!domain)
		return -ENOMEM;
	grown = reallocarray(ledger->promises, ledger->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	ledger->promises = grown;
	grown[ledger->n] = *promise;
	grown[ledger->n].domain = TAKE_PTR(domain);
	ledger->n++;
	return 0;
}

int ledger_add(struct ledger *ledger, const struct promise *promise)
{
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		const struct promise *p = &ledger->promises[i];

		if (promise_named(p, promise->domain, promise->thread) ||
		    (p->tid == promise->tid && p->start_ticks == promise->start_ticks))
			return -EEXIST;
	}
	return ledger_append(ledger, promise);
}

int ledger_copy(const struct ledger *ledger, struct ledger *ret)
{
	_cleanup_(ledger_done) struct ledger copy = { 0 };
	size_t i;
	int r;

	for (i = 0; i < ledger->n; i++) {
		r = ledger_append(&copy, &ledger->promises[i]);
		if (r < 0)
			return r;
	}
	for (i = 0; i < ledger->n_partitions; i++) {
		r = ledger_add_partition(&copy, &ledger->partitions[i]);
		if (r < 0)
			return r;
	}
	for (i = 0; i < ledger->n_leavers; i++) {
		const struct leaver *l = &ledger->leavers[i];

		r = ledger_rest(&copy, l->tid, l->start_ticks, l->until_ns);
		if (r < 0)
			return r;
	}
	*ret = copy;
	copy = (struct ledger){ 0 };
	return 0;
}

/* Keeps the order of the others. */
static void ledger_remove_at(struct ledger *ledger, size_t at)
{
	promise_done(&ledger->promises[at]);
	ledger->n--;
	memmove(&ledger->promises[at], &ledger->promises[at + 1], (ledger->n - at) * sizeof(*ledger->promises));
}

bool ledger_remove(struct ledger *ledger, const char *domain, const char *thread)
{
	struct promise *promise = ledger_find(ledger, domain, thread);

	if (!promise)
		return false;
	ledger_remove_at(ledger, (size_t)(promise - ledger->promises));
	return true;
}

size_t ledger_remove_pid(struct ledger *ledger, pid_t pid)
{
	size_t removed = 0;
	size_t i = 0;

	while (i < ledger->n) {
		if (ledger->promises[i].pid == pid) {
			ledger_remove_at(ledger, i);
			removed++;
		} else {
			i++;
		}
	}
	return removed;
}

static struct leaver *leaver_find(const struct ledger *ledger, pid_t tid, uint64_t start_ticks)
{
	size_t i;

	for (i = 0; i < ledger->n_leavers; i++)
		if (ledger->leavers[i].tid == tid && ledger->leavers[i].start_ticks == start_ticks)
			return &ledger->leavers[i];
	return NULL;
}

int ledger_rest(struct ledger *ledger, pid_t tid, uint64_t start_ticks, nsec_t until_ns)
{
	struct leaver *leaver = leaver_find(ledger, tid, start_ticks);
	struct leaver *grown;

	if (leaver) {
		if (leaver->until_ns < until_ns)
			leaver->until_ns = until_ns;
		return 0;
	}
	grown = reallocarray(ledger->leavers, ledger->n_leavers + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	ledger->leavers = grown;
	grown[ledger->n_leavers++] = (struct leaver){ tid, start_ticks, until_ns };
	return 0;
}

nsec_t ledger_rests_until(const struct ledger *ledger, pid_t tid, uint64_t start_ticks)
{
	const struct leaver *leaver = leaver_find(ledger, tid, start_ticks);

	return leaver ? leaver->until_ns : 0;
}

void ledger_rest_expire(struct ledger *ledger, nsec_t now_ns)
{
	size_t i, kept = 0;

	for (i = 0; i < ledger->n_leavers; i++)
		if (ledger->leavers[i].until_ns > now_ns)
			ledger->leavers[kept++] = ledger->leavers[i];
	ledger->n_leavers = kept;
}

nsec_t promise_rest_ns(const struct vrk_reservation *reservation, nsec_t tick_ns, nsec_t debt_ns)
{
	nsec_t overrun = REST_TICKS * tick_ns > debt_ns ? REST_TICKS * tick_ns : debt_ns;
	unsigned __int128 rest = (unsigned __int128)overrun * reservation->period_ns;

	rest = (rest + reservation->budget_ns - 1) / reservation->budget_ns;
	rest += reservation->period_ns;
	rest += (nsec_t)REST_GRACE_NS;
	return rest < NSEC_MAX ? (nsec_t)rest : NSEC_MAX;
}

struct partition *ledger_partition(const struct ledger *ledger, pid_t tid, uint64_t start_ticks)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++)
		if (ledger->partitions[i].tid == tid && ledger->partitions[i].start_ticks == start_ticks)
			return &ledger->partitions[i];
	return NULL;
}

void partition_cpus(const struct partition *partition, cpu_set_t *ret)
{
	if (partition->kind == PARTITION_SHARED) {
		*ret = partition->cpus;
		return;
	}
	CPU_ZERO(ret);
	CPU_SET(partition->cpu, ret);
}

static bool partition_has(const struct partition *partition, uint32_t cpu)
{
	return partition->kind == PARTITION_SHARED ? CPU_ISSET(cpu, &partition->cpus) : partition->cpu == cpu;
}

struct partition *ledger_partition_on(const struct ledger *ledger, uint32_t cpu)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++)
		if (partition_has(&ledger->partitions[i], cpu))
			return &ledger->partitions[i];
	return NULL;
}

struct partition *ledger_slice(const struct ledger *ledger, const char *slice)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++)
		if (ledger->partitions[i].kind == PARTITION_SHARED && strcmp(ledger->partitions[i].cgroup, slice) == 0)
			return &ledger->partitions[i];
	return NULL;
}

struct partition *ledger_group(const struct ledger *ledger, const char *cgroup)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++)
		if (ledger->partitions[i].cgroup && strcmp(ledger->partitions[i].cgroup, cgroup) == 0)
			return &ledger->partitions[i];
	return NULL;
}

static bool place_is_first(const struct ledger *ledger, size_t at)
{
	return ledger_partition_on(ledger, ledger->partitions[at].cpu) == &ledger->partitions[at];
}

size_t ledger_places(const struct ledger *ledger)
{
	size_t i, n = 0;

	for (i = 0; i < ledger->n_partitions; i++)
		n += place_is_first(ledger, i);
	return n;
}

const struct partition *ledger_place(const struct ledger *ledger, size_t place)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++)
		if (place_is_first(ledger, i) && place-- == 0)
			return &ledger->partitions[i];
	return NULL;
}

struct promise *ledger_tenant(const struct ledger *ledger, const struct partition *partition)
{
	size_t i;

	for (i = 0; i < ledger->n; i++)
		if (ledger->promises[i].tid == partition->tid &&
		    ledger->promises[i].start_ticks == partition->start_ticks)
			return &ledger->promises[i];
	return NULL;
}

struct promise *ledger_tenant_beside(const struct ledger *ledger, const struct partition *partition)
{
	size_t i;

	for (i = 0; i < ledger->n_partitions; i++) {
		const struct partition *other = &ledger->partitions[i];
		struct promise *tenant = other->cpu == partition->cpu ? ledger_tenant(ledger, other) : NULL;

		if (tenant)
			return tenant;
	}
	return NULL;
}

/* Both are on the same CPUs: in the same way? */
static bool partition_shares(const struct partition *a, const struct partition *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PARTITION_SHARED)
		return strcmp(a->cgroup, b->cgroup) == 0 && CPU_EQUAL(&a->cpus, &b->cpus);
	if (a->kind == PARTITION_EXCLUSIVE)	/* below one group there is one of ours */
		return strcmp(a->cgroup, b->cgroup) == 0 && a->cpu == b->cpu;
	return a->kind == PARTITION_PINNED;
}

static bool group_same(const struct partition *a, const struct partition *b)
{
	return a->cgroup && b->cgroup && strcmp(a->cgroup, b->cgroup) == 0;
}

/* One that is there already has a CPU, or the group, and is not of those that share. */
static bool partition_collides(const struct ledger *ledger, const struct partition *partition)
{
	cpu_set_t cpus;
	size_t i;

	partition_cpus(partition, &cpus);
	for (i = 0; i < ledger->n_partitions; i++) {
		const struct partition *other = &ledger->partitions[i];
		cpu_set_t its, both;

		partition_cpus(other, &its);
		CPU_AND(&both, &its, &cpus);
		if ((CPU_COUNT(&both) > 0 || group_same(other, partition)) && !partition_shares(other, partition))
			return true;
	}
	return false;
}

/* The list is grown last, so that a failure leaves the ledger as it was. */
int ledger_add_partition(struct ledger *ledger, const struct partition *partition)
{
	_cleanup_(freep) char *label = strdup(partition->label);
	_cleanup_(freep) char *cgroup = partition->cgroup ? strdup(partition->cgroup) : NULL;
	_cleanup_(freep) char *home = partition->home ? strdup(partition->home) : NULL;
	struct partition *grown;

	if (!label || (partition->cgroup && !cgroup) || (partition->home && !home))
		return -ENOMEM;
	if (ledger_partition(ledger, partition->tid, partition->start_ticks) || partition_collides(ledger, partition))
		return -EEXIST;
	grown = reallocarray(ledger->partitions, ledger->n_partitions + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	ledger->partitions = grown;
	grown[ledger->n_partitions] = *partition;
	grown[ledger->n_partitions].label = TAKE_PTR(label);
	grown[ledger->n_partitions].cgroup = TAKE_PTR(cgroup);
	grown[ledger->n_partitions].home = TAKE_PTR(home);
	ledger->n_partitions++;
	return 0;
}

void ledger_remove_partition(struct ledger *ledger, pid_t tid, uint64_t start_ticks)
{
	struct partition *partition = ledger_partition(ledger, tid, start_ticks);
	size_t at;

	if (!partition)
		return;
	at = (size_t)(partition - ledger->partitions);
	partition_done(partition);
	ledger->n_partitions--;
	memmove(partition, partition + 1, (ledger->n_partitions - at) * sizeof(*partition));
}

/* RESET_ON_FORK always: without it the kernel lets a SCHED_DEADLINE thread make no thread of its own (sched(7)). */
void promise_sched_state(const struct promise *promise, struct sched_state *ret)
{
	*ret = (struct sched_state){
		.policy = SCHED_DEADLINE,
		.flags = SCHED_FLAG_RESET_ON_FORK | (promise->soft ? SCHED_FLAG_RECLAIM : 0),
		.runtime_ns = promise->reservation.budget_ns,
		.deadline_ns = promise->reservation.deadline_ns,
		.period_ns = promise->reservation.period_ns,
	};
}
