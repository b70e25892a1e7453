/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reserve, check and release. Here the options, or a reservation document, become one request for one domain; virtrkd
 * decides it as a whole. check and reserve take the same words and ask the same question; only reserve acts on a yes.
 *
 * Called by main.c. Judges the form of what was typed and never whether it fits.
 */
#include <string.h>

#include <virtrk/dbus.h>

#include "cli.h"
#include "document.h"

/* What is asked, and of which domain. */
struct question {
	const char *domain;		/* of the command line or of the document */
	struct document document;
};

static void question_done(struct question *question)
{
	document_done(&question->document);
}

/* ---- from options ---- */

static int times_parse(const struct arguments *arguments, struct request *ret, struct vr_error **reterr)
{
	int r;

	if (!arguments->given[OPTION_BUDGET])
		return vr_error_set(reterr, -EINVAL, VR_BAD_BUDGET, "--budget is missing: how much CPU time in every period?");
	if (!arguments->given[OPTION_PERIOD])
		return vr_error_set(reterr, -EINVAL, VR_BAD_PERIOD, "--period is missing: the budget is for what period?");
	r = time_parse("--budget", arguments->value[OPTION_BUDGET], &ret->budget_ns, reterr);
	if (r < 0)
		return r;
	r = time_parse("--period", arguments->value[OPTION_PERIOD], &ret->period_ns, reterr);
	if (r < 0 || !arguments->given[OPTION_DEADLINE])
		return r;
	return deadline_parse("--deadline", arguments->value[OPTION_DEADLINE], &ret->deadline_ns, reterr);
}

static int question_from_options(const struct arguments *arguments, struct question *question, struct vr_error **reterr)
{
	struct request request = { 0 };
	int r;

	if (arguments->n_operands < 2)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s needs a DOMAIN, or a --file that names it",
				    arguments->operands[0]);
	if (arguments->threads.n == 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD,
				    "which thread? name it with --vcpu, --emulator, --iothread or --vhost");
	r = times_parse(arguments, &request, reterr);
	if (r < 0)
		return r;
	request.flags = arguments->given[OPTION_SOFT] ? VIRTRK_RESERVE_SOFT : 0;
	if (arguments->given[OPTION_CPU]) {
		r = cpus_check("--cpu", arguments->value[OPTION_CPU], reterr);
		if (r < 0)
			return r;
		request.cpus = (char *)arguments->value[OPTION_CPU];	/* request_list_add() copies it */
	}
	for (size_t i = 0; i < arguments->threads.n; i++) {
		request.thread = arguments->threads.names[i];
		r = request_list_add(&question->document.requests, &request);
		if (r < 0)
			return r;
	}
	question->domain = arguments->operands[1];
	return 0;
}

/* ---- from a document ---- */

static int question_from_file(const struct arguments *arguments, struct question *question, struct vr_error **reterr)
{
	const unsigned int other = OPTIONS_THREADS | OPTION_BIT(OPTION_BUDGET) | OPTION_BIT(OPTION_PERIOD) |
				   OPTION_BIT(OPTION_DEADLINE) | OPTION_BIT(OPTION_SOFT) | OPTION_BIT(OPTION_CPU);
	const char *path = arguments->value[OPTION_FILE], *named;
	int r;

	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		if (arguments->given[id] && (other & OPTION_BIT(id)))
			return vr_error_set(reterr, -EINVAL, VR_FAILED, "--file says it all, --%s cannot stand beside it",
					    option_defs[id].name);
	r = document_read(path, &question->document, reterr);
	if (r < 0)
		return r;
	named = arguments->n_operands > 1 ? arguments->operands[1] : NULL;
	if (!named && !question->document.domain)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s names no domain: name it on the command line", path);
	if (named && question->document.domain && strcmp(named, question->document.domain) != 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s is for domain %s, not for %s", path,
				    question->document.domain, named);
	question->domain = named ?: question->document.domain;
	return 0;
}

static int question_read(const struct arguments *arguments, struct question *question, struct vr_error **reterr)
{
	struct request_list *list = &question->document.requests;
	int r;

	if (arguments->given[OPTION_FILE])
		r = question_from_file(arguments, question, reterr);
	else
		r = question_from_options(arguments, question, reterr);
	for (size_t i = 0; r >= 0 && arguments->given[OPTION_REPLACE] && i < list->n; i++)
		list->items[i].flags |= VIRTRK_RESERVE_REPLACE;
	return r;
}

/* A file that cannot be read has failed; anything else that is wrong with a question is wrong use. */
static int question_fail(int r, const struct vr_error *err)
{
	if (r == -EINVAL || r == -ERANGE || r == -EBADMSG)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	return cli_fail(r, err);
}

/* ---- answers ---- */

static void verdict_page(struct json_object *verdict, const struct request_list *list)
{
	const char *reason = answer_text(verdict, "reason"), *repair = answer_text(verdict, "repair");
	const char *test = answer_text(verdict, "test"), *regime = answer_text(verdict, "regime");

	bool fits = answer_bool(verdict, "fits");

	cli_print("fits:    %s", fits ? "yes" : "no");
	cli_print(*regime ? "test:    %s (%s)" : "test:    %s", test, regime);
	if (!fits && !answer_is_null(verdict, "index") && answer_u64(verdict, "index") < list->n)
		cli_print("thread:  %s", list->items[answer_u64(verdict, "index")].thread);
	if (*reason)
		cli_print("why:     %s", reason);
	if (*repair)
		cli_print("repair:  %s", repair);
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

	if (r < 0)
		return question_fail(r, err);
	r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = client_reserve(client, question.domain, &question.document.requests, &verdict, &err);
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
