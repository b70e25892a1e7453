/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificates of guests. Every yes has one that the checker believes; what the checker believes of a guest or a witness that
 * was changed by a little is a yes of the test, too (where the supply function is monotone, as without switches and
 * interrupts): the two share no code, so a slip in one of them shows. Servers of fixed-priority hosts in the same way.
 */
#include <virtrk/proof.h>

#include "oracle.h"

#define TASKS_MAX 5

static void tasks_draw(struct oracle *o, struct vrk_task *t, size_t n, bool edf)
{
	for (size_t i = 0; i < n; i++) {
		t[i] = (struct vrk_task){ .period_ns = oracle_between(o, 5, 200), .priority = (uint32_t)oracle_between(o, 0, n - 1) };
		t[i].wcet_ns = oracle_between(o, 1, 1 + t[i].period_ns / 6);
		t[i].deadline_ns = oracle_chance(o, 50) ? t[i].period_ns : oracle_between(o, 1, 2 * t[i].period_ns);
		t[i].jitter_ns = oracle_chance(o, 30) ? oracle_between(o, 0, t[i].period_ns / 2) : 0;
		t[i].blocking_ns = oracle_chance(o, 20) ? oracle_between(o, 0, 5) : 0;
		if (oracle_chance(o, edf ? 2 : 25)) {
			t[i].suspensions = (uint32_t)oracle_between(o, 1, 3);
			t[i].suspension_ns = oracle_between(o, 0, t[i].period_ns / 4);
			t[i].deadline_ns = t[i].deadline_ns > t[i].period_ns ? t[i].period_ns : t[i].deadline_ns;
		}
	}
}

static void supply_draw(struct oracle *o, struct vrk_supply *s)
{
	*s = (struct vrk_supply){ .period_ns = oracle_between(o, 1, 40) };
	s->deadline_ns = oracle_chance(o, 50) ? s->period_ns : oracle_between(o, 1, s->period_ns);
	s->budget_ns = oracle_chance(o, 40) ? s->deadline_ns : oracle_between(o, 1, s->deadline_ns);
	s->tick_ns = oracle_chance(o, 20) ? oracle_between(o, 0, 6) : 0;
	s->latency_ns = oracle_chance(o, 20) ? oracle_between(o, 0, 6) : 0;
	if (oracle_chance(o, 20))
		s->switch_ns = oracle_between(o, 0, 2);
	if (oracle_chance(o, 20)) {
		s->irq_ns = oracle_between(o, 1, 2);
		s->irq_period_ns = oracle_between(o, 10, 60);
	}
}

/* Something smaller, larger, or not: what is believed of it then must be true of it. */
static void change(struct oracle *o, struct vrk_supply *s, struct vrk_task *t, size_t n, struct vrk_guest_certificate *c)
{
	struct vrk_task *x = &t[oracle_draw(o) % n];
	int64_t by = oracle_chance(o, 50) ? 1 : -1;

	switch (oracle_draw(o) % 9) {
	case 0: x->wcet_ns += oracle_between(o, 0, 2); break;
	case 1: x->period_ns -= x->period_ns > 1; break;
	case 2: x->deadline_ns -= x->deadline_ns > 1; break;
	case 3: x->jitter_ns += oracle_between(o, 0, 3); break;
	case 4: s->budget_ns -= s->budget_ns > 1; break;
	case 5: s->deadline_ns += s->deadline_ns < s->period_ns; break;
	case 6: x->suspension_ns += x->suspensions > 0; break;
	case 7:
		if (c->n_points)
			c->points_ns[oracle_draw(o) % c->n_points] += (nsec_t)by;
		break;
	default:
		c->horizon_ns += (nsec_t)by;
		if (c->n_responses)
			c->responses_ns[oracle_draw(o) % c->n_responses] += (nsec_t)by;
	}
}

static void guest(struct oracle *o)
{
	bool edf = oracle_chance(o, 50);
	struct vrk_task t[TASKS_MAX];
	struct vrk_guest g = { edf ? VRK_GUEST_EDF : VRK_GUEST_FP, oracle_chance(o, 30) ? VRK_SUPPLY_IDLING : VRK_SUPPLY_SLEEPING, t,
			       oracle_between(o, 1, TASKS_MAX) };
	const struct vrk_host none = { .cpus = 1 };
	struct vrk_guest_certificate cert;
	struct vrk_supply s;
	struct vrk_verdict v;
	bool monotone;

	tasks_draw(o, t, g.n, edf);
	supply_draw(o, &s);
	monotone = s.switch_ns == 0 && s.irq_ns == 0;
	if (vrk_guest_check(&s, &g, &v, NULL) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	if (vrk_guest_certify(&s, &g, &cert) < 0 || vrk_guest_certificate_check(&s, &g, &cert) < 0) {
		oracle_fail(o, "a yes without a certificate that holds", &none, NULL, 0);
		return;
	}
	for (int k = 0; k < 8 && (monotone || !edf); k++) {
		change(o, &s, t, g.n, &cert);
		if (vrk_guest_certificate_check(&s, &g, &cert) == 0 && (vrk_guest_check(&s, &g, &v, NULL) < 0 || !v.ok))
			oracle_fail(o, edf ? "EDF: believed, but a no" : "FP: believed, but a no", &none, NULL, 0);
	}
	vrk_guest_certificate_done(&cert);
}

static void servers(struct oracle *o)
{
	size_t n = oracle_between(o, 1, 5), i = oracle_draw(o) % n;
	bool deferrable = oracle_chance(o, 50);
	struct vrk_reservation r[5];
	struct vrk_verdict v;
	nsec_t w[5];

	for (size_t k = 0; k < n; k++) {
		r[k].period_ns = oracle_between(o, 2, 60);
		r[k].deadline_ns = oracle_chance(o, 50) ? r[k].period_ns : oracle_between(o, 1, r[k].period_ns);
		r[k].budget_ns = oracle_between(o, 1, 1 + (r[k].deadline_ns - 1) / 3);
		r[k].gapless = false;
	}
	if (vrk_host_fp(r, n, deferrable, &v, w) < 0 || !v.ok) {
		o->refused++;
		return;
	}
	o->accepted++;
	if (vrk_host_fp_check(r, n, deferrable, w) < 0)
		oracle_fail(o, "servers: a yes that is not believed", &(struct vrk_host){ .cpus = 1 }, r, n);
	for (size_t k = 0; k < n; k++)
		if (vrk_host_fp_step(r, k, deferrable, w[k]) != w[k])
			oracle_fail(o, "servers: no fixed point", &(struct vrk_host){ .cpus = 1 }, r, n);
	w[i]--;
	if (vrk_host_fp_check(r, n, deferrable, w) == 0)
		oracle_fail(o, "servers: less than the least is believed", &(struct vrk_host){ .cpus = 1 }, r, n);
}

int main(void)
{
	int a = oracle_run("proof-guest", 100000, guest), b = oracle_run("proof-servers", 100000, servers);

	return a || b ? EXIT_FAILURE : EXIT_SUCCESS;
}
