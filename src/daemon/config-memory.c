/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain's file says about its memory and ways of the cache (see config.c, and virtrk(1) for the document). The same rules as virtrk's
 * own reader has, in the same order: what one takes the other takes.
 *
 * Called by config.c. Judges the form and never whether it fits.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "config.h"
#include "config-memory.h"

#define NUMBER_MAX 999999

struct context {
	const char *name;	/* of the file */
	struct vr_error **reterr;
};

#define bad(c, ...) vr_error_set((c)->reterr, -EBADMSG, VR_BAD_CONFIG, __VA_ARGS__)

static int number_read(const struct context *c, const char *key, struct json_object *value, int64_t most, uint32_t *ret)
{
	int64_t number = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;

	if (number < 1 || number > most)
		return bad(c, "%s: memory.%s: expected a number from 1 to %" PRId64, c->name, key, most);
	*ret = (uint32_t)number;
	return 0;
}

/* A number of them, or a list. */
static int axis_read(const struct context *c, const char *key, struct json_object *value, char ret[INTENT_CPUS_MAX])
{
	uint32_t number = 0;
	int r;

	if (json_object_is_type(value, json_type_int)) {
		r = number_read(c, key, value, NUMBER_MAX, &number);
		if (r >= 0)
			snprintf(ret, INTENT_CPUS_MAX, "%" PRIu32, number);
		return r;
	}
	if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) == 0 ||
	    !intent_colors_valid(json_object_get_string(value), &number))
		return bad(c, "%s: memory.%s: expected a number of them or a list such as \"0-3\"", c->name, key);
	strcpy(ret, json_object_get_string(value));
	return 0;
}

static int size_read(const struct context *c, struct json_object *value, uint64_t *ret)
{
	if (!json_object_is_type(value, json_type_string) || vrk_bytes_parse(json_object_get_string(value), ret) < 0 || *ret == 0 ||
	    *ret % INTENT_PAGE != 0)
		return bad(c, "%s: memory.size: expected whole pages of 4KiB, such as \"512MiB\" or \"2GiB\"", c->name);
	return 0;
}

static int member_read(const struct context *c, const char *key, struct json_object *value, struct intent_memory *memory)
{
	if (strcmp(key, "cache_ways") == 0)
		return number_read(c, key, value, INTENT_WAYS_MAX, &memory->ways);
	memory->wanted = true;
	if (strcmp(key, "size") == 0)
		return size_read(c, value, &memory->bytes);
	if (strcmp(key, "cache_colors") == 0)
		return axis_read(c, key, value, memory->colors);
	if (strcmp(key, "banks") == 0)
		return axis_read(c, key, value, memory->banks);
	if (strcmp(key, "layout") == 0)
		return json_object_is_type(value, json_type_string) && intent_layout_read(json_object_get_string(value), &memory->preserve) ?
			0 : bad(c, "%s: memory.layout: expected \"preserve\" or \"any\"", c->name);
	if (strcmp(key, "exclusive") != 0)
		return bad(c, "%s: memory.%s: unknown key (known: size, cache_colors, banks, exclusive, layout, cache_ways)", c->name, key);
	if (!json_object_is_type(value, json_type_boolean))
		return bad(c, "%s: memory.exclusive: expected true or false", c->name);
	memory->exclusive = json_object_get_boolean(value);
	return 0;
}

int config_memory_read(const char *name, struct json_object *object, struct intent_memory *ret, struct vr_error **reterr)
{
	const struct context c = { name, reterr };
	struct intent_memory memory = { .wanted = false };

	if (!json_object_is_type(object, json_type_object))
		return bad(&c, "%s: memory: expected an object", name);
	json_object_object_foreach(object, key, value) {
		int r = member_read(&c, key, value, &memory);

		if (r < 0)
			return r;
	}
	if (memory.bytes == 0 && (memory.wanted || memory.ways == 0))
		return bad(&c, "%s: memory.size is missing", name);
	if (memory.exclusive && !*memory.colors)
		return bad(&c, "%s: memory.exclusive: which colours are to be nobody else's? cache_colors is missing", name);
	*ret = memory;
	return 0;
}
