/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools whose frames follow the index of their page (layout=preserve): as many of each colour, and of each bank that is named. */
#ifndef DAEMON_MEMORY_SHARES_H
#define DAEMON_MEMORY_SHARES_H

#include "memory.h"

/*
 * memory_shares_fit() - all pools fit as wholes, memory_choose() found: does each share of each, too?
 *
 * Exact, whatever the number of shares, unless more than VRK_REQUESTS_MAX requests are left of them (see memory-shares.c): that is refused.
 * Return: 0; with words -EDQUOT (VR_OVERLOAD); -ENOMEM. O(pairs * n), and vrk_memory_fit().
 */
int memory_shares_fit(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_pool *asks,
		      struct vr_error **reterr);

#endif
