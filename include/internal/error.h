/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An error with words. Three kinds of trouble never mix: a fault is a negative errno that is forwarded
 * unchanged, an answer ("does not fit") is a verdict with return 0, a bug is an assert. Only those who
 * can name the broken rule (apply, config, state, manager) fill a struct vr_error, beside the errno.
 */
#ifndef INTERNAL_ERROR_H
#define INTERNAL_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"

/* One reason = one D-Bus error name (table in bus.c) = one line in org.virtrk1(5). */
enum vr_reason {
	VR_FAILED = 0,		/* a system call failed for a reason we could not name better */
	VR_NO_MEMORY,
	VR_OVERLOAD,		/* refused by admission: the text carries test, numbers, repair */
	VR_KERNEL_BUSY,		/* admitted by us, refused by the kernel (EBUSY): foreign bandwidth */
	VR_BAD_BUDGET,		/* zero, below 1024 ns, above the deadline */
	VR_BAD_DEADLINE,	/* above the period */
	VR_BAD_PERIOD,		/* outside 100 us .. 2^22 us or the host's own limits */
	VR_BAD_THREAD,		/* a thread name that is not vcpuN, emulator, iothreadN, vhostN */
	VR_NO_DOMAIN,
	VR_NO_THREAD,		/* the domain has no such vCPU, iothread ... (text says which it has) */
	VR_DUPLICATE,		/* the same thread twice in one request, or already reserved */
	VR_NOT_RESERVED,
	VR_THREAD_GONE,		/* it ended between decision and write */
	VR_NOT_PERMITTED,	/* not root, or polkit said no, or the kernel did (EPERM) */
	VR_AFFINITY,		/* EPERM of the kernel: the thread may not use its whole root domain */
	VR_UNSUPPORTED,		/* the kernel lacks what is needed */
	VR_BAD_CONFIG,		/* a file of ours does not parse; text names file and path */
	VR_BAD_STATE,		/* /run/virtrk/state.json is damaged */
	VR_RUNNING,		/* another virtrkd holds the lock or the bus name */
	VR_READ_BACK,		/* the kernel did not keep what was written */
	VR_DRY_RUN,		/* a write was asked of a daemon that only reads */
	VR_NO_TOKEN,		/* nothing is prepared under that token (any more) */
	VR_BAD_TTL,		/* capacity cannot be held for so short or long */
	VR_BAD_CPU,		/* a CPU that is not there, not free, or has to stay for housekeeping */
	_VR_REASON_MAX,
};

struct vr_error {
	int code;		/* negative errno */
	enum vr_reason reason;
	char *text;		/* one line for the user; NULL only when memory ran out */
};

static inline struct vr_error *vr_error_free(struct vr_error *err)
{
	if (err)
		free(err->text);
	free(err);
	return NULL;
}
DEFINE_CLEANUP(struct vr_error *, vr_error_free)

/*
 * Fills *reterr (when given and still empty) and returns @code, so that a caller can write
 * "return vr_error_set(reterr, -ESRCH, VR_NO_DOMAIN, ...)". Out of memory leaves *reterr NULL: the code still tells.
 */
__attribute__((format(printf, 4, 5)))
static inline int vr_error_set(struct vr_error **reterr, int code, enum vr_reason reason,
			       const char *fmt, ...)
{
	struct vr_error *err;
	va_list ap;

	if (!reterr || *reterr)
		return code;
	err = calloc(1, sizeof(*err));
	if (!err)
		return code;
	err->code = code;
	err->reason = reason;
	va_start(ap, fmt);
	if (vasprintf(&err->text, fmt, ap) < 0)
		err->text = NULL;
	va_end(ap);
	*reterr = err;
	return code;
}

#endif
