/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections, errors and signals. The same objects are served on the system bus and, where there is none, to peers on a
 * private socket: each peer is a connection of its own without a bus between. Methods are in bus-manager.c, domains and
 * reservations in bus-domain.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "bus-private.h"
#include "log.h"

#define PEERS_MAX 64

struct peer {
	struct bus *bus;
	sd_bus *connection;
	struct peer *next;
};

struct bus {
	sd_event *event;
	struct manager *manager;
	sd_bus *system;
	sd_event_source *listen;
	char *socket_path;
	struct peer *peers;
	size_t n_peers;
	struct bus_question *questions;
};

struct manager *bus_manager(struct bus *bus)
{
	return bus->manager;
}

struct bus_question **bus_questions(struct bus *bus)
{
	return &bus->questions;
}

/* ---- errors ---- */

static const struct {
	const char *name;
} error_names[_VR_REASON_MAX] = {
	[VR_FAILED] = { VIRTRK_ERROR_FAILED },
	[VR_NO_MEMORY] = { VIRTRK_ERROR_NO_MEMORY },
	[VR_OVERLOAD] = { VIRTRK_ERROR_OVERLOAD },
	[VR_KERNEL_BUSY] = { VIRTRK_ERROR_KERNEL_BUSY },
	[VR_BAD_BUDGET] = { VIRTRK_ERROR_BAD_BUDGET },
	[VR_BAD_DEADLINE] = { VIRTRK_ERROR_BAD_DEADLINE },
	[VR_BAD_PERIOD] = { VIRTRK_ERROR_BAD_PERIOD },
	[VR_BAD_THREAD] = { VIRTRK_ERROR_BAD_THREAD },
	[VR_NO_DOMAIN] = { VIRTRK_ERROR_NO_DOMAIN },
	[VR_NO_THREAD] = { VIRTRK_ERROR_NO_THREAD },
	[VR_DUPLICATE] = { VIRTRK_ERROR_DUPLICATE },
	[VR_NOT_RESERVED] = { VIRTRK_ERROR_NOT_RESERVED },
	[VR_THREAD_GONE] = { VIRTRK_ERROR_THREAD_GONE },
	[VR_NOT_PERMITTED] = { VIRTRK_ERROR_NOT_PERMITTED },
	[VR_AFFINITY] = { VIRTRK_ERROR_AFFINITY },
	[VR_UNSUPPORTED] = { VIRTRK_ERROR_UNSUPPORTED },
	[VR_BAD_CONFIG] = { VIRTRK_ERROR_BAD_CONFIG },
	[VR_BAD_STATE] = { VIRTRK_ERROR_BAD_STATE },
	[VR_RUNNING] = { VIRTRK_ERROR_RUNNING },
	[VR_READ_BACK] = { VIRTRK_ERROR_READ_BACK },
	[VR_DRY_RUN] = { VIRTRK_ERROR_DRY_RUN },
	[VR_NO_TOKEN] = { VIRTRK_ERROR_NO_TOKEN },
	[VR_BAD_TTL] = { VIRTRK_ERROR_BAD_TTL },
	[VR_BAD_CPU] = { VIRTRK_ERROR_BAD_CPU },
};

const char *bus_error_name(enum vr_reason reason)
{
	assert(reason < _VR_REASON_MAX && error_names[reason].name);
	return error_names[reason].name;
}

int bus_fail(sd_bus_error *reterr, int r, const struct vr_error *err)
{
	assert(r < 0);
	if (err && err->text)
		return sd_bus_error_set(reterr, bus_error_name(err->reason), err->text);
	if (r == -ENOMEM)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NO_MEMORY, "virtrkd is out of memory");
	return sd_bus_error_setf(reterr, VIRTRK_ERROR_FAILED, "virtrkd failed: %s", strerror(-r));
}

/* ---- signals ---- */

typedef int (*signal_fill)(sd_bus_message *msg, const struct manager_event *event);

static int fill_domain_pid(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "su", e->domain, (uint32_t)e->pid);
}

static int fill_domain(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "s", e->domain);
}

static int fill_state(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "ss", e->domain, e->what);
}

static int fill_reserved(sd_bus_message *msg, const struct manager_event *e)
{
	const struct vrk_reservation *r = &e->promise->reservation;

	return sd_bus_message_append(msg, "ssttt", e->domain, e->thread, r->budget_ns, r->period_ns, r->deadline_ns);
}

static int fill_released(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "sss", e->domain, e->thread, e->what);
}

static int fill_drift(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "ssssss", e->domain, e->thread, e->what, e->old_value, e->new_value, e->action);
}

static int fill_missed(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "sst", e->domain, e->thread, e->count);
}

static int fill_refused(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "ss", e->domain, e->what);
}

static int fill_exhausted(sd_bus_message *msg, const struct manager_event *e)
{
	return sd_bus_message_append(msg, "sstt", e->domain, e->what, e->count, e->left);
}

static const struct {
	const char *name;
	signal_fill fill;
} signals[] = {
	[MANAGER_DOMAIN_APPEARED] = { "DomainAppeared", fill_domain_pid },
	[MANAGER_DOMAIN_VANISHED] = { "DomainVanished", fill_domain_pid },
	[MANAGER_THREADS_CHANGED] = { "ThreadsChanged", fill_domain },
	[MANAGER_STATE_CHANGED] = { "StateChanged", fill_state },
	[MANAGER_RESERVED] = { "Reserved", fill_reserved },
	[MANAGER_RELEASED] = { "Released", fill_released },
	[MANAGER_DRIFT] = { "Drift", fill_drift },
	[MANAGER_MISSED] = { "Missed", fill_missed },
	[MANAGER_REFUSED] = { "Refused", fill_refused },
	[MANAGER_EXHAUSTED] = { "MemoryExhausted", fill_exhausted },
};

/* The properties that an event changes, so that a client that caches them is told. */
static void properties_changed(sd_bus *connection, const struct manager_event *e)
{
	char *path = NULL;

	if (e->kind == MANAGER_RESERVED || e->kind == MANAGER_RELEASED)
		(void)sd_bus_emit_properties_changed(connection, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER,
						     "NReservations", NULL);
	if (e->kind == MANAGER_DOMAIN_APPEARED || e->kind == MANAGER_DOMAIN_VANISHED)
		(void)sd_bus_emit_properties_changed(connection, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NDomains", NULL);
	if ((e->kind == MANAGER_DRIFT || e->kind == MANAGER_MISSED) &&
	    bus_reservation_path(e->domain, e->thread, &path) >= 0)
		(void)sd_bus_emit_properties_changed(connection, path, VIRTRK_INTERFACE_RESERVATION,
						     e->kind == MANAGER_DRIFT ? "Drift" : "Missed", NULL);
	if ((e->kind == MANAGER_STATE_CHANGED || e->kind == MANAGER_THREADS_CHANGED) &&
	    bus_domain_path(e->domain, &path) >= 0)
		(void)sd_bus_emit_properties_changed(connection, path, VIRTRK_INTERFACE_DOMAIN,
						     e->kind == MANAGER_STATE_CHANGED ? "State" : "Threads", NULL);
	free(path);
}

static void signal_send(sd_bus *connection, const struct manager_event *event)
{
	sd_bus_message *msg = NULL;
	int r;

	r = sd_bus_message_new_signal(connection, &msg, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, signals[event->kind].name);
	if (r >= 0)
		r = signals[event->kind].fill(msg, event);
	if (r >= 0)
		r = sd_bus_send(connection, msg, NULL);
	if (r < 0)
		log_debug("cannot send signal %s: %s, ignoring", signals[event->kind].name, strerror(-r));
	sd_bus_message_unref(msg);
	properties_changed(connection, event);
}

static void on_manager_event(const struct manager_event *event, void *userdata)
{
	struct bus *bus = userdata;

	if (bus->system)
		signal_send(bus->system, event);
	for (struct peer *p = bus->peers; p; p = p->next)
		signal_send(p->connection, event);
}

/* ---- connections ---- */

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *reterr)
{
	struct bus *bus = userdata;

	if (sd_bus_message_is_method_call(message, NULL, NULL) > 0)
		manager_look(bus->manager);
	return 0;	/* and on to its method */
}

static int connection_export(sd_bus *connection, struct bus *bus)
{
	int r;

	r = sd_bus_add_filter(connection, NULL, on_message, bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(connection, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, bus_manager_vtable, bus);
	if (r >= 0)
		r = sd_bus_add_object_manager(connection, NULL, VIRTRK_OBJECT);
	if (r >= 0)
		r = bus_domain_export(connection, bus);
	return r;
}

int bus_serve_system(struct bus *bus, struct vr_error **reterr)
{
	int r;

	r = sd_bus_open_system(&bus->system);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot connect to the system bus: %s", strerror(-r));
	r = connection_export(bus->system, bus);
	if (r >= 0)
		r = sd_bus_attach_event(bus->system, bus->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot serve on the system bus: %s", strerror(-r));
	r = sd_bus_request_name(bus->system, VIRTRK_BUS_NAME, 0);
	if (r == -EEXIST || r == -EALREADY)
		return vr_error_set(reterr, r, VR_RUNNING, "another virtrkd owns %s on the system bus", VIRTRK_BUS_NAME);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot own %s on the system bus: %s", VIRTRK_BUS_NAME,
				    strerror(-r));
	return 0;
}

static void peer_free(struct peer *peer)
{
	struct peer **p = &peer->bus->peers;

	while (*p && *p != peer)
		p = &(*p)->next;
	if (*p) {
		*p = peer->next;
		peer->bus->n_peers--;
	}
	sd_bus_flush_close_unref(peer->connection);
	free(peer);
}

static int on_peer_disconnected(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct peer *peer = userdata;

	sd_bus_detach_event(peer->connection);
	peer_free(peer);
	return 1;
}

/*
 * busctl and other clients greet the bus driver first, also when there is none. Answering that one call makes
 * `busctl --address=unix:path=...` work on the private socket.
 */
static int on_hello(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_reply_method_return(msg, "s", ":1.0");
}

static int on_match(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_reply_method_return(msg, NULL);	/* a peer gets every signal anyway */
}

static const sd_bus_vtable driver_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Hello", NULL, "s", on_hello, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_HIDDEN),
	SD_BUS_METHOD("AddMatch", "s", NULL, on_match, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_HIDDEN),
	SD_BUS_METHOD("RemoveMatch", "s", NULL, on_match, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_HIDDEN),
	SD_BUS_VTABLE_END
};

static int connection_serve(sd_bus *connection, int fd)
{
	sd_id128_t id;
	int r;

	r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_description(connection, "peer");
	if (r >= 0)
		r = sd_bus_set_server(connection, 1, id);
	if (r >= 0)
		r = sd_bus_set_anonymous(connection, true);	/* who it is, is read from the socket */
	if (r >= 0)
		r = sd_bus_set_fd(connection, fd, fd);		/* last: now it owns the fd */
	return r;
}

static int peer_start(struct peer *peer)
{
	sd_bus *c = peer->connection;
	int r;

	r = connection_export(c, peer->bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(c, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus", driver_vtable, peer);
	if (r >= 0)
		r = sd_bus_start(c);
	if (r >= 0)
		r = sd_bus_match_signal(c, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
					"Disconnected", on_peer_disconnected, peer);
	if (r >= 0)
		r = sd_bus_attach_event(c, peer->bus->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static int peer_new(struct bus *bus, int fd)
{
	_cleanup_(closep) int owned = fd;
	struct peer *peer;
	int r;

	if (bus->n_peers >= PEERS_MAX)
		return -EUSERS;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	peer->bus = bus;
	r = sd_bus_new(&peer->connection);
	if (r >= 0)
		r = connection_serve(peer->connection, owned);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	(void)TAKE_FD(owned);
	peer->next = bus->peers;
	bus->peers = peer;
	bus->n_peers++;
	r = peer_start(peer);
	if (r < 0)
		peer_free(peer);
	return r;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	int peer_fd, r;

	peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer_fd < 0)
		return 0;	/* it went away again */
	r = peer_new(userdata, peer_fd);
	if (r < 0)
		log_debug("cannot serve a peer: %s, ignoring", strerror(-r));
	return 0;
}

/* A socket file without a listener is left over from a crash; one with a listener is a second virtrkd. */
static int socket_is_alive(const struct sockaddr_un *address)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) >= 0;
}

int bus_serve_socket(struct bus *bus, const char *path, struct vr_error **reterr)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return vr_error_set(reterr, -ENAMETOOLONG, VR_FAILED, "the socket's path is longer than %zu bytes: %s",
				    sizeof(address.sun_path) - 1, path);
	strcpy(address.sun_path, path);
	if (socket_is_alive(&address))
		return vr_error_set(reterr, -EADDRINUSE, VR_RUNNING, "another virtrkd listens on %s", path);
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 || listen(fd, 16) < 0)
		return vr_error_set(reterr, -errno, VR_FAILED, "cannot listen on %s: %s", path, strerror(errno));
	bus->socket_path = strdup(path);
	if (!bus->socket_path)
		return -ENOMEM;
	r = sd_event_add_io(bus->event, &bus->listen, fd, EPOLLIN, on_accept, bus);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(bus->listen, true);
	if (r < 0)
		return r;
	(void)TAKE_FD(fd);
	return 0;
}

int bus_new(struct bus **ret, sd_event *event, struct manager *manager)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	bus->event = sd_event_ref(event);
	bus->manager = manager;
	manager_listen(manager, on_manager_event, bus);
	*ret = bus;
	return 0;
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	manager_listen(bus->manager, NULL, NULL);
	while (bus->peers)
		peer_free(bus->peers);
	bus_questions_free(&bus->questions);
	sd_bus_flush_close_unref(bus->system);
	sd_event_source_disable_unref(bus->listen);
	if (bus->socket_path)
		(void)unlink(bus->socket_path);
	free(bus->socket_path);
	sd_event_unref(bus->event);
	free(bus);
	return NULL;
}
