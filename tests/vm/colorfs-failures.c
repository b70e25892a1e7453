/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What colorfs does when the kernel has no memory for it: "colorfs-failures MODULE PROFILE DIRECTORY" runs each thing that can be done
 * with colorfs again and again; the first allocation on its behalf fails, then the second, until none is left that could; and then so that all
 * after it fail, too. Each time it either works, or fails with an errno that says so and leaves everything as it was: what is
 * promised, in use and in limbo, names, sizes and contents of files, and the options of the mount.
 *
 * Called by TEST-51-colorfs-failures.sh in the host under test, as root, with the modules colorfs (and its profile) and colorfs-fail loaded;
 * "colorfs-failures load MODULE PROFILE DIRECTORY" is for when colorfs is not loaded: it tries that. Prints "NAME TRIED FAILED" for each thing,
 * the latter being how often it did fail.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "virtrk/colorfs.h"
#include "../unit/expect.h"

#define PAGE	   4096UL
#define MOUNT_SIZE "24M"
#define PARAMETER  "/sys/module/colorfs_fail/parameters/"
#define COLORS	   "colors=0-3,banks=0:2"

static const char *profile, *dir;
static char path[4096], other_path[4096];
static int fd = -1, module_fd;
static unsigned char *mapping;
static char netlink_answer[65536];
static int netlink_fd, family, group;

static int error(bool failed)
{
	return failed ? -errno : 0;
}

/* --- what is the case ---------------------------------------------------------------------------------------------- */

static char *text_of(const char *file, size_t size)
{
	char *text = calloc(1, size);
	int file_fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n, all = 0;

	while (text && file_fd >= 0 && (n = read(file_fd, text + all, size - 1 - (size_t)all)) > 0)
		all += n;
	if (file_fd >= 0)
		close(file_fd);
	return text;
}

static void parameter_set(const char *name, const char *value)
{
	int file_fd = open(name, O_WRONLY | O_CLOEXEC);

	EXPECT_INT(write(file_fd, value, strlen(value)), strlen(value));
	close(file_fd);
}

static unsigned long parameter_get(const char *name)
{
	_cleanup_(freep) char *text = text_of(name, 64);

	return text ? strtoul(text, NULL, 10) : 0;
}

static uint64_t hash_of(const char *file)
{
	static unsigned char buffer[64 * PAGE];
	int file_fd = open(file, O_RDONLY | O_CLOEXEC);
	uint64_t hash = 14695981039346656037ULL;
	ssize_t n, i;

	while ((n = read(file_fd, buffer, sizeof(buffer))) > 0) {
		for (i = 0; i < n; i++)
			hash = (hash ^ buffer[i]) * 1099511628211ULL;
	}
	close(file_fd);
	return n < 0 ? 0 : hash;
}

struct text {
	char at[16384];
	size_t n;
};

__attribute__((format(printf, 2, 3)))
static void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->n += (size_t)vsnprintf(text->at + text->n, sizeof(text->at) - text->n, format, arguments);
	va_end(arguments);
	if (text->n >= sizeof(text->at)) {
		fprintf(stderr, "too much to remember\n");
		exit(EXIT_FAILURE);
	}
}

/* The line of a mount, all but the numbers of the pool and of refusals; there is one mount at most. */
static void pools_add(struct text *text)
{
	_cleanup_(freep) char *pools = text_of("/sys/kernel/debug/colorfs/pools", 65536);
	char *line = pools ? strchr(pools, '\n') : NULL, *word, *rest;
	int i;

	if (!line) {
		text_add(text, "no module\n");
		return;
	}
	for (i = 0, word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest), i++) {
		if (i != 0 && i != 5)
			text_add(text, "%s ", word);
	}
	text_add(text, "\n");
}

static void mounts_add(struct text *text)
{
	_cleanup_(freep) char *mounts = text_of("/proc/self/mounts", 65536);
	char *line, *rest;

	for (line = strtok_r(mounts, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, " colorfs "))
			text_add(text, "%s\n", line);
	}
}

static int name_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void names_add(struct text *text)
{
	struct dirent **names = NULL;
	char name[8192];
	struct stat st;
	int n, i;

	n = scandir(dir, &names, NULL, name_compare);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]->d_name);
		if (strcmp(names[i]->d_name, "..") == 0 || stat(name, &st) < 0)
			st = (struct stat){ 0 };
		text_add(text, "%s %o %lu %lld %lld %llx\n", names[i]->d_name, st.st_mode, (unsigned long)st.st_nlink, (long long)st.st_size,
			 (long long)st.st_blocks, S_ISREG(st.st_mode) ? (unsigned long long)hash_of(name) : 0ULL);
		free(names[i]);
	}
	free(names);
}

static void look(struct text *text)
{
	text->n = 0;
	pools_add(text);
	mounts_add(text);
	names_add(text);
}

/* --- the world in which it is done --------------------------------------------------------------------------------- */

static int load(void)
{
	char arguments[512];

	snprintf(arguments, sizeof(arguments), "profile=%s", profile);
	return error(syscall(SYS_finit_module, module_fd, arguments, 0) < 0);
}

static void unload(void)
{
	EXPECT_INT(error(syscall(SYS_delete_module, "colorfs", O_NONBLOCK) < 0), 0);
}

static int mount_with(const char *options)
{
	return error(mount("none", dir, "colorfs", 0, options) < 0);
}

static void unmount(void)
{
	EXPECT_INT(error(umount2(dir, 0) < 0), 0);
}

static void file_write(const char *name, unsigned long pages, unsigned char salt)
{
	static unsigned char buffer[PAGE];
	unsigned long i, j;
	int file_fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (i = 0; i < pages; i++) {
		for (j = 0; j < PAGE; j++)
			buffer[j] = (unsigned char)(i * 3 + j + salt);
		EXPECT_INT(pwrite(file_fd, buffer, PAGE, (off_t)(i * PAGE)), PAGE);
	}
	close(file_fd);
}

/* Mounted, with two files and a directory. */
static void world_make(void)
{
	EXPECT_INT(mount_with("size=" MOUNT_SIZE "," COLORS), 0);
	file_write("kept", 20, 1);
	file_write("kept-too", 3, 7);
	snprintf(path, sizeof(path), "%s/d", dir);
	EXPECT_INT(mkdir(path, 0700), 0);
}

static void world_end(void)
{
	unmount();
}

static void nothing(void)
{
}

/* --- netlink ------------------------------------------------------------------------------------------------------- */

static void netlink_ask(uint16_t type, uint8_t command, const char *name)
{
	struct {
		struct nlmsghdr nl;
		struct genlmsghdr genl;
		struct nlattr attribute;
		char name[16];
	} m = { .nl = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) },
		.genl = { .cmd = command, .version = 1 } };

	if (name) {
		snprintf(m.name, sizeof(m.name), "%s", name);
		m.attribute = (struct nlattr){ .nla_len = (uint16_t)(NLA_HDRLEN + strlen(name) + 1), .nla_type = CTRL_ATTR_FAMILY_NAME };
		m.nl.nlmsg_len += (uint32_t)NLA_ALIGN(m.attribute.nla_len);
	}
	EXPECT_INT(send(netlink_fd, &m, m.nl.nlmsg_len, 0), m.nl.nlmsg_len);
}

/* 0, or the error that it is. */
static int netlink_read(void)
{
	struct nlmsghdr *nl = (void *)netlink_answer;
	int r;

	if (recv(netlink_fd, netlink_answer, sizeof(netlink_answer), 0) <= 0)
		return -errno;
	if (nl->nlmsg_type != NLMSG_ERROR)
		return 0;
	memcpy(&r, NLMSG_DATA(nl), sizeof(r));
	return r;
}

/* The family's number, and that of its group of events, which is the last attribute in the list that is the last attribute. */
static void netlink_begin(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct timeval patience = { .tv_sec = 20 };
	struct nlmsghdr *nl = (void *)netlink_answer;
	char *at = (char *)NLMSG_DATA(nl) + GENL_HDRLEN, *end;
	struct nlattr *a;

	netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	EXPECT_INT(bind(netlink_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	EXPECT_INT(setsockopt(netlink_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	netlink_ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, VIRTRK_GENL_NAME);
	EXPECT_INT(netlink_read(), 0);
	family = group = 0;
	for (end = netlink_answer + nl->nlmsg_len; at + NLA_HDRLEN <= end; at += NLA_ALIGN(a->nla_len)) {
		a = (void *)at;
		if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_ID)
			memcpy(&family, at + NLA_HDRLEN, 2);
		if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_MCAST_GROUPS)
			break;
	}
	/* a list, in it a group, in it its number and its name, in some order */
	for (at += 2 * NLA_HDRLEN; at + NLA_HDRLEN <= end; at += NLA_ALIGN(a->nla_len)) {
		a = (void *)at;
		if (a->nla_type == CTRL_ATTR_MCAST_GRP_ID)
			memcpy(&group, at + NLA_HDRLEN, 4);
	}
	EXPECT(family > 0 && group > 0);
}

static void netlink_after(bool done)
{
	(void)done;
	close(netlink_fd);
}

static int do_geometry(void)
{
	netlink_ask((uint16_t)family, VIRTRK_CMD_GEOMETRY, NULL);
	return netlink_read();
}

static void exhaust_before(void)
{
	netlink_begin();
	EXPECT_INT(setsockopt(netlink_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	snprintf(path, sizeof(path), "%s/kept", dir);
}

/* What is refused is refused, whether somebody can be told or not. */
static int do_exhaust(void)
{
	int r = error(truncate(path, 1L << 30) < 0);

	return r == -ENOSPC ? 0 : r == 0 ? -EEXIST : r;
}

/* --- what is done: "before" with memory, "do" without, "after" with ------------------------------------------------ */

static int do_load(void)
{
	return load();
}

static int do_mount(void)
{
	return mount_with("size=4M," COLORS);
}

static int do_mount_profile(void)
{
	char options[1024];

	snprintf(options, sizeof(options), "size=1M,layout=any,node=0,uid=1,gid=1,mode=750,profile=%s", profile);
	return mount_with(options);
}

static int do_mount_preserve(void)
{
	return mount_with("size=4M," COLORS ",layout=preserve");
}

/* As much as is free above a floor that leaves little. */
static void exclusive_before(void)
{
	_cleanup_(freep) char *meminfo = text_of("/proc/meminfo", 8192);
	char *at = meminfo ? strstr(meminfo, "MemAvailable:") : NULL, floor[32];

	snprintf(floor, sizeof(floor), "%lu", at ? strtoul(at + 13, NULL, 10) / 1024 - 24 : 0);
	parameter_set("/sys/module/colorfs/parameters/floor_mib", floor);
}

static int do_mount_exclusive(void)
{
	return mount_with("exclusive," COLORS);
}

static void exclusive_after(bool done)
{
	parameter_set("/sys/module/colorfs/parameters/floor_mib", "0");
	if (done)
		unmount();
}

static void mounted_after(bool done)
{
	if (done)
		unmount();
}

static void loaded_after(bool done)
{
	if (done)
		unload();
}

static int do_unmount(void)
{
	return error(umount2(dir, 0) < 0);
}

static void unmounted_after(bool done)
{
	if (EXPECT(done))
		world_make();
}

static void name_before(void)
{
	snprintf(path, sizeof(path), "%s/new", dir);
	snprintf(other_path, sizeof(other_path), "%s/kept", dir);
}

static void name_after(bool done)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	if (done)
		EXPECT_INT(error(unlink(path) < 0), 0);
}

static int do_create(void)
{
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return error(fd < 0);
}

static int do_tmpfile(void)
{
	fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	return error(fd < 0);
}

static void tmpfile_after(bool done)
{
	(void)done;
	name_after(false);
}

static int do_mkdir(void)
{
	return error(mkdir(path, 0700) < 0);
}

static void mkdir_after(bool done)
{
	if (done)
		EXPECT_INT(error(rmdir(path) < 0), 0);
}

static int do_link(void)
{
	return error(link(other_path, path) < 0);
}

static int do_rename(void)
{
	return error(rename(other_path, path) < 0);
}

static void rename_after(bool done)
{
	if (done)
		EXPECT_INT(error(rename(path, other_path) < 0), 0);
}

/* The only ones that make nothing: each finds its file new. */
static void file_before(void)
{
	name_before();
	EXPECT_INT(do_create(), 0);
}

static void file_after(bool done)
{
	(void)done;
	if (mapping)
		munmap(mapping, 1400 * PAGE);
	mapping = NULL;
	name_after(true);
}

static int do_grow(void)
{
	return error(ftruncate(fd, 300 * PAGE) < 0);
}

static int do_grow_large(void)
{
	return error(ftruncate(fd, 5000 * PAGE + 1) < 0);
}

static void grown_before(void)
{
	file_before();
	EXPECT_INT(pwrite(fd, "before", 6, 299 * PAGE), 6);
}

static int do_write(void)
{
	static const unsigned char data[5 * PAGE];
	ssize_t n = pwrite(fd, data, sizeof(data), 700 * PAGE + 100);

	return error(n != sizeof(data));
}

static int do_fallocate(void)
{
	return error(fallocate(fd, 0, 0, 700 * PAGE) < 0);
}

static void mapping_before(void)
{
	file_before();
	EXPECT_INT(ftruncate(fd, 1400 * PAGE), 0);
	mapping = mmap(NULL, 1400 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!EXPECT(mapping != MAP_FAILED))
		mapping = NULL;
}

static int do_populate(void)
{
	return error(madvise(mapping, 1400 * PAGE, MADV_POPULATE_WRITE) < 0);
}

/* The kernel tries again until it has the memory for the page tables, so this works when it is refused once. */
static int do_touch(void)
{
	unsigned long i;

	for (i = 0; i < 1400; i += 60)
		mapping[i * PAGE] = (unsigned char)i;
	return 0;
}

/* Some pages have frames now, and may: they were promised. The rest has to be as it was. */
static void populate_settle(void)
{
	EXPECT_INT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1400 * PAGE), 0);
}

static int remount(const char *options)
{
	return error(mount("none", dir, NULL, MS_REMOUNT, options) < 0);
}

static int do_larger(void)
{
	return remount("size=32M");
}

static int do_smaller(void)
{
	return remount("size=8M");
}

static void resized_after(bool done)
{
	if (done)
		EXPECT_INT(remount("size=" MOUNT_SIZE), 0);
}

/* Other colours are for a mount without anything in its files. */
static void empty_before(void)
{
	snprintf(path, sizeof(path), "%s/kept", dir);
	EXPECT_INT(truncate(path, 0), 0);
	snprintf(path, sizeof(path), "%s/kept-too", dir);
	EXPECT_INT(truncate(path, 0), 0);
}

static int do_recolor(void)
{
	return remount("colors=4-7,banks=1:3,size=16M");
}

static int do_relayout(void)
{
	return remount("layout=preserve,size=16M");
}

static void recolored_after(bool done)
{
	if (done)
		EXPECT_INT(remount("layout=any," COLORS ",size=" MOUNT_SIZE), 0);
	file_write("kept", 20, 1);
	file_write("kept-too", 3, 7);
}

/* A text that is read to its end, and has a word in it. */
static int read_whole(const char *file, const char *word)
{
	static char text[65536];
	int file_fd = open(file, O_RDONLY | O_CLOEXEC), r = 0;
	ssize_t n, all = 0;

	if (file_fd < 0)
		return -errno;
	while ((n = read(file_fd, text + all, sizeof(text) - 1 - (size_t)all)) > 0)
		all += n;
	if (n < 0)
		r = -errno;
	close(file_fd);
	text[all] = '\0';
	return r < 0 ? r : strstr(text, word) ? 0 : -ENOENT;
}

static int do_show(void)
{
	return read_whole("/proc/self/mounts", "," COLORS ",profile=");
}

/* What a mount that could be made says of its colours. */
static void colors_after(bool done)
{
	if (!done)
		return;
	EXPECT_INT(read_whole("/sys/kernel/debug/colorfs/colors", " 3 "), 0);
	unmount();
}

/* --- again and again ----------------------------------------------------------------------------------------------- */

static const struct thing {
	const char *name;
	bool mounted;			/* it is done to a mount with files in it */
	void (*before)(void);
	int (*run)(void);		/* 0 or -errno */
	void (*settle)(void);		/* after it failed: what may be different is made as it was */
	void (*after)(bool done);
	bool once;			/* not while all fails */
	bool allocates;			/* or this is no test */
} things[] = {
	{ "load",	false,	nothing,	  do_load,	      nothing,		loaded_after,	 .allocates = true },
	{ "mount",	false,	nothing,	  do_mount,	      nothing,		colors_after,	 .allocates = true },
	{ "options",	false,	nothing,	  do_mount_profile,   nothing,		mounted_after,	 .allocates = true },
	{ "preserve",	false,	nothing,	  do_mount_preserve,  nothing,		mounted_after,	 .allocates = true },
	{ "exclusive",	false,	exclusive_before, do_mount_exclusive, nothing,		exclusive_after, .allocates = true },
	{ "unmount",	true,	nothing,	  do_unmount,	      nothing,		unmounted_after, .allocates = false },
	{ "create",	true,	name_before,	  do_create,	      nothing,		name_after,	 .allocates = true },
	{ "tmpfile",	true,	nothing,	  do_tmpfile,	      nothing,		tmpfile_after,	 .allocates = true },
	{ "mkdir",	true,	name_before,	  do_mkdir,	      nothing,		mkdir_after,	 .allocates = true },
	{ "link",	true,	name_before,	  do_link,	      nothing,		name_after,	 .allocates = false },
	{ "rename",	true,	name_before,	  do_rename,	      nothing,		rename_after,	 .allocates = false },
	{ "grow",	true,	file_before,	  do_grow,	      nothing,		file_after,	 .allocates = true },
	{ "grow-much",	true,	file_before,	  do_grow_large,      nothing,		file_after,	 .allocates = true },
	{ "append",	true,	grown_before,	  do_write,	      nothing,		file_after,	 .allocates = true },
	{ "fallocate",	true,	grown_before,	  do_fallocate,	      nothing,		file_after,	 .allocates = true },
	{ "populate",	true,	mapping_before,	  do_populate,	      populate_settle,	file_after,	 .allocates = true },
	{ "touch",	true,	mapping_before,	  do_touch,	      nothing,		file_after,	 .once = true, .allocates = true },
	{ "larger",	true,	nothing,	  do_larger,	      nothing,		resized_after,	 .allocates = true },
	{ "smaller",	true,	nothing,	  do_smaller,	      nothing,		resized_after,	 .allocates = true },
	{ "recolor",	true,	empty_before,	  do_recolor,	      nothing,		recolored_after, .allocates = true },
	{ "relayout",	true,	empty_before,	  do_relayout,	      nothing,		recolored_after, .allocates = true },
	{ "show",	true,	nothing,	  do_show,	      nothing,		NULL,		 .allocates = true },
	{ "geometry",	true,	netlink_begin,	  do_geometry,	      nothing,		netlink_after,	 .allocates = true },
	{ "refusal",	true,	exhaust_before,	  do_exhaust,	      nothing,		netlink_after,	 .allocates = true },
};

/* Whether an allocation was failed; *ret_done: whether it worked all the same. */
static bool thing_once(const struct thing *t, unsigned long n, bool *ret_done)
{
	static struct text before, after, at_end;
	char number[32];
	bool failed;
	int r;

	look(&before);
	t->before();
	look(&at_end);
	snprintf(number, sizeof(number), "%lu", n);
	parameter_set(PARAMETER "nth", number);
	r = t->run();
	failed = parameter_get(PARAMETER "failed") > 0;
	if (r < 0) {
		if (!failed || (r != -ENOMEM && r != -ENOSPC)) {
			_cleanup_(freep) char *last = text_of(PARAMETER "last", 512);

			expect_failed++;
			fprintf(stderr, "[%s] %lu: %s, %s", t->name, n, strerror(-r), failed ? last : "and nothing was refused\n");
		}
	}
	parameter_set(PARAMETER "nth", "0");
	*ret_done = r == 0;
	if (r < 0) {
		t->settle();
		look(&after);
		if (strcmp(after.at, at_end.at) != 0) {
			expect_failed++;
			fprintf(stderr, "[%s] %lu: was\n%s, is\n%s", t->name, n, at_end.at, after.at);
		}
	}
	if (t->after)
		t->after(r == 0);
	look(&after);
	if (strcmp(after.at, before.at) != 0) {
		expect_failed++;
		fprintf(stderr, "[%s] %lu: in the end, was\n%s, is\n%s", t->name, n, before.at, after.at);
	}
	return failed;
}

static void thing_try(const struct thing *t, bool every)
{
	unsigned long n = 0, tried = 0, refused = 0;
	unsigned int wrong = expect_failed;
	bool done;

	CASE(t->name);
	parameter_set(PARAMETER "every", every ? "Y" : "N");
	if (t->mounted)
		world_make();
	do {
		n += n < 48 ? 1 : n / 8;	/* a mount asks for hundreds of frames */
		if (!thing_once(t, n, &done))
			break;
		tried++;
		refused += !done;
	} while (expect_failed < wrong + 5);
	EXPECT(tried > 0 || !t->allocates);
	if (t->mounted)
		world_end();
	printf("%s%s %lu %lu\n", t->name, every ? "-all" : "", tried, refused);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool load_only = argc == 5 && strcmp(argv[1], "load") == 0;
	size_t i;

	if (argc != 4 && !load_only) {
		fprintf(stderr, "usage: colorfs-failures [load] MODULE PROFILE DIRECTORY\n");
		return 2;
	}
	argv += load_only;
	module_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	profile = argv[2];
	dir = argv[3];
	for (i = 0; i < ARRAY_SIZE(things); i++) {
		if ((things[i].run == do_load) != load_only)
			continue;
		thing_try(&things[i], false);
		if (!things[i].once)
			thing_try(&things[i], true);
	}
	return expect_result();
}
