/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulator by hand-computed schedules: the kernel's rules one by one, and that one seed is one run. */
#include <virtrk/simulate.h>

#include "expect.h"

#define FULL (VRK_SIM_SYNC | VRK_SIM_FULL)

static int64_t run(uint32_t cpus, uint32_t flags, nsec_t tick, const struct vrk_sim_server *s, size_t n, const struct vrk_sim_task *t,
		   size_t n_tasks, nsec_t until, struct vrk_sim_server_result *rs, struct vrk_sim_task_result *rt)
{
	const struct vrk_sim_host host = { .cpus = cpus, .tick_ns = tick, .flags = flags, .seed = 1 };

	return vrk_simulate(&host, s, n, t, n_tasks, until, rs, rt);
}

static void test_periodic(void)
{
	/* the classic of three under one reservation of (4, 10): responses as the theory says for a server that starts with them */
	const struct vrk_sim_server server = { .reservation = { 4, 10, 10 }, .cpu = -1, .n_tasks = 3 };
	const struct vrk_sim_task tasks[] = { { 1, 20, 20 }, { 3, 40, 40 }, { 4, 80, 80 } };
	struct vrk_sim_server_result rs;
	struct vrk_sim_task_result rt[3];

	CASE("fixed priority in one server");
	EXPECT(run(1, FULL, 0, &server, 1, tasks, 3, 800, &rs, rt) > 0);
	EXPECT_INT(rt[0].worst_ns, 1);
	EXPECT_INT(rt[1].worst_ns, 4);
	EXPECT_INT(rt[2].worst_ns, 14);
	EXPECT_INT(rt[0].jobs, 40);
	EXPECT_INT(rt[0].missed + rt[1].missed + rt[2].missed, 0);
	EXPECT_INT(rs.served_ns, 40 + 60 + 40);
	EXPECT_INT(rs.late_whole_ns, 0);
}

static void test_suspension(void)
{
	/* bound by one supply function over the whole window: 12; a server that the kernel runs: 14 */
	const struct vrk_sim_server server = { .reservation = { 8, 10, 10 }, .cpu = -1, .n_tasks = 2 };
	const struct vrk_sim_task tasks[] = { { 3, 49, 49, .suspension_ns = 5, .suspensions = 2 },
					      { 9, 102, 102, .suspension_ns = 6, .suspensions = 2 } };
	struct vrk_sim_server_result rs;
	struct vrk_sim_task_result rt[2];

	CASE("a suspension costs more than its length");
	for (uint64_t seed = 0; seed < 2000; seed++) {
		const struct vrk_sim_host host = { .cpus = 1, .seed = seed };

		EXPECT(vrk_simulate(&host, &server, 1, tasks, 2, 2000, &rs, rt) > 0);
		EXPECT(rt[0].worst_ns <= 20);
	}
}

static void test_overload(void)
{
	const struct vrk_sim_server two[] = { { .reservation = { 6, 10, 10 }, .cpu = -1, .idling = true },
					      { .reservation = { 6, 10, 10 }, .cpu = -1, .idling = true } };
	const struct vrk_sim_server pinned[] = { { .reservation = { 6, 10, 10 }, .cpu = 0, .idling = true },
						 { .reservation = { 6, 10, 10 }, .cpu = 0, .idling = true } };
	struct vrk_sim_server_result rs[2];

	CASE("too much for one CPU");
	EXPECT(run(1, FULL, 0, two, 2, NULL, 0, 1000, rs, NULL) > 0);
	EXPECT_INT(rs[0].served_ns + rs[1].served_ns, 1000);
	EXPECT(rs[0].late_whole_ns + rs[1].late_whole_ns > 0);
	CASE("not for two");
	EXPECT(run(2, FULL, 0, two, 2, NULL, 0, 1000, rs, NULL) > 0);
	EXPECT_INT(rs[0].served_ns, 600);
	EXPECT_INT(rs[1].served_ns, 600);
	EXPECT_INT(rs[0].late_whole_ns + rs[1].late_whole_ns, 0);
	CASE("but a pin is a pin");
	EXPECT(run(2, FULL, 0, pinned, 2, NULL, 0, 1000, rs, NULL) > 0);
	EXPECT(rs[0].late_whole_ns + rs[1].late_whole_ns > 0);
}

static void test_overrun(void)
{
	const struct vrk_sim_server server = { .reservation = { 4, 10, 10 }, .cpu = -1, .idling = true };
	struct vrk_sim_server_result rs;

	CASE("an overrun is paid back");
	EXPECT(run(1, FULL | VRK_SIM_OVERRUN, 3, &server, 1, NULL, 0, 10000, &rs, NULL) > 0);
	EXPECT(rs.served_ns >= 4000 && rs.served_ns <= 4003);
	CASE("one of many budgets, too");
	EXPECT(run(1, FULL | VRK_SIM_OVERRUN, 9, &server, 1, NULL, 0, 10000, &rs, NULL) > 0);
	EXPECT(rs.served_ns >= 3990 && rs.served_ns <= 4009);
}

static void test_bad(void)
{
	const struct vrk_sim_host host = { .cpus = 1 }, none = { .cpus = 0 };
	const struct vrk_sim_task task = { 1, 0 };
	struct vrk_sim_server s = { .reservation = { 4, 10, 10 }, .cpu = -1 };
	struct vrk_sim_server_result rs;
	struct vrk_sim_task_result rt;

	CASE("refused");
	EXPECT_INT(vrk_simulate(&none, &s, 1, NULL, 0, 10, &rs, NULL), -EINVAL);
	EXPECT_INT(vrk_simulate(&host, &s, 1, &task, 1, 10, &rs, &rt), -EINVAL);
	EXPECT_INT(vrk_simulate(&host, &s, 1, NULL, 0, UINT64_MAX, &rs, NULL), -ERANGE);
	s.cpu = 1;
	EXPECT_INT(vrk_simulate(&host, &s, 1, NULL, 0, 10, &rs, NULL), -EINVAL);
	s.cpu = -1;
	s.n_tasks = 1;
	EXPECT_INT(vrk_simulate(&host, &s, 1, NULL, 0, 10, &rs, NULL), -EINVAL);
	s.n_tasks = 0;
	s.reservation.budget_ns = 11;
	EXPECT_INT(vrk_simulate(&host, &s, 1, NULL, 0, 10, &rs, NULL), -EINVAL);
	CASE("nobody");
	EXPECT(vrk_simulate(&host, NULL, 0, NULL, 0, 10, NULL, NULL) > 0);
}

int main(void)
{
	test_periodic();
	test_suspension();
	test_overload();
	test_overrun();
	test_bad();
	return expect_result();
}
