/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times as people write them: "4ms", "2.5us", "1024ns", and back; amounts of memory: "512MiB". Used by every reader of a request (command
 * line, D-Bus, documents) and by every message, so that a time is spelled and checked in one way only.
 *
 * The arithmetic is exact: the parser refuses what is finer than 1 ns instead of rounding it, and the
 * formatter only chooses units in which nothing is lost. No locale, no floating point, no strtoull()
 * (which takes spaces, signs and "0x").
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <virtrk/units.h>

#define FRACTION_DIGITS_MAX 9	/* of a second: 1 ns */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {		/* largest first, which is the formatter's order of preference */
	{ "s", NSEC_PER_SEC },
	{ "ms", NSEC_PER_MSEC },
	{ "us", NSEC_PER_USEC },
	{ "ns", 1 },
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint64_t unit_parse(const char *text)
{
	for (size_t i = 0; i < N_UNITS; i++) {
		const char *name = units[i].name;	/* of one letter or two: no call is worth it */

		if (text[0] == name[0] && text[1] == name[1] && (name[1] == '\0' || text[2] == '\0'))
			return units[i].ns;
	}
	return 0;
}

/* "25" before "us" is 25/100 of 1000 ns; *ret_ns stays below one unit. -EINVAL when that is no whole number of ns. */
static int fraction_to_ns(const char *digits, size_t n, uint64_t unit_ns, uint64_t *ret_ns)
{
	uint64_t value = 0, scale = 1;

	if (n == 0) {		/* as almost always: spare it two divisions */
		*ret_ns = 0;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		value = value * 10 + (uint64_t)(digits[i] - '0');
		scale *= 10;
	}
	/* both factors are below 2^30: no overflow */
	if (value * unit_ns % scale)
		return -EINVAL;
	*ret_ns = value * unit_ns / scale;
	return 0;
}

int vrk_nsec_parse(const char *text, nsec_t *ret)
{
	const char *whole, *fraction = NULL;
	size_t n_whole, n_fraction = 0;
	uint64_t unit_ns, ns = 0, part = 0;
	int r;

	if (!text)
		return -EINVAL;
	whole = text;
	while (is_digit(*text))
		text++;
	n_whole = (size_t)(text - whole);
	if (n_whole == 0)
		return -EINVAL;
	if (*text == '.') {
		fraction = ++text;
		while (is_digit(*text))
			text++;
		n_fraction = (size_t)(text - fraction);
		if (n_fraction == 0 || n_fraction > FRACTION_DIGITS_MAX)
			return -EINVAL;
	}
	unit_ns = unit_parse(text);
	if (unit_ns == 0)
		return -EINVAL;
	r = fraction_to_ns(fraction, n_fraction, unit_ns, &part);
	if (r < 0)
		return r;
	/* The form is right; from here on it can only be too large. */
	for (size_t i = 0; i < n_whole; i++)
		if (__builtin_mul_overflow(ns, 10U, &ns) ||
		    __builtin_add_overflow(ns, (uint64_t)(whole[i] - '0'), &ns))
			return -ERANGE;
	if (__builtin_mul_overflow(ns, unit_ns, &ns) || __builtin_add_overflow(ns, part, &ns) || ns > NSEC_MAX)
		return -ERANGE;
	*ret = ns;
	return 0;
}

static char *put_number(char *p, uint64_t value, unsigned int min_digits)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value || n < min_digits);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* How many decimals are left of @rest / @unit_ns when the zeros at the end are gone; @rest loses them too. */
static unsigned int decimals(uint64_t unit_ns, uint64_t *rest)
{
	unsigned int n = 0;

	if (*rest == 0)
		return 0;
	for (; unit_ns > 1; unit_ns /= 10)
		n++;
	for (; *rest % 10 == 0; *rest /= 10)
		n--;
	return n;
}

static size_t number_len(uint64_t value)
{
	size_t n = 1;

	for (; value >= 10; value /= 10)
		n++;
	return n;
}

char *vrk_nsec_format(char *buf, nsec_t ns)
{
	size_t best = N_UNITS - 1, best_len = SIZE_MAX;
	uint64_t best_rest = 0;
	unsigned int best_decimals = 0;
	char *p = buf;

	for (size_t i = 0; i < N_UNITS; i++) {
		uint64_t rest = ns % units[i].ns;
		unsigned int n = decimals(units[i].ns, &rest);
		size_t len = number_len(ns / units[i].ns) + n + (n > 0) + strlen(units[i].name);

		if ((ns < units[i].ns && units[i].ns > 1) || n > 6 || len >= best_len)
			continue;
		best = i;
		best_len = len;
		best_rest = rest;
		best_decimals = n;
	}
	p = put_number(p, ns / units[best].ns, 1);
	if (best_decimals > 0) {
		*p++ = '.';
		p = put_number(p, best_rest, best_decimals);
	}
	strcpy(p, units[best].name);
	return buf;
}

/* ---- bandwidth ---- */

char *vrk_bw_format(char *buf, bw_t bw)
{
	uint64_t milli = (uint64_t)(((unsigned __int128)bw * 1000 + BW_UNIT / 2) >> BW_SHIFT);
	char *p;

	if (bw > 0 && milli == 0)
		milli = 1;
	p = put_number(buf, milli / 1000, 1);
	*p++ = '.';
	*put_number(p, milli % 1000, 3) = '\0';
	return buf;
}

/* ---- memory ---- */

static const struct {
	const char *name;
	unsigned int shift;
} sizes[] = { { "TiB", 40 }, { "GiB", 30 }, { "MiB", 20 }, { "KiB", 10 }, { "B", 0 } };

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

int vrk_bytes_parse(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	size_t unit = 0, digits = 0;

	while (text && is_digit(text[digits]))
		digits++;
	if (digits == 0)
		return -EINVAL;
	while (unit < N_SIZES && strcmp(text + digits, sizes[unit].name) != 0)
		unit++;
	if (unit == N_SIZES)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(value, 10U, &value) || __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -ERANGE;
	if (value > (uint64_t)INT64_MAX >> sizes[unit].shift)
		return -ERANGE;
	*ret = value << sizes[unit].shift;
	return 0;
}

char *vrk_bytes_format(char *buf, uint64_t bytes)
{
	size_t unit = bytes == 0 ? N_SIZES - 1 : 0;

	while (bytes & ((UINT64_C(1) << sizes[unit].shift) - 1))
		unit++;
	strcpy(put_number(buf, bytes >> sizes[unit].shift, 1), sizes[unit].name);
	return buf;
}
