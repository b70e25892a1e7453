/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include "error.h"
#include "intent.h"
#include "request.h"

#define DOCUMENT_SIZE_MAX (1U << 20)

/* A reservation document: what a whole domain gets. Its JSON Schema is share/reservation.schema.json. */
struct document {
	char *domain;			/* NULL = not said */
	struct intent_memory memory;	/* and ways of the cache */
	struct request_list requests;	/* at least one */
};

void document_done(struct document *document);

/*
 * The parser. Return: 0; -EBADMSG (VR_BAD_CONFIG) with the place and the rule it breaks, one line; -ENOMEM.
 * @text need not end in a zero byte.
 */
int document_parse(const char *text, size_t length, struct document *ret, struct vr_error **reterr);

/* @path "-" = standard input. Faults of reading are VR_FAILED; every line begins with the file's name. */
int document_read(const char *path, struct document *ret, struct vr_error **reterr);

#endif
