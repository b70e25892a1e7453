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
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "colorfs.h"

#define REAP_PERIOD	(HZ / 10 + 1)	/* between two looks at limbo; the pin of a direct I/O lasts about that long at most */
#define REAP_BATCH	256		/* frames that are looked at under the lock */
#define SHRINK_BATCH	1024UL		/* frames that leave under the lock */

static struct colorfs_class *class_of_index(const struct colorfs_pool *pool, unsigned long index)
{
	return &pool->class[index & (pool->n_classes - 1)];
}

static struct colorfs_class *class_of_page(const struct colorfs_pool *pool, const struct page *page)
{
	return &pool->class[colorfs_choice_class(&pool->choice, page_to_pfn(page))];
}

/* The file that it was in, and what was left by those who had it mapped: the next owner shall not inherit them. */
static void frame_forget(struct page *page)
{
	page_folio(page)->mapping = NULL;
	folio_clear_dirty(page_folio(page));
	folio_clear_referenced(page_folio(page));
}

/* The caller holds the lock and owns the frame, which nobody else refers to. */
static void free_add(struct colorfs_class *class, struct page *page, bool zeroed)
{
	set_page_private(page, zeroed);
	if (zeroed)
		list_add(&page->lru, &class->free);
	else
		list_add_tail(&page->lru, &class->free);
	class->n_free++;
}

/* Frames of limbo that were released go back. Those that were not, to the end of the queue. With the lock. */
static void limbo_look(struct colorfs_pool *pool)
{
	struct colorfs_class *class;
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
		class = class_of_page(pool, page);
		class->n_limbo--;
		pool->n_limbo--;
		frame_forget(page);	/* who had it pinned may have marked it */
		free_add(class, page, false);
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

/* --- classes ------------------------------------------------------------------------------------------------------- */

static u32 classes_count(const struct colorfs_choice *choice)
{
	return choice->preserve ? color_layout_classes(&choice->layout) : 1;
}

/* Of a choice, with @frames in them. */
static struct colorfs_class *classes_new(const struct colorfs_choice *choice, struct list_head *frames)
{
	u32 n = classes_count(choice), i;
	struct colorfs_class *classes = kvcalloc(n, sizeof(*classes), GFP_KERNEL);
	struct page *page, *next;
	unsigned int steps = 0;

	if (!classes)
		return NULL;
	for (i = 0; i < n; i++)
		INIT_LIST_HEAD(&classes[i].free);
	list_for_each_entry_safe(page, next, frames, lru) {
		struct colorfs_class *class = &classes[colorfs_choice_class(choice, page_to_pfn(page))];

		list_move_tail(&page->lru, &class->free);
		class->n_free++;
		class->total++;
		if (++steps % 4096 == 0)
			cond_resched();
	}
	return classes;
}

/* All that is free in them, onto @frames. */
static void classes_empty(struct colorfs_class *classes, u32 n, struct list_head *frames)
{
	u32 i;

	for (i = 0; i < n; i++)
		list_splice_tail_init(&classes[i].free, frames);
}

/* --- the pool ------------------------------------------------------------------------------------------------------ */

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
	u64 colors = color_count(&choice->map, COLOR_CACHE);
	LIST_HEAD(none);

	if (!pool)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&pool->entry);
	INIT_LIST_HEAD(&pool->limbo);
	INIT_LIST_HEAD(&pool->files);
	spin_lock_init(&pool->lock);
	INIT_DELAYED_WORK(&pool->reap, pool_reap);
	if (colors <= COLOR_SET_MAX) {
		pool->per_color = kvcalloc(colors, sizeof(*pool->per_color), GFP_KERNEL);
		if (!pool->per_color)	/* NULL says that there are too many: it would be told of none */
			goto fail;
	}
	pool->class = classes_new(choice, &none);
	pool->n_classes = classes_count(choice);
	if (pool->class && pool_set_choice(pool, choice) == 0)
		return pool;
fail:
	kvfree(pool->class);
	kvfree(pool->per_color);
	kfree(pool);
	return ERR_PTR(-ENOMEM);
}

/* No file has a frame any more. Frames that are pinned go to the machine when they are released. */
void colorfs_pool_free(struct colorfs_pool *pool)
{
	struct colorfs_usage usage;
	LIST_HEAD(frames);

	if (!pool)
		return;
	cancel_delayed_work_sync(&pool->reap);
	colorfs_pool_usage(pool, &usage);
	WARN_ON_ONCE(usage.promised > 0 || usage.free + usage.limbo != usage.total);
	colorfs_release(&pool->limbo);
	classes_empty(pool->class, pool->n_classes, &frames);
	colorfs_release(&frames);
	kvfree(pool->class);
	kvfree(pool->text[COLOR_CACHE]);
	kvfree(pool->text[COLOR_BANK]);
	kvfree(pool->per_color);
	kfree(pool);
}

static int pool_grow(struct colorfs_pool *pool, unsigned long want)
{
	struct colorfs_class *more;
	LIST_HEAD(frames);
	unsigned long n;
	u32 i;
	int r;

	r = colorfs_gather(&pool->choice, want, &frames, &n);
	if (r < 0)
		return r;
	colors_count(pool, &frames, 1);
	more = classes_new(&pool->choice, &frames);
	if (!more) {
		colors_count(pool, &frames, -1);
		colorfs_release(&frames);
		return -ENOMEM;
	}
	spin_lock(&pool->lock);
	for (i = 0; i < pool->n_classes; i++) {
		list_splice_tail(&more[i].free, &pool->class[i].free);
		pool->class[i].n_free += more[i].n_free;
		pool->class[i].total += more[i].total;
	}
	pool->total += n;
	spin_unlock(&pool->lock);
	kvfree(more);
	return 0;
}

/* Up to SHRINK_BATCH frames that were promised to us, as many of each class, onto @frames. With the lock. */
static unsigned long shrink_step(struct colorfs_pool *pool, unsigned long pages, struct list_head *frames)
{
	unsigned long n = min(pages, max(SHRINK_BATCH, (unsigned long)pool->n_classes)), i;
	struct colorfs_class *class;

	n -= n % pool->n_classes;
	for (i = 0; i < n; i++) {
		class = class_of_index(pool, i);
		list_move(class->free.next, frames);
		class->n_free--;
		class->total--;
		class->promised--;
	}
	pool->total -= n;
	return n;
}

/* What is not promised is free: promised to us first, frames then leave in small steps. @pages: as many of each class. */
static int pool_shrink(struct colorfs_pool *pool, unsigned long pages)
{
	unsigned long n;
	LIST_HEAD(frames);

	if (colorfs_pool_promise(pool, 0, pages) < 0)
		return -EBUSY;
	while (pages > 0) {
		spin_lock(&pool->lock);
		n = shrink_step(pool, pages, &frames);
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

/* Everything that is free is promised to us, where nothing is promised to anybody and nothing in limbo: -EBUSY. */
static int pool_claim(struct colorfs_pool *pool)
{
	int r = 0;
	u32 i;

	spin_lock(&pool->lock);
	limbo_look(pool);
	for (i = 0; i < pool->n_classes; i++) {
		if (pool->class[i].promised > 0 || pool->class[i].n_limbo > 0)
			r = -EBUSY;
	}
	for (i = 0; r == 0 && i < pool->n_classes; i++)
		pool->class[i].promised = pool->class[i].total;
	spin_unlock(&pool->lock);
	return r;
}

static void pool_unclaim(struct colorfs_pool *pool)
{
	u32 i;

	spin_lock(&pool->lock);
	for (i = 0; i < pool->n_classes; i++)
		pool->class[i].promised -= pool->class[i].total;
	spin_unlock(&pool->lock);
}

/*
 * Another choice of @want frames. New ones are found before the old ones go, so both are held for a moment. -EBUSY: a file
 * has been promised something; while it is tried, nothing is promised to anybody.
 */
int colorfs_pool_recolor(struct colorfs_pool *pool, const struct colorfs_choice *choice, unsigned long want)
{
	struct colorfs_class *class = NULL;
	unsigned long n = 0;
	LIST_HEAD(frames);
	u32 n_classes, i;
	int r;

	r = pool_claim(pool);
	if (r < 0)
		return r;
	r = colorfs_gather(choice, want, &frames, &n);
	if (r == 0) {
		class = classes_new(choice, &frames);
		r = class ? pool_set_choice(pool, choice) : -ENOMEM;
	}
	if (r < 0) {
		pool_unclaim(pool);
		if (class)
			classes_empty(class, classes_count(choice), &frames);
		kvfree(class);
		colorfs_release(&frames);
		return r;
	}
	n_classes = classes_count(choice);
	for (i = 0; i < n_classes; i++)
		colors_count(pool, &class[i].free, 1);
	spin_lock(&pool->lock);
	swap(pool->class, class);
	swap(pool->n_classes, n_classes);
	pool->total = n;
	spin_unlock(&pool->lock);
	classes_empty(class, n_classes, &frames);
	kvfree(class);
	colors_count(pool, &frames, -1);
	colorfs_release(&frames);
	return 0;
}

/* Pages from @first to before @end that are of the i-th class met there: of @n classes. */
static unsigned long pages_of_class(unsigned long first, unsigned long end, u32 i, u32 n)
{
	return (end - first - i + n - 1) / n;
}

static bool pages_available(const struct colorfs_pool *pool, unsigned long first, unsigned long end)
{
	const struct colorfs_class *class;
	u32 i;

	for (i = 0; i < pool->n_classes && i < end - first; i++) {
		class = class_of_index(pool, first + i);
		if (class->total - class->promised - class->n_limbo < pages_of_class(first, end, i, pool->n_classes))
			return false;
	}
	return true;
}

/* Pages @first to before @end of a file. -ENOSPC: the pool has not got that many to promise. */
int colorfs_pool_promise(struct colorfs_pool *pool, unsigned long first, unsigned long end)
{
	bool enough;
	u32 i;

	spin_lock(&pool->lock);
	enough = pages_available(pool, first, end);
	if (!enough) {
		limbo_look(pool);
		enough = pages_available(pool, first, end);
	}
	for (i = 0; enough && i < pool->n_classes && i < end - first; i++)
		class_of_index(pool, first + i)->promised += pages_of_class(first, end, i, pool->n_classes);
	if (!enough)
		pool->exhausted++;
	spin_unlock(&pool->lock);
	if (!enough)
		colorfs_netlink_exhausted(pool, end - first);
	return enough ? 0 : -ENOSPC;
}

void colorfs_pool_unpromise(struct colorfs_pool *pool, unsigned long first, unsigned long end)
{
	u32 i;

	if (first == end)
		return;
	spin_lock(&pool->lock);
	for (i = 0; i < pool->n_classes && i < end - first; i++)
		class_of_index(pool, first + i)->promised -= pages_of_class(first, end, i, pool->n_classes);
	spin_unlock(&pool->lock);
}

/* A zeroed frame with one reference, for a page that was promised: NULL would be a mistake in here. */
struct page *colorfs_pool_take(struct colorfs_pool *pool, unsigned long index)
{
	struct colorfs_class *class;
	struct page *page;

	spin_lock(&pool->lock);
	class = class_of_index(pool, index);
	page = list_first_entry_or_null(&class->free, struct page, lru);
	if (page) {
		list_del(&page->lru);
		class->n_free--;
	}
	spin_unlock(&pool->lock);
	if (WARN_ON_ONCE(!page))
		return NULL;
	if (!page_private(page))
		clear_highpage(page);
	set_page_private(page, 0);
	return page;
}

/* Back, zeroed as it is: somebody else was faster, and nobody has seen it. */
void colorfs_pool_give_unused(struct colorfs_pool *pool, struct page *page)
{
	frame_forget(page);
	spin_lock(&pool->lock);
	free_add(class_of_page(pool, page), page, true);
	spin_unlock(&pool->lock);
}

/*
 * Back from a file for good: it is promised to nobody any more. No page table refers to it, but it may be pinned. Who marks a
 * pinned page dirty holds its lock and looks at the mapping, so that must not go, and the inode with it, meanwhile.
 */
void colorfs_pool_give(struct colorfs_pool *pool, struct page *page)
{
	struct colorfs_class *class;

	lock_page(page);
	frame_forget(page);
	unlock_page(page);
	spin_lock(&pool->lock);
	class = class_of_page(pool, page);
	class->promised--;
	if (page_count(page) == 1) {
		free_add(class, page, false);
	} else {
		list_add_tail(&page->lru, &pool->limbo);
		class->n_limbo++;
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
		free_add(class_of_page(pool, page), page, false);
	}
	spin_unlock(&pool->lock);
	return ours;
}

/* What is available is what one more file could have: as much as the scarcest class allows, of all. */
void colorfs_pool_usage(struct colorfs_pool *pool, struct colorfs_usage *ret)
{
	const struct colorfs_class *class;
	unsigned long least = ULONG_MAX;
	u32 i;

	memset(ret, 0, sizeof(*ret));
	spin_lock(&pool->lock);
	for (i = 0; i < pool->n_classes; i++) {
		class = &pool->class[i];
		ret->free += class->n_free;
		ret->promised += class->promised;
		least = min(least, class->total - class->promised - class->n_limbo);
	}
	ret->total = pool->total;
	ret->available = least * pool->n_classes;
	ret->limbo = pool->n_limbo;
	ret->exhausted = pool->exhausted;
	ret->inodes = pool->n_inodes;
	spin_unlock(&pool->lock);
}
