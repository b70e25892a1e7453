/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The difference of two ledgers as steps. Threads are matched by (tid, start_ticks), since that is what the kernel's
 * state hangs on: a domain that got another name meanwhile costs no step, a name that moved to another thread costs two.
 *
 * The order matters to the kernel's own admission, which sees one step at a time: what is given back comes first, then
 * what shrinks, then what grows, then what is new. So the sum it has to hold never exceeds the larger of both ledgers.
 * Within each kind the order of the ledgers is kept, hence the same question always gives the same plan.
 *
 * Called by the manager; carried out by apply.c. Pure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ledger.h"

enum phase { PHASE_GIVE_BACK, PHASE_SHRINK, PHASE_GROW, PHASE_TAKE };

/* One thread as the two ledgers have it; @have or @want may be NULL, not both. */
struct pair {
	const struct promise *have;
	const struct promise *want;
	enum phase phase;
};

static void step_clear(struct step *step)
{
	free(step->label);
	free(step->cgroup);
	free(step->home);
	free(step->freezer);
}

void plan_done(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		step_clear(&plan->steps[i]);
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

int plan_add(struct plan *plan, const struct step *step)
{
	_cleanup_(freep) char *label = strdup(step->label);
	_cleanup_(freep) char *cgroup = step->cgroup ? strdup(step->cgroup) : NULL;
	_cleanup_(freep) char *home = step->home ? strdup(step->home) : NULL;
	_cleanup_(freep) char *freezer = step->freezer ? strdup(step->freezer) : NULL;
	struct step *grown;

	if (!label || (step->cgroup && !cgroup) || (step->home && !home) || (step->freezer && !freezer))
		return -ENOMEM;
	grown = reallocarray(plan->steps, plan->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	plan->steps = grown;
	grown[plan->n] = *step;
	grown[plan->n].label = TAKE_PTR(label);
	grown[plan->n].cgroup = TAKE_PTR(cgroup);
	grown[plan->n].home = TAKE_PTR(home);
	grown[plan->n].freezer = TAKE_PTR(freezer);
	plan->n++;
	return 0;
}

/* One promise of one of the ledgers. */
struct entry {
	const struct promise *promise;
	bool wanted;
};

static bool thread_same(const struct promise *a, const struct promise *b)
{
	return a->tid == b->tid && a->start_ticks == b->start_ticks;
}

/* By thread; of the same thread what it has before what is wanted. */
static int entry_compare_qsort(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->promise->tid != y->promise->tid)
		return x->promise->tid < y->promise->tid ? -1 : 1;
	if (x->promise->start_ticks != y->promise->start_ticks)
		return x->promise->start_ticks < y->promise->start_ticks ? -1 : 1;
	return x->wanted - y->wanted;
}

static void entries_fill(struct entry *entries, const struct ledger *have, const struct ledger *want)
{
	size_t i;

	for (i = 0; i < have->n; i++)
		entries[i] = (struct entry){ &have->promises[i], false };
	for (i = 0; i < want->n; i++)
		entries[have->n + i] = (struct entry){ &want->promises[i], true };
	qsort(entries, have->n + want->n, sizeof(*entries), entry_compare_qsort);
}

/* Exact, by cross multiplication: 64 times 64 bits fit 128. */
static bool reservation_is_larger(const struct vrk_reservation *a, const struct vrk_reservation *b)
{
	return (unsigned __int128)a->budget_ns * b->period_ns > (unsigned __int128)b->budget_ns * a->period_ns;
}

/* Both ledgers have this thread: true when the kernel has to hear of it. */
static bool pair_changes(struct pair *pair)
{
	struct sched_state old, new;

	promise_sched_state(pair->have, &old);
	promise_sched_state(pair->want, &new);
	pair->phase = reservation_is_larger(&pair->want->reservation, &pair->have->reservation) ? PHASE_GROW :
												  PHASE_SHRINK;
	return !sched_state_equal(&old, &new);
}

/* Each thread once, from sorted entries. Returns how many need a step. */
static size_t pairs_fill(struct pair *pairs, const struct entry *entries, size_t n_entries)
{
	size_t i = 0, n = 0;

	while (i < n_entries) {
		struct pair pair = { .phase = PHASE_TAKE };
		const struct promise *promise = entries[i].promise;

		if (!entries[i].wanted) {
			pair.have = promise;
			pair.phase = PHASE_GIVE_BACK;
			i++;
		}
		if (i < n_entries && entries[i].wanted && thread_same(promise, entries[i].promise))
			pair.want = entries[i++].promise;
		if (!pair.have || !pair.want || pair_changes(&pair))
			pairs[n++] = pair;
	}
	return n;
}

static int pair_compare_qsort(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	/* of one phase: all have a want, or none has; both arrays hold promises in their ledger's order */
	if (x->want)
		return x->want < y->want ? -1 : x->want > y->want;
	return x->have < y->have ? -1 : x->have > y->have;
}

static int plan_add_pair(struct plan *plan, const struct pair *pair)
{
	const struct promise *promise = pair->want ? pair->want : pair->have;
	struct step step = { .kind = STEP_SCHED, .tid = promise->tid, .start_ticks = promise->start_ticks };
	_cleanup_(freep) char *label = NULL;

	if (asprintf(&label, "%s of %s", promise->thread, promise->domain) < 0) {
		label = NULL;
		return -ENOMEM;
	}
	step.label = label;
	switch (pair->phase) {
	case PHASE_GIVE_BACK:
		promise_sched_state(promise, &step.old);
		step.new = promise->before;
		break;
	case PHASE_TAKE:
		step.old = promise->before;
		promise_sched_state(promise, &step.new);
		break;
	case PHASE_SHRINK:
	case PHASE_GROW:
		promise_sched_state(pair->have, &step.old);
		promise_sched_state(pair->want, &step.new);
		break;
	}
	return plan_add(plan, &step);
}

/* Two records of one partition of the kernel. */
static bool partition_same(const struct partition *a, const struct partition *b)
{
	return a->cgroup && b->cgroup && strcmp(a->cgroup, b->cgroup) == 0 && (a->kind != PARTITION_EXCLUSIVE || a->cpu == b->cpu);
}

static bool partition_is_in(const struct ledger *ledger, size_t from, size_t to, const struct partition *partition)
{
	size_t i;

	for (i = from; i < to; i++)
		if (partition_same(&ledger->partitions[i], partition))
			return true;
	return false;
}

/* The first of those that share a partition makes it, and the last one removes it. */
static bool partition_changes(const struct ledger *some, size_t at, const struct ledger *other, bool make)
{
	const struct partition *partition = &some->partitions[at];

	return partition->cgroup && !partition_is_in(other, 0, other->n_partitions, partition) &&
	       !(make ? partition_is_in(some, 0, at, partition) : partition_is_in(some, at + 1, some->n_partitions, partition));
}

/* The partitions of @some that @other does not have. */
static int plan_add_partitions(struct plan *plan, const struct ledger *some, const struct ledger *other, bool make)
{
	static const enum step_kind kinds[_PARTITION_KIND_MAX] = {
		[PARTITION_EXCLUSIVE] = STEP_PARTITION,
		[PARTITION_SHARED] = STEP_SLICE,
		[PARTITION_PINNED] = STEP_AFFINITY,
	};
	size_t i;
	int r;

	for (i = 0; i < some->n_partitions; i++) {
		const struct partition *p = &some->partitions[i];
		const struct step step = {
			.kind = kinds[p->kind], .tid = p->tid, .start_ticks = p->start_ticks, .label = p->label, .make = make,
			.whole = partition_changes(some, i, other, make), .cgroup = p->cgroup,
			.home = p->kind == PARTITION_EXCLUSIVE ? p->home : NULL, .cpu = p->cpu, .kept = p->kept, .cpus = p->cpus, .before = p->before,
		};

		if (ledger_partition(other, p->tid, p->start_ticks))
			continue;
		if (p->kind == PARTITION_SHARED && !make && !step.whole)
			continue;	/* who leaves a slice that stays is where he was */
		r = plan_add(plan, &step);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * What was added to threads' own groups is taken out again. Behind their affinity: a thread goes back to where it was
 * while its group still has its CPU, and then to what of that libvirt's list leaves.
 */
static int plan_add_groups(struct plan *plan, const struct ledger *have, const struct ledger *want)
{
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < have->n_partitions; i++) {
		const struct partition *p = &have->partitions[i];
		const struct step step = {
			.kind = STEP_GROUP, .tid = p->tid, .start_ticks = p->start_ticks, .label = p->label,
			.cgroup = p->home, .cpus = p->home_cpus, .before = p->home_before,
		};

		if (p->kind != PARTITION_EXCLUSIVE && p->home && !ledger_partition(want, p->tid, p->start_ticks))
			r = plan_add(plan, &step);
	}
	return r;
}

/* The pairs of one phase, which stand together. */
static int plan_add_phase(struct plan *plan, const struct pair *pairs, size_t n, enum phase phase)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (pairs[i].phase != phase)
			continue;
		r = plan_add_pair(plan, &pairs[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int plan_diff(const struct ledger *have, const struct ledger *want, struct plan *ret)
{
	size_t n = have->n + want->n;
	_cleanup_(freep) struct entry *entries = calloc(n + 1, sizeof(*entries));
	_cleanup_(freep) struct pair *pairs = calloc(n + 1, sizeof(*pairs));
	_cleanup_(plan_done) struct plan plan = { 0 };
	int r;

	if (!entries || !pairs)
		return -ENOMEM;
	entries_fill(entries, have, want);
	n = pairs_fill(pairs, entries, n);
	qsort(pairs, n, sizeof(*pairs), pair_compare_qsort);
	r = plan_add_phase(&plan, pairs, n, PHASE_GIVE_BACK);
	if (r >= 0)
		r = plan_add_partitions(&plan, have, want, false);
	if (r >= 0)
		r = plan_add_groups(&plan, have, want);
	if (r >= 0)
		r = plan_add_phase(&plan, pairs, n, PHASE_SHRINK);
	if (r >= 0)
		r = plan_add_phase(&plan, pairs, n, PHASE_GROW);
	if (r >= 0)
		r = plan_add_partitions(&plan, want, have, true);
	if (r >= 0)
		r = plan_add_phase(&plan, pairs, n, PHASE_TAKE);
	if (r < 0)
		return r;

	*ret = plan;
	plan = (struct plan){ 0 };
	return 0;
}
