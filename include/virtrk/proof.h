/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why the answer is what it is: the numbers behind a verdict one step at a time, for those who explain it, and certificates
 * of what runs inside a vCPU, with a checker that shares no code with the tests. Pure, as all of the library; see analysis.h
 * for the conventions.
 */
#ifndef VIRTRK_PROOF_H
#define VIRTRK_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>
#include <virtrk/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What an independent and short checker needs to believe that all tasks of a guest meet their deadlines. Owned by the caller.
 *
 * VRK_TEST_GUEST_FP: points are windows that end with a job: for each task in the order of the array those of all jobs of
 * its busy period, first to last; responses are what follows from them.
 * VRK_TEST_GUEST_EDF: points are pairs, descending: a deadline t, and a time up to t by which all that is due in a window of t
 * is surely supplied; the horizon is a time by which all work of a busy period is.
 */
struct vrk_guest_certificate {
	enum vrk_test test;
	nsec_t horizon_ns;
	size_t n_responses;
	nsec_t *responses_ns;
	size_t n_points;
	nsec_t *points_ns;
};

void vrk_guest_certificate_done(struct vrk_guest_certificate *cert);

/**
 * vrk_guest_certify() - the witness of a yes of vrk_guest_check()
 *
 * Return: 0 with *ret filled; -EBADMSG the guest's test says no; -E2BIG more than a million points; errors of vrk_guest_check().
 */
int vrk_guest_certify(const struct vrk_supply *s, const struct vrk_guest *g, struct vrk_guest_certificate *ret);

/**
 * vrk_guest_certificate_check() - believes nothing: recomputes supply and demand at every witness
 *
 * Presumes that the supply is what the vCPU gets: that is the host's certificate. Shares no code with the tests and the supply
 * function that it checks.
 * Return: 0 the certificate proves that all tasks meet their deadlines; -EBADMSG it does not. O(n * n_points), no allocation.
 */
int vrk_guest_certificate_check(const struct vrk_supply *s, const struct vrk_guest *g, const struct vrk_guest_certificate *cert);

/**
 * vrk_host_fp_check() - do the times of delivery of vrk_host_fp() hold?
 * @delivered_ns: @n times: each server's whole budget is delivered so long after its replenishment
 *
 * Shares no code with vrk_host_fp(). Return: 0; -EBADMSG. O(n^2).
 */
int vrk_host_fp_check(const struct vrk_reservation *r, size_t n, bool deferrable, const nsec_t *delivered_ns);

/* All that may be due on one CPU in a window of @t_ns, as vrk_certificate_check() counts it; NSEC_MAX = at least so much. O(n). */
nsec_t vrk_host_demand(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, nsec_t t_ns);

/* All that may be due in an EDF guest in a window of @t_ns, blocking included; NSEC_MAX = at least so much. O(n). */
nsec_t vrk_guest_demand(const struct vrk_guest *g, nsec_t t_ns);

/*
 * The recurrence of vrk_guest_fp(), one step: when the @job-th job (from 1) of the busy period of task @task is done, were
 * the window @window_ns long; its fixed point is when it is done. @responses_ns: bounds of the tasks that go first (looked
 * at where those suspend). NSEC_MAX = never. *ret_work_ns: what has to be executed by then, that of others included. O(n).
 */
nsec_t vrk_guest_fp_step(const struct vrk_supply *s, const struct vrk_guest *g, const nsec_t *responses_ns, size_t task,
			 uint64_t job, nsec_t window_ns, nsec_t *ret_work_ns);

/* The recurrence of vrk_host_fp(), one step: when server @server has delivered its budget, were it @window_ns. O(n). */
nsec_t vrk_host_fp_step(const struct vrk_reservation *r, size_t server, bool deferrable, nsec_t window_ns);

/**
 * vrk_system_supply() - what vCPU @v gives to its tasks, where its CPU says yes
 *
 * Under EDF that of its reservation; under fixed priority the deadline is when the budget is delivered at the latest.
 * Return: 0; -EBADMSG a fixed-priority server is never delivered; errors of vrk_system_analyze().
 */
int vrk_system_supply(const struct vrk_system *system, size_t v, struct vrk_supply *ret);

#ifdef __cplusplus
}
#endif

#endif
