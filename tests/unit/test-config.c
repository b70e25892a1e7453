/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's reservation file: what is read, and the one line for each thing that is wrong with it. */
#include <stdio.h>
#include <string.h>

#include "config.h"

#define HEAD "{\"reservations\":["
#define MEMORY(members) "{\"memory\":{" members "},\"reservations\":[" GOOD "]}"
#define GOOD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"}"

static const struct {
	const char *name;
	const char *text;
	const char *words;	/* NULL = it is good */
} cases[] = {
	{ "least",		 HEAD GOOD "]}", NULL },
	{ "all keys",		 "{\"domain\":\"rt\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"4ms\","
				 "\"period\":\"10ms\",\"deadline\":\"8ms\",\"soft\":true}]}", NULL },
	{ "name with an umlaut", "{\"domain\":\"b\xc3\xa4r\",\"reservations\":[" GOOD "]}", NULL },
	{ "no UTF-8",		 "{\"domain\":\"\xff\",\"reservations\":[" GOOD "]}", "no JSON" },
	{ "white space after",	 HEAD GOOD "]}\n \n", NULL },
	{ "empty",		 "", "no JSON" },
	{ "cut off",		 HEAD GOOD, "no JSON" },
	{ "something follows",	 HEAD GOOD "]} x", "no JSON" },
	{ "array",		 "[]", "expected an object" },
	{ "nothing in it",	 "{}", "reservations is missing" },
	{ "no entries",		 HEAD "]}", "1 to 1024 entries" },
	{ "unknown key",	 "{\"reservation\":[]}", "reservation: unknown key" },
	{ "unknown key inside",	 HEAD "{\"thread\":\"vcpu0\",\"budgte\":\"4ms\"}]}", "reservations[0].budgte: unknown key" },
	{ "doubled key",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"budget\":\"5ms\",\"period\":\"10ms\"}]}",
				 "reservations[0].budget: the key stands twice" },
	{ "doubled thread",	 HEAD GOOD "," GOOD "]}", "reservations[1].thread: vcpu0 stands twice" },
	{ "no thread",		 HEAD "{\"budget\":\"4ms\",\"period\":\"10ms\"}]}", "thread is missing" },
	{ "no budget",		 HEAD "{\"thread\":\"vcpu0\",\"period\":\"10ms\"}]}", "budget is missing" },
	{ "no period",		 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\"}]}", "period is missing" },
	{ "number for a time",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":4,\"period\":\"10ms\"}]}", "a time is a string with its unit" },
	{ "no unit",		 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4\",\"period\":\"10ms\"}]}", "\"4\" is no time" },
	{ "negative",		 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"-4ms\",\"period\":\"10ms\"}]}", "\"-4ms\" is no time" },
	{ "too large",		 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"99999999999s\",\"period\":\"10ms\"}]}", "99999999999s is too large" },
	{ "bad thread",		 HEAD "{\"thread\":\"cpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"}]}", "expected vcpuN" },
	{ "a CPU of its own",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\",\"cpus\":\"2-3,5\"}]}", NULL },
	{ "no list of CPUs",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\",\"cpus\":\"3-2\"}]}", "expected a list of CPUs" },
	{ "a CPU as a number",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\",\"cpus\":2}]}", "expected a list of CPUs" },
	{ "no CPU at all",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\",\"cpus\":\"\"}]}", "expected a list of CPUs" },
	{ "soft is no word",	 HEAD "{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\",\"soft\":\"yes\"}]}", "expected true or false" },
	{ "memory",		 "{\"memory\":{\"size\":\"1GiB\",\"cache_colors\":4,\"banks\":\"0-1\",\"exclusive\":true,\"cache_ways\":2},"
				 "\"reservations\":[" GOOD "]}", NULL },
	{ "ways alone",		 MEMORY("\"cache_ways\":64"), NULL },
	{ "memory is null",	 "{\"memory\":null,\"reservations\":[" GOOD "]}", "memory: expected an object" },
	{ "memory without size", MEMORY("\"cache_colors\":4"), "memory.size is missing" },
	{ "memory of nothing",	 MEMORY(""), "memory.size is missing" },
	{ "memory, size 0",	 MEMORY("\"size\":\"0MiB\""), "memory.size: expected whole pages" },
	{ "memory, half a page", MEMORY("\"size\":\"4097B\""), "memory.size: expected whole pages" },
	{ "memory, no unit",	 MEMORY("\"size\":\"512\""), "memory.size: expected whole pages" },
	{ "memory, a number",	 MEMORY("\"size\":512"), "memory.size: expected whole pages" },
	{ "memory, unknown key", MEMORY("\"size\":\"1GiB\",\"colors\":4"), "memory.colors: unknown key" },
	{ "no colours",		 MEMORY("\"size\":\"1GiB\",\"cache_colors\":0"), "memory.cache_colors: expected a number from 1" },
	{ "colours: a word",	 MEMORY("\"size\":\"1GiB\",\"cache_colors\":\"red\""), "memory.cache_colors: expected a number of them or a list" },
	{ "colours: empty",	 MEMORY("\"size\":\"1GiB\",\"cache_colors\":\"\""), "memory.cache_colors: expected a number of them or a list" },
	{ "banks: true",	 MEMORY("\"size\":\"1GiB\",\"banks\":true"), "memory.banks: expected a number of them or a list" },
	{ "exclusive: which?",	 MEMORY("\"size\":\"1GiB\",\"exclusive\":true"), "cache_colors is missing" },
	{ "layout",		 MEMORY("\"size\":\"1GiB\",\"layout\":\"preserve\""), NULL },
	{ "layout: no",		 MEMORY("\"size\":\"1GiB\",\"layout\":\"no\""), "memory.layout: expected \"preserve\" or \"any\"" },
	{ "exclusive: 1",	 MEMORY("\"size\":\"1GiB\",\"cache_colors\":1,\"exclusive\":1"), "memory.exclusive: expected true or false" },
	{ "too many ways",	 MEMORY("\"cache_ways\":65"), "memory.cache_ways: expected a number from 1 to 64" },
	{ "ways as text",	 MEMORY("\"cache_ways\":\"4\""), "memory.cache_ways: expected a number" },
	{ "memory twice",	 "{\"memory\":{\"cache_ways\":1},\"memory\":{\"cache_ways\":1},\"reservations\":[" GOOD "]}", "the key stands twice" },
	{ "deep",		 "{\"reservations\":[[[[[[[[[[]]]]]]]]]]}", "no JSON" },
	{ "null entry",		 HEAD "null]}", "reservations[0]: expected an object" },
};

/* What is read is what stands there. */
static int memory_wrong(void)
{
	static const char text[] = MEMORY("\"size\":\"1GiB\",\"cache_colors\":4,\"banks\":\"0-1,3\",\"exclusive\":true,\"cache_ways\":2");
	_cleanup_(domain_config_done) struct domain_config config = { 0 };

	if (domain_config_parse("rt.json", text, strlen(text), &config, NULL) == 0 && config.memory.wanted && config.memory.exclusive &&
	    config.memory.bytes == 1U << 30 && strcmp(config.memory.colors, "4") == 0 && strcmp(config.memory.banks, "0-1,3") == 0 &&
	    config.memory.ways == 2)
		return 0;
	printf("memory is not read as it stands there\n");
	return 1;
}

int main(void)
{
	int failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(domain_config_done) struct domain_config config = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r = domain_config_parse("rt.json", cases[i].text, strlen(cases[i].text), &config, &err);
		bool good = cases[i].words ? r == -EBADMSG && err && err->reason == VR_BAD_CONFIG &&
						     strstr(err->text, cases[i].words) && strstr(err->text, "rt.json: ")
					   : r == 0 && config.n == 1 && config.items[0].reservation.budget_ns == 4 * NSEC_PER_MSEC;

		if (!good) {
			printf("%s: failed: r %d, words \"%s\"\n", cases[i].name, r, err && err->text ? err->text : "");
			failures++;
		}
	}
	return failures + memory_wrong() ? 1 : 0;
}
