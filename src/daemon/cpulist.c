/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU lists as text. The kernel writes them ("0-3,8,10-11") in /sys/devices/system/cpu, in /proc/TID/status and in
 * cpuset files, and taskset takes them; a mask in one of our messages is written the same way.
 *
 * Called by sysroot and topology to read, by apply-sched to name a mask. Strict: a list that is not exactly of
 * the documented form is refused, since half a mask would be a wrong mask. Never opens a file.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "cpulist.h"

/* Digits at *text; moves *text behind them. */
static int cpu_parse(const char **text, unsigned int *ret)
{
	const char *p = *text;
	unsigned int cpu = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		cpu = cpu * 10 + (unsigned int)(*p - '0');
		if (cpu >= CPU_SETSIZE)
			return -ERANGE;
	}
	*text = p;
	*ret = cpu;
	return 0;
}

int cpulist_parse(const char *text, cpu_set_t *ret)
{
	unsigned int low, high;
	cpu_set_t set;
	int r;

	CPU_ZERO(&set);
	while (*text) {
		r = cpu_parse(&text, &low);
		if (r < 0)
			return r;
		high = low;
		if (*text == '-') {
			text++;
			r = cpu_parse(&text, &high);
			if (r < 0)
				return r;
		}
		if (high < low)
			return -EINVAL;
		for (; low <= high; low++)
			CPU_SET(low, &set);
		if (*text == ',' && text[1] != '\0')
			text++;
		else if (*text != '\0')
			return -EINVAL;
	}

	*ret = set;
	return 0;
}

int cpulist_format(const cpu_set_t *set, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *comma = "";
	unsigned int low, high;
	size_t size = 0;
	FILE *f;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	for (low = 0; low < CPU_SETSIZE; low = high + 1) {
		high = low;
		if (!CPU_ISSET(low, set))
			continue;
		while (high + 1 < CPU_SETSIZE && CPU_ISSET(high + 1, set))
			high++;
		fprintf(f, "%s%u", comma, low);
		if (high > low)
			fprintf(f, "-%u", high);
		comma = ",";
	}
	if (fclose(f) != 0)	/* only the memory can fail, and it tells here */
		return -ENOMEM;

	*ret = TAKE_PTR(text);
	return 0;
}
