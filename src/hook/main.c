/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's hook, /etc/libvirt/hooks/qemu.d/virtrk: before libvirt starts a domain it asks virtrkd whether what the domain's
 * metadata ask for fits, and a no, which the user of virsh start reads, ends the start.
 *
 * What libvirt does with a non-zero exit depends on the operation: prepare and start are refused, but in reconnect it kills the guest
 * that runs, in migrate the migration fails. So there is an opinion about "prepare begin" alone, and nothing is even looked at in
 * all others. "start" comes a moment after "prepare" for the same start, with the capacity held since: to ask again would tell
 * nothing new. Never a word on stdout: libvirt may take that for the domain's new XML.
 *
 * It never calls libvirt, which waits for this program and would not answer. It ends in time, whatever virtrkd does: libvirt waits
 * without limit, with the domain locked. A domain without our metadata is not held up at all.
 *
 * Linked dynamically: libsystemd, which speaks D-Bus, has no static library in Debian, and a second implementation of D-Bus
 * would be one more thing that can be wrong between libvirt and a start. One process, no thread, no state, no file.
 */
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "intent.h"

#define ANSWER_LIMIT_US (10 * 1000000ULL)
#define LIMIT_S		15U	/* of everything: reading, connecting, asking */

/* The exit code when the time is over: 0 until it is known that the domain is to be refused without an answer. */
static volatile sig_atomic_t late_code;

static void on_alarm(int signal)
{
	static const char text[] = "virtrk: the hook took longer than 15 s\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(late_code);
}

/* What does not end the start is in syslog alone: libvirt drops what a hook says that exits with 0. */
static int judge(const char *domain, bool report, const char *reason)
{
	if (report)
		syslog(LOG_WARNING, "%s is started without what its metadata ask for: %s", domain, reason);
	else
		fprintf(stderr, "virtrk: %s is not started: %s\n", domain, reason);
	return report ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the domain ---- */

static int stdin_read(char **ret, size_t *ret_length)
{
	const size_t size = INTENT_XML_MAX + 1;
	_cleanup_(freep) char *text = malloc(size);
	size_t length = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while (length < size && (n = read(STDIN_FILENO, text + length, size - length)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		length += n > 0 ? (size_t)n : 0;
	}
	*ret = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

/* ---- virtrkd ---- */

static int item_append(sd_bus_message *call, const struct intent_item *item)
{
	int r;

	r = sd_bus_message_open_container(call, 'r', "stttta{sv}");
	if (r >= 0)
		r = sd_bus_message_append(call, "stttt", item->thread, item->budget_ns, item->period_ns, item->deadline_ns,
					  item->soft ? VIRTRK_RESERVE_SOFT : UINT64_C(0));
	if (r >= 0 && *item->cpus)
		r = sd_bus_message_append(call, "a{sv}", 1, "CPUs", "s", item->cpus);
	else if (r >= 0)
		r = sd_bus_message_append(call, "a{sv}", 0);
	return r < 0 ? r : sd_bus_message_close_container(call);
}

static int call_make(sd_bus *bus, const char *domain, const struct intent *intent, sd_bus_message **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, VIRTRK_BUS_NAME, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "PrepareStart");
	if (r >= 0)
		r = sd_bus_message_append(call, "s", domain);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(stttta{sv})");
	for (size_t i = 0; r >= 0 && i < intent->n; i++)
		r = item_append(call, &intent->items[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(call);
	return 0;
}

static int call_judge(const char *domain, bool report, int r, const sd_bus_error *error)
{
	char text[200];

	if (error->name && strncmp(error->name, VIRTRK_ERROR_PREFIX, strlen(VIRTRK_ERROR_PREFIX)) == 0)
		return judge(domain, report, error->message && *error->message ? error->message : error->name);
	if (r == -ETIMEDOUT || sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
		return judge(domain, report, "virtrkd does not answer");
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return judge(domain, report, "virtrkd does not run (systemctl start virtrkd)");
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD))
		return judge(domain, report, "virtrkd is of an older version than this hook: start it again");
	snprintf(text, sizeof(text), "virtrkd cannot be asked: %.150s", error->message ?: strerror(-r));
	return judge(domain, report, text);
}

static int ask(const char *domain, const struct intent *intent)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r;

	r = sd_bus_open_system(&bus);
	if (r < 0)
		return judge(domain, intent->report, "virtrkd cannot be asked: no system bus");
	r = call_make(bus, domain, intent, &call);
	if (r >= 0)
		r = sd_bus_call(bus, call, ANSWER_LIMIT_US, &error, NULL);
	return r < 0 ? call_judge(domain, intent->report, r, &error) : EXIT_SUCCESS;
}

static int prepare(const char *domain)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(intent_done) struct intent intent = { 0 };
	_cleanup_(freep) char *xml = NULL;
	bool report = true;
	size_t length = 0;
	int r;

	r = stdin_read(&xml, &length);
	if (r >= 0)
		r = intent_read(xml, length, &intent, &report, &err);
	if (r == -ENOENT)
		return EXIT_SUCCESS;
	if (r == -EBADMSG || r == -EPROTONOSUPPORT)
		return judge(domain, report, err && err->text ? err->text : strerror(-r));
	if (r < 0)	/* whether it asks for anything is not known: then it is none of our business */
		return judge(domain, true, err && err->text ? err->text : strerror(-r));
	late_code = intent.report ? EXIT_SUCCESS : EXIT_FAILURE;
	return ask(domain, &intent);
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_alarm };

	if (argc < 4 || strcmp(argv[2], "prepare") != 0 || strcmp(argv[3], "begin") != 0)
		return EXIT_SUCCESS;
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(LIMIT_S);
	openlog("virtrk-hook", LOG_PID, LOG_DAEMON);
	return prepare(argv[1]);
}
