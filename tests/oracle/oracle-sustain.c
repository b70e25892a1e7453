/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sustainability: what a system asks less of, or gives more to, cannot turn a yes into a no. Inside a vCPU: shorter executions,
 * jitter, blocking and suspensions, longer periods and deadlines, larger budgets, a cheaper host. On the CPU: smaller
 * budgets, longer periods, a cheaper host. A slip of a floor or a ceiling shows here, as does an anomaly of a published test.
 *
 * Not asked, since it is not so: a longer period or deadline of the reservation that tasks live in; budgets under BAK (its
 * file says why); smaller budgets of deferrable servers, whose jitter grows by what they give up.
 */
#include <virtrk/proof.h>

#include "oracle.h"

#define TASKS_MAX 5
#define CHANGES 6

struct inside {
	struct vrk_task t[TASKS_MAX];
	struct vrk_guest g;
	struct vrk_supply s;
	bool edf;
};

static void inside_draw(struct oracle *o, struct inside *x)
{
	*x = (struct inside){ .edf = oracle_chance(o, 45) };
	x->g = (struct vrk_guest){ x->edf ? VRK_GUEST_EDF : VRK_GUEST_FP, oracle_chance(o, 30) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING,
				   x->t, oracle_between(o, 1, TASKS_MAX) };
	for (size_t i = 0; i < x->g.n; i++) {
		struct vrk_task *t = &x->t[i];

		*t = (struct vrk_task){ .period_ns = oracle_between(o, 8, 300), .priority = (uint32_t)oracle_between(o, 0, x->g.n - 1) };
		t->wcet_ns = oracle_between(o, 1, 1 + t->period_ns / 8);
		t->deadline_ns = oracle_chance(o, 50) ? t->period_ns : oracle_between(o, 1 + t->period_ns / 3, 2 * t->period_ns);
		t->jitter_ns = oracle_chance(o, 40) ? oracle_between(o, 0, t->period_ns / 4) : 0;
		t->blocking_ns = oracle_chance(o, 30) ? oracle_between(o, 0, 6) : 0;
		if (!x->edf && oracle_chance(o, 30)) {
			t->suspensions = (uint32_t)oracle_between(o, 1, 3);
			t->suspension_ns = oracle_between(o, 1, 1 + t->period_ns / 5);
			t->deadline_ns = t->deadline_ns > t->period_ns ? t->period_ns : t->deadline_ns;
		}
	}
	x->s.period_ns = oracle_between(o, 1, 40);
	x->s.deadline_ns = oracle_chance(o, 50) ? x->s.period_ns : oracle_between(o, 1, x->s.period_ns);
	x->s.budget_ns = oracle_between(o, 1 + x->s.deadline_ns / 3, x->s.deadline_ns + (x->s.deadline_ns < 3));
	x->s.budget_ns = x->s.budget_ns > x->s.deadline_ns ? x->s.deadline_ns : x->s.budget_ns;
	x->s.tick_ns = oracle_chance(o, 20) ? oracle_between(o, 1, 5) : 0;
	x->s.latency_ns = oracle_chance(o, 20) ? oracle_between(o, 1, 5) : 0;
}

/* Whoever is asked less of: true when something did change. */
static bool inside_ease(struct oracle *o, struct inside *x, const char **ret_what)
{
	struct vrk_task *t = &x->t[oracle_draw(o) % x->g.n];
	nsec_t by = oracle_between(o, 1, 4);

	switch (oracle_draw(o) % 9) {
	case 0:
		*ret_what = "less wcet";
		by = by < t->wcet_ns ? by : t->wcet_ns - 1;
		t->wcet_ns -= by;
		return by > 0;
	case 1:
		*ret_what = "less jitter";
		by = by < t->jitter_ns ? by : t->jitter_ns;
		t->jitter_ns -= by;
		return by > 0;
	case 2:
		*ret_what = "less blocking";
		by = by < t->blocking_ns ? by : t->blocking_ns;
		t->blocking_ns -= by;
		return by > 0;
	case 3:
		*ret_what = "shorter suspensions";
		by = by < t->suspension_ns ? by : 0;
		t->suspension_ns -= by;
		return by > 0;
	case 4:
		*ret_what = "fewer suspensions";
		by = t->suspensions > 1;
		t->suspensions -= (uint32_t)by;
		return by > 0;
	case 5:
		*ret_what = "a longer period";
		t->period_ns += by;
		return true;
	case 6:
		*ret_what = "a longer deadline";
		by = t->suspensions && t->deadline_ns + by > t->period_ns ? 0 : by;
		t->deadline_ns += by;
		return by > 0;
	case 7:
		*ret_what = "more budget";
		by = x->s.budget_ns + by > x->s.deadline_ns ? 0 : by;
		x->s.budget_ns += by;
		return by > 0;
	default:
		*ret_what = "a cheaper host";
		if (x->s.tick_ns + x->s.latency_ns == 0)
			return false;
		x->s.tick_ns /= 2;
		x->s.latency_ns /= 2;
		return true;
	}
}

static void guest(struct oracle *o)
{
	struct vrk_verdict v;
	const char *what;
	struct inside x;

	inside_draw(o, &x);
	if (vrk_guest_check(&x.s, &x.g, &v, NULL) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int k = 0; k < CHANGES; k++)
		if (inside_ease(o, &x, &what) && (vrk_guest_check(&x.s, &x.g, &v, NULL) < 0 || !v.ok)) {
			fprintf(stderr, "%s inside, %s: %" PRIu64 " > %" PRIu64 "\n", what, x.edf ? "EDF" : "FP", v.lhs, v.rhs);
			oracle_fail(o, "sustainable: a yes became a no", &(struct vrk_host){ .cpus = 1 }, NULL, 0);
			return;
		}
}

/* The least budget shrinks with what is asked, and is one with which the test says yes, and the next smaller is not. */
static void sizes(struct oracle *o)
{
	const struct vrk_host host = { .cpus = 1 };
	struct vrk_reservation r = { .budget_ns = 0 };
	nsec_t before, after;
	struct vrk_verdict v;
	const char *what;
	struct inside x;

	inside_draw(o, &x);
	x.s.tick_ns = x.s.latency_ns = 0;
	if (vrk_size_budget(&host, &x.g, x.s.period_ns, x.s.deadline_ns, 1, &before) < 0 || before == 0) {
		o->refused++;
		return;
	}
	o->accepted++;
	r = (struct vrk_reservation){ before, x.s.deadline_ns, x.s.period_ns, false };
	vrk_supply_init(&host, &r, &x.s);
	if (vrk_guest_check(&x.s, &x.g, &v, NULL) < 0 || !v.ok)
		oracle_fail(o, "sizes: the least budget is not enough", &host, &r, 1);
	x.s.budget_ns--;
	if (before > 1 && vrk_guest_check(&x.s, &x.g, &v, NULL) == 0 && v.ok)
		oracle_fail(o, "sizes: there is a smaller one", &host, &r, 1);
	x.s.budget_ns++;
	if (inside_ease(o, &x, &what) &&
	    (vrk_size_budget(&host, &x.g, r.period_ns, r.deadline_ns, 1, &after) < 0 || after == 0 || after > before))
		oracle_fail(o, "sizes: less to do needs more", &host, &r, 1);
}

/* One CPU: smaller budgets, longer periods. */
static void cpu(struct oracle *o)
{
	struct vrk_host host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED, .period_min_ns = 1, .period_max_ns = 1 << 20 };
	size_t n = oracle_between(o, 1, 5);
	struct vrk_reservation r[5];
	struct vrk_verdict v;

	host.tick_ns = oracle_chance(o, 30) ? oracle_between(o, 1, 4) * 1024 : 0;
	host.switch_ns = oracle_chance(o, 30) ? oracle_between(o, 1, 300) : 0;
	host.latency_ns = oracle_chance(o, 30) ? oracle_between(o, 1, 300) : 0;
	for (size_t i = 0; i < n; i++) {
		r[i].period_ns = oracle_between(o, 10, 60) * 1024;
		r[i].deadline_ns = oracle_chance(o, 60) ? r[i].period_ns : oracle_between(o, 5 * 1024, r[i].period_ns);
		r[i].budget_ns = oracle_between(o, 1100, 1100 + r[i].deadline_ns / 3);
		r[i].gapless = oracle_chance(o, 30);
	}
	if (vrk_admit(&host, r, n, &v, NULL) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int k = 0; k < CHANGES; k++) {
		struct vrk_reservation *x = &r[oracle_draw(o) % n];

		switch (oracle_draw(o) % 4) {
		case 0:
			x->budget_ns -= x->budget_ns > 1200 ? oracle_between(o, 1, 100) : 0;
			break;
		case 1:
			x->period_ns += oracle_between(o, 1, 5000);
			break;
		case 2:
			x->gapless = true;
			break;
		default:
			host.tick_ns /= 2;
			host.switch_ns /= 2;
			host.latency_ns /= 2;
		}
		if (vrk_admit(&host, r, n, &v, NULL) < 0 || !v.ok) {
			oracle_fail(o, "CPU: a yes became a no", &host, r, n);
			return;
		}
	}
}

/* Fixed-priority servers: deliveries are no later; smaller budgets of periodic ones only, longer periods of both. */
static void servers(struct oracle *o)
{
	bool deferrable = oracle_chance(o, 50);
	size_t n = oracle_between(o, 1, 5), i = oracle_draw(o) % n;
	struct vrk_reservation r[5];
	struct vrk_verdict v;
	nsec_t before[5], after[5];

	for (size_t k = 0; k < n; k++) {
		r[k] = (struct vrk_reservation){ .period_ns = oracle_between(o, 3, 60) };
		r[k].deadline_ns = r[k].period_ns;
		r[k].budget_ns = oracle_between(o, 1, 1 + r[k].period_ns / 3);
	}
	if (vrk_host_fp(r, n, deferrable, &v, before) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	if (!deferrable && oracle_chance(o, 50)) {
		r[i].budget_ns -= r[i].budget_ns > 1;
	} else {
		nsec_t by = oracle_between(o, 1, 10);

		r[i].period_ns += by;
		r[i].deadline_ns += by;
	}
	if (vrk_host_fp(r, n, deferrable, &v, after) < 0 || !v.ok)
		oracle_fail(o, "servers: a yes became a no", &(struct vrk_host){ .cpus = 1 }, r, n);
	for (size_t k = 0; k < n; k++)
		if (after[k] > before[k])
			oracle_fail(o, "servers: one is delivered later", &(struct vrk_host){ .cpus = 1 }, r, n);
}

int main(void)
{
	int r = oracle_run("sustainable-guest", 50000, guest);

	r |= oracle_run("sustainable-sizes", 5000, sizes);
	r |= oracle_run("sustainable-cpu", 30000, cpu);
	r |= oracle_run("sustainable-servers", 50000, servers);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
