/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Global EDF, BCL with slack: Bertogna, Cirinei, Lipari, IEEE TPDS 20 (2009). As BCL, but a budget known to end s_i before its
 * deadline carries less into a window:
 *	W_i = floor(D_k/P_i) C_i + min(C_i, max(0, D_k - s_i - floor(D_k/P_i) P_i)),
 *	s_k = D_k - C_k - floor(sum_{i != k} min(W_i, D_k - C_k + 1) / m),
 * from s = 0 upwards until all s_k >= 0 (yes) or nothing improves (no). Called by vrk_admit(). O(n^2) a round; the rounds are
 * capped so that the whole stays below WORK_MAX steps, which can only turn a yes into a no.
 *
 * Overruns, fair servers and sleepers as in gedf-bcl.c. The certificate is the slack of each reservation: any s >= 0 that
 * satisfies s_k <= the right side proves it (look at the first budget that ends less than s_k before its deadline).
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "gedf.h"

#define WORK_MAX ((uint64_t)1 << 20)

static u128 window_work(const struct entity *i, const struct entity *k, uint64_t slack_i)
{
	uint64_t n = k->d / i->p, rest = k->d % i->p;

	rest = rest > slack_i ? rest - slack_i : 0;
	return (u128)n * i->c + (rest < i->c ? rest : i->c);
}

/* The interference that k may suffer, per CPU, rounded down (time is whole ns). */
static u128 delay(const struct gedf *g, size_t k, const nsec_t *slack)
{
	const struct entity *e = &g->e[k];
	uint64_t m = g->host->cpus - g->lost[k], cap = e->d - e->c + 1;
	u128 sum = 0;

	if (m == 0)
		return cap;
	for (size_t i = 0; i < g->n; i++) {
		u128 w = i == k ? 0 : window_work(&g->e[i], e, slack[i]) + g->host->tick_ns;

		sum += w < cap ? w : cap;
	}
	return sum / m;
}

/* One round over all k; *ret is the worst of them. */
static bool bcl_iter_round(const struct gedf *g, nsec_t *slack, bool *ret_better, struct vrk_verdict *ret)
{
	bool ok = true;

	*ret_better = false;
	for (size_t k = 0; k < g->n; k++) {
		const struct entity *e = &g->e[k];
		u128 end = delay(g, k, slack) + e->c;

		if (end <= e->d && e->d - (uint64_t)end > slack[k]) {
			slack[k] = e->d - (uint64_t)end;
			*ret_better = true;
		}
		if (end > e->d || (ok && k == 0))
			*ret = (struct vrk_verdict){
				.test = VRK_TEST_BCL_ITER,
				.unit = VRK_SIDE_NS,
				.lhs = clamp64(end),
				.rhs = e->d,
				.at_ns = e->wake_d,
				.index = k,
			};
		ok &= end <= e->d;
	}
	ret->ok = ok;
	return ok;
}

int gedf_bcl_iter(const struct gedf *g, struct vrk_verdict *ret, struct vrk_certificate *cert)
{
	struct vrk_verdict v = { .ok = g->n == 0, .test = VRK_TEST_BCL_ITER, .unit = VRK_SIDE_NS, .index = SIZE_MAX };
	uint64_t round = 0, rounds = WORK_MAX / ((uint64_t)g->n * g->n + 1) + 1;
	bool better = true;
	nsec_t *slack;

	if (g->sleepers) {
		v.lhs = UINT64_MAX;
		*ret = v;
		return 0;
	}
	slack = calloc(g->n + 1, sizeof(*slack));
	if (!slack)
		return -ENOMEM;
	while (g->n > 0 && better && round++ < rounds && !bcl_iter_round(g, slack, &better, &v))
		;
	if (v.ok) {
		*cert = (struct vrk_certificate){ VRK_TEST_BCL_ITER, 0, g->n, slack };
		slack = NULL;
	}
	free(slack);
	*ret = v;
	return 0;
}
