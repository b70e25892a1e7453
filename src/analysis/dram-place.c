/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tasks that ask much of DRAM belong on one core: they run one after the other there, and cannot stand in each other's way. From a
 * placement that is given, one task at a time goes to the core where the predicted delays of all cores together shrink most, so
 * the sum never grows (the idea: Kim and others, Real-Time Systems 52, 2016, who cut a graph). An ESTIMATE, as all of dram.c.
 */
#include "dram.h"

static uint64_t sum_of(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, const struct vrk_dram_task *tasks,
		       size_t n_tasks, nsec_t t_ns)
{
	uint64_t sum = 0;

	for (size_t p = 0; p < n; p++) {
		bool used = false;

		for (size_t i = 0; i < n_tasks; i++)
			used |= tasks[i].core == p;
		if (used)
			sum = sum_up(sum, vrk_dram_jobs(dram, banks, n, p, tasks, n_tasks, t_ns));
	}
	return sum;
}

/* Does core @p take the task besides what it has? */
static bool room_for(const struct vrk_dram_task *tasks, size_t n_tasks, size_t i, size_t p)
{
	u128 load = frac_up(tasks[i].wcet_ns, tasks[i].period_ns);

	for (size_t k = 0; k < n_tasks; k++)
		if (k != i && tasks[k].core == p)
			load += frac_up(tasks[k].wcet_ns, tasks[k].period_ns);
	return load <= FRAC_ONE;
}

/* The best single move; false = none makes the sum smaller. */
static bool move_best(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, struct vrk_dram_task *tasks, size_t n_tasks,
		      nsec_t t_ns, uint64_t *sum)
{
	size_t who = n_tasks;
	uint32_t where = 0;

	for (size_t i = 0; i < n_tasks; i++) {
		uint32_t from = tasks[i].core;

		for (uint32_t p = 0; p < n; p++) {
			uint64_t then;

			if (p == from || !room_for(tasks, n_tasks, i, p))
				continue;
			tasks[i].core = p;
			then = sum_of(dram, banks, n, tasks, n_tasks, t_ns);
			if (then < *sum) {
				*sum = then;
				who = i;
				where = p;
			}
		}
		tasks[i].core = from;
	}
	if (who < n_tasks)
		tasks[who].core = where;
	return who < n_tasks;
}

int vrk_dram_place(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, struct vrk_dram_task *tasks, size_t n_tasks,
		   nsec_t t_ns, uint64_t ret_ps[2])
{
	int err = dram_question_check(dram, n, tasks, n_tasks);

	if (err < 0)
		return err;
	ret_ps[0] = ret_ps[1] = sum_of(dram, banks, n, tasks, n_tasks, t_ns);
	for (size_t moves = 0; moves < n_tasks * n; moves++)
		if (!move_best(dram, banks, n, tasks, n_tasks, t_ns, &ret_ps[1]))
			break;
	return 0;
}
