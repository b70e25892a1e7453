/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An experiment: systems are drawn at random (or one is given), one parameter is swept, and several tests are asked about each
 * of them. What is counted are whole numbers only, so that shards add up to the very same bytes.
 */
#ifndef CLI_EXPERIMENT_H
#define CLI_EXPERIMENT_H

#include <json-c/json.h>

#include <virtrk/generate.h>
#include <virtrk/system.h>

#include "error.h"
#include "system-document.h"

#define EXPERIMENT_SIZE_MAX    ((size_t)1 << 20)	/* of a spec; a result has at most RESULT_SIZE_MAX */
#define EXPERIMENT_POINTS_MAX  1000
#define EXPERIMENT_SAMPLES_MAX 1000000	/* a sum of utilisations of 4096 CPUs (2^20 each) then stays below 2^53 */
#define EXPERIMENT_SHARDS_MAX  10000
#define EXPERIMENT_VCPUS_MAX   256
#define EXPERIMENT_TASKS_MAX   256	/* in one vCPU, or of reservations */
#define EXPERIMENT_LIST_MAX    64
#define EXPERIMENT_SECTIONS_MAX 16	/* of one task */
#define EXPERIMENT_COLORS_MAX  64
#define EXPERIMENT_TESTS_MAX   12	/* columns of a table */
#define PPB_ONE 1000000000ULL		/* decimals of a spec: units of 10^-9 */

enum experiment_method { METHOD_UUNIFAST, METHOD_UUNIFAST_DISCARD, METHOD_RANDFIXEDSUM, METHOD_WATERS2015 };
enum experiment_placement { PLACEMENT_FIRST_FIT, PLACEMENT_BEST_FIT, PLACEMENT_WORST_FIT, PLACEMENT_GLOBAL };

enum experiment_test {
	TEST_KERNEL,
	TEST_QPA,
	TEST_GFB,
	TEST_BAK,
	TEST_BCL,
	TEST_BCL_ITER,
	TEST_ADMIT,
	TEST_HOST_FP,
	TEST_HOST_FP_DEFERRABLE,
	TEST_FIRST_FIT,
	TEST_BEST_FIT,
	TEST_WORST_FIT,
	TEST_EXACT,
	TEST_GUEST_FP,
	TEST_GUEST_EDF,
	TEST_LEGACY_FP,
	TEST_LEAST_FP,
	TEST_LEAST_EDF,
	TEST_COLORS_BEST,
	TEST_COLORS_EVEN,
	TEST_COLORS_PRIVATE,
	TEST_COLORS_SHARED,
	TEST_SYSTEM,
	TEST_SIMULATED,
	_TEST_MAX,
};

/* What a test needs to be asked. */
enum experiment_need {
	NEED_TASKS = 1 << 0,		/* vCPUs with tasks inside */
	NEED_ONE_CPU = 1 << 1,
	NEED_EDF_HOST = 1 << 2,
	NEED_RESERVATION = 1 << 3,	/* vCPUs with budget and period; the others find one */
	NEED_PLACE = 1 << 4,		/* and a CPU */
	NEED_ALONE = 1 << 5,		/* tasks that share nothing: it knows of no critical sections */
	NEED_CACHE = 1 << 6,		/* what tasks gain by colours; the others know nothing of it */
};

struct experiment_test_def {
	const char *name, *head;	/* head: of a table's column */
	unsigned int need;
	bool bandwidth;			/* a yes comes with a bandwidth */
};

extern const struct experiment_test_def experiment_tests[_TEST_MAX];

enum experiment_parameter {
	PARAMETER_UTILISATION,
	PARAMETER_UTILISATION_MAX,
	PARAMETER_DEADLINE,
	PARAMETER_PERIOD_RATIO,
	PARAMETER_BUDGET,
	PARAMETER_RESERVATION_PERIOD,
	PARAMETER_TICK,
	PARAMETER_SWITCH,
	PARAMETER_SECTION_LENGTH,
	PARAMETER_SHARING,
	PARAMETER_TASKS,
	PARAMETER_VCPUS,
	PARAMETER_CPUS,
	PARAMETER_COLORS,
	_PARAMETER_MAX,
};

enum experiment_kind { KIND_DECIMAL, KIND_TIME, KIND_COUNT };

struct experiment_parameter_def {
	const char *name, *head;
	enum experiment_kind kind;
	bool drawn;			/* of what is drawn; the others also of a system that is given */
};

extern const struct experiment_parameter_def experiment_parameters[_PARAMETER_MAX];

/* How a system is made: what a point of the sweep changes. */
struct experiment_draw {
	enum experiment_method method;
	uint64_t vcpus;				/* 0: reservations without tasks inside */
	uint64_t tasks_least, tasks_most;	/* per vCPU; or of reservations */
	uint64_t utilisation_ppb[EXPERIMENT_LIST_MAX];
	size_t n_utilisations;			/* sample s has the (s mod n)-th */
	uint64_t utilisation_min_ppb, utilisation_max_ppb;
	nsec_t period_least_ns, period_most_ns, grain_ns;
	bool period_uniform;
	nsec_t periods_ns[EXPERIMENT_LIST_MAX];	/* or one of these */
	size_t n_periods;
	uint64_t deadline_least_ppb, deadline_most_ppb;		/* of the period */
	uint64_t resources;			/* that tasks share; 0: they share nothing */
	uint64_t sections_least, sections_most;	/* per job of a task that shares */
	nsec_t section_least_ns, section_most_ns;
	uint64_t sharing_ppb;			/* the part of tasks that share */
	bool queue_priority;
	nsec_t queue_latency_ns;
	uint64_t colors;			/* of the cache; 0: nothing is said of it */
	uint64_t working_set_least, working_set_most;	/* of a task, in colours */
	uint64_t slowdown_least_ppb, slowdown_most_ppb;	/* by how much it is longer if each access misses: times its wcet */
	nsec_t miss_ns, color_reload_ns;
	nsec_t reservation_period_ns;
	uint64_t reservation_deadline_ppb;	/* of its period */
	uint64_t budget_ppb;			/* times the tasks' utilisation; 0 = the least that is enough */
	struct vrk_host host;
};

struct experiment {
	struct json_object *json;
	const char *name, *source;		/* borrowed from json */
	struct system_document base;		/* the host; with "vms" the whole system */
	bool fixed;				/* "vms": nothing is drawn */
	struct vrk_guest guest;			/* scheduler and mode of what is drawn */
	struct experiment_draw draw;
	enum experiment_parameter parameter;
	uint64_t values[EXPERIMENT_POINTS_MAX];	/* ppb, ns or a count, by the parameter's kind */
	size_t n_points;
	enum experiment_test tests[EXPERIMENT_TESTS_MAX];
	size_t n_tests;
	enum experiment_placement placement;
	nsec_t simulate_ns;
	bool simulate_drawn;			/* phases are drawn, too */
	bool same_sets;				/* every point sees the same sets */
	uint64_t samples, seed;
};

void experiment_done(struct experiment *experiment);

/*
 * The parser of a spec. @text need not end in a zero byte.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) with the place and the rule it breaks, one line; -ENOMEM.
 */
int experiment_parse(const char *text, size_t length, struct experiment *ret, struct vr_error **reterr);
int experiment_read(const char *path, struct experiment *ret, struct vr_error **reterr);

/* The system of a point: its draw with the swept parameter in it. */
void experiment_point(const struct experiment *experiment, size_t point, struct experiment_draw *ret);

/* "0.5", "10ms", "4" */
char *experiment_value_text(const struct experiment *experiment, size_t point, char buf[VRK_NSEC_STRLEN]);
/* The same as a number for programs: times in ns. */
char *experiment_value_number(const struct experiment *experiment, size_t point, char buf[VRK_NSEC_STRLEN]);

#endif
