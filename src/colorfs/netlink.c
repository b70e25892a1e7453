/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generic netlink family "virtrk": what virtrk/colorfs.h says, for programs. It answers, and it tells whoever listens
 * when a pool had to refuse a promise; it changes nothing, so there is little that a wrong message could do. Messages come from
 * root (GENL_ADMIN_PERM), are parsed by the kernel with the policy below, and are read only after that.
 *
 * Called by generic netlink, by pool.c (an event) and by super.c (load and unload). Dumps hold the registry's lock for one
 * message's worth, and go on where they were by position: what comes or goes meanwhile may be missed or seen twice.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "colorfs.h"
#include "virtrk/colorfs.h"

#define PROFILE_SIZE	8192	/* a profile of 64 functions of 40 bits fits */
#define DUMP_SIZE	16384	/* a pool with two long lists fits */

static struct genl_family family;

enum { GROUP_EVENTS };

static const struct genl_multicast_group groups[] = {
	[GROUP_EVENTS] = { .name = VIRTRK_GENL_EVENTS },
};

static const struct nla_policy policy[VIRTRK_ATTR_END] = {
	[VIRTRK_ATTR_POOL] = { .type = NLA_U32 },
};

static int put_u64(struct sk_buff *skb, int attribute, u64 value)
{
	return nla_put_u64_64bit(skb, attribute, value, VIRTRK_ATTR_PAD);
}

static int geometry_put(struct sk_buff *skb, const struct color_map *map, const char *profile)
{
	if (nla_put_string(skb, VIRTRK_ATTR_PROFILE, profile) ||
	    put_u64(skb, VIRTRK_ATTR_COLORS, color_count(map, COLOR_CACHE)) ||
	    put_u64(skb, VIRTRK_ATTR_BANKS, color_count(map, COLOR_BANK)) ||
	    put_u64(skb, VIRTRK_ATTR_PAIRS, 1ULL << color_rank(map)))
		return -EMSGSIZE;
	return 0;
}

static int geometry_reply(struct genl_info *info, const struct color_map *map, const char *profile)
{
	struct sk_buff *skb = genlmsg_new(PROFILE_SIZE + 256, GFP_KERNEL);
	void *head;

	if (!skb)
		return -ENOMEM;
	head = genlmsg_put_reply(skb, info, &family, 0, VIRTRK_CMD_GEOMETRY);
	if (!head || geometry_put(skb, map, profile) < 0) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

static int geometry_get(struct sk_buff *skb, struct genl_info *info)
{
	struct color_map map;
	char *profile;
	bool have;
	int r;

	colorfs_registry_lock();
	have = colorfs_registry_profile(&map);
	colorfs_registry_unlock();
	if (!have)
		return -ENODATA;
	profile = kmalloc(PROFILE_SIZE, GFP_KERNEL);
	if (!profile)
		return -ENOMEM;
	color_map_format(&map, profile, PROFILE_SIZE);
	r = geometry_reply(info, &map, profile);
	kfree(profile);
	return r;
}

static int pool_put_amounts(struct sk_buff *skb, const struct colorfs_usage *usage)
{
	if (put_u64(skb, VIRTRK_ATTR_TOTAL, usage->total) || put_u64(skb, VIRTRK_ATTR_AVAILABLE, usage->available) ||
	    put_u64(skb, VIRTRK_ATTR_PROMISED, usage->promised) || put_u64(skb, VIRTRK_ATTR_LIMBO, usage->limbo) ||
	    put_u64(skb, VIRTRK_ATTR_REFUSALS, usage->exhausted))
		return -EMSGSIZE;
	return 0;
}

static int pool_put(struct sk_buff *skb, struct colorfs_pool *pool)
{
	struct colorfs_usage usage;

	colorfs_pool_usage(pool, &usage);
	if (nla_put_u32(skb, VIRTRK_ATTR_POOL, pool->id) || pool_put_amounts(skb, &usage) < 0)
		return -EMSGSIZE;
	if (!pool->choice.all[COLOR_CACHE] && nla_put_string(skb, VIRTRK_ATTR_COLOR_LIST, pool->text[COLOR_CACHE]))
		return -EMSGSIZE;
	if (!pool->choice.all[COLOR_BANK] && nla_put_string(skb, VIRTRK_ATTR_BANK_LIST, pool->text[COLOR_BANK]))
		return -EMSGSIZE;
	if (pool->choice.node != NUMA_NO_NODE && nla_put_u32(skb, VIRTRK_ATTR_NODE, pool->choice.node))
		return -EMSGSIZE;
	if (pool->choice.exclusive && nla_put_flag(skb, VIRTRK_ATTR_EXCLUSIVE))
		return -EMSGSIZE;
	return 0;
}

static int file_put(struct sk_buff *skb, const struct colorfs_pool *pool, struct colorfs_inode *info)
{
	if (nla_put_u32(skb, VIRTRK_ATTR_POOL, pool->id) || put_u64(skb, VIRTRK_ATTR_INODE, info->vfs.i_ino) ||
	    put_u64(skb, VIRTRK_ATTR_BYTES, i_size_read(&info->vfs)) ||
	    put_u64(skb, VIRTRK_ATTR_FRAMES, atomic_long_read(&info->present)))
		return -EMSGSIZE;
	return 0;
}

/* One message of a dump; what does not fit into the buffer comes in the next one. */
static void *message_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 command)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &family, NLM_F_MULTI, command);
}

static bool message_end(struct sk_buff *skb, void *head, int r)
{
	if (r < 0) {
		genlmsg_cancel(skb, head);
		return false;
	}
	genlmsg_end(skb, head);
	return true;
}

static int pools_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct colorfs_pool *pool;
	long at = 0;
	void *head;

	colorfs_registry_lock();
	list_for_each_entry(pool, colorfs_registry_pools(), entry) {
		if (at++ < cb->args[0])
			continue;
		head = message_begin(skb, cb, VIRTRK_CMD_POOLS);
		if (!head || !message_end(skb, head, pool_put(skb, pool)))
			break;
		cb->args[0] = at;
	}
	colorfs_registry_unlock();
	return skb->len;
}

static void files_of_pool(struct sk_buff *skb, struct netlink_callback *cb, struct colorfs_pool *pool)
{
	struct colorfs_inode *info;
	long at = 0;
	void *head;

	spin_lock(&pool->lock);
	list_for_each_entry(info, &pool->files, entry) {
		if (at++ < cb->args[0] || !S_ISREG(info->vfs.i_mode))
			continue;
		head = message_begin(skb, cb, VIRTRK_CMD_FILES);
		if (!head || !message_end(skb, head, file_put(skb, pool, info)))
			break;
		cb->args[0] = at;
	}
	spin_unlock(&pool->lock);
}

static int files_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attributes = compat_dump_attributes(cb);
	struct colorfs_pool *pool;
	int r = -ENODEV;
	u32 id;

	if (!attributes || !attributes[VIRTRK_ATTR_POOL])
		return -EINVAL;
	id = nla_get_u32(attributes[VIRTRK_ATTR_POOL]);
	colorfs_registry_lock();
	list_for_each_entry(pool, colorfs_registry_pools(), entry) {
		if (pool->id != id)
			continue;
		files_of_pool(skb, cb, pool);
		r = skb->len;
	}
	colorfs_registry_unlock();
	return r;
}

static int dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = DUMP_SIZE;
	return 0;
}

static const struct genl_ops operations[] = {
	{ .cmd = VIRTRK_CMD_GEOMETRY, .flags = GENL_ADMIN_PERM, .doit = geometry_get },
	{ .cmd = VIRTRK_CMD_POOLS, .flags = GENL_ADMIN_PERM, .start = dump_start, .dumpit = pools_dump },
	{ .cmd = VIRTRK_CMD_FILES, .flags = GENL_ADMIN_PERM, .start = dump_start, .dumpit = files_dump },
};

static struct genl_family family = {
	.name		= VIRTRK_GENL_NAME,
	.version	= VIRTRK_GENL_VERSION,
	.maxattr	= VIRTRK_ATTR_END - 1,
	.policy		= policy,
	.module		= THIS_MODULE,
	.ops		= operations,
	.n_ops		= ARRAY_SIZE(operations),
	.resv_start_op	= VIRTRK_CMD_UNSPEC + 1,
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

/* Users can ask for too much as often as they like: a few events a second are enough. */
void colorfs_netlink_exhausted(struct colorfs_pool *pool, unsigned long wanted)
{
	static DEFINE_RATELIMIT_STATE(limit, HZ, 5);
	struct colorfs_usage usage;
	struct sk_buff *skb;
	void *head;

	if (!__ratelimit(&limit) || !genl_has_listeners(&family, &init_net, GROUP_EVENTS))
		return;
	skb = genlmsg_new(128, GFP_KERNEL);
	if (!skb)
		return;
	colorfs_pool_usage(pool, &usage);
	head = genlmsg_put(skb, 0, 0, &family, 0, VIRTRK_CMD_EXHAUSTED);
	if (!head || nla_put_u32(skb, VIRTRK_ATTR_POOL, pool->id) || put_u64(skb, VIRTRK_ATTR_WANTED, wanted) ||
	    put_u64(skb, VIRTRK_ATTR_AVAILABLE, usage.available)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&family, skb, 0, GROUP_EVENTS, GFP_KERNEL);
}

int colorfs_netlink_init(void)
{
	return genl_register_family(&family);
}

void colorfs_netlink_exit(void)
{
	genl_unregister_family(&family);
}
