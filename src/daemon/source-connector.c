/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process connector multicasts every fork, exec, exit and rename of the host. A socket filter lets through what can
 * concern us: each exec (it names no program, only a process), and forks, exits and renames of known domains. It runs in
 * the process that forks, so noise on the host costs that process some nanoseconds and us nothing, not even a wakeup.
 *
 * A fork is of a known domain when the child's tgid is: then the child is a thread. (What the kernel calls the parent is
 * the parent of the whole process, even when a thread was made.)
 *
 * systemd hands the socket over where it may (virtrkd.socket): the service is then in a network namespace of its own, where the
 * connector does not speak, and needs no right to configure networks. A virtrkd that is started by hand opens one.
 *
 * Used by source-proc alone. Knows nothing of QEMU; never reads /proc.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "handed-over.h"
#include "source-connector.h"

#define RECEIVE_BYTES	(1 << 20)	/* some thousand events, before the kernel drops any */
#define BATCH		64		/* events per turn of the loop, so that a storm cannot hold it */
#define GROUP		200		/* comparisons that share an exit: a jump reaches 255 instructions */
#define INSTRUCTIONS_MAX BPF_MAXINSNS

/* Where things are in a message, for the filter. */
#define OFFSET_EVENT	  (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define OFFSET_WHAT	  (OFFSET_EVENT + offsetof(struct proc_event, what))
#define OFFSET_TGID	  (OFFSET_EVENT + offsetof(struct proc_event, event_data.exit.process_tgid))
#define OFFSET_CHILD_TGID (OFFSET_EVENT + offsetof(struct proc_event, event_data.fork.child_tgid))

static_assert(offsetof(struct proc_event, event_data.comm.process_tgid) ==
	      offsetof(struct proc_event, event_data.exit.process_tgid), "exit and rename are read alike");

struct connector {
	struct nl_sock *socket;
	sd_event_source *io;
	connector_handler handler;
	void *userdata;
	bool handed_over;	/* by systemd: a member of the group already */
	uint32_t ack;		/* that the kernel sends back for our request */
	int ack_result;		/* 1: none yet; 0 or -errno */
	bool subscribed;
};

struct program {
	struct sock_filter *code;
	size_t n;
};

static void emit(struct program *p, uint16_t op, uint32_t k, size_t on_true, size_t on_false)
{
	p->code[p->n++] = (struct sock_filter){ .code = op, .jt = (uint8_t)on_true, .jf = (uint8_t)on_false, .k = k };
}

/* Loads come in network order, so the constants have to be turned. */
static void emit_equal(struct program *p, uint32_t value, size_t on_true, size_t on_false)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, htonl(value), on_true, on_false);
}

static void emit_accept(struct program *p)
{
	emit(p, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

/* Accepts when the loaded word is one of @tgids, else goes on behind. */
static void emit_any_of(struct program *p, const pid_t *tgids, size_t n)
{
	while (n > 0) {
		size_t i, group = n < GROUP ? n : GROUP;

		for (i = 0; i < group; i++)
			emit_equal(p, (uint32_t)tgids[i], group - i, 0);
		emit(p, BPF_JMP | BPF_JA, 1, 0, 0);
		emit_accept(p);
		tgids += group;
		n -= group;
	}
}

static size_t any_of_size(size_t n)
{
	return n + 2 * ((n + GROUP - 1) / GROUP);
}

int connector_filter_build(struct sock_filter **ret, size_t *ret_n, const pid_t *tgids, size_t n)
{
	struct program p = { 0 };
	size_t size;

	if (n > INSTRUCTIONS_MAX)
		return -E2BIG;
	size = 11 + any_of_size(n);
	if (size > INSTRUCTIONS_MAX)
		return -E2BIG;
	p.code = calloc(size, sizeof(*p.code));
	if (!p.code)
		return -ENOMEM;

	emit(&p, BPF_LD | BPF_W | BPF_ABS, OFFSET_WHAT, 0, 0);
	emit_equal(&p, PROC_EVENT_EXEC, 0, 1);
	emit_accept(&p);
	emit_equal(&p, PROC_EVENT_FORK, 3, 0);
	emit_equal(&p, PROC_EVENT_EXIT, 4, 0);
	emit_equal(&p, PROC_EVENT_COMM, 3, 0);
	emit(&p, BPF_RET | BPF_K, 0, 0, 0);
	emit(&p, BPF_LD | BPF_W | BPF_ABS, OFFSET_CHILD_TGID, 0, 0);
	emit(&p, BPF_JMP | BPF_JA, 1, 0, 0);
	emit(&p, BPF_LD | BPF_W | BPF_ABS, OFFSET_TGID, 0, 0);
	emit_any_of(&p, tgids, n);
	emit(&p, BPF_RET | BPF_K, 0, 0, 0);
	assert(p.n == size);

	*ret = p.code;
	*ret_n = p.n;
	return 0;
}

static int filter_attach(struct connector *connector, struct sock_filter *code, size_t n)
{
	struct sock_fprog program = { .len = (unsigned short)n, .filter = code };

	if (setsockopt(nl_socket_get_fd(connector->socket), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* Only the kernel's answer to a request, while there is no list yet. */
static int filter_attach_ack(struct connector *connector)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_WHAT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return filter_attach(connector, code, ARRAY_SIZE(code));
}

/* All events of the four kinds: for more domains than fit into a filter. The handler knows its domains anyway. */
static int filter_attach_all(struct connector *connector)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET_WHAT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_FORK), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_COMM), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return filter_attach(connector, code, ARRAY_SIZE(code));
}

int connector_set_domains(struct connector *connector, const pid_t *tgids, size_t n)
{
	_cleanup_(freep) struct sock_filter *code = NULL;
	size_t n_code;
	int r;

	r = connector_filter_build(&code, &n_code, tgids, n);
	if (r == 0)
		r = filter_attach(connector, code, n_code);
	/* too many, or net.core.optmem_max is too small for so long a program */
	if (r == -E2BIG || r == -ENOMEM)
		r = filter_attach_all(connector);
	return r;
}

static void ack_received(struct connector *connector, const struct cn_msg *message, const struct proc_event *event)
{
	if (message->ack == connector->ack + 1)
		connector->ack_result = -(int)event->event_data.ack.err;
}

static int on_message(struct nl_msg *msg, void *userdata)
{
	struct connector *connector = userdata;
	const struct nlmsghdr *header = nlmsg_hdr(msg);
	const struct cn_msg *message = nlmsg_data(header);
	struct connector_event out = { 0 };
	struct proc_event event;

	/* the kernel's port is 0: nobody else can send from it */
	if (nlmsg_get_src(msg)->nl_pid != 0 || nlmsg_datalen(header) < (int)(sizeof(*message) + sizeof(event)) ||
	    message->id.idx != CN_IDX_PROC || message->id.val != CN_VAL_PROC)
		return NL_SKIP;
	memcpy(&event, message->data, sizeof(event));	/* it is not aligned there */
	if ((uint32_t)event.what == PROC_EVENT_NONE) {
		ack_received(connector, message, &event);
		return NL_SKIP;
	}
	if (!connector->subscribed)	/* a socket that is handed over may hold what our predecessor has not read */
		return NL_SKIP;
	switch ((uint32_t)event.what) {
	case PROC_EVENT_EXEC:
		out.kind = CONNECTOR_EXEC;
		out.tgid = event.event_data.exec.process_tgid;
		break;
	case PROC_EVENT_FORK:
		out.kind = CONNECTOR_THREADS;
		out.tgid = event.event_data.fork.child_tgid;
		break;
	case PROC_EVENT_EXIT:
	case PROC_EVENT_COMM:
		out.kind = CONNECTOR_THREADS;
		out.tgid = event.event_data.exit.process_tgid;
		break;
	default:
		return NL_SKIP;
	}
	connector->handler(&out, connector->userdata);
	return NL_SKIP;
}

static int connector_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connector *connector = userdata;
	int i, r = 0;

	for (i = 0; r >= 0 && i < BATCH; i++)
		r = nl_recvmsgs_default(connector->socket);
	if (r < 0 && r != -NLE_AGAIN && r != -NLE_INTR)	/* ENOBUFS comes as -NLE_NOMEM */
		connector->handler(&(struct connector_event){ .kind = CONNECTOR_LOST }, connector->userdata);
	return 0;
}

static int request_send(struct connector *connector, enum proc_cn_mcast_op op)
{
	struct cn_msg message = {
		.id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC },
		.ack = connector->ack,
		.len = sizeof(op),
	};
	unsigned char request[sizeof(message) + sizeof(op)];

	memcpy(request, &message, sizeof(message));
	memcpy(request + sizeof(message), &op, sizeof(op));
	errno = 0;
	if (nl_send_simple(connector->socket, NLMSG_DONE, 0, request, sizeof(request)) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

/* libnl has error numbers of its own and keeps errno. */
static int nl_errno(int r)
{
	return r >= 0 ? 0 : errno ? -errno : -EIO;
}

/* A member of the group that hears only the answer to our request. */
static int socket_join(struct connector *connector)
{
	int r, fd = handed_over(NETLINK_CONNECTOR);

	errno = 0;
	if (fd >= 0)
		r = nl_socket_set_fd(connector->socket, NETLINK_CONNECTOR, fd);
	else
		r = nl_connect(connector->socket, NETLINK_CONNECTOR);
	if (r < 0)
		return nl_errno(r);
	connector->handed_over = fd >= 0;
	r = filter_attach_ack(connector);	/* before the membership: nothing else may ever come in */
	if (r < 0 || connector->handed_over)
		return r;
	errno = 0;
	return nl_errno(nl_socket_add_membership(connector->socket, CN_IDX_PROC));
}

static int socket_open(struct connector *connector)
{
	const int size = RECEIVE_BYTES;
	int r;

	connector->socket = nl_socket_alloc();
	if (!connector->socket)
		return -ENOMEM;
	nl_socket_disable_seq_check(connector->socket);
	nl_socket_disable_auto_ack(connector->socket);
	nl_socket_disable_msg_peek(connector->socket);
	r = nl_socket_modify_cb(connector->socket, NL_CB_MSG_IN, NL_CB_CUSTOM, on_message, connector);
	if (r < 0)
		return -ENOMEM;
	r = socket_join(connector);
	if (r < 0)
		return r;
	errno = 0;
	r = nl_socket_set_nonblocking(connector->socket);
	if (r < 0)
		return nl_errno(r);
	/* without it the default has to do (systemd's unit asks for as much), and a storm of execs costs a rescan */
	(void)setsockopt(nl_socket_get_fd(connector->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

/*
 * The kernel handles the request while we send it, so its answer is there at once - or never: in a namespace of its own
 * a process is not told that it cannot subscribe.
 */
static int subscribe(struct connector *connector)
{
	int r;

	connector->ack = nl_socket_get_local_port(connector->socket);
	connector->ack_result = 1;
	r = request_send(connector, PROC_CN_MCAST_LISTEN);
	if (r < 0)
		return r;
	while (connector->ack_result > 0) {
		r = nl_recvmsgs_default(connector->socket);
		if (r == -NLE_INTR || r == -NLE_NOMEM)	/* the latter once: events were lost before we came */
			continue;
		if (r < 0)
			return -EOPNOTSUPP;
	}
	if (connector->ack_result < 0)
		return connector->ack_result;
	connector->subscribed = true;
	return 0;
}

int connector_new(struct connector **ret, sd_event *event, connector_handler handler, void *userdata)
{
	_cleanup_(connector_freep) struct connector *connector = calloc(1, sizeof(*connector));
	int r;

	if (!connector)
		return -ENOMEM;
	connector->handler = handler;
	connector->userdata = userdata;
	r = socket_open(connector);
	if (r < 0)
		return r;
	r = subscribe(connector);
	if (r < 0)
		return r;
	r = connector_set_domains(connector, NULL, 0);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &connector->io, nl_socket_get_fd(connector->socket), EPOLLIN, connector_on_io,
			    connector);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(connector);
	return 0;
}

struct connector *connector_free(struct connector *connector)
{
	if (!connector)
		return NULL;
	sd_event_source_disable_unref(connector->io);
	/* the kernel counts listeners and, before 6.6, does not notice that one is gone */
	if (connector->subscribed)
		(void)request_send(connector, PROC_CN_MCAST_IGNORE);
	nl_socket_free(connector->socket);
	free(connector);
	return NULL;
}
