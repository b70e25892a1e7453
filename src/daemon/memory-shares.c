/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pools with layout=preserve want as many frames of each colour, and of each bank if they name banks. That makes a request of each of
 * their shares, of which there may be as many as the host has pairs of a colour and a bank: too many for one question to the library. But most
 * of them leave no choice, and are taken out of what there is before it is asked:
 *
 *   a share of one colour and one bank  takes its frames of that pair, or there is no answer but no.
 *   a share of one colour, any bank     may as well take the frames that fewest others can use. Where of any two pairs of that colour the
 *                                       one can be used by all who can use the other (in most cases by all alike, since who names no banks may use
 *                                       all), the order is plain, and nothing is lost: had somebody a frame that is taken before, he could
 *                                       have the one that the share had instead.
 *
 * What is left are the shares of colours in whose banks others compete that have named different ones; shares of one colour are one request.
 * The library decides on those, and on everybody who has no shares. What was taken out counts on both sides of what is told.
 *
 * Called by memory.c. Pure but for memory.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "memory-shares.h"

#define WORDS (VRK_REQUESTS_MAX / 64)

struct shares {
	const struct memory_host *host;
	uint64_t *left;				/* of each pair, what no share has taken */
	uint64_t *rows;				/* of each colour: frames that are wanted of it, of any bank */
	struct vrk_memory_request *requests;
	size_t n;				/* of them */
	size_t n_others;			/* those at the beginning that are no shares */
};

/* A pair of one colour, and which of the others can use it. */
struct pair {
	uint64_t who[WORDS];
	uint32_t count;
	uint32_t bank;
};

static void shares_done(struct shares *s)
{
	free(s->left);
	free(s->rows);
	free(s->requests);
}

static int shares_init(struct shares *s, const struct memory_host *host)
{
	const size_t pairs = (size_t)host->colors * host->banks;

	*s = (struct shares){ .host = host };
	s->left = calloc(pairs, sizeof(*s->left));
	s->rows = calloc(host->colors, sizeof(*s->rows));
	s->requests = calloc(VRK_REQUESTS_MAX, sizeof(*s->requests));
	if (!s->left || !s->rows || !s->requests)
		return -ENOMEM;
	memcpy(s->left, host->frames, pairs * sizeof(*s->left));
	return 0;
}

static int refuse(uint64_t want_frames, uint64_t have_frames, struct vr_error **reterr)
{
	char lhs[VRK_BYTES_STRLEN], rhs[VRK_BYTES_STRLEN];

	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD,
			    "layout preserve has as many frames of each colour: of some %s are wanted, with what others have, and %s are there",
			    vrk_bytes_format(lhs, want_frames * VRK_FRAME_BYTES), vrk_bytes_format(rhs, have_frames * VRK_FRAME_BYTES));
}

static int too_many(struct vr_error **reterr)
{
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD,
			    "layout preserve: too many of its colours have banks for which others compete, more than %d shares and others in one "
			    "question; with banks named, or fewer colours, it can be judged", VRK_REQUESTS_MAX);
}

static int request_add(struct shares *s, const struct vrk_memory_request *request, struct vr_error **reterr)
{
	if (s->n == VRK_REQUESTS_MAX)
		return too_many(reterr);
	s->requests[s->n++] = *request;
	return 0;
}

/* ---- what leaves no choice ---- */

static int pair_take(struct shares *s, uint32_t color, uint32_t bank, uint64_t need, struct vr_error **reterr)
{
	const size_t at = (size_t)color * s->host->banks + bank;

	if (s->left[at] < need)
		return refuse(s->host->frames[at] - s->left[at] + need, s->host->frames[at], reterr);
	s->left[at] -= need;
	return 0;
}

static int pool_take(struct shares *s, const struct memory_pool *pool, struct vr_error **reterr)
{
	struct vrk_memory_request whole;
	struct color_layout layout;
	uint64_t classes, need;
	int r = 0;

	memory_request(s->host, pool, &whole);
	if (!pool->preserve || memory_layout(s->host, pool, &layout) != COLOR_OK)
		return request_add(s, &whole, reterr);
	classes = color_layout_classes(&layout) * VRK_FRAME_BYTES;
	need = pool->bytes / classes + (pool->bytes % classes > 0);
	for (uint32_t c = 0; c < s->host->colors; c++) {
		if (!vrk_colors_have(&whole.colors, c))
			continue;
		if (pool->all_banks)
			s->rows[c] += need;
		for (uint32_t b = 0; r >= 0 && !pool->all_banks && b < s->host->banks; b++)
			if (vrk_colors_have(&whole.banks, b))
				r = pair_take(s, c, b, need, reterr);
	}
	return r;
}

static int by_count(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->count != y->count ? (x->count < y->count ? -1 : 1) : x->bank < y->bank ? -1 : x->bank > y->bank;
}

static struct pair pair_make(const struct shares *s, uint32_t color, uint32_t bank)
{
	struct pair pair = { .bank = bank };

	for (size_t i = 0; i < s->n_others; i++)
		if (vrk_colors_have(&s->requests[i].colors, color) && vrk_colors_have(&s->requests[i].banks, bank)) {
			pair.who[i / 64] |= UINT64_C(1) << (i % 64);
			pair.count++;
		}
	return pair;
}

/* The pairs of a colour that have frames left, those of the fewest users first. Returns how many; *ret_plain: is the order plain? */
static size_t pairs_make(const struct shares *s, uint32_t color, struct pair *ret, bool *ret_plain)
{
	size_t n = 0;

	for (uint32_t b = 0; b < s->host->banks; b++)
		if (s->left[(size_t)color * s->host->banks + b] > 0)
			ret[n++] = pair_make(s, color, b);
	qsort(ret, n, sizeof(*ret), by_count);
	*ret_plain = true;
	for (size_t k = 1; k < n; k++)
		for (size_t w = 0; w < WORDS; w++)
			*ret_plain &= (ret[k - 1].who[w] & ~ret[k].who[w]) == 0;
	return n;
}

/* The shares of one colour that may have any of its banks. */
static int row_take(struct shares *s, uint32_t color, struct pair *scratch, struct vr_error **reterr)
{
	struct vrk_memory_request request = { .bytes = s->rows[color] * VRK_FRAME_BYTES };
	uint64_t need = s->rows[color], left = 0, there = 0;
	size_t n;
	bool plain;

	for (uint32_t b = 0; b < s->host->banks; b++) {
		left += s->left[(size_t)color * s->host->banks + b];
		there += s->host->frames[(size_t)color * s->host->banks + b];
	}
	if (left < need)
		return refuse(there - left + need, there, reterr);
	n = pairs_make(s, color, scratch, &plain);
	for (size_t k = 0; plain && k < n; k++) {
		uint64_t *pair = &s->left[(size_t)color * s->host->banks + scratch[k].bank], much = need < *pair ? need : *pair;

		*pair -= much;
		need -= much;
	}
	if (plain)
		return 0;
	vrk_colors_add(&request.colors, color);
	for (uint32_t b = 0; b < s->host->banks; b++)
		vrk_colors_add(&request.banks, b);
	return request_add(s, &request, reterr);
}

static int shares_take(struct shares *s, const struct memory_pool *pools, size_t n, const struct memory_pool *asks, struct vr_error **reterr)
{
	_cleanup_(freep) struct pair *scratch = calloc(s->host->banks, sizeof(*scratch));
	int r = scratch ? pool_take(s, asks, reterr) : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = pool_take(s, &pools[i], reterr);
	s->n_others = s->n;
	for (uint32_t c = 0; r >= 0 && c < s->host->colors; c++)
		if (s->rows[c] > 0)
			r = row_take(s, c, scratch, reterr);
	return r;
}

/* ---- the rest ---- */

/* What was taken out of the pairs that any of those who want too much may use. */
static uint64_t taken(const struct shares *s, const struct vrk_memory_answer *answer)
{
	uint64_t sum = 0;

	for (uint32_t c = 0; c < s->host->colors; c++)
		for (uint32_t b = 0; b < s->host->banks; b++)
			for (size_t k = 0; k < answer->n_who; k++) {
				const struct vrk_memory_request *r = &s->requests[answer->who[k]];

				if (!vrk_colors_have(&r->colors, c) || !vrk_colors_have(&r->banks, b))
					continue;
				sum += s->host->frames[(size_t)c * s->host->banks + b] - s->left[(size_t)c * s->host->banks + b];
				break;
			}
	return sum;
}

int memory_shares_fit(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_pool *asks,
		      struct vr_error **reterr)
{
	_cleanup_(vrk_memory_answer_done) struct vrk_memory_answer answer = { 0 };
	_cleanup_(shares_done) struct shares s = { 0 };
	struct vrk_memory_host frames;
	bool preserve = asks->preserve;
	int r;

	for (size_t i = 0; i < n; i++)
		preserve |= pools[i].preserve;
	if (!preserve)
		return 0;
	r = shares_init(&s, host);
	if (r >= 0)
		r = shares_take(&s, pools, n, asks, reterr);
	if (r < 0 || s.n == 0)
		return r;
	frames = (struct vrk_memory_host){ host->colors, host->banks, s.left };
	r = vrk_memory_fit(&frames, s.requests, s.n, &answer);
	if (r >= 0)
		r = vrk_memory_check(&frames, s.requests, s.n, &answer);
	if (r < 0 || answer.rule == VRK_MEMORY_FITS)
		return r;
	assert(answer.rule == VRK_MEMORY_CAPACITY);	/* the wholes were asked about first: nobody has what is somebody else's alone */
	return refuse(answer.lhs_frames + taken(&s, &answer), answer.rhs_frames + taken(&s, &answer), reterr);
}
