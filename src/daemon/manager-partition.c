/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs for threads, exclusive or pinned to, from the manager's side:
 *
 *   asked for   which CPU for which thread (partition.c), and can it be (partition-look.c)? Then the request goes its way
 *               through admission, and the partition is a step of the plan like any other
 *   in force    the kernel's file that tells what became of it is watched (inotify): somebody else may write there, and the
 *               kernel itself makes it "root invalid" without a word to anybody. Of a pinned thread the watch sees the affinity
 *   given back  a partition whose promise is gone stays until its thread has rested (apply-cpuset.c says why), then it is removed by a
 *               plan of its own; a pinned thread is let go at once. One that cannot be removed yet is tried again each second.
 *
 * Called by the requests and by manager_watch_update(), which hears of every change of the ledger.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "log.h"
#include "manager-private.h"
#include "partition.h"

#define RETRY_NS      NSEC_PER_SEC
#define BOOKED_RETRY_NS (100 * NSEC_PER_MSEC)
#define BOOKED_MAX_NS (10 * NSEC_PER_SEC)	/* longer: nobody's whom we know, or of a tiny budget; manager-books.c mends it */
#define EXIT_REST_MAX (5 * NSEC_PER_SEC)

/* What the watch knows of a partition beside the ledger. */
struct partition_watch {
	pid_t tid;
	uint64_t start_ticks;
	sd_event_source *inotify;
	nsec_t due_ns;		/* it is removed then; 0 = its promise is in force */
	nsec_t booked_ns;	/* since then it is kept since the kernel's books are not empty; 0 = it is not */
	bool tried;
	char drift[160];	/* as told last; "" = none */
};

static struct partition_watch *watch_find(const struct manager *m, pid_t tid, uint64_t start_ticks)
{
	for (size_t i = 0; i < m->n_partition_watches; i++)
		if (m->partition_watches[i].tid == tid && m->partition_watches[i].start_ticks == start_ticks)
			return &m->partition_watches[i];
	return NULL;
}

const char *manager_partition_drift(const struct manager *m, const struct promise *promise)
{
	const struct partition_watch *w = watch_find(m, promise->tid, promise->start_ticks);

	return w ? w->drift : "";
}

/* ---- asked for ---- */

static bool items_ask(const struct request_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (CPU_COUNT(&items[i].cpus) > 0)
			return true;
	return false;
}

static int label_make(const struct vm *vm, const char *thread, char **ret)
{
	if (asprintf(ret, "%s of %s", thread, vm->name) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Takes @label on success. */
static int item_look_pinned(struct manager *m, const struct vm_thread *thread, char **label, struct partition *ret,
			    struct vr_error **reterr)
{
	struct partition partition = { .kind = PARTITION_PINNED, .tid = thread->tid, .start_ticks = thread->start_ticks };
	int r;

	r = m->root->ops->affinity_get(m->root, thread->tid, &partition.before);
	if (r == -ESRCH)
		return vr_error_set(reterr, r, VR_THREAD_GONE, "%s has ended", *label);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read the affinity of %s: %s", *label, strerror(-r));
	partition.label = TAKE_PTR(*label);
	*ret = partition;
	return 0;
}

/* The slice of the domain, as the first one of its threads that is there already has it. Takes @label on success. */
static int item_look_shared(struct manager *m, const struct vm *vm, const struct vm_thread *thread, const struct request_item *item,
			    char **label, struct partition *ret, struct vr_error **reterr)
{
	_cleanup_(partition_clear) struct partition partition = {
		.kind = PARTITION_SHARED, .tid = thread->tid, .start_ticks = thread->start_ticks, .cpu = item->cpu,
		.cpus = item->slice_cpus,
	};
	const struct partition *there;
	int r;

	r = partition_look_slice(m->root, &m->regime, vm->pid, &partition.cgroup);
	if (r == 0)
		r = -ESRCH;
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", *label, strerror(-r));
	there = ledger_slice(&m->ledger, partition.cgroup);
	if (there)
		partition.before = there->before;
	else
		r = partition_look_cpus(m->root, partition.cgroup, &partition.before, reterr);
	if (r < 0)
		return r;
	partition.label = TAKE_PTR(*label);
	*ret = TAKE_GENERIC(partition, struct partition, (struct partition){ 0 });
	return 0;
}

static int item_look(struct manager *m, const struct vm *vm, const struct request_item *item, struct partition *ret,
		     struct vr_error **reterr)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	_cleanup_(freep) char *label = NULL;
	int r;

	if (!thread)
		return vr_error_set(reterr, -ESRCH, VR_THREAD_GONE, "%s of %s has ended", item->thread, vm->name);
	r = label_make(vm, item->thread, &label);
	if (r < 0)
		return r;
	if (item->kind == PARTITION_PINNED)
		return item_look_pinned(m, thread, &label, ret, reterr);
	if (item->kind == PARTITION_SHARED)
		return item_look_shared(m, vm, thread, item, &label, ret, reterr);
	return partition_look(m->root, &m->regime, label, thread->tid, thread->start_ticks, ret, reterr);
}

/* The partition of a thread that has been released, and rests. */
static bool item_rests(const struct manager *m, const struct vm *vm, const struct request_item *item)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	const struct partition *p = thread ? ledger_partition(&m->ledger, thread->tid, thread->start_ticks) : NULL;

	return p && !ledger_tenant(&m->ledger, p);
}

/* The ledger as it will be when partitions that end are gone, and their CPUs free. */
static int ledger_settled(const struct ledger *ledger, struct partition_host *host, struct ledger *ret)
{
	cpu_set_t cpus;
	int r;

	r = ledger_copy(ledger, ret);
	for (size_t i = r < 0 ? 0 : ret->n_partitions; i > 0; i--) {
		const struct partition *p = &ret->partitions[i - 1];

		if (ledger_tenant(ret, p))
			continue;
		partition_cpus(p, &cpus);
		CPU_OR(&host->housekeeping, &host->housekeeping, &cpus);
		ledger_remove_partition(ret, p->tid, p->start_ticks);
	}
	return r;
}

/*
 * A reservation on all CPUs promises what global EDF gives, to a thread that may run on all of them. The kernel insists on that, but
 * where it checks nothing it is looked at here.
 */
static int item_check_roams(struct manager *m, const struct vm *vm, const struct request_item *item, struct vr_error **reterr)
{
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	cpu_set_t affinity, needs, missing;

	if (!thread || ledger_find(&m->ledger, vm->name, item->thread) ||
	    m->root->ops->affinity_get(m->root, thread->tid, &affinity) < 0)
		return 0;
	CPU_XOR(&needs, &m->regime.online, &m->regime.isolated);	/* isolated are a subset of those online */
	CPU_AND(&missing, &affinity, &needs);
	if (CPU_EQUAL(&missing, &needs))
		return 0;
	return vr_error_set(reterr, -EPERM, VR_AFFINITY,
			    "%s of %s may not run on all CPUs, and without one to which it is pinned it would have to: name CPUs for it (--cpu)",
			    item->thread, vm->name);
}

static int items_look(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
		      struct vr_error **reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_(partition_clear) struct partition partition = { 0 };

		if (items[i].apart && !ledger_find(&m->ledger, vm->name, items[i].thread) && !item_rests(m, vm, &items[i]))
			r = item_look(m, vm, &items[i], &partition, reterr);
		else if (!items[i].apart && m->regime.kind == REGIME_PINNED)
			r = item_check_roams(m, vm, &items[i], reterr);
	}
	return r;
}

static int cannot_tell_slice(const char *who, int r, struct vr_error **reterr)
{
	return r == -ENOMEM ? r : vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", who, strerror(-r));
}

static int roams_in(struct manager *m, const char *slice, pid_t tid, const char *label, struct vr_error **reterr)
{
	_cleanup_(freep) char *its = NULL;
	int r;

	r = partition_look_slice(m->root, &m->regime, tid, &its);
	if (r == -ESRCH || (r >= 0 && (r == 0 || strcmp(its, slice) != 0)))
		return 0;
	if (r < 0)
		return cannot_tell_slice(label, r, reterr);
	return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
			    "%s can get no CPUs: %s is in it and SCHED_DEADLINE on all CPUs of the host: release that one first",
			    strrchr(slice, '/') + 1, label);
}

/*
 * A slice that is to become a partition takes all threads in it along. Those that are SCHED_DEADLINE already were judged among
 * those that share all CPUs, and would have to be judged anew: refused.
 */
static int slice_check_roams(struct manager *m, const char *slice, const struct foreign *foreign, struct vr_error **reterr)
{
	char label[VM_NAME_MAX + VM_THREAD_NAME_MAX + 8];
	int r = 0;

	if (ledger_slice(&m->ledger, slice))
		return 0;
	for (size_t i = 0; r >= 0 && i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];

		snprintf(label, sizeof(label), "%s of %s", p->thread, p->domain);
		if (!ledger_partition(&m->ledger, p->tid, p->start_ticks))
			r = roams_in(m, slice, p->tid, label, reterr);
	}
	for (size_t i = 0; r >= 0 && i < foreign->n; i++) {
		snprintf(label, sizeof(label), "thread %d (%s, not ours)", foreign->loads[i].tid, foreign->loads[i].comm);
		if (foreign->loads[i].tid > 0)
			r = roams_in(m, slice, foreign->loads[i].tid, label, reterr);
	}
	return r < 0 ? r : 0;
}

/*
 * Where the kernel checks nothing we have to, so what is asked now is decided by what the host is now. But who is pinned was promised that under
 * the other rules: as long as there is one, the next ones are told so.
 */
static int regime_renew(struct manager *m)
{
	if (m->limit && limit_watch_written(m->limit))
		m->limit_other = m->regime.kind != REGIME_PINNED || partition_limit_back(m->root, &m->regime);
	if (!m->limit_other)
		return 0;
	for (size_t i = 0; i < m->ledger.n_partitions; i++)
		if (m->ledger.partitions[i].kind == PARTITION_PINNED)
			return 0;
	log_info("the kernel's limit on SCHED_DEADLINE was written: looking at the host again");
	return manager_regime_read(m);
}

int manager_place(struct manager *m, const struct vm *vm, bool settled, const struct foreign *foreign, struct request_item *items,
		  size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger later = { 0 };
	_cleanup_(freep) char *slice = NULL;
	struct partition_host host = { 0 };
	const struct partition_ask ask = { &host, &m->regime, settled ? &later : &m->ledger, foreign, vm->name };
	bool asks = items_ask(items, n);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		items[i].apart = false;
	r = regime_renew(m);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot look at the host again: %s", strerror(-r));
	if (!asks && m->ledger.n_partitions == 0)
		return items_look(m, vm, items, n, reterr);
	r = partition_look_slice(m->root, &m->regime, vm->pid, &slice);
	if (r < 0)
		return r == -ESRCH ? vr_error_set(reterr, r, VR_THREAD_GONE, "%s has ended", vm->name) : cannot_tell_slice(vm->name, r, reterr);
	host.slice = slice;
	if (asks || m->regime.kind == REGIME_PINNED)
		r = partition_host_read(m->root, &m->regime, slice, &host, reterr);
	if (r >= 0 && asks && slice)
		r = slice_check_roams(m, slice, foreign, reterr);
	if (r >= 0 && settled)
		r = ledger_settled(&m->ledger, &host, &later);
	for (size_t i = 0; r >= 0 && !settled && i < n; i++)
		if (item_rests(m, vm, &items[i]))
			return -EAGAIN;
	if (r >= 0)
		r = partition_assign(&ask, items, n, reterr);
	return r < 0 ? r : items_look(m, vm, items, n, reterr);
}

/* The slice in force that has just the CPUs which the items name: that is the one which is meant. */
static const char *slice_named(const struct ledger *ledger, const struct request_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; CPU_COUNT(&items[i].cpus) > 0 && k < ledger->n_partitions; k++)
			if (ledger->partitions[k].kind == PARTITION_SHARED && CPU_EQUAL(&ledger->partitions[k].cpus, &items[i].cpus))
				return ledger->partitions[k].cgroup;
	return NULL;
}

bool manager_place_is_known(struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n)
{
	(void)regime_renew(m);	/* a failure is told when it is placed */
	return !items_ask(items, n) || m->regime.kind == REGIME_PINNED || start->slice || slice_named(&m->ledger, items, n);
}

/* 1 = *ret is the path of the slice in which it will be. */
static int slice_path(const struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n, char **ret)
{
	const char *named = start->slice ? NULL : slice_named(&m->ledger, items, n);

	if (!start->slice && !named)
		return 0;
	if (named)
		*ret = strdup(named);
	else if (asprintf(ret, "%s/%s", m->regime.cgroup_path, start->slice) < 0)
		*ret = NULL;
	return *ret ? 1 : -ENOMEM;
}

int manager_place_prepared(struct manager *m, const struct manager_start *start, const struct foreign *foreign, struct request_item *items,
			   size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger later = { 0 };
	_cleanup_(freep) char *slice = NULL;
	struct partition_host host = { 0 };
	const struct partition_ask ask = { &host, &m->regime, &later, foreign, start->domain };
	int r;

	for (size_t i = 0; i < n; i++)
		items[i].apart = false;
	r = regime_renew(m);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot look at the host again: %s", strerror(-r));
	r = slice_path(m, start, items, n, &slice);
	if (r < 0)
		return r;
	if (!items_ask(items, n) && (slice ? !ledger_slice(&m->ledger, slice) : m->regime.kind != REGIME_PINNED))
		return 0;	/* shares what all share */
	r = partition_host_read(m->root, &m->regime, slice, &host, reterr);
	if (r >= 0 && slice && items_ask(items, n))
		r = slice_check_roams(m, slice, foreign, reterr);
	if (r >= 0)
		r = ledger_settled(&m->ledger, &host, &later);
	return r < 0 ? r : partition_assign(&ask, items, n, reterr);
}

/* The group of another vCPU that is to share the CPU, below which there is nothing of ours yet. 1 = *ret is it. */
static int group_of_other(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n, uint32_t cpu,
			  const struct ledger *want, char **ret)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(partition_clear) struct partition other = { 0 };
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);

		if (!thread || thread->kind != VM_THREAD_VCPU || !items[i].apart || items[i].cpu != cpu ||
		    item_look(m, vm, &items[i], &other, NULL) < 0 || ledger_group(want, other.cgroup))
			continue;
		*ret = TAKE_PTR(other.cgroup);
		return 1;
	}
	return 0;
}

/*
 * An exclusive CPU: below whose group? That of those who have the CPU already; else the thread's own, or that of a vCPU which is asked for
 * with it. Below one group there is one partition, which may be another CPU's still: then that one has to end first.
 */
static int partition_settle(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    const struct request_item *item, const struct ledger *want, struct partition *partition,
			    struct vr_error **reterr)
{
	const struct partition *there = ledger_partition_on(want, partition->cpu);
	const struct vm_thread *thread = vm_find_thread(vm, item->thread);
	_cleanup_(freep) char *group = NULL;
	int r = 1;

	assert(partition->cgroup);	/* its own group, as item_look() has found it */
	if (there)
		group = strdup(there->cgroup);
	else if (thread && thread->kind == VM_THREAD_VCPU && !ledger_group(want, partition->cgroup))
		group = strdup(partition->cgroup);
	else
		r = group_of_other(m, vm, items, n, partition->cpu, want, &group);
	if (r == 0)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "CPU %u cannot be set apart for %s: the partition of another CPU, which its domain shares, is in its control "
				    "group: release that one first", partition->cpu, partition->label);
	if (!group)
		return -ENOMEM;
	if (strcmp(group, partition->cgroup) != 0)
		partition->home = TAKE_PTR(partition->cgroup);
	else
		free(partition->cgroup);
	partition->cgroup = TAKE_PTR(group);
	if (there) {
		partition->kept = there->kept;
		return 0;
	}
	r = partition_look_kept(m->root, partition);
	return r < 0 ? vr_error_set(reterr, r, VR_FAILED, "cannot read %s: %s", partition->cgroup, strerror(-r)) : 0;
}

/* Into the ledger that is wanted: a partition for each item that gets a CPU. */
int manager_want_partitions(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    struct ledger *want, struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(partition_clear) struct partition partition = { 0 };
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);
		nsec_t rest = manager_rest_partition_ns(m, &items[i].reservation);
		struct partition *own;
		int r;

		if (!items[i].apart || !thread)
			continue;
		own = ledger_partition(want, thread->tid, thread->start_ticks);
		if (own) {
			if (own->kind != PARTITION_PINNED && rest > own->rest_ns)
				own->rest_ns = rest;
			continue;
		}
		r = item_look(m, vm, &items[i], &partition, reterr);
		if (r < 0)
			return r;
		partition.cpu = items[i].cpu;
		partition.rest_ns = partition.kind == PARTITION_PINNED ? 0 : rest;
		if (partition.kind == PARTITION_EXCLUSIVE)
			r = partition_settle(m, vm, items, n, &items[i], want, &partition, reterr);
		if (r >= 0)
			r = ledger_add_partition(want, &partition);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A thread that rests is in its partition still, which says nothing about where it will be. */
int manager_place_settles(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger want = { 0 };
	struct partition_host host = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		if (item_rests(m, vm, &items[i]))
			return 0;
	r = ledger_settled(&m->ledger, &host, &want);
	return r < 0 ? r : manager_want_partitions(m, vm, items, n, &want, reterr);
}

/* ---- in force ---- */

static void partition_look_at(struct manager *m, const struct partition *p, struct partition_watch *w)
{
	const struct promise *promise = ledger_tenant(&m->ledger, p);
	_cleanup_(freep) char *state = NULL;
	const char *action = "reported";
	char text[sizeof(w->drift)];
	int r;

	if (!promise || p->kind == PARTITION_PINNED || partition_state_read(m->root, p, &state) < 0)
		return;		/* it ends, or has ended with its domain: that is no drift */
	if (strcmp(state, "root") == 0) {
		w->drift[0] = '\0';
		return;
	}
	snprintf(text, sizeof(text), "partition: %.100s, promised root", state);
	if (strcmp(text, w->drift) == 0)
		return;
	memcpy(w->drift, text, sizeof(text));
	if (m->options.repair_drift && !m->options.dry_run) {
		r = partition_state_write(m->root, p);
		action = r < 0 ? "failed" : "repaired";
		if (r >= 0)
			w->drift[0] = '\0';
	}
	log_line(LOG_WARNING, &(struct log_about) { MSG_DRIFT, promise->domain, promise->thread },
		 "CPU %u is not set apart for %s of %s any more, its partition is \"%s\": %s", p->cpu, promise->thread,
		 promise->domain, state, action);
	manager_tell(m, &(struct manager_event) {
		.kind = MANAGER_DRIFT, .domain = promise->domain, .thread = promise->thread, .promise = promise,
		.what = "partition", .old_value = "root", .new_value = state, .action = action });
}

static int on_partition(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct manager *m = userdata;

	for (size_t i = 0; i < m->ledger.n_partitions; i++) {
		const struct partition *p = &m->ledger.partitions[i];
		struct partition_watch *w = watch_find(m, p->tid, p->start_ticks);

		if (w)
			partition_look_at(m, p, w);
	}
	return 0;
}

/* ---- given back ---- */

static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

static int timer_set(struct manager *m)
{
	nsec_t now = manager_now(), due = 0;
	int r;

	for (size_t i = 0; i < m->n_partition_watches; i++)
		if (m->partition_watches[i].due_ns && (!due || m->partition_watches[i].due_ns < due))
			due = m->partition_watches[i].due_ns;
	if (!due)
		return m->partition_timer ? sd_event_source_set_enabled(m->partition_timer, SD_EVENT_OFF) : 0;
	due = due > now ? (due - now) / NSEC_PER_USEC + 1 : 1;
	if (!m->partition_timer)
		return sd_event_add_time_relative(m->event, &m->partition_timer, CLOCK_MONOTONIC, due, 1000, on_due, m);
	r = sd_event_source_set_time_relative(m->partition_timer, due);
	return r < 0 ? r : sd_event_source_set_enabled(m->partition_timer, SD_EVENT_ONESHOT);
}

/* One whose bandwidth is booked there still stays for a while longer: that is looked at again soon. */
static bool is_due(const struct manager *m, struct partition_watch *w, nsec_t now)
{
	const struct partition *p = ledger_partition(&m->ledger, w->tid, w->start_ticks);

	if (!w->due_ns || w->due_ns > now)
		return false;
	if (!p || p->kind == PARTITION_PINNED || !manager_still_booked(m, p))
		return true;
	if (!w->booked_ns)
		w->booked_ns = now;
	if (now - w->booked_ns > BOOKED_MAX_NS)
		return true;
	w->due_ns = now + BOOKED_RETRY_NS;
	return false;
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(ledger_done) struct ledger want = { 0 };
	struct manager *m = userdata;
	nsec_t now = manager_now();
	const struct partition *p;
	bool news = false;
	size_t n = 0, apart = 0;
	int r;

	r = ledger_copy(&m->ledger, &want);
	for (size_t i = 0; r >= 0 && i < m->n_partition_watches; i++) {
		struct partition_watch *w = &m->partition_watches[i];

		if (!is_due(m, w, now))
			continue;
		p = ledger_partition(&want, w->tid, w->start_ticks);
		apart += p && p->kind != PARTITION_PINNED;
		ledger_remove_partition(&want, w->tid, w->start_ticks);
		w->due_ns = now + RETRY_NS;	/* if it fails */
		news |= !w->tried;
		w->tried = true;
		n++;
	}
	if (r >= 0 && n > 0)
		r = manager_commit(m, &want, &err);
	if (r < 0 && news)
		log_warning("a CPU could not be given back, it will be tried again: %s",
			    err && err->text ? err->text : strerror(-r));
	else if (r >= 0 && apart > 0)
		log_info("%zu reservation%s gone, and what CPUs they had of their own", apart, apart == 1 ? " is" : "s are");
	if (r >= 0 && n > 0)
		manager_intents_room(m);
	(void)manager_partition_update(m);
	return 0;
}

/* ---- the watch ---- */

static struct partition_watch *watch_new(struct manager *m, const struct partition *p)
{
	struct partition_watch *list = reallocarray(m->partition_watches, m->n_partition_watches + 1, sizeof(*list));

	if (!list)
		return NULL;
	m->partition_watches = list;
	list[m->n_partition_watches] = (struct partition_watch) { .tid = p->tid, .start_ticks = p->start_ticks };
	return &list[m->n_partition_watches++];
}

static int watch_update(struct manager *m, const struct partition *p)
{
	struct partition_watch *w = watch_find(m, p->tid, p->start_ticks) ?: watch_new(m, p);
	_cleanup_(freep) char *path = NULL;
	cpu_set_t cpus;
	int r;

	if (!w)
		return -ENOMEM;
	if (p->kind != PARTITION_PINNED) {
		partition_cpus(p, &cpus);
		CPU_OR(&m->apart_ever, &m->apart_ever, &cpus);
	}
	if (!ledger_tenant(&m->ledger, p)) {
		if (!w->due_ns)
			w->due_ns = manager_now() + p->rest_ns;
		w->inotify = sd_event_source_disable_unref(w->inotify);
		w->drift[0] = '\0';
		return 0;
	}
	w->due_ns = w->booked_ns = 0;
	if (w->inotify || p->kind == PARTITION_PINNED)
		return 0;
	r = partition_state_path(p, &path);
	if (r >= 0)
		r = sd_event_add_inotify(m->event, &w->inotify, path, IN_MODIFY, on_partition, m);
	if (r < 0)
		return r;
	partition_look_at(m, p, w);	/* what happened before we looked */
	return 0;
}

static void watch_done(struct partition_watch *w)
{
	sd_event_source_disable_unref(w->inotify);
}

int manager_partition_update(struct manager *m)
{
	size_t kept = 0, before = m->n_partition_watches;
	bool other;
	int r = 0;

	for (size_t i = 0; i < before; i++) {
		if (ledger_partition(&m->ledger, m->partition_watches[i].tid, m->partition_watches[i].start_ticks))
			m->partition_watches[kept++] = m->partition_watches[i];
		else
			watch_done(&m->partition_watches[i]);
	}
	m->n_partition_watches = kept;
	for (size_t i = 0; i < m->ledger.n_partitions; i++) {
		int e = watch_update(m, &m->ledger.partitions[i]);

		r = r < 0 ? r : e;
	}
	other = kept < before || m->n_partition_watches > kept;
	if (other && manager_books_look(m) < 0)
		log_warning("what the kernel has booked will not be looked at: out of memory");
	return timer_set(m) ?: r;
}

/*
 * A thread on its own CPU has that as its affinity. What the others share grows and shrinks with our partitions, and with the end
 * of a domain that has one: there only the CPUs that were never set apart tell who else has written.
 */
void manager_partition_affinity(const struct manager *m, const struct promise *promise, const cpu_set_t *now,
				cpu_set_t *expected)
{
	const struct partition *p = ledger_partition(&m->ledger, promise->tid, promise->start_ticks);
	cpu_set_t apart;

	if (p) {
		partition_cpus(p, expected);
		return;
	}
	CPU_AND(&apart, expected, &m->apart_ever);	/* those of them go, ... */
	CPU_XOR(expected, expected, &apart);
	CPU_AND(&apart, now, &m->apart_ever);		/* ... and what is there now comes */
	CPU_OR(expected, expected, &apart);
}

/*
 * Written down before it is done, for whoever has to put back what stood there; what was not done in the end is not found there then, and
 * nothing is put back.
 */
static int home_widen(struct manager *m, struct partition *p, struct vr_error **reterr)
{
	const struct partition was = *p;
	struct step step;
	struct plan plan = { .steps = &step, .n = 1 };
	int r;

	r = partition_look_home(m->root, &m->regime, p, &step);
	if (r <= 0)
		return r;
	p->home = step.cgroup;
	p->home_before = step.before;
	p->home_cpus = step.cpus;
	r = state_save(m->state, &m->ledger, NULL, reterr);
	if (r >= 0)
		r = apply_plan(m->root, &plan, reterr);
	if (r >= 0) {
		free(was.home);
		return 0;
	}
	free(step.cgroup);
	*p = was;
	(void)state_save(m->state, &m->ledger, NULL, NULL);	/* its record of what was not done harms nobody */
	return r;
}

int manager_partition_return(struct manager *m, const struct promise *promise, struct vr_error **reterr)
{
	struct partition *p = ledger_partition(&m->ledger, promise->tid, promise->start_ticks);

	if (!p)
		return 0;
	return p->kind == PARTITION_EXCLUSIVE ? partition_thread_return(m->root, p) : home_widen(m, p, reterr);
}

void manager_cpus(const struct manager *m, const struct promise *promise, cpu_set_t *ret)
{
	const struct partition *p = ledger_partition(&m->ledger, promise->tid, promise->start_ticks);
	struct regime shared;

	if (p) {
		partition_cpus(p, ret);
		return;
	}
	admit_shared(&m->regime, &m->ledger, &shared);
	*ret = shared.online;
}

void manager_partition_rest(const struct manager *m)
{
	struct timespec ts;
	nsec_t rest = 0;

	for (size_t i = 0; i < m->ledger.n_partitions; i++)
		rest = m->ledger.partitions[i].rest_ns > rest ? m->ledger.partitions[i].rest_ns : rest;
	rest = rest < EXIT_REST_MAX ? rest : EXIT_REST_MAX;
	ts = (struct timespec) { (time_t)(rest / NSEC_PER_SEC), (long)(rest % NSEC_PER_SEC) };
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

void manager_partition_free(struct manager *m)
{
	for (size_t i = 0; i < m->n_partition_watches; i++)
		watch_done(&m->partition_watches[i]);
	free(m->partition_watches);
	m->partition_watches = NULL;
	m->n_partition_watches = 0;
	m->partition_timer = sd_event_source_disable_unref(m->partition_timer);
}
