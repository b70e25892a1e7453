/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a tracefs `trace` or `trace_pipe` file, as values: sched_switch, sched_wakeup and lost events. Pure.
 */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <virtrk/units.h>

#define TRACE_COMM_MAX 16

enum trace_kind {
	TRACE_NONE,		/* a comment, another event, another thread */
	TRACE_IN,
	TRACE_OUT,
	TRACE_WAKE,
	TRACE_LOST,
};

enum trace_record_kind {
	TRACE_RECORD_NONE,	/* a comment, another event */
	TRACE_RECORD_SWITCH,
	TRACE_RECORD_WAKE,
	TRACE_RECORD_LOST,
};

/* What a line says. */
struct trace_record {
	enum trace_record_kind kind;
	nsec_t time_ns;		/* of the trace's clock; 0 = the line has none (lost events) */
	unsigned int cpu;	/* where it happened, or was lost */
	pid_t prev_tid;		/* SWITCH; 0 = the CPU was idle */
	int prev_prio;		/* as the kernel counts: -1 is SCHED_DEADLINE, 0 the stopper, 120 an ordinary thread */
	bool runnable;		/* prev left the CPU but not the queue */
	pid_t next_tid;		/* WAKE: who was woken */
	int next_prio;
	char next_comm[TRACE_COMM_MAX];		/* SWITCH */
	unsigned int target_cpu;		/* WAKE: on whose queue it is now */
	uint64_t lost;		/* LOST: how many */
};

/*
 * trace_read() - what one line (without newline, need not end in NUL) tells
 *
 * O(length), no allocation. Return: 0; -EBADMSG: an event that we look for, but not in the form that the kernel writes.
 */
int trace_read(const char *line, size_t length, struct trace_record *ret);

/* The same, as one thread sees it. */
struct trace_event {
	enum trace_kind kind;
	nsec_t time_ns;
	unsigned int cpu;
	bool runnable;		/* TRACE_OUT: it left the CPU but not the queue */
	bool lower;		/* TRACE_OUT: what follows it has no deadline and is no stopper */
	uint64_t lost;		/* TRACE_LOST */
};

/* The time is set for other threads' switches and wakeups too: the trace goes on. As trace_read(). */
int trace_parse(const char *line, size_t length, pid_t tid, struct trace_event *ret);

#endif
