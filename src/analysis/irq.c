/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts on one CPU: what they take from the reservations there, and when they are served.
 *
 * Stolen time. In a window of t hard handlers take at most sum(ceil((t + J)/T) C) <= I0 + rho t, with I0 = sum(C + ceil(J C/T)) and
 * rho = sum(C/T). Demand h(t) meets its deadlines if h(t) + I0 + rho t <= t, which is h'(s) <= s for s = t - I0/(1 - rho), with
 * h' the demand of budgets divided by 1 - rho and deadlines shortened by I0/(1 - rho). So no test has to know of interrupts.
 *
 * Threads. With a reservation of its own a thread is one sporadic activity in a server: every activation finds its old deadline
 * passed and gets (Q, t + D), so it is done within D. A throttled sleeper with D < P is replenished early and has its budget cut by the
 * revised wake-up rule when it comes later, hence work below the budget there. A FIFO thread runs when no reservation does. In
 * any window of t a reservation executes at most what is left of the budget it begins with, U per time for all chunks but
 * the last, and that one: 2 Q + U t, and what the tick lets it overrun. The rest is never less than the supply of a server of
 * that bandwidth with a short period, begun as late as the constants together take.
 *
 * Called by the analysis of whole systems. Knows nothing of guests: their handlers are tasks that go before all others.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define GRAIN_NS ((nsec_t)1 << 14)	/* period of the server that stands for what FIFO threads get */

static int irq_check(const struct vrk_irq *irq, size_t n)
{
	if (n > N_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (irq[i].period_ns == 0 || irq[i].deadline_ns == 0 || irq[i].hard_ns == 0 ||
		    (irq[i].thread != VRK_IRQ_HARD && irq[i].thread_ns == 0))
			return -EINVAL;
		if (irq[i].period_ns > TASK_MAX || irq[i].jitter_ns > TASK_MAX || irq[i].deadline_ns > TASK_MAX ||
		    irq[i].hard_ns > TASK_MAX || irq[i].thread_ns > TASK_MAX)
			return -ERANGE;
	}
	return 0;
}

/* ---- what is stolen ---- */

struct steal {
	u128 constant;		/* I0 */
	u128 rate;		/* rho, 2^60 = 1 */
};

static struct steal steal_of(const struct vrk_irq *irq, size_t n)
{
	struct steal s = { 0, 0 };

	for (size_t i = 0; i < n; i++) {
		u128 late = (u128)irq[i].jitter_ns * irq[i].hard_ns;

		s.constant += irq[i].hard_ns + (late + irq[i].period_ns - 1) / irq[i].period_ns;
		s.rate += frac_up(irq[i].hard_ns, irq[i].period_ns);
	}
	return s;
}

/* x / (1 - rho), rounded up; all beyond COST_MAX is one ns beyond. */
static nsec_t spread(const struct steal *s, u128 x)
{
	u128 left = FRAC_ONE - s->rate;

	if (x > COST_MAX)
		return COST_MAX + 1;
	x = ((x << FRAC_SHIFT) + left - 1) / left;
	return x > COST_MAX ? COST_MAX + 1 : (nsec_t)x;
}

static int reservation_spread(const struct steal *s, const struct vrk_reservation *r, struct vrk_reservation *ret)
{
	*ret = *r;
	ret->budget_ns = spread(s, r->budget_ns);
	return ret->budget_ns > COST_MAX ? -ERANGE : 0;
}

int vrk_irq_question(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, const struct vrk_reservation *r, size_t n_r,
		     struct vrk_host *ret_host, struct vrk_reservation *ret_r, size_t *ret_n)
{
	int err = n_r > N_MAX ? -E2BIG : irq_check(irq, n);
	struct vrk_host h = *host;
	struct steal s;
	size_t k = 0;

	if (err < 0)
		return err;
	s = steal_of(irq, n);
	if (s.rate >= FRAC_ONE)
		return -EDOM;
	h.cpus = 1;
	h.latency_ns = spread(&s, host->latency_ns + s.constant);
	h.switch_ns = spread(&s, host->switch_ns);
	h.tick_ns = spread(&s, host->tick_ns);
	h.fair_budget_ns = spread(&s, host->fair_budget_ns);
	if (h.latency_ns > COST_MAX || h.switch_ns > COST_MAX || h.tick_ns > COST_MAX || h.fair_budget_ns > COST_MAX)
		return -ERANGE;
	if (h.fair_budget_ns > h.fair_period_ns)
		h.fair_budget_ns = h.fair_period_ns;	/* as good as all: no reservation fits beside it */
	for (size_t i = 0; err == 0 && i < n_r; i++)
		err = reservation_spread(&s, &r[i], &ret_r[k++]);
	for (size_t i = 0; err == 0 && i < n; i++)
		if (irq[i].thread == VRK_IRQ_RESERVED)
			err = reservation_spread(&s, &irq[i].reservation, &ret_r[k++]);
	*ret_host = h;
	*ret_n = k;
	return err;
}

void vrk_irq_supply(const struct vrk_irq *irq, size_t n, struct vrk_supply *s)
{
	nsec_t period = NSEC_MAX;
	u128 all = 0, late = s->latency_ns;

	if (n == 0 || irq_check(irq, n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		period = irq[i].period_ns < period ? irq[i].period_ns : period;
		all += irq[i].hard_ns;
		late += (u128)ceil_div(irq[i].jitter_ns, irq[i].period_ns) * irq[i].hard_ns;
	}
	/* each as often as the most frequent one; jitter brings more of them once */
	s->irq_ns = clamp64(all);
	s->irq_period_ns = period;
	s->latency_ns = clamp64(late);
}

/* ---- when they are served ---- */

nsec_t vrk_irq_sporadic(const struct vrk_reservation *r, nsec_t work_ns, nsec_t apart_ns)
{
	bool fits = work_ns < r->budget_ns || (work_ns == r->budget_ns && r->deadline_ns == r->period_ns);

	return fits && apart_ns >= r->period_ns ? r->deadline_ns : NSEC_MAX;
}

/* What reservations, the fair server and hard handlers leave of a CPU, as a server; budget 0 = nothing. */
static void fifo_supply(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, const struct vrk_reservation *r, size_t n_r,
			struct vrk_supply *ret)
{
	const struct vrk_reservation fair = { host->fair_budget_ns, host->fair_period_ns, host->fair_period_ns, false };
	u128 load = 0, constant = host->latency_ns;

	for (size_t i = 0; i < n_r + n + 1; i++) {
		const struct vrk_reservation *one = i < n_r ? &r[i] : i < n_r + n ? &irq[i - n_r].reservation : &fair;
		u128 budget = (u128)one->budget_ns + 2 * (u128)host->switch_ns;

		if (one->budget_ns == 0 || (i >= n_r && i < n_r + n && irq[i - n_r].thread != VRK_IRQ_RESERVED))
			continue;
		constant += 2 * budget + host->tick_ns;
		load += budget > one->period_ns ? FRAC_ONE : frac_up((uint64_t)budget, one->period_ns);
	}
	*ret = (struct vrk_supply){ .budget_ns = 0, .deadline_ns = GRAIN_NS, .period_ns = GRAIN_NS };
	if (load >= FRAC_ONE || constant > TASK_MAX)
		return;
	ret->budget_ns = (nsec_t)((FRAC_ONE - load) * GRAIN_NS >> FRAC_SHIFT);
	ret->latency_ns = (nsec_t)(((constant << FRAC_SHIFT) + FRAC_ONE - load - 1) / (FRAC_ONE - load));
	vrk_irq_supply(irq, n, ret);
}

/* Each behind all others, and behind itself. */
static int hard_respond(const struct vrk_irq *irq, size_t n, struct vrk_task *t, nsec_t *response)
{
	const struct vrk_supply whole = { .budget_ns = 1, .deadline_ns = 1, .period_ns = 1 };
	struct vrk_verdict v;

	for (size_t i = 0; i < n; i++)
		t[i] = (struct vrk_task){ .wcet_ns = irq[i].hard_ns, .period_ns = irq[i].period_ns, .deadline_ns = irq[i].deadline_ns,
					  .jitter_ns = irq[i].jitter_ns };
	return vrk_guest_fp(&whole, VRK_SUPPLY_SLEEPING, t, n, &v, response);
}

static nsec_t reserved_respond(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, size_t i, nsec_t jitter)
{
	const struct vrk_irq *me = &irq[i];
	nsec_t apart = me->period_ns > jitter ? me->period_ns - jitter : 0;
	nsec_t lemma = vrk_irq_sporadic(&me->reservation, me->thread_ns, apart), response = NSEC_MAX;
	const struct vrk_task t = { .wcet_ns = me->thread_ns, .period_ns = me->period_ns, .deadline_ns = me->deadline_ns,
				    .jitter_ns = jitter };
	struct vrk_supply s;
	struct vrk_verdict v;

	vrk_supply_init(host, &me->reservation, &s);
	vrk_irq_supply(irq, n, &s);
	if (vrk_guest_fp(&s, VRK_SUPPLY_SLEEPING, &t, 1, &v, &response) < 0)
		response = NSEC_MAX;
	if (lemma < NSEC_MAX && lemma + jitter < response)
		response = lemma + jitter;
	return response <= me->deadline_ns ? response : NSEC_MAX;
}

static int fifo_respond(const struct vrk_supply *s, const struct vrk_irq *irq, size_t n, struct vrk_task *t, nsec_t *response,
			struct vrk_irq_bound *ret)
{
	struct vrk_verdict v;
	bool bounded = true;
	size_t k = 0;
	int err;

	for (size_t i = 0; i < n; i++) {
		if (irq[i].thread != VRK_IRQ_FIFO)
			continue;
		bounded &= ret[i].hard_ns < NSEC_MAX;	/* who may come at any time delays all of them by no one knows how much */
		t[k++] = (struct vrk_task){ .wcet_ns = irq[i].thread_ns, .period_ns = irq[i].period_ns,
					    .deadline_ns = irq[i].deadline_ns, .jitter_ns = bounded ? ret[i].hard_ns : 0,
					    .priority = irq[i].priority };
	}
	err = vrk_guest_fp(s, VRK_SUPPLY_SLEEPING, t, k, &v, response);
	k = 0;
	for (size_t i = 0; err == 0 && i < n; i++)
		if (irq[i].thread == VRK_IRQ_FIFO) {
			ret[i].thread_ns = bounded ? response[k] : NSEC_MAX;
			k++;
		}
	return err;
}

int vrk_irq_host(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, const struct vrk_reservation *r, size_t n_r,
		 struct vrk_irq_bound *ret)
{
	struct vrk_task *t = calloc(n + 1, sizeof(*t));
	nsec_t *response = calloc(n + 1, sizeof(*response));
	struct vrk_supply rest;
	int err = !t || !response ? -ENOMEM : n_r > N_MAX ? -E2BIG : irq_check(irq, n);

	if (err == 0)
		err = hard_respond(irq, n, t, response);
	for (size_t i = 0; err == 0 && i < n; i++) {
		ret[i].hard_ns = ret[i].thread_ns = response[i];
		if (irq[i].thread == VRK_IRQ_RESERVED && response[i] < NSEC_MAX)
			ret[i].thread_ns = reserved_respond(host, irq, n, i, response[i]);
	}
	if (err == 0) {
		fifo_supply(host, irq, n, r, n_r, &rest);
		err = fifo_respond(&rest, irq, n, t, response, ret);
	}
	for (size_t i = 0; err == 0 && i < n; i++)
		ret[i].response_ns = ret[i].thread_ns;
	free(t);
	free(response);
	return err;
}
