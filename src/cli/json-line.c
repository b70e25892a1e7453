/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON written straight into a buffer, in the form that json-c gives to one line. A sweep writes a hundred thousand verdicts a
 * second, and a tree that is built only to be printed costs more than the verdict.
 *
 * Called by system-answer.c and by whoever prints a line of it. Out of memory is kept until the end: look at @failed once.
 */
#include <stdlib.h>
#include <string.h>

#include "json-line.h"

#define SIZE_LEAST 512
#define INT_LENGTH_MAX 20	/* -9223372036854775808 */

void json_line_done(struct json_line *line)
{
	free(line->text);
	*line = (struct json_line){ NULL };
}

void json_line_clear(struct json_line *line)
{
	line->n = 0;
	line->comma = false;
	line->failed = false;
}

static bool grow(struct json_line *line, size_t more)
{
	size_t size = line->size;
	char *text;

	if (line->failed)
		return false;
	while (size - line->n < more)
		size = size < SIZE_LEAST ? SIZE_LEAST : 2 * size;
	text = realloc(line->text, size);
	line->failed = !text;
	if (!text)
		return false;
	line->text = text;
	line->size = size;
	return true;
}

/* Where @more bytes go; NULL = there is no memory for them. */
static inline char *room(struct json_line *line, size_t more)
{
	if (line->failed || (more > line->size - line->n && !grow(line, more)))
		return NULL;
	return line->text + line->n;
}

static inline void put(struct json_line *line, const char *text, size_t n)
{
	char *at = room(line, n);

	if (!at)
		return;
	memcpy(at, text, n);
	line->n += n;
}

/* What stands before a value: a comma, its key. */
static inline void begin(struct json_line *line, const char *key)
{
	size_t n = key ? strlen(key) : 0;
	char *at = room(line, n + 4);

	if (!at)
		return;
	*at = ',';
	at += line->comma;
	line->comma = true;
	if (key) {
		*at++ = '"';
		at = mempcpy(at, key, n);
		*at++ = '"';
		*at++ = ':';
	}
	line->n = (size_t)(at - line->text);
}

void json_line_open(struct json_line *line, const char *key, char open)
{
	begin(line, key);
	put(line, &open, 1);
	line->comma = false;
}

void json_line_close(struct json_line *line, char close)
{
	put(line, &close, 1);
	line->comma = true;
}

void json_line_bool(struct json_line *line, const char *key, bool value)
{
	begin(line, key);
	put(line, value ? "true" : "false", value ? 4 : 5);
}

void json_line_null(struct json_line *line, const char *key)
{
	begin(line, key);
	put(line, "null", 4);
}

void json_line_whole(struct json_line *line, const char *json)
{
	begin(line, NULL);
	put(line, json, strlen(json));
}

void json_line_int(struct json_line *line, const char *key, int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	unsigned int n = value < 0 ? 2 : 1;
	char *at;

	begin(line, key);
	for (uint64_t bound = 10; n < INT_LENGTH_MAX && rest >= bound; bound *= 10)
		n++;
	at = room(line, n);
	if (!at)
		return;
	line->n += n;
	*at = '-';
	for (at += n - 1; rest >= 10; rest /= 10)
		*at-- = (char)('0' + rest % 10);
	*at = (char)('0' + rest);
}

static void put_escaped(struct json_line *line, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
	const char *found = strchr(from, c);

	if (found) {
		put(line, (const char[]){ '\\', to[found - from] }, 2);
		return;
	}
	put(line, (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
}

void json_line_text(struct json_line *line, const char *key, const char *text)
{
	const char *start = text;

	begin(line, key);
	put(line, "\"", 1);
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\') {
			put(line, start, (size_t)(text - start));
			put_escaped(line, (unsigned char)*text);
			start = text + 1;
		}
	put(line, start, (size_t)(text - start));
	put(line, "\"", 1);
}
