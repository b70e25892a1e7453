/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing state.json: one object {version, boot_id, promises: [...], partitions: [...], left: [...], plan: [...]}. Times in ns,
 * policies and flags as the kernel numbers them, since what cannot be named must still be restored.
 *
 * Called by state.c, the unit test and the fuzzer. Opens no file.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "cleanup.h"
#include "cpulist.h"
#include "state-json-fields.h"
#include "state-json.h"
#include "state.h"

DEFINE_CLEANUP(struct json_object *, json_object_put)

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

static struct json_object *object_compose(const struct fields *f, const void *in);

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
		return json_object_new_string(state_step_kind_names[*(const enum step_kind *)in]);
	case FIELD_PARTITION_KIND:
		return json_object_new_string(state_partition_kind_names[*(const enum partition_kind *)in]);
	case FIELD_CPUS:
		return cpus_compose(in);
	case FIELD_SCHED:
		return object_compose(&state_sched_fields, in);
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

static struct json_object *object_compose(const struct fields *f, const void *in)
{
	_cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
	size_t i;

	if (!object)
		return NULL;
	for (i = 0; i < f->n; i++)
		if (!field_is_left_out(&f->fields[i], (const char *)in + f->fields[i].offset) &&
		    member_add(object, f->fields[i].key, field_compose(&f->fields[i], (const char *)in + f->fields[i].offset)) < 0)
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

static struct json_object *array_compose(const struct fields *f, const void *entries, size_t n, size_t size)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	size_t i;

	if (!array)
		return NULL;
	for (i = 0; i < n; i++)
		if (entry_add(array, object_compose(f, (const char *)entries + i * size)) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static struct json_object *partitions_compose(const struct ledger *ledger)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; array && i < ledger->n_partitions; i++) {
		const struct partition *p = &ledger->partitions[i];

		if (entry_add(array, object_compose(&state_partitions_fields[p->kind], p)) < 0)
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

		if (entry_add(array, object_compose(&state_steps_fields[step->kind], step)) < 0)
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
		       array_compose(&state_promise_fields, ledger->promises, ledger->n,
				     sizeof(*ledger->promises))) < 0 ||
	    (ledger->n_partitions > 0 && member_add(document, "partitions", partitions_compose(ledger)) < 0) ||
	    (ledger->n_leavers > 0 &&
	     member_add(document, "left",
			array_compose(&state_leaver_fields, ledger->leavers, ledger->n_leavers,
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
