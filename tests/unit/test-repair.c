/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After a no: the change that is proposed fits, is close to the least one, and touches only newcomers. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define US(x) ((nsec_t)(x) * NSEC_PER_USEC)
#define S(q, d, p) { MS(q), MS(d), MS(p), false }
#define G(q, d, p) { MS(q), MS(d), MS(p), true }
#define LIMIT .kernel_limit_bw = 996147
#define FAIR .fair_budget_ns = MS(50), .fair_period_ns = MS(1000)

static const struct {
	const char *name;
	struct vrk_host host;
	size_t n, first;
	struct vrk_reservation r[4];
	enum vrk_repair_kind kind;
	size_t index;
	nsec_t value;
} cases[] = {
	{ "no newcomers", { 1, LIMIT }, 1, 1, { S(4, 10, 10) }, VRK_REPAIR_NONE, SIZE_MAX, 0 },
	{ "others take it all", { 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, 2, 1, { S(10, 10, 10), S(1, 4, 10) }, VRK_REPAIR_NONE,
	  SIZE_MAX, 0 },
	/* 996147 - 52428 - 419430 = 524289 of 2^20 is 0.5000009 */
	{ "budget, to the kernel's limit", { 1, FAIR, LIMIT }, 2, 1, { S(4, 10, 10), S(6, 10, 10) }, VRK_REPAIR_BUDGET, 1, US(5000) },
	{ "budget, by demand", { 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, 2, 1, { S(4, 10, 10), S(7, 10, 10) }, VRK_REPAIR_BUDGET, 1,
	  MS(6) },
	{ "a longer deadline", { 1, LIMIT }, 2, 1, { G(4, 5, 20), { MS(2), US(5500), MS(20), true } }, VRK_REPAIR_DEADLINE, 1,
	  MS(6) },
	{ "a deadline a little longer", { 1, LIMIT }, 2, 1, { G(4, 5, 20), { US(1337), US(5300), MS(20), true } }, VRK_REPAIR_DEADLINE,
	  1, US(5337) },
	{ "a longer period", { 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, 2, 1, { G(5, 8, 9), G(2, 3, 5) }, VRK_REPAIR_PERIOD, 1,
	  MS(6) },
	{ "a finer tick", { 1, .tick_ns = MS(4), LIMIT }, 2, 1, { S(7, 10, 10), S(1, 10, 10) }, VRK_REPAIR_TICK, SIZE_MAX, 0 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_repair p;
		struct vrk_reservation r[4];
		struct vrk_verdict v;

		CASE(cases[i].name);
		EXPECT_INT(vrk_admit_repair(&cases[i].host, cases[i].r, cases[i].n, cases[i].first, &p), 0);
		EXPECT_INT(p.kind, cases[i].kind);
		EXPECT_INT(p.index, cases[i].index);
		EXPECT_INT(p.value_ns, cases[i].value);
		if (p.kind == VRK_REPAIR_NONE || p.kind == VRK_REPAIR_TICK)
			continue;
		memcpy(r, cases[i].r, sizeof(r));
		r[p.index] = p.fits;
		EXPECT_INT(vrk_admit(&cases[i].host, r, cases[i].n, &v, NULL), 0);
		EXPECT(v.ok);
		/* and it is the least: one step of the grid back does not fit */
		if (p.kind == VRK_REPAIR_BUDGET)
			r[p.index].budget_ns += US(1);
		if (p.kind == VRK_REPAIR_DEADLINE)
			r[p.index].deadline_ns -= US(1);
		if (p.kind == VRK_REPAIR_PERIOD)
			r[p.index].period_ns -= US(1);
		EXPECT_INT(vrk_admit(&cases[i].host, r, cases[i].n, &v, NULL), 0);
		EXPECT(!v.ok);
	}
}

static void test_largest(void)
{
	struct vrk_host host = { .cpus = 1, FAIR, LIMIT };
	const struct vrk_reservation r[] = { S(4, 10, 10), S(5, 10, 10) };
	nsec_t q = 77;

	CASE("largest budget");
	EXPECT_INT(vrk_admit_largest(&host, r, 1, MS(10), &q), 0);
	EXPECT_INT(q, MS(5));
	EXPECT_INT(vrk_admit_largest(&host, r, 2, MS(10), &q), 0);
	EXPECT_INT(q, 0);
	EXPECT_INT(vrk_admit_largest(&host, NULL, 0, MS(10), &q), 0);
	EXPECT_INT(q, MS(9));
	EXPECT_INT(vrk_admit_largest(&host, NULL, 0, US(99), &q), 0);
	EXPECT_INT(q, 0);
	EXPECT_INT(vrk_admit_largest(&host, NULL, 0, UINT64_MAX, &q), -ERANGE);
	host.cpus = 0;
	EXPECT_INT(vrk_admit_largest(&host, NULL, 0, MS(10), &q), -EINVAL);
}

int main(void)
{
	test_cases();
	test_largest();
	return expect_result();
}
