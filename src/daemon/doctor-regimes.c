/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which ways of sharing CPUs does this host allow, why not the others, and how many of the reservations at hand would each of
 * them take? One finding a way, so that `virtrk doctor` shows them one below the other:
 *
 *   regime-root-domain   all on all CPUs, by the tests for global EDF
 *   regime-exclusive     each CPU for one domain: those of a domain share it by processor demand
 *   regime-shared        one slice on all CPUs but one, by the tests for global EDF; or slices of one CPU each
 *   regime-pinned        several to a CPU, each CPU by processor demand
 *
 * At hand are the reservations in force; where there are none, as many alike as fit are counted. They are put in one by one, in the
 * order of the ledger, and one that does not fit is left out: another order may take more. The last CPU stays for everything
 * else, but in the root domain. Threads of others are not counted here; Capacity counts them.
 *
 * Called by the manager for the doctor. Pure: regime and ledger in, findings out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor-regimes.h"

/* More would tell nobody more, and an admission costs the square of it. */
#define AT_HAND_MAX 64

#define SAMPLE_BUDGET_NS (2 * NSEC_PER_MSEC)
#define SAMPLE_PERIOD_NS (10 * NSEC_PER_MSEC)

struct hand {
	struct vrk_reservation r[AT_HAND_MAX];
	const char *domain[AT_HAND_MAX];
	size_t n;
	bool sample;		/* nothing is reserved: these are made up */
};

static void hand_fill(const struct ledger *ledger, struct hand *hand)
{
	hand->sample = ledger->n == 0;
	for (hand->n = 0; hand->n < AT_HAND_MAX && (hand->sample || hand->n < ledger->n); hand->n++) {
		hand->r[hand->n] = hand->sample ? (struct vrk_reservation){ SAMPLE_BUDGET_NS, SAMPLE_PERIOD_NS, SAMPLE_PERIOD_NS } :
						  ledger->promises[hand->n].reservation;
		hand->domain[hand->n] = hand->sample ? NULL : ledger->promises[hand->n].domain;
	}
}

static int set_fits(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, bool *ret)
{
	struct vrk_verdict v = { 0 };
	int e;

	e = vrk_admit(host, r, n, &v, NULL);
	if (e == 0)
		*ret = v.ok;
	return e;
}

/* All on @cpus together. Of a sample the first that does not fit is the end: all others are like it. */
static int count_together(struct vrk_host host, uint32_t cpus, const struct hand *hand, size_t *ret)
{
	struct vrk_reservation in[AT_HAND_MAX];
	bool fits = true;
	size_t n = 0;
	int r = 0;

	host.cpus = cpus;
	for (size_t i = 0; r >= 0 && cpus > 0 && i < hand->n && (fits || !hand->sample); i++) {
		in[n] = hand->r[i];
		r = set_fits(&host, in, n + 1, &fits);
		n += r >= 0 && fits;
	}
	*ret = n;
	return r;
}

/* Each on the first of @cpus that takes it; @alone: beside its own domain's only, and those that are made up have one each. */
static int count_apart(struct vrk_host host, uint32_t cpus, bool alone, const struct hand *hand, size_t *ret)
{
	bool in[AT_HAND_MAX] = { false };
	size_t n = 0;
	int r = 0;

	host.cpus = 1;
	for (uint32_t cpu = 0; r >= 0 && cpu < cpus && n < hand->n; cpu++) {
		struct vrk_reservation here[AT_HAND_MAX];
		const char *domain = NULL;
		size_t n_here = 0;
		bool fits = true;

		for (size_t i = 0; r >= 0 && i < hand->n && (fits || !hand->sample); i++) {
			if (in[i] || (alone && n_here > 0 && (!domain || strcmp(domain, hand->domain[i]) != 0)))
				continue;
			domain = hand->domain[i];
			here[n_here] = hand->r[i];
			r = set_fits(&host, here, n_here + 1, &fits);
			in[i] = r >= 0 && fits;
			n_here += in[i];
		}
		n += n_here;
	}
	*ret = n;
	return r;
}

/* "3 of the 5 reservations at hand fit", "12 of 2ms in every 10ms fit" */
static int fit_text(const struct hand *hand, size_t n, char text[96])
{
	if (hand->sample)
		return snprintf(text, 96, "%s%zu of 2ms in every 10ms would fit", n == AT_HAND_MAX ? "at least " : "", n);
	return snprintf(text, 96, "%zu of the %zu reservations at hand would fit", n, hand->n);
}

struct regimes {
	const struct regime *regime;
	struct vrk_host host;
	struct hand hand;
	uint32_t cpus;			/* all but one */
};

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static int finding_set(struct finding *f, const char *check, bool possible, int written)
{
	f->check = check;
	f->level = possible ? FINDING_OK : FINDING_NOTE;
	if (written >= 0)
		return 0;
	f->text = NULL;
	return -ENOMEM;
}

static int regime_root_domain(const struct regimes *q, struct finding *f)
{
	char fit[96];
	size_t n;
	int r;

	r = count_together(q->host, q->regime->n_cpus, &q->hand, &n);
	if (r < 0)
		return r;
	fit_text(&q->hand, n, fit);
	return finding_set(f, "regime-root-domain", true,
			   asprintf(&f->text, "possible, what a reservation without --cpu gets: %s on all %u CPU%s", fit, q->regime->n_cpus,
				    plural(q->regime->n_cpus)));
}

static int regime_exclusive(const struct regimes *q, struct finding *f)
{
	const struct regime *g = q->regime;
	bool possible = g->remote_partitions == YES && g->kind != REGIME_PINNED && q->cpus > 0;
	char fit[96];
	size_t n;
	int r;

	r = count_apart(q->host, q->cpus, true, &q->hand, &n);
	if (r < 0)
		return r;
	fit_text(&q->hand, n, fit);
	return finding_set(f, "regime-exclusive", possible,
			   asprintf(&f->text, "%s: %s on %u CPU%s, each for one domain",
				    possible		     ? "possible, what --cpu gives to libvirt's domains" :
				    q->cpus == 0	     ? "not possible, since the only CPU has to stay" :
				    g->kind == REGIME_PINNED ? "not possible, since --cpu pins where sched_rt_runtime_us is -1" :
				    g->partitions != YES     ? "not possible, since it needs control groups of version 2 with cpuset" :
							       "not possible, since it needs kernel 6.7",
				    fit, q->cpus, plural(q->cpus)));
}

static int regime_shared(const struct regimes *q, struct finding *f)
{
	bool possible = q->regime->partitions == YES && q->cpus > 0;
	size_t together, apart;
	char fit[96];
	int r;

	r = count_together(q->host, q->cpus, &q->hand, &together);
	if (r >= 0)
		r = count_apart(q->host, q->cpus, false, &q->hand, &apart);
	if (r < 0)
		return r;
	fit_text(&q->hand, together, fit);
	return finding_set(f, "regime-shared", possible,
			   asprintf(&f->text, "%s: %s in one slice of %u CPU%s, %zu in slices of one CPU each",
				    possible	 ? "possible, what --cpu gives to domains in virtrk.slice" :
				    q->cpus == 0 ? "not possible, since the only CPU has to stay" :
						   "not possible, since it needs control groups of version 2 with cpuset",
				    fit, q->cpus, plural(q->cpus), apart));
}

static int regime_pinned(const struct regimes *q, struct finding *f)
{
	bool possible = q->regime->kind == REGIME_PINNED && q->cpus > 0;
	struct vrk_host host = q->host;
	char fit[96];
	size_t n;
	int r;

	host.kernel_limit_bw = VRK_BW_UNLIMITED;
	r = count_apart(host, q->cpus, false, &q->hand, &n);
	if (r < 0)
		return r;
	fit_text(&q->hand, n, fit);
	return finding_set(f, "regime-pinned", possible,
			   asprintf(&f->text, "%s: %s on %u CPU%s, several to one",
				    possible	 ? "possible, what --cpu gives to all that are not in virtrk.slice" :
				    q->cpus == 0 ? "not possible, since the only CPU has to stay" :
						   "not possible, since the administrator has not set sched_rt_runtime_us to -1",
				    fit, q->cpus, plural(q->cpus)));
}

int doctor_regimes(const struct regime *regime, const struct ledger *ledger, struct finding **ret, size_t *ret_n)
{
	static int (*const rows[])(const struct regimes *q, struct finding *f) = {
		regime_root_domain, regime_exclusive, regime_shared, regime_pinned,
	};
	struct regimes q = { .regime = regime, .cpus = regime->n_cpus > 0 ? regime->n_cpus - 1 : 0 };
	struct finding *findings = calloc(ARRAY_SIZE(rows), sizeof(*findings));
	int r = 0;

	if (!findings)
		return -ENOMEM;
	admit_host(regime, &q.host);
	hand_fill(ledger, &q.hand);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++)
		r = rows[i](&q, &findings[i]);
	if (r < 0) {
		doctor_findings_free(findings, ARRAY_SIZE(rows));
		return r;
	}
	*ret = findings;
	*ret_n = ARRAY_SIZE(rows);
	return 0;
}
