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

/* Two servers by priority, the second with a job at 0; period 10 both, budgets 3 and 4. */
static void test_fixed(void)
{
	struct vrk_sim_server servers[] = { { .reservation = { 3, 10, 10 }, .cpu = 0, .n_tasks = 1 },
					    { .reservation = { 4, 4, 10 }, .cpu = 0, .first_task = 1, .n_tasks = 1 } };
	const struct vrk_sim_task tasks[] = { { 1, 20, 20 }, { 6, 40, 40 } };
	struct vrk_sim_server_result rs[2];
	struct vrk_sim_task_result rt[2];

	CASE("periodic servers burn what they do not use");
	EXPECT(run(1, FULL | VRK_SIM_PERIODIC, 0, servers, 2, tasks, 2, 40, rs, rt) > 0);
	EXPECT_INT(rs[0].served_ns, 12);
	EXPECT_INT(rs[1].served_ns, 16);
	EXPECT_INT(rs[1].late_whole_ns, 3);	/* delivered at 7, its deadline being 4 */
	EXPECT_INT(rt[0].worst_ns, 1);
	EXPECT_INT(rt[1].worst_ns, 15);		/* 3..7, 13..15 */
	CASE("deferrable ones do not");
	EXPECT(run(1, FULL | VRK_SIM_DEFERRABLE, 0, servers, 2, tasks, 2, 40, rs, rt) > 0);
	EXPECT_INT(rs[0].served_ns, 2);
	EXPECT_INT(rs[1].served_ns, 6);
	EXPECT_INT(rs[1].late_whole_ns, 1);
	EXPECT_INT(rt[1].worst_ns, 12);		/* 1..5, 10..12 */
	CASE("the first goes first, whatever the periods");
	servers[0].reservation = (struct vrk_reservation){ 8, 20, 20, false };
	EXPECT(run(1, FULL | VRK_SIM_PERIODIC, 0, servers, 2, tasks, 2, 40, rs, rt) > 0);
	EXPECT_INT(rs[1].served_ns, 2 + 4 + 2 + 4);
	CASE("no fair servers, no tick, not both kinds");
	EXPECT_INT(run(1, FULL | VRK_SIM_PERIODIC, 1, servers, 2, tasks, 2, 40, rs, rt), -EINVAL);
	EXPECT_INT(run(1, FULL | VRK_SIM_PERIODIC | VRK_SIM_DEFERRABLE, 0, servers, 2, tasks, 2, 40, rs, rt), -EINVAL);
	servers[0].fair = true;
	EXPECT_INT(run(1, FULL | VRK_SIM_PERIODIC, 0, servers, 2, tasks, 2, 40, rs, rt), -EINVAL);
}

/* A signal every 20: 2 hard, a thread of 3 in a reservation, a handler of 1 behind it in a guest whose task runs. */
static void test_chain(void)
{
	struct vrk_sim_server servers[] = { { .reservation = { 1, 1, 1 }, .cpu = 0, .hard = true, .n_tasks = 2 },
					    { .reservation = { 4, 8, 8 }, .cpu = 0, .first_task = 2, .n_tasks = 1 },
					    { .reservation = { 4, 10, 10 }, .cpu = 0, .first_task = 3, .n_tasks = 2 } };
	struct vrk_sim_task tasks[] = { { 2, 20, .next = 3 }, { 1, 40 }, { 3, 20, .next = 4, .next_ns = 5 },
					{ 1, 20, 14, .handler = true }, { 3, 40, 40 } };
	struct vrk_sim_server_result rs[3];
	struct vrk_sim_task_result rt[5];
	const struct vrk_sim_host drawn = { .cpus = 1, .seed = 3 };

	CASE("parts of a chain count from the signal");
	EXPECT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt) > 0);
	EXPECT_INT(rt[0].worst_ns, 2);
	EXPECT_INT(rt[1].worst_ns, 3);		/* what was begun is not preempted, and the first goes first */
	EXPECT_INT(rt[2].worst_ns, 6);		/* hard 0..2, the other 2..3, then itself */
	EXPECT_INT(rt[3].worst_ns, 12);		/* pending 5 later */
	EXPECT_INT(rt[3].jobs, 20);
	EXPECT_INT(rt[4].jobs, 10);
	CASE("what starves shows in every part that is still to come");
	servers[1].fifo = true;
	servers[2].idling = true;
	servers[2].reservation.budget_ns = 10;
	EXPECT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt) > 0);
	EXPECT_INT(rt[2].worst_ns, 400);
	EXPECT_INT(rt[3].worst_ns, 400);
	EXPECT_INT(rt[3].jobs, 0);
	EXPECT_INT(rt[3].missed, 20);
	CASE("more than can wait: the rest is served with the last, and late");
	EXPECT(run(1, FULL, 0, servers, 3, tasks, 5, 2000, rs, rt) > 0);
	EXPECT_INT(rt[3].missed, 100);		/* all of them: 32 wait, one is under way */
	EXPECT_INT(rt[2].missed, 0);
	servers[1].fifo = servers[2].idling = false;
	servers[2].reservation.budget_ns = 4;
	CASE("one seed, one run");
	EXPECT(vrk_simulate(&drawn, servers, 3, tasks, 5, 4000, rs, rt) > 0);
	EXPECT(rt[3].jobs > 100 && rt[3].worst_ns < 40);
	CASE("a chain goes forward");
	tasks[2].next = 3;
	EXPECT_INT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt), -EINVAL);
	tasks[2].next = 6;
	EXPECT_INT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt), -EINVAL);
	tasks[2].next = 4;
	tasks[2].next_ns = UINT64_MAX;
	EXPECT_INT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt), -ERANGE);
	CASE("handlers and FIFO threads are pinned");
	tasks[2].next_ns = 5;
	servers[1].fifo = true;
	servers[1].cpu = -1;
	EXPECT_INT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt), -EINVAL);
	CASE("FIFO threads get what no reservation wants");
	servers[1].cpu = 0;
	servers[2].idling = true;
	servers[2].reservation.budget_ns = 8;
	EXPECT(run(1, FULL, 0, servers, 3, tasks, 5, 400, rs, rt) > 0);
	EXPECT(rs[1].served_ns > 0 && rs[2].served_ns >= 300);
	EXPECT_INT(rs[0].served_ns + rs[1].served_ns + rs[2].served_ns, 400);
}

/* Signals every 5, a thread behind a reservation that takes all up to 14 of each 20: three wait there, and are served at 15, 17 and 18. */
static void test_queue(void)
{
	const struct vrk_sim_server servers[] = { { .reservation = { 1, 1, 1 }, .cpu = 0, .hard = true, .n_tasks = 1 },
						  { .reservation = { 1, 1, 1 }, .cpu = 0, .fifo = true, .first_task = 1, .n_tasks = 1 },
						  { .reservation = { 11, 20, 20 }, .cpu = 0, .idling = true, .first_task = 2 } };
	const struct vrk_sim_task tasks[] = { { 1, 5, .next = 2 }, { 1, 5, 5 } };
	struct vrk_sim_server_result rs[3];
	struct vrk_sim_task_result rt[2];

	CASE("who waits keeps the time of its own signal");
	EXPECT(run(1, FULL, 0, servers, 3, tasks, 2, 200, rs, rt) > 0);
	EXPECT_INT(rt[1].worst_ns, 15);
	EXPECT_INT(rt[1].jobs, 40);
	EXPECT_INT(rt[1].missed, 30);		/* 15, 12, 8, and 4 in time */
}

struct seen {
	nsec_t state[4];
	nsec_t last;
	nsec_t running_task[2];
	uint64_t finished;
	nsec_t suspended;
	nsec_t active;
};

static void see_server(void *userdata, size_t server, const struct vrk_sim_moment *m)
{
	struct seen *seen = userdata;

	EXPECT_INT(server, 0);
	EXPECT_INT(m->from_ns, seen->last);
	EXPECT_INT(m->cpu >= 0, m->state == VRK_SIM_RUNNING);
	seen->last = m->to_ns;
	seen->state[m->state] += m->to_ns - m->from_ns;
	if (m->task < 2)
		seen->running_task[m->task] += m->to_ns - m->from_ns;
}

static void see_task(void *userdata, size_t task, const struct vrk_sim_job *job)
{
	struct seen *seen = userdata;

	if (task != 0)
		return;
	seen->finished = job->finished;
	seen->suspended += job->suspended ? job->to_ns - job->from_ns : 0;
	seen->active += job->active ? job->to_ns - job->from_ns : 0;
}

static void test_watch(void)
{
	const struct vrk_sim_server server = { .reservation = { 4, 10, 10 }, .cpu = -1, .n_tasks = 2 };
	const struct vrk_sim_task tasks[] = { { 2, 20, 20, .suspension_ns = 3, .suspensions = 1 }, { 6, 40, 40 } };
	struct seen seen = { .last = 0 };
	const struct vrk_sim_watch watch = { see_server, see_task, &seen };
	const struct vrk_sim_host host = { .cpus = 1, .flags = FULL, .watch = &watch }, unseen = { .cpus = 1, .flags = FULL };
	struct vrk_sim_server_result rs, again;
	struct vrk_sim_task_result rt[2];

	CASE("all of the time is told, and adds up");
	EXPECT(vrk_simulate(&host, &server, 1, tasks, 2, 400, &rs, rt) > 0);
	EXPECT_INT(seen.last, 400);
	EXPECT_INT(seen.state[VRK_SIM_RUNNING], rs.served_ns);
	EXPECT_INT(seen.state[VRK_SIM_RUNNING] + seen.state[VRK_SIM_SLEEPING] + seen.state[VRK_SIM_THROTTLED], 400);
	EXPECT(seen.state[VRK_SIM_THROTTLED] > 0 && seen.state[VRK_SIM_WAITING] == 0);
	EXPECT_INT(seen.running_task[0], 40);
	EXPECT_INT(seen.running_task[1], 60);
	EXPECT_INT(seen.finished, rt[0].jobs);
	EXPECT_INT(seen.suspended, 20 * 3);
	EXPECT(seen.active >= 20 * 5);
	CASE("who is looked at does the same");
	EXPECT(vrk_simulate(&unseen, &server, 1, tasks, 2, 400, &again, rt) > 0);
	EXPECT_INT(again.served_ns, rs.served_ns);
}

int main(void)
{
	test_periodic();
	test_suspension();
	test_overload();
	test_overrun();
	test_bad();
	test_fixed();
	test_chain();
	test_queue();
	test_watch();
	return expect_result();
}
