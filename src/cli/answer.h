/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

#include "error.h"

DEFINE_CLEANUP(struct json_object *, json_object_put)

/* What an answer must contain: a member and its D-Bus type ('s', 't' any unsigned, 'x' any integer, 'b', 'a'). */
struct answer_key {
	const char *key;
	char type;
};

/* "BudgetNSec" becomes "budget_ns", "RTRuntimeUSec" "rt_runtime_us", "VCPUsUnknown" "vcpus_unknown". NULL = no memory. */
char *answer_key_name(const char *dbus_name);

/* -EBADMSG (VR_FAILED) "virtrkd's answer to @what lacks ..." when a member is not there or of another type. */
int answer_check(struct json_object *object, const char *what, const struct answer_key *keys, size_t n,
		 struct vr_error **reterr);

/*
 * Structs of the bus get names: [["ok", "hrtick", ...], ...] becomes [{"level": "ok", "check": "hrtick", ...}, ...].
 * -EBADMSG as answer_check().
 */
int answer_name_members(struct json_object *rows, const char *what, const struct answer_key *keys, size_t n,
			struct json_object **ret, struct vr_error **reterr);

/* Members that answer_check() has seen. */
const char *answer_text(struct json_object *object, const char *key);
uint64_t answer_u64(struct json_object *object, const char *key);
bool answer_bool(struct json_object *object, const char *key);
struct json_object *answer_member(struct json_object *object, const char *key);

/* The number stands for "none": shown as null. */
void answer_null_if(struct json_object *object, const char *key, uint64_t none);
bool answer_is_null(struct json_object *object, const char *key);

/* To people's eyes and to programs: indented, or all in one line. -ENOMEM, -EIO. */
int answer_print(struct json_object *json, FILE *out, bool one_line);

#endif
