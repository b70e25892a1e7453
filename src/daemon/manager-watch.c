/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is it still so? While there is a promise, a timer looks at every reserved thread about once a second: has somebody else
 * written its policy, parameters or affinity (drift), did it miss budgets, has it ended? Without a promise there is no timer.
 *
 * Drift is told once for each new value. With repair the promised value is written back, as a plan like any other.
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

static struct watched *watched_find(const struct manager *m, pid_t tid)
{
	for (size_t i = 0; i < m->n_watched; i++)
		if (m->watched[i].tid == tid)
			return &m->watched[i];
	return NULL;
}

const char *manager_drift(const struct manager *m, const struct promise *promise)
{
	const struct watched *w = watched_find(m, promise->tid);

	for (size_t i = 0; w && i < _DRIFT_MAX; i++)
		if (w->drift[i][0])
			return w->drift[i];
	return "";
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

static void drift_find(const struct promise *p, const struct watched *w, const struct monitor_sample *s,
		       enum drift_kind kind, struct drift *ret)
{
	struct sched_state promised;

	*ret = (struct drift) { 0 };
	promise_sched_state(p, &promised);
	if (kind == DRIFT_SCHED && !sched_state_equal(&s->now, &promised)) {
		ret->what = s->now.policy == promised.policy ? "parameters" : "policy";
		state_format(ret->old, sizeof(ret->old), &promised);
		state_format(ret->new, sizeof(ret->new), &s->now);
	} else if (kind == DRIFT_AFFINITY && w->affinity_known && !CPU_EQUAL(&w->affinity, &s->affinity)) {
		ret->what = "affinity";
		affinity_format(ret->old, sizeof(ret->old), &w->affinity);
		affinity_format(ret->new, sizeof(ret->new), &s->affinity);
	}
}

static int repair_sched(struct manager *m, const struct promise *p, const struct sched_state *now,
			struct vr_error **reterr)
{
	struct step step = { .kind = STEP_SCHED, .tid = p->tid, .start_ticks = p->start_ticks, .old = *now };
	struct plan plan = { .steps = &step, .n = 1 };
	_cleanup_(freep) char *label = NULL;
	int r;

	if (asprintf(&label, "%s of %s", p->thread, p->domain) < 0) {
		label = NULL;
		return -ENOMEM;
	}
	step.label = label;
	promise_sched_state(p, &step.new);
	r = state_save(m->state, &m->ledger, &plan, reterr);
	if (r < 0)
		return r;
	r = apply_plan(m->root, &plan, reterr);
	(void)state_save(m->state, &m->ledger, NULL, NULL);
	return r;
}

static int repair_affinity(struct manager *m, const struct promise *p, const struct watched *w)
{
	cpu_set_t now;
	int r;

	r = m->root->ops->affinity_set(m->root, p->tid, &w->affinity);
	if (r >= 0)
		r = m->root->ops->affinity_get(m->root, p->tid, &now);
	return r < 0 ? r : CPU_EQUAL(&now, &w->affinity) ? 0 : -EIO;
}

static void drift_handle(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s,
			 enum drift_kind kind)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char *told = w->drift[kind], text[sizeof(w->drift[kind])];
	const char *action = "reported";
	struct drift drift;
	bool news;
	int r = 0;

	drift_find(p, w, s, kind, &drift);
	if (!drift.what) {
		told[0] = '\0';
		return;
	}
	snprintf(text, sizeof(text), "%s: %.70s, promised %.60s", drift.what, drift.new, drift.old);
	news = strcmp(text, told) != 0;
	memcpy(told, text, sizeof(text));
	if (m->options.repair_drift && !m->options.dry_run) {
		r = kind == DRIFT_AFFINITY ? repair_affinity(m, p, w) : repair_sched(m, p, &s->now, &err);
		action = r < 0 ? "failed" : "repaired";
		if (r >= 0)
			told[0] = '\0';
	}
	if (!news && r < 0)
		return;		/* told already; it is tried again each time */
	if (!news && !m->options.repair_drift)
		return;
	log_line(LOG_WARNING, &(struct log_about) { MSG_DRIFT, p->domain, p->thread },
		 "somebody changed the %s of %s of %s from %s to %s: %s%s%s", drift.what, p->thread, p->domain,
		 drift.old, drift.new, action, r < 0 ? ": " : "", r < 0 ? (err && err->text ? err->text : strerror(-r)) : "");
	manager_tell(m, &(struct manager_event) {
		.kind = MANAGER_DRIFT, .domain = p->domain, .thread = p->thread, .promise = p, .what = drift.what,
		.old_value = drift.old, .new_value = drift.new, .action = action });
}

static void missed_handle(struct manager *m, const struct promise *p, struct watched *w, const struct monitor_sample *s)
{
	uint64_t count = s->missed > w->missed ? s->missed - w->missed : 0;

	w->missed = s->missed;
	if (count == 0)
		return;
	log_line(LOG_WARNING, &(struct log_about) { MSG_MISSED, p->domain, p->thread },
		 "%s of %s did not get its budget in %" PRIu64 " period%s", p->thread, p->domain, count,
		 count == 1 ? "" : "s");
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_MISSED, .domain = p->domain, .thread = p->thread,
						  .promise = p, .count = count });
}

static void thread_look(struct manager *m, const struct promise *p)
{
	struct watched *w = watched_find(m, p->tid);
	struct monitor_sample s;
	int r;

	if (!w)
		return;
	r = monitor_sample(m->monitor, p->tid, &s);
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
	missed_handle(m, p, w, &s);
	for (enum drift_kind kind = 0; kind < _DRIFT_MAX; kind++)
		drift_handle(m, p, w, &s, kind);
}

int manager_sample(struct manager *m, const struct promise *promise, struct monitor_sample *ret)
{
	return monitor_sample(m->monitor, promise->tid, ret);
}

/* ---- the timer ---- */

static int on_watch(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	for (size_t i = m->ledger.n; i > 0; i--)	/* from behind: a promise may be forgotten on the way */
		if (i <= m->ledger.n)
			thread_look(m, &m->ledger.promises[i - 1]);
	if (m->ledger.n == 0)
		return 0;
	(void)sd_event_source_set_time_relative(source, WATCH_PERIOD_US);
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
	int r;

	for (size_t i = 0; i < m->n_watched; i++) {
		if (ledger_has_tid(&m->ledger, m->watched[i].tid))
			m->watched[kept++] = m->watched[i];
		else
			monitor_unwatch(m->monitor, m->watched[i].tid);
	}
	m->n_watched = kept;
	for (size_t i = 0; i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];

		if (!watched_find(m, p->tid)) {
			r = watched_add(m, p);
			if (r < 0)
				return r;
		}
		r = monitor_watch(m->monitor, p);	/* again = with the parameters of now */
		if (r < 0 && r != -ESRCH)
			return r;
	}
	return timer_update(m);
}
