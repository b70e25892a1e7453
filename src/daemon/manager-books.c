/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's books: the bandwidth of SCHED_DEADLINE that it counts as given away, for each of its root domains, and where that is wrong.
 *
 *   too much    who takes a sleeping thread out of SCHED_DEADLINE by hand makes the kernel keep its bandwidth for good; and when the
 *               thread gets its reservation back, it is booked a second time. Nothing that a program may do to a thread gives it back (tried: the
 *               same parameters again, then the least ones). It can only be told.
 *   too little  whatever changes root domains makes the kernel count anew, and then it counts threads that are SCHED_DEADLINE; those that were so
 *               a moment ago it takes from the new books when their 0-lag time comes. So it is when a CPU is set apart just after
 *               a release, and when a domain dies whose control group goes at once, and with it the partition in it. Below zero
 *               the kernel refuses everybody, since the number has no sign. It counts anew when sched_rt_runtime_us is read, in kernels such as
 *               6.12, which then leave out their own servers (admission here does not); where it does not, that is told.
 *
 * Decides no admission.
 */
#include <stdlib.h>
#include <string.h>

#include "books.h"
#include "log.h"
#include "manager-private.h"
#include "partition.h"

#define BOOKED_LEAST_BW 64		/* less is rounding */
#define LOST_LEAST_BW (BW_UNIT / 1000)	/* less may be a difference of rounding */
#define LOOK_AGAIN_NS NSEC_PER_SEC

/* A CPU that all share. False: there is none, or the kernel keeps no books. */
static bool shared_cpu(const struct manager *m, uint32_t *ret)
{
	cpu_set_t shared;
	uint32_t cpu = 0;

	if (m->regime.kind != REGIME_ROOT_DOMAIN)
		return false;
	CPU_AND(&shared, &m->regime.online, &m->regime.isolated);
	CPU_XOR(&shared, &shared, &m->regime.online);
	for (size_t i = 0; i < m->ledger.n_partitions; i++) {
		cpu_set_t own;

		partition_cpus(&m->ledger.partitions[i], &own);
		CPU_AND(&own, &own, &shared);
		CPU_XOR(&shared, &shared, &own);
	}
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &shared))
		cpu++;
	*ret = cpu;
	return cpu < CPU_SETSIZE;
}

/* ---- too much ---- */

static bw_t reservation_bw(const struct vrk_reservation *reservation)
{
	return vrk_bw(reservation->budget_ns, reservation->period_ns);
}

/*
 * The rest counts with timers that are late by a tick or two; where a CPU stands still for longer the debt is larger, and then only the kernel's
 * books tell. Its own servers, one per CPU, may be among what is booked or not: it forgets them now and then, and then bandwidth that is as large as
 * theirs is not seen. False where the books cannot be read, and of a partition that has gone with its domain: the CPU is everybody's again.
 */
bool manager_still_booked(const struct manager *m, const struct partition *partition)
{
	bw_t server = m->regime.fair_budget_ns ? vrk_bw(m->regime.fair_budget_ns, m->regime.fair_period_ns) : 0;
	_cleanup_(freep) char *state = NULL;
	struct books books;
	int64_t booked;
	cpu_set_t cpus;

	if (partition_state_read(m->root, partition, &state) < 0 || strcmp(state, "root") != 0 ||
	    books_read(m->root, partition->cpu, &books) < 0)
		return false;
	booked = books.booked_bw;
	for (size_t i = 0; i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];
		const struct partition *own = ledger_partition(&m->ledger, p->tid, p->start_ticks);

		if (own && own->kind == partition->kind && own->cpu == partition->cpu)
			booked -= (int64_t)reservation_bw(&p->reservation);
	}
	partition_cpus(partition, &cpus);
	for (int servers = 0; servers <= (server ? CPU_COUNT(&cpus) : 0); servers++)
		if (booked <= BOOKED_LEAST_BW + servers * (int64_t)server && booked >= servers * (int64_t)server - BOOKED_LEAST_BW)
			return false;
	return booked > 0;
}

/* Each rounded as the kernel does. */
static bw_t explained_bw(const struct manager *m, const struct foreign *foreign)
{
	bw_t sum = 0;

	for (size_t i = 0; i < m->ledger.n; i++)
		sum += reservation_bw(&m->ledger.promises[i].reservation);
	for (size_t i = 0; i < foreign->n; i++)
		sum += reservation_bw(&foreign->loads[i].reservation);
	for (size_t i = 0; i < m->n_returning; i++)
		sum += reservation_bw(&m->returning[i].reservation);
	if (m->regime.fair_budget_ns)
		sum += m->regime.n_cpus * vrk_bw(m->regime.fair_budget_ns, m->regime.fair_period_ns);
	return sum;
}

int manager_lost(struct manager *m, bw_t *ret)
{
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	struct books books;
	bw_t explained;
	uint32_t cpu;
	int r;

	if (m->ledger.n_partitions > 0 || !shared_cpu(m, &cpu))
		return -EOPNOTSUPP;		/* each partition has books of its own */
	r = books_read(m->root, cpu, &books);
	if (r >= 0)
		r = foreign_scan(m->root, &m->ledger, &foreign, NULL);
	if (r < 0)
		return r;
	explained = explained_bw(m, &foreign);
	*ret = books.booked_bw > 0 && (bw_t)books.booked_bw > explained + LOST_LEAST_BW ? (bw_t)books.booked_bw - explained : 0;
	return 0;
}

/* ---- too little ---- */

bw_t manager_books_below(const struct manager *m)
{
	struct books books;
	uint32_t cpu;

	return shared_cpu(m, &cpu) && books_read(m->root, cpu, &books) >= 0 && books.booked_bw < 0 ? (bw_t)-books.booked_bw : 0;
}

/* What is on its way back would be forgotten by a new count, and then be taken from it. */
static bool somebody_returns(const struct manager *m)
{
	if (returning_until(m) > manager_now())
		return true;
	for (size_t i = 0; i < m->ledger.n_partitions; i++)
		if (!ledger_tenant(&m->ledger, &m->ledger.partitions[i]))
			return true;
	return false;
}

/* Only below zero: a count that is too low by what somebody else took from our threads would be no better after a new one. */
bool manager_books_mend(struct manager *m)
{
	bw_t below = m->options.dry_run || somebody_returns(m) ? 0 : manager_books_below(m);
	char text[VRK_BW_STRLEN];
	int64_t limit;

	if (below == 0)
		return false;
	(void)sysroot_read_i64(m->root, "/proc/sys/kernel/sched_rt_runtime_us", &limit);
	if (manager_books_below(m) == 0) {
		log_info("the kernel had counted %s CPU less than nothing as given away, which makes it refuse everybody: "
			 "it has counted anew", vrk_bw_format(text, below));
		m->books_told = false;
		return true;
	}
	if (!m->books_told)
		log_warning("the kernel counts %s CPU less than nothing as given away, and refuses everybody until "
			    "it counts anew: when a CPU is given to a thread or comes back", vrk_bw_format(text, below));
	m->books_told = true;
	return false;
}

void manager_books_free(struct manager *m)
{
	m->books_timer = sd_event_source_disable_unref(m->books_timer);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	if (somebody_returns(m))
		return manager_books_look(m);
	(void)manager_books_mend(m);
	return 0;
}

int manager_books_look(struct manager *m)
{
	nsec_t until = returning_until(m), now = manager_now();
	uint64_t usec = (until > now + LOOK_AGAIN_NS ? until - now : LOOK_AGAIN_NS) / NSEC_PER_USEC;
	int r;

	if (!m->books_timer)
		return sd_event_add_time_relative(m->event, &m->books_timer, CLOCK_MONOTONIC, usec, 1000, on_look, m);
	r = sd_event_source_set_time_relative(m->books_timer, usec);
	return r < 0 ? r : sd_event_source_set_enabled(m->books_timer, SD_EVENT_ONESHOT);
}
