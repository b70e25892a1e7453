/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed-priority hosts: periodic and deferrable servers that the test accepts, used as badly as it goes, with phases drawn and
 * with everything at once. No budget is delivered later than the bound says, no response inside is above its bound under
 * the supply that follows from it, no EDF guest is late; and the bounds are met now and then.
 */
#include <virtrk/proof.h>

#include "oracle.h"

#define SERVERS_MAX 4
#define INSIDE_MAX 3
#define RUNS 3

struct host {
	struct vrk_reservation r[SERVERS_MAX];
	nsec_t delivered[SERVERS_MAX];
	struct vrk_task t[SERVERS_MAX * INSIDE_MAX];
	struct vrk_guest g[SERVERS_MAX];
	nsec_t bound[SERVERS_MAX * INSIDE_MAX];
	bool judged[SERVERS_MAX];	/* the guest's test said yes */
	struct vrk_sim_server servers[SERVERS_MAX];
	struct vrk_sim_task tasks[SERVERS_MAX * INSIDE_MAX];
	size_t n;
	size_t n_tasks;
	bool deferrable;
};

static uint64_t delivered_sum, delivered_n, response_sum, response_n, delivered_met;

static void tasks_draw(struct oracle *o, struct host *h, size_t i)
{
	struct vrk_guest *g = &h->g[i];
	size_t first = h->n_tasks;

	*g = (struct vrk_guest){ oracle_chance(o, 25) ? VRK_GUEST_EDF : VRK_GUEST_FP,
				 !h->deferrable && oracle_chance(o, 50) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING, h->t + first,
				 oracle_between(o, 1, INSIDE_MAX) };
	for (size_t k = 0; k < g->n; k++) {
		struct vrk_task *t = &h->t[h->n_tasks];

		*t = (struct vrk_task){ .period_ns = oracle_between(o, 10, 160), .priority = (uint32_t)k };
		t->wcet_ns = oracle_between(o, 1, 1 + t->period_ns / 10);
		t->deadline_ns = oracle_chance(o, 60) ? t->period_ns : oracle_between(o, t->period_ns / 2, 2 * t->period_ns);
		t->jitter_ns = oracle_chance(o, 30) ? oracle_between(o, 0, t->period_ns / 4) : 0;
		if (g->scheduler == VRK_GUEST_FP && oracle_chance(o, 20)) {
			t->deadline_ns = t->deadline_ns > t->period_ns ? t->period_ns : t->deadline_ns;
			t->suspensions = (uint32_t)oracle_between(o, 1, 2);
			t->suspension_ns = oracle_between(o, 1, t->period_ns / 6 + 1);
		}
		h->tasks[h->n_tasks++] = (struct vrk_sim_task){ .wcet_ns = t->wcet_ns, .period_ns = t->period_ns,
			.deadline_ns = t->deadline_ns, .jitter_ns = t->jitter_ns, .suspension_ns = t->suspension_ns,
			.suspensions = t->suspensions };
	}
}

static void host_draw(struct oracle *o, struct host *h)
{
	*h = (struct host){ .n = oracle_between(o, 1, SERVERS_MAX), .deferrable = oracle_chance(o, 60) };
	for (size_t i = 0; i < h->n; i++) {
		struct vrk_reservation *r = &h->r[i];

		r->period_ns = oracle_between(o, 3, 30);
		r->budget_ns = oracle_between(o, 1, 1 + r->period_ns / 3);
		r->deadline_ns = r->period_ns;
		tasks_draw(o, h, i);
		h->servers[i] = (struct vrk_sim_server){
			/* the simulator tells how much later than the deadline: so it tells when */
			.reservation = { r->budget_ns, r->budget_ns, r->period_ns, false }, .cpu = 0,
			.edf = h->g[i].scheduler == VRK_GUEST_EDF, .idling = h->deferrable && oracle_chance(o, 20),
			.first_task = (size_t)(h->g[i].tasks - h->t), .n_tasks = h->g[i].n };
	}
}

static void guests_judge(struct host *h)
{
	const struct vrk_host none = { .cpus = 1 };

	for (size_t i = 0; i < h->n; i++) {
		struct vrk_reservation r = h->r[i];
		struct vrk_supply s;
		struct vrk_verdict v;

		r.deadline_ns = h->delivered[i];
		vrk_supply_init(&none, &r, &s);
		h->judged[i] = vrk_guest_check(&s, &h->g[i], &v, h->bound + (h->g[i].tasks - h->t)) == 0 && v.ok;
	}
}

static void fail(struct oracle *o, const char *what, const struct host *h)
{
	oracle_fail(o, what, &(struct vrk_host){ .cpus = 1 }, h->r, h->n);
	if (o->failed <= 10)
		fprintf(stderr, "  %s servers\n", h->deferrable ? "deferrable" : "periodic");
}

static void seen_check(struct oracle *o, const struct host *h, const struct vrk_sim_server_result *rs,
		       const struct vrk_sim_task_result *rt, nsec_t *delivered, nsec_t *response)
{
	for (size_t i = 0; i < h->n; i++) {
		size_t first = h->servers[i].first_task;
		nsec_t seen = h->r[i].budget_ns + rs[i].late_whole_ns;

		if (o->verbose)
			fprintf(stderr, "  server %zu: delivered after %" PRIu64 " of %" PRIu64 "\n", i, seen, h->delivered[i]);
		if (seen > h->delivered[i])
			fail(o, "a budget later than its bound", h);
		if (i > 0 && rs[i].budgets > 0)
			*delivered = seen * 1000 / h->delivered[i] > *delivered ? seen * 1000 / h->delivered[i] : *delivered;
		for (size_t k = first; h->judged[i] && k < first + h->g[i].n; k++) {
			if (h->servers[i].edf ? rt[k].missed > 0 : rt[k].worst_ns > h->bound[k])
				fail(o, h->servers[i].edf ? "an EDF task late" : "a response above its bound", h);
			if (!h->servers[i].edf)
				*response = rt[k].worst_ns * 1000 / h->bound[k] > *response ? rt[k].worst_ns * 1000 / h->bound[k] : *response;
		}
	}
}

static void one(struct oracle *o)
{
	struct vrk_sim_server_result rs[SERVERS_MAX];
	struct vrk_sim_task_result rt[SERVERS_MAX * INSIDE_MAX];
	nsec_t delivered = 0, response = 0;
	struct vrk_verdict v;
	struct host h;

	host_draw(o, &h);
	if (vrk_host_fp(h.r, h.n, h.deferrable, &v, h.delivered) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	guests_judge(&h);
	for (int run = 0; run < RUNS; run++) {
		const struct vrk_sim_host sim = {
			.cpus = 1, .seed = oracle_draw(o),
			.flags = (h.deferrable ? VRK_SIM_DEFERRABLE : VRK_SIM_PERIODIC) |
				 (run == 0 ? VRK_SIM_SYNC | VRK_SIM_FULL : (uint32_t)oracle_draw(o) & VRK_SIM_FULL),
		};

		if (vrk_simulate(&sim, h.servers, h.n, h.tasks, h.n_tasks, 3000, rs, rt) < 0)
			fail(o, "the simulator refused it", &h);
		else
			seen_check(o, &h, rs, rt, &delivered, &response);
	}
	if (delivered > 0) {
		delivered_sum += delivered;
		delivered_n++;
		delivered_met += delivered == 1000;
	}
	if (response > 0) {
		response_sum += response;
		response_n++;
	}
}

int main(void)
{
	int r = oracle_run("fp-host", 20000, one);

	printf("fp-host: tightest per system, averaged: deliveries %" PRIu64 ".%" PRIu64 " %% (met exactly in %" PRIu64 " of %" PRIu64
	       "), responses %" PRIu64 ".%" PRIu64 " %%\n", delivered_n ? delivered_sum / delivered_n / 10 : 0,
	       delivered_n ? delivered_sum / delivered_n % 10 : 0, delivered_met, delivered_n, response_n ? response_sum / response_n / 10 : 0,
	       response_n ? response_sum / response_n % 10 : 0);
	/* an oracle that observes nothing would pass everything */
	if (delivered_n > 1000 && (delivered_met == 0 || delivered_sum / delivered_n < 600 || response_sum / response_n < 500))
		r = EXIT_FAILURE;
	return r;
}
