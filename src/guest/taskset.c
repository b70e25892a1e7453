/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a task set becomes a struct taskset, or one line that names the broken rule.
 *
 * A line (or what stands before a ';', so that a set fits in one command) is one periodic task.
 * Times carry their unit; there is no default unit and no default period, because a wrong guess would
 * only show as a strange measurement. Called by main.c of the task runner, by its unit test and by the
 * fuzzer. Pure: no clock, no file, no allocation; it never reads beyond the length that it is given.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "taskset.h"

struct word {
	const char *text;
	size_t len;
};

#define WORDS_MAX 7	/* one more than a line may have, to notice too many */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static int unit_find(const char *text, size_t len, uint64_t *ret)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, text, len) == 0) {
			*ret = units[i].ns;
			return 0;
		}
	return -EINVAL;
}

int time_parse(const char *text, size_t len, uint64_t *ret_ns)
{
	uint64_t value = 0, scale = 1, unit;
	unsigned __int128 total;
	size_t i = 0, digits = 0;
	bool point = false;

	for (; i < len && (is_digit(text[i]) || (text[i] == '.' && !point && digits)); i++) {
		if (text[i] == '.') {
			point = true;
			continue;
		}
		if (++digits > 18)	/* 10^18 * 10^9 fits in 128 bits, and value in 64 */
			return -ERANGE;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (point)
			scale *= 10;
	}
	if (!digits || text[i - 1] == '.' || unit_find(text + i, len - i, &unit) < 0)
		return -EINVAL;
	total = (unsigned __int128)value * unit;
	if (total % scale)		/* finer than 1 ns: never rounded */
		return -EINVAL;
	total /= scale;
	if (total > TASK_DURATION_MAX)
		return -ERANGE;
	*ret_ns = (uint64_t)total;
	return 0;
}

/* Writes the line for the user and returns @code, so that a caller can write "return refuse(...)". */
__attribute__((format(printf, 4, 5)))
static int refuse(char *reterr, int code, unsigned int line, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(reterr, TASKSET_ERROR_MAX, "task set, line %u: ", line);
	if (n < 0 || n >= TASKSET_ERROR_MAX)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(reterr + n, TASKSET_ERROR_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	return code;
}

static size_t words_split(const char *text, size_t len, struct word *words)
{
	size_t n = 0, i = 0;

	while (n < WORDS_MAX) {
		while (i < len && is_blank(text[i]))
			i++;
		if (i == len)
			break;
		words[n].text = text + i;
		while (i < len && !is_blank(text[i]))
			i++;
		words[n].len = (size_t)(text + i - words[n].text);
		n++;
	}
	return n;
}

static int name_read(const struct word *w, char *ret)
{
	if (w->len > TASK_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < w->len; i++)
		if (!is_name(w->text[i]))
			return -EINVAL;
	memcpy(ret, w->text, w->len);
	ret[w->len] = '\0';
	return 0;
}

static int priority_read(const struct word *w, int *ret)
{
	int value = 0;

	if (w->len > 2)
		return -EINVAL;
	for (size_t i = 0; i < w->len; i++) {
		if (!is_digit(w->text[i]))
			return -EINVAL;
		value = value * 10 + (w->text[i] - '0');
	}
	if (value < 1 || value > 98)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* The words of one line, each alone. What they must be to each other is rules_check(). */
static int task_read(const struct word *w, size_t n, unsigned int line, struct task_spec *ret, char *reterr)
{
	static const char *const what[] = { "name", "period", "work", "deadline", "priority", "duration" };
	uint64_t *const times[] = { NULL, &ret->period_ns, &ret->work_ns, &ret->deadline_ns, NULL, &ret->duration_ns };

	if (n < 5 || n > 6)
		return refuse(reterr, -EINVAL, line,
			      "a task is NAME PERIOD WORK DEADLINE PRIORITY [DURATION], this has %s words",
			      n < 5 ? "fewer" : "more");
	if (name_read(&w[0], ret->name) < 0)
		return refuse(reterr, -EINVAL, line, "a name is 1 to %d of A-Z a-z 0-9 _ -", TASK_NAME_MAX);
	if (priority_read(&w[4], &ret->priority) < 0)
		return refuse(reterr, -EINVAL, line, "a priority is 1 to 98");
	for (size_t i = 0; i < n; i++)
		if (times[i] && time_parse(w[i].text, w[i].len, times[i]) < 0)
			return refuse(reterr, -EINVAL, line, "the %s is not a time like 4ms or 2.5ms (ns, us, ms, s; at most 1 h)",
				      what[i]);
	return 0;
}

static int rules_check(const struct task_spec *t, bool has_duration, unsigned int line, char *reterr)
{
	if (t->period_ns < TASK_PERIOD_MIN || t->period_ns > TASK_PERIOD_MAX)
		return refuse(reterr, -EINVAL, line, "the period of %s is outside 100us to 60s", t->name);
	if (!t->work_ns)
		return refuse(reterr, -EINVAL, line, "the work of %s is zero", t->name);
	if (t->deadline_ns > t->period_ns)
		return refuse(reterr, -EINVAL, line, "the deadline of %s is above its period", t->name);
	if (t->work_ns > t->deadline_ns)
		return refuse(reterr, -EINVAL, line, "the work of %s is above its deadline", t->name);
	if (has_duration && t->duration_ns < t->period_ns)
		return refuse(reterr, -EINVAL, line, "the duration of %s is below its period", t->name);
	if (t->duration_ns / t->period_ns > TASK_JOBS_MAX)
		return refuse(reterr, -EINVAL, line, "%s would have more than %llu jobs", t->name, TASK_JOBS_MAX);
	return 0;
}

static int line_parse(const char *text, size_t len, unsigned int line, struct taskset *set, char *reterr)
{
	struct task_spec task = { 0 };
	struct word words[WORDS_MAX];
	size_t n;
	int r;

	n = words_split(text, len, words);
	if (!n)
		return 0;
	if (set->n == TASKSET_MAX)
		return refuse(reterr, -E2BIG, line, "more than %d tasks", TASKSET_MAX);
	r = task_read(words, n, line, &task, reterr);
	if (r < 0)
		return r;
	r = rules_check(&task, n == 6, line, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->task[i].name, task.name) == 0)
			return refuse(reterr, -EINVAL, line, "the name %s is taken by an earlier task", task.name);
	set->task[set->n++] = task;
	return 0;
}

int taskset_parse(const char *text, size_t len, struct taskset *ret, char reterr[static TASKSET_ERROR_MAX])
{
	struct taskset set = { 0 };
	unsigned int line = 1;
	size_t i = 0;

	while (i < len) {
		size_t start = i, end;
		int r;

		while (i < len && text[i] != '\n' && text[i] != ';' && text[i] != '#')
			i++;
		end = i;
		if (i < len && text[i] == '#')
			while (i < len && text[i] != '\n')
				i++;
		r = line_parse(text + start, end - start, line, &set, reterr);
		if (r < 0)
			return r;
		if (i < len && text[i] == '\n')
			line++;
		i++;
	}
	if (!set.n)
		return refuse(reterr, -EINVAL, line, "no task");
	*ret = set;
	return 0;
}
