/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers as JSON trees: names of members, what must be there, structs that get names. */
#include "answer.h"
#include "expect.h"

static void test_names(void)
{
	static const struct {
		const char *dbus, *want;
	} cases[] = {
		{ "",			"" },
		{ "Name",		"name" },
		{ "BudgetNSec",		"budget_ns" },
		{ "AtNSec",		"at_ns" },
		{ "RTRuntimeUSec",	"rt_runtime_us" },
		{ "NSec",		"n_sec" },
		{ "TID",		"tid" },
		{ "CPUs",		"cpus" },
		{ "NCPUs",		"ncpus" },
		{ "VCPUsUnknown",	"vcpus_unknown" },
		{ "NReservations",	"n_reservations" },
		{ "HRTickDL",		"hr_tick_dl" },
		{ "PreemptRT",		"preempt_rt" },
		{ "WorstLateNSec",	"worst_late_ns" },
		{ "KernelLimit",	"kernel_limit" },
		{ "LHS",		"lhs" },
		{ "already_fine",	"already_fine" },
		{ "X",			"x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *name = answer_key_name(cases[i].dbus);

		CASE(cases[i].dbus);
		EXPECT_STR(name, cases[i].want);
	}
}

static void test_check(void)
{
	static const struct {
		const char *name, *json;
		int r;
		const char *error;
	} cases[] = {
		{ "whole",	"{\"s\": \"x\", \"t\": 1, \"x\": -1, \"b\": true, \"a\": []}", 0, NULL },
		{ "more than needed", "{\"s\": \"x\", \"t\": 1, \"x\": -1, \"b\": true, \"a\": [], \"new\": {}}", 0, NULL },
		{ "largest",	"{\"s\": \"\", \"t\": 18446744073709551615, \"x\": 0, \"b\": false, \"a\": [1]}", 0, NULL },
		{ "missing",	"{\"s\": \"x\", \"t\": 1, \"x\": -1, \"b\": true}", -EBADMSG, "lacks a;" },
		{ "null",	"{\"s\": null, \"t\": 1, \"x\": -1, \"b\": true, \"a\": []}", -EBADMSG, "has s of another type;" },
		{ "negative",	"{\"s\": \"x\", \"t\": -1, \"x\": -1, \"b\": true, \"a\": []}", -EBADMSG, "has t of another type;" },
		{ "a string for a number", "{\"s\": \"x\", \"t\": \"1\", \"x\": -1, \"b\": true, \"a\": []}", -EBADMSG, "has t of" },
		{ "a number for a bool", "{\"s\": \"x\", \"t\": 1, \"x\": -1, \"b\": 1, \"a\": []}", -EBADMSG, "has b of" },
		{ "empty",	"{}", -EBADMSG, "virtrkd's answer to Ask lacks s;" },
	};
	static const struct answer_key keys[] = { { "s", 's' }, { "t", 't' }, { "x", 'x' }, { "b", 'b' }, { "a", 'a' } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(json_object_putp) struct json_object *json = json_tokener_parse(cases[i].json);
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].name);
		EXPECT_INT(answer_check(json, "Ask", keys, ARRAY_SIZE(keys), &err), cases[i].r);
		EXPECT(cases[i].error ? err && strstr(err->text, cases[i].error) : !err);
	}
}

static void test_members(void)
{
	static const struct {
		const char *name, *json;
		int r;
		const char *want;
	} cases[] = {
		{ "none",		"[]",			0,		"[]" },
		{ "two",		"[[\"a\",1],[\"b\",2]]", 0,		"[{\"name\":\"a\",\"pid\":1},{\"name\":\"b\",\"pid\":2}]" },
		{ "too short",		"[[\"a\"]]",		-EBADMSG,	NULL },
		{ "too long is newer",	"[[\"a\",1,2]]",	0,		"[{\"name\":\"a\",\"pid\":1}]" },
		{ "another type",	"[[1,\"a\"]]",		-EBADMSG,	NULL },
		{ "no lists in it",	"[\"a\"]",		-EBADMSG,	NULL },
	};
	static const struct answer_key keys[] = { { "name", 's' }, { "pid", 't' } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(json_object_putp) struct json_object *rows = json_tokener_parse(cases[i].json), *named = NULL;
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].name);
		EXPECT_INT(answer_name_members(rows, "Ask", keys, ARRAY_SIZE(keys), &named, &err), cases[i].r);
		EXPECT(!!err == (cases[i].r < 0));
		if (cases[i].r == 0)
			EXPECT_STR(json_object_to_json_string_ext(named, JSON_C_TO_STRING_PLAIN), cases[i].want);
	}
}

static void test_null(void)
{
	_cleanup_(json_object_putp) struct json_object *json = json_tokener_parse("{\"limit\": 18446744073709551615, \"used\": 5}");

	CASE("a number that means none");
	EXPECT_INT(answer_u64(json, "used"), 5);
	EXPECT(answer_u64(json, "limit") == UINT64_MAX);
	answer_null_if(json, "limit", UINT64_MAX);
	answer_null_if(json, "used", UINT64_MAX);
	EXPECT(answer_is_null(json, "limit"));
	EXPECT(!answer_is_null(json, "used"));
}

int main(void)
{
	test_names();
	test_check();
	test_members();
	test_null();
	return expect_result();
}
