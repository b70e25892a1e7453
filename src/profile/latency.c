/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading two addresses in turn takes longer where both are in one bank and in different rows of it. How much longer depends on the
 * machine, so nothing is presumed about it: a histogram of all times has a hill for pairs that conflict, lower and further to the right
 * than the others, and the valley before it is the border. Sometimes there are more hills than two (pairs in one rank, on one channel); then
 * each valley is tried, and the library says which of them makes sense.
 *
 * Called by the profiler with what it measured, by tests with what they made up. Pure.
 */
#include <stdlib.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "latency.h"

#define BINS	  64U
#define SIDE_MIN  32U	/* fewer on one side are disturbances */
#define SIDE_PART 512U
#define FAR	  4U	/* times the median is no matter of banks */
#define STEEP	  4U	/* how much lower than both hills a valley is */

static int time_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint32_t latency_median(uint32_t *times, size_t n)
{
	if (n == 0)
		return 0;
	qsort(times, n, sizeof(*times), time_compare);
	return times[n / 2];
}

static int sorted_copy(const uint32_t *times, size_t n, uint32_t **ret)
{
	*ret = malloc((n + 1) * sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	if (n > 0)
		memcpy(*ret, times, n * sizeof(**ret));
	(*ret)[n] = 0;
	(void)latency_median(*ret, n);
	return 0;
}

struct histogram {
	uint32_t low;
	uint32_t width;
	uint32_t count[BINS];		/* each with its neighbours: a single bin says little */
};

/* False: they are too close together to be told apart. */
static bool histogram_make(const uint32_t *sorted, size_t n, struct histogram *ret)
{
	uint32_t raw[BINS] = { 0 };
	uint32_t low = sorted[n / 100], high = sorted[n - 1 - n / 1000], median = sorted[n / 2];

	if (median < UINT32_MAX / FAR && high > median * FAR)
		high = median * FAR;
	if (high - low <= low / 20 + 2)
		return false;
	ret->low = low;
	ret->width = (high - low) / BINS + 1;
	for (size_t i = 0; i < n; i++)
		if (sorted[i] >= low && sorted[i] <= high)
			raw[(sorted[i] - low) / ret->width]++;
	for (uint32_t i = 0; i < BINS; i++)
		ret->count[i] = (i > 0 ? raw[i - 1] : 0) + raw[i] + (i + 1 < BINS ? raw[i + 1] : 0);
	return true;
}

static size_t count_below(const uint32_t *sorted, size_t n, uint32_t border)
{
	size_t i = 0;

	while (i < n && sorted[i] < border)
		i++;
	return i;
}

/* The lowest stretch behind @from, up to where it rises again; its middle is the border. BINS: it never rises. */
static uint32_t valley_find(const struct histogram *h, uint32_t from, uint32_t noise, uint32_t *ret_middle)
{
	uint32_t least = h->count[from], first = from, last = from;

	for (uint32_t i = from; i < BINS; i++) {
		if (h->count[i] < least) {
			least = h->count[i];
			first = i;
		}
		if (h->count[i] == least)
			last = i;
		if (h->count[i] > STEEP * least + noise) {
			*ret_middle = (first + last) / 2;
			return i;
		}
	}
	return BINS;
}

int latency_valleys(const uint32_t *times, size_t n, uint32_t ret[LATENCY_VALLEYS_MAX], size_t *ret_n)
{
	_cleanup_(freep) uint32_t *sorted = NULL;
	size_t side = n / SIDE_PART > SIDE_MIN ? n / SIDE_PART : SIDE_MIN, found = 0;
	struct histogram h;
	uint32_t hill = 0, noise;
	int r = sorted_copy(times, n, &sorted);

	if (r < 0)
		return r;
	*ret_n = 0;
	if (n < 2 * side || !histogram_make(sorted, n, &h))
		return 0;
	noise = (uint32_t)(n / 4096) + 4;
	for (uint32_t i = 0, middle = 0; i < BINS && found < LATENCY_VALLEYS_MAX; i++) {
		uint32_t border, rise;
		size_t below;

		if (h.count[i] > hill)
			hill = h.count[i];
		if (h.count[i] > hill / STEEP)
			continue;
		rise = valley_find(&h, i, noise, &middle);
		if (rise == BINS)
			break;
		border = h.low + middle * h.width + h.width / 2;
		below = count_below(sorted, n, border);
		if (below >= side && n - below >= side)
			ret[found++] = border;
		hill = 0;
		i = rise - 1;
	}
	*ret_n = found;
	return 0;
}

int latency_banks(struct vrk_bank_pair *pairs, const uint32_t *times, size_t n, struct vrk_bank_map *ret, uint32_t *ret_threshold)
{
	uint32_t valleys[LATENCY_VALLEYS_MAX];
	struct vrk_bank_map best = { .doubt = VRK_BANK_NO_SIGNAL };
	size_t n_valleys;
	int r = latency_valleys(times, n, valleys, &n_valleys);

	for (size_t v = 0; r >= 0 && v < n_valleys; v++) {
		struct vrk_bank_map map;

		for (size_t i = 0; i < n; i++)
			pairs[i].conflict = times[i] > valleys[v];
		r = vrk_bank_map_solve(pairs, n, &map);
		if (r >= 0 && (best.doubt != VRK_BANK_SURE || (map.doubt == VRK_BANK_SURE && map.certainty > best.certainty))) {
			best = map;
			*ret_threshold = valleys[v];
		}
	}
	if (r >= 0)
		*ret = best;
	return r;
}

bool latency_banks_cover(const struct vrk_bank_map *map, uint64_t end)
{
	for (uint32_t bit = 12; bit < 52 && UINT64_C(1) << bit < end; bit++)
		if (!(map->seen >> bit & 1))
			return false;
	return true;
}
