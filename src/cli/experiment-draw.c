/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One sample: shares of a CPU, periods and deadlines are drawn, tasks made of them, and reservations found for vCPUs that have none.
 * Execution times round down (1 ns at least), so a sample never has more utilisation than was asked for; but for that least.
 *
 * Each sample has its own stream of random numbers, so it does not matter which thread, shard or machine draws it. Called by
 * experiment-run.c. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "experiment-point.h"
#include "experiment-sample.h"

#define DISCARD_TRIES    100000
#define RUNNABLES_MAX    100000
#define RUNNABLE_MISSES  100	/* so many in a row do not fit any more: full */

void sum_tables_done(struct sum_tables *tables)
{
	for (size_t i = 0; i < SUM_TABLES_MAX; i++)
		vrk_fixed_sum_free(tables->slots[i].table);
}

void experiment_sample_done(struct experiment_sample *sample)
{
	system_document_done(&sample->document);
	free(sample->cached);
	sample->cached = NULL;
}

static int sum_table(struct sum_tables *tables, uint64_t n, uint64_t sum, uint64_t least, uint64_t most,
		     const struct vrk_fixed_sum **ret)
{
	size_t slot = (size_t)((n * 31 + sum / 1000003) % SUM_TABLES_MAX);
	struct vrk_fixed_sum *table;
	int r;

	if (tables->slots[slot].table && tables->slots[slot].n == n && tables->slots[slot].sum == sum &&
	    tables->slots[slot].least == least && tables->slots[slot].most == most) {
		*ret = tables->slots[slot].table;
		return 0;
	}
	r = vrk_fixed_sum_new(&table, (size_t)n, sum, least, most);
	if (r < 0)
		return r;
	vrk_fixed_sum_free(tables->slots[slot].table);
	tables->slots[slot].table = table;
	tables->slots[slot].n = n;
	tables->slots[slot].sum = sum;
	tables->slots[slot].least = least;
	tables->slots[slot].most = most;
	*ret = table;
	return 0;
}

/* Where a draw is in its sample. */
struct drawing {
	const struct experiment_draw *draw;
	struct sum_tables *tables;
	struct vrk_random random;
	uint64_t utilisation_ppb;
	struct vr_error **reterr;
};

static int shares_draw(struct drawing *d, size_t n, uint64_t *ret_q32)
{
	uint64_t sum = share_of_ppb(d->utilisation_ppb), least = share_of_ppb(d->draw->utilisation_min_ppb);
	uint64_t most = share_of_ppb(d->draw->utilisation_max_ppb);
	const struct vrk_fixed_sum *table;
	int r;

	switch (d->draw->method) {
	case METHOD_UUNIFAST:
		vrk_uunifast(&d->random, n, sum, ret_q32);
		return 0;
	case METHOD_UUNIFAST_DISCARD:
		r = vrk_uunifast_discard(&d->random, n, sum, least, most, DISCARD_TRIES, ret_q32);
		if (r == -EAGAIN)
			return vr_error_set(d->reterr, -EBADMSG, VR_BAD_CONFIG,
					    "uunifast-discard: %d sets of %zu tasks were drawn and thrown away (randfixedsum throws none away)",
					    DISCARD_TRIES, n);
		return r;
	default:
		r = sum_table(d->tables, n, sum, least, most, &table);
		if (r >= 0)
			vrk_fixed_sum_draw(table, &d->random, ret_q32);
		return r;
	}
}

static nsec_t period_draw(struct drawing *d)
{
	const struct experiment_draw *draw = d->draw;
	uint64_t least, most;

	if (draw->n_periods > 0)
		return draw->periods_ns[vrk_random_range(&d->random, 0, draw->n_periods - 1)];
	least = (draw->period_least_ns - 1) / draw->grain_ns + 1;
	most = draw->period_most_ns / draw->grain_ns;
	if (draw->period_uniform)
		return vrk_random_range(&d->random, least, most) * draw->grain_ns;
	return vrk_random_log_range(&d->random, least, most) * draw->grain_ns;
}

static nsec_t deadline_draw(struct drawing *d, nsec_t wcet, nsec_t period)
{
	uint64_t part = vrk_random_range(&d->random, d->draw->deadline_least_ppb, d->draw->deadline_most_ppb);
	nsec_t deadline = (nsec_t)((unsigned __int128)period * part / PPB_ONE);

	return deadline > wcet ? deadline : wcet;
}

static int tasks_draw(struct drawing *d, struct vrk_task *ret, size_t *ret_n)
{
	uint64_t share[EXPERIMENT_TASKS_MAX];
	size_t n = (size_t)vrk_random_range(&d->random, d->draw->tasks_least, d->draw->tasks_most);
	int r = shares_draw(d, n, share);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		nsec_t period = period_draw(d), wcet = (nsec_t)(((unsigned __int128)period * share[i]) >> 32);

		wcet = wcet > 0 ? wcet : 1;
		ret[i] = (struct vrk_task){ .wcet_ns = wcet, .period_ns = period, .deadline_ns = deadline_draw(d, wcet, period) };
	}
	*ret_n = n;
	return 0;
}

/* Runnables until no more fit into the utilisation; those of one period are one task. */
static void waters_draw(struct drawing *d, struct vrk_task *ret, size_t *ret_n)
{
	uint64_t left = share_of_ppb(d->utilisation_ppb);
	nsec_t wcet[VRK_WATERS_PERIODS] = { 0 };
	size_t n = 0;

	for (unsigned int i = 0, misses = 0; i < RUNNABLES_MAX && misses < RUNNABLE_MISSES; i++) {
		struct vrk_runnable runnable;
		uint64_t share;

		vrk_waters_draw(&d->random, &runnable);
		share = (uint64_t)((((unsigned __int128)runnable.wcet_ns << 32) + runnable.period_ns - 1) / runnable.period_ns);
		if (share > left) {
			misses++;
			continue;
		}
		misses = 0;
		left -= share;
		for (size_t k = 0; k < VRK_WATERS_PERIODS; k++)
			if (vrk_waters_period(k) == runnable.period_ns)
				wcet[k] += runnable.wcet_ns;
	}
	for (size_t k = 0; k < VRK_WATERS_PERIODS; k++)
		if (wcet[k] > 0)
			ret[n++] = (struct vrk_task){ .wcet_ns = wcet[k], .period_ns = vrk_waters_period(k),
						      .deadline_ns = deadline_draw(d, wcet[k], vrk_waters_period(k)) };
	*ret_n = n;
}

/* Deadline monotonic: the shortest deadline first, ties as drawn. An insertion sort: there are few, and it is stable. */
static void tasks_rank(struct vrk_task *tasks, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct vrk_task task = tasks[i];
		size_t k = i;

		for (; k > 0 && tasks[k - 1].deadline_ns > task.deadline_ns; k--)
			tasks[k] = tasks[k - 1];
		tasks[k] = task;
	}
	for (size_t i = 0; i < n; i++)
		tasks[i].priority = (uint32_t)i;
}

static int set_draw(struct drawing *d, struct vrk_task *ret, size_t *ret_n)
{
	int r = 0;

	if (d->draw->method == METHOD_WATERS2015)
		waters_draw(d, ret, ret_n);
	else
		r = tasks_draw(d, ret, ret_n);
	if (r >= 0)
		tasks_rank(ret, *ret_n);
	return r;
}

/* ---- a system of them ---- */

static int document_new(struct system_document *document, size_t n_vcpus, size_t n_tasks)
{
	document->vcpus = calloc(n_vcpus + 1, sizeof(*document->vcpus));
	document->names = calloc(n_vcpus + 1, sizeof(*document->names));
	document->tasks = calloc(n_tasks + 1, sizeof(*document->tasks));
	return document->vcpus && document->names && document->tasks ? 0 : -ENOMEM;
}

/* Tasks become reservations of their own: one budget a period, which does not sleep in its middle. */
static int bare_draw(struct drawing *d, struct experiment_sample *sample)
{
	struct system_document *document = &sample->document;
	size_t n;
	int r = document_new(document, EXPERIMENT_TASKS_MAX, EXPERIMENT_TASKS_MAX);

	if (r >= 0)
		r = set_draw(d, document->tasks, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const struct vrk_task *t = &document->tasks[i];

		document->vcpus[i] = (struct vrk_vcpu){ .reservation = { t->wcet_ns, t->deadline_ns, t->period_ns, true },
							.cpu = -1, .guest = { .mode = VRK_SUPPLY_IDLING } };
		document->names[i] = (struct system_vcpu){ .vm = "drawn", .index = (uint32_t)i, .sized = true, .first_task = i };
	}
	document->n_vcpus = n;
	document->n_tasks = n;
	sample->bare = true;
	return 0;
}

static int guests_draw(struct drawing *d, const struct vrk_guest *guest, struct experiment_sample *sample)
{
	size_t each = d->draw->method == METHOD_WATERS2015 ? VRK_WATERS_PERIODS : (size_t)d->draw->tasks_most;
	struct system_document *document = &sample->document;
	int r = document_new(document, (size_t)d->draw->vcpus, (size_t)d->draw->vcpus * each);

	for (size_t i = 0; r >= 0 && i < d->draw->vcpus; i++) {
		struct vrk_task *tasks = &document->tasks[document->n_tasks];
		size_t n = 0;

		r = set_draw(d, tasks, &n);
		document->vcpus[i] = (struct vrk_vcpu){ .cpu = -1, .guest = *guest };
		document->vcpus[i].guest.tasks = tasks;
		document->vcpus[i].guest.n = n;
		document->names[i] = (struct system_vcpu){ .vm = "drawn", .index = (uint32_t)i, .first_task = document->n_tasks,
							   .n_tasks = n };
		document->n_vcpus++;
		document->n_tasks += n;
	}
	return r;
}

/* ---- what tasks share ---- */

struct turn {
	nsec_t deadline_ns;
	size_t task;
};

static int turn_compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->deadline_ns != y->deadline_ns)
		return x->deadline_ns < y->deadline_ns ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

/* In queues by priority the shortest deadline of all goes first. */
static int ranks_make(struct system_document *document)
{
	_cleanup_(freep) struct turn *turns = calloc(document->n_tasks + 1, sizeof(*turns));

	document->ranks = calloc(document->n_tasks + 1, sizeof(*document->ranks));
	if (!turns || !document->ranks)
		return -ENOMEM;
	for (size_t i = 0; i < document->n_tasks; i++)
		turns[i] = (struct turn){ document->tasks[i].deadline_ns, i };
	qsort(turns, document->n_tasks, sizeof(*turns), turn_compare);
	for (size_t i = 0; i < document->n_tasks; i++)
		document->ranks[turns[i].task] = (uint32_t)i;
	return 0;
}

/* Those of one task; what would not fit into its execution time any more is left out. */
static void sections_draw(struct drawing *d, struct system_document *document, size_t task)
{
	const struct experiment_draw *draw = d->draw;
	bool shares = vrk_random_range(&d->random, 1, PPB_ONE) <= draw->sharing_ppb;
	uint64_t n = vrk_random_range(&d->random, draw->sections_least, draw->sections_most);
	nsec_t left = document->tasks[task].wcet_ns;

	for (uint64_t i = 0; i < n; i++) {	/* drawn also for a task that shares nothing: then a larger part changes no other set */
		size_t resource = (size_t)vrk_random_range(&d->random, 0, draw->resources - 1);
		nsec_t length = vrk_random_range(&d->random, draw->section_least_ns, draw->section_most_ns);

		if (!shares || length == 0 || length > left)
			continue;
		left -= length;
		document->sections[document->locks.n_sections++] =
			(struct vrk_section){ .task = task, .resource = resource, .length_ns = length, .count = 1 };
	}
}

static int sharing_draw(struct drawing *d, struct system_document *document)
{
	const struct experiment_draw *draw = d->draw;
	int r;

	document->resources = calloc(draw->resources, sizeof(*document->resources));
	document->sections = calloc(document->n_tasks * draw->sections_most + 1, sizeof(*document->sections));
	if (!document->resources || !document->sections)
		return -ENOMEM;
	r = draw->queue_priority ? ranks_make(document) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < draw->resources; i++)
		document->resources[i] = (struct vrk_resource){ .queue = draw->queue_priority ? VRK_QUEUE_PRIORITY : VRK_QUEUE_FIFO,
								.latency_ns = draw->queue_latency_ns };
	for (size_t i = 0; i < document->n_tasks; i++)
		sections_draw(d, document, i);
	document->locks.resources = document->resources;
	document->locks.n_resources = (size_t)draw->resources;
	document->locks.sections = document->sections;
	document->locks.rank = document->ranks;
	return 0;
}

/* The system that is given, as a copy: reservations are found in it, and CPUs. */
static int given_copy(const struct system_document *base, struct experiment_sample *sample)
{
	struct system_document *document = &sample->document;
	int r = document_new(document, base->n_vcpus, base->n_tasks);

	if (r < 0)
		return r;
	memcpy(document->vcpus, base->vcpus, base->n_vcpus * sizeof(*base->vcpus));
	memcpy(document->names, base->names, base->n_vcpus * sizeof(*base->names));
	if (base->n_tasks > 0)
		memcpy(document->tasks, base->tasks, base->n_tasks * sizeof(*base->tasks));
	for (size_t i = 0; i < base->n_vcpus; i++) {
		document->vcpus[i].guest.tasks = &document->tasks[base->names[i].first_task];
		if (!base->names[i].pinned)
			document->vcpus[i].cpu = -1;	/* one CPU or more: placement says */
	}
	document->n_vcpus = base->n_vcpus;
	document->n_tasks = base->n_tasks;
	document->locks = base->locks;			/* whose arrays stay the base's */
	document->system.irqs = base->system.irqs;
	document->system.n_irqs = base->system.n_irqs;
	return 0;
}

static uint64_t bw_up(uint64_t part, uint64_t whole)
{
	return (uint64_t)((((unsigned __int128)part << BW_SHIFT) + whole - 1) / whole);
}

/* Proportional to the tasks' utilisation (rounded up), or the least that is enough for them; 0 = none is. */
static int budget_find(const struct experiment_draw *draw, const struct vrk_guest *guest, struct vrk_reservation *ret)
{
	unsigned __int128 budget = 0;

	ret->period_ns = draw->reservation_period_ns;
	ret->deadline_ns = (nsec_t)((unsigned __int128)ret->period_ns * draw->reservation_deadline_ppb / PPB_ONE);
	if (ret->deadline_ns == 0)
		ret->deadline_ns = 1;
	if (draw->budget_ppb == 0)
		return vrk_size_budget(&draw->host, guest, ret->period_ns, ret->deadline_ns, 0, &ret->budget_ns);
	for (size_t i = 0; i < guest->n; i++)	/* in units of 2^-20 CPU times 10^-9: 100 CPUs are far below 2^128 */
		budget += (unsigned __int128)bw_up(guest->tasks[i].wcet_ns, guest->tasks[i].period_ns) * draw->budget_ppb;
	budget = (budget * ret->period_ns / PPB_ONE + BW_UNIT - 1) >> BW_SHIFT;
	ret->budget_ns = budget > ret->deadline_ns ? 0 : (nsec_t)budget;
	return 0;
}

static int reservations_find(const struct experiment_draw *draw, struct experiment_sample *sample)
{
	struct system_document *document = &sample->document;

	sample->sized = true;
	for (size_t i = 0; i < document->n_vcpus; i++) {
		struct vrk_vcpu *vcpu = &document->vcpus[i];
		int r;

		if (document->names[i].sized)
			continue;
		r = budget_find(draw, &vcpu->guest, &vcpu->reservation);
		if (r < 0)
			return r;
		document->names[i].sized = vcpu->reservation.budget_ns > 0;
		sample->sized &= document->names[i].sized;
	}
	return 0;
}

/* Does a test need reservations at all? Finding the least budgets takes most of the time. */
static bool reservations_wanted(const struct experiment *e)
{
	for (size_t i = 0; i < e->n_tests; i++)
		if (experiment_tests[e->tests[i]].need & NEED_RESERVATION)
			return true;
	return false;
}

int experiment_sample_draw(const struct experiment *e, size_t point, const struct experiment_draw *draw, uint64_t number,
			   struct sum_tables *tables, struct experiment_sample *ret, struct vr_error **reterr)
{
	_cleanup_(experiment_sample_done) struct experiment_sample sample = { 0 };
	struct drawing d = { .draw = draw, .tables = tables, .reterr = reterr };
	int r;

	if (draw->n_utilisations > 0)
		d.utilisation_ppb = draw->utilisation_ppb[number % draw->n_utilisations];
	vrk_random_init(&d.random, e->seed, (e->same_sets ? 0 : (uint64_t)point << 32) + number);
	sample.seed = vrk_random_next(&d.random);
	r = e->fixed ? given_copy(&e->base, &sample) : draw->vcpus == 0 ? bare_draw(&d, &sample) : guests_draw(&d, &e->guest, &sample);
	if (r >= 0 && draw->resources > 0)
		r = sharing_draw(&d, &sample.document);
	if (r >= 0 && draw->colors > 0)
		r = experiment_colors_draw(draw, &d.random, &sample);
	if (r < 0)
		return r;
	sample.document.system.host = draw->host;
	sample.document.system.scheduler = e->base.system.scheduler;
	sample.document.system.vcpus = sample.document.vcpus;
	sample.document.system.n = sample.document.n_vcpus;
	for (size_t i = 0; i < sample.document.n_tasks; i++)
		sample.utilisation_bw += vrk_bw(sample.document.tasks[i].wcet_ns, sample.document.tasks[i].period_ns);
	if (reservations_wanted(e))
		r = reservations_find(draw, &sample);
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(sample, struct experiment_sample, (struct experiment_sample){ 0 });
	if (ret->document.locks.n_sections > 0)
		ret->document.system.locks = &ret->document.locks;	/* at the place where it stays */
	return 0;
}
