/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields of each kind of object in state.json. Only for its reader and its writer.
 */
#ifndef DAEMON_STATE_JSON_FIELDS_H
#define DAEMON_STATE_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

enum field_kind {
	FIELD_NUMBER, FIELD_BOOL, FIELD_THREAD, FIELD_TEXT, FIELD_DIRECTORY, FIELD_STEP_KIND, FIELD_PARTITION_KIND, FIELD_CPUS,
	FIELD_SCHED
};

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	size_t size;		/* FIELD_NUMBER: of the integer; 4 bytes are signed, 8 unsigned */
	int64_t min;
	uint64_t max;
	bool optional;		/* an earlier version did not write it; a NULL, and no CPUs, are not written */
};

/* Of one kind of object. */
struct fields {
	const struct field *fields;
	size_t n;
};

extern const struct fields state_sched_fields;
extern const struct fields state_promise_fields;
extern const struct fields state_leaver_fields;
extern const struct fields state_steps_fields[];	/* by enum step_kind */
extern const struct fields state_partitions_fields[];	/* by enum partition_kind */

extern const char *const state_step_kind_names[];	/* by enum step_kind */
extern const char *const state_partition_kind_names[];	/* by enum partition_kind */

#endif
