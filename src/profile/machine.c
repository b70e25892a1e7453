/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this the machine on which a profile was measured? How a memory controller maps addresses is decided by processor, firmware, its
 * settings and which DIMMs are in which slots. All of that is named in the profile's file, in words, so that a refusal can say what is
 * different. No serial numbers: another DIMM of the same kind maps the same way, and they are nobody's business.
 *
 * Called by the profiler when it writes, by virtrkd each time it reads. Only reads.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "machine.h"

#define LINE_BEGIN "machine"
#define NONE	   "none"
#define VALUE_MAX  ((size_t)2000)
#define CPUINFO	   "/proc/cpuinfo"
#define DMI	   "/sys/devices/virtual/dmi/id"
#define DMI_TABLE  "/sys/firmware/dmi/tables/DMI"
#define BLOCKS	   "/sys/devices/system/memory"

static const char *const key_name[MACHINE_KEYS] = {
	[MACHINE_CPU] = "cpu", [MACHINE_MICROCODE] = "microcode", [MACHINE_BOARD] = "board",
	[MACHINE_BIOS] = "bios", [MACHINE_DIMMS] = "dimms", [MACHINE_MEMORY] = "memory",
};

void machine_done(struct machine *machine)
{
	for (size_t i = 0; i < MACHINE_KEYS; i++) {
		free(machine->value[i]);
		machine->value[i] = NULL;
	}
}

/* ---- words ---- */

/* What stands in a value: one word, of letters that no reader stumbles over. */
static void word_clean(char *word)
{
	if (strlen(word) > VALUE_MAX)
		word[VALUE_MAX] = '\0';
	for (char *p = word; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".:,/()+-", *p))
			*p = '_';
}

/* @with between what was and what comes. */
static int word_append(char **word, const char *with, const char *more)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", *word ?: "", *word ? with : "", more) < 0)
		return -ENOMEM;
	free(*word);
	*word = longer;
	return 0;
}

/* ---- the processor ---- */

/* "model name\t: AMD EPYC": the first line with that key. */
static char *cpuinfo_find(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *value = line + length, *end;

		if (strncmp(line, key, length) != 0)
			continue;
		value += strspn(value, " \t");
		if (*value != ':')
			continue;
		value += 1 + strspn(value + 1, " \t");
		end = strchrnul(value, '\n');
		return strndup(value, (size_t)(end - value));
	}
	return strdup(NONE);
}

static int cpu_look(const struct profile_door *door, struct machine *m)
{
	static const char *const keys[] = { "vendor_id", "cpu family", "model", "stepping" };
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r = door->read(door->host, CPUINFO, &text, &size);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		_cleanup_(freep) char *value = cpuinfo_find(text, keys[i]);

		r = value ? word_append(&m->value[MACHINE_CPU], "-", value) : -ENOMEM;
	}
	if (r < 0)
		return r;
	m->value[MACHINE_MICROCODE] = cpuinfo_find(text, "microcode");
	return m->value[MACHINE_MICROCODE] ? 0 : -ENOMEM;
}

/* ---- DMI ---- */

static int dmi_look(const struct profile_door *door, const char *const *names, size_t n, char **ret)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(freep) char *text = NULL;
		int r = profile_door_text(door, &text, DMI "/%s", names[i]);

		if (r == -ENOMEM)
			return r;
		r = word_append(ret, "/", r < 0 || !*text ? NONE : text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The @number-th string behind a structure, 1 is the first; "" where there is none. @at: the byte behind its formatted part. */
static const char *dmi_string(const char *table, size_t size, size_t at, unsigned int number)
{
	for (; number > 1 && at < size && table[at]; number--)
		at += strnlen(table + at, size - at) + 1;
	return number == 1 && at < size && memchr(table + at, '\0', size - at) ? table + at : "";
}

/* The next structure: behind two NULs. */
static size_t dmi_next(const char *table, size_t size, size_t at)
{
	while (at + 1 < size && (table[at] || table[at + 1]))
		at++;
	return at + 2;
}

static uint64_t dmi_le(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | p[n];
	return value;
}

/* One memory device (SMBIOS 7.18): slot, MiB and ranks. Empty slots count as well: it says which are not. */
static int dimm_append(const char *table, size_t size, size_t at, size_t length, char **ret)
{
	const unsigned char *p = (const unsigned char *)table + at;
	uint64_t mib = dmi_le(p + 0x0c, 2);
	_cleanup_(freep) char *word = NULL;

	if (mib == 0x7fff && length >= 0x20)
		mib = dmi_le(p + 0x1c, 4);
	else if (mib & 0x8000)		/* in KiB */
		mib = (mib & 0x7fff) / 1024;
	if (asprintf(&word, "%.40s:%lluM:%u", dmi_string(table, size, at + length, length > 0x10 ? p[0x10] : 0), (unsigned long long)mib,
		     length > 0x1b ? p[0x1b] & 15U : 0U) < 0) {
		word = NULL;
		return -ENOMEM;
	}
	return word_append(ret, "+", word);
}

int machine_dimms(const char *table, size_t size, char **ret)
{
	_cleanup_(freep) char *dimms = NULL;

	for (size_t at = 0; at + 4 <= size;) {
		size_t length = (unsigned char)table[at + 1];

		if (length < 4 || length > size - at)
			break;
		if (table[at] == 17 && length >= 0x15) {
			int r = dimm_append(table, size, at, length, &dimms);

			if (r < 0)
				return r;
		}
		if (table[at] == 127)	/* the end of the table */
			break;
		at = dmi_next(table, size, at + length);
	}
	if (!dimms)
		dimms = strdup(NONE);
	*ret = TAKE_PTR(dimms);
	return *ret ? 0 : -ENOMEM;
}

static int dimms_look(const struct profile_door *door, char **ret)
{
	_cleanup_(freep) char *table = NULL;
	size_t size;
	int r = door->read(door->host, DMI_TABLE, &table, &size);

	if (r == -ENOENT || r == -EACCES || r == -EPERM)	/* a container's root may not see it */
		return 0;
	return r < 0 ? r : machine_dimms(table, size, ret);
}

/* ---- memory ---- */

static int block_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int hex_at(const struct profile_door *door, const char *name, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	char *end;
	int r = profile_door_text(door, &text, BLOCKS "/%.60s", name);

	if (r < 0)
		return r;
	*ret = strtoull(text, &end, 16);
	return end != text && !*end ? 0 : -EBADMSG;
}

/* The numbers of all blocks, sorted: memoryN. Online or not: the controller maps them all. */
static int blocks_look(const struct profile_door *door, uint64_t **ret, size_t *ret_n)
{
	_cleanup_(freep) uint64_t *blocks = NULL;
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	size_t n = 0;
	int r = door->opendir(door->host, BLOCKS, &dir);

	if (r < 0)
		return r;
	while ((entry = readdir(dir)) != NULL) {
		uint64_t *more;

		if (strncmp(entry->d_name, "memory", 6) != 0 || !isdigit((unsigned char)entry->d_name[6]))
			continue;
		more = reallocarray(blocks, n + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		blocks = more;
		blocks[n++] = strtoull(entry->d_name + 6, NULL, 10);
	}
	if (n > 0)
		qsort(blocks, n, sizeof(*blocks), block_compare);
	*ret = TAKE_PTR(blocks);
	*ret_n = n;
	return 0;
}

/* "0-80000000,100000000-480000000": first byte, and the one behind the last. */
static int memory_look(const struct profile_door *door, char **ret)
{
	_cleanup_(freep) uint64_t *blocks = NULL;
	uint64_t bytes = 0;
	size_t n = 0;
	int r = hex_at(door, "block_size_bytes", &bytes);

	if (r >= 0)
		r = blocks_look(door, &blocks, &n);
	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	for (size_t i = 0, k; r >= 0 && i < n; i = k) {
		uint64_t first = blocks[i] * bytes, end;
		char range[64];

		for (k = i + 1; k < n && blocks[k] == blocks[k - 1] + 1; k++)
			;
		end = (blocks[k - 1] + 1) * bytes;
		snprintf(range, sizeof(range), "%" PRIx64 "-%" PRIx64, first, end);
		r = word_append(ret, ",", range);
	}
	return r;
}

/* ---- the whole ---- */

int machine_look(const struct profile_door *door, struct machine *ret)
{
	static const char *const board[] = { "sys_vendor", "product_name", "board_vendor", "board_name", "board_version" };
	static const char *const bios[] = { "bios_vendor", "bios_version", "bios_date" };
	_cleanup_(machine_done) struct machine m = { { NULL } };
	int r = cpu_look(door, &m);

	if (r >= 0)
		r = dmi_look(door, board, ARRAY_SIZE(board), &m.value[MACHINE_BOARD]);
	if (r >= 0)
		r = dmi_look(door, bios, ARRAY_SIZE(bios), &m.value[MACHINE_BIOS]);
	if (r >= 0)
		r = dimms_look(door, &m.value[MACHINE_DIMMS]);
	if (r >= 0)
		r = memory_look(door, &m.value[MACHINE_MEMORY]);
	for (size_t i = 0; r >= 0 && i < MACHINE_KEYS; i++) {
		if (!m.value[i] || !*m.value[i]) {
			free(m.value[i]);
			m.value[i] = strdup(NONE);
		}
		if (m.value[i])
			word_clean(m.value[i]);
		else
			r = -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(m, struct machine, (struct machine){ { NULL } });
	return 0;
}

int machine_format(const struct machine *machine, char **ret)
{
	_cleanup_(freep) char *line = strdup(LINE_BEGIN);
	int r = line ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < MACHINE_KEYS; i++) {
		r = word_append(&line, " ", key_name[i]);
		if (r >= 0)
			r = word_append(&line, "=", machine->value[i]);
	}
	if (r >= 0)
		*ret = TAKE_PTR(line);
	return r;
}

/* " KEY=VALUE" at @p; each key once, in the order of the enum. */
static int value_parse(const char **p, enum machine_key key, char **ret)
{
	size_t length = strlen(key_name[key]), end;

	if (**p != ' ' || strncmp(*p + 1, key_name[key], length) != 0 || (*p)[1 + length] != '=')
		return -EBADMSG;
	*p += length + 2;
	end = strcspn(*p, " ");
	if (end == 0 || end > VALUE_MAX)
		return -EBADMSG;
	*ret = strndup(*p, end);
	if (!*ret)
		return -ENOMEM;
	*p += end;
	for (const char *c = *ret; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._:,/()+-", *c))
			return -EBADMSG;
	return 0;
}

int machine_parse(const char *line, struct machine *ret)
{
	_cleanup_(machine_done) struct machine m = { { NULL } };
	const char *p = line + strlen(LINE_BEGIN);
	int r = strncmp(line, LINE_BEGIN, strlen(LINE_BEGIN)) == 0 ? 0 : -EBADMSG;

	for (enum machine_key key = 0; r >= 0 && key < MACHINE_KEYS; key++)
		r = value_parse(&p, key, &m.value[key]);
	if (r >= 0 && *p)
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(m, struct machine, (struct machine){ { NULL } });
	return 0;
}

int machine_differ(const struct machine *then, const struct machine *now, char **ret)
{
	_cleanup_(freep) char *words = NULL;

	for (size_t i = 0; i < MACHINE_KEYS; i++) {
		_cleanup_(freep) char *one = NULL;
		int r;

		if (strcmp(then->value[i], now->value[i]) == 0)
			continue;
		if (asprintf(&one, "%s (%s then, %s now)", key_name[i], then->value[i], now->value[i]) < 0) {
			one = NULL;
			return -ENOMEM;
		}
		r = word_append(&words, ", ", one);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(words);
	return 0;
}
