/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What loads the host beside the promises in force: other people's SCHED_DEADLINE threads, what is prepared, and bandwidth of ours that was
 * given back but belongs to its old owner until the 0-lag time (at most one period later, or when its debt is paid; the kernel keeps it too). From
 * all of that, what is left. Called by the requests and for Capacity.
 */
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "manager-private.h"

#define RETURN_GRACE_NS (100 * NSEC_PER_MSEC)	/* timers are late; the kernel's 0-lag timer too */
#define RETURN_DEBT_NS	(2 * NSEC_PER_SEC)

void returning_add(struct manager *m, const struct promise *promise)
{
	const struct partition *p = ledger_partition(&m->ledger, promise->tid, promise->start_ticks);
	const struct vrk_reservation *reservation = &promise->reservation;
	struct returning *list;
	nsec_t ns;

	if (p && p->kind == PARTITION_EXCLUSIVE && !ledger_tenant_beside(&m->ledger, p))
		return;		/* given to nobody before it has rested */
	list = reallocarray(m->returning, m->n_returning + 1, sizeof(*list));
	if (!list)
		return;		/* the kernel's own count still holds it: at worst an EBUSY is not explained */
	m->returning = list;
	ns = manager_rest_ns(m, reservation);
	if (ns > reservation->period_ns + RETURN_DEBT_NS)	/* of a tiny budget; then the kernel may still say EBUSY */
		ns = reservation->period_ns + RETURN_DEBT_NS;
	list[m->n_returning] = (struct returning) { .reservation = *reservation, .until_ns = manager_now() + ns + RETURN_GRACE_NS };
	if (p)
		partition_cpus(p, &list[m->n_returning].cpus);
	m->n_returning++;
}

static void returning_expire(struct manager *m, nsec_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n_returning; i++)
		if (m->returning[i].until_ns > now)
			m->returning[kept++] = m->returning[i];
	m->n_returning = kept;
}

nsec_t returning_until(const struct manager *m)
{
	nsec_t until = 0;

	for (size_t i = 0; i < m->n_returning; i++)
		if (m->returning[i].until_ns > until)
			until = m->returning[i].until_ns;
	return until;
}

int manager_load_foreign(struct manager *m, bool with_returning, const char *domain, const struct request_item *items, size_t n,
			 struct foreign *ret, struct vr_error **reterr)
{
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	int r;

	r = foreign_scan(m->root, &m->ledger, &foreign, reterr);
	if (r >= 0)
		r = manager_prepared_load(m, domain, items, n, &foreign);
	if (r < 0)
		return r;
	returning_expire(m, manager_now());
	for (size_t i = 0; with_returning && i < m->n_returning; i++) {
		r = foreign_add(&foreign, 0, "given back", &m->returning[i].reservation);
		if (r < 0)
			return r;
		foreign.loads[foreign.n - 1].cpus = m->returning[i].cpus;
	}
	*ret = foreign;
	foreign = (struct foreign) { 0 };
	return 0;
}

size_t manager_places(const struct manager *m)
{
	return 1 + ledger_places(&m->ledger);
}

void capacity_done(struct capacity *capacity)
{
	free(capacity->regime);
	*capacity = (struct capacity) { 0 };
}

/* @apart NULL: what is shared. */
static void capacity_sum(const struct manager *m, const struct foreign *foreign, const struct partition *apart,
			 struct capacity *c)
{
	for (size_t i = 0; i < m->ledger.n; i++) {
		const struct promise *p = &m->ledger.promises[i];

		const struct partition *own = ledger_partition(&m->ledger, p->tid, p->start_ticks);

		if (own ? !apart || own->cpu != apart->cpu : apart != NULL)
			continue;
		c->reserved_bw += vrk_bw(p->reservation.budget_ns, p->reservation.period_ns);
		c->reservations++;
	}
	for (size_t i = 0; i < foreign->n; i++) {
		const struct foreign_load *load = &foreign->loads[i];
		const struct partition *at = admit_load_partition(&m->ledger, load);
		bw_t bw = vrk_bw(load->reservation.budget_ns, load->reservation.period_ns);

		if (!(at ? apart && at->cpu == apart->cpu : !apart))
			continue;
		if (load->held_for)
			c->prepared_bw += bw;
		else
			c->foreign_bw += bw;
	}
}

/* "vcpu0, vcpu1 of rt", who share an exclusive CPU; NULL: nobody any more. */
static int tenants_name(const struct ledger *ledger, const struct partition *apart, char **ret)
{
	const struct promise *first = ledger_tenant_beside(ledger, apart);
	_cleanup_(freep) char *names = NULL;

	for (size_t i = 0; i < ledger->n_partitions; i++) {
		const struct partition *p = &ledger->partitions[i];
		const struct promise *tenant = p->cpu == apart->cpu ? ledger_tenant(ledger, p) : NULL;
		_cleanup_(freep) char *before = NULL;

		if (!tenant)
			continue;
		before = TAKE_PTR(names);
		if (asprintf(&names, "%s%s%s", before ?: "", before ? ", " : "", tenant->thread) < 0) {
			names = NULL;
			return -ENOMEM;
		}
	}
	if (names && asprintf(ret, "%s of %s", names, first->domain) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int capacity_describe(const struct manager *m, const struct partition *apart, const struct regime *regime,
			     struct capacity *c)
{
	_cleanup_(freep) char *list = NULL, *tenants = NULL;
	int r;

	c->cpus = regime->online;
	c->n_cpus = regime->n_cpus;
	if (!apart) {
		snprintf(c->name, sizeof(c->name), "%s", regime_kind_name(REGIME_ROOT_DOMAIN));
		c->regime = admit_regime_text(regime);
		return c->regime ? 0 : -ENOMEM;
	}
	partition_cpus(apart, &c->cpus);
	c->n_cpus = (uint32_t)CPU_COUNT(&c->cpus);
	r = cpulist_format(&c->cpus, &list);
	if (r < 0)
		return r;
	snprintf(c->name, sizeof(c->name), "cpu%s", list);
	if (apart->kind == PARTITION_PINNED) {
		c->regime = strdup("pinned, EDF");
		return c->regime ? 0 : -ENOMEM;
	}
	if (apart->kind == PARTITION_SHARED) {
		r = asprintf(&c->regime, "%s, %s, %s", regime_kind_name(REGIME_SHARED), strrchr(apart->cgroup, '/') + 1,
			     c->n_cpus == 1 ? "EDF" : "global EDF");
		if (r < 0)
			c->regime = NULL;
		return c->regime ? 0 : -ENOMEM;
	}
	r = tenants_name(&m->ledger, apart, &tenants);
	if (r < 0)
		return r;
	if (asprintf(&c->regime, "%s, %s, EDF", regime_kind_name(REGIME_EXCLUSIVE), tenants ?: "nobody, given back in a moment") < 0)
		c->regime = NULL;
	return c->regime ? 0 : -ENOMEM;
}

int manager_capacity(struct manager *m, size_t place, struct capacity *ret)
{
	static const nsec_t periods[CAPACITY_PERIODS] = {
		1 * NSEC_PER_MSEC,  5 * NSEC_PER_MSEC,	10 * NSEC_PER_MSEC,
		20 * NSEC_PER_MSEC, 50 * NSEC_PER_MSEC, 100 * NSEC_PER_MSEC,
	};
	const struct partition *apart = place == 0 ? NULL : ledger_place(&m->ledger, place - 1);
	_cleanup_(capacity_done) struct capacity c = { 0 };
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	struct regime shared;
	struct vrk_host host;
	bw_t lost;
	int r;

	r = manager_load_foreign(m, false, NULL, NULL, 0, &foreign, NULL);
	if (r < 0)
		return r;
	admit_shared(&m->regime, &m->ledger, &shared);
	r = capacity_describe(m, apart, &shared, &c);
	if (r < 0)
		return r;
	admit_host(&m->regime, &host);
	capacity_sum(m, &foreign, apart, &c);
	c.kernel_used_bw = c.reserved_bw + c.foreign_bw;
	if (host.fair_budget_ns)
		c.kernel_used_bw += c.n_cpus * vrk_bw(host.fair_budget_ns, host.fair_period_ns);
	if (!apart && manager_lost(m, &lost) >= 0)
		c.kernel_used_bw += lost;
	c.kernel_limit_bw = host.kernel_limit_bw == VRK_BW_UNLIMITED ? VRK_BW_UNLIMITED : host.kernel_limit_bw * c.n_cpus;
	for (size_t i = 0; i < CAPACITY_PERIODS; i++) {
		c.period_ns[i] = periods[i];
		if (apart && apart->kind == PARTITION_EXCLUSIVE && !ledger_tenant_beside(&m->ledger, apart))
			continue;	/* it ends */
		r = admit_largest(&m->regime, &m->ledger, &foreign, apart, periods[i], &c.largest_ns[i]);
		if (r < 0)
			return r;
	}
	*ret = c;
	c = (struct capacity) { 0 };
	return 0;
}
