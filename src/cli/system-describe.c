/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A description written again from what is known of it: all that stood there, with budgets, periods, deadlines and CPUs as
 * planned, and every time as the shortest exact text with its unit. Reading what is written here gives the same system, so
 * the plan of a plan is itself.
 *
 * Called by the verb plan. Pure but for memory.
 */
#include <string.h>

#include "answer.h"
#include "system-memory.h"
#include "system-plan.h"

static int put(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static struct json_object *time_json(nsec_t ns)
{
	char text[VRK_NSEC_STRLEN];

	return json_object_new_string(vrk_nsec_format(text, ns));
}

/* What the reader took as a time is one. */
static struct json_object *time_again(struct json_object *value)
{
	nsec_t ns = 0;

	if (json_object_is_type(value, json_type_int))
		return time_json((nsec_t)json_object_get_int64(value));
	return vrk_nsec_parse(json_object_get_string(value), &ns) < 0 ? NULL : time_json(ns);
}

static bool is_time(const char *key)
{
	static const char *const times[] = { "tick", "switch", "latency", "budget", "period", "deadline", "wcet", "jitter",
					     "blocking", "masked", "length", "hard", "injection", "handler", "color_reload", "wcet_by_colors" };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (strcmp(key, times[i]) == 0)
			return true;
	return false;
}

static int value_again(const char *key, struct json_object *value, struct json_object **ret);

static int object_again(struct json_object *object, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *copy = json_object_new_object();

	if (!copy)
		return -ENOMEM;
	json_object_object_foreach(object, key, value) {
		struct json_object *again = NULL;
		int r = value_again(key, value, &again);

		if (r >= 0)
			r = put(copy, key, again);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}

static int array_again(const char *key, struct json_object *array, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *copy = json_object_new_array();

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *again = NULL;
		int r = value_again(key, json_object_array_get_idx(array, i), &again);

		if (r < 0)
			return r;
		if (json_object_array_add(copy, again) < 0) {
			json_object_put(again);
			return -ENOMEM;
		}
	}
	*ret = TAKE_PTR(copy);
	return 0;
}

/* @key: whose value it is, or whose array's element. As deep as the strict reader allows, no deeper. */
static int value_again(const char *key, struct json_object *value, struct json_object **ret)
{
	if (json_object_is_type(value, json_type_object))
		return object_again(value, ret);
	if (json_object_is_type(value, json_type_array))
		return array_again(key, value, ret);
	if (is_time(key) || strcmp(key, "suspensions") == 0)
		*ret = time_again(value);
	else
		*ret = json_object_get(value);
	return *ret ? 0 : -ENOMEM;
}

/* The planned keys first, in the order in which people write them; then the rest. */
static int vcpu_describe(const struct vrk_vcpu *vcpu, struct json_object *object, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *again = json_object_new_object();
	struct json_object *tasks;
	int r;

	if (!again)
		return -ENOMEM;
	r = put(again, "budget", time_json(vcpu->reservation.budget_ns));
	if (r >= 0)
		r = put(again, "period", time_json(vcpu->reservation.period_ns));
	if (r >= 0)
		r = put(again, "deadline", time_json(vcpu->reservation.deadline_ns));
	if (r >= 0)
		r = put(again, "cpu", json_object_new_int(vcpu->cpu));
	if (r >= 0 && json_object_object_get_ex(object, "tasks", &tasks))
		r = put(again, "tasks", json_object_get(tasks));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(again);
	return 0;
}

/* vCPUs stand in the document as in the arrays. */
int system_plan_describe(const struct system_document *d, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *given = NULL, *copy = NULL;
	struct json_object *vms;
	size_t v = 0;
	int r = value_json(d->values.top, &given);

	if (r >= 0)
		r = object_again(given, &copy);
	if (r < 0)
		return r;
	vms = answer_member(copy, "vms");
	for (size_t i = 0; i < json_object_array_length(vms); i++) {
		struct json_object *vcpus = answer_member(json_object_array_get_idx(vms, i), "vcpus");

		for (size_t k = 0; k < json_object_array_length(vcpus); k++, v++) {
			struct json_object *again = NULL;

			r = vcpu_describe(&d->vcpus[v], json_object_array_get_idx(vcpus, k), &again);
			if (r < 0)
				return r;
			if (json_object_array_put_idx(vcpus, k, again) < 0) {
				json_object_put(again);
				return -ENOMEM;
			}
		}
	}
	r = system_memory_describe(d, vms);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(copy);
	return 0;
}
