/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.json as text: one object {version, boot_id, promises: [...], partitions: [...], left: [...], plan: [...]}. Times in ns, policies and flags as
 * the kernel numbers them, since what cannot be named must still be restored.
 *
 * Reading is strict, because a wrong old value would be written into the kernel: unknown, doubled and missing keys,
 * wrong types and numbers out of range are refused with their path, and then nothing of the file is used. Each kind of
 * object is described by a table of its fields, which both the reader and the writer walk.
 *
 * Called by state.c, the unit test and the fuzzer. Opens no file. Text is not checked to be UTF-8: a domain may be named
 * with any bytes, and a file that we wrote must be one that we read.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "cpulist.h"
#include "json-keys.h"
#include "json-strict.h"
#include "state-json.h"
#include "state.h"

DEFINE_CLEANUP(struct json_object *, json_object_put)
DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

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

static const char *const step_kind_names[] = {
	[STEP_SCHED] = "sched",
	[STEP_PARTITION] = "partition",
	[STEP_SLICE] = "slice",
	[STEP_AFFINITY] = "affinity",
	[STEP_GROUP] = "group",
};
static_assert(ARRAY_SIZE(step_kind_names) == _STEP_KIND_MAX, "a name for each kind of step");

static const char *const partition_kind_names[] = {
	[PARTITION_EXCLUSIVE] = "exclusive",
	[PARTITION_SHARED] = "shared",
	[PARTITION_PINNED] = "pinned",
};
static_assert(ARRAY_SIZE(partition_kind_names) == _PARTITION_KIND_MAX, "a name for each kind of partition");

struct fields {
	const struct field *fields;
	size_t n;
};

static const struct fields steps_fields[] = {
	[STEP_SCHED] = { step_fields, ARRAY_SIZE(step_fields) },
	[STEP_PARTITION] = { partition_step_fields, ARRAY_SIZE(partition_step_fields) },
	[STEP_SLICE] = { slice_step_fields, ARRAY_SIZE(slice_step_fields) },
	[STEP_AFFINITY] = { affinity_step_fields, ARRAY_SIZE(affinity_step_fields) },
	[STEP_GROUP] = { group_step_fields, ARRAY_SIZE(group_step_fields) },
};
static_assert(ARRAY_SIZE(steps_fields) == _STEP_KIND_MAX, "the fields of each kind of step");

static const struct fields partitions_fields[] = {
	[PARTITION_EXCLUSIVE] = { exclusive_fields, ARRAY_SIZE(exclusive_fields) },
	[PARTITION_SHARED] = { shared_fields, ARRAY_SIZE(shared_fields) },
	[PARTITION_PINNED] = { pinned_fields, ARRAY_SIZE(pinned_fields) },
};
static_assert(ARRAY_SIZE(partitions_fields) == _PARTITION_KIND_MAX, "the fields of each kind of partition");

/* Where the reader is, for its messages: "promises[1].before". */
struct place {
	char path[96];
	struct vr_error **reterr;
};

#define bad(place, ...) vr_error_set((place)->reterr, -EBADMSG, VR_BAD_STATE, __VA_ARGS__)

static int object_read(const struct place *place, struct json_object *object, const struct field *fields, size_t n,
		       void *out);

static int number_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	int64_t number = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int))
		return bad(place, "%s.%s: expected a whole number", place->path, field->key);
	if (number < field->min || (number > 0 && (uint64_t)number > field->max))
		return bad(place, "%s.%s: %s is not from %" PRId64 " to %" PRIu64, place->path, field->key,
			   json_object_get_string(value), field->min, field->max);
	if (field->size == sizeof(int32_t))
		*(int32_t *)out = (int32_t)number;
	else
		*(uint64_t *)out = (uint64_t)number;
	return 0;
}

/* A text without NUL and not empty. */
static const char *text_of(struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	return text && *text && strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

/* Absolute and plain, since files in it will be written: nothing that leads up again. */
static bool directory_of(struct json_object *value)
{
	const char *text = text_of(value);

	return text && text[0] == '/' && text[1] && strlen(text) < PATH_MAX / 2 && !strstr(text, "//") && !strstr(text, "/.") &&
	       text[strlen(text) - 1] != '/' && !strchr(text, '\n');
}

static int thread_read(const struct place *place, const struct field *field, struct json_object *value, char *out)
{
	enum vm_thread_kind kind;
	const char *text = text_of(value);
	uint32_t index;

	if (!text || vm_thread_name_parse(text, &kind, &index) < 0)
		return bad(place, "%s.%s: no thread's name", place->path, field->key);
	vm_thread_name_format(out, kind, index);
	return 0;
}

/* -1: it is none of them. */
static int name_find(struct json_object *value, const char *const *names, size_t n)
{
	const char *text = text_of(value);
	size_t i;

	for (i = 0; text && i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return (int)i;
	return -1;
}

static int step_kind_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	int kind = name_find(value, step_kind_names, ARRAY_SIZE(step_kind_names));

	if (kind < 0)
		return bad(place, "%s.%s: no kind of step", place->path, field->key);
	*(enum step_kind *)out = (enum step_kind)kind;
	return 0;
}

static int partition_kind_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	int kind = name_find(value, partition_kind_names, ARRAY_SIZE(partition_kind_names));

	if (kind < 0)
		return bad(place, "%s.%s: no kind of partition", place->path, field->key);
	*(enum partition_kind *)out = (enum partition_kind)kind;
	return 0;
}

static int cpus_read(const struct place *place, const struct field *field, struct json_object *value, cpu_set_t *out)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	if (!text || strlen(text) != (size_t)json_object_get_string_len(value) || cpulist_parse(text, out) < 0 ||
	    CPU_COUNT(out) < field->min)
		return bad(place, "%s.%s: no list of CPUs", place->path, field->key);
	return 0;
}

static int sched_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	struct place inside = { .reterr = place->reterr };

	snprintf(inside.path, sizeof(inside.path), "%.60s.%s", place->path, field->key);
	return object_read(&inside, value, sched_fields, ARRAY_SIZE(sched_fields), out);
}

static int field_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	switch (field->kind) {
	case FIELD_NUMBER:
		return number_read(place, field, value, out);
	case FIELD_BOOL:
		if (!json_object_is_type(value, json_type_boolean))
			return bad(place, "%s.%s: expected true or false", place->path, field->key);
		*(bool *)out = json_object_get_boolean(value);
		return 0;
	case FIELD_THREAD:
		return thread_read(place, field, value, out);
	case FIELD_TEXT:
		if (!text_of(value))
			return bad(place, "%s.%s: expected a text that is not empty", place->path, field->key);
		*(const char **)out = text_of(value);	/* borrowed from @value: copied when the whole entry is added */
		return 0;
	case FIELD_DIRECTORY:
		if (!directory_of(value))
			return bad(place, "%s.%s: no path of a directory", place->path, field->key);
		*(const char **)out = text_of(value);
		return 0;
	case FIELD_STEP_KIND:
		return step_kind_read(place, field, value, out);
	case FIELD_PARTITION_KIND:
		return partition_kind_read(place, field, value, out);
	case FIELD_CPUS:
		return cpus_read(place, field, value, out);
	case FIELD_SCHED:
		return sched_read(place, field, value, out);
	}
	return bad(place, "%s.%s: cannot be read", place->path, field->key);
}

/* Every field of the table once, and nothing else: doubles were refused before, so a count tells. */
static int object_read(const struct place *place, struct json_object *object, const struct field *fields, size_t n,
		       void *out)
{
	char shown[JSON_KEY_STRLEN];
	struct json_object *value;
	size_t i;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return bad(place, "%s: expected an object", place->path);
	json_object_object_foreach(object, key, unused) {
		(void)unused;
		for (i = 0; i < n && strcmp(fields[i].key, key) != 0; i++)
			;
		if (i == n)
			return bad(place, "%s.%s: unknown key", place->path, json_key_show(shown, key, strlen(key)));
	}
	for (i = 0; i < n; i++) {
		if (!json_object_object_get_ex(object, fields[i].key, &value)) {
			if (fields[i].optional)
				continue;
			return bad(place, "%s.%s: is missing", place->path, fields[i].key);
		}
		r = field_read(place, &fields[i], value, (char *)out + fields[i].offset);
		if (r < 0)
			return r;
	}
	return 0;
}

static int promise_read(const struct place *place, struct json_object *value, void *out)
{
	struct ledger *ledger = out;
	struct promise promise = { 0 };
	int r;

	r = object_read(place, value, promise_fields, ARRAY_SIZE(promise_fields), &promise);
	if (r < 0)
		return r;
	if (promise.reservation.budget_ns > promise.reservation.deadline_ns)
		return bad(place, "%s.budget_ns: above deadline_ns", place->path);
	if (promise.reservation.deadline_ns > promise.reservation.period_ns)
		return bad(place, "%s.deadline_ns: above period_ns", place->path);
	r = ledger_add(ledger, &promise);
	if (r == -EEXIST)
		return bad(place, "%s: this thread is promised something before", place->path);
	return r;
}

static int step_read(const struct place *place, struct json_object *value, void *out)
{
	struct plan *plan = out;
	struct step step = { 0 };
	struct json_object *kind = NULL;
	int r;

	if (json_object_is_type(value, json_type_object) && json_object_object_get_ex(value, "kind", &kind)) {
		r = step_kind_read(place, &step_fields[0], kind, &step.kind);
		if (r < 0)
			return r;
	}
	step.whole = step.kind == STEP_PARTITION;	/* so it was before threads could share one */
	r = object_read(place, value, steps_fields[step.kind].fields, steps_fields[step.kind].n, &step);
	if (r < 0)
		return r;
	return plan_add(plan, &step);
}

static bool home_is_whole(const struct partition *p)
{
	bool cpus = CPU_COUNT(&p->home_cpus) > 0;

	return p->kind == PARTITION_EXCLUSIVE || ((p->home != NULL) == cpus && (CPU_COUNT(&p->home_before) > 0) == cpus);
}

static int partition_read(const struct place *place, struct json_object *value, void *out)
{
	struct partition partition = { 0 };
	struct json_object *kind = NULL;
	int r;

	if (json_object_is_type(value, json_type_object) && json_object_object_get_ex(value, "kind", &kind)) {
		r = partition_kind_read(place, &pinned_fields[0], kind, &partition.kind);
		if (r < 0)
			return r;
	}
	r = object_read(place, value, partitions_fields[partition.kind].fields, partitions_fields[partition.kind].n, &partition);
	if (r < 0)
		return r;
	if (partition.kind == PARTITION_SHARED && !CPU_ISSET(partition.cpu, &partition.cpus))
		return bad(place, "%s.cpu: not one of its cpus", place->path);
	if (!home_is_whole(&partition))
		return bad(place, "%s.home: goes with home_before and home_cpus", place->path);
	r = ledger_add_partition(out, &partition);
	if (r == -EEXIST)
		return bad(place, "%s: this thread, or this CPU, stands here before", place->path);
	return r;
}

static int leaver_read(const struct place *place, struct json_object *value, void *out)
{
	struct ledger *ledger = out;
	struct leaver leaver = { 0 };
	int r;

	r = object_read(place, value, leaver_fields, ARRAY_SIZE(leaver_fields), &leaver);
	if (r < 0)
		return r;
	if (ledger_rests_until(ledger, leaver.tid, leaver.start_ticks) > 0)
		return bad(place, "%s: this thread stands here before", place->path);
	return ledger_rest(ledger, leaver.tid, leaver.start_ticks, leaver.until_ns);
}

typedef int (*entry_reader)(const struct place *place, struct json_object *value, void *out);

/* The array of entries named @key. */
static int entries_read(const struct place *place, struct json_object *document, const char *key, entry_reader read,
			void *out)
{
	struct place inside = { .reterr = place->reterr };
	struct json_object *array = json_object_object_get(document, key);
	size_t i, n;
	int r;

	if (!json_object_is_type(array, json_type_array))
		return bad(place, "%s: expected an array", key);
	n = json_object_array_length(array);
	if (n > STATE_ENTRIES_MAX)
		return bad(place, "%s: more than %u entries", key, STATE_ENTRIES_MAX);
	for (i = 0; i < n; i++) {
		snprintf(inside.path, sizeof(inside.path), "%s[%zu]", key, i);
		r = read(&inside, json_object_array_get_idx(array, i), out);
		if (r < 0)
			return r;
	}
	return 0;
}

static int document_read(const struct place *place, struct json_object *document, struct ledger *ledger,
			 struct plan *plan)
{
	static const char *const keys[] = { "version", "boot_id", "promises", "partitions", "left", "plan" };
	char shown[JSON_KEY_STRLEN];
	struct json_object *version;
	size_t i;
	int r;

	if (!json_object_is_type(document, json_type_object))
		return bad(place, "expected an object");
	json_object_object_foreach(document, key, unused) {
		(void)unused;
		for (i = 0; i < ARRAY_SIZE(keys) && strcmp(keys[i], key) != 0; i++)
			;
		if (i == ARRAY_SIZE(keys))
			return bad(place, "%s: unknown key", json_key_show(shown, key, strlen(key)));
	}
	version = json_object_object_get(document, "version");
	if (!json_object_is_type(version, json_type_int) || json_object_get_int64(version) != STATE_VERSION)
		return bad(place, "version: expected %d", STATE_VERSION);
	if (!text_of(json_object_object_get(document, "boot_id")))
		return bad(place, "boot_id: expected a text that is not empty");
	r = entries_read(place, document, "promises", promise_read, ledger);
	if (r >= 0 && json_object_object_get_ex(document, "partitions", NULL))	/* not written when there are none */
		r = entries_read(place, document, "partitions", partition_read, ledger);
	if (r >= 0 && json_object_object_get_ex(document, "left", NULL))	/* earlier versions did not write it */
		r = entries_read(place, document, "left", leaver_read, ledger);
	return r < 0 ? r : entries_read(place, document, "plan", step_read, plan);
}

/* Syntax, and keys that stand twice. */
static int document_parse(const struct place *place, const char *text, size_t length, struct json_object **ret)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(8);
	_cleanup_(json_object_putp) struct json_object *document = NULL;
	_cleanup_(freep) char *path = NULL;
	enum json_tokener_error error;
	int r;

	if (!tokener)
		return -ENOMEM;
	if (length > STATE_BYTES_MAX)
		return bad(place, "larger than %u bytes", STATE_BYTES_MAX);
	if (memchr(text, '\0', length))	/* json-c would take it for the end */
		return bad(place, "there is a NUL in it");
	r = json_strict_parse(tokener, 0, text, length, &document);
	if (r < 0)
		return r;
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue)
		return bad(place, "ends in the middle");
	if (error != json_tokener_success)
		return bad(place, "byte %zu: %s", json_tokener_get_parse_end(tokener), json_tokener_error_desc(error));
	r = json_keys_check(text, length, &path);
	if (r < 0)
		return bad(place, "%.80s: %s", path ?: "",
			   r == -EEXIST ? "this key stands twice" : "no key of this file");
	*ret = TAKE_PTR(document);
	return 0;
}

int state_parse(const char *text, size_t length, const char *boot_id, struct ledger *ret_ledger,
		struct plan *ret_plan, struct vr_error **reterr)
{
	const struct place place = { .reterr = reterr };
	_cleanup_(json_object_putp) struct json_object *document = NULL;
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };
	int r;

	r = document_parse(&place, text, length, &document);
	if (r < 0)
		return r;
	r = document_read(&place, document, &ledger, &plan);
	if (r < 0)
		return r;

	*ret_ledger = (struct ledger){ 0 };
	*ret_plan = (struct plan){ 0 };
	if (strcmp(json_object_get_string(json_object_object_get(document, "boot_id")), boot_id) != 0)
		return 0;	/* its threads are gone with their kernel */
	*ret_ledger = ledger;
	*ret_plan = plan;
	ledger = (struct ledger){ 0 };
	plan = (struct plan){ 0 };
	return 0;
}

/* Takes @value, which may be NULL: then memory had run out. */
static int member_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static struct json_object *object_compose(const struct field *fields, size_t n, const void *in);

static struct json_object *cpus_compose(const cpu_set_t *cpus)
{
	_cleanup_(freep) char *text = NULL;

	return cpulist_format(cpus, &text) < 0 ? NULL : json_object_new_string(text);
}

static struct json_object *field_compose(const struct field *field, const void *in)
{
	switch (field->kind) {
	case FIELD_NUMBER:
		return field->size == sizeof(int32_t) ? json_object_new_int(*(const int32_t *)in) :
							json_object_new_uint64(*(const uint64_t *)in);
	case FIELD_BOOL:
		return json_object_new_boolean(*(const bool *)in);
	case FIELD_THREAD:
		return json_object_new_string(in);
	case FIELD_TEXT:
	case FIELD_DIRECTORY:
		return json_object_new_string(*(const char *const *)in);
	case FIELD_STEP_KIND:
		return json_object_new_string(step_kind_names[*(const enum step_kind *)in]);
	case FIELD_PARTITION_KIND:
		return json_object_new_string(partition_kind_names[*(const enum partition_kind *)in]);
	case FIELD_CPUS:
		return cpus_compose(in);
	case FIELD_SCHED:
		return object_compose(sched_fields, ARRAY_SIZE(sched_fields), in);
	}
	return NULL;
}

static bool field_is_left_out(const struct field *field, const void *in)
{
	if (!field->optional)
		return false;
	return field->kind == FIELD_CPUS ? CPU_COUNT((const cpu_set_t *)in) == 0 :
					   field->kind == FIELD_DIRECTORY && !*(const char *const *)in;
}

static struct json_object *object_compose(const struct field *fields, size_t n, const void *in)
{
	_cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
	size_t i;

	if (!object)
		return NULL;
	for (i = 0; i < n; i++)
		if (!field_is_left_out(&fields[i], (const char *)in + fields[i].offset) &&
		    member_add(object, fields[i].key, field_compose(&fields[i], (const char *)in + fields[i].offset)) < 0)
			return NULL;
	return TAKE_PTR(object);
}

/* Takes @entry, which may be NULL. */
static int entry_add(struct json_object *array, struct json_object *entry)
{
	if (!entry)
		return -ENOMEM;
	if (json_object_array_add(array, entry) < 0) {
		json_object_put(entry);
		return -ENOMEM;
	}
	return 0;
}

static struct json_object *array_compose(const struct field *fields, size_t n_fields, const void *entries, size_t n,
					 size_t size)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	size_t i;

	if (!array)
		return NULL;
	for (i = 0; i < n; i++)
		if (entry_add(array, object_compose(fields, n_fields, (const char *)entries + i * size)) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static struct json_object *partitions_compose(const struct ledger *ledger)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; array && i < ledger->n_partitions; i++) {
		const struct fields *f = &partitions_fields[ledger->partitions[i].kind];

		if (entry_add(array, object_compose(f->fields, f->n, &ledger->partitions[i])) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

static struct json_object *plan_compose(const struct plan *plan)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; array && plan && i < plan->n; i++) {
		const struct step *step = &plan->steps[i];

		if (entry_add(array, object_compose(steps_fields[step->kind].fields, steps_fields[step->kind].n, step)) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

int state_compose(const struct ledger *ledger, const struct plan *plan, const char *boot_id, char **ret)
{
	_cleanup_(json_object_putp) struct json_object *document = json_object_new_object();
	const char *text;
	char *copy;
	size_t size;

	if (ledger->n > STATE_ENTRIES_MAX || ledger->n_leavers > STATE_ENTRIES_MAX || (plan && plan->n > STATE_ENTRIES_MAX))
		return -E2BIG;
	if (!document || member_add(document, "version", json_object_new_int(STATE_VERSION)) < 0 ||
	    member_add(document, "boot_id", json_object_new_string(boot_id)) < 0 ||
	    member_add(document, "promises",
		       array_compose(promise_fields, ARRAY_SIZE(promise_fields), ledger->promises, ledger->n,
				     sizeof(*ledger->promises))) < 0 ||
	    (ledger->n_partitions > 0 && member_add(document, "partitions", partitions_compose(ledger)) < 0) ||
	    (ledger->n_leavers > 0 &&
	     member_add(document, "left",
			array_compose(leaver_fields, ARRAY_SIZE(leaver_fields), ledger->leavers, ledger->n_leavers,
				      sizeof(*ledger->leavers))) < 0) ||
	    member_add(document, "plan", plan_compose(plan)) < 0)
		return -ENOMEM;
	text = json_object_to_json_string_length(document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE,
						 &size);
	if (!text)
		return -ENOMEM;
	if (size > STATE_BYTES_MAX)
		return -E2BIG;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
