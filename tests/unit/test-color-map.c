/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of colours against brute force: every function of small maps and every range of small memories, random
 * maps with more functions, and published maps of real machines.
 */
#include "color-map.h"
#include "expect.h"

#define FRAMES 64	/* of the memories that are tried out range by range */

static u64 brute_color(const struct color_map *map, enum color_kind kind, u64 pfn)
{
	u64 color = 0;
	u32 i, bit;

	for (i = 0; i < map->n[kind]; i++) {
		for (bit = 0; bit < COLOR_PFN_BITS; bit++)
			color ^= (map->mask[kind][i] >> bit & pfn >> bit & 1) << i;
	}
	return color;
}

static bool brute_has(const struct color_map *map, u64 color, u64 bank, u64 pfn)
{
	return (color == COLOR_ANY || brute_color(map, COLOR_CACHE, pfn) == color) &&
	       (bank == COLOR_ANY || brute_color(map, COLOR_BANK, pfn) == bank);
}

static u64 brute_frames(const struct color_map *map, u64 color, u64 bank, u64 first, u64 end)
{
	u64 n = 0;

	for (; first < end; first++)
		n += brute_has(map, color, bank, first);
	return n;
}

/* Every pair and every range of the first @frames frames. Silent when as expected: there are millions. */
static bool ranges_agree(const struct color_map *map, u64 frames)
{
	u64 colors = color_count(map, COLOR_CACHE), banks = color_count(map, COLOR_BANK);
	u64 color, bank, first, end;

	for (color = 0; color <= colors; color++) {
		for (bank = 0; bank <= banks; bank++) {
			u64 c = color < colors ? color : COLOR_ANY, b = bank < banks ? bank : COLOR_ANY;

			for (first = 0; first <= frames; first += 1 + first / 3) {
				for (end = first; end <= frames; end++) {
					if (color_frames(map, c, b, first, end) != brute_frames(map, c, b, first, end))
						return false;
				}
			}
		}
	}
	return true;
}

static bool pairs_agree(const struct color_map *map, u64 frames)
{
	u64 colors = color_count(map, COLOR_CACHE), banks = color_count(map, COLOR_BANK), pairs = 0;
	u64 color, bank;

	for (color = 0; color < colors; color++) {
		for (bank = 0; bank < banks; bank++) {
			if (color_pair_exists(map, color, bank) != (brute_frames(map, color, bank, 0, frames) > 0))
				return false;
			pairs += color_pair_exists(map, color, bank);
		}
	}
	return pairs == 1ULL << color_rank(map);
}

/* All maps of one cache function and one bank function over four address bits. */
static void test_exhaustive(void)
{
	struct color_map map = { .n = { 1, 1 } };
	u64 pfn;

	CASE("every pair of functions of 4 bits");
	for (map.mask[COLOR_CACHE][0] = 1; map.mask[COLOR_CACHE][0] < 16; map.mask[COLOR_CACHE][0]++) {
		for (map.mask[COLOR_BANK][0] = 1; map.mask[COLOR_BANK][0] < 16; map.mask[COLOR_BANK][0]++) {
			for (pfn = 0; pfn < FRAMES; pfn++) {
				EXPECT(color_of(&map, COLOR_CACHE, pfn) == brute_color(&map, COLOR_CACHE, pfn));
				EXPECT(color_of(&map, COLOR_BANK, pfn) == brute_color(&map, COLOR_BANK, pfn));
			}
			EXPECT(ranges_agree(&map, 40));
			EXPECT(pairs_agree(&map, FRAMES));
		}
	}
}

static u64 random_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void test_random(void)
{
	u64 state = 88172645463325252ULL;
	struct color_map map;
	unsigned int i, kind, f;
	u64 first, end, color;

	CASE("200 random maps");
	for (i = 0; i < 200; i++) {
		memset(&map, 0, sizeof(map));
		for (kind = 0; kind < COLOR_KINDS; kind++) {
			map.n[kind] = (u32)(random_next(&state) % 4);
			for (f = 0; f < map.n[kind]; f++)
				map.mask[kind][f] = random_next(&state) % 4096;
		}
		EXPECT(pairs_agree(&map, 4096));
		first = random_next(&state) % 5000;
		end = first + random_next(&state) % 5000;
		for (color = 0; color < color_count(&map, COLOR_CACHE); color++)
			EXPECT(color_frames(&map, color, COLOR_ANY, first, end) ==
			       brute_frames(&map, color, COLOR_ANY, first, end));
	}
}

/* Functions as published for an i7-2600 with one DIMM (the papers count from address bit 0), and its 32 colours. */
static void test_real(void)
{
	struct color_map map = { .n = { 5, 4 },
		.mask = { { 1, 2, 4, 8, 16 },
			  { 1 << 5 | 1 << 1, 1 << 6 | 1 << 2, 1 << 7 | 1 << 3, 1 << 8 | 1 << 4 } } };
	u64 sum = 0, color;

	CASE("i7-2600");
	EXPECT_INT(color_count(&map, COLOR_CACHE), 32);
	EXPECT_INT(color_count(&map, COLOR_BANK), 16);
	EXPECT_INT(color_rank(&map), 9);	/* all 512 pairs: bits 17 to 20 are in no cache function */
	EXPECT_INT(color_of(&map, COLOR_CACHE, 0x12345), 5);
	EXPECT_INT(color_of(&map, COLOR_BANK, 1 << 5), 1);
	EXPECT_INT(color_of(&map, COLOR_BANK, 1 << 5 | 1 << 1), 0);
	for (color = 0; color < 32; color++)
		sum += color_frames(&map, color, COLOR_ANY, 0, 2097152);	/* 8 GiB */
	EXPECT_INT(sum, 2097152);
	EXPECT_INT(color_frames(&map, 3, COLOR_ANY, 0, 2097152), 65536);	/* 256 MiB each */
	EXPECT_INT(color_frames(&map, 3, 7, 0, 2097152), 4096);
	EXPECT(ranges_agree(&(struct color_map){ .n = { 1, 1 }, .mask = { { 1 }, { 1 } } }, 32));

	CASE("shared bits: half of the pairs do not exist");
	map = (struct color_map){ .n = { 2, 1 }, .mask = { { 1, 2 }, { 3 } } };
	EXPECT_INT(color_rank(&map), 2);
	EXPECT(color_pair_exists(&map, 1, 1) && !color_pair_exists(&map, 1, 0));
	EXPECT_INT(color_frames(&map, 1, 0, 0, 1000), 0);
	EXPECT_INT(color_frames(&map, 1, 1, 0, 1000), 250);
}

static void test_edges(void)
{
	struct color_map map = { .n = { 1, 0 }, .mask = { { 1ULL << 39 } } };
	u32 i;

	CASE("the highest bit, the whole address space");
	EXPECT_INT(color_of(&map, COLOR_CACHE, 1ULL << 39), 1);
	EXPECT_INT(color_frames(&map, 1, COLOR_ANY, 0, 1ULL << 40), 1ULL << 39);
	EXPECT_INT(color_frames(&map, 1, COLOR_ANY, 0, UINT64_MAX), 1ULL << 39);
	EXPECT_INT(color_frames(&map, 0, 0, 5, 5), 0);
	EXPECT_INT(color_frames(&map, 0, 0, 6, 5), 0);
	EXPECT_INT(color_frames(&map, 2, COLOR_ANY, 0, 1000), 0);	/* no such colour */
	EXPECT_INT(color_frames(&map, 0, 1, 0, 1000), 0);

	CASE("32 functions of each kind");
	map.n[COLOR_CACHE] = map.n[COLOR_BANK] = COLOR_FUNCTIONS_MAX;
	for (i = 0; i < COLOR_FUNCTIONS_MAX; i++) {
		map.mask[COLOR_CACHE][i] = 1ULL << i;
		map.mask[COLOR_BANK][i] = 1ULL << (i + 8);
	}
	EXPECT_INT(color_rank(&map), 40);
	EXPECT_INT(color_of(&map, COLOR_CACHE, 0xffabcdef01ULL), 0xabcdef01);
	EXPECT_INT(color_of(&map, COLOR_BANK, 0xffabcdef01ULL), 0xffabcdef);
	EXPECT_INT(color_frames(&map, 0xabcdef01, 0xffabcdef, 0, 1ULL << 40), 1);
	EXPECT_INT(color_frames(&map, 0xabcdef01, 0xffabcdee, 0, 1ULL << 40), 0);
	EXPECT_INT(color_frames(&map, 0xabcdef01, COLOR_ANY, 0, 1ULL << 40), 256);

	CASE("no function: everything has colour 0 and bank 0");
	map.n[COLOR_CACHE] = map.n[COLOR_BANK] = 0;
	EXPECT_INT(color_frames(&map, 0, 0, 3, 1000), 997);
	EXPECT(color_map_equal(&map, &(struct color_map){ .n = { 0, 0 } }));
	EXPECT(!color_map_equal(&map, &(struct color_map){ .n = { 1, 0 } }));
}

/* ---- layouts: what a guest sees whose memory is a file of such a mount ---- */

#define LAYOUT_FRAMES 256

static u64 layout_of[LAYOUT_FRAMES][COLOR_KINDS];	/* colour and bank of each frame, by brute force */
static bool layout_pair[8][4];				/* some frame has them */

static void layout_brute(const struct color_map *map)
{
	memset(layout_pair, 0, sizeof(layout_pair));
	for (u64 pfn = 0; pfn < LAYOUT_FRAMES; pfn++) {
		for (u32 kind = 0; kind < COLOR_KINDS; kind++)
			layout_of[pfn][kind] = brute_color(map, kind, pfn);
		layout_pair[layout_of[pfn][COLOR_CACHE]][layout_of[pfn][COLOR_BANK]] = true;
	}
}

/* Every frame of the choice is of one class, which says its colour and its bank; and a guest's page of another colour has another one. */
static void layout_agrees(const struct color_map *map, const struct color_set set[COLOR_KINDS], const bool all[COLOR_KINDS])
{
	u64 of_class[32][COLOR_KINDS], frames[32] = { 0 };
	struct color_layout layout;
	struct color_map guest;
	u32 n, kind;
	u64 pfn, page;

	if (!EXPECT_INT(color_layout_make(&layout, map, set, all), COLOR_OK))
		return;
	n = color_layout_classes(&layout);
	if (!EXPECT(n <= ARRAY_SIZE(frames)))
		return;
	for (pfn = 0; pfn < LAYOUT_FRAMES; pfn++) {
		const u64 *of = layout_of[pfn];
		u32 class;

		if (!color_set_has(&set[COLOR_CACHE], of[COLOR_CACHE]) || (!all[COLOR_BANK] && !color_set_has(&set[COLOR_BANK], of[COLOR_BANK])))
			continue;
		class = color_layout_class(&layout, map, set, pfn);
		if (class >= n || (frames[class]++ > 0 && (of_class[class][COLOR_CACHE] != of[COLOR_CACHE] ||
							   (!all[COLOR_BANK] && of_class[class][COLOR_BANK] != of[COLOR_BANK])))) {
			EXPECT(!"a class of frames of several colours");
			return;
		}
		of_class[class][COLOR_CACHE] = of[COLOR_CACHE];
		of_class[class][COLOR_BANK] = of[COLOR_BANK];
	}
	for (u32 class = 0; class < n; class++)
		if (!EXPECT(frames[class] > 0))
			return;
	color_layout_profile(&layout, &guest);
	EXPECT_INT(color_count(&guest, COLOR_CACHE), set[COLOR_CACHE].count);
	EXPECT_INT(color_count(&guest, COLOR_BANK), all[COLOR_BANK] ? 1 : set[COLOR_BANK].count);
	for (page = 0; page < 2 * (u64)n; page++)
		for (kind = 0; kind < COLOR_KINDS; kind++) {
			u64 rank = color_of(&guest, kind, page);

			if (kind == COLOR_BANK && all[kind])
				continue;
			if (color_set_rank(&set[kind], of_class[page % n][kind]) != rank) {
				EXPECT(!"a page whose frame has not the colour that the guest was told");
				return;
			}
		}
}

static void set_of_bits(struct color_set *set, u64 limit, u64 bits)
{
	memset(set, 0, sizeof(*set));
	set->limit = (u32)limit;
	set->count = (u32)__builtin_popcountll(bits);
	set->word[0] = bits;
}

/* Each choice of colours, and of banks, of maps with 8 and 4 of them. */
static void test_layouts(void)
{
	static const struct {
		const char *name, *profile;
	} maps[] = {
		{ "layout: linear", "virtrk-profile 1 cache=12,13,14 bank=15,16" },
		{ "layout: colours are XORs", "virtrk-profile 1 cache=12^17,13^18,14^12 bank=15^19,16" },
		{ "layout: banks share bits with colours", "virtrk-profile 1 cache=12,13,14 bank=14^17,13^12^18" },
		{ "layout: half of the pairs have no frame", "virtrk-profile 1 cache=12,13,14 bank=13^14,17" },
	};
	static const bool any[COLOR_KINDS] = { false, true }, both[COLOR_KINDS] = { false, false };
	struct color_set set[COLOR_KINDS];
	struct color_layout layout;
	struct color_map map;
	size_t at;

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		CASE(maps[i].name);
		if (!EXPECT_INT(color_map_parse(&map, maps[i].profile, strlen(maps[i].profile), &at), COLOR_OK))
			continue;
		layout_brute(&map);
		for (u64 colors = 0; colors < 256; colors++) {
			set_of_bits(&set[COLOR_CACHE], 8, colors);
			set_of_bits(&set[COLOR_BANK], 4, 15);
			if (set[COLOR_CACHE].count == 0 || (set[COLOR_CACHE].count & (set[COLOR_CACHE].count - 1)) != 0) {
				EXPECT_INT(color_layout_make(&layout, &map, set, any), COLOR_LAYOUT_COUNT);
				continue;
			}
			layout_agrees(&map, set, any);
			for (u64 banks = 1; banks < 16; banks++) {
				bool pairs = true;

				set_of_bits(&set[COLOR_BANK], 4, banks);
				for (u64 pair = 0; pair < 32; pair++)
					pairs = pairs && (!(colors >> pair % 8 & 1) || !(banks >> pair / 8 & 1) ||
							  layout_pair[pair % 8][pair / 8]);
				if ((banks & (banks - 1)) != 0 && banks != 15 && set[COLOR_BANK].count == 3)
					EXPECT_INT(color_layout_make(&layout, &map, set, both), COLOR_LAYOUT_COUNT);
				else if (!pairs)
					EXPECT_INT(color_layout_make(&layout, &map, set, both), COLOR_LAYOUT_PAIR);
				else
					layout_agrees(&map, set, both);
			}
		}
	}
	CASE("layout: no colours at all are one class");
	map = (struct color_map){ .n = { 0, 0 } };
	EXPECT_INT(color_set_fill(&set[COLOR_CACHE], 1), COLOR_OK);
	if (EXPECT_INT(color_layout_make(&layout, &map, set, any), COLOR_OK))
		EXPECT_INT(color_layout_classes(&layout), 1);
	CASE("layout: 4096 colours, and a bank too many");
	map.n[COLOR_CACHE] = 12;
	map.n[COLOR_BANK] = 1;
	for (u32 i = 0; i < 13; i++)
		map.mask[i / 12][i % 12] = 1ULL << i;
	EXPECT_INT(color_set_fill(&set[COLOR_CACHE], 4096), COLOR_OK);
	EXPECT_INT(color_set_fill(&set[COLOR_BANK], 2), COLOR_OK);
	if (EXPECT_INT(color_layout_make(&layout, &map, set, any), COLOR_OK))
		EXPECT_INT(color_layout_class(&layout, &map, set, 0x1abcd), 0xbcd);
	EXPECT_INT(color_layout_make(&layout, &map, set, both), COLOR_LIST_LIMIT);
	CASE("ranks");
	EXPECT_INT(color_set_rank(&set[COLOR_CACHE], 4095), 4095);
	EXPECT_INT(color_set_rank(&set[COLOR_CACHE], 4096), 4096);
	set_of_bits(&set[COLOR_CACHE], 64, 0x8000000000000001ULL);
	EXPECT_INT(color_set_rank(&set[COLOR_CACHE], 0), 0);
	EXPECT_INT(color_set_rank(&set[COLOR_CACHE], 1), 1);
	EXPECT_INT(color_set_rank(&set[COLOR_CACHE], 63), 1);
}

int main(void)
{
	test_layouts();
	test_exhaustive();
	test_random();
	test_real();
	test_edges();
	return expect_result();
}
