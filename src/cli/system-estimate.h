/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_ESTIMATE_H
#define CLI_SYSTEM_ESTIMATE_H

#include "system-document.h"

struct json_object;

/*
 * Adds "estimates" to an answer, where there is one that says something else than the answer: [{ what: "overrun", cpus: [{ cpu, ok }],
 * tasks: [{ vm, vcpu, name, response, bound, deadline }] }], and what system-dram.h says. No verdict is made of it. 0; -ENOMEM.
 */
int system_estimates_add(const struct system_document *document, const struct vrk_system_result *result, struct json_object *answer);

#endif
