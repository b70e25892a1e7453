/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's hook, as libvirt calls it: by name, operation and XML. What it does when there is no bus, no virtrkd, one that says yes,
 * one that says no and one that says nothing; and that it has no opinion about anything but the start of a domain.
 */
#include <fcntl.h>

#include <virtrk/dbus.h>

#include "harness.h"
#include "system-bus.h"

#define RK(attributes, inside) \
	"<domain type='kvm'><name>hooked</name><metadata><rk:reservation xmlns:rk='urn:virtrk:domain:1'" attributes ">" inside \
	"</rk:reservation></metadata></domain>"
#define RK_BACKED(mib, inside) \
	"<domain type='kvm'><name>hooked</name><memory unit='MiB'>" mib "</memory>" \
	"<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking><metadata>" \
	"<rk:reservation xmlns:rk='urn:virtrk:domain:1'>" inside "</rk:reservation></metadata></domain>"
#define ONE   "<rk:thread name='vcpu0' budget='1ms' period='100ms'/>"
#define LARGE "<rk:thread name='vcpu0' budget='200ms' period='100ms'/>"
#define SLIP  "<rk:thread name='vcpu0' budget='1' period='100ms'/>"
#define REPORT " on-refusal='report'"

static const char *hook;

struct hook_case {
	const char *name;
	const char *operation;
	const char *xml;	/* NULL: none at all, nobody writes */
	int code;
	const char *words;	/* part of the line; NULL: silence */
};

/* Its exit code, or -1; what it says goes to @said. */
static int hook_run(const char *address, const struct hook_case *c, char *said, size_t size)
{
	int in[2], out[2], status = -1;
	ssize_t n = 0;
	pid_t pid;

	tree_must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		execl(hook, hook, "hooked", c->operation, "begin", "-", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (c->xml)
		(void)!write(in[1], c->xml, strlen(c->xml));	/* EPIPE is as good */
	close(in[1]);
	said[0] = '\0';
	for (size_t used = 0; used + 1 < size && (n = read(out[0], said + used, size - used - 1)) > 0; said[used] = '\0')
		used += (size_t)n;
	close(out[0]);
	EXPECT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_cases(const char *address, const struct hook_case *cases, size_t n)
{
	char said[2048];

	for (size_t i = 0; i < n; i++) {
		CASE(cases[i].name);
		EXPECT_INT(hook_run(address, &cases[i], said, sizeof(said)), cases[i].code);
		if (!cases[i].words)
			EXPECT_STR(said, "");
		else if (!EXPECT(strstr(said, cases[i].words) && strchr(said, '\n') == said + strlen(said) - 1))
			fprintf(stderr, "    %s\n", said);
	}
}

/* Whatever the bus: these are not asked about. */
static const struct hook_case unasked[] = {
	{ "start", "start", RK("", LARGE), 0, NULL },
	{ "started", "started", RK("", LARGE), 0, NULL },
	{ "stopped", "stopped", RK("", LARGE), 0, NULL },
	{ "release", "release", RK("", LARGE), 0, NULL },
	{ "reconnect", "reconnect", RK("", LARGE), 0, NULL },
	{ "reconnect, malformed", "reconnect", RK("", SLIP), 0, NULL },
	{ "attach", "attach", RK("", LARGE), 0, NULL },
	{ "migrate", "migrate", RK("", LARGE), 0, NULL },
	{ "restore", "restore", RK("", LARGE), 0, NULL },
	{ "an operation of tomorrow", "hibernate", RK("", LARGE), 0, NULL },
	{ "no metadata", "prepare", "<domain type='kvm'><name>hooked</name></domain>", 0, NULL },
	{ "metadata of others", "prepare", "<domain><metadata><x xmlns='urn:x'/></metadata></domain>", 0, NULL },
	{ "no XML", "prepare", "x", 0, NULL },
	{ "nothing to read", "prepare", NULL, 0, NULL },
	{ "malformed", "prepare", RK("", SLIP), 1, "hooked is not started: metadata: thread[0]: budget: \"1\" is no time" },
	{ "malformed, to be reported", "prepare", RK(REPORT, SLIP), 0, NULL },
	{ "version 2", "prepare", "<domain><metadata><r xmlns='urn:virtrk:domain:2'/></metadata></domain>", 1, "urn:virtrk:domain:2" },
	{ "version 2, to be reported", "prepare", "<domain><metadata><r xmlns='urn:virtrk:domain:2' on-refusal='report'/></metadata></domain>",
	  0, NULL },
};

static const struct hook_case no_bus[] = {
	{ "no bus", "prepare", RK("", ONE), 1, "hooked is not started: virtrkd cannot be asked: no system bus" },
	{ "no bus, to be reported", "prepare", RK(REPORT, ONE), 0, NULL },
};

static const struct hook_case no_daemon[] = {
	{ "no virtrkd", "prepare", RK("", ONE), 1, "hooked is not started: virtrkd does not run" },
	{ "no virtrkd, to be reported", "prepare", RK(REPORT, ONE), 0, NULL },
};

static const struct hook_case answers[] = {
	{ "yes", "prepare", RK("", ONE), 0, NULL },
	{ "yes, soft", "prepare", RK("", "<rk:thread name='emulator' budget='1ms' period='100ms' soft='yes'/>"), 0, NULL },
	{ "no", "prepare", RK("", LARGE), 1, "hooked is not started: vcpu0: " },
	{ "no, to be reported", "prepare", RK(REPORT, LARGE), 0, NULL },
	{ "a CPU that this host has not got", "prepare", RK("", "<rk:thread name='vcpu0' budget='1ms' period='100ms' cpus='1000-1023'/>"), 1,
	  "vcpu0: none of its CPUs is online" },
	{ "a CPU of its own beside what is shared", "prepare", RK("", ONE "<rk:thread name='vcpu1' budget='90ms' period='100ms' cpus='0-1023'/>"),
	  0, NULL },
	{ "memory, but not of a shared file", "prepare", RK("", "<rk:memory colors='2'/>"), 1, "hooked is not started: memory of certain colours needs <memoryBacking>" },
	{ "the same, to be reported", "prepare", RK(REPORT, "<rk:memory colors='2'/>"), 0, NULL },
	{ "less memory than it has", "prepare", RK_BACKED("2", "<rk:memory size='1MiB'/>"), 1, "more than the size" },
	{ "colours, on a host without a profile", "prepare", RK_BACKED("1", "<rk:memory colors='4096'/>"), 1,
	  "hooked is not started: " },
	{ "more ways of a cache than there are", "prepare", RK("", "<rk:cache ways='64'/>" ONE), 1, "hooked is not started: " },
	{ "ways, to be reported", "prepare", RK(REPORT, "<rk:cache ways='64'/>" ONE), 0, NULL },
	{ "a CPU that no host has", "prepare", RK("", "<rk:thread name='vcpu0' budget='1ms' period='100ms' cpus='99999'/>"), 1, "99999" },
};

static const struct hook_case silence[] = {
	{ "no answer", "prepare", RK("", ONE), 1, "hooked is not started: virtrkd does not answer" },
};

int main(int argc, char **argv)
{
	struct daemon daemon = { 0 };
	struct system_bus bus;
	int status = 0;

	if (argc != 4)
		return 2;
	hook = argv[3];
	harness_need_deadline();
	harness_need_program("dbus-daemon");
	(void)signal(SIGPIPE, SIG_IGN);
	expect_cases("unix:path=/nonexistent/bus", unasked, ARRAY_SIZE(unasked));
	expect_cases("unix:path=/nonexistent/bus", no_bus, ARRAY_SIZE(no_bus));
	system_bus_start(&bus, argv[2]);
	expect_cases(bus.address, no_daemon, ARRAY_SIZE(no_daemon));
	if (EXPECT(daemon_start(&daemon, &(struct daemon_options) { .program = argv[1], .bus_address = bus.address }, &status))) {
		expect_cases(bus.address, answers, ARRAY_SIZE(answers));
		EXPECT_INT(kill(daemon.pid, SIGSTOP), 0);
		expect_cases(bus.address, silence, ARRAY_SIZE(silence));
		EXPECT_INT(kill(daemon.pid, SIGCONT), 0);
		(void)daemon_stop(&daemon, SIGTERM);
		daemon_remove(&daemon);
	}
	system_bus_stop(&bus);
	return expect_result();
}
