/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that a cache helps, and another one that takes the cache from it, for a simulated cache (plugin-cache.c). Called
 * by TEST-44-simulated-cache.sh in the host under test, as root:
 *
 *   cache-load PHASE VICTIM-FILE KIB ORDER PASSES BATCH [AGGRESSOR-FILE KIB BATCH]
 *
 * Both map their file, touch all of it, and read one word of each line, the victim PASSES times in all, the aggressor
 * as long as the victim runs. They are processes of their own on one CPU, SCHED_FIFO of one priority, and yield after each BATCH
 * of lines, so their accesses alternate as exactly as nothing but two CPUs in step could do it. ORDER is "random" (one
 * fixed order of all lines) or "stream" (line by line); the aggressor goes from page to page, so that it meets every set and every
 * bank soon. The phase begins after a first pass, with the cache as warm as it gets, and ends with the
 * last one; what comes before it is phase 0, seen by the cache and not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache-load.h"

#define PAGE	4096UL
#define LINE	64UL

struct load {
	const char *file;
	size_t size;
	unsigned long batch;
	volatile uint64_t *memory;
};

static void die(const char *what)
{
	fprintf(stderr, "cache-load: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static volatile uint64_t *window_map(uint64_t window, size_t size, const char *file)
{
	int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *p;

	if (file && (fd < 0 || ftruncate(fd, (off_t)size) < 0))
		die(file);
	p = mmap((void *)(uintptr_t)window, size, PROT_READ | PROT_WRITE,
		 MAP_FIXED_NOREPLACE | MAP_SHARED | MAP_POPULATE | (file ? 0 : MAP_ANONYMOUS), fd, 0);
	if (p != (void *)(uintptr_t)window)
		die(file ?: "marks");
	if (fd >= 0)
		close(fd);
	return p;
}

static void touch(const struct load *l, size_t line)
{
	(void)l->memory[line * (LINE / sizeof(uint64_t))];
}

/* A permutation of 0 to n - 1 that is the same in each run. */
static size_t *order_new(size_t n, bool random)
{
	size_t *order = calloc(n, sizeof(*order)), i, other, keep;
	uint64_t state = 1;

	if (!order)
		die("order");
	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; random && i > 0; i--) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		other = (size_t)((state >> 33) % (i + 1));
		keep = order[i];
		order[i] = order[other];
		order[other] = keep;
	}
	return order;
}

static void pass(const struct load *l, const size_t *order)
{
	size_t i, n = l->size / LINE;

	for (i = 0; i < n; i++) {
		touch(l, order[i]);
		if ((i + 1) % l->batch == 0)
			sched_yield();
	}
}

static void aggressor(const struct load *l)
{
	size_t pages = l->size / PAGE, line, page, i = 0;

	for (line = 0;; line = (line + 1) % (PAGE / LINE)) {
		for (page = 0; page < pages; page++) {
			touch(l, page * (PAGE / LINE) + line);
			if (++i % l->batch == 0)
				sched_yield();
		}
	}
}

static bool number(const char *text, unsigned long most, unsigned long *ret)
{
	char *end;

	*ret = strtoul(text, &end, 10);
	return *text && !*end && *ret > 0 && *ret <= most;
}

static bool load_read(struct load *l, char **file_kib, const char *batch)
{
	unsigned long kib;

	if (!number(file_kib[1], 1UL << 20, &kib) || kib % 4 != 0 || !number(batch, 1UL << 30, &l->batch))
		return false;
	l->file = file_kib[0];
	l->size = kib * 1024;
	return true;
}

int main(int argc, char **argv)
{
	struct sched_param fifo = { .sched_priority = 1 };
	struct load victim, other = { NULL };
	volatile uint64_t *marks;
	unsigned long phase, passes, i;
	pid_t child = 0;
	size_t *order;

	if ((argc != 7 && argc != 10) || !number(argv[1], CACHE_LOAD_PHASES - 1, &phase) || !load_read(&victim, argv + 2, argv[6]) ||
	    (strcmp(argv[4], "random") != 0 && strcmp(argv[4], "stream") != 0) || !number(argv[5], 1000, &passes) || passes < 2 ||
	    (argc == 10 && !load_read(&other, argv + 7, argv[9]))) {
		fprintf(stderr, "usage: cache-load PHASE FILE KIB random|stream PASSES BATCH [FILE KIB BATCH]\n");
		return 2;
	}
	marks = window_map(CACHE_LOAD_MARKS, PAGE, NULL);
	marks[0] = 1;
	victim.memory = window_map(CACHE_LOAD_VICTIM, victim.size, victim.file);
	order = order_new(victim.size / LINE, strcmp(argv[4], "random") == 0);
	if (sched_setscheduler(0, SCHED_FIFO, &fifo) < 0)
		die("SCHED_FIFO");
	if (other.file) {
		child = fork();
		if (child < 0)
			die("fork");
		if (child == 0) {
			other.memory = window_map(CACHE_LOAD_AGGRESSOR, other.size, other.file);
			aggressor(&other);
		}
		sched_yield();
	}
	pass(&victim, order);
	marks[phase] = 1;
	for (i = 1; i < passes; i++)
		pass(&victim, order);
	marks[0] = 1;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	free(order);
	return EXIT_SUCCESS;
}
