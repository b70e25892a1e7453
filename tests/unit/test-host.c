/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vrk_admit(): who answers when, and that every yes carries a certificate that holds and every changed one does not. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define S(q, d, p) { MS(q), MS(d), MS(p), false }
#define G(q, d, p) { MS(q), MS(d), MS(p), true }
#define LIMIT .kernel_limit_bw = 996147
#define NO_LIMIT .kernel_limit_bw = VRK_BW_UNLIMITED
#define FAIR .fair_budget_ns = MS(50), .fair_period_ns = MS(1000)

static const struct {
	const char *name;
	struct vrk_host host;
	size_t n;
	struct vrk_reservation r[5];
	int err;
	bool ok;
	enum vrk_test test;
	size_t index;
} cases[] = {
	{ "no CPU", { 0, LIMIT }, 0, { { 0 } }, -EINVAL, false, VRK_TEST_NONE, 0 },
	{ "empty, one CPU", { 1, FAIR, LIMIT }, 0, { { 0 } }, 0, true, VRK_TEST_QPA, SIZE_MAX },
	{ "empty, two CPUs", { 2, FAIR, LIMIT }, 0, { { 0 } }, 0, true, VRK_TEST_GFB, SIZE_MAX },
	{ "parameters first", { 1, FAIR, LIMIT }, 3, { S(4, 10, 10), S(4, 10, 10), S(11, 10, 10) }, 0, false, VRK_TEST_PARAMETERS, 2 },
	{ "then the kernel", { 1, FAIR, LIMIT }, 3, { S(4, 10, 10), S(4, 10, 10), S(4, 4, 10) }, 0, false, VRK_TEST_KERNEL, SIZE_MAX },
	{ "then demand", { 1, FAIR, LIMIT }, 2, { S(4, 4, 10), S(4, 4, 10) }, 0, false, VRK_TEST_QPA, 0 },
	{ "one CPU fits", { 1, FAIR, LIMIT }, 2, { S(4, 10, 10), S(4, 10, 10) }, 0, true, VRK_TEST_QPA, SIZE_MAX },
	{ "kernel's limit off", { 1, NO_LIMIT }, 2, { S(5, 10, 10), S(5, 10, 10) }, 0, true, VRK_TEST_QPA, SIZE_MAX },
	{ "two CPUs, density", { 2, LIMIT }, 3, { S(4, 10, 10), S(4, 10, 10), S(4, 10, 10) }, 0, true, VRK_TEST_GFB, 0 },
	{ "two CPUs, as many as CPUs", { 2, LIMIT }, 2, { S(9, 10, 10), S(9, 10, 10) }, 0, true, VRK_TEST_BCL, SIZE_MAX },
	{ "two CPUs, windows", { 2, LIMIT }, 3, { G(20, 30, 30), G(20, 30, 30), G(5, 30, 30) }, 0, true, VRK_TEST_BCL, 2 },
	{ "fair servers alone say no", { 2, FAIR, LIMIT }, 2, { S(6, 10, 10), S(6, 10, 10) }, 0, false, VRK_TEST_FAIR, 0 },
	{ "fair servers: a deadline they cannot wait for", { 2, FAIR, LIMIT }, 1, { S(6, 990, 990) }, 0, false, VRK_TEST_FAIR, 0 },
	{ "Dhall", { 2, LIMIT }, 3, { S(2, 10, 10), S(2, 10, 10), S(9, 11, 11) }, 0, false, VRK_TEST_GFB, 2 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vrk_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_verdict v = { .ok = false };

		CASE(cases[i].name);
		EXPECT_INT(vrk_admit(&cases[i].host, cases[i].r, cases[i].n, &v, &cert), cases[i].err);
		if (cases[i].err < 0)
			continue;
		EXPECT_INT(v.ok, cases[i].ok);
		EXPECT_STR(vrk_test_name(v.test), vrk_test_name(cases[i].test));
		EXPECT_INT(v.index, cases[i].index);
		EXPECT_INT(v.lhs <= v.rhs, v.ok);
		EXPECT_INT(cert.test, v.ok ? cases[i].test : VRK_TEST_NONE);
		if (v.ok)
			EXPECT_INT(vrk_certificate_check(&cases[i].host, cases[i].r, cases[i].n, &cert), 0);
		vrk_certificate_done(&cert);
		EXPECT(!cert.points_ns && cert.n_points == 0);
		vrk_certificate_done(&cert);	/* twice does no harm */
	}
}

int main(void)
{
	test_cases();
	return expect_result();
}
