/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Context switches of one thread, as the kernel records them (perf_event_open), and the clock of those records. Knows
 * nothing of reservations; used by the monitor only.
 */
#ifndef DAEMON_PERF_H
#define DAEMON_PERF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <virtrk/units.h>

/* A ring that the kernel fills and we empty. Empty: { .fd = -EBADF }. */
struct perf_ring {
	int fd;
	void *map;		/* NULL = none */
	const char *data;	/* in it, behind the first page */
	size_t size;		/* of the data, a power of two */
};

enum perf_kind {
	PERF_OTHER,		/* none of the below: only its time counts */
	PERF_SWITCH_IN,
	PERF_SWITCH_BLOCKED,	/* off the CPU, waiting for something */
	PERF_SWITCH_READY,	/* off the CPU, still runnable: throttled or preempted */
	PERF_LOST,
};

struct perf_record {
	enum perf_kind kind;
	nsec_t time_ns;		/* sched_clock */
	uint64_t lost;
};

/*
 * The ring holds 8192 records: a thread that is switched in and out 4000 times a second may be read once a second. 132 KiB
 * of locked memory each. Return: 0; -ESRCH no such thread; else this host has no switch records for us (-EACCES, -ENOSYS ...).
 */
int perf_switches_open(struct perf_ring *ret, pid_t tid);
void perf_ring_close(struct perf_ring *ring);

/* Positions only grow. Read from perf_tail() to perf_head(), then perf_release(); what is released may be overwritten. */
uint64_t perf_head(const struct perf_ring *ring);
uint64_t perf_tail(const struct perf_ring *ring);
/* The record at *pos, and *pos behind it; false at @head. */
bool perf_next(const struct perf_ring *ring, uint64_t *pos, uint64_t head, struct perf_record *ret);
void perf_release(struct perf_ring *ring, uint64_t pos);

/*
 * What the records' clock shows now. It is the scheduler's own clock, which no system call reads; so we make the kernel
 * record something of ours and compare. For one thread: the one that opened it.
 */
struct perf_clock {
	struct perf_ring ring;
	nsec_t measured_ns;	/* CLOCK_MONOTONIC; 0 = never */
	int64_t offset_ns;	/* records' clock minus CLOCK_MONOTONIC */
};

int perf_clock_open(struct perf_clock *ret);
void perf_clock_close(struct perf_clock *clock);
/* @now_ns of CLOCK_MONOTONIC in the records' clock, to a few microseconds. About 7 us when last measured over 0.1 s ago. */
nsec_t perf_clock_convert(struct perf_clock *clock, nsec_t now_ns);

nsec_t perf_monotonic_now(void);

#endif
