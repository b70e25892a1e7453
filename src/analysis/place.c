/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bin packing with vrk_admit() as the measure of a bin: first, best, worst fit in decreasing order of load, one step of local
 * search, and branch and bound for those who can wait. A placement is only a proposal with a proof: each CPU of it passes the
 * admission of a host with one CPU. Called by planning and by the daemon when it has partitions to choose from.
 *
 * What already runs is never moved: it is placed first, where it is. Loads are compared in the kernel's 2^20 units; they
 * choose, they do not decide.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtrk/system.h>

#include "internal.h"

#define STEPS_DEFAULT 100000

struct item {
	size_t index;
	bw_t load;
	bw_t density;
	bool fixed;
};

struct place {
	struct vrk_host host;			/* of one CPU */
	const struct vrk_reservation *r;
	const struct vrk_place *how;
	struct item *items;
	size_t n;
	uint32_t cpus;
	int32_t *cpu;				/* per reservation */
	bw_t *load;				/* per CPU */
	size_t *count;				/* per CPU */
	struct vrk_reservation *bin;		/* scratch: the CPU in question */
	struct vrk_verdict nearest;		/* noes for the item in hand */
	uint64_t steps, steps_max;
};

static int by_need(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->fixed != y->fixed)
		return x->fixed ? -1 : 1;
	if (x->load != y->load)
		return x->load > y->load ? -1 : 1;
	if (x->density != y->density)
		return x->density > y->density ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool allowed(const struct place *p, size_t i, uint32_t cpu)
{
	const struct vrk_place *how = p->how;

	if (how->exclusive && p->count[cpu] > 0)
		return false;
	for (size_t j = 0; how->group && how->group[i] && j < p->n; j++)
		if (j != i && p->cpu[j] == (int32_t)cpu && how->group[j] == how->group[i])
			return false;
	for (uint32_t c = 0; how->core && c < p->cpus; c++)
		if (c != cpu && how->core[c] == how->core[cpu] && p->count[c] > 0)
			return false;
	return true;
}

static void put(struct place *p, size_t i, int32_t cpu)
{
	int32_t from = p->cpu[i];
	bw_t load = vrk_bw(p->r[i].budget_ns, p->r[i].period_ns);

	if (from >= 0) {
		p->load[from] -= load;
		p->count[from]--;
	}
	if (cpu >= 0) {
		p->load[cpu] += load;
		p->count[cpu]++;
	}
	p->cpu[i] = cpu;
}

/* Would the CPU take it, besides what it has? Remembers how near the no was. */
static int takes(struct place *p, size_t i, uint32_t cpu, bool *ret)
{
	struct vrk_verdict v = { .ok = false };
	size_t n = 0;
	int err;

	*ret = false;
	p->steps++;
	if (!allowed(p, i, cpu))
		return 0;
	for (size_t j = 0; p->count[cpu] > n && j < p->n; j++)
		if (j != i && p->cpu[j] == (int32_t)cpu)
			p->bin[n++] = p->r[j];
	p->bin[n++] = p->r[i];
	err = vrk_admit(&p->host, p->bin, n, &v, NULL);
	if (err < 0)
		return err;
	*ret = v.ok;
	v.index = i;
	if (!v.ok && (p->nearest.test == VRK_TEST_PLACE ||
		      (v.unit == p->nearest.unit && (u128)v.lhs * p->nearest.rhs < (u128)p->nearest.lhs * v.rhs)))
		p->nearest = v;
	return 0;
}

/* The CPU that the method prefers among those that take it; -1 = none. */
static int choose(struct place *p, size_t i, int32_t *ret)
{
	enum vrk_place_method method = p->how->method;
	bw_t need = vrk_bw(p->r[i].budget_ns, p->r[i].period_ns);
	bool ok;
	int err;

	*ret = -1;
	p->nearest = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .rhs = 0, .index = i };
	for (uint32_t c = 0; c < p->cpus; c++) {
		bool better = *ret < 0 || (method == VRK_PLACE_BEST_FIT && p->load[c] > p->load[*ret]) ||
			(method == VRK_PLACE_WORST_FIT && p->load[c] < p->load[*ret]);

		/* a load above one CPU cannot pass; it is asked once, for its verdict, when nothing else is known */
		if (!better || (p->load[c] + need > BW_UNIT && p->nearest.test != VRK_TEST_PLACE))
			continue;
		err = takes(p, i, c, &ok);
		if (err < 0)
			return err;
		if (ok)
			*ret = (int32_t)c;
		if (ok && method != VRK_PLACE_BEST_FIT && method != VRK_PLACE_WORST_FIT)
			break;
	}
	return 0;
}

static bool movable(const struct place *p, size_t j)
{
	return p->cpu[j] >= 0 && (!p->how->fixed || p->how->fixed[j] < 0);
}

/* Move one that is placed to another CPU, so that @i fits where it was. */
static int improve(struct place *p, size_t i, int32_t *ret)
{
	struct vrk_verdict keep = p->nearest;
	int32_t from, to;
	bool ok;
	int err;

	for (size_t j = 0; j < p->n; j++) {
		if (j == i || !movable(p, j))
			continue;
		from = p->cpu[j];
		put(p, j, -1);
		err = takes(p, i, (uint32_t)from, &ok);
		to = -1;
		if (err == 0 && ok) {
			put(p, i, from);
			err = choose(p, j, &to);
			put(p, i, -1);
		}
		put(p, j, err == 0 && to >= 0 ? to : from);
		if (err < 0)
			return err;
		if (to >= 0) {
			*ret = from;
			break;
		}
	}
	p->nearest = keep;
	return 0;
}

static int place_greedy(struct place *p, struct vrk_verdict *v)
{
	for (size_t k = 0; k < p->n; k++) {
		size_t i = p->items[k].index;
		int32_t cpu;
		int err;

		if (p->items[k].fixed)
			continue;
		err = choose(p, i, &cpu);
		if (err == 0 && cpu < 0 && p->how->improve)
			err = improve(p, i, &cpu);
		if (err < 0)
			return err;
		if (cpu >= 0)
			put(p, i, cpu);
		else if (v->ok)
			*v = p->nearest;
	}
	return 0;
}

/* Depth first over the items from @k on. Empty CPUs are alike: only the first is tried. 1 = placed, 0 = not. */
static int place_exact(struct place *p, size_t k, struct vrk_verdict *v)
{
	size_t i;
	bool ok, empty_tried = false;
	int r;

	while (k < p->n && p->items[k].fixed)
		k++;
	if (k == p->n)
		return 1;
	i = p->items[k].index;
	p->nearest = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .rhs = 0, .index = i };
	for (uint32_t c = 0; c < p->cpus; c++) {
		if (p->steps >= p->steps_max)
			return 0;
		if (p->count[c] == 0 && !p->how->core && empty_tried)
			continue;
		empty_tried |= p->count[c] == 0;
		r = takes(p, i, c, &ok);
		if (r < 0)
			return r;
		if (!ok)
			continue;
		put(p, i, (int32_t)c);
		r = place_exact(p, k + 1, v);
		if (r != 0)
			return r;
		put(p, i, -1);
	}
	if (v->ok)
		*v = p->nearest;	/* the deepest place where it first went wrong */
	return 0;
}

/* What runs stays, whether its CPU passes or not; one that does not is the answer. */
static int place_fixed(struct place *p, struct vrk_verdict *v)
{
	for (size_t k = 0; k < p->n && p->items[k].fixed; k++) {
		size_t i = p->items[k].index;
		bool ok;
		int err;

		assert(p->how->fixed);	/* else no item would be */
		p->nearest = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = 1, .rhs = 0, .index = i };
		err = takes(p, i, (uint32_t)p->how->fixed[i], &ok);
		if (err < 0)
			return err;
		put(p, i, p->how->fixed[i]);
		if (!ok && v->ok)
			*v = p->nearest;
	}
	return 0;
}

static int place_run(struct place *p, struct vrk_verdict *v)
{
	int r;

	*v = (struct vrk_verdict){ .ok = true, .test = VRK_TEST_PLACE, .index = SIZE_MAX };
	r = place_fixed(p, v);
	if (r < 0 || !v->ok)
		return r;
	if (p->how->method != VRK_PLACE_EXACT)
		return place_greedy(p, v);
	p->steps = 0;
	r = place_exact(p, 0, v);
	if (r < 0)
		return r;
	if (r == 0 && p->steps >= p->steps_max)
		*v = (struct vrk_verdict){ .test = VRK_TEST_PLACE, .lhs = p->steps + 1, .rhs = p->steps_max, .index = v->index };
	else if (r > 0)
		*v = (struct vrk_verdict){ .ok = true, .test = VRK_TEST_PLACE, .index = SIZE_MAX };
	return 0;
}

static void place_done(struct place *p)
{
	free(p->items);
	free(p->load);
	free(p->count);
	free(p->bin);
}

static int place_init(struct place *p)
{
	p->host.cpus = 1;
	p->items = calloc(p->n + 1, sizeof(*p->items));
	p->load = calloc(p->cpus, sizeof(*p->load));
	p->count = calloc(p->cpus, sizeof(*p->count));
	p->bin = calloc(p->n + 1, sizeof(*p->bin));
	if (!p->items || !p->load || !p->count || !p->bin)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		p->cpu[i] = -1;
		p->items[i] = (struct item){ i, vrk_bw(p->r[i].budget_ns, p->r[i].period_ns),
					     vrk_bw(p->r[i].budget_ns, p->r[i].deadline_ns), p->how->fixed && p->how->fixed[i] >= 0 };
	}
	qsort(p->items, p->n, sizeof(*p->items), by_need);
	return 0;
}

int vrk_place(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, const struct vrk_place *how,
	      int32_t *ret_cpu, struct vrk_verdict *ret)
{
	struct place p = { .host = *host, .r = r, .how = how, .n = n, .cpus = host->cpus, .cpu = ret_cpu };
	struct vrk_verdict v;
	int err = host_check(host, n);

	if (err < 0)
		return err;
	if ((unsigned int)how->method >= _VRK_PLACE_MAX)
		return -EINVAL;
	for (size_t i = 0; how->fixed && i < n; i++)
		if (how->fixed[i] < -1 || how->fixed[i] >= (int64_t)host->cpus)
			return -EINVAL;
	p.steps_max = how->steps_max ? how->steps_max : STEPS_DEFAULT;
	err = place_init(&p);
	if (err == 0)
		err = place_run(&p, &v);
	if (err == 0)
		*ret = v;
	place_done(&p);
	return err;
}
