/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUEST_WORK_H
#define GUEST_WORK_H

#include <stdint.h>

/* Does @iterations of a computation that stays in registers. */
void work_do(uint64_t iterations);

/* How many iterations take one millisecond of an undisturbed CPU, found by trying: 0.3 s or so. */
uint64_t work_calibrate(void);

/* CLOCK_MONOTONIC in ns. */
uint64_t clock_now(void);

#endif
