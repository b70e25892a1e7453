/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_SLACK_H
#define CLI_SYSTEM_SLACK_H

#include "system-document.h"

#define SLACK_TASKS_MAX ((size_t)200)	/* of one vCPU: beyond, the questions would take longer than the answer is worth */
#define SLACK_VCPUS_MAX ((size_t)512)
#define SLACK_SHARED_VCPUS_MAX ((size_t)32)	/* where guests depend on each other: then it is tasks of all vCPUs, too */

/* How far a vCPU is from the edge, on whichever side. All numbers were confirmed by the test that they are about. */
struct vcpu_slack {
	bool known_tasks;	/* the next ones are known: it has tasks, not too many, and its CPU says yes */
	uint64_t wcet_permille;	/* all its tasks may take so much of their wcet, in 1/1000, rounded down; 0 = nothing fits */
	size_t first_task;	/* which deadline breaks then, of first_vcpu's tasks; SIZE_MAX = none up to 1000 times the wcet */
	size_t first_vcpu;	/* itself, or where guests depend on each other maybe another */
	size_t first_irq;	/* or it is that of an interrupt; SIZE_MAX = no */
	bool known_least;	/* the next one is */
	nsec_t least_ns;	/* the least budget for its period and deadline, on 1 us; 0 = none is enough (that its CPU takes, if shared) */
	bool known_budget;	/* the next one is: EDF, and not too many vCPUs */
	nsec_t largest_ns;	/* the largest budget that its CPU takes, nothing else being changed, on 1 us; 0 = none */
	const char *why_not;	/* what is not known is not since ...; NULL = nothing special */
};

/* Under EDF the questions of budgets are asked, under fixed-priority hosts only those of tasks. 0; -ENOMEM. */
int system_slack_find(const struct system_document *document, const struct vrk_system_result *result, size_t v,
		      struct vcpu_slack *ret);

/* The same where system_shared(). */
int system_shared_slack_find(const struct system_document *document, const struct vrk_system_result *result, size_t v,
			     struct vcpu_slack *ret);

/* Whose deadline is it that a guest's test stumbled over? */
size_t system_broken_task(const struct vrk_guest *guest, const struct vrk_verdict *verdict);
/* In words, to be freed; *ret stays NULL where there is none. 0; -ENOMEM. */
int system_first_text(const struct system_document *document, size_t v, const struct vcpu_slack *slack, char **ret);

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
