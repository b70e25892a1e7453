/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The numbers behind an answer, one at a time: single steps of the recurrences for fixed priority, so that an explanation can
 * show how a response time comes about, and the witnesses of a guest's yes, from which certificate-guest.c proves it anew.
 *
 * The steps are those of guest-fp.c and host-fp.c, and their fixed points must be the same: a test holds them against each
 * other. Called by those who explain and by those who want a yes checked; it decides nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/proof.h>

#include "internal.h"
#include "supply.h"
#include "system-inside.h"

#define STEPS_MAX 100000
#define POINTS_MAX ((size_t)1 << 20)

void vrk_guest_certificate_done(struct vrk_guest_certificate *cert)
{
	free(cert->responses_ns);
	free(cert->points_ns);
	*cert = (struct vrk_guest_certificate){ .test = VRK_TEST_NONE };
}

/* ---- one step ---- */

static bool suspends(const struct vrk_task *t)
{
	return t->suspensions > 0 || t->suspension_ns > 0;
}

/* Does @h go before @i, and is a bound of its response known by then? */
static bool goes_first(const struct vrk_task *t, size_t h, size_t i)
{
	if (t[h].priority != t[i].priority)
		return t[h].priority < t[i].priority;
	return h < i;
}

static u128 work_in(const struct vrk_guest *g, const nsec_t *responses, size_t i, uint64_t job, nsec_t window)
{
	const struct vrk_task *t = g->tasks;
	u128 work = (u128)job * t[i].wcet_ns + t[i].blocking_ns;

	for (size_t h = 0; h < g->n; h++) {
		nsec_t jitter = t[h].jitter_ns;

		if (h == i || t[h].priority > t[i].priority)
			continue;
		if (suspends(&t[h]))
			jitter = (goes_first(t, h, i) ? responses[h] : t[h].deadline_ns) - t[h].wcet_ns;
		work += (u128)ceil_div(window + jitter, t[h].period_ns) * t[h].wcet_ns;
	}
	return work;
}

nsec_t vrk_guest_fp_step(const struct vrk_supply *s, const struct vrk_guest *g, const nsec_t *responses_ns, size_t task,
			 uint64_t job, nsec_t window_ns, nsec_t *ret_work_ns)
{
	const struct vrk_task *t = &g->tasks[task];
	nsec_t apart, together;
	u128 work;

	*ret_work_ns = NSEC_MAX;
	if (task >= g->n || tasks_check(g->tasks, g->n) < 0 || !supply_sane(s) || window_ns > SUPPLY_MAX || job > UINT32_MAX)
		return NSEC_MAX;
	for (size_t h = 0; h < g->n; h++)
		if (suspends(&g->tasks[h]) && goes_first(g->tasks, h, task) &&
		    (responses_ns[h] > SUPPLY_MAX || responses_ns[h] < g->tasks[h].wcet_ns))
			return NSEC_MAX;
	work = work_in(g, responses_ns, task, job, window_ns);
	*ret_work_ns = work < NSEC_MAX ? (nsec_t)work : NSEC_MAX;
	if (!suspends(t))
		return supply_inverse(s, work, 1, 0);
	apart = supply_inverse(s, work, (uint64_t)t->suspensions + 1, 0);
	apart += apart < NSEC_MAX ? t->suspension_ns : 0;
	if (g->mode != VRK_SUPPLY_IDLING)
		return apart;
	together = supply_inverse(s, work + t->suspension_ns, 1, 0);
	return together < apart ? together : apart;
}

nsec_t vrk_host_fp_step(const struct vrk_reservation *r, size_t server, bool deferrable, nsec_t window_ns)
{
	u128 next = r[server].budget_ns;

	for (size_t h = 0; h < server; h++) {
		nsec_t jitter = deferrable ? r[h].period_ns - r[h].budget_ns : 0;

		next += (u128)ceil_div(window_ns + jitter, r[h].period_ns) * r[h].budget_ns;
	}
	return next < NSEC_MAX ? (nsec_t)next : NSEC_MAX;
}

/* ---- witnesses ---- */

struct writer {
	struct vrk_guest_certificate cert;
	size_t allocated;
};

static int point_add(struct writer *w, nsec_t point)
{
	if (w->cert.n_points == POINTS_MAX)
		return -E2BIG;
	if (w->cert.n_points == w->allocated) {
		size_t n = w->allocated ? 2 * w->allocated : 16;
		nsec_t *points = realloc(w->cert.points_ns, n * sizeof(*points));	/* n <= 2 POINTS_MAX */

		if (!points)
			return -ENOMEM;
		w->cert.points_ns = points;
		w->allocated = n;
	}
	w->cert.points_ns[w->cert.n_points++] = point;
	return 0;
}

/* The windows of all jobs of a busy period. */
static int task_certify(struct writer *w, const struct vrk_supply *s, const struct vrk_guest *g, size_t i)
{
	const struct vrk_task *t = &g->tasks[i];
	nsec_t window = 0, next, work;

	for (uint64_t job = 1;; job++) {
		int err;

		for (unsigned int step = 0;; step++) {
			next = vrk_guest_fp_step(s, g, w->cert.responses_ns, i, job, window, &work);
			if (next == NSEC_MAX || step == STEPS_MAX)
				return -EBADMSG;
			if (next <= window)
				break;
			window = next;
		}
		err = point_add(w, window);
		if (err < 0)
			return err;
		if ((u128)window + t->jitter_ns <= (u128)job * t->period_ns)
			return 0;
	}
}

/* The end of the longest busy period; NSEC_MAX = none found. */
static nsec_t busy_end(const struct vrk_supply *s, const struct vrk_guest *g, nsec_t blocking)
{
	nsec_t t = 1, next;

	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		u128 work = blocking;

		for (size_t i = 0; i < g->n; i++)
			work += (u128)ceil_div(t + g->tasks[i].jitter_ns, g->tasks[i].period_ns) * g->tasks[i].wcet_ns;
		next = supply_inverse(s, work, 1, 0);
		if (next == NSEC_MAX || next <= t)
			return next == NSEC_MAX ? next : t;
		t = next;
	}
	return NSEC_MAX;
}

/* The last deadline in [1, limit); 0 = none. */
static nsec_t deadline_below(const struct vrk_guest *g, nsec_t limit)
{
	nsec_t best = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct vrk_task *x = &g->tasks[i];
		nsec_t last = limit - 1 + x->jitter_ns;

		if (last < x->deadline_ns)
			continue;
		last -= (last - x->deadline_ns) % x->period_ns;
		if (last > x->jitter_ns && last - x->jitter_ns > best)
			best = last - x->jitter_ns;
	}
	return best;
}

static int edf_certify(struct writer *w, const struct vrk_supply *s, const struct vrk_guest *g)
{
	nsec_t blocking = 0, t;
	int err = 0;

	for (size_t i = 0; i < g->n; i++)
		blocking = g->tasks[i].blocking_ns > blocking ? g->tasks[i].blocking_ns : blocking;
	w->cert.horizon_ns = g->n ? busy_end(s, g, blocking) : 0;
	if (w->cert.horizon_ns == NSEC_MAX)
		return -E2BIG;		/* the test knows another end, which is no end of a busy period */
	for (t = g->n ? deadline_below(g, w->cert.horizon_ns + 1) : 0; t > 0 && err == 0;) {
		nsec_t need = supply_inverse(s, vrk_guest_demand(g, t), 1, 0);

		need = need < t ? need : t;
		err = point_add(w, t);
		if (err == 0)
			err = point_add(w, need);
		t = deadline_below(g, need);
	}
	return err;
}

int vrk_guest_certify(const struct vrk_supply *s, const struct vrk_guest *g, struct vrk_guest_certificate *ret)
{
	struct writer w = { .cert.test = g->scheduler == VRK_GUEST_FP ? VRK_TEST_GUEST_FP : VRK_TEST_GUEST_EDF };
	struct vrk_verdict v;
	int err;

	w.cert.responses_ns = calloc(g->n + 1, sizeof(*w.cert.responses_ns));
	if (!w.cert.responses_ns)
		return -ENOMEM;
	w.cert.n_responses = g->n;
	err = vrk_guest_check(s, g, &v, w.cert.responses_ns);
	if (err == 0 && !v.ok)
		err = -EBADMSG;
	if (err == 0 && g->scheduler == VRK_GUEST_EDF)
		err = edf_certify(&w, s, g);
	for (size_t i = 0; err == 0 && g->scheduler == VRK_GUEST_FP && i < g->n; i++)
		err = task_certify(&w, s, g, i);
	if (err < 0)
		vrk_guest_certificate_done(&w.cert);
	else
		*ret = w.cert;
	return err;
}

/* ---- supply in a system ---- */

/* Less what interrupts take on its CPU. */
static int supply_stolen(const struct vrk_system *system, size_t v, struct vrk_supply *s)
{
	struct vrk_irq *irqs;

	if (system->n_irqs == 0 || system->vcpus[v].cpu < 0)
		return 0;
	irqs = calloc(system->n_irqs, sizeof(*irqs));
	if (!irqs)
		return -ENOMEM;
	vrk_irq_supply(irqs, system_irqs(system, (size_t)system->vcpus[v].cpu, irqs), s);
	free(irqs);
	return 0;
}

int vrk_system_supply(const struct vrk_system *system, size_t v, struct vrk_supply *ret)
{
	struct vrk_reservation own, *r;
	struct vrk_verdict verdict;
	size_t n = 0, self = 0;
	nsec_t *delivered;
	int err;

	if (v >= system->n)
		return -EINVAL;
	own = system->vcpus[v].reservation;
	if (system->scheduler == VRK_HOST_EDF) {
		vrk_supply_init(&system->host, &own, ret);
		return supply_stolen(system, v, ret);
	}
	r = calloc(system->n, sizeof(*r));
	delivered = calloc(system->n, sizeof(*delivered));
	if (!r || !delivered) {
		free(r);
		free(delivered);
		return -ENOMEM;
	}
	for (size_t i = 0; i < system->n; i++) {
		self = i == v ? n : self;
		if (system->vcpus[i].cpu == system->vcpus[v].cpu)
			r[n++] = system->vcpus[i].reservation;
	}
	err = vrk_host_fp(r, n, system->scheduler == VRK_HOST_FP_DEFERRABLE, &verdict, delivered);
	own.deadline_ns = delivered[self];
	free(r);
	free(delivered);
	if (err < 0)
		return err;
	if (own.deadline_ns > own.period_ns)
		return -EBADMSG;
	vrk_supply_init(&system->host, &own, ret);
	return 0;
}
