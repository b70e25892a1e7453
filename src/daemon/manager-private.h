/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the manager share; nobody else includes this. */
#ifndef DAEMON_MANAGER_PRIVATE_H
#define DAEMON_MANAGER_PRIVATE_H

#include "apply.h"
#include "foreign.h"
#include "limit-watch.h"
#include "manager.h"
#include "missed.h"
#include "source-colorfs.h"
#include "source.h"
#include "state.h"
#include "sysroot.h"

/* Bandwidth that was given back, and that the kernel still counts until the 0-lag time. */
struct returning {
	struct vrk_reservation reservation;
	cpu_set_t cpus;			/* the one to which it was pinned; else none */
	nsec_t until_ns;
};

/* A request that waits for returning bandwidth. */
struct waiting {
	struct manager *manager;
	char *domain;
	struct request_item *items;
	size_t n;
	manager_reserve_done done;
	void *userdata;
	sd_event_source *timer;
	nsec_t delay_ns;
	nsec_t since_ns;
	struct waiting *next;
};

/*
 * What somebody else may write. Affinity first: only with the promised one is the promised policy to be had again. And stuck,
 * which nobody writes: reserved, ready, and never run again by the kernel.
 */
enum drift_kind { DRIFT_AFFINITY, DRIFT_SCHED, DRIFT_STUCK, _DRIFT_MAX };

/* What the watch knows of a promise beside the ledger; found by tid. */
struct watched {
	pid_t tid;
	cpu_set_t affinity;	/* as it was when watching began */
	bool affinity_known;
	struct missed missed;
	char drift[_DRIFT_MAX][160];	/* as told last; "" = none */
	nsec_t back_ns;		/* it rests, and becomes SCHED_DEADLINE again then; 0 = it does not wait */
	bool freed;		/* it was stuck: the policy that it has now it has from us */
	nsec_t used_ns;		/* at the last look */
	uint64_t looks;
	nsec_t stand_ns;	/* since then it ... */
	struct monitor_stand stand;	/* ... stands so; stand_ns 0 = not at all */
};

struct manager {
	sd_event *event;
	struct manager_options options;
	struct sysroot *root;
	struct regime regime;
	struct limit_watch *limit;	/* of the kernel; NULL: it cannot be watched, or is not yet */
	bool limit_told;		/* the log knows that it is not, or perhaps not */
	bool limit_other;		/* it was written, and may be another one than regime goes by */
	struct state *state;
	struct vm_table vms;
	struct ledger ledger;
	struct monitor *monitor;
	struct source_proc *source_proc;
	struct source_libvirt *source_libvirt;
	struct returning *returning;
	size_t n_returning;
	sd_event_source *books_timer;
	bool books_told;
	struct waiting *waiting;
	struct prepared *prepared;
	struct known_intent *intents;
	uint64_t intent_requests;	/* counted */
	sd_event_source *intent_room;	/* asks again, in the next turn of the loop */
	struct memory_hold *memory_holds;
	struct source_colorfs *source_colorfs;	/* NULL: not heard */
	struct exhausted *exhausted;
	struct watched *watched;
	size_t n_watched;
	sd_event_source *watch_timer;
	bw_t lost_told_bw;	/* of what the kernel has lost the log knows so much */
	struct partition_watch *partition_watches;
	size_t n_partition_watches;
	sd_event_source *partition_timer;
	cpu_set_t apart_ever;		/* CPUs that were in a partition of ours, ever since the daemon runs */
	manager_listener listener;
	void *listener_userdata;
};

nsec_t manager_now(void);
int manager_regime_read(struct manager *m);	/* looks at the host again */
void manager_tell(struct manager *m, const struct manager_event *event);

/* manager-load.c */
/* What @promise has held: on the CPUs that are shared, or that it was pinned to. An exclusive one is given to nobody else before it has rested. */
void returning_add(struct manager *m, const struct promise *promise);
nsec_t returning_until(const struct manager *m);	/* 0 = nothing is on its way back */
/*
 * Other people's threads and what is prepared, but for these items of @domain (NULL: for all). Returning bandwidth, when asked
 * for, stands last: the last m->n_returning loads.
 */
int manager_load_foreign(struct manager *m, bool with_returning, const char *domain, const struct request_item *items, size_t n,
			 struct foreign *ret, struct vr_error **reterr);

/* manager-prepare.c */
int manager_prepared_load(const struct manager *m, const char *domain, const struct request_item *items, size_t n,
			  struct foreign *foreign);
void manager_prepared_started(struct manager *m, const char *domain);	/* it has what was held for its start, or never will */
void manager_prepared_free(struct manager *m);

/* manager-books.c: what the kernel counts as given away, and where that is wrong. */
/* A partition whose time has come: is more booked on its CPUs than is promised there? Then a timer of the kernel is later than was counted with. */
bool manager_still_booked(const struct manager *m, const struct partition *partition);
int manager_books_look(struct manager *m);	/* soon, when nothing is on its way back: root domains have changed */
bool manager_books_mend(struct manager *m);	/* were they below zero, and are not any more? */
bw_t manager_books_below(const struct manager *m);	/* how far below zero; 0 = they are not, or cannot be read */
void manager_books_free(struct manager *m);

/* manager-rest.c: no thread becomes SCHED_DEADLINE again while it may be throttled from before. */
void manager_rest(struct manager *m, struct ledger *ledger, const struct promise *promise);	/* it has left just now */
void manager_rest_plan(struct manager *m, struct ledger *ledger, const struct plan *plan);	/* who rests by apply's word */
nsec_t manager_rest_ns(const struct manager *m, const struct vrk_reservation *reservation);
nsec_t manager_rest_partition_ns(const struct manager *m, const struct vrk_reservation *reservation);
/*
 * Before a plan that gives CPUs: what the ledger has to know of them should it be undone, without promises. After that: without those
 * that are taken back. The rest timer (manager-partition.c) takes the others back.
 */
int manager_rest_made(const struct manager *m, struct ledger *ledger, const struct plan *plan);
void manager_rest_undone(struct ledger *ledger, const struct plan *plan);
/* manager-freezer.c: before a plan is written down: the groups that apply may freeze meanwhile. */
int manager_plan_freezers(struct manager *m, struct plan *plan, struct vr_error **reterr);
/* Bandwidth that the kernel has booked for no thread that there is; -ENOENT and the like: that cannot be told. */
int manager_lost(struct manager *m, bw_t *ret);
nsec_t manager_rests_until(const struct manager *m, const char *domain, const struct request_item *items, size_t n);

/* manager-request.c */
/* Numbers that no other reservation is needed to refuse. */
int manager_items_check(const struct manager *m, const struct request_item *items, size_t n, struct vr_error **reterr);
int manager_request_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			  struct vr_error **reterr);	/* these, and threads */
/* Has one of them a reservation already, which is not to be replaced? */
int manager_duplicate_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    struct vr_error **reterr);

/* manager-reserve.c */
void manager_waiting_free(struct manager *m);

/*
 * manager-commit.c: manager_commit() - from the ledger in force to @want: written down, applied, written down again. Takes @want on success;
 * on failure the ledger in force, the kernel and the state file are as before.
 */
int manager_commit(struct manager *m, struct ledger *want, struct vr_error **reterr);

/* manager-release.c */
/* Promises of threads that have ended: forgotten, told, and their bandwidth remembered as returning. */
void manager_forget(struct manager *m, const struct promise *promise, const char *why);

/*
 * manager-place.c. manager_place(): which item gets which CPU; @settled: as if partitions that end were gone already.
 * -EAGAIN: one has to be waited for.
 */
int manager_place(struct manager *m, const struct vm *vm, bool settled, const struct foreign *foreign, struct request_item *items,
		  size_t n, struct vr_error **reterr);
/* The same for a domain that does not run yet, as far as it can be told; those that cannot be placed before it runs are refused. */
int manager_place_prepared(struct manager *m, const struct manager_start *start, const struct foreign *foreign, struct request_item *items,
			   size_t n, struct vr_error **reterr);
/* Can it be told now where these will be? Not of CPUs that may become exclusive or a slice's, where it is not known in which slice it will be. */
bool manager_place_is_known(struct manager *m, const struct manager_start *start, const struct request_item *items, size_t n);
/* What manager_want_partitions() would answer when partitions that end are gone; for who only asks. */
int manager_place_settles(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n, struct vr_error **reterr);
int manager_want_partitions(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			    struct ledger *want, struct vr_error **reterr);

/* manager-partition.c */
int manager_partition_update(struct manager *m);
const char *manager_partition_drift(const struct manager *m, const struct promise *promise);	/* "" = none */
/* *expected: as seen last, becomes what is right now. */
void manager_partition_affinity(const struct manager *m, const struct promise *promise, const cpu_set_t *now,
				cpu_set_t *expected);
/* Its thread may run on its CPUs again, if somebody has moved it out of its partition, or denied it to its control group. */
int manager_partition_return(struct manager *m, const struct promise *promise, struct vr_error **reterr);
void manager_partition_rest(const struct manager *m);	/* waits until all have rested; only at the end */
void manager_partition_free(struct manager *m);

/*
 * manager-intent.c: what the metadata of libvirt's domains ask for. manager_intent_told() may take *intent; NULL without words: they ask
 * for nothing.
 */
void manager_intent_told(struct manager *m, pid_t pid, struct intent **intent, const char *words);
void manager_intent_threads(struct manager *m, const struct vm *vm);	/* threads came or went */
void manager_intent_forget(struct manager *m, pid_t pid);
void manager_intents_free(struct manager *m);
void manager_intents_room(struct manager *m);	/* some may have come back: what was refused is asked for again, soon */
void manager_refused(struct manager *m, const char *domain, const char *words);

/* manager-memory.c */
void manager_memory_free(struct manager *m);
void manager_memory_check(struct manager *m);	/* says in the log when the profile is another machine's */

/* manager-exhausted.c: memory that mounts refuse is told */
void manager_exhausted_listen(struct manager *m);
void manager_exhausted(const struct colorfs_refusal *refusal, void *userdata);
void manager_exhausted_free(struct manager *m);

/* manager-cache.c */
/* What metadata ask for: @before and now; @first: nothing was known of this process. With words where it is refused. */
int manager_cache_follow(struct manager *m, const char *domain, bool first, uint32_t before, uint32_t ways, struct vr_error **reterr);
void manager_cache_threads(struct manager *m, const struct vm *vm);	/* threads came or went */
void manager_cache_sweep(struct manager *m, bool all);			/* groups that have served */

/* manager-recover.c */
int manager_recover(struct manager *m, struct vr_error **reterr);

/* manager-watch.c: keeps the watch in step with the ledger; no promise, no timer. */
int manager_watch_update(struct manager *m);
void manager_watch_follow(struct manager *m);	/* the same, and what cannot be watched is told in the log */

#endif
