/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processor demand on one CPU: the numbers of the papers, the kernel's own example, and every cost that must be seen. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define G(q, d, p) { (q), (d), (p), true }	/* a sporadic task */
#define S(q, d, p) { (q), (d), (p), false }	/* a thread that may sleep */

/* schedcat's set, as (C, T, D) there. */
#define SCHEDCAT G(6000, 18000, 31000), G(2000, 9000, 9800), G(1000, 12000, 17000), G(90, 3000, 4200), G(8, 78, 96), \
	G(2, 16, 12), G(10, 120, 280), G(26, 160, 660)

static const struct {
	const char *name;
	struct vrk_host host;
	size_t n;
	struct vrk_reservation r[9];
	bool ok;
	enum vrk_side_unit unit;
	uint64_t lhs, rhs;	/* 0, 0: not looked at */
	size_t index;
} cases[] = {
	{ "empty", { 1 }, 0, { { 0 } }, true, VRK_SIDE_BW, 0, 0, SIZE_MAX },
	{ "the whole CPU", { 1 }, 1, { S(MS(5), MS(5), MS(5)) }, true, VRK_SIDE_BW, BW_UNIT, BW_UNIT, SIZE_MAX },
	{ "three thirds", { 1 }, 3, { S(1, 3, 3), S(1, 3, 3), S(1, 3, 3) }, true, VRK_SIDE_BW, BW_UNIT, BW_UNIT, SIZE_MAX },
	{ "three thirds and a bit", { 1 }, 4, { S(1, 3, 3), S(1, 3, 3), S(1, 3, 3), S(1, MS(1), MS(1)) }, false, VRK_SIDE_BW,
	  0, 0, SIZE_MAX },
	{ "load of one, deadlines not", { 1 }, 2, { G(1, 1, 2), G(2, 2, 4) }, false, VRK_SIDE_NS, 3, 2, 1 },
	{ "load of one, in step", { 1 }, 2, { G(1, 1, 2), G(2, 4, 4) }, true, VRK_SIDE_NS, 0, 0, SIZE_MAX },
	{ "schedcat: fits", { 1 }, 8, { SCHEDCAT }, true, VRK_SIDE_NS, 0, 0, 0 },
	{ "schedcat: does not", { 1 }, 2, { G(331, 2688, 15000), G(3654, 3849, 77000) }, false, VRK_SIDE_NS, 3985, 3849, 1 },
	{ "schedcat: late first failure", { 1 }, 9, { SCHEDCAT, G(10, 15, 100) }, false, VRK_SIDE_NS, 0, 0, 0 },
	{ "kernel takes it, we do not", { 1 }, 2, { S(MS(4), MS(4), MS(10)), S(MS(4), MS(4), MS(10)) }, false, VRK_SIDE_NS,
	  MS(8), MS(4), 0 },
	{ "density above one, demand not", { 1 }, 4, { G(MS(4), MS(6), MS(10)), G(MS(4), MS(8), MS(20)), G(MS(2), MS(40), MS(40)),
	  G(MS(50), MS(1000), MS(1000)) }, true, VRK_SIDE_NS, 0, 0, SIZE_MAX },
	{ "sched-deadline.rst", { 1 }, 2, { G(MS(50), MS(50), MS(100)), G(MS(10), MS(100), MS(100)) }, true, VRK_SIDE_NS, 0, 0,
	  SIZE_MAX },
	{ "sched-deadline.rst, but it may sleep", { 1 }, 2, { G(MS(50), MS(50), MS(100)), S(MS(10), MS(100), MS(100)) }, false,
	  VRK_SIDE_NS, MS(55), MS(50), 0 },
	{ "Dhall is no trouble on one CPU", { 1 }, 3, { S(MS(1), MS(10), MS(10)), S(MS(1), MS(10), MS(10)), S(MS(8), MS(11), MS(11)) },
	  true, VRK_SIDE_BW, 0, 0, SIZE_MAX },
	{ "fair server: all that is left", { 1, MS(50), MS(1000) }, 1, { S(MS(95), MS(100), MS(100)) }, true, VRK_SIDE_BW, 0, 0,
	  SIZE_MAX },
	{ "fair server: 1 ns more", { 1, MS(50), MS(1000) }, 1, { S(MS(95) + 1, MS(100), MS(100)) }, false, VRK_SIDE_BW, 0, 0,
	  SIZE_MAX },
	{ "fair server: seen at short deadlines", { 1, MS(50), MS(1000) }, 2, { G(MS(4), MS(6), MS(10)), G(MS(4), MS(8), MS(20)) },
	  false, VRK_SIDE_NS, MS(8) + 400000, MS(8), 1 },
	{ "tick: nothing to overrun into", { 1, .tick_ns = MS(4) }, 1, { S(MS(9), MS(10), MS(10)) }, true, VRK_SIDE_BW, 0, 0,
	  SIZE_MAX },
	{ "tick: 3 + 3 + one tick", { 1, .tick_ns = MS(4) }, 2, { S(MS(3), MS(10), MS(10)), S(MS(3), MS(10), MS(10)) }, true,
	  VRK_SIDE_NS, MS(10), MS(10), 0 },
	{ "tick: 1 ns more", { 1, .tick_ns = MS(4) }, 2, { S(MS(3), MS(10), MS(10)), S(MS(3) + 1, MS(10), MS(10)) }, false,
	  VRK_SIDE_NS, MS(10) + 1, MS(10), 0 },
	{ "tick: three of them", { 1, .tick_ns = MS(4) }, 3, { S(MS(1), MS(10), MS(10)), S(MS(1), MS(10), MS(10)), S(MS(1), MS(10), MS(10)) },
	  false, VRK_SIDE_NS, MS(11), MS(10), 0 },
	{ "tick: paid back over a long deadline", { 1, .tick_ns = MS(4) }, 2, { G(MS(5), MS(10), MS(10)), G(MS(40), MS(100), MS(100)) },
	  true, VRK_SIDE_NS, 0, 0, SIZE_MAX },
	{ "switches", { 1, .switch_ns = 500 }, 1, { G(MS(1) - 1000, MS(1), MS(1)) }, true, VRK_SIDE_BW, BW_UNIT, BW_UNIT, SIZE_MAX },
	{ "switches: 1 ns more", { 1, .switch_ns = 500 }, 1, { G(MS(1) - 999, MS(1), MS(1)) }, false, VRK_SIDE_NS, MS(1) + 1, MS(1), 0 },
	{ "latency", { 1, .latency_ns = 100 }, 1, { G(MS(1), MS(2), MS(2)) }, true, VRK_SIDE_BW, 0, 0, SIZE_MAX },
	{ "latency: more than the deadline", { 1, .latency_ns = MS(3) }, 1, { G(MS(1), MS(2), MS(2)) }, false, VRK_SIDE_NS, MS(1), 0, 0 },
	{ "latency: 1 ns too much", { 1, .latency_ns = 1 }, 1, { G(MS(1), MS(1), MS(2)) }, false, VRK_SIDE_NS, MS(1), MS(1) - 1, 0 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_verdict v;

		CASE(cases[i].name);
		EXPECT_INT(vrk_edf_qpa(&cases[i].host, cases[i].r, cases[i].n, &v, &cert), 0);
		EXPECT_INT(v.ok, cases[i].ok);
		EXPECT_INT(v.test, VRK_TEST_QPA);
		EXPECT_INT(v.unit, cases[i].unit);
		EXPECT_INT(v.lhs <= v.rhs, v.ok);
		if (cases[i].lhs) {
			EXPECT_INT(v.lhs, cases[i].lhs);
			EXPECT_INT(v.rhs, cases[i].rhs);
			EXPECT_INT(v.index, cases[i].index);
		}
		EXPECT_INT(v.ok ? vrk_certificate_check(&cases[i].host, cases[i].r, cases[i].n, &cert) : 0, 0);
		vrk_certificate_done(&cert);
	}
}

/* The walk itself: as many steps as schedcat's tests print, which start at 15352. */
static void test_walk(void)
{
	static const struct vrk_reservation r[] = { SCHEDCAT };
	static const struct vrk_host host = { .cpus = 1 };
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v;

	CASE("schedcat: the points");
	EXPECT_INT(vrk_edf_qpa(&host, r, ARRAY_SIZE(r), &v, &cert), 0);
	EXPECT(v.ok);
	EXPECT(cert.horizon_ns > 15352 && cert.horizon_ns < 15500);
	EXPECT_INT(cert.n_points, 7);
	EXPECT_INT(cert.points_ns[0], 15412);	/* the last deadline below our horizon, which rounds up more often */
	for (size_t i = 1; i < cert.n_points; i++)
		EXPECT(cert.points_ns[i] < cert.points_ns[i - 1]);
	vrk_certificate_done(&cert);
}

static void test_extremes(void)
{
	struct vrk_host host = { .cpus = 1, .period_max_ns = NSEC_MAX };
	struct vrk_reservation r[3] = { G(NSEC_MAX, NSEC_MAX, NSEC_MAX), G(1, NSEC_MAX, NSEC_MAX), G(1, 1, NSEC_MAX) };
	struct vrk_reservation *many = calloc(10000, sizeof(*many));
	struct vrk_verdict v;

	CASE("the longest times");
	EXPECT_INT(vrk_edf_qpa(&host, r, 1, &v, NULL), 0);
	EXPECT(v.ok);
	EXPECT_INT(vrk_edf_qpa(&host, r, 2, &v, NULL), 0);
	EXPECT(!v.ok);
	EXPECT_INT(vrk_edf_qpa(&host, r + 1, 2, &v, NULL), 0);
	EXPECT(v.ok);

	CASE("costs beyond reason");
	host.tick_ns = NSEC_MAX;
	EXPECT_INT(vrk_edf_qpa(&host, r, 1, &v, NULL), -ERANGE);

	CASE("10000 tasks");
	host.tick_ns = 0;
	for (size_t i = 0; i < 10000; i++)
		many[i] = (struct vrk_reservation)G(1024, MS(11) + i, 4194304000ULL - i);
	EXPECT_INT(vrk_edf_qpa(&host, many, 10000, &v, NULL), 0);
	EXPECT(v.ok);
	for (size_t i = 0; i < 10000; i++)
		many[i].budget_ns = 2048;
	EXPECT_INT(vrk_edf_qpa(&host, many, 10000, &v, NULL), 0);
	EXPECT(!v.ok);
	EXPECT_INT(v.unit, VRK_SIDE_NS);
	EXPECT_INT(vrk_edf_qpa(&host, many, ((size_t)1 << 20) + 1, &v, NULL), -E2BIG);
	free(many);
}

int main(void)
{
	test_cases();
	test_walk();
	test_extremes();
	return expect_result();
}
