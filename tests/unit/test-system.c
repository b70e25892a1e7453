/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole systems: the example of the manual, one queue, old hosts, and whose fault a no is. */
#include <virtrk/system.h>

#include "expect.h"

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define T(c, t, prio) { .wcet_ns = MS(c), .period_ns = MS(t), .deadline_ns = MS(t), .priority = (prio) }

static const struct vrk_task tasks[] = { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) };

static struct vrk_vcpu vcpu(nsec_t q, nsec_t d, nsec_t p, int32_t cpu)
{
	return (struct vrk_vcpu){ { MS(q), MS(d), MS(p), false }, cpu, { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, tasks, ARRAY_SIZE(tasks) } };
}

static void test_example(void)
{
	const struct vrk_vcpu one = vcpu(4, 10, 10, 0);
	const struct vrk_system s = { { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, VRK_HOST_EDF, &one, 1 };
	struct vrk_system_result r;

	CASE("the manual's example");
	EXPECT_INT(vrk_system_analyze(&s, &r), 0);
	EXPECT(r.ok && r.n_cpus == 1 && r.n_vcpus == 1 && r.n_tasks == 3);
	EXPECT_INT(r.cpus[0].test, VRK_TEST_QPA);
	EXPECT_INT(r.responses_ns[0], MS(13));
	EXPECT_INT(r.responses_ns[1], MS(16));
	EXPECT_INT(r.responses_ns[2], MS(33));
	EXPECT_INT(vrk_system_check(&s, &r), 0);
	vrk_system_result_done(&r);
}

static void test_refusals(void)
{
	const struct vrk_vcpu v[] = { vcpu(4, 10, 10, 0), vcpu(4, 10, 10, 1), vcpu(7, 10, 10, 1), vcpu(8, 20, 20, 0) };
	const struct vrk_system s = { { .cpus = 2, .kernel_limit_bw = VRK_BW_UNLIMITED }, VRK_HOST_EDF, v, 4 };
	struct vrk_system_result r;

	CASE("one CPU is full, one guest is late");
	EXPECT_INT(vrk_system_analyze(&s, &r), 0);
	EXPECT(!r.ok && r.cpus[0].ok && !r.cpus[1].ok);
	EXPECT(r.vcpus[0].ok && !r.vcpus[1].ok && !r.vcpus[2].ok && !r.vcpus[3].ok);
	EXPECT_INT(r.vcpus[1].test, VRK_TEST_QPA);
	EXPECT_INT(r.vcpus[3].test, VRK_TEST_GUEST_FP);
	EXPECT_INT(r.responses_ns[0], MS(13));
	EXPECT_INT(r.responses_ns[3], NSEC_MAX);
	EXPECT_INT(vrk_system_check(&s, &r), -EBADMSG);
	vrk_system_result_done(&r);
}

static void test_one_queue(void)
{
	const struct vrk_vcpu v[] = { vcpu(4, 10, 10, -1), vcpu(4, 10, 10, -1), vcpu(4, 10, 10, -1) };
	struct vrk_system s = { { .cpus = 2, .kernel_limit_bw = VRK_BW_UNLIMITED }, VRK_HOST_EDF, v, 3 };
	struct vrk_system_result r;

	CASE("one queue over two CPUs");
	EXPECT_INT(vrk_system_analyze(&s, &r), 0);
	EXPECT(r.ok && r.n_cpus == 1);
	EXPECT_INT(r.cpus[0].test, VRK_TEST_GFB);
	EXPECT_INT(vrk_system_check(&s, &r), 0);
	vrk_system_result_done(&r);
	s.scheduler = VRK_HOST_FP_PERIODIC;
	EXPECT_INT(vrk_system_analyze(&s, &r), -EINVAL);
}

static void test_old_hosts(void)
{
	/* in (2, 5) and then (4, 10): delivered after 8, so the supply is that of (4, 10, 8) */
	const struct vrk_vcpu v[] = { { { MS(2), MS(5), MS(5), false }, 0, { .n = 0 } }, vcpu(4, 10, 10, 0) };
	struct vrk_system s = { { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, VRK_HOST_FP_PERIODIC, v, 2 };
	struct vrk_system_result r;

	CASE("fixed-priority servers");
	EXPECT_INT(vrk_system_analyze(&s, &r), 0);
	EXPECT(r.ok);
	EXPECT_INT(r.responses_ns[0], MS(11));
	EXPECT_INT(r.responses_ns[1], MS(14));
	EXPECT_INT(r.responses_ns[2], MS(31));
	EXPECT_INT(vrk_system_check(&s, &r), -EBADMSG);		/* there is no certificate for those */
	vrk_system_result_done(&r);
}

static void test_bad(void)
{
	const struct vrk_vcpu mixed[] = { vcpu(4, 10, 10, 0), vcpu(4, 10, 10, -1) }, far = vcpu(4, 10, 10, 2);
	struct vrk_system s = { { .cpus = 2, .kernel_limit_bw = VRK_BW_UNLIMITED }, VRK_HOST_EDF, mixed, 2 };
	struct vrk_system_result r;

	CASE("bad questions");
	EXPECT_INT(vrk_system_analyze(&s, &r), -EINVAL);
	s.vcpus = &far;
	s.n = 1;
	EXPECT_INT(vrk_system_analyze(&s, &r), -EINVAL);
	s.host.cpus = 0;
	EXPECT_INT(vrk_system_analyze(&s, &r), -EINVAL);
	CASE("nobody");
	s.host.cpus = 3;
	s.n = 0;
	EXPECT_INT(vrk_system_analyze(&s, &r), 0);
	EXPECT(r.ok && r.n_cpus == 3);
	EXPECT_INT(vrk_system_check(&s, &r), 0);
	vrk_system_result_done(&r);
}

int main(void)
{
	test_example();
	test_refusals();
	test_one_queue();
	test_old_hosts();
	test_bad();
	return expect_result();
}
