/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * define, and show --xml: what a libvirt domain is to get whenever it starts. It stands in the domain's metadata, travels with it, and
 * virtrkd makes it true; here it is written, in the configuration and where the domain runs.
 *
 *   options    change the named threads, all others keep their lines
 *   --file     the document takes the place of all lines
 *   --remove   takes the named threads' lines away, or all
 *
 * A domain that runs is asked for at virtrkd first: what does not fit now is not written. For one that does not run, libvirt's hook
 * asks when it starts. Called by main.c.
 */
#include <string.h>

#include <virtrk/dbus.h>

#include "define.h"
#include "question.h"

struct target {
	const struct define_module *module;
	struct define_domain *domain;
};

static void target_done(struct target *target)
{
	if (target->domain)
		target->module->close(target->domain);
}

static int target_open(struct target *target, const struct arguments *arguments, const char *name, struct vr_error **reterr)
{
	const char *uri = arguments->given[OPTION_CONNECT] ? arguments->value[OPTION_CONNECT] : "qemu:///system";
	int r = define_load(&target->module, reterr);

	return r < 0 ? r : target->module->open(&target->domain, uri, name, reterr);
}

/* ---- what is to be written ---- */

static int item_make(const struct request *request, struct intent_item *ret, struct vr_error **reterr)
{
	*ret = (struct intent_item){
		.budget_ns = request->budget_ns, .period_ns = request->period_ns,
		.deadline_ns = request->deadline_ns ?: request->period_ns, .soft = request->flags & VIRTRK_RESERVE_SOFT,
	};
	if (!intent_thread_valid(request->thread))
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "\"%s\" names no thread: expected vcpuN, emulator, iothreadN or vhostN",
				    request->thread);
	strcpy(ret->thread, request->thread);
	if (!request->cpus)
		return 0;
	if (!intent_cpus_valid(request->cpus))
		return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "%s: \"%s\" is too long a list of CPUs, or one with leading zeros",
				    request->thread, request->cpus);
	strcpy(ret->cpus, request->cpus);
	return 0;
}

/* @whole: nothing but the document counts, and it may not name a thread twice. */
static int items_merge(const struct request_list *list, bool whole, struct intent *intent, struct vr_error **reterr)
{
	for (size_t i = 0; i < list->n; i++) {
		struct intent_item item;
		int r = item_make(&list->items[i], &item, reterr);

		if (r < 0)
			return r;
		if (whole && intent_find(intent, item.thread))
			return vr_error_set(reterr, -EINVAL, VR_DUPLICATE, "%s stands twice", item.thread);
		r = intent_set(intent, &item);
		if (r == -E2BIG)
			return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "more than %d threads in one domain", INTENT_ITEMS_MAX);
		if (r < 0)
			return r;
	}
	return 0;
}

static int refusal_take(const struct arguments *arguments, struct intent *intent, struct vr_error **reterr)
{
	const char *word = arguments->value[OPTION_ON_REFUSAL];

	if (!arguments->given[OPTION_ON_REFUSAL])
		return 0;
	intent->report = strcmp(word, "report") == 0;
	if (!intent->report && strcmp(word, "refuse") != 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--on-refusal %s: expected refuse or report", word);
	return 0;
}

/* ---- memory ---- */

#define OPTIONS_OF_MEMORY                                                                                     \
	(OPTION_BIT(OPTION_MEMORY) | OPTION_BIT(OPTION_SIZE) | OPTION_BIT(OPTION_COLORS) | OPTION_BIT(OPTION_BANKS) |       \
	 OPTION_BIT(OPTION_EXCLUSIVE) | OPTION_BIT(OPTION_LAYOUT))

#define THREAD_OPTIONS                                                                                        \
	(OPTIONS_THREADS | OPTION_BIT(OPTION_BUDGET) | OPTION_BIT(OPTION_PERIOD) | OPTION_BIT(OPTION_DEADLINE) | OPTION_BIT(OPTION_SOFT) | \
	 OPTION_BIT(OPTION_CPU) | OPTION_BIT(OPTION_FILE))

static bool gives_any(const struct arguments *arguments, uint64_t options)
{
	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		if (arguments->given[id] && (options & OPTION_BIT(id)))
			return true;
	return false;
}

static int colors_take(const struct arguments *arguments, enum option_id id, char ret[INTENT_CPUS_MAX], struct vr_error **reterr)
{
	const char *text = arguments->given[id] ? arguments->value[id] : "";
	uint32_t number;

	if (!intent_colors_valid(text, &number))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s %s: a number of them, at least 1, or a list such as 0-3",
				    option_defs[id].name, text);
	strcpy(ret, text);
	return 0;
}

static int memory_take(const struct arguments *arguments, struct intent_memory *ret, struct vr_error **reterr)
{
	const char *size = arguments->value[OPTION_SIZE];
	int r;

	if (!gives_any(arguments, OPTIONS_OF_MEMORY))
		return 0;
	*ret = (struct intent_memory){ .wanted = true, .exclusive = arguments->given[OPTION_EXCLUSIVE], .ways = ret->ways };
	if (size && (vrk_bytes_parse(size, &ret->bytes) < 0 || ret->bytes == 0 || ret->bytes % 4096 != 0))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--size %s: whole pages of 4KiB, a number with B, KiB, MiB, GiB or TiB", size);
	r = colors_take(arguments, OPTION_COLORS, ret->colors, reterr);
	if (r >= 0)
		r = colors_take(arguments, OPTION_BANKS, ret->banks, reterr);
	if (r >= 0 && arguments->given[OPTION_LAYOUT] && !intent_layout_read(arguments->value[OPTION_LAYOUT], &ret->preserve))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--layout %s: preserve or any", arguments->value[OPTION_LAYOUT]);
	if (r >= 0 && ret->exclusive && !*ret->colors)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--exclusive: which colours? --colors is missing");
	return r;
}

static int ways_take(const struct arguments *arguments, struct intent_memory *ret, struct vr_error **reterr)
{
	if (!arguments->given[OPTION_WAYS])
		return 0;
	if (options_number_read(arguments, OPTION_WAYS, INTENT_WAYS_MAX, &ret->ways) < 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--ways %s: a number from 1 to %d", arguments->value[OPTION_WAYS], INTENT_WAYS_MAX);
	return 0;
}

static bool gives_ways(const struct arguments *arguments, const struct question *question)
{
	return arguments->given[OPTION_WAYS] || question->document.memory.ways > 0;
}

/* What a document is silent about stays. */
static void memory_merge(const struct intent_memory *before, const struct intent_memory *document, struct intent_memory *ret)
{
	*ret = document->wanted ? *document : *before;
	ret->ways = document->ways ?: before->ways;
}

static int partition_check(const struct arguments *arguments, struct vr_error **reterr)
{
	const char *path = arguments->value[OPTION_PARTITION];

	if (!arguments->given[OPTION_PARTITION] || (path[0] == '/' && path[1]))
		return 0;
	return vr_error_set(reterr, -EINVAL, VR_FAILED, "--partition %s: a path such as /machine or /virtrk", path);
}

/* ---- does it fit now? ---- */

/* 0 also when nobody can say: virtrkd may not run here, and need not. */
static int fit_check(const struct arguments *arguments, struct question *question, uint32_t ways, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	_cleanup_(client_closep) struct client *client = NULL;

	for (size_t i = 0; i < question->document.requests.n; i++)
		question->document.requests.items[i].flags |= VIRTRK_RESERVE_REPLACE;
	if (client_open(&client, arguments->value[OPTION_BUS], NULL) < 0)
		return 0;
	if (ways > 0 && client_cache_check(client, question->domain, ways, &why) < 0 && why &&
	    (why->reason == VR_OVERLOAD || why->reason == VR_UNSUPPORTED))
		return vr_error_set(reterr, -EDQUOT, why->reason, "%s runs, and this does not fit: %s; nothing was written", question->domain,
				    why->text ?: "");
	if (question->document.requests.n == 0 ||
	    client_check(client, question->domain, &question->document.requests, &verdict, NULL) < 0 || answer_bool(verdict, "fits"))
		return 0;
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "%s runs, and this does not fit: %s; %s; nothing was written", question->domain,
			    answer_text(verdict, "reason"), answer_text(verdict, "repair"));
}

/* ---- define ---- */

static int intent_put(struct target *target, const struct intent *intent, struct vr_error **reterr)
{
	_cleanup_(freep) char *element = NULL;
	int r = intent_empty(intent) ? 0 : intent_write(intent, true, &element);

	return r < 0 ? r : target->module->write(target->domain, element, reterr);
}

static void defined_page(const struct target *target, const struct question *question)
{
	for (size_t i = 0; i < question->document.requests.n; i++) {
		const struct request *item = &question->document.requests.items[i];
		char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];

		cli_print("defined %s for %s of %s in every %s (%s)", vrk_nsec_format(budget, item->budget_ns), item->thread,
			  question->domain, vrk_nsec_format(period, item->period_ns),
			  target->module->active(target->domain) ? "now and at each start" : "at each start");
	}
}

/* What stands there already; what cannot be read is not built upon, but a whole document may take its place. */
static int before_read(struct target *target, bool needed, struct intent *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	int r = target->module->read(target->domain, ret, &why);

	if (r == -ENOENT || (!needed && (r == -EBADMSG || r == -EPROTONOSUPPORT)))
		return 0;
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s", why->text ?: strerror(-r));
	return r;
}

static int define_do(const struct arguments *arguments, struct question *question, struct target *target, struct vr_error **reterr)
{
	bool whole = arguments->given[OPTION_FILE];
	_cleanup_(intent_done) struct intent before = { 0 }, intent = { 0 };
	int r;

	r = target_open(target, arguments, question->domain, reterr);
	if (r >= 0)
		r = before_read(target, !whole, whole ? &before : &intent, reterr);
	if (r < 0)
		return r;
	if (whole) {
		intent.report = before.report;
		memory_merge(&before.memory, &question->document.memory, &intent.memory);
	}
	r = memory_take(arguments, &intent.memory, reterr);
	if (r >= 0)
		r = ways_take(arguments, &intent.memory, reterr);
	if (r >= 0)
		r = items_merge(&question->document.requests, whole, &intent, reterr);
	if (r >= 0)
		r = refusal_take(arguments, &intent, reterr);
	if (r >= 0 && target->module->active(target->domain))
		r = fit_check(arguments, question, gives_ways(arguments, question) ? intent.memory.ways : 0, reterr);
	if (r >= 0 && (gives_any(arguments, OPTIONS_OF_MEMORY) || question->document.memory.wanted))
		r = target->module->back_by_file(target->domain, reterr);
	if (r >= 0 && arguments->given[OPTION_PARTITION])
		r = target->module->partition(target->domain, arguments->value[OPTION_PARTITION], reterr);
	return r < 0 ? r : intent_put(target, &intent, reterr);
}

static int define_remove(const struct arguments *arguments)
{
	_cleanup_(target_done) struct target target = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(intent_done) struct intent intent = { 0 };
	const char *domain = arguments->operands[1];
	int r;

	if (arguments->n_operands < 2)
		return cli_say(CLI_USAGE, "define --remove needs a DOMAIN");
	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		if (arguments->given[id] && (OPTION_BIT(id) & (OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_BUDGET) | OPTION_BIT(OPTION_PERIOD) |
							       OPTION_BIT(OPTION_DEADLINE) | OPTION_BIT(OPTION_SOFT) | OPTION_BIT(OPTION_CPU) |
							       OPTION_BIT(OPTION_PARTITION) | OPTION_BIT(OPTION_ON_REFUSAL) |
							       OPTION_BIT(OPTION_WAYS) | OPTIONS_OF_MEMORY)))
			return cli_say(CLI_USAGE, "--remove takes away, --%s has no place beside it", option_defs[id].name);
	r = target_open(&target, arguments, domain, &err);
	if (r >= 0)
		r = before_read(&target, arguments->threads.n > 0, &intent, &err);
	if (r < 0)
		return cli_fail(r, err);
	for (size_t i = 0; i < arguments->threads.n; i++)
		if (!intent_unset(&intent, arguments->threads.names[i]))
			return cli_say(CLI_FAILED, "%s of %s has no reservation in its metadata", arguments->threads.names[i], domain);
	if (arguments->threads.n == 0)
		intent_done(&intent);
	r = intent_put(&target, &intent, &err);
	if (r < 0)
		return cli_fail(r, err);
	for (size_t i = 0; i < arguments->threads.n; i++)
		cli_print("removed %s from the metadata of %s", arguments->threads.names[i], domain);
	if (arguments->threads.n == 0)
		cli_print("removed all from the metadata of %s", domain);
	return CLI_DONE;
}

int verb_define(const struct arguments *arguments)
{
	_cleanup_(question_done) struct question question = { 0 };
	_cleanup_(target_done) struct target target = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = 0;

	if (arguments->given[OPTION_REMOVE])
		return define_remove(arguments);
	if (gives_any(arguments, OPTIONS_OF_MEMORY | OPTION_BIT(OPTION_WAYS)) && arguments->n_operands > 1 &&
	    !gives_any(arguments, THREAD_OPTIONS))
		question.domain = arguments->operands[1];	/* of memory and cache alone */
	else
		r = question_read(arguments, &question, &err);
	if (r >= 0)
		r = partition_check(arguments, &err);
	if (r < 0)
		return question_fail(r, err);
	r = define_do(arguments, &question, &target, &err);
	if (r == -EINVAL)
		return question_fail(r, err);
	if (r < 0)
		return cli_fail(r, err);
	defined_page(&target, &question);
	if (gives_any(arguments, OPTIONS_OF_MEMORY) || question.document.memory.wanted)
		cli_print("from its next start on %s has memory of its own", question.domain);
	if (gives_ways(arguments, &question))
		cli_print("%s gets ways of the cache for itself (%s)", question.domain,
			  target.module->active(target.domain) ? "now and at each start" : "at each start");
	if (arguments->given[OPTION_PARTITION])
		cli_print("from its next start on %s is in the partition %s", question.domain, arguments->value[OPTION_PARTITION]);
	return CLI_DONE;
}

int define_show(const struct arguments *arguments)
{
	_cleanup_(target_done) struct target target = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(intent_done) struct intent intent = { 0 };
	_cleanup_(freep) char *element = NULL;
	int r = target_open(&target, arguments, arguments->operands[1], &err);

	if (r >= 0)
		r = target.module->read(target.domain, &intent, &err);
	if (r == -ENOENT && !err)
		return cli_say(CLI_FAILED, "%s has no reservations in its metadata", arguments->operands[1]);
	if (r >= 0)
		r = intent_write(&intent, false, &element);
	if (r < 0)
		return cli_fail(r, err);
	return fputs(element, stdout) < 0 ? CLI_FAILED : CLI_DONE;
}
