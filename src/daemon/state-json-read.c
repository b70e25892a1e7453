/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading state.json. It is strict, because a wrong old value would be written into the kernel: unknown, doubled and missing keys,
 * wrong types and numbers out of range are refused with their path, and then nothing of the file is used.
 *
 * Called by state.c, the unit test and the fuzzer. Opens no file. Text is not checked to be UTF-8: a domain may be named
 * with any bytes, and a file that we wrote must be one that we read.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "cpulist.h"
#include "json-keys.h"
#include "json-strict.h"
#include "state-json-fields.h"
#include "state-json.h"
#include "state.h"

DEFINE_CLEANUP(struct json_object *, json_object_put)
DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

/* Where the reader is, for its messages: "promises[1].before". */
struct place {
	char path[96];
	struct vr_error **reterr;
};

#define bad(place, ...) vr_error_set((place)->reterr, -EBADMSG, VR_BAD_STATE, __VA_ARGS__)

static int object_read(const struct place *place, struct json_object *object, const struct fields *f, void *out);

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
	int kind = name_find(value, state_step_kind_names, _STEP_KIND_MAX);

	if (kind < 0)
		return bad(place, "%s.%s: no kind of step", place->path, field->key);
	*(enum step_kind *)out = (enum step_kind)kind;
	return 0;
}

static int partition_kind_read(const struct place *place, const struct field *field, struct json_object *value, void *out)
{
	int kind = name_find(value, state_partition_kind_names, _PARTITION_KIND_MAX);

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
	return object_read(&inside, value, &state_sched_fields, out);
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
static int object_read(const struct place *place, struct json_object *object, const struct fields *f, void *out)
{
	char shown[JSON_KEY_STRLEN];
	struct json_object *value;
	size_t i;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return bad(place, "%s: expected an object", place->path);
	json_object_object_foreach(object, key, unused) {
		(void)unused;
		for (i = 0; i < f->n && strcmp(f->fields[i].key, key) != 0; i++)
			;
		if (i == f->n)
			return bad(place, "%s.%s: unknown key", place->path, json_key_show(shown, key, strlen(key)));
	}
	for (i = 0; i < f->n; i++) {
		if (!json_object_object_get_ex(object, f->fields[i].key, &value)) {
			if (f->fields[i].optional)
				continue;
			return bad(place, "%s.%s: is missing", place->path, f->fields[i].key);
		}
		r = field_read(place, &f->fields[i], value, (char *)out + f->fields[i].offset);
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

	r = object_read(place, value, &state_promise_fields, &promise);
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
		r = step_kind_read(place, &state_steps_fields[STEP_SCHED].fields[0], kind, &step.kind);
		if (r < 0)
			return r;
	}
	step.whole = step.kind == STEP_PARTITION;	/* so it was before threads could share one */
	r = object_read(place, value, &state_steps_fields[step.kind], &step);
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
		r = partition_kind_read(place, &state_partitions_fields[PARTITION_PINNED].fields[0], kind, &partition.kind);
		if (r < 0)
			return r;
	}
	r = object_read(place, value, &state_partitions_fields[partition.kind], &partition);
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

	r = object_read(place, value, &state_leaver_fields, &leaver);
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
