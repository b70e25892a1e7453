/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a tracefs `trace` file, as values: sched_switch and sched_wakeup of one thread, and lost events. Pure.
 */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <virtrk/units.h>

enum trace_kind {
	TRACE_NONE,		/* a comment, another event, another thread */
	TRACE_IN,
	TRACE_OUT,
	TRACE_WAKE,
	TRACE_LOST,
};

struct trace_event {
	enum trace_kind kind;
	nsec_t time_ns;		/* of the trace's clock; 0 = the line has none (lost events) */
	unsigned int cpu;
	bool runnable;		/* TRACE_OUT: it left the CPU but not the queue */
	bool lower;		/* TRACE_OUT: what follows it has no deadline and is no stopper */
	uint64_t lost;		/* TRACE_LOST */
};

/*
 * trace_parse() - what one line (without newline, need not end in NUL) tells about thread @tid
 *
 * The time is set for other threads' switches and wakeups too: the trace goes on. O(length), no allocation.
 * Return: 0; -EBADMSG: an event that we look for, but not in the form that the kernel writes.
 */
int trace_parse(const char *line, size_t length, pid_t tid, struct trace_event *ret);

#endif
