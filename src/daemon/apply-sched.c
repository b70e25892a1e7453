/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: give a thread a scheduling policy, or give it its former one back. In this order:
 *
 *   is it still that thread?    start time as decided for; a reused number is another's thread
 *   is it still as we left it?  else somebody else has written, and we do not fight over it here
 *   write, read back            success without effect is a failure
 *   refused?                    say which rule was broken (apply-diagnose.c)
 *
 * Bandwidth that a thread gives back is booked by the kernel until its 0-lag time, at most one period later. Taking
 * may therefore fail with EBUSY for a moment: the caller of apply_plan() may try again. Only restoring waits here,
 * since there is nobody else who could: what was given back must come back for all-or-nothing to hold.
 *
 * Called by apply.c through its table of step kinds. Decides nothing about what is promised.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "apply-sched.h"

#define PERIOD_MAX_NS ((1ULL << 22) * NSEC_PER_USEC)	/* the kernel's default upper limit */
#define WAIT_MIN_NS   (NSEC_PER_MSEC / 4)

static int thread_gone(const struct step *step, struct vr_error **reterr)
{
	return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s (thread %d) has ended", step->label, step->tid);
}

static int cannot_read(const struct step *step, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, r, VR_FAILED, "cannot read the scheduling of %s (thread %d): %s", step->label,
			    step->tid, strerror(-r));
}

/* -ESRCH without words: gone, or another thread bears its number. */
static int thread_state(struct sysroot *root, const struct step *step, struct sched_state *ret,
			struct vr_error **reterr)
{
	uint64_t start_ticks;
	int r;

	r = sysroot_start_ticks(root, step->tid, &start_ticks);
	if (r >= 0 && start_ticks != step->start_ticks)
		return -ESRCH;
	if (r >= 0)
		r = root->ops->sched_get(root, step->tid, ret);
	return r < 0 && r != -ESRCH ? cannot_read(step, r, reterr) : r;
}

static int drifted(const struct step *step, const struct sched_state *found, struct vr_error **reterr)
{
	char now[SCHED_STATE_STRLEN], left[SCHED_STATE_STRLEN];

	return vr_error_set(reterr, -ESTALE, VR_READ_BACK,
			    "%s (thread %d) is \"%s\" and not \"%s\" any more: somebody else has changed it",
			    step->label, step->tid, sched_state_format(now, found),
			    sched_state_format(left, &step->old));
}

static int read_back_differs(const struct step *step, const struct sched_state *wanted,
			     const struct sched_state *found, struct vr_error **reterr)
{
	char now[SCHED_STATE_STRLEN], want[SCHED_STATE_STRLEN];

	return vr_error_set(reterr, -EIO, VR_READ_BACK, "%s (thread %d) was set to \"%s\", but the kernel has \"%s\"",
			    step->label, step->tid, sched_state_format(want, wanted), sched_state_format(now, found));
}

static int state_write(struct sysroot *root, const struct step *step, const struct sched_state *state,
		       struct vr_error **reterr)
{
	int r = root->ops->sched_set(root, step->tid, state);

	return r < 0 && r != -ESRCH ? apply_sched_diagnose(root, step, state, r, reterr) : r;
}

static int state_read_back(struct sysroot *root, const struct step *step, const struct sched_state *state,
			   struct vr_error **reterr)
{
	struct sched_state now;
	int r;

	r = thread_state(root, step, &now, reterr);
	if (r < 0)
		return r;
	return sched_state_equal(&now, state) ? 0 : read_back_differs(step, state, &now, reterr);
}

/* -ESRCH without words when the thread has ended. */
static int step_carry_out(struct sysroot *root, const struct step *step, struct step_done *done,
			  struct vr_error **reterr)
{
	int r;

	r = thread_state(root, step, &done->found, reterr);
	if (r < 0)
		return r;
	if (sched_state_equal(&done->found, &step->new))
		return 0;
	if (!sched_state_equal(&done->found, &step->old)) {
		if (step->new.policy == SCHED_DEADLINE)
			return drifted(step, &done->found, reterr);
		if (done->found.policy != SCHED_DEADLINE)
			return 0;	/* nothing of ours is left to take away */
	}
	r = state_write(root, step, &step->new, reterr);
	if (r < 0)
		return r;
	done->written = true;
	return state_read_back(root, step, &step->new, reterr);
}

int apply_sched(struct sysroot *root, const struct step *step, struct step_done *ret, struct vr_error **reterr)
{
	int r;

	*ret = (struct step_done){ 0 };
	r = step_carry_out(root, step, ret, reterr);
	if (r != -ESRCH)
		return r;
	return step->new.policy == SCHED_DEADLINE ? thread_gone(step, reterr) : 0;
}

static void wait_ns(nsec_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

int apply_sched_restore(struct sysroot *root, const struct step *step, const struct sched_state *state,
			struct vr_error **reterr)
{
	nsec_t period = state->period_ns < PERIOD_MAX_NS ? state->period_ns : PERIOD_MAX_NS;
	nsec_t wait = period / 8 > WAIT_MIN_NS ? period / 8 : WAIT_MIN_NS;
	struct sched_state now;
	nsec_t waited = 0;
	int r;

	r = thread_state(root, step, &now, reterr);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (sched_state_equal(&now, state))
		return 0;
	/* A whole period and a quarter: the booking ends within one, and the timer that ends it may be late. */
	while ((r = root->ops->sched_set(root, step->tid, state)) == -EBUSY && waited < period + period / 4) {
		wait_ns(wait);
		waited += wait;
	}
	if (r < 0 && r != -ESRCH)
		return apply_sched_diagnose(root, step, state, r, reterr);
	if (r >= 0)
		r = state_read_back(root, step, state, reterr);
	return r == -ESRCH ? 0 : r;
}

int apply_sched_look(struct sysroot *root, const struct step *step, enum step_look *ret, struct vr_error **reterr)
{
	struct sched_state now;
	int r;

	r = thread_state(root, step, &now, reterr);
	if (r == -ESRCH) {
		*ret = STEP_GONE;
		return 0;
	}
	if (r < 0)
		return r;
	if (sched_state_equal(&now, &step->old))
		*ret = STEP_OLD;
	else
		*ret = sched_state_equal(&now, &step->new) ? STEP_NEW : STEP_FOREIGN;
	return 0;
}
