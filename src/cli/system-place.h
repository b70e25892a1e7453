/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_SYSTEM_PLACE_H
#define CLI_SYSTEM_PLACE_H

#include "system-plan.h"

/*
 * CPUs for the vCPUs of a fixed-priority host that have none, in the order of the document, which is that of their priorities. A CPU takes one
 * where all servers on it are delivered in time and all tasks in them meet their deadlines.
 * @refusal: filled when one finds no place. Return: 0; -ENOMEM.
 */
int system_fixed_place(struct system_document *document, enum system_policy policy, struct system_refusal *refusal);

/*
 * The same on an EDF host whose CPUs interrupts steal from: a CPU takes a vCPU where its reservations hold with what is stolen, and threads of
 * interrupts still have their bounds. Return: 0; -ENOMEM.
 */
int system_irqs_place(struct system_document *document, enum system_policy policy, struct system_refusal *refusal);

#endif
