/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One point of a sweep: the spec with one parameter changed; and whether that can be drawn and asked about at all. All points are
 * checked before the first is drawn: an experiment of a night does not stop at its last point over a slip in the spec.
 *
 * Called by experiment-spec.c, and for each point by those who draw. Pure.
 */
#include <inttypes.h>
#include <string.h>

#include <virtrk/memory.h>

#include "experiment-point.h"
#include "strict.h"

#define TIME_MAX (1000 * NSEC_PER_SEC)	/* periods: products with a share stay in 128 bits by far */

void experiment_point(const struct experiment *e, size_t point, struct experiment_draw *ret)
{
	uint64_t value = e->values[point];

	*ret = e->draw;
	switch (e->parameter) {
	case PARAMETER_UTILISATION:
		ret->utilisation_ppb[0] = value;
		ret->n_utilisations = 1;
		break;
	case PARAMETER_UTILISATION_MAX:
		ret->utilisation_max_ppb = value;
		break;
	case PARAMETER_DEADLINE:
		ret->deadline_least_ppb = ret->deadline_most_ppb = value;
		break;
	case PARAMETER_PERIOD_RATIO:	/* rounded down */
		ret->period_most_ns = (nsec_t)((unsigned __int128)ret->period_least_ns * value / PPB_ONE);
		break;
	case PARAMETER_BUDGET:
		ret->budget_ppb = value;
		break;
	case PARAMETER_RESERVATION_PERIOD:
		ret->reservation_period_ns = value;
		break;
	case PARAMETER_TICK:
		ret->host.tick_ns = value;
		break;
	case PARAMETER_SWITCH:
		ret->host.switch_ns = value;
		break;
	case PARAMETER_SECTION_LENGTH:
		ret->section_least_ns = ret->section_most_ns = value;
		break;
	case PARAMETER_SHARING:
		ret->sharing_ppb = value;
		break;
	case PARAMETER_TASKS:
		ret->tasks_least = ret->tasks_most = value;
		break;
	case PARAMETER_VCPUS:
		ret->vcpus = value;
		break;
	case PARAMETER_COLORS:
		ret->colors = value;
		break;
	case PARAMETER_CPUS:
	case _PARAMETER_MAX:
		ret->host.cpus = (uint32_t)value;
		break;
	}
}

/* "0.05" of 50000000 */
static char *ppb_text(uint64_t ppb, char buf[VRK_NSEC_STRLEN])
{
	size_t length;

	snprintf(buf, VRK_NSEC_STRLEN, "%llu.%09llu", (unsigned long long)(ppb / PPB_ONE), (unsigned long long)(ppb % PPB_ONE));
	length = strlen(buf);
	while (buf[length - 1] == '0')
		buf[--length] = '\0';
	if (buf[length - 1] == '.')
		buf[--length] = '\0';
	return buf;
}

char *experiment_value_number(const struct experiment *e, size_t point, char buf[VRK_NSEC_STRLEN])
{
	if (experiment_parameters[e->parameter].kind == KIND_DECIMAL)
		return ppb_text(e->values[point], buf);
	snprintf(buf, VRK_NSEC_STRLEN, "%" PRIu64, e->values[point]);
	return buf;
}

char *experiment_value_text(const struct experiment *e, size_t point, char buf[VRK_NSEC_STRLEN])
{
	if (experiment_parameters[e->parameter].kind == KIND_TIME)
		return vrk_nsec_format(buf, e->values[point]);
	return experiment_value_number(e, point, buf);
}

/* ---- can it be drawn? ---- */

/* What is wrong, or NULL. */
static const char *periods_wrong(const struct experiment_draw *draw)
{
	if (draw->method == METHOD_WATERS2015)
		return NULL;
	for (size_t i = 0; i < draw->n_periods; i++)
		if (draw->periods_ns[i] == 0 || draw->periods_ns[i] > TIME_MAX)
			return "a period must be above zero and at most 1000s";
	if (draw->n_periods > 0)
		return NULL;
	if (draw->period_least_ns == 0 || draw->period_most_ns > TIME_MAX || draw->grain_ns == 0)
		return "periods must be above zero and at most 1000s, their grain above zero";
	/* multiples of the grain from the first not below the one to the last not above the other */
	if ((draw->period_least_ns - 1) / draw->grain_ns + 1 > draw->period_most_ns / draw->grain_ns)
		return "between the shortest and the longest period there is no multiple of the grain";
	return NULL;
}

static const char *utilisation_wrong(const struct experiment_draw *draw, uint64_t ppb)
{
	uint64_t sum = share_of_ppb(ppb), least = share_of_ppb(draw->utilisation_min_ppb), most = share_of_ppb(draw->utilisation_max_ppb);

	if (ppb == 0)
		return "a utilisation of zero";
	if (draw->method == METHOD_WATERS2015)
		return ppb > PPB_ONE && draw->vcpus > 0 ? "utilisation: of a vCPU's tasks, so at most 1" : NULL;
	if (draw->method == METHOD_UUNIFAST) {
		if (ppb > PPB_ONE)
			return "uunifast: above a utilisation of 1 a task may have more than that (uunifast-discard and randfixedsum draw none)";
		return draw->utilisation_min_ppb > 0 || draw->utilisation_max_ppb < PPB_ONE
			       ? "uunifast knows no utilisation_min and utilisation_max (uunifast-discard and randfixedsum do)"
			       : NULL;
	}
	if (least > most)
		return "utilisation_min is above utilisation_max";
	if (sum > most * draw->tasks_least)
		return "so few tasks cannot have so much utilisation, each at most utilisation_max";
	if (sum < least * draw->tasks_most)
		return "so many tasks cannot have so little utilisation, each at least utilisation_min";
	return NULL;
}

static const char *sections_wrong(const struct experiment *e, const struct experiment_draw *draw)
{
	if (draw->resources == 0)
		return e->parameter == PARAMETER_SECTION_LENGTH || e->parameter == PARAMETER_SHARING ? "generate.sections is missing" : NULL;
	if (draw->vcpus == 0)
		return "sections: of tasks in vCPUs, and there are none (generate.vcpus is missing)";
	if (e->guest.scheduler != VRK_GUEST_FP)
		return "sections: only guests with fixed priorities have an analysis of them";
	if (draw->sections_most > EXPERIMENT_SECTIONS_MAX)
		return "sections: more than 16 in a job";
	if (draw->section_most_ns > TIME_MAX || draw->queue_latency_ns > TIME_MAX)
		return "sections: at most 1000s";
	return draw->sharing_ppb > PPB_ONE ? "sharing: a part of the tasks, so at most 1" : NULL;
}

static const char *cache_wrong(const struct experiment *e, const struct experiment_draw *draw)
{
	if (e->draw.colors == 0)
		return e->parameter == PARAMETER_COLORS ? "generate.cache is missing" : NULL;
	if (draw->colors > EXPERIMENT_COLORS_MAX)
		return "more than 64 colours";
	if (draw->vcpus == 0)
		return "cache: of tasks in vCPUs, and there are none (generate.vcpus is missing)";
	if (draw->resources > 0)
		return "cache and sections: no analysis knows of both";
	if (draw->vcpus * draw->tasks_most > VRK_REQUESTS_MAX)
		return "cache: more than 256 tasks in all vCPUs";
	if (draw->working_set_most > VRK_COLORS_MAX)
		return "cache: a working_set of more than 1024 colours";
	if (draw->slowdown_most_ppb > 100 * PPB_ONE)
		return "cache: a slowdown above 100";
	return draw->miss_ns == 0 || draw->miss_ns > TIME_MAX || draw->color_reload_ns > TIME_MAX
		       ? "cache: miss must be above zero, miss and reload at most 1000s"
		       : NULL;
}

static const char *draw_wrong(const struct experiment_draw *draw)
{
	const char *wrong = NULL;

	if (draw->method != METHOD_WATERS2015 && draw->tasks_most > EXPERIMENT_TASKS_MAX)
		return draw->tasks_most == PPB_ONE ? "generate.tasks is missing" : "more than 256 tasks";
	if (draw->vcpus > EXPERIMENT_VCPUS_MAX)
		return "more than 256 vCPUs";
	if (draw->utilisation_max_ppb > PPB_ONE)
		return "utilisation_max: above 1";
	if (draw->deadline_least_ppb == 0 || draw->deadline_most_ppb > PPB_ONE)
		return "deadline: must be a part of the period, above 0 and at most 1";
	if (draw->n_utilisations == 0)
		return "generate.utilisation is missing";
	for (size_t i = 0; i < draw->n_utilisations && !wrong; i++)
		wrong = utilisation_wrong(draw, draw->utilisation_ppb[i]);
	return wrong ?: periods_wrong(draw);
}

/* ---- can it be asked about? ---- */

/* Some vCPU needs a budget and period to be found. */
static bool sizing(const struct experiment *e, const struct experiment_draw *draw)
{
	if (!e->fixed)
		return draw->vcpus > 0;
	for (size_t i = 0; i < e->base.n_vcpus; i++)
		if (!e->base.names[i].sized)
			return true;
	return false;
}

static const char *reservation_wrong(const struct experiment *e, const struct experiment_draw *draw)
{
	if (!sizing(e, draw))
		return e->parameter == PARAMETER_BUDGET || e->parameter == PARAMETER_RESERVATION_PERIOD
			       ? "there are no vCPUs whose reservation is looked for"
			       : NULL;
	if (draw->reservation_period_ns < VRK_PERIOD_MIN_NS || draw->reservation_period_ns > VRK_PERIOD_MAX_NS)
		return draw->reservation_period_ns == 0 ? "reservation.period is missing: vCPUs need one"
							 : "reservation.period: the kernel knows 100us to 4.194304s";
	if (draw->reservation_deadline_ppb == 0)
		return "reservation.deadline: zero";
	if (draw->budget_ppb == 0 && e->parameter == PARAMETER_BUDGET)
		return "a budget of zero";
	return NULL;
}

static const char *host_wrong(const struct experiment *e, const struct experiment_draw *draw)
{
	bool edf = e->base.system.scheduler == VRK_HOST_EDF;

	if (draw->host.tick_ns > TIME_MAX || draw->host.switch_ns > TIME_MAX || draw->host.latency_ns > TIME_MAX)
		return "tick, switch and latency: at most 1000s";
	if (e->base.n_irqs > 0 && e->placement == PLACEMENT_GLOBAL)
		return "irqs need a cpu for every vCPU, so placement cannot be global";
	if (!edf && (draw->host.cpus > 1 || e->placement == PLACEMENT_GLOBAL))
		return "a fixed-priority host: one CPU, and not one queue over all";
	if (e->base.n_vcpus > EXPERIMENT_VCPUS_MAX || e->base.n_tasks > (size_t)EXPERIMENT_VCPUS_MAX * EXPERIMENT_TASKS_MAX)
		return "vms: more than 256 vCPUs, or 65536 tasks";
	for (size_t i = 0; i < e->base.n_tasks; i++)
		if (e->base.tasks[i].wcet_ns > e->base.tasks[i].period_ns)
			return "vms: a task whose wcet is longer than its period";
	for (size_t i = 0; e->fixed && i < e->base.n_vcpus; i++) {
		if (e->base.names[i].pinned && e->base.vcpus[i].cpu >= (int32_t)draw->host.cpus)
			return "a vCPU is on a CPU that is not there";
		if (e->base.names[i].pinned && e->placement == PLACEMENT_GLOBAL)
			return "\"global\", but a vCPU has a cpu";
	}
	return NULL;
}

/* Something in a given system of which only the whole analysis knows. */
static bool entangled(const struct experiment *e)
{
	for (size_t i = 0; i < e->base.n_vcpus; i++)
		if (e->base.vcpus[i].masked_ns > 0)
			return true;
	return e->base.locks.n_sections > 0 || e->base.n_irqs > 0;
}

/* *ret_test: the test it is about */
static const char *test_wrong(const struct experiment *e, const struct experiment_draw *draw, enum experiment_test *ret_test)
{
	bool edf = e->base.system.scheduler == VRK_HOST_EDF, tasks = e->fixed || draw->vcpus > 0;

	for (size_t i = 0; i < e->n_tests; i++) {
		unsigned int need = experiment_tests[e->tests[i]].need;

		*ret_test = e->tests[i];
		if ((need & NEED_TASKS) && !tasks)
			return "asks about tasks in vCPUs, and there are none (generate.vcpus is missing)";
		if ((need & NEED_CACHE) && draw->colors == 0)
			return "asks about colours of a cache, and there is none (generate.cache is missing)";
		if (!(need & NEED_CACHE) && draw->colors > 0)
			return "knows of no cache (colors-best, colors-even, colors-private and colors-shared do)";
		if ((need & NEED_ALONE) && draw->resources > 0)
			return "knows of no critical sections (system does)";
		if ((need & NEED_ALONE) && entangled(e))
			return "knows of no resources, irqs and masked times (system does)";
		if (e->base.n_irqs > 0 && e->tests[i] != TEST_SYSTEM)
			return "knows of no irqs (system does)";
		if ((need & NEED_ONE_CPU) && draw->host.cpus > 1)
			return "is a test of one CPU (first-fit, best-fit, worst-fit and exact ask one CPU after the other)";
		if ((need & NEED_EDF_HOST) && !edf)
			return "is about EDF, and host.scheduler is another";
	}
	return NULL;
}

static int point_check(const struct experiment *e, size_t point, struct vr_error **reterr)
{
	enum experiment_test test = _TEST_MAX;
	char value[VRK_NSEC_STRLEN];
	struct experiment_draw draw;
	const struct place root = { "" };
	const char *wrong = NULL;

	if (e->parameter == PARAMETER_PERIOD_RATIO && (e->draw.n_periods > 0 || e->draw.method == METHOD_WATERS2015))
		return place_broken(&root, reterr, "sweep.parameter: period-ratio needs a generate.period with \"from\" and \"to\"");
	if (e->parameter == PARAMETER_TASKS && e->draw.method == METHOD_WATERS2015)
		return place_broken(&root, reterr, "sweep.parameter: waters2015 has as many tasks as it needs");
	if (e->parameter == PARAMETER_VCPUS && e->draw.vcpus == 0)
		return place_broken(&root, reterr, "sweep.parameter: vcpus, but generate.vcpus is missing: there are no tasks inside");
	experiment_point(e, point, &draw);
	if (!e->fixed)
		wrong = draw_wrong(&draw) ?: sections_wrong(e, &draw) ?: cache_wrong(e, &draw);
	wrong = wrong ?: reservation_wrong(e, &draw);
	wrong = wrong ?: host_wrong(e, &draw);
	(void)experiment_value_text(e, point, value);
	if (wrong)
		return place_broken(&root, reterr, "at %s %s: %s", experiment_parameters[e->parameter].name, value, wrong);
	wrong = test_wrong(e, &draw, &test);
	if (wrong)
		return place_broken(&root, reterr, "at %s %s: tests: %s %s", experiment_parameters[e->parameter].name, value,
				    experiment_tests[test].name, wrong);
	return 0;
}

int experiment_points_check(const struct experiment *e, struct vr_error **reterr)
{
	for (size_t i = 0; i < e->n_points; i++) {
		int r;

		for (size_t k = 0; k < i; k++)
			if (e->values[k] == e->values[i])
				return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "sweep.values[%zu]: the same as sweep.values[%zu]", i, k);
		r = point_check(e, i, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
