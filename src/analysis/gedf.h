/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF on m CPUs beside pinned fair servers: what gedf-*.c share. gedf.c holds the lemma.
 */
#ifndef ANALYSIS_GEDF_H
#define ANALYSIS_GEDF_H

#include "internal.h"

struct gedf {
	const struct vrk_host *host;
	struct entity *e;
	size_t n;
	bool sleepers;
	uint64_t *lost;		/* per reservation: CPUs that fair servers may hold during its window; NULL = none ever */
	uint64_t lost_max;
	size_t lost_index;	/* who loses lost_max */
};

/* Allocates; gedf_done(). 0 with *ret_ok false: *ret_no is the answer, but for its test. */
int gedf_init(struct gedf *g, const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
	      bool *ret_ok, struct vrk_verdict *ret_no);
void gedf_done(struct gedf *g);

/*
 * As if there were no fair servers. *ret is what would have to hold for that: the work that reservations can do in the time
 * in which one fair server starves must not be enough, or the deadline must leave that time.
 */
void gedf_without_fair(struct gedf *g, struct vrk_verdict *ret);

int gedf_gfb(const struct gedf *g, struct vrk_verdict *ret);
int gedf_bak(const struct gedf *g, struct vrk_verdict *ret);
int gedf_bcl(const struct gedf *g, struct vrk_verdict *ret);
int gedf_bcl_iter(const struct gedf *g, struct vrk_verdict *ret, struct vrk_certificate *cert);

#endif
