/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hook asks virtrkd: would the threads' reservations fit, and which colours does the domain's memory get? Every answer, and
 * none, becomes the hook's exit code. Called by main.c and hook-memory.c.
 */
#include <string.h>
#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "hook.h"

#define ANSWER_LIMIT_US (10 * 1000000ULL)
#define NO_BUS		"virtrkd cannot be asked: no system bus"

static int item_append(sd_bus_message *call, const struct intent_item *item)
{
	int r;

	r = sd_bus_message_open_container(call, 'r', "stttta{sv}");
	if (r >= 0)
		r = sd_bus_message_append(call, "stttt", item->thread, item->budget_ns, item->period_ns, item->deadline_ns,
					  item->soft ? VIRTRK_RESERVE_SOFT : UINT64_C(0));
	if (r >= 0 && *item->cpus)
		r = sd_bus_message_append(call, "a{sv}", 1, "CPUs", "s", item->cpus);
	else if (r >= 0)
		r = sd_bus_message_append(call, "a{sv}", 0);
	return r < 0 ? r : sd_bus_message_close_container(call);
}

/*
 * libvirt's answer to the same question decides where the domain will be. When machined has ended because it has nothing to do, nobody is in a
 * slice yet: then virtrkd is not told of one, and judges as it does without.
 */
static bool machined_runs(sd_bus *bus)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int owned = 0;
	int r;

	r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s",
			       "org.freedesktop.machine1");
	if (r >= 0)
		r = sd_bus_message_read(reply, "b", &owned);
	return r >= 0 && owned;
}

static int slice_append(sd_bus *bus, sd_bus_message *call, const char *partition)
{
	char slice[INTENT_PARTITION_MAX];

	if (!*partition || !intent_slice(partition, machined_runs(bus), slice))
		return sd_bus_message_append(call, "a{sv}", 0);
	return sd_bus_message_append(call, "a{sv}", 1, "Slice", "s", slice);
}

static int call_make(sd_bus *bus, const char *domain, const struct intent *intent, const char *partition, sd_bus_message **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, VIRTRK_BUS_NAME, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "PrepareStart");
	if (r >= 0)
		r = sd_bus_message_append(call, "s", domain);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(stttta{sv})");
	for (size_t i = 0; r >= 0 && i < intent->n; i++)
		r = item_append(call, &intent->items[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = slice_append(bus, call, partition);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(call);
	return 0;
}

static int call_judge(const char *domain, bool report, int r, const sd_bus_error *error)
{
	char text[200];

	if (error->name && strncmp(error->name, VIRTRK_ERROR_PREFIX, strlen(VIRTRK_ERROR_PREFIX)) == 0)
		return hook_judge(domain, report, error->message && *error->message ? error->message : error->name);
	if (r == -ETIMEDOUT || sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
		return hook_judge(domain, report, "virtrkd does not answer");
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return hook_judge(domain, report, "virtrkd does not run (systemctl start virtrkd)");
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) || sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS))
		return hook_judge(domain, report, "virtrkd is of another version than this hook: start it again");
	snprintf(text, sizeof(text), "virtrkd cannot be asked: %.150s", error->message ?: strerror(-r));
	return hook_judge(domain, report, text);
}

/* Sends what was made (@r < 0: it could not be). @ret NULL: the answer says yes by being one. */
static int call_send(sd_bus *bus, const char *domain, bool report, int r, sd_bus_message *call, sd_bus_message **ret)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

	if (r >= 0)
		r = sd_bus_call(bus, call, ANSWER_LIMIT_US, &error, ret);
	return r < 0 ? call_judge(domain, report, r, &error) : EXIT_SUCCESS;
}

int hook_call_threads(const char *domain, const struct intent *intent, const struct intent_domain *about)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r;

	if (sd_bus_open_system(&bus) < 0)
		return hook_judge(domain, intent->report, NO_BUS);
	r = call_make(bus, domain, intent, about->partition, &call);
	return call_send(bus, domain, intent->report, r, call, NULL);
}

int hook_call_ways(const char *domain, const struct intent *intent)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r;

	if (sd_bus_open_system(&bus) < 0)
		return hook_judge(domain, intent->report, NO_BUS);
	r = sd_bus_message_new_method_call(bus, &call, VIRTRK_BUS_NAME, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "CheckCache");
	if (r >= 0)
		r = sd_bus_message_append(call, "su", domain, intent->memory.ways);
	return call_send(bus, domain, intent->report, r, call, NULL);
}

/* ---- memory ---- */

static int axis_append(sd_bus_message *call, const char *number_key, const char *list_key, const char *text)
{
	uint32_t number;

	if (!*text)
		return 0;
	(void)intent_colors_valid(text, &number);
	return number > 0 ? sd_bus_message_append(call, "{sv}", number_key, "u", number) :
			    sd_bus_message_append(call, "{sv}", list_key, "s", text);
}

static int memory_make(sd_bus *bus, const char *domain, const struct intent_memory *memory, uint64_t bytes, sd_bus_message **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, VIRTRK_BUS_NAME, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "PrepareMemory");
	if (r >= 0)
		r = sd_bus_message_append(call, "st", domain, bytes);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "{sv}");
	if (r >= 0)
		r = axis_append(call, "NColors", "Colors", memory->colors);
	if (r >= 0)
		r = axis_append(call, "NBanks", "Banks", memory->banks);
	if (r >= 0 && memory->exclusive)
		r = sd_bus_message_append(call, "{sv}", "Exclusive", "b", 1);
	if (r >= 0 && memory->preserve)
		r = sd_bus_message_append(call, "{sv}", "Preserve", "b", 1);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(call);
	return 0;
}

int hook_call_memory(const char *domain, const struct intent *intent, uint64_t bytes, char **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	const char *options;
	int r, code;

	*ret = NULL;
	if (sd_bus_open_system(&bus) < 0)
		return hook_judge(domain, intent->report, NO_BUS);
	r = memory_make(bus, domain, &intent->memory, bytes, &call);
	code = call_send(bus, domain, intent->report, r, call, &reply);
	if (!reply)
		return code;
	r = sd_bus_message_read(reply, "s", &options);
	if (r < 0)
		return call_judge(domain, intent->report, r, &(sd_bus_error) { 0 });
	*ret = strdup(options);
	return *ret ? EXIT_SUCCESS : hook_judge(domain, intent->report, "out of memory");
}
