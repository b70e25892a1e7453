/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The spec of an experiment (share/experiment.schema.json, virtrk-experiment(5)), read strictly: whatever is wrong is told with its
 * place before anything is drawn. Host and given VMs are those of a system description, and the reader of that reads them.
 *
 * The swept values are checked in experiment-point.c, one by one. Called by the verb, by the merge (a result carries its
 * spec) and by the fuzzer. Draws nothing, decides nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "experiment-point.h"
#include "experiment-value.h"
#include "suggest.h"

#define SIMULATE_MAX_NS (3600 * NSEC_PER_SEC)

const struct experiment_test_def experiment_tests[_TEST_MAX] = {
	[TEST_KERNEL] = { "kernel", "KERNEL", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_QPA] = { "qpa", "QPA", NEED_EDF_HOST | NEED_RESERVATION | NEED_ONE_CPU, false },
	[TEST_GFB] = { "gfb", "GFB", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_BAK] = { "bak", "BAK", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_BCL] = { "bcl", "BCL", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_BCL_ITER] = { "bcl-iter", "BCL-ITER", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_ADMIT] = { "admit", "ADMIT", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_HOST_FP] = { "host-fp", "HOST-FP", NEED_RESERVATION | NEED_ONE_CPU, false },
	[TEST_HOST_FP_DEFERRABLE] = { "host-fp-deferrable", "HOST-FP-DEFERRABLE", NEED_RESERVATION | NEED_ONE_CPU, false },
	[TEST_FIRST_FIT] = { "first-fit", "FIRST-FIT", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_BEST_FIT] = { "best-fit", "BEST-FIT", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_WORST_FIT] = { "worst-fit", "WORST-FIT", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_EXACT] = { "exact", "EXACT", NEED_EDF_HOST | NEED_RESERVATION, false },
	[TEST_GUEST_FP] = { "guest-fp", "GUEST-FP", NEED_TASKS | NEED_ALONE | NEED_RESERVATION, false },
	[TEST_GUEST_EDF] = { "guest-edf", "GUEST-EDF", NEED_TASKS | NEED_ALONE | NEED_RESERVATION, false },
	[TEST_LEGACY_FP] = { "legacy-fp", "LEGACY-FP", NEED_TASKS | NEED_ALONE | NEED_RESERVATION, false },
	[TEST_LEAST_FP] = { "least-fp", "LEAST-FP", NEED_TASKS | NEED_ALONE, true },
	[TEST_LEAST_EDF] = { "least-edf", "LEAST-EDF", NEED_TASKS | NEED_ALONE, true },
	[TEST_COLORS_BEST] = { "colors-best", "COLORS-BEST", NEED_TASKS | NEED_ALONE | NEED_CACHE, true },
	[TEST_COLORS_EVEN] = { "colors-even", "COLORS-EVEN", NEED_TASKS | NEED_ALONE | NEED_CACHE, true },
	[TEST_COLORS_PRIVATE] = { "colors-private", "COLORS-PRIVATE", NEED_TASKS | NEED_ALONE | NEED_CACHE, true },
	[TEST_COLORS_SHARED] = { "colors-shared", "COLORS-SHARED", NEED_TASKS | NEED_ALONE | NEED_CACHE, true },
	[TEST_SYSTEM] = { "system", "SYSTEM", NEED_RESERVATION | NEED_PLACE, false },
	[TEST_SIMULATED] = { "simulated", "SIMULATED", NEED_EDF_HOST | NEED_RESERVATION | NEED_PLACE | NEED_ALONE, false },
};

const struct experiment_parameter_def experiment_parameters[_PARAMETER_MAX] = {
	[PARAMETER_UTILISATION] = { "utilisation", "UTILISATION", KIND_DECIMAL, true },
	[PARAMETER_UTILISATION_MAX] = { "utilisation-max", "UTILISATION-MAX", KIND_DECIMAL, true },
	[PARAMETER_DEADLINE] = { "deadline", "DEADLINE", KIND_DECIMAL, true },
	[PARAMETER_PERIOD_RATIO] = { "period-ratio", "PERIOD-RATIO", KIND_DECIMAL, true },
	[PARAMETER_BUDGET] = { "budget", "BUDGET", KIND_DECIMAL, false },
	[PARAMETER_RESERVATION_PERIOD] = { "reservation-period", "RESERVATION-PERIOD", KIND_TIME, false },
	[PARAMETER_TICK] = { "tick", "TICK", KIND_TIME, false },
	[PARAMETER_SWITCH] = { "switch", "SWITCH", KIND_TIME, false },
	[PARAMETER_SECTION_LENGTH] = { "section-length", "SECTION-LENGTH", KIND_TIME, true },
	[PARAMETER_SHARING] = { "sharing", "SHARING", KIND_DECIMAL, true },
	[PARAMETER_TASKS] = { "tasks", "TASKS", KIND_COUNT, true },
	[PARAMETER_VCPUS] = { "vcpus", "VCPUS", KIND_COUNT, true },
	[PARAMETER_CPUS] = { "cpus", "CPUS", KIND_COUNT, false },
	[PARAMETER_COLORS] = { "colors", "COLORS", KIND_COUNT, true },
};

void experiment_done(struct experiment *experiment)
{
	system_document_done(&experiment->base);
	json_object_put(experiment->json);
	experiment->json = NULL;
}

/* ---- host and given VMs ---- */

/* A member of the spec in a new document of its own. */
static int document_add(struct json_object *document, const char *key, struct json_object *spec)
{
	struct json_object *value;

	if (!json_object_object_get_ex(spec, key, &value))
		return 0;
	if (json_object_object_add(document, key, json_object_get(value)) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int base_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const given[] = { "resources", "irqs" };
	_cleanup_(json_object_putp) struct json_object *document = json_object_new_object();
	struct json_object *none = NULL;
	const char *text;
	size_t length;
	int r;

	e->fixed = json_object_object_get_ex(e->json, "vms", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(given) && !e->fixed; i++)
		if (json_object_object_get_ex(e->json, given[i], NULL))
			return place_broken(&(struct place){ "" }, reterr, "%s: only of given vms", given[i]);
	if (!document)
		return -ENOMEM;
	r = document_add(document, "host", e->json);
	if (r >= 0 && e->fixed)
		r = document_add(document, "vms", e->json);
	if (r >= 0 && e->fixed)
		r = document_add(document, "resources", e->json);
	if (r >= 0 && e->fixed)
		r = document_add(document, "irqs", e->json);
	if (r >= 0 && !e->fixed) {
		none = json_object_new_array();
		if (!none || json_object_object_add(document, "vms", none) < 0) {
			json_object_put(none);
			r = -ENOMEM;
		}
	}
	text = r < 0 ? NULL : json_object_to_json_string_length(document, JSON_C_TO_STRING_PLAIN, &length);
	if (!text)
		return -ENOMEM;
	r = system_document_parse(text, length, &e->base, reterr);
	e->draw.host = e->base.system.host;
	return r;
}

/* ---- what is drawn ---- */

static int period_read(struct experiment *e, struct json_object *generate, const struct place *place, struct vr_error **reterr)
{
	static const char *const known[] = { "from", "to", "grain", "distribution" };
	static const char *const distributions[] = { "log-uniform", "uniform" };
	struct experiment_draw *draw = &e->draw;
	struct json_object *period;
	struct place below;
	size_t distribution = 0;
	int r;

	if (!json_object_object_get_ex(generate, "period", &period) || !json_object_is_type(period, json_type_object))
		return value_list(KIND_TIME, generate, place, "period", EXPERIMENT_LIST_MAX, draw->periods_ns, &draw->n_periods,
				  reterr);
	r = value_object(generate, place, "period", true, known, ARRAY_SIZE(known), &period, &below, reterr);
	if (r >= 0)
		r = value_time(period, &below, "from", true, &draw->period_least_ns, reterr);
	if (r >= 0)
		r = value_time(period, &below, "to", true, &draw->period_most_ns, reterr);
	draw->grain_ns = NSEC_PER_USEC;
	if (r >= 0)
		r = value_time(period, &below, "grain", false, &draw->grain_ns, reterr);
	if (r >= 0)
		r = value_word(period, &below, "distribution", distributions, ARRAY_SIZE(distributions), &distribution, reterr);
	draw->period_uniform = distribution == 1;
	return r;
}

static int shares_read(struct experiment *e, struct json_object *generate, const struct place *place, struct vr_error **reterr)
{
	struct experiment_draw *draw = &e->draw;
	int r;

	r = value_range(KIND_COUNT, generate, place, "tasks", &draw->tasks_least, &draw->tasks_most, reterr);
	if (r >= 0)
		r = value_decimal(generate, place, "utilisation_min", false, PPB_ONE, &draw->utilisation_min_ppb, reterr);
	if (r >= 0)
		r = value_decimal(generate, place, "utilisation_max", false, PPB_ONE, &draw->utilisation_max_ppb, reterr);
	return r < 0 ? r : period_read(e, generate, place, reterr);
}

static int sections_read(struct experiment *e, struct json_object *generate, const struct place *place, struct vr_error **reterr)
{
	static const char *const known[] = { "resources", "count", "length", "sharing", "queue", "latency" };
	static const char *const queues[] = { "fifo", "priority" };
	struct experiment_draw *draw = &e->draw;
	struct json_object *sections;
	struct place below;
	size_t queue = 0;
	int r;

	r = value_object(generate, place, "sections", false, known, ARRAY_SIZE(known), &sections, &below, reterr);
	if (r < 0 || !sections)
		return r;
	draw->resources = draw->sections_least = draw->sections_most = 1;
	draw->sharing_ppb = PPB_ONE;
	r = value_count(sections, &below, "resources", 1, EXPERIMENT_LIST_MAX, &draw->resources, reterr);
	if (r >= 0)
		r = value_range(KIND_COUNT, sections, &below, "count", &draw->sections_least, &draw->sections_most, reterr);
	if (r >= 0)
		r = value_range(KIND_TIME, sections, &below, "length", &draw->section_least_ns, &draw->section_most_ns, reterr);
	if (r >= 0)
		r = value_decimal(sections, &below, "sharing", false, PPB_ONE, &draw->sharing_ppb, reterr);
	if (r >= 0)
		r = value_word(sections, &below, "queue", queues, ARRAY_SIZE(queues), &queue, reterr);
	draw->queue_priority = queue == 1;
	return r < 0 ? r : value_time(sections, &below, "latency", false, &draw->queue_latency_ns, reterr);
}

static int cache_read(struct experiment *e, struct json_object *generate, const struct place *place, struct vr_error **reterr)
{
	static const char *const known[] = { "colors", "working_set", "slowdown", "miss", "reload" };
	struct experiment_draw *draw = &e->draw;
	struct json_object *cache;
	struct place below;
	int r;

	r = value_object(generate, place, "cache", false, known, ARRAY_SIZE(known), &cache, &below, reterr);
	if (r < 0 || !cache)
		return r;
	draw->colors = draw->working_set_least = draw->working_set_most = 1;
	draw->miss_ns = 100;
	r = value_count(cache, &below, "colors", 1, EXPERIMENT_COLORS_MAX, &draw->colors, reterr);
	if (r >= 0)
		r = value_range(KIND_COUNT, cache, &below, "working_set", &draw->working_set_least, &draw->working_set_most, reterr);
	if (r >= 0)
		r = value_range(KIND_DECIMAL, cache, &below, "slowdown", &draw->slowdown_least_ppb, &draw->slowdown_most_ppb, reterr);
	if (r >= 0)
		r = value_time(cache, &below, "miss", false, &draw->miss_ns, reterr);
	return r < 0 ? r : value_time(cache, &below, "reload", false, &draw->color_reload_ns, reterr);
}

static int generate_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const known[] = { "method", "vcpus", "tasks", "utilisation", "utilisation_min", "utilisation_max",
					     "period", "deadline", "sections", "cache" };
	static const char *const waters_known[] = { "method", "vcpus", "utilisation", "deadline", "sections", "cache" };
	static const char *const methods[] = { "uunifast", "uunifast-discard", "randfixedsum", "waters2015" };
	struct experiment_draw *draw = &e->draw;
	const struct place root = { "" };
	struct json_object *generate;
	size_t method = METHOD_RANDFIXEDSUM;
	struct place place;
	int r;

	if (e->fixed) {
		place_key(&place, &root, "generate");
		return json_object_object_get_ex(e->json, "generate", NULL)
			       ? place_broken(&place, reterr, "either this or vms, not both")
			       : 0;
	}
	draw->tasks_least = draw->tasks_most = draw->utilisation_max_ppb = PPB_ONE;	/* tasks: to be told */
	draw->deadline_least_ppb = draw->deadline_most_ppb = PPB_ONE;
	r = value_object(e->json, &root, "generate", true, known, ARRAY_SIZE(known), &generate, &place, reterr);
	if (r >= 0)
		r = value_word(generate, &place, "method", methods, ARRAY_SIZE(methods), &method, reterr);
	draw->method = (enum experiment_method)method;
	if (r >= 0 && draw->method == METHOD_WATERS2015)
		r = strict_keys(generate, &place, waters_known, ARRAY_SIZE(waters_known), reterr);
	if (r >= 0)
		r = value_count(generate, &place, "vcpus", 1, EXPERIMENT_VCPUS_MAX, &draw->vcpus, reterr);
	if (r >= 0 && json_object_object_get_ex(generate, "utilisation", NULL))	/* else it is swept */
		r = value_list(KIND_DECIMAL, generate, &place, "utilisation", EXPERIMENT_LIST_MAX, draw->utilisation_ppb,
			       &draw->n_utilisations, reterr);
	if (r >= 0)
		r = value_range(KIND_DECIMAL, generate, &place, "deadline", &draw->deadline_least_ppb, &draw->deadline_most_ppb,
				reterr);
	if (r >= 0 && draw->method != METHOD_WATERS2015)
		r = shares_read(e, generate, &place, reterr);
	if (r >= 0)
		r = sections_read(e, generate, &place, reterr);
	if (r >= 0)
		r = cache_read(e, generate, &place, reterr);
	return r;
}

static int reservation_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const known[] = { "period", "deadline", "budget" };
	struct experiment_draw *draw = &e->draw;
	const struct place root = { "" };
	struct json_object *reservation, *budget;
	struct place place;
	int r;

	draw->reservation_deadline_ppb = PPB_ONE;
	r = value_object(e->json, &root, "reservation", false, known, ARRAY_SIZE(known), &reservation, &place, reterr);
	if (r < 0 || !reservation)
		return r;
	r = value_time(reservation, &place, "period", true, &draw->reservation_period_ns, reterr);
	if (r >= 0)
		r = value_decimal(reservation, &place, "deadline", false, PPB_ONE, &draw->reservation_deadline_ppb, reterr);
	if (r < 0)
		return r;
	if (json_object_object_get_ex(reservation, "budget", &budget) && json_object_is_type(budget, json_type_string) &&
	    strcmp(json_object_get_string(budget), "least") == 0)
		return 0;
	return value_decimal(reservation, &place, "budget", false, 100 * PPB_ONE, &draw->budget_ppb, reterr);
}

static int guest_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const known[] = { "scheduler", "supply_mode" };
	static const char *const schedulers[] = { "fp", "edf" };
	static const char *const modes[] = { "sleeping", "idling" };
	const struct place root = { "" };
	struct json_object *guest;
	size_t scheduler = 0, mode = 0;
	struct place place;
	int r;

	r = value_object(e->json, &root, "guest", false, known, ARRAY_SIZE(known), &guest, &place, reterr);
	if (r < 0 || !guest)
		return r;
	if (e->fixed || e->draw.vcpus == 0)
		return place_broken(&place, reterr, e->fixed ? "the vms say what their scheduler is"
							      : "reservations without tasks inside have none (generate.vcpus is missing)");
	r = value_word(guest, &place, "scheduler", schedulers, ARRAY_SIZE(schedulers), &scheduler, reterr);
	if (r >= 0)
		r = value_word(guest, &place, "supply_mode", modes, ARRAY_SIZE(modes), &mode, reterr);
	e->guest.scheduler = scheduler == 0 ? VRK_GUEST_FP : VRK_GUEST_EDF;
	e->guest.mode = mode == 0 ? VRK_SUPPLY_SLEEPING : VRK_SUPPLY_IDLING;
	return r;
}

/* ---- the sweep, the tests, the rest ---- */

static int sweep_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const known[] = { "parameter", "values" };
	const char *names[_PARAMETER_MAX], *text;
	const struct place root = { "" };
	size_t parameter = _PARAMETER_MAX;
	struct json_object *sweep;
	struct place place;
	int r;

	for (size_t i = 0; i < _PARAMETER_MAX; i++)
		names[i] = experiment_parameters[i].name;
	r = value_object(e->json, &root, "sweep", true, known, ARRAY_SIZE(known), &sweep, &place, reterr);
	if (r >= 0)
		r = strict_text(sweep, &place, "parameter", true, &text, reterr);
	if (r >= 0)
		r = value_word(sweep, &place, "parameter", names, _PARAMETER_MAX, &parameter, reterr);
	if (r < 0)
		return r;
	e->parameter = (enum experiment_parameter)parameter;
	if (e->fixed && experiment_parameters[parameter].drawn)
		return place_broken(&place, reterr, "%s is of systems that are drawn, not of vms", names[parameter]);
	return value_list(experiment_parameters[parameter].kind, sweep, &place, "values", EXPERIMENT_POINTS_MAX, e->values,
			  &e->n_points, reterr);
}

static int test_read(struct experiment *e, struct json_object *value, const struct place *place, struct vr_error **reterr)
{
	const char *names[_TEST_MAX], *text = json_object_get_string(value), *near;
	size_t test = 0;

	if (!json_object_is_type(value, json_type_string))
		return place_broken(place, reterr, "must be a string, not %s", json_type_to_name(json_object_get_type(value)));
	for (size_t i = 0; i < _TEST_MAX; i++)
		names[i] = experiment_tests[i].name;
	while (test < _TEST_MAX && strcmp(text, names[test]) != 0)
		test++;
	if (test == _TEST_MAX) {
		near = suggest(text, names, _TEST_MAX);
		return place_broken(place, reterr, "unknown test \"%.40s\"%s%s%s", text, near ? ", did you mean " : "", near ?: "",
				    near ? "?" : "");
	}
	for (size_t i = 0; i < e->n_tests; i++)
		if (e->tests[i] == (enum experiment_test)test)
			return place_broken(place, reterr, "\"%s\" is asked for twice", text);
	e->tests[e->n_tests++] = (enum experiment_test)test;
	return 0;
}

static int tests_read(struct experiment *e, struct vr_error **reterr)
{
	const struct place place = { "tests" };
	struct json_object *array;

	if (!json_object_object_get_ex(e->json, "tests", &array))
		return place_broken(&place, reterr, "missing");
	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
		return place_broken(&place, reterr, "must be an array of names, and not empty");
	if (json_object_array_length(array) > EXPERIMENT_TESTS_MAX)
		return place_broken(&place, reterr, "more than %d", EXPERIMENT_TESTS_MAX);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct place at;
		int r;

		place_index(&at, &place, i);
		r = test_read(e, json_object_array_get_idx(array, i), &at, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int simulate_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const known[] = { "for", "phases" };
	static const char *const phases[] = { "together", "drawn" };
	const struct place root = { "" };
	struct json_object *simulate;
	size_t phase = 0;
	struct place place;
	int r;

	e->simulate_ns = NSEC_PER_SEC;
	r = value_object(e->json, &root, "simulate", false, known, ARRAY_SIZE(known), &simulate, &place, reterr);
	if (r < 0 || !simulate)
		return r;
	r = value_time(simulate, &place, "for", false, &e->simulate_ns, reterr);
	if (r >= 0)
		r = value_word(simulate, &place, "phases", phases, ARRAY_SIZE(phases), &phase, reterr);
	e->simulate_drawn = phase == 1;
	if (r >= 0 && (e->simulate_ns == 0 || e->simulate_ns > SIMULATE_MAX_NS))
		return place_broken(&place, reterr, "\"for\" must be above zero and at most 3600s");
	return r;
}

static int rest_read(struct experiment *e, struct vr_error **reterr)
{
	static const char *const placements[] = { "first-fit", "best-fit", "worst-fit", "global" };
	const struct place root = { "" };
	size_t placement = PLACEMENT_FIRST_FIT;
	int r;

	e->samples = e->fixed ? 1 : 1000;
	e->seed = 1;
	r = strict_text(e->json, &root, "name", true, &e->name, reterr);
	if (r >= 0)
		r = strict_text(e->json, &root, "source", false, &e->source, reterr);
	if (r >= 0)
		r = value_word(e->json, &root, "placement", placements, ARRAY_SIZE(placements), &placement, reterr);
	e->placement = (enum experiment_placement)placement;
	if (r >= 0)
		r = value_count(e->json, &root, "samples", 1, EXPERIMENT_SAMPLES_MAX, &e->samples, reterr);
	if (r >= 0)
		r = value_count(e->json, &root, "seed", 0, INT64_MAX - 1, &e->seed, reterr);
	return r < 0 ? r : value_flag(e->json, &root, "same_sets", &e->same_sets, reterr);
}

int experiment_parse(const char *text, size_t length, struct experiment *ret, struct vr_error **reterr)
{
	static const char *const known[] = { "name", "source", "host", "generate", "vms", "guest", "reservation", "sweep", "tests",
					     "placement", "simulate", "samples", "seed", "same_sets", "resources", "irqs" };
	_cleanup_(experiment_done) struct experiment e = { 0 };
	const struct place root = { "" };
	int r;

	r = strict_parse(text, length, EXPERIMENT_SIZE_MAX, &e.json, reterr);
	if (r >= 0)
		r = strict_keys(e.json, &root, known, ARRAY_SIZE(known), reterr);
	if (r >= 0)
		r = base_read(&e, reterr);
	if (r >= 0)
		r = generate_read(&e, reterr);
	if (r >= 0)
		r = reservation_read(&e, reterr);
	if (r >= 0)
		r = guest_read(&e, reterr);
	if (r >= 0)
		r = sweep_read(&e, reterr);
	if (r >= 0)
		r = tests_read(&e, reterr);
	if (r >= 0)
		r = simulate_read(&e, reterr);
	if (r >= 0)
		r = rest_read(&e, reterr);
	if (r >= 0)
		r = experiment_points_check(&e, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(e, struct experiment, (struct experiment){ 0 });
	return 0;
}

int experiment_read(const char *path, struct experiment *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name;
	size_t length;
	int r;

	r = strict_read(path, EXPERIMENT_SIZE_MAX, &text, &length, &name, reterr);
	if (r < 0)
		return r;
	r = experiment_parse(text, length, ret, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	return r;
}
