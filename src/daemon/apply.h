/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries a plan out against the kernel, or leaves everything as it was. Step kinds live in apply-*.c.
 */
#ifndef DAEMON_APPLY_H
#define DAEMON_APPLY_H

#include "error.h"
#include "ledger.h"
#include "sysroot.h"

/*
 * apply_plan() - every step in order, each read back; on failure the done ones are reverted, last one first
 *
 * A thread that has ended is an error when the step gives it something (-ESRCH, VR_THREAD_GONE) and fine when the step
 * takes something away. -EBUSY (VR_KERNEL_BUSY) may be passing: others' bandwidth comes back at their 0-lag time; the
 * same plan may be tried again. What we take away is free at once, earlier than its 0-lag time: admission has to wait
 * for that by itself where it matters. A thread that is neither as the step supposes nor as it wants it has drifted:
 * -ESTALE (VR_READ_BACK) when the step gives; nothing is done and nothing said when it takes away and the thread has no
 * reservation any more.
 *
 * Each step's `rests` tells afterwards whether its thread left SCHED_DEADLINE and may be throttled still: who makes it
 * SCHED_DEADLINE again before promise_rest_ns() have passed (with `debt_ns`, what was seen of it) may freeze it for ever; so -EBUSY is also
 * the answer to a step that gives to a thread that would come back throttled. That is told of a plan that failed, too: what
 * was given and taken back has left as well. `stays` tells, of a plan that failed, which CPUs are their threads' still: the caller
 * takes them back later, by a step that removes.
 */
int apply_plan(struct sysroot *root, struct plan *plan, struct vr_error **reterr);

/*
 * apply_undo() - after a crash: whatever of @plan is in the kernel goes back to old; steps that somebody else has
 * overwritten since (neither old nor new) are left alone and counted in *ret_foreign. Tells who rests
 * and what stays, as apply_plan() does.
 */
int apply_undo(struct sysroot *root, struct plan *plan, size_t *ret_foreign, struct vr_error **reterr);

#endif
