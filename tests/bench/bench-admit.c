/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a decision takes. Each line: what, the median, the fastest and the 90th percentile of many runs, per decision,
 * in microseconds of CPU time, and the aim where there is one. A benchmark reports; it never fails because a machine is slow.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <virtrk/simulate.h>
#include <virtrk/system.h>

#define MS(x) ((nsec_t)(x) * NSEC_PER_MSEC)
#define RUNS 101
#define SIM_SERVERS 4
#define SIM_TASKS 5
#define SIM_ROUNDS 21
#define N_MAX 256

struct bench {
	struct vrk_task t[N_MAX];
	struct vrk_vcpu vcpus[N_MAX];
	size_t n_vcpus;
	const char *name;
	struct vrk_host host;
	struct vrk_reservation r[N_MAX];
	size_t n;
	double aim_us;
	bool ok;		/* what the decision was */
	int (*decide)(struct bench *b);
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench_run(struct bench *b)
{
	double us[RUNS];
	unsigned int repeat = 1;

	/* one run lasts at least 50 us, so that the clock does not count */
	for (double took = 0; took < 50 && repeat < 1U << 20; repeat *= 2) {
		double start = now_us();

		for (unsigned int i = 0; i < repeat; i++)
			(void)b->decide(b);
		took = now_us() - start;
	}
	for (size_t run = 0; run < RUNS; run++) {
		double start = now_us();

		for (unsigned int i = 0; i < repeat; i++)
			(void)b->decide(b);
		us[run] = (now_us() - start) / repeat;
	}
	qsort(us, RUNS, sizeof(us[0]), by_value);
	printf("%-44s %-3s median %9.3f us  min %9.3f  p90 %9.3f", b->name, b->ok ? "yes" : "no", us[RUNS / 2], us[0], us[RUNS * 9 / 10]);
	if (b->aim_us > 0)
		printf("  aim %g", b->aim_us);
	printf("\n");
}

static int decide_admit(struct bench *b)
{
	struct vrk_verdict v = { .ok = false };
	int r = vrk_admit(&b->host, b->r, b->n, &v, NULL);

	b->ok = v.ok;
	return r;
}

static int decide_qpa(struct bench *b)
{
	struct vrk_verdict v = { .ok = false };
	int r = vrk_edf_qpa(&b->host, b->r, b->n, &v, NULL);

	b->ok = v.ok;
	return r;
}

static int decide_gfb(struct bench *b)
{
	struct vrk_verdict v = { .ok = false };
	int r = vrk_gedf_gfb(&b->host, b->r, b->n, &v);

	b->ok = v.ok;
	return r;
}

static int decide_bcl_iter(struct bench *b)
{
	struct vrk_verdict v = { .ok = false };
	int r = vrk_gedf_bcl_iter(&b->host, b->r, b->n, &v, NULL);

	b->ok = v.ok;
	return r;
}

static int decide_repair(struct bench *b)
{
	struct vrk_repair p = { .kind = VRK_REPAIR_NONE };
	int r = vrk_admit_repair(&b->host, b->r, b->n, b->n - 1, &p);

	b->ok = p.kind != VRK_REPAIR_NONE;
	return r;
}

static int decide_guest(struct bench *b)
{
	const struct vrk_supply s = { b->r[0].budget_ns, b->r[0].deadline_ns, b->r[0].period_ns };
	struct vrk_verdict v = { .ok = false };
	int r = vrk_guest_fp(&s, VRK_SUPPLY_SLEEPING, b->t, b->n, &v, NULL);

	b->ok = v.ok;
	return r;
}

static int decide_size(struct bench *b)
{
	const struct vrk_guest g = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, b->t, b->n };
	nsec_t q = 0;
	int r = vrk_size_budget(&b->host, &g, MS(5), 0, 0, &q);

	b->ok = q > 0;
	return r;
}

static int decide_period(struct bench *b)
{
	const struct vrk_guest g = { VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, b->t, b->n };
	struct vrk_reservation r = { .budget_ns = 0 };
	int err = vrk_size_period(&b->host, &g, MS(1), MS(1000), &r);

	b->ok = r.budget_ns > 0;
	return err;
}

static int decide_system(struct bench *b)
{
	const struct vrk_system s = { b->host, VRK_HOST_EDF, b->vcpus, b->n_vcpus };
	struct vrk_system_result result;
	int r = vrk_system_analyze(&s, &result);

	if (r == 0) {
		b->ok = result.ok;
		vrk_system_result_done(&result);
	}
	return r;
}

static int decide_place(struct bench *b)
{
	const struct vrk_place how = { .method = VRK_PLACE_WORST_FIT };
	int32_t cpu[N_MAX];
	struct vrk_verdict v = { .ok = false };
	int r = vrk_place(&b->host, b->r, b->n, &how, cpu, &v);

	b->ok = v.ok;
	return r;
}

/* @n tasks that take @percent of the CPU, rate monotonic by construction. */
static void fill_tasks(struct vrk_task *t, size_t n, unsigned int percent)
{
	for (size_t i = 0; i < n; i++) {
		nsec_t p = MS(20) * (i + 2);

		t[i] = (struct vrk_task){ .wcet_ns = p / n * percent / 100, .period_ns = p, .deadline_ns = p, .priority = (uint32_t)i };
	}
}

static void bench_guests(void)
{
	static struct bench b;

	b = (struct bench){ .name = "response times, 20 tasks, whole CPU", .aim_us = 5, .n = 20, .decide = decide_guest,
			    .r = { { MS(1), MS(1), MS(1) } } };
	fill_tasks(b.t, 20, 65);
	bench_run(&b);
	b = (struct bench){ .name = "response times, 20 tasks, 8 in 10 ms", .aim_us = 10, .n = 20, .decide = decide_guest,
			    .r = { { MS(8), MS(10), MS(10) } } };
	fill_tasks(b.t, 20, 45);
	bench_run(&b);
	b = (struct bench){ .name = "least budget, 10 tasks", .aim_us = 100, .n = 10, .decide = decide_size };
	fill_tasks(b.t, 10, 40);
	bench_run(&b);
	b = (struct bench){ .name = "cheapest period, 60 tasks", .aim_us = 125000, .n = 60, .decide = decide_period,
			    .host = { .cpus = 1, .switch_ns = 2000 } };
	fill_tasks(b.t, 60, 40);
	bench_run(&b);
	for (int large = 0; large < 2; large++) {
		size_t each = 5;

		b = (struct bench){ .name = large ? "system, 8 vCPUs on 4 CPUs, 40 tasks" : "system, 4 vCPUs on 1 CPU, 20 tasks",
				    .aim_us = large ? 1000 : 10, .decide = decide_system, .n_vcpus = large ? 8 : 4 };
		b.host = (struct vrk_host){ .cpus = large ? 4 : 1, .fair_budget_ns = MS(50), .fair_period_ns = MS(1000),
					    .kernel_limit_bw = 996147 };
		fill_tasks(b.t, each, 10);
		for (size_t i = 0; i < b.n_vcpus; i++)
			b.vcpus[i] = (struct vrk_vcpu){ { MS(2), MS(10), MS(10), false }, (int32_t)(i % b.host.cpus),
							{ VRK_GUEST_FP, VRK_SUPPLY_SLEEPING, b.t, each } };
		bench_run(&b);
	}
}

/*
 * Not a decision: events a second. An event is an instant at which something changes and the simulator has to look: a job arrives,
 * becomes ready or ends, a budget is used up, cut or given anew, a fair server's time is there. Several changes at one instant are
 * one event, and what follows from it (who runs where) is none.
 */
static void bench_simulator(const char *name, uint32_t cpus, bool global)
{
	struct vrk_sim_server servers[SIM_SERVERS];
	struct vrk_sim_task tasks[SIM_SERVERS * SIM_TASKS];
	struct vrk_sim_server_result rs[SIM_SERVERS];
	struct vrk_sim_task_result rt[SIM_SERVERS * SIM_TASKS];
	const struct vrk_sim_host host = { .cpus = cpus, .seed = 1 };
	double rate[SIM_ROUNDS];

	for (size_t i = 0; i < SIM_SERVERS; i++) {
		servers[i] = (struct vrk_sim_server){ .reservation = { MS(2), MS(10), MS(10), false },
						      .cpu = global ? -1 : (int32_t)(i % cpus),
						      .first_task = i * SIM_TASKS, .n_tasks = SIM_TASKS };
		for (size_t k = 0; k < SIM_TASKS; k++) {
			nsec_t p = MS(20) * (k + 2) + i * 1000003;

			tasks[i * SIM_TASKS + k] = (struct vrk_sim_task){ .wcet_ns = p / 50, .period_ns = p, .deadline_ns = p };
		}
	}
	for (size_t round = 0; round < SIM_ROUNDS; round++) {
		double start = now_us();
		int64_t events = vrk_simulate(&host, servers, SIM_SERVERS, tasks, SIM_SERVERS * SIM_TASKS, 200 * NSEC_PER_SEC, rs, rt);

		rate[round] = (double)events / (now_us() - start);
	}
	qsort(rate, SIM_ROUNDS, sizeof(rate[0]), by_value);
	printf("%-44s     median %5.2f million events/s  max %5.2f  p10 %5.2f  aim 10\n", name, rate[SIM_ROUNDS / 2], rate[SIM_ROUNDS - 1],
	       rate[SIM_ROUNDS / 10]);
}

/* @n reservations with periods of 5 to 100 ms that together take @percent of @cpus CPUs, deadlines @deadline % of the period. */
static void fill(struct bench *b, size_t n, uint32_t cpus, unsigned int percent, unsigned int deadline, bool gapless)
{
	static const nsec_t periods[] = { MS(5), MS(8), MS(10), MS(20), MS(25), MS(33), MS(40), MS(50), MS(75), MS(100) };

	b->host.cpus = cpus;
	b->n = n;
	for (size_t i = 0; i < n; i++) {
		nsec_t p = periods[i * 7 % 10] + i * 1000;

		b->r[i] = (struct vrk_reservation){ p * cpus / n * percent / 100, p / 100 * deadline, p, gapless };
	}
}

int main(void)
{
	static struct bench b;
	const struct vrk_host host = { .cpus = 1, .fair_budget_ns = MS(50), .fair_period_ns = MS(1000), .kernel_limit_bw = 996147 };
	const struct vrk_host ideal = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED };

#define BENCH(text, h, fn, aim, ...) do {				\
	b = (struct bench){ .name = (text), .host = (h), .aim_us = (aim), .decide = (fn) }; \
	fill(&b, __VA_ARGS__);						\
	bench_run(&b);							\
} while (0)
	BENCH("admit, 20 on 1 CPU, D = P", host, decide_admit, 20, 20, 1, 85, 100, false);
	BENCH("admit, 20 on 1 CPU, tick 4 ms", ((struct vrk_host){ 1, MS(50), MS(1000), .tick_ns = MS(4), .kernel_limit_bw = 996147 }),
	      decide_admit, 20, 20, 1, 85, 100, false);
	BENCH("admit, 20 on 1 CPU, D = 0.9 P, gapless", host, decide_admit, 20, 20, 1, 75, 90, true);
	BENCH("admit, 256 on 64 CPUs", host, decide_admit, 10000, 256, 64, 30, 100, false);
	BENCH("admit, 256 on 64 CPUs, refused", host, decide_admit, 10000, 256, 64, 80, 100, false);
	BENCH("admit, 256 on 64 CPUs, gapless, refused", host, decide_admit, 10000, 256, 64, 88, 100, true);
	BENCH("qpa, 20, D = 0.7 P", ideal, decide_qpa, 4, 20, 1, 75, 70, true);
	BENCH("qpa, 20, D = 0.9 P, load 0.9", ideal, decide_qpa, 4, 20, 1, 90, 90, true);
	BENCH("gfb, 20 on 4 CPUs", ideal, decide_gfb, 0.5, 20, 4, 60, 100, true);
	BENCH("bcl-iter, 20 on 4 CPUs", ideal, decide_bcl_iter, 6, 20, 4, 50, 100, true);
	BENCH("bcl-iter, 20 on 4 CPUs, refused", ideal, decide_bcl_iter, 0, 20, 4, 80, 100, true);
	BENCH("repair, 20 on 1 CPU", host, decide_repair, 0, 20, 1, 93, 100, false);
	BENCH("repair, 256 on 64 CPUs", host, decide_repair, 0, 256, 64, 60, 100, false);
	BENCH("place, 256 on 64 CPUs, worst fit", ((struct vrk_host){ 64, MS(50), MS(1000), .kernel_limit_bw = 996147 }), decide_place, 10000,
	      256, 64, 70, 100, false);
	bench_guests();
	bench_simulator("simulator, 4 vCPUs x 5 tasks, 1 CPU", 1, false);
	bench_simulator("simulator, 4 vCPUs x 5 tasks, 4 CPUs", 4, false);
	bench_simulator("simulator, 4 vCPUs x 5 tasks, one queue", 4, true);
	return EXIT_SUCCESS;
}
