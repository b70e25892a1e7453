/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread's timeline as an SVG picture: a lane for each state, the budget that was left, and when it was replenished.
 */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <stdio.h>

#include "meter.h"

struct interval {
	enum meter_state state;
	nsec_t start_ns;
	nsec_t end_ns;
	unsigned int cpu;	/* METER_RUNNING */
};

struct budget_point {
	nsec_t time_ns;
	int64_t left_ns;
	bool known;		/* false: the line ends here */
};

struct picture {
	const char *title;
	const char *subtitle;
	nsec_t origin_ns;	/* 0 of the axis */
	nsec_t from_ns;		/* what is shown; same clock as all other times */
	nsec_t to_ns;
	const struct interval *intervals;	/* in order of time */
	size_t n_intervals;
	nsec_t budget_ns;	/* 0 = no reservation: no budget is drawn */
	const struct budget_point *points;
	size_t n_points;
	const nsec_t *replenished_ns;
	size_t n_replenished;
};

/* Return: 0; -EIO when the file could not be written. */
int picture_write(FILE *f, const struct picture *p);

#endif
