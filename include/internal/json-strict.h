/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict JSON with any json-c. Version 0.18 (Debian 13), when it is strict, takes each byte above 0x7f in a string for a
 * control character and refuses it, so that no name with an umlaut could be read. Hence twice: strictly with those
 * bytes masked, which cannot change whether it is JSON; then as it is, which cannot be anything else any more.
 */
#ifndef INTERNAL_JSON_STRICT_H
#define INTERNAL_JSON_STRICT_H

#include <json-c/json.h>
#include <string.h>

#include "cleanup.h"

/*
 * @flags: of the second reading, JSON_TOKENER_VALIDATE_UTF8 or 0
 * @ret:   for the caller to put; NULL also for the text "null"
 *
 * Return: 0, and json_tokener_get_error(@tokener) tells whether it is JSON; -ENOMEM.
 */
static inline int json_strict_parse(struct json_tokener *tokener, int flags, const char *text, size_t length,
				    struct json_object **ret)
{
	_cleanup_(freep) char *masked = malloc(length + 1);

	if (!masked)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++)
		masked[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	*ret = json_tokener_parse_ex(tokener, masked, (int)length);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		return 0;
	json_object_put(*ret);
	json_tokener_reset(tokener);
	json_tokener_set_flags(tokener, flags);
	*ret = json_tokener_parse_ex(tokener, text, (int)length);
	return 0;
}

#endif
