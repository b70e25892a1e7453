/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The question to the analysis about one set of CPUs: who is on them, of those who are promised something, of others, and of who asks.
 *
 * Its order is fixed: promises that stay, then foreign load, then the request. So an index of the analysis below the first two tells
 * "somebody else would be hit" and the rest is the request's own item. Called by admit.c. Pure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admit-private.h"

void admit_question_done(struct question *q)
{
	free(q->r);
	free(q->kept);
	free(q->loads);
	free(q->items);
	free(q->asked);
}

static bool item_replaces(const struct promise *p, const char *domain, const struct request_item *items, size_t n)
{
	if (!domain || strcmp(p->domain, domain) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(p->thread, items[i].thread) == 0)
			return true;
	return false;
}

static bool promise_is_at(const struct ledger *ledger, const struct promise *p, const struct place *place)
{
	const struct partition *partition = ledger_partition(ledger, p->tid, p->start_ticks);

	return place ? partition && partition->cpu == place->cpu : !partition;
}

const struct partition *admit_load_partition(const struct ledger *ledger, const struct foreign_load *load)
{
	for (size_t i = 0; CPU_COUNT(&load->cpus) > 0 && i < ledger->n_partitions; i++) {
		cpu_set_t cpus, both;

		partition_cpus(&ledger->partitions[i], &cpus);
		CPU_AND(&both, &cpus, &load->cpus);
		if (CPU_EQUAL(&both, &load->cpus))
			return &ledger->partitions[i];
	}
	return NULL;
}

/*
 * Somebody else's thread may be pinned to a CPU that is about to be set apart: then it goes to the others. Where ours are only
 * pinned it stays, and a load that has no CPU (yet) counts on each of them: it may still be owed, or come to be.
 */
static bool load_is_at(const struct ledger *ledger, const struct foreign_load *load, const struct place *place)
{
	const struct partition *partition = admit_load_partition(ledger, load);

	if (load->held_for && CPU_COUNT(&load->cpus) > 0)	/* they may be nobody's before it comes */
		return place && CPU_ISSET(place->cpu, &load->cpus);
	if (place && place->kind == PARTITION_PINNED)
		return CPU_COUNT(&load->cpus) == 0 || CPU_ISSET(place->cpu, &load->cpus);
	return place ? partition && partition->cpu == place->cpu : !partition;
}

static bool item_is_at(const struct request_item *item, const struct place *place)
{
	return place ? item->apart && item->cpu == place->cpu : !item->apart;
}

static int question_alloc(struct question *q, size_t n_promises, size_t n_loads, size_t n)
{
	*q = (struct question) {
		.r = calloc(n_promises + n_loads + n + 1, sizeof(*q->r)),
		.kept = calloc(n_promises + 1, sizeof(*q->kept)),
		.loads = calloc(n_loads + 1, sizeof(*q->loads)),
		.items = calloc(n + 1, sizeof(*q->items)),
		.asked = calloc(n + 1, sizeof(*q->asked)),
	};
	if (q->r && q->kept && q->loads && q->items && q->asked)
		return 0;
	admit_question_done(q);
	*q = (struct question) { 0 };
	return -ENOMEM;
}

int admit_question_init(struct question *q, const struct ledger *ledger, const struct foreign *foreign,
			const struct place *place, const char *domain, const struct request_item *items, size_t n)
{
	size_t n_foreign = foreign ? foreign->n : 0;
	int r;

	r = question_alloc(q, ledger->n, n_foreign, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ledger->n; i++) {
		if (item_replaces(&ledger->promises[i], domain, items, n) ||
		    !promise_is_at(ledger, &ledger->promises[i], place))
			continue;
		q->kept[q->n] = &ledger->promises[i];
		q->r[q->n++] = ledger->promises[i].reservation;
	}
	q->n_kept = q->n;
	for (size_t i = 0; i < n_foreign; i++) {
		if (!load_is_at(ledger, &foreign->loads[i], place))
			continue;
		q->loads[q->n - q->n_kept] = &foreign->loads[i];
		q->r[q->n++] = foreign->loads[i].reservation;
	}
	q->first = q->n;
	for (size_t i = 0; i < n; i++) {
		if (!item_is_at(&items[i], place))
			continue;
		q->items[q->n - q->first] = items[i];
		q->asked[q->n - q->first] = i;
		q->r[q->n++] = items[i].reservation;
	}
	return 0;
}
