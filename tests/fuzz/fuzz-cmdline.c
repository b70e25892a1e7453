/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as /proc/PID/cmdline: a process may be called what it likes. What comes out of it must be fit for use: a name
 * that escapes to something printable without '/', a UUID of the right form, an accelerator, never a libvirt guest's socket.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "source-cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	char escaped[VM_NAME_MAX + 1];
	const char *p;

	assert(*name);
	vm_name_escape(escaped, name);
	assert(*escaped && *escaped != '.' && strlen(escaped) <= VM_NAME_MAX);
	for (p = escaped; *p; p++)
		assert((unsigned char)*p >= 0x20 && *p != 0x7f && *p != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline cmdline, again;
	int r;

	r = cmdline_parse(&cmdline, (const char *)data, size);
	if (r < 0) {
		assert(r == -ENODATA);
		return 0;
	}
	assert(cmdline.accels);
	if (cmdline.name)
		check_name(cmdline.name);
	if (cmdline.uuid)
		assert(strlen(cmdline.uuid) == 36 && strspn(cmdline.uuid, "0123456789abcdef-") == 36);
	if (cmdline.qmp_path)
		assert(*cmdline.qmp_path && cmdline.origin != VM_LIBVIRT);
	assert(cmdline_parse(&again, (const char *)data, size) == 0 && cmdline_equal(&cmdline, &again));
	cmdline_done(&again);
	cmdline_done(&cmdline);
	return 0;
}
