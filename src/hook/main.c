/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's hook, /etc/libvirt/hooks/qemu.d/virtrk: before libvirt starts a domain it asks virtrkd whether what the domain's
 * metadata ask for fits, and a no, which the user of virsh start reads, ends the start.
 *
 * What libvirt does with a non-zero exit depends on the operation: prepare and start are refused, but in reconnect it kills the guest
 * that runs, in migrate the migration fails. So there is an opinion about "prepare begin" alone, and nothing is even looked at in
 * all others, but for memory: "start begin" is when libvirt has made the directory of the memory file and QEMU does not run yet, so the
 * coloured memory is mounted then, "started begin" has QEMU outlive others
 * where memory is short, and "release end" takes it away. "start" comes a moment after "prepare" for the same start, with
 * the capacity held since: to ask again would tell nothing new. Never a word on stdout: libvirt may take that for the domain's XML.
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

#include "hook.h"

#define LIMIT_S		15U	/* of everything: reading, connecting, asking */
#define MOUNT_LIMIT_S	600U	/* and of gathering page frames, which is the kernel's work and takes its time */

/* The exit code when the time is over: 0 until it is known that the domain is to be refused without an answer. */
static volatile sig_atomic_t late_code;

static void on_alarm(int signal)
{
	static const char text[] = "virtrk: the hook took too long\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(late_code);
}

/* What does not end the start is in syslog alone: libvirt drops what a hook says that exits with 0. */
int hook_judge(const char *domain, bool report, const char *reason)
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

/* What it asks for. 1 = nothing, or nothing that can be read: *ret_code is the exit code then. */
static int intent_get(const char *domain, struct intent *ret, struct intent_domain *ret_domain, int *ret_code)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *xml = NULL;
	bool report = true;
	size_t length = 0;
	int r;

	*ret_code = EXIT_SUCCESS;
	r = stdin_read(&xml, &length);
	if (r >= 0)
		r = intent_read(xml, length, ret, &report, &err);
	if (r >= 0)
		r = intent_read_domain(xml, length, ret_domain, &err);
	if (r == -ENOENT)
		return 1;
	if (r == -EBADMSG || r == -EPROTONOSUPPORT)
		*ret_code = hook_judge(domain, report, err && err->text ? err->text : strerror(-r));
	else if (r < 0)	/* whether it asks for anything is not known: then it is none of our business */
		*ret_code = hook_judge(domain, true, err && err->text ? err->text : strerror(-r));
	return r < 0;
}

static int prepare(const char *domain)
{
	_cleanup_(intent_done) struct intent intent = { 0 };
	struct intent_domain about;
	int code;

	if (intent_get(domain, &intent, &about, &code) != 0)
		return code;
	late_code = intent.report ? EXIT_SUCCESS : EXIT_FAILURE;
	if (intent.memory.ways > 0)	/* first, since it holds nothing that a later no would have to give back */
		code = hook_call_ways(domain, &intent);
	if (code == EXIT_SUCCESS && intent.n > 0)
		code = hook_call_threads(domain, &intent, &about);
	if (code == EXIT_SUCCESS && intent.memory.wanted)
		code = hook_memory_prepare(domain, &intent, &about);
	return code;
}

static int start(const char *domain)
{
	_cleanup_(intent_done) struct intent intent = { 0 };
	struct intent_domain about;
	int code;

	if (intent_get(domain, &intent, &about, &code) != 0 || !intent.memory.wanted)
		return EXIT_SUCCESS;	/* prepare has said it */
	late_code = intent.report ? EXIT_SUCCESS : EXIT_FAILURE;
	return hook_memory_start(domain, &intent, &about);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *operation, *phase;
		int (*fn)(const char *domain);
	} deeds[] = {
		{ "prepare", "begin", prepare },
		{ "start", "begin", start },
		{ "started", "begin", hook_memory_started },
		{ "release", "end", hook_memory_release },
	};
	const struct sigaction action = { .sa_handler = on_alarm };

	for (size_t i = 0; argc >= 4 && i < ARRAY_SIZE(deeds); i++) {
		if (strcmp(argv[2], deeds[i].operation) != 0 || strcmp(argv[3], deeds[i].phase) != 0)
			continue;
		(void)sigaction(SIGALRM, &action, NULL);
		(void)alarm(deeds[i].fn == start ? MOUNT_LIMIT_S : LIMIT_S);
		openlog("virtrk-hook", LOG_PID, LOG_DAEMON);
		return deeds[i].fn(argv[1]);
	}
	return EXIT_SUCCESS;
}
