/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Those who hold frames of colorfs for long: direct I/O of a slow disk, buffers that are registered with io_uring, and a device behind an
 * IOMMU that does DMA by itself. Their files are truncated and removed meanwhile. What they hold has to stay theirs: their data arrives there
 * and nowhere else, nobody is promised such a frame until it is let go, and the next owner finds it zeroed.
 *
 *   colorfs-pins direct DIRECTORY DISK		the disk answers within a second, or two
 *   colorfs-pins uring DIRECTORY DISK
 *   colorfs-pins vfio DIRECTORY GROUP DEVICE	the device is QEMU's "edu", bound to vfio-pci, alone in its group
 *   colorfs-pins hold DIRECTORY			removes its file, says "held", and lets go when its input ends
 *
 * Called by TEST-52-colorfs-pins.sh in the host under test, as root. The mount is as yet unused, and is so when it ends.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/expect.h"

#define PAGE  4096UL
#define PAGES 8UL		/* that are held */

static const char *dir;
static char path[4096];
static unsigned long total;	/* pages of the mount */
static unsigned char pattern[PAGES * PAGE];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "[%s] %s: %s\n", expect_case, what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void pattern_make(unsigned char salt)
{
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)((i * 7 + i / PAGE + salt) | 1);	/* no byte is zero */
}

static unsigned long available(void)
{
	struct statvfs st = { 0 };

	EXPECT_INT(statvfs(dir, &st), 0);
	total = st.f_blocks;
	return st.f_bavail;
}

static void pause_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* Frames come back from limbo in their own time. */
static bool available_soon(unsigned long pages)
{
	int i;

	for (i = 0; i < 1000 && available() != pages; i++)
		pause_ms(20);
	return available() == pages;
}

static int file_new(const char *name, unsigned long pages)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0 && ftruncate(fd, (off_t)(pages * PAGE)) == 0, path);
	return fd;
}

static unsigned char *map(int fd, unsigned long pages)
{
	unsigned char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(p != MAP_FAILED, "mmap");
	return p;
}

/* Nobody has it any more but who holds its frames. */
static void file_end(int fd, unsigned char *p)
{
	munmap(p, PAGES * PAGE);
	unlink(path);
	close(fd);
}

static bool all_zero(const unsigned char *p, unsigned long pages)
{
	size_t i;

	for (i = 0; i < pages * PAGE; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/* A file of all that can be had: what the others hold is not in it. */
struct rest {
	int fd;
	unsigned long pages;
	unsigned char *p;
};

static void rest_take(struct rest *rest, unsigned long pages)
{
	rest->pages = pages;
	EXPECT_INT(available(), pages);
	rest->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	must(rest->fd >= 0 && ftruncate(rest->fd, (off_t)(pages * PAGE)) == 0, "the rest");
	EXPECT_INT(ftruncate(rest->fd, (off_t)((pages + 1) * PAGE)) < 0 ? errno : 0, ENOSPC);
	rest->p = map(rest->fd, pages);
	EXPECT(all_zero(rest->p, pages));
}

/* Whatever has been written meanwhile, it was not written here. */
static void rest_give(struct rest *rest)
{
	EXPECT(all_zero(rest->p, rest->pages));
	munmap(rest->p, rest->pages * PAGE);
	close(rest->fd);
}

/* All is let go: it comes back, and says nothing of what it was used for. */
static void all_is_back(void)
{
	struct rest rest;

	EXPECT(available_soon(total));
	rest_take(&rest, total);
	rest_give(&rest);
	EXPECT(available_soon(total));
}

/* --- direct I/O ---------------------------------------------------------------------------------------------------- */

static void disk_write(int disk, unsigned char salt)
{
	void *buffer = NULL;

	pattern_make(salt);
	must(posix_memalign(&buffer, PAGE, sizeof(pattern)) == 0, "memory");
	memcpy(buffer, pattern, sizeof(pattern));
	EXPECT_INT(pwrite(disk, buffer, sizeof(pattern), 0), sizeof(pattern));
	free(buffer);
}

static void direct_plain(int disk)
{
	int fd = file_new("a", 2 * PAGES);
	unsigned char *p = map(fd, 2 * PAGES);

	CASE("direct I/O into a mapping, and out of it");
	disk_write(disk, 1);
	EXPECT_INT(pread(disk, p, sizeof(pattern), 0), sizeof(pattern));
	EXPECT(memcmp(p, pattern, sizeof(pattern)) == 0);
	pattern_make(2);
	memcpy(p + PAGES * PAGE, pattern, sizeof(pattern));
	EXPECT_INT(pwrite(disk, p + PAGES * PAGE, sizeof(pattern), 0), sizeof(pattern));
	memset(p, 0, sizeof(pattern));
	EXPECT_INT(pread(disk, p, sizeof(pattern), 0), sizeof(pattern));
	EXPECT(memcmp(p, pattern, sizeof(pattern)) == 0);
	EXPECT_INT(munmap(p, 2 * PAGES * PAGE), 0);
	EXPECT_INT(unlink(path), 0);
	EXPECT_INT(close(fd), 0);
	all_is_back();
}

/* A child reads from the slow disk while its file is truncated or removed. */
static void direct_truncated(int disk, bool removed)
{
	int fd = file_new("a", PAGES), status = 0;
	unsigned char *p = map(fd, PAGES);
	struct rest rest;
	pid_t child;

	CASE(removed ? "removed while direct I/O goes on" : "truncated while direct I/O goes on");
	disk_write(disk, 3);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		close(fd);
		_exit(pread(disk, p, sizeof(pattern), 0) == (ssize_t)sizeof(pattern) ? 0 : 1);
	}
	pause_ms(300);
	EXPECT_INT(waitpid(child, &status, WNOHANG), 0);	/* it waits for the disk */
	EXPECT_INT(ftruncate(fd, 0), 0);
	if (removed)
		file_end(fd, p);
	rest_take(&rest, total - PAGES);
	EXPECT_INT(waitpid(child, &status, 0), child);
	EXPECT_INT(status, 0);
	EXPECT(available_soon(PAGES));
	rest_give(&rest);
	if (!removed)
		file_end(fd, p);
	all_is_back();
}

static void check_direct(const char *device)
{
	int disk = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);

	must(disk >= 0, device);
	direct_plain(disk);
	direct_truncated(disk, false);
	direct_truncated(disk, true);
	close(disk);
}

/* --- io_uring ------------------------------------------------------------------------------------------------------ */

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	unsigned int mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void ring_make(struct ring *ring)
{
	struct io_uring_params params = { 0 };
	char *sq, *cq;

	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	must(ring->fd >= 0, "io_uring_setup");
	sq = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned int), PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		  IORING_OFF_CQ_RING);
	ring->sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	must(sq != MAP_FAILED && cq != MAP_FAILED && ring->sqes != MAP_FAILED, "rings");
	ring->sq_tail = (void *)(sq + params.sq_off.tail);
	ring->sq_array = (void *)(sq + params.sq_off.array);
	ring->cq_head = (void *)(cq + params.cq_off.head);
	ring->cq_tail = (void *)(cq + params.cq_off.tail);
	ring->cqes = (void *)(cq + params.cq_off.cqes);
	ring->mask = params.sq_entries - 1;
}

/* Reads from the disk into the registered buffer; what came of it. */
static int ring_read(struct ring *ring, int disk, const void *p, size_t size)
{
	unsigned int tail = *ring->sq_tail, at = tail & ring->mask, head = *ring->cq_head;
	int r;

	ring->sqes[at] = (struct io_uring_sqe){ .opcode = IORING_OP_READ_FIXED, .fd = disk, .addr = (uintptr_t)p, .len = (unsigned int)size };
	ring->sq_array[at] = at;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	if (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == head)
		return -ENODATA;
	r = ring->cqes[head & (2 * (ring->mask + 1) - 1)].res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return r;
}

static void uring_once(struct ring *ring, int disk, bool removed)
{
	int fd = file_new("a", PAGES);
	unsigned char *p = map(fd, PAGES);
	struct iovec vector = { p, PAGES * PAGE };
	struct rest rest;

	CASE(removed ? "removed while registered" : "truncated while registered");
	disk_write(disk, 4);
	must(syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &vector, 1) == 0, "register");
	EXPECT_INT(ring_read(ring, disk, p, sizeof(pattern)), sizeof(pattern));
	EXPECT(memcmp(p, pattern, sizeof(pattern)) == 0);
	EXPECT_INT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGES * PAGE), 0);
	EXPECT(all_zero(p, PAGES));
	disk_write(disk, 5);
	EXPECT_INT(ring_read(ring, disk, p, sizeof(pattern)), sizeof(pattern));
	EXPECT(memcmp(p, pattern, sizeof(pattern)) == 0);	/* a hole in what is held: still the same frame */
	EXPECT_INT(ftruncate(fd, 0), 0);
	if (removed) {
		unlink(path);
		close(fd);
	}
	rest_take(&rest, total - PAGES);
	disk_write(disk, 6);
	EXPECT_INT(ring_read(ring, disk, p, sizeof(pattern)), sizeof(pattern));	/* by now into nobody's */
	rest_give(&rest);
	pause_ms(500);				/* longer than limbo is left alone */
	EXPECT_INT(available(), total - PAGES);
	EXPECT_INT(syscall(SYS_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
	munmap(p, PAGES * PAGE);
	if (!removed) {
		unlink(path);
		close(fd);
	}
	all_is_back();
}

static void check_uring(const char *device)
{
	int disk = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	struct ring ring;

	must(disk >= 0, device);
	ring_make(&ring);
	uring_once(&ring, disk, false);
	uring_once(&ring, disk, true);
	close(ring.fd);
	close(disk);
}

/* Leaves buffers registered, says so, and waits for its end: for who wants to unmount meanwhile. */
static void check_hold(void)
{
	struct iovec vector = { NULL, PAGES * PAGE };
	int fd = file_new("a", PAGES);
	struct ring ring;

	ring_make(&ring);
	vector.iov_base = map(fd, PAGES);
	pattern_make(7);
	memcpy(vector.iov_base, pattern, sizeof(pattern));
	must(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &vector, 1) == 0, "register");
	munmap(vector.iov_base, PAGES * PAGE);
	unlink(path);
	close(fd);
	EXPECT(available_soon(total - PAGES));
	printf("held\n");
	fflush(stdout);
	(void)getchar();
}

/* --- a device behind an IOMMU -------------------------------------------------------------------------------------- */

#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_BUFFER	0x40000UL
#define EDU_START	1
#define EDU_TO_MEMORY	2
#define PCI_COMMAND	0x04
#define PCI_MASTER	0x06	/* and its memory is decoded */
#define IOVA		0x100000UL	/* the device has 28 address bits */

struct edu {
	int container, group, device;
	uint64_t bar, config;	/* where they are in the device's file */
};

static void edu_open(struct edu *edu, const char *group, const char *device)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_group_status status = { .argsz = sizeof(status) };
	uint16_t command = PCI_MASTER;

	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	edu->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	edu->group = open(path, O_RDWR | O_CLOEXEC);
	must(edu->container >= 0 && edu->group >= 0, path);
	must(ioctl(edu->group, VFIO_GROUP_GET_STATUS, &status) == 0 && status.flags & VFIO_GROUP_FLAGS_VIABLE, "group");
	must(ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &edu->container) == 0, "container");
	must(ioctl(edu->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0, "iommu");
	edu->device = ioctl(edu->group, VFIO_GROUP_GET_DEVICE_FD, device);
	must(edu->device >= 0 && ioctl(edu->device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0, device);
	edu->bar = info.offset;
	info = (struct vfio_region_info){ .argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	must(ioctl(edu->device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0, "config");
	edu->config = info.offset;
	EXPECT_INT(pwrite(edu->device, &command, sizeof(command), (off_t)(edu->config + PCI_COMMAND)), sizeof(command));
}

static void edu_write(struct edu *edu, uint64_t at, uint64_t value)
{
	EXPECT_INT(pwrite(edu->device, &value, sizeof(value), (off_t)(edu->bar + at)), sizeof(value));
}

/* A page between the device's own buffer and memory, by DMA. */
static void edu_copy(struct edu *edu, uint64_t iova, bool to_memory)
{
	uint64_t command = EDU_START;
	int i;

	edu_write(edu, EDU_SOURCE, to_memory ? EDU_BUFFER : iova);
	edu_write(edu, EDU_TARGET, to_memory ? iova : EDU_BUFFER);
	edu_write(edu, EDU_COUNT, PAGE);
	edu_write(edu, EDU_COMMAND, EDU_START | (to_memory ? EDU_TO_MEMORY : 0));
	for (i = 0; i < 500 && command & EDU_START; i++) {
		pause_ms(20);
		EXPECT_INT(pread(edu->device, &command, sizeof(command), (off_t)(edu->bar + EDU_COMMAND)), sizeof(command));
	}
	EXPECT_INT(command & EDU_START, 0);
}

static void vfio_once(struct edu *edu, bool removed)
{
	int fd = file_new("a", PAGES);
	unsigned char *p = map(fd, PAGES);
	struct vfio_iommu_type1_dma_map dma = { .argsz = sizeof(dma), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p, .iova = IOVA, .size = PAGES * PAGE };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = IOVA, .size = PAGES * PAGE };
	struct rest rest;

	CASE(removed ? "removed while a device has it" : "truncated while a device has it");
	pattern_make(8);
	memcpy(p, pattern, sizeof(pattern));
	must(ioctl(edu->container, VFIO_IOMMU_MAP_DMA, &dma) == 0, "map");
	edu_copy(edu, IOVA + 2 * PAGE, false);
	edu_copy(edu, IOVA + 5 * PAGE, true);
	EXPECT(memcmp(p + 5 * PAGE, pattern + 2 * PAGE, PAGE) == 0 && memcmp(p + 4 * PAGE, pattern + 4 * PAGE, PAGE) == 0);
	EXPECT_INT(ftruncate(fd, 0), 0);
	if (removed)
		file_end(fd, p);
	rest_take(&rest, total - PAGES);
	edu_copy(edu, IOVA + 6 * PAGE, true);		/* into nobody's */
	edu_copy(edu, IOVA + 1 * PAGE, false);		/* what it had is there still */
	edu_copy(edu, IOVA + 7 * PAGE, true);
	rest_give(&rest);
	pause_ms(500);				/* longer than limbo is left alone */
	EXPECT_INT(available(), total - PAGES);
	EXPECT_INT(ioctl(edu->container, VFIO_IOMMU_UNMAP_DMA, &unmap), 0);
	EXPECT_INT(unmap.size, PAGES * PAGE);
	if (!removed)
		file_end(fd, p);
	all_is_back();
}

static void check_vfio(const char *group, const char *device)
{
	struct edu edu;

	edu_open(&edu, group, device);
	vfio_once(&edu, false);
	vfio_once(&edu, true);
	close(edu.device);
	close(edu.group);
	close(edu.container);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (argc > 2) {
		dir = argv[2];
		(void)available();
	}
	if (argc == 4 && strcmp(what, "direct") == 0)
		check_direct(argv[3]);
	else if (argc == 4 && strcmp(what, "uring") == 0)
		check_uring(argv[3]);
	else if (argc == 5 && strcmp(what, "vfio") == 0)
		check_vfio(argv[3], argv[4]);
	else if (argc == 3 && strcmp(what, "hold") == 0)
		check_hold();
	else {
		fprintf(stderr, "usage: colorfs-pins direct|uring DIRECTORY DISK | vfio DIRECTORY GROUP DEVICE | hold DIRECTORY\n");
		return 2;
	}
	return expect_result();
}
