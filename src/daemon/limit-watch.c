/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sched_rt_runtime_us says whether the kernel checks SCHED_DEADLINE at all, and with sched_rt_period_us how much there may be of it; the
 * administrator may change them at any time. They cannot be looked at for that: where only a write should, kernels such as 6.12 build
 * all scheduling domains anew when one is read, and the new ones have forgotten what the kernel's own servers had booked. So they are
 * watched (inotify tells of writes to files of /proc as of any others), and read when one was written.
 *
 * A service of systemd often has a /proc of its own, whose files are others and tell nothing: so those are watched that the first process
 * has, which is where administrators write; one's own where these cannot be had, and then that is told to who asks. A copy of a host has no
 * first process, and no /proc but one.
 *
 * The files are held open all the time: an entry of /proc that nobody holds may be made anew, and the watch is of the old one.
 *
 * Called by the manager before it decides. Reads no value and decides nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "limit-watch.h"

static const char *const files[] = { "/proc/sys/kernel/sched_rt_runtime_us", "/proc/sys/kernel/sched_rt_period_us" };

struct limit_watch {
	int held[ARRAY_SIZE(files)];
	int inotify;
	bool own;
};

struct limit_watch *limit_watch_free(struct limit_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->inotify >= 0)
		close(watch->inotify);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (watch->held[i] >= 0)
			close(watch->held[i]);
	free(watch);
	return NULL;
}

static int file_add(struct limit_watch *watch, size_t i, const struct sysroot *root)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/1/root%s", files[i]);
	watch->held[i] = sysroot_open(root, path, O_PATH | O_CLOEXEC);
	if (watch->held[i] < 0) {
		watch->own |= watch->held[i] != -ENOENT || sysroot_is_host(root);
		watch->held[i] = sysroot_open(root, files[i], O_PATH | O_CLOEXEC);
	}
	if (watch->held[i] < 0)
		return watch->held[i];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", watch->held[i]);
	return inotify_add_watch(watch->inotify, path, IN_MODIFY) < 0 ? -errno : 0;
}

int limit_watch_new(struct limit_watch **ret, const struct sysroot *root)
{
	struct limit_watch *watch = malloc(sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	*watch = (struct limit_watch){ .held = { -EBADF, -EBADF }, .inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	r = watch->inotify < 0 ? -errno : 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(files); i++)
		r = file_add(watch, i, root);
	if (r < 0)
		limit_watch_free(watch);
	else
		*ret = watch;
	return r;
}

bool limit_watch_is_own(const struct limit_watch *watch)
{
	return watch->own;
}

bool limit_watch_written(struct limit_watch *watch)
{
	char events[4096];
	bool written = false;

	/* a full queue says so by an event of its own */
	while (read(watch->inotify, events, sizeof(events)) > 0)
		written = true;
	return written;
}
