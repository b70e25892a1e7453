/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over a JSON text that a parser has accepted and looks at the keys only. It keeps a stack of the objects and
 * arrays it is in: of an object the keys seen so far, of an array the index. So it can say where a double stands.
 *
 * Called by those who read documents that people or a crash may have damaged (state-json-read.c). It is no parser: of a text
 * that is no JSON it says -EINVAL or nothing, but never reads beyond @length. Never opens a file.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json-keys.h"

#define DEPTH_MAX 16
#define KEYS_MAX  64

struct key {
	const char *text;
	size_t length;
};

struct level {
	bool object;
	bool key_next;		/* object: the next string is a key */
	size_t n;		/* object: keys so far; array: index of the element we are at */
	struct key keys[KEYS_MAX];
};

struct walk {
	struct level levels[DEPTH_MAX];
	size_t depth;
};

char *json_key_show(char buf[JSON_KEY_STRLEN], const char *key, size_t length)
{
	size_t i;

	for (i = 0; i < length && i + 1 < JSON_KEY_STRLEN; i++) {
		buf[i] = key[i];
		if (key[i] < ' ' || key[i] > '~')
			buf[i] = '?';
	}
	buf[i] = '\0';
	return buf;
}

static char *walk_path(const struct walk *walk)
{
	char shown[JSON_KEY_STRLEN];
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	size_t i;

	if (!f)
		return NULL;
	for (i = 0; i < walk->depth; i++) {
		const struct level *level = &walk->levels[i];

		if (!level->object)
			fprintf(f, "[%zu]", level->n);
		else if (level->n > 0)
			fprintf(f, "%s%s", i > 0 ? "." : "",
				json_key_show(shown, level->keys[level->n - 1].text, level->keys[level->n - 1].length));
	}
	return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

static int walk_enter(struct walk *walk, bool object)
{
	struct level *level = &walk->levels[walk->depth];

	if (walk->depth == DEPTH_MAX)
		return -E2BIG;
	level->object = object;
	level->key_next = object;
	level->n = 0;
	walk->depth++;
	return 0;
}

static int walk_key(struct level *level, const char *text, size_t length)
{
	size_t i;

	if (level->n == KEYS_MAX)
		return -E2BIG;
	level->keys[level->n++] = (struct key){ text, length };
	level->key_next = false;
	if (memchr(text, '\\', length))
		return -EINVAL;
	for (i = 0; i + 1 < level->n; i++)
		if (level->keys[i].length == length && memcmp(level->keys[i].text, text, length) == 0)
			return -EEXIST;
	return 0;
}

/* @at is behind the opening quote; returns the place of the closing one, or @length. */
static size_t string_end(const char *text, size_t length, size_t at)
{
	for (; at < length && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < length ? at : length;
}

static int walk_step(struct walk *walk, const char *text, size_t length, size_t *at)
{
	struct level *level = walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;
	size_t start;

	switch (text[*at]) {
	case '{':
	case '[':
		return walk_enter(walk, text[*at] == '{');
	case '}':
	case ']':
		if (!level)
			return -EINVAL;
		walk->depth--;
		return 0;
	case ',':
		if (!level)
			return -EINVAL;
		level->key_next = level->object;
		level->n += !level->object;
		return 0;
	case '"':
		start = *at + 1;
		*at = string_end(text, length, start);
		if (*at == length)
			return -EINVAL;
		return level && level->key_next ? walk_key(level, text + start, *at - start) : 0;
	default:
		return 0;
	}
}

int json_keys_check(const char *text, size_t length, char **ret_path)
{
	struct walk walk;
	size_t at;
	int r;

	walk.depth = 0;		/* the levels are filled when they are entered: 16 KiB need no clearing */
	for (at = 0; at < length; at++) {
		r = walk_step(&walk, text, length, &at);
		if (r < 0) {
			*ret_path = walk_path(&walk);
			return r;
		}
	}
	return 0;
}
