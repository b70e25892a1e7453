/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated run in the Trace Event Format that chrome://tracing and Perfetto read. Process 1 holds a thread per CPU: who is
 * on it. Each vCPU is a process of its own: its first thread says what its reservation does, then comes one per task, with
 * where it ran, its arrivals, its deadlines and its misses. Behind them the interrupts are one more, with a thread for each.
 * Times are us with three decimals, so that ns are exact; events are in order of time.
 *
 * Called by the verb simulate; prints, decides nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "chart.h"
#include "system-stage.h"

enum kind { ON_CPU, STATE, TASK_RUN, PAUSE, ARRIVAL, DEADLINE, END };

struct event {
	nsec_t time_ns;
	enum kind kind;
	size_t index;		/* of pieces, jobs or pauses */
};

static const char *const states[] = {
	[VRK_SIM_SLEEPING] = "sleeping", [VRK_SIM_RUNNING] = "running", [VRK_SIM_WAITING] = "waiting", [VRK_SIM_THROTTLED] = "throttled",
};

static int event_compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool in_window(const struct chart *c, nsec_t time)
{
	return time >= c->from_ns && time <= c->to_ns;
}

static size_t events_collect(const struct chart *c, struct event *events)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_pieces; i++) {
		const struct chart_piece *p = &c->pieces[i];

		if (p->state == VRK_SIM_RUNNING)
			events[n++] = (struct event){ p->from_ns, ON_CPU, i };
		if (p->server < c->document->n_vcpus && p->state != VRK_SIM_SLEEPING)
			events[n++] = (struct event){ p->from_ns, STATE, i };
		if (p->task != SIZE_MAX)
			events[n++] = (struct event){ p->from_ns, TASK_RUN, i };
	}
	for (size_t i = 0; i < c->n_jobs; i++) {
		const struct chart_job *j = &c->jobs[i];

		if (in_window(c, j->arrived_ns))
			events[n++] = (struct event){ j->arrived_ns, ARRIVAL, i };
		if (in_window(c, j->deadline_ns))
			events[n++] = (struct event){ j->deadline_ns, DEADLINE, i };
		if (j->finished_ns < NSEC_MAX && in_window(c, j->finished_ns))
			events[n++] = (struct event){ j->finished_ns, END, i };
	}
	for (size_t i = 0; i < c->n_pauses; i++)
		events[n++] = (struct event){ c->pauses[i].from_ns, PAUSE, i };
	qsort(events, n, sizeof(*events), event_compare);
	return n;
}

/* ---- writing ---- */

struct pen {
	FILE *f;
	const struct chart *c;
	size_t *vcpu_of;	/* per task */
	bool first;
	int r;
};

/* A string with its quotes. */
static void put_string(struct pen *p, const char *text)
{
	_cleanup_(json_object_putp) struct json_object *json = json_object_new_string(text);

	if (!json)
		p->r = -ENOMEM;
	else
		fputs(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), p->f);
}

static void put_us(struct pen *p, const char *key, nsec_t ns)
{
	fprintf(p->f, ",\"%s\":%" PRIu64 ".%03" PRIu64, key, ns / 1000, ns % 1000);
}

static void begin(struct pen *p, const char *ph, size_t pid, size_t tid, const char *name)
{
	fprintf(p->f, "%s{\"ph\":\"%s\",\"pid\":%zu,\"tid\":%zu,\"name\":", p->first ? "\n" : ",\n", ph, pid, tid);
	p->first = false;
	put_string(p, name);
}

static void interval(struct pen *p, size_t pid, size_t tid, const char *name, const char *category, nsec_t from, nsec_t to)
{
	begin(p, "X", pid, tid, name);
	fprintf(p->f, ",\"cat\":\"%s\"", category);
	put_us(p, "ts", from);
	put_us(p, "dur", to - from);
	fprintf(p->f, "}");
}

static void metadata(struct pen *p, const char *what, size_t pid, size_t tid, const char *name)
{
	begin(p, "M", pid, tid, what);
	fprintf(p->f, ",\"args\":{\"name\":");
	put_string(p, name);
	fprintf(p->f, "}}");
}

static void names(struct pen *p)
{
	const struct system_document *d = p->c->document;
	_cleanup_(freep) char *text = NULL;

	metadata(p, "process_name", 1, 0, "CPUs");
	for (uint32_t cpu = 0; cpu < d->system.host.cpus; cpu++) {
		char name[32];

		snprintf(name, sizeof(name), "CPU %" PRIu32, cpu);
		metadata(p, "thread_name", 1, (size_t)cpu + 1, name);
	}
	for (size_t v = 0; v < d->n_vcpus; v++) {
		free(text);
		if (asprintf(&text, "%s/vcpu%" PRIu32, d->names[v].vm, d->names[v].index) < 0) {
			text = NULL;
			p->r = -ENOMEM;
			return;
		}
		metadata(p, "process_name", v + 2, 0, text);
		metadata(p, "thread_name", v + 2, 1, "reservation");
		for (size_t t = 0; t < d->names[v].n_tasks; t++)
			metadata(p, "thread_name", v + 2, t + 2, d->task_names[d->names[v].first_task + t]);
	}
	if (d->n_irqs > 0)
		metadata(p, "process_name", d->n_vcpus + 2, 0, "interrupts");
	for (size_t i = 0; i < d->n_irqs; i++)
		metadata(p, "thread_name", d->n_vcpus + 2, i + 1, d->irq_names[i]);
}

/* The thread of a task, or of an interrupt. */
static size_t pid_of(const struct pen *p, size_t task)
{
	return task < p->c->document->n_tasks ? p->vcpu_of[task] + 2 : p->c->document->n_vcpus + 2;
}

static size_t tid_of(const struct pen *p, size_t task)
{
	const struct system_document *d = p->c->document;

	return task < d->n_tasks ? task - d->names[p->vcpu_of[task]].first_task + 2 : task - d->n_tasks + 1;
}

static const char *name_of(const struct chart_piece *x, const struct system_document *d)
{
	if (x->task < d->n_tasks)
		return d->task_names[x->task];
	if (x->server < d->n_vcpus)
		return "handler";
	return x->server >= stage_fifo(d, 0) ? "thread" : "hard";
}

/* Whoever is on a CPU and no vCPU. */
static const char *owner_of(const struct chart_piece *x, const struct system_document *d)
{
	if (x->server < stage_hard(d, 0))
		return "fair server";
	return x->task == SIZE_MAX ? "interrupt" : d->irq_names[x->task - d->n_tasks];
}

static void piece_write(struct pen *p, const struct event *e)
{
	const struct chart_piece *x = &p->c->pieces[e->index];
	const struct system_document *d = p->c->document;
	size_t v = x->server;

	if (e->kind == STATE) {
		interval(p, v + 2, 1, states[x->state], "reservation", x->from_ns, x->to_ns);
	} else if (e->kind == TASK_RUN) {
		interval(p, pid_of(p, x->task), tid_of(p, x->task), name_of(x, d), "task", x->from_ns, x->to_ns);
	} else if (v >= d->n_vcpus) {
		interval(p, 1, (size_t)x->cpu + 1, owner_of(x, d), "cpu", x->from_ns, x->to_ns);
	} else {
		_cleanup_(freep) char *name = NULL;

		if (asprintf(&name, "%s/vcpu%" PRIu32, d->names[v].vm, d->names[v].index) < 0) {
			name = NULL;
			p->r = -ENOMEM;
			return;
		}
		interval(p, 1, (size_t)x->cpu + 1, name, "cpu", x->from_ns, x->to_ns);
	}
}

static void instant_write(struct pen *p, const struct event *e)
{
	const struct chart_job *j = &p->c->jobs[e->index];
	const char *name = e->kind == ARRIVAL ? "arrival" : e->kind == END ? "end" : j->missed ? "deadline missed" : "deadline";

	begin(p, "i", pid_of(p, j->task), tid_of(p, j->task), name);
	fprintf(p->f, ",\"cat\":\"job\",\"s\":\"t\"");
	put_us(p, "ts", e->time_ns);
	if (e->kind == END)
		fprintf(p->f, ",\"args\":{\"response_ns\":%" PRIu64 "}", j->finished_ns - j->arrived_ns);
	fprintf(p->f, "}");
}

static void pause_write(struct pen *p, const struct chart_pause *x)
{
	interval(p, pid_of(p, x->task), tid_of(p, x->task), "suspended", "task", x->from_ns, x->to_ns);
}

int chart_trace(FILE *f, const struct chart *chart)
{
	const struct system_document *d = chart->document;
	size_t most = 3 * (chart->n_pieces + chart->n_jobs) + chart->n_pauses;
	_cleanup_(freep) struct event *events = calloc(most + 1, sizeof(*events));
	_cleanup_(freep) size_t *vcpu_of = calloc(d->n_tasks + 1, sizeof(*vcpu_of));
	struct pen pen = { .f = f, .c = chart, .vcpu_of = vcpu_of, .first = true };
	size_t n;

	if (!events || !vcpu_of)
		return -ENOMEM;
	for (size_t v = 0; v < d->n_vcpus; v++)
		for (size_t t = 0; t < d->names[v].n_tasks; t++)
			vcpu_of[d->names[v].first_task + t] = v;
	n = events_collect(chart, events);
	fprintf(f, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	names(&pen);
	for (size_t i = 0; i < n && pen.r >= 0; i++)
		if (events[i].kind == PAUSE)
			pause_write(&pen, &chart->pauses[events[i].index]);
		else if (events[i].kind < PAUSE)
			piece_write(&pen, &events[i]);
		else
			instant_write(&pen, &events[i]);
	fprintf(f, "\n]}\n");
	return pen.r < 0 ? pen.r : ferror(f) ? -EIO : 0;
}
