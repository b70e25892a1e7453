/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU lists: what is read, what is refused, and that what is written reads back the same. */
#include "cpulist.h"
#include "expect.h"

static void test_parse(void)
{
	static const struct {
		const char *text;
		int r;
		const char *out;	/* as formatted again */
		int count;
	} cases[] = {
		{ "",			0,		"",		0 },
		{ "0",			0,		"0",		1 },
		{ "0-3,8,10-11",	0,		"0-3,8,10-11",	7 },
		{ "0-0",		0,		"0",		1 },
		{ "1,0",		0,		"0-1",		2 },
		{ "3-5,4-9",		0,		"3-9",		7 },
		{ "1023",		0,		"1023",		1 },
		{ "0-1023",		0,		"0-1023",	1024 },
		{ "1024",		-ERANGE,	NULL,		0 },
		{ "0-1024",		-ERANGE,	NULL,		0 },
		{ "99999999999999999999", -ERANGE,	NULL,		0 },
		{ "3-1",		-EINVAL,	NULL,		0 },
		{ ",",			-EINVAL,	NULL,		0 },
		{ "0,",			-EINVAL,	NULL,		0 },
		{ ",0",			-EINVAL,	NULL,		0 },
		{ "0,,1",		-EINVAL,	NULL,		0 },
		{ "-",			-EINVAL,	NULL,		0 },
		{ "0-",			-EINVAL,	NULL,		0 },
		{ "-3",			-EINVAL,	NULL,		0 },
		{ "0-1-2",		-EINVAL,	NULL,		0 },
		{ " 0",			-EINVAL,	NULL,		0 },
		{ "0 ",			-EINVAL,	NULL,		0 },
		{ "0\n",		-EINVAL,	NULL,		0 },
		{ "0-7:1/2",		-EINVAL,	NULL,		0 },
		{ "+1",			-EINVAL,	NULL,		0 },
		{ "0x1",		-EINVAL,	NULL,		0 },
		{ "all",		-EINVAL,	NULL,		0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *out = NULL;
		cpu_set_t set;

		CASE(cases[i].text);
		CPU_ZERO(&set);
		CPU_SET(77, &set);	/* the mark that a refusal leaves what was there */
		EXPECT_INT(cpulist_parse(cases[i].text, &set), cases[i].r);
		if (cases[i].r < 0) {
			EXPECT(CPU_COUNT(&set) == 1 && CPU_ISSET(77, &set));
			continue;
		}
		EXPECT_INT(CPU_COUNT(&set), cases[i].count);
		EXPECT_INT(cpulist_format(&set, &out), 0);
		EXPECT_STR(out, cases[i].out);
	}
}

int main(void)
{
	test_parse();
	return expect_result();
}
