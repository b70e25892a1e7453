/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SHARED_SHOW_H
#define CLI_SHARED_SHOW_H

#include <json-c/json.h>

/* What an answer says of locks and of interrupts, as tables, each after an empty line; nothing where it says nothing. CLI_DONE or not. */
int shared_show(struct json_object *answer);

/* Estimates, where the answer has any, and that no promise is made of them. */
int estimates_show(struct json_object *answer);

struct system_document;

/* Whose page frames are where, a line for each guest; nothing where the description says nothing of memory. CLI_DONE or not. */
int memory_show(const struct system_document *document);

#endif
