/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files about DRAM share. Nothing here leaves the library. */
#ifndef ANALYSIS_DRAM_H
#define ANALYSIS_DRAM_H

#include "internal.h"
#include "memory.h"

int dram_question_check(const struct vrk_dram *dram, size_t n, const struct vrk_dram_task *tasks, size_t n_tasks);

static inline uint64_t sum_up(uint64_t a, uint64_t b)
{
	return clamp64((u128)a + b);
}

#endif
