/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole systems: reservations are placed on CPUs, and a host with its guests is judged from the CPUs down to the tasks.
 * Pure, as all of the library; see analysis.h for the conventions.
 */
#ifndef VIRTRK_SYSTEM_H
#define VIRTRK_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vrk_place_method {
	VRK_PLACE_FIRST_FIT = 0,	/* the first CPU that takes it; packs from the left */
	VRK_PLACE_BEST_FIT,		/* the fullest that takes it: leaves CPUs empty for later ("repack") */
	VRK_PLACE_WORST_FIT,		/* the emptiest: spare time everywhere ("spread") */
	VRK_PLACE_EXACT,		/* branch and bound: finds a placement if there is one, within steps_max */
	_VRK_PLACE_MAX,
};

/* How to place. All zero is first fit without constraints. */
struct vrk_place {
	enum vrk_place_method method;
	bool exclusive;			/* one reservation per CPU */
	bool improve;			/* where the method fails, try to move one placed reservation out of the way */
	const int32_t *fixed;		/* per reservation: the CPU where it runs and stays, -1 = free; NULL = all free */
	const uint32_t *group;		/* per reservation: equal numbers above 0 must not share a CPU; NULL = none */
	const uint32_t *core;		/* per CPU: its core; a core gets reservations on one CPU only ("smt-quiet"); NULL = off */
	uint64_t steps_max;		/* of VRK_PLACE_EXACT: CPUs tried; 0 = 100000 */
};

/**
 * vrk_place() - which reservation on which CPU, each CPU by itself under EDF
 * @host:    host->cpus CPUs, each with the fair server, costs and limit given
 * @ret_cpu: @n CPU numbers, -1 = not placed
 * @ret:     ok iff all are placed; else index = the first that could not be, and the verdict of the CPU that came nearest;
 *           VRK_TEST_PLACE: no CPU was allowed (lhs 1, rhs 0), or the search was cut off (lhs > rhs = steps_max)
 *
 * In order of decreasing Q/P, ties by Q/D (the decreasing variants FFD, BFD, WFD); what is fixed goes first. Every CPU of the
 * answer passes vrk_admit() as a host of one CPU. Source for the bounds: Lopez, Diaz, Garcia, Real-Time Systems 28 (2004).
 *
 * Return: 0; -EINVAL no CPU, or fixed on one that is not there; errors of vrk_admit(). O(n * cpus) admissions, exact: steps_max.
 */
int vrk_place(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, const struct vrk_place *how,
	      int32_t *ret_cpu, struct vrk_verdict *ret);

enum vrk_host_scheduler {
	VRK_HOST_EDF = 0,		/* SCHED_DEADLINE */
	VRK_HOST_FP_PERIODIC,		/* fixed-priority periodic servers, the earlier in the array the higher */
	VRK_HOST_FP_DEFERRABLE,
};

struct vrk_vcpu {
	struct vrk_reservation reservation;	/* gapless is taken from guest.mode: an idling vCPU never sleeps */
	int32_t cpu;				/* -1: one queue over all CPUs (EDF only); then all vCPUs must have -1 */
	struct vrk_guest guest;			/* n = 0: only the reservation is judged */
	nsec_t masked_ns;			/* the longest time for which the guest does not reschedule (interrupts or preemption off) */
};

/* An interrupt and where its parts run. */
struct vrk_system_irq {
	struct vrk_irq irq;
	uint32_t cpu;				/* takes the signal; its thread runs there, too */
	size_t vcpu;				/* goes on to a handler in that guest; SIZE_MAX = it does not */
	nsec_t injection_ns;			/* from the thread's end to the handler being pending in the guest, at most */
	nsec_t handler_ns;			/* execution of the guest's handler, > 0 where there is one */
};

struct vrk_system {
	struct vrk_host host;
	enum vrk_host_scheduler scheduler;
	const struct vrk_vcpu *vcpus;
	size_t n;
	const struct vrk_locks *locks;		/* of fixed-priority guests; all vCPUs' tasks in a row; NULL = none */
	const struct vrk_system_irq *irqs;	/* EDF hosts whose vCPUs have CPUs, and fixed-priority guests */
	size_t n_irqs;
};

/* Owned by the caller; vrk_system_result_done(). */
struct vrk_system_result {
	bool ok;
	size_t n_cpus;				/* 1 when there is one queue over all */
	struct vrk_verdict *cpus;		/* indices are of vcpus[] */
	struct vrk_certificate *certificates;	/* one per CPU, of a yes under EDF */
	size_t n_vcpus;
	struct vrk_verdict *vcpus;		/* the guest's; the CPU's when that said no: then nothing is promised inside */
	size_t n_tasks;
	nsec_t *responses_ns;			/* all vCPUs' tasks in a row; NSEC_MAX = no bound (or EDF guest) */
	struct vrk_lock_bound *locks;		/* the same tasks; all 0 where nothing is shared */
	size_t n_irqs;
	struct vrk_irq_bound *irqs;
};

void vrk_system_result_done(struct vrk_system_result *result);

/**
 * vrk_system_analyze() - does everything meet its deadlines, from CPUs to tasks?
 *
 * Guests that share resources are judged together (vrk_locks_fp()); handlers of interrupts are tasks that go before all others of
 * their vCPU. The only handler of a vCPU without tasks is served within that reservation's deadline (vrk_irq_sporadic()).
 *
 * Return: 0 with *ret filled; -EINVAL no CPU, a vCPU on a CPU that is not there, some pinned and some not, FP with one queue, a task
 * out of order, an interrupt or section of nothing; -EOPNOTSUPP what no proof covers: sections or handlers in an EDF guest, blocking_ns beside
 * sections, interrupts without CPUs for vCPUs or beside fixed-priority servers; -ERANGE, -E2BIG, -ENOMEM.
 */
int vrk_system_analyze(const struct vrk_system *system, struct vrk_system_result *ret);

/**
 * vrk_system_tasks() - the tasks of vCPU @v as its guest's test took them
 * @ret: room for the guest's tasks and one per interrupt that goes to it
 *
 * The guest's own, with their waits for resources as suspensions and sections of lower priorities as blocking, then handlers, with
 * a priority before all: what a certificate of the guest's yes has to be about. Return: how many. O(n + n_irqs).
 */
size_t vrk_system_tasks(const struct vrk_system *system, const struct vrk_system_result *result, size_t v, struct vrk_task *ret);

/**
 * vrk_system_check() - proves the CPUs' part of a yes again, by vrk_certificate_check()
 *
 * Return: 0; -EBADMSG a certificate does not hold (or there is none: not EDF, or a no).
 */
int vrk_system_check(const struct vrk_system *system, const struct vrk_system_result *result);

#ifdef __cplusplus
}
#endif

#endif
