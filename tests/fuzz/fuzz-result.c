/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of an experiment: any bytes are read or refused with one line, and what is read is written as it can be read again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "answer.h"
#include "experiment-result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(experiment_result_done) struct experiment_result result = { 0 }, again = { 0 };
	_cleanup_(experiment_done) struct experiment e = { 0 }, f = { 0 };
	_cleanup_(json_object_putp) struct json_object *json = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *text;
	int r = experiment_result_parse((const char *)data, size, &e, &result, &err);

	assert(r == 0 || r == -ENOMEM || (err && err->text && !strchr(err->text, '\n')));
	if (r < 0)
		return 0;
	r = experiment_result_json(&e, &result, &json);
	assert(r == 0);
	text = json_object_to_json_string(json);
	r = experiment_result_parse(text, strlen(text), &f, &again, &err);
	assert(r == 0 && again.shard == result.shard && again.shards == result.shards);
	for (size_t i = 0; i < result.n_points * result.n_tests; i++)
		assert(memcmp(&result.tallies[i], &again.tallies[i], sizeof(result.tallies[i])) == 0);
	return 0;
}
