/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processor says about itself that no file of the kernel's repeats: whether a cache is indexed by more than address bits
 * (Intel: leaf 4, "complex cache indexing"; AMD has no such bit, but its last levels have been hashed since they are made of slices, family
 * 17h), and whether it is a virtual one. On other architectures it says nothing.
 *
 * Called by the profiler. Asks the processor that it runs on.
 */
#include "cache-geometry.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <string.h>

#define LEAF_INTEL 0x4U
#define LEAF_AMD   0x8000001dU
#define COMPLEX	   4U	/* EDX */

static bool vendor_is(const char name[12])
{
	uint32_t max, words[3];

	return __get_cpuid(0, &max, &words[0], &words[2], &words[1]) && memcmp(words, name, sizeof(words)) == 0;
}

static uint32_t family(void)
{
	uint32_t a, b, c, d, base;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return 0;
	base = a >> 8 & 15;
	return base == 15 ? base + (a >> 20 & 255) : base;
}

size_t cache_words_cpuid(struct cache_word ret[CACHES_MAX])
{
	bool amd = vendor_is("AuthenticAMD") || vendor_is("HygonGenuine");
	uint32_t leaf = amd ? LEAF_AMD : LEAF_INTEL, a, b, c, d, type;
	size_t n = 0;

	if (!amd && !vendor_is("GenuineIntel"))
		return 0;
	for (uint32_t i = 0; n < CACHES_MAX && __get_cpuid_count(leaf, i, &a, &b, &c, &d); i++) {
		type = a & 31;		/* 1 data, 2 instructions, 3 both, 0 no more */
		if (type == 0)
			break;
		ret[n] = (struct cache_word){ .level = a >> 5 & 7, .data = type != 2 };
		if (!amd)
			ret[n].index = d & COMPLEX ? CACHE_INDEX_HASHED : CACHE_INDEX_LINEAR;
		else if (ret[n].level == 3 && family() >= 0x17)
			ret[n].index = CACHE_INDEX_HASHED;
		n++;
	}
	return n;
}

bool cpu_is_virtual(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
}
#else
size_t cache_words_cpuid(struct cache_word ret[CACHES_MAX])
{
	(void)ret;
	return 0;
}

/* Not told: as if it were, so that timing has to confirm what is said. */
bool cpu_is_virtual(void)
{
	return true;
}
#endif
