/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Supply as the guest tests use it. */
#ifndef ANALYSIS_SUPPLY_H
#define ANALYSIS_SUPPLY_H

#include "internal.h"

#define SUPPLY_MAX ((nsec_t)1 << 62)	/* times beyond count as never */

bool supply_sane(const struct vrk_supply *s);
/* Delta = P + D - 2Q, and what an interval may begin with to its disadvantage. Of a sane one. */
nsec_t supply_blackout(const struct vrk_supply *s);
nsec_t supply_debt(const struct vrk_supply *s);
/*
 * The least interval that surely gives @work in @windows (>= 1) separate pieces of it, pauses between them not counted.
 * NSEC_MAX = never. @from: a value known to be no larger, to start from.
 */
nsec_t supply_inverse(const struct vrk_supply *s, u128 work, uint64_t windows, nsec_t from);

/* Tasks with numbers the guest tests can count with: -EINVAL, -ERANGE, -E2BIG. */
#define TASK_MAX ((nsec_t)1 << 45)	/* almost ten hours */
int tasks_check(const struct vrk_task *t, size_t n);

/* One EDF guest under many supplies: the divisors are prepared, and what the last answers taught is kept. */
struct edf_stride {
	nsec_t first, period, wcet;
	uint64_t inverse;	/* (2^64 - 1) / period */
};

struct edf_ask {
	const struct vrk_guest *g;
	struct edf_stride *strides;
	nsec_t last_no;		/* a window in which more was due than given; 0 = none yet */
	nsec_t too_long;	/* there are too many windows up to this length, or a longer one */
};

int edf_ask_init(struct edf_ask *ask, const struct vrk_guest *g);	/* as fp_ask_init() */
void edf_ask_done(struct edf_ask *ask);
/* The yes or no of vrk_guest_edf(). */
bool edf_ask_fits(struct edf_ask *ask, const struct vrk_supply *s);

/* One fixed-priority guest under many supplies: what does not change is kept from question to question. */
struct rank;
struct fp_ask {
	const struct vrk_guest *g;
	struct rank *rank;
	size_t last_no;		/* rank of the task that missed the last time */
	bool apart;		/* no response depends on another */
};

int fp_ask_init(struct fp_ask *ask, const struct vrk_guest *g);		/* -EINVAL, -ERANGE, -E2BIG, -ENOMEM: nothing is kept */
void fp_ask_done(struct fp_ask *ask);
/* The yes or no of vrk_guest_fp(). */
bool fp_ask_fits(struct fp_ask *ask, const struct vrk_supply *s);

#endif
