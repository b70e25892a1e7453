/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Global EDF: the four tests on the sets of the literature, and what sleep, ticks and fair servers take from them. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define G(q, d, p) { MS(q), MS(d), MS(p), true }
#define S(q, d, p) { MS(q), MS(d), MS(p), false }
#define FAIR .fair_budget_ns = MS(50), .fair_period_ns = MS(1000)

static const struct {
	const char *name;
	struct vrk_host host;
	size_t n;
	struct vrk_reservation r[9];
	bool gfb, bak, bcl, iter;
} cases[] = {
	{ "empty", { 2 }, 0, { { 0 } }, true, true, true, true },
	{ "equality", { 2 }, 3, { G(1, 2, 2), G(1, 2, 2), G(1, 2, 2) }, true, true, true, true },
	{ "two large, one small", { 2 }, 3, { G(20, 30, 30), G(20, 30, 30), G(5, 30, 30) }, false, false, true, true },
	{ "schedcat's example", { 2 }, 3, { G(49, 100, 100), G(49, 100, 100), G(2, 50, 100) }, true, false, false, true },
	{ "eight light, one heavy", { 2 }, 9, { G(1, 10, 10), G(1, 10, 10), G(1, 10, 10), G(1, 10, 10), G(1, 10, 10), G(1, 10, 10),
	  G(1, 10, 10), G(1, 10, 10), G(1, 2, 2) }, true, true, false, true },
	{ "beyond all", { 2 }, 3, { G(5, 10, 10), G(5, 10, 10), G(8, 10, 10) }, false, false, false, false },
	{ "constrained deadlines", { 2 }, 3, { G(4, 8, 10), G(4, 8, 10), G(6, 20, 20) }, true, true, true, true },
	{ "Dhall: light ones first, the heavy one late", { 2 }, 3, { G(2, 10, 10), G(2, 10, 10), G(10, 11, 11) }, false, false,
	  false, false },
	{ "no more than CPUs", { 2 }, 2, { S(10, 10, 10), S(10, 10, 10) }, false, false, true, false },
	{ "sleepers: the density bound still holds", { 2 }, 3, { S(1, 2, 2), S(1, 2, 2), S(1, 2, 2) }, true, false, false, false },
	{ "sleepers: the window tests say nothing", { 2 }, 3, { S(20, 30, 30), S(20, 30, 30), S(5, 30, 30) }, false, false, false,
	  false },
	{ "tick: one more reservation than CPUs", { 2, .tick_ns = MS(4) }, 3, { G(4, 10, 10), G(4, 10, 10), G(4, 10, 10) }, false,
	  false, false, false },
	{ "tick: longer windows hide it", { 2, .tick_ns = MS(4) }, 3, { G(20, 100, 100), G(20, 100, 100), G(20, 100, 100) }, true,
	  false, true, true },
	{ "fair servers are not starved by little load", { 2, FAIR }, 3, { S(2, 10, 10), S(2, 10, 10), S(2, 10, 10) }, true,
	  false, false, false },
	{ "fair servers may hold one CPU", { 2, FAIR }, 3, { S(5, 10, 10), S(5, 10, 10), S(1, 10, 10) }, false, false, false, false },
	{ "fair servers: deadlines too long for the lemma", { 2, FAIR }, 3, { S(2, 10, 10), S(2, 10, 10), S(2, 990, 990) }, false,
	  false, false, false },
};

static void expect_same(int err, const struct vrk_verdict *v, enum vrk_test test, bool ok)
{
	EXPECT_INT(err, 0);
	EXPECT_INT(v->test, test);
	if (!EXPECT_INT(v->ok, ok) || (v->lhs <= v->rhs) != ok)
		fprintf(stderr, "  %s: %" PRIu64 " <= %" PRIu64 "\n", vrk_test_name(test), v->lhs, v->rhs);
	EXPECT_INT(v->lhs <= v->rhs, v->ok);
}

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vrk_host *h = &cases[i].host;
		const struct vrk_reservation *r = cases[i].r;
		size_t n = cases[i].n;
		struct vrk_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_verdict v;

		CASE(cases[i].name);
		expect_same(vrk_gedf_gfb(h, r, n, &v), &v, VRK_TEST_GFB, cases[i].gfb);
		cert.test = VRK_TEST_GFB;
		EXPECT_INT(vrk_certificate_check(h, r, n, &cert), v.ok ? 0 : -EBADMSG);
		expect_same(vrk_gedf_bak(h, r, n, &v), &v, VRK_TEST_BAK, cases[i].bak);
		cert.test = VRK_TEST_BAK;
		EXPECT_INT(vrk_certificate_check(h, r, n, &cert), v.ok ? 0 : -EBADMSG);
		expect_same(vrk_gedf_bcl(h, r, n, &v), &v, VRK_TEST_BCL, cases[i].bcl);
		cert.test = VRK_TEST_BCL;
		EXPECT_INT(vrk_certificate_check(h, r, n, &cert), v.ok ? 0 : -EBADMSG);
		expect_same(vrk_gedf_bcl_iter(h, r, n, &v, &cert), &v, VRK_TEST_BCL_ITER, cases[i].iter);
		if (v.ok) {
			EXPECT_INT(cert.n_points, n);
			EXPECT_INT(vrk_certificate_check(h, r, n, &cert), 0);
		}
		vrk_certificate_done(&cert);
	}
}

static void test_numbers(void)
{
	const struct vrk_host host = { .cpus = 2 }, none = { .cpus = 0 };
	const struct vrk_reservation r[] = { G(1, 2, 2), G(1, 2, 2), G(1, 2, 2) };
	struct vrk_verdict v;

	CASE("both sides");
	EXPECT_INT(vrk_gedf_gfb(&host, r, 3, &v), 0);
	EXPECT_INT(v.unit, VRK_SIDE_BW);
	EXPECT_INT(v.lhs, BW_UNIT * 3 / 2);
	EXPECT_INT(v.rhs, BW_UNIT * 3 / 2);

	CASE("no CPU");
	EXPECT_INT(vrk_gedf_gfb(&none, r, 3, &v), -EINVAL);
	EXPECT_INT(vrk_gedf_bcl_iter(&none, r, 3, &v, NULL), -EINVAL);
}

int main(void)
{
	test_cases();
	test_numbers();
	return expect_result();
}
