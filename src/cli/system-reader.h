/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How values of a system description are read: system-document.c has the host and its guests, system-shared.c what they share. */
#ifndef CLI_SYSTEM_READER_H
#define CLI_SYSTEM_READER_H

#include "strict.h"
#include "system-document.h"

struct reader {
	struct system_document *document;
	struct vr_error **reterr;
};

/* A time: text with a unit, or whole ns. *ret keeps its value when the key is absent and not @needed. */
int reader_time(struct reader *reader, const struct value *object, const struct place *place, const char *key, bool needed,
		nsec_t *ret);
int reader_integer(struct reader *reader, const struct value *object, const struct place *place, const char *key, int64_t least,
		   int64_t most, bool *ret_given, int64_t *ret);
int reader_value_time(struct reader *reader, const struct value *value, const struct place *place, nsec_t *ret);
/* One of a few words; *ret keeps its value when the key is absent. */
int reader_word(struct reader *reader, const struct value *object, const struct place *place, const char *key,
		const char *const *words, size_t n, size_t *ret);
/* An array; *ret stays NULL when the key is absent and not @needed. */
int reader_array(struct reader *reader, const struct value *object, const struct place *place, const char *key, bool needed,
		 const struct value **ret);
int reader_is_object(struct reader *reader, const struct value *object, const struct place *place);
int reader_object(struct reader *reader, const struct value *object, const struct place *place, const char *const *known, size_t n);

/* The members of an object, one of @known each, in one walk (strict_value_members()). */
int reader_members(struct reader *reader, const struct value *object, const struct place *place, const struct key *known, size_t n,
		   const struct value **ret);
/* The same of a member that was found, or was not (NULL). */
int reader_member_time(struct reader *reader, const struct value *value, const struct place *place, const char *key, bool needed,
		       nsec_t *ret);
int reader_member_integer(struct reader *reader, const struct value *value, const struct place *place, const char *key, int64_t least,
			  int64_t most, int64_t *ret);
int reader_member_word(struct reader *reader, const struct value *value, const struct place *place, const char *key,
		       const char *const *words, size_t n, size_t *ret);
int reader_member_array(struct reader *reader, const struct value *value, const struct place *place, const char *key, bool needed);

/* ---- memory (system-memory.c) ---- */

/* "memory" (NULL: none) of the host; room for that of so many VMs; and that of one, which is number @index of the document. */
int memory_host(struct reader *reader, const struct value *object, const struct place *host);
int memory_init(struct reader *reader, size_t n_vms);
int memory_vm(struct reader *reader, const struct value *object, const struct place *vm, size_t index, const char *name);

/* ---- requests to DRAM (system-dram.c) ---- */

/* "dram" (NULL: none) of the host's memory; and "dram_requests" (NULL: none) of the task that is being read, which has a curve or not. */
int dram_host(struct reader *reader, const struct value *object, const struct place *memory);
int dram_task(struct reader *reader, const struct value *value, const struct place *task, bool curve);

/* ---- times by colours (system-curve.c) ---- */

/* "wcet_by_colors" of the task that is being read, number d->n_tasks; *ret: the longest of it. */
int curve_read(struct reader *reader, const struct value *array, const struct place *task, nsec_t *ret_wcet_ns);
/* What does not go with curves, when all is known; then system_curves_apply(). */
int curves_finish(struct reader *reader);

/* ---- what guests share (system-shared.c) ---- */

/* Room for the sections of all tasks, and the resources, before the first task is read. */
int shared_init(struct reader *reader, const struct value *top, size_t n_sections, size_t n_tasks);
/* "critical_sections" (NULL: none) of the task that is being read, number d->n_tasks. */
int shared_task(struct reader *reader, const struct value *sections, const struct place *place, const struct vrk_task *task);
/* What the sections of a vCPU's tasks do not go with; the tasks are the last ones read. */
int shared_vcpu(struct reader *reader, const struct place *place, const struct system_vcpu *name, enum vrk_guest_scheduler scheduler,
		bool prioritised);
/* "irqs", and the ranks of queues, when all guests are known. */
int shared_finish(struct reader *reader, const struct value *top);

#endif
