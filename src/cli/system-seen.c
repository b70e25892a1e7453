/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers about guests that depend on each other: what locks cost each task, when interrupts are served, what a test of one
 * guest alone has to be asked so that its answer is the right one, and repairs that were confirmed on the whole system.
 *
 * Called by whoever makes answers, certificates and explanations of a description. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <virtrk/proof.h>

#include "answer.h"
#include "system-seen.h"
#include "text.h"

#define REPAIR_VCPUS_MAX 64	/* each step of the search is an analysis of all of them */

bool system_shared(const struct system_document *d)
{
	bool masked = false;

	for (size_t i = 0; i < d->n_vcpus; i++)
		masked |= d->vcpus[i].masked_ns > 0;
	return masked || d->n_irqs > 0 || d->locks.n_sections > 0;
}

/* ---- as the tests saw it ---- */

void system_seen_done(struct system_seen *seen)
{
	free(seen->vcpus);
	free(seen->tasks);
	seen->vcpus = NULL;
	seen->tasks = NULL;
}

int system_seen_make(const struct system_document *d, const struct vrk_system_result *result, struct system_seen *ret)
{
	_cleanup_(system_seen_done) struct system_seen seen = { .document = *d };
	size_t at = 0;

	if (system_shared(d)) {
		seen.vcpus = calloc(d->n_vcpus + 1, sizeof(*seen.vcpus));
		seen.tasks = calloc(d->n_tasks + d->n_irqs + 1, sizeof(*seen.tasks));
		if (!seen.vcpus || !seen.tasks)
			return -ENOMEM;
		for (size_t v = 0; v < d->n_vcpus; v++) {
			seen.vcpus[v] = d->vcpus[v];
			seen.vcpus[v].guest.tasks = &seen.tasks[at];
			if (d->vcpus[v].guest.n == 0)
				continue;	/* only its reservation is judged */
			seen.vcpus[v].guest.n = vrk_system_tasks(&d->system, result, v, &seen.tasks[at]);
			at += seen.vcpus[v].guest.n;
		}
		seen.document.vcpus = seen.vcpus;
		seen.document.system.vcpus = seen.vcpus;
	}
	*ret = TAKE_GENERIC(seen, struct system_seen, (struct system_seen){ .vcpus = NULL });
	return 0;
}

/*
 * What hard handlers take of a vCPU's time, as a task that goes before all: that costs it as much or more. They are those of its CPU;
 * all of them where it has none yet.
 */
static struct vrk_task stolen_task(const struct vrk_irq *irq, bool edf)
{
	return (struct vrk_task){ .wcet_ns = irq->hard_ns, .period_ns = irq->period_ns, .jitter_ns = edf ? 0 : irq->jitter_ns,
				  .deadline_ns = edf ? irq->hard_ns : irq->period_ns + irq->deadline_ns,
				  .blocking_ns = edf ? irq->hard_ns : 0 };
}

bool system_has_handler(const struct system_document *d, size_t v)
{
	for (size_t i = 0; i < d->n_irqs; i++)
		if (d->irqs[i].vcpu == v)
			return true;
	return false;
}

static int stolen_add(const struct system_document *d, const struct vrk_system_result *result, bool placed, struct system_seen *seen)
{
	struct vrk_task *tasks = calloc(d->n_tasks + (d->n_vcpus + 1) * (2 * d->n_irqs + 1), sizeof(*tasks)), *at = tasks;

	if (!tasks)
		return -ENOMEM;
	for (size_t v = 0; v < d->n_vcpus; v++) {
		bool known = placed || d->names[v].pinned || d->system.host.cpus == 1;
		struct vrk_guest *g = &seen->vcpus[v].guest;
		struct vrk_task *first = at;

		if (g->n == 0 && system_has_handler(d, v))
			at += vrk_system_tasks(&d->system, result, v, at);
		for (size_t i = 0; i < g->n; i++)
			*at++ = g->tasks[i];
		for (size_t i = 0; at > first && i < d->n_irqs; i++)
			if (!known || (uint32_t)d->vcpus[v].cpu == d->irqs[i].cpu)
				*at++ = stolen_task(&d->irqs[i].irq, g->scheduler == VRK_GUEST_EDF);
		g->tasks = first;
		g->n = (size_t)(at - first);
	}
	free(seen->tasks);
	seen->tasks = tasks;
	return 0;
}

static bool cpus_ok(const struct vrk_system_result *result)
{
	for (size_t i = 0; i < result->n_cpus; i++)
		if (!result->cpus[i].ok)
			return false;
	return true;
}

/* A system in which nobody is in anybody's way but by what they share: interrupts of one CPU stay together. */
static int apart_analyze(const struct system_document *d, struct vrk_system_result *ret)
{
	_cleanup_(freep) struct vrk_vcpu *vcpus = calloc(d->n_vcpus + 1, sizeof(*vcpus));
	_cleanup_(freep) struct vrk_system_irq *irqs = calloc(d->n_irqs + 1, sizeof(*irqs));
	struct vrk_system apart = d->system;

	if (!vcpus || !irqs)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		vcpus[i] = d->vcpus[i];
		vcpus[i].cpu = (int32_t)i;
	}
	for (size_t i = 0; i < d->n_irqs; i++) {
		irqs[i] = d->irqs[i];
		irqs[i].cpu += (uint32_t)d->n_vcpus;
	}
	apart.host.cpus += (uint32_t)d->n_vcpus;
	apart.host.fair_budget_ns = apart.host.fair_period_ns = 0;
	apart.host.kernel_limit_bw = VRK_BW_UNLIMITED;
	apart.vcpus = vcpus;
	apart.irqs = irqs;
	return vrk_system_analyze(&apart, ret);
}

int system_seen_guess(const struct system_document *d, bool placed, struct system_seen *ret)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_seen_done) struct system_seen seen = { .vcpus = NULL };
	int r = placed ? vrk_system_analyze(&d->system, &result) : -EAGAIN;

	if (r >= 0 && !cpus_ok(&result)) {
		vrk_system_result_done(&result);
		r = -EAGAIN;
	}
	if (r == -EAGAIN)
		r = apart_analyze(d, &result);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {	/* for the verdict on the whole to tell */
		*ret = (struct system_seen){ .document = *d };
		return 0;
	}
	r = system_seen_make(d, &result, &seen);
	if (r >= 0 && d->n_irqs > 0)
		r = stolen_add(d, &result, placed, &seen);
	if (r >= 0)
		*ret = TAKE_GENERIC(seen, struct system_seen, (struct system_seen){ .vcpus = NULL });
	return r;
}

/* ---- JSON ---- */

static void time_write(struct json_line *line, const char *key, nsec_t ns)
{
	if (ns < NSEC_MAX)
		json_line_int(line, key, (int64_t)ns);
	else
		json_line_null(line, key);
}

void system_locks_write(const struct system_document *d, const struct vrk_system_result *result, size_t t, struct json_line *line)
{
	const struct vrk_lock_bound *b = &result->locks[t];
	/* without a bound of the task nothing was promised about its locks either */
	bool bounded = result->responses_ns[t] < NSEC_MAX;

	if (d->locks.n_sections == 0)
		return;
	json_line_open(line, "locks", '{');
	json_line_int(line, "waits", b->waits);
	time_write(line, "wait", bounded || b->wait_ns > 0 ? b->wait_ns : NSEC_MAX);
	time_write(line, "wait_once", bounded || b->wait_once_ns > 0 ? b->wait_once_ns : NSEC_MAX);
	time_write(line, "local", b->local_ns);
	time_write(line, "hold", bounded || b->hold_ns > 0 ? b->hold_ns : NSEC_MAX);
	json_line_close(line, '}');
}

static void irq_write(const struct system_document *d, const struct vrk_system_result *result, size_t i, struct json_line *line)
{
	const struct vrk_system_irq *irq = &d->irqs[i];
	const struct vrk_irq_bound *b = &result->irqs[i];

	json_line_open(line, NULL, '{');
	json_line_text(line, "name", d->irq_names[i]);
	json_line_int(line, "cpu", irq->cpu);
	if (irq->vcpu < d->n_vcpus) {
		json_line_text(line, "vm", d->names[irq->vcpu].vm);
		json_line_int(line, "vcpu", d->names[irq->vcpu].index);
	} else {
		json_line_null(line, "vm");
		json_line_null(line, "vcpu");
	}
	json_line_bool(line, "ok", b->response_ns <= irq->irq.deadline_ns);
	time_write(line, "hard", b->hard_ns);
	time_write(line, "thread", b->thread_ns);
	time_write(line, "response", b->response_ns);
	time_write(line, "deadline", irq->irq.deadline_ns);
	json_line_close(line, '}');
}

void system_irqs_write(const struct system_document *d, const struct vrk_system_result *result, struct json_line *line)
{
	if (d->n_irqs == 0)
		return;
	json_line_open(line, "irqs", '[');
	for (size_t i = 0; i < d->n_irqs; i++)
		irq_write(d, result, i, line);
	json_line_close(line, ']');
}

/* ---- sentences ---- */

int system_locks_reason(const struct system_document *d, const struct vrk_system_result *result, size_t v,
			const struct vrk_verdict *verdict, char **reason)
{
	char text[VRK_NSEC_STRLEN];
	const struct vrk_lock_bound *b;
	char *longer = NULL;
	nsec_t all;

	if (d->locks.n_sections == 0 || verdict->index >= d->names[v].n_tasks)
		return 0;
	b = &result->locks[d->names[v].first_task + verdict->index];
	all = b->wait_ns < NSEC_MAX && b->local_ns < NSEC_MAX ? b->wait_ns + b->local_ns : NSEC_MAX;
	if (all == 0)
		return 0;
	if (asprintf(&longer, "%s (%s for locks)", *reason, all < NSEC_MAX ? vrk_nsec_format(text, all) : "without bound") < 0)
		return -ENOMEM;
	free(*reason);
	*reason = longer;
	return 0;
}

size_t system_irq_late(const struct system_document *d, const struct vrk_system_result *result)
{
	size_t i = 0;

	while (i < d->n_irqs && result->irqs[i].response_ns <= d->irqs[i].irq.deadline_ns)
		i++;
	return i;
}

int system_irq_refuse(const struct system_document *d, const struct vrk_system_result *result, size_t i,
		      struct vrk_verdict *ret_verdict, char **ret_reason, char **ret_repair)
{
	const struct vrk_irq *irq = &d->irqs[i].irq;
	const struct vrk_irq_bound *b = &result->irqs[i];
	const char *part = b->hard_ns == NSEC_MAX ? "its hard handler" : b->thread_ns == NSEC_MAX ? "its thread" : "the guest's handler";
	char deadline[VRK_NSEC_STRLEN];
	int r;

	*ret_verdict = (struct vrk_verdict){ .test = VRK_TEST_IRQ, .unit = VRK_SIDE_NS, .lhs = b->response_ns, .rhs = irq->deadline_ns,
					     .index = i };
	r = asprintf(ret_reason, "interrupt %s: %s may miss the deadline of %s, or has no bound",
		     d->irq_names[i], part, vrk_nsec_format(deadline, irq->deadline_ns));
	if (r < 0)
		return -ENOMEM;
	if (b->hard_ns == NSEC_MAX)
		r = asprintf(ret_repair, "let another CPU take some of the interrupts of CPU %" PRIu32, d->irqs[i].cpu);
	else if (b->thread_ns == NSEC_MAX && irq->thread == VRK_IRQ_FIFO)
		r = asprintf(ret_repair, "give its thread a reservation: by fifo it waits for every reservation of its CPU");
	else if (b->thread_ns == NSEC_MAX)
		r = asprintf(ret_repair, "give its thread's reservation a shorter deadline, a budget above its wcet, and a period not above its own");
	else
		r = asprintf(ret_repair, "give the handler a vCPU of its own, or %s/vcpu%" PRIu32 " a shorter period",
			     d->names[d->irqs[i].vcpu].vm, d->names[d->irqs[i].vcpu].index);
	return r < 0 ? -ENOMEM : 0;
}

/* The least budget of it with which the whole is a yes, on 1 us; 0 = none was found. */
static int budget_find(const struct system_document *d, size_t v, nsec_t *ret)
{
	_cleanup_(freep) struct vrk_vcpu *vcpus = calloc(d->n_vcpus + 1, sizeof(*vcpus));
	nsec_t lo = d->vcpus[v].reservation.budget_ns / NSEC_PER_USEC, hi = d->vcpus[v].reservation.deadline_ns / NSEC_PER_USEC + 1, least = 0;
	struct vrk_system system = d->system;

	if (!vcpus)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++)
		vcpus[i] = d->vcpus[i];
	system.vcpus = vcpus;
	/* not every larger budget is better for the others: what is found is confirmed, what is not found may exist */
	while (hi - lo > 1) {
		nsec_t mid = lo + (hi - lo) / 2;
		_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
		bool host = true;
		int r;

		vcpus[v].reservation.budget_ns = mid * NSEC_PER_USEC;
		r = vrk_system_analyze(&system, &result);
		if (r == -ENOMEM)
			return r;
		for (size_t c = 0; r >= 0 && c < result.n_cpus; c++)
			host &= result.cpus[c].ok;
		if (r >= 0 && result.ok)
			least = mid * NSEC_PER_USEC;
		if (r < 0 || result.ok || !host)
			hi = mid;
		else
			lo = mid;
	}
	*ret = least;
	return 0;
}

int system_shared_repair(const struct system_document *d, size_t v, char **ret)
{
	char value[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	bool search = d->n_vcpus <= REPAIR_VCPUS_MAX && d->system.scheduler == VRK_HOST_EDF;
	nsec_t budget = 0;
	int r = search ? budget_find(d, v, &budget) : 0;

	if (r < 0)
		return r;
	if (budget > 0)
		r = asprintf(ret, "give %s/vcpu%" PRIu32 " a budget of %s in every %s", d->names[v].vm, d->names[v].index,
			     vrk_nsec_format(value, budget), vrk_nsec_format(period, d->vcpus[v].reservation.period_ns));
	else
		r = asprintf(ret, "%stry shorter periods of the vCPUs that share, shorter critical sections, or fewer of them",
			     search ? "no larger budget of it alone was found to mend it: " : "");
	return r < 0 ? -ENOMEM : 0;
}
