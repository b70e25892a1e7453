/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount of colorfs had to refuse memory to whoever uses its files: a QEMU that is larger than what it was given, or a file too many. Which
 * domain's it is, its mount says; that is told on the bus each time, and in the journal once a minute for each mount, since a program may
 * ask again and again. The kernel tells a few a second at most. Nothing is done about it: what was promised is kept all the same.
 *
 * Called by the manager at its start, and by what the module tells. Writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "manager-private.h"
#include "memory.h"

#define QUIET_NS (60 * NSEC_PER_SEC)

/* A mount of which the journal knows. Numbers are used again, so the domain is a part of it. */
struct exhausted {
	uint32_t pool;
	char *domain;
	nsec_t until_ns;
	struct exhausted *next;
};

static struct exhausted *exhausted_free(struct exhausted *entry)
{
	struct exhausted *next = entry->next;

	free(entry->domain);
	free(entry);
	return next;
}

/* Those whose time is over are forgotten, so there are never more than the kernel tells in a minute. */
static void exhausted_forget(struct manager *m, nsec_t now)
{
	for (struct exhausted **link = &m->exhausted; *link;)
		if ((*link)->until_ns > now)
			link = &(*link)->next;
		else
			*link = exhausted_free(*link);
}

static bool journal_knows(struct manager *m, uint32_t pool, const char *domain)
{
	nsec_t now = manager_now();
	struct exhausted *entry;

	exhausted_forget(m, now);
	for (entry = m->exhausted; entry; entry = entry->next)
		if (entry->pool == pool && strcmp(entry->domain, domain) == 0)
			return true;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return false;
	entry->domain = strdup(domain);
	if (!entry->domain) {
		free(entry);
		return false;
	}
	entry->pool = pool;
	entry->until_ns = now + QUIET_NS;
	entry->next = m->exhausted;
	m->exhausted = entry;
	return false;
}

static const struct memory_pool *pool_find(const struct memory_pool *pools, size_t n, uint32_t pool)
{
	char device[sizeof(pools->device)];

	snprintf(device, sizeof(device), "0:%" PRIu32, pool);
	for (size_t i = 0; i < n; i++)
		if (strcmp(pools[i].device, device) == 0)
			return &pools[i];
	return NULL;
}

static void journal_tell(const struct manager_event *event)
{
	const struct log_about about = { .message_id = MSG_EXHAUSTED, .domain = *event->domain ? event->domain : NULL };

	log_line(LOG_WARNING, &about, "%s%s at %s is used up: %" PRIu64 " KiB more were asked for and refused, %" PRIu64 " KiB are left",
		 *event->domain ? "the memory of " : "memory of colorfs", event->domain,
		 *event->what ? event->what : "a place that is not seen from here", event->count / 1024, event->left / 1024);
}

void manager_exhausted(const struct colorfs_refusal *refusal, void *userdata)
{
	struct manager_event event = { .kind = MANAGER_EXHAUSTED, .domain = "", .what = "" };
	const struct memory_pool *pool = NULL;
	struct memory_pool *pools = NULL;
	struct manager *m = userdata;
	size_t n = 0;

	if (memory_look_pools(m->root, &pools, &n) >= 0)
		pool = pool_find(pools, n, refusal->pool);
	if (pool) {
		event.domain = pool->domain;
		event.what = pool->path;
	}
	event.count = refusal->wanted * VRK_FRAME_BYTES;
	event.left = refusal->available * VRK_FRAME_BYTES;
	if (!journal_knows(m, refusal->pool, event.domain))
		journal_tell(&event);
	manager_tell(m, &event);
	memory_pools_free(pools, n);
}

/* A copied host has nobody who tells. */
void manager_exhausted_listen(struct manager *m)
{
	int r;

	if (!sysroot_is_host(m->root))
		return;
	r = source_colorfs_new(&m->source_colorfs, m->event, manager_exhausted, m);
	if (r < 0)
		log_info("what mounts of colorfs refuse cannot be heard: %s, ignoring", strerror(-r));
}

void manager_exhausted_free(struct manager *m)
{
	while (m->exhausted)
		m->exhausted = exhausted_free(m->exhausted);
	source_colorfs_free(m->source_colorfs);
}
