/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * monitor: virtrkd's signals as they come, one line each, with the time of arrival. Written out at once, since somebody
 * or something watches. Ends when virtrkd does, when stdout does, or by a signal. Called by main.c. Reads only.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "text.h"

/* ---- what an event means, in a few words ---- */

static bool event_is(struct json_object *event, const char *name)
{
	return strcmp(answer_text(event, "event"), name) == 0;
}

static int reserved_text(char **ret, struct json_object *event)
{
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], deadline[VRK_NSEC_STRLEN];

	return asprintf(ret, "%s %s: reserved %s in every %s, within %s", answer_text(event, "domain"),
			answer_text(event, "thread"), vrk_nsec_format(budget, answer_u64(event, "budget_ns")),
			vrk_nsec_format(period, answer_u64(event, "period_ns")),
			vrk_nsec_format(deadline, answer_u64(event, "deadline_ns")));
}

static int released_text(char **ret, struct json_object *event)
{
	const char *why = answer_text(event, "why");
	const char *words = strcmp(why, "asked") == 0 ? "as asked" :
			    strcmp(why, "ended") == 0 ? "the thread has ended" :
			    strcmp(why, "foreign") == 0 ? "somebody else took the thread over" : why;

	return asprintf(ret, "%s %s: released, %s", answer_text(event, "domain"), answer_text(event, "thread"), words);
}

static int drift_text(char **ret, struct json_object *event)
{
	return asprintf(ret, "%s %s: drift of %s, from %s to %s: %s", answer_text(event, "domain"),
			answer_text(event, "thread"), answer_text(event, "what"), answer_text(event, "old"),
			answer_text(event, "new"), answer_text(event, "action"));
}

/* "": nobody's whom virtrkd knows, and nowhere that it sees. */
static int exhausted_text(char **ret, const char *domain, const char *path, struct json_object *event)
{
	return asprintf(ret, "%s%smemory%s%s is used up: %" PRIu64 " KiB more were refused, %" PRIu64 " KiB are left", domain,
			*domain ? ": " : "colorfs: ", *path ? " at " : "", path, answer_u64(event, "wanted_bytes") / 1024,
			answer_u64(event, "left_bytes") / 1024);
}

static int event_text(char **ret, struct json_object *event)
{
	if (event_is(event, "DomainAppeared"))
		return asprintf(ret, "%s: appeared, pid %" PRIu64, answer_text(event, "domain"), answer_u64(event, "pid"));
	if (event_is(event, "DomainVanished"))
		return asprintf(ret, "%s: vanished, pid %" PRIu64, answer_text(event, "domain"), answer_u64(event, "pid"));
	if (event_is(event, "ThreadsChanged"))
		return asprintf(ret, "%s: threads changed", answer_text(event, "domain"));
	if (event_is(event, "StateChanged"))
		return asprintf(ret, "%s: %s", answer_text(event, "domain"), answer_text(event, "state"));
	if (event_is(event, "Reserved"))
		return reserved_text(ret, event);
	if (event_is(event, "Released"))
		return released_text(ret, event);
	if (event_is(event, "Drift"))
		return drift_text(ret, event);
	if (event_is(event, "Missed"))
		return asprintf(ret, "%s %s: missed its budget, %" PRIu64 " times so far", answer_text(event, "domain"),
				answer_text(event, "thread"), answer_u64(event, "count"));
	if (event_is(event, "Refused"))
		return asprintf(ret, "%s: refused what its metadata ask for: %s", answer_text(event, "domain"), answer_text(event, "reason"));
	if (event_is(event, "MemoryExhausted"))
		return exhausted_text(ret, answer_text(event, "domain"), answer_text(event, "path"), event);
	return asprintf(ret, "%s", answer_text(event, "event"));
}

/* ---- printing ---- */

static int event_print_line(struct json_object *event, const struct timespec *now)
{
	_cleanup_(freep) char *text = NULL;
	struct tm tm;
	char time[32];

	if (!localtime_r(&now->tv_sec, &tm) || strftime(time, sizeof(time), "%F %T", &tm) == 0)
		return -EOVERFLOW;
	if (event_text(&text, event) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return cli_print("%s.%03ld  %s", time, now->tv_nsec / 1000000, text);
}

static int event_print_json(struct json_object *event, const struct timespec *now)
{
	_cleanup_(json_object_putp) struct json_object *line = json_object_new_object();
	char time[32], text[64];
	struct tm tm;

	if (!line)
		return -ENOMEM;
	if (!gmtime_r(&now->tv_sec, &tm) || strftime(time, sizeof(time), "%FT%T", &tm) == 0)
		return -EOVERFLOW;
	snprintf(text, sizeof(text), "%s.%06ldZ", time, now->tv_nsec / 1000);
	json_object_object_add(line, "time", json_object_new_string(text));
	json_object_object_foreach(event, key, value) {
		json_object_object_add(line, key, json_object_get(value));
	}
	return answer_print(line, stdout, true);
}

static int on_event(struct json_object *event, void *userdata)
{
	const struct arguments *arguments = userdata;
	struct timespec now;
	int r;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -errno;
	r = arguments->given[OPTION_JSON] ? event_print_json(event, &now) : event_print_line(event, &now);
	if (r < 0)
		return r;
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}

int verb_monitor(const struct arguments *arguments)
{
	_cleanup_(json_object_putp) struct json_object *version = NULL;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = cli_connect(&client, arguments, &err);

	if (r >= 0)
		r = client_version(client, &version, &err);	/* is it there? a bus would start it */
	if (r >= 0)
		r = client_watch(client, on_event, (void *)arguments, &err);
	if (r < 0 && ferror(stdout))
		return CLI_FAILED;		/* stdout; main() has the words */
	return cli_fail(r, err);
}
