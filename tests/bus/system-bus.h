/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A system bus of the test's own: a dbus-daemon with our policy file, reached by DBUS_SYSTEM_BUS_ADDRESS. */
#ifndef BUS_SYSTEM_BUS_H
#define BUS_SYSTEM_BUS_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../unit/expect.h"

struct system_bus {
	pid_t pid;
	char *directory;
	char *address;
};

static const char config_format[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
	"\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n<type>system</type>\n<listen>unix:path=%s/bus</listen>\n<auth>EXTERNAL</auth>\n"
	"<policy context=\"default\">\n<allow user=\"*\"/>\n<deny own=\"*\"/>\n<deny send_type=\"method_call\"/>\n"
	"<allow send_type=\"signal\"/>\n<allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
	"<allow send_requested_reply=\"true\" send_type=\"error\"/>\n<allow receive_type=\"method_call\"/>\n"
	"<allow receive_type=\"method_return\"/>\n<allow receive_type=\"error\"/>\n<allow receive_type=\"signal\"/>\n"
	"<allow send_destination=\"org.freedesktop.DBus\"/>\n<allow send_destination=\"org.freedesktop.PolicyKit1\"/>\n</policy>\n"
	"<policy user=\"root\">\n<allow own=\"org.freedesktop.PolicyKit1\"/>\n</policy>\n<include>%s</include>\n</busconfig>\n";

/* Ready when it has printed its address. */
static inline void system_bus_start(struct system_bus *bus, const char *policy)
{
	_cleanup_(freep) char *config = NULL;
	_cleanup_(freep) char *option = NULL;
	char text[256] = "";
	int fds[2];
	FILE *f;

	bus->directory = tree_new();
	tree_must(chmod(bus->directory, 0755) == 0, "chmod");
	tree_must(asprintf(&config, "%s/bus.conf", bus->directory) > 0, "asprintf");
	tree_must(asprintf(&bus->address, "unix:path=%s/bus", bus->directory) > 0, "asprintf");
	tree_must(asprintf(&option, "--config-file=%s", config) > 0, "asprintf");
	f = fopen(config, "we");
	tree_must(f != NULL, config);
	fprintf(f, config_format, bus->directory, policy);
	fclose(f);
	tree_must(pipe(fds) == 0, "pipe");
	bus->pid = fork();
	if (bus->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fds[1], STDOUT_FILENO);
		execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--print-address", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	EXPECT(read(fds[0], text, sizeof(text) - 1) > 0);
	close(fds[0]);
}

static inline void system_bus_stop(struct system_bus *bus)
{
	(void)kill(bus->pid, SIGKILL);
	(void)waitpid(bus->pid, NULL, 0);
	free(bus->address);
	(void)tree_free(bus->directory);
}

#endif
