/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several CPUs, one EDF queue, a fair server pinned to each. What the union of the tests accepts is never late in the
 * simulator; each test alone neither; every yes has a certificate that checks; and the tests behave as they must when the
 * load shrinks (sustainable) and among each other (BCL-iter accepts what BCL does).
 */
#include "oracle-host.h"

static void system_draw(struct system *s, struct oracle *o)
{
	unsigned int gapless = (unsigned int)oracle_between(o, 0, 2) * 50;

	*s = (struct system){ .host = { .cpus = (uint32_t)oracle_between(o, 2, 4), .kernel_limit_bw = VRK_BW_UNLIMITED } };
	s->n = oracle_between(o, s->host.cpus, s->host.cpus * 2 + 1);
	if (oracle_chance(o, 50)) {
		s->host.fair_budget_ns = oracle_between(o, 1, 6);
		s->host.fair_period_ns = oracle_between(o, 60, 150);
	}
	if (oracle_chance(o, 40))
		s->host.tick_ns = oracle_between(o, 1, 3);
	for (size_t i = 0; i < s->n; i++) {
		struct vrk_reservation *r = &s->r[i];

		r->period_ns = oracle_between(o, 3, 30);
		r->deadline_ns = oracle_chance(o, 50) ? r->period_ns : oracle_between(o, 1, r->period_ns);
		r->budget_ns = oracle_between(o, 1, 1 + r->deadline_ns * (oracle_chance(o, 20) ? 3 : 1) / 4);
		r->budget_ns = r->budget_ns > r->deadline_ns ? r->deadline_ns : r->budget_ns;
		r->gapless = oracle_chance(o, gapless);
	}
}

/* vrk_admit() without the rules for single reservations, which these small numbers break. */
static bool accepted_by_any(struct oracle *o, const struct system *s, uint32_t *which)
{
	static int (*const tests[])(const struct vrk_host *, const struct vrk_reservation *, size_t, struct vrk_verdict *) = {
		vrk_gedf_gfb, vrk_gedf_bak, vrk_gedf_bcl,
	};
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v[4];

	*which = 0;
	for (size_t i = 0; i < 3; i++) {
		if (tests[i](&s->host, s->r, s->n, &v[i]) < 0)
			oracle_fail(o, "no answer", &s->host, s->r, s->n);
		*which |= (uint32_t)v[i].ok << i;
		cert.test = v[i].test;
		if ((vrk_certificate_check(&s->host, s->r, s->n, &cert) == 0) != v[i].ok)
			oracle_fail(o, vrk_test_name(v[i].test), &s->host, s->r, s->n);
	}
	if (vrk_gedf_bcl_iter(&s->host, s->r, s->n, &v[3], &cert) < 0)
		oracle_fail(o, "no answer", &s->host, s->r, s->n);
	*which |= (uint32_t)v[3].ok << 3;
	if (v[3].ok) {
		if (vrk_certificate_check(&s->host, s->r, s->n, &cert) != 0)
			oracle_fail(o, "the slacks do not check", &s->host, s->r, s->n);
		cert.points_ns[oracle_draw(o) % s->n] += 100;
		if (vrk_certificate_check(&s->host, s->r, s->n, &cert) == 0)
			oracle_fail(o, "too large a slack checks", &s->host, s->r, s->n);
		vrk_certificate_done(&cert);
	}
	for (size_t i = 0; i < 4; i++)
		if ((v[i].lhs <= v[i].rhs) != v[i].ok)
			oracle_fail(o, "the inequality and the answer disagree", &s->host, s->r, s->n);
	if (v[2].ok && !v[3].ok && s->n > s->host.cpus && s->host.fair_budget_ns == 0)
		oracle_fail(o, "BCL says yes and BCL-iter no", &s->host, s->r, s->n);
	return *which != 0;
}

/* Bounds break at their edge: let budgets grow as long as the answer stays yes. */
static void system_push(struct system *s, struct oracle *o, uint32_t *which)
{
	for (int i = 0; i < 24; i++) {
		struct vrk_reservation *r = &s->r[oracle_draw(o) % s->n], was = *r;
		uint32_t w;

		r->budget_ns += oracle_between(o, 1, 3);
		if (r->budget_ns > r->deadline_ns || !accepted_by_any(o, s, &w))
			*r = was;
		else
			*which = w;
	}
}

static void simulated(struct oracle *o)
{
	struct system s;
	struct use u;
	uint32_t which;
	nsec_t rest;

	system_draw(&s, o);
	if (!accepted_by_any(o, &s, &which)) {
		o->refused++;
		return;
	}
	if (oracle_chance(o, 70))
		system_push(&s, o, &which);
	o->accepted++;
	for (int i = 0; i < 3; i++) {
		uint32_t flags = (uint32_t)oracle_draw(o) & (VRK_SIM_FULL | VRK_SIM_OVERRUN | VRK_SIM_SYNC | VRK_SIM_PACK);

		use_draw(&u, o, &s);
		if (use_run(&u, o, &s, flags, 2000, &rest) > 0)
			oracle_fail(o, "accepted, and late", &s.host, s.r, s.n);
		if (rest > 0 && s.host.tick_ns == 0 && which & 1)
			oracle_fail(o, "accepted by GFB, and the rest of a budget late", &s.host, s.r, s.n);
	}
	if (o->verbose)
		fprintf(stderr, "  accepted by %s%s%s%s\n", which & 1 ? "gfb " : "", which & 2 ? "bak " : "", which & 4 ? "bcl " : "",
			which & 8 ? "bcl-iter" : "");
}

/* Less budget, no tick, no fair server: never a no where a yes was. */
static void sustainable(struct oracle *o)
{
	struct system s, less;
	uint32_t before, after;
	size_t k;

	system_draw(&s, o);
	if (!accepted_by_any(o, &s, &before)) {
		o->refused++;
		return;
	}
	o->accepted++;
	/*
	 * Not so for BAK: with a smaller budget of k itself, its lambda gets smaller too, and a reservation between the two
	 * then counts for more. Admission stays sound, and what is refused so is rare.
	 */
	before &= ~(1U << 1);
	less = s;
	k = oracle_draw(o) % s.n;
	less.r[k].budget_ns = oracle_between(o, 1, s.r[k].budget_ns);
	(void)accepted_by_any(o, &less, &after);
	if (before & ~after)
		oracle_fail(o, "a smaller budget is refused", &less.host, less.r, less.n);
	less.host.tick_ns = 0;
	(void)accepted_by_any(o, &less, &after);
	if (before & ~after)
		oracle_fail(o, "a finer tick is refused", &less.host, less.r, less.n);
	less.host.fair_budget_ns = 0;
	(void)accepted_by_any(o, &less, &after);
	if (before & ~after)
		oracle_fail(o, "no fair server is refused", &less.host, less.r, less.n);
	less.host.cpus++;
	(void)accepted_by_any(o, &less, &after);
	if (before & ~after)
		oracle_fail(o, "one more CPU is refused", &less.host, less.r, less.n);
	for (k = 0; k < less.n; k++)
		less.r[k].gapless = true;
	(void)accepted_by_any(o, &less, &after);
	if (before & ~after)
		oracle_fail(o, "fewer sleepers are refused", &less.host, less.r, less.n);
}

int main(int argc, char **argv)
{
	int r = EXIT_SUCCESS;

	if (argc < 2 || strcmp(argv[1], "simulated") == 0)
		r |= oracle_run("gedf-simulated", 20000, simulated);
	if (argc < 2 || strcmp(argv[1], "sustainable") == 0)
		r |= oracle_run("gedf-sustainable", 20000, sustainable);
	return r;
}
