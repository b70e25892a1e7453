/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our reader of JSON against json-c's strict one: what ours takes, the other takes too, and reads the same. Not the other
 * way: ours also refuses keys given twice, zero characters, what is nested too deep and objects that are too large.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Beyond 64 bits ours saturates and json-c goes on with another type. */
static bool is_saturated(const struct value *value)
{
	if (value->type == VALUE_INT)
		return value->number == INT64_MIN || value->number == INT64_MAX;
	if (value->type != VALUE_ARRAY && value->type != VALUE_OBJECT)
		return false;
	for (const struct value *v = value->first; v; v = v->next)
		if (is_saturated(v))
			return true;
	return false;
}

static void compare(const struct values *values, const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *ours = NULL, *theirs;

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	theirs = json_tokener_parse_ex(tokener, text, (int)size + 1);	/* the zero byte ends it */
	if (json_tokener_get_error(tokener) != json_tokener_success)
		abort();
	if (value_json(values->top, &ours) < 0)
		abort();
	if (!is_saturated(values->top) && !json_object_equal(ours, theirs))
		abort();
	json_object_put(ours);
	json_object_put(theirs);
	json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(values_done) struct values values = { NULL };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *text = size < 1 << 20 ? calloc(1, size + 1) : NULL;
	int r;

	if (!text)
		return 0;
	memcpy(text, data, size);
	r = values_parse(text, size, &values, &err);
	if (r == 0)
		compare(&values, text, size);
	else if (r != -ENOMEM && (!err || !err->text || strchr(err->text, '\n')))
		abort();
	return 0;
}
