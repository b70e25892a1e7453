/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON in one line: commas, escapes, numbers; and json-c writes the same. */
#include <json-c/json.h>

#include "expect.h"
#include "json-line.h"

static bool line_is(const struct json_line *line, const char *want)
{
	if (line->failed || line->n != strlen(want) || memcmp(line->text, want, line->n) != 0) {
		fprintf(stderr, "    it is %.*s\n", (int)line->n, line->text);
		return false;
	}
	return true;
}

static void test_shape(void)
{
	struct json_line line = { NULL };

	CASE("nothing");
	json_line_done(&line);
	CASE("an empty object");
	json_line_open(&line, NULL, '{');
	json_line_close(&line, '}');
	EXPECT(line_is(&line, "{}"));
	CASE("everything");
	json_line_clear(&line);
	json_line_open(&line, NULL, '{');
	json_line_bool(&line, "yes", true);
	json_line_open(&line, "list", '[');
	json_line_int(&line, NULL, 1);
	json_line_open(&line, NULL, '{');
	json_line_null(&line, "none");
	json_line_close(&line, '}');
	json_line_open(&line, NULL, '[');
	json_line_close(&line, ']');
	json_line_text(&line, NULL, "");
	json_line_close(&line, ']');
	json_line_bool(&line, "no", false);
	json_line_close(&line, '}');
	EXPECT(line_is(&line, "{\"yes\":true,\"list\":[1,{\"none\":null},[],\"\"],\"no\":false}"));
	json_line_done(&line);
	EXPECT(!line.text && line.n == 0);
}

static void test_numbers(void)
{
	static const int64_t cases[] = { 0, 1, -1, 9, 10, 1234567890, INT64_MAX, INT64_MIN };
	struct json_line line = { NULL };
	char want[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(want, sizeof(want), "%" PRId64, cases[i]);
		CASE(want);
		json_line_clear(&line);
		json_line_int(&line, NULL, cases[i]);
		EXPECT(line_is(&line, want));
	}
	json_line_done(&line);
}

/* Every character below 0x80, and some above, as json-c writes them. */
static void test_escapes(void)
{
	struct json_line line = { NULL };
	struct json_object *json;
	char text[160];
	size_t n = 0;

	CASE("escapes");
	for (char c = 1; n < 127; c++)
		text[n++] = c;
	strcpy(text + n, "\xc3\xa4\xe2\x82\xac/");
	json = json_object_new_string(text);
	json_line_text(&line, NULL, text);
	EXPECT(line_is(&line, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(json);
	json_line_done(&line);
}

static void test_growth(void)
{
	struct json_line line = { NULL };

	CASE("much");
	json_line_open(&line, NULL, '[');
	for (int i = 0; i < 10000; i++)
		json_line_text(&line, NULL, "abcdefgh");
	json_line_close(&line, ']');
	EXPECT(!line.failed);
	EXPECT_INT(line.n, 10000 * 11 + 1);
	json_line_done(&line);
}

int main(void)
{
	test_shape();
	test_numbers();
	test_escapes();
	test_growth();
	return expect_result();
}
