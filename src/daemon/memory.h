/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that belongs to one domain, by cache colour and DRAM bank: which mounts of colorfs there are, and whether one more fits. Pure;
 * memory-look.c reads the host, the mounts are made by whoever asked.
 */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/memory.h>

#include "color-map.h"
#include "error.h"

#define MEMORY_SOURCE	  "virtrk:"	/* what a mount of ours is a mount of: this and the domain's name */
#define MEMORY_COLORS_MAX VRK_COLORS_MAX

/* Frame numbers from first to before end. */
struct memory_range {
	uint64_t first;
	uint64_t end;
};

/* How a host's frames are divided. */
struct memory_host {
	struct color_map map;
	uint32_t colors;		/* 1 = it has no profile, or one without cache functions */
	uint32_t banks;
	uint64_t *frames;		/* of each pair: [color * banks + bank] */
	char *profile;			/* as mount options write it; NULL = none */
};

/* A mount of colorfs; or one that is held for somebody who will make it. */
struct memory_pool {
	char *domain;			/* "" = not by virtrk */
	char *path;			/* NULL = not mounted yet */
	char device[24];		/* the kernel's number: the same one may be mounted at several places */
	uint64_t bytes;
	bool all_colors;		/* none are named: any may be used, and colors is not set */
	bool all_banks;
	bool exclusive;			/* nobody else may have these colours */
	bool preserve;			/* frames follow the index of their page: as many of each colour (and bank that is named) */
	struct color_set colors;
	struct color_set banks;
};

/* What is asked for. Of colours (banks) a number, a list, or nothing at all. */
struct memory_want {
	const char *domain;
	uint64_t bytes;
	uint32_t n_colors;
	uint32_t n_banks;
	const char *colors;		/* "0-3,8", NULL or "" */
	const char *banks;
	bool exclusive;
	bool preserve;
	bool mounted;			/* it is asked what the domain has, by memory_serves(); not what it could get */
};

void memory_host_done(struct memory_host *host);
void memory_pool_done(struct memory_pool *pool);
void memory_pools_free(struct memory_pool *pools, size_t n);
int memory_pool_copy(const struct memory_pool *pool, struct memory_pool *ret);

/*
 * memory_host_make() - @profile: virtrk-profile(5), NULL = nothing is known but how much memory there is
 *
 * Return: 0; -EBADMSG with words: no profile, or one with more than MEMORY_COLORS_MAX colours, banks, or VRK_CELLS_MAX pairs. O(pairs * n).
 */
int memory_host_make(const char *profile, const struct memory_range *ranges, size_t n, struct memory_host *ret, struct vr_error **reterr);

/*
 * memory_choose() - which colours and banks @want gets beside @pools; *ret.path stays NULL
 *
 * A number of colours is a promise of colours that no other pool names: the lowest such. A list may share colours with others that
 * do not want theirs for themselves; so may who names none. Whether all have room then is vrk_memory_fit()'s to say, and its certificate
 * is checked; with preserve, also that each colour has room for its share (memory-shares.h). Necessary, not sufficient: the frames must
 * also be free, which the mount itself finds out, and fails as a whole otherwise.
 * Return: 0; with words -EINVAL not possible on this host, -EDQUOT (VR_OVERLOAD) not beside the others: the text names both sides and
 * the smallest change; -ENOMEM.
 */
int memory_choose(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_want *want,
		  struct memory_pool *ret, struct vr_error **reterr);

/*
 * memory_serves() - has the domain what @want says? At least the size, exactly the colours and banks, of which a number says how many
 *
 * Return: 0, *ret is the index of its pool; with words -ENOENT (VR_NOT_RESERVED) it has none, or another one; -EINVAL no such list here.
 */
int memory_serves(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_want *want, size_t *ret,
		  struct vr_error **reterr);

/* A pool as the library is asked about it. One that was mounted by another profile may have any frame. */
void memory_request(const struct memory_host *host, const struct memory_pool *pool, struct vrk_memory_request *ret);

/* How a pool with preserve lays its pages out; else why there is no such layout: colours and banks have to be divisible. */
enum color_fault memory_layout(const struct memory_host *host, const struct memory_pool *pool, struct color_layout *ret);

/* Which colours (banks) nobody has named: those of which a number can be had. */
void memory_unnamed(const struct memory_host *host, const struct memory_pool *pools, size_t n, enum color_kind kind, struct color_set *ret);

/* What mount(2) is to be told, but for owner and mode. */
int memory_options(const struct memory_host *host, const struct memory_pool *pool, char **ret);

/*
 * memory_pool_parse() - one line of /proc/PID/mountinfo
 *
 * Return: 1 with *ret: a colorfs; 0: something else; -EBADMSG: a colorfs with options that are not understood; -ENOMEM.
 */
int memory_pool_parse(const char *line, struct memory_pool *ret);

/* memory-look.c. Frames as the kernel has them online, in blocks (128 MiB or more); the profile that is in force (src/profile/profile-file.h). */
struct sysroot;
int memory_look(const struct sysroot *root, struct memory_host *ret, struct vr_error **reterr);
int memory_look_profile(const struct sysroot *root, char **ret, struct vr_error **reterr);	/* NULL: there is none */
int memory_look_pools(const struct sysroot *root, struct memory_pool **ret, size_t *ret_n);

#endif
