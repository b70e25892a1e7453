/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON (RFC 8259), read strictly and in one walk: the only parser for documents that people write. A slip in one is a promise
 * nobody meant, so keys given twice, zero characters, comments, commas too many, anything behind the document are
 * refused, and so is text that is not UTF-8. Syntax errors are told by line and column, everything else by its place.
 *
 * Sweeps read a hundred thousand documents a second, so values lie in blocks and texts in one buffer of the document's
 * length (no text is longer than it was written); nothing is allocated per value.
 *
 * Called by strict.c and system-document.c, fuzzed through both. Knows no document, opens no file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define DEPTH_MAX   12		/* a system with critical sections has 9 */
#define MEMBERS_MAX 64		/* of one object: more than any of ours, few enough to look for doubles in them */

struct value_block {
	struct value_block *next;
	size_t n, size;
	struct value values[];
};

struct parser {
	const char *text, *at, *end;
	char *out;			/* where the next string goes */
	struct values *values;
	struct vr_error **reterr;
};

void values_done(struct values *values)
{
	while (values->blocks) {
		struct value_block *block = values->blocks;

		values->blocks = block->next;
		free(block);
	}
	free(values->text);
	*values = (struct values){ NULL };
}

static struct value *value_new(struct parser *p)
{
	struct value_block *block = p->values->blocks;

	if (!block || block->n == block->size) {
		/* about what a description needs; what is denser gets more blocks, each twice as large */
		size_t size = block ? 2 * block->size : (size_t)(p->end - p->text) / 12 + 8;

		block = malloc(sizeof(*block) + size * sizeof(block->values[0]));
		if (!block)
			return NULL;
		block->n = 0;
		block->size = size;
		block->next = p->values->blocks;
		p->values->blocks = block;
	}
	return &block->values[block->n++];
}

/* ---- complaints ---- */

static inline bool is_blank(char c)
{
	return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

static int unfinished(const struct parser *p, size_t line)
{
	const char *start = p->text;

	while (start < p->end && is_blank(*start))
		start++;
	if (start == p->end)
		return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "empty");
	if (*start != '{' && *start != '[')
		return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "must be an object: { ... }");
	return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "it ends in the middle, in line %zu", line);
}

static int broken_at(const struct parser *p, const char *at, const char *what)
{
	size_t line = 1, column = 1;

	for (const char *c = p->text; c < at; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	if (at >= p->end)
		return unfinished(p, line);
	return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "line %zu, column %zu: not JSON (%s)", line, column, what);
}

static int broken(const struct parser *p, const char *what)
{
	return broken_at(p, p->at, what);
}

/* ---- texts ---- */

/* Length of the UTF-8 sequence at @at, 0 = it is none: too short, too long for what it says, a surrogate, beyond U+10FFFF. */
static size_t utf8_length(const char *at, const char *end)
{
	const unsigned char *c = (const unsigned char *)at;
	size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;

	if (n > (size_t)(end - at))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return n;
}

static char *utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* Four hexadecimal digits behind \u; -1 = there are none. */
static int32_t hex_read(struct parser *p)
{
	int32_t value = 0;

	if (p->end - p->at < 4)
		return -1;
	for (int i = 0; i < 4; i++, p->at++) {
		char c = *p->at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* A zero character is refused: behind it a C string hides whatever one likes. */
static int unicode_read(struct parser *p, const struct place *place)
{
	const char *start = p->at - 2;
	int32_t c = hex_read(p), low;

	if (c == 0)
		return place_broken(place, p->reterr, "a string has a zero character in it");
	if (c >= 0xd800 && c < 0xdc00 && p->end - p->at >= 2 && p->at[0] == '\\' && p->at[1] == 'u') {
		p->at += 2;
		low = hex_read(p);
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00) : -1;
	}
	if (c < 0 || (c >= 0xd800 && c < 0xe000))
		return broken_at(p, start, "\\u and four digits of a character were expected");
	p->out = utf8_put(p->out, (uint32_t)c);
	return 0;
}

static int escape_read(struct parser *p, const struct place *place)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	p->at++;
	if (p->at == p->end)
		return broken(p, "");
	if (*p->at == 'u') {
		p->at++;
		return unicode_read(p, place);
	}
	found = *p->at ? strchr(names, *p->at) : NULL;
	if (!found)
		return broken(p, "no such escape");
	*p->out++ = values[found - names];
	p->at++;
	return 0;
}

/* What stands for itself in a string, and is one byte long. */
static const bool plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true };

static int sequence_read(struct parser *p)
{
	size_t n = utf8_length(p->at, p->end);

	if (n == 0)
		return broken(p, "a string that is not UTF-8");
	p->out = mempcpy(p->out, p->at, n);
	p->at += n;
	return 0;
}

/* From quote to quote; the copy ends in a zero byte. */
static int string_read(struct parser *p, const struct place *place, const char **ret, size_t *ret_length)
{
	char *start = p->out;
	int r = 0;

	if (p->at == p->end || *p->at != '"')
		return broken(p, "a string in double quotes was expected");
	p->at++;
	while (r >= 0) {
		const char *at = p->at, *end = p->end;
		char *out = p->out;

		while (at < end && plain[(unsigned char)*at])
			*out++ = *at++;
		p->at = at;
		p->out = out;
		if (at == end)
			return broken(p, "");
		if (*at == '"')
			break;
		if (*p->at == '\\')
			r = escape_read(p, place);
		else if ((unsigned char)*p->at < 0x20)
			return broken(p, "a control character in a string");
		else
			r = sequence_read(p);
	}
	if (r < 0)
		return r;
	p->at++;
	*ret_length = (size_t)(p->out - start);
	*p->out++ = '\0';
	*ret = start;
	return 0;
}

/* ---- values ---- */

static inline void blanks_skip(struct parser *p)
{
	while (p->at < p->end && is_blank(*p->at))
		p->at++;
}

static inline bool take(struct parser *p, char c)
{
	blanks_skip(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static size_t digits_skip(struct parser *p)
{
	const char *start = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - start);
}

static int64_t number_value(const char *digits, const char *end, bool minus)
{
	int64_t value = 0;

	for (; digits < end; digits++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *digits - '0', &value))
			return minus ? INT64_MIN : INT64_MAX;
	if (minus)
		return value;
	return value == INT64_MIN ? INT64_MAX : -value;
}

static int number_read(struct parser *p, struct value *v)
{
	const char *start = p->at, *digits;
	bool minus = *p->at == '-', whole = true;

	p->at += minus;
	digits = p->at;
	if (digits_skip(p) == 0 || (*digits == '0' && p->at - digits > 1))
		return broken(p, "a number was expected");
	v->type = VALUE_INT;
	v->number = number_value(digits, p->at, minus);
	if (p->at < p->end && *p->at == '.') {
		whole = false;
		p->at++;
		if (digits_skip(p) == 0)
			return broken(p, "digits were expected");
	}
	if (p->at < p->end && (*p->at | 0x20) == 'e') {
		whole = false;
		p->at++;
		p->at += p->at < p->end && (*p->at == '+' || *p->at == '-');
		if (digits_skip(p) == 0)
			return broken(p, "digits were expected");
	}
	if (whole)
		return 0;
	v->type = VALUE_DOUBLE;
	v->n = (size_t)(p->at - start);
	v->text = p->out;
	p->out = mempcpy(p->out, start, v->n);
	*p->out++ = '\0';	/* it has its place: a number is followed by something, or the document is none */
	return 0;
}

static int word_read(struct parser *p, struct value *v)
{
	static const struct {
		const char *word;
		size_t n;
		enum value_type type;
		bool truth;
	} words[] = { { "true", 4, VALUE_BOOLEAN, true }, { "false", 5, VALUE_BOOLEAN, false }, { "null", 4, VALUE_NULL, false } };
	size_t left = (size_t)(p->end - p->at);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = left < words[i].n ? left : words[i].n;

		if (n == 0 || memcmp(p->at, words[i].word, n) != 0)
			continue;
		p->at += n;
		if (n < words[i].n)
			return broken(p, "");
		v->type = words[i].type;
		v->truth = words[i].truth;
		return 0;
	}
	return broken(p, "a value was expected");
}

static int value_read(struct parser *p, const struct place *place, unsigned int depth, struct value *v);

static int member_read(struct parser *p, const struct place *place, unsigned int depth, const struct value *object,
		       struct value *member)
{
	struct place below;
	size_t length;
	int r;

	blanks_skip(p);
	r = string_read(p, place, &member->key, &length);
	if (r < 0)
		return r;
	place_key(&below, place, member->key);
	if (value_get(object, member->key))
		return place_broken(&below, p->reterr, "given twice");
	if (object->n == MEMBERS_MAX)
		return place_broken(place, p->reterr, "more than %d keys in one object", MEMBERS_MAX);
	if (!take(p, ':'))
		return broken(p, "a colon was expected");
	return value_read(p, &below, depth + 1, member);
}

static int members_read(struct parser *p, const struct place *place, unsigned int depth, struct value *v)
{
	char close = v->type == VALUE_OBJECT ? '}' : ']';
	const struct value **link = &v->first;

	if (take(p, close))
		return 0;
	do {
		struct value *member = value_new(p);
		struct place below;
		int r;

		if (!member)
			return -ENOMEM;
		*member = (struct value){ .type = VALUE_NULL };
		place_index(&below, place, v->n);
		r = v->type == VALUE_OBJECT ? member_read(p, place, depth, v, member) : value_read(p, &below, depth + 1, member);
		if (r < 0)
			return r;
		*link = member;
		link = &member->next;
		v->n++;
	} while (take(p, ','));
	return take(p, close) ? 0 : broken(p, v->type == VALUE_OBJECT ? "a comma or a closing brace was expected"
							       : "a comma or a closing bracket was expected");
}

static int value_read(struct parser *p, const struct place *place, unsigned int depth, struct value *v)
{
	if (depth > DEPTH_MAX)
		return place_broken(place, p->reterr, "nested more than %d deep", DEPTH_MAX);
	blanks_skip(p);
	if (p->at == p->end)
		return broken(p, "");
	switch (*p->at) {
	case '"':
		v->type = VALUE_STRING;
		return string_read(p, place, &v->text, &v->n);
	case '{':
	case '[':
		v->type = *p->at++ == '{' ? VALUE_OBJECT : VALUE_ARRAY;
		v->first = NULL;
		return members_read(p, place, depth, v);
	case '-':
	case '0' ... '9':
		return number_read(p, v);
	}
	return word_read(p, v);
}

int values_parse(const char *text, size_t length, struct values *ret, struct vr_error **reterr)
{
	_cleanup_(values_done) struct values values = { NULL };
	struct parser p = { .text = text, .at = text, .end = text + length, .values = &values, .reterr = reterr };
	struct value *top;
	int r;

	p.out = values.text = malloc(length + 1);
	top = value_new(&p);
	if (!p.out || !top)
		return -ENOMEM;
	*top = (struct value){ .type = VALUE_NULL };
	r = value_read(&p, &(struct place){ "" }, 0, top);
	if (r < 0)
		return r;
	blanks_skip(&p);
	if (p.at < p.end)
		return broken(&p, "something stands behind the document");
	if (top->type != VALUE_OBJECT)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "must be an object: { ... }");
	values.top = top;
	*ret = TAKE_GENERIC(values, struct values, (struct values){ NULL });
	return 0;
}

/* ---- what was read ---- */

const char *value_type_name(const struct value *value)
{
	static const char *const names[] = { "null", "boolean", "int", "double", "string", "array", "object" };

	return names[value->type];
}

const struct value *value_get(const struct value *object, const char *key)
{
	for (const struct value *v = object->first; v; v = v->next)
		if (key_is(v->key, key))
			return v;
	return NULL;
}

static int members_json(const struct value *value, struct json_object *json)
{
	for (const struct value *v = value->first; v; v = v->next) {
		struct json_object *member = NULL;
		int r = value_json(v, &member);

		if (r < 0)
			return r;
		r = value->type == VALUE_OBJECT ? json_object_object_add(json, v->key, member) : json_object_array_add(json, member);
		if (r < 0) {
			json_object_put(member);
			return -ENOMEM;
		}
	}
	return 0;
}

/* As deep as the parser allows, no deeper. */
int value_json(const struct value *value, struct json_object **ret)
{
	struct json_object *json = NULL;
	int r = 0;

	switch (value->type) {
	case VALUE_NULL:
		*ret = NULL;
		return 0;
	case VALUE_BOOLEAN:
		json = json_object_new_boolean(value->truth);
		break;
	case VALUE_INT:
		json = json_object_new_int64(value->number);
		break;
	case VALUE_DOUBLE:
		json = json_tokener_parse(value->text);
		break;
	case VALUE_STRING:
		json = json_object_new_string_len(value->text, (int)value->n);
		break;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		json = value->type == VALUE_ARRAY ? json_object_new_array() : json_object_new_object();
		r = json ? members_json(value, json) : 0;
		break;
	}
	if (r < 0 || !json) {
		json_object_put(json);
		return -ENOMEM;
	}
	*ret = json;
	return 0;
}
