/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs for threads, exclusive or pinned to, once they are given (which, is found by manager-place.c):
 *
 *   in force    the kernel's file that tells what became of it is watched (inotify): somebody else may write there, and the
 *               kernel itself makes it "root invalid" without a word to anybody. Of a pinned thread the watch sees the affinity
 *   given back  a partition whose promise is gone stays until its thread has rested (apply-cpuset.c says why), then it is removed by a
 *               plan of its own; a pinned thread is let go at once. One that cannot be removed yet is tried again each second, and holds
 *               no other one back.
 *
 * Called by the requests and by manager_watch_update(), which hears of every change of the ledger.
 */
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
	bool ends;		/* in this turn */
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

/* Those that are due now; should it fail they are again after a while. Returns how many; *ret_news: one has not been tried before. */
static size_t due_mark(struct manager *m, nsec_t now, bool *ret_news)
{
	size_t n = 0;

	*ret_news = false;
	for (size_t i = 0; i < m->n_partition_watches; i++) {
		struct partition_watch *w = &m->partition_watches[i];

		w->ends = is_due(m, w, now);
		if (!w->ends)
			continue;
		w->due_ns = now + RETRY_NS;
		*ret_news |= !w->tried;
		w->tried = true;
		n++;
	}
	return n;
}

/* All that end by one plan; @only: that one alone. How many of them were more than an affinity is added to *apart. */
static int give_back(struct manager *m, const struct partition_watch *only, size_t *apart, struct vr_error **reterr)
{
	_cleanup_(ledger_done) struct ledger want = { 0 };
	size_t count = 0;
	int r;

	r = ledger_copy(&m->ledger, &want);
	for (size_t i = 0; r >= 0 && i < m->n_partition_watches; i++) {
		const struct partition_watch *w = &m->partition_watches[i];
		bool ends = only ? w->tid == only->tid && w->start_ticks == only->start_ticks : w->ends;
		const struct partition *p = ends ? ledger_partition(&want, w->tid, w->start_ticks) : NULL;

		if (!p)
			continue;
		count += p->kind != PARTITION_PINNED;
		ledger_remove_partition(&want, w->tid, w->start_ticks);
	}
	if (r >= 0)
		r = manager_commit(m, &want, reterr);
	if (r >= 0)
		*apart += count;
	return r;
}

static struct partition_watch *watch_ends(const struct manager *m)
{
	for (size_t i = 0; i < m->n_partition_watches; i++)
		if (m->partition_watches[i].ends)
			return &m->partition_watches[i];
	return NULL;
}

/*
 * One of several cannot go, and a plan is carried out as a whole: each by a plan of its own. The list is made anew with each one that fails.
 * Returns how many went.
 */
static size_t give_back_each(struct manager *m, size_t *apart)
{
	struct partition_watch *w;
	size_t n = 0;

	while ((w = watch_ends(m))) {
		const struct partition_watch one = *w;

		w->ends = false;
		n += give_back(m, &one, apart, NULL) >= 0;
	}
	return n;
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct manager *m = userdata;
	size_t apart = 0, n, back;
	bool news;
	int r;

	n = due_mark(m, manager_now(), &news);
	r = n > 0 ? give_back(m, NULL, &apart, &err) : 0;
	back = r >= 0 ? n : n > 1 ? give_back_each(m, &apart) : 0;
	if (r < 0 && news)
		log_warning("a CPU could not be given back, it will be tried again: %s",
			    err && err->text ? err->text : strerror(-r));
	if (apart > 0)
		log_info("%zu reservation%s gone, and what CPUs they had of their own", apart, apart == 1 ? " is" : "s are");
	if (back > 0)
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
