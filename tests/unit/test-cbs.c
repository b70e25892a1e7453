/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's rules, each by itself: the numbers are worked out by hand from kernel/sched/deadline.c. */
#include "cbs.h"
#include "expect.h"

#define MS(x) ((int64_t)((x) * 1000000))
#define NOW MS(100)

static const struct cbs_params implicit = { MS(4), MS(10), MS(10), MS(4) };
static const struct cbs_params constrained = { MS(4), MS(6), MS(10), MS(4) };
static const struct cbs_params tiny = { MS(1), MS(10), MS(10), MS(4) };

/* A wakeup at NOW: d is that much later than NOW. */
static const struct {
	const char *name;
	const struct cbs_params *p;
	int64_t q_ns, d_ns;
	bool anew;
	int64_t revised_ns;	/* q afterwards, when not anew */
} wakeups[] = {
	{ "deadline past",			&implicit,	MS(1),		-1,		true,	0 },
	{ "deadline now, budget left",		&implicit,	MS(1),		0,		true,	0 },
	{ "deadline now, next to nothing left",	&implicit,	1023,		0,		false,	1023 },
	{ "a grain less than its share",	&implicit,	MS(2) - 1024,	MS(5),		false,	MS(2) - 1024 },
	{ "its share, cut to grains",		&implicit,	MS(2),		MS(5),		true,	0 },
	{ "untouched",				&implicit,	MS(4),		MS(10),		false,	MS(4) },
	{ "constrained, deadline past",		&constrained,	MS(1),		-1,		true,	0 },
	{ "constrained, its share",		&constrained,	MS(2),		MS(3),		false,	MS(2) },
	{ "constrained, more: cut down",	&constrained,	MS(4),		MS(3),		false,	MS(2) },
	{ "constrained, at the deadline",	&constrained,	MS(4),		0,		false,	0 },
};

static void test_wakeups(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wakeups); i++) {
		struct cbs s = { wakeups[i].q_ns, (nsec_t)(NOW + wakeups[i].d_ns) };

		CASE(wakeups[i].name);
		EXPECT_INT(cbs_wakes_anew(wakeups[i].p, &s, NOW), wakeups[i].anew);
		if (wakeups[i].anew)
			continue;
		cbs_revise(wakeups[i].p, &s, NOW);
		EXPECT_INT(s.q_ns, wakeups[i].revised_ns);
		EXPECT_INT(s.d_ns, NOW + wakeups[i].d_ns);
	}
}

static const struct {
	const char *name;
	const struct cbs_params *p;
	int64_t q_ns, d_ns;
	int64_t then_q_ns, then_d_ns;
} replenishments[] = {
	{ "nothing overrun",		&implicit,	0,		0,		MS(4),		MS(10) },
	{ "overrun is paid back",	&implicit,	-MS(1.5),	0,		MS(2.5),	MS(10) },
	{ "all of it",			&implicit,	-MS(4) + 1,	0,		1,		MS(10) },
	{ "by two periods",		&implicit,	-MS(4),		0,		MS(4),		MS(20) },
	{ "by four",			&tiny,		-MS(3.5),	0,		MS(0.5),	MS(40) },
	{ "new deadline just reached",	&implicit,	0,		-MS(10),	MS(4),		0 },
	{ "too late: starts anew",	&implicit,	-MS(1),		-MS(10) - 1,	MS(4),		MS(10) },
	{ "constrained",		&constrained,	-MS(1),		-MS(4),		MS(3),		MS(6) },
};

static void test_replenishments(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(replenishments); i++) {
		struct cbs s = { replenishments[i].q_ns, (nsec_t)(NOW + replenishments[i].d_ns) };

		CASE(replenishments[i].name);
		cbs_replenish(replenishments[i].p, &s, NOW);
		EXPECT_INT(s.q_ns, replenishments[i].then_q_ns);
		EXPECT_INT(s.d_ns, NOW + replenishments[i].then_d_ns);
	}
}

static void test_times(void)
{
	struct cbs s = { MS(1), NOW };

	CASE("next period");
	EXPECT_INT(cbs_next_period(&implicit, &s), NOW);
	EXPECT_INT(cbs_next_period(&constrained, &s), NOW + MS(4));
	CASE("next change");
	EXPECT_INT(cbs_next_change(&implicit, &s, NOW, NOW + MS(9)), NOW + MS(1));
	EXPECT_INT(cbs_next_change(&implicit, &s, NOW, NOW + MS(0.5)), NOW + MS(0.5));
	s.q_ns = -MS(1);
	EXPECT_INT(cbs_next_change(&constrained, &s, NOW, NOW + MS(9)), NOW + MS(4));	/* its next period */
	EXPECT_INT(cbs_next_change(&implicit, &s, NOW, NOW + MS(9)), NOW + MS(3));	/* a tick after its end it is noticed */
	CASE("due");
	EXPECT(cbs_is_due(&implicit, &s, NOW) && !cbs_is_due(&implicit, &s, NOW - 1) && !cbs_is_due(&constrained, &s, NOW));
	s.q_ns = 1;
	EXPECT(!cbs_is_due(&implicit, &s, NOW));
}

static void test_notice(void)
{
	struct cbs s = { -MS(1), NOW - MS(1) }, bound;

	CASE("on the CPU, in time: at once");
	EXPECT(cbs_notice(&implicit, &s, NOW, false, &bound));
	EXPECT_INT(s.q_ns, MS(3));
	EXPECT_INT(s.d_ns, NOW + MS(9));
	EXPECT(bound.q_ns <= s.q_ns && bound.d_ns >= s.d_ns);

	CASE("too late: when it is noticed");
	s = (struct cbs){ -MS(1), NOW - MS(20) };
	EXPECT(!cbs_notice(&implicit, &s, NOW, false, &bound));
	EXPECT(cbs_notice(&implicit, &s, NOW, true, &bound));
	EXPECT_INT(s.q_ns, MS(4));
	EXPECT_INT(s.d_ns, NOW + MS(10));
	EXPECT_INT(bound.q_ns, MS(3));		/* it may have been noticed when the budget ended */

	CASE("end of a throttling");
	s = (struct cbs){ -MS(9), 0 };
	cbs_end_throttling(&implicit, &s, NOW);
	EXPECT_INT(s.q_ns, 1);
	EXPECT_INT(s.d_ns, NOW + MS(10));
	s = (struct cbs){ MS(1), 0 };
	cbs_end_throttling(&constrained, &s, NOW);
	EXPECT_INT(s.q_ns, MS(4));
	EXPECT_INT(s.d_ns, NOW + MS(6));
}

int main(void)
{
	test_wakeups();
	test_replenishments();
	test_times();
	test_notice();
	return expect_result();
}
