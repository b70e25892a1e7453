/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks across vCPUs, and what they cost each task. No help of the host is assumed: a holder is raised inside its guest only,
 * and its vCPU gets what its reservation supplies.
 *
 * Holding. From the grant on the holder is ready, so its vCPU wants to run until the release. Whoever holds nothing cannot run
 * before it, so each other task of the vCPU gets at most the one section that it holds or waits for in: H = latency + inv(E_i +
 * sum of one section of each other task + what is masked). Interrupt handlers go before all of it, as often as they come.
 *
 * Waiting. FIFO: tasks are sequential, so each other one is ahead at most once. By priority: one holder of a lower rank, and
 * every section of higher ranks that falls into the wait: jobs active in a window of B number at most ceil((B + R)/T).
 *
 * Responding. Waits are suspensions (guest-fp.c: each starts a new supply interval). In each piece between them a task of lower
 * priority can be in one section at most, since it cannot ask for another one while the task is ready.
 *
 * All of this holds up to the first moment at which any bound would be broken, and so there is none: R and B are one least fixpoint,
 * reached from below. Called by vrk_system_analyze() and planning. It does not know how tasks came to their vCPUs.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define ROUNDS_MAX 1000
#define STEPS_MAX 100000

/* A task as the locks see it. */
struct locker {
	const struct vrk_task *task;
	size_t vcpu;
	nsec_t section_max;	/* its longest */
	uint64_t requests;	/* per job, for what others use, too */
	nsec_t response;
	struct vrk_lock_bound bound;
};

/* All that one task does with one resource. */
struct user {
	size_t resource;
	size_t task;
	uint64_t count;
	nsec_t hold_max;
	nsec_t hold_sum;	/* of a whole job */
};

struct locks {
	const struct vrk_lock_vcpu *v;
	const struct vrk_locks *spec;
	struct locker *lockers;
	struct user *users;	/* by resource */
	struct vrk_task *tasks;	/* with the waits in */
	nsec_t *sections;	/* per vCPU: one section of each of its tasks */
	size_t n_vcpus, n_tasks, n_users;
	bool ranked;		/* a queue by priority is used by more than one */
};

static nsec_t saturate(u128 x)
{
	return x > SUPPLY_MAX ? NSEC_MAX : (nsec_t)x;
}

/* ---- the question ---- */

static int section_check(const struct locks *l, const struct vrk_section *s)
{
	const struct vrk_locks *k = l->spec;

	if (s->task >= l->n_tasks || s->resource >= k->n_resources || s->length_ns == 0 || s->count == 0)
		return -EINVAL;
	if (s->length_ns > TASK_MAX)
		return -ERANGE;
	return k->resources[s->resource].queue == VRK_QUEUE_PRIORITY && !k->rank ? -EINVAL : 0;
}

static int vcpu_check(const struct vrk_lock_vcpu *v, bool sections)
{
	if (v->masked_ns > TASK_MAX)
		return -ERANGE;
	if (v->n_handlers > v->n)
		return -EINVAL;
	if (v->settle_ns > 0 && (v->n_handlers > 0 || v->masked_ns > 0))
		return -EOPNOTSUPP;
	for (size_t i = v->n_handlers; sections && i < v->n; i++)
		if (v->tasks[i].blocking_ns > 0)
			return -EOPNOTSUPP;
	return 0;
}

static int lockers_init(struct locks *l)
{
	size_t task = 0;

	for (size_t v = 0; v < l->n_vcpus; v++) {
		int err = tasks_check(l->v[v].tasks, l->v[v].n);

		if (err < 0)
			return err;
		for (size_t i = 0; i < l->v[v].n; i++, task++)
			l->lockers[task] = (struct locker){ .task = &l->v[v].tasks[i], .vcpu = v,
							    .response = l->v[v].tasks[i].wcet_ns };
	}
	return 0;
}

static bool is_handler(const struct locks *l, size_t task)
{
	const struct vrk_lock_vcpu *v = &l->v[l->lockers[task].vcpu];

	return (size_t)(l->lockers[task].task - v->tasks) < v->n_handlers;
}

static int sections_add(struct locks *l, u128 *used)
{
	for (size_t i = 0; i < l->spec->n_sections; i++) {
		const struct vrk_section *s = &l->spec->sections[i];
		int err = section_check(l, s);
		struct locker *t;

		if (err < 0)
			return err;
		if (is_handler(l, s->task))
			return -EINVAL;
		t = &l->lockers[s->task];
		used[s->task] += (u128)s->length_ns * s->count;
		if (used[s->task] > t->task->wcet_ns)
			return -EINVAL;
		if (s->length_ns > t->section_max) {
			l->sections[t->vcpu] += s->length_ns - t->section_max;
			t->section_max = s->length_ns;
		}
	}
	return 0;
}

/* ---- holding ---- */

/* From the grant to the release, were nothing but this vCPU in the way. */
static nsec_t hold(const struct locks *l, const struct vrk_section *s)
{
	const struct locker *t = &l->lockers[s->task];
	const struct vrk_lock_vcpu *v = &l->v[t->vcpu];
	u128 work = (u128)s->length_ns + (l->sections[t->vcpu] - t->section_max) + v->masked_ns;
	nsec_t window = 0;

	if (!supply_sane(&v->supply))
		return NSEC_MAX;
	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		u128 all = work;
		nsec_t next;

		for (size_t i = 0; i < v->n_handlers; i++)
			all += (u128)ceil_div(window + v->tasks[i].jitter_ns, v->tasks[i].period_ns) * v->tasks[i].wcet_ns;
		next = supply_inverse(&v->supply, all, 1, window);
		if (next == NSEC_MAX || next > TASK_MAX)
			return NSEC_MAX;
		if (next <= window)
			return saturate((u128)window + l->spec->resources[s->resource].latency_ns);
		window = next;
	}
	return NSEC_MAX;
}

/*
 * Where the host lets a holder go on when its budget ends (locks-overrun.c). At the grant the next budget is no further away than if all of this
 * one had just been used up. What fits a budget is then done as ever; what does not is done by the deadline, or when overruns of
 * all on that CPU are, whichever is later.
 */
static nsec_t hold_unbroken(const struct locks *l, const struct vrk_section *s)
{
	const struct locker *t = &l->lockers[s->task];
	const struct vrk_lock_vcpu *v = &l->v[t->vcpu];
	const struct vrk_supply *p = &v->supply;
	u128 work = (u128)s->length_ns + (l->sections[t->vcpu] - t->section_max);
	nsec_t end = p->deadline_ns > v->settle_ns ? p->deadline_ns : v->settle_ns;

	if (!supply_sane(p) || work <= p->budget_ns || p->tick_ns + p->switch_ns + p->latency_ns + p->irq_ns > 0)
		return NSEC_MAX;
	return saturate((u128)p->period_ns - p->budget_ns + end + l->spec->resources[s->resource].latency_ns);
}

static int by_resource(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	if (x->resource != y->resource)
		return x->resource < y->resource ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static void users_init(struct locks *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->spec->n_sections; i++) {
		const struct vrk_section *s = &l->spec->sections[i];
		struct vrk_lock_bound *b = &l->lockers[s->task].bound;
		nsec_t h = hold(l, s), other = l->v[l->lockers[s->task].vcpu].settle_ns > 0 ? hold_unbroken(l, s) : NSEC_MAX;

		h = other < h ? other : h;
		l->users[i] = (struct user){ s->resource, s->task, s->count, h,
					     h == NSEC_MAX ? NSEC_MAX : saturate((u128)h * s->count) };
		b->hold_ns = h > b->hold_ns ? h : b->hold_ns;
	}
	qsort(l->users, l->spec->n_sections, sizeof(*l->users), by_resource);
	for (size_t i = 0; i < l->spec->n_sections; i++) {
		const struct user *u = &l->users[i];
		struct user *last = n > 0 ? &l->users[n - 1] : NULL;

		if (!last || last->resource != u->resource || last->task != u->task) {
			l->users[n++] = *u;
			continue;
		}
		last->count += u->count;	/* counts times lengths fit a wcet */
		last->hold_max = u->hold_max > last->hold_max ? u->hold_max : last->hold_max;
		last->hold_sum = saturate((u128)last->hold_sum + u->hold_sum);
	}
	l->n_users = n;
}

/* ---- waiting ---- */

static nsec_t wait_fifo(const struct user *first, size_t n, const struct user *me)
{
	u128 sum = 0;

	for (size_t i = 0; i < n; i++)
		if (&first[i] != me)
			sum += first[i].hold_max;
	return saturate(sum);
}

static nsec_t wait_ranked(const struct locks *l, const struct user *first, size_t n, const struct user *me)
{
	const uint32_t *rank = l->spec->rank;
	nsec_t lower = 0, wait;

	for (size_t i = 0; i < n; i++)
		if (rank[first[i].task] > rank[me->task] && first[i].hold_max > lower)
			lower = first[i].hold_max;
	wait = lower;
	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		u128 next = lower;

		for (size_t i = 0; i < n; i++) {
			const struct locker *h = &l->lockers[first[i].task];

			if (&first[i] == me || rank[first[i].task] > rank[me->task])
				continue;
			if (h->response == NSEC_MAX)
				return NSEC_MAX;
			next += (u128)ceil_div(wait + h->response, h->task->period_ns) * first[i].hold_sum;
		}
		if (next > TASK_MAX)
			return NSEC_MAX;
		if (next <= wait)
			return wait;
		wait = (nsec_t)next;
	}
	return NSEC_MAX;
}

/* What a job of @t waits in all, from the responses as they are now. */
static void waits_set(struct locks *l)
{
	for (size_t i = 0; i < l->n_tasks; i++)
		l->lockers[i].bound.wait_ns = l->lockers[i].bound.wait_once_ns = 0;
	for (size_t i = 0, end; i < l->n_users; i = end) {
		const struct vrk_resource *resource = &l->spec->resources[l->users[i].resource];

		for (end = i; end < l->n_users && l->users[end].resource == l->users[i].resource; end++)
			;
		for (size_t k = i; end - i > 1 && k < end; k++) {
			struct vrk_lock_bound *b = &l->lockers[l->users[k].task].bound;
			nsec_t wait = resource->queue == VRK_QUEUE_FIFO ? wait_fifo(&l->users[i], end - i, &l->users[k])
									: wait_ranked(l, &l->users[i], end - i, &l->users[k]);

			/* granted is not yet ready: the way there is part of the wait */
			wait = saturate((u128)wait + resource->latency_ns);
			b->wait_once_ns = wait > b->wait_once_ns ? wait : b->wait_once_ns;
			b->wait_ns = saturate(b->wait_ns + (u128)wait * l->users[k].count);
		}
	}
}

static void requests_count(struct locks *l)
{
	for (size_t i = 0; i < l->n_users; i++) {
		bool shared = (i > 0 && l->users[i - 1].resource == l->users[i].resource) ||
			      (i + 1 < l->n_users && l->users[i + 1].resource == l->users[i].resource);

		if (!shared)
			continue;
		l->lockers[l->users[i].task].requests += l->users[i].count;
		l->ranked |= l->spec->resources[l->users[i].resource].queue == VRK_QUEUE_PRIORITY;
	}
}

/* ---- responding ---- */

/* Sections of lower priorities, one of each per piece of a job. */
static void local_set(struct locks *l)
{
	for (size_t i = 0; i < l->n_tasks; i++) {
		struct locker *t = &l->lockers[i];
		const struct vrk_lock_vcpu *v = &l->v[t->vcpu];
		size_t first = i - (size_t)(t->task - v->tasks);
		u128 once = v->masked_ns;

		for (size_t k = first; !is_handler(l, i) && k < first + v->n; k++)
			if (l->lockers[k].task->priority > t->task->priority)
				once += l->lockers[k].section_max;
		t->bound.local_ns = saturate(once * (t->requests + t->task->suspensions + 1));
		t->bound.waits = t->requests > UINT32_MAX ? UINT32_MAX : (uint32_t)t->requests;
	}
}

/* What no deadline allows stays what no deadline allows. */
static nsec_t task_time(u128 x)
{
	return x > TASK_MAX ? TASK_MAX : (nsec_t)x;
}

static int vcpu_respond(struct locks *l, size_t v, size_t first, struct vrk_verdict *ret, nsec_t *response)
{
	for (size_t i = 0; i < l->v[v].n; i++) {
		const struct locker *t = &l->lockers[first + i];
		uint64_t pieces = t->requests + t->task->suspensions;

		l->tasks[i] = *t->task;
		if (pieces > UINT32_MAX)
			return -ERANGE;
		l->tasks[i].suspensions = (uint32_t)pieces;
		l->tasks[i].suspension_ns = task_time((u128)t->task->suspension_ns + t->bound.wait_ns);
		l->tasks[i].blocking_ns = task_time((u128)t->task->blocking_ns + t->bound.local_ns);
	}
	return vrk_guest_fp(&l->v[v].supply, l->v[v].mode, l->tasks, l->v[v].n, ret, response + first);
}

static int round_run(struct locks *l, struct vrk_verdict *ret_vcpus, nsec_t *response, bool *ret_changed)
{
	size_t first = 0;

	*ret_changed = false;
	waits_set(l);
	for (size_t v = 0; v < l->n_vcpus; first += l->v[v].n, v++) {
		int err = vcpu_respond(l, v, first, &ret_vcpus[v], response);

		if (err < 0)
			return err;
	}
	for (size_t i = 0; i < l->n_tasks; i++) {
		*ret_changed |= l->lockers[i].response != response[i];
		l->lockers[i].response = response[i];
	}
	return 0;
}

static int locks_run(struct locks *l, struct vrk_verdict *ret_vcpus, nsec_t *response)
{
	bool changed = true;

	users_init(l);
	requests_count(l);
	local_set(l);
	for (unsigned int round = 0; changed && round < ROUNDS_MAX; round++) {
		int err = round_run(l, ret_vcpus, response, &changed);

		if (err < 0)
			return err;
		changed &= l->ranked;		/* FIFO: nothing depends on responses */
	}
	/* not yet the fixpoint: every number is still too small */
	for (size_t v = 0; changed && v < l->n_vcpus; v++)
		ret_vcpus[v] = (struct vrk_verdict){ .test = VRK_TEST_GUEST_FP, .lhs = NSEC_MAX, .index = SIZE_MAX };
	for (size_t i = 0; changed && i < l->n_tasks; i++) {
		response[i] = NSEC_MAX;
		l->lockers[i].bound.wait_ns = l->lockers[i].bound.wait_once_ns = NSEC_MAX;
	}
	return 0;
}

/* ---- */

static void locks_done(struct locks *l)
{
	free(l->lockers);
	free(l->users);
	free(l->tasks);
	free(l->sections);
}

static int locks_init(struct locks *l)
{
	u128 *used = calloc(l->n_tasks + 1, sizeof(*used));
	int err;

	l->lockers = calloc(l->n_tasks + 1, sizeof(*l->lockers));
	l->users = calloc(l->spec->n_sections + 1, sizeof(*l->users));
	l->tasks = calloc(l->n_tasks + 1, sizeof(*l->tasks));
	l->sections = calloc(l->n_vcpus + 1, sizeof(*l->sections));
	err = used && l->lockers && l->users && l->tasks && l->sections ? lockers_init(l) : -ENOMEM;
	if (err == 0)
		err = sections_add(l, used);
	for (size_t v = 0; err == 0 && v < l->n_vcpus; v++)
		err = vcpu_check(&l->v[v], l->sections[v] > 0);
	free(used);
	return err;
}

int vrk_locks_fp(const struct vrk_lock_vcpu *v, size_t n, const struct vrk_locks *locks, struct vrk_verdict *ret_vcpus,
		 nsec_t *ret_response_ns, struct vrk_lock_bound *ret_bounds)
{
	struct locks l = { .v = v, .spec = locks, .n_vcpus = n };
	int err = n > N_MAX || locks->n_sections > N_MAX ? -E2BIG : 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		l.n_tasks += v[i].n;
		err = v[i].n > N_MAX || l.n_tasks > N_MAX ? -E2BIG : 0;
	}
	for (size_t i = 0; err == 0 && i < locks->n_resources; i++)
		err = locks->resources[i].latency_ns > TASK_MAX ? -ERANGE : 0;
	if (err < 0)
		return err;
	err = locks_init(&l);
	if (err == 0)
		err = locks_run(&l, ret_vcpus, ret_response_ns);
	for (size_t i = 0; err == 0 && ret_bounds && i < l.n_tasks; i++)
		ret_bounds[i] = l.lockers[i].bound;
	locks_done(&l);
	return err;
}
