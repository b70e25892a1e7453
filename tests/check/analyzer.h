/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included before every file when clang-tidy reads it, and never when it is compiled. The analyzer believes that errno
 * may be 0 after a failed call, so that every "return -errno" looks like a success that forgot its results.
 */
#ifndef CHECK_ANALYZER_H
#define CHECK_ANALYZER_H

#include <errno.h>

int analyzer_choice(void);

static int analyzer_value;

/* Numbers, since it cannot tell either that -e is negative when e is positive. */
static inline int *analyzer_errno(void)
{
	switch (analyzer_choice()) {
	case 0:
		analyzer_value = EINTR;
		break;
	case 1:
		analyzer_value = ENOENT;
		break;
	default:
		analyzer_value = EIO;
	}
	return &analyzer_value;
}

#undef errno
#define errno (*analyzer_errno())

#endif
