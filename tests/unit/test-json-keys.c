/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doubled keys: found wherever they stand, named by their path; texts of all kinds are walked within their length. */
#include "expect.h"
#include "json-keys.h"

static void test_cases(void)
{
	static const struct {
		const char *text;
		int r;
		const char *path;
	} cases[] = {
		{ "",						0,		NULL },
		{ "{}",						0,		NULL },
		{ "[]",						0,		NULL },
		{ "\"a\"",					0,		NULL },
		{ "{\"a\":1,\"b\":1}",				0,		NULL },
		{ "{\"a\":1,\"a\":2}",				-EEXIST,	"a" },
		{ "{\"a\":{\"a\":{\"a\":1}}}",			0,		NULL },
		{ "{\"a\":[{\"b\":1},{\"b\":1}]}",		0,		NULL },
		{ "{\"a\":[{\"b\":1},{\"b\":1,\"b\":2}]}",	-EEXIST,	"a[1].b" },
		{ "{\"a\":{\"x\":1},\"b\":[[],[{}, {\"c\":{\"d\":0 , \"d\":0}}]]}", -EEXIST, "b[1][1].c.d" },
		{ "{\"a\":\"a\",\"b\":\"a\"}",			0,		NULL },	/* values are no keys */
		{ "{\"a\":\"x\\\"},{\\\"a\",\"b\":1}",		0,		NULL },
		{ "{\"ab\":1,\"a\":1}",				0,		NULL },
		{ "{\"\":1,\"\":1}",				-EEXIST,	"" },
		{ "{\"\\u0061\":1}",				-EINVAL,	"\\u0061" },
		{ "[1,[2,{\"k\":1,\"k\":2}]]",			-EEXIST,	"[1][1].k" },
		{ "{\"a\":1}{\"a\":1}",				0,		NULL },
		/* no JSON */
		{ "}",						-EINVAL,	"" },
		{ ",",						-EINVAL,	"" },
		{ "{\"a",					-EINVAL,	"" },
		{ "{\"a\\",					-EINVAL,	"" },
		{ "{\"a\\\"",					-EINVAL,	"" },
		{ "[[[[[[[[[[[[[[[[",				0,		NULL },
		{ "[[[[[[[[[[[[[[[[[",				-E2BIG,		"[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t length = strlen(cases[i].text);
		_cleanup_(freep) char *exact = malloc(length + 1);
		_cleanup_(freep) char *path = NULL;

		CASE(cases[i].text);
		tree_must(exact != NULL, "malloc");
		memcpy(exact, cases[i].text, length);	/* no NUL behind it: the sanitizer sees a read too far */
		EXPECT_INT(json_keys_check(exact, length, &path), cases[i].r);
		EXPECT_STR(path, cases[i].path);
	}
}

static void test_many(void)
{
	char text[1024] = "{";
	size_t used = 1;
	int i;

	CASE("64 keys, and one more");
	for (i = 0; i < 65; i++) {
		_cleanup_(freep) char *path = NULL;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "\"k%d\":0,", i);
		EXPECT_INT(json_keys_check(text, used, &path), i < 64 ? 0 : -E2BIG);
	}
}

int main(void)
{
	test_cases();
	test_many();
	return expect_result();
}
