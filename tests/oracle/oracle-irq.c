/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts on one CPU, with vCPUs, reserved and FIFO threads, fair server and ticks: where the analysis of the system says yes, no
 * reservation is late, no part of an interrupt and no task of a guest is above its bound. Each part is simulated as an activity
 * whose jitter is all that may have happened to it before, which is more than any chain does. The guests share a resource now
 * and then, so that handlers meet holders.
 */
#include <virtrk/system.h>

#include "oracle.h"

#define IRQS_MAX 3
#define VCPUS_MAX 2
#define TASKS_MAX 2
#define ALL_MAX (VCPUS_MAX * TASKS_MAX)
#define SCALE 2048		/* the kernel takes no budget below 1024 ns */

struct chained {
	struct vrk_system system;
	struct vrk_system_irq irqs[IRQS_MAX];
	struct vrk_vcpu vcpus[VCPUS_MAX];
	struct vrk_task tasks[ALL_MAX];
	struct vrk_section sections[ALL_MAX];
	struct vrk_resource resource;
	struct vrk_locks locks;
	size_t n_tasks;
};

/* The simulator's side: servers are hard, vCPUs, reserved threads, the FIFO threads together, the fair server. */
struct stage {
	struct vrk_sim_server servers[1 + VCPUS_MAX + IRQS_MAX + 2];
	struct vrk_sim_server_result servers_seen[1 + VCPUS_MAX + IRQS_MAX + 2];
	struct vrk_sim_task tasks[3 * IRQS_MAX + ALL_MAX + 1];
	struct vrk_sim_task_result seen[3 * IRQS_MAX + ALL_MAX + 1];
	nsec_t bound[3 * IRQS_MAX + ALL_MAX + 1];
	struct vrk_sim_section sections[ALL_MAX];
	size_t n_servers, n_tasks;
};

static uint64_t tightness_sum, tightness_n;

static void irq_draw(struct chained *x, struct oracle *o, size_t i)
{
	struct vrk_system_irq *q = &x->irqs[i];
	nsec_t p = oracle_between(o, 20, 120), rp = oracle_between(o, 8, p);

	*q = (struct vrk_system_irq){ .irq = { .period_ns = p, .deadline_ns = 2000, .hard_ns = oracle_between(o, 1, 2),
					       .jitter_ns = oracle_chance(o, 30) ? oracle_between(o, 0, p / 3) : 0,
					       .thread = (enum vrk_irq_thread)oracle_between(o, 0, 2), .priority = (uint32_t)oracle_between(o, 0, 2) },
				      .vcpu = oracle_chance(o, 60) ? oracle_between(o, 0, x->system.n - 1) : SIZE_MAX,
				      .injection_ns = oracle_between(o, 0, 2), .handler_ns = oracle_between(o, 1, 2) };
	if (q->irq.thread != VRK_IRQ_HARD)
		q->irq.thread_ns = oracle_between(o, 1, 3);
	if (q->irq.thread == VRK_IRQ_RESERVED)
		q->irq.reservation = (struct vrk_reservation){ oracle_between(o, 1, 4), oracle_chance(o, 50) ? rp : oracle_between(o, 5, rp), rp, false };
	if (q->irq.reservation.budget_ns > q->irq.reservation.deadline_ns)
		q->irq.reservation.deadline_ns = q->irq.reservation.budget_ns;
}

static void vcpu_draw(struct chained *x, struct oracle *o, size_t v)
{
	struct vrk_vcpu *vcpu = &x->vcpus[v];
	struct vrk_reservation *r = &vcpu->reservation;
	size_t n = oracle_between(o, v == 0, TASKS_MAX);

	r->period_ns = oracle_between(o, 6, 24);
	r->budget_ns = oracle_between(o, 1, 1 + r->period_ns / 3);
	r->deadline_ns = oracle_chance(o, 60) ? r->period_ns : oracle_between(o, (r->budget_ns + r->period_ns + 1) / 2, r->period_ns);
	vcpu->cpu = 0;
	vcpu->guest = (struct vrk_guest){ .tasks = &x->tasks[x->n_tasks], .n = n,
					  .mode = oracle_chance(o, 20) && n > 0 ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING };
	for (size_t i = 0; i < n; i++, x->n_tasks++) {
		struct vrk_task *t = &x->tasks[x->n_tasks];

		t->period_ns = t->deadline_ns = oracle_between(o, 80, 500);
		t->wcet_ns = oracle_between(o, 1, 5);
		t->priority = (uint32_t)i;
		if (oracle_chance(o, 40))
			x->sections[x->locks.n_sections++] = (struct vrk_section){ x->n_tasks, 0, oracle_between(o, 1, t->wcet_ns), 1 };
	}
}

static void scale(nsec_t *t)
{
	*t *= SCALE;
}

static void chained_scale(struct chained *x)
{
	struct vrk_host *h = &x->system.host;

	for (size_t i = 0; i < x->system.n_irqs; i++) {
		struct vrk_irq *q = &x->irqs[i].irq;
		nsec_t *times[] = { &q->period_ns, &q->jitter_ns, &q->deadline_ns, &q->hard_ns, &q->thread_ns, &q->reservation.budget_ns,
				    &q->reservation.deadline_ns, &q->reservation.period_ns, &x->irqs[i].injection_ns, &x->irqs[i].handler_ns };

		for (size_t k = 0; k < sizeof(times) / sizeof(*times); k++)
			scale(times[k]);
	}
	for (size_t v = 0; v < x->system.n; v++) {
		scale(&x->vcpus[v].reservation.budget_ns);
		scale(&x->vcpus[v].reservation.deadline_ns);
		scale(&x->vcpus[v].reservation.period_ns);
	}
	for (size_t i = 0; i < x->n_tasks; i++) {
		scale(&x->tasks[i].wcet_ns);
		scale(&x->tasks[i].period_ns);
		scale(&x->tasks[i].deadline_ns);
	}
	for (size_t i = 0; i < x->locks.n_sections; i++)
		scale(&x->sections[i].length_ns);
	scale(&h->tick_ns);
	scale(&h->fair_budget_ns);
	scale(&h->fair_period_ns);
}

static void chained_draw(struct chained *x, struct oracle *o)
{
	*x = (struct chained){ .n_tasks = 0 };
	x->system = (struct vrk_system){ .host = { .cpus = 1, .kernel_limit_bw = VRK_BW_UNLIMITED, .period_min_ns = 1 },
					 .vcpus = x->vcpus, .n = oracle_between(o, 1, VCPUS_MAX), .irqs = x->irqs, .locks = &x->locks,
					 .n_irqs = oracle_between(o, 1, IRQS_MAX) };
	if (oracle_chance(o, 30)) {
		x->system.host.fair_budget_ns = oracle_between(o, 1, 3);
		x->system.host.fair_period_ns = oracle_between(o, 30, 80);
	}
	x->system.host.tick_ns = oracle_chance(o, 20) ? 1 : 0;
	x->locks = (struct vrk_locks){ .resources = &x->resource, .n_resources = 1, .sections = x->sections };
	for (size_t v = 0; v < x->system.n; v++)
		vcpu_draw(x, o, v);
	for (size_t i = 0; i < x->system.n_irqs; i++)
		irq_draw(x, o, i);
	chained_scale(x);
}

/* ---- the simulator's side ---- */

static struct vrk_sim_server *server_add(struct stage *st, struct vrk_reservation r)
{
	struct vrk_sim_server *s = &st->servers[st->n_servers++];

	*s = (struct vrk_sim_server){ .reservation = r, .cpu = 0, .first_task = st->n_tasks };
	return s;
}

static void task_add(struct stage *st, struct vrk_sim_server *s, struct vrk_sim_task t, nsec_t bound)
{
	st->bound[st->n_tasks] = bound;
	st->tasks[st->n_tasks++] = t;
	s->n_tasks++;
}

static struct vrk_sim_task thread_task(const struct vrk_irq *q, nsec_t jitter)
{
	return (struct vrk_sim_task){ .wcet_ns = q->thread_ns, .period_ns = q->period_ns, .jitter_ns = jitter };
}

static void threads_stage(struct stage *st, const struct chained *x, const struct vrk_system_result *result)
{
	const nsec_t ever = (nsec_t)1 << 50;
	struct vrk_sim_server *s;

	for (size_t i = 0; i < x->system.n_irqs; i++) {
		const struct vrk_irq *q = &x->irqs[i].irq;

		if (q->thread == VRK_IRQ_RESERVED)
			task_add(st, server_add(st, q->reservation), thread_task(q, result->irqs[i].hard_ns),
				 result->irqs[i].thread_ns);
	}
	/* its deadline is always the last: what the others leave */
	s = server_add(st, (struct vrk_reservation){ ever, ever, ever, false });
	for (uint32_t priority = 0; priority <= 2; priority++)
		for (size_t i = 0; i < x->system.n_irqs; i++) {
			const struct vrk_irq *q = &x->irqs[i].irq;

			if (q->thread == VRK_IRQ_FIFO && q->priority == priority)
				task_add(st, s, thread_task(q, result->irqs[i].hard_ns), result->irqs[i].thread_ns);
		}
	if (x->system.host.fair_budget_ns > 0) {
		s = server_add(st, (struct vrk_reservation){ x->system.host.fair_budget_ns, x->system.host.fair_period_ns,
							     x->system.host.fair_period_ns, false });
		s->fair = s->idling = true;
	}
}

static void vcpu_stage(struct stage *st, const struct chained *x, const struct vrk_system_result *result, size_t v, size_t first)
{
	const struct vrk_vcpu *vcpu = &x->vcpus[v];
	struct vrk_sim_server *s = server_add(st, vcpu->reservation);

	s->idling = vcpu->guest.mode == VRK_SUPPLY_IDLING;
	for (size_t i = 0; i < x->system.n_irqs; i++)
		if (x->irqs[i].vcpu == v)
			task_add(st, s, (struct vrk_sim_task){ .wcet_ns = x->irqs[i].handler_ns, .period_ns = x->irqs[i].irq.period_ns, .handler = true,
							       .jitter_ns = result->irqs[i].thread_ns + x->irqs[i].injection_ns },
				 result->irqs[i].response_ns);
	for (size_t i = first; i < first + vcpu->guest.n; i++) {
		struct vrk_sim_task t = { .wcet_ns = x->tasks[i].wcet_ns, .period_ns = x->tasks[i].period_ns };

		for (size_t k = 0; k < x->locks.n_sections; k++)
			if (x->sections[k].task == i) {
				st->sections[k] = (struct vrk_sim_section){ 0, x->sections[k].length_ns, 1 };
				t.sections = &st->sections[k];
				t.n_sections = 1;
			}
		task_add(st, s, t, result->responses_ns[i]);
	}
}

static void stage_make(struct stage *st, const struct chained *x, const struct vrk_system_result *result)
{
	struct vrk_sim_server *hard;
	size_t first = 0;

	*st = (struct stage){ .n_servers = 0 };
	hard = server_add(st, (struct vrk_reservation){ 1, 1, 1, false });
	hard->hard = true;
	for (size_t i = 0; i < x->system.n_irqs; i++)
		task_add(st, hard, (struct vrk_sim_task){ .wcet_ns = x->irqs[i].irq.hard_ns, .period_ns = x->irqs[i].irq.period_ns,
							  .jitter_ns = x->irqs[i].irq.jitter_ns },
			 result->irqs[i].hard_ns);
	for (size_t v = 0; v < x->system.n; first += x->vcpus[v].guest.n, v++)
		vcpu_stage(st, x, result, v, first);
	threads_stage(st, x, result);
}

static void chained_fail(struct oracle *o, const char *what, size_t t, const struct stage *st, const struct chained *x)
{
	struct vrk_reservation r[1 + VCPUS_MAX + IRQS_MAX + 2];

	for (size_t i = 0; i < st->n_servers; i++)
		r[i] = st->servers[i].reservation;
	oracle_fail(o, what, &x->system.host, r, st->n_servers);
	fprintf(stderr, "  activity %zu: %" PRIu64 " of %" PRIu64 "\n", t, st->seen[t].worst_ns, st->bound[t]);
}

static uint64_t chained_run(struct oracle *o, struct stage *st, const struct chained *x, uint32_t flags)
{
	const struct vrk_sim_resource resource = { false, 0 };
	const struct vrk_sim_host host = { .cpus = 1, .tick_ns = x->system.host.tick_ns, .flags = flags, .seed = oracle_draw(o),
					   .resources = &resource, .n_resources = 1 };
	uint64_t tight = 0;

	if (vrk_simulate(&host, st->servers, st->n_servers, st->tasks, st->n_tasks, (nsec_t)3000 * SCALE, st->servers_seen, st->seen) < 0) {
		fprintf(stderr, "the simulator refused a system; VIRTRK_SEED=0x%" PRIx64 "\n", o->seed);
		exit(EXIT_FAILURE);
	}
	for (size_t i = 1; i < st->n_servers; i++)
		if (!st->servers[i].fair && st->servers_seen[i].late_whole_ns > 0)
			chained_fail(o, "a budget late", 0, st, x);
	for (size_t t = 0; t < st->n_tasks; t++) {
		uint64_t part = st->seen[t].worst_ns * 1000 / st->bound[t];

		if (o->verbose)
			fprintf(stderr, "  activity %zu: %" PRIu64 " of %" PRIu64 "\n", t, st->seen[t].worst_ns, st->bound[t]);
		if (st->seen[t].worst_ns > st->bound[t])
			chained_fail(o, "a response above its bound", t, st, x);
		/* a hard handler's jitter alone comes close */
		if (t >= x->system.n_irqs)
			tight = part > tight ? part : tight;
	}
	return tight;
}

static void chain(struct oracle *o)
{
	const uint32_t drawn = VRK_SIM_FULL | VRK_SIM_OVERRUN | VRK_SIM_SYNC | VRK_SIM_GRAIN | VRK_SIM_CONVOY;
	struct vrk_system_result result;
	struct chained x;
	struct stage st;
	uint64_t tight = 0;
	int r;

	chained_draw(&x, o);
	r = vrk_system_analyze(&x.system, &result);
	if (r < 0 || !result.ok || vrk_system_check(&x.system, &result) < 0) {
		if (r < 0 || result.ok) {
			fprintf(stderr, "%s: %d; again with VIRTRK_SEED=0x%" PRIx64 "\n", o->name, r, o->seed);
			o->failed++;
		}
		o->refused++;
	} else {
		o->accepted++;
		stage_make(&st, &x, &result);
		for (int run = 0; run < 3; run++) {
			uint64_t part = chained_run(o, &st, &x, run == 0 ? VRK_SIM_SYNC | VRK_SIM_FULL : (uint32_t)oracle_draw(o) & drawn);

			tight = part > tight ? part : tight;
		}
		tightness_sum += tight;
		tightness_n++;
	}
	if (r == 0)
		vrk_system_result_done(&result);
}

int main(void)
{
	int r = oracle_run("irq", 20000, chain);

	if (tightness_n > 0)
		printf("observed / bound, the tightest activity of each system, on average: %" PRIu64 " of 1000\n", tightness_sum / tightness_n);
	return r;
}
