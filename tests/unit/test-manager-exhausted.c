/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose memory a mount has refused: by its number among the mounts of a host made of files. */
#include "fake-proc.h"
#include "manager-private.h"

static unsigned int told;
static char domain[64], path[64];
static uint64_t wanted, left;

static void on_event(const struct manager_event *event, void *userdata)
{
	EXPECT_INT(event->kind, MANAGER_EXHAUSTED);
	told++;
	snprintf(domain, sizeof(domain), "%s", event->domain);
	snprintf(path, sizeof(path), "%s", event->what);
	wanted = event->count;
	left = event->left;
}

static void test_told(struct manager *m)
{
	CASE("a domain's memory");
	manager_exhausted(&(struct colorfs_refusal){ .pool = 48, .wanted = 300, .available = 16 }, m);
	EXPECT_INT(told, 1);
	EXPECT_STR(domain, "rt");
	EXPECT_STR(path, "/run/virtrk/mem/rt");
	EXPECT_INT(wanted, 300 * 4096);
	EXPECT_INT(left, 16 * 4096);
	EXPECT(m->exhausted != NULL);
	CASE("again: told, but for the journal nothing is new");
	manager_exhausted(&(struct colorfs_refusal){ .pool = 48, .wanted = 1 }, m);
	EXPECT_INT(told, 2);
	EXPECT_INT(wanted, 4096);
	CASE("somebody else's");
	manager_exhausted(&(struct colorfs_refusal){ .pool = 4, .wanted = 2 }, m);
	EXPECT_STR(domain, "");
	EXPECT_STR(path, "/mnt/colors");
	CASE("one that is not seen, and other file systems");
	manager_exhausted(&(struct colorfs_refusal){ .pool = 8, .wanted = 2 }, m);
	EXPECT_STR(domain, "");
	EXPECT_STR(path, "");
	manager_exhausted(&(struct colorfs_refusal){ .pool = 22, .wanted = 2 }, m);
	EXPECT_STR(path, "");
	EXPECT_INT(told, 5);
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	struct manager m = { .listener = on_event };

	tree_file(tree, "proc/self/mountinfo",
		  "22 1 0:22 / /sys rw,nosuid shared:2 - sysfs sysfs rw\n"
		  "50 22 0:48 / /run/virtrk/mem/rt rw,relatime - colorfs virtrk:rt rw,size=8192k,colors=0-3,profile=virtrk-profile;1;cache=12:13,uid=0,gid=0,mode=700\n"
		  "51 22 0:4 / /mnt/colors rw,relatime - colorfs none rw,size=8192k,profile=virtrk-profile;1;cache=12:13,uid=0,gid=0,mode=700\n");
	tree_must(sysroot_new(&m.root, tree) >= 0, "sysroot_new");
	test_told(&m);
	manager_exhausted_free(&m);
	EXPECT(m.exhausted == NULL);
	sysroot_free(m.root);
	return expect_result();
}
