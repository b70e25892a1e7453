/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shares with a given sum, every such set as likely as every other: UUniFast, UUniFast-Discard and RandFixedSum. Sums are
 * exact in units of 2^-32 CPU; single shares are rounded down to that unit, and what is then left goes to the last one
 * (UUniFast) or is shared out (RandFixedSum: a few units for each).
 *
 * The i-th root of a uniform number, which both need, is distributed as the largest of i uniform numbers; so it is drawn as
 * that, and no root is computed. RandFixedSum's table holds volumes of pieces of a cube, down to 1/1024!; they are kept as
 * 64 significant bits and an exponent, rounded down at each step, so that a probability is right to about 2^-50.
 *
 * Called by the experiment verb and by tests.
 */
#include <errno.h>
#include <stdlib.h>

#include <virtrk/generate.h>

#include "internal.h"

static uint64_t largest_of(struct vrk_random *random, size_t n)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = vrk_random_next(random);

		if (x > largest)
			largest = x;
	}
	return largest;
}

void vrk_uunifast(struct vrk_random *random, size_t n, uint64_t sum_q32, uint64_t *ret_q32)
{
	for (size_t left = n; left > 1; left--) {
		uint64_t rest = (uint64_t)(((u128)sum_q32 * largest_of(random, left - 1)) >> 64);

		*ret_q32++ = sum_q32 - rest;
		sum_q32 = rest;
	}
	if (n > 0)
		*ret_q32 = sum_q32;
}

static bool sum_possible(size_t n, uint64_t sum, uint64_t least, uint64_t most)
{
	return n > 0 && least <= most && (u128)least * n <= sum && sum <= (u128)most * n;
}

int vrk_uunifast_discard(struct vrk_random *random, size_t n, uint64_t sum_q32, uint64_t least_q32, uint64_t most_q32,
			 unsigned int tries, uint64_t *ret_q32)
{
	if (!sum_possible(n, sum_q32, least_q32, most_q32))
		return -EINVAL;
	for (unsigned int i = 0; i < tries; i++) {
		bool good = true;

		vrk_uunifast(random, n, sum_q32, ret_q32);
		for (size_t k = 0; k < n && good; k++)
			good = ret_q32[k] >= least_q32 && ret_q32[k] <= most_q32;
		if (good)
			return 0;
	}
	return -EAGAIN;
}

/* ---- RandFixedSum ---- */

/* bits * 2^exponent, the top bit of bits set; 0 has no bits. */
struct scaled {
	uint64_t bits;
	int32_t exponent;
};

static struct scaled scaled_make(u128 x, int32_t exponent)
{
	if (x == 0)
		return (struct scaled){ 0, 0 };
	for (; x >> 64; exponent++)
		x >>= 1;
	for (; !(x >> 63); exponent--)
		x <<= 1;
	return (struct scaled){ (uint64_t)x, exponent };
}

static struct scaled scaled_times(struct scaled a, uint64_t b)
{
	return scaled_make((u128)a.bits * b, a.exponent);
}

static struct scaled scaled_add(struct scaled a, struct scaled b)
{
	if (a.bits == 0 || (b.bits != 0 && a.exponent < b.exponent)) {
		struct scaled t = a;

		a = b;
		b = t;
	}
	if (b.bits == 0 || a.exponent - b.exponent > 63)
		return a;
	return scaled_make((u128)a.bits + (b.bits >> (a.exponent - b.exponent)), a.exponent);
}

/* part / whole as a fraction of 2^64, UINT64_MAX for 1; part <= whole, whole above 0 */
static uint64_t scaled_fraction(struct scaled part, struct scaled whole)
{
	unsigned int shift = (unsigned int)(whole.exponent - part.exponent);
	u128 q;

	if (part.bits == 0 || shift > 63)
		return 0;
	q = ((u128)part.bits << 63) / whole.bits;	/* below 2^64: both have their top bit */
	return shift == 0 ? clamp64(q << 1) : (uint64_t)(q >> (shift - 1));
}

#define UNIT_SHIFT 40			/* sums in units of (most - least): below 2^51 */
#define PLACE_SHIFT 60			/* places in the unit cube */

struct vrk_fixed_sum {
	size_t n;
	uint64_t sum_q32, least_q32, most_q32;
	uint64_t sum_unit;		/* (sum - n * least) / (most - least), 2^40 = 1 */
	size_t whole;			/* its whole part, at most n - 1 */
	uint64_t chance[];		/* chance[i][j], i = 1 .. n-1, j = 1 .. n: of going on by a whole, 2^64 = sure */
};

struct vrk_fixed_sum *vrk_fixed_sum_free(struct vrk_fixed_sum *table)
{
	free(table);
	return NULL;
}

static uint64_t *chance_at(const struct vrk_fixed_sum *table, size_t i, size_t j)
{
	return (uint64_t *)&table->chance[(i - 1) * table->n + (j - 1)];
}

/*
 * One row of the table from the volumes of the row before. @above and @here have n + 2 places, [j] for j = 0 .. n + 1. up is the
 * distance from the piece's lower end to the sum, down that from the sum to its upper end; none is negative.
 */
static void row_make(struct vrk_fixed_sum *table, size_t i, const struct scaled *above, struct scaled *here)
{
	here[0] = (struct scaled){ 0, 0 };
	for (size_t j = 1; j <= i; j++) {
		uint64_t up = table->sum_unit + ((uint64_t)(j - 1) << UNIT_SHIFT) - ((uint64_t)table->whole << UNIT_SHIFT);
		uint64_t down = ((uint64_t)(table->whole + i - j + 1) << UNIT_SHIFT) - table->sum_unit;
		struct scaled stay = scaled_times(above[j], up), go = scaled_times(above[j - 1], down);

		here[j] = scaled_add(stay, go);
		if (here[j].bits == 0)		/* no volume on either side: only the direction that leads inside is left */
			*chance_at(table, i - 1, j) = down > up ? 0 : UINT64_MAX;
		else
			*chance_at(table, i - 1, j) = scaled_fraction(go, here[j]);
	}
	here[i + 1] = (struct scaled){ 0, 0 };
}

static int table_make(struct vrk_fixed_sum *table)
{
	struct scaled *rows = calloc(2 * (table->n + 2), sizeof(*rows));
	struct scaled *above = rows, *here;

	if (!rows)
		return -ENOMEM;
	here = rows + table->n + 2;
	above[1] = (struct scaled){ 1ULL << 63, 0 };
	for (size_t i = 2; i <= table->n; i++) {
		struct scaled *done = above;

		row_make(table, i, above, here);
		above = here;
		here = done;
	}
	free(rows);
	return 0;
}

int vrk_fixed_sum_new(struct vrk_fixed_sum **ret, size_t n, uint64_t sum_q32, uint64_t least_q32, uint64_t most_q32)
{
	struct vrk_fixed_sum *table;
	int r;

	if (n > VRK_GENERATE_N_MAX || !sum_possible(n, sum_q32, least_q32, most_q32))
		return -EINVAL;
	table = calloc(1, sizeof(*table) + n * n * sizeof(table->chance[0]));
	if (!table)
		return -ENOMEM;
	*table = (struct vrk_fixed_sum){ .n = n, .sum_q32 = sum_q32, .least_q32 = least_q32, .most_q32 = most_q32 };
	if (most_q32 > least_q32)
		table->sum_unit = (uint64_t)(((u128)(sum_q32 - n * least_q32) << UNIT_SHIFT) / (most_q32 - least_q32));
	table->whole = (size_t)(table->sum_unit >> UNIT_SHIFT);
	if (table->whole > n - 1)
		table->whole = n - 1;
	r = table_make(table);
	if (r < 0) {
		free(table);
		return r;
	}
	*ret = table;
	return 0;
}

/* One round over the shares; as long as the sum is wrong, one of them has room. */
static uint64_t sum_mend_once(const struct vrk_fixed_sum *table, uint64_t *share, uint64_t sum)
{
	for (size_t i = 0; i < table->n && sum != table->sum_q32; i++) {
		uint64_t room = sum < table->sum_q32 ? table->most_q32 - share[i] : share[i] - table->least_q32;
		uint64_t gap = sum < table->sum_q32 ? table->sum_q32 - sum : sum - table->sum_q32;
		uint64_t move = gap / (table->n - i) + (gap % (table->n - i) != 0);	/* evenly, as far as it goes */

		if (move > room)
			move = room;
		share[i] = sum < table->sum_q32 ? share[i] + move : share[i] - move;
		sum = sum < table->sum_q32 ? sum + move : sum - move;
	}
	return sum;
}

/* Rounding down left units over, a few for each share (or, at a limit, took too many): shared out again. */
static void sum_mend(const struct vrk_fixed_sum *table, uint64_t *share)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < table->n; i++)
		sum += share[i];
	while (sum != table->sum_q32)
		sum = sum_mend_once(table, share, sum);
}

static void shuffle(struct vrk_random *random, uint64_t *share, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)vrk_random_range(random, 0, i - 1);
		uint64_t t = share[i - 1];

		share[i - 1] = share[k];
		share[k] = t;
	}
}

/* x in the unit interval to a share, rounded down */
static uint64_t place_share(const struct vrk_fixed_sum *table, uint64_t x)
{
	uint64_t share = table->least_q32 + (uint64_t)(((u128)x * (table->most_q32 - table->least_q32)) >> PLACE_SHIFT);

	return share < table->most_q32 ? share : table->most_q32;
}

void vrk_fixed_sum_draw(const struct vrk_fixed_sum *table, struct vrk_random *random, uint64_t *ret_q32)
{
	uint64_t offset = 0, scale = 1ULL << PLACE_SHIFT, left = table->sum_unit;
	size_t n = table->n, j = table->whole + 1;

	for (size_t i = n - 1; i > 0; i--) {
		uint64_t chance = *chance_at(table, i, j), root, step;
		bool go = vrk_random_next(random) < chance || chance == UINT64_MAX;

		root = largest_of(random, i) >> (64 - PLACE_SHIFT);
		step = (uint64_t)(((u128)((1ULL << PLACE_SHIFT) - root) * scale) >> PLACE_SHIFT);
		offset += (uint64_t)(((u128)step * left / (i + 1)) >> UNIT_SHIFT);
		scale = (uint64_t)(((u128)root * scale) >> PLACE_SHIFT);
		ret_q32[n - 1 - i] = place_share(table, offset + (go ? scale : 0));
		if (go) {
			left = left > 1ULL << UNIT_SHIFT ? left - (1ULL << UNIT_SHIFT) : 0;
			j--;
		}
	}
	ret_q32[n - 1] = place_share(table, offset + (uint64_t)(((u128)scale * left) >> UNIT_SHIFT));
	sum_mend(table, ret_q32);
	shuffle(random, ret_q32, n);
}
