/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bank functions from timed pairs: published maps, bits that no page can choose, and every reason to say that there is no map. */
#include <virtrk/memory.h>

#include "expect.h"
#include "../oracle/bank-pairs.h"

#define PAIRS 4096
#define BIT(n) (1ULL << (n))
#define ROWS 0x7ffe0000ULL

static struct vrk_bank_pair pairs[2 * PAIRS];

static const struct {
	const char *name;
	struct controller c;
	size_t n;
	enum vrk_bank_doubt doubt;
	uint32_t n_colorable;
	uint64_t colorable[4];
} cases[] = {
	{ "i7-2600, one DIMM", { { BIT(17) | BIT(13), BIT(18) | BIT(14), BIT(19) | BIT(15), BIT(20) | BIT(16) }, 4, ROWS, 6, 31, 5, 20 },
	  PAIRS, VRK_BANK_SURE, 4, { BIT(17) | BIT(13), BIT(18) | BIT(14), BIT(19) | BIT(15), BIT(20) | BIT(16) } },
	{ "i7-2600, four DIMMs", { { BIT(16), BIT(18) | BIT(14), BIT(19) | BIT(15), BIT(20) | BIT(17) }, 4, ROWS, 6, 33, 5, 20 },
	  PAIRS, VRK_BANK_SURE, 4, { BIT(16), BIT(18) | BIT(14), BIT(19) | BIT(15), BIT(20) | BIT(17) } },
	{ "without noise", { { BIT(13), BIT(14) }, 2, ROWS, 6, 31, 0, 0 }, PAIRS, VRK_BANK_SURE, 2, { BIT(13), BIT(14) } },
	{ "one function", { { BIT(13) | BIT(17) }, 1, ROWS, 6, 31, 0, 0 }, 512, VRK_BANK_SURE, 1, { BIT(13) | BIT(17) } },
	{ "a bit below a page", { { BIT(6), BIT(13) | BIT(17) }, 2, ROWS, 6, 31, 0, 0 }, PAIRS, VRK_BANK_SURE, 1, { BIT(13) | BIT(17) } },
	{ "low bits in two functions: their sum has none",
	  { { BIT(7) | BIT(14), BIT(7) | BIT(15) | BIT(20) }, 2, ROWS, 6, 31, 0, 0 }, PAIRS, VRK_BANK_SURE, 1, { BIT(14) | BIT(15) | BIT(20) } },
	{ "nothing can be chosen", { { BIT(6) | BIT(13), BIT(7) | BIT(17) }, 2, ROWS, 6, 31, 0, 0 }, PAIRS, VRK_BANK_SURE, 0, { 0 } },
	{ "many bits in one function", { { BIT(14), 0xffULL << 15 }, 2, ROWS, 6, 31, 5, 20 }, PAIRS, VRK_BANK_SURE, 2,
	  { BIT(14), 0xffULL << 15 } },
	{ "no pairs", { { BIT(13) }, 1, ROWS, 6, 31, 0, 0 }, 0, VRK_BANK_FEW, 0, { 0 } },
	{ "few pairs", { { BIT(13) }, 1, ROWS, 6, 31, 0, 0 }, 60, VRK_BANK_FEW, 0, { 0 } },
	{ "too few for so many bits", { { BIT(13), BIT(14), BIT(15) }, 3, ROWS, 6, 31, 0, 0 }, 400, VRK_BANK_NO_SIGNAL, 0, { 0 } },
	{ "a machine without signal", { { BIT(13), BIT(14) }, 2, ROWS, 6, 31, 500, 500 }, PAIRS, VRK_BANK_NO_SIGNAL, 0, { 0 } },
	{ "everything conflicts", { { 0 }, 0, ROWS, 6, 31, 0, 0 }, PAIRS, VRK_BANK_FEW, 0, { 0 } },
	{ "nothing conflicts", { { BIT(13) }, 1, 0, 6, 31, 0, 0 }, PAIRS, VRK_BANK_FEW, 0, { 0 } },
	{ "too many fast ones", { { BIT(13) }, 1, ROWS, 6, 31, 0, 400 }, PAIRS, VRK_BANK_NOISE, 0, { 0 } },
	{ "too many slow ones", { { BIT(13) }, 1, ROWS, 6, 31, 300, 0 }, PAIRS, VRK_BANK_NOISE, 0, { 0 } },
	{ "whole pages only", { { BIT(6), BIT(13) }, 2, ROWS, 12, 31, 0, 0 }, PAIRS, VRK_BANK_SURE, 1, { BIT(13) } },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct controller c = cases[i].c;
		struct vrk_bank_map map;
		struct vrk_random random;

		CASE(cases[i].name);
		vrk_random_init(&random, i, 0);
		controller_time(&c, &random, pairs, cases[i].n);
		EXPECT_INT(vrk_bank_map_solve(pairs, cases[i].n, &map), 0);
		EXPECT_INT(map.doubt, cases[i].doubt);
		if (map.doubt != VRK_BANK_SURE) {
			EXPECT_INT(map.n, 0);
			EXPECT_INT(map.n_colorable, 0);
			continue;
		}
		EXPECT(map.certainty >= 30);
		EXPECT_INT(map.seen, (BIT(c.high) - 1) & ~(BIT(c.low) - 1));
		for (uint32_t k = 0; k < c.n; k++)
			c.functions[k] &= map.seen;	/* nothing can be known of the others */
		while (c.n > 1 && !controller_reduce(c.functions, c.n))
			c.n--;
		if (EXPECT_INT(map.n, c.n))
			EXPECT(memcmp(map.functions, c.functions, c.n * sizeof(uint64_t)) == 0);
		EXPECT_INT(map.n_colorable, cases[i].n_colorable);
		for (uint32_t k = 0; k < map.n_colorable && k < 4; k++)
			EXPECT_INT(map.colorable[k], cases[i].colorable[k]);
	}
}

/* Two bits that nearly always differ together: nobody can say whether their sum is a function. */
static void test_blind(void)
{
	const struct controller c = { { BIT(13) }, 1, ROWS, 6, 31, 0, 0 };
	struct vrk_bank_map map;
	struct vrk_random random;

	CASE("bits that are never told apart");
	vrk_random_init(&random, 1, 0);
	controller_time(&c, &random, pairs, PAIRS);
	for (size_t i = 0; i < PAIRS; i++) {
		if (i % 20 == 0)
			continue;
		pairs[i].b = (pairs[i].b & ~BIT(20)) | ((pairs[i].a ^ (pairs[i].a ^ pairs[i].b) << 1) & BIT(20));
		pairs[i].conflict = controller_conflict(&c, pairs[i].a, pairs[i].b);
	}
	EXPECT_INT(vrk_bank_map_solve(pairs, PAIRS, &map), 0);
	EXPECT_INT(map.doubt, VRK_BANK_BLIND);
	CASE("the same address twice says nothing");
	for (size_t i = 0; i < PAIRS; i++)
		pairs[i] = (struct vrk_bank_pair){ i << 12, i << 12, i % 2 == 0 };
	EXPECT_INT(vrk_bank_map_solve(pairs, PAIRS, &map), 0);
	EXPECT_INT(map.doubt, VRK_BANK_FEW);
}

static void test_clusters(void)
{
	const struct controller *c = &cases[0].c;
	uint64_t address[PAIRS / 2];
	uint32_t cluster[PAIRS / 2];
	struct vrk_bank_map map;
	struct vrk_random random;
	size_t n = 0;

	CASE("from clusters, one in fifty in the wrong one");
	vrk_random_init(&random, 2, 0);
	for (size_t i = 0; i < PAIRS / 2; i++) {
		address[i] = controller_address(c, &random);
		cluster[i] = 0;
		for (uint32_t k = 0; k < c->n; k++)
			cluster[i] |= (uint32_t)__builtin_parityll(address[i] & c->functions[k]) << k;
		if (i % 50 == 0)
			cluster[i] = (cluster[i] + 1) % 16;
	}
	EXPECT_INT(vrk_bank_pairs(address, cluster, PAIRS / 2, pairs, &n), 0);
	EXPECT(n > PAIRS / 2 && n <= PAIRS);
	EXPECT_INT(vrk_bank_map_solve(pairs, n, &map), 0);
	EXPECT_INT(map.doubt, VRK_BANK_SURE);
	EXPECT_INT(map.n, 4);
	EXPECT(memcmp(map.functions, c->functions, 4 * sizeof(uint64_t)) == 0);
	CASE("no clusters");
	EXPECT_INT(vrk_bank_pairs(address, cluster, 0, pairs, &n), 0);
	EXPECT_INT(n, 0);
	CASE("too many pairs");
	EXPECT_INT(vrk_bank_map_solve(pairs, (size_t)1 << 25, &map), -E2BIG);
}

int main(void)
{
	test_cases();
	test_blind();
	test_clusters();
	return expect_result();
}
