/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of one mount: its frames, and the promises that were made of them.
 *
 * What a file may use is promised before it is used, by number only; a frame is given when a page is touched for the first
 * time. Frames that come back while somebody still has them pinned (direct I/O, vhost, a pipe) wait in limbo and are not
 * promised to anybody until they are released: then nobody else can see, or write, what becomes of them. A frame is zeroed
 * when it is taken, unless the allocator has done so.
 *
 * Called by frames.c for files and by super.c for mounts. Never waits for memory of the machine except when it is made or
 * resized, and never gives a frame of another colour.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/highmem.h>
#include <linux/slab.h>

#include "colorfs.h"

#define REAP_PERIOD	(HZ / 10 + 1)	/* between two looks at limbo; the pin of a direct I/O lasts about that long at most */
#define REAP_BATCH	256		/* frames that are looked at under the lock */
#define SHRINK_BATCH	1024		/* frames that leave under the lock */

/* The caller holds the lock and owns the frame, which nobody else refers to. */
static void free_add(struct colorfs_pool *pool, struct page *page, bool zeroed)
{
	set_page_private(page, zeroed);
	if (zeroed)
		list_add(&page->lru, &pool->free);
	else
		list_add_tail(&page->lru, &pool->free);
	pool->n_free++;
}

/* Frames of limbo that were released go back. Those that were not, to the end of the queue. With the lock. */
static void limbo_look(struct colorfs_pool *pool)
{
	struct page *page, *next;
	unsigned int n = 0;
	LIST_HEAD(pinned);

	list_for_each_entry_safe(page, next, &pool->limbo, lru) {
		if (n++ == REAP_BATCH)
			break;
		list_del(&page->lru);
		if (page_count(page) > 1) {
			list_add_tail(&page->lru, &pinned);
			continue;
		}
		pool->n_limbo--;
		free_add(pool, page, false);
	}
	list_splice_tail(&pinned, &pool->limbo);
}

static void pool_reap(struct work_struct *work)
{
	struct colorfs_pool *pool = container_of(to_delayed_work(work), struct colorfs_pool, reap);

	spin_lock(&pool->lock);
	limbo_look(pool);
	if (pool->n_limbo > 0)
		schedule_delayed_work(&pool->reap, REAP_PERIOD);
	spin_unlock(&pool->lock);
}

static int choice_text(const struct colorfs_choice *choice, enum color_kind kind, char **ret)
{
	size_t length = choice->all[kind] ? 0 : color_set_format(&choice->set[kind], NULL, 0);
	char *text = kvmalloc(length + 1, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	text[0] = '\0';
	if (length > 0)
		color_set_format(&choice->set[kind], text, length + 1);
	*ret = text;
	return 0;
}

/* Frames come (+1) or go (-1). Callers exclude each other, so no lock. */
static void colors_count(struct colorfs_pool *pool, const struct list_head *frames, long change)
{
	const struct page *page;
	unsigned int n = 0;

	if (!pool->per_color)
		return;
	list_for_each_entry(page, frames, lru) {
		pool->per_color[color_of(&pool->choice.map, COLOR_CACHE, page_to_pfn(page))] += change;
		if (++n % 4096 == 0)
			cond_resched();
	}
}

static int pool_set_choice(struct colorfs_pool *pool, const struct colorfs_choice *choice)
{
	char *cache, *bank;

	if (choice_text(choice, COLOR_CACHE, &cache) < 0)
		return -ENOMEM;
	if (choice_text(choice, COLOR_BANK, &bank) < 0) {
		kvfree(cache);
		return -ENOMEM;
	}
	/* Who reads /proc/mounts now sees the old texts or the new ones. */
	spin_lock(&pool->lock);
	swap(pool->text[COLOR_CACHE], cache);
	swap(pool->text[COLOR_BANK], bank);
	pool->choice = *choice;
	spin_unlock(&pool->lock);
	kvfree(cache);
	kvfree(bank);
	return 0;
}

/* A pool without a frame: colorfs_pool_resize() fills it. */
struct colorfs_pool *colorfs_pool_new(const struct colorfs_choice *choice)
{
	struct colorfs_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&pool->entry);
	INIT_LIST_HEAD(&pool->free);
	INIT_LIST_HEAD(&pool->limbo);
	INIT_LIST_HEAD(&pool->files);
	spin_lock_init(&pool->lock);
	INIT_DELAYED_WORK(&pool->reap, pool_reap);
	if (color_count(&choice->map, COLOR_CACHE) <= COLOR_SET_MAX)
		pool->per_color = kvcalloc(color_count(&choice->map, COLOR_CACHE), sizeof(*pool->per_color), GFP_KERNEL);
	if (pool_set_choice(pool, choice) < 0) {
		kvfree(pool->per_color);
		kfree(pool);
		return ERR_PTR(-ENOMEM);
	}
	return pool;
}

/* No file has a frame any more. Frames that are pinned go to the machine when they are released. */
void colorfs_pool_free(struct colorfs_pool *pool)
{
	if (!pool)
		return;
	cancel_delayed_work_sync(&pool->reap);
	WARN_ON_ONCE(pool->promised > 0 || pool->n_free + pool->n_limbo != pool->total);
	colorfs_release(&pool->limbo);
	colorfs_release(&pool->free);
	kvfree(pool->text[COLOR_CACHE]);
	kvfree(pool->text[COLOR_BANK]);
	kvfree(pool->per_color);
	kfree(pool);
}

static int pool_grow(struct colorfs_pool *pool, unsigned long want)
{
	LIST_HEAD(frames);
	unsigned long n;
	int r;

	r = colorfs_gather(&pool->choice, want, &frames, &n);
	if (r < 0)
		return r;
	colors_count(pool, &frames, 1);
	spin_lock(&pool->lock);
	list_splice_tail(&frames, &pool->free);
	pool->n_free += n;
	pool->total += n;
	spin_unlock(&pool->lock);
	return 0;
}

/* What is not promised is free: promised to us first, frames then leave in small steps. */
static int pool_shrink(struct colorfs_pool *pool, unsigned long pages)
{
	struct page *page;
	unsigned long n;
	LIST_HEAD(frames);

	if (colorfs_pool_promise(pool, pages) < 0)
		return -EBUSY;
	while (pages > 0) {
		spin_lock(&pool->lock);
		for (n = 0; n < pages && n < SHRINK_BATCH; n++) {
			page = list_first_entry(&pool->free, struct page, lru);
			list_move(&page->lru, &frames);
		}
		pool->n_free -= n;
		pool->total -= n;
		pool->promised -= n;
		spin_unlock(&pool->lock);
		colors_count(pool, &frames, -1);
		colorfs_release(&frames);
		pages -= n;
	}
	return 0;
}

/* To @want frames. -EBUSY: files have been promised more; else what colorfs_gather() says. Callers exclude each other. */
int colorfs_pool_resize(struct colorfs_pool *pool, unsigned long want)
{
	if (want >= pool->total)
		return want == pool->total ? 0 : pool_grow(pool, want == ULONG_MAX ? want : want - pool->total);
	return pool_shrink(pool, pool->total - want);
}

/*
 * Another choice of @want frames. New ones are found before the old ones go, so both are held for a moment. -EBUSY: a file
 * has been promised something; while it is tried, nothing is promised to anybody.
 */
int colorfs_pool_recolor(struct colorfs_pool *pool, const struct colorfs_choice *choice, unsigned long want)
{
	unsigned long claimed, n = 0;
	LIST_HEAD(frames);
	LIST_HEAD(old);
	int r;

	spin_lock(&pool->lock);
	limbo_look(pool);
	claimed = pool->total;
	r = pool->promised > 0 || pool->n_limbo > 0 ? -EBUSY : 0;
	if (r == 0)
		pool->promised = claimed;
	spin_unlock(&pool->lock);
	if (r < 0)
		return r;

	r = colorfs_gather(choice, want, &frames, &n);
	if (r == 0)
		r = pool_set_choice(pool, choice);
	if (r == 0)
		colors_count(pool, &frames, 1);
	spin_lock(&pool->lock);
	if (r == 0) {
		list_splice_init(&pool->free, &old);
		list_splice_init(&frames, &pool->free);
		pool->total = pool->n_free = n;
	}
	pool->promised -= claimed;
	spin_unlock(&pool->lock);
	colors_count(pool, &old, -1);
	colorfs_release(&old);
	colorfs_release(&frames);
	return r;
}

/* -ENOSPC: the pool has not got that many to promise. */
int colorfs_pool_promise(struct colorfs_pool *pool, unsigned long pages)
{
	bool enough;

	spin_lock(&pool->lock);
	if (pool->total - pool->promised - pool->n_limbo < pages)
		limbo_look(pool);
	enough = pool->total - pool->promised - pool->n_limbo >= pages;
	if (enough)
		pool->promised += pages;
	else
		pool->exhausted++;
	spin_unlock(&pool->lock);
	if (!enough)
		colorfs_netlink_exhausted(pool, pages);
	return enough ? 0 : -ENOSPC;
}

void colorfs_pool_unpromise(struct colorfs_pool *pool, unsigned long pages)
{
	spin_lock(&pool->lock);
	pool->promised -= pages;
	spin_unlock(&pool->lock);
}

/* A zeroed frame with one reference, for a page that was promised: NULL would be a mistake in here. */
struct page *colorfs_pool_take(struct colorfs_pool *pool)
{
	struct page *page;

	spin_lock(&pool->lock);
	page = list_first_entry_or_null(&pool->free, struct page, lru);
	if (page) {
		list_del(&page->lru);
		pool->n_free--;
	}
	spin_unlock(&pool->lock);
	if (WARN_ON_ONCE(!page))
		return NULL;
	if (!page_private(page))
		clear_highpage(page);
	set_page_private(page, 0);
	return page;
}

/* Back, zeroed as it is: somebody else was faster. */
void colorfs_pool_give_unused(struct colorfs_pool *pool, struct page *page)
{
	spin_lock(&pool->lock);
	free_add(pool, page, true);
	spin_unlock(&pool->lock);
}

/* Left by those who had it mapped; they mean nothing here, and the next owner shall not inherit them. */
static void frame_forget(struct page *page)
{
	folio_clear_dirty(page_folio(page));
	folio_clear_referenced(page_folio(page));
}

/* Back from a file for good: it is promised to nobody any more. No page table refers to it, but it may be pinned. */
void colorfs_pool_give(struct colorfs_pool *pool, struct page *page)
{
	frame_forget(page);
	spin_lock(&pool->lock);
	pool->promised--;
	if (page_count(page) == 1) {
		free_add(pool, page, false);
	} else {
		list_add_tail(&page->lru, &pool->limbo);
		if (pool->n_limbo++ == 0)
			schedule_delayed_work(&pool->reap, REAP_PERIOD);
	}
	spin_unlock(&pool->lock);
}

/* Back from a page that stays promised. False, and nothing is changed: it is pinned. */
bool colorfs_pool_give_kept(struct colorfs_pool *pool, struct page *page)
{
	bool ours;

	spin_lock(&pool->lock);
	ours = page_count(page) == 1;
	if (ours) {
		frame_forget(page);
		free_add(pool, page, false);
	}
	spin_unlock(&pool->lock);
	return ours;
}

void colorfs_pool_usage(struct colorfs_pool *pool, struct colorfs_usage *ret)
{
	spin_lock(&pool->lock);
	*ret = (struct colorfs_usage){
		.total = pool->total,
		.free = pool->n_free,
		.available = pool->total - pool->promised - pool->n_limbo,
		.limbo = pool->n_limbo,
		.promised = pool->promised,
		.exhausted = pool->exhausted,
		.inodes = pool->n_inodes,
	};
	spin_unlock(&pool->lock);
}
