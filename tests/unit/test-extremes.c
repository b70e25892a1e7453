/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The largest numbers there are, in every place where one may stand: an answer or an error, never an overflow (the sanitizers
 * look for those), and never a yes to what cannot be. And ten thousand of everything.
 */
#include <virtrk/proof.h>
#include <virtrk/simulate.h>

#include "expect.h"

#define MANY ((size_t)10000)

/* 2^63 - 1, beyond, the kernel's longest period, powers of two and their neighbours. */
static const nsec_t extremes[] = { 0, 1, 1023, 1024, VRK_PERIOD_MAX_NS, VRK_PERIOD_MAX_NS + 1, (1ULL << 45), (1ULL << 45) + 1,
				   (1ULL << 60), (1ULL << 62), (1ULL << 62) + 1, NSEC_MAX - 1, NSEC_MAX, 1ULL << 63, UINT64_MAX };

#define N ARRAY_SIZE(extremes)

static nsec_t pick(size_t *at)
{
	nsec_t x = extremes[*at % N];

	*at /= N;
	return x;
}

/* 0 with a no or a yes, or one of the errors that the header names. */
static bool answered(int r)
{
	return r == 0 || r == -EINVAL || r == -ERANGE || r == -E2BIG || r == -EBADMSG || r == -EOPNOTSUPP;
}

static void test_reservations(void)
{
	CASE("reservations: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		struct vrk_certificate cert = { .test = VRK_TEST_NONE };
		size_t at = k;
		const struct vrk_reservation r[2] = { { pick(&at), pick(&at), pick(&at), k % 2 }, { 1 << 20, 1 << 24, 1 << 24, false } };
		struct vrk_host host = { .cpus = 1 + (k % 3), .kernel_limit_bw = VRK_BW_UNLIMITED };
		struct vrk_verdict v = { .ok = false };
		struct vrk_repair repair;
		nsec_t largest;

		EXPECT_INT(vrk_reservation_check(&host, &r[0], &v), 0);
		if (!v.ok && r[0].deadline_ns > r[0].period_ns)
			EXPECT(vrk_admit(&host, r, 2, &v, NULL) == 0 && !v.ok);
		EXPECT(answered(vrk_admit(&host, r, 2, &v, &cert)));
		if (cert.test != VRK_TEST_NONE) {
			EXPECT(v.ok && r[0].budget_ns <= r[0].deadline_ns && r[0].period_ns <= VRK_PERIOD_MAX_NS);
			EXPECT_INT(vrk_certificate_check(&host, r, 2, &cert), 0);
		}
		vrk_certificate_done(&cert);
		if (k % 7 == 0) {
			EXPECT(answered(vrk_admit_repair(&host, r, 2, 1, &repair)));
			EXPECT(answered(vrk_admit_largest(&host, r, 2, r[0].period_ns, &largest)));
		}
		if (r[0].period_ns > 0 && r[0].budget_ns <= r[0].period_ns)
			EXPECT(vrk_bw(r[0].budget_ns, r[0].period_ns) <= BW_UNIT);
	}
}

static void test_hosts(void)
{
	static const struct vrk_reservation r[] = { { 1 << 20, 1 << 24, 1 << 24, false }, { 1 << 20, 1 << 23, 1 << 24, true } };

	CASE("hosts: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		size_t at = k;
		struct vrk_host host = { .cpus = 1 + (k % 3), .tick_ns = pick(&at), .switch_ns = pick(&at), .latency_ns = pick(&at),
					 .kernel_limit_bw = VRK_BW_UNLIMITED };
		struct vrk_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_verdict v = { .ok = false };

		host.fair_budget_ns = k % 5 ? 0 : extremes[k % N];
		host.fair_period_ns = k % 5 ? 0 : extremes[k / 3 % N];
		EXPECT(answered(vrk_kernel_check(&host, r, 2, &v)));
		EXPECT(answered(vrk_edf_qpa(&host, r, 2, &v, NULL)));
		EXPECT(answered(vrk_gedf_gfb(&host, r, 2, &v)));
		EXPECT(answered(vrk_gedf_bak(&host, r, 2, &v)));
		EXPECT(answered(vrk_gedf_bcl(&host, r, 2, &v)));
		EXPECT(answered(vrk_gedf_bcl_iter(&host, r, 2, &v, NULL)));
		EXPECT(answered(vrk_admit(&host, r, 2, &v, &cert)));
		if (cert.test != VRK_TEST_NONE)
			EXPECT(v.ok && host.switch_ns <= 1 << 24 && host.latency_ns < 1 << 24 && vrk_certificate_check(&host, r, 2, &cert) == 0);
		vrk_certificate_done(&cert);
		(void)vrk_host_demand(&host, r, 2, extremes[k % N]);
	}
}

static void test_supply(void)
{
	CASE("supply: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		size_t at = k;
		struct vrk_supply s = { .budget_ns = pick(&at), .deadline_ns = pick(&at), .period_ns = pick(&at) };

		s.tick_ns = k % 5 ? 0 : extremes[k / 5 % N];
		s.switch_ns = k % 7 ? 0 : extremes[k / 7 % N];
		s.latency_ns = k % 11 ? 0 : extremes[k / 11 % N];
		s.irq_ns = k % 13 ? 0 : extremes[k / 13 % N];
		s.irq_period_ns = extremes[k / 17 % N];
		for (size_t i = 0; i < N; i++) {
			nsec_t t = extremes[i], inverse = vrk_sbf_inverse(&s, t);

			EXPECT(vrk_sbf(&s, t) <= t && vrk_sbf_linear(&s, t) <= t);
			EXPECT(inverse == NSEC_MAX || (inverse >= t && vrk_sbf(&s, inverse) >= t));
		}
	}
}

static void test_tasks(void)
{
	static const struct vrk_supply supplies[] = { { .budget_ns = 4, .deadline_ns = 10, .period_ns = 10 },
		{ .budget_ns = 1ULL << 60, .deadline_ns = 1ULL << 61, .period_ns = 1ULL << 62 },
		{ .budget_ns = NSEC_MAX, .deadline_ns = NSEC_MAX, .period_ns = NSEC_MAX } };

	CASE("tasks: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		size_t at = k;
		struct vrk_task t[2] = { { .wcet_ns = pick(&at), .period_ns = pick(&at), .deadline_ns = pick(&at) },
					 { .wcet_ns = 1, .period_ns = 1000, .deadline_ns = 1000, .priority = UINT32_MAX } };
		struct vrk_guest g = { k % 2 ? VRK_GUEST_EDF : VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, t, 2 };
		const struct vrk_supply *s = &supplies[k % ARRAY_SIZE(supplies)];
		struct vrk_guest_certificate cert = { .test = VRK_TEST_NONE };
		struct vrk_verdict v = { .ok = false };
		nsec_t response[2], work;
		int r;

		t[0].jitter_ns = k % 3 ? 0 : extremes[k / 3 % N];
		t[0].blocking_ns = k % 5 ? 0 : extremes[k / 5 % N];
		t[0].suspension_ns = k % 7 ? 0 : extremes[k / 7 % N];
		t[0].suspensions = k % 11 ? 0 : UINT32_MAX;
		r = vrk_guest_check(s, &g, &v, response);
		EXPECT(answered(r));
		if (r == 0 && v.ok)
			EXPECT(t[0].wcet_ns <= t[0].deadline_ns && t[0].jitter_ns < t[0].deadline_ns);
		r = vrk_guest_certify(s, &g, &cert);
		EXPECT(answered(r));
		if (r == 0)
			EXPECT_INT(vrk_guest_certificate_check(s, &g, &cert), 0);
		vrk_guest_certificate_done(&cert);
		response[0] = response[1] = extremes[k % N];
		EXPECT(t[0].period_ns == 0 || vrk_guest_fp_step(s, &g, response, 1, UINT64_MAX - (k & 1), extremes[k / 2 % N], &work) > 0);
		if (t[0].period_ns > 0 && t[0].period_ns <= NSEC_MAX)
			(void)vrk_guest_demand(&g, extremes[k % N] & NSEC_MAX);
		EXPECT(answered(vrk_legacy_fp(s, t, 2, &v, response)));
	}
}

static void test_sizes(void)
{
	const struct vrk_task t = { .wcet_ns = 1 << 20, .period_ns = 1 << 25, .deadline_ns = 1 << 25 };
	const struct vrk_guest g = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, &t, 1 };
	const struct vrk_host host = { .cpus = 1 };

	CASE("sizes and servers: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		size_t at = k;
		nsec_t a = pick(&at), b = pick(&at), c = pick(&at), q, w[2];
		const struct vrk_reservation r[2] = { { a, b, c, false }, { c, b, a, true } };
		struct vrk_reservation best;
		struct vrk_verdict v;
		int ok;

		EXPECT(answered(vrk_size_budget(&host, &g, a, b, c, &q)));
		if (k % 17 == 0 && a >= VRK_PERIOD_MIN_NS)
			EXPECT(answered(vrk_size_period(&host, &g, a, b, &best)));
		ok = vrk_host_fp(r, 2, k % 2, &v, w);
		EXPECT(answered(ok));
		EXPECT(ok != 0 || !v.ok || vrk_host_fp_check(r, 2, k % 2, w) == 0);
		EXPECT(answered(vrk_host_fp_check(r, 2, k % 2, (nsec_t[]){ a, b })));
	}
}

static void test_simulate(void)
{
	CASE("the simulator: every combination of extremes");
	for (size_t k = 0; k < N * N * N; k++) {
		size_t at = k;
		const struct vrk_sim_server server = { .reservation = { pick(&at), pick(&at), pick(&at), false }, .cpu = -1, .n_tasks = 1 };
		const struct vrk_sim_task task = { extremes[k % N], extremes[k / 2 % N] | 1 << 20, extremes[k / 3 % N], extremes[k / 5 % N],
						   extremes[k / 7 % N], k % 3 };
		const struct vrk_sim_host host = { .cpus = 1, .tick_ns = k % 4 ? 0 : extremes[k / 4 % N], .seed = k,
						   .flags = k % 9 ? 0 : k % 2 ? VRK_SIM_PERIODIC : VRK_SIM_DEFERRABLE };
		struct vrk_sim_server_result rs;
		struct vrk_sim_task_result rt;
		int64_t r = vrk_simulate(&host, &server, 1, &task, 1, 4096, &rs, &rt);

		EXPECT(r > 0 || r == -EINVAL || r == -ERANGE);
		EXPECT(r < 0 || rs.served_ns <= 4096);
	}
}

/* Ten thousand of everything. */
static void test_many(void)
{
	struct vrk_reservation *r = calloc(MANY, sizeof(*r));
	struct vrk_task *t = calloc(MANY, sizeof(*t));
	nsec_t *response = calloc(MANY, sizeof(*response));
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_host host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED };
	const struct vrk_supply whole = { .budget_ns = 1, .deadline_ns = 1, .period_ns = 1 };
	struct vrk_verdict v;

	if (!r || !t || !response)
		abort();
	for (size_t i = 0; i < MANY; i++) {
		r[i] = (struct vrk_reservation){ 40 * NSEC_PER_USEC, NSEC_PER_SEC, NSEC_PER_SEC, true };
		t[i] = (struct vrk_task){ .wcet_ns = 40 * NSEC_PER_USEC, .period_ns = NSEC_PER_SEC, .deadline_ns = NSEC_PER_SEC,
					  .priority = (uint32_t)i };
	}
	CASE("10000 reservations on one CPU");
	EXPECT(vrk_admit(&host, r, MANY, &v, &cert) == 0 && v.ok);
	EXPECT_INT(vrk_certificate_check(&host, r, MANY, &cert), 0);
	vrk_certificate_done(&cert);
	CASE("10000 reservations on 64 CPUs");
	host.cpus = 64;
	EXPECT(vrk_admit(&host, r, MANY, &v, &cert) == 0 && v.ok);
	EXPECT_INT(vrk_certificate_check(&host, r, MANY, &cert), 0);
	vrk_certificate_done(&cert);
	CASE("10000 that are too many");
	host.cpus = 1;
	for (size_t i = 0; i < MANY; i++)
		r[i].budget_ns = 101 * NSEC_PER_USEC;
	EXPECT(vrk_admit(&host, r, MANY, &v, NULL) == 0 && !v.ok);
	CASE("10000 tasks by EDF");
	EXPECT(vrk_guest_edf(&whole, t, MANY, &v) == 0 && v.ok);
	CASE("10000 tasks by fixed priority: the last waits for all");
	EXPECT(vrk_guest_fp(&whole, VRK_SUPPLY_SLEEPING, t, MANY, &v, response) == 0 && v.ok);
	EXPECT_INT(response[MANY - 1], MANY * 40 * NSEC_PER_USEC);
	CASE("10000 servers");
	for (size_t i = 0; i < MANY; i++)
		r[i].budget_ns = 40 * NSEC_PER_USEC;
	EXPECT(vrk_host_fp(r, MANY, false, &v, response) == 0 && v.ok);
	EXPECT_INT(response[MANY - 1], MANY * 40 * NSEC_PER_USEC);
	EXPECT_INT(vrk_host_fp_check(r, MANY, false, response), 0);
	free(r);
	free(t);
	free(response);
}

int main(void)
{
	test_reservations();
	test_hosts();
	test_supply();
	test_tasks();
	test_sizes();
	test_simulate();
	test_many();
	return expect_result();
}
