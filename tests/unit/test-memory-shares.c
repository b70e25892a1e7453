/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory whose addresses choose among its colours: each share has room or not. Many small hosts against the library's flow over all shares
 * at once; and hosts on which there are more shares than the library takes.
 */
#include "expect.h"
#include "memory-shares.h"

#define SMALL	"virtrk-profile 1 cache=12,13 bank=14,15\n"
#define LARGE	"virtrk-profile 1 cache=12,13,14,15,16,17 bank=18,19,20\n"		/* 64 colours, 8 banks */
#define COLORS	"virtrk-profile 1 cache=12,13,14,15,16,17,18,19,20 bank=21\n"	/* 512 colours, 2 banks */
#define POOLS	5

static uint64_t state = 1;

static uint64_t draw(uint64_t lo, uint64_t hi)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return lo + (z ^ (z >> 31)) % (hi - lo + 1);
}

static void set_make(struct color_set *set, uint32_t limit, uint64_t bits)
{
	*set = (struct color_set){ .limit = limit };
	for (uint32_t i = 0; i < limit; i++)
		if (bits >> i & 1) {
			set->word[i / 64] |= UINT64_C(1) << (i % 64);
			set->count++;
		}
}

/* From first to before end. */
static void set_range(struct color_set *set, uint32_t limit, uint32_t first, uint32_t end)
{
	*set = (struct color_set){ .limit = limit };
	for (uint32_t i = first; i < end; i++, set->count++)
		set->word[i / 64] |= UINT64_C(1) << (i % 64);
}

/* ---- small ones, against everything at once ---- */

static struct memory_pool pool_draw(uint64_t most)
{
	struct memory_pool pool = { .all_colors = draw(0, 3) == 0, .all_banks = draw(0, 1) == 0, .preserve = draw(0, 1) == 0 };

	set_make(&pool.colors, 4, draw(1, 15));
	set_make(&pool.banks, 4, draw(1, 15));
	pool.bytes = draw(1, most) * VRK_FRAME_BYTES;
	return pool;
}

static void shares_add(const struct memory_host *host, const struct memory_pool *pool, struct vrk_memory_request *r, size_t *n)
{
	struct vrk_memory_request whole;
	struct color_layout layout;
	uint32_t classes;

	memory_request(host, pool, &whole);
	if (!pool->preserve || memory_layout(host, pool, &layout) != COLOR_OK) {
		r[(*n)++] = whole;
		return;
	}
	classes = color_layout_classes(&layout);
	for (uint32_t c = 0; c < 4; c++)
		for (uint32_t b = 0; b < (pool->all_banks ? 1 : 4); b++) {
			struct vrk_memory_request *one = &r[*n];

			if (!vrk_colors_have(&whole.colors, c) || (!pool->all_banks && !vrk_colors_have(&whole.banks, b)))
				continue;
			*one = (struct vrk_memory_request){ .bytes = (pool->bytes + classes - 1) / classes, .banks = whole.banks };
			vrk_colors_add(&one->colors, c);
			if (!pool->all_banks) {
				one->banks = (struct vrk_colors){ { 0 } };
				vrk_colors_add(&one->banks, b);
			}
			++*n;
		}
}

static void test_small(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	const struct memory_range none = { 0, 0 };
	unsigned int yes = 0, no = 0;

	CASE("as the flow over all shares says");
	EXPECT_INT(memory_host_make(SMALL, &none, 1, &host, NULL), 0);
	for (int round = 0; round < 20000 && expect_failed == 0; round++) {
		_cleanup_(vrk_memory_answer_done) struct vrk_memory_answer answer = { 0 };
		const struct vrk_memory_host frames = { host.colors, host.banks, host.frames };
		struct vrk_memory_request r[POOLS * 16] = { 0 };
		struct memory_pool pools[POOLS];
		uint64_t most = draw(1, 12);
		size_t n = draw(1, POOLS), count = 0;
		int err;

		for (size_t i = 0; i < 16; i++)
			host.frames[i] = draw(0, 9) < 2 ? 0 : draw(1, most);
		for (size_t i = 0; i < n; i++)
			pools[i] = pool_draw(1 + most * 12 / n);
		pools[0].preserve = true;
		for (size_t i = 0; i < n; i++)
			shares_add(&host, &pools[i], r, &count);
		EXPECT_INT(vrk_memory_fit(&frames, r, count, &answer), 0);
		err = memory_shares_fit(&host, &pools[1], n - 1, &pools[0], NULL);
		if (!EXPECT_INT(err, answer.rule == VRK_MEMORY_FITS ? 0 : -EDQUOT))
			fprintf(stderr, "    round %d\n", round);
		yes += err == 0;
		no += err != 0;
	}
	EXPECT(yes > 2000 && no > 2000);
}

/* ---- more shares than requests ---- */

static void shares(const struct memory_host *host, const struct memory_pool *pools, size_t n, int want_r, const char *words)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	EXPECT_INT(memory_shares_fit(host, pools, n, &pools[n], &err), want_r);
	if (want_r < 0 && EXPECT(err && err->text) && !EXPECT(strstr(err->text, words) != NULL))
		fprintf(stderr, "    %s\n", err->text);
}

static void fill(struct memory_host *host, uint64_t frames)
{
	for (size_t i = 0; i < (size_t)host->colors * host->banks; i++)
		host->frames[i] = frames;
}

static void test_large(void)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 }, wide = { 0 };
	const struct memory_range none = { 0, 0 };
	struct memory_pool pools[3] = { { .all_colors = true, .preserve = true, .bytes = 2 * 256 * VRK_FRAME_BYTES },
					{ .all_colors = true, .preserve = true, .bytes = 8 * 256 * VRK_FRAME_BYTES } };

	EXPECT_INT(memory_host_make(LARGE, &none, 1, &host, NULL), 0);
	EXPECT_INT(host.colors, 64);
	EXPECT_INT(host.banks, 8);
	fill(&host, 10);
	set_range(&pools[0].banks, 8, 0, 4);
	set_range(&pools[1].banks, 8, 0, 4);
	CASE("two times 256 shares, to the last frame");
	shares(&host, pools, 1, 0, NULL);
	CASE("one pair has a frame less");
	host.frames[41 * 8 + 3] = 9;
	shares(&host, pools, 1, -EDQUOT, "of some 40KiB are wanted, with what others have, and 36KiB are there");
	CASE("and any bank does for one of them: those that nobody names");
	pools[0].all_banks = true;
	pools[0].bytes = 42 * 64 * VRK_FRAME_BYTES;
	shares(&host, pools, 1, 0, NULL);
	CASE("nearly the whole host");
	pools[0].bytes = 48 * 64 * VRK_FRAME_BYTES;	/* 39 + 40 of colour 41, 80 of the others, less the 32 of the second */
	shares(&host, pools, 1, -EDQUOT, "of some 320KiB are wanted, with what others have, and 316KiB are there");

	EXPECT_INT(memory_host_make(COLORS, &none, 1, &wide, NULL), 0);
	EXPECT_INT(wide.colors, 512);
	fill(&wide, 4);
	pools[0] = (struct memory_pool){ .all_colors = true, .all_banks = true, .bytes = 512 * 6 * VRK_FRAME_BYTES };
	pools[1] = (struct memory_pool){ .all_colors = true, .all_banks = true, .preserve = true, .bytes = 512 * 2 * VRK_FRAME_BYTES };
	CASE("512 shares, and one who has whatever is left");
	shares(&wide, pools, 1, 0, NULL);
	CASE("a page too much for him");
	pools[0].bytes += VRK_FRAME_BYTES;
	shares(&wide, pools, 1, -EDQUOT, "of some 16388KiB are wanted, with what others have, and 16MiB are there");
	CASE("a colour that has less than its share");
	pools[0].bytes = VRK_FRAME_BYTES;
	wide.frames[2 * 500] = 1;
	wide.frames[2 * 500 + 1] = 0;
	shares(&wide, pools, 1, -EDQUOT, "of some 8KiB are wanted, with what others have, and 4KiB are there");

	CASE("others that have named different banks of them all: refused in a line");
	fill(&wide, 4);
	pools[2] = pools[1];
	pools[0] = (struct memory_pool){ .all_colors = true, .bytes = VRK_FRAME_BYTES };
	pools[1] = pools[0];
	set_range(&pools[0].banks, 2, 0, 1);
	set_range(&pools[1].banks, 2, 1, 2);
	shares(&wide, pools, 2, -EDQUOT, "too many of its colours have banks for which others compete");
	CASE("of 128 of them: judged");
	pools[2].all_colors = false;
	set_range(&pools[2].colors, 512, 0, 128);
	pools[2].bytes = 128 * 8 * VRK_FRAME_BYTES;
	pools[0].bytes = pools[1].bytes = 384 * 4 * VRK_FRAME_BYTES;
	shares(&wide, pools, 2, 0, NULL);
	pools[1].bytes += VRK_FRAME_BYTES;
	shares(&wide, pools, 2, -EDQUOT, "of some ");
}

int main(void)
{
	test_small();
	test_large();
	return expect_result();
}
