/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be done with a file: map it, read and write it, reserve and punch it.
 *
 * Mappings are of ordinary pages (VM_MIXEDMAP), so they can be pinned by KVM, vhost, vfio and direct I/O; but the pages
 * are in no page cache and on no LRU list, so nothing swaps, merges, migrates or reclaims them. A mapping that would get
 * anonymous memory (private and writable) is refused, since that has other colours; one that begins or ends behind the
 * end of the file is refused, since it would be a SIGBUS later: QEMU goes on after a failed ftruncate() and finds out here.
 *
 * Data is copied without a lock held, with a reference to the frame instead: the user's side of the copy may itself be a
 * mapping of such a file. What is truncated meanwhile waits in limbo for the end of the copy.
 */
#include <linux/pagemap.h>
#include <linux/falloc.h>	/* needs types of the one above */
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "colorfs.h"

#define FAULT_AROUND	16	/* pages, 64 KiB as the kernel does; all are promised already, so it costs time only */

/* Pages of the same window that can be mapped with the same effort. Failures mean nothing: they get faults of their own. */
static void fault_around(struct vm_fault *vmf, pgoff_t pages)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long window = FAULT_AROUND * PAGE_SIZE;
	unsigned long at = max(vma->vm_start, round_down(vmf->address, window));
	unsigned long end = min(vma->vm_end, round_down(vmf->address, window) + window);
	struct page *page;
	pgoff_t index;

	for (; at < end; at += PAGE_SIZE) {
		index = linear_page_index(vma, at);
		if (index >= pages)
			return;
		if (index == vmf->pgoff)
			continue;
		page = colorfs_frames_get(file_inode(vma->vm_file), index);
		if (!page || vmf_insert_page(vma, at, page) != VM_FAULT_NOPAGE)
			return;
	}
}

/*
 * The invalidate_lock, shared, keeps truncation out. May sleep. Every page below the end was promised, so a frame is
 * there; SIGBUS is for who looks behind the end after a truncation. Never a frame of another colour.
 */
static vm_fault_t colorfs_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page *page;
	pgoff_t pages;

	filemap_invalidate_lock_shared(inode->i_mapping);
	pages = colorfs_pages(i_size_read(inode));
	if (vmf->pgoff >= pages)
		goto out;
	page = colorfs_frames_get(inode, vmf->pgoff);
	if (!page)
		goto out;
	ret = vmf_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);
	if (ret == VM_FAULT_NOPAGE)
		fault_around(vmf, pages);
out:
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return ret;
}

static const struct vm_operations_struct colorfs_vm_operations = {
	.fault = colorfs_fault,
};

static int colorfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);

	if (!(vma->vm_flags & VM_SHARED)) {
		if (vma->vm_flags & VM_WRITE)
			return -EINVAL;
		vm_flags_clear(vma, VM_MAYWRITE);	/* nor by mprotect() */
	}
	if (vma->vm_pgoff + vma_pages(vma) > colorfs_pages(i_size_read(inode)))
		return -ENXIO;
	file_accessed(file);
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND);
	vma->vm_ops = &colorfs_vm_operations;
	return 0;
}

/* The frame at @pos with a reference, NULL in a hole when @make is not set; *ret_size is the file's. -ENXIO: behind it. */
static struct page *frame_pin(struct inode *inode, loff_t pos, bool make, loff_t *ret_size)
{
	struct page *page = ERR_PTR(-ENXIO);

	filemap_invalidate_lock_shared(inode->i_mapping);
	*ret_size = i_size_read(inode);
	if (pos < (loff_t)(colorfs_pages(*ret_size) << PAGE_SHIFT)) {
		page = READ_ONCE(colorfs_inode(inode)->frame[pos >> PAGE_SHIFT]);
		if (!page && make)
			page = colorfs_frames_get(inode, pos >> PAGE_SHIFT) ?: ERR_PTR(-EIO);
		if (!IS_ERR_OR_NULL(page))
			get_page(page);
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return page;
}

static ssize_t colorfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t part, copied;
	struct page *page;
	ssize_t done = 0;
	loff_t size;

	while (iov_iter_count(to) > 0) {
		page = frame_pin(inode, iocb->ki_pos, false, &size);
		if (IS_ERR(page) || iocb->ki_pos >= size) {
			if (!IS_ERR_OR_NULL(page))
				put_page(page);
			break;
		}
		part = min_t(loff_t, PAGE_SIZE - offset_in_page(iocb->ki_pos), size - iocb->ki_pos);
		part = min(part, iov_iter_count(to));
		if (page) {
			copied = compat_copy_to_iter(page, offset_in_page(iocb->ki_pos), part, to);
			put_page(page);
		} else {
			copied = iov_iter_zero(part, to);
		}
		iocb->ki_pos += copied;
		done += copied;
		if (copied < part)
			return done > 0 ? done : -EFAULT;
		cond_resched();
	}
	file_accessed(iocb->ki_filp);
	return done;
}

/* Into pages that are promised. What the user could not deliver is the end of it. */
static ssize_t write_pages(struct inode *inode, struct kiocb *iocb, struct iov_iter *from)
{
	size_t part, copied;
	struct page *page;
	ssize_t done = 0;
	loff_t size;

	while (iov_iter_count(from) > 0) {
		page = frame_pin(inode, iocb->ki_pos, true, &size);
		if (IS_ERR(page))
			return done > 0 ? done : PTR_ERR(page);
		part = min_t(size_t, PAGE_SIZE - offset_in_page(iocb->ki_pos), iov_iter_count(from));
		copied = copy_page_from_iter(page, offset_in_page(iocb->ki_pos), part, from);
		put_page(page);
		iocb->ki_pos += copied;
		done += copied;
		if (copied < part)
			return done > 0 ? done : -EFAULT;
		if (fatal_signal_pending(current))
			return done;
		cond_resched();
	}
	return done;
}

/* The file grows first, so that all of it is promised, and shrinks again to what was delivered. */
static ssize_t colorfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t old_size, end;
	ssize_t r;

	inode_lock(inode);
	r = generic_write_checks(iocb, from);
	if (r <= 0)
		goto out;
	r = file_modified(iocb->ki_filp);
	if (r < 0)
		goto out;
	old_size = i_size_read(inode);
	end = iocb->ki_pos + iov_iter_count(from);
	if (end > old_size) {
		r = colorfs_frames_resize(inode, end);
		if (r < 0)
			goto out;
	}
	r = write_pages(inode, iocb, from);
	if (end > old_size && iocb->ki_pos < end)
		colorfs_frames_resize(inode, r > 0 ? max(old_size, iocb->ki_pos) : old_size);
out:
	inode_unlock(inode);
	return r;
}

/* Each page of the range has its frame afterwards. */
static int range_fill(struct inode *inode, loff_t start, loff_t end)
{
	struct page *page;
	loff_t size;

	for (; start < end; start = round_down(start, PAGE_SIZE) + PAGE_SIZE) {
		page = frame_pin(inode, start, true, &size);
		if (IS_ERR(page))
			return PTR_ERR(page);
		put_page(page);
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static long colorfs_fallocate(struct file *file, int mode, loff_t offset, loff_t length)
{
	struct inode *inode = file_inode(file);
	loff_t end = offset + length;
	int r;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	inode_lock(inode);
	r = inode_newsize_ok(inode, end);
	if (r == 0)
		r = file_modified(file);
	if (r < 0)
		goto out;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		colorfs_frames_punch(inode, offset, end);
		goto out;
	}
	if (end > i_size_read(inode)) {
		/* What is promised is the file's length, so there is nothing to keep behind it. */
		r = mode & FALLOC_FL_KEEP_SIZE ? -EOPNOTSUPP : colorfs_frames_resize(inode, end);
		if (r < 0)
			goto out;
	}
	r = range_fill(inode, offset, end);
out:
	inode_unlock(inode);
	return r;
}

/* What is dirty stays so, and is written nowhere. Whoever has a page marks it without asking whether there is such a function. */
const struct address_space_operations colorfs_address_space_operations = {
	.dirty_folio	= noop_dirty_folio,
};

const struct file_operations colorfs_file_operations = {
	.mmap		= colorfs_mmap,
	.read_iter	= colorfs_read_iter,
	.write_iter	= colorfs_write_iter,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
	.fallocate	= colorfs_fallocate,
	.fsync		= noop_fsync,
	.llseek		= generic_file_llseek,
};
