/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which bits of a physical address choose the DRAM bank. A memory controller takes parities of address bits ("functions"); two
 * addresses can be in one bank only when every function is 0 for their difference (XOR). So differences of conflicting pairs lie in a
 * linear space K over GF(2), and the functions are the space F of all masks that are 0 on K (the method is that of Pessl et al.,
 * USENIX Security 2016, who tried masks one by one).
 *
 * Timing is noisy: some pairs conflict that should not. A noisy difference is as good as random, so a mask of F is 0 for all true
 * conflicts and half of the noise, and any other mask for half of both. The number of conflicts for which a mask is not 0 therefore
 * decides, and Hoeffding's bound says how many conflicts that takes to be sure for all 2^bits masks at once. To come upon masks
 * worth counting, two searches: the space orthogonal to a random handful of conflicts (whatever that leaves of F is found also where
 * some of the handful are noise), and all masks of few bits (which real controllers have, and which no noise hides).
 *
 * A wrong map would put two VMs into one bank that were told to have banks of their own; so whoever doubts says no map. Called by the
 * profiler and its tests. Measures nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/generate.h>
#include <virtrk/memory.h>

#define PAIRS_MAX ((size_t)1 << 24)
#define KIND_MIN 32			/* pairs in one bank and in several, each */
#define CERTAINTY_MIN 30
#define SCREEN 1024			/* conflicts on which candidates are tried first: 16 words */
#define SCREEN_WORDS (SCREEN / 64)
#define FIRST_WORDS 4			/* nearly all masks fail on these already: half of their bits are set, but for a few */
#define FIRST_MOST 115			/* 45 of 100; what passes SCREEN has at most 40 on average */
#define HANDFULS 1024
#define MASKS_MAX 1000000		/* masks of few bits that are tried */
#define FREE_MAX 24			/* a handful that leaves more open says nothing */
#define PAGE_SHIFT 12

struct solver {
	uint64_t *conflicts;		/* differences */
	size_t n;
	uint64_t seen;
	uint32_t bits;
	uint8_t bit[64];		/* those of seen, ascending */
	uint64_t column[64][SCREEN_WORDS];	/* per bit of seen: its value in the first conflicts */
	size_t n_screen;
	uint64_t first_most;
	uint64_t screen_most;		/* a mask that is not 0 for more of them is not looked at again */
	uint64_t found[64];		/* the functions: [highest bit], reduced against higher ones only until the end */
	uint32_t n_found;
};

static uint32_t parity(uint64_t x)
{
	return (uint32_t)__builtin_parityll(x);
}

static uint32_t highest(uint64_t x)
{
	return 63 - (uint32_t)__builtin_clzll(x);
}

/* ---- linear spaces: rows[i] has highest bit i, or is 0 ---- */

/* False: it was in the space already. */
static bool space_add(uint64_t rows[64], uint64_t x)
{
	while (x && rows[highest(x)])
		x ^= rows[highest(x)];
	if (x)
		rows[highest(x)] = x;
	return x != 0;
}

/* No row keeps a bit that is another row's highest. */
static void space_reduce(uint64_t rows[64])
{
	for (uint32_t i = 0; i < 64; i++)
		for (uint32_t k = i + 1; rows[i] && k < 64; k++)
			if (rows[k] >> i & 1)
				rows[k] ^= rows[i];
}

/* ---- counting ---- */

/* -log2 of the chance that any mask which is no function is 0 for so many of @n random differences. */
static uint32_t certainty(const struct solver *s, uint64_t not_zero, uint64_t n)
{
	unsigned __int128 lead, log;

	if (n == 0 || 2 * not_zero >= n)
		return 0;
	lead = n - 2 * not_zero;
	log = lead * lead * 72134 / ((unsigned __int128)100000 * n);	/* exp(-lead^2 / 2n), 1 / (2 ln 2) = 0.72134 */
	return log > s->bits ? (uint32_t)(log - s->bits) : 0;
}

static uint64_t not_zero(const struct solver *s, uint64_t mask, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += parity(s->conflicts[i] & mask);
	return count;
}

/* Takes the mask for a function when all conflicts together say so. */
static void candidate(struct solver *s, uint64_t mask)
{
	if (not_zero(s, mask, s->n_screen) <= s->screen_most && certainty(s, not_zero(s, mask, s->n), s->n) >= CERTAINTY_MIN)
		s->n_found += space_add(s->found, mask);
}

/* ---- the two searches ---- */

static void handful_try(struct solver *s, struct vrk_random *random)
{
	uint64_t rows[64] = { 0 };
	uint32_t rank = 0;

	for (uint32_t i = 0; i < s->bits + 8; i++)
		rank += space_add(rows, s->conflicts[vrk_random_next(random) % s->n]);
	if (s->bits - rank > FREE_MAX)
		return;
	space_reduce(rows);
	for (uint32_t k = 0; k < s->bits; k++) {
		uint64_t mask = 1ULL << s->bit[k];

		if (rows[s->bit[k]])
			continue;
		for (uint32_t i = 0; i < 64; i++)
			if (rows[i] >> s->bit[k] & 1)
				mask |= 1ULL << i;
		candidate(s, mask);
	}
}

/* Bits set in a ^ b, word by word; bytes are summed up side by side, so at most 31 words. */
static uint64_t differ(const uint64_t *a, const uint64_t *b, size_t words)
{
	uint64_t sum = 0;

	for (size_t w = 0; w < words; w++) {
		uint64_t x = a[w] ^ b[w];

		x -= x >> 1 & 0x5555555555555555ULL;
		x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
		sum += (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	}
	sum = (sum & 0x00ff00ff00ff00ffULL) + (sum >> 8 & 0x00ff00ff00ff00ffULL);
	return sum * 0x0001000100010001ULL >> 48;
}

/* All masks with @left more bits from the @from-th on; @sum: of the columns so far. */
static void masks_try(struct solver *s, uint64_t mask, const uint64_t sum[SCREEN_WORDS], uint32_t from, uint32_t left)
{
	uint64_t next[SCREEN_WORDS];

	for (uint32_t k = from; k + left <= s->bits; k++) {
		if (left > 1) {
			for (size_t w = 0; w < SCREEN_WORDS; w++)
				next[w] = sum[w] ^ s->column[k][w];
			masks_try(s, mask | 1ULL << s->bit[k], next, k + 1, left - 1);
		} else if (differ(sum, s->column[k], FIRST_WORDS) <= s->first_most &&
			   differ(sum, s->column[k], SCREEN_WORDS) <= s->screen_most) {
			candidate(s, mask | 1ULL << s->bit[k]);
		}
	}
}

static void few_bits_try(struct solver *s)
{
	static const uint64_t none[SCREEN_WORDS];
	uint64_t masks = 1, tried = 0;

	for (uint32_t weight = 1; weight <= s->bits; weight++) {
		masks = masks * (s->bits - weight + 1) / weight;
		tried += masks;
		if (tried > MASKS_MAX)
			break;
		masks_try(s, 0, none, 0, weight);
	}
}

/* ---- the map ---- */

static int solver_init(struct solver *s, const struct vrk_bank_pair *p, size_t n)
{
	s->conflicts = calloc(n + 1, sizeof(*s->conflicts));
	if (!s->conflicts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		s->seen |= p[i].a ^ p[i].b;
		if (p[i].conflict && p[i].a != p[i].b)
			s->conflicts[s->n++] = p[i].a ^ p[i].b;
	}
	s->n_screen = s->n < SCREEN ? s->n : SCREEN;
	for (uint32_t i = 0; i < 64; i++) {
		if (!(s->seen >> i & 1))
			continue;
		for (size_t k = 0; k < s->n_screen; k++)
			s->column[s->bits][k / 64] |= (s->conflicts[k] >> i & 1) << (k % 64);
		s->bit[s->bits++] = (uint8_t)i;
	}
	s->first_most = s->n_screen < SCREEN ? SCREEN : FIRST_MOST;
	while (s->screen_most < s->n_screen && certainty(s, s->screen_most + 1, s->n_screen) > 0)
		s->screen_most++;
	return 0;
}

static void pairs_count(const struct solver *s, const struct vrk_bank_pair *p, size_t n, struct vrk_bank_map *map)
{
	for (size_t i = 0; i < n; i++) {
		bool same = true;

		for (uint32_t k = 0; same && k < 64; k++)
			same = !parity((p[i].a ^ p[i].b) & s->found[k]);
		if (p[i].a == p[i].b)
			continue;
		map->same += same;
		map->same_conflicts += same && p[i].conflict;
		map->other += !same;
		map->other_conflicts += !same && p[i].conflict;
	}
}

/* A function that is 0 for nearly all pairs, slow or not, was never put to the test. */
static bool blind(const struct solver *s, const struct vrk_bank_pair *p, size_t n)
{
	for (uint32_t k = 0; k < 64; k++) {
		size_t differ = 0;

		for (size_t i = 0; s->found[k] && i < n; i++)
			differ += parity((p[i].a ^ p[i].b) & s->found[k]);
		if (s->found[k] && differ < n / 8)
			return true;
	}
	return false;
}

static enum vrk_bank_doubt judge(const struct solver *s, const struct vrk_bank_pair *p, size_t n, const struct vrk_bank_map *map)
{
	if (s->n < KIND_MIN || n - s->n < KIND_MIN)
		return VRK_BANK_FEW;
	if (s->n_found == 0 || s->n_found > VRK_BANK_FUNCTIONS_MAX)
		return VRK_BANK_NO_SIGNAL;
	if (blind(s, p, n))
		return VRK_BANK_BLIND;
	if (map->same < KIND_MIN || map->other < KIND_MIN)
		return VRK_BANK_FEW;
	return map->same_conflicts < map->same - map->same / 4 || map->other_conflicts > map->other / 4 ||
	       map->certainty < CERTAINTY_MIN ? VRK_BANK_NOISE : VRK_BANK_SURE;
}

static uint64_t reversed(uint64_t x)
{
	uint64_t y = 0;

	for (uint32_t i = 0; i < 64; i++)
		y |= (x >> i & 1) << (63 - i);
	return y;
}

/* Of all sums of functions those without a bit below a page: with low bits leading, the rows that have none. */
static void colorable_find(const struct solver *s, struct vrk_bank_map *map)
{
	uint64_t rows[64] = { 0 }, high[64] = { 0 };

	for (uint32_t k = 0; k < 64; k++)
		if (s->found[k])
			(void)space_add(rows, reversed(s->found[k]));
	for (uint32_t k = 0; k < 64 - PAGE_SHIFT; k++)
		if (rows[k])
			(void)space_add(high, reversed(rows[k]));
	space_reduce(high);
	for (uint32_t k = 0; k < 64; k++)
		if (high[k])
			map->colorable[map->n_colorable++] = high[k];
}

static void solve(struct solver *s, const struct vrk_bank_pair *p, size_t n, struct vrk_bank_map *map)
{
	struct vrk_random random;

	vrk_random_init(&random, 0, 0);	/* the same answer every time */
	for (uint32_t i = 0; s->n >= KIND_MIN && i < HANDFULS; i++)
		handful_try(s, &random);
	if (s->n >= KIND_MIN)
		few_bits_try(s);
	space_reduce(s->found);
	map->seen = s->seen;
	map->certainty = s->n_found ? UINT32_MAX : 0;
	for (uint32_t k = 0; k < 64; k++) {
		uint32_t sure = s->found[k] ? certainty(s, not_zero(s, s->found[k], s->n), s->n) : UINT32_MAX;

		map->certainty = sure < map->certainty ? sure : map->certainty;
	}
	pairs_count(s, p, n, map);
	map->doubt = judge(s, p, n, map);
	if (map->doubt != VRK_BANK_SURE)
		return;
	for (uint32_t k = 0; k < 64; k++)
		if (s->found[k])
			map->functions[map->n++] = s->found[k];
	colorable_find(s, map);
}

int vrk_bank_map_solve(const struct vrk_bank_pair *p, size_t n, struct vrk_bank_map *ret)
{
	struct solver *s;
	int err;

	if (n > PAIRS_MAX)
		return -E2BIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = solver_init(s, p, n);
	if (err == 0) {
		*ret = (struct vrk_bank_map){ .doubt = VRK_BANK_FEW };
		solve(s, p, n, ret);
	}
	free(s->conflicts);
	free(s);
	return err;
}

/* ---- clusters ---- */

struct member {
	uint64_t address;
	uint32_t cluster;
	size_t index;
};

static int by_cluster(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->cluster != y->cluster)
		return x->cluster < y->cluster ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

int vrk_bank_pairs(const uint64_t *address, const uint32_t *cluster, size_t n, struct vrk_bank_pair *ret, size_t *ret_n)
{
	struct member *m = calloc(n + 1, sizeof(*m));
	size_t k = 0;

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		m[i] = (struct member){ address[i], cluster[i], i };
	qsort(m, n, sizeof(*m), by_cluster);
	for (size_t i = 0; i < n; i++) {
		/* all over the others: at a fixed distance the same functions would differ each time */
		const struct member *far = &m[(7 * i + n / 2) % n];

		if (i > 0 && m[i - 1].cluster == m[i].cluster)
			ret[k++] = (struct vrk_bank_pair){ m[i - 1].address, m[i].address, true };
		if (far->cluster != m[i].cluster)
			ret[k++] = (struct vrk_bank_pair){ m[i].address, far->address, false };
	}
	*ret_n = k;
	free(m);
	return 0;
}
