/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_CONFIG_MEMORY_H
#define DAEMON_CONFIG_MEMORY_H

#include "error.h"
#include "intent.h"

struct json_object;

/* The member "memory" of a domain's file, @name in messages. Return: 0; -EBADMSG, VR_BAD_CONFIG: path of what is wrong. */
int config_memory_read(const char *name, struct json_object *object, struct intent_memory *ret, struct vr_error **reterr);

#endif
