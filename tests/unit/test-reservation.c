/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One reservation alone: each rule, at its edge and one beyond. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)

static void test_rules(void)
{
	static const struct vrk_host own = { .cpus = 1, .period_min_ns = MS(1), .period_max_ns = MS(100) };
	static const struct vrk_host wide = { .cpus = 1, .period_max_ns = NSEC_MAX };
	static const struct {
		const char *name;
		const struct vrk_host *host;
		struct vrk_reservation r;
		enum vrk_rule rule;
		uint64_t lhs, rhs;
	} cases[] = {
		{ "all zero", NULL, { 0 }, VRK_RULE_BUDGET_ZERO, 1, 0 },
		{ "no budget", NULL, { 0, MS(10), MS(10) }, VRK_RULE_BUDGET_ZERO, 1, 0 },
		{ "1023 ns", NULL, { 1023, MS(10), MS(10) }, VRK_RULE_BUDGET_MIN, 1024, 1023 },
		{ "1024 ns", NULL, { 1024, MS(10), MS(10) }, VRK_RULE_NONE, 1024, MS(10) },
		{ "the whole CPU", NULL, { MS(10), MS(10), MS(10) }, VRK_RULE_NONE, MS(10), MS(10) },
		{ "budget above deadline", NULL, { MS(6) + 1, MS(6), MS(10) }, VRK_RULE_BUDGET_DEADLINE, MS(6) + 1, MS(6) },
		{ "deadline above period", NULL, { MS(1), MS(10) + 1, MS(10) }, VRK_RULE_DEADLINE_PERIOD, MS(10) + 1, MS(10) },
		{ "no deadline", NULL, { MS(1), 0, MS(10) }, VRK_RULE_BUDGET_DEADLINE, MS(1), 0 },
		{ "period 100 us", NULL, { 5000, 100000, 100000 }, VRK_RULE_NONE, 5000, 100000 },
		{ "period below", NULL, { 5000, 99999, 99999 }, VRK_RULE_PERIOD_MIN, 100000, 99999 },
		{ "no period", NULL, { MS(1), MS(1), 0 }, VRK_RULE_PERIOD_MIN, 100000, 0 },
		{ "period 2^22 us", NULL, { MS(1), MS(9), 4194304000ULL }, VRK_RULE_NONE, MS(1), MS(9) },
		{ "period above", NULL, { MS(1), MS(9), 4194304001ULL }, VRK_RULE_PERIOD_MAX, 4194304001ULL, 4194304000ULL },
		{ "the host's least period", &own, { MS(1), MS(1), MS(1) - 1 }, VRK_RULE_PERIOD_MIN, MS(1), MS(1) - 1 },
		{ "the host's largest period", &own, { MS(1), MS(1), MS(100) + 1 }, VRK_RULE_PERIOD_MAX, MS(100) + 1, MS(100) },
		{ "the largest time", &wide, { NSEC_MAX, NSEC_MAX, NSEC_MAX }, VRK_RULE_NONE, NSEC_MAX, NSEC_MAX },
		{ "top bit in budget", &wide, { NSEC_MAX + 1, NSEC_MAX, NSEC_MAX }, VRK_RULE_TIME_MAX, NSEC_MAX + 1, NSEC_MAX },
		{ "top bit in deadline", NULL, { MS(1), UINT64_MAX, MS(1) }, VRK_RULE_TIME_MAX, UINT64_MAX, NSEC_MAX },
		{ "top bit in period", NULL, { MS(1), MS(1), NSEC_MAX + 1 }, VRK_RULE_TIME_MAX, NSEC_MAX + 1, NSEC_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_verdict v;

		CASE(cases[i].name);
		EXPECT_INT(vrk_reservation_check(cases[i].host, &cases[i].r, &v), 0);
		EXPECT_INT(v.ok, cases[i].rule == VRK_RULE_NONE);
		EXPECT_INT(v.test, VRK_TEST_PARAMETERS);
		EXPECT_INT(v.rule, cases[i].rule);
		EXPECT_INT(v.unit, VRK_SIDE_NS);
		EXPECT_INT(v.lhs, cases[i].lhs);
		EXPECT_INT(v.rhs, cases[i].rhs);
		EXPECT_INT(v.lhs <= v.rhs, v.ok);
	}
}

static void test_names(void)
{
	static const char *const names[_VRK_TEST_MAX] = {
		"none", "parameters", "kernel", "qpa", "gfb", "bak", "bcl", "bcl-iter", "fair", "guest-fp", "guest-edf", "host-fp", "place",
		"irq", "memory",
	};

	CASE("names");
	for (int i = 0; i < _VRK_TEST_MAX; i++)
		EXPECT_STR(vrk_test_name((enum vrk_test)i), names[i]);
	EXPECT_STR(vrk_test_name((enum vrk_test)99), "unknown");
}

int main(void)
{
	test_rules();
	test_names();
	return expect_result();
}
