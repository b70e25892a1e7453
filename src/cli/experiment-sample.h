/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_SAMPLE_H
#define CLI_EXPERIMENT_SAMPLE_H

#include "experiment.h"

#define SUM_TABLES_MAX 1024

/* Tables of RandFixedSum, which depend on numbers that many samples share. One for each thread. */
struct sum_tables {
	struct {
		struct vrk_fixed_sum *table;
		uint64_t n, sum, least, most;
	} slots[SUM_TABLES_MAX];
};

void sum_tables_done(struct sum_tables *tables);

/* One system of an experiment. Nothing of it is borrowed but names that live as long as the program. */
struct experiment_sample {
	struct system_document document;
	uint64_t utilisation_bw;	/* of all tasks (or reservations), each rounded down */
	bool sized;			/* every vCPU has a reservation */
	bool placed;			/* and a CPU */
	bool bare;			/* reservations without tasks: tasks[i] is what the simulator has in vcpus[i] */
	uint64_t seed;			/* for the simulator */
	struct experiment_cached *cached;	/* of each task; NULL: nothing is said of the cache */
};

/* What a task has to do with the cache. */
struct experiment_cached {
	uint64_t accesses;		/* of a job, at most */
	uint32_t working_set;		/* with so many colours none of them misses, but for a cold start: that is in the wcet */
};

void experiment_sample_done(struct experiment_sample *sample);

/*
 * Draws sample number @number of a point, and finds what its vCPUs lack. It depends on nothing but the spec, seed, point and number.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) the method draws in vain; -ENOMEM.
 */
int experiment_sample_draw(const struct experiment *experiment, size_t point, const struct experiment_draw *draw, uint64_t number,
			   struct sum_tables *tables, struct experiment_sample *ret, struct vr_error **reterr);

/*
 * @ret_bandwidth: of a yes of the tests that find one: 2^20 = one CPU, rounded up
 * Return: 0; -EBADMSG a certificate does not check; -ENOMEM.
 */
int experiment_sample_judge(const struct experiment *experiment, const struct experiment_draw *draw,
			    struct experiment_sample *sample, enum experiment_test test, bool *ret_ok, uint64_t *ret_bandwidth,
			    struct vr_error **reterr);

/* experiment-colors.c: what tasks have to do with the cache is drawn; and one of the tests that divide its colours is asked. Both: 0, -ENOMEM, ... */
int experiment_colors_draw(const struct experiment_draw *draw, struct vrk_random *random, struct experiment_sample *sample);
int experiment_colors_judge(const struct experiment_draw *draw, const struct experiment_sample *sample, enum experiment_test test,
			    bool *ret_ok, uint64_t *ret_bandwidth);

#endif
