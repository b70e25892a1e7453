/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_PLAN_H
#define CLI_SYSTEM_PLAN_H

#include "system-answer.h"
#include "system-document.h"

enum system_policy {
	SYSTEM_POLICY_SPREAD = 0,	/* each on the emptiest CPU that takes it */
	SYSTEM_POLICY_REPACK,		/* each on the fullest that takes it */
	SYSTEM_POLICY_EXCLUSIVE,	/* no CPU takes two */
	_SYSTEM_POLICY_MAX,
};

/* "spread", "repack", "exclusive" */
const char *system_policy_name(enum system_policy policy);

/*
 * Fills in what is missing in @document: reservations of vCPUs that have none, and CPUs. What is given stays.
 * @ret:         the verdict on the completed system, when there is one; its ok says whether the plan holds
 * @ret_refusal: else why not; release with system_refusal_done()
 *
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) there is a vCPU of which nothing is known; other errors of system_judge().
 */
int system_plan_make(struct system_document *document, enum system_policy policy, struct vrk_system_result *ret,
		     struct system_refusal *ret_refusal, struct vr_error **reterr);

/* The description again, with all that @document knows: budgets, periods, deadlines, CPUs, times as texts with units. */
int system_plan_describe(const struct system_document *document, struct json_object **ret);

#endif
