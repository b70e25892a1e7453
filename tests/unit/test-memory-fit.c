/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page frames for many: edges of Hall's condition, own colours, the proofs and what they catch, and the smallest changes. */
#include <virtrk/memory.h>

#include "expect.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define F(frames) ((frames) * VRK_FRAME_BYTES)
#define N_MAX 4

/* A request of a table: sets as bits. */
struct row {
	uint64_t bytes, colors, banks;
	bool own_colors, own_banks;
};

static struct vrk_memory_request request(const struct row *row)
{
	return (struct vrk_memory_request){ .bytes = row->bytes, .colors.words[0] = row->colors, .banks.words[0] = row->banks,
					    .exclusive_colors = row->own_colors, .exclusive_banks = row->own_banks };
}

static const uint64_t flat[] = { 10, 10, 10, 10 };
/* colour 0 lives in bank 0 only, colour 1 in bank 1: bits that overlap */
static const uint64_t overlap[] = { 10, 0, 0, 10 };
static const uint64_t uneven[] = { 10, 10, 10, 4 };
static const uint64_t nothing[] = { 0, 0, 0, 0 };

static const struct {
	const char *name;
	uint32_t colors, banks;
	const uint64_t *frames;
	size_t n;
	struct row r[N_MAX];
	int err;
	enum vrk_memory_rule rule;
	uint64_t lhs, rhs;
	uint64_t who;			/* bits */
} cases[] = {
	{ "nobody", 4, 1, flat, 0, { { 0 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "one frame", 4, 1, flat, 1, { { 1, 1, 1 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "all there is", 4, 1, flat, 1, { { F(40), 15, 1 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "one byte more", 4, 1, flat, 1, { { F(40) + 1, 15, 1 } }, 0, VRK_MEMORY_CAPACITY, 41, 40, 1 },
	{ "one colour too small", 4, 1, flat, 1, { { F(11), 2, 1 } }, 0, VRK_MEMORY_CAPACITY, 11, 10, 1 },
	{ "each fits, both do not", 4, 1, flat, 2, { { F(12), 3, 1 }, { F(12), 3, 1 } }, 0, VRK_MEMORY_CAPACITY, 24, 20, 3 },
	{ "the second has a way out", 4, 1, flat, 2, { { F(12), 3, 1 }, { F(12), 7, 1 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "the first must make room", 4, 1, flat, 2, { { F(20), 7, 1 }, { F(10), 1, 1 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "a chain of three", 4, 1, flat, 3, { { F(10), 3, 1 }, { F(10), 6, 1 }, { F(10), 1, 1 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "three in two", 4, 1, flat, 3, { { F(7), 3, 1 }, { F(7), 3, 1 }, { F(7), 3, 1 } }, 0, VRK_MEMORY_CAPACITY, 21, 20, 7 },
	{ "the witness leaves out who has room", 4, 1, flat, 3, { { F(5), 9, 1 }, { F(11), 2, 1 }, { F(3), 3, 1 } }, 0,
	  VRK_MEMORY_CAPACITY, 11, 10, 2 },
	{ "banks too", 2, 2, flat, 2, { { F(20), 3, 1 }, { F(20), 3, 2 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "one bank too small", 2, 2, flat, 1, { { F(21), 3, 1 } }, 0, VRK_MEMORY_CAPACITY, 21, 20, 1 },
	{ "a pair that does not exist", 2, 2, overlap, 1, { { 1, 1, 2 } }, 0, VRK_MEMORY_CAPACITY, 1, 0, 1 },
	{ "the pairs that do", 2, 2, overlap, 2, { { F(10), 1, 3 }, { F(10), 2, 3 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "a host without frames", 4, 1, nothing, 1, { { 1, 15, 1 } }, 0, VRK_MEMORY_CAPACITY, 1, 0, 1 },
	{ "own colours apart", 4, 1, flat, 2, { { F(10), 3, 1, true }, { F(10), 12, 1, true } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "own colour shared", 4, 1, flat, 2, { { F(1), 3, 1, true }, { F(1), 6, 1 } }, 0, VRK_MEMORY_SHARED_COLOR, 0, 0, 3 },
	{ "own colour in another bank", 2, 2, flat, 2, { { F(1), 1, 1, true }, { F(1), 1, 2 } }, 0, VRK_MEMORY_SHARED_COLOR, 0, 0, 3 },
	{ "own bank shared", 2, 2, flat, 2, { { F(1), 1, 3, false, true }, { F(1), 2, 2 } }, 0, VRK_MEMORY_SHARED_BANK, 0, 0, 3 },
	{ "own bank, colour shared", 2, 2, flat, 2, { { F(1), 3, 1, false, true }, { F(1), 3, 2 } }, 0, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "no bytes", 4, 1, flat, 1, { { 0, 1, 1 } }, -EINVAL, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "no colour", 4, 1, flat, 1, { { 1, 0, 1 } }, -EINVAL, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "no bank", 4, 1, flat, 1, { { 1, 1, 0 } }, -EINVAL, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "a colour beyond", 4, 1, flat, 1, { { 1, 16, 1 } }, -EINVAL, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "too many bytes", 4, 1, flat, 1, { { UINT64_MAX, 1, 1 } }, -ERANGE, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "a host without colours", 0, 1, flat, 0, { { 0 } }, -EINVAL, VRK_MEMORY_FITS, 0, 0, 0 },
	{ "too many pairs", 1024, 65, flat, 0, { { 0 } }, -E2BIG, VRK_MEMORY_FITS, 0, 0, 0 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vrk_memory_host host = { cases[i].colors, cases[i].banks, cases[i].frames };
		struct vrk_memory_request r[N_MAX];
		struct vrk_memory_answer a;
		uint64_t who = 0;

		CASE(cases[i].name);
		for (size_t k = 0; k < cases[i].n; k++)
			r[k] = request(&cases[i].r[k]);
		if (!EXPECT_INT(vrk_memory_fit(&host, r, cases[i].n, &a), cases[i].err) || cases[i].err)
			continue;
		EXPECT_INT(a.rule, cases[i].rule);
		EXPECT_INT(a.lhs_frames, cases[i].lhs);
		EXPECT_INT(a.rhs_frames, cases[i].rhs);
		for (size_t k = 0; k < a.n_who; k++)
			who |= 1ULL << a.who[k];
		EXPECT_INT(who, cases[i].who);
		EXPECT_INT(vrk_memory_check(&host, r, cases[i].n, &a), 0);
		vrk_memory_answer_done(&a);
	}
}

/* 8 GiB in 32 colours: 256 MiB each, so 2 GiB need eight of them (theory of co-partitioning, ECRTS 2013). */
static void test_paper(void)
{
	uint64_t frames[32];
	const struct vrk_memory_host host = { 32, 1, frames };
	struct vrk_memory_request r = { .bytes = 2 * GIB, .banks.words[0] = 1 };
	struct vrk_memory_answer a;

	for (size_t i = 0; i < 32; i++)
		frames[i] = 256 * MIB / VRK_FRAME_BYTES;
	CASE("2 GiB of 32 colours");
	for (uint32_t k = 0; k < 8; k++) {
		vrk_colors_add(&r.colors, k);
		EXPECT_INT(vrk_colors_count(&r.colors), k + 1);
		EXPECT_INT(vrk_memory_fit(&host, &r, 1, &a), 0);
		EXPECT_INT(a.rule, k == 7 ? VRK_MEMORY_FITS : VRK_MEMORY_CAPACITY);
		vrk_memory_answer_done(&a);
	}
}

/* What the checker must not believe. */
static void test_forged(void)
{
	const struct vrk_memory_host host = { 4, 1, flat };
	const struct vrk_memory_request r[] = { { .bytes = F(12), .colors.words[0] = 3, .banks.words[0] = 1 },
						{ .bytes = F(8), .colors.words[0] = 6, .banks.words[0] = 1 } };
	const struct vrk_memory_request full = { .bytes = F(20), .colors.words[0] = 3, .banks.words[0] = 1 };
	struct vrk_memory_part parts[] = { { 0, 0, 0, 10 }, { 0, 1, 0, 2 }, { 1, 2, 0, 8 } };
	struct vrk_memory_answer a = { .n_parts = 3, .parts = parts };
	struct vrk_memory_answer no = { .rule = VRK_MEMORY_CAPACITY, .n_who = 2, .who = { 0, 1 }, .lhs_frames = 20, .rhs_frames = 30 };

	CASE("a true yes");
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), 0);
	CASE("a frame short");
	parts[2].frames = 7;
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
	CASE("a pair given away twice");
	parts[2] = (struct vrk_memory_part){ 1, 1, 0, 9 };
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
	CASE("a colour that is not in the set");
	parts[2] = (struct vrk_memory_part){ 1, 3, 0, 8 };
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
	CASE("a colour that is not there");
	parts[2] = (struct vrk_memory_part){ 1, 4, 0, 8 };
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
	CASE("nobody's request");
	parts[2] = (struct vrk_memory_part){ 2, 2, 0, 8 };
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
	CASE("a no that is not so");
	EXPECT_INT(vrk_memory_check(&host, r, 2, &no), -EBADMSG);
	no.lhs_frames = 31;
	EXPECT_INT(vrk_memory_check(&host, r, 2, &no), -EBADMSG);
	CASE("both sides equal is no no");
	no = (struct vrk_memory_answer){ .rule = VRK_MEMORY_CAPACITY, .n_who = 1, .lhs_frames = 20, .rhs_frames = 20 };
	EXPECT_INT(vrk_memory_check(&host, &full, 1, &no), -EBADMSG);
	CASE("a request counted twice");
	no.n_who = 2;
	no.who[1] = 0;
	EXPECT_INT(vrk_memory_check(&host, r, 2, &no), -EBADMSG);
	CASE("nobody is too much");
	no.n_who = 0;
	EXPECT_INT(vrk_memory_check(&host, r, 2, &no), -EBADMSG);
	CASE("shared, but nobody minds");
	no = (struct vrk_memory_answer){ .rule = VRK_MEMORY_SHARED_COLOR, .n_who = 2, .who = { 0, 1 }, .shared = 1 };
	EXPECT_INT(vrk_memory_check(&host, r, 2, &no), -EBADMSG);
	CASE("of three, two share");
	no.n_who = 3;
	no.who[2] = 2;
	EXPECT_INT(vrk_memory_check(&host, (const struct vrk_memory_request[]){ r[0], r[1], r[0] }, 3, &no), -EBADMSG);
}

/* A yes that has room for everybody, but gives away what somebody wants for himself. */
static void test_forged_own(void)
{
	const struct vrk_memory_host host = { 2, 2, flat };
	struct vrk_memory_request r[] = { { .bytes = F(2), .colors.words[0] = 1, .banks.words[0] = 1 },
					  { .bytes = F(2), .colors.words[0] = 3, .banks.words[0] = 3 } };
	struct vrk_memory_part parts[] = { { 0, 0, 0, 2 }, { 1, 1, 1, 2 } };
	const struct vrk_memory_answer a = { .n_parts = 2, .parts = parts };
	struct vrk_memory_host wide = host;

	CASE("nobody wants any for himself");
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), 0);
	for (size_t i = 0; i < 2; i++) {
		CASE("a colour of somebody's own is in another's set");
		r[i].exclusive_colors = true;
		EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
		r[i].exclusive_colors = false;
		CASE("a bank is");
		r[i].exclusive_banks = true;
		EXPECT_INT(vrk_memory_check(&host, r, 2, &a), -EBADMSG);
		r[i].exclusive_banks = false;
	}
	CASE("his own colour apart");
	r[0].exclusive_colors = true;
	r[1].colors.words[0] = 2;
	EXPECT_INT(vrk_memory_check(&host, r, 2, &a), 0);
	CASE("a host larger than any");
	wide.colors = VRK_COLORS_MAX + 1;
	EXPECT_INT(vrk_memory_check(&wide, r, 2, &a), -EBADMSG);
}

/*
 * Six groups of four colours with ten frames each, of which somebody wants 25 a group: one colour of a group brings ten frames, a second
 * five, others nothing. Of any nine colours, counted each by itself, there might be enough; that twelve are needed takes more steps than
 * are tried. What is offered is enough, and not said to be the fewest.
 */
static void test_cut_off(void)
{
	uint64_t frames[25];
	struct vrk_memory_request r[7] = { 0 };
	const struct vrk_memory_host host = { 25, 1, frames };
	struct vrk_memory_repair fix;
	struct vrk_memory_answer a;

	CASE("a search without end");
	for (size_t i = 0; i < 24; i++)
		frames[i] = 10;
	frames[24] = 5;
	for (size_t i = 0; i < 6; i++)
		r[i] = (struct vrk_memory_request){ .bytes = F(25), .colors.words[0] = 15ULL << 4 * i, .banks.words[0] = 1 };
	r[6] = (struct vrk_memory_request){ .bytes = F(95), .colors.words[0] = 1ULL << 24, .banks.words[0] = 1 };
	EXPECT_INT(vrk_memory_repair(&host, r, 7, 6, &fix), 0);
	EXPECT_INT(fix.bytes, F(5));
	EXPECT(fix.colors.more >= 12 && fix.colors.more <= 24);
	EXPECT_INT(fix.colors.more, vrk_colors_count(&fix.colors.set) - 1);
	EXPECT_INT(fix.colors.fewest, false);
	r[6].colors = fix.colors.set;
	EXPECT_INT(vrk_memory_fit(&host, r, 7, &a), 0);
	EXPECT_INT(a.rule, VRK_MEMORY_FITS);
	vrk_memory_answer_done(&a);
	CASE("with fewer groups it ends");
	r[6] = (struct vrk_memory_request){ .bytes = F(35), .colors.words[0] = 1ULL << 24, .banks.words[0] = 1 };
	frames[8] = 0;
	for (size_t i = 9; i < 24; i++)
		frames[i] = 0;
	EXPECT_INT(vrk_memory_repair(&host, (const struct vrk_memory_request[]){ r[0], r[1], r[6] }, 3, 2, &fix), 0);
	EXPECT_INT(fix.colors.more, 4);
	EXPECT_INT(fix.colors.fewest, true);
}

static const struct {
	const char *name;
	uint32_t colors, banks;
	const uint64_t *frames;
	size_t n;
	struct row r[N_MAX];		/* the last is to change */
	uint64_t bytes;
	uint32_t more_colors;
	uint64_t colors_then;
	uint32_t more_banks;
	uint64_t banks_then;
} repairs[] = {
	{ "fits as it is", 4, 1, flat, 1, { { F(10), 1, 1 } }, F(10), 0, 1, 0, 1 },
	{ "one more colour", 4, 1, flat, 1, { { F(11), 1, 1 } }, F(10), 1, 3, 0, 0 },
	{ "three more", 4, 1, flat, 1, { { F(40), 1, 1 } }, F(10), 3, 15, 0, 0 },
	{ "more than there is", 4, 1, flat, 1, { { F(41), 1, 1 } }, F(10), 0, 0, 0, 0 },
	{ "one more bank does it, too", 2, 2, flat, 1, { { F(11), 1, 1 } }, F(10), 1, 3, 1, 3 },
	{ "a colour without that bank does not help", 2, 2, overlap, 1, { { F(11), 1, 1 } }, F(10), 0, 0, 0, 0 },
	{ "what others leave", 4, 1, flat, 2, { { F(15), 3, 1 }, { F(15), 3, 1 } }, F(5), 1, 7, 0, 0 },
	{ "round somebody's own", 4, 1, flat, 2, { { F(1), 2, 1, true }, { F(11), 1, 1 } }, F(10), 1, 5, 0, 0 },
	{ "giving up is enough", 4, 1, flat, 2, { { F(1), 2, 1, true }, { F(10), 3, 1 } }, 0, 0, 1, 0, 0 },
	{ "giving up and one more", 4, 1, flat, 2, { { F(1), 2, 1, true }, { F(15), 3, 1 } }, 0, 1, 5, 0, 0 },
	/* two colours add five each by themselves, and no more together; the one that adds four is better beside one of them */
	{ "not simply those that add most", 4, 1, uneven, 2, { { F(15), 6, 1 }, { F(19), 1, 1 } }, F(10), 2, 11, 0, 0 },
	{ "others do not fit", 4, 1, flat, 2, { { F(11), 2, 1 }, { F(1), 1, 1 } }, 0, 0, 0, 0, 0 },
};

static void test_repairs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(repairs); i++) {
		const struct vrk_memory_host host = { repairs[i].colors, repairs[i].banks, repairs[i].frames };
		struct vrk_memory_request r[N_MAX];
		struct vrk_memory_repair fix;

		CASE(repairs[i].name);
		for (size_t k = 0; k < repairs[i].n; k++)
			r[k] = request(&repairs[i].r[k]);
		EXPECT_INT(vrk_memory_repair(&host, r, repairs[i].n, repairs[i].n - 1, &fix), 0);
		EXPECT_INT(fix.bytes, repairs[i].bytes);
		EXPECT_INT(fix.colors.more, repairs[i].more_colors);
		EXPECT_INT(fix.colors.set.words[0], repairs[i].colors_then);
		EXPECT_INT(fix.banks.more, repairs[i].more_banks);
		EXPECT_INT(fix.banks.set.words[0], repairs[i].banks_then);
	}
}

static const struct {
	const char *name;
	const uint64_t *frames;
	size_t n;
	struct row r[N_MAX];
	struct vrk_memory_wish wish[N_MAX];
	size_t lacking;
	uint64_t colors[N_MAX];
} choices[] = {
	{ "what is named stays", flat, 1, { { 1, 5, 1 } }, { { 0, 0 } }, SIZE_MAX, { 5 } },
	{ "so many", flat, 1, { { 1, 0, 1 } }, { { 2, 0 } }, SIZE_MAX, { 3 } },
	{ "all that is left", flat, 1, { { 1, 0, 1 } }, { { VRK_COLORS_LEFT, 0 } }, SIZE_MAX, { 15 } },
	{ "left of somebody's own", flat, 2, { { 1, 0, 1 }, { 1, 5, 1, true } }, { { VRK_COLORS_LEFT, 0 }, { 0, 0 } }, SIZE_MAX, { 10, 5 } },
	{ "nothing left", flat, 2, { { 1, 0, 1 }, { 1, 15, 1, true } }, { { VRK_COLORS_LEFT, 0 }, { 0, 0 } }, 0, { 0, 15 } },
	{ "more than there are", flat, 1, { { 1, 0, 1 } }, { { 5, 0 } }, 0, { 15 } },
	{ "own ones first", flat, 2, { { 1, 0, 1 }, { 1, 0, 1, true } }, { { 3, 0 }, { 1, 0 } }, SIZE_MAX, { 14, 1 } },
	{ "who wants more first", flat, 2, { { 1, 0, 1, true }, { 1, 0, 1, true } }, { { 1, 0 }, { 3, 0 } }, SIZE_MAX, { 8, 7 } },
	{ "too many own ones", flat, 2, { { 1, 0, 1, true }, { 1, 0, 1, true } }, { { 2, 0 }, { 3, 0 } }, 0, { 8, 7 } },
	{ "where most is left", flat, 2, { { F(20), 3, 1 }, { F(4), 0, 1 } }, { { 0, 0 }, { 2, 0 } }, SIZE_MAX, { 3, 12 } },
	{ "the largest first", uneven, 1, { { 1, 0, 1 } }, { { 3, 0 } }, SIZE_MAX, { 7 } },
};

static void test_choices(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct vrk_memory_host host = { 4, 1, choices[i].frames };
		struct vrk_memory_request r[N_MAX];
		size_t lacking;

		CASE(choices[i].name);
		for (size_t k = 0; k < choices[i].n; k++)
			r[k] = request(&choices[i].r[k]);
		EXPECT_INT(vrk_memory_choose(&host, r, choices[i].wish, choices[i].n, &lacking), 0);
		EXPECT_INT(lacking, choices[i].lacking);
		for (size_t k = 0; k < choices[i].n; k++)
			EXPECT_INT(r[k].colors.words[0], choices[i].colors[k]);
	}
}

/* Banks are chosen as colours are. */
static void test_choose_banks(void)
{
	static const uint64_t frames[] = { 5, 9, 7, 5, 9, 7 };
	const struct vrk_memory_host host = { 2, 3, frames }, none = { 0, 1, frames };
	struct vrk_memory_request r = { .bytes = 1, .colors.words[0] = 3 };
	const struct vrk_memory_wish wish = { 0, 2 };
	size_t lacking;

	CASE("banks by number");
	EXPECT_INT(vrk_memory_choose(&host, &r, &wish, 1, &lacking), 0);
	EXPECT_INT(lacking, SIZE_MAX);
	EXPECT_INT(r.banks.words[0], 6);
	CASE("no colours to choose from");
	EXPECT_INT(vrk_memory_choose(&none, &r, &wish, 1, &lacking), -EINVAL);
	CASE("nothing to choose for");
	r.bytes = 0;
	EXPECT_INT(vrk_memory_choose(&host, &r, &wish, 1, &lacking), -EINVAL);
}

static void test_no_such(void)
{
	const struct vrk_memory_host host = { 4, 1, flat };
	const struct vrk_memory_request r = { .bytes = 1, .colors.words[0] = 1, .banks.words[0] = 1 };
	struct vrk_memory_repair fix;

	CASE("more frames of a pair than any host has");
	EXPECT_INT(vrk_memory_repair(&(const struct vrk_memory_host){ 1, 1, (const uint64_t[]){ VRK_FRAMES_MAX + 1 } }, &r, 1, 0, &fix), -ERANGE);
	CASE("no such request");
	EXPECT_INT(vrk_memory_repair(&host, &r, 1, 1, &fix), -EINVAL);
}

/* The largest question there is has an answer, too: every request another set. */
static void test_large(void)
{
	static uint64_t frames[VRK_CELLS_MAX / 8];
	static struct vrk_memory_request r[VRK_REQUESTS_MAX];
	const struct vrk_memory_host host = { 256, 32, frames };
	struct vrk_memory_answer a;

	CASE("256 requests of 8192 pairs");
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i] = 100 + i % 7;
	for (uint32_t i = 0; i < VRK_REQUESTS_MAX; i++) {
		r[i].bytes = F(3000);
		for (uint32_t k = 0; k < 20; k++)
			vrk_colors_add(&r[i].colors, (i * 37 + k * k) % 256);
		r[i].banks.words[0] = 0xffffffff >> (i % 5);
	}
	EXPECT_INT(vrk_memory_fit(&host, r, VRK_REQUESTS_MAX, &a), 0);
	EXPECT_INT(a.rule, VRK_MEMORY_FITS);
	EXPECT_INT(vrk_memory_check(&host, r, VRK_REQUESTS_MAX, &a), 0);
	vrk_memory_answer_done(&a);
}

int main(void)
{
	test_cases();
	test_paper();
	test_forged();
	test_forged_own();
	test_cut_off();
	test_repairs();
	test_choices();
	test_choose_banks();
	test_no_such();
	test_large();
	return expect_result();
}
