/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The question that several verbs ask: the options, or a reservation document, become one request for one domain.
 *
 * Called by reserve, check and define. Judges the form of what was typed and never whether it fits.
 */
#include <string.h>

#include <virtrk/dbus.h>

#include "question.h"

void question_done(struct question *question)
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

int question_read(const struct arguments *arguments, struct question *question, struct vr_error **reterr)
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

int question_fail(int r, const struct vr_error *err)
{
	if (r == -EINVAL || r == -ERANGE || r == -EBADMSG)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	return cli_fail(r, err);
}
