/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Missed budgets: what the log hears of them, and when. Each case is a row of looks at the meter. */
#include "expect.h"
#include "missed.h"

#define LOOKS_MAX 12
#define S(x) ((nsec_t)(x) * NSEC_PER_SEC)

static const struct {
	const char *name;
	struct {
		unsigned int at_s;
		uint64_t metered;
		uint64_t count;		/* new ones, told to those who listen */
		uint64_t news;		/* told to the log */
		unsigned int over_s;
	} looks[LOOKS_MAX];
	uint64_t all;
} cases[] = {
	{ "none", { { 1, 0 }, { 2, 0 }, { 100, 0 } }, 0 },
	{ "the first at once", { { 1, 0 }, { 2, 3, 3, 3, 0 }, { 3, 3 } }, 3 },
	{ "at the first look", { { 1, 7, 7, 7, 0 } }, 7 },
	{ "then sums, each after twice as long", {
		{ 1, 1, 1, 1, 0 }, { 2, 3, 2 }, { 10, 5, 2 }, { 11, 6, 1, 5, 10 }, { 12, 7, 1 }, { 30, 8, 1 }, { 31, 8, 0, 2, 20 }, { 70, 9, 1 },
		{ 71, 9, 0, 1, 40 } }, 9 },
	{ "an end of them, and a first one again", {
		{ 1, 1, 1, 1, 0 }, { 11, 1 }, { 12, 2, 1, 1, 0 }, { 13, 3, 1 }, { 22, 3, 0, 1, 10 } }, 3 },
	{ "an end of them that was not looked at", { { 1, 1, 1, 1, 0 }, { 500, 2, 1, 1, 10 }, { 510, 2 }, { 520, 2 }, { 521, 3, 1, 1, 0 } }, 3 },
	{ "never rarer than once an hour", {
		{ 0, 1, 1, 1, 0 }, { 10, 2, 1, 1, 10 }, { 30, 3, 1, 1, 20 }, { 70, 4, 1, 1, 40 }, { 150, 5, 1, 1, 80 }, { 310, 6, 1, 1, 160 },
		{ 630, 7, 1, 1, 320 }, { 1270, 8, 1, 1, 640 }, { 2550, 9, 1, 1, 1280 }, { 5110, 10, 1, 1, 2560 }, { 8710, 11, 1, 1, 3600 },
		{ 12310, 12, 1, 1, 3600 } }, 12 },
	{ "another meter", { { 1, 4, 4, 4, 0 }, { 2, 6, 2 }, { 3, 5, 5 }, { 11, 5, 0, 7, 10 }, { 12, 0 }, { 13, 1, 1 }, { 31, 1, 0, 1, 20 } }, 12 },
};

int main(void)
{
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		struct missed missed = { 0 };

		CASE(cases[c].name);
		for (size_t i = 0; i < LOOKS_MAX && (i == 0 || cases[c].looks[i].at_s > 0); i++) {
			struct missed_news news;

			EXPECT_INT(missed_add(&missed, S(cases[c].looks[i].at_s), cases[c].looks[i].metered, &news), cases[c].looks[i].count);
			EXPECT_INT(news.count, cases[c].looks[i].news);
			EXPECT_INT(news.over_ns, S(cases[c].looks[i].over_s));
		}
		EXPECT_INT(missed.all, cases[c].all);
	}
	return expect_result();
}
