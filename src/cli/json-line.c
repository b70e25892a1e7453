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
#define INT_MAX_LENGTH 20

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

/* Room for @more bytes, where they go; NULL = none. */
static char *room(struct json_line *line, size_t more)
{
	size_t size = line->size;
	char *text;

	if (line->failed)
		return NULL;
	if (more <= size - line->n)
		return line->text + line->n;
	while (size - line->n < more)
		size = size < SIZE_LEAST ? SIZE_LEAST : 2 * size;
	text = realloc(line->text, size);
	if (!text) {
		line->failed = true;
		return NULL;
	}
	line->text = text;
	line->size = size;
	return text + line->n;
}

static void put(struct json_line *line, const char *text, size_t n)
{
	char *at = room(line, n);

	if (!at)
		return;
	memcpy(at, text, n);
	line->n += n;
}

static void put_char(struct json_line *line, char c)
{
	put(line, &c, 1);
}

/* What stands before a value: a comma, its key. */
static void begin(struct json_line *line, const char *key)
{
	size_t n = key ? strlen(key) : 0;
	char *at = room(line, n + 4);

	if (!at)
		return;
	if (line->comma)
		*at++ = ',';
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
	put_char(line, open);
	line->comma = false;
}

void json_line_close(struct json_line *line, char close)
{
	put_char(line, close);
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

void json_line_int(struct json_line *line, const char *key, int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[INT_MAX_LENGTH], *at = digits + sizeof(digits);

	begin(line, key);
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	put(line, at, (size_t)(digits + sizeof(digits) - at));
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
	put_char(line, '"');
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\') {
			put(line, start, (size_t)(text - start));
			put_escaped(line, (unsigned char)*text);
			start = text + 1;
		}
	put(line, start, (size_t)(text - start));
	put_char(line, '"');
}
