/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is it still so? While there is a promise, a timer looks at every reserved thread about once a second: has somebody else
 * written its policy, parameters or affinity (drift), did it miss budgets, has it ended? Without a promise there is no timer.
 *
 * Drift is told once for each new value. With repair the promised value is written back, as a plan like any other. A thread that
 * has left SCHED_DEADLINE rests before it gets it back (manager-rest.c): then it is told twice, "waiting" and "repaired".
 *
 * Stuck is a thread that the kernel has lost: SCHED_DEADLINE, ready, and throttled without a timer that would end it. What is seen of
 * that at two looks: state R, no time used, a budget that is used up, and budget and deadline have not changed for longer than a
 * throttling and its debt can last, and a period more. A reservation that works cannot look so, however overloaded the host
 * is: when its throttling ends it is given a new budget, at once, whether it then gets the CPU or not; and a thread of a paused or stopped
 * guest is not ready. The cure: another policy, rest, and back.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-private.h"

/* Drift is seen within one second: the period and the slack that lets the kernel join timers stay below it. */
#define WATCH_PERIOD_US	 900000
#define WATCH_SLACK_US	  50000


/* So many looks at a thread that does not run before it is taken to be asleep; from then on every so many. */
#define STAND_LOOKS 8

static struct watched *watched_find(const struct manager *m, pid_t tid)
{
	for (size_t i = 0; i < m->n_watched; i++)
		if (m->watched[i].tid == tid)
			return &m->watched[i];
	return NULL;
}

const char *manager_drift(const struct manager *m, const struct promise *promise)
{
	const char *partition = manager_partition_drift(m, promise);	/* first: the affinity only follows it */
	const struct watched *w = watched_find(m, promise->tid);

	for (size_t i = 0; w && !partition[0] && i < _DRIFT_MAX; i++)
		if (w->drift[i][0])
			return w->drift[i];
	return partition;
}

static void state_format(char *buf, size_t size, const struct sched_state *s)
{
	char q[VRK_NSEC_STRLEN], d[VRK_NSEC_STRLEN], p[VRK_NSEC_STRLEN];

	if (s->period_ns)
		snprintf(buf, size, "%s %s/%s/%s", sched_policy_name(s->policy), vrk_nsec_format(q, s->runtime_ns),
			 vrk_nsec_format(d, s->deadline_ns), vrk_nsec_format(p, s->period_ns));
	else if (s->priority)
		snprintf(buf, size, "%s %" PRIu32, sched_policy_name(s->policy), s->priority);
	else
		snprintf(buf, size, "%s", sched_policy_name(s->policy));
}

static void affinity_format(char *buf, size_t size, const cpu_set_t *set)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && at + 8 < size; cpu++)
		if (CPU_ISSET(cpu, set))
			at += (size_t)snprintf(buf + at, size - at, "%s%d", at ? "," : "", cpu);
}

/* ---- one thread ---- */

struct drift {
	const char *what;	/* NULL = none */
	char old[80];		/* as promised */
	char new[80];		/* as found */
};

/* How long it has stood still; 0 = it has not, or may rightly do so. */
static nsec_t stands_still(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s)
{
	bool same = s->used_ns == w->used_ns && s->now.policy == SCHED_DEADLINE;
	struct monitor_stand stand;

	w->used_ns = s->used_ns;
	/* Idle guests must not cost a look into two files each time: those are looked at at first, and now and then. */
	if (same && !s->queued && w->looks++ >= STAND_LOOKS && w->looks % STAND_LOOKS != 0)
		return 0;
	if (!same || monitor_stand(m->monitor, p->tid, &stand) < 0 || !stand.ready || stand.budget_ns > 0) {
		w->stand_ns = 0;
		return 0;
	}
	if (w->stand_ns == 0 || stand.budget_ns != w->stand.budget_ns || stand.deadline_ns != w->stand.deadline_ns) {
		w->stand = stand;
		w->stand_ns = s->time_ns;
	}
	return s->time_ns - w->stand_ns;
}

static void drift_find_stuck(struct manager *m, const struct promise *p, struct watched *w,
			     const struct monitor_sample *s, struct drift *ret)
{
	nsec_t still = stands_still(m, p, w, s);
	char text[VRK_NSEC_STRLEN];
	struct sched_state promised;

	if (still <= manager_rest_ns(m, &p->reservation) + p->reservation.period_ns)
		return;
	promise_sched_state(p, &promised);
	ret->what = "stuck";
	state_format(ret->old, sizeof(ret->old), &promised);
	snprintf(ret->new, sizeof(ret->new), "no time in %s", vrk_nsec_format(text, still));
}

static void drift_find(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s,
		       enum drift_kind kind, struct drift *ret)
{
	struct sched_state promised;

	*ret = (struct drift) { 0 };
	promise_sched_state(p, &promised);
	if (kind == DRIFT_STUCK) {
		drift_find_stuck(m, p, w, s, ret);
	} else if (kind == DRIFT_SCHED && !sched_state_equal(&s->now, &promised)) {
		ret->what = w->freed ? "stuck" : s->now.policy == promised.policy ? "parameters" : "policy";
		state_format(ret->old, sizeof(ret->old), &promised);
		state_format(ret->new, sizeof(ret->new), &s->now);
	} else if (kind == DRIFT_AFFINITY && w->affinity_known && !CPU_EQUAL(&w->affinity, &s->affinity)) {
		ret->what = "affinity";
		affinity_format(ret->old, sizeof(ret->old), &w->affinity);
		affinity_format(ret->new, sizeof(ret->new), &s->affinity);
	}
}

static int repair_write(struct manager *m, const struct promise *p, const struct sched_state *now,
			const struct sched_state *new, struct vr_error **reterr)
{
	struct step step = { .kind = STEP_SCHED, .tid = p->tid, .start_ticks = p->start_ticks, .old = *now, .new = *new };
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(freep) char *label = NULL;
	int r;

	if (asprintf(&label, "%s of %s", p->thread, p->domain) < 0) {
		label = NULL;
		return -ENOMEM;
	}
	step.label = label;
	r = plan_add(&plan, &step);
	if (r >= 0)
		r = manager_plan_freezers(m, &plan, reterr);
	if (r >= 0)
		r = state_save(m->state, &m->ledger, &plan, reterr);
	if (r < 0)
		return r;
	r = apply_plan(m->root, &plan, reterr);
	manager_rest_plan(m, &m->ledger, &plan);
	(void)state_save(m->state, &m->ledger, NULL, NULL);
	return r;
}

/* It was asleep when somebody took it out of SCHED_DEADLINE: its bandwidth is booked twice from now on. */
static void lost_log(struct manager *m, const struct promise *p)
{
	char text[VRK_BW_STRLEN];
	bw_t lost;

	if (manager_lost(m, &lost) < 0 || lost <= m->lost_told_bw)
		return;
	m->lost_told_bw = lost;
	log_line(LOG_WARNING, &(struct log_about) { MSG_DRIFT, p->domain, p->thread },
		 "%s of %s was asleep when somebody took it out of SCHED_DEADLINE: the kernel has lost count and now has %s CPU "
		 "booked for nobody (virtrk doctor)", p->thread, p->domain, vrk_bw_format(text, lost));
}

/* 1: it is not time yet. */
static int repair_sched(struct manager *m, const struct promise *p, struct watched *w, const struct sched_state *now,
			struct vr_error **reterr)
{
	struct sched_state promised;
	int r;

	promise_sched_state(p, &promised);
	if (now->policy != SCHED_DEADLINE && w->back_ns == 0) {
		manager_rest(m, &m->ledger, p);		/* it left since the last look: perhaps just now */
		w->back_ns = ledger_rests_until(&m->ledger, p->tid, p->start_ticks);
	}
	if (now->policy != SCHED_DEADLINE && w->back_ns > manager_now())
		return 1;
	r = repair_write(m, p, now, &promised, reterr);
	if (r >= 0) {
		if (now->policy != SCHED_DEADLINE)
			lost_log(m, p);
		w->back_ns = 0;
		w->freed = false;
		w->looks = 0;
	}
	if (r == -EBUSY && ledger_rests_until(&m->ledger, p->tid, p->start_ticks) > manager_now()) {
		w->back_ns = ledger_rests_until(&m->ledger, p->tid, p->start_ticks);	/* its rest was too short */
		return 1;
	}
	return r;
}

/* Out of SCHED_DEADLINE: only thus does the kernel start the timer that ends the throttling. */
static int repair_stuck(struct manager *m, const struct promise *p, struct watched *w, const struct sched_state *now,
			struct vr_error **reterr)
{
	struct sched_state plain = { .policy = SCHED_OTHER };
	int r;

	if (p->before.policy != SCHED_DEADLINE)
		plain = p->before;
	r = repair_write(m, p, now, &plain, reterr);
	if (r < 0)
		return r;
	manager_rest(m, &m->ledger, p);
	w->back_ns = ledger_rests_until(&m->ledger, p->tid, p->start_ticks);
	w->freed = true;
	w->stand_ns = 0;
	return 1;
}

static int repair_affinity(struct manager *m, const struct promise *p, const struct watched *w, struct vr_error **reterr)
{
	cpu_set_t now;
	int r;

	r = manager_partition_return(m, p, reterr);
	if (r >= 0)
		r = m->root->ops->affinity_set(m->root, p->tid, &w->affinity);
	if (r >= 0)
		r = m->root->ops->affinity_get(m->root, p->tid, &now);
	return r < 0 ? r : CPU_EQUAL(&now, &w->affinity) ? 0 : -EIO;
}

/* 0: as promised again. 1: it rests first. */
static int drift_repair(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s,
			enum drift_kind kind, struct vr_error **reterr)
{
	switch (kind) {
	case DRIFT_AFFINITY:
		return repair_affinity(m, p, w, reterr);
	case DRIFT_SCHED:
		return repair_sched(m, p, w, &s->now, reterr);
	case DRIFT_STUCK:
		return repair_stuck(m, p, w, &s->now, reterr);
	case _DRIFT_MAX:
		break;
	}
	return -EINVAL;
}

static void drift_log(const struct promise *p, const struct watched *w, const struct drift *drift, const char *action,
		      const char *why)
{
	const struct log_about about = { MSG_DRIFT, p->domain, p->thread };
	nsec_t now = manager_now();
	char until[64] = "", rest[VRK_NSEC_STRLEN];

	if (w->back_ns > now)	/* nobody wants to know the nanoseconds */
		snprintf(until, sizeof(until), ", it gets its reservation back in %s",
			 vrk_nsec_format(rest, (w->back_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC * NSEC_PER_MSEC));
	if (strcmp(drift->what, "stuck") == 0)
		log_line(LOG_WARNING, &about,
			 "%s of %s was stuck, ready but with %s where it has %s, for the kernel had lost it: %s%s%s%s",
			 p->thread, p->domain, drift->new, drift->old, action, until, *why ? ": " : "", why);
	else
		log_line(LOG_WARNING, &about, "somebody changed the %s of %s of %s from %s to %s: %s%s%s%s", drift->what,
			 p->thread, p->domain, drift->old, drift->new, action, until, *why ? ": " : "", why);
}

static void drift_handle(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s,
			 enum drift_kind kind)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char *told = w->drift[kind], text[sizeof(w->drift[kind])];
	const char *action = "reported";
	struct drift drift;
	bool repair = m->options.repair_drift && !m->options.dry_run;
	bool freed = w->freed, news;
	int r = 0;

	drift_find(m, p, w, s, kind, &drift);
	if (!drift.what) {
		told[0] = '\0';
		return;
	}
	snprintf(text, sizeof(text), "%s: %.70s, promised %.60s", drift.what, drift.new, drift.old);
	/* how long it has been stuck grows from look to look: that is no news */
	news = kind == DRIFT_STUCK ? told[0] == '\0' : strcmp(text, told) != 0;
	if (repair) {
		r = drift_repair(m, p, w, s, kind, &err);
		action = r < 0 ? "failed" : r > 0 ? "waiting" : "repaired";
	}
	if (freed && r > 0)
		return;		/* told as stuck */
	memcpy(told, text, sizeof(text));
	if (r == 0 && repair)
		told[0] = '\0';
	if (!news && (r != 0 || !repair))
		return;		/* told already; it is tried again each time */
	drift_log(p, w, &drift, action, r < 0 ? (err && err->text ? err->text : strerror(-r)) : "");
	manager_tell(m, &(struct manager_event) {
		.kind = MANAGER_DRIFT, .domain = p->domain, .thread = p->thread, .promise = p, .what = drift.what,
		.old_value = drift.old, .new_value = drift.new, .action = action });
}

static void missed_log(const struct promise *p, const struct missed *missed, const struct missed_news *news)
{
	const char *plural = news->count == 1 ? "" : "s";
	char over[VRK_NSEC_STRLEN];

	if (news->over_ns == 0)
		log_line(LOG_WARNING, &(struct log_about) { MSG_MISSED, p->domain, p->thread },
			 "%s of %s did not get its budget in %" PRIu64 " period%s", p->thread, p->domain, news->count, plural);
	else
		log_line(LOG_WARNING, &(struct log_about) { MSG_MISSED, p->domain, p->thread },
			 "%s of %s did not get its budget in %" PRIu64 " period%s of the last %s, in %" PRIu64 " in all",
			 p->thread, p->domain, news->count, plural, vrk_nsec_format(over, news->over_ns), missed->all);
}

static void missed_handle(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s)
{
	struct missed_news news;
	uint64_t count = missed_add(&w->missed, s->time_ns, s->missed, &news);

	if (news.count > 0)
		missed_log(p, &w->missed, &news);
	if (count == 0)
		return;
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_MISSED, .domain = p->domain, .thread = p->thread,
						  .promise = p, .count = count });
}

static bool thread_has_ended(const struct manager *m, const struct promise *p)
{
	uint64_t start_ticks;
	int r = sysroot_start_ticks(m->root, p->tid, &start_ticks);

	return r == -ESRCH || (r >= 0 && start_ticks != p->start_ticks);
}

/* One that could not be watched when it was reserved (EMFILE, say) is watched from now on: a promise is never forgotten for that. */
int manager_sample(struct manager *m, const struct promise *promise, struct monitor_sample *ret)
{
	int r = monitor_sample(m->monitor, promise->tid, ret);

	if (r != -ESRCH || thread_has_ended(m, promise))
		return r;
	r = monitor_watch(m->monitor, promise);
	if (r >= 0)
		r = monitor_sample(m->monitor, promise->tid, ret);
	return r == -ESRCH ? -EAGAIN : r;
}

static void thread_look(struct manager *m, const struct promise *p)
{
	struct watched *w = watched_find(m, p->tid);
	struct monitor_sample s;
	int r;

	if (!w)
		return;
	r = manager_sample(m, p, &s);
	if (r == -ESRCH) {
		manager_forget(m, p, "ended");
		return;
	}
	if (r < 0) {
		log_debug("cannot look at thread %d: %s, ignoring", p->tid, strerror(-r));
		return;
	}
	if (!w->affinity_known) {
		w->affinity = s.affinity;
		w->affinity_known = true;
	}
	manager_partition_affinity(m, p, &s.affinity, &w->affinity);
	missed_handle(m, p, w, &s);
	if (s.now.policy == SCHED_DEADLINE) {	/* whoever brought it back: nothing waits any more */
		w->back_ns = 0;
		w->freed = false;
	}
	for (enum drift_kind kind = 0; kind < _DRIFT_MAX; kind++)
		drift_handle(m, p, w, &s, kind);
}

/* ---- the timer ---- */

/* Earlier than usual when a thread has rested before. */
static uint64_t next_look_us(const struct manager *m)
{
	uint64_t us = WATCH_PERIOD_US;
	nsec_t now = manager_now();

	for (size_t i = 0; i < m->n_watched; i++) {
		nsec_t back = m->watched[i].back_ns;

		if (back > now && (back - now) / NSEC_PER_USEC + 1 < us)
			us = (back - now) / NSEC_PER_USEC + 1;
	}
	return us;
}

static int on_watch(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	for (size_t i = m->ledger.n; i > 0; i--)	/* from behind: a promise may be forgotten on the way */
		if (i <= m->ledger.n)
			thread_look(m, &m->ledger.promises[i - 1]);
	if (m->ledger.n == 0)
		return 0;
	(void)sd_event_source_set_time_relative(source, next_look_us(m));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int timer_update(struct manager *m)
{
	int r, enabled;

	if (m->ledger.n == 0)
		return m->watch_timer ? sd_event_source_set_enabled(m->watch_timer, SD_EVENT_OFF) : 0;
	if (!m->watch_timer) {
		r = sd_event_add_time_relative(m->event, &m->watch_timer, CLOCK_MONOTONIC, WATCH_PERIOD_US,
					       WATCH_SLACK_US, on_watch, m);
		return r < 0 ? r : sd_event_source_set_description(m->watch_timer, "watch");
	}
	r = sd_event_source_get_enabled(m->watch_timer, &enabled);
	if (r < 0 || enabled != SD_EVENT_OFF)
		return r < 0 ? r : 0;
	r = sd_event_source_set_time_relative(m->watch_timer, WATCH_PERIOD_US);
	return r < 0 ? r : sd_event_source_set_enabled(m->watch_timer, SD_EVENT_ONESHOT);
}

static bool ledger_has_tid(const struct ledger *ledger, pid_t tid)
{
	for (size_t i = 0; i < ledger->n; i++)
		if (ledger->promises[i].tid == tid)
			return true;
	return false;
}

static int watched_add(struct manager *m, const struct promise *p)
{
	struct watched *list = reallocarray(m->watched, m->n_watched + 1, sizeof(*list));
	struct watched *w;

	if (!list)
		return -ENOMEM;
	m->watched = list;
	w = &list[m->n_watched++];
	*w = (struct watched) { .tid = p->tid };
	w->affinity_known = m->root->ops->affinity_get(m->root, p->tid, &w->affinity) >= 0;
	return 0;
}

int manager_watch_update(struct manager *m)
{
	size_t kept = 0;
	int r, failed = 0;	/* the first failure; the others are watched all the same */

	for (size_t i = 0; i < m->n_watched; i++) {
		if (ledger_has_tid(&m->ledger, m->watched[i].tid))
			m->watched[kept++] = m->watched[i];
		else
			monitor_unwatch(m->monitor, m->watched[i].tid);
	}
	m->n_watched = kept;
	for (size_t i = 0; i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];

		r = watched_find(m, p->tid) ? 0 : watched_add(m, p);
		if (r >= 0)
			r = monitor_watch(m->monitor, p);	/* again = with the parameters of now */
		if (r < 0 && r != -ESRCH && failed == 0)
			failed = r;
	}
	r = manager_partition_update(m);
	if (r < 0 && failed == 0)
		failed = r;
	r = timer_update(m);
	return failed < 0 ? failed : r;
}

void manager_watch_follow(struct manager *m)
{
	int r = manager_watch_update(m);

	if (r < 0)
		log_warning("cannot watch every reservation: %s, ignoring", strerror(-r));
}
