/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Amounts of memory as people write them, "512MiB", and back. One spelling for command line, documents and messages. Exact: whole
 * numbers, units that are powers of 1024.
 *
 * Called by every reader of a size. Pure.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <virtrk/units.h>

static const struct {
	const char *name;
	unsigned int shift;
} units[] = { { "TiB", 40 }, { "GiB", 30 }, { "MiB", 20 }, { "KiB", 10 }, { "B", 0 } };

#define N_UNITS (sizeof(units) / sizeof(units[0]))

int vrk_bytes_parse(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	size_t unit = 0, digits;

	digits = text ? strspn(text, "0123456789") : 0;
	if (digits == 0)
		return -EINVAL;
	while (unit < N_UNITS && strcmp(text + digits, units[unit].name) != 0)
		unit++;
	if (unit == N_UNITS)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(value, 10U, &value) || __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -ERANGE;
	if (value > (uint64_t)INT64_MAX >> units[unit].shift)
		return -ERANGE;
	*ret = value << units[unit].shift;
	return 0;
}

char *vrk_bytes_format(char *buf, uint64_t bytes)
{
	size_t unit = bytes == 0 ? N_UNITS - 1 : 0;

	while (bytes & ((UINT64_C(1) << units[unit].shift) - 1))
		unit++;
	snprintf(buf, VRK_BYTES_STRLEN, "%" PRIu64 "%s", bytes >> units[unit].shift, units[unit].name);
	return buf;
}
