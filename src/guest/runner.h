/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUEST_RUNNER_H
#define GUEST_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "taskset.h"

struct run_options {
	uint64_t iterations_per_ms;	/* what "1ms of work" means */
	uint64_t duration_ns;		/* of tasks that do not say */
	bool realtime;			/* SCHED_FIFO; false: whatever policy the caller has */
};

/* What one task did. */
struct job_log {
	size_t jobs;		/* releases, whether they ran or not */
	size_t missed;		/* completed after the deadline, or skipped */
	size_t skipped;		/* not run: the job before was still busy at the release */
	size_t n;		/* completed = times in response_ns */
	uint64_t *response_ns;	/* completion - release, in order of release */
	uint64_t iterations;	/* of each job */
};

/*
 * runner_run() - runs the whole set once, from a common first release to the last completion
 * @ret: one log per task, in the set's order, to be given to runner_free(); written on success only
 *
 * Return: 0; -ENOMEM; -EPERM when the policy needs more rights; what pthread_create() said, negated.
 */
int runner_run(const struct taskset *set, const struct run_options *opts, struct job_log **ret);

void runner_free(struct job_log *logs, size_t n);

/* Keeps @threads CPUs busy for @duration_ns at the caller's policy. Return: 0; -ENOMEM; as pthread_create(). */
int runner_burn(uint64_t duration_ns, unsigned int threads);

#endif
