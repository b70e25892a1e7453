/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_SIMULATE_H
#define CLI_SYSTEM_SIMULATE_H

#include <virtrk/simulate.h>

#include "system-document.h"

/* What was seen of one interrupt, from the signal; NSEC_MAX = no such part, or it never ended. */
struct system_run_irq {
	uint64_t jobs;			/* served to the end */
	uint64_t missed;
	nsec_t hard_ns, thread_ns;	/* the worst of each part */
	nsec_t worst_ns;		/* of the last one */
};

/* One run of a described system; system_run_done(). */
struct system_run {
	nsec_t until_ns;
	const struct vrk_sim_watch *watch;	/* is told of servers by the numbers of system-stage.h, of document->tasks, and behind */
					/* those of the interrupts; NULL = nobody */
	const uint64_t *seed;			/* NULL: all starts at once and takes its longest; else phases and pauses are drawn */
	int64_t events;
	struct vrk_sim_server_result *vcpus;	/* as document->vcpus */
	struct vrk_sim_task_result *tasks;	/* as document->tasks */
	struct system_run_irq *irqs;		/* as document->irqs */
};

void system_run_done(struct system_run *run);

/*
 * Runs it from 0 to run->until_ns; @document has passed system_judge().
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) what cannot be simulated; -ENOMEM.
 */
int system_run(const struct system_document *document, struct system_run *run, struct vr_error **reterr);

/*
 * What was seen, with the bound of the analysis beside it: { "for", "seed", "events", "tasks": [{ vm, vcpu, name, jobs, missed,
 * simulated, bound, deadline }], "vcpus": [{ vm, vcpu, supplied, budgets, late, late_rest, late_at }] }, where there are interrupts
 * "irqs": [{ vm, vcpu, name, cpu, jobs, missed, hard, thread, simulated, bound, deadline }]. ns; null = none.
 */
int system_run_answer(const struct system_document *document, const struct vrk_system_result *result,
		      const struct system_run *run, struct json_object **ret);

#endif
