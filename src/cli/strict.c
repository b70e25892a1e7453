/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules that every document written by hand must keep, beside being JSON (value.c): a size, no zero bytes, only keys that
 * are known, texts that are not empty. Each complaint is one line with the place ("vms[1].vcpus[0].budgte").
 *
 * Two forms of one reading: values, quick, for whoever reads many systems; a tree of json-c for whoever wants one.
 *
 * Called by document.c, system-document.c and others that read documents. Knows no document, opens no file but the one it is
 * given.
 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "answer.h"
#include "strict.h"
#include "suggest.h"

/* Two letters tell most keys apart, without a call. */
static bool key_is(const char *a, const char *b)
{
	return a[0] == b[0] && (a[0] == '\0' || (a[1] == b[1] && strcmp(a, b) == 0));
}

static int key_unknown(const char *key, const struct place *place, const char *const *known, size_t n, struct vr_error **reterr)
{
	const char *near = suggest(key, known, n);
	struct place below;

	place_key(&below, place, key);
	return place_broken(&below, reterr, "unknown key%s%s%s", near ? ", did you mean " : "", near ?: "", near ? "?" : "");
}

static int key_check(const char *key, const struct place *place, const char *const *known, size_t n, struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++)
		if (key_is(key, known[i]))
			return 0;
	return key_unknown(key, place, known, n, reterr);
}

int strict_keys(struct json_object *object, const struct place *place, const char *const *known, size_t n,
		struct vr_error **reterr)
{
	json_object_object_foreach(object, key, value) {
		int r = key_check(key, place, known, n, reterr);

		(void)value;
		if (r < 0)
			return r;
	}
	return 0;
}

int strict_value_keys(const struct value *object, const struct place *place, const char *const *known, size_t n,
		      struct vr_error **reterr)
{
	for (const struct value *v = object->first; v; v = v->next) {
		int r = key_check(v->key, place, known, n, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static int member_unknown(const struct value *member, const struct place *place, const struct key *known, size_t n,
			  struct vr_error **reterr)
{
	const char *texts[STRICT_KEYS_MAX];

	for (size_t i = 0; i < n; i++)
		texts[i] = known[i].text;
	return key_unknown(member->key, place, texts, n, reterr);
}

int strict_value_members(const struct value *object, const struct place *place, const struct key *known, size_t n,
			 const struct value **ret, struct vr_error **reterr)
{
	assert(n <= STRICT_KEYS_MAX);
	for (size_t i = 0; i < n; i++)
		ret[i] = NULL;
	for (const struct value *v = object->first; v; v = v->next) {
		size_t i = 0;

		while (i < n && !value_has_key(v, &known[i]))
			i++;
		if (i == n)
			return member_unknown(v, place, known, n, reterr);
		ret[i] = v;
	}
	return 0;
}

int strict_text(struct json_object *object, const struct place *place, const char *key, bool needed,
		const char **ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;

	place_key(&below, place, key);
	*ret = NULL;
	if (!json_object_object_get_ex(object, key, &value))
		return needed ? place_broken(&below, reterr, "missing") : 0;
	if (!json_object_is_type(value, json_type_string))
		return place_broken(&below, reterr, "must be a string, not %s", json_type_to_name(json_object_get_type(value)));
	if (json_object_get_string_len(value) == 0)
		return place_broken(&below, reterr, "empty");
	*ret = json_object_get_string(value);
	return 0;
}

int strict_value_text(const struct value *object, const struct place *place, const char *key, bool needed, const char **ret,
		      struct vr_error **reterr)
{
	return strict_member_text(value_get(object, key), place, key, needed, ret, reterr);
}

int strict_member_text(const struct value *value, const struct place *place, const char *key, bool needed, const char **ret,
		       struct vr_error **reterr)
{
	struct place below;

	place_key(&below, place, key);
	*ret = NULL;
	if (!value)
		return needed ? place_broken(&below, reterr, "missing") : 0;
	if (value->type != VALUE_STRING)
		return place_broken(&below, reterr, "must be a string, not %s", value_type_name(value));
	if (value->n == 0)
		return place_broken(&below, reterr, "empty");
	*ret = value->text;
	return 0;
}

int strict_values(const char *text, size_t length, size_t length_max, struct values *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	const struct place root = { "" };
	int r;

	if (length > length_max)
		return place_broken(&root, reterr, "larger than %zu bytes, that is no document of ours", length_max);
	r = values_parse(text, length, ret, &why);
	if (r == -EBADMSG && memchr(text, '\0', length))	/* none passes the parser, but this is what to say */
		return place_broken(&root, reterr, "a zero byte in it, that is no document of ours");
	if (r < 0 && reterr)
		*reterr = TAKE_PTR(why);
	return r;
}

int strict_parse(const char *text, size_t length, size_t length_max, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(values_done) struct values values = { NULL };
	int r = strict_values(text, length, length_max, &values, reterr);

	return r < 0 ? r : value_json(values.top, ret);
}

/* Reads one byte more than is allowed, so that strict_parse() sees that it is too much. */
static int file_read(int fd, size_t length_max, char **ret, size_t *ret_length)
{
	_cleanup_(freep) char *text = malloc(length_max + 1);
	size_t length = 0;

	if (!text)
		return -ENOMEM;
	while (length <= length_max) {
		ssize_t n = read(fd, text + length, length_max + 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	*ret = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

int strict_read(const char *path, size_t length_max, char **ret, size_t *ret_length, const char **ret_name,
		struct vr_error **reterr)
{
	bool standard_input = strcmp(path, "-") == 0;
	_cleanup_(closep) int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *name = standard_input ? "standard input" : path;
	int r;

	if (fd < 0) {
		r = -errno;
		return vr_error_set(reterr, r, VR_FAILED, "cannot open %s: %s", name, strerror(-r));
	}
	r = file_read(fd, length_max, ret, ret_length);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read %s: %s", name, strerror(-r));
	*ret_name = name;
	return 0;
}
