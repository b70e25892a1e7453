/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is missing in a description, found: first a reservation for every vCPU that has only tasks (the cheapest period with
 * its least budget), then a CPU for every vCPU that has none, then the verdict on the whole, which is that of analyze. A plan
 * is shown only with a yes of that verdict, so nothing found here has to be believed.
 *
 * The cheapest period of each vCPU by itself need not be the one with which all of them fit: enforcement costs each budget
 * the same, and short periods have many of them. So where the cheapest ones do not fit, longer ones are tried before a no is
 * given; the no that is told is that of the cheapest.
 *
 * Called by the verb plan. Pure but for memory. What is given in the description is never changed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "system-judge.h"
#include "system-memory.h"
#include "system-place.h"
#include "system-plan.h"
#include "system-seen.h"

#define PERIOD_FLOOR_NS NSEC_PER_MSEC	/* below it switches cost more than short waits are worth */
#define FLOOR_STEP      4
#define EXACT_STEPS_MAX 20000		/* about a second */
#define SHARED_ROUNDS   24		/* of sizes and waits that depend on each other */
#define SHARED_CAPS     10		/* halvings of the longest period of guests that share */
#define PLACED_ROUNDS   8		/* of sizes and places that depend on each other, through interrupts */

const char *system_policy_name(enum system_policy policy)
{
	static const char *const names[] = { "spread", "repack", "exclusive" };

	return (unsigned int)policy < ARRAY_SIZE(names) ? names[policy] : NULL;
}

/* ---- reservations ---- */

static nsec_t period_limit(const struct vrk_host *host)
{
	return host->period_max_ns ? host->period_max_ns : VRK_PERIOD_MAX_NS;
}

/* No period beyond the longest time that a task knows: a longer one only adds waiting. */
static nsec_t period_largest(const struct vrk_host *host, const struct vrk_guest *g)
{
	nsec_t largest = VRK_PERIOD_MIN_NS;

	for (size_t i = 0; i < g->n; i++) {
		if (g->tasks[i].period_ns > largest)
			largest = g->tasks[i].period_ns;
		if (g->tasks[i].deadline_ns > largest)
			largest = g->tasks[i].deadline_ns;
	}
	return largest < period_limit(host) ? largest : period_limit(host);
}

/* The floor, unless a deadline is so short that only a shorter period can meet it with less than the whole CPU. */
static nsec_t period_least(const struct vrk_guest *g, nsec_t floor_ns, nsec_t largest_ns)
{
	nsec_t shortest = NSEC_MAX, least = floor_ns;

	for (size_t i = 0; i < g->n; i++)
		if (g->tasks[i].deadline_ns < shortest)
			shortest = g->tasks[i].deadline_ns;
	if (floor_ns == PERIOD_FLOOR_NS && shortest / 2 < least)
		least = shortest / 2 > VRK_PERIOD_MIN_NS ? shortest / 2 : VRK_PERIOD_MIN_NS;
	return least < largest_ns ? least : largest_ns;
}

/* Budget 0 in *ret: none is enough. @cap_ns: no period beyond; 0 = none is too long. */
static int vcpu_size(const struct system_document *d, size_t v, nsec_t floor_ns, nsec_t cap_ns, struct vrk_reservation *ret)
{
	const struct vrk_guest *g = &d->vcpus[v].guest;
	nsec_t largest = period_largest(&d->system.host, g);

	if (cap_ns && largest > cap_ns)
		largest = cap_ns;
	return vrk_size_period(&d->system.host, g, period_least(g, floor_ns, largest), largest, ret);
}

/* Would a CPU of its own do for the tasks, each at @percent of its length? */
static int alone_check(const struct system_document *d, size_t v, unsigned int percent, struct vrk_verdict *ret)
{
	const struct vrk_guest *g = &d->vcpus[v].guest;
	nsec_t period = period_largest(&d->system.host, g);
	const struct vrk_reservation whole = { period, period, period, false };
	_cleanup_(freep) struct vrk_task *tasks = calloc(g->n + 1, sizeof(*tasks));
	struct vrk_guest shorter = *g;
	struct vrk_supply supply;

	if (!tasks)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		tasks[i] = g->tasks[i];
		tasks[i].wcet_ns = (nsec_t)((unsigned __int128)tasks[i].wcet_ns * percent / 100);
		if (tasks[i].wcet_ns == 0)
			tasks[i].wcet_ns = 1;
	}
	shorter.tasks = tasks;
	vrk_supply_init(&d->system.host, &whole, &supply);
	return vrk_guest_check(&supply, &shorter, ret, NULL);
}

/* The largest part of their lengths with which a CPU of their own is enough, in percent; 0 = none. */
static int alone_largest(const struct system_document *d, size_t v, unsigned int *ret)
{
	unsigned int lo = 0, hi = 100;

	while (hi - lo > 1) {
		unsigned int mid = lo + (hi - lo) / 2;
		struct vrk_verdict verdict;
		int r = alone_check(d, v, mid, &verdict);

		if (r < 0)
			return r;
		if (verdict.ok)
			lo = mid;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

static bool suspends(const struct vrk_guest *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->tasks[i].suspensions > 0)
			return true;
	return false;
}

static int size_reason(const struct system_document *d, size_t v, const struct vrk_verdict *verdict, char **ret)
{
	const struct system_vcpu *name = &d->names[v];
	char lhs[TEXT_NUMBER_MAX], rhs[TEXT_NUMBER_MAX], at[VRK_NSEC_STRLEN];
	int r;

	(void)system_side_text(lhs, verdict->unit, verdict->lhs);
	(void)system_side_text(rhs, verdict->unit, verdict->rhs);
	if (d->vcpus[v].guest.scheduler == VRK_GUEST_FP && verdict->index < name->n_tasks)
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": no budget is enough; with a whole CPU %s may take %s, its deadline is %s",
			     name->vm, name->index, d->task_names[name->first_task + verdict->index],
			     verdict->lhs >= NSEC_MAX ? "longer than could be bounded" : lhs, rhs);
	else if (suspends(&d->vcpus[v].guest))
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": no test knows tasks that suspend themselves under EDF", name->vm, name->index);
	else if (verdict->at_ns)
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": no budget is enough; in a window of %s up to %s may be due", name->vm,
			     name->index, vrk_nsec_format(at, verdict->at_ns), lhs);
	else
		r = asprintf(ret, "%s/vcpu%" PRIu32 ": no budget is enough, not even a whole CPU", name->vm, name->index);
	return r < 0 ? -ENOMEM : 0;
}

static int size_refuse(const struct system_document *d, size_t v, struct system_refusal *ret)
{
	unsigned int percent = 0;
	int r = alone_check(d, v, 100, &ret->verdict);

	if (r >= 0)
		r = size_reason(d, v, &ret->verdict, &ret->reason);
	if (r >= 0)
		r = alone_largest(d, v, &percent);
	if (r < 0)
		return r;
	if (percent > 0)
		r = asprintf(&ret->repair, "move tasks to another vCPU, or make them shorter: at %u %% of their wcet they fit on a whole CPU",
			     percent);
	else if (d->vcpus[v].guest.scheduler == VRK_GUEST_EDF && suspends(&d->vcpus[v].guest))
		r = asprintf(&ret->repair, "schedule the guest by fp, or describe tasks without suspensions");
	else
		r = asprintf(&ret->repair, "move tasks to another vCPU, or give them longer deadlines");
	return r < 0 ? -ENOMEM : 0;
}

/* ---- CPUs ---- */

struct bins {
	struct vrk_host host;
	struct vrk_reservation *reservations;
	int32_t *fixed;
	int32_t *cpu;
	size_t n;
	enum system_policy policy;
};

static void bins_done(struct bins *bins)
{
	free(bins->reservations);
	free(bins->fixed);
	free(bins->cpu);
}

static int bins_init(struct bins *bins, const struct system_document *d, enum system_policy policy)
{
	bins->host = d->system.host;
	bins->n = d->n_vcpus;
	bins->policy = policy;
	bins->reservations = calloc(d->n_vcpus + 1, sizeof(*bins->reservations));
	bins->fixed = calloc(d->n_vcpus + 1, sizeof(*bins->fixed));
	bins->cpu = calloc(d->n_vcpus + 1, sizeof(*bins->cpu));
	if (!bins->reservations || !bins->fixed || !bins->cpu)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		bins->reservations[i] = d->vcpus[i].reservation;
		/* as the analysis of the whole will take it */
		bins->reservations[i].gapless = d->vcpus[i].guest.n > 0 && d->vcpus[i].guest.mode == VRK_SUPPLY_IDLING;
		bins->fixed[i] = d->names[i].pinned ? d->vcpus[i].cpu : -1;
	}
	return 0;
}

/* By the policy; where that fails, by search. The verdict told is that of the policy. */
static int bins_place(struct bins *bins, struct vrk_verdict *ret)
{
	struct vrk_place how = {
		.method = bins->policy == SYSTEM_POLICY_REPACK ? VRK_PLACE_BEST_FIT : VRK_PLACE_WORST_FIT,
		.exclusive = bins->policy == SYSTEM_POLICY_EXCLUSIVE,
		.improve = true,
		.fixed = bins->fixed,
	};
	struct vrk_verdict exact;
	int r = vrk_place(&bins->host, bins->reservations, bins->n, &how, bins->cpu, ret);

	if (r < 0 || ret->ok || how.exclusive || bins->host.cpus == 1)
		return r;
	how.method = VRK_PLACE_EXACT;
	how.steps_max = EXACT_STEPS_MAX;
	r = vrk_place(&bins->host, bins->reservations, bins->n, &how, bins->cpu, &exact);
	if (r >= 0 && exact.ok)
		*ret = exact;
	return r;
}

static int place_reason(const struct bins *bins, const struct system_vcpu *name, size_t v, const char *where,
			const struct vrk_verdict *verdict, char **ret)
{
	const struct vrk_reservation *r = &bins->reservations[v];
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	char lhs[TEXT_NUMBER_MAX], rhs[TEXT_NUMBER_MAX];
	int n;

	(void)vrk_nsec_format(budget, r->budget_ns);
	(void)vrk_nsec_format(period, r->period_ns);
	if (verdict->test == VRK_TEST_PLACE)
		n = asprintf(ret, "%s/vcpu%" PRIu32 ": %s %s in every %s for itself alone", name->vm, name->index, where, budget,
			     period);
	else
		n = asprintf(ret, "%s/vcpu%" PRIu32 ": %s %s in every %s, test %s needs %s <= %s", name->vm, name->index, where,
			     budget, period, vrk_test_name(verdict->test), system_side_text(lhs, verdict->unit, verdict->lhs),
			     system_side_text(rhs, verdict->unit, verdict->rhs));
	return n < 0 ? -ENOMEM : 0;
}

/* It fits on no CPU, not even an empty one. */
static int alone_repair(const struct bins *bins, const struct system_vcpu *name, size_t v, char **ret)
{
	struct vrk_host one = bins->host;
	char value[VRK_NSEC_STRLEN];
	struct vrk_repair repair;
	int r;

	one.cpus = 1;
	r = vrk_admit_repair(&one, &bins->reservations[v], 1, 0, &repair);
	if (r < 0)
		return r;
	if (repair.kind == VRK_REPAIR_TICK)
		r = asprintf(ret, "with exact enforcement (tick 0) an empty CPU takes it");
	else if (!name->sized)
		r = asprintf(ret, "split the tasks of %s/vcpu%" PRIu32 " over two vCPUs", name->vm, name->index);
	else if (repair.kind == VRK_REPAIR_NONE)
		r = asprintf(ret, "give it a longer period");
	else
		r = asprintf(ret, "a %s of %s would do", repair.kind == VRK_REPAIR_BUDGET ? "budget" :
			     repair.kind == VRK_REPAIR_DEADLINE ? "deadline" : "period", vrk_nsec_format(value, repair.value_ns));
	return r < 0 ? -ENOMEM : 0;
}

static int place_repair(struct bins *bins, const struct system_document *d, size_t v, char **ret)
{
	uint32_t few = bins->host.cpus, many = few + (uint32_t)bins->n;
	int32_t fixed = bins->fixed[v];
	struct vrk_verdict verdict;
	int r;

	if (fixed >= 0) {
		bins->fixed[v] = -1;
		r = bins_place(bins, &verdict);
		bins->fixed[v] = fixed;
		if (r < 0)
			return r;
		if (!verdict.ok)
			r = asprintf(ret, "let fewer vCPUs be fixed on CPU %" PRId32, fixed);
		else
			r = asprintf(ret, "leave the cpu of %s/vcpu%" PRIu32 " open: it fits on CPU %" PRId32, d->names[v].vm,
				     d->names[v].index, bins->cpu[v]);
		return r < 0 ? -ENOMEM : 0;
	}
	while (many - few > 1) {
		bins->host.cpus = few + (many - few) / 2;
		r = bins_place(bins, &verdict);
		if (r < 0)
			return r;
		if (verdict.ok)
			many = bins->host.cpus;
		else
			few = bins->host.cpus;
	}
	/* one for each that is free surely does, unless what is fixed is in its own way */
	bins->host.cpus = many;
	r = bins_place(bins, &verdict);
	if (r >= 0)
		r = verdict.ok ? asprintf(ret, "%" PRIu32 " CPUs are enough", many)
			       : asprintf(ret, "let fewer vCPUs be fixed, or make the budgets smaller");
	return r < 0 ? -ENOMEM : 0;
}

static int place_refuse(struct bins *bins, const struct system_document *d, const struct vrk_verdict *verdict,
			struct system_refusal *ret)
{
	struct vrk_host one = bins->host;
	char where[32] = "no CPU takes";
	size_t v = verdict->index;
	int r;

	one.cpus = 1;
	r = vrk_admit(&one, &bins->reservations[v], 1, &ret->verdict, NULL);
	if (r < 0)
		return r;
	if (!ret->verdict.ok) {
		r = place_reason(bins, &d->names[v], v, "not even an empty CPU takes", &ret->verdict, &ret->reason);
		return r < 0 ? r : alone_repair(bins, &d->names[v], v, &ret->repair);
	}
	if (bins->fixed[v] >= 0)
		snprintf(where, sizeof(where), "CPU %" PRId32 " does not take", bins->fixed[v]);
	ret->verdict = *verdict;
	r = place_reason(bins, &d->names[v], v, where, verdict, &ret->reason);
	return r < 0 ? r : place_repair(bins, d, v, &ret->repair);
}

/* Is there anything to choose? Exclusive is a demand on what is fixed, too. */
static bool place_needed(const struct system_document *d, enum system_policy policy)
{
	if (policy == SYSTEM_POLICY_EXCLUSIVE)
		return true;
	for (size_t i = 0; i < d->n_vcpus; i++)
		if (!d->names[i].pinned)
			return true;
	return false;
}

static int vcpus_place(struct system_document *d, enum system_policy policy, struct system_refusal *refusal)
{
	_cleanup_(bins_done) struct bins bins = { 0 };
	struct vrk_verdict verdict;
	int r = bins_init(&bins, d, policy);

	if (r >= 0)
		r = bins_place(&bins, &verdict);
	if (r >= 0 && !verdict.ok)
		return place_refuse(&bins, d, &verdict, refusal);
	for (size_t i = 0; r >= 0 && i < d->n_vcpus; i++)
		d->vcpus[i].cpu = bins.cpu[i];
	return r;
}

/* ---- the whole ---- */

struct attempt {
	struct system_document *document;
	enum system_policy policy;
	const bool *ours;		/* per vCPU: its reservation is ours to choose */
	nsec_t floor_ns;
	nsec_t cap_ns;
	struct vrk_system_result result;
	struct system_refusal refusal;
};

/* All that are ours, for the tasks as they are seen. */
static int sizes_find(struct attempt *a, const struct system_document *seen)
{
	struct system_document *d = a->document;

	for (size_t i = 0; i < d->n_vcpus; i++) {
		int r;

		if (!a->ours[i])
			continue;
		r = vcpu_size(seen, i, a->floor_ns, a->cap_ns, &d->vcpus[i].reservation);
		if (r < 0)
			return r;
		if (d->vcpus[i].reservation.budget_ns == 0)
			return size_refuse(seen, i, &a->refusal);
	}
	return 0;
}

/* A CPU for each: as short as waits can be. */
static void sizes_fill(struct attempt *a)
{
	struct system_document *d = a->document;

	for (size_t i = 0; i < d->n_vcpus; i++) {
		struct vrk_reservation *r = &d->vcpus[i].reservation;
		nsec_t period = period_largest(&d->system.host, &d->vcpus[i].guest);

		if (!a->ours[i])
			continue;
		if (a->cap_ns && period > a->cap_ns)
			period = a->cap_ns;
		*r = (struct vrk_reservation){ period, period, period, false };
	}
}

/* The periods stay; budgets grow to what the waits ask for, or where no budget is enough for those, a part of the way to all. */
static int sizes_grow(struct attempt *a, const struct system_document *seen, bool *ret_grown)
{
	struct system_document *d = a->document;
	size_t stuck = SIZE_MAX;

	*ret_grown = false;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		struct vrk_reservation *now = &d->vcpus[i].reservation;
		nsec_t need = 0;
		int r = a->ours[i] ? vrk_size_budget(&d->system.host, &seen->vcpus[i].guest, now->period_ns, 0, 0, &need) : 0;

		if (r < 0)
			return r;
		if (a->ours[i] && need == 0)
			stuck = i;
		*ret_grown |= need > now->budget_ns;
		now->budget_ns = need > now->budget_ns ? need : now->budget_ns;
	}
	if (stuck == SIZE_MAX)
		return 0;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		struct vrk_reservation *now = &d->vcpus[i].reservation;

		if (!a->ours[i] || now->budget_ns == now->period_ns)
			continue;
		now->budget_ns += (now->period_ns - now->budget_ns + 3) / 4;
		now->budget_ns = now->budget_ns + NSEC_PER_USEC < now->period_ns
			? (now->budget_ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC * NSEC_PER_USEC : now->period_ns;
		*ret_grown = true;
	}
	return *ret_grown ? 0 : size_refuse(seen, stuck, &a->refusal);
}

/*
 * Where guests share, the waits of each depend on the sizes of the others. From the shortest waits there can be: sizes for them,
 * the waits that follow, and budgets that grow until they are enough. Larger budgets only shorten waits, so that ends. The verdict on
 * the whole is what counts.
 */
static int sizes_settle(struct attempt *a)
{
	bool grown = true;
	int r = 0;

	if (!system_shared(a->document))
		return sizes_find(a, a->document);
	sizes_fill(a);
	for (unsigned int round = 0; r >= 0 && !a->refusal.reason && grown && round < SHARED_ROUNDS; round++) {
		_cleanup_(system_seen_done) struct system_seen seen = { .vcpus = NULL };

		r = system_seen_guess(a->document, false, &seen);
		if (r >= 0)
			r = round == 0 ? sizes_find(a, &seen.document) : sizes_grow(a, &seen.document, &grown);
	}
	return r;
}

static int places_find(struct attempt *a)
{
	struct system_document *d = a->document;

	for (size_t i = 0; i < d->n_vcpus; i++)
		if (!d->names[i].pinned && d->system.host.cpus > 1)
			d->vcpus[i].cpu = -1;
	if (!place_needed(d, a->policy))
		return 0;
	if (d->system.scheduler != VRK_HOST_EDF)
		return system_fixed_place(d, a->policy, &a->refusal);
	return d->n_irqs > 0 ? system_irqs_place(d, a->policy, &a->refusal) : vcpus_place(d, a->policy, &a->refusal);
}

/*
 * Threads of interrupts answer later the more is placed on their CPU, so the handlers behind them come with more jitter than was
 * thought when their guests were sized. What that asks for is known now. Where nothing grows any more, the no stands.
 */
static int sizes_regrow(struct attempt *a, bool *ret_grown)
{
	_cleanup_(system_seen_done) struct system_seen seen = { .vcpus = NULL };
	struct system_refusal refusal = { 0 };
	int r;

	*ret_grown = false;
	for (size_t i = 0; i < a->result.n_cpus; i++)
		if (!a->result.cpus[i].ok)
			return 0;
	r = system_seen_guess(a->document, true, &seen);
	if (r >= 0)
		r = sizes_grow(a, &seen.document, ret_grown);
	if (r >= 0 && a->refusal.reason) {	/* that of the whole says more */
		refusal = TAKE_GENERIC(a->refusal, struct system_refusal, (struct system_refusal){ 0 });
		system_refusal_done(&refusal);
	}
	return r;
}

/* One try with periods from the floor on. A no is in the refusal. */
static int attempt_run(struct attempt *a, struct vr_error **reterr)
{
	struct system_document *d = a->document;
	bool again = true;
	int r;

	r = sizes_settle(a);
	for (unsigned int round = 0; r >= 0 && !a->refusal.reason && again; round++) {
		vrk_system_result_done(&a->result);
		r = places_find(a);
		if (r < 0 || a->refusal.reason)
			return r;
		for (size_t i = 0; i < d->n_vcpus; i++)
			d->names[i].sized = true;
		r = system_judge(d, &a->result, reterr);
		for (size_t i = 0; i < d->n_vcpus; i++)
			d->names[i].sized = !a->ours[i];
		again = false;
		if (r >= 0 && !a->result.ok && d->n_irqs > 0 && round < PLACED_ROUNDS)
			r = sizes_regrow(a, &again);
	}
	return r < 0 || a->refusal.reason ? r : system_refusal_find(d, &a->result, &a->refusal);
}

/* May longer periods still help? */
static bool floor_useful(const struct system_document *d, const bool *ours, nsec_t floor_ns)
{
	for (size_t i = 0; i < d->n_vcpus; i++)
		if (ours[i] && period_largest(&d->system.host, &d->vcpus[i].guest) >= floor_ns)
			return true;
	return false;
}

/* What is ours, as a part of a CPU, with its switches. */
static bw_t ours_load(const struct attempt *a)
{
	bw_t load = 0;

	for (size_t i = 0; i < a->document->n_vcpus; i++)
		if (a->ours[i])
			load += vrk_bw(a->document->vcpus[i].reservation.budget_ns + 2 * a->document->system.host.switch_ns,
				       a->document->vcpus[i].reservation.period_ns);
	return load;
}

static void attempt_done(struct attempt *a)
{
	system_refusal_done(&a->refusal);
	vrk_system_result_done(&a->result);
}

/*
 * Who holds a resource may hold it for a period or more, so those that share are tried with no period beyond a half, a quarter, ...
 * of the shortest deadline, too. What costs least is taken; the no that is told is that of free periods.
 */
static int attempts_shared(struct attempt *a, struct vr_error **reterr)
{
	nsec_t shortest = NSEC_MAX, best_cap = 0, cap = 0;
	bw_t best = UINT64_MAX;

	for (size_t i = 0; i < a->document->n_tasks; i++)
		if (a->document->tasks[i].deadline_ns < shortest)
			shortest = a->document->tasks[i].deadline_ns;
	a->floor_ns = PERIOD_FLOOR_NS;
	for (unsigned int k = 0; k <= SHARED_CAPS && (k == 0 || cap >= VRK_PERIOD_MIN_NS); k++) {
		int r;

		a->cap_ns = cap;
		r = attempt_run(a, reterr);
		if (r < 0)
			return r;
		if (!a->refusal.reason && ours_load(a) < best) {
			best = ours_load(a);
			best_cap = cap;
		}
		attempt_done(a);
		cap = cap ? cap / 2 : shortest / 2;
	}
	a->cap_ns = best_cap;
	return attempt_run(a, reterr);
}

static int attempts_run(struct attempt *a, struct vr_error **reterr)
{
	_cleanup_(system_refusal_done) struct system_refusal first = { 0 };
	int r;

	for (a->floor_ns = PERIOD_FLOOR_NS;; a->floor_ns *= FLOOR_STEP) {
		r = attempt_run(a, reterr);
		if (r < 0 || !a->refusal.reason)
			return r;
		if (!first.reason)
			first = TAKE_GENERIC(a->refusal, struct system_refusal, (struct system_refusal){ 0 });
		system_refusal_done(&a->refusal);
		if (!floor_useful(a->document, a->ours, a->floor_ns * FLOOR_STEP))
			break;
		vrk_system_result_done(&a->result);
	}
	a->refusal = TAKE_GENERIC(first, struct system_refusal, (struct system_refusal){ 0 });
	return 0;
}

int system_plan_make(struct system_document *d, enum system_policy policy, struct vrk_system_result *ret,
		     struct system_refusal *ret_refusal, struct vr_error **reterr)
{
	_cleanup_(freep) bool *ours = calloc(d->n_vcpus + 1, sizeof(*ours));
	struct attempt a = { .document = d, .policy = policy, .ours = ours };
	int r = 0;

	if (!ours)
		return -ENOMEM;
	r = system_memory_plan(d, ret_refusal, reterr);
	if (r < 0 || ret_refusal->reason)
		return r;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		ours[i] = !d->names[i].sized;
		if (ours[i] && d->names[i].n_tasks == 0 && !system_has_handler(d, i))
			return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
					    "%s/vcpu%" PRIu32 " has neither budget and period nor tasks nor a handler: nothing says what it needs",
					    d->names[i].vm, d->names[i].index);
	}
	r = system_shared(d) ? attempts_shared(&a, reterr) : attempts_run(&a, reterr);
	if (r >= 0 && !a.refusal.reason) {
		for (size_t i = 0; i < d->n_vcpus; i++)
			d->names[i].sized = true;
		*ret = TAKE_GENERIC(a.result, struct vrk_system_result, (struct vrk_system_result){ 0 });
	} else if (r >= 0) {
		*ret_refusal = TAKE_GENERIC(a.refusal, struct system_refusal, (struct system_refusal){ 0 });
	}
	vrk_system_result_done(&a.result);
	system_refusal_done(&a.refusal);
	return r;
}
