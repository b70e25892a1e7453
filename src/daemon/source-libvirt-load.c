/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The side of libvirt's source that is always in virtrkd: it waits, without polling, for libvirt's socket to appear, loads
 * the module that knows libvirt, and starts a thread of it for one connection. What the thread says comes through a pipe
 * and is made into snapshots here: name, UUID and state from the message, the process from libvirt's pid file.
 *
 *   waiting    inotify on the deepest directory of the socket's path that is there
 *   connected  a thread, its pipe
 *   lost       one timer, 1 s and then twice as long each time up to 64 s, as long as the socket is there; inotify too
 *
 * That a domain has ended is not told: source-proc sees the process itself end, which is what counts.
 *
 * Called by the manager; source.h is its contract. In a fake root no libvirtd can run, so that only libvirt's own test
 * driver is of use there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <systemd/sd-event.h>

#include "source-libvirt.h"
#include "source.h"
#include "sysroot.h"

#define USEC_PER_SEC	1000000ULL
#define BACKOFF_MAX	(64 * USEC_PER_SEC)
#define STOP_LIMIT_MS	1000		/* for a thread that may hang in a call of libvirt's */
#define MODULE_NAME	"virtrk-libvirt.so"

struct source_libvirt {
	struct sysroot *root;
	sd_event *event;
	source_handler handler;
	void *userdata;
	char *uri;
	const struct libvirt_module *module;
	struct libvirt_link *link;	/* NULL: not connected, and not trying */
	int fd;				/* the pipe's end to read */
	sd_event_source *io;
	sd_event_source *watch;
	sd_event_source *timer;
	uint64_t backoff_usec;
};

static int source_try(struct source_libvirt *source);

/* Where libvirt listens: "...?socket=PATH" of the URI, else where its daemons do. */
static const char *const usual_sockets[] = { "/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock" };

static bool socket_of_uri(const char *uri, char path[PATH_MAX])
{
	const char *p = strchr(uri, '?');

	while (p) {
		p++;
		if (strncmp(p, "socket=", strlen("socket=")) == 0) {
			p += strlen("socket=");
			snprintf(path, PATH_MAX, "%.*s", (int)strcspn(p, "&"), p);
			return path[0] == '/';
		}
		p = strchr(p, '&');
	}
	return false;
}

/* A driver inside this process, or a daemon on another host: no socket to wait for. */
static bool needs_socket(const char *uri)
{
	return strncmp(uri, "qemu:///", 8) == 0 || strncmp(uri, "qemu+unix:///", 13) == 0;
}

static bool socket_is_there(const struct source_libvirt *source)
{
	char path[PATH_MAX];
	size_t i;

	if (!needs_socket(source->uri))
		return true;
	if (socket_of_uri(source->uri, path))
		return sysroot_exists(source->root, path);
	for (i = 0; i < ARRAY_SIZE(usual_sockets); i++)
		if (sysroot_exists(source->root, usual_sockets[i]))
			return true;
	return false;
}

/* The module. */

int source_libvirt_load(struct source_libvirt *source, const char *path)
{
	/* never closed again: libvirt does not bear it */
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const struct libvirt_module *module;

	if (!handle)
		return -ENOENT;
	module = dlsym(handle, LIBVIRT_MODULE_SYMBOL);
	if (!module || module->version != LIBVIRT_MODULE_VERSION)
		return -EPROTO;
	source->module = module;
	return 0;
}

/* Beside the program first: one that runs from its build directory takes the module from there. */
static int module_find(struct source_libvirt *source)
{
	char path[PATH_MAX];
	ssize_t n;
	char *slash;

	if (source->module)
		return 0;
	n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(MODULE_NAME) - 1);
	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			strcpy(slash + 1, MODULE_NAME);
			if (access(path, R_OK) == 0)
				return source_libvirt_load(source, path);
		}
	}
	return source_libvirt_load(source, VIRTRK_MODULE_DIRECTORY "/" MODULE_NAME);
}

/* Waiting. */

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
	(void)source_try(userdata);
	return 0;
}

/* Watches the deepest directory on the way to the socket that is there. */
static int watch_set(struct source_libvirt *source)
{
	const uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	_cleanup_(closep) int fd = -EBADF;
	char path[PATH_MAX];
	int r;

	source->watch = sd_event_source_disable_unref(source->watch);
	if (!needs_socket(source->uri))
		return 0;
	if (!socket_of_uri(source->uri, path))
		snprintf(path, sizeof(path), "%s", usual_sockets[0]);
	do {
		char *slash = strrchr(path, '/');

		slash[slash == path] = '\0';	/* "/" remains */
		fd = sysroot_open(source->root, path, O_PATH | O_DIRECTORY);
	} while (fd < 0 && path[1]);
	if (fd < 0)
		return fd;
	r = sd_event_add_inotify_fd(source->event, &source->watch, fd, mask, on_inotify, source);
	return r < 0 ? r : 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)source_try(userdata);
	return 0;
}

static void retry_later(struct source_libvirt *source)
{
	if (!socket_is_there(source))
		return;		/* inotify tells when it is */
	(void)sd_event_source_set_time_relative(source->timer, source->backoff_usec);
	(void)sd_event_source_set_enabled(source->timer, SD_EVENT_ONESHOT);
	source->backoff_usec *= 2;
	if (source->backoff_usec > BACKOFF_MAX)
		source->backoff_usec = BACKOFF_MAX;
}

/* Connected. */

static int read_process(const struct source_libvirt *source, const char *name, pid_t *ret_pid, uint64_t *ret_start)
{
	char path[PATH_MAX];
	uint64_t pid;
	int r;

	if (strchr(name, '/'))
		return -EINVAL;
	snprintf(path, sizeof(path), "/run/libvirt/qemu/%s.pid", name);
	r = sysroot_read_u64(source->root, path, &pid);
	if (r < 0)
		return r;
	if (pid == 0 || pid > INT_MAX)
		return -EBADMSG;
	*ret_pid = (pid_t)pid;
	return sysroot_start_ticks(source->root, (pid_t)pid, ret_start);
}

/* One without a process of ours (it has ended already, or it belongs to another driver) is nothing to tell about. */
static void domain_told(struct source_libvirt *source, const struct libvirt_message *message)
{
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct source_event event = { .kind = SOURCE_VM };
	uint64_t start;
	pid_t pid;

	if (message->state == VM_SHUTOFF || read_process(source, message->name, &pid, &start) < 0)
		return;
	if (vm_new(&vm, message->name, pid) < 0)
		return;
	vm->uuid = strdup(message->uuid);
	vm->start_ticks = start;
	vm->origin = VM_LIBVIRT;
	vm->state = message->state == VM_PAUSED ? VM_PAUSED : VM_RUNNING;
	event.vm = TAKE_PTR(vm);
	event.pid = pid;
	source->handler(&event, source->userdata);
	vm_free(event.vm);
}

static void message_done(struct libvirt_message *message)
{
	if (message->kind != LIBVIRT_INTENT)
		return;
	intent_free(TAKE_PTR(message->intent));
	free(TAKE_PTR(message->words));
}

static void intent_told(struct source_libvirt *source, struct libvirt_message *message)
{
	struct source_event event = { .kind = SOURCE_INTENT, .intent = message->intent, .words = message->words };
	uint64_t start;

	if (read_process(source, message->name, &event.pid, &start) < 0)
		return;
	source->handler(&event, source->userdata);
	message->intent = event.intent;		/* NULL: taken */
}

/* What nobody has read yet; what still comes after that is told by EPIPE. */
static void pipe_drain(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct libvirt_message message;

	while (poll(&poll_fd, 1, 0) > 0 && read(fd, &message, sizeof(message)) == (ssize_t)sizeof(message))
		message_done(&message);
}

static void link_end(struct source_libvirt *source)
{
	if (!source->link)
		return;
	source->io = sd_event_source_disable_unref(source->io);
	source->module->stop(TAKE_PTR(source->link));
	pipe_drain(source->fd);
	source->fd = close_fd(source->fd);	/* a thread that still writes is told by EPIPE */
}

static void link_lost(struct source_libvirt *source)
{
	link_end(source);
	(void)watch_set(source);
	retry_later(source);
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct source_libvirt *source = userdata;
	struct libvirt_message message;

	if (read(fd, &message, sizeof(message)) != (ssize_t)sizeof(message)) {
		link_lost(source);
		return 0;
	}
	message.name[sizeof(message.name) - 1] = '\0';
	message.uuid[sizeof(message.uuid) - 1] = '\0';
	switch (message.kind) {
	case LIBVIRT_CONNECTED:
		source->backoff_usec = USEC_PER_SEC;
		break;
	case LIBVIRT_DOMAIN:
		domain_told(source, &message);
		break;
	case LIBVIRT_INTENT:
		intent_told(source, &message);
		break;
	default:
		link_lost(source);
		break;
	}
	message_done(&message);
	return 0;
}

static int link_begin(struct source_libvirt *source)
{
	_cleanup_(closep) int to_read = -EBADF, to_write = -EBADF;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	to_read = fds[0];
	to_write = fds[1];
	r = sd_event_add_io(source->event, &source->io, to_read, EPOLLIN, on_message, source);
	if (r < 0)
		return r;
	r = source->module->start(&source->link, source->uri, to_write);
	if (r < 0) {
		source->io = sd_event_source_disable_unref(source->io);
		return r;
	}
	(void)TAKE_FD(to_write);
	source->fd = TAKE_FD(to_read);
	return 0;
}

/*
 * Connects when the socket is there; watches first and looks then, so that it cannot appear unseen. Without the module
 * no other try is any better.
 */
static int source_try(struct source_libvirt *source)
{
	int r;

	(void)sd_event_source_set_enabled(source->timer, SD_EVENT_OFF);
	if (source->link)
		return 0;
	r = watch_set(source);
	if (r < 0)
		return r;
	if (!socket_is_there(source))
		return 0;
	r = module_find(source);
	if (r < 0) {
		source->watch = sd_event_source_disable_unref(source->watch);
		return r;
	}
	if (link_begin(source) < 0) {
		retry_later(source);
		return 0;
	}
	source->watch = sd_event_source_disable_unref(source->watch);
	return 0;
}

int source_libvirt_new(struct source_libvirt **ret, struct sysroot *root, sd_event *event, const char *uri,
		       source_handler handler, void *userdata)
{
	_cleanup_(source_libvirt_freep) struct source_libvirt *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->fd = -EBADF;
	source->root = root;
	source->event = sd_event_ref(event);
	source->handler = handler;
	source->userdata = userdata;
	source->backoff_usec = USEC_PER_SEC;
	source->uri = strdup(uri ?: "qemu:///system");
	if (!source->uri)
		return -ENOMEM;
	r = sd_event_add_time(event, &source->timer, CLOCK_MONOTONIC, 0, 0, on_timer, source);
	if (r >= 0)
		r = sd_event_source_set_enabled(source->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(source);
	return 0;
}

int source_libvirt_start(struct source_libvirt *source)
{
	if (needs_socket(source->uri) && !sysroot_is_host(source->root))
		return 0;
	return source_try(source);
}

/* Gives the thread a moment to say good-bye to libvirtd; one that hangs in a call is left behind. */
static void link_wait(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct libvirt_message message;

	while (poll(&poll_fd, 1, STOP_LIMIT_MS) > 0) {
		if (read(fd, &message, sizeof(message)) != (ssize_t)sizeof(message))
			return;
		message_done(&message);
	}
}

struct source_libvirt *source_libvirt_free(struct source_libvirt *source)
{
	if (!source)
		return NULL;
	sd_event_source_disable_unref(source->io);
	sd_event_source_disable_unref(source->watch);
	sd_event_source_disable_unref(source->timer);
	if (source->link) {
		source->module->stop(source->link);
		link_wait(source->fd);
	}
	close_fd(source->fd);
	sd_event_unref(source->event);
	free(source->uri);
	free(source);
	return NULL;
}
