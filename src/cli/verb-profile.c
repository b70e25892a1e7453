/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory profile: how this machine maps addresses to cache colours and DRAM banks. Measured here, by root, on memory that is taken for
 * the purpose; virtrkd only reads what was written, and asks whether this is still the machine.
 *
 *   memory profile            measure, and say what was found
 *   memory profile --write    and keep it in /var/lib/virtrk/memory-profile
 *   memory profile --check    and compare it with the profile that is in force
 *
 * Called by verb-memory.c. What may be believed is decided in src/profile/found.c.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"
#include "found.h"
#include "machine.h"
#include "profile-file.h"
#include "verb-profile.h"

#define PAIRS	      ((size_t)24000)	/* of one run; of 64 banks nearly 400 conflict */
#define BYTES_LEAST   (UINT64_C(32) << 20)
#define BYTES_MOST    (UINT64_C(1) << 30)	/* without --size */
#define AVAILABLE_PART 8		/* of what the machine has left */
#define DIRECTORY     "/var/lib/virtrk"

struct profiler {
	struct cache caches[CACHES_MAX];
	size_t n_caches;
	struct machine machine;
	struct found found;
	struct color_map map;
	char *profile;			/* NULL: nothing that could be promised */
	uint64_t bytes;			/* that were used */
};

static void profiler_done(struct profiler *p)
{
	machine_done(&p->machine);
	free(p->profile);
	p->profile = NULL;
}

/* ---- measuring ---- */

/* Of the memory that is left a small part: it is given back in seconds, but others live here. */
static uint64_t bytes_choose(const struct profile_door *door)
{
	_cleanup_(freep) char *text = NULL;
	const char *line;
	uint64_t bytes = BYTES_LEAST;

	if (profile_door_text(door, &text, "/proc/meminfo") < 0)
		return bytes;
	line = strstr(text, "MemAvailable:");
	if (line)
		bytes = strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024 / AVAILABLE_PART;
	bytes = bytes > BYTES_MOST ? BYTES_MOST : bytes;
	return bytes < BYTES_LEAST ? BYTES_LEAST : bytes & ~UINT64_C(4095);
}

static int banks_measure(const struct frames *frames, struct found *found)
{
	_cleanup_(freep) struct vrk_bank_pair *pairs = calloc(PAIRS, sizeof(*pairs));
	_cleanup_(freep) uint32_t *times = calloc(PAIRS, sizeof(*times));
	int r = 0;

	if (!pairs || !times)
		return -ENOMEM;
	for (uint32_t i = 0; r >= 0 && i < FOUND_RUNS; i++) {
		uint32_t threshold;
		size_t n;

		r = measure_pairs(frames, i + 1, pairs, times, PAIRS, &n);
		if (r >= 0)
			r = latency_banks(pairs, times, n, &found->banks[i], &threshold);
	}
	return r;
}

/* The end of the last range of "0-80000000,100000000-480000000". */
static uint64_t memory_end(const char *ranges)
{
	const char *last = strrchr(ranges, '-');

	return last ? strtoull(last + 1, NULL, 16) : UINT64_MAX;
}

static int profiler_measure(struct profiler *p, struct vr_error **reterr)
{
	_cleanup_(frames_done) struct frames frames = { .memory = NULL };
	struct found *found = &p->found;
	cpu_set_t first, before;
	bool pinned;
	int r;

	found->evict_r = found->banks_r = -ENOTSUP;
	if (!measure_possible())
		return 0;
	r = frames_take(p->bytes, &frames, reterr);
	if (r < 0)
		return r;
	/* On one CPU, the one whose caches were looked at, if this process may be there. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	pinned = sched_getaffinity(0, sizeof(before), &before) == 0 && sched_setaffinity(0, sizeof(first), &first) == 0;
	if (found->colors.kind != CACHE_COLORS_NONE)
		found->evict_r = measure_evict(&frames, &found->colors, 1, &found->evict);
	found->banks_r = banks_measure(&frames, found);
	if (pinned)
		(void)sched_setaffinity(0, sizeof(before), &before);
	return found->evict_r == -ENOMEM || found->banks_r == -ENOMEM ? -ENOMEM : 0;
}

static int profiler_run(struct profiler *p, const char *size, struct vr_error **reterr)
{
	const struct profile_door door = profile_door_directory("");
	struct cache_word words[CACHES_MAX];
	size_t n_words = cache_words_cpuid(words);
	int r;

	p->bytes = bytes_choose(&door);
	if (size && (vrk_bytes_parse(size, &p->bytes) < 0 || p->bytes < BYTES_LEAST || p->bytes % 4096 || p->bytes > SIZE_MAX / 2))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--size %s: 32MiB or more, in whole pages of 4 KiB", size);
	r = machine_look(&door, &p->machine);
	if (r >= 0)
		r = cache_look(&door, words, n_words, p->caches, &p->n_caches);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "what this machine is, cannot be read: %s", strerror(-r));
	p->found.is_virtual = cpu_is_virtual();
	p->found.colors = cache_colors_choose(p->caches, p->n_caches);
	p->found.end = memory_end(p->machine.value[MACHINE_MEMORY]);
	r = profiler_measure(p, reterr);
	if (r >= 0 && found_map(&p->found, &p->map)) {
		p->profile = found_profile(&p->map);
		r = p->profile ? 0 : -ENOMEM;
	}
	return r;
}

/* ---- telling ---- */

static char *colors_text(const struct found *found)
{
	const struct cache_colors *colors = &found->colors;
	enum found_reason reason = found_colors(found);
	char *text = NULL;

	if (reason != FOUND_SOUND) {
		if (asprintf(&text, "no cache colours: %s", found_reason_text(reason)) < 0)
			text = NULL;
		return text;
	}
	if (asprintf(&text, "%u cache colours, of level %u, by address bits %u to %u; %s%s", 1U << colors->bits, colors->cache->level,
		     colors->first_bit, colors->first_bit + colors->bits - 1,
		     found->evict_r >= 0 ? "confirmed by timing" : "by the processor's own word",
		     colors->kind == CACHE_COLORS_LAST_LEVEL ?
			     "" :
			     ". They divide that level among those who run on CPUs that share it; the last level is not divided by them, "
			     "but its ways can be (virtrk cache)") < 0)
		text = NULL;
	return text;
}

static char *banks_text(const struct found *found)
{
	const struct vrk_bank_map *banks = &found->banks[0];
	enum found_reason reason = found_banks(found);
	char *text = NULL;
	int n;

	if (reason != FOUND_SOUND)
		n = asprintf(&text, "no DRAM banks: %s", found_reason_text(reason));
	else
		n = asprintf(&text,
			     "%u DRAM banks that pages can be chosen by (%u in all): the same in %u of %u runs; "
			     "that a function is there by luck has a chance of 2^-%u; "
			     "%" PRIu64 " of %" PRIu64 " pairs in one bank were slow, %" PRIu64 " of %" PRIu64 " others",
			     1U << banks->n_colorable, 1U << banks->n, found_agree(found), FOUND_RUNS, banks->certainty, banks->same_conflicts,
			     banks->same, banks->other_conflicts, banks->other);
	return n < 0 ? NULL : text;
}

static int cache_print(const struct cache *cache)
{
	char size[VRK_BYTES_STRLEN];

	return cli_print("level %u cache: %s, %u ways, %" PRIu64 " sets, shared by %u CPU%s, %s", cache->level,
			 vrk_bytes_format(size, cache->sets * cache->ways * cache->line), cache->ways, cache->sets, cache->cpus,
			 cache->cpus == 1 ? "" : "s",
			 cache_index_text(cache->index));
}

static int profiler_print(const struct profiler *p)
{
	_cleanup_(freep) char *colors = colors_text(&p->found), *banks = banks_text(&p->found);
	const struct evict *evict = &p->found.evict;

	if (!colors || !banks)
		return cli_fail(-ENOMEM, NULL);
	for (size_t i = 0; i < p->n_caches; i++)
		(void)cache_print(&p->caches[i]);
	if (p->found.is_virtual)
		(void)cli_print("This is a virtual machine, as far as its processor says: what is found here holds as long as its host "
				"leaves its memory where it is.");
	(void)cli_print("%s", colors);
	if (p->found.evict_r >= 0)
		(void)cli_print("  a read takes %u.%u ticks in one colour, %u.%u in several, %u.%u at most in two that differ in one bit",
				evict->same / 10, evict->same % 10, evict->spread / 10, evict->spread % 10, evict->split / 10, evict->split % 10);
	(void)cli_print("%s", banks);
	return p->profile ? cli_print("%s", p->profile) : cli_print("Nothing that could be promised, so no profile.");
}

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	(void)json_object_object_add(to, key, value);
}

static struct json_object *caches_json(const struct profiler *p)
{
	static const char *const index[] = { "unknown", "linear", "hashed" };
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < p->n_caches; i++) {
		struct json_object *one = json_object_new_object();

		add(one, "level", json_object_new_uint64(p->caches[i].level));
		add(one, "sets", json_object_new_uint64(p->caches[i].sets));
		add(one, "ways", json_object_new_uint64(p->caches[i].ways));
		add(one, "line", json_object_new_uint64(p->caches[i].line));
		add(one, "cpus", json_object_new_uint64(p->caches[i].cpus));
		add(one, "index", json_object_new_string(index[p->caches[i].index]));
		(void)json_object_array_add(array, one);
	}
	return array;
}

static int profiler_print_json(const struct profiler *p, bool written)
{
	_cleanup_(json_object_putp) struct json_object *json = json_object_new_object();
	struct json_object *colors = json_object_new_object(), *banks = json_object_new_object();
	const struct found *found = &p->found;

	add(json, "virtual", json_object_new_boolean(found->is_virtual));
	add(json, "caches", caches_json(p));
	add(colors, "reason", json_object_new_string(found_reason_name(found_colors(found))));
	add(colors, "level", json_object_new_uint64(found->colors.cache ? found->colors.cache->level : 0));
	add(colors, "last_level", json_object_new_boolean(found->colors.kind == CACHE_COLORS_LAST_LEVEL));
	add(colors, "n", json_object_new_uint64(found_colors(found) == FOUND_SOUND ? UINT64_C(1) << found->colors.bits : 1));
	add(colors, "timed", json_object_new_boolean(found->evict_r >= 0));
	add(json, "colors", colors);
	add(banks, "reason", json_object_new_string(found_reason_name(found_banks(found))));
	add(banks, "n", json_object_new_uint64(found_banks(found) == FOUND_SOUND ? UINT64_C(1) << found->banks[0].n_colorable : 1));
	add(banks, "certainty", json_object_new_uint64(found->banks[0].certainty));
	add(banks, "runs", json_object_new_uint64(FOUND_RUNS));
	add(banks, "agree", json_object_new_uint64(found_agree(found)));
	add(json, "banks", banks);
	add(json, "profile", p->profile ? json_object_new_string(p->profile) : NULL);
	add(json, "written", json_object_new_boolean(written));
	return cli_print_json(json);
}

/* ---- keeping ---- */

/* Beside the old one first: whoever reads sees one of the two, whole. */
static int file_replace(const char *path, const char *text)
{
	_cleanup_(freep) char *beside = NULL;
	_cleanup_(closep) int fd = -EBADF;
	size_t length = strlen(text);
	ssize_t n;
	int r;

	if (asprintf(&beside, "%s.new", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	r = n < 0 ? -errno : (size_t)n < length ? -ENOSPC : fsync(fd) < 0 || rename(beside, path) < 0 ? -errno : 0;
	if (r < 0)
		(void)unlink(beside);
	return r;
}

static int profiler_write(const struct profiler *p, struct vr_error **reterr)
{
	_cleanup_(freep) char *machine = NULL, *colors = colors_text(&p->found), *banks = banks_text(&p->found), *text = NULL;
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int r;

	if (!p->profile)
		return vr_error_set(reterr, -ENODATA, VR_FAILED, "nothing that could be promised was found: %s is as it was", PROFILE_MEASURED);
	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	r = machine_format(&p->machine, &machine);
	if (r < 0 || !colors || !banks)
		return -ENOMEM;
	if (asprintf(&text, "# Measured %s by virtrk memory profile --write; virtrk-profile(5) says what it means.\n# %s\n# %s\n%s\n%s\n", when,
		     colors, banks, p->profile, machine) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (mkdir(DIRECTORY, 0755) < 0 && errno != EEXIST)
		return vr_error_set(reterr, -errno, VR_FAILED, DIRECTORY " cannot be made: %s", strerror(errno));
	r = file_replace(PROFILE_MEASURED, text);
	return r < 0 ? vr_error_set(reterr, r, VR_FAILED, PROFILE_MEASURED " cannot be written: %s", strerror(-r)) : 0;
}

/* What is in force, against what was measured just now. Words differ where only the order of functions does: that, too, makes other numbers. */
static int profiler_compare(const struct profiler *p, struct vr_error **reterr)
{
	const struct profile_door door = profile_door_directory("");
	_cleanup_(freep) char *text = NULL, *profile = NULL;
	struct color_map map = { .n = { 0, 0 } };
	size_t at = 0;
	int r = profile_file_look(&door, &text, reterr);

	if (r < 0)
		return r;
	if (!text)
		return vr_error_set(reterr, -ENOENT, VR_FAILED, "this machine has no memory profile to compare with: --write makes one");
	if (color_map_parse(&map, text, strlen(text), &at) != COLOR_OK)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "the memory profile in force is none (at character %zu)", at + 1);
	if (color_map_equal(&map, &p->map))
		return 0;
	profile = found_profile(&map);
	return vr_error_set(reterr, -ESTALE, VR_FAILED, "in force is another profile than was measured now: %s", profile ?: "");
}

int memory_profile(const struct arguments *arguments)
{
	_cleanup_(profiler_done) struct profiler p = { .n_caches = 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	bool write = arguments->given[OPTION_WRITE], check = arguments->given[OPTION_CHECK];
	int r = profiler_run(&p, arguments->value[OPTION_SIZE], &err), code;

	if (r == -EINVAL)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	if (r < 0)
		return cli_fail(r, err);
	if (write)
		r = profiler_write(&p, &err);
	else if (check)
		r = profiler_compare(&p, &err);
	code = arguments->given[OPTION_JSON] ? profiler_print_json(&p, write && r >= 0) : profiler_print(&p);
	if (r < 0)
		return cli_fail(r, err);
	if (code == CLI_DONE && write && !arguments->given[OPTION_JSON])
		code = cli_print("Written to " PROFILE_MEASURED ".");
	if (code == CLI_DONE && check && !arguments->given[OPTION_JSON])
		code = cli_print("The profile in force says the same.");
	return code;
}
