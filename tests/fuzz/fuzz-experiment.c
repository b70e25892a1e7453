/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The spec of an experiment: any bytes are read or refused with one line; and of what is read a sample can be drawn. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "experiment-sample.h"

#define TASKS_ENOUGH 2000		/* in one sample; more take their time, and are no other code */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(experiment_sample_done) struct experiment_sample sample = { 0 };
	_cleanup_(sum_tables_done) struct sum_tables tables = { 0 };
	_cleanup_(experiment_done) struct experiment e = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct experiment_draw draw;
	int r = experiment_parse((const char *)data, size, &e, &err);

	assert(r == 0 || r == -ENOMEM || (err && err->text && !strchr(err->text, '\n')));
	if (r < 0)
		return 0;
	assert(e.n_points > 0 && e.n_tests > 0 && e.samples > 0);
	experiment_point(&e, e.n_points - 1, &draw);
	/* least budgets are the analysis' work, and throwing sets away takes as long as it takes */
	if ((!e.fixed && draw.vcpus * draw.tasks_most > TASKS_ENOUGH) || draw.budget_ppb == 0 || draw.method == METHOD_UUNIFAST_DISCARD)
		return 0;
	r = experiment_sample_draw(&e, e.n_points - 1, &draw, e.samples - 1, &tables, &sample, &err);
	assert(r == 0 || r == -ENOMEM);
	for (size_t i = 0; i < sample.document.n_tasks; i++)
		assert(sample.document.tasks[i].wcet_ns <= sample.document.tasks[i].period_ns);
	return 0;
}
