/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page frames for many: a bipartite graph from requests to (colour, bank) pairs, in which a maximum flow says who gets what, and a
 * minimum cut who asks for too much. By Hall's theorem with capacities the requests can be satisfied iff no subset G of them
 * wants more than the pairs hold that at least one of G may use; the cut is such a subset.
 *
 * Pairs that exactly the same requests may use cannot be told apart, so they are one vertex ("kind") with their capacities added: a host
 * with 32 colours and 16 banks has 512 pairs, but a handful of VMs make a handful of kinds. The flow grows along shortest
 * augmenting paths, one request after the other; a request that is satisfied stays so. Integers only, so it ends, and is exact.
 *
 * Colours that somebody wants for himself are looked at before any flow: two sets either meet or they do not.
 *
 * Called by the analysis of whole systems, by admission and by memory-repair.c. The proof is checked by memory-check.c, which
 * shares nothing with this file but the question.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define WORDS (VRK_REQUESTS_MAX / 64)
#define NOBODY UINT32_MAX

/* A pair, and who may use it. */
struct cell {
	uint64_t who[WORDS];
	uint32_t index;
};

struct kind {
	uint64_t who[WORDS];
	uint64_t room;			/* what is left of it */
	size_t first_cell;
	size_t n_cells;
};

struct fit {
	const struct vrk_memory_host *host;
	const struct vrk_memory_request *r;
	size_t n;
	struct cell *cells;
	size_t n_cells;
	struct kind *kinds;
	size_t n_kinds;
	uint64_t *flow;			/* [request * n_kinds + kind] */
	uint64_t want[VRK_REQUESTS_MAX];	/* what is still missing */
	/* one search: who was reached from where */
	uint32_t by_kind[VRK_REQUESTS_MAX];	/* the kind over which a request was reached */
	bool seen[VRK_REQUESTS_MAX];
	uint32_t *by_request;		/* the request from which a kind was reached; NOBODY = it was not */
};

static void fit_done(struct fit *f)
{
	free(f->cells);
	free(f->kinds);
	free(f->flow);
	free(f->by_request);
}

void vrk_memory_answer_done(struct vrk_memory_answer *answer)
{
	free(answer->parts);
	*answer = (struct vrk_memory_answer){ .rule = VRK_MEMORY_FITS };
}

/* ---- sets and numbers ---- */

bool vrk_colors_have(const struct vrk_colors *set, uint32_t i)
{
	return i < VRK_COLORS_MAX && (set->words[i / 64] >> (i % 64) & 1) != 0;
}

void vrk_colors_add(struct vrk_colors *set, uint32_t i)
{
	if (i < VRK_COLORS_MAX)
		set->words[i / 64] |= 1ULL << (i % 64);
}

uint32_t vrk_colors_count(const struct vrk_colors *set)
{
	uint32_t n = 0;

	for (size_t i = 0; i < VRK_COLORS_MAX / 64; i++)
		n += (uint32_t)__builtin_popcountll(set->words[i]);
	return n;
}

int64_t colors_meet(const struct vrk_colors *a, const struct vrk_colors *b)
{
	for (size_t i = 0; i < VRK_COLORS_MAX / 64; i++)
		if (a->words[i] & b->words[i])
			return (int64_t)(i * 64) + __builtin_ctzll(a->words[i] & b->words[i]);
	return -1;
}

/* Not empty, and nothing at or above @limit. */
static bool set_sane(const struct vrk_colors *set, uint32_t limit)
{
	for (uint32_t i = limit; i < VRK_COLORS_MAX; i++)
		if (vrk_colors_have(set, i))
			return false;
	return vrk_colors_count(set) > 0;
}

int memory_question_check(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n)
{
	if (host->colors == 0 || host->banks == 0)
		return -EINVAL;
	if (host->colors > VRK_COLORS_MAX || host->banks > VRK_COLORS_MAX ||
	    (uint64_t)host->colors * host->banks > VRK_CELLS_MAX || n > VRK_REQUESTS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < (size_t)host->colors * host->banks; i++)
		if (host->frames[i] > VRK_FRAMES_MAX)
			return -ERANGE;
	for (size_t i = 0; i < n; i++) {
		if (r[i].bytes == 0 || !set_sane(&r[i].colors, host->colors) || !set_sane(&r[i].banks, host->banks))
			return -EINVAL;
		if (memory_frames(&r[i]) > VRK_FRAMES_MAX)
			return -ERANGE;
	}
	return 0;
}

/* ---- the graph ---- */

static int by_who(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	int c = memcmp(x->who, y->who, sizeof(x->who));

	return c ? c : x->index < y->index ? -1 : x->index > y->index;
}

static bool may(const uint64_t who[WORDS], size_t i)
{
	return who[i / 64] >> (i % 64) & 1;
}

/* The pairs that hold something and that somebody may use. */
static void cells_fill(struct fit *f)
{
	for (uint32_t k = 0; k < f->host->colors * f->host->banks; k++) {
		struct cell cell = { .index = k };
		bool any = false;

		for (size_t i = 0; i < f->n; i++)
			if (vrk_colors_have(&f->r[i].colors, k / f->host->banks) &&
			    vrk_colors_have(&f->r[i].banks, k % f->host->banks)) {
				cell.who[i / 64] |= 1ULL << (i % 64);
				any = true;
			}
		if (any && f->host->frames[k] > 0)
			f->cells[f->n_cells++] = cell;
	}
	qsort(f->cells, f->n_cells, sizeof(*f->cells), by_who);
}

static int fit_init(struct fit *f, const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n)
{
	*f = (struct fit){ .host = host, .r = r, .n = n };
	f->cells = calloc((size_t)host->colors * host->banks, sizeof(*f->cells));
	if (!f->cells)
		return -ENOMEM;
	cells_fill(f);
	f->kinds = calloc(f->n_cells + 1, sizeof(*f->kinds));
	if (!f->kinds)
		return -ENOMEM;
	for (size_t c = 0; c < f->n_cells; c++) {
		struct kind *last = f->n_kinds ? &f->kinds[f->n_kinds - 1] : NULL;

		if (!last || memcmp(last->who, f->cells[c].who, sizeof(last->who)) != 0) {
			last = &f->kinds[f->n_kinds++];
			memcpy(last->who, f->cells[c].who, sizeof(last->who));
			last->first_cell = c;
		}
		last->room += host->frames[f->cells[c].index];
		last->n_cells++;
	}
	f->flow = calloc(n * f->n_kinds + 1, sizeof(*f->flow));
	f->by_request = calloc(f->n_kinds + 1, sizeof(*f->by_request));
	return f->flow && f->by_request ? 0 : -ENOMEM;
}

/* ---- the flow ---- */

/* Breadth first from @source; returns a kind with room, or NOBODY. Kinds and requests that were reached are marked. */
static uint32_t path_find(struct fit *f, size_t source)
{
	size_t queue[VRK_REQUESTS_MAX], head = 0, tail = 0;

	memset(f->seen, 0, sizeof(f->seen));
	for (size_t k = 0; k < f->n_kinds; k++)
		f->by_request[k] = NOBODY;
	f->seen[source] = true;
	f->by_kind[source] = NOBODY;
	queue[tail++] = source;
	while (head < tail) {
		size_t i = queue[head++];

		for (uint32_t k = 0; k < f->n_kinds; k++) {
			if (f->by_request[k] != NOBODY || !may(f->kinds[k].who, i))
				continue;
			f->by_request[k] = (uint32_t)i;
			if (f->kinds[k].room > 0)
				return k;
			for (size_t j = 0; j < f->n; j++)
				if (!f->seen[j] && f->flow[j * f->n_kinds + k] > 0) {
					f->seen[j] = true;
					f->by_kind[j] = k;
					queue[tail++] = j;
				}
		}
	}
	return NOBODY;
}

/* Moves as much as the path bears: the source takes of the first kind, each owner on the way makes up for it in the next. */
static void path_use(struct fit *f, size_t source, uint32_t last)
{
	uint64_t much = f->want[source] < f->kinds[last].room ? f->want[source] : f->kinds[last].room;
	uint32_t k = last;

	for (size_t i = f->by_request[k]; i != source; i = f->by_request[k]) {
		k = f->by_kind[i];
		if (f->flow[i * f->n_kinds + k] < much)
			much = f->flow[i * f->n_kinds + k];
	}
	f->kinds[last].room -= much;
	f->want[source] -= much;
	k = last;
	for (size_t i = f->by_request[k];; i = f->by_request[k]) {
		f->flow[i * f->n_kinds + k] += much;
		if (i == source)
			break;
		k = f->by_kind[i];
		f->flow[i * f->n_kinds + k] -= much;
	}
}

/* Gives @i what it wants, as far as that goes. False: not all of it; then seen[] are those who ask for too much together. */
static bool satisfy(struct fit *f, size_t i, uint64_t want)
{
	f->want[i] = want;
	while (f->want[i] > 0) {
		uint32_t last = path_find(f, i);

		if (last == NOBODY)
			return false;
		path_use(f, i, last);
	}
	return true;
}

/* ---- the answers ---- */

/* What those in @in want, and what all pairs hold that any of them may use. */
static bool too_much(const struct fit *f, const bool in[VRK_REQUESTS_MAX], uint64_t *ret_want, uint64_t *ret_hold)
{
	*ret_want = *ret_hold = 0;
	for (size_t i = 0; i < f->n; i++)
		*ret_want += in[i] ? memory_frames(&f->r[i]) : 0;
	for (size_t c = 0; c < f->n_cells; c++)
		for (size_t i = 0; i < f->n; i++)
			if (in[i] && may(f->cells[c].who, i)) {
				*ret_hold += f->host->frames[f->cells[c].index];
				break;
			}
	return *ret_want > *ret_hold;
}

static void answer_no(struct fit *f, struct vrk_memory_answer *ret)
{
	uint64_t want, hold;
	bool shrunk = true;

	/* whoever may be left out says nothing about why; with one gone, one who was needed before may not be any more */
	while (shrunk) {
		shrunk = false;
		for (size_t i = 0; i < f->n; i++) {
			if (!f->seen[i])
				continue;
			f->seen[i] = false;
			f->seen[i] = !too_much(f, f->seen, &want, &hold);
			shrunk |= !f->seen[i];
		}
	}
	ret->rule = VRK_MEMORY_CAPACITY;
	(void)too_much(f, f->seen, &ret->lhs_frames, &ret->rhs_frames);
	for (size_t i = 0; i < f->n; i++)
		if (f->seen[i])
			ret->who[ret->n_who++] = i;
}

/* The frames of one kind go out pair by pair, request by request. */
static void kind_share(const struct fit *f, size_t k, struct vrk_memory_answer *ret)
{
	const struct cell *cell = &f->cells[f->kinds[k].first_cell];
	uint64_t left = f->host->frames[cell->index];

	for (size_t i = 0; i < f->n; i++) {
		uint64_t need = f->flow[i * f->n_kinds + k];

		while (need > 0) {
			uint64_t much;

			while (left == 0)
				left = f->host->frames[(++cell)->index];
			much = need < left ? need : left;
			ret->parts[ret->n_parts++] = (struct vrk_memory_part){
				.request = i, .color = cell->index / f->host->banks, .bank = cell->index % f->host->banks,
				.frames = much,
			};
			need -= much;
			left -= much;
		}
	}
}

static int answer_yes(const struct fit *f, struct vrk_memory_answer *ret)
{
	size_t n = f->n_cells;

	for (size_t e = 0; e < f->n * f->n_kinds; e++)
		n += f->flow[e] > 0;
	ret->parts = calloc(n + 1, sizeof(*ret->parts));
	if (!ret->parts)
		return -ENOMEM;
	for (size_t k = 0; k < f->n_kinds; k++)
		kind_share(f, k, ret);
	return 0;
}

/* Two that have a colour which one of them wants for itself. */
static bool own_is_shared(const struct vrk_memory_request *r, size_t n, struct vrk_memory_answer *ret)
{
	for (size_t j = 1; j < n; j++)
		for (size_t i = 0; i < j; i++) {
			int64_t color = r[i].exclusive_colors || r[j].exclusive_colors ? colors_meet(&r[i].colors, &r[j].colors) : -1;
			int64_t bank = r[i].exclusive_banks || r[j].exclusive_banks ? colors_meet(&r[i].banks, &r[j].banks) : -1;

			if (color < 0 && bank < 0)
				continue;
			ret->rule = color >= 0 ? VRK_MEMORY_SHARED_COLOR : VRK_MEMORY_SHARED_BANK;
			ret->shared = (uint32_t)(color >= 0 ? color : bank);
			ret->n_who = 2;
			ret->who[0] = i;
			ret->who[1] = j;
			return true;
		}
	return false;
}

int vrk_memory_fit(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		   struct vrk_memory_answer *ret)
{
	__attribute__((cleanup(fit_done))) struct fit f = { .n = 0 };
	int err = memory_question_check(host, r, n);
	bool fits = true;

	if (err < 0)
		return err;
	*ret = (struct vrk_memory_answer){ .rule = VRK_MEMORY_FITS };
	if (own_is_shared(r, n, ret))
		return 0;
	err = fit_init(&f, host, r, n);
	if (err < 0)
		return err;
	for (size_t i = 0; fits && i < n; i++)
		fits = satisfy(&f, i, memory_frames(&r[i]));
	if (fits)
		return answer_yes(&f, ret);
	answer_no(&f, ret);
	return 0;
}

int memory_most(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n, size_t index,
		uint64_t *ret_frames, bool *ret_others)
{
	__attribute__((cleanup(fit_done))) struct fit f = { .n = 0 };
	int err = fit_init(&f, host, r, n);

	if (err < 0)
		return err;
	*ret_frames = 0;
	*ret_others = true;
	for (size_t i = 0; *ret_others && i < n; i++)
		if (i != index)
			*ret_others = satisfy(&f, i, memory_frames(&r[i]));
	if (*ret_others) {
		(void)satisfy(&f, index, VRK_FRAMES_MAX);
		*ret_frames = VRK_FRAMES_MAX - f.want[index];
	}
	return 0;
}
