/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's process connector, filtered in the kernel so that a busy host does not wake us. */
#ifndef DAEMON_SOURCE_CONNECTOR_H
#define DAEMON_SOURCE_CONNECTOR_H

#include <linux/filter.h>
#include <stddef.h>
#include <sys/types.h>

#include "cleanup.h"

typedef struct sd_event sd_event;

enum connector_kind {
	CONNECTOR_EXEC,		/* process @tgid runs another program now */
	CONNECTOR_THREADS,	/* a thread of @tgid began, ended or got another name */
	CONNECTOR_LOST,		/* the kernel dropped events: look at everything again */
};

struct connector_event {
	enum connector_kind kind;
	pid_t tgid;
};

/* May call connector_set_domains(), may not free the connector. */
typedef void (*connector_handler)(const struct connector_event *event, void *userdata);

/*
 * Subscribes: from its return on no exec is missed, and no thread of a domain after connector_set_domains() named it.
 * Return: 0; -EPERM not root; -EOPNOTSUPP the kernel did not answer (it has no connector, or we are in a namespace of
 * processes or users of our own); -errno.
 */
struct connector;
int connector_new(struct connector **ret, sd_event *event, connector_handler handler, void *userdata);
struct connector *connector_free(struct connector *connector);
DEFINE_CLEANUP(struct connector *, connector_free)

/* Events other than exec of exactly these processes will come (of all, when they are too many for a filter). */
int connector_set_domains(struct connector *connector, const pid_t *tgids, size_t n);

/*
 * The filter alone, for tests: a program for SO_ATTACH_FILTER. -E2BIG: more processes than the kernel takes
 * instructions for.
 */
int connector_filter_build(struct sock_filter **ret, size_t *ret_n, const pid_t *tgids, size_t n);

#endif
