/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units. A time is nanoseconds of CLOCK_MONOTONIC, a bandwidth is the kernel's fixed point (2^20 = one CPU).
 * The unit stands in every name: period_ns, load_bw.
 */
#ifndef VIRTRK_UNITS_H
#define VIRTRK_UNITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t nsec_t;
typedef uint64_t bw_t;

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define NSEC_MAX      ((nsec_t)INT64_MAX)	/* the kernel refuses times with the top bit set */

#define BW_SHIFT 20
#define BW_UNIT  (1ULL << BW_SHIFT)		/* one whole CPU */

/**
 * vrk_nsec_parse() - a time with its unit, as people write it
 * @text: digits, optionally '.' and up to 9 digits, then ns, us, ms or s; nothing else, no spaces, no sign
 * @ret:  ns; a fraction finer than 1 ns is -EINVAL, never rounded
 *
 * A number without unit is refused: 4 could be anything.
 * Return: 0; -EINVAL not of that form (also NULL and ""); -ERANGE more than NSEC_MAX. O(length).
 */
int vrk_nsec_parse(const char *text, nsec_t *ret);

#define VRK_NSEC_STRLEN 32

/**
 * vrk_nsec_format() - the shortest exact text of a time, with at most 6 decimals
 * @buf: at least VRK_NSEC_STRLEN bytes
 *
 * No unit larger than the time itself (500us, not 0.5ms); of two texts of one length the one in the larger unit.
 * Exact: vrk_nsec_parse() of the result gives @ns back. Examples: "4ms", "2.5ms", "1024ns", "0ns".
 * Return: @buf.
 */
char *vrk_nsec_format(char *buf, nsec_t ns);

#define VRK_BW_STRLEN 24

/**
 * vrk_bw_format() - a bandwidth as CPUs, for people: "0.123"
 * @buf: at least VRK_BW_STRLEN bytes
 *
 * Three decimals, rounded to the nearest, but what is above zero is 0.001 at least: something is never told as nothing.
 * Return: @buf.
 */
char *vrk_bw_format(char *buf, bw_t bw);

/**
 * vrk_bytes_parse() - an amount of memory: a whole number and its unit, which is B, KiB, MiB, GiB or TiB
 *
 * Powers of 1024, nothing else: whoever writes MB may mean either.
 * Return: 0; -EINVAL not of that form (also NULL and ""); -ERANGE more than 2^63 - 1. O(length).
 */
int vrk_bytes_parse(const char *text, uint64_t *ret);

#define VRK_BYTES_STRLEN 32

/* In the largest unit in which it is a whole number: "1GiB", "1536MiB", "0B". Parses back. @buf: VRK_BYTES_STRLEN. Return: @buf. */
char *vrk_bytes_format(char *buf, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
