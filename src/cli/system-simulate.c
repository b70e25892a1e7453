/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A described system in the library's simulator. vCPUs become servers, their tasks jobs inside; tasks of a fixed-priority
 * guest are handed over in the order of their priorities, for there the place in the array is the priority. Each CPU gets
 * the kernel's fair server with ordinary threads that never stop.
 *
 * What a run shows did happen, so it can refute a bound; what it does not show may still happen. Blocking, switch costs and
 * latency, masked times and interrupts (none comes) are not simulated, nor are tick and fair servers of a fixed-priority
 * host, which is that of the papers.
 *
 * Called by the verb simulate. Pure but for memory.
 */
#include <stdlib.h>

#include "answer.h"
#include "system-simulate.h"

void system_run_done(struct system_run *run)
{
	free(run->vcpus);
	free(run->tasks);
	run->vcpus = NULL;
	run->tasks = NULL;
}

/* The library's arrays, and where each task of theirs comes from. */
struct stage {
	struct vrk_sim_server *servers;
	struct vrk_sim_server_result *servers_result;
	size_t n_servers;
	struct vrk_sim_task *tasks;
	struct vrk_sim_task_result *tasks_result;
	size_t *from;
	struct vrk_sim_resource *resources;
	struct vrk_sim_section *sections;
	size_t *first_section;		/* per task of the document, and one more */
};

static void stage_done(struct stage *stage)
{
	free(stage->servers);
	free(stage->servers_result);
	free(stage->tasks);
	free(stage->tasks_result);
	free(stage->from);
	free(stage->resources);
	free(stage->sections);
	free(stage->first_section);
}

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
static int tasks_stage(struct stage *stage, const struct system_document *d, size_t v)
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

		stage->from[first + i] = turns[i].index;
		stage->tasks[first + i] = (struct vrk_sim_task){
			.wcet_ns = t->wcet_ns, .period_ns = t->period_ns, .deadline_ns = t->deadline_ns,
			.jitter_ns = t->jitter_ns, .suspension_ns = t->suspension_ns, .suspensions = t->suspensions,
			.sections = stage->sections + stage->first_section[turns[i].index],
			.n_sections = stage->first_section[turns[i].index + 1] - stage->first_section[turns[i].index],
			.rank = d->ranks ? d->ranks[turns[i].index] : 0,
		};
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

static int stage_init(struct stage *stage, const struct system_document *d)
{
	const struct vrk_host *host = &d->system.host;
	size_t n = d->n_vcpus + host->cpus;
	int r;

	stage->servers = calloc(n, sizeof(*stage->servers));
	stage->servers_result = calloc(n, sizeof(*stage->servers_result));
	stage->tasks = calloc(d->n_tasks + 1, sizeof(*stage->tasks));
	stage->tasks_result = calloc(d->n_tasks + 1, sizeof(*stage->tasks_result));
	stage->from = calloc(d->n_tasks + 1, sizeof(*stage->from));
	if (!stage->servers || !stage->servers_result || !stage->tasks || !stage->tasks_result || !stage->from)
		return -ENOMEM;
	r = locks_stage(stage, d);
	for (size_t i = 0; r >= 0 && i < d->n_vcpus; i++) {
		const struct vrk_vcpu *vcpu = &d->vcpus[i];

		r = tasks_stage(stage, d, i);
		if (r < 0)
			return r;
		stage->servers[stage->n_servers++] = (struct vrk_sim_server){
			.reservation = vcpu->reservation, .cpu = vcpu->cpu, .edf = vcpu->guest.scheduler == VRK_GUEST_EDF,
			/* without tasks it is the reservation that is looked at: it wants all that it may have */
			.idling = vcpu->guest.mode == VRK_SUPPLY_IDLING || vcpu->guest.n == 0,
			.first_task = d->names[i].first_task, .n_tasks = d->names[i].n_tasks,
		};
	}
	/* a fixed-priority host is that of the papers: it has none */
	for (uint32_t cpu = 0; d->system.scheduler == VRK_HOST_EDF && host->fair_budget_ns > 0 && cpu < host->cpus; cpu++)
		stage->servers[stage->n_servers++] = (struct vrk_sim_server){
			.reservation = { host->fair_budget_ns, host->fair_period_ns, host->fair_period_ns, false },
			.cpu = (int32_t)cpu, .fair = true, .idling = true, .first_task = d->n_tasks,
		};
	return 0;
}

static int results_take(const struct stage *stage, const struct system_document *d, struct system_run *run)
{
	run->vcpus = calloc(d->n_vcpus + 1, sizeof(*run->vcpus));
	run->tasks = calloc(d->n_tasks + 1, sizeof(*run->tasks));
	if (!run->vcpus || !run->tasks)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++)
		run->vcpus[i] = stage->servers_result[i];
	for (size_t i = 0; i < d->n_tasks; i++)
		run->tasks[stage->from[i]] = stage->tasks_result[i];
	return 0;
}

/* The simulator's tasks stand in the order of their priorities: told in the order of the document. */
struct retold {
	const struct vrk_sim_watch *watch;
	const size_t *from;
};

static void retell_server(void *userdata, size_t server, const struct vrk_sim_moment *moment)
{
	const struct retold *retold = userdata;
	struct vrk_sim_moment m = *moment;

	if (m.task != SIZE_MAX)
		m.task = retold->from[m.task];
	retold->watch->server(retold->watch->userdata, server, &m);
}

static void retell_task(void *userdata, size_t task, const struct vrk_sim_job *job)
{
	const struct retold *retold = userdata;

	retold->watch->task(retold->watch->userdata, retold->from[task], job);
}

int system_run(const struct system_document *d, struct system_run *run, struct vr_error **reterr)
{
	_cleanup_(stage_done) struct stage stage = { 0 };
	struct retold retold = { .watch = run->watch };
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
	int r;

	r = stage_init(&stage, d);
	if (r < 0)
		return r;
	retold.from = stage.from;
	host.resources = stage.resources;
	host.n_resources = d->locks.n_resources;
	run->events = vrk_simulate(&host, stage.servers, stage.n_servers, stage.tasks, d->n_tasks, run->until_ns,
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

/* A new object at the end of @array, that says whose it is. */
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
	r = put(row, "vm", json_object_new_string(name->vm));
	if (r >= 0)
		r = put_u64(row, "vcpu", name->index);
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

int system_run_answer(const struct system_document *d, const struct vrk_system_result *result, const struct system_run *run,
		      struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	struct json_object *tasks = json_object_new_array(), *vcpus = json_object_new_array();
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
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}
