/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an explanation is made of: parts, each about a CPU, a vCPU or a task, with sentences and with the steps of a
 * calculation; built as JSON, and shown from that JSON, so that people and scripts read the same.
 *
 * Called by system-explain.c, which knows what to say, and by the verb analyze. It knows no theory.
 */
#include <string.h>

#include "answer.h"
#include "cli.h"
#include "explain.h"
#include "text.h"

#define SHOWN_FIRST 8		/* of many steps the first and the last are shown */
#define SHOWN_LAST 2
#define INDENT ((size_t)2)

static int add(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int append(struct json_object *array, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

void explain_init(struct explain *e, const char *about, bool ok, const char *test)
{
	*e = (struct explain){ .object = json_object_new_object(), .text = json_object_new_array(), .steps = json_object_new_array() };
	e->r = e->object && e->text && e->steps ? 0 : -ENOMEM;
	explain_put(e, "about", json_object_new_string(about));
	explain_put(e, "ok", json_object_new_boolean(ok));
	explain_put(e, "test", json_object_new_string(test));
}

void explain_done(struct explain *e)
{
	json_object_put(e->object);
	json_object_put(e->text);
	json_object_put(e->steps);
	*e = (struct explain){ 0 };
}

void explain_put(struct explain *e, const char *key, struct json_object *value)
{
	if (e->r < 0)
		json_object_put(value);
	else
		e->r = add(e->object, key, value);
}

static __attribute__((format(printf, 1, 0))) struct json_object *string_of(const char *fmt, va_list ap)
{
	_cleanup_(freep) char *text = text_vformat(fmt, ap);

	return text ? json_object_new_string(text) : NULL;
}

void explain_title(struct explain *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain_put(e, "title", string_of(fmt, ap));
	va_end(ap);
}

void explain_theory(struct explain *e, const char *text)
{
	explain_put(e, "theory", json_object_new_string(text));
}

void explain_text(struct explain *e, const char *fmt, ...)
{
	va_list ap;

	if (e->r < 0)
		return;
	va_start(ap, fmt);
	e->r = append(e->text, string_of(fmt, ap));
	va_end(ap);
}

static int side_add(struct json_object *object, const char *key, nsec_t ns)
{
	if (ns < NSEC_MAX)
		return add(object, key, json_object_new_int64((int64_t)ns));
	return json_object_object_add(object, key, NULL) < 0 ? -ENOMEM : 0;
}

void explain_step(struct explain *e, nsec_t at, nsec_t lhs, nsec_t rhs, const char *fmt, ...)
{
	_cleanup_(json_object_putp) struct json_object *step = NULL;
	va_list ap;

	if (e->r < 0 || e->n_steps++ >= EXPLAIN_STEPS_MAX)
		return;
	step = json_object_new_object();
	e->r = step ? side_add(step, "at", at) : -ENOMEM;
	if (e->r >= 0)
		e->r = side_add(step, "lhs", lhs);
	if (e->r >= 0)
		e->r = side_add(step, "rhs", rhs);
	va_start(ap, fmt);
	if (e->r >= 0)
		e->r = add(step, "text", string_of(fmt, ap));
	va_end(ap);
	if (e->r >= 0)
		e->r = append(e->steps, TAKE_PTR(step));
}

int explain_end(struct explain *e, struct json_object *array)
{
	explain_put(e, "text", e->r < 0 ? NULL : json_object_get(e->text));
	explain_put(e, "steps", e->r < 0 ? NULL : json_object_get(e->steps));
	explain_put(e, "steps_total", e->r < 0 ? NULL : json_object_new_int64((int64_t)e->n_steps));
	if (e->r >= 0)
		e->r = append(array, json_object_get(e->object));
	return e->r;
}

/* ---- for people ---- */

/* One paragraph, broken between words; lines after the first stand @deeper to the right. */
static int paragraph_print(const char *text, size_t indent, size_t deeper, size_t columns)
{
	_cleanup_(freep) char *clean = text_clean(text);
	const char *p = clean;

	if (!clean)
		return -ENOMEM;
	do {
		size_t room = columns > indent + 20 ? columns - indent : 20, width, n = text_cut(p, room, &width);

		if (p[n] != '\0') {
			size_t cut = n;

			while (cut > 0 && p[cut] != ' ')
				cut--;
			n = cut > 0 ? cut : n;
		}
		printf("%*s%.*s\n", (int)indent, "", (int)n, p);
		p += n;
		p += *p == ' ';
		indent += deeper;
		deeper = 0;
	} while (*p != '\0');
	return 0;
}

int explain_sentence(const char *text, size_t columns)
{
	return paragraph_print(text, 0, INDENT, columns);
}

static int steps_print(struct json_object *part, size_t columns)
{
	struct json_object *steps = answer_member(part, "steps");
	size_t n = json_object_array_length(steps), total = (size_t)answer_u64(part, "steps_total");
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		bool skip = total > SHOWN_FIRST + SHOWN_LAST + 1 && i >= SHOWN_FIRST && i + SHOWN_LAST < n;

		if (!skip)
			r = paragraph_print(answer_text(json_object_array_get_idx(steps, i), "text"), 2 * INDENT, INDENT, columns);
		else if (i == SHOWN_FIRST)
			printf("%*s(%zu more steps are not shown%s)\n", (int)(2 * INDENT), "",
			       (n == total ? n : EXPLAIN_STEPS_MAX) - SHOWN_FIRST - SHOWN_LAST, n == total ? ", see --json" : "");
	}
	if (r >= 0 && total > n)
		printf("%*s(and %zu more)\n", (int)(2 * INDENT), "", total - n);
	return r;
}

int explain_print(struct json_object *array, size_t columns)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
		struct json_object *part = json_object_array_get_idx(array, i), *text = answer_member(part, "text");
		_cleanup_(freep) char *theory = NULL;

		puts("");
		r = paragraph_print(answer_text(part, "title"), 0, INDENT, columns);
		if (r >= 0 && json_object_object_get_ex(part, "theory", NULL)) {
			if (asprintf(&theory, "theory: %s", answer_text(part, "theory")) < 0) {
				theory = NULL;
				return -ENOMEM;
			}
			r = paragraph_print(theory, INDENT, INDENT, columns);
		}
		/* the first sentence says what is calculated, the others what came of it */
		if (r >= 0 && json_object_array_length(text) > 0)
			r = paragraph_print(json_object_get_string(json_object_array_get_idx(text, 0)), INDENT, INDENT, columns);
		if (r >= 0)
			r = steps_print(part, columns);
		for (size_t k = 1; r >= 0 && k < json_object_array_length(text); k++)
			r = paragraph_print(json_object_get_string(json_object_array_get_idx(text, k)), INDENT, INDENT, columns);
	}
	return r;
}
