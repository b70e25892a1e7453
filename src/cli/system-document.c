/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system description that the offline verbs read: a host, its VMs, their vCPUs and tasks (share/system.schema.json,
 * virtrk-system(5)). Strict, with the place of whatever is wrong. Defaults are filled in here, so that the analysis sees
 * whole values: deadline = period, rate-monotonic priorities, a fair server as kernels since 6.12 have it.
 *
 * Two passes: one counts vCPUs and tasks, so that the arrays have their size, one reads them.
 *
 * Called by the offline verbs, their tests and the fuzzer. Decides nothing about what fits.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "request.h"
#include "system-reader.h"

#define TASKS_MAX 100000
#define CPUS_MAX  4096

void system_document_done(struct system_document *document)
{
	free(document->vcpus);
	free(document->names);
	free(document->tasks);
	free(document->task_names);
	free(document->resources);
	free(document->resource_names);
	free(document->sections);
	free(document->ranks);
	free(document->irqs);
	free(document->irq_names);
	system_curves_done(document);
	system_requests_done(document);
	system_memory_done(&document->memory);
	values_done(&document->values);
	*document = (struct system_document){ 0 };
}

/* ---- values ---- */

/* A time: text with a unit, or whole ns. */
int reader_value_time(struct reader *reader, const struct value *value, const struct place *place, nsec_t *ret)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	char what[PLACE_MAX + 1], at[PLACE_MAX];
	int r;

	if (value->type == VALUE_INT) {
		if (value->number < 0 || value->number == INT64_MAX)	/* what is larger is INT64_MAX, too */
			return place_broken(place, reader->reterr, "must be from 0 to 2^63-2 ns");
		*ret = (nsec_t)value->number;
		return 0;
	}
	if (value->type != VALUE_STRING)
		return place_broken(place, reader->reterr, "must be a time like \"4ms\", or whole ns, not %s", value_type_name(value));
	if (vrk_nsec_parse(value->text, ret) == 0)
		return 0;
	snprintf(what, sizeof(what), "%s:", place_text(at, place));
	r = time_parse(what, value->text, ret, &why);
	if (r < 0)
		return why ? vr_error_set(reader->reterr, -EBADMSG, VR_BAD_CONFIG, "%s", why->text) : -ENOMEM;
	return 0;
}

int reader_member_time(struct reader *reader, const struct value *value, const struct place *place, const char *key, bool needed,
		       nsec_t *ret)
{
	struct place below;

	if (!value && !needed)
		return 0;
	place_key(&below, place, key);
	return value ? reader_value_time(reader, value, &below, ret) : place_broken(&below, reader->reterr, "missing");
}

int reader_time(struct reader *reader, const struct value *object, const struct place *place, const char *key,
		    bool needed, nsec_t *ret)
{
	return reader_member_time(reader, value_get(object, key), place, key, needed, ret);
}

int reader_member_integer(struct reader *reader, const struct value *value, const struct place *place, const char *key, int64_t least,
			  int64_t most, int64_t *ret)
{
	struct place below;

	if (!value)
		return 0;
	place_key(&below, place, key);
	if (value->type != VALUE_INT || value->number < least || value->number > most)
		return place_broken(&below, reader->reterr, "must be a whole number from %lld to %lld", (long long)least,
				    (long long)most);
	*ret = value->number;
	return 0;
}

int reader_integer(struct reader *reader, const struct value *object, const struct place *place, const char *key,
		       int64_t least, int64_t most, bool *ret_given, int64_t *ret)
{
	const struct value *value = value_get(object, key);

	*ret_given = value;
	return reader_member_integer(reader, value, place, key, least, most, ret);
}

int reader_member_word(struct reader *reader, const struct value *value, const struct place *place, const char *key,
		       const char *const *words, size_t n, size_t *ret)
{
	const char *text;
	struct place below;
	int r = strict_member_text(value, place, key, false, &text, reader->reterr);

	if (r < 0 || !text)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	place_key(&below, place, key);
	return place_broken(&below, reader->reterr, "must be one of %s, %s%s%s, not \"%.40s\"", words[0], words[1],
			    n > 2 ? ", " : "", n > 2 ? words[2] : "", text);
}

int reader_word(struct reader *reader, const struct value *object, const struct place *place, const char *key,
		    const char *const *words, size_t n, size_t *ret)
{
	return reader_member_word(reader, value_get(object, key), place, key, words, n, ret);
}

int reader_member_array(struct reader *reader, const struct value *value, const struct place *place, const char *key, bool needed)
{
	struct place below;

	if (value ? value->type == VALUE_ARRAY : !needed)
		return 0;
	place_key(&below, place, key);
	return value ? place_broken(&below, reader->reterr, "must be an array, not %s", value_type_name(value))
		     : place_broken(&below, reader->reterr, "missing");
}

int reader_array(struct reader *reader, const struct value *object, const struct place *place, const char *key,
		     bool needed, const struct value **ret)
{
	*ret = value_get(object, key);
	return reader_member_array(reader, *ret, place, key, needed);
}

int reader_is_object(struct reader *reader, const struct value *object, const struct place *place)
{
	return object->type == VALUE_OBJECT ? 0 : place_broken(place, reader->reterr, "must be an object, not %s",
							       value_type_name(object));
}

int reader_object(struct reader *reader, const struct value *object, const struct place *place,
			const char *const *known, size_t n)
{
	int r = reader_is_object(reader, object, place);

	return r < 0 ? r : strict_value_keys(object, place, known, n, reader->reterr);
}

int reader_members(struct reader *reader, const struct value *object, const struct place *place, const struct key *known, size_t n,
		   const struct value **ret)
{
	int r = reader_is_object(reader, object, place);

	return r < 0 ? r : strict_value_members(object, place, known, n, ret, reader->reterr);
}

/* ---- host ---- */

static int fair_server_get(struct reader *reader, const struct value *host, const struct place *place,
			   struct vrk_host *ret)
{
	static const char *const known[] = { "budget", "period" };
	const struct value *value = value_get(host, "fair_server");
	struct place below;
	int r;

	ret->fair_budget_ns = 50 * NSEC_PER_MSEC;	/* kernels since 6.12 */
	ret->fair_period_ns = NSEC_PER_SEC;
	if (!value)
		return 0;
	place_key(&below, place, "fair_server");
	if (value->type == VALUE_BOOLEAN) {
		if (!value->truth)
			ret->fair_budget_ns = ret->fair_period_ns = 0;
		return 0;
	}
	if (value->type != VALUE_OBJECT)
		return place_broken(&below, reader->reterr, "must be true, false or { \"budget\", \"period\" }");
	r = strict_value_keys(value, &below, known, ARRAY_SIZE(known), reader->reterr);
	if (r >= 0)
		r = reader_time(reader, value, &below, "budget", true, &ret->fair_budget_ns);
	if (r >= 0)
		r = reader_time(reader, value, &below, "period", true, &ret->fair_period_ns);
	if (r >= 0 && (ret->fair_budget_ns > ret->fair_period_ns || ret->fair_period_ns == 0))
		return place_broken(&below, reader->reterr, "the budget is larger than the period");
	return r;
}

static int host_read(struct reader *reader, const struct value *top)
{
	static const char *const known[] = { "cpus", "scheduler", "fair_server", "tick", "switch", "latency", "memory" };
	static const char *const schedulers[] = { "edf", "fp", "fp-deferrable" };
	struct vrk_system *system = &reader->document->system;
	const struct place root = { "" };
	const struct value *host = value_get(top, "host");
	struct place place;
	size_t scheduler = 0;
	int64_t cpus = 1;
	bool given;
	int r;

	place_key(&place, &root, "host");
	if (!host)
		return place_broken(&place, reader->reterr, "missing");
	r = reader_object(reader, host, &place, known, ARRAY_SIZE(known));
	if (r >= 0)
		r = reader_integer(reader, host, &place, "cpus", 1, CPUS_MAX, &given, &cpus);
	if (r >= 0)
		r = reader_word(reader, host, &place, "scheduler", schedulers, ARRAY_SIZE(schedulers), &scheduler);
	if (r >= 0)
		r = fair_server_get(reader, host, &place, &system->host);
	if (r >= 0)
		r = reader_time(reader, host, &place, "tick", false, &system->host.tick_ns);
	if (r >= 0)
		r = reader_time(reader, host, &place, "switch", false, &system->host.switch_ns);
	if (r >= 0)
		r = reader_time(reader, host, &place, "latency", false, &system->host.latency_ns);
	if (r >= 0)
		r = memory_host(reader, value_get(host, "memory"), &place);
	system->host.cpus = (uint32_t)cpus;
	system->host.kernel_limit_bw = vrk_bw(950 * NSEC_PER_MSEC, NSEC_PER_SEC);
	system->scheduler = scheduler == 0 ? VRK_HOST_EDF : scheduler == 1 ? VRK_HOST_FP_PERIODIC : VRK_HOST_FP_DEFERRABLE;
	return r;
}

/* ---- tasks ---- */

static int suspensions_read(struct reader *reader, const struct value *array, const struct place *place,
			    struct vrk_task *task)
{
	struct place below;
	int r = reader_member_array(reader, array, place, "suspensions", false);

	place_key(&below, place, "suspensions");
	for (const struct value *v = r >= 0 && array ? array->first : NULL; v; v = v->next) {
		struct place at;
		nsec_t ns = 0;

		place_index(&at, &below, task->suspensions);
		r = reader_value_time(reader, v, &at, &ns);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(task->suspension_ns, ns, &task->suspension_ns))
			return place_broken(&at, reader->reterr, "all suspensions together are too long");
		task->suspensions++;
	}
	return r;
}

enum task_key { TASK_NAME, TASK_WCET, TASK_PERIOD, TASK_DEADLINE, TASK_PRIORITY, TASK_JITTER, TASK_BLOCKING, TASK_SUSPENSIONS,
		TASK_SECTIONS, TASK_CURVE, TASK_REQUESTS, _TASK_KEYS };

static int task_read(struct reader *reader, const struct value *object, const struct place *place,
		     struct vrk_task *task, const char **ret_name, bool *ret_priority)
{
	static const struct key known[_TASK_KEYS] = {
		[TASK_NAME] = KEY("name"), [TASK_WCET] = KEY("wcet"), [TASK_PERIOD] = KEY("period"), [TASK_DEADLINE] = KEY("deadline"),
		[TASK_PRIORITY] = KEY("priority"), [TASK_JITTER] = KEY("jitter"), [TASK_BLOCKING] = KEY("blocking"),
		[TASK_SUSPENSIONS] = KEY("suspensions"), [TASK_SECTIONS] = KEY("critical_sections"),
		[TASK_CURVE] = KEY("wcet_by_colors"), [TASK_REQUESTS] = KEY("dram_requests"),
	};
	const struct value *v[_TASK_KEYS];
	int64_t priority = 0;
	int r;

	r = reader_members(reader, object, place, known, _TASK_KEYS, v);
	if (r < 0)
		return r;
	r = strict_member_text(v[TASK_NAME], place, "name", true, ret_name, reader->reterr);
	if (r >= 0 && v[TASK_WCET] && v[TASK_CURVE])
		return place_broken(place, reader->reterr, "wcet and wcet_by_colors: one of them");
	if (r >= 0 && v[TASK_CURVE])
		r = curve_read(reader, v[TASK_CURVE], place, &task->wcet_ns);
	else if (r >= 0)
		r = reader_member_time(reader, v[TASK_WCET], place, "wcet", true, &task->wcet_ns);
	if (r >= 0)
		r = reader_member_time(reader, v[TASK_PERIOD], place, "period", true, &task->period_ns);
	task->deadline_ns = task->period_ns;
	if (r >= 0)
		r = reader_member_time(reader, v[TASK_DEADLINE], place, "deadline", false, &task->deadline_ns);
	if (r >= 0)
		r = reader_member_time(reader, v[TASK_JITTER], place, "jitter", false, &task->jitter_ns);
	if (r >= 0)
		r = reader_member_time(reader, v[TASK_BLOCKING], place, "blocking", false, &task->blocking_ns);
	if (r >= 0)
		r = reader_member_integer(reader, v[TASK_PRIORITY], place, "priority", 0, 1000000, &priority);
	*ret_priority = v[TASK_PRIORITY];
	task->priority = (uint32_t)(1000000 - priority);	/* here the larger goes first, as SCHED_FIFO */
	if (r >= 0 && (task->wcet_ns == 0 || task->period_ns == 0 || task->deadline_ns == 0))
		return place_broken(place, reader->reterr, "%s must be above zero",
				    task->wcet_ns == 0 ? "wcet" : task->period_ns == 0 ? "period" : "deadline");
	if (r >= 0)
		r = suspensions_read(reader, v[TASK_SUSPENSIONS], place, task);
	if (r >= 0)
		r = dram_task(reader, v[TASK_REQUESTS], place, v[TASK_CURVE]);
	return r < 0 ? r : shared_task(reader, v[TASK_SECTIONS], place, task);
}

#define FEW_TASKS 16	/* counting is quicker than sorting */

struct ranked {
	nsec_t period_ns;
	size_t index;
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->period_ns != y->period_ns)
		return x->period_ns < y->period_ns ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Rate monotonic, ties by order. */
static int priorities_assign(struct vrk_task *tasks, size_t n)
{
	_cleanup_(freep) struct ranked *ranked = NULL;

	if (n <= FEW_TASKS) {
		for (size_t i = 0; i < n; i++) {
			tasks[i].priority = 0;
			for (size_t k = 0; k < n; k++) {
				nsec_t other = tasks[k].period_ns;

				tasks[i].priority += k < i ? other <= tasks[i].period_ns : other < tasks[i].period_ns;
			}
		}
		return 0;
	}
	ranked = calloc(n, sizeof(*ranked));
	if (!ranked)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){ tasks[i].period_ns, i };
	qsort(ranked, n, sizeof(*ranked), ranked_compare);
	for (size_t i = 0; i < n; i++)
		tasks[ranked[i].index].priority = (uint32_t)i;
	return 0;
}

static int tasks_read(struct reader *reader, const struct value *array, const struct place *place,
		      enum vrk_guest_scheduler scheduler, struct system_vcpu *name)
{
	struct system_document *d = reader->document;
	struct place below, at;
	size_t prioritised = 0, i = 0;
	int r = reader_member_array(reader, array, place, "tasks", false);

	place_key(&below, place, "tasks");
	name->first_task = d->n_tasks;
	for (const struct value *v = r >= 0 && array ? array->first : NULL; r >= 0 && v; v = v->next) {
		bool priority = false;

		place_index(&at, &below, i++);
		r = task_read(reader, v, &at, &d->tasks[d->n_tasks],
			      &d->task_names[d->n_tasks], &priority);
		prioritised += priority;
		d->n_tasks++;
	}
	name->n_tasks = d->n_tasks - name->first_task;
	if (r >= 0)
		r = shared_vcpu(reader, &below, name, scheduler, prioritised > 0);
	if (r < 0)
		return r;
	if (prioritised == 0)
		return priorities_assign(&d->tasks[name->first_task], name->n_tasks);
	if (prioritised < name->n_tasks)
		return place_broken(&below, reader->reterr, "either every task of a vCPU has a priority or none");
	return 0;
}

/* ---- vCPUs and VMs ---- */

enum vcpu_key { VCPU_BUDGET, VCPU_PERIOD, VCPU_DEADLINE, VCPU_CPU, VCPU_TASKS, _VCPU_KEYS };

static int reservation_read(struct reader *reader, const struct value *const v[_VCPU_KEYS], const struct place *place,
			    struct vrk_reservation *ret)
{
	int r;

	if (!v[VCPU_BUDGET] != !v[VCPU_PERIOD])
		return place_broken(place, reader->reterr, "%s is missing (a vCPU has a budget and a period, or neither)",
				    v[VCPU_BUDGET] ? "period" : "budget");
	if (!v[VCPU_BUDGET] && v[VCPU_DEADLINE])
		return place_broken(place, reader->reterr, "a deadline, but no budget and period");
	r = reader_member_time(reader, v[VCPU_BUDGET], place, "budget", false, &ret->budget_ns);
	if (r >= 0)
		r = reader_member_time(reader, v[VCPU_PERIOD], place, "period", false, &ret->period_ns);
	ret->deadline_ns = ret->period_ns;
	return r < 0 ? r : reader_member_time(reader, v[VCPU_DEADLINE], place, "deadline", false, &ret->deadline_ns);
}

static int vcpu_read(struct reader *reader, const struct value *object, const struct place *place,
		     const struct vrk_guest *guest, nsec_t masked_ns, struct system_vcpu *name)
{
	static const struct key known[_VCPU_KEYS] = {
		[VCPU_BUDGET] = KEY("budget"), [VCPU_PERIOD] = KEY("period"), [VCPU_DEADLINE] = KEY("deadline"), [VCPU_CPU] = KEY("cpu"),
		[VCPU_TASKS] = KEY("tasks"),
	};
	struct system_document *d = reader->document;
	struct vrk_vcpu *vcpu = &d->vcpus[d->n_vcpus];
	int64_t cpu = d->system.host.cpus == 1 ? 0 : -1;
	const struct value *v[_VCPU_KEYS];
	int r;

	r = reader_members(reader, object, place, known, _VCPU_KEYS, v);
	if (r < 0)
		return r;
	r = reservation_read(reader, v, place, &vcpu->reservation);
	name->sized = v[VCPU_BUDGET];
	name->pinned = v[VCPU_CPU];
	if (r >= 0)
		r = reader_member_integer(reader, v[VCPU_CPU], place, "cpu", 0, d->system.host.cpus - 1, &cpu);
	vcpu->cpu = (int32_t)cpu;
	vcpu->guest = *guest;
	vcpu->masked_ns = masked_ns;
	if (r >= 0)
		r = tasks_read(reader, v[VCPU_TASKS], place, guest->scheduler, name);
	vcpu->guest.tasks = &d->tasks[name->first_task];
	vcpu->guest.n = name->n_tasks;
	d->n_vcpus++;
	return r;
}

enum vm_key { VM_NAME, VM_SCHEDULER, VM_SUPPLY_MODE, VM_MASKED, VM_VCPUS, VM_MEMORY, _VM_KEYS };

static int vm_read(struct reader *reader, const struct value *vm, const struct place *place, size_t index)
{
	static const struct key known[_VM_KEYS] = {
		[VM_NAME] = KEY("name"), [VM_SCHEDULER] = KEY("scheduler"), [VM_SUPPLY_MODE] = KEY("supply_mode"),
		[VM_MASKED] = KEY("masked"), [VM_VCPUS] = KEY("vcpus"), [VM_MEMORY] = KEY("memory"),
	};
	static const char *const schedulers[] = { "fp", "edf" };
	static const char *const modes[] = { "sleeping", "idling" };
	const struct value *v[_VM_KEYS];
	size_t scheduler = 0, mode = 0;
	struct vrk_guest guest = { 0 };
	struct place below, at;
	uint32_t i = 0;
	const char *name;
	nsec_t masked = 0;
	int r;

	r = reader_members(reader, vm, place, known, _VM_KEYS, v);
	if (r < 0)
		return r;
	r = strict_member_text(v[VM_NAME], place, "name", true, &name, reader->reterr);
	if (r >= 0)
		r = reader_member_word(reader, v[VM_SCHEDULER], place, "scheduler", schedulers, ARRAY_SIZE(schedulers), &scheduler);
	if (r >= 0)
		r = reader_member_word(reader, v[VM_SUPPLY_MODE], place, "supply_mode", modes, ARRAY_SIZE(modes), &mode);
	if (r >= 0)
		r = reader_member_time(reader, v[VM_MASKED], place, "masked", false, &masked);
	if (r >= 0)
		r = memory_vm(reader, v[VM_MEMORY], place, index, name);
	if (r >= 0)
		r = reader_member_array(reader, v[VM_VCPUS], place, "vcpus", true);
	if (r < 0)
		return r;
	guest.scheduler = scheduler == 0 ? VRK_GUEST_FP : VRK_GUEST_EDF;
	guest.mode = mode == 0 ? VRK_SUPPLY_SLEEPING : VRK_SUPPLY_IDLING;
	place_key(&below, place, "vcpus");
	for (const struct value *vcpu = v[VM_VCPUS]->first; r >= 0 && vcpu; vcpu = vcpu->next) {
		struct system_vcpu *who = &reader->document->names[reader->document->n_vcpus];

		*who = (struct system_vcpu){ .vm = name, .index = i };
		place_index(&at, &below, i++);
		r = vcpu_read(reader, vcpu, &at, &guest, masked, who);
	}
	return r;
}

/* The elements of whatever is an array; types are complained about when the values are read. */
static const struct value *elements(const struct value *object, const struct key *key, size_t *n)
{
	const struct value *array = object->type == VALUE_OBJECT ? value_find(object, key) : NULL;

	if (!array || array->type != VALUE_ARRAY)
		return NULL;
	*n += array->n;
	return array->first;
}

static int arrays_make(struct system_document *d, const struct value *vms, size_t *ret_sections)
{
	static const struct key vcpus = KEY("vcpus"), tasks = KEY("tasks"), sections = KEY("critical_sections");
	size_t n_vcpus = 0, n_tasks = 0;

	for (const struct value *vm = vms->first; vm; vm = vm->next)
		for (const struct value *vcpu = elements(vm, &vcpus, &n_vcpus); vcpu; vcpu = vcpu->next)
			for (const struct value *task = elements(vcpu, &tasks, &n_tasks); task; task = task->next)
				(void)elements(task, &sections, ret_sections);
	if (n_tasks > TASKS_MAX)
		return -E2BIG;
	d->vcpus = calloc(n_vcpus + 1, sizeof(*d->vcpus));
	d->names = calloc(n_vcpus + 1, sizeof(*d->names));
	d->tasks = calloc(n_tasks + 1, sizeof(*d->tasks));
	d->task_names = calloc(n_tasks + 1, sizeof(*d->task_names));
	d->tasks_max = n_tasks;
	return d->vcpus && d->names && d->tasks && d->task_names ? 0 : -ENOMEM;
}

static int vms_read(struct reader *reader, const struct value *top)
{
	const struct place root = { "" }, vms_place = { "vms" };
	const struct value *vms;
	size_t i = 0, n_sections = 0;
	int r;

	r = reader_array(reader, top, &root, "vms", true, &vms);
	if (r < 0)
		return r;
	r = arrays_make(reader->document, vms, &n_sections);
	if (r == -E2BIG)
		return place_broken(&vms_place, reader->reterr, "more than %d tasks", TASKS_MAX);
	if (r >= 0)
		r = shared_init(reader, top, n_sections, reader->document->tasks_max);
	if (r >= 0)
		r = memory_init(reader, vms->n);
	for (const struct value *vm = r >= 0 ? vms->first : NULL; r >= 0 && vm; vm = vm->next) {
		struct place at;

		place_index(&at, &vms_place, i);
		r = vm_read(reader, vm, &at, i++);
	}
	return r;
}

int system_document_parse(const char *text, size_t length, struct system_document *ret, struct vr_error **reterr)
{
	static const char *const known[] = { "host", "vms", "resources", "irqs" };
	_cleanup_(system_document_done) struct system_document document = { 0 };
	struct reader reader = { &document, reterr };
	const struct place root = { "" };
	int r;

	r = strict_values(text, length, SYSTEM_SIZE_MAX, &document.values, reterr);
	if (r >= 0)
		r = strict_value_keys(document.values.top, &root, known, ARRAY_SIZE(known), reterr);
	if (r >= 0)
		r = host_read(&reader, document.values.top);
	if (r >= 0)
		r = vms_read(&reader, document.values.top);
	if (r >= 0)
		r = shared_finish(&reader, document.values.top);
	if (r >= 0)
		r = curves_finish(&reader);
	if (r < 0)
		return r;
	document.system.vcpus = document.vcpus;
	document.system.n = document.n_vcpus;
	*ret = TAKE_GENERIC(document, struct system_document, (struct system_document){ 0 });
	if (ret->locks.n_sections > 0)
		ret->system.locks = &ret->locks;
	return 0;
}

int system_document_read(const char *path, struct system_document *ret, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(freep) char *text = NULL;
	const char *name;
	size_t length;
	int r;

	r = strict_read(path, SYSTEM_SIZE_MAX, &text, &length, &name, reterr);
	if (r < 0)
		return r;
	r = system_document_parse(text, length, ret, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, why->reason, "%s: %s", name, why->text ?: "damaged");
	return r;
}
