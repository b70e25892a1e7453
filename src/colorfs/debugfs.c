/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people look at: /sys/kernel/debug/colorfs/pools, a line for each mount, and .../colors, how much of each colour each mount
 * owns of what the machine's addresses have of it (the share that an exclusive mount got). No interface for programs: that is
 * netlink.c. Called by super.c when the module comes and goes; reads pools, changes nothing.
 */
#include <linux/debugfs.h>
#include <linux/nodemask.h>
#include <linux/seq_file.h>

#include "colorfs.h"

static struct dentry *directory;

static int pools_show(struct seq_file *seq, void *unused)
{
	struct colorfs_usage usage;
	struct colorfs_pool *pool;

	seq_puts(seq, "pool frames available promised limbo refusals inodes colors banks exclusive\n");
	colorfs_registry_lock();
	list_for_each_entry(pool, colorfs_registry_pools(), entry) {
		colorfs_pool_usage(pool, &usage);
		seq_printf(seq, "%u %lu %lu %lu %lu %lu %lu %s %s %s\n", pool->id, usage.total, usage.available, usage.promised,
			   usage.limbo, usage.exhausted, usage.inodes, pool->choice.all[COLOR_CACHE] ? "all" : pool->text[COLOR_CACHE],
			   pool->choice.all[COLOR_BANK] ? "all" : pool->text[COLOR_BANK], pool->choice.exclusive ? "yes" : "no");
	}
	colorfs_registry_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pools);

static void pool_colors_show(struct seq_file *seq, const struct colorfs_pool *pool)
{
	u64 capacity;
	u32 color;

	for (color = 0; pool->per_color && color < color_count(&pool->choice.map, COLOR_CACHE); color++) {
		if (pool->per_color[color] == 0)
			continue;
		capacity = colorfs_color_capacity(&pool->choice, color);
		seq_printf(seq, "%u %u %lu %llu %llu%%\n", pool->id, color, pool->per_color[color], capacity,
			   capacity ? div64_u64(pool->per_color[color] * 100ULL, capacity) : 0);
	}
}

static int colors_show(struct seq_file *seq, void *unused)
{
	struct colorfs_pool *pool;

	seq_puts(seq, "pool color frames of share\n");
	colorfs_registry_lock();
	list_for_each_entry(pool, colorfs_registry_pools(), entry)
		pool_colors_show(seq, pool);
	colorfs_registry_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(colors);

/* Without debugfs nothing is missing that matters: errors are none of ours. */
void colorfs_debugfs_init(void)
{
	directory = debugfs_create_dir("colorfs", NULL);
	debugfs_create_file("pools", 0400, directory, NULL, &pools_fops);
	debugfs_create_file("colors", 0400, directory, NULL, &colors_fops);
}

void colorfs_debugfs_exit(void)
{
	debugfs_remove_recursive(directory);
}
