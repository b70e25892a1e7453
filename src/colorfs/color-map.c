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
