/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks that evict each other's colours: nothing shared costs nothing, and what a preemption and a cold start add. */
#include <virtrk/memory.h>

#include "expect.h"

#define TASK(c, p, prio) { .wcet_ns = (c), .period_ns = (p), .deadline_ns = (p), .priority = (prio) }

static const struct vrk_supply whole = { .budget_ns = 1, .deadline_ns = 1, .period_ns = 1 };
static const struct vrk_task three[] = { TASK(10, 100, 0), TASK(20, 200, 1), TASK(30, 400, 2) };

static const struct {
	const char *name;
	uint64_t colors[3];
	nsec_t reload;
	bool warm;
	nsec_t response[3];
} cases[] = {
	{ "nothing shared", { 1, 2, 4 }, 5, true, { 10, 30, 60 } },
	{ "nothing to load", { 7, 7, 7 }, 0, true, { 10, 30, 60 } },
	/* while the middle one runs, the first may evict it, too: unions count that in both preemptions */
	{ "one colour of the first and the last", { 1, 2, 5 }, 5, false, { 10, 30, 70 } },
	/* who preempts the last cannot evict anything of it, but the first may hurt the middle one */
	{ "one colour of the first and the middle", { 1, 1, 2 }, 5, false, { 10, 35, 65 } },
	{ "one colour of all", { 1, 1, 1 }, 5, false, { 10, 35, 70 } },
	{ "and every start is cold", { 1, 1, 1 }, 5, true, { 15, 45, 85 } },
	{ "two colours of all", { 3, 3, 3 }, 5, true, { 20, 60, 110 + 30 } },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_colors colors[3] = { { { cases[i].colors[0] } }, { { cases[i].colors[1] } }, { { cases[i].colors[2] } } };
		struct vrk_verdict v;
		nsec_t response[3];

		CASE(cases[i].name);
		EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, three, colors, 3, cases[i].reload, cases[i].warm, &v, response), 0);
		EXPECT_INT(v.ok, true);
		for (size_t k = 0; k < 3; k++)
			EXPECT_INT(response[k], cases[i].response[k]);
	}
}

static void test_no(void)
{
	struct vrk_task tight[] = { TASK(10, 100, 0), TASK(20, 200, 1) };
	const struct vrk_colors colors[] = { { { 1 } }, { { 1 } } };
	struct vrk_verdict v;

	CASE("too late by a reload");
	tight[1].deadline_ns = 34;
	EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, tight, colors, 2, 4, false, &v, NULL), 0);
	EXPECT_INT(v.ok, true);
	EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, tight, colors, 2, 5, false, &v, NULL), 0);
	EXPECT_INT(v.ok, false);
	EXPECT_INT(v.index, 1);
	EXPECT_INT(v.rhs, 34);
	EXPECT(v.lhs > v.rhs);
	CASE("costs without end");
	EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, tight, colors, 2, UINT64_MAX, true, &v, NULL), -ERANGE);
	CASE("suspensions are not covered");
	tight[0].suspensions = 1;
	EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, tight, colors, 2, 5, false, &v, NULL), -EOPNOTSUPP);
	CASE("no tasks");
	EXPECT_INT(vrk_guest_fp_reload(&whole, VRK_SUPPLY_SLEEPING, NULL, NULL, 0, 5, false, &v, NULL), 0);
	EXPECT_INT(v.ok, true);
}

int main(void)
{
	test_cases();
	test_no();
	return expect_result();
}
