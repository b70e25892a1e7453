/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times that fall into groups: where one ends and the next begins. And banks from times.
 */
#ifndef PROFILE_LATENCY_H
#define PROFILE_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/memory.h>

#define LATENCY_VALLEYS_MAX 4

/*
 * latency_valleys() - times below which and above which there are many, and at which there are few
 *
 * By a histogram of 64 bins from the first hundredth to the last thousandth, and to four times the median (what is beyond is a disturbance).
 * Each side has at least a 512th of all, and 32. Ascending. None: all are alike. -ENOMEM.
 */
int latency_valleys(const uint32_t *times, size_t n, uint32_t ret[LATENCY_VALLEYS_MAX], size_t *ret_n);

uint32_t latency_median(uint32_t *times, size_t n);	/* sorts them; 0 of none */

/*
 * latency_banks() - the bank functions that explain the times of @n pairs
 * @pairs: conflict is not read, and written
 *
 * Each valley is tried as the border between pairs that conflict and those that do not; the one whose map is the surest counts.
 * *ret.doubt is VRK_BANK_NO_SIGNAL where there is no valley at all. *ret_threshold is set where it is VRK_BANK_SURE. 0, or -E2BIG, -ENOMEM.
 */
int latency_banks(struct vrk_bank_pair *pairs, const uint32_t *times, size_t n, struct vrk_bank_map *ret, uint32_t *ret_threshold);

/* Can the map be believed for all addresses below @end: was every bit from 12 on different in some pair? */
bool latency_banks_cover(const struct vrk_bank_map *map, uint64_t end);

#endif
