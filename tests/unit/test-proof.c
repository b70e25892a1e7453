/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Witnesses of what is inside a vCPU: made for every yes, believed when they are true, and not when anything is changed. */
#include <virtrk/proof.h>

#include "expect.h"

#define S(q, d, p) { .budget_ns = (q), .deadline_ns = (d), .period_ns = (p) }
#define T(c, t, prio) { .wcet_ns = (c), .period_ns = (t), .deadline_ns = (t), .priority = (prio) }

static const struct vrk_task three[] = { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) };
static const struct vrk_supply four = S(4, 10, 10);

static void test_steps(void)
{
	/* (4, 10, 10): the third task: inv(4) = 16, inv(4+1+3) = 26, inv(4+2+3) = 33, inv(4+2+3) = 33 */
	static const nsec_t want[] = { 26, 33, 33 }, work[] = { 8, 9, 9 };
	const struct vrk_guest g = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, three, 3 };
	const struct vrk_reservation r[] = { { 2, 5, 5 }, { 3, 10, 10 }, { 2, 20, 20 } };
	const nsec_t responses[3] = { 13, 16, 33 };
	nsec_t window = 16, w;

	CASE("the recurrence, step by step");
	EXPECT_INT(vrk_guest_fp_step(&four, &g, responses, 2, 1, 0, &w), 16);
	EXPECT_INT(w, 4);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		window = vrk_guest_fp_step(&four, &g, responses, 2, 1, window, &w);
		EXPECT_INT(window, want[i]);
		EXPECT_INT(w, work[i]);
	}
	CASE("a task that is not there");
	EXPECT_INT(vrk_guest_fp_step(&four, &g, responses, 3, 1, 0, &w), NSEC_MAX);
	CASE("servers");
	EXPECT_INT(vrk_host_fp_step(r, 2, false, 2), 7);
	EXPECT_INT(vrk_host_fp_step(r, 2, false, 7), 9);
	EXPECT_INT(vrk_host_fp_step(r, 2, false, 9), 9);
	EXPECT_INT(vrk_host_fp_step(r, 1, true, 7), 7);
	CASE("demand");
	EXPECT_INT(vrk_guest_demand(&(struct vrk_guest){ VRK_GUEST_EDF, VRK_SUPPLY_SLEEPING, three, 3 }, 80), 14);
	EXPECT_INT(vrk_guest_demand(&(struct vrk_guest){ VRK_GUEST_EDF, VRK_SUPPLY_SLEEPING, three, 3 }, 19), 0);
	EXPECT_INT(vrk_host_demand(&(struct vrk_host){ .cpus = 1 }, (struct vrk_reservation[]){ { 4, 10, 10, true } }, 1, 20), 8);
	EXPECT_INT(vrk_host_demand(&(struct vrk_host){ .cpus = 1 }, (struct vrk_reservation[]){ { 4, 3, 10, true } }, 1, 20), NSEC_MAX);
}

struct proof_case {
	const char *name;
	struct vrk_supply s;
	enum vrk_guest_scheduler scheduler;
	enum vrk_supply_mode mode;
	size_t n;
	struct vrk_task t[3];
	bool ok;
};

static const struct proof_case cases[] = {
	{ "fp", S(4, 10, 10), VRK_GUEST_FP, 0, 3, { T(1, 20, 0), T(3, 40, 1), T(4, 80, 2) }, true },
	{ "the array's order does not matter", S(4, 10, 10), VRK_GUEST_FP, 0, 3, { T(4, 80, 2), T(1, 20, 0), T(3, 40, 1) }, true },
	{ "equal priorities", S(1, 1, 1), VRK_GUEST_FP, 0, 2, { T(2, 10, 5), T(3, 10, 5) }, true },
	{ "seven jobs", S(1, 1, 1), VRK_GUEST_FP, 0, 2, { T(26, 70, 0), { .wcet_ns = 62, .period_ns = 100, .deadline_ns = 120,
	  .priority = 1 } }, true },
	{ "late by one", S(1, 1, 1), VRK_GUEST_FP, 0, 2, { T(26, 70, 0), { .wcet_ns = 62, .period_ns = 100, .deadline_ns = 117,
	  .priority = 1 } }, false },
	{ "jitter and blocking", S(1, 1, 1), VRK_GUEST_FP, 0, 2, { { .wcet_ns = 4, .period_ns = 10, .deadline_ns = 10, .jitter_ns = 4 },
	  { .wcet_ns = 3, .period_ns = 20, .deadline_ns = 20, .blocking_ns = 1, .priority = 1 } }, true },
	{ "suspensions", S(8, 10, 10), VRK_GUEST_FP, 0, 2, { { .wcet_ns = 3, .period_ns = 49, .deadline_ns = 49, .suspension_ns = 5,
	  .suspensions = 2 }, { .wcet_ns = 9, .period_ns = 102, .deadline_ns = 102, .suspension_ns = 6, .suspensions = 2, .priority = 1 } },
	  true },
	{ "suspensions of equals", S(8, 10, 10), VRK_GUEST_FP, 0, 2, { { .wcet_ns = 3, .period_ns = 49, .deadline_ns = 49,
	  .suspension_ns = 5, .suspensions = 2 }, { .wcet_ns = 9, .period_ns = 102, .deadline_ns = 102, .suspension_ns = 6,
	  .suspensions = 2 } }, true },
	{ "an idling vCPU", S(8, 10, 10), VRK_GUEST_FP, VRK_SUPPLY_IDLING, 1, { { .wcet_ns = 3, .period_ns = 49, .deadline_ns = 12,
	  .suspension_ns = 5, .suspensions = 2 } }, true },
	{ "suspensions and interrupts", { .budget_ns = 8, .deadline_ns = 10, .period_ns = 10, .irq_ns = 1, .irq_period_ns = 50 },
	  VRK_GUEST_FP, 0, 1, { { .wcet_ns = 3, .period_ns = 60, .deadline_ns = 60, .suspension_ns = 2, .suspensions = 1 } }, true },
	{ "host costs", { 40, 100, 100, 3, 1, 2, 1, 50 }, VRK_GUEST_FP, 0, 2, { T(10, 300, 0), T(30, 900, 1) }, true },
	{ "edf", S(4, 10, 10), VRK_GUEST_EDF, 0, 3, { T(1, 20, 0), T(3, 40, 0), T(4, 80, 0) }, true },
	{ "edf, jitter", S(4, 10, 10), VRK_GUEST_EDF, 0, 2, { { .wcet_ns = 1, .period_ns = 20, .deadline_ns = 20, .jitter_ns = 5 },
	  { .wcet_ns = 3, .period_ns = 40, .deadline_ns = 35, .blocking_ns = 1 } }, true },
	{ "edf, a whole CPU", S(1, 1, 1), VRK_GUEST_EDF, 0, 2, { T(5, 10, 0), T(10, 20, 0) }, true },
	{ "edf, late", S(2, 10, 10), VRK_GUEST_EDF, 0, 3, { T(1, 20, 0), T(3, 40, 0), T(6, 80, 0) }, false },
	{ "edf, ready only at the deadline", S(1, 1, 1), VRK_GUEST_EDF, 0, 1, { { .wcet_ns = 1, .period_ns = 100, .deadline_ns = 5,
	  .jitter_ns = 5 } }, false },
	{ "edf, suspensions", S(1, 1, 1), VRK_GUEST_EDF, 0, 1, { { .wcet_ns = 1, .period_ns = 100, .deadline_ns = 50, .suspensions = 1,
	  .suspension_ns = 1 } }, false },
	{ "nobody", S(4, 10, 10), VRK_GUEST_FP, 0, 0, { { 0 } }, true },
	{ "nobody, edf", S(4, 10, 10), VRK_GUEST_EDF, 0, 0, { { 0 } }, true },
};

/* Each point and each response smaller by one is a lie: windows are the least that do, and so are responses. */
static void forge(const struct proof_case *c, const struct vrk_guest *g, struct vrk_guest_certificate *cert)
{
	for (size_t k = 0; k < cert->n_points && cert->test == VRK_TEST_GUEST_FP; k++) {
		cert->points_ns[k]--;
		EXPECT_INT(vrk_guest_certificate_check(&c->s, g, cert), -EBADMSG);
		cert->points_ns[k]++;
	}
	for (size_t k = 0; k < cert->n_responses && cert->test == VRK_TEST_GUEST_FP; k++) {
		cert->responses_ns[k]--;
		EXPECT_INT(vrk_guest_certificate_check(&c->s, g, cert), -EBADMSG);
		cert->responses_ns[k] += 1 + c->t[k].deadline_ns;
		EXPECT_INT(vrk_guest_certificate_check(&c->s, g, cert), -EBADMSG);
		cert->responses_ns[k] -= c->t[k].deadline_ns;
	}
	if (cert->n_points == 0)
		return;
	cert->n_points--;
	EXPECT_INT(vrk_guest_certificate_check(&c->s, g, cert), -EBADMSG);
	cert->n_points++;
	cert->test = VRK_TEST_QPA;
	EXPECT_INT(vrk_guest_certificate_check(&c->s, g, cert), -EBADMSG);
}

static void test_certificates(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct proof_case *c = &cases[i];
		const struct vrk_guest g = { c->scheduler, c->mode, c->t, c->n };
		struct vrk_guest_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_supply less = c->s;

		CASE(c->name);
		if (!EXPECT_INT(vrk_guest_certify(&c->s, &g, &cert), c->ok ? 0 : -EBADMSG) || !c->ok)
			continue;
		EXPECT_INT(vrk_guest_certificate_check(&c->s, &g, &cert), 0);
		less.budget_ns /= 2;
		if (c->n)
			EXPECT_INT(vrk_guest_certificate_check(&less, &g, &cert), -EBADMSG);
		forge(c, &g, &cert);
		vrk_guest_certificate_done(&cert);
	}
}

/* What the generator would never write. */
static void test_lies(void)
{
	const struct vrk_guest edf = { VRK_GUEST_EDF, VRK_SUPPLY_SLEEPING, three, 3 };
	struct vrk_task bad = T(1, 20, 0);
	const struct vrk_guest one = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, &bad, 1 };
	nsec_t points[] = { 80, 20 }, response = 13, window = 13;
	struct vrk_guest_certificate cert = { .test = VRK_TEST_GUEST_EDF, .horizon_ns = 80, .points_ns = points, .n_points = 2 };
	struct vrk_guest_certificate fp = { VRK_TEST_GUEST_FP, 0, 1, &response, 1, &window };

	CASE("by need more is due than is supplied");
	EXPECT_INT(vrk_guest_certificate_check(&four, &edf, &cert), -EBADMSG);
	CASE("deadlines between horizon and first point");
	points[0] = 20;
	points[1] = 13;
	EXPECT_INT(vrk_guest_certificate_check(&four, &edf, &cert), -EBADMSG);
	CASE("no horizon");
	cert.horizon_ns = 0;
	EXPECT_INT(vrk_guest_certificate_check(&four, &edf, &cert), -EBADMSG);
	CASE("a horizon before the end of the busy period");
	cert.horizon_ns = 12;
	cert.n_points = 0;
	EXPECT_INT(vrk_guest_certificate_check(&four, &edf, &cert), -EBADMSG);
	CASE("ready only at the deadline");
	bad = (struct vrk_task){ .wcet_ns = 1, .period_ns = 100, .deadline_ns = 5, .jitter_ns = 5 };
	cert.horizon_ns = 2;
	EXPECT_INT(vrk_guest_certificate_check(&four, &(struct vrk_guest){ VRK_GUEST_EDF, 0, &bad, 1 }, &cert), -EBADMSG);
	EXPECT_INT(vrk_guest_certificate_check(&(struct vrk_supply)S(1, 1, 1), &(struct vrk_guest){ VRK_GUEST_EDF, 0, &bad, 1 }, &cert),
		   -EBADMSG);
	bad = (struct vrk_task)T(1, 20, 0);
	CASE("half a pair");
	cert.horizon_ns = 80;
	cert.n_points = 1;
	EXPECT_INT(vrk_guest_certificate_check(&four, &edf, &cert), -EBADMSG);
	CASE("a true one");
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), 0);
	CASE("tasks and supplies that are none");
	bad.period_ns = 0;
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), -EBADMSG);
	bad = (struct vrk_task)T(1, NSEC_MAX, 0);
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), -EBADMSG);
	bad = (struct vrk_task)T(1, 20, 0);
	EXPECT_INT(vrk_guest_certificate_check(&(struct vrk_supply)S(0, 10, 10), &one, &fp), -EBADMSG);
	EXPECT_INT(vrk_guest_certificate_check(&(struct vrk_supply)S(4, 3, 10), &one, &fp), -EBADMSG);
	CASE("too many responses, a point too many");
	fp.n_responses = 2;
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), -EBADMSG);
	fp.n_responses = 1;
	fp.points_ns = (nsec_t[]){ 13, 13 };
	fp.n_points = 2;
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), -EBADMSG);
	fp.points_ns = &window;
	CASE("a window beyond all times");
	fp.n_points = 1;
	window = NSEC_MAX;
	EXPECT_INT(vrk_guest_certificate_check(&four, &one, &fp), -EBADMSG);
}

static void test_servers(void)
{
	const struct vrk_reservation r[] = { { 2, 5, 5 }, { 3, 10, 10 }, { 2, 20, 20 } };
	nsec_t w[3] = { 2, 5, 9 };

	CASE("periodic servers");
	EXPECT_INT(vrk_host_fp_check(r, 3, false, w), 0);
	EXPECT_INT(vrk_host_fp_check(r, 3, true, w), -EBADMSG);
	for (size_t i = 0; i < 3; i++) {
		w[i]--;
		EXPECT_INT(vrk_host_fp_check(r, 3, false, w), -EBADMSG);
		w[i]++;
	}
	CASE("beyond the deadline");
	w[2] = 21;
	EXPECT_INT(vrk_host_fp_check(r, 3, true, w), -EBADMSG);
	CASE("deferrable servers");
	w[1] = 7;
	EXPECT_INT(vrk_host_fp_check(r, 2, true, w), 0);
}

static void test_system(void)
{
	const struct vrk_vcpu vcpus[] = { { { 2, 5, 5 }, 0, { .n = 0 } }, { { 3, 10, 10 }, 1, { .n = 0 } }, { { 3, 10, 10 }, 0, { .n = 0 } } };
	struct vrk_system s = { { .cpus = 2, .tick_ns = 1 }, VRK_HOST_EDF, vcpus, 3 };
	struct vrk_supply supply;

	CASE("supply under EDF");
	EXPECT_INT(vrk_system_supply(&s, 2, &supply), 0);
	EXPECT(supply.deadline_ns == 10 && supply.budget_ns == 3 && supply.tick_ns == 1);
	CASE("supply of servers: of those on its CPU");
	s.scheduler = VRK_HOST_FP_PERIODIC;
	EXPECT_INT(vrk_system_supply(&s, 2, &supply), 0);
	EXPECT_INT(supply.deadline_ns, 5);
	EXPECT_INT(vrk_system_supply(&s, 1, &supply), 0);
	EXPECT_INT(supply.deadline_ns, 3);
	s.scheduler = VRK_HOST_FP_DEFERRABLE;
	EXPECT_INT(vrk_system_supply(&s, 2, &supply), 0);
	EXPECT_INT(supply.deadline_ns, 7);
	EXPECT_INT(vrk_system_supply(&s, 3, &supply), -EINVAL);
}

int main(void)
{
	test_steps();
	test_certificates();
	test_lies();
	test_servers();
	test_system();
	return expect_result();
}
