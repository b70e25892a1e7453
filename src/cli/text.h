/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/units.h>

/* As vasprintf(); NULL = out of memory. */
char *text_vformat(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* A copy that is safe to print: one line, printable UTF-8 only, anything else becomes '?'. NULL = out of memory. */
char *text_clean(const char *text);

bool text_is_utf8(const char *text);

/* Columns that a clean text takes on a terminal. */
size_t text_width(const char *text);

/* How many bytes of @text fill at most @columns; *ret_width = the columns they take. */
size_t text_cut(const char *text, size_t columns, size_t *ret_width);

/*
 * A clean text that begins behind @indent columns and is to end before @columns: broken at spaces, the next line indented as far. A word
 * that is longer stays whole. @columns 0, or hardly more than @indent: as it is. For the caller to free; NULL = out of memory.
 */
char *text_wrap(const char *text, size_t indent, size_t columns);

#define TEXT_NUMBER_MAX 48

/* Short forms for people. They round to nearest; the exact numbers are in --json. @buf is returned. */
char *text_percent(char buf[TEXT_NUMBER_MAX], uint64_t part, uint64_t whole);	/* "40.0%"; whole 0 = "-" */
char *text_cpus(char buf[TEXT_NUMBER_MAX], bw_t load_bw);			/* "1.25", 2^20 = 1 */
char *text_msec(char buf[TEXT_NUMBER_MAX], nsec_t ns);				/* "3.98", in ms */
char *text_duration(char buf[TEXT_NUMBER_MAX], nsec_t ns);			/* "12.3s", "4.05ms", "0" */

#endif
