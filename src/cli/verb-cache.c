/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache: ways of the last-level cache and a limit of memory bandwidth for a domain that runs, on hardware whose caches can be divided;
 * without a domain, who has which. Called by main.c.
 */
#include <inttypes.h>
#include <string.h>

#include "cli.h"

static int caches_show(const struct arguments *arguments, struct client *client)
{
	static const struct table_column columns[] = { { "GROUP", TABLE_LEFT }, { "DOMAIN", TABLE_LEFT }, { "HAS", TABLE_LEFT } };
	_cleanup_(json_object_putp) struct json_object *groups = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(table_freep) struct table *table = NULL;
	int r = client_caches(client, &groups, &err);

	if (r >= 0 && arguments->given[OPTION_JSON])
		return cli_print_json(groups);
	if (r >= 0)
		r = table_new(&table, columns, ARRAY_SIZE(columns));
	if (r < 0)
		return cli_fail(r, err);
	for (size_t i = 0; i < json_object_array_length(groups); i++) {
		struct json_object *row = json_object_array_get_idx(groups, i);
		const char *group = answer_text(row, "group"), *domain = answer_text(row, "domain");
		_cleanup_(freep) char *lines = strdup(answer_text(row, "schemata"));

		for (size_t k = 0; lines && lines[k]; k++)
			if (lines[k] == '\n')
				lines[k] = lines[k + 1] ? ' ' : '\0';
		table_add(table, "%s", *group ? group : "(all others)");
		table_add(table, "%s", *domain ? domain : "-");
		table_add(table, "%s", lines ?: "");
	}
	return cli_print_table(table);
}

static int ways_give(const struct arguments *arguments, struct client *client, uint32_t ways, uint32_t percent)
{
	_cleanup_(json_object_putp) struct json_object *lines = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain = arguments->operands[1];
	int r = client_cache_reserve(client, domain, ways, percent, &lines, &err);

	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		return cli_print_json(lines);
	if (ways > 0)
		cli_print("%s has %" PRIu32 " ways of the cache for itself", domain, ways);
	if (percent > 0)
		cli_print("%s may use %" PRIu32 " %% of the memory bandwidth", domain, percent);
	return CLI_DONE;
}

static int ways_take(const struct arguments *arguments, struct client *client)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain = arguments->operands[1];
	int r = client_cache_release(client, domain, &err);

	if (r < 0)
		return cli_fail(r, err);
	cli_print("%s shares the cache with all others again", domain);
	return CLI_DONE;
}

int verb_cache(const struct arguments *arguments)
{
	bool asks = arguments->given[OPTION_WAYS] || arguments->given[OPTION_BANDWIDTH], removes = arguments->given[OPTION_REMOVE];
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	uint32_t ways, percent;
	int r;

	if (arguments->n_operands < 2 && (asks || removes))
		return cli_say(CLI_USAGE, "cache --%s needs a DOMAIN",
			       arguments->given[OPTION_WAYS] ? "ways" : asks ? "bandwidth" : "remove");
	if (arguments->n_operands == 2 && asks == removes)
		return cli_say(CLI_USAGE, "cache %s: needs --ways, --bandwidth or both; or --remove alone", arguments->operands[1]);
	if (options_number_read(arguments, OPTION_WAYS, 64, &ways) < 0)
		return cli_say(CLI_USAGE, "--ways %s: a number from 1 to 64", arguments->value[OPTION_WAYS]);
	if (options_number_read(arguments, OPTION_BANDWIDTH, 100, &percent) < 0)
		return cli_say(CLI_USAGE, "--bandwidth %s: percent, from 1 to 100", arguments->value[OPTION_BANDWIDTH]);
	r = cli_connect(&client, arguments, &err);
	if (r < 0)
		return cli_fail(r, err);
	if (asks)
		return ways_give(arguments, client, ways, percent);
	return removes ? ways_take(arguments, client) : caches_show(arguments, client);
}
