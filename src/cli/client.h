/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "answer.h"
#include "error.h"
#include "request.h"

/* A connection to virtrkd. */
struct client;

/* @path: a private socket, or NULL = $VIRTRK_BUS, else the system bus, else the socket in /run/virtrk. */
int client_open(struct client **ret, const char *path, struct vr_error **reterr);
struct client *client_close(struct client *client);
DEFINE_CLEANUP(struct client *, client_close)

/*
 * The questions. Each gives a JSON tree that the caller puts, its members checked, or a negative errno and one line for
 * the user whose reason names what virtrkd answered (exit_code() in main.c makes the exit code of it).
 */
int client_version(struct client *client, struct json_object **ret, struct vr_error **reterr);
int client_domains(struct client *client, struct json_object **ret, struct vr_error **reterr);
int client_domain(struct client *client, const char *name, struct json_object **ret, struct vr_error **reterr);
int client_capacity(struct client *client, struct json_object **ret, struct vr_error **reterr);
int client_statistics(struct client *client, struct json_object **ret, struct vr_error **reterr);
int client_doctor(struct client *client, struct json_object **ret, struct vr_error **reterr);
int client_regime(struct client *client, struct json_object **ret, struct vr_error **reterr);

/* Both give a verdict; a refusal is an error of Reserve() and a verdict of Check(). */
int client_reserve(struct client *client, const char *domain, const struct request_list *list, struct json_object **ret,
		   struct vr_error **reterr);
int client_check(struct client *client, const char *domain, const struct request_list *list, struct json_object **ret,
		 struct vr_error **reterr);
int client_release(struct client *client, const char *domain, const struct thread_list *threads,
		   struct vr_error **reterr);

/* Capacity that is held for a domain to come: *ret of the first is its token, of the second the verdict. */
int client_prepare(struct client *client, const char *document, uint64_t ttl_ns, struct json_object **ret, struct vr_error **reterr);
int client_commit(struct client *client, const char *token, struct json_object **ret, struct vr_error **reterr);
int client_abort(struct client *client, const char *token, struct vr_error **reterr);

/*
 * Ways of the last-level cache of a domain that runs. *ret of the first: the lines in resctrl's words; of the last: every group,
 * with the domain whose it is, or "".
 */
int client_cache_reserve(struct client *client, const char *domain, uint32_t ways, uint32_t percent, struct json_object **ret,
			 struct vr_error **reterr);
int client_cache_check(struct client *client, const char *domain, uint32_t ways, struct vr_error **reterr);	/* it need not run */
int client_cache_release(struct client *client, const char *domain, struct vr_error **reterr);
int client_caches(struct client *client, struct json_object **ret, struct vr_error **reterr);

/* Memory for a domain to come: *ret are the options of a mount; with @hold kept for it for a minute. */
struct memory_wish {
	const char *domain;
	uint64_t bytes;
	uint32_t n_colors;	/* a number, or else a list; 0 and NULL: any */
	const char *colors;
	uint32_t n_banks;
	const char *banks;
	bool exclusive;
	bool preserve;		/* layout preserve */
	bool mounted;		/* not whether it can be had, but whether it is what the domain has */
};
int client_memory_ask(struct client *client, const struct memory_wish *wish, bool hold, struct json_object **ret, struct vr_error **reterr);
int client_memory_abort(struct client *client, const char *domain, struct vr_error **reterr);
int client_memory(struct client *client, struct json_object **ret, struct vr_error **reterr);

/* Every signal of virtrkd as { "event": "Reserved", "domain": ... }, until @handler fails or virtrkd ends (-ECONNRESET). */
typedef int (*client_handler)(struct json_object *event, void *userdata);
int client_watch(struct client *client, client_handler handler, void *userdata, struct vr_error **reterr);

#endif
