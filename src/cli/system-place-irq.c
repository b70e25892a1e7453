/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placement on CPUs from which interrupts steal. The library's vrk_place() takes all CPUs for alike; here each has hard handlers,
 * reservations of interrupt threads, and FIFO threads that run behind whatever is placed there. So a CPU is asked as the analysis
 * of the whole will ask it, with those in the question, and refuses what would leave a FIFO thread without a bound.
 *
 * The largest share first, each on the CPU that the policy likes best; where that fails, a search over all placements, in the same order,
 * for so many questions. Called by the plan, on EDF hosts. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "system-place.h"

#define QUESTIONS_MAX 20000	/* about a second */

struct irq_bins {
	const struct system_document *d;
	enum system_policy policy;
	size_t *order;			/* of those without a CPU, as they are placed */
	size_t n;
	int32_t *cpu;			/* per vCPU, as far as placed; -1 = not yet */
	bool *served;			/* per CPU: with nothing placed there its threads have bounds */
	unsigned int questions;
	/* scratch */
	struct vrk_reservation *r, *all;
	struct vrk_irq *irqs;
	struct vrk_irq_bound *bounds;
};

static void bins_done(struct irq_bins *b)
{
	free(b->order);
	free(b->cpu);
	free(b->served);
	free(b->r);
	free(b->all);
	free(b->irqs);
	free(b->bounds);
}

static struct vrk_reservation reservation_of(const struct vrk_vcpu *vcpu)
{
	struct vrk_reservation r = vcpu->reservation;

	/* as the analysis of the whole will take it */
	r.gapless = vcpu->guest.n > 0 && vcpu->guest.mode == VRK_SUPPLY_IDLING;
	return r;
}

static bool threads_served(const struct irq_bins *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (b->irqs[i].thread != VRK_IRQ_HARD && b->bounds[i].thread_ns == NSEC_MAX)
			return false;
	return true;
}

/* Does @cpu hold what is placed there? *ret_load: how much that is. What is no question is a no; the verdict on the whole will name it. */
static int cpu_ask(struct irq_bins *b, int32_t cpu, bool *ret_ok, bw_t *ret_load)
{
	const struct vrk_host *host = &b->d->system.host;
	size_t n = 0, n_irqs = 0, n_all = 0;
	struct vrk_verdict verdict = { .ok = false };
	struct vrk_host asked;
	int r;

	*ret_ok = false;
	*ret_load = 0;
	for (size_t v = 0; v < b->d->n_vcpus; v++)
		if (b->cpu[v] == cpu) {
			b->r[n++] = reservation_of(&b->d->vcpus[v]);
			*ret_load += vrk_bw(b->d->vcpus[v].reservation.budget_ns, b->d->vcpus[v].reservation.period_ns);
		}
	for (size_t i = 0; i < b->d->n_irqs; i++)
		if (b->d->irqs[i].cpu == (uint32_t)cpu) {
			b->irqs[n_irqs++] = b->d->irqs[i].irq;
			*ret_load += vrk_bw(b->d->irqs[i].irq.hard_ns, b->d->irqs[i].irq.period_ns);
		}
	if (b->policy == SYSTEM_POLICY_EXCLUSIVE && n > 1)
		return 0;
	r = vrk_irq_question(host, b->irqs, n_irqs, b->r, n, &asked, b->all, &n_all);
	if (r >= 0)
		r = vrk_admit(&asked, b->all, n_all, &verdict, NULL);
	if (r >= 0 && verdict.ok)
		r = vrk_irq_host(host, b->irqs, n_irqs, b->r, n, b->bounds);
	*ret_ok = r >= 0 && verdict.ok && (!b->served[cpu] || threads_served(b, n_irqs));
	return r == -ENOMEM ? r : 0;
}

static int order_compare(const void *x, const void *y, void *userdata)
{
	const struct system_document *d = userdata;
	const struct vrk_reservation *a = &d->vcpus[*(const size_t *)x].reservation, *b = &d->vcpus[*(const size_t *)y].reservation;
	unsigned __int128 left = (unsigned __int128)a->budget_ns * b->period_ns, right = (unsigned __int128)b->budget_ns * a->period_ns;

	if (left != right)
		return left > right ? -1 : 1;
	return *(const size_t *)x < *(const size_t *)y ? -1 : 1;
}

static int bins_init(struct irq_bins *b, struct system_document *d, enum system_policy policy)
{
	size_t n = d->n_vcpus + d->n_irqs + 1;
	int r = 0;

	*b = (struct irq_bins){ .d = d, .policy = policy };
	b->order = calloc(n, sizeof(*b->order));
	b->cpu = calloc(n, sizeof(*b->cpu));
	b->served = calloc(d->system.host.cpus, sizeof(*b->served));
	b->r = calloc(n, sizeof(*b->r));
	b->all = calloc(n, sizeof(*b->all));
	b->irqs = calloc(n, sizeof(*b->irqs));
	b->bounds = calloc(n, sizeof(*b->bounds));
	if (!b->order || !b->cpu || !b->served || !b->r || !b->all || !b->irqs || !b->bounds)
		return -ENOMEM;
	for (size_t v = 0; v < d->n_vcpus; v++)
		b->cpu[v] = -1;
	for (uint32_t cpu = 0; r >= 0 && cpu < d->system.host.cpus; cpu++) {
		bool ok;
		bw_t load;

		b->served[cpu] = true;
		r = cpu_ask(b, (int32_t)cpu, &ok, &load);
		b->served[cpu] = ok;
	}
	for (size_t v = 0; v < d->n_vcpus; v++)
		if (d->names[v].pinned)
			b->cpu[v] = d->vcpus[v].cpu;
		else
			b->order[b->n++] = v;
	qsort_r(b->order, b->n, sizeof(*b->order), order_compare, d);
	return r;
}

/* The CPU that the policy likes best of those that take vCPU @v; -1 = none does. */
static int cpu_choose(struct irq_bins *b, size_t v, int32_t *ret)
{
	bw_t best = 0;

	*ret = -1;
	for (uint32_t cpu = 0; cpu < b->d->system.host.cpus; cpu++) {
		bool ok;
		bw_t load;
		int r;

		b->cpu[v] = (int32_t)cpu;
		r = cpu_ask(b, (int32_t)cpu, &ok, &load);
		b->cpu[v] = -1;
		if (r < 0)
			return r;
		if (!ok || (*ret >= 0 && (b->policy == SYSTEM_POLICY_REPACK ? load <= best : load >= best)))
			continue;
		*ret = (int32_t)cpu;
		best = load;
	}
	return 0;
}

/* SIZE_MAX: all are placed; else the first that is not. */
static int place_greedy(struct irq_bins *b, size_t *ret_failed)
{
	*ret_failed = SIZE_MAX;
	for (size_t k = 0; k < b->n; k++) {
		int32_t cpu;	/* not in its place before it is chosen: those that are asked look there */
		int r = cpu_choose(b, b->order[k], &cpu);

		if (r < 0)
			return r;
		b->cpu[b->order[k]] = cpu;
		if (cpu < 0) {
			*ret_failed = b->order[k];
			return 0;
		}
	}
	return 0;
}

/* Without recursion: the one at hand goes on from its CPU to the next that takes it, or back to the one before. */
static int place_search(struct irq_bins *b, bool *ret_found)
{
	int32_t cpus = (int32_t)b->d->system.host.cpus;
	size_t k = 0;

	for (size_t i = 0; i < b->n; i++)
		b->cpu[b->order[i]] = -1;
	while (k < b->n && b->questions < QUESTIONS_MAX) {
		int32_t *at = &b->cpu[b->order[k]];
		bool ok = false;
		bw_t load;

		while (!ok && ++*at < cpus && b->questions++ < QUESTIONS_MAX) {
			int r = cpu_ask(b, *at, &ok, &load);

			if (r < 0)
				return r;
		}
		if (ok) {
			k++;
			continue;
		}
		*at = -1;
		if (k == 0)
			break;
		k--;
	}
	*ret_found = k == b->n;
	return 0;
}

static int refuse(const struct irq_bins *b, size_t v, struct system_refusal *refusal)
{
	const struct vrk_reservation now = reservation_of(&b->d->vcpus[v]);
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	struct vrk_host empty = b->d->system.host;
	struct vrk_verdict alone;
	int r;

	empty.cpus = 1;
	r = vrk_admit(&empty, &now, 1, &alone, NULL);
	if (r < 0)
		return r;
	refusal->verdict = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .index = v };
	if (asprintf(&refusal->reason, "%s/vcpu%" PRIu32 ": no CPU takes %s in every %s beside %s", b->d->names[v].vm,
		     b->d->names[v].index, vrk_nsec_format(budget, now.budget_ns), vrk_nsec_format(period, now.period_ns),
		     b->policy == SYSTEM_POLICY_EXCLUSIVE ? "interrupts, for itself alone" : "the others and the interrupts") < 0) {
		refusal->reason = NULL;
		return -ENOMEM;
	}
	r = alone.ok ? asprintf(&refusal->repair, "one more CPU, without interrupts, would take it")
		     : asprintf(&refusal->repair, "not even an empty CPU takes it: move tasks to another vCPU, or give it a longer period");
	if (r < 0)
		refusal->repair = NULL;
	return r < 0 ? -ENOMEM : 0;
}

/* Those that were fixed are asked about, too: two on one CPU may be a broken demand already. */
static int fixed_check(struct irq_bins *b, struct system_refusal *refusal)
{
	for (size_t v = 0; v < b->d->n_vcpus; v++) {
		bool ok;
		bw_t load;
		int r;

		if (b->cpu[v] < 0)
			continue;
		r = cpu_ask(b, b->cpu[v], &ok, &load);
		if (r < 0)
			return r;
		if (!ok && b->policy == SYSTEM_POLICY_EXCLUSIVE)
			return refuse(b, v, refusal);
	}
	return 0;
}

int system_irqs_place(struct system_document *d, enum system_policy policy, struct system_refusal *refusal)
{
	_cleanup_(bins_done) struct irq_bins b;
	size_t failed;
	bool found = true;
	int r = bins_init(&b, d, policy);

	if (r >= 0)
		r = fixed_check(&b, refusal);
	if (r < 0 || refusal->reason)
		return r;
	r = place_greedy(&b, &failed);
	if (r >= 0 && failed != SIZE_MAX)
		r = place_search(&b, &found);
	if (r >= 0 && !found)
		return refuse(&b, failed, refusal);
	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++)
		d->vcpus[v].cpu = b.cpu[v];
	return r;
}
