/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of chosen colours and banks, out of the buddy allocator and back to it.
 *
 * The allocator cannot be asked for a colour. So it is asked for blocks, largest first; a block is split, its wanted
 * frames are kept and the others go back at once: they cannot come again as part of a block of that size, since a frame
 * of each such block is kept. A block that has no wanted frame would come again and again, so it is held until the
 * search is over. First only what is free is asked for; when that is not enough, memory is reclaimed for blocks of a size
 * for which that is cheap.
 *
 * The search never takes the machine's last memory (a floor stays free), rests between blocks, and ends at a fatal
 * signal. On failure everything is given back. Called when a file system is mounted or resized, in process context;
 * knows nothing about pools.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "colorfs.h"

#define ORDER_RECLAIM	3	/* PAGE_ALLOC_COSTLY_ORDER: for larger blocks the allocator would compact memory */

static unsigned long floor_mib;
module_param(floor_mib, ulong, 0644);
MODULE_PARM_DESC(floor_mib, "memory in MiB that a mount leaves to the machine (default 0: a 32nd of it, 16 to 1024)");

struct gather {
	const struct colorfs_choice *choice;
	unsigned long want;
	unsigned long got;
	unsigned long each;		/* of each class, where there are several */
	unsigned long *got_of;		/* [class]; NULL: there is one */
	unsigned long floor;		/* pages */
	struct list_head frames;
	struct list_head held;		/* blocks; page->private is the order */
	unsigned int steps;
};

bool colorfs_choice_wants(const struct colorfs_choice *choice, unsigned long pfn)
{
	u32 kind;

	for (kind = 0; kind < COLOR_KINDS; kind++) {
		if (!choice->all[kind] &&
		    !color_set_has(&choice->set[kind], color_of(&choice->map, kind, pfn)))
			return false;
	}
	return true;
}

u32 colorfs_choice_class(const struct colorfs_choice *choice, unsigned long pfn)
{
	return choice->preserve ? color_layout_class(&choice->layout, &choice->map, choice->set, pfn) : 0;
}

/* Frames of one node with one colour (or any) and a chosen bank. */
static u64 capacity_of_color(const struct colorfs_choice *choice, u64 color, u64 first, u64 end)
{
	u64 sum = 0, bank;

	if (choice->all[COLOR_BANK])
		return color_frames(&choice->map, color, COLOR_ANY, first, end);
	for (bank = 0; bank < choice->set[COLOR_BANK].limit; bank++) {
		if (color_set_has(&choice->set[COLOR_BANK], bank))
			sum += color_frames(&choice->map, color, bank, first, end);
		cond_resched();
	}
	return sum;
}

/* Of one colour (or COLOR_ANY), on the chosen node, with a chosen bank. */
u64 colorfs_color_capacity(const struct colorfs_choice *choice, u64 color)
{
	u64 sum = 0;
	int node;

	for_each_online_node(node) {
		if (choice->node == NUMA_NO_NODE || choice->node == node)
			sum += capacity_of_color(choice, color, node_start_pfn(node), node_end_pfn(node));
	}
	return sum;
}

/*
 * How many such frames the machine's addresses have, used or free: more can never be had. Holes between banks of memory
 * are counted as memory. Up to 16 million pairs could have been chosen; where that would take long only colours count.
 */
u64 colorfs_choice_capacity(const struct colorfs_choice *choice)
{
	struct colorfs_choice *rough = NULL;
	u64 sum = 0, color;

	if (!choice->all[COLOR_CACHE] && !choice->all[COLOR_BANK] &&
	    (u64)choice->set[COLOR_CACHE].count * choice->set[COLOR_BANK].count > 65536) {
		rough = kmemdup(choice, sizeof(*choice), GFP_KERNEL);
		if (!rough)
			return U64_MAX;
		rough->all[COLOR_BANK] = true;
		choice = rough;
	}
	if (choice->all[COLOR_CACHE])
		sum = colorfs_color_capacity(choice, COLOR_ANY);
	for (color = 0; !choice->all[COLOR_CACHE] && color < choice->set[COLOR_CACHE].limit; color++) {
		if (color_set_has(&choice->set[COLOR_CACHE], color))
			sum += colorfs_color_capacity(choice, color);
	}
	kfree(rough);
	return sum;
}

static unsigned long floor_pages(void)
{
	unsigned long mib = READ_ONCE(floor_mib);

	if (mib == 0)
		mib = clamp(totalram_pages() >> (20 - PAGE_SHIFT + 5), 16UL, 1024UL);
	return min(mib, totalram_pages() >> (20 - PAGE_SHIFT)) << (20 - PAGE_SHIFT);
}

void colorfs_release(struct list_head *frames)
{
	struct page *page, *next;
	unsigned int n = 0;

	list_for_each_entry_safe(page, next, frames, lru) {
		list_del(&page->lru);
		set_page_private(page, 0);
		WARN_ON_ONCE(page_folio(page)->mapping);	/* its next owner would take it for a file's */
		__free_page(page);
		if (++n % 1024 == 0)
			cond_resched();
	}
}

static void held_release(struct gather *g)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &g->held, lru) {
		unsigned int order = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
		cond_resched();
	}
}

/* A frame of the choice, of a class of which there are not enough yet. */
static bool gather_wants(const struct gather *g, unsigned long pfn)
{
	if (!colorfs_choice_wants(g->choice, pfn))
		return false;
	return !g->got_of || g->got_of[colorfs_choice_class(g->choice, pfn)] < g->each;
}

static bool block_has_wanted(const struct gather *g, unsigned long pfn, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < 1UL << order; i++) {
		if (gather_wants(g, pfn + i))
			return true;
	}
	return false;
}

static void block_sort(struct gather *g, struct page *block, unsigned int order, bool zeroed)
{
	unsigned long pfn = page_to_pfn(block), i;
	struct page *page;

	if (!block_has_wanted(g, pfn, order)) {
		set_page_private(block, order);
		list_add(&block->lru, &g->held);
		return;
	}
	split_page(block, order);
	for (i = 0; i < 1UL << order; i++) {
		page = block + i;
		if (g->got == g->want || !gather_wants(g, pfn + i)) {
			__free_page(page);
			continue;
		}
		/* A pipe of kernels before 6.5 takes only pages that say so; the allocator forgets it when it is freed. */
		SetPageUptodate(page);
		set_page_private(page, zeroed);
		list_add_tail(&page->lru, &g->frames);
		g->got++;
		if (g->got_of)
			g->got_of[colorfs_choice_class(g->choice, pfn + i)]++;
	}
}

/* Whether the search may go on: -EINTR, -ENOMEM at the floor. */
static int gather_step(struct gather *g, unsigned int order)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	/* Counting what is available costs as much as some frames do. */
	if (order < 5 && g->steps++ % 64 != 0)
		return 0;
	return si_mem_available() > (long)g->floor ? 0 : -ENOMEM;
}

/* All blocks of one size that are to be had, or as many as are needed. */
static int gather_order(struct gather *g, unsigned int order, gfp_t gfp)
{
	struct page *block;
	int r;

	while (g->got < g->want) {
		r = gather_step(g, order);
		if (r < 0)
			return r;
		if (g->choice->node == NUMA_NO_NODE)
			block = alloc_pages(gfp, order);
		else
			block = alloc_pages_node(g->choice->node, gfp | __GFP_THISNODE, order);
		if (!block)
			return 0;
		block_sort(g, block, order, want_init_on_alloc(gfp));
	}
	return 0;
}

/* Blocks in which all that is wanted could be: larger ones would be broken for nothing. */
static int order_first(const struct gather *g)
{
	unsigned int order = min(ilog2(g->want) + 1, COMPAT_ORDER_MAX), kind;

	for (kind = 0; kind < COLOR_KINDS; kind++) {
		if (!g->choice->all[kind])
			order += ilog2(g->choice->set[kind].limit / g->choice->set[kind].count) + 1;
	}
	return min_t(unsigned int, order, COMPAT_ORDER_MAX);
}

static int gather_all(struct gather *g)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY;
	int order, r;

	for (order = order_first(g); order >= 0 && g->got < g->want; order--) {
		r = gather_order(g, order, gfp & ~__GFP_RECLAIM);
		if (r < 0)
			return r;
	}
	/* An exclusive pool takes what is free, not what others use. */
	for (order = ORDER_RECLAIM; order >= 0 && g->got < g->want && g->want != ULONG_MAX; order--) {
		r = gather_order(g, order, gfp);
		if (r < 0)
			return r;
	}
	return g->got < g->want ? -ENOSPC : 0;
}

/*
 * @want frames as a list by page->lru, each with one reference and page->private telling whether it is zeroed. With @want
 * == ULONG_MAX all that are free, down to the floor: then it is no failure to stop there. With a layout, whose classes @want is a
 * multiple of, as many of each class.
 * -ENOMEM: less than the floor would be left; -ENOSPC: the colours have no more free frames; -EINTR.
 */
int colorfs_gather(const struct colorfs_choice *choice, unsigned long want, struct list_head *ret, unsigned long *ret_n)
{
	struct gather g = { .choice = choice, .want = want, .floor = floor_pages() };
	int r;

	INIT_LIST_HEAD(&g.frames);
	INIT_LIST_HEAD(&g.held);
	if (choice->preserve) {
		g.each = want / color_layout_classes(&choice->layout);
		g.got_of = kvcalloc(color_layout_classes(&choice->layout), sizeof(*g.got_of), GFP_KERNEL);
		if (!g.got_of)
			return -ENOMEM;
	}
	r = gather_all(&g);
	held_release(&g);
	kvfree(g.got_of);
	if (r < 0 && (want != ULONG_MAX || r == -EINTR)) {
		colorfs_release(&g.frames);
		return r;
	}
	list_splice_tail(&g.frames, ret);
	*ret_n = g.got;
	return 0;
}
