/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times as text: what is refused and why, what is exact, and that both ways agree. */
#include <virtrk/units.h>

#include "expect.h"

static void test_parse(void)
{
	static const struct {
		const char *text;
		int r;
		nsec_t ns;
	} cases[] = {
		{ "0ns", 0, 0 },
		{ "0s", 0, 0 },
		{ "4ms", 0, 4 * NSEC_PER_MSEC },
		{ "004ms", 0, 4 * NSEC_PER_MSEC },
		{ "1.5us", 0, 1500 },
		{ "0.001us", 0, 1 },
		{ "1.500us", 0, 1500 },
		{ "0.000000001s", 0, 1 },
		{ "2.5ms", 0, 2500000 },
		{ "1024ns", 0, 1024 },
		{ "9223372036s", 0, 9223372036000000000ULL },
		{ "9223372036.854775807s", 0, NSEC_MAX },
		{ "9223372036854775807ns", 0, NSEC_MAX },
		{ "9223372036854775808ns", -ERANGE, 0 },
		{ "9223372036.854775808s", -ERANGE, 0 },
		{ "99999999999s", -ERANGE, 0 },
		{ "18446744073709551616ns", -ERANGE, 0 },
		{ "99999999999999999999999999999999ms", -ERANGE, 0 },
		{ "0.5ns", -EINVAL, 0 },
		{ "1.0005us", -EINVAL, 0 },
		{ "0.0000000001s", -EINVAL, 0 },
		{ "1.0000000000s", -EINVAL, 0 },
		{ "4", -EINVAL, 0 },
		{ "4.5", -EINVAL, 0 },
		{ "4 ms", -EINVAL, 0 },
		{ " 4ms", -EINVAL, 0 },
		{ "4ms ", -EINVAL, 0 },
		{ "-4ms", -EINVAL, 0 },
		{ "+4ms", -EINVAL, 0 },
		{ "1e3ms", -EINVAL, 0 },
		{ "0x4ms", -EINVAL, 0 },
		{ "4,5ms", -EINVAL, 0 },
		{ ".5ms", -EINVAL, 0 },
		{ "5.ms", -EINVAL, 0 },
		{ "1.2.3ms", -EINVAL, 0 },
		{ "4MS", -EINVAL, 0 },
		{ "4msec", -EINVAL, 0 },
		{ "4m", -EINVAL, 0 },
		{ "4min", -EINVAL, 0 },
		{ "ms", -EINVAL, 0 },
		{ "99999999999x", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		nsec_t ns = 77;

		CASE(cases[i].text ? cases[i].text : "(null)");
		EXPECT_INT(vrk_nsec_parse(cases[i].text, &ns), cases[i].r);
		EXPECT_INT(ns, cases[i].r == 0 ? cases[i].ns : 77);
	}
}

static void test_format(void)
{
	static const struct {
		nsec_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0ns" },
		{ 1, "1ns" },
		{ 999, "999ns" },
		{ 1000, "1us" },
		{ 1024, "1024ns" },
		{ 1500, "1.5us" },
		{ 2500000, "2.5ms" },
		{ 4 * NSEC_PER_MSEC, "4ms" },
		{ 500 * NSEC_PER_USEC, "500us" },
		{ NSEC_PER_SEC, "1s" },
		{ 1500 * NSEC_PER_MSEC, "1.5s" },
		{ NSEC_PER_SEC + 1, "1000000001ns" },
		{ (1ULL << 22) * NSEC_PER_USEC, "4.194304s" },
		{ NSEC_MAX, "9223372036854775807ns" },
	};
	char buf[VRK_NSEC_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].text);
		EXPECT_STR(vrk_nsec_format(buf, cases[i].ns), cases[i].text);
	}
}

static void test_round_trip(void)
{
	char buf[VRK_NSEC_STRLEN];
	uint64_t x = 88172645463325252ULL;
	nsec_t back = 0;

	CASE("format, then parse");
	for (unsigned int i = 0; i < 100000; i++) {
		nsec_t ns;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ns = (x & NSEC_MAX) >> (x >> 58);
		if (i % 3 == 0)
			ns -= ns % NSEC_PER_USEC;
		if (!EXPECT(vrk_nsec_parse(vrk_nsec_format(buf, ns), &back) == 0 && back == ns && strlen(buf) < VRK_NSEC_STRLEN)) {
			fprintf(stderr, "%" PRIu64 " became %s\n", ns, buf);
			return;
		}
	}
}

static void test_bytes(void)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
		const char *shortest;
	} cases[] = {
		{ "0B", 0, 0, "0B" }, { "1B", 0, 1, "1B" }, { "4096B", 0, 4096, "4KiB" }, { "1GiB", 0, UINT64_C(1) << 30, "1GiB" },
		{ "1536MiB", 0, UINT64_C(1536) << 20, "1536MiB" }, { "2048GiB", 0, UINT64_C(2) << 40, "2TiB" }, { "0TiB", 0, 0, "0B" },
		{ "9223372036854775807B", 0, INT64_MAX, "9223372036854775807B" }, { "9223372036854775808B", -ERANGE, 0, NULL },
		{ "8388607TiB", 0, UINT64_C(8388607) << 40, "8388607TiB" }, { "8388608TiB", -ERANGE, 0, NULL },
		{ "99999999999999999999999B", -ERANGE, 0, NULL }, { "", -EINVAL, 0, NULL }, { "1", -EINVAL, 0, NULL }, { "GiB", -EINVAL, 0, NULL },
		{ "1GB", -EINVAL, 0, NULL }, { "1G", -EINVAL, 0, NULL }, { "1.5GiB", -EINVAL, 0, NULL }, { "-1GiB", -EINVAL, 0, NULL },
		{ " 1GiB", -EINVAL, 0, NULL }, { "1 GiB", -EINVAL, 0, NULL }, { "1gib", -EINVAL, 0, NULL }, { "1GiBs", -EINVAL, 0, NULL },
	};
	char buf[VRK_BYTES_STRLEN];

	EXPECT_INT(vrk_bytes_parse(NULL, &(uint64_t){ 0 }), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;

		CASE(cases[i].text);
		EXPECT_INT(vrk_bytes_parse(cases[i].text, &bytes), cases[i].r);
		if (cases[i].r < 0)
			continue;
		EXPECT(bytes == cases[i].bytes);
		EXPECT_STR(vrk_bytes_format(buf, bytes), cases[i].shortest);
	}
}

static void test_bw(void)
{
	static const struct {
		bw_t bw;
		const char *text;
	} cases[] = {
		{ 0, "0.000" },
		{ 1, "0.001" },				/* something is never told as nothing */
		{ BW_UNIT / 2000, "0.001" },
		{ 943718, "0.900" },			/* 9 ms of 10 ms, as the kernel truncates it */
		{ BW_UNIT - 1, "1.000" },
		{ BW_UNIT, "1.000" },
		{ 4 * 996147, "3.800" },		/* what the kernel gives away of four CPUs */
		{ BW_UNIT + BW_UNIT / 4, "1.250" },
		{ UINT64_MAX, "17592186044416.000" },
	};
	char buf[VRK_BW_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].text);
		EXPECT_STR(vrk_bw_format(buf, cases[i].bw), cases[i].text);
	}
}

int main(void)
{
	test_bw();
	test_parse();
	test_format();
	test_round_trip();
	test_bytes();
	return expect_result();
}
