/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_SLACK_H
#define CLI_SYSTEM_SLACK_H

#include "system-document.h"

#define SLACK_TASKS_MAX ((size_t)200)	/* of one vCPU: beyond, the questions would take longer than the answer is worth */
#define SLACK_VCPUS_MAX ((size_t)512)

/* How far a vCPU is from the edge, on whichever side. All numbers were confirmed by the test that they are about. */
struct vcpu_slack {
	bool known_tasks;	/* the next three are known: it has tasks, not too many, and its CPU says yes */
	uint64_t wcet_permille;	/* all its tasks may take so much of their wcet, in 1/1000, rounded down; 0 = nothing fits */
	size_t first_task;	/* which deadline breaks then, of the vCPU's tasks; SIZE_MAX = none up to 1000 times the wcet */
	nsec_t least_ns;	/* the least budget for its period and deadline, on 1 us; 0 = none is enough */
	bool known_budget;	/* the next one is: EDF, and not too many vCPUs */
	nsec_t largest_ns;	/* the largest budget that its CPU takes, nothing else being changed, on 1 us; 0 = none */
};

/* Under EDF the questions of budgets are asked, under fixed-priority hosts only those of tasks. 0; -ENOMEM. */
int system_slack_find(const struct system_document *document, const struct vrk_system_result *result, size_t v,
		      struct vcpu_slack *ret);

/* The largest budget of vCPU @v with which its CPU says yes, nothing else being changed, on 1 us; 0 = none. EDF. 0; -ENOMEM. */
int system_largest_find(const struct system_document *document, size_t v, nsec_t *ret);

/* The largest budget of one more reservation with @period_ns on @cpu; NSEC_MAX: not asked (fixed priority). 0; -ENOMEM. */
int system_room_find(const struct system_document *document, size_t cpu, nsec_t period_ns, nsec_t *ret_budget_ns);

/* The reservations of a CPU as its test takes them, and whose they are; both to be freed. All where there is one queue. */
int system_cpu_gather(const struct system_document *document, size_t cpu, struct vrk_reservation **ret, size_t **ret_who,
		      size_t *ret_n);

/* The host as the test of one CPU (or of the one queue) takes it. */
struct vrk_host system_cpu_host(const struct system_document *document);

#endif
