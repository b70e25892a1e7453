/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks inside a reservation, on one or two CPUs that the host's test has accepted, beside reservations used as badly as they may be,
 * with ticks and a fair server: no response is above its bound, no EDF task is late, and the bounds are not far away either
 * (the tightest of each system, averaged, is printed). One run per system lets everything start at once, since that is
 * where bounds are met.
 */
#include <virtrk/proof.h>

#include "oracle-host.h"

#define TASKS_MAX 3

struct inside {
	struct system host;
	struct vrk_task t[TASKS_MAX];
	size_t n;
	enum vrk_supply_mode mode;
};

static uint64_t tightness_sum, tightness_n;

static bool inside_draw(struct inside *x, struct oracle *o, bool suspend)
{
	struct system *s = &x->host;
	struct vrk_verdict v;

	*x = (struct inside){ .n = oracle_between(o, 1, TASKS_MAX) };
	s->host = (struct vrk_host){ .cpus = oracle_chance(o, 70) ? 1 : 2 };
	s->n = oracle_between(o, 1, s->host.cpus * 3);
	if (oracle_chance(o, 30)) {
		s->host.fair_budget_ns = oracle_between(o, 1, 4);
		s->host.fair_period_ns = oracle_between(o, 30, 80);
	}
	if (oracle_chance(o, 30))
		s->host.tick_ns = oracle_between(o, 1, 4);
	for (size_t i = 0; i < s->n; i++) {
		struct vrk_reservation *r = &s->r[i];

		r->period_ns = oracle_between(o, 4, 20);
		r->deadline_ns = oracle_chance(o, 60) ? r->period_ns : oracle_between(o, 2, r->period_ns);
		r->budget_ns = oracle_between(o, 1, 1 + r->deadline_ns / 2);
		r->gapless = i > 0 && oracle_chance(o, 30);
	}
	x->mode = oracle_chance(o, 30) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING;
	s->r[0].gapless = x->mode == VRK_SUPPLY_IDLING;
	for (size_t i = 0; i < x->n; i++) {
		struct vrk_task *t = &x->t[i];

		t->period_ns = oracle_between(o, 10, 120);
		t->deadline_ns = suspend || oracle_chance(o, 60) ? t->period_ns : oracle_between(o, t->period_ns / 2, 2 * t->period_ns);
		t->wcet_ns = oracle_between(o, 1, 1 + t->period_ns / 8);
		t->jitter_ns = oracle_chance(o, 30) ? oracle_between(o, 0, t->period_ns / 4) : 0;
		t->priority = (uint32_t)i;
		if (suspend && oracle_chance(o, 70)) {
			t->suspensions = (uint32_t)oracle_between(o, 1, 2);
			t->suspension_ns = oracle_between(o, 1, t->period_ns / 6 + 1);
		}
	}
	if (s->host.cpus == 1)
		return vrk_edf_qpa(&s->host, s->r, s->n, &v, NULL) == 0 && v.ok;
	return (vrk_gedf_gfb(&s->host, s->r, s->n, &v) == 0 && v.ok) || (vrk_gedf_bcl(&s->host, s->r, s->n, &v) == 0 && v.ok);
}

static void inside_use(struct use *u, struct oracle *o, const struct inside *x, bool edf)
{
	use_draw(u, o, &x->host);
	/* the first reservation's own use is replaced by the tasks in question, which come last */
	u->servers[0].first_task = u->n_tasks;
	u->servers[0].n_tasks = x->n;
	u->servers[0].idling = x->mode == VRK_SUPPLY_IDLING;
	u->servers[0].edf = edf;
	for (size_t i = 0; i < x->n; i++) {
		const struct vrk_task *t = &x->t[i];

		u->tasks[u->n_tasks++] = (struct vrk_sim_task){ t->wcet_ns, t->period_ns, t->deadline_ns, t->jitter_ns, t->suspension_ns,
								t->suspensions };
	}
}

static void inside_fail(struct oracle *o, const char *what, const struct inside *x)
{
	oracle_fail(o, what, &x->host.host, x->host.r, x->host.n);
	for (size_t i = 0; i < x->n && o->failed <= 10; i++)
		fprintf(stderr, "  task %zu: wcet %" PRIu64 " period %" PRIu64 " deadline %" PRIu64 " jitter %" PRIu64 " suspension %" PRIu64
			" in %u, %s\n", i, x->t[i].wcet_ns, x->t[i].period_ns, x->t[i].deadline_ns, x->t[i].jitter_ns,
			x->t[i].suspension_ns, x->t[i].suspensions, x->mode == VRK_SUPPLY_IDLING ? "idling" : "sleeping");
}

static uint32_t some_flags(struct oracle *o)
{
	return (uint32_t)oracle_draw(o) & (VRK_SIM_FULL | VRK_SIM_OVERRUN | VRK_SIM_SYNC);
}

static void fp_with(struct oracle *o, bool suspend)
{
	struct inside x;
	struct use u;
	struct vrk_supply s;
	struct vrk_verdict v;
	nsec_t bound[TASKS_MAX], rest, tight = 0;

	if (!inside_draw(&x, o, suspend) ||
	    (vrk_supply_init(&x.host.host, &x.host.r[0], &s), vrk_guest_fp(&s, x.mode, x.t, x.n, &v, bound)) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int run = 0; run < 3; run++) {
		inside_use(&u, o, &x, false);
		(void)use_run(&u, o, &x.host, run == 0 ? VRK_SIM_SYNC | VRK_SIM_FULL : some_flags(o), 2000, &rest);
		for (size_t i = 0; i < x.n; i++) {
			nsec_t worst = u.tasks_result[u.servers[0].first_task + i].worst_ns;

			if (o->verbose)
				fprintf(stderr, "  task %zu: %" PRIu64 " of %" PRIu64 "\n", i, worst, bound[i]);
			if (worst > bound[i])
				inside_fail(o, "a response above its bound", &x);
			tight = worst * 1000 / bound[i] > tight ? worst * 1000 / bound[i] : tight;
		}
	}
	tightness_sum += tight;
	tightness_n++;
}

static void fp(struct oracle *o)
{
	fp_with(o, false);
}

static void suspending(struct oracle *o)
{
	fp_with(o, true);
}

static void edf(struct oracle *o)
{
	struct inside x;
	struct use u;
	struct vrk_supply s;
	struct vrk_verdict v;
	nsec_t rest;

	if (!inside_draw(&x, o, false) ||
	    (vrk_supply_init(&x.host.host, &x.host.r[0], &s), vrk_guest_edf(&s, x.t, x.n, &v)) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int run = 0; run < 3; run++) {
		inside_use(&u, o, &x, true);
		(void)use_run(&u, o, &x.host, run == 0 ? VRK_SIM_SYNC | VRK_SIM_FULL : some_flags(o), 2000, &rest);
		for (size_t i = 0; i < x.n; i++)
			if (u.tasks_result[u.servers[0].first_task + i].missed > 0)
				inside_fail(o, "an EDF task late", &x);
	}
}

#define WINDOWS 2000	/* of one unit: far beyond where demand and supply meet in systems as small as these */

static void windows_draw(struct oracle *o, struct vrk_supply *s, struct vrk_task *t, size_t n)
{
	bool whole = oracle_chance(o, 30);	/* no blackout hides what little the other terms are */
	nsec_t p = oracle_between(o, 3, 20), q = whole ? p : oracle_between(o, 1, p);

	*s = (struct vrk_supply){ .budget_ns = q, .deadline_ns = oracle_between(o, q, p), .period_ns = p };
	if (oracle_chance(o, 30))
		s->switch_ns = oracle_between(o, 0, q / 3);
	if (oracle_chance(o, 30))
		s->latency_ns = oracle_between(o, 0, p / 2);
	if (oracle_chance(o, 30))
		s->tick_ns = oracle_between(o, 0, 2 * q);
	if (oracle_chance(o, whole ? 70 : 20)) {
		s->irq_ns = oracle_between(o, 1, 4);
		s->irq_period_ns = oracle_between(o, 8, 40);
	}
	for (size_t i = 0; i < n; i++) {
		nsec_t period = oracle_between(o, 4, 60), wcet = 1 + period * q / p / n * oracle_between(o, 0, 110) / 100;

		t[i] = (struct vrk_task){ .wcet_ns = wcet, .period_ns = period,
					  .deadline_ns = oracle_chance(o, 50) ? period : oracle_between(o, wcet, 2 * period) };
		if (oracle_chance(o, 25))
			t[i].jitter_ns = oracle_between(o, 0, t[i].deadline_ns);
		if (oracle_chance(o, 20))
			t[i].blocking_ns = oracle_between(o, 0, period / 3);
	}
}

static void windows_fail(struct oracle *o, const char *what, const struct vrk_supply *s, const struct vrk_guest *g, nsec_t at)
{
	if (o->failed++ >= 10)
		return;
	fprintf(stderr, "%s: %s, at %" PRIu64 "; again with VIRTRK_SEED=0x%" PRIx64 "\n", o->name, what, at, o->seed);
	fprintf(stderr, "  budget %" PRIu64 " deadline %" PRIu64 " period %" PRIu64 " switch %" PRIu64 " latency %" PRIu64 " tick %" PRIu64
		" irq %" PRIu64 " every %" PRIu64 "\n", s->budget_ns, s->deadline_ns, s->period_ns, s->switch_ns, s->latency_ns,
		s->tick_ns, s->irq_ns, s->irq_period_ns);
	for (size_t i = 0; i < g->n; i++)
		fprintf(stderr, "  wcet %" PRIu64 " period %" PRIu64 " deadline %" PRIu64 " jitter %" PRIu64 " blocking %" PRIu64 "\n",
			g->tasks[i].wcet_ns, g->tasks[i].period_ns, g->tasks[i].deadline_ns, g->tasks[i].jitter_ns,
			g->tasks[i].blocking_ns);
}

/* A test that asks few windows says what all of them say. */
static void windows(struct oracle *o)
{
	const size_t n = oracle_between(o, 1, TASKS_MAX);
	struct vrk_task t[TASKS_MAX];
	const struct vrk_guest g = { .scheduler = VRK_GUEST_EDF, .tasks = t, .n = n };
	struct vrk_supply s;
	struct vrk_verdict v;
	nsec_t lacking = 0, load = 0, blocking = 0;
	bool late = false;	/* ready at its deadline: no window is short enough to show that */

	windows_draw(o, &s, t, n);
	if (vrk_guest_edf(&s, t, n, &v) < 0) {
		windows_fail(o, "a guest that is refused", &s, &g, 0);
		return;
	}
	for (size_t i = 0; i < n; i++)
		blocking = t[i].blocking_ns > blocking ? t[i].blocking_ns : blocking;
	for (nsec_t at = 1; at <= WINDOWS && lacking == 0; at++)	/* where nothing is due nothing can be late */
		lacking = vrk_guest_demand(&g, at) > blocking && vrk_guest_demand(&g, at) > vrk_sbf(&s, at) ? at : 0;
	for (size_t i = 0; i < n; i++)
		late |= t[i].jitter_ns == t[i].deadline_ns;
	for (size_t i = 0; i < n; i++)
		load += (t[i].wcet_ns * 1000 + t[i].period_ns - 1) / t[i].period_ns;
	if (v.ok && (lacking || late))
		windows_fail(o, "a yes, and a window that is too short", &s, &g, lacking);
	if (!v.ok && !late && v.at_ns > 0 && vrk_guest_demand(&g, v.at_ns) <= vrk_sbf(&s, v.at_ns))
		windows_fail(o, "a no at a window that is long enough", &s, &g, v.at_ns);
	/* where the load leaves much, they meet soon */
	if (!v.ok && !lacking && !late && s.switch_ns == 0 && s.irq_ns == 0 && load + 100 < 1000 * s.budget_ns / s.period_ns)
		windows_fail(o, "a no, and all windows are long enough", &s, &g, 0);
	*(v.ok ? &o->accepted : &o->refused) += 1;
}

/* A whole CPU, everything at once: the response bound is the response. */
static void exact(struct oracle *o)
{
	const struct vrk_supply whole = { 1, 1, 1 };
	const struct vrk_sim_server server = { .reservation = { 1, 1, 1 }, .cpu = -1, .idling = true, .n_tasks = TASKS_MAX };
	const struct vrk_sim_host host = { .cpus = 1, .flags = VRK_SIM_SYNC | VRK_SIM_FULL };
	struct vrk_task t[TASKS_MAX];
	struct vrk_sim_task st[TASKS_MAX];
	struct vrk_sim_task_result result[TASKS_MAX];
	struct vrk_sim_server_result sr;
	struct vrk_verdict v;
	nsec_t bound[TASKS_MAX];

	for (uint32_t i = 0; i < TASKS_MAX; i++) {
		nsec_t p = oracle_between(o, 2, 6), c = oracle_between(o, 1, (p + 1) / 2);

		t[i] = (struct vrk_task){ .wcet_ns = c, .period_ns = p, .deadline_ns = 3 * p, .priority = i };
		st[i] = (struct vrk_sim_task){ .wcet_ns = c, .period_ns = p, .deadline_ns = 3 * p };
	}
	if (vrk_guest_fp(&whole, VRK_SUPPLY_SLEEPING, t, TASKS_MAX, &v, bound) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	if (vrk_simulate(&host, &server, 1, st, TASKS_MAX, 400, &sr, result) < 0)
		o->failed++;
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (result[i].worst_ns != bound[i]) {
			fprintf(stderr, "task %zu: observed %" PRIu64 ", bound %" PRIu64 "\n", i, result[i].worst_ns, bound[i]);
			o->failed++;
		}
	if (o->failed)
		fprintf(stderr, "again with VIRTRK_SEED=0x%" PRIx64 "\n", o->seed);
}

int main(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "fp";
	int r = EXIT_FAILURE;

	if (strcmp(part, "exact") == 0)
		r = oracle_run("guest-exact", 20000, exact);
	else if (strcmp(part, "fp") == 0)
		r = oracle_run("guest-fp", 20000, fp);
	else if (strcmp(part, "suspending") == 0)
		r = oracle_run("guest-suspending", 20000, suspending);
	else if (strcmp(part, "edf") == 0)
		r = oracle_run("guest-edf", 20000, edf);
	else if (strcmp(part, "windows") == 0)
		r = oracle_run("guest-windows", 20000, windows);
	if (tightness_n > 0)
		printf("observed / bound, the tightest task of each system, on average: %" PRIu64 " of 1000\n", tightness_sum / tightness_n);
	return r;
}
