/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes into the parser of state.json. What it takes, it must write and take again; what it refuses, it must refuse
 * with one line.
 */
#include <assert.h>
#include <string.h>

#include "state-json.h"
#include "state.h"

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refused(const struct vr_error *err)
{
	assert(err && err->reason == VR_BAD_STATE && err->text && *err->text);
	for (const char *c = err->text; *c; c++)
		assert(*c >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, again = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 }, plan_again = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *text = NULL;
	int r;

	r = state_parse((const char *)data, size, BOOT, &ledger, &plan, &err);
	if (r < 0) {
		assert(r == -EBADMSG);
		refused(err);
		return 0;
	}
	assert(!err && state_compose(&ledger, &plan, BOOT, &text) == 0);
	r = state_parse(text, strlen(text), BOOT, &again, &plan_again, &err);
	assert(r == 0 && again.n == ledger.n && plan_again.n == plan.n);
	for (size_t i = 0; i < ledger.n; i++) {
		const struct promise *p = &ledger.promises[i];

		assert(strcmp(p->domain, again.promises[i].domain) == 0 && p->tid > 0 && p->pid > 0);
		assert(p->reservation.budget_ns > 0 && p->reservation.budget_ns <= p->reservation.deadline_ns &&
		       p->reservation.deadline_ns <= p->reservation.period_ns);
	}
	return 0;
}
