/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has booked as SCHED_DEADLINE bandwidth, as it tells it itself. */
#ifndef DAEMON_BOOKS_H
#define DAEMON_BOOKS_H

#include "sysroot.h"

/* Of one root domain. */
struct books {
	int64_t booked_bw;	/* below zero where the kernel has lost count */
	int64_t limit_bw;	/* of each of its CPUs; 0: not told */
};

/*
 * books_read() - those of the root domain of @cpu
 *
 * Promises, fair servers, threads of others, what is on its way back, and what the kernel has lost: it keeps the bandwidth of a
 * thread that is taken out of SCHED_DEADLINE in its sleep. From debugfs; -ENOENT and the like where that is not mounted, -ENODATA where
 * the CPU is not in it.
 */
int books_read(const struct sysroot *root, uint32_t cpu, struct books *ret);

#endif
