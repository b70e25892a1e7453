/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that have to be judged together, or with what the hardware does to them. */
#ifndef ANALYSIS_SYSTEM_INSIDE_H
#define ANALYSIS_SYSTEM_INSIDE_H

#include <virtrk/system.h>

/* The interrupts that @cpu takes, in their order; *ret has room for all. Returns how many. */
size_t system_irqs(const struct vrk_system *s, size_t cpu, struct vrk_irq *ret);

/* Do guests share resources, take interrupts or mask them? */
bool inside_needed(const struct vrk_system *s);

/*
 * Verdicts, responses and bounds of everything inside, where the CPUs have been judged. @delivered: when each vCPU has its budget.
 * -EINVAL, -EOPNOTSUPP, -ERANGE, -ENOMEM as vrk_system_analyze().
 */
int inside_judge(const struct vrk_system *s, const nsec_t *delivered, struct vrk_system_result *ret);

#endif
