/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One reservation looked at alone: is (budget, deadline, period) something that SCHED_DEADLINE takes at all?
 * The rules are those of sched(7) and __checkparam_dl() of Linux 6.12: 1024 ns <= Q <= D <= P, P inside
 * sched_deadline_period_{min,max}_us, the top bit of every time clear. Called first by vrk_admit(), and by
 * whoever wants to name the broken rule in a message. It never looks at the load of a host.
 */
#include <stdint.h>
#include <string.h>

#include <virtrk/analysis.h>

static const char *const test_names[_VRK_TEST_MAX] = {
	[VRK_TEST_NONE] = "none",
	[VRK_TEST_PARAMETERS] = "parameters",
	[VRK_TEST_KERNEL] = "kernel",
	[VRK_TEST_QPA] = "qpa",
	[VRK_TEST_GFB] = "gfb",
	[VRK_TEST_BAK] = "bak",
	[VRK_TEST_BCL] = "bcl",
	[VRK_TEST_BCL_ITER] = "bcl-iter",
	[VRK_TEST_FAIR] = "fair",
	[VRK_TEST_GUEST_FP] = "guest-fp",
	[VRK_TEST_GUEST_EDF] = "guest-edf",
	[VRK_TEST_HOST_FP] = "host-fp",
	[VRK_TEST_PLACE] = "place",
	[VRK_TEST_IRQ] = "irq",
	[VRK_TEST_MEMORY] = "memory",
};

const char *vrk_test_name(enum vrk_test test)
{
	if ((unsigned int)test >= _VRK_TEST_MAX)
		return "unknown";
	return test_names[test];
}

static bool breaks(struct vrk_verdict *v, enum vrk_rule rule, uint64_t lhs, uint64_t rhs)
{
	v->lhs = lhs;
	v->rhs = rhs;
	v->rule = rule;
	v->ok = lhs <= rhs;
	return !v->ok;
}

int vrk_reservation_check(const struct vrk_host *host, const struct vrk_reservation *r,
			  struct vrk_verdict *ret)
{
	nsec_t period_min = host && host->period_min_ns ? host->period_min_ns : VRK_PERIOD_MIN_NS;
	nsec_t period_max = host && host->period_max_ns ? host->period_max_ns : VRK_PERIOD_MAX_NS;
	struct vrk_verdict v = { .test = VRK_TEST_PARAMETERS, .unit = VRK_SIDE_NS, .index = SIZE_MAX };

	/* Sizes first: "budget above deadline" would be a poor name for a time of 300 years. */
	if (breaks(&v, VRK_RULE_TIME_MAX, r->budget_ns, NSEC_MAX) ||
	    breaks(&v, VRK_RULE_TIME_MAX, r->deadline_ns, NSEC_MAX) ||
	    breaks(&v, VRK_RULE_TIME_MAX, r->period_ns, NSEC_MAX) ||
	    breaks(&v, VRK_RULE_BUDGET_ZERO, 1, r->budget_ns) ||
	    breaks(&v, VRK_RULE_BUDGET_MIN, VRK_BUDGET_MIN_NS, r->budget_ns) ||
	    breaks(&v, VRK_RULE_PERIOD_MIN, period_min, r->period_ns) ||
	    breaks(&v, VRK_RULE_PERIOD_MAX, r->period_ns, period_max) ||
	    breaks(&v, VRK_RULE_DEADLINE_PERIOD, r->deadline_ns, r->period_ns) ||
	    breaks(&v, VRK_RULE_BUDGET_DEADLINE, r->budget_ns, r->deadline_ns))
		*ret = v;
	else
		*ret = (struct vrk_verdict){
			.ok = true,
			.test = VRK_TEST_PARAMETERS,
			.lhs = r->budget_ns,
			.rhs = r->deadline_ns,
			.index = SIZE_MAX,
		};
	return 0;
}
