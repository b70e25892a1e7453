/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hand-made traces and what is to be said of them: promises kept to the ns and broken by one, remnants, debts, sleeps, holes,
 * and who did it. And the fast search against going through all pairs.
 */
#include "expect.h"
#include "verify.h"

#define US(x) ((nsec_t)((x) * 1000))
#define MS(x) ((nsec_t)((x) * 1000000))
#define ME 7	/* reserved; 8 and 9 are ordinary, 20 and above have SCHED_DEADLINE, 5 is a stopper, 0 idle */

static int prio_of(pid_t tid)
{
	return tid == ME || tid >= 20 ? -1 : tid == 5 ? 0 : 120;
}

/* R: from @p, still runnable, to @n; B: from @p, asleep; W: woken, for CPU @c; L: lost; A: as R, but ME is an ordinary one */
struct event {
	char what;
	double ms;
	unsigned int cpu;
	pid_t prev, next;
};

static struct trace_record record_of(const struct event *e)
{
	struct trace_record r = { .time_ns = MS(e->ms), .cpu = e->cpu, .prev_tid = e->prev, .next_tid = e->next,
				  .prev_prio = prio_of(e->prev), .next_prio = prio_of(e->next), .runnable = e->what != 'B',
				  .target_cpu = e->cpu, .kind = TRACE_RECORD_SWITCH };

	if (e->what == 'W')
		r.kind = TRACE_RECORD_WAKE;
	if (e->what == 'L')
		r = (struct trace_record){ .kind = TRACE_RECORD_LOST, .cpu = e->cpu, .lost = 1 };
	if (e->what == 'A')
		*(e->prev == ME ? &r.prev_prio : &r.next_prio) = 120;
	snprintf(r.next_comm, sizeof(r.next_comm), "t%d", (int)e->next);
	return r;
}

#define EVENTS_MAX 24

static const struct verify_case {
	const char *name;
	nsec_t q, d, p, tick, latency, grain;
	bool ready;		/* at 0 */
	double end_ms;
	struct event events[EVENTS_MAX];
	enum verify_verdict verdict;
	uint64_t broken, holes;
	double from_ms, to_ms, got_ms, promised_ms;	/* of the first breach */
	pid_t culprit;		/* the first; -1 none */
	bool demoted;
	int64_t turns;		/* that the kernel counted beyond the trace's */
	int64_t ran_ms;		/* that the kernel counted; < 0: as much as it can */
	uint64_t doubtful;
} cases[] = {
	{ "nothing happens, asleep", MS(4), MS(10), MS(10), .end_ms = 100, .culprit = -1 },
	{ "ready all the time and never ran", MS(4), MS(10), MS(10), .ready = true, .end_ms = 100,
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 0, .to_ms = 100, .got_ms = 0, .promised_ms = 36, .culprit = -1 },
	{ "ready all the time and ran all the time", MS(4), MS(10), MS(10), .ready = true, .end_ms = 100, .ran_ms = -1, .culprit = -1 },
	{ "ready all the time and nobody knows", MS(4), MS(10), MS(10), .ready = true, .end_ms = 100, .ran_ms = 10,
	  .verdict = VERIFY_UNSURE, .holes = 1, .doubtful = 1, .culprit = -1 },

	/* (4, 10): nothing for 12 ms at worst. Early in one period, late in the next: just kept. */
	{ "the worst pattern", MS(4), MS(10), MS(10), .end_ms = 36, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 16, 0, 8, ME }, { 'R', 20, 0, ME, 8 },
		{ 'R', 26, 0, 8, ME }, { 'R', 30, 0, ME, 8 } } },
	{ "a microsecond more", MS(4), MS(10), MS(10), .end_ms = 30, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 16.001, 0, 8, ME }, { 'R', 20.001, 0, ME, 8 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 16.001, .got_ms = 0, .promised_ms = 0.001, .culprit = 8 },
	{ "... and the latency allows for it", MS(4), MS(10), MS(10), .latency = US(1), .end_ms = 26, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 16.001, 0, 8, ME }, { 'R', 20.001, 0, ME, 8 } } },
	{ "... and so does the grain of its clock, after a run", MS(4), MS(10), MS(10), .grain = US(1), .end_ms = 36, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 16, 0, 8, ME }, { 'R', 20, 0, ME, 8 },
		{ 'R', 26.001, 0, 8, ME }, { 'R', 30.001, 0, ME, 8 } } },
	{ "without the grain", MS(4), MS(10), MS(10), .end_ms = 30, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 16, 0, 8, ME }, { 'R', 20, 0, ME, 8 },
		{ 'R', 26.001, 0, 8, ME }, { 'R', 30.001, 0, ME, 8 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 26.001, .got_ms = 4, .promised_ms = 4.001, .culprit = 8 },
	{ "each wait short, the sum too long", MS(4), MS(10), MS(10), .end_ms = 39, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 2, 0, ME, 20 }, { 'R', 12, 0, 20, ME }, { 'R', 14, 0, ME, 20 },
		{ 'R', 24, 0, 20, ME }, { 'R', 26, 0, ME, 21 }, { 'R', 36, 0, 21, ME }, { 'R', 38, 0, ME, 8 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 2, .to_ms = 24, .got_ms = 2, .promised_ms = 4, .culprit = 20 },
	{ "and a breach again afterwards", MS(4), MS(10), MS(10), .end_ms = 60, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 1, 0, ME, 20 }, { 'R', 21, 0, 20, ME }, { 'R', 22, 0, ME, 20 }, { 'R', 42, 0, 20, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 2, .from_ms = 1, .to_ms = 21, .got_ms = 0, .promised_ms = 4, .culprit = 20 },

	/* D < P: the gap is P + D - 2Q = 8 at worst. */
	{ "constrained: kept", MS(4), MS(6), MS(10), .end_ms = 40, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 12, 0, 8, ME }, { 'R', 16, 0, ME, 8 }, { 'R', 22, 0, 8, ME } } },
	{ "constrained: broken", MS(4), MS(6), MS(10), .end_ms = 30, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 13, 0, 8, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 13, .got_ms = 0, .promised_ms = 1, .culprit = 8 },
	{ "a whole CPU", MS(10), MS(10), MS(10), .end_ms = 30, .events = { { 'R', 0, 0, 8, ME }, { 'R', 5, 0, ME, 5 }, { 'R', 6, 0, 5, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 5, .to_ms = 6, .got_ms = 0, .promised_ms = 1, .culprit = 5 },

	/*
	 * Wakes at 3 with 2.8 left of a budget whose deadline is 10 (2.8 / 7 = 4 / 10: it is kept): gets these at once, in 3 to 5.8, and
	 * is throttled until 10; another goes first, and the next budget comes at 16 to 20, then 26 to 30.
	 */
	{ "a remnant", MS(4), MS(10), MS(10), .end_ms = 36, .culprit = -1, .events = {
		{ 'W', 0, 0, 0, ME }, { 'R', 0, 0, 8, ME }, { 'B', 1.2, 0, ME, 8 }, { 'W', 3, 0, 0, ME }, { 'R', 3, 0, 8, ME },
		{ 'R', 5.8, 0, ME, 8 }, { 'R', 16, 0, 8, ME }, { 'R', 20, 0, ME, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 30, 0, ME, 8 } } },
	{ "a remnant at the last moment", MS(4), MS(10), MS(10), .end_ms = 36, .culprit = -1, .events = {
		{ 'W', 0, 0, 0, ME }, { 'R', 0, 0, 8, ME }, { 'B', 1.2, 0, ME, 8 }, { 'W', 3, 0, 0, ME }, { 'R', 7.2, 0, 8, ME },
		{ 'R', 10, 0, ME, 20 }, { 'R', 16, 0, 20, ME }, { 'R', 20, 0, ME, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 30, 0, ME, 8 } } },
	{ "a sleep ends the interval", MS(4), MS(10), MS(10), .end_ms = 60, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 15, 0, 8, ME }, { 'B', 15.1, 0, ME, 8 }, { 'W', 15.2, 0, 0, ME },
		{ 'R', 27, 0, 8, ME }, { 'B', 27.1, 0, ME, 8 }, { 'W', 27.2, 0, 0, ME }, { 'R', 39.1, 0, 8, ME }, { 'B', 40, 0, ME, 8 } } },
	{ "woken and left alone", MS(4), MS(10), MS(10), .end_ms = 60, .events = { { 'W', 10, 1, 0, ME }, { 'R', 15, 1, 8, 9 }, { 'R', 40, 1, 9, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 10, .to_ms = 40, .got_ms = 0, .promised_ms = 8, .culprit = 9 },
	{ "woken and left alone until the end", MS(4), MS(10), MS(10), .end_ms = 40, .events = { { 'W', 10, 1, 0, ME }, { 'R', 15, 1, 8, 9 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 10, .to_ms = 40, .got_ms = 0, .promised_ms = 8, .culprit = 9 },
	{ "woken while about to sleep", MS(4), MS(10), MS(10), .end_ms = 26, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'W', 3.9, 0, 0, ME }, { 'R', 4, 0, ME, 8 }, { 'W', 5, 0, 0, ME }, { 'R', 15, 0, 8, ME }, { 'R', 19, 0, ME, 8 } } },
	{ "its wakeup was not seen", MS(4), MS(10), MS(10), .end_ms = 60, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'B', 4, 0, ME, 8 }, { 'R', 50, 0, 8, ME } } },

	/* Overrun until the tick at 8, paid back in the next budget: 4 - 4 + 4 only at 20. */
	{ "an overrun is paid back", MS(4), MS(10), MS(10), .tick = MS(4), .end_ms = 40, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 7.9, 0, ME, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 30, 0, ME, 8 } } },
	{ "... which exact enforcement has not promised", MS(4), MS(10), MS(10), .end_ms = 40, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 7.9, 0, ME, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 30, 0, ME, 8 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 7.9, .to_ms = 26, .got_ms = 0, .promised_ms = 4, .culprit = 8 },

	{ "moved between CPUs", MS(4), MS(10), MS(10), .end_ms = 60, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 1, 1, 9, 20 }, { 'R', 2, 0, ME, 21 }, { 'R', 30, 1, 20, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 2, .to_ms = 30, .got_ms = 0, .promised_ms = 8, .culprit = 21 },
	{ "made an ordinary thread", MS(4), MS(10), MS(10), .end_ms = 250, .events = {
		{ 'R', 0, 0, 8, ME }, { 'A', 2, 0, ME, 9 }, { 'A', 202, 0, 9, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 2, .to_ms = 202, .got_ms = 0, .promised_ms = 76, .culprit = 9, .demoted = true },

	/* Holes. */
	{ "a hole in the chain, and a turn unseen", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 1, .turns = 1, .ran_ms = 38, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 50, 0, ME, 8 } } },
	{ "... which was too short to be called kept", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 1, .turns = 1, .ran_ms = 31, .culprit = -1,
	  .verdict = VERIFY_UNSURE, .doubtful = 1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 50, 0, ME, 8 } } },
	{ "a hole in the chain in which it had no turn", MS(4), MS(10), MS(10), .end_ms = 50, .ran_ms = 28, .events = {
		{ 'R', 1, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'R', 26, 0, 8, ME }, { 'R', 50, 0, ME, 8 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 26, .got_ms = 0, .promised_ms = 4, .culprit = 8 },
	{ "a hole on another CPU", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 1, .turns = 1, .ran_ms = 38, .culprit = -1, .events = {
		{ 'R', 0, 1, 8, 9 }, { 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 14, 1, 8, 9 }, { 'R', 26, 0, 8, ME }, { 'R', 50, 0, ME, 8 } } },
	{ "a hole on another CPU while it runs", MS(4), MS(10), MS(10), .end_ms = 60, .turns = 1, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 1, 8, 9 }, { 'R', 14, 1, 8, 9 }, { 'R', 50, 0, ME, 8 } } },
	{ "told as lost, and heard of late", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 2, .turns = 2, .ran_ms = 60, .culprit = -1, .events = {
		{ 'R', 0, 1, 8, 9 }, { 'R', 1, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 26, 0, 8, ME }, { 'L', 0, 1, 0, 0 },
		{ 'R', 27, 1, 9, 8 }, { 'R', 50, 0, ME, 8 } } },
	{ "lost, and nothing more of that CPU", MS(4), MS(10), MS(10), .end_ms = 30, .holes = 1, .turns = 1, .ran_ms = 22, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 20, 0, ME, 8 }, { 'L', 0, 0, 0, 0 } } },
	{ "lost, and it never ran again", MS(4), MS(10), MS(10), .end_ms = 50, .ran_ms = 20, .events = {
		{ 'R', 1, 0, 8, ME }, { 'R', 20, 0, ME, 8 }, { 'L', 0, 0, 0, 0 } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 20, .to_ms = 50, .got_ms = 0, .promised_ms = 8, .culprit = 8 },
	{ "asleep over a hole", MS(4), MS(10), MS(10), .end_ms = 60, .ran_ms = 14, .culprit = -1, .events = {
		{ 'R', 1, 0, 8, ME }, { 'B', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'W', 50, 0, 0, ME }, { 'R', 50, 0, 8, ME } } },
	{ "asleep, and its wakeup may be in the hole", MS(4), MS(10), MS(10), .end_ms = 60, .ran_ms = 14, .holes = 1, .culprit = -1,
	  .verdict = VERIFY_UNSURE, .doubtful = 1, .events = {
		{ 'R', 1, 0, 8, ME }, { 'B', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'R', 50, 0, 8, ME } } },
	{ "asleep over a hole until the end", MS(4), MS(10), MS(10), .end_ms = 60, .ran_ms = 4, .culprit = -1, .events = {
		{ 'R', 1, 0, 8, ME }, { 'B', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 } } },
	{ "woken after a hole, and left alone", MS(4), MS(10), MS(10), .end_ms = 90, .ran_ms = 20, .holes = 1, .turns = 1, .culprit = -1,
	  .verdict = VERIFY_UNSURE, .doubtful = 2, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 14, 0, 9, 8 }, { 'W', 30, 0, 0, ME }, { 'R', 80, 0, 8, ME } } },
	{ "not seen to come", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 1, .turns = 1, .ran_ms = 32, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 30, 1, ME, 8 }, { 'R', 40, 0, 8, ME } } },
	{ "not seen to go", MS(4), MS(10), MS(10), .end_ms = 60, .holes = 1, .ran_ms = 46, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 20, 1, 8, ME } } },
	{ "a breach beside a hole", MS(4), MS(10), MS(10), .end_ms = 100, .holes = 1, .turns = 1, .ran_ms = 72, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 8, 0, 9, 8 }, { 'R', 9, 0, 8, ME }, { 'R', 13, 0, ME, 8 },
		{ 'R', 40, 0, 8, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 13, .to_ms = 40, .got_ms = 0, .promised_ms = 8, .culprit = 8 },
	{ "it ran unseen, and long enough", MS(4), MS(10), MS(10), .end_ms = 60, .turns = 1, .ran_ms = 24 + 12, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 40, 0, 8, ME } },
	  .verdict = VERIFY_UNSURE, .doubtful = 1 },
	{ "it ran unseen, but not long enough", MS(4), MS(10), MS(10), .end_ms = 60, .turns = 1, .ran_ms = 24 + 11, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 40, 0, 8, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 40, .got_ms = 0, .promised_ms = 12, .culprit = 8 },
	{ "it ran longer than is seen, but in no turn of its own", MS(4), MS(10), MS(10), .end_ms = 60, .ran_ms = 60, .events = {
		{ 'R', 1, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 40, 0, 8, ME } },
	  .verdict = VERIFY_BROKEN, .broken = 1, .from_ms = 4, .to_ms = 40, .got_ms = 0, .promised_ms = 12, .culprit = 8 },
	{ "records in the wrong order", MS(4), MS(10), MS(10), .end_ms = 20, .culprit = -1, .events = {
		{ 'R', 0, 0, 8, ME }, { 'R', 5, 1, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 9, 1, ME, 8 } } },
};

static void case_run(const struct verify_case *c)
{
	struct verify_subject subject = { ME, { c->q, c->d, c->p, .tick_ns = c->tick, .latency_ns = c->latency } };
	struct verify_sample begin = { .ready = c->ready }, end = { .before_ns = MS(c->end_ms), .after_ns = MS(c->end_ms) };
	_cleanup_(verify_freep) struct verify *v = NULL;
	struct verify_result result = { 0 };
	size_t i;

	CASE(c->name);
	EXPECT_INT(verify_new(&v, &subject, 1, c->grain), 0);
	EXPECT_INT(verify_sample(v, 0, &begin), 0);
	for (i = 0; i < EVENTS_MAX && c->events[i].what; i++) {
		struct trace_record r = record_of(&c->events[i]);

		end.turns += r.kind == TRACE_RECORD_SWITCH && r.next_tid == ME;
		EXPECT_INT(verify_record(v, &r), 0);
	}
	end.turns += (uint64_t)c->turns;
	end.ran_ns = c->ran_ms < 0 ? MS(c->end_ms) : MS(c->ran_ms);
	EXPECT_INT(verify_end(v, 0, &end, &result), 0);
	EXPECT_STR(verify_verdict_name(result.verdict), verify_verdict_name(c->verdict));
	EXPECT_INT(result.broken, c->broken);
	EXPECT_INT(result.holes, c->holes);
	EXPECT_INT(result.missing, c->turns);
	EXPECT_INT(result.doubtful, c->doubtful);
	EXPECT(result.ran_ns <= result.ready_ns && result.ready_ns <= end.before_ns);
	EXPECT(c->broken == 0 || result.margin_ns < 0);
	if (c->broken == 0 || !EXPECT(result.n_breaches > 0))
		return;
	EXPECT_INT(result.breaches[0].from_ns, MS(c->from_ms));
	EXPECT_INT(result.breaches[0].to_ns, MS(c->to_ms));
	EXPECT_INT(result.breaches[0].got_ns, MS(c->got_ms));
	EXPECT_INT(result.breaches[0].promised_ns, MS(c->promised_ms));
	EXPECT_INT(result.breaches[0].demoted, c->demoted);
	EXPECT_INT(result.breaches[0].n_culprits > 0 ? result.breaches[0].culprits[0].tid : -1, c->culprit);
}

/* Two gaps of 36 ms, and it ran unseen for 20 ms in the first, as samples before and after each tell: the second is broken. */
static void test_samples(void)
{
	static const struct event events[] = {
		{ 'R', 0, 0, 8, ME }, { 'R', 4, 0, ME, 8 }, { 'R', 40, 0, 8, ME }, { 'R', 44, 0, ME, 8 }, { 'R', 80, 0, 8, ME },
	};
	static const struct verify_sample samples[] = {
		{ .turns = 100, .ran_ns = MS(1000) },
		{ MS(2), MS(2), .turns = 101, .ran_ns = MS(1002) },
		{ MS(42), MS(42), .turns = 104, .ran_ns = MS(1026) },
		{ MS(90), MS(90), .turns = 105, .ran_ns = MS(1038) },
	};
	const struct verify_subject subject = { ME, { MS(4), MS(10), MS(10) } };
	_cleanup_(verify_freep) struct verify *v = NULL;
	struct verify_result result = { 0 };

	CASE("what is unseen in one place excuses nothing in another");
	EXPECT_INT(verify_new(&v, &subject, 1, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples) - 1; i++)
		EXPECT_INT(verify_sample(v, 0, &samples[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct trace_record r = record_of(&events[i]);

		EXPECT_INT(verify_record(v, &r), 0);
	}
	EXPECT_INT(verify_end(v, 0, &samples[ARRAY_SIZE(samples) - 1], &result), 0);
	EXPECT_STR(verify_verdict_name(result.verdict), "broken");
	EXPECT_INT(result.doubtful, 1);
	EXPECT_INT(result.broken, 1);
	EXPECT_INT(result.missing, 2);
	EXPECT_INT(result.breaches[0].from_ns, MS(44));
	EXPECT_INT(result.breaches[0].to_ns, MS(80));
}

/* ---- the search ---- */

static uint64_t seed = 1;

static uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

struct heard {
	size_t n;
	struct verify_window first;
};

static int hear(void *userdata, const struct verify_wait *waits, const struct verify_window *w)
{
	struct heard *h = userdata;

	(void)waits;
	if (h->n++ == 0)
		h->first = *w;
	return 0;
}

/* All pairs, in the order of the search: which is the first end that is broken, what lacks there, and the least excess up to there. */
static bool broken_plainly(const struct vrk_supply *s, const struct verify_wait *w, size_t n, size_t *ret_last, int64_t *ret_lack, int64_t *ret_margin)
{
	struct vrk_supply exact = *s;

	exact.tick_ns = 0;
	*ret_margin = INT64_MAX;
	for (size_t last = 0; last < n; last++) {
		*ret_lack = INT64_MIN;
		*ret_last = last;
		for (size_t i = 0; i <= last; i++) {
			nsec_t promised_ns = vrk_sbf(s, w[last].to_ns - w[i].from_ns), exact_ns = vrk_sbf(&exact, w[last].to_ns - w[i].from_ns);
			int64_t got_ns = (int64_t)(w[last].got_ns - w[i].got_ns);

			if (promised_ns > 0 && (int64_t)promised_ns - got_ns > *ret_lack)
				*ret_lack = (int64_t)promised_ns - got_ns;
			if (exact_ns > 0 && got_ns - (int64_t)exact_ns < *ret_margin)
				*ret_margin = got_ns - (int64_t)exact_ns;
		}
		if (*ret_lack > 0)
			return true;
	}
	return false;
}

#define WAITS_MAX 60

static void search_once(void)
{
	struct vrk_supply s = { .period_ns = 2 + draw(30) };
	struct verify_wait waits[WAITS_MAX];
	size_t n = 1 + draw(WAITS_MAX), last;
	nsec_t now_ns = draw(100), got_ns = 0;
	struct heard h = { 0 };
	uint64_t rich = 1 + draw(20), poor = 1 + draw(20);
	int64_t lack, margin, margin_ns;
	bool broken;

	s.budget_ns = 1 + draw(s.period_ns);
	s.deadline_ns = s.budget_ns + draw(s.period_ns - s.budget_ns + 1);
	s.tick_ns = draw(3) ? 0 : draw(8);
	s.latency_ns = draw(3) ? 0 : draw(8);
	for (size_t i = 0; i < n; i++) {
		waits[i].from_ns = now_ns;
		waits[i].got_ns = got_ns;
		now_ns += 1 + draw(poor);
		waits[i].to_ns = now_ns;
		got_ns += draw(rich);
		now_ns = waits[i].to_ns + got_ns - waits[i].got_ns;
	}
	EXPECT_INT(verify_busy(&s, waits, n, hear, &h, &margin_ns), 0);
	broken = broken_plainly(&s, waits, n, &last, &lack, &margin);
	if (!EXPECT_INT(h.n > 0, broken))
		return;
	if (broken) {
		EXPECT_INT(h.first.last, last);
		EXPECT_INT(h.first.promised_ns - h.first.got_ns, lack);
	} else {
		EXPECT_INT(margin_ns, margin);
	}
}

/* A minute of a spinning thread with 1000 switches a second, kept and broken all the time: it must not take n^2. */
static void search_long(bool broken)
{
	const size_t n = 60000;
	const struct vrk_supply s = { MS(0.4), MS(1), MS(1), .latency_ns = broken ? 0 : US(700) };
	struct verify_wait *waits = calloc(n, sizeof(*waits));
	struct heard h = { 0 };
	int64_t margin_ns;

	CASE(broken ? "a minute of breaches" : "a minute kept");
	if (!EXPECT(waits != NULL))
		return;
	for (size_t i = 0; i < n; i++) {
		nsec_t at_ns = MS(1) * i + (broken ? 0 : draw(US(600)));

		waits[i] = (struct verify_wait){ at_ns, MS(1) * (i + 1) + (broken ? US(100) * (i % 9) : 0), i * (broken ? US(10) : US(400)), 0 };
	}
	for (size_t i = 0; i + 1 < n; i++)
		if (waits[i].to_ns > waits[i + 1].from_ns)
			waits[i].to_ns = waits[i + 1].from_ns;
	EXPECT_INT(verify_busy(&s, waits, n, hear, &h, &margin_ns), 0);
	EXPECT(broken ? h.n > n / 1000 : h.n == 0);
	free(waits);
}

static int refuse(void *userdata, const struct verify_wait *waits, const struct verify_window *w)
{
	(void)userdata;
	(void)waits;
	(void)w;
	return -ENOMEM;
}

int main(void)
{
	const struct vrk_supply s = { 4, 10, 10, .tick_ns = 0 };
	const struct verify_wait wait = { 0, 100, 0, 0 };
	int64_t margin_ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		case_run(&cases[i]);
	test_samples();
	CASE("no waits");
	EXPECT_INT(verify_busy(&s, NULL, 0, refuse, NULL, &margin_ns), 0);
	EXPECT_INT(margin_ns, INT64_MAX);
	CASE("the listener fails");
	EXPECT_INT(verify_busy(&s, &wait, 1, refuse, NULL, &margin_ns), -ENOMEM);
	for (size_t i = 0; i < 20000; i++) {
		seed = 88172645463325252ULL + i;
		(void)draw(2);
		CASE("all pairs");
		search_once();
	}
	search_long(false);
	search_long(true);
	return expect_result();
}
