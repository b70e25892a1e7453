/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a vCPU is from the edge where guests share resources or take interrupts. There no guest can be asked alone: longer sections make
 * others wait longer, a smaller budget makes it hold what they wait for longer. So the whole system is analysed at each step of a
 * bisection, and a number is right when this vCPU's tasks hold and nothing breaks that holds now.
 *
 * Bisection needs an answer that turns once. It does: all bounds grow with execution times and sections, and shrink with the budget (the oracle
 * holds that against trying all numbers). But not where an interrupt's thread runs behind all reservations of the CPU and goes on into a
 * guest: a larger budget there delays the thread, and speeds up the guest. Then budgets are not asked, and the reason is told.
 *
 * Called by system-slack.c. Pure but for memory.
 */
#include <stdlib.h>

#include "system-seen.h"
#include "system-slack.h"

#define PERMILLE_MAX ((uint64_t)1000000)

/* The system with one vCPU changed. */
struct changed {
	const struct system_document *d;
	const struct vrk_system_result *now;
	size_t v;
	struct vrk_system system;
	struct vrk_locks locks;
	struct vrk_vcpu *vcpus;
	struct vrk_task *tasks;		/* of the vCPU */
	struct vrk_section *sections;
	struct vrk_system_result result;
};

static void changed_done(struct changed *c)
{
	free(c->vcpus);
	free(c->tasks);
	free(c->sections);
	vrk_system_result_done(&c->result);
	*c = (struct changed){ .v = c->v };
}

static int changed_init(struct changed *c, const struct system_document *d, const struct vrk_system_result *now, size_t v)
{
	*c = (struct changed){ .d = d, .now = now, .v = v, .system = d->system, .locks = d->locks };
	c->vcpus = calloc(d->n_vcpus + 1, sizeof(*c->vcpus));
	c->tasks = calloc(d->vcpus[v].guest.n + 1, sizeof(*c->tasks));
	c->sections = calloc(d->locks.n_sections + 1, sizeof(*c->sections));
	if (!c->vcpus || !c->tasks || !c->sections)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++)
		c->vcpus[i] = d->vcpus[i];
	for (size_t i = 0; i < d->vcpus[v].guest.n; i++)
		c->tasks[i] = d->vcpus[v].guest.tasks[i];
	for (size_t i = 0; i < d->locks.n_sections; i++)
		c->sections[i] = d->sections[i];
	c->vcpus[v].guest.tasks = c->tasks;
	c->locks.sections = c->sections;
	c->system.vcpus = c->vcpus;
	c->system.locks = d->system.locks ? &c->locks : NULL;
	return 0;
}

/* Does the vCPU hold, and all that holds now? What is no question any more is a no. */
static int changed_ask(struct changed *c, bool *ret_ok)
{
	const struct vrk_system_result *now = c->now;
	int r;

	vrk_system_result_done(&c->result);
	r = vrk_system_analyze(&c->system, &c->result);
	*ret_ok = r >= 0 && c->result.vcpus[c->v].ok;
	for (size_t i = 0; *ret_ok && i < now->n_cpus; i++)
		*ret_ok = c->result.cpus[i].ok || !now->cpus[i].ok;
	for (size_t i = 0; *ret_ok && i < now->n_vcpus; i++)
		*ret_ok = c->result.vcpus[i].ok || !now->vcpus[i].ok;
	for (size_t i = 0; *ret_ok && i < now->n_irqs; i++)
		*ret_ok = c->result.irqs[i].response_ns < NSEC_MAX || now->irqs[i].response_ns == NSEC_MAX;
	return r == -ENOMEM ? r : 0;
}

/* ---- longer tasks ---- */

static nsec_t scaled(nsec_t ns, uint64_t permille)
{
	unsigned __int128 x = ((unsigned __int128)ns * permille + 999) / 1000;

	return x < NSEC_MAX ? (nsec_t)x : NSEC_MAX;
}

/* Sections round up, too; together they may not be longer than their task, so it grows by that. */
static int scale_ask(struct changed *c, uint64_t permille, bool *ret_ok)
{
	size_t first = c->d->names[c->v].first_task, n = c->vcpus[c->v].guest.n, last = SIZE_MAX;
	unsigned __int128 sum = 0;

	for (size_t i = 0; i < n; i++)
		c->tasks[i].wcet_ns = scaled(c->d->tasks[first + i].wcet_ns, permille);
	for (size_t i = 0; i < c->locks.n_sections; i++) {
		const struct vrk_section *s = &c->d->sections[i];

		if (s->task < first || s->task >= first + n)
			continue;
		sum = s->task == last ? sum : 0;
		last = s->task;
		c->sections[i].length_ns = scaled(s->length_ns, permille);
		sum += (unsigned __int128)c->sections[i].length_ns * s->count;
		if (sum > c->tasks[last - first].wcet_ns)
			c->tasks[last - first].wcet_ns = sum < NSEC_MAX ? (nsec_t)sum : NSEC_MAX;
	}
	return changed_ask(c, ret_ok);
}

/* Whose deadline broke in the analysis that was asked last? Its own first. */
static void first_find(const struct changed *c, struct vcpu_slack *ret)
{
	const struct vrk_system_result *after = &c->result, *now = c->now;

	for (size_t k = 0; k < after->n_vcpus; k++) {
		size_t v = k == 0 ? c->v : k <= c->v ? k - 1 : k;

		if (after->vcpus[v].ok || (v != c->v && !now->vcpus[v].ok))
			continue;
		ret->first_vcpu = v;
		ret->first_task = system_broken_task(&c->vcpus[v].guest, &after->vcpus[v]);
		return;
	}
	for (size_t i = 0; i < after->n_irqs; i++)
		if (after->irqs[i].response_ns == NSEC_MAX && now->irqs[i].response_ns < NSEC_MAX) {
			ret->first_irq = i;
			return;
		}
}

static int scale_find(struct changed *c, struct vcpu_slack *ret)
{
	uint64_t lo = 0, hi = 1000;
	bool ok = true;
	int r = 0;

	for (; r >= 0 && ok && lo < PERMILLE_MAX; hi = hi * 2 < PERMILLE_MAX ? hi * 2 : PERMILLE_MAX) {
		r = scale_ask(c, hi, &ok);
		if (!ok)
			break;
		lo = hi;
	}
	while (r >= 0 && !ok && hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		bool fits;

		r = scale_ask(c, mid, &fits);
		if (fits)
			lo = mid;
		else
			hi = mid;
	}
	if (r >= 0 && !ok) {
		r = scale_ask(c, hi, &ok);
		first_find(c, ret);
	}
	ret->wcet_permille = lo;
	ret->known_tasks = true;
	return r;
}

/* ---- another budget ---- */

/* Its thread runs when the vCPU and all others on that CPU do not. */
static bool thread_behind(const struct changed *c, size_t irq)
{
	const struct vrk_system_irq *i = &c->d->irqs[irq];

	return i->irq.thread == VRK_IRQ_FIFO && (int64_t)i->cpu == c->vcpus[c->v].cpu;
}

static bool threads_go_on(const struct changed *c)
{
	for (size_t i = 0; i < c->d->n_irqs; i++)
		if (thread_behind(c, i) && c->d->irqs[i].vcpu != SIZE_MAX)
			return true;
	return false;
}

/* @guests: do they hold? Else: does the CPU take it, and do threads behind all reservations keep their bounds? */
static int budget_ask(struct changed *c, uint64_t us, bool guests, bool *ret_ok)
{
	const struct vrk_vcpu *vcpu = &c->vcpus[c->v];
	size_t cpu = vcpu->cpu < 0 ? 0 : (size_t)vcpu->cpu;
	int r;

	c->vcpus[c->v].reservation.budget_ns = us * NSEC_PER_USEC;
	if (us * NSEC_PER_USEC < VRK_BUDGET_MIN_NS) {	/* a no that a larger one mends */
		*ret_ok = !guests;
		return 0;
	}
	r = changed_ask(c, ret_ok);
	if (r < 0 || guests)
		return r;
	*ret_ok = c->result.n_cpus > cpu && c->result.cpus[cpu].ok;
	for (size_t i = 0; *ret_ok && i < c->now->n_irqs; i++)
		*ret_ok = !thread_behind(c, i) || c->result.irqs[i].response_ns < NSEC_MAX || c->now->irqs[i].response_ns == NSEC_MAX;
	return 0;
}

static int budgets_find(struct changed *c, struct vcpu_slack *ret)
{
	uint64_t lo = 0, hi = c->vcpus[c->v].reservation.deadline_ns / NSEC_PER_USEC + 1, largest;
	bool ok = false;
	int r = 0;

	while (r >= 0 && hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		r = budget_ask(c, mid, false, &ok);
		if (ok)
			lo = mid;
		else
			hi = mid;
	}
	largest = lo;
	ret->known_least = c->vcpus[c->v].guest.n > 0 || system_has_handler(c->d, c->v);
	ret->largest_ns = lo * NSEC_PER_USEC >= VRK_BUDGET_MIN_NS ? lo * NSEC_PER_USEC : 0;
	ret->known_budget = true;
	if (r >= 0 && ret->known_least)
		r = budget_ask(c, largest, true, &ok);
	for (lo = 0, hi = largest; r >= 0 && ok && hi - lo > 1;) {
		uint64_t mid = lo + (hi - lo) / 2;
		bool enough;

		r = budget_ask(c, mid, true, &enough);
		if (enough)
			hi = mid;
		else
			lo = mid;
	}
	ret->least_ns = ok ? hi * NSEC_PER_USEC : 0;
	return r;
}

int system_shared_slack_find(const struct system_document *d, const struct vrk_system_result *now, size_t v, struct vcpu_slack *ret)
{
	_cleanup_(changed_done) struct changed c = { 0 };
	bool edf = d->system.scheduler == VRK_HOST_EDF;
	int r;

	if (d->n_vcpus > SLACK_SHARED_VCPUS_MAX || d->n_tasks > SLACK_TASKS_MAX) {
		ret->why_not = "too many vCPUs or tasks depend on each other";
		return 0;
	}
	if (!now->cpus[d->vcpus[v].cpu < 0 ? 0 : d->vcpus[v].cpu].ok) {
		ret->why_not = "its CPU does not hold what it has";
		return 0;
	}
	r = changed_init(&c, d, now, v);
	if (r >= 0 && d->vcpus[v].guest.n > 0)
		r = scale_find(&c, ret);
	changed_done(&c);
	if (r < 0 || !edf)
		return r;
	r = changed_init(&c, d, now, v);
	if (r >= 0 && threads_go_on(&c))
		ret->why_not = "a larger budget delays a thread behind it, and speeds up the guest that this goes on to";
	else if (r >= 0)
		r = budgets_find(&c, ret);
	return r;
}
