/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed-priority tasks inside a reservation: response times by supply. For a task i without suspensions the q-th job of a busy
 * period is done at the least t = inv(q C_i + B_i + sum_hp ceil((t + J_h)/T_h) C_h), and its response is t - (q-1) T_i + J_i;
 * the next job matters only when this one is not done before its arrival (Lehoczky, RTSS 1990, with the supply in place of
 * the processor; proved for restricted supply in Prosa).
 *
 * Suspensions. While a task sleeps its vCPU may halt, and a halted vCPU's supply starts anew: treating sleep as execution
 * under one supply function is wrong on Linux (a budget of 8 in 10, three pieces of 1 and sleeps of 3 and 2 take 14, not 12).
 * With S suspensions of Bs together there are at most S+1 intervals:
 *	t = Bs + (intervals' supply of W(t) in S+1 pieces),	idling vCPUs also: t = inv(W(t) + Bs), whichever is less.
 * A suspending h interferes with jitter J_h + R_h - C_h (not with the length of its sleep), which needs R_h <= T_h.
 *
 * Called by vrk_guest_check(), by sizing and by system analysis. No allocation but the order of priorities. Sizing asks the same
 * guest thousands of times and wants a yes or a no: fp_ask_fits() stops at the first task that misses, and where nothing
 * suspends (so that no response needs another) it begins with the one that missed the last time.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <virtrk/analysis.h>

#include "internal.h"
#include "supply.h"

#define STEPS_MAX 100000
#define JOBS_MAX 100000
#define TERMS_MAX 10000000000ULL	/* of all sums of one question: a minute or so; what is left then has no bound */
#define SORT_FEW 32

struct rank {
	uint32_t priority;
	size_t task;
	nsec_t response;
};

struct fp {
	const struct vrk_supply *s;
	enum vrk_supply_mode mode;
	const struct vrk_task *t;
	struct rank *rank;	/* by priority */
	size_t n;
	uint64_t *terms;	/* added up so far */
};

static int by_priority(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

int tasks_check(const struct vrk_task *t, size_t n)
{
	if (n > N_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (t[i].wcet_ns == 0 || t[i].period_ns == 0 || t[i].deadline_ns == 0)
			return -EINVAL;
		if (t[i].wcet_ns > TASK_MAX || t[i].period_ns > TASK_MAX || t[i].deadline_ns > TASK_MAX ||
		    t[i].jitter_ns > TASK_MAX || t[i].blocking_ns > TASK_MAX || t[i].suspension_ns > TASK_MAX)
			return -ERANGE;
	}
	return 0;
}

static bool suspends(const struct vrk_task *t)
{
	return t->suspensions > 0 || t->suspension_ns > 0;
}

/* All that may go before the task of rank @k in a window of @window: higher priorities, and equal ones. */
static u128 interference(const struct fp *f, size_t k, nsec_t window)
{
	u128 sum = 0;

	for (size_t j = 0; j < f->n; j++) {
		const struct vrk_task *h = &f->t[f->rank[j].task];
		nsec_t jitter = h->jitter_ns;

		if (f->rank[j].priority > f->rank[k].priority)
			break;
		if (j == k)
			continue;
		/* of an equal that comes later in the order only its deadline is known; if it misses that, all is a no anyway */
		if (suspends(h))
			jitter = (j < k ? f->rank[j].response : h->deadline_ns) - h->wcet_ns;
		sum += (u128)ceil_div(window + jitter, h->period_ns) * h->wcet_ns;
	}
	return sum;
}

static nsec_t finish(const struct fp *f, const struct vrk_task *t, u128 work, nsec_t from)
{
	nsec_t apart, together;

	if (!suspends(t))
		return supply_inverse(f->s, work, 1, from);
	apart = supply_inverse(f->s, work, (uint64_t)t->suspensions + 1, 0);
	if (apart < NSEC_MAX)
		apart += t->suspension_ns;
	if (f->mode != VRK_SUPPLY_IDLING)
		return apart;
	together = supply_inverse(f->s, work + t->suspension_ns, 1, 0);
	return together < apart ? together : apart;
}

/* When the q-th job of the busy period is done; NSEC_MAX = after @limit, or never. */
static nsec_t job_done(const struct fp *f, size_t k, uint64_t q, nsec_t from, nsec_t limit)
{
	const struct vrk_task *t = &f->t[f->rank[k].task];
	u128 own = (u128)q * t->wcet_ns + t->blocking_ns;
	nsec_t window = from, next;

	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		*f->terms += k + 1;
		if (*f->terms > TERMS_MAX)
			return NSEC_MAX;
		/* work only grows with the window, and so does its end: the last one is a good place to start from */
		next = finish(f, t, own + interference(f, k, window), window);
		if (next > limit)
			return NSEC_MAX;
		if (next <= window)
			return window;
		window = next;
	}
	return NSEC_MAX;
}

/* From arrival; NSEC_MAX = more than the deadline. */
static nsec_t response(const struct fp *f, size_t k)
{
	const struct vrk_task *t = &f->t[f->rank[k].task];
	nsec_t worst = 0, done = 0;

	if (t->jitter_ns > t->deadline_ns)
		return NSEC_MAX;
	for (uint64_t q = 1; q <= JOBS_MAX; q++) {
		nsec_t before = (nsec_t)(q - 1) * t->period_ns;		/* q, T < 2^17, 2^45 */

		done = job_done(f, k, q, done, before + t->deadline_ns - t->jitter_ns);
		if (done == NSEC_MAX)
			return NSEC_MAX;
		if (done + t->jitter_ns > before + worst)
			worst = done + t->jitter_ns - before;
		if (done + t->jitter_ns <= before + t->period_ns)
			return worst;
	}
	return NSEC_MAX;
}

static void verdict_of(struct vrk_verdict *v, const struct vrk_task *t, size_t index, nsec_t r)
{
	*v = (struct vrk_verdict){
		.ok = r <= t->deadline_ns,
		.test = VRK_TEST_GUEST_FP,
		.unit = VRK_SIDE_NS,
		.lhs = r,
		.rhs = t->deadline_ns,
		.index = index,
	};
}

static void fp_run(struct fp *f, struct vrk_verdict *v)
{
	bool lost = !supply_sane(f->s);		/* what comes after a miss has no bound either */

	*v = (struct vrk_verdict){ .ok = true, .test = VRK_TEST_GUEST_FP, .unit = VRK_SIDE_NS, .index = SIZE_MAX };
	for (size_t k = 0; k < f->n; k++) {
		const struct vrk_task *t = &f->t[f->rank[k].task];
		nsec_t r = NSEC_MAX;

		if (!lost && !(suspends(t) && (t->deadline_ns > t->period_ns || t->wcet_ns > t->deadline_ns)))
			r = response(f, k);
		f->rank[k].response = r;
		if (r == NSEC_MAX && suspends(t))
			lost = true;
		/* the tightest yes, or the first no */
		if (v->ok && (r > t->deadline_ns || v->index == SIZE_MAX ||
			      (u128)r * v->rhs > (u128)v->lhs * t->deadline_ns))
			verdict_of(v, t, f->rank[k].task, r);
	}
}

/* Few are sorted by hand: qsort() allocates and calls. */
static void rank_sort(struct rank *rank, size_t n)
{
	if (n > SORT_FEW) {
		qsort(rank, n, sizeof(*rank), by_priority);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct rank x = rank[i];
		size_t k = i;

		for (; k > 0 && by_priority(&rank[k - 1], &x) > 0; k--)
			rank[k] = rank[k - 1];
		rank[k] = x;
	}
}

static int rank_new(const struct vrk_task *t, size_t n, struct rank **ret)
{
	struct rank *rank = calloc(n + 1, sizeof(*rank));

	if (!rank)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		rank[i] = (struct rank){ t[i].priority, i, 0 };
	rank_sort(rank, n);
	*ret = rank;
	return 0;
}

int vrk_guest_fp(const struct vrk_supply *s, enum vrk_supply_mode mode, const struct vrk_task *t, size_t n,
		 struct vrk_verdict *ret, nsec_t *ret_response_ns)
{
	uint64_t terms = 0;
	struct fp f = { .s = s, .mode = mode, .t = t, .n = n, .terms = &terms };
	int err = tasks_check(t, n);

	if (err < 0)
		return err;
	err = rank_new(t, n, &f.rank);
	if (err < 0)
		return err;
	fp_run(&f, ret);
	for (size_t k = 0; ret_response_ns && k < n; k++)
		ret_response_ns[f.rank[k].task] = f.rank[k].response;
	free(f.rank);
	return 0;
}

int fp_ask_init(struct fp_ask *ask, const struct vrk_guest *g)
{
	int err = tasks_check(g->tasks, g->n);

	*ask = (struct fp_ask){ .g = g, .apart = true };
	if (err < 0)
		return err;
	for (size_t i = 0; i < g->n; i++)
		ask->apart &= !suspends(&g->tasks[i]);
	return rank_new(g->tasks, g->n, &ask->rank);
}

void fp_ask_done(struct fp_ask *ask)
{
	free(ask->rank);
	*ask = (struct fp_ask){ .g = NULL };
}

bool fp_ask_fits(struct fp_ask *ask, const struct vrk_supply *s)
{
	uint64_t terms = 0;
	const struct fp f = { .s = s, .mode = ask->g->mode, .t = ask->g->tasks, .rank = ask->rank, .n = ask->g->n, .terms = &terms };

	if (!supply_sane(s))
		return f.n == 0;
	if (ask->apart && ask->last_no < f.n && response(&f, ask->last_no) == NSEC_MAX)
		return false;
	for (size_t k = 0; k < f.n; k++) {
		const struct vrk_task *t = &f.t[f.rank[k].task];

		if (suspends(t) && (t->deadline_ns > t->period_ns || t->wcet_ns > t->deadline_ns))
			return false;
		f.rank[k].response = response(&f, k);
		if (f.rank[k].response == NSEC_MAX) {
			ask->last_no = k;
			return false;
		}
	}
	return true;
}
