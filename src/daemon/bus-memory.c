/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of org.virtrk1.Manager for what a domain has of caches and memory. Translates only. Called by the table in bus-manager.c.
 */
#include <stdlib.h>

#include "bus-private.h"
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
