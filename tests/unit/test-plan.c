/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: named cases of which steps and in which order; then random pairs of ledgers, whose plan is carried out on
 * a model of the kernel: every step must find its old state, the end must be what was wanted, and the bandwidth in
 * between must never exceed the larger of both ends.
 */
#include "expect.h"
#include "ledger.h"

#define MS NSEC_PER_MSEC

struct row {
	const char *domain;
	const char *thread;
	pid_t tid;
	uint64_t start;
	nsec_t budget_ns;	/* of 10 ms; 0 = no more rows */
	bool soft;
};

static void ledger_fill(struct ledger *ledger, const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n && rows[i].budget_ns > 0; i++) {
		struct promise promise = {
			.domain = (char *)rows[i].domain,
			.pid = rows[i].tid,
			.tid = rows[i].tid,
			.start_ticks = rows[i].start,
			.reservation = { rows[i].budget_ns, 10 * MS, 10 * MS },
			.soft = rows[i].soft,
			.before = { .policy = SCHED_OTHER, .nice = 5 },
		};

		snprintf(promise.thread, sizeof(promise.thread), "%s", rows[i].thread);
		EXPECT_INT(ledger_add(ledger, &promise), 0);
	}
}

/* "tid:old>new" per step, where a state is "-" (not reserved) or its budget in ms, "s" when soft. */
static void plan_text(const struct plan *plan, char *text, size_t size)
{
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < plan->n; i++) {
		const struct sched_state *ends[] = { &plan->steps[i].old, &plan->steps[i].new };
		char words[2][16];
		size_t j;

		for (j = 0; j < 2; j++) {
			if (ends[j]->policy == SCHED_DEADLINE)
				snprintf(words[j], sizeof(words[j]), "%" PRIu64 "%s", (uint64_t)(ends[j]->runtime_ns / MS),
					 ends[j]->flags & SCHED_FLAG_RECLAIM ? "s" : "");
			else
				snprintf(words[j], sizeof(words[j]), "-");
		}
		used += (size_t)snprintf(text + used, size - used, "%s%d:%s>%s", i > 0 ? " " : "", plan->steps[i].tid,
					 words[0], words[1]);
	}
}

static void test_cases(void)
{
	static const struct {
		const char *name;
		struct row have[4];
		struct row want[4];
		const char *plan;
	} cases[] = {
		{ "nothing to nothing", { { 0 } }, { { 0 } }, "" },
		{ "the same", { { "a", "vcpu0", 1, 1, 2 * MS, false } }, { { "a", "vcpu0", 1, 1, 2 * MS, false } }, "" },
		{ "take", { { 0 } }, { { "a", "vcpu0", 1, 1, 2 * MS, false } }, "1:->2" },
		{ "give back", { { "a", "vcpu0", 1, 1, 2 * MS, false } }, { { 0 } }, "1:2>-" },
		{ "hard to soft", { { "a", "vcpu0", 1, 1, 2 * MS, false } }, { { "a", "vcpu0", 1, 1, 2 * MS, true } },
		  "1:2>2s" },
		{ "another name for the same thread", { { "a", "vcpu0", 1, 1, 2 * MS, false } },
		  { { "b", "vcpu0", 1, 1, 2 * MS, false } }, "" },
		{ "the same name for another thread", { { "a", "vcpu0", 1, 1, 2 * MS, false } },
		  { { "a", "vcpu0", 2, 1, 2 * MS, false } }, "1:2>- 2:->2" },
		{ "the same number of a later thread", { { "a", "vcpu0", 1, 1, 2 * MS, false } },
		  { { "a", "vcpu0", 1, 2, 2 * MS, false } }, "1:2>- 1:->2" },
		{ "all four kinds, in this order",
		  { { "a", "vcpu0", 4, 1, 1 * MS, false }, { "a", "vcpu1", 3, 1, 3 * MS, false },
		    { "a", "vcpu2", 2, 1, 2 * MS, false } },
		  { { "b", "vcpu0", 1, 1, 2 * MS, false }, { "a", "vcpu0", 4, 1, 2 * MS, false },
		    { "a", "vcpu1", 3, 1, 1 * MS, false } },
		  "2:2>- 3:3>1 4:1>2 1:->2" },
		{ "within a kind the order of the ledger",
		  { { "a", "vcpu0", 9, 1, 1 * MS, false }, { "a", "vcpu1", 5, 1, 1 * MS, false },
		    { "a", "vcpu2", 7, 1, 1 * MS, false } }, { { 0 } }, "9:1>- 5:1>- 7:1>-" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
		_cleanup_(plan_done) struct plan plan = { 0 };
		char text[256];

		CASE(cases[i].name);
		ledger_fill(&have, cases[i].have, 4);
		ledger_fill(&want, cases[i].want, 4);
		EXPECT_INT(plan_diff(&have, &want, &plan), 0);
		plan_text(&plan, text, sizeof(text));
		EXPECT_STR(text, cases[i].plan);
	}
}

static void test_step(void)
{
	static const struct row row = { "rt", "iothread1", 7, 42, 2 * MS, false };
	_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };

	CASE("all fields of a step");
	ledger_fill(&want, &row, 1);
	EXPECT_INT(plan_diff(&have, &want, &plan), 0);
	if (!EXPECT_INT(plan.n, 1))
		return;
	EXPECT_INT(plan.steps[0].kind, STEP_SCHED);
	EXPECT_STR(plan.steps[0].label, "iothread1 of rt");
	EXPECT_INT(plan.steps[0].start_ticks, 42);
	EXPECT_INT(plan.steps[0].old.nice, 5);
	EXPECT_INT(plan.steps[0].new.deadline_ns, 10 * MS);
	EXPECT_INT(plan.steps[0].new.flags, SCHED_FLAG_RESET_ON_FORK);
}

/* Partitions: removed behind what is given back, made before what is taken; one that is in both is no step. */
static void test_partitions(void)
{
	static const struct row have_rows[] = { { "a", "vcpu0", 1, 1, 2 * MS, false }, { "a", "vcpu1", 3, 1, 2 * MS, false } };
	static const struct row want_rows[] = { { "b", "vcpu0", 2, 1, 2 * MS, false }, { "a", "vcpu1", 3, 1, 3 * MS, false } };
	const struct partition old = { (char *)"vcpu0 of a", (char *)"/g/a", 1, 1, 2, 5, 7 };
	const struct partition new = { (char *)"vcpu0 of b", (char *)"/g/b", 2, 1, 2, 6, 8 };
	const struct partition both = { (char *)"vcpu1 of a", (char *)"/g/c", 3, 1, 3, 0, 9 };
	static const enum step_kind kinds[] = { STEP_SCHED, STEP_PARTITION, STEP_SCHED, STEP_PARTITION, STEP_SCHED };
	_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };

	CASE("partitions");
	ledger_fill(&have, have_rows, 2);
	ledger_fill(&want, want_rows, 2);
	EXPECT_INT(ledger_add_partition(&have, &old), 0);
	EXPECT_INT(ledger_add_partition(&have, &both), 0);
	EXPECT_INT(ledger_add_partition(&want, &new), 0);
	EXPECT_INT(ledger_add_partition(&want, &both), 0);
	EXPECT_INT(plan_diff(&have, &want, &plan), 0);
	if (!EXPECT_INT(plan.n, ARRAY_SIZE(kinds)))
		return;
	for (size_t i = 0; i < plan.n; i++)
		EXPECT_INT(plan.steps[i].kind, kinds[i]);
	EXPECT(!plan.steps[1].make && plan.steps[1].tid == 1 && plan.steps[1].cpu == 2 && plan.steps[1].kept == 5);
	EXPECT_STR(plan.steps[1].cgroup, "/g/a");
	EXPECT(plan.steps[3].make && plan.steps[3].tid == 2 && plan.steps[3].cpu == 2 && plan.steps[3].kept == 6);
	EXPECT_STR(plan.steps[3].cgroup, "/g/b");
	EXPECT_STR(plan.steps[3].label, "vcpu0 of b");
}

/* Pinned before it takes its policy, and let go behind it. */
static void test_pinned(void)
{
	static const struct row have_row = { "a", "vcpu0", 1, 1, 2 * MS, false }, want_row = { "b", "vcpu0", 2, 1, 2 * MS, false };
	struct partition old = { .kind = PARTITION_PINNED, .label = (char *)"vcpu0 of a", .tid = 1, .start_ticks = 1, .cpu = 2 };
	struct partition new = { .kind = PARTITION_PINNED, .label = (char *)"vcpu0 of b", .tid = 2, .start_ticks = 1, .cpu = 2 };
	static const enum step_kind kinds[] = { STEP_SCHED, STEP_AFFINITY, STEP_AFFINITY, STEP_SCHED };
	_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };

	CASE("pinned");
	CPU_SET(4, &new.before);
	ledger_fill(&have, &have_row, 1);
	ledger_fill(&want, &want_row, 1);
	EXPECT_INT(ledger_add_partition(&have, &old), 0);
	EXPECT_INT(ledger_add_partition(&want, &new), 0);
	EXPECT_INT(plan_diff(&have, &want, &plan), 0);
	if (!EXPECT_INT(plan.n, ARRAY_SIZE(kinds)))
		return;
	for (size_t i = 0; i < plan.n; i++)
		EXPECT_INT(plan.steps[i].kind, kinds[i]);
	EXPECT(!plan.steps[1].make && plan.steps[1].tid == 1 && plan.steps[1].cgroup == NULL);
	EXPECT(plan.steps[2].make && plan.steps[2].tid == 2 && plan.steps[2].cpu == 2 && CPU_ISSET(4, &plan.steps[2].before));
}

/* What was added to the own group of a thread goes behind its affinity, or its slice, and not before its partition goes. */
static void test_home(void)
{
	static const struct {
		const char *name;
		enum partition_kind kind;
		bool stays;		/* the partition does */
		const char *home;
		size_t n;
	} homes[] = {
		{ "pinned", PARTITION_PINNED, false, "/g/a", 2 },
		{ "in a slice", PARTITION_SHARED, false, "/g/a", 2 },
		{ "nothing was added", PARTITION_PINNED, false, NULL, 1 },
		{ "exclusive: where it goes back to", PARTITION_EXCLUSIVE, false, "/g/a", 1 },
		{ "rests", PARTITION_PINNED, true, "/g/a", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
		struct partition partition = {
			.kind = homes[i].kind, .label = (char *)"vcpu0 of a", .tid = 1, .start_ticks = 7, .cpu = 2, .home = (char *)homes[i].home,
			.cgroup = homes[i].kind == PARTITION_PINNED ? NULL : (char *)"/g",
		};
		_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
		_cleanup_(plan_done) struct plan plan = { 0 };
		const struct step *last;

		CASE(homes[i].name);
		CPU_SET(2, &partition.cpus);
		CPU_SET(3, &partition.home_before);
		CPU_SET(2, &partition.home_cpus);
		CPU_SET(3, &partition.home_cpus);
		EXPECT_INT(ledger_add_partition(&have, &partition), 0);
		if (homes[i].stays)
			EXPECT_INT(ledger_add_partition(&want, &partition), 0);
		EXPECT_INT(plan_diff(&have, &want, &plan), 0);
		if (!EXPECT_INT(plan.n, homes[i].n) || plan.n < 2)
			continue;
		last = &plan.steps[plan.n - 1];
		EXPECT(plan.steps[0].kind != STEP_GROUP && !plan.steps[0].home);
		EXPECT(last->kind == STEP_GROUP && !last->make && last->tid == 1 && last->start_ticks == 7);
		EXPECT_STR(last->cgroup, "/g/a");
		EXPECT(CPU_EQUAL(&last->before, &partition.home_before) && CPU_EQUAL(&last->cpus, &partition.home_cpus));
	}
}

/* "2+w 3+" : the steps for partitions, by thread, made or removed, and whether for the partition itself. */
static void shares_text(const struct plan *plan, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == STEP_SLICE || plan->steps[i].kind == STEP_PARTITION)
			at += (size_t)snprintf(text + at, size - at, "%s%d%c%s", at ? " " : "", plan->steps[i].tid,
					       plan->steps[i].make ? '+' : '-', plan->steps[i].whole ? "w" : "");
}

/* The first thread of those that share makes the partition, the last one removes it, and those between leave it alone. */
static void test_shares(void)
{
	static const struct {
		const char *name;
		const char *have, *want;	/* the threads in it, by number */
		const char *slice;		/* the steps: in a slice who leaves stays where he was ... */
		const char *exclusive;		/* ... and on an exclusive CPU he goes home */
	} shares[] = {
		{ "the first", "", "1", "1+w", "1+w" },
		{ "two at once", "", "12", "1+w 2+", "1+w 2+" },
		{ "one more", "1", "12", "2+", "2+" },
		{ "one less", "12", "2", "", "1-" },
		{ "the other", "12", "1", "", "2-" },
		{ "both", "12", "", "2-w", "1- 2-w" },
		{ "one for another", "1", "2", "2+", "1- 2+" },
		{ "the last", "1", "", "1-w", "1-w" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(shares); i++) {
		enum partition_kind kind = i % 2 ? PARTITION_EXCLUSIVE : PARTITION_SHARED;
		_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
		_cleanup_(plan_done) struct plan plan = { 0 };
		char text[64];

		CASE(shares[i / 2].name);
		for (int side = 0; side < 2; side++)
			for (const char *c = side ? shares[i / 2].want : shares[i / 2].have; *c; c++) {
				struct partition p = { .kind = kind, .label = (char *)"x", .cgroup = (char *)"/v",
						       .home = i % 2 ? (char *)"/home" : NULL, .tid = *c - '0', .cpu = 2 };

				CPU_SET(2, &p.cpus);
				EXPECT_INT(ledger_add_partition(side ? &want : &have, &p), 0);
			}
		EXPECT_INT(plan_diff(&have, &want, &plan), 0);
		shares_text(&plan, text, sizeof(text));
		EXPECT_STR(text, i % 2 ? shares[i / 2].exclusive : shares[i / 2].slice);
		for (size_t k = 0; k < plan.n; k++)
			EXPECT_STR(plan.steps[k].home, i % 2 ? "/home" : NULL);
	}
}

/* A kernel of 16 threads, all with nice 5 at first. */
#define MODEL_THREADS 16

static uint32_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

static nsec_t model_sum(const struct sched_state *model)
{
	nsec_t sum = 0;
	size_t i;

	for (i = 0; i < MODEL_THREADS; i++)
		sum += model[i].runtime_ns;
	return sum;
}

static void ledger_random(struct ledger *ledger, struct sched_state *model, uint64_t *seed)
{
	pid_t tid;

	for (tid = 0; tid < MODEL_THREADS; tid++) {
		struct row row = { "d", "", tid, 1, 0, random_next(seed) % 2 == 0 };
		char thread[VM_THREAD_NAME_MAX];

		if (random_next(seed) % 2 == 0)
			row.budget_ns = (1 + (nsec_t)random_next(seed) % 4) * MS;
		snprintf(thread, sizeof(thread), "vcpu%d", tid);
		row.thread = thread;
		model[tid] = (struct sched_state){ .policy = SCHED_OTHER, .nice = 5 };
		if (row.budget_ns == 0)
			continue;
		ledger_fill(ledger, &row, 1);
		promise_sched_state(&ledger->promises[ledger->n - 1], &model[tid]);
	}
}

static void test_random(void)
{
	uint64_t seed = 1;
	int round;

	CASE("random ledgers");
	for (round = 0; round < 2000 && expect_failed == 0; round++) {
		_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
		struct sched_state model[MODEL_THREADS], goal[MODEL_THREADS];
		_cleanup_(plan_done) struct plan plan = { 0 };
		nsec_t limit;
		size_t i;

		ledger_random(&have, model, &seed);
		ledger_random(&want, goal, &seed);
		limit = model_sum(model) > model_sum(goal) ? model_sum(model) : model_sum(goal);
		EXPECT_INT(plan_diff(&have, &want, &plan), 0);
		for (i = 0; i < plan.n; i++) {
			EXPECT(sched_state_equal(&model[plan.steps[i].tid], &plan.steps[i].old));
			EXPECT(!sched_state_equal(&plan.steps[i].new, &plan.steps[i].old));
			model[plan.steps[i].tid] = plan.steps[i].new;
			EXPECT(model_sum(model) <= limit);
		}
		for (i = 0; i < MODEL_THREADS; i++)
			EXPECT(sched_state_equal(&model[i], &goal[i]));
	}
}

int main(void)
{
	test_cases();
	test_step();
	test_partitions();
	test_pinned();
	test_home();
	test_shares();
	test_random();
	return expect_result();
}
