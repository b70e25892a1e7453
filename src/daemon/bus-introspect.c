/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the interface as introspection XML without a running daemon: two connections in one process, one asks the other.
 * The manual page is checked against it. No object is behind the vtables, and none is asked.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bus-private.h"

static const struct {
	const char *which;
	const char *interface;
	const sd_bus_vtable *vtable;
} interfaces[] = {
	{ "manager", VIRTRK_INTERFACE_MANAGER, bus_manager_vtable },
	{ "domain", VIRTRK_INTERFACE_DOMAIN, bus_domain_vtable },
	{ "reservation", VIRTRK_INTERFACE_RESERVATION, bus_reservation_vtable },
};

static int on_xml(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	bool *done = userdata;
	const char *xml;
	int r;

	*done = true;
	r = sd_bus_message_read(msg, "s", &xml);
	if (r < 0)
		return r;
	fputs(xml, stdout);
	return 1;
}

static int server_start(sd_bus *server, int fd)
{
	sd_id128_t id;
	int r;

	r = sd_bus_set_fd(server, fd, fd);
	if (r >= 0)
		r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_server(server, 1, id);
	return r < 0 ? r : sd_bus_start(server);
}

static int ask(sd_bus *server, sd_bus *client)
{
	bool done = false;
	int r;

	r = sd_bus_call_method_async(client, NULL, NULL, VIRTRK_OBJECT, "org.freedesktop.DBus.Introspectable", "Introspect",
				     on_xml, &done, NULL);
	while (r >= 0 && !done) {
		r = sd_bus_process(client, NULL);
		if (r >= 0)
			r = sd_bus_process(server, NULL);
	}
	return r < 0 ? r : 0;
}

int bus_introspect(const char *which)
{
	sd_bus *server = NULL, *client = NULL;
	int fds[2], r = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		if (strcmp(interfaces[i].which, which) != 0)
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
			return -errno;
		r = sd_bus_new(&server);
		if (r >= 0)
			r = sd_bus_new(&client);
		if (r >= 0)
			r = server_start(server, fds[0]);
		if (r >= 0)
			r = sd_bus_add_object_vtable(server, NULL, VIRTRK_OBJECT, interfaces[i].interface,
						     interfaces[i].vtable, NULL);
		if (r >= 0)
			r = sd_bus_set_fd(client, fds[1], fds[1]);
		if (r >= 0)
			r = sd_bus_start(client);
		if (r >= 0)
			r = ask(server, client);
	}
	sd_bus_close_unref(client);
	sd_bus_close_unref(server);
	return r;
}
