/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Colour lists and profiles: what is read, what is refused with which words and where, what is written reads back the same. */
#include "color-map.h"
#include "expect.h"

static void test_list(void)
{
	static const struct {
		const char *text;
		u64 count;
		enum color_fault fault;
		size_t at;		/* of the fault */
		u32 members;
		const char *out;	/* as written again */
	} cases[] = {
		{ "0",			1,	COLOR_OK,		0, 1, "0" },
		{ "0-3",		16,	COLOR_OK,		0, 4, "0-3" },
		{ "0+2+5-7",		16,	COLOR_OK,		0, 5, "0:2:5-7" },
		{ "0:2:5-7",		16,	COLOR_OK,		0, 5, "0:2:5-7" },
		{ "0,2,5-7",		16,	COLOR_OK,		0, 5, "0:2:5-7" },
		{ "7:6:5",		8,	COLOR_OK,		0, 3, "5-7" },
		{ "3-3",		4,	COLOR_OK,		0, 1, "3" },
		{ "0-15",		16,	COLOR_OK,		0, 16, "0-15" },
		{ "63:64",		128,	COLOR_OK,		0, 2, "63-64" },
		{ "0-4095",		4096,	COLOR_OK,		0, 4096, "0-4095" },
		{ "4095",		4096,	COLOR_OK,		0, 1, "4095" },
		{ "",			16,	COLOR_LIST_EMPTY,	0, 0, NULL },
		{ "16",			16,	COLOR_LIST_RANGE,	0, 0, NULL },
		{ "0-16",		16,	COLOR_LIST_RANGE,	2, 0, NULL },
		{ "3:4096",		4096,	COLOR_LIST_RANGE,	2, 0, NULL },
		{ "4294967296",		4096,	COLOR_LIST_RANGE,	0, 0, NULL },	/* 2^32 is not 0 */
		{ "18446744073709551616", 4096,	COLOR_LIST_RANGE,	0, 0, NULL },
		{ "0-4294967297",	16,	COLOR_LIST_RANGE,	2, 0, NULL },
		{ "3-1",		16,	COLOR_LIST_BACKWARDS,	2, 0, NULL },
		{ "1:1",		16,	COLOR_LIST_TWICE,	2, 0, NULL },
		{ "0-3:2",		16,	COLOR_LIST_TWICE,	4, 0, NULL },
		{ "2:0-3",		16,	COLOR_LIST_TWICE,	4, 0, NULL },
		{ ":",			16,	COLOR_LIST_SYNTAX,	0, 0, NULL },
		{ "0:",			16,	COLOR_LIST_SYNTAX,	2, 0, NULL },
		{ ":0",			16,	COLOR_LIST_SYNTAX,	0, 0, NULL },
		{ "0::1",		16,	COLOR_LIST_SYNTAX,	2, 0, NULL },
		{ "0-",			16,	COLOR_LIST_SYNTAX,	2, 0, NULL },
		{ "-1",			16,	COLOR_LIST_SYNTAX,	0, 0, NULL },
		{ "0-1-2",		16,	COLOR_LIST_SYNTAX,	3, 0, NULL },
		{ " 0",			16,	COLOR_LIST_SYNTAX,	0, 0, NULL },
		{ "0 ",			16,	COLOR_LIST_SYNTAX,	1, 0, NULL },
		{ "0\n",		16,	COLOR_LIST_SYNTAX,	1, 0, NULL },
		{ "0x1",		16,	COLOR_LIST_SYNTAX,	1, 0, NULL },
		{ "01",			16,	COLOR_LIST_SYNTAX,	0, 0, NULL },	/* nobody means octal, or does he? */
		{ "all",		16,	COLOR_LIST_SYNTAX,	0, 0, NULL },
		{ "0",			8192,	COLOR_LIST_LIMIT,	0, 0, NULL },
	};
	struct color_set set;
	char out[64];
	size_t i, at;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].text);
		memset(&set, 0x55, sizeof(set));	/* the mark that a refusal leaves what was there */
		at = 0;
		EXPECT_INT(color_set_parse(&set, cases[i].count, cases[i].text, strlen(cases[i].text), &at), cases[i].fault);
		if (cases[i].fault != COLOR_OK) {
			EXPECT_INT(at, cases[i].at);
			EXPECT_INT(set.limit, 0x55555555);
			continue;
		}
		EXPECT_INT(set.count, cases[i].members);
		EXPECT_INT(color_set_format(&set, out, sizeof(out)), strlen(cases[i].out));
		EXPECT_STR(out, cases[i].out);
	}

	CASE("a NUL inside");
	EXPECT_INT(color_set_parse(&set, 16, "0\0", 2, &at), COLOR_LIST_SYNTAX);
}

static void test_profile(void)
{
	static const struct {
		const char *text;
		enum color_fault fault;
		size_t at;
		const char *out;
	} cases[] = {
		{ "virtrk-profile 1 cache=12",				COLOR_OK, 0, "virtrk-profile;1;cache=12" },
		{ "virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18\n", COLOR_OK, 0,
			"virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18" },
		{ "virtrk-profile;1;cache=12:13;bank=13^17",		COLOR_OK, 0, "virtrk-profile;1;cache=12:13;bank=13^17" },
		{ "virtrk-profile 1 bank=17^13 cache=13+12",		COLOR_OK, 0, "virtrk-profile;1;cache=13:12;bank=13^17" },
		{ "virtrk-profile\t1\nbank=51",				COLOR_OK, 0, "virtrk-profile;1;bank=51" },
		{ "virtrk-profile 1 cache=12^13,13^14,14^12^15",	COLOR_OK, 0, "virtrk-profile;1;cache=12^13:13^14:12^14^15" },
		{ "",							COLOR_TEXT_MAGIC, 0, NULL },
		{ "virtrk-profil",					COLOR_TEXT_MAGIC, 0, NULL },
		{ "virtrk-profile",					COLOR_TEXT_MAGIC, 0, NULL },
		{ " virtrk-profile 1 cache=12",				COLOR_TEXT_MAGIC, 0, NULL },
		{ "virtrk-profile1 cache=12",				COLOR_TEXT_MAGIC, 0, NULL },
		{ "virtrk-profile 2 cache=12",				COLOR_TEXT_VERSION, 16, NULL },
		{ "virtrk-profile 4294967297 cache=12",			COLOR_TEXT_VERSION, 25, NULL },
		{ "virtrk-profile x cache=12",				COLOR_TEXT_VERSION, 15, NULL },
		{ "virtrk-profile 1",					COLOR_TEXT_NONE, 16, NULL },
		{ "virtrk-profile 1 ",					COLOR_TEXT_NONE, 17, NULL },
		{ "virtrk-profile 1x",					COLOR_TEXT_SYNTAX, 16, NULL },
		{ "virtrk-profile 1 colour=12",				COLOR_TEXT_KEY, 17, NULL },
		{ "virtrk-profile 1 cache=12 cache=13",			COLOR_TEXT_KEY_TWICE, 32, NULL },
		{ "virtrk-profile 1 cache=",				COLOR_TEXT_SYNTAX, 23, NULL },
		{ "virtrk-profile 1 cache=12,",				COLOR_TEXT_SYNTAX, 26, NULL },
		{ "virtrk-profile 1 cache=12^",				COLOR_TEXT_SYNTAX, 26, NULL },
		{ "virtrk-profile 1 cache=^12",				COLOR_TEXT_SYNTAX, 23, NULL },
		{ "virtrk-profile 1 cache=12bank=13",			COLOR_TEXT_SYNTAX, 25, NULL },
		{ "virtrk-profile 1 cache=12,11",			COLOR_TEXT_BIT_LOW, 26, NULL },
		{ "virtrk-profile 1 cache=0",				COLOR_TEXT_BIT_LOW, 23, NULL },
		{ "virtrk-profile 1 cache=52",				COLOR_TEXT_BIT_HIGH, 23, NULL },
		{ "virtrk-profile 1 cache=4294967308",			COLOR_TEXT_BIT_HIGH, 23, NULL },	/* 2^32 + 12 */
		{ "virtrk-profile 1 cache=13^13",			COLOR_TEXT_BIT_TWICE, 26, NULL },
		{ "virtrk-profile 1 cache=12,12",			COLOR_TEXT_DEPENDENT, 26, NULL },
		{ "virtrk-profile 1 bank=12^13,13^14,14^12",		COLOR_TEXT_DEPENDENT, 34, NULL },
		{ "virtrk-profile 1 cache=12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44",
			COLOR_TEXT_FUNCTIONS, 119, NULL },
	};
	struct color_map map, again;
	char out[128];
	size_t i, at;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].text);
		memset(&map, 0x55, sizeof(map));
		at = 0;
		EXPECT_INT(color_map_parse(&map, cases[i].text, strlen(cases[i].text), &at), cases[i].fault);
		if (cases[i].fault != COLOR_OK) {
			EXPECT_INT(at, cases[i].at);
			EXPECT_INT(map.n[0], 0x55555555);
			continue;
		}
		EXPECT_INT(color_map_format(&map, out, sizeof(out)), strlen(cases[i].out));
		EXPECT_STR(out, cases[i].out);
		EXPECT_INT(color_map_parse(&again, out, strlen(out), &at), COLOR_OK);
		EXPECT(color_map_equal(&map, &again));
	}
}

static void test_sets(void)
{
	struct color_set a, b;
	char out[4];
	size_t at;

	CASE("sets");
	EXPECT_INT(color_set_fill(&a, 16), COLOR_OK);
	EXPECT_INT(a.count, 16);
	EXPECT(color_set_has(&a, 15) && !color_set_has(&a, 16) && !color_set_has(&a, COLOR_ANY));
	EXPECT_INT(color_set_fill(&b, 8192), COLOR_LIST_LIMIT);
	EXPECT_INT(color_set_parse(&b, 16, "3:5", 3, &at), COLOR_OK);
	EXPECT(color_set_overlap(&a, &b) && color_set_within(&b, &a) && !color_set_within(&a, &b));
	EXPECT_INT(color_set_parse(&a, 16, "4", 1, &at), COLOR_OK);
	EXPECT(!color_set_overlap(&a, &b) && !color_set_within(&b, &a));

	CASE("what does not fit is cut off");
	EXPECT_INT(color_set_parse(&a, 16, "10:12:14", 8, &at), COLOR_OK);
	EXPECT_INT(color_set_format(&a, out, sizeof(out)), 8);
	EXPECT_STR(out, "10:");
	EXPECT_INT(color_set_format(&a, NULL, 0), 8);
}

/* Each fault has an errno and words of its own. */
static void test_faults(void)
{
	unsigned int i, k;

	CASE("faults");
	EXPECT_INT(color_fault_errno(COLOR_OK), 0);
	for (i = 1; i < COLOR_FAULTS; i++) {
		EXPECT(color_fault_errno(i) < 0);
		for (k = 0; k < i; k++)
			EXPECT(strcmp(color_fault_text(i), color_fault_text(k)) != 0);
	}
	EXPECT_INT(color_fault_errno(COLOR_FAULTS), -EINVAL);
	EXPECT_STR(color_fault_text(COLOR_FAULTS), "an unknown fault");
}

int main(void)
{
	test_list();
	test_profile();
	test_sets();
	test_faults();
	return expect_result();
}
