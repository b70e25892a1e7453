/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of this room share: a reservation as the tests see it, that is with the host's costs on top,
 * and the arithmetic that cannot wrap. Nothing here leaves the library.
 */
#ifndef ANALYSIS_INTERNAL_H
#define ANALYSIS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>

typedef unsigned __int128 u128;

#define N_MAX ((size_t)1 << 20)		/* reservations in one question; keeps every sum of rounded fractions exact enough */
#define CPUS_MAX ((uint32_t)1 << 20)
#define COST_MAX (NSEC_MAX / 8)		/* tick, switch, latency: sums with a budget stay in 64 bits */
#define FRAC_SHIFT 60			/* fractions for decisions: 1 = 2^60 */
#define FRAC_ONE ((u128)1 << FRAC_SHIFT)

/* A reservation (or a fair server) with the host's costs: it wants c ns within d of a release, releases p apart. */
struct entity {
	uint64_t c;		/* Q + 2 switches */
	uint64_t d;		/* D - latency, c <= d */
	uint64_t p;
	uint64_t q;		/* what is left of a budget after a sleep is at most q * x / wake_d when x is left to the */
	uint64_t wake_d;	/* deadline: the kernel's wake-up rule */
	bool sleeps;
};

static inline uint64_t clamp64(u128 x)
{
	return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

static inline uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* ceil(a * b / c); the caller knows that it fits 64 bits (a <= c or b <= c). */
static inline uint64_t ceil_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t small;

	/* 64-bit division is several times faster than the 128-bit one, and times below 4 s are the rule */
	if (!__builtin_mul_overflow(a, b, &small))
		return ceil_div(small, c);
	return (uint64_t)(((u128)a * b + c - 1) / c);
}

/* a / b as a fraction of 2^60, rounded up; a <= 2^64. */
static inline u128 frac_up(uint64_t a, uint64_t b)
{
	return (((u128)a << FRAC_SHIFT) + b - 1) / b;
}

/* The 2^60 fraction as the 2^20 of the kernel, for verdicts. */
static inline uint64_t frac_to_bw_up(u128 x)
{
	return clamp64((x + ((u128)1 << (FRAC_SHIFT - BW_SHIFT)) - 1) >> (FRAC_SHIFT - BW_SHIFT));
}

int host_check(const struct vrk_host *host, size_t n);

/*
 * The reservation with the host's costs. False when the costs alone break it (c > d, or nothing is left of d): then
 * *ret_no is the verdict, but for its test.
 */
bool entity_init(const struct vrk_host *host, const struct vrk_reservation *r, size_t index, struct entity *ret,
		 struct vrk_verdict *ret_no);

/* All of them; e[n] is the fair server where @with_fair and the host has one. Allocates; -ENOMEM. 0: *ret_no says which breaks. */
int entities_new(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, bool with_fair,
		 struct entity **ret, size_t *ret_n, struct vrk_verdict *ret_no);

/* Is sum(num[i]/den[i]) <= 1, exactly? -1 when 128 bits do not hold the common denominator. */
int fractions_fit_one(const struct entity *e, size_t n, bool by_deadline);

#endif
