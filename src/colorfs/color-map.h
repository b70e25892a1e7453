/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cache colours and DRAM banks of page frames. Plain C for both worlds: the module compiles it, and so do user-space
 * tests. No allocation, no lock, no log; values in, values out.
 *
 * A function is the XOR of some physical address bits, all >= 12; bit i of a frame's colour is what the i-th cache
 * function says, bit i of its bank what the i-th bank function says. A "linear" address bit is a function of one bit.
 */
#ifndef COLORFS_COLOR_MAP_H
#define COLORFS_COLOR_MAP_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;
#endif

#define COLOR_PAGE_SHIFT	12	/* a frame is 4 KiB; lower bits are inside it and decide nothing */
#define COLOR_ADDRESS_BITS	52	/* the most that x86 and arm64 have */
#define COLOR_PFN_BITS		(COLOR_ADDRESS_BITS - COLOR_PAGE_SHIFT)
#define COLOR_FUNCTIONS_MAX	32	/* of each kind */
#define COLOR_SET_MAX		4096	/* a set can name colours (or banks) of at most 12 functions */
#define COLOR_ANY		(~0ULL)

enum color_kind {
	COLOR_CACHE,
	COLOR_BANK,
	COLOR_KINDS,
};

/* Masks are over frame numbers: address bit b is bit b - 12. All zero: one colour, one bank. */
struct color_map {
	u32 n[COLOR_KINDS];
	u64 mask[COLOR_KINDS][COLOR_FUNCTIONS_MAX];
};

/* Of the numbers 0 to limit - 1, those that are members. */
struct color_set {
	u32 limit;
	u32 count;
	u64 word[COLOR_SET_MAX / 64];
};

/* What is wrong with a text. Each has its own words; the errno is its class. */
enum color_fault {
	COLOR_OK,
	COLOR_LIST_EMPTY,	/* EINVAL: no number at all */
	COLOR_LIST_SYNTAX,	/* EINVAL: a number or a separator is missing */
	COLOR_LIST_BACKWARDS,	/* EINVAL: 3-1 */
	COLOR_LIST_TWICE,	/* EEXIST: a number that is a member already */
	COLOR_LIST_RANGE,	/* ERANGE: a number that the map does not have */
	COLOR_LIST_LIMIT,	/* E2BIG: the map has more than COLOR_SET_MAX: they cannot be listed */
	COLOR_TEXT_MAGIC,	/* EBADMSG: does not begin with "virtrk-profile" */
	COLOR_TEXT_VERSION,	/* EPROTONOSUPPORT: not version 1 */
	COLOR_TEXT_KEY,		/* EINVAL: neither cache= nor bank= */
	COLOR_TEXT_KEY_TWICE,	/* EEXIST */
	COLOR_TEXT_NONE,	/* ENODATA: no function at all */
	COLOR_TEXT_SYNTAX,	/* EINVAL: a bit or a separator is missing */
	COLOR_TEXT_BIT_LOW,	/* EDOM: a bit inside the page */
	COLOR_TEXT_BIT_HIGH,	/* ERANGE: a bit that no address has */
	COLOR_TEXT_BIT_TWICE,	/* EEXIST: x XOR x is nothing */
	COLOR_TEXT_FUNCTIONS,	/* E2BIG: more than COLOR_FUNCTIONS_MAX of a kind */
	COLOR_TEXT_DEPENDENT,	/* EDOM: the XOR of others of its kind: colours that no frame can have */
	COLOR_LAYOUT_COUNT,	/* EINVAL: of a layout: a number of colours or banks that is no power of two */
	COLOR_LAYOUT_PAIR,	/* EDOM: of a layout: a colour and a bank that no frame has both */
	COLOR_FAULTS,
};

const char *color_fault_text(enum color_fault fault);
int color_fault_errno(enum color_fault fault);	/* negative; 0 for COLOR_OK */

/* --- color-map.c ------------------------------------------------------------------------------------------------- */

u64 color_of(const struct color_map *map, enum color_kind kind, u64 pfn);

/* How many colours or banks there are: 2^functions. */
u64 color_count(const struct color_map *map, enum color_kind kind);

/* How many of all functions are independent: 2^rank (colour, bank) pairs exist. */
u32 color_rank(const struct color_map *map);

/* Whether some frame number has this colour and this bank. Either may be COLOR_ANY. */
bool color_pair_exists(const struct color_map *map, u64 color, u64 bank);

/*
 * Exactly how many frames from @first to before @end (at most 2^40) have this colour and this bank; either may be
 * COLOR_ANY. At most 40 eliminations of 64 rows, whatever the range.
 */
u64 color_frames(const struct color_map *map, u64 color, u64 bank, u64 first, u64 end);

bool color_map_equal(const struct color_map *a, const struct color_map *b);

/*
 * A layout: pages of a file are divided into 2^n classes by the low n bits of their index, and the frames of a choice into as many, so that
 * page and frame are of one class. The low bits[COLOR_CACHE] bits of a class say which member of the colours the frame has, counted from 0
 * and from the lowest; the next bits[COLOR_BANK] which member of the banks. All zero: one class, any frame for any page.
 */
struct color_layout {
	u32 bits[COLOR_KINDS];
};

/*
 * The layout of colours @set[COLOR_CACHE] and banks @set[COLOR_BANK]; where all[COLOR_BANK], banks are not looked at. Sets are filled, those of
 * all, too. COLOR_LAYOUT_COUNT, COLOR_LAYOUT_PAIR, COLOR_LIST_LIMIT: more than 4096 classes.
 */
enum color_fault color_layout_make(struct color_layout *ret, const struct color_map *map, const struct color_set set[COLOR_KINDS],
				   const bool all[COLOR_KINDS]);

u32 color_layout_classes(const struct color_layout *layout);

/* Of a frame that has a colour and a bank of the sets. The class of page i is i % color_layout_classes(). */
u32 color_layout_class(const struct color_layout *layout, const struct color_map *map, const struct color_set set[COLOR_KINDS], u64 pfn);

/*
 * What a machine sees whose memory is such a file, mapped from an address that is a multiple of the classes' pages: the profile by which
 * two pages of different colours (banks) are in different ones of the host.
 */
void color_layout_profile(const struct color_layout *layout, struct color_map *ret);

/* --- color-text.c ------------------------------------------------------------------------------------------------ */

/*
 * "0-3", "0+2+5-7": numbers and ranges, separated by ',', ':' or '+' (options of mount cannot contain a comma). @count is
 * what the map has of them. On a fault *ret is as it was and *reterr_at says which character is wrong.
 */
enum color_fault color_set_parse(struct color_set *ret, u64 count, const char *text, size_t length, size_t *reterr_at);

/* All numbers, where they can be listed. */
enum color_fault color_set_fill(struct color_set *ret, u64 count);

/*
 * "virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18": words are separated by spaces, tabs, newlines or ';',
 * functions by ',', ':' or '+'; the bits of one by '^'. Both keys may be left out, not both at once.
 */
enum color_fault color_map_parse(struct color_map *ret, const char *text, size_t length, size_t *reterr_at);

/* Write as snprintf does: what does not fit is cut off, and the full length is returned. Read back they are the same. */
size_t color_set_format(const struct color_set *set, char *buffer, size_t size);
size_t color_map_format(const struct color_map *map, char *buffer, size_t size);

bool color_set_has(const struct color_set *set, u64 number);
bool color_set_overlap(const struct color_set *a, const struct color_set *b);
bool color_set_within(const struct color_set *inner, const struct color_set *outer);

/* How many members are below @number. */
u32 color_set_rank(const struct color_set *set, u64 number);

#endif
