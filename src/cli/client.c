/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line to virtrkd: with the other client-*.c the only file of virtrk that knows D-Bus. It asks over the connection that
 * client-connect.c makes, and translates: arguments into messages, replies into JSON trees, error names into reasons with one line of text.
 *
 * Called by the verbs. Never prints, never decides what an answer means.
 */
#include <string.h>
#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "client-message.h"
#include "client-private.h"
#include "client.h"

/* ---- errors into reasons ---- */

static const struct {
	const char *name;
	enum vr_reason reason;
} errors[] = {
	{ VIRTRK_ERROR_FAILED, VR_FAILED },
	{ VIRTRK_ERROR_NO_MEMORY, VR_NO_MEMORY },
	{ VIRTRK_ERROR_OVERLOAD, VR_OVERLOAD },
	{ VIRTRK_ERROR_KERNEL_BUSY, VR_KERNEL_BUSY },
	{ VIRTRK_ERROR_BAD_BUDGET, VR_BAD_BUDGET },
	{ VIRTRK_ERROR_BAD_DEADLINE, VR_BAD_DEADLINE },
	{ VIRTRK_ERROR_BAD_PERIOD, VR_BAD_PERIOD },
	{ VIRTRK_ERROR_BAD_THREAD, VR_BAD_THREAD },
	{ VIRTRK_ERROR_NO_DOMAIN, VR_NO_DOMAIN },
	{ VIRTRK_ERROR_NO_THREAD, VR_NO_THREAD },
	{ VIRTRK_ERROR_DUPLICATE, VR_DUPLICATE },
	{ VIRTRK_ERROR_NOT_RESERVED, VR_NOT_RESERVED },
	{ VIRTRK_ERROR_THREAD_GONE, VR_THREAD_GONE },
	{ VIRTRK_ERROR_NOT_PERMITTED, VR_NOT_PERMITTED },
	{ VIRTRK_ERROR_AFFINITY, VR_AFFINITY },
	{ VIRTRK_ERROR_UNSUPPORTED, VR_UNSUPPORTED },
	{ VIRTRK_ERROR_BAD_CONFIG, VR_BAD_CONFIG },
	{ VIRTRK_ERROR_BAD_STATE, VR_BAD_STATE },
	{ VIRTRK_ERROR_RUNNING, VR_RUNNING },
	{ VIRTRK_ERROR_READ_BACK, VR_READ_BACK },
	{ VIRTRK_ERROR_DRY_RUN, VR_DRY_RUN },
	{ VIRTRK_ERROR_NO_TOKEN, VR_NO_TOKEN },
	{ VIRTRK_ERROR_BAD_TTL, VR_BAD_TTL },
	{ VIRTRK_ERROR_BAD_CPU, VR_BAD_CPU },
};

static bool error_is(const sd_bus_error *error, const char *name)
{
	return sd_bus_error_has_name(error, name) > 0;
}

/* What went wrong between us and virtrkd rather than in it. */
static int transport_failed(const sd_bus_error *error, int r, const char *what, struct vr_error **reterr)
{
	if (error_is(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || error_is(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return vr_error_set(reterr, r, VR_FAILED, "%s", NOT_RUNNING);
	if (r == -ETIMEDOUT)
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd does not answer (%s, no reply in time)", what);
	if (r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || error_is(error, SD_BUS_ERROR_NO_REPLY) ||
	    error_is(error, SD_BUS_ERROR_DISCONNECTED))
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd closed the connection before it answered (%s)", what);
	if (error_is(error, SD_BUS_ERROR_ACCESS_DENIED))
		return vr_error_set(reterr, r, VR_NOT_PERMITTED, "the bus does not let you do that (%s): be root", what);
	if (error_is(error, SD_BUS_ERROR_UNKNOWN_METHOD) || error_is(error, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
	    error_is(error, SD_BUS_ERROR_UNKNOWN_OBJECT) || error_is(error, SD_BUS_ERROR_INVALID_ARGS))
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd does not know %s: virtrk and virtrkd are of different versions",
				    what);
	return vr_error_set(reterr, r, VR_FAILED, "%s: %s", what, error->message ?: strerror(-r));
}

static int call_failed(const sd_bus_error *error, int r, const char *what, struct vr_error **reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (error_is(error, errors[i].name))
			return vr_error_set(reterr, r, errors[i].reason, "%s",
					    error->message && *error->message ? error->message : errors[i].name);
	return transport_failed(error, r, what, reterr);
}

/* ---- asking ---- */

int client_call_new(struct client *client, sd_bus_message **ret, const char *path, const char *interface, const char *member)
{
	return sd_bus_message_new_method_call(client->bus, ret, client->destination, path, interface, member);
}

int client_call_send(struct client *client, sd_bus_message *call, const char *signature, struct json_object **ret,
		     struct vr_error **reterr)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_call(client->bus, call, 0, &error, &reply);
	const char *what = sd_bus_message_get_member(call);	/* only now: sending may move the header */

	if (r < 0)
		return call_failed(&error, r, what, reterr);
	r = sd_bus_message_has_signature(reply, signature);
	if (r < 0)
		return r;
	if (r == 0)
		return vr_error_set(reterr, -EBADMSG, VR_FAILED,
				    "virtrkd's answer to %s is of another type: virtrk and virtrkd are of different versions",
				    what);
	if (!ret)
		return 0;
	r = client_message_read(reply, ret);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd's answer to %s is damaged: %s", what, strerror(-r));
	return 0;
}

static int manager_ask(struct client *client, const char *member, const char *signature, struct json_object **ret,
		       struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, member);

	return r < 0 ? r : client_call_send(client, call, signature, ret, reterr);
}

/* All properties of one interface of one object. */
static int properties_ask(struct client *client, const char *path, const char *interface, struct json_object **ret,
			  struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, path, "org.freedesktop.DBus.Properties", "GetAll");

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", interface);
	return r < 0 ? r : client_call_send(client, call, "a{sv}", ret, reterr);
}

static int rows_check(struct json_object *rows, const char *what, const struct answer_key *keys, size_t n,
		      struct vr_error **reterr)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		int r = answer_check(json_object_array_get_idx(rows, i), what, keys, n, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int client_version(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = { { "version", 's' }, { "dry_run", 'b' } };
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	int r = properties_ask(client, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, &answer, reterr);

	if (r < 0)
		return r;
	r = answer_check(answer, "Version", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}

int client_domains(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "name", 's' }, { "pid", 't' }, { "origin", 's' }, { "state", 's' }, { "accelerator", 's' },
		{ "reservations", 't' }, { "path", 's' },
	};
	_cleanup_(json_object_putp) struct json_object *rows = NULL;
	int r = manager_ask(client, "ListDomains", "a(susssuo)", &rows, reterr);

	return r < 0 ? r : answer_name_members(rows, "ListDomains", keys, ARRAY_SIZE(keys), ret, reterr);
}

int client_capacity(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "name", 's' }, { "cpus", 's' }, { "ncpus", 't' }, { "regime", 's' }, { "test", 's' },
		{ "kernel_used", 't' }, { "kernel_limit", 't' }, { "reserved", 't' }, { "foreign", 't' },
		{ "reservations", 't' }, { "prepared", 't' }, { "largest", 'a' },
	};
	static const struct answer_key largest_keys[] = { { "period_ns", 't' }, { "budget_ns", 't' } };
	_cleanup_(json_object_putp) struct json_object *rows = NULL;
	int r = manager_ask(client, "Capacity", "aa{sv}", &rows, reterr);

	if (r < 0)
		return r;
	r = rows_check(rows, "Capacity", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i), *largest;

		r = answer_name_members(answer_member(row, "largest"), "Capacity", largest_keys, ARRAY_SIZE(largest_keys),
					&largest, reterr);
		if (r < 0)
			return r;
		json_object_object_add(row, "largest", largest);
		answer_null_if(row, "kernel_limit", UINT64_MAX);
	}
	*ret = TAKE_PTR(rows);
	return 0;
}

int client_statistics(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "domain", 's' }, { "thread", 's' }, { "tid", 't' }, { "budget_ns", 't' }, { "period_ns", 't' },
		{ "deadline_ns", 't' }, { "soft", 'b' }, { "time_ns", 't' }, { "since_ns", 't' }, { "used_ns", 't' },
		{ "ready_ns", 't' }, { "throttled_ns", 't' }, { "throttled", 't' }, { "missed", 't' },
		{ "worst_late_ns", 't' }, { "lost", 't' }, { "metered", 'b' }, { "drift", 's' },
	};
	_cleanup_(json_object_putp) struct json_object *rows = NULL;
	int r = manager_ask(client, "Statistics", "aa{sv}", &rows, reterr);

	if (r < 0)
		return r;
	r = rows_check(rows, "Statistics", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(rows);
	return 0;
}

int client_doctor(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = { { "level", 's' }, { "check", 's' }, { "text", 's' }, { "mend", 's' } };
	_cleanup_(json_object_putp) struct json_object *rows = NULL;
	int r = manager_ask(client, "Doctor", "a(ssss)", &rows, reterr);

	return r < 0 ? r : answer_name_members(rows, "Doctor", keys, ARRAY_SIZE(keys), ret, reterr);
}

int client_regime(struct client *client, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = { { "kind", 's' }, { "cpus", 's' }, { "tick_ns", 't' } };
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	int r = manager_ask(client, "DescribeRegime", "a{sv}", &answer, reterr);

	if (r < 0)
		return r;
	r = answer_check(answer, "DescribeRegime", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}

/* ---- one domain, with its threads and what they have ---- */

static int reservation_ask(struct client *client, const char *path, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "tid", 't' }, { "budget_ns", 't' }, { "period_ns", 't' }, { "deadline_ns", 't' }, { "soft", 'b' },
		{ "cpus", 's' }, { "used_ns", 't' }, { "throttled", 't' }, { "missed", 't' }, { "lost", 't' },
		{ "metered", 'b' }, { "drift", 's' },
	};
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	int r = properties_ask(client, path, VIRTRK_INTERFACE_RESERVATION, &answer, reterr);

	if (r < 0)
		return r;
	r = answer_check(answer, "Reservation", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}

/* The path in each thread's row becomes the reservation itself; null when there is none, or it went in this moment. */
static int threads_fill(struct client *client, struct json_object *threads, struct vr_error **reterr)
{
	for (size_t i = 0; i < json_object_array_length(threads); i++) {
		struct json_object *thread = json_object_array_get_idx(threads, i), *reservation = NULL;
		const char *path = answer_text(thread, "reservation");
		_cleanup_(vr_error_freep) struct vr_error *why = NULL;
		int r = *path ? reservation_ask(client, path, &reservation, &why) : 0;

		if (r == -EBADR || r == -ENOENT)	/* UnknownObject: released in between */
			reservation = NULL;
		else if (r < 0)
			return why ? vr_error_set(reterr, r, why->reason, "%s", why->text ?: strerror(-r)) : r;
		if (json_object_object_add(thread, "reservation", reservation) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int domain_find(struct client *client, const char *name, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "GetDomain");

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", name);
	return r < 0 ? r : client_call_send(client, call, "o", ret, reterr);
}

int client_domain(struct client *client, const char *name, struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "name", 's' }, { "pid", 't' }, { "uuid", 's' }, { "origin", 's' }, { "state", 's' },
		{ "accelerator", 's' }, { "threads", 'a' }, { "vcpus_unknown", 'b' },
		{ "refused", 's' },
	};
	static const struct answer_key thread_keys[] = {
		{ "name", 's' }, { "tid", 't' }, { "comm", 's' }, { "reservation", 's' },
	};
	_cleanup_(json_object_putp) struct json_object *path = NULL, *domain = NULL;
	struct json_object *threads;
	int r = domain_find(client, name, &path, reterr);

	if (r < 0)
		return r;
	r = properties_ask(client, json_object_get_string(path), VIRTRK_INTERFACE_DOMAIN, &domain, reterr);
	if (r < 0)
		return r;
	r = answer_check(domain, "GetDomain", keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	r = answer_name_members(answer_member(domain, "threads"), "GetDomain", thread_keys, ARRAY_SIZE(thread_keys), &threads,
				reterr);
	if (r < 0)
		return r;
	json_object_object_add(domain, "threads", threads);
	r = threads_fill(client, threads, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(domain);
	return 0;
}

/* ---- reservations ---- */

static bool requests_have_options(const struct request_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].cpus)
			return true;
	return false;
}

/* @options: with a{sv} for each. Without them the call is one that every virtrkd knows. */
static int requests_append(sd_bus_message *call, const struct request_list *list, bool options)
{
	int r = sd_bus_message_open_container(call, 'a', options ? "(stttta{sv})" : "(stttt)");

	for (size_t i = 0; r >= 0 && i < list->n; i++) {
		const struct request *item = &list->items[i];

		if (!options)
			r = sd_bus_message_append(call, "(stttt)", item->thread, item->budget_ns, item->period_ns,
						  item->deadline_ns, item->flags);
		else if (item->cpus)
			r = sd_bus_message_append(call, "(stttta{sv})", item->thread, item->budget_ns, item->period_ns,
						  item->deadline_ns, item->flags, 1, "CPUs", "s", item->cpus);
		else
			r = sd_bus_message_append(call, "(stttta{sv})", item->thread, item->budget_ns, item->period_ns,
						  item->deadline_ns, item->flags, 0);
	}
	return r < 0 ? r : sd_bus_message_close_container(call);
}

static int verdict_ask(struct client *client, const char *member, const char *domain, const struct request_list *list,
		       struct json_object **ret, struct vr_error **reterr)
{
	static const struct answer_key keys[] = {
		{ "fits", 'b' }, { "test", 's' }, { "regime", 's' }, { "reason", 's' }, { "repair", 's' },
		{ "lhs", 't' }, { "rhs", 't' }, { "unit", 's' }, { "at_ns", 't' }, { "index", 't' },
		{ "repair_budget_ns", 't' }, { "repair_period_ns", 't' }, { "repair_deadline_ns", 't' },
	};
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, member);

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", domain);
	if (r < 0)
		return r;
	r = requests_append(call, list, requests_have_options(list));
	if (r < 0)
		return r;
	r = client_call_send(client, call, "a{sv}", &verdict, reterr);
	if (r < 0)
		return r;
	r = answer_check(verdict, member, keys, ARRAY_SIZE(keys), reterr);
	if (r < 0)
		return r;
	answer_null_if(verdict, "index", UINT32_MAX);
	*ret = TAKE_PTR(verdict);
	return 0;
}

int client_reserve(struct client *client, const char *domain, const struct request_list *list, struct json_object **ret,
		   struct vr_error **reterr)
{
	return verdict_ask(client, requests_have_options(list) ? "ReserveWith" : "Reserve", domain, list, ret, reterr);
}

int client_check(struct client *client, const char *domain, const struct request_list *list, struct json_object **ret,
		 struct vr_error **reterr)
{
	return verdict_ask(client, requests_have_options(list) ? "CheckWith" : "Check", domain, list, ret, reterr);
}

int client_release(struct client *client, const char *domain, const struct thread_list *threads,
		   struct vr_error **reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r = client_call_new(client, &call, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Release");

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", domain);
	if (r < 0)
		return r;
	r = sd_bus_message_open_container(call, 'a', "s");
	for (size_t i = 0; r >= 0 && i < threads->n; i++)
		r = sd_bus_message_append(call, "s", threads->names[i]);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(call);
	return r < 0 ? r : client_call_send(client, call, "", NULL, reterr);
}
