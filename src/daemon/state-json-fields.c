/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in state.json: for each kind of object a table of its fields, where each is in its struct, and from what to what its
 * numbers go. Reader and writer walk the same tables. Tables only, no code.
 */
#include <assert.h>
#include <sched.h>
#include <stddef.h>

#include "cleanup.h"
#include "state-json-fields.h"

#define NUMBER(type, member, key, min, max) \
	{ key, FIELD_NUMBER, offsetof(struct type, member), sizeof(((struct type *)0)->member), min, max, false }
#define OTHER(kind, type, member, key) { key, kind, offsetof(struct type, member), 0, 0, 0, false }
#define OPTIONAL(kind, type, member, key) { key, kind, offsetof(struct type, member), 0, 0, 0, true }
#define OPTIONAL_CPUS(type, member, key) { key, FIELD_CPUS, offsetof(struct type, member), 0, 1, 0, true }
#define CPUS(type, member, key, least) { key, FIELD_CPUS, offsetof(struct type, member), 0, least, 0, false }

/* json-c cuts an integer that does not fit to the ends of the range without a word: so these stay outside. */
#define TIME_MAX (NSEC_MAX - 1)

/* A restored state is handed to sched_setattr(): no flag that would mean something else there. */
#define FLAGS_MAX (SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN)

static const struct field sched_fields[] = {
	NUMBER(sched_state, policy, "policy", 0, 7),
	NUMBER(sched_state, flags, "flags", 0, FLAGS_MAX),
	NUMBER(sched_state, nice, "nice", -20, 19),
	NUMBER(sched_state, priority, "priority", 0, 99),
	NUMBER(sched_state, runtime_ns, "runtime_ns", 0, TIME_MAX),
	NUMBER(sched_state, deadline_ns, "deadline_ns", 0, TIME_MAX),
	NUMBER(sched_state, period_ns, "period_ns", 0, TIME_MAX),
};

static const struct field promise_fields[] = {
	OTHER(FIELD_TEXT, promise, domain, "domain"),
	OTHER(FIELD_THREAD, promise, thread, "thread"),
	NUMBER(promise, pid, "pid", 1, INT32_MAX),
	NUMBER(promise, tid, "tid", 1, INT32_MAX),
	NUMBER(promise, start_ticks, "start_ticks", 0, TIME_MAX),
	NUMBER(promise, reservation.budget_ns, "budget_ns", 1, TIME_MAX),
	NUMBER(promise, reservation.deadline_ns, "deadline_ns", 1, TIME_MAX),
	NUMBER(promise, reservation.period_ns, "period_ns", 1, TIME_MAX),
	OTHER(FIELD_BOOL, promise, soft, "soft"),
	OTHER(FIELD_SCHED, promise, before, "before"),
};

/* What every kind of step has. */
#define STEP_FIELDS                                                                                     \
	OTHER(FIELD_STEP_KIND, step, kind, "kind"), NUMBER(step, tid, "tid", 1, INT32_MAX),              \
		NUMBER(step, start_ticks, "start_ticks", 0, TIME_MAX), OTHER(FIELD_TEXT, step, label, "label")

static const struct field step_fields[] = {
	STEP_FIELDS,
	OTHER(FIELD_SCHED, step, old, "old"),
	OTHER(FIELD_SCHED, step, new, "new"),
	OPTIONAL(FIELD_DIRECTORY, step, freezer, "freezer"),
};

static const struct field partition_step_fields[] = {
	STEP_FIELDS,
	OTHER(FIELD_BOOL, step, make, "make"),
	OPTIONAL(FIELD_BOOL, step, whole, "whole"),
	OTHER(FIELD_DIRECTORY, step, cgroup, "cgroup"),
	OPTIONAL(FIELD_DIRECTORY, step, home, "home"),
	NUMBER(step, cpu, "cpu", 0, CPU_SETSIZE - 1),
	NUMBER(step, kept, "kept", 0, TIME_MAX),
};

static const struct field slice_step_fields[] = {
	STEP_FIELDS,
	OTHER(FIELD_BOOL, step, make, "make"),
	OTHER(FIELD_BOOL, step, whole, "whole"),
	OTHER(FIELD_DIRECTORY, step, cgroup, "cgroup"),
	CPUS(step, cpus, "cpus", 1),
	CPUS(step, before, "before", 0),
};

static const struct field affinity_step_fields[] = {
	STEP_FIELDS,
	OTHER(FIELD_BOOL, step, make, "make"),
	NUMBER(step, cpu, "cpu", 0, CPU_SETSIZE - 1),
	CPUS(step, before, "before", 1),
};

static const struct field group_step_fields[] = {
	STEP_FIELDS,
	OTHER(FIELD_BOOL, step, make, "make"),
	OTHER(FIELD_DIRECTORY, step, cgroup, "cgroup"),
	CPUS(step, cpus, "cpus", 1),
	CPUS(step, before, "before", 1),
};

/* What was added to the own group of a thread whose partition is not exclusive: all of these, or none. */
#define HOME_FIELDS                                                                                                     \
	OPTIONAL(FIELD_DIRECTORY, partition, home, "home"), OPTIONAL_CPUS(partition, home_before, "home_before"),       \
		OPTIONAL_CPUS(partition, home_cpus, "home_cpus")

/* An exclusive one is written without its kind, as before there were others. */
static const struct field exclusive_fields[] = {
	OTHER(FIELD_TEXT, partition, label, "label"),
	OTHER(FIELD_DIRECTORY, partition, cgroup, "cgroup"),
	OPTIONAL(FIELD_DIRECTORY, partition, home, "home"),
	NUMBER(partition, tid, "tid", 1, INT32_MAX),
	NUMBER(partition, start_ticks, "start_ticks", 0, TIME_MAX),
	NUMBER(partition, cpu, "cpu", 0, CPU_SETSIZE - 1),
	NUMBER(partition, kept, "kept", 0, TIME_MAX),
	NUMBER(partition, rest_ns, "rest_ns", 0, TIME_MAX),
};

static const struct field shared_fields[] = {
	OTHER(FIELD_PARTITION_KIND, partition, kind, "kind"),
	OTHER(FIELD_TEXT, partition, label, "label"),
	OTHER(FIELD_DIRECTORY, partition, cgroup, "cgroup"),
	NUMBER(partition, tid, "tid", 1, INT32_MAX),
	NUMBER(partition, start_ticks, "start_ticks", 0, TIME_MAX),
	NUMBER(partition, cpu, "cpu", 0, CPU_SETSIZE - 1),
	CPUS(partition, cpus, "cpus", 1),
	CPUS(partition, before, "before", 0),
	NUMBER(partition, rest_ns, "rest_ns", 0, TIME_MAX),
	HOME_FIELDS,
};

static const struct field pinned_fields[] = {
	OTHER(FIELD_PARTITION_KIND, partition, kind, "kind"),
	OTHER(FIELD_TEXT, partition, label, "label"),
	NUMBER(partition, tid, "tid", 1, INT32_MAX),
	NUMBER(partition, start_ticks, "start_ticks", 0, TIME_MAX),
	NUMBER(partition, cpu, "cpu", 0, CPU_SETSIZE - 1),
	CPUS(partition, before, "before", 1),
	NUMBER(partition, rest_ns, "rest_ns", 0, TIME_MAX),
	HOME_FIELDS,
};

static const struct field leaver_fields[] = {
	NUMBER(leaver, tid, "tid", 1, INT32_MAX),
	NUMBER(leaver, start_ticks, "start_ticks", 0, TIME_MAX),
	NUMBER(leaver, until_ns, "until_ns", 0, TIME_MAX),
};

const char *const state_step_kind_names[] = {
	[STEP_SCHED] = "sched",
	[STEP_PARTITION] = "partition",
	[STEP_SLICE] = "slice",
	[STEP_AFFINITY] = "affinity",
	[STEP_GROUP] = "group",
};
static_assert(ARRAY_SIZE(state_step_kind_names) == _STEP_KIND_MAX, "a name for each kind of step");

const char *const state_partition_kind_names[] = {
	[PARTITION_EXCLUSIVE] = "exclusive",
	[PARTITION_SHARED] = "shared",
	[PARTITION_PINNED] = "pinned",
};
static_assert(ARRAY_SIZE(state_partition_kind_names) == _PARTITION_KIND_MAX, "a name for each kind of partition");

const struct fields state_steps_fields[] = {
	[STEP_SCHED] = { step_fields, ARRAY_SIZE(step_fields) },
	[STEP_PARTITION] = { partition_step_fields, ARRAY_SIZE(partition_step_fields) },
	[STEP_SLICE] = { slice_step_fields, ARRAY_SIZE(slice_step_fields) },
	[STEP_AFFINITY] = { affinity_step_fields, ARRAY_SIZE(affinity_step_fields) },
	[STEP_GROUP] = { group_step_fields, ARRAY_SIZE(group_step_fields) },
};
static_assert(ARRAY_SIZE(state_steps_fields) == _STEP_KIND_MAX, "the fields of each kind of step");

const struct fields state_partitions_fields[] = {
	[PARTITION_EXCLUSIVE] = { exclusive_fields, ARRAY_SIZE(exclusive_fields) },
	[PARTITION_SHARED] = { shared_fields, ARRAY_SIZE(shared_fields) },
	[PARTITION_PINNED] = { pinned_fields, ARRAY_SIZE(pinned_fields) },
};
static_assert(ARRAY_SIZE(state_partitions_fields) == _PARTITION_KIND_MAX, "the fields of each kind of partition");

const struct fields state_sched_fields = { sched_fields, ARRAY_SIZE(sched_fields) };
const struct fields state_promise_fields = { promise_fields, ARRAY_SIZE(promise_fields) };
const struct fields state_leaver_fields = { leaver_fields, ARRAY_SIZE(leaver_fields) };
