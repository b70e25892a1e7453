/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks across vCPUs: guests on one to four CPUs, beside reservations that take all they may, under EDF or as servers by fixed
 * priority, share resources with queues of both kinds. No wait, no holding and no response is above its bound: neither at
 * random ("adversary"), nor when all ask at once and again and again with nothing between ("convoy"). And no bound grows
 * when less is asked ("sustainable"). The order among holders of one guest is whatever is drawn.
 */
#include "oracle.h"

#define CPUS_MAX 4
#define VCPUS_MAX 4
#define TASKS_MAX 3
#define SECTIONS_MAX 2
#define ALL_MAX (VCPUS_MAX * TASKS_MAX)
#define RESOURCES_MAX 3
#define SPINNERS_MAX 4

struct shared {
	struct vrk_host host;
	struct vrk_reservation r[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];	/* vCPUs, then spinners */
	int32_t cpu[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];
	size_t n_vcpus, n_reservations;
	uint32_t servers;		/* flag of the simulator: fixed-priority servers, the last reservation goes first; 0 = EDF */
	nsec_t delivered[VCPUS_MAX];
	struct vrk_task tasks[ALL_MAX];
	size_t first[VCPUS_MAX + 1];
	uint32_t rank[ALL_MAX];
	struct vrk_resource resources[RESOURCES_MAX];
	size_t n_resources;
	struct vrk_section sections[ALL_MAX * SECTIONS_MAX];
	size_t first_section[ALL_MAX + 1];
	enum vrk_supply_mode mode[VCPUS_MAX];
};

struct bounds {
	nsec_t response[ALL_MAX];
	struct vrk_lock_bound lock[ALL_MAX];
};

static uint64_t tightness_sum, tightness_n, wait_sum, wait_n, hold_sum, hold_n;

static void sections_draw(struct shared *x, struct oracle *o, size_t t)
{
	size_t n = x->first_section[t];

	for (uint64_t k = oracle_chance(o, 75) ? oracle_between(o, 1, SECTIONS_MAX) : 0; k > 0; k--) {
		struct vrk_section *s = &x->sections[n++];

		*s = (struct vrk_section){ t, oracle_between(o, 0, x->n_resources - 1), oracle_between(o, 1, oracle_chance(o, 30) ? 12 : 3),
					   oracle_chance(o, 75) ? 1 : 2 };
		x->tasks[t].wcet_ns += s->length_ns * s->count;
	}
	x->first_section[t + 1] = n;
}

static void tasks_draw(struct shared *x, struct oracle *o, size_t v)
{
	size_t t = x->first[v];

	for (uint64_t n = oracle_between(o, 1, TASKS_MAX), k = 0; k < n; k++, t++) {
		struct vrk_task *task = &x->tasks[t];

		task->wcet_ns = oracle_chance(o, 30) ? 0 : oracle_between(o, 1, 6);
		sections_draw(x, o, t);
		if (task->wcet_ns == 0)
			task->wcet_ns = 1;
		task->period_ns = oracle_between(o, 40 + 40 * k, 300 + 300 * k);
		task->deadline_ns = oracle_chance(o, 80) ? task->period_ns : oracle_between(o, task->period_ns / 2, task->period_ns);
		task->jitter_ns = oracle_chance(o, 20) ? oracle_between(o, 0, task->period_ns / 8) : 0;
		task->priority = (uint32_t)k;
		if (oracle_chance(o, 15)) {
			task->suspensions = 1;
			task->suspension_ns = oracle_between(o, 1, 10);
		}
		x->rank[t] = (uint32_t)oracle_between(o, 0, 5);
	}
	x->first[v + 1] = t;
}

/* Reservations that spin, each CPU filled up with them as far as it goes. */
static bool hosts_fill(struct shared *x, struct oracle *o)
{
	for (int32_t cpu = 0; cpu < (int32_t)x->host.cpus; cpu++) {
		struct vrk_reservation one[VCPUS_MAX + SPINNERS_MAX];
		struct vrk_verdict v;
		size_t n = 0;

		for (size_t i = 0; i < x->n_vcpus; i++)
			if (x->cpu[i] == cpu)
				one[n++] = x->r[i];
		if (vrk_edf_qpa(&(struct vrk_host){ .cpus = 1, .tick_ns = x->host.tick_ns }, one, n, &v, NULL) < 0 || !v.ok)
			return false;
		for (int k = 0; k < SPINNERS_MAX; k++) {
			nsec_t p = oracle_between(o, 4, 24);

			one[n] = (struct vrk_reservation){ oracle_between(o, 1, (p + 1) / 2), p, p, true };
			if (vrk_edf_qpa(&(struct vrk_host){ .cpus = 1, .tick_ns = x->host.tick_ns }, one, n + 1, &v, NULL) < 0 || !v.ok)
				continue;
			x->r[x->n_reservations] = one[n++];
			x->cpu[x->n_reservations++] = cpu;
		}
	}
	return true;
}

/* The same CPUs by fixed priority: the last reservation goes first. */
static bool servers_fit(struct shared *x)
{
	for (int32_t cpu = 0; cpu < (int32_t)x->host.cpus; cpu++) {
		struct vrk_reservation one[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];
		nsec_t delivered[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];
		size_t who[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX], n = 0;
		struct vrk_verdict v;

		for (size_t i = x->n_reservations; i-- > 0;) {
			if (x->cpu[i] != cpu)
				continue;
			who[n] = i;
			one[n++] = x->r[i];
		}
		if (vrk_host_fp(one, n, x->servers & VRK_SIM_DEFERRABLE, &v, delivered) < 0 || !v.ok)
			return false;
		for (size_t k = 0; k < n; k++)
			if (who[k] < x->n_vcpus)
				x->delivered[who[k]] = delivered[k];
	}
	return true;
}

static bool shared_draw(struct shared *x, struct oracle *o)
{
	*x = (struct shared){ .n_vcpus = oracle_between(o, 2, VCPUS_MAX), .n_resources = oracle_between(o, 1, RESOURCES_MAX) };
	x->host.cpus = (uint32_t)oracle_between(o, 1, CPUS_MAX);
	x->host.tick_ns = oracle_chance(o, 15) ? oracle_between(o, 1, 2) : 0;
	for (size_t i = 0; i < x->n_resources; i++)
		x->resources[i] = (struct vrk_resource){ oracle_chance(o, 50) ? VRK_QUEUE_FIFO : VRK_QUEUE_PRIORITY,
							 oracle_chance(o, 25) ? oracle_between(o, 1, 5) : 0 };
	x->n_reservations = x->n_vcpus;
	for (size_t v = 0; v < x->n_vcpus; v++) {
		struct vrk_reservation *r = &x->r[v];

		r->period_ns = oracle_between(o, 4, 14);
		r->budget_ns = oracle_between(o, 1, 1 + r->period_ns / (x->n_vcpus > x->host.cpus ? 3 : 2));
		r->deadline_ns = oracle_chance(o, 70) ? r->period_ns : oracle_between(o, (r->budget_ns + r->period_ns) / 2, r->period_ns);
		if (v < x->host.cpus && x->host.cpus >= x->n_vcpus && oracle_chance(o, 40))
			r->budget_ns = r->deadline_ns = r->period_ns;		/* a CPU of its own: nothing but the locks in the way */
		x->mode[v] = oracle_chance(o, 15) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING;
		r->gapless = x->mode[v] == VRK_SUPPLY_IDLING;
		x->cpu[v] = (int32_t)(v % x->host.cpus);
		tasks_draw(x, o, v);
	}
	if (!hosts_fill(x, o))
		return false;
	for (size_t v = 0; v < x->n_vcpus; v++)
		x->delivered[v] = x->r[v].deadline_ns;
	if (x->host.tick_ns > 0 || !oracle_chance(o, 30))
		return true;
	x->servers = oracle_chance(o, 50) ? VRK_SIM_PERIODIC : VRK_SIM_DEFERRABLE;
	return servers_fit(x);
}

static bool shared_judge(const struct shared *x, struct bounds *b)
{
	const struct vrk_locks locks = { x->resources, x->n_resources, x->sections, x->first_section[x->first[x->n_vcpus]], x->rank };
	struct vrk_lock_vcpu v[VCPUS_MAX];
	struct vrk_verdict verdicts[VCPUS_MAX];
	bool ok = true;

	for (size_t i = 0; i < x->n_vcpus; i++) {
		v[i] = (struct vrk_lock_vcpu){ .mode = x->mode[i], .tasks = &x->tasks[x->first[i]], .n = x->first[i + 1] - x->first[i] };
		vrk_supply_init(&x->host, &x->r[i], &v[i].supply);
		if (x->servers)
			v[i].supply.deadline_ns = x->delivered[i];
	}
	if (vrk_locks_fp(v, x->n_vcpus, &locks, verdicts, b->response, b->lock) < 0) {
		fprintf(stderr, "the analysis refused a system\n");
		exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < x->n_vcpus; i++)
		ok &= verdicts[i].ok;
	return ok;
}

static void shared_print(const struct shared *x)
{
	for (size_t v = 0; v < x->n_vcpus; v++)
		for (size_t t = x->first[v]; t < x->first[v + 1]; t++) {
			const struct vrk_task *k = &x->tasks[t];

			fprintf(stderr, "  task %zu on %zu (CPU %d): wcet %" PRIu64 " period %" PRIu64 " jitter %" PRIu64 " rank %u%s:", t, v,
				x->cpu[v], k->wcet_ns, k->period_ns, k->jitter_ns, x->rank[t], k->suspensions ? " sleeps" : "");
			for (size_t i = x->first_section[t]; i < x->first_section[t + 1]; i++)
				fprintf(stderr, " %u times %" PRIu64 " of %zu", x->sections[i].count, x->sections[i].length_ns, x->sections[i].resource);
			fprintf(stderr, "\n");
		}
	for (size_t i = 0; i < x->n_resources; i++)
		fprintf(stderr, "  resource %zu: %s, latency %" PRIu64 "\n", i, x->resources[i].queue == VRK_QUEUE_FIFO ? "fifo" : "priority",
			x->resources[i].latency_ns);
}

static void shared_run(const struct shared *x, struct oracle *o, uint32_t flags, struct vrk_sim_task_result *result)
{
	struct vrk_sim_resource resources[RESOURCES_MAX];
	struct vrk_sim_section sections[ALL_MAX * SECTIONS_MAX];
	struct vrk_sim_server servers[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];
	struct vrk_sim_server_result seen[VCPUS_MAX + CPUS_MAX * SPINNERS_MAX];
	struct vrk_sim_task tasks[ALL_MAX];
	size_t n = x->first[x->n_vcpus];
	const struct vrk_sim_host host = { .cpus = x->host.cpus, .tick_ns = x->host.tick_ns, .flags = flags | x->servers, .seed = oracle_draw(o),
					   .resources = resources, .n_resources = x->n_resources };

	for (size_t i = 0; i < x->n_resources; i++)
		resources[i] = (struct vrk_sim_resource){ x->resources[i].queue == VRK_QUEUE_PRIORITY, x->resources[i].latency_ns };
	for (size_t i = 0; i < x->first_section[n]; i++)
		sections[i] = (struct vrk_sim_section){ x->sections[i].resource, x->sections[i].length_ns, x->sections[i].count };
	for (size_t t = 0; t < n; t++) {
		const struct vrk_task *k = &x->tasks[t];

		tasks[t] = (struct vrk_sim_task){ k->wcet_ns, k->period_ns, k->deadline_ns, k->jitter_ns, k->suspension_ns, k->suspensions,
						  sections + x->first_section[t], x->first_section[t + 1] - x->first_section[t], x->rank[t] };
	}
	for (size_t i = 0; i < x->n_reservations; i++)
		servers[x->servers ? x->n_reservations - 1 - i : i] = (struct vrk_sim_server){ .reservation = x->r[i], .cpu = x->cpu[i],
						      .idling = i >= x->n_vcpus || x->mode[i] == VRK_SUPPLY_IDLING,
						      .first_task = i < x->n_vcpus ? x->first[i] : n,
						      .n_tasks = i < x->n_vcpus ? x->first[i + 1] - x->first[i] : 0 };
	if (vrk_simulate(&host, servers, x->n_reservations, tasks, n, 3000, seen, result) < 0) {
		fprintf(stderr, "the simulator refused a system; VIRTRK_SEED=0x%" PRIx64 "\n", o->seed);
		exit(EXIT_FAILURE);
	}
}

static void shared_fail(struct oracle *o, const char *what, size_t t, nsec_t seen, nsec_t bound, const struct shared *x)
{
	oracle_fail(o, what, &x->host, x->r, x->n_reservations);
	if (o->failed > 10)
		return;
	fprintf(stderr, "  task %zu: %" PRIu64 " > %" PRIu64 "\n", t, seen, bound);
	shared_print(x);
}

static uint64_t part(nsec_t seen, nsec_t bound, uint64_t most)
{
	uint64_t p = bound ? seen * 1000 / bound : 0;

	return p > most ? p : most;
}

static void with(struct oracle *o, uint32_t always, uint32_t drawn, int runs)
{
	uint64_t tight = 0, wait = 0, held = 0;
	struct shared x;
	struct bounds b;

	if (!shared_draw(&x, o) || !shared_judge(&x, &b)) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int run = 0; run < runs; run++) {
		struct vrk_sim_task_result seen[ALL_MAX];

		shared_run(&x, o, always | (run == 0 ? VRK_SIM_SYNC | VRK_SIM_FULL : (uint32_t)oracle_draw(o) & drawn), seen);
		for (size_t t = 0; t < x.first[x.n_vcpus]; t++) {
			const struct vrk_lock_bound *l = &b.lock[t];

			if (o->verbose)
				fprintf(stderr, "  task %zu: response %" PRIu64 " of %" PRIu64 ", wait %" PRIu64 " of %" PRIu64 ", hold %" PRIu64
					" of %" PRIu64 "\n", t, seen[t].worst_ns, b.response[t], seen[t].wait_ns, l->wait_once_ns,
					seen[t].hold_ns, l->hold_ns);
			if (seen[t].worst_ns > b.response[t])
				shared_fail(o, "a response above its bound", t, seen[t].worst_ns, b.response[t], &x);
			if (seen[t].wait_ns > l->wait_once_ns)
				shared_fail(o, "a wait above its bound", t, seen[t].wait_ns, l->wait_once_ns, &x);
			if (seen[t].hold_ns > l->hold_ns)
				shared_fail(o, "a resource held above its bound", t, seen[t].hold_ns, l->hold_ns, &x);
			tight = part(seen[t].worst_ns, b.response[t], tight);
			wait = part(seen[t].wait_ns, l->wait_once_ns, wait);
			held = part(seen[t].hold_ns, l->hold_ns, held);
		}
	}
	tightness_sum += tight;
	tightness_n++;
	wait_sum += wait;
	wait_n += wait > 0;
	hold_sum += held;
	hold_n += held > 0;
}

static void adversary(struct oracle *o)
{
	with(o, 0, VRK_SIM_FULL | VRK_SIM_OVERRUN | VRK_SIM_SYNC | VRK_SIM_BAND_FIFO | VRK_SIM_CONVOY, 3);
}

static void convoy(struct oracle *o)
{
	with(o, VRK_SIM_CONVOY | VRK_SIM_FULL, VRK_SIM_OVERRUN | VRK_SIM_BAND_FIFO, 3);
}

/* A little less of everything, or a little more room. False: nothing was changed. */
static bool relax(struct shared *x, struct oracle *o)
{
	size_t t = oracle_between(o, 0, x->first[x->n_vcpus] - 1), v = oracle_between(o, 0, x->n_vcpus - 1);
	struct vrk_resource *resource = &x->resources[oracle_between(o, 0, x->n_resources - 1)];
	struct vrk_section *section = &x->sections[x->first_section[t]];
	bool sections = x->first_section[t + 1] > x->first_section[t];
	struct vrk_task *task = &x->tasks[t];

	switch (oracle_between(o, 0, 6)) {
	case 0:
		if (sections)
			section->length_ns -= section->length_ns > 1;
		return sections;
	case 1:
		task->wcet_ns -= !sections && task->wcet_ns > 1;
		return !sections;
	case 2:
		task->suspension_ns -= task->suspension_ns > 0;
		return true;
	case 3:
		task->jitter_ns -= task->jitter_ns > 0;
		return true;
	case 4:
		task->period_ns += oracle_between(o, 1, 100);
		return true;
	case 5:
		resource->latency_ns -= resource->latency_ns > 0;
		return true;
	default:
		x->r[v].budget_ns += !x->servers && x->r[v].budget_ns < x->r[v].deadline_ns;
		return true;
	}
}

/* A yes stays a yes, and no bound grows, when anything gets better. */
static void sustainable(struct oracle *o)
{
	struct bounds b, better;
	struct shared x;

	if (!shared_draw(&x, o) || !shared_judge(&x, &b)) {
		o->refused++;
		return;
	}
	o->accepted++;
	for (int k = 0; k < 8; k++) {
		if (!relax(&x, o))
			continue;
		if (!shared_judge(&x, &better))
			shared_fail(o, "a no after less was asked", 0, 0, 0, &x);
		for (size_t t = 0; t < x.first[x.n_vcpus]; t++)
			if (better.response[t] > b.response[t])
				shared_fail(o, "a bound grew after less was asked", t, better.response[t], b.response[t], &x);
		b = better;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "adversary";
	int r;

	if (strcmp(what, "sustainable") == 0)
		return oracle_run("locks-sustainable", 20000, sustainable);
	r = strcmp(what, "convoy") == 0 ? oracle_run("locks-convoy", 20000, convoy) : oracle_run("locks-adversary", 20000, adversary);

	if (tightness_n > 0)
		printf("observed / bound, the tightest task of each system, on average: responses %" PRIu64 ", waits %" PRIu64 ", holding %" PRIu64
		       " of 1000\n", tightness_sum / tightness_n, wait_n ? wait_sum / wait_n : 0, hold_n ? hold_sum / hold_n : 0);
	return r;
}
