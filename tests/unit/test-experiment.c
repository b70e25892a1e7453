/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Specs of experiments: what is refused and with which line; what is drawn from those that are not; and that threads and shards count
 * the same as one run.
 */
#include "answer.h"
#include "experiment-result.h"
#include "experiment-run.h"
#include "experiment-sample.h"
#include "expect.h"

#define HOST   "\"name\":\"x\",\"host\":{\"cpus\":1,\"fair_server\":false}"
#define PERIOD "\"period\":{\"from\":\"10ms\",\"to\":\"1s\"}"
#define SETS   "\"generate\":{\"tasks\":5,\"utilisation\":0.5," PERIOD "}"
#define GUESTS "\"generate\":{\"vcpus\":2,\"tasks\":3,\"utilisation\":0.3," PERIOD "},\"reservation\":{\"period\":\"5ms\"}"
#define SWEEP  "\"sweep\":{\"parameter\":\"utilisation\",\"values\":[0.5,0.9]}"
#define TESTS  "\"tests\":[\"qpa\"]"
#define VMS    "\"vms\":[{\"name\":\"a\",\"vcpus\":[{\"tasks\":[{\"name\":\"t\",\"wcet\":\"1ms\",\"period\":\"20ms\"}]}]}]"

static const struct {
	const char *name, *spec, *line;		/* line NULL: it is good */
} specs[] = {
	{ "good", "{" HOST "," SETS "," SWEEP "," TESTS "}", NULL },
	{ "good, guests", "{" HOST "," GUESTS "," SWEEP ",\"tests\":[\"system\",\"least-edf\"]}", NULL },
	{ "good, a given system", "{" HOST "," VMS ",\"reservation\":{\"period\":\"5ms\"},\"sweep\":{\"parameter\":\"reservation-period\","
	  "\"values\":[\"1ms\",\"5ms\"]},\"tests\":[\"least-fp\"]}", NULL },
	{ "good, waters", "{" HOST ",\"generate\":{\"method\":\"waters2015\",\"vcpus\":1},\"reservation\":{\"period\":\"1ms\"}," SWEEP
	  ",\"tests\":[\"guest-fp\"]}", NULL },
	{ "nothing", "", "empty" },
	{ "an array", "[]", "must be an object: { ... }" },
	{ "no host", "{\"name\":\"x\"," SETS "," SWEEP "," TESTS "}", "host: missing" },
	{ "a slip in the host", "{\"name\":\"x\",\"host\":{\"cpsu\":1}," SETS "," SWEEP "," TESTS "}",
	  "host.cpsu: unknown key, did you mean cpus?" },
	{ "a slip in the spec", "{" HOST "," SETS "," SWEEP ",\"test\":[]}", "test: unknown key, did you mean tests?" },
	{ "a slip below", "{" HOST ",\"generate\":{\"vcpu\":5}," SWEEP "," TESTS "}", "generate.vcpu: unknown key, did you mean vcpus?" },
	{ "no name", "{\"host\":{}," SETS "," SWEEP "," TESTS "}", "name: missing" },
	{ "nothing to draw", "{" HOST "," SWEEP "," TESTS "}", "generate: missing" },
	{ "two systems", "{" HOST "," SETS "," VMS "," SWEEP "," TESTS "}", "generate: either this or vms, not both" },
	{ "no tasks", "{" HOST ",\"generate\":{\"utilisation\":0.5," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: generate.tasks is missing" },
	{ "no period", "{" HOST ",\"generate\":{\"tasks\":5}," SWEEP "," TESTS "}", "generate.period: missing" },
	{ "no utilisation", "{" HOST ",\"generate\":{\"tasks\":5," PERIOD "},\"sweep\":{\"parameter\":\"tasks\",\"values\":[5]}," TESTS "}",
	  "at tasks 5: generate.utilisation is missing" },
	{ "too many tasks", "{" HOST ",\"generate\":{\"tasks\":257," PERIOD "}," SWEEP "," TESTS "}", "at utilisation 0.5: more than 256 tasks" },
	{ "half a task", "{" HOST ",\"generate\":{\"tasks\":1.5," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.tasks: must be a whole number from 1 to 4096" },
	{ "from above to", "{" HOST ",\"generate\":{\"tasks\":{\"from\":5,\"to\":4}," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.tasks: \"from\" is above \"to\"" },
	{ "no such method", "{" HOST ",\"generate\":{\"method\":\"unifast\",\"tasks\":5," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.method: unknown: \"unifast\", did you mean uunifast?" },
	{ "tasks of waters", "{" HOST ",\"generate\":{\"method\":\"waters2015\",\"tasks\":5}," SWEEP "," TESTS "}", "generate.tasks: unknown key" },
	{ "uunifast above 1", "{\"name\":\"x\",\"host\":{\"cpus\":2},\"generate\":{\"method\":\"uunifast\",\"tasks\":5," PERIOD "},"
	  "\"sweep\":{\"parameter\":\"utilisation\",\"values\":[1.1]},\"tests\":[\"gfb\"]}",
	  "at utilisation 1.1: uunifast: above a utilisation of 1 a task may have more than that (uunifast-discard and randfixedsum draw none)" },
	{ "uunifast with limits", "{" HOST ",\"generate\":{\"method\":\"uunifast\",\"tasks\":5,\"utilisation_max\":0.5," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: uunifast knows no utilisation_min and utilisation_max (uunifast-discard and randfixedsum do)" },
	{ "more than they may have", "{" HOST ",\"generate\":{\"tasks\":{\"from\":3,\"to\":9},\"utilisation_max\":0.25," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.9: so few tasks cannot have so much utilisation, each at most utilisation_max" },
	{ "less than they must have", "{" HOST ",\"generate\":{\"tasks\":{\"from\":3,\"to\":9},\"utilisation_min\":0.06," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: so many tasks cannot have so little utilisation, each at least utilisation_min" },
	{ "limits crossed", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation_min\":0.5,\"utilisation_max\":0.4," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: utilisation_min is above utilisation_max" },
	{ "a negative number", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":-0.5," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.utilisation: must be a decimal like 0.05: no sign, no exponent, at most nine places" },
	{ "an exponent", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":5e-1," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.utilisation: must be a decimal like 0.05: no sign, no exponent, at most nine places" },
	{ "ten places", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":0.1234567891," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.utilisation: must be a decimal like 0.05: no sign, no exponent, at most nine places" },
	{ "a utilisation of 5000", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":5000," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.utilisation: must be at most 4096" },
	{ "a text", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":\"0.5\"," PERIOD "}," SWEEP "," TESTS "}",
	  "generate.utilisation: must be a number, not string" },
	{ "null", "{" HOST ",\"generate\":null," SWEEP "," TESTS "}", "generate: must not be null" },
	{ "periods the wrong way round", "{" HOST ",\"generate\":{\"tasks\":5,\"period\":{\"from\":\"2ms\",\"to\":\"1ms\"}}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: between the shortest and the longest period there is no multiple of the grain" },
	{ "no grain", "{" HOST ",\"generate\":{\"tasks\":5,\"period\":{\"from\":\"1ms\",\"to\":\"2ms\",\"grain\":0}}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: periods must be above zero and at most 1000s, their grain above zero" },
	{ "a grain too coarse", "{" HOST ",\"generate\":{\"tasks\":5,\"period\":{\"from\":\"1ms\",\"to\":\"2ms\",\"grain\":\"3ms\"}}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: between the shortest and the longest period there is no multiple of the grain" },
	{ "a period of zero", "{" HOST ",\"generate\":{\"tasks\":5,\"period\":[\"1ms\",\"0ms\"]}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: a period must be above zero and at most 1000s" },
	{ "no unit", "{" HOST ",\"generate\":{\"tasks\":5,\"period\":[\"1ms\",\"5\"]}," SWEEP "," TESTS "}",
	  "generate.period[1]: 5: the unit is missing, write 5ns, 5us, 5ms or 5s" },
	{ "deadlines beyond periods", "{" HOST ",\"generate\":{\"tasks\":5,\"deadline\":1.5," PERIOD "}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: deadline: must be a part of the period, above 0 and at most 1" },
	{ "good, with sections", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"sections\":{\"length\":\"10us\"}},"
	  "\"reservation\":{\"period\":\"5ms\",\"budget\":1.5}," SWEEP ",\"tests\":[\"system\"]}", NULL },
	{ "sections and a test that knows of none", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"sections\":{}},"
	  "\"reservation\":{\"period\":\"5ms\"}," SWEEP ",\"tests\":[\"guest-fp\"]}",
	  "at utilisation 0.5: tests: guest-fp knows of no critical sections (system does)" },
	{ "sections of nobody", "{" HOST ",\"generate\":{\"tasks\":3," PERIOD ",\"sections\":{}}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: sections: of tasks in vCPUs, and there are none (generate.vcpus is missing)" },
	{ "sections under EDF", "{" HOST ",\"generate\":{\"vcpus\":1,\"tasks\":3," PERIOD ",\"sections\":{}},\"guest\":{\"scheduler\":\"edf\"},"
	  "\"reservation\":{\"period\":\"5ms\"}," SWEEP ",\"tests\":[\"system\"]}",
	  "at utilisation 0.5: sections: only guests with fixed priorities have an analysis of them" },
	{ "too many sections", "{" HOST ",\"generate\":{\"vcpus\":1,\"tasks\":3," PERIOD ",\"sections\":{\"count\":17}},"
	  "\"reservation\":{\"period\":\"5ms\"}," SWEEP ",\"tests\":[\"system\"]}", "at utilisation 0.5: sections: more than 16 in a job" },
	{ "lengths of no sections", "{" HOST "," GUESTS ",\"sweep\":{\"parameter\":\"section-length\",\"values\":[1]},\"tests\":[\"system\"]}",
	  "at section-length 1ns: generate.sections is missing" },
	{ "good, with a cache", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"cache\":{\"colors\":4}},\"reservation\":{\"period\":\"5ms\"},"
	  SWEEP ",\"tests\":[\"colors-best\",\"colors-shared\"]}", NULL },
	{ "colours of nothing", "{" HOST "," GUESTS ",\"sweep\":{\"parameter\":\"colors\",\"values\":[4]},\"tests\":[\"least-fp\"]}",
	  "at colors 4: generate.cache is missing" },
	{ "a division of nothing", "{" HOST "," GUESTS "," SWEEP ",\"tests\":[\"colors-even\"]}",
	  "at utilisation 0.5: tests: colors-even asks about colours of a cache, and there is none (generate.cache is missing)" },
	{ "a cache and a test that knows of none", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"cache\":{}},\"reservation\":{\"period\":\"5ms\"},"
	  SWEEP ",\"tests\":[\"least-fp\"]}",
	  "at utilisation 0.5: tests: least-fp knows of no cache (colors-best, colors-even, colors-private and colors-shared do)" },
	{ "a cache of nobody", "{" HOST ",\"generate\":{\"tasks\":3," PERIOD ",\"cache\":{}}," SWEEP "," TESTS "}",
	  "at utilisation 0.5: cache: of tasks in vCPUs, and there are none (generate.vcpus is missing)" },
	{ "a cache and sections", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"cache\":{},\"sections\":{}},\"reservation\":{\"period\":\"5ms\"},"
	  SWEEP ",\"tests\":[\"colors-best\"]}", "at utilisation 0.5: cache and sections: no analysis knows of both" },
	{ "a miss that costs nothing", "{" HOST ",\"generate\":{\"vcpus\":2,\"tasks\":3," PERIOD ",\"cache\":{\"miss\":0}},\"reservation\":{\"period\":\"5ms\"},"
	  SWEEP ",\"tests\":[\"colors-best\"]}", "at utilisation 0.5: cache: miss must be above zero, miss and reload at most 1000s" },
	{ "too many tasks for one cache", "{" HOST ",\"generate\":{\"vcpus\":100,\"tasks\":3," PERIOD ",\"cache\":{}},\"reservation\":{\"period\":\"5ms\"},"
	  SWEEP ",\"tests\":[\"colors-best\"]}", "at utilisation 0.5: cache: more than 256 tasks in all vCPUs" },
	{ "no reservation", "{" HOST ",\"generate\":{\"vcpus\":1,\"tasks\":5," PERIOD "}," SWEEP ",\"tests\":[\"least-fp\"]}",
	  "at utilisation 0.5: reservation.period is missing: vCPUs need one" },
	{ "a reservation too short", "{" HOST ",\"generate\":{\"vcpus\":1,\"tasks\":5," PERIOD "},\"reservation\":{\"period\":\"99us\"}," SWEEP
	  ",\"tests\":[\"least-fp\"]}", "at utilisation 0.5: reservation.period: the kernel knows 100us to 4.194304s" },
	{ "guests without vCPUs", "{" HOST "," SETS ",\"guest\":{\"scheduler\":\"fp\"}," SWEEP "," TESTS "}",
	  "guest: reservations without tasks inside have none (generate.vcpus is missing)" },
	{ "tests of tasks without any", "{" HOST "," SETS "," SWEEP ",\"tests\":[\"guest-fp\"]}",
	  "at utilisation 0.5: tests: guest-fp asks about tasks in vCPUs, and there are none (generate.vcpus is missing)" },
	{ "a test of one CPU", "{\"name\":\"x\",\"host\":{\"cpus\":2}," SETS "," SWEEP "," TESTS "}",
	  "at utilisation 0.5: tests: qpa is a test of one CPU (first-fit, best-fit, worst-fit and exact ask one CPU after the other)" },
	{ "one CPU at first", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"cpus\",\"values\":[1,2]}," TESTS "}",
	  "at cpus 2: tests: qpa is a test of one CPU (first-fit, best-fit, worst-fit and exact ask one CPU after the other)" },
	{ "EDF on a host without", "{\"name\":\"x\",\"host\":{\"scheduler\":\"fp\"}," SETS "," SWEEP "," TESTS "}",
	  "at utilisation 0.5: tests: qpa is about EDF, and host.scheduler is another" },
	{ "fixed priorities and two CPUs", "{\"name\":\"x\",\"host\":{\"cpus\":2,\"scheduler\":\"fp\"}," SETS "," SWEEP ",\"tests\":[\"system\"]}",
	  "at utilisation 0.5: a fixed-priority host: one CPU, and not one queue over all" },
	{ "no sweep", "{" HOST "," SETS "," TESTS "}", "sweep: missing" },
	{ "no such parameter", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilization\",\"values\":[1]}," TESTS "}",
	  "sweep.parameter: unknown: \"utilization\", did you mean utilisation?" },
	{ "no values", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":[]}," TESTS "}",
	  "sweep.values: 0 values, must be from 1 to 1000" },
	{ "a step of zero", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":{\"from\":0.1,\"to\":1,\"step\":0}}," TESTS "}",
	  "sweep.values: a step of zero" },
	{ "too many steps", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":{\"from\":0.1,\"to\":1,\"step\":0.000000001}}," TESTS "}",
	  "sweep.values: more than 1000 values" },
	{ "a value twice", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":[0.5,0.6,0.50]}," TESTS "}",
	  "sweep.values[2]: the same as sweep.values[0]" },
	{ "a wrong value", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":[0.5,\"1ms\"]}," TESTS "}",
	  "sweep.values[1]: must be a number, not string" },
	{ "vCPUs that are not there", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"vcpus\",\"values\":[2]}," TESTS "}",
	  "sweep.parameter: vcpus, but generate.vcpus is missing: there are no tasks inside" },
	{ "a ratio of no range", "{" HOST ",\"generate\":{\"tasks\":5,\"utilisation\":0.5,\"period\":\"5ms\"},"
	  "\"sweep\":{\"parameter\":\"period-ratio\",\"values\":[2]}," TESTS "}",
	  "sweep.parameter: period-ratio needs a generate.period with \"from\" and \"to\"" },
	{ "budgets of nobody", "{" HOST "," SETS ",\"sweep\":{\"parameter\":\"budget\",\"values\":[1]}," TESTS "}",
	  "at budget 1: there are no vCPUs whose reservation is looked for" },
	{ "a given system does not change", "{" HOST "," VMS "," SWEEP "," TESTS "}", "sweep: utilisation is of systems that are drawn, not of vms" },
	{ "interrupts of nobody", "{" HOST "," SETS "," SWEEP "," TESTS ",\"irqs\":[]}", "irqs: only of given vms" },
	{ "interrupts and a test that knows of none", "{" HOST "," VMS ",\"irqs\":[{\"name\":\"i\",\"period\":\"5ms\",\"hard\":1000}],"
	  "\"reservation\":{\"period\":\"5ms\"},\"sweep\":{\"parameter\":\"reservation-period\",\"values\":[\"1ms\"]},\"tests\":[\"qpa\"]}",
	  "at reservation-period 1ms: tests: qpa knows of no irqs (system does)" },
	{ "a masked guest and a test that knows of none", "{" HOST ",\"vms\":[{\"name\":\"a\",\"masked\":1000,\"vcpus\":[{\"tasks\":[{\"name\":\"t\",\"wcet\":"
	  "\"1ms\",\"period\":\"20ms\"}]}]}],\"reservation\":{\"period\":\"5ms\"},\"sweep\":{\"parameter\":\"reservation-period\",\"values\":[\"1ms\"]},"
	  "\"tests\":[\"least-fp\"]}", "at reservation-period 1ms: tests: least-fp knows of no resources, irqs and masked times (system does)" },
	{ "a slip in the interrupts", "{" HOST "," VMS ",\"irqs\":[{\"namee\":\"i\"}]," SWEEP "," TESTS "}", "irqs[0].namee: unknown key, did you mean name?" },
	{ "a task beyond its period", "{" HOST ",\"vms\":[{\"name\":\"a\",\"vcpus\":[{\"budget\":1000,\"period\":5000,\"tasks\":[{\"name\":\"t\",\"wcet\":3,"
	  "\"period\":2}]}]}],\"sweep\":{\"parameter\":\"tick\",\"values\":[0]},\"tests\":[\"system\"]}",
	  "at tick 0ns: vms: a task whose wcet is longer than its period" },
	{ "no tests", "{" HOST "," SETS "," SWEEP ",\"tests\":[]}", "tests: must be an array of names, and not empty" },
	{ "no such test", "{" HOST "," SETS "," SWEEP ",\"tests\":[\"gbf\"]}", "tests[0]: unknown test \"gbf\", did you mean gfb?" },
	{ "a test twice", "{" HOST "," SETS "," SWEEP ",\"tests\":[\"gfb\",\"gfb\"]}", "tests[1]: \"gfb\" is asked for twice" },
	{ "a number as a test", "{" HOST "," SETS "," SWEEP ",\"tests\":[1]}", "tests[0]: must be a string, not int" },
	{ "no samples", "{" HOST "," SETS "," SWEEP "," TESTS ",\"samples\":0}", "samples: must be a whole number from 1 to 1000000" },
	{ "a million and one", "{" HOST "," SETS "," SWEEP "," TESTS ",\"samples\":1000001}", "samples: must be a whole number from 1 to 1000000" },
	{ "no such seed", "{" HOST "," SETS "," SWEEP "," TESTS ",\"seed\":-1}",
	  "seed: must be a whole number from 0 to 9223372036854775806" },
	{ "a long simulation", "{" HOST "," SETS "," SWEEP "," TESTS ",\"simulate\":{\"for\":\"3601s\"}}",
	  "simulate: \"for\" must be above zero and at most 3600s" },
	{ "perhaps", "{" HOST "," SETS "," SWEEP "," TESTS ",\"same_sets\":\"yes\"}", "same_sets: must be true or false, not string" },
};

static void test_specs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		_cleanup_(experiment_done) struct experiment e = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		int r = experiment_parse(specs[i].spec, strlen(specs[i].spec), &e, &err);

		CASE(specs[i].name);
		EXPECT_INT(r, specs[i].line ? -EBADMSG : 0);
		EXPECT_STR(err ? err->text : NULL, specs[i].line);
	}
}

static bool spec_get(const char *text, struct experiment *ret)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	return EXPECT_INT(experiment_parse(text, strlen(text), ret, &err), 0);
}

static void test_values(void)
{
	_cleanup_(experiment_done) struct experiment e = { 0 };
	char text[VRK_NSEC_STRLEN];

	CASE("steps, exactly");
	if (!spec_get("{" HOST "," SETS ",\"sweep\":{\"parameter\":\"utilisation\",\"values\":{\"from\":0.1,\"to\":1,\"step\":0.1}}," TESTS "}", &e))
		return;
	EXPECT_INT(e.n_points, 10);
	EXPECT_INT(e.values[2], 300000000);
	EXPECT_STR(experiment_value_text(&e, 2, text), "0.3");
	EXPECT_STR(experiment_value_text(&e, 9, text), "1");
	EXPECT_INT(e.samples, 1000);
	EXPECT_INT(e.seed, 1);
	experiment_done(&e);
	CASE("times");
	if (!spec_get("{" HOST "," SETS ",\"sweep\":{\"parameter\":\"tick\",\"values\":[\"4ms\"]}," TESTS "}", &e))
		return;
	EXPECT_STR(experiment_value_text(&e, 0, text), "4ms");
	EXPECT_STR(experiment_value_number(&e, 0, text), "4000000");
}

/* What every sample of these must be. */
static const struct {
	const char *name, *generate;
	uint64_t most_bw;
	size_t vcpus, tasks_least, tasks_most;
} drawn[] = {
	{ "uunifast", "\"method\":\"uunifast\",\"tasks\":8," PERIOD, BW_UNIT * 9 / 10, 8, 8, 8 },
	{ "discard", "\"method\":\"uunifast-discard\",\"tasks\":8,\"utilisation_max\":0.4," PERIOD, BW_UNIT * 9 / 10, 8, 8, 8 },
	{ "randfixedsum", "\"tasks\":{\"from\":3,\"to\":8},\"deadline\":{\"from\":0.5,\"to\":1}," PERIOD, BW_UNIT * 9 / 10, 0, 3, 8 },
	{ "in vCPUs", "\"vcpus\":3,\"tasks\":{\"from\":3,\"to\":8}," PERIOD, 3 * BW_UNIT * 9 / 10, 3, 9, 24 },
	{ "waters", "\"method\":\"waters2015\",\"vcpus\":2", 2 * BW_UNIT * 9 / 10, 2, 2, 18 },
};

static void test_drawn(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(drawn); i++) {
		_cleanup_(sum_tables_done) struct sum_tables tables = { 0 };
		_cleanup_(experiment_done) struct experiment e = { 0 };
		struct experiment_draw draw;
		char text[1000];

		CASE(drawn[i].name);
		snprintf(text, sizeof(text), "{%s,\"generate\":{%s},%s,%s}", HOST, drawn[i].generate, SWEEP,
			 drawn[i].generate[0] == '\0' || !strstr(drawn[i].generate, "vcpus")
				 ? TESTS
				 : "\"reservation\":{\"period\":\"5ms\",\"budget\":1.1},\"tests\":[\"guest-fp\"]");
		if (!spec_get(text, &e))
			continue;
		experiment_point(&e, 1, &draw);
		for (uint64_t k = 0; k < 200; k++) {
			_cleanup_(experiment_sample_done) struct experiment_sample sample = { 0 };
			const struct system_document *d = &sample.document;

			if (!EXPECT_INT(experiment_sample_draw(&e, 1, &draw, k, &tables, &sample, NULL), 0))
				break;
			EXPECT(sample.utilisation_bw <= drawn[i].most_bw);
			EXPECT(d->n_tasks >= drawn[i].tasks_least && d->n_tasks <= drawn[i].tasks_most);
			EXPECT(drawn[i].vcpus == 0 || d->n_vcpus == drawn[i].vcpus);
			for (size_t t = 0; t < d->n_tasks; t++)
				EXPECT(d->tasks[t].wcet_ns > 0 && d->tasks[t].wcet_ns <= d->tasks[t].deadline_ns &&
				       d->tasks[t].deadline_ns <= d->tasks[t].period_ns);
		}
	}
}

static bool same(const struct experiment *e, const struct experiment_result *a, const struct experiment_result *b)
{
	_cleanup_(json_object_putp) struct json_object *x = NULL, *y = NULL;

	return experiment_result_json(e, a, &x) == 0 && experiment_result_json(e, b, &y) == 0 &&
	       EXPECT_STR(json_object_to_json_string(x), json_object_to_json_string(y));
}

static void test_counts(void)
{
	static const char spec[] = "{\"name\":\"x\",\"host\":{\"cpus\":2,\"fair_server\":false},\"generate\":{\"tasks\":{\"from\":4,\"to\":7}," PERIOD
				   "},\"sweep\":{\"parameter\":\"utilisation\",\"values\":{\"from\":0.5,\"to\":2,\"step\":0.25}},"
				   "\"tests\":[\"gfb\",\"bcl\",\"bcl-iter\",\"first-fit\",\"simulated\"],\"placement\":\"global\",\"samples\":50}";
	_cleanup_(experiment_result_done) struct experiment_result one = { 0 }, four = { 0 }, sum = { 0 };
	_cleanup_(experiment_done) struct experiment e = { 0 };

	CASE("threads");
	if (!spec_get(spec, &e) || !EXPECT_INT(experiment_run(&e, 1, 1, 1, false, &one, NULL), 0) ||
	    !EXPECT_INT(experiment_run(&e, 1, 1, 4, false, &four, NULL), 0))
		return;
	EXPECT(same(&e, &one, &four));
	CASE("shards");
	EXPECT_INT(experiment_result_new(&e, 1, 1, &sum), 0);
	for (uint32_t i = 1; i <= 7; i++) {
		_cleanup_(experiment_result_done) struct experiment_result part = { 0 };

		if (!EXPECT_INT(experiment_run(&e, i, 7, 2, false, &part, NULL), 0))
			return;
		EXPECT_INT(part.samples[0], i == 1 ? 8 : 7);
		experiment_result_add(&sum, &part);
	}
	EXPECT(same(&e, &one, &sum));
	CASE("one test implies the other");
	for (size_t i = 0; i < one.n_points; i++) {
		const struct experiment_tally *t = &one.tallies[i * one.n_tests];

		EXPECT_INT(one.samples[i], 50);
		EXPECT(t[1].accepted <= t[2].accepted && t[0].accepted <= t[4].accepted && t[2].accepted <= t[4].accepted);
	}
	EXPECT(one.tallies[0].accepted > 0 && one.tallies[6 * one.n_tests].accepted < 50);
}

static void test_numbers(void)
{
	char text[RATIO_TEXT_MAX];

	CASE("ratios");
	EXPECT_STR(experiment_ratio(text, 1, 3), "0.333333");
	EXPECT_STR(experiment_ratio(text, 2, 3), "0.666667");
	EXPECT_STR(experiment_ratio(text, 0, 3), "0.000000");
	EXPECT_STR(experiment_ratio(text, 3, 3), "1.000000");
	EXPECT_STR(experiment_ratio(text, 0, 0), "-");
	EXPECT_STR(experiment_mean(text, 3 * BW_UNIT / 2, 2), "0.750000");
	EXPECT_STR(experiment_mean(text, 0, 0), "-");
	CASE("shards");
	EXPECT_INT(experiment_shard_samples(10, 1, 3), 4);
	EXPECT_INT(experiment_shard_samples(10, 3, 3), 3);
	EXPECT_INT(experiment_shard_samples(2, 3, 3), 0);
	EXPECT_INT(experiment_shard_samples(10, 1, 1), 10);
}

int main(void)
{
	test_specs();
	test_values();
	test_drawn();
	test_counts();
	test_numbers();
	return expect_result();
}
