/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An experiment's result for people, and as CSV for their tools. Called by the verb. What is printed are ratios of counted numbers;
 * nothing is computed here.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "experiment-show.h"

char *experiment_cell(const struct experiment *e, const struct experiment_result *result, size_t point, size_t test,
		      char buf[RATIO_TEXT_MAX])
{
	const struct experiment_tally *t = &result->tallies[point * result->n_tests + test];

	if (experiment_tests[e->tests[test]].bandwidth)
		return experiment_mean(buf, t->bandwidth_bw, t->accepted);
	return experiment_ratio(buf, t->accepted, result->samples[point]);
}

/* Three places are enough for the eye, and less than four digits are right anyway with a thousand samples. */
static void cell_add(struct table *table, char *text)
{
	char *point = strchr(text, '.');

	if (point && strlen(point) > 4)
		point[4] = '\0';
	table_add(table, "%s", text);
}

int experiment_table(const struct experiment *e, const struct experiment_result *result, struct table_column *columns,
		     struct table **ret)
{
	_cleanup_(table_freep) struct table *table = NULL;
	char text[RATIO_TEXT_MAX], value[VRK_NSEC_STRLEN];
	uint64_t samples = 0;
	int r;

	columns[0] = (struct table_column){ experiment_parameters[e->parameter].head, TABLE_RIGHT };
	columns[1] = (struct table_column){ "SAMPLES", TABLE_RIGHT };
	for (size_t k = 0; k < e->n_tests; k++)
		columns[k + 2] = (struct table_column){ experiment_tests[e->tests[k]].head, TABLE_RIGHT };
	r = table_new(&table, columns, e->n_tests + 2);
	if (r < 0)
		return r;
	for (size_t i = 0; i < result->n_points; i++) {
		table_add(table, "%s", experiment_value_text(e, i, value));
		table_add(table, "%" PRIu64, result->samples[i]);
		samples += result->samples[i];
		for (size_t k = 0; k < e->n_tests; k++)
			cell_add(table, experiment_cell(e, result, i, k, text));
	}
	table_add(table, "weighted");
	table_add(table, "%" PRIu64, samples);
	for (size_t k = 0; k < e->n_tests; k++) {
		struct experiment_tally total;
		uint64_t utilisation;

		experiment_result_total(result, k, &total, &utilisation);
		cell_add(table, experiment_ratio(text, total.utilisation_bw, utilisation));
	}
	*ret = TAKE_PTR(table);
	return 0;
}

/* No field needs quotes: numbers and the names of tests. What is unknown is empty. */
void experiment_csv(const struct experiment *e, const struct experiment_result *result, FILE *out)
{
	fprintf(out, "%s,test,samples,accepted,ratio,weighted,bandwidth\n", experiment_parameters[e->parameter].name);
	for (size_t i = 0; i < result->n_points; i++)
		for (size_t k = 0; k < result->n_tests; k++) {
			const struct experiment_tally *t = &result->tallies[i * result->n_tests + k];
			const struct experiment_test_def *def = &experiment_tests[e->tests[k]];
			char ratio[RATIO_TEXT_MAX], weighted[RATIO_TEXT_MAX], mean[RATIO_TEXT_MAX], value[VRK_NSEC_STRLEN];

			experiment_ratio(ratio, t->accepted, result->samples[i]);
			experiment_ratio(weighted, t->utilisation_bw, result->utilisation_bw[i]);
			experiment_mean(mean, t->bandwidth_bw, t->accepted);
			fprintf(out, "%s,%s,%" PRIu64 ",%" PRIu64 ",%s,%s,%s\n", experiment_value_number(e, i, value), def->name,
				result->samples[i], t->accepted, *ratio == '-' ? "" : ratio, *weighted == '-' ? "" : weighted,
				def->bandwidth && *mean != '-' ? mean : "");
		}
}

/* ---- files ---- */

/* Not into a new file that is then renamed: a pipe, a terminal, /dev/null. */
static bool written_in_place(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int file_fill(const char *path, FILE *file, int (*write)(FILE *out, void *userdata), void *userdata, struct vr_error **reterr)
{
	int r = write(file, userdata);

	if (r >= 0 && (fflush(file) != 0 || ferror(file)))
		r = -EIO;
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot write %s: %s", path, strerror(-r));
	return 0;
}

int experiment_file(const char *path, int (*write)(FILE *out, void *userdata), void *userdata, struct vr_error **reterr)
{
	bool in_place = written_in_place(path);
	_cleanup_(freep) char *part = NULL;
	_cleanup_(fclosep) FILE *file = NULL;
	int r;

	if (asprintf(&part, in_place ? "%s" : "%s.part", path) < 0) {
		part = NULL;
		return -ENOMEM;
	}
	file = fopen(part, "we");
	if (!file) {
		r = -errno;
		return vr_error_set(reterr, r, VR_FAILED, "cannot write %s: %s", part, strerror(-r));
	}
	r = file_fill(path, file, write, userdata, reterr);
	if (r >= 0 && !in_place && rename(part, path) < 0) {
		r = -errno;
		(void)vr_error_set(reterr, r, VR_FAILED, "cannot write %s: %s", path, strerror(-r));
	}
	if (r < 0 && !in_place)
		(void)unlink(part);
	return r;
}
