/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUEST_STATISTICS_H
#define GUEST_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

struct statistics {
	size_t n;
	uint64_t mean_ns;
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t worst_ns;
};

/*
 * statistics_of() - mean and percentiles of @n times
 * @ns: sorted here, smallest first; each below 2^63
 *
 * A percentile is a value that occurred (nearest rank): the smallest with at least p % of all at or below it.
 * No times: all zero. O(n log n).
 */
struct statistics statistics_of(uint64_t *ns, size_t n);

#endif
