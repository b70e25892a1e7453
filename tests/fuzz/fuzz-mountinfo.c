/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any line as one of /proc/self/mountinfo. A pool that is taken has a name and a path, memory, and sets that are counted right.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_check(const struct color_set *set)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->limit; i++)
		n += color_set_has(set, i);
	assert(n > 0 && n == set->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *line = strndup((const char *)data, size);
	struct memory_pool pool;
	int r;

	assert(line);
	r = memory_pool_parse(line, &pool);
	if (r != 1) {
		assert(r == 0 || r == -EBADMSG);
		return 0;
	}
	assert(pool.domain && pool.path && pool.bytes > 0);
	if (!pool.all_colors)
		set_check(&pool.colors);
	if (!pool.all_banks)
		set_check(&pool.banks);
	memory_pool_done(&pool);
	return 0;
}
