/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/virtrk/domains.d/NAME.json: the reservations of a plain QEMU domain, applied when it appears. The same document
 * that `virtrk reserve --file` takes.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "admit.h"
#include "error.h"
#include "intent.h"

struct domain_config {
	char *domain;		/* NULL = not said; of a file its name says it */
	struct intent_memory memory;	/* and ways of the cache */
	struct request_item *items;
	size_t n;
};

void domain_config_done(struct domain_config *config);

/* -ENOENT (no words): there is no file for @domain. -EBADMSG, VR_BAD_CONFIG: file and path of what is wrong. */
int domain_config_load(const char *directory, const char *domain, struct domain_config *ret, struct vr_error **reterr);

/* The parser alone, for tests and the fuzzer. @name stands in messages. */
int domain_config_parse(const char *name, const char *text, size_t length, struct domain_config *ret,
			struct vr_error **reterr);

#endif
