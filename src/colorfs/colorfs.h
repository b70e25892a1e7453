/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the module know of each other.
 *
 * A *pool* is the memory of one mount: so many page frames, all of allowed colours and banks, taken from the machine when
 * it is mounted and held until it is unmounted. A frame is in one of three places: free in the pool, in a file, or in
 * limbo (taken from a file while somebody had it pinned). A *promise* is a page that a file of the mount may use at any
 * time: each page below the end of a file is promised, whether it has its frame already or not, and there are never more
 * promises than frames. So a size that ftruncate() has granted cannot fail later.
 *
 * Locks, outer first: inode lock (VFS), the mapping's invalidate_lock (frames of a file: shared to look and add,
 * exclusive to resize and to remove), the pool's spinlock (lists and counters).
 */
#ifndef COLORFS_COLORFS_H
#define COLORFS_COLORFS_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "color-map.h"
#include "compat.h"

/* Which frames a mount is to have. */
struct colorfs_choice {
	struct color_map map;
	struct color_set set[COLOR_KINDS];
	bool all[COLOR_KINDS];		/* every colour, every bank: the set need not be asked, and may be too large to exist */
	int node;			/* NUMA_NO_NODE: any */
	bool exclusive;			/* and nobody else is to have such frames, as far as they are free */
	bool preserve;			/* frames follow the index of their page in its file, by */
	struct color_layout layout;	/* one class, where not */
};

/* Frames of one class (struct color_layout): of what is promised to a page, only these can be given. */
struct colorfs_class {
	struct list_head free;		/* frames by page->lru; page->private tells whether it is zeroed */
	unsigned long total;		/* wherever they are */
	unsigned long n_free;
	unsigned long n_limbo;
	unsigned long promised;
};

struct colorfs_pool {
	struct list_head entry;		/* of all pools: registry.c */
	u32 id;				/* of the mount: the minor number of its device */
	struct colorfs_choice choice;
	char *text[COLOR_KINDS];	/* the sets, as /proc/mounts shows them */

	spinlock_t lock;
	struct colorfs_class *class;	/* as many as the choice's layout has */
	u32 n_classes;
	struct list_head limbo;		/* frames of all classes, by page->lru */
	unsigned long total;		/* frames, wherever they are: as many of each class */
	unsigned long n_limbo;
	unsigned long exhausted;	/* promises that were refused */
	unsigned long *per_color;	/* frames of each colour, wherever they are; NULL where there are too many to list */
	struct list_head files;		/* struct colorfs_inode.entry */
	unsigned long n_inodes;
	struct delayed_work reap;	/* looks after limbo while there is somebody in it */
};

struct colorfs_inode {
	struct inode vfs;
	struct list_head entry;
	struct page **frame;		/* by page index; NULL: a hole, whose frame is promised */
	unsigned long capacity;		/* of the array */
	atomic_long_t present;		/* frames in it */
};

/* Of one file, 1 TiB: kvmalloc() gives arrays of 2 GiB at most. */
#define COLORFS_PAGES_MAX ((unsigned long)INT_MAX / sizeof(struct page *))

static inline struct colorfs_inode *colorfs_inode(struct inode *inode)
{
	return container_of(inode, struct colorfs_inode, vfs);
}

static inline struct colorfs_pool *colorfs_pool(struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline unsigned long colorfs_pages(loff_t size)
{
	return DIV_ROUND_UP_ULL(size, PAGE_SIZE);
}

/* gather.c: frames between the machine and a pool */
bool colorfs_choice_wants(const struct colorfs_choice *choice, unsigned long pfn);
u32 colorfs_choice_class(const struct colorfs_choice *choice, unsigned long pfn);
u64 colorfs_choice_capacity(const struct colorfs_choice *choice);
int colorfs_gather(const struct colorfs_choice *choice, unsigned long want, struct list_head *ret, unsigned long *ret_n);
void colorfs_release(struct list_head *frames);
u64 colorfs_color_capacity(const struct colorfs_choice *choice, u64 color);

/* pool.c */
struct colorfs_pool *colorfs_pool_new(const struct colorfs_choice *choice);
void colorfs_pool_free(struct colorfs_pool *pool);
int colorfs_pool_resize(struct colorfs_pool *pool, unsigned long want);
int colorfs_pool_recolor(struct colorfs_pool *pool, const struct colorfs_choice *choice, unsigned long want);
int colorfs_pool_promise(struct colorfs_pool *pool, unsigned long first, unsigned long end);
void colorfs_pool_unpromise(struct colorfs_pool *pool, unsigned long first, unsigned long end);
struct page *colorfs_pool_take(struct colorfs_pool *pool, unsigned long index);
void colorfs_pool_give_unused(struct colorfs_pool *pool, struct page *page);
void colorfs_pool_give(struct colorfs_pool *pool, struct page *page);
bool colorfs_pool_give_kept(struct colorfs_pool *pool, struct page *page);

struct colorfs_usage {
	unsigned long total;
	unsigned long free;
	unsigned long available;	/* what can still be promised */
	unsigned long limbo;
	unsigned long promised;
	unsigned long exhausted;
	unsigned long inodes;
};

void colorfs_pool_usage(struct colorfs_pool *pool, struct colorfs_usage *ret);

/* netlink.c, debugfs.c */
int colorfs_netlink_init(void);
void colorfs_netlink_exit(void);
void colorfs_netlink_exhausted(struct colorfs_pool *pool, unsigned long wanted);
void colorfs_debugfs_init(void);
void colorfs_debugfs_exit(void);

/* registry.c: all pools, and the one profile that they share */
int colorfs_registry_default(const char *profile);
int colorfs_registry_map(const char *profile, struct color_map *ret, const char **reterr);
int colorfs_registry_may_change(struct colorfs_pool *pool, const struct colorfs_choice *choice, const char **reterr);
int colorfs_registry_add(struct colorfs_pool *pool, const char **reterr);
void colorfs_registry_remove(struct colorfs_pool *pool);
void colorfs_registry_lock(void);
void colorfs_registry_unlock(void);
struct list_head *colorfs_registry_pools(void);
bool colorfs_registry_profile(struct color_map *ret);

/* frames.c: the frames of a file */
int colorfs_frames_resize(struct inode *inode, loff_t size);
void colorfs_frames_drop_all(struct inode *inode);
struct page *colorfs_frames_get(struct inode *inode, pgoff_t index);
void colorfs_frames_punch(struct inode *inode, loff_t start, loff_t end);

/* file.c, inode.c, super.c */
extern const struct file_operations colorfs_file_operations;
extern const struct address_space_operations colorfs_address_space_operations;
extern const struct inode_operations colorfs_file_inode_operations;
struct inode *colorfs_inode_new(struct super_block *sb, struct inode *dir, umode_t mode);
struct inode *colorfs_inode_alloc(struct super_block *sb);
void colorfs_inode_free(struct inode *inode);
void colorfs_inode_evict(struct inode *inode);
int colorfs_inode_cache_init(void);
void colorfs_inode_cache_exit(void);

#endif
