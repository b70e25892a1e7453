/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text in the environment by which virtrk-guest run tells the object in the program what it is given. Called by takeover.c and, to
 * look at another process, by guest-check.c. Pure.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "own.h"

static int number_read(const char **text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	if (errno != 0 || *end != '/' || *ret > max)
		return -EINVAL;
	*text = end + 1;
	return 0;
}

int own_plan_read(const char *text, struct own_plan *ret)
{
	uint64_t pid, fd, area, all;

	if (number_read(&text, INT_MAX, &pid) < 0 || number_read(&text, INT_MAX, &fd) < 0 || number_read(&text, 1ULL << 46, &area) < 0 ||
	    number_read(&text, 1, &all) < 0 || area % OWN_PAGE != 0)
		return -EINVAL;
	*ret = (struct own_plan){ .pid = (int)pid, .fd = (int)fd, .area_bytes = area, .text = all == 1, .rest = text };
	return 0;
}
