/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership by attribute: a local that owns something says so on the line that declares it, and
 * gives it away with TAKE_PTR/TAKE_FD. Header only; the only helpers that every room may use.
 */
#ifndef INTERNAL_CLEANUP_H
#define INTERNAL_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define TAKE_GENERIC(var, type, empty)                  \
	({                                              \
		type *_pvar = &(var);                   \
		type _val = *_pvar;                     \
		*_pvar = (empty);                       \
		_val;                                   \
	})
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, __typeof__(ptr), NULL)
#define TAKE_FD(fd)   TAKE_GENERIC(fd, int, -EBADF)

/* DEFINE_CLEANUP(struct vm *, vm_free) makes vm_freep() for _cleanup_(vm_freep) struct vm *vm. */
#define DEFINE_CLEANUP(type, func)                              \
	static inline void func##p(__typeof__(type) *p)         \
	{                                                       \
		if (*p)                                         \
			func(*p);                               \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Closes and keeps errno: a cleanup must not hide why the function failed. */
static inline int close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

static inline void closep(int *fd)
{
	*fd = close_fd(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)

#endif
