/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checker of certificates: believes what is proved, and nothing that was changed. */
#include <virtrk/analysis.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define G(q, d, p) { MS(q), MS(d), MS(p), true }
#define S(q, d, p) { MS(q), MS(d), MS(p), false }

static void test_qpa(void)
{
	const struct vrk_host host = { .cpus = 1 }, two = { .cpus = 2 }, ticking = { .cpus = 1, .tick_ns = MS(4) };
	const struct vrk_reservation r[] = { G(4, 6, 10), G(4, 8, 20), G(2, 40, 40) };
	struct vrk_reservation more[] = { G(4, 6, 10), G(4, 8, 20), G(3, 40, 40) };
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v;
	nsec_t keep;

	CASE("a walk");
	EXPECT_INT(vrk_edf_qpa(&host, r, 3, &v, &cert), 0);
	EXPECT(v.ok && cert.n_points > 1);
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), 0);
	CASE("another host");
	EXPECT_INT(vrk_certificate_check(&two, r, 3, &cert), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&ticking, r, 3, &cert), -EBADMSG);
	CASE("another reservation");
	EXPECT_INT(vrk_certificate_check(&host, more, 3, &cert), -EBADMSG);
	more[1].budget_ns = MS(5);
	EXPECT_INT(vrk_certificate_check(&host, more, 3, &cert), -EBADMSG);
	more[1] = (struct vrk_reservation)G(4, 3, 20);
	EXPECT_INT(vrk_certificate_check(&host, more, 3, &cert), -EBADMSG);
	CASE("a nearer horizon");
	keep = cert.horizon_ns;
	cert.horizon_ns = MS(7);
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.horizon_ns = NSEC_MAX;	/* a farther one leaves deadlines uncovered */
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.horizon_ns = keep;
	CASE("a point gone");
	cert.n_points--;
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.n_points = 0;
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.horizon_ns = 0;		/* claims density */
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	vrk_certificate_done(&cert);
}

static void test_density(void)
{
	const struct vrk_host host = { .cpus = 1 }, none = { .cpus = 0 };
	const struct vrk_reservation thirds[] = { { 1, 3, 3 }, { 1, 3, 3 }, { 1, 3, 3 } }, over[] = { { 1, 3, 3 }, { 1, 3, 3 }, { 2, 5, 5 } };
	const struct vrk_reservation bad = { 0, MS(1), MS(1) };
	const struct vrk_certificate cert = { .test = VRK_TEST_QPA };

	CASE("density");
	EXPECT_INT(vrk_certificate_check(&host, thirds, 3, &cert), 0);
	EXPECT_INT(vrk_certificate_check(&host, over, 3, &cert), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&host, NULL, 0, &cert), 0);
	CASE("nonsense");
	EXPECT_INT(vrk_certificate_check(&none, thirds, 3, &cert), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&host, &bad, 1, &cert), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&host, thirds, 3, &(struct vrk_certificate){ .test = VRK_TEST_NONE }), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&host, thirds, 3, &(struct vrk_certificate){ .test = VRK_TEST_KERNEL }), -EBADMSG);
}

static void test_slack(void)
{
	const struct vrk_host host = { .cpus = 2 };
	const struct vrk_reservation r[] = { G(49, 100, 100), G(49, 100, 100), G(2, 50, 100) };
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v;

	CASE("slack");
	EXPECT_INT(vrk_gedf_bcl_iter(&host, r, 3, &v, &cert), 0);
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), 0);
	cert.points_ns[2]++;			/* the last one was computed from the others as they are: exact */
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.points_ns[2] += MS(50);
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.points_ns[2] = UINT64_MAX;		/* must not wrap into the believable */
	EXPECT_INT(vrk_certificate_check(&host, r, 3, &cert), -EBADMSG);
	cert.points_ns[2] = 0;
	EXPECT_INT(vrk_certificate_check(&host, r, 2, &cert), -EBADMSG);
	vrk_certificate_done(&cert);
}

static void test_sleepers(void)
{
	const struct vrk_host host = { .cpus = 2 };
	const struct vrk_reservation r[] = { S(20, 30, 30), S(20, 30, 30), S(5, 30, 30) };

	CASE("sleepers");
	for (int test = VRK_TEST_GFB; test <= VRK_TEST_BCL_ITER; test++)
		EXPECT_INT(vrk_certificate_check(&host, r, 3, &(struct vrk_certificate){ .test = (enum vrk_test)test }), -EBADMSG);
	EXPECT_INT(vrk_certificate_check(&host, r, 2, &(struct vrk_certificate){ .test = VRK_TEST_BCL }), 0);
}

int main(void)
{
	test_qpa();
	test_density();
	test_slack();
	test_sleepers();
	return expect_result();
}
