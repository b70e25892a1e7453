/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placement on a host of fixed-priority servers. There the library's vrk_place() does not apply: whether a CPU takes one more
 * depends on the priorities, and its supply on those above it. So each vCPU in turn is tried on each CPU, the emptiest or the
 * fullest first as the policy says, and the CPU is asked as a whole, with all tasks on it. First come, first served: the one
 * with the higher priority is not moved for the one with the lower.
 *
 * Called by the plan. What is shared between guests is left for the verdict on the whole. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "system-place.h"

/* A CPU's servers, in the order of their priorities; one of them may be on trial. */
struct trial {
	const struct system_document *d;
	struct vrk_vcpu *vcpus;
	size_t n;
	bw_t load_bw;
};

static void trial_gather(struct trial *t, int32_t cpu, size_t extra)
{
	t->n = 0;
	t->load_bw = 0;
	for (size_t i = 0; i < t->d->n_vcpus; i++) {
		const struct vrk_vcpu *vcpu = &t->d->vcpus[i];

		if (vcpu->cpu != cpu && i != extra)
			continue;
		t->vcpus[t->n] = *vcpu;
		t->vcpus[t->n++].cpu = 0;
		if (i != extra)
			t->load_bw += vrk_bw(vcpu->reservation.budget_ns, vcpu->reservation.period_ns);
	}
}

/* What is no system (a number out of order) is a no here; the verdict on the whole will name it. */
static int trial_judge(const struct trial *t, bool *ret)
{
	struct vrk_system_result result = { .ok = false };
	struct vrk_system system = { t->d->system.host, t->d->system.scheduler, t->vcpus, t->n, NULL, NULL, 0 };
	int r;

	system.host.cpus = 1;
	r = vrk_system_analyze(&system, &result);
	*ret = r >= 0 && result.ok;
	vrk_system_result_done(&result);
	return r == -ENOMEM ? r : 0;
}

/* The CPU that the policy likes best of those that take vCPU @v; -1 = none does. */
static int cpu_find(struct trial *t, size_t v, enum system_policy policy, uint32_t cpus, int32_t *ret)
{
	bw_t best_bw = 0;

	*ret = -1;
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		bool ok;
		int r;

		trial_gather(t, (int32_t)cpu, v);
		if (policy == SYSTEM_POLICY_EXCLUSIVE && t->n > 1)
			continue;
		if (*ret >= 0 && (policy == SYSTEM_POLICY_REPACK ? t->load_bw <= best_bw : t->load_bw >= best_bw))
			continue;
		r = trial_judge(t, &ok);
		if (r < 0)
			return r;
		if (!ok)
			continue;
		*ret = (int32_t)cpu;
		best_bw = t->load_bw;
	}
	return 0;
}

static int refuse(struct trial *t, size_t v, enum system_policy policy, struct system_refusal *refusal)
{
	const struct vrk_reservation *now = &t->d->vcpus[v].reservation;
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	int32_t empty;
	int r;

	refusal->verdict = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .index = v };
	if (asprintf(&refusal->reason, "%s/vcpu%" PRIu32 ": no CPU takes its %s in every %s beside the servers of higher and lower priority",
		     t->d->names[v].vm, t->d->names[v].index, vrk_nsec_format(budget, now->budget_ns),
		     vrk_nsec_format(period, now->period_ns)) < 0) {
		refusal->reason = NULL;
		return -ENOMEM;
	}
	/* one more CPU is empty */
	r = cpu_find(t, v, policy, t->d->system.host.cpus + 1, &empty);
	if (r < 0)
		return r;
	r = empty >= 0 ? asprintf(&refusal->repair, "one more CPU would take it; else smaller budgets, or a higher place in the document")
		       : asprintf(&refusal->repair, "not even an empty CPU takes it: give it a larger budget or shorter tasks");
	if (r < 0)
		refusal->repair = NULL;
	return r < 0 ? -ENOMEM : 0;
}

/* Two that were fixed on one CPU are a broken demand already. */
static int exclusive_check(struct trial *t, struct system_refusal *refusal)
{
	for (size_t v = 0; v < t->d->n_vcpus; v++) {
		trial_gather(t, t->d->vcpus[v].cpu, v);
		if (t->d->vcpus[v].cpu < 0 || t->n < 2)
			continue;
		refusal->verdict = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .index = v };
		if (asprintf(&refusal->reason, "%s/vcpu%" PRIu32 ": CPU %" PRId32 " is not for itself alone", t->d->names[v].vm,
			     t->d->names[v].index, t->d->vcpus[v].cpu) < 0)
			refusal->reason = NULL;
		if (asprintf(&refusal->repair, "let fewer vCPUs be fixed on CPU %" PRId32, t->d->vcpus[v].cpu) < 0)
			refusal->repair = NULL;
		return refusal->reason && refusal->repair ? 0 : -ENOMEM;
	}
	return 0;
}

int system_fixed_place(struct system_document *d, enum system_policy policy, struct system_refusal *refusal)
{
	_cleanup_(freep) struct vrk_vcpu *vcpus = calloc(d->n_vcpus + 1, sizeof(*vcpus));
	struct trial t = { .d = d, .vcpus = vcpus };
	int r = vcpus ? 0 : -ENOMEM;

	if (r >= 0 && policy == SYSTEM_POLICY_EXCLUSIVE)
		r = exclusive_check(&t, refusal);
	for (size_t v = 0; r >= 0 && !refusal->reason && v < d->n_vcpus; v++) {
		int32_t cpu;

		if (d->vcpus[v].cpu >= 0)
			continue;
		r = cpu_find(&t, v, policy, d->system.host.cpus, &cpu);
		if (r >= 0 && cpu < 0)
			return refuse(&t, v, policy, refusal);
		d->vcpus[v].cpu = cpu;
	}
	return r;
}
