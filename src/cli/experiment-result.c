/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an experiment counted, and how that is written down and read again. Only whole numbers are counted, and ratios are made of them
 * when they are printed, so it does not matter in how many parts, by how many threads and in which order they were counted: the bytes
 * are the same.
 *
 * Called by the verb and experiment-run.c; the merge of shards by the verb and the fuzzer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "experiment-result.h"

void experiment_result_done(struct experiment_result *result)
{
	free(result->samples);
	free(result->utilisation_bw);
	free(result->tallies);
	*result = (struct experiment_result){ 0 };
}

int experiment_result_new(const struct experiment *e, uint32_t shard, uint32_t shards, struct experiment_result *ret)
{
	_cleanup_(experiment_result_done) struct experiment_result result = {
		.shard = shard, .shards = shards, .n_points = e->n_points, .n_tests = e->n_tests,
	};

	result.samples = calloc(e->n_points, sizeof(*result.samples));
	result.utilisation_bw = calloc(e->n_points, sizeof(*result.utilisation_bw));
	result.tallies = calloc(e->n_points * e->n_tests, sizeof(*result.tallies));
	if (!result.samples || !result.utilisation_bw || !result.tallies)
		return -ENOMEM;
	*ret = TAKE_GENERIC(result, struct experiment_result, (struct experiment_result){ 0 });
	return 0;
}

uint64_t experiment_shard_samples(uint64_t samples, uint32_t shard, uint32_t shards)
{
	return samples / shards + (samples % shards >= shard);
}

void experiment_result_add(struct experiment_result *sum, const struct experiment_result *part)
{
	for (size_t i = 0; i < sum->n_points; i++) {
		sum->samples[i] += part->samples[i];
		sum->utilisation_bw[i] += part->utilisation_bw[i];
	}
	for (size_t i = 0; i < sum->n_points * sum->n_tests; i++) {
		sum->tallies[i].accepted += part->tallies[i].accepted;
		sum->tallies[i].utilisation_bw += part->tallies[i].utilisation_bw;
		sum->tallies[i].bandwidth_bw += part->tallies[i].bandwidth_bw;
	}
}

void experiment_result_total(const struct experiment_result *result, size_t test, struct experiment_tally *ret,
			     uint64_t *ret_utilisation_bw)
{
	*ret = (struct experiment_tally){ 0 };
	*ret_utilisation_bw = 0;
	for (size_t i = 0; i < result->n_points; i++) {
		const struct experiment_tally *t = &result->tallies[i * result->n_tests + test];

		ret->accepted += t->accepted;
		ret->utilisation_bw += t->utilisation_bw;
		ret->bandwidth_bw += t->bandwidth_bw;
		*ret_utilisation_bw += result->utilisation_bw[i];
	}
}

char *experiment_ratio(char buf[RATIO_TEXT_MAX], uint64_t part, uint64_t whole)
{
	uint64_t millionths;

	if (whole == 0) {
		snprintf(buf, RATIO_TEXT_MAX, "-");
		return buf;
	}
	millionths = (uint64_t)(((unsigned __int128)part * 2000000 + whole) / ((unsigned __int128)whole * 2));
	snprintf(buf, RATIO_TEXT_MAX, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
	return buf;
}

char *experiment_mean(char buf[RATIO_TEXT_MAX], uint64_t sum_bw, uint64_t accepted)
{
	return experiment_ratio(buf, sum_bw, accepted << BW_SHIFT);
}

/* ---- written ---- */

/* Adds and owns @value; NULL means that there was no memory for it. */
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

static int put_count(struct json_object *object, const char *key, uint64_t value)
{
	return put(object, key, json_object_new_int64((int64_t)value));
}

/* A number by its text; "-" is null. */
static int put_number(struct json_object *object, const char *key, const char *text)
{
	if (strcmp(text, "-") == 0)
		return json_object_object_add(object, key, NULL) < 0 ? -ENOMEM : 0;
	return put(object, key, json_object_new_double_s(strtod(text, NULL), text));
}

static int put_object(struct json_object *object, const char *key, struct json_object **ret)
{
	*ret = json_object_new_object();
	return put(object, key, *ret);
}

static int tally_put(struct json_object *tests, const struct experiment_test_def *def, const struct experiment_tally *t,
		     uint64_t samples, uint64_t utilisation_bw)
{
	char text[RATIO_TEXT_MAX];
	struct json_object *one;
	int r = put_object(tests, def->name, &one);

	if (r >= 0)
		r = put_count(one, "accepted", t->accepted);
	if (r >= 0)
		r = put_number(one, "ratio", experiment_ratio(text, t->accepted, samples));
	if (r >= 0)
		r = put_count(one, "utilisation_sum", t->utilisation_bw);
	if (r >= 0)
		r = put_number(one, "weighted", experiment_ratio(text, t->utilisation_bw, utilisation_bw));
	if (r < 0 || !def->bandwidth)
		return r;
	r = put_count(one, "bandwidth_sum", t->bandwidth_bw);
	return r < 0 ? r : put_number(one, "bandwidth", experiment_mean(text, t->bandwidth_bw, t->accepted));
}

static int point_put(const struct experiment *e, const struct experiment_result *result, size_t i, struct json_object *points)
{
	struct json_object *point = json_object_new_object(), *tests;
	char value[VRK_NSEC_STRLEN];
	int r;

	if (!point)
		return -ENOMEM;
	if (json_object_array_add(points, point) < 0) {
		json_object_put(point);
		return -ENOMEM;
	}
	r = put_number(point, "value", experiment_value_number(e, i, value));
	if (r >= 0)
		r = put_count(point, "samples", result->samples[i]);
	if (r >= 0)
		r = put_count(point, "utilisation_sum", result->utilisation_bw[i]);
	if (r >= 0)
		r = put_object(point, "tests", &tests);
	for (size_t k = 0; r >= 0 && k < result->n_tests; k++)
		r = tally_put(tests, &experiment_tests[e->tests[k]], &result->tallies[i * result->n_tests + k], result->samples[i],
			      result->utilisation_bw[i]);
	return r;
}

static int shard_put(const struct experiment_result *result, struct json_object *answer)
{
	struct json_object *shard;
	int r;

	if (result->shards == 1)
		return json_object_object_add(answer, "shard", NULL) < 0 ? -ENOMEM : 0;
	r = put_object(answer, "shard", &shard);
	if (r >= 0)
		r = put_count(shard, "index", result->shard);
	return r < 0 ? r : put_count(shard, "of", result->shards);
}

static int weighted_put(const struct experiment *e, const struct experiment_result *result, struct json_object *answer)
{
	struct json_object *weighted;
	int r = put_object(answer, "weighted", &weighted);

	for (size_t k = 0; r >= 0 && k < result->n_tests; k++) {
		struct experiment_tally total;
		char text[RATIO_TEXT_MAX];
		uint64_t utilisation;

		experiment_result_total(result, k, &total, &utilisation);
		r = put_number(weighted, experiment_tests[e->tests[k]].name, experiment_ratio(text, total.utilisation_bw, utilisation));
	}
	return r;
}

static int head_put(const struct experiment *e, const struct experiment_result *result, struct json_object *answer)
{
	int r = put(answer, "experiment", json_object_new_string(e->name));

	if (r >= 0)
		r = put(answer, "version", json_object_new_string(VIRTRK_VERSION));
	if (r >= 0)
		r = put_count(answer, "seed", e->seed);
	if (r >= 0)
		r = put_count(answer, "samples", e->samples);
	if (r >= 0)
		r = shard_put(result, answer);
	return r < 0 ? r : put(answer, "parameter", json_object_new_string(experiment_parameters[e->parameter].name));
}

int experiment_result_json(const struct experiment *e, const struct experiment_result *result, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *answer = json_object_new_object();
	struct json_object *points;
	int r = answer ? head_put(e, result, answer) : -ENOMEM;

	if (r < 0)
		return r;
	points = json_object_new_array();
	r = put(answer, "points", points);
	for (size_t i = 0; r >= 0 && i < result->n_points; i++)
		r = point_put(e, result, i, points);
	if (r >= 0)
		r = weighted_put(e, result, answer);
	if (r >= 0)
		r = put(answer, "spec", json_object_get(e->json));
	if (r >= 0)
		*ret = TAKE_PTR(answer);
	return r;
}
