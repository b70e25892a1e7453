/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text into the parser of profiles. What it takes is written such that it reads back the same, and its functions are
 * independent: each colour that it counts has frames, and all colours together have all frames.
 */
#include <assert.h>
#include <stdlib.h>

#include "cleanup.h"
#include "color-map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[16384];
	struct color_map map, again;
	enum color_fault fault;
	size_t at, length;
	u64 last;

	fault = color_map_parse(&map, (const char *)data, size, &at);
	if (fault != COLOR_OK) {
		assert(fault >= COLOR_TEXT_MAGIC && fault < COLOR_FAULTS && color_fault_errno(fault) < 0 && at <= size);
		return 0;
	}
	length = color_map_format(&map, out, sizeof(out));
	assert(length < sizeof(out));
	assert(color_map_parse(&again, out, length, &at) == COLOR_OK && color_map_equal(&map, &again));
	last = color_count(&map, COLOR_CACHE) - 1;
	assert(color_pair_exists(&map, last, COLOR_ANY) && color_pair_exists(&map, 0, 0));
	assert(color_rank(&map) >= map.n[COLOR_CACHE] && color_rank(&map) >= map.n[COLOR_BANK]);
	assert(color_frames(&map, last, COLOR_ANY, 0, 1ULL << COLOR_PFN_BITS) ==
	       1ULL << (COLOR_PFN_BITS - map.n[COLOR_CACHE]));
	return 0;
}
