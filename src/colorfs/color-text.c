/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Colours as text: lists of them ("0-3:8"), and the profile of a machine, one line that names its functions
 * ("virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18"; virtrk-profile(5)).
 *
 * Called with what root wrote into mount options, a module parameter or a file. Strict: a text that is not exactly of the
 * documented form is refused and says what is wrong with it and where, since half a colour list would be a wrong
 * promise. What is written here reads back the same. Reads within [text, text + length) only and needs no final NUL.
 */
#include "color-map.h"

static const struct {
	int error;
	const char *text;
} faults[COLOR_FAULTS] = {
	[COLOR_OK]		= { 0, "nothing is wrong" },
	[COLOR_LIST_EMPTY]	= { -EINVAL, "the list is empty" },
	[COLOR_LIST_SYNTAX]	= { -EINVAL, "the list is not of the form 0-3:8 (numbers and ranges between ':', '+' or ',')" },
	[COLOR_LIST_BACKWARDS]	= { -EINVAL, "a range of the list runs backwards" },
	[COLOR_LIST_TWICE]	= { -EEXIST, "the list names a number twice" },
	[COLOR_LIST_RANGE]	= { -ERANGE, "the list names a number that the profile does not have" },
	[COLOR_LIST_LIMIT]	= { -E2BIG, "the profile has more than 4096 of them, which cannot be listed" },
	[COLOR_TEXT_MAGIC]	= { -EBADMSG, "the profile does not begin with virtrk-profile" },
	[COLOR_TEXT_VERSION]	= { -EPROTONOSUPPORT, "the profile is not of version 1" },
	[COLOR_TEXT_KEY]	= { -EINVAL, "the profile has a word that is neither cache= nor bank=" },
	[COLOR_TEXT_KEY_TWICE]	= { -EEXIST, "the profile has cache= or bank= twice" },
	[COLOR_TEXT_NONE]	= { -ENODATA, "the profile has no function" },
	[COLOR_TEXT_SYNTAX]	= { -EINVAL, "a function of the profile is not of the form 13^17 (bits between '^')" },
	[COLOR_TEXT_BIT_LOW]	= { -EDOM, "a function of the profile has an address bit below 12, which is inside a page" },
	[COLOR_TEXT_BIT_HIGH]	= { -ERANGE, "a function of the profile has an address bit above 51" },
	[COLOR_TEXT_BIT_TWICE]	= { -EEXIST, "a function of the profile has an address bit twice" },
	[COLOR_TEXT_FUNCTIONS]	= { -E2BIG, "the profile has more than 32 functions of a kind" },
	[COLOR_TEXT_DEPENDENT]	= { -EDOM, "a function of the profile is the XOR of others of its kind" },
	[COLOR_LAYOUT_COUNT]	= { -EINVAL, "layout=preserve needs a number of colours, and of banks, that is a power of two" },
	[COLOR_LAYOUT_PAIR]	= { -EDOM, "layout=preserve: no frame has both one of these colours and one of these banks" },
};

const char *color_fault_text(enum color_fault fault)
{
	return (unsigned int)fault < COLOR_FAULTS ? faults[fault].text : "an unknown fault";
}

int color_fault_errno(enum color_fault fault)
{
	return (unsigned int)fault < COLOR_FAULTS ? faults[fault].error : -EINVAL;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct reader {
	const char *text;
	size_t length;
	size_t at;
};

/* The next character, or '\0' at the end; a NUL inside the text is one that nobody expects. */
static char reader_peek(const struct reader *r)
{
	if (r->at >= r->length)
		return '\0';
	return r->text[r->at];
}

static bool reader_end(const struct reader *r)
{
	return r->at >= r->length;
}

static bool reader_skip(struct reader *r, char c)
{
	if (reader_end(r) || r->text[r->at] != c)
		return false;
	r->at++;
	return true;
}

static bool reader_skip_word(struct reader *r, const char *word)
{
	size_t length = strlen(word);

	if (r->length - r->at < length || memcmp(r->text + r->at, word, length) != 0)
		return false;
	r->at += length;
	return true;
}

/* Digits without leading zeros; what is more than @most becomes @most + 1. False: no digit, or 007. */
static bool reader_number(struct reader *r, u32 most, u32 *ret)
{
	size_t start = r->at;
	u32 number = 0;

	while (reader_peek(r) >= '0' && reader_peek(r) <= '9') {
		if (number <= most)
			number = number * 10 + (u32)(reader_peek(r) - '0');
		r->at++;
	}
	if (r->at == start || (r->text[start] == '0' && r->at - start > 1)) {
		r->at = start;
		return false;
	}
	*ret = number <= most ? number : most + 1;
	return true;
}

static bool reader_separator(struct reader *r)
{
	return reader_skip(r, ',') || reader_skip(r, ':') || reader_skip(r, '+');
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

bool color_set_has(const struct color_set *set, u64 number)
{
	return number < set->limit && (set->word[number / 64] >> number % 64 & 1);
}

bool color_set_overlap(const struct color_set *a, const struct color_set *b)
{
	size_t i;

	for (i = 0; i < COLOR_SET_MAX / 64; i++) {
		if (a->word[i] & b->word[i])
			return true;
	}
	return false;
}

bool color_set_within(const struct color_set *inner, const struct color_set *outer)
{
	size_t i;

	for (i = 0; i < COLOR_SET_MAX / 64; i++) {
		if (inner->word[i] & ~outer->word[i])
			return false;
	}
	return true;
}

/* Halves, quarters, bytes, and their sum. */
static u32 bits_set(u64 x)
{
	x -= x >> 1 & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (u32)(x * 0x0101010101010101ULL >> 56);
}

u32 color_set_rank(const struct color_set *set, u64 number)
{
	u32 rank = 0, i;

	if (number >= set->limit)
		return set->count;
	for (i = 0; i < number / 64; i++)
		rank += bits_set(set->word[i]);
	return rank + bits_set(set->word[i] & ((1ULL << number % 64) - 1));
}

static void set_empty(struct color_set *set, u64 count)
{
	memset(set, 0, sizeof(*set));
	set->limit = (u32)count;
}

static void set_add(struct color_set *set, u32 number)
{
	set->word[number / 64] |= 1ULL << number % 64;
	set->count++;
}

enum color_fault color_set_fill(struct color_set *ret, u64 count)
{
	u32 i;

	if (count > COLOR_SET_MAX)
		return COLOR_LIST_LIMIT;
	set_empty(ret, count);
	for (i = 0; i < count; i++)
		set_add(ret, i);
	return COLOR_OK;
}

/* One number or range; r->at is left at the number that is wrong. */
static enum color_fault set_add_range(struct color_set *set, struct reader *r)
{
	size_t start = r->at;
	u32 low, high;

	if (!reader_number(r, COLOR_SET_MAX, &low))
		return COLOR_LIST_SYNTAX;
	if (low >= set->limit) {
		r->at = start;
		return COLOR_LIST_RANGE;
	}
	high = low;
	if (reader_skip(r, '-')) {
		start = r->at;
		if (!reader_number(r, COLOR_SET_MAX, &high))
			return COLOR_LIST_SYNTAX;
		if (high >= set->limit || high < low) {
			r->at = start;
			return high < low ? COLOR_LIST_BACKWARDS : COLOR_LIST_RANGE;
		}
	}
	for (; low <= high; low++) {
		if (color_set_has(set, low)) {
			r->at = start;
			return COLOR_LIST_TWICE;
		}
		set_add(set, low);
	}
	return COLOR_OK;
}

static enum color_fault set_parse_into(struct color_set *set, struct reader *r)
{
	enum color_fault fault;

	if (reader_end(r))
		return COLOR_LIST_EMPTY;
	for (;;) {
		fault = set_add_range(set, r);
		if (fault != COLOR_OK || reader_end(r))
			return fault;
		if (!reader_separator(r))
			return COLOR_LIST_SYNTAX;
	}
}

enum color_fault color_set_parse(struct color_set *ret, u64 count, const char *text, size_t length, size_t *reterr_at)
{
	struct reader r = { text, length, 0 };
	struct color_set set;
	enum color_fault fault = COLOR_LIST_LIMIT;

	if (count <= COLOR_SET_MAX) {
		set_empty(&set, count);
		fault = set_parse_into(&set, &r);
	}
	if (fault != COLOR_OK) {
		*reterr_at = r.at;
		return fault;
	}
	*ret = set;
	return COLOR_OK;
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

static bool reader_blank(struct reader *r)
{
	size_t start = r->at;

	while (reader_skip(r, ' ') || reader_skip(r, '\t') || reader_skip(r, ';') || reader_skip(r, '\n'))
		;
	return r->at > start;
}

/* "13^17": one function, as a mask over frame numbers */
static enum color_fault function_parse(struct reader *r, u64 *ret)
{
	enum color_fault fault;
	u64 mask = 0;
	size_t start;
	u32 bit;

	do {
		start = r->at;
		if (!reader_number(r, COLOR_ADDRESS_BITS, &bit))
			return COLOR_TEXT_SYNTAX;
		fault = COLOR_OK;
		if (bit < COLOR_PAGE_SHIFT)
			fault = COLOR_TEXT_BIT_LOW;
		else if (bit >= COLOR_ADDRESS_BITS)
			fault = COLOR_TEXT_BIT_HIGH;
		else if (mask >> (bit - COLOR_PAGE_SHIFT) & 1)
			fault = COLOR_TEXT_BIT_TWICE;
		if (fault != COLOR_OK) {
			r->at = start;
			return fault;
		}
		mask |= 1ULL << (bit - COLOR_PAGE_SHIFT);
	} while (reader_skip(r, '^'));
	*ret = mask;
	return COLOR_OK;
}

/* Whether the last function of a kind says something that those before it do not. */
static bool function_is_new(const struct color_map *map, enum color_kind kind)
{
	struct color_map one = { .n = { 0, 0 } };

	one.n[COLOR_CACHE] = map->n[kind];
	memcpy(one.mask[COLOR_CACHE], map->mask[kind], sizeof(one.mask[COLOR_CACHE]));
	return color_rank(&one) == one.n[COLOR_CACHE];
}

static enum color_fault functions_parse(struct color_map *map, enum color_kind kind, struct reader *r)
{
	enum color_fault fault;
	size_t start;

	do {
		start = r->at;
		if (map->n[kind] == COLOR_FUNCTIONS_MAX)
			return COLOR_TEXT_FUNCTIONS;
		fault = function_parse(r, &map->mask[kind][map->n[kind]]);
		if (fault != COLOR_OK)
			return fault;
		map->n[kind]++;
		if (!function_is_new(map, kind)) {
			r->at = start;
			return COLOR_TEXT_DEPENDENT;
		}
	} while (reader_separator(r));
	return COLOR_OK;
}

static enum color_fault map_parse_words(struct color_map *map, struct reader *r)
{
	enum color_fault fault;
	enum color_kind kind;

	while (reader_blank(r) && !reader_end(r)) {
		if (reader_skip_word(r, "cache="))
			kind = COLOR_CACHE;
		else if (reader_skip_word(r, "bank="))
			kind = COLOR_BANK;
		else
			return COLOR_TEXT_KEY;
		if (map->n[kind] > 0)
			return COLOR_TEXT_KEY_TWICE;
		fault = functions_parse(map, kind, r);
		if (fault != COLOR_OK)
			return fault;
	}
	if (!reader_end(r))
		return COLOR_TEXT_SYNTAX;
	return map->n[COLOR_CACHE] + map->n[COLOR_BANK] > 0 ? COLOR_OK : COLOR_TEXT_NONE;
}

enum color_fault color_map_parse(struct color_map *ret, const char *text, size_t length, size_t *reterr_at)
{
	struct reader r = { text, length, 0 };
	struct color_map map;
	enum color_fault fault;
	u32 version = 0;

	memset(&map, 0, sizeof(map));
	if (!reader_skip_word(&r, "virtrk-profile") || !reader_blank(&r)) {
		r.at = 0;
		fault = COLOR_TEXT_MAGIC;
	} else if (!reader_number(&r, 1, &version) || version != 1) {
		fault = COLOR_TEXT_VERSION;
	} else {
		fault = map_parse_words(&map, &r);
	}
	if (fault != COLOR_OK) {
		*reterr_at = r.at;
		return fault;
	}
	*ret = map;
	return COLOR_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

struct writer {
	char *buffer;
	size_t size;
	size_t length;
};

static void writer_text(struct writer *w, const char *text)
{
	for (; *text; text++, w->length++) {
		if (w->length < w->size)
			w->buffer[w->length] = *text;
	}
}

static void writer_number(struct writer *w, u32 number)
{
	char digits[11];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	writer_text(w, digits + at);
}

static size_t writer_end(struct writer *w)
{
	if (w->size > 0)
		w->buffer[w->length < w->size ? w->length : w->size - 1] = '\0';
	return w->length;
}

size_t color_set_format(const struct color_set *set, char *buffer, size_t size)
{
	struct writer w = { buffer, size, 0 };
	u32 low, high;

	for (low = 0; low < set->limit; low = high + 1) {
		high = low;
		if (!color_set_has(set, low))
			continue;
		while (color_set_has(set, high + 1))
			high++;
		if (w.length > 0)
			writer_text(&w, ":");
		writer_number(&w, low);
		if (high > low) {
			writer_text(&w, "-");
			writer_number(&w, high);
		}
	}
	return writer_end(&w);
}

static void writer_function(struct writer *w, u64 mask)
{
	const char *between = "";
	u32 bit;

	for (bit = 0; bit < COLOR_PFN_BITS; bit++) {
		if (!(mask >> bit & 1))
			continue;
		writer_text(w, between);
		writer_number(w, bit + COLOR_PAGE_SHIFT);
		between = "^";
	}
}

/* With ';' and ':', so that it can stand in mount options as it is. */
size_t color_map_format(const struct color_map *map, char *buffer, size_t size)
{
	static const char *const key[COLOR_KINDS] = { ";cache=", ";bank=" };
	struct writer w = { buffer, size, 0 };
	u32 kind, i;

	writer_text(&w, "virtrk-profile;1");
	for (kind = 0; kind < COLOR_KINDS; kind++) {
		for (i = 0; i < map->n[kind]; i++) {
			writer_text(&w, i == 0 ? key[kind] : ":");
			writer_function(&w, map->mask[kind][i]);
		}
	}
	return writer_end(&w);
}
