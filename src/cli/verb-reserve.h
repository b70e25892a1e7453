/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reserve, check and memory share about the memory that a reservation document asks for. */
#ifndef CLI_VERB_RESERVE_H
#define CLI_VERB_RESERVE_H

#include "cli.h"
#include "question.h"

/* Strings belong to @memory. */
void wish_of_memory(const char *domain, const struct intent_memory *memory, struct memory_wish *ret);

/* Does the domain have the memory that the document asks for? 0 also when it asks for none; VR_NOT_RESERVED it does not. */
int reserve_memory_check(struct client *client, const struct question *question, struct vr_error **reterr);

/* *ret_undo: it had none before, so reserve_ways_undo() makes it as it was. */
int reserve_ways_take(struct client *client, const struct question *question, bool replace, bool *ret_undo, struct vr_error **reterr);
void reserve_ways_undo(struct client *client, const struct question *question);

#endif
