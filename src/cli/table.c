/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aligned text tables. A table is a list of cells in reading order; widths are counted in columns of the terminal, not
 * in bytes. Numbers stand right-aligned by the column's own word. On a terminal too narrow the widest text column
 * gives way first, marked by an ellipsis; what goes to a file or a pipe is never cut, so that scripts see whole names.
 *
 * Called by every verb that prints rows. Never asks the terminal anything: the caller passes the width.
 */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "table.h"
#include "text.h"

#define COLUMNS_MAX 16
#define GAP 2		/* blanks between two columns */
#define NARROWEST 6	/* a text column is not made narrower than this: better a line cut at its end */

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells;
	size_t allocated;
	bool failed;
};

int table_new(struct table **ret, const struct table_column *columns, size_t n_columns)
{
	_cleanup_(table_freep) struct table *table = NULL;

	if (n_columns == 0 || n_columns > COLUMNS_MAX)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->columns = columns;
	table->n_columns = n_columns;

	*ret = TAKE_PTR(table);
	return 0;
}

struct table *table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
	return NULL;
}

static int cells_grow(struct table *table)
{
	size_t n = table->allocated ? 2 * table->allocated : 4 * table->n_columns;
	char **cells;

	if (table->n_cells < table->allocated)
		return 0;
	cells = reallocarray(table->cells, n, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->allocated = n;
	return 0;
}

void table_add(struct table *table, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	char *clean;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	clean = text ? text_clean(text) : NULL;
	if (!clean || cells_grow(table) < 0) {
		free(clean);
		table->failed = true;
		return;
	}
	table->cells[table->n_cells++] = clean;
}

static void widths_measure(const struct table *table, size_t *widths)
{
	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = text_width(table->columns[c].head);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t width = text_width(table->cells[i]);

		if (width > widths[i % table->n_columns])
			widths[i % table->n_columns] = width;
	}
}

static size_t widths_total(const struct table *table, const size_t *widths)
{
	size_t total = GAP * (table->n_columns - 1);

	for (size_t c = 0; c < table->n_columns; c++)
		total += widths[c];
	return total;
}

/* Takes columns from the widest text, one at a time: tables are small, and so it stays fair. */
static void widths_shrink(const struct table *table, size_t *widths, size_t columns)
{
	for (size_t total = widths_total(table, widths); total > columns; total--) {
		size_t widest = table->n_columns;

		for (size_t c = 0; c < table->n_columns; c++) {
			size_t head = text_width(table->columns[c].head);

			if (table->columns[c].align == TABLE_RIGHT || widths[c] <= NARROWEST || widths[c] <= head)
				continue;
			if (widest == table->n_columns || widths[c] > widths[widest])
				widest = c;
		}
		if (widest == table->n_columns)
			return;
		widths[widest]--;
	}
}

static void blanks_print(FILE *out, size_t n)
{
	while (n-- > 0)
		fputc(' ', out);
}

/* One cell; *room is what the terminal's line has left. The last column is not padded: no blanks at the line's end. */
static void cell_print(FILE *out, const char *text, size_t width, enum table_align align, bool last, size_t *room)
{
	size_t full = text_width(text), shown, bytes;
	bool cut;

	if (width > *room)
		width = *room;
	cut = full > width && width > 0;
	bytes = text_cut(text, cut ? width - 1 : width, &shown);
	if (align == TABLE_RIGHT)
		blanks_print(out, width - shown - cut);
	fwrite(text, 1, bytes, out);
	if (cut)
		fputs("…", out);
	if (align == TABLE_LEFT && !last)
		blanks_print(out, width - shown - cut);
	*room -= width;
}

static void row_print(const struct table *table, FILE *out, const char *const *cells, const size_t *widths, size_t columns)
{
	size_t room = columns ? columns : SIZE_MAX;

	for (size_t c = 0; c < table->n_columns && room > 0; c++) {
		size_t gap = c == 0 ? 0 : GAP < room ? GAP : room;

		blanks_print(out, gap);
		room -= gap;
		cell_print(out, cells[c], widths[c], table->columns[c].align, c + 1 == table->n_columns, &room);
	}
}

int table_print(const struct table *table, FILE *out, size_t columns, bool bold)
{
	const char *heads[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];

	assert(table->n_columns > 0);
	if (table->failed)
		return -ENOMEM;
	widths_measure(table, widths);
	if (columns)
		widths_shrink(table, widths, columns);
	for (size_t c = 0; c < table->n_columns; c++)
		heads[c] = table->columns[c].head;
	if (bold)
		fputs("\033[1m", out);
	row_print(table, out, heads, widths, columns);
	fputs(bold ? "\033[0m\n" : "\n", out);
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
		row_print(table, out, (const char *const *)table->cells + i, widths, columns);
		fputc('\n', out);
	}
	return ferror(out) ? -EIO : 0;
}
