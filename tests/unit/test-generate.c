/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is drawn at random: exact sums, kept limits, the same bytes from one seed for ever, and frequencies that are those of
 * the distribution, within bounds in whole numbers (five standard deviations and more; the seeds are fixed, so a run either always
 * passes or never).
 */
#include <virtrk/generate.h>

#include "expect.h"

#define ONE VRK_SHARE_ONE
#define N_MAX 64
#define DRAWS 40000u

static void test_random(void)
{
	static const uint64_t published[] = { 11520, 0, 1509978240, 1215971899390074240ULL };
	struct vrk_random a = { { 1, 2, 3, 4 } }, b;

	CASE("xoshiro256** from the state 1, 2, 3, 4");
	for (size_t i = 0; i < ARRAY_SIZE(published); i++)
		EXPECT_INT(vrk_random_next(&a), published[i]);
	CASE("one seed, one stream, one sequence");
	vrk_random_init(&a, 7, 3);
	vrk_random_init(&b, 7, 3);
	for (int i = 0; i < 100; i++)
		EXPECT_INT(vrk_random_next(&a), vrk_random_next(&b));
	CASE("another stream, another sequence");
	vrk_random_init(&b, 7, 4);
	EXPECT(vrk_random_next(&a) != vrk_random_next(&b));
	CASE("seed and stream are not exchanged");
	vrk_random_init(&a, 3, 7);
	vrk_random_init(&b, 7, 3);
	EXPECT(vrk_random_next(&a) != vrk_random_next(&b));
}

static void test_range(void)
{
	unsigned int count[7] = { 0 };
	struct vrk_random random;

	vrk_random_init(&random, 1, 0);
	CASE("one number");
	EXPECT_INT(vrk_random_range(&random, 5, 5), 5);
	CASE("all 64 bits");
	EXPECT(vrk_random_range(&random, 0, UINT64_MAX) != vrk_random_range(&random, 0, UINT64_MAX));
	CASE("seven sides");
	for (unsigned int i = 0; i < 7 * 10000; i++)
		count[vrk_random_range(&random, 3, 9) - 3]++;
	for (size_t i = 0; i < 7; i++)
		EXPECT(count[i] > 9500 && count[i] < 10500);
	CASE("half of all numbers, and no bias at the seam");
	count[0] = count[1] = 0;
	for (unsigned int i = 0; i < 20000; i++)
		count[vrk_random_range(&random, 0, 3ULL << 62) >= 3ULL << 61]++;
	EXPECT(count[0] > 9600 && count[0] < 10400);
}

/* From 1 to 8: weights 840, 420, 280, 210, 168, 140, 120, 105 of 2283. */
static void test_log_range(void)
{
	static const unsigned int weight[8] = { 840, 420, 280, 210, 168, 140, 120, 105 };
	unsigned int count[8] = { 0 }, low = 0;
	struct vrk_random random;

	vrk_random_init(&random, 2, 0);
	CASE("1/k from 1 to 8");
	for (unsigned int i = 0; i < 2283 * 30; i++)
		count[vrk_random_log_range(&random, 1, 8) - 1]++;
	for (size_t i = 0; i < 8; i++)
		EXPECT(count[i] > weight[i] * 30 - weight[i] * 3 && count[i] < weight[i] * 30 + weight[i] * 3);
	CASE("10 to 1000: half below 100");
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t k = vrk_random_log_range(&random, 10 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC);

		EXPECT(k >= 10 * NSEC_PER_MSEC && k <= 1000 * NSEC_PER_MSEC);
		low += k < 100 * NSEC_PER_MSEC;
	}
	EXPECT(low > 9600 && low < 10400);
	CASE("one number, and the largest");
	EXPECT_INT(vrk_random_log_range(&random, 7, 7), 7);
	EXPECT(vrk_random_log_range(&random, 1, (1ULL << 62) - 1) < 1ULL << 62);
}

static uint64_t sum_of(const uint64_t *share, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += share[i];
	return sum;
}

static bool within(const uint64_t *share, size_t n, uint64_t least, uint64_t most)
{
	for (size_t i = 0; i < n; i++)
		if (share[i] < least || share[i] > most)
			return false;
	return true;
}

static void test_uunifast(void)
{
	uint64_t share[N_MAX];
	struct vrk_random random;
	unsigned int half = 0;

	vrk_random_init(&random, 3, 0);
	CASE("nobody");
	vrk_uunifast(&random, 0, ONE, share);
	for (size_t n = 1; n <= N_MAX; n++) {
		CASE("exact sums");
		vrk_uunifast(&random, n, ONE * 9 / 10 + n, share);
		EXPECT_INT(sum_of(share, n), ONE * 9 / 10 + n);
		vrk_uunifast(&random, n, 1ULL << 52, share);
		EXPECT_INT(sum_of(share, n), 1LL << 52);
		vrk_uunifast(&random, n, 0, share);
		EXPECT_INT(sum_of(share, n), 0);
	}
	CASE("each place is Beta(1, n-1): with n = 3, a quarter is above the half");
	for (unsigned int i = 0; i < DRAWS; i++) {
		vrk_uunifast(&random, 3, ONE, share);
		for (size_t k = 0; k < 3; k++)
			half += share[k] > ONE / 2;
	}
	EXPECT(half > 3 * DRAWS / 4 * 97 / 100 && half < 3 * DRAWS / 4 * 103 / 100);
}

static void test_discard(void)
{
	uint64_t share[N_MAX];
	struct vrk_random random;

	vrk_random_init(&random, 4, 0);
	CASE("limits are kept");
	for (int i = 0; i < 1000; i++) {
		EXPECT_INT(vrk_uunifast_discard(&random, 6, 2 * ONE, ONE / 100, ONE, 100000, share), 0);
		EXPECT_INT(sum_of(share, 6), 2 * ONE);
		EXPECT(within(share, 6, ONE / 100, ONE));
	}
	CASE("more than they may have together");
	EXPECT_INT(vrk_uunifast_discard(&random, 2, 2 * ONE + 1, 0, ONE, 10, share), -EINVAL);
	CASE("less than they must have");
	EXPECT_INT(vrk_uunifast_discard(&random, 4, ONE - 1, ONE / 4, ONE, 10, share), -EINVAL);
	CASE("limits the wrong way round");
	EXPECT_INT(vrk_uunifast_discard(&random, 2, ONE, ONE, ONE / 2, 10, share), -EINVAL);
	CASE("nobody");
	EXPECT_INT(vrk_uunifast_discard(&random, 0, 0, 0, ONE, 10, share), -EINVAL);
	CASE("in vain");
	EXPECT_INT(vrk_uunifast_discard(&random, 40, 39 * ONE, 0, ONE, 10, share), -EAGAIN);
}

/* What RandFixedSum does to sets of @n with limits and sum in hundredths of a CPU. */
static const struct {
	const char *name;
	size_t n;
	uint64_t sum, least, most;
} sums[] = {
	{ "one", 1, 50, 0, 100 },
	{ "two", 2, 100, 0, 100 },
	{ "as much as can be", 5, 500, 0, 100 },
	{ "as little as can be", 5, 100, 20, 100 },
	{ "nothing", 7, 0, 0, 100 },
	{ "all alike", 4, 120, 30, 30 },
	{ "nearly all of it", 40, 3999, 0, 100 },
	{ "small shares", 20, 190, 0, 10 },
	{ "many", 64, 3200, 0, 100 },
	{ "shifted", 6, 90, 5, 30 },
	{ "a whole number", 6, 300, 0, 100 },
};

static void test_fixed_sum(void)
{
	uint64_t share[N_MAX], first;
	struct vrk_random random;

	for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
		uint64_t sum = sums[i].sum * ONE / 100, least = sums[i].least * ONE / 100, most = sums[i].most * ONE / 100;
		struct vrk_fixed_sum *table = NULL;
		size_t n = sums[i].n;

		CASE(sums[i].name);
		/* hundredths round down: what is at the edge in hundredths is at the edge here */
		if (sum < least * n || sums[i].sum == sums[i].least * n)
			sum = least * n;
		if (sum > most * n || sums[i].sum == sums[i].most * n)
			sum = most * n;
		vrk_random_init(&random, 5, i);
		if (!EXPECT_INT(vrk_fixed_sum_new(&table, n, sum, least, most), 0))
			continue;
		first = 0;
		for (unsigned int k = 0; k < 4000; k++) {
			vrk_fixed_sum_draw(table, &random, share);
			EXPECT_INT(sum_of(share, n), sum);
			EXPECT(within(share, n, least, most));
			first += share[0];
		}
		/* the mean of the first place is the sum's n-th part, within 2 % of the range */
		first /= 4000;
		EXPECT(first + (most - least) / 50 + 1 >= sum / n && first <= sum / n + (most - least) / 50);
		EXPECT(vrk_fixed_sum_free(table) == NULL);
	}
}

static void test_fixed_sum_marginals(void)
{
	struct vrk_fixed_sum *table = NULL;
	unsigned int low = 0, most[2] = { 0 };
	uint64_t share[N_MAX];
	struct vrk_random random;

	vrk_random_init(&random, 6, 0);
	CASE("three with the sum 1.5: 5/24 of each are below 1/4");
	if (!EXPECT_INT(vrk_fixed_sum_new(&table, 3, ONE * 3 / 2, 0, ONE), 0))
		return;
	for (unsigned int i = 0; i < DRAWS; i++) {
		vrk_fixed_sum_draw(table, &random, share);
		for (size_t k = 0; k < 3; k++)
			low += share[k] < ONE / 4;
	}
	table = vrk_fixed_sum_free(table);
	EXPECT(low > 3 * DRAWS * 5 / 24 * 97 / 100 && low < 3 * DRAWS * 5 / 24 * 103 / 100);

	CASE("the same as UUniFast-Discard: how often a share of five with the sum 2 is above 0.9");
	if (!EXPECT_INT(vrk_fixed_sum_new(&table, 5, 2 * ONE, 0, ONE), 0))
		return;
	for (unsigned int i = 0; i < DRAWS; i++) {
		vrk_fixed_sum_draw(table, &random, share);
		most[0] += !within(share, 5, 0, ONE * 9 / 10);
		EXPECT_INT(vrk_uunifast_discard(&random, 5, 2 * ONE, 0, ONE, 100000, share), 0);
		most[1] += !within(share, 5, 0, ONE * 9 / 10);
	}
	table = vrk_fixed_sum_free(table);
	EXPECT(most[0] > 1000 && most[0] * 93 / 100 < most[1] && most[1] * 93 / 100 < most[0]);
}

static void test_fixed_sum_refused(void)
{
	struct vrk_fixed_sum *table = NULL;

	CASE("refused");
	EXPECT_INT(vrk_fixed_sum_new(&table, 0, 0, 0, ONE), -EINVAL);
	EXPECT_INT(vrk_fixed_sum_new(&table, 2, 2 * ONE + 1, 0, ONE), -EINVAL);
	EXPECT_INT(vrk_fixed_sum_new(&table, 2, 1, 1, ONE), -EINVAL);
	EXPECT_INT(vrk_fixed_sum_new(&table, 2, ONE, ONE, 0), -EINVAL);
	EXPECT_INT(vrk_fixed_sum_new(&table, VRK_GENERATE_N_MAX + 1, ONE, 0, ONE), -EINVAL);
	EXPECT(table == NULL && vrk_fixed_sum_free(NULL) == NULL);
	CASE("the largest");
	if (EXPECT_INT(vrk_fixed_sum_new(&table, VRK_GENERATE_N_MAX, VRK_GENERATE_N_MAX * ONE / 3, 0, ONE), 0)) {
		static uint64_t share[VRK_GENERATE_N_MAX];
		struct vrk_random random;

		vrk_random_init(&random, 7, 0);
		vrk_fixed_sum_draw(table, &random, share);
		EXPECT_INT(sum_of(share, VRK_GENERATE_N_MAX), VRK_GENERATE_N_MAX * ONE / 3);
		EXPECT(within(share, VRK_GENERATE_N_MAX, 0, ONE));
		vrk_fixed_sum_free(table);
	}
}

static void test_waters(void)
{
	/* of 85: tables III; means in ns and limits of the factor in hundredths: tables IV and V */
	static const unsigned int percent[VRK_WATERS_PERIODS] = { 3, 2, 2, 25, 25, 3, 20, 1, 4 };
	static const uint64_t mean[VRK_WATERS_PERIODS] = { 5000, 4200, 11040, 10090, 8740, 17560, 10530, 2560, 430 };
	uint64_t count[VRK_WATERS_PERIODS] = { 0 }, sum[VRK_WATERS_PERIODS] = { 0 };
	struct vrk_random random;

	vrk_random_init(&random, 8, 0);
	for (unsigned int i = 0; i < 85 * 4000; i++) {
		struct vrk_runnable x;
		size_t k = 0;

		vrk_waters_draw(&random, &x);
		while (k < VRK_WATERS_PERIODS - 1 && vrk_waters_period(k) != x.period_ns)
			k++;
		EXPECT_INT(x.period_ns, vrk_waters_period(k));
		EXPECT(x.wcet_ns >= x.average_ns * 102 / 100 && x.wcet_ns <= x.average_ns * 3003 / 100 + 1);
		count[k]++;
		sum[k] += x.average_ns;
	}
	for (size_t k = 0; k < VRK_WATERS_PERIODS; k++) {
		CASE("how many have the period");
		EXPECT(count[k] > percent[k] * 3600ULL && count[k] < percent[k] * 4400ULL);
		CASE("the mean of the average times");
		EXPECT(count[k] > 0 && sum[k] / count[k] > mean[k] * 90 / 100 && sum[k] / count[k] < mean[k] * 110 / 100);
	}
}

/* FNV-1a over everything that is drawn: whoever changes a byte of it changes everybody's experiments. */
static uint64_t hash_add(uint64_t hash, uint64_t x)
{
	for (unsigned int i = 0; i < 64; i += 8)
		hash = (hash ^ ((x >> i) & 0xff)) * 0x100000001b3ULL;
	return hash;
}

static void test_golden(void)
{
	uint64_t hash[3] = { 0xcbf29ce484222325ULL, 0xcbf29ce484222325ULL, 0xcbf29ce484222325ULL }, share[N_MAX];
	struct vrk_fixed_sum *table = NULL;
	struct vrk_random random;

	CASE("golden bytes");
	vrk_random_init(&random, 2026, 11);
	if (!EXPECT_INT(vrk_fixed_sum_new(&table, 20, 7 * ONE / 2, ONE / 50, ONE / 2), 0))
		return;
	for (int i = 0; i < 100; i++) {
		struct vrk_runnable x;

		vrk_uunifast(&random, 20, ONE, share);
		for (size_t k = 0; k < 20; k++)
			hash[0] = hash_add(hash[0], share[k]);
		vrk_fixed_sum_draw(table, &random, share);
		for (size_t k = 0; k < 20; k++)
			hash[1] = hash_add(hash[1], share[k]);
		vrk_waters_draw(&random, &x);
		hash[2] = hash_add(hash_add(hash[2], x.period_ns), x.wcet_ns);
		hash[2] = hash_add(hash[2], vrk_random_log_range(&random, 10, 1000));
	}
	vrk_fixed_sum_free(table);
	EXPECT_INT(hash[0], -5962176692255154836);
	EXPECT_INT(hash[1], -4051463200142637091);
	EXPECT_INT(hash[2], -7062865324994004706);
}

int main(void)
{
	test_random();
	test_range();
	test_log_range();
	test_uunifast();
	test_discard();
	test_fixed_sum();
	test_fixed_sum_marginals();
	test_fixed_sum_refused();
	test_waters();
	test_golden();
	return expect_result();
}
