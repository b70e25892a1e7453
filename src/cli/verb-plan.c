/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: fills in what a description lacks - budgets and periods of vCPUs that have only tasks, and CPUs - and prints the
 * completed system: as JSON that analyze takes again, or for people as a table with the verdict and what proves it. No
 * daemon is asked and nothing is reserved.
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "shared-show.h"
#include "system-plan.h"
#include "system-proof.h"
#include "text.h"

static int policy_get(const struct arguments *arguments, enum system_policy *ret)
{
	const char *text = arguments->value[OPTION_POLICY];

	*ret = SYSTEM_POLICY_SPREAD;
	if (!text)
		return CLI_DONE;
	for (enum system_policy p = 0; p < _SYSTEM_POLICY_MAX; p++)
		if (strcmp(text, system_policy_name(p)) == 0) {
			*ret = p;
			return CLI_DONE;
		}
	return cli_say(CLI_USAGE, "--policy %s: known are spread, repack and exclusive", text);
}

static int plan_table(const struct system_document *d)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "BUDGET", TABLE_RIGHT }, { "PERIOD", TABLE_RIGHT },
		{ "DEADLINE", TABLE_RIGHT }, { "CPU", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < d->n_vcpus; i++) {
		const struct vrk_reservation *now = &d->vcpus[i].reservation;
		char text[VRK_NSEC_STRLEN], share[TEXT_NUMBER_MAX];

		table_add(table, "%s", d->names[i].vm);
		table_add(table, "%" PRIu32, d->names[i].index);
		table_add(table, "%s", vrk_nsec_format(text, now->budget_ns));
		table_add(table, "%s", vrk_nsec_format(text, now->period_ns));
		table_add(table, "%s", vrk_nsec_format(text, now->deadline_ns));
		table_add(table, "%" PRId32, d->vcpus[i].cpu);
		table_add(table, "%s", text_percent(share, now->budget_ns, now->period_ns));
	}
	return cli_print_table(table);
}

/* What an independent checker needs to believe it: the test, how far it looked, and at how many points. */
static int proof_lines(const struct system_document *d, const struct vrk_system_result *result)
{
	for (size_t i = 0; i < result->n_cpus; i++) {
		const struct vrk_certificate *c = &result->certificates[i];
		char horizon[VRK_NSEC_STRLEN];
		int r;

		if (d->system.scheduler != VRK_HOST_EDF)
			r = cli_print("CPU %zu: yes (%s)", i, vrk_test_name(result->cpus[i].test));
		else if (c->n_points == 0)
			r = cli_print("CPU %zu: yes (%s), certificate checked: density alone", i, vrk_test_name(c->test));
		else
			r = cli_print("CPU %zu: yes (%s), certificate checked: %zu witness point%s, horizon %s", i,
				      vrk_test_name(c->test), c->n_points, c->n_points == 1 ? "" : "s",
				      vrk_nsec_format(horizon, c->horizon_ns));
		if (r < 0)
			return cli_fail(r, NULL);
	}
	return CLI_DONE;
}

/* The same for what is inside the vCPUs. */
static int inside_lines(const struct system_document *d, const struct system_proof *proof)
{
	int r = 0;

	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++)
		if (proof->guests[v].test == VRK_TEST_GUEST_FP)
			r = cli_print("%s/vcpu%" PRIu32 ": yes (guest-fp), certificate checked: %zu task%s, %zu job%s", d->names[v].vm,
				      d->names[v].index, d->names[v].n_tasks, d->names[v].n_tasks == 1 ? "" : "s", proof->guests[v].n_points,
				      proof->guests[v].n_points == 1 ? "" : "s");
		else if (proof->guests[v].test == VRK_TEST_GUEST_EDF)
			r = cli_print("%s/vcpu%" PRIu32 ": yes (guest-edf), certificate checked: %zu witness point%s", d->names[v].vm,
				      d->names[v].index, proof->guests[v].n_points / 2, proof->guests[v].n_points == 2 ? "" : "s");
	return r < 0 ? cli_fail(r, NULL) : CLI_DONE;
}

static int plan_show(const struct system_document *d, const struct vrk_system_result *result, const struct system_proof *proof)
{
	int r;

	if (cli_print("schedulable: yes") < 0)
		return cli_fail(-ENOMEM, NULL);
	r = proof_lines(d, result);
	if (r == CLI_DONE)
		r = inside_lines(d, proof);
	if (r == CLI_DONE)
		r = memory_show(d);
	if (r != CLI_DONE || d->n_vcpus == 0)
		return r;
	return cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : plan_table(d);
}

static int plan_json(const struct system_document *d)
{
	_cleanup_(json_object_putp) struct json_object *json = NULL;
	int r = system_plan_describe(d, &json);

	return r < 0 ? cli_fail(r, NULL) : cli_print_json(json);
}

/* As analyze tells a no, by the same keys. */
static int refusal_json(const struct system_refusal *refusal)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	struct json_object *no = json_object_new_boolean(false);
	int r;

	if (!answer || !no || json_object_object_add(answer, "schedulable", no) < 0) {
		json_object_put(no);
		return cli_fail(-ENOMEM, NULL);
	}
	r = system_refusal_make(refusal, answer);
	return r < 0 ? cli_fail(r, NULL) : cli_print_json(answer);
}

static int refusal_show(const struct system_refusal *refusal)
{
	if (cli_print("schedulable: no") < 0 || cli_print("why: %s", refusal->reason) < 0 ||
	    cli_print("repair: %s", refusal->repair) < 0)
		return cli_fail(-ENOMEM, NULL);
	return CLI_DONE;
}

int verb_plan(const struct arguments *arguments)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 };
	_cleanup_(system_proof_done) struct system_proof proof = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	bool json = arguments->given[OPTION_JSON];
	enum system_policy policy;
	int r = policy_get(arguments, &policy);

	if (r != CLI_DONE)
		return r;
	r = system_document_read(arguments->operands[1], &document, &err);
	if (r >= 0)
		r = system_plan_make(&document, policy, &result, &refusal, &err);
	if (r >= 0 && !refusal.reason)
		r = system_prove(&document, &result, &proof, &err);
	if (r == -EBADMSG && err && err->reason == VR_BAD_CONFIG)
		return cli_say(CLI_USAGE, "%s", err->text);
	if (r < 0)
		return cli_fail(r, err);
	if (refusal.reason) {
		r = json ? refusal_json(&refusal) : refusal_show(&refusal);
		return r != CLI_DONE ? r : CLI_REFUSED;
	}
	return json ? plan_json(&document) : plan_show(&document, &result, &proof);
}
