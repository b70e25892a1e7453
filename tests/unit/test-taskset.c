/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of task sets and the percentiles, by tables: edges first, then the forms that people write.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "statistics.h"
#include "taskset.h"

static const struct {
	const char *name;
	const char *text;
	int r;
	uint64_t ns;
} times[] = {
	{ "empty",			"",			-EINVAL, 0 },
	{ "unit alone",			"ms",			-EINVAL, 0 },
	{ "point alone",		".",			-EINVAL, 0 },
	{ "no unit",			"4",			-EINVAL, 0 },
	{ "no digit before the point",	".5ms",			-EINVAL, 0 },
	{ "no digit after the point",	"5.ms",			-EINVAL, 0 },
	{ "two points",			"1.2.3ms",		-EINVAL, 0 },
	{ "sign",			"-4ms",			-EINVAL, 0 },
	{ "space",			"4 ms",			-EINVAL, 0 },
	{ "unknown unit",		"4m",			-EINVAL, 0 },
	{ "finer than 1 ns",		"0.5ns",		-EINVAL, 0 },
	{ "finer than 1 ns, us",	"1.0001us",		-EINVAL, 0 },
	{ "zero",			"0ms",			0, 0 },
	{ "one",			"1ns",			0, 1 },
	{ "fraction",			"2.5ms",		0, 2500000 },
	{ "zeroes after the point",	"2.500000000ms",	0, 2500000 },
	{ "second",			"1s",			0, 1000000000 },
	{ "hour",			"3600s",		0, 3600000000000 },
	{ "above an hour",		"3600.000000001s",	-ERANGE, 0 },
	{ "overflow of 64 bits",	"99999999999s",		-ERANGE, 0 },
	{ "18 digits",			"999999999999999999s",	-ERANGE, 0 },
	{ "19 digits",			"9999999999999999999ns", -ERANGE, 0 },
};

static const struct {
	const char *name;
	const char *text;
	int r;
	const char *words;	/* a part of the line that the user gets */
	size_t n;
} sets[] = {
	{ "empty",		"",					-EINVAL, "no task", 0 },
	{ "comment only",	"# nothing\n\n ; ;\n",			-EINVAL, "no task", 0 },
	{ "too few words",	"a 1ms 1ms 1ms",			-EINVAL, "fewer", 0 },
	{ "too many words",	"a 1ms 1ms 1ms 1 1s 2",			-EINVAL, "more", 0 },
	{ "far too many words", "a a a a a a a a a a a a",		-EINVAL, "more", 0 },
	{ "bad name",		"a/b 1ms 1ms 1ms 1",			-EINVAL, "a name is", 0 },
	{ "long name",		"abcdefghijklmnop 1ms 1ms 1ms 1",	-EINVAL, "a name is", 0 },
	{ "priority 0",		"a 1ms 1ms 1ms 0",			-EINVAL, "priority", 0 },
	{ "priority 99",	"a 1ms 1ms 1ms 99",			-EINVAL, "priority", 0 },
	{ "priority with a word", "a 1ms 1ms 1ms 1x",			-EINVAL, "priority", 0 },
	{ "period no time",	"a 1 1ms 1ms 1",			-EINVAL, "the period is not", 0 },
	{ "work no time",	"a 1ms x 1ms 1",			-EINVAL, "the work is not", 0 },
	{ "deadline no time",	"a 1ms 1ms x 1",			-EINVAL, "the deadline is not", 0 },
	{ "duration no time",	"a 1ms 1ms 1ms 1 x",			-EINVAL, "the duration is not", 0 },
	{ "period short",	"a 99us 1us 2us 1",			-EINVAL, "outside 100us", 0 },
	{ "period long",	"a 61s 1us 2us 1",			-EINVAL, "outside 100us", 0 },
	{ "no work",		"a 1ms 0ms 1ms 1",			-EINVAL, "is zero", 0 },
	{ "deadline > period",	"a 1ms 1ms 2ms 1",			-EINVAL, "above its period", 0 },
	{ "work > deadline",	"a 2ms 1.1ms 1ms 1",			-EINVAL, "above its deadline", 0 },
	{ "duration < period",	"a 2ms 1ms 1ms 1 1ms",			-EINVAL, "below its period", 0 },
	{ "duration zero",	"a 2ms 1ms 1ms 1 0s",			-EINVAL, "below its period", 0 },
	{ "too many jobs",	"a 100us 1us 100us 1 3600s",		-EINVAL, "jobs", 0 },
	{ "same name",		"a 1ms 1ms 1ms 1;a 1ms 1ms 1ms 1",	-EINVAL, "taken", 0 },
	{ "second line named",	"a 1ms 1ms 1ms 1\nb",			-EINVAL, "line 2", 0 },
	{ "one",		"a 1ms 1ms 1ms 1",			0, NULL, 1 },
	{ "longest name",	"abcdefghijklmno 1ms 1ms 1ms 98",	0, NULL, 1 },
	{ "lines",		"a 1ms 1ms 1ms 1\n\tb 1ms 1ms 1ms 1 1s\r\n", 0, NULL, 2 },
	{ "compact",		"a 1ms 1ms 1ms 1; b 1ms 1ms 1ms 1;",	0, NULL, 2 },
	{ "comments",		"# set\na 1ms 1ms 1ms 1 # x; b\nc 1ms 1ms 1ms 1", 0, NULL, 2 },
};

static int times_test(void)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		uint64_t ns = 0;
		int r = time_parse(times[i].text, strlen(times[i].text), &ns);

		if (r == times[i].r && ns == times[i].ns)
			continue;
		fprintf(stderr, "time \"%s\": got %d, %llu ns\n", times[i].name, r, (unsigned long long)ns);
		bad++;
	}
	return bad;
}

static int sets_test(void)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		char error[TASKSET_ERROR_MAX] = "";
		struct taskset set = { 0 };
		int r = taskset_parse(sets[i].text, strlen(sets[i].text), &set, error);

		if (r == sets[i].r && set.n == sets[i].n && (sets[i].words ? strstr(error, sets[i].words) != NULL : !*error))
			continue;
		fprintf(stderr, "set \"%s\": got %d, %zu tasks, \"%s\"\n", sets[i].name, r, set.n, error);
		bad++;
	}
	return bad;
}

/* Every field goes where it belongs, and what may be missing is zero. */
static int fields_test(void)
{
	static const char text[] = "a 40ms 5ms 30ms 80\nb 2s 1us 1.5s 7 10s";
	char error[TASKSET_ERROR_MAX];
	struct taskset set;
	const struct task_spec *a = &set.task[0], *b = &set.task[1];

	if (taskset_parse(text, strlen(text), &set, error) == 0 && set.n == 2 && strcmp(a->name, "a") == 0 &&
	    a->period_ns == 40000000 && a->work_ns == 5000000 && a->deadline_ns == 30000000 && a->priority == 80 &&
	    a->duration_ns == 0 && strcmp(b->name, "b") == 0 && b->period_ns == 2000000000 && b->work_ns == 1000 &&
	    b->deadline_ns == 1500000000 && b->priority == 7 && b->duration_ns == 10000000000)
		return 0;
	fprintf(stderr, "fields: a value is in the wrong place\n");
	return 1;
}

static int limits_test(void)
{
	char text[(TASKSET_MAX + 1) * 32], error[TASKSET_ERROR_MAX];
	struct taskset set = { 0 };
	size_t len = 0, full = 0;
	int bad = 0;

	for (int i = 0; i <= TASKSET_MAX; i++) {
		full = len;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "t%d 1ms 1us 1ms 1\n", i);
	}
	if (taskset_parse(text, len, &set, error) != -E2BIG || set.n != 0) {
		fprintf(stderr, "limits: one task too many was taken\n");
		bad++;
	}
	if (taskset_parse(text, full, &set, error) != 0 || set.n != TASKSET_MAX) {
		fprintf(stderr, "limits: as many as may be were refused: %s\n", error);
		bad++;
	}
	/* The length counts, not a NUL: the text behind it must not be read, a NUL inside not be skipped. */
	if (taskset_parse("a 1ms 1ms 1ms 1 x", 15, &set, error) != 0 ||
	    taskset_parse("a\0b 1ms 1ms 1ms 1", 17, &set, error) != -EINVAL) {
		fprintf(stderr, "limits: length and NUL\n");
		bad++;
	}
	return bad;
}

static int statistics_test(void)
{
	uint64_t one[] = { 7 }, two[] = { 9, 1 }, hundred[100], large[] = { INT64_MAX, INT64_MAX, INT64_MAX };
	struct statistics s;
	int bad = 0;

	s = statistics_of(NULL, 0);
	bad += s.n || s.mean_ns || s.worst_ns;
	s = statistics_of(one, 1);
	bad += s.n != 1 || s.mean_ns != 7 || s.p50_ns != 7 || s.p99_ns != 7 || s.worst_ns != 7;
	s = statistics_of(two, 2);
	bad += s.mean_ns != 5 || s.p50_ns != 1 || s.p99_ns != 9 || s.worst_ns != 9;
	for (uint64_t i = 0; i < 100; i++)
		hundred[i] = 100 - i;
	s = statistics_of(hundred, 100);
	bad += s.mean_ns != 50 || s.p50_ns != 50 || s.p99_ns != 99 || s.worst_ns != 100;
	s = statistics_of(large, 3);
	bad += s.mean_ns != INT64_MAX;
	if (bad)
		fprintf(stderr, "statistics: %d of 5 cases wrong\n", bad);
	return bad;
}

int main(void)
{
	return times_test() + sets_test() + fields_test() + limits_test() + statistics_test() ? 1 : 0;
}
