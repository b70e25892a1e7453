/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values in an experiment's spec: times with units, whole numbers, decimals, lists and ranges of them. Decimals are read from
 * their text into units of 10^-9, never through a floating-point number, so that 0.1 is a tenth; an exponent is refused.
 *
 * Called by experiment-spec.c and experiment-result.c. Everything wrong is told with its place.
 */
#include <string.h>

#include "experiment-value.h"
#include "request.h"
#include "suggest.h"

#define CPUS_PPB_MAX (4096 * PPB_ONE)

/* *ret NULL when absent. */
static int member(struct json_object *object, const struct place *place, const char *key, bool needed, struct json_object **ret,
		  struct place *ret_place, struct vr_error **reterr)
{
	*ret = NULL;
	place_key(ret_place, place, key);
	if (!json_object_object_get_ex(object, key, ret))
		return needed ? place_broken(ret_place, reterr, "missing") : 0;
	return *ret ? 0 : place_broken(ret_place, reterr, "must not be null");
}

static int time_of(struct json_object *value, const struct place *place, nsec_t *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	char what[PLACE_MAX + 1], at[PLACE_MAX];
	int r;

	if (json_object_is_type(value, json_type_int)) {
		int64_t ns = json_object_get_int64(value);

		if (ns < 0 || ns == INT64_MAX)
			return place_broken(place, reterr, "must be from 0 to 2^63-2 ns");
		*ret = (nsec_t)ns;
		return 0;
	}
	if (!json_object_is_type(value, json_type_string))
		return place_broken(place, reterr, "must be a time like \"4ms\", or whole ns, not %s",
				    json_type_to_name(json_object_get_type(value)));
	snprintf(what, sizeof(what), "%s:", place_text(at, place));
	r = time_parse(what, json_object_get_string(value), ret, &why);
	if (r < 0)
		return why ? vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s", why->text) : -ENOMEM;
	return 0;
}

static int count_of(struct json_object *value, const struct place *place, uint64_t least, uint64_t most, uint64_t *ret,
		    struct vr_error **reterr)
{
	int64_t n = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int) || n < 0 || (uint64_t)n < least || (uint64_t)n > most)
		return place_broken(place, reterr, "must be a whole number from %llu to %llu", (unsigned long long)least,
				    (unsigned long long)most);
	*ret = (uint64_t)n;
	return 0;
}

/* Digits, and perhaps a point and up to nine more. */
static bool decimal_text(const char *text, uint64_t *ret)
{
	uint64_t value = 0, unit = PPB_ONE;
	bool point = false;

	for (; *text; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || (point && unit == 1) || value > CPUS_PPB_MAX * 10)
			return false;
		if (point)
			unit /= 10;
		value = point ? value + (uint64_t)(*text - '0') * unit : value * 10 + (uint64_t)(*text - '0') * PPB_ONE;
	}
	*ret = value;
	return true;
}

static int decimal_of(struct json_object *value, const struct place *place, uint64_t most_ppb, uint64_t *ret,
		      struct vr_error **reterr)
{
	uint64_t ppb;

	if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
		return place_broken(place, reterr, "must be a number, not %s", json_type_to_name(json_object_get_type(value)));
	/* json-c keeps the text of a number with a point */
	if (!decimal_text(json_object_to_json_string(value), &ppb))
		return place_broken(place, reterr, "must be a decimal like 0.05: no sign, no exponent, at most nine places");
	if (ppb > most_ppb)
		return place_broken(place, reterr, "must be at most %llu%s", (unsigned long long)(most_ppb / PPB_ONE),
				    most_ppb % PPB_ONE ? " and something" : "");
	*ret = ppb;
	return 0;
}

int value_time(struct json_object *object, const struct place *place, const char *key, bool needed, nsec_t *ret,
	       struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, needed, &value, &below, reterr);

	return r < 0 || !value ? r : time_of(value, &below, ret, reterr);
}

int value_count(struct json_object *object, const struct place *place, const char *key, uint64_t least, uint64_t most,
		uint64_t *ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, false, &value, &below, reterr);

	return r < 0 || !value ? r : count_of(value, &below, least, most, ret, reterr);
}

int value_decimal(struct json_object *object, const struct place *place, const char *key, bool needed, uint64_t most_ppb,
		  uint64_t *ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, needed, &value, &below, reterr);

	return r < 0 || !value ? r : decimal_of(value, &below, most_ppb, ret, reterr);
}

int value_flag(struct json_object *object, const struct place *place, const char *key, bool *ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, false, &value, &below, reterr);

	if (r < 0 || !value)
		return r;
	if (!json_object_is_type(value, json_type_boolean))
		return place_broken(&below, reterr, "must be true or false, not %s",
				    json_type_to_name(json_object_get_type(value)));
	*ret = json_object_get_boolean(value);
	return 0;
}

int value_word(struct json_object *object, const struct place *place, const char *key, const char *const *words, size_t n,
	       size_t *ret, struct vr_error **reterr)
{
	const char *text, *near;
	struct place below;
	int r = strict_text(object, place, key, false, &text, reterr);

	if (r < 0 || !text)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	place_key(&below, place, key);
	near = suggest(text, words, n);
	return place_broken(&below, reterr, "unknown: \"%.40s\"%s%s%s", text, near ? ", did you mean " : "", near ?: "",
			    near ? "?" : "");
}

int value_object(struct json_object *object, const struct place *place, const char *key, bool needed, const char *const *known,
		 size_t n, struct json_object **ret, struct place *ret_place, struct vr_error **reterr)
{
	int r = member(object, place, key, needed, ret, ret_place, reterr);

	if (r < 0 || !*ret)
		return r;
	if (!json_object_is_type(*ret, json_type_object))
		return place_broken(ret_place, reterr, "must be an object, not %s", json_type_to_name(json_object_get_type(*ret)));
	return strict_keys(*ret, ret_place, known, n, reterr);
}

static int kind_of(enum experiment_kind kind, struct json_object *value, const struct place *place, uint64_t *ret,
		   struct vr_error **reterr)
{
	if (kind == KIND_TIME)
		return time_of(value, place, ret, reterr);
	if (kind == KIND_COUNT)
		return count_of(value, place, 1, 4096, ret, reterr);
	return decimal_of(value, place, CPUS_PPB_MAX, ret, reterr);
}

int value_of_kind(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key,
		  uint64_t *ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, true, &value, &below, reterr);

	return r < 0 ? r : kind_of(kind, value, &below, ret, reterr);
}

static int array_of(enum experiment_kind kind, struct json_object *array, const struct place *place, size_t max, uint64_t *ret,
		    size_t *ret_n, struct vr_error **reterr)
{
	size_t n = json_object_array_length(array);
	struct place at;

	if (n == 0 || n > max)
		return place_broken(place, reterr, "%zu values, must be from 1 to %zu", n, max);
	for (size_t i = 0; i < n; i++) {
		int r;

		place_index(&at, place, i);
		r = kind_of(kind, json_object_array_get_idx(array, i), &at, &ret[i], reterr);
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return 0;
}

static int steps_of(enum experiment_kind kind, struct json_object *steps, const struct place *place, size_t max, uint64_t *ret,
		    size_t *ret_n, struct vr_error **reterr)
{
	static const char *const known[] = { "from", "to", "step" };
	uint64_t from = 0, to = 0, step = 0;
	int r = strict_keys(steps, place, known, ARRAY_SIZE(known), reterr);

	if (r >= 0)
		r = value_of_kind(kind, steps, place, "from", &from, reterr);
	if (r >= 0)
		r = value_of_kind(kind, steps, place, "to", &to, reterr);
	if (r >= 0)
		r = value_of_kind(kind, steps, place, "step", &step, reterr);
	if (r < 0)
		return r;
	if (step == 0 || from > to)
		return place_broken(place, reterr, step == 0 ? "a step of zero" : "\"from\" is above \"to\"");
	if ((to - from) / step >= max)
		return place_broken(place, reterr, "more than %zu values", max);
	*ret_n = (size_t)((to - from) / step) + 1;
	for (size_t i = 0; i < *ret_n; i++)
		ret[i] = from + i * step;
	return 0;
}

int value_list(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key, size_t max,
	       uint64_t *ret, size_t *ret_n, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, true, &value, &below, reterr);

	if (r < 0)
		return r;
	if (json_object_is_type(value, json_type_array))
		return array_of(kind, value, &below, max, ret, ret_n, reterr);
	if (json_object_is_type(value, json_type_object))
		return steps_of(kind, value, &below, max, ret, ret_n, reterr);
	*ret_n = 1;
	return kind_of(kind, value, &below, ret, reterr);
}

int value_range(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key,
		uint64_t *ret_from, uint64_t *ret_to, struct vr_error **reterr)
{
	static const char *const known[] = { "from", "to" };
	struct json_object *value;
	struct place below;
	int r = member(object, place, key, false, &value, &below, reterr);

	if (r < 0 || !value)
		return r;
	if (!json_object_is_type(value, json_type_object)) {
		r = kind_of(kind, value, &below, ret_from, reterr);
		*ret_to = *ret_from;
		return r;
	}
	r = strict_keys(value, &below, known, ARRAY_SIZE(known), reterr);
	if (r >= 0)
		r = value_of_kind(kind, value, &below, "from", ret_from, reterr);
	if (r >= 0)
		r = value_of_kind(kind, value, &below, "to", ret_to, reterr);
	if (r >= 0 && *ret_from > *ret_to)
		return place_broken(&below, reterr, "\"from\" is above \"to\"");
	return r;
}
