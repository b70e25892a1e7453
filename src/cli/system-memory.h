/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_MEMORY_H
#define CLI_SYSTEM_MEMORY_H

#include <virtrk/memory.h>

#include "json-line.h"
#include "system-answer.h"
#include "system-document.h"

/*
 * Do all guests get their page frames? *ret_ok is true where the description says nothing about memory.
 * Return: 0, the answer is in *ret (vrk_memory_answer_done()); -EBADMSG (VR_BAD_CONFIG) sets are not known yet; -EBADMSG (VR_FAILED)
 * the proof does not hold; -ENOMEM.
 */
int system_memory_judge(const struct system_document *d, struct vrk_memory_answer *ret, bool *ret_ok, struct vr_error **reterr);

/* What each guest wants, with the sets that were left out filled in. Freed by the caller. Return: 0; -ENOMEM, errors of vrk_memory_choose(). */
int system_memory_requests(const struct system_document *d, struct vrk_memory_request **ret);

/* Why not, and what would have to change; *ret stays as it is after a yes. */
int system_memory_refuse(const struct system_document *d, struct system_refusal *ret);

/* Fills in the sets of which only the size is given; *ret_refusal has a reason where there are not enough, or all do not fit. */
int system_memory_plan(struct system_document *d, struct system_refusal *ret_refusal, struct vr_error **reterr);

/* ---- tasks whose time depends on colours; system-curve.c ---- */

/* The wcets of tasks whose VM's number of colours is known. */
void system_curves_apply(struct system_document *d);
/* How many colours the VM of vCPU @v has, whose tasks have curves; 0: they have none. */
uint32_t system_curves_colors(const struct system_document *d, size_t v);
/* What each job of guest @request's tasks is charged for lines that it displaces; 0: it has no such tasks. */
nsec_t system_curves_reload(const struct system_document *d, size_t request);
/*
 * How many colours those VMs get that leave it to the plan: so that wcet / period of all their tasks together is least, none misses its deadline
 * alone on a CPU, and all memory finds room. *ret_possible: there is such a division of the *ret_free colours. Return: 0; -ENOMEM.
 */
int system_curves_divide(struct system_document *d, bool *ret_possible, uint32_t *ret_free);

/* ---- answers ---- */

/* "memory": what each guest has; nothing where the description says nothing of it. */
void system_memory_write(const struct system_document *d, struct json_line *line);

/* Adds what proves a yes to each of them: "certificate": [{ color, bank, size }], who gets how much of what; null after a no. */
int system_memory_certify(const struct system_document *d, struct json_object *answer);

/* One line for people about guest @i: "a: 2GiB, cache colours 0-7 (its own), banks 0-15"; to be freed. */
int system_memory_text(const struct system_document *d, size_t i, char **ret);

/* The same written into a description that is made again: @vms are its VMs. */
int system_memory_describe(const struct system_document *d, struct json_object *vms);

#endif
