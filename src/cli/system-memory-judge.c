/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do all guests get their page frames, and what to say when not: the library decides, its checker adds it up again, and here it
 * becomes sentences and JSON. A no names who asks for too much together, what they want and what there is, and the smallest
 * change of one of them.
 *
 * Called by system-judge.c, the answers and the plan. Pure but for memory.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "system-memory.h"

static char *words(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *words(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

/* ---- the sets ---- */

static void set_fill(struct vrk_colors *set, uint32_t limit)
{
	for (uint32_t i = 0; i < limit; i++)
		vrk_colors_add(set, i);
}

/* The first guest whose sets are not known yet; n = all are. */
static size_t open_find(const struct system_memory *m)
{
	size_t i = 0;

	while (i < m->n && (m->wishes[i].colors == 0 || m->wishes[i].colors == VRK_COLORS_LEFT) &&
	       (m->wishes[i].banks == 0 || m->wishes[i].banks == VRK_COLORS_LEFT))
		i++;
	return i;
}

/*
 * The requests as the library wants them, the sets that were left out filled in. Where nothing is left, the whole host: then the
 * answer is that somebody else has it for himself.
 */
static int requests_make(const struct system_memory *m, struct vrk_memory_request **ret, size_t *ret_short)
{
	_cleanup_(freep) struct vrk_memory_request *r = calloc(m->n + 1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	memcpy(r, m->requests, m->n * sizeof(*r));
	err = vrk_memory_choose(&m->host, r, m->wishes, m->n, ret_short);
	if (err < 0)
		return err;
	for (size_t i = 0; i < m->n; i++) {
		if (vrk_colors_count(&r[i].colors) == 0)
			set_fill(&r[i].colors, m->host.colors);
		if (vrk_colors_count(&r[i].banks) == 0)
			set_fill(&r[i].banks, m->host.banks);
	}
	*ret = TAKE_PTR(r);
	return 0;
}

int system_memory_requests(const struct system_document *d, struct vrk_memory_request **ret)
{
	size_t lacking;

	*ret = NULL;
	return d->memory.n > 0 ? requests_make(&d->memory, ret, &lacking) : 0;
}

int system_memory_judge(const struct system_document *d, struct vrk_memory_answer *ret, bool *ret_ok, struct vr_error **reterr)
{
	const struct system_memory *m = &d->memory;
	_cleanup_(freep) struct vrk_memory_request *r = NULL;
	struct vrk_memory_answer answer;
	size_t open = open_find(m), lacking;
	int err;

	*ret = (struct vrk_memory_answer){ .rule = VRK_MEMORY_FITS };
	*ret_ok = true;
	if (m->n == 0)
		return 0;
	if (open < m->n)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s asks for a number of %s, and does not say which: virtrk plan finds them",
				    m->names[open], m->wishes[open].colors == 0 || m->wishes[open].colors == VRK_COLORS_LEFT ?
				    "banks" : "cache colours");
	err = requests_make(m, &r, &lacking);
	if (err >= 0)
		err = vrk_memory_fit(&m->host, r, m->n, &answer);
	if (err < 0)
		return err;
	err = vrk_memory_check(&m->host, r, m->n, &answer);
	if (err < 0) {
		vrk_memory_answer_done(&answer);
		return err == -EBADMSG ? vr_error_set(reterr, err, VR_FAILED, "the proof of this answer does not check: no verdict is given") : err;
	}
	*ret_ok = answer.rule == VRK_MEMORY_FITS;
	*ret = answer;
	return 0;
}

/* ---- words ---- */

/* "0-3,8" */
static char *set_text(const struct vrk_colors *set)
{
	char *text = NULL;

	for (uint32_t i = 0; i < VRK_COLORS_MAX; i++) {
		_cleanup_(freep) char *before = text;
		uint32_t first = i;

		if (!vrk_colors_have(set, i)) {
			before = NULL;
			continue;
		}
		while (vrk_colors_have(set, i + 1))
			i++;
		if (first == i)
			text = words("%s%s%" PRIu32, before ?: "", before ? "," : "", first);
		else
			text = words("%s%s%" PRIu32 "-%" PRIu32, before ?: "", before ? "," : "", first, i);
		if (!text)
			return NULL;
	}
	return text ?: words("none");
}

/* "a", "a and b", "a, b and c" */
static char *who_text(const struct system_memory *m, const struct vrk_memory_answer *a)
{
	char *text = NULL;

	for (size_t k = 0; k < a->n_who; k++) {
		_cleanup_(freep) char *before = text;

		text = words("%s%s%s", before ?: "", k == 0 ? "" : k + 1 == a->n_who ? " and " : ", ", m->names[a->who[k]]);
		if (!text)
			return NULL;
	}
	return text;
}

static int reason_make(const struct system_memory *m, const struct vrk_memory_request *r, const struct vrk_memory_answer *a, char **ret)
{
	_cleanup_(freep) char *who = who_text(m, a);
	char want[VRK_BYTES_STRLEN], hold[VRK_BYTES_STRLEN];
	const struct vrk_memory_request *first = &r[a->who[0]], *second = &r[a->who[1]];
	bool color = a->rule == VRK_MEMORY_SHARED_COLOR;
	bool own = color ? first->exclusive_colors : first->exclusive_banks, other = color ? second->exclusive_colors : second->exclusive_banks;

	if (!who)
		return -ENOMEM;
	if (a->rule == VRK_MEMORY_CAPACITY)
		*ret = words("memory: %s want%s %s, and all page frames that %s may have are %s", who, a->n_who == 1 ? "s" : "",
				   vrk_bytes_format(want, a->lhs_frames * VRK_FRAME_BYTES), a->n_who == 1 ? "it" : "they",
				   vrk_bytes_format(hold, a->rhs_frames * VRK_FRAME_BYTES));
	else
		*ret = words("memory: %s both have %s %" PRIu32 ", which %s for itself", who, color ? "cache colour" : "bank", a->shared,
				   own && other ? "each wants" : own ? "the first wants" : "the second wants");
	return *ret ? 0 : -ENOMEM;
}

/* "2 more cache colours (then 0-3)", or in place of those that it must not have "the cache colours 4-7 instead"; NULL = no help. */
static int more_text(const struct vrk_memory_more *more, const char *what, char **ret)
{
	_cleanup_(freep) char *set = set_text(&more->set);

	*ret = NULL;
	if (!set)
		return -ENOMEM;
	if (vrk_colors_count(&more->set) == 0)
		return 0;
	if (more->more == 0)
		*ret = words("only the %ss %s", what, set);
	else
		*ret = words("%" PRIu32 " more %s%s (then %s)", more->more, what, more->more == 1 ? "" : "s", set);
	return *ret ? 0 : -ENOMEM;
}

static int repair_text(const struct vrk_memory_request *r, const char *name, const struct vrk_memory_repair *fix, char **ret)
{
	_cleanup_(freep) char *colors = NULL, *banks = NULL, *less = NULL;
	char by[VRK_BYTES_STRLEN], then[VRK_BYTES_STRLEN];
	int err = more_text(&fix->colors, "cache colour", &colors);

	if (err >= 0)
		err = more_text(&fix->banks, "bank", &banks);
	if (err < 0)
		return err;
	if (fix->bytes > 0) {
		less = words("%s less (then %s)", vrk_bytes_format(by, r->bytes - fix->bytes), vrk_bytes_format(then, fix->bytes));
		if (!less)
			return -ENOMEM;
	}
	*ret = words("give %s %s%s%s%s%s", name, colors ?: "", colors && (banks || less) ? ", or " : "", banks ?: "",
			   banks && less ? ", or " : "", less ?: "");
	return *ret ? 0 : -ENOMEM;
}

/* The last of those who ask for too much that can mend it alone. */
static int repair_find(const struct system_memory *m, const struct vrk_memory_request *r, const struct vrk_memory_answer *a, char **ret)
{
	for (size_t k = a->n_who; k > 0; k--) {
		size_t who = a->who[k - 1];
		struct vrk_memory_repair fix;
		int err = vrk_memory_repair(&m->host, r, m->n, who, &fix);

		if (err < 0)
			return err;
		if (fix.bytes > 0 || vrk_colors_count(&fix.colors.set) > 0 || vrk_colors_count(&fix.banks.set) > 0)
			return repair_text(&r[who], m->names[who], &fix, ret);
	}
	*ret = words("no change of one of them alone is enough: give several less");
	return *ret ? 0 : -ENOMEM;
}

static int refusal_fill(const struct system_memory *m, const struct vrk_memory_request *r, const struct vrk_memory_answer *a,
			struct system_refusal *ret)
{
	bool capacity = a->rule == VRK_MEMORY_CAPACITY;
	int err = reason_make(m, r, a, &ret->reason);

	if (err >= 0)
		err = repair_find(m, r, a, &ret->repair);
	ret->verdict = (struct vrk_verdict){
		.test = VRK_TEST_MEMORY, .unit = VRK_SIDE_BYTES, .index = SIZE_MAX,
		.lhs = capacity ? a->lhs_frames * VRK_FRAME_BYTES : 2, .rhs = capacity ? a->rhs_frames * VRK_FRAME_BYTES : 1,
	};
	return err;
}

int system_memory_refuse(const struct system_document *d, struct system_refusal *ret)
{
	const struct system_memory *m = &d->memory;
	_cleanup_(freep) struct vrk_memory_request *r = NULL;
	struct vrk_memory_answer answer;
	size_t lacking;
	int err;

	if (m->n == 0)
		return 0;
	err = requests_make(m, &r, &lacking);
	if (err >= 0)
		err = vrk_memory_fit(&m->host, r, m->n, &answer);
	if (err < 0)
		return err;
	if (answer.rule != VRK_MEMORY_FITS)
		err = refusal_fill(m, r, &answer, ret);
	vrk_memory_answer_done(&answer);
	return err;
}

/* ---- the plan ---- */

static int lacking_refuse(const struct system_memory *m, size_t i, struct system_refusal *ret)
{
	bool colors = m->wishes[i].colors > 0 && m->wishes[i].colors != VRK_COLORS_LEFT;
	uint32_t want = colors ? m->wishes[i].colors : m->wishes[i].banks;

	ret->verdict = (struct vrk_verdict){ .test = VRK_TEST_MEMORY, .unit = VRK_SIDE_BYTES, .index = SIZE_MAX, .lhs = 2, .rhs = 1 };
	if (want == 0 || want == VRK_COLORS_LEFT)
		ret->reason = words("memory: others have all cache colours or banks for themselves, so nothing is left for %s", m->names[i]);
	else
		ret->reason = words("memory: %s wants %" PRIu32 " %s, and not so many are left beside those that others have for themselves",
					  m->names[i], want, colors ? "cache colours" : "banks");
	ret->repair = words("give the VMs fewer for themselves, or let %s share", m->names[i]);
	return ret->reason && ret->repair ? 0 : -ENOMEM;
}

static int divide_refuse(uint32_t n_free, struct system_refusal *ret)
{
	ret->verdict = (struct vrk_verdict){ .test = VRK_TEST_MEMORY, .unit = VRK_SIDE_BYTES, .index = SIZE_MAX, .lhs = 2, .rhs = 1 };
	ret->reason = words("memory: no division of the %" PRIu32 " cache colours that are left gives every VM that asks for the best enough for its "
			    "memory, its deadlines and one CPU", n_free);
	ret->repair = words("name fewer colours for the others, make tasks shorter, or their memory smaller");
	return ret->reason && ret->repair ? 0 : -ENOMEM;
}

int system_memory_plan(struct system_document *d, struct system_refusal *ret_refusal, struct vr_error **reterr)
{
	struct system_memory *m = &d->memory;
	_cleanup_(freep) struct vrk_memory_request *r = NULL;
	struct vrk_memory_answer answer;
	size_t lacking = SIZE_MAX;
	uint32_t n_free;
	bool ok;
	int err;

	if (m->n == 0)
		return 0;
	err = system_curves_divide(d, &ok, &n_free);
	if (err >= 0 && !ok)
		return divide_refuse(n_free, ret_refusal);
	if (err >= 0)
		err = requests_make(m, &r, &lacking);
	if (err < 0)
		return err;
	if (lacking != SIZE_MAX)
		return lacking_refuse(m, lacking, ret_refusal);
	for (size_t i = 0; i < m->n; i++) {
		if (m->wishes[i].colors != VRK_COLORS_LEFT) {
			m->requests[i].colors = r[i].colors;
			m->wishes[i].colors = 0;
		}
		if (m->wishes[i].banks != VRK_COLORS_LEFT) {
			m->requests[i].banks = r[i].banks;
			m->wishes[i].banks = 0;
		}
	}
	system_curves_apply(d);
	err = system_memory_judge(d, &answer, &ok, reterr);
	if (err < 0)
		return err;
	vrk_memory_answer_done(&answer);
	return ok ? 0 : system_memory_refuse(d, ret_refusal);
}

/* ---- what is told ---- */

static void set_write(const char *key, const struct vrk_colors *set, struct json_line *line)
{
	json_line_open(line, key, '[');
	for (uint32_t i = 0; i < VRK_COLORS_MAX; i++)
		if (vrk_colors_have(set, i))
			json_line_int(line, NULL, i);
	json_line_close(line, ']');
}

void system_memory_write(const struct system_document *d, struct json_line *line)
{
	const struct system_memory *m = &d->memory;
	_cleanup_(freep) struct vrk_memory_request *r = NULL;
	size_t lacking;

	if (m->n == 0)
		return;
	if (requests_make(m, &r, &lacking) < 0) {
		line->failed = true;
		return;
	}
	json_line_open(line, "memory", '[');
	for (size_t i = 0; i < m->n; i++) {
		json_line_open(line, NULL, '{');
		json_line_text(line, "vm", m->names[i]);
		json_line_int(line, "size", (int64_t)r[i].bytes);
		set_write("cache_colors", &r[i].colors, line);
		set_write("banks", &r[i].banks, line);
		json_line_bool(line, "exclusive", r[i].exclusive_colors || r[i].exclusive_banks);
		json_line_close(line, '}');
	}
	json_line_close(line, ']');
}

static int part_put(struct json_object *rows, const struct vrk_memory_part *part)
{
	struct json_object *row = json_object_array_get_idx(rows, part->request), *list = answer_member(row, "certificate");
	struct json_object *one = json_object_new_object();
	int r = one ? 0 : -ENOMEM;

	if (r >= 0)
		r = json_object_object_add(one, "color", json_object_new_int64(part->color));
	if (r >= 0)
		r = json_object_object_add(one, "bank", json_object_new_int64(part->bank));
	if (r >= 0)
		r = json_object_object_add(one, "size", json_object_new_int64((int64_t)(part->frames * VRK_FRAME_BYTES)));
	if (r < 0 || json_object_array_add(list, one) < 0) {
		json_object_put(one);
		return -ENOMEM;
	}
	return 0;
}

int system_memory_certify(const struct system_document *d, struct json_object *answer)
{
	_cleanup_(vrk_memory_answer_done) struct vrk_memory_answer proof = { .rule = VRK_MEMORY_FITS };
	struct json_object *rows = d->memory.n > 0 ? answer_member(answer, "memory") : NULL;
	bool ok;
	int r = system_memory_judge(d, &proof, &ok, NULL);

	for (size_t i = 0; r >= 0 && i < d->memory.n; i++) {
		struct json_object *list = ok ? json_object_new_array() : NULL;

		if ((ok && !list) || json_object_object_add(json_object_array_get_idx(rows, i), "certificate", list) < 0) {
			json_object_put(list);
			r = -ENOMEM;
		}
	}
	for (size_t p = 0; r >= 0 && p < proof.n_parts; p++)
		r = part_put(rows, &proof.parts[p]);
	return r;
}

int system_memory_text(const struct system_document *d, size_t i, char **ret)
{
	const struct system_memory *m = &d->memory;
	_cleanup_(freep) struct vrk_memory_request *r = NULL;
	_cleanup_(freep) char *colors = NULL, *banks = NULL, *charged = NULL;
	nsec_t reload = system_curves_reload(d, i);
	char size[VRK_BYTES_STRLEN], text[VRK_NSEC_STRLEN];
	size_t lacking;
	int err = requests_make(m, &r, &lacking);

	if (err < 0)
		return err;
	colors = set_text(&r[i].colors);
	banks = set_text(&r[i].banks);
	if (!colors || !banks)
		return -ENOMEM;
	if (reload > 0)
		charged = words("; %s a job for reloads", vrk_nsec_format(text, reload));
	if (reload > 0 && !charged)
		return -ENOMEM;
	*ret = words("%s: %s, cache colours %s%s, banks %s%s%s", m->names[i], vrk_bytes_format(size, r[i].bytes), colors,
			   r[i].exclusive_colors ? " (its own)" : "", banks, r[i].exclusive_banks ? " (its own)" : "", charged ?: "");
	return *ret ? 0 : -ENOMEM;
}

static int set_put(struct json_object *memory, const char *key, const struct vrk_colors *set)
{
	struct json_object *array = json_object_new_array();

	if (!array || json_object_object_add(memory, key, array) < 0) {
		json_object_put(array);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < VRK_COLORS_MAX; i++) {
		struct json_object *one = vrk_colors_have(set, i) ? json_object_new_int64(i) : NULL;

		if (vrk_colors_have(set, i) && (!one || json_object_array_add(array, one) < 0)) {
			json_object_put(one);
			return -ENOMEM;
		}
	}
	return 0;
}

int system_memory_describe(const struct system_document *d, struct json_object *vms)
{
	const struct system_memory *m = &d->memory;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->n; i++) {
		struct json_object *memory = answer_member(json_object_array_get_idx(vms, m->vms[i]), "memory");

		if (m->wishes[i].colors == 0)
			r = set_put(memory, "cache_colors", &m->requests[i].colors);
		if (r >= 0 && m->wishes[i].banks == 0)
			r = set_put(memory, "banks", &m->requests[i].banks);
	}
	return r;
}
