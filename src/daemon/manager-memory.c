/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of certain colours for a domain that is about to start. Whoever starts it (virtrk memory mount, libvirt's hook) asks, is told
 * the options of a mount of colorfs, and mounts: virtrkd has no right to. From then on the kernel holds the frames, and the mount is the
 * ledger: it is read anew at each request, so nothing of it has to be written down, and a virtrkd that is started anew has missed nothing.
 *
 * Between answer and mount the colours are held for a minute, so that two who ask at the same time do not get the same.
 *
 * Called by the bus. Writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-private.h"
#include "memory.h"

#define HOLD_NS	 (60 * NSEC_PER_SEC)
#define HOLD_MAX 256

struct memory_hold {
	struct manager *manager;
	struct memory_pool pool;
	sd_event_source *timer;
	struct memory_hold *next;
};

static void hold_free(struct memory_hold *hold)
{
	if (!hold)
		return;
	sd_event_source_disable_unref(hold->timer);
	memory_pool_done(&hold->pool);
	free(hold);
}
DEFINE_CLEANUP(struct memory_hold *, hold_free)

static bool hold_drop(struct manager *m, const char *domain)
{
	for (struct memory_hold **link = &m->memory_holds; *link; link = &(*link)->next)
		if (strcmp((*link)->pool.domain, domain) == 0) {
			struct memory_hold *hold = *link;

			*link = hold->next;
			hold_free(hold);
			return true;
		}
	return false;
}

void manager_memory_free(struct manager *m)
{
	while (m->memory_holds)
		hold_drop(m, m->memory_holds->pool.domain);
}

static int on_expired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct memory_hold *hold = userdata;

	log_info("the memory that was held for %s is given up: nobody has mounted it", hold->pool.domain);
	hold_drop(hold->manager, hold->pool.domain);
	return 0;
}

/* ---- what there is ---- */

static bool is_mounted(const struct memory_pool *pools, size_t n, const char *domain)
{
	for (size_t i = 0; i < n; i++)
		if (pools[i].path && strcmp(pools[i].domain, domain) == 0)
			return true;
	return false;
}

/* What has been mounted since counts by its mount. */
static void holds_settle(struct manager *m, const struct memory_pool *pools, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hold_drop(m, pools[i].domain);
}

static int holds_append(const struct manager *m, struct memory_pool **pools, size_t *n)
{
	for (const struct memory_hold *hold = m->memory_holds; hold; hold = hold->next) {
		struct memory_pool *more = reallocarray(*pools, *n + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		*pools = more;
		if (memory_pool_copy(&hold->pool, &more[*n]) < 0)
			return -ENOMEM;
		(*n)++;
	}
	return 0;
}

int manager_memory(struct manager *m, struct memory_host *ret, struct memory_pool **ret_pools, size_t *ret_n, struct vr_error **reterr)
{
	struct memory_pool *pools = NULL;
	size_t n = 0;
	int r = memory_look(m->root, ret, reterr);

	if (r < 0)
		return r;
	r = memory_look_pools(m->root, &pools, &n);
	if (r == -EBADMSG)
		(void)vr_error_set(reterr, r, VR_FAILED, "a mount of colorfs has options that this virtrkd does not know");
	if (r >= 0) {
		holds_settle(m, pools, n);
		r = holds_append(m, &pools, &n);
	}
	if (r < 0) {
		memory_pools_free(pools, n);
		memory_host_done(ret);
		return r;
	}
	*ret_pools = pools;
	*ret_n = n;
	return 0;
}

/* Requests look again, and are refused with the same words: a DIMM is not changed while we run, but the file may be. */
void manager_memory_check(struct manager *m)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *profile = NULL;
	int r = memory_look_profile(m->root, &profile, &err);

	if (r < 0)
		log_warning("no memory by colours: %s", err && err->text ? err->text : strerror(-r));
}

/* ---- asked for ---- */

static int hold_new(struct manager *m, struct memory_pool *pool)
{
	_cleanup_(hold_freep) struct memory_hold *hold = calloc(1, sizeof(*hold));
	int r;

	if (!hold)
		return -ENOMEM;
	r = sd_event_add_time_relative(m->event, &hold->timer, CLOCK_MONOTONIC, HOLD_NS / NSEC_PER_USEC, 1000, on_expired, hold);
	if (r < 0)
		return r;
	hold->manager = m;
	hold->pool = *pool;
	pool->domain = pool->path = NULL;
	hold->next = m->memory_holds;
	m->memory_holds = TAKE_PTR(hold);
	return 0;
}

int manager_memory_prepare(struct manager *m, const struct memory_want *want, bool hold, char **ret, struct vr_error **reterr)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	_cleanup_(memory_pool_done) struct memory_pool pool = { .bytes = 0 };
	struct memory_pool *pools = NULL;
	size_t n = 0, i = 0;
	int r;

	if (want->mounted && hold)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "what is mounted cannot be held");
	if (!*want->domain)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "memory needs the name of a domain");
	if (hold)
		(void)hold_drop(m, want->domain);	/* asked again, it takes the place of what was held */
	r = manager_memory(m, &host, &pools, &n, reterr);
	if (r < 0)
		return r;
	if (want->mounted)
		r = memory_serves(&host, pools, n, want, &i, reterr);
	else if (is_mounted(pools, n, want->domain))
		r = vr_error_set(reterr, -EEXIST, VR_DUPLICATE, "%s has memory already: it has to be given back first (virtrk memory umount)",
				 want->domain);
	else if (n >= HOLD_MAX)
		r = vr_error_set(reterr, -ENOSPC, VR_FAILED, "memory is given to %d domains already", HOLD_MAX);
	else
		r = memory_choose(&host, pools, n, want, &pool, reterr);
	if (r >= 0)
		r = memory_options(&host, want->mounted ? &pools[i] : &pool, ret);
	memory_pools_free(pools, n);
	if (r == -E2BIG)
		return vr_error_set(reterr, r, VR_FAILED, "the list of colours or banks is too long for mount options");
	if (r >= 0 && hold)
		r = hold_new(m, &pool);
	if (r < 0)
		free(TAKE_PTR(*ret));
	return r;
}

int manager_memory_abort(struct manager *m, const char *domain, struct vr_error **reterr)
{
	if (hold_drop(m, domain))
		return 0;
	return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "no memory is held for %s", domain);
}
