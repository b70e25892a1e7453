/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The automotive distribution of Kramer, Ziegenbein and Hamann ("Real world automotive benchmarks for free", WATERS 2015):
 * runnables of an engine control unit. Numbers are those of the paper's tables III (how many runnables have which period),
 * IV (execution times: least, average and largest average) and V (factors from average to worst case). Left out are the 15 %
 * that run with the engine's angle, which have no fixed period, and the interrupts.
 *
 * The shape of the times within one period is ours: uniform below and uniform above the average, with the weights that
 * make the mean right. The largest ones are as long and the mean is the same as in the paper; the middle is not.
 *
 * Called by the experiment verb and by tests.
 */
#include <assert.h>

#include <virtrk/generate.h>

#include "internal.h"

static const struct waters_row {
	nsec_t period_ns;
	unsigned int percent;			/* table III */
	nsec_t least_ns, average_ns, most_ns;	/* table IV */
	unsigned int least_factor, most_factor;	/* table V, in hundredths */
} rows[VRK_WATERS_PERIODS] = {
	{ 1 * NSEC_PER_MSEC, 3, 340, 5000, 30110, 130, 2911 },
	{ 2 * NSEC_PER_MSEC, 2, 320, 4200, 40690, 154, 1904 },
	{ 5 * NSEC_PER_MSEC, 2, 360, 11040, 83380, 113, 1844 },
	{ 10 * NSEC_PER_MSEC, 25, 210, 10090, 309870, 106, 3003 },
	{ 20 * NSEC_PER_MSEC, 25, 250, 8740, 291420, 106, 1561 },
	{ 50 * NSEC_PER_MSEC, 3, 290, 17560, 92980, 113, 776 },
	{ 100 * NSEC_PER_MSEC, 20, 210, 10530, 420430, 102, 888 },
	{ 200 * NSEC_PER_MSEC, 1, 220, 2560, 21950, 103, 490 },
	{ 1000 * NSEC_PER_MSEC, 4, 370, 430, 460, 184, 475 },
};

nsec_t vrk_waters_period(size_t index)
{
	assert(index < VRK_WATERS_PERIODS);
	return rows[index].period_ns;
}

static const struct waters_row *row_draw(struct vrk_random *random)
{
	unsigned int all = 0;
	uint64_t x;

	for (size_t i = 0; i < VRK_WATERS_PERIODS; i++)
		all += rows[i].percent;
	x = vrk_random_range(random, 0, all - 1);
	for (size_t i = 0; i < VRK_WATERS_PERIODS; i++) {
		if (x < rows[i].percent)
			return &rows[i];
		x -= rows[i].percent;
	}
	assert(false);
	return NULL;
}

/* Below the average with the probability (most - average) / (most - least): then the mean is the average. */
static nsec_t average_draw(struct vrk_random *random, const struct waters_row *row)
{
	if (vrk_random_range(random, 1, row->most_ns - row->least_ns) <= row->most_ns - row->average_ns)
		return vrk_random_range(random, row->least_ns, row->average_ns);
	return vrk_random_range(random, row->average_ns, row->most_ns);
}

void vrk_waters_draw(struct vrk_random *random, struct vrk_runnable *ret)
{
	const struct waters_row *row = row_draw(random);
	uint64_t factor;

	ret->period_ns = row->period_ns;
	ret->average_ns = average_draw(random, row);
	factor = vrk_random_range(random, row->least_factor, row->most_factor);
	ret->wcet_ns = ceil_div(ret->average_ns * factor, 100);
}
