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

/*
 * foreign_booked() - what the kernel has booked as SCHED_DEADLINE bandwidth in the root domain of the first CPU
 *
 * Promises, fair servers, threads of others, what is on its way back, and what the kernel has lost: it keeps the bandwidth of a
 * thread that is taken out of SCHED_DEADLINE in its sleep. From debugfs; -ENOENT and the like where that is not mounted.
 */
int foreign_booked(const struct sysroot *root, int64_t *ret);

/* The same of the root domain of @cpu. Negative where the kernel has lost count. */
int foreign_booked_on(const struct sysroot *root, uint32_t cpu, int64_t *ret);

#endif
