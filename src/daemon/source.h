/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every source of domains offers, and all that it may say. A source watches (process connector, libvirt), makes
 * snapshots and hands them on in the loop's thread; it decides nothing and writes nothing.
 */
#ifndef DAEMON_SOURCE_H
#define DAEMON_SOURCE_H

#include "vm.h"

struct sysroot;
struct intent;
typedef struct sd_event sd_event;

enum source_kind {
	SOURCE_VM,		/* a domain that is new, or whose threads or state changed: @vm is a whole snapshot */
	SOURCE_VM_GONE,		/* the process @pid has ended */
	SOURCE_INTENT,		/* what the metadata of the domain @pid say, as of now */
};

struct source_event {
	enum source_kind kind;
	struct vm *vm;		/* SOURCE_VM: the handler takes it (sets it NULL) or it is freed afterwards */
	pid_t pid;
	struct intent *intent;	/* SOURCE_INTENT: the handler may take it; NULL: they ask for nothing ... */
	const char *words;	/* ... or, with words, for something that cannot be read: why */
};

/* May ask for another look at once (source_proc_rescan), may not free its source. */
typedef void (*source_handler)(struct source_event *event, void *userdata);

/*
 * source-proc: every QEMU process of the host, by the process connector (libnl) and one scan of /proc at start.
 * Filtered in the kernel (socket filter): exec of anything, fork/exit/comm of known domains only.
 */
struct source_proc;
int source_proc_new(struct source_proc **ret, struct sysroot *root, sd_event *event,
		    source_handler handler, void *userdata);
/*
 * Subscribes first, then scans: nothing is missed. A domain with a QMP socket is told when QMP has answered, 2 s later at
 * most; the others before this returns.
 * Return: 0; > 0 scanned, but new domains and threads will not be seen, and this errno says why (EPERM, EOPNOTSUPP in a
 * container ...); -errno nothing works.
 */
int source_proc_start(struct source_proc *source);
/* Do events come? In a fake root there are none to come: then too. */
bool source_proc_hears(const struct source_proc *source);
/* Where they do not, all is looked at again; elsewhere there is nothing to do. */
void source_proc_look(struct source_proc *source);
int source_proc_rescan(struct source_proc *source, pid_t pid);	/* look at one domain again; -ESRCH it is no QEMU */
struct source_proc *source_proc_free(struct source_proc *source);
DEFINE_CLEANUP(struct source_proc *, source_proc_free)

/*
 * source-libvirt: names, UUIDs and states of libvirt's domains through its event API. It tells about processes that
 * source-proc also sees; the manager's table merges both by pid. libvirtd absent is no fault: it waits for its socket.
 * Its snapshots have no threads. When a domain has started, when one is found running, and when its metadata change, it tells
 * what they ask for. libvirt itself is loaded when the socket is there: -ENOENT, -EPROTO when that module of
 * ours is missing, or not of this version.
 */
struct source_libvirt;
int source_libvirt_new(struct source_libvirt **ret, struct sysroot *root, sd_event *event, const char *uri,
		       source_handler handler, void *userdata);
int source_libvirt_start(struct source_libvirt *source);
struct source_libvirt *source_libvirt_free(struct source_libvirt *source);
DEFINE_CLEANUP(struct source_libvirt *, source_libvirt_free)

#endif
