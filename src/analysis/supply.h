/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Supply as the guest tests use it. */
#ifndef ANALYSIS_SUPPLY_H
#define ANALYSIS_SUPPLY_H

#include "internal.h"

#define SUPPLY_MAX ((nsec_t)1 << 62)	/* times beyond count as never */

bool supply_sane(const struct vrk_supply *s);
/*
 * The least interval that surely gives @work in @windows (>= 1) separate pieces of it, pauses between them not counted.
 * NSEC_MAX = never. @from: a value known to be no larger, to start from.
 */
nsec_t supply_inverse(const struct vrk_supply *s, u128 work, uint64_t windows, nsec_t from);

/* Tasks with numbers the guest tests can count with: -EINVAL, -ERANGE, -E2BIG. */
#define TASK_MAX ((nsec_t)1 << 45)	/* almost ten hours */
int tasks_check(const struct vrk_task *t, size_t n);

#endif
