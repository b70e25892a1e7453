/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF, BAK: Baker, RTSS 2003. With lambda = dens_k, for every k
 *	sum_i min(1, beta_i) <= m (1 - lambda) + lambda,
 *	beta_i = u_i (1 + (P_i - D_i)/D_k) + max(0, C_i - lambda P_i)/D_k.
 * Called by vrk_admit() where the density bound said no. O(n^2), no allocation.
 *
 * The proof stretches the window back beyond the release of k and counts jobs of sporadic tasks there. So it may say yes
 * only where that is what runs: nothing sleeps, no overrun, no release latency, no fair server. Otherwise it says no.
 *
 * Not sustainable: a smaller budget of k makes lambda smaller, too, and may turn a yes into a no. Still sound each time.
 *
 * Arithmetic: fractions of 2^60, every beta rounded up, the right side down.
 */
#include <stdint.h>

#include <virtrk/analysis.h>

#include "gedf.h"

static u128 beta(const struct entity *i, const struct entity *k)
{
	u128 u = frac_up(i->c, i->p), b = u;
	u128 kept = (u128)k->c * i->p / k->d;

	if (i->p > i->d)
		b += (u * (i->p - i->d) + k->d - 1) / k->d;
	if (i->c > kept)
		b += frac_up((uint64_t)(i->c - kept), k->d);
	return b > FRAC_ONE ? FRAC_ONE : b;
}

static bool bak_applies(const struct gedf *g)
{
	return !g->sleepers && g->lost_max == 0 && g->host->tick_ns == 0 && g->host->latency_ns == 0;
}

/* The condition for one k. */
static bool bak_holds(const struct gedf *g, size_t k, struct vrk_verdict *v)
{
	const struct entity *e = &g->e[k];
	uint64_t m = g->host->cpus;
	u128 lambda = frac_up(e->c, e->d);
	u128 sum = 0, limit = (u128)m * FRAC_ONE - (m - 1) * lambda;

	for (size_t i = 0; i < g->n; i++)
		sum += beta(&g->e[i], e);
	*v = (struct vrk_verdict){
		.ok = sum <= limit,
		.test = VRK_TEST_BAK,
		.unit = VRK_SIDE_BW,
		.lhs = sum <= limit ? clamp64(sum >> (FRAC_SHIFT - BW_SHIFT)) : frac_to_bw_up(sum),
		.rhs = clamp64(limit >> (FRAC_SHIFT - BW_SHIFT)),
		.at_ns = e->wake_d,
		.index = k,
	};
	return v->ok;
}

int gedf_bak(const struct gedf *g, struct vrk_verdict *ret)
{
	struct vrk_verdict v = { .ok = g->n == 0, .test = VRK_TEST_BAK, .unit = VRK_SIDE_BW, .index = SIZE_MAX };

	if (g->n > 0 && !bak_applies(g)) {
		v.lhs = UINT64_MAX;	/* nothing could be said: the farthest of all noes */
		*ret = v;
		return 0;
	}
	for (size_t k = 0; k < g->n; k++)
		if (!bak_holds(g, k, &v))
			break;
	*ret = v;
	return 0;
}
