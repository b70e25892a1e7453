/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of JSON: what is read, what is refused and where, and that the tree of json-c says the same. */
#include "expect.h"
#include "value.h"

static const struct {
	const char *name;
	const char *text;
	const char *json;	/* as json-c writes it, without blanks; NULL = refused */
	const char *error;	/* a part of it */
} cases[] = {
	{ "nothing in it",		"{}",				"{}" },
	{ "blanks everywhere",		" { \"a\" : [ 1 , 2 ] , \"b\" : { } } \r\n", "{\"a\":[1,2],\"b\":{}}" },
	{ "words",			"{\"a\":[true,false,null]}",	"{\"a\":[true,false,null]}" },
	{ "numbers",			"{\"a\":[0,-0,7,-7,10,9007199254740993]}", "{\"a\":[0,0,7,-7,10,9007199254740993]}" },
	{ "the ends of a number",	"{\"a\":[9223372036854775807,-9223372036854775808]}", "{\"a\":[9223372036854775807,-9223372036854775808]}" },
	{ "beyond the ends",		"{\"a\":[9223372036854775808,-9223372036854775809,99999999999999999999]}",
					"{\"a\":[9223372036854775807,-9223372036854775808,9223372036854775807]}" },
	{ "fractions as written",	"{\"a\":[0.10,1e3,-2.5E-7]}",	"{\"a\":[0.10,1e3,-2.5E-7]}" },
	{ "escapes",			"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}" },
	{ "escaped key",		"{\"\\u0061\":1}",		"{\"a\":1}" },
	{ "characters by number",	"{\"a\":\"\\u00e4\\u20AC\\ud83d\\ude00\"}", "{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}" },
	{ "characters as they are",	"{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}", "{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}" },
	{ "brackets in a string",	"{\"a\":\"]},{[\"}",		"{\"a\":\"]},{[\"}" },
	{ "ends in a number",		"{\"a\":12}",			"{\"a\":12}" },
	{ "twelve deep",		"{\"a\":[[[[[[[[[[[1]]]]]]]]]]]}", "{\"a\":[[[[[[[[[[[1]]]]]]]]]]]}" },

	{ "empty",			"",				NULL, "empty" },
	{ "blanks",			" \n",				NULL, "empty" },
	{ "a word",			"null",				NULL, "must be an object" },
	{ "half a word",		"nul",				NULL, "must be an object" },
	{ "an array",			"[]",				NULL, "must be an object" },
	{ "a number",			"5",				NULL, "must be an object" },
	{ "thirteen deep",		"{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}", NULL, "nested more than 12 deep" },
	{ "ends: object",		"{",				NULL, "it ends in the middle, in line 1" },
	{ "ends: key",			"{\"a",				NULL, "it ends in the middle" },
	{ "ends: colon",		"{\"a\"",			NULL, "it ends in the middle" },
	{ "ends: value",		"{\"a\":",			NULL, "it ends in the middle" },
	{ "ends: half a word",		"{\"a\":tru",			NULL, "it ends in the middle" },
	{ "ends: minus",		"{\"a\":-",			NULL, "it ends in the middle" },
	{ "ends: point",		"{\"a\":1.",			NULL, "it ends in the middle" },
	{ "ends: exponent",		"{\"a\":1e",			NULL, "it ends in the middle" },
	{ "ends: escape",		"{\"a\":\"\\",			NULL, "it ends in the middle" },
	{ "ends: second line",		"{\n\"a\":[",			NULL, "it ends in the middle, in line 2" },
	{ "a word misspelt",		"{\"a\":trux}",			NULL, "line 1, column 6: not JSON" },
	{ "a word in capitals",		"{\"a\":True}",			NULL, "line 1, column 6: not JSON" },
	{ "not a number",		"{\"a\":NaN}",			NULL, "not JSON" },
	{ "infinite",			"{\"a\":-Infinity}",		NULL, "not JSON" },
	{ "leading zero",		"{\"a\":01}",			NULL, "not JSON (a number was expected)" },
	{ "plus",			"{\"a\":+1}",			NULL, "not JSON" },
	{ "no digit before the point",	"{\"a\":.5}",			NULL, "not JSON" },
	{ "no digit after it",		"{\"a\":1.}",			NULL, "not JSON (digits were expected)" },
	{ "no exponent",		"{\"a\":1e+}",			NULL, "not JSON (digits were expected)" },
	{ "hexadecimal",		"{\"a\":0x10}",			NULL, "line 1, column 7: not JSON" },
	{ "comma too many, object",	"{\"a\":1,}",			NULL, "a string in double quotes was expected" },
	{ "comma too many, array",	"{\"a\":[1,]}",			NULL, "line 1, column 9: not JSON" },
	{ "comma missing",		"{\"a\":1 \"b\":2}",		NULL, "a comma or a closing brace was expected" },
	{ "the wrong bracket",		"{\"a\":[1}",			NULL, "a comma or a closing bracket was expected" },
	{ "no colon",			"{\"a\" 1}",			NULL, "a colon was expected" },
	{ "a key without quotes",	"{a:1}",			NULL, "line 1, column 2: not JSON" },
	{ "a comment",			"{/* x */}",			NULL, "line 1, column 2: not JSON" },
	{ "behind the document",	"{} {}",			NULL, "line 1, column 4: not JSON" },
	{ "a tab in a string",		"{\"a\":\"\t\"}",		NULL, "a control character in a string" },
	{ "no such escape",		"{\"a\":\"\\x\"}",		NULL, "no such escape" },
	{ "too few digits",		"{\"a\":\"\\u12\"}",		NULL, "four digits" },
	{ "digits that are none",	"{\"a\":\"\\u12g4\"}",		NULL, "four digits" },
	{ "half a pair",		"{\"a\":\"\\ud83d\"}",		NULL, "four digits of a character" },
	{ "the other half",		"{\"a\":\"\\ude00\"}",		NULL, "four digits of a character" },
	{ "half a pair and a letter",	"{\"a\":\"\\ud83d\\u0041\"}",	NULL, "four digits of a character" },
	{ "a zero character",		"{\"a\":{\"b\":\"\\u0000\"}}",	NULL, "a.b: a string has a zero character in it" },
	{ "a stray byte",		"{\"a\":\"\x80\"}",		NULL, "not UTF-8" },
	{ "longer than need be",	"{\"a\":\"\xc0\xaf\"}",		NULL, "not UTF-8" },
	{ "longer than need be, three",	"{\"a\":\"\xe0\x80\xaf\"}",	NULL, "not UTF-8" },
	{ "a surrogate as it is",	"{\"a\":\"\xed\xa0\x80\"}",	NULL, "not UTF-8" },
	{ "beyond Unicode",		"{\"a\":\"\xf4\x90\x80\x80\"}",	NULL, "not UTF-8" },
	{ "cut in a character",		"{\"a\":\"\xe2\x82\"}",		NULL, "not UTF-8" },
	{ "twice",			"{\"a\":[{\"b\":1,\"c\":2,\"b\":1}]}", NULL, "a[0].b: given twice" },
	{ "twice, once escaped",	"{\"a\":1,\"\\u0061\":1}",	NULL, "a: given twice" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(values_done) struct values values = { NULL };
		size_t length = strlen(cases[i].text);
		_cleanup_(freep) char *text = malloc(length + 1);	/* no zero byte behind it: a reader that goes on is caught */
		struct json_object *json = NULL;
		int r;

		CASE(cases[i].name);
		if (!EXPECT(text))
			return;
		memcpy(text, cases[i].text, length);
		text[length] = '"';
		r = values_parse(text, length, &values, &err);
		EXPECT_INT(r, cases[i].json ? 0 : -EBADMSG);
		if (!cases[i].json && !EXPECT(err && strstr(err->text, cases[i].error)))
			fprintf(stderr, "    it says: %s\n", err ? err->text : "nothing");
		if (r < 0 || !cases[i].json)
			continue;
		EXPECT_INT(value_json(values.top, &json), 0);
		EXPECT_STR(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), cases[i].json);
		json_object_put(json);
	}
}

static void test_get(void)
{
	static const char text[] = "{\"ab\":1,\"a\":\"x\\ty\",\"list\":[[],{},true]}";
	_cleanup_(values_done) struct values values = { NULL };
	const struct value *v;

	CASE("members");
	if (!EXPECT(values_parse(text, strlen(text), &values, NULL) == 0))
		return;
	EXPECT_INT(values.top->n, 3);
	v = value_get(values.top, "ab");
	EXPECT(v && v->type == VALUE_INT && v->number == 1);
	v = value_get(values.top, "a");
	EXPECT(v && v->n == 3);
	EXPECT_STR(v ? v->text : NULL, "x\ty");
	EXPECT(!value_get(values.top, "abc") && !value_get(values.top, ""));
	v = value_get(values.top, "list");
	EXPECT(v && v->n == 3);
	EXPECT_STR(value_type_name(v->first), "array");
	EXPECT_STR(value_type_name(v->first->next), "object");
	EXPECT_STR(value_type_name(v->first->next->next), "boolean");
	EXPECT(!v->first->next->next->next && !v->first->key);
}

/* As dense as values can be, so that more than one block is needed; and too many keys. */
static void test_many(void)
{
	enum { N = 100000 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(values_done) struct values values = { NULL }, none = { NULL };
	_cleanup_(freep) char *text = malloc(2 * N + 16);
	const struct value *list;
	size_t n, seen = 0;

	CASE("many values");
	if (!EXPECT(text))
		return;
	n = (size_t)sprintf(text, "{\"a\":[0");
	for (size_t i = 1; i < N; i++)
		n += (size_t)sprintf(text + n, ",%d", (int)(i % 10));
	n += (size_t)sprintf(text + n, "]}");
	EXPECT_INT(values_parse(text, n, &values, NULL), 0);
	list = value_get(values.top, "a");
	for (const struct value *v = list->first; v; v = v->next, seen++)
		if (v->number != (int64_t)(seen % 10))
			break;
	EXPECT_INT(seen, N);
	EXPECT_INT(list->n, N);
	CASE("many keys");
	n = (size_t)sprintf(text, "{\"a\":{\"k\":0");
	for (size_t i = 0; i < 64; i++)
		n += (size_t)sprintf(text + n, ",\"%zu\":0", i);
	n += (size_t)sprintf(text + n, "}}");
	EXPECT_INT(values_parse(text, n, &none, &err), -EBADMSG);
	EXPECT_STR(err ? err->text : NULL, "a: more than 64 keys in one object");
}

int main(void)
{
	test_cases();
	test_get();
	test_many();
	return expect_result();
}
