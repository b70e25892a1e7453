/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Did you mean: what is near, what is not, and that nothing is read past a word's end. */
#include "expect.h"
#include "suggest.h"

static const char *const names[] = { "list", "show", "reserve", "release", "check", "capacity", "top", "doctor", "monitor" };

static const struct {
	const char *name;
	const char *word;
	const char *want;
} cases[] = {
	{ "empty",			"",		NULL },
	{ "the word itself",		"list",		"list" },
	{ "swapped",			"lsit",		"list" },
	{ "swapped at the end",		"doctro",	"doctor" },
	{ "one left out",		"reserv",	"reserve" },
	{ "one too many",		"listt",	"list" },
	{ "one changed",		"chack",	"check" },
	{ "two wrong in a long one",	"kapazity",	"capacity" },
	{ "two wrong in a short one",	"tap",		"top" },
	{ "four letters, two wrong",	"nope",		NULL },
	{ "three letters, two wrong",	"tab",		NULL },
	{ "nearest of two",		"releese",	"release" },
	{ "nothing like it",		"xyzzy",	NULL },
	{ "case matters little",	"List",		"list" },
	{ "longer than any",		"listlistlistlistlistlistlistlistlistlist", NULL },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		EXPECT_STR(suggest(cases[i].word, names, ARRAY_SIZE(names)), cases[i].want);
	}
	CASE("no names");
	EXPECT_STR(suggest("list", names, 0), NULL);
	return expect_result();
}
