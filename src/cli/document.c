/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reservation document, what "virtrk reserve --file" reads:
 *
 *   { "domain": "rt", "reservations": [ { "thread": "vcpu0", "budget": "4ms", "period": "10ms" } ] }
 *
 * Strict, because a slip in it would be a promise nobody meant: an unknown key, a key given twice, a number without
 * unit, anything behind the document is refused with its place ("reservations[1].perod: ..."). json-c does the syntax;
 * it keeps the last of two equal keys without a word, so document_scan() walks the text once more and looks for them.
 *
 * Called by verb-reserve.c, the unit test and the fuzzer. Opens no file but the one it is given; decides nothing about
 * what fits.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <virtrk/dbus.h>

#include "document.h"
#include "suggest.h"

#define DEPTH_MAX 8		/* a good document has 3 */
#define PLACE_MAX 200
#define NO_OBJECT "must be an object: { \"reservations\": [ ... ] }"

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)
DEFINE_CLEANUP(struct json_object *, json_object_put)

/* Where we are, as people write it: reservations[1].budget. Too long a place is cut, nothing more. */
struct place {
	char text[PLACE_MAX];
};

static void place_key(struct place *place, const struct place *parent, const char *key)
{
	snprintf(place->text, sizeof(place->text), "%.90s%s%.90s", parent->text, *parent->text ? "." : "", key);
}

static void place_index(struct place *place, const struct place *parent, size_t index)
{
	snprintf(place->text, sizeof(place->text), "%.90s[%zu]", parent->text, index);
}

__attribute__((format(printf, 3, 4)))
static int broken(const struct place *place, struct vr_error **reterr, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s%s%s", place->text, *place->text ? ": " : "", text);
}

void document_done(struct document *document)
{
	free(document->domain);
	request_list_done(&document->requests);
	*document = (struct document){ 0 };
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
		return broken(place, scan->reterr, "a string in double quotes was expected");
	while (scan->at < scan->end && *scan->at != '"') {
		if (*scan->at == '\\') {
			if (scan->end - scan->at >= 6 && memcmp(scan->at, "\\u0000", 6) == 0)
				return broken(place, scan->reterr, "a string has a zero character in it");
			scan->at++;
		}
		if (scan->at < scan->end)
			scan->at++;
	}
	return scan_take(scan, '"') ? 0 : broken(place, scan->reterr, "a string does not end");
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
	return *ret ? 0 : broken(place, scan->reterr, "a key is damaged");
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
			return broken(&below, scan->reterr, "given twice");
		if (json_object_object_add(seen, json_object_get_string(key), NULL) < 0)
			return -ENOMEM;
		if (!scan_take(scan, ':'))
			return broken(&below, scan->reterr, "a colon was expected");
		r = scan_value(scan, &below, depth + 1);
		if (r < 0)
			return r;
	} while (scan_take(scan, ','));
	return scan_take(scan, '}') ? 0 : broken(place, scan->reterr, "a closing brace was expected");
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
	return scan_take(scan, ']') ? 0 : broken(place, scan->reterr, "a closing bracket was expected");
}

static int scan_value(struct scan *scan, const struct place *place, int depth)
{
	if (depth > DEPTH_MAX)
		return broken(place, scan->reterr, "nested more than %d deep", DEPTH_MAX);
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

static int document_scan(const char *text, size_t length, struct vr_error **reterr)
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
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, NO_OBJECT);
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

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, (int)length);
	if (!json && json_tokener_get_error(tokener) != json_tokener_success)	/* null is no error */
		return syntax_error(tokener, text, length, reterr);
	*ret = json;
	return 0;
}

/* Every key must be one of @known. */
static int keys_check(struct json_object *object, const struct place *place, const char *const *known, size_t n,
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
		return broken(&below, reterr, "unknown key%s%s%s", near ? ", did you mean " : "", near ?: "", near ? "?" : "");
	}
	return 0;
}

/* A text; *ret stays NULL when the key is absent and not @needed. Borrowed from @object. */
static int text_get(struct json_object *object, const struct place *place, const char *key, bool needed,
		    const char **ret, struct vr_error **reterr)
{
	struct json_object *value;
	struct place below;

	place_key(&below, place, key);
	*ret = NULL;
	if (!json_object_object_get_ex(object, key, &value))
		return needed ? broken(&below, reterr, "missing") : 0;
	if (!json_object_is_type(value, json_type_string))
		return broken(&below, reterr, "must be a string, not %s", json_type_to_name(json_object_get_type(value)));
	if (json_object_get_string_len(value) == 0)
		return broken(&below, reterr, "empty");
	*ret = json_object_get_string(value);
	return 0;
}

/* @parse: time_parse() or deadline_parse(); a deadline may be left out. */
static int time_get(struct json_object *object, const struct place *place, const char *key,
		    int (*parse)(const char *, const char *, nsec_t *, struct vr_error **), nsec_t *ret,
		    struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	char what[PLACE_MAX + 1];
	const char *text;
	struct place below;
	int r = text_get(object, place, key, parse != deadline_parse, &text, reterr);

	if (r < 0 || !text)
		return r;
	place_key(&below, place, key);
	snprintf(what, sizeof(what), "%s:", below.text);
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
		return broken(&below, reterr, "must be true or false, not %s",
			      json_type_to_name(json_object_get_type(value)));
	if (json_object_get_boolean(value))
		*flags |= VIRTRK_RESERVE_SOFT;
	return 0;
}

static int entry_read(struct json_object *entry, const struct place *place, struct request_list *list,
		      struct vr_error **reterr)
{
	static const char *const known[] = { "thread", "budget", "period", "deadline", "soft" };
	struct request request = { 0 };
	const char *thread;
	int r;

	if (!json_object_is_type(entry, json_type_object))
		return broken(place, reterr, "must be an object, not %s", json_type_to_name(json_object_get_type(entry)));
	r = keys_check(entry, place, known, ARRAY_SIZE(known), reterr);
	if (r < 0)
		return r;
	r = text_get(entry, place, "thread", true, &thread, reterr);
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
	request.thread = (char *)thread;	/* request_list_add() copies it */
	return request_list_add(list, &request);
}

static int entries_read(struct json_object *top, struct request_list *list, struct vr_error **reterr)
{
	const struct place place = { "reservations" };
	struct json_object *entries;

	if (!json_object_object_get_ex(top, "reservations", &entries))
		return broken(&place, reterr, "missing");
	if (!json_object_is_type(entries, json_type_array))
		return broken(&place, reterr, "must be an array, not %s", json_type_to_name(json_object_get_type(entries)));
	if (json_object_array_length(entries) == 0)
		return broken(&place, reterr, "empty, there is nothing to reserve");
	if (json_object_array_length(entries) > REQUEST_THREADS_MAX)
		return broken(&place, reterr, "more than %d threads in one request", REQUEST_THREADS_MAX);
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
	static const char *const known[] = { "domain", "reservations" };
	_cleanup_(json_object_putp) struct json_object *top = NULL;
	_cleanup_(document_done) struct document document = { 0 };
	const struct place root = { "" };
	const char *domain;
	int r;

	if (length > DOCUMENT_SIZE_MAX)
		return broken(&root, reterr, "larger than %u bytes, that is no reservation document", DOCUMENT_SIZE_MAX);
	if (memchr(text, '\0', length))
		return broken(&root, reterr, "a zero byte in it, that is no reservation document");
	r = syntax_parse(text, length, &top, reterr);
	if (r < 0)
		return r;
	if (!json_object_is_type(top, json_type_object))
		return broken(&root, reterr, NO_OBJECT);
	r = document_scan(text, length, reterr);
	if (r < 0)
		return r;
	r = keys_check(top, &root, known, ARRAY_SIZE(known), reterr);
	if (r < 0)
		return r;
	r = text_get(top, &root, "domain", false, &domain, reterr);
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

/* Reads one byte more than is allowed, so that document_parse() sees that it is too much. */
static int file_read(int fd, char **ret, size_t *ret_length)
{
	_cleanup_(freep) char *text = malloc(DOCUMENT_SIZE_MAX + 1);
	size_t length = 0;

	if (!text)
		return -ENOMEM;
	while (length <= DOCUMENT_SIZE_MAX) {
		ssize_t n = read(fd, text + length, DOCUMENT_SIZE_MAX + 1 - length);

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

int document_read(const char *path, struct document *ret, struct vr_error **reterr)
{
	bool standard_input = strcmp(path, "-") == 0;
	_cleanup_(closep) int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name = standard_input ? "standard input" : path;
	size_t length = 0;
	int r;

	if (fd < 0) {
		r = -errno;
		return vr_error_set(reterr, r, VR_FAILED, "cannot open %s: %s", name, strerror(-r));
	}
	r = file_read(fd, &text, &length);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read %s: %s", name, strerror(-r));
	r = document_parse(text, length, ret, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	return r;
}
