/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: give a thread a scheduling policy, or give it its former one back. In this order:
 *
 *   is it still that thread?    start time as decided for; a reused number is another's thread
 *   is it still as we left it?  else somebody else has written, and we do not fight over it here
 *   write, read back            success without effect is a failure
 *   refused?                    say which rule was broken (apply-diagnose.c)
 *
 * Leaving SCHED_DEADLINE takes two writes. The kernel returns the bandwidth of a thread that leaves at its 0-lag time,
 * which a thread in debt reaches only after several periods; and the bandwidth of one that sleeps just then it loses,
 * for good (seen on 6.1, 6.12 and 6.18: switched_from_dl() starts the timer for queued threads only). A change of
 * parameters it books at once. So the thread is first shrunk to the least reservation there is, whose bandwidth rounds
 * to 0 ("parked"), and then it leaves. Who dies between the two leaves a parked thread, all but frozen:
 * apply_sched_look() knows it as ours.
 *
 * Called by apply.c through its table of step kinds. Decides nothing about what is promised.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "apply-sched.h"

#define PERIOD_MAX_NS ((1ULL << 22) * NSEC_PER_USEC)	/* the kernel's default upper limit */
#define WAIT_MIN_NS   (NSEC_PER_MSEC / 4)

/* 1024 ns is the kernel's least budget; in anything above 2^30 ns it is a bandwidth of 0 (floor of 2^20ths). */
#define PARK_BUDGET_NS 1024
#define PARK_PERIOD_NS (2 * NSEC_PER_SEC)

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

static bool is_deadline(const struct sched_state *state)
{
	return state->policy == SCHED_DEADLINE;
}

static bool is_parked(const struct sched_state *state)
{
	return is_deadline(state) && state->runtime_ns == PARK_BUDGET_NS;
}

static bool thread_sleeps(const struct sysroot *root, pid_t tid)
{
	_cleanup_(freep) char *stat = NULL;
	const char *state;

	if (sysroot_readf(root, &stat, "/proc/%d/stat", tid) < 0)
		return false;
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && state[2] != 'R';
}

/* No harm done when it fails: then the bandwidth comes back later, or is lost. */
static void thread_park(struct sysroot *root, const struct step *step, const struct sched_state *now)
{
	struct sched_state parked = *now;

	/*
	 * Only a sleeper keeps its bandwidth, and only a sleeper may be parked: one that is throttled when it is parked and leaves
	 * never runs again once it comes back (seen on 6.12).
	 */
	if (!thread_sleeps(root, step->tid))
		return;
	parked.runtime_ns = PARK_BUDGET_NS;
	parked.deadline_ns = parked.period_ns = PARK_PERIOD_NS;
	if (root->ops->sched_set(root, step->tid, &parked) != -EINVAL)
		return;
	parked.deadline_ns = now->deadline_ns;	/* this host has a lower limit on periods: at least most of it */
	parked.period_ns = now->period_ns;
	(void)root->ops->sched_set(root, step->tid, &parked);
}

/*
 * Of a thread that is @now. When it may not become @state, it gets its reservation back, or failing that none at all:
 * anything but parked, which would stop a guest.
 */
static int state_leave(struct sysroot *root, const struct step *step, const struct sched_state *now,
		       const struct sched_state *state)
{
	const struct sched_state plain = { .policy = SCHED_OTHER, .flags = state->flags & SCHED_FLAG_RESET_ON_FORK };
	int r;

	thread_park(root, step, now);
	r = root->ops->sched_set(root, step->tid, state);
	if (r < 0 && (is_parked(now) || root->ops->sched_set(root, step->tid, now) < 0))
		(void)root->ops->sched_set(root, step->tid, &plain);
	return r;
}

/* @now is what the thread is. Without words for -EBUSY and -ESRCH. */
static int state_set(struct sysroot *root, const struct step *step, const struct sched_state *now,
		     const struct sched_state *state)
{
	if (is_deadline(now) && !is_deadline(state))
		return state_leave(root, step, now, state);
	return root->ops->sched_set(root, step->tid, state);
}

static int state_read_back(struct sysroot *root, const struct step *step, const struct sched_state *state,
			   struct vr_error **reterr)
{
	struct sched_state now = { 0 };
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
		if (is_deadline(&step->new))
			return drifted(step, &done->found, reterr);
		if (!is_deadline(&done->found))
			return 0;	/* nothing of ours is left to take away */
	}
	done->written = is_deadline(&done->found);	/* of several writes the first ones may have taken */
	r = state_set(root, step, &done->found, &step->new);
	if (r < 0)
		return r == -ESRCH ? r : apply_sched_diagnose(root, step, &step->new, r, reterr);
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
	return is_deadline(&step->new) ? thread_gone(step, reterr) : 0;
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
	struct sched_state now = { 0 };
	nsec_t waited = 0;
	int r;

	r = thread_state(root, step, &now, reterr);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (sched_state_equal(&now, state))
		return 0;
	/* A whole period and a quarter: a booking ends within one mostly, and the timer that ends it may be late. */
	while ((r = state_set(root, step, &now, state)) == -EBUSY && waited < period + period / 4) {
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
	struct sched_state now = { 0 };
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
	else if (sched_state_equal(&now, &step->new))
		*ret = STEP_NEW;
	else	/* parked on its way out: of a step that takes away, or of the revert of one that gives */
		*ret = is_parked(&now) && is_deadline(&step->old) != is_deadline(&step->new) ? STEP_NEW : STEP_FOREIGN;
	return 0;
}
