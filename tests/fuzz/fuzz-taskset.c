/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes into the parser of task sets. What it takes must keep the rules that it promises.
 */
#include <assert.h>
#include <string.h>

#include "taskset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TASKSET_ERROR_MAX] = "";
	struct taskset set;

	if (taskset_parse((const char *)data, size, &set, error) < 0) {
		assert(*error && !strchr(error, '\n'));
		return 0;
	}
	assert(!*error && set.n >= 1 && set.n <= TASKSET_MAX);
	for (size_t i = 0; i < set.n; i++) {
		const struct task_spec *t = &set.task[i];

		assert(*t->name && strlen(t->name) <= TASK_NAME_MAX);
		assert(t->work_ns && t->work_ns <= t->deadline_ns && t->deadline_ns <= t->period_ns);
		assert(t->period_ns >= TASK_PERIOD_MIN && t->period_ns <= TASK_PERIOD_MAX);
		assert(t->priority >= 1 && t->priority <= 98);
	}
	return 0;
}
