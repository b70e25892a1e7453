/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Borders between times that fall into groups, and no border where they do not; banks from made-up times of a machine whose functions
 * are known.
 */
#include "expect.h"
#include "latency.h"

#define N ((size_t)20000)

static uint64_t state = 1;

static uint64_t draw(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Like a bell around @mean: a sum of four. */
static uint32_t bell(uint32_t mean, uint32_t width)
{
	uint32_t sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (uint32_t)(draw() % (width + 1));
	return mean + sum / 2 - width;
}

/* In 1/1024: how many belong to each of the hills. */
struct hill {
	uint32_t share, mean, width;
};

static const struct {
	const char *name;
	struct hill hills[4];
	size_t n;
	size_t valleys;
	uint32_t low, high;	/* where the last of them is */
} cases[] = {
	{ "none at all", { { 1024, 200, 10 } }, 0, 0, 0, 0 },
	{ "a few", { { 512, 200, 10 }, { 512, 300, 10 } }, 40, 0, 0, 0 },
	{ "all the same", { { 1024, 200, 0 } }, N, 0, 0, 0 },
	{ "one hill", { { 1024, 200, 40 } }, N, 0, 0, 0 },
	{ "one narrow hill", { { 1024, 200, 3 } }, N, 0, 0, 0 },
	{ "one hill and disturbances", { { 1023, 200, 20 }, { 1, 4000, 2000 } }, N, 0, 0, 0 },
	{ "one of 16 banks conflicts", { { 960, 200, 20 }, { 64, 300, 20 } }, N, 1, 221, 279 },
	{ "one of 128", { { 1016, 200, 20 }, { 8, 300, 20 } }, N, 1, 221, 279 },
	{ "one of two", { { 512, 200, 20 }, { 512, 300, 20 } }, N, 1, 221, 279 },
	{ "most conflict", { { 300, 200, 20 }, { 724, 300, 20 } }, N, 1, 221, 279 },
	{ "three hills", { { 700, 200, 15 }, { 260, 260, 15 }, { 64, 340, 15 } }, N, 2, 276, 324 },
	{ "hills into one another", { { 960, 200, 60 }, { 64, 250, 60 } }, N, 0, 0, 0 },
	{ "with disturbances", { { 955, 200, 20 }, { 64, 300, 20 }, { 1, 5000, 100 } }, N, 1, 221, 279 },
};

static void fill(const struct hill *hills, uint32_t *times, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(draw() % 1024), h = 0;

		while (h < 3 && at >= hills[h].share && hills[h + 1].share > 0) {
			at -= hills[h].share;
			h++;
		}
		times[i] = bell(hills[h].mean, hills[h].width);
	}
}

static void test_valleys(void)
{
	_cleanup_(freep) uint32_t *times = calloc(N, sizeof(*times));

	tree_must(times != NULL, "memory");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t valley[LATENCY_VALLEYS_MAX];
		size_t n = 99;

		CASE(cases[i].name);
		fill(cases[i].hills, times, cases[i].n);
		EXPECT_INT(latency_valleys(times, cases[i].n, valley, &n), 0);
		if (EXPECT_INT(n, cases[i].valleys) && n > 0 && !EXPECT(valley[n - 1] >= cases[i].low && valley[n - 1] <= cases[i].high))
			fprintf(stderr, "    at %u\n", valley[n - 1]);
	}
}

/* Pairs in 8 GiB of a machine with these functions, timed with @noise: so many of 1024 pairs take a time of the other kind. */
static void pairs_make(const uint64_t *functions, size_t n_functions, uint32_t noise, struct vrk_bank_pair *pairs, uint32_t *times)
{
	for (size_t i = 0; i < N; i++) {
		bool same = true;

		pairs[i] = (struct vrk_bank_pair){ .a = draw() & 0x1ffffffc0, .b = draw() & 0x1ffffffc0 };
		for (size_t f = 0; f < n_functions; f++)
			same = same && !__builtin_parityll((pairs[i].a ^ pairs[i].b) & functions[f]);
		if (draw() % 1024 < noise)
			same = !same;
		times[i] = same ? bell(300, 25) : bell(200, 25);
	}
}

static void test_banks(void)
{
	static const uint64_t functions[] = { 1 << 13 | 1 << 17, 1 << 14 | 1 << 18, 1 << 15 | 1 << 19, 1 << 16 | 1 << 20 };
	_cleanup_(freep) struct vrk_bank_pair *pairs = calloc(N, sizeof(*pairs));
	_cleanup_(freep) uint32_t *times = calloc(N, sizeof(*times));
	uint32_t threshold = 0;
	struct vrk_bank_map map;

	tree_must(pairs && times, "memory");
	CASE("four functions");
	pairs_make(functions, ARRAY_SIZE(functions), 2, pairs, times);
	EXPECT_INT(latency_banks(pairs, times, N, &map, &threshold), 0);
	EXPECT_INT(map.doubt, VRK_BANK_SURE);
	if (EXPECT_INT(map.n, 4) && EXPECT_INT(map.n_colorable, 4))
		for (size_t i = 0; i < 4; i++)
			EXPECT_INT(map.functions[i], functions[i]);
	EXPECT(threshold > 225 && threshold < 275);
	CASE("what was seen");
	EXPECT(latency_banks_cover(&map, UINT64_C(1) << 33));
	EXPECT(!latency_banks_cover(&map, UINT64_C(1) << 34));
	EXPECT(!latency_banks_cover(&map, UINT64_MAX));
	CASE("too much noise");
	pairs_make(functions, ARRAY_SIZE(functions), 400, pairs, times);
	EXPECT_INT(latency_banks(pairs, times, N, &map, &threshold), 0);
	EXPECT(map.doubt != VRK_BANK_SURE);
	EXPECT_INT(map.n, 0);
	CASE("no signal");
	for (size_t i = 0; i < N; i++)
		times[i] = bell(200, 30);
	EXPECT_INT(latency_banks(pairs, times, N, &map, &threshold), 0);
	EXPECT_INT(map.doubt, VRK_BANK_NO_SIGNAL);
	CASE("nothing measured");
	EXPECT_INT(latency_banks(pairs, times, 0, &map, &threshold), 0);
	EXPECT_INT(map.doubt, VRK_BANK_NO_SIGNAL);
}

int main(void)
{
	uint32_t odd[] = { 5, 1, 9 };

	CASE("median");
	EXPECT_INT(latency_median(odd, 3), 5);
	EXPECT_INT(latency_median(odd, 0), 0);
	test_valleys();
	test_banks();
	return expect_result();
}
