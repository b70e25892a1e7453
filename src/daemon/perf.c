/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_event_open() for two small purposes of the monitor: the switch records of one thread, and the clock they are in.
 *
 * Tools that map perf buffers on every CPU of a large host have stalled it for seconds. Nothing here is per CPU: one software
 * event per watched thread, which counts nothing and interrupts nobody; it only makes the scheduler write a 16-byte record
 * when that thread is switched. The ring is emptied on the monitor's own time; nobody is woken by it.
 *
 * The time stamps are left in perf's default clock (sched_clock). It is the clock of SCHED_DEADLINE's absolute deadlines, so
 * a replay can be compared with them; CLOCK_MONOTONIC runs up to 500 ppm faster or slower under NTP and would drift away.
 */
#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "perf.h"

#define SWITCH_PAGES 32		/* 8192 records of 16 bytes */
#define CLOCK_PAGES  1
#define CLOCK_VALID_NS (100 * NSEC_PER_MSEC)
#define CLOCK_TRIES 3

/* What every record here consists of, with sample_type = PERF_SAMPLE_TIME: header, body, time. */
struct raw_record {
	struct perf_event_header header;
	char body[112];
};

static int ring_open(struct perf_ring *ret, struct perf_event_attr *attr, pid_t tid, size_t pages)
{
	_cleanup_(closep) int fd = -EBADF;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map;

	fd = (int)syscall(SYS_perf_event_open, attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = mmap(NULL, (1 + pages) * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = (struct perf_ring){ TAKE_FD(fd), map, (const char *)map + page, pages * page };
	return 0;
}

void perf_ring_close(struct perf_ring *ring)
{
	if (ring->map)
		(void)munmap(ring->map, ring->size + (size_t)(ring->data - (const char *)ring->map));
	ring->map = NULL;
	ring->fd = close_fd(ring->fd);
}

int perf_switches_open(struct perf_ring *ret, pid_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.context_switch = 1,
	};

	return ring_open(ret, &attr, tid, SWITCH_PAGES);
}

static struct perf_event_mmap_page *ring_page(const struct perf_ring *ring)
{
	return ring->map;
}

uint64_t perf_head(const struct perf_ring *ring)
{
	/* pairs with the kernel's barrier between writing a record and moving the head */
	return __atomic_load_n(&ring_page(ring)->data_head, __ATOMIC_ACQUIRE);
}

uint64_t perf_tail(const struct perf_ring *ring)
{
	return ring_page(ring)->data_tail;
}

void perf_release(struct perf_ring *ring, uint64_t pos)
{
	__atomic_store_n(&ring_page(ring)->data_tail, pos, __ATOMIC_RELEASE);
}

static void record_parse(const struct raw_record *raw, struct perf_record *ret)
{
	size_t size = raw->header.size;

	*ret = (struct perf_record){ .kind = PERF_OTHER };
	memcpy(&ret->time_ns, (const char *)raw + size - sizeof(ret->time_ns), sizeof(ret->time_ns));
	switch (raw->header.type) {
	case PERF_RECORD_SWITCH:
		if (!(raw->header.misc & PERF_RECORD_MISC_SWITCH_OUT))
			ret->kind = PERF_SWITCH_IN;
		else if (raw->header.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT)
			ret->kind = PERF_SWITCH_READY;
		else
			ret->kind = PERF_SWITCH_BLOCKED;
		break;
	case PERF_RECORD_LOST:		/* u64 id, u64 lost */
		ret->kind = PERF_LOST;
		memcpy(&ret->lost, raw->body + sizeof(uint64_t), sizeof(ret->lost));
		break;
	}
}

bool perf_next(const struct perf_ring *ring, uint64_t *pos, uint64_t head, struct perf_record *ret)
{
	size_t at = *pos & (ring->size - 1), rest = ring->size - at, size;
	struct raw_record raw;

	if (*pos >= head)
		return false;
	memcpy(&raw.header, ring->data + at, sizeof(raw.header));	/* aligned to its size: it never wraps */
	size = raw.header.size;
	/* The kernel writes no shorter ones; a ring that somebody else scribbled on must not hang or harm us. */
	if (size < sizeof(raw.header) + sizeof(uint64_t) || size > sizeof(raw) || size > head - *pos || at % sizeof(raw.header) != 0) {
		*pos = head;
		*ret = (struct perf_record){ .kind = PERF_LOST, .lost = 1 };
		return true;
	}
	memcpy(&raw, ring->data + at, size < rest ? size : rest);
	if (size > rest)	/* goes on at the start of the ring */
		memcpy((char *)&raw + rest, ring->data, size - rest);
	record_parse(&raw, ret);
	*pos += size;
	return true;
}

/* The clock. */

nsec_t perf_monotonic_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);	/* cannot fail with this clock */
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

/* A page mapped and unmapped leaves one record, stamped in between. Return: how exact it was; 0 when there is none. */
static nsec_t clock_measure(struct perf_clock *clock, int64_t *ret_offset_ns)
{
	struct perf_record record = { .kind = PERF_OTHER };
	nsec_t before_ns, after_ns;
	uint64_t pos, head;
	bool seen = false;
	void *page;

	perf_release(&clock->ring, perf_head(&clock->ring));
	before_ns = perf_monotonic_now();
	page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	after_ns = perf_monotonic_now();
	if (page == MAP_FAILED)
		return 0;
	(void)munmap(page, 1);

	pos = perf_tail(&clock->ring);
	head = perf_head(&clock->ring);
	if (perf_next(&clock->ring, &pos, head, &record))
		seen = record.kind == PERF_OTHER;
	perf_release(&clock->ring, head);
	if (!seen)
		return 0;
	*ret_offset_ns = (int64_t)(record.time_ns - (before_ns + (after_ns - before_ns) / 2));
	return after_ns - before_ns + 1;
}

static int clock_set(struct perf_clock *clock)
{
	nsec_t width_ns, best_ns = 0;
	int64_t offset_ns;
	int i;

	for (i = 0; i < CLOCK_TRIES; i++) {
		width_ns = clock_measure(clock, &offset_ns);
		if (width_ns == 0 || (best_ns > 0 && width_ns >= best_ns))
			continue;
		best_ns = width_ns;
		clock->offset_ns = offset_ns;
		if (best_ns < 10 * NSEC_PER_USEC)
			break;		/* nobody came between */
	}
	if (best_ns == 0)
		return -ENODATA;
	clock->measured_ns = perf_monotonic_now();
	return 0;
}

int perf_clock_open(struct perf_clock *ret)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.mmap_data = 1,
	};
	struct perf_clock clock = { .ring = { .fd = -EBADF } };
	int r;

	r = ring_open(&clock.ring, &attr, 0, CLOCK_PAGES);
	if (r < 0)
		return r;
	r = clock_set(&clock);
	if (r < 0) {
		perf_ring_close(&clock.ring);
		return r;
	}
	*ret = clock;
	return 0;
}

void perf_clock_close(struct perf_clock *clock)
{
	perf_ring_close(&clock->ring);
}

nsec_t perf_clock_convert(struct perf_clock *clock, nsec_t now_ns)
{
	/* When it cannot be measured now, the last offset is still good to 50 us per 0.1 s. */
	if (now_ns > clock->measured_ns + CLOCK_VALID_NS)
		(void)clock_set(clock);
	return now_ns + (nsec_t)clock->offset_ns;
}
