/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Task sets drawn at random, for experiments. Pure, as all of the library, and integers only: one seed gives the same sets
 * on every machine, whatever its compiler and its mathematical library.
 *
 * Shares of a CPU are fixed-point numbers, 2^32 = one CPU ("_q32").
 */
#ifndef VIRTRK_GENERATE_H
#define VIRTRK_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/units.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VRK_SHARE_ONE (1ULL << 32)
#define VRK_GENERATE_N_MAX 1024u	/* tasks in one set */

/* xoshiro256** (Blackman, Vigna, ACM TOMS 47, 2021), its state filled by splitmix64. */
struct vrk_random {
	uint64_t state[4];
};

/* Two streams of one seed have nothing to do with each other: one per sample, so that it does not matter who draws it. */
void vrk_random_init(struct vrk_random *random, uint64_t seed, uint64_t stream);
uint64_t vrk_random_next(struct vrk_random *random);
/* Every whole number from @least to @most (inclusive, @least <= @most) is as likely as every other. */
uint64_t vrk_random_range(struct vrk_random *random, uint64_t least, uint64_t most);
/* Log-uniform: the number k is drawn with a probability proportional to 1/k. 0 < @least <= @most < 2^62. */
uint64_t vrk_random_log_range(struct vrk_random *random, uint64_t least, uint64_t most);

/**
 * vrk_uunifast() - @n shares with the sum @sum_q32, all such splits alike
 * @sum_q32: at most 2^52
 *
 * The sum is exact. A share may exceed one CPU when the sum does. Source: Bini, Buttazzo, Real-Time Systems 30 (2005); the
 * (n-i)-th root of a uniform number is drawn as what it is distributed like, the largest of n-i of them. O(n^2).
 */
void vrk_uunifast(struct vrk_random *random, size_t n, uint64_t sum_q32, uint64_t *ret_q32);

/**
 * vrk_uunifast_discard() - the same, thrown away and drawn again until every share is in [@least_q32, @most_q32]
 *
 * Return: 0; -EINVAL no set can be so; -EAGAIN @tries sets were drawn in vain. Source: Davis, Burns, RTSS 2009.
 */
int vrk_uunifast_discard(struct vrk_random *random, size_t n, uint64_t sum_q32, uint64_t least_q32, uint64_t most_q32,
			 unsigned int tries, uint64_t *ret_q32);

/*
 * RandFixedSum: what vrk_uunifast_discard() draws from, without throwing anything away. Its table depends on the numbers
 * only, so it is made once for many draws.
 */
struct vrk_fixed_sum;

/**
 * vrk_fixed_sum_new() - prepares to draw @n shares in [@least_q32, @most_q32] with the sum @sum_q32
 *
 * Source: Stafford, "Random vectors with fixed sum", 2006; for task sets: Emberson, Stafford, Davis, WATERS 2010.
 * Return: 0; -EINVAL no set can be so, or n is 0 or above VRK_GENERATE_N_MAX; -ENOMEM. O(n^2) time and memory.
 */
int vrk_fixed_sum_new(struct vrk_fixed_sum **ret, size_t n, uint64_t sum_q32, uint64_t least_q32, uint64_t most_q32);
/* NULL in, NULL out. */
struct vrk_fixed_sum *vrk_fixed_sum_free(struct vrk_fixed_sum *table);
/* The sum is exact, the limits are kept. Does not change the table. O(n^2). */
void vrk_fixed_sum_draw(const struct vrk_fixed_sum *table, struct vrk_random *random, uint64_t *ret_q32);

/* A function of an engine control unit: how often it runs, how long on average and at worst. */
struct vrk_runnable {
	nsec_t period_ns;
	nsec_t average_ns;
	nsec_t wcet_ns;
};

#define VRK_WATERS_PERIODS 9

/* The periods that it knows, shortest first; @index < VRK_WATERS_PERIODS. */
nsec_t vrk_waters_period(size_t index);

/**
 * vrk_waters_draw() - one runnable of the automotive distribution of Kramer, Ziegenbein, Hamann
 *
 * "Real world automotive benchmarks for free", WATERS 2015, tables III (periods; without the engine-synchronous 15 %), IV
 * (average execution times) and V (worst case: factors). The paper's fit for the times within a period is not reproduced: they are
 * drawn so that least, average and largest are those of table IV, uniform on either side of the average. Factors are uniform.
 */
void vrk_waters_draw(struct vrk_random *random, struct vrk_runnable *ret);

#ifdef __cplusplus
}
#endif

#endif
