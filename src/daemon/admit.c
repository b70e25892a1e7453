/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns what the daemon knows (regime, ledger, foreign load, a request) into the analysis' question, and the analysis'
 * numbers into a verdict: the question itself is put together in admit-question.c, sentences in admit-words.c. Called by manager.c for
 * Reserve, Check and Capacity. Never looks at the system, never logs.
 *
 * CPUs that are set apart, or to which threads are pinned, are judged one by one, as hosts of one CPU, those of a slice together; what
 * the other threads share, as a host of those that are left. A no of any of them is the answer.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit-private.h"

void verdict_done(struct verdict *verdict)
{
	free(verdict->regime);
	free(verdict->reason);
	free(verdict->repair_text);
	*verdict = (struct verdict) { 0 };
}

void admit_host(const struct regime *regime, struct vrk_host *ret)
{
	*ret = (struct vrk_host) {
		.cpus = regime->n_cpus,
		.fair_budget_ns = regime->fair_budget_ns,
		.fair_period_ns = regime->fair_period_ns,
		.tick_ns = regime->tick_ns,
		.kernel_limit_bw = regime->rt_runtime_us < 0 ? VRK_BW_UNLIMITED
				 : vrk_bw((nsec_t)regime->rt_runtime_us * NSEC_PER_USEC,
					  regime->rt_period_us * NSEC_PER_USEC),
		.period_min_ns = regime->period_min_ns,
		.period_max_ns = regime->period_max_ns,
	};
}

/* The yes of the analysis is believed only with a certificate that an independent checker accepts. */
static int decide_certified(const struct vrk_host *host, const struct question *q, struct vrk_verdict *ret)
{
	_cleanup_(vrk_certificate_done) struct vrk_certificate cert = { 0 };
	int r;

	r = vrk_admit(host, q->r, q->n, ret, &cert);
	if (r < 0 || !ret->ok)
		return r;
	r = vrk_certificate_check(host, q->r, q->n, &cert);
	if (r == -EBADMSG) {
		ret->ok = false;
		return 0;
	}
	return r;
}

/* A single item that breaks a parameter rule is refused by that rule, whatever else is promised. */
static int parameters_check(const struct vrk_host *host, const struct question *q, struct vrk_verdict *ret)
{
	for (size_t i = q->first; i < q->n; i++) {
		int r = vrk_reservation_check(host, &q->r[i], ret);

		if (r < 0)
			return r;
		if (!ret->ok) {
			ret->index = i;
			return 0;
		}
	}
	return 0;
}

/* Where nothing helps with budgets cut at a coarse tick: would it, or something smaller, fit with exact enforcement? */
static int tick_repair(const struct vrk_host *host, const struct question *q, struct vrk_repair *repair, bool *ret_as_is)
{
	struct vrk_host exact = *host;
	struct vrk_verdict v;
	int r;

	*ret_as_is = false;
	if (host->tick_ns <= TICK_EXACT_NS)
		return 0;
	exact.tick_ns = TICK_EXACT_NS;
	r = vrk_admit(&exact, q->r, q->n, &v, NULL);
	if (r < 0)
		return r;
	*ret_as_is = v.ok;
	return v.ok ? 0 : vrk_admit_repair(&exact, q->r, q->n, q->first, repair);
}

static int repair_find(const struct vrk_host *host, const struct question *q, struct verdict *v)
{
	const struct request_item *items = q->items;
	_cleanup_(freep) char *with_tick = NULL;
	struct vrk_repair exact = { 0 };
	bool as_is;
	int r;

	r = vrk_admit_repair(host, q->r, q->n, q->first, &v->repair);
	if (r < 0)
		return r;
	if (v->repair.index >= q->first && v->repair.index < q->n)
		v->index = (uint32_t)(v->repair.index - q->first);
	if (v->repair.kind != VRK_REPAIR_NONE)
		return admit_repair_write(&v->repair, &items[v->repair.index - q->first], q->n - q->first, &v->repair_text);
	r = tick_repair(host, q, &exact, &as_is);
	if (r < 0)
		return r;
	if (as_is) {
		v->repair.kind = VRK_REPAIR_TICK;
		return admit_repair_write(&v->repair, NULL, 1, &v->repair_text);
	}
	if (exact.kind == VRK_REPAIR_NONE)
		return admit_repair_write(&exact, NULL, 1, &v->repair_text);
	r = admit_repair_write(&exact, &items[exact.index - q->first], q->n - q->first, &with_tick);
	if (r < 0)
		return r;
	return asprintf(&v->repair_text, "nothing smaller would fit while budgets are cut at the tick; with "
			"exact enforcement (" MEND_TICK ") %s", with_tick) < 0 ? -ENOMEM : 0;
}

static int decide(const struct vrk_host *host, const struct question *q, struct verdict *v)
{
	int r;

	v->analysis = (struct vrk_verdict) { .ok = true, .index = SIZE_MAX };
	r = parameters_check(host, q, &v->analysis);
	if (r < 0)
		return r;
	if (v->analysis.ok) {
		r = decide_certified(host, q, &v->analysis);
		if (r < 0)
			return r;
	}
	v->index = v->analysis.index >= q->first && v->analysis.index < q->n ? (uint32_t)(v->analysis.index - q->first)
									    : VERDICT_NO_INDEX;
	r = admit_reason_write(host, q, &v->analysis, &v->reason);
	if (r < 0)
		return r;
	if (v->analysis.ok || v->analysis.test == VRK_TEST_PARAMETERS) {
		v->repair_text = strdup("");
		return v->repair_text ? 0 : -ENOMEM;
	}
	return repair_find(host, q, v);
}

/* ---- places ---- */

/* How many of them it had. */
static uint32_t shared_lose(struct regime *shared, const cpu_set_t *cpus)
{
	uint32_t count = 0;

	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus) || !CPU_ISSET(cpu, &shared->online))
			continue;
		CPU_CLR(cpu, &shared->online);
		if (!CPU_ISSET(cpu, &shared->isolated))
			shared->n_cpus -= shared->n_cpus > 0;
		count++;
	}
	return count;
}

void admit_shared(const struct regime *regime, const struct ledger *ledger, struct regime *ret)
{
	*ret = *regime;
	for (size_t i = 0; i < ledger->n_partitions; i++) {
		cpu_set_t cpus;

		partition_cpus(&ledger->partitions[i], &cpus);
		shared_lose(ret, &cpus);
	}
}

/* And those that are held for domains to come. */
static void shared_lose_held(struct regime *shared, const struct foreign *foreign)
{
	for (size_t i = 0; foreign && i < foreign->n; i++)
		if (foreign->loads[i].held_for)
			shared_lose(shared, &foreign->loads[i].cpus);
}

void admit_item_cpus(const struct request_item *item, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	if (item->kind == PARTITION_SHARED)
		*ret = item->slice_cpus;
	else
		CPU_SET(item->cpu, ret);
}

/* The CPUs that are given away when the request is granted, of @shared; how many of them are taken from the others. */
static uint32_t shared_without(struct regime *shared, const struct request_item *items, size_t n)
{
	uint32_t count = 0;
	cpu_set_t cpus;

	for (size_t i = 0; i < n; i++) {
		uint32_t lost;

		if (!items[i].apart)
			continue;
		admit_item_cpus(&items[i], &cpus);
		lost = shared_lose(shared, &cpus);
		count += items[i].kind == PARTITION_PINNED ? 0 : lost;
	}
	return count;
}

struct request {
	const struct ledger *ledger;
	const struct foreign *foreign;
	const char *domain;
	const struct request_item *items;
	size_t n;
};

/* One place. The index of a no that is about the request counts in all of it. */
static int decide_at(const struct regime *regime, const struct request *request, const struct place *place, struct verdict *ret)
{
	_cleanup_(admit_question_done) struct question q = { 0 };
	_cleanup_(verdict_done) struct verdict v = { 0 };
	struct vrk_host host;
	int r;

	r = admit_question_init(&q, request->ledger, request->foreign, place, request->domain, request->items, request->n);
	if (r < 0)
		return r;
	admit_host(regime, &host);
	r = decide(&host, &q, &v);
	if (r < 0)
		return r;
	if (v.index != VERDICT_NO_INDEX)
		v.index = (uint32_t)q.asked[v.index];
	*ret = v;
	v = (struct verdict) { 0 };
	return 0;
}

/* Each CPU that the request wants apart, until a no. *ret is that of the last one. */
static int decide_apart(const struct regime *regime, const struct request *request, struct verdict *ret)
{
	struct regime one = *regime;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < request->n; i++) {
		const struct request_item *item = &request->items[i];
		const struct place place = { item->kind, item->cpu };

		if (!item->apart || (ret->reason && !ret->analysis.ok))
			continue;
		one.n_cpus = item->kind == PARTITION_SHARED ? (uint32_t)CPU_COUNT(&item->slice_cpus) : 1;
		verdict_done(ret);
		r = decide_at(&one, request, &place, ret);
	}
	return r;
}

/* What is shared, when CPUs are taken from it and nothing is added: whose no it is has to be said. */
static int taken_away(struct verdict *v)
{
	_cleanup_(freep) char *why = TAKE_PTR(v->reason);

	free(v->repair_text);
	v->repair_text = strdup("name fewer CPUs, or release a reservation that has none of its own");
	if (asprintf(&v->reason, "no CPU can be set apart, the reservations on the CPUs that are left would not fit any more: %s",
		     why) < 0)
		v->reason = NULL;
	return v->reason && v->repair_text ? 0 : -ENOMEM;
}

int admit_decide(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		 const char *domain, const struct request_item *items, size_t n, struct verdict *ret)
{
	const struct request request = { ledger, foreign, domain, items, n };
	_cleanup_(verdict_done) struct verdict v = { 0 }, shared_v = { 0 };
	bool adds = false, takes;
	struct regime shared;
	int r;

	assert(n > 0);
	admit_shared(regime, ledger, &shared);
	shared_lose_held(&shared, foreign);
	takes = shared_without(&shared, items, n) > 0;
	for (size_t i = 0; i < n; i++)
		adds |= !items[i].apart;
	r = decide_apart(regime, &request, &v);
	if (r >= 0 && (adds || takes) && (!v.reason || v.analysis.ok))
		r = decide_at(&shared, &request, NULL, &shared_v);
	if (r >= 0 && shared_v.reason && !shared_v.analysis.ok && !adds)
		r = taken_away(&shared_v);
	if (r < 0)
		return r;
	if (shared_v.reason && (adds || !shared_v.analysis.ok)) {
		verdict_done(&v);
		v = shared_v;
		shared_v = (struct verdict) { 0 };
	}
	r = admit_regime_write(&shared, items, n, &v.regime);
	if (r < 0)
		return r;

	*ret = v;
	v = (struct verdict) { 0 };
	return 0;
}

int admit_fits_on(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const char *domain, const struct request_item *items, size_t n, uint32_t cpu, bool *ret)
{
	_cleanup_(admit_question_done) struct question q = { 0 };
	struct place place = { .cpu = cpu };
	struct vrk_verdict v = { 0 };
	struct vrk_host host;
	int r;

	for (size_t i = 0; i < n; i++)
		if (items[i].apart && items[i].cpu == cpu)
			place.kind = items[i].kind;
	r = admit_question_init(&q, ledger, foreign, &place, domain, items, n);
	if (r < 0)
		return r;
	admit_host(regime, &host);
	host.cpus = 1;
	r = parameters_check(&host, &q, &v);
	if (r >= 0 && (q.first == q.n || v.ok))
		r = vrk_admit(&host, q.r, q.n, &v, NULL);
	if (r >= 0)
		*ret = v.ok;
	return r;
}

int admit_largest(const struct regime *regime, const struct ledger *ledger, const struct foreign *foreign,
		  const struct partition *place, nsec_t period_ns, nsec_t *ret_budget_ns)
{
	const struct place at = { place ? place->kind : 0, place ? place->cpu : 0 };
	_cleanup_(admit_question_done) struct question q = { 0 };
	struct regime shared;
	struct vrk_host host;
	cpu_set_t cpus;
	int r;

	r = admit_question_init(&q, ledger, foreign, place ? &at : NULL, NULL, NULL, 0);
	if (r < 0)
		return r;
	admit_shared(regime, ledger, &shared);
	shared_lose_held(&shared, foreign);
	admit_host(&shared, &host);
	if (place) {
		partition_cpus(place, &cpus);
		host.cpus = (uint32_t)CPU_COUNT(&cpus);
	}
	return vrk_admit_largest(&host, q.r, q.n, period_ns, ret_budget_ns);
}
