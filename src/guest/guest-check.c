/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at a program that virtrk-guest run has started: which colour and bank each of its pages has, by the frame numbers in
 * /proc/PID/pagemap and the profile. Every page that it can write, and that is its own, has to have those that were asked for. What it shares
 * with others, by files that it maps for that or by the kernel's own pages (vdso), is counted and not judged.
 *
 * Called by guest.c. Reads only. The program may go on meanwhile: what is judged is what each page is when it is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "color-map.h"
#include "guest.h"
#include "own.h"

#define PROFILE_MAX   4096
#define PAGEMAP_BATCH 512
#define FRAME_PRESENT (UINT64_C(1) << 63)
#define FRAME_NUMBER  ((UINT64_C(1) << 55) - 1)

struct look {
	char profile[PROFILE_MAX];
	struct color_map map;
	struct color_set set[COLOR_KINDS];
	bool all[COLOR_KINDS];
	dev_t device;		/* of its memory */
	int pagemap;
	uint64_t own;		/* pages that it can write */
	uint64_t wrong;		/* of those */
	uint64_t constant;	/* code and constants, of its memory too */
	uint64_t elsewhere;	/* code and constants in the page cache */
	uint64_t shared;
};

static int file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && length < size - 1) {
		n = read(fd, buf + length, size - 1 - length);
		length += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	buf[length] = '\0';
	return n < 0 ? -EIO : (int)length;
}

/* "COLORS/BANKS/PROFILE" */
static int plan_take(const char *rest, struct look *look)
{
	char text[PROFILE_MAX], *banks, *profile;
	const char *lists[COLOR_KINDS];
	enum color_fault fault;
	size_t at;

	snprintf(text, sizeof(text), "%s", rest);
	banks = strchr(text, '/');
	profile = banks ? strchr(banks + 1, '/') : NULL;
	if (!profile)
		return guest_say(GUEST_FAILED, "the file of its memory does not begin as virtrk-guest run has written it");
	*banks++ = *profile++ = '\0';
	if (*profile)
		strcpy(look->profile, profile);
	else if (file_read("/sys/module/colorfs/parameters/profile", look->profile, sizeof(look->profile)) < 0)
		return guest_say(GUEST_FAILED, "the module colorfs is not loaded");
	look->profile[strcspn(look->profile, "\n")] = '\0';
	fault = color_map_parse(&look->map, look->profile, strlen(look->profile), &at);
	lists[COLOR_CACHE] = text;
	lists[COLOR_BANK] = banks;
	for (uint32_t kind = 0; kind < COLOR_KINDS; kind++) {
		look->all[kind] = !*lists[kind];
		if (fault == COLOR_OK && !look->all[kind])
			fault = color_set_parse(&look->set[kind], color_count(&look->map, kind), lists[kind], strlen(lists[kind]), &at);
	}
	return fault == COLOR_OK ? 0 : guest_say(GUEST_FAILED, "its colours, or the profile: %s", color_fault_text(fault));
}

/* Is that descriptor of the process the file of its memory? Such a file has no name and begins with its plan. */
static bool plan_find(const char *path, struct look *look, char text[PROFILE_MAX])
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 0 || file_read(path, text, PROFILE_MAX) < 0)
		return false;
	look->device = st.st_dev;
	return strncmp(text, OWN_VARIABLE "=", strlen(OWN_VARIABLE "=")) == 0;
}

static int memory_find(const char *pid, struct look *look)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	char path[64], text[PROFILE_MAX];
	struct own_plan plan;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return guest_say(GUEST_FAILED, "process %s: %s", pid, errno == ENOENT ? "there is none" : strerror(errno));
	while ((entry = readdir(dir))) {
		char link[96];

		snprintf(link, sizeof(link), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		if (!plan_find(link, look, text))
			continue;
		if (own_plan_read(text + strlen(OWN_VARIABLE "="), &plan) < 0)
			return guest_say(GUEST_FAILED, "the file of its memory does not begin as virtrk-guest run has written it");
		return plan_take(plan.rest, look);
	}
	return guest_say(GUEST_FAILED, "process %s was not started by virtrk-guest run, or has closed the file of its memory", pid);
}

static bool frame_allowed(const struct look *look, uint64_t frame)
{
	for (uint32_t kind = 0; kind < COLOR_KINDS; kind++)
		if (!look->all[kind] && !color_set_has(&look->set[kind], color_of(&look->map, kind, frame)))
			return false;
	return true;
}

struct mapping {
	uint64_t start;
	uint64_t end;
	bool writable;
	bool shared;
	bool own;		/* a part of its memory */
	const char *name;
};

static void frame_count(struct look *look, const struct mapping *m, uint64_t frame, uint64_t *wrong)
{
	if (m->shared && !m->own) {
		look->shared++;
	} else if (m->writable) {
		look->own++;
		*wrong += !frame_allowed(look, frame);
	} else if (frame_allowed(look, frame)) {
		look->constant++;
	} else {
		look->elsewhere++;
	}
}

static int mapping_look(struct look *look, const struct mapping *m)
{
	uint64_t entry[PAGEMAP_BATCH], wrong = 0;

	for (uint64_t at = m->start / OWN_PAGE; at < m->end / OWN_PAGE;) {
		uint64_t n = m->end / OWN_PAGE - at < PAGEMAP_BATCH ? m->end / OWN_PAGE - at : PAGEMAP_BATCH;

		if (pread(look->pagemap, entry, n * sizeof(entry[0]), (off_t)(at * sizeof(entry[0]))) != (ssize_t)(n * sizeof(entry[0])))
			return guest_say(GUEST_FAILED, "its pages cannot be looked at any more");
		for (uint64_t i = 0; i < n; i++) {
			if (!(entry[i] & FRAME_PRESENT))
				continue;
			if (!(entry[i] & FRAME_NUMBER))
				return guest_say(GUEST_FAILED, "which frames it has is told to root only");
			frame_count(look, m, entry[i] & FRAME_NUMBER, &wrong);
		}
		at += n;
	}
	if (wrong > 0)
		(void)guest_say(0, "%" PRIx64 "-%" PRIx64 " %s: %" PRIu64 " pages of other colours", m->start, m->end, m->name, wrong);
	look->wrong += wrong;
	return 0;
}

/* "START-END rwxp OFFSET MAJOR:MINOR INODE   NAME" */
static bool mapping_read(const char *line, const struct look *look, struct mapping *ret)
{
	unsigned int major, minor;
	char flags[5];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %*u %n", &ret->start, &ret->end, flags, &major, &minor, &at) < 5)
		return false;
	ret->writable = flags[1] == 'w';
	ret->shared = flags[3] == 's';
	ret->own = makedev(major, minor) == look->device;
	ret->name = at > 0 ? line + at : "";
	return ret->name[0] != '[' || ret->name[1] != 'v';
}

static int mappings_look(const char *pid, struct look *look)
{
	_cleanup_(fclosep) FILE *maps = NULL;
	_cleanup_(freep) char *line = NULL;
	struct mapping m;
	char path[64];
	size_t size = 0;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return guest_say(GUEST_FAILED, "%s: %s", path, strerror(errno));
	while (r == 0 && getline(&line, &size, maps) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (mapping_read(line, look, &m))
			r = mapping_look(look, &m);
	}
	return r;
}

int guest_check(const char *pid)
{
	_cleanup_(freep) struct look *look = calloc(1, sizeof(*look));
	char path[64];
	int r;

	if (!*pid || pid[strspn(pid, "0123456789")] != '\0')
		return guest_say(GUEST_USAGE, "check %s: a process, by its number", pid);
	if (!look)
		return guest_say(GUEST_FAILED, "no memory");
	r = memory_find(pid, look);
	if (r != 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%.20s/pagemap", pid);
	look->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (look->pagemap < 0)
		return guest_say(GUEST_FAILED, "%s: %s", path, strerror(errno));
	r = mappings_look(pid, look);
	(void)close(look->pagemap);
	if (r != 0)
		return r;
	(void)printf("%" PRIu64 " pages that it can write, %" PRIu64 " of other colours; code and constants: %" PRIu64 " of its colours, %" PRIu64
		     " of others; %" PRIu64 " shared with others\n", look->own, look->wrong, look->constant, look->elsewhere, look->shared);
	return look->wrong > 0 || look->own == 0;
}
