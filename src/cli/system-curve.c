/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks whose time depends on how many cache colours their VM has for itself ("wcet_by_colors"), and the division of the host's colours
 * among VMs that leave it to the plan ("cache_colors": "best").
 *
 * The curve is of a task alone, with an empty cache at the start of each job, and so many colours. Beside the other tasks of its vCPU it
 * loses lines: whoever starts a job displaces at most what these colours hold, and all who were interrupted together load at most as much
 * again. So each job is charged colours * color_reload more (every block of the colours both evicting and useful; the bound by colours of Kim,
 * Kandhalu, Rajkumar, ECRTS 2013, without looking at who uses which). That counts one start for each job, so the tasks may not suspend
 * themselves, nor hold what others wait for, nor have interrupt handlers beside them; and nobody may run at the same time in
 * these colours: one vCPU, and no other VM.
 *
 * Called by system-document.c and the plan. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "system-memory.h"
#include "system-reader.h"

#define WHOLE_CPU (UINT64_C(1) << 32)

void system_curves_done(struct system_document *d)
{
	for (size_t i = 0; d->curves && i < d->n_tasks; i++)
		free(d->curves[i].wcet_ns);
	free(d->curves);
	d->curves = NULL;
}

/* ---- reading ---- */

int curve_read(struct reader *reader, const struct value *array, const struct place *task, nsec_t *ret_wcet_ns)
{
	struct system_document *d = reader->document;
	struct system_curve *curve;
	struct place place;

	place_key(&place, task, "wcet_by_colors");
	if (d->memory.host.colors == 0)
		return place_broken(&place, reader->reterr, "the host has no colours: host.memory is missing");
	if (array->type != VALUE_ARRAY || array->n == 0 || array->n > VRK_COLORS_MAX)
		return place_broken(&place, reader->reterr, "must be an array of 1 to %d times: with 1 colour, with 2, ...", VRK_COLORS_MAX);
	if (!d->curves)
		d->curves = calloc(d->tasks_max + 1, sizeof(*d->curves));
	if (!d->curves)
		return -ENOMEM;
	curve = &d->curves[d->n_tasks];
	curve->wcet_ns = calloc(array->n, sizeof(*curve->wcet_ns));
	if (!curve->wcet_ns)
		return -ENOMEM;
	for (const struct value *v = array->first; v; v = v->next) {
		struct place at;
		int r;

		place_index(&at, &place, curve->n);
		r = reader_value_time(reader, v, &at, &curve->wcet_ns[curve->n]);
		if (r < 0)
			return r;
		if (curve->wcet_ns[curve->n++] == 0)
			return place_broken(&at, reader->reterr, "must be above zero");
	}
	vrk_wcet_raise(curve->wcet_ns, curve->n);
	*ret_wcet_ns = curve->wcet_ns[0];
	return 0;
}

/* ---- what a curve needs ---- */

static bool vcpu_has_curve(const struct system_document *d, const struct system_vcpu *vcpu)
{
	for (size_t i = 0; d->curves && i < vcpu->n_tasks; i++)
		if (d->curves[vcpu->first_task + i].n > 0)
			return true;
	return false;
}

/* Of that VM; n = it wants no memory. */
static size_t request_of(const struct system_document *d, const char *vm)
{
	size_t i = 0;

	while (i < d->memory.n && d->memory.names[i] != vm)
		i++;
	return i;
}

static bool vm_is_interrupted(const struct system_document *d, const char *vm)
{
	for (size_t i = 0; i < d->n_irqs; i++) {
		size_t v = d->irqs[i].vcpu;

		if (v < d->n_vcpus && d->names[v].vm == vm)
			return true;
	}
	return false;
}

static const char *broken_rule(const struct system_document *d, size_t v)
{
	const struct system_vcpu *vcpu = &d->names[v];
	size_t request = request_of(d, vcpu->vm);

	if (!d->memory.reload_given)
		return "tasks have wcet_by_colors, so host.memory.color_reload is needed: the time to load all lines of one colour again";
	if (request == d->memory.n || d->memory.wishes[request].colors == VRK_COLORS_LEFT || !d->memory.requests[request].exclusive_colors)
		return "tasks have wcet_by_colors: their VM needs memory with cache_colors and exclusive, or others displace what they use";
	for (size_t k = 0; k < d->n_vcpus; k++)
		if (k != v && d->names[k].vm == vcpu->vm)
			return "tasks have wcet_by_colors: their VM can have one vCPU only, since two displace each other's lines at any time";
	if (vm_is_interrupted(d, vcpu->vm))
		return "tasks have wcet_by_colors: handlers of interrupts beside them are not covered";
	for (size_t i = 0; i < vcpu->n_tasks; i++)
		if (d->tasks[vcpu->first_task + i].suspensions > 0 || d->tasks[vcpu->first_task + i].blocking_ns > 0)
			return "tasks have wcet_by_colors: suspensions and blocking beside them are not covered";
	for (size_t i = 0; i < d->locks.n_sections; i++)
		if (d->locks.sections[i].task >= vcpu->first_task && d->locks.sections[i].task < vcpu->first_task + vcpu->n_tasks)
			return "tasks have wcet_by_colors: critical sections beside them are not covered";
	return NULL;
}

/* A task without a curve takes as long with any number of colours; it displaces lines, and loses them, as the others. */
static int curves_complete(struct system_document *d, const struct system_vcpu *vcpu)
{
	for (size_t i = vcpu->first_task; i < vcpu->first_task + vcpu->n_tasks; i++) {
		struct system_curve *curve = &d->curves[i];

		if (curve->n > 0)
			continue;
		curve->wcet_ns = malloc(sizeof(*curve->wcet_ns));
		if (!curve->wcet_ns)
			return -ENOMEM;
		curve->wcet_ns[0] = d->tasks[i].wcet_ns;
		curve->n = 1;
	}
	return 0;
}

int curves_finish(struct reader *reader)
{
	struct system_document *d = reader->document;

	for (size_t i = 0; i < d->memory.n; i++) {
		bool any = false;

		for (size_t v = 0; v < d->n_vcpus; v++)
			any |= d->names[v].vm == d->memory.names[i] && vcpu_has_curve(d, &d->names[v]);
		if (d->memory.wishes[i].colors == SYSTEM_COLORS_BEST && !any)
			return vr_error_set(reader->reterr, -EBADMSG, VR_BAD_CONFIG,
					    "%s: cache_colors are to be the best, but none of its tasks has wcet_by_colors", d->memory.names[i]);
	}
	for (size_t v = 0; v < d->n_vcpus; v++) {
		const char *broken;
		int r;

		if (!vcpu_has_curve(d, &d->names[v]))
			continue;
		broken = broken_rule(d, v);
		if (broken)
			return vr_error_set(reader->reterr, -EBADMSG, VR_BAD_CONFIG, "%s/vcpu%" PRIu32 ": %s", d->names[v].vm, d->names[v].index,
					    broken);
		r = curves_complete(d, &d->names[v]);
		if (r < 0)
			return r;
	}
	system_curves_apply(d);
	return 0;
}

/* ---- times ---- */

/* With @colors >= 1. */
static nsec_t curve_at(const struct system_document *d, size_t task, uint32_t colors)
{
	const struct system_curve *curve = &d->curves[task];
	nsec_t reload = 0, all;

	if (__builtin_mul_overflow(d->memory.reload_ns, (nsec_t)colors, &reload) ||
	    __builtin_add_overflow(curve->wcet_ns[(colors < curve->n ? colors : curve->n) - 1], reload, &all) || all > NSEC_MAX)
		return NSEC_MAX;
	return all;
}

/* 0 = that is for the plan to say. */
static uint32_t colors_known(const struct system_memory *m, size_t i)
{
	if (m->wishes[i].colors == 0)
		return vrk_colors_count(&m->requests[i].colors);
	return m->wishes[i].colors == SYSTEM_COLORS_BEST || m->wishes[i].colors == VRK_COLORS_LEFT ? 0 : m->wishes[i].colors;
}

void system_curves_apply(struct system_document *d)
{
	for (size_t v = 0; v < d->n_vcpus; v++) {
		size_t request = request_of(d, d->names[v].vm);
		uint32_t colors = vcpu_has_curve(d, &d->names[v]) ? colors_known(&d->memory, request) : 0;

		for (size_t i = 0; colors > 0 && i < d->names[v].n_tasks; i++)
			d->tasks[d->names[v].first_task + i].wcet_ns = curve_at(d, d->names[v].first_task + i, colors);
	}
}

uint32_t system_curves_colors(const struct system_document *d, size_t v)
{
	size_t request = request_of(d, d->names[v].vm);

	return vcpu_has_curve(d, &d->names[v]) && request < d->memory.n ? colors_known(&d->memory, request) : 0;
}

nsec_t system_curves_reload(const struct system_document *d, size_t request)
{
	uint32_t colors = colors_known(&d->memory, request);
	nsec_t all;

	for (size_t v = 0; v < d->n_vcpus; v++)
		if (d->names[v].vm == d->memory.names[request] && vcpu_has_curve(d, &d->names[v]))
			return __builtin_mul_overflow(d->memory.reload_ns, (nsec_t)colors, &all) || all > NSEC_MAX ? NSEC_MAX : all;
	return 0;
}

/* ---- the best division ---- */

/*
 * How many colours are nobody's: those who named theirs have them, those who want a number get it, and the rest together as many as hold
 * their memory. Who shares is counted as if he did not, but for one: then a few more are kept than need be.
 */
static uint32_t colors_free(const struct system_memory *m)
{
	struct vrk_colors named = { { 0 } };
	uint64_t kept = 0, rest = 0;

	for (size_t i = 0; i < m->n; i++) {
		for (size_t w = 0; m->wishes[i].colors == 0 && w < ARRAY_SIZE(named.words); w++)
			named.words[w] |= m->requests[i].colors.words[w];
		if (m->wishes[i].colors == VRK_COLORS_LEFT)
			rest += m->requests[i].bytes;
		else if (m->wishes[i].colors != SYSTEM_COLORS_BEST)
			kept += m->wishes[i].colors;
	}
	kept += vrk_colors_count(&named);
	if (rest > 0)
		kept += vrk_colors_least(&m->host, rest) ?: m->host.colors;
	return kept < m->host.colors ? m->host.colors - (uint32_t)kept : 0;
}

/* What the tasks of a VM cost together with 0..@colors of them; never: somebody's deadline, or more than a CPU. */
static int costs_make(const struct system_document *d, size_t request, uint32_t colors, uint64_t *ret)
{
	uint32_t least = vrk_colors_least(&d->memory.host, d->memory.requests[request].bytes);
	_cleanup_(freep) nsec_t *wcet = calloc(colors + 1, sizeof(*wcet));
	_cleanup_(freep) uint64_t *one = calloc(colors + 1, sizeof(*one));

	if (!wcet || !one)
		return -ENOMEM;
	for (uint32_t k = 0; k <= colors; k++)
		ret[k] = k > 0 && least > 0 && k >= least ? 0 : VRK_COST_NEVER;
	for (size_t v = 0; v < d->n_vcpus; v++) {
		for (size_t i = 0; d->names[v].vm == d->memory.names[request] && i < d->names[v].n_tasks; i++) {
			const struct vrk_task *task = &d->tasks[d->names[v].first_task + i];
			int r;

			for (uint32_t k = 1; k <= colors; k++)
				wcet[k - 1] = curve_at(d, d->names[v].first_task + i, k);
			r = vrk_wcet_cost(wcet, colors, task->period_ns, task->deadline_ns, 1, one);
			if (r < 0)
				return r;
			for (uint32_t k = 0; k <= colors; k++)
				ret[k] = ret[k] == VRK_COST_NEVER || one[k] == VRK_COST_NEVER || ret[k] + one[k] > WHOLE_CPU ? VRK_COST_NEVER :
															  ret[k] + one[k];
		}
	}
	return 0;
}

int system_curves_divide(struct system_document *d, bool *ret_possible, uint32_t *ret_free)
{
	struct system_memory *m = &d->memory;
	_cleanup_(freep) uint64_t *costs = NULL;
	uint32_t colors = colors_free(m), parts[VRK_REQUESTS_MAX];
	size_t who[VRK_REQUESTS_MAX], n = 0;
	uint64_t total;
	int r = 0;

	*ret_possible = true;
	*ret_free = colors;
	for (size_t i = 0; i < m->n; i++)
		if (m->wishes[i].colors == SYSTEM_COLORS_BEST)
			who[n++] = i;
	if (n == 0)
		return 0;
	costs = calloc(n * (colors + 1), sizeof(*costs));
	if (!costs)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = costs_make(d, who[i], colors, &costs[i * (colors + 1)]);
	if (r >= 0)
		r = vrk_colors_divide(costs, n, colors, parts, &total);
	if (r < 0)
		return r;
	*ret_possible = total != VRK_COST_NEVER;
	for (size_t i = 0; *ret_possible && i < n; i++)
		m->wishes[who[i]].colors = parts[i];
	return 0;
}
