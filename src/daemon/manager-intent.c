/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the metadata of libvirt's domains ask for (virtrk-domain(5)), made true:
 *
 *   started    all threads that are named and there, as one request; a vCPU that is plugged later gets its own then
 *   changed    what is new or other, in the place of what was; threads that are no longer named give theirs back
 *   refused    nothing changes; journal and signal tell, once
 *
 * A thread that has a reservation already keeps it (an earlier virtrkd's, a file's of domains.d, an operator's), until its line in
 * the metadata changes. Metadata that cannot be read change nothing.
 *
 * Called by manager.c with what the sources tell. Asks for nothing itself but by manager_reserve() and manager_release().
 */
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "intent.h"
#include "log.h"
#include "manager-private.h"

/* What is known of one process. */
struct known_intent {
	pid_t pid;
	struct intent *intent;
	bool *asked;		/* of each item: it was asked for since its thread is there */
	char *trouble;		/* as told last; NULL = none */
	struct known_intent *next;
};

static void known_free(struct known_intent *known)
{
	intent_free(known->intent);
	free(known->asked);
	free(known->trouble);
	free(known);
}

static struct known_intent *known_find(const struct manager *m, pid_t pid)
{
	for (struct known_intent *known = m->intents; known; known = known->next)
		if (known->pid == pid)
			return known;
	return NULL;
}

void manager_intent_forget(struct manager *m, pid_t pid)
{
	for (struct known_intent **link = &m->intents; *link; link = &(*link)->next) {
		struct known_intent *known = *link;

		if (known->pid != pid)
			continue;
		*link = known->next;
		known_free(known);
		return;
	}
}

void manager_intents_free(struct manager *m)
{
	while (m->intents)
		manager_intent_forget(m, m->intents->pid);
}

/* ---- refused ---- */

void manager_refused(struct manager *m, const char *domain, const char *words)
{
	log_line(LOG_WARNING, &(struct log_about) { MSG_REFUSED, domain, NULL },
		 "%s: its metadata ask for what it does not get: %s", domain, words);
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_REFUSED, .domain = domain, .what = words });
}

struct asking {
	struct manager *m;
	char *domain;
};

static void on_asked(int r, const struct verdict *verdict, const struct vr_error *error, void *userdata)
{
	struct asking *asking = userdata;

	if (r < 0 && r != -ECANCELED)
		manager_refused(asking->m, asking->domain, error && error->text ? error->text : strerror(-r));
	if (r != -ECANCELED)
		manager_prepared_started(asking->m, asking->domain);
	free(asking->domain);
	free(asking);
}

/* ---- asked for ---- */

static int item_make(const struct intent_item *from, struct request_item *to)
{
	*to = (struct request_item) {
		.reservation = { .budget_ns = from->budget_ns, .period_ns = from->period_ns, .deadline_ns = from->deadline_ns },
		.soft = from->soft,
	};
	memcpy(to->thread, from->thread, sizeof(to->thread));
	return cpulist_parse(from->cpus, &to->cpus);
}

static bool promise_is(const struct promise *p, const struct intent_item *item)
{
	return p->reservation.budget_ns == item->budget_ns && p->reservation.period_ns == item->period_ns &&
	       p->reservation.deadline_ns == item->deadline_ns && p->soft == item->soft;
}

/* Is it due? Those whose thread is reserved are not, unless @changed: then they are replaced. */
static bool item_is_due(struct manager *m, const struct vm *vm, struct known_intent *known, size_t i, const struct intent *before)
{
	const struct intent_item *item = &known->intent->items[i];
	const struct promise *promise;

	if (known->asked[i] || !vm_find_thread(vm, item->thread))
		return false;
	known->asked[i] = true;
	promise = ledger_find(&m->ledger, vm->name, item->thread);
	if (!promise)
		return true;
	if (before)
		return !promise_is(promise, item) || *item->cpus;
	if (!promise_is(promise, item))
		log_info("%s of %s keeps the reservation that it has: its metadata ask for another one", item->thread, vm->name);
	return false;
}

static void items_ask(struct manager *m, const char *domain, const struct request_item *items, size_t n)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	int r = -ENOMEM;

	if (asking) {
		asking->m = m;
		asking->domain = strdup(domain);
	}
	if (asking && asking->domain)
		r = manager_reserve(m, domain, items, n, on_asked, asking);
	if (r >= 0)
		return;
	log_error("%s: cannot ask for what its metadata want: %s", domain, strerror(-r));
	if (asking)
		free(asking->domain);
	free(asking);
}

/* @before: the intent that this one takes the place of, NULL when there was none. */
static void intent_apply(struct manager *m, const struct vm *vm, struct known_intent *known, const struct intent *before)
{
	_cleanup_(freep) struct request_item *items = calloc(known->intent->n, sizeof(*items));
	_cleanup_(freep) char *domain = strdup(vm->name);
	size_t n = 0;

	if (!items || !domain)
		return;
	for (size_t i = 0; i < known->intent->n; i++) {
		if (!item_is_due(m, vm, known, i, before))
			continue;
		if (item_make(&known->intent->items[i], &items[n]) < 0) {
			manager_refused(m, domain, "cpus: there is no CPU of so high a number");
			return;
		}
		items[n++].replace = before != NULL;
	}
	if (n > 0)
		items_ask(m, domain, items, n);
}

/* ---- changed ---- */

/* Threads of @before that are no longer named, unless somebody has made something else of their reservation since. */
static void dropped_release(struct manager *m, const char *domain, const struct intent *before, const struct intent *now)
{
	for (size_t i = 0; i < before->n; i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		const char *thread = before->items[i].thread;
		const struct promise *promise = ledger_find(&m->ledger, domain, thread);
		int r;

		if (!promise || !promise_is(promise, &before->items[i]) || (now && intent_find(now, thread)))
			continue;
		r = manager_release(m, domain, &thread, 1, &err);
		if (r < 0)
			log_warning("%s of %s: %s, ignoring", thread, domain, err && err->text ? err->text : strerror(-r));
	}
}

/* What was asked for and granted, and is the same line still, is not asked for again. */
static void asked_carry(struct manager *m, const char *domain, struct known_intent *known, const struct intent *before,
			const bool *asked)
{
	for (size_t i = 0; i < known->intent->n; i++) {
		const struct intent_item *old = intent_find(before, known->intent->items[i].thread);

		if (old && intent_item_equal(old, &known->intent->items[i]) && ledger_find(&m->ledger, domain, old->thread))
			known->asked[i] = asked[old - before->items];
	}
}

static void trouble_told(struct manager *m, const struct vm *vm, struct known_intent *known, const char *words)
{
	if (known->trouble && strcmp(known->trouble, words) == 0)
		return;
	free(known->trouble);
	known->trouble = strdup(words);
	manager_refused(m, vm->name, words);
}

static struct known_intent *known_get(struct manager *m, pid_t pid)
{
	struct known_intent *known = known_find(m, pid);

	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->pid = pid;
	known->next = m->intents;
	m->intents = known;
	return known;
}

/* What the metadata leave open is said, so that nobody takes it for promised. */
static void rest_tell(const struct vm *vm, const struct intent *intent)
{
	size_t without = 0;

	for (size_t i = 0; i < intent->n; i++)
		if (!vm_find_thread(vm, intent->items[i].thread))
			log_info("%s of %s is not there: it gets what its metadata ask for when it is", intent->items[i].thread, vm->name);
	for (size_t i = 0; i < vm->n_threads; i++)
		without += vm->threads[i].kind == VM_THREAD_VCPU && !intent_find(intent, vm->threads[i].name);
	if (without > 0)
		log_info("%s: its metadata ask for nothing for %zu of its vCPUs: ordinary threads, which get what is left", vm->name, without);
}

static void intent_change(struct manager *m, const struct vm *vm, struct known_intent *known, struct intent *intent)
{
	_cleanup_(intent_freep) struct intent *before = TAKE_PTR(known->intent);
	_cleanup_(freep) bool *asked = TAKE_PTR(known->asked);
	_cleanup_(freep) char *domain = strdup(vm->name);

	known->asked = calloc(intent->n, sizeof(*known->asked));
	if (!known->asked || !domain) {
		intent_free(intent);
		known->intent = TAKE_PTR(before);
		free(known->asked);
		known->asked = TAKE_PTR(asked);
		return;
	}
	known->intent = intent;
	rest_tell(vm, intent);
	if (before) {
		asked_carry(m, domain, known, before, asked);
		dropped_release(m, domain, before, intent);
	}
	intent_apply(m, vm, known, before);
}

static void intent_gone(struct manager *m, const struct vm *vm)
{
	struct known_intent *known = known_find(m, vm->pid);

	if (known && known->intent)
		dropped_release(m, vm->name, known->intent, NULL);
	manager_intent_forget(m, vm->pid);
}

void manager_intent_told(struct manager *m, pid_t pid, struct intent **intent, const char *words)
{
	struct known_intent *known;
	struct vm *vm;

	if (m->options.dry_run)
		return;
	/* libvirt says that it has started, so its threads are there; they may not all have been told yet */
	if (*intent)
		(void)source_proc_rescan(m->source_proc, pid);
	vm = vm_table_by_pid(&m->vms, pid);
	if (!vm)
		return;
	if (!*intent && !words) {
		intent_gone(m, vm);
		return;
	}
	known = known_get(m, pid);
	if (!known)
		return;
	if (words) {
		trouble_told(m, vm, known, words);
		return;
	}
	free(TAKE_PTR(known->trouble));
	if (known->intent && intent_equal(known->intent, *intent))
		intent_apply(m, vm, known, NULL);
	else
		intent_change(m, vm, known, TAKE_PTR(*intent));
}

void manager_intent_threads(struct manager *m, const struct vm *vm)
{
	struct known_intent *known = known_find(m, vm->pid);

	if (!known || !known->intent)
		return;
	for (size_t i = 0; i < known->intent->n; i++)
		if (!vm_find_thread(vm, known->intent->items[i].thread))
			known->asked[i] = false;	/* should it come again, it is another one */
	intent_apply(m, vm, known, NULL);
}
