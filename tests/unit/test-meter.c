/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The meter: named records and what must come out; then random histories from a small model of the kernel's server, which
 * knows everything, of which the meter sees the switch records only: what it counts must agree, and its misses may never
 * be more than the true ones.
 */
#include "expect.h"
#include "meter.h"

#define MS(x) ((nsec_t)((x) * 1000000))
#define US(x) ((nsec_t)((x) * 1000))
#define START MS(1000)

enum what { R_END, R_IN, R_OUT, R_BLOCK, R_LOWER, R_WAKE, R_LOST, R_SYNC, R_PARAMS };

struct record {
	enum what what;
	double at_ms;		/* since START */
	double q_ms;		/* SYNC, and Q of PARAMS */
	double d_ms;		/* SYNC, since START */
};

static void feed(struct meter *m, const struct record *r)
{
	nsec_t now_ns = START + (nsec_t)(r->at_ms * 1e6 + 0.5);
	struct cbs_params params = m->params;

	switch (r->what) {
	case R_IN:
		meter_in(m, now_ns);
		break;
	case R_OUT:
		meter_out(m, now_ns, METER_READY);
		break;
	case R_LOWER:
		meter_out(m, now_ns, METER_READY_LOWER);
		break;
	case R_BLOCK:
		meter_out(m, now_ns, METER_BLOCKED);
		break;
	case R_WAKE:
		meter_wake(m, now_ns);
		break;
	case R_LOST:
		meter_lost(m, now_ns, 3);
		break;
	case R_SYNC:
		EXPECT(meter_sync(m, now_ns, (int64_t)(r->q_ms * 1e6), START + MS(r->d_ms)));
		break;
	case R_PARAMS:
		params.budget_ns = MS(r->q_ms);
		meter_set_params(m, &params);
		break;
	case R_END:
		break;
	}
}

#define IN(t)		{ R_IN, t, 0, 0 }
#define OUT(t)		{ R_OUT, t, 0, 0 }		/* still runnable */
#define LOWER(t)	{ R_LOWER, t, 0, 0 }		/* still runnable, one without deadline follows */
#define BLOCK(t)	{ R_BLOCK, t, 0, 0 }
#define WAKE(t)		{ R_WAKE, t, 0, 0 }
#define LOST(t)		{ R_LOST, t, 0, 0 }
#define SYNC(t, q, d)	{ R_SYNC, t, q, d }
#define PARAMS(t, q)	{ R_PARAMS, t, q, 0 }
#define END(t)		{ R_END, t, 0, 0 }

/* Q 4 ms in P 10 ms (D is given), tick 4 ms; the reading is taken at the END. */
static const struct {
	const char *name;
	double deadline_ms;
	struct record records[16];
	double used_ms, ready_ms, throttled_ms;
	unsigned int throttled, missed;
	double late_ms;
	bool in_step;
} cases[] = {
	{ "nothing seen", 10, { END(50) }, 0, 0, 0, 0, 0, 0, false },
	{ "on the CPU since before, out after 3", 10, { OUT(3), END(3) }, 3, 0, 0, 0, 0, 0, false },
	{ "not on the CPU before the first switch-in", 10, { IN(3), END(5) }, 2, 0, 0, 0, 0, 0, false },
	{ "ready, but nothing known: no throttling", 10, { IN(0), OUT(4), IN(10), END(10) },
	  4, 6, 0, 0, 0, 0, false },

	{ "throttled at the budget", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(4), IN(10),
	  END(11) }, 5, 6, 6, 1, 0, 0, true },
	{ "throttled now", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(4), END(7) },
	  4, 3, 3, 1, 0, 0, true },
	{ "throttled, then not let in", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(4), IN(13),
	  END(13) }, 4, 9, 6, 1, 0, 0, true },
	{ "preempted with budget left", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2), IN(5),
	  OUT(7), IN(10), END(10) }, 4, 6, 3, 1, 0, 0, true },
	{ "overrun to the tick, paid back", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(7),
	  IN(10), OUT(11), IN(20), OUT(24), IN(30), END(30) }, 12, 18, 18, 3, 0, 0, true },
	{ "overrun beyond the next period: goes on", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(1),
	  IN(8), OUT(13), IN(19), END(19) }, 6, 13, 0, 0, 0, 1, true },

	{ "missed: kept waiting beyond the tick", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2),
	  IN(13), OUT(15), END(15) }, 4, 11, 0, 0, 1, 5, true },
	{ "within the tick: late, not missed", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2),
	  IN(9), OUT(11), END(11) }, 4, 7, 0, 0, 0, 1, true },
	{ "missed while it waits still", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2), END(15) },
	  2, 13, 0, 0, 1, 5, true },
	{ "starved: a miss per period", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2), END(1015) },
	  2, 1013, 0, 0, 101, 1005, true },
	{ "starved, then served: counted once only", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2),
	  IN(35), OUT(37), END(40) }, 4, 36, 0, 0, 3, 27, true },
	{ "missed on the CPU", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(1), IN(12), END(15) },
	  4, 11, 0, 0, 1, 5, true },
	{ "went to sleep late", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(1), IN(15),
	  BLOCK(16), END(60) }, 2, 14, 0, 0, 1, 6, true },
	{ "asleep at the deadline: no miss", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), BLOCK(1),
	  END(60) }, 1, 0, 0, 0, 0, 0, true },

	{ "wakes with the old server", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), BLOCK(3), WAKE(7),
	  IN(7), OUT(8), IN(10), END(10) }, 4, 2, 2, 1, 0, 0, true },
	{ "wakes with a new server", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), BLOCK(1), WAKE(7),
	  IN(7), OUT(11), IN(17), END(17) }, 5, 6, 6, 1, 0, 0, true },
	{ "wakes while throttled", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), BLOCK(5), WAKE(6),
	  IN(10), OUT(13), IN(20), END(20) }, 8, 11, 11, 2, 0, 0, true },
	{ "constrained: held from deadline to period", 5, { IN(0), BLOCK(0), SYNC(0, 4, 5), IN(0),
	  BLOCK(1), WAKE(6), IN(10), OUT(14), IN(20), END(20) }, 5, 10, 10, 2, 0, 0, true },
	{ "constrained: revised wakeup rule", 5, { IN(0), BLOCK(0), SYNC(0, 4, 5), IN(0), BLOCK(1),
	  WAKE(2.5), IN(2.5), OUT(4.5), IN(10), END(10) }, 3, 5.5, 5.5, 1, 0, 0, true },
	{ "constrained: late", 5, { IN(0), BLOCK(0), SYNC(0, 4, 5), IN(0), OUT(1), IN(7),
	  OUT(10), END(10) }, 4, 6, 0, 0, 1, 5, true },

	{ "steps in after a long sleep", 10, { BLOCK(0), WAKE(50), IN(50), OUT(54), IN(60), END(60) },
	  4, 6, 6, 1, 0, 0, true },
	{ "does not after a short one", 10, { BLOCK(0), WAKE(9), IN(9), OUT(13), IN(19), END(19) },
	  4, 6, 0, 0, 0, 0, false },
	{ "steps in by its successor", 10, { IN(0), LOWER(4), IN(10), LOWER(14), IN(20), END(20) },
	  8, 12, 12, 2, 0, 0, true },
	{ "pushed aside by a lower one, with budget", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0),
	  LOWER(1), IN(3), END(3) }, 1, 2, 0, 0, 0, 0, true },
	{ "woke earlier than it was let in", 10, { BLOCK(0), SYNC(0, 4, 10), IN(50), OUT(54), IN(58), OUT(62), IN(68),
	  END(68) }, 8, 10, 10, 2, 0, 0, true },

	{ "a loss ends the judgement", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), OUT(2), LOST(3),
	  IN(30), OUT(34), IN(40), END(40) }, 6, 6, 0, 0, 0, 0, false },
	{ "two switch-ins in a row are a loss", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0), IN(8),
	  END(8) }, 0, 0, 0, 0, 0, 0, false },
	{ "two switch-outs in a row are a loss", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), OUT(8), END(8) },
	  0, 0, 0, 0, 0, 0, false },
	{ "a larger budget from the next period on", 10, { IN(0), BLOCK(0), SYNC(0, 4, 10), IN(0),
	  PARAMS(1, 6), OUT(4), IN(10), OUT(16), IN(20), END(20) }, 10, 10, 10, 2, 0, 0, true },
	{ "one period less has paid than it seemed", 10, { IN(0), BLOCK(0), PARAMS(0, 3), SYNC(0, 3, 10), IN(0), OUT(6.0625),
	  IN(10), OUT(12), IN(20), END(20) }, 8.0625, 11.9375, 11.9375, 2, 0, 0, true },
	{ "one period more", 10, { IN(0), BLOCK(0), PARAMS(0, 2), SYNC(0, 2, 10), IN(0), OUT(5.875), IN(20), OUT(22), IN(30),
	  END(30) }, 7.875, 22.125, 22.125, 2, 0, 0, true },
	{ "time does not run backwards", 10, { IN(5), OUT(3), IN(2), END(1) }, 0, 0, 0, 0, 0, 0, false },
};

static void test_cases(void)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cbs_params params = { MS(4), MS(cases[i].deadline_ms), MS(10), MS(4) };
		struct meter_totals got, again;
		struct meter m;

		CASE(cases[i].name);
		meter_init(&m, &params, START);
		if (!strncmp(cases[i].name, "constrained", 11) || strstr(cases[i].name, "late") || strstr(cases[i].name, "missed"))
			meter_wake_bound(&m, 0);
		for (j = 0; cases[i].records[j].what != R_END; j++)
			feed(&m, &cases[i].records[j]);
		meter_read(&m, START + MS(cases[i].records[j].at_ms), &got);
		meter_read(&m, START + MS(cases[i].records[j].at_ms), &again);
		EXPECT(memcmp(&got, &again, sizeof(got)) == 0);
		EXPECT_INT(got.used_ns, MS(cases[i].used_ms));
		EXPECT_INT(got.ready_ns, MS(cases[i].ready_ms));
		EXPECT_INT(got.throttled_ns, MS(cases[i].throttled_ms));
		EXPECT_INT(got.throttled, cases[i].throttled);
		EXPECT_INT(got.missed, cases[i].missed);
		EXPECT_INT(got.worst_late_ns, MS(cases[i].late_ms));
		EXPECT_INT(meter_in_step(&m), cases[i].in_step);
		EXPECT(got.lost == 0 || strstr(cases[i].name, "loss"));
	}
}

/* Intervals: in order, no gaps, and their sums are the totals. */
struct heard {
	nsec_t end_ns;
	nsec_t sum_ns[_METER_STATE_MAX];
	bool gap;
};

static void listen(void *userdata, enum meter_state state, nsec_t start_ns, nsec_t end_ns)
{
	struct heard *heard = userdata;

	heard->gap |= start_ns != heard->end_ns || end_ns <= start_ns;
	heard->end_ns = end_ns;
	heard->sum_ns[state] += end_ns - start_ns;
}

static void test_intervals(void)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cbs_params params = { MS(4), MS(cases[i].deadline_ms), MS(10), MS(4) };
		struct heard heard = { .end_ns = START };
		struct meter m;
		nsec_t end_ns;

		CASE(cases[i].name);
		meter_init(&m, &params, START);
		meter_listen(&m, listen, &heard);
		if (!strncmp(cases[i].name, "constrained", 11))
			meter_wake_bound(&m, 0);
		for (j = 0; cases[i].records[j].what != R_END; j++)
			feed(&m, &cases[i].records[j]);
		end_ns = START + MS(cases[i].records[j].at_ms);
		meter_finish(&m, end_ns);
		EXPECT(!heard.gap);
		EXPECT_INT(heard.end_ns, m.last_ns);
		EXPECT_INT(heard.sum_ns[METER_RUNNING], MS(cases[i].used_ms));
		EXPECT_INT(heard.sum_ns[METER_THROTTLED], MS(cases[i].throttled_ms));
		EXPECT_INT(heard.sum_ns[METER_WAITING], MS(cases[i].ready_ms - cases[i].throttled_ms));
	}
}

static void test_sync(void)
{
	static const struct {
		const char *name;
		enum what where;
		int64_t q_ns;
		nsec_t d_ns;
		bool taken;
	} syncs[] = {
		{ "nothing seen yet",		R_END,	MS(1),		START + MS(5),	false },
		{ "asleep",			R_BLOCK,	MS(1),		START + MS(5),	true },
		{ "asleep and throttled",	R_BLOCK,	-(int64_t)MS(1), START + MS(5),	true },
		{ "in the queue",		R_OUT,	MS(1),		START + MS(5),	true },
		{ "on the CPU",			R_IN,	MS(1),		START + MS(5),	true },
		{ "on the CPU without budget",	R_IN,	0,		START + MS(5),	false },
		{ "deadline beyond reason",	R_BLOCK,	MS(1),		START + MS(99),	false },
		{ "no deadline yet",		R_BLOCK,	0,		0,		true },
		{ "debt beyond reason",		R_BLOCK,	INT64_MIN,	START + MS(5),	false },
		{ "budget beyond reason",	R_BLOCK,	INT64_MAX,	START + MS(5),	false },
	};
	static const struct cbs_params params = { MS(4), MS(10), MS(10), MS(4) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(syncs); i++) {
		struct record first = { syncs[i].where, 0, 0, 0 };
		struct meter m;

		CASE(syncs[i].name);
		meter_init(&m, &params, START);
		feed(&m, &first);
		EXPECT_INT(meter_may_sync(&m), syncs[i].where != R_END);
		EXPECT_INT(meter_sync(&m, START, syncs[i].q_ns, syncs[i].d_ns), syncs[i].taken);
		EXPECT_INT(meter_in_step(&m), syncs[i].taken);
		meter_desync(&m);
		EXPECT(!meter_in_step(&m) && meter_wants_sync(&m));
	}
	CASE("names");
	for (i = 0; i < _METER_STATE_MAX; i++)
		EXPECT(*meter_state_name(i) != '\0');
}

/*
 * The model: one thread under Linux's server rules in steps of 10 us, enforcement at a tick, a CPU that others take away at
 * random, demand that comes and goes at random.
 */
#define STEP US(10)
#define TICK MS(4)
#define WINDOW 4096

struct model {
	uint64_t seed;
	struct cbs_params p;
	bool sleeps;		/* demand comes and goes; else it spins */
	unsigned int busy;	/* others take the CPU so many times in a thousand */

	nsec_t now_ns;
	int64_t q_ns;
	nsec_t d_ns;
	bool ready, running, throttled;
	nsec_t turn_ns;		/* asleep: until then; else until so much has been used */
	nsec_t taken_ns;	/* the CPU is others' until then */
	uint64_t n_throttled, n_missed, counted;
	nsec_t used_ns, throttled_ns, worst_late_ns;

	bool exact;		/* wakeups are recorded */
	bool woken;		/* ready since a wakeup */
	nsec_t waited_ns;	/* by those woken, in this window */
	unsigned int n_window;
	struct record window[WINDOW];
};

static uint64_t draw(struct model *k, uint64_t below)
{
	k->seed = k->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (k->seed >> 33) % below;
}

static nsec_t model_next(const struct model *k)
{
	return k->d_ns - k->p.deadline_ns + k->p.period_ns;
}

static void model_replenish(struct model *k)
{
	while (k->q_ns <= 0) {
		k->d_ns += k->p.period_ns;
		k->q_ns += (int64_t)k->p.budget_ns;
	}
	if (k->d_ns < k->now_ns) {
		k->d_ns = k->now_ns + k->p.deadline_ns;
		k->q_ns = (int64_t)k->p.budget_ns;
	}
	k->throttled = false;
	k->counted = 0;
}

static void model_exhaust(struct model *k, bool held)
{
	if (model_next(k) <= k->now_ns) {
		model_replenish(k);
		return;
	}
	k->throttled = true;
	k->n_throttled += held;
}

/* A record is kept back until the window is full: then the longest that a wakeup can have waited is known, as in the monitor. */
static void model_record(struct model *k, enum what what)
{
	k->window[k->n_window++] = (struct record){ what, (double)(k->now_ns - START) / 1e6, 0, 0 };
}

static void model_wake(struct model *k)
{
	bool constrained = k->p.deadline_ns < k->p.period_ns;
	bool overflow;

	k->ready = true;
	k->woken = true;
	model_record(k, R_WAKE);
	if (!k->throttled && constrained && k->d_ns < k->now_ns && k->now_ns < model_next(k)) {
		k->throttled = true;
		k->q_ns = k->q_ns > 0 ? 0 : k->q_ns;
	}
	if (k->throttled) {
		k->n_throttled++;
		return;
	}
	overflow = k->d_ns >= k->now_ns && (__int128)(k->p.deadline_ns >> 10) * (k->q_ns >> 10) >
						  (__int128)((k->d_ns - k->now_ns) >> 10) * (k->p.budget_ns >> 10);
	if (overflow && constrained) {
		k->q_ns = (int64_t)((__int128)(k->d_ns - k->now_ns) * k->p.budget_ns / k->p.deadline_ns);
	} else if (overflow || k->d_ns < k->now_ns) {
		k->q_ns = (int64_t)k->p.budget_ns;
		k->d_ns = k->now_ns + k->p.deadline_ns;
		k->counted = 0;
	}
}

static void model_judge(struct model *k)
{
	nsec_t late_ns;
	uint64_t periods;

	if (!k->ready || k->throttled || k->q_ns <= 0 || k->now_ns <= k->d_ns)
		return;
	late_ns = k->now_ns - k->d_ns;
	k->worst_late_ns = late_ns > k->worst_late_ns ? late_ns : k->worst_late_ns;
	periods = late_ns > k->p.grain_ns ? 1 + (late_ns - k->p.grain_ns) / k->p.period_ns : 0;
	if (periods > k->counted) {
		k->n_missed += periods - k->counted;
		k->counted = periods;
	}
}

static void model_flush(struct model *k, struct meter *m)
{
	unsigned int i;

	if (!k->exact)
		meter_wake_bound(m, k->waited_ns);
	for (i = 0; i < k->n_window; i++)
		if (k->exact || k->window[i].what != R_WAKE)
			feed(m, &k->window[i]);
	k->n_window = 0;
	k->waited_ns = 0;
}

static void model_step(struct model *k)
{
	bool was = k->running;

	model_judge(k);
	if (k->throttled && k->now_ns >= model_next(k))
		model_replenish(k);
	if (k->running && k->now_ns % TICK == 0 && k->q_ns <= 0)
		model_exhaust(k, true);
	if (k->sleeps && !k->ready && k->now_ns >= k->turn_ns) {
		k->turn_ns = k->used_ns + STEP * (1 + draw(k, 600));
		model_wake(k);
	} else if (k->sleeps && k->running && !k->throttled && k->used_ns >= k->turn_ns) {
		k->turn_ns = k->now_ns + STEP * (1 + draw(k, 1500));
		if (k->q_ns <= 0)
			model_exhaust(k, false);
		k->ready = false;
	}
	if (k->now_ns >= k->taken_ns && draw(k, 1000) < k->busy)
		k->taken_ns = k->now_ns + STEP * draw(k, 300);

	k->running = k->ready && !k->throttled && k->now_ns >= k->taken_ns;
	if (was && !k->running) {
		if (k->ready && !k->throttled && k->q_ns <= 0)	/* noticed when it is put aside */
			model_exhaust(k, true);
		model_record(k, k->ready ? R_OUT : R_BLOCK);
		k->woken = false;
	} else if (!was && k->running) {
		model_record(k, R_IN);
	} else if (k->ready && !k->running && k->woken) {
		k->waited_ns += STEP;
	}
	if (k->running) {
		k->q_ns -= (int64_t)STEP;
		k->used_ns += STEP;
	}
	if (k->ready && k->throttled)
		k->throttled_ns += STEP;
	k->now_ns += STEP;
}

static const struct {
	const char *name;
	struct cbs_params p;
	bool sleeps;
	unsigned int busy;
	bool overload;		/* more is promised than there is: lateness is the rule, and much of it cannot be told apart */
} models[] = {
	{ "spins alone",			{ MS(4), MS(10), MS(10), TICK },	false, 0, false },
	{ "spins alone, fine budget",		{ US(100), MS(10), MS(10), TICK },	false, 0, false },
	{ "spins alone, constrained",		{ MS(3), MS(7), MS(30), TICK },		false, 0, false },
	{ "spins among others",			{ MS(4), MS(20), MS(20), TICK },	false, 1, false },
	{ "spins among too many",		{ MS(8), MS(10), MS(10), TICK },	false, 4, true },
	{ "spins among too many, constrained",	{ MS(3), MS(4), MS(10), TICK },		false, 3, true },
	{ "sleeps",				{ MS(4), MS(10), MS(10), TICK },	true, 0, false },
	{ "sleeps, constrained",		{ MS(4), MS(6), MS(10), TICK },		true, 0, false },
	{ "sleeps among others",		{ MS(4), MS(10), MS(10), TICK },	true, 1, false },
	{ "sleeps among too many",		{ MS(7), MS(10), MS(10), TICK },	true, 4, true },
	{ "sleeps among others, constrained",	{ MS(4), MS(6), MS(10), TICK },		true, 1, false },
	{ "sleeps among others, light",		{ MS(1), MS(50), MS(50), TICK },	true, 1, false },
};

/*
 * Exact: every wakeup was seen (or there was none). Else the number of throttlings is good to a fifth. Never more misses
 * than there were, and never later by more than a tick.
 */
static void compare(const struct model *k, const struct meter *m, unsigned int i)
{
	bool exact = (k->exact || !models[i].sleeps) && !models[i].overload;
	uint64_t differ;
	struct meter_totals got;

	meter_read(m, k->now_ns, &got);
	differ = got.throttled > k->n_throttled ? got.throttled - k->n_throttled : k->n_throttled - got.throttled;
	if (getenv("VERBOSE"))
		printf("%-36s%s throttled %5" PRIu64 " of %5" PRIu64 " (%6.1f of %6.1f ms), missed %3" PRIu64 " of %3" PRIu64
		       ", late %.2f of %.2f ms%s\n", models[i].name, k->exact ? "exact:" : "     :", got.throttled,
		       k->n_throttled, (double)got.throttled_ns / 1e6, (double)k->throttled_ns / 1e6, got.missed, k->n_missed,
		       (double)got.worst_late_ns / 1e6, (double)k->worst_late_ns / 1e6, meter_in_step(m) ? "" : " (out of step)");
	EXPECT_INT(got.used_ns, k->used_ns);
	EXPECT(got.missed <= k->n_missed);
	EXPECT(got.worst_late_ns <= k->worst_late_ns + (exact ? STEP : TICK));
	EXPECT(got.throttled_ns <= got.ready_ns);
	EXPECT(got.lost == 0);
	if (exact) {
		EXPECT(differ <= 1);
		EXPECT_INT(got.missed, k->n_missed);
		EXPECT(got.worst_late_ns + STEP >= k->worst_late_ns);
	} else {
		EXPECT(differ <= (models[i].overload ? 20 : 4) + k->n_throttled / 5);
		EXPECT(got.missed >= k->n_missed / 4);
	}
}

static void test_model(unsigned int i, unsigned int seed, bool exact)
{
	static struct model k;
	struct meter m;
	unsigned int n;

	CASE(models[i].name);
	k = (struct model){ .seed = seed * 7919 + i, .p = models[i].p, .sleeps = models[i].sleeps, .busy = models[i].busy,
			    .ready = true, .running = true, .exact = exact };
	k.now_ns = START + draw(&k, 400) * STEP;
	k.q_ns = (int64_t)k.p.budget_ns;
	k.d_ns = k.now_ns + k.p.deadline_ns;
	meter_init(&m, &k.p, k.now_ns);
	meter_in(&m, k.now_ns);
	meter_out(&m, k.now_ns, METER_BLOCKED);
	EXPECT(meter_sync(&m, k.now_ns, k.q_ns, k.d_ns));
	meter_in(&m, k.now_ns);
	for (n = 0; n < 500000; n++) {
		model_step(&k);
		if (n % 100000 != 99999 && k.n_window < WINDOW - 4)
			continue;
		model_flush(&k, &m);
		if (!k.running && meter_wants_sync(&m))		/* as the monitor does */
			(void)meter_sync(&m, k.now_ns, k.q_ns, k.d_ns);
	}
	model_flush(&k, &m);
	compare(&k, &m, i);
}

static void test_models(void)
{
	unsigned int i, seed;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		for (seed = 0; seed < 6; seed++) {
			test_model(i, seed, true);
			test_model(i, seed, false);
		}
	}
}

int main(void)
{
	test_cases();
	test_intervals();
	test_sync();
	test_models();
	return expect_result();
}
