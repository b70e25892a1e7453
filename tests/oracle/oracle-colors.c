/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dividing colours: dynamic programming finds what trying every division finds, one colour more never costs more, and an even split
 * is never better. Whoever shares all colours is never longer than complete sharing is charged. Tasks that evict each other's colours
 * are never later than their bound. And tasks that are moved between cores for the sake of DRAM never stand more in each other's way than
 * before.
 */
#include <virtrk/memory.h>

#include "oracle.h"

#define USERS 4
#define COLORS 8
#define WIDTH (COLORS + 1)

static void fail(struct oracle *o, const char *what)
{
	oracle_fail(o, what, &(struct vrk_host){ 0 }, NULL, 0);
}

/* The least total of users [v, n) with at most @left colours. */
static uint64_t everything(const uint64_t *cost, size_t width, size_t n, size_t v, uint32_t left)
{
	uint64_t least = VRK_COST_NEVER;

	if (v == n)
		return 0;
	for (uint32_t k = 0; k <= left; k++) {
		uint64_t rest = cost[v * width + k] == VRK_COST_NEVER ? VRK_COST_NEVER : everything(cost, width, n, v + 1, left - k);

		if (rest != VRK_COST_NEVER && cost[v * width + k] + rest < least)
			least = cost[v * width + k] + rest;
	}
	return least;
}

static void divide(struct oracle *o)
{
	size_t n = oracle_between(o, 1, USERS);
	uint64_t cost[USERS * WIDTH], before = VRK_COST_NEVER;

	for (size_t v = 0; v < n; v++) {
		nsec_t curve[COLORS];

		for (size_t k = 0; k < COLORS; k++)
			curve[k] = oracle_between(o, 1, 100);
		vrk_wcet_raise(curve, COLORS);
		if (vrk_wcet_cost(curve, COLORS, oracle_between(o, 50, 200), oracle_between(o, 60, 100), (uint32_t)oracle_between(o, 0, 2), &cost[v * WIDTH]) < 0)
			fail(o, "no cost");
	}
	for (uint32_t colors = 0; colors <= COLORS; colors++) {
		uint64_t some[USERS * WIDTH], total, sum = 0;
		uint32_t got[USERS], even[USERS], used = 0;

		for (size_t v = 0; v < n; v++)
			memcpy(&some[v * (colors + 1)], &cost[v * WIDTH], (colors + 1) * sizeof(*cost));
		if (vrk_colors_divide(some, n, colors, got, &total) < 0)
			fail(o, "no division");
		for (size_t v = 0; total != VRK_COST_NEVER && v < n; v++) {
			sum += cost[v * WIDTH + got[v]];
			used += got[v];
		}
		if (total != everything(some, colors + 1, n, 0, colors))
			fail(o, "trying everything finds another");
		if (total != VRK_COST_NEVER && (sum != total || used > colors))
			fail(o, "the division is not what it says");
		if (total > before)
			fail(o, "one colour more costs more");
		if (vrk_colors_even(some, n, colors, even) < total)
			fail(o, "an even split is better");
		before = total;
	}
	o->accepted += before != VRK_COST_NEVER;
	o->refused += before == VRK_COST_NEVER;
}

static void place(struct oracle *o)
{
	const struct vrk_dram dram = { 1500, 9, 9, 9, 7, 8, 5, 10, 4, 20, (uint32_t)oracle_between(o, 0, 12), 0, 0 };
	size_t n = oracle_between(o, 1, 4), n_tasks = oracle_between(o, 1, 6);
	struct vrk_colors banks[4] = { { { 0 } } };
	struct vrk_dram_task tasks[6];
	uint64_t ps[2], sum = 0;
	nsec_t t = oracle_between(o, 1000, 100000);

	for (size_t p = 0; p < n; p++)
		banks[p].words[0] = oracle_between(o, 1, 15);
	for (size_t i = 0; i < n_tasks; i++) {
		nsec_t period = oracle_between(o, 1000, 50000);

		tasks[i] = (struct vrk_dram_task){ oracle_between(o, 1, period), period, period, oracle_between(o, 0, 200),
						   (uint32_t)oracle_between(o, 0, n - 1) };
	}
	if (vrk_dram_place(&dram, banks, n, tasks, n_tasks, t, ps) < 0) {
		fail(o, "no placement");
		return;
	}
	for (size_t p = 0; p < n; p++)
		for (size_t i = 0; i < n_tasks; i++)
			if (tasks[i].core == p) {
				sum += vrk_dram_jobs(&dram, banks, n, p, tasks, n_tasks, t);
				break;
			}
	if (ps[1] > ps[0])
		fail(o, "it grew");
	if (sum != ps[1])
		fail(o, "the sum is not what it says");
	o->accepted += ps[1] < ps[0];
	o->refused += ps[1] == ps[0];
}

/*
 * Tasks on a CPU of their own, ns by ns: whoever gets the CPU first loads every colour that somebody else has used since, at
 * reload ns each. That is the model of the bound, with offsets and gaps as they come.
 */
#define TASKS 4

struct run {
	struct vrk_task t[TASKS];
	struct vrk_colors colors[TASKS];
	size_t n;
	nsec_t reload;
	nsec_t next[TASKS], arrived[TASKS], left[TASKS], worst[TASKS];
	int owner[4];			/* of each colour: who used it last */
	bool cold, begun[TASKS];	/* what a job finds at its start is in its wcet: only who comes back loads */
};

static void load(struct run *r, size_t i)
{
	for (uint32_t c = 0; c < 4; c++)
		if (vrk_colors_have(&r->colors[i], c) && r->owner[c] != (int)i) {
			if (!r->cold || r->begun[i])
				r->left[i] += r->owner[c] < 0 ? 0 : r->reload;	/* before the first use everything is warm */
			r->owner[c] = (int)i;
		}
	r->begun[i] = true;
}

static void run(struct oracle *o, struct run *r)
{
	int last = -1;

	for (nsec_t now = 0; now < 2000; now++) {
		int who = -1;

		for (size_t i = 0; i < r->n; i++) {
			if (r->left[i] == 0 && r->next[i] <= now) {
				r->arrived[i] = r->next[i];
				r->left[i] = r->t[i].wcet_ns;
				r->next[i] += r->t[i].period_ns + (oracle_chance(o, 20) ? oracle_between(o, 0, 9) : 0);
			}
			if (r->left[i] > 0 && (who < 0 || r->t[i].priority < r->t[who].priority))
				who = (int)i;
		}
		if (who >= 0 && who != last)
			load(r, (size_t)who);
		last = who;
		if (who >= 0 && --r->left[who] == 0) {
			last = -1;
			r->begun[who] = false;
			if (now + 1 - r->arrived[who] > r->worst[who])
				r->worst[who] = now + 1 - r->arrived[who];
		}
	}
}

static void reload(struct oracle *o)
{
	struct run r = { .n = oracle_between(o, 1, TASKS), .reload = oracle_between(o, 0, 3), .owner = { -1, -1, -1, -1 } };
	const struct vrk_supply whole = { .budget_ns = 1, .deadline_ns = 1, .period_ns = 1 };
	nsec_t response[TASKS];
	struct vrk_verdict v;

	for (size_t i = 0; i < r.n; i++) {
		nsec_t period = oracle_between(o, 10, 60);

		r.t[i] = (struct vrk_task){ .wcet_ns = oracle_between(o, 1, 1 + period / (r.n + 1)), .period_ns = period,
					    .deadline_ns = period, .priority = (uint32_t)i };
		r.colors[i].words[0] = oracle_between(o, 1, 15);
		r.next[i] = oracle_chance(o, 50) ? 0 : oracle_between(o, 0, 20);
	}
	if (vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, r.t, r.colors, r.n, r.reload, true, &v, response) < 0) {
		fail(o, "no answer");
		return;
	}
	run(o, &r);
	for (size_t i = 0; v.ok && i < r.n; i++)
		if (r.worst[i] > response[i])
			fail(o, "later than the bound");
	o->accepted += v.ok;
	o->refused += !v.ok;
}

/*
 * The same with wcets from an empty cache, as curves by colours are (src/cli/system-curve.c): what each job is charged there, all
 * colours once, covers whoever it has interrupted.
 */
static void curve(struct oracle *o)
{
	struct run r = { .n = oracle_between(o, 1, TASKS), .reload = oracle_between(o, 0, 3), .owner = { -1, -1, -1, -1 }, .cold = true };
	const struct vrk_supply whole = { .budget_ns = 1, .deadline_ns = 1, .period_ns = 1 };
	struct vrk_task charged[TASKS];
	nsec_t response[TASKS];
	struct vrk_verdict v;
	uint32_t k = (uint32_t)oracle_between(o, 1, 4);

	for (size_t i = 0; i < r.n; i++) {
		nsec_t period = oracle_between(o, 10, 60);

		r.t[i] = (struct vrk_task){ .wcet_ns = oracle_between(o, 1, 1 + period / (r.n + 1)), .period_ns = period,
					    .deadline_ns = period, .priority = (uint32_t)i };
		charged[i] = r.t[i];
		charged[i].wcet_ns += k * r.reload;
		r.colors[i].words[0] = oracle_chance(o, 70) ? (1U << k) - 1 : oracle_between(o, 1, (1U << k) - 1);
		r.next[i] = oracle_chance(o, 50) ? 0 : oracle_between(o, 0, 20);
	}
	if (vrk_guest_fp(&whole, VRK_SUPPLY_SLEEPING, charged, r.n, &v, response) < 0) {
		fail(o, "no answer");
		return;
	}
	run(o, &r);
	for (size_t i = 0; v.ok && i < r.n; i++)
		if (r.worst[i] > response[i])
			fail(o, "later than with all colours charged to each job");
	o->accepted += v.ok;
	o->refused += !v.ok;
}

/*
 * A cache of some colours with two lines each, least recently used first out. A job of one task takes time between its accesses, and for
 * each that misses. Alone with k colours for k = 1, 2, ... that is its curve; beside others, who displace any line at any time, it is never longer than
 * what complete sharing is charged, and it is sometimes longer than with a single colour of its own: no bound may come from there.
 */
#define WAYS 2
#define ACCESSES 40

struct lru {
	uint32_t line[8][WAYS];		/* of each colour, the last used first; 0 = none */
	uint32_t colors;
};

static bool lru_hits(struct lru *c, uint32_t line)
{
	uint32_t *set = c->line[line % c->colors], last = line;
	bool hit = false;

	for (size_t w = 0; w < WAYS && !hit; w++) {
		uint32_t was = set[w];

		set[w] = last;
		last = was;
		hit = was == line;
	}
	return hit;
}

static uint64_t beyond_one_color;

static void shared(struct oracle *o)
{
	const uint32_t colors = (uint32_t)oracle_between(o, 1, 8), n_lines = (uint32_t)oracle_between(o, 1, 12);
	const nsec_t miss = oracle_between(o, 1, 9), work = oracle_between(o, 1, 50);
	struct lru alone[8] = { 0 }, beside = { .colors = colors };
	nsec_t curve[8], late = work;
	uint64_t accesses = oracle_between(o, 1, ACCESSES);

	for (uint32_t k = 0; k < colors; k++) {
		alone[k].colors = k + 1;
		curve[k] = work;
	}
	for (uint64_t i = 0; i < accesses; i++) {
		uint32_t line = (uint32_t)oracle_between(o, 1, n_lines);

		for (uint32_t k = 0; k < colors; k++)
			curve[k] += lru_hits(&alone[k], line) ? 0 : miss;
		if (oracle_chance(o, 80))	/* the others, in all of its sets but one at times */
			for (uint32_t s = 0; s < colors; s++)
				if (oracle_chance(o, 90))
					memset(beside.line[s], 0, sizeof(beside.line[s]));
		late += lru_hits(&beside, line) ? 0 : miss;
	}
	vrk_wcet_raise(curve, colors);
	for (uint32_t k = 0; k < colors; k++)
		if (late > vrk_wcet_shared(curve[k], accesses, miss))
			fail(o, "longer than complete sharing is charged");
	beyond_one_color += late > curve[0];
	o->accepted++;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "place") == 0)
		return oracle_run("colors place", 5000, place);
	if (argc > 1 && strcmp(argv[1], "reload") == 0)
		return oracle_run("colors reload", 5000, reload);
	if (argc > 1 && strcmp(argv[1], "curve") == 0)
		return oracle_run("colors curve", 5000, curve);
	if (argc > 1 && strcmp(argv[1], "shared") == 0) {
		int r = oracle_run("colors shared", 20000, shared);

		if (r == 0 && beyond_one_color == 0 && !getenv("VIRTRK_SEED"))
			fprintf(stderr, "colors shared: never longer than with a colour of its own: these others displace nothing\n");
		return r == 0 && beyond_one_color == 0 && !getenv("VIRTRK_SEED") ? 1 : r;
	}
	return oracle_run("colors divide", 5000, divide);
}
