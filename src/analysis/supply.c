/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The supply bound function of a reservation and its inverse. Chunks of Q, the first after the worst blackout
 * Delta = P + D - 2Q, then one every P:
 *	sbf(t) = k Q + min(Q, r),  k = (t - Delta) / P, r = (t - Delta) mod P,		inv(w) = Delta + (ceil(w/Q) - 1)(P - Q) + w.
 * On Linux this holds for every interval in which the vCPU wants to run all the time (CBS), provided that the host's test said
 * yes: whole budgets are in time, and what the interval starts with is at most the rest of a budget whose deadline is near
 * enough (demand.c). It does not hold across a sleep: guest-fp.c starts anew after each.
 *
 * Costs: an interval may begin with a debt of one tick (overrun before it). When the tick is longer than the budget the kernel
 * pays with k whole periods, but releases the budget after those k already in the first of them: served and overrun there, it
 * leaves the interval short of k budgets more. Every budget and one more loses a switch, the first service is late by the
 * latency, interrupts steal theirs.
 *
 * Latency is lost, too, and from each budget. Linux charges a thread from the run queue's clock, and does not read that anew in
 * schedule() after a wake-up that wanted the CPU (rq_clock_skip_update()): when whoever has the CPU is in the kernel and does not let
 * go, the one that waits for it begins with a clock as old as that wait, and pays for it. Seen on 6.12: 260 us of a budget, after a
 * process that was 610 us in one system call. Called by the guest tests and for figures.
 */
#include <stdint.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define FIXPOINT_STEPS_MAX 100000

void vrk_supply_init(const struct vrk_host *host, const struct vrk_reservation *r, struct vrk_supply *ret)
{
	u128 lost = (u128)host->switch_ns + host->latency_ns;

	*ret = (struct vrk_supply){
		.budget_ns = r->budget_ns,
		.deadline_ns = r->deadline_ns,
		.period_ns = r->period_ns,
		.tick_ns = host->tick_ns,
		.switch_ns = lost < NSEC_MAX ? (nsec_t)lost : NSEC_MAX,
		.latency_ns = host->latency_ns,
	};
}

bool supply_sane(const struct vrk_supply *s)
{
	return s->budget_ns > 0 && s->budget_ns <= s->deadline_ns && s->deadline_ns <= s->period_ns && s->period_ns <= SUPPLY_MAX &&
	       s->tick_ns <= SUPPLY_MAX && s->switch_ns <= SUPPLY_MAX && s->latency_ns <= SUPPLY_MAX && s->irq_ns <= SUPPLY_MAX &&
	       (s->irq_ns == 0 || (s->irq_period_ns > 0 && s->irq_period_ns <= SUPPLY_MAX));
}

nsec_t supply_blackout(const struct vrk_supply *s)
{
	return s->period_ns - s->budget_ns + (s->deadline_ns - s->budget_ns);
}

nsec_t supply_debt(const struct vrk_supply *s)
{
	return s->tick_ns + s->tick_ns / s->budget_ns * s->budget_ns;
}

static nsec_t sbf_ideal(const struct vrk_supply *s, nsec_t t)
{
	nsec_t k, r;

	if (t <= supply_blackout(s))
		return 0;
	t -= supply_blackout(s);
	k = t / s->period_ns;
	r = t % s->period_ns;
	return k * s->budget_ns + (r < s->budget_ns ? r : s->budget_ns);
}

nsec_t vrk_sbf_linear(const struct vrk_supply *s, nsec_t t_ns)
{
	if (!supply_sane(s) || t_ns <= supply_blackout(s))
		return 0;
	return (nsec_t)((u128)s->budget_ns * (t_ns - supply_blackout(s)) / s->period_ns);
}

/* inv(w), 0 for no work; beyond SUPPLY_MAX it only has to stay beyond. */
static u128 inverse_ideal(const struct vrk_supply *s, u128 w)
{
	if (w == 0)
		return 0;
	if (w > SUPPLY_MAX)
		return (u128)SUPPLY_MAX + 1;
	return supply_blackout(s) + (u128)(ceil_div((uint64_t)w, s->budget_ns) - 1) * (s->period_ns - s->budget_ns) + w;
}

/*
 * Switches and interrupts take a part of what an interval gives, so that every fixpoint t has
 *	t >= base P/Q + t (switch/Q + irq/irq_period),	base = what does not grow with t.
 * That is where to begin: from 0 it is a step per period. NSEC_MAX: they take all, there is no fixpoint.
 */
static nsec_t inverse_least(const struct vrk_supply *s, u128 base)
{
	u128 taken = ((u128)s->switch_ns << FRAC_SHIFT) / s->budget_ns, least;

	if (s->irq_ns)
		taken += ((u128)s->irq_ns << FRAC_SHIFT) / s->irq_period_ns;
	if (taken >= FRAC_ONE || base > SUPPLY_MAX)
		return NSEC_MAX;
	least = base * s->period_ns / s->budget_ns;	/* 2^62 2^62 */
	if (least > SUPPLY_MAX)
		return NSEC_MAX;
	least = (least << FRAC_SHIFT) / (FRAC_ONE - taken);
	return least > SUPPLY_MAX ? NSEC_MAX : (nsec_t)least;
}

/*
 * @work split over @windows intervals, each beginning anew. sum(inv(w_i)) <= (windows - 1) Delta + inv(sum w_i), since
 * (ceil(a) - 1) + (ceil(b) - 1) <= ceil(a + b) - 1; debts and latencies come once per interval, and the intervals together
 * touch at most ceil(t/P) + windows periods.
 */
nsec_t supply_inverse(const struct vrk_supply *s, u128 work, uint64_t windows, nsec_t from)
{
	u128 t = from, next;

	if (work == 0)
		return 0;
	if (s->switch_ns || s->irq_ns) {
		nsec_t least = inverse_least(s, work + (u128)windows * supply_debt(s) + (u128)s->switch_ns * (2 * (u128)windows - 1));

		if (least == NSEC_MAX)
			return NSEC_MAX;
		t = least > from ? least : from;
	}
	for (unsigned int step = 0; step < FIXPOINT_STEPS_MAX; step++) {
		u128 w = work + (u128)windows * supply_debt(s);

		if (s->switch_ns)
			w += (u128)s->switch_ns * (ceil_div((uint64_t)t, s->period_ns) + 2 * (u128)windows - 1);
		next = (u128)(windows - 1) * supply_blackout(s) + inverse_ideal(s, w) + (u128)windows * s->latency_ns;
		if (s->irq_ns)
			next += (ceil_div((uint64_t)t, s->irq_period_ns) + (u128)windows - 1) * s->irq_ns;
		if (next > SUPPLY_MAX)
			return NSEC_MAX;
		if (next <= t)
			return (nsec_t)t;
		t = next;
		if (!s->switch_ns && !s->irq_ns)
			return (nsec_t)t;
	}
	return NSEC_MAX;
}

/* Switches and interrupts counted by the periods begun: so it steps down where one begins. */
static nsec_t sbf_counted(const struct vrk_supply *s, nsec_t t)
{
	u128 taken = s->latency_ns, given;

	if (s->irq_ns)
		taken += (u128)ceil_div(t, s->irq_period_ns) * s->irq_ns;
	given = taken < t ? sbf_ideal(s, (nsec_t)(t - taken)) : 0;
	taken = supply_debt(s) + (u128)s->switch_ns * (ceil_div(t, s->period_ns) + 1);
	return given > taken ? (nsec_t)(given - taken) : 0;
}

/* NSEC_MAX as an answer means never, not that late. */
static bool is_given_by(const struct vrk_supply *s, u128 work, nsec_t t)
{
	nsec_t inverse = supply_inverse(s, work, 1, 0);

	return inverse != NSEC_MAX && inverse <= t;
}

/*
 * What an interval surely gives, a longer one gives too: the most that any interval up to this length gives, which is the most
 * that the inverse says is there by then. Steps down are small and rare, so one question shows that there was none.
 */
nsec_t vrk_sbf(const struct vrk_supply *s, nsec_t t_ns)
{
	nsec_t given, step;

	if (!supply_sane(s))
		return 0;
	given = sbf_counted(s, t_ns);
	if (!s->switch_ns && !s->irq_ns)
		return given;
	for (step = 1; is_given_by(s, (u128)given + step, t_ns); step *= 2)
		given += step;
	for (; step > 0; step /= 2)
		if (is_given_by(s, (u128)given + step, t_ns))
			given += step;
	return given;
}

nsec_t vrk_sbf_inverse(const struct vrk_supply *s, nsec_t work_ns)
{
	return supply_sane(s) ? supply_inverse(s, work_ns, 1, 0) : NSEC_MAX;
}
