/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The analysis' numbers as sentences: why it fits or does not, the smallest change that would make it fit, and on which CPUs by which
 * test it was judged. Called by admit.c, and for numbers that break a rule by the manager. Pure.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admit-private.h"
#include "cpulist.h"

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

int admit_reason_write(const struct vrk_host *host, const struct question *q, const struct vrk_verdict *v, char **ret)
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

int admit_repair_write(const struct vrk_repair *repair, const struct request_item *item, size_t n, char **ret)
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

char *admit_regime_text(const struct regime *regime)
{
	char *text;

	if (asprintf(&text, "%s, %u CPU%s, %s", regime_kind_name(REGIME_ROOT_DOMAIN), regime->n_cpus,
		     regime->n_cpus == 1 ? "" : "s", regime->n_cpus == 1 ? "EDF" : "global EDF") < 0)
		return NULL;
	return text;
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
int admit_regime_write(const struct regime *shared, const struct request_item *items, size_t n, char **ret)
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
