/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a measured memory profile depends on: the machine, as far as it decides how addresses are mapped. One line of the profile's file.
 */
#ifndef PROFILE_MACHINE_H
#define PROFILE_MACHINE_H

#include "door.h"

enum machine_key {
	MACHINE_CPU,		/* vendor, family, model, stepping */
	MACHINE_MICROCODE,
	MACHINE_BOARD,		/* DMI: who made it and what it is called */
	MACHINE_BIOS,		/* its settings decide about interleaving; a new one may forget them */
	MACHINE_DIMMS,		/* DMI: which slots have how much, of how many ranks */
	MACHINE_MEMORY,		/* where the kernel has memory, in blocks: the same whatever the firmware keeps of it */
	MACHINE_KEYS,
};

/* Each a word without blanks; "none": the machine does not say. */
struct machine {
	char *value[MACHINE_KEYS];
};

void machine_done(struct machine *machine);

/* -ENOMEM, or what reading said: what is not there is "none". */
int machine_look(const struct profile_door *door, struct machine *ret);

/* "machine cpu=... microcode=...": without a newline; read back it is the same. */
int machine_format(const struct machine *machine, char **ret);
int machine_parse(const char *line, struct machine *ret);	/* -EBADMSG: not of that form */

/* *ret: NULL, they are the same; else words, "microcode (0x21 then, 0x22 now), bios (...)". -ENOMEM. */
int machine_differ(const struct machine *then, const struct machine *now, char **ret);

/* The memory devices of a DMI table, "DIMM_A1:8192M:2+DIMM_B1:8192M:2", "none" where it has none. -ENOMEM. */
int machine_dimms(const char *table, size_t size, char **ret);

#endif
