/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a system description: what is read, the place and rule of what is wrong, and what is told of a no. */
#include "expect.h"
#include "system-judge.h"
#include "system-memory.h"
#include "system-plan.h"

#define FOUR "{\"size\":\"4GiB\",\"colors\":4}"
#define DOC(host, vms) "{\"host\":{\"fair_server\":false,\"memory\":" host "},\"vms\":[" vms "]}"
#define VM(name, memory) "{\"name\":\"" name "\",\"memory\":{" memory "},\"vcpus\":[]}"
#define ONE(host, memory) DOC(host, VM("a", memory))
#define TWO(host, a, b) DOC(host, VM("a", a) "," VM("b", b))

static const struct {
	const char *name;
	const char *text;
	const char *error;		/* NULL = it is read */
} cases[] = {
	{ "size alone", ONE(FOUR, "\"size\":\"1GiB\""), NULL },
	{ "whole bytes", ONE(FOUR, "\"size\":4097"), NULL },
	{ "everything", ONE(FOUR, "\"size\":\"1GiB\",\"cache_colors\":[3,0],\"banks\":[0],\"exclusive\":true"), NULL },
	{ "numbers", ONE(FOUR, "\"size\":\"1GiB\",\"cache_colors\":4,\"banks\":1"), NULL },
	{ "capacities", ONE("{\"colors\":2,\"banks\":2,\"capacities\":[[\"1MiB\",0],[0,\"1MiB\"]]}", "\"size\":\"1MiB\""), NULL },
	{ "no VM has any", DOC(FOUR, "{\"name\":\"a\",\"vcpus\":[]}"), NULL },
	{ "nothing for the host", "{\"host\":{},\"vms\":[" VM("a", "\"size\":1") "]}", "vms[0].memory: the host has none" },
	{ "no size", ONE(FOUR, "\"banks\":1"), "vms[0].memory.size: missing" },
	{ "no size of the host", ONE("{\"colors\":4}", "\"size\":1"), "host.memory: needs size or capacities" },
	{ "two sizes of the host", ONE("{\"size\":1,\"capacities\":[[1]]}", "\"size\":1"), "host.memory: needs size or capacities, and not both" },
	{ "zero", ONE(FOUR, "\"size\":0"), "vms[0].memory.size: must be above zero" },
	{ "negative", ONE(FOUR, "\"size\":-1"), "vms[0].memory.size: must be from 0 to" },
	{ "no unit", ONE(FOUR, "\"size\":\"12\""), "vms[0].memory.size: must be a whole number and its unit" },
	{ "megabytes", ONE(FOUR, "\"size\":\"12MB\""), "vms[0].memory.size: must be a whole number and its unit" },
	{ "too large", ONE(FOUR, "\"size\":\"999999999TiB\""), "vms[0].memory.size: too large" },
	{ "more than frames are counted", ONE(FOUR, "\"size\":\"65536TiB\""), "vms[0].memory.size: too large" },
	{ "a size that is an array", ONE(FOUR, "\"size\":[1]"), "vms[0].memory.size: must be an amount" },
	{ "a colour beyond", ONE(FOUR, "\"size\":1,\"cache_colors\":[4]"), "vms[0].memory.cache_colors[0]: must be a whole number from 0 to 3" },
	{ "a colour below", ONE(FOUR, "\"size\":1,\"cache_colors\":[1,-1]"), "vms[0].memory.cache_colors[1]: must be" },
	{ "a colour twice", ONE(FOUR, "\"size\":1,\"cache_colors\":[1,1]"), "vms[0].memory.cache_colors[1]: given twice" },
	{ "no colour", ONE(FOUR, "\"size\":1,\"cache_colors\":[]"), "vms[0].memory.cache_colors: must be a number" },
	{ "zero colours", ONE(FOUR, "\"size\":1,\"cache_colors\":0"), "vms[0].memory.cache_colors: must be from 1 to the host's 4" },
	{ "more colours than there are", ONE(FOUR, "\"size\":1,\"cache_colors\":5"), "must be from 1 to the host's 4" },
	{ "colours in words", ONE(FOUR, "\"size\":1,\"cache_colors\":\"all\""), "vms[0].memory.cache_colors: must be a number" },
	{ "a bank beyond", ONE(FOUR, "\"size\":1,\"banks\":[1]"), "vms[0].memory.banks[0]: must be a whole number from 0 to 0" },
	{ "its own, but what", ONE(FOUR, "\"size\":1,\"exclusive\":true"), "vms[0].memory.exclusive: of what?" },
	{ "its own, a number", ONE(FOUR, "\"size\":1,\"exclusive\":1"), "vms[0].memory.exclusive: must be true or false" },
	{ "the American for it", ONE(FOUR, "\"size\":1,\"cache_colours\":2"), "vms[0].memory.cache_colours: unknown key" },
	{ "colours of the host: none", ONE("{\"size\":1,\"colors\":0}", "\"size\":1"), "host.memory.colors: must be a whole number from 1" },
	{ "too many pairs", ONE("{\"size\":1,\"colors\":1024,\"banks\":65}", "\"size\":1"), "host.memory: more than 65536 pairs" },
	{ "a row too few", ONE("{\"colors\":2,\"capacities\":[[1]]}", "\"size\":1"), "host.memory.capacities: must be an array of 2 arrays" },
	{ "a bank too many", ONE("{\"colors\":1,\"capacities\":[[1,2]]}", "\"size\":1"), "host.memory.capacities[0]: must be an array of 1 amounts" },
	{ "an amount that is none", ONE("{\"capacities\":[[true]]}", "\"size\":1"), "host.memory.capacities[0][0]: must be an amount" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(system_document_done) struct system_document d = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r = system_document_parse(cases[i].text, strlen(cases[i].text), &d, &err);

		CASE(cases[i].name);
		EXPECT_INT(r, cases[i].error ? -EBADMSG : 0);
		if (cases[i].error && !EXPECT(err && strstr(err->text, cases[i].error)) && err)
			fprintf(stderr, "  it is: %s\n", err->text);
	}
}

/* Judged as it stands (by the plan, where numbers are left to choose): the reason and the repair, or yes. */
static const struct {
	const char *name;
	const char *text;
	bool plan;
	uint64_t lhs, rhs;
	const char *reason, *repair;	/* NULL = yes */
} judged[] = {
	{ "fits", ONE(FOUR, "\"size\":\"4GiB\""), false, 0, 0, NULL, NULL },
	{ "a byte too much", ONE(FOUR, "\"size\":4294967297"), false, 4294971392, 4294967296,
	  "memory: a wants 4194308KiB, and all page frames that it may have are 4GiB", "give a 1B less (then 4GiB)" },
	{ "too few colours", ONE(FOUR, "\"size\":\"3GiB\",\"cache_colors\":[2]"), false, 3ULL << 30, 1ULL << 30,
	  "memory: a wants 3GiB, and all page frames that it may have are 1GiB", "give a 2 more cache colours (then 0-2), or 2GiB less (then 1GiB)" },
	{ "two in one", TWO(FOUR, "\"size\":\"1GiB\",\"cache_colors\":[1]", "\"size\":\"512MiB\",\"cache_colors\":[1]"), false, 3ULL << 29, 1ULL << 30,
	  "memory: a and b want 1536MiB, and all page frames that they may have are 1GiB", "give b 1 more cache colour (then 0-1)" },
	{ "its own", TWO(FOUR, "\"size\":\"1GiB\",\"cache_colors\":[0,1],\"exclusive\":true", "\"size\":\"2GiB\""), false, 0, 0, NULL, NULL },
	{ "what others have for themselves is not there", TWO(FOUR, "\"size\":\"1GiB\",\"cache_colors\":[0,1],\"exclusive\":true", "\"size\":\"3GiB\""),
	  false, 3ULL << 30, 2ULL << 30, "memory: b wants 3GiB, and all page frames that it may have are 2GiB", "give b 1GiB less (then 2GiB)" },
	{ "its own, named by another", TWO(FOUR, "\"size\":1,\"cache_colors\":[0,1],\"exclusive\":true", "\"size\":1,\"cache_colors\":[1,2]"), false, 2, 1,
	  "memory: a and b both have cache colour 1, which the first wants for itself", "give b only the cache colours 2" },
	{ "everything is somebody's own", TWO(FOUR, "\"size\":1,\"cache_colors\":[0,1,2,3],\"exclusive\":true", "\"size\":1"), false, 2, 1,
	  "memory: a and b both have cache colour 0", "no change of one of them alone" },
	{ "numbers", TWO(FOUR, "\"size\":\"2GiB\",\"cache_colors\":2,\"exclusive\":true", "\"size\":\"2GiB\",\"cache_colors\":2,\"exclusive\":true"), true,
	  0, 0, NULL, NULL },
	{ "numbers that are too large", TWO(FOUR, "\"size\":1,\"cache_colors\":2,\"exclusive\":true", "\"size\":1,\"cache_colors\":3,\"exclusive\":true"),
	  true, 2, 1, "memory: a wants 2 cache colours, and not so many are left", "fewer for themselves" },
	{ "numbers that are too small", ONE(FOUR, "\"size\":\"2GiB\",\"cache_colors\":1"), true, 2ULL << 30, 1ULL << 30,
	  "memory: a wants 2GiB", "give a 1 more cache colour (then 0-1), or 1GiB less (then 1GiB)" },
	{ "nothing is left to choose", TWO(FOUR, "\"size\":1,\"cache_colors\":4,\"exclusive\":true", "\"size\":1"), true, 2, 1,
	  "nothing is left for b", "let b share" },
};

static void test_judged(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
		_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 };
		_cleanup_(system_document_done) struct system_document d = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(judged[i].name);
		if (!EXPECT_INT(system_document_parse(judged[i].text, strlen(judged[i].text), &d, &err), 0))
			continue;
		if (judged[i].plan) {
			EXPECT_INT(system_judge(&d, &result, &err), -EBADMSG);
			EXPECT(err && strstr(err->text, "virtrk plan finds them"));
			EXPECT_INT(system_plan_make(&d, SYSTEM_POLICY_SPREAD, &result, &refusal, NULL), 0);
			EXPECT(refusal.reason ? !result.ok : result.ok);
		} else {
			EXPECT_INT(system_judge(&d, &result, &err), 0);
			EXPECT_INT(result.ok, !judged[i].reason);
			EXPECT_INT(system_refusal_find(&d, &result, &refusal), 0);
		}
		EXPECT_INT(!refusal.reason, !judged[i].reason);
		if (!refusal.reason || !judged[i].reason)
			continue;
		EXPECT_STR(vrk_test_name(refusal.verdict.test), "memory");
		EXPECT_INT(refusal.verdict.lhs, judged[i].lhs);
		EXPECT_INT(refusal.verdict.rhs, judged[i].rhs);
		if (!EXPECT(strstr(refusal.reason, judged[i].reason)) || !EXPECT(strstr(refusal.repair, judged[i].repair)))
			fprintf(stderr, "  it is: %s / %s\n", refusal.reason, refusal.repair);
	}
}

int main(void)
{
	test_cases();
	test_judged();
	return expect_result();
}
