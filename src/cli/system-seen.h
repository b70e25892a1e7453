/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_SEEN_H
#define CLI_SYSTEM_SEEN_H

#include "json-line.h"
#include "system-document.h"

/* Do its guests share resources, take interrupts or mask them? Then no guest can be judged alone. */
bool system_shared(const struct system_document *document);

/*
 * The description as the guests' tests saw it: waits for resources are suspensions, sections of lower priorities blocking,
 * handlers of interrupts the last tasks of their vCPU (beyond the n_tasks of its name). Borrows all else from the original.
 */
struct system_seen {
	struct system_document document;
	struct vrk_vcpu *vcpus;
	struct vrk_task *tasks;
};

void system_seen_done(struct system_seen *seen);
/* 0; -ENOMEM. */
int system_seen_make(const struct system_document *document, const struct vrk_system_result *result, struct system_seen *ret);

/*
 * The same for sizing, with what hard handlers steal as tasks, and handlers of a vCPU without tasks, too. Before anything is @placed: each
 * vCPU with the reservation that it has now, on a CPU of its own, and interrupts on theirs. Then: where they are, if the CPUs hold them.
 * Nothing is promised by it. 0; -ENOMEM.
 */
int system_seen_guess(const struct system_document *document, bool placed, struct system_seen *ret);
/* Does an interrupt go on to a handler in vCPU @v? */
bool system_has_handler(const struct system_document *document, size_t v);

/* The member "locks" of task @t, where the description has critical sections: { waits, wait, wait_once, local, hold }. */
void system_locks_write(const struct system_document *document, const struct vrk_system_result *result, size_t t,
			struct json_line *line);
/* The member "irqs" of an answer, where the description has any: [{ name, cpu, vm, vcpu, ok, hard, thread, response, deadline }]. */
void system_irqs_write(const struct system_document *document, const struct vrk_system_result *result, struct json_line *line);

/* The first interrupt that is late; n_irqs = none. */
size_t system_irq_late(const struct system_document *document, const struct vrk_system_result *result);
/* Sentences for it, to be freed. 0; -ENOMEM. */
int system_irq_refuse(const struct system_document *document, const struct vrk_system_result *result, size_t irq,
		      struct vrk_verdict *ret_verdict, char **ret_reason, char **ret_repair);
/* Adds to a sentence about a task that is late what locks have to do with it. 0; -ENOMEM. */
int system_locks_reason(const struct system_document *document, const struct vrk_system_result *result, size_t v,
			const struct vrk_verdict *verdict, char **reason);
/* What would mend the no of vCPU @v, all guests judged together again. To be freed. 0; -ENOMEM. */
int system_shared_repair(const struct system_document *document, size_t v, char **ret);

#endif
