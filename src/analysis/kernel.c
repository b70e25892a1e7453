/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mirror of the kernel's own admission: sched_dl_overflow() and __dl_overflow() of Linux 6.12, in its own
 * fixed point. Per root domain, the sum of floor(Q * 2^20 / P) over all DEADLINE threads and every CPU's fair
 * server must not exceed the limit times the number of CPUs (each of full capacity).
 *
 * Necessary for us (the kernel would answer EBUSY), never sufficient: it looks at Q/P only, so it lets through
 * what must miss with D < P or on several CPUs. Called by vrk_admit() before the schedulability tests.
 */
#include <errno.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#include "internal.h"

bw_t vrk_bw(nsec_t budget_ns, nsec_t period_ns)
{
	unsigned __int128 bw;

	if (period_ns == 0)	/* to_ratio() says so, too */
		return 0;
	bw = ((unsigned __int128)budget_ns << BW_SHIFT) / period_ns;
	return bw > UINT64_MAX ? UINT64_MAX : (bw_t)bw;
}

int vrk_kernel_check(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
		     struct vrk_verdict *ret)
{
	unsigned __int128 sum, limit;
	int e = host_check(host, n);

	if (e < 0)
		return e;
	sum = host->fair_budget_ns ? (unsigned __int128)vrk_bw(host->fair_budget_ns, host->fair_period_ns) * host->cpus : 0;
	limit = (unsigned __int128)host->kernel_limit_bw * host->cpus;
	for (size_t i = 0; i < n; i++)
		sum += vrk_bw(r[i].budget_ns, r[i].period_ns);
	*ret = (struct vrk_verdict){
		.ok = host->kernel_limit_bw == VRK_BW_UNLIMITED || sum <= limit,
		.test = VRK_TEST_KERNEL,
		.unit = VRK_SIDE_BW,
		.lhs = clamp64(sum),
		.rhs = host->kernel_limit_bw == VRK_BW_UNLIMITED ? VRK_BW_UNLIMITED : clamp64(limit),
		.index = SIZE_MAX,
	};
	return 0;
}
