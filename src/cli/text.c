/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that people read: how wide it is, how it is made safe, how a number becomes short.
 *
 * Names of domains and threads come from outside (a guest's owner chooses them), so nothing reaches a terminal before
 * text_clean() has seen it: no control character, no escape sequence, no second line. Numbers are integers throughout;
 * what is rounded here is only ever shown, never decided by. Called by table.c and the verbs. Pure, apart from the
 * locale that main.c has set.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cleanup.h"
#include "text.h"

char *text_vformat(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

/* Characters that turn the direction of writing can make a name look like another one. */
static bool turns_direction(wchar_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the next character (at least 1) and its columns; -1 = not to be printed. @text is not empty. */
static size_t char_next(const char *text, int *ret_width)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, text, strnlen(text, MB_LEN_MAX), &state);

	if (n == 0 || n > MB_LEN_MAX) {		/* no character, or an incomplete one */
		*ret_width = -1;
		return 1;
	}
	*ret_width = turns_direction(c) ? -1 : wcwidth(c);
	return n;
}

char *text_clean(const char *text)
{
	char *clean = malloc(strlen(text) + 1), *out = clean;

	if (!clean)
		return NULL;
	while (*text) {
		int width;
		size_t n = char_next(text, &width);

		if (width < 0) {
			*out++ = '?';
		} else {
			memcpy(out, text, n);
			out += n;
		}
		text += n;
	}
	*out = '\0';
	return clean;
}

/* Does not ask the locale: what goes over the bus must be UTF-8 whatever the user's language is. */
bool text_is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
		size_t n = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : (*p & 0xf8) == 0xf0 ? 4 : 0;
		uint32_t c = n == 1 ? *p : *p & (0x7fU >> n);

		if (n == 0)
			return false;
		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		p += n;
	}
	return true;
}

size_t text_width(const char *text)
{
	size_t width;

	(void)text_cut(text, SIZE_MAX, &width);
	return width;
}

size_t text_cut(const char *text, size_t columns, size_t *ret_width)
{
	size_t bytes = 0, total = 0;

	while (text[bytes]) {
		int width;
		size_t n = char_next(text + bytes, &width);
		size_t cells = width < 0 ? 1 : (size_t)width;

		if (cells > columns - total)
			break;
		total += cells;
		bytes += n;
	}
	*ret_width = total;
	return bytes;
}

#define WRAP_LEAST 20	/* columns: less is worse to read than what the terminal makes of long lines */

/* The next word, of @length bytes, behind what ends in column *at. */
static int word_put(FILE *out, const char *text, size_t length, size_t indent, size_t columns, size_t *at)
{
	_cleanup_(freep) char *word = strndup(text, length);
	size_t width = word ? text_width(word) : 0;

	if (!word)
		return -ENOMEM;
	if (*at > indent && *at + 1 + width > columns) {
		fprintf(out, "\n%*s", (int)indent, "");
		*at = indent;
	} else if (*at > indent) {
		fputc(' ', out);
		++*at;
	}
	fputs(word, out);
	*at += width;
	return 0;
}

char *text_wrap(const char *text, size_t indent, size_t columns)
{
	_cleanup_(freep) char *wrapped = NULL;
	size_t size, at = indent;
	FILE *out;
	int r = 0;

	if (columns < indent + WRAP_LEAST)
		return strdup(text);
	out = open_memstream(&wrapped, &size);
	if (!out)
		return NULL;
	while (r >= 0 && *text) {
		size_t length = strcspn(text, " ");

		r = word_put(out, text, length, indent, columns, &at);
		text += length + (text[length] == ' ');
	}
	if (fclose(out) != 0 || r < 0)
		return NULL;
	return TAKE_PTR(wrapped);
}

/* part * scale / whole, rounded to nearest; 128 bits because ns times 1000 can be more than 64. */
static uint64_t ratio(uint64_t part, uint64_t scale, uint64_t whole)
{
	return (uint64_t)(((unsigned __int128)part * scale + whole / 2) / whole);
}

char *text_percent(char buf[TEXT_NUMBER_MAX], uint64_t part, uint64_t whole)
{
	uint64_t permille;

	if (whole == 0) {
		snprintf(buf, TEXT_NUMBER_MAX, "-");
		return buf;
	}
	permille = ratio(part, 1000, whole);
	snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%" PRIu64 "%%", permille / 10, permille % 10);
	return buf;
}

char *text_cpus(char buf[TEXT_NUMBER_MAX], bw_t load_bw)
{
	uint64_t cent = ratio(load_bw, 100, BW_UNIT);

	snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%02" PRIu64, cent / 100, cent % 100);
	return buf;
}

char *text_msec(char buf[TEXT_NUMBER_MAX], nsec_t ns)
{
	uint64_t cent = ratio(ns, 100, NSEC_PER_MSEC);

	snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%02" PRIu64, cent / 100, cent % 100);
	return buf;
}

/* Three digits are enough to see where one stands: 9.99us, 12.3ms, 456s. */
char *text_duration(char buf[TEXT_NUMBER_MAX], nsec_t ns)
{
	static const struct {
		nsec_t ns;
		const char *name;
	} units[] = { { NSEC_PER_SEC, "s" }, { NSEC_PER_MSEC, "ms" }, { NSEC_PER_USEC, "us" } };
	size_t i = 0;

	if (ns < NSEC_PER_USEC) {
		snprintf(buf, TEXT_NUMBER_MAX, ns ? "%" PRIu64 "ns" : "%" PRIu64, ns);
		return buf;
	}
	while (ns < units[i].ns)
		i++;
	if (ns < 10 * units[i].ns) {
		uint64_t cent = ratio(ns, 100, units[i].ns);

		snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%02" PRIu64 "%s", cent / 100, cent % 100, units[i].name);
	} else if (ns < 100 * units[i].ns) {
		uint64_t deci = ratio(ns, 10, units[i].ns);

		snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 ".%" PRIu64 "%s", deci / 10, deci % 10, units[i].name);
	} else {
		snprintf(buf, TEXT_NUMBER_MAX, "%" PRIu64 "%s", ratio(ns, 1, units[i].ns), units[i].name);
	}
	return buf;
}
