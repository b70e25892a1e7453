/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked for: threads by name, times with their units. Here a text becomes a value or a line that names the rule
 * it broke. Only the form is judged; whether a budget is too large or a domain has that vCPU is for virtrkd to say, so
 * that a person meets one wording of each rule, whichever way the request came.
 *
 * Called by options.c (thread options), verb-reserve.c and document.c. Pure but for memory.
 */
#include <stdbool.h>
#include <string.h>

#include "request.h"

void request_list_done(struct request_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].thread);
		free(list->items[i].cpus);
	}
	free(list->items);
	*list = (struct request_list){ 0 };
}

int request_list_add(struct request_list *list, const struct request *request)
{
	_cleanup_(freep) char *thread = strdup(request->thread), *cpus = request->cpus ? strdup(request->cpus) : NULL;
	struct request *items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (items)
		list->items = items;
	if (!items || !thread || (request->cpus && !cpus))
		return -ENOMEM;
	items[list->n] = *request;
	items[list->n].thread = TAKE_PTR(thread);
	items[list->n].cpus = TAKE_PTR(cpus);
	list->n++;
	return 0;
}

void thread_list_done(struct thread_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct thread_list){ 0 };
}

int thread_list_add(struct thread_list *list, const char *name, struct vr_error **reterr)
{
	char **names;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->names[i], name) == 0)
			return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "%s is named twice", name);
	if (list->n == REQUEST_THREADS_MAX)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "more than %d threads in one request",
				    REQUEST_THREADS_MAX);
	names = reallocarray(list->names, list->n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	list->names = names;
	names[list->n] = strdup(name);
	if (!names[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

/* Digits only, no leading zero, at most six of them: no thread has a higher number. */
static bool number_take(const char **text, unsigned int *ret)
{
	size_t digits = strspn(*text, "0123456789");
	unsigned int value = 0;

	if (digits == 0 || digits > 6 || (digits > 1 && **text == '0'))
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned int)((*text)[i] - '0');
	*text += digits;
	*ret = value;
	return true;
}

static int range_add(struct thread_list *list, const char *kind, unsigned int first, unsigned int last,
		     struct vr_error **reterr)
{
	for (unsigned int i = first; i <= last; i++) {
		char name[32];
		int r;

		snprintf(name, sizeof(name), "%s%u", kind, i);
		r = thread_list_add(list, name, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int thread_list_parse(struct thread_list *list, const char *kind, const char *text, struct vr_error **reterr)
{
	const char *p = text;

	for (;;) {
		unsigned int first, last;
		int r;

		if (!number_take(&p, &first))
			break;
		last = first;
		if (*p == '-') {
			p++;
			if (!number_take(&p, &last))
				break;
			if (last < first)
				return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "--%s %s: the range %u-%u runs backwards",
						    kind, text, first, last);
		}
		if (*p != ',' && *p != '\0')
			break;
		r = range_add(list, kind, first, last, reterr);
		if (r < 0 || *p == '\0')
			return r;
		p++;
	}
	return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "--%s %s: not a list of numbers such as 0 or 0-3,5", kind,
			    *text ? text : "\"\"");
}

int cpus_check(const char *what, const char *text, struct vr_error **reterr)
{
	const char *p = text;

	for (;;) {
		unsigned int first, last;

		if (!number_take(&p, &first))
			break;
		last = first;
		if (*p == '-') {
			p++;
			if (!number_take(&p, &last))
				break;
			if (last < first)
				return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "%s %s: the range %u-%u runs backwards", what, text,
						    first, last);
		}
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			break;
	}
	return vr_error_set(reterr, -EINVAL, VR_BAD_CPU, "%s %s: not a list of numbers such as 2 or 2-3,5", what,
			    *text ? text : "\"\"");
}

static bool unit_known(const char *unit)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(unit, units[i]) == 0)
			return true;
	return false;
}

/* Why vrk_nsec_parse() did not want it. */
static int time_explain(const char *what, const char *text, struct vr_error **reterr)
{
	size_t digits = strspn(text, "0123456789"), fraction = 0;
	const char *unit = text + digits;

	if (*text == '\0')
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s: empty, a time such as 4ms is needed", what);
	if (*text == '-' || *text == '+')
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %s: a time has no sign", what, text);
	if (*unit == '.') {
		fraction = strspn(unit + 1, "0123456789");
		unit += 1 + fraction;
	}
	if (digits > 0 && *unit == '\0')
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %s: the unit is missing, write %sns, %sus, %sms or %ss",
				    what, text, text, text, text, text);
	if (digits > 0 && fraction > 0 && unit_known(unit))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %s: finer than 1 ns", what, text);
	if (digits > 0 && !unit_known(unit))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %s: unknown unit \"%s\", known are ns, us, ms and s",
				    what, text, unit);
	return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %s: not a time such as 4ms or 2.5ms", what, text);
}

int time_parse(const char *what, const char *text, nsec_t *ret, struct vr_error **reterr)
{
	int r = vrk_nsec_parse(text, ret);

	if (r == -ERANGE)
		return vr_error_set(reterr, r, VR_FAILED, "%s %s: too long, no time may pass 2^63-1 ns (292 years)", what,
				    text);
	return r < 0 ? time_explain(what, text, reterr) : 0;
}

int deadline_parse(const char *what, const char *text, nsec_t *ret, struct vr_error **reterr)
{
	nsec_t deadline_ns;
	int r = time_parse(what, text, &deadline_ns, reterr);

	if (r < 0)
		return r;
	if (deadline_ns == 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_DEADLINE, "%s %s: a deadline cannot be zero; left out, it is the period",
				    what, text);
	*ret = deadline_ns;
	return 0;
}
