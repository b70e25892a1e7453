/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same interface on a system bus: a dbus-daemon of our own with our policy file, reached by
 * DBUS_SYSTEM_BUS_ADDRESS. Here the bus stands between client and daemon, so the policy, the owner of the name and the
 * credentials of the caller are what is asked about.
 */
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <virtrk/dbus.h>

#include "expect.h"
#include "harness.h"
#include "system-bus.h"

#define MS(x) ((uint64_t)(x) * 1000000)

static const char *program;

static void expect_error(const struct answer *a, const char *error)
{
	if (!EXPECT_STR(a->error, error))
		fprintf(stderr, "    %s\n", a->message);
}

struct listed {
	sd_bus *bus;
	const char *domain;
};

static bool is_listed(void *userdata)
{
	const struct listed *l = userdata;

	return sd_bus_call_method(l->bus, VIRTRK_BUS_NAME, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "GetDomain", NULL, NULL,
				  "s", l->domain) >= 0;
}

struct vcpu {
	sd_bus *bus;
	const char *domain;
};

/* Every thread that the test names is seen: they come one after the other. */
static bool all_there(void *userdata)
{
	const struct vcpu *v = userdata;
	struct requests all;
	struct answer a;

	requests_fill(&all, harness_too_many(), 0);
	call_request(v->bus, VIRTRK_BUS_NAME, "Check", v->domain, all.items, all.n, &a);
	return !a.error[0];
}

static void test_root(sd_bus *bus, const struct guest *g)
{
	struct requests too_many;
	struct answer a;

	CASE("root on the system bus");
	EXPECT(harness_wait(bus, is_listed, &(struct listed) { bus, g->name }));
	EXPECT(harness_wait(bus, all_there, &(struct vcpu) { bus, g->name }));
	call_request(bus, VIRTRK_BUS_NAME, "Reserve", g->name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_error(&a, "");
	requests_fill(&too_many, harness_too_many(), 0);
	call_request(bus, VIRTRK_BUS_NAME, "Check", g->name, too_many.items, too_many.n, &a);
	expect_error(&a, "");
	EXPECT(!a.fits);
	for (size_t i = 0; i < too_many.n; i++)
		too_many.items[i].flags = VIRTRK_RESERVE_REPLACE;
	call_request(bus, VIRTRK_BUS_NAME, "Reserve", g->name, too_many.items, too_many.n, &a);
	expect_error(&a, VIRTRK_ERROR_OVERLOAD);
	call_release(bus, VIRTRK_BUS_NAME, g->name, (const char *[]) { NULL }, &a);
	expect_error(&a, "");
}

/* Runs as nobody; its exit code is the number of the first thing that was not so. */
static int nobody(const char *domain)
{
	sd_bus *bus = NULL;
	struct answer a;

	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
		return 1;
	if (sd_bus_open_system(&bus) < 0)
		return 2;
	call_request(bus, VIRTRK_BUS_NAME, "Check", domain, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	if (a.error[0] || !a.fits)
		return 3;
	call_request(bus, VIRTRK_BUS_NAME, "Reserve", domain, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	if (strcmp(a.error, VIRTRK_ERROR_NOT_PERMITTED) != 0)
		return 4;
	call_release(bus, VIRTRK_BUS_NAME, domain, (const char *[]) { NULL }, &a);
	if (strcmp(a.error, VIRTRK_ERROR_NOT_PERMITTED) != 0)
		return 5;
	if (sd_bus_request_name(bus, "org.virtrk1", SD_BUS_NAME_REPLACE_EXISTING) >= 0)
		return 6;
	sd_bus_flush_close_unref(bus);
	return 0;
}

static void test_nobody(const struct guest *g)
{
	int status = -1;
	pid_t pid;

	CASE("nobody may ask, may not change, and may not be org.virtrk1");
	pid = fork();
	if (pid == 0)
		_exit(nobody(g->name));
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	EXPECT_INT(WEXITSTATUS(status), 0);
}

/* ---- polkit: one of our own, that always says the same ---- */

enum polkit_mood { POLKIT_DENIES, POLKIT_GRANTS, POLKIT_FAILS };

static int on_check(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const enum polkit_mood *mood = userdata;
	const char *action = "", *kind = "";
	int r;

	r = sd_bus_message_enter_container(msg, 'r', "sa{sv}");
	if (r >= 0)
		r = sd_bus_message_read(msg, "s", &kind);
	if (r >= 0)
		r = sd_bus_message_skip(msg, "a{sv}");
	if (r >= 0)
		r = sd_bus_message_exit_container(msg);
	if (r >= 0)
		r = sd_bus_message_read(msg, "s", &action);
	if (r < 0)
		return r;
	if (*mood == POLKIT_FAILS || strcmp(kind, "system-bus-name") != 0 || strncmp(action, "org.virtrk1.", 12) != 0)
		return sd_bus_error_set(reterr, "org.freedesktop.PolicyKit1.Error.Failed", "it was told to fail");
	return sd_bus_reply_method_return(msg, "(bba{ss})", (int)(*mood == POLKIT_GRANTS), 0, 0);
}

static const sd_bus_vtable polkit_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", on_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};

static int polkit_serve(enum polkit_mood mood, int ready)
{
	sd_bus *bus = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_bus_open_system(&bus) < 0 ||
	    sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
				     polkit_vtable, &mood) < 0 ||
	    sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0) < 0 || write(ready, "", 1) != 1)
		return 1;
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0 || (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
			return 1;
	}
}

static pid_t polkit_start(enum polkit_mood mood)
{
	int fds[2];
	char byte;
	pid_t pid;

	tree_must(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0)
		_exit(polkit_serve(mood, fds[1]));
	close(fds[1]);
	EXPECT(read(fds[0], &byte, 1) == 1);
	close(fds[0]);
	return pid;
}

/* Runs as nobody; its exit code is the number of the first thing that was not so. */
static int nobody_and_polkit(const char *domain, enum polkit_mood mood)
{
	const char *want = mood == POLKIT_GRANTS ? "" : VIRTRK_ERROR_NOT_PERMITTED;
	sd_bus *bus = NULL;
	struct answer a;

	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
		return 1;
	if (sd_bus_open_system(&bus) < 0)
		return 2;
	call_request(bus, VIRTRK_BUS_NAME, "Check", domain, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	if (strcmp(a.error, want) != 0)
		return 3;
	call_request(bus, VIRTRK_BUS_NAME, "Reserve", domain, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	if (strcmp(a.error, want) != 0 || (*want && (!a.message[0] || strchr(a.message, '\n'))))
		return 4;
	call_release(bus, VIRTRK_BUS_NAME, domain, (const char *[]) { NULL }, &a);
	if (strcmp(a.error, want) != 0)
		return 5;
	call_request(bus, VIRTRK_BUS_NAME, "Reserve", domain, &(struct request) { "vcpu0", 0, MS(100) }, 1, &a);
	if (strcmp(a.error, *want ? want : VIRTRK_ERROR_BAD_BUDGET) != 0)
		return 6;	/* whoever may, is told what is wrong */
	sd_bus_flush_close_unref(bus);
	return 0;
}

static void test_polkit(const struct guest *g)
{
	static const char *const names[] = { "polkit denies", "polkit grants", "polkit fails" };

	for (enum polkit_mood mood = POLKIT_DENIES; mood <= POLKIT_FAILS; mood++) {
		pid_t polkit = polkit_start(mood), pid;
		int status = -1;

		CASE(names[mood]);
		pid = fork();
		if (pid == 0)
			_exit(nobody_and_polkit(g->name, mood));
		EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		EXPECT_INT(WEXITSTATUS(status), 0);
		(void)kill(polkit, SIGKILL);
		(void)waitpid(polkit, NULL, 0);
	}
}

static void test_second(const struct system_bus *bus)
{
	_cleanup_(freep) char *log = NULL;
	struct daemon second;
	int status = -1;

	CASE("a second virtrkd on the same bus, with a directory of its own");
	EXPECT(!daemon_start(&second, &(struct daemon_options) { .program = program, .bus_address = bus->address }, &status));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	log = daemon_log(&second);
	EXPECT(strstr(log, "another virtrkd owns org.virtrk1"));
	daemon_remove(&second);
}

int main(int argc, char **argv)
{
	struct system_bus system_bus;
	struct guest g;
	struct daemon d;
	sd_bus *bus = NULL;
	int status;

	if (argc != 3)
		return EXIT_FAILURE;
	program = argv[1];
	harness_need_deadline();
	harness_need_program("dbus-daemon");
	system_bus_start(&system_bus, argv[2]);
	if (setenv("DBUS_SYSTEM_BUS_ADDRESS", system_bus.address, 1) < 0)
		return EXIT_FAILURE;
	guest_start(&g, "system", harness_too_many(), NULL);
	EXPECT(daemon_start(&d, &(struct daemon_options) { .program = program, .bus_address = system_bus.address }, &status));
	if (EXPECT(sd_bus_open_system(&bus) >= 0)) {
		test_root(bus, &g);
		test_nobody(&g);
		test_polkit(&g);
		test_second(&system_bus);
		sd_bus_flush_close_unref(bus);
	}
	EXPECT_INT(daemon_stop(&d, SIGTERM), 0);
	if (expect_failed) {
		_cleanup_(freep) char *log = daemon_log(&d);

		fprintf(stderr, "--- virtrkd wrote:\n%s", log);
	}
	daemon_remove(&d);
	guest_stop(&g);
	system_bus_stop(&system_bus);
	return expect_result();
}
