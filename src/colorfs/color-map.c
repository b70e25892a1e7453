/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of colours: which colour and bank a page frame has, which pairs of the two exist at all, and how many
 * frames of a range have a pair.
 *
 * A map is a set of linear functions over GF(2): each says the parity of the frame number under a mask. Asking for a
 * colour and a bank is a system of equations, one for each function. Cache and bank functions may share address bits;
 * then some pairs have no frame, and that is found by elimination, never by trying frames. Frames of a range are counted
 * exactly: the range is cut at powers of two, and where the low k bits of a frame number are free, a consistent system
 * of rank r has 2^(k - r) solutions.
 *
 * Called by the pool for each frame it looks at, by mount to tell what colours can hold, and by user-space tests. It
 * never allocates, sleeps or logs, and knows nothing about pages.
 */
#include "color-map.h"

static u64 parity(u64 x)
{
	x ^= x >> 32;
	x ^= x >> 16;
	x ^= x >> 8;
	x ^= x >> 4;
	return (0x6996 >> (x & 15)) & 1;	/* the parities of 0 to 15 */
}

u64 color_of(const struct color_map *map, enum color_kind kind, u64 pfn)
{
	u64 color = 0;
	u32 i;

	for (i = 0; i < map->n[kind]; i++)
		color |= parity(pfn & map->mask[kind][i]) << i;
	return color;
}

u64 color_count(const struct color_map *map, enum color_kind kind)
{
	return 1ULL << map->n[kind];
}

bool color_map_equal(const struct color_map *a, const struct color_map *b)
{
	u32 kind, i;

	for (kind = 0; kind < COLOR_KINDS; kind++) {
		if (a->n[kind] != b->n[kind])
			return false;
		for (i = 0; i < a->n[kind]; i++) {
			if (a->mask[kind][i] != b->mask[kind][i])
				return false;
		}
	}
	return true;
}

/* Rows in echelon form, by their highest bit. The right-hand side of an equation is bit 63 of its row. */
#define RHS (1ULL << 63)

struct equations {
	u32 rank;
	u64 row[COLOR_PFN_BITS];
};

/* False when the row contradicts those before it; a row that follows from them adds nothing. */
static bool equations_add(struct equations *e, u64 row)
{
	int bit;

	for (bit = COLOR_PFN_BITS - 1; bit >= 0; bit--) {
		if (!(row >> bit & 1))
			continue;
		if (!e->row[bit]) {
			e->row[bit] = row;
			e->rank++;
			return true;
		}
		row ^= e->row[bit];
	}
	return !(row & RHS);
}

/*
 * The equations of one kind for a frame number whose low @bits are unknown and whose other bits are those of @base: what
 * those say goes to the right-hand side.
 */
static bool equations_add_kind(struct equations *e, const struct color_map *map, enum color_kind kind, u64 color,
			       u64 base, u32 bits)
{
	u64 unknown = (1ULL << bits) - 1;
	u64 wanted;
	u32 i;

	if (color == COLOR_ANY)
		return true;
	if (color >= color_count(map, kind))
		return false;
	for (i = 0; i < map->n[kind]; i++) {
		wanted = (color >> i & 1) ^ parity(base & map->mask[kind][i]);
		if (!equations_add(e, (map->mask[kind][i] & unknown) | (wanted ? RHS : 0)))
			return false;
	}
	return true;
}

/* Frames with this pair among the 2^bits that begin at @base. */
static u64 frames_of_block(const struct color_map *map, u64 color, u64 bank, u64 base, u32 bits)
{
	struct equations e;

	memset(&e, 0, sizeof(e));
	if (!equations_add_kind(&e, map, COLOR_CACHE, color, base, bits) ||
	    !equations_add_kind(&e, map, COLOR_BANK, bank, base, bits))
		return 0;
	return 1ULL << (bits - e.rank);
}

/* Frames with this pair before @end: one block for each bit of it. */
static u64 frames_before(const struct color_map *map, u64 color, u64 bank, u64 end)
{
	u64 sum = 0;
	int bit;

	for (bit = COLOR_PFN_BITS; bit >= 0; bit--) {
		if (end >> bit & 1)
			sum += frames_of_block(map, color, bank, (end >> bit ^ 1) << bit, bit);
	}
	return sum;
}

u64 color_frames(const struct color_map *map, u64 color, u64 bank, u64 first, u64 end)
{
	if (end > 1ULL << COLOR_PFN_BITS)
		end = 1ULL << COLOR_PFN_BITS;
	if (first >= end)
		return 0;
	return frames_before(map, color, bank, end) - frames_before(map, color, bank, first);
}

bool color_pair_exists(const struct color_map *map, u64 color, u64 bank)
{
	return frames_of_block(map, color, bank, 0, COLOR_PFN_BITS) > 0;
}

u32 color_rank(const struct color_map *map)
{
	struct equations e;
	u32 kind, i;

	memset(&e, 0, sizeof(e));
	for (kind = 0; kind < COLOR_KINDS; kind++) {
		for (i = 0; i < map->n[kind]; i++)
			equations_add(&e, map->mask[kind][i]);
	}
	return e.rank;
}

/* --- layouts ------------------------------------------------------------------------------------------------------- */

/* Every colour of the set with every bank of the set: a class without a frame would be a page that can never be used. */
static bool pairs_exist(const struct color_map *map, const struct color_set set[COLOR_KINDS])
{
	u32 color, bank;

	for (color = 0; color < set[COLOR_CACHE].limit; color++) {
		if (!color_set_has(&set[COLOR_CACHE], color))
			continue;
		for (bank = 0; bank < set[COLOR_BANK].limit; bank++) {
			if (color_set_has(&set[COLOR_BANK], bank) && !color_pair_exists(map, color, bank))
				return false;
		}
	}
	return true;
}

enum color_fault color_layout_make(struct color_layout *ret, const struct color_map *map, const struct color_set set[COLOR_KINDS],
				   const bool all[COLOR_KINDS])
{
	struct color_layout layout = { .bits = { 0, 0 } };
	u32 kind, count;

	for (kind = 0; kind < COLOR_KINDS; kind++) {
		if (kind == COLOR_BANK && all[kind])
			continue;
		count = set[kind].count;
		if (count == 0 || (count & (count - 1)) != 0)
			return COLOR_LAYOUT_COUNT;
		while (count >>= 1)
			layout.bits[kind]++;
	}
	if (1ULL << (layout.bits[COLOR_CACHE] + layout.bits[COLOR_BANK]) > COLOR_SET_MAX)
		return COLOR_LIST_LIMIT;
	if (!all[COLOR_BANK] && !pairs_exist(map, set))
		return COLOR_LAYOUT_PAIR;
	*ret = layout;
	return COLOR_OK;
}

u32 color_layout_classes(const struct color_layout *layout)
{
	return 1U << (layout->bits[COLOR_CACHE] + layout->bits[COLOR_BANK]);
}

u32 color_layout_class(const struct color_layout *layout, const struct color_map *map, const struct color_set set[COLOR_KINDS], u64 pfn)
{
	u32 class = 0;

	if (layout->bits[COLOR_BANK] > 0)
		class = color_set_rank(&set[COLOR_BANK], color_of(map, COLOR_BANK, pfn)) << layout->bits[COLOR_CACHE];
	if (layout->bits[COLOR_CACHE] > 0)
		class |= color_set_rank(&set[COLOR_CACHE], color_of(map, COLOR_CACHE, pfn));
	return class;
}

void color_layout_profile(const struct color_layout *layout, struct color_map *ret)
{
	u32 kind, i, bit = 0;

	memset(ret, 0, sizeof(*ret));
	for (kind = 0; kind < COLOR_KINDS; kind++) {
		for (i = 0; i < layout->bits[kind]; i++)
			ret->mask[kind][ret->n[kind]++] = 1ULL << bit++;
	}
}
