/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Has somebody written the kernel's limit on SCHED_DEADLINE? Told without reading it. */
#ifndef DAEMON_LIMIT_WATCH_H
#define DAEMON_LIMIT_WATCH_H

#include "sysroot.h"

struct limit_watch;

/* From now on. -errno: it cannot be watched. */
int limit_watch_new(struct limit_watch **ret, const struct sysroot *root);
struct limit_watch *limit_watch_free(struct limit_watch *watch);

/*
 * The first process's files could not be opened, and one's own are watched instead: where somebody gave this process a /proc of its
 * own, they tell nothing.
 */
bool limit_watch_is_own(const struct limit_watch *watch);

/* Since the last call. O(1), one system call. */
bool limit_watch_written(struct limit_watch *watch);

#endif
