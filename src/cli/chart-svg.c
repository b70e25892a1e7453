/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Gantt chart of a simulated run. First who is on each CPU; then each vCPU: running (a full bar), waiting (a half one),
 * throttled (hatched), asleep (nothing); below it its tasks: bars where they run, dots where they are suspended, an arrow up
 * at each arrival and one down at each deadline, and a cross at each deadline that was missed. In the end a lane for each interrupt, from its
 * signal on: its hard handler (a full bar), its thread (the upper half), the guest's handler (the lower half). No state is told by colour alone.
 *
 * Called by the verb simulate; prints, decides nothing.
 */
#include <inttypes.h>
#include <string.h>

#include "chart.h"
#include "svg.h"
#include "system-stage.h"
#include "text.h"

#define WIDTH	 1240.0
#define LEFT	 216.0
#define RIGHT	 28.0
#define TOP	 96.0
#define LANE	 22.0
#define GAP	 7.0
#define TASK	 30.0		/* the arrows stand out of the bar */
#define BAR_TOP	 12.0		/* of a task's bar in its lane */
#define SECTION	 12.0		/* before each vCPU */
#define PLOT	 (WIDTH - LEFT - RIGHT)
#define VM_COLUMNS 14
#define LABEL_MIN 6.8		/* width of a letter in a bar */
#define ARROW_MIN 5.0		/* arrows nearer to each other are a grey field: none is drawn */
#define IRQ	 "#333"
#define CSS	 ".run{fill:" SVG_BLUE "}.wait{fill:" SVG_VERMILION "}.hatch{fill:url(#throttled)}.pause{stroke:#555;stroke-dasharray:1.5 3;" \
		 "stroke-width:2;fill:none}.arrow{stroke:#222;fill:none}.due{stroke:#777;fill:none}.missed{stroke:#c00;stroke-width:2.2;fill:none}" \
		 ".in{font-size:10px;fill:#fff;text-anchor:middle}.section{stroke:#ccd;fill:none}"

static const char *const palette[] = { "#0072b2", "#b35900", "#00795a", "#a8548a", "#3a6ea5", "#8a6d00", "#7a4ea0", "#9e2a2b" };

struct pen {
	FILE *f;
	const struct chart *c;
	struct svg_plot plot;
	double y;
};

static const char *color_of(size_t server)
{
	return palette[server % ARRAY_SIZE(palette)];
}

static void lane_ground(struct pen *p, double height)
{
	fprintf(p->f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"lane\"/>\n", LEFT, p->y, PLOT, height);
}

/* A long name ends in an ellipsis: the lane begins where it stands. */
static void label(struct pen *p, double x, double y, const char *class, const char *name, size_t columns)
{
	size_t width, n = text_cut(name, columns, &width);
	char text[128];

	snprintf(text, sizeof(text), "%.*s%s", n < sizeof(text) - 4 ? (int)n : (int)sizeof(text) - 4, name, name[n] ? "…" : "");
	fprintf(p->f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	svg_text(p->f, text);
	fprintf(p->f, "</text>\n");
}

/* ---- CPUs ---- */

static void server_name(char buf[96], const struct system_document *d, size_t server)
{
	if (server >= stage_thread(d, 0))
		snprintf(buf, 96, "%.80s", d->irq_names[server - stage_thread(d, 0)]);
	else if (server >= stage_hard(d, 0))
		snprintf(buf, 96, "irq");
	else if (server >= d->n_vcpus)
		snprintf(buf, 96, "fair server");
	else
		snprintf(buf, 96, "%.80s/%" PRIu32, d->names[server].vm, d->names[server].index);
}

static void cpu_names(struct pen *p, int32_t cpu)
{
	for (size_t i = 0; i < p->c->n_pieces; i++) {
		const struct chart_piece *x = &p->c->pieces[i];
		double from, to;
		char name[96];

		if (x->cpu != cpu || x->state != VRK_SIM_RUNNING)
			continue;
		from = svg_x(&p->plot, x->from_ns);
		to = svg_x(&p->plot, x->to_ns);
		server_name(name, p->c->document, x->server);
		if (to - from < LABEL_MIN * (double)text_width(name) + 4)
			continue;
		fprintf(p->f, "<text x=\"%.1f\" y=\"%.1f\" class=\"in\">", (from + to) / 2, p->y + 15);
		svg_text(p->f, name);
		fprintf(p->f, "</text>\n");
	}
}

static void cpu_lane(struct pen *p, int32_t cpu)
{
	const struct chart *c = p->c;
	char name[32];

	lane_ground(p, LANE);
	snprintf(name, sizeof(name), "CPU %" PRId32, cpu);
	label(p, 14, p->y + 15, "name", name, 24);
	for (size_t server = 0; server < stage_servers(c->document); server++) {
		struct svg_bars bars = { .f = p->f, .plot = &p->plot, .y = p->y, .height = LANE };
		char fill[48];

		for (size_t i = 0; i < c->n_pieces; i++)
			if (c->pieces[i].server == server && c->pieces[i].cpu == cpu && c->pieces[i].state == VRK_SIM_RUNNING)
				svg_bar(&bars, c->pieces[i].from_ns, c->pieces[i].to_ns);
		snprintf(fill, sizeof(fill), "fill=\"%s\" stroke=\"#fff\" stroke-width=\"0.6\"",
			 server < c->document->n_vcpus ? color_of(server) : server < stage_hard(c->document, 0) ? "#777" : IRQ);
		svg_bars_end(&bars, fill);
	}
	cpu_names(p, cpu);
	p->y += LANE + GAP;
}

/* ---- vCPUs ---- */

static void state_bars(struct pen *p, size_t server, enum vrk_sim_state state, double y, double height, const char *attributes)
{
	struct svg_bars bars = { .f = p->f, .plot = &p->plot, .y = y, .height = height };

	for (size_t i = 0; i < p->c->n_pieces; i++)
		if (p->c->pieces[i].server == server && p->c->pieces[i].state == state)
			svg_bar(&bars, p->c->pieces[i].from_ns, p->c->pieces[i].to_ns);
	svg_bars_end(&bars, attributes);
}

static void vcpu_lane(struct pen *p, size_t v)
{
	const struct vrk_reservation *r = &p->c->document->vcpus[v].reservation;
	const struct system_vcpu *name = &p->c->document->names[v];
	char text[160], budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];
	size_t width, vm_bytes;

	fprintf(p->f, "<path d=\"M14 %.1fH%.1f\" class=\"section\"/>\n", p->y, LEFT + PLOT);
	p->y += SECTION;
	lane_ground(p, LANE);
	fprintf(p->f, "<rect x=\"14\" y=\"%.1f\" width=\"8\" height=\"%.1f\" rx=\"2\" fill=\"%s\"/>\n", p->y, LANE, color_of(v));
	vm_bytes = text_cut(name->vm, VM_COLUMNS, &width);
	snprintf(text, sizeof(text), "%.*s%s/vcpu%" PRIu32, (int)vm_bytes, name->vm, name->vm[vm_bytes] ? "…" : "", name->index);
	label(p, 28, p->y + 9, "name", text, 24);
	snprintf(text, sizeof(text), "%s in every %s", vrk_nsec_format(budget, r->budget_ns), vrk_nsec_format(period, r->period_ns));
	label(p, 28, p->y + 21, "what", text, 30);
	state_bars(p, v, VRK_SIM_RUNNING, p->y, LANE, "class=\"run\"");
	state_bars(p, v, VRK_SIM_WAITING, p->y + LANE / 2, LANE / 2, "class=\"wait\"");
	state_bars(p, v, VRK_SIM_THROTTLED, p->y + 3, LANE - 6, "class=\"hatch\"");
	p->y += LANE + GAP;
}

/* ---- tasks ---- */

static bool in_window(const struct chart *c, nsec_t time)
{
	return time >= c->from_ns && time <= c->to_ns;
}

/* Arrivals and deadlines of one task as one path each. */
static void arrows(struct pen *p, size_t task, bool deadlines)
{
	const struct chart *c = p->c;
	bool any = false;

	for (size_t i = 0; i < c->n_jobs; i++) {
		nsec_t time = deadlines ? c->jobs[i].deadline_ns : c->jobs[i].arrived_ns;
		double x, tip = deadlines ? p->y + TASK : p->y, tail = deadlines ? p->y + BAR_TOP : p->y + TASK;

		if (c->jobs[i].task != task || !in_window(c, time))
			continue;
		x = svg_x(&p->plot, time) + (deadlines ? -1 : 1);	/* side by side where one is the other */
		fprintf(p->f, "%sM%.1f %.1fV%.1fm-3 %.1fl3 %.1fl3 %.1f", any ? "" : "<path d=\"", x, tail, tip, deadlines ? -4.0 : 4.0,
			deadlines ? 4.0 : -4.0, deadlines ? -4.0 : 4.0);
		any = true;
	}
	if (any)
		fprintf(p->f, "\" class=\"%s\"/>\n", deadlines ? "due" : "arrow");
}

static void misses(struct pen *p, size_t task)
{
	const struct chart *c = p->c;

	for (size_t i = 0; i < c->n_jobs; i++) {
		double x = svg_x(&p->plot, c->jobs[i].deadline_ns), y = p->y + 6;

		if (c->jobs[i].task == task && c->jobs[i].missed && in_window(c, c->jobs[i].deadline_ns))
			fprintf(p->f, "<path d=\"M%.1f %.1fl8 8m0 -8l-8 8\" class=\"missed\"/>\n", x - 4, y - 4);
	}
}

static void pieces_draw(struct pen *p, size_t task, size_t first, size_t end, double y, double height, const char *color)
{
	const struct chart *c = p->c;
	struct svg_bars bars = { .f = p->f, .plot = &p->plot, .y = y, .height = height };
	char fill[32];

	for (size_t i = 0; i < c->n_pieces; i++)
		if (c->pieces[i].task == task && c->pieces[i].server >= first && c->pieces[i].server < end)
			svg_bar(&bars, c->pieces[i].from_ns, c->pieces[i].to_ns);
	snprintf(fill, sizeof(fill), "fill=\"%s\"", color);
	svg_bars_end(&bars, fill);
}

static void jobs_draw(struct pen *p, size_t task, nsec_t period_ns)
{
	double arrow = PLOT * (double)period_ns / (double)(p->c->to_ns - p->c->from_ns);

	if (arrow >= ARROW_MIN) {
		arrows(p, task, false);
		arrows(p, task, true);
	}
	misses(p, task);
}

static void task_lane(struct pen *p, size_t v, size_t task)
{
	const struct chart *c = p->c;
	const struct vrk_task *t = &c->document->tasks[task];
	char text[96], wcet[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN];

	fprintf(p->f, "<path d=\"M%.1f %.1fh%.1f\" class=\"tick\"/>\n", LEFT, p->y + TASK - 4, PLOT);
	label(p, 36, p->y + 18, "", c->document->task_names[task], 14);
	snprintf(text, sizeof(text), "%s / %s", vrk_nsec_format(wcet, t->wcet_ns), vrk_nsec_format(period, t->period_ns));
	label(p, LEFT - 8, p->y + 18, "scale", text, 20);
	pieces_draw(p, task, 0, SIZE_MAX, p->y + BAR_TOP, TASK - BAR_TOP - 4, color_of(v));
	for (size_t i = 0; i < c->n_pauses; i++)
		if (c->pauses[i].task == task)
			fprintf(p->f, "<path d=\"M%.2f %.1fH%.2f\" class=\"pause\"/>\n", svg_x(&p->plot, c->pauses[i].from_ns),
				p->y + (TASK + BAR_TOP) / 2 - 2, svg_x(&p->plot, c->pauses[i].to_ns));
	jobs_draw(p, task, t->period_ns);
	p->y += TASK + GAP;
}

static void irq_lane(struct pen *p, size_t i)
{
	const struct system_document *d = p->c->document;
	const struct vrk_system_irq *irq = &d->irqs[i];
	double y = p->y + BAR_TOP, height = TASK - BAR_TOP - 4;
	char text[96], period[VRK_NSEC_STRLEN];
	size_t task = d->n_tasks + i;

	fprintf(p->f, "<path d=\"M%.1f %.1fh%.1f\" class=\"tick\"/>\n", LEFT, p->y + TASK - 4, PLOT);
	label(p, 28, p->y + 18, "name", d->irq_names[i], 14);
	snprintf(text, sizeof(text), "CPU %" PRIu32 " / %s", irq->cpu, vrk_nsec_format(period, irq->irq.period_ns));
	label(p, LEFT - 8, p->y + 18, "scale", text, 20);
	pieces_draw(p, task, stage_hard(d, 0), stage_fifo(d, 0), y, height, IRQ);
	pieces_draw(p, task, stage_fifo(d, 0), SIZE_MAX, y, height / 2, IRQ);
	if (irq->vcpu < d->n_vcpus)
		pieces_draw(p, task, 0, d->n_vcpus, y + height / 2, height / 2, color_of(irq->vcpu));
	jobs_draw(p, task, irq->irq.period_ns);
	p->y += TASK + GAP;
}

/* ---- all ---- */

static void legend(struct pen *p)
{
	static const struct {
		const char *mark;
		const char *text;
		double width;
	} parts[] = {
		{ "<rect x=\"0\" y=\"-10\" width=\"22\" height=\"12\" class=\"run\"/>", "running", 92 },
		{ "<rect x=\"0\" y=\"-4\" width=\"22\" height=\"6\" class=\"wait\"/>", "waiting, others run", 160 },
		{ "<rect x=\"0\" y=\"-8\" width=\"22\" height=\"9\" class=\"hatch\"/>", "throttled, budget used up", 196 },
		{ "<path d=\"M0 -3H22\" class=\"pause\"/>", "suspended", 106 },
		{ "<path d=\"M8 2V-10m-3 4l3 -4l3 4\" class=\"arrow\"/>", "arrival", 76 },
		{ "<path d=\"M8 -10V2m-3 -4l3 4l3 -4\" class=\"due\"/>", "deadline", 84 },
		{ "<path d=\"M4 -8l8 8m0 -8l-8 8\" class=\"missed\"/>", "missed", 70 },
	};
	double x = 14;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		fprintf(p->f, "<g transform=\"translate(%.1f 76)\">%s<text x=\"28\" y=\"1\" class=\"what\">%s</text></g>\n", x, parts[i].mark,
			parts[i].text);
		x += parts[i].width;
	}
}

static double height_of(const struct system_document *d)
{
	return TOP + (LANE + GAP) * (double)d->system.host.cpus + (LANE + GAP + SECTION) * (double)d->n_vcpus +
	       (TASK + GAP) * (double)chart_tasks(d) + (d->n_irqs > 0 ? SECTION : 0) + 46;
}

int chart_svg(FILE *f, const struct chart *chart, const char *title, const char *subtitle)
{
	const struct system_document *d = chart->document;
	struct pen pen = { f, chart, { LEFT, PLOT, 0, chart->from_ns, chart->to_ns }, TOP };

	svg_head(f, WIDTH, height_of(d), title, subtitle, CSS);
	fprintf(f, "<pattern id=\"throttled\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
		   "<rect width=\"6\" height=\"6\" fill=\"#fbe9bd\"/><path d=\"M0 0v6\" stroke=\"#b98200\" stroke-width=\"3\"/></pattern>\n");
	legend(&pen);
	for (uint32_t cpu = 0; cpu < d->system.host.cpus; cpu++)
		cpu_lane(&pen, (int32_t)cpu);
	for (size_t v = 0; v < d->n_vcpus; v++) {
		vcpu_lane(&pen, v);
		for (size_t t = 0; t < d->names[v].n_tasks; t++)
			task_lane(&pen, v, d->names[v].first_task + t);
	}
	if (d->n_irqs > 0) {
		fprintf(f, "<path d=\"M14 %.1fH%.1f\" class=\"section\"/>\n", pen.y, LEFT + PLOT);
		pen.y += SECTION;
	}
	for (size_t i = 0; i < d->n_irqs; i++)
		irq_lane(&pen, i);
	svg_axis(f, &pen.plot, pen.y);
	return svg_end(f);
}
