/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first thing a new daemon does: read what its predecessor wrote down, and make state file, ledger and kernel agree
 * again, whatever the instruction was at which it died.
 *
 *   a plan under way   is undone: what of it reached the kernel goes back to the old values; CPUs that it gave to threads of their own
 *                      when these have rested
 *   a promise in force is adopted when its thread still lives; one whose thread has ended is forgotten
 *   a thread that rests goes on resting until then; one whose plan was undone rests from now
 *   a damaged file     is set aside with a warning, never overwritten; threads keep what they have
 */
#include <string.h>

#include "log.h"
#include "manager-private.h"

static int plan_undo(struct manager *m, struct ledger *ledger, struct plan *plan, struct vr_error **reterr)
{
	size_t foreign = 0;
	int r;

	r = manager_rest_made(m, ledger, plan);
	if (r < 0)
		return r;
	r = apply_undo(m->root, plan, &foreign, reterr);
	manager_rest_undone(ledger, plan);
	manager_rest_plan(m, ledger, plan);
	if (r < 0)
		return r;
	log_line(LOG_NOTICE, &(struct log_about) { MSG_RECOVERED, NULL, NULL },
		 "a predecessor died while it changed %zu thread%s: undone%s", plan->n, plan->n == 1 ? "" : "s",
		 foreign ? ", except what somebody else has changed since" : "");
	return 0;
}

static bool promise_lives(struct manager *m, const struct promise *p)
{
	uint64_t start_ticks;

	return sysroot_start_ticks(m->root, p->tid, &start_ticks) >= 0 && start_ticks == p->start_ticks;
}

int manager_recover(struct manager *m, struct vr_error **reterr)
{
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r;

	r = state_load(m->state, &ledger, &plan, &err);
	if (r == -EBADMSG) {
		log_line(LOG_WARNING, &(struct log_about) { MSG_STATE_DAMAGED, NULL, NULL },
			 "the state of the last daemon cannot be read, it is set aside: %s", err ? err->text : "");
		return state_set_aside(m->state, reterr);
	}
	if (r < 0) {
		if (reterr)
			*reterr = TAKE_PTR(err);
		return r;
	}
	if (plan.n > 0) {
		r = plan_undo(m, &ledger, &plan, reterr);
		if (r < 0)
			return r;
	}
	for (size_t i = ledger.n; i > 0; i--)
		if (!promise_lives(m, &ledger.promises[i - 1]))
			ledger_remove(&ledger, ledger.promises[i - 1].domain, ledger.promises[i - 1].thread);
	if (ledger.n > 0)
		log_line(LOG_INFO, &(struct log_about) { MSG_RECOVERED, NULL, NULL },
			 "adopted %zu reservation%s of the last daemon", ledger.n, ledger.n == 1 ? "" : "s");
	m->ledger = ledger;
	ledger = (struct ledger) { 0 };
	return state_save(m->state, &m->ledger, NULL, reterr);
}
