/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kernels from 6.1 on differ. The only place that asks for a version: all other files are written for the newest,
 * and what an older one calls otherwise has its newest name here.
 */
#ifndef COLORFS_COMPAT_H
#define COLORFS_COMPAT_H

#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/uio.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#define nop_mnt_idmap init_user_ns

static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read

/*
 * Given a page, an iterator that is a pipe keeps the frame itself, then wants to know from the page cache whether it is up to date, and
 * may take it out of there. Given bytes, it copies them, as newer kernels do.
 */
static inline size_t compat_copy_to_iter(struct page *page, size_t offset, size_t bytes, struct iov_iter *to)
{
	void *p = kmap_local_page(page);
	size_t copied = copy_to_iter(p + offset, bytes, to);

	kunmap_local(p);
	return copied;
}
#else
#define compat_copy_to_iter copy_page_to_iter
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define compat_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, inode, stat)
#else
#define compat_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, mask, inode, stat)
#endif

/* The attributes of a generic netlink dump. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define compat_dump_attributes(cb) (genl_dumpit_info(cb)->attrs)
#else
#define compat_dump_attributes(cb) (genl_dumpit_info(cb)->info.attrs)
#endif

/* Modification and change of an inode, now. */
static inline void compat_touch(struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	inode->i_mtime = inode->i_ctime = current_time(inode);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	inode->i_mtime = inode_set_ctime_current(inode);
#else
	inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
#endif
}

static inline void compat_touch_new(struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	compat_touch(inode);
	inode->i_atime = inode->i_mtime;
#else
	simple_inode_init_ts(inode);
#endif
}

/* The largest block that the buddy allocator gives. */
#ifdef MAX_PAGE_ORDER
#define COMPAT_ORDER_MAX MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define COMPAT_ORDER_MAX (MAX_ORDER - 1)
#else
#define COMPAT_ORDER_MAX MAX_ORDER
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
typedef int compat_mkdir_t;
#define compat_mkdir_result(error) (error)
#else
typedef struct dentry *compat_mkdir_t;
#define compat_mkdir_result(error) ERR_PTR(error)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define generic_delete_inode inode_just_drop
#endif

#endif
