/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict JSON for documents that people write by hand: a slip in one is a promise nobody meant. Syntax errors are told by
 * line and column, everything else by its place ("vms[1].vcpus[0].budgte"); unknown keys, keys given twice, zero bytes,
 * anything behind the document are refused. json-c does the syntax; it keeps the last of two equal keys without a word, so
 * strict_scan() walks the text once more and looks for them.
 *
 * Called by document.c and system-document.c. Knows no document, opens no file but the one it is given.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "answer.h"
#include "json-strict.h"
#include "strict.h"
#include "suggest.h"
#include "text.h"

#define DEPTH_MAX 12		/* a system with critical sections has 9 */

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

void place_key(struct place *place, const struct place *parent, const char *key)
{
	snprintf(place->text, sizeof(place->text), "%.90s%s%.90s", parent->text, *parent->text ? "." : "", key);
}

void place_index(struct place *place, const struct place *parent, size_t index)
{
	snprintf(place->text, sizeof(place->text), "%.90s[%zu]", parent->text, index);
}

int place_broken(const struct place *place, struct vr_error **reterr, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *where = text_clean(place->text);	/* keys are whatever somebody wrote */
	_cleanup_(freep) char *clean = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	clean = text_clean(text);
	if (!where || !clean)
		return -ENOMEM;
	return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s%s%s", where, *where ? ": " : "", clean);
}

/*
 * The scan: over text that json-c has accepted in strict mode, so brackets match and strings end. It still believes
 * nothing about the end of the text.
 */
struct scan {
	const char *at;
	const char *end;
	struct vr_error **reterr;
};

static void scan_blanks(struct scan *scan)
{
	while (scan->at < scan->end && strchr(" \t\r\n", *scan->at))
		scan->at++;
}

static bool scan_take(struct scan *scan, char c)
{
	scan_blanks(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

/* From quote to quote. \u0000 is refused: behind it a C string hides whatever one likes. */
static int scan_string(struct scan *scan, const struct place *place)
{
	if (!scan_take(scan, '"'))
		return place_broken(place, scan->reterr, "a string in double quotes was expected");
	while (scan->at < scan->end && *scan->at != '"') {
		if (*scan->at == '\\') {
			if (scan->end - scan->at >= 6 && memcmp(scan->at, "\\u0000", 6) == 0)
				return place_broken(place, scan->reterr, "a string has a zero character in it");
			scan->at++;
		}
		if (scan->at < scan->end)
			scan->at++;
	}
	return scan_take(scan, '"') ? 0 : place_broken(place, scan->reterr, "a string does not end");
}

/* "\u0061" and "a" are the same key: let json-c undo the escapes. */
static int scan_key(struct scan *scan, const struct place *place, struct json_object **ret)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new();
	const char *start;
	int r;

	if (!tokener)
		return -ENOMEM;
	scan_blanks(scan);
	start = scan->at;
	r = scan_string(scan, place);
	if (r < 0)
		return r;
	*ret = json_tokener_parse_ex(tokener, start, (int)(scan->at - start));
	return *ret ? 0 : place_broken(place, scan->reterr, "a key is damaged");
}

static int scan_value(struct scan *scan, const struct place *place, int depth);

static int scan_object(struct scan *scan, const struct place *place, int depth)
{
	_cleanup_(json_object_putp) struct json_object *seen = json_object_new_object();

	if (!seen)
		return -ENOMEM;
	if (scan_take(scan, '}'))
		return 0;
	do {
		_cleanup_(json_object_putp) struct json_object *key = NULL;
		struct place below;
		int r = scan_key(scan, place, &key);

		if (r < 0)
			return r;
		place_key(&below, place, json_object_get_string(key));
		if (json_object_object_get_ex(seen, json_object_get_string(key), NULL))
			return place_broken(&below, scan->reterr, "given twice");
		if (json_object_object_add(seen, json_object_get_string(key), NULL) < 0)
			return -ENOMEM;
		if (!scan_take(scan, ':'))
			return place_broken(&below, scan->reterr, "a colon was expected");
		r = scan_value(scan, &below, depth + 1);
		if (r < 0)
			return r;
	} while (scan_take(scan, ','));
	return scan_take(scan, '}') ? 0 : place_broken(place, scan->reterr, "a closing brace was expected");
}

static int scan_array(struct scan *scan, const struct place *place, int depth)
{
	size_t i = 0;

	if (scan_take(scan, ']'))
		return 0;
	do {
		struct place below;
		int r;

		place_index(&below, place, i++);
		r = scan_value(scan, &below, depth + 1);
		if (r < 0)
			return r;
	} while (scan_take(scan, ','));
	return scan_take(scan, ']') ? 0 : place_broken(place, scan->reterr, "a closing bracket was expected");
}

static int scan_value(struct scan *scan, const struct place *place, int depth)
{
	if (depth > DEPTH_MAX)
		return place_broken(place, scan->reterr, "nested more than %d deep", DEPTH_MAX);
	if (scan_take(scan, '{'))
		return scan_object(scan, place, depth);
	if (scan_take(scan, '['))
		return scan_array(scan, place, depth);
	if (scan->at < scan->end && *scan->at == '"')
		return scan_string(scan, place);
	while (scan->at < scan->end && !strchr(",]} \t\r\n", *scan->at))	/* a number, true, false, null */
		scan->at++;
	return 0;
}

static int strict_scan(const char *text, size_t length, struct vr_error **reterr)
{
	struct scan scan = { .at = text, .end = text + length, .reterr = reterr };

	return scan_value(&scan, &(struct place){ "" }, 0);
}

/* json-c would like more: of what? */
static int unfinished(const char *text, size_t length, size_t line, struct vr_error **reterr)
{
	size_t start = 0;

	while (start < length && strchr(" \t\r\n", text[start]))
		start++;
	if (start == length)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "empty");
	if (text[start] != '{' && text[start] != '[')
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "must be an object: { ... }");
	return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "it ends in the middle, in line %zu", line);
}

/* The words of json-c are for programmers; people want line and column. */
static int syntax_error(struct json_tokener *tokener, const char *text, size_t length, struct vr_error **reterr)
{
	size_t at = json_tokener_get_parse_end(tokener), line = 1, column = 1;
	enum json_tokener_error error = json_tokener_get_error(tokener);

	if (at > length)
		at = length;
	for (size_t i = 0; i < at; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	if (error == json_tokener_continue)
		return unfinished(text, length, line, reterr);
	if (error == json_tokener_error_depth)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "line %zu: nested more than %d deep", line, DEPTH_MAX);
	return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "line %zu, column %zu: not JSON (%s)", line, column,
			    json_tokener_error_desc(error));
}

static int syntax_parse(const char *text, size_t length, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *json;
	int r;

	if (!tokener)
		return -ENOMEM;
	r = json_strict_parse(tokener, JSON_TOKENER_VALIDATE_UTF8, text, length, &json);
	if (r < 0)
		return r;
	if (!json && json_tokener_get_error(tokener) != json_tokener_success)	/* null is no error */
		return syntax_error(tokener, text, length, reterr);
	*ret = json;
	return 0;
}

/* Every key must be one of @known. */
int strict_keys(struct json_object *object, const struct place *place, const char *const *known, size_t n,
		      struct vr_error **reterr)
{
	json_object_object_foreach(object, key, value) {
		const char *near = suggest(key, known, n);
		struct place below;
		size_t i = 0;

		(void)value;
		while (i < n && strcmp(key, known[i]) != 0)
			i++;
		if (i < n)
			continue;
		place_key(&below, place, key);
		return place_broken(&below, reterr, "unknown key%s%s%s", near ? ", did you mean " : "", near ?: "", near ? "?" : "");
	}
	return 0;
}

/* A text; *ret stays NULL when the key is absent and not @needed. Borrowed from @object. */
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

int strict_parse(const char *text, size_t length, size_t length_max, struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *top = NULL;
	const struct place root = { "" };
	int r;

	if (length > length_max)
		return place_broken(&root, reterr, "larger than %zu bytes, that is no document of ours", length_max);
	if (memchr(text, '\0', length))
		return place_broken(&root, reterr, "a zero byte in it, that is no document of ours");
	r = syntax_parse(text, length, &top, reterr);
	if (r < 0)
		return r;
	if (!json_object_is_type(top, json_type_object))
		return place_broken(&root, reterr, "must be an object: { ... }");
	r = strict_scan(text, length, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(top);
	return 0;
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
