/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each way of sharing CPUs would take: known sets on hosts of some CPUs, and why a way is closed.
 */
#include "doctor-regimes.h"
#include "expect.h"

#define MS NSEC_PER_MSEC

static struct regime host(uint32_t n_cpus)
{
	return (struct regime){ .n_cpus = n_cpus, .rt_runtime_us = 950000, .rt_period_us = 1000000, .tick_ns = 10 * NSEC_PER_USEC,
				.fair_budget_ns = 50 * MS, .fair_period_ns = 1000 * MS, .period_min_ns = MS / 10,
				.period_max_ns = 4000 * MS, .partitions = YES, .remote_partitions = YES };
}

enum row { ROOT_DOMAIN, EXCLUSIVE, SHARED, PINNED };

static void change_nothing(struct regime *g)
{
}

static void change_old(struct regime *g)
{
	g->remote_partitions = NO;
}

static void change_v1(struct regime *g)
{
	g->partitions = g->remote_partitions = NO;
}

static void change_pinned(struct regime *g)
{
	g->kind = REGIME_PINNED;
	g->rt_runtime_us = -1;
}

static const struct {
	const char *name;
	uint32_t cpus;
	void (*change)(struct regime *g);
	unsigned int n;			/* reservations in force ... */
	nsec_t budget_ns;		/* ... of so much in every 100 ms */
	enum row row;
	enum finding_level level;
	const char *words;
} cases[] = {
	{ "heavy ones, all together", 4, change_nothing, 3, 80 * MS, ROOT_DOMAIN, FINDING_OK, "2 of the 3 reservations at hand would fit on all 4 CPUs" },
	{ "heavy ones, each alone", 4, change_nothing, 3, 80 * MS, EXCLUSIVE, FINDING_OK, "3 of the 3 reservations at hand would fit on 3 CPUs, each for one domain" },
	{ "more than CPUs", 4, change_nothing, 5, 80 * MS, EXCLUSIVE, FINDING_OK, "3 of the 5 reservations" },
	{ "light ones of one domain", 2, change_nothing, 5, 20 * MS, EXCLUSIVE, FINDING_OK, "4 of the 5 reservations at hand would fit on 1 CPU, each for one domain" },
	{ "light ones, in slices", 2, change_nothing, 5, 20 * MS, SHARED, FINDING_OK, "4 of the 5 reservations at hand would fit in one slice of 1 CPU, 4 in slices of one CPU each" },
	{ "light ones, pinned", 2, change_pinned, 5, 20 * MS, PINNED, FINDING_OK, "possible, what --cpu gives to all" },
	{ "pinned, if it were allowed", 3, change_nothing, 8, 22 * MS, PINNED, FINDING_NOTE, "has not set sched_rt_runtime_us to -1: 8 of the 8" },
	{ "exclusive, where it pins", 4, change_pinned, 1, MS, EXCLUSIVE, FINDING_NOTE, "since --cpu pins" },
	{ "an older kernel", 4, change_old, 1, MS, EXCLUSIVE, FINDING_NOTE, "not possible, since it needs kernel 6.7" },
	{ "an older kernel shares", 4, change_old, 1, MS, SHARED, FINDING_OK, "possible" },
	{ "control groups of version 1", 4, change_v1, 1, MS, SHARED, FINDING_NOTE, "not possible, since it needs control groups of version 2 with cpuset" },
	{ "control groups of version 1, exclusive", 4, change_v1, 1, MS, EXCLUSIVE, FINDING_NOTE, "version 2 with cpuset" },
	{ "one CPU", 1, change_nothing, 1, MS, EXCLUSIVE, FINDING_NOTE, "not possible, since the only CPU has to stay: 0 of the 1" },
	{ "one CPU for all", 1, change_nothing, 1, MS, ROOT_DOMAIN, FINDING_OK, "1 of the 1 reservations" },
	{ "nothing reserved", 2, change_nothing, 0, 0, EXCLUSIVE, FINDING_OK, "1 of 2ms in every 10ms would fit on 1 CPU, each for one domain" },
	{ "nothing reserved, several to a CPU", 2, change_pinned, 0, 0, PINNED, FINDING_OK, "4 of 2ms in every 10ms would fit" },
	{ "more than is counted", 64, change_nothing, 0, 0, PINNED, FINDING_NOTE, "at least 64 of 2ms" },
	{ "no CPU at all", 0, change_nothing, 1, MS, ROOT_DOMAIN, FINDING_OK, "0 of the 1 reservations at hand would fit on all 0 CPUs" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promise p = { .domain = (char *)"d", .reservation = { cases[i].budget_ns, 100 * MS, 100 * MS } };
		_cleanup_(ledger_done) struct ledger ledger = { 0 };
		struct regime regime = host(cases[i].cpus);
		struct finding *findings = NULL;
		size_t n = 0;

		CASE(cases[i].name);
		cases[i].change(&regime);
		for (unsigned int k = 0; k < cases[i].n; k++) {
			snprintf(p.thread, sizeof(p.thread), "vcpu%u", k);
			p.tid = (pid_t)k + 1;
			EXPECT_INT(ledger_add(&ledger, &p), 0);
		}
		if (!EXPECT_INT(doctor_regimes(&regime, &ledger, &findings, &n), 0) || !EXPECT_INT(n, 4))
			continue;
		EXPECT_INT(findings[cases[i].row].level, cases[i].level);
		if (!EXPECT(strstr(findings[cases[i].row].text, cases[i].words)))
			fprintf(stderr, "the text is \"%s\"\n", findings[cases[i].row].text);
		for (size_t k = 0; k < n; k++)
			EXPECT(strncmp(findings[k].check, "regime-", 7) == 0 && !findings[k].mend && !strchr(findings[k].text, '\n'));
		doctor_findings_free(findings, n);
	}
	return expect_result();
}
