/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reserve, check and release. The question (question.c) is about one domain; virtrkd decides it as a whole. check and reserve take
 * the same words and ask the same question; only reserve acts on a yes.
 *
 * Called by main.c. Judges the form of what was typed and never whether it fits.
 */
#include <string.h>

#include <virtrk/dbus.h>

#include "cli.h"
#include "question.h"
#include "verb-reserve.h"

/* ---- answers ---- */

static void verdict_page(struct json_object *verdict, const struct request_list *list)
{
	const char *reason = answer_text(verdict, "reason"), *repair = answer_text(verdict, "repair");
	const char *test = answer_text(verdict, "test"), *regime = answer_text(verdict, "regime");
	bool fits = answer_bool(verdict, "fits");

	cli_print("fits:    %s", fits ? "yes" : "no");
	if (json_object_object_get_ex(verdict, "memory", NULL))		/* memory_judge() */
		cli_print("memory:  %s", *answer_text(verdict, "memory") ? answer_text(verdict, "memory") : "as the document says");
	cli_print(*regime ? "test:    %s (%s)" : "test:    %s", test, regime);
	if (!fits && !answer_is_null(verdict, "index") && answer_u64(verdict, "index") < list->n)
		cli_print("thread:  %s", list->items[answer_u64(verdict, "index")].thread);
	if (*reason)
		cli_print("why:     %s", reason);
	if (*repair)
		cli_print("repair:  %s", repair);
}

static int member_set(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) >= 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/* The verdict says it too: what has not its memory does not fit. */
static int memory_judge(struct client *client, const struct question *question, struct json_object *verdict, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	int r;

	if (!question->document.memory.wanted)
		return 0;
	r = reserve_memory_check(client, question, &why);
	if (r >= 0)
		return member_set(verdict, "memory", json_object_new_string(""));
	if (!why || why->reason != VR_NOT_RESERVED) {
		*reterr = TAKE_PTR(why);
		return r;
	}
	r = member_set(verdict, "memory", json_object_new_string(why->text ?: strerror(-r)));
	return r < 0 ? r : member_set(verdict, "fits", json_object_new_boolean(false));
}

int verb_check(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(question_done) struct question question = { 0 };
	int r = question_read(arguments, &question, &err), code = CLI_DONE;

	if (r < 0)
		return question_fail(r, err);
	r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = client_check(client, question.domain, &question.document.requests, &verdict, &err);
	if (r >= 0)
		r = memory_judge(client, &question, verdict, &err);
	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		code = cli_print_json(verdict);
	else
		verdict_page(verdict, &question.document.requests);
	if (code != CLI_DONE)
		return code;
	return answer_bool(verdict, "fits") ? CLI_DONE : CLI_REFUSED;
}

/*
 * Reserve() refuses with one line; what a person wants is the reason and then the repair, and a program the verdict.
 * Check() has both. Should it fit by now, the line stands.
 */
static int reserve_refused(const struct arguments *arguments, struct client *client, const struct question *question,
			   const struct vr_error *err)
{
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	const char *repair;

	if (client_check(client, question->domain, &question->document.requests, &verdict, NULL) < 0 ||
	    answer_bool(verdict, "fits"))
		return cli_fail(-EBUSY, err);
	if (arguments->given[OPTION_JSON] && cli_print_json(verdict) != CLI_DONE)
		return CLI_FAILED;
	repair = answer_text(verdict, "repair");
	cli_say(CLI_REFUSED, "does not fit: %s", answer_text(verdict, "reason"));
	if (*repair)
		cli_say(CLI_REFUSED, "%s", repair);
	return CLI_REFUSED;
}

static void reserved_page(const struct question *question, struct json_object *verdict)
{
	for (size_t i = 0; i < question->document.requests.n; i++) {
		const struct request *item = &question->document.requests.items[i];
		char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN];
		bool early = item->deadline_ns && item->deadline_ns != item->period_ns;

		cli_print("reserved %s for %s of %s in every %s%s%s%s (%s%s%s)", vrk_nsec_format(budget, item->budget_ns),
			  item->thread, question->domain, vrk_nsec_format(period, item->period_ns),
			  early ? ", within " : "", early ? vrk_nsec_format(deadline, item->deadline_ns) : "",
			  item->flags & VIRTRK_RESERVE_SOFT ? ", soft" : "", answer_text(verdict, "test"),
			  item->cpus ? "; " : "", item->cpus ? answer_text(verdict, "regime") : "");
	}
}

int verb_reserve(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(question_done) struct question question = { 0 };
	int r = question_read(arguments, &question, &err);
	bool undo = false;

	if (r < 0)
		return question_fail(r, err);
	r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = reserve_memory_check(client, &question, &err);
	if (r >= 0)
		r = reserve_ways_take(client, &question, arguments->given[OPTION_REPLACE], &undo, &err);
	if (r < 0)
		return cli_fail(r, err);
	r = client_reserve(client, question.domain, &question.document.requests, &verdict, &err);
	if (r < 0 && undo)
		reserve_ways_undo(client, &question);
	if (r < 0 && err && err->reason == VR_OVERLOAD)
		return reserve_refused(arguments, client, &question, err);
	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		return cli_print_json(verdict);
	reserved_page(&question, verdict);
	return CLI_DONE;
}

int verb_release(const struct arguments *arguments)
{
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *domain = arguments->operands[1];
	int r = cli_connect(&client, arguments, &err);

	if (r >= 0)
		r = client_release(client, domain, &arguments->threads, &err);
	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		return CLI_DONE;
	if (arguments->threads.n == 0)
		cli_print("released all of %s", domain);
	for (size_t i = 0; i < arguments->threads.n; i++)
		cli_print("released %s of %s", arguments->threads.names[i], domain);
	return CLI_DONE;
}
