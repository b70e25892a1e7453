/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files about page frames share. Nothing here leaves the library.
 */
#ifndef ANALYSIS_MEMORY_H
#define ANALYSIS_MEMORY_H

#include <virtrk/memory.h>

/* The rules that numbers must keep; see vrk_memory_fit(). */
int memory_question_check(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n);

static inline uint64_t memory_frames(const struct vrk_memory_request *r)
{
	return r->bytes / VRK_FRAME_BYTES + (r->bytes % VRK_FRAME_BYTES != 0);
}

/* The least number that both have; -1 = none. */
int64_t colors_meet(const struct vrk_colors *a, const struct vrk_colors *b);

/*
 * How many frames request @index gets when all others get theirs, whatever it asks for; *ret_others: they do. Says nothing about
 * colours that are somebody's own.
 */
int memory_most(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n, size_t index,
		uint64_t *ret_frames, bool *ret_others);

#endif
