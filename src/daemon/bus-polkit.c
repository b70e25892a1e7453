/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May the caller do that? Root always may. Anybody else is asked about with polkit, which may have to ask a person first; so
 * the method that is called comes twice: first the question is sent and the method ends without an answer, then, with polkit's
 * answer, it is called again with the same message from its beginning, and goes on or is refused.
 *
 * Without polkit, and on the private socket (polkit knows callers by their name on the system bus), who writes must be root, and
 * everybody may read.
 *
 * Called by the methods in bus-*.c as the first thing that they do.
 */
#include <stdlib.h>
#include <string.h>

#include "bus-private.h"
#include "log.h"

#define POLKIT_NAME	 "org.freedesktop.PolicyKit1"
#define POLKIT_OBJECT	 "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_INTERACTIVE 1U
/* A person may have to find a password. */
#define POLKIT_TIMEOUT_USEC (120 * 1000000ULL)
#define QUESTIONS_MAX 64

struct bus_question {
	struct bus_question **list;
	struct bus_question *next;
	sd_bus_message *msg;
	sd_bus_message_handler_t method;
	void *userdata;
	const char *action;
	sd_bus_slot *slot;	/* of the call to polkit; NULL: it has answered */
	bool granted;
};

static void question_free(struct bus_question *q)
{
	struct bus_question **link = q->list;

	while (*link && *link != q)
		link = &(*link)->next;
	if (*link)
		*link = q->next;
	sd_bus_slot_unref(q->slot);
	sd_bus_message_unref(q->msg);
	free(q);
}

void bus_questions_free(struct bus_question **list)
{
	while (*list)
		question_free(*list);
}

static bool caller_is_root(sd_bus_message *msg)
{
	sd_bus_creds *creds = NULL;
	uid_t uid = (uid_t)-1;
	int r;

	r = sd_bus_query_sender_creds(msg, SD_BUS_CREDS_EUID, &creds);
	if (r >= 0)
		r = sd_bus_creds_get_euid(creds, &uid);
	sd_bus_creds_unref(creds);
	return r >= 0 && uid == 0;
}

static int refuse(const char *action, sd_bus_error *reterr)
{
	if (strcmp(action, VIRTRK_ACTION_RESERVE) == 0)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NOT_PERMITTED,
					"only root may change reservations, and who polkit lets (" VIRTRK_ACTION_RESERVE ")");
	return sd_bus_error_setf(reterr, VIRTRK_ERROR_NOT_PERMITTED, "polkit does not let you (%s)", action);
}

/* "(bba{ss})": granted, could be by a challenge, details. An error is no grant; polkit that is not there grants reading. */
static bool answer_grants(const struct bus_question *q, sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	int granted = 0, challenge = 0;

	if (error && (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)))
		return strcmp(q->action, VIRTRK_ACTION_INSPECT) == 0;
	if (error) {
		log_warning("polkit does not answer: %s", error->message ?: error->name);
		return false;
	}
	if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 || sd_bus_message_read(reply, "bb", &granted, &challenge) < 0)
		return false;
	return granted;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	struct bus_question *q = userdata;
	int r;

	q->granted = answer_grants(q, reply);
	q->slot = sd_bus_slot_unref(q->slot);
	r = sd_bus_message_rewind(q->msg, true);
	if (r >= 0)
		r = q->method(q->msg, q->userdata, &error);
	if (r < 0)
		(void)sd_bus_reply_method_errno(q->msg, r, &error);
	question_free(q);
	return 1;
}

static int question_send(struct bus_question *q)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	sd_bus *connection = sd_bus_message_get_bus(q->msg);
	bool interactive = sd_bus_message_get_allow_interactive_authorization(q->msg) > 0;
	int r;

	r = sd_bus_message_new_method_call(connection, &call, POLKIT_NAME, POLKIT_OBJECT, POLKIT_INTERFACE, "CheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_append(call, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s", sd_bus_message_get_sender(q->msg),
					  q->action, 0, interactive ? POLKIT_INTERACTIVE : 0, "");
	return r < 0 ? r : sd_bus_call_async(connection, &q->slot, call, on_answer, q, POLKIT_TIMEOUT_USEC);
}

static int question_new(struct bus_question **list, sd_bus_message *msg, const char *action, sd_bus_message_handler_t method,
			void *userdata, sd_bus_error *reterr)
{
	struct bus_question *q;
	size_t n = 0;
	int r;

	for (q = *list; q; q = q->next)
		n++;
	if (n >= QUESTIONS_MAX)
		return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "polkit has too much to answer already: try again later");
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct bus_question) { .list = list, .next = *list, .msg = sd_bus_message_ref(msg), .method = method,
				     .userdata = userdata, .action = action };
	*list = q;
	r = question_send(q);
	if (r < 0)
		question_free(q);
	return r < 0 ? r : 1;
}

int bus_authorize(struct bus *bus, sd_bus_message *msg, const char *action, sd_bus_message_handler_t method, void *userdata,
		  sd_bus_error *reterr)
{
	struct bus_question **list = bus_questions(bus);

	for (const struct bus_question *q = *list; q; q = q->next)
		if (q->msg == msg && !q->slot)
			return q->granted ? 0 : refuse(action, reterr);
	if (caller_is_root(msg))
		return 0;
	if (sd_bus_message_get_sender(msg))
		return question_new(list, msg, action, method, userdata, reterr);
	return strcmp(action, VIRTRK_ACTION_INSPECT) == 0 ? 0 : refuse(action, reterr);
}
