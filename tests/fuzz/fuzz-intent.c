/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's metadata: any bytes are read or refused with words of one line; what is read, is written and read again as the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "intent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct intent *intent)
{
	_cleanup_(intent_done) struct intent again = { 0 };
	_cleanup_(freep) char *text = NULL;
	bool report;
	int r;

	r = intent_write(intent, false, &text);
	assert(r == 0);
	r = intent_read(text, strlen(text), &again, &report, NULL);
	assert(r == 0 && intent_equal(intent, &again) && report == intent->report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(intent_done) struct intent intent = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	bool report;
	int r = intent_read((const char *)data, size, &intent, &report, &err);

	assert(r == 0 || r == -ENOENT || r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EILSEQ);
	assert((r < 0 && r != -ENOENT) == !!err);
	assert(!err || (err->text && *err->text && !strchr(err->text, '\n') && err->reason == VR_BAD_CONFIG));
	assert((r == 0) == (intent.n > 0));
	for (size_t i = 0; i < intent.n; i++)
		assert(intent_thread_valid(intent.items[i].thread) && intent_find(&intent, intent.items[i].thread) == &intent.items[i]);
	if (r == 0)
		round_trip(&intent);
	return 0;
}
