/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vrk_admit(): the whole question, in the order in which an answer helps most: is each reservation well formed, would the
 * kernel take their sum, and do they meet their deadlines, always. Called by the daemon before every change and by the
 * offline verbs. It knows no test from inside: each has its own file.
 *
 * The tests for several CPUs are sufficient and incomparable, so one yes is enough; a no reports the test that came
 * nearest, since that is the inequality a small change can mend.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/analysis.h>

#include "gedf.h"
#include "internal.h"

void vrk_certificate_done(struct vrk_certificate *cert)
{
	free(cert->points_ns);
	*cert = (struct vrk_certificate){ .test = VRK_TEST_NONE };
}

/* How far off, in 2^-20 of the right side. */
static u128 distance(const struct vrk_verdict *v)
{
	uint64_t over = v->lhs > v->rhs ? v->lhs - v->rhs : 0;

	return ((u128)over << BW_SHIFT) / (v->rhs ? v->rhs : 1);
}

static void nearer(struct vrk_verdict *nearest, const struct vrk_verdict *v)
{
	if (nearest->test == VRK_TEST_NONE || distance(v) < distance(nearest))
		*nearest = *v;
}

/* The first yes, or the nearest no. By growing cost. */
static int union_of_tests(const struct gedf *g, struct vrk_verdict *ret, struct vrk_certificate *cert)
{
	static int (*const tests[])(const struct gedf *g, struct vrk_verdict *ret) = { gedf_gfb, gedf_bcl, gedf_bak };
	struct vrk_verdict v, nearest = { .test = VRK_TEST_NONE };
	int r;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		r = tests[i](g, &v);
		if (r < 0)
			return r;
		cert->test = v.test;
		if (v.ok) {
			*ret = v;
			return 0;
		}
		nearer(&nearest, &v);
	}
	r = gedf_bcl_iter(g, &v, cert);
	if (r < 0)
		return r;
	if (!v.ok)
		nearer(&nearest, &v);
	*ret = v.ok ? v : nearest;
	return 0;
}

/* No because of the fair servers alone? Then that is the inequality to show, not one that holds without them. */
static int blame_fair(struct gedf *g, struct vrk_verdict *v)
{
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict fair, without;
	int err;

	if (v->ok || g->lost_max == 0)
		return 0;
	gedf_without_fair(g, &fair);
	err = union_of_tests(g, &without, &cert);
	if (err == 0 && without.ok)
		*v = fair;
	vrk_certificate_done(&cert);
	return err;
}

static int gedf_union(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
		      struct vrk_verdict *ret, struct vrk_certificate *ret_cert)
{
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v = { .ok = false };
	struct gedf g;
	bool ok;
	int err = gedf_init(&g, host, r, n, &ok, &v);

	if (err < 0)
		return err;
	if (!ok) {
		v.test = VRK_TEST_GFB;
		*ret = v;
		return 0;
	}
	err = union_of_tests(&g, &v, &cert);
	if (err == 0)
		err = blame_fair(&g, &v);
	gedf_done(&g);
	if (err == 0)
		*ret = v;
	if (err == 0 && v.ok && ret_cert)
		*ret_cert = cert;
	else
		vrk_certificate_done(&cert);
	return err;
}

int vrk_admit(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
	      struct vrk_verdict *ret, struct vrk_certificate *ret_cert)
{
	struct vrk_verdict v;
	int err = host_check(host, n);

	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		err = vrk_reservation_check(host, &r[i], &v);
		if (err < 0)
			return err;
		if (!v.ok) {
			v.index = i;
			*ret = v;
			return 0;
		}
	}
	err = vrk_kernel_check(host, r, n, &v);
	if (err < 0)
		return err;
	if (!v.ok) {
		*ret = v;
		return 0;
	}
	if (host->cpus == 1)
		return vrk_edf_qpa(host, r, n, ret, ret_cert);
	return gedf_union(host, r, n, ret, ret_cert);
}
