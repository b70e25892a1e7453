/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_RESULT_H
#define CLI_EXPERIMENT_RESULT_H

#include "experiment.h"

#define RESULT_SIZE_MAX ((size_t)32 << 20)

/* What one test said at one point. */
struct experiment_tally {
	uint64_t accepted;
	uint64_t utilisation_bw;	/* of the accepted */
	uint64_t bandwidth_bw;		/* that was found for them */
};

/* All of it is sums: those of the shards are those of the whole. */
struct experiment_result {
	uint32_t shard, shards;		/* shard 1 .. shards; 1/1 is the whole */
	size_t n_points, n_tests;
	uint64_t *samples;		/* per point */
	uint64_t *utilisation_bw;	/* per point, of all samples */
	struct experiment_tally *tallies;	/* [point * n_tests + test] */
};

void experiment_result_done(struct experiment_result *result);
int experiment_result_new(const struct experiment *experiment, uint32_t shard, uint32_t shards, struct experiment_result *ret);
/* How many samples a shard has at each point: those whose number is shard - 1 modulo shards. */
uint64_t experiment_shard_samples(uint64_t samples, uint32_t shard, uint32_t shards);
void experiment_result_add(struct experiment_result *sum, const struct experiment_result *part);

/* The sums of test @test over all points. */
void experiment_result_total(const struct experiment_result *result, size_t test, struct experiment_tally *ret,
			     uint64_t *ret_utilisation_bw);

#define RATIO_TEXT_MAX 32
/* part / whole with six places, to the nearest; "-" when the whole is 0. */
char *experiment_ratio(char buf[RATIO_TEXT_MAX], uint64_t part, uint64_t whole);
/* The mean bandwidth of @accepted, as CPUs. */
char *experiment_mean(char buf[RATIO_TEXT_MAX], uint64_t sum_bw, uint64_t accepted);

int experiment_result_json(const struct experiment *experiment, const struct experiment_result *result, struct json_object **ret);

/*
 * A result that experiment_result_json() made, and the experiment in it. Believes nothing: what does not agree with itself is told.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) with the place; -ENOMEM.
 */
int experiment_result_parse(const char *text, size_t length, struct experiment *ret_experiment, struct experiment_result *ret,
			    struct vr_error **reterr);

/*
 * Adds up shards that belong together: the same experiment, none missing, none twice.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) one line that names the files; -ENOMEM.
 */
int experiment_merge(const char *const *paths, size_t n, struct experiment *ret_experiment, struct experiment_result *ret,
		     struct vr_error **reterr);

#endif
