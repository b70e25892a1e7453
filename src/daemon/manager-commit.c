/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one ledger to another: the steps between them are written down with all old values, carried out, and the new ledger is
 * written down without them. Killed in between, the next virtrkd undoes what of them has reached the kernel (manager-recover.c).
 *
 * Called by whoever changes the ledger: requests, releases, CPUs that are given back. Decides nothing, tells nobody.
 */
#include "manager-private.h"

static void ledger_take(struct manager *m, struct ledger *from)
{
	ledger_done(&m->ledger);
	m->ledger = *from;
	*from = (struct ledger) { 0 };
}

/*
 * The promises are what they were. @undone has all CPUs that the plan was to give: those that stay with a thread until it has
 * rested remain in it. Should the file not be written, it has the plan still, and the next virtrkd undoes it again.
 */
static void commit_undone(struct manager *m, const struct plan *plan, struct ledger *undone)
{
	_cleanup_(vr_error_freep) struct vr_error *ignored = NULL;

	manager_rest_undone(undone, plan);
	manager_rest_plan(m, undone, plan);
	(void)state_save(m->state, undone, NULL, &ignored);
	ledger_take(m, undone);
	(void)manager_partition_update(m);
}

int manager_commit(struct manager *m, struct ledger *want, struct vr_error **reterr)
{
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(ledger_done) struct ledger undone = { 0 };
	int r;

	r = plan_diff(&m->ledger, want, &plan);
	if (r >= 0)
		r = ledger_copy(&m->ledger, &undone);
	if (r >= 0)
		r = manager_rest_made(m, &undone, &plan);
	if (r >= 0)
		r = manager_plan_freezers(m, &plan, reterr);
	if (r >= 0)
		r = state_save(m->state, &m->ledger, &plan, reterr);
	if (r < 0)
		return r;
	r = apply_plan(m->root, &plan, reterr);
	if (r < 0) {
		commit_undone(m, &plan, &undone);
		return r;
	}
	manager_rest_plan(m, want, &plan);
	r = state_save(m->state, want, NULL, reterr);
	if (r < 0) {
		_cleanup_(vr_error_freep) struct vr_error *ignored = NULL;

		/* The kernel has it, the file does not: a crash now would undo it. Better to undo it ourselves. */
		(void)apply_undo(m->root, &plan, NULL, &ignored);
		commit_undone(m, &plan, &undone);
		return r;
	}
	ledger_take(m, want);
	return 0;
}
