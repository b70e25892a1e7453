/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reservation document: any bytes are read or refused with words of one line, and what is read is whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <virtrk/dbus.h>

#include "document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(document_done) struct document document = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = document_parse((const char *)data, size, &document, &err);

	assert(r == 0 || r == -EBADMSG);
	assert((r < 0) == !!err);
	assert(!err || (err->text && *err->text && err->reason == VR_BAD_CONFIG));
	assert((r == 0) == (document.requests.n > 0));
	assert(!document.domain || *document.domain);
	for (size_t i = 0; i < document.requests.n; i++) {
		const struct request *item = &document.requests.items[i];

		assert(item->thread && *item->thread);
		assert(item->budget_ns <= NSEC_MAX && item->period_ns <= NSEC_MAX && item->deadline_ns <= NSEC_MAX);
		assert(!(item->flags & ~VIRTRK_RESERVE_SOFT));
	}
	return 0;
}
