/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list and show: what runs on this host, and what each of its threads is promised and got.
 * Called by main.c. Reads only.
 */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "text.h"

static int domains_table(struct json_object *domains)
{
	static const struct table_column columns[] = {
		{ "NAME", TABLE_LEFT }, { "PID", TABLE_RIGHT }, { "STATE", TABLE_LEFT }, { "ORIGIN", TABLE_LEFT },
		{ "ACCEL", TABLE_LEFT }, { "RESERVATIONS", TABLE_RIGHT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(domains); i++) {
		struct json_object *domain = json_object_array_get_idx(domains, i);

		table_add(table, "%s", answer_text(domain, "name"));
		table_add(table, "%" PRIu64, answer_u64(domain, "pid"));
		table_add(table, "%s", answer_text(domain, "state"));
		table_add(table, "%s", answer_text(domain, "origin"));
		table_add(table, "%s", answer_text(domain, "accelerator"));
		table_add(table, "%" PRIu64, answer_u64(domain, "reservations"));
	}
	return cli_print_table(table);
}

int verb_list(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *domains = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err);

	if (r >= 0)
		r = client_domains(client, &domains, &err);
	if (r < 0)
		return cli_fail(r, err);
	return arguments->given[OPTION_JSON] ? cli_print_json(domains) : domains_table(domains);
}

/* The columns that only a reserved thread can fill. What was not metered is unknown, which is not zero. */
static void reservation_cells(struct table *table, struct json_object *reservation)
{
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN], used[TEXT_NUMBER_MAX];
	bool metered = answer_bool(reservation, "metered");
	const char *drift = answer_text(reservation, "drift");
	const char *more = answer_u64(reservation, "lost") ? "+" : "";

	table_add(table, "%s", vrk_nsec_format(budget, answer_u64(reservation, "budget_ns")));
	table_add(table, "%s", vrk_nsec_format(period, answer_u64(reservation, "period_ns")));
	table_add(table, "%s", vrk_nsec_format(deadline, answer_u64(reservation, "deadline_ns")));
	table_add(table, "%s", answer_bool(reservation, "soft") ? "soft" : "hard");
	table_add(table, "%s", answer_text(reservation, "cpus"));
	table_add(table, "%s", text_duration(used, answer_u64(reservation, "used_ns")));
	if (metered) {
		table_add(table, "%" PRIu64 "%s", answer_u64(reservation, "throttled"), more);
		table_add(table, "%" PRIu64 "%s", answer_u64(reservation, "missed"), more);
	} else {
		table_add(table, "?");
		table_add(table, "?");
	}
	table_add(table, "%s", *drift ? drift : "-");
}

static int threads_table(struct json_object *threads)
{
	static const struct table_column columns[] = {
		{ "THREAD", TABLE_LEFT }, { "TID", TABLE_RIGHT }, { "COMM", TABLE_LEFT }, { "BUDGET", TABLE_RIGHT },
		{ "PERIOD", TABLE_RIGHT }, { "DEADLINE", TABLE_RIGHT }, { "KIND", TABLE_LEFT }, { "CPUS", TABLE_LEFT },
		{ "USED", TABLE_RIGHT }, { "THROTTLED", TABLE_RIGHT }, { "MISSED", TABLE_RIGHT }, { "DRIFT", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(threads); i++) {
		struct json_object *thread = json_object_array_get_idx(threads, i);

		table_add(table, "%s", answer_text(thread, "name"));
		table_add(table, "%" PRIu64, answer_u64(thread, "tid"));
		table_add(table, "%s", answer_text(thread, "comm"));
		if (!answer_is_null(thread, "reservation")) {
			reservation_cells(table, answer_member(thread, "reservation"));
			continue;
		}
		for (size_t c = 3; c < ARRAY_SIZE(columns); c++)
			table_add(table, "-");
	}
	return cli_print_table(table);
}

static int domain_page(struct json_object *domain)
{
	const char *uuid = answer_text(domain, "uuid"), *refused = answer_text(domain, "refused");

	cli_print("name:    %s", answer_text(domain, "name"));
	cli_print("pid:     %" PRIu64, answer_u64(domain, "pid"));
	if (*uuid)
		cli_print("uuid:    %s", uuid);
	cli_print("state:   %s", answer_text(domain, "state"));
	cli_print("origin:  %s", answer_text(domain, "origin"));
	cli_print("accel:   %s", answer_text(domain, "accelerator"));
	if (answer_bool(domain, "vcpus_unknown"))
		cli_print("vcpus:   unknown: this QEMU names no threads and has no QMP socket"
			  " (start it with -name %s,debug-threads=on)", answer_text(domain, "name"));
	if (*refused)
		cli_print("refused: its metadata ask for what it does not get: %s", refused);
	putchar('\n');
	return threads_table(answer_member(domain, "threads"));
}

int verb_show(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *domain = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r;

	if (arguments->given[OPTION_XML] && arguments->given[OPTION_JSON])
		return cli_say(CLI_USAGE, "--xml or --json, not both");
	if (arguments->given[OPTION_XML])
		return define_show(arguments);
	if (arguments->given[OPTION_CONNECT])
		return cli_say(CLI_USAGE, "--connect goes with --xml: the rest is virtrkd's answer");
	r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = client_domain(client, arguments->operands[1], &domain, &err);
	if (r < 0)
		return cli_fail(r, err);
	return arguments->given[OPTION_JSON] ? cli_print_json(domain) : domain_page(domain);
}
