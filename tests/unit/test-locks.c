/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks across vCPUs: the known numbers, each term by itself, and what is refused. */
#include <virtrk/analysis.h>
#include <virtrk/simulate.h>

#include "expect.h"

#define S(q, d, p) { .budget_ns = (q), .deadline_ns = (d), .period_ns = (p) }
#define T(c, t, prio) { .wcet_ns = (c), .period_ns = (t), .deadline_ns = (t), .priority = (prio) }
#define V(s, t) { .supply = s, .tasks = (t), .n = ARRAY_SIZE(t) }

static const struct vrk_resource fifo = { VRK_QUEUE_FIFO, 0 }, ranked = { VRK_QUEUE_PRIORITY, 0 };
static struct vrk_verdict verdicts[4];
static struct vrk_lock_bound bounds[8];
static nsec_t r[8];

static int run(const struct vrk_lock_vcpu *v, size_t n, const struct vrk_locks *locks)
{
	return vrk_locks_fp(v, n, locks, verdicts, r, bounds);
}

/* (T, E) = (10, 3), (25, 5), (50, 7), each on a CPU of its own. */
static void test_mpcp(void)
{
	static const struct vrk_task t[3] = { T(3, 10, 0), T(5, 25, 0), T(7, 50, 0) };
	static const struct vrk_section sections[] = { { 0, 0, 3, 1 }, { 1, 0, 5, 1 }, { 2, 0, 7, 1 } };
	static const uint32_t rank[] = { 0, 1, 2 };
	static const nsec_t by_rank[] = { 7, 16, 19 }, by_fifo[] = { 12, 10, 8 };
	struct vrk_locks locks = { &ranked, 1, sections, 3, rank };
	struct vrk_lock_vcpu v[3];

	for (size_t i = 0; i < 3; i++)
		v[i] = (struct vrk_lock_vcpu){ .supply = S(1, 1, 1), .tasks = &t[i], .n = 1 };
	CASE("remote blocking under MPCP: 7, 16, 19");
	EXPECT_INT(run(v, 3, &locks), 0);
	for (size_t i = 0; i < 3; i++) {
		EXPECT(verdicts[i].ok);
		EXPECT_INT(bounds[i].wait_ns, by_rank[i]);
		EXPECT_INT(bounds[i].hold_ns, t[i].wcet_ns);
		EXPECT_INT(bounds[i].waits, 1);
		EXPECT_INT(r[i], by_rank[i] + t[i].wcet_ns);
	}
	CASE("the same queue without order: the others' sections once each; the first is too late");
	locks.resources = &fifo;
	locks.rank = NULL;
	EXPECT_INT(run(v, 3, &locks), 0);
	for (size_t i = 0; i < 3; i++) {
		EXPECT_INT(bounds[i].wait_ns, by_fifo[i]);
		EXPECT_INT(r[i], i == 0 ? NSEC_MAX : by_fifo[i] + t[i].wcet_ns);
		EXPECT_INT(verdicts[i].ok, i > 0);
	}
	CASE("equal ranks count both ways");
	locks.resources = &ranked;
	locks.rank = (const uint32_t[]){ 0, 1, 1 };
	EXPECT_INT(run(v, 3, &locks), 0);
	EXPECT_INT(bounds[0].wait_ns, 7);
	EXPECT_INT(bounds[1].wait_ns, 7 + 9);
	EXPECT_INT(bounds[2].wait_ns, 9 + 10);
}

/* One term after the other, by hand. */
static void test_terms(void)
{
	static const struct vrk_task a[] = { T(4, 300, 0), T(6, 500, 1), T(8, 700, 2) }, b[] = { T(5, 400, 0) };
	static const struct vrk_section sections[] = { { 0, 0, 1, 2 }, { 2, 0, 2, 1 }, { 2, 1, 3, 1 }, { 3, 0, 2, 1 }, { 3, 0, 1, 1 } };
	static const struct vrk_resource resources[] = { { VRK_QUEUE_FIFO, 1 }, { VRK_QUEUE_FIFO, 0 } };
	const struct vrk_locks locks = { resources, 2, sections, 5, NULL };
	struct vrk_lock_vcpu v[2] = { V(S(4, 10, 10), a), V(S(1, 1, 1), b) };

	CASE("holding: latency + inv(own section + one of each other task)");
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].hold_ns, 1 + 12 + 1 + 3);		/* inv(1 + 3) = Delta 12 + 4 */
	EXPECT_INT(bounds[1].hold_ns, 0);
	EXPECT_INT(bounds[2].hold_ns, 1 + 12 + 2 + 1);		/* inv(2 + 1); its other one inv(3 + 1), no latency: 16 too */
	EXPECT_INT(bounds[3].hold_ns, 1 + 2);
	CASE("waiting: once for every other task, and the way to the grant");
	EXPECT_INT(bounds[0].wait_once_ns, 16 + 3 + 1);
	EXPECT_INT(bounds[0].wait_ns, 2 * 20);
	EXPECT_INT(bounds[0].waits, 2);
	EXPECT_INT(bounds[2].wait_once_ns, 17 + 3 + 1);
	EXPECT_INT(bounds[2].wait_ns, 21);
	EXPECT_INT(bounds[2].waits, 1);				/* the second resource is its own */
	EXPECT_INT(bounds[3].wait_ns, 2 * (17 + 16 + 1));
	CASE("locally: one section of each lower priority per piece");
	EXPECT_INT(bounds[0].local_ns, 3 * 3);
	EXPECT_INT(bounds[1].local_ns, 3);
	EXPECT_INT(bounds[2].local_ns, 0);
	CASE("together: waits + two more blackouts + inv(4 + 9)");
	EXPECT_INT(r[0], 40 + 2 * 12 + 12 + 3 * 6 + 13);
	EXPECT(r[1] < NSEC_MAX && r[2] < NSEC_MAX && r[3] < NSEC_MAX && verdicts[0].ok && verdicts[1].ok);

	CASE("a vCPU that idles by spinning is supplied through the waits");
	v[0].mode = VRK_SUPPLY_IDLING;
	v[0].supply.budget_ns = 9;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].wait_ns, 2 * (6 + 3 + 1));		/* 1 + inv(2 + 1) = 6 */
	EXPECT_INT(r[0], 2 + 3 * 1 + 13 + 20);			/* inv(33) */
	v[0].supply.budget_ns = 4;
	CASE("masked: once in a section, once per piece");
	v[0].mode = VRK_SUPPLY_SLEEPING;
	v[0].masked_ns = 1;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].hold_ns, 1 + 12 + 5 + 6);
	EXPECT_INT(bounds[0].local_ns, 3 * 4);
	EXPECT_INT(bounds[2].local_ns, 2);
	CASE("no supply: nothing that shares is bounded");
	v[0].masked_ns = 0;
	v[0].supply.budget_ns = 0;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT(!verdicts[0].ok && !verdicts[1].ok && r[3] == NSEC_MAX && bounds[3].wait_ns == NSEC_MAX);
}

static void test_handlers(void)
{
	static const struct vrk_task a[] = { T(2, 50, 0), T(4, 100, 1) }, b[] = { T(5, 100, 0) };
	static const struct vrk_section sections[] = { { 1, 0, 3, 1 }, { 2, 0, 2, 1 } };
	const struct vrk_locks locks = { &fifo, 1, sections, 2, NULL };
	struct vrk_lock_vcpu v[2] = { V(S(1, 1, 1), a), V(S(1, 1, 1), b) };

	CASE("without handlers");
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[1].hold_ns, 3);
	EXPECT_INT(r[0], 5);			/* behind the section of 3 */
	CASE("a handler goes before a holder, and not behind one");
	v[0].n_handlers = 1;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[1].hold_ns, 5);
	EXPECT_INT(r[0], 2);
	EXPECT_INT(bounds[2].wait_ns, 5);
	CASE("handlers share nothing");
	EXPECT_INT(run(v, 2, &(struct vrk_locks){ &fifo, 1, (const struct vrk_section[]){ { 0, 0, 1, 1 } }, 1, NULL }), -EINVAL);
}

/* Each higher request brings the next: no bound, and no endless search for it. */
static void test_starving(void)
{
	static const struct vrk_task t[3] = { T(5, 10, 0), T(5, 10, 0), T(1, 1000000, 0) };
	static const struct vrk_section sections[] = { { 0, 0, 5, 1 }, { 1, 0, 5, 1 }, { 2, 0, 1, 1 } };
	static const uint32_t rank[] = { 0, 1, 2 };
	const struct vrk_locks locks = { &ranked, 1, sections, 3, rank };
	struct vrk_lock_vcpu v[3];

	for (size_t i = 0; i < 3; i++)
		v[i] = (struct vrk_lock_vcpu){ .supply = S(1, 1, 1), .tasks = &t[i], .n = 1 };
	CASE("starved");
	EXPECT_INT(run(v, 3, &locks), 0);
	EXPECT(!verdicts[2].ok && r[2] == NSEC_MAX && bounds[2].wait_ns == NSEC_MAX);
}

static void test_refused(void)
{
	static const struct vrk_task t[] = { T(4, 100, 0) };
	static const struct vrk_task blocked[] = { { .wcet_ns = 4, .period_ns = 9, .deadline_ns = 9, .blocking_ns = 1 } };
	static const struct vrk_task huge[] = { T(NSEC_MAX / 4, NSEC_MAX / 2, 0) };
	static const uint32_t rank[] = { 0 };
	static const struct {
		const char *name;
		struct vrk_section section;
		const struct vrk_task *t;
		const struct vrk_resource *resource;
		const uint32_t *rank;
		int want;
	} cases[] = {
		{ "as long as the wcet", { 0, 0, 4, 1 }, t, &fifo, NULL, 0 },
		{ "as long as the wcet, in pieces", { 0, 0, 2, 2 }, t, &ranked, rank, 0 },
		{ "longer than the wcet", { 0, 0, 5, 1 }, t, &fifo, NULL, -EINVAL },
		{ "together longer than the wcet", { 0, 0, 2, 3 }, t, &fifo, NULL, -EINVAL },
		{ "no length", { 0, 0, 0, 1 }, t, &fifo, NULL, -EINVAL },
		{ "no count", { 0, 0, 1, 0 }, t, &fifo, NULL, -EINVAL },
		{ "no such task", { 1, 0, 1, 1 }, t, &fifo, NULL, -EINVAL },
		{ "no such resource", { 0, 1, 1, 1 }, t, &fifo, NULL, -EINVAL },
		{ "no ranks", { 0, 0, 1, 1 }, t, &ranked, NULL, -EINVAL },
		{ "the guest's own locks", { 0, 0, 1, 1 }, blocked, &fifo, NULL, -EOPNOTSUPP },
		{ "too long", { 0, 0, 1, 1 }, huge, &fifo, NULL, -ERANGE },
		{ "much too often", { 0, 0, 1, UINT32_MAX }, t, &fifo, NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vrk_lock_vcpu v = { .supply = S(1, 1, 1), .tasks = cases[i].t, .n = 1 };
		const struct vrk_locks locks = { cases[i].resource, 1, &cases[i].section, 1, cases[i].rank };

		CASE(cases[i].name);
		EXPECT_INT(run(&v, 1, &locks), cases[i].want);
		if (cases[i].want == 0)
			EXPECT_INT(r[0], 4);
	}
	CASE("nothing at all");
	EXPECT_INT(vrk_locks_fp(NULL, 0, &(struct vrk_locks){ 0 }, NULL, NULL, NULL), 0);
	CASE("extremes: a wait beyond all times is no bound, not a small one");
	{
		static const struct vrk_task far[2] = { T(1ULL << 44, 1ULL << 45, 0), T(1ULL << 44, 1ULL << 45, 0) };
		static const struct vrk_section sections[] = { { 0, 0, 1, 4000000000U }, { 1, 0, 1ULL << 44, 1 } };
		const struct vrk_lock_vcpu v[2] = { { .supply = S(1, 1, 1), .tasks = &far[0], .n = 1 },
						    { .supply = S(1, 1ULL << 62, 1ULL << 62), .tasks = &far[1], .n = 1 } };

		EXPECT_INT(run(v, 2, &(struct vrk_locks){ &fifo, 1, sections, 2, NULL }), 0);
		EXPECT(!verdicts[0].ok && !verdicts[1].ok && r[0] == NSEC_MAX && r[1] == NSEC_MAX);
	}
}

/* All ask at once; each on a CPU of its own. */
static void test_simulated(void)
{
	static const struct vrk_sim_section sections[] = { { 0, 3, 1 }, { 0, 5, 1 }, { 0, 7, 1 }, { 0, 2, 2 } };
	static const struct {
		const char *name;
		struct vrk_sim_resource resource;
		nsec_t until;
		nsec_t wait[3], hold[3], worst[3];
	} cases[] = {
		{ "by arrival", { false, 0 }, 10, { 0, 3, 8 }, { 3, 5, 2 }, { 3, 8, 10 } },
		{ "by rank", { true, 0 }, 10, { 0, 10, 3 }, { 3, 0, 7 }, { 3, 10, 10 } },
		{ "the first comes again: behind one that holds", { true, 0 }, 20, { 5, 10, 3 }, { 3, 5, 7 }, { 8, 15, 10 } },
	};
	struct vrk_sim_task tasks[3] = { { .wcet_ns = 3, .period_ns = 10 }, { .wcet_ns = 5, .period_ns = 25 }, { .wcet_ns = 7, .period_ns = 50 } };
	struct vrk_sim_server servers[3];
	struct vrk_sim_server_result seen[3];
	struct vrk_sim_task_result result[3];
	struct vrk_sim_host host = { .cpus = 3, .flags = VRK_SIM_SYNC | VRK_SIM_FULL | VRK_SIM_CONVOY, .n_resources = 1 };

	for (size_t i = 0; i < 3; i++) {
		tasks[i].sections = &sections[i];
		tasks[i].n_sections = 1;
		tasks[i].rank = (uint32_t)(3 - i) % 3;		/* 0, 2, 1 */
		servers[i] = (struct vrk_sim_server){ .reservation = { 1, 1, 1 }, .cpu = (int32_t)i, .first_task = i, .n_tasks = 1 };
	}
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		CASE(cases[c].name);
		host.resources = &cases[c].resource;
		EXPECT(vrk_simulate(&host, servers, 3, tasks, 3, cases[c].until, seen, result) > 0);
		for (size_t i = 0; i < 3; i++) {
			EXPECT_INT(result[i].wait_ns, cases[c].wait[i]);
			EXPECT_INT(result[i].hold_ns, cases[c].hold[i]);
			EXPECT_INT(result[i].worst_ns, cases[c].worst[i]);
		}
	}
	CASE("sections longer than the wcet, under EDF, of nothing");
	tasks[0].sections = &sections[3];
	EXPECT_INT(vrk_simulate(&host, servers, 3, tasks, 3, 10, seen, result), -EINVAL);
	tasks[0].sections = &sections[0];
	servers[0].edf = true;
	EXPECT_INT(vrk_simulate(&host, servers, 3, tasks, 3, 10, seen, result), -EINVAL);
	servers[0].edf = false;
	host.n_resources = 0;
	EXPECT_INT(vrk_simulate(&host, servers, 3, tasks, 3, 10, seen, result), -EINVAL);
}

/*
 * A vCPU of 4 in 20 runs for 3 and sleeps; at 15 it has 1 left by 20, which the wake-up rule lets it keep, and a section of 6. Another one wakes
 * at 15, too, and wants 5 by 25. As servers of 4 + 6 and of 5 both fit; run, the second is done at 26.
 */
static void test_overrun(void)
{
	const struct vrk_reservation own[] = { { 4, 20, 20, false }, { 5, 10, 10, false } }, summed[] = { { 10, 20, 20, false }, { 5, 10, 10, false } };
	const struct vrk_sim_server servers[] = { { .reservation = own[0], .cpu = 0, .n_tasks = 2 },
						  { .reservation = own[1], .cpu = 0, .first_task = 2, .n_tasks = 1 } };
	const struct vrk_sim_section section = { 0, 6, 1 };
	const struct vrk_sim_task tasks[] = { { 3, 1000 }, { 6, 1000, .jitter_ns = 15, .sections = &section, .n_sections = 1 },
					      { 5, 1000, .jitter_ns = 15 } };
	const struct vrk_sim_resource resource = { false, 0 };
	const struct vrk_sim_host unbroken = { .cpus = 1, .flags = VRK_SIM_SYNC | VRK_SIM_FULL | VRK_SIM_UNBROKEN, .resources = &resource,
					       .n_resources = 1 };
	const struct vrk_host host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED };
	const nsec_t overrun[] = { 6, 0 }, none[] = { 0, 0 };
	struct vrk_sim_server_result rs[2];
	struct vrk_sim_task_result rt[3];
	struct vrk_reservation asked[2];
	struct vrk_host other;
	struct vrk_verdict v;
	nsec_t settle = 0;

	CASE("overrun as a budget of Q + O: published, and wrong");
	EXPECT(vrk_edf_qpa(&host, summed, 2, &v, NULL) == 0 && v.ok);
	EXPECT(vrk_simulate(&unbroken, servers, 2, tasks, 3, 1000, rs, rt) > 0);
	EXPECT_INT(rt[1].worst_ns, 21);
	EXPECT_INT(rt[2].worst_ns, 26);
	EXPECT_INT(rs[1].late_whole_ns, 1);
	CASE("as stolen once per period: no");
	EXPECT_INT(vrk_locks_overrun(&host, own, overrun, 2, &other, asked, &settle), 0);
	EXPECT(vrk_edf_qpa(&other, asked, 2, &v, NULL) == 0 && !v.ok);
	EXPECT_INT(settle, 9);		/* 6 / (1 - 6/20) */
	CASE("nobody overruns");
	EXPECT_INT(vrk_locks_overrun(&host, own, none, 2, &other, asked, &settle), 0);
	EXPECT(vrk_edf_qpa(&other, asked, 2, &v, NULL) == 0 && v.ok && settle == 1);
	CASE("all of it");
	EXPECT_INT(vrk_locks_overrun(&host, own, (const nsec_t[]){ 20, 0 }, 2, &other, asked, &settle), -EDOM);
}

/* A section of 5 in a vCPU of 2 in 10: three budgets, or one and what is beyond it. */
static void test_unbroken(void)
{
	const struct vrk_task tasks[] = { { .wcet_ns = 5, .period_ns = 500, .deadline_ns = 500 }, { .wcet_ns = 1, .period_ns = 500, .deadline_ns = 500 } };
	const struct vrk_section sections[] = { { 0, 0, 5, 1 }, { 1, 0, 1, 1 } };
	const struct vrk_resource resource = { VRK_QUEUE_FIFO, 0 };
	const struct vrk_locks locks = { &resource, 1, sections, 2, NULL };
	struct vrk_lock_vcpu v[] = { { .supply = { 2, 10, 10 }, .tasks = &tasks[0], .n = 1 }, { .supply = { 2, 10, 10 }, .tasks = &tasks[1], .n = 1 } };

	CASE("cut by budgets");
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].hold_ns, 16 + 2 * 8 + 5);
	EXPECT_INT(bounds[1].hold_ns, 17);
	CASE("not cut: the next budget, and its deadline; what fits one is as before");
	v[0].settle_ns = v[1].settle_ns = 7;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].hold_ns, 8 + 10);
	EXPECT_INT(bounds[1].hold_ns, 17);
	EXPECT_INT(bounds[1].wait_ns, 18);
	CASE("or when all overruns are over");
	v[0].settle_ns = 13;
	EXPECT_INT(run(v, 2, &locks), 0);
	EXPECT_INT(bounds[0].hold_ns, 8 + 13);
	CASE("not with masked times");
	v[0].masked_ns = 1;
	EXPECT_INT(run(v, 2, &locks), -EOPNOTSUPP);
}

int main(void)
{
	test_simulated();
	test_overrun();
	test_unbroken();
	test_mpcp();
	test_terms();
	test_handlers();
	test_starving();
	test_refused();
	return expect_result();
}
