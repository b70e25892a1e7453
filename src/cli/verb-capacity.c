/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capacity: how much is promised in each partition, and the largest budget that one more thread could still get, by
 * period. Bandwidths are shown in CPUs, so that 0.40 is 40 % of one. Called by main.c. Reads only.
 */
#include <inttypes.h>

#include "cli.h"
#include "text.h"

static int partitions_table(struct json_object *partitions)
{
	static const struct table_column columns[] = {
		{ "PARTITION", TABLE_LEFT }, { "CPUS", TABLE_LEFT }, { "REGIME", TABLE_LEFT }, { "TEST", TABLE_LEFT },
		{ "RESERVATIONS", TABLE_RIGHT }, { "RESERVED", TABLE_RIGHT }, { "FOREIGN", TABLE_RIGHT },
		{ "KERNEL USED", TABLE_RIGHT }, { "KERNEL LIMIT", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(partitions); i++) {
		struct json_object *row = json_object_array_get_idx(partitions, i);
		char number[TEXT_NUMBER_MAX];

		table_add(table, "%s", answer_text(row, "name"));
		table_add(table, "%s", answer_text(row, "cpus"));
		table_add(table, "%s", answer_text(row, "regime"));
		table_add(table, "%s", answer_text(row, "test"));
		table_add(table, "%" PRIu64, answer_u64(row, "reservations"));
		table_add(table, "%s", text_cpus(number, answer_u64(row, "reserved")));
		table_add(table, "%s", text_cpus(number, answer_u64(row, "foreign")));
		table_add(table, "%s", text_cpus(number, answer_u64(row, "kernel_used")));
		table_add(table, "%s", answer_is_null(row, "kernel_limit") ?
			  "none" : text_cpus(number, answer_u64(row, "kernel_limit")));
	}
	return cli_print_table(table);
}

/* In ms with three decimals: they stand below each other, and typed back they are exact (budgets are whole us). */
static void budget_add(struct table *table, uint64_t budget_ns)
{
	uint64_t us = budget_ns / NSEC_PER_USEC;

	if (budget_ns)
		table_add(table, "%" PRIu64 ".%03" PRIu64 "ms", us / 1000, us % 1000);
	else
		table_add(table, "nothing fits");
}

static int largest_table(struct json_object *partition)
{
	static const struct table_column columns[] = {
		{ "PERIOD", TABLE_RIGHT }, { "LARGEST BUDGET", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
	};
	struct json_object *rows = answer_member(partition, "largest");
	char number[TEXT_NUMBER_MAX];
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		uint64_t period_ns = answer_u64(row, "period_ns"), budget_ns = answer_u64(row, "budget_ns");
		char text[VRK_NSEC_STRLEN], share[TEXT_NUMBER_MAX];

		table_add(table, "%s", vrk_nsec_format(text, period_ns));
		budget_add(table, budget_ns);
		table_add(table, "%s", budget_ns ? text_percent(share, budget_ns, period_ns) : "-");
	}
	putchar('\n');
	if (answer_u64(partition, "prepared"))
		cli_print("Prepared for domains to come: %s CPUs.", text_cpus(number, answer_u64(partition, "prepared")));
	cli_print("One more vCPU in %s could get:", answer_text(partition, "name"));
	return cli_print_table(table);
}

int verb_capacity(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *partitions = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err), code;

	if (r >= 0)
		r = client_capacity(client, &partitions, &err);
	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		return cli_print_json(partitions);
	code = partitions_table(partitions);
	for (size_t i = 0; code == CLI_DONE && i < json_object_array_length(partitions); i++)
		code = largest_table(json_object_array_get_idx(partitions, i));
	return code;
}
