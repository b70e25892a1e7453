/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_DOCUMENT_PLACE_H
#define CLI_DOCUMENT_PLACE_H

#include <stddef.h>

#include "error.h"

#define PLACE_MAX 200

/*
 * Where we are in a document: reservations[1].budget. A chain up to the root, on the stacks of those who descend: nothing is
 * written down before something is wrong. { "" } is the root, { "vms" } a member of it.
 */
struct place {
	const char *key;		/* NULL = an element of an array */
	const struct place *parent;	/* must live as long as this one */
	size_t index;
};

static inline void place_key(struct place *place, const struct place *parent, const char *key)
{
	*place = (struct place){ .key = key, .parent = parent };
}

static inline void place_index(struct place *place, const struct place *parent, size_t index)
{
	*place = (struct place){ .parent = parent, .index = index };
}

/* As people write it; too long a place loses what is deepest. @buf is returned. */
char *place_text(char buf[PLACE_MAX], const struct place *place);

/* -EBADMSG, VR_BAD_CONFIG: "place: what is wrong". */
int place_broken(const struct place *place, struct vr_error **reterr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
