/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A memory controller that never was, and what timing it would say: for the tests of the map solver. */
#ifndef TEST_BANK_PAIRS_H
#define TEST_BANK_PAIRS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/generate.h>
#include <virtrk/memory.h>

struct controller {
	uint64_t functions[VRK_BANK_FUNCTIONS_MAX];
	uint32_t n;
	uint64_t rows;			/* bits that choose the row */
	uint32_t low, high;		/* addresses differ in bits from low to below high */
	uint32_t false_slow;		/* so many of 1000 pairs that do not conflict look as if they did */
	uint32_t false_fast;		/* and the other way round */
};

static inline bool controller_conflict(const struct controller *c, uint64_t a, uint64_t b)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (__builtin_parityll((a ^ b) & c->functions[i]))
			return false;
	return ((a ^ b) & c->rows) != 0;
}

static inline uint64_t controller_address(const struct controller *c, struct vrk_random *random)
{
	return vrk_random_next(random) & ((1ULL << c->high) - 1) & ~((1ULL << c->low) - 1);
}

static inline void controller_time(const struct controller *c, struct vrk_random *random, struct vrk_bank_pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p[i].a = controller_address(c, random);
		p[i].b = controller_address(c, random);
		p[i].conflict = controller_conflict(c, p[i].a, p[i].b);
		if (vrk_random_range(random, 0, 999) < (p[i].conflict ? c->false_fast : c->false_slow))
			p[i].conflict = !p[i].conflict;
	}
}

/* Reduces masks in place: each has a highest bit that no other has, ascending by it. False: one was a sum of others. */
static inline bool controller_reduce(uint64_t *f, uint32_t n)
{
	for (uint32_t done = 0; done < n; done++) {
		uint32_t best = done;
		uint64_t swap;

		for (uint32_t i = done; i < n; i++)
			best = f[i] > f[best] ? i : best;
		if (f[best] == 0)
			return false;
		swap = f[best];
		f[best] = f[done];
		f[done] = swap;
		for (uint32_t i = 0; i < n; i++)
			if (i != done && (f[i] >> (63 - __builtin_clzll(f[done])) & 1))
				f[i] ^= f[done];
	}
	for (uint32_t i = 0; i < n / 2; i++) {
		uint64_t x = f[i];

		f[i] = f[n - 1 - i];
		f[n - 1 - i] = x;
	}
	return true;
}

#endif
