/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision: does a request fit the promises already made? Pure: regime, ledger, foreign load and request in,
 * verdict with words out. Everything that needs a number is asked of libvirtrk-analysis.
 */
#ifndef DAEMON_ADMIT_H
#define DAEMON_ADMIT_H

#include <virtrk/analysis.h>

#include "ledger.h"
#include "regime.h"

/* What is asked for one thread of one domain. */
struct request_item {
	char thread[VM_THREAD_NAME_MAX];
	struct vrk_reservation reservation;
	bool soft;
	bool replace;		/* the thread may be reserved already */
	cpu_set_t cpus;		/* one of these, exclusive or pinned to it; empty: as it comes */
	bool apart;		/* decided by partition_assign(): it gets @cpu, in this way */
	uint32_t cpu;
	enum partition_kind kind;
	cpu_set_t slice_cpus;	/* PARTITION_SHARED: all of its slice, of which @cpu is the first */
};

/* A SCHED_DEADLINE thread that is not ours, or bandwidth of ours on its way back: it counts like a promise. */
struct foreign_load {
	pid_t tid;
	char comm[16];
	struct vrk_reservation reservation;
	cpu_set_t cpus;		/* where it may run; empty: anywhere, or not known */
	const char *held_for;	/* nobody's yet: prepared for this domain, and on these CPUs it will be; NULL: not so. Borrowed */
};

struct foreign {
	struct foreign_load *loads;
	size_t n;
};

#define VERDICT_NO_INDEX UINT32_MAX

struct verdict {
	struct vrk_verdict analysis;
	struct vrk_repair repair;
	uint32_t index;		/* the item that is hit, or that the repair is about; VERDICT_NO_INDEX = none */
	char *regime;		/* "root-domain, 2 CPUs, global EDF" */
	char *reason;		/* one sentence with numbers */
	char *repair_text;	/* one sentence; "" on yes */
};

void verdict_done(struct verdict *verdict);

/* The analysis' view of this host. */
void admit_host(const struct regime *regime, struct vrk_host *ret);

/* "root-domain, 2 CPUs, global EDF": malloc()ed, NULL when memory ran out. */
char *admit_regime_text(const struct regime *regime);

/* The sentence for a broken rule of the parameters (VRK_TEST_PARAMETERS). */
int admit_rule_text(const char *thread, const struct vrk_verdict *v, char **ret);

/*
 * admit_decide() - would @items of @domain fit beside the @ledger and @foreign?
 *
 * Each set of CPUs is judged by itself: the CPU of each item that gets one apart, and then what the others share, which is
 * fewer CPUs than before. Promises of the same domain and thread are left out: an item takes their place. A yes whose certificate does not
 * check is turned into a no: nothing is applied on the word of one piece of code.
 * Return: 0 with *ret filled (also for a refusal); -ENOMEM, -E2BIG, -ERANGE.
 */
int admit_decide(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		 const char *domain, const struct request_item *items, size_t n, struct verdict *ret);

/* Where it is for sure: the partition that has all CPUs on which it may run. NULL: none. */
const struct partition *admit_load_partition(const struct ledger *ledger, const struct foreign_load *load);

/* Its CPUs, when it has some. */
void admit_item_cpus(const struct request_item *item, cpu_set_t *ret);

/* What the threads share that have no CPU of their own: @regime without the CPUs that @ledger has set apart. */
void admit_shared(const struct regime *regime, const struct ledger *ledger, struct regime *ret);

/* Would those of @items that get @cpu fit there? As admit_decide(), but without words, certificate and repair. */
int admit_fits_on(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const char *domain, const struct request_item *items, size_t n, uint32_t cpu, bool *ret);

/* The largest budget that one more reservation of @period_ns (= its deadline) would get on the CPU of @place; NULL: on those shared. */
int admit_largest(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const struct partition *place, nsec_t period_ns, nsec_t *ret_budget_ns);

#endif
