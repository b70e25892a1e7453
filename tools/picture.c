/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small SVG writer for one kind of picture. Lanes from top to bottom: running, waiting, throttled, sleeping (what a lane
 * is, and how much of the time it takes, stands at its left: that is the legend), then the budget that is left, which falls
 * while the thread runs and jumps up when it is replenished; below zero it has overrun, and pays back.
 *
 * All of a lane is one path, so a second of busy trace stays a small file. Colours tell apart for colour-blind readers too
 * (blue, vermilion, yellow, grey), and no state is told by colour alone.
 *
 * Called by timeline.c; computes and prints, decides nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "cleanup.h"
#include "picture.h"

#define WIDTH		1040.0
#define LEFT		168.0
#define RIGHT		28.0
#define TOP		70.0
#define LANE		30.0
#define GAP		9.0
#define BUDGET		96.0
#define BOTTOM		46.0
#define PLOT		(WIDTH - LEFT - RIGHT)
#define BAR_MIN		0.4		/* narrower ones could not be seen */
#define REPLENISHED_MAX	120		/* more lines than that are a grey field */

static const struct lane {
	enum meter_state state;
	const char *name;
	const char *what;
	const char *color;
} lanes[] = {
	{ METER_RUNNING,	"running",	"on a CPU",			"#1f77b4" },
	{ METER_WAITING,	"waiting",	"ready, others run",		"#d5401f" },
	{ METER_THROTTLED,	"throttled",	"budget used up",		"#edb120" },
	{ METER_SLEEPING,	"sleeping",	"nothing to do",		"#b8bec6" },
};

static double x_of(const struct picture *p, nsec_t time_ns)
{
	if (time_ns <= p->from_ns)
		return LEFT;
	if (time_ns >= p->to_ns)
		return LEFT + PLOT;
	return LEFT + PLOT * (double)(time_ns - p->from_ns) / (double)(p->to_ns - p->from_ns);
}

static double lane_y(size_t i)
{
	return TOP + (double)i * (LANE + GAP);
}

static bool is_shown(const struct picture *p, const struct interval *interval)
{
	return interval->end_ns > p->from_ns && interval->start_ns < p->to_ns;
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
	double y = lane_y(i), end = 0;
	bool any = false;
	size_t j;

	fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"lane\"/>\n", LEFT, y, PLOT, LANE);
	write_lane_label(f, p, i);
	for (j = 0; j < p->n_intervals; j++) {
		double from = x_of(p, p->intervals[j].start_ns), to = x_of(p, p->intervals[j].end_ns);

		if (p->intervals[j].state != lanes[i].state || !is_shown(p, &p->intervals[j]))
			continue;
		to = to - from < BAR_MIN ? from + BAR_MIN : to;
		if (any && to <= end)
			continue;	/* hidden behind the last one */
		from = any && from < end ? end : from;
		fprintf(f, "%sM%.2f %.1fH%.2fv%.1fH%.2fz", any ? "" : "<path d=\"", from, y, to, LANE, from);
		end = to;
		any = true;
	}
	if (any)
		fprintf(f, "\" fill=\"%s\"/>\n", lanes[i].color);
}

/* 1, 2 or 5 times a power of ten, about @wanted of them in @range. */
static double nice_step(double range, double wanted)
{
	static const double factors[] = { 1, 2, 5, 10 };
	double power = 1e-6;
	size_t i;

	while (power * 10 <= range / wanted)
		power *= 10;
	for (i = 0; i < ARRAY_SIZE(factors) - 1 && factors[i] * power < range / wanted; i++)
		;
	return factors[i] * power;
}

static void write_axis(FILE *f, const struct picture *p, double bottom)
{
	double from = (double)(p->from_ns - p->origin_ns) / 1e6, to = (double)(p->to_ns - p->origin_ns) / 1e6;
	double step = nice_step(to - from, 10);
	int64_t i = (int64_t)(from / step);

	for (; (double)i * step <= to + step * 1e-6; i++) {
		double x = LEFT + PLOT * ((double)i * step - from) / (to - from);

		if (x < LEFT - 0.01)
			continue;
		fprintf(f, "<path d=\"M%.2f %.1fv5\" class=\"tick\"/><text x=\"%.2f\" y=\"%.1f\" class=\"axis\">%g</text>\n", x, bottom, x,
			bottom + 18, (double)i * step);
	}
	fprintf(f, "<path d=\"M%.1f %.1fh%.1f\" class=\"tick\"/>\n", LEFT, bottom, PLOT);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"axis\">time (ms)</text>\n", LEFT + PLOT / 2, bottom + 36);
}

static void write_replenished(FILE *f, const struct picture *p, double bottom)
{
	size_t i, n = 0;

	for (i = 0; i < p->n_replenished; i++)
		n += p->replenished_ns[i] >= p->from_ns && p->replenished_ns[i] <= p->to_ns;
	if (n == 0 || n > REPLENISHED_MAX)
		return;
	fprintf(f, "<path d=\"");
	for (i = 0; i < p->n_replenished; i++)
		if (p->replenished_ns[i] >= p->from_ns && p->replenished_ns[i] <= p->to_ns)
			fprintf(f, "M%.2f %.1fV%.1f", x_of(p, p->replenished_ns[i]), TOP - 4, bottom);
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

static void write_head(FILE *f, const struct picture *p, double height)
{
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", WIDTH, height,
		WIDTH, height);
	fprintf(f, "<style>text{font-family:\"DejaVu Sans\",Verdana,sans-serif;font-size:12px;fill:#222}"
		   ".title{font-size:16px;font-weight:bold}.subtitle,.what,.axis,.scale,.share{fill:#555}"
		   ".name{font-weight:bold}.what,.scale{font-size:10.5px}.axis{text-anchor:middle}"
		   ".scale,.share{text-anchor:end}.lane{fill:#f4f5f7}.tick{stroke:#888;fill:none}"
		   ".replenished{stroke:#222;stroke-opacity:.28;stroke-dasharray:2 2;fill:none}"
		   ".zero{stroke:#999;fill:none}.overrun{fill:#d5401f;fill-opacity:.08}"
		   ".budget{stroke:#1f77b4;stroke-width:1.4;stroke-linejoin:round;fill:none}</style>\n");
	fprintf(f, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", WIDTH, height);
	fprintf(f, "<text x=\"14\" y=\"28\" class=\"title\">%s</text>\n<text x=\"14\" y=\"50\" class=\"subtitle\">%s</text>\n", p->title,
		p->subtitle);
}

int picture_write(FILE *f, const struct picture *p)
{
	double budget_y = lane_y(ARRAY_SIZE(lanes)) + 4;
	double bottom = p->budget_ns > 0 ? budget_y + BUDGET : lane_y(ARRAY_SIZE(lanes)) - GAP;
	size_t i;

	write_head(f, p, bottom + BOTTOM);
	fprintf(f, "<clipPath id=\"plot\"><rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n", LEFT, PLOT, bottom);
	for (i = 0; i < ARRAY_SIZE(lanes); i++)
		write_lane(f, p, i);
	if (p->budget_ns > 0) {
		write_budget(f, p, budget_y);
		write_replenished(f, p, bottom);
	}
	write_axis(f, p, bottom);
	fprintf(f, "</svg>\n");
	return ferror(f) ? -EIO : 0;
}
