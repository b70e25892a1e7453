/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many whole systems a second `virtrk analyze --batch` judges, and where the time goes: reading the JSON, the library,
 * writing the JSON (CPU time of one thread). Systems of 4 vCPUs with 5 tasks each, drawn anew for each line, half of them on
 * one CPU; those that are refused (where a repair is looked for) are counted by themselves. Medians of many rounds, and the
 * spread. Never fails because a machine is slow.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "system-answer.h"
#include "system-judge.h"

#define SYSTEMS 2000
#define ROUNDS  15
#define LINE_MAX_BYTES 4096
#define AIM 100000

struct line {
	char *text;
	size_t n;
};

static uint64_t draw_state = 1;

static uint64_t draw(uint64_t lo, uint64_t hi)
{
	draw_state = draw_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return lo + (draw_state >> 33) % (hi - lo + 1);
}

/* As sweeps write them: times with units, tasks that want about half of what their vCPU gets. */
static int line_draw(struct line *ret, uint64_t percent)
{
	static const uint64_t vcpu_periods[] = { 2, 4, 5, 8 }, periods[] = { 20, 25, 40, 50, 80, 100, 160, 200 };
	uint64_t cpus = draw(0, 1) ? 1 : draw(2, 4);
	_cleanup_(freep) char *text = malloc(LINE_MAX_BYTES);
	size_t n;

	if (!text)
		return -ENOMEM;
	n = (size_t)sprintf(text, "{\"host\":{\"cpus\":%" PRIu64 "},\"vms\":[", cpus);
	for (uint64_t v = 0; v < 4; v++) {
		uint64_t p = vcpu_periods[draw(0, 3)], q = p * 1000 * (cpus == 1 ? 1 : 2) * draw(10, 20) / 100;

		n += (size_t)sprintf(text + n, "%s{\"name\":\"vm%" PRIu64 "\",\"vcpus\":[{\"budget\":\"%" PRIu64 "us\",\"period\":\"%" PRIu64
				     "ms\",\"cpu\":%" PRIu64 ",\"tasks\":[", v ? "," : "", v, q, p, v % cpus);
		for (uint64_t i = 0; i < 5; i++) {
			uint64_t t = periods[draw(0, 7)];

			n += (size_t)sprintf(text + n, "%s{\"name\":\"t%" PRIu64 "\",\"wcet\":\"%" PRIu64 "us\",\"period\":\"%" PRIu64 "ms\"}",
					     i ? "," : "", i, t * q * draw(percent / 2, percent) / p / 500, t);
		}
		n += (size_t)sprintf(text + n, "]}]}");
	}
	n += (size_t)sprintf(text + n, "]}\n");
	ret->text = TAKE_PTR(text);
	ret->n = n;
	return 0;
}

/* Of this process alone: others may be on the machine. */
static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

enum part { READ, JUDGE, WHOLE, _PARTS };

/* Seconds for all lines, up to and with @part. */
static double round_run(const struct line *lines, enum part part, size_t *ret_yes)
{
	struct json_line answer = { NULL };
	double start = now(), took;

	*ret_yes = 0;
	for (size_t i = 0; i < SYSTEMS; i++) {
		_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
		_cleanup_(system_document_done) struct system_document d = { 0 };
		int r = system_document_parse(lines[i].text, lines[i].n, &d, NULL);

		if (r >= 0 && part >= JUDGE)
			r = system_judge(&d, &result, NULL);
		*ret_yes += result.ok;
		json_line_clear(&answer);
		if (r >= 0 && part >= WHOLE)
			r = system_answer_write(&d, &result, &answer);
		if (r < 0)
			fprintf(stderr, "system %zu: %s\n", i, strerror(-r));
	}
	took = now() - start;
	json_line_done(&answer);
	return took;
}

static void bench(const char *what, uint64_t percent)
{
	static struct line lines[SYSTEMS];
	double us[_PARTS][ROUNDS];
	size_t yes = 0;

	for (size_t i = 0; i < SYSTEMS; i++) {
		free(lines[i].text);
		if (line_draw(&lines[i], percent) < 0)
			exit(EXIT_FAILURE);
	}
	for (size_t r = 0; r < ROUNDS; r++)
		for (enum part part = READ; part < _PARTS; part++)
			us[part][r] = round_run(lines, part, &yes) * 1e6 / SYSTEMS;
	for (enum part part = READ; part < _PARTS; part++)
		qsort(us[part], ROUNDS, sizeof(us[part][0]), by_value);
	printf("%s, %zu of %d schedulable: median %.1f us  min %.1f  p90 %.1f  = %.0f systems/s  aim %d\n", what, yes, SYSTEMS,
	       us[WHOLE][ROUNDS / 2], us[WHOLE][0], us[WHOLE][ROUNDS * 9 / 10], 1e6 / us[WHOLE][ROUNDS / 2], AIM);
	printf("  of that: reading %.1f us, judging %.1f us (%.0f systems/s by the library alone), writing and repair %.1f us\n",
	       us[READ][ROUNDS / 2], us[JUDGE][ROUNDS / 2] - us[READ][ROUNDS / 2],
	       1e6 / (us[JUDGE][ROUNDS / 2] - us[READ][ROUNDS / 2]), us[WHOLE][ROUNDS / 2] - us[JUDGE][ROUNDS / 2]);
	for (size_t i = 0; i < SYSTEMS; i++) {
		free(lines[i].text);
		lines[i].text = NULL;
	}
}

int main(void)
{
	bench("batch, 4 vCPUs x 5 tasks, mostly yes", 30);
	bench("batch, 4 vCPUs x 5 tasks, some no", 60);
	bench("batch, 4 vCPUs x 5 tasks, all no", 160);
	return EXIT_SUCCESS;
}
