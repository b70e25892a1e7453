/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from a QMP socket. A byte of 0 in the input ends one piece, after which the next command is fetched as the
 * loop does; the rest goes in as it is. A complete answer must be sorted, without a vCPU twice, with thread ids that can
 * be, and nothing may be held that is larger than the limit allows.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "source-qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct qmp_answer *answer)
{
	size_t i;

	for (i = 0; i < answer->n_cpus; i++) {
		assert(answer->cpus[i].tid > 0);
		assert(i == 0 || answer->cpus[i - 1].index < answer->cpus[i].index);
	}
	for (i = 0; i < answer->n_iothreads; i++) {
		assert(answer->iothreads[i].tid > 0);
		assert(memchr(answer->iothreads[i].id, '\0', sizeof(answer->iothreads[i].id)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(qmp_reader_freep) struct qmp_reader *reader = NULL;
	const char *p = (const char *)data, *end = p + size;
	int r = 0;

	assert(qmp_reader_new(&reader, 4096) == 0);
	while (r == 0 && p < end) {
		const char *zero = memchr(p, '\0', (size_t)(end - p));
		size_t piece = (size_t)((zero ?: end) - p);

		r = qmp_reader_push(reader, p, piece);
		p += piece + (zero != NULL);
		(void)qmp_reader_command(reader);
	}
	assert(r == 0 || r == -EBADMSG || r == -EMSGSIZE || r == -EOPNOTSUPP);
	if (r == 0 && qmp_reader_answer(reader))
		check_answer(qmp_reader_answer(reader));
	return 0;
}
