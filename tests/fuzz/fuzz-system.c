/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A system description: any bytes are read or refused with one line, and what is read is whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "system-document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(system_document_done) struct system_document d = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = system_document_parse((const char *)data, size, &d, &err);

	assert(r == 0 || r == -ENOMEM || (err && err->text && !strchr(err->text, '\n')));
	for (size_t i = 0; r == 0 && i < d.n_vcpus; i++) {
		assert(d.names[i].vm && d.names[i].first_task + d.names[i].n_tasks <= d.n_tasks);
		assert(d.vcpus[i].cpu < (int32_t)d.system.host.cpus);
	}
	for (size_t i = 0; r == 0 && i < d.memory.n; i++)
		assert(d.memory.names[i] && d.memory.requests[i].bytes && d.memory.host.colors && d.memory.frames);
	for (size_t i = 0; r == 0 && i < d.n_tasks; i++)
		assert(d.task_names[i] && d.tasks[i].wcet_ns && d.tasks[i].period_ns && d.tasks[i].deadline_ns);
	return 0;
}
