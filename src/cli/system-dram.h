/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_DRAM_H
#define CLI_SYSTEM_DRAM_H

#include "json-line.h"
#include "system-document.h"

/*
 * Writes an estimate: { what: "dram", ok, tasks: [{ vm, vcpu, name, response, bound, deadline }] }. Return: 1 written; 0 nothing is said of
 * requests, or it is too large to be estimated; -ENOMEM.
 */
int system_dram_estimate(const struct system_document *document, const struct vrk_system_result *result, struct json_line *line);

/* system-estimate.c: "tasks", each with @responses_ns, its bound and its deadline; null where there is none. */
void estimate_tasks_write(const struct system_document *document, const nsec_t *responses_ns, const struct vrk_system_result *result,
			  struct json_line *line);

#endif
