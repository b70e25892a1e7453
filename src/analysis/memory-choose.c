/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which cache colours and banks a request gets, when it only says how many. Colours first, then banks, by the same rule: who wants
 * them for himself chooses first, then who wants most; each takes what is emptiest when all frames so far are thought to be spread
 * evenly over the sets of their requests. With colours of one size and private sets that finds a division if there is one;
 * otherwise it is a good guess, and vrk_memory_fit() has the last word. Called by planning.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct choice {
	const struct vrk_memory_host *host;
	struct vrk_memory_request *r;
	const struct vrk_memory_wish *wish;
	size_t n;
	bool by_bank;
	bool done[VRK_REQUESTS_MAX];		/* along the axis in hand */
	uint64_t room[VRK_COLORS_MAX];		/* frames of each colour (bank) */
	uint64_t charge[VRK_COLORS_MAX];	/* promised of it, if spread evenly */
};

static uint32_t limit_of(const struct choice *c)
{
	return c->by_bank ? c->host->banks : c->host->colors;
}

static struct vrk_colors *set_of(struct choice *c, size_t i)
{
	return c->by_bank ? &c->r[i].banks : &c->r[i].colors;
}

static uint32_t wish_of(const struct choice *c, size_t i)
{
	return c->by_bank ? c->wish[i].banks : c->wish[i].colors;
}

static bool own_of(const struct choice *c, size_t i)
{
	return c->by_bank ? c->r[i].exclusive_banks : c->r[i].exclusive_colors;
}

/* May request @i have it, as far as others have chosen? */
static bool free_for(struct choice *c, size_t i, uint32_t item)
{
	for (size_t j = 0; j < c->n; j++)
		if (j != i && c->done[j] && (own_of(c, i) || own_of(c, j)) && vrk_colors_have(set_of(c, j), item))
			return false;
	return true;
}

static void charge(struct choice *c, size_t i)
{
	uint32_t n = vrk_colors_count(set_of(c, i));

	c->done[i] = true;
	for (uint32_t k = 0; n > 0 && k < limit_of(c); k++)
		if (vrk_colors_have(set_of(c, i), k))
			c->charge[k] += memory_frames(&c->r[i]) / n;
}

/* What is left of it, or less than nothing. */
static int64_t left_of(const struct choice *c, uint32_t item)
{
	return (int64_t)c->room[item] - (int64_t)c->charge[item];
}

/* False: there are not so many. */
static bool choose(struct choice *c, size_t i, uint32_t count)
{
	struct vrk_colors *set = set_of(c, i);

	*set = (struct vrk_colors){ { 0 } };
	for (uint32_t k = 0; k < count; k++) {
		uint32_t best = UINT32_MAX;

		for (uint32_t item = 0; item < limit_of(c); item++)
			if (!vrk_colors_have(set, item) && free_for(c, i, item) &&
			    (best == UINT32_MAX || left_of(c, item) > left_of(c, best)))
				best = item;
		if (best == UINT32_MAX)
			return false;
		vrk_colors_add(set, best);
	}
	charge(c, i);
	return true;
}

/* Everything that others do not have for themselves. */
static bool take_rest(struct choice *c, size_t i)
{
	struct vrk_colors *set = set_of(c, i);

	*set = (struct vrk_colors){ { 0 } };
	for (uint32_t item = 0; item < limit_of(c); item++)
		if (free_for(c, i, item))
			vrk_colors_add(set, item);
	c->done[i] = true;
	return vrk_colors_count(set) > 0;
}

/* Who chooses next; SIZE_MAX = nobody is left. */
static size_t next(const struct choice *c)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < c->n; i++) {
		uint32_t want = wish_of(c, i);

		if (c->done[i] || want == VRK_COLORS_LEFT)
			continue;
		if (best == SIZE_MAX || (own_of(c, i) && !own_of(c, best)) ||
		    (own_of(c, i) == own_of(c, best) && want > wish_of(c, best)))
			best = i;
	}
	return best;
}

/* Return: whom it does not do; SIZE_MAX = all have theirs. */
static size_t axis_choose(struct choice *c, bool by_bank)
{
	const struct vrk_memory_host *host = c->host;
	size_t i;

	c->by_bank = by_bank;
	memset(c->done, 0, sizeof(c->done));
	memset(c->room, 0, sizeof(c->room));
	memset(c->charge, 0, sizeof(c->charge));
	for (uint32_t k = 0; k < host->colors * host->banks; k++)
		c->room[by_bank ? k % host->banks : k / host->banks] += host->frames[k];
	for (i = 0; i < c->n; i++)
		if (wish_of(c, i) == 0)
			charge(c, i);
	while ((i = next(c)) != SIZE_MAX)
		if (!choose(c, i, wish_of(c, i)))
			return i;
	for (i = 0; i < c->n; i++)
		if (!c->done[i] && !take_rest(c, i))
			return i;
	return SIZE_MAX;
}

int vrk_memory_choose(const struct vrk_memory_host *host, struct vrk_memory_request *r, const struct vrk_memory_wish *wish,
		      size_t n, size_t *ret_short)
{
	struct choice *c;
	int err = memory_question_check(host, NULL, 0);

	if (err < 0 || n > VRK_REQUESTS_MAX)
		return err < 0 ? err : -E2BIG;
	for (size_t i = 0; i < n; i++)
		if (r[i].bytes == 0 || memory_frames(&r[i]) > VRK_FRAMES_MAX)
			return r[i].bytes == 0 ? -EINVAL : -ERANGE;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = host;
	c->r = r;
	c->wish = wish;
	c->n = n;
	*ret_short = axis_choose(c, false);
	if (*ret_short == SIZE_MAX)
		*ret_short = axis_choose(c, true);
	free(c);
	return 0;
}
