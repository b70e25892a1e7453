/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of org.virtrk1.Manager for what a domain has of memory and caches. Translates only. Called by the table in bus-manager.c.
 */
#include <stdlib.h>
#include <string.h>

#include "bus-private.h"
#include "memory.h"
#include "resctrl.h"

static int append_group(sd_bus_message *reply, const struct resctrl_group *group)
{
	_cleanup_(freep) char *domain = NULL, *lines = NULL;
	int r = resctrl_schemata_format(&group->schemata, &lines);

	if (r >= 0 && resctrl_group_domain(group->name, &domain) == -ENOMEM)
		r = -ENOMEM;
	return r < 0 ? r : sd_bus_message_append(reply, "(sss)", group->name, domain ?: "", lines);
}

int bus_method_caches(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(resctrl_done) struct resctrl host = { 0 };
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, bus_method_caches, userdata, reterr);
	if (r != 0)
		return r;
	r = manager_caches(bus_manager(userdata), &host, &err);
	if (r < 0)
		return bus_fail(reterr, r, err);
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(sss)");
	for (size_t i = 0; r >= 0 && i < host.n; i++)
		r = append_group(reply, &host.groups[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int bus_method_reserve_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *lines = NULL;
	uint32_t ways, percent;
	const char *domain;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_reserve_cache, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "suu", &domain, &ways, &percent);
	if (r < 0)
		return r;
	r = manager_cache_reserve(bus_manager(userdata), domain, ways, percent, &lines, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, "s", lines);
}

int bus_method_check_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain;
	uint32_t ways;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, bus_method_check_cache, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "su", &domain, &ways);
	if (r < 0)
		return r;
	r = manager_cache_check(bus_manager(userdata), domain, ways, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}

int bus_method_release_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_release_cache, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	if (r < 0)
		return r;
	r = manager_cache_release(bus_manager(userdata), domain, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}

/* ---- memory ---- */

static int append_list(sd_bus_message *reply, const char *key, const struct color_set *set, bool all)
{
	char list[4096];

	if (all || color_set_format(set, list, sizeof(list)) >= sizeof(list))
		strcpy(list, all ? "all" : "too many to list");
	return sd_bus_message_append(reply, "{sv}", key, "s", list);
}

static int append_pool(sd_bus_message *reply, const struct memory_pool *pool)
{
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "Domain", "s", pool->domain, "Path", "s", pool->path ?: "", "Bytes",
					  "t", pool->bytes, "Exclusive", "b", (int)pool->exclusive, "Preserve", "b", (int)pool->preserve);
	if (r >= 0)
		r = append_list(reply, "Colors", &pool->colors, pool->all_colors);
	if (r >= 0)
		r = append_list(reply, "Banks", &pool->banks, pool->all_banks);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_pools(sd_bus_message *reply, const struct memory_pool *pools, size_t n)
{
	int r = sd_bus_message_open_container(reply, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(reply, "s", "Pools");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "aa{sv}");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = append_pool(reply, &pools[i]);
	for (int i = 0; r >= 0 && i < 3; i++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int append_memory(sd_bus_message *reply, const struct memory_host *host, const struct memory_pool *pools, size_t n)
{
	struct color_set colors, banks;
	uint64_t frames = 0;
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	for (size_t i = 0; i < (size_t)host->colors * host->banks; i++)
		frames += host->frames[i];
	memory_unnamed(host, pools, n, COLOR_CACHE, &colors);
	memory_unnamed(host, pools, n, COLOR_BANK, &banks);
	if (r >= 0)
		r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "Profile", "s", host->profile ?: "", "NColors", "u", host->colors, "NBanks",
					  "u", host->banks, "Bytes", "t", frames * VRK_FRAME_BYTES);
	if (r >= 0)
		r = append_list(reply, "FreeColors", &colors, false);
	if (r >= 0)
		r = append_list(reply, "FreeBanks", &banks, false);
	if (r >= 0)
		r = append_pools(reply, pools, n);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_method_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct memory_pool *pools;
	size_t n;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, bus_method_memory, userdata, reterr);
	if (r != 0)
		return r;
	r = manager_memory(bus_manager(userdata), &host, &pools, &n, &err);
	if (r < 0)
		return bus_fail(reterr, r, err);
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = append_memory(reply, &host, pools, n);
	memory_pools_free(pools, n);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int read_wanted_one(sd_bus_message *msg, struct memory_want *want, sd_bus_error *reterr)
{
	const char *key;
	int yes;
	int r = sd_bus_message_read(msg, "s", &key);

	if (r < 0)
		return r;
	if (strcmp(key, "NColors") == 0)
		return sd_bus_message_read(msg, "v", "u", &want->n_colors);
	if (strcmp(key, "NBanks") == 0)
		return sd_bus_message_read(msg, "v", "u", &want->n_banks);
	if (strcmp(key, "Colors") == 0)
		return sd_bus_message_read(msg, "v", "s", &want->colors);
	if (strcmp(key, "Banks") == 0)
		return sd_bus_message_read(msg, "v", "s", &want->banks);
	if (strcmp(key, "Exclusive") != 0 && strcmp(key, "Mounted") != 0 && strcmp(key, "Preserve") != 0)
		return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
					 "unknown option \"%.40s\", known are NColors, Colors, NBanks, Banks, Exclusive, Preserve, Mounted", key);
	r = sd_bus_message_read(msg, "v", "b", &yes);
	if (r >= 0)
		*(*key == 'E' ? &want->exclusive : *key == 'P' ? &want->preserve : &want->mounted) = yes;
	return r;
}

/* Strings belong to the message. */
static int read_wanted(sd_bus_message *msg, struct memory_want *ret, sd_bus_error *reterr)
{
	int r = sd_bus_message_read(msg, "st", &ret->domain, &ret->bytes);

	if (r >= 0)
		r = sd_bus_message_enter_container(msg, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(msg, 'e', "sv")) > 0) {
		r = read_wanted_one(msg, ret, reterr);
		if (r >= 0)
			r = sd_bus_message_exit_container(msg);
	}
	return r < 0 ? r : sd_bus_message_exit_container(msg);
}

static int memory_ask(sd_bus_message *msg, void *userdata, const char *action, sd_bus_message_handler_t method, bool hold, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *options = NULL;
	struct memory_want want = { 0 };
	int r;

	r = bus_authorize(userdata, msg, action, method, userdata, reterr);
	if (r != 0)
		return r;
	r = read_wanted(msg, &want, reterr);
	if (r < 0)
		return r;
	r = manager_memory_prepare(bus_manager(userdata), &want, hold, &options, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, "s", options);
}

int bus_method_prepare_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	return memory_ask(msg, userdata, VIRTRK_ACTION_RESERVE, bus_method_prepare_memory, true, reterr);
}

int bus_method_check_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	return memory_ask(msg, userdata, VIRTRK_ACTION_INSPECT, bus_method_check_memory, false, reterr);
}

int bus_method_abort_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_abort_memory, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	if (r < 0)
		return r;
	r = manager_memory_abort(bus_manager(userdata), domain, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}
