/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's reservation file: any bytes are read or refused with words, and what is read is whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(domain_config_done) struct domain_config config = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = domain_config_parse("fuzz", (const char *)data, size, &config, &err);

	assert(r == 0 || r == -ENOMEM || (err && err->text && err->reason == VR_BAD_CONFIG));
	assert(r < 0 || config.n > 0);
	for (size_t i = 0; i < config.n; i++)
		assert(config.items[i].thread[0] && memchr(config.items[i].thread, 0, VM_THREAD_NAME_MAX));
	return 0;
}
