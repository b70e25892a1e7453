/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin of QEMU's emulator: shows each data access of the emulated host, by its physical address, to a model of a
 * shared cache and of DRAM's row buffers (cache-model.h). This is a simulated cache: the emulator has none, so no time
 * depends on it; what is counted is which accesses would miss there. Instructions that are fetched are not shown to it.
 *
 * Loaded by tests/vm/run in tier D: -plugin FILE,size=BYTES,ways=N,line=BYTES,row=BIT,profile=TEXT,out=FILE. Nothing is
 * modelled until the host touches the first mark (cache-load.h). When a phase ends, its counts are written, a line for each
 * class ("phase 1 victim accesses 12 misses 3 ...") and, for the victim, one of misses by colour and one of conflicts by bank.
 *
 * QEMU's own header is in no package; these are the declarations that are used, of version 4 of its interface.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache-load.h"
#include "cache-model.h"

#define QEMU_INTERFACE	4
#define EXPORT		__attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_info;

enum { QEMU_CALLBACK_NO_REGISTERS = 0 };
enum { QEMU_READS_AND_WRITES = 3 };

typedef void (*mem_callback)(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*callback)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_callback callback, int flags, int rw, void *userdata);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t id, void *userdata), void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *address);

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

EXPORT int qemu_plugin_version = QEMU_INTERFACE;

/* The emulator has one thread in tier D, so there is no lock; it loads a plugin once. */
static struct {
	struct cache_model *model;
	FILE *out;
	unsigned int phase;
	bool on;
} plugin;

static const char *const class_names[CACHE_CLASSES] = { "victim", "aggressor", "others" };

static void counts_write(enum cache_class who)
{
	const struct cache_counts *c = cache_model_counts(plugin.model, who);

	fprintf(plugin.out,
		"phase %u %s accesses %" PRIu64 " misses %" PRIu64 " evicted-by-victim %" PRIu64 " evicted-by-aggressor %" PRIu64
		" evicted-by-others %" PRIu64 " row-hits %" PRIu64 " row-opens %" PRIu64 " conflicts-with-victim %" PRIu64
		" conflicts-with-aggressor %" PRIu64 " conflicts-with-others %" PRIu64 "\n",
		plugin.phase, class_names[who], c->accesses, c->misses, c->evicted[CACHE_VICTIM], c->evicted[CACHE_AGGRESSOR],
		c->evicted[CACHE_OTHERS], c->row_hits, c->row_opens, c->row_conflicts[CACHE_VICTIM],
		c->row_conflicts[CACHE_AGGRESSOR], c->row_conflicts[CACHE_OTHERS]);
}

static void list_write(const char *what, const uint64_t *count, uint32_t n)
{
	uint32_t i;

	fprintf(plugin.out, "phase %u %s", plugin.phase, what);
	for (i = 0; i < n; i++)
		fprintf(plugin.out, " %" PRIu64, count[i]);
	fprintf(plugin.out, "\n");
}

static void phase_begin(unsigned int phase)
{
	const uint64_t *list;
	uint32_t n;
	int who;

	if (plugin.phase > 0) {
		for (who = 0; who < CACHE_CLASSES; who++)
			counts_write((enum cache_class)who);
		list = cache_model_color_misses(plugin.model, CACHE_VICTIM, &n);
		list_write("victim-misses-by-color", list, n);
		list = cache_model_bank_conflicts(plugin.model, CACHE_VICTIM, &n);
		list_write("victim-conflicts-by-bank", list, n);
		fflush(plugin.out);
	}
	cache_model_reset_counts(plugin.model);
	plugin.phase = phase;
	plugin.on = true;
}

static bool within(uint64_t address, uint64_t window, uint64_t size)
{
	return address - window < size;		/* unsigned: what is below the window is far above it */
}

static void access_seen(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *userdata)
{
	enum cache_class who = CACHE_OTHERS;
	struct qemu_plugin_hwaddr *address;

	(void)vcpu;
	(void)userdata;
	if (within(vaddr, CACHE_LOAD_MARKS, CACHE_LOAD_PHASES * sizeof(uint64_t))) {
		phase_begin((unsigned int)((vaddr - CACHE_LOAD_MARKS) / sizeof(uint64_t)));
		return;
	}
	if (!plugin.on)
		return;
	address = qemu_plugin_get_hwaddr(info, vaddr);
	if (!address || qemu_plugin_hwaddr_is_io(address))
		return;
	if (within(vaddr, CACHE_LOAD_VICTIM, CACHE_LOAD_WINDOW))
		who = CACHE_VICTIM;
	else if (within(vaddr, CACHE_LOAD_AGGRESSOR, CACHE_LOAD_WINDOW))
		who = CACHE_AGGRESSOR;
	cache_model_access(plugin.model, who, qemu_plugin_hwaddr_phys_addr(address));
}

static void block_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), access_seen, QEMU_CALLBACK_NO_REGISTERS,
						 QEMU_READS_AND_WRITES, NULL);
}

static void at_end(uint64_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	fclose(plugin.out);
	plugin.model = cache_model_free(plugin.model);
}

/* --- what it is told ----------------------------------------------------------------------------------------------- */

static uint32_t shift_of(uint64_t bytes)
{
	uint32_t shift = 0;

	while (shift < 63 && 1ULL << shift < bytes)
		shift++;
	return 1ULL << shift == bytes ? shift : 64;	/* 64 is refused by the model */
}

/* "NAME=" at the beginning of @word: what stands behind it. */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static int refused(const char *why, const char *word)
{
	fprintf(stderr, "plugin-cache: %s%s%s\n", why, word ? ": " : "", word ?: "");
	return -1;
}

static int word_read(const char *word, struct cache_geometry *g, struct color_map *map)
{
	const char *value;
	size_t at;

	if ((value = value_of(word, "size"))) {
		g->size = strtoull(value, NULL, 10);
	} else if ((value = value_of(word, "ways"))) {
		g->ways = (uint32_t)strtoul(value, NULL, 10);
	} else if ((value = value_of(word, "line"))) {
		g->line_shift = shift_of(strtoull(value, NULL, 10));
	} else if ((value = value_of(word, "row"))) {
		g->row_shift = (uint32_t)strtoul(value, NULL, 10);
	} else if ((value = value_of(word, "out"))) {
		plugin.out = fopen(value, "we");
		if (!plugin.out)
			return refused(strerror(errno), word);
	} else if ((value = value_of(word, "profile"))) {
		enum color_fault fault = color_map_parse(map, value, strlen(value), &at);

		if (fault != COLOR_OK)
			return refused(color_fault_text(fault), word);
	} else {
		return refused("unknown word", word);
	}
	return 0;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	struct cache_geometry geometry = { 0 };
	struct color_map map = { 0 };
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (word_read(argv[i], &geometry, &map) < 0)
			return -1;
	}
	if (!plugin.out)
		return refused("out= is missing", NULL);
	if (cache_model_new(&plugin.model, &geometry, &map) < 0)
		return refused("no such cache, or the profile's colours are not the page-number bits of its sets", NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, at_end, NULL);
	return 0;
}
