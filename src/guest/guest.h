/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of virtrk-guest. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

enum { GUEST_USAGE = 2, GUEST_FAILED = 125, GUEST_REFUSED = 126, GUEST_NOT_FOUND = 127 };	/* as env(1) and timeout(1) have them */

struct guest_run {
	const char *colors;	/* as lists; NULL: any */
	const char *banks;
	const char *profile;	/* NULL: the module's */
	uint64_t bytes;		/* of all */
	uint64_t area_bytes;	/* of mappings and thread stacks among them */
	uint64_t stack_bytes;	/* of the first thread, and of the others where they do not say */
	bool text;
};

__attribute__((format(printf, 2, 3))) int guest_say(int code, const char *format, ...);	/* one line; returns @code */

/* guest-run.c: returns only when the program did not start, an exit code. */
int guest_run(const struct guest_run *run, char *const argv[]);
/* guest-check.c: 0, or 1: not all are. */
int guest_check(const char *pid);

#endif
