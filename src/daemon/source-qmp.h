/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks a QEMU, over its QMP socket, which thread runs which vCPU. Reads only; never waits. */
#ifndef DAEMON_SOURCE_QMP_H
#define DAEMON_SOURCE_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"

struct sysroot;
typedef struct sd_event sd_event;

struct qmp_cpu {
	uint32_t index;
	pid_t tid;		/* one thread may run several of them (single-threaded TCG) */
};

struct qmp_iothread {
	char id[VM_THREAD_NAME_MAX];	/* cut to fit */
	pid_t tid;
};

struct qmp_answer {
	struct qmp_cpu *cpus;		/* sorted by index, no index twice */
	size_t n_cpus;
	struct qmp_iothread *iothreads;	/* as QEMU lists them */
	size_t n_iothreads;
	bool kvm_known, kvm;		/* is KVM in use; some QEMUs cannot tell */
};

void qmp_answer_done(struct qmp_answer *answer);

/*
 * The conversation as a value: bytes that QEMU sent go in, the next command or the answer comes out. No message may be
 * longer than @message_max bytes, so that a QEMU that was taken over cannot make us grow.
 */
struct qmp_reader;
int qmp_reader_new(struct qmp_reader **ret, size_t message_max);
struct qmp_reader *qmp_reader_free(struct qmp_reader *reader);
DEFINE_CLEANUP(struct qmp_reader *, qmp_reader_free)

/*
 * Return: 0; -EBADMSG no QMP, or not what was asked for; -EMSGSIZE a message or all of it is too long; -EOPNOTSUPP QEMU
 * refused to answer; -ENOMEM. After a failure only qmp_reader_free() is left to do.
 */
int qmp_reader_push(struct qmp_reader *reader, const char *bytes, size_t size);
const char *qmp_reader_command(struct qmp_reader *reader);	/* to be sent now, told once; NULL = nothing */
const struct qmp_answer *qmp_reader_answer(const struct qmp_reader *reader);	/* NULL until it is complete */

/* What is enough for a machine of @n_threads threads: each vCPU is told in about 200 bytes. */
size_t qmp_message_max(size_t n_threads);

/*
 * Connects to the socket at @path as process @pid sees it (relative: to its working directory), without waiting.
 * Return: 0 with *ret_fd; -EAGAIN others are waiting already; -EREMOTE it is not @pid who listens there; -errno.
 */
int qmp_connect(const struct sysroot *root, pid_t pid, const char *path, int *ret_fd);

/*
 * One conversation in the loop. @done is called once, with 0 and the answer (which it may not keep), or -ETIMEDOUT,
 * -ECONNRESET or what qmp_reader_push() said; it may free the query. Freed before, it is never called.
 */
struct qmp_query;
typedef void (*qmp_done)(int r, const struct qmp_answer *answer, void *userdata);
int qmp_query_new(struct qmp_query **ret, sd_event *event, int fd, size_t message_max, uint64_t limit_usec,
		  qmp_done done, void *userdata);	/* owns @fd when it succeeds */
struct qmp_query *qmp_query_free(struct qmp_query *query);
DEFINE_CLEANUP(struct qmp_query *, qmp_query_free)

#endif
