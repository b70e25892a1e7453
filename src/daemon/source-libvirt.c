/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection to libvirt, in a thread of its own: open, register for events, list what runs, then hear what happens
 * until the connection breaks or somebody says stop. All that comes of it is messages of fixed size in a pipe; there is
 * no table that two threads share. What a domain's metadata ask for (an intent) is read here, too, and handed over by pointer: who
 * has read the message owns it.
 *
 * libvirt's calls may block for ever when its daemon hangs. Nobody waits for this thread: it is detached, and the last
 * of its two owners (itself, and who started it) frees the link.
 *
 * Events say all that we want to know, but for the metadata. In their callbacks no call is made that asks the daemon
 * something, for the answer would have to come through the same loop: domains whose metadata are wanted are noted down, and
 * asked for between two turns of it. By then the domain's start is over: libvirt lets nobody look at a domain while a hook
 * decides on it. No keep-alive is sent: a daemon that dies closes its socket, and messages every few seconds would wake an
 * idle host.
 *
 * Loaded by source-libvirt-load.c. Reads only: names, UUIDs, states, metadata.
 */
#include <assert.h>
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "source-libvirt.h"

static_assert(sizeof(struct libvirt_message) <= PIPE_BUF, "a message is written whole or not at all");

struct libvirt_link {
	atomic_int owners;
	atomic_bool stop;
	int timer;		/* of libvirt's loop: set to go off at once, it wakes the loop */
	int fd;
	char *uri;
	virConnectPtr connection;
	int callback;
	int metadata_callback;
	virDomainPtr *wanted;	/* whose metadata are to be read */
	size_t n_wanted;
	bool broken;		/* the connection, or nobody reads the pipe any more */
};

extern const struct libvirt_module virtrk_libvirt_module;

static void link_unref(struct libvirt_link *link)
{
	if (atomic_fetch_sub(&link->owners, 1) > 1)
		return;
	if (link->timer >= 0)
		virEventRemoveTimeout(link->timer);
	free(link->wanted);
	free(link->uri);
	free(link);
}

static void link_post(struct libvirt_link *link, const struct libvirt_message *message)
{
	/* SIGPIPE is blocked here */
	if (write(link->fd, message, sizeof(*message)) != (ssize_t)sizeof(*message))
		link->broken = true;
}

static void link_post_domain(struct libvirt_link *link, virDomainPtr domain, enum vm_state state)
{
	struct libvirt_message message = { .kind = LIBVIRT_DOMAIN, .state = state };
	char uuid[VIR_UUID_STRING_BUFLEN];
	const char *name = virDomainGetName(domain);

	if (!name || strlen(name) >= sizeof(message.name) || virDomainGetUUIDString(domain, uuid) < 0)
		return;
	snprintf(message.name, sizeof(message.name), "%s", name);
	snprintf(message.uuid, sizeof(message.uuid), "%s", uuid);
	link_post(link, &message);
}

/* The pipe takes over what @message owns, if anybody reads it. */
static void link_post_intent(struct libvirt_link *link, struct libvirt_message *message)
{
	link_post(link, message);
	if (!link->broken)
		return;
	intent_free(message->intent);
	free(message->words);
}

static int intent_take(const char *xml, struct intent **ret, char **ret_words)
{
	_cleanup_(intent_freep) struct intent *intent = calloc(1, sizeof(*intent));
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	bool report;
	int r;

	if (!intent)
		return -ENOMEM;
	r = intent_read(xml, strlen(xml), intent, &report, &err);
	if (r == 0)
		*ret = TAKE_PTR(intent);
	else if (err)
		*ret_words = TAKE_PTR(err->text);
	return r == -ENOMEM || (err && !*ret_words) ? -ENOMEM : 0;
}

/* One that has ended meanwhile, or has no name that a file could bear, is nothing to tell about. */
static void link_ask(struct libvirt_link *link, virDomainPtr domain)
{
	struct libvirt_message message = { .kind = LIBVIRT_INTENT };
	const char *name = virDomainGetName(domain);
	_cleanup_(freep) char *xml = NULL;

	if (!name || strlen(name) >= sizeof(message.name))
		return;
	xml = virDomainGetXMLDesc(domain, 0);
	if (!xml || intent_take(xml, &message.intent, &message.words) < 0)
		return;
	snprintf(message.name, sizeof(message.name), "%s", name);
	link_post_intent(link, &message);
}

static void link_ask_wanted(struct libvirt_link *link)
{
	while (link->n_wanted > 0) {
		virDomainPtr domain = link->wanted[--link->n_wanted];

		if (!link->broken && !atomic_load(&link->stop))
			link_ask(link, domain);
		virDomainFree(domain);
	}
}

static void link_want(struct libvirt_link *link, virDomainPtr domain)
{
	virDomainPtr *wanted = reallocarray(link->wanted, link->n_wanted + 1, sizeof(*wanted));

	if (!wanted)
		return;
	link->wanted = wanted;
	if (virDomainRef(domain) == 0)
		wanted[link->n_wanted++] = domain;
}

static void on_metadata(virConnectPtr connection, virDomainPtr domain, int type, const char *uri, void *userdata)
{
	if (type == VIR_DOMAIN_METADATA_ELEMENT && uri && strncmp(uri, INTENT_NAMESPACE_ANY, strlen(INTENT_NAMESPACE_ANY)) == 0)
		link_want(userdata, domain);
}

/* ---- life ---- */

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *userdata)
{
	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED:
		link_post_domain(userdata, domain, VM_RUNNING);
		link_want(userdata, domain);
		break;
	case VIR_DOMAIN_EVENT_RESUMED:
		link_post_domain(userdata, domain, VM_RUNNING);
		break;
	case VIR_DOMAIN_EVENT_SUSPENDED:
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
	case VIR_DOMAIN_EVENT_CRASHED:	/* and kept for a look at it */
		link_post_domain(userdata, domain, VM_PAUSED);
		break;
	case VIR_DOMAIN_EVENT_STOPPED:
		link_post_domain(userdata, domain, VM_SHUTOFF);
		break;
	default:	/* defined, undefined; shutdown comes before stopped */
		break;
	}
	return 0;
}

static void on_close(virConnectPtr connection, int reason, void *userdata)
{
	struct libvirt_link *link = userdata;

	link->broken = true;
}

static void on_wake(int timer, void *userdata)
{
	virEventUpdateTimeout(timer, -1);	/* having woken the loop is all it is for */
}

static void on_error(void *userdata, virErrorPtr error)
{
	/* libvirt would print it; who opened the connection sees that it failed */
}

static enum vm_state state_translate(int state)
{
	switch (state) {
	case VIR_DOMAIN_PAUSED:
	case VIR_DOMAIN_CRASHED:
	case VIR_DOMAIN_PMSUSPENDED:
		return VM_PAUSED;
	case VIR_DOMAIN_SHUTOFF:
		return VM_SHUTOFF;
	default:	/* running, blocked, on its way to being shut off */
		return VM_RUNNING;
	}
}

static int link_list(struct libvirt_link *link)
{
	virDomainPtr *domains = NULL;
	int i, n;

	n = virConnectListAllDomains(link->connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (n < 0)
		return -EIO;
	for (i = 0; i < n; i++) {
		int state, reason;

		/* one that has ended meanwhile has no state */
		if (virDomainGetState(domains[i], &state, &reason, 0) == 0) {
			link_post_domain(link, domains[i], state_translate(state));
			/* in the midst of its start: its event is to come */
			if (state != VIR_DOMAIN_PAUSED || reason != VIR_DOMAIN_PAUSED_STARTING_UP)
				link_want(link, domains[i]);
		}
		virDomainFree(domains[i]);
	}
	free(domains);
	return 0;
}

/* Reading is all we need; the socket for readers may be switched off. */
static int link_open(struct libvirt_link *link)
{
	link->connection = virConnectOpenReadOnly(link->uri);
	if (!link->connection && !atomic_load(&link->stop))
		link->connection = virConnectOpen(link->uri);
	if (!link->connection)
		return -EIO;
	/* not every driver has a connection that can break */
	(void)virConnectRegisterCloseCallback(link->connection, on_close, link, NULL);
	link->callback = virConnectDomainEventRegisterAny(link->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
							  VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), link, NULL);
	/* nor do all know this event: then changes are seen at the next start */
	link->metadata_callback = virConnectDomainEventRegisterAny(link->connection, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
								   VIR_DOMAIN_EVENT_CALLBACK(on_metadata), link, NULL);
	return link->callback < 0 ? -EIO : 0;
}

static void link_close(struct libvirt_link *link)
{
	if (!link->connection)
		return;
	link->broken = true;
	link_ask_wanted(link);		/* asks for nothing any more, frees them */
	if (link->callback >= 0)
		(void)virConnectDomainEventDeregisterAny(link->connection, link->callback);
	if (link->metadata_callback >= 0)
		(void)virConnectDomainEventDeregisterAny(link->connection, link->metadata_callback);
	(void)virConnectUnregisterCloseCallback(link->connection, on_close);
	(void)virConnectClose(link->connection);
}

static void *link_main(void *userdata)
{
	struct libvirt_link *link = userdata;

	/* events first, then the list: what happens in between is told twice, never lost */
	if (link_open(link) == 0) {
		link_post(link, &(struct libvirt_message){ .kind = LIBVIRT_CONNECTED });
		if (link_list(link) == 0)
			while (!link->broken && !atomic_load(&link->stop)) {
				link_ask_wanted(link);
				if (virEventRunDefaultImpl() < 0)
					break;
			}
	}
	link_close(link);
	link_post(link, &(struct libvirt_message){ .kind = LIBVIRT_CLOSED });
	(void)close(link->fd);
	link_unref(link);
	return NULL;
}

static int thread_start(struct libvirt_link *link)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attributes);
	if (r)
		return -r;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* signals are for the thread with the loop */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attributes, link_main, link);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return -r;
}

/* Once in a process, and before the first connection. */
static void library_setup(void)
{
	(void)virEventRegisterDefaultImpl();
	virSetErrorFunc(NULL, on_error);
}

static int link_start(struct libvirt_link **ret, const char *uri, int fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct libvirt_link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return -ENOMEM;
	(void)pthread_once(&once, library_setup);
	atomic_init(&link->owners, 1);
	link->callback = -1;
	link->metadata_callback = -1;
	link->fd = fd;
	link->uri = strdup(uri);
	link->timer = virEventAddTimeout(-1, on_wake, NULL, NULL);
	if (!link->uri || link->timer < 0) {
		link_unref(link);
		return -ENOMEM;
	}
	atomic_store(&link->owners, 2);
	r = thread_start(link);
	if (r < 0) {
		atomic_store(&link->owners, 1);
		link_unref(link);
		return r;
	}
	*ret = link;
	return 0;
}

static void link_stop(struct libvirt_link *link)
{
	atomic_store(&link->stop, true);
	virEventUpdateTimeout(link->timer, 0);
	link_unref(link);
}

const struct libvirt_module virtrk_libvirt_module = {
	.version = LIBVIRT_MODULE_VERSION,
	.start = link_start,
	.stop = link_stop,
};
