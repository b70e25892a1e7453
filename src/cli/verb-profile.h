/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_VERB_PROFILE_H
#define CLI_VERB_PROFILE_H

#include "options.h"

/* "memory profile", with its options judged by the caller but for --size. Returns an exit code. */
int memory_profile(const struct arguments *arguments);

#endif
