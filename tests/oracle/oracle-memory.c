/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page frames for many, against trying everything: Hall's condition over all subsets of requests says the same yes or no; both
 * proofs are believed by the checker; nothing smaller than the witness of a no is one; the smallest change is one, and nothing
 * smaller is: one frame more does not fit, and no choice of fewer colours does.
 */
#include <virtrk/memory.h>

#include "oracle.h"

#define COLORS 5
#define BANKS 3
#define N_MAX 5

struct question {
	struct vrk_memory_host host;
	uint64_t frames[COLORS * BANKS];
	struct vrk_memory_request r[N_MAX];
	size_t n;
};

static void question_print(const struct question *q)
{
	for (uint32_t c = 0; c < q->host.colors; c++)
		for (uint32_t b = 0; b < q->host.banks; b++)
			fprintf(stderr, "%s%" PRIu64, b ? " " : "\n  ", q->frames[c * q->host.banks + b]);
	for (size_t i = 0; i < q->n; i++)
		fprintf(stderr, "\n  %zu: %" PRIu64 " bytes colours %" PRIx64 "%s banks %" PRIx64 "%s", i, q->r[i].bytes,
			q->r[i].colors.words[0], q->r[i].exclusive_colors ? "!" : "", q->r[i].banks.words[0],
			q->r[i].exclusive_banks ? "!" : "");
	fprintf(stderr, "\n");
}

static void fail(struct oracle *o, const struct question *q, const char *what)
{
	oracle_fail(o, what, &(struct vrk_host){ 0 }, NULL, 0);
	if (o->failed <= 10)
		question_print(q);
}

/* Three of four, on average. */
static uint64_t draw_set(struct oracle *o, uint32_t limit)
{
	uint64_t some = oracle_between(o, 1, (1ULL << limit) - 1);

	return some | oracle_between(o, 1, (1ULL << limit) - 1);
}

static void draw(struct oracle *o, struct question *q)
{
	uint64_t most = oracle_between(o, 1, 12);

	q->host = (struct vrk_memory_host){ (uint32_t)oracle_between(o, 1, COLORS), (uint32_t)oracle_between(o, 1, BANKS), q->frames };
	q->n = oracle_between(o, 1, N_MAX);
	for (size_t i = 0; i < (size_t)q->host.colors * q->host.banks; i++)
		q->frames[i] = oracle_chance(o, 20) ? 0 : oracle_between(o, 0, most);
	for (size_t i = 0; i < q->n; i++) {
		uint64_t frames = oracle_between(o, 1, 1 + most * q->host.colors * q->host.banks / (q->n * oracle_between(o, 1, 4)));

		q->r[i] = (struct vrk_memory_request){
			.bytes = (frames - 1) * VRK_FRAME_BYTES + oracle_between(o, 1, VRK_FRAME_BYTES),
			.colors.words[0] = draw_set(o, q->host.colors),
			.banks.words[0] = draw_set(o, q->host.banks),
			.exclusive_colors = oracle_chance(o, 8), .exclusive_banks = oracle_chance(o, 4),
		};
	}
}

static uint64_t wants(const struct vrk_memory_request *r)
{
	return (r->bytes + VRK_FRAME_BYTES - 1) / VRK_FRAME_BYTES;
}

/* Hall's inequality for the requests in @subset (bits). */
static bool subset_fits(const struct question *q, unsigned int subset)
{
	uint64_t want = 0, hold = 0;

	for (size_t i = 0; i < q->n; i++)
		want += subset >> i & 1 ? wants(&q->r[i]) : 0;
	for (uint32_t c = 0; c < q->host.colors; c++)
		for (uint32_t b = 0; b < q->host.banks; b++)
			for (size_t i = 0; i < q->n; i++)
				if ((subset >> i & 1) && (q->r[i].colors.words[0] >> c & 1) && (q->r[i].banks.words[0] >> b & 1)) {
					hold += q->frames[c * q->host.banks + b];
					break;
				}
	return want <= hold;
}

static bool all_apart(const struct question *q)
{
	for (size_t i = 0; i < q->n; i++)
		for (size_t j = 0; j < q->n; j++)
			if (i != j && ((q->r[i].exclusive_colors && (q->r[i].colors.words[0] & q->r[j].colors.words[0])) ||
				       (q->r[i].exclusive_banks && (q->r[i].banks.words[0] & q->r[j].banks.words[0]))))
				return false;
	return true;
}

static bool everything_fits(const struct question *q)
{
	for (unsigned int subset = 1; subset < 1U << q->n; subset++)
		if (!subset_fits(q, subset))
			return false;
	return all_apart(q);
}

/* With the last request's colours (or banks) replaced by any set of which at most @more are new: does it fit? */
static bool some_set_fits(const struct question *q, bool by_bank, uint32_t more)
{
	uint32_t limit = by_bank ? q->host.banks : q->host.colors;
	uint64_t has = by_bank ? q->r[q->n - 1].banks.words[0] : q->r[q->n - 1].colors.words[0];

	for (uint64_t set = 1; set < 1ULL << limit; set++) {
		struct question other = *q;

		if ((uint32_t)__builtin_popcountll(set & ~has) > more)
			continue;
		other.host.frames = other.frames;
		*(by_bank ? &other.r[q->n - 1].banks.words[0] : &other.r[q->n - 1].colors.words[0]) = set;
		if (everything_fits(&other))
			return true;
	}
	return false;
}

static void axis_judge(struct oracle *o, const struct question *q, bool by_bank, const struct vrk_memory_more *more)
{
	struct question then = *q;

	then.host.frames = then.frames;
	if (vrk_colors_count(&more->set) == 0) {
		if (some_set_fits(q, by_bank, UINT32_MAX))
			fail(o, q, "a set would help");
		return;
	}
	*(by_bank ? &then.r[q->n - 1].banks : &then.r[q->n - 1].colors) = more->set;
	if (!everything_fits(&then))
		fail(o, q, "what is offered does not fit");
	if (!more->fewest)
		fail(o, q, "so small a search was cut off");
	if (more->more > 0 && some_set_fits(q, by_bank, more->more - 1))
		fail(o, q, "fewer would do");
}

static void repair_judge(struct oracle *o, const struct question *q)
{
	struct question others = *q, then = *q;
	struct vrk_memory_repair fix;

	others.n--;
	others.host.frames = others.frames;
	then.host.frames = then.frames;
	if (vrk_memory_repair(&q->host, q->r, q->n, q->n - 1, &fix) < 0) {
		fail(o, q, "no repair");
		return;
	}
	if (!everything_fits(&others)) {
		if (fix.bytes || vrk_colors_count(&fix.colors.set) || vrk_colors_count(&fix.banks.set))
			fail(o, q, "a repair where others are too much");
		return;
	}
	if (fix.bytes > 0) {
		then.r[q->n - 1].bytes = fix.bytes;
		if (!everything_fits(&then))
			fail(o, q, "the smaller size does not fit");
	}
	if (wants(&q->r[q->n - 1]) * VRK_FRAME_BYTES > fix.bytes) {
		then.r[q->n - 1].bytes = fix.bytes + 1;
		if (everything_fits(&then))
			fail(o, q, "one frame more would fit");
	}
	axis_judge(o, q, false, &fix.colors);
	axis_judge(o, q, true, &fix.banks);
}

static void memory(struct oracle *o)
{
	struct question q;
	struct vrk_memory_answer a;
	bool fits;

	draw(o, &q);
	fits = everything_fits(&q);
	if (vrk_memory_fit(&q.host, q.r, q.n, &a) < 0) {
		fail(o, &q, "no answer");
		return;
	}
	if (fits != (a.rule == VRK_MEMORY_FITS))
		fail(o, &q, fits ? "a no where all subsets fit" : "a yes where a subset does not fit");
	if (vrk_memory_check(&q.host, q.r, q.n, &a) < 0)
		fail(o, &q, "the proof does not hold");
	for (size_t k = 0; a.rule == VRK_MEMORY_CAPACITY && k < a.n_who; k++) {
		unsigned int rest = 0;

		for (size_t j = 0; j < a.n_who; j++)
			rest |= j == k ? 0 : 1U << a.who[j];
		if (!subset_fits(&q, rest))
			fail(o, &q, "the witness is larger than need be");
	}
	o->accepted += fits;
	o->refused += !fits;
	vrk_memory_answer_done(&a);
	repair_judge(o, &q);
}

int main(void)
{
	return oracle_run("memory", 20000, memory);
}
