/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the oracles share: random systems by number, so that one that fails can be run again alone.
 *	VIRTRK_ORACLE_N=1000000		how many systems
 *	VIRTRK_SEED=0x1234		only this one, and talk about it
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/analysis.h>
#include <virtrk/simulate.h>

#define ORACLE_SERVERS_MAX 16

struct oracle {
	uint64_t seed;		/* of the system in hand */
	uint64_t state;
	bool verbose;
	const char *name;
	unsigned int failed;
	uint64_t accepted;
	uint64_t refused;
	nsec_t tight_num, tight_den;	/* the tightest observed / bound */
};

static inline uint64_t oracle_draw(struct oracle *o)
{
	uint64_t z = o->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in [lo, hi]. */
static inline uint64_t oracle_between(struct oracle *o, uint64_t lo, uint64_t hi)
{
	return lo + oracle_draw(o) % (hi - lo + 1);
}

static inline bool oracle_chance(struct oracle *o, unsigned int percent)
{
	return oracle_draw(o) % 100 < percent;
}

static inline void oracle_print(const struct vrk_host *h, const struct vrk_reservation *r, size_t n)
{
	fprintf(stderr, "  %u CPUs, fair %" PRIu64 "/%" PRIu64 ", tick %" PRIu64 ", switch %" PRIu64 ", latency %" PRIu64 "\n", h->cpus,
		h->fair_budget_ns, h->fair_period_ns, h->tick_ns, h->switch_ns, h->latency_ns);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %zu: budget %" PRIu64 " deadline %" PRIu64 " period %" PRIu64 "%s\n", i, r[i].budget_ns,
			r[i].deadline_ns, r[i].period_ns, r[i].gapless ? " gapless" : "");
}

static inline void oracle_fail(struct oracle *o, const char *what, const struct vrk_host *h, const struct vrk_reservation *r, size_t n)
{
	if (o->failed++ >= 10)
		return;
	fprintf(stderr, "%s: %s; again with VIRTRK_SEED=0x%" PRIx64 "\n", o->name, what, o->seed);
	oracle_print(h, r, n);
}

static inline uint64_t oracle_count(uint64_t otherwise)
{
	const char *n = getenv("VIRTRK_ORACLE_N");

	return n ? strtoull(n, NULL, 0) : otherwise;
}

/*
 * Runs @one for each system; different oracles see different systems. One takes as long as @cost of an ordinary oracle's: of the number of
 * systems that was asked for it tries so many fewer.
 */
static inline int oracle_run_costly(const char *name, uint64_t n, uint64_t cost, void (*one)(struct oracle *o))
{
	struct oracle o = { .name = name, .tight_den = 1 };
	const char *only = getenv("VIRTRK_SEED");
	uint64_t base = 0xcbf29ce484222325ULL;

	for (const char *p = name; *p; p++)
		base = (base ^ (uint64_t)(unsigned char)*p) * 0x100000001b3ULL;
	n = (oracle_count(n * cost) + cost - 1) / cost;
	for (uint64_t i = 0; i < (only ? 1 : n); i++) {
		o.seed = only ? strtoull(only, NULL, 0) : base + i;
		o.state = o.seed;
		o.verbose = only != NULL;
		one(&o);
	}
	printf("%s: %" PRIu64 " systems, %" PRIu64 " accepted, %" PRIu64 " refused, %u failed\n", name, only ? 1 : n, o.accepted,
	       o.refused, o.failed);
	return o.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int oracle_run(const char *name, uint64_t n, void (*one)(struct oracle *o))
{
	return oracle_run_costly(name, n, 1, one);
}

#endif
