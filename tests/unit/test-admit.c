/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision in words: what is asked of the analysis (promises that stay, foreign load, the request) and what is said.
 * The numbers themselves are the analysis' business and are tested there.
 */
#include <stdio.h>
#include <string.h>

#include "admit.h"

#define MS(x) ((x) * NSEC_PER_MSEC)

static int failures;

#define CHECK(name, condition)                                                          \
	do {                                                                            \
		if (!(condition)) {                                                     \
			printf("%s: failed: %s (line %d)\n", name, #condition, __LINE__); \
			failures++;                                                     \
		}                                                                       \
	} while (0)

static struct regime regime_make(uint32_t n_cpus)
{
	return (struct regime) {
		.kind = REGIME_ROOT_DOMAIN, .n_cpus = n_cpus, .rt_runtime_us = 950000, .rt_period_us = 1000000,
		.fair_budget_ns = MS(50), .fair_period_ns = MS(1000), .tick_ns = 0,
	};
}

static struct request_item item_make(const char *thread, nsec_t budget, nsec_t period)
{
	struct request_item item = { .reservation = { budget, period, period } };

	snprintf(item.thread, sizeof(item.thread), "%s", thread);
	return item;
}

static void ledger_put(struct ledger *ledger, const char *domain, const char *thread, nsec_t budget, nsec_t period)
{
	struct promise p = { .domain = (char *)domain, .reservation = { budget, period, period } };

	snprintf(p.thread, sizeof(p.thread), "%s", thread);
	if (ledger_add(ledger, &p) < 0)
		failures++;
}

/* What is promised, what is asked, and whether it fits. */
static const struct {
	const char *name;
	uint32_t cpus;
	nsec_t promised_ms;	/* budget of a.vcpu0 in 10 ms; 0 = nothing is promised */
	nsec_t foreign_ms;	/* budget of a foreign thread in 10 ms */
	const char *domain;
	nsec_t asked_ms;
	bool fits;
} cases[] = {
	{ "alone on one CPU",		   1, 0, 0, "a", 8, true },
	{ "above the kernel's limit",	   1, 0, 0, "a", 10, false },
	{ "beside a promise",		   1, 4, 0, "b", 4, true },
	{ "too much beside a promise",	   1, 5, 0, "b", 5, false },
	{ "foreign load counts",	   1, 0, 5, "a", 5, false },
	{ "foreign load leaves room",	   1, 0, 5, "a", 4, true },
	{ "its own promise is replaced",   1, 8, 0, "a", 8, true },
	{ "the same thread of another",	   1, 8, 0, "b", 8, false },
	{ "two CPUs hold one each",	   2, 4, 0, "b", 4, true },
};

static void test_fits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct regime regime = regime_make(cases[i].cpus);
		struct request_item item = item_make("vcpu0", MS(cases[i].asked_ms), MS(10));
		struct foreign_load load = { .tid = 7, .comm = "other", .reservation = { MS(cases[i].foreign_ms), MS(10), MS(10) } };
		struct foreign foreign = { &load, cases[i].foreign_ms ? 1 : 0 };
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		_cleanup_(verdict_done) struct verdict v = { 0 };

		if (cases[i].promised_ms)
			ledger_put(&ledger, "a", "vcpu0", MS(cases[i].promised_ms), MS(10));
		CHECK(cases[i].name, admit_decide(&regime, &ledger, &foreign, cases[i].domain, &item, 1, &v) == 0);
		CHECK(cases[i].name, v.analysis.ok == cases[i].fits);
		CHECK(cases[i].name, v.reason && v.reason[0]);
		CHECK(cases[i].name, (v.repair_text[0] == '\0') == cases[i].fits);
	}
}

/* CPU 1 of two is held for a domain to come, with 5 of 10 ms: it counts there, and not among those that share the rest, which is one less. */
static void test_held(void)
{
	static const struct {
		const char *name;
		bool apart;
		enum partition_kind kind;
		nsec_t asked_ms;
		bool fits;
		const char *regime;
	} helds[] = {
		{ "what is left is judged as one CPU", false, 0, 8, true, "root-domain, 1 CPU, EDF" },
		{ "and holds no more than that", false, 0, 10, false, "root-domain, 1 CPU, EDF" },
		{ "beside it", true, PARTITION_PINNED, 4, true, "pinned, CPU 1, EDF" },
		{ "too much beside it", true, PARTITION_PINNED, 5, false, "pinned, CPU 1, EDF" },
		{ "on the same CPU, exclusive to its domain", true, PARTITION_EXCLUSIVE, 4, true, "exclusive, CPU 1, EDF" },
		{ "too much there", true, PARTITION_EXCLUSIVE, 5, false, "exclusive, CPU 1, EDF" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(helds); i++) {
		struct regime regime = regime_make(2);
		struct request_item item = item_make("vcpu0", MS(helds[i].asked_ms), MS(10));
		struct foreign_load load = { .comm = "prepared", .reservation = { MS(5), MS(10), MS(10) }, .held_for = "c" };
		struct foreign foreign = { &load, 1 };
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		_cleanup_(verdict_done) struct verdict v = { 0 };

		CPU_SET(0, &regime.online);
		CPU_SET(1, &regime.online);
		CPU_SET(1, &load.cpus);
		item.apart = helds[i].apart;
		item.kind = helds[i].kind;
		item.cpu = 1;
		CHECK(helds[i].name, admit_decide(&regime, &ledger, &foreign, "c", &item, 1, &v) == 0);
		CHECK(helds[i].name, v.analysis.ok == helds[i].fits);
		CHECK(helds[i].name, v.regime && strcmp(v.regime, helds[i].regime) == 0);
	}
}

/* A repair is a promise too: asked for, it must fit. */
static void test_repair_fits(void)
{
	for (nsec_t budget = 1; budget <= 10; budget++) {
		struct regime regime = regime_make(1 + budget % 2);
		struct request_item item = item_make("vcpu0", MS(budget), MS(10));
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		_cleanup_(verdict_done) struct verdict v = { 0 };
		_cleanup_(verdict_done) struct verdict again = { 0 };

		ledger_put(&ledger, "a", "vcpu0", MS(6), MS(10));
		CHECK("repair", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0);
		if (v.analysis.ok || v.repair.kind == VRK_REPAIR_NONE || v.repair.kind == VRK_REPAIR_TICK)
			continue;
		item.reservation = v.repair.fits;
		CHECK("repair", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &again) == 0);
		CHECK("repair", again.analysis.ok);
	}
}

static void test_words(void)
{
	struct regime regime = regime_make(1);
	struct request_item items[] = { item_make("vcpu0", MS(1), MS(10)), item_make("vcpu1", MS(9), MS(10)) };
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };

	CHECK("words", admit_decide(&regime, &ledger, NULL, "a", items, 2, &v) == 0);
	CHECK("words", !v.analysis.ok);
	CHECK("words", strcmp(v.regime, "root-domain, 1 CPU, EDF") == 0);
	CHECK("words", strstr(v.repair_text, "would fit"));
	verdict_done(&v);

	items[0] = item_make("vcpu0", MS(11), MS(10));
	CHECK("rule", admit_decide(&regime, &ledger, NULL, "a", items, 1, &v) == 0);
	CHECK("rule", v.analysis.test == VRK_TEST_PARAMETERS && v.index == 0);
	CHECK("rule", strstr(v.reason, "vcpu0: the budget is larger than the deadline (11ms is given, 10ms is the most)"));
}

static void test_largest(void)
{
	struct regime regime = regime_make(1);
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	nsec_t before, after;

	CHECK("largest", admit_largest(&regime, &ledger, NULL, NULL, MS(10), &before) == 0);
	ledger_put(&ledger, "a", "vcpu0", MS(4), MS(10));
	CHECK("largest", admit_largest(&regime, &ledger, NULL, NULL, MS(10), &after) == 0);
	CHECK("largest", before > after && after > MS(4));
}

/* CPUs of their own: each is judged alone, and what is left for the others is less. */
static void test_apart(void)
{
	struct regime regime = regime_make(4);
	struct request_item items[] = { item_make("vcpu0", MS(85), MS(100)), item_make("vcpu1", MS(85), MS(100)),
					item_make("vcpu2", MS(85), MS(100)) };
	const struct partition own = { (char *)"vcpu0 of a", (char *)"/g", 1, 1, 3, 0, 0 };
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .tid = 1, .start_ticks = 1,
			     .reservation = { MS(85), MS(100), MS(100) } };
	struct foreign_load loads[] = { { .tid = 7, .comm = "x", .reservation = { MS(85), MS(100), MS(100) } },
					{ .tid = 8, .comm = "y", .reservation = { MS(85), MS(100), MS(100) } } };
	const struct foreign foreign = { loads, 2 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };
	nsec_t before, after;

	for (int cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &regime.online);
	CHECK("all shared", admit_decide(&regime, &ledger, NULL, "a", items, 3, &v) == 0 && !v.analysis.ok);
	verdict_done(&v);
	for (uint32_t i = 0; i < 3; i++) {
		items[i].apart = true;
		items[i].cpu = i + 1;
	}
	CHECK("each its own", admit_decide(&regime, &ledger, NULL, "a", items, 3, &v) == 0 && v.analysis.ok);
	CHECK("each its own", v.analysis.test == VRK_TEST_QPA && strcmp(v.regime, "exclusive, CPUs 1-3, EDF on each") == 0);
	verdict_done(&v);
	items[1].reservation.budget_ns = MS(97);
	CHECK("one too large", admit_decide(&regime, &ledger, NULL, "a", items, 3, &v) == 0 && !v.analysis.ok && v.index == 1);
	CHECK("one too large", strstr(v.repair_text, "vcpu1 would fit with a budget of"));
	verdict_done(&v);
	items[1] = item_make("vcpu1", MS(85), MS(100));
	CHECK("mixed", admit_decide(&regime, &ledger, NULL, "a", items, 3, &v) == 0 && v.analysis.ok);
	CHECK("mixed", strcmp(v.regime, "exclusive, CPUs 1,3, EDF on each; root-domain, 2 CPUs, global EDF") == 0);
	verdict_done(&v);
	CHECK("mixed, beside others", admit_decide(&regime, &ledger, &foreign, "a", items, 3, &v) == 0 && !v.analysis.ok);
	CHECK("mixed, beside others", strstr(v.repair_text, "vcpu1") || strstr(v.repair_text, "release"));
	verdict_done(&v);

	CHECK("largest", admit_largest(&regime, &ledger, NULL, NULL, MS(100), &before) == 0);
	CHECK("in force", ledger_add(&ledger, &p) == 0 && ledger_add_partition(&ledger, &own) == 0);
	CHECK("largest beside it", admit_largest(&regime, &ledger, NULL, NULL, MS(100), &after) == 0 && after > 0 && after <= before);
	items[0] = item_make("vcpu0", MS(90), MS(100));
	items[0].apart = true;
	items[0].cpu = 3;
	CHECK("in its place", admit_decide(&regime, &ledger, NULL, "a", items, 1, &v) == 0 && v.analysis.ok);
	CHECK("in its place", strcmp(v.regime, "exclusive, CPU 3, EDF") == 0);
	verdict_done(&v);
	items[0] = item_make("vcpu0", MS(85), MS(100));
	CHECK("its CPU is not the others'", admit_decide(&regime, &ledger, NULL, "b", items, 1, &v) == 0 &&
	      strcmp(v.regime, "root-domain, 3 CPUs, global EDF") == 0);
}

/* A CPU that goes is missed by what is shared, also by threads of others. */
static void test_taken(void)
{
	struct regime regime = regime_make(2);
	struct request_item item = item_make("vcpu0", MS(1), MS(10));
	struct foreign_load load = { .tid = 7, .comm = "other", .reservation = { MS(5), MS(10), MS(10) } };
	const struct foreign foreign = { &load, 1 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };

	CPU_SET(0, &regime.online);
	CPU_SET(1, &regime.online);
	item.apart = true;
	item.cpu = 1;
	ledger_put(&ledger, "a", "vcpu0", MS(5), MS(10));
	CHECK("the rest is too little", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && !v.analysis.ok);
	CHECK("the rest is too little", strstr(v.reason, "no CPU can be set apart, the reservations on the CPUs that are left would not fit"));
	CHECK("the rest is too little", v.index == VERDICT_NO_INDEX && v.repair_text[0]);
	verdict_done(&v);
	CHECK("without the other it is enough", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && v.analysis.ok);
	verdict_done(&v);
	CPU_SET(1, &load.cpus);		/* pinned to the CPU that goes: the kernel sends it to the others */
	CHECK("pinned there", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && !v.analysis.ok);
}

/* Where the kernel checks nothing, threads of several domains share the CPU to which they are pinned. */
static void test_pinned(void)
{
	struct regime regime = regime_make(4);
	struct partition pin = { .kind = PARTITION_PINNED, .label = (char *)"vcpu0 of a", .tid = 1, .start_ticks = 1, .cpu = 2 };
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .tid = 1, .start_ticks = 1,
			     .reservation = { MS(40), MS(100), MS(100) } };
	struct foreign_load load = { .tid = 7, .comm = "x", .reservation = { MS(20), MS(100), MS(100) } };
	const struct foreign foreign = { &load, 1 };
	struct request_item item = item_make("vcpu0", MS(40), MS(100));
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };
	nsec_t empty, beside;
	bool fits = false;

	for (int cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &regime.online);
	regime.kind = REGIME_PINNED;
	regime.rt_runtime_us = -1;
	CHECK("in force", ledger_add(&ledger, &p) == 0 && ledger_add_partition(&ledger, &pin) == 0);
	item.apart = true;
	item.cpu = 2;
	item.kind = PARTITION_PINNED;
	CHECK("two on one CPU", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && v.analysis.ok);
	CHECK("two on one CPU", v.analysis.test == VRK_TEST_QPA && strcmp(v.regime, "pinned, CPU 2, EDF") == 0);
	verdict_done(&v);
	CHECK("fits", admit_fits_on(&regime, &ledger, NULL, "b", &item, 1, 2, &fits) == 0 && fits);
	item.reservation.budget_ns = MS(56);
	CHECK("too much, which the kernel would not see",
	      admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && !v.analysis.ok && v.analysis.test == VRK_TEST_QPA);
	CHECK("fits not", admit_fits_on(&regime, &ledger, NULL, "b", &item, 1, 2, &fits) == 0 && !fits);
	verdict_done(&v);
	item.cpu = 3;
	CHECK("another CPU", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && v.analysis.ok);
	verdict_done(&v);
	item = item_make("vcpu0", MS(40), MS(100));
	item.apart = true;
	item.cpu = 2;
	item.kind = PARTITION_PINNED;
	CHECK("with one that may be anywhere", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && !v.analysis.ok);
	verdict_done(&v);
	CPU_SET(2, &load.cpus);
	CHECK("with one that is there", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && !v.analysis.ok);
	verdict_done(&v);
	CPU_ZERO(&load.cpus);
	CPU_SET(1, &load.cpus);
	CHECK("with one that is elsewhere", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && v.analysis.ok);
	CHECK("largest", admit_largest(&regime, &ledger, NULL, &pin, MS(100), &beside) == 0);
	ledger_remove(&ledger, "a", "vcpu0");
	CHECK("largest", admit_largest(&regime, &ledger, NULL, &pin, MS(100), &empty) == 0);
	CHECK("largest", beside >= MS(50) && beside < MS(56) && empty >= beside + MS(39));
}

/* A slice: its CPUs are judged together, and for all that are in it. */
static void test_shared(void)
{
	struct regime regime = regime_make(4);
	struct partition in = { .kind = PARTITION_SHARED, .label = (char *)"vcpu0 of a", .cgroup = (char *)"/v", .tid = 1, .start_ticks = 1,
				.cpu = 2 };
	struct promise p = { .domain = (char *)"a", .thread = "vcpu0", .tid = 1, .start_ticks = 1,
			     .reservation = { MS(40), MS(100), MS(100) } };
	struct foreign_load load = { .tid = 7, .comm = "x", .reservation = { MS(85), MS(100), MS(100) } };
	const struct foreign foreign = { &load, 1 };
	struct request_item item = item_make("vcpu0", MS(40), MS(100));
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };
	struct regime shared;
	nsec_t largest;

	for (int cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &regime.online);
	CPU_SET(2, &in.cpus);
	CPU_SET(3, &in.cpus);
	CHECK("in force", ledger_add(&ledger, &p) == 0 && ledger_add_partition(&ledger, &in) == 0);
	item.apart = true;
	item.cpu = 2;
	item.kind = PARTITION_SHARED;
	item.slice_cpus = in.cpus;
	CHECK("two CPUs", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && v.analysis.ok);
	CHECK("two CPUs", v.analysis.test != VRK_TEST_QPA && strcmp(v.regime, "shared, CPUs 2-3, global EDF") == 0);
	verdict_done(&v);
	CHECK("somebody else's elsewhere", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && v.analysis.ok);
	verdict_done(&v);
	load.cpus = in.cpus;
	CHECK("somebody else's in the slice", admit_decide(&regime, &ledger, &foreign, "b", &item, 1, &v) == 0 && !v.analysis.ok);
	CHECK("where it is", admit_load_partition(&ledger, &load) == &ledger.partitions[0]);
	CPU_SET(1, &load.cpus);
	CHECK("where it is", admit_load_partition(&ledger, &load) == NULL);
	verdict_done(&v);
	item.reservation.budget_ns = MS(85);
	CHECK("by utilisation alone it would fit", admit_decide(&regime, &ledger, NULL, "b", &item, 1, &v) == 0 && !v.analysis.ok);
	verdict_done(&v);
	CHECK("largest", admit_largest(&regime, &ledger, NULL, &in, MS(100), &largest) == 0 && largest >= MS(40) && largest < MS(85));
	admit_shared(&regime, &ledger, &shared);
	CHECK("the others have two", shared.n_cpus == 2 && CPU_ISSET(1, &shared.online) && !CPU_ISSET(3, &shared.online));
}

int main(void)
{
	test_apart();
	test_shared();
	test_pinned();
	test_taken();
	test_fits();
	test_held();
	test_repair_fits();
	test_words();
	test_largest();
	return failures ? 1 : 0;
}
