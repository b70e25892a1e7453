/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reservation document says about memory and the cache:
 *
 *   "memory": { "size": "1GiB", "cache_colors": 4, "banks": "0-3", "exclusive": true, "layout": "any", "cache_ways": 4 }
 *
 * As strict as the rest of the document. Called by document.c. Judges the form and never whether it fits.
 */
#include <inttypes.h>
#include <string.h>

#include <virtrk/units.h>

#include "answer.h"
#include "document-memory.h"
#include "strict.h"

#define NUMBER_MAX 999999

static int number_get(struct json_object *value, const struct place *place, int64_t most, uint32_t *ret, struct vr_error **reterr)
{
	int64_t number;

	if (!json_object_is_type(value, json_type_int))
		return place_broken(place, reterr, "must be a number, not %s", json_type_to_name(json_object_get_type(value)));
	number = json_object_get_int64(value);
	if (number < 1 || number > most)
		return place_broken(place, reterr, "must be from 1 to %" PRId64, most);
	*ret = (uint32_t)number;
	return 0;
}

/* A number of them, or a list as the command line takes it. */
static int axis_get(struct json_object *object, const struct place *place, const char *key, char ret[INTENT_CPUS_MAX], struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	uint32_t number = 0;
	const char *text;
	int r;

	if (!json_object_object_get_ex(object, key, &value))
		return 0;
	place_key(&below, place, key);
	if (json_object_is_type(value, json_type_int)) {
		r = number_get(value, &below, NUMBER_MAX, &number, reterr);
		if (r >= 0)
			snprintf(ret, INTENT_CPUS_MAX, "%" PRIu32, number);
		return r;
	}
	if (!json_object_is_type(value, json_type_string))
		return place_broken(&below, reterr, "must be a number of them or a list such as \"0-3\", not %s",
				    json_type_to_name(json_object_get_type(value)));
	text = json_object_get_string(value);
	if (!*text || !intent_colors_valid(text, &number))
		return place_broken(&below, reterr, "\"%s\": a number of them, at least 1, or a list such as \"0-3\"", text);
	strcpy(ret, text);
	return 0;
}

static int size_get(struct json_object *object, const struct place *place, uint64_t *ret, struct vr_error **reterr)
{
	struct place below;
	const char *text;
	int r = strict_text(object, place, "size", true, &text, reterr);

	if (r < 0)
		return r;
	place_key(&below, place, "size");
	r = vrk_bytes_parse(text, ret);
	if (r < 0)
		return place_broken(&below, reterr, "%s: %s", text,
				    r == -ERANGE ? "too large" : "must be a whole number and its unit: B, KiB, MiB, GiB or TiB");
	if (*ret == 0 || *ret % INTENT_PAGE != 0)
		return place_broken(&below, reterr, "%s: whole pages of 4KiB, at least one", text);
	return 0;
}

static int exclusive_get(struct json_object *object, const struct place *place, bool *ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;

	if (!json_object_object_get_ex(object, "exclusive", &value))
		return 0;
	place_key(&below, place, "exclusive");
	if (!json_object_is_type(value, json_type_boolean))
		return place_broken(&below, reterr, "must be true or false, not %s", json_type_to_name(json_object_get_type(value)));
	*ret = json_object_get_boolean(value);
	return 0;
}

static int layout_get(struct json_object *object, const struct place *place, bool *ret, struct vr_error **reterr)
{
	struct place below;
	const char *text;
	int r = strict_text(object, place, "layout", false, &text, reterr);

	if (r < 0 || !text || intent_layout_read(text, ret))
		return r;
	place_key(&below, place, "layout");
	return place_broken(&below, reterr, "\"%s\": preserve or any", text);
}

static int frames_get(struct json_object *object, const struct place *place, struct intent_memory *memory, struct vr_error **reterr)
{
	int r = size_get(object, place, &memory->bytes, reterr);

	if (r >= 0)
		r = axis_get(object, place, "cache_colors", memory->colors, reterr);
	if (r >= 0)
		r = axis_get(object, place, "banks", memory->banks, reterr);
	if (r >= 0)
		r = exclusive_get(object, place, &memory->exclusive, reterr);
	if (r >= 0)
		r = layout_get(object, place, &memory->preserve, reterr);
	if (r >= 0 && memory->exclusive && !*memory->colors)
		return place_broken(place, reterr, "which colours are to be nobody else's? cache_colors is missing");
	memory->wanted = r >= 0;
	return r;
}

int document_memory_read(struct json_object *top, struct intent_memory *ret, struct vr_error **reterr)
{
	static const char *const known[] = { "size", "cache_colors", "banks", "exclusive", "layout", "cache_ways" };
	const struct place place = { "memory" };
	struct intent_memory memory = { .wanted = false };
	struct json_object *object, *ways;
	struct place below;
	bool more;
	int r;

	if (!json_object_object_get_ex(top, "memory", &object))
		return 0;
	if (!json_object_is_type(object, json_type_object))
		return place_broken(&place, reterr, "must be an object, not %s", json_type_to_name(json_object_get_type(object)));
	r = strict_keys(object, &place, known, ARRAY_SIZE(known), reterr);
	if (r < 0)
		return r;
	if (json_object_object_get_ex(object, "cache_ways", &ways)) {
		place_key(&below, &place, "cache_ways");
		r = number_get(ways, &below, INTENT_WAYS_MAX, &memory.ways, reterr);
		if (r < 0)
			return r;
	}
	more = json_object_object_length(object) > (memory.ways > 0 ? 1 : 0);
	if (more || memory.ways == 0)	/* ways of the cache alone need no size */
		r = frames_get(object, &place, &memory, reterr);
	if (r >= 0)
		*ret = memory;
	return r;
}
