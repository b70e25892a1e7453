/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_SHOW_H
#define CLI_EXPERIMENT_SHOW_H

#include <stdio.h>

#include "experiment-result.h"
#include "table.h"

/* What is shown of a test at one point: how many it accepted, or the mean bandwidth that it found for them. */
char *experiment_cell(const struct experiment *experiment, const struct experiment_result *result, size_t point, size_t test,
		      char buf[RATIO_TEXT_MAX]);
#define EXPERIMENT_COLUMNS_MAX (EXPERIMENT_TESTS_MAX + 2)
/* @columns: EXPERIMENT_COLUMNS_MAX of them, which the table goes on using */
int experiment_table(const struct experiment *experiment, const struct experiment_result *result, struct table_column *columns,
		     struct table **ret);
/* One line for each point and test. Whether @out took it, ferror() tells. */
void experiment_csv(const struct experiment *experiment, const struct experiment_result *result, FILE *out);

/* Is there a gnuplot to draw with? */
bool experiment_can_draw(void);
/* An SVG of it into @path, by gnuplot. Return: 0; negative errno with one line. */
int experiment_figure(const struct experiment *experiment, const struct experiment_result *result, const char *path,
		      struct vr_error **reterr);

/* A file that is there as a whole or not at all. @write returns 0 or a negative errno. */
int experiment_file(const char *path, int (*write)(FILE *out, void *userdata), void *userdata, struct vr_error **reterr);

#endif
