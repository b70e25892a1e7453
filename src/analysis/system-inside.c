/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a system whose guests depend on more than their own reservation: on resources that others hold, on interrupts.
 * First the parts of interrupts that CPUs execute (irq.c), then all fixed-priority guests in one fixpoint (locks.c), with
 * handlers as tasks before all others, whose jitter is what has happened on the host by then. What is inside a CPU that said no
 * has no supply, hence no bound, and neither has whoever waits for it.
 *
 * Called by vrk_system_analyze(), after it has judged the CPUs. EDF guests are judged alone: no proof lets them share.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/system.h>

#include "internal.h"
#include "supply.h"
#include "system-inside.h"

struct inside {
	const struct vrk_system *s;
	struct vrk_lock_vcpu *v;
	struct vrk_task *tasks;		/* of each vCPU: handlers, then its own */
	size_t *first;			/* per vCPU, in tasks; one more at the end */
	uint32_t *rank;
	struct vrk_section *sections;
	struct vrk_verdict *verdicts;
	nsec_t *responses;
	struct vrk_lock_bound *bounds;
	struct vrk_irq *irqs;		/* scratch: of one CPU */
	struct vrk_irq_bound *irq_bounds;
	struct vrk_reservation *r;
	size_t n_tasks;
};

bool inside_needed(const struct vrk_system *s)
{
	bool masked = false;

	for (size_t i = 0; i < s->n; i++)
		masked |= s->vcpus[i].masked_ns > 0;
	return masked || s->n_irqs > 0 || (s->locks && s->locks->n_sections > 0);
}

static bool is_edf(const struct vrk_system *s, size_t v)
{
	return s->vcpus[v].guest.scheduler == VRK_GUEST_EDF;
}

static size_t handlers_of(const struct vrk_system *s, size_t v)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_irqs; i++)
		n += s->irqs[i].vcpu == v;
	return n;
}

static void inside_done(struct inside *x)
{
	free(x->v);
	free(x->tasks);
	free(x->first);
	free(x->rank);
	free(x->sections);
	free(x->verdicts);
	free(x->responses);
	free(x->bounds);
	free(x->irqs);
	free(x->irq_bounds);
	free(x->r);
}

static int inside_init(struct inside *x, const struct vrk_system *s, size_t n_tasks)
{
	size_t n = n_tasks + s->n_irqs + 1, n_sections = s->locks ? s->locks->n_sections : 0;

	*x = (struct inside){ .s = s, .n_tasks = n_tasks };
	x->v = calloc(s->n + 1, sizeof(*x->v));
	x->tasks = calloc(n, sizeof(*x->tasks));
	x->first = calloc(s->n + 1, sizeof(*x->first));
	x->rank = calloc(n, sizeof(*x->rank));
	x->sections = calloc(n_sections + 1, sizeof(*x->sections));
	x->verdicts = calloc(s->n + 1, sizeof(*x->verdicts));
	x->responses = calloc(n, sizeof(*x->responses));
	x->bounds = calloc(n, sizeof(*x->bounds));
	x->irqs = calloc(s->n_irqs + 1, sizeof(*x->irqs));
	x->irq_bounds = calloc(s->n_irqs + 1, sizeof(*x->irq_bounds));
	x->r = calloc(s->n + 1, sizeof(*x->r));
	return x->v && x->tasks && x->first && x->rank && x->sections && x->verdicts && x->responses && x->bounds && x->irqs &&
	       x->irq_bounds && x->r ? 0 : -ENOMEM;
}

/* ---- interrupts on the host ---- */

static int irqs_judge(struct inside *x, struct vrk_system_result *ret)
{
	const struct vrk_system *s = x->s;

	for (size_t cpu = 0; s->n_irqs > 0 && cpu < ret->n_cpus; cpu++) {
		size_t n = system_irqs(s, cpu, x->irqs), n_r = 0, k = 0;
		int err;

		for (size_t i = 0; i < s->n; i++)
			if ((size_t)s->vcpus[i].cpu == cpu)
				x->r[n_r++] = s->vcpus[i].reservation;
		err = vrk_irq_host(&s->host, x->irqs, n, x->r, n_r, x->irq_bounds);
		if (err < 0)
			return err;
		for (size_t i = 0; i < s->n_irqs; i++)
			if (s->irqs[i].cpu == cpu) {
				if (ret->cpus[cpu].ok)
					ret->irqs[i] = x->irq_bounds[k];
				k++;
			}
	}
	return 0;
}

/* ---- tasks ---- */

static struct vrk_task handler_task(const struct vrk_system_irq *irq, const struct vrk_irq_bound *b)
{
	u128 late = b->thread_ns < NSEC_MAX ? (u128)b->thread_ns + irq->injection_ns : TASK_MAX;

	return (struct vrk_task){ .wcet_ns = irq->handler_ns, .period_ns = irq->irq.period_ns, .deadline_ns = irq->irq.deadline_ns,
				  .jitter_ns = late > TASK_MAX ? TASK_MAX : (nsec_t)late };
}

/* Handlers have priority 0, so tasks begin at 1. */
static int vcpu_tasks(struct inside *x, size_t v, size_t row, const struct vrk_system_result *ret)
{
	const struct vrk_system *s = x->s;
	const struct vrk_vcpu *vcpu = &s->vcpus[v];
	size_t at = x->first[v];

	for (size_t i = 0; i < s->n_irqs; i++) {
		if (s->irqs[i].vcpu != v)
			continue;
		if (s->irqs[i].handler_ns == 0)
			return -EINVAL;
		x->tasks[at] = handler_task(&s->irqs[i], &ret->irqs[i]);
		if (x->tasks[at++].jitter_ns >= TASK_MAX)	/* nobody knows when it comes */
			x->v[v].supply.budget_ns = 0;
	}
	x->v[v].n_handlers = at - x->first[v];
	for (size_t i = 0; i < vcpu->guest.n; i++, at++) {
		x->tasks[at] = vcpu->guest.tasks[i];
		if (x->tasks[at].priority == UINT32_MAX)
			return -ERANGE;
		x->tasks[at].priority++;
		if (s->locks && s->locks->rank)
			x->rank[at] = s->locks->rank[row + i];
	}
	x->v[v].tasks = x->tasks + x->first[v];
	x->v[v].n = at - x->first[v];
	x->first[v + 1] = at;
	return 0;
}

static int vcpus_init(struct inside *x, const nsec_t *delivered, const struct vrk_system_result *ret)
{
	const struct vrk_system *s = x->s;
	size_t row = 0;

	for (size_t v = 0; v < s->n; v++) {
		const struct vrk_vcpu *vcpu = &s->vcpus[v];
		struct vrk_reservation r = vcpu->reservation;
		int err;

		if (is_edf(s, v) && handlers_of(s, v) > 0)
			return -EOPNOTSUPP;
		r.deadline_ns = delivered[v];
		x->v[v].mode = vcpu->guest.mode;
		x->v[v].masked_ns = vcpu->masked_ns;
		if (!is_edf(s, v) && ret->cpus[vcpu->cpu < 0 ? 0 : vcpu->cpu].ok) {
			vrk_supply_init(&s->host, &r, &x->v[v].supply);
			if (vcpu->cpu >= 0)
				vrk_irq_supply(x->irqs, system_irqs(s, (size_t)vcpu->cpu, x->irqs), &x->v[v].supply);
		}
		err = vcpu_tasks(x, v, row, ret);
		if (err < 0)
			return err;
		row += vcpu->guest.n;
	}
	return 0;
}

/* Sections with the numbers that tasks have beside handlers. */
static int sections_init(struct inside *x)
{
	const struct vrk_locks *locks = x->s->locks;

	for (size_t i = 0; locks && i < locks->n_sections; i++) {
		size_t v = 0, row = 0, task = locks->sections[i].task;

		if (task >= x->n_tasks)
			return -EINVAL;
		for (; task >= row + x->s->vcpus[v].guest.n; v++)
			row += x->s->vcpus[v].guest.n;
		if (is_edf(x->s, v))
			return -EOPNOTSUPP;
		x->sections[i] = locks->sections[i];
		x->sections[i].task = x->first[v] + x->v[v].n_handlers + (task - row);
	}
	return 0;
}

/* ---- answers ---- */

static bool tighter(nsec_t r, nsec_t deadline, const struct vrk_verdict *v)
{
	return v->index == SIZE_MAX || r > deadline || (u128)r * v->rhs > (u128)v->lhs * deadline;
}

/* The tightest yes of its tasks, or the first no. Handlers answer for themselves. */
static void vcpu_verdict(const struct inside *x, size_t v, struct vrk_verdict *ret)
{
	size_t at = x->first[v] + x->v[v].n_handlers;

	*ret = (struct vrk_verdict){ .ok = true, .test = VRK_TEST_GUEST_FP, .unit = VRK_SIDE_NS, .index = SIZE_MAX };
	for (size_t i = 0; ret->ok && i < x->s->vcpus[v].guest.n; i++) {
		nsec_t r = x->responses[at + i], deadline = x->tasks[at + i].deadline_ns;

		if (!tighter(r, deadline, ret))
			continue;
		ret->ok = r <= deadline;
		ret->lhs = r;
		ret->rhs = deadline;
		ret->index = i;
	}
}

static void handlers_answer(const struct inside *x, size_t v, struct vrk_system_result *ret)
{
	const struct vrk_vcpu *vcpu = &x->s->vcpus[v];
	size_t at = x->first[v];

	for (size_t i = 0; i < x->s->n_irqs; i++) {
		const struct vrk_task *t = &x->tasks[at];
		nsec_t lemma = NSEC_MAX;

		if (x->s->irqs[i].vcpu != v)
			continue;
		ret->irqs[i].response_ns = x->responses[at];
		/* a vCPU for this interrupt alone */
		if (x->v[v].n == 1 && supply_sane(&x->v[v].supply) && t->jitter_ns < t->period_ns && vcpu->guest.mode == VRK_SUPPLY_SLEEPING)
			lemma = vrk_irq_sporadic(&vcpu->reservation, t->wcet_ns + vcpu->masked_ns, t->period_ns - t->jitter_ns);
		if (lemma < NSEC_MAX && lemma + t->jitter_ns < ret->irqs[i].response_ns && lemma + t->jitter_ns <= t->deadline_ns)
			ret->irqs[i].response_ns = lemma + t->jitter_ns;
		at++;
	}
}

static int edf_judge(const struct inside *x, size_t v, const nsec_t *delivered, struct vrk_system_result *ret)
{
	const struct vrk_vcpu *vcpu = &x->s->vcpus[v];
	struct vrk_reservation r = vcpu->reservation;
	struct vrk_task *tasks = x->tasks + x->first[v];
	struct vrk_supply supply;

	r.deadline_ns = delivered[v];
	vrk_supply_init(&x->s->host, &r, &supply);
	if (vcpu->cpu >= 0)
		vrk_irq_supply(x->irqs, system_irqs(x->s, (size_t)vcpu->cpu, x->irqs), &supply);
	for (size_t i = 0; i < vcpu->guest.n; i++) {
		if (vcpu->masked_ns > TASK_MAX)
			return -ERANGE;
		if (vcpu->masked_ns > tasks[i].blocking_ns)
			tasks[i].blocking_ns = vcpu->masked_ns;
	}
	return vrk_guest_edf(&supply, tasks, vcpu->guest.n, &ret->vcpus[v]);
}

static int inside_answer(const struct inside *x, const nsec_t *delivered, struct vrk_system_result *ret)
{
	const struct vrk_system *s = x->s;
	size_t row = 0;

	for (size_t v = 0; v < s->n; row += s->vcpus[v].guest.n, v++) {
		const struct vrk_verdict *cpu = &ret->cpus[s->vcpus[v].cpu < 0 ? 0 : s->vcpus[v].cpu];
		size_t at = x->first[v] + x->v[v].n_handlers;
		int err = 0;

		ret->vcpus[v] = *cpu;
		if (!cpu->ok)
			continue;
		handlers_answer(x, v, ret);
		if (s->vcpus[v].guest.n == 0)
			continue;
		if (is_edf(s, v))
			err = edf_judge(x, v, delivered, ret);
		else
			vcpu_verdict(x, v, &ret->vcpus[v]);
		if (err < 0)
			return err;
		ret->ok &= ret->vcpus[v].ok;
		for (size_t i = 0; !is_edf(s, v) && i < s->vcpus[v].guest.n; i++) {
			ret->responses_ns[row + i] = x->responses[at + i];
			ret->locks[row + i] = x->bounds[at + i];
		}
	}
	for (size_t i = 0; i < s->n_irqs; i++) {
		if (s->irqs[i].vcpu != SIZE_MAX && !ret->cpus[s->vcpus[s->irqs[i].vcpu].cpu].ok)
			ret->irqs[i].response_ns = NSEC_MAX;
		ret->ok &= ret->irqs[i].response_ns <= s->irqs[i].irq.deadline_ns;
	}
	return 0;
}

int inside_judge(const struct vrk_system *s, const nsec_t *delivered, struct vrk_system_result *ret)
{
	const struct vrk_locks none = { .n_resources = 0 };
	struct vrk_locks locks = s->locks ? *s->locks : none;
	struct inside x;
	int err = inside_init(&x, s, ret->n_tasks);

	if (err == 0)
		err = irqs_judge(&x, ret);
	if (err == 0)
		err = vcpus_init(&x, delivered, ret);
	if (err == 0)
		err = sections_init(&x);
	if (err == 0) {
		locks.sections = x.sections;
		locks.rank = locks.rank ? x.rank : NULL;
		err = vrk_locks_fp(x.v, s->n, &locks, x.verdicts, x.responses, x.bounds);
	}
	if (err == 0)
		err = inside_answer(&x, delivered, ret);
	inside_done(&x);
	return err;
}

/* ---- */

static nsec_t task_time(u128 x)
{
	return x > TASK_MAX ? TASK_MAX : (nsec_t)x;
}

size_t vrk_system_tasks(const struct vrk_system *system, const struct vrk_system_result *result, size_t v, struct vrk_task *ret)
{
	const struct vrk_vcpu *vcpu = &system->vcpus[v];
	bool shift = inside_needed(system);
	size_t n = 0, row = 0;

	for (size_t i = 0; i < v; i++)
		row += system->vcpus[i].guest.n;
	for (size_t i = 0; i < vcpu->guest.n; i++, n++) {
		const struct vrk_lock_bound *b = &result->locks[row + i];

		ret[n] = vcpu->guest.tasks[i];
		ret[n].priority += shift;
		ret[n].suspensions += b->waits;
		ret[n].suspension_ns = task_time((u128)ret[n].suspension_ns + b->wait_ns);
		ret[n].blocking_ns = task_time((u128)ret[n].blocking_ns + b->local_ns);
		if (is_edf(system, v) && vcpu->masked_ns > ret[n].blocking_ns)
			ret[n].blocking_ns = vcpu->masked_ns;
	}
	for (size_t i = 0; i < system->n_irqs; i++)
		if (system->irqs[i].vcpu == v) {
			ret[n] = handler_task(&system->irqs[i], &result->irqs[i]);
			ret[n++].blocking_ns = vcpu->masked_ns;
		}
	return n;
}
