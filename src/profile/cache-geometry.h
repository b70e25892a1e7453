/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The caches of a machine, and which address bits of a page choose its sets in one of them: its colours.
 */
#ifndef PROFILE_CACHE_GEOMETRY_H
#define PROFILE_CACHE_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "door.h"

#define CACHES_MAX 8

/* How a line's set is found. */
enum cache_index {
	CACHE_INDEX_UNKNOWN = 0,	/* nobody says */
	CACHE_INDEX_LINEAR,		/* by address bits as they are */
	CACHE_INDEX_HASHED,		/* by more than these */
};

/* As CPU 0 has it. Of data: instruction caches are left out. */
struct cache {
	uint32_t level;
	uint64_t sets;
	uint32_t ways;
	uint32_t line;			/* bytes */
	uint32_t cpus;			/* that share it */
	enum cache_index index;
};

/* What the processor itself says of one cache; level 0: nothing more comes. */
struct cache_word {
	uint32_t level;
	bool data;
	enum cache_index index;
};

enum cache_colors_kind {
	CACHE_COLORS_NONE = 0,
	CACHE_COLORS_LAST_LEVEL,	/* of the last level: of what all CPUs share */
	CACHE_COLORS_INNER,		/* of a level that only some CPUs share: among those they divide, among others there is nothing to divide */
};

/* Address bits first_bit .. first_bit + bits - 1 are a colour. */
struct cache_colors {
	enum cache_colors_kind kind;
	const struct cache *cache;	/* NULL: none */
	uint32_t first_bit;
	uint32_t bits;
	bool certain;			/* linear by the processor's own word; false: to be confirmed by timing */
};

/* Data caches of CPU 0 by level; words of the processor, if there are any (cache_words_cpuid()). -errno as reading, -EBADMSG. */
int cache_look(const struct profile_door *door, const struct cache_word *words, size_t n_words, struct cache ret[CACHES_MAX], size_t *ret_n);

/* How many colours a cache with so many sets would have, in bits; 0: none, or a number of sets that address bits cannot choose. */
uint32_t cache_color_bits(const struct cache *cache);

/*
 * The colours that a machine can promise. Of its last level when that is indexed by address bits; of a level within when not: a hashed
 * last level spreads each page over sets that its address bits do not tell. A last level of which nobody says how it is indexed counts as
 * hashed, since nearly all of today are.
 */
struct cache_colors cache_colors_choose(const struct cache *caches, size_t n);

const char *cache_index_text(enum cache_index index);

/* cpuid.c: what this processor says, of this machine only; whether it is a virtual one. 0: nothing. */
size_t cache_words_cpuid(struct cache_word ret[CACHES_MAX]);
bool cpu_is_virtual(void);

#endif
