/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves a program into memory of its own, before its main(): code, constants, data, heap and stack, each page copied into the file that
 * virtrk-guest run has left open, and that part of the file mapped where the page was. What the program has later comes from that file,
 * too: libc's heap is made as large as it will ever be, and calls.c and threads.c have the area.
 *
 * Copying a stack while it is in use cannot work, so a helper does it that shares the memory and has a stack of its own, while its maker
 * waits in the kernel (clone with CLONE_VM and CLONE_VFORK). The helper calls nothing that writes to memory that it moves: only system
 * calls that succeed.
 *
 * At the end the kernel is told that this process may have no private page that can be written (RLIMIT_DATA), and that no child inherits
 * any of this (MADV_DONTFORK). Runs once, in one thread, and ends the program with a line when that is not possible.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "own.h"

#define TEXT_BYTES   (512UL << 10)	/* of /proc/self/maps */
#define STACK_BYTES  (64UL << 10)	/* of the helper */
#define HEAP_LEAST   (256UL << 10)
#define SMALLEST_LIMIT 1		/* 0 is no limit to the kernel, which has mercy with Valgrind */

struct mapping {
	uintptr_t start;
	uintptr_t end;
	int prot;
	bool heap;
	bool stack;
};

/* What the helper has to know, in memory that it does not move. */
struct move {
	int fd;
	bool text;
	uint64_t at;		/* of the file, the first byte that nobody has */
	uint64_t size;
	uint64_t stack_bytes;
	char *maps;
	const char *failed;	/* what; NULL: nothing */
	int r;
};

static bool active;
static struct rlimit limit_before;

bool own_active(void)
{
	return active;
}

/* The hard limit stays, so that it can be taken back. */
void own_open(void)
{
	(void)setrlimit(RLIMIT_DATA, &limit_before);
}

void own_close(void)
{
	struct rlimit limit = limit_before;

	limit.rlim_cur = SMALLEST_LIMIT;
	(void)setrlimit(RLIMIT_DATA, &limit);
}

void own_say(const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	(void)dprintf(STDERR_FILENO, "virtrk-guest: %s: %s\n", program_invocation_short_name, text);
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	char text[400];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	own_say("%s", text);
	_exit(OWN_FAILED);
}

/* --- what is mapped ------------------------------------------------------------------------------------------------- */

/* Nothing of libc from here to helper(): its data are being moved. */

static uintptr_t hex_read(const char **p)
{
	uintptr_t value = 0;

	for (;; (*p)++) {
		if (**p >= '0' && **p <= '9')
			value = value << 4 | (uintptr_t)(**p - '0');
		else if (**p >= 'a' && **p <= 'f')
			value = value << 4 | (uintptr_t)(**p - 'a' + 10);
		else
			return value;
	}
}

static bool begins(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return false;
	return true;
}

/* The next private mapping that is to be moved; false: that was all. "START-END rwxp OFFSET DEVICE INODE   PATH" */
static bool mapping_next(const char **p, bool text, struct mapping *ret)
{
	while (**p) {
		struct mapping m = { .prot = 0 };
		const char *line = *p, *path;
		bool private, special;

		m.start = hex_read(&line);
		line++;
		m.end = hex_read(&line);
		line++;
		m.prot = (line[0] == 'r' ? PROT_READ : 0) | (line[1] == 'w' ? PROT_WRITE : 0) | (line[2] == 'x' ? PROT_EXEC : 0);
		private = line[3] == 'p';
		while (**p && **p != '\n')
			(*p)++;
		for (path = line; path < *p && *path != '/' && *path != '['; path++)
			;
		if (**p)
			(*p)++;
		m.heap = begins(path, "[heap]");
		m.stack = begins(path, "[stack]");
		special = begins(path, "[v") || begins(path, "[uprobes]");
		if (!private || special || !(m.prot & PROT_READ) || (!text && !(m.prot & PROT_WRITE)))
			continue;
		*ret = m;
		return true;
	}
	return false;
}

static int maps_read(char *text)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && length < TEXT_BYTES - 1) {
		n = read(fd, text + length, TEXT_BYTES - 1 - length);
		length += n > 0 ? (size_t)n : 0;
	}
	text[length] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return n == 0 ? 0 : -EIO;
}

/* --- the helper ----------------------------------------------------------------------------------------------------- */

static bool bytes_copy(const struct move *move, uintptr_t from, uintptr_t end, uint64_t at)
{
	while (from < end) {
		ssize_t n = pwrite(move->fd, (const void *)from, end - from, (off_t)at);	/* NOLINT(performance-no-int-to-ptr) */

		if (n <= 0)
			return false;
		from += (size_t)n;
		at += (uint64_t)n;
	}
	return true;
}

/* The stack cannot grow any more: it is as large as it may become. What is below it was kept free for it. */
static bool mapping_move(struct move *move, const struct mapping *m)
{
	uintptr_t low = m->stack ? m->end - move->stack_bytes : m->start;
	uint64_t at = move->at, bytes = m->end - low;
	void *to = (void *)low;		/* NOLINT(performance-no-int-to-ptr) */

	if (m->stack && low < m->start) {
		void *below = mmap(to, m->start - low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (below != to)
			return false;
	}
	if (bytes > move->size - at || !bytes_copy(move, m->start, m->end, at + (m->start - low)))
		return false;
	move->at += bytes;
	return mmap(to, bytes, m->prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE, move->fd, (off_t)at) == to &&
	       madvise(to, bytes, MADV_DONTFORK) == 0;
}

static int helper(void *argument)
{
	struct move *move = argument;
	const char *p = move->maps;
	struct mapping m;

	if (maps_read(move->maps) < 0) {
		move->failed = "/proc/self/maps cannot be read";
		return 0;
	}
	while (mapping_next(&p, move->text, &m))
		if (!mapping_move(move, &m)) {
			move->failed = m.stack ? "its stack cannot be moved" : m.heap ? "its heap cannot be moved" : "its data cannot be moved";
			return 0;
		}
	return 0;
}

/* --- its maker ------------------------------------------------------------------------------------------------------ */

/* What the program has already, with its stack as large as that may become. */
static uint64_t bytes_there(struct move *move)
{
	const char *p = move->maps;
	struct mapping m;
	uint64_t sum = 0;

	if (maps_read(move->maps) < 0)
		die("/proc/self/maps cannot be read");
	while (mapping_next(&p, move->text, &m)) {
		if (m.stack && move->stack_bytes < m.end - m.start)
			move->stack_bytes = m.end - m.start;
		sum += m.stack ? move->stack_bytes : m.end - m.start;
	}
	return sum;
}

/* All that the heap will ever be, now: libc asks the kernel for no more, and gives nothing back. */
static void heap_make(uint64_t bytes)
{
	void *p;

	if (bytes > INT_MAX - OWN_PAGE)
		die("its heap would have %" PRIu64 " MiB, and 2047 are the most that there can be", bytes >> 20);
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_MAX, 0);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	(void)mallopt(M_TOP_PAD, (int)bytes);
	p = malloc(HEAP_LEAST);	/* more than is left of what it has: it grows by that and by the padding */
	if (!p)
		die("its heap cannot be made");
	free(p);
	(void)mallopt(M_TOP_PAD, 0);
}

static int threads_count(void)
{
	char text[4096], *found;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	found = strstr(text, "\nThreads:");
	return found ? (int)strtol(found + strlen("\nThreads:"), NULL, 10) : 0;
}

/* From the file's start: the plan's text, the area, its bits, the text of maps, the helper's stack, and from there on what is moved. */
static unsigned char *file_map(const struct own_plan *plan, const char *text, uint64_t size, uint64_t *ret_end)
{
	uint64_t pages = plan->area_bytes / OWN_PAGE, bits = (pages + 63) / 64 * 8;
	void *p;

	*ret_end = OWN_PAGE + plan->area_bytes + (bits + OWN_PAGE - 1) / OWN_PAGE * OWN_PAGE + TEXT_BYTES + STACK_BYTES;
	if (*ret_end >= size)
		return NULL;
	p = mmap(NULL, *ret_end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, plan->fd, 0);
	if (p == MAP_FAILED)
		die("its memory cannot be mapped: %s", strerror(errno));
	if (madvise(p, *ret_end, MADV_DONTFORK) < 0)
		die("its memory cannot be kept from children: %s", strerror(errno));
	(void)snprintf(p, OWN_PAGE, OWN_VARIABLE "=%s", text);
	return p;
}

static void move_all(struct move *move, unsigned char *stack_end)
{
	pid_t pid = clone(helper, stack_end, CLONE_VM | CLONE_VFORK, move);

	if (pid < 0)
		die("its memory cannot be moved: %s", strerror(errno));
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	if (move->failed)
		die("%s", move->failed);
}

static uint64_t file_size(const struct own_plan *plan)
{
	struct statfs fs;

	/* After an exec: nobody has a page of it any more. */
	if (ftruncate(plan->fd, 0) < 0 || fstatfs(plan->fd, &fs) < 0)
		die("the file of its memory is gone: somebody has closed descriptor %d", plan->fd);
	if (ftruncate(plan->fd, (off_t)(fs.f_bavail * OWN_PAGE)) < 0)
		die("its memory is not there: %s", strerror(errno));
	return fs.f_bavail * OWN_PAGE;
}

/*
 * A page that nobody touches, so that there is more than the limit already: the kernel asks only for what is to be added, which is nothing
 * where a mapping replaces another one, as those of objects that are loaded do.
 */
static void limit_begin(void)
{
	if (mmap(NULL, OWN_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ||
	    getrlimit(RLIMIT_DATA, &limit_before) < 0)
		die("its data cannot be limited: %s", strerror(errno));
	own_close();
}

static void take_over(const struct own_plan *plan, const char *text)
{
	uint64_t size = file_size(plan), there, end;
	unsigned char *base = file_map(plan, text, size, &end);
	struct rlimit stack;
	struct move *move;

	if (!base)
		die("%" PRIu64 " KiB of memory are less than its mappings and thread stacks are to have (--area)", size >> 10);
	if (threads_count() != 1)
		die("it has threads before its main(), whose memory cannot be moved");
	if (getrlimit(RLIMIT_STACK, &stack) < 0 || stack.rlim_cur == RLIM_INFINITY)
		stack.rlim_cur = 8UL << 20;
	move = (struct move *)(void *)(base + end - STACK_BYTES);
	*move = (struct move){ .fd = plan->fd, .text = plan->text, .at = end, .size = size, .stack_bytes = stack.rlim_cur / OWN_PAGE * OWN_PAGE,
			       .maps = (char *)base + end - STACK_BYTES - TEXT_BYTES };
	there = bytes_there(move);
	if (there + HEAP_LEAST * 2 > size - end)
		die("%" PRIu64 " KiB of memory are too few: code, data and stack are %" PRIu64 ", mappings and thread stacks %" PRIu64
		    ", and the heap needs %lu (--size, --area, --stack)", size >> 10, there >> 10, end >> 10, HEAP_LEAST * 2 >> 10);
	heap_make(size - end - there - HEAP_LEAST - OWN_PAGE * 2);
	move_all(move, base + end);
	own_area_init(base + OWN_PAGE, plan->area_bytes, (uint64_t *)(void *)(base + OWN_PAGE + plan->area_bytes));
	limit_begin();
	active = true;
}

__attribute__((constructor)) static void start(void)
{
	const char *text = getenv(OWN_VARIABLE);
	struct own_plan plan;

	if (!text)
		return;
	if (own_plan_read(text, &plan) < 0)
		die(OWN_VARIABLE "=%s in its environment is not by virtrk-guest run", text);
	if (plan.pid == getpid())
		take_over(&plan, text);
}
