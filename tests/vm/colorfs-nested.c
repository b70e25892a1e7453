/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which frames of the host are behind the frames of its guest. Called by TEST-50-colors-through-a-guest.sh as root, in two machines:
 *
 *   colorfs-nested frames PID				in the guest: what frames the process has mapped of files of colorfs, as
 *							"FRAME BITS", hexadecimal: of the 64 from FRAME on, those whose bits are set
 *   colorfs-nested ordinary PID			those that it has mapped of anything else
 *   colorfs-nested backed PROFILE PID DIRECTORY COLOUR:BANK...
 *							in the host: reads these lines. The guest's frame i is page i of the file
 *							below the directory that its QEMU has mapped; the frame that is there has
 *							to have the colour and bank that stand at place i of the list, which begins
 *							anew where it ends. "COLOUR BANK PAGES" of them all.
 */
#include <fcntl.h>
#include <sys/vfs.h>

#include "color-map.h"
#include "../unit/expect.h"

#define PAGE   4096UL
#define MAGIC  0x636f6c66L
#define FRAMES (1UL << 20)	/* 4 GiB of guest */
#define PER_LINE 64
#define COLORS_MAX 1024

/* A line of /proc/PID/maps. */
struct area {
	unsigned long start, end, offset;
	char line[4096];
};

static bool area_next(FILE *maps, struct area *ret)
{
	return fgets(ret->line, sizeof(ret->line), maps) &&
	       sscanf(ret->line, "%lx-%lx %*s %lx", &ret->start, &ret->end, &ret->offset) == 3;
}

static FILE *maps_open(const char *pid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%s/maps", pid);
	return fopen(name, "re");
}

static int pagemap_open(const char *pid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%s/pagemap", pid);
	return open(name, O_RDONLY | O_CLOEXEC);
}

static u64 frame_of(u64 entry)
{
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

/* --- in the guest ---------------------------------------------------------------------------------------------------- */

static bool is_colored(const char *pid, const struct area *a)
{
	struct statfs st;
	char name[128];

	snprintf(name, sizeof(name), "/proc/%s/map_files/%lx-%lx", pid, a->start, a->end);
	return statfs(name, &st) == 0 && st.f_type == MAGIC;
}

static uint64_t have[FRAMES / PER_LINE];

/* Many entries at once: a heap may have gigabytes of addresses. */
static bool area_frames(int pagemap, const struct area *a)
{
	static u64 entry[4096];
	unsigned long at = a->start / PAGE, end = a->end / PAGE, n, i;

	for (; at < end; at += n) {
		n = end - at < ARRAY_SIZE(entry) ? end - at : ARRAY_SIZE(entry);
		if (pread(pagemap, entry, n * sizeof(*entry), (off_t)(at * sizeof(*entry))) != (ssize_t)(n * sizeof(*entry)))
			return false;
		for (i = 0; i < n; i++) {
			u64 frame = frame_of(entry[i]);

			if (frame >= FRAMES)
				return false;
			if (frame > 0)
				have[frame / PER_LINE] |= 1ULL << frame % PER_LINE;
		}
	}
	return true;
}

static int frames_print(const char *pid, bool colored)
{
	_cleanup_(fclosep) FILE *maps = maps_open(pid);
	int pagemap = pagemap_open(pid);
	struct area a;
	size_t i;

	if (!maps || pagemap < 0)
		return EXIT_FAILURE;
	while (area_next(maps, &a)) {
		if (strstr(a.line, "[vsyscall]") || is_colored(pid, &a) != colored)	/* it is no memory of the process */
			continue;
		if (!area_frames(pagemap, &a)) {
			fprintf(stderr, "cannot know its frames: %s", a.line);
			return EXIT_FAILURE;
		}
	}
	close(pagemap);
	for (i = 0; i < FRAMES / PER_LINE; i++) {
		if (have[i])
			printf("%zx %" PRIx64 "\n", i * PER_LINE, have[i]);
	}
	return EXIT_SUCCESS;
}

/* --- in the host ----------------------------------------------------------------------------------------------------- */

struct guest {
	struct color_map map;
	FILE *maps;
	struct area last;			/* where the one before was found */
	int pagemap;
	const char *dir;
	char **class;
	size_t n_classes;
	unsigned long count[COLORS_MAX];	/* by colour and bank */
	unsigned long wrong;
};

/* Where QEMU has page @index of the file; 0: nowhere. */
static unsigned long address_of(struct guest *g, unsigned long index)
{
	unsigned long offset = index * PAGE;
	struct area *a = &g->last;

	if (offset >= a->offset && offset - a->offset < a->end - a->start)
		return a->start + (offset - a->offset);
	rewind(g->maps);
	while (area_next(g->maps, a)) {
		if (strstr(a->line, g->dir) && offset >= a->offset && offset - a->offset < a->end - a->start)
			return a->start + (offset - a->offset);
	}
	*a = (struct area){ 0 };
	return 0;
}

static void frame_check(struct guest *g, unsigned long index)
{
	const char *want = g->class[index % g->n_classes], *bank = strchr(want, ':');
	unsigned long address = address_of(g, index);
	u64 entry = 0, frame, is_color, is_bank;

	if (address == 0 || pread(g->pagemap, &entry, sizeof(entry), (off_t)(address / PAGE * sizeof(entry))) != sizeof(entry))
		entry = 0;
	frame = frame_of(entry);
	is_color = color_of(&g->map, COLOR_CACHE, frame);
	is_bank = color_of(&g->map, COLOR_BANK, frame);
	if (frame == 0 || !bank || is_color != strtoull(want, NULL, 10) || is_bank != strtoull(bank + 1, NULL, 10)) {
		if (g->wrong++ == 0)
			fprintf(stderr, "the guest's frame %lx is to be %s, and the host's is %" PRIx64 "\n", index, want, (uint64_t)frame);
		return;
	}
	g->count[is_color * color_count(&g->map, COLOR_BANK) + is_bank]++;
}

static int frames_look(struct guest *g)
{
	u64 banks = color_count(&g->map, COLOR_BANK), i;
	unsigned long first, bits;
	char line[128];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%lx %lx", &first, &bits) != 2)
			return EXIT_FAILURE;
		for (i = 0; i < PER_LINE; i++) {
			if (bits >> i & 1)
				frame_check(g, first + i);
		}
	}
	for (i = 0; i < color_count(&g->map, COLOR_CACHE) * banks; i++) {
		if (g->count[i] > 0)
			printf("%" PRIu64 " %" PRIu64 " %lu\n", (uint64_t)(i / banks), (uint64_t)(i % banks), g->count[i]);
	}
	if (g->wrong > 0)
		fprintf(stderr, "%lu frames are others\n", g->wrong);
	return g->wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int backed(const char *profile, const char *pid, const char *dir, char **class, size_t n)
{
	static struct guest g;
	size_t at;

	if (color_map_parse(&g.map, profile, strlen(profile), &at) != COLOR_OK ||
	    color_count(&g.map, COLOR_CACHE) * color_count(&g.map, COLOR_BANK) > COLORS_MAX)
		return EXIT_FAILURE;
	g.maps = maps_open(pid);
	g.pagemap = pagemap_open(pid);
	g.dir = dir;
	g.class = class;
	g.n_classes = n;
	return g.maps && g.pagemap >= 0 ? frames_look(&g) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "frames") == 0)
		return frames_print(argv[2], true);
	if (argc == 3 && strcmp(argv[1], "ordinary") == 0)
		return frames_print(argv[2], false);
	if (argc >= 6 && strcmp(argv[1], "backed") == 0)
		return backed(argv[2], argv[3], argv[4], argv + 5, (size_t)argc - 5);
	fprintf(stderr, "usage: colorfs-nested frames|ordinary PID | backed PROFILE PID DIRECTORY COLOUR:BANK...\n");
	return 2;
}
