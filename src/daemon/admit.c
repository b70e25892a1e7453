/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns what the daemon knows (regime, ledger, foreign load, a request) into the analysis' question, and the analysis'
 * numbers into sentences. Called by manager.c for Reserve, Check and Capacity. Never looks at the system, never logs.
 *
 * CPUs that are set apart, or to which threads are pinned, are judged one by one, as hosts of one CPU, those of a slice together; what
 * the other threads share, as a host of those that are left. A no of any of them is the answer.
 *
 * The order of a question is fixed: promises that stay, then foreign load, then the request. So an index of the
 * analysis below the first two tells "somebody else would be hit" and the rest is the request's own item.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "cpulist.h"

#define MEND_TICK     "echo HRTICK_DL > /sys/kernel/debug/sched/features"
#define TICK_EXACT_NS (10 * NSEC_PER_USEC)	/* what topology.c assumes where the kernel enforces exactly */

/* A set of CPUs that is judged by itself: one that threads have been given, or (NULL) those that the others share. */
struct place {
	enum partition_kind kind;
	uint32_t cpu;			/* of several the first */
};

struct question {
	struct vrk_reservation *r;
	size_t n;
	size_t n_kept;		/* promises that stay */
	size_t first;		/* where the request begins */
	const struct promise **kept;
	const struct foreign_load **loads;
	struct request_item *items;	/* of the request, those of this place */
	size_t *asked;			/* which of the request they are */
};

static void question_done(struct question *q)
{
	free(q->r);
	free(q->kept);
	free(q->loads);
	free(q->items);
	free(q->asked);
}

void verdict_done(struct verdict *verdict)
{
	free(verdict->regime);
	free(verdict->reason);
	free(verdict->repair_text);
	*verdict = (struct verdict) { 0 };
}

void admit_host(const struct regime *regime, struct vrk_host *ret)
{
	*ret = (struct vrk_host) {
		.cpus = regime->n_cpus,
		.fair_budget_ns = regime->fair_budget_ns,
		.fair_period_ns = regime->fair_period_ns,
		.tick_ns = regime->tick_ns,
		.kernel_limit_bw = regime->rt_runtime_us < 0 ? VRK_BW_UNLIMITED
				 : vrk_bw((nsec_t)regime->rt_runtime_us * NSEC_PER_USEC,
					  regime->rt_period_us * NSEC_PER_USEC),
		.period_min_ns = regime->period_min_ns,
		.period_max_ns = regime->period_max_ns,
	};
}

char *admit_regime_text(const struct regime *regime)
{
	char *text;

	if (asprintf(&text, "%s, %u CPU%s, %s", regime_kind_name(REGIME_ROOT_DOMAIN), regime->n_cpus,
		     regime->n_cpus == 1 ? "" : "s", regime->n_cpus == 1 ? "EDF" : "global EDF") < 0)
		return NULL;
	return text;
}

static bool item_replaces(const struct promise *p, const char *domain, const struct request_item *items, size_t n)
{
	if (!domain || strcmp(p->domain, domain) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(p->thread, items[i].thread) == 0)
			return true;
	return false;
}

static bool promise_is_at(const struct ledger *ledger, const struct promise *p, const struct place *place)
{
	const struct partition *partition = ledger_partition(ledger, p->tid, p->start_ticks);

	return place ? partition && partition->cpu == place->cpu : !partition;
}

const struct partition *admit_load_partition(const struct ledger *ledger, const struct foreign_load *load)
{
	for (size_t i = 0; CPU_COUNT(&load->cpus) > 0 && i < ledger->n_partitions; i++) {
		cpu_set_t cpus, both;

		partition_cpus(&ledger->partitions[i], &cpus);
		CPU_AND(&both, &cpus, &load->cpus);
		if (CPU_EQUAL(&both, &load->cpus))
			return &ledger->partitions[i];
	}
	return NULL;
}

/*
 * Somebody else's thread may be pinned to a CPU that is about to be set apart: then it goes to the others. Where ours are only
 * pinned it stays, and a load that has no CPU (yet) counts on each of them: it may still be owed, or come to be.
 */
static bool load_is_at(const struct ledger *ledger, const struct foreign_load *load, const struct place *place)
{
	const struct partition *partition = admit_load_partition(ledger, load);

	if (load->held_for && CPU_COUNT(&load->cpus) > 0)	/* they may be nobody's before it comes */
		return place && CPU_ISSET(place->cpu, &load->cpus);
	if (place && place->kind == PARTITION_PINNED)
		return CPU_COUNT(&load->cpus) == 0 || CPU_ISSET(place->cpu, &load->cpus);
	return place ? partition && partition->cpu == place->cpu : !partition;
}

static bool item_is_at(const struct request_item *item, const struct place *place)
{
	return place ? item->apart && item->cpu == place->cpu : !item->apart;
}

static int question_alloc(struct question *q, size_t n_promises, size_t n_loads, size_t n)
{
	*q = (struct question) {
		.r = calloc(n_promises + n_loads + n + 1, sizeof(*q->r)),
		.kept = calloc(n_promises + 1, sizeof(*q->kept)),
		.loads = calloc(n_loads + 1, sizeof(*q->loads)),
		.items = calloc(n + 1, sizeof(*q->items)),
		.asked = calloc(n + 1, sizeof(*q->asked)),
	};
	if (q->r && q->kept && q->loads && q->items && q->asked)
		return 0;
	question_done(q);
	*q = (struct question) { 0 };
	return -ENOMEM;
}

static int question_init(struct question *q, const struct ledger *ledger, const struct foreign *foreign,
			 const struct place *place, const char *domain, const struct request_item *items, size_t n)
{
	size_t n_foreign = foreign ? foreign->n : 0;
	int r;

	r = question_alloc(q, ledger->n, n_foreign, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ledger->n; i++) {
		if (item_replaces(&ledger->promises[i], domain, items, n) ||
		    !promise_is_at(ledger, &ledger->promises[i], place))
			continue;
		q->kept[q->n] = &ledger->promises[i];
		q->r[q->n++] = ledger->promises[i].reservation;
	}
	q->n_kept = q->n;
	for (size_t i = 0; i < n_foreign; i++) {
		if (!load_is_at(ledger, &foreign->loads[i], place))
			continue;
		q->loads[q->n - q->n_kept] = &foreign->loads[i];
		q->r[q->n++] = foreign->loads[i].reservation;
	}
	q->first = q->n;
	for (size_t i = 0; i < n; i++) {
		if (!item_is_at(&items[i], place))
			continue;
		q->items[q->n - q->first] = items[i];
		q->asked[q->n - q->first] = i;
		q->r[q->n++] = items[i].reservation;
	}
	return 0;
}

static void side_format(char *buf, size_t size, enum vrk_side_unit unit, uint64_t value)
{
	char ns[VRK_NSEC_STRLEN], cpus[VRK_BW_STRLEN];

	if (unit == VRK_SIDE_BW)
		snprintf(buf, size, "%s CPUs", vrk_bw_format(cpus, value));
	else
		snprintf(buf, size, "%s", vrk_nsec_format(ns, value));
}

/* Who is hit: "vcpu0", "vcpu1 of plc (promised already)", "thread 123 (stress, not ours)". */
static int hit_name(const struct question *q, size_t index, char **ret)
{
	int r;

	if (index < q->n_kept)
		r = asprintf(ret, "%s of %s (promised already)", q->kept[index]->thread, q->kept[index]->domain);
	else if (index < q->first)
		r = asprintf(ret, "thread %d (%s, not ours)", q->loads[index - q->n_kept]->tid,
			     q->loads[index - q->n_kept]->comm);
	else
		r = asprintf(ret, "%s", q->items[index - q->first].thread);
	return r < 0 ? -ENOMEM : 0;
}

static const char *rule_text(enum vrk_rule rule)
{
	switch (rule) {
	case VRK_RULE_BUDGET_ZERO:
		return "the budget must be above zero";
	case VRK_RULE_BUDGET_MIN:
		return "the budget is below the kernel's least";
	case VRK_RULE_BUDGET_DEADLINE:
		return "the budget is larger than the deadline";
	case VRK_RULE_DEADLINE_PERIOD:
		return "the deadline is larger than the period";
	case VRK_RULE_PERIOD_MIN:
		return "the period is shorter than the kernel allows";
	case VRK_RULE_PERIOD_MAX:
		return "the period is longer than the kernel allows";
	case VRK_RULE_TIME_MAX:
		return "the time is too large for the kernel";
	case VRK_RULE_NONE:
		break;
	}
	return "the parameters break a rule of the kernel";
}

int admit_rule_text(const char *thread, const struct vrk_verdict *v, char **ret)
{
	bool least = v->rule == VRK_RULE_BUDGET_ZERO || v->rule == VRK_RULE_BUDGET_MIN || v->rule == VRK_RULE_PERIOD_MIN;
	char given[VRK_NSEC_STRLEN], limit[VRK_NSEC_STRLEN];

	/* lhs <= rhs is the rule: of a least value the limit stands left, of all others what was given */
	vrk_nsec_format(given, least ? v->rhs : v->lhs);
	vrk_nsec_format(limit, least ? v->lhs : v->rhs);
	return asprintf(ret, "%s: %s (%s is given, %s is the %s)", thread, rule_text(v->rule), given, limit,
			least ? "least" : "most") < 0 ? -ENOMEM : 0;
}

static int reason_write(const struct vrk_host *host, const struct question *q, const struct vrk_verdict *v, char **ret)
{
	_cleanup_(freep) char *who = NULL;
	char lhs[48], rhs[48], at[VRK_NSEC_STRLEN], tick[96];
	int r;

	side_format(lhs, sizeof(lhs), v->unit, v->lhs);
	side_format(rhs, sizeof(rhs), v->unit, v->rhs);
	if (v->index < q->n) {
		r = hit_name(q, v->index, &who);
		if (r < 0)
			return r;
	}
	tick[0] = '\0';
	if (!v->ok && host->tick_ns > TICK_EXACT_NS)
		snprintf(tick, sizeof(tick), " (counting that budgets are cut at the %s tick)",
			 vrk_nsec_format(at, host->tick_ns));
	if (v->ok)
		r = asprintf(ret, "all deadlines hold by test %s: %s <= %s", vrk_test_name(v->test), lhs, rhs);
	else if (v->test == VRK_TEST_PARAMETERS)
		return admit_rule_text(who ?: "a reservation", v, ret);
	else if (v->test == VRK_TEST_KERNEL)
		r = asprintf(ret, "the kernel would refuse: %s of bandwidth with its own servers, but its limit is %s",
			     lhs, rhs);
	else if (v->test == VRK_TEST_FAIR && v->lhs == v->at_ns)
		r = asprintf(ret, "%s: a deadline of %s is too long beside the kernel's fair servers, %s is the most on several "
			     "CPUs", who ?: "a reservation", lhs, rhs);
	else if (v->test == VRK_TEST_FAIR)
		r = asprintf(ret, "%s could be late: all together may run %s before a fair server of the kernel that waits "
			     "%s takes a CPU from them", who ?: "a reservation", lhs, rhs);
	else if (v->test == VRK_TEST_QPA)
		r = asprintf(ret, "in a window of %s up to %s of CPU time would be due, which is too much%s",
			     vrk_nsec_format(at, v->at_ns), lhs, tick);
	else
		r = asprintf(ret, "%s could miss its deadline beside the others: test %s needs %s <= %s%s",
			     who ?: "a reservation", vrk_test_name(v->test), lhs, rhs, tick);
	return r < 0 ? -ENOMEM : 0;
}

static int repair_write(const struct vrk_repair *repair, const struct request_item *item, size_t n, char **ret)
{
	char value[VRK_NSEC_STRLEN], was[VRK_NSEC_STRLEN];
	const char *name = item ? item->thread : "the reservation";
	int r;

	/* A repair of a number is about one of the newcomers. */
	assert(item || repair->kind == VRK_REPAIR_TICK || repair->kind == VRK_REPAIR_NONE);
	vrk_nsec_format(value, repair->value_ns);
	switch (repair->kind) {
	case VRK_REPAIR_BUDGET:
		vrk_nsec_format(was, item->reservation.budget_ns);
		if (n == 1)
			r = asprintf(ret, "%s would fit with a budget of %s instead of %s", name, value, was);
		else
			r = asprintf(ret, "they would fit with every budget in the same ratio smaller: %s with %s instead of %s",
				     name, value, was);
		break;
	case VRK_REPAIR_DEADLINE:
		r = asprintf(ret, "%s would fit with a deadline of %s instead of %s", name, value,
			     vrk_nsec_format(was, item->reservation.deadline_ns));
		break;
	case VRK_REPAIR_PERIOD:
		r = asprintf(ret, "%s would fit with a period of %s instead of %s", name, value,
			     vrk_nsec_format(was, item->reservation.period_ns));
		break;
	case VRK_REPAIR_TICK:
		r = asprintf(ret, "it would fit if budgets were enforced exactly: " MEND_TICK);
		break;
	case VRK_REPAIR_NONE:
	default:
		r = asprintf(ret, "nothing smaller would fit either: release another reservation first");
		break;
	}
	return r < 0 ? -ENOMEM : 0;
}

/* The yes of the analysis is believed only with a certificate that an independent checker accepts. */
static int decide_certified(const struct vrk_host *host, const struct question *q, struct vrk_verdict *ret)
{
	_cleanup_(vrk_certificate_done) struct vrk_certificate cert = { 0 };
	int r;

	r = vrk_admit(host, q->r, q->n, ret, &cert);
	if (r < 0 || !ret->ok)
		return r;
	r = vrk_certificate_check(host, q->r, q->n, &cert);
	if (r == -EBADMSG) {
		ret->ok = false;
		return 0;
	}
	return r;
}

/* A single item that breaks a parameter rule is refused by that rule, whatever else is promised. */
static int parameters_check(const struct vrk_host *host, const struct question *q, struct vrk_verdict *ret)
{
	for (size_t i = q->first; i < q->n; i++) {
		int r = vrk_reservation_check(host, &q->r[i], ret);

		if (r < 0)
			return r;
		if (!ret->ok) {
			ret->index = i;
			return 0;
		}
	}
	return 0;
}

/* Where nothing helps with budgets cut at a coarse tick: would it, or something smaller, fit with exact enforcement? */
static int tick_repair(const struct vrk_host *host, const struct question *q, struct vrk_repair *repair, bool *ret_as_is)
{
	struct vrk_host exact = *host;
	struct vrk_verdict v;
	int r;

	*ret_as_is = false;
	if (host->tick_ns <= TICK_EXACT_NS)
		return 0;
	exact.tick_ns = TICK_EXACT_NS;
	r = vrk_admit(&exact, q->r, q->n, &v, NULL);
	if (r < 0)
		return r;
	*ret_as_is = v.ok;
	return v.ok ? 0 : vrk_admit_repair(&exact, q->r, q->n, q->first, repair);
}

static int repair_find(const struct vrk_host *host, const struct question *q, struct verdict *v)
{
	const struct request_item *items = q->items;
	_cleanup_(freep) char *with_tick = NULL;
	struct vrk_repair exact = { 0 };
	bool as_is;
	int r;

	r = vrk_admit_repair(host, q->r, q->n, q->first, &v->repair);
	if (r < 0)
		return r;
	if (v->repair.index >= q->first && v->repair.index < q->n)
		v->index = (uint32_t)(v->repair.index - q->first);
	if (v->repair.kind != VRK_REPAIR_NONE)
		return repair_write(&v->repair, &items[v->repair.index - q->first], q->n - q->first, &v->repair_text);
	r = tick_repair(host, q, &exact, &as_is);
	if (r < 0)
		return r;
	if (as_is) {
		v->repair.kind = VRK_REPAIR_TICK;
		return repair_write(&v->repair, NULL, 1, &v->repair_text);
	}
	if (exact.kind == VRK_REPAIR_NONE)
		return repair_write(&exact, NULL, 1, &v->repair_text);
	r = repair_write(&exact, &items[exact.index - q->first], q->n - q->first, &with_tick);
	if (r < 0)
		return r;
	return asprintf(&v->repair_text, "nothing smaller would fit while budgets are cut at the tick; with "
			"exact enforcement (" MEND_TICK ") %s", with_tick) < 0 ? -ENOMEM : 0;
}

static int decide(const struct vrk_host *host, const struct question *q, struct verdict *v)
{
	int r;

	v->analysis = (struct vrk_verdict) { .ok = true, .index = SIZE_MAX };
	r = parameters_check(host, q, &v->analysis);
	if (r < 0)
		return r;
	if (v->analysis.ok) {
		r = decide_certified(host, q, &v->analysis);
		if (r < 0)
			return r;
	}
	v->index = v->analysis.index >= q->first && v->analysis.index < q->n ? (uint32_t)(v->analysis.index - q->first)
									    : VERDICT_NO_INDEX;
	r = reason_write(host, q, &v->analysis, &v->reason);
	if (r < 0)
		return r;
	if (v->analysis.ok || v->analysis.test == VRK_TEST_PARAMETERS) {
		v->repair_text = strdup("");
		return v->repair_text ? 0 : -ENOMEM;
	}
	return repair_find(host, q, v);
}

/* ---- places ---- */

/* How many of them it had. */
static uint32_t shared_lose(struct regime *shared, const cpu_set_t *cpus)
{
	uint32_t count = 0;

	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus) || !CPU_ISSET(cpu, &shared->online))
			continue;
		CPU_CLR(cpu, &shared->online);
		if (!CPU_ISSET(cpu, &shared->isolated))
			shared->n_cpus -= shared->n_cpus > 0;
		count++;
	}
	return count;
}

void admit_shared(const struct regime *regime, const struct ledger *ledger, struct regime *ret)
{
	*ret = *regime;
	for (size_t i = 0; i < ledger->n_partitions; i++) {
		cpu_set_t cpus;

		partition_cpus(&ledger->partitions[i], &cpus);
		shared_lose(ret, &cpus);
	}
}

/* And those that are held for domains to come. */
static void shared_lose_held(struct regime *shared, const struct foreign *foreign)
{
	for (size_t i = 0; foreign && i < foreign->n; i++)
		if (foreign->loads[i].held_for)
			shared_lose(shared, &foreign->loads[i].cpus);
}

void admit_item_cpus(const struct request_item *item, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	if (item->kind == PARTITION_SHARED)
		*ret = item->slice_cpus;
	else
		CPU_SET(item->cpu, ret);
}

/* The CPUs that are given away when the request is granted, of @shared; how many of them are taken from the others. */
static uint32_t shared_without(struct regime *shared, const struct request_item *items, size_t n)
{
	uint32_t count = 0;
	cpu_set_t cpus;

	for (size_t i = 0; i < n; i++) {
		uint32_t lost;

		if (!items[i].apart)
			continue;
		admit_item_cpus(&items[i], &cpus);
		lost = shared_lose(shared, &cpus);
		count += items[i].kind == PARTITION_PINNED ? 0 : lost;
	}
	return count;
}

static enum regime_kind kind_regime(enum partition_kind kind)
{
	return kind == PARTITION_PINNED ? REGIME_PINNED : kind == PARTITION_SHARED ? REGIME_SHARED : REGIME_EXCLUSIVE;
}

/* "exclusive, CPUs 2-3, EDF on each" behind what stands there; nothing when no item is of this kind. */
static int regime_add_kind(enum partition_kind kind, const struct request_item *items, size_t n, char **text)
{
	_cleanup_(freep) char *list = NULL, *before = NULL;
	cpu_set_t cpus, its;
	const char *test;
	int r;

	CPU_ZERO(&cpus);
	for (size_t i = 0; i < n; i++) {
		if (!items[i].apart || items[i].kind != kind)
			continue;
		admit_item_cpus(&items[i], &its);
		CPU_OR(&cpus, &cpus, &its);
	}
	if (CPU_COUNT(&cpus) == 0)
		return 0;
	test = CPU_COUNT(&cpus) == 1 ? "EDF" : kind == PARTITION_SHARED ? "global EDF" : "EDF on each";
	r = cpulist_format(&cpus, &list);
	if (r < 0)
		return r;
	before = TAKE_PTR(*text);
	r = asprintf(text, "%s%s%s, CPU%s %s, %s", before ?: "", before ? "; " : "", regime_kind_name(kind_regime(kind)),
		     CPU_COUNT(&cpus) == 1 ? "" : "s", list, test);
	if (r < 0)
		*text = NULL;
	return r < 0 ? -ENOMEM : 0;
}

/* "exclusive, CPU 2, EDF", "exclusive, CPUs 2-3, EDF on each; root-domain, 2 CPUs, global EDF" */
static int regime_write(const struct regime *shared, const struct request_item *items, size_t n, char **ret)
{
	_cleanup_(freep) char *others = NULL, *text = NULL;
	bool all = true;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		all &= items[i].apart;
	for (enum partition_kind kind = 0; r >= 0 && kind < _PARTITION_KIND_MAX; kind++)
		r = regime_add_kind(kind, items, n, &text);
	if (r < 0)
		return r;
	if (!all) {
		others = admit_regime_text(shared);
		if (!others)
			return -ENOMEM;
	}
	if (!text || !others) {
		*ret = text ? TAKE_PTR(text) : TAKE_PTR(others);
		return 0;
	}
	r = asprintf(ret, "%s; %s", text, others);
	if (r < 0)
		*ret = NULL;
	return r < 0 ? -ENOMEM : 0;
}

struct request {
	const struct ledger *ledger;
	const struct foreign *foreign;
	const char *domain;
	const struct request_item *items;
	size_t n;
};

/* One place. The index of a no that is about the request counts in all of it. */
static int decide_at(const struct regime *regime, const struct request *request, const struct place *place, struct verdict *ret)
{
	_cleanup_(question_done) struct question q = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };
	struct vrk_host host;
	int r;

	r = question_init(&q, request->ledger, request->foreign, place, request->domain, request->items, request->n);
	if (r < 0)
		return r;
	admit_host(regime, &host);
	r = decide(&host, &q, &v);
	if (r < 0)
		return r;
	if (v.index != VERDICT_NO_INDEX)
		v.index = (uint32_t)q.asked[v.index];
	*ret = v;
	v = (struct verdict) { 0 };
	return 0;
}

/* Each CPU that the request wants apart, until a no. *ret is that of the last one. */
static int decide_apart(const struct regime *regime, const struct request *request, struct verdict *ret)
{
	struct regime one = *regime;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < request->n; i++) {
		const struct request_item *item = &request->items[i];
		const struct place place = { item->kind, item->cpu };

		if (!item->apart || (ret->reason && !ret->analysis.ok))
			continue;
		one.n_cpus = item->kind == PARTITION_SHARED ? (uint32_t)CPU_COUNT(&item->slice_cpus) : 1;
		verdict_done(ret);
		r = decide_at(&one, request, &place, ret);
	}
	return r;
}

/* What is shared, when CPUs are taken from it and nothing is added: whose no it is has to be said. */
static int taken_away(struct verdict *v)
{
	_cleanup_(freep) char *why = TAKE_PTR(v->reason);

	free(v->repair_text);
	v->repair_text = strdup("name fewer CPUs, or release a reservation that has none of its own");
	if (asprintf(&v->reason, "no CPU can be set apart, the reservations on the CPUs that are left would not fit any more: %s",
		     why) < 0)
		v->reason = NULL;
	return v->reason && v->repair_text ? 0 : -ENOMEM;
}

int admit_decide(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		 const char *domain, const struct request_item *items, size_t n, struct verdict *ret)
{
	const struct request request = { ledger, foreign, domain, items, n };
	_cleanup_(verdict_done) struct verdict v = { 0 }, shared_v = { 0 };
	bool adds = false, takes;
	struct regime shared;
	int r;

	assert(n > 0);
	admit_shared(regime, ledger, &shared);
	shared_lose_held(&shared, foreign);
	takes = shared_without(&shared, items, n) > 0;
	for (size_t i = 0; i < n; i++)
		adds |= !items[i].apart;
	r = decide_apart(regime, &request, &v);
	if (r >= 0 && (adds || takes) && (!v.reason || v.analysis.ok))
		r = decide_at(&shared, &request, NULL, &shared_v);
	if (r >= 0 && shared_v.reason && !shared_v.analysis.ok && !adds)
		r = taken_away(&shared_v);
	if (r < 0)
		return r;
	if (shared_v.reason && (adds || !shared_v.analysis.ok)) {
		verdict_done(&v);
		v = shared_v;
		shared_v = (struct verdict) { 0 };
	}
	r = regime_write(&shared, items, n, &v.regime);
	if (r < 0)
		return r;

	*ret = v;
	v = (struct verdict) { 0 };
	return 0;
}

int admit_fits_on(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const char *domain, const struct request_item *items, size_t n, uint32_t cpu, bool *ret)
{
	_cleanup_(question_done) struct question q = { 0 };
	struct place place = { .cpu = cpu };
	struct vrk_verdict v = { 0 };
	struct vrk_host host;
	int r;

	for (size_t i = 0; i < n; i++)
		if (items[i].apart && items[i].cpu == cpu)
			place.kind = items[i].kind;
	r = question_init(&q, ledger, foreign, &place, domain, items, n);
	if (r < 0)
		return r;
	admit_host(regime, &host);
	host.cpus = 1;
	r = parameters_check(&host, &q, &v);
	if (r >= 0 && (q.first == q.n || v.ok))
		r = vrk_admit(&host, q.r, q.n, &v, NULL);
	if (r >= 0)
		*ret = v.ok;
	return r;
}

int admit_largest(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const struct partition *place, nsec_t period_ns, nsec_t *ret_budget_ns)
{
	const struct place at = { place ? place->kind : 0, place ? place->cpu : 0 };
	_cleanup_(question_done) struct question q = { 0 };
	struct regime shared;
	struct vrk_host host;
	cpu_set_t cpus;
	int r;

	r = question_init(&q, ledger, foreign, place ? &at : NULL, NULL, NULL, 0);
	if (r < 0)
		return r;
	admit_shared(regime, ledger, &shared);
	shared_lose_held(&shared, foreign);
	admit_host(&shared, &host);
	if (place) {
		partition_cpus(place, &cpus);
		host.cpus = (uint32_t)CPU_COUNT(&cpus);
	}
	return vrk_admit_largest(&host, q.r, q.n, period_ns, ret_budget_ns);
}
