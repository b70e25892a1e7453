/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dividing the colours of a cache is worth. Tasks are drawn with a working set of some colours: with as many a job only takes its
 * wcet, with k fewer the accesses to those miss, with none all of them do. Four ways to divide, each judged by the least budgets that
 * are enough for all vCPUs then:
 *
 *   best     each vCPU has colours of its own, so many that all budgets together are least (vrk_colors_divide()); its tasks share them
 *   even     each has as many
 *   private  each task has colours of its own, so many that all utilisations together are least; nobody displaces anything
 *   shared   everybody uses all of them: each access may miss (vrk_wcet_shared())
 *
 * Tasks that share the colours of their vCPU load them again after each preemption: each job is charged all of them, as in system-curve.c.
 * A vCPU that is alone shares with itself only, so "shared" then is the less of both. Other vCPUs may run at the same time or in between:
 * neither matters where colours are somebody's own, and both are in what a miss at each access costs.
 *
 * Called by experiment-draw.c and experiment-judge.c. Pure but for memory.
 */
#include <stdlib.h>
#include <string.h>

#include <virtrk/memory.h>

#include "experiment-sample.h"

int experiment_colors_draw(const struct experiment_draw *draw, struct vrk_random *random, struct experiment_sample *sample)
{
	const struct system_document *document = &sample->document;

	sample->cached = calloc(document->n_tasks + 1, sizeof(*sample->cached));
	if (!sample->cached)
		return -ENOMEM;
	for (size_t i = 0; i < document->n_tasks; i++) {
		uint64_t set = vrk_random_range(random, draw->working_set_least, draw->working_set_most);
		uint64_t ppb = vrk_random_range(random, draw->slowdown_least_ppb, draw->slowdown_most_ppb);
		unsigned __int128 longer = (unsigned __int128)document->tasks[i].wcet_ns * ppb / PPB_ONE;

		sample->cached[i] = (struct experiment_cached){ (uint64_t)(longer / draw->miss_ns), (uint32_t)set };
	}
	return 0;
}

/* With @k colours that nobody else has; 0 = with none. */
static nsec_t wcet_of(const struct experiment_draw *draw, nsec_t wcet, const struct experiment_cached *c, uint32_t k)
{
	unsigned __int128 misses = (unsigned __int128)c->accesses * (k < c->working_set ? c->working_set - k : 0);

	misses = (misses + c->working_set - 1) / c->working_set;
	return vrk_wcet_shared(wcet, (uint64_t)misses, draw->miss_ns);
}

static nsec_t later(nsec_t a, nsec_t b)
{
	return a >= NSEC_MAX || b >= NSEC_MAX - a ? NSEC_MAX : a + b;
}

static nsec_t reload_of(const struct experiment_draw *draw, uint32_t k)
{
	unsigned __int128 all = (unsigned __int128)draw->color_reload_ns * k;

	return all > NSEC_MAX ? NSEC_MAX : (nsec_t)all;
}

/* A vCPU whose tasks take so long: the least bandwidth, rounded up; VRK_COST_NEVER = no budget is enough. */
static int least_find(const struct experiment_draw *draw, struct vrk_guest guest, const nsec_t *wcet, uint64_t *ret)
{
	const nsec_t period = draw->reservation_period_ns;
	const nsec_t deadline = (nsec_t)((unsigned __int128)period * draw->reservation_deadline_ppb / PPB_ONE);
	_cleanup_(freep) struct vrk_task *tasks = calloc(guest.n + 1, sizeof(*tasks));
	nsec_t budget = 0;
	int r = 0;

	if (!tasks)
		return -ENOMEM;
	*ret = VRK_COST_NEVER;
	for (size_t i = 0; i < guest.n; i++) {
		tasks[i] = guest.tasks[i];
		tasks[i].wcet_ns = wcet[i];
		if (wcet[i] > tasks[i].deadline_ns)
			return 0;
	}
	guest.tasks = tasks;
	r = vrk_size_budget(&draw->host, &guest, period, deadline, 0, &budget);
	if (r >= 0 && budget > 0)
		*ret = (uint64_t)((((unsigned __int128)budget << BW_SHIFT) + period - 1) / period);
	return r;
}

/* With @k colours for the vCPU, which its tasks share; or beside everybody else, with none for itself. */
static int vcpu_cost(const struct experiment_draw *draw, const struct experiment_sample *sample, size_t v, uint32_t k, bool shared,
		     uint64_t *ret)
{
	const struct system_document *document = &sample->document;
	const struct vrk_guest *guest = &document->vcpus[v].guest;
	const size_t first = document->names[v].first_task;
	_cleanup_(freep) nsec_t *wcet = calloc(guest->n + 1, sizeof(*wcet));

	if (!wcet)
		return -ENOMEM;
	for (size_t i = 0; i < guest->n; i++) {
		const struct experiment_cached *c = &sample->cached[first + i];
		nsec_t own = later(wcet_of(draw, guest->tasks[i].wcet_ns, c, k), reload_of(draw, k));

		wcet[i] = shared ? vrk_wcet_shared(guest->tasks[i].wcet_ns, c->accesses, draw->miss_ns) : own;
		if (shared && document->n_vcpus == 1 && own < wcet[i])
			wcet[i] = own;
	}
	return least_find(draw, *guest, wcet, ret);
}

static int vcpus_divide(const struct experiment_draw *draw, const struct experiment_sample *sample, bool even, uint64_t *ret)
{
	const uint32_t colors = (uint32_t)draw->colors;
	const size_t n = sample->document.n_vcpus, width = (size_t)colors + 1;
	_cleanup_(freep) uint64_t *cost = calloc(n * width, sizeof(*cost));
	_cleanup_(freep) uint32_t *parts = calloc(n, sizeof(*parts));

	if (!cost || !parts)
		return -ENOMEM;
	for (size_t i = 0; i < n * width; i++)
		cost[i] = VRK_COST_NEVER;
	if (even)
		(void)vrk_colors_even(cost, n, colors, parts);	/* who gets how many depends on no cost */
	for (size_t v = 0; v < n; v++)
		for (uint32_t k = even ? parts[v] : 1; k > 0 && k <= (even ? parts[v] : colors); k++) {
			int r = vcpu_cost(draw, sample, v, k, false, &cost[v * width + k]);

			if (r < 0)
				return r;
		}
	if (!even)
		return vrk_colors_divide(cost, n, colors, parts, ret);
	*ret = vrk_colors_even(cost, n, colors, parts);
	return 0;
}

static int tasks_divide(const struct experiment_draw *draw, const struct experiment_sample *sample, nsec_t *ret_wcet, bool *ret_ok)
{
	const struct system_document *document = &sample->document;
	const uint32_t colors = (uint32_t)draw->colors;
	_cleanup_(freep) uint64_t *cost = calloc(document->n_tasks * ((size_t)colors + 1), sizeof(*cost));
	_cleanup_(freep) uint32_t *parts = calloc(document->n_tasks, sizeof(*parts));
	nsec_t curve[EXPERIMENT_COLORS_MAX];
	uint64_t total;
	int r = cost && parts ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < document->n_tasks; i++) {
		const struct vrk_task *t = &document->tasks[i];

		for (uint32_t k = 1; k <= colors; k++)
			curve[k - 1] = wcet_of(draw, t->wcet_ns, &sample->cached[i], k);
		r = vrk_wcet_cost(curve, colors, t->period_ns, t->deadline_ns, 1, &cost[i * ((size_t)colors + 1)]);
	}
	if (r >= 0)
		r = vrk_colors_divide(cost, document->n_tasks, colors, parts, &total);
	if (r < 0)
		return r;
	*ret_ok = total != VRK_COST_NEVER;
	for (size_t i = 0; *ret_ok && i < document->n_tasks; i++)
		ret_wcet[i] = wcet_of(draw, document->tasks[i].wcet_ns, &sample->cached[i], parts[i]);
	return 0;
}

static uint64_t sum_add(uint64_t a, uint64_t b)
{
	return a == VRK_COST_NEVER || b == VRK_COST_NEVER ? VRK_COST_NEVER : a + b;
}

static int private_find(const struct experiment_draw *draw, const struct experiment_sample *sample, uint64_t *ret)
{
	const struct system_document *document = &sample->document;
	_cleanup_(freep) nsec_t *wcet = calloc(document->n_tasks + 1, sizeof(*wcet));
	uint64_t sum = 0, one = 0;
	bool ok;
	int r = wcet ? tasks_divide(draw, sample, wcet, &ok) : -ENOMEM;

	for (size_t v = 0; r >= 0 && ok && v < document->n_vcpus; v++) {
		r = least_find(draw, document->vcpus[v].guest, &wcet[document->names[v].first_task], &one);
		sum = sum_add(sum, one);
	}
	if (r >= 0)
		*ret = ok ? sum : VRK_COST_NEVER;
	return r;
}

int experiment_colors_judge(const struct experiment_draw *draw, const struct experiment_sample *sample, enum experiment_test test,
			    bool *ret_ok, uint64_t *ret_bandwidth)
{
	uint64_t sum = 0, one = 0;
	int r = 0;

	if (test == TEST_COLORS_PRIVATE) {
		r = private_find(draw, sample, &sum);
	} else if (test == TEST_COLORS_SHARED) {
		for (size_t v = 0; r >= 0 && v < sample->document.n_vcpus; v++) {
			r = vcpu_cost(draw, sample, v, (uint32_t)draw->colors, true, &one);
			sum = sum_add(sum, one);
		}
	} else {
		r = vcpus_divide(draw, sample, test == TEST_COLORS_EVEN, &sum);
	}
	if (r < 0)
		return r;
	*ret_ok = sum != VRK_COST_NEVER;
	*ret_bandwidth = *ret_ok ? sum : 0;
	return 0;
}
