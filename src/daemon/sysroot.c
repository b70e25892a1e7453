/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door to the system. Everything that reads or writes /proc, /sys, /dev or /run, and every system call that reads
 * or changes the scheduling of a thread, goes through a struct sysroot; so the same code runs against a directory.
 *
 * The real host is opened plainly, below a descriptor of "/". In a fake root symbolic links, absolute or with "..",
 * stay in it (sysroot-walk.c), and only regular files are read, since a pipe or a device that somebody put there must
 * not hang or harm the reader.
 *
 * Threads of a fake root: what they are comes from /proc/TID/stat (fields 19 nice, 40 real-time priority, 41 policy)
 * and /proc/TID/status (Cpus_allowed_list). These do not hold the parameters of SCHED_DEADLINE, so such a thread has
 * one more file there, /proc/TID/virtrk-sched: one line "FLAGS RUNTIME DEADLINE PERIOD", numbers in ns. Nothing can
 * be set.
 *
 * Used by everyone in the daemon who touches the system. Decides nothing, logs nothing, keeps nothing between calls.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpulist.h"
#include "sysroot-walk.h"
#include "sysroot.h"

#define FILE_MAX (1U << 20)

/* glibc declares it since 2.41 only, and under the kernel's own name; so ours is called differently. */
struct attr_v0 {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};
static_assert(sizeof(struct attr_v0) == 48, "SCHED_ATTR_SIZE_VER0");

/* Newer than the oldest headers that we build with. */
#define POLICY_EXT 7

static bool policy_is_fair(uint32_t policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH;
}

/* Values. */

bool sched_state_equal(const struct sched_state *a, const struct sched_state *b)
{
	const uint64_t deadline_flags = SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN;

	if (a->policy != b->policy)
		return false;
	switch (a->policy) {
	case SCHED_DEADLINE:
		return ((a->flags ^ b->flags) & deadline_flags) == 0 && a->runtime_ns == b->runtime_ns &&
		       a->deadline_ns == b->deadline_ns &&
		       /* to the kernel a period of 0 is the deadline */
		       (a->period_ns ?: a->deadline_ns) == (b->period_ns ?: b->deadline_ns);
	case SCHED_FIFO:
	case SCHED_RR:
		return ((a->flags ^ b->flags) & SCHED_FLAG_RESET_ON_FORK) == 0 && a->priority == b->priority;
	default:	/* the slice is no promise: it moves with the host's default */
		return ((a->flags ^ b->flags) & SCHED_FLAG_RESET_ON_FORK) == 0 && a->nice == b->nice;
	}
}

const char *sched_policy_name(uint32_t policy)
{
	switch (policy) {
	case SCHED_OTHER:
		return "other";
	case SCHED_FIFO:
		return "fifo";
	case SCHED_RR:
		return "rr";
	case SCHED_BATCH:
		return "batch";
	case SCHED_IDLE:
		return "idle";
	case SCHED_DEADLINE:
		return "deadline";
	case POLICY_EXT:
		return "ext";
	default:
		return "unknown";
	}
}

char *sched_state_format(char buf[SCHED_STATE_STRLEN], const struct sched_state *state)
{
	char budget[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	const char *name = sched_policy_name(state->policy);

	switch (state->policy) {
	case SCHED_DEADLINE:
		snprintf(buf, SCHED_STATE_STRLEN, "%s %s/%s/%s%s", name, vrk_nsec_format(budget, state->runtime_ns),
			 vrk_nsec_format(deadline, state->deadline_ns),
			 vrk_nsec_format(period, state->period_ns ?: state->deadline_ns),
			 state->flags & SCHED_FLAG_RECLAIM ? " soft" : "");
		break;
	case SCHED_FIFO:
	case SCHED_RR:
		snprintf(buf, SCHED_STATE_STRLEN, "%s %" PRIu32, name, state->priority);
		break;
	default:
		snprintf(buf, SCHED_STATE_STRLEN, "%s nice %" PRId32, name, state->nice);
	}
	return buf;
}

/* The real host's threads. */

static int host_attr_get(pid_t tid, struct attr_v0 *ret)
{
	struct attr_v0 attr = { .size = sizeof(attr) };

	if (syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0) < 0)
		return -errno;
	*ret = attr;
	return 0;
}

/*
 * Since 6.12 the kernel reports the slice of a fair thread as its runtime, and takes a runtime that is given back to it
 * for an own slice from then on. A slice like our own thread's is the default one: 0 keeps it that way.
 */
static nsec_t fair_slice(const struct attr_v0 *attr)
{
	struct attr_v0 self;

	if (!policy_is_fair(attr->policy) || attr->runtime == 0)
		return 0;
	if (host_attr_get(0, &self) == 0 && policy_is_fair(self.policy) && self.runtime == attr->runtime)
		return 0;
	return attr->runtime;
}

static int host_sched_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	struct attr_v0 attr;
	int r;

	if (tid <= 0)
		return -EINVAL;	/* to the kernel 0 is the caller */
	r = host_attr_get(tid, &attr);
	if (r < 0)
		return r;

	*ret = (struct sched_state){
		.policy = attr.policy,
		.flags = attr.flags,
		.nice = attr.nice,
		.priority = attr.priority,
		.runtime_ns = attr.policy == SCHED_DEADLINE ? attr.runtime : fair_slice(&attr),
		.deadline_ns = attr.policy == SCHED_DEADLINE ? attr.deadline : 0,
		.period_ns = attr.policy == SCHED_DEADLINE ? attr.period : 0,
	};
	return 0;
}

static int host_policy_get(const struct sysroot *root, pid_t tid)
{
	int policy = tid <= 0 ? -EINVAL : sched_getscheduler(tid);

	if (policy < 0)
		return tid <= 0 ? policy : -errno;
	return policy & ~SCHED_RESET_ON_FORK;
}

static int host_sched_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	struct attr_v0 attr = {
		.size = sizeof(attr),
		.policy = state->policy,
		.flags = state->flags,
		.nice = state->nice,
		.priority = state->priority,
		.runtime = state->runtime_ns,
		.deadline = state->deadline_ns,
		.period = state->period_ns,
	};

	if (tid <= 0)
		return -EINVAL;
	if (syscall(SYS_sched_setattr, tid, &attr, 0) < 0)
		return -errno;
	return 0;
}

static int host_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	cpu_set_t set;

	if (tid <= 0)
		return -EINVAL;
	CPU_ZERO(&set);
	if (sched_getaffinity(tid, sizeof(set), &set) < 0)
		return -errno;
	*ret = set;
	return 0;
}

static int host_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	if (tid <= 0)
		return -EINVAL;
	if (sched_setaffinity(tid, sizeof(*set), set) < 0)
		return -errno;
	return 0;
}

/*
 * As a debugger stops a thread for a moment: it wakes, and its system call is restarted or answers EINTR as it does for every
 * signal, but no signal is delivered. When the daemon dies meanwhile the kernel lets the thread go.
 */
static int host_wake(const struct sysroot *root, pid_t tid)
{
	int r = 0;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || waitpid(tid, NULL, __WALL) < 0)
		r = -errno;
	(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return r;
}

static const struct sysroot_ops host_ops = {
	.sched_get = host_sched_get,
	.policy_get = host_policy_get,
	.sched_set = host_sched_set,
	.affinity_get = host_affinity_get,
	.affinity_set = host_affinity_set,
	.wake = host_wake,
};

/* A fake root's threads. */

/* Digits only, all of @text. */
static int u64_parse(const char *text, uint64_t *ret)
{
	char *end;
	uint64_t value;

	if (!isdigit((unsigned char)*text))
		return -EBADMSG;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int i64_parse(const char *text, int64_t *ret)
{
	const char *digits = *text == '-' ? text + 1 : text;
	char *end;
	int64_t value;

	if (!isdigit((unsigned char)*digits))
		return -EBADMSG;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EBADMSG;
	*ret = value;
	return 0;
}

/* Field @number (3 or more) of /proc/TID/stat; the second may hold spaces and parentheses, so from the last ')' on. */
static int stat_field(const char *stat, unsigned int number, int64_t *ret)
{
	const char *p = strrchr(stat, ')');
	char field[24];
	size_t length;

	if (!p)
		return -EBADMSG;
	for (p++; *p == ' ' && number > 3; number--)
		p += 1 + strcspn(p + 1, " ");
	if (*p != ' ')
		return -EBADMSG;
	length = strcspn(++p, " ");
	if (length == 0 || length >= sizeof(field))
		return -EBADMSG;
	memcpy(field, p, length);
	field[length] = '\0';
	return i64_parse(field, ret);
}

static int read_thread(const struct sysroot *root, pid_t tid, const char *name, char **ret)
{
	int r;

	r = sysroot_readf(root, ret, "/proc/%d/%s", tid, name);
	if (r == -ENOENT || r == -ESRCH)	/* promises are forgotten by that: it takes two looks */
		r = sysroot_readf(root, ret, "/proc/%d/%s", tid, name);
	return r == -ENOENT ? -ESRCH : r;	/* gone before the open, or (ESRCH already) after it */
}

static int fake_deadline_get(const struct sysroot *root, pid_t tid, struct sched_state *state)
{
	_cleanup_(freep) char *text = NULL;
	int used = -1;
	int r;

	r = sysroot_readf(root, &text, "/proc/%d/virtrk-sched", tid);
	if (r < 0)
		return r;
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &state->flags, &state->runtime_ns,
		   &state->deadline_ns, &state->period_ns, &used) != 4 ||
	    text[used] != '\0')
		return -EBADMSG;
	return 0;
}

static int fake_sched_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	_cleanup_(freep) char *stat = NULL;
	int64_t nice, priority, policy;
	struct sched_state state = { 0 };
	int r;

	r = read_thread(root, tid, "stat", &stat);
	if (r < 0)
		return r;
	r = stat_field(stat, 19, &nice);
	if (r < 0)
		return r;
	r = stat_field(stat, 40, &priority);
	if (r < 0)
		return r;
	r = stat_field(stat, 41, &policy);
	if (r < 0)
		return r;
	if (nice < -20 || nice > 19 || priority < 0 || priority > 99 || policy < 0 || policy > POLICY_EXT)
		return -EBADMSG;

	state.policy = (uint32_t)policy;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		state.priority = (uint32_t)priority;
	else if (policy != SCHED_DEADLINE)
		state.nice = (int32_t)nice;
	else
		r = fake_deadline_get(root, tid, &state);
	if (r < 0)
		return r;
	*ret = state;
	return 0;
}

static int fake_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	static const char key[] = "\nCpus_allowed_list:\t";
	_cleanup_(freep) char *status = NULL;
	char *list;
	int r;

	r = read_thread(root, tid, "status", &status);
	if (r < 0)
		return r;
	list = strstr(status, key);
	if (!list)
		return -EBADMSG;
	list += sizeof(key) - 1;
	list[strcspn(list, "\n")] = '\0';
	return cpulist_parse(list, ret);
}

static int fake_sched_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	return -ENOSYS;
}

static int fake_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return -ENOSYS;
}

static const struct sysroot_ops fake_ops = {
	.sched_get = fake_sched_get,
	.sched_set = fake_sched_set,
	.affinity_get = fake_affinity_get,
	.affinity_set = fake_affinity_set,
};

/* The root itself. */

static bool fd_is_slash(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int sysroot_new(struct sysroot **ret, const char *path)
{
	_cleanup_(sysroot_freep) struct sysroot *root = calloc(1, sizeof(*root));
	bool host;

	if (!root)
		return -ENOMEM;
	path = path ?: "/";
	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return -errno;	/* a descriptor of -1 is no descriptor to sysroot_free() */
	host = fd_is_slash(root->fd);	/* "/." and "//" are the host too: never half a host */
	root->path = strdup(host ? "/" : path);
	if (!root->path)
		return -ENOMEM;
	root->ops = host ? &host_ops : &fake_ops;

	*ret = TAKE_PTR(root);
	return 0;
}

struct sysroot *sysroot_free(struct sysroot *root)
{
	if (!root)
		return NULL;
	close_fd(root->fd);
	free(root->path);
	free(root);
	return NULL;
}

bool sysroot_is_host(const struct sysroot *root)
{
	return root->path[0] == '/' && root->path[1] == '\0';
}

/* Files. */

int sysroot_open(const struct sysroot *root, const char *path, int flags)
{
	int fd;

	assert(path[0] == '/');
	if (!sysroot_is_host(root))
		return sysroot_walk(root->fd, path, flags, 0600);
	path += strspn(path, "/");
	fd = openat(root->fd, *path ? path : ".", flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* For reading and writing whole files: not a pipe or device of a fake root. */
static int open_file(const struct sysroot *root, const char *path, int flags)
{
	_cleanup_(closep) int fd = -EBADF;
	struct stat st;

	if (sysroot_is_host(root))
		return sysroot_open(root, path, flags);
	fd = sysroot_open(root, path, flags | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

int sysroot_read_bytes(const struct sysroot *root, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int fd = -EBADF;
	size_t size = 0, room = 0;
	ssize_t n;
	char *p;

	fd = open_file(root, path, O_RDONLY);
	if (fd < 0)
		return fd;
	do {	/* the size that stat tells is 0 or a lie in /proc and /sys */
		if (room - size < 2) {
			room = room ? room * 2 : 4096;
			p = realloc(text, room);
			if (!p)
				return -ENOMEM;
			text = p;
		}
		n = read(fd, text + size, room - size - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			size += (size_t)n;
		if (size > FILE_MAX)
			return -EFBIG;
	} while (n != 0);
	text[size] = '\0';

	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int sysroot_read(const struct sysroot *root, const char *path, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r;

	r = sysroot_read_bytes(root, path, &text, &size);
	if (r < 0)
		return r;
	if (memchr(text, '\0', size))
		return -EBADMSG;
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';

	*ret = TAKE_PTR(text);
	return 0;
}

int sysroot_readf(const struct sysroot *root, char **ret, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return sysroot_read(root, path, ret);
}

int sysroot_read_u64(const struct sysroot *root, const char *path, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	if (r < 0)
		return r;
	return u64_parse(text, ret);
}

int sysroot_read_i64(const struct sysroot *root, const char *path, int64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	if (r < 0)
		return r;
	return i64_parse(text, ret);
}

/* One write(2): the kernel's files take their value whole or not at all. */
int sysroot_write(const struct sysroot *root, const char *path, const char *text)
{
	_cleanup_(closep) int fd = -EBADF;
	size_t size = strlen(text);
	ssize_t n;

	if (root->ops->write)
		return root->ops->write(root, path, text);
	fd = open_file(root, path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	n = write(fd, text, size);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

/* The directory in which the last component of @path stands, and that component. */
static int parent_open(const struct sysroot *root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	if (!slash || slash[1] == '\0' || (size_t)(slash - path) >= sizeof(parent) - 1)
		return -EINVAL;
	snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);
	*ret_name = slash + 1;
	return sysroot_open(root, parent, O_RDONLY | O_DIRECTORY);
}

int sysroot_mkdir(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = -EBADF;
	const char *name;

	if (root->ops->mkdir)
		return root->ops->mkdir(root, path);
	fd = parent_open(root, path, &name);
	if (fd < 0)
		return fd;
	return mkdirat(fd, name, 0755) < 0 ? -errno : 0;
}

int sysroot_rmdir(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = -EBADF;
	const char *name;

	if (root->ops->rmdir)
		return root->ops->rmdir(root, path);
	fd = parent_open(root, path, &name);
	if (fd < 0)
		return fd;
	return unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int sysroot_opendir(const struct sysroot *root, const char *path, DIR **ret)
{
	_cleanup_(closep) int fd = -EBADF;
	DIR *dir;

	fd = sysroot_open(root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);	/* closedir() closes it */
	*ret = dir;
	return 0;
}

bool sysroot_exists(const struct sysroot *root, const char *path)
{
	_cleanup_(closep) int fd = sysroot_open(root, path, O_PATH);

	if (fd < 0)	/* what a host lacks is done without, and nobody asks again: it takes two looks */
		fd = sysroot_open(root, path, O_PATH);
	return fd >= 0;
}

int sysroot_links(const struct sysroot *root, const char *path, uint64_t *ret)
{
	_cleanup_(closep) int fd = -EBADF;
	struct stat st;

	if (sysroot_is_host(root)) {	/* one system call instead of three */
		if (stat(path, &st) < 0)
			return -errno;
	} else {
		fd = sysroot_open(root, path, O_PATH);
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
	}
	*ret = st.st_nlink;
	return 0;
}

int sysroot_readlink(const struct sysroot *root, const char *path, char **ret)
{
	_cleanup_(closep) int fd = -EBADF;
	char target[PATH_MAX];
	char *copy;
	ssize_t n;

	fd = sysroot_open(root, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno;	/* "" of something that is no link */
	if ((size_t)n >= sizeof(target))
		return -ENAMETOOLONG;
	copy = strndup(target, (size_t)n);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* Field @number of the thread's stat, which has to be in 0..@max. */
static int thread_number(const struct sysroot *root, pid_t tid, unsigned int number, int64_t max, int64_t *ret)
{
	_cleanup_(freep) char *stat = NULL;
	int r;

	if (tid <= 0)
		return -EINVAL;
	r = read_thread(root, tid, "stat", &stat);
	if (r >= 0)
		r = stat_field(stat, number, ret);
	if (r < 0)
		return r;
	return *ret < 0 || *ret > max ? -EBADMSG : 0;
}

int sysroot_start_ticks(const struct sysroot *root, pid_t tid, uint64_t *ret)
{
	int64_t ticks;
	int r = thread_number(root, tid, 22, INT64_MAX, &ticks);

	if (r >= 0)
		*ret = (uint64_t)ticks;
	return r;
}

int sysroot_thread_flags(const struct sysroot *root, pid_t tid, uint64_t *ret)
{
	int64_t flags;
	int r = thread_number(root, tid, 9, UINT32_MAX, &flags);

	if (r >= 0)
		*ret = (uint64_t)flags;
	return r;
}

int sysroot_thread_cpu(const struct sysroot *root, pid_t tid, uint32_t *ret)
{
	int64_t cpu;
	int r = thread_number(root, tid, 39, UINT32_MAX, &cpu);

	if (r >= 0)
		*ret = (uint32_t)cpu;
	return r;
}
