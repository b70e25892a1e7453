/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * experiment: draws systems at random, sweeps a parameter, and counts how many of them each test accepts. No daemon is asked and
 * nothing is changed. One seed gives the same bytes, in one run or in shards that are merged, by one thread or by many.
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "experiment-run.h"
#include "experiment-show.h"

struct wishes {
	uint64_t jobs, samples, seed;	/* given: their options */
	uint32_t shard, shards;
};

/* Digits and nothing else. *ret keeps its value without the option. */
static int number_get(const struct arguments *arguments, enum option_id option, uint64_t least, uint64_t most, uint64_t *ret)
{
	const char *text = arguments->value[option];
	uint64_t n = 0;
	bool wrong = false;

	if (!text)
		return CLI_DONE;
	for (const char *c = text; *c && !wrong; c++)
		wrong = *c < '0' || *c > '9' || __builtin_mul_overflow(n, 10U, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*c - '0'), &n);
	if (wrong || n < least || n > most)
		return cli_say(CLI_USAGE, "--%s %s: must be a whole number from %" PRIu64 " to %" PRIu64, option_defs[option].name,
			       text, least, most);
	*ret = n;
	return CLI_DONE;
}

/* "2/8": the second of eight. */
static int shard_get(const struct arguments *arguments, struct wishes *wishes)
{
	const char *text = arguments->value[OPTION_SHARD];
	unsigned int shard, shards;
	char rest;

	wishes->shard = wishes->shards = 1;
	if (!text)
		return CLI_DONE;
	if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 11 || sscanf(text, "%u/%u%c", &shard, &shards, &rest) != 2 ||
	    shard < 1 || shard > shards || shards > EXPERIMENT_SHARDS_MAX)
		return cli_say(CLI_USAGE, "--shard %s: must be like 2/8, the second of eight, at most of %d", text, EXPERIMENT_SHARDS_MAX);
	wishes->shard = shard;
	wishes->shards = shards;
	return CLI_DONE;
}

static int wishes_get(const struct arguments *arguments, struct wishes *ret)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	ret->jobs = cpus < 1 ? 1 : cpus > EXPERIMENT_JOBS_MAX ? EXPERIMENT_JOBS_MAX : (uint64_t)cpus;
	r = number_get(arguments, OPTION_JOBS, 1, EXPERIMENT_JOBS_MAX, &ret->jobs);
	if (r == CLI_DONE)
		r = number_get(arguments, OPTION_SAMPLES, 1, EXPERIMENT_SAMPLES_MAX, &ret->samples);
	if (r == CLI_DONE)
		r = number_get(arguments, OPTION_SEED, 0, INT64_MAX - 1, &ret->seed);
	return r == CLI_DONE ? shard_get(arguments, ret) : r;
}

static int arguments_check(const struct arguments *arguments)
{
	static const enum option_id drawing[] = { OPTION_JOBS, OPTION_SAMPLES, OPTION_SEED, OPTION_SHARD };
	size_t operands = arguments->n_operands - 1;

	for (size_t i = 0; arguments->given[OPTION_MERGE] && i < ARRAY_SIZE(drawing); i++)
		if (arguments->given[drawing[i]])
			return cli_say(CLI_USAGE, "--merge draws nothing: it does not go with --%s", option_defs[drawing[i]].name);
	if (operands < 1)
		return cli_say(CLI_USAGE, arguments->given[OPTION_MERGE] ? "--merge needs the files of all shards"
									 : "experiment needs a SPEC.json, - is standard input");
	if (operands > 1 && !arguments->given[OPTION_MERGE])
		return cli_say(CLI_USAGE, "experiment: one argument too many: %s (--merge takes several files)", arguments->operands[2]);
	if (arguments->given[OPTION_JSON] && arguments->given[OPTION_CSV])
		return cli_say(CLI_USAGE, "--json and --csv: only one of them");
	if (arguments->given[OPTION_FIGURE] && !experiment_can_draw())
		return cli_say(CLI_FAILED, "--figure needs gnuplot, which is not installed (Debian: gnuplot-nox)");
	return CLI_DONE;
}

/* ---- what it says ---- */

struct outcome {
	const struct experiment *e;
	const struct experiment_result *result;
};

static int csv_write(FILE *out, void *userdata)
{
	const struct outcome *outcome = userdata;

	experiment_csv(outcome->e, outcome->result, out);
	return 0;
}

static int json_write(FILE *out, void *userdata)
{
	return answer_print(userdata, out, false);
}

static int table_show(const struct experiment *e, const struct experiment_result *result)
{
	struct table_column columns[EXPERIMENT_COLUMNS_MAX];
	_cleanup_(table_freep) struct table *table = NULL;
	int r = experiment_table(e, result, columns, &table);

	if (r >= 0 && result->shards > 1)
		r = cli_print("%s, shard %" PRIu32 "/%" PRIu32 ", seed %" PRIu64, e->name, result->shard, result->shards, e->seed);
	else if (r >= 0)
		r = cli_print("%s, seed %" PRIu64, e->name, e->seed);
	return r < 0 ? cli_fail(r, NULL) : cli_print_table(table);
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

static int files_write(const struct arguments *arguments, const struct experiment *e, const struct experiment_result *result,
		       struct json_object *json)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *output = arguments->value[OPTION_OUTPUT], *figure = arguments->value[OPTION_FIGURE];
	struct outcome outcome = { e, result };
	int r = 0;

	if (output && ends_in(output, ".csv"))
		r = experiment_file(output, csv_write, &outcome, &err);
	else if (output)
		r = experiment_file(output, json_write, json, &err);
	if (r >= 0 && figure)
		r = experiment_figure(e, result, figure, &err);
	return r < 0 ? cli_fail(r, err) : CLI_DONE;
}

static int result_say(const struct arguments *arguments, const struct experiment *e, const struct experiment_result *result)
{
	_cleanup_(json_object_putp) struct json_object *json = NULL;
	int r = experiment_result_json(e, result, &json);

	if (r < 0)
		return cli_fail(r, NULL);
	r = files_write(arguments, e, result, json);	/* first: what is lost if stdout is a pipe that breaks */
	if (r != CLI_DONE)
		return r;
	if (arguments->given[OPTION_JSON])
		return cli_print_json(json);
	if (arguments->given[OPTION_CSV]) {
		experiment_csv(e, result, stdout);
		return CLI_DONE;
	}
	return table_show(e, result);
}

int verb_experiment(const struct arguments *arguments)
{
	_cleanup_(experiment_result_done) struct experiment_result result = { 0 };
	_cleanup_(experiment_done) struct experiment e = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct wishes wishes = { 0 };
	int r = arguments_check(arguments);

	if (r == CLI_DONE)
		r = wishes_get(arguments, &wishes);
	if (r != CLI_DONE)
		return r;
	if (arguments->given[OPTION_MERGE]) {
		r = experiment_merge((const char *const *)arguments->operands + 1, arguments->n_operands - 1, &e, &result, &err);
	} else {
		r = experiment_read(arguments->operands[1], &e, &err);
		if (arguments->given[OPTION_SAMPLES])
			e.samples = wishes.samples;
		if (arguments->given[OPTION_SEED])
			e.seed = wishes.seed;
		if (r >= 0 && wishes.shards > e.samples)
			return cli_say(CLI_USAGE, "--shard %s: there are only %" PRIu64 " samples", arguments->value[OPTION_SHARD], e.samples);
		if (r >= 0)
			r = experiment_run(&e, wishes.shard, wishes.shards, (unsigned int)wishes.jobs, isatty(STDERR_FILENO) == 1, &result,
					   &err);
	}
	if (r == -EBADMSG && err && err->reason == VR_BAD_CONFIG)
		return cli_say(CLI_USAGE, "%s", err->text ?: "out of memory");
	return r < 0 ? cli_fail(r, err) : result_say(arguments, &e, &result);
}
