/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door: a fake root is read as told and cannot be left; the real host answers for our own thread. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "expect.h"
#include "sysroot.h"

#define STAT_HEAD "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 "	/* fields 1 to 18 */
#define STAT_TAIL " 1 0 98765 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 "	/* 20 to 39 */

/* The kernel's own way of not leaving a root, where it is let through: the walk must open the same. */
static void expect_as_kernel(const struct sysroot *root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int kernel = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
	int walk = sysroot_open(root, path, O_PATH);
	struct stat a, b;

	if (kernel < 0)
		kernel = -errno;
	if (kernel >= 0 && walk >= 0)
		EXPECT(fstat(kernel, &a) == 0 && fstat(walk, &b) == 0 && a.st_ino == b.st_ino);
	else if (kernel != -ENOSYS)
		EXPECT_INT(walk, kernel);
	close_fd(kernel);
	close_fd(walk);
}

static void test_read(const char *tree, const struct sysroot *root)
{
	static const struct {
		const char *name;
		const char *path;
		int r;
		const char *text;
	} cases[] = {
		{ "empty file",			"/proc/empty",		0,		"" },
		{ "one newline goes",		"/proc/two-newlines",	0,		"a\n" },
		{ "no newline is fine",		"/proc/bare",		0,		"a" },
		{ "NUL inside",			"/proc/cmdline",	-EBADMSG,	NULL },
		{ "absent",			"/proc/absent",		-ENOENT,	NULL },
		{ "a directory",		"/proc",		-EISDIR,	NULL },
		{ "a pipe does not hang",	"/proc/pipe",		-EINVAL,	NULL },
		{ "1 MiB is read",		"/proc/mib",		0,		NULL },
		{ "1 MiB and a byte is not",	"/proc/more",		-EFBIG,	NULL },
		{ "relative link inside",	"/sys/inside",		0,		"a" },
		{ "absolute link stays in",	"/sys/absolute",	0,		"a" },
		{ "absolute link to the host",	"/sys/escape",		-ENOENT,	NULL },
		{ "dot-dot link to the host",	"/sys/dotdot",		-ENOENT,	NULL },
		{ "directory link to the host",	"/sys/etc/passwd",	-ENOENT,	NULL },
		{ "dot-dot in the path",	"/../../../../etc/passwd", -ENOENT,	NULL },
		{ "link to itself",		"/sys/loop",		-ELOOP,		NULL },
		{ "40 links in a row",		"/chain/40",		0,		"a" },
		{ "41 links in a row",		"/chain/41",		-ELOOP,		NULL },
		{ "links to directories",	"/sys/proc/../sys/up/bare",	0,		"a" },
		{ "a link to a link with dot-dot", "/sys/up/../proc/bare", 0,		"a" },
		{ "dangling link",		"/sys/dangling",	-ENOENT,	NULL },
		{ "slashes and dots",		"//proc/.///./bare",	0,		"a" },
		{ "a file as a directory",	"/proc/bare/x",		-ENOTDIR,	NULL },
		{ "a file with a slash behind",	"/proc/bare/",		-ENOTDIR,	NULL },
		{ "a name of three dots",	"/proc/.../bare",	-ENOENT,	NULL },
	};
	_cleanup_(freep) char *pipe = tree_path(tree, "proc/pipe");
	_cleanup_(freep) char *mib = calloc(1, (1U << 20) + 1);
	size_t i;

	tree_must(mib != NULL, "calloc");
	memset(mib, 'x', (1U << 20) + 1);
	tree_file(tree, "proc/empty", "");
	tree_file(tree, "proc/two-newlines", "a\n\n");
	tree_file(tree, "proc/bare", "a");
	tree_bytes(tree, "proc/cmdline", "a\0b", 3);
	tree_bytes(tree, "proc/mib", mib, 1U << 20);
	tree_bytes(tree, "proc/more", mib, (1U << 20) + 1);
	tree_must(mkfifo(pipe, 0600) == 0, "mkfifo");
	tree_link(tree, "sys/inside", "../proc/bare");
	tree_link(tree, "sys/absolute", "/proc/bare");
	tree_link(tree, "sys/escape", "/etc/passwd");
	tree_link(tree, "sys/dotdot", "../../../../../../etc/passwd");
	tree_link(tree, "sys/etc", "/etc");
	tree_link(tree, "sys/loop", "loop");
	tree_link(tree, "sys/proc", "/../proc");
	tree_link(tree, "sys/up", "../sys/proc");
	tree_link(tree, "sys/dangling", "/proc/absent");
	tree_file(tree, "chain/0", "a");
	for (i = 1; i <= 41; i++) {
		char name[16], target[16];

		snprintf(name, sizeof(name), "chain/%zu", i);
		snprintf(target, sizeof(target), "%zu", i - 1);
		tree_link(tree, name, target);
	}

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *text = NULL;

		CASE(cases[i].name);
		EXPECT_INT(sysroot_read(root, cases[i].path, &text), cases[i].r);
		if (cases[i].text)
			EXPECT_STR(text, cases[i].text);
		EXPECT((text != NULL) == (cases[i].r == 0));
		expect_as_kernel(root, cases[i].path);
	}
}

static void test_bytes(const struct sysroot *root)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t size = 0;

	CASE("bytes as they are");
	EXPECT_INT(sysroot_read_bytes(root, "/proc/cmdline", &bytes, &size), 0);
	EXPECT_INT(size, 3);
	EXPECT(bytes && memcmp(bytes, "a\0b", 4) == 0);	/* and a NUL behind them */
}

static void test_numbers(const char *tree, const struct sysroot *root)
{
	static const struct {
		const char *text;
		int r_u;
		int r_i;
		uint64_t u;
		int64_t i;
	} cases[] = {
		{ "0\n",			0,		0,		0,		0 },
		{ "950000\n",			0,		0,		950000,		950000 },
		{ "-1\n",			-EBADMSG,	0,		0,		-1 },
		{ "18446744073709551615",	0,		-ERANGE,	UINT64_MAX,	0 },
		{ "18446744073709551616",	-ERANGE,	-ERANGE,	0,		0 },
		{ "-9223372036854775808",	-EBADMSG,	0,		0,		INT64_MIN },
		{ "-9223372036854775809",	-EBADMSG,	-ERANGE,	0,		0 },
		{ "",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ "\n",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ "-",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ "--1",			-EBADMSG,	-EBADMSG,	0,		0 },
		{ "+1",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ " 1",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ "1 ",				-EBADMSG,	-EBADMSG,	0,		0 },
		{ "0x10",			-EBADMSG,	-EBADMSG,	0,		0 },
		{ "max",			-EBADMSG,	-EBADMSG,	0,		0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t u = 0;
		int64_t s = 0;

		CASE(cases[i].text);
		tree_file(tree, "sys/number", cases[i].text);
		EXPECT_INT(sysroot_read_u64(root, "/sys/number", &u), cases[i].r_u);
		EXPECT_INT(sysroot_read_i64(root, "/sys/number", &s), cases[i].r_i);
		EXPECT(u == cases[i].u && s == cases[i].i);
	}
	CASE("no such number");
	EXPECT_INT(sysroot_read_u64(root, "/sys/absent", &(uint64_t){ 0 }), -ENOENT);
	EXPECT_INT(sysroot_read_i64(root, "/sys/absent", &(int64_t){ 0 }), -ENOENT);
}

static void test_write(const char *tree, const struct sysroot *root)
{
	_cleanup_(freep) char *text = NULL;

	CASE("write");
	tree_file(tree, "sys/value", "longer than the new one\n");
	EXPECT_INT(sysroot_write(root, "/sys/value", "new"), 0);
	EXPECT_INT(sysroot_read(root, "/sys/value", &text), 0);
	EXPECT_STR(text, "new");
	EXPECT_INT(sysroot_write(root, "/sys/no-such-file", "new"), -ENOENT);	/* never creates */
	EXPECT(!sysroot_exists(root, "/sys/no-such-file"));
	EXPECT_INT(sysroot_write(root, "/sys/escape", "new"), -ENOENT);
	EXPECT_INT(sysroot_write(root, "/proc/pipe", "new"), -ENXIO);	/* nobody reads it: open says so */
}

/* Deeper than the walk holds descriptors for; and none of them may be left open. */
static void test_deep(const char *tree, const struct sysroot *root)
{
	_cleanup_(freep) char *text = NULL;
	char path[256] = "deep";
	int before, after, i;

	CASE("deep");
	for (i = 0; i < 63; i++)
		strcat(path, "/d");	/* with "deep" 64 directories */
	strcat(path, "/f");
	tree_file(tree, path, "a");
	before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close_fd(before);
	EXPECT_INT(sysroot_open(root, "/deep/d/d/d/../../../../deep/d/nothing", O_RDONLY), -ENOENT);
	memmove(path + 1, path, strlen(path) + 1);
	path[0] = '/';
	EXPECT_INT(sysroot_read(root, path, &text), -ELOOP);
	path[strlen(path) - 3] = '\0';
	EXPECT(sysroot_exists(root, path));
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close_fd(after);
	EXPECT_INT(after, before);
}

static void test_paths(const struct sysroot *root)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_(freep) char *target = NULL;
	int fd;

	CASE("paths");
	EXPECT(sysroot_exists(root, "/"));
	EXPECT(sysroot_exists(root, "/proc/bare"));
	EXPECT(!sysroot_exists(root, "/sys/escape"));
	EXPECT_INT(sysroot_readlink(root, "/sys/escape", &target), 0);
	EXPECT_STR(target, "/etc/passwd");
	EXPECT_INT(sysroot_readlink(root, "/proc/bare", &(char *){ NULL }), -EINVAL);
	EXPECT_INT(sysroot_readlink(root, "/proc/absent", &(char *){ NULL }), -ENOENT);
	EXPECT_INT(sysroot_opendir(root, "/proc", &dir), 0);
	EXPECT_INT(sysroot_opendir(root, "/proc/bare", &(DIR *){ NULL }), -ENOTDIR);
	EXPECT_INT(sysroot_opendir(root, "/sys/etc", &(DIR *){ NULL }), -ENOENT);
	EXPECT_INT(sysroot_open(root, "/sys/dotdot", O_RDONLY | O_NOFOLLOW), -ELOOP);
	EXPECT_INT(sysroot_open(root, "/sys/escape/new", O_WRONLY | O_CREAT), -ENOENT);
	fd = sysroot_open(root, "/proc/new", O_WRONLY | O_CREAT | O_EXCL);
	EXPECT(fd >= 0 && sysroot_exists(root, "/proc/new"));
	close_fd(fd);
	EXPECT_INT(sysroot_open(root, "/proc/new", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
	fd = sysroot_open(root, "/proc/bare", O_RDONLY);
	EXPECT(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close_fd(fd);
}

static void test_start_ticks(const char *tree, const struct sysroot *root)
{
	static const struct {
		const char *name;
		const char *stat;
		int r;
	} cases[] = {
		{ "comm with spaces and brackets", STAT_HEAD "0" STAT_TAIL "0 0 0 0\n",	0 },
		{ "empty",			"",				-EBADMSG },
		{ "no comm",			"7 S 1 2 3",			-EBADMSG },
		{ "ends early",			"7 (a) S 1 7",			-EBADMSG },
		{ "ends at the field",	"7 (a) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 ", -EBADMSG },
		{ "not a number", "7 (a) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 x 0",	-EBADMSG },
		{ "negative", "7 (a) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 -5 0",	-EBADMSG },
		{ "too long a number", "7 (a) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 98765432109876543210 0", -ERANGE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ticks = 1;

		CASE(cases[i].name);
		tree_file(tree, "proc/7/stat", cases[i].stat);
		EXPECT_INT(sysroot_start_ticks(root, 7, &ticks), cases[i].r);
		EXPECT_INT(ticks, cases[i].r == 0 ? 98765 : 1);
	}
	CASE("no such thread");
	EXPECT_INT(sysroot_start_ticks(root, 8, &(uint64_t){ 0 }), -ESRCH);
	EXPECT_INT(sysroot_start_ticks(root, 0, &(uint64_t){ 0 }), -EINVAL);
	EXPECT_INT(sysroot_start_ticks(root, -1, &(uint64_t){ 0 }), -EINVAL);
}

static void test_fake_threads(const char *tree, const struct sysroot *root)
{
	static const struct {
		const char *name;
		const char *nice;
		const char *tail;	/* fields 40, 41 ... */
		const char *extra;	/* virtrk-sched */
		int r;
		struct sched_state want;
	} cases[] = {
		{ "other",	"-5",	"0 0 0\n",	NULL,	0,	{ .policy = SCHED_OTHER, .nice = -5 } },
		{ "fifo",	"0",	"50 1 0\n",	NULL,	0,	{ .policy = SCHED_FIFO, .priority = 50 } },
		{ "idle",	"19",	"0 5 0\n",	NULL,	0,	{ .policy = SCHED_IDLE, .nice = 19 } },
		{ "deadline",	"0",	"0 6 0\n",	"1 4000000 9000000 10000000\n", 0,
		  { SCHED_DEADLINE, SCHED_FLAG_RESET_ON_FORK, 0, 0, 4000000, 9000000, 10000000 } },
		{ "deadline, parameters garbled", "0", "0 6 0\n", "1 4000000 9000000 10000000 5\n", -EBADMSG, { 0 } },
		{ "deadline, parameters short",	"0", "0 6 0\n", "1 4000000\n",		-EBADMSG,	{ 0 } },
		{ "policy out of range",	"0", "0 8 0\n", NULL,			-EBADMSG,	{ 0 } },
		{ "nice out of range",		"20", "0 0 0\n", NULL,			-EBADMSG,	{ 0 } },
		{ "stat ends before policy",	"0", "0",	NULL,			-EBADMSG,	{ 0 } },
	};
	struct sched_state state;
	cpu_set_t set;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *stat = NULL;

		CASE(cases[i].name);
		tree_must(asprintf(&stat, "%s%s%s%s", STAT_HEAD, cases[i].nice, STAT_TAIL, cases[i].tail) > 0, "stat");
		tree_file(tree, "proc/7/stat", stat);
		tree_file(tree, "proc/7/virtrk-sched", cases[i].extra ?: "");
		EXPECT_INT(root->ops->sched_get(root, 7, &state), cases[i].r);
		if (cases[i].r == 0)
			EXPECT(sched_state_equal(&state, &cases[i].want));
	}

	CASE("fake affinity");
	tree_file(tree, "proc/7/status", "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-2,5\nMems_allowed:\t1\n");
	EXPECT_INT(root->ops->affinity_get(root, 7, &set), 0);
	EXPECT(CPU_COUNT(&set) == 4 && CPU_ISSET(5, &set));
	tree_file(tree, "proc/7/status", "Name:\tx\n");
	EXPECT_INT(root->ops->affinity_get(root, 7, &set), -EBADMSG);
	CASE("fake threads cannot be set, absent ones are gone");
	EXPECT_INT(root->ops->sched_set(root, 7, &cases[0].want), -ENOSYS);
	EXPECT_INT(root->ops->affinity_set(root, 7, &set), -ENOSYS);
	EXPECT_INT(root->ops->sched_get(root, 8, &state), -ESRCH);
	EXPECT_INT(root->ops->affinity_get(root, 8, &set), -ESRCH);
}

/* Reads only, and sets what is so already: needs no privilege. */
static void test_host(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct sched_state state, again;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	uint64_t ticks = 0;
	cpu_set_t set;

	CASE("host");
	EXPECT_INT(sysroot_new(&root, "/."), 0);
	EXPECT(sysroot_is_host(root));
	EXPECT_INT(root->ops->sched_get(root, tid, &state), 0);
	EXPECT_INT(root->ops->sched_set(root, tid, &state), 0);
	EXPECT_INT(root->ops->sched_get(root, tid, &again), 0);
	EXPECT(sched_state_equal(&state, &again) && state.runtime_ns == again.runtime_ns);
	EXPECT_INT(root->ops->affinity_get(root, tid, &set), 0);
	EXPECT(CPU_COUNT(&set) > 0);
	EXPECT_INT(root->ops->affinity_set(root, tid, &set), 0);
	EXPECT_INT(sysroot_start_ticks(root, tid, &ticks), 0);
	EXPECT(ticks > 0);
	EXPECT_INT(root->ops->sched_get(root, 0, &state), -EINVAL);	/* 0 would be ourselves */
	EXPECT_INT(root->ops->sched_set(root, 0, &state), -EINVAL);
	EXPECT_INT(root->ops->affinity_get(root, 0, &set), -EINVAL);
	EXPECT_INT(root->ops->affinity_set(root, -1, &set), -EINVAL);
	EXPECT_INT(root->ops->sched_get(root, INT32_MAX, &state), -ESRCH);
	EXPECT(sysroot_exists(root, "/proc/self/stat") && sysroot_exists(root, "/"));
}

static void test_directories(const char *tree, const struct sysroot *root)
{
	_cleanup_(freep) char *path = tree_path(tree, "group/child");

	CASE("a directory made and removed");
	EXPECT_INT(sysroot_mkdir(root, "/group/child"), 0);
	EXPECT(sysroot_exists(root, "/group/child") && access(path, X_OK) == 0);
	EXPECT_INT(sysroot_mkdir(root, "/group/child"), -EEXIST);
	EXPECT_INT(sysroot_rmdir(root, "/group"), -ENOTEMPTY);
	EXPECT_INT(sysroot_rmdir(root, "/group/child"), 0);
	EXPECT_INT(sysroot_rmdir(root, "/group/child"), -ENOENT);
	EXPECT(!sysroot_exists(root, "/group/child"));
	CASE("nowhere");
	EXPECT_INT(sysroot_mkdir(root, "/none/child"), -ENOENT);
	EXPECT_INT(sysroot_mkdir(root, "/group/"), -EINVAL);
	EXPECT_INT(sysroot_rmdir(root, "/"), -EINVAL);
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct sysroot *none = NULL;

	CASE("new");
	EXPECT_INT(sysroot_new(&none, "/no/such/directory"), -ENOENT);
	EXPECT_INT(sysroot_new(&none, "/proc/self/stat"), -ENOTDIR);
	EXPECT(none == NULL);
	EXPECT(sysroot_free(NULL) == NULL);
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return expect_result();
	EXPECT(!sysroot_is_host(root));

	test_read(tree, root);
	test_bytes(root);
	test_numbers(tree, root);
	test_write(tree, root);
	test_directories(tree, root);
	test_deep(tree, root);
	test_paths(root);
	test_start_ticks(tree, root);
	test_fake_threads(tree, root);
	test_host();
	return expect_result();
}
