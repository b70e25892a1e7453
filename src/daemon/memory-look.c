/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host says about its memory: which frames there are (blocks that are online, /sys/devices/system/memory; /proc/iomem would be
 * finer, but shows its addresses to few), how they are divided (the profile), and which pools are mounted.
 *
 * Called by manager-memory.c. Reads only.
 */
#include <dirent.h>
#include <string.h>

#include "memory.h"
#include "profile-file.h"
#include "sysroot.h"

#define BLOCKS "/sys/devices/system/memory"

struct ranges {
	struct memory_range *items;
	size_t n;
};

static void ranges_done(struct ranges *ranges)
{
	free(ranges->items);
}

static int range_compare(const void *a, const void *b)
{
	const struct memory_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Hex, with or without 0x. */
static int hex_read(const struct sysroot *root, const char *path, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	char *end;
	int r = sysroot_read(root, path, &text);

	if (r < 0)
		return r;
	errno = 0;
	*ret = strtoull(text, &end, 16);
	return errno == 0 && end != text && *end == '\0' ? 0 : -EBADMSG;
}

static int block_add(const struct sysroot *root, const char *name, uint64_t frames, struct ranges *ranges)
{
	_cleanup_(freep) char *state = NULL;
	struct memory_range *items;
	char path[128];
	uint64_t index;

	if (snprintf(path, sizeof(path), BLOCKS "/%.40s/phys_index", name) < 0 || hex_read(root, path, &index) < 0 ||
	    sysroot_readf(root, &state, BLOCKS "/%.40s/state", name) < 0 || strcmp(state, "online") != 0)
		return 0;	/* taken out just now, or not in use */
	if (index > (UINT64_C(1) << COLOR_PFN_BITS) / frames)
		return -EBADMSG;
	items = reallocarray(ranges->items, ranges->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	ranges->items = items;
	items[ranges->n++] = (struct memory_range){ index * frames, (index + 1) * frames };
	return 0;
}

/* Neighbours become one: all that follows costs by their number. */
static void ranges_merge(struct ranges *ranges)
{
	size_t n = 0;

	if (ranges->n == 0)
		return;
	qsort(ranges->items, ranges->n, sizeof(*ranges->items), range_compare);
	for (size_t i = 1; i < ranges->n; i++)
		if (ranges->items[i].first == ranges->items[n].end)
			ranges->items[n].end = ranges->items[i].end;
		else
			ranges->items[++n] = ranges->items[i];
	ranges->n = n + 1;
}

static int ranges_look(const struct sysroot *root, struct ranges *ret)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	uint64_t bytes = 0;
	int r = hex_read(root, BLOCKS "/block_size_bytes", &bytes);

	if (r >= 0 && bytes < VRK_FRAME_BYTES)
		r = -EBADMSG;
	if (r >= 0)
		r = sysroot_opendir(root, BLOCKS, &dir);
	for (const struct dirent *entry; r >= 0 && (entry = readdir(dir)) != NULL;)
		if (strncmp(entry->d_name, "memory", 6) == 0 && entry->d_name[6] >= '0' && entry->d_name[6] <= '9')
			r = block_add(root, entry->d_name, bytes / VRK_FRAME_BYTES, ret);
	ranges_merge(ret);
	return r >= 0 && ret->n == 0 ? -ENOENT : r;
}

static int door_read(const void *host, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	char *whole;
	int r = sysroot_read_bytes(host, path, &text, &size);

	if (r < 0)
		return r;
	whole = realloc(text, size + 1);
	if (!whole)
		return -ENOMEM;
	text = NULL;
	whole[size] = '\0';
	*ret = whole;
	*ret_size = size;
	return 0;
}

static int door_opendir(const void *host, const char *path, DIR **ret)
{
	return sysroot_opendir(host, path, ret);
}

int memory_look_profile(const struct sysroot *root, char **ret, struct vr_error **reterr)
{
	const struct profile_door door = { .host = root, .read = door_read, .opendir = door_opendir };

	return profile_file_look(&door, ret, reterr);
}

int memory_look(const struct sysroot *root, struct memory_host *ret, struct vr_error **reterr)
{
	_cleanup_(ranges_done) struct ranges ranges = { 0 };
	_cleanup_(freep) char *profile = NULL;
	int r = ranges_look(root, &ranges);

	if (r < 0 && r != -ENOMEM)
		return vr_error_set(reterr, r, VR_UNSUPPORTED, "this kernel does not show which memory there is (" BLOCKS "): %s", strerror(-r));
	if (r >= 0)
		r = memory_look_profile(root, &profile, reterr);
	return r < 0 ? r : memory_host_make(profile, ranges.items, ranges.n, ret, reterr);
}

static bool is_known(const struct memory_pool *pools, size_t n, const struct memory_pool *pool)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pools[i].device, pool->device) == 0)
			return true;
	return false;
}

int memory_look_pools(const struct sysroot *root, struct memory_pool **ret, size_t *ret_n)
{
	_cleanup_(freep) char *text = NULL;
	struct memory_pool *pools = NULL;
	char *rest = NULL;
	size_t n = 0;
	int r = sysroot_read(root, "/proc/self/mountinfo", &text);

	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &rest); r >= 0 && line; line = strtok_r(NULL, "\n", &rest)) {
		struct memory_pool pool, *more;

		r = memory_pool_parse(line, &pool);
		if (r <= 0)
			continue;
		if (is_known(pools, n, &pool)) {
			memory_pool_done(&pool);
			continue;
		}
		more = reallocarray(pools, n + 1, sizeof(*pools));
		if (!more) {
			memory_pool_done(&pool);
			r = -ENOMEM;
			break;
		}
		pools = more;
		pools[n++] = pool;
	}
	if (r < 0) {
		memory_pools_free(pools, n);
		return r;
	}
	*ret = pools;
	*ret_n = n;
	return 0;
}
