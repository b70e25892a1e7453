/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many cache colours for whom. More colours make a task faster and hold more memory; there are only so many. Where everybody's
 * colours are his own, the costs add up, and dynamic programming over users finds the best division there is. (Dividing colours by
 * memory and time together: Kim, Kandhalu, Rajkumar, ECRTS 2013, who search; the optimum by dynamic programming is ours.)
 *
 * Called by planning and by experiments. What a cost is, the caller knows; bandwidths of tasks come from WCET curves here.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"
#include "memory.h"

#define COST_MAX_SUM ((uint64_t)1 << 56)	/* times VRK_REQUESTS_MAX stays in 64 bits */

static int larger_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

uint32_t vrk_colors_least(const struct vrk_memory_host *host, uint64_t bytes)
{
	const struct vrk_memory_request want = { .bytes = bytes };
	uint64_t room[VRK_COLORS_MAX] = { 0 }, sum = 0;

	if (memory_question_check(host, NULL, 0) < 0)
		return 0;
	for (uint32_t k = 0; k < host->colors * host->banks; k++)
		room[k / host->banks] += host->frames[k];
	qsort(room, host->colors, sizeof(*room), larger_first);
	for (uint32_t k = 0; k < host->colors; k++) {
		sum += room[k];
		if (sum >= memory_frames(&want))
			return k + 1;
	}
	return 0;
}

void vrk_wcet_raise(nsec_t *wcet_ns, size_t n)
{
	for (size_t k = n; k > 1; k--)
		if (wcet_ns[k - 2] < wcet_ns[k - 1])
			wcet_ns[k - 2] = wcet_ns[k - 1];
}

int vrk_wcet_cost(const nsec_t *wcet_ns, uint32_t n, nsec_t period_ns, nsec_t deadline_ns, uint32_t least, uint64_t *ret_cost)
{
	if (period_ns == 0)
		return -EINVAL;
	for (uint32_t k = 0; k <= n; k++) {
		bool never = k == 0 || k < least || wcet_ns[k - 1] > deadline_ns;
		u128 cost = never ? 0 : (((u128)wcet_ns[k - 1] << 32) + period_ns - 1) / period_ns;

		ret_cost[k] = never || cost >= COST_MAX_SUM ? VRK_COST_NEVER : (uint64_t)cost;
	}
	return 0;
}

static uint64_t cost_add(uint64_t a, uint64_t b)
{
	return a == VRK_COST_NEVER || b == VRK_COST_NEVER ? VRK_COST_NEVER : a + b;
}

/* @best[m]: the least total of the users so far with at most m colours; becomes that with this user; @take[m]: his part. */
static void user_add(const uint64_t *cost, uint32_t colors, uint64_t *best, uint16_t *take)
{
	/* from above: what is left of m is below m, or m itself with nothing taken */
	for (uint32_t m = colors + 1; m-- > 0;) {
		uint64_t least = VRK_COST_NEVER;

		for (uint32_t k = 0; k <= m; k++) {
			uint64_t total = cost_add(best[m - k], cost[k]);

			if (total < least) {
				least = total;
				take[m] = (uint16_t)k;
			}
		}
		best[m] = least;
	}
}

int vrk_colors_divide(const uint64_t *cost, size_t n, uint32_t colors, uint32_t *ret_colors, uint64_t *ret_total)
{
	size_t width = (size_t)colors + 1;
	uint64_t *best;
	uint16_t *take;

	if (n == 0)
		return -EINVAL;
	if (n > VRK_REQUESTS_MAX || colors > VRK_COLORS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n * width; i++)
		if (cost[i] >= COST_MAX_SUM && cost[i] != VRK_COST_NEVER)
			return -ERANGE;
	best = calloc(width, sizeof(*best));
	take = calloc(n * width, sizeof(*take));
	if (!best || !take) {
		free(best);
		free(take);
		return -ENOMEM;
	}
	for (size_t v = 0; v < n; v++)
		user_add(&cost[v * width], colors, best, &take[v * width]);
	*ret_total = best[colors];
	for (size_t v = n, left = colors; v-- > 0;) {
		ret_colors[v] = take[v * width + left];
		left -= ret_colors[v];
	}
	free(best);
	free(take);
	return 0;
}

nsec_t vrk_wcet_shared(nsec_t wcet_ns, uint64_t accesses, nsec_t miss_ns)
{
	u128 ns = (u128)accesses * miss_ns;

	return ns >= NSEC_MAX || wcet_ns >= NSEC_MAX - (nsec_t)ns ? NSEC_MAX : wcet_ns + (nsec_t)ns;
}

uint64_t vrk_colors_even(const uint64_t *cost, size_t n, uint32_t colors, uint32_t *ret_colors)
{
	uint64_t total = 0;

	for (size_t v = 0; v < n; v++) {
		ret_colors[v] = (uint32_t)(colors / n + (v < colors % n));
		total = cost_add(total, cost[v * ((size_t)colors + 1) + ret_colors[v]]);
	}
	return total;
}
