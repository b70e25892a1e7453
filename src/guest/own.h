/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What virtrk-guest run and the object that it has loaded into a program agree upon, and the parts of that object among themselves.
 *
 * The launcher leaves a file open whose frames have the colours asked for, and says in the environment which, for whom and how it is
 * divided. The object takes it before main(): takeover.c moves there what the program has already, area.c hands out a part of it as
 * mappings and thread stacks, the rest is libc's heap. From then on the kernel refuses every other page that could be written
 * (RLIMIT_DATA), so whatever goes around calls.c and threads.c fails for want of memory, and gets no frame of another colour.
 */
#ifndef OWN_H
#define OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * PID/FD/AREA/TEXT/COLORS/BANKS/PROFILE: numbers, the last three as text for virtrk-guest check, which finds all of it at the beginning of
 * the file: the environment of a program whose stack is a file the kernel shows to nobody.
 */
#define OWN_VARIABLE "VIRTRK_GUEST"
#define OWN_PAGE     4096UL
#define OWN_FAILED   125		/* exit code: the program could not be given its memory */

struct own_plan {
	int pid;		/* whose it is: it stays so when the program is replaced by another one (exec) */
	int fd;
	uint64_t area_bytes;
	bool text;		/* code and constants, too */
	const char *rest;	/* COLORS/BANKS/PROFILE */
};
/* plan.c. 0; -EINVAL: that is no such text. */
int own_plan_read(const char *text, struct own_plan *ret);

/* area.c: mappings and stacks, in whole pages. Not usable before own_area_init(). */
void own_area_init(unsigned char *base, size_t bytes, uint64_t *bits);	/* bits: one for each page, zero */
void *own_area_take(size_t bytes, int prot);				/* zeroed; NULL: there is not that much in a row */
void own_area_give(void *p, size_t bytes);
bool own_area_has(const void *p, size_t bytes);				/* all of it is handed out */
void *own_area_resize(void *p, size_t bytes, size_t new_bytes, bool may_move);

/* takeover.c */
bool own_active(void);
void own_open(void);	/* for an exec: the limit is what it was before */
void own_close(void);
__attribute__((format(printf, 1, 2))) void own_say(const char *format, ...);

#endif
