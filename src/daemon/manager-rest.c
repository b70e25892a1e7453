/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rest: the time for which a thread that has left SCHED_DEADLINE may not come back. If it left throttled, the kernel holds
 * it to be so until its 0-lag time; who makes it SCHED_DEADLINE again before that freezes it for ever (apply-sched.c tells why).
 * The ledger holds who rests until when, and so does state.json: a daemon that is killed and started again waits as well.
 *
 *   we took the reservation away    apply says of each thread whether it was surely not throttled; else it rests from now
 *   somebody else took it away      it left at some time since the last look: it rests from the moment at which that was seen
 *   it came back too early          its debt was larger than counted with (apply-sched.c): it has left again, and rests for that
 *   a plan was undone               the same, from now; and what CPUs it had given to threads of their own stay theirs until then
 *
 * Requests wait (manager-reserve.c), and so does repair (manager-watch.c). Decides no admission, writes nothing.
 */
#include <errno.h>
#include <string.h>

#include "manager-private.h"

#define PARTITION_REST_MAX_NS (30 * NSEC_PER_SEC)	/* only with a tiny budget it is longer, and then its bandwidth is tiny, too */

static nsec_t rest_ns(const struct manager *m, const struct vrk_reservation *reservation, nsec_t debt_ns)
{
	/* HRTICK_DL makes the grain finer, but may be switched off at any time: the tick is what counts */
	return promise_rest_ns(reservation, m->regime.jiffy_ns > m->regime.tick_ns ? m->regime.jiffy_ns : m->regime.tick_ns, debt_ns);
}

nsec_t manager_rest_ns(const struct manager *m, const struct vrk_reservation *reservation)
{
	return rest_ns(m, reservation, 0);
}

nsec_t manager_rest_partition_ns(const struct manager *m, const struct vrk_reservation *reservation)
{
	nsec_t ns = manager_rest_ns(m, reservation);

	return ns < PARTITION_REST_MAX_NS ? ns : PARTITION_REST_MAX_NS;
}

static void rest(struct manager *m, struct ledger *ledger, pid_t tid, uint64_t start_ticks,
		 const struct vrk_reservation *reservation, nsec_t debt_ns)
{
	nsec_t now = manager_now(), ns = rest_ns(m, reservation, debt_ns);

	ledger_rest_expire(ledger, now);
	/* without memory nothing holds it back: the watch sees a thread that is stuck by that, and frees it */
	(void)ledger_rest(ledger, tid, start_ticks, ns < NSEC_MAX - 1 - now ? now + ns : NSEC_MAX - 1);
}

void manager_rest(struct manager *m, struct ledger *ledger, const struct promise *promise)
{
	rest(m, ledger, promise->tid, promise->start_ticks, &promise->reservation, 0);
}

/* Of a step whose thread has left, @old or @new is the reservation that it had. */
void manager_rest_plan(struct manager *m, struct ledger *ledger, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct step *step = &plan->steps[i];
		const struct sched_state *left = step->old.policy == SCHED_DEADLINE ? &step->old : &step->new;

		if (step->rests && left->policy == SCHED_DEADLINE)
			rest(m, ledger, step->tid, step->start_ticks,
			     &(struct vrk_reservation) { left->runtime_ns, left->deadline_ns, left->period_ns }, step->debt_ns);
	}
}

/* How long it would stay if its plan were undone: of a plan, the step that gives the reservation tells. */
static nsec_t made_rest_ns(const struct manager *m, const struct plan *plan, const struct step *made)
{
	for (size_t i = 0; i < plan->n && made->kind != STEP_AFFINITY; i++) {
		const struct step *step = &plan->steps[i];
		const struct sched_state *new = &step->new;

		if (step->kind == STEP_SCHED && step->tid == made->tid && step->start_ticks == made->start_ticks &&
		    new->policy == SCHED_DEADLINE)
			return manager_rest_partition_ns(m, &(struct vrk_reservation) { new->runtime_ns, new->deadline_ns,
											new->period_ns });
	}
	return 0;
}

int manager_rest_made(const struct manager *m, struct ledger *ledger, const struct plan *plan)
{
	static const enum partition_kind kinds[_STEP_KIND_MAX] = {
		[STEP_PARTITION] = PARTITION_EXCLUSIVE,
		[STEP_SLICE] = PARTITION_SHARED,
		[STEP_AFFINITY] = PARTITION_PINNED,
	};

	for (size_t i = 0; i < plan->n; i++) {
		const struct step *step = &plan->steps[i];
		const struct partition partition = {
			.kind = kinds[step->kind], .label = step->label, .cgroup = step->cgroup, .home = step->home,
			.tid = step->tid, .start_ticks = step->start_ticks, .cpu = step->cpu, .kept = step->kept,
			.cpus = step->cpus, .before = step->before, .rest_ns = made_rest_ns(m, plan, step),
		};
		int r;

		if (step->kind == STEP_SCHED || step->kind == STEP_GROUP || !step->make)
			continue;
		r = ledger_add_partition(ledger, &partition);
		if (r < 0)
			return r;
	}
	return 0;
}

void manager_rest_undone(struct ledger *ledger, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct step *step = &plan->steps[i];

		if (step->kind != STEP_SCHED && step->kind != STEP_GROUP && step->make && !step->stays)
			ledger_remove_partition(ledger, step->tid, step->start_ticks);
	}
}

nsec_t manager_rests_until(const struct manager *m, const char *domain, const struct request_item *items, size_t n)
{
	const struct vm *vm = vm_table_by_name(&m->vms, domain);
	nsec_t latest = 0;

	for (size_t i = 0; vm && i < n; i++) {
		const struct vm_thread *thread = vm_find_thread(vm, items[i].thread);
		nsec_t until = thread ? ledger_rests_until(&m->ledger, thread->tid, thread->start_ticks) : 0;

		if (until > latest)
			latest = until;
	}
	return latest;
}
