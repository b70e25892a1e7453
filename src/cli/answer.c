/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An answer of virtrkd as a JSON tree. client.c translates each reply once, from the types of D-Bus to those of JSON
 * and from BudgetNSec to budget_ns; --json prints that tree, the tables are read out of it. So both always say the same, and
 * a member that a newer virtrkd adds shows in --json without a change here.
 *
 * What the tables need is checked right after the translation (answer_check), so that the getters cannot fail: a
 * virtrkd that answers otherwise gets one line, not a table of zeros. Pure but for memory and the given stream.
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "answer.h"

#define OTHER_VERSION "virtrk and virtrkd are of different versions"

/* Is there a new word at name[i]? Runs of capitals are one word (RT, TID), with a plural s if they have one (CPUs). */
static bool word_starts(const char *name, size_t i)
{
	bool plural;

	if (i == 0 || !isupper((unsigned char)name[i]))
		return false;
	if (!isupper((unsigned char)name[i - 1]))
		return true;
	plural = name[i + 1] == 's' && !islower((unsigned char)name[i + 2]);
	return islower((unsigned char)name[i + 1]) && !plural;
}

/* Units: NSec and USec are one word in D-Bus names, "n_sec" here so far. */
static void unit_shorten(char *name)
{
	size_t n = strlen(name);

	if (n > 6 && (strcmp(name + n - 6, "_n_sec") == 0 || strcmp(name + n - 6, "_u_sec") == 0)) {
		name[n - 4] = 's';
		name[n - 3] = '\0';
	}
}

char *answer_key_name(const char *dbus_name)
{
	char *name = malloc(2 * strlen(dbus_name) + 1), *out = name;

	if (!name)
		return NULL;
	for (size_t i = 0; dbus_name[i]; i++) {
		if (word_starts(dbus_name, i))
			*out++ = '_';
		*out++ = (char)tolower((unsigned char)dbus_name[i]);
	}
	*out = '\0';
	unit_shorten(name);
	return name;
}

static bool type_fits(struct json_object *value, char type)
{
	switch (type) {
	case 's':
		return json_object_is_type(value, json_type_string);
	case 't':
		return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0;
	case 'x':
		return json_object_is_type(value, json_type_int);
	case 'b':
		return json_object_is_type(value, json_type_boolean);
	case 'a':
		return json_object_is_type(value, json_type_array);
	}
	return false;
}

int answer_check(struct json_object *object, const char *what, const struct answer_key *keys, size_t n,
		 struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++) {
		struct json_object *value;

		if (!json_object_object_get_ex(object, keys[i].key, &value))
			return vr_error_set(reterr, -EBADMSG, VR_FAILED,
					    "virtrkd's answer to %s lacks %s; " OTHER_VERSION, what, keys[i].key);
		if (!type_fits(value, keys[i].type))
			return vr_error_set(reterr, -EBADMSG, VR_FAILED,
					    "virtrkd's answer to %s has %s of another type; " OTHER_VERSION, what,
					    keys[i].key);
	}
	return 0;
}

static int row_name_members(struct json_object *row, const char *what, const struct answer_key *keys, size_t n,
			    struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
	int r;

	if (!object)
		return -ENOMEM;
	if (!json_object_is_type(row, json_type_array))
		return vr_error_set(reterr, -EBADMSG, VR_FAILED, "virtrkd's answer to %s is no list of lists; " OTHER_VERSION, what);
	for (size_t i = 0; i < n && i < json_object_array_length(row); i++)
		if (json_object_object_add(object, keys[i].key, json_object_get(json_object_array_get_idx(row, i))) < 0)
			return -ENOMEM;
	r = answer_check(object, what, keys, n, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(object);
	return 0;
}

int answer_name_members(struct json_object *rows, const char *what, const struct answer_key *keys, size_t n,
			struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *named = json_object_new_array();

	if (!named)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *object = NULL;
		int r = row_name_members(json_object_array_get_idx(rows, i), what, keys, n, &object, reterr);

		if (r < 0)
			return r;
		if (json_object_array_add(named, object) < 0) {
			json_object_put(object);
			return -ENOMEM;
		}
	}
	*ret = TAKE_PTR(named);
	return 0;
}

struct json_object *answer_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;
	bool found = json_object_object_get_ex(object, key, &value);

	assert(found);		/* asked for without answer_check() */
	(void)found;
	return value;
}

const char *answer_text(struct json_object *object, const char *key)
{
	return json_object_get_string(answer_member(object, key));
}

uint64_t answer_u64(struct json_object *object, const char *key)
{
	return json_object_get_uint64(answer_member(object, key));
}

bool answer_bool(struct json_object *object, const char *key)
{
	return json_object_get_boolean(answer_member(object, key));
}

void answer_null_if(struct json_object *object, const char *key, uint64_t none)
{
	if (answer_u64(object, key) == none)
		json_object_object_add(object, key, NULL);
}

bool answer_is_null(struct json_object *object, const char *key)
{
	return !answer_member(object, key);
}

int answer_print(struct json_object *json, FILE *out, bool one_line)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text;

	flags |= one_line ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	text = json_object_to_json_string_ext(json, flags);
	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	return ferror(out) ? -EIO : 0;
}
