/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of memory controllers that never were, solved from noisy pairs. "exact": with the noise that a careful profiler has, at
 * least 99 of 100 random maps come out exactly, and none comes out wrong. "repeatable": the published maps, each timed 20 times
 * anew, always give the same. "doubt": with any noise, up to no signal at all, a map that is believed is the true one.
 */
#include "bank-pairs.h"
#include "oracle.h"

#define PAIRS_MAX 65536

static struct vrk_bank_pair pairs[PAIRS_MAX];

static void controller_draw(struct oracle *o, struct controller *c)
{
	do {
		*c = (struct controller){ .n = (uint32_t)oracle_between(o, 1, 6), .low = 6, .high = (uint32_t)oracle_between(o, 28, 35) };
		c->rows = (1ULL << c->high) - (1ULL << oracle_between(o, 16, 19));
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t weight = (uint32_t)oracle_between(o, 1, oracle_chance(o, 20) ? 8 : 4);

			while ((uint32_t)__builtin_popcountll(c->functions[i]) < weight)
				c->functions[i] |= 1ULL << oracle_between(o, oracle_chance(o, 20) ? 6 : 12, 23);
		}
	} while (!controller_reduce(c->functions, c->n));
}

/* 1 = the true map, 0 = no map, -1 = a wrong one. */
static int solved(struct oracle *o, const struct controller *c, size_t n)
{
	struct vrk_bank_map map;
	struct vrk_random random;

	vrk_random_init(&random, oracle_draw(o), 0);
	controller_time(c, &random, pairs, n);
	if (vrk_bank_map_solve(pairs, n, &map) < 0 || (map.doubt != VRK_BANK_SURE && map.n > 0))
		return -1;
	if (o->verbose)
		printf("doubt %d, %u functions of %u, same %" PRIu64 "/%" PRIu64 ", other %" PRIu64 "/%" PRIu64 ", certainty %u\n", map.doubt,
		       map.n, c->n, map.same_conflicts, map.same, map.other_conflicts, map.other, map.certainty);
	if (map.doubt != VRK_BANK_SURE)
		return 0;
	for (uint32_t i = 0; i < map.n_colorable; i++)
		if (map.colorable[i] & 0xfff)
			return -1;
	return map.n == c->n && memcmp(map.functions, c->functions, c->n * sizeof(uint64_t)) == 0 ? 1 : -1;
}

static void judge(struct oracle *o, int got)
{
	o->accepted += got > 0;
	o->refused += got == 0;
	if (got < 0)
		oracle_fail(o, "a wrong map was believed", &(struct vrk_host){ 0 }, NULL, 0);
}

static void exact(struct oracle *o)
{
	struct controller c;

	controller_draw(o, &c);
	c.false_slow = (uint32_t)oracle_between(o, 0, 10);
	c.false_fast = (uint32_t)oracle_between(o, 0, 100);
	judge(o, solved(o, &c, (size_t)800 << c.n));
	if (o->refused * 100 > o->accepted + 100)
		oracle_fail(o, "fewer than 99 of 100 were found", &(struct vrk_host){ 0 }, NULL, 0);
}

/* Sandy Bridge, four cores, DDR3: one DIMM, four DIMMs. */
static void repeatable(struct oracle *o)
{
	static const struct controller published[] = {
		{ { 1 << 17 | 1 << 13, 1 << 18 | 1 << 14, 1 << 19 | 1 << 15, 1 << 20 | 1 << 16 }, 4, 0x7ffe0000, 6, 32, 10, 50 },
		{ { 1 << 16, 1 << 18 | 1 << 14, 1 << 19 | 1 << 15, 1 << 20 | 1 << 17 }, 4, 0x7ffe0000, 6, 34, 10, 50 },
	};

	for (size_t i = 0; i < 2; i++) {
		int got = solved(o, &published[i], 8192);

		judge(o, got);
		if (got == 0)
			oracle_fail(o, "a published map was not found", &(struct vrk_host){ 0 }, NULL, 0);
	}
}

static void doubt(struct oracle *o)
{
	struct controller c;

	controller_draw(o, &c);
	c.false_slow = (uint32_t)oracle_between(o, 0, oracle_chance(o, 50) ? 100 : 500);
	c.false_fast = (uint32_t)oracle_between(o, 0, 600);
	judge(o, solved(o, &c, oracle_between(o, 50, 20000)));
}

int main(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "exact";

	if (strcmp(part, "exact") == 0)
		return oracle_run_costly("bank-map exact", 300, 400, exact);
	if (strcmp(part, "repeatable") == 0)
		return oracle_run_costly("bank-map repeatable", 20, 5000, repeatable);
	return oracle_run_costly("bank-map doubt", 500, 200, doubt);
}
