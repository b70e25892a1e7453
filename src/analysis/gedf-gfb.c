/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF, density bound: sum(dens) <= m - (m-1) * max(dens). Goossens, Funk, Baruah, Real-Time Systems 25 (2003);
 * with densities c/d for constrained deadlines: Bertogna, Cirinei, Lipari, ECRTS 2005. Called by vrk_admit().
 *
 * It holds for any set of jobs that fits a dedicated CPU of speed dens per task, and the kernel's wake-up rule keeps even
 * remnants inside that (q <= dens * x), so reservations may sleep as they like: the bound for CBS servers.
 *
 * Overruns. Let J be the budgets due by d_k, the deadline in question. An overrun is work of a later budget done early
 * (demand.c); only the last one of each reservation can be work from outside J, so at most B = (n-1) ticks of CPU time go
 * to such work while J waits. Goossens' lemma then reads: the work done on J by time t is at least that of the dedicated
 * CPUs, less what such blocking b(t) took (same proof, one term more). At r_k at most dens_sum * d + b(r_k) of J is left;
 * while k waits all m CPUs work, so by d_k at least m*d - (m-1)*c - (B - b(r_k)) is done. Hence
 *	sum(dens) + B/d_k <= m - (m-1) * dens_k		for all k.
 * The extra switches of sleepers are part of B in the same way. m is what fair servers leave: see gedf.c.
 */
#include <stdint.h>

#include <virtrk/analysis.h>

#include "gedf.h"

static u128 blocking(const struct gedf *g)
{
	u128 b = g->n ? (u128)(g->n - 1) * g->host->tick_ns : 0;

	for (size_t i = 0; i < g->n; i++)
		if (g->e[i].sleeps)
			b += (u128)2 * g->host->switch_ns;
	return b;
}

int gedf_gfb(const struct gedf *g, struct vrk_verdict *ret)
{
	uint64_t m = g->host->cpus - g->lost_max;
	uint64_t b = clamp64(blocking(g));
	u128 sum = 0, worst = 0, lhs = 0, rhs = 0, full = (u128)m << FRAC_SHIFT;
	struct vrk_verdict v = { .ok = g->n == 0, .test = VRK_TEST_GFB, .unit = VRK_SIDE_BW, .index = SIZE_MAX };

	for (size_t i = 0; i < g->n; i++) {
		u128 dens = frac_up(g->e[i].c, g->e[i].d);
		u128 block = b ? frac_up(b, g->e[i].d) : 0;
		u128 takes = block + (m > 1 ? (m - 1) * dens : 0);

		sum += dens;
		if (i > 0 && takes <= worst)
			continue;
		worst = takes;
		v.index = i;
		v.at_ns = g->e[i].wake_d;
		lhs = block;
		rhs = m > 1 ? (m - 1) * dens : 0;
	}
	if (g->n > 0) {
		lhs += sum;
		rhs = rhs < full ? full - rhs : 0;
		v.ok = m > 0 && lhs <= rhs;
		v.lhs = v.ok ? clamp64(lhs >> (FRAC_SHIFT - BW_SHIFT)) : frac_to_bw_up(lhs);
		v.rhs = clamp64(rhs >> (FRAC_SHIFT - BW_SHIFT));
	}
	*ret = v;
	return 0;
}
