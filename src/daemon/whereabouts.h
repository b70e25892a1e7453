/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a thread is: its control group, and the CPU on which it ran last; and how one that sleeps elsewhere is brought to its CPUs.
 * For apply-cpuset.c, apply-slice.c and partition-look.c.
 */
#ifndef DAEMON_WHEREABOUTS_H
#define DAEMON_WHEREABOUTS_H

#include <sched.h>

#include "sysroot.h"

/*
 * The path of the thread's group of version 2 below the mount point, from "/" on; for the caller to free.
 * -ESRCH: it has ended; -ENODATA: it has none.
 */
int thread_cgroup(const struct sysroot *root, pid_t tid, char **ret);

/*
 * One that sleeps goes to its new CPUs when it wakes, and until then the kernel holds it against the root domain in which it fell
 * asleep: EPERM for SCHED_DEADLINE. An idle guest sleeps for seconds, a paused one for good; so it is woken.
 * 0: its last CPU is one of @cpus, or this host does not tell; -ESRCH: it has ended; -EBUSY: it could not be brought there in 100 ms.
 */
int thread_bring(const struct sysroot *root, pid_t tid, const cpu_set_t *cpus);

#endif
