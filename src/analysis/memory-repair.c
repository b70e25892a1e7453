/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The smallest change of one request for page frames with which all would fit: fewer bytes, or more colours, or more banks. What the
 * request can get of a set is a maximum flow, after the others have theirs.
 *
 * The fewest more colours: the flow F(S) never decreases with the set S and is submodular, so what k more colours add is at most
 * the sum of what each adds by itself. That says from which k on a choice can be enough; taking those that add most by themselves
 * says for which k one surely is. In between all choices are tried, cut by the same bound, until the steps run out.
 *
 * Called where a no is explained. Decides nothing: what is offered is asked again by whoever takes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define STEPS_MAX 2000		/* choices tried in a search */

struct gain {
	uint32_t item;
	uint64_t frames;
};

struct search {
	const struct vrk_memory_host *host;
	struct vrk_memory_request *r;	/* a copy, in which the request's set changes */
	size_t n;
	size_t index;
	bool by_bank;
	uint64_t need;
	uint64_t base;			/* frames of what it keeps */
	struct gain gains[VRK_COLORS_MAX];	/* largest first */
	size_t n_gains;
	uint32_t steps;
	bool cut;
};

static struct vrk_colors *axis_of(struct search *s, size_t i)
{
	return s->by_bank ? &s->r[i].banks : &s->r[i].colors;
}

static int most_of(struct search *s, const struct vrk_colors *set, uint64_t *ret)
{
	bool others;

	*axis_of(s, s->index) = *set;
	return memory_most(s->host, s->r, s->n, s->index, ret, &others);
}

/* What the request must not have along an axis, since one of the two wants it for himself. */
static struct vrk_colors forbidden(const struct vrk_memory_request *r, size_t n, size_t index, bool by_bank)
{
	struct vrk_colors no = { { 0 } };

	for (size_t i = 0; i < n; i++) {
		bool own = by_bank ? r[i].exclusive_banks || r[index].exclusive_banks :
				     r[i].exclusive_colors || r[index].exclusive_colors;

		for (size_t w = 0; i != index && own && w < VRK_COLORS_MAX / 64; w++)
			no.words[w] |= by_bank ? r[i].banks.words[w] : r[i].colors.words[w];
	}
	return no;
}

static int by_gain(const void *a, const void *b)
{
	const struct gain *x = a, *y = b;

	if (x->frames != y->frames)
		return x->frames > y->frames ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

static int gains_find(struct search *s, const struct vrk_colors *keep, const struct vrk_colors *no)
{
	uint32_t limit = s->by_bank ? s->host->banks : s->host->colors;

	s->n_gains = 0;
	for (uint32_t i = 0; i < limit; i++) {
		struct vrk_colors set = *keep;
		uint64_t frames;
		int err;

		if (vrk_colors_have(keep, i) || vrk_colors_have(no, i))
			continue;
		vrk_colors_add(&set, i);
		err = most_of(s, &set, &frames);
		if (err < 0)
			return err;
		s->gains[s->n_gains++] = (struct gain){ i, frames - s->base };
	}
	qsort(s->gains, s->n_gains, sizeof(*s->gains), by_gain);
	return 0;
}

/* Tries to complete @set with @left more of gains[from..]; 1 = *set is enough. */
static int choices_try(struct search *s, struct vrk_colors *set, size_t from, size_t left)
{
	struct vrk_colors with;
	uint64_t frames, bound;
	int r = most_of(s, set, &frames);

	if (r < 0 || frames >= s->need)
		return r < 0 ? r : 1;
	if (s->steps++ >= STEPS_MAX) {
		s->cut = true;
		return 0;
	}
	for (; left > 0 && from + left <= s->n_gains && !s->cut; from++) {
		bound = frames;
		for (size_t k = 0; k < left; k++)
			bound += s->gains[from + k].frames;
		if (bound < s->need)
			return 0;
		with = *set;
		vrk_colors_add(&with, s->gains[from].item);
		r = choices_try(s, &with, from + 1, left - 1);
		if (r != 0) {
			*set = with;
			return r;
		}
	}
	return 0;
}

/* The fewest of those with most gain that are enough, all of them being so. */
static int greedy_fewest(struct search *s, const struct vrk_colors *keep, size_t *ret, struct vrk_colors *ret_set)
{
	size_t lo = 1, hi = s->n_gains;

	while (lo <= hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct vrk_colors set = *keep;
		uint64_t frames;
		int r;

		for (size_t k = 0; k < mid; k++)
			vrk_colors_add(&set, s->gains[k].item);
		r = most_of(s, &set, &frames);
		if (r < 0)
			return r;
		if (frames >= s->need) {
			*ret = mid;
			*ret_set = set;
			hi = mid - 1;
		} else {
			lo = mid + 1;
		}
	}
	return 0;
}

static int axis_repair(struct search *s, const struct vrk_colors *keep, const struct vrk_colors *no, struct vrk_memory_more *ret)
{
	struct vrk_colors best = { { 0 } }, set;
	size_t enough = 0, k;
	uint64_t bound;
	int r = most_of(s, keep, &s->base);

	if (r < 0)
		return r;
	if (s->base >= s->need) {
		*ret = (struct vrk_memory_more){ .set = *keep, .fewest = true };
		return 0;
	}
	r = gains_find(s, keep, no);
	if (r >= 0)
		r = greedy_fewest(s, keep, &enough, &best);
	if (r < 0 || enough == 0)
		return r;
	bound = s->base;
	for (k = 0; bound < s->need; k++)
		bound += s->gains[k].frames;
	for (s->steps = 0, s->cut = false; k < enough && !s->cut; k++) {
		set = *keep;
		r = choices_try(s, &set, 0, k);
		if (r < 0)
			return r;
		if (r > 0) {
			best = set;
			enough = k;
		}
	}
	*ret = (struct vrk_memory_more){ .set = best, .more = (uint32_t)enough, .fewest = !s->cut };
	return 0;
}

/* Along one axis; the set of the other axis stays, so it must not be forbidden itself. */
static int axis_try(struct search *s, const struct vrk_memory_request *r, bool by_bank, struct vrk_memory_more *ret)
{
	const struct vrk_colors no = forbidden(r, s->n, s->index, by_bank), other = forbidden(r, s->n, s->index, !by_bank);
	struct vrk_colors keep = by_bank ? r[s->index].banks : r[s->index].colors;

	if (colors_meet(&other, by_bank ? &r[s->index].colors : &r[s->index].banks) >= 0)
		return 0;
	for (size_t w = 0; w < VRK_COLORS_MAX / 64; w++)
		keep.words[w] &= ~no.words[w];
	memcpy(s->r, r, s->n * sizeof(*r));
	s->by_bank = by_bank;
	return axis_repair(s, &keep, &no, ret);
}

/* Do the others fit by themselves? */
static int others_fit(struct search *s, const struct vrk_memory_request *r, bool *ret)
{
	struct vrk_memory_answer answer;
	size_t k = 0;
	int err;

	for (size_t i = 0; i < s->n; i++)
		if (i != s->index)
			s->r[k++] = r[i];
	err = vrk_memory_fit(s->host, s->r, k, &answer);
	if (err < 0)
		return err;
	*ret = answer.rule == VRK_MEMORY_FITS;
	vrk_memory_answer_done(&answer);
	return 0;
}

static int repair_find(struct search *s, const struct vrk_memory_request *r, struct vrk_memory_repair *ret)
{
	struct vrk_colors no_colors = forbidden(r, s->n, s->index, false), no_banks = forbidden(r, s->n, s->index, true);
	bool fit = false;
	uint64_t most;
	int err = others_fit(s, r, &fit);

	if (err < 0 || !fit)
		return err;
	if (colors_meet(&no_colors, &r[s->index].colors) < 0 && colors_meet(&no_banks, &r[s->index].banks) < 0) {
		err = memory_most(s->host, r, s->n, s->index, &most, &fit);
		if (err < 0)
			return err;
		ret->bytes = (most < s->need ? most : s->need) * VRK_FRAME_BYTES;
	}
	err = axis_try(s, r, false, &ret->colors);
	return err < 0 ? err : axis_try(s, r, true, &ret->banks);
}

int vrk_memory_repair(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n, size_t index,
		      struct vrk_memory_repair *ret)
{
	struct vrk_memory_repair repair = { 0 };
	struct search *s;
	int err = memory_question_check(host, r, n);

	if (err < 0 || index >= n)
		return err < 0 ? err : -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct search){ .host = host, .n = n, .index = index, .need = memory_frames(&r[index]) };
	s->r = calloc(n, sizeof(*s->r));
	err = s->r ? repair_find(s, r, &repair) : -ENOMEM;
	free(s->r);
	free(s);
	if (err >= 0)
		*ret = repair;
	return err;
}
