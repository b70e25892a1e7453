/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to virtrkd: an explicit socket, the system bus, or the private socket of a host without bus. On a private socket there
 * is no bus in between: no Hello, no names, messages without destination.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <virtrk/dbus.h>

#include "client-private.h"

#define HANDSHAKE_USEC (5 * 1000000ULL)
#define SYSTEM_BUS_SOCKET "/run/dbus/system_bus_socket"

static int socket_connect(const char *path, struct vr_error **reterr)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return vr_error_set(reterr, -ENAMETOOLONG, VR_FAILED, "cannot connect to %s: the path of a socket has at most %zu bytes",
				    path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		return vr_error_set(reterr, r, VR_FAILED, "cannot connect to virtrkd at %s: %s", path,
				    r == -ECONNREFUSED ? "nobody listens on that socket any more" : strerror(-r));
	}
	return TAKE_FD(fd);
}

/* sd-bus itself would wait a minute and a half for a server that says nothing. */
static int handshake_wait(sd_bus *bus)
{
	int r;

	while ((r = sd_bus_is_ready(bus)) == 0) {
		r = sd_bus_process(bus, NULL);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = sd_bus_wait(bus, HANDSHAKE_USEC);
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r;
}

static int private_open(sd_bus **ret, const char *path, struct vr_error **reterr)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(closep) int fd = socket_connect(path, reterr);
	int r;

	if (fd < 0)
		return fd;
	r = sd_bus_new(&bus);
	if (r < 0)
		return r;
	r = sd_bus_set_fd(bus, fd, fd);
	if (r < 0)
		return r;
	TAKE_FD(fd);		/* the bus closes it from now on */
	r = sd_bus_start(bus);
	if (r >= 0)
		r = handshake_wait(bus);
	if (r == -ETIMEDOUT)
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd at %s does not answer", path);
	if (r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN)
		return vr_error_set(reterr, r, VR_FAILED, "virtrkd at %s closed the connection", path);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot talk to virtrkd at %s: %s", path, strerror(-r));

	*ret = TAKE_PTR(bus);
	return 0;
}

static bool name_activatable(sd_bus *bus)
{
	char **names = NULL;
	bool found = false;

	if (sd_bus_list_names(bus, NULL, &names) < 0)
		return false;
	for (size_t i = 0; names && names[i]; i++) {
		found |= strcmp(names[i], VIRTRK_BUS_NAME) == 0;
		free(names[i]);
	}
	free(names);
	return found;
}

/* 1 = connected, virtrkd is there or the bus will start it; 0 = no such bus, or nothing of ours on it. */
static int system_open(sd_bus **ret)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;

	if (!getenv("DBUS_SYSTEM_BUS_ADDRESS") && access(SYSTEM_BUS_SOCKET, F_OK) < 0)
		return 0;
	if (sd_bus_open_system(&bus) < 0)
		return 0;
	if (sd_bus_get_name_creds(bus, VIRTRK_BUS_NAME, 0, NULL) < 0 && !name_activatable(bus))
		return 0;

	*ret = TAKE_PTR(bus);
	return 1;
}

static int somewhere_open(sd_bus **ret, const char **ret_destination, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	int r = system_open(ret);

	if (r > 0) {
		*ret_destination = VIRTRK_BUS_NAME;
		return 0;
	}
	r = private_open(ret, VIRTRK_PRIVATE_SOCKET, &why);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return vr_error_set(reterr, r, VR_FAILED, "%s", NOT_RUNNING);
	if (r == -EACCES || r == -EPERM)
		return vr_error_set(reterr, r, VR_NOT_PERMITTED, "you may not connect to virtrkd at %s: be root",
				    VIRTRK_PRIVATE_SOCKET);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s", why->text ?: strerror(-r));
	return r;
}

int client_open(struct client **ret, const char *path, struct vr_error **reterr)
{
	_cleanup_(client_closep) struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	if (!path)
		path = getenv("VIRTRK_BUS");
	if (path && *path)
		r = private_open(&client->bus, path, reterr);
	else
		r = somewhere_open(&client->bus, &client->destination, reterr);
	if (r < 0)
		return r;

	*ret = TAKE_PTR(client);
	return 0;
}

struct client *client_close(struct client *client)
{
	if (!client)
		return NULL;
	sd_bus_close_unref(client->bus);	/* no flush: every call has been answered or given up */
	free(client);
	return NULL;
}
