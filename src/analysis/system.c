/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole system, from the CPUs down: each CPU (or the one queue over all) by the host's test, each vCPU's supply from its
 * reservation, each guest by its own test. The order is the argument: supply is promised only where the host's test said yes,
 * so where it said no its verdict is the answer for everything inside. Guests that share resources or take interrupts are
 * judged together (system-inside.c); a CPU that interrupts steal from is asked about with what they take (irq.c).
 *
 * Called by the offline verbs. It chooses no test and changes no parameter; sizing and placement do that.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/system.h>

#include "internal.h"
#include "system-inside.h"

void vrk_system_result_done(struct vrk_system_result *result)
{
	for (size_t c = 0; result->certificates && c < result->n_cpus; c++)
		vrk_certificate_done(&result->certificates[c]);
	free(result->certificates);
	free(result->cpus);
	free(result->vcpus);
	free(result->responses_ns);
	free(result->locks);
	free(result->irqs);
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
	if (s->n_irqs > N_MAX)
		return -E2BIG;
	for (size_t i = 0; i < s->n; i++)
		if ((s->vcpus[i].cpu < 0) != one_queue(s) || s->vcpus[i].cpu >= (int64_t)s->host.cpus || s->vcpus[i].cpu < -1)
			return -EINVAL;
	if (one_queue(s) && s->scheduler != VRK_HOST_EDF && s->host.cpus > 1)
		return -EINVAL;
	if (s->n_irqs > 0 && (one_queue(s) || s->scheduler != VRK_HOST_EDF))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < s->n_irqs; i++)
		if (s->irqs[i].cpu >= s->host.cpus || (s->irqs[i].vcpu >= s->n && s->irqs[i].vcpu != SIZE_MAX))
			return -EINVAL;
	return 0;
}

/* What one CPU is asked about: reservations, whose they are, and the host with what interrupts steal. */
struct question {
	struct vrk_host host;
	struct vrk_reservation *r;	/* room for all vCPUs and interrupts */
	struct vrk_reservation *all;	/* r as it is asked about */
	struct vrk_irq *irqs;
	size_t *index;
	size_t n;			/* of r: vCPUs */
	size_t n_all;
	size_t n_irqs;
};

static void question_done(struct question *q)
{
	free(q->r);		/* the others lie behind it */
}

static int question_init(struct question *q, const struct vrk_system *s)
{
	size_t n = s->n + s->n_irqs + 1;

	*q = (struct question){ .r = malloc(n * (sizeof(*q->r) + sizeof(*q->all) + sizeof(*q->index)) + (s->n_irqs + 1) * sizeof(*q->irqs)) };
	if (!q->r)
		return -ENOMEM;
	q->all = q->r + n;
	q->irqs = (struct vrk_irq *)(q->all + n);
	q->index = (size_t *)(q->irqs + s->n_irqs + 1);
	return 0;
}

size_t system_irqs(const struct vrk_system *s, size_t cpu, struct vrk_irq *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_irqs; i++)
		if (s->irqs[i].cpu == cpu)
			ret[n++] = s->irqs[i].irq;
	return n;
}

/* -EDOM: nothing is left of the CPU. */
static int question_ask(struct question *q, const struct vrk_system *s, size_t cpu)
{
	q->host = s->host;
	if (!one_queue(s))
		q->host.cpus = 1;
	q->n = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct vrk_reservation *r = &q->r[q->n];

		if (s->vcpus[i].cpu >= 0 && (size_t)s->vcpus[i].cpu != cpu)
			continue;
		*r = s->vcpus[i].reservation;
		r->gapless = s->vcpus[i].guest.n > 0 ? s->vcpus[i].guest.mode == VRK_SUPPLY_IDLING : r->gapless;
		q->index[q->n++] = i;
	}
	q->n_irqs = system_irqs(s, cpu, q->irqs);
	if (q->n_irqs > 0)
		return vrk_irq_question(&s->host, q->irqs, q->n_irqs, q->r, q->n, &q->host, q->all, &q->n_all);
	q->n_all = q->n;
	for (size_t i = 0; i < q->n; i++)
		q->all[i] = q->r[i];
	return 0;
}

static int judge_cpu(const struct vrk_system *s, size_t cpu, struct question *q, nsec_t *delivered,
		     struct vrk_system_result *ret)
{
	struct vrk_verdict *v = &ret->cpus[cpu];
	int err = question_ask(q, s, cpu);

	if (err == -EDOM) {	/* all of it stolen */
		*v = (struct vrk_verdict){ .test = VRK_TEST_IRQ, .unit = VRK_SIDE_BW, .lhs = BW_UNIT, .rhs = BW_UNIT - 1, .index = SIZE_MAX };
		ret->ok = false;
		return 0;
	}
	if (err < 0)
		return err;
	if (s->scheduler == VRK_HOST_EDF)
		err = vrk_admit(&q->host, q->all, q->n_all, v, &ret->certificates[cpu]);
	else
		err = vrk_host_fp(q->r, q->n, s->scheduler == VRK_HOST_FP_DEFERRABLE, v, delivered + s->n);
	if (err < 0)
		return err;
	for (size_t k = 0; k < q->n; k++)
		delivered[q->index[k]] = s->scheduler == VRK_HOST_EDF ? q->r[k].deadline_ns : delivered[s->n + k];
	v->index = v->index < q->n ? q->index[v->index] : SIZE_MAX;
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

static int system_run(const struct vrk_system *s, struct question *q, nsec_t *delivered, struct vrk_system_result *ret)
{
	size_t first_task = 0;
	int err;

	ret->ok = true;
	for (size_t c = 0; c < ret->n_cpus; c++) {
		err = judge_cpu(s, c, q, delivered, ret);
		if (err < 0)
			return err;
	}
	if (inside_needed(s))
		return inside_judge(s, delivered, ret);
	for (size_t i = 0; i < s->n; i++) {
		err = judge_vcpu(s, i, delivered[i], first_task, ret);
		if (err < 0)
			return err;
		first_task += s->vcpus[i].guest.n;
	}
	return 0;
}

static int result_init(const struct vrk_system *s, struct vrk_system_result *r)
{
	*r = (struct vrk_system_result){ .n_cpus = one_queue(s) ? 1 : s->host.cpus, .n_vcpus = s->n, .n_irqs = s->n_irqs };
	for (size_t i = 0; i < s->n; i++)
		r->n_tasks += s->vcpus[i].guest.n;
	r->cpus = calloc(r->n_cpus, sizeof(*r->cpus));
	r->certificates = calloc(r->n_cpus, sizeof(*r->certificates));
	r->vcpus = calloc(r->n_vcpus + 1, sizeof(*r->vcpus));
	r->responses_ns = calloc(r->n_tasks + 1, sizeof(*r->responses_ns));
	r->locks = calloc(r->n_tasks + 1, sizeof(*r->locks));
	r->irqs = calloc(r->n_irqs + 1, sizeof(*r->irqs));
	if (!r->cpus || !r->certificates || !r->vcpus || !r->responses_ns || !r->locks || !r->irqs)
		return -ENOMEM;
	for (size_t k = 0; k < r->n_tasks; k++)
		r->responses_ns[k] = NSEC_MAX;
	for (size_t k = 0; k < r->n_irqs; k++)
		r->irqs[k] = (struct vrk_irq_bound){ NSEC_MAX, NSEC_MAX, NSEC_MAX };
	return 0;
}

int vrk_system_analyze(const struct vrk_system *system, struct vrk_system_result *ret)
{
	struct vrk_system_result result;
	struct question q;
	nsec_t *delivered;
	int err = system_check(system);

	if (err < 0)
		return err;
	err = result_init(system, &result);
	if (question_init(&q, system) < 0)
		err = -ENOMEM;
	delivered = calloc(2 * system->n + 1, sizeof(*delivered));
	if (!delivered)
		err = -ENOMEM;
	if (err == 0)
		err = system_run(system, &q, delivered, &result);
	question_done(&q);
	free(delivered);
	if (err < 0)
		vrk_system_result_done(&result);
	else
		*ret = result;
	return err;
}

int vrk_system_check(const struct vrk_system *system, const struct vrk_system_result *result)
{
	struct question q;
	int err = question_init(&q, system);

	for (size_t c = 0; err == 0 && c < result->n_cpus; c++) {
		err = system->scheduler == VRK_HOST_EDF && result->cpus[c].ok ? question_ask(&q, system, c) : -EBADMSG;
		if (err == 0)
			err = vrk_certificate_check(&q.host, q.all, q.n_all, &result->certificates[c]);
		else if (err != -ENOMEM)
			err = -EBADMSG;
	}
	question_done(&q);
	return err;
}
