/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placement: every CPU of an answer passes admission; exact search agrees with trying everything; no greedy method places what
 * exact search does not; and greedy first fit keeps the bound of Lopez, Diaz and Garcia (D = P, all loads at most 1/b:
 * a total of (b m + 1) / (b + 1) always fits).
 */
#include <virtrk/system.h>

#include "oracle-host.h"

static bool everything(const struct vrk_host *one, const struct vrk_reservation *r, size_t n, uint32_t cpus, int32_t *cpu, size_t k)
{
	struct vrk_reservation bin[ORACLE_SERVERS_MAX];
	struct vrk_verdict v;

	if (k == n) {
		for (uint32_t c = 0; c < cpus; c++) {
			size_t m = 0;

			for (size_t i = 0; i < n; i++)
				if (cpu[i] == (int32_t)c)
					bin[m++] = r[i];
			if (vrk_admit(one, bin, m, &v, NULL) < 0 || !v.ok)
				return false;
		}
		return true;
	}
	for (cpu[k] = 0; cpu[k] < (int32_t)cpus; cpu[k]++)
		if (everything(one, r, n, cpus, cpu, k + 1))
			return true;
	return false;
}

static void place(struct oracle *o)
{
	struct vrk_host host = { .cpus = (uint32_t)oracle_between(o, 2, 3), .kernel_limit_bw = VRK_BW_UNLIMITED }, one = host;
	struct vrk_reservation r[ORACLE_SERVERS_MAX];
	struct vrk_verdict v;
	size_t n = oracle_between(o, 2, 6);
	int32_t cpu[ORACLE_SERVERS_MAX], all[ORACLE_SERVERS_MAX];
	bool exact = false, constrained = oracle_chance(o, 50);
	uint64_t total = 0, largest = 1;

	one.cpus = 1;
	for (size_t i = 0; i < n; i++) {
		nsec_t p = oracle_between(o, 1, 10) * NSEC_PER_MSEC;

		r[i] = (struct vrk_reservation){ p * oracle_between(o, 5, 70) / 100, p, p, oracle_chance(o, 50) };
		if (constrained)
			r[i].deadline_ns = oracle_between(o, r[i].budget_ns, p);
		total += (vrk_bw(r[i].budget_ns, p) + 1);
		largest = vrk_bw(r[i].budget_ns, p) + 1 > largest ? vrk_bw(r[i].budget_ns, p) + 1 : largest;
	}
	for (int method = VRK_PLACE_EXACT; method >= VRK_PLACE_FIRST_FIT; method--) {
		const struct vrk_place how = { .method = (enum vrk_place_method)method, .improve = oracle_chance(o, 30) };
		uint64_t b = BW_UNIT / largest;

		if (vrk_place(&host, r, n, &how, cpu, &v) < 0) {
			oracle_fail(o, "no answer", &host, r, n);
			return;
		}
		for (uint32_t c = 0; v.ok && c < host.cpus; c++) {
			struct vrk_reservation bin[ORACLE_SERVERS_MAX];
			struct vrk_verdict w;
			size_t m = 0;

			for (size_t i = 0; i < n; i++)
				if (cpu[i] == (int32_t)c)
					bin[m++] = r[i];
			if (vrk_admit(&one, bin, m, &w, NULL) < 0 || !w.ok)
				oracle_fail(o, "a CPU of the answer does not pass", &host, r, n);
		}
		if (method == VRK_PLACE_EXACT)
			exact = v.ok;
		if (method == VRK_PLACE_EXACT && v.ok != everything(&one, r, n, host.cpus, all, 0))
			oracle_fail(o, "exact search and trying everything disagree", &host, r, n);
		if (v.ok && !exact)
			oracle_fail(o, "greedy places what exact search does not", &host, r, n);
		if (method == VRK_PLACE_FIRST_FIT && !v.ok && !constrained && total * (b + 1) <= (b * host.cpus + 1) * BW_UNIT)
			oracle_fail(o, "first fit fails below its bound", &host, r, n);
	}
	o->accepted += exact;
	o->refused += !exact;
}

int main(void)
{
	return oracle_run("place", 20000, place);
}
