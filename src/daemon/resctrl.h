/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways of a cache, and memory bandwidth, for one domain: what the kernel's resctrl file system shows, as values, and who may get
 * what of it. Pure; resctrl-look.c reads the files, apply-resctrl.c writes them.
 */
#ifndef DAEMON_RESCTRL_H
#define DAEMON_RESCTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define RESCTRL_NAME_MAX      16
#define RESCTRL_RESOURCES_MAX 12
#define RESCTRL_CACHES_MAX    128	/* of one level, on the largest hosts */
#define RESCTRL_PREFIX	      "virtrk-"	/* groups of ours: this and the domain's name */
#define RESCTRL_GROUP_MAX     256

/* One line of a schemata file. */
struct resctrl_resource {
	char name[RESCTRL_NAME_MAX];	/* "L3", "L3CODE", "L2", "MB" */
	size_t n;
	struct {
		uint32_t id;		/* of the cache, ascending, not always without gaps */
		uint64_t value;		/* caches: a mask of ways; MB: percent, or MB/s */
	} at[RESCTRL_CACHES_MAX];
};

struct resctrl_schemata {
	struct resctrl_resource resources[RESCTRL_RESOURCES_MAX];
	size_t n;
};

/* Its values are masks of ways, and written in hex; what is no cache has decimal numbers. */
bool resctrl_is_cache(const struct resctrl_resource *resource);

/*
 * resctrl_schemata_parse() - what the kernel prints: lines "NAME:ID=VALUE;ID=VALUE", white space before the name
 *
 * Return: 0; -EBADMSG with words: not of that form, a name or cache twice, more than there is room for. O(length).
 */
int resctrl_schemata_parse(const char *text, struct resctrl_schemata *ret, struct vr_error **reterr);
int resctrl_schemata_format(const struct resctrl_schemata *schemata, char **ret);	/* what the kernel takes; 0 or -ENOMEM */
const struct resctrl_resource *resctrl_find(const struct resctrl_schemata *schemata, const char *name);
/* Every value of @part stands in @whole too. */
bool resctrl_schemata_within(const struct resctrl_schemata *part, const struct resctrl_schemata *whole);

struct resctrl_group {
	char name[RESCTRL_GROUP_MAX];	/* "" = the default one, in which all others' tasks are */
	struct resctrl_schemata schemata;
};

struct resctrl {
	char cache[2][RESCTRL_NAME_MAX];	/* "L3"; with code and data apart "L3CODE" and "L3DATA"; else of level 2 */
	size_t n_cache;
	uint64_t ways;			/* the mask of all */
	uint64_t shared_ways;		/* which devices use too: promised to nobody */
	uint32_t least_ways;		/* of a mask */
	uint32_t closids;		/* how many groups the hardware knows, the default one among them */
	bool bandwidth;			/* it can be limited, in percent */
	uint32_t bandwidth_least;
	uint32_t bandwidth_step;
	struct resctrl_group *groups;	/* the default one first */
	size_t n;
};

void resctrl_done(struct resctrl *host);
const struct resctrl_group *resctrl_group(const struct resctrl *host, const char *name);

/* The group of a domain; bytes that a directory should not be called by become %XX. -ENAMETOOLONG. */
int resctrl_group_name(const char *domain, char ret[RESCTRL_GROUP_MAX]);
/* Whose it is, malloc()ed; -ENOENT: none of ours, or not as we write them. */
int resctrl_group_domain(const char *group, char **ret);

/*
 * resctrl_place() - ways that nobody else has, on every cache, and a limit of bandwidth
 *
 * @group: the one that is to have them; what it has now counts as free. @ways: 0 = none of its own. @percent: of the memory
 * bandwidth, 0 = no limit; rounded down to what the hardware knows. The ways are in one run, as most hardware wants it; the lowest
 * run that is free of all groups, libvirt's and the default one among them, and of what devices use.
 * Return: 0 with the lines to be written; with words -EOPNOTSUPP the hardware has not got it, -EINVAL a number out of range,
 * -EDQUOT (VR_OVERLOAD) not free: the text names the smallest change. O(caches * (groups + ways)).
 */
int resctrl_place(const struct resctrl *host, const char *group, uint32_t ways, uint32_t percent, struct resctrl_schemata *ret,
		  struct vr_error **reterr);

/* resctrl-look.c. -ENOENT: not mounted, or no cache whose ways can be given. */
struct sysroot;
#define RESCTRL_DIRECTORY "/sys/fs/resctrl"
int resctrl_look(const struct sysroot *root, struct resctrl *ret, struct vr_error **reterr);

#endif
