/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the analysis found of a whole system, as the JSON that scripts read and as the sentences of a refusal: which
 * inequality broke first, from the CPUs down to the tasks, and the smallest change that the library knows to mend it.
 * A line of JSON is the one form in which the answer is put together; the tree, for whoever shows it otherwise, is that line
 * read again. Called by the offline verbs. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "system-answer.h"
#include "system-memory.h"
#include "system-seen.h"
#include "system-slack.h"
#include "text.h"
#include "value.h"

/* ---- CPUs and tasks ---- */

static bool global_queue(const struct system_document *d)
{
	return d->n_vcpus > 0 && d->vcpus[0].cpu < 0;
}

static void cpus_write(const struct system_document *d, const struct vrk_system_result *result, struct json_line *line)
{
	json_line_open(line, "cpus", '[');
	for (size_t i = 0; i < result->n_cpus; i++) {
		json_line_open(line, NULL, '{');
		if (global_queue(d))
			json_line_null(line, "cpu");	/* one queue over all of them */
		else
			json_line_int(line, "cpu", (int64_t)i);
		json_line_bool(line, "ok", result->cpus[i].ok);
		json_line_text(line, "test", vrk_test_name(result->cpus[i].test));
		json_line_close(line, '}');
	}
	json_line_close(line, ']');
}

/* Does the vCPU's own CPU say yes? Without that nothing is promised inside. */
static bool cpu_ok(const struct system_document *d, const struct vrk_system_result *result, size_t v)
{
	size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu;

	return cpu >= result->n_cpus || result->cpus[cpu].ok;
}

static void task_write(const struct system_document *d, const struct vrk_system_result *result, size_t v, size_t t,
		       struct json_line *line)
{
	nsec_t response = result->responses_ns[t];
	bool bounded = response < NSEC_MAX;
	bool ok = cpu_ok(d, result, v) && (result->vcpus[v].ok || (bounded && response <= d->tasks[t].deadline_ns));

	json_line_open(line, NULL, '{');
	json_line_text(line, "vm", d->names[v].vm);
	json_line_int(line, "vcpu", d->names[v].index);
	json_line_text(line, "name", d->task_names[t]);
	json_line_bool(line, "ok", ok);
	if (bounded && cpu_ok(d, result, v))
		json_line_int(line, "response", (int64_t)response);
	else
		json_line_null(line, "response");
	json_line_int(line, "deadline", (int64_t)d->tasks[t].deadline_ns);
	system_locks_write(d, result, t, line);
	json_line_close(line, '}');
}

static void tasks_write(const struct system_document *d, const struct vrk_system_result *result, struct json_line *line)
{
	json_line_open(line, "tasks", '[');
	for (size_t v = 0; v < d->n_vcpus; v++)
		for (size_t t = 0; t < d->names[v].n_tasks; t++)
			task_write(d, result, v, d->names[v].first_task + t, line);
	json_line_close(line, ']');
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

static int cpu_repair(const struct system_document *d, size_t cpu, char **ret)
{
	_cleanup_(freep) struct vrk_reservation *reservations = NULL;
	_cleanup_(freep) size_t *who = NULL;
	const struct vrk_host host = system_cpu_host(d);
	char value[VRK_NSEC_STRLEN];
	struct vrk_repair repair;
	size_t n;
	int r;

	r = system_cpu_gather(d, cpu, &reservations, &who, &n);
	if (r < 0)
		return r;
	r = d->system.scheduler == VRK_HOST_EDF && d->n_irqs == 0 ? vrk_admit_repair(&host, reservations, n, 0, &repair) : -EOPNOTSUPP;
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

/* Under fixed priority a larger budget delays others and itself: what surely helps is less to do. */
static int scale_repair(const struct system_document *d, const struct vrk_system_result *result, size_t v, char **ret)
{
	struct vcpu_slack slack;
	int r = system_slack_find(d, result, v, &slack);

	if (r < 0)
		return r;
	if (slack.known_tasks && slack.wcet_permille > 0)
		r = asprintf(ret, "make the tasks of %s/vcpu%" PRIu32 " shorter: with %" PRIu64 ".%" PRIu64 " %% of their wcet they fit",
			     d->names[v].vm, d->names[v].index, slack.wcet_permille / 10, slack.wcet_permille % 10);
	else
		r = asprintf(ret, "give %s/vcpu%" PRIu32 " fewer tasks, or a higher place among the servers", d->names[v].vm, d->names[v].index);
	return r < 0 ? -ENOMEM : 0;
}

static int guest_repair(const struct system_document *d, const struct vrk_system_result *result, size_t v, char **ret)
{
	const struct vrk_reservation *now = &d->vcpus[v].reservation;
	char value[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	nsec_t budget = 0, largest = 0;
	int r;

	if (system_shared(d))
		return system_shared_repair(d, v, ret);
	if (d->system.scheduler != VRK_HOST_EDF)
		return scale_repair(d, result, v, ret);
	r = vrk_size_budget(&d->system.host, &d->vcpus[v].guest, now->period_ns,
			    now->deadline_ns == now->period_ns ? 0 : now->deadline_ns, 0, &budget);
	if (r == -ENOMEM)
		return r;
	(void)vrk_nsec_format(period, now->period_ns);
	if (r < 0 || budget <= now->budget_ns) {
		r = asprintf(ret, "no budget is enough with a period of %s: try a shorter one (virtrk plan finds it)", period);
		return r < 0 ? -ENOMEM : 0;
	}
	r = system_largest_find(d, v, &largest);
	if (r < 0)
		return r;
	if (budget <= largest)
		r = asprintf(ret, "give %s/vcpu%" PRIu32 " a budget of %s in every %s", d->names[v].vm, d->names[v].index,
			     vrk_nsec_format(value, budget), period);
	else
		r = asprintf(ret, "%s/vcpu%" PRIu32 " needs a budget of %s in every %s, more than its CPU can give: try a shorter period "
			     "(virtrk plan finds it), or another CPU", d->names[v].vm, d->names[v].index,
			     vrk_nsec_format(value, budget), period);
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
	int r = result->ok ? 0 : system_memory_refuse(d, ret);

	if (r < 0 || ret->reason)
		return r;
	for (size_t i = 0; i < result->n_cpus; i++)
		if (!result->cpus[i].ok) {
			ret->verdict = result->cpus[i];
			r = cpu_reason(d, i, &ret->verdict, &ret->reason);
			return r < 0 ? r : cpu_repair(d, i, &ret->repair);
		}
	/* who does not know when an interrupt comes can promise nothing to those behind it */
	if (system_irq_late(d, result) < d->n_irqs)
		return system_irq_refuse(d, result, system_irq_late(d, result), &ret->verdict, &ret->reason, &ret->repair);
	for (size_t i = 0; i < result->n_vcpus; i++)
		if (!result->vcpus[i].ok) {
			ret->verdict = result->vcpus[i];
			r = guest_reason(d, i, &ret->verdict, &ret->reason);
			if (r >= 0)
				r = system_locks_reason(d, result, i, &ret->verdict, &ret->reason);
			return r < 0 ? r : guest_repair(d, result, i, &ret->repair);
		}
	return 0;
}

static int64_t side(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void refusal_write(const struct system_refusal *found, const char *key, struct json_line *line)
{
	json_line_open(line, key, '{');
	json_line_text(line, "test", vrk_test_name(found->verdict.test));
	json_line_text(line, "reason", found->reason);
	json_line_int(line, "lhs", side(found->verdict.lhs));
	json_line_int(line, "rhs", side(found->verdict.rhs));
	json_line_int(line, "at", side(found->verdict.at_ns));
	json_line_text(line, "repair", found->repair);
	json_line_close(line, '}');
}

int system_answer_write(const struct system_document *d, const struct vrk_system_result *result, struct json_line *line)
{
	_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 };
	int r = system_refusal_find(d, result, &refusal);

	if (r < 0)
		return r;
	json_line_open(line, NULL, '{');
	json_line_bool(line, "schedulable", result->ok);
	cpus_write(d, result, line);
	tasks_write(d, result, line);
	system_irqs_write(d, result, line);
	system_memory_write(d, line);
	if (refusal.reason)
		refusal_write(&refusal, "refusal", line);
	else
		json_line_null(line, "refusal");
	json_line_close(line, '}');
	return line->failed ? -ENOMEM : 0;
}

/* ---- as a tree ---- */

static int line_tree(const struct json_line *line, struct json_object **ret)
{
	_cleanup_(values_done) struct values values = { NULL };
	int r = line->failed ? -ENOMEM : values_parse(line->text, line->n, &values, NULL);

	return r < 0 ? r : value_json(values.top, ret);
}

int system_refusal_make(const struct system_refusal *found, struct json_object *answer)
{
	_cleanup_(json_line_done) struct json_line line = { NULL };
	struct json_object *refusal = NULL;
	int r = 0;

	if (found->reason) {
		refusal_write(found, NULL, &line);
		r = line_tree(&line, &refusal);
	}
	if (r >= 0 && json_object_object_add(answer, "refusal", refusal) < 0) {
		json_object_put(refusal);
		return -ENOMEM;
	}
	return r;
}

int system_answer_make(const struct system_document *d, const struct vrk_system_result *result, struct json_object **ret)
{
	_cleanup_(json_line_done) struct json_line line = { NULL };
	int r = system_answer_write(d, result, &line);

	return r < 0 ? r : line_tree(&line, ret);
}
