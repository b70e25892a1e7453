/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Caches of several machines, as their kernels show them, and the colours that they can promise.
 */
#include "cache-geometry.h"
#include "expect.h"

#define LEVELS 5

struct row {
	const char *type;
	uint32_t level, ways;
	uint64_t sets;
	const char *cpus;
};

static const struct machine_caches {
	const char *name;
	struct row rows[LEVELS];
	struct cache_word words[LEVELS];
	enum cache_colors_kind kind;
	uint32_t level, bits, cpus;
	bool certain;
} machines[] = {
	{ "no caches are told", { { NULL } }, { { 0 } }, CACHE_COLORS_NONE, 0, 0, 0, false },
	{ "Core 2 of two cores: one L2 for both, not hashed",
	  { { "Data", 1, 8, 64, "0" }, { "Instruction", 1, 8, 64, "0" }, { "Unified", 2, 16, 4096, "0-1" } },
	  { { 1, true, CACHE_INDEX_LINEAR }, { 1, false, CACHE_INDEX_LINEAR }, { 2, true, CACHE_INDEX_LINEAR } },
	  CACHE_COLORS_LAST_LEVEL, 2, 6, 2, true },
	{ "Nehalem: an L3 that is not hashed",
	  { { "Data", 1, 8, 64, "0,4" }, { "Unified", 2, 8, 512, "0,4" }, { "Unified", 3, 16, 8192, "0-7" } },
	  { { 1, true, CACHE_INDEX_LINEAR }, { 2, true, CACHE_INDEX_LINEAR }, { 3, true, CACHE_INDEX_LINEAR } },
	  CACHE_COLORS_LAST_LEVEL, 3, 7, 8, true },
	{ "Sandy Bridge: a hashed L3, an L2 of eight colours",
	  { { "Data", 1, 8, 64, "0,4" }, { "Instruction", 1, 8, 64, "0,4" }, { "Unified", 2, 8, 512, "0,4" }, { "Unified", 3, 16, 8192, "0-7" } },
	  { { 1, true, CACHE_INDEX_LINEAR }, { 1, false, CACHE_INDEX_LINEAR }, { 2, true, CACHE_INDEX_LINEAR }, { 3, true, CACHE_INDEX_HASHED } },
	  CACHE_COLORS_INNER, 2, 3, 2, true },
	{ "Skylake server: sets of the L3 are no power of two",
	  { { "Data", 1, 8, 64, "0" }, { "Unified", 2, 16, 1024, "0" }, { "Unified", 3, 11, 57344, "0-27" } },
	  { { 1, true, CACHE_INDEX_LINEAR }, { 2, true, CACHE_INDEX_LINEAR }, { 3, true, CACHE_INDEX_LINEAR } },
	  CACHE_COLORS_INNER, 2, 4, 1, true },
	{ "Zen: nobody says how the L2 is indexed, the L3 is hashed",
	  { { "Data", 1, 8, 64, "0-1" }, { "Unified", 2, 8, 1024, "0-1" }, { "Unified", 3, 16, 16384, "0-15" } },
	  { { 1, true, CACHE_INDEX_UNKNOWN }, { 2, true, CACHE_INDEX_UNKNOWN }, { 3, true, CACHE_INDEX_HASHED } },
	  CACHE_COLORS_INNER, 2, 4, 2, false },
	{ "an Arm server: nobody says anything",
	  { { "Data", 1, 4, 256, "0" }, { "Unified", 2, 8, 2048, "0" }, { "Unified", 3, 16, 32768, "0-63" } }, { { 0 } },
	  CACHE_COLORS_INNER, 2, 5, 1, false },
	{ "an Arm board: an L2 for all, nobody says anything",
	  { { "Data", 1, 4, 128, "0" }, { "Unified", 2, 16, 1024, "0-3" } }, { { 0 } }, CACHE_COLORS_LAST_LEVEL, 2, 4, 4, false },
	{ "both are hashed",
	  { { "Data", 1, 8, 64, "0" }, { "Unified", 2, 8, 1024, "0" }, { "Unified", 3, 16, 8192, "0-7" } },
	  { { 2, true, CACHE_INDEX_HASHED }, { 3, true, CACHE_INDEX_HASHED } }, CACHE_COLORS_NONE, 0, 0, 0, false },
	{ "an L2 as small as a page per way", { { "Unified", 2, 8, 64, "0" } }, { { 2, true, CACHE_INDEX_LINEAR } }, CACHE_COLORS_NONE, 0, 0, 0, false },
	{ "a machine that leaves out sizes", { { "Unified", 2, 8, 0, "0" } }, { { 0 } }, CACHE_COLORS_NONE, 0, 0, 0, false },
};

static void row_write(const char *tree, size_t i, const struct row *row)
{
	static const char *const files[] = { "level", "ways_of_associativity", "number_of_sets", "coherency_line_size" };
	const uint64_t values[] = { row->level, row->ways, row->sets, 64 };
	char path[128], text[32];

	for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
		snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu0/cache/index%zu/%s", i, files[k]);
		snprintf(text, sizeof(text), "%" PRIu64 "\n", values[k]);
		if (values[k] > 0)
			tree_file(tree, path, text);
	}
	snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu0/cache/index%zu/type", i);
	tree_file(tree, path, row->type);
	snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu0/cache/index%zu/shared_cpu_list", i);
	tree_file(tree, path, row->cpus);
}

static void test_machine(const struct machine_caches *m)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	const struct profile_door door = profile_door_directory(tree);
	struct cache caches[CACHES_MAX];
	struct cache_colors colors;
	size_t n = 0;

	CASE(m->name);
	for (size_t i = 0; i < LEVELS && m->rows[i].type; i++)
		row_write(tree, i, &m->rows[i]);
	if (!EXPECT_INT(cache_look(&door, m->words, LEVELS, caches, &n), 0))
		return;
	colors = cache_colors_choose(caches, n);
	EXPECT_INT(colors.kind, m->kind);
	EXPECT_INT(colors.bits, m->bits);
	EXPECT_INT(colors.cache ? colors.cache->level : 0, m->level);
	EXPECT_INT(colors.cache ? colors.cache->cpus : 0, m->cpus);
	EXPECT_INT(colors.certain, m->certain);
	EXPECT_INT(colors.first_bit, colors.cache ? 12 : 0);
}

int main(void)
{
	struct cache_word words[CACHES_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		test_machine(&machines[i]);
	CASE("this processor");
	EXPECT(cache_words_cpuid(words) <= CACHES_MAX);
	return expect_result();
}
