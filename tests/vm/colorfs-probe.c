/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tries out a mounted colorfs from user space: what shell commands cannot do. Called by TEST-40-colorfs.sh and others in the host under
 * test, as root: "colorfs-probe CHECK DIRECTORY" makes files in the directory, removes them, and prints each thing that is
 * not as it should be; "colorfs-probe frames PROFILE FILE" maps a file, touches every page and prints "COLOUR BANK PAGES"
 * from the frame numbers in /proc/self/pagemap, by the arithmetic that the module uses; "colorfs-probe layout PROFILE FILE COLOUR:BANK..."
 * looks whether each page has those that it is to have; "colorfs-probe nodes FILE" prints "NODE PAGES", by move_pages(2); "colorfs-probe process
 * PROFILE PID DIRECTORY" does so for what another process has mapped below a directory, without touching it; "colorfs-probe cycles N
 * PROFILE DIRECTORY" mounts, uses and unmounts N times.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "color-map.h"
#include "../unit/expect.h"

#define PAGE 4096UL

static char path[4096];

static int file_new(const char *dir, const char *name)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return fd;
}

static void file_gone(int fd)
{
	EXPECT_INT(unlink(path), 0);
	EXPECT_INT(close(fd), 0);
}

static unsigned long available(const char *dir)
{
	struct statvfs st;

	EXPECT_INT(statvfs(dir, &st), 0);
	EXPECT_INT(st.f_bsize, PAGE);
	return st.f_bavail;
}

static unsigned long total(const char *dir)
{
	struct statvfs st;

	EXPECT_INT(statvfs(dir, &st), 0);
	return st.f_blocks;
}

static long blocks(int fd)
{
	struct stat st;

	EXPECT_INT(fstat(fd, &st), 0);
	return st.st_blocks;
}

/* Frames come back from limbo in their own time. */
static bool available_again(const char *dir, unsigned long pages)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	int i;

	for (i = 0; i < 1000 && available(dir) != pages; i++)
		nanosleep(&pause, NULL);
	return available(dir) == pages;
}

static unsigned char *map_pages(int fd, size_t pages)
{
	unsigned char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "[%s] mmap: %s\n", expect_case, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return p;
}

static bool all_bytes(const unsigned char *p, size_t size, unsigned char byte)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != byte)
			return false;
	}
	return true;
}

static sigjmp_buf bus_jump;

static void bus_handler(int signal)
{
	(void)signal;
	siglongjmp(bus_jump, 1);
}

static bool is_bus_error(volatile unsigned char *p)
{
	signal(SIGBUS, bus_handler);
	if (sigsetjmp(bus_jump, 1) != 0)
		return true;
	(void)*p;
	return false;
}

/* --- checks -------------------------------------------------------------------------------------------------------- */

static int errno_of(bool failed)
{
	return failed ? errno : 0;
}

static void check_promise(const char *dir)
{
	unsigned long pages = total(dir);
	int fd = file_new(dir, "a"), other;
	unsigned char *p;

	CASE("promises");
	EXPECT_INT(available(dir), pages);
	EXPECT_INT(ftruncate(fd, (off_t)(pages * PAGE)), 0);
	EXPECT_INT(available(dir), 0);
	EXPECT_INT(blocks(fd), 0);
	EXPECT_INT(errno_of(ftruncate(fd, (off_t)(pages * PAGE + 1)) < 0), ENOSPC);
	EXPECT_INT(lseek(fd, 0, SEEK_END), pages * PAGE);
	other = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	EXPECT(other >= 0);
	EXPECT_INT(errno_of(ftruncate(other, 1) < 0), ENOSPC);
	EXPECT_INT(errno_of(write(other, "x", 1) < 0), ENOSPC);
	EXPECT_INT(errno_of(fallocate(other, 0, 0, PAGE) < 0), ENOSPC);
	EXPECT_INT(lseek(other, 0, SEEK_END), 0);
	close(other);
	p = map_pages(fd, pages);
	memset(p, 0xaa, pages * PAGE);		/* each page is there, or this is a SIGBUS */
	EXPECT_INT(blocks(fd), pages * 8);
	EXPECT_INT(available(dir), 0);
	EXPECT_INT(munmap(p, pages * PAGE), 0);
	EXPECT_INT(ftruncate(fd, 5 * PAGE + 1), 0);
	EXPECT_INT(available(dir), pages - 6);
	EXPECT_INT(blocks(fd), 48);
	EXPECT_INT(fallocate(fd, 0, 0, 10 * PAGE), 0);
	EXPECT_INT(blocks(fd), 80);
	EXPECT_INT(available(dir), pages - 10);
	EXPECT_INT(errno_of(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 11 * PAGE) < 0), EOPNOTSUPP);
	EXPECT_INT(errno_of(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE) < 0), EOPNOTSUPP);
	file_gone(fd);
	EXPECT_INT(available(dir), pages);
}

static void check_zero(const char *dir)
{
	unsigned long pages = total(dir);
	int fd = file_new(dir, "a");
	unsigned char *p;
	int round;

	CASE("what another file had is zero");
	for (round = 0; round < 3; round++) {
		EXPECT_INT(ftruncate(fd, (off_t)(pages * PAGE)), 0);
		p = map_pages(fd, pages);
		EXPECT(all_bytes(p, pages * PAGE, 0));
		memset(p, 0xaa, pages * PAGE);
		EXPECT_INT(munmap(p, pages * PAGE), 0);
		file_gone(fd);
		fd = file_new(dir, "a");
	}
	CASE("behind the end is zero when the file grows");
	EXPECT_INT(ftruncate(fd, 100), 0);
	p = map_pages(fd, 1);
	memset(p, 0xaa, PAGE);
	EXPECT_INT(ftruncate(fd, PAGE), 0);
	EXPECT(all_bytes(p, 100, 0xaa) && all_bytes(p + 100, PAGE - 100, 0));
	EXPECT_INT(ftruncate(fd, 50), 0);
	EXPECT_INT(ftruncate(fd, PAGE), 0);
	EXPECT(all_bytes(p, 50, 0xaa) && all_bytes(p + 50, PAGE - 50, 0));
	munmap(p, PAGE);
	file_gone(fd);
}

static void check_mapping(const char *dir)
{
	unsigned long pages = total(dir);
	int fd = file_new(dir, "a"), status;
	unsigned char *p;
	pid_t child;

	CASE("mappings that are refused");
	EXPECT_INT(ftruncate(fd, 16 * PAGE), 0);
	EXPECT_INT(errno_of(mmap(NULL, 17 * PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED), ENXIO);
	EXPECT_INT(errno_of(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 16 * PAGE) == MAP_FAILED), ENXIO);
	EXPECT_INT(errno_of(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED), EINVAL);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED && p[0] == 0);
	EXPECT_INT(errno_of(mprotect(p, PAGE, PROT_READ | PROT_WRITE) < 0), EACCES);
	munmap(p, PAGE);

	CASE("a mapping");
	p = map_pages(fd, 16);
	EXPECT_INT(mlock(p, 16 * PAGE), 0);
	EXPECT_INT(errno_of(mremap(p, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED), EFAULT);
	p[3 * PAGE] = 1;
	child = fork();
	if (child == 0) {
		p[4 * PAGE] = (unsigned char)(p[3 * PAGE] + 1);
		_exit(0);
	}
	EXPECT_INT(waitpid(child, &status, 0), child);
	EXPECT_INT(p[4 * PAGE], 2);
	EXPECT_INT(madvise(p, 16 * PAGE, MADV_DONTNEED), 0);
	EXPECT_INT(p[4 * PAGE], 2);
	EXPECT_INT(msync(p, 16 * PAGE, MS_SYNC), 0);

	CASE("punching holes");
	EXPECT_INT(madvise(p + 4 * PAGE, PAGE, MADV_REMOVE), 0);
	EXPECT_INT(p[4 * PAGE], 0);
	memset(p, 0xaa, 16 * PAGE);
	EXPECT_INT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 3 * PAGE), 0);
	EXPECT_INT(blocks(fd), (16 - 2) * 8);
	EXPECT_INT(available(dir), pages - 16);		/* a hole stays promised */
	EXPECT(all_bytes(p, 100, 0xaa) && all_bytes(p + 100, 3 * PAGE, 0) && all_bytes(p + 3 * PAGE + 100, PAGE - 100, 0xaa));
	EXPECT_INT(blocks(fd), 16 * 8);

	CASE("truncation while mapped");
	EXPECT_INT(ftruncate(fd, 2 * PAGE), 0);
	EXPECT(!is_bus_error(p + PAGE) && is_bus_error(p + 2 * PAGE));
	EXPECT_INT(available(dir), pages - 2);
	EXPECT_INT(ftruncate(fd, 16 * PAGE), 0);
	EXPECT(!is_bus_error(p + 2 * PAGE) && all_bytes(p + 2 * PAGE, 14 * PAGE, 0));

	CASE("unlinked while mapped");
	file_gone(fd);
	EXPECT_INT(available(dir), pages - 16);
	p[0] = 7;
	EXPECT_INT(p[0], 7);
	EXPECT_INT(munmap(p, 16 * PAGE), 0);
	EXPECT(available_again(dir, pages));
}

/* A pipe holds the page itself: the longest pin that needs no device. */
static void check_pin(const char *dir)
{
	unsigned long pages = total(dir);
	int fd = file_new(dir, "a"), pipes[2];
	unsigned char *p, out[PAGE];
	struct iovec vector;

	CASE("truncated while pinned");
	EXPECT_INT(pipe2(pipes, O_CLOEXEC), 0);
	EXPECT_INT(ftruncate(fd, 4 * PAGE), 0);
	p = map_pages(fd, 4);
	memset(p, 0x55, 4 * PAGE);
	vector = (struct iovec){ p, PAGE };
	EXPECT_INT(vmsplice(pipes[1], &vector, 1, 0), PAGE);
	EXPECT_INT(ftruncate(fd, 0), 0);
	EXPECT_INT(available(dir), pages - 1);		/* nobody else is promised that frame */
	EXPECT_INT(errno_of(ftruncate(fd, (off_t)(pages * PAGE)) < 0), ENOSPC);
	EXPECT_INT(ftruncate(fd, (off_t)((pages - 1) * PAGE)), 0);
	EXPECT_INT(read(pipes[0], out, PAGE), PAGE);
	EXPECT(all_bytes(out, PAGE, 0x55));
	EXPECT(available_again(dir, 1));
	EXPECT_INT(ftruncate(fd, 0), 0);
	EXPECT_INT(available(dir), pages);
	EXPECT_INT(munmap(p, 4 * PAGE), 0);

	CASE("punched while pinned");
	EXPECT_INT(ftruncate(fd, 4 * PAGE), 0);
	p = map_pages(fd, 4);
	memset(p, 0x55, 4 * PAGE);
	vector = (struct iovec){ p, PAGE };
	EXPECT_INT(vmsplice(pipes[1], &vector, 1, 0), PAGE);
	EXPECT_INT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE), 0);
	EXPECT_INT(blocks(fd), 8);
	EXPECT(all_bytes(p, 4 * PAGE, 0));
	EXPECT_INT(read(pipes[0], out, PAGE), PAGE);

	CASE("unlinked while pinned");
	memset(p, 0x66, 4 * PAGE);
	EXPECT_INT(vmsplice(pipes[1], &vector, 1, 0), PAGE);
	EXPECT_INT(munmap(p, 4 * PAGE), 0);
	file_gone(fd);
	EXPECT(available_again(dir, pages - 1));
	EXPECT_INT(read(pipes[0], out, PAGE), PAGE);
	EXPECT(all_bytes(out, PAGE, 0x66));
	EXPECT(available_again(dir, pages));
	close(pipes[0]);
	close(pipes[1]);
}

static void check_data(const char *dir)
{
	static unsigned char buffer[3 * PAGE], out[3 * PAGE];
	int fd = file_new(dir, "a"), other, pipes[2];
	unsigned char *p;
	off_t offset = 0;
	size_t i;

	CASE("reading and writing");
	for (i = 0; i < sizeof(buffer); i++)
		buffer[i] = (unsigned char)(i * 7 + i / PAGE);
	EXPECT_INT(pwrite(fd, buffer, 2 * PAGE + 5, 1000), 2 * PAGE + 5);
	EXPECT_INT(lseek(fd, 0, SEEK_END), 2 * PAGE + 1005);
	EXPECT_INT(pread(fd, out, sizeof(out), 1000), 2 * PAGE + 5);
	EXPECT(memcmp(out, buffer, 2 * PAGE + 5) == 0);
	EXPECT_INT(pread(fd, out, 1000, 0), 1000);
	EXPECT(all_bytes(out, 1000, 0));
	EXPECT_INT(pwrite(fd, "x", 1, 20 * PAGE), 1);
	EXPECT_INT(pread(fd, out, PAGE, 10 * PAGE), PAGE);
	EXPECT(all_bytes(out, PAGE, 0));
	EXPECT_INT(blocks(fd), 4 * 8);
	EXPECT_INT(pread(fd, out, PAGE, 21 * PAGE), 0);
	p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_INT(errno_of(pwrite(fd, p, PAGE, 100 * PAGE) < 0), EFAULT);
	munmap(p, PAGE);
	EXPECT_INT(lseek(fd, 0, SEEK_END), 20 * PAGE + 1);

	CASE("into and out of a mapping of the same file");
	EXPECT_INT(ftruncate(fd, 32 * PAGE), 0);
	p = map_pages(fd, 32);
	memset(p, 1, PAGE);
	EXPECT_INT(pwrite(fd, p, PAGE, 24 * PAGE), PAGE);
	EXPECT_INT(pread(fd, p + 25 * PAGE, PAGE, 24 * PAGE), PAGE);
	EXPECT(all_bytes(p + 24 * PAGE, 2 * PAGE, 1));

	CASE("splice and sendfile");
	other = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	EXPECT_INT(sendfile(other, fd, &offset, 2 * PAGE), 2 * PAGE);
	EXPECT_INT(pread(other, out, 2 * PAGE, 0), 2 * PAGE);
	EXPECT(memcmp(out, p, 2 * PAGE) == 0);
	EXPECT_INT(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	offset = 24 * PAGE;
	EXPECT_INT(splice(fd, &offset, pipes[1], NULL, PAGE, 0), PAGE);
	offset = 5 * PAGE;
	EXPECT_INT(splice(pipes[0], NULL, other, &offset, PAGE, 0), PAGE);
	EXPECT_INT(pread(other, out, PAGE, 5 * PAGE), PAGE);
	EXPECT(all_bytes(out, PAGE, 1));
	close(pipes[0]);
	close(pipes[1]);
	close(other);
	munmap(p, 32 * PAGE);
	file_gone(fd);
	EXPECT(available_again(dir, total(dir)));
}

/* --- many mounts --------------------------------------------------------------------------------------------------- */

/* Mounts, uses and unmounts, as fast as it can. */
static int cycles(const char *count, const char *profile, const char *dir)
{
	unsigned long i, n = strtoul(count, NULL, 10);
	char options[512];
	int fd;

	for (i = 0; i < n; i++) {
		snprintf(options, sizeof(options), "size=128k,colors=%lu-%lu,profile=%s", i % 8, i % 8 + 4 + i % 3, profile);
		if (mount("none", dir, "colorfs", 0, options) < 0)
			break;
		fd = file_new(dir, "a");
		if (ftruncate(fd, 16 * PAGE) < 0 || pwrite(fd, "12345", 5, 20 * PAGE) != 5 || ftruncate(fd, 22 * PAGE) < 0 ||
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 21 * PAGE) < 0)
			break;
		close(fd);
		if (umount2(dir, 0) < 0)
			break;
	}
	if (i < n)
		fprintf(stderr, "cycle %lu: %s\n", i, strerror(errno));
	return i < n ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- frames -------------------------------------------------------------------------------------------------------- */

static u64 frame_of(int pagemap, const void *p)
{
	u64 entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)((uintptr_t)p / PAGE * sizeof(entry))) != sizeof(entry))
		return 0;
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

static int frames(const char *profile, const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC), pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);
	u64 *count, colors, banks, i, pfn;
	struct color_map map;
	unsigned char *p;
	size_t at;

	if (color_map_parse(&map, profile, strlen(profile), &at) != COLOR_OK || fd < 0 || size <= 0 || pagemap < 0)
		return EXIT_FAILURE;
	colors = color_count(&map, COLOR_CACHE);
	banks = color_count(&map, COLOR_BANK);
	count = calloc(colors * banks, sizeof(*count));
	if (!count)
		return EXIT_FAILURE;
	p = map_pages(fd, (size_t)size / PAGE);
	for (i = 0; i < (u64)size / PAGE; i++) {
		p[i * PAGE] = 1;
		pfn = frame_of(pagemap, p + i * PAGE);
		if (pfn == 0) {
			fprintf(stderr, "page %" PRIu64 " has no frame\n", (uint64_t)i);
			return EXIT_FAILURE;
		}
		count[color_of(&map, COLOR_CACHE, pfn) * banks + color_of(&map, COLOR_BANK, pfn)]++;
	}
	for (i = 0; i < colors * banks; i++) {
		if (count[i] > 0)
			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", (uint64_t)(i / banks), (uint64_t)(i % banks),
			       (uint64_t)count[i]);
	}
	free(count);
	return EXIT_SUCCESS;
}

/* Page i has to have the colour and bank that @class says, "3:1" or "3:any", the i-th of @n and then again from the first. */
static int layout(const char *profile, const char *file, char **class, int n)
{
	int fd = open(file, O_RDWR | O_CLOEXEC), pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);
	struct color_map map;
	unsigned char *p;
	size_t at, i;

	if (color_map_parse(&map, profile, strlen(profile), &at) != COLOR_OK || fd < 0 || size <= 0 || pagemap < 0)
		return EXIT_FAILURE;
	p = map_pages(fd, (size_t)size / PAGE);
	for (i = 0; i < (size_t)size / PAGE; i++) {
		const char *want = class[i % (size_t)n], *bank = strchr(want, ':');
		u64 pfn;

		p[i * PAGE] = 1;
		pfn = frame_of(pagemap, p + i * PAGE);
		if (pfn == 0 || !bank || color_of(&map, COLOR_CACHE, pfn) != strtoull(want, NULL, 10) ||
		    (strcmp(bank, ":any") != 0 && color_of(&map, COLOR_BANK, pfn) != strtoull(bank + 1, NULL, 10))) {
			fprintf(stderr, "page %zu is to be %s, and its frame is %" PRIx64 "\n", i, want, (uint64_t)pfn);
			return EXIT_FAILURE;
		}
	}
	printf("%zu pages\n", i);
	return EXIT_SUCCESS;
}

/* Where the kernel says that the pages of @file are: "NODE PAGES". */
static int nodes(const char *file)
{
	enum { NODES = 64 };
	unsigned long count[NODES] = {}, n, i;
	int fd = open(file, O_RDWR | O_CLOEXEC), node = -1;
	struct stat st;
	unsigned char *p;
	void *at;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		return EXIT_FAILURE;
	}
	n = (unsigned long)st.st_size / PAGE;
	p = map_pages(fd, n);
	for (i = 0; i < n; i++) {
		at = p + i * PAGE;
		*(volatile unsigned char *)at = 1;
		if (syscall(SYS_move_pages, 0, 1UL, &at, NULL, &node, 0) != 0 || node < 0 || node >= NODES) {
			fprintf(stderr, "page %lu: node %d, %s\n", i, node, strerror(errno));
			return EXIT_FAILURE;
		}
		count[node]++;
	}
	for (i = 0; i < NODES; i++) {
		if (count[i] > 0)
			printf("%lu %lu\n", i, count[i]);
	}
	close(fd);
	return EXIT_SUCCESS;
}

/* What another process has mapped of files below a directory: "COLOUR BANK PAGES" of those that are there. */
static int process_frames(const char *profile, const char *pid, const char *dir)
{
	_cleanup_(fclosep) FILE *maps = NULL;
	unsigned long start, end, at;
	u64 *count, banks, i, pfn;
	struct color_map map;
	char line[4096];
	int pagemap;
	size_t where;

	snprintf(line, sizeof(line), "/proc/%s/pagemap", pid);
	pagemap = open(line, O_RDONLY | O_CLOEXEC);
	snprintf(line, sizeof(line), "/proc/%s/maps", pid);
	maps = fopen(line, "re");
	if (color_map_parse(&map, profile, strlen(profile), &where) != COLOR_OK || pagemap < 0 || !maps)
		return EXIT_FAILURE;
	banks = color_count(&map, COLOR_BANK);
	count = calloc(color_count(&map, COLOR_CACHE) * banks, sizeof(*count));
	while (count && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, dir) || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		for (at = start; at < end; at += PAGE) {
			pfn = frame_of(pagemap, (const void *)at);
			if (pfn > 0)
				count[color_of(&map, COLOR_CACHE, pfn) * banks + color_of(&map, COLOR_BANK, pfn)]++;
		}
	}
	for (i = 0; count && i < color_count(&map, COLOR_CACHE) * banks; i++) {
		if (count[i] > 0)
			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", (uint64_t)(i / banks), (uint64_t)(i % banks),
			       (uint64_t)count[i]);
	}
	close(pagemap);
	free(count);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(const char *dir);
	} checks[] = {
		{ "promise",	check_promise },
		{ "zero",	check_zero },
		{ "mapping",	check_mapping },
		{ "pin",	check_pin },
		{ "data",	check_data },
	};
	size_t i;

	if (argc == 4 && strcmp(argv[1], "frames") == 0)
		return frames(argv[2], argv[3]);
	if (argc >= 5 && strcmp(argv[1], "layout") == 0)
		return layout(argv[2], argv[3], argv + 4, argc - 4);
	if (argc == 3 && strcmp(argv[1], "nodes") == 0)
		return nodes(argv[2]);
	if (argc == 5 && strcmp(argv[1], "process") == 0)
		return process_frames(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "cycles") == 0)
		return cycles(argv[2], argv[3], argv[4]);
	for (i = 0; argc == 3 && i < ARRAY_SIZE(checks); i++) {
		if (strcmp(argv[1], checks[i].name) == 0) {
			checks[i].fn(argv[2]);
			return expect_result();
		}
	}
	fprintf(stderr, "usage: colorfs-probe promise|zero|mapping|pin|data DIRECTORY | frames PROFILE FILE | layout PROFILE FILE COLOUR:BANK... | nodes FILE | process PROFILE PID DIRECTORY | cycles N PROFILE DIRECTORY\n");
	return 2;
}
