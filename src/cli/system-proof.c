/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificates of a whole system: what is inside the vCPUs is proved again from its witnesses, by code of the library that
 * shares nothing with the tests, before anybody is told yes. And how all of that stands in JSON, beside how far each vCPU is
 * from the edge.
 *
 * Called by the verbs analyze and plan, not for batches. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "answer.h"
#include "system-proof.h"
#include "system-seen.h"

void system_proof_done(struct system_proof *proof)
{
	for (size_t i = 0; proof->guests && i < proof->n; i++)
		vrk_guest_certificate_done(&proof->guests[i]);
	free(proof->guests);
	*proof = (struct system_proof){ .n = 0 };
}

static int servers_prove(const struct system_document *d, size_t cpu)
{
	bool deferrable = d->system.scheduler == VRK_HOST_FP_DEFERRABLE;
	_cleanup_(freep) struct vrk_reservation *r = NULL;
	_cleanup_(freep) nsec_t *delivered = calloc(d->n_vcpus + 1, sizeof(*delivered));
	_cleanup_(freep) size_t *who = NULL;
	struct vrk_verdict v;
	size_t n;
	int err = delivered ? system_cpu_gather(d, cpu, &r, &who, &n) : -ENOMEM;

	if (err >= 0)
		err = vrk_host_fp(r, n, deferrable, &v, delivered);
	return err < 0 ? err : vrk_host_fp_check(r, n, deferrable, delivered);
}

/* Too long to be kept is no lie: then the test's word stands alone, and no certificate is shown. */
static int guest_prove(const struct system_document *d, size_t v, struct vrk_guest_certificate *ret)
{
	struct vrk_supply supply;
	int r = vrk_system_supply(&d->system, v, &supply);

	if (r >= 0)
		r = vrk_guest_certify(&supply, &d->vcpus[v].guest, ret);
	if (r == -E2BIG)
		return 0;
	return r < 0 ? r : vrk_guest_certificate_check(&supply, &d->vcpus[v].guest, ret);
}

int system_prove(const struct system_document *d, const struct vrk_system_result *result, struct system_proof *ret,
		 struct vr_error **reterr)
{
	_cleanup_(system_proof_done) struct system_proof proof = { .n = d->n_vcpus };
	_cleanup_(system_seen_done) struct system_seen seen = { .vcpus = NULL };
	int r = system_seen_make(d, result, &seen);

	proof.guests = calloc(d->n_vcpus + 1, sizeof(*proof.guests));
	if (!proof.guests)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && d->system.scheduler != VRK_HOST_EDF && i < result->n_cpus; i++)
		if (result->cpus[i].ok)
			r = servers_prove(d, i);
	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++) {
		size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu;

		/* where guests depend on each other, on the yes of all of them */
		if (d->vcpus[v].guest.n > 0 && result->cpus[cpu].ok && result->vcpus[v].ok && (result->ok || !system_shared(d)))
			r = guest_prove(&seen.document, v, &proof.guests[v]);
	}
	if (r == -EBADMSG)
		return vr_error_set(reterr, -EBADMSG, VR_FAILED, "the certificate of this yes does not check: no verdict is given");
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(proof, struct system_proof, (struct system_proof){ 0 });
	return 0;
}

/* ---- JSON ---- */

static int put(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

/* NULL is null here. */
static int put_or_null(struct json_object *object, const char *key, bool known, struct json_object *value)
{
	if (known)
		return put(object, key, value);
	json_object_put(value);
	return json_object_object_add(object, key, NULL) < 0 ? -ENOMEM : 0;
}

static int put_times(struct json_object *object, const char *key, const nsec_t *times, size_t n)
{
	struct json_object *array = json_object_new_array();
	int r = put(object, key, array);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct json_object *one = json_object_new_int64((int64_t)times[i]);

		if (!one || json_object_array_add(array, one) < 0) {
			json_object_put(one);
			r = -ENOMEM;
		}
	}
	return r;
}

static int certificate_add(struct json_object *object, enum vrk_test test, nsec_t horizon, const nsec_t *points, size_t n_points,
			   const nsec_t *responses, size_t n_responses)
{
	struct json_object *certificate;
	int r;

	if (test == VRK_TEST_NONE)
		return put_or_null(object, "certificate", false, NULL);
	certificate = json_object_new_object();
	r = put(object, "certificate", certificate);
	if (r >= 0)
		r = put(certificate, "test", json_object_new_string(vrk_test_name(test)));
	if (r >= 0)
		r = put(certificate, "horizon", json_object_new_int64((int64_t)horizon));
	if (r >= 0)
		r = put_times(certificate, "points", points, n_points);
	if (r >= 0 && responses)
		r = put_times(certificate, "responses", responses, n_responses);
	return r;
}

static int cpus_add(const struct vrk_system_result *result, struct json_object *cpus)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < result->n_cpus; i++) {
		const struct vrk_certificate *c = &result->certificates[i];

		r = certificate_add(json_object_array_get_idx(cpus, i), result->cpus[i].ok ? c->test : VRK_TEST_NONE, c->horizon_ns,
				    c->points_ns, c->n_points, NULL, 0);
	}
	return r;
}

static struct json_object *time_json(nsec_t ns)
{
	return json_object_new_int64((int64_t)ns);
}

static int slack_add(const struct system_document *d, size_t v, const struct vcpu_slack *s, struct json_object *row)
{
	_cleanup_(freep) char *first = NULL;
	int r = system_first_text(d, v, s, &first);

	if (r >= 0)
		r = put_or_null(row, "least_budget", s->known_least && s->least_ns > 0, time_json(s->least_ns));
	if (r >= 0)
		r = put_or_null(row, "largest_budget", s->known_budget && s->largest_ns > 0, time_json(s->largest_ns));
	if (r >= 0)
		r = put_or_null(row, "wcet_permille", s->known_tasks, json_object_new_int64((int64_t)s->wcet_permille));
	if (r >= 0)
		r = put_or_null(row, "first", first, first ? json_object_new_string(first) : NULL);
	if (r >= 0)
		r = put_or_null(row, "not_asked", s->why_not, s->why_not ? json_object_new_string(s->why_not) : NULL);
	return r;
}

static int vcpu_add(const struct system_document *d, const struct vrk_system_result *result, size_t v,
		    const struct vrk_guest_certificate *c, const struct vcpu_slack *slack, struct json_object *array)
{
	struct json_object *row = json_object_new_object();
	const struct vrk_reservation *now = &d->vcpus[v].reservation;
	int r;

	if (!row || json_object_array_add(array, row) < 0) {
		json_object_put(row);
		return -ENOMEM;
	}
	r = put(row, "vm", json_object_new_string(d->names[v].vm));
	if (r >= 0)
		r = put(row, "vcpu", json_object_new_int64(d->names[v].index));
	if (r >= 0)
		r = put(row, "ok", json_object_new_boolean(result->vcpus[v].ok));
	if (r >= 0)
		r = put(row, "test", json_object_new_string(vrk_test_name(result->vcpus[v].test)));
	if (r >= 0)
		r = put(row, "budget", time_json(now->budget_ns));
	if (r >= 0)
		r = put(row, "period", time_json(now->period_ns));
	if (r >= 0)
		r = put(row, "deadline", time_json(now->deadline_ns));
	if (r >= 0 && slack)
		r = slack_add(d, v, slack, row);
	if (r < 0 || !c)
		return r;
	return certificate_add(row, c->test, c->horizon_ns, c->points_ns, c->n_points,
			       c->test == VRK_TEST_GUEST_FP ? c->responses_ns : NULL, c->n_responses);
}

int system_proof_add(const struct system_document *d, const struct vrk_system_result *result, const struct system_proof *proof,
		     const struct vcpu_slack *slacks, struct json_object *answer)
{
	struct json_object *array = json_object_new_array();
	int r = put(answer, "vcpus", array);

	if (r >= 0 && proof)
		r = cpus_add(result, answer_member(answer, "cpus"));
	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++)
		r = vcpu_add(d, result, v, proof ? &proof->guests[v] : NULL, slacks ? &slacks[v] : NULL, array);
	return r;
}
