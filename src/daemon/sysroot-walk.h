/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a path below a directory that cannot be left. Only for sysroot.c.
 */
#ifndef DAEMON_SYSROOT_WALK_H
#define DAEMON_SYSROOT_WALK_H

#include <sys/types.h>

/*
 * sysroot_walk() - like chroot(@root_fd) and open(@path, @flags | O_CLOEXEC, @mode)
 *
 * Return: a descriptor; -errno as open(2); -ELOOP also for a directory deeper than 64. O(components and links).
 */
int sysroot_walk(int root_fd, const char *path, int flags, mode_t mode);

#endif
