/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a thread is, and how it is brought elsewhere: see whereabouts.h. Decides nothing. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "whereabouts.h"

/* A millisecond each, and some are woken at once. */
#define LOOKS	   100
#define WAKE_EVERY 10

int thread_cgroup(const struct sysroot *root, pid_t tid, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *line;
	int r;

	r = sysroot_readf(root, &text, "/proc/%d/cgroup", tid);
	if (r == -ENOENT || r == -ESRCH)	/* as where its start time is read: it takes two looks */
		r = sysroot_readf(root, &text, "/proc/%d/cgroup", tid);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return -ENODATA;
	line = strstr(line, "::") + 2;
	*ret = strndup(line, strcspn(line, "\n"));
	return *ret ? 0 : -ENOMEM;
}

int thread_bring(const struct sysroot *root, pid_t tid, const cpu_set_t *cpus)
{
	const struct timespec moment = { .tv_nsec = 1 * NSEC_PER_MSEC };
	uint32_t cpu;
	int r;

	for (unsigned int i = 0; i < LOOKS; i++) {
		r = sysroot_thread_cpu(root, tid, &cpu);
		if (r < 0 || CPU_ISSET(cpu, cpus))
			return r == -ESRCH ? r : 0;	/* a host that does not tell: the scheduler will */
		if (i % WAKE_EVERY == 0 && root->ops->wake)
			(void)root->ops->wake(root, tid);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
	}
	return -EBUSY;
}
