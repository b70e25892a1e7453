/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_ANSWER_H
#define CLI_SYSTEM_ANSWER_H

#include "json-line.h"
#include "system-document.h"
#include "text.h"

/* A no: the inequality that broke, in numbers and in words, and the smallest change that mends it. */
struct system_refusal {
	struct vrk_verdict verdict;
	char *reason;		/* NULL: there is none */
	char *repair;
};

void system_refusal_done(struct system_refusal *refusal);

/* Memory first, then from the CPUs down, the first that says no; *ret stays as it is after a yes. */
int system_refusal_find(const struct system_document *document, const struct vrk_system_result *result,
			struct system_refusal *ret);

/* Adds the member "refusal" to @answer: null, or { test, reason, lhs, rhs, at, repair }. */
int system_refusal_make(const struct system_refusal *refusal, struct json_object *answer);

/* One side of a verdict's inequality: "4ms", "0.95", "no bound". @buf is returned. */
char *system_side_text(char buf[TEXT_NUMBER_MAX], enum vrk_side_unit unit, uint64_t value);

/*
 * The answer that scripts rely on: { "schedulable", "cpus": [{ cpu, ok, test }], "tasks": [{ vm, vcpu, name, ok, response,
 * deadline }], "refusal": null | { test, reason, lhs, rhs, at, repair } }. Times are ns; a response that has no bound is null.
 */
int system_answer_write(const struct system_document *document, const struct vrk_system_result *result,
			struct json_line *line);
int system_answer_make(const struct system_document *document, const struct vrk_system_result *result,
		       struct json_object **ret);

#endif
