/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least budget and the cheapest period against trying everything: every budget on the grid, every candidate period, each asked by
 * the guest's own test. The search skips nearly all of them, by what must hold and by what failed before; its answers must be the
 * same.
 */
#include "oracle.h"

#define TASKS_MAX 4
#define GRID NSEC_PER_USEC
#define DIVISORS 64

struct guest_drawn {
	struct vrk_host host;
	struct vrk_guest guest;
	struct vrk_task t[TASKS_MAX];
	nsec_t grid;
};

/* With a grid of 1 ns all numbers are small: then windows and deadlines meet to the ns. */
static void guest_draw(struct guest_drawn *x, struct oracle *o, nsec_t grid)
{
	nsec_t least = grid == 1 ? 4 : 10000, most = grid == 1 ? 60 : 100000, cost = grid == 1 ? 2 : 2000;
	uint64_t percent = oracle_between(o, 10, 110);
	bool suspend = oracle_chance(o, 25);

	*x = (struct guest_drawn){ .host = { .cpus = 1 }, .grid = grid };
	if (oracle_chance(o, 30))
		x->host.tick_ns = oracle_between(o, 1, 2 * cost);
	if (oracle_chance(o, 50))
		x->host.switch_ns = oracle_between(o, 1, cost);
	if (oracle_chance(o, 30))
		x->host.latency_ns = oracle_between(o, 1, cost + cost / 2);
	x->guest = (struct vrk_guest){ .scheduler = oracle_chance(o, 40) ? VRK_GUEST_EDF : VRK_GUEST_FP,
				       .mode = oracle_chance(o, 50) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING,
				       .tasks = x->t, .n = oracle_between(o, 0, TASKS_MAX) };
	for (size_t i = 0; i < x->guest.n; i++) {
		struct vrk_task *t = &x->t[i];
		nsec_t p = oracle_between(o, least, most);

		t->period_ns = p;
		t->deadline_ns = oracle_chance(o, 60) ? p : oracle_between(o, p / 2, suspend ? p : 2 * p);
		t->wcet_ns = 1 + p * percent / 100 / x->guest.n * oracle_between(o, 20, 100) / 100;
		t->jitter_ns = oracle_chance(o, 20) ? oracle_between(o, 0, p / 3) : 0;
		t->blocking_ns = oracle_chance(o, 20) ? oracle_between(o, 0, p / 10) : 0;
		t->priority = (uint32_t)oracle_between(o, 0, 3);
		if (suspend && oracle_chance(o, 60)) {
			t->suspensions = (uint32_t)oracle_between(o, 1, 2);
			t->suspension_ns = oracle_between(o, 0, p / 6);
		}
	}
}

static bool fits(const struct guest_drawn *x, nsec_t budget, nsec_t deadline, nsec_t period)
{
	const struct vrk_reservation r = { budget, deadline, period, false };
	struct vrk_verdict v = { .ok = false };
	struct vrk_supply s;

	vrk_supply_init(&x->host, &r, &s);
	return vrk_guest_check(&s, &x->guest, &v, NULL) == 0 && v.ok;
}

/* 0 = none up to @most. */
static nsec_t budget_tried(const struct guest_drawn *x, nsec_t deadline, nsec_t period, nsec_t most)
{
	for (nsec_t q = x->grid; q <= most; q += x->grid)
		if (fits(x, q, deadline, period))
			return q;
	return 0;
}

static void guest_fail(struct oracle *o, const char *what, const struct guest_drawn *x, nsec_t got, nsec_t want, nsec_t period)
{
	oracle_fail(o, what, &x->host, NULL, 0);
	fprintf(stderr, "  %" PRIu64 " instead of %" PRIu64 " in every %" PRIu64 ", %s\n", got, want, period,
		x->guest.scheduler == VRK_GUEST_EDF ? "edf" : "fp");
	for (size_t i = 0; i < x->guest.n && o->failed <= 10; i++)
		fprintf(stderr, "  task %zu: wcet %" PRIu64 " period %" PRIu64 " deadline %" PRIu64 " jitter %" PRIu64 " blocking %" PRIu64
			" suspension %" PRIu64 " in %u, priority %u\n", i, x->t[i].wcet_ns, x->t[i].period_ns, x->t[i].deadline_ns,
			x->t[i].jitter_ns, x->t[i].blocking_ns, x->t[i].suspension_ns, x->t[i].suspensions, x->t[i].priority);
}

static void budget(struct oracle *o)
{
	struct guest_drawn x;
	nsec_t grid = oracle_chance(o, 40) ? 1 : GRID, deadline, got = 1, want;
	nsec_t period = grid == 1 ? oracle_between(o, 2, 40) : oracle_between(o, 3000, 60000);

	guest_draw(&x, o, grid);
	deadline = oracle_chance(o, 60) ? period : oracle_between(o, period / 2, period);
	want = budget_tried(&x, deadline, period, deadline);
	if (vrk_size_budget(&x.host, &x.guest, period, deadline, grid, &got) < 0 || got != want)
		guest_fail(o, "another least budget", &x, got, want, period);
	*(want ? &o->accepted : &o->refused) += 1;
}

/* Is (q, p) better than *best? Then it takes its place. */
static void period_try(const struct guest_drawn *x, nsec_t p, struct vrk_reservation *best)
{
	nsec_t q = budget_tried(x, p, p, p), s = 2 * x->host.switch_ns;
	nsec_t mine = (q + s) * best->period_ns, its = (best->budget_ns + s) * p;

	if (q >= VRK_BUDGET_MIN_NS && (best->budget_ns == 0 || mine < its || (mine == its && p > best->period_ns)))
		*best = (struct vrk_reservation){ q, p, p, false };
}

static void period(struct oracle *o)
{
	const nsec_t min = oracle_between(o, 2000, 8000), max = oracle_between(o, 8000, 60000);
	struct vrk_reservation want = { 0, 0, 0, false }, got = want;
	struct guest_drawn x;

	guest_draw(&x, o, GRID);
	for (nsec_t p = min; p <= max; p += p / 8 + 1)
		period_try(&x, p, &want);
	for (size_t i = 0; i < x.guest.n; i++)
		for (unsigned int k = 1; k <= DIVISORS; k++) {
			nsec_t p = x.t[i].period_ns / k, d = x.t[i].deadline_ns / k;

			if (p >= min && p <= max)
				period_try(&x, p, &want);
			if (d >= min && d <= max)
				period_try(&x, d, &want);
		}
	if (vrk_size_period(&x.host, &x.guest, min, max, &got) < 0 || got.budget_ns != want.budget_ns || got.period_ns != want.period_ns ||
	    got.deadline_ns != want.deadline_ns)
		guest_fail(o, "another cheapest period", &x, got.budget_ns, want.budget_ns, got.period_ns);
	*(want.budget_ns ? &o->accepted : &o->refused) += 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "period") == 0)
		return oracle_run("size-period", 500, period);
	return oracle_run("size-budget", 20000, budget);
}
