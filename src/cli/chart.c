/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a simulated run did, kept for a picture or a trace: states of servers and which task ran, joined where one instant
 * to the next changed nothing; jobs (and interrupts) from arrival to end; suspensions. Only what lies in the window is kept, and no more than
 * a limit of it, so that a run of a day costs no more memory than its window.
 *
 * Called by the verb simulate, fed by the library's simulator. Computes nothing about schedules itself.
 */
#include <stdlib.h>

#include "chart.h"
#include "system-stage.h"

/* The job that a task has in hand. */
struct chart_open {
	bool active;
	nsec_t arrived_ns;
	uint64_t finished;
	size_t pause;		/* the latest, SIZE_MAX = none */
};

enum kind { PIECES, JOBS, PAUSES };

size_t chart_tasks(const struct system_document *d)
{
	return d->n_tasks + d->n_irqs;
}

int chart_init(struct chart *chart, const struct system_document *d, nsec_t from_ns, nsec_t to_ns, size_t limit)
{
	size_t n = stage_servers(d);

	*chart = (struct chart){ .document = d, .from_ns = from_ns, .to_ns = to_ns, .limit = limit };
	chart->open = calloc(chart_tasks(d) + 1, sizeof(*chart->open));
	chart->last = calloc(n + 1, sizeof(*chart->last));
	if (!chart->open || !chart->last)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		chart->last[i] = SIZE_MAX;
	for (size_t i = 0; i < chart_tasks(d); i++)
		chart->open[i].pause = SIZE_MAX;
	return 0;
}

void chart_done(struct chart *chart)
{
	free(chart->pieces);
	free(chart->jobs);
	free(chart->pauses);
	free(chart->open);
	free(chart->last);
	*chart = (struct chart){ .r = 0 };
}

/* Room for one more. False: no memory, or enough is enough. */
static bool grow(struct chart *chart, enum kind kind, void **array, size_t n, size_t size)
{
	size_t wanted = chart->allocated[kind] ? 2 * chart->allocated[kind] : 64;
	void *more;

	if (chart->n_pieces + chart->n_jobs + chart->n_pauses >= chart->limit) {
		chart->full = true;
		chart->to_ns = chart->step_ns;
	}
	if (chart->full || chart->r < 0)
		return false;
	if (n < chart->allocated[kind])
		return true;
	more = reallocarray(*array, wanted, size);
	if (!more) {
		chart->r = -ENOMEM;
		return false;
	}
	*array = more;
	chart->allocated[kind] = wanted;
	return true;
}

/* The part of an interval that lies in the window. False: none. */
static bool clip(const struct chart *chart, nsec_t *from, nsec_t *to)
{
	*from = *from > chart->from_ns ? *from : chart->from_ns;
	*to = *to < chart->to_ns ? *to : chart->to_ns;
	return *from < *to;
}

static void see_server(void *userdata, size_t server, const struct vrk_sim_moment *m)
{
	struct chart *chart = userdata;
	nsec_t from = m->from_ns, to = m->to_ns;
	struct chart_piece *last;

	if (chart->full)
		return;
	chart->step_ns = m->from_ns;
	chart->now_ns = m->to_ns;
	if (!clip(chart, &from, &to))
		return;
	last = chart->last[server] == SIZE_MAX ? NULL : &chart->pieces[chart->last[server]];
	if (last && last->to_ns == from && last->state == m->state && last->cpu == m->cpu && last->task == m->task) {
		last->to_ns = to;
		return;
	}
	if (!grow(chart, PIECES, (void **)&chart->pieces, chart->n_pieces, sizeof(*chart->pieces)))
		return;
	chart->last[server] = chart->n_pieces;
	chart->pieces[chart->n_pieces++] = (struct chart_piece){ server, from, to, m->state, m->cpu, m->task };
}

/* A job is over, or the run is: then @finished is NSEC_MAX. */
static void job_tell(struct chart *chart, size_t task, nsec_t finished)
{
	const struct system_document *d = chart->document;
	struct chart_open *open = &chart->open[task];
	nsec_t relative = task < d->n_tasks ? d->tasks[task].deadline_ns : d->irqs[task - d->n_tasks].irq.deadline_ns;
	nsec_t deadline = open->arrived_ns + relative, end = finished < NSEC_MAX ? finished : chart->now_ns;

	open->active = false;
	if (open->arrived_ns >= chart->to_ns || (end < chart->from_ns && deadline < chart->from_ns))
		return;
	if (grow(chart, JOBS, (void **)&chart->jobs, chart->n_jobs, sizeof(*chart->jobs)))
		chart->jobs[chart->n_jobs++] = (struct chart_job){ task, open->arrived_ns, finished, deadline, end > deadline };
}

static void pause_tell(struct chart *chart, size_t task, nsec_t from, nsec_t to)
{
	struct chart_open *open = &chart->open[task];

	if (!clip(chart, &from, &to))
		return;
	if (open->pause != SIZE_MAX && chart->pauses[open->pause].to_ns == from) {
		chart->pauses[open->pause].to_ns = to;
		return;
	}
	if (!grow(chart, PAUSES, (void **)&chart->pauses, chart->n_pauses, sizeof(*chart->pauses)))
		return;
	open->pause = chart->n_pauses;
	chart->pauses[chart->n_pauses++] = (struct chart_pause){ task, from, to };
}

static void see_task(void *userdata, size_t task, const struct vrk_sim_job *job)
{
	struct chart *chart = userdata;
	struct chart_open *open = &chart->open[task];

	if (chart->full)
		return;
	/* everything changes at an instant: what had finished by this one finished at it */
	if (job->finished > open->finished && open->active)
		job_tell(chart, task, job->from_ns);
	open->finished = job->finished;
	if (job->active) {
		open->active = true;
		open->arrived_ns = job->arrived_ns;
	}
	if (job->suspended)
		pause_tell(chart, task, job->from_ns, job->to_ns);
}

struct vrk_sim_watch chart_watch(struct chart *chart)
{
	return (struct vrk_sim_watch){ see_server, see_task, chart };
}

int chart_end(struct chart *chart)
{
	bool full = chart->full;

	/* these few are beyond the limit: they were there when it was reached */
	chart->full = false;
	chart->limit += chart_tasks(chart->document);
	chart->now_ns = chart->now_ns < chart->to_ns ? chart->now_ns : chart->to_ns;
	chart->to_ns = chart->now_ns;
	for (size_t i = 0; i < chart_tasks(chart->document); i++)
		if (chart->open[i].active)
			job_tell(chart, i, NSEC_MAX);
	chart->full = full;
	/* of the step in which the limit was reached some is there and some is not */
	while (chart->n_pieces > 0 && chart->pieces[chart->n_pieces - 1].from_ns >= chart->to_ns)
		chart->n_pieces--;
	for (size_t i = 0; i < chart->n_pieces; i++)
		if (chart->pieces[i].to_ns > chart->to_ns)
			chart->pieces[i].to_ns = chart->to_ns;
	return chart->r;
}

size_t chart_lanes(const struct system_document *d)
{
	return d->system.host.cpus + d->n_vcpus + chart_tasks(d);
}
