/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/* The one of @names that @word was probably meant to be, or NULL when none is near. Pure, no allocation. */
const char *suggest(const char *word, const char *const *names, size_t n);

#endif
