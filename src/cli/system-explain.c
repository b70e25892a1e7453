/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reasoning behind a verdict, from the CPUs down to the tasks: which test, its inequality with the numbers put in, the
 * points at which it was evaluated, the steps of a response time, what broke, and how much is left. The numbers are computed
 * anew, by the code that checks certificates where there is such; equations are those of virtrk-system(5), THEORY.
 *
 * Called by the verb analyze with --explain. It decides nothing and changes nothing. Pure but for memory.
 */
#include <inttypes.h>
#include <string.h>

#include <virtrk/proof.h>

#include "answer.h"
#include "explain.h"
#include "system-answer.h"
#include "system-explain.h"
#include "system-seen.h"

#define LISTED_MAX 16		/* reservations and parts of one list */
#define ITERATIONS_MAX 100000
#define SEE "; virtrk-system(5), THEORY, equation "

static const char *const theories[_VRK_TEST_MAX] = {
	[VRK_TEST_PARAMETERS] = "what sched_setattr(2) accepts: sched(7)",
	[VRK_TEST_KERNEL] = "the kernel's own admission (Documentation/scheduler/sched-deadline.rst)" SEE "1",
	[VRK_TEST_QPA] = "processor demand (Baruah, Mok, Rosier, RTSS 1990), walked as QPA (Zhang, Burns, IEEE Trans. Computers 58, "
			 "2009)" SEE "2",
	[VRK_TEST_GFB] = "global EDF, density (Goossens, Funk, Baruah, Real-Time Systems 25, 2003; Bertogna, Cirinei, Lipari, "
			 "ECRTS 2005)" SEE "3",
	[VRK_TEST_BAK] = "global EDF (Baker, RTSS 2003)" SEE "4",
	[VRK_TEST_BCL] = "global EDF (Bertogna, Cirinei, Lipari, ECRTS 2005)" SEE "5",
	[VRK_TEST_BCL_ITER] = "global EDF with slack (Bertogna, Cirinei, Lipari, IEEE Trans. Parallel and Distributed Systems 20, "
			      "2009)" SEE "6",
	[VRK_TEST_FAIR] = "fair servers that reservations starved go before them" SEE "7",
	[VRK_TEST_GUEST_FP] = "response times by supply (Joseph, Pandya, Computer Journal 29, 1986; Lehoczky, RTSS 1990; Shin, Lee, "
			      "RTSS 2003)" SEE "10",
	[VRK_TEST_GUEST_EDF] = "demand against supply (Shin, Lee, RTSS 2003; Easwaran, Anand, Lee, RTSS 2007)" SEE "11",
	[VRK_TEST_HOST_FP] = "servers by fixed priority (Joseph, Pandya, Computer Journal 29, 1986; Strosnider, Lehoczky, Sha, "
			     "IEEE Trans. Computers 44, 1995)" SEE "8",
	[VRK_TEST_PLACE] = "no CPU takes it",
};

static const char supply_theory[] = "supply bound function (Shin, Lee, RTSS 2003; Easwaran, Anand, Lee, RTSS 2007)" SEE "9";

/* Three times in one sentence. */
struct times {
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], c[TEXT_NUMBER_MAX];
};

static const char *ns(char buf[TEXT_NUMBER_MAX], nsec_t value)
{
	return system_side_text(buf, VRK_SIDE_NS, value);
}

#define SIDES_MAX ((size_t)4 * TEXT_NUMBER_MAX)

/* "0.40 <= 0.95"; where rounding hides which is larger, the exact numbers too. */
static const char *sides(char buf[SIDES_MAX], const struct vrk_verdict *v)
{
	struct times t;

	(void)system_side_text(t.a, v->unit, v->lhs);
	(void)system_side_text(t.b, v->unit, v->rhs);
	if (v->unit == VRK_SIDE_BW && strcmp(t.a, t.b) == 0 && v->lhs != v->rhs)
		snprintf(buf, SIDES_MAX, "%s %s %s (%" PRIu64 " against %" PRIu64 " of 2^20)", t.a, v->ok ? "<=" : ">", t.b, v->lhs, v->rhs);
	else
		snprintf(buf, SIDES_MAX, "%s %s %s", t.a, v->ok ? "<=" : ">", t.b);
	return buf;
}

/* ---- CPUs ---- */

static void reservations_tell(struct explain *e, const struct system_document *d, const struct vrk_reservation *r,
			      const size_t *who, size_t n)
{
	const struct vrk_host *host = &d->system.host;
	struct times t;

	for (size_t i = 0; i < n && i < LISTED_MAX; i++)
		explain_text(e, "%s/vcpu%" PRIu32 ": %s in every %s, each within %s%s", d->names[who[i]].vm, d->names[who[i]].index,
			     ns(t.a, r[i].budget_ns), ns(t.b, r[i].period_ns), ns(t.c, r[i].deadline_ns),
			     r[i].gapless && r[i].deadline_ns < r[i].period_ns ? ", never sleeping in between" : "");
	if (n > LISTED_MAX)
		explain_text(e, "and %zu more", n - LISTED_MAX);
	if (host->fair_budget_ns > 0 && d->system.scheduler == VRK_HOST_EDF)
		explain_text(e, "the kernel's fair server: %s in every %s", ns(t.a, host->fair_budget_ns), ns(t.b, host->fair_period_ns));
	if (host->tick_ns || host->switch_ns || host->latency_ns)
		explain_text(e, "costs on top: budgets end up to %s late, two switches of %s each, deadlines %s earlier", ns(t.a, host->tick_ns),
			     ns(t.b, host->switch_ns), ns(t.c, host->latency_ns));
}

/* The kernel's check stands before every other. */
static void kernel_tell(struct explain *e, const struct vrk_host *host, const struct vrk_reservation *r, size_t n)
{
	struct vrk_verdict v;
	char text[SIDES_MAX];

	if (vrk_kernel_check(host, r, n, &v) >= 0)
		explain_text(e, "the kernel's own check, the sum of budget/period: %s CPUs%s", sides(text, &v),
			     v.ok ? "" : ": broken here, the kernel would answer EBUSY");
}

static void demand_step(struct explain *e, const struct vrk_host *host, const struct vrk_reservation *r, size_t n, nsec_t at)
{
	nsec_t due = vrk_host_demand(host, r, n, at);
	struct times t;

	explain_step(e, at, due, at, "in any window of %s at most %s are due: %s %s %s", ns(t.a, at), ns(t.b, due), t.b,
		     due <= at ? "<=" : ">", t.a);
}

static void qpa_tell(struct explain *e, const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
		     const struct vrk_verdict *v, const struct vrk_certificate *c)
{
	char text[SIDES_MAX];
	struct times t;

	if (v->unit == VRK_SIDE_BW) {
		explain_text(e, "every budget due over its deadline, together: %s: %s", sides(text, v),
			     v->ok ? "density alone proves it, at every window" : "there is no end to what piles up");
		return;
	}
	explain_text(e, "what may be due in a window of t is at most t, for every t:");
	if (!v->ok) {
		demand_step(e, host, r, n, v->at_ns);
		explain_text(e, "broken: the deadline at %s cannot be kept in the worst case", ns(t.a, v->at_ns));
		return;
	}
	for (size_t i = 0; i < c->n_points; i++)
		demand_step(e, host, r, n, c->points_ns[i]);
	explain_text(e, "between these there is no deadline that they do not cover, and none is in danger from %s on", ns(t.a, c->horizon_ns));
	explain_text(e, "the tightest window is %s: %s of it are left", ns(t.a, v->at_ns), ns(t.b, v->rhs - v->lhs));
}

/* For the tests of one queue over several CPUs, and of parameters: the inequality that was nearest. */
static void inequality_tell(struct explain *e, const struct system_document *d, const struct vrk_verdict *v)
{
	char text[SIDES_MAX], at[TEXT_NUMBER_MAX];

	explain_text(e, "%s: %s%s%s", vrk_test_name(v->test), sides(text, v), v->at_ns ? " in a window of " : "", v->at_ns ? ns(at, v->at_ns) : "");
	if (v->index < d->n_vcpus)
		explain_text(e, "%s is %s/vcpu%" PRIu32, v->ok ? "the nearest to the edge" : "what breaks", d->names[v->index].vm,
			     d->names[v->index].index);
}

static void server_tell(struct explain *e, const struct system_document *d, const struct vrk_reservation *r, const size_t *who, size_t i)
{
	bool deferrable = d->system.scheduler == VRK_HOST_FP_DEFERRABLE;
	nsec_t w = r[i].budget_ns, next;
	struct times t;

	for (unsigned int step = 0; step < ITERATIONS_MAX; step++) {
		next = vrk_host_fp_step(r, i, deferrable, w);
		explain_step(e, w, next, r[i].deadline_ns, "%s/vcpu%" PRIu32 ": with a window of %s its budget is delivered after %s%s",
			     d->names[who[i]].vm, d->names[who[i]].index, ns(t.a, w), ns(t.b, next), next == w ? ", the same: that is it" : "");
		if (next == w || next > r[i].deadline_ns)
			break;
		w = next;
	}
	explain_text(e, "%s/vcpu%" PRIu32 ": delivered within %s %s its deadline of %s", d->names[who[i]].vm, d->names[who[i]].index,
		     ns(t.a, next), next <= r[i].deadline_ns ? "<=" : ">", ns(t.b, r[i].deadline_ns));
}

static void room_tell(struct explain *e, const struct system_document *d, size_t cpu, const struct vrk_reservation *r, size_t n)
{
	nsec_t period = 10 * NSEC_PER_MSEC, budget;
	struct times t;

	if (n > 0)
		period = r[0].period_ns;
	for (size_t i = 1; i < n; i++)
		period = r[i].period_ns < period ? r[i].period_ns : period;
	if (e->r < 0)
		return;
	e->r = system_room_find(d, cpu, period, &budget);
	if (e->r >= 0 && budget < NSEC_MAX)
		explain_text(e, "%s: one more reservation could have up to %s in every %s", "what is left", budget ? ns(t.a, budget) : "nothing",
			     ns(t.b, period));
}

/* The interrupt whose handler in vCPU @v may come at any time; n_irqs = none. Nothing behind it has a bound. */
static size_t unbounded_find(const struct system_document *d, const struct vrk_system_result *result, size_t v)
{
	size_t i = 0;

	while (i < d->n_irqs && (d->irqs[i].vcpu != v || result->irqs[i].thread_ns < NSEC_MAX))
		i++;
	return i;
}

/* A CPU from which interrupts steal was asked about with other numbers than its reservations have. */
static void irqs_tell(struct explain *e, const struct system_document *d, const struct vrk_system_result *result, size_t cpu)
{
	struct times t;

	explain_text(e, "interrupts steal from it: every budget was divided by the rest of the time, every deadline shortened by what comes at once");
	for (size_t i = 0; i < d->n_irqs; i++) {
		const struct vrk_irq *irq = &d->irqs[i].irq;

		if (d->irqs[i].cpu != cpu)
			continue;
		explain_text(e, "interrupt %s takes %s at most every %s", d->irq_names[i], ns(t.a, irq->hard_ns), ns(t.b, irq->period_ns));
		if (result->irqs[i].response_ns < NSEC_MAX)
			explain_text(e, "from its signal: hard handler done after %s, thread after %s, all after %s",
				     ns(t.a, result->irqs[i].hard_ns), ns(t.b, result->irqs[i].thread_ns),
				     ns(t.c, result->irqs[i].response_ns));
		else if (result->irqs[i].thread_ns == NSEC_MAX)
			explain_text(e, "when its thread has run nobody knows: it waits for all that goes before it, which has no bound");
	}
}

static int cpu_explain(const struct system_document *d, const struct vrk_system_result *result, size_t cpu, struct json_object *array)
{
	_cleanup_(freep) struct vrk_reservation *r = NULL;
	_cleanup_(explain_done) struct explain e = { 0 };
	_cleanup_(freep) size_t *who = NULL;
	const struct vrk_verdict *v = &result->cpus[cpu];
	const struct vrk_host host = system_cpu_host(d);
	bool queue = d->n_vcpus > 0 && d->vcpus[0].cpu < 0;
	size_t n;
	int err = system_cpu_gather(d, cpu, &r, &who, &n);

	if (err < 0)
		return err;
	explain_init(&e, "cpu", v->ok, vrk_test_name(v->test));
	if (queue) {
		explain_title(&e, "%" PRIu32 " CPUs with one queue: %s, by test %s", host.cpus, v->ok ? "yes" : "no", vrk_test_name(v->test));
	} else {
		explain_put(&e, "cpu", json_object_new_int64((int64_t)cpu));
		explain_title(&e, "CPU %zu: %s, by test %s", cpu, v->ok ? "yes" : "no", vrk_test_name(v->test));
	}
	if (d->n_irqs > 0) {
		irqs_tell(&e, d, result, cpu);
		return explain_end(&e, array);
	}
	explain_theory(&e, theories[v->test]);
	if (v->test == VRK_TEST_QPA)
		qpa_tell(&e, &host, r, n, v, &result->certificates[cpu]);
	else if (v->test == VRK_TEST_HOST_FP)
		explain_text(&e, "%s servers, the first in the document goes first; what is not counted: the host's costs",
			     d->system.scheduler == VRK_HOST_FP_DEFERRABLE ? "deferrable" : "periodic");
	else
		inequality_tell(&e, d, v);
	for (size_t i = 0; v->test == VRK_TEST_HOST_FP && i < n && i < LISTED_MAX; i++)
		server_tell(&e, d, r, who, i);
	reservations_tell(&e, d, r, who, n);
	if (d->system.scheduler == VRK_HOST_EDF)
		kernel_tell(&e, &host, r, n);
	if (v->ok)
		room_tell(&e, d, cpu, r, n);
	return explain_end(&e, array);
}

/* ---- vCPUs ---- */

static void supply_tell(struct explain *e, const struct vrk_supply *s)
{
	nsec_t blackout = s->period_ns + s->deadline_ns - 2 * s->budget_ns;
	struct times t;

	explain_text(e, "in the worst case nothing comes for P + D - 2Q = %s, then %s in every %s", ns(t.a, blackout), ns(t.b, s->budget_ns),
		     ns(t.c, s->period_ns));
	if (s->tick_ns || s->switch_ns || s->latency_ns)
		explain_text(e, "less the costs of the host; with them the first ns of work is surely done after %s", ns(t.a, vrk_sbf_inverse(s, 1)));
}

static void edf_tell(struct explain *e, const struct system_document *d, size_t v, const struct vrk_supply *s,
		     const struct vrk_verdict *verdict)
{
	const struct vrk_guest *g = &d->vcpus[v].guest;
	struct vrk_guest_certificate cert;
	char text[SIDES_MAX];
	struct times t;
	int r;

	explain_text(e, "tasks by EDF: what may be due in a window of t is at most what is surely supplied in it, for every t:");
	if (!verdict->ok && verdict->unit == VRK_SIDE_BW)
		explain_text(e, "broken: the load %s that is supplied", sides(text, verdict));
	else if (!verdict->ok && verdict->at_ns)
		explain_step(e, verdict->at_ns, verdict->lhs, verdict->rhs, "broken: in a window of %s up to %s are due, supplied are %s",
			     ns(t.a, verdict->at_ns), ns(t.b, verdict->lhs), ns(t.c, verdict->rhs));
	else if (!verdict->ok)
		explain_text(e, "broken: a task suspends itself, or may become ready only at its deadline: no test for that under EDF");
	if (!verdict->ok || e->r < 0)
		return;
	r = vrk_guest_certify(s, g, &cert);
	if (r == -ENOMEM)
		e->r = r;
	if (r < 0)
		return;
	for (size_t i = 0; i + 1 < cert.n_points; i += 2) {
		nsec_t at = cert.points_ns[i], due = vrk_guest_demand(g, at), given = vrk_sbf(s, at);

		explain_step(e, at, due, given, "in a window of %s up to %s are due, supplied are %s", ns(t.a, at), ns(t.b, due), ns(t.c, given));
	}
	explain_text(e, "no busy period is longer than %s, so no deadline beyond matters", ns(t.a, cert.horizon_ns));
	vrk_guest_certificate_done(&cert);
}

/* @unbounded: what no wcet helps against; NULL = there is no such thing. */
static void slack_tell(struct explain *e, const struct system_document *d, size_t v, const struct vcpu_slack *slack,
		       const char *unbounded)
{
	_cleanup_(freep) char *first = NULL;
	nsec_t now = d->vcpus[v].reservation.budget_ns;
	struct times t;

	if (system_first_text(d, v, slack, &first) < 0)
		e->r = -ENOMEM;
	if (slack->known_tasks && slack->wcet_permille == 0 && unbounded)
		explain_text(e, "how far from the edge: no wcet is short enough, since the handler of interrupt %s has no bound", unbounded);
	else if (slack->known_tasks && slack->wcet_permille == 0)
		explain_text(e, "how far from the edge: no wcet is short enough, were it a thousandth of what it is");
	else if (first)
		explain_text(e, "how far from the edge: all wcets times %" PRIu64 ".%03" PRIu64 " still fit; beyond, %s is the first to miss",
			     slack->wcet_permille / 1000, slack->wcet_permille % 1000, first);
	else if (slack->known_tasks)
		explain_text(e, "how far from the edge: all wcets times %" PRIu64 ".%03" PRIu64 " still fit; beyond, it is more than the supply",
			     slack->wcet_permille / 1000, slack->wcet_permille % 1000);
	if (slack->known_least)
		explain_text(e, "the least budget for its period: %s (it has %s)%s", slack->least_ns ? ns(t.a, slack->least_ns) : "none is enough",
			     ns(t.b, now), slack->least_ns > now ? ": the smallest change that would fit" : "");
	if (slack->known_budget)
		explain_text(e, "the largest budget that its CPU takes: %s%s", slack->largest_ns ? ns(t.a, slack->largest_ns) : "none",
			     slack->known_least && slack->largest_ns < slack->least_ns ? ": too little, it has to move or get another period" : "");
	if (slack->why_not)
		explain_text(e, "what is not asked is not, since %s", slack->why_not);
}

static int vcpu_explain(const struct system_document *d, const struct vrk_system_result *result, size_t v, const struct vcpu_slack *slack,
			struct json_object *array)
{
	const struct system_vcpu *name = &d->names[v];
	const struct vrk_verdict *verdict = &result->vcpus[v];
	size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu, unbounded = unbounded_find(d, result, v);
	_cleanup_(explain_done) struct explain e = { 0 };
	struct vrk_supply s;
	struct times t;

	explain_init(&e, "vcpu", verdict->ok, vrk_test_name(verdict->test));
	explain_put(&e, "vm", json_object_new_string(name->vm));
	explain_put(&e, "vcpu", json_object_new_int64(name->index));
	explain_title(&e, "%s/vcpu%" PRIu32 ": %s, %s", name->vm, name->index, verdict->ok ? "yes" : "no",
		      name->n_tasks == 0 ? "no task in it" : d->vcpus[v].guest.scheduler == VRK_GUEST_EDF ? "its tasks by EDF" :
		      "its tasks by fixed priority");
	explain_theory(&e, supply_theory);
	if (!result->cpus[cpu].ok) {
		explain_text(&e, "its CPU says no, so nothing is promised inside");
	} else if (vrk_system_supply(&d->system, v, &s) >= 0) {
		if (name->n_tasks > 0 && d->vcpus[v].guest.scheduler == VRK_GUEST_EDF)
			edf_tell(&e, d, v, &s, verdict);
		supply_tell(&e, &s);
		if (d->system.scheduler != VRK_HOST_EDF)
			explain_text(&e, "D is %s, when its budget is delivered at the latest", ns(t.a, s.deadline_ns));
	}
	slack_tell(&e, d, v, slack, unbounded < d->n_irqs ? d->irq_names[unbounded] : NULL);
	return explain_end(&e, array);
}

/* ---- tasks ---- */

/* The job whose response is the worst, and its steps. True: the steps lead to the response of the analysis. */
static bool task_steps(struct explain *e, const struct system_document *d, size_t v, size_t i, const struct vrk_supply *s,
		       const nsec_t *responses)
{
	const struct vrk_guest *g = &d->vcpus[v].guest;
	const struct vrk_task *task = &g->tasks[i];
	nsec_t window = 0, next, work;
	struct times t;

	for (uint64_t job = 1; job <= ITERATIONS_MAX; job++) {
		for (unsigned int step = 0;; step++) {
			next = vrk_guest_fp_step(s, g, responses, i, job, window, &work);
			if (next == NSEC_MAX) {
				explain_step(e, window, work, next, "window %s: %s have to be done first, which has no bound", ns(t.a, window),
					     ns(t.b, work));
				return false;
			}
			explain_step(e, window, work, next, "window %s: %s have to be done, which is surely supplied after %s%s", ns(t.a, window),
				     ns(t.b, work), ns(t.c, next), next == window ? ", the same" : "");
			if (next <= window || next + task->jitter_ns > (job - 1) * task->period_ns + task->deadline_ns ||
			    step == ITERATIONS_MAX)
				break;
			window = next;
		}
		if (next > window)
			return false;	/* late */
		if (window + task->jitter_ns <= job * task->period_ns)
			return true;
		explain_text(e, "job %" PRIu64 " is done after %s, when the next has arrived already: that one is to be looked at, too", job,
			     ns(t.a, window));
	}
	return false;
}

static void task_tell(struct explain *e, const struct system_document *d, size_t v, size_t i, const nsec_t *responses)
{
	const struct vrk_task *task = &d->vcpus[v].guest.tasks[i];
	struct vrk_supply s;
	struct times t;

	if (vrk_system_supply(&d->system, v, &s) < 0)
		return;
	explain_text(e, "the least window in which its %s%s%s and all that goes first are surely supplied%s:", ns(t.a, task->wcet_ns),
		     task->blocking_ns ? ", blocking of " : "", task->blocking_ns ? ns(t.b, task->blocking_ns) : "",
		     task->suspensions ? ", anew after each suspension" : "");
	(void)task_steps(e, d, v, i, &s, responses);
	if (task->suspensions)
		explain_text(e, "%" PRIu32 " suspensions of %s together are in it", task->suspensions, ns(t.a, task->suspension_ns));
	if (task->jitter_ns)
		explain_text(e, "it may become ready %s after its arrival, from which the response counts", ns(t.a, task->jitter_ns));
	if (responses[i] <= task->deadline_ns)
		explain_text(e, "response %s <= deadline %s: %s are left", ns(t.a, responses[i]), ns(t.b, task->deadline_ns),
			     ns(t.c, task->deadline_ns - responses[i]));
	else
		explain_text(e, "broken: beyond its deadline of %s", ns(t.a, task->deadline_ns));
}

static int task_explain(const struct system_document *d, const struct vrk_system_result *result, size_t v, size_t i,
			struct json_object *array)
{
	const struct system_vcpu *name = &d->names[v];
	const nsec_t *responses = result->responses_ns + name->first_task;
	_cleanup_(explain_done) struct explain e = { 0 };
	bool ok = responses[i] <= d->vcpus[v].guest.tasks[i].deadline_ns;
	const char *task = d->task_names[name->first_task + i];
	size_t unbounded = unbounded_find(d, result, v);

	explain_init(&e, "task", ok, vrk_test_name(VRK_TEST_GUEST_FP));
	explain_put(&e, "vm", json_object_new_string(name->vm));
	explain_put(&e, "vcpu", json_object_new_int64(name->index));
	explain_put(&e, "name", json_object_new_string(task));
	explain_title(&e, "%s/vcpu%" PRIu32 ", task %s: %s", name->vm, name->index, task, ok ? "yes" : "no");
	explain_theory(&e, theories[VRK_TEST_GUEST_FP]);
	if (!ok && unbounded < d->n_irqs)
		explain_text(&e, "broken: the handler of interrupt %s goes first, and may come any number of times at once, since its thread has "
			     "no bound: so no response has one", d->irq_names[unbounded]);
	else
		task_tell(&e, d, v, i, responses);
	return explain_end(&e, array);
}

int system_explain_make(const struct system_document *d, const struct vrk_system_result *result, const struct vcpu_slack *slacks,
			struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	_cleanup_(system_seen_done) struct system_seen seen = { .vcpus = NULL };
	int r = array ? system_seen_make(d, result, &seen) : -ENOMEM;

	d = &seen.document;	/* waits, blocking and handlers in it */
	for (size_t i = 0; r >= 0 && i < result->n_cpus; i++)
		r = cpu_explain(d, result, i, array);
	for (size_t v = 0; r >= 0 && v < d->n_vcpus; v++) {
		size_t cpu = d->vcpus[v].cpu < 0 ? 0 : (size_t)d->vcpus[v].cpu;

		r = vcpu_explain(d, result, v, &slacks[v], array);
		for (size_t i = 0; r >= 0 && i < d->names[v].n_tasks; i++)
			if (result->cpus[cpu].ok && d->vcpus[v].guest.scheduler == VRK_GUEST_FP)
				r = task_explain(d, result, v, i, array);
	}
	if (r >= 0)
		*ret = TAKE_PTR(array);
	return r;
}
