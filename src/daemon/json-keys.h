/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doubled keys in a JSON text: a JSON library keeps the last of them and says nothing. Pure.
 */
#ifndef DAEMON_JSON_KEYS_H
#define DAEMON_JSON_KEYS_H

#include <stddef.h>

/*
 * json_keys_check() - does any object of this text name a key twice?
 * @text:     what a JSON parser has accepted already
 * @ret_path: of the key that is wrong, like "promises[1].thread", fit to print; set with -EEXIST, -EINVAL and -E2BIG, may be NULL then
 *	      when memory ran out; for the caller to free
 *
 * A key with a backslash is refused: no key of ours needs one, and it could hide a double.
 * Return: 0; -EEXIST a doubled key; -EINVAL an escaped key, or no JSON; -E2BIG more than 64 keys in one object or
 * nested deeper than 16. O(length).
 */
int json_keys_check(const char *text, size_t length, char **ret_path);

#define JSON_KEY_STRLEN 48

/* A key of a file that is wrong, for a message of one line: what does not print is '?', what is too long is cut. */
char *json_key_show(char buf[JSON_KEY_STRLEN], const char *key, size_t length);

#endif
