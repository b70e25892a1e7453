/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prepare, commit, abort: capacity that is held for a domain which is started later, from elsewhere. prepare prints a token,
 * which is all that the other two need. Called by main.c.
 */
#include <string.h>

#include "cli.h"
#include "document.h"
#include "strict.h"

#define TTL_NS (60 * NSEC_PER_SEC)

/* Read here first, so that what is wrong is told with its place in the file; virtrkd reads it again. */
static int document_text(const char *path, char **ret, struct vr_error **reterr)
{
	_cleanup_(document_done) struct document document = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name;
	size_t length;
	int r;

	r = strict_read(path, DOCUMENT_SIZE_MAX, &text, &length, &name, reterr);
	if (r < 0)
		return r;
	r = document_parse(text, length, &document, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	if (r < 0)
		return r;
	if (!document.domain)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s names no domain", name);
	*ret = TAKE_PTR(text);
	return 0;
}

int verb_prepare(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *token = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *text = NULL;
	nsec_t ttl_ns = TTL_NS;
	int r = 0;

	if (!arguments->given[OPTION_FILE])
		return cli_say(CLI_USAGE, "prepare needs a document: --file FILE");
	if (arguments->value[OPTION_TTL])
		r = time_parse("--ttl", arguments->value[OPTION_TTL], &ttl_ns, &err);
	if (r >= 0)
		r = document_text(arguments->value[OPTION_FILE], &text, &err);
	if (r == -EINVAL || r == -ERANGE || r == -EBADMSG)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	if (r >= 0)
		r = cli_connect(&client, arguments, &err);
	if (r >= 0)
		r = client_prepare(client, text, ttl_ns, &token, &err);
	if (r < 0)
		return cli_fail(r, err);
	return cli_print("%s", json_object_get_string(token)) < 0 ? CLI_FAILED : CLI_DONE;
}

int verb_commit(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *verdict = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err);

	if (r >= 0)
		r = client_commit(client, arguments->operands[1], &verdict, &err);
	return r < 0 ? cli_fail(r, err) : CLI_DONE;
}

int verb_abort(const struct arguments *arguments)
{
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err);

	if (r >= 0)
		r = client_abort(client, arguments->operands[1], &err);
	return r < 0 ? cli_fail(r, err) : CLI_DONE;
}
