/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capacity in two phases, for those who start virtual machines from elsewhere: a cluster manager asks several hosts which of them can
 * take a domain, lets the best one hold the capacity, and starts the domain there.
 *
 * What is prepared is a reservation without a thread: it counts in every admission and in what is left, until it is committed
 * (the domain runs by then, and gets it), aborted, or its time is over. It is held for the threads of that name of that
 * domain: their own reservation takes its place in admission, so a commit is not refused for its own sake.
 *
 * With it are held the CPUs that the document names: an exclusive one for the domain, a share of a slice's, or of those on which it will be pinned.
 *
 * It is kept in memory alone. A virtrkd that is started anew has forgotten it, and says so to the commit: the starter prepares
 * again. The kernel knows nothing of it: against SCHED_DEADLINE threads of others it holds nothing.
 *
 * Called by the bus and by manager-load.c. Writes nothing: the commit is an ordinary manager_reserve().
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config.h"
#include "log.h"
#include "manager-private.h"
#include "partition.h"

#define TTL_MIN_NS	(100 * NSEC_PER_MSEC)
#define TTL_MAX_NS	(3600 * NSEC_PER_SEC)
#define PREPARED_MAX	256
#define START_TTL_NS	(60 * NSEC_PER_SEC)	/* from libvirt's hook until the domain runs */

struct prepared {
	struct manager *manager;
	char token[MANAGER_TOKEN_SIZE];
	char *domain;
	struct request_item *items;
	size_t n;
	sd_event_source *timer;
	bool committing;
	bool start;			/* by the hook, for a domain that libvirt is about to start: nobody has its token */
	manager_reserve_done done;	/* while committing */
	void *userdata;
	struct prepared *next;
};

static void prepared_free(struct prepared *p)
{
	if (!p)
		return;
	sd_event_source_disable_unref(p->timer);
	free(p->domain);
	free(p->items);
	free(p);
}

static void prepared_freep(struct prepared **p)
{
	prepared_free(*p);
}

static void prepared_unlink(struct prepared *p)
{
	struct prepared **link = &p->manager->prepared;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	manager_intents_room(p->manager);
}

void manager_prepared_free(struct manager *m)
{
	while (m->prepared) {
		struct prepared *p = m->prepared;

		m->prepared = p->next;
		prepared_free(p);
	}
}

/* ---- as load ---- */

static bool item_is_named(const struct request_item *items, size_t n, const char *thread)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].thread, thread) == 0)
			return true;
	return false;
}

/* Once its thread has a reservation, that one counts; a commit is decided anew. */
static bool item_is_taken(const struct manager *m, const struct prepared *p, size_t i)
{
	return ledger_find(&m->ledger, p->domain, p->items[i].thread);
}

static int load_add(const struct prepared *p, size_t i, struct foreign *foreign)
{
	struct foreign_load *load;
	int r;

	r = foreign_add(foreign, 0, "prepared", &p->items[i].reservation);
	if (r < 0)
		return r;
	load = &foreign->loads[foreign->n - 1];
	load->held_for = p->domain;
	if (p->items[i].apart)
		admit_item_cpus(&p->items[i], &load->cpus);
	return 0;
}

int manager_prepared_load(const struct manager *m, const char *domain, const struct request_item *items, size_t n,
			  struct foreign *foreign)
{
	int r = 0;

	for (const struct prepared *p = m->prepared; p; p = p->next) {
		bool own = domain && strcmp(p->domain, domain) == 0;

		for (size_t i = 0; r >= 0 && i < p->n; i++)
			if ((!own || !item_is_named(items, n, p->items[i].thread)) && !item_is_taken(m, p, i))
				r = load_add(p, i, foreign);
	}
	return r;
}

/* ---- prepare ---- */

static int on_expired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct prepared *p = userdata;

	log_info("what was prepared for %s is given up: its time is over", p->domain);
	prepared_unlink(p);
	prepared_free(p);
	return 0;
}

/* Nobody can guess one: who has it was given it. */
static int token_make(char token[MANAGER_TOKEN_SIZE])
{
	uint8_t bytes[(MANAGER_TOKEN_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Is it well formed, and not there yet? */
static int prepare_check(struct manager *m, const char *domain, const struct domain_config *document, nsec_t ttl_ns,
			 struct vr_error **reterr)
{
	char text[VRK_NSEC_STRLEN];
	size_t n = 0;

	if (ttl_ns < TTL_MIN_NS || ttl_ns > TTL_MAX_NS)
		return vr_error_set(reterr, -ERANGE, VR_BAD_TTL, "a time to live of %s: from 100ms to 3600s",
				    ttl_ns > NSEC_MAX ? "more than 292 years" : vrk_nsec_format(text, ttl_ns));
	if (!domain || !*domain)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "the document names no domain");
	for (const struct prepared *p = m->prepared; p; p = p->next, n++)
		if (strcmp(p->domain, domain) == 0)
			return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
					    "capacity is prepared for %s already: commit or abort it first", domain);
	if (n >= PREPARED_MAX)
		return vr_error_set(reterr, -ENOSPC, VR_FAILED, "capacity is prepared for %d domains already", PREPARED_MAX);
	for (size_t i = 0; i < document->n; i++)
		if (ledger_find(&m->ledger, domain, document->items[i].thread))
			return vr_error_set(reterr, -EEXIST, VR_DUPLICATE, "%s of %s has a reservation already",
					    document->items[i].thread, domain);
	return manager_items_check(m, document->items, document->n, reterr);
}

/* Which CPUs they will have is in the items from now on. */
static int prepare_admit(struct manager *m, const struct manager_start *start, const struct domain_config *document, struct vr_error **reterr)
{
	const char *domain = start->domain;
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	_cleanup_(verdict_done) struct verdict verdict = { 0 };
	int r;

	r = manager_load_foreign(m, false, domain, document->items, document->n, &foreign, reterr);
	if (r >= 0)
		r = manager_place_prepared(m, start, &foreign, document->items, document->n, reterr);
	if (r >= 0)
		r = admit_decide(&m->regime, &m->ledger, &foreign, domain, document->items, document->n, &verdict);
	if (r < 0 || verdict.analysis.ok)
		return r;
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "%s%s%s", verdict.reason, verdict.repair_text[0] ? "; " : "",
			    verdict.repair_text);
}

int manager_prepare(struct manager *m, const char *text, nsec_t ttl_ns, const char **ret_token, struct vr_error **reterr)
{
	_cleanup_(domain_config_done) struct domain_config document = { 0 };
	_cleanup_(prepared_freep) struct prepared *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = domain_config_parse("the document", text, strlen(text), &document, reterr);
	if (r >= 0 && (document.memory.wanted || document.memory.ways > 0))
		r = vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
				 "the document: memory: CPU time alone is prepared; memory is mounted before QEMU starts (virtrk memory mount), "
				 "and the cache is asked for when it runs");
	if (r >= 0)
		r = prepare_check(m, document.domain, &document, ttl_ns, reterr);
	if (r >= 0)
		r = prepare_admit(m, &(struct manager_start) { .domain = document.domain }, &document, reterr);
	if (r >= 0)
		r = token_make(p->token);
	if (r >= 0)
		r = sd_event_add_time_relative(m->event, &p->timer, CLOCK_MONOTONIC, ttl_ns / NSEC_PER_USEC, 1000, on_expired, p);
	if (r < 0)
		return r;
	p->manager = m;
	p->domain = TAKE_PTR(document.domain);
	p->items = TAKE_PTR(document.items);
	p->n = document.n;
	p->next = m->prepared;
	m->prepared = p;
	log_info("capacity is prepared for %zu thread%s of %s", p->n, p->n == 1 ? "" : "s", p->domain);
	*ret_token = TAKE_PTR(p)->token;
	return 0;
}

/* ---- for a start ---- */

static struct prepared *prepared_of(struct manager *m, const char *domain)
{
	for (struct prepared *p = m->prepared; p; p = p->next)
		if (strcmp(p->domain, domain) == 0)
			return p;
	return NULL;
}

void manager_prepared_started(struct manager *m, const char *domain)
{
	struct prepared *p = prepared_of(m, domain);

	if (!p || !p->start)
		return;
	prepared_unlink(p);
	prepared_free(p);
}

static int start_hold(struct manager *m, const char *domain, const struct request_item *items, size_t n)
{
	_cleanup_(prepared_freep) struct prepared *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->manager = m;
	p->start = true;
	p->domain = strdup(domain);
	p->items = calloc(n, sizeof(*items));
	if (!p->domain || !p->items)
		return -ENOMEM;
	memcpy(p->items, items, n * sizeof(*items));
	p->n = n;
	r = token_make(p->token);
	if (r >= 0)
		r = sd_event_add_time_relative(m->event, &p->timer, CLOCK_MONOTONIC, START_TTL_NS / NSEC_PER_USEC, 1000, on_expired, p);
	if (r < 0)
		return r;
	p->next = m->prepared;
	m->prepared = p;
	(void)TAKE_PTR(p);
	return 0;
}

/*
 * Those of which it can be told now where they will be: that share the CPUs of all, or of a slice, or are pinned. Whether another gets
 * its CPU depends on the control group that libvirt will give the thread: that is judged when it is there, but a CPU that the host has not got
 * can be told now.
 */
static int start_shared(struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n,
			struct domain_config *ret, struct vr_error **reterr)
{
	bool known = manager_place_is_known(m, start, items, n);
	cpu_set_t there;

	ret->items = calloc(n, sizeof(*items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		CPU_AND(&there, &items[i].cpus, &m->regime.online);
		if (CPU_COUNT(&items[i].cpus) > 0 && CPU_COUNT(&there) == 0)
			return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "%s: none of its CPUs is online on this host", items[i].thread);
		if (known || CPU_COUNT(&items[i].cpus) == 0)
			ret->items[ret->n++] = items[i];
	}
	return 0;
}

int manager_prepare_start(struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n,
			  struct vr_error **reterr)
{
	_cleanup_(domain_config_done) struct domain_config shared = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const struct manager_start told = { start->domain, m->regime.cgroup_path[0] ? start->slice : NULL };
	const char *domain = start->domain;
	int r;

	if (start->slice && !partition_slice_valid(start->slice))
		return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "\"%.40s\" is no name of a slice of virtrk's (virtrk....slice)", start->slice);
	manager_prepared_started(m, domain);	/* of an earlier start that came to nothing */
	r = manager_items_check(m, items, n, &err);
	if (r >= 0)
		r = start_shared(m, &told, items, n, &shared, &err);
	if (r >= 0 && shared.n > 0)
		r = prepare_admit(m, &told, &shared, &err);
	if (r < 0) {
		manager_refused(m, domain, err && err->text ? err->text : strerror(-r));
		if (reterr)
			*reterr = TAKE_PTR(err);
		return r;
	}
	return shared.n == 0 || prepared_of(m, domain) ? 0 : start_hold(m, domain, shared.items, shared.n);
}

/* ---- commit and abort ---- */

static int prepared_find(struct manager *m, const char *token, struct prepared **ret, struct vr_error **reterr)
{
	for (struct prepared *p = m->prepared; p; p = p->next) {
		if (strcmp(p->token, token) != 0)
			continue;
		if (p->committing)
			return vr_error_set(reterr, -EALREADY, VR_FAILED, "it is being committed already");
		*ret = p;
		return 0;
	}
	return vr_error_set(reterr, -ENOENT, VR_NO_TOKEN,
			    "nothing is prepared under that token: mistyped, committed or aborted already, its time over, or virtrkd started anew");
}

/* Refused or failed, it is held as before, until its time is over. */
static void on_committed(int r, const struct verdict *verdict, const struct vr_error *error, void *userdata)
{
	struct prepared *p = userdata;
	manager_reserve_done done = p->done;
	void *theirs = p->userdata;

	p->committing = false;
	if (r >= 0 || sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT) < 0) {
		prepared_unlink(p);
		prepared_free(p);
	}
	done(r, verdict, error, theirs);
}

int manager_prepared_commit(struct manager *m, const char *token, manager_reserve_done done, void *userdata,
			    struct vr_error **reterr)
{
	struct prepared *p = NULL;
	int r;

	r = prepared_find(m, token, &p, reterr);
	if (r >= 0)
		r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);	/* may have to wait: not to end meanwhile */
	if (r < 0)
		return r;
	/* whatever it has got meanwhile, of its metadata for example: what was prepared takes its place */
	for (size_t i = 0; i < p->n; i++)
		p->items[i].replace = true;
	p->committing = true;
	p->done = done;
	p->userdata = userdata;
	r = manager_reserve(m, p->domain, p->items, p->n, on_committed, p);
	if (r < 0) {
		p->committing = false;
		(void)sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
	}
	return r;
}

int manager_prepared_abort(struct manager *m, const char *token, struct vr_error **reterr)
{
	struct prepared *p = NULL;
	int r = prepared_find(m, token, &p, reterr);

	if (r < 0)
		return r;
	assert(p);
	log_info("what was prepared for %s is given up: asked", p->domain);
	prepared_unlink(p);
	prepared_free(p);
	return 0;
}
