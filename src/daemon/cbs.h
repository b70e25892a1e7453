/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the kernel's constant bandwidth server (SCHED_DEADLINE), one by one, for the meter to replay.
 */
#ifndef DAEMON_CBS_H
#define DAEMON_CBS_H

#include <stdbool.h>
#include <stdint.h>

#include <virtrk/units.h>

#define CBS_PERIOD_MAX_NS (1ULL << 42)

struct cbs_params {
	nsec_t budget_ns;	/* Q, 0 < Q <= D */
	nsec_t deadline_ns;	/* D, <= P */
	nsec_t period_ns;	/* P, <= CBS_PERIOD_MAX_NS */
	nsec_t grain_ns;	/* <= 1 s; how late the end of a budget may be noticed: a tick, or less with HRTICK_DL */
};

struct cbs {
	int64_t q_ns;		/* budget that is left; negative: overrun */
	nsec_t d_ns;		/* absolute deadline */
};

/* When a throttled one is replenished: d - D + P. */
nsec_t cbs_next_period(const struct cbs_params *p, const struct cbs *s);

/* Q and now + D. */
void cbs_restart(const struct cbs_params *p, struct cbs *s, nsec_t now_ns);

/* Used up (q <= 0). What was overrun is paid back, if need be by several periods; too late for the new deadline it restarts. */
void cbs_replenish(const struct cbs_params *p, struct cbs *s, nsec_t now_ns);

/* True when a wakeup at @now_ns starts a new server; a constrained one (D < P) may lose budget instead ... */
bool cbs_wakes_anew(const struct cbs_params *p, const struct cbs *s, nsec_t now_ns);

/* ... namely down to its share of what is left until the deadline (revised wakeup rule). */
void cbs_revise(const struct cbs_params *p, struct cbs *s, nsec_t now_ns);

/* Used up, and the time for the next budget has come. */
bool cbs_is_due(const struct cbs_params *p, const struct cbs *s, nsec_t now_ns);

/*
 * cbs_notice() - a due one that runs is replenished on the spot, when the kernel notices, which may be a tick later
 * @leaving: it leaves the CPU: noticed now at the latest
 *
 * As a rule that makes no difference. With a budget below the tick more periods may have to pay by then; and when all is so
 * late that the server starts anew, it starts at that moment.
 *
 * Return: true when it has been replenished; then *ret_bound is what is certain: q at most, d at least so much in the kernel.
 */
bool cbs_notice(const struct cbs_params *p, struct cbs *s, nsec_t now_ns, bool leaving, struct cbs *ret_bound);

/* The next moment in (last, to] at which something happens to one that runs. */
nsec_t cbs_next_change(const struct cbs_params *p, const struct cbs *s, nsec_t last_ns, nsec_t to_ns);

/*
 * cbs_end_throttling() - it was throttled at the end of a run, and replenished at @at_ns
 *
 * By that d is known; and q was not above 0, but above 0 a tick before: so above -grain. That it is not -grain itself makes
 * a period's difference where Q is the tick.
 */
void cbs_end_throttling(const struct cbs_params *p, struct cbs *s, nsec_t at_ns);

#endif
