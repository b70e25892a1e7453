/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUEST_TASKSET_H
#define GUEST_TASKSET_H

#include <stddef.h>
#include <stdint.h>

#define TASKSET_MAX	 32	/* a thread each; more would measure the runner */
#define TASK_NAME_MAX	 15	/* what a thread name can hold */
#define TASK_JOBS_MAX	 1000000ULL	/* every response time is kept: 8 MB a task */
#define TASK_PERIOD_MIN	 100000ULL	/* 100 us: below it the runner's own cost counts */
#define TASK_PERIOD_MAX	 60000000000ULL
#define TASK_DURATION_MAX 3600000000000ULL

struct task_spec {
	char name[TASK_NAME_MAX + 1];
	uint64_t period_ns;
	uint64_t work_ns;	/* on the machine where it was calibrated */
	uint64_t deadline_ns;
	int priority;		/* SCHED_FIFO, 1..98 */
	uint64_t duration_ns;	/* 0: what the command says */
};

struct taskset {
	size_t n;
	struct task_spec task[TASKSET_MAX];
};

/* What taskset_parse() may need for its one line of words. */
#define TASKSET_ERROR_MAX 160

/*
 * taskset_parse() - a task set from text
 * @text:   lines "NAME PERIOD WORK DEADLINE PRIORITY [DURATION]"; ';' ends a task as a line end does;
 *          '#' starts a comment; times are digits[.digits] and ns, us, ms or s
 * @len:    bytes of @text; it need not end with NUL, and a NUL in it is refused
 * @reterr: one line that names the broken rule and the line; written on failure only
 *
 * Rules: work <= deadline <= period, 100 us <= period <= 60 s, priority 1..98, names unique.
 * Return: 0; -EINVAL not of that form or against a rule; -E2BIG more than TASKSET_MAX tasks.
 */
int taskset_parse(const char *text, size_t len, struct taskset *ret, char reterr[static TASKSET_ERROR_MAX]);

/* One time with its unit, as in a task set. Return: 0; -EINVAL; -ERANGE above TASK_DURATION_MAX. */
int time_parse(const char *text, size_t len, uint64_t *ret_ns);

#endif
