/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A conversation with a QEMU monitor, always the same: QEMU greets, we take no capabilities (so that no out-of-band
 * answers come), then ask for vCPUs, iothreads and whether KVM is in use, one after the other, and hang up. Events may
 * come in between and are passed over.
 *
 * QMP serves one client at a time. While somebody else is connected our connection waits in QEMU's backlog and no
 * greeting comes: the time limit ends that, and thread names have to do. For the same reason we never stay connected.
 *
 * QEMU runs the guest, so what it says is not trusted: messages have a limit that grows with the number of threads that
 * exist, nesting has json-c's (32), and the caller compares the thread ids with /proc. Messages are found by their
 * closing brace, not by lines: pretty printing spreads one over many.
 *
 * Used by source-proc. Never blocks, never sends a command that changes anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "source-qmp.h"
#include "sysroot.h"

#define CPUS_MAX  65536		/* more than any QEMU machine has */
#define TOTAL_MAX 8		/* times the limit of one message: events that come in between */

enum step { STEP_GREETING, STEP_CAPABILITIES, STEP_CPUS, STEP_IOTHREADS, STEP_KVM, STEP_DONE };

/* Sent when the step begins, the reply ends it. */
static const char *const commands[] = {
	[STEP_CAPABILITIES] = "{\"execute\":\"qmp_capabilities\"}\r\n",
	[STEP_CPUS] = "{\"execute\":\"query-cpus-fast\"}\r\n",
	[STEP_IOTHREADS] = "{\"execute\":\"query-iothreads\"}\r\n",
	[STEP_KVM] = "{\"execute\":\"query-kvm\"}\r\n",
	[STEP_DONE] = NULL,
};

struct qmp_reader {
	json_tokener *tokener;
	enum step step;
	bool command_due;
	size_t message_max, message_size, total_size;
	struct qmp_answer answer;
};

struct qmp_query {
	sd_event_source *io;
	sd_event_source *timer;
	struct qmp_reader *reader;
	int fd;
	qmp_done done;
	void *userdata;
};

DEFINE_CLEANUP(json_object *, json_object_put)

void qmp_answer_done(struct qmp_answer *answer)
{
	free(answer->cpus);
	free(answer->iothreads);
	*answer = (struct qmp_answer){ 0 };
}

size_t qmp_message_max(size_t n_threads)
{
	return 65536 + 512 * (n_threads < CPUS_MAX ? n_threads : CPUS_MAX);
}

int qmp_reader_new(struct qmp_reader **ret, size_t message_max)
{
	_cleanup_(qmp_reader_freep) struct qmp_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->message_max = message_max;
	reader->tokener = json_tokener_new();
	if (!reader->tokener)
		return -ENOMEM;
	*ret = TAKE_PTR(reader);
	return 0;
}

struct qmp_reader *qmp_reader_free(struct qmp_reader *reader)
{
	if (!reader)
		return NULL;
	if (reader->tokener)
		json_tokener_free(reader->tokener);
	qmp_answer_done(&reader->answer);
	free(reader);
	return NULL;
}

const char *qmp_reader_command(struct qmp_reader *reader)
{
	if (!reader->command_due)
		return NULL;
	reader->command_due = false;
	return commands[reader->step];
}

const struct qmp_answer *qmp_reader_answer(const struct qmp_reader *reader)
{
	return reader->step == STEP_DONE ? &reader->answer : NULL;
}

static int get_int(json_object *object, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	json_object *member;
	int64_t value;

	if (!json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, json_type_int))
		return -EBADMSG;
	value = json_object_get_int64(member);	/* saturates: what does not fit is out of range too */
	if (value < min || value > max)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int cpu_compare(const void *pa, const void *pb)
{
	const struct qmp_cpu *a = pa, *b = pb;

	return a->index < b->index ? -1 : a->index > b->index;
}

static int cpus_parse(struct qmp_answer *answer, json_object *list)
{
	size_t i, n;
	int r;

	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	n = json_object_array_length(list);
	if (n > CPUS_MAX)
		return -EMSGSIZE;
	answer->cpus = calloc(n ?: 1, sizeof(*answer->cpus));
	if (!answer->cpus)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		json_object *cpu = json_object_array_get_idx(list, i);
		int64_t index, tid;

		r = get_int(cpu, "cpu-index", 0, CPUS_MAX - 1, &index);
		if (r == 0)
			r = get_int(cpu, "thread-id", 1, INT_MAX, &tid);
		if (r < 0)
			return r;
		answer->cpus[answer->n_cpus++] = (struct qmp_cpu){ .index = (uint32_t)index, .tid = (pid_t)tid };
	}
	qsort(answer->cpus, n, sizeof(*answer->cpus), cpu_compare);
	for (i = 1; i < n; i++)
		if (answer->cpus[i].index == answer->cpus[i - 1].index)
			return -EBADMSG;
	return 0;
}

static int iothreads_parse(struct qmp_answer *answer, json_object *list)
{
	size_t i, n;
	int r;

	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	n = json_object_array_length(list);
	if (n > CPUS_MAX)
		return -EMSGSIZE;
	answer->iothreads = calloc(n ?: 1, sizeof(*answer->iothreads));
	if (!answer->iothreads)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		json_object *iothread = json_object_array_get_idx(list, i), *id;
		struct qmp_iothread *entry = &answer->iothreads[i];
		int64_t tid;

		r = get_int(iothread, "thread-id", 1, INT_MAX, &tid);
		if (r < 0)
			return r;
		if (!json_object_object_get_ex(iothread, "id", &id) || !json_object_is_type(id, json_type_string))
			return -EBADMSG;
		snprintf(entry->id, sizeof(entry->id), "%s", json_object_get_string(id));
		entry->tid = (pid_t)tid;
		answer->n_iothreads++;
	}
	return 0;
}

static int kvm_parse(struct qmp_answer *answer, json_object *status)
{
	json_object *enabled;

	if (!json_object_object_get_ex(status, "enabled", &enabled) || !json_object_is_type(enabled, json_type_boolean))
		return -EBADMSG;
	answer->kvm_known = true;
	answer->kvm = json_object_get_boolean(enabled);
	return 0;
}

static int reply_parse(struct qmp_reader *reader, json_object *reply)
{
	switch (reader->step) {
	case STEP_CAPABILITIES:
		return 0;
	case STEP_CPUS:
		return cpus_parse(&reader->answer, reply);
	case STEP_IOTHREADS:
		return iothreads_parse(&reader->answer, reply);
	case STEP_KVM:
		return kvm_parse(&reader->answer, reply);
	case STEP_GREETING:
	case STEP_DONE:
		break;
	}
	return -EBADMSG;	/* a reply to nothing */
}

static int message_parse(struct qmp_reader *reader, json_object *message)
{
	json_object *member;
	int r;

	if (!json_object_is_type(message, json_type_object))
		return -EBADMSG;
	if (json_object_object_get_ex(message, "event", NULL))
		return 0;
	if (reader->command_due)
		return -EBADMSG;	/* a reply to what was not asked yet */
	if (reader->step == STEP_GREETING) {
		if (!json_object_object_get_ex(message, "QMP", NULL))
			return -EBADMSG;
	} else if (json_object_object_get_ex(message, "return", &member)) {
		r = reply_parse(reader, member);
		if (r < 0)
			return r;
	} else if (!json_object_object_get_ex(message, "error", NULL)) {
		return -EBADMSG;
	} else if (reader->step <= STEP_CPUS) {
		return -EOPNOTSUPP;	/* a QEMU without query-cpus-fast: before 2.12 */
	}
	/* without an answer about iothreads or KVM we know less, but the vCPUs */
	reader->step++;
	reader->command_due = true;
	return 0;
}

int qmp_reader_push(struct qmp_reader *reader, const char *bytes, size_t size)
{
	if (size > INT_MAX)
		return -EMSGSIZE;
	if (memchr(bytes, '\0', size))
		return -EBADMSG;	/* json-c takes it for the end of the text */
	while (size > 0 && reader->step != STEP_DONE) {
		_cleanup_(json_object_putp) json_object *message = NULL;
		size_t used;
		int r;

		message = json_tokener_parse_ex(reader->tokener, bytes, (int)size);
		used = json_tokener_get_parse_end(reader->tokener);
		reader->message_size += used;
		reader->total_size += used;
		if (reader->message_size > reader->message_max || reader->total_size > TOTAL_MAX * reader->message_max)
			return -EMSGSIZE;
		switch (json_tokener_get_error(reader->tokener)) {
		case json_tokener_continue:
			return 0;
		case json_tokener_success:
			break;
		default:
			return -EBADMSG;
		}
		r = message_parse(reader, message);
		if (r < 0)
			return r;
		reader->message_size = 0;
		bytes += used;
		size -= used;
	}
	return 0;
}

int qmp_connect(const struct sysroot *root, pid_t pid, const char *path, int *ret_fd)
{
	_cleanup_(closep) int fd = -EBADF, socket_fd = -EBADF;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char full[PATH_MAX];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int n;

	n = snprintf(full, sizeof(full), "/proc/%d/%s/%s", pid, path[0] == '/' ? "root" : "cwd", path);
	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	/* by descriptor: the path may be longer than a socket's address, and lies in the process' own mounts */
	socket_fd = sysroot_open(root, full, O_PATH);
	if (socket_fd < 0)
		return socket_fd;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", socket_fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* a path may be used again, and one in a container names another socket on the host */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.pid != pid)
		return -EREMOTE;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void query_finish(struct qmp_query *query, int r)
{
	/* silent from now on, also when the callback keeps it for a while */
	query->io = sd_event_source_disable_unref(query->io);
	query->timer = sd_event_source_disable_unref(query->timer);
	query->done(r, r < 0 ? NULL : qmp_reader_answer(query->reader), query->userdata);
}

/* Returns 1 when the answer is complete. */
static int query_read(struct qmp_query *query)
{
	const char *command;
	char bytes[16384];
	ssize_t n;
	int r;

	n = recv(query->fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	r = qmp_reader_push(query->reader, bytes, (size_t)n);
	if (r < 0)
		return r;
	if (qmp_reader_answer(query->reader))
		return 1;
	command = qmp_reader_command(query->reader);
	if (!command)
		return 0;
	n = send(query->fd, command, strlen(command), MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(command) ? 0 : -EIO;	/* a socket too full for one line is not read at all */
}

static int query_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct qmp_query *query = userdata;
	int r;

	r = query_read(query);
	if (r != 0)
		query_finish(query, r < 0 ? r : 0);
	return 0;
}

static int query_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	query_finish(userdata, -ETIMEDOUT);
	return 0;
}

int qmp_query_new(struct qmp_query **ret, sd_event *event, int fd, size_t message_max, uint64_t limit_usec,
		  qmp_done done, void *userdata)
{
	_cleanup_(qmp_query_freep) struct qmp_query *query = calloc(1, sizeof(*query));
	int r;

	if (!query)
		return -ENOMEM;
	query->fd = -EBADF;
	query->done = done;
	query->userdata = userdata;
	r = qmp_reader_new(&query->reader, message_max);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &query->io, fd, EPOLLIN, query_on_io, query);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &query->timer, CLOCK_MONOTONIC, limit_usec, 0, query_on_time, query);
	if (r < 0)
		return r;
	query->fd = fd;
	*ret = TAKE_PTR(query);
	return 0;
}

struct qmp_query *qmp_query_free(struct qmp_query *query)
{
	if (!query)
		return NULL;
	sd_event_source_disable_unref(query->io);
	sd_event_source_disable_unref(query->timer);
	qmp_reader_free(query->reader);
	close_fd(query->fd);
	free(query);
	return NULL;
}
