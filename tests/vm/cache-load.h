/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cache-load, in the host under test, and the plugin of the QEMU that emulates it agree on: virtual addresses that nobody
 * else uses. By them the plugin knows whose access it sees, without asking anybody in the host.
 */
#ifndef TEST_CACHE_LOAD_H
#define TEST_CACHE_LOAD_H

#define CACHE_LOAD_WINDOW	0x010000000000ULL	/* a program's memory begins where its window does */
#define CACHE_LOAD_VICTIM	0x510000000000ULL
#define CACHE_LOAD_AGGRESSOR	0x520000000000ULL
#define CACHE_LOAD_MARKS	0x5e0000000000ULL	/* an access to the n-th word begins phase n; to word 0 ends it */
#define CACHE_LOAD_PHASES	512

#endif
