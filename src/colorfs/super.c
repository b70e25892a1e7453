/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * colorfs: files whose pages have chosen cache colours and DRAM banks, and belong to them from the day of the mount.
 *
 * A mount takes its memory from the machine at once and gives it back when it goes; in between nobody else can
 * use it, and it cannot fail. This file is mount, remount, statfs and the module itself: it turns options into a choice of
 * frames (struct colorfs_choice), and everything else is done by pool.c and inode.c. What is wrong with options is said in
 * one line, by the mount API's log or the kernel's, and then nothing has been taken.
 *
 * Mounting needs CAP_SYS_ADMIN on the host: memory that is held here is taken from everybody.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/string_helpers.h>

#include "colorfs.h"
#include "virtrk/colorfs.h"

static char *profile;
module_param(profile, charp, 0444);
MODULE_PARM_DESC(profile, "how this machine maps addresses to colours: virtrk-profile(5); mounts need not give one then");

struct colorfs_options {
	u64 size;		/* bytes; 0: not given */
	char *colors;
	char *banks;
	char *profile;
	char *layout;
	int node;
	bool exclusive;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	bool has_node;
};

enum { OPT_SIZE, OPT_COLORS, OPT_BANKS, OPT_PROFILE, OPT_LAYOUT, OPT_NODE, OPT_EXCLUSIVE, OPT_UID, OPT_GID, OPT_MODE };

static const struct fs_parameter_spec colorfs_parameters[] = {
	fsparam_string("size", OPT_SIZE),
	fsparam_string("colors", OPT_COLORS),
	fsparam_string("banks", OPT_BANKS),
	fsparam_string("profile", OPT_PROFILE),
	fsparam_string("layout", OPT_LAYOUT),
	fsparam_u32("node", OPT_NODE),
	fsparam_flag("exclusive", OPT_EXCLUSIVE),
	fsparam_u32("uid", OPT_UID),
	fsparam_u32("gid", OPT_GID),
	fsparam_u32oct("mode", OPT_MODE),
	{}
};

/* "1G", "512m", "1073741824": whole pages, more than none. */
static int size_parse(struct fs_context *fc, const char *text, u64 *ret)
{
	char *end;
	u64 size;

	if (!isdigit(text[0]))
		return invalfc(fc, "size=%s: not a number of bytes", text);
	size = memparse(text, &end);
	if (*end)
		return invalfc(fc, "size=%s: not a number of bytes, with k, m, g or t at most", text);
	if (size == 0)
		return invalfc(fc, "size=%s: nothing", text);
	if (size % PAGE_SIZE)
		return invalfc(fc, "size=%s: not a multiple of %lu", text, PAGE_SIZE);
	if (size > (u64)totalram_pages() << PAGE_SHIFT) {
		errorfc(fc, "size=%s: more than this machine has", text);
		return -ENOMEM;
	}
	*ret = size;
	return 0;
}

static int owner_parse(struct fs_context *fc, struct colorfs_options *options, int key, u32 value)
{
	switch (key) {
	case OPT_UID:
		options->uid = make_kuid(current_user_ns(), value);
		return uid_valid(options->uid) ? 0 : invalfc(fc, "uid=%u: no such user here", value);
	case OPT_GID:
		options->gid = make_kgid(current_user_ns(), value);
		return gid_valid(options->gid) ? 0 : invalfc(fc, "gid=%u: no such group here", value);
	default:
		options->mode = value;
		return value <= 07777 ? 0 : invalfc(fc, "mode=%o: more than 7777", value);
	}
}

static void string_take(char **where, struct fs_parameter *param)
{
	kfree(*where);
	*where = param->string;
	param->string = NULL;
}

static int colorfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct colorfs_options *options = fc->fs_private;
	struct fs_parse_result result;
	int key = fs_parse(fc, colorfs_parameters, param, &result);

	switch (key) {
	case OPT_SIZE:
		return size_parse(fc, param->string, &options->size);
	case OPT_COLORS:
		string_take(&options->colors, param);
		return 0;
	case OPT_BANKS:
		string_take(&options->banks, param);
		return 0;
	case OPT_PROFILE:
		string_take(&options->profile, param);
		return 0;
	case OPT_LAYOUT:
		if (strcmp(param->string, "preserve") != 0 && strcmp(param->string, "any") != 0)
			return invalfc(fc, "layout=%s: neither preserve nor any", param->string);
		string_take(&options->layout, param);
		return 0;
	case OPT_NODE:
		if (result.uint_32 >= MAX_NUMNODES || !node_online(result.uint_32))
			return invalfc(fc, "node=%u: no such node", result.uint_32);
		options->node = result.uint_32;
		options->has_node = true;
		return 0;
	case OPT_EXCLUSIVE:
		options->exclusive = true;
		return 0;
	case OPT_UID:
	case OPT_GID:
	case OPT_MODE:
		return owner_parse(fc, options, key, result.uint_32);
	}
	return key;
}

static int set_parse(struct fs_context *fc, struct colorfs_choice *choice, enum color_kind kind, const char *text)
{
	const char *name = kind == COLOR_CACHE ? "colors" : "banks";
	u64 count = color_count(&choice->map, kind);
	enum color_fault fault;
	size_t at = 0;

	fault = color_set_parse(&choice->set[kind], count, text, strlen(text), &at);
	if (fault == COLOR_OK) {
		choice->all[kind] = choice->set[kind].count == count;
		return 0;
	}
	errorfc(fc, "%s=%s: %s (at character %zu; the profile has 0-%llu)", name, text, color_fault_text(fault), at + 1,
	       count - 1);
	return color_fault_errno(fault);
}

/* The classes of pages and frames; sets that were not named have all, so that a member can be asked for by its rank. */
static int layout_make(struct fs_context *fc, struct colorfs_choice *choice)
{
	enum color_fault fault = COLOR_OK;

	if (choice->all[COLOR_CACHE])
		fault = color_set_fill(&choice->set[COLOR_CACHE], color_count(&choice->map, COLOR_CACHE));
	if (fault == COLOR_OK)
		fault = color_layout_make(&choice->layout, &choice->map, choice->set, choice->all);
	if (fault == COLOR_OK)
		return 0;
	errorfc(fc, "%s", color_fault_text(fault));
	return color_fault_errno(fault);
}

/* What the options say, on top of what @choice has already: everything for a mount, the present for a remount. */
static int choice_make(struct fs_context *fc, struct colorfs_choice *choice)
{
	const struct colorfs_options *options = fc->fs_private;
	const char *error = "";
	int r;

	r = colorfs_registry_map(options->profile, &choice->map, &error);
	if (r < 0) {
		errorfc(fc, "%s", error);
		return r;
	}
	if (options->colors)
		r = set_parse(fc, choice, COLOR_CACHE, options->colors);
	if (r == 0 && options->banks)
		r = set_parse(fc, choice, COLOR_BANK, options->banks);
	if (options->has_node)
		choice->node = options->node;
	if (options->exclusive)
		choice->exclusive = true;
	if (options->layout)
		choice->preserve = strcmp(options->layout, "preserve") == 0;
	if (r == 0 && choice->preserve)
		r = layout_make(fc, choice);
	return r;
}

/* Frames for @size bytes; without a size an exclusive mount takes what there is. */
static int want_make(struct fs_context *fc, const struct colorfs_choice *choice, u64 size, unsigned long *ret)
{
	u64 capacity = colorfs_choice_capacity(choice), frames = size >> PAGE_SHIFT;

	if (choice->preserve && choice->exclusive)
		return invalfc(fc, "exclusive: not with layout=preserve, which takes as many frames of each colour");
	if (choice->preserve && size % ((u64)color_layout_classes(&choice->layout) << PAGE_SHIFT))
		return invalfc(fc, "size: with layout=preserve a multiple of %lu here, a page of each colour and bank",
			      (unsigned long)color_layout_classes(&choice->layout) << PAGE_SHIFT);
	if (size == 0 && !choice->exclusive)
		return invalfc(fc, "size= is missing");
	if (frames > capacity || capacity == 0) {
		if (choice->node == NUMA_NO_NODE)
			errorfc(fc, "size: %llu pages are wanted, and this machine has %llu at most of these colours and banks", frames,
				capacity);
		else
			errorfc(fc, "size: %llu pages are wanted, and node %d has %llu at most of these colours and banks", frames,
				choice->node, capacity);
		return -ENOSPC;
	}
	*ret = choice->exclusive ? ULONG_MAX : frames;
	return 0;
}

/* Words for what colorfs_pool_resize() returns. */
static int resize_fault(struct fs_context *fc, int r)
{
	if (r == -ENOMEM)
		errorfc(fc, "size: the machine would have too little memory left");
	else if (r == -ENOSPC)
		errorfc(fc, "size: not that many frames of these colours and banks are free");
	else if (r == -EBUSY)
		errorfc(fc, "size: files have been promised more than that");
	return r;
}

static int pool_fill(struct fs_context *fc, struct colorfs_pool *pool, u64 size, unsigned long want)
{
	int r = colorfs_pool_resize(pool, want);

	if (r < 0)
		return resize_fault(fc, r);
	if (pool->total == 0 || pool->total < size >> PAGE_SHIFT)
		return resize_fault(fc, -ENOSPC);
	return 0;
}

static int root_make(struct super_block *sb, const struct colorfs_options *options)
{
	struct inode *root = colorfs_inode_new(sb, NULL, S_IFDIR | options->mode);

	if (IS_ERR(root))
		return PTR_ERR(root);
	root->i_uid = options->uid;
	root->i_gid = options->gid;
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

/*
 * The pool is the super block's from the moment that it exists: whatever fails later, colorfs_kill_sb() frees it. In the
 * registry before it has frames, so that one of two mounts that exclude each other does not even begin.
 */
static int pool_make(struct super_block *sb, struct fs_context *fc, struct colorfs_choice *choice)
{
	const struct colorfs_options *options = fc->fs_private;
	struct colorfs_pool *pool;
	const char *error = "";
	unsigned long want;
	int r;

	choice->node = NUMA_NO_NODE;
	choice->all[COLOR_CACHE] = choice->all[COLOR_BANK] = true;
	r = choice_make(fc, choice);
	if (r == 0)
		r = want_make(fc, choice, options->size, &want);
	if (r < 0)
		return r;
	pool = colorfs_pool_new(choice);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	sb->s_fs_info = pool;
	pool->id = MINOR(sb->s_dev);
	r = colorfs_registry_add(pool, &error);
	if (r < 0) {
		errorfc(fc, "%s", error);
		return r;
	}
	return pool_fill(fc, pool, options->size, want);
}

static int colorfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct colorfs_pool *pool = colorfs_pool(dentry->d_sb);
	struct colorfs_usage usage;

	colorfs_pool_usage(pool, &usage);
	buf->f_type = COLORFS_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	buf->f_blocks = usage.total;
	buf->f_bfree = buf->f_bavail = usage.available;
	buf->f_files = usage.total + 1000;
	buf->f_ffree = buf->f_files - min_t(u64, buf->f_files, usage.inodes);
	buf->f_namelen = NAME_MAX;
	buf->f_fsid = u64_to_fsid(huge_encode_dev(dentry->d_sb->s_dev));
	return 0;
}

/* Everything that made it, so that the same options make the same again. */
static int colorfs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct colorfs_pool *pool = colorfs_pool(root->d_sb);
	const struct inode *inode = d_inode(root);
	char *text = kmalloc(PAGE_SIZE, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	spin_lock(&pool->lock);		/* a remount may change all of it */
	seq_printf(seq, ",size=%luk", pool->total << (PAGE_SHIFT - 10));
	if (pool->text[COLOR_CACHE][0])
		seq_printf(seq, ",colors=%s", pool->text[COLOR_CACHE]);
	if (pool->text[COLOR_BANK][0])
		seq_printf(seq, ",banks=%s", pool->text[COLOR_BANK]);
	spin_unlock(&pool->lock);
	color_map_format(&pool->choice.map, text, PAGE_SIZE);
	seq_printf(seq, ",profile=%s", text);
	kfree(text);
	if (pool->choice.node != NUMA_NO_NODE)
		seq_printf(seq, ",node=%d", pool->choice.node);
	if (pool->choice.exclusive)
		seq_puts(seq, ",exclusive");
	if (pool->choice.preserve)
		seq_puts(seq, ",layout=preserve");
	seq_printf(seq, ",uid=%u,gid=%u,mode=%o", from_kuid_munged(&init_user_ns, inode->i_uid),
		   from_kgid_munged(&init_user_ns, inode->i_gid), inode->i_mode & 07777);
	return 0;
}

static const struct super_operations colorfs_super_operations = {
	.alloc_inode	= colorfs_inode_alloc,
	.free_inode	= colorfs_inode_free,
	.drop_inode	= generic_delete_inode,
	.evict_inode	= colorfs_inode_evict,
	.statfs		= colorfs_statfs,
	.show_options	= colorfs_show_options,
};

static int colorfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct colorfs_choice *choice = kzalloc(sizeof(*choice), GFP_KERNEL);	/* too large for a stack */
	int r;

	if (!choice)
		return -ENOMEM;
	sb->s_maxbytes = (loff_t)COLORFS_PAGES_MAX << PAGE_SHIFT;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = COLORFS_MAGIC;
	sb->s_op = &colorfs_super_operations;
	sb->s_time_gran = 1;
	r = pool_make(sb, fc, choice);
	if (r == 0)
		r = root_make(sb, fc->fs_private);
	kfree(choice);
	return r;
}

static int colorfs_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, colorfs_fill_super);
}

static bool choice_same(const struct colorfs_choice *a, const struct colorfs_choice *b)
{
	return a->node == b->node && a->exclusive == b->exclusive && a->preserve == b->preserve && color_map_equal(&a->map, &b->map) &&
	       a->all[COLOR_CACHE] == b->all[COLOR_CACHE] && a->all[COLOR_BANK] == b->all[COLOR_BANK] &&
	       (a->all[COLOR_CACHE] || memcmp(&a->set[COLOR_CACHE], &b->set[COLOR_CACHE], sizeof(a->set[0])) == 0) &&
	       (a->all[COLOR_BANK] || memcmp(&a->set[COLOR_BANK], &b->set[COLOR_BANK], sizeof(a->set[0])) == 0);
}

/*
 * Other colours need other frames, and a frame of a file cannot move: it may be in a page table of KVM or of a device. So
 * that is for a mount of which no file uses anything. The size can change at any time, down to what files were promised.
 */
static int pool_change(struct fs_context *fc, struct colorfs_pool *pool, struct colorfs_choice *choice)
{
	const struct colorfs_options *options = fc->fs_private;
	u64 size = options->size ?: (u64)pool->total << PAGE_SHIFT;
	const char *error = "";
	unsigned long want;
	int r;

	r = choice_make(fc, choice);
	if (r == 0)
		r = want_make(fc, choice, size, &want);
	if (r < 0)
		return r;
	if (choice_same(choice, &pool->choice))
		return options->size ? resize_fault(fc, colorfs_pool_resize(pool, size >> PAGE_SHIFT)) : 0;

	colorfs_registry_lock();
	r = colorfs_registry_may_change(pool, choice, &error);
	if (r < 0)
		errorfc(fc, "%s", error);
	else
		r = colorfs_pool_recolor(pool, choice, want);
	colorfs_registry_unlock();
	if (r == -EBUSY && !error[0])
		errorfc(fc, "files use the memory of this mount: its colours cannot change");
	return r;
}

static int colorfs_reconfigure(struct fs_context *fc)
{
	struct colorfs_pool *pool = colorfs_pool(fc->root->d_sb);
	const struct colorfs_options *options = fc->fs_private;
	const struct inode *root = d_inode(fc->root);
	struct colorfs_choice *choice;
	int r;

	/* mount(8) repeats the present options: only a change is a mistake. */
	if (!uid_eq(options->uid, root->i_uid) || !gid_eq(options->gid, root->i_gid) || options->mode != (root->i_mode & 07777))
		return invalfc(fc, "uid=, gid= and mode= are for a new mount: use chown and chmod");
	choice = kmemdup(&pool->choice, sizeof(*choice), GFP_KERNEL);
	if (!choice)
		return -ENOMEM;
	r = pool_change(fc, pool, choice);
	kfree(choice);
	return r;
}

static void colorfs_free_fc(struct fs_context *fc)
{
	struct colorfs_options *options = fc->fs_private;

	kfree(options->colors);
	kfree(options->banks);
	kfree(options->profile);
	kfree(options->layout);
	kfree(options);
}

static const struct fs_context_operations colorfs_context_operations = {
	.free		= colorfs_free_fc,
	.parse_param	= colorfs_parse_param,
	.get_tree	= colorfs_get_tree,
	.reconfigure	= colorfs_reconfigure,
};

static int colorfs_init_fs_context(struct fs_context *fc)
{
	struct colorfs_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	options->mode = fc->root ? d_inode(fc->root)->i_mode & 07777 : 0700;
	options->uid = fc->root ? d_inode(fc->root)->i_uid : current_fsuid();
	options->gid = fc->root ? d_inode(fc->root)->i_gid : current_fsgid();
	fc->fs_private = options;
	fc->ops = &colorfs_context_operations;
	fc->log.prefix = COLORFS_NAME;
	return 0;
}

static void colorfs_kill_sb(struct super_block *sb)
{
	struct colorfs_pool *pool = sb->s_fs_info;

	kill_litter_super(sb);
	if (!pool)
		return;
	colorfs_registry_remove(pool);
	colorfs_pool_free(pool);
}

static struct file_system_type colorfs_type = {
	.owner			= THIS_MODULE,
	.name			= COLORFS_NAME,
	.init_fs_context	= colorfs_init_fs_context,
	.parameters		= colorfs_parameters,
	.kill_sb		= colorfs_kill_sb,
};

static int __init colorfs_init(void)
{
	int r;

	if (profile) {
		r = colorfs_registry_default(profile);
		if (r < 0)
			return r;
	}
	r = colorfs_inode_cache_init();
	if (r < 0)
		return r;
	r = colorfs_netlink_init();
	if (r < 0)
		goto fail_cache;
	r = register_filesystem(&colorfs_type);
	if (r < 0)
		goto fail_netlink;
	colorfs_debugfs_init();
	return 0;

fail_netlink:
	colorfs_netlink_exit();
fail_cache:
	colorfs_inode_cache_exit();
	return r;
}

static void __exit colorfs_exit(void)
{
	colorfs_debugfs_exit();
	unregister_filesystem(&colorfs_type);
	colorfs_netlink_exit();
	colorfs_inode_cache_exit();
}

module_init(colorfs_init);
module_exit(colorfs_exit);

MODULE_DESCRIPTION("Files in memory of chosen cache colours and DRAM banks");
MODULE_AUTHOR("Virt/RK developers");
MODULE_LICENSE("GPL");
MODULE_ALIAS_FS(COLORFS_NAME);
