/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text for people: what is printable, how wide it is, how numbers become short. */
#include <locale.h>

#include "expect.h"
#include "text.h"

#define WIDE "\xe6\x97\xa5\xe6\x9c\xac"		/* two characters of two columns */
#define COMBINED "e\xcc\x81"			/* e and an acute accent: one column */

static void test_clean(void)
{
	static const struct {
		const char *name, *text, *want;
		size_t width;
	} cases[] = {
		{ "empty",			"",				"",			0 },
		{ "plain",			"vcpu0",			"vcpu0",		5 },
		{ "escape",			"\033[31mred",			"?[31mred",		8 },
		{ "two lines",			"a\nb\r\tc",			"a?b??c",		6 },
		{ "delete",			"a\177",			"a?",			2 },
		{ "wide",			WIDE,				WIDE,			4 },
		{ "accent",			COMBINED,			COMBINED,		1 },
		{ "no UTF-8",			"a\xff\xfe" "b",		"a??b",			4 },
		{ "cut in the middle",		"a\xe6\x97",			"a??",			3 },
		{ "a control of two bytes",	"a\xc2\x9b" "31m",		"a?31m",		5 },
		{ "right to left",		"a\xe2\x80\xae" "b",		"a?b",			3 },
		{ "isolate",			"a\xe2\x81\xa6" "b",		"a?b",			3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *clean = text_clean(cases[i].text);

		CASE(cases[i].name);
		EXPECT_STR(clean, cases[i].want);
		EXPECT_INT(text_width(cases[i].want), cases[i].width);
	}
}

static void test_cut(void)
{
	static const struct {
		const char *name, *text;
		size_t columns, bytes, width;
	} cases[] = {
		{ "nothing fits",		"abc",	0, 0, 0 },
		{ "all fits",			"abc",	3, 3, 3 },
		{ "a part",			"abc",	2, 2, 2 },
		{ "half a wide one",		WIDE,	3, 3, 2 },
		{ "the accent stays",		COMBINED "x", 1, 3, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t width;

		CASE(cases[i].name);
		EXPECT_INT(text_cut(cases[i].text, cases[i].columns, &width), cases[i].bytes);
		EXPECT_INT(width, cases[i].width);
	}
}

static void test_wrap(void)
{
	static const char words[] = "one two three four five six seven ten";
	static const struct {
		const char *name, *text;
		size_t indent, columns;
		const char *wrapped;
	} cases[] = {
		{ "empty",			"",		0, 80,	"" },
		{ "it fits",			words,		0, 37,	words },
		{ "by one column not",		words,		0, 36,	"one two three four five six seven\nten" },
		{ "indented",			words,		3, 24,	"one two three four\n   five six seven ten" },
		{ "never",			words,		0, 0,	words },
		{ "hardly any room",		words,		19, 38,	words },
		{ "a word that is longer",	"a /very/long/path/that/nobody/may/break b", 0, 20, "a\n/very/long/path/that/nobody/may/break\nb" },
		{ "two columns a letter",	WIDE " " WIDE " " WIDE " " WIDE " " WIDE, 0, 20, WIDE " " WIDE " " WIDE " " WIDE "\n" WIDE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *wrapped = text_wrap(cases[i].text, cases[i].indent, cases[i].columns);

		CASE(cases[i].name);
		EXPECT_STR(wrapped, cases[i].wrapped);
	}
}

static void test_utf8(void)
{
	static const struct {
		const char *name, *text;
		bool good;
	} cases[] = {
		{ "empty",		"",			true },
		{ "ASCII",		"rt-guest_1",		true },
		{ "two bytes",		"\xc3\xa9",		true },
		{ "three bytes",	WIDE,			true },
		{ "four bytes",		"\xf0\x9f\x90\xa7",	true },
		{ "the last one",	"\xf4\x8f\xbf\xbf",	true },
		{ "behind the last",	"\xf4\x90\x80\x80",	false },
		{ "overlong slash",	"\xc0\xaf",		false },
		{ "overlong, three",	"\xe0\x80\xaf",		false },
		{ "overlong, four",	"\xf0\x80\x80\xaf",	false },
		{ "surrogate",		"\xed\xa0\x80",		false },
		{ "lone follower",	"\x80",			false },
		{ "cut",		"\xe6\x97",		false },
		{ "five bytes",		"\xf8\x88\x80\x80\x80",	false },
		{ "Latin-1",		"caf\xe9",		false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		EXPECT(text_is_utf8(cases[i].text) == cases[i].good);
	}
}

static void test_numbers(void)
{
	static const struct {
		uint64_t ns;
		const char *duration, *msec;
	} cases[] = {
		{ 0,			"0",		"0.00" },
		{ 1,			"1ns",		"0.00" },
		{ 999,			"999ns",	"0.00" },
		{ 1000,			"1.00us",	"0.00" },
		{ 12345,		"12.3us",	"0.01" },
		{ 999499,		"999us",	"1.00" },
		{ 4050000,		"4.05ms",	"4.05" },
		{ 99949999,		"99.9ms",	"99.95" },
		{ 123456789,		"123ms",	"123.46" },
		{ 12345000000,		"12.3s",	"12345.00" },
		{ UINT64_MAX,		"18446744074s",	"18446744073709.55" },
	};
	char buf[TEXT_NUMBER_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].duration);
		EXPECT_STR(text_duration(buf, cases[i].ns), cases[i].duration);
		EXPECT_STR(text_msec(buf, cases[i].ns), cases[i].msec);
	}
	CASE("percent");
	EXPECT_STR(text_percent(buf, 4, 10), "40.0%");
	EXPECT_STR(text_percent(buf, 2, 3), "66.7%");
	EXPECT_STR(text_percent(buf, 3, 2), "150.0%");
	EXPECT_STR(text_percent(buf, 0, 5), "0.0%");
	EXPECT_STR(text_percent(buf, 1, 0), "-");
	EXPECT_STR(text_percent(buf, UINT64_MAX, UINT64_MAX), "100.0%");
	CASE("cpus");
	EXPECT_STR(text_cpus(buf, 0), "0.00");
	EXPECT_STR(text_cpus(buf, BW_UNIT), "1.00");
	EXPECT_STR(text_cpus(buf, 5 * BW_UNIT / 2), "2.50");
	EXPECT_STR(text_cpus(buf, 996147), "0.95");
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("skipped: no locale C.UTF-8 here");
		return TEST_SKIPPED;
	}
	test_clean();
	test_cut();
	test_wrap();
	test_utf8();
	test_numbers();
	return expect_result();
}
