/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of threads and times with units: what they become, and the rule each wrong one is told. */
#include "expect.h"
#include "request.h"

static char *joined(const struct thread_list *list)
{
	char *text = calloc(1, 4096);

	for (size_t i = 0; text && i < list->n; i++)
		snprintf(text + strlen(text), 4096 - strlen(text), "%s%s", i ? " " : "", list->names[i]);
	return text;
}

static void test_threads(void)
{
	static const struct {
		const char *text;
		int r;
		const char *want;	/* the names, or a part of the error */
	} cases[] = {
		{ "0",		0,		"vcpu0" },
		{ "0-3,5",	0,		"vcpu0 vcpu1 vcpu2 vcpu3 vcpu5" },
		{ "7-7",	0,		"vcpu7" },
		{ "5,1",	0,		"vcpu5 vcpu1" },
		{ "999999",	0,		"vcpu999999" },
		{ "",		-EINVAL,	"--vcpu \"\": not a list of numbers" },
		{ "1,",		-EINVAL,	"not a list of numbers" },
		{ "1;2",	-EINVAL,	"not a list of numbers" },
		{ "01",		-EINVAL,	"not a list of numbers" },
		{ "1000000",	-EINVAL,	"not a list of numbers" },
		{ "4294967296",	-EINVAL,	"not a list of numbers" },
		{ "3-1",	-EINVAL,	"--vcpu 3-1: the range 3-1 runs backwards" },
		{ "0,0",	-EINVAL,	"vcpu0 is named twice" },
		{ "0-2,1",	-EINVAL,	"vcpu1 is named twice" },
		{ "0-4095",	0,		NULL },
		{ "0-4096",	-EINVAL,	"more than 4096 threads" },
		{ "0-999999",	-EINVAL,	"more than 4096 threads" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(thread_list_done) struct thread_list list = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].text);
		EXPECT_INT(thread_list_parse(&list, "vcpu", cases[i].text, &err), cases[i].r);
		if (cases[i].r < 0) {
			EXPECT(err && strstr(err->text, cases[i].want));
		} else if (cases[i].want) {
			_cleanup_(freep) char *names = joined(&list);

			EXPECT_STR(names, cases[i].want);
		}
	}
}

static void test_times(void)
{
	static const struct {
		const char *text;
		int r;
		nsec_t ns;
		const char *error;
	} cases[] = {
		{ "4ms",		0,		4000000,	NULL },
		{ "2.5ms",		0,		2500000,	NULL },
		{ "0s",			0,		0,		NULL },
		{ "1024ns",		0,		1024,		NULL },
		{ "",			-EINVAL,	0,		"--budget: empty" },
		{ "4",			-EINVAL,	0,		"--budget 4: the unit is missing, write 4ns, 4us, 4ms or 4s" },
		{ "4.5",		-EINVAL,	0,		"the unit is missing" },
		{ "-4ms",		-EINVAL,	0,		"a time has no sign" },
		{ "+4ms",		-EINVAL,	0,		"a time has no sign" },
		{ "4m",			-EINVAL,	0,		"unknown unit \"m\", known are ns, us, ms and s" },
		{ "4MS",		-EINVAL,	0,		"unknown unit \"MS\"" },
		{ "4 ms",		-EINVAL,	0,		"unknown unit \" ms\"" },
		{ "4ms ",		-EINVAL,	0,		"unknown unit \"ms \"" },
		{ "1e3ns",		-EINVAL,	0,		"unknown unit \"e3ns\"" },
		{ "0x4ms",		-EINVAL,	0,		"unknown unit \"x4ms\"" },
		{ "0.5ns",		-EINVAL,	0,		"finer than 1 ns" },
		{ "4.ms",		-EINVAL,	0,		"not a time such as 4ms" },
		{ ".5ms",		-EINVAL,	0,		"not a time such as 4ms" },
		{ "ms",			-EINVAL,	0,		"not a time such as 4ms" },
		{ "infinity",		-EINVAL,	0,		"not a time such as 4ms" },
		{ "99999999999s",	-ERANGE,	0,		"too long" },
		{ "9223372036854775808ns", -ERANGE,	0,		"too long" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		nsec_t ns = 77;

		CASE(cases[i].text);
		EXPECT_INT(time_parse("--budget", cases[i].text, &ns, &err), cases[i].r);
		EXPECT_INT(ns, cases[i].r < 0 ? 77 : cases[i].ns);
		EXPECT(cases[i].error ? err && strstr(err->text, cases[i].error) : !err);
	}
}

static void test_deadline(void)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	nsec_t ns = 77;

	CASE("a deadline of zero");
	EXPECT_INT(deadline_parse("--deadline", "0ms", &ns, &err), -EINVAL);
	EXPECT(err && strstr(err->text, "cannot be zero"));
	EXPECT_INT(ns, 77);
	CASE("a deadline");
	EXPECT_INT(deadline_parse("--deadline", "8ms", &ns, NULL), 0);
	EXPECT_INT(ns, 8000000);
}

int main(void)
{
	test_threads();
	test_times();
	test_deadline();
	return expect_result();
}
