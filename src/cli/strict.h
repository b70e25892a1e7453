/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_STRICT_H
#define CLI_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

#include "error.h"
#include "document-place.h"
#include "value.h"

/*
 * An object and nothing else, at most @length_max bytes. @text need not end in a zero byte.
 * strict_values(): the same document as values (values_done()), for those who read many; each getter has its twin.
 * Return: 0 with *ret to be put; -EBADMSG (VR_BAD_CONFIG) one line; -ENOMEM. O(length).
 */
int strict_parse(const char *text, size_t length, size_t length_max, struct json_object **ret, struct vr_error **reterr);
int strict_values(const char *text, size_t length, size_t length_max, struct values *ret, struct vr_error **reterr);

/* Every key must be one of @known. */
int strict_keys(struct json_object *object, const struct place *place, const char *const *known, size_t n,
		struct vr_error **reterr);
int strict_value_keys(const struct value *object, const struct place *place, const char *const *known, size_t n,
		      struct vr_error **reterr);

/*
 * The same in one walk for those who read many: ret[i] is the member known[i], NULL = there is none. At most
 * STRICT_KEYS_MAX of them.
 */
#define STRICT_KEYS_MAX 16
int strict_value_members(const struct value *object, const struct place *place, const struct key *known, size_t n,
			 const struct value **ret, struct vr_error **reterr);

/* A text that is not empty; *ret stays NULL when the key is absent and not @needed. Borrowed from @object. */
int strict_text(struct json_object *object, const struct place *place, const char *key, bool needed, const char **ret,
		struct vr_error **reterr);
int strict_value_text(const struct value *object, const struct place *place, const char *key, bool needed, const char **ret,
		      struct vr_error **reterr);

/* The text of a member that was found, or was not (NULL). */
int strict_member_text(const struct value *value, const struct place *place, const char *key, bool needed, const char **ret,
		       struct vr_error **reterr);

/* A whole file (at most one byte more than allowed); @path "-" = standard input, *ret_name = what to call it. */
int strict_read(const char *path, size_t length_max, char **ret, size_t *ret_length, const char **ret_name,
		struct vr_error **reterr);

#endif
