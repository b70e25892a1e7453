/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the metadata of libvirt's domains ask for (virtrk-domain(5)), made true:
 *
 *   started    all threads that are named and there, as one request; a vCPU that is plugged later gets its own then
 *   changed    what is new or other, in the place of what was; threads that are no longer named give theirs back
 *   refused    nothing changes; journal and signal tell, once. What lacked room is asked for again when some has come back: a reservation was
 *              released, its domain has ended, a CPU or what was prepared is free. Each domain once for all that came back in one turn of the
 *              loop, those that are known longest first; no clock asks
 *
 * Ways of the cache are taken before the threads are asked for, and go their own way: refused, they are not asked for again.
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

/* Of one item of an intent. */
struct item_state {
	bool asked;		/* since its thread is there */
	uint64_t request;	/* the one under way, in which it is; 0 = none */
	bool lacks;		/* it was refused for want of room */
	bool replace;		/* in the place of what it had */
};

/* What is known of one process. */
struct known_intent {
	pid_t pid;
	struct intent *intent;
	struct item_state *items;
	char *trouble;		/* why the metadata cannot be read, as told last; NULL = none */
	char *refusal;		/* why it does not get what they ask for; NULL = none */
	char *no_ways;		/* why it does not get its ways of the cache; NULL = none */
	struct known_intent *next;
};

static void known_free(struct known_intent *known)
{
	intent_free(known->intent);
	free(known->items);
	free(known->trouble);
	free(known->refusal);
	free(known->no_ways);
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
	m->intent_room = sd_event_source_disable_unref(m->intent_room);
}

/* ---- refused ---- */

void manager_refused(struct manager *m, const char *domain, const char *words)
{
	log_line(LOG_WARNING, &(struct log_about) { MSG_REFUSED, domain, NULL },
		 "%s: its metadata ask for what it does not get: %s", domain, words);
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_REFUSED, .domain = domain, .what = words });
}

const char *manager_intent_refusal(const struct manager *m, pid_t pid)
{
	const struct known_intent *known = known_find(m, pid);

	return !known ? "" : known->trouble ?: known->refusal ?: known->no_ways ?: "";
}

static void refusal_set(struct known_intent *known, const char *words)
{
	free(known->refusal);
	known->refusal = words ? strdup(words) : NULL;
}

struct asking {
	struct manager *m;
	char *domain;
	pid_t pid;
	uint64_t request;
	bool again;
};

/*
 * A reason that goes when others go. What the kernel is against is tried once more: it may have had bandwidth of one of ours still. Somebody
 * else's it has for as long as it likes, and no event will tell.
 */
static bool reason_passes(const struct vr_error *error, bool again)
{
	return error && (error->reason == VR_OVERLOAD || error->reason == VR_BAD_CPU || (error->reason == VR_KERNEL_BUSY && !again));
}

/* Returns how many of the intent's items still lack room. */
static size_t items_answered(struct known_intent *known, uint64_t request, bool lack)
{
	size_t n = 0;

	for (size_t i = 0; known->intent && i < known->intent->n; i++) {
		struct item_state *item = &known->items[i];

		if (item->request == request) {
			item->request = 0;
			item->lacks = lack;
		}
		n += item->lacks;
	}
	return n;
}

static void answer_take(const struct asking *asking, int r, const struct vr_error *error)
{
	struct known_intent *known = known_find(asking->m, asking->pid);
	const char *words = r >= 0 ? NULL : error && error->text ? error->text : strerror(-r);
	size_t lacking = known ? items_answered(known, asking->request, r < 0 && reason_passes(error, asking->again)) : 0;

	if (known && (words || lacking == 0))
		refusal_set(known, words);
	if (words && (!asking->again || lacking == 0))
		manager_refused(asking->m, asking->domain, words);
	if (!asking->again && lacking > 0)
		log_info("%s: it is asked for again when others have released theirs", asking->domain);
	if (asking->again && !words)
		log_line(LOG_NOTICE, &(struct log_about) { MSG_RESERVED, asking->domain, NULL },
			 "%s: its metadata get now what was refused: there is room again", asking->domain);
}

static void on_asked(int r, const struct verdict *verdict, const struct vr_error *error, void *userdata)
{
	struct asking *asking = userdata;

	if (r != -ECANCELED) {
		answer_take(asking, r, error);
		manager_prepared_started(asking->m, asking->domain);
	}
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

	if (known->items[i].asked || !vm_find_thread(vm, item->thread))
		return false;
	known->items[i] = (struct item_state) { .asked = true };
	promise = ledger_find(&m->ledger, vm->name, item->thread);
	if (!promise)
		return true;
	if (before)
		return !promise_is(promise, item) || *item->cpus;
	if (!promise_is(promise, item))
		log_info("%s of %s keeps the reservation that it has: its metadata ask for another one", item->thread, vm->name);
	return false;
}

static void items_ask(struct manager *m, const char *domain, pid_t pid, bool again, const struct request_item *items, size_t n)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	int r = -ENOMEM;

	if (asking) {
		*asking = (struct asking) { .m = m, .pid = pid, .request = m->intent_requests, .again = again };
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
	_cleanup_(freep) struct request_item *items = calloc(known->intent->n + 1, sizeof(*items));
	_cleanup_(freep) char *domain = strdup(vm->name);
	size_t n = 0;

	if (!items || !domain)
		return;
	m->intent_requests++;
	for (size_t i = 0; i < known->intent->n; i++) {
		if (!item_is_due(m, vm, known, i, before))
			continue;
		known->items[i].request = m->intent_requests;
		known->items[i].replace = before && ledger_find(&m->ledger, domain, known->intent->items[i].thread);
		if (item_make(&known->intent->items[i], &items[n]) < 0) {
			manager_refused(m, domain, "cpus: there is no CPU of so high a number");
			return;
		}
		items[n++].replace = before != NULL;
	}
	if (n > 0)
		items_ask(m, domain, known->pid, false, items, n);
}

/* ---- asked for again ---- */

/* What was refused for want of room, and nobody has reserved by hand since. */
static bool item_is_lacking(struct manager *m, const struct vm *vm, const struct known_intent *known, size_t i)
{
	const struct intent_item *item = &known->intent->items[i];
	const struct promise *promise = ledger_find(&m->ledger, vm->name, item->thread);

	return known->items[i].lacks && vm_find_thread(vm, item->thread) &&
	       (!promise || (known->items[i].replace && (!promise_is(promise, item) || *item->cpus)));
}

/* Looked at before it is asked for, so that a no is nothing new to anybody. */
static bool would_fit(struct manager *m, struct known_intent *known, const char *domain, const struct request_item *items, size_t n)
{
	_cleanup_(verdict_done) struct verdict verdict = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r;

	r = manager_check(m, domain, items, n, &verdict, &err);
	if (r >= 0 && verdict.analysis.ok)
		return true;
	refusal_set(known, r >= 0 ? verdict.reason : err && err->text ? err->text : strerror(-r));
	return false;
}

static bool is_under_way(const struct known_intent *known)
{
	for (size_t i = 0; i < known->intent->n; i++)
		if (known->items[i].request)
			return true;
	return false;
}

static void intent_ask_again(struct manager *m, struct known_intent *known)
{
	const struct vm *vm = vm_table_by_pid(&m->vms, known->pid);
	_cleanup_(freep) struct request_item *items = NULL;
	_cleanup_(freep) char *domain = NULL;
	size_t n = 0;

	if (!vm || !known->intent || !known->refusal || is_under_way(known))
		return;		/* what is under way is judged with what came back, too */
	items = calloc(known->intent->n + 1, sizeof(*items));
	domain = strdup(vm->name);
	if (!items || !domain)
		return;		/* the next time that something comes back */
	for (size_t i = 0; i < known->intent->n; i++) {
		struct item_state *state = &known->items[i];

		state->lacks = item_is_lacking(m, vm, known, i) && item_make(&known->intent->items[i], &items[n]) >= 0;
		if (state->lacks)
			items[n++].replace = state->replace;
	}
	if (n == 0)
		refusal_set(known, NULL);
	if (n == 0 || !would_fit(m, known, domain, items, n))
		return;
	m->intent_requests++;
	for (size_t i = 0; i < known->intent->n; i++)
		if (known->items[i].lacks)
			known->items[i].request = m->intent_requests;
	items_ask(m, domain, known->pid, true, items, n);
}

static int on_room(sd_event_source *source, void *userdata)
{
	struct manager *m = userdata;

	for (struct known_intent *known = m->intents; known; known = known->next)
		intent_ask_again(m, known);
	return 0;
}

static bool intents_lack(const struct manager *m)
{
	for (const struct known_intent *known = m->intents; known; known = known->next)
		for (size_t i = 0; known->intent && i < known->intent->n; i++)
			if (known->items[i].lacks)
				return true;
	return false;
}

void manager_intents_room(struct manager *m)
{
	int r;

	if (!intents_lack(m))
		return;
	if (m->intent_room)
		r = sd_event_source_set_enabled(m->intent_room, SD_EVENT_ONESHOT);
	else
		r = sd_event_add_defer(m->event, &m->intent_room, on_room, m);
	if (r < 0)
		log_warning("what was refused cannot be asked for again: %s, ignoring", strerror(-r));
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

/* @before, @now NULL: there was none, there is none any more. */
static void ways_follow(struct manager *m, const char *domain, struct known_intent *known, const struct intent *before, const struct intent *now)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *words;
	int r;

	r = manager_cache_follow(m, domain, !before, before ? before->memory.ways : 0, now ? now->memory.ways : 0, &err);
	free(TAKE_PTR(known->no_ways));
	if (r >= 0)
		return;
	words = err && err->text ? err->text : strerror(-r);
	known->no_ways = strdup(words);
	manager_refused(m, domain, words);
}

/* What was asked for and granted, and is the same line still, is not asked for again. */
static void asked_carry(struct manager *m, const char *domain, struct known_intent *known, const struct intent *before,
			const struct item_state *states)
{
	for (size_t i = 0; i < known->intent->n; i++) {
		const struct intent_item *old = intent_find(before, known->intent->items[i].thread);

		if (old && intent_item_equal(old, &known->intent->items[i]) && ledger_find(&m->ledger, domain, old->thread))
			known->items[i].asked = states[old - before->items].asked;
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
	struct known_intent *known = known_find(m, pid), **link = &m->intents;

	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->pid = pid;
	while (*link)
		link = &(*link)->next;
	*link = known;
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
	_cleanup_(freep) struct item_state *states = TAKE_PTR(known->items);
	_cleanup_(freep) char *domain = strdup(vm->name);

	known->items = calloc(intent->n + 1, sizeof(*known->items));
	if (!known->items || !domain) {
		intent_free(intent);
		known->intent = TAKE_PTR(before);
		free(known->items);
		known->items = TAKE_PTR(states);
		return;
	}
	known->intent = intent;
	free(TAKE_PTR(known->refusal));
	rest_tell(vm, intent);
	if (before) {
		asked_carry(m, domain, known, before, states);
		dropped_release(m, domain, before, intent);
	}
	ways_follow(m, domain, known, before, intent);
	intent_apply(m, vm, known, before);
}

static void intent_gone(struct manager *m, const struct vm *vm)
{
	struct known_intent *known = known_find(m, vm->pid);

	if (known && known->intent) {
		dropped_release(m, vm->name, known->intent, NULL);
		ways_follow(m, vm->name, known, known->intent, NULL);
	}
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
	if (!words && (!*intent || ((*intent)->n == 0 && (*intent)->memory.ways == 0))) {	/* memory is the hook's */
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
			known->items[i] = (struct item_state) { 0 };	/* should it come again, it is another one */
	intent_apply(m, vm, known, NULL);
}
