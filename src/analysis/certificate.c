/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second pair of eyes: given a yes and its witness, is it proved? Written from the theorems again, in the plainest
 * arithmetic there is, sharing no code with the tests: it does not search, so it can be short. Called by whoever is about to
 * act on a yes. It never says yes to what the named test does not prove.
 *
 * What proves what (notation and theorems: the file of the test):
 *  QPA		points t1 > t2 > ..: demand <= t at each; between t(i) and the next no deadline that demand(t(i)) <= t does not
 *		cover; from the horizon on a linear bound (or, without sleepers, the busy period) does. No points: density.
 *  GFB, BAK, BCL	the inequality itself.
 *  BCL-iter	a slack per reservation that reproduces itself.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <virtrk/proof.h>

typedef unsigned __int128 wide;

struct view {
	const struct vrk_host *h;
	const struct vrk_reservation *r;
	size_t n;
};

/* The i-th of the reservations, then the fair server. */
static struct vrk_reservation item(const struct view *w, size_t i)
{
	if (i < w->n)
		return w->r[i];
	return (struct vrk_reservation){ w->h->fair_budget_ns, w->h->fair_period_ns, w->h->fair_period_ns, false };
}

static nsec_t cost(const struct view *w, const struct vrk_reservation *r)
{
	return r->budget_ns + w->h->switch_ns + w->h->switch_ns;
}

static nsec_t due(const struct view *w, const struct vrk_reservation *r)
{
	return r->deadline_ns - w->h->latency_ns;
}

static wide up(wide num, wide den)
{
	return (num + den - 1) / den;
}

static bool item_sane(const struct view *w, size_t i)
{
	struct vrk_reservation r = item(w, i);

	return r.period_ns <= NSEC_MAX && r.deadline_ns <= NSEC_MAX && r.deadline_ns > w->h->latency_ns &&
	       (r.deadline_ns <= r.period_ns || (r.gapless && w->h->cpus == 1)) &&
	       r.budget_ns > 0 && r.budget_ns <= NSEC_MAX / 2 && w->h->switch_ns <= NSEC_MAX / 8 &&
	       w->h->tick_ns <= NSEC_MAX / 8 && cost(w, &r) <= due(w, &r);
}

/* ---- one CPU ---- */

static wide demand(const struct view *w, size_t n, nsec_t t)
{
	wide sum = 0, overruns = 0;

	for (size_t i = 0; i < n; i++) {
		struct vrk_reservation r = item(w, i);
		nsec_t left = t % r.period_ns;
		bool inside = t >= due(w, &r);

		if (inside)
			sum += (wide)cost(w, &r) * ((t - due(w, &r)) / r.period_ns + 1);
		if (!r.gapless && left < due(w, &r))
			sum += up((wide)r.budget_ns * left, r.deadline_ns);
		if (!r.gapless)
			sum += (wide)2 * w->h->switch_ns;
		if (inside || !r.gapless)
			overruns += w->h->tick_ns;
	}
	return sum + (overruns ? overruns - w->h->tick_ns : 0);
}

/* Is any deadline t = due + k * period with lo < t < hi? */
static bool deadline_between(const struct view *w, size_t n, wide lo, wide hi)
{
	for (size_t i = 0; i < n; i++) {
		struct vrk_reservation r = item(w, i);
		nsec_t d = due(w, &r);
		wide next = lo < d ? d : d + ((lo - d) / r.period_ns + 1) * r.period_ns;

		if (next < hi)
			return true;
	}
	return false;
}

static bool horizon_proved(const struct view *w, size_t n, nsec_t horizon)
{
	wide linear = 0, busy = 0, load = 0;
	bool sleepers = false;

	for (size_t i = 0; i < n; i++) {
		struct vrk_reservation r = item(w, i);
		nsec_t c = cost(w, &r);

		linear += up((wide)c * horizon, r.period_ns);
		if (r.period_ns > due(w, &r))
			linear += up((wide)c * (r.period_ns - due(w, &r)), r.period_ns);
		linear += w->h->tick_ns + (r.gapless ? 0 : 2 * w->h->switch_ns);
		busy += up(horizon, r.period_ns) * c + w->h->tick_ns;
		load += up((wide)c << 60, r.period_ns);
		sleepers |= !r.gapless;
	}
	/* linear grows by load per ns: at most 1, so once under the diagonal is for ever */
	return (!sleepers && busy <= horizon) || (linear <= horizon && load <= (wide)1 << 60);
}

/* demand(t) <= t * (sum(c/d) + constants/d_min); sums as fractions over a common denominator while that fits. */
static bool density_proved(const struct view *w, size_t n)
{
	wide sum = 0, num = 0, den = 1, constants = 0;
	nsec_t first = NSEC_MAX;
	bool exact = true;

	for (size_t i = 0; i < n; i++) {
		struct vrk_reservation r = item(w, i);
		nsec_t d = due(w, &r), a = d, b;

		if (d < first)
			first = d;
		constants += (i ? w->h->tick_ns : 0) + (r.gapless ? 0 : 2 * w->h->switch_ns);
		sum += up((wide)cost(w, &r) << 60, d);
		for (b = (nsec_t)(den % a); b; ) {	/* a: what d and den share */
			nsec_t rest = a % b;

			a = b;
			b = rest;
		}
		exact = exact && !__builtin_mul_overflow(num, d / a, &num) && !(den / a >> 63) &&
			!__builtin_add_overflow(num, (wide)cost(w, &r) * (den / a), &num) &&
			!__builtin_mul_overflow(den, d / a, &den);
	}
	if (constants == 0 && exact)
		return num <= den;
	return constants >> 66 == 0 && sum + up(constants << 60, first) <= (wide)1 << 60;
}

static bool qpa_proved(const struct view *w, const struct vrk_certificate *cert)
{
	size_t n = w->n + (w->h->fair_budget_ns ? 1 : 0);
	wide limit = cert->horizon_ns;

	if (n > w->n && !item_sane(w, w->n))
		return false;
	if (cert->n_points == 0 && cert->horizon_ns == 0)
		return n == 0 || density_proved(w, n);
	if (!horizon_proved(w, n, cert->horizon_ns))
		return false;
	for (size_t i = 0; i < cert->n_points; i++) {
		nsec_t t = cert->points_ns[i];
		wide h;

		if (t >= limit || deadline_between(w, n, t, limit))
			return false;
		h = demand(w, n, t);
		if (h > t)
			return false;
		limit = h < t ? h : t;
	}
	return !deadline_between(w, n, 0, limit);
}

/* ---- several CPUs ---- */

/* CPUs that are left to a reservation of this deadline when starved fair servers have taken theirs. */
static uint32_t cpus_left(const struct view *w, nsec_t deadline)
{
	nsec_t qf = w->h->fair_budget_ns, pf = w->h->fair_period_ns;
	wide work = 0;
	uint32_t m = w->h->cpus;

	if (qf == 0)
		return m;
	if (deadline + qf >= pf)
		return 0;
	for (size_t i = 0; i < w->n; i++) {
		nsec_t c = cost(w, &w->r[i]), tick = w->h->tick_ns;

		work += up((wide)c * (pf - deadline), w->r[i].period_ns) + (wide)c * (tick ? 3 : 2) + tick;
	}
	/* one more server is starved for each whole (L - Qf) of work */
	for (wide need = pf - deadline - qf; m > 0 && need <= work; need += pf - deadline - qf)
		m--;
	return m;
}

static uint32_t cpus_left_to_all(const struct view *w)
{
	uint32_t least = w->h->cpus;

	for (size_t i = 0; i < w->n; i++)
		if (i == 0 || w->r[i].deadline_ns != w->r[i - 1].deadline_ns) {
			uint32_t m = cpus_left(w, w->r[i].deadline_ns);

			least = m < least ? m : least;
		}
	return least;
}

static bool all_gapless(const struct view *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->r[i].gapless)
			return false;
	return true;
}

static bool gfb_proved(const struct view *w)
{
	uint32_t m = cpus_left_to_all(w);
	wide sum = 0, blocked = w->n ? (wide)(w->n - 1) * w->h->tick_ns : 0;

	for (size_t i = 0; i < w->n; i++) {
		sum += up((wide)cost(w, &w->r[i]) << 60, due(w, &w->r[i]));
		blocked += w->r[i].gapless ? 0 : 2 * w->h->switch_ns;
	}
	if (m == 0 || blocked >> 66)
		return w->n == 0;
	for (size_t k = 0; k < w->n; k++) {
		nsec_t d = due(w, &w->r[k]);

		if (sum + (m - 1) * up((wide)cost(w, &w->r[k]) << 60, d) + up(blocked << 60, d) > (wide)m << 60)
			return false;
	}
	return true;
}

static bool bak_proved(const struct view *w)
{
	uint32_t m = w->h->cpus;

	if (!all_gapless(w) || cpus_left_to_all(w) != m || w->h->tick_ns || w->h->latency_ns)
		return false;
	for (size_t k = 0; k < w->n; k++) {
		nsec_t ck = cost(w, &w->r[k]), dk = due(w, &w->r[k]);
		wide sum = 0, one = (wide)1 << 60;

		for (size_t i = 0; i < w->n; i++) {
			nsec_t c = cost(w, &w->r[i]), p = w->r[i].period_ns, d = due(w, &w->r[i]);
			wide keeps = (wide)ck * p / dk;
			wide b = up((wide)c << 60, p) + up(up((wide)c << 60, p) * (p - d), dk);

			b += c > keeps ? up(((wide)c - keeps) << 60, dk) : 0;
			sum += b < one ? b : one;
		}
		if (sum > (wide)m * one - (m - 1) * up((wide)ck << 60, dk))
			return false;
	}
	return true;
}

static bool bcl_proved(const struct view *w)
{
	if (w->n <= cpus_left_to_all(w))
		return true;
	if (!all_gapless(w))
		return false;
	for (size_t k = 0; k < w->n; k++) {
		nsec_t dk = due(w, &w->r[k]), slack = dk - cost(w, &w->r[k]);
		wide sum = 0, limit = (wide)cpus_left(w, w->r[k].deadline_ns) * slack;
		bool gap = false;

		for (size_t i = 0; i < w->n; i++) {
			nsec_t c = cost(w, &w->r[i]);
			wide work = w->h->tick_ns;

			/* budgets with deadlines at the end of the window and every period before: all that reach into it */
			work += (wide)c * (dk / w->r[i].period_ns);
			work += c < dk % w->r[i].period_ns ? c : dk % w->r[i].period_ns;
			if (i == k)
				continue;
			gap |= work > 0 && work <= slack;
			sum += work < slack ? work : slack;
		}
		if (sum > limit || (sum == limit && (!gap || w->h->tick_ns)))
			return false;
	}
	return true;
}

static bool bcl_iter_proved(const struct view *w, const struct vrk_certificate *cert)
{
	if (!all_gapless(w) || cert->n_points != w->n)
		return false;
	for (size_t k = 0; k < w->n; k++) {
		nsec_t ck = cost(w, &w->r[k]), dk = due(w, &w->r[k]), cap = dk - ck + 1;
		wide sum = 0, m = cpus_left(w, w->r[k].deadline_ns);

		for (size_t i = 0; i < w->n; i++) {
			nsec_t c = cost(w, &w->r[i]), rest = dk % w->r[i].period_ns;
			wide work = (wide)c * (dk / w->r[i].period_ns) + w->h->tick_ns;

			rest = rest > cert->points_ns[i] ? rest - cert->points_ns[i] : 0;
			work += rest < c ? rest : c;
			if (i != k)
				sum += work < cap ? work : cap;
		}
		if (m == 0 || sum / m + ck + cert->points_ns[k] > dk)
			return false;
	}
	return true;
}

int vrk_certificate_check(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
			  const struct vrk_certificate *cert)
{
	const struct view w = { host, r, n };
	bool proved = false;

	if (host->cpus == 0 || n >= (size_t)1 << 32)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if (!item_sane(&w, i))
			return -EBADMSG;
	switch (cert->test) {
	case VRK_TEST_QPA:
		proved = host->cpus == 1 && qpa_proved(&w, cert);
		break;
	case VRK_TEST_GFB:
		proved = gfb_proved(&w);
		break;
	case VRK_TEST_BAK:
		proved = bak_proved(&w);
		break;
	case VRK_TEST_BCL:
		proved = bcl_proved(&w);
		break;
	case VRK_TEST_BCL_ITER:
		proved = bcl_iter_proved(&w, cert);
		break;
	default:
		break;
	}
	return proved ? 0 : -EBADMSG;
}

nsec_t vrk_host_demand(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, nsec_t t_ns)
{
	const struct view w = { host, r, n };
	size_t all = n + (host->fair_budget_ns ? 1 : 0);
	wide h;

	for (size_t i = 0; i < all; i++)
		if (!item_sane(&w, i))
			return NSEC_MAX;
	h = demand(&w, all, t_ns);
	return h < NSEC_MAX ? (nsec_t)h : NSEC_MAX;
}
