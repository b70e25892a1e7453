/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_JSON_LINE_H
#define CLI_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON in one line, as it grows. {0} is empty; owned, json_line_done(). */
struct json_line {
	char *text;		/* @n bytes, no zero byte behind them */
	size_t n, size;
	bool comma;		/* something stands before the next member */
	bool failed;		/* there was no memory: what was put since is lost */
};

void json_line_done(struct json_line *line);
/* Empty again; the memory is kept. */
void json_line_clear(struct json_line *line);

/* @key NULL: an element of an array, or the whole. @open is '{' or '['. */
void json_line_open(struct json_line *line, const char *key, char open);
void json_line_close(struct json_line *line, char close);
void json_line_bool(struct json_line *line, const char *key, bool value);
void json_line_int(struct json_line *line, const char *key, int64_t value);
void json_line_null(struct json_line *line, const char *key);
/* A whole that is JSON already. */
void json_line_whole(struct json_line *line, const char *json);
/* @text is UTF-8. Keys are ours: they need no escape. */
void json_line_text(struct json_line *line, const char *key, const char *text);

#endif
