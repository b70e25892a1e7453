/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simulate: runs a described system under the kernel's rules and prints what it saw, with the bounds of the analysis
 * beside it. An observation is no proof: that nothing was late says nothing of other phases. So it always exits 0, and
 * every number seen is labelled as simulated. No daemon is asked and nothing is changed.
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "system-judge.h"
#include "system-simulate.h"
#include "text.h"

#define FOR_DEFAULT_NS (10 * NSEC_PER_SEC)
#define FOR_MAX_NS     (86400 * NSEC_PER_SEC)

static int for_get(const struct arguments *arguments, nsec_t *ret)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *text = arguments->value[OPTION_FOR];

	*ret = FOR_DEFAULT_NS;
	if (!text)
		return CLI_DONE;
	if (time_parse("--for", text, ret, &err) < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : "out of memory");
	if (*ret == 0 || *ret > FOR_MAX_NS)
		return cli_say(CLI_USAGE, "--for %s: must be above zero and at most 86400s", text);
	return CLI_DONE;
}

/* Digits and nothing else, up to 2^64 - 1. */
static int seed_get(const struct arguments *arguments, uint64_t *ret)
{
	const char *text = arguments->value[OPTION_SEED];
	uint64_t seed = 0;

	for (const char *p = text; p && *p; p++)
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(seed, 10U, &seed) ||
		    __builtin_add_overflow(seed, (uint64_t)(*p - '0'), &seed))
			return cli_say(CLI_USAGE, "--seed %s: must be a whole number from 0 to 2^64-1", text);
	*ret = seed;
	return CLI_DONE;
}

/* ---- for people ---- */

static const char *time_or(char buf[VRK_NSEC_STRLEN], struct json_object *row, const char *key, const char *none)
{
	return answer_is_null(row, key) ? none : vrk_nsec_format(buf, answer_u64(row, key));
}

static int tasks_table(struct json_object *rows)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "TASK", TABLE_LEFT }, { "JOBS", TABLE_RIGHT },
		{ "MISSED", TABLE_RIGHT }, { "SIMULATED", TABLE_RIGHT }, { "BOUND", TABLE_RIGHT }, { "DEADLINE", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char text[VRK_NSEC_STRLEN];

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%" PRIu64, answer_u64(row, "jobs"));
		table_add(table, "%" PRIu64, answer_u64(row, "missed"));
		table_add(table, "%s", time_or(text, row, "simulated", "-"));
		table_add(table, "%s", time_or(text, row, "bound", "-"));
		table_add(table, "%s", time_or(text, row, "deadline", "-"));
	}
	return cli_print_table(table);
}

static int vcpus_table(struct json_object *rows, nsec_t for_ns)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "SUPPLIED", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "BUDGETS", TABLE_RIGHT }, { "LATE", TABLE_RIGHT }, { "FIRST AT", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char text[VRK_NSEC_STRLEN], share[TEXT_NUMBER_MAX];
		uint64_t late = answer_u64(row, "late"), rest = answer_u64(row, "late_rest");

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", vrk_nsec_format(text, answer_u64(row, "supplied")));
		table_add(table, "%s", text_percent(share, answer_u64(row, "supplied"), for_ns));
		table_add(table, "%" PRIu64, answer_u64(row, "budgets"));
		late = rest > late ? rest : late;
		table_add(table, "%s", late ? vrk_nsec_format(text, late) : "never");
		table_add(table, "%s", time_or(text, row, "late_at", "-"));
	}
	return cli_print_table(table);
}

static int answer_show(const struct system_document *d, struct json_object *answer)
{
	struct json_object *tasks = answer_member(answer, "tasks"), *vcpus = answer_member(answer, "vcpus");
	uint64_t for_ns = answer_u64(answer, "for");
	char text[VRK_NSEC_STRLEN];
	int r = CLI_DONE;

	if (cli_print("simulated: %s, %" PRIu64 " events, %s (an observation, not a proof)", vrk_nsec_format(text, for_ns),
		      answer_u64(answer, "events"), answer_is_null(answer, "seed") ? "all start at once" : "phases drawn") < 0)
		return cli_fail(-ENOMEM, NULL);
	if (d->n_tasks > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : tasks_table(tasks);
	if (r == CLI_DONE && d->n_vcpus > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : vcpus_table(vcpus, for_ns);
	return r;
}

int verb_simulate(const struct arguments *arguments)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	_cleanup_(system_run_done) struct system_run run = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	uint64_t seed;
	int r = for_get(arguments, &run.until_ns);

	if (r == CLI_DONE)
		r = seed_get(arguments, &seed);
	if (r != CLI_DONE)
		return r;
	run.seed = arguments->given[OPTION_SEED] ? &seed : NULL;
	r = system_document_read(arguments->operands[1], &document, &err);
	if (r >= 0)
		r = system_judge(&document, &result, &err);
	if (r >= 0)
		r = system_run(&document, &run, &err);
	if (r >= 0)
		r = system_run_answer(&document, &result, &run, &answer);
	if (r == -EBADMSG && err && err->reason == VR_BAD_CONFIG)
		return cli_say(CLI_USAGE, "%s", err->text);
	if (r < 0)
		return cli_fail(r, err);
	return arguments->given[OPTION_JSON] ? cli_print_json(answer) : answer_show(&document, answer);
}
