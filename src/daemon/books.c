/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's books of SCHED_DEADLINE bandwidth, from /sys/kernel/debug/sched/debug. The file lists every thread of the host, CPU by CPU, and
 * may be many megabytes long: no more of it is read than is needed, and none of it is kept.
 *
 * Called by manager-books.c, which looks for what is wrong in them, and where the kernel has refused somebody. Decides nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "books.h"

/* "  .dl_bw->total_bw               : 209713" and the end of the line; true when it is that of @key. */
static bool line_number(const char *line, const char *key, int64_t *ret)
{
	const char *at = strstr(line, key);

	at = at ? strchr(at, ':') : NULL;
	if (!at || !strchr(at, '\n'))
		return false;
	*ret = strtoll(at + 1, NULL, 10);
	return true;
}

/* The last of them is what is booked. */
static int section_read(FILE *file, const char *section, struct books *ret)
{
	_cleanup_(freep) char *line = NULL;
	struct books books = { 0 };
	bool inside = false;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		inside |= strcmp(line, section) == 0;
		if (!inside)
			continue;
		(void)line_number(line, "dl_bw->bw", &books.limit_bw);
		if (!line_number(line, "dl_bw->total_bw", &books.booked_bw))
			continue;
		*ret = books;
		return 0;
	}
	return ferror(file) ? -EIO : -ENODATA;
}

int books_read(const struct sysroot *root, uint32_t cpu, struct books *ret)
{
	int fd = sysroot_open(root, "/sys/kernel/debug/sched/debug", O_RDONLY);
	char section[32];
	FILE *file;
	int r;

	if (fd < 0)
		return fd;
	file = fdopen(fd, "re");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	snprintf(section, sizeof(section), "dl_rq[%" PRIu32 "]:\n", cpu);
	r = section_read(file, section, ret);
	(void)fclose(file);
	return r;
}
