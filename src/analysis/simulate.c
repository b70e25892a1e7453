/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host of the simulator: one EDF queue over all CPUs (as of a root domain), reservations that may run on any of them or
 * on one, and time that jumps from event to event. Global EDF as the kernel's push and pull leave it: a thread waits only
 * while every CPU it may use runs one with an earlier (or equal) deadline; where more than one CPU would do, which one it
 * gets is drawn, since no bound may depend on it.
 *
 * Most instants change one server and leave the queue as it was. So a server is looked at only when it ran, when something of
 * it is due, or when its guest was touched from outside (guest.touched); and CPUs are given out anew only after something
 * that the queue depends on has changed (sim.moved). Both only skip what would have come to the same; the generator is moved on by
 * what the skipped part would have drawn.
 *
 * Called by the oracles, which hold what it observed against what the tests promised, and by the simulate verb. It shares
 * no code with any test.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

#define SIM_FIXED ((uint32_t)(VRK_SIM_PERIODIC | VRK_SIM_DEFERRABLE))

struct node {
	struct cbs cbs;
	struct guest guest;
	struct guest_task *current;
	const struct vrk_sim_server *spec;
	struct vrk_sim_server_result *result;
	sim_time guest_event;	/* guest_next_event(), as of the last look */
	int32_t cpu;		/* where it runs now; -1 = it does not */
	bool ran;		/* since the last look, and something in it came to its end */
	bool wants;
	bool background;	/* fair server: its threads run, but not on its account's behalf */
};

struct sim {
	const struct vrk_sim_host *host;
	struct node *nodes;
	struct guest_task *tasks;
	struct sim_lock *locks;
	struct sim_chain *chains;
	struct node **order;	/* by deadline; kept nearly sorted from one dispatch to the next */
	struct node **owner;	/* per CPU: who runs there now, NULL = nobody */
	struct node **owner_before;
	size_t n;
	size_t n_tasks;
	bool fair;		/* is there a fair server? */
	size_t n_drawn;		/* how many draws the last assign() took */
	bool moved;		/* deadlines or who is ready have changed since then */
	sim_time now;
	struct rng rng;
};

static void note_late(struct node *s, sim_time now)
{
	sim_time due = s->cbs.fixed ? s->cbs.due : s->cbs.d;
	nsec_t late = now > due ? (nsec_t)(now - due) : 0;

	if (s->cbs.whole && late > s->result->late_whole_ns) {
		if (s->result->late_whole_ns == 0)
			s->result->at_ns = (nsec_t)now;
		s->result->late_whole_ns = late;
	}
	if (!s->cbs.whole && late > s->result->late_rest_ns)
		s->result->late_rest_ns = late;
}

/* Who runs in it holds a resource, and may do so beyond the budget. */
static bool unbroken(const struct sim *sim, const struct node *s)
{
	return sim->host->flags & VRK_SIM_UNBROKEN && s->current && holds(s->current);
}

static void node_cut(struct sim *sim, struct node *s)
{
	if (sim->host->flags & VRK_SIM_UNBROKEN && s->cbs.q < 0)
		s->cbs.q = 0;
	cbs_cut(&s->cbs, sim->now);
}

static void node_settle(struct sim *sim, struct node *s)
{
	bool wants;

	if (s->ran)
		s->guest_event = guest_next_event(&s->guest);
	if (s->guest_event <= sim->now || s->guest.touched) {
		guest_advance(&s->guest, sim->now, &sim->rng, sim->host->flags);
		s->guest_event = guest_next_event(&s->guest);
	}
	s->ran = false;
	s->guest.touched = false;
	s->current = guest_current(&s->guest, sim->host->flags);
	wants = s->current || s->spec->idling || s->cbs.burns;
	if (sim->host->flags & VRK_SIM_UNBROKEN && s->cbs.exhausted && !s->cbs.throttled && s->cbs.q + s->cbs.over <= 0 && !unbroken(sim, s)) {
		node_cut(sim, s);
		sim->moved = true;
	}
	sim->moved |= wants != s->wants || s->cbs.replenish_at <= sim->now;
	if (wants && !s->wants)
		cbs_wake(&s->cbs, sim->now);
	if (!wants && s->wants) {
		if (!s->cbs.throttled && !s->cbs.exhausted)
			note_late(s, sim->now);
		cbs_sleep(&s->cbs, sim->now);
	}
	s->wants = wants;
	if (s->spec->hard || s->spec->fifo)
		cbs_unlimited(&s->cbs, s->spec->hard);
	while (s->cbs.replenish_at <= sim->now) {
		cbs_timer(&s->cbs, sim->now);
		if (!s->wants)
			s->cbs.whole = false;
	}
}

static bool node_due(const struct sim *sim, const struct node *s)
{
	return s->ran || s->guest.touched || s->guest_event <= sim->now || s->cbs.replenish_at <= sim->now;
}

static bool ready(const struct node *s)
{
	return s->wants && !s->cbs.throttled;
}

static void sort_order(struct sim *sim)
{
	for (size_t i = 1; i < sim->n; i++) {
		struct node *x = sim->order[i];
		size_t j = i;

		for (; j > 0 && sim->order[j - 1]->cbs.d > x->cbs.d; j--)
			sim->order[j] = sim->order[j - 1];
		sim->order[j] = x;
	}
}

/* A CPU for one that may run anywhere: where it was, else one that was idle, else one whose owner must go. */
static int32_t pick_cpu(struct sim *sim, int32_t before)
{
	uint32_t m = sim->host->cpus;
	bool packed = sim->host->flags & VRK_SIM_PACK;
	uint64_t drawn = packed ? 0 : rng_next(&sim->rng);
	int32_t second = -1;

	if (m == 0)
		return -1;
	sim->n_drawn += !packed;
	if (before >= 0 && !sim->owner[before])
		return before;
	drawn %= m;
	for (uint32_t i = 0; i < m; i++) {
		uint32_t cpu = ((uint32_t)drawn + i) % m;

		if (sim->owner[cpu])
			continue;
		if (!sim->owner_before[cpu])
			return (int32_t)cpu;
		if (second < 0)
			second = (int32_t)cpu;
	}
	return second;
}

/* @cpu < 0: there is none. */
static void cpu_give(struct node **owner, struct node *s, int32_t cpu)
{
	if (cpu < 0 || owner[cpu])
		return;
	owner[cpu] = s;
	s->cpu = cpu;
}

/* True: one that had to go had overrun its budget, and is to be looked at. */
static bool assign(struct sim *sim)
{
	struct node **owner = sim->owner_before;
	bool overrun = false;

	sim->owner_before = sim->owner;
	sim->owner = owner;
	for (uint32_t cpu = 0; cpu < sim->host->cpus; cpu++)
		owner[cpu] = NULL;
	sort_order(sim);
	sim->n_drawn = 0;
	for (size_t i = 0; i < sim->n; i++) {
		struct node *s = sim->order[i];
		int32_t cpu = s->spec->cpu, before = s->cpu;

		s->cpu = -1;
		if (!ready(s))
			continue;
		if (cpu < 0)
			cpu = pick_cpu(sim, before);
		cpu_give(owner, s, cpu);
		overrun |= s->cpu < 0 && s->cbs.q <= 0 && !unbroken(sim, s);
	}
	return overrun;
}

/* Ordinary threads run where no reservation does; that uses up the fair server's budget, too. */
static void background(struct sim *sim)
{
	for (size_t i = 0; i < sim->n; i++) {
		struct node *s = &sim->nodes[i];

		s->background = s->spec->fair && s->wants && s->cpu < 0 && !sim->owner[s->spec->cpu];
		if (s->background && s->cbs.q <= 0) {
			cbs_background(&s->cbs, sim->now);
			sim->moved = true;
		}
	}
}

static void dispatch(struct sim *sim)
{
	if (!sim->moved) {	/* everyone would get what he has: only the draws are left to be made */
		rng_skip(&sim->rng, sim->n_drawn);
		return;
	}
	/* to be switched out is to be looked at: an overrun ends there */
	while (assign(sim))
		for (size_t i = 0; i < sim->n; i++) {
			struct node *s = &sim->nodes[i];

			if (ready(s) && s->cpu < 0 && s->cbs.q <= 0 && !unbroken(sim, s))
				node_cut(sim, s);
		}
	sim->moved = false;
	if (sim->fair)
		background(sim);
}

static sim_time next_event(const struct sim *sim, sim_time until)
{
	sim_time next = until;

	for (size_t i = 0; i < sim->n; i++) {
		const struct node *s = &sim->nodes[i];
		sim_time t;

		if (s->guest_event < next)
			next = s->guest_event;
		if (s->cbs.replenish_at < next)
			next = s->cbs.replenish_at;
		if (s->cpu < 0 && !s->background)
			continue;
		if (s->current && sim->now + s->current->segment < next)
			next = sim->now + s->current->segment;
		if (s->cbs.exhausted && unbroken(sim, s))
			continue;
		t = sim->now + (s->cbs.exhausted ? s->cbs.q + s->cbs.over : s->cbs.q);
		if (t < next)
			next = t;
	}
	return next;
}

static void node_ran(struct sim *sim, struct node *s, sim_time ran)
{
	s->cbs.q -= ran;
	if (s->cpu >= 0)
		s->result->served_ns += (nsec_t)ran;
	s->ran = (s->current && s->current->segment <= ran) || s->cbs.q <= 0;
	sim->moved |= s->cbs.q <= 0;	/* it will be cut or deferred, now or soon */
	if (s->current)
		guest_ran(&s->guest, s->current, ran, sim->now, &sim->rng, sim->host->flags);
	if (s->cpu < 0) {
		if (s->cbs.q <= 0)
			cbs_background(&s->cbs, sim->now);
		return;
	}
	if (!s->cbs.exhausted && s->cbs.q <= 0) {
		note_late(s, sim->now);
		s->result->budgets += s->cbs.whole;
		s->cbs.exhausted = true;
		s->cbs.over = sim->host->flags & VRK_SIM_OVERRUN ? (sim_time)sim->host->tick_ns
			: rng_upto(&sim->rng, (sim_time)sim->host->tick_ns);
	}
	/* with a holder in it, that is for the next look to say: who runs is not yet known */
	if (s->cbs.exhausted && s->cbs.q + s->cbs.over <= 0 && !(sim->host->flags & VRK_SIM_UNBROKEN))
		cbs_cut(&s->cbs, sim->now);
}

/* For the one who looks: every server and every task, up to @next. */
static void tell(const struct sim *sim, sim_time next)
{
	const struct vrk_sim_watch *watch = sim->host->watch;

	for (size_t i = 0; i < sim->n; i++) {
		const struct node *s = &sim->nodes[i];
		struct vrk_sim_moment m = { (nsec_t)sim->now, (nsec_t)next, VRK_SIM_WAITING, s->cpu, SIZE_MAX };

		if (s->cpu >= 0)
			m.state = VRK_SIM_RUNNING;
		else if (!s->wants || s->background)
			m.state = VRK_SIM_SLEEPING;
		else if (s->cbs.throttled)
			m.state = VRK_SIM_THROTTLED;
		if (s->cpu >= 0 && s->current)
			m.task = (size_t)(s->current - sim->tasks);
		watch->server(watch->userdata, i, &m);
	}
	for (size_t i = 0; i < sim->n_tasks; i++) {
		const struct guest_task *t = &sim->tasks[i];

		watch->task(watch->userdata, i, &(struct vrk_sim_job){
			.from_ns = (nsec_t)sim->now, .to_ns = (nsec_t)next, .active = t->state != JOB_NONE, .arrived_ns = (nsec_t)t->arrived,
			.suspended = t->state == JOB_SUSPENDED || t->state == JOB_WAITING, .finished = t->result->jobs });
	}
}

static int64_t run(struct sim *sim, sim_time until)
{
	int64_t events = 0;

	for (;;) {
		sim_time next;

		for (size_t i = 0; i < sim->n; i++)
			if (node_due(sim, &sim->nodes[i]))
				node_settle(sim, &sim->nodes[i]);
		dispatch(sim);
		next = next_event(sim, until);
		events++;
		if (sim->host->watch && next > sim->now)
			tell(sim, next);
		for (size_t i = 0; i < sim->n; i++) {
			struct node *s = &sim->nodes[i];

			if (s->cpu >= 0 || s->background) {
				sim_time ran = next - sim->now;
				sim_time keep = sim->now;

				sim->now = next;	/* what ends, ends at the end of the step */
				node_ran(sim, s, ran);
				sim->now = keep;
			}
		}
		sim->now = next;
		if (next >= until)
			break;
	}
	if (sim->host->watch)
		tell(sim, until);
	for (size_t i = 0; i < sim->n; i++) {
		struct node *s = &sim->nodes[i];

		if (ready(s) && !s->cbs.exhausted && !s->spec->fair)
			note_late(s, until);
		guest_done(&s->guest, until);
	}
	return events;
}

static int check(const struct vrk_sim_host *host, const struct vrk_sim_server *servers, size_t n_servers,
		 const struct vrk_sim_task *tasks, size_t n_tasks, nsec_t until_ns)
{
	if (host->cpus == 0 || host->cpus > INT32_MAX || n_servers > INT32_MAX)
		return -EINVAL;
	if (host->flags & SIM_FIXED && ((host->flags & SIM_FIXED) == SIM_FIXED || host->tick_ns > 0))
		return -EINVAL;
	if (until_ns > TIME_MAX || host->tick_ns > TIME_MAX)
		return -ERANGE;
	for (size_t i = 0; i < n_servers; i++) {
		const struct vrk_sim_server *s = &servers[i];
		const struct vrk_reservation *r = &s->reservation;

		if (r->budget_ns == 0 || r->budget_ns > r->deadline_ns || r->deadline_ns > r->period_ns ||
		    (host->flags & SIM_FIXED && (s->fair || s->hard || s->fifo)) ||
		    s->cpu < -1 || s->cpu >= (int32_t)host->cpus || ((s->fair || s->hard || s->fifo) && s->cpu < 0) ||
		    s->first_task > n_tasks || s->n_tasks > n_tasks - s->first_task)
			return -EINVAL;
		if (r->period_ns > TIME_MAX)
			return -ERANGE;
		for (size_t k = s->first_task; k < s->first_task + s->n_tasks; k++)
			if (sections_check(host, &tasks[k], s->edf) < 0)
				return -EINVAL;
	}
	for (size_t i = 0; i < n_tasks; i++) {
		if (tasks[i].period_ns == 0 || tasks[i].wcet_ns == 0)
			return -EINVAL;
		if (tasks[i].period_ns > TIME_MAX || tasks[i].wcet_ns > TIME_MAX || tasks[i].deadline_ns > TIME_MAX ||
		    tasks[i].jitter_ns > TIME_MAX || tasks[i].suspension_ns > TIME_MAX)
			return -ERANGE;
	}
	return chains_check(tasks, n_tasks);
}

static void sim_done(struct sim *sim)
{
	free(sim->nodes);
	free(sim->tasks);
	free(sim->locks);
	free(sim->chains);
	free(sim->order);
	free(sim->owner);
	free(sim->owner_before);
}

static int sim_init(struct sim *sim, const struct vrk_sim_server *servers, const struct vrk_sim_task *tasks,
		    struct vrk_sim_server_result *ret_servers, struct vrk_sim_task_result *ret_tasks)
{
	uint32_t flags = sim->host->flags;

	sim->rng.state = sim->host->seed;
	sim->moved = true;
	sim->nodes = calloc(sim->n + 1, sizeof(*sim->nodes));
	sim->tasks = calloc(sim->n_tasks + 1, sizeof(*sim->tasks));
	sim->locks = calloc(sim->host->n_resources + 1, sizeof(*sim->locks));
	sim->chains = calloc(chains_count(tasks, sim->n_tasks) + 1, sizeof(*sim->chains));
	sim->order = calloc(sim->n + 1, sizeof(*sim->order));
	sim->owner = calloc(sim->host->cpus, sizeof(*sim->owner));
	sim->owner_before = calloc(sim->host->cpus, sizeof(*sim->owner));
	if (!sim->nodes || !sim->tasks || !sim->locks || !sim->chains || !sim->order || !sim->owner || !sim->owner_before)
		return -ENOMEM;
	for (size_t i = 0; i < sim->host->n_resources; i++)
		sim->locks[i].spec = &sim->host->resources[i];
	for (size_t i = 0; i < sim->n_tasks; i++) {
		ret_tasks[i] = (struct vrk_sim_task_result){ .jobs = 0 };
		sim->tasks[i] = (struct guest_task){ .spec = &tasks[i], .result = &ret_tasks[i] };
	}
	chains_init(sim->tasks, sim->n_tasks, sim->chains);
	for (size_t i = 0; i < sim->n; i++) {
		struct node *s = &sim->nodes[i];

		ret_servers[i] = (struct vrk_sim_server_result){ .at_ns = NSEC_MAX };
		*s = (struct node){ .spec = &servers[i], .result = &ret_servers[i], .cpu = -1, .ran = true };
		s->guest = (struct guest){ sim->tasks + servers[i].first_task, servers[i].n_tasks, servers[i].edf,
					   servers[i].idling, false, sim->locks, 0, servers[i].hard, NULL };
		if (flags & SIM_FIXED)
			fixed_init(&s->cbs, &servers[i].reservation, i, flags & VRK_SIM_PERIODIC,
				   flags & VRK_SIM_SYNC ? 0 : fixed_phase(&servers[i].reservation, &sim->rng));
		else
			cbs_init(&s->cbs, &servers[i].reservation, servers[i].fair, flags & VRK_SIM_GRAIN);
		guest_init(&s->guest, &sim->rng, flags);
		sim->order[i] = s;
		sim->fair |= servers[i].fair;
	}
	return 0;
}

int64_t vrk_simulate(const struct vrk_sim_host *host, const struct vrk_sim_server *servers, size_t n_servers,
		     const struct vrk_sim_task *tasks, size_t n_tasks, nsec_t until_ns,
		     struct vrk_sim_server_result *ret_servers, struct vrk_sim_task_result *ret_tasks)
{
	struct sim sim = { .host = host, .n = n_servers, .n_tasks = n_tasks };
	int64_t r = check(host, servers, n_servers, tasks, n_tasks, until_ns);

	if (r < 0)
		return r;
	r = sim_init(&sim, servers, tasks, ret_servers, ret_tasks);
	if (r == 0)
		r = run(&sim, (sim_time)until_ns);
	sim_done(&sim);
	return r;
}
