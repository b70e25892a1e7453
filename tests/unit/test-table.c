/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables: alignment, width in columns, and which column gives way when the terminal is narrow. */
#include <locale.h>

#include "expect.h"
#include "table.h"

static const struct table_column columns[] = {
	{ "NAME", TABLE_LEFT }, { "PID", TABLE_RIGHT }, { "STATE", TABLE_LEFT },
};

/* Prints the table of @cells (NULL ends them) at @width. */
static char *printed(const char *const *cells, size_t width, bool bold)
{
	_cleanup_(table_freep) struct table *table = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;

	EXPECT_INT(table_new(&table, columns, ARRAY_SIZE(columns)), 0);
	for (size_t i = 0; cells[i]; i++)
		table_add(table, "%s", cells[i]);
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	EXPECT_INT(table_print(table, out, width, bold), 0);
	fclose(out);
	return text;
}

static const char *const none[] = { NULL };
static const char *const two[] = { "rt", "1234", "running", "database-server", "7", "off", NULL };
static const char *const wide[] = { "\xe6\x97\xa5\xe6\x9c\xac", "1", "x", "ab", "2", "y", NULL };

static const struct {
	const char *name;
	const char *const *cells;
	size_t width;
	const char *want;
} cases[] = {
	{ "no rows", none, 0, "NAME  PID  STATE\n" },
	{ "as wide as needed", two, 0,
	  "NAME              PID  STATE\n"
	  "rt               1234  running\n"
	  "database-server     7  off\n" },
	{ "wide enough", two, 30,
	  "NAME              PID  STATE\n"
	  "rt               1234  running\n"
	  "database-server     7  off\n" },
	{ "the widest text gives way", two, 25,
	  "NAME         PID  STATE\n"
	  "rt          1234  running\n"
	  "database-…     7  off\n" },
	{ "the line is cut when nothing gives way", two, 12,
	  "NAME     PID\n"
	  "rt      1234\n"
	  "datab…     7\n" },
	{ "one column", two, 1, "…\n…\n…\n" },
	{ "characters of two columns", wide, 0,
	  "NAME  PID  STATE\n"
	  "\xe6\x97\xa5\xe6\x9c\xac    1  x\n"
	  "ab      2  y\n" },
};

int main(void)
{
	struct table *table;

	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("skipped: no locale C.UTF-8 here");
		return TEST_SKIPPED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *text = NULL;

		CASE(cases[i].name);
		text = printed(cases[i].cells, cases[i].width, false);
		EXPECT_STR(text, cases[i].want);
	}
	CASE("bold head");
	_cleanup_(freep) char *bold = printed(none, 0, true);
	EXPECT_STR(bold, "\033[1mNAME  PID  STATE\033[0m\n");
	CASE("no columns, too many columns");
	EXPECT_INT(table_new(&table, columns, 0), -EINVAL);
	EXPECT_INT(table_new(&table, columns, 17), -EINVAL);
	return expect_result();
}
