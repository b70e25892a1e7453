/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_PROOF_H
#define CLI_SYSTEM_PROOF_H

#include <virtrk/proof.h>

#include "system-document.h"
#include "system-slack.h"

/* The certificates of what is inside the vCPUs; test NONE where there is none (a no, no tasks, or too long to be kept). */
struct system_proof {
	struct vrk_guest_certificate *guests;	/* one per vCPU */
	size_t n;
};

void system_proof_done(struct system_proof *proof);

/*
 * Makes the certificates of the guests and has them checked, and the servers of fixed-priority hosts.
 * Return: 0; -EBADMSG (VR_FAILED) one does not hold; -ENOMEM.
 */
int system_prove(const struct system_document *document, const struct vrk_system_result *result, struct system_proof *ret,
		 struct vr_error **reterr);

/*
 * Adds to an answer of system_answer_make() what a batch leaves out, unless asked: "certificate" to each of its cpus, and "vcpus": [{ vm, vcpu, ok,
 * test, budget, period, deadline, least_budget, largest_budget, wcet_permille, first, certificate }]. 0; -ENOMEM.
 * @proof NULL: no certificates; @slacks NULL: nothing from least_budget on but the certificate.
 */
int system_proof_add(const struct system_document *document, const struct vrk_system_result *result, const struct system_proof *proof,
		     const struct vcpu_slack *slacks, struct json_object *answer);

#endif
