/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One CPU. Where nothing sleeps and nothing costs, QPA is exact: it agrees with the demand at every deadline of two
 * hyperperiods, and with the EDF schedule that starts all at once. Everywhere else it is safe: what it accepts is never
 * late in the simulator. And a certificate proves what it says, and nothing more.
 */
#include "oracle-host.h"

static void system_draw(struct system *s, struct oracle *o, bool ideal)
{
	*s = (struct system){ .host = { .cpus = 1 }, .n = oracle_between(o, 1, 4) };
	if (!ideal && oracle_chance(o, 50)) {
		s->host.fair_budget_ns = oracle_between(o, 1, 4);
		s->host.fair_period_ns = oracle_between(o, 20, 60);
	}
	if (!ideal && oracle_chance(o, 50))
		s->host.tick_ns = oracle_between(o, 1, 5);
	for (size_t i = 0; i < s->n; i++) {
		struct vrk_reservation *r = &s->r[i];

		r->period_ns = oracle_between(o, 2, ideal ? 12 : 40);
		r->deadline_ns = oracle_chance(o, 40) ? r->period_ns : oracle_between(o, 1, r->period_ns);
		r->budget_ns = oracle_between(o, 1, (r->deadline_ns + s->n - 1) / s->n);
		r->gapless = ideal || oracle_chance(o, 30);
	}
}

static nsec_t hyperperiod(const struct system *s)
{
	nsec_t h = 1;

	for (size_t i = 0; i < s->n; i++) {
		nsec_t a = h, b = s->r[i].period_ns;

		while (b) {
			nsec_t t = a % b;

			a = b;
			b = t;
		}
		h = h / a * s->r[i].period_ns;
	}
	return h;
}

static bool demand_fits(const struct system *s, nsec_t until)
{
	for (nsec_t t = 1; t <= until; t++) {
		nsec_t h = 0;

		for (size_t i = 0; i < s->n; i++)
			if (t >= s->r[i].deadline_ns)
				h += ((t - s->r[i].deadline_ns) / s->r[i].period_ns + 1) * s->r[i].budget_ns;
		if (h > t)
			return false;
	}
	return true;
}

static void check_certificate(struct oracle *o, const struct system *s, struct vrk_certificate *cert)
{
	struct vrk_reservation more[ORACLE_SERVERS_MAX];
	struct vrk_verdict v;

	if (vrk_certificate_check(&s->host, s->r, s->n, cert) != 0)
		oracle_fail(o, "the certificate of a yes does not check", &s->host, s->r, s->n);
	/* A certificate for other reservations may still hold; then the test must say yes to them, too. */
	memcpy(more, s->r, sizeof(more));
	more[oracle_draw(o) % s->n].budget_ns += oracle_between(o, 1, 3);
	if (vrk_certificate_check(&s->host, more, s->n, cert) == 0 &&
	    (vrk_edf_qpa(&s->host, more, s->n, &v, NULL) < 0 || !v.ok))
		oracle_fail(o, "a certificate proves what the test refuses", &s->host, more, s->n);
	/* A point less, or one that is moved, or a horizon that is too near, leaves a deadline uncovered or a point bare. */
	if (cert->n_points > 1) {
		size_t i = oracle_draw(o) % cert->n_points;
		nsec_t keep = cert->points_ns[i];

		cert->points_ns[i] = keep > 1 ? oracle_between(o, 1, keep - 1) : 1000000;
		if (vrk_certificate_check(&s->host, s->r, s->n, cert) == 0)
			oracle_fail(o, "a certificate with a point moved still checks", &s->host, s->r, s->n);
		cert->points_ns[i] = keep;
	}
	if (cert->n_points > 0) {
		cert->n_points--;
		if (vrk_certificate_check(&s->host, s->r, s->n, cert) == 0)
			oracle_fail(o, "a certificate without its last point still checks", &s->host, s->r, s->n);
		cert->n_points++;
	}
	cert->test = VRK_TEST_KERNEL;
	if (vrk_certificate_check(&s->host, s->r, s->n, cert) == 0)
		oracle_fail(o, "a certificate of the kernel's test checks", &s->host, s->r, s->n);
}

static void exact(struct oracle *o)
{
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v = { .ok = false };
	struct system s;
	struct use u = { .n_servers = 0 };
	nsec_t period, rest;
	bool late;

	system_draw(&s, o, true);
	period = hyperperiod(&s);
	if (vrk_edf_qpa(&s.host, s.r, s.n, &v, &cert) < 0)
		oracle_fail(o, "no answer", &s.host, s.r, s.n);
	if (v.ok != demand_fits(&s, 2 * period))
		oracle_fail(o, "QPA and the demand at every point disagree", &s.host, s.r, s.n);
	for (size_t i = 0; i < s.n; i++) {
		u.servers[u.n_servers++] = (struct vrk_sim_server){ .reservation = s.r[i], .cpu = -1, .first_task = i, .n_tasks = 1 };
		use_task(&u, s.r[i].budget_ns, s.r[i].period_ns, 0, 0);
	}
	late = use_run(&u, o, &s, VRK_SIM_SYNC | VRK_SIM_FULL, 2 * period + 50, &rest) > 0;
	if (v.ok == late)
		oracle_fail(o, v.ok ? "accepted, and late" : "refused, and never late", &s.host, s.r, s.n);
	if (v.ok)
		check_certificate(o, &s, &cert);
	o->accepted += v.ok;
	o->refused += !v.ok;
	vrk_certificate_done(&cert);
}

static void safe(struct oracle *o)
{
	struct vrk_certificate cert = { .test = VRK_TEST_NONE };
	struct vrk_verdict v = { .ok = false };
	struct system s;
	struct use u;
	nsec_t rest;

	system_draw(&s, o, false);
	if (vrk_edf_qpa(&s.host, s.r, s.n, &v, &cert) < 0)
		oracle_fail(o, "no answer", &s.host, s.r, s.n);
	o->accepted += v.ok;
	o->refused += !v.ok;
	if (!v.ok)
		return;
	for (int i = 0; i < 3; i++) {
		use_draw(&u, o, &s);
		if (use_run(&u, o, &s, (uint32_t)oracle_draw(o) & (VRK_SIM_FULL | VRK_SIM_OVERRUN | VRK_SIM_SYNC), 1500, &rest) > 0)
			oracle_fail(o, "accepted, and late", &s.host, s.r, s.n);
	}
	check_certificate(o, &s, &cert);
	vrk_certificate_done(&cert);
}

int main(int argc, char **argv)
{
	int r = EXIT_SUCCESS;

	if (argc < 2 || strcmp(argv[1], "exact") == 0)
		r |= oracle_run("qpa-exact", 20000, exact);
	if (argc < 2 || strcmp(argv[1], "safe") == 0)
		r |= oracle_run("qpa-safe", 20000, safe);
	return r;
}
