/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results read again: shards of an experiment that ran elsewhere, and their sum. A result carries its spec, which is read as strictly as
 * one that somebody wrote; every number is held against the others, since a file may be cut, edited or of another run.
 *
 * Called by the verb and by the fuzzer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "experiment-result.h"
#include "experiment-value.h"

#define UTILISATION_MAX ((uint64_t)EXPERIMENT_VCPUS_MAX * EXPERIMENT_TASKS_MAX << BW_SHIFT)	/* of one sample: every task a CPU */

static int spec_read(struct json_object *top, struct experiment *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	const struct place place = { "spec" };
	struct json_object *spec;
	const char *text;
	size_t length;
	int r;

	if (!json_object_object_get_ex(top, "spec", &spec))
		return place_broken(&place, reterr, "missing");
	text = json_object_to_json_string_length(spec, JSON_C_TO_STRING_PLAIN, &length);
	if (!text)
		return -ENOMEM;
	r = experiment_parse(text, length, ret, &why);
	if (r < 0 && why)
		return place_broken(&place, reterr, "%s", why->text ?: "damaged");
	return r;
}

static int head_read(struct json_object *top, struct experiment *e, struct experiment_result *result, struct vr_error **reterr)
{
	static const char *const known[] = { "experiment", "version", "seed", "samples", "shard", "parameter", "points", "weighted",
					     "spec" };
	static const char *const shard_known[] = { "index", "of" };
	const struct place root = { "" };
	struct json_object *shard = NULL;
	uint64_t index = 1, of = 1;
	const char *version;
	struct place place;
	int r;

	r = strict_keys(top, &root, known, ARRAY_SIZE(known), reterr);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(known); i++)
		if (!json_object_object_get_ex(top, known[i], NULL))
			return place_broken(&root, reterr, "%s: missing", known[i]);
	if (r >= 0)
		r = strict_text(top, &root, "version", true, &version, reterr);
	if (r >= 0 && strcmp(version, VIRTRK_VERSION) != 0)
		return place_broken(&root, reterr, "version: it was made by virtrk %.20s, this is %s", version, VIRTRK_VERSION);
	if (r >= 0)
		r = value_count(top, &root, "seed", 0, INT64_MAX - 1, &e->seed, reterr);
	if (r >= 0)
		r = value_count(top, &root, "samples", 1, EXPERIMENT_SAMPLES_MAX, &e->samples, reterr);
	if (r >= 0 && json_object_object_get_ex(top, "shard", &shard) && shard) {
		r = value_object(top, &root, "shard", true, shard_known, ARRAY_SIZE(shard_known), &shard, &place, reterr);
		if (r >= 0)
			r = value_count(shard, &place, "of", 2, EXPERIMENT_SHARDS_MAX, &of, reterr);
		if (r >= 0)
			r = value_count(shard, &place, "index", 1, of, &index, reterr);
	}
	result->shard = (uint32_t)index;
	result->shards = (uint32_t)of;
	return r;
}

static int tally_read(struct json_object *tests, const struct place *place, const struct experiment_test_def *def, uint64_t samples,
		      uint64_t utilisation, struct experiment_tally *t, struct vr_error **reterr)
{
	static const char *const known[] = { "accepted", "ratio", "utilisation_sum", "weighted", "bandwidth_sum", "bandwidth" };
	struct json_object *one;
	struct place below;
	int r;

	r = value_object(tests, place, def->name, true, known, ARRAY_SIZE(known), &one, &below, reterr);
	if (r >= 0 && (!json_object_object_get_ex(one, "accepted", NULL) || !json_object_object_get_ex(one, "utilisation_sum", NULL) ||
		       def->bandwidth != json_object_object_get_ex(one, "bandwidth_sum", NULL)))
		return place_broken(&below, reterr, "not what this test counts");
	if (r >= 0)
		r = value_count(one, &below, "accepted", 0, samples, &t->accepted, reterr);
	if (r >= 0)
		r = value_count(one, &below, "utilisation_sum", 0, utilisation, &t->utilisation_bw, reterr);
	if (r >= 0)
		r = value_count(one, &below, "bandwidth_sum", 0, t->accepted * (EXPERIMENT_VCPUS_MAX << BW_SHIFT), &t->bandwidth_bw, reterr);
	return r;
}

static int point_read(struct json_object *point, const struct place *place, const struct experiment *e, size_t i,
		      struct experiment_result *result, struct vr_error **reterr)
{
	static const char *const known[] = { "value", "samples", "utilisation_sum", "tests" };
	uint64_t samples = experiment_shard_samples(e->samples, result->shard, result->shards);
	struct json_object *tests = NULL;
	const char *names[EXPERIMENT_TESTS_MAX];
	struct place below;
	int r;

	for (size_t k = 0; k < e->n_tests; k++)
		names[k] = experiment_tests[e->tests[k]].name;
	if (!json_object_is_type(point, json_type_object))
		return place_broken(place, reterr, "must be an object, not %s", json_type_to_name(json_object_get_type(point)));
	r = strict_keys(point, place, known, ARRAY_SIZE(known), reterr);
	if (r >= 0)
		r = value_count(point, place, "samples", 0, EXPERIMENT_SAMPLES_MAX, &result->samples[i], reterr);
	if (r >= 0 && result->samples[i] != samples)
		return place_broken(place, reterr, "%" PRIu64 " samples, of this shard there are %" PRIu64, result->samples[i], samples);
	if (r >= 0)
		r = value_count(point, place, "utilisation_sum", 0, samples * UTILISATION_MAX, &result->utilisation_bw[i], reterr);
	if (r >= 0)
		r = value_object(point, place, "tests", true, names, e->n_tests, &tests, &below, reterr);
	for (size_t k = 0; r >= 0 && k < e->n_tests; k++)
		r = tally_read(tests, &below, &experiment_tests[e->tests[k]], samples, result->utilisation_bw[i],
			       &result->tallies[i * result->n_tests + k], reterr);
	return r;
}

static int points_read(struct json_object *top, const struct experiment *e, struct experiment_result *result, struct vr_error **reterr)
{
	const struct place place = { "points" };
	struct json_object *points;

	if (!json_object_object_get_ex(top, "points", &points) || !json_object_is_type(points, json_type_array))
		return place_broken(&place, reterr, "must be an array");
	if (json_object_array_length(points) != e->n_points)
		return place_broken(&place, reterr, "%zu of them, the spec has %zu", json_object_array_length(points), e->n_points);
	for (size_t i = 0; i < e->n_points; i++) {
		struct place at;
		int r;

		place_index(&at, &place, i);
		r = point_read(json_object_array_get_idx(points, i), &at, e, i, result, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int experiment_result_parse(const char *text, size_t length, struct experiment *ret_experiment, struct experiment_result *ret,
			    struct vr_error **reterr)
{
	_cleanup_(experiment_result_done) struct experiment_result result = { 0 };
	_cleanup_(json_object_putp) struct json_object *top = NULL;
	_cleanup_(experiment_done) struct experiment e = { 0 };
	struct experiment_result head = { 0 };
	int r;

	r = strict_parse(text, length, RESULT_SIZE_MAX, &top, reterr);
	if (r >= 0)
		r = spec_read(top, &e, reterr);
	if (r >= 0)
		r = head_read(top, &e, &head, reterr);
	if (r >= 0)
		r = experiment_result_new(&e, head.shard, head.shards, &result);
	if (r >= 0)
		r = points_read(top, &e, &result, reterr);
	if (r < 0)
		return r;
	*ret_experiment = TAKE_GENERIC(e, struct experiment, (struct experiment){ 0 });
	*ret = TAKE_GENERIC(result, struct experiment_result, (struct experiment_result){ 0 });
	return 0;
}

/* ---- the sum ---- */

static int result_read(const char *path, struct experiment *ret_experiment, struct experiment_result *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name;
	size_t length;
	int r;

	r = strict_read(path, RESULT_SIZE_MAX, &text, &length, &name, reterr);
	if (r < 0)
		return r;
	r = experiment_result_parse(text, length, ret_experiment, ret, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	return r;
}

/* What distinguishes two experiments, or NULL. */
static const char *difference(const struct experiment *a, const struct experiment *b)
{
	const char *text_a = json_object_to_json_string_ext(a->json, JSON_C_TO_STRING_PLAIN);
	const char *text_b = json_object_to_json_string_ext(b->json, JSON_C_TO_STRING_PLAIN);

	if (!text_a || !text_b || strcmp(text_a, text_b) != 0)
		return "spec";
	if (a->seed != b->seed)
		return "seed";
	return a->samples != b->samples ? "number of samples" : NULL;
}

/* The sum so far, and which file each shard came from. */
struct merge {
	struct experiment *e;
	struct experiment_result *sum;
	const char *first;
	const char **from;		/* [shard - 1] */
	uint32_t shards;
};

static int merge_add(struct merge *merge, const char *path, const struct experiment *e, const struct experiment_result *part,
		     struct vr_error **reterr)
{
	const char *differs = difference(merge->e, e);

	if (differs)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s and %s do not belong together: another %s", merge->first, path,
				    differs);
	if (part->shards != merge->shards)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s has 1 of %" PRIu32 " shards, %s 1 of %" PRIu32, merge->first,
				    merge->shards, path, part->shards);
	if (merge->from[part->shard - 1])
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "shard %" PRIu32 "/%" PRIu32 " is there twice: %s and %s", part->shard,
				    part->shards, merge->from[part->shard - 1], path);
	merge->from[part->shard - 1] = path;
	experiment_result_add(merge->sum, part);
	return 0;
}

static int merge_begin(struct merge *merge, const char *path, struct experiment *e, const struct experiment_result *part)
{
	int r = experiment_result_new(e, 1, 1, merge->sum);

	if (r < 0)
		return r;
	merge->first = path;
	merge->shards = part->shards;
	merge->from = calloc(part->shards, sizeof(*merge->from));
	if (!merge->from)
		return -ENOMEM;
	*merge->e = TAKE_GENERIC(*e, struct experiment, (struct experiment){ 0 });
	return 0;
}

static int merge_files(struct merge *merge, const char *const *paths, size_t n, struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(experiment_result_done) struct experiment_result part = { 0 };
		_cleanup_(experiment_done) struct experiment e = { 0 };
		int r = result_read(paths[i], &e, &part, reterr);

		if (r >= 0 && i == 0)
			r = merge_begin(merge, paths[i], &e, &part);
		if (r >= 0)
			r = merge_add(merge, paths[i], i == 0 ? merge->e : &e, &part, reterr);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < merge->shards; i++)
		if (!merge->from[i])
			return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "shard %" PRIu32 "/%" PRIu32 " is missing", i + 1, merge->shards);
	return 0;
}

int experiment_merge(const char *const *paths, size_t n, struct experiment *ret_experiment, struct experiment_result *ret,
		     struct vr_error **reterr)
{
	_cleanup_(experiment_result_done) struct experiment_result sum = { 0 };
	_cleanup_(experiment_done) struct experiment e = { 0 };
	struct merge merge = { .e = &e, .sum = &sum };
	int r = merge_files(&merge, paths, n, reterr);

	free(merge.from);
	if (r < 0)
		return r;
	*ret_experiment = TAKE_GENERIC(e, struct experiment, (struct experiment){ 0 });
	*ret = TAKE_GENERIC(sum, struct experiment_result, (struct experiment_result){ 0 });
	return 0;
}
