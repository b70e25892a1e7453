/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor: is this host fit for guaranteed CPU time? One line per finding, on a terminal broken between words, and below it the command
 * that mends it, neither broken nor cut, since it is there to be copied. A failed check makes the exit code 1. Called by main.c. Reads only.
 */
#include <string.h>

#include "cli.h"
#include "text.h"

static const struct level {
	const char *name;
	const char *colour;
	const char *one, *many;
} levels[] = {
	{ "fail", "\033[31m", "failure", "failures" },
	{ "warn", "\033[33m", "warning", "warnings" },
	{ "note", "\033[36m", "note", "notes" },
	{ "ok", "\033[32m", "ok", "ok" },
};

static size_t level_count(struct json_object *findings, const char *level)
{
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(findings); i++)
		n += strcmp(answer_text(json_object_array_get_idx(findings, i), "level"), level) == 0;
	return n;
}

static size_t check_width(struct json_object *findings)
{
	size_t widest = 0;

	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		size_t width = strlen(answer_text(json_object_array_get_idx(findings, i), "check"));

		if (width > widest)
			widest = width;
	}
	return widest;
}

static int finding_print(struct json_object *finding, int width)
{
	const char *level = answer_text(finding, "level"), *mend = answer_text(finding, "mend");
	_cleanup_(freep) char *check = text_clean(answer_text(finding, "check"));
	_cleanup_(freep) char *text = text_clean(answer_text(finding, "text"));
	_cleanup_(freep) char *command = text_clean(mend);
	_cleanup_(freep) char *wrapped = text ? text_wrap(text, (size_t)width + 8, cli_columns()) : NULL;
	const char *colour = "";

	if (!check || !wrapped || !command)
		return cli_fail(-ENOMEM, NULL);
	for (size_t i = 0; cli_colour() && i < ARRAY_SIZE(levels); i++)
		if (strcmp(level, levels[i].name) == 0)
			colour = levels[i].colour;
	printf("%s%-4s%s  %-*s  %s\n", colour, level, *colour ? "\033[0m" : "", width, check, wrapped);
	if (*mend)
		printf("%*s  mend: %s\n", width + 6, "", command);
	return CLI_DONE;
}

static int findings_page(struct json_object *findings)
{
	size_t n = json_object_array_length(findings);
	const char *comma = "";

	for (size_t i = 0; i < n; i++) {
		int code = finding_print(json_object_array_get_idx(findings, i), (int)check_width(findings));

		if (code != CLI_DONE)
			return code;
	}
	printf("\n%zu checks: ", n);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		size_t count = level_count(findings, levels[i].name);

		if (count == 0)
			continue;
		printf("%s%zu %s", comma, count, count == 1 ? levels[i].one : levels[i].many);
		comma = ", ";
	}
	putchar('\n');
	return CLI_DONE;
}

int verb_doctor(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *findings = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err), code;

	if (r >= 0)
		r = client_doctor(client, &findings, &err);
	if (r < 0)
		return cli_fail(r, err);
	code = arguments->given[OPTION_JSON] ? cli_print_json(findings) : findings_page(findings);
	if (code != CLI_DONE)
		return code;
	return level_count(findings, "fail") ? CLI_FAILED : CLI_DONE;
}
