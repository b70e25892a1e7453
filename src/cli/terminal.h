/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <virtrk/units.h>

/* Takes the screen (and keys one by one, when stdin is a terminal) until terminal_leave(), or until the program ends. */
int terminal_enter(void);
void terminal_leave(void);

enum terminal_event {
	TERMINAL_TIMEOUT,	/* or a change of size: time to draw again */
	TERMINAL_QUIT,		/* q, or the terminal is gone */
};

enum terminal_event terminal_wait(nsec_t timeout_ns);

unsigned int terminal_rows(void);

#endif
