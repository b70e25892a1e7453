/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <json-c/json.h>

#include "cleanup.h"
#include "document-place.h"

enum value_type { VALUE_NULL, VALUE_BOOLEAN, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

/* One value of a document. It and its texts belong to a struct values, and are never changed. */
struct value {
	enum value_type type;
	size_t n;			/* bytes of a string; members of an array or object */
	const char *key;		/* of the member that it is, else NULL */
	uint64_t word;			/* key_word() of it */
	const struct value *next;	/* the next member */
	union {
		const char *text;	/* string; double: as it was written */
		const struct value *first;
		int64_t number;		/* what does not fit is INT64_MIN or INT64_MAX */
		bool truth;
	};
};

struct values {
	const struct value *top;
	struct value_block *blocks;
};

void values_done(struct values *values);

/*
 * A document that is an object, and nothing else. @text need not end in a zero byte.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) one line; -ENOMEM. O(length) time and memory.
 */
int values_parse(const char *text, size_t length, struct values *ret, struct vr_error **reterr);

/* "null", "boolean", "int", "double", "string", "array", "object" */
const char *value_type_name(const struct value *value);

/*
 * The first bytes of a key as one number; those of a shorter key end in zeros, so that the number is the key. At least eight
 * bytes can be read at @key.
 */
static inline uint64_t key_word(const char *key, size_t n)
{
	uint64_t word;

	memcpy(&word, key, sizeof(word));
	word = le64toh(word);
	return n < sizeof(word) ? word & (((uint64_t)1 << 8 * n) - 1) : word;
}

static inline bool key_is_whole(uint64_t word)
{
	return word >> 56 == 0;
}

/* A key that a reader knows: KEY("wcet"). */
struct key {
	const char *text;
	uint64_t word;
};

#define KEY_BYTE(s, i) ((uint64_t)(unsigned char)((i) < sizeof(s) ? (s)[(i) < sizeof(s) ? (i) : 0] : 0) << 8 * (i))
#define KEY_WORD(s)                                                                                                       \
	(KEY_BYTE(s, 0) | KEY_BYTE(s, 1) | KEY_BYTE(s, 2) | KEY_BYTE(s, 3) | KEY_BYTE(s, 4) | KEY_BYTE(s, 5) |            \
	 KEY_BYTE(s, 6) | KEY_BYTE(s, 7))
#define KEY(s) { s, KEY_WORD(s) }

static inline bool value_has_key(const struct value *value, const struct key *key)
{
	return value->word == key->word && (key_is_whole(key->word) || strcmp(value->key, key->text) == 0);
}

/* The member of an object; NULL = it has none of that name. */
static inline const struct value *value_find(const struct value *object, const struct key *key)
{
	for (const struct value *v = object->first; v; v = v->next)
		if (value_has_key(v, key))
			return v;
	return NULL;
}

const struct value *value_get(const struct value *object, const char *key);

/* The same as a tree of json-c, for those who change it or print it. Return: 0 with *ret to be put (NULL for null); -ENOMEM. */
int value_json(const struct value *value, struct json_object **ret);

#endif
