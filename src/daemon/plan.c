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

void plan_done(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		free(plan->steps[i].label);
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

int plan_add(struct plan *plan, const struct step *step)
{
	_cleanup_(freep) char *label = strdup(step->label);
	struct step *grown;

	if (!label)
		return -ENOMEM;
	grown = reallocarray(plan->steps, plan->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	plan->steps = grown;
	grown[plan->n] = *step;
	grown[plan->n].label = TAKE_PTR(label);
	plan->n++;
	return 0;
}

static int promise_compare(const struct promise *a, const struct promise *b)
{
	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	if (a->start_ticks != b->start_ticks)
		return a->start_ticks < b->start_ticks ? -1 : 1;
	return 0;
}

static int promise_compare_qsort(const void *a, const void *b)
{
	return promise_compare(*(const struct promise *const *)a, *(const struct promise *const *)b);
}

/* Pointers to the promises, in order of thread; never NULL for 0 of them. */
static const struct promise **ledger_sorted(const struct ledger *ledger)
{
	const struct promise **sorted = calloc(ledger->n + 1, sizeof(*sorted));
	size_t i;

	if (!sorted)
		return NULL;
	for (i = 0; i < ledger->n; i++)
		sorted[i] = &ledger->promises[i];
	qsort(sorted, ledger->n, sizeof(*sorted), promise_compare_qsort);
	return sorted;
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

/* Walks both in order of thread; at most one pair per promise. Returns how many need a step. */
static size_t pairs_merge(const struct promise **have, size_t n_have, const struct promise **want, size_t n_want,
			  struct pair *pairs)
{
	size_t h = 0, w = 0, n = 0;

	while (h < n_have || w < n_want) {
		int order = h == n_have ? 1 : w == n_want ? -1 : promise_compare(have[h], want[w]);
		struct pair pair = { .phase = order < 0 ? PHASE_GIVE_BACK : PHASE_TAKE };

		if (order <= 0)
			pair.have = have[h++];
		if (order >= 0)
			pair.want = want[w++];
		if (order != 0 || pair_changes(&pair))
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
	const struct promise *promise = pair->want ?: pair->have;
	_cleanup_(freep) char *label = NULL;
	struct step step = { .kind = STEP_SCHED, .tid = promise->tid, .start_ticks = promise->start_ticks };

	if (asprintf(&label, "%s of %s", promise->thread, promise->domain) < 0) {
		label = NULL;
		return -ENOMEM;
	}
	step.label = label;
	if (pair->have)
		promise_sched_state(pair->have, &step.old);
	else
		step.old = pair->want->before;
	if (pair->want)
		promise_sched_state(pair->want, &step.new);
	else
		step.new = pair->have->before;
	return plan_add(plan, &step);
}

int plan_diff(const struct ledger *have, const struct ledger *want, struct plan *ret)
{
	_cleanup_(freep) const struct promise **have_sorted = ledger_sorted(have);
	_cleanup_(freep) const struct promise **want_sorted = ledger_sorted(want);
	_cleanup_(freep) struct pair *pairs = calloc(have->n + want->n + 1, sizeof(*pairs));
	_cleanup_(plan_done) struct plan plan = { 0 };
	size_t i, n;
	int r;

	if (!have_sorted || !want_sorted || !pairs)
		return -ENOMEM;
	n = pairs_merge(have_sorted, have->n, want_sorted, want->n, pairs);
	qsort(pairs, n, sizeof(*pairs), pair_compare_qsort);
	for (i = 0; i < n; i++) {
		r = plan_add_pair(&plan, &pairs[i]);
		if (r < 0)
			return r;
	}

	*ret = plan;
	plan = (struct plan){ 0 };
	return 0;
}
