/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole way of a description, as the verbs go it, for systems with interrupts and resources drawn at random. "simulate": where
 * analyze says yes, no run misses a deadline, and no response of a task or an interrupt is above its bound; periodic from 0 on
 * and with phases and pauses drawn. "plan": what plan fills in and writes is read again and accepted by analyze, and holds in a run.
 * "slack": how far a vCPU is from the edge, against trying numbers over the whole range: all before the edge do, none beyond.
 */
#include <virtrk/system.h>

#include "answer.h"
#include "oracle.h"
#include "system-judge.h"
#include "system-plan.h"
#include "system-seen.h"
#include "system-simulate.h"
#include "system-slack.h"

#define UNTIL_NS (300 * NSEC_PER_MSEC)

/* One description is written. */
struct draft {
	struct oracle *o;
	FILE *f;
	size_t n_vms;
	size_t n_resources;
	uint32_t cpus;
	bool open;			/* some of what plan fills in is missing */
};

static uint64_t seen_sum, seen_n, irq_sum, irq_n;

static uint64_t between(const struct draft *d, uint64_t lo, uint64_t hi)
{
	return oracle_between(d->o, lo, hi);
}

/* ,"key":123 in units of us. */
static void put_us(const struct draft *d, const char *key, uint64_t us)
{
	fprintf(d->f, ",\"%s\":%" PRIu64, key, us * 1000);
}

static void task_put(const struct draft *d, size_t i)
{
	uint64_t wcet = between(d, 50, 800), period = between(d, 10, 60) * 1000, section = between(d, 10, 50);
	bool locks = d->n_resources > 0 && oracle_chance(d->o, 50);

	fprintf(d->f, "%s{\"name\":\"t%zu\"", i ? "," : "", i);
	put_us(d, "wcet", wcet);
	put_us(d, "period", period);
	if (oracle_chance(d->o, 30))
		put_us(d, "deadline", between(d, period / 2, period));
	if (oracle_chance(d->o, 20))
		put_us(d, "jitter", between(d, 0, period / 10));
	if (oracle_chance(d->o, 15))
		fprintf(d->f, ",\"suspensions\":[%" PRIu64 "]", between(d, 1, 500) * 1000);
	if (locks)
		fprintf(d->f, ",\"critical_sections\":[{\"resource\":\"r%" PRIu64 "\",\"length\":%" PRIu64 "}]",
			between(d, 0, d->n_resources - 1), section * 1000);
	fprintf(d->f, "}");
}

static void vcpu_put(const struct draft *d, size_t v)
{
	uint64_t period = between(d, 2, 20) * 1000, budget = period / between(d, 2, 6), n = between(d, d->open, 3);
	bool sized = !d->open || n == 0 || oracle_chance(d->o, 30);

	fprintf(d->f, "%s{\"name\":\"v%zu\",\"scheduler\":\"fp\"%s,\"vcpus\":[{", v ? "," : "", v,
		oracle_chance(d->o, 15) ? ",\"masked\":20000" : "");
	fprintf(d->f, "\"tasks\":[");
	for (size_t i = 0; i < n; i++)
		task_put(d, i);
	fprintf(d->f, "]");
	if (sized) {
		put_us(d, "budget", budget);
		put_us(d, "period", period);
		if (oracle_chance(d->o, 30))
			put_us(d, "deadline", between(d, (budget + period) / 2, period));
	}
	if (!d->open || oracle_chance(d->o, 20))
		fprintf(d->f, ",\"cpu\":%" PRIu64, between(d, 0, d->cpus - 1));
	fprintf(d->f, "}]}");
}

static void irq_put(const struct draft *d, size_t i)
{
	uint64_t period = between(d, 3, 30) * 1000, work = between(d, 10, 80);

	fprintf(d->f, "%s{\"name\":\"i%zu\",\"cpu\":%" PRIu64, i ? "," : "", i, between(d, 0, d->cpus - 1));
	put_us(d, "period", period);
	put_us(d, "deadline", between(d, 20, 100) * 1000);
	put_us(d, "hard", between(d, 2, 30));
	if (oracle_chance(d->o, 30))
		put_us(d, "jitter", between(d, 0, period / 4));
	if (oracle_chance(d->o, 40))
		fprintf(d->f, ",\"thread\":{\"wcet\":%" PRIu64 ",\"budget\":%" PRIu64 ",\"period\":%" PRIu64 ",\"deadline\":%" PRIu64 "}",
			work * 1000, (work + between(d, 0, 50)) * 1000, between(d, 2, period / 1000) * 1000000,
			between(d, 1000, 2000) * 1000);
	else if (oracle_chance(d->o, 40))
		fprintf(d->f, ",\"thread\":{\"wcet\":%" PRIu64 ",\"priority\":%" PRIu64 "}", work * 1000, between(d, 1, 3));
	if (oracle_chance(d->o, 60)) {
		fprintf(d->f, ",\"vm\":\"v%" PRIu64 "\"", between(d, 0, d->n_vms - 1));
		put_us(d, "handler", between(d, 5, 100));
		put_us(d, "injection", between(d, 0, 30));
	}
	fprintf(d->f, "}");
}

/* The text of one, to be freed. */
static char *draft_make(struct oracle *o, bool open, size_t *ret_n)
{
	struct draft d = { .o = o, .cpus = (uint32_t)oracle_between(o, 1, 2), .n_vms = oracle_between(o, 1, 3),
			   .n_resources = oracle_chance(o, 40) ? oracle_between(o, 1, 2) : 0, .open = open };
	size_t n_irqs = oracle_chance(o, 90) ? oracle_between(o, 1, 3) : 0;
	char *text = NULL;

	d.f = open_memstream(&text, ret_n);
	if (!d.f)
		exit(EXIT_FAILURE);
	fprintf(d.f, "{\"host\":{\"cpus\":%u,\"fair_server\":%s,\"tick\":%d},\"vms\":[", d.cpus,
		oracle_chance(o, 30) ? "{\"budget\":2000000,\"period\":50000000}" : "false", oracle_chance(o, 20) ? 10000 : 0);
	for (size_t v = 0; v < d.n_vms; v++)
		vcpu_put(&d, v);
	fprintf(d.f, "],\"resources\":[");
	for (size_t i = 0; i < d.n_resources; i++)
		fprintf(d.f, "%s{\"name\":\"r%zu\",\"queue\":\"%s\",\"latency\":%d}", i ? "," : "", i,
			oracle_chance(o, 50) ? "fifo" : "priority", oracle_chance(o, 50) ? 20000 : 0);
	fprintf(d.f, "],\"irqs\":[");
	for (size_t i = 0; i < n_irqs; i++)
		irq_put(&d, i);
	fprintf(d.f, "]}");
	fclose(d.f);
	return text;
}

/* A plan costs hundreds of analyses: every tenth of so many systems is enough. One that is asked for is not left out. */
static bool left_out(const struct oracle *o)
{
	return !o->verbose && o->seed % 10 != 0;
}

static void fail(struct oracle *o, const char *what, const char *text)
{
	if (o->failed++ < 10)
		fprintf(stderr, "%s: %s; again with VIRTRK_SEED=0x%" PRIx64 "\n%s\n", o->name, what, o->seed, text);
}

static uint64_t part_of(nsec_t seen, nsec_t bound, uint64_t most)
{
	uint64_t part = seen < NSEC_MAX && bound > 0 ? seen * 1000 / bound : 0;

	return part > most ? part : most;
}

static void run_hold(struct oracle *o, const struct system_document *d, const struct vrk_system_result *result, const uint64_t *seed,
		     const char *text, uint64_t *tight, uint64_t *tight_irq)
{
	_cleanup_(system_run_done) struct system_run run = { .until_ns = UNTIL_NS, .seed = seed };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	if (system_run(d, &run, &err) < 0) {
		fail(o, "the simulator refused it", text);
		return;
	}
	for (size_t v = 0; v < d->n_vcpus; v++)
		if (run.vcpus[v].late_whole_ns > 0)
			fail(o, "a budget late", text);
	for (size_t i = 0; i < d->n_tasks; i++) {
		if (run.tasks[i].missed > 0 || run.tasks[i].worst_ns > result->responses_ns[i])
			fail(o, "a task above its bound", text);
		*tight = part_of(run.tasks[i].worst_ns, result->responses_ns[i], *tight);
	}
	for (size_t i = 0; i < d->n_irqs; i++) {
		const struct system_run_irq *q = &run.irqs[i];
		const struct vrk_irq_bound *b = &result->irqs[i];

		if (o->verbose)
			fprintf(stderr, "  interrupt %zu: hard %" PRIu64 " of %" PRIu64 ", thread %" PRIu64 " of %" PRIu64 ", all %" PRIu64 " of %" PRIu64
				"\n", i, q->hard_ns, b->hard_ns, q->thread_ns, b->thread_ns, q->worst_ns, b->response_ns);
		if (q->missed > 0)
			fail(o, "an interrupt late", text);
		if (q->hard_ns < NSEC_MAX && q->hard_ns > b->hard_ns)
			fail(o, "a hard handler above its bound", text);
		if (q->thread_ns < NSEC_MAX && q->thread_ns > b->thread_ns)
			fail(o, "a thread above its bound", text);
		if (q->worst_ns < NSEC_MAX && q->worst_ns > b->response_ns)
			fail(o, "an interrupt above its bound", text);
		*tight_irq = part_of(q->worst_ns, b->response_ns, *tight_irq);
	}
}

static void runs_hold(struct oracle *o, const struct system_document *d, const struct vrk_system_result *result, const char *text)
{
	uint64_t tight = 0, tight_irq = 0;

	for (int k = 0; k < 3; k++) {
		uint64_t seed = oracle_draw(o);

		run_hold(o, d, result, k == 0 ? NULL : &seed, text, &tight, &tight_irq);
	}
	seen_sum += tight;
	seen_n += d->n_tasks > 0;
	irq_sum += tight_irq;
	irq_n += d->n_irqs > 0;
}

/* Reads, judges and where it is a yes runs. 0: no; 1: yes; -1: no system. */
static int text_judge(struct oracle *o, const char *text, size_t n)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document d = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r = system_document_parse(text, n, &d, &err);

	if (r >= 0)
		r = system_judge(&d, &result, &err);
	if (r < 0) {
		fail(o, err && err->text ? err->text : "no system", text);
		return -1;
	}
	if (result.ok)
		runs_hold(o, &d, &result, text);
	return result.ok;
}

static void simulate(struct oracle *o)
{
	size_t n = 0;
	char *text = draft_make(o, false, &n);

	if (o->verbose)
		fprintf(stderr, "%s\n", text);
	if (text_judge(o, text, n) > 0)
		o->accepted++;
	else
		o->refused++;
	free(text);
}

static void plan(struct oracle *o)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document d = { 0 };
	_cleanup_(system_refusal_done) struct system_refusal refusal = { 0 };
	_cleanup_(json_object_putp) struct json_object *json = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	size_t n = 0;
	char *text;
	int r;

	if (left_out(o))
		return;
	text = draft_make(o, true, &n);
	r = system_document_parse(text, n, &d, &err);
	if (o->verbose)
		fprintf(stderr, "%s\n", text);
	if (r >= 0)
		r = system_plan_make(&d, (enum system_policy)oracle_between(o, 0, _SYSTEM_POLICY_MAX - 1), &result, &refusal, &err);
	if (r >= 0 && !refusal.reason)
		r = system_plan_describe(&d, &json);
	if (r < 0)
		fail(o, err && err->text ? err->text : "no plan", text);
	if (r >= 0 && refusal.reason) {
		if (o->verbose)
			fprintf(stderr, "  %s\n", refusal.reason);
		o->refused++;
	} else if (r >= 0) {
		const char *again = json_object_to_json_string(json);

		o->accepted++;
		if (!result.ok || text_judge(o, again, strlen(again)) <= 0)
			fail(o, "a plan that analyze does not accept", again);
	}
	free(text);
}

/* ---- slack ---- */

/* The whole, with one vCPU's tasks at so much of their lengths, or another budget. Only of systems that hold as they are. */
static bool tried(struct system_document *d, size_t v, uint64_t permille, nsec_t budget_ns, bool *ret_host)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	const size_t first = d->names[v].first_task, end = first + d->names[v].n_tasks;
	const nsec_t budget = d->vcpus[v].reservation.budget_ns;
	nsec_t wcets[16] = { 0 }, lengths[16] = { 0 };
	bool ok;

	for (size_t t = first; t < end; t++) {
		wcets[t - first] = d->tasks[t].wcet_ns;
		d->tasks[t].wcet_ns = (d->tasks[t].wcet_ns * permille + 999) / 1000;
	}
	for (size_t i = 0; i < d->locks.n_sections; i++) {
		lengths[i] = d->sections[i].length_ns;
		if (d->sections[i].task >= first && d->sections[i].task < end)
			d->sections[i].length_ns = (d->sections[i].length_ns * permille + 999) / 1000;
	}
	d->vcpus[v].reservation.budget_ns = budget_ns;
	ok = vrk_system_analyze(&d->system, &result) >= 0 && result.ok;
	*ret_host = result.cpus && result.cpus[d->vcpus[v].cpu].ok;
	for (size_t i = 0; *ret_host && i < d->n_irqs; i++)
		*ret_host = result.irqs[i].response_ns < NSEC_MAX || d->irqs[i].irq.thread != VRK_IRQ_FIFO ||
			    (int64_t)d->irqs[i].cpu != d->vcpus[v].cpu;
	d->vcpus[v].reservation.budget_ns = budget;
	for (size_t t = first; t < end; t++)
		d->tasks[t].wcet_ns = wcets[t - first];
	for (size_t i = 0; i < d->locks.n_sections; i++)
		d->sections[i].length_ns = lengths[i];
	return ok;
}

static void scale_try(struct oracle *o, struct system_document *d, size_t v, const struct vcpu_slack *s, const char *text)
{
	const nsec_t budget = d->vcpus[v].reservation.budget_ns;
	bool host;

	for (uint64_t k = 1; k <= 40; k++) {
		uint64_t before = s->wcet_permille * k / 40, beyond = s->wcet_permille + 1 + s->wcet_permille * (k - 1) / 20;

		if (before > 0 && !tried(d, v, before, budget, &host))
			fail(o, "shorter tasks do not fit", text);
		if (s->wcet_permille < 1000000 && tried(d, v, beyond, budget, &host))
			fail(o, "longer tasks fit", text);
	}
}

static void budget_try(struct oracle *o, struct system_document *d, size_t v, const struct vcpu_slack *s, const char *text)
{
	const nsec_t deadline = d->vcpus[v].reservation.deadline_ns, us = NSEC_PER_USEC;
	bool host;

	for (nsec_t k = 0; k < 40; k++) {
		nsec_t inside = s->least_ns + (s->largest_ns - s->least_ns) / us * k / 39 * us;
		nsec_t below = s->least_ns - us - (s->least_ns / us - 1) * k / 40 * us;
		nsec_t above = s->largest_ns + us + (deadline - s->largest_ns) / us * k / 40 * us;

		if (!tried(d, v, 1000, inside, &host))
			fail(o, "a budget between the least and the largest is not enough", text);
		if (below > VRK_BUDGET_MIN_NS && below < s->least_ns && tried(d, v, 1000, below, &host))
			fail(o, "less than the least budget is enough", text);
		if (above <= deadline && (tried(d, v, 1000, above, &host) || host))
			fail(o, "more than the largest budget fits", text);
	}
}

static uint64_t asked, not_asked;

static void vcpu_slack_hold(struct oracle *o, struct system_document *d, const struct vrk_system_result *result, size_t v, const char *text)
{
	struct vcpu_slack s;

	if (system_slack_find(d, result, v, &s) < 0)
		fail(o, "no memory", text);
	if (o->verbose)
		fprintf(stderr, "  vCPU %zu: x%" PRIu64 ", budgets %" PRIu64 " to %" PRIu64 "%s\n", v, s.wcet_permille, s.least_ns, s.largest_ns,
			s.why_not ? s.why_not : "");
	if (!result->ok || !system_shared(d))
		return;
	asked += s.known_least;
	not_asked += !s.known_least;
	if (s.known_tasks)
		scale_try(o, d, v, &s, text);
	if (s.known_least && (s.least_ns == 0 || s.least_ns > d->vcpus[v].reservation.budget_ns))
		fail(o, "a budget that is enough is not", text);
	else if (s.known_least)
		budget_try(o, d, v, &s, text);
}

static void slack(struct oracle *o)
{
	_cleanup_(vrk_system_result_done) struct vrk_system_result result = { 0 };
	_cleanup_(system_document_done) struct system_document d = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	size_t n = 0;
	char *text;
	int r;

	if (left_out(o))
		return;
	text = draft_make(o, false, &n);
	r = system_document_parse(text, n, &d, &err);
	if (o->verbose)
		fprintf(stderr, "%s\n", text);
	if (r >= 0)
		r = system_judge(&d, &result, &err);
	if (r < 0)
		fail(o, err && err->text ? err->text : "no system", text);
	o->accepted += r >= 0 && result.ok;
	o->refused += r >= 0 && !result.ok;
	for (size_t v = 0; r >= 0 && v < d.n_vcpus; v++)
		vcpu_slack_hold(o, &d, &result, v, text);
	free(text);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "simulate";
	int r;

	if (strcmp(what, "slack") == 0) {
		r = oracle_run("document-slack", 3000, slack);
		printf("budgets asked of %" PRIu64 " vCPUs that depend on others, not of %" PRIu64 "\n", asked, not_asked);
		return r;
	}
	r = strcmp(what, "plan") == 0 ? oracle_run("document-plan", 5000, plan) : oracle_run("document-simulate", 5000, simulate);

	if (seen_n > 0 && irq_n > 0)
		printf("observed / bound, the tightest of each system, on average: tasks %" PRIu64 ", interrupts %" PRIu64 " of 1000\n",
		       seen_sum / seen_n, irq_sum / irq_n);
	return r;
}
