/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vrk_nsec_parse() on arbitrary text: what it takes is in range, and its formatted text means the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/units.h>

#include "cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = calloc(1, size + 1);
	char buf[VRK_NSEC_STRLEN];
	nsec_t ns, again;

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (vrk_nsec_parse(text, &ns) < 0)
		return 0;
	if (ns > NSEC_MAX)
		abort();
	if (vrk_nsec_parse(vrk_nsec_format(buf, ns), &again) < 0 || again != ns)
		abort();
	return 0;
}
