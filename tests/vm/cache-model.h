/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shared cache and the row buffers of DRAM behind it, as a simulation sees them: which accesses miss, whose lines
 * are put out by whom, which rows are closed by whom.
 */
#ifndef TEST_CACHE_MODEL_H
#define TEST_CACHE_MODEL_H

#include "color-map.h"

/* Who accesses. Memory is shared by nobody, so this is also whose memory it is. */
enum cache_class {
	CACHE_VICTIM,
	CACHE_AGGRESSOR,
	CACHE_OTHERS,		/* the kernel, other programs, and the two programs' own code and stacks */
	CACHE_CLASSES,
};

struct cache_geometry {
	uint64_t size;		/* bytes; ways * line * a power of two */
	uint32_t ways;
	uint32_t line_shift;
	uint32_t row_shift;	/* two addresses of one bank are in one row when they agree from this bit on */
};

struct cache_counts {
	uint64_t accesses;
	uint64_t misses;
	uint64_t evicted[CACHE_CLASSES];	/* lines of mine that an access of such put out */
	uint64_t row_hits;			/* of misses: the row was open */
	uint64_t row_opens;			/* no row was open in the bank */
	uint64_t row_conflicts[CACHE_CLASSES];	/* another row was open, that such had opened */
};

struct cache_model;

/*
 * cache_model_new() - an empty cache in front of closed rows
 * @map:  its bank functions say which bank an address is in; its cache functions have to be those of the geometry, which
 *        takes the set from the address bits above the line (linear): -EINVAL otherwise
 *
 * Return: 0; -EINVAL for a geometry that is none, with at most 64 ways and 2^24 sets; -ENOMEM.
 */
int cache_model_new(struct cache_model **ret, const struct cache_geometry *geometry, const struct color_map *map);
struct cache_model *cache_model_free(struct cache_model *m);

/* One access to one byte: least recently used lines go first, and what misses opens a row. True: it was a hit. */
bool cache_model_access(struct cache_model *m, enum cache_class who, uint64_t address);

/* What happened since the last reset of counts; what is in the cache stays. */
const struct cache_counts *cache_model_counts(const struct cache_model *m, enum cache_class who);
const uint64_t *cache_model_color_misses(const struct cache_model *m, enum cache_class who, uint32_t *ret_colors);
const uint64_t *cache_model_bank_conflicts(const struct cache_model *m, enum cache_class who, uint32_t *ret_banks);
void cache_model_reset_counts(struct cache_model *m);

#endif
