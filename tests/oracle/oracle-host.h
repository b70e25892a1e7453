/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random hosts with random reservations, and a run of the simulator in which every reservation is used as badly as its
 * kind allows: gapless ones spin or run one burst per period, the others work and sleep as they please.
 */
#ifndef TEST_ORACLE_HOST_H
#define TEST_ORACLE_HOST_H

#include "oracle.h"

struct system {
	struct vrk_host host;
	struct vrk_reservation r[ORACLE_SERVERS_MAX];
	size_t n;
};

struct use {
	struct vrk_sim_server servers[ORACLE_SERVERS_MAX * 2];
	struct vrk_sim_task tasks[ORACLE_SERVERS_MAX * 4];
	struct vrk_sim_server_result servers_result[ORACLE_SERVERS_MAX * 2];
	struct vrk_sim_task_result tasks_result[ORACLE_SERVERS_MAX * 4];
	size_t n_servers;
	size_t n_tasks;
};

static inline void use_task(struct use *u, uint64_t wcet, uint64_t period, uint64_t suspension, uint32_t suspensions)
{
	u->tasks[u->n_tasks++] = (struct vrk_sim_task){
		.wcet_ns = wcet, .period_ns = period, .suspension_ns = suspension, .suspensions = suspensions,
	};
}

/* Fills the CPUs with what the reservations allow. */
static inline void use_draw(struct use *u, struct oracle *o, const struct system *s)
{
	*u = (struct use){ .n_servers = 0 };
	for (size_t i = 0; i < s->n; i++) {
		const struct vrk_reservation *r = &s->r[i];
		struct vrk_sim_server *v = &u->servers[u->n_servers++];

		*v = (struct vrk_sim_server){ .reservation = *r, .cpu = -1, .first_task = u->n_tasks };
		/*
		 * A burst of exactly the budget ends in a throttled sleep: the kernel then replenishes the sleeper, and cuts
		 * what it has (the revised rule) when it comes later than that. So a burst is shorter than the budget.
		 */
		if (r->gapless && (r->budget_ns == 1 || oracle_chance(o, 30)))
			v->idling = true;
		else if (r->gapless)
			use_task(u, r->budget_ns - 1, r->period_ns, 0, 0);
		else
			for (uint64_t k = oracle_between(o, 1, 2); k > 0; k--)
				use_task(u, oracle_between(o, 1, oracle_chance(o, 30) ? 4 * r->budget_ns : r->budget_ns),
					 oracle_between(o, (r->period_ns + 3) / 4, 2 * r->period_ns),
					 oracle_between(o, 0, 2 * r->period_ns), (uint32_t)oracle_between(o, 0, 3));
		v->n_tasks = u->n_tasks - v->first_task;
	}
	for (uint32_t cpu = 0; s->host.fair_budget_ns && cpu < s->host.cpus; cpu++) {
		struct vrk_sim_server *v = &u->servers[u->n_servers++];
		nsec_t q = s->host.fair_budget_ns, p = s->host.fair_period_ns;

		*v = (struct vrk_sim_server){ .reservation = { q, p, p }, .cpu = (int32_t)cpu, .fair = true, .first_task = u->n_tasks };
		v->idling = oracle_chance(o, 40);
		use_task(u, oracle_between(o, 1, 4 * q), oracle_between(o, q, 2 * p), oracle_between(o, 0, p), (uint32_t)oracle_between(o, 0, 3));
		v->n_tasks = 1;
	}
}

/* The worst lateness of a whole budget; *ret_rest that of the rest of one. */
static inline nsec_t use_run(struct use *u, struct oracle *o, const struct system *s, uint32_t flags, nsec_t until, nsec_t *ret_rest)
{
	const struct vrk_sim_host host = { .cpus = s->host.cpus, .tick_ns = s->host.tick_ns, .flags = flags, .seed = oracle_draw(o) };
	nsec_t worst = 0;

	*ret_rest = 0;
	if (vrk_simulate(&host, u->servers, u->n_servers, u->tasks, u->n_tasks, until, u->servers_result, u->tasks_result) < 0) {
		fprintf(stderr, "the simulator refused a system; VIRTRK_SEED=0x%" PRIx64 "\n", o->seed);
		exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct vrk_sim_server_result *v = &u->servers_result[i];

		worst = v->late_whole_ns > worst ? v->late_whole_ns : worst;
		*ret_rest = v->late_rest_ns > *ret_rest ? v->late_rest_ns : *ret_rest;
		if (o->verbose)
			fprintf(stderr, "  reservation %zu: %" PRIu64 " whole budgets, late by %" PRIu64 " (first at %" PRIu64
				"), rests by %" PRIu64 "\n", i, v->budgets, v->late_whole_ns, v->at_ns, v->late_rest_ns);
	}
	return worst;
}

#endif
