/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one who owns everything and decides: domains, ledger, requests, drift. bus.c translates to and from it, main.c starts
 * it, sources and monitor report to it. One thread, one loop.
 */
#ifndef DAEMON_MANAGER_H
#define DAEMON_MANAGER_H

#include <systemd/sd-event.h>

#include "admit.h"
#include "error.h"
#include "ledger.h"
#include "monitor.h"
#include "regime.h"
#include "vm.h"

struct manager;

struct manager_options {
	const char *root;		/* "/" or a directory that looks like a host */
	const char *state_directory;	/* /run/virtrk */
	const char *config_directory;	/* /etc/virtrk */
	const char *libvirt_uri;	/* NULL = no libvirt */
	bool dry_run;			/* decide, write nothing */
	bool repair_drift;		/* else only report it */
	bool release_on_exit;
};

int manager_new(struct manager **ret, sd_event *event, const struct manager_options *options, struct vr_error **reterr);
/* Recovers what a predecessor left, then looks for domains. */
int manager_start(struct manager *manager, struct vr_error **reterr);
/* Reservations stay in force: the kernel holds them. Only with release_on_exit are they given back first. */
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager *, manager_free)

/* What others may read. Valid until the next turn of the loop. */
bool manager_dry_run(const struct manager *manager);
/* To be called before each request: where no event tells of new QEMU processes, they are looked for now. */
void manager_look(struct manager *manager);
const struct regime *manager_regime(const struct manager *manager);
const struct vm_table *manager_vms(const struct manager *manager);
const struct ledger *manager_ledger(const struct manager *manager);
/* Where it may run: its own CPU, or those that are shared. */
void manager_cpus(const struct manager *manager, const struct promise *promise, cpu_set_t *ret);
/* "" or what somebody else made of the thread, as found at the last look. */
const char *manager_drift(const struct manager *manager, const struct promise *promise);

/* "" or why the domain of this process does not get what its metadata ask for. */
const char *manager_intent_refusal(const struct manager *manager, pid_t pid);

/* Reads the host again, then tells what is wrong with it. */
int manager_doctor(struct manager *manager, struct finding **ret, size_t *ret_n);

/* -ENXIO: none that runs is called so; the words name those that do. */
int manager_vm_lookup(struct manager *manager, const char *domain, struct vm **ret, struct vr_error **reterr);

/* Would it fit? Nothing is written. Refusal = 0 and a verdict; a bad request = negative errno and words. */
int manager_check(struct manager *manager, const char *domain, const struct request_item *items, size_t n,
		  struct verdict *ret, struct vr_error **reterr);

/*
 * manager_reserve() - admit and apply, all items or none
 *
 * May have to wait until bandwidth that was given back arrives (at most the longest period released lately), hence the
 * callback, which is called exactly once, possibly before this function returns: @r 0 and the verdict, or negative errno
 * and the words (VR_OVERLOAD for a refusal). Neither may be kept.
 * Return: 0 the callback was or will be called; negative: it will not be.
 */
typedef void (*manager_reserve_done)(int r, const struct verdict *verdict, const struct vr_error *error,
				     void *userdata);
int manager_reserve(struct manager *manager, const char *domain, const struct request_item *items, size_t n,
		    manager_reserve_done done, void *userdata);
/* The caller is gone: its waiting requests are dropped, and their callback is called with -ECANCELED. */
void manager_cancel(struct manager *manager, void *userdata);

/*
 * Capacity in two phases (manager-prepare.c). @document: the reservations of a domain that need not run yet, as JSON. The token
 * that holds them is valid until they are committed, aborted, or @ttl_ns is over. A commit is a manager_reserve(): the
 * callback is called exactly once when 0 is returned, and never otherwise.
 */
#define MANAGER_TOKEN_SIZE 33
int manager_prepare(struct manager *manager, const char *document, nsec_t ttl_ns, const char **ret_token,
		    struct vr_error **reterr);
int manager_prepared_commit(struct manager *manager, const char *token, manager_reserve_done done, void *userdata,
			    struct vr_error **reterr);
struct manager_start {
	const char *domain;
	const char *slice;	/* where libvirt will put it: name of a group right below the root; NULL: in none of ours, or nobody knows */
};
/*
 * libvirt is about to start a domain, and asks by its hook: would all of @items fit? Then it is held for the domain, until it has them, or
 * for a minute. A domain that has prepared capacity already is only judged.
 */
int manager_prepare_start(struct manager *manager, const struct manager_start *start, const struct request_item *items, size_t n,
			  struct vr_error **reterr);
int manager_prepared_abort(struct manager *manager, const char *token, struct vr_error **reterr);

/* @n == 0: all of the domain. All are checked before one is given back. */
int manager_release(struct manager *manager, const char *domain, const char *const *threads, size_t n,
		    struct vr_error **reterr);

/*
 * manager-cache.c: ways of the last-level cache for a domain that runs, and at most @percent of the memory bandwidth; 0 = not asked
 * for. What the domain has already is replaced. *ret: the lines in resctrl's words.
 */
int manager_cache_reserve(struct manager *manager, const char *domain, uint32_t ways, uint32_t percent, char **ret,
			  struct vr_error **reterr);
struct resctrl;
int manager_caches(struct manager *manager, struct resctrl *ret, struct vr_error **reterr);	/* as they are; for resctrl_done() */
/* Would they fit? The domain need not run; -EDQUOT, -EOPNOTSUPP and others, with words. */
int manager_cache_check(struct manager *manager, const char *domain, uint32_t ways, struct vr_error **reterr);
int manager_cache_release(struct manager *manager, const char *domain, struct vr_error **reterr);

/*
 * manager-memory.c: memory of certain colours for a domain to come. *ret: the options of a mount of colorfs, to be made by the caller
 * as a mount of "virtrk:DOMAIN"; with @hold kept for it for a minute. manager_memory(): how the host's memory is divided, what is
 * mounted, and what is held (without a path).
 */
struct memory_host;
struct memory_pool;
struct memory_want;
int manager_memory_prepare(struct manager *manager, const struct memory_want *want, bool hold, char **ret, struct vr_error **reterr);
int manager_memory_abort(struct manager *manager, const char *domain, struct vr_error **reterr);
int manager_memory(struct manager *manager, struct memory_host *ret, struct memory_pool **ret_pools, size_t *ret_n,
		   struct vr_error **reterr);

int manager_sample(struct manager *manager, const struct promise *promise, struct monitor_sample *ret);

#define CAPACITY_PERIODS 6

struct capacity {
	char name[24];		/* "root-domain": the CPUs that are shared; "cpu2": one that is set apart */
	char *regime;		/* as in a verdict */
	cpu_set_t cpus;
	uint32_t n_cpus;
	uint32_t reservations;
	bw_t kernel_used_bw;	/* promises, fair servers, foreign threads, and what it has lost, as the kernel adds them */
	bw_t kernel_limit_bw;	/* of the whole root domain; VRK_BW_UNLIMITED */
	bw_t reserved_bw;
	bw_t foreign_bw;
	bw_t prepared_bw;	/* held for domains to come: not the kernel's business, but no longer free */
	nsec_t period_ns[CAPACITY_PERIODS];
	nsec_t largest_ns[CAPACITY_PERIODS];	/* budget of one more vCPU with that period */
};

size_t manager_places(const struct manager *manager);	/* how many sets of CPUs there are; the shared ones are the first */
int manager_capacity(struct manager *manager, size_t place, struct capacity *ret);
void capacity_done(struct capacity *capacity);

/* What happened, for bus signals. Strings are valid during the call. */
enum manager_event_kind {
	MANAGER_DOMAIN_APPEARED,
	MANAGER_DOMAIN_VANISHED,
	MANAGER_THREADS_CHANGED,
	MANAGER_STATE_CHANGED,
	MANAGER_RESERVED,
	MANAGER_RELEASED,	/* what: "asked", "ended", "foreign" */
	MANAGER_DRIFT,		/* what, old, new, action */
	MANAGER_MISSED,		/* count */
	MANAGER_REFUSED,	/* what: why the domain does not get what its metadata ask for */
	MANAGER_EXHAUSTED,	/* what: the path; count: how many bytes of memory were refused, left: how many there are; "" where it is not known */
};

struct manager_event {
	enum manager_event_kind kind;
	const char *domain;
	const char *thread;
	pid_t pid;
	const struct promise *promise;
	const char *what;
	const char *old_value;
	const char *new_value;
	const char *action;
	uint64_t count;
	uint64_t left;
};

typedef void (*manager_listener)(const struct manager_event *event, void *userdata);
void manager_listen(struct manager *manager, manager_listener listener, void *userdata);

#endif
