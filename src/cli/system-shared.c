/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests of a description share: resources, the critical sections of tasks in which they use them, and interrupts. Read
 * as strictly as the rest; what no proof covers is refused here, in words: sections in EDF guests, one inside another, sleep
 * with a resource held, and the guest's own locks beside them.
 *
 * Ranks of queues by priority: the larger priority goes first where all users of the resource have one; rate monotonic, ties by
 * order, where none has.
 *
 * Called by system-document.c. Decides nothing about what fits.
 */
#include <stdlib.h>
#include <string.h>

#include "suggest.h"
#include "system-reader.h"

#define SECTIONS_MAX  100000
#define RESOURCES_MAX 10000
#define IRQS_MAX      10000
#define COUNT_MAX     1000000
#define FIFO_MAX      99

/* ---- resources ---- */

static int resource_read(struct reader *reader, const struct value *object, const struct place *place)
{
	static const char *const known[] = { "name", "queue", "latency" };
	static const char *const queues[] = { "fifo", "priority" };
	struct system_document *d = reader->document;
	size_t n = d->locks.n_resources, queue = 0;
	int r = reader_object(reader, object, place, known, ARRAY_SIZE(known));

	if (r >= 0)
		r = strict_value_text(object, place, "name", true, &d->resource_names[n], reader->reterr);
	if (r >= 0)
		r = reader_word(reader, object, place, "queue", queues, ARRAY_SIZE(queues), &queue);
	if (r >= 0)
		r = reader_time(reader, object, place, "latency", false, &d->resources[n].latency_ns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(d->resource_names[i], d->resource_names[n]) == 0)
			return place_broken(place, reader->reterr, "there are two resources \"%.40s\"", d->resource_names[n]);
	d->resources[n].queue = queue == 0 ? VRK_QUEUE_FIFO : VRK_QUEUE_PRIORITY;
	d->locks.n_resources++;
	return 0;
}

int shared_init(struct reader *reader, const struct value *top, size_t n_sections, size_t n_tasks)
{
	const struct place root = { "" }, place = { "resources" };
	struct system_document *d = reader->document;
	const struct value *array;
	size_t i = 0;
	int r = reader_array(reader, top, &root, "resources", false, &array);

	if (r < 0 || (!array && n_sections == 0))
		return r;
	if (n_sections > SECTIONS_MAX)
		return place_broken(&(struct place){ "vms" }, reader->reterr, "more than %d critical sections", SECTIONS_MAX);
	if (array && array->n > RESOURCES_MAX)
		return place_broken(&place, reader->reterr, "more than %d resources", RESOURCES_MAX);
	d->resources = calloc((array ? array->n : 0) + 1, sizeof(*d->resources));
	d->resource_names = calloc((array ? array->n : 0) + 1, sizeof(*d->resource_names));
	d->sections = calloc(n_sections + 1, sizeof(*d->sections));
	d->ranks = calloc(n_tasks + 1, sizeof(*d->ranks));
	if (!d->resources || !d->resource_names || !d->sections || !d->ranks)
		return -ENOMEM;
	for (const struct value *v = array ? array->first : NULL; r >= 0 && v; v = v->next) {
		struct place at;

		place_index(&at, &place, i++);
		r = resource_read(reader, v, &at);
	}
	d->locks.resources = d->resources;
	d->locks.sections = d->sections;
	d->locks.rank = d->ranks;
	return r;
}

/* ---- critical sections ---- */

static int resource_find(struct reader *reader, const struct place *place, const char *name, size_t *ret)
{
	const struct system_document *d = reader->document;
	const char *near = suggest(name, d->resource_names, d->locks.n_resources);
	struct place below;

	for (size_t i = 0; i < d->locks.n_resources; i++)
		if (strcmp(d->resource_names[i], name) == 0) {
			*ret = i;
			return 0;
		}
	place_key(&below, place, "resource");
	if (near)
		return place_broken(&below, reader->reterr, "no resource \"%.40s\", did you mean %.40s?", name, near);
	return place_broken(&below, reader->reterr, "no resource \"%.40s\" in resources[]", name);
}

/* What people would write and no bound covers gets its own words. */
static int section_refuse(struct reader *reader, const struct value *object, const struct place *place)
{
	if (object->type != VALUE_OBJECT)
		return 0;
	if (value_get(object, "critical_sections"))
		return place_broken(place, reader->reterr, "a section inside a section has no bound: make one resource of both");
	if (value_get(object, "suspensions"))
		return place_broken(place, reader->reterr, "a task that sleeps with a resource held has no bound: release it before");
	return 0;
}

static int section_read(struct reader *reader, const struct value *object, const struct place *place)
{
	static const char *const known[] = { "resource", "length", "count" };
	struct system_document *d = reader->document;
	struct vrk_section *s = &d->sections[d->locks.n_sections];
	const char *name = NULL;
	int64_t count = 1;
	bool given;
	int r = section_refuse(reader, object, place);

	if (r >= 0)
		r = reader_object(reader, object, place, known, ARRAY_SIZE(known));
	if (r >= 0)
		r = strict_value_text(object, place, "resource", true, &name, reader->reterr);
	if (r >= 0)
		r = reader_time(reader, object, place, "length", true, &s->length_ns);
	if (r >= 0)
		r = reader_integer(reader, object, place, "count", 1, COUNT_MAX, &given, &count);
	if (r >= 0 && s->length_ns == 0)
		r = place_broken(place, reader->reterr, "length must be above zero");
	if (r >= 0)
		r = resource_find(reader, place, name, &s->resource);
	s->task = d->n_tasks;
	s->count = (uint32_t)count;
	return r;
}

int shared_task(struct reader *reader, const struct value *sections, const struct place *place, const struct vrk_task *task)
{
	struct system_document *d = reader->document;
	unsigned __int128 all = 0;
	struct place below, at;
	char text[VRK_NSEC_STRLEN];
	size_t i = 0;
	int r = reader_member_array(reader, sections, place, "critical_sections", false);

	place_key(&below, place, "critical_sections");
	for (const struct value *v = r >= 0 && sections ? sections->first : NULL; v; v = v->next) {
		const struct vrk_section *s = &d->sections[d->locks.n_sections];

		place_index(&at, &below, i++);
		r = section_read(reader, v, &at);
		if (r < 0)
			return r;
		d->locks.n_sections++;
		all += (unsigned __int128)s->length_ns * s->count;
		if (all > task->wcet_ns)
			return place_broken(&at, reader->reterr, "sections longer than the wcet of %s, which includes them",
					    vrk_nsec_format(text, task->wcet_ns));
	}
	return r;
}

int shared_vcpu(struct reader *reader, const struct place *place, const struct system_vcpu *name, enum vrk_guest_scheduler scheduler,
		bool prioritised)
{
	struct system_document *d = reader->document;
	struct place at;

	d->names[d->n_vcpus].prioritised = prioritised;
	if (d->locks.n_sections == 0 || d->sections[d->locks.n_sections - 1].task < name->first_task)
		return 0;
	if (scheduler == VRK_GUEST_EDF)
		return place_broken(place, reader->reterr, "critical sections in a guest under edf have no bound: schedule it by fp");
	for (size_t i = 0; i < name->n_tasks; i++) {
		if (d->tasks[name->first_task + i].blocking_ns == 0)
			continue;
		place_index(&at, place, i);
		return place_broken(&at, reader->reterr, "blocking beside critical sections: the guest's own locks may delay one that holds a "
				    "resource, and no bound covers that (describe them as resources)");
	}
	return 0;
}

/* ---- ranks ---- */

static const struct system_vcpu *vcpu_of(const struct system_document *d, size_t task)
{
	size_t lo = 0, hi = d->n_vcpus;

	while (hi - lo > 1) {	/* the last one that begins at or before it */
		size_t mid = lo + (hi - lo) / 2;

		if (d->names[mid].first_task <= task)
			lo = mid;
		else
			hi = mid;
	}
	return &d->names[lo];
}

struct by_period {
	nsec_t period_ns;
	size_t task;
};

static int by_period_compare(const void *a, const void *b)
{
	const struct by_period *x = a, *y = b;

	if (x->period_ns != y->period_ns)
		return x->period_ns < y->period_ns ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

/* All users of a queue have a priority of their own, or none has. */
static int queues_check(struct reader *reader)
{
	const struct system_document *d = reader->document;
	const struct place all = { "resources" };
	_cleanup_(freep) unsigned char *seen = calloc(d->locks.n_resources + 1, 1);
	struct place at;

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < d->locks.n_sections; i++) {
		const struct vrk_section *s = &d->sections[i];

		if (d->resources[s->resource].queue != VRK_QUEUE_PRIORITY)
			continue;
		seen[s->resource] |= vcpu_of(d, s->task)->prioritised ? 1 : 2;
		place_index(&at, &all, s->resource);
		if (seen[s->resource] == 3)
			return place_broken(&at, reader->reterr, "its queue is by priority, but only some of its users have one: all or none");
	}
	return 0;
}

static int ranks_assign(struct reader *reader)
{
	const struct system_document *d = reader->document;
	_cleanup_(freep) struct by_period *order = NULL;
	int r;

	if (d->locks.n_sections == 0)
		return 0;
	r = queues_check(reader);
	if (r < 0)
		return r;
	order = calloc(d->n_tasks + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_tasks; i++)
		order[i] = (struct by_period){ d->tasks[i].period_ns, i };
	qsort(order, d->n_tasks, sizeof(*order), by_period_compare);
	for (size_t i = 0; i < d->n_tasks; i++) {
		size_t t = order[i].task;

		d->ranks[t] = vcpu_of(d, t)->prioritised ? d->tasks[t].priority : (uint32_t)i;
	}
	return 0;
}

/* ---- interrupts ---- */

static int thread_read(struct reader *reader, const struct value *irq, const struct place *place, struct vrk_irq *ret)
{
	static const char *const known[] = { "wcet", "budget", "period", "deadline", "priority" };
	const struct value *thread = value_get(irq, "thread");
	struct vrk_reservation *own = &ret->reservation;
	bool reserved, given;
	struct place below;
	int64_t priority = 50;	/* the kernel's for threads of interrupts */
	int r;

	if (!thread)
		return 0;
	place_key(&below, place, "thread");
	r = reader_object(reader, thread, &below, known, ARRAY_SIZE(known));
	if (r < 0)
		return r;
	reserved = value_get(thread, "budget") || value_get(thread, "period") || value_get(thread, "deadline");
	ret->thread = reserved ? VRK_IRQ_RESERVED : VRK_IRQ_FIFO;
	r = reader_time(reader, thread, &below, "wcet", true, &ret->thread_ns);
	if (r >= 0)
		r = reader_time(reader, thread, &below, "budget", reserved, &own->budget_ns);
	if (r >= 0)
		r = reader_time(reader, thread, &below, "period", reserved, &own->period_ns);
	own->deadline_ns = own->period_ns;
	if (r >= 0)
		r = reader_time(reader, thread, &below, "deadline", false, &own->deadline_ns);
	if (r >= 0)
		r = reader_integer(reader, thread, &below, "priority", 1, FIFO_MAX, &given, &priority);
	if (r >= 0 && reserved && given)
		return place_broken(&below, reader->reterr, "a reservation or a priority, not both");
	if (r >= 0 && ret->thread_ns == 0)
		return place_broken(&below, reader->reterr, "wcet must be above zero");
	ret->priority = (uint32_t)(FIFO_MAX - priority);
	return r;
}

/* Where it goes on: a handler in a guest. */
static int target_read(struct reader *reader, const struct value *object, const struct place *place, struct vrk_system_irq *ret)
{
	const struct system_document *d = reader->document;
	const char *vm = NULL;
	struct place below;
	int64_t vcpu = 0;
	bool given;
	int r = strict_value_text(object, place, "vm", false, &vm, reader->reterr);

	ret->vcpu = SIZE_MAX;
	if (r >= 0)
		r = reader_integer(reader, object, place, "vcpu", 0, UINT32_MAX, &given, &vcpu);
	if (r >= 0)
		r = reader_time(reader, object, place, "handler", vm, &ret->handler_ns);
	if (r >= 0)
		r = reader_time(reader, object, place, "injection", false, &ret->injection_ns);
	if (r < 0)
		return r;
	if (!vm)
		return given || ret->handler_ns > 0 || ret->injection_ns > 0
			? place_broken(place, reader->reterr, "vcpu, handler and injection are of a guest: vm is missing") : 0;
	if (ret->handler_ns == 0)
		return place_broken(place, reader->reterr, "handler must be above zero");
	for (size_t i = 0; i < d->n_vcpus && ret->vcpu == SIZE_MAX; i++)
		if (strcmp(d->names[i].vm, vm) == 0 && d->names[i].index == (uint64_t)vcpu)
			ret->vcpu = i;
	place_key(&below, place, "vm");
	if (ret->vcpu == SIZE_MAX)
		return place_broken(&below, reader->reterr, "no %.40s/vcpu%lld", vm, (long long)vcpu);
	if (d->vcpus[ret->vcpu].guest.scheduler == VRK_GUEST_EDF)
		return place_broken(&below, reader->reterr, "handlers in a guest under edf have no bound: schedule it by fp");
	return 0;
}

static int irq_read(struct reader *reader, const struct value *object, const struct place *place)
{
	static const char *const known[] = { "name", "cpu", "period", "jitter", "deadline", "hard", "thread", "vm", "vcpu", "injection",
					     "handler" };
	struct system_document *d = reader->document;
	struct vrk_system_irq *irq = &d->irqs[d->n_irqs];
	int64_t cpu = 0;
	bool given = false;
	int r = reader_object(reader, object, place, known, ARRAY_SIZE(known));

	if (r >= 0)
		r = strict_value_text(object, place, "name", true, &d->irq_names[d->n_irqs], reader->reterr);
	if (r >= 0)
		r = reader_integer(reader, object, place, "cpu", 0, d->system.host.cpus - 1, &given, &cpu);
	if (r >= 0 && !given && d->system.host.cpus > 1)
		return place_broken(place, reader->reterr, "cpu is missing: which one takes the interrupt?");
	if (r >= 0)
		r = reader_time(reader, object, place, "period", true, &irq->irq.period_ns);
	irq->irq.deadline_ns = irq->irq.period_ns;
	if (r >= 0)
		r = reader_time(reader, object, place, "deadline", false, &irq->irq.deadline_ns);
	if (r >= 0)
		r = reader_time(reader, object, place, "jitter", false, &irq->irq.jitter_ns);
	if (r >= 0)
		r = reader_time(reader, object, place, "hard", true, &irq->irq.hard_ns);
	if (r >= 0 && (irq->irq.period_ns == 0 || irq->irq.deadline_ns == 0 || irq->irq.hard_ns == 0))
		return place_broken(place, reader->reterr, "period, deadline and hard must be above zero");
	if (r >= 0)
		r = thread_read(reader, object, place, &irq->irq);
	if (r >= 0)
		r = target_read(reader, object, place, irq);
	irq->cpu = (uint32_t)cpu;
	return r;
}

static int irqs_read(struct reader *reader, const struct value *top)
{
	const struct place root = { "" }, place = { "irqs" };
	struct system_document *d = reader->document;
	const struct value *array;
	int r = reader_array(reader, top, &root, "irqs", false, &array);

	if (r < 0 || !array || array->n == 0)
		return r;
	if (array->n > IRQS_MAX)
		return place_broken(&place, reader->reterr, "more than %d interrupts", IRQS_MAX);
	if (d->system.scheduler != VRK_HOST_EDF)
		return place_broken(&place, reader->reterr, "beside fixed-priority servers interrupts have no bound: host.scheduler must be edf");
	d->irqs = calloc(array->n, sizeof(*d->irqs));
	d->irq_names = calloc(array->n, sizeof(*d->irq_names));
	if (!d->irqs || !d->irq_names)
		return -ENOMEM;
	for (const struct value *v = array->first; r >= 0 && v; v = v->next, d->n_irqs++) {
		struct place at;

		place_index(&at, &place, d->n_irqs);
		r = irq_read(reader, v, &at);
	}
	d->system.irqs = d->irqs;
	d->system.n_irqs = d->n_irqs;
	return r;
}

int shared_finish(struct reader *reader, const struct value *top)
{
	int r = ranks_assign(reader);

	return r < 0 ? r : irqs_read(reader, top);
}
