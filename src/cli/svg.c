/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SVG for pictures of time. Called by the charts of virtrk simulate and by the timeline tool; computes and prints, decides
 * nothing, knows neither traces nor systems.
 */
#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "svg.h"

#define BAR_MIN 0.4	/* narrower ones could not be seen */

double svg_x(const struct svg_plot *plot, nsec_t time_ns)
{
	if (time_ns <= plot->from_ns)
		return plot->left;
	if (time_ns >= plot->to_ns)
		return plot->left + plot->width;
	return plot->left + plot->width * (double)(time_ns - plot->from_ns) / (double)(plot->to_ns - plot->from_ns);
}

void svg_text(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			/* no control character may stand in XML */
			fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, f);
		}
}

void svg_head(FILE *f, double width, double height, const char *title, const char *subtitle, const char *css)
{
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", width, height,
		width, height);
	fprintf(f, "<style>text{font-family:\"DejaVu Sans\",Verdana,sans-serif;font-size:12px;fill:#222}"
		   ".title{font-size:16px;font-weight:bold}.subtitle,.what,.axis,.scale,.share{fill:#555}"
		   ".name{font-weight:bold}.what,.scale{font-size:10.5px}.axis{text-anchor:middle}"
		   ".scale,.share{text-anchor:end}.lane{fill:#f4f5f7}.tick{stroke:#888;fill:none}%s</style>\n", css);
	fprintf(f, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n<text x=\"14\" y=\"28\" class=\"title\">", width, height);
	svg_text(f, title);
	fprintf(f, "</text>\n<text x=\"14\" y=\"50\" class=\"subtitle\">");
	svg_text(f, subtitle);
	fprintf(f, "</text>\n");
}

int svg_end(FILE *f)
{
	fprintf(f, "</svg>\n");
	return ferror(f) ? -EIO : 0;
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

void svg_axis(FILE *f, const struct svg_plot *plot, double bottom)
{
	double from = (double)(plot->from_ns - plot->origin_ns) / 1e6, to = (double)(plot->to_ns - plot->origin_ns) / 1e6;
	double step = nice_step(to - from, 10);
	int64_t i = (int64_t)(from / step);

	for (; (double)i * step <= to + step * 1e-6; i++) {
		double x = plot->left + plot->width * ((double)i * step - from) / (to - from);

		if (x < plot->left - 0.01)
			continue;
		fprintf(f, "<path d=\"M%.2f %.1fv5\" class=\"tick\"/><text x=\"%.2f\" y=\"%.1f\" class=\"axis\">%.10g</text>\n", x, bottom, x,
			bottom + 18, (double)i * step);
	}
	fprintf(f, "<path d=\"M%.1f %.1fh%.1f\" class=\"tick\"/>\n", plot->left, bottom, plot->width);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"axis\">time (ms)</text>\n", plot->left + plot->width / 2, bottom + 36);
}

void svg_bar(struct svg_bars *bars, nsec_t from_ns, nsec_t to_ns)
{
	double from = svg_x(bars->plot, from_ns), to = svg_x(bars->plot, to_ns);

	if (to_ns <= bars->plot->from_ns || from_ns >= bars->plot->to_ns)
		return;
	to = to - from < BAR_MIN ? from + BAR_MIN : to;
	if (bars->any && to <= bars->end)
		return;		/* hidden behind the last one */
	from = bars->any && from < bars->end ? bars->end : from;
	fprintf(bars->f, "%sM%.2f %.1fH%.2fv%.1fH%.2fz", bars->any ? "" : "<path d=\"", from, bars->y, to, bars->height, from);
	bars->end = to;
	bars->any = true;
}

void svg_bars_end(struct svg_bars *bars, const char *attributes)
{
	if (bars->any)
		fprintf(bars->f, "\" %s/>\n", attributes);
	bars->any = false;
}
