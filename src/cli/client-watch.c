/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What virtrkd tells without being asked: each signal becomes a JSON tree, until virtrkd ends. Called by monitor.
 */
#include <errno.h>
#include <string.h>

#include <virtrk/dbus.h>

#include "client-message.h"
#include "client-private.h"

static const struct signal_def {
	const char *member;
	const char *signature;
	const char *args[6];
} signals[] = {
	{ "DomainAppeared", "su", { "domain", "pid" } },
	{ "DomainVanished", "su", { "domain", "pid" } },
	{ "ThreadsChanged", "s", { "domain" } },
	{ "StateChanged", "ss", { "domain", "state" } },
	{ "Reserved", "ssttt", { "domain", "thread", "budget_ns", "period_ns", "deadline_ns" } },
	{ "Released", "sss", { "domain", "thread", "why" } },
	{ "Drift", "ssssss", { "domain", "thread", "what", "old", "new", "action" } },
	{ "Missed", "sst", { "domain", "thread", "count" } },
	{ "Refused", "ss", { "domain", "reason" } },
	{ "MemoryExhausted", "sstt", { "domain", "path", "wanted_bytes", "left_bytes" } },
};

struct watch {
	client_handler handler;
	void *userdata;
	int result;		/* < 0: the loop ends */
};

static int signal_read(sd_bus_message *message, const struct signal_def *def, struct json_object *event)
{
	for (size_t i = 0; def->signature[i]; i++) {
		struct json_object *value = NULL;
		int r = client_message_read(message, &value);

		if (r < 0)
			return r;
		if (json_object_object_add(event, def->args[i], value) < 0) {
			json_object_put(value);
			return -ENOMEM;
		}
	}
	return 0;
}

static int signal_translate(sd_bus_message *message, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *event = json_object_new_object();
	const char *member = sd_bus_message_get_member(message);

	if (!event)
		return -ENOMEM;
	json_object_object_add(event, "event", json_object_new_string(member));
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		int r;

		if (strcmp(member, signals[i].member) != 0)
			continue;
		if (sd_bus_message_has_signature(message, signals[i].signature) <= 0)
			return -EBADMSG;
		r = signal_read(message, &signals[i], event);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(event);		/* a signal we do not know shows by its name alone */
	return 0;
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(json_object_putp) struct json_object *event = NULL;
	struct watch *watch = userdata;
	int r = signal_translate(message, &event);

	watch->result = r < 0 ? r : watch->handler(event, watch->userdata);
	return 0;
}

/* On a bus, the connection outlives virtrkd: its name losing the owner is the end. */
static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *reterr)
{
	const char *name, *old, *new;
	struct watch *watch = userdata;
	int r = sd_bus_message_read(message, "sss", &name, &old, &new);

	if (r < 0)
		watch->result = r;
	else if (*new == '\0')
		watch->result = -ECONNRESET;
	return 0;
}

static int watch_start(struct client *client, struct watch *watch)
{
	int r = sd_bus_match_signal(client->bus, NULL, client->destination, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, NULL,
				    on_signal, watch);

	if (r < 0 || !client->destination)
		return r;
	return sd_bus_add_match(client->bus, NULL,
				"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
				"member='NameOwnerChanged',arg0='" VIRTRK_BUS_NAME "'",
				on_owner, watch);
}

int client_watch(struct client *client, client_handler handler, void *userdata, struct vr_error **reterr)
{
	struct watch watch = { .handler = handler, .userdata = userdata };
	int r = watch_start(client, &watch);

	while (r >= 0 && watch.result >= 0) {
		r = sd_bus_process(client->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(client->bus, UINT64_MAX);
		if (r == -EINTR)
			r = 0;
	}
	if (watch.result < 0)
		r = watch.result;
	if (r == -ECONNRESET || r == -ENOTCONN)
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd has ended");
	return r;
}
