/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where lines go: to the journal when systemd started us (standard error is its stream), with one field for each thing a
 * line is about, so that `journalctl VIRTRK_DOMAIN=rt` works; else to standard error as plain text. That the variable is set
 * says nothing: a shell in a service inherits it, and whoever redirects standard error wants to find the lines there.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"

static int log_max_priority = LOG_INFO;

void log_set_max_priority(int priority)
{
	log_max_priority = priority;
}

static void field_add(struct iovec *iov, int *n, char **text, const char *name, const char *value)
{
	if (!value || asprintf(text, "%s=%s", name, value) < 0) {
		*text = NULL;
		return;
	}
	iov[(*n)++] = (struct iovec) { .iov_base = *text, .iov_len = strlen(*text) };
}

static int journal_send(int priority, const struct log_about *about, const char *message)
{
	char *texts[5] = { 0 };
	struct iovec iov[5];
	char level[2] = { (char)('0' + priority), 0 };
	int n = 0, r;

	field_add(iov, &n, &texts[0], "MESSAGE", message);
	field_add(iov, &n, &texts[1], "PRIORITY", level);
	field_add(iov, &n, &texts[2], "MESSAGE_ID", about ? about->message_id : NULL);
	field_add(iov, &n, &texts[3], "VIRTRK_DOMAIN", about ? about->domain : NULL);
	field_add(iov, &n, &texts[4], "VIRTRK_THREAD", about ? about->thread : NULL);
	r = sd_journal_sendv(iov, n);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	return r;
}

bool log_stream_is(const char *stream, dev_t device, ino_t inode)
{
	uint64_t dev, ino;
	char end;

	return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64 "%c", &dev, &ino, &end) == 2 && dev == device && ino == inode;
}

static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;

	return stream && fstat(STDERR_FILENO, &st) == 0 && log_stream_is(stream, st.st_dev, st.st_ino);
}

void log_line(int priority, const struct log_about *about, const char *fmt, ...)
{
	_cleanup_(freep) char *message = NULL;
	va_list ap;
	int r;

	if (priority > log_max_priority)
		return;
	va_start(ap, fmt);
	r = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (r < 0) {
		message = NULL;
		return;
	}
	if (to_journal() && journal_send(priority, about, message) >= 0)
		return;
	fprintf(stderr, "virtrkd: %s\n", message);
}
