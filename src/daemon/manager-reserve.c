/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: check and reserve. Each is one straight line: look the threads up (manager-request.c), find CPUs (manager-place.c),
 * decide (admit.c), make the ledger that is wanted, commit it (manager-commit.c). What gives back is manager-release.c.
 *
 * The one complication is time: bandwidth that was given back belongs to its old owner until the 0-lag time, at most one
 * period later (the kernel keeps it too, and answers EBUSY). It counts as load meanwhile (manager-load.c); a request that
 * would fit but for it waits, and is decided anew from the start at each try. So does one for a thread that rests (manager-rest.c).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-private.h"

#define RETRY_FIRST_NS (1 * NSEC_PER_MSEC)
#define RETRY_MAX_NS   (50 * NSEC_PER_MSEC)
/* The time-out of a D-Bus call is 25 s mostly. */
#define REST_WAIT_MAX_NS (20 * NSEC_PER_SEC)

/* The request with its CPUs; for the caller to free. */
static int items_place(struct manager *m, const struct vm *vm, bool settled, const struct foreign *foreign,
		       const struct request_item *items, size_t n, struct request_item **ret, struct vr_error **reterr)
{
	_cleanup_(freep) struct request_item *placed = calloc(n, sizeof(*placed));
	int r;

	if (!placed)
		return -ENOMEM;
	memcpy(placed, items, n * sizeof(*placed));
	r = manager_place(m, vm, settled, foreign, placed, n, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(placed);
	return 0;
}

static bool items_contain(const struct request_item *items, size_t n, const char *thread)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].thread, thread) == 0)
			return true;
	return false;
}

/* Who reserves for some vCPUs of a domain may take the others for served: a yes says what they get. */
static int unreserved_tell(const struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			   struct verdict *verdict)
{
	const struct vm_thread *first = NULL;
	_cleanup_(freep) char *reason = NULL;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < vm->n_threads; i++) {
		const struct vm_thread *thread = &vm->threads[i];

		if (thread->kind != VM_THREAD_VCPU || ledger_find(&m->ledger, vm->name, thread->name) ||
		    items_contain(items, n, thread->name))
			continue;
		first = first ?: thread;
		count++;
	}
	if (!verdict->analysis.ok || count == 0)
		return 0;
	reason = TAKE_PTR(verdict->reason);
	r = count == 1 ? asprintf(&verdict->reason, "%s; %s of %s has no reservation: it runs in what reservations leave", reason,
				  first->name, vm->name) :
			 asprintf(&verdict->reason,
				  "%s; %s and %zu more vCPU%s of %s have no reservation: they run in what reservations leave", reason,
				  first->name, count - 1, count == 2 ? "" : "s", vm->name);
	if (r >= 0)
		return 0;
	verdict->reason = TAKE_PTR(reason);
	return -ENOMEM;
}

int manager_check(struct manager *m, const char *domain, const struct request_item *items, size_t n,
		  struct verdict *ret, struct vr_error **reterr)
{
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	_cleanup_(freep) struct request_item *placed = NULL;
	struct vm *vm;
	int r;

	r = manager_vm_lookup(m, domain, &vm, reterr);
	if (r >= 0)
		r = manager_request_check(m, vm, items, n, reterr);
	if (r >= 0)
		r = manager_load_foreign(m, false, domain, items, n, &foreign, reterr);
	if (r >= 0)
		r = items_place(m, vm, true, &foreign, items, n, &placed, reterr);
	if (r >= 0)
		r = admit_decide(&m->regime, &m->ledger, &foreign, domain, placed, n, ret);
	if (r >= 0 && ret->analysis.ok)
		r = manager_place_settles(m, vm, placed, n, reterr);
	return r < 0 ? r : unreserved_tell(m, vm, items, n, ret);
}

/* ---- reserve ---- */

static int want_make(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
		     struct ledger *ret, struct vr_error **reterr)
{
	int r;

	r = ledger_copy(&m->ledger, ret);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);
		struct promise *old = ledger_find(ret, vm->name, items[i].thread);
		struct promise p = {
			.domain = vm->name, .pid = vm->pid, .tid = thread->tid, .start_ticks = thread->start_ticks,
			.reservation = items[i].reservation, .soft = items[i].soft,
		};

		if (old) {
			old->reservation = items[i].reservation;
			old->soft = items[i].soft;
			continue;
		}
		memcpy(p.thread, thread->name, sizeof(p.thread));
		r = m->root->ops->sched_get(m->root, thread->tid, &p.before);
		if (r < 0)
			return r == -ESRCH ? vr_error_set(reterr, r, VR_THREAD_GONE, "%s of %s (thread %d) has ended", p.thread, vm->name, p.tid) :
					     vr_error_set(reterr, r, VR_FAILED, "cannot read the scheduling of %s of %s (thread %d): %s",
							  p.thread, vm->name, p.tid, strerror(-r));
		r = ledger_add(ret, &p);
	}
	return r < 0 ? r : manager_want_partitions(m, vm, items, n, ret, reterr);
}

/*
 * What follows a reservation that is in force. Whoever asked has the answer before: he need not wait until it is watched, and
 * logged, and all who listen have heard.
 */
static void reserved_follow_up(struct manager *m, const char *domain, const struct request_item *items, size_t n)
{
	manager_watch_follow(m);
	for (size_t i = 0; i < n; i++) {
		const struct promise *p = ledger_find(&m->ledger, domain, items[i].thread);
		char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];

		if (!p)
			continue;	/* whoever asked has given it back in his callback */
		log_line(LOG_INFO, &(struct log_about) { MSG_RESERVED, domain, p->thread },
			 "%s of %s has %s in every %s", p->thread, domain,
			 vrk_nsec_format(budget, p->reservation.budget_ns),
			 vrk_nsec_format(period, p->reservation.period_ns));
		manager_tell(m, &(struct manager_event) { .kind = MANAGER_RESERVED, .domain = domain,
							  .thread = p->thread, .promise = p });
	}
}

static int overload_set(const struct verdict *verdict, struct vr_error **reterr)
{
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "%s%s%s", verdict->reason,
			    verdict->repair_text[0] ? "; " : "", verdict->repair_text);
}

/* A smaller reservation in the place of a larger one: until its period ends the old one may still be owed. */
static void returning_add_replaced(struct manager *m, const struct ledger *before)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct promise *old = &before->promises[i];
		const struct promise *new = ledger_find(&m->ledger, old->domain, old->thread);

		if (!new)
			continue;
		if (vrk_bw(new->reservation.budget_ns, new->reservation.period_ns) <
		    vrk_bw(old->reservation.budget_ns, old->reservation.period_ns)) {
			returning_add(m, old);
			manager_intents_room(m);
		}
	}
}

static int reserve_apply(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			 struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger want = { 0 };
	_cleanup_(ledger_done) struct ledger before = { 0 };
	int r;

	if (m->options.dry_run)
		return vr_error_set(reterr, -EROFS, VR_DRY_RUN,
				    "it would fit, but this daemon runs with --dry-run and writes nothing");
	r = want_make(m, vm, items, n, &want, reterr);
	if (r >= 0)
		r = ledger_copy(&m->ledger, &before);
	if (r >= 0)
		r = manager_commit(m, &want, reterr);
	if (r < 0)
		return r;
	returning_add_replaced(m, &before);
	return 0;
}

/* -EAGAIN: a thread rests. Longer than a client waits for an answer: then it is better told so. */
static int rest_check(struct manager *m, const char *domain, const struct request_item *items, size_t n,
		      struct vr_error **reterr)
{
	nsec_t until = m->options.dry_run ? 0 : manager_rests_until(m, domain, items, n);
	nsec_t now = manager_now();
	char rest[VRK_NSEC_STRLEN];

	if (until <= now)
		return 0;
	if (until - now <= REST_WAIT_MAX_NS)
		return -EAGAIN;
	return vr_error_set(reterr, -EBUSY, VR_KERNEL_BUSY,
			    "a thread of %s may have overdrawn a reservation that it has left, and the kernel takes it back only in %s: "
			    "try again then", domain, vrk_nsec_format(rest, until - now));
}

/*
 * One try, decided from the start. -EAGAIN: it would fit once returning bandwidth is back, and threads have rested.
 */
static int reserve_try(struct manager *m, const char *domain, const struct request_item *items, size_t n,
		       struct verdict *verdict, struct vr_error **reterr)
{
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) struct request_item *placed = NULL;
	struct vm *vm;
	int r;

	r = manager_vm_lookup(m, domain, &vm, reterr);
	if (r >= 0)
		r = manager_request_check(m, vm, items, n, reterr);
	if (r >= 0)
		r = manager_duplicate_check(m, vm, items, n, reterr);
	if (r >= 0)
		r = manager_load_foreign(m, true, domain, items, n, &foreign, reterr);
	if (r >= 0)
		r = items_place(m, vm, m->options.dry_run, &foreign, items, n, &placed, reterr);
	if (r >= 0)
		r = admit_decide(&m->regime, &m->ledger, &foreign, domain, placed, n, verdict);
	if (r < 0)
		return r;
	if (!verdict->analysis.ok && m->n_returning > 0) {
		foreign.n -= m->n_returning;	/* they were added last */
		verdict_done(verdict);
		r = admit_decide(&m->regime, &m->ledger, &foreign, domain, placed, n, verdict);
		if (r < 0)
			return r;
		if (verdict->analysis.ok)
			return -EAGAIN;
	}
	if (!verdict->analysis.ok)
		return overload_set(verdict, reterr);
	r = rest_check(m, domain, items, n, reterr);
	if (r >= 0)
		r = unreserved_tell(m, vm, items, n, verdict);
	if (r < 0)
		return r;
	r = reserve_apply(m, vm, placed, n, &err);
	if (r == -EBUSY && (returning_until(m) > 0 || manager_rests_until(m, domain, items, n) > manager_now() || manager_books_mend(m)))
		return -EAGAIN;
	if (r < 0 && reterr)
		*reterr = TAKE_PTR(err);
	return r;
}

/* ---- waiting ---- */

static struct request_item *items_copy(const struct request_item *items, size_t n)
{
	struct request_item *copy = calloc(n, sizeof(*items));

	if (copy)
		memcpy(copy, items, n * sizeof(*items));
	return copy;
}

static void waiting_free(struct waiting *w)
{
	sd_event_source_disable_unref(w->timer);
	free(w->domain);
	free(w->items);
	free(w);
}

static void waiting_unlink(struct waiting *w)
{
	struct waiting **p = &w->manager->waiting;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
}

static void waiting_finish(struct waiting *w, int r, const struct verdict *verdict, const struct vr_error *err)
{
	waiting_unlink(w);
	w->done(r, verdict, err, w->userdata);
	if (r >= 0)
		reserved_follow_up(w->manager, w->domain, w->items, w->n);
	waiting_free(w);
}

/* A rest has a known end: no use to try before it. */
static nsec_t waiting_delay(const struct waiting *w)
{
	nsec_t until = manager_rests_until(w->manager, w->domain, w->items, w->n);
	nsec_t now = manager_now();

	return until > now + w->delay_ns ? until - now + RETRY_FIRST_NS : w->delay_ns;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(verdict_done) struct verdict verdict = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct waiting *w = userdata;
	int r;

	r = reserve_try(w->manager, w->domain, w->items, w->n, &verdict, &err);
	if (r == -EAGAIN && manager_now() - w->since_ns > REST_WAIT_MAX_NS)
		r = vr_error_set(&err, -EBUSY, VR_KERNEL_BUSY,
				 "the kernel holds what %s or others have given back for longer than this could wait: try again", w->domain);
	if (r == -EAGAIN) {
		w->delay_ns = w->delay_ns * 2 < RETRY_MAX_NS ? w->delay_ns * 2 : RETRY_MAX_NS;
		w->delay_ns = waiting_delay(w);
		r = sd_event_source_set_time_relative(source, w->delay_ns / NSEC_PER_USEC);
		if (r >= 0)
			r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
		if (r >= 0)
			return 0;
	}
	waiting_finish(w, r, &verdict, err);
	return 0;
}

static int waiting_new(struct manager *m, const char *domain, const struct request_item *items, size_t n,
		       manager_reserve_done done, void *userdata)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->manager = m;
	w->done = done;
	w->userdata = userdata;
	w->n = n;
	w->delay_ns = RETRY_FIRST_NS;
	w->since_ns = manager_now();
	w->domain = strdup(domain);
	w->items = items_copy(items, n);
	if (w->domain && w->items) {
		w->delay_ns = waiting_delay(w);
		r = sd_event_add_time_relative(m->event, &w->timer, CLOCK_MONOTONIC, w->delay_ns / NSEC_PER_USEC, 100,
					       on_retry, w);
	}
	if (r < 0) {
		waiting_free(w);
		return r;
	}
	w->next = m->waiting;
	m->waiting = w;
	return 0;
}

void manager_cancel(struct manager *m, void *userdata)
{
	struct waiting *next;

	for (struct waiting *w = m->waiting; w; w = next) {
		next = w->next;
		if (w->userdata == userdata)
			waiting_finish(w, -ECANCELED, NULL, NULL);
	}
}

void manager_waiting_free(struct manager *m)
{
	while (m->waiting)
		waiting_finish(m->waiting, -ECANCELED, NULL, NULL);
}

int manager_reserve(struct manager *m, const char *domain, const struct request_item *items, size_t n,
		    manager_reserve_done done, void *userdata)
{
	_cleanup_(verdict_done) struct verdict verdict = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) struct request_item *copy = NULL;
	_cleanup_(freep) char *name = NULL;
	int r;

	r = reserve_try(m, domain, items, n, &verdict, &err);
	if (r == -EAGAIN)
		return waiting_new(m, domain, items, n, done, userdata);
	if (r == -EDQUOT)
		log_line(LOG_NOTICE, &(struct log_about) { MSG_REFUSED, domain, items[0].thread },
			 "%s: refused: %s", domain, err && err->text ? err->text : "out of memory");
	if (r < 0) {
		done(r, &verdict, err, userdata);
		return 0;
	}
	copy = items_copy(items, n);	/* the callback may free what it asked with */
	name = strdup(domain);
	done(r, &verdict, err, userdata);
	reserved_follow_up(m, name, copy, copy && name ? n : 0);
	return 0;
}
