/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A described system put on the simulator's stage. vCPUs become servers, their tasks jobs inside; tasks of a fixed-priority
 * guest are handed over in the order of their priorities, for there the place in the array is the priority. Each CPU gets
 * the kernel's fair server with ordinary threads that never stop.
 *
 * An interrupt is a chain: a hard handler on its CPU, before everything; a thread there, with a reservation or behind all of
 * them; a handler in a guest, before its tasks. Its parts come first in the array of tasks, since a chain goes forward.
 *
 * Called by system-simulate.c. Pure but for memory; it changes no number of the description.
 */
#include <stdlib.h>

#include "system-stage.h"

void stage_done(struct stage *stage)
{
	free(stage->servers);
	free(stage->servers_result);
	free(stage->server_number);
	free(stage->tasks);
	free(stage->tasks_result);
	free(stage->task_number);
	free(stage->task_told);
	free(stage->parts);
	free(stage->resources);
	free(stage->sections);
	free(stage->first_section);
}

/* ---- numbers ---- */

size_t stage_fair(const struct system_document *d, uint32_t cpu)
{
	return d->n_vcpus + cpu;
}

size_t stage_hard(const struct system_document *d, uint32_t cpu)
{
	return d->n_vcpus + d->system.host.cpus + cpu;
}

size_t stage_fifo(const struct system_document *d, uint32_t cpu)
{
	return d->n_vcpus + 2 * (size_t)d->system.host.cpus + cpu;
}

size_t stage_thread(const struct system_document *d, size_t irq)
{
	return d->n_vcpus + 3 * (size_t)d->system.host.cpus + irq;
}

size_t stage_servers(const struct system_document *d)
{
	return d->n_irqs > 0 ? stage_thread(d, d->n_irqs) : stage_hard(d, 0);
}

static struct vrk_sim_server *server_add(struct stage *stage, size_t number, int32_t cpu, struct vrk_reservation r)
{
	struct vrk_sim_server *s = &stage->servers[stage->n_servers];

	stage->server_number[stage->n_servers++] = number;
	*s = (struct vrk_sim_server){ .reservation = r, .cpu = cpu, .first_task = stage->n_tasks };
	return s;
}

static void task_add(struct stage *stage, struct vrk_sim_server *s, size_t number, struct vrk_sim_task t)
{
	stage->task_number[stage->n_tasks] = number;
	stage->task_told[stage->n_tasks] = true;
	stage->tasks[stage->n_tasks++] = t;
	s->n_tasks++;
}

/* ---- interrupts ---- */

static void part_add(struct stage *stage, const struct system_document *d, struct vrk_sim_server *s, size_t irq, enum stage_part part)
{
	const struct vrk_system_irq *i = &d->irqs[irq];
	const nsec_t wcet[] = { i->irq.hard_ns, i->irq.thread_ns, i->handler_ns };

	stage->parts[irq][part] = stage->n_tasks;
	task_add(stage, s, d->n_tasks + irq, (struct vrk_sim_task){
		.wcet_ns = wcet[part], .period_ns = i->irq.period_ns, .jitter_ns = part == STAGE_HARD ? i->irq.jitter_ns : 0,
		.handler = part == STAGE_HANDLER });
}

static struct vrk_reservation unlimited(void)
{
	return (struct vrk_reservation){ 1, 1, 1, false };
}

static void hard_stage(struct stage *stage, const struct system_document *d)
{
	for (uint32_t cpu = 0; d->n_irqs > 0 && cpu < d->system.host.cpus; cpu++) {
		struct vrk_sim_server *s = NULL;

		for (size_t i = 0; i < d->n_irqs; i++) {
			if (d->irqs[i].cpu != cpu)
				continue;
			if (!s)
				s = server_add(stage, stage_hard(d, cpu), (int32_t)cpu, unlimited());
			s->hard = true;
			part_add(stage, d, s, i, STAGE_HARD);
		}
	}
}

/* The smaller priority first, ties by order: one more pass for each is short enough for what people write. */
static void fifo_stage(struct stage *stage, const struct system_document *d, uint32_t cpu)
{
	struct vrk_sim_server *s = NULL;
	uint64_t above = 0;

	for (bool more = true; more;) {
		uint64_t least = UINT64_MAX;

		for (size_t i = 0; i < d->n_irqs; i++)
			if (d->irqs[i].cpu == cpu && d->irqs[i].irq.thread == VRK_IRQ_FIFO && d->irqs[i].irq.priority >= above &&
			    d->irqs[i].irq.priority < least)
				least = d->irqs[i].irq.priority;
		more = least < UINT64_MAX;
		for (size_t i = 0; more && i < d->n_irqs; i++) {
			if (d->irqs[i].cpu != cpu || d->irqs[i].irq.thread != VRK_IRQ_FIFO || d->irqs[i].irq.priority != least)
				continue;
			if (!s)
				s = server_add(stage, stage_fifo(d, cpu), (int32_t)cpu, unlimited());
			s->fifo = true;
			part_add(stage, d, s, i, STAGE_THREAD);
		}
		above = least + more;
	}
}

static void threads_stage(struct stage *stage, const struct system_document *d)
{
	for (size_t i = 0; i < d->n_irqs; i++)
		if (d->irqs[i].irq.thread == VRK_IRQ_RESERVED)
			part_add(stage, d, server_add(stage, stage_thread(d, i), (int32_t)d->irqs[i].cpu, d->irqs[i].irq.reservation),
				 i, STAGE_THREAD);
	for (uint32_t cpu = 0; d->n_irqs > 0 && cpu < d->system.host.cpus; cpu++)
		fifo_stage(stage, d, cpu);
}

/* When all parts have their places. The last one is what is to be done by the deadline. */
static void chains_link(struct stage *stage, const struct system_document *d)
{
	for (size_t i = 0; i < d->n_irqs; i++) {
		size_t last = SIZE_MAX;

		for (enum stage_part part = 0; part < _STAGE_PART_MAX; part++) {
			size_t at = stage->parts[i][part];

			if (at == SIZE_MAX)
				continue;
			if (last != SIZE_MAX) {
				stage->tasks[last].next = at + 1;
				stage->tasks[last].next_ns = part == STAGE_HANDLER ? d->irqs[i].injection_ns : 0;
				stage->task_told[last] = false;
			}
			last = at;
		}
		stage->tasks[last].deadline_ns = d->irqs[i].irq.deadline_ns;
	}
}

/* ---- guests ---- */

struct turn {
	uint32_t priority;
	size_t index;
};

static int turn_compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The tasks of one vCPU, the first to run first. */
static int tasks_stage(struct stage *stage, const struct system_document *d, size_t v, struct vrk_sim_server *s)
{
	size_t first = d->names[v].first_task, n = d->names[v].n_tasks;
	_cleanup_(freep) struct turn *turns = calloc(n + 1, sizeof(*turns));

	if (!turns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		turns[i] = (struct turn){ d->tasks[first + i].priority, first + i };
	qsort(turns, n, sizeof(*turns), turn_compare);
	for (size_t i = 0; i < n; i++) {
		const struct vrk_task *t = &d->tasks[turns[i].index];

		task_add(stage, s, turns[i].index, (struct vrk_sim_task){
			.wcet_ns = t->wcet_ns, .period_ns = t->period_ns, .deadline_ns = t->deadline_ns,
			.jitter_ns = t->jitter_ns, .suspension_ns = t->suspension_ns, .suspensions = t->suspensions,
			.sections = stage->sections + stage->first_section[turns[i].index],
			.n_sections = stage->first_section[turns[i].index + 1] - stage->first_section[turns[i].index],
			.rank = d->ranks ? d->ranks[turns[i].index] : 0 });
	}
	return 0;
}

static int vcpus_stage(struct stage *stage, const struct system_document *d)
{
	for (size_t v = 0; v < d->n_vcpus; v++) {
		const struct vrk_vcpu *vcpu = &d->vcpus[v];
		struct vrk_sim_server *s = server_add(stage, v, vcpu->cpu, vcpu->reservation);
		int r;

		for (size_t i = 0; i < d->n_irqs; i++)
			if (d->irqs[i].vcpu == v)
				part_add(stage, d, s, i, STAGE_HANDLER);
		/* without work it is the reservation that is looked at: it wants all that it may have */
		s->idling = vcpu->guest.mode == VRK_SUPPLY_IDLING || (vcpu->guest.n == 0 && s->n_tasks == 0);
		s->edf = vcpu->guest.scheduler == VRK_GUEST_EDF;
		r = tasks_stage(stage, d, v, s);
		if (r < 0)
			return r;
	}
	return 0;
}

static int locks_stage(struct stage *stage, const struct system_document *d)
{
	size_t n = 0;

	stage->resources = calloc(d->locks.n_resources + 1, sizeof(*stage->resources));
	stage->sections = calloc(d->locks.n_sections + 1, sizeof(*stage->sections));
	stage->first_section = calloc(d->n_tasks + 1, sizeof(*stage->first_section));
	if (!stage->resources || !stage->sections || !stage->first_section)
		return -ENOMEM;
	for (size_t i = 0; i < d->locks.n_resources; i++)
		stage->resources[i] = (struct vrk_sim_resource){ d->resources[i].queue == VRK_QUEUE_PRIORITY, d->resources[i].latency_ns };
	for (size_t t = 0; t < d->n_tasks; t++) {
		stage->first_section[t] = n;
		for (; n < d->locks.n_sections && d->sections[n].task == t; n++)
			stage->sections[n] = (struct vrk_sim_section){ d->sections[n].resource, d->sections[n].length_ns,
								       d->sections[n].count };
	}
	stage->first_section[d->n_tasks] = n;
	return 0;
}

/* ---- all ---- */

static int room_make(struct stage *stage, const struct system_document *d)
{
	size_t n = stage_servers(d) + 1, n_tasks = d->n_tasks + _STAGE_PART_MAX * d->n_irqs + 1;

	stage->servers = calloc(n, sizeof(*stage->servers));
	stage->servers_result = calloc(n, sizeof(*stage->servers_result));
	stage->server_number = calloc(n, sizeof(*stage->server_number));
	stage->tasks = calloc(n_tasks, sizeof(*stage->tasks));
	stage->tasks_result = calloc(n_tasks, sizeof(*stage->tasks_result));
	stage->task_number = calloc(n_tasks, sizeof(*stage->task_number));
	stage->task_told = calloc(n_tasks, sizeof(*stage->task_told));
	stage->parts = calloc(d->n_irqs + 1, sizeof(*stage->parts));
	if (!stage->servers || !stage->servers_result || !stage->server_number || !stage->tasks || !stage->tasks_result ||
	    !stage->task_number || !stage->task_told || !stage->parts)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_irqs; i++)
		for (enum stage_part part = 0; part < _STAGE_PART_MAX; part++)
			stage->parts[i][part] = SIZE_MAX;
	return 0;
}

int stage_init(struct stage *stage, const struct system_document *d)
{
	const struct vrk_host *host = &d->system.host;
	int r = room_make(stage, d);

	if (r >= 0)
		r = locks_stage(stage, d);
	if (r < 0)
		return r;
	hard_stage(stage, d);
	threads_stage(stage, d);
	r = vcpus_stage(stage, d);
	if (r < 0)
		return r;
	chains_link(stage, d);
	/* a fixed-priority host is that of the papers: it has none */
	for (uint32_t cpu = 0; d->system.scheduler == VRK_HOST_EDF && host->fair_budget_ns > 0 && cpu < host->cpus; cpu++) {
		struct vrk_sim_server *s = server_add(stage, stage_fair(d, cpu), (int32_t)cpu,
						      (struct vrk_reservation){ host->fair_budget_ns, host->fair_period_ns,
										host->fair_period_ns, false });

		s->fair = s->idling = true;
	}
	return 0;
}
