/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An amount of computation that is the same in every run.
 *
 * A task's work is a number of iterations of a loop that lives in registers: no memory, no system call,
 * so what it takes depends on the CPU that runs it and on who else wants that CPU, which is what we
 * measure. How many iterations make a millisecond is found once on the idle machine; runs that are to
 * be compared must be given the same number.
 */
#include <time.h>

#include "work.h"

uint64_t clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);	/* cannot fail: the clock exists, the pointer is ours */
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void work_do(uint64_t iterations)
{
	uint64_t x = 88172645463325252ULL;	/* xorshift64: each step needs the one before */

	for (; iterations; iterations--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__asm__ volatile("" : "+r"(x));	/* the compiler must believe that x is wanted */
	}
}

static uint64_t work_time(uint64_t iterations)
{
	uint64_t start = clock_now();

	work_do(iterations);
	return clock_now() - start;
}

/*
 * The quickest of many batches: whatever disturbs a batch (an interrupt, an emulator that still has to
 * translate the loop) makes it slower, nothing makes it quicker.
 */
uint64_t work_calibrate(void)
{
	const uint64_t batch_ns = 4000000, batches = 60;
	uint64_t iterations = 1000, best, ns;

	while (work_time(iterations) < batch_ns)
		iterations *= 2;
	best = work_time(iterations);
	for (uint64_t i = 0; i < batches; i++) {
		ns = work_time(iterations);
		if (ns < best)
			best = ns;
	}
	return (uint64_t)((unsigned __int128)iterations * 1000000 / (best ? best : 1));
}
