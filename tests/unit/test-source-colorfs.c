/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's list of generic netlink families and the module's events say, read from messages that are made here: whole ones, and cut
 * anywhere. And, where we may, the kernel's list itself.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <systemd/sd-event.h>

#include <virtrk/colorfs.h>

#include "expect.h"
#include "source-colorfs.h"

#define FAMILY 0x1f
#define GROUP  7

static struct nl_msg *message_new(uint16_t type, uint8_t command)
{
	struct genlmsghdr generic = { .cmd = command, .version = 1 };
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	tree_must(msg && nlmsg_append(msg, &generic, sizeof(generic), NLMSG_ALIGNTO) == 0, "a message");
	return msg;
}

static void group_put(struct nl_msg *msg, int index, const char *name, uint32_t number)
{
	struct nlattr *group = nla_nest_start(msg, index);

	tree_must(group && nla_put_string(msg, CTRL_ATTR_MCAST_GRP_NAME, name) == 0 &&
		  nla_put_u32(msg, CTRL_ATTR_MCAST_GRP_ID, number) == 0, "a group");
	nla_nest_end(msg, group);
}

static struct nl_msg *family_new(uint8_t command, const char *name)
{
	struct nl_msg *msg = message_new(GENL_ID_CTRL, command);
	struct nlattr *groups;

	tree_must(nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, name) == 0 && nla_put_u16(msg, CTRL_ATTR_FAMILY_ID, FAMILY) == 0, "a family");
	groups = nla_nest_start(msg, CTRL_ATTR_MCAST_GROUPS);
	group_put(msg, 1, "others", GROUP - 1);
	group_put(msg, 2, VIRTRK_GENL_EVENTS, GROUP);
	nla_nest_end(msg, groups);
	return msg;
}

static struct nl_msg *refusal_new(uint16_t type, uint8_t command)
{
	struct nl_msg *msg = message_new(type, command);

	tree_must(nla_put_u32(msg, VIRTRK_ATTR_POOL, 48) == 0 && nla_put_u64(msg, VIRTRK_ATTR_WANTED, 300) == 0 &&
		  nla_put_u64(msg, VIRTRK_ATTR_AVAILABLE, 16) == 0, "a refusal");
	return msg;
}

static struct colorfs_message read_and_free(struct nl_msg *msg, uint16_t family)
{
	struct colorfs_message ret;

	colorfs_message_read(nlmsg_hdr(msg), family, &ret);
	nlmsg_free(msg);
	return ret;
}

static void test_families(void)
{
	struct colorfs_message m;

	CASE("the family comes");
	m = read_and_free(family_new(CTRL_CMD_NEWFAMILY, VIRTRK_GENL_NAME), 0);
	EXPECT_INT(m.kind, COLORFS_FAMILY);
	EXPECT_INT(m.family, FAMILY);
	EXPECT_INT(m.group, GROUP);
	CASE("another one");
	EXPECT_INT(read_and_free(family_new(CTRL_CMD_NEWFAMILY, "virtrk2"), 0).kind, COLORFS_NOTHING);
	CASE("it goes");
	EXPECT_INT(read_and_free(family_new(CTRL_CMD_DELFAMILY, VIRTRK_GENL_NAME), FAMILY).kind, COLORFS_FAMILY_GONE);
	EXPECT_INT(read_and_free(family_new(CTRL_CMD_DELFAMILY, "nlctrl"), FAMILY).kind, COLORFS_NOTHING);
	CASE("without a group, without anything");
	EXPECT_INT(read_and_free(message_new(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY), 0).kind, COLORFS_NOTHING);
}

static void test_refusals(void)
{
	struct colorfs_message m = read_and_free(refusal_new(FAMILY, VIRTRK_CMD_EXHAUSTED), FAMILY);

	CASE("a refusal");
	EXPECT_INT(m.kind, COLORFS_REFUSAL);
	EXPECT_INT(m.refusal.pool, 48);
	EXPECT_INT(m.refusal.wanted, 300);
	EXPECT_INT(m.refusal.available, 16);
	CASE("of another family, of none, another command");
	EXPECT_INT(read_and_free(refusal_new(FAMILY + 1, VIRTRK_CMD_EXHAUSTED), FAMILY).kind, COLORFS_NOTHING);
	EXPECT_INT(read_and_free(refusal_new(FAMILY, VIRTRK_CMD_EXHAUSTED), 0).kind, COLORFS_NOTHING);
	EXPECT_INT(read_and_free(refusal_new(0, VIRTRK_CMD_EXHAUSTED), 0).kind, COLORFS_NOTHING);
	EXPECT_INT(read_and_free(refusal_new(FAMILY, VIRTRK_CMD_POOLS), FAMILY).kind, COLORFS_NOTHING);
	CASE("that says nothing");
	EXPECT_INT(read_and_free(message_new(FAMILY, VIRTRK_CMD_EXHAUSTED), FAMILY).kind, COLORFS_NOTHING);
}

/* Memory of exactly that size: what reads behind it is found. */
static void cut_and_bent(struct nl_msg *msg)
{
	const struct nlmsghdr *whole = nlmsg_hdr(msg);
	struct colorfs_message ret;

	for (uint32_t size = NLMSG_HDRLEN; size < whole->nlmsg_len; size++) {
		struct nlmsghdr *cut = malloc(size);

		tree_must(cut != NULL, "memory");
		memcpy(cut, whole, size);
		cut->nlmsg_len = size;
		colorfs_message_read(cut, FAMILY, &ret);
		EXPECT(ret.kind != COLORFS_REFUSAL);	/* its last attribute is not there */
		free(cut);
	}
	for (uint32_t at = NLMSG_HDRLEN; at < whole->nlmsg_len; at++) {
		struct nlmsghdr *bent = malloc(whole->nlmsg_len);

		tree_must(bent != NULL, "memory");
		memcpy(bent, whole, whole->nlmsg_len);
		((unsigned char *)bent)[at] ^= 0xff;
		colorfs_message_read(bent, FAMILY, &ret);
		EXPECT(ret.kind <= COLORFS_REFUSAL);
		free(bent);
	}
	nlmsg_free(msg);
}

static void on_refusal(const struct colorfs_refusal *refusal, void *userdata)
{
	(*(unsigned int *)userdata)++;
}

static void test_kernel(sd_event *event)
{
	struct source_colorfs *source = NULL;
	unsigned int heard = 0;
	int r = source_colorfs_new(&source, event, on_refusal, &heard);

	CASE("the kernel's list of families, in which ours is or is not");
	if (r < 0) {
		fprintf(stderr, "not tried here: %s\n", strerror(-r));
		return;
	}
	for (unsigned int i = 0; i < 20 && sd_event_run(event, 50000) > 0; i++)
		;
	EXPECT_INT(heard, 0);
	source_colorfs_free(source);
}

int main(void)
{
	sd_event *event = NULL;

	test_families();
	test_refusals();
	CASE("cut, or with a byte that is wrong");
	cut_and_bent(family_new(CTRL_CMD_NEWFAMILY, VIRTRK_GENL_NAME));
	cut_and_bent(refusal_new(FAMILY, VIRTRK_CMD_EXHAUSTED));
	EXPECT(sd_event_new(&event) >= 0);
	test_kernel(event);
	sd_event_unref(event);
	return expect_result();
}
