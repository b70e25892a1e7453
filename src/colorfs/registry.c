/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All pools of this machine, and the profile that they share.
 *
 * A colour is a colour only under one profile, so there is one at a time: that of the module's parameter, or else that of
 * the first mount, for as long as there is a mount. An exclusive pool has its colours and banks for itself: no other pool
 * may have a frame of them. Called by super.c when mounts come and go, by netlink.c and debugfs.c to read.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/string.h>

#include "colorfs.h"

static DEFINE_MUTEX(registry_mutex);
static LIST_HEAD(registry_pools);
static struct color_map registry_map;
static bool registry_fixed;		/* by the module's parameter */

/*
 * A function whose bits no address of this machine has is one constant: half of its colours would have no frame. The
 * profile was made on another machine, or for more memory.
 */
static bool map_fits_memory(const struct color_map *map)
{
	u64 end = 0, address_bits = 1;
	u32 kind, i;
	int node;

	for_each_online_node(node)
		end = max_t(u64, end, node_end_pfn(node));
	while (address_bits < end)
		address_bits <<= 1;
	for (kind = 0; kind < COLOR_KINDS; kind++) {
		for (i = 0; i < map->n[kind]; i++) {
			if (!(map->mask[kind][i] & (address_bits - 1)))
				return false;
		}
	}
	return true;
}

static int map_read(const char *text, struct color_map *ret, const char **reterr)
{
	enum color_fault fault;
	struct color_map map;
	size_t at;

	fault = color_map_parse(&map, text, strlen(text), &at);
	if (fault != COLOR_OK) {
		*reterr = color_fault_text(fault);
		return color_fault_errno(fault);
	}
	if (!map_fits_memory(&map)) {
		*reterr = "a function of the profile has only address bits that this machine does not have";
		return -ENXIO;
	}
	*ret = map;
	return 0;
}

/* The profile of the module's parameter, at load time. */
int colorfs_registry_default(const char *profile)
{
	const char *error;
	int r;

	r = map_read(profile, &registry_map, &error);
	if (r < 0) {
		pr_err("%s\n", error);
		return r;
	}
	registry_fixed = true;
	return 0;
}

bool colorfs_registry_profile(struct color_map *ret)
{
	if (!registry_fixed && list_empty(&registry_pools))
		return false;
	*ret = registry_map;
	return true;
}

/* What a mount with this profile, or without one (NULL), is to use. */
int colorfs_registry_map(const char *profile, struct color_map *ret, const char **reterr)
{
	struct color_map map, common;
	bool have;
	int r = 0;

	mutex_lock(&registry_mutex);
	have = colorfs_registry_profile(&common);
	mutex_unlock(&registry_mutex);
	if (profile)
		r = map_read(profile, &map, reterr);
	if (r < 0)
		return r;
	if (profile && have && !color_map_equal(&map, &common)) {
		*reterr = "another profile is in use on this machine";
		return -EBUSY;
	}
	if (!profile && !have) {
		*reterr = "neither the module nor the mount has a profile";
		return -ENODATA;
	}
	*ret = profile ? map : common;
	return 0;
}

static bool choices_overlap(const struct colorfs_choice *a, const struct colorfs_choice *b)
{
	u32 kind;

	if (a->node != b->node && a->node != NUMA_NO_NODE && b->node != NUMA_NO_NODE)
		return false;
	for (kind = 0; kind < COLOR_KINDS; kind++) {
		if (!a->all[kind] && !b->all[kind] && !color_set_overlap(&a->set[kind], &b->set[kind]))
			return false;
	}
	return true;
}

static int registry_judge(const struct colorfs_pool *pool, const struct colorfs_choice *choice, const char **reterr)
{
	struct colorfs_pool *other;
	struct color_map map;

	if (colorfs_registry_profile(&map) && !color_map_equal(&map, &choice->map)) {
		*reterr = "another profile is in use on this machine";
		return -EBUSY;
	}
	list_for_each_entry(other, &registry_pools, entry) {
		if (other == pool || (!other->choice.exclusive && !choice->exclusive))
			continue;
		if (choices_overlap(&other->choice, choice)) {
			*reterr = choice->exclusive ? "a colour that is wanted exclusively is another mount's" :
						      "a colour is another mount's exclusively";
			return -EBUSY;
		}
	}
	return 0;
}

/* Before it has frames, so that of two that exclude each other one does not even begin. */
int colorfs_registry_add(struct colorfs_pool *pool, const char **reterr)
{
	int r;

	mutex_lock(&registry_mutex);
	r = registry_judge(pool, &pool->choice, reterr);
	if (r == 0) {
		if (!registry_fixed && list_empty(&registry_pools))
			registry_map = pool->choice.map;
		list_add_tail(&pool->entry, &registry_pools);
	}
	mutex_unlock(&registry_mutex);
	return r;
}

/* A pool that is in already, with another choice: the same rules. With the lock, until the choice is made. */
int colorfs_registry_may_change(struct colorfs_pool *pool, const struct colorfs_choice *choice, const char **reterr)
{
	return registry_judge(pool, choice, reterr);
}

void colorfs_registry_remove(struct colorfs_pool *pool)
{
	mutex_lock(&registry_mutex);
	list_del_init(&pool->entry);
	mutex_unlock(&registry_mutex);
}

/* To read pools: none comes or goes meanwhile. */
void colorfs_registry_lock(void)
{
	mutex_lock(&registry_mutex);
}

void colorfs_registry_unlock(void)
{
	mutex_unlock(&registry_mutex);
}

struct list_head *colorfs_registry_pools(void)
{
	return &registry_pools;
}
