/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_DOCUMENT_H
#define CLI_SYSTEM_DOCUMENT_H

#include <virtrk/memory.h>
#include <virtrk/system.h>

#include "error.h"
#include "value.h"

#define SYSTEM_SIZE_MAX ((size_t)16 << 20)

/* Who a vCPU of the analysis is. */
struct system_vcpu {
	const char *vm;		/* borrowed from the values */
	uint32_t index;		/* of the vCPU in its VM */
	bool sized;		/* it has a budget and a period; else it is for `plan` to give it one */
	bool pinned;		/* the description says on which CPU */
	bool prioritised;	/* its tasks have priorities of their own */
	size_t first_task;
	size_t n_tasks;
};

/* Page frames: what the host has, and what VMs want. A request's set is its own where its wish is 0, else for the plan to choose. */
struct system_memory {
	struct vrk_memory_host host;	/* colors 0: the description says nothing of it */
	uint64_t *frames;
	struct vrk_memory_request *requests;
	struct vrk_memory_wish *wishes;
	size_t *vms;			/* which VM of the document */
	const char **names;		/* of it; borrowed from the values */
	size_t n;
	nsec_t reload_ns;		/* to load all lines of one colour again, at most */
	bool reload_given;
	struct vrk_dram dram;
	bool dram_given;
};

/* How often a job of a task asks DRAM: with k + 1 cache colours of its VM's own; count 0: nothing is said of it. */
struct system_requests {
	uint64_t *n;
	size_t count;
};

#define SYSTEM_COLORS_BEST (VRK_COLORS_LEFT - 1)	/* a wish: as many as the plan finds best */

/* How long a task takes with k + 1 cache colours of its VM's own; n 0: it does not depend on them. */
struct system_curve {
	nsec_t *wcet_ns;	/* does not increase; the last one is for more, too */
	uint32_t n;
};

void system_memory_done(struct system_memory *memory);

/* A system description: the analysis' structures, and the names that it does not know. */
struct system_document {
	struct values values;		/* as it was read */
	struct vrk_system system;
	struct vrk_vcpu *vcpus;
	struct system_vcpu *names;
	size_t n_vcpus;
	struct vrk_task *tasks;
	const char **task_names;
	struct system_curve *curves;	/* by task; NULL: no task has one */
	struct system_requests *requests;	/* by task; NULL: nothing is said of them */
	size_t n_tasks;
	size_t tasks_max;
	/* what they share */
	struct vrk_locks locks;
	struct vrk_resource *resources;
	const char **resource_names;
	struct vrk_section *sections;	/* by task */
	uint32_t *ranks;
	struct vrk_system_irq *irqs;
	const char **irq_names;
	size_t n_irqs;
	struct system_memory memory;
};

void system_curves_done(struct system_document *document);
void system_requests_done(struct system_document *document);
void system_document_done(struct system_document *document);

/*
 * The parser. @text need not end in a zero byte.
 * Return: 0; -EBADMSG (VR_BAD_CONFIG) with the place and the rule it breaks, one line; -ENOMEM. O(length).
 */
int system_document_parse(const char *text, size_t length, struct system_document *ret, struct vr_error **reterr);
int system_document_read(const char *path, struct system_document *ret, struct vr_error **reterr);

#endif
