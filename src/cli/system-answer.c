/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the analysis found of a whole system, as the JSON that scripts read and as the sentences of a refusal: which
 * inequality broke first, from the CPUs down to the tasks, and the smallest change that the library knows to mend it.
 * Called by the offline verbs. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "system-answer.h"
#include "text.h"

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

static int put_null(struct json_object *object, const char *key)
{
	return json_object_object_add(object, key, NULL) < 0 ? -ENOMEM : 0;
}

static int append(struct json_object *array, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

/* ---- CPUs and tasks ---- */

static bool global_queue(const struct system_document *d)
{
	return d->n_vcpus > 0 && d->vcpus[0].cpu < 0;
}

static int cpus_make(const struct system_document *d, const struct vrk_system_result *result, struct json_object *answer)
{
	struct json_object *array = json_object_new_array();
	int r = put(answer, "cpus", array);

	for (size_t i = 0; r >= 0 && i < result->n_cpus; i++) {
		_cleanup_(json_object_putp) struct json_object *cpu = json_object_new_object();

		if (!cpu)
			return -ENOMEM;
		if (global_queue(d))
			r = put_null(cpu, "cpu");	/* one queue over all of them */
		else
			r = put(cpu, "cpu", json_object_new_int64((int64_t)i));
		if (r >= 0)
			r = put(cpu, "ok", json_object_new_boolean(result->cpus[i].ok));
		if (r >= 0)
			r = put(cpu, "test", json_object_new_string(vrk_test_name(result->cpus[i].test)));
		if (r >= 0)
			r = append(array, TAKE_PTR(cpu));
	}
	return r;
}

/* Does the vCPU's own CPU say yes? Without that nothing is promised inside. */
static bool cpu_ok(const struct system_document *d, const struct vrk_system_result *result, size_t v)
{
	size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu;

	return cpu >= result->n_cpus || result->cpus[cpu].ok;
}

static int task_make(const struct system_document *d, const struct vrk_system_result *result, size_t v, size_t t,
		     struct json_object *array)
{
	_cleanup_(json_object_putp) struct json_object *task = json_object_new_object();
	nsec_t response = result->responses_ns[t];
	bool bounded = response < NSEC_MAX;
	bool ok = cpu_ok(d, result, v) && (result->vcpus[v].ok || (bounded && response <= d->tasks[t].deadline_ns));
	int r;

	if (!task)
		return -ENOMEM;
	r = put(task, "vm", json_object_new_string(d->names[v].vm));
	if (r >= 0)
		r = put(task, "vcpu", json_object_new_int64(d->names[v].index));
	if (r >= 0)
		r = put(task, "name", json_object_new_string(d->task_names[t]));
	if (r >= 0)
		r = put(task, "ok", json_object_new_boolean(ok));
	if (r >= 0)
		r = bounded && cpu_ok(d, result, v) ? put(task, "response", json_object_new_int64((int64_t)response))
						    : put_null(task, "response");
	if (r >= 0)
		r = put(task, "deadline", json_object_new_int64((int64_t)d->tasks[t].deadline_ns));
	return r < 0 ? r : append(array, TAKE_PTR(task));
}

static int tasks_make(const struct system_document *d, const struct vrk_system_result *result, struct json_object *answer)
{
	struct json_object *array = json_object_new_array();
	int r = put(answer, "tasks", array);

	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++)
		for (size_t t = 0; r >= 0 && t < d->names[v].n_tasks; t++)
			r = task_make(d, result, v, d->names[v].first_task + t, array);
	return r;
}

/* ---- the refusal ---- */

void system_refusal_done(struct system_refusal *refusal)
{
	free(refusal->reason);
	free(refusal->repair);
	*refusal = (struct system_refusal){ 0 };
}

char *system_side_text(char buf[TEXT_NUMBER_MAX], enum vrk_side_unit unit, uint64_t value)
{
	if (unit == VRK_SIDE_BW)
		(void)text_cpus(buf, value);
	else if (value >= NSEC_MAX)
		snprintf(buf, TEXT_NUMBER_MAX, "no bound");
	else
		(void)vrk_nsec_format(buf, value);
	return buf;
}

/* The reservations that share the CPU, with the vCPUs that they are. */
static int cpu_gather(const struct system_document *d, size_t cpu, struct vrk_reservation **ret, size_t **ret_who,
		      size_t *ret_n)
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
		r[n++] = d->vcpus[i].reservation;
	}
	*ret = TAKE_PTR(r);
	*ret_who = TAKE_PTR(who);
	*ret_n = n;
	return 0;
}

static int cpu_repair(const struct system_document *d, size_t cpu, char **ret)
{
	_cleanup_(freep) struct vrk_reservation *reservations = NULL;
	_cleanup_(freep) size_t *who = NULL;
	struct vrk_host host = d->system.host;
	char value[VRK_NSEC_STRLEN];
	struct vrk_repair repair;
	size_t n;
	int r;

	r = cpu_gather(d, cpu, &reservations, &who, &n);
	if (r < 0)
		return r;
	if (!global_queue(d))
		host.cpus = 1;
	r = d->system.scheduler == VRK_HOST_EDF ? vrk_admit_repair(&host, reservations, n, 0, &repair) : -EOPNOTSUPP;
	if (r == -ENOMEM)
		return r;
	if (r < 0 || repair.kind == VRK_REPAIR_NONE || repair.index >= n)
		r = asprintf(ret, "give a vCPU less, or move one to another CPU");
	else if (repair.kind == VRK_REPAIR_TICK)
		r = asprintf(ret, "fits with exact enforcement (tick 0)");
	else
		r = asprintf(ret, "%s %s/vcpu%" PRIu32 " a %s of %s", n > 1 && repair.kind == VRK_REPAIR_BUDGET
			     ? "scale the budgets down: give" : "give", d->names[who[repair.index]].vm,
			     d->names[who[repair.index]].index,
			     repair.kind == VRK_REPAIR_BUDGET ? "budget" : repair.kind == VRK_REPAIR_DEADLINE ? "deadline" : "period",
			     vrk_nsec_format(value, repair.value_ns));
	return r < 0 ? -ENOMEM : 0;
}

static int guest_repair(const struct system_document *d, size_t v, char **ret)
{
	const struct vrk_reservation *now = &d->vcpus[v].reservation;
	char value[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	nsec_t budget = 0;
	int r;

	r = vrk_size_budget(&d->system.host, &d->vcpus[v].guest, now->period_ns,
			    now->deadline_ns == now->period_ns ? 0 : now->deadline_ns, 0, &budget);
	if (r == -ENOMEM)
		return r;
	if (r >= 0 && budget > now->budget_ns)
		r = asprintf(ret, "give %s/vcpu%" PRIu32 " a budget of %s in every %s", d->names[v].vm, d->names[v].index,
			     vrk_nsec_format(value, budget), vrk_nsec_format(period, now->period_ns));
	else
		r = asprintf(ret, "no budget is enough with a period of %s: try a shorter one (virtrk plan finds it)",
			     vrk_nsec_format(period, now->period_ns));
	return r < 0 ? -ENOMEM : 0;
}

static int cpu_reason(const struct system_document *d, size_t cpu, const struct vrk_verdict *v, char **ret)
{
	char lhs[TEXT_NUMBER_MAX], rhs[TEXT_NUMBER_MAX], at[VRK_NSEC_STRLEN], where[32] = "the CPUs";
	int r;

	if (!global_queue(d))
		snprintf(where, sizeof(where), "CPU %zu", cpu);
	(void)system_side_text(lhs, v->unit, v->lhs);
	(void)system_side_text(rhs, v->unit, v->rhs);
	if (v->at_ns && v->unit == VRK_SIDE_NS && v->test == VRK_TEST_QPA)
		r = asprintf(ret, "%s: in a window of %s up to %s may be due", where, vrk_nsec_format(at, v->at_ns), lhs);
	else
		r = asprintf(ret, "%s: test %s needs %s <= %s", where, vrk_test_name(v->test), lhs, rhs);
	return r < 0 ? -ENOMEM : 0;
}

static int guest_reason(const struct system_document *d, size_t who, const struct vrk_verdict *v, char **ret)
{
	const struct system_vcpu *name = &d->names[who];
	char lhs[TEXT_NUMBER_MAX], rhs[TEXT_NUMBER_MAX], at[VRK_NSEC_STRLEN];
	int r;

	(void)system_side_text(lhs, v->unit, v->lhs);
	(void)system_side_text(rhs, v->unit, v->rhs);
	if (d->vcpus[who].guest.scheduler == VRK_GUEST_EDF)
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": in a window of %s up to %s may be due, but only %s is surely supplied",
			     name->vm, name->index, vrk_nsec_format(at, v->at_ns), lhs, rhs);
	else
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": %s may take %s, its deadline is %s", name->vm, name->index,
			     v->index < name->n_tasks ? d->task_names[name->first_task + v->index] : "a task",
			     v->lhs >= NSEC_MAX ? "longer than could be bounded" : lhs, rhs);
	return r < 0 ? -ENOMEM : 0;
}

int system_refusal_find(const struct system_document *d, const struct vrk_system_result *result, struct system_refusal *ret)
{
	int r;

	for (size_t i = 0; i < result->n_cpus; i++)
		if (!result->cpus[i].ok) {
			ret->verdict = result->cpus[i];
			r = cpu_reason(d, i, &ret->verdict, &ret->reason);
			return r < 0 ? r : cpu_repair(d, i, &ret->repair);
		}
	for (size_t i = 0; i < result->n_vcpus; i++)
		if (!result->vcpus[i].ok) {
			ret->verdict = result->vcpus[i];
			r = guest_reason(d, i, &ret->verdict, &ret->reason);
			return r < 0 ? r : guest_repair(d, i, &ret->repair);
		}
	return 0;
}

static struct json_object *side_json(uint64_t value)
{
	return json_object_new_int64(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

int system_refusal_make(const struct system_refusal *found, struct json_object *answer)
{
	struct json_object *refusal;
	int r;

	if (!found->reason)
		return put_null(answer, "refusal");
	refusal = json_object_new_object();
	r = put(answer, "refusal", refusal);
	if (r >= 0)
		r = put(refusal, "test", json_object_new_string(vrk_test_name(found->verdict.test)));
	if (r >= 0)
		r = put(refusal, "reason", json_object_new_string(found->reason));
	if (r >= 0)
		r = put(refusal, "lhs", side_json(found->verdict.lhs));
	if (r >= 0)
		r = put(refusal, "rhs", side_json(found->verdict.rhs));
	if (r >= 0)
		r = put(refusal, "at", side_json(found->verdict.at_ns));
	return r < 0 ? r : put(refusal, "repair", json_object_new_string(found->repair));
}

int system_answer_make(const struct system_document *d, const struct vrk_system_result *result, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 };
	int r;

	if (!answer)
		return -ENOMEM;
	r = system_refusal_find(d, result, &refusal);
	if (r < 0)
		return r;
	r = put(answer, "schedulable", json_object_new_boolean(result->ok));
	if (r >= 0)
		r = cpus_make(d, result, answer);
	if (r >= 0)
		r = tasks_make(d, result, answer);
	if (r >= 0)
		r = system_refusal_make(&refusal, answer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}
