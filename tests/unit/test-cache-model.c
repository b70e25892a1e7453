/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulated cache (tests/vm/cache-model.c): hits and misses of sequences that can be followed by hand, and of long ones
 * beside a model that is written the other way round, with the time of last use of each line. */
#include "../vm/cache-model.h"
#include "expect.h"

#define LINE	64ULL
#define PAGE	4096ULL

static const struct color_map one_bank = { .n = { 0, 0 } };

static struct cache_model *model(uint64_t size, uint32_t ways, const struct color_map *map)
{
	const struct cache_geometry g = { size, ways, 6, 13 };
	struct cache_model *m = NULL;

	EXPECT_INT(cache_model_new(&m, &g, map), 0);
	if (!m)
		exit(EXIT_FAILURE);
	return m;
}

/* --- by hand ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t lines;		/* in the cache */
	uint32_t ways;
	const char *lines_used;	/* one letter a line: 'a' is line 0 */
	const char *hits;	/* '+' hit, '-' miss */
} sequences[] = {
	{ "nothing is there at first",		4, 4, "abcd",		"----" },
	{ "what fits stays",			4, 4, "abcdabcd",	"----++++" },
	{ "one too many in a circle: none stays", 4, 4, "abcdeabcdeabcde", "---------------" },
	{ "the one not used for longest goes",	2, 2, "abacab",		"--+-+-" },
	{ "a hit makes it young",		3, 3, "abcadabc",	"---+-+--" },
	{ "the last one used stays",		2, 2, "abcbcbc",	"---++++" },
	{ "one way: two of a set fight",	2, 1, "acac",		"----" },
	{ "one way: two sets do not",		2, 1, "abab",		"--++" },
	{ "two sets of two ways",		4, 2, "acebdfeacbdf",	"------+-----" },
	{ "a set of its own is not disturbed",	4, 2, "acbdfhjlac",	"--------++" },
	{ "one line of cache",			1, 1, "aabba",		"-+-+-" },
};

static void by_hand(size_t i)
{
	struct cache_model *m = model(sequences[i].lines * LINE, sequences[i].ways, &one_bank);
	const char *c;
	size_t at;
	bool hit;

	CASE(sequences[i].name);
	for (c = sequences[i].lines_used, at = 0; *c; c++, at++) {
		hit = cache_model_access(m, CACHE_VICTIM, (uint64_t)(*c - 'a') * LINE + at % LINE);
		EXPECT_INT(hit, sequences[i].hits[at] == '+');
	}
	EXPECT_INT(cache_model_counts(m, CACHE_VICTIM)->accesses, at);
	cache_model_free(m);
}

/* --- who, which colour, which bank --------------------------------------------------------------------------------- */

static void evictions(void)
{
	struct cache_model *m = model(2 * LINE, 2, &one_bank);
	const struct cache_counts *victim = cache_model_counts(m, CACHE_VICTIM);
	const struct cache_counts *aggressor = cache_model_counts(m, CACHE_AGGRESSOR);

	CASE("who puts out whose lines");
	cache_model_access(m, CACHE_VICTIM, 0);
	cache_model_access(m, CACHE_VICTIM, 1 * LINE);
	cache_model_access(m, CACHE_AGGRESSOR, 2 * LINE);	/* puts out 0 */
	cache_model_access(m, CACHE_VICTIM, 0);			/* puts out 1 */
	cache_model_access(m, CACHE_OTHERS, 3 * LINE);		/* puts out 2 */
	EXPECT_INT(victim->accesses, 3);
	EXPECT_INT(victim->misses, 3);
	EXPECT_INT(victim->evicted[CACHE_AGGRESSOR], 1);
	EXPECT_INT(victim->evicted[CACHE_VICTIM], 1);
	EXPECT_INT(victim->evicted[CACHE_OTHERS], 0);
	EXPECT_INT(aggressor->misses, 1);
	EXPECT_INT(aggressor->evicted[CACHE_OTHERS], 1);
	CASE("a reset of counts leaves the lines");
	cache_model_reset_counts(m);
	EXPECT(cache_model_access(m, CACHE_VICTIM, 0));
	EXPECT_INT(victim->accesses, 1);
	EXPECT_INT(victim->misses, 0);
	EXPECT_INT(victim->evicted[CACHE_AGGRESSOR], 0);
	cache_model_free(m);
}

static struct color_map map_of(const char *text)
{
	struct color_map map = one_bank;
	size_t at;

	EXPECT_INT(color_map_parse(&map, text, strlen(text), &at), COLOR_OK);
	return map;
}

static void colors(void)
{
	const struct color_map map = map_of("virtrk-profile 1 cache=12,13");
	struct cache_model *m = model(4 * PAGE, 1, &map);	/* one page of each of four colours */
	const uint64_t *misses;
	uint32_t n;

	CASE("misses by colour");
	cache_model_access(m, CACHE_VICTIM, 1 * PAGE);
	cache_model_access(m, CACHE_AGGRESSOR, 5 * PAGE);	/* colour 1, too */
	cache_model_access(m, CACHE_VICTIM, 1 * PAGE);
	cache_model_access(m, CACHE_VICTIM, 7 * PAGE + 128);
	cache_model_access(m, CACHE_AGGRESSOR, 6 * PAGE);	/* nobody's */
	cache_model_access(m, CACHE_VICTIM, 7 * PAGE + 129);
	misses = cache_model_color_misses(m, CACHE_VICTIM, &n);
	EXPECT_INT(n, 4);
	EXPECT(misses[0] == 0 && misses[1] == 2 && misses[2] == 0 && misses[3] == 1);
	misses = cache_model_color_misses(m, CACHE_AGGRESSOR, &n);
	EXPECT(misses[0] == 0 && misses[1] == 1 && misses[2] == 1 && misses[3] == 0);
	cache_model_free(m);
}

static void rows(void)
{
	const struct color_map map = map_of("virtrk-profile 1 bank=13^17,14^18");
	const struct cache_geometry g = { LINE, 1, 6, 15 };	/* one line: all but the same line again misses */
	const struct cache_counts *victim, *aggressor;
	struct cache_model *m = NULL;
	const uint64_t *conflicts;
	uint32_t n;

	CASE("rows");
	if (!EXPECT_INT(cache_model_new(&m, &g, &map), 0))
		return;
	victim = cache_model_counts(m, CACHE_VICTIM);
	aggressor = cache_model_counts(m, CACHE_AGGRESSOR);
	cache_model_access(m, CACHE_VICTIM, 0);			/* opens bank 0, row 0 */
	cache_model_access(m, CACHE_VICTIM, 64);		/* hit */
	cache_model_access(m, CACHE_VICTIM, 65);		/* not seen: in the cache */
	cache_model_access(m, CACHE_AGGRESSOR, 1 << 13);	/* opens bank 1 */
	cache_model_access(m, CACHE_VICTIM, 4096);		/* hit */
	EXPECT_INT(victim->row_opens, 1);
	EXPECT_INT(victim->row_hits, 2);
	EXPECT_INT(aggressor->row_opens, 1);
	cache_model_access(m, CACHE_AGGRESSOR, 1 << 15);	/* bank 0, row 1: closes the victim's */
	cache_model_access(m, CACHE_VICTIM, 0);			/* and back */
	cache_model_access(m, CACHE_VICTIM, 1 << 16);		/* bank 0, row 2: closes its own */
	EXPECT_INT(aggressor->row_conflicts[CACHE_VICTIM], 1);
	EXPECT_INT(victim->row_conflicts[CACHE_AGGRESSOR], 1);
	EXPECT_INT(victim->row_conflicts[CACHE_VICTIM], 1);
	cache_model_access(m, CACHE_VICTIM, 1 << 17);		/* by XOR in bank 1: the aggressor's row is open there */
	EXPECT_INT(victim->row_conflicts[CACHE_AGGRESSOR], 2);
	cache_model_access(m, CACHE_VICTIM, (1 << 17) | (1 << 13));	/* and by XOR in bank 0 */
	EXPECT_INT(victim->row_conflicts[CACHE_VICTIM], 2);
	conflicts = cache_model_bank_conflicts(m, CACHE_VICTIM, &n);
	EXPECT_INT(n, 4);
	EXPECT(conflicts[0] == 3 && conflicts[1] == 1 && conflicts[2] == 0 && conflicts[3] == 0);
	cache_model_free(m);
}

/* --- what is no cache ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	struct cache_geometry geometry;
	const char *profile;
	int result;
} refusals[] = {
	{ "sixteen colours",			{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=12,13,14,15", 0 },
	{ "in any order",			{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=15,12,14,13", 0 },
	{ "three ways",				{ 3 << 16, 3, 6, 15 }, "virtrk-profile 1 cache=12,13,14,15", 0 },
	{ "a colour bit too few",		{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=12,13,14", -EINVAL },
	{ "a colour bit too many",		{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=12,13,14,15,16", -EINVAL },
	{ "another bit",			{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=12,13,14,16", -EINVAL },
	{ "a hashed cache is not modelled",	{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 cache=12,13,14,15^20", -EINVAL },
	{ "no colours, but sets of many pages",	{ 1 << 20, 16, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "no way",				{ 1 << 20, 0, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "65 ways",				{ 65 << 6, 65, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "size 0",				{ 0, 16, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "sets that are no power of two",	{ 3 << 6, 1, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "a size that ways do not divide",	{ (4 << 6) + 64, 4, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "a line longer than a page",		{ 1 << 20, 16, 13, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "a row bit that no address has",	{ 1 << 6, 1, 6, 52 }, "virtrk-profile 1 bank=13", -EINVAL },
	{ "more sets than it takes",		{ 1ULL << 40, 1, 6, 15 }, "virtrk-profile 1 bank=13", -EINVAL },
};

static void refusal(size_t i)
{
	struct color_map map = map_of(refusals[i].profile);
	struct cache_model *m = NULL;

	CASE(refusals[i].name);
	EXPECT_INT(cache_model_new(&m, &refusals[i].geometry, &map), refusals[i].result);
	EXPECT_INT(!m, refusals[i].result != 0);
	cache_model_free(m);
}

/* --- beside another model ------------------------------------------------------------------------------------------ */

#define OTHER_WAYS	4
#define OTHER_SETS	8

static bool other_access(uint64_t (*tag)[OTHER_WAYS], uint64_t (*used)[OTHER_WAYS], uint64_t line, uint64_t now)
{
	uint64_t set = line % OTHER_SETS;
	uint32_t i, oldest = 0;

	for (i = 0; i < OTHER_WAYS; i++) {
		if (used[set][i] > 0 && tag[set][i] == line) {
			used[set][i] = now;
			return true;
		}
		if (used[set][i] < used[set][oldest])
			oldest = i;
	}
	tag[set][oldest] = line;
	used[set][oldest] = now;
	return false;
}

static void beside_another(uint64_t span)
{
	uint64_t tag[OTHER_SETS][OTHER_WAYS] = { { 0 } }, used[OTHER_SETS][OTHER_WAYS] = { { 0 } }, state = span, now, line;
	struct cache_model *m = model(OTHER_SETS * OTHER_WAYS * LINE, OTHER_WAYS, &one_bank);
	uint64_t differ = 0, hits = 0;
	bool hit;

	CASE("the same as by time of last use");
	for (now = 1; now <= 20000; now++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		line = (state >> 33) % span;
		hit = cache_model_access(m, CACHE_OTHERS, line * LINE + (state >> 20) % LINE);
		hits += hit;
		differ += hit != other_access(tag, used, line, now);
	}
	EXPECT_INT(differ, 0);
	EXPECT(hits > 1000 && hits < 20000);
	EXPECT_INT(cache_model_counts(m, CACHE_OTHERS)->misses, 20000 - hits);
	cache_model_free(m);
}

int main(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sequences); i++)
		by_hand(i);
	evictions();
	colors();
	rows();
	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		refusal(i);
	for (i = 20; i < 300; i += 35)
		beside_another(i);
	EXPECT(cache_model_free(NULL) == NULL);
	return expect_result();
}
