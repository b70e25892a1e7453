/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text into the parser of resctrl's schemata, and as the name of a group. What it takes, the formatter writes such that it reads
 * back the same; of a group of ours the domain's name makes the group's again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "resctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name_check(const char *text)
{
	_cleanup_(freep) char *domain = NULL;
	char group[RESCTRL_GROUP_MAX];

	if (resctrl_group_domain(text, &domain) == 0)
		assert(resctrl_group_name(domain, group) == 0 && strcmp(group, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct resctrl_schemata got, again;
	_cleanup_(freep) char *text = strndup((const char *)data, size);
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *out = NULL;
	int r;

	assert(text);
	name_check(text);
	r = resctrl_schemata_parse(text, &got, &err);
	assert(r == 0 ? !err : r == -EBADMSG && err);
	if (r < 0)
		return 0;
	assert(resctrl_schemata_format(&got, &out) == 0);
	assert(resctrl_schemata_parse(out, &again, NULL) == 0);
	assert(resctrl_schemata_within(&got, &again) && resctrl_schemata_within(&again, &got));
	return 0;
}
