/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Supply: the papers' numbers, the inverse by brute force, and that every cost only ever takes. */
#include <string.h>

#include <virtrk/analysis.h>

#include "expect.h"

#define S(q, d, p) { .budget_ns = (q), .deadline_ns = (d), .period_ns = (p) }

static void test_golden(void)
{
	const struct vrk_supply prm = S(40, 100, 100), small = S(20, 50, 50), edp = S(40, 60, 100), whole = S(10, 10, 10);

	CASE("tenths of (4, 10, 10)");
	EXPECT_INT(vrk_sbf(&prm, 120), 0);
	EXPECT_INT(vrk_sbf(&prm, 140), 20);
	EXPECT_INT(vrk_sbf(&prm, 160), 40);
	EXPECT_INT(vrk_sbf(&prm, 220), 40);
	EXPECT_INT(vrk_sbf(&prm, 240), 60);
	EXPECT_INT(vrk_sbf_inverse(&prm, 5), 125);
	EXPECT_INT(vrk_sbf_inverse(&prm, 10), 130);
	EXPECT_INT(vrk_sbf_inverse(&prm, 40), 160);
	EXPECT_INT(vrk_sbf_inverse(&prm, 50), 230);
	EXPECT_INT(vrk_sbf_inverse(&small, 5), 65);
	EXPECT_INT(vrk_sbf_inverse(&edp, 5), 85);
	CASE("the whole CPU");
	EXPECT_INT(vrk_sbf(&whole, 7), 7);
	EXPECT_INT(vrk_sbf_inverse(&whole, 7), 7);
	EXPECT_INT(vrk_sbf_inverse(&whole, 0), 0);
}

/* The definition: chunks of Q from the blackout on, one every P. */
static nsec_t chunks(nsec_t q, nsec_t d, nsec_t p, nsec_t t)
{
	nsec_t sum = 0;

	for (nsec_t x = p + d - 2 * q; x < t; x += p)
		sum += t - x < q ? t - x : q;
	return sum;
}

static void test_exhaustive(void)
{
	for (nsec_t p = 1; p <= 8; p++)
		for (nsec_t d = 1; d <= p; d++)
			for (nsec_t q = 1; q <= d; q++) {
				const struct vrk_supply s = S(q, d, p);
				nsec_t before = 0;

				CASE("all small ones");
				for (nsec_t t = 0; t < 60; t++) {
					nsec_t now = vrk_sbf(&s, t);

					EXPECT_INT(now, chunks(q, d, p, t));
					EXPECT(now >= vrk_sbf_linear(&s, t));
					EXPECT(now >= before && now <= before + 1);
					before = now;
				}
				for (nsec_t w = 1; w <= 20; w++) {
					nsec_t t = vrk_sbf_inverse(&s, w);

					EXPECT(vrk_sbf(&s, t) >= w);
					EXPECT(vrk_sbf(&s, t - 1) < w);
				}
			}
}

static void test_costs(void)
{
	const struct vrk_supply ideal = S(400, 1000, 1000);

	for (unsigned int i = 0; i < 16; i++) {
		struct vrk_supply s = ideal;

		s.tick_ns = i & 1 ? 50 : 0;
		s.switch_ns = i & 2 ? 7 : 0;
		s.latency_ns = i & 4 ? 13 : 0;
		s.irq_ns = i & 8 ? 3 : 0;
		s.irq_period_ns = 97;
		CASE("costs");
		for (nsec_t t = 0; t < 20000; t += 7)
			EXPECT(vrk_sbf(&s, t) <= vrk_sbf(&ideal, t));
		for (nsec_t w = 1; w < 3000; w += 11) {
			nsec_t t = vrk_sbf_inverse(&s, w);

			EXPECT(t < NSEC_MAX && vrk_sbf(&s, t) >= w);
		}
	}
}

static void test_extremes(void)
{
	struct vrk_supply s = S(1, NSEC_MAX / 4, NSEC_MAX / 4);

	CASE("long");
	EXPECT_INT(vrk_sbf_inverse(&s, 1), NSEC_MAX / 4 * 2 - 1);
	EXPECT_INT(vrk_sbf_inverse(&s, 1000), NSEC_MAX);
	EXPECT_INT(vrk_sbf_inverse(&s, NSEC_MAX), NSEC_MAX);
	EXPECT_INT(vrk_sbf_inverse(&s, UINT64_MAX), NSEC_MAX);
	CASE("costs eat it all");
	s = (struct vrk_supply)S(5, 100, 100);
	s.switch_ns = 5;
	EXPECT_INT(vrk_sbf_inverse(&s, 1), NSEC_MAX);
	EXPECT_INT(vrk_sbf(&s, 1000000), 0);
	CASE("what comes late is charged: each budget lacks the latency, as it does a switch");
	vrk_supply_init(&(struct vrk_host){ .cpus = 1, .switch_ns = 2, .latency_ns = 3 }, &(struct vrk_reservation){ 20, 100, 100, false }, &s);
	EXPECT_INT(s.switch_ns, 5);
	EXPECT_INT(s.latency_ns, 3);
	/* (100 - 20) + (100 - 20) + 3, two budgets less 5 each and 5 once more */
	EXPECT_INT(vrk_sbf(&s, 163 + 100 + 20), 2 * 20 - 4 * 5);
	CASE("a latency as long as the budget leaves nothing");
	vrk_supply_init(&(struct vrk_host){ .cpus = 1, .latency_ns = 20 }, &(struct vrk_reservation){ 20, 100, 100, false }, &s);
	EXPECT_INT(vrk_sbf(&s, 1000000), 0);
	CASE("costs beyond all numbers");
	vrk_supply_init(&(struct vrk_host){ .cpus = 1, .switch_ns = NSEC_MAX, .latency_ns = NSEC_MAX }, &(struct vrk_reservation){ 20, 100, 100, false }, &s);
	EXPECT_INT(vrk_sbf(&s, 1000000), 0);
	CASE("nonsense supplies nothing");
	s = (struct vrk_supply)S(11, 10, 10);
	EXPECT_INT(vrk_sbf(&s, 1000), 0);
	EXPECT_INT(vrk_sbf_inverse(&s, 1), NSEC_MAX);
}

static uint64_t draw_state = 7;

static uint64_t draw(uint64_t most)
{
	draw_state = draw_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (draw_state >> 33) % (most + 1);
}

/*
 * What the theorems about tasks inside a reservation presume of a supply, whatever it costs: nothing in no time, never less
 * in more time, at most one ns per ns; and the inverse is one.
 */
static void test_presumed(void)
{
	for (unsigned int i = 0; i < 3000; i++) {
		nsec_t p = 1 + draw(60), d = 1 + draw(p - 1), q = 1 + draw(d - 1), before = 0;
		struct vrk_supply s = S(q, d, p);

		s.tick_ns = draw(2) ? 0 : draw(2 * q);
		s.switch_ns = draw(1) ? 0 : draw(q);
		s.latency_ns = draw(2) ? 0 : draw(20);
		s.irq_ns = draw(1) ? 0 : draw(6);
		s.irq_period_ns = s.irq_ns + draw(50) + 1;
		CASE("a supply as the theorems presume it");
		if (!EXPECT_INT(vrk_sbf(&s, 0), 0))
			return;
		for (nsec_t t = 1; t < 400; t++) {
			nsec_t now = vrk_sbf(&s, t);

			if (!EXPECT(now >= before && now <= before + 1) || !EXPECT(now == 0 || vrk_sbf_inverse(&s, now) <= t) ||
			    !EXPECT(vrk_sbf_inverse(&s, now + 1) > t)) {
				fprintf(stderr, "    (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ") tick %" PRIu64 " switch %" PRIu64
					" latency %" PRIu64 " irq %" PRIu64 "/%" PRIu64 " at %" PRIu64 "\n", q, d, p, s.tick_ns,
					s.switch_ns, s.latency_ns, s.irq_ns, s.irq_period_ns, t);
				return;
			}
			before = now;
		}
	}
}

#define LATE_PERIODS 6
#define LATE_NS	     (32 * (LATE_PERIODS + 2))

/*
 * Budgets as a kernel gives them that is late: each begins up to the latency late, and has been charged up to as much by then. The rest comes
 * early, late, or split, and is done by the deadline, which is late as the beginning was.
 */
static void late_draw(const struct vrk_supply *s, bool given[LATE_NS])
{
	memset(given, 0, LATE_NS * sizeof(*given));
	for (unsigned int k = 0; k < LATE_PERIODS; k++) {
		nsec_t late = draw(s->latency_ns), charged = draw(2) ? s->latency_ns : draw(s->latency_ns);
		nsec_t rest = s->budget_ns > charged ? s->budget_ns - charged : 0, at = k * s->period_ns + late, room = s->deadline_ns;
		uint64_t how = draw(2);

		for (; rest > 0; at++, room--) {
			bool now = room <= rest || how == 0 || (how == 1 && draw(1));

			given[at] |= now;
			rest -= now;
		}
	}
}

/* No interval from the first release to the last period's end gets less than was promised. */
static void test_late(void)
{
	for (unsigned int i = 0; i < 2000; i++) {
		nsec_t p = 2 + draw(18), d = 1 + draw(p - 1), q = 1 + draw(d - 1);
		const struct vrk_host host = { .cpus = 1, .latency_ns = draw(p - d < 5 ? p - d : 5) };
		const struct vrk_reservation r = { q, d, p, false };
		bool given[LATE_NS];
		struct vrk_supply s;

		CASE("late, and charged for it");
		vrk_supply_init(&host, &r, &s);
		late_draw(&s, given);
		for (nsec_t from = 0; from < LATE_PERIODS * p; from++) {
			nsec_t got = 0;

			for (nsec_t to = from; to < LATE_PERIODS * p; to++) {
				got += given[to];
				if (got < vrk_sbf(&s, to + 1 - from)) {
					EXPECT(false);
					fprintf(stderr, "    (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ") latency %" PRIu64 ": %" PRIu64 " to %" PRIu64
						"\n", q, d, p, s.latency_ns, from, to + 1);
					return;
				}
			}
		}
	}
}

int main(void)
{
	test_golden();
	test_presumed();
	test_late();
	test_exhaustive();
	test_costs();
	test_extremes();
	return expect_result();
}
