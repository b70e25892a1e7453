/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the kernel's resctrl file system: what the hardware can divide (info/), and the groups there are, which are directories. The
 * last-level cache is taken: L3 where it can be divided, else L2; with code and data apart (mounted -o cdp) both halves, which then
 * get the same ways.
 *
 * Called by manager-cache.c. Reads only.
 */
#include <dirent.h>
#include <string.h>

#include "resctrl.h"
#include "sysroot.h"

#define GROUPS_MAX 1024

/* Masks are hex without 0x. */
static int mask_read(const struct sysroot *root, const char *cache, const char *file, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	char *end;
	int r = sysroot_readf(root, &text, RESCTRL_DIRECTORY "/info/%s/%s", cache, file);

	if (r < 0)
		return r;
	errno = 0;
	*ret = strtoull(text, &end, 16);
	return errno == 0 && end != text && *end == '\0' ? 0 : -EBADMSG;
}

static int number_read(const struct sysroot *root, const char *resource, const char *file, uint32_t *ret)
{
	char path[128];
	uint64_t value;
	int r;

	snprintf(path, sizeof(path), RESCTRL_DIRECTORY "/info/%s/%s", resource, file);
	r = sysroot_read_u64(root, path, &value);
	if (r >= 0 && value > UINT32_MAX)
		r = -ERANGE;
	if (r >= 0)
		*ret = (uint32_t)value;
	return r;
}

/* Every resource has a limit of its own; a group needs room in all. */
static void closids_take(const struct sysroot *root, const char *resource, struct resctrl *host)
{
	uint32_t n;

	if (number_read(root, resource, "num_closids", &n) >= 0 && n < host->closids)
		host->closids = n;
}

static int cache_look(const struct sysroot *root, struct resctrl *host)
{
	static const char *const names[][2] = { { "L3", NULL }, { "L3CODE", "L3DATA" }, { "L2", NULL }, { "L2CODE", "L2DATA" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (mask_read(root, names[i][0], "cbm_mask", &host->ways) < 0 || host->ways == 0)
			continue;
		if (mask_read(root, names[i][0], "shareable_bits", &host->shared_ways) < 0)
			host->shared_ways = 0;
		if (number_read(root, names[i][0], "min_cbm_bits", &host->least_ways) < 0 || host->least_ways == 0)
			host->least_ways = 1;
		for (size_t k = 0; k < 2 && names[i][k]; k++) {
			strcpy(host->cache[host->n_cache++], names[i][k]);
			closids_take(root, names[i][k], host);
		}
		return 0;
	}
	return -ENOENT;
}

static void bandwidth_look(const struct sysroot *root, struct resctrl *host)
{
	const struct resctrl_resource *line = resctrl_find(&host->groups[0].schemata, "MB");

	if (!line || number_read(root, "MB", "min_bandwidth", &host->bandwidth_least) < 0 ||
	    number_read(root, "MB", "bandwidth_gran", &host->bandwidth_step) < 0)
		return;
	/* mounted with mba_MBps the numbers are MB/s, AMD's are units of 1/8 GB/s: more than 100 in the beginning */
	host->bandwidth = true;
	for (size_t i = 0; i < line->n; i++)
		host->bandwidth &= line->at[i].value <= 100;
	closids_take(root, "MB", host);
}

static int group_read(const struct sysroot *root, const char *name, struct resctrl *host, struct vr_error **reterr)
{
	_cleanup_(freep) char *text = NULL;
	struct resctrl_group *groups, *group;
	int r = sysroot_readf(root, &text, RESCTRL_DIRECTORY "/%s%sschemata", name, *name ? "/" : "");

	if ((r == -ENOENT || r == -ENOTDIR) && *name)
		return 0;	/* a file, info, mon_groups; or it has ended just now */
	if (r < 0)
		return r;
	if (host->n == GROUPS_MAX || strlen(name) >= RESCTRL_GROUP_MAX)
		return -E2BIG;
	groups = reallocarray(host->groups, host->n + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	host->groups = groups;
	group = &groups[host->n];
	strcpy(group->name, name);
	r = resctrl_schemata_parse(text, &group->schemata, reterr);
	if (r >= 0)
		host->n++;
	return r;
}

int resctrl_look(const struct sysroot *root, struct resctrl *ret, struct vr_error **reterr)
{
	_cleanup_(resctrl_done) struct resctrl host = { .closids = UINT32_MAX };
	_cleanup_(closedirp) DIR *dir = NULL;
	int r = sysroot_opendir(root, RESCTRL_DIRECTORY, &dir);

	if (r >= 0)
		r = group_read(root, "", &host, reterr);
	if (r >= 0 && host.n == 0)
		r = -ENOENT;
	if (r >= 0)
		r = cache_look(root, &host);
	if (r < 0)
		return r;
	bandwidth_look(root, &host);
	for (const struct dirent *entry; r >= 0 && (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			r = group_read(root, entry->d_name, &host, reterr);
	if (r >= 0)
		*ret = TAKE_GENERIC(host, struct resctrl, (struct resctrl){ .n = 0 });
	return r;
}
