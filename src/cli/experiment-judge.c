/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests say of one sample. Each is the library's own; nothing is computed here. "simulated" is an observation and
 * named so: what it does not show may still happen.
 *
 * A test says no where the library cannot answer for the numbers (-ERANGE, -E2BIG), where a vCPU has no reservation, and, of those
 * that need CPUs, where there was none for a vCPU. Called by experiment-run.c.
 */
#include <stdlib.h>

#include "experiment-sample.h"
#include "system-judge.h"
#include "system-simulate.h"

static int reservations_gather(const struct system_document *document, struct vrk_reservation **ret)
{
	struct vrk_reservation *r = calloc(document->n_vcpus + 1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < document->n_vcpus; i++) {
		r[i] = document->vcpus[i].reservation;
		r[i].gapless = document->vcpus[i].guest.mode == VRK_SUPPLY_IDLING;
	}
	*ret = r;
	return 0;
}

static int place(const struct experiment_sample *sample, const struct vrk_reservation *r, enum vrk_place_method method,
		 int32_t *ret_cpu, struct vrk_verdict *ret)
{
	const struct system_document *document = &sample->document;
	_cleanup_(freep) int32_t *fixed = calloc(document->n_vcpus + 1, sizeof(*fixed));
	const struct vrk_place how = { .method = method, .fixed = fixed };

	if (!fixed)
		return -ENOMEM;
	for (size_t i = 0; i < document->n_vcpus; i++)
		fixed[i] = document->names[i].pinned ? document->vcpus[i].cpu : -1;
	return vrk_place(&document->system.host, r, document->n_vcpus, &how, ret_cpu, ret);
}

static int place_judge(const struct experiment_sample *sample, const struct vrk_reservation *r, enum vrk_place_method method,
		       struct vrk_verdict *ret)
{
	_cleanup_(freep) int32_t *cpu = calloc(sample->document.n_vcpus + 1, sizeof(*cpu));

	return cpu ? place(sample, r, method, cpu, ret) : -ENOMEM;
}

static int reservations_judge(const struct experiment_sample *sample, enum experiment_test test, struct vrk_verdict *ret)
{
	const struct vrk_host *host = &sample->document.system.host;
	_cleanup_(freep) struct vrk_reservation *r = NULL;
	_cleanup_(freep) nsec_t *delivered = calloc(sample->document.n_vcpus + 1, sizeof(*delivered));
	size_t n = sample->document.n_vcpus;
	int err = delivered ? reservations_gather(&sample->document, &r) : -ENOMEM;

	if (err < 0)
		return err;
	switch (test) {
	case TEST_KERNEL:
		return vrk_kernel_check(host, r, n, ret);
	case TEST_QPA:
		return vrk_edf_qpa(host, r, n, ret, NULL);
	case TEST_GFB:
		return vrk_gedf_gfb(host, r, n, ret);
	case TEST_BAK:
		return vrk_gedf_bak(host, r, n, ret);
	case TEST_BCL:
		return vrk_gedf_bcl(host, r, n, ret);
	case TEST_BCL_ITER:
		return vrk_gedf_bcl_iter(host, r, n, ret, NULL);
	case TEST_HOST_FP:
	case TEST_HOST_FP_DEFERRABLE:
		return vrk_host_fp(r, n, test == TEST_HOST_FP_DEFERRABLE, ret, delivered);
	case TEST_FIRST_FIT:
		return place_judge(sample, r, VRK_PLACE_FIRST_FIT, ret);
	case TEST_BEST_FIT:
		return place_judge(sample, r, VRK_PLACE_BEST_FIT, ret);
	case TEST_WORST_FIT:
		return place_judge(sample, r, VRK_PLACE_WORST_FIT, ret);
	case TEST_EXACT:
		return place_judge(sample, r, VRK_PLACE_EXACT, ret);
	default:
		return vrk_admit(host, r, n, ret, NULL);
	}
}

/* ---- tasks inside ---- */

static int guests_judge(const struct experiment_sample *sample, enum experiment_test test, bool *ret_ok)
{
	const struct system_document *document = &sample->document;

	*ret_ok = true;
	for (size_t i = 0; i < document->n_vcpus && *ret_ok; i++) {
		struct vrk_guest guest = document->vcpus[i].guest;
		struct vrk_verdict verdict = { .ok = false };
		struct vrk_supply supply;
		int r;

		vrk_supply_init(&document->system.host, &document->vcpus[i].reservation, &supply);
		guest.scheduler = test == TEST_GUEST_EDF ? VRK_GUEST_EDF : VRK_GUEST_FP;
		if (test == TEST_LEGACY_FP)
			r = vrk_legacy_fp(&supply, guest.tasks, guest.n, &verdict, NULL);
		else
			r = vrk_guest_check(&supply, &guest, &verdict, NULL);
		if (r < 0)
			return r;
		*ret_ok = verdict.ok;
	}
	return 0;
}

static int least_judge(const struct experiment_draw *draw, const struct experiment_sample *sample, enum experiment_test test,
		       bool *ret_ok, uint64_t *ret_bandwidth)
{
	const struct system_document *document = &sample->document;
	uint64_t sum = 0;

	*ret_ok = true;
	for (size_t i = 0; i < document->n_vcpus && *ret_ok; i++) {
		nsec_t period = draw->reservation_period_ns, budget = 0, deadline;
		struct vrk_guest guest = document->vcpus[i].guest;
		int r;

		if (period == 0)		/* given, and all of it */
			period = document->vcpus[i].reservation.period_ns;
		deadline = (nsec_t)((unsigned __int128)period * draw->reservation_deadline_ppb / PPB_ONE);
		guest.scheduler = test == TEST_LEAST_EDF ? VRK_GUEST_EDF : VRK_GUEST_FP;
		r = vrk_size_budget(&draw->host, &guest, period, deadline, 0, &budget);
		if (r < 0)
			return r;
		*ret_ok = budget > 0;
		sum += (uint64_t)((((unsigned __int128)budget << BW_SHIFT) + period - 1) / period);
	}
	*ret_bandwidth = sum;
	return 0;
}

/* ---- the whole system ---- */

/* CPUs for all of them, once for all tests that need any. */
static int cpus_find(const struct experiment *e, struct experiment_sample *sample)
{
	static const enum vrk_place_method methods[] = { [PLACEMENT_FIRST_FIT] = VRK_PLACE_FIRST_FIT,
							 [PLACEMENT_BEST_FIT] = VRK_PLACE_BEST_FIT,
							 [PLACEMENT_WORST_FIT] = VRK_PLACE_WORST_FIT };
	struct system_document *document = &sample->document;
	_cleanup_(freep) int32_t *cpu = calloc(document->n_vcpus + 1, sizeof(*cpu));
	_cleanup_(freep) struct vrk_reservation *r = NULL;
	struct vrk_verdict verdict = { .ok = true };
	int err;

	if (sample->placed)
		return 0;
	err = cpu ? reservations_gather(document, &r) : -ENOMEM;
	if (err < 0)
		return err;
	if (document->system.host.cpus > 1 && e->placement == PLACEMENT_GLOBAL)
		for (size_t i = 0; i < document->n_vcpus; i++)
			cpu[i] = -1;
	else if (document->system.host.cpus > 1)
		err = place(sample, r, methods[e->placement], cpu, &verdict);
	if (err < 0)
		return err;
	for (size_t i = 0; i < document->n_vcpus; i++)
		document->vcpus[i].cpu = cpu[i];
	sample->placed = verdict.ok;
	return 0;
}

static int system_says(const struct experiment_sample *sample, bool *ret_ok, struct vr_error **reterr)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	int r = system_judge(&sample->document, &result, &why);

	*ret_ok = r >= 0 && result.ok;
	if (r == -EBADMSG && why && why->reason == VR_BAD_CONFIG)
		return 0;		/* numbers that the library does not answer for */
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s", why->text ?: "damaged");
	return r;
}

/* No task was late; nor the whole budget of a vCPU without tasks. */
static int simulation_says(const struct experiment *e, struct experiment_sample *sample, bool *ret_ok, struct vr_error **reterr)
{
	_cleanup_(system_run_done) struct system_run run = { .until_ns = e->simulate_ns };
	struct system_document *document = &sample->document;
	_cleanup_(freep) struct vrk_vcpu *vcpus = document->vcpus;	/* as they are, for afterwards */
	int r;

	run.seed = e->simulate_drawn ? &sample->seed : NULL;
	document->vcpus = calloc(document->n_vcpus + 1, sizeof(*vcpus));
	if (!document->vcpus) {
		document->vcpus = TAKE_PTR(vcpus);
		return -ENOMEM;
	}
	for (size_t i = 0; i < document->n_vcpus; i++) {
		document->vcpus[i] = vcpus[i];
		if (!sample->bare)
			continue;
		document->vcpus[i].guest = (struct vrk_guest){ .tasks = &document->tasks[i], .n = 1 };
		document->names[i].n_tasks = 1;
	}
	r = system_run(document, &run, reterr);
	*ret_ok = r >= 0;
	for (size_t i = 0; r >= 0 && i < document->n_vcpus; i++)
		*ret_ok &= document->names[i].n_tasks > 0 || run.vcpus[i].late_whole_ns == 0;
	for (size_t i = 0; r >= 0 && i < document->n_tasks; i++)
		*ret_ok &= run.tasks[i].missed == 0;
	for (size_t i = 0; sample->bare && i < document->n_vcpus; i++)
		document->names[i].n_tasks = 0;
	free(document->vcpus);
	document->vcpus = TAKE_PTR(vcpus);
	return r;
}

int experiment_sample_judge(const struct experiment *e, const struct experiment_draw *draw, struct experiment_sample *sample,
			    enum experiment_test test, bool *ret_ok, uint64_t *ret_bandwidth, struct vr_error **reterr)
{
	unsigned int need = experiment_tests[test].need;
	struct vrk_verdict verdict = { .ok = false };
	int r = 0;

	*ret_ok = false;
	*ret_bandwidth = 0;
	if ((need & NEED_RESERVATION) && !sample->sized)
		return 0;
	if (need & NEED_PLACE) {
		r = cpus_find(e, sample);
		if (r >= 0 && sample->placed)
			r = test == TEST_SYSTEM ? system_says(sample, ret_ok, reterr) : simulation_says(e, sample, ret_ok, reterr);
	} else if (need & NEED_CACHE) {
		r = experiment_colors_judge(draw, sample, test, ret_ok, ret_bandwidth);
	} else if (experiment_tests[test].bandwidth) {
		r = least_judge(draw, sample, test, ret_ok, ret_bandwidth);
	} else if (need & NEED_TASKS) {
		r = guests_judge(sample, test, ret_ok);
	} else {
		r = reservations_judge(sample, test, &verdict);
		*ret_ok = r >= 0 && verdict.ok;
	}
	if (r != -ERANGE && r != -E2BIG)
		return r;
	*ret_ok = false;
	return 0;
}
