/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CLIENT_MESSAGE_H
#define CLI_CLIENT_MESSAGE_H

#include <systemd/sd-bus.h>

#include "answer.h"

/* The next value of @message, of whatever type, as a JSON tree. -EBADMSG nothing left or a type JSON cannot hold. */
int client_message_read(sd_bus_message *message, struct json_object **ret);

#endif
