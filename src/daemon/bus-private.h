/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the bus share; nobody else includes this. */
#ifndef DAEMON_BUS_PRIVATE_H
#define DAEMON_BUS_PRIVATE_H

#include <systemd/sd-bus.h>

#include <virtrk/dbus.h>

#include "bus.h"

extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_domain_vtable[];
extern const sd_bus_vtable bus_reservation_vtable[];

/* bus.c */
struct manager *bus_manager(struct bus *bus);
/* -errno and words become the D-Bus error of the reason; without words the errno speaks. Returns negative. */
int bus_fail(sd_bus_error *reterr, int r, const struct vr_error *err);
struct bus_question **bus_questions(struct bus *bus);
const char *bus_error_name(enum vr_reason reason);

/* bus-manager.c */
int bus_append_verdict(sd_bus_message *reply, const struct verdict *verdict);
/*
 * Reads a(stttt), or a(stttta{sv}) where the message has that; the caller frees. A budget of 0 is left for admission to refuse; a
 * deadline of 0 is the period.
 */
int bus_read_items(sd_bus_message *msg, struct request_item **ret, size_t *ret_n, sd_bus_error *reterr);
int bus_reserve(struct bus *bus, sd_bus_message *msg, const char *domain, sd_bus_error *reterr);
int bus_release(struct bus *bus, sd_bus_message *msg, const char *domain, sd_bus_error *reterr);
/* A manager_reserve_done: answers the message, which it unrefs. */
void bus_reserve_reply(int r, const struct verdict *verdict, const struct vr_error *err, void *userdata);

/*
 * bus-polkit.c
 *
 * May the caller do @action? 0: yes. 1: polkit is asked, and @method will be called again with the same message, from its
 * beginning: return 1. Negative: no, or a fault. To be called before anything of the message is read.
 */
int bus_authorize(struct bus *bus, sd_bus_message *msg, const char *action, sd_bus_message_handler_t method, void *userdata,
		  sd_bus_error *reterr);
void bus_questions_free(struct bus_question **list);

/* bus-prepare.c */
int bus_method_prepare(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_prepare_start(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_commit(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_abort(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);

/* bus-memory.c */
int bus_method_caches(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_reserve_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_prepare_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_check_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_abort_memory(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_check_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);
int bus_method_release_cache(sd_bus_message *msg, void *userdata, sd_bus_error *reterr);

/* bus-domain.c */
int bus_domain_path(const char *domain, char **ret);
int bus_reservation_path(const char *domain, const char *thread, char **ret);
int bus_domain_export(sd_bus *connection, struct bus *bus);

#endif
