/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second pair of eyes for page frames: given an answer and its proof, is it so? Additions only, no search and no graph, and no
 * code of memory-fit.c. A yes is a table of who gets what: it must give everybody enough, of pairs that he may have, and no
 * pair away twice. A no is a set of requests: together they must want more than all pairs hold that any of them may have; or two of
 * them must have the named colour, which one of them wants for itself.
 */
#include <errno.h>
#include <stdlib.h>

#include <virtrk/memory.h>

typedef unsigned __int128 wide;

static bool in(const struct vrk_colors *set, uint32_t i)
{
	return set->words[i >> 6] & (1ULL << (i & 63));
}

static wide wants(const struct vrk_memory_request *r)
{
	return ((wide)r->bytes + VRK_FRAME_BYTES - 1) / VRK_FRAME_BYTES;
}

/* Is anybody's own colour or bank in somebody else's set? */
static bool all_apart(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			for (uint32_t c = 0; r[i].exclusive_colors && i != j && c < host->colors; c++)
				if (in(&r[i].colors, c) && in(&r[j].colors, c))
					return false;
			for (uint32_t b = 0; r[i].exclusive_banks && i != j && b < host->banks; b++)
				if (in(&r[i].banks, b) && in(&r[j].banks, b))
					return false;
		}
	return true;
}

static bool yes_proved(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		       const struct vrk_memory_answer *a, uint64_t *left)
{
	for (uint32_t i = 0; i < host->colors * host->banks; i++)
		left[i] = host->frames[i];
	for (size_t p = 0; p < a->n_parts; p++) {
		const struct vrk_memory_part *part = &a->parts[p];

		if (part->request >= n || part->color >= host->colors || part->bank >= host->banks ||
		    !in(&r[part->request].colors, part->color) || !in(&r[part->request].banks, part->bank) ||
		    part->frames > left[part->color * host->banks + part->bank])
			return false;
		left[part->color * host->banks + part->bank] -= part->frames;
	}
	for (size_t i = 0; i < n; i++) {
		wide got = 0;

		for (size_t p = 0; p < a->n_parts; p++)
			got += a->parts[p].request == i ? a->parts[p].frames : 0;
		if (got < wants(&r[i]))
			return false;
	}
	return all_apart(host, r, n);
}

static bool too_much_proved(const struct vrk_memory_host *host, const struct vrk_memory_request *r,
			    const struct vrk_memory_answer *a)
{
	wide want = 0, hold = 0;

	for (size_t w = 0; w < a->n_who; w++)
		want += wants(&r[a->who[w]]);
	for (uint32_t c = 0; c < host->colors; c++)
		for (uint32_t b = 0; b < host->banks; b++) {
			bool any = false;

			for (size_t w = 0; w < a->n_who; w++)
				any |= in(&r[a->who[w]].colors, c) && in(&r[a->who[w]].banks, b);
			hold += any ? host->frames[c * host->banks + b] : 0;
		}
	return want > hold && want == a->lhs_frames && hold == a->rhs_frames;
}

static bool no_proved(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		      const struct vrk_memory_answer *a)
{
	const struct vrk_memory_request *x, *y;

	if (a->n_who == 0 || a->n_who > n || a->n_who > VRK_REQUESTS_MAX)
		return false;
	for (size_t w = 0; w < a->n_who; w++)
		if (a->who[w] >= n || (w > 0 && a->who[w] <= a->who[w - 1]))
			return false;
	if (a->rule == VRK_MEMORY_CAPACITY)
		return too_much_proved(host, r, a);
	if (a->n_who != 2)
		return false;
	x = &r[a->who[0]];
	y = &r[a->who[1]];
	if (a->rule == VRK_MEMORY_SHARED_COLOR)
		return a->shared < host->colors && (x->exclusive_colors || y->exclusive_colors) && in(&x->colors, a->shared) &&
		       in(&y->colors, a->shared);
	return a->rule == VRK_MEMORY_SHARED_BANK && a->shared < host->banks && (x->exclusive_banks || y->exclusive_banks) &&
	       in(&x->banks, a->shared) && in(&y->banks, a->shared);
}

int vrk_memory_check(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		     const struct vrk_memory_answer *answer)
{
	uint64_t *left;
	bool proved;

	if (host->colors > VRK_COLORS_MAX || host->banks > VRK_COLORS_MAX || (wide)host->colors * host->banks > VRK_CELLS_MAX)
		return -EBADMSG;
	if (answer->rule != VRK_MEMORY_FITS)
		return no_proved(host, r, n, answer) ? 0 : -EBADMSG;
	left = calloc((size_t)host->colors * host->banks + 1, sizeof(*left));
	if (!left)
		return -ENOMEM;
	proved = yes_proved(host, r, n, answer, left);
	free(left);
	return proved ? 0 : -EBADMSG;
}
