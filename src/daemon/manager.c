/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The story of the daemon, from top to bottom:
 *
 *   start    read what the host is, recover what a predecessor left (manager-recover.c), look for domains
 *   domains  sources report snapshots; the table merges them; who is new gets the reservations of its file;
 *            or what libvirt's metadata say (manager-intent.c); whose threads have ended loses their promises
 *   requests check, reserve (manager-reserve.c), release (manager-release.c): decide, write down, apply, write down
 *   watch    once a second, while there is a promise: is it still what the kernel does (manager-watch.c)?
 *
 * It never opens a file or calls libvirt, netlink or cgroups itself: the shelves do.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "doctor-regimes.h"
#include "log.h"
#include "manager-private.h"
#include "memory.h"

nsec_t manager_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

void manager_tell(struct manager *m, const struct manager_event *event)
{
	if (m->listener)
		m->listener(event, m->listener_userdata);
}

void manager_listen(struct manager *m, manager_listener listener, void *userdata)
{
	m->listener = listener;
	m->listener_userdata = userdata;
}

bool manager_dry_run(const struct manager *m)
{
	return m->options.dry_run;
}

const struct regime *manager_regime(const struct manager *m)
{
	return &m->regime;
}

const struct vm_table *manager_vms(const struct manager *m)
{
	return &m->vms;
}

const struct ledger *manager_ledger(const struct manager *m)
{
	return &m->ledger;
}

/* As long as there is no watch it is tried again. It tells of writes only since it began: what was read before may be old. */
static bool limit_unwritten(struct manager *m)
{
	bool watched = m->limit != NULL;
	int r = watched ? 0 : limit_watch_new(&m->limit, m->root);

	if (r < 0 && !m->limit_told)
		log_warning("writes to the kernel's limit on SCHED_DEADLINE (sched_rt_runtime_us) cannot be watched: %s; restart virtrkd after "
			    "such a write", strerror(-r));
	else if (r >= 0 && limit_watch_is_own(m->limit) && !m->limit_told)
		log_warning("writes to the kernel's limit on SCHED_DEADLINE (sched_rt_runtime_us) are watched in virtrkd's own /proc, since that of "
			    "process 1 cannot be opened: where these are two, as in many services, restart virtrkd after such a write");
	m->limit_told |= r < 0 || limit_watch_is_own(m->limit);
	return watched && !limit_watch_written(m->limit);
}

int manager_regime_read(struct manager *m)
{
	bool same = limit_unwritten(m) && !m->limit_other;
	int r;

	m->limit_other = false;
	r = regime_read(m->root, same ? &m->regime : NULL, &m->regime);
	m->regime.limit_heard = !m->limit ? NO : limit_watch_is_own(m->limit) ? UNKNOWN : YES;
	if (r >= 0 && m->source_proc && !source_proc_hears(m->source_proc))
		m->regime.process_connector = NO;
	return r;
}

int manager_doctor(struct manager *m, struct finding **ret, size_t *ret_n)
{
	struct finding *findings = NULL, *regimes = NULL, *all;
	size_t n = 0, n_regimes = 0;
	int r;

	r = manager_regime_read(m);
	if (r < 0)
		return r;
	if (manager_lost(m, &m->regime.lost_bw) >= 0)
		m->regime.lost_known = YES;
	m->regime.below_bw = manager_books_below(m);
	r = doctor_findings(&m->regime, &findings, &n);
	if (r < 0)
		return r;
	r = doctor_regimes(&m->regime, &m->ledger, &regimes, &n_regimes);
	all = r < 0 ? NULL : reallocarray(findings, n + n_regimes, sizeof(*all));
	if (!all) {
		doctor_findings_free(findings, n);
		doctor_findings_free(regimes, n_regimes);
		return r < 0 ? r : -ENOMEM;
	}
	memcpy(&all[n], regimes, n_regimes * sizeof(*regimes));	/* with what they own */
	free(regimes);
	*ret = all;
	*ret_n = n + n_regimes;
	return 0;
}

/* ---- domains ---- */

struct configuring {
	struct manager *m;
	char *domain;
	bool ways;		/* of the cache, which were taken for it */
};

static void configuring_free(struct configuring *c)
{
	if (c)
		free(c->domain);
	free(c);
}
DEFINE_CLEANUP(struct configuring *, configuring_free)

static void configure_refused(const char *domain, int r, const struct vr_error *error)
{
	log_line(LOG_WARNING, &(struct log_about) { MSG_REFUSED, domain, NULL }, "%s: its file asks for what it does not get: %s", domain,
		 error && error->text ? error->text : strerror(-r));
}

static void configure_undo(struct configuring *c)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	if (c->ways && manager_cache_release(c->m, c->domain, &err) < 0)
		log_warning("the ways of %s are not free yet: %s", c->domain, err && err->text ? err->text : "");
}

static void configured_done(int r, const struct verdict *verdict, const struct vr_error *error, void *userdata)
{
	_cleanup_(configuring_freep) struct configuring *c = userdata;

	if (r >= 0 || r == -ECANCELED)
		return;
	configure_refused(c->domain, r, error);
	configure_undo(c);
}

/* All or nothing: the memory has to be there, mounted before QEMU was started; then come ways of the cache, and the threads last. */
static int memory_configure(struct manager *m, const struct vm *vm, const struct intent_memory *memory, bool *ret_ways, struct vr_error **reterr)
{
	_cleanup_(freep) char *options = NULL, *lines = NULL;
	struct memory_want want = { .domain = vm->name, .bytes = memory->bytes, .exclusive = memory->exclusive, .preserve = memory->preserve,
				    .mounted = true };
	int r = 0;

	(void)intent_colors_valid(memory->colors, &want.n_colors);
	(void)intent_colors_valid(memory->banks, &want.n_banks);
	want.colors = want.n_colors > 0 ? NULL : memory->colors;
	want.banks = want.n_banks > 0 ? NULL : memory->banks;
	if (memory->wanted)
		r = manager_memory_prepare(m, &want, false, &options, reterr);
	if (r >= 0 && memory->ways > 0)
		r = manager_cache_reserve(m, vm->name, memory->ways, 0, &lines, reterr);
	*ret_ways = r >= 0 && memory->ways > 0;
	return r;
}

/*
 * A domain's file is applied when all the threads that it names are there, and none of them is reserved yet: a guest is
 * found before its vCPU threads exist, and what an operator changed by hand since is not overwritten.
 */
static bool config_is_due(struct manager *m, const struct vm *vm, const struct domain_config *config)
{
	for (size_t i = 0; i < config->n; i++)
		if (!vm_find_thread(vm, config->items[i].thread) ||
		    ledger_find(&m->ledger, vm->name, config->items[i].thread))
			return false;
	return true;
}

static void vm_configure(struct manager *m, const struct vm *vm)
{
	_cleanup_(domain_config_done) struct domain_config config = { 0 };
	_cleanup_(configuring_freep) struct configuring *c = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r;

	if (m->options.dry_run)
		return;
	r = domain_config_load(m->options.config_directory, vm->name, &config, &err);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		log_warning("%s", err && err->text ? err->text : strerror(-r));
		return;
	}
	if (!config_is_due(m, vm, &config))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->m = m;
	c->domain = strdup(vm->name);
	if (!c->domain)
		return;
	r = memory_configure(m, vm, &config.memory, &c->ways, &err);
	if (r < 0) {
		configure_refused(c->domain, r, err);
		return;
	}
	r = manager_reserve(m, vm->name, config.items, config.n, configured_done, c);
	if (r >= 0) {
		TAKE_PTR(c);	/* configured_done() has it */
		return;
	}
	configure_refused(c->domain, r, NULL);
	configure_undo(c);
}

/*
 * Promises whose thread has ended: a vCPU was unplugged, or the tid belongs to another now. The kernel is asked, not the
 * snapshot: one that could not tell the vCPUs apart this time is no reason to forget a promise.
 */
static void vm_forget_ended(struct manager *m, const struct vm *vm)
{
	for (size_t i = m->ledger.n; i > 0; i--) {
		const struct promise *p = &m->ledger.promises[i - 1];
		uint64_t start_ticks;

		if (p->pid == vm->pid && (sysroot_start_ticks(m->root, p->tid, &start_ticks) < 0 ||
					  start_ticks != p->start_ticks))
			manager_forget(m, p, "ended");
	}
}

/* libvirt knew a better name than the command line: the promises go by it from now on. */
static void vm_rename_promises(struct manager *m, const struct vm *vm)
{
	for (size_t i = 0; i < m->ledger.n; i++) {
		struct promise *p = &m->ledger.promises[i];
		char *name;

		if (p->pid != vm->pid || strcmp(p->domain, vm->name) == 0)
			continue;
		name = strdup(vm->name);
		if (!name)
			return;
		free(p->domain);
		p->domain = name;
	}
}

static void vm_changed(struct manager *m, struct vm *vm, enum vm_change change)
{
	struct manager_event event = { .domain = vm->name, .pid = vm->pid, .what = vm_state_name(vm->state) };

	if (change & VM_CHANGE_NEW) {
		log_line(LOG_INFO, &(struct log_about) { NULL, vm->name, NULL }, "domain %s: process %d", vm->name,
			 vm->pid);
		event.kind = MANAGER_DOMAIN_APPEARED;
		manager_tell(m, &event);
	}
	if (change & VM_CHANGE_IDENTITY)
		vm_rename_promises(m, vm);
	if (change & VM_CHANGE_THREADS) {
		vm_forget_ended(m, vm);
		event.kind = MANAGER_THREADS_CHANGED;
		manager_tell(m, &event);
	}
	if (change & VM_CHANGE_STATE) {
		event.kind = MANAGER_STATE_CHANGED;
		manager_tell(m, &event);
	}
	if (change & (VM_CHANGE_NEW | VM_CHANGE_THREADS)) {
		vm_configure(m, vm);
		manager_intent_threads(m, vm);
		manager_cache_threads(m, vm);
	}
}

static void vm_vanished(struct manager *m, pid_t pid)
{
	_cleanup_(vm_freep) struct vm *vm = vm_table_take(&m->vms, pid);

	manager_intent_forget(m, pid);
	for (size_t i = m->ledger.n; i > 0; i--)
		if (m->ledger.promises[i - 1].pid == pid)
			manager_forget(m, &m->ledger.promises[i - 1], "ended");
	manager_cache_sweep(m, false);
	if (!vm)
		return;
	log_line(LOG_INFO, &(struct log_about) { MSG_DOMAIN_VANISHED, vm->name, NULL }, "domain %s has ended", vm->name);
	manager_tell(m, &(struct manager_event) { .kind = MANAGER_DOMAIN_VANISHED, .domain = vm->name, .pid = pid });
}

static void on_source(struct source_event *event, void *userdata)
{
	struct manager *m = userdata;
	enum vm_change change;
	struct vm *vm;
	int r;

	if (event->kind == SOURCE_VM_GONE) {
		vm_vanished(m, event->pid);
		return;
	}
	if (event->kind == SOURCE_INTENT) {
		manager_intent_told(m, event->pid, &event->intent, event->words);
		return;
	}
	r = vm_table_merge(&m->vms, TAKE_PTR(event->vm), &change, &vm);
	if (r < 0) {
		log_error("cannot remember a domain: %s", strerror(-r));
		return;
	}
	if (change)
		vm_changed(m, vm, change);
}

/* ---- life ---- */

int manager_new(struct manager **ret, sd_event *event, const struct manager_options *options, struct vr_error **reterr)
{
	_cleanup_(manager_freep) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->event = sd_event_ref(event);
	m->options = *options;
	r = sysroot_new(&m->root, options->root);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot open %s: %s", options->root, strerror(-r));
	if (!sysroot_is_host(m->root))
		m->options.dry_run = true;	/* there is no kernel behind a directory */
	r = manager_regime_read(m);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read what this host is: %s", strerror(-r));
	if (m->regime.deadline == NO)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "this kernel has no SCHED_DEADLINE: nothing could be enforced");
	if (!m->options.dry_run && !m->regime.root_user)
		return vr_error_set(reterr, -EPERM, VR_NOT_PERMITTED,
				    "virtrkd must run as root to give threads a reservation (--dry-run only decides)");
	r = monitor_new(&m->monitor, m->root);
	if (r < 0)
		return r;
	if (!m->options.dry_run) {
		r = state_open(&m->state, options->state_directory, reterr);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

void manager_look(struct manager *m)
{
	source_proc_look(m->source_proc);
}

static int sources_start(struct manager *m, struct vr_error **reterr)
{
	int r;

	r = source_proc_new(&m->source_proc, m->root, m->event, on_source, m);
	if (r >= 0)
		r = source_proc_start(m->source_proc);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot look for QEMU processes: %s", strerror(-r));
	if (r > 0)
		log_warning("QEMU processes that start from now on are looked for at each request only: no process connector (%s)", strerror(r));
	if (!m->options.libvirt_uri)
		return 0;
	r = source_libvirt_new(&m->source_libvirt, m->root, m->event, m->options.libvirt_uri, on_source, m);
	if (r >= 0)
		r = source_libvirt_start(m->source_libvirt);
	if (r < 0)	/* domains are found without libvirt too, only their UUIDs and states are missing */
		log_warning("no libvirt events: %s, ignoring", strerror(-r));
	return 0;
}

int manager_start(struct manager *m, struct vr_error **reterr)
{
	int r;

	if (!m->options.dry_run) {
		r = manager_recover(m, reterr);
		if (r < 0)
			return r;
	}
	r = sources_start(m, reterr);
	if (r < 0)
		return r;
	manager_cache_sweep(m, true);
	manager_memory_check(m);
	manager_exhausted_listen(m);
	return manager_watch_update(m);
}

static void release_everything(struct manager *m)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(ledger_done) struct ledger copy = { 0 };
	struct ledger nothing = { 0 };
	int r;

	r = ledger_copy(&m->ledger, &copy);
	for (size_t i = copy.n; i > 0; i--)	/* partitions stay until their threads have rested */
		ledger_remove(&copy, copy.promises[i - 1].domain, copy.promises[i - 1].thread);
	if (r >= 0)
		r = manager_commit(m, &copy, &err);
	if (r >= 0 && m->ledger.n_partitions > 0) {
		manager_partition_rest(m);
		r = manager_commit(m, &nothing, &err);
	}
	if (r < 0)
		log_error("cannot give everything back: %s", err && err->text ? err->text : strerror(-r));
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	manager_waiting_free(m);
	manager_prepared_free(m);
	manager_intents_free(m);
	manager_memory_free(m);
	manager_exhausted_free(m);
	if (m->state && m->options.release_on_exit && (m->ledger.n > 0 || m->ledger.n_partitions > 0))
		release_everything(m);
	sd_event_source_disable_unref(m->watch_timer);
	manager_partition_free(m);
	manager_books_free(m);
	source_libvirt_free(m->source_libvirt);
	source_proc_free(m->source_proc);
	monitor_free(m->monitor);
	state_close(m->state);
	ledger_done(&m->ledger);
	vm_table_done(&m->vms);
	free(m->returning);
	free(m->watched);
	limit_watch_free(m->limit);
	sysroot_free(m->root);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}
