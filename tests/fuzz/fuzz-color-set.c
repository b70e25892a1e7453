/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text into the parser of colour lists, for maps of 1 to 8192 colours (the first byte says which). What it takes is
 * written such that it reads back the same; what it refuses, it names.
 */
#include <assert.h>
#include <stdlib.h>

#include "cleanup.h"
#include "color-map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[COLOR_SET_MAX * 5];
	struct color_set set, again;
	enum color_fault fault;
	size_t at, length;
	u64 count;
	u32 i, n = 0;

	if (size == 0)
		return 0;
	count = 1ULL << data[0] % 14;
	fault = color_set_parse(&set, count, (const char *)data + 1, size - 1, &at);
	if (fault != COLOR_OK) {
		assert(fault < COLOR_TEXT_MAGIC && color_fault_errno(fault) < 0 && at <= size - 1);
		return 0;
	}
	for (i = 0; i < COLOR_SET_MAX; i++)
		n += color_set_has(&set, i);
	assert(n == set.count && n > 0 && set.limit == count);
	length = color_set_format(&set, out, sizeof(out));
	assert(length < sizeof(out) && length <= size - 1);
	assert(color_set_parse(&again, count, out, length, &at) == COLOR_OK);
	assert(memcmp(&set, &again, sizeof(set)) == 0);
	return 0;
}
