/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /run/virtrk/state.json: the ledger in force and, while a plan is under way, that plan with all old values. Written
 * (new file, fsync, rename) before the first step and again after the last; so a crash at any instruction is told apart.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "error.h"
#include "ledger.h"

#define STATE_VERSION 1

struct state;	/* an open directory and the lock in it that keeps a second virtrkd out */

int state_open(struct state **ret, const char *directory, struct vr_error **reterr);	/* -EBUSY, VR_RUNNING */
struct state *state_close(struct state *state);
DEFINE_CLEANUP(struct state *, state_close)

/* @plan NULL = none under way. boot_id is written too: a state of another boot is empty. */
int state_save(struct state *state, const struct ledger *ledger, const struct plan *plan, struct vr_error **reterr);
int state_load(struct state *state, struct ledger *ret_ledger, struct plan *ret_plan, struct vr_error **reterr);

/* Renames a damaged state.json to state.json.damaged-TIME, so that it is never overwritten; -ENOENT: there is none. */
int state_set_aside(struct state *state, struct vr_error **reterr);

/* The parser alone, for tests and the fuzzer. -EBADMSG, VR_BAD_STATE with the path of what is wrong. */
int state_parse(const char *text, size_t length, const char *boot_id, struct ledger *ret_ledger,
		struct plan *ret_plan, struct vr_error **reterr);

#endif
