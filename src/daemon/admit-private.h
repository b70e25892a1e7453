/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of admission share; nobody else includes this. */
#ifndef DAEMON_ADMIT_PRIVATE_H
#define DAEMON_ADMIT_PRIVATE_H

#include "admit.h"

#define MEND_TICK     "echo HRTICK_DL > /sys/kernel/debug/sched/features"
#define TICK_EXACT_NS (10 * NSEC_PER_USEC)	/* what topology.c assumes where the kernel enforces exactly */

/* A set of CPUs that is judged by itself: one that threads have been given, or (NULL) those that the others share. */
struct place {
	enum partition_kind kind;
	uint32_t cpu;			/* of several the first */
};

struct question {
	struct vrk_reservation *r;
	size_t n;
	size_t n_kept;		/* promises that stay */
	size_t first;		/* where the request begins */
	const struct promise **kept;
	const struct foreign_load **loads;
	struct request_item *items;	/* of the request, those of this place */
	size_t *asked;			/* which of the request they are */
};

/* admit-question.c. @place NULL: what is shared. 0 with *q for admit_question_done(); -ENOMEM. */
int admit_question_init(struct question *q, const struct ledger *ledger, const struct foreign *foreign,
			const struct place *place, const char *domain, const struct request_item *items, size_t n);
void admit_question_done(struct question *q);

/* admit-words.c: sentences with numbers, malloc()ed. 0 or -ENOMEM. */
int admit_reason_write(const struct vrk_host *host, const struct question *q, const struct vrk_verdict *v, char **ret);
int admit_repair_write(const struct vrk_repair *repair, const struct request_item *item, size_t n, char **ret);
int admit_regime_write(const struct regime *shared, const struct request_item *items, size_t n, char **ret);

#endif
