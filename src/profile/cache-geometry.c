/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the kernel's table of caches (/sys/devices/system/cpu/cpu0/cache) to colours. A cache of S sets with lines of L bytes that is indexed
 * by address bits puts addresses S*L apart into the same set; two pages share sets when they agree in the address bits from 12 up to
 * log2(S*L) - 1. These are the colours. A last level in slices (sets that are no power of two, or a hash of high bits chooses the slice)
 * has no such bits that could be read off its size, and none are offered.
 *
 * Called by the profiler and its tests, which give it directories of other machines. Reads files, measures nothing.
 */
#include <string.h>

#include "cache-geometry.h"

#define CACHE_DIR  "/sys/devices/system/cpu/cpu0/cache"
#define PAGE_SHIFT 12U

static bool power_of_two(uint64_t n)
{
	return n > 0 && (n & (n - 1)) == 0;
}

/* "0-3,8": how many. */
static uint32_t list_count(const char *list)
{
	uint32_t count = 0;

	for (const char *p = list; *p;) {
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;

		if (end == p)
			break;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		count += last >= first && last - first < 65536 ? (uint32_t)(last - first + 1) : 0;
		p = *end == ',' ? end + 1 : end;
		if (p == end && *p)
			break;
	}
	return count;
}

/* 1: a data cache; 0: another one, or one that is not told whole (some virtual machines leave out sizes). */
static int cache_read(const struct profile_door *door, unsigned int i, struct cache *ret)
{
	_cleanup_(freep) char *type = NULL, *list = NULL;
	unsigned long long level, sets, ways, line;
	int r = profile_door_text(door, &type, CACHE_DIR "/index%u/type", i);

	if (r < 0)
		return r;
	if (strcmp(type, "Data") != 0 && strcmp(type, "Unified") != 0)
		return 0;
	if (profile_door_number(door, &level, CACHE_DIR "/index%u/level", i) < 0 ||
	    profile_door_number(door, &sets, CACHE_DIR "/index%u/number_of_sets", i) < 0 ||
	    profile_door_number(door, &ways, CACHE_DIR "/index%u/ways_of_associativity", i) < 0 ||
	    profile_door_number(door, &line, CACHE_DIR "/index%u/coherency_line_size", i) < 0)
		return 0;
	if (level == 0 || level > 16 || sets == 0 || sets > UINT32_MAX || ways > 65536 || !power_of_two(line) || line > 4096)
		return 0;
	r = profile_door_text(door, &list, CACHE_DIR "/index%u/shared_cpu_list", i);
	if (r == -ENOMEM)
		return r;
	*ret = (struct cache){ .level = (uint32_t)level, .sets = sets, .ways = (uint32_t)ways, .line = (uint32_t)line };
	ret->cpus = r < 0 ? 1 : list_count(list);
	return 1;
}

static enum cache_index word_find(const struct cache_word *words, size_t n, uint32_t level)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].data && words[i].level == level)
			return words[i].index;
	return CACHE_INDEX_UNKNOWN;
}

static int level_compare(const void *a, const void *b)
{
	const struct cache *x = a, *y = b;

	return (x->level > y->level) - (x->level < y->level);
}

int cache_look(const struct profile_door *door, const struct cache_word *words, size_t n_words, struct cache ret[CACHES_MAX], size_t *ret_n)
{
	size_t n = 0;
	int r = 0;

	for (unsigned int i = 0; i < 16 && n < CACHES_MAX; i++) {
		r = cache_read(door, i, &ret[n]);
		if (r == -ENOENT)
			break;
		if (r < 0)
			return r;
		if (r > 0) {
			ret[n].index = word_find(words, n_words, ret[n].level);
			n++;
		}
	}
	qsort(ret, n, sizeof(*ret), level_compare);
	*ret_n = n;
	return 0;
}

uint32_t cache_color_bits(const struct cache *cache)
{
	uint64_t bytes = cache->sets * cache->line;
	uint32_t bits = 0;

	if (!power_of_two(cache->sets))
		return 0;
	while (bytes >> (PAGE_SHIFT + bits) > 1)
		bits++;
	return bits;
}

struct cache_colors cache_colors_choose(const struct cache *caches, size_t n)
{
	struct cache_colors colors = { .kind = CACHE_COLORS_NONE };

	for (size_t i = n; i-- > 0 && colors.kind == CACHE_COLORS_NONE;) {
		const struct cache *cache = &caches[i];
		bool last = i + 1 == n;

		/* The first level has no colours where a way of it is no larger than a page; where it has, it is virtually indexed. */
		if (cache->level < 2 || cache_color_bits(cache) == 0 || cache->index == CACHE_INDEX_HASHED ||
		    (last && cache->level > 2 && cache->index == CACHE_INDEX_UNKNOWN))
			continue;
		colors = (struct cache_colors){
			.kind = last ? CACHE_COLORS_LAST_LEVEL : CACHE_COLORS_INNER,
			.cache = cache,
			.first_bit = PAGE_SHIFT,
			.bits = cache_color_bits(cache),
			.certain = cache->index == CACHE_INDEX_LINEAR,
		};
	}
	return colors;
}

const char *cache_index_text(enum cache_index index)
{
	switch (index) {
	case CACHE_INDEX_LINEAR:
		return "indexed by address bits";
	case CACHE_INDEX_HASHED:
		return "hashed";
	default:
		return "how it is indexed is not told";
	}
}
