/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a file system of memory takes: to be mounted, to be touched for the first time, and to be read at random. Called by
 * TEST-49-speed.sh in the host under test, as root:
 *
 *   colorfs-speed TYPE OPTIONS MIB DIRECTORY	mounts it, and prints ns: of the mount, of the first touch of each page of a file of so many MiB,
 *						of 2^18 reads of it at random places, and of the unmount with the file removed
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096UL
#define READS (1UL << 18)

static uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static uint64_t read_at_random(const volatile char *memory, size_t pages)
{
	uint64_t state = 1, sum = 0;

	for (unsigned long i = 0; i < READS; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		sum += (uint64_t)memory[(state >> 20) % (pages * PAGE)];
	}
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t t[6];
	char path[4096];
	char *memory;
	size_t pages;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: colorfs-speed TYPE OPTIONS MIB DIRECTORY\n");
		return 2;
	}
	pages = strtoul(argv[3], NULL, 10) << 8;
	t[0] = now();
	must(mount("none", argv[4], argv[1], 0, argv[2]) == 0, "mount");
	t[1] = now();
	snprintf(path, sizeof(path), "%s/file", argv[4]);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0 && ftruncate(fd, (off_t)(pages * PAGE)) == 0, path);
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	t[2] = now();
	must(read_at_random(memory, pages) > 0, "what was written is not there");
	t[3] = now();
	must(munmap(memory, pages * PAGE) == 0 && close(fd) == 0 && unlink(path) == 0, "unlink");
	must(umount(argv[4]) == 0, "umount");
	t[4] = now();
	for (size_t i = 0; i < 4; i++)
		printf("%" PRIu64 "%c", t[i + 1] - t[i], i < 3 ? ' ' : '\n');
	return 0;
}
