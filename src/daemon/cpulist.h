/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU lists as the kernel writes them: "0-3,8,10-11". Pure.
 */
#ifndef DAEMON_CPULIST_H
#define DAEMON_CPULIST_H

#include <sched.h>

/*
 * cpulist_parse() - "" is the empty set; numbers and ranges (low-high) with single commas between, nothing else
 *
 * Return: 0 with *ret set; -EINVAL not of that form; -ERANGE a CPU beyond what cpu_set_t holds (1023). O(length).
 */
int cpulist_parse(const char *text, cpu_set_t *ret);

/* The shortest list, ascending; "" for the empty set. Return: 0 with *ret for the caller to free; -ENOMEM. */
int cpulist_format(const cpu_set_t *set, char **ret);

#endif
