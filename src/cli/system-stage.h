/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_STAGE_H
#define CLI_SYSTEM_STAGE_H

#include <virtrk/simulate.h>

#include "system-document.h"

enum stage_part { STAGE_HARD = 0, STAGE_THREAD, STAGE_HANDLER, _STAGE_PART_MAX };

/* A described system as the library's simulator takes it, and what each thing in there is in the description; stage_done(). */
struct stage {
	struct vrk_sim_server *servers;
	struct vrk_sim_server_result *servers_result;
	size_t *server_number;		/* as stage_servers() counts them */
	size_t n_servers;
	struct vrk_sim_task *tasks;
	struct vrk_sim_task_result *tasks_result;
	size_t *task_number;		/* of document->tasks; behind them the interrupts, each as a whole */
	bool *task_told;		/* its jobs are those of the number: false for all parts of an interrupt but the last */
	size_t n_tasks;
	size_t (*parts)[_STAGE_PART_MAX];	/* per interrupt: in tasks; SIZE_MAX = it has no such part */
	struct vrk_sim_resource *resources;
	struct vrk_sim_section *sections;
	size_t *first_section;		/* per task of the document, and one more */
};

/* 0; -ENOMEM. */
int stage_init(struct stage *stage, const struct system_document *document);
void stage_done(struct stage *stage);

/*
 * Servers by number: the vCPUs of the document; then per CPU its fair server, then per CPU its hard handlers, then per CPU its FIFO
 * threads; then per interrupt its thread with a reservation. Not all of these exist.
 */
size_t stage_fair(const struct system_document *document, uint32_t cpu);
size_t stage_hard(const struct system_document *document, uint32_t cpu);
size_t stage_fifo(const struct system_document *document, uint32_t cpu);
size_t stage_thread(const struct system_document *document, size_t irq);
size_t stage_servers(const struct system_document *document);

#endif
