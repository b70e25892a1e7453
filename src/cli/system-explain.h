/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_EXPLAIN_H
#define CLI_SYSTEM_EXPLAIN_H

#include "system-document.h"
#include "system-slack.h"

/*
 * Why the answer is what it is: one part per CPU, per vCPU and per task (explain.h), with the inequality in numbers.
 * @slacks: of each vCPU. 0; -ENOMEM.
 */
int system_explain_make(const struct system_document *document, const struct vrk_system_result *result,
			const struct vcpu_slack *slacks, struct json_object **ret);

#endif
