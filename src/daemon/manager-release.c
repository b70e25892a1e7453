/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Promises that end: since somebody asks for it (release), or since the thread has ended or is another's by now (forget). What they
 * held stays counted until it is back (manager-load.c), and who was refused for want of room may be asked for again.
 */
#include <string.h>

#include "log.h"
#include "manager-private.h"

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
		r = manager_vm_lookup(m, domain, &vm, reterr);
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
	manager_watch_follow(m);
	return 0;
}
