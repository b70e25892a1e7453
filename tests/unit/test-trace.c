/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a trace: those that the kernel writes, names that try to be fields, and what is none. */
#include "expect.h"
#include "trace.h"

#define T(ms) ((nsec_t)5566 * NSEC_PER_SEC + (nsec_t)((ms) * 1000000))

/* Thread 7. */
static const struct {
	const char *name;
	const char *line;
	int r;
	enum trace_kind kind;
	nsec_t time_ns;
	unsigned int cpu;
	bool runnable, lower;
	uint64_t lost;
} cases[] = {
	{ "empty", "", 0, TRACE_NONE, 0, 0, false, false, 0 },
	{ "comment", "# tracer: nop", 0, TRACE_NONE, 0, 0, false, false, 0 },
	{ "comment that looks like one",
	  "#  a-7 [000] d..2. 5566.5: sched_switch: prev_comm=a prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=b next_pid=8 next_prio=120",
	  0, TRACE_NONE, 0, 0, false, false, 0 },
	{ "in",
	  "  b-8       [001] d..2.  5566.408218: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1",
	  0, TRACE_IN, T(408.218), 1, false, false, 0 },
	{ "out, asleep",
	  " a-7 [000] d..2. 5566.408416: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=S ==> next_comm=b next_pid=8 next_prio=98",
	  0, TRACE_OUT, T(408.416), 0, false, true, 0 },
	{ "out, preempted by a deadline",
	  " a-7 [000] d..2. 5566.408416: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=R+ ==> next_comm=b next_pid=8 next_prio=-1",
	  0, TRACE_OUT, T(408.416), 0, true, false, 0 },
	{ "out, pushed aside by a stopper",
	  " a-7 [000] d..2. 5566.408416: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=R ==> next_comm=migration/0 next_pid=19 next_prio=0",
	  0, TRACE_OUT, T(408.416), 0, true, false, 0 },
	{ "out, idle follows",
	  " a-7 [123] d..2. 5566.408416: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=R ==> next_comm=swapper/0 next_pid=0 next_prio=120",
	  0, TRACE_OUT, T(408.416), 123, true, true, 0 },
	{ "out, without a deadline there is no lower",
	  " a-7 [000] d..2. 5566.408416: sched_switch: prev_comm=a prev_pid=7 prev_prio=120 prev_state=R ==> next_comm=b next_pid=8 next_prio=120",
	  0, TRACE_OUT, T(408.416), 0, true, false, 0 },
	{ "of others",
	  " b-8 [000] d..2. 5566.408416: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=c next_pid=9 next_prio=120",
	  0, TRACE_NONE, T(408.416), 0, false, false, 0 },
	{ "woken", " b-8 [001] d..3. 5566.408188: sched_wakeup: comm=CPU 0/TCG pid=7 prio=-1 target_cpu=001", 0, TRACE_WAKE,
	  T(408.188), 1, false, false, 0 },
	{ "woken for the first time", " b-8 [001] d..3. 5566.4: sched_wakeup_new: comm=a pid=7 prio=120 target_cpu=000", 0,
	  TRACE_WAKE, T(400), 1, false, false, 0 },
	{ "another woken", " b-8 [001] d..3. 5566.408188: sched_wakeup: comm=c pid=77 prio=-1 target_cpu=001", 0, TRACE_NONE,
	  T(408.188), 1, false, false, 0 },
	{ "another event", " b-8 [001] d..3. 5566.408188: sys_enter: NR 7 (1, 2)", 0, TRACE_NONE, 0, 0, false, false, 0 },
	{ "nanoseconds", " b-8 [001] d..3. 5566.408188123: sched_wakeup: comm=a pid=7 prio=-1 target_cpu=001", 0, TRACE_WAKE,
	  T(408.188123), 1, false, false, 0 },
	{ "lost", "CPU:1 [LOST 123 EVENTS]", 0, TRACE_LOST, 0, 0, false, false, 123 },

	{ "a name with spaces and brackets",
	  " x [9] 1.2: y-7 [002] d..2. 5566.5: sched_switch: prev_comm=x [9] 1.2: y prev_pid=7 prev_prio=-1 prev_state=S ==> next_comm=b next_pid=8 next_prio=120",
	  0, TRACE_OUT, T(500), 2, false, true, 0 },
	{ "names that look like fields",
	  " a-7 [000] d..2. 5566.5: sched_switch: prev_comm=p prev_pid=9 x prev_pid=7 prev_prio=-1 prev_state=R ==> next_comm=q next_pid=7 z next_pid=8 next_prio=120",
	  0, TRACE_OUT, T(500), 0, true, true, 0 },
	{ "a woken one's name that looks like a field", " b-8 [001] d..3. 5566.5: sched_wakeup: comm= pid=7 prio=1 pid=9 prio=2 target_cpu=0",
	  0, TRACE_NONE, T(500), 1, false, false, 0 },

	{ "no CPU", " a-7 5566.5: sched_wakeup: comm=a pid=7 prio=1", -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
	{ "no time", " a-7 [000] d..2. : sched_wakeup: comm=a pid=7 prio=1", -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
	{ "a counter for a clock", " a-7 [000] d..2. 12345: sched_wakeup: comm=a pid=7 prio=1", -EBADMSG, TRACE_NONE, 0, 0, false,
	  false, 0 },
	{ "time beyond reason", " a-7 [000] d..2. 99999999999999999999.5: sched_wakeup: comm=a pid=7 prio=1", -EBADMSG, TRACE_NONE,
	  0, 0, false, false, 0 },
	{ "too fine a time", " a-7 [000] d..2. 1.0123456789: sched_wakeup: comm=a pid=7 prio=1", -EBADMSG, TRACE_NONE, 0, 0, false,
	  false, 0 },
	{ "cut off in the middle", " a-7 [000] d..2. 5566.5: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_st", -EBADMSG,
	  TRACE_NONE, 0, 0, false, false, 0 },
	{ "cut off at the state", " a-7 [000] d..2. 5566.5: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state= ==> next_comm=b next_pid=8 next_prio=1",
	  -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
	{ "no number", " a-7 [000] d..2. 5566.5: sched_wakeup: comm=a pid=seven prio=1", -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
	{ "lost none", "CPU:1 [LOST 0 EVENTS]", -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
	{ "lost no number", "CPU:1 [LOST some EVENTS]", -EBADMSG, TRACE_NONE, 0, 0, false, false, 0 },
};

int main(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trace_event event = { .kind = TRACE_LOST };

		CASE(cases[i].name);
		EXPECT_INT(trace_parse(cases[i].line, strlen(cases[i].line), 7, &event), cases[i].r);
		EXPECT_INT(event.kind, cases[i].kind);
		if (cases[i].r < 0)
			continue;
		EXPECT_INT(event.time_ns, cases[i].time_ns);
		EXPECT_INT(event.cpu, cases[i].cpu);
		EXPECT_INT(event.lost, cases[i].lost);
		if (cases[i].kind == TRACE_OUT) {
			EXPECT_INT(event.runnable, cases[i].runnable);
			EXPECT_INT(event.lower, cases[i].lower);
		}
	}
	return expect_result();
}
