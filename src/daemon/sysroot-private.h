/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sysroot.c and sysroot-threads.c share; nobody else includes this. */
#ifndef DAEMON_SYSROOT_PRIVATE_H
#define DAEMON_SYSROOT_PRIVATE_H

#include "sysroot.h"

extern const struct sysroot_ops sysroot_host_ops;
extern const struct sysroot_ops sysroot_fake_ops;

/* Digits, perhaps with a minus, and nothing else. Return: 0 with *ret set; -EBADMSG; -ERANGE. */
int sysroot_i64_parse(const char *text, int64_t *ret);

#endif
