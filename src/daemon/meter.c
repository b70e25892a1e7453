/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replays a thread's constant bandwidth server from its switch records. What the numbers mean is told in meter.h.
 *
 * The state is (q, d), the kernel's own two numbers. Where the records leave it open, it is kept twice: `server` is the
 * likely one (the thread woke when it was switched in, the kernel noticed as late as it may), `other` is either the second
 * version that fits the records (it woke long before, so the kernel kept the old server) or a bound (q at most, d at
 * least so much in the kernel). A miss needs budget left in both after both deadlines, so doubt is on the kernel's side.
 *
 * A thread that leaves the CPU while runnable was either throttled or preempted, and the record does not say which. The
 * budget does (used up or not), and the moment of its return confirms it: nobody is replenished before d - D + P. Hence the
 * decision is made at the switch-in, never before.
 *
 * Called by the monitor for perf records and by the timeline tool for a trace. Makes no system call, reads no clock,
 * allocates nothing.
 */
#include <assert.h>

#include "meter.h"

/* Records and the kernel's own accounting are stamped a few microseconds apart, more on a nested host. */
#define SLACK_NS (50 * NSEC_PER_USEC)
/* How long after its replenishment timer a thread is usually back on a CPU; only a hint, never an error. */
#define TIMER_LATENCY_NS (250 * NSEC_PER_USEC)
/* A server would throttle after one; boosting by a PI mutex or a frozen host may take some more. */
#define RUN_MAX_PERIODS 16

static nsec_t nsec_min(nsec_t a, nsec_t b)
{
	return a < b ? a : b;
}

static nsec_t nsec_max(nsec_t a, nsec_t b)
{
	return a > b ? a : b;
}

/* Below this the budget counts as used up. */
static int64_t meter_slack(const struct meter *m)
{
	return (int64_t)nsec_min(SLACK_NS, m->params.budget_ns / 8);
}

/* No deadline can be further away than this, with all periods that an overrun may cost. */
static nsec_t meter_horizon(const struct meter *m)
{
	const struct cbs_params *p = &m->params;

	return p->deadline_ns + p->period_ns * (2 + p->grain_ns / p->budget_ns);
}

/* The most that can be overrun before the kernel must have noticed. */
static int64_t meter_overrun_max(const struct meter *m)
{
	return (int64_t)(m->params.grain_ns + SLACK_NS);
}

static int64_t meter_sure_budget(const struct meter *m)
{
	if (m->has_other && m->other.q_ns < m->server.q_ns)
		return m->other.q_ns;
	return m->server.q_ns;
}

static void meter_set_other(struct meter *m, int64_t q_ns, nsec_t d_ns, bool bound)
{
	m->other = (struct cbs){ q_ns, d_ns };
	m->has_other = bound ? METER_OTHER_BOUND : METER_OTHER_VERSION;
}

static void meter_drop_other(struct meter *m)
{
	m->has_other = METER_NO_OTHER;
}

static void meter_tell(struct meter *m, enum meter_state state, nsec_t start_ns, nsec_t end_ns)
{
	if (m->listener && end_ns > start_ns)
		m->listener(m->userdata, state, start_ns, end_ns);
}

/* It is ready at @now_ns: late, when budget is left and the deadline past in both versions. */
static void meter_judge(struct meter *m, nsec_t now_ns)
{
	nsec_t deadline_ns = m->server.d_ns;
	nsec_t late_ns;
	uint64_t periods;

	if (m->has_other)
		deadline_ns = nsec_max(deadline_ns, m->other.d_ns);
	if (!m->in_step || meter_sure_budget(m) <= 0 || now_ns <= deadline_ns)
		return;
	late_ns = now_ns - deadline_ns;
	m->totals.worst_late_ns = nsec_max(m->totals.worst_late_ns, late_ns);
	if (late_ns <= m->params.grain_ns)
		return;
	periods = 1 + (late_ns - m->params.grain_ns) / m->params.period_ns;
	if (periods > m->counted) {
		m->totals.missed += periods - m->counted;
		m->counted = periods;
	}
}

/* Up to last_ns it ran. */
static void meter_notice(struct meter *m, bool leaving)
{
	const struct cbs_params *p = &m->params;
	struct cbs bound;

	if (m->has_other && cbs_is_due(p, &m->other, m->last_ns) &&
	    cbs_notice(p, &m->other, m->last_ns, leaving, &bound))
		meter_set_other(m, bound.q_ns, bound.d_ns,
				m->has_other == METER_OTHER_BOUND || bound.q_ns != m->other.q_ns || bound.d_ns != m->other.d_ns);
	if (!cbs_is_due(p, &m->server, m->last_ns) || !cbs_notice(p, &m->server, m->last_ns, leaving, &bound))
		return;
	m->counted = 0;
	m->renewed = true;
	if (bound.q_ns < m->server.q_ns)	/* it may have started anew so much earlier */
		m->early_ns = nsec_max(m->early_ns, (nsec_t)(m->server.q_ns - bound.q_ns));
	if (!m->has_other && (bound.q_ns != m->server.q_ns || bound.d_ns != m->server.d_ns))
		meter_set_other(m, bound.q_ns, bound.d_ns, true);
}

/* With a budget below the tick it is open how many periods paid when it was replenished on the CPU. */
static bool meter_may_shift(const struct meter *m)
{
	return m->has_other == METER_OTHER_BOUND && m->params.budget_ns <= m->params.grain_ns &&
	       m->server.d_ns + m->params.period_ns <= m->other.d_ns;
}

static void meter_charge(struct meter *m, nsec_t ns)
{
	int64_t floor_ns = -meter_overrun_max(m);

	m->totals.used_ns += ns;
	m->last_ns += ns;
	if (!m->in_step)
		return;
	m->server.q_ns -= (int64_t)ns;
	m->other.q_ns -= (int64_t)ns;
	while (m->server.q_ns < floor_ns && meter_may_shift(m)) {	/* not throttled yet: one more has paid */
		m->server.q_ns += (int64_t)m->params.budget_ns;
		m->server.d_ns += m->params.period_ns;
	}
	if (m->server.q_ns < floor_ns) {	/* not throttled yet: the kernel has charged less */
		m->excess_ns += (nsec_t)(floor_ns - m->server.q_ns);
		m->server.q_ns = floor_ns;
	}
	if (m->other.q_ns < floor_ns && m->has_other == METER_OTHER_VERSION)
		meter_drop_other(m);		/* with so little it would have been throttled */
}

/*
 * It ran on with its budget used up for longer than interrupts explain: stolen by a hypervisor, slowed down, reclaiming.
 * When it was replenished meanwhile, nobody knows when.
 */
static bool meter_has_strayed(const struct meter *m)
{
	return m->renewed && m->excess_ns > TIMER_LATENCY_NS + m->params.grain_ns / 4;
}

static void meter_run(struct meter *m, nsec_t to_ns)
{
	nsec_t next_ns;

	if (m->in_step && to_ns - m->last_ns > RUN_MAX_PERIODS * meter_horizon(m))
		meter_desync(m);	/* no server lets it run so long without a switch */
	while (m->last_ns < to_ns) {
		next_ns = to_ns;
		if (m->in_step) {
			meter_notice(m, false);
			next_ns = cbs_next_change(&m->params, &m->server, m->last_ns, next_ns);
			if (m->has_other)
				next_ns = cbs_next_change(&m->params, &m->other, m->last_ns, next_ns);
			meter_judge(m, next_ns);
		}
		meter_charge(m, next_ns - m->last_ns);
	}
}

/* Could it have been throttled when it left the CPU? Not without budget alone: also not yet due for the next. */
static bool meter_is_exhausted(const struct meter *m)
{
	return m->server.q_ns <= meter_slack(m) && cbs_next_period(&m->params, &m->server) > m->since_ns;
}

/* Ready since since_ns, throttled until @until_ns at the latest, waiting from there. */
static void meter_count_ready(struct meter *m, nsec_t until_ns, nsec_t now_ns)
{
	until_ns = nsec_min(nsec_max(until_ns, m->since_ns), now_ns);
	m->totals.ready_ns += now_ns - m->since_ns;
	m->totals.throttled_ns += until_ns - m->since_ns;
	meter_tell(m, METER_THROTTLED, m->since_ns, until_ns);
	meter_tell(m, METER_WAITING, until_ns, now_ns);
	m->since_ns = now_ns;
	m->last_ns = now_ns;
}

static void meter_end_throttling(struct meter *m, nsec_t at_ns, nsec_t now_ns)
{
	const struct cbs_params *p = &m->params;
	struct cbs *s = &m->server, *o = &m->other;

	cbs_end_throttling(p, s, at_ns);
	if (m->has_other == METER_OTHER_VERSION || p->budget_ns > p->grain_ns) {
		cbs_end_throttling(p, o, at_ns);
	} else if (m->has_other) {	/* a bound may count other periods: it pays by itself */
		o->q_ns = o->q_ns > 0 ? 0 : o->q_ns;
		cbs_replenish(p, o, 0);
		o->d_ns = nsec_max(o->d_ns, s->d_ns);
	}
	if (m->has_other == METER_OTHER_VERSION && o->d_ns != s->d_ns)
		meter_set_other(m, o->q_ns < s->q_ns ? o->q_ns : s->q_ns, nsec_max(o->d_ns, s->d_ns), true);
	if (o->d_ns == s->d_ns && s->q_ns - o->q_ns <= meter_slack(m))
		meter_drop_other(m);
	m->counted = 0;
	m->totals.throttled++;
	meter_count_ready(m, at_ns, now_ns);
	meter_judge(m, now_ns);
}

static bool is_timer_return(nsec_t replenished_ns, nsec_t now_ns)
{
	return now_ns + SLACK_NS >= replenished_ns && now_ns <= replenished_ns + TIMER_LATENCY_NS;
}

/*
 * Not in step, but it was throttled for certain (its successor tells) or most likely (it ran for much longer than its
 * budget): it is back at its replenishment. Its budget before that was at most what is left of Q after the last run, at
 * least minus a tick; nothing is certain in the other case.
 */
static void meter_step_in(struct meter *m, nsec_t now_ns, bool certain)
{
	const struct cbs_params *p = &m->params;
	int64_t most_ns = (int64_t)p->budget_ns - (int64_t)m->run_ns;

	if (most_ns > 0)
		most_ns = 0;
	if (most_ns < -(int64_t)p->grain_ns)
		most_ns = -(int64_t)p->grain_ns;
	m->server = (struct cbs){ most_ns, now_ns };
	meter_set_other(m, -(int64_t)p->grain_ns, now_ns, true);
	m->early_ns = 0;
	m->in_step = true;
	meter_end_throttling(m, now_ns, now_ns);
	if (certain)
		return;
	meter_set_other(m, 0, m->server.d_ns, true);
	m->doubtful = true;
}

/* Its budget is used up, by the replay. When was it replenished, if it was? 0 = it cannot have been throttled. */
static nsec_t meter_replenished_at(struct meter *m, nsec_t now_ns)
{
	nsec_t next_ns = cbs_next_period(&m->params, &m->server);

	if (now_ns + SLACK_NS >= next_ns)
		return next_ns;
	if (m->has_other && m->other.q_ns <= meter_slack(m) &&
	    now_ns + SLACK_NS >= cbs_next_period(&m->params, &m->other)) {
		m->server = m->other;
		return cbs_next_period(&m->params, &m->server);
	}
	/* Back too early: the server started earlier than seen, by the wait before the first switch-in. */
	if (m->leave == METER_READY_LOWER || now_ns + m->early_ns >= next_ns) {
		m->early_ns -= nsec_min(m->early_ns, next_ns - now_ns);
		return now_ns;
	}
	return 0;
}

/*
 * By the likely replay there was budget left, but it is back just when it would be if it had been throttled. Either
 * version may be right now: the likely one becomes the throttled, the other the preempted one, until the next sync.
 */
static bool meter_was_throttled_after_all(struct meter *m, nsec_t now_ns)
{
	nsec_t next_ns = cbs_next_period(&m->params, &m->other);
	struct cbs preempted = m->server;

	if (!m->has_other || m->other.q_ns > meter_slack(m) || next_ns <= m->since_ns ||
	    (m->has_other == METER_OTHER_BOUND && m->other.d_ns != m->server.d_ns))
		return false;
	if (m->leave == METER_READY_LOWER && !is_timer_return(next_ns, now_ns))
		next_ns = now_ns;
	else if (!is_timer_return(next_ns, now_ns))
		return false;
	m->server = m->other;
	meter_end_throttling(m, next_ns, now_ns);
	meter_set_other(m, preempted.q_ns, preempted.d_ns, false);
	m->doubtful = true;
	return true;
}

/*
 * With a budget below the tick a few microseconds that were not charged may decide how many periods an overrun costs, so the
 * replay may be off by whole ones. It shows: it is back just when a server of so many periods less, or more, would have been
 * replenished, and that one's budget was used up too.
 */
static void meter_shift_periods(struct meter *m, nsec_t now_ns)
{
	int64_t budget_ns = (int64_t)m->params.budget_ns, period_ns = (int64_t)m->params.period_ns;
	nsec_t next_ns = cbs_next_period(&m->params, &m->server);
	int64_t off_ns = (int64_t)(now_ns - next_ns), periods;
	int64_t left_ns = m->server.q_ns - (int64_t)m->excess_ns;	/* with those periods nothing was in excess */

	if (m->params.budget_ns > m->params.grain_ns)
		return;
	periods = (off_ns + (off_ns < 0 ? -period_ns : period_ns) / 2) / period_ns;
	next_ns += (nsec_t)(periods * period_ns);
	if (periods == 0 || next_ns <= m->since_ns || now_ns + SLACK_NS < next_ns ||
	    now_ns > next_ns + nsec_max(TIMER_LATENCY_NS, (nsec_t)period_ns / 32) ||
	    (periods > 0 && periods > -left_ns / budget_ns) || left_ns + periods * budget_ns > meter_slack(m))
		return;
	m->server.d_ns += (nsec_t)(periods * period_ns);
	m->server.q_ns = left_ns + periods * budget_ns;
	m->doubtful = true;
}

static void meter_leave_queue(struct meter *m, nsec_t now_ns)
{
	nsec_t at_ns;

	if (!m->in_step && m->leave != METER_READY_LOWER) {
		meter_count_ready(m, m->since_ns, now_ns);
		return;
	}
	if (!m->in_step || meter_has_strayed(m)) {
		meter_step_in(m, now_ns, m->leave == METER_READY_LOWER);
		return;
	}
	meter_shift_periods(m, now_ns);
	if (meter_is_exhausted(m)) {
		at_ns = meter_replenished_at(m, now_ns);
		if (at_ns > 0) {
			meter_end_throttling(m, at_ns, now_ns);
			return;
		}
		m->server.q_ns = m->server.q_ns > 0 ? m->server.q_ns : 0;
		m->doubtful = true;
	} else if (meter_was_throttled_after_all(m, now_ns)) {
		return;
	}
	meter_judge(m, now_ns);
	meter_count_ready(m, m->since_ns, now_ns);
}

/* Still queued at @now_ns, for a reading in between. */
static void meter_stay_in_queue(struct meter *m, nsec_t now_ns)
{
	bool exhausted = m->in_step ? meter_is_exhausted(m) : m->leave == METER_READY_LOWER;
	nsec_t next_ns = cbs_next_period(&m->params, &m->server);

	if (!exhausted) {
		meter_judge(m, now_ns);
		meter_count_ready(m, m->since_ns, now_ns);
	} else if (m->in_step && now_ns >= next_ns) {
		meter_end_throttling(m, next_ns, now_ns);
	} else {
		m->totals.throttled++;
		meter_count_ready(m, now_ns, now_ns);
	}
}

/* Wakeups: it slept since since_ns and woke in [early, now]. */

/*
 * Asleep with the budget used up: replenished by the timer meanwhile. Back at that very moment, it was woken before and
 * held back, and no wakeup rule applied; else it most likely woke later. True when it was held back.
 */
static bool meter_replenish_asleep(struct meter *m, nsec_t early_ns, nsec_t now_ns)
{
	nsec_t next_ns = cbs_next_period(&m->params, &m->server);

	if (now_ns + SLACK_NS < next_ns) {	/* it runs already: the kernel had charged less, it was not throttled */
		m->server.q_ns = 1;
		m->doubtful = true;
		return false;
	}
	cbs_replenish(&m->params, &m->server, nsec_min(next_ns, now_ns));
	m->doubtful |= m->has_other != METER_NO_OTHER;
	meter_drop_other(m);
	m->counted = 0;
	if (early_ns >= next_ns || !is_timer_return(next_ns, now_ns))
		return false;
	m->totals.throttled++;		/* since when, nobody saw */
	return true;
}

/* Held back as it seems; should it have come just then by chance, the wakeup rule did apply. */
static void meter_bound_held(struct meter *m, nsec_t now_ns)
{
	struct cbs woken = m->server;

	cbs_revise(&m->params, &woken, now_ns);
	if (cbs_wakes_anew(&m->params, &woken, now_ns))
		woken.d_ns = now_ns + m->params.deadline_ns;
	if (woken.q_ns != m->server.q_ns || woken.d_ns != m->server.d_ns)
		meter_set_other(m, woken.q_ns, woken.d_ns, true);
}

/* D < P and woken between deadline and next period: held back until then. */
static bool meter_held_to_next_period(struct meter *m, nsec_t early_ns, nsec_t now_ns)
{
	nsec_t next_ns = cbs_next_period(&m->params, &m->server);

	if (m->params.deadline_ns == m->params.period_ns || now_ns <= m->server.d_ns || early_ns >= next_ns ||
	    now_ns > next_ns + TIMER_LATENCY_NS)
		return false;
	if (now_ns + SLACK_NS < next_ns) {
		/* The kernel lets it run, so it was woken before the deadline; or, if it cannot have been, we are wrong. */
		if (early_ns > m->server.d_ns)
			cbs_restart(&m->params, &m->server, now_ns);
		meter_set_other(m, 0, m->server.d_ns, true);
		m->doubtful = true;
		return true;
	}
	cbs_restart(&m->params, &m->server, next_ns);
	meter_set_other(m, m->server.q_ns, nsec_max(now_ns, next_ns) + m->params.deadline_ns, true);
	m->counted = 0;
	m->totals.throttled++;
	return true;
}

/* The likely server goes on, the other would start anew: from here the other is only a bound, the worst of both. */
static void meter_bound_other(struct meter *m, nsec_t now_ns)
{
	meter_set_other(m, meter_sure_budget(m), now_ns + m->params.deadline_ns, true);
}

static void meter_wake_servers(struct meter *m, nsec_t early_ns, nsec_t now_ns)
{
	const struct cbs_params *p = &m->params;
	bool other_anew = m->has_other && cbs_wakes_anew(p, &m->other, now_ns);
	struct cbs old = m->server;
	bool bound = m->has_other != METER_NO_OTHER;

	if (!cbs_wakes_anew(p, &m->server, now_ns)) {
		cbs_revise(p, &m->server, now_ns);
		if (other_anew)
			meter_bound_other(m, now_ns);
		else if (m->has_other)
			cbs_revise(p, &m->other, now_ns);
		return;
	}
	cbs_restart(p, &m->server, now_ns);
	m->early_ns = now_ns - early_ns;
	m->counted = 0;
	if (!m->has_other || cbs_wakes_anew(p, &m->other, early_ns))
		m->other = old;
	if (cbs_wakes_anew(p, &m->other, early_ns)) {
		meter_drop_other(m);
	} else {
		cbs_revise(p, &m->other, now_ns);
		meter_set_other(m, m->other.q_ns, m->other.d_ns, bound);
	}
}

static void meter_awake(struct meter *m, nsec_t early_ns, nsec_t now_ns)
{
	if (!m->in_step) {
		if (early_ns - m->since_ns <= meter_horizon(m))
			return;		/* its payback may not even be over */
		cbs_restart(&m->params, &m->server, now_ns);
		meter_drop_other(m);
		m->early_ns = now_ns - early_ns;
		m->counted = 0;
		m->in_step = true;
		return;
	}
	if (m->server.q_ns <= 0 && meter_replenish_asleep(m, early_ns, now_ns))
		meter_bound_held(m, now_ns);
	else if (!meter_held_to_next_period(m, early_ns, now_ns))
		meter_wake_servers(m, early_ns, now_ns);
}

/* The records. */

static void meter_place(struct meter *m, nsec_t now_ns)
{
	m->since_ns = now_ns;
	m->last_ns = now_ns;
}

/* A record is missing between the last one and this. */
static void meter_gap(struct meter *m, nsec_t now_ns)
{
	meter_tell(m, METER_UNKNOWN, m->since_ns, now_ns);
	meter_desync(m);
	m->at = METER_AT_UNKNOWN;
	m->entered = true;
	meter_place(m, now_ns);
}

void meter_init(struct meter *m, const struct cbs_params *params, nsec_t now_ns)
{
	*m = (struct meter){ .at = METER_AT_UNKNOWN, .wake_bound_ns = NSEC_MAX };
	meter_set_params(m, params);
	meter_place(m, now_ns);
}

void meter_listen(struct meter *m, meter_listener listener, void *userdata)
{
	m->listener = listener;
	m->userdata = userdata;
}

void meter_set_params(struct meter *m, const struct cbs_params *p)
{
	assert(p->budget_ns > 0 && p->budget_ns <= p->deadline_ns && p->deadline_ns <= p->period_ns);
	assert(p->period_ns <= CBS_PERIOD_MAX_NS && p->grain_ns <= NSEC_PER_SEC);
	m->params = *p;
}

void meter_wake_bound(struct meter *m, nsec_t bound_ns)
{
	m->wake_bound_ns = bound_ns;
}

void meter_desync(struct meter *m)
{
	m->in_step = false;
	meter_drop_other(m);
	m->doubtful = false;
	m->counted = 0;
}

bool meter_in_step(const struct meter *m)
{
	return m->in_step;
}

bool meter_wants_sync(const struct meter *m)
{
	return !m->in_step || m->doubtful || m->has_other != METER_NO_OTHER;
}

bool meter_may_sync(const struct meter *m)
{
	return m->at != METER_AT_UNKNOWN;
}

void meter_in(struct meter *m, nsec_t now_ns)
{
	now_ns = nsec_max(now_ns, m->last_ns);
	switch (m->at) {
	case METER_AT_CPU:
		meter_gap(m, now_ns);
		m->totals.lost++;
		break;
	case METER_AT_QUEUE:
		meter_leave_queue(m, now_ns);
		break;
	case METER_AT_SLEEP:
		meter_tell(m, METER_SLEEPING, m->since_ns, now_ns);
		meter_awake(m, now_ns - nsec_min(m->wake_bound_ns, now_ns - m->since_ns), now_ns);
		break;
	case METER_AT_UNKNOWN:
		meter_tell(m, METER_UNKNOWN, m->since_ns, now_ns);
		break;
	}
	m->at = METER_AT_CPU;
	m->entered = true;
	m->run_ns = 0;
	m->excess_ns = 0;
	m->renewed = false;
	meter_place(m, now_ns);
}

void meter_out(struct meter *m, nsec_t now_ns, enum meter_leave leave)
{
	now_ns = nsec_max(now_ns, m->last_ns);
	if (m->at == METER_AT_UNKNOWN && !m->entered)
		m->at = METER_AT_CPU;	/* no switch-in since the start: it was there all the time */
	if (m->at == METER_AT_QUEUE || m->at == METER_AT_SLEEP) {
		meter_gap(m, now_ns);
		m->totals.lost++;
	}
	if (m->at == METER_AT_CPU) {
		m->run_ns = now_ns - m->since_ns;
		meter_run(m, now_ns);
		if (m->in_step)
			meter_notice(m, true);
		meter_tell(m, METER_RUNNING, m->since_ns, now_ns);
	} else {
		meter_tell(m, METER_UNKNOWN, m->since_ns, now_ns);
	}
	m->at = leave == METER_BLOCKED ? METER_AT_SLEEP : METER_AT_QUEUE;
	m->leave = leave;
	m->entered = true;
	meter_place(m, now_ns);
}

void meter_wake(struct meter *m, nsec_t now_ns)
{
	const struct cbs_params *p = &m->params;

	now_ns = nsec_max(now_ns, m->last_ns);
	if (m->at != METER_AT_SLEEP)
		return;		/* woken while it was about to sleep: it never left the queue */
	meter_tell(m, METER_SLEEPING, m->since_ns, now_ns);
	if (m->in_step && cbs_is_due(p, &m->server, now_ns))
		(void)meter_replenish_asleep(m, now_ns, now_ns);
	if (m->in_step && p->deadline_ns < p->period_ns && m->server.d_ns < now_ns &&
	    now_ns < cbs_next_period(p, &m->server) && m->server.q_ns > 0)
		m->server.q_ns = 0;	/* too late for this deadline, too early for the next: throttled on the spot */
	if (!m->in_step || m->server.q_ns > 0)
		meter_awake(m, now_ns, now_ns);
	m->at = METER_AT_QUEUE;
	m->leave = METER_READY;
	meter_place(m, now_ns);
}

void meter_lost(struct meter *m, nsec_t now_ns, uint64_t records)
{
	meter_gap(m, nsec_max(now_ns, m->last_ns));
	m->totals.lost += records;
}

bool meter_sync(struct meter *m, nsec_t now_ns, int64_t q_ns, nsec_t d_ns)
{
	now_ns = nsec_max(now_ns, m->last_ns);
	if (q_ns < -(int64_t)NSEC_PER_SEC || q_ns > (int64_t)CBS_PERIOD_MAX_NS || d_ns > now_ns + meter_horizon(m))
		return false;
	switch (m->at) {
	case METER_AT_UNKNOWN:
		return false;
	case METER_AT_CPU:
		if (q_ns <= 0)
			return false;	/* read in the middle of a switch */
		meter_run(m, now_ns);
		break;
	case METER_AT_QUEUE:
		if (m->in_step && m->server.q_ns <= meter_slack(m) && q_ns > 0)
			return false;	/* replenished, and about to come back: let the switch-in tell when */
		break;
	case METER_AT_SLEEP:
		break;
	}
	if (d_ns != m->server.d_ns)
		m->counted = 0;
	m->server = (struct cbs){ q_ns, d_ns };
	meter_drop_other(m);
	if (m->at == METER_AT_CPU && m->params.grain_ns > 0)
		meter_set_other(m, q_ns - (int64_t)m->params.grain_ns, d_ns, true);
	m->early_ns = 0;
	m->doubtful = false;
	m->in_step = true;
	return true;
}

void meter_finish(struct meter *m, nsec_t now_ns)
{
	now_ns = nsec_max(now_ns, m->last_ns);
	switch (m->at) {
	case METER_AT_CPU:
		meter_run(m, now_ns);
		meter_tell(m, METER_RUNNING, m->since_ns, now_ns);
		break;
	case METER_AT_QUEUE:
		meter_stay_in_queue(m, now_ns);
		break;
	case METER_AT_SLEEP:
		meter_tell(m, METER_SLEEPING, m->since_ns, now_ns);
		break;
	case METER_AT_UNKNOWN:
		meter_tell(m, METER_UNKNOWN, m->since_ns, now_ns);
		break;
	}
	meter_place(m, now_ns);
}

void meter_read(const struct meter *m, nsec_t now_ns, struct meter_totals *ret)
{
	struct meter copy = *m;

	copy.listener = NULL;
	meter_finish(&copy, now_ns);
	*ret = copy.totals;
}

const char *meter_state_name(enum meter_state state)
{
	static const char *const names[_METER_STATE_MAX] = { "unknown", "running", "throttled", "waiting", "sleeping" };

	assert(state >= 0 && state < _METER_STATE_MAX);
	return names[state];
}
