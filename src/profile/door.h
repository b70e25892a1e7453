/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How this room reads a host's files: virtrkd by its sysroot, virtrk by a directory. Paths are absolute.
 */
#ifndef PROFILE_DOOR_H
#define PROFILE_DOOR_H

#include <stdarg.h>
#include <stddef.h>

#include "cleanup.h"

struct profile_door {
	const void *host;
	/* The whole file, with a NUL behind it. 0 or -errno. */
	int (*read)(const void *host, const char *path, char **ret, size_t *ret_size);
	int (*opendir)(const void *host, const char *path, DIR **ret);
};

/* Files below the directory @path ("" = the real ones), which has to live as long as the door. */
struct profile_door profile_door_directory(const char *path);

/* Without blanks at the end; a path by words. -ENOENT and the like; -EBADMSG: no number. */
__attribute__((format(printf, 3, 4)))
int profile_door_text(const struct profile_door *door, char **ret, const char *fmt, ...);
__attribute__((format(printf, 3, 4)))
int profile_door_number(const struct profile_door *door, unsigned long long *ret, const char *fmt, ...);

#endif
