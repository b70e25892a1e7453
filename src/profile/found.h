/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the profiler found, what of it can be promised, and that in words.
 */
#ifndef PROFILE_FOUND_H
#define PROFILE_FOUND_H

#include "cache-geometry.h"
#include "color-map.h"
#include "latency.h"
#include "measure.h"

#define FOUND_RUNS 3U		/* of the measurement of banks: all have to say the same */

struct found {
	bool is_virtual;
	struct cache_colors colors;
	int evict_r;			/* 0: *evict was measured; -errno: it could not be */
	struct evict evict;
	int banks_r;			/* of the runs */
	struct vrk_bank_map banks[FOUND_RUNS];
	uint64_t end;			/* of the machine's memory */
};

/* Why there are no colours, no banks; FOUND_SOUND: there are. */
enum found_reason {
	FOUND_SOUND = 0,
	FOUND_NOT_OFFERED,		/* no cache of which address bits choose the sets */
	FOUND_NOT_CONFIRMED,		/* timing does not show them */
	FOUND_NOT_MEASURED,		/* it could not be timed, and nothing else vouches for it */
	FOUND_NO_SIGNAL,		/* all pairs take the same time */
	FOUND_DOUBT,			/* they do not, but no functions explain it surely */
	FOUND_NOT_REPEATED,		/* another run says something else */
	FOUND_NOT_COVERED,		/* the frames were all alike in some address bit */
	FOUND_NOT_COLORABLE,		/* every function has bits inside a page */
	_FOUND_REASON_MAX,
};

enum found_reason found_colors(const struct found *found);
enum found_reason found_banks(const struct found *found);
uint32_t found_agree(const struct found *found);	/* how many runs say what the first says, surely */

/* What stands in the profile: the functions of both that are sound. False: none. */
bool found_map(const struct found *found, struct color_map *ret);

/* "virtrk-profile 1 cache=12,13 bank=13^17": freed by the caller; NULL: no memory. */
char *found_profile(const struct color_map *map);

/* One clause, of either kind: "all pairs take the same time". "" for FOUND_SOUND. */
const char *found_reason_text(enum found_reason reason);
/* The name scripts know: "no-signal". */
const char *found_reason_name(enum found_reason reason);

#endif
