/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks a path component by component with the root directory as the end of the world: an absolute symbolic link
 * begins at the root, ".." of the root is the root. What openat2(RESOLVE_IN_ROOT) does in the kernel; done here because
 * valgrind and some containers' seccomp filters do not let that call through.
 *
 * It holds a descriptor of every directory from the root to where it is. ".." goes back to the one before, not to
 * whatever the kernel holds for the parent now; and no component is ever opened through a link. So nobody who renames
 * in the tree meanwhile can lead it out.
 *
 * Called by sysroot.c for fake roots. Decides nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "sysroot-walk.h"

#define DEPTH_MAX 64
#define LINKS_MAX 40	/* as the kernel */

struct walk {
	int dirs[DEPTH_MAX];	/* of these the first is the root, which is not ours to close */
	size_t n;
	char rest[PATH_MAX];
	unsigned int links;
};

static void walk_back(struct walk *walk, size_t to)
{
	while (walk->n > to)
		close_fd(walk->dirs[--walk->n]);
}

static void walk_done(struct walk *walk)
{
	walk_back(walk, 1);
}

static int walk_enter(struct walk *walk, int *fd, bool is_directory)
{
	if (!is_directory)
		return -ENOTDIR;
	if (walk->n == DEPTH_MAX)
		return -ELOOP;
	walk->dirs[walk->n++] = TAKE_FD(*fd);
	return 0;
}

/* The link's target takes its place in the rest of the path; @rest is what came behind it. */
static int walk_follow(struct walk *walk, int fd, const char *rest)
{
	char target[PATH_MAX];
	size_t behind = strlen(rest);
	ssize_t n;

	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if ((size_t)n + behind >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	if (n > 0 && target[0] == '/')
		walk_back(walk, 1);
	memmove(walk->rest + n, rest, behind + 1);
	memcpy(walk->rest, target, (size_t)n);
	return 0;
}

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

/*
 * One component, which begins at @name and ends at @end; the last one of the path when nothing stands there. Returns the
 * descriptor that was asked for, or -EAGAIN: walk on with the rest.
 */
static int walk_component(struct walk *walk, char *name, char *end, int flags, mode_t mode)
{
	_cleanup_(closep) int fd = -EBADF;
	int dir = walk->dirs[walk->n - 1];
	bool last = *end == '\0';
	char after = *end;
	struct stat st;
	int r;

	*end = '\0';
	fd = open_at(dir, name, O_PATH, 0);
	if (fd == -ENOENT && last && (flags & O_CREAT))
		return open_at(dir, name, flags, mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (last && (!S_ISLNK(st.st_mode) || (flags & O_NOFOLLOW)))
		return open_at(dir, name, flags, mode);	/* of a link: -ELOOP, or with O_PATH the link itself */
	*end = after;
	if (S_ISLNK(st.st_mode)) {
		r = walk_follow(walk, fd, end);
	} else {
		r = walk_enter(walk, &fd, S_ISDIR(st.st_mode));
		memmove(walk->rest, end, strlen(end) + 1);
	}
	return r < 0 ? r : -EAGAIN;
}

int sysroot_walk(int root_fd, const char *path, int flags, mode_t mode)
{
	_cleanup_(walk_done) struct walk walk;
	char *name, *end;
	int r;

	walk.dirs[0] = root_fd;
	walk.n = 1;
	walk.links = 0;
	if (strlen(path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	strcpy(walk.rest, path);
	for (;;) {
		name = walk.rest + strspn(walk.rest, "/");
		end = name + strcspn(name, "/");
		if (end == name)
			return open_at(walk.dirs[walk.n - 1], ".", flags, mode);
		if (strncmp(name, "..", (size_t)(end - name)) == 0) {	/* "." and ".." */
			if (end - name == 2 && walk.n > 1)
				walk_back(&walk, walk.n - 1);
			memmove(walk.rest, end, strlen(end) + 1);
			continue;
		}
		r = walk_component(&walk, name, end, flags, mode);
		if (r != -EAGAIN)
			return r;
	}
}
