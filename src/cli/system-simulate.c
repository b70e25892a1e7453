/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A described system in the library's simulator: put on stage (system-stage.c), run, and what was seen told in the order of the
 * description, with the bounds of the analysis beside it.
 *
 * What a run shows did happen, so it can refute a bound; what it does not show may still happen. Blocking, switch costs and
 * latency and masked times are not simulated, nor are tick and fair servers of a fixed-priority host, which is that of the papers.
 *
 * Called by the verb simulate. Pure but for memory.
 */
#include <stdlib.h>

#include "answer.h"
#include "system-simulate.h"
#include "system-stage.h"

void system_run_done(struct system_run *run)
{
	free(run->vcpus);
	free(run->tasks);
	free(run->irqs);
	run->vcpus = NULL;
	run->tasks = NULL;
	run->irqs = NULL;
}

static const struct vrk_sim_task_result *part_result(const struct stage *stage, size_t irq, enum stage_part part)
{
	return stage->parts[irq][part] == SIZE_MAX ? NULL : &stage->tasks_result[stage->parts[irq][part]];
}

static nsec_t part_worst(const struct vrk_sim_task_result *part)
{
	return part && part->jobs > 0 ? part->worst_ns : NSEC_MAX;
}

static struct system_run_irq irq_take(const struct stage *stage, size_t irq)
{
	size_t at = stage->parts[irq][STAGE_HARD];	/* each has one */
	struct vrk_sim_task_result last;

	if (stage->parts[irq][STAGE_THREAD] != SIZE_MAX)
		at = stage->parts[irq][STAGE_THREAD];
	if (stage->parts[irq][STAGE_HANDLER] != SIZE_MAX)
		at = stage->parts[irq][STAGE_HANDLER];
	last = stage->tasks_result[at];
	return (struct system_run_irq){ .jobs = last.jobs, .missed = last.missed, .worst_ns = part_worst(&last),
					.hard_ns = part_worst(part_result(stage, irq, STAGE_HARD)),
					.thread_ns = part_worst(part_result(stage, irq, STAGE_THREAD)) };
}

static int results_take(const struct stage *stage, const struct system_document *d, struct system_run *run)
{
	run->vcpus = calloc(d->n_vcpus + 1, sizeof(*run->vcpus));
	run->tasks = calloc(d->n_tasks + 1, sizeof(*run->tasks));
	run->irqs = calloc(d->n_irqs + 1, sizeof(*run->irqs));
	if (!run->vcpus || !run->tasks || !run->irqs)
		return -ENOMEM;
	for (size_t i = 0; i < stage->n_servers; i++)
		if (stage->server_number[i] < d->n_vcpus)
			run->vcpus[stage->server_number[i]] = stage->servers_result[i];
	for (size_t i = 0; i < stage->n_tasks; i++)
		if (stage->task_number[i] < d->n_tasks)
			run->tasks[stage->task_number[i]] = stage->tasks_result[i];
	for (size_t i = 0; i < d->n_irqs; i++)
		run->irqs[i] = irq_take(stage, i);
	return 0;
}

/* The simulator's servers and tasks stand in an order of their own: told by the numbers of the document. */
struct retold {
	const struct vrk_sim_watch *watch;
	const struct stage *stage;
};

static void retell_server(void *userdata, size_t server, const struct vrk_sim_moment *moment)
{
	const struct retold *retold = userdata;
	struct vrk_sim_moment m = *moment;

	if (m.task != SIZE_MAX)
		m.task = retold->stage->task_number[m.task];
	retold->watch->server(retold->watch->userdata, retold->stage->server_number[server], &m);
}

static void retell_task(void *userdata, size_t task, const struct vrk_sim_job *job)
{
	const struct retold *retold = userdata;

	if (retold->stage->task_told[task])
		retold->watch->task(retold->watch->userdata, retold->stage->task_number[task], job);
}

int system_run(const struct system_document *d, struct system_run *run, struct vr_error **reterr)
{
	_cleanup_(stage_done) struct stage stage = { 0 };
	struct retold retold = { run->watch, &stage };
	const struct vrk_sim_watch watch = { retell_server, retell_task, &retold };
	bool fixed = d->system.scheduler != VRK_HOST_EDF;
	struct vrk_sim_host host = {
		.cpus = d->system.host.cpus,
		.tick_ns = fixed ? 0 : d->system.host.tick_ns,
		.flags = VRK_SIM_FULL | VRK_SIM_OVERRUN | (run->seed ? 0 : VRK_SIM_SYNC | VRK_SIM_PACK) |
			 (!fixed ? 0 : d->system.scheduler == VRK_HOST_FP_PERIODIC ? VRK_SIM_PERIODIC : VRK_SIM_DEFERRABLE),
		.seed = run->seed ? *run->seed : 0,
		.watch = run->watch ? &watch : NULL,
	};
	int r = stage_init(&stage, d);

	if (r < 0)
		return r;
	host.resources = stage.resources;
	host.n_resources = d->locks.n_resources;
	run->events = vrk_simulate(&host, stage.servers, stage.n_servers, stage.tasks, stage.n_tasks, run->until_ns,
				   stage.servers_result, stage.tasks_result);
	if (run->events == -ENOMEM)
		return -ENOMEM;
	if (run->events < 0)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "a time is too long to be simulated: 2^60 ns is the most");
	return results_take(&stage, d, run);
}

/* ---- the answer ---- */

/* Adds and owns @value; a NULL value means that there was no memory for it. */
static int put(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int put_u64(struct json_object *object, const char *key, uint64_t value)
{
	return put(object, key, json_object_new_uint64(value));
}

/* NSEC_MAX is none. */
static int put_time(struct json_object *object, const char *key, nsec_t ns)
{
	if (ns < NSEC_MAX)
		return put_u64(object, key, ns);
	return json_object_object_add(object, key, NULL) < 0 ? -ENOMEM : 0;
}

/* A new object at the end of @array, that says whose it is; NULL: no guest's. */
static int row_new(struct json_object *array, const struct system_vcpu *name, struct json_object **ret)
{
	struct json_object *row = json_object_new_object();
	int r;

	if (!row)
		return -ENOMEM;
	if (json_object_array_add(array, row) < 0) {
		json_object_put(row);
		return -ENOMEM;
	}
	r = name ? put(row, "vm", json_object_new_string(name->vm)) : put_time(row, "vm", NSEC_MAX);
	if (r >= 0)
		r = name ? put_u64(row, "vcpu", name->index) : put_time(row, "vcpu", NSEC_MAX);
	*ret = row;
	return r;
}

/* A bound is given only where the analysis says yes to the CPU: what is inside a no has none. */
static nsec_t bound_of(const struct system_document *d, const struct vrk_system_result *result, size_t v, size_t t)
{
	size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu;

	return result->cpus[cpu].ok ? result->responses_ns[t] : NSEC_MAX;
}

static int tasks_make(const struct system_document *d, const struct vrk_system_result *result, const struct system_run *run,
		      struct json_object *array)
{
	int r = 0;

	for (size_t v = 0; v < d->n_vcpus; v++)
		for (size_t t = d->names[v].first_task; r >= 0 && t < d->names[v].first_task + d->names[v].n_tasks; t++) {
			struct json_object *row;

			r = row_new(array, &d->names[v], &row);
			if (r >= 0)
				r = put(row, "name", json_object_new_string(d->task_names[t]));
			if (r >= 0)
				r = put_u64(row, "jobs", run->tasks[t].jobs);
			if (r >= 0)
				r = put_u64(row, "missed", run->tasks[t].missed);
			if (r >= 0)
				r = put_time(row, "simulated", run->tasks[t].jobs ? run->tasks[t].worst_ns : NSEC_MAX);
			if (r >= 0)
				r = put_time(row, "bound", bound_of(d, result, v, t));
			if (r >= 0)
				r = put_time(row, "deadline", d->tasks[t].deadline_ns);
		}
	return r;
}

static int vcpus_make(const struct system_document *d, const struct system_run *run, struct json_object *array)
{
	int r = 0;

	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++) {
		const struct vrk_sim_server_result *seen = &run->vcpus[v];
		struct json_object *row;

		r = row_new(array, &d->names[v], &row);
		if (r >= 0)
			r = put_time(row, "supplied", seen->served_ns);
		if (r >= 0)
			r = put_u64(row, "budgets", seen->budgets);
		if (r >= 0)
			r = put_time(row, "late", seen->late_whole_ns);
		if (r >= 0)
			r = put_time(row, "late_rest", seen->late_rest_ns);
		if (r >= 0)
			r = put_time(row, "late_at", seen->at_ns);
	}
	return r;
}

static int irqs_make(const struct system_document *d, const struct vrk_system_result *result, const struct system_run *run,
		     struct json_object *array)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < d->n_irqs; i++) {
		const struct system_run_irq *seen = &run->irqs[i];
		const struct vrk_system_irq *irq = &d->irqs[i];
		struct json_object *row;

		r = row_new(array, irq->vcpu < d->n_vcpus ? &d->names[irq->vcpu] : NULL, &row);
		if (r >= 0)
			r = put(row, "name", json_object_new_string(d->irq_names[i]));
		if (r >= 0)
			r = put_u64(row, "cpu", irq->cpu);
		if (r >= 0)
			r = put_u64(row, "jobs", seen->jobs);
		if (r >= 0)
			r = put_u64(row, "missed", seen->missed);
		if (r >= 0)
			r = put_time(row, "hard", seen->hard_ns);
		if (r >= 0)
			r = put_time(row, "thread", seen->thread_ns);
		if (r >= 0)
			r = put_time(row, "simulated", seen->worst_ns);
		if (r >= 0)
			r = put_time(row, "bound", result->irqs[i].response_ns);
		if (r >= 0)
			r = put_time(row, "deadline", irq->irq.deadline_ns);
	}
	return r;
}

int system_run_answer(const struct system_document *d, const struct vrk_system_result *result, const struct system_run *run,
		      struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	struct json_object *tasks = json_object_new_array(), *vcpus = json_object_new_array(), *irqs = NULL;
	int r;

	if (!answer || !tasks || !vcpus) {
		json_object_put(tasks);
		json_object_put(vcpus);
		return -ENOMEM;
	}
	r = put(answer, "tasks", tasks);
	if (r < 0)
		json_object_put(vcpus);
	else
		r = put(answer, "vcpus", vcpus);
	if (r >= 0 && d->n_irqs > 0) {
		irqs = json_object_new_array();
		r = put(answer, "irqs", irqs);
	}
	if (r >= 0)
		r = put_time(answer, "for", run->until_ns);
	if (r >= 0)
		r = run->seed ? put_u64(answer, "seed", *run->seed) : put_time(answer, "seed", NSEC_MAX);
	if (r >= 0)
		r = put_u64(answer, "events", (uint64_t)run->events);
	if (r >= 0)
		r = tasks_make(d, result, run, tasks);
	if (r >= 0)
		r = vcpus_make(d, run, vcpus);
	if (r >= 0)
		r = irqs_make(d, result, run, irqs);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}
