/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_FOREIGN_H
#define DAEMON_FOREIGN_H

#include "admit.h"
#include "error.h"
#include "ledger.h"
#include "sysroot.h"

void foreign_done(struct foreign *foreign);
int foreign_add(struct foreign *foreign, pid_t tid, const char *comm, const struct vrk_reservation *reservation);

/*
 * foreign_scan() - every SCHED_DEADLINE thread of the host that no promise of @ledger owns
 *
 * One pass over /proc with one system call for each thread. Threads that end meanwhile are passed over.
 * Return: 0 with @ret filled (release with foreign_done()); -errno with words when /proc cannot be read.
 */
int foreign_scan(const struct sysroot *root, const struct ledger *ledger, struct foreign *ret, struct vr_error **reterr);

#endif
