/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks inside a reservation: the papers' response times, suspensions, EDF, least budgets, fixed-priority servers. */
#include <virtrk/analysis.h>

#include "expect.h"

#define S(q, d, p) { .budget_ns = (q), .deadline_ns = (d), .period_ns = (p) }
#define T(c, t, prio) { .wcet_ns = (c), .period_ns = (t), .deadline_ns = (t), .priority = (prio) }

static void test_fp(void)
{
	static const struct {
		const char *name;
		struct vrk_supply s;
		size_t n;
		struct vrk_task t[3];
		nsec_t want[3];
		bool ok;
	} cases[] = {
		{ "whole CPU: 1, 3, 10", S(1, 1, 1), 3, { T(1, 4, 0), T(2, 6, 1), T(3, 13, 2) }, { 1, 3, 10 }, true },
		{ "whole CPU: 3, 6, 20", S(1, 1, 1), 3, { T(3, 7, 0), T(3, 12, 1), T(5, 20, 2) }, { 3, 6, 20 }, true },
		{ "(4, 10, 10)", S(4, 10, 10), 3, { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) }, { 13, 16, 33 }, true },
		{ "(4, 6, 10)", S(4, 6, 10), 3, { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) }, { 9, 12, 29 }, true },
		{ "(2, 5, 5)", S(2, 5, 5), 3, { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) }, { 7, 13, 27 }, true },
		{ "(8, 20, 20): the first is too late", S(8, 20, 20), 3, { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) }, { NSEC_MAX, 29, 49 }, false },
		{ "order of the array does not matter", S(4, 10, 10), 3, { T(4, 80, 2), T(1, 20, 0), T(3, 40, 1) }, { 33, 13, 16 }, true },
		{ "equal priorities count both ways", S(1, 1, 1), 2, { T(2, 10, 5), T(3, 10, 5) }, { 5, 5 }, true },
		{ "deadline beyond the period: the fifth job is the worst", S(1, 1, 1), 2, { T(26, 70, 0),
		  { .wcet_ns = 62, .period_ns = 100, .deadline_ns = 120, .priority = 1 } }, { 26, 118 }, true },
		{ "and one ns of deadline less", S(1, 1, 1), 2, { T(26, 70, 0),
		  { .wcet_ns = 62, .period_ns = 100, .deadline_ns = 117, .priority = 1 } }, { 26, NSEC_MAX }, false },
		{ "jitter", S(1, 1, 1), 2, { { .wcet_ns = 2, .period_ns = 10, .deadline_ns = 10, .jitter_ns = 3 }, T(3, 20, 1) },
		  { 5, 5 }, true },
		{ "jitter brings one more", S(1, 1, 1), 2, { { .wcet_ns = 4, .period_ns = 10, .deadline_ns = 10, .jitter_ns = 4 }, T(3, 20, 1) },
		  { 8, 11 }, true },
		{ "blocking", S(1, 1, 1), 1, { { .wcet_ns = 2, .period_ns = 10, .deadline_ns = 10, .blocking_ns = 5 } }, { 7 }, true },
		{ "sleep is not execution", S(8, 10, 10), 2, { { .wcet_ns = 3, .period_ns = 49, .deadline_ns = 49, .suspension_ns = 5,
		  .suspensions = 2 }, { .wcet_ns = 9, .period_ns = 102, .deadline_ns = 102, .suspension_ns = 6, .suspensions = 2,
		  .priority = 1 } }, { 20, 32 }, true },
		{ "more than there is", S(1, 1, 1), 1, { T(11, 10, 0) }, { NSEC_MAX }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_verdict v;
		nsec_t r[3] = { 0 };

		CASE(cases[i].name);
		EXPECT_INT(vrk_guest_fp(&cases[i].s, VRK_SUPPLY_SLEEPING, cases[i].t, cases[i].n, &v, r), 0);
		EXPECT_INT(v.ok, cases[i].ok);
		EXPECT_INT(v.lhs <= v.rhs, v.ok);
		for (size_t k = 0; k < cases[i].n; k++)
			EXPECT_INT(r[k], cases[i].want[k]);
	}
}

static void test_modes(void)
{
	const struct vrk_supply s = S(8, 10, 10), legacy = S(4, 10, 10);
	const struct vrk_task t = { .wcet_ns = 3, .period_ns = 49, .deadline_ns = 49, .suspension_ns = 5, .suspensions = 2 };
	const struct vrk_task three[] = { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) };
	struct vrk_task bad = T(1, 10, 0);
	struct vrk_verdict v;
	nsec_t r[3];

	CASE("an idling vCPU gives through the sleep");
	EXPECT_INT(vrk_guest_fp(&s, VRK_SUPPLY_IDLING, &t, 1, &v, r), 0);
	EXPECT_INT(r[0], 12);
	CASE("the old recurrence");
	EXPECT_INT(vrk_legacy_fp(&legacy, three, 3, &v, r), 0);
	EXPECT_INT(r[0], 7);
	EXPECT_INT(r[1], 10);
	EXPECT_INT(r[2], 20);
	CASE("bad tasks");
	bad.wcet_ns = 0;
	EXPECT_INT(vrk_guest_fp(&s, VRK_SUPPLY_SLEEPING, &bad, 1, &v, NULL), -EINVAL);
	bad = (struct vrk_task)T(1, NSEC_MAX, 0);
	EXPECT_INT(vrk_guest_fp(&s, VRK_SUPPLY_SLEEPING, &bad, 1, &v, NULL), -ERANGE);
	EXPECT_INT(vrk_guest_edf(&s, &bad, 1, &v), -ERANGE);
	EXPECT_INT(vrk_guest_fp(&s, VRK_SUPPLY_SLEEPING, NULL, 0, &v, NULL), 0);
	EXPECT(v.ok);
}

static void test_size(void)
{
	static const struct vrk_task shin_lee[] = { T(700, 5000, 0), T(900, 7500, 1) };	/* hundredths */
	static const struct vrk_task three[] = { T(100, 2000, 0), T(300, 4000, 1), T(400, 8000, 2) };
	static const struct {
		const char *name;
		const struct vrk_task *t;
		size_t n;
		nsec_t period, edf, fp;
	} cases[] = {
		{ "Shin, Lee: 5", shin_lee, 2, 500, 135, 165 },
		{ "Shin, Lee: 10", shin_lee, 2, 1000, 279, 350 },
		{ "Shin, Lee: 15", shin_lee, 2, 1500, 434, 575 },
		{ "Shin, Lee: 20", shin_lee, 2, 2000, 613, 767 },
		{ "Shin, Lee: 25", shin_lee, 2, 2500, 800, 1150 },
		{ "three: 2", three, 3, 200, 36, 36 },
		{ "three: 4", three, 3, 400, 74, 74 },
		{ "three: 5", three, 3, 500, 94, 94 },
		{ "three: 8", three, 3, 800, 156, 156 },
		{ "three: 10", three, 3, 1000, 200, 200 },
		{ "three: 16", three, 3, 1600, 650, 650 },
		{ "three: 20", three, 3, 2000, 1050, 1050 },
	};
	const struct vrk_host host = { .cpus = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_guest g = { VRK_GUEST_EDF, VRK_SUPPLY_SLEEPING, cases[i].t, cases[i].n };
		nsec_t q = 0;

		CASE(cases[i].name);
		EXPECT_INT(vrk_size_budget(&host, &g, cases[i].period, 0, 1, &q), 0);
		EXPECT_INT(q, cases[i].edf);
		g.scheduler = VRK_GUEST_FP;
		EXPECT_INT(vrk_size_budget(&host, &g, cases[i].period, 0, 1, &q), 0);
		EXPECT_INT(q, cases[i].fp);
	}
}

static void test_period(void)
{
	static const struct vrk_task t[] = { T(1000000, 20000000, 0), T(3000000, 40000000, 1), T(4000000, 80000000, 2) };
	const struct vrk_host host = { .cpus = 1, .switch_ns = 20000 };
	const struct vrk_guest g = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, t, 3 };
	struct vrk_reservation best;
	struct vrk_supply s;
	struct vrk_verdict v;

	CASE("best period");
	EXPECT_INT(vrk_size_period(&host, &g, 1000000, 20000000, &best), 0);
	EXPECT(best.budget_ns > 0 && best.period_ns > 1000000 && best.period_ns < 20000000);
	vrk_supply_init(&host, &best, &s);
	EXPECT_INT(vrk_guest_check(&s, &g, &v, NULL), 0);
	EXPECT(v.ok);
	EXPECT_INT(vrk_size_period(&host, &g, 0, 1, &best), -EINVAL);
	EXPECT_INT(vrk_size_budget(&host, &g, 10, 11, 0, &best.budget_ns), -EINVAL);
}

static void test_host_fp(void)
{
	const struct vrk_reservation r[] = { { 2, 5, 5 }, { 3, 10, 10 }, { 2, 20, 20 } };
	struct vrk_verdict v;
	nsec_t w[3];

	CASE("periodic servers");
	EXPECT_INT(vrk_host_fp(r, 3, false, &v, w), 0);
	EXPECT(v.ok && w[0] == 2 && w[1] == 5 && w[2] == 9);
	CASE("deferrable ones");
	EXPECT_INT(vrk_host_fp(r, 3, true, &v, w), 0);
	EXPECT(!v.ok && v.index == 2 && v.lhs == 21 && v.rhs == 20);
	EXPECT(w[0] == 2 && w[1] == 7 && w[2] == 21);
}

int main(void)
{
	test_fp();
	test_modes();
	test_size();
	test_period();
	test_host_fp();
	return expect_result();
}
