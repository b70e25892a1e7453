/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole `analyze --explain`: whatever the reader takes is judged, proved, measured and explained, in text of any width and in
 * JSON that can be read again. Small systems only: large ones are the benchmarks' business.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "explain.h"
#include "system-answer.h"
#include "system-explain.h"
#include "system-judge.h"
#include "system-proof.h"

#define TASKS_MAX 8
#define VCPUS_MAX 4
#define IRQS_MAX  4
#define RATIO_MAX 100000	/* of the longest to the shortest time: beyond, a test may take its cap of steps */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void range_add(nsec_t ns, nsec_t *least, nsec_t *most)
{
	*least = ns > 0 && ns < *least ? ns : *least;
	*most = ns > *most ? ns : *most;
}

static bool is_small(const struct system_document *d)
{
	nsec_t least = NSEC_MAX, most = 0;

	if (d->n_tasks > TASKS_MAX || d->n_vcpus > VCPUS_MAX || d->n_irqs > IRQS_MAX || d->system.host.cpus > VCPUS_MAX ||
	    d->locks.n_sections > TASKS_MAX)
		return false;
	for (size_t i = 0; i < d->n_tasks; i++) {
		range_add(d->tasks[i].wcet_ns, &least, &most);
		range_add(d->tasks[i].period_ns, &least, &most);
		range_add(d->tasks[i].deadline_ns, &least, &most);
		range_add(d->tasks[i].jitter_ns, &least, &most);
	}
	for (size_t i = 0; i < d->n_vcpus; i++) {
		range_add(d->vcpus[i].reservation.budget_ns, &least, &most);
		range_add(d->vcpus[i].reservation.period_ns, &least, &most);
	}
	for (size_t i = 0; i < d->n_irqs; i++) {
		range_add(d->irqs[i].irq.hard_ns, &least, &most);
		range_add(d->irqs[i].irq.period_ns, &least, &most);
	}
	return most / (least > 0 ? least : 1) < RATIO_MAX;
}

static void parts_check(struct json_object *answer, struct json_object *parts, size_t columns)
{
	_cleanup_(values_done) struct values values = { NULL };
	const char *text;

	assert(explain_print(parts, columns) == 0);
	assert(json_object_object_add(answer, "explain", json_object_get(parts)) == 0);
	text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN);
	assert(text && values_parse(text, strlen(text), &values, NULL) == 0);
}

static void whole_check(const struct system_document *d, const struct vrk_system_result *result, size_t columns)
{
	_cleanup_(json_object_putp) struct json_object *answer = NULL, *parts = NULL;
	_cleanup_(system_proof_done) struct system_proof proof = { 0 };
	struct vcpu_slack slacks[VCPUS_MAX + 1];

	assert(system_prove(d, result, &proof, NULL) == 0);	/* a certificate that does not check is a wrong yes */
	for (size_t v = 0; v < d->n_vcpus; v++)
		assert(system_slack_find(d, result, v, &slacks[v]) == 0);
	assert(system_answer_make(d, result, &answer) == 0);
	assert(system_proof_add(d, result, &proof, slacks, answer) == 0);
	assert(system_explain_make(d, result, slacks, &parts) == 0);
	parts_check(answer, parts, columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document d = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	static FILE *quiet;

	if (!quiet)
		quiet = freopen("/dev/null", "w", stdout);
	if (system_document_parse((const char *)data, size, &d, NULL) < 0 || !is_small(&d))
		return 0;
	if (system_judge(&d, &result, &err) == 0)
		whole_check(&d, &result, 20 + size % 100);
	else
		assert(!err || (err->reason == VR_BAD_CONFIG && err->text && !strchr(err->text, '\n')));
	return 0;
}
