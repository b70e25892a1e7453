/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a QEMU's command line tells about its domain. Pure. */
#ifndef DAEMON_SOURCE_CMDLINE_H
#define DAEMON_SOURCE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "vm.h"

/* Accelerators that QEMU may end up with; it takes the first that works. */
enum cmdline_accel {
	CMDLINE_KVM = 1 << 0,
	CMDLINE_TCG = 1 << 1,
	CMDLINE_OTHER = 1 << 2,
};

struct cmdline {
	char *name;		/* as given, not escaped; NULL = none given */
	char *uuid;		/* lower case; NULL = none given, or none of that form */
	char *qmp_path;		/* unix socket on which QEMU listens for QMP; NULL = none, or libvirt's own */
	enum vm_origin origin;	/* VM_LIBVIRT: its monitor belongs to libvirtd */
	unsigned int accels;	/* enum cmdline_accel, never 0 */
	bool daemonizes;	/* the machine will run in a grandchild */
	bool vhost;		/* may have kernel threads vhost-PID */
};

/* "/usr/bin/qemu-system-x86_64 (deleted)", ".../qemu-kvm", ".../kvm": is that a QEMU that runs machines? */
bool cmdline_is_qemu(const char *program);

/*
 * @text: /proc/PID/cmdline, arguments that each end with a NUL
 * Return: 0 with *ret filled; -ENODATA this process runs no machine (no arguments, -help, -version, machine none);
 * -ENOMEM.
 */
int cmdline_parse(struct cmdline *ret, const char *text, size_t size);
void cmdline_done(struct cmdline *cmdline);
bool cmdline_equal(const struct cmdline *a, const struct cmdline *b);

#endif
