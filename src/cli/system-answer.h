/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_ANSWER_H
#define CLI_SYSTEM_ANSWER_H

#include "system-document.h"

/*
 * The answer that scripts rely on: { "schedulable", "cpus": [{ cpu, ok, test }], "tasks": [{ vm, vcpu, name, ok, response,
 * deadline }], "refusal": null | { test, reason, lhs, rhs, at, repair } }. Times are ns; a response that has no bound is null.
 */
int system_answer_make(const struct system_document *document, const struct vrk_system_result *result,
		       struct json_object **ret);

#endif
