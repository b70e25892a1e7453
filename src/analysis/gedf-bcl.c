/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF, BCL: Bertogna, Cirinei, Lipari, ECRTS 2005. In the window of k, of length D_k, each other reservation does at
 * most W_i = N C_i + min(C_i, max(0, D_k - N P_i)) with N = floor((D_k - D_i)/P_i) + 1 (0 where D_i > D_k), and k waits
 * only while all m CPUs work, so it meets its deadline when for every k
 *	sum_{i != k} min(W_i, D_k - C_k) < m (D_k - C_k)	(or = and some 0 < W_i <= D_k - C_k).
 * Called by vrk_admit(). O(n^2), no allocation.
 *
 * An overrun is work of the next budget done early (demand.c): only one that belongs beyond the window adds, at most one
 * tick per reservation; m is what the fair servers leave to k (gedf.c). W_i takes it that every budget before was in time,
 * and that is not known for the remnants of sleepers: with sleepers the only yes is the one that needs no W at all, no
 * more reservations than CPUs.
 */
#include <stdint.h>

#include <virtrk/analysis.h>

#include "gedf.h"

static u128 window_work(const struct entity *i, const struct entity *k)
{
	uint64_t n = i->d > k->d ? 0 : (k->d - i->d) / i->p + 1;
	uint64_t rest = k->d > n * i->p ? k->d - n * i->p : 0;	/* n * p < d_k + p: no wrap */

	return (u128)n * i->c + (rest < i->c ? rest : i->c);
}

static bool bcl_holds(const struct gedf *g, size_t k, struct vrk_verdict *v)
{
	const struct entity *e = &g->e[k];
	uint64_t slack = e->d - e->c, m = g->host->cpus - g->lost[k];
	u128 sum = 0, limit = (u128)m * slack;
	bool gap = false;

	for (size_t i = 0; i < g->n; i++) {
		u128 w;

		if (i == k)
			continue;
		w = window_work(&g->e[i], e) + g->host->tick_ns;
		gap |= w > 0 && w <= slack;
		sum += w < slack ? w : slack;
	}
	*v = (struct vrk_verdict){
		.ok = sum < limit || (sum == limit && gap && m > 0 && g->host->tick_ns == 0),
		.test = VRK_TEST_BCL,
		.unit = VRK_SIDE_NS,
		.rhs = clamp64(limit),
		.at_ns = e->wake_d,
		.index = k,
	};
	v->lhs = clamp64(sum + !v->ok);		/* the broken inequality is the strict one */
	return v->ok;
}

int gedf_bcl(const struct gedf *g, struct vrk_verdict *ret)
{
	uint64_t m = g->host->cpus - g->lost_max;
	struct vrk_verdict v = {
		.ok = g->n <= m,
		.test = VRK_TEST_BCL,
		.unit = VRK_SIDE_NS,
		.lhs = g->n ? g->e[0].c : 0,
		.rhs = g->n ? g->e[0].d : 0,
		.index = SIZE_MAX,
	};

	if (!v.ok && g->sleepers) {
		v.lhs = UINT64_MAX;
		v.rhs = 0;
	} else if (!v.ok) {
		for (size_t k = 0; k < g->n; k++)
			if (!bcl_holds(g, k, &v))
				break;
	}
	*ret = v;
	return 0;
}
