/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places in a document, and the one line that says what is wrong there. Almost every document is right, so a place is a
 * chain of what was descended through, and becomes text only for a complaint.
 *
 * Called by the readers of documents. Knows no document.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "document-place.h"
#include "text.h"

#define KEY_MAX 90	/* bytes of one key that are shown: keys are whatever somebody wrote */

char *place_text(char buf[PLACE_MAX], const struct place *place)
{
	size_t n;

	if (place->parent)
		(void)place_text(buf, place->parent);
	else
		*buf = '\0';
	n = strlen(buf);
	if (place->key)
		snprintf(buf + n, PLACE_MAX - n, "%s%.*s", n > 0 && *place->key ? "." : "", KEY_MAX, place->key);
	else
		snprintf(buf + n, PLACE_MAX - n, "[%zu]", place->index);
	return buf;
}

int place_broken(const struct place *place, struct vr_error **reterr, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL, *where = NULL, *clean = NULL;
	char buf[PLACE_MAX];
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	where = text_clean(place_text(buf, place));
	clean = text ? text_clean(text) : NULL;
	if (!where || !clean)
		return -ENOMEM;
	return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s%s%s", where, *where ? ": " : "", clean);
}
