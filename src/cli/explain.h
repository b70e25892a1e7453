/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>
#include <virtrk/units.h>

#define EXPLAIN_STEPS_MAX 100	/* in JSON; text shows fewer */

/*
 * One part of an explanation: { "about", "title", "ok", "test", "theory", "text": [...], "steps": [{ at, lhs, rhs, text }],
 * "steps_total" }. A failure sticks: what comes after it does nothing, and the code is in r.
 */
struct explain {
	struct json_object *object;
	struct json_object *text;
	struct json_object *steps;
	size_t n_steps;
	int r;
};

void explain_init(struct explain *e, const char *about, bool ok, const char *test);
void explain_done(struct explain *e);
void explain_title(struct explain *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void explain_theory(struct explain *e, const char *text);
void explain_text(struct explain *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One evaluation of the inequality or recurrence; NSEC_MAX as a side is null. Beyond EXPLAIN_STEPS_MAX only counted. */
void explain_step(struct explain *e, nsec_t at, nsec_t lhs, nsec_t rhs, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A member of its own, a number or a text. */
void explain_put(struct explain *e, const char *key, struct json_object *value);
/* Appends the part to @array, which owns it then. Returns e->r. */
int explain_end(struct explain *e, struct json_object *array);

/* One sentence, broken between words; all lines but the first are indented. 0; -ENOMEM. */
int explain_sentence(const char *text, size_t columns);

/* The parts of @array for people, in @columns columns at most. 0; -ENOMEM. */
int explain_print(struct json_object *array, size_t columns);

#endif
