/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to virtrkd about what is held beside the CPU time of threads that run: capacity for a domain to come, ways of a cache. As in
 * client.c, which has the connection. Called by the verbs.
 */
#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "client-private.h"
#include "client.h"

int client_prepare(struct client *client, const char *document, uint64_t ttl_ns, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Prepare");

	if (r >= 0)
		r = sd_bus_message_append(call, "st", document, ttl_ns);
	return r < 0 ? r : client_call_send(client, call, "s", ret, reterr);
}

int client_commit(struct client *client, const char *token, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Commit");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", token);
	return r < 0 ? r : client_call_send(client, call, "a{sv}", ret, reterr);
}

int client_abort(struct client *client, const char *token, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Abort");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", token);
	return r < 0 ? r : client_call_send(client, call, "", NULL, reterr);
}

int client_cache_reserve(struct client *client, const char *domain, uint32_t ways, uint32_t percent, struct json_object **ret,
			 struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "ReserveCache");

	if (r >= 0)
		r = sd_bus_message_append(call, "suu", domain, ways, percent);
	return r < 0 ? r : client_call_send(client, call, "s", ret, reterr);
}

int client_cache_check(struct client *client, const char *domain, uint32_t ways, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "CheckCache");

	if (r >= 0)
		r = sd_bus_message_append(call, "su", domain, ways);
	return r < 0 ? r : client_call_send(client, call, "", NULL, reterr);
}

int client_cache_release(struct client *client, const char *domain, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "ReleaseCache");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", domain);
	return r < 0 ? r : client_call_send(client, call, "", NULL, reterr);
}

int client_caches(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = { { "group", 's' }, { "domain", 's' }, { "schemata", 's' } };
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(json_object_putp) struct json_object *rows = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Caches");

	if (r >= 0)
		r = client_call_send(client, call, "a(sss)", &rows, reterr);
	return r < 0 ? r : answer_name_members(rows, "Caches", keys, ARRAY_SIZE(keys), ret, reterr);
}

/* ---- memory ---- */

static int wish_append(sd_bus_message *call, const struct memory_wish *wish)
{
	int r = sd_bus_message_append(call, "st", wish->domain, wish->bytes);

	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "{sv}");
	if (r >= 0 && wish->n_colors > 0)
		r = sd_bus_message_append(call, "{sv}", "NColors", "u", wish->n_colors);
	if (r >= 0 && wish->colors)
		r = sd_bus_message_append(call, "{sv}", "Colors", "s", wish->colors);
	if (r >= 0 && wish->n_banks > 0)
		r = sd_bus_message_append(call, "{sv}", "NBanks", "u", wish->n_banks);
	if (r >= 0 && wish->banks)
		r = sd_bus_message_append(call, "{sv}", "Banks", "s", wish->banks);
	if (r >= 0 && wish->exclusive)
		r = sd_bus_message_append(call, "{sv}", "Exclusive", "b", 1);
	if (r >= 0 && wish->preserve)
		r = sd_bus_message_append(call, "{sv}", "Preserve", "b", 1);
	if (r >= 0 && wish->mounted)
		r = sd_bus_message_append(call, "{sv}", "Mounted", "b", 1);
	return r < 0 ? r : sd_bus_message_close_container(call);
}

int client_memory_ask(struct client *client, const struct memory_wish *wish, bool hold, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, hold ? "PrepareMemory" : "CheckMemory");

	if (r >= 0)
		r = wish_append(call, wish);
	return r < 0 ? r : client_call_send(client, call, "s", ret, reterr);
}

int client_memory_abort(struct client *client, const char *domain, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "AbortMemory");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", domain);
	return r < 0 ? r : client_call_send(client, call, "", NULL, reterr);
}

int client_memory(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "profile", 's' }, { "n_colors", 't' }, { "n_banks", 't' }, { "bytes", 't' }, { "free_colors", 's' }, { "free_banks", 's' },
		{ "pools", 'a' },
	};
	static const struct answer_key pool_keys[] = {
		{ "domain", 's' }, { "path", 's' }, { "bytes", 't' }, { "exclusive", 'b' }, { "preserve", 'b' }, { "colors", 's' }, { "banks", 's' },
	};
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Memory");

	if (r >= 0)
		r = client_call_send(client, call, "a{sv}", &answer, reterr);
	if (r >= 0)
		r = answer_check(answer, "Memory", keys, ARRAY_SIZE(keys), reterr);
	for (size_t i = 0; r >= 0 && i < json_object_array_length(answer_member(answer, "pools")); i++)
		r = answer_check(json_object_array_get_idx(answer_member(answer, "pools"), i), "Memory", pool_keys, ARRAY_SIZE(pool_keys), reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}
