/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door to the system. Everything that reads or writes /proc, /sys, /dev or /run, and every system call that reads
 * or changes the scheduling of a thread, goes through a struct sysroot; so the same code runs against a directory.
 *
 * The real host is opened plainly, below a descriptor of "/". In a fake root symbolic links, absolute or with "..",
 * stay in it (sysroot-walk.c), and only regular files are read, since a pipe or a device that somebody put there must
 * not hang or harm the reader.
 *
 * The threads of either root are in sysroot-threads.c; here are the root itself, and files.
 *
 * Used by everyone in the daemon who touches the system. Decides nothing, logs nothing, keeps nothing between calls.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysroot-private.h"
#include "sysroot-walk.h"

#define FILE_MAX (1U << 20)

/* Numbers. */

/* Digits only, all of @text. */
static int u64_parse(const char *text, uint64_t *ret)
{
	char *end;
	uint64_t value;

	if (!isdigit((unsigned char)*text))
		return -EBADMSG;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EBADMSG;
	*ret = value;
	return 0;
}

int sysroot_i64_parse(const char *text, int64_t *ret)
{
	const char *digits = *text == '-' ? text + 1 : text;
	char *end;
	int64_t value;

	if (!isdigit((unsigned char)*digits))
		return -EBADMSG;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EBADMSG;
	*ret = value;
	return 0;
}
/* The root itself. */

static bool fd_is_slash(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int sysroot_new(struct sysroot **ret, const char *path)
{
	_cleanup_(sysroot_freep) struct sysroot *root = calloc(1, sizeof(*root));
	bool host;

	if (!root)
		return -ENOMEM;
	path = path ?: "/";
	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return -errno;	/* a descriptor of -1 is no descriptor to sysroot_free() */
	host = fd_is_slash(root->fd);	/* "/." and "//" are the host too: never half a host */
	root->path = strdup(host ? "/" : path);
	if (!root->path)
		return -ENOMEM;
	root->ops = host ? &sysroot_host_ops : &sysroot_fake_ops;

	*ret = TAKE_PTR(root);
	return 0;
}

struct sysroot *sysroot_free(struct sysroot *root)
{
	if (!root)
		return NULL;
	close_fd(root->fd);
	free(root->path);
	free(root);
	return NULL;
}

bool sysroot_is_host(const struct sysroot *root)
{
	return root->path[0] == '/' && root->path[1] == '\0';
}

/* Files. */

int sysroot_open(const struct sysroot *root, const char *path, int flags)
{
	int fd;

	assert(path[0] == '/');
	if (!sysroot_is_host(root))
		return sysroot_walk(root->fd, path, flags, 0600);
	path += strspn(path, "/");
	fd = openat(root->fd, *path ? path : ".", flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* For reading and writing whole files: not a pipe or device of a fake root. */
static int open_file(const struct sysroot *root, const char *path, int flags)
{
	_cleanup_(closep) int fd = -EBADF;
	struct stat st;

	if (sysroot_is_host(root))
		return sysroot_open(root, path, flags);
	fd = sysroot_open(root, path, flags | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

int sysroot_read_bytes(const struct sysroot *root, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int fd = -EBADF;
	size_t size = 0, room = 0;
	ssize_t n;
	char *p;

	fd = open_file(root, path, O_RDONLY);
	if (fd < 0)
		return fd;
	do {	/* the size that stat tells is 0 or a lie in /proc and /sys */
		if (room - size < 2) {
			room = room ? room * 2 : 4096;
			p = realloc(text, room);
			if (!p)
				return -ENOMEM;
			text = p;
		}
		n = read(fd, text + size, room - size - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			size += (size_t)n;
		if (size > FILE_MAX)
			return -EFBIG;
	} while (n != 0);
	text[size] = '\0';

	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int sysroot_read(const struct sysroot *root, const char *path, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r;

	r = sysroot_read_bytes(root, path, &text, &size);
	if (r < 0)
		return r;
	if (memchr(text, '\0', size))
		return -EBADMSG;
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';

	*ret = TAKE_PTR(text);
	return 0;
}

int sysroot_readf(const struct sysroot *root, char **ret, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return sysroot_read(root, path, ret);
}

int sysroot_read_u64(const struct sysroot *root, const char *path, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	if (r < 0)
		return r;
	return u64_parse(text, ret);
}

int sysroot_read_i64(const struct sysroot *root, const char *path, int64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	if (r < 0)
		return r;
	return sysroot_i64_parse(text, ret);
}

/* One write(2): the kernel's files take their value whole or not at all. */
int sysroot_write(const struct sysroot *root, const char *path, const char *text)
{
	_cleanup_(closep) int fd = -EBADF;
	size_t size = strlen(text);
	ssize_t n;

	if (root->ops->write)
		return root->ops->write(root, path, text);
	fd = open_file(root, path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	n = write(fd, text, size);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

/* The directory in which the last component of @path stands, and that component. */
static int parent_open(const struct sysroot *root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	if (!slash || slash[1] == '\0' || (size_t)(slash - path) >= sizeof(parent) - 1)
		return -EINVAL;
	snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);
	*ret_name = slash + 1;
	return sysroot_open(root, parent, O_RDONLY | O_DIRECTORY);
}

int sysroot_mkdir(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = -EBADF;
	const char *name;

	if (root->ops->mkdir)
		return root->ops->mkdir(root, path);
	fd = parent_open(root, path, &name);
	if (fd < 0)
		return fd;
	return mkdirat(fd, name, 0755) < 0 ? -errno : 0;
}

int sysroot_rmdir(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = -EBADF;
	const char *name;

	if (root->ops->rmdir)
		return root->ops->rmdir(root, path);
	fd = parent_open(root, path, &name);
	if (fd < 0)
		return fd;
	return unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int sysroot_opendir(const struct sysroot *root, const char *path, DIR **ret)
{
	_cleanup_(closep) int fd = -EBADF;
	DIR *dir;

	fd = sysroot_open(root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);	/* closedir() closes it */
	*ret = dir;
	return 0;
}

bool sysroot_exists(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = sysroot_open(root, path, O_PATH);

	if (fd < 0)	/* what a host lacks is done without, and nobody asks again: it takes two looks */
		fd = sysroot_open(root, path, O_PATH);
	return fd >= 0;
}

int sysroot_links(const struct sysroot *root, const char *path, uint64_t *ret)
{
	_cleanup_(closep) int fd = -EBADF;
	struct stat st;

	if (sysroot_is_host(root)) {	/* one system call instead of three */
		if (stat(path, &st) < 0)
			return -errno;
	} else {
		fd = sysroot_open(root, path, O_PATH);
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
	}
	*ret = st.st_nlink;
	return 0;
}

int sysroot_readlink(const struct sysroot *root, const char *path, char **ret)
{
	_cleanup_(closep) int fd = -EBADF;
	char target[PATH_MAX];
	char *copy;
	ssize_t n;

	fd = sysroot_open(root, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno;	/* "" of something that is no link */
	if ((size_t)n >= sizeof(target))
		return -ENAMETOOLONG;
	copy = strndup(target, (size_t)n);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
