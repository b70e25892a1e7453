/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For people: what locks cost each task (of a whole job: its waits for others on all vCPUs, and behind lower priorities on its
 * own; of one section: how long it is held), and when interrupts are served. From the answer that scripts read.
 *
 * Called by the verbs that show an answer.
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "shared-show.h"
#include "system-memory.h"

static void time_cell(struct table *table, struct json_object *row, const char *key)
{
	char text[VRK_NSEC_STRLEN];

	table_add(table, "%s", answer_is_null(row, key) ? "-" : vrk_nsec_format(text, answer_u64(row, key)));
}

static int locks_table(struct json_object *tasks)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "TASK", TABLE_LEFT }, { "WAITS", TABLE_RIGHT },
		{ "EACH", TABLE_RIGHT }, { "WAITING", TABLE_RIGHT }, { "LOCALLY", TABLE_RIGHT }, { "HOLDS", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(tasks); i++) {
		struct json_object *row = json_object_array_get_idx(tasks, i), *locks = answer_member(row, "locks");

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%" PRIu64, answer_u64(locks, "waits"));
		time_cell(table, locks, "wait_once");
		time_cell(table, locks, "wait");
		time_cell(table, locks, "local");
		time_cell(table, locks, "hold");
	}
	return cli_print_table(table);
}

static int irqs_table(struct json_object *irqs)
{
	static const struct table_column columns[] = {
		{ "INTERRUPT", TABLE_LEFT }, { "CPU", TABLE_RIGHT }, { "HARD", TABLE_RIGHT }, { "THREAD", TABLE_RIGHT },
		{ "VM", TABLE_LEFT }, { "RESPONSE", TABLE_RIGHT }, { "DEADLINE", TABLE_RIGHT }, { "OK", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(irqs); i++) {
		struct json_object *row = json_object_array_get_idx(irqs, i);

		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%" PRIu64, answer_u64(row, "cpu"));
		time_cell(table, row, "hard");
		time_cell(table, row, "thread");
		table_add(table, "%s", answer_is_null(row, "vm") ? "-" : answer_text(row, "vm"));
		time_cell(table, row, "response");
		time_cell(table, row, "deadline");
		table_add(table, "%s", answer_bool(row, "ok") ? "yes" : "no");
	}
	return cli_print_table(table);
}

int shared_show(struct json_object *answer)
{
	struct json_object *tasks = answer_member(answer, "tasks"), *irqs = NULL;
	int r = CLI_DONE;
	/* only where the description has them */
	bool locks = json_object_array_length(tasks) > 0 &&
		     json_object_object_get_ex(json_object_array_get_idx(tasks, 0), "locks", NULL);

	(void)json_object_object_get_ex(answer, "irqs", &irqs);

	if (locks)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : locks_table(tasks);
	if (r == CLI_DONE && irqs)
		r = cli_print("%s", "") < 0 ? cli_fail(-ENOMEM, NULL) : irqs_table(irqs);
	return r;
}

static int overrun_head(struct json_object *one)
{
	struct json_object *cpus = answer_member(one, "cpus");
	bool hold = true;

	for (size_t i = 0; i < json_object_array_length(cpus); i++)
		hold &= answer_bool(json_object_array_get_idx(cpus, i), "ok");
	return cli_print("estimate, not a promise: if no budget ended while a task holds a resource (stock Linux has no such host)%s",
			 hold ? "" : "; not all CPUs would hold that");
}

static int dram_head(struct json_object *one)
{
	return cli_print("estimate, not a promise: with what requests to DRAM wait for those of other CPUs%s",
			 answer_bool(one, "ok") ? "" : "; not all deadlines would hold");
}

static int estimate_show(struct json_object *one)
{
	static const struct table_column columns[] = {
		{ "VM", TABLE_LEFT }, { "VCPU", TABLE_RIGHT }, { "TASK", TABLE_LEFT }, { "ESTIMATE", TABLE_RIGHT }, { "BOUND", TABLE_RIGHT },
		{ "DEADLINE", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	struct json_object *tasks = answer_member(one, "tasks");
	int r;

	if (cli_print("%s", "") < 0 || (strcmp(answer_text(one, "what"), "dram") == 0 ? dram_head(one) : overrun_head(one)) < 0)
		return cli_fail(-ENOMEM, NULL);
	r = table_new(&table, columns, ARRAY_SIZE(columns));
	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(tasks); i++) {
		struct json_object *row = json_object_array_get_idx(tasks, i);

		table_add(table, "%s", answer_text(row, "vm"));
		table_add(table, "%" PRIu64, answer_u64(row, "vcpu"));
		table_add(table, "%s", answer_text(row, "name"));
		time_cell(table, row, "response");
		time_cell(table, row, "bound");
		time_cell(table, row, "deadline");
	}
	return cli_print_table(table);
}

int estimates_show(struct json_object *answer)
{
	struct json_object *estimates = NULL;
	int r = CLI_DONE;

	if (!json_object_object_get_ex(answer, "estimates", &estimates))
		return CLI_DONE;
	for (size_t i = 0; r == CLI_DONE && i < json_object_array_length(estimates); i++)
		r = estimate_show(json_object_array_get_idx(estimates, i));
	return r;
}

int memory_show(const struct system_document *document)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < document->memory.n; i++) {
		_cleanup_(freep) char *line = NULL;

		r = system_memory_text(document, i, &line);
		if (r >= 0)
			r = cli_print("memory of %s", line);
	}
	return r < 0 ? cli_fail(r, NULL) : CLI_DONE;
}
