/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placement: each method's habit, each constraint, and that exact search finds what greedy methods miss. */
#include <virtrk/system.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define S(q) { MS(q), MS(100), MS(100) }
#define N_MAX 8

static const struct vrk_host host = { .cpus = 3, .kernel_limit_bw = VRK_BW_UNLIMITED };
static const struct vrk_host two = { .cpus = 2, .kernel_limit_bw = VRK_BW_UNLIMITED };
static const int32_t on_two[] = { -1, 2, -1 }, clash[] = { 0, 0, -1 };
static const uint32_t apart[] = { 1, 1, 0 }, cores[] = { 0, 0, 1 };

static const struct {
	const char *name;
	const struct vrk_host *host;
	struct vrk_place how;
	size_t n;
	struct vrk_reservation r[N_MAX];
	bool ok;
	int32_t cpu[N_MAX];
	enum vrk_test test;
	size_t index;
} cases[] = {
	{ "nothing", &host, { VRK_PLACE_FIRST_FIT }, 0, { { 0 } }, true, { 0 }, VRK_TEST_PLACE, SIZE_MAX },
	{ "first fit packs", &host, { VRK_PLACE_FIRST_FIT }, 3, { S(30), S(30), S(30) }, true, { 0, 0, 0 }, VRK_TEST_PLACE, SIZE_MAX },
	{ "worst fit spreads", &host, { VRK_PLACE_WORST_FIT }, 3, { S(30), S(30), S(30) }, true, { 0, 1, 2 }, VRK_TEST_PLACE, SIZE_MAX },
	{ "best fit fills", &host, { VRK_PLACE_BEST_FIT }, 4, { S(70), S(60), S(40), S(30) }, true, { 0, 1, 1, 0 }, VRK_TEST_PLACE,
	  SIZE_MAX },
	{ "largest first", &host, { VRK_PLACE_FIRST_FIT }, 3, { S(30), S(80), S(60) }, true, { 1, 0, 1 }, VRK_TEST_PLACE, SIZE_MAX },
	{ "too much", &two, { VRK_PLACE_FIRST_FIT }, 3, { S(60), S(60), S(60) }, false, { 0, 1, -1 }, VRK_TEST_QPA, 2 },
	{ "exclusive", &two, { VRK_PLACE_FIRST_FIT, .exclusive = true }, 3, { S(10), S(10), S(10) }, false, { 0, 1, -1 },
	  VRK_TEST_PLACE, 2 },
	{ "what runs stays", &host, { VRK_PLACE_FIRST_FIT, .fixed = on_two }, 3, { S(30), S(30), S(30) }, true, { 0, 2, 0 }, VRK_TEST_PLACE,
	  SIZE_MAX },
	{ "what runs does not fit", &host, { VRK_PLACE_FIRST_FIT, .fixed = clash }, 3, { S(60), S(60), S(10) }, false, { 0, 0, -1 },
	  VRK_TEST_QPA, 1 },
	{ "apart", &host, { VRK_PLACE_FIRST_FIT, .group = apart }, 3, { S(30), S(30), S(20) }, true, { 0, 1, 0 }, VRK_TEST_PLACE, SIZE_MAX },
	{ "quiet siblings", &host, { VRK_PLACE_WORST_FIT, .core = cores }, 3, { S(30), S(30), S(30) }, true, { 0, 2, 0 }, VRK_TEST_PLACE,
	  SIZE_MAX },
	/* 60 50 | 40 30 20: first fit in decreasing order leaves no room for the last 20, although 60+40 and 50+30+20 fit */
	{ "greedy fails", &two, { VRK_PLACE_WORST_FIT }, 5, { S(60), S(50), S(40), S(30), S(20) }, false, { 0, 1, 1, 0, -1 },
	  VRK_TEST_QPA, 4 },
	{ "exact does not", &two, { VRK_PLACE_EXACT }, 5, { S(60), S(50), S(40), S(30), S(20) }, true, { 0, 1, 0, 1, 1 }, VRK_TEST_PLACE,
	  SIZE_MAX },
	{ "exact knows when there is none", &two, { VRK_PLACE_EXACT }, 3, { S(60), S(60), S(60) }, false, { -1, -1, -1 }, VRK_TEST_QPA, 2 },
	{ "exact gives up in time", &two, { VRK_PLACE_EXACT, .steps_max = 2 }, 5, { S(60), S(50), S(40), S(30), S(20) }, false,
	  { -1, -1, -1, -1, -1 }, VRK_TEST_PLACE, 4 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_verdict v;
		int32_t cpu[N_MAX];

		CASE(cases[i].name);
		EXPECT_INT(vrk_place(cases[i].host, cases[i].r, cases[i].n, &cases[i].how, cpu, &v), 0);
		EXPECT_INT(v.ok, cases[i].ok);
		EXPECT_STR(vrk_test_name(v.test), vrk_test_name(cases[i].test));
		EXPECT_INT(v.lhs <= v.rhs, v.ok);
		if (cases[i].how.steps_max == 0)
			EXPECT_INT(v.index, cases[i].index);
		for (size_t k = 0; k < cases[i].n; k++)
			EXPECT_INT(cpu[k], cases[i].cpu[k]);
	}
}

static void test_improve(void)
{
	const struct vrk_reservation r[] = { S(60), S(50), S(40), S(30), S(20) };
	const struct vrk_place how = { VRK_PLACE_WORST_FIT, .improve = true };
	struct vrk_verdict v;
	int32_t cpu[5];

	CASE("one move does it");
	EXPECT_INT(vrk_place(&two, r, 5, &how, cpu, &v), 0);
	for (int c = 0; c < 2; c++) {
		nsec_t sum = 0;

		for (size_t i = 0; i < 5; i++)
			sum += cpu[i] == c ? r[i].budget_ns : 0;
		EXPECT(sum <= MS(100));
	}
}

static void test_bad(void)
{
	const struct vrk_host none = { .cpus = 0 };
	const struct vrk_reservation r[] = { S(10), S(10), S(10) };
	const struct vrk_place far = { VRK_PLACE_FIRST_FIT, .fixed = on_two }, odd = { (enum vrk_place_method)99 };
	struct vrk_verdict v;
	int32_t cpu[3];

	CASE("bad questions");
	EXPECT_INT(vrk_place(&none, r, 3, &far, cpu, &v), -EINVAL);
	EXPECT_INT(vrk_place(&two, r, 3, &far, cpu, &v), -EINVAL);
	EXPECT_INT(vrk_place(&two, r, 3, &odd, cpu, &v), -EINVAL);
}

int main(void)
{
	test_cases();
	test_improve();
	test_bad();
	return expect_result();
}
