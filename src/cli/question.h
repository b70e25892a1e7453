/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_QUESTION_H
#define CLI_QUESTION_H

#include "cli.h"
#include "document.h"

/* What is asked, and of which domain. */
struct question {
	const char *domain;		/* of the command line or of the document */
	struct document document;
};

void question_done(struct question *question);

/* Of thread options and numbers, or of --file. -EINVAL, -ERANGE, -EBADMSG and one line when it is ill formed. */
int question_read(const struct arguments *arguments, struct question *question, struct vr_error **reterr);

/* A file that cannot be read has failed; anything else that is wrong with a question is wrong use. Returns an exit code. */
int question_fail(int r, const struct vr_error *err);

#endif
