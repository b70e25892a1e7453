/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and directories: made, named, resized, told about, and removed.
 *
 * Like ramfs, names live in the dentry cache only. There are regular files and directories and nothing else: symbolic links,
 * device nodes and sockets would have no use on memory of a virtual machine. Inodes are few, and limited to one for
 * each frame and a thousand more, since they are the machine's memory and not the pool's.
 *
 * Called by the VFS. Frames are the business of frames.c.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "colorfs.h"

#define INODES_SPARE 1000

static struct kmem_cache *inode_cache;
static const struct inode_operations colorfs_dir_inode_operations;

struct inode *colorfs_inode_alloc(struct super_block *sb)
{
	struct colorfs_inode *info = kmem_cache_alloc(inode_cache, GFP_KERNEL);

	if (!info)
		return NULL;
	INIT_LIST_HEAD(&info->entry);
	info->frame = NULL;
	info->capacity = 0;
	atomic_long_set(&info->present, 0);
	return &info->vfs;
}

void colorfs_inode_free(struct inode *inode)
{
	kmem_cache_free(inode_cache, colorfs_inode(inode));
}

static bool inode_count(struct colorfs_pool *pool, struct colorfs_inode *info)
{
	bool room;

	spin_lock(&pool->lock);
	room = pool->n_inodes < pool->total + INODES_SPARE;
	if (room) {
		pool->n_inodes++;
		list_add_tail(&info->entry, &pool->files);
	}
	spin_unlock(&pool->lock);
	return room;
}

/* The last name and the last user are gone. Pinned frames stay behind in limbo. */
void colorfs_inode_evict(struct inode *inode)
{
	struct colorfs_pool *pool = colorfs_pool(inode->i_sb);
	struct colorfs_inode *info = colorfs_inode(inode);

	truncate_inode_pages_final(&inode->i_data);
	if (!list_empty(&info->entry)) {
		spin_lock(&pool->lock);
		list_del_init(&info->entry);
		pool->n_inodes--;
		spin_unlock(&pool->lock);
	}
	colorfs_frames_drop_all(inode);
	clear_inode(inode);
}

struct inode *colorfs_inode_new(struct super_block *sb, struct inode *dir, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!inode_count(colorfs_pool(sb), colorfs_inode(inode))) {
		iput(inode);
		return ERR_PTR(-ENOSPC);
	}
	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	compat_touch_new(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &colorfs_dir_inode_operations;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);	/* its own "." */
	} else {
		inode->i_op = &colorfs_file_inode_operations;
		inode->i_fop = &colorfs_file_operations;
		inode->i_mapping->a_ops = &colorfs_address_space_operations;
	}
	mapping_set_unevictable(inode->i_mapping);
	return inode;
}

static int dir_add(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode = colorfs_inode_new(dir->i_sb, dir, mode);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	d_instantiate(dentry, inode);
	dget(dentry);	/* the name holds it: there is no disk to read it from again */
	compat_touch(dir);
	return 0;
}

static int colorfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, bool excl)
{
	return dir_add(dir, dentry, mode | S_IFREG);
}

static compat_mkdir_t colorfs_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode)
{
	int r = dir_add(dir, dentry, mode | S_IFDIR);

	if (r == 0)
		inc_nlink(dir);
	return compat_mkdir_result(r);
}

static int colorfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file, umode_t mode)
{
	struct inode *inode = colorfs_inode_new(dir->i_sb, dir, mode | S_IFREG);

	if (IS_ERR(inode))
		return finish_open_simple(file, PTR_ERR(inode));
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static int colorfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int r;

	r = setattr_prepare(idmap, dentry, attr);
	if (r == 0 && attr->ia_valid & ATTR_SIZE && attr->ia_size != i_size_read(inode)) {
		r = colorfs_frames_resize(inode, attr->ia_size);
		if (r == 0)
			compat_touch(inode);
	}
	if (r < 0)
		return r;
	setattr_copy(idmap, inode, attr);
	return 0;
}

/* Blocks are what has a frame; what is promised is the file's size. */
static int colorfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat, u32 mask,
			   unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	compat_fillattr(idmap, mask, inode, stat);
	stat->blocks = (u64)atomic_long_read(&colorfs_inode(inode)->present) << (PAGE_SHIFT - 9);
	stat->blksize = PAGE_SIZE;
	return 0;
}

/*
 * A program's data is mapped privately and can be written, which is refused here: execve(2) would find that out when there is no way back, and
 * kill its caller. So it is told before. Mapping what can be executed is another matter, and allowed.
 */
static int colorfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	return mask & MAY_EXEC ? -EACCES : generic_permission(idmap, inode, mask);
}

const struct inode_operations colorfs_file_inode_operations = {
	.permission	= colorfs_permission,
	.setattr	= colorfs_setattr,
	.getattr	= colorfs_getattr,
};

static const struct inode_operations colorfs_dir_inode_operations = {
	.create		= colorfs_create,
	.lookup		= simple_lookup,
	.link		= simple_link,
	.unlink		= simple_unlink,
	.mkdir		= colorfs_mkdir,
	.rmdir		= simple_rmdir,
	.rename		= simple_rename,
	.tmpfile	= colorfs_tmpfile,
	.getattr	= colorfs_getattr,
};

static void inode_init_once_each(void *object)
{
	inode_init_once(&((struct colorfs_inode *)object)->vfs);
}

int colorfs_inode_cache_init(void)
{
	inode_cache = kmem_cache_create("colorfs_inode", sizeof(struct colorfs_inode), 0, SLAB_RECLAIM_ACCOUNT,
					inode_init_once_each);
	return inode_cache ? 0 : -ENOMEM;
}

void colorfs_inode_cache_exit(void)
{
	rcu_barrier();	/* inodes are freed by RCU */
	kmem_cache_destroy(inode_cache);
}
