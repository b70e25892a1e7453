/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF on m CPUs, where every CPU has a fair server pinned to it: how many CPUs can fair servers hold at once?
 *
 * The published tests count on a work-conserving queue: while a job waits, all m CPUs run jobs of earlier deadlines. A
 * pinned fair server breaks that for itself (it waits although another CPU idles), so it must not be counted as one more
 * task. For the reservations only this matters: while one of them waits, how many CPUs run a *fair server* of earlier
 * deadline, rather than another reservation?
 *
 * Lemma (starved servers). Let a job of k wait in its window [r, r+D), no deadline missed before. A fair server (Qf, Pf),
 * whose deadline is set Pf ahead when its budget is set, is preferred to k only if its deadline is <= r+D; then its budget
 * was set at or before r+D-Pf, and in the L = Pf-D before r it was ready without getting Qf. So for at least L-Qf of
 * those L its CPU ran reservations. All reservations together run at most W(L) in a window of that length, so at most
 * lost_k = floor(W(L) / (L-Qf)) servers can be preferred to k anywhere in its window; all m when L <= Qf.
 *
 * So while k waits, at least m - lost_k CPUs run reservations of earlier deadline: each test holds on m - lost_k CPUs.
 *
 * W(L) <= sum(ceil(c*L/p) + 2c + tick): whole budgets with a deadline in the window, one more at either edge, and the last
 * overrun. With overruns a remnant (demand.c) may run late; then it is one budget more: 3c.
 *
 * Outside the lemma: SCHED_FIFO threads that keep a CPU busy for a second starve the fair server as well; and a fair server that
 * had to step in before may come back from a sleep of its threads with a remnant and an old deadline, which takes at most
 * Qf/Pf of the time that is left to it (5 % by default). The simulator has both kinds of return and never found a late budget
 * from the second; it is not proved.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/analysis.h>

#include "gedf.h"

static u128 workload(const struct gedf *g, uint64_t window)
{
	uint64_t tick = g->host->tick_ns;
	u128 sum = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct entity *e = &g->e[i];

		sum += ceil_mul_div(e->c, window, e->p) + (u128)e->c * (tick ? 3 : 2) + tick;
	}
	return sum;
}

static uint64_t lost_cpus(const struct gedf *g, nsec_t deadline)
{
	nsec_t qf = g->host->fair_budget_ns, pf = g->host->fair_period_ns, starved;
	u128 lost;

	if (deadline >= pf || pf - deadline <= qf)
		return g->host->cpus;
	starved = pf - deadline - qf;
	lost = workload(g, pf - deadline) / starved;
	return lost > g->host->cpus ? g->host->cpus : (uint64_t)lost;
}

/* Deadlines repeat a lot, and W() costs O(n): the last answer is kept. */
static void lost_init(struct gedf *g)
{
	for (size_t i = 0; i < g->n; i++) {
		if (i > 0 && g->e[i].wake_d == g->e[i - 1].wake_d)
			g->lost[i] = g->lost[i - 1];
		else
			g->lost[i] = lost_cpus(g, g->e[i].wake_d);
		if (g->lost[i] > g->lost_max) {
			g->lost_max = g->lost[i];
			g->lost_index = i;
		}
	}
}

void gedf_without_fair(struct gedf *g, struct vrk_verdict *ret)
{
	nsec_t qf = g->host->fair_budget_ns, pf = g->host->fair_period_ns, d = g->e[g->lost_index].wake_d;

	*ret = (struct vrk_verdict){ .test = VRK_TEST_FAIR, .unit = VRK_SIDE_NS, .index = g->lost_index };
	if (d >= pf || pf - d <= qf) {
		ret->lhs = d;
		ret->rhs = pf - qf - (pf > qf);
		ret->at_ns = d;
	} else {
		ret->lhs = clamp64(workload(g, pf - d));
		ret->rhs = pf - d - qf - 1;
		ret->at_ns = pf - d;
	}
	memset(g->lost, 0, g->n * sizeof(*g->lost));
	g->lost_max = 0;
}

void gedf_done(struct gedf *g)
{
	free(g->e);
	free(g->lost);
	*g = (struct gedf){ .n = 0 };
}

int gedf_init(struct gedf *g, const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
	      bool *ret_ok, struct vrk_verdict *ret_no)
{
	int err = host_check(host, n);

	*g = (struct gedf){ .host = host };
	if (err < 0)
		return err;
	err = entities_new(host, r, n, false, &g->e, &g->n, ret_no);
	if (err < 0)
		return err;
	*ret_ok = g->e != NULL;
	if (!g->e)
		return 0;
	for (size_t i = 0; i < n; i++)
		g->sleepers |= g->e[i].sleeps;
	g->lost = calloc(n + 1, sizeof(*g->lost));
	if (!g->lost) {
		gedf_done(g);
		return -ENOMEM;
	}
	if (host->fair_budget_ns)
		lost_init(g);
	return 0;
}

static int gedf_alone(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, enum vrk_test test,
		      int (*run)(const struct gedf *g, struct vrk_verdict *ret), struct vrk_verdict *ret)
{
	struct vrk_verdict v = { .ok = false };
	struct gedf g;
	bool ok;
	int err = gedf_init(&g, host, r, n, &ok, &v);

	if (err == 0 && ok)
		err = run(&g, &v);
	else
		v.test = test;
	if (err == 0)
		*ret = v;
	gedf_done(&g);
	return err;
}

int vrk_gedf_gfb(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret)
{
	return gedf_alone(host, r, n, VRK_TEST_GFB, gedf_gfb, ret);
}

int vrk_gedf_bak(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret)
{
	return gedf_alone(host, r, n, VRK_TEST_BAK, gedf_bak, ret);
}

int vrk_gedf_bcl(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret)
{
	return gedf_alone(host, r, n, VRK_TEST_BCL, gedf_bcl, ret);
}

int vrk_gedf_bcl_iter(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret,
		      struct vrk_certificate *ret_cert)
{
	struct vrk_certificate cert = { .test = VRK_TEST_BCL_ITER };
	struct vrk_verdict v = { .ok = false };
	struct gedf g;
	bool ok;
	int err = gedf_init(&g, host, r, n, &ok, &v);

	if (err == 0 && ok)
		err = gedf_bcl_iter(&g, &v, &cert);
	else
		v.test = VRK_TEST_BCL_ITER;
	if (err == 0)
		*ret = v;
	if (err == 0 && v.ok && ret_cert)
		*ret_cert = cert;
	else
		vrk_certificate_done(&cert);
	gedf_done(&g);
	return err;
}
