/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the client share; nobody else includes this. */
#ifndef CLI_CLIENT_PRIVATE_H
#define CLI_CLIENT_PRIVATE_H

#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "client.h"

#define NOT_RUNNING                                                                                     \
	"virtrkd is not running (no " VIRTRK_BUS_NAME " on the system bus and no socket "               \
	VIRTRK_PRIVATE_SOCKET "); start it with: systemctl start virtrkd"

struct client {
	sd_bus *bus;
	const char *destination;	/* NULL on a private socket */
};

int client_call_new(struct client *client, sd_bus_message **ret, const char *path, const char *interface, const char *member);
/* Sends @call and translates the reply, which must be of @signature. @ret NULL: the reply is empty. */
int client_call_send(struct client *client, sd_bus_message *call, const char *signature, struct json_object **ret,
		     struct vr_error **reterr);

#endif
