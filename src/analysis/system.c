/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole system, from the CPUs down: each CPU (or the one queue over all) by the host's test, each vCPU's supply from its
 * reservation, each guest by its own test. The order is the argument: supply is promised only where the host's test said yes,
 * so where it said no its verdict is the answer for everything inside.
 *
 * Called by the offline verbs. It chooses no test and changes no parameter; sizing and placement do that.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/system.h>

#include "internal.h"

void vrk_system_result_done(struct vrk_system_result *result)
{
	for (size_t c = 0; result->certificates && c < result->n_cpus; c++)
		vrk_certificate_done(&result->certificates[c]);
	free(result->certificates);
	free(result->cpus);
	free(result->vcpus);
	free(result->responses_ns);
	*result = (struct vrk_system_result){ .ok = false };
}

static bool one_queue(const struct vrk_system *s)
{
	return s->n > 0 && s->vcpus[0].cpu < 0;
}

static int system_check(const struct vrk_system *s)
{
	int err = host_check(&s->host, s->n);

	if (err < 0)
		return err;
	for (size_t i = 0; i < s->n; i++)
		if ((s->vcpus[i].cpu < 0) != one_queue(s) || s->vcpus[i].cpu >= (int64_t)s->host.cpus || s->vcpus[i].cpu < -1)
			return -EINVAL;
	return one_queue(s) && s->scheduler != VRK_HOST_EDF && s->host.cpus > 1 ? -EINVAL : 0;
}

/* The reservations of one CPU, and whose they are. */
static size_t gather(const struct vrk_system *s, size_t cpu, struct vrk_reservation *r, size_t *index)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->vcpus[i].cpu >= 0 && (size_t)s->vcpus[i].cpu != cpu)
			continue;
		r[n] = s->vcpus[i].reservation;
		r[n].gapless = s->vcpus[i].guest.n > 0 ? s->vcpus[i].guest.mode == VRK_SUPPLY_IDLING : r[n].gapless;
		index[n++] = i;
	}
	return n;
}

static struct vrk_host host_of(const struct vrk_system *s)
{
	struct vrk_host h = s->host;

	if (!one_queue(s))
		h.cpus = 1;
	return h;
}

static int judge_cpu(const struct vrk_system *s, size_t cpu, struct vrk_reservation *r, size_t *index, nsec_t *delivered,
		     struct vrk_system_result *ret)
{
	struct vrk_host h = host_of(s);
	struct vrk_verdict *v = &ret->cpus[cpu];
	size_t n = gather(s, cpu, r, index);
	int err;

	if (s->scheduler == VRK_HOST_EDF)
		err = vrk_admit(&h, r, n, v, &ret->certificates[cpu]);
	else
		err = vrk_host_fp(r, n, s->scheduler == VRK_HOST_FP_DEFERRABLE, v, delivered + s->n);
	if (err < 0)
		return err;
	for (size_t k = 0; k < n; k++)
		delivered[index[k]] = s->scheduler == VRK_HOST_EDF ? r[k].deadline_ns : delivered[s->n + k];
	if (v->index < n)
		v->index = index[v->index];
	ret->ok &= v->ok;
	return 0;
}

static int judge_vcpu(const struct vrk_system *s, size_t i, nsec_t delivered, size_t first_task, struct vrk_system_result *ret)
{
	const struct vrk_vcpu *vcpu = &s->vcpus[i];
	const struct vrk_verdict *cpu = &ret->cpus[vcpu->cpu < 0 ? 0 : vcpu->cpu];
	struct vrk_reservation r = vcpu->reservation;
	struct vrk_supply supply;
	int err;

	ret->vcpus[i] = *cpu;
	if (!cpu->ok || vcpu->guest.n == 0)
		return 0;
	r.deadline_ns = delivered;
	vrk_supply_init(&s->host, &r, &supply);
	err = vrk_guest_check(&supply, &vcpu->guest, &ret->vcpus[i], ret->responses_ns + first_task);
	ret->ok &= err == 0 && ret->vcpus[i].ok;
	return err;
}

static int system_run(const struct vrk_system *s, struct vrk_reservation *r, size_t *index, nsec_t *delivered,
		      struct vrk_system_result *ret)
{
	size_t first_task = 0;
	int err;

	ret->ok = true;
	for (size_t c = 0; c < ret->n_cpus; c++) {
		err = judge_cpu(s, c, r, index, delivered, ret);
		if (err < 0)
			return err;
	}
	for (size_t i = 0; i < s->n; i++) {
		err = judge_vcpu(s, i, delivered[i], first_task, ret);
		if (err < 0)
			return err;
		first_task += s->vcpus[i].guest.n;
	}
	return 0;
}

int vrk_system_analyze(const struct vrk_system *system, struct vrk_system_result *ret)
{
	struct vrk_system_result result = { .ok = false };
	struct vrk_reservation *r = NULL;
	size_t *index = NULL;
	nsec_t *delivered = NULL;
	int err = system_check(system);

	if (err < 0)
		return err;
	result.n_cpus = one_queue(system) ? 1 : system->host.cpus;
	result.n_vcpus = system->n;
	for (size_t i = 0; i < system->n; i++)
		result.n_tasks += system->vcpus[i].guest.n;
	result.cpus = calloc(result.n_cpus, sizeof(*result.cpus));
	result.certificates = calloc(result.n_cpus, sizeof(*result.certificates));
	result.vcpus = calloc(result.n_vcpus + 1, sizeof(*result.vcpus));
	result.responses_ns = calloc(result.n_tasks + 1, sizeof(*result.responses_ns));
	r = calloc(system->n + 1, sizeof(*r));
	index = calloc(system->n + 1, sizeof(*index));
	delivered = calloc(2 * system->n + 1, sizeof(*delivered));
	if (!result.cpus || !result.certificates || !result.vcpus || !result.responses_ns || !r || !index || !delivered) {
		err = -ENOMEM;
	} else {
		for (size_t k = 0; k < result.n_tasks; k++)
			result.responses_ns[k] = NSEC_MAX;
		err = system_run(system, r, index, delivered, &result);
	}
	free(r);
	free(index);
	free(delivered);
	if (err < 0)
		vrk_system_result_done(&result);
	else
		*ret = result;
	return err;
}

int vrk_system_check(const struct vrk_system *system, const struct vrk_system_result *result)
{
	struct vrk_host h = host_of(system);
	struct vrk_reservation *r = calloc(system->n + 1, sizeof(*r));
	size_t *index = calloc(system->n + 1, sizeof(*index));
	int err = 0;

	if (!r || !index)
		err = -ENOMEM;
	for (size_t c = 0; err == 0 && c < result->n_cpus; c++)
		err = system->scheduler == VRK_HOST_EDF && result->cpus[c].ok
			? vrk_certificate_check(&h, r, gather(system, c, r, index), &result->certificates[c]) : -EBADMSG;
	free(r);
	free(index);
	return err;
}
