/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the client share; nobody else includes this. */
#ifndef CLI_CLIENT_PRIVATE_H
#define CLI_CLIENT_PRIVATE_H

#include <systemd/sd-bus.h>

#include "client.h"

int client_call_new(struct client *client, sd_bus_message **ret, const char *path, const char *interface, const char *member);
/* Sends @call and translates the reply, which must be of @signature. @ret NULL: the reply is empty. */
int client_call_send(struct client *client, sd_bus_message *call, const char *signature, struct json_object **ret,
		     struct vr_error **reterr);

#endif
