/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * analyze: does a described system meet its deadlines, from the CPUs to the tasks? No daemon is asked and nothing is
 * changed; libvirtrk-analysis answers. With --batch one description per line in, one verdict per line out, in order: how
 * sweeps run; a bad line gets a line with its error, and the rest goes on.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "explain.h"
#include "shared-show.h"
#include "system-estimate.h"
#include "system-answer.h"
#include "system-explain.h"
#include "system-judge.h"
#include "system-memory.h"
#include "system-proof.h"
#include "text.h"

#define EXPLAIN_COLUMNS 100

/* ---- for people ---- */

static int tasks_table(struct json_object *tasks)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "TASK", TABLE_LEFT }, { "RESPONSE", TABLE_RIGHT },
		{ "DEADLINE", TABLE_RIGHT }, { "SLACK", TABLE_RIGHT }, { "OK", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(tasks); i++) {
		struct json_object *row = json_object_array_get_idx(tasks, i);
		bool bounded = !answer_is_null(row, "response");
		uint64_t response = bounded ? answer_u64(row, "response") : 0, deadline = answer_u64(row, "deadline");
		char text[VRK_NSEC_STRLEN];

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%s", bounded ? vrk_nsec_format(text, response) : "-");
		table_add(table, "%s", vrk_nsec_format(text, deadline));
		table_add(table, "%s", bounded && response <= deadline ? vrk_nsec_format(text, deadline - response) : "-");
		table_add(table, "%s", answer_bool(row, "ok") ? "yes" : "no");
	}
	return cli_print_table(table);
}

static int cpus_lines(struct json_object *cpus)
{
	for (size_t i = 0; i < json_object_array_length(cpus); i++) {
		struct json_object *row = json_object_array_get_idx(cpus, i);
		const char *ok = answer_bool(row, "ok") ? "yes" : "no";
		int r;

		if (answer_is_null(row, "cpu"))
			r = cli_print("all CPUs, one queue: %s (%s)", ok, answer_text(row, "test"));
		else
			r = cli_print("CPU %" PRIu64 ": %s (%s)", answer_u64(row, "cpu"), ok, answer_text(row, "test"));
		if (r < 0)
			return cli_fail(r, NULL);
	}
	return CLI_DONE;
}

/* In @columns; 0 = in one line, for those who look for it. */
static int sentence_print(size_t columns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int sentence_print(size_t columns, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (!text)
		return -ENOMEM;
	return columns ? explain_sentence(text, columns) : cli_print("%s", text);
}

/* How far each vCPU is from the edge, where that is known of any. */
static int slack_table(struct json_object *vcpus, size_t columns_max)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "BUDGET", TABLE_RIGHT }, { "LEAST", TABLE_RIGHT },
		{ "LARGEST", TABLE_RIGHT }, { "PERIOD", TABLE_RIGHT }, { "WCETS", TABLE_RIGHT }, { "FIRST", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(vcpus); i++) {
		struct json_object *row = json_object_array_get_idx(vcpus, i);
		uint64_t permille = answer_is_null(row, "wcet_permille") ? 0 : answer_u64(row, "wcet_permille");
		char text[VRK_NSEC_STRLEN];

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", vrk_nsec_format(text, answer_u64(row, "budget")));
		table_add(table, "%s", answer_is_null(row, "least_budget") ? "-" : vrk_nsec_format(text, answer_u64(row, "least_budget")));
		table_add(table, "%s", answer_is_null(row, "largest_budget") ? "-" : vrk_nsec_format(text, answer_u64(row, "largest_budget")));
		table_add(table, "%s", vrk_nsec_format(text, answer_u64(row, "period")));
		if (answer_is_null(row, "wcet_permille"))
			table_add(table, "-");
		else
			table_add(table, "x%" PRIu64 ".%03" PRIu64, permille / 1000, permille % 1000);
		table_add(table, "%s", answer_is_null(row, "first") ? "-" : answer_text(row, "first"));
	}
	r = cli_print_table(table);
	for (size_t i = 0; r == CLI_DONE && i < json_object_array_length(vcpus); i++) {
		struct json_object *row = json_object_array_get_idx(vcpus, i);

		if (!answer_is_null(row, "not_asked") && sentence_print(columns_max, "%s/vcpu%" PRIu64 " -: %s", answer_text(row, "vm"),
									answer_u64(row, "vcpu"), answer_text(row, "not_asked")) < 0)
			r = cli_fail(-ENOMEM, NULL);
	}
	return r;
}

static int answer_show(struct json_object *answer, size_t columns)
{
	struct json_object *refusal = answer_member(answer, "refusal"), *tasks = answer_member(answer, "tasks");
	struct json_object *vcpus = answer_member(answer, "vcpus");
	int r;

	if (cli_print("schedulable: %s", answer_bool(answer, "schedulable") ? "yes" : "no") < 0)
		return cli_fail(-ENOMEM, NULL);
	r = cpus_lines(answer_member(answer, "cpus"));
	if (r == CLI_DONE && refusal &&
	    (sentence_print(columns, "why: %s", answer_text(refusal, "reason")) < 0 ||
	     sentence_print(columns, "repair: %s", answer_text(refusal, "repair")) < 0))
		return cli_fail(-ENOMEM, NULL);
	if (r == CLI_DONE && json_object_array_length(tasks) > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : tasks_table(tasks);
	if (r == CLI_DONE)
		r = shared_show(answer);
	if (r == CLI_DONE && json_object_array_length(vcpus) > 0)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : slack_table(vcpus, columns);
	return r == CLI_DONE ? estimates_show(answer) : r;
}

/* What an answer has beside the verdict. */
struct wanted {
	bool certificates;
	bool slack;
	bool estimates;
	bool explain;		/* with certificates and slack */
};

static int answer_whole(const struct system_document *d, const struct vrk_system_result *result, const struct wanted *wanted,
			struct json_object **ret, struct vr_error **reterr)
{
	_cleanup_(freep) struct vcpu_slack *slacks = calloc(d->n_vcpus + 1, sizeof(*slacks));
	_cleanup_(json_object_putp) struct json_object *answer = NULL, *parts = NULL;
	_cleanup_(system_proof_done) struct system_proof proof = { 0 };
	int r = slacks ? 0 : -ENOMEM;

	if (r >= 0 && wanted->certificates)
		r = system_prove(d, result, &proof, reterr);
	for (size_t v = 0; r >= 0 && wanted->slack && v < d->n_vcpus; v++)
		r = system_slack_find(d, result, v, &slacks[v]);
	if (r >= 0)
		r = system_answer_make(d, result, &answer);
	if (r >= 0)
		r = system_proof_add(d, result, wanted->certificates ? &proof : NULL, wanted->slack ? slacks : NULL, answer);
	if (r >= 0 && wanted->certificates)
		r = system_memory_certify(d, answer);
	if (r >= 0 && wanted->estimates)
		r = system_estimates_add(d, result, answer);
	if (r >= 0 && wanted->explain)
		r = system_explain_make(d, result, slacks, &parts);
	if (r >= 0 && wanted->explain) {
		r = json_object_object_add(answer, "explain", parts) < 0 ? -ENOMEM : 0;
		parts = r < 0 ? parts : NULL;
	}
	if (r >= 0)
		*ret = TAKE_PTR(answer);
	return r;
}

static size_t explain_columns(void)
{
	size_t columns = cli_columns();

	return columns == 0 || columns > EXPLAIN_COLUMNS ? EXPLAIN_COLUMNS : columns;
}

static int explain_show(struct json_object *answer)
{
	return explain_print(answer_member(answer, "explain"), explain_columns()) < 0 ? cli_fail(-ENOMEM, NULL) : CLI_DONE;
}

static int analyze_one(const char *path, bool json, bool explain)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const struct wanted wanted = { .certificates = true, .slack = true, .estimates = true, .explain = explain };
	int r;

	r = system_document_read(path, &document, &err);
	if (r >= 0)
		r = system_judge(&document, &result, &err);
	if (r >= 0)
		r = answer_whole(&document, &result, &wanted, &answer, &err);
	if (r == -EBADMSG && err && err->reason == VR_BAD_CONFIG)
		return cli_say(CLI_USAGE, "%s", err->text);
	if (r < 0)
		return cli_fail(r, err);
	r = json ? cli_print_json(answer) : answer_show(answer, explain ? explain_columns() : 0);
	if (r == CLI_DONE && !json)
		r = memory_show(&document);
	if (r == CLI_DONE && explain && !json)
		r = explain_show(answer);
	return r != CLI_DONE ? r : result.ok ? CLI_DONE : CLI_REFUSED;
}

/* ---- batch ---- */

#define BATCH_BUFFER (1 << 16)	/* bytes: a line in and a line out are about 2000 each */

/* What is built as a tree, and takes its time anyway. */
static int line_whole(const struct system_document *d, const struct vrk_system_result *result, const struct wanted *wanted,
		      struct json_line *line, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *answer = NULL;
	const char *text;
	int r = answer_whole(d, result, wanted, &answer, reterr);

	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return -ENOMEM;
	json_line_whole(line, text);
	return line->failed ? -ENOMEM : 0;
}

static int line_analyze(const char *text, size_t length, const struct wanted *wanted, struct json_line *answer,
			struct vr_error **reterr)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	int r;

	r = system_document_parse(text, length, &document, reterr);
	if (r >= 0)
		r = system_judge(&document, &result, reterr);
	if (r >= 0 && (wanted->certificates || wanted->slack))
		return line_whole(&document, &result, wanted, answer, reterr);
	return r < 0 ? r : system_answer_write(&document, &result, answer);
}

static int line_fail(int r, const struct vr_error *err, struct json_line *answer)
{
	json_line_clear(answer);
	json_line_open(answer, NULL, '{');
	json_line_text(answer, "error", err && err->text ? err->text : strerror(-r));
	json_line_close(answer, '}');
	return answer->failed ? -ENOMEM : 0;
}

/* main() tells when standard output takes no more. */
static bool line_put(const struct json_line *answer)
{
	return fwrite(answer->text, 1, answer->n, stdout) == answer->n && putchar('\n') != EOF;
}

static int analyze_batch(const struct wanted *wanted)
{
	_cleanup_(json_line_done) struct json_line answer = { NULL };
	_cleanup_(freep) char *line = NULL;
	bool bad = false;
	size_t size = 0;
	ssize_t n;

	(void)setvbuf(stdin, NULL, _IOFBF, BATCH_BUFFER);
	(void)setvbuf(stdout, NULL, _IOFBF, BATCH_BUFFER);
	while ((n = getline(&line, &size, stdin)) >= 0) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r;

		json_line_clear(&answer);
		r = line_analyze(line, (size_t)n, wanted, &answer, &err);
		if (r < 0) {
			bad = true;
			r = line_fail(r, err, &answer);
		}
		if (r < 0)
			return cli_fail(r, NULL);
		if (!line_put(&answer))
			break;
	}
	if (ferror(stdin))
		return cli_say(CLI_FAILED, "cannot read standard input");
	return bad ? cli_say(CLI_USAGE, "some lines were wrong: their answers have the key \"error\"") : CLI_DONE;
}

int verb_analyze(const struct arguments *arguments)
{
	const struct wanted wanted = { .certificates = arguments->given[OPTION_CERTIFICATES], .slack = arguments->given[OPTION_SLACK] };
	bool batch = arguments->given[OPTION_BATCH], explain = arguments->given[OPTION_EXPLAIN];

	if (batch && arguments->n_operands > 1)
		return cli_say(CLI_USAGE, "--batch reads standard input: it takes no file");
	if (batch && explain)
		return cli_say(CLI_USAGE, "--explain is for one description, not for --batch");
	if (!batch && (wanted.certificates || wanted.slack))
		return cli_say(CLI_USAGE, "--certificates and --slack are for --batch: one description has both in any case");
	if (!batch && arguments->n_operands < 2)
		return cli_say(CLI_USAGE, "analyze needs a system description, - is standard input (or --batch)");
	return batch ? analyze_batch(&wanted) : analyze_one(arguments->operands[1], arguments->given[OPTION_JSON], explain);
}
