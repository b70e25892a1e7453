/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of org.virtrk1.Manager for capacity in two phases: Prepare, PrepareStart, Commit, Abort. Translates only; what they mean is
 * manager-prepare.c's. Called by the table in bus-manager.c.
 */
#include <stdlib.h>
#include <string.h>

#include "bus-private.h"

int bus_method_prepare(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *document, *token;
	uint64_t ttl_ns;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_prepare, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "st", &document, &ttl_ns);
	if (r < 0)
		return r;
	r = manager_prepare(bus_manager(userdata), document, ttl_ns, &token, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, "s", token);
}

/* What else is known of the domain. *ret: borrowed from @msg. */
static int start_options_read(sd_bus_message *msg, const char **ret, sd_bus_error *reterr)
{
	const char *key;
	int r;

	*ret = NULL;
	r = sd_bus_message_enter_container(msg, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(msg, 'e', "sv")) > 0) {
		r = sd_bus_message_read(msg, "s", &key);
		if (r < 0)
			return r;
		if (strcmp(key, "Slice") != 0)
			return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "unknown option \"%.40s\", known is Slice", key);
		r = sd_bus_message_read(msg, "v", "s", ret);
		if (r >= 0)
			r = sd_bus_message_exit_container(msg);
	}
	return r < 0 ? r : sd_bus_message_exit_container(msg);
}

int bus_method_prepare_start(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) struct request_item *items = NULL;
	const char *domain, *slice;
	size_t n;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_prepare_start, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	if (r >= 0)
		r = bus_read_items(msg, &items, &n, reterr);
	if (r >= 0)
		r = start_options_read(msg, &slice, reterr);
	if (r < 0)
		return r;
	r = manager_prepare_start(bus_manager(userdata), &(struct manager_start) { domain, slice }, items, n, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}

int bus_method_commit(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *token;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_commit, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &token);
	if (r < 0)
		return r;
	r = manager_prepared_commit(bus_manager(userdata), token, bus_reserve_reply, sd_bus_message_ref(msg), &err);
	if (r < 0) {
		sd_bus_message_unref(msg);
		return bus_fail(reterr, r, err);
	}
	return 1;	/* answered, or answered later */
}

int bus_method_abort(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *token;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, bus_method_abort, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &token);
	if (r < 0)
		return r;
	r = manager_prepared_abort(bus_manager(userdata), token, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}
