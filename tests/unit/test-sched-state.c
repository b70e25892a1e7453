/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When two ways of scheduling a thread are the same, and how one is told. */
#include <sched.h>

#include "expect.h"
#include "sched-state.h"

static void test_equal(void)
{
	static const struct {
		const char *name;
		struct sched_state a, b;
		bool equal;
	} cases[] = {
		{ "other: nice matters",	{ .nice = 1 },		{ .nice = 2 },			false },
		{ "other: slice does not",	{ .runtime_ns = 1 },	{ .runtime_ns = 2 },		true },
		{ "other: reset-on-fork does",	{ .flags = 1 },		{ .flags = 0 },			false },
		{ "policy matters",		{ .policy = SCHED_BATCH }, { .policy = SCHED_OTHER },	false },
		{ "fifo: priority matters", { SCHED_FIFO, 0, 0, 1, 0, 0, 0 }, { SCHED_FIFO, 0, 0, 2, 0, 0, 0 },	false },
		{ "fifo: nice does not",    { SCHED_FIFO, 0, 3, 1, 0, 0, 0 }, { SCHED_FIFO, 0, 0, 1, 0, 0, 0 },	true },
		{ "deadline: same",	{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, { SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, true },
		{ "deadline: budget",	{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, { SCHED_DEADLINE, 1, 0, 0, 5, 9, 10 }, false },
		{ "deadline: deadline",	{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, { SCHED_DEADLINE, 1, 0, 0, 4, 8, 10 }, false },
		{ "deadline: period",	{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, { SCHED_DEADLINE, 1, 0, 0, 4, 9, 11 }, false },
		{ "deadline: period 0 is the deadline",
			{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 0 }, { SCHED_DEADLINE, 1, 0, 0, 4, 9, 9 }, true },
		{ "deadline: reclaim",	{ SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, { SCHED_DEADLINE, 3, 0, 0, 4, 9, 10 }, false },
		{ "deadline: nice does not", { SCHED_DEADLINE, 1, 5, 0, 4, 9, 10 }, { SCHED_DEADLINE, 1, 0, 0, 4, 9, 10 }, true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		EXPECT_INT(sched_state_equal(&cases[i].a, &cases[i].b), cases[i].equal);
		EXPECT_INT(sched_state_equal(&cases[i].b, &cases[i].a), cases[i].equal);
	}
}

static void test_names(void)
{
	static const struct {
		struct sched_state state;
		const char *text;
	} cases[] = {
		{ { .policy = SCHED_OTHER, .nice = -5 },	"other nice -5" },
		{ { .policy = SCHED_FIFO, .priority = 50 },	"fifo 50" },
		{ { SCHED_DEADLINE, 1, 0, 0, 4000000, 9000000, 10000000 }, "deadline 4ms/9ms/10ms" },
		{ { SCHED_DEADLINE, SCHED_FLAG_RECLAIM, 0, 0, 4000000, 9000000, 0 }, "deadline 4ms/9ms/9ms soft" },
		{ { .policy = 4 },				"unknown nice 0" },
	};
	char text[SCHED_STATE_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].text);
		EXPECT_STR(sched_state_format(text, &cases[i].state), cases[i].text);
	}
	CASE("names");
	EXPECT_STR(sched_policy_name(SCHED_DEADLINE), "deadline");
	EXPECT_STR(sched_policy_name(SCHED_OTHER), "other");
	EXPECT_STR(sched_policy_name(4), "unknown");
}

int main(void)
{
	test_equal();
	test_names();
	return expect_result();
}
