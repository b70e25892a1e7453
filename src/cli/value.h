/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

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
	char *text;
};

void values_done(struct values *values);

/*
 * A document that is an object, and nothing else. @text need not end in a zero byte.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) one line; -ENOMEM. O(length) time and memory.
 */
int values_parse(const char *text, size_t length, struct values *ret, struct vr_error **reterr);

/* "null", "boolean", "int", "double", "string", "array", "object" */
const char *value_type_name(const struct value *value);

/* Two letters tell most keys apart, without a call. */
static inline bool key_is(const char *a, const char *b)
{
	return a[0] == b[0] && (a[0] == '\0' || (a[1] == b[1] && strcmp(a, b) == 0));
}

/* The member of an object; NULL = it has none of that name. */
const struct value *value_get(const struct value *object, const char *key);

/* The same as a tree of json-c, for those who change it or print it. Return: 0 with *ret to be put (NULL for null); -ENOMEM. */
int value_json(const struct value *value, struct json_object **ret);

#endif
