/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal, with fields; lines on standard error where there is no journal. Only those who decide log: manager, main.
 * Message ids have their explanation in systemd/virtrk.catalog.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <sys/types.h>
#include <syslog.h>

#define MSG_RESERVED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f10"
#define MSG_RELEASED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f11"
#define MSG_REFUSED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f12"
#define MSG_DRIFT	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f13"
#define MSG_MISSED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f14"
#define MSG_RECOVERED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f15"
#define MSG_STATE_DAMAGED  "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f16"
#define MSG_DOMAIN_VANISHED "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f17"
#define MSG_EXHAUSTED	   "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f18"

/* What a line is about; NULL members are left out. */
struct log_about {
	const char *message_id;
	const char *domain;
	const char *thread;
};

void log_line(int priority, const struct log_about *about, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void log_set_max_priority(int priority);

/* $JOURNAL_STREAM, "DEV:INODE", names that file: it is inherited also by who has standard error elsewhere. NULL: no. */
bool log_stream_is(const char *stream, dev_t device, ino_t inode);

#define log_error(...)	 log_line(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, NULL, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, NULL, __VA_ARGS__)

#endif
