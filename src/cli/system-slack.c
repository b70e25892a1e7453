/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The questions that come after a yes or no: how much longer may the tasks of a vCPU take, and which deadline breaks first
 * then; what is the least budget that still does, and the largest that its CPU would take. Each by bisection over the very
 * test that decides, since all of them only get worse with more execution time and, for what is inside, better with budget.
 *
 * Called by the verb analyze. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <virtrk/proof.h>

#include "system-seen.h"
#include "system-slack.h"

#define PERMILLE_MAX ((uint64_t)1000000)

struct vrk_host system_cpu_host(const struct system_document *d)
{
	struct vrk_host host = d->system.host;

	if (d->n_vcpus == 0 || d->vcpus[0].cpu >= 0)
		host.cpus = 1;
	return host;
}

int system_cpu_gather(const struct system_document *d, size_t cpu, struct vrk_reservation **ret, size_t **ret_who, size_t *ret_n)
{
	_cleanup_(freep) struct vrk_reservation *r = calloc(d->n_vcpus + 1, sizeof(*r));
	_cleanup_(freep) size_t *who = calloc(d->n_vcpus + 1, sizeof(*who));
	size_t n = 0;

	if (!r || !who)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		if (d->vcpus[i].cpu >= 0 && (size_t)d->vcpus[i].cpu != cpu)
			continue;
		who[n] = i;
		r[n] = d->vcpus[i].reservation;
		r[n].gapless = d->vcpus[i].guest.n > 0 && d->vcpus[i].guest.mode == VRK_SUPPLY_IDLING;
		n++;
	}
	*ret = TAKE_PTR(r);
	*ret_who = TAKE_PTR(who);
	*ret_n = n;
	return 0;
}

/* Do the tasks fit with so much of their lengths? What is too large for the test does not. */
static int scaled_check(const struct vrk_supply *supply, const struct vrk_guest *g, struct vrk_task *tasks, uint64_t permille,
			struct vrk_verdict *ret)
{
	struct vrk_guest scaled = *g;
	int r;

	for (size_t i = 0; i < g->n; i++) {
		unsigned __int128 wcet = ((unsigned __int128)g->tasks[i].wcet_ns * permille + 999) / 1000;

		tasks[i] = g->tasks[i];
		tasks[i].wcet_ns = wcet < NSEC_MAX ? (nsec_t)wcet : NSEC_MAX;
	}
	scaled.tasks = tasks;
	*ret = (struct vrk_verdict){ .ok = false, .index = SIZE_MAX };
	r = vrk_guest_check(supply, &scaled, ret, NULL);
	return r == -ENOMEM ? r : 0;
}

size_t system_broken_task(const struct vrk_guest *g, const struct vrk_verdict *v)
{
	if (v->index < g->n)
		return v->index;
	for (size_t i = 0; i < g->n && v->at_ns; i++) {
		nsec_t at = v->at_ns + g->tasks[i].jitter_ns;

		if (at >= g->tasks[i].deadline_ns && (at - g->tasks[i].deadline_ns) % g->tasks[i].period_ns == 0)
			return i;
	}
	/* more load than supply: the longest deadline is the first to go in the long run */
	return g->n ? g->n - 1 : SIZE_MAX;
}

static int scale_find(const struct vrk_supply *supply, const struct vrk_guest *g, struct vcpu_slack *ret)
{
	_cleanup_(freep) struct vrk_task *tasks = calloc(g->n + 1, sizeof(*tasks));
	uint64_t lo = 0, hi = PERMILLE_MAX + 1;
	struct vrk_verdict v;
	int r;

	if (!tasks)
		return -ENOMEM;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		r = scaled_check(supply, g, tasks, mid, &v);
		if (r < 0)
			return r;
		if (v.ok)
			lo = mid;
		else
			hi = mid;
	}
	ret->wcet_permille = lo;
	ret->first_task = SIZE_MAX;
	if (hi > PERMILLE_MAX)
		return 0;
	r = scaled_check(supply, g, tasks, hi, &v);
	ret->first_task = system_broken_task(g, &v);
	return r;
}

int system_largest_find(const struct system_document *d, size_t v, nsec_t *ret)
{
	const struct vrk_reservation *now = &d->vcpus[v].reservation;
	_cleanup_(freep) struct vrk_reservation *all = NULL;
	_cleanup_(freep) size_t *who = NULL;
	const struct vrk_host host = system_cpu_host(d);
	nsec_t lo = 0, hi = now->deadline_ns / NSEC_PER_USEC + 1;
	size_t n, self = 0;
	int r = system_cpu_gather(d, d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu, &all, &who, &n);

	if (r < 0)
		return r;
	while (self < n && who[self] != v)
		self++;
	while (self < n && hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;
		struct vrk_verdict verdict;

		all[self].budget_ns = mid * NSEC_PER_USEC;
		r = vrk_admit(&host, all, n, &verdict, NULL);
		if (r == -ENOMEM)
			return r;
		/* budgets below the kernel's least are a no that a larger one mends */
		if (r == 0 && (verdict.ok || all[self].budget_ns < VRK_BUDGET_MIN_NS))
			lo = mid;
		else
			hi = mid;
	}
	*ret = lo * NSEC_PER_USEC >= VRK_BUDGET_MIN_NS ? lo * NSEC_PER_USEC : 0;
	return 0;
}

int system_slack_find(const struct system_document *d, const struct vrk_system_result *result, size_t v, struct vcpu_slack *ret)
{
	const struct vrk_vcpu *vcpu = &d->vcpus[v];
	size_t cpu = vcpu->cpu < 0 ? 0 : (size_t)vcpu->cpu;
	bool edf = d->system.scheduler == VRK_HOST_EDF;
	struct vrk_supply supply;
	int r;

	*ret = (struct vcpu_slack){ .first_task = SIZE_MAX, .first_vcpu = v, .first_irq = SIZE_MAX };
	if (system_shared(d))
		return system_shared_slack_find(d, result, v, ret);
	if (edf && d->n_vcpus <= SLACK_VCPUS_MAX) {
		r = system_largest_find(d, v, &ret->largest_ns);
		if (r < 0)
			return r;
		ret->known_budget = true;
	}
	if (vcpu->guest.n == 0 || vcpu->guest.n > SLACK_TASKS_MAX || d->n_vcpus > SLACK_VCPUS_MAX || !result->cpus[cpu].ok)
		return 0;
	r = vrk_system_supply(&d->system, v, &supply);
	if (r >= 0)
		r = scale_find(&supply, &vcpu->guest, ret);
	if (r >= 0 && edf)
		r = vrk_size_budget(&d->system.host, &vcpu->guest, vcpu->reservation.period_ns, vcpu->reservation.deadline_ns, 0,
				    &ret->least_ns);
	ret->known_tasks = r >= 0;
	ret->known_least = ret->known_tasks && edf;
	return r == -ENOMEM ? r : 0;
}

int system_first_text(const struct system_document *d, size_t v, const struct vcpu_slack *s, char **ret)
{
	const struct system_vcpu *name = &d->names[s->first_vcpu];
	const char *task;
	int r;

	if (s->known_tasks && s->first_irq < d->n_irqs) {
		r = asprintf(ret, "interrupt %s", d->irq_names[s->first_irq]);
	} else if (s->known_tasks && s->first_task < name->n_tasks) {
		task = d->task_names[name->first_task + s->first_task];
		r = s->first_vcpu == v ? asprintf(ret, "%s", task) : asprintf(ret, "%s/vcpu%" PRIu32 "/%s", name->vm, name->index, task);
	} else {
		return 0;
	}
	if (r < 0)
		*ret = NULL;
	return r < 0 ? -ENOMEM : 0;
}

int system_room_find(const struct system_document *d, size_t cpu, nsec_t period_ns, nsec_t *ret_budget_ns)
{
	_cleanup_(freep) struct vrk_reservation *all = NULL;
	_cleanup_(freep) size_t *who = NULL;
	const struct vrk_host host = system_cpu_host(d);
	size_t n;
	int r;

	*ret_budget_ns = NSEC_MAX;
	if (d->system.scheduler != VRK_HOST_EDF)
		return 0;
	r = system_cpu_gather(d, cpu, &all, &who, &n);
	if (r >= 0)
		r = vrk_admit_largest(&host, all, n, period_ns, ret_budget_ns);
	return r == -ENOMEM ? r : 0;
}
