/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: what they steal, when their threads and the guests' handlers are done, in whole systems, and what is refused. */
#include <virtrk/simulate.h>
#include <virtrk/system.h>

#include "expect.h"

#define US(n) ((n) * NSEC_PER_USEC)
#define MS(n) ((n) * NSEC_PER_MSEC)

static void test_sporadic(void)
{
	static const struct {
		const char *name;
		struct vrk_reservation r;
		nsec_t work, apart, want;
	} cases[] = {
		{ "within the deadline", { 2, 5, 10, false }, 1, 10, 5 },
		{ "as much as the budget, deadline below the period", { 2, 5, 10, false }, 2, 10, NSEC_MAX },
		{ "as much as the budget, deadline the period", { 2, 10, 10, false }, 2, 10, 10 },
		{ "more than the budget", { 2, 10, 10, false }, 3, 10, NSEC_MAX },
		{ "too close", { 2, 10, 10, false }, 1, 9, NSEC_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		EXPECT_INT(vrk_irq_sporadic(&cases[i].r, cases[i].work, cases[i].apart), cases[i].want);
	}
}

/* Hard handlers 3, 5, 2 every 50, 100, 20: each behind the others; then threads. */
static void test_host(void)
{
	const struct vrk_host host = { .cpus = 1 };
	const struct vrk_reservation vcpu = { 10, 100, 100, false };
	struct vrk_irq irq[3] = {
		{ .period_ns = 50, .deadline_ns = 50, .hard_ns = 3 },
		{ .period_ns = 100, .deadline_ns = 100, .hard_ns = 5, .thread = VRK_IRQ_RESERVED, .thread_ns = 4, .reservation = { 5, 30, 60, false } },
		{ .period_ns = 100000, .deadline_ns = 100000, .hard_ns = 2, .thread = VRK_IRQ_FIFO, .thread_ns = 7 },
	};
	struct vrk_irq_bound b[3];
	nsec_t alone;

	CASE("hard handlers wait for each other");
	EXPECT_INT(vrk_irq_host(&host, irq, 3, &vcpu, 1, b), 0);
	for (size_t i = 0; i < 3; i++)
		EXPECT_INT(b[i].hard_ns, 10);
	EXPECT_INT(b[0].thread_ns, 10);
	CASE("a reservation for one activity: hard + deadline");
	EXPECT_INT(b[1].thread_ns, 10 + 30);
	EXPECT_INT(b[1].response_ns, 40);
	CASE("a FIFO thread gets what is left: later than the budgets that may go first");
	EXPECT(b[2].thread_ns > 10 + 2 * 10 + 2 * 5 + 7 && b[2].thread_ns < NSEC_MAX);
	alone = b[2].thread_ns;
	CASE("and the fair server goes first, too");
	EXPECT_INT(vrk_irq_host(&(struct vrk_host){ .cpus = 1, .fair_budget_ns = 50, .fair_period_ns = 1000 }, irq, 3, &vcpu, 1, b), 0);
	EXPECT(b[2].thread_ns > alone + 2 * 50);
	EXPECT_INT(b[1].thread_ns, 40);
	CASE("the exact rest of a CPU: 0.9 in grains of 16384, 20 / 0.9 late, 2 stolen");
	EXPECT_INT(vrk_irq_host(&host, irq + 2, 1, &vcpu, 1, b), 0);
	EXPECT_INT(b[0].thread_ns, 2 + 2 * (16384 - 14745) + 7 + 23 + 2);
	CASE("a large reservation: by its supply, which is sooner than its deadline");
	irq[1].reservation = (struct vrk_reservation){ 50, 60, 60, false };
	EXPECT_INT(vrk_irq_host(&host, irq, 3, &vcpu, 1, b), 0);
	EXPECT_INT(b[1].thread_ns, 10 + 20 + 4 + 10);
	irq[1].reservation = (struct vrk_reservation){ 5, 30, 60, false };
	CASE("closer than the reservation's period: by its supply, or not at all");
	irq[1].jitter_ns = 41;
	irq[1].deadline_ns = 400;
	EXPECT_INT(vrk_irq_host(&host, irq, 3, &vcpu, 1, b), 0);
	EXPECT(b[1].thread_ns > 81 + 30 && b[1].thread_ns <= 400);
	irq[1].deadline_ns = 80;
	EXPECT_INT(vrk_irq_host(&host, irq, 3, &vcpu, 1, b), 0);
	EXPECT_INT(b[1].thread_ns, NSEC_MAX);
	CASE("handlers that take all");
	irq[0].period_ns = 3;
	EXPECT_INT(vrk_irq_host(&host, irq, 3, &vcpu, 1, b), 0);
	EXPECT_INT(b[1].hard_ns, NSEC_MAX);
	EXPECT_INT(b[2].thread_ns, NSEC_MAX);
	CASE("bad ones");
	irq[0].period_ns = 0;
	EXPECT_INT(vrk_irq_host(&host, irq, 1, NULL, 0, b), -EINVAL);
	irq[0].period_ns = NSEC_MAX;
	EXPECT_INT(vrk_irq_host(&host, irq, 1, NULL, 0, b), -ERANGE);
	irq[2].thread_ns = 0;
	EXPECT_INT(vrk_irq_host(&host, irq + 2, 1, NULL, 0, b), -EINVAL);
	EXPECT_INT(vrk_irq_host(&host, NULL, 0, NULL, 0, b), 0);
}

/* One handler of 10 in 100: rho = 0.1, so 9 becomes 10, and deadlines are 10 / 0.9 earlier. */
static void test_question(void)
{
	const struct vrk_host host = { .cpus = 4, .kernel_limit_bw = VRK_BW_UNLIMITED, .fair_budget_ns = 9, .fair_period_ns = 100 };
	struct vrk_irq irq[2] = { { .period_ns = 100, .deadline_ns = 100, .hard_ns = 10 },
				  { .period_ns = 200, .deadline_ns = 200, .hard_ns = 1, .thread = VRK_IRQ_RESERVED, .thread_ns = 1,
				    .reservation = { 18, 20, 40, false } } };
	struct vrk_reservation r = { 9, 100, 100, false }, all[2];
	const struct vrk_host bare = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED };
	struct vrk_supply s = { .budget_ns = 9, .deadline_ns = 100, .period_ns = 100 };
	struct vrk_host asked;
	struct vrk_verdict v;
	size_t n;

	CASE("stolen time becomes budget and latency");
	EXPECT_INT(vrk_irq_question(&host, irq, 1, &r, 1, &asked, all, &n), 0);
	EXPECT_INT(n, 1);
	EXPECT_INT(all[0].budget_ns, 11);		/* 9 / (1 - 0.1), rho rounded up */
	EXPECT_INT(asked.latency_ns, 12);
	EXPECT_INT(asked.fair_budget_ns, 11);
	EXPECT_INT(asked.cpus, 1);
	CASE("two handlers: 0.105 of the time, and 10 + 1 at once");
	EXPECT_INT(vrk_irq_question(&host, irq, 2, &r, 1, &asked, all, &n), 0);
	EXPECT_INT(asked.latency_ns, 13);
	CASE("a reserved thread is one of them");
	EXPECT_INT(vrk_irq_question(&host, irq, 2, &r, 1, &asked, all, &n), 0);
	EXPECT_INT(n, 2);
	EXPECT(all[1].budget_ns > 18 && all[1].period_ns == 40);
	CASE("what steals is seen by the host's test: (80, 100) fits beside 10 in 1000, not beside 20 in 100");
	r = (struct vrk_reservation){ US(800), US(1000), US(1000), false };
	irq[0] = (struct vrk_irq){ .period_ns = US(10000), .deadline_ns = US(1000), .hard_ns = US(100) };
	EXPECT_INT(vrk_irq_question(&bare, irq, 1, &r, 1, &asked, all, &n), 0);
	EXPECT_INT(vrk_admit(&asked, all, n, &v, NULL), 0);
	EXPECT(v.ok);
	irq[0].hard_ns = US(200);
	irq[0].period_ns = US(1000);
	EXPECT_INT(vrk_irq_question(&bare, irq, 1, &r, 1, &asked, all, &n), 0);
	EXPECT_INT(vrk_admit(&asked, all, n, &v, NULL), 0);
	EXPECT(!v.ok);
	CASE("nothing left");
	irq[0].hard_ns = US(1000);
	EXPECT_INT(vrk_irq_question(&host, irq, 1, &r, 1, &asked, all, &n), -EDOM);
	CASE("supply");
	irq[0] = (struct vrk_irq){ .period_ns = 100, .deadline_ns = 100, .hard_ns = 3, .jitter_ns = 101 };
	vrk_irq_supply(irq, 2, &s);
	EXPECT_INT(s.irq_ns, 4);
	EXPECT_INT(s.irq_period_ns, 100);
	EXPECT_INT(s.latency_ns, 6);
}

static const struct vrk_task control[] = { { .wcet_ns = MS(1), .period_ns = MS(20), .deadline_ns = MS(20) } };

static struct vrk_system_irq irq_of(size_t vcpu)
{
	return (struct vrk_system_irq){ .irq = { .period_ns = MS(10), .deadline_ns = MS(20), .hard_ns = US(10), .thread = VRK_IRQ_RESERVED,
						 .thread_ns = US(50), .reservation = { US(100), MS(1), MS(5), false } },
					.cpu = 0, .vcpu = vcpu, .injection_ns = US(10), .handler_ns = US(100) };
}

/* The same interrupt into a vCPU with tasks, into a vCPU of its own, and by a FIFO thread. */
static void test_system(void)
{
	struct vrk_vcpu vcpus[2] = {
		{ .reservation = { MS(4), MS(10), MS(10), false }, .cpu = 0, .guest = { .tasks = control, .n = 1 } },
		{ .reservation = { US(500), MS(2), MS(5), false }, .cpu = 0 },
	};
	struct vrk_system_irq irq = irq_of(0);
	struct vrk_system system = { .host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, .vcpus = vcpus, .n = 2, .irqs = &irq, .n_irqs = 1 };
	struct vrk_system_result result;
	struct vrk_task tasks[2];
	nsec_t into, plain;

	CASE("into a vCPU with tasks: hard + thread's deadline + injection + blackout + handler");
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.ok && result.cpus[0].ok && vrk_system_check(&system, &result) == 0);
	EXPECT_INT(result.irqs[0].hard_ns, US(10));
	EXPECT_INT(result.irqs[0].thread_ns, US(10) + MS(1));
	/* stolen: 10 us of the supply, once more where the window is longer than a period of it */
	into = US(10) + MS(1) + US(10) + MS(12) + US(100);
	EXPECT(result.irqs[0].response_ns >= into && result.irqs[0].response_ns <= into + US(30));
	into = result.responses_ns[0];
	EXPECT_INT(vrk_system_tasks(&system, &result, 0, tasks), 2);
	EXPECT_INT(tasks[1].wcet_ns, US(100));
	EXPECT(tasks[1].priority < tasks[0].priority);
	vrk_system_result_done(&result);

	CASE("into a vCPU of its own: no blackout, and its tasks are left alone");
	irq.vcpu = 1;
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.ok);
	EXPECT_INT(result.irqs[0].response_ns, US(10) + MS(1) + US(10) + MS(2));
	EXPECT(result.responses_ns[0] < into);
	plain = result.responses_ns[0];
	vrk_system_result_done(&result);

	CASE("by a FIFO thread: behind 2 Q of everybody");
	irq.irq.thread = VRK_IRQ_FIFO;
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.irqs[0].thread_ns > 2 * MS(4) + 2 * US(500) && !result.ok == (result.irqs[0].response_ns > MS(20)));
	vrk_system_result_done(&result);

	CASE("stolen time alone");
	irq = irq_of(SIZE_MAX);
	irq.irq.thread = VRK_IRQ_HARD;
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.ok && result.irqs[0].response_ns == US(10) && result.responses_ns[0] == plain);
	vrk_system_result_done(&result);

	CASE("masked: the handler waits, and every piece of a task");
	irq = irq_of(0);
	vcpus[0].masked_ns = US(40);
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.ok && result.responses_ns[0] == into + US(40));
	vrk_system_result_done(&result);
}

static void test_refused(void)
{
	static const struct vrk_resource resource = { VRK_QUEUE_FIFO, 0 };
	static const struct vrk_section section = { 0, 0, 1, 1 };
	const struct vrk_locks locks = { &resource, 1, &section, 1, NULL };
	struct vrk_vcpu vcpu = { .reservation = { MS(4), MS(10), MS(10), false }, .cpu = 0, .guest = { .tasks = control, .n = 1 } };
	struct vrk_system_irq irq = irq_of(0);
	struct vrk_system system = { .host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, .vcpus = &vcpu, .n = 1, .irqs = &irq, .n_irqs = 1 };
	struct vrk_system_result result;

	CASE("handlers in an EDF guest");
	vcpu.guest.scheduler = VRK_GUEST_EDF;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EOPNOTSUPP);
	CASE("sections in an EDF guest");
	system.n_irqs = 0;
	system.locks = &locks;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EOPNOTSUPP);
	CASE("sections of no task");
	vcpu.guest.scheduler = VRK_GUEST_FP;
	vcpu.guest.n = 0;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EINVAL);
	vcpu.guest.n = 1;
	CASE("interrupts beside fixed-priority servers");
	system.locks = NULL;
	system.n_irqs = 1;
	system.scheduler = VRK_HOST_FP_PERIODIC;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EOPNOTSUPP);
	CASE("on a CPU, into a vCPU that are not there");
	system.scheduler = VRK_HOST_EDF;
	irq.cpu = 1;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EINVAL);
	irq.cpu = 0;
	irq.vcpu = 1;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EINVAL);
	CASE("a handler without length");
	irq.vcpu = 0;
	irq.handler_ns = 0;
	EXPECT_INT(vrk_system_analyze(&system, &result), -EINVAL);
	CASE("a CPU that is stolen as a whole says no");
	irq = irq_of(0);
	irq.irq.hard_ns = irq.irq.period_ns;
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(!result.ok && result.cpus[0].test == VRK_TEST_IRQ && result.irqs[0].response_ns == NSEC_MAX);
	EXPECT_STR(vrk_test_name(VRK_TEST_IRQ), "irq");
	vrk_system_result_done(&result);
}

/* Two guests share a resource: the whole gives what the parts give. */
static void test_locked(void)
{
	static const struct vrk_resource resource = { VRK_QUEUE_FIFO, 0 };
	static const struct vrk_section sections[] = { { 0, 0, MS(1), 1 }, { 1, 0, MS(1), 1 } };
	const struct vrk_locks locks = { &resource, 1, sections, 2, NULL };
	const struct vrk_task a = { .wcet_ns = MS(2), .period_ns = MS(100), .deadline_ns = MS(100) };
	struct vrk_vcpu vcpus[2] = {
		{ .reservation = { MS(4), MS(10), MS(10), false }, .cpu = 0, .guest = { .tasks = &a, .n = 1 } },
		{ .reservation = { MS(4), MS(10), MS(10), false }, .cpu = 0, .guest = { .tasks = &a, .n = 1 } },
	};
	const struct vrk_system system = { .host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED }, .vcpus = vcpus, .n = 2, .locks = &locks };
	struct vrk_system_result result;
	struct vrk_task seen;

	CASE("two guests, one resource: H = 13, R = 13 + 12 + 14");
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(result.ok);
	for (size_t i = 0; i < 2; i++) {
		EXPECT_INT(result.responses_ns[i], MS(39));
		EXPECT_INT(result.locks[i].wait_ns, MS(13));
		EXPECT_INT(result.locks[i].hold_ns, MS(13));
	}
	EXPECT_INT(vrk_system_tasks(&system, &result, 1, &seen), 1);
	EXPECT_INT(seen.suspension_ns, MS(13));
	EXPECT_INT(seen.suspensions, 1);
	vrk_system_result_done(&result);
	CASE("where one CPU says no, the other's tasks have no bound either");
	vcpus[1].reservation.budget_ns = MS(7);
	EXPECT_INT(vrk_system_analyze(&system, &result), 0);
	EXPECT(!result.ok && result.responses_ns[0] == NSEC_MAX);
	vrk_system_result_done(&result);
}

int main(void)
{
	test_sporadic();
	test_host();
	test_question();
	test_system();
	test_refused();
	test_locked();
	return expect_result();
}
