/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where experiments get their chance from: a generator with a known period and the same bytes everywhere, and the few
 * distributions that task sets are made of. Nothing here is rounded in a floating-point unit: what looks as if it needed
 * logarithms or roots is drawn by rejection, or as an order statistic.
 *
 * Called by the experiment verb and by tests. Not for secrets, and nothing here decides what fits.
 */
#include <assert.h>

#include <virtrk/generate.h>

#include "internal.h"

/* splitmix64: every input gives another output, and neighbours have nothing in common. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

void vrk_random_init(struct vrk_random *random, uint64_t seed, uint64_t stream)
{
	uint64_t start = mix(mix(seed) + stream);

	for (unsigned int i = 0; i < 4; i++)	/* mix() is one to one: never four zeroes */
		random->state[i] = mix(start + i * 0x9e3779b97f4a7c15ULL);
}

uint64_t vrk_random_next(struct vrk_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t vrk_random_range(struct vrk_random *random, uint64_t least, uint64_t most)
{
	uint64_t span = most - least + 1, uneven;
	u128 x;

	assert(least <= most);
	if (span == 0)
		return vrk_random_next(random);
	/* the high word of x * span is even over all x but for 2^64 mod span of them, which are drawn again */
	uneven = -span % span;
	do
		x = (u128)vrk_random_next(random) * span;
	while ((uint64_t)x < uneven);
	return least + (uint64_t)(x >> 64);
}

/*
 * Octaves [a, 2a), [2a, 4a) ... have the same weight but for rounding. In each, a uniform k is kept with probability
 * (start of the octave) / k; at least every second one is. The last octave may reach beyond the end: such a k is dropped.
 */
uint64_t vrk_random_log_range(struct vrk_random *random, uint64_t least, uint64_t most)
{
	unsigned int octaves = 1;

	assert(least > 0 && least <= most && most < 1ULL << 62);
	while (most >> octaves >= least)
		octaves++;
	for (;;) {
		uint64_t start = least << vrk_random_range(random, 0, octaves - 1);
		uint64_t k = vrk_random_range(random, start, 2 * start - 1);

		if (vrk_random_range(random, 1, k) <= start && k <= most)
			return k;
	}
}
