/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: check, reserve, release. Each is one straight line: look the threads up, decide (admit.c), make the
 * ledger that is wanted, commit it (write down, apply, write down).
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

/* ---- is the request well formed? ---- */

#define NAMES_SHOWN    5
#define NAME_SHOWN_MAX 48
#define NAMES_STRLEN   320

/* "running are a, b and 7 more (virtrk list)": a few names say at once what was mistyped. */
static void names_running(const struct manager *m, char buf[NAMES_STRLEN])
{
	size_t at, shown = 0;

	at = (size_t)snprintf(buf, NAMES_STRLEN, "%s", m->vms.n == 0 ? "none is running" :
						       m->vms.n == 1 ? "running is " : "running are ");
	for (size_t i = 0; i < m->vms.n && shown < NAMES_SHOWN; i++)
		if (strlen(m->vms.vms[i]->name) <= NAME_SHOWN_MAX)	/* not cut: half a character is none */
			at += (size_t)snprintf(buf + at, NAMES_STRLEN - at, "%s%s", shown++ == 0 ? "" : ", ",
					       m->vms.vms[i]->name);
	if (m->vms.n > shown)
		snprintf(buf + at, NAMES_STRLEN - at, "%s%zu more (virtrk list)", shown == 0 ? "" : " and ", m->vms.n - shown);
}

static int vm_lookup(struct manager *m, const char *domain, struct vm **ret, struct vr_error **reterr)
{
	char running[NAMES_STRLEN];

	*ret = vm_table_by_name(&m->vms, domain);
	if (*ret)
		return 0;
	names_running(m, running);
	return vr_error_set(reterr, -ENXIO, VR_NO_DOMAIN, "no domain is called %s: %s", domain, running);
}

static int thread_lookup(const struct vm *vm, const char *name, const struct vm_thread **ret, struct vr_error **reterr)
{
	enum vm_thread_kind kind;
	uint32_t index;

	if (vm_thread_name_parse(name, &kind, &index) < 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD,
				    "\"%s\" names no thread: expected vcpuN, emulator, iothreadN or vhostN", name);
	*ret = vm_find_thread(vm, name);
	if (*ret)
		return 0;
	if (kind == VM_THREAD_VCPU && vm->vcpus_unknown)
		return vr_error_set(reterr, -ENOENT, VR_NO_THREAD,
				    "the vCPU threads of %s cannot be told apart%s%s: start QEMU with "
				    "-name guest=%s,debug-threads=on or a QMP socket", vm->name,
				    vm->vcpus_reason ? ", " : "", vm->vcpus_reason ?: "", vm->name);
	return vr_error_set(reterr, -ENOENT, VR_NO_THREAD, "%s has no %s: it has %zu %s thread%s", vm->name, name,
			    vm_count(vm, kind), vm_thread_kind_name(kind), vm_count(vm, kind) == 1 ? "" : "s");
}

static int reservation_check(const struct manager *m, const struct request_item *item, struct vr_error **reterr)
{
	static const enum vr_reason reasons[] = {
		[VRK_RULE_BUDGET_ZERO] = VR_BAD_BUDGET,	     [VRK_RULE_BUDGET_MIN] = VR_BAD_BUDGET,
		[VRK_RULE_BUDGET_DEADLINE] = VR_BAD_BUDGET,  [VRK_RULE_DEADLINE_PERIOD] = VR_BAD_DEADLINE,
		[VRK_RULE_PERIOD_MIN] = VR_BAD_PERIOD,	     [VRK_RULE_PERIOD_MAX] = VR_BAD_PERIOD,
		[VRK_RULE_TIME_MAX] = VR_BAD_PERIOD,
	};
	char *text = NULL;
	struct vrk_verdict v;
	struct vrk_host host;
	int r;

	admit_host(&m->regime, &host);
	r = vrk_reservation_check(&host, &item->reservation, &v);
	if (r < 0 || v.ok)
		return r;
	r = admit_rule_text(item->thread, &v, &text);
	if (r < 0)
		return r;
	r = vr_error_set(reterr, -EINVAL, reasons[v.rule], "%s", text);
	free(text);
	return r;
}

int manager_items_check(const struct manager *m, const struct request_item *items, size_t n, struct vr_error **reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = reservation_check(m, &items[i], reterr);
	return r;
}

static int request_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			 struct vr_error **reterr)
{
	int r;

	if (n == 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "the request names no thread");
	for (size_t i = 0; i < n; i++) {
		const struct vm_thread *thread;

		for (size_t k = 0; k < i; k++)
			if (strcmp(items[i].thread, items[k].thread) == 0)
				return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
						    "%s stands twice in the request", items[i].thread);
		r = thread_lookup(vm, items[i].thread, &thread, reterr);
		if (r >= 0)
			r = reservation_check(m, &items[i], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int duplicate_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			   struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++)
		if (!items[i].replace && ledger_find(&m->ledger, vm->name, items[i].thread))
			return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
					    "%s of %s has a reservation already: release it first, or ask to replace it",
					    items[i].thread, vm->name);
	return 0;
}

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

	r = vm_lookup(m, domain, &vm, reterr);
	if (r >= 0)
		r = request_check(m, vm, items, n, reterr);
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

/* ---- commit ---- */

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

static void watch_update(struct manager *m)
{
	int r = manager_watch_update(m);

	if (r < 0)
		log_warning("cannot watch every reservation: %s, ignoring", strerror(-r));
}

/*
 * What follows a reservation that is in force. Whoever asked has the answer before: he need not wait until it is watched, and
 * logged, and all who listen have heard.
 */
static void reserved_follow_up(struct manager *m, const char *domain, const struct request_item *items, size_t n)
{
	watch_update(m);
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

	r = vm_lookup(m, domain, &vm, reterr);
	if (r >= 0)
		r = request_check(m, vm, items, n, reterr);
	if (r >= 0)
		r = duplicate_check(m, vm, items, n, reterr);
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

/* ---- release ---- */

void manager_forget(struct manager *m, const struct promise *promise, const char *why)
{
	struct promise p = *promise;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *domain = strdup(p.domain);
	int r;

	if (!domain)
		return;
	returning_add(m, &p);
	monitor_unwatch(m->monitor, p.tid);
	ledger_remove(&m->ledger, domain, p.thread);
	if (m->state) {
		r = state_save(m->state, &m->ledger, NULL, &err);
		if (r < 0)
			log_error("cannot write the state: %s", err && err->text ? err->text : strerror(-r));
	}
	log_line(LOG_INFO, &(struct log_about) { MSG_RELEASED, domain, p.thread }, "%s of %s is released: %s", p.thread,
		 domain, why);
	p.domain = domain;
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_RELEASED, .domain = domain, .thread = p.thread,
						  .promise = &p, .what = why });
	(void)manager_watch_update(m);
	manager_intents_room(m);
}

static bool names_contain(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

static int release_check(struct manager *m, const char *domain, const char *const *threads, size_t n,
			 struct vr_error **reterr)
{
	struct vm *vm;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < m->ledger.n; i++)
		count += strcmp(m->ledger.promises[i].domain, domain) == 0;
	if (count == 0) {
		r = vm_lookup(m, domain, &vm, reterr);
		return r < 0 ? r : vr_error_set(reterr, -ENODATA, VR_NOT_RESERVED, "%s has no reservation", domain);
	}
	for (size_t i = 0; i < n; i++) {
		enum vm_thread_kind kind;
		uint32_t index;

		if (vm_thread_name_parse(threads[i], &kind, &index) < 0)
			return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD,
					    "\"%s\" names no thread: expected vcpuN, emulator, iothreadN or vhostN",
					    threads[i]);
		if (!ledger_find(&m->ledger, domain, threads[i]))
			return vr_error_set(reterr, -ENODATA, VR_NOT_RESERVED, "%s of %s has no reservation", threads[i],
					    domain);
	}
	return 0;
}

/* What somebody else has overwritten is not ours to give back: the promise is forgotten and the thread left alone. */
static void forget_foreign(struct manager *m, const char *domain, const char *const *threads, size_t n)
{
	for (size_t i = m->ledger.n; i > 0; i--) {
		const struct promise *p = &m->ledger.promises[i - 1];
		struct sched_state now, promised;

		if (strcmp(p->domain, domain) != 0 || !names_contain(threads, n, p->thread))
			continue;
		promise_sched_state(p, &promised);
		if (m->root->ops->sched_get(m->root, p->tid, &now) < 0 || sched_state_equal(&now, &promised))
			continue;
		if (now.policy != SCHED_DEADLINE)
			manager_rest(m, &m->ledger, p);		/* it left when nobody looked: perhaps just now */
		manager_forget(m, p, "foreign");
	}
}

int manager_release(struct manager *m, const char *domain, const char *const *threads, size_t n,
		    struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger want = { 0 };
	_cleanup_(ledger_done) struct ledger before = { 0 };
	int r;

	r = release_check(m, domain, threads, n, reterr);
	if (r < 0)
		return r;
	if (m->options.dry_run)
		return vr_error_set(reterr, -EROFS, VR_DRY_RUN, "this daemon runs with --dry-run and writes nothing");
	forget_foreign(m, domain, threads, n);
	r = ledger_copy(&m->ledger, &want);
	if (r >= 0)
		r = ledger_copy(&m->ledger, &before);
	for (size_t i = want.n; r >= 0 && i > 0; i--)
		if (strcmp(want.promises[i - 1].domain, domain) == 0 &&
		    names_contain(threads, n, want.promises[i - 1].thread))
			ledger_remove(&want, domain, want.promises[i - 1].thread);
	if (r >= 0)
		r = manager_commit(m, &want, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < before.n; i++) {
		const struct promise *p = &before.promises[i];

		if (ledger_find(&m->ledger, p->domain, p->thread))
			continue;
		returning_add(m, p);
		log_line(LOG_INFO, &(struct log_about) { MSG_RELEASED, domain, p->thread }, "%s of %s is released",
			 p->thread, domain);
		manager_tell(m, &(struct manager_event) { .kind = MANAGER_RELEASED, .domain = domain,
							  .thread = p->thread, .promise = p, .what = "asked" });
	}
	manager_intents_room(m);
	watch_update(m);
	return 0;
}
