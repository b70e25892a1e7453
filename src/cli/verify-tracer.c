/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace instance (Documentation/trace/ftrace.rst): its buffers and events are its own, so that whoever else traces is not
 * disturbed. It outlives its maker unless it is removed; so it is removed on every way out, and the name has our pid, so that
 * the next one can see what a killed one left.
 *
 * It is read every now and then, never waited on: a reader that is woken with every record would be among what it records.
 * All switches are recorded, not only those of the threads: who runs in their stead is what the user wants to know, and holes
 * are found by what others do.
 *
 * Called by verb-verify.c. Judges nothing.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "verify-tracer.h"

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE_PREFIX "virtrk-verify-"
#define BUFFER_ALL_KB (256L * 1024)	/* in all, of all CPUs */
#define BUFFER_MAX_KB 8192
#define BUFFER_MIN_KB 512
#define LINE_BYTES 4096
/*
 * The kernel writes the text of a read() in one go, and where it cannot be preempted there, whoever is due on that CPU waits so long: 8 KiB
 * were 600 us on an emulated machine.
 */
#define READ_BYTES 512
#define FILTER_MAX 3500			/* the kernel takes a page */

struct tracer {
	char *path;
	int pipe;
	char buffer[65536];
	size_t filled;
};

nsec_t clock_monotonic(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

/* ---- files ---- */

static int file_write(const char *dir, const char *name, const char *text)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -EBADF;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int file_read(const char *path, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buffer, size - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	return 0;
}

/* ---- where tracefs is ---- */

/* Without a mounted one: mounted in a namespace of our own, which ends with us. */
static int tracefs_mount(struct vr_error **reterr)
{
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tracefs", TRACEFS, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		r = -errno;
	if (r == -EPERM || r == -EACCES)
		return vr_error_set(reterr, r, VR_NOT_PERMITTED, "you may not trace the scheduler: be root");
	if (r == -ENODEV || r == -ENOENT)
		return vr_error_set(reterr, r, VR_UNSUPPORTED, "this kernel has no tracefs (CONFIG_FTRACE): nothing can be verified");
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot mount tracefs: %s", strerror(-r));
	return 0;
}

static int instances_find(const char **ret, struct vr_error **reterr)
{
	static const char *const places[] = { TRACEFS "/instances", "/sys/kernel/debug/tracing/instances" };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], W_OK) == 0) {
			*ret = places[i];
			return 0;
		}
		if (errno == EACCES || errno == EPERM)
			return vr_error_set(reterr, -EACCES, VR_NOT_PERMITTED, "you may not trace the scheduler: be root");
	}
	r = tracefs_mount(reterr);
	if (r < 0)
		return r;
	*ret = places[0];
	return 0;
}

static void instance_remove(const char *path)
{
	(void)file_write(path, "tracing_on", "0");
	(void)file_write(path, "events/enable", "0");
	(void)rmdir(path);
}

/* Those of processes that are no more. */
static void instances_sweep(const char *instances)
{
	_cleanup_(closedirp) DIR *dir = opendir(instances);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_(freep) char *path = NULL;
		char *end;
		long pid;

		if (strncmp(entry->d_name, INSTANCE_PREFIX, strlen(INSTANCE_PREFIX)) != 0)
			continue;
		pid = strtol(entry->d_name + strlen(INSTANCE_PREFIX), &end, 10);
		if (pid <= 0 || pid > INT32_MAX || *end != '\0' || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		if (asprintf(&path, "%s/%s", instances, entry->d_name) < 0) {
			path = NULL;
			continue;
		}
		instance_remove(path);
	}
}

/* ---- what is recorded ---- */

/* "pid==1||pid==2"; "0" (no filter) when there are too many. */
static void filter_write(char *buffer, size_t size, const pid_t *tids, size_t n)
{
	size_t length = 0;

	for (size_t i = 0; i < n && length < size; i++)
		length += (size_t)snprintf(buffer + length, size - length, "%spid==%d", i > 0 ? "||" : "", tids[i]);
	if (length >= size || n == 0)
		snprintf(buffer, size, "0");
}

/* "f,00000003": 32 CPUs a group, the last group first. False: all CPUs. */
static bool mask_write(char *buffer, size_t size, const pid_t *tids, size_t n)
{
	cpu_set_t all, one;
	size_t length = 0;
	bool begun = false;

	CPU_ZERO(&all);
	for (size_t i = 0; i < n; i++) {
		if (sched_getaffinity(tids[i], sizeof(one), &one) == 0)
			CPU_OR(&all, &all, &one);
		else if (errno != ESRCH)
			return false;
	}
	for (size_t group = CPU_SETSIZE / 32; group > 0; group--) {
		unsigned int bits = 0;

		for (unsigned int i = 0; i < 32; i++)
			bits |= CPU_ISSET((group - 1) * 32 + i, &all) ? 1U << i : 0;
		if (bits || begun)
			length += (size_t)snprintf(buffer + length, size - length, begun ? ",%08x" : "%x", bits);
		begun |= bits != 0;
	}
	return begun;
}

static int tracer_configure(const struct tracer *t, const pid_t *tids, size_t n)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), kb = BUFFER_ALL_KB / (cpus > 0 ? cpus : 1);
	char filter[FILTER_MAX], mask[CPU_SETSIZE / 32 * 9 + 1], size[24];
	int r;

	snprintf(size, sizeof(size), "%ld", kb > BUFFER_MAX_KB ? BUFFER_MAX_KB : kb < BUFFER_MIN_KB ? BUFFER_MIN_KB : kb);
	filter_write(filter, sizeof(filter), tids, n);
	r = file_write(t->path, "trace_clock", "mono");
	if (r >= 0)
		r = file_write(t->path, "buffer_size_kb", size);
	if (r >= 0 && mask_write(mask, sizeof(mask), tids, n))
		r = file_write(t->path, "tracing_cpumask", mask);
	for (int i = 0; r >= 0 && i < 2; i++) {
		const char *event = i == 0 ? "events/sched/sched_wakeup" : "events/sched/sched_wakeup_new";
		char name[64];

		snprintf(name, sizeof(name), "%s/filter", event);
		r = file_write(t->path, name, filter);
		snprintf(name, sizeof(name), "%s/enable", event);
		if (r >= 0)
			r = file_write(t->path, name, "1");
	}
	return r < 0 ? r : file_write(t->path, "events/sched/sched_switch/enable", "1");
}

int tracer_start(struct tracer **ret, const pid_t *tids, size_t n, struct vr_error **reterr)
{
	_cleanup_(tracer_freep) struct tracer *t = calloc(1, sizeof(*t));
	_cleanup_(freep) char *path = NULL, *pipe = NULL;
	const char *instances = NULL;
	int r;

	if (!t)
		return -ENOMEM;
	t->pipe = -EBADF;
	r = instances_find(&instances, reterr);
	if (r < 0)
		return r;
	instances_sweep(instances);
	if (asprintf(&path, "%s/" INSTANCE_PREFIX "%d", instances, getpid()) < 0 || asprintf(&pipe, "%s/trace_pipe", path) < 0)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0) {
		r = -errno;
		return vr_error_set(reterr, r, VR_FAILED, "cannot make a trace instance of our own, %s: %s", path, strerror(-r));
	}
	t->path = TAKE_PTR(path);	/* from here on it is removed */
	r = tracer_configure(t, tids, n);
	if (r >= 0) {
		t->pipe = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		r = t->pipe < 0 ? -errno : 0;
	}
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot trace the scheduler in %s: %s", t->path, strerror(-r));
	*ret = TAKE_PTR(t);
	return 0;
}

struct tracer *tracer_free(struct tracer *t)
{
	if (!t)
		return NULL;
	t->pipe = close_fd(t->pipe);	/* an instance that is open cannot be removed */
	if (t->path)
		instance_remove(t->path);
	free(t->path);
	free(t);
	return NULL;
}

int tracer_stop(struct tracer *t)
{
	return file_write(t->path, "tracing_on", "0");
}

/* ---- reading ---- */

/* The whole lines in the buffer. */
static int lines_feed(struct tracer *t, struct verify *v)
{
	char *line = t->buffer, *end = t->buffer + t->filled, *newline;
	int r = 0;

	for (; r >= 0 && (newline = memchr(line, '\n', (size_t)(end - line))); line = newline + 1) {
		struct trace_record record;

		r = trace_read(line, (size_t)(newline - line), &record);
		if (r >= 0)
			r = verify_record(v, &record);
	}
	t->filled = (size_t)(end - line);
	memmove(t->buffer, line, t->filled);
	return r;
}

int tracer_read(struct tracer *t, struct verify *v)
{
	for (;;) {
		ssize_t n = read(t->pipe, t->buffer + t->filled, READ_BYTES);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 0;
		t->filled += (size_t)n;
		r = lines_feed(t, v);
		if (r < 0)
			return r;
		if (t->filled > sizeof(t->buffer) - LINE_BYTES)
			return -EBADMSG;	/* no line is so long */
	}
}

/* ---- /proc ---- */

/* CPU time, time in the queue, turns. */
static void sample_schedstat(pid_t tid, struct verify_sample *sample)
{
	char path[64], text[256];
	unsigned long long ran_ns, turns;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", tid, tid);
	if (file_read(path, text, sizeof(text)) < 0 || sscanf(text, "%llu %*u %llu", &ran_ns, &turns) != 2)
		return;
	sample->ran_ns = ran_ns;
	sample->turns = turns;
}

void thread_sample(pid_t tid, struct verify_sample *ret)
{
	char path[64], text[1024];
	const char *state;

	*ret = (struct verify_sample){ .before_ns = clock_monotonic() };
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", tid, tid);
	ret->gone = file_read(path, text, sizeof(text)) < 0;
	state = ret->gone ? NULL : strrchr(text, ')');		/* the name before it may hold anything */
	if (state && state[1] == ' ')
		ret->ready = state[2] == 'R';
	sample_schedstat(tid, ret);
	ret->after_ns = clock_monotonic();
}
