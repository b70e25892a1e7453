/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reservation document, what "virtrk reserve --file" reads:
 *
 *   { "domain": "rt", "reservations": [ { "thread": "vcpu0", "budget": "4ms", "period": "10ms" } ] }
 *
 * Strict, because a slip in it would be a promise nobody meant: an unknown key, a key given twice, a number without
 * unit, anything behind the document is refused with its place ("reservations[1].perod: ..."): strict.c.
 *
 * Called by verb-reserve.c, the unit test and the fuzzer. Opens no file but the one it is given; decides nothing about
 * what fits.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include <virtrk/dbus.h>

#include "answer.h"
#include "document.h"
#include "document-memory.h"
#include "strict.h"

void document_done(struct document *document)
{
	free(document->domain);
	request_list_done(&document->requests);
	*document = (struct document){ 0 };
}

/* @parse: time_parse() or deadline_parse(); a deadline may be left out. */
static int time_get(struct json_object *object, const struct place *place, const char *key,
		    int (*parse)(const char *, const char *, nsec_t *, struct vr_error **), nsec_t *ret,
		    struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	char what[PLACE_MAX + 1], at[PLACE_MAX];
	const char *text;
	struct place below;
	int r = strict_text(object, place, key, parse != deadline_parse, &text, reterr);

	if (r < 0 || !text)
		return r;
	place_key(&below, place, key);
	snprintf(what, sizeof(what), "%s:", place_text(at, &below));
	r = parse(what, text, ret, &why);
	if (r < 0)
		return why ? vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s", why->text) : -ENOMEM;
	return 0;
}

static int soft_get(struct json_object *object, const struct place *place, uint64_t *flags, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;

	if (!json_object_object_get_ex(object, "soft", &value))
		return 0;
	place_key(&below, place, "soft");
	if (!json_object_is_type(value, json_type_boolean))
		return place_broken(&below, reterr, "must be true or false, not %s",
				    json_type_to_name(json_object_get_type(value)));
	if (json_object_get_boolean(value))
		*flags |= VIRTRK_RESERVE_SOFT;
	return 0;
}

/* Borrowed from @object. */
static int cpus_get(struct json_object *object, const struct place *place, char **ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	char what[PLACE_MAX + 1], at[PLACE_MAX];
	struct place below;
	const char *text;
	int r = strict_text(object, place, "cpus", false, &text, reterr);

	if (r < 0 || !text)
		return r;
	place_key(&below, place, "cpus");
	snprintf(what, sizeof(what), "%s:", place_text(at, &below));
	if (cpus_check(what, text, &why) < 0)
		return why ? vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s", why->text) : -ENOMEM;
	*ret = (char *)text;
	return 0;
}

static int entry_read(struct json_object *entry, const struct place *place, struct request_list *list,
		      struct vr_error **reterr)
{
	static const char *const known[] = { "thread", "budget", "period", "deadline", "soft", "cpus" };
	struct request request = { 0 };
	const char *thread;
	int r;

	if (!json_object_is_type(entry, json_type_object))
		return place_broken(place, reterr, "must be an object, not %s", json_type_to_name(json_object_get_type(entry)));
	r = strict_keys(entry, place, known, ARRAY_SIZE(known), reterr);
	if (r < 0)
		return r;
	r = strict_text(entry, place, "thread", true, &thread, reterr);
	if (r < 0)
		return r;
	r = time_get(entry, place, "budget", time_parse, &request.budget_ns, reterr);
	if (r < 0)
		return r;
	r = time_get(entry, place, "period", time_parse, &request.period_ns, reterr);
	if (r < 0)
		return r;
	r = time_get(entry, place, "deadline", deadline_parse, &request.deadline_ns, reterr);
	if (r < 0)
		return r;
	r = soft_get(entry, place, &request.flags, reterr);
	if (r < 0)
		return r;
	r = cpus_get(entry, place, &request.cpus, reterr);
	if (r < 0)
		return r;
	request.thread = (char *)thread;	/* request_list_add() copies it, and the CPUs */
	return request_list_add(list, &request);
}

static int entries_read(struct json_object *top, struct request_list *list, struct vr_error **reterr)
{
	const struct place place = { "reservations" };
	struct json_object *entries;

	if (!json_object_object_get_ex(top, "reservations", &entries))
		return place_broken(&place, reterr, "missing");
	if (!json_object_is_type(entries, json_type_array))
		return place_broken(&place, reterr, "must be an array, not %s", json_type_to_name(json_object_get_type(entries)));
	if (json_object_array_length(entries) == 0)
		return place_broken(&place, reterr, "empty, there is nothing to reserve");
	if (json_object_array_length(entries) > REQUEST_THREADS_MAX)
		return place_broken(&place, reterr, "more than %d threads in one request", REQUEST_THREADS_MAX);
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct place below;
		int r;

		place_index(&below, &place, i);
		r = entry_read(json_object_array_get_idx(entries, i), &below, list, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int document_parse(const char *text, size_t length, struct document *ret, struct vr_error **reterr)
{
	static const char *const known[] = { "domain", "memory", "reservations" };
	_cleanup_(json_object_putp) struct json_object *top = NULL;
	_cleanup_(document_done) struct document document = { 0 };
	const struct place root = { "" };
	const char *domain;
	int r;

	r = strict_parse(text, length, DOCUMENT_SIZE_MAX, &top, reterr);
	if (r < 0)
		return r;
	r = strict_keys(top, &root, known, ARRAY_SIZE(known), reterr);
	if (r < 0)
		return r;
	r = strict_text(top, &root, "domain", false, &domain, reterr);
	if (r < 0)
		return r;
	r = document_memory_read(top, &document.memory, reterr);
	if (r < 0)
		return r;
	r = entries_read(top, &document.requests, reterr);
	if (r < 0)
		return r;
	document.domain = domain ? strdup(domain) : NULL;
	if (domain && !document.domain)
		return -ENOMEM;

	*ret = TAKE_GENERIC(document, struct document, (struct document){ 0 });
	return 0;
}

int document_read(const char *path, struct document *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name;
	size_t length;
	int r;

	r = strict_read(path, DOCUMENT_SIZE_MAX, &text, &length, &name, reterr);
	if (r < 0)
		return r;
	r = document_parse(text, length, ret, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	return r;
}
