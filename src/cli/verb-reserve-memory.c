/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reservation document wants besides CPU time, for reserve and check. Memory is no wish any more when a domain runs: it had to be
 * mounted before QEMU was started (virtrk memory mount --file), so it is asked whether the domain has what the document says, first of all. Ways
 * of the cache are taken next, and given back when the threads are refused.
 *
 * Called by verb-reserve.c.
 */
#include <string.h>

#include "verb-reserve.h"

void wish_of_memory(const char *domain, const struct intent_memory *memory, struct memory_wish *ret)
{
	*ret = (struct memory_wish){ .domain = domain, .bytes = memory->bytes, .exclusive = memory->exclusive, .preserve = memory->preserve };
	(void)intent_colors_valid(memory->colors, &ret->n_colors);
	(void)intent_colors_valid(memory->banks, &ret->n_banks);
	ret->colors = ret->n_colors == 0 && *memory->colors ? memory->colors : NULL;
	ret->banks = ret->n_banks == 0 && *memory->banks ? memory->banks : NULL;
}

int reserve_memory_check(struct client *client, const struct question *question, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *options = NULL;
	struct memory_wish wish;

	if (!question->document.memory.wanted)
		return 0;
	wish_of_memory(question->domain, &question->document.memory, &wish);
	wish.mounted = true;
	return client_memory_ask(client, &wish, false, &options, reterr);
}

static int group_find(struct client *client, const char *domain, bool *ret, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *groups = NULL;
	int r = client_caches(client, &groups, reterr);

	*ret = false;
	for (size_t i = 0; r >= 0 && i < json_object_array_length(groups); i++)
		*ret |= strcmp(answer_text(json_object_array_get_idx(groups, i), "domain"), domain) == 0;
	return r;
}

int reserve_ways_take(struct client *client, const struct question *question, bool replace, bool *ret_undo, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *lines = NULL;
	bool has;
	int r;

	*ret_undo = false;
	if (question->document.memory.ways == 0)
		return 0;
	r = group_find(client, question->domain, &has, reterr);
	if (r < 0)
		return r;
	if (has && !replace)
		return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
				    "%s has ways of the cache already: --replace, or give them back first (virtrk cache %s --remove)",
				    question->domain, question->domain);
	r = client_cache_reserve(client, question->domain, question->document.memory.ways, 0, &lines, reterr);
	*ret_undo = r >= 0 && !has;
	return r;
}

void reserve_ways_undo(struct client *client, const struct question *question)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	if (client_cache_release(client, question->domain, &err) < 0)
		(void)cli_say(CLI_FAILED, "the ways of the cache stay with %s: %s", question->domain,
			      err && err->text ? err->text : "they cannot be given back");
}
