/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks colorfs by generic netlink what it says about a mount, compares it with stat(2) and statfs(2), waits for the event of a refused
 * promise, and sends garbage: "colorfs-netlink DIRECTORY", called by TEST-40-colorfs.sh in the host under test, as root.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "virtrk/colorfs.h"
#include "../unit/expect.h"

#define ATTRIBUTES 32

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char data[256];
};

/* What came last: the attributes of one message, NULL where there is none. */
static struct nlattr *attribute[ATTRIBUTES];
static char buffer[65536];
static int family, group;

static void attributes_read(char *at, size_t size)
{
	struct nlattr *a;

	memset(attribute, 0, sizeof(attribute));
	while (size >= NLA_HDRLEN) {
		a = (struct nlattr *)(void *)at;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > size)
			return;
		if ((a->nla_type & NLA_TYPE_MASK) < ATTRIBUTES)
			attribute[a->nla_type & NLA_TYPE_MASK] = a;
		if ((size_t)NLA_ALIGN(a->nla_len) >= size)
			return;
		at += NLA_ALIGN(a->nla_len);
		size -= NLA_ALIGN(a->nla_len);
	}
}

static char *attribute_data(int type)
{
	return attribute[type] ? (char *)attribute[type] + NLA_HDRLEN : NULL;
}

static uint64_t attribute_number(int type)
{
	uint64_t n = 0;

	if (!attribute[type])
		return UINT64_MAX;
	memcpy(&n, attribute_data(type), (size_t)attribute[type]->nla_len - NLA_HDRLEN < 8 ? attribute[type]->nla_len - NLA_HDRLEN : 8);
	return n;
}

static void message_send(int fd, uint16_t type, uint16_t flags, uint8_t command, int attribute_type, const void *data, size_t size)
{
	struct message m = { .nl = { .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST }, .genl = { .cmd = command, .version = 1 } };
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = (uint16_t)attribute_type };
	size_t length = NLMSG_LENGTH(GENL_HDRLEN);

	if (data) {
		memcpy(m.data, &a, sizeof(a));
		memcpy(m.data + NLA_HDRLEN, data, size);
		length += NLA_ALIGN(a.nla_len);
	}
	m.nl.nlmsg_len = (uint32_t)length;
	EXPECT(send(fd, &m, length, 0) == (ssize_t)length);
}

/*
 * Reads messages until @wanted says yes to one; false at the end of a dump or after an error, which is left in errno.
 * A null @wanted takes the first.
 */
static bool message_find(int fd, bool (*wanted)(uint64_t), uint64_t argument)
{
	struct nlmsghdr *nl;
	ssize_t n;

	for (;;) {
		n = recv(fd, buffer, sizeof(buffer), 0);
		if (n <= 0)
			return false;
		for (nl = (void *)buffer; NLMSG_OK(nl, (size_t)n); nl = NLMSG_NEXT(nl, n)) {
			if (nl->nlmsg_type == NLMSG_DONE || nl->nlmsg_type == NLMSG_ERROR) {
				memcpy(&errno, NLMSG_DATA(nl), sizeof(errno));
				errno = -errno;
				return false;
			}
			attributes_read((char *)NLMSG_DATA(nl) + GENL_HDRLEN, nl->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
			if (!wanted || wanted(argument))
				return true;
		}
	}
}

static int netlink_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static bool family_find(int fd)
{
	char *at;

	message_send(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, VIRTRK_GENL_NAME, sizeof(VIRTRK_GENL_NAME));
	if (!EXPECT(message_find(fd, NULL, 0)))
		return false;
	family = (int)attribute_number(CTRL_ATTR_FAMILY_ID);
	at = attribute_data(CTRL_ATTR_MCAST_GROUPS);
	if (!EXPECT(at != NULL))
		return false;
	/* a list of groups, each a list of attributes; there is one group */
	attributes_read(at + NLA_HDRLEN, (size_t)((struct nlattr *)(void *)at)->nla_len - NLA_HDRLEN);
	EXPECT_STR(attribute_data(CTRL_ATTR_MCAST_GRP_NAME), VIRTRK_GENL_EVENTS);
	group = (int)attribute_number(CTRL_ATTR_MCAST_GRP_ID);
	return true;
}

static bool is_pool(uint64_t id)
{
	return attribute_number(VIRTRK_ATTR_POOL) == id;
}

static bool is_inode(uint64_t inode)
{
	return attribute_number(VIRTRK_ATTR_INODE) == inode;
}

static void test_pool(int fd, const char *dir)
{
	uint32_t id, nothing = 0xfffffff;
	struct statvfs fs = { 0 };
	struct stat st = { 0 };
	int file;

	CASE("geometry");
	message_send(fd, (uint16_t)family, 0, VIRTRK_CMD_GEOMETRY, 0, NULL, 0);
	if (EXPECT(message_find(fd, NULL, 0))) {
		EXPECT_INT(attribute_number(VIRTRK_ATTR_COLORS), 16);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_BANKS), 4);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_PAIRS), 64);
		EXPECT_STR(attribute_data(VIRTRK_ATTR_PROFILE), "virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18");
	}

	CASE("pool");
	file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	EXPECT_INT(ftruncate(file, 12345), 0);
	EXPECT_INT(pwrite(file, "x", 1, 5000), 1);
	EXPECT(fstat(file, &st) == 0 && statvfs(dir, &fs) == 0);
	id = minor(st.st_dev);
	message_send(fd, (uint16_t)family, NLM_F_DUMP, VIRTRK_CMD_POOLS, 0, NULL, 0);
	if (EXPECT(message_find(fd, is_pool, id))) {
		EXPECT_INT(attribute_number(VIRTRK_ATTR_TOTAL), fs.f_blocks);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_AVAILABLE), fs.f_bavail);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_PROMISED), fs.f_blocks - fs.f_bavail);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_LIMBO), 0);
		EXPECT_STR(attribute_data(VIRTRK_ATTR_COLOR_LIST), "0-3");
		EXPECT_STR(attribute_data(VIRTRK_ATTR_BANK_LIST), "0:2");
		EXPECT(!attribute[VIRTRK_ATTR_NODE] && !attribute[VIRTRK_ATTR_EXCLUSIVE]);
	}
	close(fd);

	CASE("files");
	fd = netlink_open();
	message_send(fd, (uint16_t)family, NLM_F_DUMP, VIRTRK_CMD_FILES, VIRTRK_ATTR_POOL, &id, sizeof(id));
	if (EXPECT(message_find(fd, is_inode, st.st_ino))) {
		EXPECT_INT(attribute_number(VIRTRK_ATTR_BYTES), 12345);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_FRAMES), 1);
	}
	close(fd);
	fd = netlink_open();
	message_send(fd, (uint16_t)family, NLM_F_DUMP, VIRTRK_CMD_FILES, VIRTRK_ATTR_POOL, &nothing, sizeof(nothing));
	EXPECT(!message_find(fd, NULL, 0) && errno == ENODEV);
	close(fd);

	CASE("the event of a refused promise");
	fd = netlink_open();
	EXPECT_INT(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	EXPECT(ftruncate(file, (off_t)(fs.f_blocks + 7) * 4096) < 0 && errno == ENOSPC);
	if (EXPECT(message_find(fd, is_pool, id))) {
		EXPECT_INT(attribute_number(VIRTRK_ATTR_WANTED), fs.f_blocks + 7 - 4);
		EXPECT_INT(attribute_number(VIRTRK_ATTR_AVAILABLE), fs.f_bavail);
	}
	close(fd);
	close(file);
}

/* Well-formed as netlink, anything as a message of the family. The answers do not matter: the kernel's log does. */
static void test_garbage(void)
{
	struct message m;
	uint32_t state = 1;
	size_t length;
	int i, fd;
	size_t k;

	CASE("garbage");
	for (i = 0; i < 2000; i++) {
		fd = netlink_open();
		for (k = 0; k < sizeof(m); k++) {
			state = state * 1103515245 + 12345;
			((unsigned char *)&m)[k] = (unsigned char)(state >> 16);
		}
		length = NLMSG_LENGTH(GENL_HDRLEN) + (state >> 8) % sizeof(m.data);
		m.nl.nlmsg_len = (uint32_t)length;
		m.nl.nlmsg_type = (uint16_t)family;
		m.nl.nlmsg_flags |= NLM_F_REQUEST;
		m.genl.cmd %= VIRTRK_CMD_END + 1;
		EXPECT(send(fd, &m, length, 0) == (ssize_t)length);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: colorfs-netlink DIRECTORY\n");
		return 2;
	}
	CASE("family");
	fd = netlink_open();
	if (family_find(fd)) {
		test_pool(fd, argv[1]);
		test_garbage();
	}
	return expect_result();
}
