/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks whose time depends on cache colours: what is read and refused, what each job is charged, the best division against all divisions,
 * and whether the charge covers what tasks that interrupt each other load again (simulated, by colours).
 */
#include <inttypes.h>
#include <stdio.h>

#include "expect.h"
#include "system-judge.h"
#include "system-memory.h"
#include "system-plan.h"

#define HOST "{\"cpus\":1,\"fair_server\":false,\"memory\":{\"size\":\"8MiB\",\"colors\":8,\"color_reload\":\"10us\"}}"
#define DOC(host, vms, rest) "{\"host\":" host ",\"vms\":[" vms "]" rest "}"
#define VM(memory, vcpus) "{\"name\":\"a\",\"memory\":{" memory "},\"vcpus\":[" vcpus "]}"
#define OWN "\"size\":\"1MiB\",\"cache_colors\":[0,1],\"exclusive\":true"
#define BEST "\"size\":\"1MiB\",\"cache_colors\":\"best\",\"exclusive\":true"
#define VCPU(tasks) "{\"budget\":\"5ms\",\"period\":\"10ms\",\"cpu\":0,\"tasks\":[" tasks "]}"
#define TASK(times, more) "{\"name\":\"t\",\"wcet_by_colors\":" times ",\"period\":\"100ms\"" more "}"
#define PLAIN "{\"name\":\"u\",\"wcet\":\"1ms\",\"period\":\"100ms\"}"
#define TIMES "[\"4ms\",\"3ms\",\"2ms\"]"
#define ONE(task) DOC(HOST, VM(OWN, VCPU(task)), "")
#define IRQ ",\"irqs\":[{\"name\":\"n\",\"cpu\":0,\"period\":\"1s\",\"hard\":\"1us\",\"vm\":\"a\",\"vcpu\":0,\"handler\":\"1us\",\"injection\":\"1us\"}]"

static const struct {
	const char *name;
	const char *text;
	const char *error;		/* NULL = it is read */
	nsec_t wcet_ns[2];		/* of its tasks */
} cases[] = {
	{ "two colours", ONE(TASK(TIMES, "")), NULL, { 3020000 } },
	{ "more colours than times", DOC(HOST, VM("\"size\":\"1MiB\",\"cache_colors\":[0,1,2,7],\"exclusive\":true", VCPU(TASK(TIMES, ""))), ""), NULL,
	  { 2040000 } },
	{ "a number of colours", DOC(HOST, VM("\"size\":\"1MiB\",\"cache_colors\":3,\"exclusive\":true", VCPU(TASK(TIMES, ""))), ""), NULL, { 2030000 } },
	{ "one that does not depend on them", ONE(TASK(TIMES, "") "," PLAIN), NULL, { 3020000, 1020000 } },
	{ "longer with more: raised", ONE(TASK("[\"1ms\",\"2ms\",\"5ms\"]", "")), NULL, { 5020000 } },
	{ "both", ONE(TASK(TIMES, ",\"wcet\":\"1ms\"")), "tasks[0]: wcet and wcet_by_colors: one of them", { 0 } },
	{ "neither", ONE("{\"name\":\"t\",\"period\":\"100ms\"}"), "tasks[0].wcet: missing", { 0 } },
	{ "no array", ONE(TASK("\"4ms\"", "")), "tasks[0].wcet_by_colors: must be an array of 1 to 1024 times", { 0 } },
	{ "an empty one", ONE(TASK("[]", "")), "tasks[0].wcet_by_colors: must be an array", { 0 } },
	{ "a time without unit", ONE(TASK("[\"4ms\",\"3\"]", "")), "tasks[0].wcet_by_colors[1]: ", { 0 } },
	{ "no time at all", ONE(TASK("[0]", "")), "tasks[0].wcet_by_colors[0]: must be above zero", { 0 } },
	{ "a host without colours", DOC("{\"cpus\":1}", "{\"name\":\"a\",\"vcpus\":[" VCPU(TASK(TIMES, "")) "]}", ""), "host.memory is missing", { 0 } },
	{ "nobody knows what a reload takes", DOC("{\"cpus\":1,\"memory\":{\"size\":\"8MiB\",\"colors\":8}}", VM(OWN, VCPU(TASK(TIMES, ""))), ""),
	  "a/vcpu0: tasks have wcet_by_colors, so host.memory.color_reload is needed", { 0 } },
	{ "no memory", DOC(HOST, "{\"name\":\"a\",\"vcpus\":[" VCPU(TASK(TIMES, "")) "]}", ""), "needs memory with cache_colors and exclusive", { 0 } },
	{ "colours that are shared", DOC(HOST, VM("\"size\":\"1MiB\",\"cache_colors\":[0,1]", VCPU(TASK(TIMES, ""))), ""), "exclusive", { 0 } },
	{ "banks of its own alone", DOC(HOST, VM("\"size\":\"1MiB\",\"banks\":[0],\"exclusive\":true", VCPU(TASK(TIMES, ""))), ""), "exclusive", { 0 } },
	{ "two vCPUs", DOC(HOST, VM(OWN, VCPU(TASK(TIMES, "")) "," VCPU(PLAIN)), ""), "a/vcpu0: tasks have wcet_by_colors: their VM can have one vCPU", { 0 } },
	{ "a suspension", ONE(TASK(TIMES, ",\"suspensions\":[\"1ms\"]")), "suspensions and blocking", { 0 } },
	{ "blocking", ONE(TASK(TIMES, "") ",{\"name\":\"u\",\"wcet\":\"1ms\",\"period\":\"100ms\",\"blocking\":\"1ms\"}"), "suspensions and blocking", { 0 } },
	{ "an interrupt", DOC(HOST, VM(OWN, VCPU(TASK(TIMES, ""))), IRQ), "handlers of interrupts beside them", { 0 } },
	{ "the best, of nothing", DOC(HOST, VM(BEST, VCPU(PLAIN)), ""), "a: cache_colors are to be the best, but none of its tasks", { 0 } },
	{ "the best banks", DOC(HOST, VM("\"size\":1,\"banks\":\"best\"", VCPU(PLAIN)), ""), "memory.banks: must be a number", { 0 } },
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
		for (size_t k = 0; r >= 0 && k < d.n_tasks; k++)
			EXPECT_INT(d.tasks[k].wcet_ns, cases[i].wcet_ns[k]);
	}
}

static uint64_t random_state = 1;

static uint32_t draw(uint32_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % below;
}

/* ---- the best division ---- */

enum { COLORS = 8, VMS = 3 };

struct division {
	uint32_t times_us[VMS][COLORS];		/* with k + 1 colours */
	uint32_t kept;				/* colours that somebody named */
};

static void division_draw(struct division *d)
{
	d->kept = draw(3);
	for (size_t v = 0; v < VMS; v++) {
		d->times_us[v][COLORS - 1] = 500 + draw(3000);
		for (size_t k = COLORS - 1; k-- > 0;)
			d->times_us[v][k] = d->times_us[v][k + 1] + draw(2) * draw(3000);
	}
}

static void division_write(const struct division *d, char *text, size_t size)
{
	size_t n = 0;

	n += (size_t)snprintf(text, size, "{\"host\":%s,\"vms\":[", HOST);
	for (size_t v = 0; v < VMS; v++) {
		n += (size_t)snprintf(text + n, size - n,
				      "%s{\"name\":\"v%zu\",\"memory\":{" BEST "},\"vcpus\":[{\"tasks\":[{\"name\":\"t\",\"period\":\"50ms\",\"deadline\":\"8ms\","
				      "\"wcet_by_colors\":[", v > 0 ? "," : "", v);
		for (size_t k = 0; k < COLORS; k++)
			n += (size_t)snprintf(text + n, size - n, "%s\"%" PRIu32 "us\"", k > 0 ? "," : "", d->times_us[v][k]);
		n += (size_t)snprintf(text + n, size - n, "]}]}]}");
	}
	if (d->kept > 0)
		n += (size_t)snprintf(text + n, size - n, ",{\"name\":\"n\",\"memory\":{\"size\":4096,\"cache_colors\":[%s]},\"vcpus\":[]}",
				      d->kept == 1 ? "3" : "3,5");
	(void)snprintf(text + n, size - n, "]}");
}

/* In us of all three; UINT32_MAX: one of them is later than its 8 ms. */
static uint32_t division_cost(const struct division *d, const uint32_t colors[VMS])
{
	uint32_t sum = 0;

	for (size_t v = 0; v < VMS; v++) {
		uint32_t one = d->times_us[v][colors[v] - 1] + 10 * colors[v];

		if (one > 8000)
			return UINT32_MAX;
		sum += one;
	}
	return sum;
}

static uint32_t division_least(const struct division *d)
{
	uint32_t least = UINT32_MAX, c[VMS];

	for (c[0] = 1; c[0] <= COLORS; c[0]++)
		for (c[1] = 1; c[0] + c[1] <= COLORS; c[1]++)
			for (c[2] = 1; c[0] + c[1] + c[2] + d->kept <= COLORS; c[2]++)
				if (division_cost(d, c) < least)
					least = division_cost(d, c);
	return least;
}

static void test_division(void)
{
	size_t possible = 0;

	CASE("as good as the best of all divisions");
	for (int i = 0; i < 2000; i++) {
		_cleanup_(system_document_done) struct system_document document = { 0 };
		uint32_t n_free, least, parts[VMS];
		struct division d;
		char text[4096];
		bool ok;

		division_draw(&d);
		division_write(&d, text, sizeof(text));
		least = division_least(&d);
		if (!EXPECT_INT(system_document_parse(text, strlen(text), &document, NULL), 0))
			return;
		EXPECT_INT(system_curves_divide(&document, &ok, &n_free), 0);
		EXPECT_INT(n_free, COLORS - d.kept);
		EXPECT_INT(ok, least != UINT32_MAX);
		for (size_t v = 0; ok && v < VMS; v++)
			parts[v] = document.memory.wishes[v].colors;
		if (ok)
			EXPECT_INT(division_cost(&d, parts), least);
		possible += ok;
	}
	EXPECT(possible > 200 && possible < 1800);
}

static void test_plan(void)
{
	static const char text[] = DOC(HOST, VM(BEST, "{\"tasks\":[" TASK(TIMES, "") "]}"), "");
	static const char none[] = DOC(HOST, VM(BEST, "{\"tasks\":[" TASK("[\"200ms\"]", "") "]}"), "");
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 }, no = { 0 };
	_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 }, why = { 0 };
	_cleanup_(system_document_done) struct system_document d = { 0 }, never = { 0 };

	CASE("planned: three colours are enough");
	EXPECT_INT(system_document_parse(text, strlen(text), &d, NULL), 0);
	EXPECT_INT(system_plan_make(&d, SYSTEM_POLICY_SPREAD, &result, &refusal, NULL), 0);
	EXPECT(!refusal.reason && result.ok);
	EXPECT_INT(vrk_colors_count(&d.memory.requests[0].colors), 3);
	EXPECT_INT(d.tasks[0].wcet_ns, 2030000);
	CASE("no number of colours helps");
	EXPECT_INT(system_document_parse(none, strlen(none), &never, NULL), 0);
	EXPECT_INT(system_plan_make(&never, SYSTEM_POLICY_SPREAD, &no, &why, NULL), 0);
	EXPECT(why.reason && strstr(why.reason, "no division of the 8 cache colours"));
}

/* ---- is the charge enough? ---- */

enum { TASKS = 4, TIME = 400 };

struct job {
	uint32_t left;			/* steps */
	bool loaded[COLORS];		/* by this job, before */
};

/*
 * Fixed priorities, a step at a time: a step touches one of the task's colours, and what another job displaced since is loaded again,
 * one for each colour. Never more than the colours times the jobs that were started.
 */
static bool charge_holds(uint32_t colors)
{
	uint32_t period[TASKS], length[TASKS], uses[TASKS], owner[COLORS], starts = 0, reloads = 0;
	struct job jobs[TASKS] = { 0 };

	for (size_t i = 0; i < TASKS; i++) {
		period[i] = 5 + draw(60);
		length[i] = 1 + draw(period[i] / 2 + 1);
		uses[i] = 1 + draw((1U << colors) - 1);
	}
	for (size_t c = 0; c < COLORS; c++)
		owner[c] = TASKS;
	for (uint32_t now = 0; now < TIME; now++) {
		uint32_t run = TASKS, c;

		for (uint32_t i = TASKS; i-- > 0;) {
			if (now % period[i] == 0 && jobs[i].left == 0) {
				jobs[i] = (struct job){ .left = length[i] };
				for (size_t k = 0; k < COLORS; k++)
					owner[k] = owner[k] == i ? TASKS : owner[k];	/* a job begins with nothing of its own */
			}
			run = jobs[i].left > 0 ? i : run;
		}
		if (run == TASKS)
			continue;
		starts += jobs[run].left == length[run];
		do
			c = draw(colors);
		while (!(uses[run] >> c & 1));
		reloads += jobs[run].loaded[c] && owner[c] != run;
		jobs[run].loaded[c] = true;
		owner[c] = run;
		jobs[run].left--;
	}
	return reloads <= starts * colors;
}

static void test_charge(void)
{
	CASE("what tasks that interrupt each other load again is charged");
	for (int i = 0; i < 3000; i++)
		if (!EXPECT(charge_holds(1 + draw(COLORS))))
			return;
}

int main(void)
{
	test_cases();
	test_division();
	test_plan();
	test_charge();
	return expect_result();
}
