/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all our pictures of time share: an axis in ms, bars, and how texts look. Colours tell apart for colour-blind readers too.
 */
#ifndef CLI_SVG_H
#define CLI_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include <virtrk/units.h>

#define SVG_BLUE	"#1f77b4"
#define SVG_VERMILION	"#d5401f"
#define SVG_YELLOW	"#edb120"
#define SVG_GREY	"#b8bec6"

/* Where time is drawn. */
struct svg_plot {
	double left;
	double width;
	nsec_t origin_ns;	/* 0 of the axis */
	nsec_t from_ns;		/* what is shown; same clock as all other times */
	nsec_t to_ns;
};

/* Inside the plot, whatever the time. */
double svg_x(const struct svg_plot *plot, nsec_t time_ns);

/* The document's head with our styles and @css, a white ground, the title. svg_end() ends it. */
void svg_head(FILE *f, double width, double height, const char *title, const char *subtitle, const char *css);
/* -EIO when it could not be written. */
int svg_end(FILE *f);
/* Text between tags or in an attribute. */
void svg_text(FILE *f, const char *text);
/* The axis in ms at @bottom, with its ticks and its name. */
void svg_axis(FILE *f, const struct svg_plot *plot, double bottom);

/* Many bars of one lane are one path, so that a second of busy trace stays a small file. In order of time. */
struct svg_bars {
	FILE *f;
	const struct svg_plot *plot;
	double y, height;
	double end;
	bool any;
};

void svg_bar(struct svg_bars *bars, nsec_t from_ns, nsec_t to_ns);
/* @attributes: fill="...", class="..." */
void svg_bars_end(struct svg_bars *bars, const char *attributes);

#endif
