/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes and removes groups of the kernel's resctrl file system. */
#ifndef DAEMON_APPLY_RESCTRL_H
#define DAEMON_APPLY_RESCTRL_H

#include <sys/types.h>

#include "error.h"
#include "resctrl.h"
#include "sysroot.h"

/*
 * apply_resctrl_make() - the group with these lines and these threads, all read back; or nothing
 *
 * @before: what an existing group of that name had, which it gets back when this fails; NULL: there is none, and it is removed then.
 */
int apply_resctrl_make(const struct sysroot *root, const char *group, const struct resctrl_schemata *lines,
		       const struct resctrl_schemata *before, const pid_t *tids, size_t n, struct vr_error **reterr);
/* Its threads go back to the default group by that. 0 also when there is none. */
int apply_resctrl_remove(const struct sysroot *root, const char *group, struct vr_error **reterr);
/* 1: no task is in it; 0: some are. */
int apply_resctrl_empty(const struct sysroot *root, const char *group);
/* Are all of @tids in it, as far as they live? 0, or -ENODATA. */
int apply_resctrl_holds(const struct sysroot *root, const char *group, const pid_t *tids, size_t n);

#endif
