/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <virtrk/units.h>

#include "error.h"

#define REQUEST_THREADS_MAX 4096	/* in one request: more vCPUs than QEMU starts */

/* What is asked for one thread, as it goes over the bus. */
struct request {
	char *thread;		/* "vcpu0", "emulator" ...: which names exist is virtrkd's business */
	nsec_t budget_ns;
	nsec_t period_ns;
	nsec_t deadline_ns;	/* 0 = the period */
	uint64_t flags;		/* VIRTRK_RESERVE_* */
	char *cpus;		/* "2", "2-3": one of them; NULL: as it comes */
};

struct request_list {
	struct request *items;
	size_t n;
};

void request_list_done(struct request_list *list);
int request_list_add(struct request_list *list, const struct request *request);	/* copies */

/* Thread names, in the order they were given. */
struct thread_list {
	char **names;
	size_t n;
};

void thread_list_done(struct thread_list *list);
int thread_list_add(struct thread_list *list, const char *name, struct vr_error **reterr);

/* "0-3,5" of --vcpu becomes vcpu0 vcpu1 vcpu2 vcpu3 vcpu5. -EINVAL with a line that begins with "--vcpu". */
int thread_list_parse(struct thread_list *list, const char *kind, const char *text, struct vr_error **reterr);

/* The same grammar for --cpu, or a key of a document: @what. Whether there are such CPUs is for virtrkd to say. */
int cpus_check(const char *what, const char *text, struct vr_error **reterr);

/* vrk_nsec_parse() with words: -EINVAL or -ERANGE and a line that begins with @what and names the broken rule. */
int time_parse(const char *what, const char *text, nsec_t *ret, struct vr_error **reterr);

/* The same for a deadline, where zero is refused: on the bus it would silently mean the period. */
int deadline_parse(const char *what, const char *text, nsec_t *ret, struct vr_error **reterr);

#endif
