/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * $JOURNAL_STREAM is believed only when it names the file that standard error is.
 */
#include "expect.h"
#include "log.h"

int main(void)
{
	static const struct {
		const char *stream;
		bool is;
	} cases[] = {
		{ "9:12345",	true },
		{ "9:12346",	false },
		{ "8:12345",	false },
		{ "9:123456",	false },
		{ "9:12345 ",	false },
		{ "9:12345:7",	false },
		{ "9",		false },
		{ "9:",		false },
		{ ":12345",	false },
		{ "",		false },
		{ "x:y",	false },
		{ NULL,		false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].stream ?: "not set");
		EXPECT_INT(log_stream_is(cases[i].stream, 9, 12345), cases[i].is);
	}
	return expect_result();
}
