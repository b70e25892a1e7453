/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between virtrkd and its libvirt module. libvirt and the sixty libraries behind it cost more memory than all of
 * virtrkd, so they are in a module (source-libvirt.c) that is loaded when libvirt's socket is there (source-libvirt-load.c).
 */
#ifndef DAEMON_SOURCE_LIBVIRT_H
#define DAEMON_SOURCE_LIBVIRT_H

#include <stdint.h>

#include "intent.h"
#include "vm.h"

struct source_libvirt;

enum libvirt_message_kind {
	LIBVIRT_CONNECTED,
	LIBVIRT_DOMAIN,		/* runs, or runs no more */
	LIBVIRT_INTENT,		/* what its metadata say */
	LIBVIRT_CLOSED,		/* the last one: the thread ends */
};

/* Through a pipe, one write(2) each: short enough to be atomic. */
struct libvirt_message {
	uint32_t kind;
	uint32_t state;			/* enum vm_state */
	char uuid[40];
	char name[VM_NAME_MAX + 1];	/* as libvirt has it */
	/* LIBVIRT_INTENT: whoever has read the message owns both. At most one of them is not NULL. */
	struct intent *intent;
	char *words;			/* why it cannot be read */
};

/*
 * A thread with a connection of its own. It writes messages to @fd, which it owns and closes at its end; nobody waits
 * for a libvirtd that hangs. After stop() the link is the thread's alone.
 */
struct libvirt_link;

#define LIBVIRT_MODULE_VERSION 2
#define LIBVIRT_MODULE_SYMBOL  "virtrk_libvirt_module"

struct libvirt_module {
	uint32_t version;
	int (*start)(struct libvirt_link **ret, const char *uri, int fd);
	void (*stop)(struct libvirt_link *link);	/* asks, does not wait */
};

/* From another place than the usual; for tests. 0 or -errno, -EPROTO it is no module of ours. */
int source_libvirt_load(struct source_libvirt *source, const char *path);

#endif
