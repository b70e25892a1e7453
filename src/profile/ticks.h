/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few instructions that timing needs, where a program may use them.
 */
#ifndef PROFILE_TICKS_H
#define PROFILE_TICKS_H

#include <stdint.h>

#ifdef __x86_64__
#include <x86intrin.h>

#define TICKS_POSSIBLE true

/* Behind everything that stands before it. */
static inline uint64_t ticks_now(void)
{
	uint64_t now;

	_mm_mfence();
	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

/* Both lines from memory, and out of all caches again. */
static inline void ticks_read_flush(const unsigned char *a, const unsigned char *b)
{
	(void)*(const volatile unsigned char *)a;
	(void)*(const volatile unsigned char *)b;
	_mm_clflush(a);
	_mm_clflush(b);
	_mm_mfence();
}
#else
#define TICKS_POSSIBLE false

static inline uint64_t ticks_now(void)
{
	return 0;
}

static inline void ticks_read_flush(const unsigned char *a, const unsigned char *b)
{
	(void)a;
	(void)b;
}
#endif

/* Follows @steps pointers: each read has to wait for the one before it. */
static inline void ticks_chase(void *at, uint64_t steps)
{
	void *volatile *p = at;

	while (steps-- > 0)
		p = *p;
	__asm__ volatile("" : : "r"(p));
}

#endif
