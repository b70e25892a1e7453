/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames of a file: an array by page index, as long as the file.
 *
 * A flat array and no tree: the whole file is promised anyway, so 8 bytes for each page are 0.2 % of what they describe, a
 * page fault needs no memory of the machine, and adding a frame is one compare-and-swap. The page cache is not used:
 * its pages would be charged, written back and migrated, and released when somebody else is done with them. A frame still
 * bears its file's mapping and index while it is in the file, as pages of the page cache do: futexes that processes share
 * are known by these. They are set before anybody can find the frame, and forgotten (pool.c) when it leaves.
 *
 * The invalidate_lock of the mapping is held shared while frames are looked up and added, exclusive while the array
 * is resized or frames leave. Frames leave only when no page table refers to them any more. Called by file.c and inode.c.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "colorfs.h"

/* The array holds @pages at least. Appending in small steps doubles it. With the lock, exclusive. */
static int array_grow(struct colorfs_inode *info, unsigned long pages, unsigned long old_pages)
{
	unsigned long capacity = pages;
	struct page **frame;

	if (pages <= info->capacity)
		return 0;
	if (old_pages > 0)
		capacity = clamp(info->capacity * 2, pages, COLORFS_PAGES_MAX);
	frame = kvcalloc(capacity, sizeof(*frame), GFP_KERNEL);
	if (!frame)
		return -ENOMEM;
	if (info->frame)
		memcpy(frame, info->frame, info->capacity * sizeof(*frame));
	kvfree(info->frame);
	info->frame = frame;
	info->capacity = capacity;
	return 0;
}

/* Pages from @start to before @end leave the file; those that have no frame were promised one. */
static void frames_drop(struct inode *inode, unsigned long start, unsigned long end)
{
	struct colorfs_pool *pool = colorfs_pool(inode->i_sb);
	struct colorfs_inode *info = colorfs_inode(inode);
	unsigned long i, hole = start;	/* where the present run of holes began */
	struct page *page;

	for (i = start; i < end; i++) {
		page = info->frame[i];
		if (page) {
			colorfs_pool_unpromise(pool, hole, i);
			hole = i + 1;
			info->frame[i] = NULL;
			atomic_long_dec(&info->present);
			colorfs_pool_give(pool, page);
		}
		if (i % 1024 == 0)
			cond_resched();
	}
	colorfs_pool_unpromise(pool, hole, end);
}

/* What is behind the end of the file in its last page, is zero when it becomes part of it. */
static void tail_zero(struct inode *inode, loff_t size)
{
	struct page *page;

	if (!offset_in_page(size))
		return;
	page = colorfs_inode(inode)->frame[size >> PAGE_SHIFT];
	if (page)
		zero_user_segment(page, offset_in_page(size), PAGE_SIZE);
}

/* The caller holds the inode's lock. -ENOSPC: the pool cannot promise that much; then nothing is changed. */
int colorfs_frames_resize(struct inode *inode, loff_t size)
{
	struct colorfs_pool *pool = colorfs_pool(inode->i_sb);
	struct address_space *mapping = inode->i_mapping;
	loff_t old_size = i_size_read(inode);
	unsigned long old = colorfs_pages(old_size), new = colorfs_pages(size);
	int r = 0;

	filemap_invalidate_lock(mapping);
	if (new > old) {
		r = colorfs_pool_promise(pool, old, new);
		if (r == 0)
			r = array_grow(colorfs_inode(inode), new, old);
		if (r == -ENOMEM)
			colorfs_pool_unpromise(pool, old, new);
	}
	if (r == 0) {
		tail_zero(inode, min(size, old_size));
		i_size_write(inode, size);
	}
	if (r == 0 && new < old) {
		unmap_mapping_range(mapping, (loff_t)new << PAGE_SHIFT, 0, 1);
		frames_drop(inode, new, old);
	}
	filemap_invalidate_unlock(mapping);
	return r;
}

/* The inode goes: nobody maps it any more. */
void colorfs_frames_drop_all(struct inode *inode)
{
	struct colorfs_inode *info = colorfs_inode(inode);

	if (info->frame)
		frames_drop(inode, 0, colorfs_pages(i_size_read(inode)));
	kvfree(info->frame);
	info->frame = NULL;
	info->capacity = 0;
}

/*
 * The frame of a page below the end of the file; a hole gets one. The caller holds the invalidate_lock, shared. Of two who
 * fill a hole at once the second gives its frame back. Never NULL but by a mistake of ours.
 */
struct page *colorfs_frames_get(struct inode *inode, pgoff_t index)
{
	struct colorfs_pool *pool = colorfs_pool(inode->i_sb);
	struct colorfs_inode *info = colorfs_inode(inode);
	struct page *page = READ_ONCE(info->frame[index]), *other;

	if (page)
		return page;
	page = colorfs_pool_take(pool, index);
	if (!page)
		return NULL;
	page_folio(page)->index = index;
	page_folio(page)->mapping = inode->i_mapping;
	other = cmpxchg(&info->frame[index], NULL, page);
	if (other) {
		colorfs_pool_give_unused(pool, page);
		return other;
	}
	atomic_long_inc(&info->present);
	return page;
}

/*
 * Bytes from @start to before @end become zero. Whole pages lose their frames, and stay promised; a frame that somebody has
 * pinned keeps its place, so that file and device go on seeing the same. The caller holds the inode's lock.
 */
void colorfs_frames_punch(struct inode *inode, loff_t start, loff_t end)
{
	struct address_space *mapping = inode->i_mapping;
	struct colorfs_inode *info = colorfs_inode(inode);
	struct page *page;
	loff_t at, next;

	filemap_invalidate_lock(mapping);
	end = min(end, i_size_read(inode));
	if (round_up(start, PAGE_SIZE) < round_down(end, PAGE_SIZE))
		unmap_mapping_range(mapping, round_up(start, PAGE_SIZE),
				    round_down(end, PAGE_SIZE) - round_up(start, PAGE_SIZE), 0);
	for (at = start; at < end; at = next) {
		next = min(end, round_down(at, PAGE_SIZE) + (loff_t)PAGE_SIZE);
		page = info->frame[at >> PAGE_SHIFT];
		if (!page)
			continue;
		if (next - at == PAGE_SIZE && colorfs_pool_give_kept(colorfs_pool(inode->i_sb), page)) {
			info->frame[at >> PAGE_SHIFT] = NULL;
			atomic_long_dec(&info->present);
		} else {
			zero_user_segment(page, offset_in_page(at), offset_in_page(at) + (next - at));
		}
		cond_resched();
	}
	filemap_invalidate_unlock(mapping);
}
