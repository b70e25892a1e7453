/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_DOCUMENT_MEMORY_H
#define CLI_DOCUMENT_MEMORY_H

#include <json-c/json.h>

#include "error.h"
#include "intent.h"

/* The member "memory" of @top; *ret stays as it is when there is none. -EBADMSG (VR_BAD_CONFIG) with its place. */
int document_memory_read(struct json_object *top, struct intent_memory *ret, struct vr_error **reterr);

#endif
