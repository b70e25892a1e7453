/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What requests to DRAM wait for those of other cores: an ESTIMATE, see memory.h for the model and for who contradicts it. Two
 * views, of which the better counts: each of my requests meets the worst that others can do to one ("request-driven"), or all that
 * others ask for in a window gets in my way once ("job-driven"). Cores with a bank in common disturb rows and queue there; all
 * others only share the bus:
 *	RD(p) = RDi(p) + turn + if anybody shares: row + reorder (hit + k transfer) + sum over sharing q of (conflict + RDi(q))
 *	RDi(q) = (precharge + activate + transfer) for each who may be at another bank than q
 *	JD(p) = JDi(p) + sum over sharing q of (A(q) (conflict + row + turn) + JDi(q)), A(q) = sum of (ceil(t/T) + 1) H,
 *	JDi(p) = sum over private q of A(q) (precharge + activate + transfer + turn)
 * (Kim and others, RTAS 2014.) What was printed, as far as is known here, has no turn and no row, and only who has no bank in common in RDi and k.
 * Against a controller simulated command by command that is not enough (tests/oracle/oracle-dram.c): a core goes on as soon as
 * its write is transferred, while bus and bank recover from it (turn; in row); alone, a request may have found its own row open,
 * which others have closed (row: recover, precharge and activate for itself); and who shares a bank, but has more than that, can be at
 * another one meanwhile, and stand in the way there. Called by experiments and by vrk_dram_place(). Nothing decides by it.
 */
#include <errno.h>

#include "dram.h"

#define CLOCKS_MAX ((uint32_t)1 << 16)
#define ROUNDS_MAX 10000

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* a - b clocks, at least none */
static uint64_t over(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return clamp64((u128)a * b);
}

int vrk_dram_delay(const struct vrk_dram *d, struct vrk_dram_delay *ret)
{
	const uint32_t all[] = { d->clock_ps, d->rp, d->rcd, d->cl, d->wl, d->bl, d->wtr, d->wr, d->rrd, d->faw, d->reorder };
	uint64_t read = (uint64_t)d->cl + d->bl / 2, write = (uint64_t)d->wl + d->bl / 2;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] >= CLOCKS_MAX)
			return -ERANGE;
	if (d->clock_ps == 0 || d->bl == 0 || (d->rfc_ps > 0 && d->refi_ps == 0))
		return -EINVAL;
	ret->precharge_ps = d->clock_ps;
	ret->activate_ps = most(d->rrd, over(d->faw, 3ULL * d->rrd)) * d->clock_ps;
	ret->transfer_ps = most(write + d->wtr, over(read + 2, d->wl)) * d->clock_ps;
	ret->hit_ps = most(most(read, write + most(d->wtr, d->wr)) * d->clock_ps, ret->transfer_ps);
	ret->conflict_ps = (uint64_t)(d->rp + d->rcd) * d->clock_ps + ret->hit_ps;
	ret->turn_ps = (uint64_t)d->wtr * d->clock_ps;
	ret->row_ps = (uint64_t)(d->wr + d->rp + d->rcd) * d->clock_ps + ret->activate_ps;
	return 0;
}

static uint64_t on_the_bus(const struct vrk_dram_delay *d)
{
	return d->precharge_ps + d->activate_ps + d->transfer_ps;
}

static bool shares(const struct vrk_colors *banks, size_t p, size_t q)
{
	return colors_meet(&banks[p], &banks[q]) >= 0;
}

/* In a window of delay there are refreshes, too. */
static uint64_t refreshed(const struct vrk_dram *dram, uint64_t ps)
{
	return dram->rfc_ps == 0 ? ps : sum_up(ps, times(ceil_div(ps, dram->refi_ps), dram->rfc_ps));
}

/* Can @q ask a bank for something while @p is at another? Not where both have one and the same. */
static bool elsewhere(const struct vrk_colors *banks, size_t p, size_t q)
{
	return !shares(banks, p, q) || vrk_colors_count(&banks[p]) > 1 || vrk_colors_count(&banks[q]) > 1;
}

/* How many may be at other banks than @q while @p waits. */
static size_t others_elsewhere(const struct vrk_colors *banks, size_t n, size_t q, size_t p)
{
	size_t others = 0;

	for (size_t r = 0; r < n; r++)
		others += r != q && r != p && elsewhere(banks, q, r);
	return others;
}

/* Each row hit that overtakes a request of @p may wait for all who are at other banks, but not for the one whose hit it is. */
static uint64_t hit_delay(const struct vrk_dram_delay *d, const struct vrk_colors *banks, size_t n, size_t p)
{
	size_t others = others_elsewhere(banks, n, p, p);

	return sum_up(d->hit_ps, times(others > n - 2 ? n - 2 : others, d->transfer_ps));
}

uint64_t vrk_dram_request(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p)
{
	struct vrk_dram_delay d;
	uint64_t ps;
	bool any = false;

	if (vrk_dram_delay(dram, &d) < 0)
		return UINT64_MAX;
	ps = sum_up(times(others_elsewhere(banks, n, p, p), on_the_bus(&d)), n > 1 ? d.turn_ps : 0);
	for (size_t q = 0; q < n; q++)
		if (q != p && shares(banks, p, q)) {
			any = true;
			ps = sum_up(ps, d.conflict_ps);
			ps = sum_up(ps, times(others_elsewhere(banks, n, q, p), on_the_bus(&d)));
		}
	if (any)
		ps = sum_up(ps, sum_up(d.row_ps, times(dram->reorder, hit_delay(&d, banks, n, p))));
	return refreshed(dram, ps);
}

int vrk_dram_curve(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p, const nsec_t *wcet_ns,
		   const uint64_t *requests, size_t colors, nsec_t *ret)
{
	struct vrk_dram_delay d;
	uint64_t ps;
	int err = vrk_dram_delay(dram, &d);

	if (err < 0 || p >= n)
		return err < 0 ? err : -EINVAL;
	ps = vrk_dram_request(dram, banks, n, p);
	for (size_t k = 0; k < colors; k++) {
		u128 late = ((u128)requests[k] * ps + 999) / 1000;

		ret[k] = late >= NSEC_MAX || wcet_ns[k] >= NSEC_MAX - (nsec_t)late ? NSEC_MAX : wcet_ns[k] + (nsec_t)late;
	}
	vrk_wcet_raise(ret, colors);
	return 0;
}

/* What core @q may ask for in a window, with a job carried in. */
static uint64_t asked(const struct vrk_dram_task *tasks, size_t n_tasks, size_t q, nsec_t t_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n_tasks; i++)
		if (tasks[i].core == q)
			sum = sum_up(sum, times(ceil_div(t_ns, tasks[i].period_ns) + 1, tasks[i].requests));
	return sum;
}

static uint64_t private_jobs(const struct vrk_dram_delay *d, const struct vrk_colors *banks, size_t n, size_t p,
			     const struct vrk_dram_task *tasks, size_t n_tasks, nsec_t t_ns)
{
	uint64_t ps = 0;

	for (size_t q = 0; q < n; q++)
		if (q != p && !shares(banks, p, q))
			ps = sum_up(ps, times(asked(tasks, n_tasks, q, t_ns), on_the_bus(d) + d->turn_ps));
	return ps;
}

uint64_t vrk_dram_jobs(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p,
		       const struct vrk_dram_task *tasks, size_t n_tasks, nsec_t t_ns)
{
	struct vrk_dram_delay d;
	uint64_t ps;

	if (vrk_dram_delay(dram, &d) < 0)
		return UINT64_MAX;
	ps = private_jobs(&d, banks, n, p, tasks, n_tasks, t_ns);
	for (size_t q = 0; q < n; q++)
		if (q != p && shares(banks, p, q)) {
			ps = sum_up(ps, times(asked(tasks, n_tasks, q, t_ns), d.conflict_ps + d.row_ps + d.turn_ps));
			ps = sum_up(ps, private_jobs(&d, banks, n, q, tasks, n_tasks, t_ns));
		}
	return refreshed(dram, ps);
}

int dram_question_check(const struct vrk_dram *dram, size_t n, const struct vrk_dram_task *tasks, size_t n_tasks)
{
	struct vrk_dram_delay d;

	for (size_t i = 0; i < n_tasks; i++)
		if (tasks[i].wcet_ns == 0 || tasks[i].period_ns == 0 || tasks[i].deadline_ns > tasks[i].period_ns ||
		    tasks[i].period_ns > NSEC_MAX || tasks[i].core >= n)
			return -EINVAL;
	return vrk_dram_delay(dram, &d);
}

/* One step of the fixpoint of task @i, from a window of @t_ns. */
static uint64_t demand(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, const struct vrk_dram_task *tasks,
		       size_t n_tasks, size_t i, nsec_t t_ns, uint64_t request_ps)
{
	uint64_t work = tasks[i].wcet_ns, requests = tasks[i].requests, jobs_ps, ps;

	for (size_t h = 0; h < i; h++)
		if (tasks[h].core == tasks[i].core) {
			work = sum_up(work, times(ceil_div(t_ns, tasks[h].period_ns), tasks[h].wcet_ns));
			requests = sum_up(requests, times(ceil_div(t_ns, tasks[h].period_ns), tasks[h].requests));
		}
	jobs_ps = vrk_dram_jobs(dram, banks, n, tasks[i].core, tasks, n_tasks, t_ns);
	ps = times(requests, request_ps);
	return sum_up(work, ceil_div(ps < jobs_ps ? ps : jobs_ps, 1000));
}

int vrk_dram_fp(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, const struct vrk_dram_task *tasks, size_t n_tasks,
		nsec_t *ret_response_ns)
{
	int err = dram_question_check(dram, n, tasks, n_tasks);

	if (err < 0)
		return err;
	for (size_t i = 0; i < n_tasks; i++) {
		uint64_t request_ps = vrk_dram_request(dram, banks, n, tasks[i].core);
		uint64_t t = tasks[i].wcet_ns, next = t;

		ret_response_ns[i] = NSEC_MAX;
		for (unsigned int round = 0; round < ROUNDS_MAX && next <= tasks[i].deadline_ns; round++) {
			t = next;
			next = demand(dram, banks, n, tasks, n_tasks, i, t, request_ps);
			if (next == t) {
				ret_response_ns[i] = t;
				break;
			}
		}
	}
	return 0;
}
