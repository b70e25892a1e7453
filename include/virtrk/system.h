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
};

struct vrk_system {
	struct vrk_host host;
	enum vrk_host_scheduler scheduler;
	const struct vrk_vcpu *vcpus;
	size_t n;
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
};

void vrk_system_result_done(struct vrk_system_result *result);

/**
 * vrk_system_analyze() - does everything meet its deadlines, from CPUs to tasks?
 *
 * Return: 0 with *ret filled; -EINVAL no CPU, a vCPU on a CPU that is not there, some pinned and some not, FP with one queue, a task
 * out of order; -ERANGE, -E2BIG, -ENOMEM.
 */
int vrk_system_analyze(const struct vrk_system *system, struct vrk_system_result *ret);

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
