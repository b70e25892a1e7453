/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a described system would do on a host that stock Linux is not: one that does not stop a vCPU whose budget ends while a task in it
 * holds a resource (vrk_locks_overrun()). It is told beside the answer, as an estimate, where it shortens a response; whatever it
 * says, "schedulable" stays what the analysis made of it.
 *
 * Called by the verb analyze. Pure but for memory. Systems with interrupts, masked times or costs of the host are not estimated: the
 * estimate knows none of them. What requests to DRAM cost is estimated in system-dram.c, and told here, too.
 */
#include <stdlib.h>

#include "answer.h"
#include "json-line.h"
#include "system-dram.h"
#include "system-estimate.h"
#include "system-slack.h"

struct estimate {
	const struct system_document *d;
	struct vrk_lock_vcpu *v;
	struct vrk_verdict *verdicts;
	nsec_t *responses;
	nsec_t *overrun;		/* per vCPU */
	bool *ok;			/* per CPU */
};

static void estimate_done(struct estimate *e)
{
	free(e->v);
	free(e->verdicts);
	free(e->responses);
	free(e->overrun);
	free(e->ok);
}

static bool estimable(const struct system_document *d)
{
	const struct vrk_host *host = &d->system.host;
	bool fits = d->system.scheduler == VRK_HOST_EDF && d->locks.n_sections > 0 && d->n_irqs == 0 && d->n_vcpus <= SLACK_VCPUS_MAX &&
		    host->tick_ns + host->switch_ns + host->latency_ns == 0;

	for (size_t i = 0; i < d->n_vcpus; i++)
		fits &= d->vcpus[i].cpu >= 0 && d->vcpus[i].masked_ns == 0 &&
			(d->vcpus[i].guest.n == 0 || d->vcpus[i].guest.scheduler == VRK_GUEST_FP);
	return fits;
}

/* One section of every task of a vCPU, the longest; sections stand by task. */
static void overruns_find(struct estimate *e)
{
	const struct system_document *d = e->d;
	size_t i = 0;

	for (size_t v = 0; v < d->n_vcpus; v++)
		for (size_t t = d->names[v].first_task; t < d->names[v].first_task + d->names[v].n_tasks; t++) {
			nsec_t longest = 0;

			for (; i < d->locks.n_sections && d->sections[i].task == t; i++)
				longest = d->sections[i].length_ns > longest ? d->sections[i].length_ns : longest;
			e->overrun[v] += longest;
		}
}

/* What is too large to be asked about is a no. */
static int cpu_estimate(struct estimate *e, uint32_t cpu)
{
	_cleanup_(freep) struct vrk_reservation *r = NULL, *asked = calloc(e->d->n_vcpus + 1, sizeof(*asked));
	_cleanup_(freep) nsec_t *overrun = calloc(e->d->n_vcpus + 1, sizeof(*overrun));
	const struct vrk_host host = system_cpu_host(e->d);
	_cleanup_(freep) size_t *who = NULL;
	struct vrk_verdict verdict = { .ok = false };
	struct vrk_host other;
	nsec_t settle = 0;
	size_t n;
	int err = asked && overrun ? system_cpu_gather(e->d, cpu, &r, &who, &n) : -ENOMEM;

	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++)
		overrun[i] = e->overrun[who[i]];
	err = vrk_locks_overrun(&host, r, overrun, n, &other, asked, &settle);
	if (err == 0)
		err = vrk_admit(&other, asked, n, &verdict, NULL);
	e->ok[cpu] = err == 0 && verdict.ok;
	for (size_t i = 0; e->ok[cpu] && i < n; i++) {
		e->v[who[i]].settle_ns = settle;
		vrk_supply_init(&host, &r[i], &e->v[who[i]].supply);
	}
	return err == -ENOMEM ? err : 0;
}

static int estimate_make(struct estimate *e, const struct system_document *d)
{
	int r = 0;

	*e = (struct estimate){ .d = d };
	e->v = calloc(d->n_vcpus + 1, sizeof(*e->v));
	e->verdicts = calloc(d->n_vcpus + 1, sizeof(*e->verdicts));
	e->responses = calloc(d->n_tasks + 1, sizeof(*e->responses));
	e->overrun = calloc(d->n_vcpus + 1, sizeof(*e->overrun));
	e->ok = calloc((size_t)d->system.host.cpus + 1, sizeof(*e->ok));
	if (!e->v || !e->verdicts || !e->responses || !e->overrun || !e->ok)
		return -ENOMEM;
	overruns_find(e);
	for (size_t i = 0; i < d->n_vcpus; i++) {
		e->v[i].mode = d->vcpus[i].guest.mode;
		e->v[i].tasks = d->vcpus[i].guest.tasks;
		e->v[i].n = d->vcpus[i].guest.n;
	}
	for (uint32_t cpu = 0; r >= 0 && cpu < d->system.host.cpus; cpu++)
		r = cpu_estimate(e, cpu);
	return r < 0 ? r : vrk_locks_fp(e->v, d->n_vcpus, &d->locks, e->verdicts, e->responses, NULL);
}

/* Does it say something new: a response that is shorter? */
static bool estimate_tells(const struct estimate *e, const struct vrk_system_result *result)
{
	for (size_t i = 0; i < e->d->n_tasks; i++)
		if (e->responses[i] < result->responses_ns[i])
			return true;
	return false;
}

static void time_write(struct json_line *line, const char *key, nsec_t ns)
{
	if (ns < NSEC_MAX)
		json_line_int(line, key, (int64_t)ns);
	else
		json_line_null(line, key);
}

void estimate_tasks_write(const struct system_document *d, const nsec_t *responses_ns, const struct vrk_system_result *result,
			  struct json_line *line)
{
	json_line_open(line, "tasks", '[');
	for (size_t v = 0; v < d->n_vcpus; v++)
		for (size_t t = d->names[v].first_task; t < d->names[v].first_task + d->names[v].n_tasks; t++) {
			json_line_open(line, NULL, '{');
			json_line_text(line, "vm", d->names[v].vm);
			json_line_int(line, "vcpu", d->names[v].index);
			json_line_text(line, "name", d->task_names[t]);
			time_write(line, "response", responses_ns[t]);
			time_write(line, "bound", result->responses_ns[t]);
			time_write(line, "deadline", d->tasks[t].deadline_ns);
			json_line_close(line, '}');
		}
	json_line_close(line, ']');
}

static void estimate_write(const struct estimate *e, const struct vrk_system_result *result, struct json_line *line)
{
	const struct system_document *d = e->d;

	json_line_open(line, NULL, '{');
	json_line_text(line, "what", "overrun");
	json_line_open(line, "cpus", '[');
	for (uint32_t cpu = 0; cpu < d->system.host.cpus; cpu++) {
		json_line_open(line, NULL, '{');
		json_line_int(line, "cpu", cpu);
		json_line_bool(line, "ok", e->ok[cpu]);
		json_line_close(line, '}');
	}
	json_line_close(line, ']');
	estimate_tasks_write(d, e->responses, result, line);
	json_line_close(line, '}');
}

int system_estimates_add(const struct system_document *d, const struct vrk_system_result *result, struct json_object *answer)
{
	_cleanup_(estimate_done) struct estimate e = { .d = d };
	_cleanup_(values_done) struct values values = { NULL };
	_cleanup_(json_line_done) struct json_line line = { NULL };
	struct json_object *estimates = NULL;
	int r = estimable(d) ? estimate_make(&e, d) : 0, n = 0;

	if (r == -ENOMEM)
		return r;
	json_line_open(&line, NULL, '{');
	json_line_open(&line, "estimates", '[');
	if (r >= 0 && e.responses && estimate_tells(&e, result)) {
		estimate_write(&e, result, &line);
		n++;
	}
	r = system_dram_estimate(d, result, &line);
	if (r < 0 || n + r == 0)
		return r;
	json_line_close(&line, ']');
	json_line_close(&line, '}');
	r = line.failed ? -ENOMEM : values_parse(line.text, line.n, &values, NULL);
	if (r >= 0)
		r = value_json(value_get(values.top, "estimates"), &estimates);
	if (r >= 0 && json_object_object_add(answer, "estimates", estimates) < 0) {
		json_object_put(estimates);
		r = -ENOMEM;
	}
	return r;
}
