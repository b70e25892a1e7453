/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler's trace, in an instance of our own that is gone afterwards; and what /proc says of a thread.
 */
#ifndef CLI_VERIFY_TRACER_H
#define CLI_VERIFY_TRACER_H

#include "error.h"
#include "verify.h"

/* Times of the records are CLOCK_MONOTONIC, cut to this. */
#define TRACER_GRAIN_NS NSEC_PER_USEC

struct tracer;

/*
 * tracer_start() - records switches from now on, on the CPUs where these threads may run, and their wakeups
 *
 * Mounts tracefs for this process alone where it is not mounted; removes instances that were left by one that was killed.
 * Needs root. Return: 0; negative errno with words.
 */
int tracer_start(struct tracer **ret, const pid_t *tids, size_t n, struct vr_error **reterr);
/* Removes the instance. */
struct tracer *tracer_free(struct tracer *tracer);
DEFINE_CLEANUP(struct tracer *, tracer_free)

/* Gives what has been recorded to @v; does not wait. -EBADMSG: not what the kernel writes. */
int tracer_read(struct tracer *tracer, struct verify *v);
/* Records no more. What has been recorded can still be read. */
int tracer_stop(struct tracer *tracer);

void thread_sample(pid_t tid, struct verify_sample *ret);

nsec_t clock_monotonic(void);

#endif
