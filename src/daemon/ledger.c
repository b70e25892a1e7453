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

static void promise_done(struct promise *promise)
{
	free(promise->domain);
	promise->domain = NULL;
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
	free(ledger->promises);
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
