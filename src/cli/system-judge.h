/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_JUDGE_H
#define CLI_SYSTEM_JUDGE_H

#include "system-document.h"

/*
 * The analysis of a whole description; a yes is given only when the independent checker believes its certificates, where
 * the CPUs' test makes them.
 * Return: 0, the answer is in *ret; -EBADMSG (VR_BAD_CONFIG) something is missing, or breaks a rule of its own; -EBADMSG
 * (VR_FAILED) a certificate does not hold; -ENOMEM.
 */
int system_judge(const struct system_document *document, struct vrk_system_result *ret, struct vr_error **reterr);

#endif
