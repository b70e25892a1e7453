/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mean and percentiles of response times.
 *
 * Every time is kept and sorted rather than counted into classes: a run has some thousand jobs, and the
 * plots need the times themselves. Percentiles are nearest-rank, so that each is a response time that
 * really occurred and the 99 % value of 50 jobs is simply their worst. Called by main.c of the task
 * runner after the run, never while it measures.
 */
#include <stdlib.h>

#include "statistics.h"

static int time_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Nearest rank: ceil(n * percent / 100), counted from one. */
static uint64_t percentile(const uint64_t *sorted, size_t n, unsigned int percent)
{
	size_t rank = (n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

struct statistics statistics_of(uint64_t *ns, size_t n)
{
	struct statistics s = { .n = n };
	unsigned __int128 sum = 0;

	if (!n)
		return s;
	qsort(ns, n, sizeof(*ns), time_compare);
	for (size_t i = 0; i < n; i++)
		sum += ns[i];
	s.mean_ns = (uint64_t)(sum / n);
	s.p50_ns = percentile(ns, n, 50);
	s.p99_ns = percentile(ns, n, 99);
	s.worst_ns = ns[n - 1];
	return s;
}
