/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step: give a thread a scheduling policy, or give it its former one back. In this order:
 *
 *   is it still that thread?    start time as decided for; a reused number is another's thread
 *   is it still as we left it?  else somebody else has written, and we do not fight over it here
 *   hold it still               when it begins a reservation and has a control group of its own (freezer.c)
 *   write, read back            success without effect is a failure
 *   refused?                    say which rule was broken (apply-diagnose.c)
 *
 * Leaving SCHED_DEADLINE has two traps in the kernel (seen on 6.1, 6.12 and 6.18).
 *
 * Lost bandwidth. It is returned by the timer of the 0-lag time, and that timer is started when a thread blocks, or when one leaves
 * that is on a queue. One that sleeps beyond its 0-lag time and leaves just then has no timer: its bandwidth stays booked
 * for good. A change of parameters is booked at once. So a sleeper is first shrunk to the least reservation there is, whose bandwidth
 * rounds to 0 ("parked"), and then it leaves. Who dies between the two leaves a parked thread, all but frozen:
 * apply_sched_look() knows it as ours.
 *
 * Lost threads. One that leaves while it is throttled stays marked so until that same timer; the one that would end the
 * throttling finds a thread of another policy and does nothing. Becoming SCHED_DEADLINE again stops the timer of the 0-lag time:
 * who does that too early makes a thread that is throttled for ever and cannot even die. Two rules: one that is ready is
 * never parked (least budget, longest debt: its 0-lag time would lie hours ahead), and who has left rests
 * (promise_rest_ns()). What is not throttled need not rest; that is known only of one that sleeps without debt, and slept
 * all the while. The kernel tells the budget in /proc/TID/sched; throttled means that it is used up. A change from one
 * reservation to another is safe at any time: the timer of the throttling goes on.
 *
 * A rest counts with timers that are late by a tick or two. Where a CPU stands still for longer (of a host that is a guest itself;
 * firmware that takes its time), or somebody else took the thread out of SCHED_DEADLINE, the debt may be larger than that. So one that becomes
 * SCHED_DEADLINE is looked at: a new reservation begins with a whole budget, and who is ready and in debt at once is lost. It leaves
 * again, with the debt known now and paid at the rate of the new reservation, and -EBUSY lets the caller try again after that.
 *
 * Called by apply.c through its table of step kinds. Decides nothing about what is promised.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply-sched.h"
#include "freezer.h"

#define PERIOD_MAX_NS ((1ULL << 22) * NSEC_PER_USEC)	/* the kernel's default upper limit */
#define WAIT_MIN_NS   (NSEC_PER_MSEC / 4)
#define WAKE_MAX_NS   (25 * NSEC_PER_MSEC)
#define WAKE_IN_DEBT_MAX_NS (1 * NSEC_PER_SEC)
#define TICK_MAX_NS   (10 * NSEC_PER_MSEC)	/* of the slowest kernels, HZ=100 */
#define STILL_WAIT_NS (20 * NSEC_PER_MSEC)
#define RESCUE_MAX_NS (5 * NSEC_PER_SEC)

/* 1024 ns is the kernel's least budget; in anything above 2^30 ns it is a bandwidth of 0 (floor of 2^20ths). */
#define PARK_BUDGET_NS 1024
#define PARK_PERIOD_NS (2 * NSEC_PER_SEC)

static void wait_ns(nsec_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

static void rests_not(struct step_done *done)
{
	done->rests = false;
	done->debt_ns = 0;
}

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
	if (r >= 0) {
		r = root->ops->sched_get(root, step->tid, ret);
		if (r == -ESRCH)	/* a reservation is forgotten by that: it takes two looks */
			r = root->ops->sched_get(root, step->tid, ret);
	}
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

/* 1: yes, 0: no, -ESRCH: it has ended. */
static int thread_sleeps(const struct sysroot *root, pid_t tid)
{
	_cleanup_(freep) char *stat = NULL;
	const char *state;
	int r;

	r = sysroot_readf(root, &stat, "/proc/%d/stat", tid);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && state[2] != 'R';
}

/*
 * "R" is also said of one that is being woken, and not on a queue yet: who takes that out of SCHED_DEADLINE loses its bandwidth, as that of a
 * sleeper. But only one that is on a queue is "running" here. Where the file may not be read, "R" has to do.
 */
static bool thread_wakes(const struct sysroot *root, pid_t tid)
{
	_cleanup_(freep) char *text = NULL;

	return thread_sleeps(root, tid) == 0 && sysroot_readf(root, &text, "/proc/%d/syscall", tid) >= 0 && strncmp(text, "running", 7) != 0;
}

/* Waking takes microseconds, where CPUs do not stand still. Is it on a queue? */
static bool thread_await_queue(const struct sysroot *root, pid_t tid, nsec_t max)
{
	bool wakes = thread_wakes(root, tid);

	for (nsec_t waited = 0; wakes && waited < max; waited += WAIT_MIN_NS) {
		wait_ns(WAIT_MIN_NS);
		wakes = thread_wakes(root, tid);
	}
	return !wakes && thread_sleeps(root, tid) == 0;
}

/* The budget that is left, as the kernel has it: of a thread that does not run just now exact. */
static int thread_budget(const struct sysroot *root, pid_t tid, int64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *value;
	int r;

	r = sysroot_readf(root, &text, "/proc/%d/sched", tid);
	if (r < 0)
		return r;
	value = strstr(text, "dl.runtime");
	value = value ? strchr(value, ':') : NULL;
	if (!value)
		return -ENODATA;
	*ret = strtoll(value + 1, NULL, 10);
	return 0;
}

/* 0 is no debt, but the budget of one that has never run as SCHED_DEADLINE. False: it cannot be read. */
static bool thread_debt(const struct sysroot *root, pid_t tid, nsec_t *ret)
{
	int64_t budget;

	*ret = 0;
	if (thread_budget(root, tid, &budget) < 0)
		return false;
	*ret = budget < 0 ? -(nsec_t)budget : 0;
	return true;
}

static int thread_used(const struct sysroot *root, pid_t tid, nsec_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_readf(root, &text, "/proc/%d/schedstat", tid);
	if (r >= 0)
		*ret = strtoull(text, NULL, 10);
	return r;
}

/* -EINVAL is no fault: a host may have limits in which nobody can be parked; then bandwidth comes back later, or is lost. */
static int thread_park(struct sysroot *root, const struct step *step, const struct sched_state *now)
{
	struct sched_state parked = *now;
	int r;

	parked.runtime_ns = PARK_BUDGET_NS;
	parked.deadline_ns = parked.period_ns = PARK_PERIOD_NS;
	r = root->ops->sched_set(root, step->tid, &parked);
	if (r == -EINVAL) {
		parked.deadline_ns = now->deadline_ns;	/* this host has a lower limit on periods: at least most of it */
		parked.period_ns = now->period_ns;
		r = root->ops->sched_set(root, step->tid, &parked);
	}
	return r == -EINVAL ? 0 : r;
}

/*
 * Of a thread that is @now. When it may not become @state, it gets its reservation back, or failing that none at all:
 * anything but parked, which would stop a guest.
 */
static int state_leave(struct sysroot *root, const struct step *step, const struct sched_state *now,
		       const struct sched_state *state, struct step_done *done)
{
	const struct sched_state plain = { .policy = SCHED_OTHER, .flags = state->flags & SCHED_FLAG_RESET_ON_FORK };
	nsec_t used_before, used_after, debt = 0;
	bool known;
	int sleeps, r;

	(void)thread_await_queue(root, step->tid, WAKE_MAX_NS);
	known = thread_used(root, step->tid, &used_before) >= 0;
	sleeps = thread_sleeps(root, step->tid);
	if (sleeps < 0)		/* it may, and then its bandwidth would be lost */
		return sleeps;
	known = known && sleeps && thread_debt(root, step->tid, &debt) && debt == 0;
	/*
	 * Every sleeper, also one that may be throttled, having gone to sleep late: its debt cannot be told from that of a former
	 * life, and bandwidth that is lost is lost for good, while a thread that is lost is seen and freed by the watch.
	 */
	r = sleeps ? thread_park(root, step, now) : 0;
	if (r < 0)
		return r;
	r = root->ops->sched_set(root, step->tid, state);
	if (r < 0 && (is_parked(now) || root->ops->sched_set(root, step->tid, now) < 0))
		(void)root->ops->sched_set(root, step->tid, &plain);
	known = known && thread_used(root, step->tid, &used_after) >= 0 && thread_sleeps(root, step->tid) > 0;
	done->rests = !known || used_after != used_before;
	done->debt_ns = debt;	/* of a sleeper: one that is ready shows when it comes back whether it was enough */
	return r;
}

static int cannot_thaw(const struct step *step, int r, struct vr_error **reterr)
{
	return vr_error_set(reterr, -EIO, VR_FAILED, "%s (thread %d) is frozen and cannot be thawed: %s/cgroup.freeze: %s (write 0 to it)",
			    step->label, step->tid, step->freezer, strerror(-r));
}

int apply_sched_thaw(struct sysroot *root, const struct step *step, struct vr_error **reterr)
{
	int r = step->freezer ? freezer_thaw(root, step->freezer) : 0;

	return r < 0 ? cannot_thaw(step, r, reterr) : 0;
}

/* What is known of a thread about the moment at which its reservation began. */
struct beginning {
	nsec_t used_ns;		/* before that */
	nsec_t took_ns;		/* from there until it had begun */
};

/* For as long as it may be throttled by its own doing. */
static bool thread_stands_still(const struct sysroot *root, const struct step *step, const struct sched_state *state, nsec_t debt,
				nsec_t used)
{
	const struct vrk_reservation reservation = { state->runtime_ns, state->deadline_ns, state->period_ns };
	nsec_t rest = promise_rest_ns(&reservation, TICK_MAX_NS, debt);
	nsec_t waited, debt_now, used_now;

	for (waited = 0; waited < rest; waited += STILL_WAIT_NS) {
		if (waited >= RESCUE_MAX_NS)
			return false;		/* the watch will see */
		wait_ns(STILL_WAIT_NS);
		if (!thread_debt(root, step->tid, &debt_now) || debt_now != debt || thread_used(root, step->tid, &used_now) < 0 ||
		    used_now != used || thread_sleeps(root, step->tid) != 0)
			return false;
	}
	return true;
}

/*
 * Just now it was given a reservation, with a whole budget. In debt without having used that much since, and ready: it is throttled from
 * a former life. One that sleeps does not show it. When we were held up for so long that it may have used as much before that, it
 * shows by standing still. Nearly all have no debt.
 */
static bool thread_is_lost(const struct sysroot *root, const struct step *step, const struct sched_state *state,
			   const struct beginning *beginning, nsec_t *ret_debt)
{
	nsec_t used, whole;

	if (!thread_debt(root, step->tid, ret_debt) || *ret_debt == 0)
		return false;
	if (!thread_await_queue(root, step->tid, WAKE_IN_DEBT_MAX_NS) || !thread_debt(root, step->tid, ret_debt) || *ret_debt == 0 ||
	    thread_used(root, step->tid, &used) < 0)
		return false;
	whole = state->runtime_ns + *ret_debt;
	if (used - beginning->used_ns < whole)
		return true;
	return beginning->took_ns >= whole && thread_stands_still(root, step, state, *ret_debt, used);
}

static nsec_t clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

/* The same with what it has used before; -EBUSY: it is lost, and was given @now back. */
static int state_begin_looked_at(struct sysroot *root, const struct step *step, const struct sched_state *now,
				 const struct sched_state *state, bool held, struct step_done *done, struct vr_error **reterr)
{
	nsec_t start = clock_ns(), debt;
	struct beginning beginning;
	bool known;
	int r, k;

	known = thread_used(root, step->tid, &beginning.used_ns) >= 0;
	r = root->ops->sched_set(root, step->tid, state);
	beginning.took_ns = clock_ns() - start;
	if (held) {
		k = freezer_let_go(root, step->freezer, step->tid);
		done->held = k < 0;
		if (k < 0)
			return cannot_thaw(step, k, reterr);
	}
	if (r < 0 || !known || !thread_is_lost(root, step, state, &beginning, &debt))
		return r;
	done->rests = true;
	done->debt_ns = debt;
	done->written = root->ops->sched_set(root, step->tid, now) < 0;
	return -EBUSY;
}

/*
 * A reservation begins: not while the thread runs, where that can be helped. -EIO with words: the freezer has failed, and
 * done->held tells whether it holds the thread still. -EBUSY without words, and done->rests: it rests.
 */
static int state_begin(struct sysroot *root, const struct step *step, const struct sched_state *now, const struct sched_state *state,
		       struct step_done *done, struct vr_error **reterr)
{
	int held = step->freezer ? freezer_hold(root, step->freezer, step->tid) : 0;

	if (held < 0 && held != -EROFS)		/* a file system that is read-only has none for us */
		return vr_error_set(reterr, -EIO, VR_FAILED, "%s (thread %d) cannot be held still to begin its reservation: %s/cgroup.freeze: %s",
				    step->label, step->tid, step->freezer, strerror(-held));
	return state_begin_looked_at(root, step, now, state, held > 0, done, reterr);
}

/* @now is what the thread is. Without words for what sched_set() may answer; those that have some are in *reterr. */
static int state_set(struct sysroot *root, const struct step *step, const struct sched_state *now,
		     const struct sched_state *state, struct step_done *done, struct vr_error **reterr)
{
	rests_not(done);
	if (is_deadline(now) && !is_deadline(state))
		return state_leave(root, step, now, state, done);
	if (!is_deadline(now) && is_deadline(state))
		return state_begin(root, step, now, state, done, reterr);
	return root->ops->sched_set(root, step->tid, state);
}

/* The words for state_set() having answered @r. */
static int cannot_set(const struct sysroot *root, const struct step *step, const struct sched_state *state, int r,
		      const struct step_done *done, struct vr_error **reterr)
{
	char debt[VRK_NSEC_STRLEN];

	if (r != -EBUSY || !done->rests)
		return apply_sched_diagnose(root, step, state, r, reterr);
	return vr_error_set(reterr, r, VR_KERNEL_BUSY,
			    "%s (thread %d) has overdrawn a former reservation by %s, for which the kernel holds it still: try again in a moment",
			    step->label, step->tid, vrk_nsec_format(debt, done->debt_ns));
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
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
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
	r = state_set(root, step, &done->found, &step->new, done, &err);
	done->written = done->written || done->held;
	if (err) {
		if (reterr)
			*reterr = TAKE_PTR(err);
		return r;
	}
	if (r == -ESRCH && !is_deadline(&step->new) && thread_state(root, step, &(struct sched_state) { 0 }, NULL) >= 0)
		return vr_error_set(reterr, -EIO, VR_FAILED,
				    "%s (thread %d) keeps its reservation: the kernel says that it has ended, but it has not", step->label,
				    step->tid);
	if (r < 0)
		return r == -ESRCH ? r : cannot_set(root, step, &step->new, r, done, reterr);
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

/*
 * Tried again while somebody's bandwidth is booked still: a whole period and a quarter, since a booking ends within one mostly,
 * and the timer that ends it may be late. And while the thread rests, which is waited for in here, since the alternative is
 * a guest without its reservation; but only where a daemon died, or a plan failed, in the middle of a release.
 */
static int state_set_patiently(struct sysroot *root, const struct step *step, const struct sched_state *now,
			       const struct sched_state *state, struct step_done *done, struct vr_error **reterr)
{
	nsec_t period = state->period_ns < PERIOD_MAX_NS ? state->period_ns : PERIOD_MAX_NS;
	nsec_t wait = period / 8 > WAIT_MIN_NS ? period / 8 : WAIT_MIN_NS;
	nsec_t waited;
	int r;

	for (waited = 0;; waited += wait) {
		r = state_set(root, step, now, state, done, reterr);
		if (r != -EBUSY || waited >= (done->rests ? RESCUE_MAX_NS : period + period / 4))
			return r;
		wait_ns(wait);
	}
}

int apply_sched_restore(struct sysroot *root, struct step *step, const struct sched_state *state, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct sched_state now = { 0 };
	struct step_done done = { 0 };
	int r;

	step->rests = false;
	step->debt_ns = 0;
	if (step->held && apply_sched_thaw(root, step, reterr) < 0)
		return -EIO;
	r = thread_state(root, step, &now, reterr);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (sched_state_equal(&now, state))
		return 0;
	r = state_set_patiently(root, step, &now, state, &done, &err);
	step->rests = done.rests;
	step->debt_ns = done.debt_ns;
	if (err) {
		if (reterr)
			*reterr = TAKE_PTR(err);
		return r;
	}
	if (r < 0 && r != -ESRCH)
		return cannot_set(root, step, state, r, &done, reterr);
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
