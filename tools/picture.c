/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One kind of picture, by the SVG that all our pictures of time share. Lanes from top to bottom: running, waiting, throttled, sleeping (what a lane
 * is, and how much of the time it takes, stands at its left: that is the legend), then the budget that is left, which falls
 * while the thread runs and jumps up when it is replenished; below zero it has overrun, and pays back.
 *
 * No state is told by colour alone.
 *
 * Called by timeline.c; computes and prints, decides nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "cleanup.h"
#include "picture.h"
#include "svg.h"

#define WIDTH		1040.0
#define LEFT		168.0
#define RIGHT		28.0
#define TOP		70.0
#define LANE		30.0
#define GAP		9.0
#define BUDGET		96.0
#define BOTTOM		46.0
#define PLOT		(WIDTH - LEFT - RIGHT)
#define REPLENISHED_MAX	120		/* more lines than that are a grey field */

static const struct lane {
	enum meter_state state;
	const char *name;
	const char *what;
	const char *color;
} lanes[] = {
	{ METER_RUNNING,	"running",	"on a CPU",			SVG_BLUE },
	{ METER_WAITING,	"waiting",	"ready, others run",		SVG_VERMILION },
	{ METER_THROTTLED,	"throttled",	"budget used up",		SVG_YELLOW },
	{ METER_SLEEPING,	"sleeping",	"nothing to do",		SVG_GREY },
};

static struct svg_plot plot_of(const struct picture *p)
{
	return (struct svg_plot){ LEFT, PLOT, p->origin_ns, p->from_ns, p->to_ns };
}

static double lane_y(size_t i)
{
	return TOP + (double)i * (LANE + GAP);
}

/* The part of an interval that is shown. */
static nsec_t shown_ns(const struct picture *p, const struct interval *interval)
{
	nsec_t start_ns = interval->start_ns > p->from_ns ? interval->start_ns : p->from_ns;
	nsec_t end_ns = interval->end_ns < p->to_ns ? interval->end_ns : p->to_ns;

	return end_ns > start_ns ? end_ns - start_ns : 0;
}

static void write_lane_label(FILE *f, const struct picture *p, size_t i)
{
	double y = lane_y(i);
	nsec_t sum_ns = 0;
	size_t j;

	for (j = 0; j < p->n_intervals; j++)
		if (p->intervals[j].state == lanes[i].state)
			sum_ns += shown_ns(p, &p->intervals[j]);
	fprintf(f, "<rect x=\"14\" y=\"%.1f\" width=\"10\" height=\"%.1f\" rx=\"2\" fill=\"%s\"/>\n", y + 3, LANE - 6, lanes[i].color);
	fprintf(f, "<text x=\"32\" y=\"%.1f\" class=\"name\">%s</text><text x=\"%.1f\" y=\"%.1f\" class=\"share\">%.1f %%</text>\n",
		y + 13, lanes[i].name, LEFT - 10, y + 13, 100.0 * (double)sum_ns / (double)(p->to_ns - p->from_ns));
	fprintf(f, "<text x=\"32\" y=\"%.1f\" class=\"what\">%s</text>\n", y + 26, lanes[i].what);
}

static void write_lane(FILE *f, const struct picture *p, size_t i)
{
	const struct svg_plot plot = plot_of(p);
	struct svg_bars bars = { .f = f, .plot = &plot, .y = lane_y(i), .height = LANE };
	char fill[32];
	size_t j;

	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"lane\"/>\n", LEFT, lane_y(i), PLOT, LANE);
	write_lane_label(f, p, i);
	for (j = 0; j < p->n_intervals; j++)
		if (p->intervals[j].state == lanes[i].state)
			svg_bar(&bars, p->intervals[j].start_ns, p->intervals[j].end_ns);
	snprintf(fill, sizeof(fill), "fill=\"%s\"", lanes[i].color);
	svg_bars_end(&bars, fill);
}

static void write_replenished(FILE *f, const struct picture *p, double bottom)
{
	const struct svg_plot plot = plot_of(p);
	size_t i, n = 0;

	for (i = 0; i < p->n_replenished; i++)
		n += p->replenished_ns[i] >= p->from_ns && p->replenished_ns[i] <= p->to_ns;
	if (n == 0 || n > REPLENISHED_MAX)
		return;
	fprintf(f, "<path d=\"");
	for (i = 0; i < p->n_replenished; i++)
		if (p->replenished_ns[i] >= p->from_ns && p->replenished_ns[i] <= p->to_ns)
			fprintf(f, "M%.2f %.1fV%.1f", svg_x(&plot, p->replenished_ns[i]), TOP - 4, bottom);
	fprintf(f, "\" class=\"replenished\"/>\n");
}

/* The scale of the budget lane: from the deepest overrun shown to the largest budget. */
static void budget_range(const struct picture *p, int64_t *ret_low, int64_t *ret_high)
{
	int64_t low = 0, high = (int64_t)p->budget_ns;
	size_t i;

	for (i = 0; i < p->n_points; i++) {
		if (!p->points[i].known || p->points[i].time_ns < p->from_ns || p->points[i].time_ns > p->to_ns)
			continue;
		low = p->points[i].left_ns < low ? p->points[i].left_ns : low;
		high = p->points[i].left_ns > high ? p->points[i].left_ns : high;
	}
	*ret_low = low;
	*ret_high = high;
}

static void write_budget_line(FILE *f, const struct picture *p, double zero, double scale)
{
	bool pen = false;
	size_t i;

	fprintf(f, "<path clip-path=\"url(#plot)\" class=\"budget\" d=\"");
	for (i = 0; i < p->n_points; i++) {
		const struct budget_point *point = &p->points[i];
		/* off the picture too, so that the line enters and leaves it where it should */
		double x = LEFT + PLOT * ((double)point->time_ns - (double)p->from_ns) / (double)(p->to_ns - p->from_ns);

		if (x < LEFT - PLOT || x > LEFT + 2 * PLOT)
			continue;
		if (point->known)
			fprintf(f, "%c%.2f %.2f", pen ? 'L' : 'M', x, zero - (double)point->left_ns * scale);
		pen = point->known;
	}
	fprintf(f, "\"/>\n");
}

static void write_budget(FILE *f, const struct picture *p, double y)
{
	double scale, zero, full;
	int64_t low, high;

	budget_range(p, &low, &high);
	scale = (BUDGET - 8) / (double)(high - low);
	zero = y + 4 + (double)high * scale;
	full = zero - (double)p->budget_ns * scale;
	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"lane\"/>\n", LEFT, y, PLOT, BUDGET);
	if (low < 0)
		fprintf(f, "<rect x=\"%.1f\" y=\"%.2f\" width=\"%.1f\" height=\"%.2f\" class=\"overrun\"/>\n", LEFT, zero, PLOT,
			y + BUDGET - zero);
	fprintf(f, "<path d=\"M%.1f %.2fh%.1f\" class=\"zero\"/>\n", LEFT, zero, PLOT);
	write_budget_line(f, p, zero, scale);
	fprintf(f, "<text x=\"32\" y=\"%.1f\" class=\"name\">budget left</text>\n", y + 18);
	fprintf(f, "<text x=\"32\" y=\"%.1f\" class=\"what\">as replayed; below 0</text>\n", y + 33);
	fprintf(f, "<text x=\"32\" y=\"%.1f\" class=\"what\">overrun, paid back</text>\n", y + 46);
	fprintf(f, "<text x=\"%.1f\" y=\"%.2f\" class=\"scale\">%g ms</text>\n", LEFT - 5, full + 4,
		(double)p->budget_ns / 1e6);
	fprintf(f, "<text x=\"%.1f\" y=\"%.2f\" class=\"scale\">0</text>\n", LEFT - 5, zero + 4);
}

int picture_write(FILE *f, const struct picture *p)
{
	static const char css[] = ".replenished{stroke:#222;stroke-opacity:.28;stroke-dasharray:2 2;fill:none}"
				  ".zero{stroke:#999;fill:none}.overrun{fill:#d5401f;fill-opacity:.08}"
				  ".budget{stroke:#1f77b4;stroke-width:1.4;stroke-linejoin:round;fill:none}";
	double budget_y = lane_y(ARRAY_SIZE(lanes)) + 4;
	double bottom = p->budget_ns > 0 ? budget_y + BUDGET : lane_y(ARRAY_SIZE(lanes)) - GAP;
	const struct svg_plot plot = plot_of(p);
	size_t i;

	svg_head(f, WIDTH, bottom + BOTTOM, p->title, p->subtitle, css);
	fprintf(f, "<clipPath id=\"plot\"><rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n", LEFT, PLOT, bottom);
	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		write_lane(f, p, i);
	if (p->budget_ns > 0) {
		write_budget(f, p, budget_y);
		write_replenished(f, p, bottom);
	}
	svg_axis(f, &plot, bottom);
	return svg_end(f);
}
