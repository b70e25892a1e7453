/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Periods in which a thread did not get its budget: how many of them the log hears of, and when. The first at once; of a host that
 * goes on missing sums, each after twice as long as the one before, an hour at most. When a gap has passed without one, the next is
 * a first one again. Values in, values out: called about once a second by manager-watch.c, which writes the line.
 */
#ifndef DAEMON_MISSED_H
#define DAEMON_MISSED_H

#include <stdint.h>

#include <virtrk/units.h>

struct missed {
	uint64_t metered;	/* by the meter that there is now, at the last look */
	uint64_t all;
	uint64_t untold;	/* of these the log does not know yet */
	nsec_t next_ns;		/* it hears of more not before then ... */
	nsec_t gap_ns;		/* ... and after that not for so long; 0 = of the next one at once */
};

/* What the log is to hear. */
struct missed_news {
	uint64_t count;		/* 0: nothing */
	nsec_t over_ns;		/* a sum of at least so long; 0: it is a first one */
};

/*
 * missed_add() - a new look at the meter, at @now_ns
 * @metered:  what it has counted so far; less than at the last look: it is another meter, which began at 0
 * @ret_news: what to log
 *
 * Returns how many are new since the last look.
 */
uint64_t missed_add(struct missed *missed, nsec_t now_ns, uint64_t metered, struct missed_news *ret_news);

#endif
