/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what was seen to what may be promised. Colours are believed where timing shows them, or where they cannot be timed but a real
 * processor says itself that address bits choose the sets; a virtual one says what its hypervisor likes. Banks are believed where each of
 * several runs found the same functions, surely, with frames that differ in every address bit which this machine has: a function could
 * hide in a bit that was never different. Who doubts promises nothing.
 *
 * Called by virtrk memory profile. Pure.
 */
#include <stdlib.h>

#include "found.h"

#define TEXT_MAX 4096
#define PAGE_SHIFT 12

static const struct {
	const char *name;
	const char *text;
} reasons[_FOUND_REASON_MAX] = {
	[FOUND_SOUND] = { "sound", "" },
	[FOUND_NOT_OFFERED] = { "not-offered", "no cache is known to choose its sets by address bits of a page" },
	[FOUND_NOT_CONFIRMED] = { "not-confirmed", "timing does not show that lines of one colour displace each other,"
				  " and those of several do not" },
	[FOUND_NOT_MEASURED] = { "not-measured", "it could not be timed" },
	[FOUND_NO_SIGNAL] = { "no-signal", "all pairs of lines take the same time, so nothing tells one bank from two" },
	[FOUND_DOUBT] = { "doubt", "times differ, but no XOR functions of address bits explain them surely" },
	[FOUND_NOT_REPEATED] = { "not-repeated", "one run says something else than another" },
	[FOUND_NOT_COVERED] = { "not-covered",
				"the frames that could be had are alike in an address bit, which may be part of a function: "
				"more memory (--size) may help" },
	[FOUND_NOT_COLORABLE] = { "not-colorable", "every function has address bits inside a page, so each page is in several banks" },
};

const char *found_reason_text(enum found_reason reason)
{
	return reason < _FOUND_REASON_MAX ? reasons[reason].text : "";
}

const char *found_reason_name(enum found_reason reason)
{
	return reason < _FOUND_REASON_MAX ? reasons[reason].name : "";
}

enum found_reason found_colors(const struct found *found)
{
	if (found->colors.kind == CACHE_COLORS_NONE)
		return FOUND_NOT_OFFERED;
	if (found->evict_r >= 0)
		return found->evict.confirmed ? FOUND_SOUND : FOUND_NOT_CONFIRMED;
	return found->colors.certain && !found->is_virtual ? FOUND_SOUND : FOUND_NOT_MEASURED;
}

static bool banks_same(const struct vrk_bank_map *a, const struct vrk_bank_map *b)
{
	if (a->n != b->n || a->n_colorable != b->n_colorable)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->functions[i] != b->functions[i])
			return false;
	return true;
}

uint32_t found_agree(const struct found *found)
{
	uint32_t agree = 0;

	for (uint32_t i = 0; i < FOUND_RUNS; i++)
		agree += found->banks[i].doubt == VRK_BANK_SURE && banks_same(&found->banks[0], &found->banks[i]);
	return agree;
}

enum found_reason found_banks(const struct found *found)
{
	const struct vrk_bank_map *first = &found->banks[0];

	if (found->banks_r < 0)
		return FOUND_NOT_MEASURED;
	if (found_agree(found) < FOUND_RUNS) {
		for (uint32_t i = 0; i < FOUND_RUNS; i++)
			if (found->banks[i].doubt == VRK_BANK_SURE)
				return FOUND_NOT_REPEATED;
		return first->doubt == VRK_BANK_NO_SIGNAL ? FOUND_NO_SIGNAL : FOUND_DOUBT;
	}
	for (uint32_t i = 0; i < FOUND_RUNS; i++)
		if (!latency_banks_cover(&found->banks[i], found->end))
			return FOUND_NOT_COVERED;
	return first->n_colorable > 0 ? FOUND_SOUND : FOUND_NOT_COLORABLE;
}

bool found_map(const struct found *found, struct color_map *ret)
{
	struct color_map map = { .n = { 0, 0 } };

	if (found_colors(found) == FOUND_SOUND)
		for (uint32_t i = 0; i < found->colors.bits && i < COLOR_FUNCTIONS_MAX; i++)
			map.mask[COLOR_CACHE][map.n[COLOR_CACHE]++] = UINT64_C(1) << (found->colors.first_bit + i - PAGE_SHIFT);
	if (found_banks(found) == FOUND_SOUND)
		for (uint32_t i = 0; i < found->banks[0].n_colorable; i++)
			map.mask[COLOR_BANK][map.n[COLOR_BANK]++] = found->banks[0].colorable[i] >> PAGE_SHIFT;
	*ret = map;
	return map.n[COLOR_CACHE] + map.n[COLOR_BANK] > 0;
}

/* As people write it: blanks and commas instead of what mount options need. */
char *found_profile(const struct color_map *map)
{
	char *text = malloc(TEXT_MAX);

	if (!text)
		return NULL;
	(void)color_map_format(map, text, TEXT_MAX);
	for (char *p = text; *p; p++)
		*p = (char)(*p == ';' ? ' ' : *p == ':' ? ',' : *p);
	return text;
}
