/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a description to a verdict. The library wants whole systems: a reservation for every vCPU, and either a CPU for
 * each or one queue over all. What is missing is told here in the words of the description; then the library judges, and
 * its short and independent checker has the last word on every yes.
 *
 * Called by the verbs analyze, plan and simulate. Fills nothing in: that is the plan's business.
 */
#include <inttypes.h>

#include "system-judge.h"
#include "system-memory.h"

static int whole_check(const struct system_document *d, struct vr_error **reterr)
{
	size_t placed = 0;

	for (size_t i = 0; i < d->n_vcpus; i++) {
		placed += d->vcpus[i].cpu >= 0;
		if (!d->names[i].sized)
			return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
					    "%s/vcpu%" PRIu32 " has no budget and period: virtrk plan finds them",
					    d->names[i].vm, d->names[i].index);
	}
	if (placed < d->n_vcpus && d->system.scheduler != VRK_HOST_EDF)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
				    "under a fixed-priority host scheduler every vCPU needs a cpu");
	if (placed > 0 && placed < d->n_vcpus)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
				    "%zu of %zu vCPUs have a cpu: give all of them one, or none (virtrk plan finds the others)",
				    placed, d->n_vcpus);
	return 0;
}

int system_judge(const struct system_document *d, struct vrk_system_result *ret, struct vr_error **reterr)
{
	_cleanup_(vrk_memory_answer_done) struct vrk_memory_answer memory = { .rule = VRK_MEMORY_FITS };
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	bool frames = true;
	int r = whole_check(d, reterr);

	if (r >= 0)
		r = system_memory_judge(d, &memory, &frames, reterr);
	if (r < 0)
		return r;
	r = vrk_system_analyze(&d->system, &result);
	if (r == -EINVAL || r == -ERANGE || r == -E2BIG)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "a reservation or task breaks a rule of its own: %s",
				    r == -EINVAL ? "0 < budget <= deadline, and times above zero" : "its times are too large");
	if (r == -EOPNOTSUPP)	/* the reader has refused all else */
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
				    "irqs need a cpu for every vCPU (virtrk plan finds them)");
	if (r >= 0 && result.ok && d->system.scheduler == VRK_HOST_EDF)
		r = vrk_system_check(&d->system, &result);
	if (r == -EBADMSG)
		return vr_error_set(reterr, -EBADMSG, VR_FAILED,
				    "the certificate of this yes does not check: no verdict is given");
	if (r < 0)
		return r;
	result.ok &= frames;
	*ret = TAKE_GENERIC(result, struct vrk_system_result, (struct vrk_system_result){ 0 });
	return 0;
}
