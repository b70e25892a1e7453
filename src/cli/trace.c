/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text that tracefs prints, for example (one line, shortened)
 *
 *   CPU 0/TCG-25087 [000] d..2. 5566.408416: sched_switch: prev_comm=CPU 0/TCG prev_pid=25087 prev_prio=-1
 *      prev_state=S ==> next_comm=demo next_pid=24886 next_prio=98
 *
 * A thread's name may hold spaces, colons and equal signs, but at most 15 bytes. So the event is found by a text that is
 * longer than that, and fields behind a name from the right. Priorities here are the kernel's: -1 is SCHED_DEADLINE, 0 the
 * stopper (and FIFO 99), the rest is below.
 *
 * Called by verify, the timeline tool and the fuzzer; trusts nothing that it reads.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "trace.h"

struct text {
	const char *start;
	size_t length;
};

static struct text text_from(struct text t, size_t offset)
{
	return (struct text){ t.start + offset, t.length - offset };
}

static bool text_find(struct text t, const char *what, size_t *ret)
{
	const char *p = memmem(t.start, t.length, what, strlen(what));

	if (!p)
		return false;
	*ret = (size_t)(p - t.start);
	return true;
}

static bool text_find_last(struct text t, const char *what, size_t *ret)
{
	size_t length = strlen(what), i;

	for (i = t.length + 1; i > length; i--) {
		if (memcmp(t.start + i - 1 - length, what, length) == 0) {
			*ret = i - 1 - length;
			return true;
		}
	}
	return false;
}

/* A number at the start, and what follows it. */
static bool text_number(struct text *t, int64_t *ret)
{
	bool negative = t->length > 0 && t->start[0] == '-';
	size_t i = negative;
	int64_t value = 0;

	if (i >= t->length || !isdigit((unsigned char)t->start[i]))
		return false;
	for (; i < t->length && isdigit((unsigned char)t->start[i]); i++) {
		if (value > (INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (t->start[i] - '0');
	}
	*ret = negative ? -value : value;
	*t = text_from(*t, i);
	return true;
}

static bool text_skip(struct text *t, const char *what)
{
	size_t length = strlen(what);

	if (t->length < length || memcmp(t->start, what, length) != 0)
		return false;
	*t = text_from(*t, length);
	return true;
}

/* " prev_pid=7 prev_prio=120": the last of that form in @t. Afterwards *t is what follows. */
static bool text_thread(struct text *t, const char *pid_key, const char *prio_key, pid_t *ret_tid, int *ret_prio)
{
	int64_t pid, prio;
	size_t at;

	if (!text_find_last(*t, pid_key, &at))
		return false;
	*t = text_from(*t, at + strlen(pid_key));
	if (!text_number(t, &pid) || !text_skip(t, prio_key) || !text_number(t, &prio))
		return false;
	if (pid < 0 || pid > INT32_MAX || prio < INT16_MIN || prio > INT16_MAX)
		return false;
	*ret_tid = (pid_t)pid;
	*ret_prio = (int)prio;
	return true;
}

/* "swapper/0 next_pid=0 ...": the name, which may hold anything but is short. */
static void comm_copy(struct text t, char comm[TRACE_COMM_MAX])
{
	size_t length = 0;

	if (!text_find_last(t, " next_pid=", &length) || length >= TRACE_COMM_MAX)
		length = length < TRACE_COMM_MAX ? length : TRACE_COMM_MAX - 1;
	memcpy(comm, t.start, length);
	comm[length] = '\0';
}

/* "... [001] d..3.  5566.408188", up to the colon before the event. */
static bool head_parse(struct text head, struct trace_record *record)
{
	nsec_t fraction_ns = NSEC_PER_SEC;
	int64_t cpu, seconds;
	struct text t;
	size_t at, start;

	for (start = head.length; start > 0 && (isdigit((unsigned char)head.start[start - 1]) || head.start[start - 1] == '.');)
		start--;
	t = text_from(head, start);
	if (!text_number(&t, &seconds) || seconds > (int64_t)(NSEC_MAX / NSEC_PER_SEC) - 1 || !text_skip(&t, ".") || t.length > 9)
		return false;
	record->time_ns = (nsec_t)seconds * NSEC_PER_SEC;
	for (; t.length > 0 && isdigit((unsigned char)*t.start); t = text_from(t, 1)) {
		fraction_ns /= 10;
		record->time_ns += (nsec_t)(*t.start - '0') * fraction_ns;
	}
	head.length = start;
	if (t.length > 0 || fraction_ns == NSEC_PER_SEC || !text_find_last(head, "[", &at))
		return false;
	t = text_from(head, at + 1);
	if (!text_number(&t, &cpu) || cpu < 0 || cpu > UINT16_MAX || !text_skip(&t, "]"))
		return false;
	record->cpu = (unsigned int)cpu;
	return true;
}

static int switch_parse(struct text body, struct trace_record *record)
{
	static const char arrow_text[] = " ==> next_comm=";
	struct text prev = body, next = body;
	size_t arrow;

	if (!text_find_last(body, arrow_text, &arrow))
		return -EBADMSG;
	prev.length = arrow;
	next = text_from(body, arrow + strlen(arrow_text));
	comm_copy(next, record->next_comm);
	if (!text_thread(&prev, " prev_pid=", " prev_prio=", &record->prev_tid, &record->prev_prio) ||
	    !text_skip(&prev, " prev_state=") || prev.length == 0 ||
	    !text_thread(&next, " next_pid=", " next_prio=", &record->next_tid, &record->next_prio))
		return -EBADMSG;
	record->runnable = prev.start[0] == 'R';
	record->kind = TRACE_RECORD_SWITCH;
	return 0;
}

static int wake_parse(struct text body, struct trace_record *record)
{
	int64_t cpu;

	if (!text_thread(&body, " pid=", " prio=", &record->next_tid, &record->next_prio))
		return -EBADMSG;
	record->target_cpu = record->cpu;
	if (text_skip(&body, " target_cpu=") && text_number(&body, &cpu) && cpu >= 0 && cpu <= UINT16_MAX)
		record->target_cpu = (unsigned int)cpu;
	record->kind = TRACE_RECORD_WAKE;
	return 0;
}

/* "CPU:1 [LOST 123 EVENTS]", of which "CPU:" is read */
static int lost_parse(struct text t, struct trace_record *record)
{
	int64_t cpu, lost;

	if (!text_number(&t, &cpu) || cpu < 0 || cpu > UINT16_MAX || !text_skip(&t, " [LOST ") || !text_number(&t, &lost) ||
	    lost <= 0 || !text_skip(&t, " EVENTS]"))
		return -EBADMSG;
	record->kind = TRACE_RECORD_LOST;
	record->cpu = (unsigned int)cpu;
	record->lost = (uint64_t)lost;
	return 0;
}

int trace_read(const char *line, size_t length, struct trace_record *ret)
{
	static const struct {
		const char *text;
		int (*parse)(struct text body, struct trace_record *record);
	} events[] = {
		{ ": sched_switch: prev_comm=", switch_parse },
		{ ": sched_wakeup: comm=", wake_parse },
		{ ": sched_wakeup_new: comm=", wake_parse },
	};
	struct trace_record record = { .kind = TRACE_RECORD_NONE };
	struct text t = { line, length };
	size_t at, i;
	int r = 0;

	*ret = record;
	if (length == 0 || line[0] == '#')
		return 0;
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		if (!text_find(t, events[i].text, &at))
			continue;
		if (!head_parse((struct text){ line, at }, &record))
			return -EBADMSG;
		r = events[i].parse(text_from(t, at + strlen(events[i].text)), &record);
		break;
	}
	if (i == ARRAY_SIZE(events) && text_skip(&t, "CPU:") && text_find(t, " [LOST ", &at))
		r = lost_parse(t, &record);
	if (r == 0)
		*ret = record;
	return r;
}

int trace_parse(const char *line, size_t length, pid_t tid, struct trace_event *ret)
{
	struct trace_record record;
	int r;

	*ret = (struct trace_event){ .kind = TRACE_NONE };
	r = trace_read(line, length, &record);
	if (r < 0 || record.kind == TRACE_RECORD_NONE)
		return r;
	if (record.kind == TRACE_RECORD_LOST) {
		*ret = (struct trace_event){ .kind = TRACE_LOST, .lost = record.lost };
		return 0;
	}
	ret->time_ns = record.time_ns;
	ret->cpu = record.cpu;
	if (record.kind == TRACE_RECORD_WAKE) {
		ret->kind = record.next_tid == tid ? TRACE_WAKE : TRACE_NONE;
	} else if (record.next_tid == tid) {
		ret->kind = TRACE_IN;
	} else if (record.prev_tid == tid) {
		ret->kind = TRACE_OUT;
		ret->runnable = record.runnable;
		ret->lower = record.prev_prio < 0 && record.next_prio > 0;
	}
	return 0;
}
