/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "cleanup.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *head;
	enum table_align align;
};

struct table;

int table_new(struct table **ret, const struct table_column *columns, size_t n_columns);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free)

/* The next cell, row by row. Out of memory is remembered and told by table_print(). */
void table_add(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* @columns 0 = as wide as it needs to be (a file, a pipe). @bold: the head in bold, for a terminal. -ENOMEM, -EIO. */
int table_print(const struct table *table, FILE *out, size_t columns, bool bold);

#endif
