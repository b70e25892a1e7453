/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of libvirt's hook share; nobody else includes this. */
#ifndef HOOK_H
#define HOOK_H

#include "intent.h"

/* The exit code of a no; @report: it is only told. */
int hook_judge(const char *domain, bool report, const char *reason);

/* hook-call.c; all return the exit code. *ret: options of a mount, NULL when there is nothing to mount. */
int hook_call_threads(const char *domain, const struct intent *intent, const struct intent_domain *about);
int hook_call_ways(const char *domain, const struct intent *intent);
int hook_call_memory(const char *domain, const struct intent *intent, uint64_t bytes, char **ret);

/* hook-memory.c; exit codes. */
int hook_memory_prepare(const char *domain, const struct intent *intent, const struct intent_domain *about);
int hook_memory_start(const char *domain, const struct intent *intent, const struct intent_domain *about);
int hook_memory_started(const char *domain);
int hook_memory_release(const char *domain);

#endif
