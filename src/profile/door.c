/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a host's files where there is no sysroot: whole, below a directory. Called by the profiler of virtrk and by tests; virtrkd has
 * a door of its own. Writes nothing.
 */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "door.h"

#define FILE_MAX   ((size_t)1 << 20)	/* of the largest, DMI's table and /proc/cpuinfo, this is many times enough */
#define READ_FIRST ((size_t)4096)

/* Files of /proc and /sys have no size that could be asked for. */
static int fd_read(int fd, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (room - size < READ_FIRST) {
			char *more = realloc(text, room * 2 + READ_FIRST + 1);

			if (!more)
				return -ENOMEM;
			text = more;
			room = room * 2 + READ_FIRST;
		}
		n = read(fd, text + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > FILE_MAX)
			return -EFBIG;
	}
	text[size] = '\0';
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

static int directory_read(const void *host, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *full = NULL;
	_cleanup_(closep) int fd = -EBADF;

	if (asprintf(&full, "%s%s", (const char *)host, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd_read(fd, ret, ret_size);
}

static int directory_open(const void *host, const char *path, DIR **ret)
{
	_cleanup_(freep) char *full = NULL;

	if (asprintf(&full, "%s%s", (const char *)host, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	*ret = opendir(full);
	return *ret ? 0 : -errno;
}

struct profile_door profile_door_directory(const char *path)
{
	return (struct profile_door){ .host = path, .read = directory_read, .opendir = directory_open };
}

static int text_at(const struct profile_door *door, char **ret, const char *path)
{
	size_t size;
	int r = door->read(door->host, path, ret, &size);

	while (r >= 0 && size > 0 && isspace((unsigned char)(*ret)[size - 1]))
		(*ret)[--size] = '\0';
	return r;
}

__attribute__((format(printf, 2, 0)))
static int text_by_words(const struct profile_door *door, const char *fmt, va_list ap, char **ret)
{
	_cleanup_(freep) char *path = NULL;

	if (vasprintf(&path, fmt, ap) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return text_at(door, ret, path);
}

int profile_door_text(const struct profile_door *door, char **ret, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = text_by_words(door, fmt, ap, ret);
	va_end(ap);
	return r;
}

int profile_door_number(const struct profile_door *door, unsigned long long *ret, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	unsigned long long number;
	char *end;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = text_by_words(door, fmt, ap, &text);
	va_end(ap);
	if (r < 0)
		return r;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || !isdigit((unsigned char)text[0]))
		return -EBADMSG;
	*ret = number;
	return 0;
}
