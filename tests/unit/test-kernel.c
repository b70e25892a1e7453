/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's fixed point, number by number. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define LIMIT 996147	/* 950000/1000000 */

static void test_bw(void)
{
	CASE("to_ratio");
	EXPECT_INT(vrk_bw(950000, 1000000), LIMIT);
	EXPECT_INT(vrk_bw(MS(50), MS(1000)), 52428);
	EXPECT_INT(vrk_bw(MS(4), MS(10)), 419430);
	EXPECT_INT(vrk_bw(MS(10), MS(20)), 524288);
	EXPECT_INT(vrk_bw(0, MS(10)), 0);
	EXPECT_INT(vrk_bw(MS(4), 0), 0);
	EXPECT_INT(vrk_bw(NSEC_MAX, NSEC_MAX), BW_UNIT);
	EXPECT_INT(vrk_bw(NSEC_MAX, 1), -1);		/* clamped, not wrapped */
	EXPECT_INT(vrk_bw(1024, 4194304000ULL), 0);	/* a load that the kernel does not see */
}

static void test_check(void)
{
	static const struct {
		const char *name;
		struct vrk_host host;
		size_t n;
		struct vrk_reservation r[4];
		int err;
		bool ok;
		uint64_t lhs, rhs;
	} cases[] = {
		{ "empty", { .cpus = 1, .kernel_limit_bw = LIMIT }, 0, { { 0 } }, 0, true, 0, LIMIT },
		{ "no CPU", { .cpus = 0, .kernel_limit_bw = LIMIT }, 0, { { 0 } }, -EINVAL, false, 0, 0 },
		{ "fair server without period", { .cpus = 1, .fair_budget_ns = 1 }, 0, { { 0 } }, -EINVAL, false, 0, 0 },
		/* sums of theory's golden example: 52428 + 419430 + 524288 = 996146 */
		{ "one unit left", { 1, MS(50), MS(1000), .kernel_limit_bw = LIMIT }, 2,
		  { { MS(4), MS(10), MS(10) }, { MS(10), MS(20), MS(20) } }, 0, true, 996146, LIMIT },
		{ "one more unit fits", { 1, MS(50), MS(1000), .kernel_limit_bw = LIMIT }, 3,
		  { { MS(4), MS(10), MS(10) }, { MS(10), MS(20), MS(20) }, { 1024, MS(1000), MS(1000) } }, 0, true, 996147, LIMIT },
		{ "two more do not", { 1, MS(50), MS(1000), .kernel_limit_bw = LIMIT }, 3,
		  { { MS(4), MS(10), MS(10) }, { MS(10), MS(20), MS(20) }, { 2048, MS(1000), MS(1000) } }, 0, false, 996148, LIMIT },
		{ "each CPU has its fair server", { 2, MS(50), MS(1000), .kernel_limit_bw = LIMIT }, 0, { { 0 } }, 0, true,
		  104856, 2 * LIMIT },
		{ "deadlines do not matter to it", { 1, .kernel_limit_bw = LIMIT }, 2,
		  { { MS(4), MS(4), MS(10) }, { MS(4), MS(4), MS(10) } }, 0, true, 838860, LIMIT },
		{ "no limit", { 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, 2,
		  { { MS(9), MS(10), MS(10) }, { MS(9), MS(10), MS(10) } }, 0, true, 1887436, VRK_BW_UNLIMITED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_verdict v = { .ok = false };

		CASE(cases[i].name);
		EXPECT_INT(vrk_kernel_check(&cases[i].host, cases[i].r, cases[i].n, &v), cases[i].err);
		if (cases[i].err < 0)
			continue;
		EXPECT_INT(v.ok, cases[i].ok);
		EXPECT_INT(v.test, VRK_TEST_KERNEL);
		EXPECT_INT(v.unit, VRK_SIDE_BW);
		EXPECT_INT(v.lhs, cases[i].lhs);
		EXPECT_INT(v.rhs, cases[i].rhs);
	}
}

int main(void)
{
	test_bw();
	test_check();
	return expect_result();
}
