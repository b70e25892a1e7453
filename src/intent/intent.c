/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The intent of a domain as a value: compared, changed thread by thread, and written as the element that stands in the domain's
 * <metadata>. What is written holds names, numbers and lists whose form was checked, so that nothing in it needs escaping.
 *
 * Called by virtrk define, virtrkd and the hook. Pure but for memory; judges the form and never whether it fits.
 */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "intent.h"

void intent_done(struct intent *intent)
{
	free(intent->items);
	*intent = (struct intent){ 0 };
}

struct intent *intent_free(struct intent *intent)
{
	if (intent)
		intent_done(intent);
	free(intent);
	return NULL;
}

bool intent_item_equal(const struct intent_item *a, const struct intent_item *b)
{
	return strcmp(a->thread, b->thread) == 0 && a->budget_ns == b->budget_ns && a->period_ns == b->period_ns &&
	       a->deadline_ns == b->deadline_ns && a->soft == b->soft && strcmp(a->cpus, b->cpus) == 0;
}

static bool memory_equal(const struct intent_memory *a, const struct intent_memory *b)
{
	return a->wanted == b->wanted && a->bytes == b->bytes && strcmp(a->colors, b->colors) == 0 && strcmp(a->banks, b->banks) == 0 &&
	       a->exclusive == b->exclusive && a->preserve == b->preserve && a->ways == b->ways;
}

bool intent_empty(const struct intent *intent)
{
	return intent->n == 0 && !intent->memory.wanted && intent->memory.ways == 0;
}

bool intent_slice(const char *partition, bool machined, char ret[INTENT_PARTITION_MAX])
{
	const char *name = partition + strspn(partition, "/");
	size_t length = strcspn(name, "/"), at = 0;

	/* escaped it may become four times as long */
	if (partition[0] != '/' || strncmp(name, "virtrk", 6) != 0 || length * 4 + sizeof(".partition") > INTENT_PARTITION_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (isalnum((unsigned char)name[i]) || strchr(":_.", name[i]))
			ret[at++] = name[i];
		else if (machined)
			at += (size_t)snprintf(ret + at, INTENT_PARTITION_MAX - at, "\\x%02x", (unsigned char)name[i]);
		else if (name[i] == '-')
			ret[at++] = name[i];
		else
			return false;
	}
	strcpy(ret + at, machined ? ".slice" : memchr(name, '.', length) ? "" : ".partition");
	at = strlen(ret);
	return strcmp(ret + at - strlen(".slice"), ".slice") == 0;
}

/* In whatever order. */
bool intent_equal(const struct intent *a, const struct intent *b)
{
	if (a->report != b->report || a->n != b->n || !memory_equal(&a->memory, &b->memory))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct intent_item *other = intent_find(b, a->items[i].thread);

		if (!other || !intent_item_equal(&a->items[i], other))
			return false;
	}
	return true;
}

const struct intent_item *intent_find(const struct intent *intent, const char *thread)
{
	for (size_t i = 0; i < intent->n; i++)
		if (strcmp(intent->items[i].thread, thread) == 0)
			return &intent->items[i];
	return NULL;
}

int intent_set(struct intent *intent, const struct intent_item *item)
{
	struct intent_item *items;

	for (size_t i = 0; i < intent->n; i++)
		if (strcmp(intent->items[i].thread, item->thread) == 0) {
			intent->items[i] = *item;
			return 0;
		}
	if (intent->n == INTENT_ITEMS_MAX)
		return -E2BIG;
	items = reallocarray(intent->items, intent->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	intent->items = items;
	items[intent->n++] = *item;
	return 0;
}

bool intent_unset(struct intent *intent, const char *thread)
{
	for (size_t i = 0; i < intent->n; i++)
		if (strcmp(intent->items[i].thread, thread) == 0) {
			intent->n--;
			memmove(&intent->items[i], &intent->items[i + 1], (intent->n - i) * sizeof(*intent->items));
			return true;
		}
	return false;
}

/* Digits, no leading zero, at most six: no thread and no CPU has a higher number. Moves on behind them. */
static bool number_take(const char **text)
{
	size_t digits = strspn(*text, "0123456789");
	bool ok = digits > 0 && digits <= 6 && (digits == 1 || **text != '0');

	*text += digits;
	return ok;
}

bool intent_thread_valid(const char *name)
{
	static const char *const kinds[] = { "vcpu", "iothread", "vhost" };

	if (strcmp(name, "emulator") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *number = name + strlen(kinds[i]);

		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			return number_take(&number) && *number == '\0';
	}
	return false;
}

bool intent_cpus_valid(const char *text)
{
	const char *p = text;

	if (strlen(text) >= INTENT_CPUS_MAX)
		return false;
	for (;;) {
		if (!number_take(&p))
			return false;
		if (*p == '-') {
			p++;
			if (!number_take(&p))
				return false;
		}
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

bool intent_colors_valid(const char *text, uint32_t *ret_number)
{
	*ret_number = 0;
	if (*text == '\0')
		return true;
	if (!intent_cpus_valid(text))
		return false;
	if (text[strspn(text, "0123456789")] != '\0')
		return true;
	*ret_number = (uint32_t)strtoul(text, NULL, 10);
	return *ret_number > 0;
}

bool intent_layout_read(const char *text, bool *ret_preserve)
{
	*ret_preserve = strcmp(text, "preserve") == 0;
	return *ret_preserve || strcmp(text, "any") == 0;
}

static void memory_write(FILE *f, const char *prefix, const struct intent_memory *memory)
{
	char size[VRK_BYTES_STRLEN];

	if (!memory->wanted)
		return;
	fprintf(f, "  <%smemory", prefix);
	if (memory->bytes > 0)
		fprintf(f, " size='%s'", vrk_bytes_format(size, memory->bytes));
	if (*memory->colors)
		fprintf(f, " colors='%s'", memory->colors);
	if (*memory->banks)
		fprintf(f, " banks='%s'", memory->banks);
	if (memory->exclusive)
		fputs(" exclusive='yes'", f);
	if (memory->preserve)
		fputs(" layout='preserve'", f);
	fputs("/>\n", f);
}

static void cache_write(FILE *f, const char *prefix, uint32_t ways)
{
	if (ways > 0)
		fprintf(f, "  <%scache ways='%" PRIu32 "'/>\n", prefix, ways);
}

static void item_write(FILE *f, const char *prefix, const struct intent_item *item)
{
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN];

	assert(intent_thread_valid(item->thread) && (!*item->cpus || intent_cpus_valid(item->cpus)));
	fprintf(f, "  <%sthread name='%s' budget='%s' period='%s'", prefix, item->thread,
		vrk_nsec_format(budget, item->budget_ns), vrk_nsec_format(period, item->period_ns));
	if (item->deadline_ns != item->period_ns)
		fprintf(f, " deadline='%s'", vrk_nsec_format(deadline, item->deadline_ns));
	if (item->soft)
		fputs(" soft='yes'", f);
	if (*item->cpus)
		fprintf(f, " cpus='%s'", item->cpus);
	fputs("/>\n", f);
}

int intent_write(const struct intent *intent, bool bare, char **ret)
{
	const char *prefix = bare ? "" : INTENT_PREFIX ":";
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "<%s" INTENT_ELEMENT "%s%s>\n", prefix, bare ? "" : " xmlns:" INTENT_PREFIX "='" INTENT_NAMESPACE "'",
		intent->report ? " on-refusal='report'" : "");
	memory_write(f, prefix, &intent->memory);
	cache_write(f, prefix, intent->memory.ways);
	for (size_t i = 0; i < intent->n; i++)
		item_write(f, prefix, &intent->items[i]);
	fprintf(f, "</%s" INTENT_ELEMENT ">\n", prefix);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
