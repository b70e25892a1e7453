/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text into the parser of CPU lists. What it takes, the formatter must write such that it reads back the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cpulist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = strndup((const char *)data, size);
	_cleanup_(freep) char *out = NULL;
	cpu_set_t set, again;
	int r;

	assert(text);
	r = cpulist_parse(text, &set);
	if (r < 0) {
		assert(r == -EINVAL || r == -ERANGE);
		return 0;
	}
	assert(cpulist_format(&set, &out) == 0 && strlen(out) <= strlen(text));
	assert(cpulist_parse(out, &again) == 0 && CPU_EQUAL(&set, &again));
	return 0;
}
