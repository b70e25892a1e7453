/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of state.json. Its reader, state_parse(), stands in state.h.
 */
#ifndef DAEMON_STATE_JSON_H
#define DAEMON_STATE_JSON_H

#include "ledger.h"

#define STATE_BYTES_MAX	  (4U << 20)
#define STATE_ENTRIES_MAX 1024U		/* promises, and steps */

/* @plan NULL = none under way. Return: 0 with *ret for the caller to free; -E2BIG more than is read again; -ENOMEM. */
int state_compose(const struct ledger *ledger, const struct plan *plan, const char *boot_id, char **ret);

#endif
