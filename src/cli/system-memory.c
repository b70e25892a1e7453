/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a system description: what the host has to give by cache colour and DRAM bank, and what each VM wants of it. As
 * strict as the rest of the reader, with the place of whatever is wrong. A set may be named, or only its size be given (the plan
 * chooses then), or be left out: then it is all that no other VM has for itself.
 *
 * Called by system-document.c. Decides nothing about what fits.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "system-reader.h"

void system_memory_done(struct system_memory *memory)
{
	free(memory->frames);
	free(memory->requests);
	free(memory->wishes);
	free(memory->vms);
	free(memory->names);
	*memory = (struct system_memory){ 0 };
}

/* An amount: text with a unit, or whole bytes. */
static int size_read(struct reader *reader, const struct value *value, const struct place *place, uint64_t *ret)
{
	int r;

	if (value->type == VALUE_INT) {
		if (value->number < 0 || value->number == INT64_MAX)
			return place_broken(place, reader->reterr, "must be from 0 to 2^63-2 bytes");
		*ret = (uint64_t)value->number;
		return 0;
	}
	if (value->type != VALUE_STRING)
		return place_broken(place, reader->reterr, "must be an amount like \"512MiB\", or whole bytes, not %s", value_type_name(value));
	r = vrk_bytes_parse(value->text, ret);
	return r == 0 ? 0 : place_broken(place, reader->reterr, r == -ERANGE ? "too large" :
					 "must be a whole number and its unit: B, KiB, MiB, GiB or TiB");
}

/* ---- the host ---- */

static int bank_row_read(struct reader *reader, const struct value *row, const struct place *place, struct system_memory *memory,
			 uint32_t color)
{
	uint32_t bank = 0;

	if (row->type != VALUE_ARRAY || row->n != memory->host.banks)
		return place_broken(place, reader->reterr, "must be an array of %" PRIu32 " amounts, one of each bank", memory->host.banks);
	for (const struct value *v = row->first; v; v = v->next, bank++) {
		struct place at;
		uint64_t bytes = 0;
		int r;

		place_index(&at, place, bank);
		r = size_read(reader, v, &at, &bytes);
		if (r >= 0 && bytes / VRK_FRAME_BYTES > VRK_FRAMES_MAX)
			return place_broken(&at, reader->reterr, "too large");
		if (r < 0)
			return r;
		memory->frames[color * memory->host.banks + bank] = bytes / VRK_FRAME_BYTES;
	}
	return 0;
}

static int capacities_read(struct reader *reader, const struct value *rows, const struct place *place, struct system_memory *memory)
{
	struct place below;
	uint32_t color = 0;

	place_key(&below, place, "capacities");
	if (rows->type != VALUE_ARRAY || rows->n != memory->host.colors)
		return place_broken(&below, reader->reterr, "must be an array of %" PRIu32 " arrays, one of each colour", memory->host.colors);
	for (const struct value *row = rows->first; row; row = row->next, color++) {
		struct place at;
		int r;

		place_index(&at, &below, color);
		r = bank_row_read(reader, row, &at, memory, color);
		if (r < 0)
			return r;
	}
	return 0;
}

enum host_key { HOST_SIZE, HOST_COLORS, HOST_BANKS, HOST_CAPACITIES, HOST_RELOAD, HOST_DRAM, _HOST_KEYS };

/* The same in every pair, unless capacities say otherwise. Whole frames, rounded down. */
static int frames_fill(struct reader *reader, const struct value *const v[_HOST_KEYS], const struct place *place,
		       struct system_memory *memory)
{
	size_t pairs = (size_t)memory->host.colors * memory->host.banks;
	struct place below;
	uint64_t size = 0;
	int r;

	memory->frames = calloc(pairs, sizeof(*memory->frames));
	if (!memory->frames)
		return -ENOMEM;
	memory->host.frames = memory->frames;
	if (v[HOST_CAPACITIES])
		return capacities_read(reader, v[HOST_CAPACITIES], place, memory);
	place_key(&below, place, "size");
	r = size_read(reader, v[HOST_SIZE], &below, &size);
	if (r < 0)
		return r;
	if (size / VRK_FRAME_BYTES / pairs > VRK_FRAMES_MAX)
		return place_broken(&below, reader->reterr, "too large");
	for (size_t i = 0; i < pairs; i++)
		memory->frames[i] = size / VRK_FRAME_BYTES / pairs;
	return 0;
}

int memory_host(struct reader *reader, const struct value *object, const struct place *host)
{
	static const struct key known[_HOST_KEYS] = {
		[HOST_SIZE] = KEY("size"), [HOST_COLORS] = KEY("colors"), [HOST_BANKS] = KEY("banks"), [HOST_CAPACITIES] = KEY("capacities"),
		[HOST_RELOAD] = KEY("color_reload"), [HOST_DRAM] = KEY("dram"),
	};
	struct system_memory *memory = &reader->document->memory;
	const struct value *v[_HOST_KEYS];
	int64_t colors = 1, banks = 1;
	struct place place;
	int r;

	if (!object)
		return 0;
	place_key(&place, host, "memory");
	r = reader_members(reader, object, &place, known, _HOST_KEYS, v);
	if (r >= 0)
		r = reader_member_integer(reader, v[HOST_COLORS], &place, "colors", 1, VRK_COLORS_MAX, &colors);
	if (r >= 0)
		r = reader_member_integer(reader, v[HOST_BANKS], &place, "banks", 1, VRK_COLORS_MAX, &banks);
	if (r >= 0)
		r = reader_member_time(reader, v[HOST_RELOAD], &place, "color_reload", false, &memory->reload_ns);
	memory->reload_given = v[HOST_RELOAD];
	if (r >= 0)
		r = dram_host(reader, v[HOST_DRAM], &place);
	if (r < 0)
		return r;
	if (colors * banks > VRK_CELLS_MAX)
		return place_broken(&place, reader->reterr, "more than %d pairs of a colour and a bank", VRK_CELLS_MAX);
	if (!v[HOST_SIZE] == !v[HOST_CAPACITIES])
		return place_broken(&place, reader->reterr, "needs size or capacities, and not both");
	memory->host.colors = (uint32_t)colors;
	memory->host.banks = (uint32_t)banks;
	return frames_fill(reader, v, &place, memory);
}

/* ---- VMs ---- */

/* A number: so many. An array: these. "best" (where @best): as many as the plan finds best. Left out: whatever nobody else has for himself. */
static int set_read(struct reader *reader, const struct value *value, const struct place *place, const char *key, uint32_t limit,
		    bool best, struct vrk_colors *ret, uint32_t *ret_wish)
{
	struct place below;
	size_t i = 0;

	place_key(&below, place, key);
	*ret_wish = VRK_COLORS_LEFT;
	if (!value)
		return 0;
	if (value->type == VALUE_INT) {
		if (value->number < 1 || value->number > limit)
			return place_broken(&below, reader->reterr, "must be from 1 to the host's %" PRIu32 ", or an array of numbers", limit);
		*ret_wish = (uint32_t)value->number;
		return 0;
	}
	if (best && value->type == VALUE_STRING && strcmp(value->text, "best") == 0) {
		*ret_wish = SYSTEM_COLORS_BEST;
		return 0;
	}
	if (value->type != VALUE_ARRAY || value->n == 0)
		return place_broken(&below, reader->reterr, "must be a number (so many), or an array of numbers from 0 to %" PRIu32, limit - 1);
	for (const struct value *v = value->first; v; v = v->next) {
		struct place at;

		place_index(&at, &below, i++);
		if (v->type != VALUE_INT || v->number < 0 || v->number >= limit)
			return place_broken(&at, reader->reterr, "must be a whole number from 0 to %" PRIu32, limit - 1);
		if (vrk_colors_have(ret, (uint32_t)v->number))
			return place_broken(&at, reader->reterr, "given twice");
		vrk_colors_add(ret, (uint32_t)v->number);
	}
	*ret_wish = 0;
	return 0;
}

int memory_init(struct reader *reader, size_t n_vms)
{
	struct system_memory *memory = &reader->document->memory;
	size_t n = n_vms < VRK_REQUESTS_MAX ? n_vms : VRK_REQUESTS_MAX;

	memory->requests = calloc(n + 1, sizeof(*memory->requests));
	memory->wishes = calloc(n + 1, sizeof(*memory->wishes));
	memory->vms = calloc(n + 1, sizeof(*memory->vms));
	memory->names = calloc(n + 1, sizeof(*memory->names));
	return memory->requests && memory->wishes && memory->vms && memory->names ? 0 : -ENOMEM;
}

enum memory_key { MEMORY_SIZE, MEMORY_COLORS, MEMORY_BANKS, MEMORY_EXCLUSIVE, _MEMORY_KEYS };

static int exclusive_read(struct reader *reader, const struct value *const v[_MEMORY_KEYS], const struct place *place,
			  struct vrk_memory_request *request)
{
	const struct value *value = v[MEMORY_EXCLUSIVE];
	struct place below;

	place_key(&below, place, "exclusive");
	if (!value)
		return 0;
	if (value->type != VALUE_BOOLEAN)
		return place_broken(&below, reader->reterr, "must be true or false, not %s", value_type_name(value));
	if (value->truth && !v[MEMORY_COLORS] && !v[MEMORY_BANKS])
		return place_broken(&below, reader->reterr, "of what? cache_colors and banks are left out");
	request->exclusive_colors = value->truth && v[MEMORY_COLORS];
	request->exclusive_banks = value->truth && v[MEMORY_BANKS];
	return 0;
}

int memory_vm(struct reader *reader, const struct value *object, const struct place *vm, size_t index, const char *name)
{
	static const struct key known[_MEMORY_KEYS] = {
		[MEMORY_SIZE] = KEY("size"), [MEMORY_COLORS] = KEY("cache_colors"), [MEMORY_BANKS] = KEY("banks"),
		[MEMORY_EXCLUSIVE] = KEY("exclusive"),
	};
	struct system_memory *memory = &reader->document->memory;
	struct vrk_memory_request *request = &memory->requests[memory->n];
	struct vrk_memory_wish *wish = &memory->wishes[memory->n];
	const struct value *v[_MEMORY_KEYS];
	struct place place, size;
	int r;

	if (!object)
		return 0;
	place_key(&place, vm, "memory");
	place_key(&size, &place, "size");
	if (memory->host.colors == 0)
		return place_broken(&place, reader->reterr, "the host has none: host.memory is missing");
	if (memory->n == VRK_REQUESTS_MAX)
		return place_broken(&place, reader->reterr, "more than %d VMs with memory", VRK_REQUESTS_MAX);
	r = reader_members(reader, object, &place, known, _MEMORY_KEYS, v);
	if (r < 0)
		return r;
	r = v[MEMORY_SIZE] ? size_read(reader, v[MEMORY_SIZE], &size, &request->bytes) : place_broken(&size, reader->reterr, "missing");
	if (r >= 0 && (request->bytes == 0 || request->bytes / VRK_FRAME_BYTES >= VRK_FRAMES_MAX))
		return place_broken(&size, reader->reterr, request->bytes == 0 ? "must be above zero" : "too large");
	if (r >= 0)
		r = set_read(reader, v[MEMORY_COLORS], &place, "cache_colors", memory->host.colors, true, &request->colors, &wish->colors);
	if (r >= 0)
		r = set_read(reader, v[MEMORY_BANKS], &place, "banks", memory->host.banks, false, &request->banks, &wish->banks);
	if (r >= 0)
		r = exclusive_read(reader, v, &place, request);
	memory->vms[memory->n] = index;
	memory->names[memory->n++] = name;
	return r;
}
