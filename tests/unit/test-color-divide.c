/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many colours for whom: curves made safe, the fewest for memory, the best division and the even one. */
#include <virtrk/memory.h>

#include "expect.h"

#define NO VRK_COST_NEVER
#define GIB ((uint64_t)1 << 30)
#define COLORS 4

static void test_raise(void)
{
	nsec_t curve[] = { 9, 5, 6, 4, 4 }, flat[] = { 3 };

	CASE("a dip is raised");
	vrk_wcet_raise(curve, 5);
	EXPECT_INT(curve[0], 9);
	EXPECT_INT(curve[1], 6);
	EXPECT_INT(curve[2], 6);
	EXPECT_INT(curve[3], 4);
	CASE("one colour, and none");
	vrk_wcet_raise(flat, 1);
	vrk_wcet_raise(flat, 0);
	EXPECT_INT(flat[0], 3);
}

static void test_least(void)
{
	uint64_t frames[32];
	const struct vrk_memory_host host = { 32, 1, frames }, uneven = { 2, 2, (const uint64_t[]){ 1, 2, 10, 5 } }, bad = { 0, 1, frames };

	for (size_t i = 0; i < 32; i++)
		frames[i] = 8 * GIB / 32 / VRK_FRAME_BYTES;
	CASE("2 GiB of 8 GiB in 32 colours");
	EXPECT_INT(vrk_colors_least(&host, 2 * GIB), 8);
	EXPECT_INT(vrk_colors_least(&host, 2 * GIB + 1), 9);
	EXPECT_INT(vrk_colors_least(&host, 8 * GIB), 32);
	EXPECT_INT(vrk_colors_least(&host, 8 * GIB + 1), 0);
	CASE("the largest first, over all banks");
	EXPECT_INT(vrk_colors_least(&uneven, 15 * VRK_FRAME_BYTES), 1);
	EXPECT_INT(vrk_colors_least(&uneven, 16 * VRK_FRAME_BYTES), 2);
	CASE("no colours");
	EXPECT_INT(vrk_colors_least(&bad, 1), 0);
}

static void test_cost(void)
{
	const nsec_t curve[] = { 10, 7, 5 };
	uint64_t cost[4];

	CASE("rounded up, and never where it is too late");
	EXPECT_INT(vrk_wcet_cost(curve, 3, 21, 8, 0, cost), 0);
	EXPECT(cost[0] == NO && cost[1] == NO);
	EXPECT_INT(cost[2], (7ULL << 32) / 21 + 1);
	EXPECT_INT(cost[3], (5ULL << 32) / 21 + 1);
	CASE("never with too little memory");
	EXPECT_INT(vrk_wcet_cost(curve, 3, 20, 20, 3, cost), 0);
	EXPECT(cost[2] == NO);
	EXPECT_INT(cost[3], 1ULL << 30);
	CASE("no period");
	EXPECT_INT(vrk_wcet_cost(curve, 3, 0, 20, 3, cost), -EINVAL);
}

static void test_shared(void)
{
	CASE("complete sharing: each access may miss");
	EXPECT_INT(vrk_wcet_shared(1000, 7, 100), 1700);
	EXPECT_INT(vrk_wcet_shared(1000, 0, 100), 1000);
	CASE("more than can be told");
	EXPECT(vrk_wcet_shared(1000, UINT64_MAX, UINT64_MAX) == NSEC_MAX);
	EXPECT(vrk_wcet_shared(NSEC_MAX, 0, 1) == NSEC_MAX);
	EXPECT(vrk_wcet_shared(NSEC_MAX - 7, 7, 1) == NSEC_MAX);
	EXPECT(vrk_wcet_shared(NSEC_MAX - 8, 7, 1) == NSEC_MAX - 1);
}

static const struct {
	const char *name;
	size_t n;
	uint64_t cost[3][COLORS + 1];
	uint64_t total;
	uint32_t colors[3];
	uint64_t even;
} cases[] = {
	{ "alone", 1, { { NO, 9, 8, 7, 6 } }, 6, { 4 }, 6 },
	{ "alone, a plateau", 1, { { NO, 9, 8, 8, 8 } }, 8, { 2 }, 8 },
	{ "who gains more gets more", 2, { { NO, 9, 8, 7, 6 }, { NO, 30, 20, 10, 9 } }, 19, { 1, 3 }, 28 },
	{ "the least of one", 2, { { NO, NO, NO, 7, 6 }, { NO, 3, 2, 1, 0 } }, 10, { 3, 1 }, NO },
	{ "a cliff that no greedy step sees", 2, { { NO, 10, 9, 8, 7 }, { NO, 20, 20, 1, 1 } }, 11, { 1, 3 }, 29 },
	{ "for nothing", 2, { { 0, 0, 0, 0, 0 }, { NO, 4, 3, 2, 1 } }, 1, { 0, 4 }, 3 },
	{ "not enough", 3, { { NO, NO, 1, 1, 1 }, { NO, NO, 1, 1, 1 }, { NO, 1, 1, 1, 1 } }, NO, { 0 }, NO },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t colors[3], even[3];
		uint64_t total = 0;

		CASE(cases[i].name);
		EXPECT_INT(vrk_colors_divide(cases[i].cost[0], cases[i].n, COLORS, colors, &total), 0);
		EXPECT_INT(total, cases[i].total);
		for (size_t v = 0; total != NO && v < cases[i].n; v++)
			EXPECT_INT(colors[v], cases[i].colors[v]);
		EXPECT_INT(vrk_colors_even(cases[i].cost[0], cases[i].n, COLORS, even), cases[i].even);
	}
}

static void test_bad(void)
{
	const uint64_t cost[] = { 0, 1ULL << 60 };
	uint32_t colors[1];
	uint64_t total;

	CASE("bad questions");
	EXPECT_INT(vrk_colors_divide(cost, 0, 1, colors, &total), -EINVAL);
	EXPECT_INT(vrk_colors_divide(cost, 1, 1, colors, &total), -ERANGE);
	EXPECT_INT(vrk_colors_divide(cost, 1, 5000, colors, &total), -E2BIG);
	EXPECT_INT(vrk_colors_divide(cost, 1, 0, colors, &total), 0);
	EXPECT_INT(total, 0);
}

int main(void)
{
	test_raise();
	test_least();
	test_cost();
	test_shared();
	test_cases();
	test_bad();
	return expect_result();
}
