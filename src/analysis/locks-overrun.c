/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Overrun: a host that does not stop a vCPU whose budget ends while a task in it holds a resource, until none does; the vCPU keeps its
 * deadline meanwhile, waits for its next budget then, and does not pay back. Stock Linux has no such thing, so what is said
 * here is an estimate for those who would build it, and promises nothing.
 *
 * Beyond its budget a vCPU executes at most one section of each of its tasks, once per budget: O. Counting it as a server of budget Q + O,
 * as papers on overrun do, is wrong for the kernel's wake-up rule: what was left of a budget after a sleep may have a deadline that is
 * near, and O comes on top of it, whole (test-locks.c keeps such a run). But deadlines of two overruns are a period apart, and the first is
 * behind the instant at which the CPU last had nothing as urgent to do; so those that matter in a window of t are ceil(t / P) at most, as if
 * O were stolen by an interrupt of that period. What may be stolen is in irq.c.
 *
 * Called by those who estimate. The holding times that follow are in locks.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"

int vrk_locks_overrun(const struct vrk_host *host, const struct vrk_reservation *r, const nsec_t *overrun_ns, size_t n,
		      struct vrk_host *ret_host, struct vrk_reservation *ret_r, nsec_t *ret_settle_ns)
{
	struct vrk_irq *irqs;
	size_t n_irqs = 0, n_r;
	int err;

	if (n > N_MAX)
		return -E2BIG;
	irqs = calloc(n + 1, sizeof(*irqs));
	if (!irqs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (overrun_ns[i] > 0)
			irqs[n_irqs++] = (struct vrk_irq){ .period_ns = r[i].period_ns, .deadline_ns = r[i].period_ns, .hard_ns = overrun_ns[i],
							   .thread = VRK_IRQ_HARD };
	err = vrk_irq_question(host, irqs, n_irqs, r, n, ret_host, ret_r, &n_r);
	/* a window shorter than that may be used up by overruns alone */
	if (err == 0)
		*ret_settle_ns = ret_host->latency_ns > 0 ? ret_host->latency_ns : 1;
	free(irqs);
	return err;
}
