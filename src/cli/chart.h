/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include <stdio.h>

#include <virtrk/simulate.h>

#include "system-document.h"

/* A server in one state, or one task running in it. */
struct chart_piece {
	size_t server;			/* by the numbers of system-stage.h: first the document's vCPUs */
	nsec_t from_ns;
	nsec_t to_ns;
	enum vrk_sim_state state;
	int32_t cpu;
	size_t task;			/* of the document's tasks, behind them its interrupts; SIZE_MAX = none */
};

/* Of a task, or an interrupt from its signal to the end of its last part. */
struct chart_job {
	size_t task;
	nsec_t arrived_ns;
	nsec_t finished_ns;		/* NSEC_MAX = not in the run */
	nsec_t deadline_ns;		/* absolute */
	bool missed;
};

struct chart_pause {
	size_t task;
	nsec_t from_ns;
	nsec_t to_ns;
};

/* What a run did in a window of its time, in order of time. Give chart_watch() to system_run(), then call chart_end(). */
struct chart {
	const struct system_document *document;
	nsec_t from_ns, to_ns;		/* the window; in the end no later than what was recorded */
	size_t limit;			/* of pieces, jobs and pauses together */
	bool full;			/* there was more than the limit: the window was cut where it was reached */
	struct chart_piece *pieces;
	size_t n_pieces;
	struct chart_job *jobs;		/* in order of their ends */
	size_t n_jobs;
	struct chart_pause *pauses;
	size_t n_pauses;
	/* while recording */
	struct chart_open *open;	/* per task and interrupt */
	size_t *last;			/* per server: its latest piece, SIZE_MAX = none */
	size_t allocated[3];
	nsec_t step_ns;		/* the beginning of the step in hand */
	nsec_t now_ns;		/* its end */
	int r;
};

int chart_init(struct chart *chart, const struct system_document *document, nsec_t from_ns, nsec_t to_ns, size_t limit);
void chart_done(struct chart *chart);
struct vrk_sim_watch chart_watch(struct chart *chart);
/* Jobs that are still under way are told. 0; -ENOMEM. */
int chart_end(struct chart *chart);

#define CHART_LANES_MAX ((size_t)200)
size_t chart_lanes(const struct system_document *document);
/* Tasks and interrupts. */
size_t chart_tasks(const struct system_document *document);

/* A Gantt chart. @title, @subtitle: in words, unescaped. 0; -EIO; -ENOMEM. */
int chart_svg(FILE *f, const struct chart *chart, const char *title, const char *subtitle);

/* The Trace Event Format of Chrome and Perfetto: one process for the CPUs, one per vCPU. 0; -EIO; -ENOMEM. */
int chart_trace(FILE *f, const struct chart *chart);

#endif
