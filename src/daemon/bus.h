/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The D-Bus face of the manager: reads a message, calls the manager, writes the reply. Decides nothing. The manual of the
 * interface is org.virtrk1(5).
 */
#ifndef DAEMON_BUS_H
#define DAEMON_BUS_H

#include <systemd/sd-event.h>

#include "error.h"
#include "manager.h"

struct bus;

int bus_new(struct bus **ret, sd_event *event, struct manager *manager);
struct bus *bus_free(struct bus *bus);
DEFINE_CLEANUP(struct bus *, bus_free)

/* Serves on the system bus and owns org.virtrk1 there. -EEXIST, VR_RUNNING: somebody else owns the name. */
int bus_serve_system(struct bus *bus, struct vr_error **reterr);
/* Serves peers on a unix socket at @path. A dead socket file is replaced; one that answers is -EADDRINUSE, VR_RUNNING. */
int bus_serve_socket(struct bus *bus, const char *path, struct vr_error **reterr);

/* The introspection XML of "manager", "domain" or "reservation" on standard output. -EINVAL: none of these. */
int bus_introspect(const char *which);

#endif
