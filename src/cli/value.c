/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON (RFC 8259), read strictly and in one walk: the only parser for documents that people write. A slip in one is a promise
 * nobody meant, so keys given twice, zero characters, comments, commas too many, anything behind the document are
 * refused, and so is text that is not UTF-8. Syntax errors are told by line and column, everything else by its place.
 *
 * Sweeps read a hundred thousand documents a second. So the text is copied once, with zero bytes behind it at which every loop ends,
 * and strings stay where they are in the copy: the closing quote becomes their zero byte, escapes only make them shorter.
 * Values lie in one block, nothing is allocated for each of them, and a key is known by its first bytes as one number.
 *
 * Called by strict.c and system-document.c, fuzzed through both. Knows no document, opens no file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define DEPTH_MAX   12		/* a system with critical sections has 9 */
#define MEMBERS_MAX 64		/* of one object: more than any of ours, few enough to look for doubles in them */
#define DENSITY     10		/* bytes to a value in a description as programs write it; what is denser gets more blocks */
#define SPARE       8		/* zero bytes behind the copy: a key's first bytes are read at once */

struct value_block {
	struct value_block *next;
	struct value values[];
};

struct parser {
	const char *text;		/* as it was given: for complaints alone */
	char *copy, *at, *end;		/* *end is zero */
	struct value *next, *last;	/* free ones in the newest block */
	size_t block_size;
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
	*values = (struct values){ NULL };
}

/* A block of values, and @more bytes behind them. */
static int block_add(struct parser *p, size_t n, size_t more)
{
	struct value_block *block = malloc(sizeof(*block) + n * sizeof(block->values[0]) + more);

	if (!block)
		return -ENOMEM;
	block->next = p->values->blocks;
	p->values->blocks = block;
	p->block_size = n;
	p->next = block->values;
	p->last = block->values + n;
	return 0;
}

static inline struct value *value_new(struct parser *p)
{
	if (p->next == p->last && block_add(p, 2 * p->block_size, 0) < 0)
		return NULL;
	return p->next++;
}

/* ---- complaints ---- */

static inline bool is_blank(char c)
{
	return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

static int unfinished(const struct parser *p, size_t line)
{
	const char *start = p->text, *end = p->text + (p->end - p->copy);

	while (start < end && is_blank(*start))
		start++;
	if (start == end)
		return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "empty");
	if (*start != '{' && *start != '[')
		return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "must be an object: { ... }");
	return vr_error_set(p->reterr, -EBADMSG, VR_BAD_CONFIG, "it ends in the middle, in line %zu", line);
}

/* The copy has lost what was read of it: lines are counted in the text as it was given. */
static int broken_at(const struct parser *p, const char *at, const char *what)
{
	size_t line = 1, column = 1;

	for (const char *c = p->text; c < p->text + (at - p->copy); c++) {
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
static int unicode_read(struct parser *p, const struct place *place, char **out)
{
	const char *start = p->at - 2;
	int32_t c = hex_read(p), low;

	if (c == 0)
		return place_broken(place, p->reterr, "a string has a zero character in it");
	if (c >= 0xd800 && c < 0xdc00 && p->at[0] == '\\' && p->at[1] == 'u') {
		p->at += 2;
		low = hex_read(p);
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00) : -1;
	}
	if (c < 0 || (c >= 0xd800 && c < 0xe000))
		return broken_at(p, start, "\\u and four digits of a character were expected");
	*out = utf8_put(*out, (uint32_t)c);
	return 0;
}

static int escape_read(struct parser *p, const struct place *place, char **out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	p->at++;
	if (p->at == p->end)
		return broken(p, "");
	if (*p->at == 'u') {
		p->at++;
		return unicode_read(p, place, out);
	}
	found = *p->at ? strchr(names, *p->at) : NULL;
	if (!found)
		return broken(p, "no such escape");
	*(*out)++ = values[found - names];
	p->at++;
	return 0;
}

/* What stands for itself in a string, and is one byte long. */
static const bool plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true };

/* A character of several bytes. */
static int sequence_read(struct parser *p, char **out)
{
	size_t n = utf8_length(p->at, p->end);

	if (n == 0)
		return broken(p, "a string that is not UTF-8");
	memmove(*out, p->at, n);
	*out += n;
	p->at += n;
	return 0;
}

/* The rest of a string from the first byte that does not stand for itself; @out is where it goes, at or before p->at. */
static int string_rest(struct parser *p, const struct place *place, char **out)
{
	int r = 0;

	while (r >= 0) {
		while (plain[(unsigned char)*p->at])
			*(*out)++ = *p->at++;
		if (p->at == p->end)
			return broken(p, "");
		if (*p->at == '"')
			return 0;
		if (*p->at == '\\')
			r = escape_read(p, place, out);
		else if ((unsigned char)*p->at < 0x20)
			return broken(p, "a control character in a string");
		else
			r = sequence_read(p, out);
	}
	return r;
}

#define EACH(byte) (0x0101010101010101U * (byte))

/*
 * How many of the next eight bytes stand for themselves. Strings are short and of any length: a loop that ends somewhere is
 * foreseen badly by the processor. What a subtraction borrows spoils only bytes behind the first one that stops.
 */
static inline size_t plain_count(const char *at)
{
	uint64_t word, quote, backslash, stop;

	memcpy(&word, at, sizeof(word));
	word = le64toh(word);
	quote = word ^ EACH('"');
	backslash = word ^ EACH('\\');
	stop = ((word - EACH(0x20)) & ~word) | ((quote - EACH(1)) & ~quote) | ((backslash - EACH(1)) & ~backslash) | word;
	stop &= EACH(0x80);
	return stop ? (size_t)__builtin_ctzll(stop) / 8 : sizeof(word);
}

/* From quote to quote; it ends in a zero byte. Its word is taken before that is written: to read what was just written costs more. */
static inline int string_read(struct parser *p, const struct place *place, char **ret, size_t *ret_length, uint64_t *ret_word)
{
	char *start, *out;
	size_t n;

	if (*p->at != '"')
		return broken(p, "a string in double quotes was expected");
	start = ++p->at;
	do {
		n = plain_count(p->at);
		p->at += n;
	} while (n == sizeof(uint64_t));
	out = p->at;
	if (*p->at != '"') {
		int r = string_rest(p, place, &out);

		if (r < 0)
			return r;
	}
	p->at++;
	*ret = start;
	*ret_length = (size_t)(out - start);
	if (ret_word)
		*ret_word = key_word(start, *ret_length);
	*out = '\0';
	return 0;
}

/* ---- values ---- */

static inline void blanks_skip(struct parser *p)
{
	while (is_blank(*p->at))
		p->at++;
}

static inline bool take(struct parser *p, char c)
{
	blanks_skip(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_skip(struct parser *p)
{
	const char *start = p->at;

	while (is_digit(*p->at))
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

/* As it was written. It moves to the byte before it, which was read already, and makes room for its zero byte. */
static void double_keep(struct parser *p, char *start, struct value *v)
{
	v->type = VALUE_DOUBLE;
	v->n = (size_t)(p->at - start);
	memmove(start - 1, start, v->n);
	p->at[-1] = '\0';
	v->text = start - 1;
}

static int number_read(struct parser *p, struct value *v)
{
	char *start = p->at, *digits;
	bool minus = *p->at == '-', whole = true;

	p->at += minus;
	digits = p->at;
	if (digits_skip(p) == 0 || (*digits == '0' && p->at - digits > 1))
		return broken(p, "a number was expected");
	v->type = VALUE_INT;
	v->number = number_value(digits, p->at, minus);
	if (*p->at == '.') {
		whole = false;
		p->at++;
		if (digits_skip(p) == 0)
			return broken(p, "digits were expected");
	}
	if ((*p->at | 0x20) == 'e') {
		whole = false;
		p->at++;
		p->at += *p->at == '+' || *p->at == '-';
		if (digits_skip(p) == 0)
			return broken(p, "digits were expected");
	}
	if (!whole)
		double_keep(p, start, v);
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

/* Is there a member of that name already? */
static bool is_double(const struct value *object, const struct value *member)
{
	for (const struct value *v = object->first; v; v = v->next)
		if (v->word == member->word && (key_is_whole(v->word) || strcmp(v->key, member->key) == 0))
			return true;
	return false;
}

static int member_read(struct parser *p, const struct place *place, unsigned int depth, const struct value *object,
		       struct value *member)
{
	struct place below;
	char *key = p->at;
	size_t length = 0;
	int r;

	blanks_skip(p);
	r = string_read(p, place, &key, &length, &member->word);
	if (r < 0)
		return r;
	member->key = key;
	place_key(&below, place, key);
	if (is_double(object, member))
		return place_broken(&below, p->reterr, "given twice");
	if (object->n == MEMBERS_MAX)
		return place_broken(place, p->reterr, "more than %d keys in one object", MEMBERS_MAX);
	if (!take(p, ':'))
		return broken(p, "a colon was expected");
	return value_read(p, &below, depth + 1, member);
}

static int element_read(struct parser *p, const struct place *place, unsigned int depth, const struct value *array,
			struct value *element)
{
	struct place below;

	element->key = NULL;
	element->word = 0;
	place_index(&below, place, array->n);
	return value_read(p, &below, depth + 1, element);
}

static int members_read(struct parser *p, const struct place *place, unsigned int depth, struct value *v)
{
	bool object = v->type == VALUE_OBJECT;
	const struct value **link = &v->first;
	char close = object ? '}' : ']';

	v->first = NULL;
	v->n = 0;
	if (take(p, close))
		return 0;
	do {
		struct value *member = value_new(p);
		int r;

		if (!member)
			return -ENOMEM;
		member->next = NULL;
		r = object ? member_read(p, place, depth, v, member) : element_read(p, place, depth, v, member);
		if (r < 0)
			return r;
		*link = member;
		link = &member->next;
		v->n++;
	} while (take(p, ','));
	return take(p, close) ? 0 : broken(p, object ? "a comma or a closing brace was expected"
						     : "a comma or a closing bracket was expected");
}

static int value_read(struct parser *p, const struct place *place, unsigned int depth, struct value *v)
{
	char *text = NULL;
	int r;

	if (depth > DEPTH_MAX)
		return place_broken(place, p->reterr, "nested more than %d deep", DEPTH_MAX);
	blanks_skip(p);
	switch (*p->at) {
	case '"':
		v->type = VALUE_STRING;
		r = string_read(p, place, &text, &v->n, NULL);
		v->text = text;
		return r;
	case '{':
	case '[':
		v->type = *p->at++ == '{' ? VALUE_OBJECT : VALUE_ARRAY;
		return members_read(p, place, depth, v);
	case '-':
	case '0' ... '9':
		return number_read(p, v);
	}
	return p->at == p->end ? broken(p, "") : word_read(p, v);
}

/* The first block has the copy, too: a byte for a fraction to move to, the text, zero bytes. */
static int copy_make(struct parser *p, size_t length)
{
	size_t n = length / DENSITY + 8;
	int r = block_add(p, n, 1 + length + SPARE);

	if (r < 0)
		return r;
	p->copy = p->at = (char *)p->last + 1;
	p->end = mempcpy(p->copy, p->text, length);
	memset(p->end, 0, SPARE);
	return 0;
}

int values_parse(const char *text, size_t length, struct values *ret, struct vr_error **reterr)
{
	_cleanup_(values_done) struct values values = { NULL };
	struct parser p = { .text = text, .values = &values, .reterr = reterr };
	struct value *top;
	int r;

	r = copy_make(&p, length);
	if (r < 0)
		return r;
	top = value_new(&p);
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
	char start[sizeof(uint64_t)] = { 0 };
	size_t n = strlen(key);
	struct key known = { .text = key };

	memcpy(start, key, n < sizeof(start) ? n : sizeof(start));
	known.word = key_word(start, n);
	return value_find(object, &known);
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
