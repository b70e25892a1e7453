/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generic netlink family of the module colorfs (virtrk/colorfs.h). Families have their numbers from the kernel when they are registered, so
 * what is listened to is the kernel's list of them: all that there are, once, and then what comes and goes. When ours is among them, its
 * group of events is joined. Nothing is asked of the module itself, and nobody needs a right to hear it.
 *
 * As with the process connector, systemd hands the socket over where it may (virtrkd.socket): it belongs to the host's network, in
 * which alone the family is. A virtrkd that is started by hand opens one.
 *
 * Used by manager-exhausted.c alone. Knows nothing of domains. Events that the kernel had to drop are lost: the mount counts them.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include <virtrk/colorfs.h>

#include "handed-over.h"
#include "source-colorfs.h"

#define BATCH	      64		/* messages per turn of the loop */
#define GROUP_CONTROL GENL_ID_CTRL	/* "notify" of the controller has that number, ever since */

struct source_colorfs {
	struct nl_sock *socket;
	sd_event_source *io;
	colorfs_handler handler;
	void *userdata;
	uint16_t family;		/* 0: there is none by now */
};

/* ---- messages ---- */

/* A list of name and number; 0: our group is not in it. */
static uint32_t group_find(struct nlattr *groups)
{
	static struct nla_policy policy[CTRL_ATTR_MCAST_GRP_MAX + 1] = {
		[CTRL_ATTR_MCAST_GRP_NAME] = { .type = NLA_NUL_STRING },
		[CTRL_ATTR_MCAST_GRP_ID] = { .type = NLA_U32 },
	};
	struct nlattr *group, *attribute[CTRL_ATTR_MCAST_GRP_MAX + 1];
	int rest;

	nla_for_each_nested(group, groups, rest) {
		if (nla_parse_nested(attribute, CTRL_ATTR_MCAST_GRP_MAX, group, policy) < 0)
			return 0;
		if (attribute[CTRL_ATTR_MCAST_GRP_NAME] && attribute[CTRL_ATTR_MCAST_GRP_ID] &&
		    strcmp(nla_get_string(attribute[CTRL_ATTR_MCAST_GRP_NAME]), VIRTRK_GENL_EVENTS) == 0)
			return nla_get_u32(attribute[CTRL_ATTR_MCAST_GRP_ID]);
	}
	return 0;
}

static void control_read(struct nlmsghdr *header, uint8_t command, struct colorfs_message *ret)
{
	static struct nla_policy policy[CTRL_ATTR_MAX + 1] = {
		[CTRL_ATTR_FAMILY_NAME] = { .type = NLA_NUL_STRING },
		[CTRL_ATTR_FAMILY_ID] = { .type = NLA_U16 },
		[CTRL_ATTR_MCAST_GROUPS] = { .type = NLA_NESTED },
	};
	struct nlattr *attribute[CTRL_ATTR_MAX + 1];

	if (nlmsg_parse(header, GENL_HDRLEN, attribute, CTRL_ATTR_MAX, policy) < 0 || !attribute[CTRL_ATTR_FAMILY_NAME] ||
	    strcmp(nla_get_string(attribute[CTRL_ATTR_FAMILY_NAME]), VIRTRK_GENL_NAME) != 0)
		return;
	if (command == CTRL_CMD_DELFAMILY)
		ret->kind = COLORFS_FAMILY_GONE;
	if (command != CTRL_CMD_NEWFAMILY || !attribute[CTRL_ATTR_FAMILY_ID] || !attribute[CTRL_ATTR_MCAST_GROUPS])
		return;
	ret->kind = COLORFS_FAMILY;
	ret->family = nla_get_u16(attribute[CTRL_ATTR_FAMILY_ID]);
	ret->group = group_find(attribute[CTRL_ATTR_MCAST_GROUPS]);
}

static void event_read(struct nlmsghdr *header, struct colorfs_message *ret)
{
	static struct nla_policy policy[VIRTRK_ATTR_END] = {
		[VIRTRK_ATTR_POOL] = { .type = NLA_U32 },
		[VIRTRK_ATTR_WANTED] = { .type = NLA_U64 },
		[VIRTRK_ATTR_AVAILABLE] = { .type = NLA_U64 },
	};
	struct nlattr *attribute[VIRTRK_ATTR_END];

	if (nlmsg_parse(header, GENL_HDRLEN, attribute, VIRTRK_ATTR_END - 1, policy) < 0 || !attribute[VIRTRK_ATTR_POOL] ||
	    !attribute[VIRTRK_ATTR_WANTED] || !attribute[VIRTRK_ATTR_AVAILABLE])
		return;
	ret->kind = COLORFS_REFUSAL;
	ret->refusal.pool = nla_get_u32(attribute[VIRTRK_ATTR_POOL]);
	ret->refusal.wanted = nla_get_u64(attribute[VIRTRK_ATTR_WANTED]);
	ret->refusal.available = nla_get_u64(attribute[VIRTRK_ATTR_AVAILABLE]);
}

void colorfs_message_read(struct nlmsghdr *header, uint16_t family, struct colorfs_message *ret)
{
	const struct genlmsghdr *generic;

	*ret = (struct colorfs_message){ .kind = COLORFS_NOTHING };
	if (header->nlmsg_type < NLMSG_MIN_TYPE || !nlmsg_valid_hdr(header, GENL_HDRLEN))
		return;
	generic = nlmsg_data(header);
	if (header->nlmsg_type == GENL_ID_CTRL)
		control_read(header, generic->cmd, ret);
	else if (family != 0 && header->nlmsg_type == family && generic->cmd == VIRTRK_CMD_EXHAUSTED)
		event_read(header, ret);
}

static int on_message(struct nl_msg *msg, void *userdata)
{
	struct source_colorfs *source = userdata;
	struct colorfs_message message;

	if (nlmsg_get_src(msg)->nl_pid != 0)	/* the kernel's port is 0: nobody else can send from it */
		return NL_SKIP;
	colorfs_message_read(nlmsg_hdr(msg), source->family, &message);
	if (message.kind == COLORFS_REFUSAL)
		source->handler(&message.refusal, source->userdata);
	else if (message.kind == COLORFS_FAMILY_GONE)
		source->family = 0;
	else if (message.kind == COLORFS_FAMILY && message.group != 0 && nl_socket_add_membership(source->socket, (int)message.group) >= 0)
		source->family = message.family;
	return NL_SKIP;
}

/* ---- the socket ---- */

static int on_io(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	struct source_colorfs *source = userdata;
	int i, r = 0;

	for (i = 0; r >= 0 && i < BATCH; i++)
		r = nl_recvmsgs_default(source->socket);
	return 0;
}

/* libnl has error numbers of its own and keeps errno. */
static int nl_errno(int r)
{
	return r >= 0 ? 0 : errno ? -errno : -EIO;
}

/* All families, and from now on those that come and go. */
static int families_ask(struct source_colorfs *source)
{
	struct genlmsghdr request = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	int r;

	errno = 0;
	r = nl_socket_add_membership(source->socket, GROUP_CONTROL);
	if (r >= 0)
		r = nl_send_simple(source->socket, GENL_ID_CTRL, NLM_F_DUMP, &request, sizeof(request));
	return nl_errno(r);
}

static int socket_open(struct source_colorfs *source)
{
	int r, fd = handed_over(NETLINK_GENERIC);

	source->socket = nl_socket_alloc();
	if (!source->socket)
		return -ENOMEM;
	nl_socket_disable_seq_check(source->socket);
	nl_socket_disable_auto_ack(source->socket);
	r = nl_socket_modify_cb(source->socket, NL_CB_MSG_IN, NL_CB_CUSTOM, on_message, source);
	if (r < 0)
		return -ENOMEM;
	errno = 0;
	r = fd >= 0 ? nl_socket_set_fd(source->socket, NETLINK_GENERIC, fd) : nl_connect(source->socket, NETLINK_GENERIC);
	if (r >= 0)
		r = nl_socket_set_nonblocking(source->socket);
	return nl_errno(r);
}

int source_colorfs_new(struct source_colorfs **ret, sd_event *event, colorfs_handler handler, void *userdata)
{
	_cleanup_(source_colorfs_freep) struct source_colorfs *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->handler = handler;
	source->userdata = userdata;
	r = socket_open(source);
	if (r >= 0)
		r = families_ask(source);
	if (r >= 0)
		r = sd_event_add_io(event, &source->io, nl_socket_get_fd(source->socket), EPOLLIN, on_io, source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(source);
	return 0;
}

struct source_colorfs *source_colorfs_free(struct source_colorfs *source)
{
	if (!source)
		return NULL;
	sd_event_source_disable_unref(source->io);
	nl_socket_free(source->socket);
	free(source);
	return NULL;
}
