/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timing on pages of our own whose frame numbers the kernel has told.
 */
#ifndef PROFILE_MEASURE_H
#define PROFILE_MEASURE_H

#include "cache-geometry.h"
#include "error.h"
#include "latency.h"

/* Pages of this process, and where they are. */
struct frames {
	unsigned char *memory;
	size_t bytes;
	size_t n;
	uint64_t *pfn;			/* of each page */
};

/* -EPERM (words): the kernel tells no frame numbers without CAP_SYS_ADMIN. -ENOMEM. */
int frames_take(size_t bytes, struct frames *ret, struct vr_error **reterr);
void frames_done(struct frames *frames);

/* Whether this processor has what the timing needs. */
bool measure_possible(void);

/*
 * measure_pairs() - @n pairs of lines, chosen by @seed, and how long reading both from DRAM takes, in ticks
 *
 * Median of several rounds. Pairs whose frames moved meanwhile are left out. 0 with *ret_n <= @n pairs, or -errno as reading pagemap.
 */
int measure_pairs(const struct frames *frames, uint64_t seed, struct vrk_bank_pair *pairs, uint32_t *times, size_t n, size_t *ret_n);

/*
 * What an eviction test saw: how long one read of a ring of lines takes that are 1.5 times as many as the cache has ways, in tenths of a tick.
 */
struct evict {
	uint32_t same;			/* all in one colour: they do not fit */
	uint32_t spread;		/* over all colours: they fit */
	uint32_t split;			/* over two colours that differ in one bit, the slowest of the bits: they fit, if it is one */
	bool confirmed;			/* the first is clearly the slowest */
};

/* Medians over several colours. -ENODATA: too few frames of a colour; -ENOMEM. */
int measure_evict(const struct frames *frames, const struct cache_colors *colors, uint64_t seed, struct evict *ret);

#endif
