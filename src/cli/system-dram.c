/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What requests to DRAM wait for those of other CPUs ("dram" of the host's memory, "dram_requests" of tasks): an estimate beside the
 * answer (vrk_dram_curve()), in which each task is longer by all requests of a job. Everything else is analyzed as it was. "schedulable"
 * never rests on it.
 *
 * Each CPU that has vCPUs is a core, which may ask any bank that one of their VMs may have; without CPUs for vCPUs, each of these is one. The
 * host's own programs, and VMs that are not described, are not there.
 *
 * Called by system-memory.c and system-document.c to read, by system-estimate.c. Pure but for memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "system-dram.h"
#include "system-memory.h"
#include "system-reader.h"

#define CORES_MAX 64

/* ---- reading ---- */

void system_requests_done(struct system_document *d)
{
	for (size_t i = 0; d->requests && i < d->tasks_max; i++)
		free(d->requests[i].n);
	free(d->requests);
	d->requests = NULL;
}

enum dram_key { DRAM_CLOCK, DRAM_RP, DRAM_RCD, DRAM_CL, DRAM_WL, DRAM_BL, DRAM_WTR, DRAM_WR, DRAM_RRD, DRAM_FAW, DRAM_REORDER, DRAM_REFI, DRAM_RFC,
		_DRAM_KEYS };

int dram_host(struct reader *reader, const struct value *object, const struct place *memory)
{
	static const struct key known[_DRAM_KEYS] = {
		[DRAM_CLOCK] = KEY("clock_ps"), [DRAM_RP] = KEY("rp"), [DRAM_RCD] = KEY("rcd"), [DRAM_CL] = KEY("cl"), [DRAM_WL] = KEY("wl"),
		[DRAM_BL] = KEY("bl"), [DRAM_WTR] = KEY("wtr"), [DRAM_WR] = KEY("wr"), [DRAM_RRD] = KEY("rrd"), [DRAM_FAW] = KEY("faw"),
		[DRAM_REORDER] = KEY("reorder"), [DRAM_REFI] = KEY("refi_ps"), [DRAM_RFC] = KEY("rfc_ps"),
	};
	struct system_memory *m = &reader->document->memory;
	struct vrk_dram_delay delay;
	const struct value *v[_DRAM_KEYS];
	int64_t n[_DRAM_KEYS] = { 0 };
	struct place place;
	int r;

	if (!object)
		return 0;
	place_key(&place, memory, "dram");
	r = reader_members(reader, object, &place, known, _DRAM_KEYS, v);
	for (size_t k = 0; r >= 0 && k < _DRAM_KEYS; k++) {
		struct place below;

		place_key(&below, &place, known[k].text);
		if (!v[k] && k < DRAM_REORDER)
			return place_broken(&below, reader->reterr, "missing");
		r = reader_member_integer(reader, v[k], &place, known[k].text, 0, k < DRAM_REFI ? UINT16_MAX : 1000000000000, &n[k]);
	}
	if (r < 0)
		return r;
	m->dram = (struct vrk_dram){ (uint32_t)n[DRAM_CLOCK], (uint32_t)n[DRAM_RP], (uint32_t)n[DRAM_RCD], (uint32_t)n[DRAM_CL], (uint32_t)n[DRAM_WL],
				     (uint32_t)n[DRAM_BL], (uint32_t)n[DRAM_WTR], (uint32_t)n[DRAM_WR], (uint32_t)n[DRAM_RRD], (uint32_t)n[DRAM_FAW],
				     (uint32_t)n[DRAM_REORDER], (uint64_t)n[DRAM_REFI], (uint64_t)n[DRAM_RFC] };
	m->dram_given = true;
	if (vrk_dram_delay(&m->dram, &delay) < 0)
		return place_broken(&place, reader->reterr, "clock_ps and bl must be above zero, and refi_ps where rfc_ps is");
	return 0;
}

int dram_task(struct reader *reader, const struct value *value, const struct place *task, bool curve)
{
	struct system_document *d = reader->document;
	struct system_requests *requests;
	struct place place;
	int r = 0;

	if (!value)
		return 0;
	place_key(&place, task, "dram_requests");
	if (!d->memory.dram_given)
		return place_broken(&place, reader->reterr, "the host says nothing of its DRAM: host.memory.dram is missing");
	if (value->type != VALUE_INT && (value->type != VALUE_ARRAY || value->n == 0 || value->n > VRK_COLORS_MAX))
		return place_broken(&place, reader->reterr, "must be a whole number, or an array of 1 to %d of them", VRK_COLORS_MAX);
	if (value->type == VALUE_ARRAY && !curve)
		return place_broken(&place, reader->reterr, "an array goes with wcet_by_colors: a number for each number of colours");
	if (!d->requests)
		d->requests = calloc(d->tasks_max + 1, sizeof(*d->requests));
	if (!d->requests)
		return -ENOMEM;
	requests = &d->requests[d->n_tasks];
	requests->n = calloc(value->type == VALUE_ARRAY ? value->n : 1, sizeof(*requests->n));
	if (!requests->n)
		return -ENOMEM;
	for (const struct value *v = value->type == VALUE_ARRAY ? value->first : value; r >= 0 && v; v = v->next) {
		if (v->type != VALUE_INT || v->number < 0)
			return place_broken(&place, reader->reterr, "must be whole numbers from 0 on");
		requests->n[requests->count++] = (uint64_t)v->number;
		if (value->type == VALUE_INT)
			break;
	}
	return r;
}

/* ---- who else asks ---- */

static void banks_unite(struct vrk_colors *set, const struct vrk_colors *more)
{
	for (size_t w = 0; w < VRK_COLORS_MAX / 64; w++)
		set->words[w] |= more->words[w];
}

/* Of a vCPU's VM; all that the host has, where it has none of its own. */
static struct vrk_colors banks_of(const struct system_document *d, const struct vrk_memory_request *r, size_t v)
{
	struct vrk_colors all = { { 0 } };

	for (size_t i = 0; i < d->memory.n; i++)
		if (d->memory.names[i] == d->names[v].vm)
			return r[i].banks;
	for (uint32_t b = 0; b < d->memory.host.banks; b++)
		vrk_colors_add(&all, b);
	return all;
}

/* The cores as vCPU @v sees them, itself first. Returns how many; 0 = too many. */
static size_t cores_make(const struct system_document *d, const struct vrk_memory_request *r, size_t v, struct vrk_colors ret[CORES_MAX])
{
	int32_t cpus[CORES_MAX];
	size_t n = 1;

	ret[0] = banks_of(d, r, v);
	cpus[0] = d->vcpus[v].cpu;
	for (size_t i = 0; i < d->n_vcpus; i++) {
		const struct vrk_colors banks = banks_of(d, r, i);
		size_t k = 0;

		if (i == v || (cpus[0] >= 0 && d->vcpus[i].cpu == cpus[0]))
			continue;	/* never at the same time */
		while (k < n && (k == 0 || cpus[k] < 0 || cpus[k] != d->vcpus[i].cpu))
			k++;
		if (k == CORES_MAX)
			return 0;
		if (k == n) {
			ret[n] = (struct vrk_colors){ { 0 } };
			cpus[n++] = d->vcpus[i].cpu;
		}
		banks_unite(&ret[k], &banks);
	}
	return n;
}

/* ---- the estimate ---- */

/* By how much a job of the task is longer, with as many colours as its VM has. */
static int task_longer(const struct system_document *d, const struct vrk_colors *cores, size_t n, size_t task, uint32_t colors, nsec_t *ret)
{
	const struct system_requests *requests = &d->requests[task];
	const struct system_curve *curve = colors > 0 ? &d->curves[task] : NULL;
	size_t width = colors > 0 ? colors : 1;
	_cleanup_(freep) nsec_t *wcet = calloc(width, sizeof(*wcet)), *longer = calloc(width, sizeof(*longer));
	_cleanup_(freep) uint64_t *asked = calloc(width, sizeof(*asked));
	int r;

	if (!wcet || !longer || !asked)
		return -ENOMEM;
	for (size_t k = 0; k < width; k++) {
		wcet[k] = curve ? curve->wcet_ns[k < curve->n ? k : curve->n - 1] : d->tasks[task].wcet_ns;
		asked[k] = requests->n[k < requests->count ? k : requests->count - 1];
	}
	r = vrk_dram_curve(&d->memory.dram, cores, n, 0, wcet, asked, width, longer);
	*ret = r < 0 || longer[width - 1] == NSEC_MAX ? NSEC_MAX : longer[width - 1] - wcet[width - 1];
	return r;
}

static int tasks_lengthen(const struct system_document *d, const struct vrk_memory_request *memory, struct vrk_task *tasks)
{
	struct vrk_colors cores[CORES_MAX];

	for (size_t v = 0; v < d->n_vcpus; v++) {
		size_t first = d->names[v].first_task, n = cores_make(d, memory, v, cores);

		if (n == 0)
			return -E2BIG;
		for (size_t t = first; t < first + d->names[v].n_tasks; t++) {
			nsec_t longer = 0;
			int r = d->requests[t].count > 0 ? task_longer(d, cores, n, t, system_curves_colors(d, v), &longer) : 0;

			if (r < 0)
				return r;
			if (__builtin_add_overflow(tasks[t].wcet_ns, longer, &tasks[t].wcet_ns) || tasks[t].wcet_ns >= NSEC_MAX)
				return -ERANGE;
		}
	}
	return 0;
}

static void dram_write(const struct system_document *d, const struct vrk_system_result *result, const struct vrk_system_result *then,
		       struct json_line *line)
{
	json_line_open(line, NULL, '{');
	json_line_text(line, "what", "dram");
	json_line_bool(line, "ok", then->ok);
	estimate_tasks_write(d, then->responses_ns, result, line);
	json_line_close(line, '}');
}

int system_dram_estimate(const struct system_document *d, const struct vrk_system_result *result, struct json_line *line)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result then = { 0 };
	_cleanup_(freep) struct vrk_memory_request *memory = NULL;
	_cleanup_(freep) struct vrk_vcpu *vcpus = calloc(d->n_vcpus + 1, sizeof(*vcpus));
	_cleanup_(freep) struct vrk_task *tasks = calloc(d->n_tasks + 1, sizeof(*tasks));
	struct vrk_system other = d->system;
	int r;

	if (!d->requests)
		return 0;
	if (!vcpus || !tasks)
		return -ENOMEM;
	memcpy(vcpus, d->vcpus, d->n_vcpus * sizeof(*vcpus));
	memcpy(tasks, d->tasks, d->n_tasks * sizeof(*tasks));
	for (size_t v = 0; v < d->n_vcpus; v++)
		vcpus[v].guest.tasks = &tasks[d->names[v].first_task];
	other.vcpus = vcpus;
	r = system_memory_requests(d, &memory);
	if (r >= 0)
		r = tasks_lengthen(d, memory, tasks);
	if (r >= 0)
		r = vrk_system_analyze(&other, &then);
	if (r < 0)
		return r == -ENOMEM ? r : 0;	/* too large to be estimated */
	dram_write(d, result, &then, line);
	return 1;
}
