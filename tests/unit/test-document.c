/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reservation documents: what is read, and the place and rule that each wrong one is told. */
#include "document.h"
#include "expect.h"

#define ONE "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"}"
#define MEMORY(members) "{\"memory\":{" members "},\"reservations\":[" ONE "]}"
#define DOC(entries) "{\"reservations\":[" entries "]}"
#define ENTRY(more) DOC("{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"," more "}")

static const struct {
	const char *name;
	const char *text;
	const char *error;	/* a part of it; NULL = it is read */
} cases[] = {
	{ "least",			DOC(ONE),			NULL },
	{ "blanks around it",		" \n\t" DOC(ONE) "\r\n ",	NULL },
	{ "escaped key, still known",	DOC("{\"\\u0074hread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"}"), NULL },
	{ "brackets in a string",	DOC("{\"thread\":\"]}\\\",{\",\"budget\":\"4ms\",\"period\":\"10ms\"}"), NULL },
	{ "backslash at a string's end", DOC("{\"thread\":\"a\\\\\",\"budget\":\"4ms\",\"period\":\"10ms\"}"), NULL },

	{ "a name with an umlaut",	"{\"domain\":\"b\xc3\xa4r\",\"reservations\":[" ONE "]}", NULL },

	{ "memory",			MEMORY("\"size\":\"1GiB\",\"cache_colors\":4,\"banks\":\"0-1\",\"exclusive\":true,\"cache_ways\":2"), NULL },
	{ "ways alone",			MEMORY("\"cache_ways\":64"),	NULL },
	{ "memory: null",		"{\"memory\":null,\"reservations\":[" ONE "]}", "memory: must be an object, not null" },
	{ "memory: no size",		MEMORY("\"cache_colors\":4"),	"memory.size: missing" },
	{ "memory: nothing",		MEMORY(""),			"memory.size: missing" },
	{ "memory: size 0",		MEMORY("\"size\":\"0MiB\""),	"memory.size: 0MiB: whole pages" },
	{ "memory: half a page",	MEMORY("\"size\":\"4097B\""),	"memory.size: 4097B: whole pages" },
	{ "memory: no unit",		MEMORY("\"size\":\"512\""),	"memory.size: 512: must be a whole number and its unit: B" },
	{ "memory: too large",		MEMORY("\"size\":\"99999999999TiB\""), "too large" },
	{ "memory: a number",		MEMORY("\"size\":512"),		"memory.size: must be a string, not int" },
	{ "memory: unknown",		MEMORY("\"size\":\"1GiB\",\"colors\":4"), "memory.colors: unknown key" },
	{ "no colours",			MEMORY("\"size\":\"1GiB\",\"cache_colors\":0"), "memory.cache_colors: must be from 1 to" },
	{ "colours: a word",		MEMORY("\"size\":\"1GiB\",\"cache_colors\":\"red\""), "memory.cache_colors: \"red\": a number of them" },
	{ "colours: empty",		MEMORY("\"size\":\"1GiB\",\"cache_colors\":\"\""), "memory.cache_colors: \"\": a number of them" },
	{ "banks: true",		MEMORY("\"size\":\"1GiB\",\"banks\":true"), "memory.banks: must be a number of them or a list" },
	{ "exclusive: which?",		MEMORY("\"size\":\"1GiB\",\"exclusive\":true"), "cache_colors is missing" },
	{ "layout",			MEMORY("\"size\":\"1GiB\",\"cache_colors\":4,\"layout\":\"preserve\""), NULL },
	{ "layout: none",		MEMORY("\"size\":\"1GiB\",\"layout\":\"none\""), "memory.layout: \"none\": preserve or any" },
	{ "layout: true",		MEMORY("\"size\":\"1GiB\",\"layout\":true"), "memory.layout" },
	{ "exclusive: 1",		MEMORY("\"size\":\"1GiB\",\"cache_colors\":1,\"exclusive\":1"), "memory.exclusive: must be true or false" },
	{ "too many ways",		MEMORY("\"cache_ways\":65"),	"memory.cache_ways: must be from 1 to 64" },
	{ "ways: text",			MEMORY("\"cache_ways\":\"4\""),	"memory.cache_ways: must be a number, not string" },
	{ "memory twice",		"{\"memory\":{\"cache_ways\":1},\"memory\":{\"cache_ways\":1},\"reservations\":[" ONE "]}", "memory: given twice" },

	{ "empty",			"",				"empty" },
	{ "blanks",			"  \n ",			"empty" },
	{ "cut",			"{\"reservations\":[" ONE,	"it ends in the middle, in line 1" },
	{ "cut in a string",		"{\"reser",			"it ends in the middle" },
	{ "garbage",			"reserve!",			"line 1, column 1: not JSON" },
	{ "a comma too many",		"{\"reservations\":[" ONE ",]}", "not JSON" },
	{ "single quotes",		"{'reservations':[]}",		"a string in double quotes was expected" },
	{ "single quotes, a value",	"{\"domain\":'rt'}",		"line 1, column 11: not JSON" },
	{ "a comment",			"{\n/* x */}",			"line 2, column 1: not JSON" },
	{ "two documents",		DOC(ONE) DOC(ONE),		"not JSON" },
	{ "something behind it",	DOC(ONE) " x",			"not JSON" },
	{ "no UTF-8",			"{\"domain\":\"\xff\",\"reservations\":[" ONE "]}", "not JSON" },
	{ "a string",			"\"rt\"",			"must be an object" },
	{ "null",			"null",				"must be an object" },
	{ "null and a newline",		"null\n",			"must be an object" },
	{ "a number",			"5",				"must be an object" },

	{ "no reservations",		"{}",				"reservations: missing" },
	{ "reservations: an object",	"{\"reservations\":{}}",	"reservations: must be an array, not object" },
	{ "reservations: null",		"{\"reservations\":null}",	"reservations: must be an array, not null" },
	{ "reservations: none",		DOC(""),			"reservations: empty, there is nothing to reserve" },
	{ "an entry that is none",	DOC(ONE ",7"),			"reservations[1]: must be an object, not int" },
	{ "domain: a number",		"{\"domain\":1,\"reservations\":[" ONE "]}", "domain: must be a string, not int" },
	{ "domain: empty",		"{\"domain\":\"\",\"reservations\":[" ONE "]}", "domain: empty" },

	{ "unknown, near",		ENTRY("\"perod\":\"1ms\""),	"reservations[0].perod: unknown key, did you mean period?" },
	{ "unknown, far",		ENTRY("\"colour\":1"),		"reservations[0].colour: unknown key" },
	{ "unknown on top",		"{\"Domain\":\"rt\",\"reservations\":[" ONE "]}", "Domain: unknown key, did you mean domain?" },
	{ "twice",			ENTRY("\"budget\":\"4ms\""),	"reservations[0].budget: given twice" },
	{ "twice, once escaped",	ENTRY("\"b\\u0075dget\":\"4ms\""), "reservations[0].budget: given twice" },
	{ "twice on top",		"{\"reservations\":[],\"reservations\":[" ONE "]}", "reservations: given twice" },
	{ "twice, deep in the unknown",	"{\"x\":[{\"y\":{\"z\":1,\"z\":2}}],\"reservations\":[" ONE "]}", "x[0].y.z: given twice" },
	{ "a zero character in a key",	ENTRY("\"soft\\u0000x\":true"),	"a string has a zero character in it" },
	{ "a zero character in a value", "{\"domain\":\"rt\\u0000x\",\"reservations\":[" ONE "]}", "domain: a string has a zero character" },

	{ "no thread",			DOC("{\"budget\":\"4ms\",\"period\":\"10ms\"}"), "reservations[0].thread: missing" },
	{ "no budget",			DOC("{\"thread\":\"vcpu0\",\"period\":\"10ms\"}"), "reservations[0].budget: missing" },
	{ "no period",			DOC(ONE ",{\"thread\":\"vcpu0\",\"budget\":\"4ms\"}"), "reservations[1].period: missing" },
	{ "thread: a number",		DOC("{\"thread\":0,\"budget\":\"4ms\",\"period\":\"10ms\"}"), "reservations[0].thread: must be a string, not int" },
	{ "thread: empty",		DOC("{\"thread\":\"\",\"budget\":\"4ms\",\"period\":\"10ms\"}"), "reservations[0].thread: empty" },
	{ "budget: a number",		DOC("{\"thread\":\"vcpu0\",\"budget\":4,\"period\":\"10ms\"}"), "reservations[0].budget: must be a string, not int" },
	{ "budget: no unit",		DOC("{\"thread\":\"vcpu0\",\"budget\":\"4\",\"period\":\"10ms\"}"), "reservations[0].budget: 4: the unit is missing" },
	{ "budget: negative",		DOC("{\"thread\":\"vcpu0\",\"budget\":\"-4ms\",\"period\":\"10ms\"}"), "reservations[0].budget: -4ms: a time has no sign" },
	{ "budget: overflow",		DOC("{\"thread\":\"vcpu0\",\"budget\":\"99999999999s\",\"period\":\"10ms\"}"), "reservations[0].budget: 99999999999s: too long" },
	{ "deadline: zero",		ENTRY("\"deadline\":\"0ms\""),	"reservations[0].deadline: 0ms: a deadline cannot be zero" },
	{ "deadline: null",		ENTRY("\"deadline\":null"),	"reservations[0].deadline: must be a string, not null" },
	{ "cpus: a number",		ENTRY("\"cpus\":2"),		"reservations[0].cpus: " },
	{ "cpus: no list",		ENTRY("\"cpus\":\"2-\""),	"reservations[0].cpus: 2-: not a list of numbers such as 2 or 2-3,5" },
	{ "soft: a string",		ENTRY("\"soft\":\"true\""),	"reservations[0].soft: must be true or false, not string" },
	{ "soft: a number",		ENTRY("\"soft\":1"),		"reservations[0].soft: must be true or false, not int" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(document_done) struct document document = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r;

		CASE(cases[i].name);
		r = document_parse(cases[i].text, strlen(cases[i].text), &document, &err);
		EXPECT_INT(r, cases[i].error ? -EBADMSG : 0);
		if (!cases[i].error)
			continue;
		EXPECT(document.requests.n == 0 && !document.domain);
		if (!EXPECT(err && strstr(err->text, cases[i].error)))
			fprintf(stderr, "    it says: %s\n", err ? err->text : "nothing");
		EXPECT(err && !strchr(err->text, '\n'));
	}
}

static void test_content(void)
{
	static const char text[] =
		"{\"domain\": \"rt\", \"reservations\": ["
		"{\"thread\": \"vcpu0\", \"budget\": \"4ms\", \"period\": \"10ms\", \"deadline\": \"8ms\", \"soft\": true},"
		"{\"soft\": false, \"period\": \"0.02s\", \"budget\": \"2.5ms\", \"thread\": \"emulator\"}]}";
	_cleanup_(document_done) struct document document = { 0 };

	CASE("what was read");
	if (!EXPECT(document_parse(text, strlen(text), &document, NULL) == 0) || !EXPECT(document.requests.n == 2))
		return;
	EXPECT_STR(document.domain, "rt");
	EXPECT_STR(document.requests.items[0].thread, "vcpu0");
	EXPECT_INT(document.requests.items[0].budget_ns, 4000000);
	EXPECT_INT(document.requests.items[0].period_ns, 10000000);
	EXPECT_INT(document.requests.items[0].deadline_ns, 8000000);
	EXPECT_INT(document.requests.items[0].flags, 1);
	EXPECT_STR(document.requests.items[1].thread, "emulator");
	EXPECT_INT(document.requests.items[1].budget_ns, 2500000);
	EXPECT_INT(document.requests.items[1].period_ns, 20000000);
	EXPECT_INT(document.requests.items[1].deadline_ns, 0);
	EXPECT_INT(document.requests.items[1].flags, 0);
	EXPECT(!document.memory.wanted && document.memory.ways == 0);
}

static void test_memory(void)
{
	static const char text[] = MEMORY("\"size\": \"1GiB\", \"cache_colors\": 4, \"banks\": \"0-1,3\", \"exclusive\": true, "
					   "\"layout\": \"preserve\", \"cache_ways\": 2");
	static const char ways[] = MEMORY("\"cache_ways\": 3");
	_cleanup_(document_done) struct document document = { 0 }, other = { 0 };

	CASE("memory");
	if (!EXPECT(document_parse(text, strlen(text), &document, NULL) == 0))
		return;
	EXPECT(document.memory.wanted && document.memory.exclusive && document.memory.preserve);
	EXPECT_INT(document.memory.bytes, 1LL << 30);
	EXPECT_STR(document.memory.colors, "4");
	EXPECT_STR(document.memory.banks, "0-1,3");
	EXPECT_INT(document.memory.ways, 2);
	CASE("ways of the cache alone ask for no memory");
	EXPECT_INT(document_parse(ways, strlen(ways), &other, NULL), 0);
	EXPECT(!other.memory.wanted);
	EXPECT_INT(other.memory.ways, 3);
}

/* Too large, too deep, too many, a zero byte. */
static void test_excess(void)
{
	_cleanup_(freep) char *text = malloc(DOCUMENT_SIZE_MAX + 1);
	_cleanup_(vr_error_freep) struct vr_error *large = NULL, *deep = NULL, *zero = NULL, *many = NULL;
	_cleanup_(document_done) struct document document = { 0 };
	size_t n;

	if (!EXPECT(text))
		return;
	CASE("too large");
	memset(text, ' ', DOCUMENT_SIZE_MAX + 1);
	EXPECT_INT(document_parse(text, DOCUMENT_SIZE_MAX + 1, &document, &large), -EBADMSG);
	EXPECT(large && strstr(large->text, "larger than 1048576 bytes"));
	CASE("too deep");
	memset(text, '[', DOCUMENT_SIZE_MAX);
	EXPECT_INT(document_parse(text, DOCUMENT_SIZE_MAX, &document, &deep), -EBADMSG);
	EXPECT(deep && strstr(deep->text, "nested more than 12 deep"));
	CASE("a zero byte");
	EXPECT_INT(document_parse(DOC(ONE) "\0x", strlen(DOC(ONE)) + 2, &document, &zero), -EBADMSG);
	EXPECT(zero && strstr(zero->text, "a zero byte in it"));
	CASE("too many");
	n = (size_t)sprintf(text, "{\"reservations\":[0");
	for (size_t i = 0; i < REQUEST_THREADS_MAX; i++)
		n += (size_t)sprintf(text + n, ",0");
	n += (size_t)sprintf(text + n, "]}");
	EXPECT_INT(document_parse(text, n, &document, &many), -EBADMSG);
	EXPECT(many && strstr(many->text, "reservations: more than 4096 threads"));
}

int main(void)
{
	test_cases();
	test_content();
	test_memory();
	test_excess();
	return expect_result();
}
