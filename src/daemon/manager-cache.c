/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways of the last-level cache and a limit of memory bandwidth for a domain, where the hardware has that (the kernel's resctrl). For
 * domains that run: all their threads are put into a group, and what QEMU starts later inherits it.
 *
 * The kernel's groups are the ledger. One is called as its domain, so a virtrkd that is started anew sees what was promised; what
 * is empty, or was left half made, is removed then. A group without tasks has served: its domain has ended.
 *
 * Called by the bus, by manager.c when a domain changes or ends, and at the start. Decides by resctrl_place() alone.
 */
#include <stdlib.h>
#include <string.h>

#include "apply-resctrl.h"
#include "log.h"
#include "manager-private.h"

/* Of the threads that a domain needs to run; workers come and go, and inherit. */
static bool thread_counts(const struct vm_thread *thread)
{
	return thread->kind == VM_THREAD_EMULATOR || thread->kind == VM_THREAD_VCPU || thread->kind == VM_THREAD_IOTHREAD ||
	       thread->kind == VM_THREAD_VHOST;
}

static int tids_of(const struct vm *vm, pid_t **ret, size_t *ret_n)
{
	pid_t *tids = calloc(vm->n_threads + 1, sizeof(*tids));
	size_t n = 0;

	if (!tids)
		return -ENOMEM;
	for (size_t i = 0; i < vm->n_threads; i++)
		if (thread_counts(&vm->threads[i]))
			tids[n++] = vm->threads[i].tid;
	*ret = tids;
	*ret_n = n;
	return 0;
}

int manager_caches(struct manager *m, struct resctrl *ret, struct vr_error **reterr)
{
	int r = resctrl_look(m->root, ret, reterr);

	if (r == -ENOENT)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "caches cannot be divided by ways here: " RESCTRL_DIRECTORY
				    " is not mounted (mount -t resctrl resctrl " RESCTRL_DIRECTORY "), or the hardware cannot do it");
	return r;
}

static int domain_find(struct manager *m, const char *domain, struct vm **ret, char group[RESCTRL_GROUP_MAX], struct vr_error **reterr)
{
	int r = manager_vm_lookup(m, domain, ret, reterr);

	if (r < 0)
		return r;
	if (resctrl_group_name(domain, group) < 0)
		return vr_error_set(reterr, -ENAMETOOLONG, VR_FAILED, "the name %s is too long for a group", domain);
	return 0;
}

int manager_cache_reserve(struct manager *m, const char *domain, uint32_t ways, uint32_t percent, char **ret, struct vr_error **reterr)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	const struct resctrl_group *before;
	char group[RESCTRL_GROUP_MAX];
	_cleanup_(freep) pid_t *tids = NULL;
	struct resctrl_schemata lines;
	struct vm *vm;
	size_t n = 0;
	int r;

	r = domain_find(m, domain, &vm, group, reterr);
	if (r >= 0)
		r = manager_caches(m, &host, reterr);
	if (r >= 0)
		r = resctrl_place(&host, group, ways, percent, &lines, reterr);
	if (r >= 0 && m->options.dry_run)
		return vr_error_set(reterr, -EROFS, VR_DRY_RUN, "this daemon runs with --dry-run and writes nothing");
	if (r >= 0)
		r = tids_of(vm, &tids, &n);
	if (r < 0)
		return r;
	before = resctrl_group(&host, group);
	r = apply_resctrl_make(m->root, group, &lines, before ? &before->schemata : NULL, tids, n, reterr);
	if (r >= 0)
		r = resctrl_schemata_format(&lines, ret);
	if (r >= 0)
		log_info("%s has of the cache: %zu threads in the group %s", domain, n, group);
	return r;
}

int manager_cache_check(struct manager *m, const char *domain, uint32_t ways, struct vr_error **reterr)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	struct resctrl_schemata lines;
	char group[RESCTRL_GROUP_MAX];
	int r;

	if (resctrl_group_name(domain, group) < 0)
		return vr_error_set(reterr, -ENAMETOOLONG, VR_FAILED, "the name %s is too long for a group", domain);
	r = manager_caches(m, &host, reterr);
	return r < 0 ? r : resctrl_place(&host, group, ways, 0, &lines, reterr);
}

int manager_cache_release(struct manager *m, const char *domain, struct vr_error **reterr)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	char group[RESCTRL_GROUP_MAX];
	struct vm *vm;
	int r;

	r = domain_find(m, domain, &vm, group, reterr);
	if (r >= 0)
		r = manager_caches(m, &host, reterr);
	if (r >= 0 && !resctrl_group(&host, group))
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "%s has no ways of a cache", domain);
	if (r >= 0 && m->options.dry_run)
		return vr_error_set(reterr, -EROFS, VR_DRY_RUN, "this daemon runs with --dry-run and writes nothing");
	if (r >= 0)
		r = apply_resctrl_remove(m->root, group, reterr);
	if (r >= 0)
		log_info("%s shares the cache with all others again", domain);
	return r;
}

/* ---- with the domains ---- */

/* How many ways its group has; 0 = it has none. */
static uint32_t ways_of(const struct resctrl *host, const char *domain)
{
	const struct resctrl_resource *line;
	const struct resctrl_group *group;
	char name[RESCTRL_GROUP_MAX];

	if (resctrl_group_name(domain, name) < 0)
		return 0;
	group = resctrl_group(host, name);
	line = group ? resctrl_find(&group->schemata, host->cache[0]) : NULL;
	return line && line->n > 0 ? (uint32_t)__builtin_popcountll(line->at[0].value) : 0;
}

int manager_cache_follow(struct manager *m, const char *domain, bool first, uint32_t before, uint32_t ways, struct vr_error **reterr)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	_cleanup_(freep) char *lines = NULL;
	uint32_t has;
	int r;

	if (m->options.dry_run || (before == 0 && ways == 0) || (!first && before == ways))
		return 0;
	r = manager_caches(m, &host, ways > 0 ? reterr : NULL);
	if (r < 0)	/* what cannot be divided need not be given back */
		return ways > 0 ? r : 0;
	has = ways_of(&host, domain);
	if (ways == 0)	/* unless somebody has made something else of them since */
		return has == before ? manager_cache_release(m, domain, reterr) : 0;
	if (has == ways)
		return 0;
	if (first && has > 0) {
		log_info("%s keeps the ways of the cache that it has: its metadata ask for another number", domain);
		return 0;
	}
	return manager_cache_reserve(m, domain, ways, 0, &lines, reterr);
}

void manager_cache_threads(struct manager *m, const struct vm *vm)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	const struct resctrl_group *group;
	char name[RESCTRL_GROUP_MAX];
	_cleanup_(freep) pid_t *tids = NULL;
	size_t n;

	if (m->options.dry_run || resctrl_group_name(vm->name, name) < 0 || resctrl_look(m->root, &host, NULL) < 0)
		return;
	group = resctrl_group(&host, name);
	if (!group || tids_of(vm, &tids, &n) < 0 || apply_resctrl_holds(m->root, name, tids, n) != -ENODATA)
		return;
	if (apply_resctrl_make(m->root, name, &group->schemata, &group->schemata, tids, n, &err) < 0)
		log_warning("a new thread of %s is without the ways of its domain: %s", vm->name, err && err->text ? err->text : "");
}

/* Whose threads are all in it. */
static bool group_serves(struct manager *m, const char *group)
{
	for (size_t i = 0; i < m->vms.n; i++) {
		_cleanup_(freep) pid_t *tids = NULL;
		char name[RESCTRL_GROUP_MAX];
		size_t n;

		if (resctrl_group_name(m->vms.vms[i]->name, name) >= 0 && strcmp(name, group) == 0)
			return tids_of(m->vms.vms[i], &tids, &n) < 0 || apply_resctrl_holds(m->root, group, tids, n) >= 0;
	}
	return false;
}

/* @all: also those that were left half made. Only then: libvirt may find a better name for a domain later. */
void manager_cache_sweep(struct manager *m, bool all)
{
	_cleanup_(resctrl_done) struct resctrl host = { 0 };

	if (m->options.dry_run || resctrl_look(m->root, &host, NULL) < 0)
		return;
	for (size_t i = 1; i < host.n; i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(freep) char *domain = NULL;
		const char *name = host.groups[i].name;

		if (resctrl_group_domain(name, &domain) < 0)
			continue;
		if (apply_resctrl_empty(m->root, name) > 0 || (all && !group_serves(m, name))) {
			if (apply_resctrl_remove(m->root, name, &err) >= 0)
				log_info("the ways of the cache that %s had are free again", domain);
			else
				log_warning("the ways of %s are not free yet: %s", domain, err && err->text ? err->text : "");
		}
	}
}
