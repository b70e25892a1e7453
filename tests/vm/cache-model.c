/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set-associative cache with exact LRU, indexed by physical address bits, and one open row per DRAM bank behind it.
 *
 * Each access is of one byte, to one line. A miss takes the line in (reads and writes alike), puts out the line of its set
 * that was not used for longest, and is an access to DRAM: a hit in the open row of its bank, or the row that is open there is
 * closed first: a conflict. Left out, since it changes none of what is compared: smaller caches in front, prefetchers, what is
 * written back, refresh, and time.
 *
 * A set is an array of lines, the last used one first: what is simple cannot be wrong about which was used last.
 *
 * Called by the plugin of QEMU (plugin-cache.c), and by a unit test. It never reads an address and says nothing.
 */
#include <stdlib.h>

#include "cache-model.h"

#define WAYS_MAX	64
#define SETS_MAX	(1U << 24)
#define COUNTED_MAX	4096		/* colours and banks */

struct line {
	uint64_t tag;		/* address >> line_shift, and 1 more; 0: none */
	enum cache_class who;
};

struct row {
	uint64_t row;		/* 1 more; 0: closed */
	enum cache_class who;
};

struct cache_model {
	struct cache_geometry geometry;
	struct color_map map;
	uint64_t sets;
	uint32_t colors, banks;
	struct line *line;	/* sets * ways */
	struct row *row;	/* banks */
	struct cache_counts counts[CACHE_CLASSES];
	uint64_t *color_misses[CACHE_CLASSES];
	uint64_t *bank_conflicts[CACHE_CLASSES];
};

static bool power_of_two(uint64_t n)
{
	return n > 0 && (n & (n - 1)) == 0;
}

/* Each bit of the set number that is above the page is a colour bit of its own, and there are no others. */
static bool colors_fit(const struct color_map *map, uint64_t sets, uint32_t line_shift)
{
	uint64_t set_bytes = sets << line_shift, bit;
	uint32_t i, bits = 0, found = 0;

	for (bit = 1ULL << COLOR_PAGE_SHIFT; bit < set_bytes; bit <<= 1) {
		bits++;
		for (i = 0; i < map->n[COLOR_CACHE]; i++) {
			if (map->mask[COLOR_CACHE][i] == bit >> COLOR_PAGE_SHIFT)
				found++;
		}
	}
	return found == map->n[COLOR_CACHE] && found == bits;
}

int cache_model_new(struct cache_model **ret, const struct cache_geometry *geometry, const struct color_map *map)
{
	struct cache_model *m;
	uint64_t sets;
	int i;

	if (geometry->ways == 0 || geometry->ways > WAYS_MAX || geometry->line_shift > COLOR_PAGE_SHIFT ||
	    geometry->row_shift >= COLOR_ADDRESS_BITS)
		return -EINVAL;
	sets = (geometry->size >> geometry->line_shift) / geometry->ways;
	if (!power_of_two(sets) || sets > SETS_MAX || (sets * geometry->ways) << geometry->line_shift != geometry->size ||
	    !colors_fit(map, sets, geometry->line_shift) || color_count(map, COLOR_BANK) > COUNTED_MAX)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->geometry = *geometry;
	m->map = *map;
	m->sets = sets;
	m->colors = (uint32_t)color_count(map, COLOR_CACHE);
	m->banks = (uint32_t)color_count(map, COLOR_BANK);
	m->line = calloc(sets * geometry->ways, sizeof(*m->line));
	m->row = calloc(m->banks, sizeof(*m->row));
	for (i = 0; i < CACHE_CLASSES; i++) {
		m->color_misses[i] = calloc(m->colors, sizeof(uint64_t));
		m->bank_conflicts[i] = calloc(m->banks, sizeof(uint64_t));
		if (!m->line || !m->row || !m->color_misses[i] || !m->bank_conflicts[i]) {
			cache_model_free(m);
			return -ENOMEM;
		}
	}
	*ret = m;
	return 0;
}

struct cache_model *cache_model_free(struct cache_model *m)
{
	int i;

	if (!m)
		return NULL;
	for (i = 0; i < CACHE_CLASSES; i++) {
		free(m->color_misses[i]);
		free(m->bank_conflicts[i]);
	}
	free(m->line);
	free(m->row);
	free(m);
	return NULL;
}

static void row_access(struct cache_model *m, enum cache_class who, uint64_t address)
{
	uint32_t bank = (uint32_t)color_of(&m->map, COLOR_BANK, address >> COLOR_PAGE_SHIFT);
	uint64_t row = (address >> m->geometry.row_shift) + 1;
	struct row *open = &m->row[bank];

	if (open->row == row) {
		m->counts[who].row_hits++;
	} else if (open->row == 0) {
		m->counts[who].row_opens++;
	} else {
		m->counts[who].row_conflicts[open->who]++;
		m->bank_conflicts[who][bank]++;
	}
	if (open->row != row)
		*open = (struct row){ row, who };
}

bool cache_model_access(struct cache_model *m, enum cache_class who, uint64_t address)
{
	uint64_t number = address >> m->geometry.line_shift;
	struct line *set = &m->line[(number & (m->sets - 1)) * m->geometry.ways];
	uint32_t last = m->geometry.ways - 1, at;
	bool hit;

	for (at = 0; at < last && set[at].tag != number + 1; at++)
		;
	hit = set[at].tag == number + 1;
	m->counts[who].accesses++;
	if (!hit) {
		m->counts[who].misses++;
		m->color_misses[who][color_of(&m->map, COLOR_CACHE, address >> COLOR_PAGE_SHIFT)]++;
		if (set[at].tag != 0)
			m->counts[set[at].who].evicted[who]++;
		row_access(m, who, address);
	}
	memmove(set + 1, set, at * sizeof(*set));
	set[0] = (struct line){ number + 1, who };
	return hit;
}

const struct cache_counts *cache_model_counts(const struct cache_model *m, enum cache_class who)
{
	return &m->counts[who];
}

const uint64_t *cache_model_color_misses(const struct cache_model *m, enum cache_class who, uint32_t *ret_colors)
{
	*ret_colors = m->colors;
	return m->color_misses[who];
}

const uint64_t *cache_model_bank_conflicts(const struct cache_model *m, enum cache_class who, uint32_t *ret_banks)
{
	*ret_banks = m->banks;
	return m->bank_conflicts[who];
}

void cache_model_reset_counts(struct cache_model *m)
{
	int i;

	memset(m->counts, 0, sizeof(m->counts));
	for (i = 0; i < CACHE_CLASSES; i++) {
		memset(m->color_misses[i], 0, m->colors * sizeof(uint64_t));
		memset(m->bank_conflicts[i], 0, m->banks * sizeof(uint64_t));
	}
}
