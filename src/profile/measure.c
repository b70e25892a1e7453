/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the profiler does to memory: it takes pages for itself, asks the kernel which frames they are, reads its own lines and flushes them,
 * and looks at the clock. Nothing else is touched, no /dev/mem, no page of anybody else's.
 *
 * Two lines of DRAM are read in turn, each flushed from all caches in between: in one bank, but different rows, each read has to open
 * its row again. A ring of lines in one colour of a cache, more than it has ways, always misses; the same number over other colours hits.
 *
 * Frames can be moved by the kernel (compaction) while they are measured, so their numbers are asked for again afterwards. Disturbances
 * (interrupts, other programs, a hypervisor) make single times longer: medians of several. Called by virtrk memory profile. Judges nothing.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "measure.h"
#include "ticks.h"

#define PAGE_SHIFT   12
#define PAGE_BYTES   ((size_t)1 << PAGE_SHIFT)
#define LINE_BYTES   64U
#define ROUNDS	     7U		/* per pair: the median counts */
#define READS	     16U	/* of both lines, per round */
#define PICKS	     9U		/* colours of an eviction test: the median counts */
#define LAPS	     200U
#define RING_MAX     96U	/* lines; 1.5 times the ways */
#define PFN_MASK     ((UINT64_C(1) << 55) - 1)
#define PAGE_PRESENT (UINT64_C(1) << 63)

static uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

bool measure_possible(void)
{
	return TICKS_POSSIBLE;
}

/* ---- frames ---- */

void frames_done(struct frames *frames)
{
	if (frames->memory)
		(void)munmap(frames->memory, frames->bytes);
	free(frames->pfn);
	*frames = (struct frames){ .memory = NULL };
}

/* Frame numbers of all pages; 0 of one that is not there, and of all without the right to know. */
static int frames_ask(const struct frames *frames, uint64_t *ret)
{
	_cleanup_(closep) int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t done = 0, bytes = frames->n * sizeof(*ret);
	uint64_t first = (uintptr_t)frames->memory >> PAGE_SHIFT;

	if (fd < 0)
		return -errno;
	while (done < bytes) {
		ssize_t n = pread(fd, (char *)ret + done, bytes - done, (off_t)(first * sizeof(*ret) + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	for (size_t i = 0; i < frames->n; i++)
		ret[i] = ret[i] & PAGE_PRESENT ? ret[i] & PFN_MASK : 0;
	return 0;
}

int frames_take(size_t bytes, struct frames *ret, struct vr_error **reterr)
{
	_cleanup_(frames_done) struct frames frames = { .bytes = bytes, .n = bytes >> PAGE_SHIFT };
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool told = false;
	int r;

	if (memory == MAP_FAILED)
		return -errno;
	frames.memory = memory;
	for (size_t i = 0; i < frames.n; i++)
		frames.memory[i << PAGE_SHIFT] = 1;
	frames.pfn = calloc(frames.n + 1, sizeof(*frames.pfn));
	if (!frames.pfn)
		return -ENOMEM;
	r = frames_ask(&frames, frames.pfn);
	if (r < 0)
		return vr_error_set(reterr, r, VR_UNSUPPORTED, "the kernel does not tell which frames pages have (/proc/self/pagemap): %s",
				    strerror(-r));
	for (size_t i = 0; i < frames.n; i++)
		told = told || frames.pfn[i] != 0;
	if (!told)
		return vr_error_set(reterr, -EPERM, VR_NOT_PERMITTED, "the kernel tells frame numbers to root only (CAP_SYS_ADMIN)");
	*ret = TAKE_GENERIC(frames, struct frames, (struct frames){ .memory = NULL });
	return 0;
}

/* ---- pairs ---- */

static uint32_t pair_time(const unsigned char *a, const unsigned char *b)
{
	uint32_t round[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t begin = ticks_now();

		for (uint32_t k = 0; k < READS; k++)
			ticks_read_flush(a, b);
		begin = (ticks_now() - begin) / READS;
		round[i] = begin > UINT32_MAX ? UINT32_MAX : (uint32_t)begin;
	}
	return latency_median(round, ROUNDS);
}

/* Where a line is, by page and offset. */
struct spot {
	size_t page;
	uint32_t offset;
};

static struct spot spot_draw(const struct frames *frames, uint64_t *state)
{
	struct spot spot;

	do
		spot.page = draw(state) % frames->n;
	while (!frames->pfn[spot.page]);
	spot.offset = (uint32_t)(draw(state) % (PAGE_BYTES / LINE_BYTES)) * LINE_BYTES;
	return spot;
}

static const unsigned char *spot_at(const struct frames *frames, struct spot spot)
{
	return frames->memory + (spot.page << PAGE_SHIFT) + spot.offset;
}

static uint64_t spot_address(const uint64_t *pfn, struct spot spot)
{
	return pfn[spot.page] << PAGE_SHIFT | spot.offset;
}

int measure_pairs(const struct frames *frames, uint64_t seed, struct vrk_bank_pair *pairs, uint32_t *times, size_t n, size_t *ret_n)
{
	_cleanup_(freep) uint64_t *after = calloc(frames->n + 1, sizeof(*after));
	_cleanup_(freep) struct spot *spots = calloc(2 * n + 1, sizeof(*spots));
	size_t kept = 0;
	int r;

	if (!after || !spots)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		spots[2 * i] = spot_draw(frames, &seed);
		spots[2 * i + 1] = spot_draw(frames, &seed);
		times[i] = pair_time(spot_at(frames, spots[2 * i]), spot_at(frames, spots[2 * i + 1]));
	}
	r = frames_ask(frames, after);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct spot a = spots[2 * i], b = spots[2 * i + 1];

		if (a.page == b.page || after[a.page] != frames->pfn[a.page] || after[b.page] != frames->pfn[b.page])
			continue;
		pairs[kept] = (struct vrk_bank_pair){ .a = spot_address(after, a), .b = spot_address(after, b) };
		times[kept++] = times[i];
	}
	*ret_n = kept;
	return 0;
}

/* ---- rings ---- */

struct ring {
	unsigned char *line[RING_MAX];
	uint32_t n;
};

static uint32_t color_of_page(const struct frames *frames, const struct cache_colors *colors, size_t page)
{
	return (uint32_t)(frames->pfn[page] >> (colors->first_bit - PAGE_SHIFT)) & ((1U << colors->bits) - 1);
}

/* @n more lines of @color, at @offset of pages from @from on, going round. False: there are not so many. */
static bool ring_add(struct ring *ring, const struct frames *frames, const struct cache_colors *colors, uint32_t color, size_t from,
		     uint32_t offset, uint32_t n)
{
	for (size_t i = 0; i < frames->n && n > 0; i++) {
		size_t page = (from + i) % frames->n;

		if (!frames->pfn[page] || color_of_page(frames, colors, page) != color)
			continue;
		ring->line[ring->n++] = frames->memory + (page << PAGE_SHIFT) + offset;
		n--;
	}
	return n == 0;
}

/* Each line points to the next, in an order that nothing can foresee. */
static void ring_close(struct ring *ring, uint64_t *state)
{
	for (uint32_t i = ring->n; i > 1; i--) {
		uint32_t k = (uint32_t)(draw(state) % i);
		unsigned char *line = ring->line[k];

		ring->line[k] = ring->line[i - 1];
		ring->line[i - 1] = line;
	}
	for (uint32_t i = 0; i < ring->n; i++)
		memcpy(ring->line[i], &ring->line[(i + 1) % ring->n], sizeof(void *));
}

static uint32_t ring_time(const struct ring *ring)
{
	uint32_t round[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t begin;

		ticks_chase(ring->line[0], (uint64_t)8 * ring->n);
		begin = ticks_now();
		ticks_chase(ring->line[0], (uint64_t)LAPS * ring->n);
		begin = (ticks_now() - begin) * 10 / ((uint64_t)LAPS * ring->n);
		round[i] = begin > UINT32_MAX ? UINT32_MAX : (uint32_t)begin;
	}
	return latency_median(round, ROUNDS);
}

/* As many lines as do not fit into one colour, in equal parts over the @over colours of @color. */
static int ring_measure(const struct frames *frames, const struct cache_colors *colors, const uint32_t *color, uint32_t over, uint64_t *state,
			uint32_t *ret)
{
	uint32_t n = colors->cache->ways + colors->cache->ways / 2;
	struct ring ring = { .n = 0 };
	uint32_t offset = (uint32_t)(draw(state) % (PAGE_BYTES / LINE_BYTES)) * LINE_BYTES;

	if (n > RING_MAX || over > n)
		return -ENODATA;
	for (uint32_t k = 0; k < over; k++)
		if (!ring_add(&ring, frames, colors, color[k], draw(state) % frames->n, offset, n / over + (k < n % over ? 1 : 0)))
			return -ENODATA;
	ring_close(&ring, state);
	*ret = ring_time(&ring);
	return 0;
}

/* One pick: a colour alone, many colours, and each of its bits. split[bits * PICKS]. */
static int evict_pick(const struct frames *frames, const struct cache_colors *colors, uint64_t *state, uint32_t *same, uint32_t *spread,
		      uint32_t *split)
{
	uint32_t n = colors->cache->ways + colors->cache->ways / 2, all = 1U << colors->bits;
	uint32_t color = (uint32_t)draw(state) & (all - 1), many[RING_MAX];
	int r = ring_measure(frames, colors, &color, 1, state, same);

	if (r < 0)
		return r;
	n = n < all ? n : all;
	for (uint32_t k = 0; k < n && k < RING_MAX; k++)
		many[k] = (color + k * (all / n)) & (all - 1);
	r = ring_measure(frames, colors, many, n, state, spread);
	for (uint32_t bit = 0; r >= 0 && bit < colors->bits; bit++) {
		uint32_t two[2] = { color, color ^ 1U << bit };

		r = ring_measure(frames, colors, two, 2, state, &split[(size_t)bit * PICKS]);
	}
	return r;
}

int measure_evict(const struct frames *frames, const struct cache_colors *colors, uint64_t seed, struct evict *ret)
{
	_cleanup_(freep) uint32_t *split = calloc((size_t)colors->bits * PICKS + 1, sizeof(*split));
	uint32_t same[PICKS], spread[PICKS];
	struct evict e = { .same = 0 };

	if (!split)
		return -ENOMEM;
	for (uint32_t i = 0; i < PICKS; i++) {
		int r = evict_pick(frames, colors, &seed, &same[i], &spread[i], split + i);

		if (r < 0)
			return r;
	}
	e.same = latency_median(same, PICKS);
	e.spread = latency_median(spread, PICKS);
	for (uint32_t bit = 0; bit < colors->bits; bit++) {
		uint32_t median = latency_median(split + (size_t)bit * PICKS, PICKS);

		e.split = median > e.split ? median : e.split;
	}
	/* Half as slow again, and a bit that is none would leave it as slow as one colour: so below the middle between the two. */
	e.confirmed = e.same >= e.spread + e.spread / 2 && 2 * (uint64_t)e.split < (uint64_t)e.same + e.spread;
	*ret = e;
	return 0;
}
