/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All or nothing, on a kernel made of variables: eight threads in a directory that looks like /proc, and operations
 * that can fail at any call, for once or from then on, or take something else than was written. Whatever happens, the
 * threads are afterwards all as before or all as wanted; or, when even the way back is barred, the message names each
 * thread that is not.
 */
#include "apply.h"
#include "expect.h"

#define MS	NSEC_PER_MSEC
#define THREADS 8

static struct {
	struct sched_state now[THREADS + 1];	/* by tid; 0 is unused */
	unsigned int calls;
	unsigned int fail_at;		/* the number of the call that fails; 0 = none */
	bool fail_on;			/* and all after it */
	int fail_with;
	bool fail_takes;		/* sched_set(): takes another budget, and says that all is well */
	unsigned int busy;		/* so many sched_set() to SCHED_DEADLINE answer -EBUSY */
	bool no_nice;			/* sched_set() with a nice value answers -EPERM */
	bool no_budget;			/* sched_set() with more than the least budget answers -EBUSY */
	const char *hidden;		/* after the next sched_get() a directory is where this file is */
	const char *tree;		/* sched_set() to SCHED_DEADLINE tells in its /proc ... */
	unsigned int lost;		/* ... so many times of a debt of 5 ms, which is not its own, ... */
	bool overruns;			/* ... then that it has its budget, or has overdrawn that by 5 s */
	bool roams;			/* threads may run on both CPUs; else each on one */
	bool held_up;			/* meanwhile it has run for longer than that as what it was */
} model;

static bool model_fails(void)
{
	model.calls++;
	return model.fail_at > 0 && (model.calls == model.fail_at || (model.fail_on && model.calls > model.fail_at));
}

static int model_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	if (model_fails() && !model.fail_takes)
		return model.fail_with;
	*ret = model.now[tid];
	if (model.hidden)
		tree_must(unlink(model.hidden) == 0 && mkdir(model.hidden, 0755) == 0, model.hidden);
	model.hidden = NULL;
	return 0;
}

static void model_begins(pid_t tid, const struct sched_state *state)
{
	bool debt = model.lost > 0 || model.overruns;
	char name[32], text[64];

	snprintf(name, sizeof(name), "proc/%d/sched", tid);
	/* 5 s: longer than these files take to be written on a busy machine, which would be time in which it may have run before */
	tree_file(model.tree, name, model.overruns ? "dl.runtime : -5000000000\n" : debt ? "dl.runtime : -5000000\n" : "dl.runtime : 70000\n");
	if (model.held_up)
		EXPECT_INT(usleep(6000), 0);
	if (model.lost == 0 || model.held_up) {
		snprintf(name, sizeof(name), "proc/%d/schedstat", tid);
		snprintf(text, sizeof(text), "%" PRIu64 " 8 9\n", state->runtime_ns + (model.overruns ? 5000000007 : 5000007));
		tree_file(model.tree, name, text);
	}
	model.lost -= model.lost > 0;
}

static int model_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	bool fails = model_fails();

	if (fails && !model.fail_takes)
		return model.fail_with;
	if (state->policy == SCHED_DEADLINE && state->runtime_ns > 1024 && model.busy > 0) {	/* who is parked needs no room */
		model.busy--;
		return -EBUSY;
	}
	if (model.no_nice && state->nice != 0)
		return -EPERM;
	if (model.no_budget && state->runtime_ns > 1024)
		return -EBUSY;
	model.now[tid] = *state;
	if (model.tree && state->policy == SCHED_DEADLINE)
		model_begins(tid, state);
	if (fails) {
		model.now[tid].runtime_ns++;
		model.now[tid].nice++;
	}
	return 0;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	CPU_SET(tid % 2, ret);
	if (model.roams)
		CPU_SET(1 - tid % 2, ret);
	return 0;
}

static int model_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return -ENOSYS;
}

static const struct sysroot_ops model_ops = { model_get, model_set, model_affinity_get, model_affinity_set };

static const struct sched_state other = { .policy = SCHED_OTHER, .nice = 5 };

static struct promise promise_make(pid_t tid, nsec_t budget_ns)
{
	struct promise promise = {
		.domain = (char *)"d", .pid = tid, .tid = tid, .start_ticks = 1000 + (uint64_t)tid,
		.reservation = { budget_ns, MS, MS }, .before = other,
	};

	vm_thread_name_format(promise.thread, VM_THREAD_VCPU, (uint32_t)tid);
	return promise;
}

static void ledger_put(struct ledger *ledger, pid_t tid, nsec_t budget_ns)
{
	struct promise promise = promise_make(tid, budget_ns);

	EXPECT_INT(ledger_add(ledger, &promise), 0);
}

/*
 * The plan of all four kinds: threads 1 and 2 give back, 3 shrinks, 4 grows, 5 and 6 take; 7 stays, 8 is nobody's. And
 * the kernel as the ledger has it.
 */
static void scene_make(struct plan *plan, struct sched_state before[THREADS + 1], struct sched_state after[THREADS + 1])
{
	_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
	size_t i;

	ledger_put(&have, 1, 100000);
	ledger_put(&have, 2, 100000);
	ledger_put(&have, 3, 300000);
	ledger_put(&have, 4, 100000);
	ledger_put(&have, 7, 100000);
	ledger_put(&want, 3, 100000);
	ledger_put(&want, 4, 300000);
	ledger_put(&want, 5, 100000);
	ledger_put(&want, 6, 100000);
	ledger_put(&want, 7, 100000);
	EXPECT_INT(plan_diff(&have, &want, plan), 0);
	EXPECT_INT(plan->n, 6);

	memset(&model, 0, sizeof(model));
	for (i = 1; i <= THREADS; i++)
		before[i] = after[i] = other;
	for (i = 0; i < have.n; i++)
		promise_sched_state(&have.promises[i], &before[have.promises[i].tid]);
	for (i = 0; i < want.n; i++)
		promise_sched_state(&want.promises[i], &after[want.promises[i].tid]);
	memcpy(model.now, before, sizeof(model.now));
}

/* The threads that are not as in @want; 0 = all are. */
static unsigned int model_differs(const struct sched_state want[THREADS + 1])
{
	unsigned int differ = 0;
	pid_t tid;

	for (tid = 1; tid <= THREADS; tid++)
		if (!sched_state_equal(&model.now[tid], &want[tid]))
			differ |= 1U << tid;
	return differ;
}

static void test_whole(struct sysroot *root)
{
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	_cleanup_(plan_done) struct plan plan = { 0 };
	struct plan empty = { 0 };
	unsigned int calls;

	CASE("the empty plan");
	EXPECT_INT(apply_plan(root, &empty, NULL), 0);
	EXPECT_INT(apply_undo(root, &empty, NULL, NULL), 0);
	CASE("the whole plan");
	scene_make(&plan, before, after);
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT_INT(model_differs(after), 0);
	calls = model.calls;
	EXPECT_INT(calls, 3 * plan.n + 2);	/* look, write, read back; two are parked before they leave */
	CASE("again: nothing is written twice");
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT_INT(model_differs(after), 0);
	EXPECT_INT(model.calls, calls + plan.n);
}

/* One call fails, once, with each errno, or takes half: all or nothing. */
static void test_fail_once(struct sysroot *root)
{
	static const int errors[] = { -EPERM, -EBUSY, -EINVAL, -ENOMEM, -EAGAIN, -E2BIG, -ENOSYS };
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	unsigned int at, refused = 0;
	size_t e;

	for (e = 0; e <= ARRAY_SIZE(errors); e++) {
		for (at = 1; at <= 22; at++) {
			_cleanup_(plan_done) struct plan plan = { 0 };
			_cleanup_(vr_error_freep) struct vr_error *err = NULL;
			char name[64];
			int r;

			snprintf(name, sizeof(name), "call %u fails with %d", at, e < ARRAY_SIZE(errors) ? errors[e] : 0);
			CASE(name);
			scene_make(&plan, before, after);
			model.fail_at = at;
			model.fail_takes = e == ARRAY_SIZE(errors);
			model.fail_with = model.fail_takes ? 0 : errors[e];
			r = apply_plan(root, &plan, &err);
			if (r == 0) {
				EXPECT_INT(model_differs(after), 0);
				EXPECT(err == NULL);
				continue;
			}
			refused++;
			EXPECT_INT(model_differs(before), 0);
			if (!EXPECT(err != NULL))
				continue;
			EXPECT(err->code == r && err->text && !strstr(err->text, "could not be given"));
			EXPECT(model.fail_takes ? r == -EIO && err->reason == VR_READ_BACK : r == errors[e]);
		}
	}
	/* each of 20 calls with 7 errors, but -EINVAL of the two that park, which is tried otherwise; and what takes half */
	CASE("how many were refused");
	EXPECT_INT(refused, 20 * ARRAY_SIZE(errors) - 2 + 6);
}

/* One call says that there is no such thread, but there is: nobody's reservation is forgotten by that. */
static void test_gone_once(struct sysroot *root)
{
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	unsigned int at, refused = 0;

	for (at = 1; at <= 22; at++) {
		_cleanup_(plan_done) struct plan plan = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		char name[64];
		int r;

		snprintf(name, sizeof(name), "call %u says that the thread has ended", at);
		CASE(name);
		scene_make(&plan, before, after);
		model.fail_at = at;
		model.fail_with = -ESRCH;
		r = apply_plan(root, &plan, &err);
		EXPECT_INT(model_differs(r < 0 ? before : after), 0);
		EXPECT((r < 0) == (err && err->text && !strstr(err->text, "could not be given")));
		EXPECT(r == 0 || r == -ESRCH || (r == -EIO && err && err->text && strstr(err->text, "keeps its reservation")));
		refused += r < 0;
	}
	CASE("how many were refused");
	EXPECT_INT(refused, 8);		/* each write: of the looks there are two */
}

/* From one call on everything fails, or takes half: the message names every thread that is not as before. */
static void test_fail_on(struct sysroot *root, bool takes)
{
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	unsigned int at;
	pid_t tid;

	for (at = 1; at <= (takes ? 19 : 20); at++) {	/* the last call is a look, which cannot take half */
		_cleanup_(plan_done) struct plan plan = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		unsigned int differ;
		char name[64];

		snprintf(name, sizeof(name), "all calls %s from %u on", takes ? "take half" : "fail", at);
		CASE(name);
		scene_make(&plan, before, after);
		model.fail_at = at;
		model.fail_on = true;
		model.fail_takes = takes;
		model.fail_with = takes ? 0 : -EINVAL;
		EXPECT_INT(apply_plan(root, &plan, &err), takes ? -EIO : -EINVAL);
		differ = model_differs(before);
		EXPECT(takes ? differ != 0 : (differ == 0) == (at <= 2));	/* the first write is the second call */
		for (tid = 1; tid <= THREADS; tid++) {
			char words[64];

			snprintf(words, sizeof(words), "vcpu%d of d could not be given its former state back", tid);
			EXPECT((err && strstr(err->text, words) != NULL) || !(differ >> tid & 1));
		}
	}
}

/* Bandwidth that was given back a moment ago is booked still: the way back waits for it, but not for ever. */
static void test_busy_back(struct sysroot *root)
{
	static const struct {
		const char *name;
		unsigned int busy;
		bool back;
	} cases[] = {
		{ "booked for a moment",	5,	true },
		{ "booked for good",		10000,	false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ledger_done) struct ledger have = { 0 }, want = { 0 };
		_cleanup_(plan_done) struct plan plan = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].name);
		memset(&model, 0, sizeof(model));
		ledger_put(&have, 1, 100000);
		ledger_put(&want, 2, 100000);
		EXPECT_INT(plan_diff(&have, &want, &plan), 0);
		model.now[2] = other;
		model.now[1] = plan.steps[0].old;
		model.busy = cases[i].busy;	/* of these the first refuses vcpu2, the others the way back of vcpu1 */
		EXPECT_INT(apply_plan(root, &plan, &err), -EBUSY);
		EXPECT(err && err->reason == VR_KERNEL_BUSY);
		EXPECT_INT(sched_state_equal(&model.now[1], &plan.steps[0].old), cases[i].back);
		EXPECT(err && (strstr(err->text, "vcpu1 of d could not be given its former state back") == NULL) ==
			      cases[i].back);
		EXPECT_INT(sched_state_equal(&model.now[2], &other), true);
	}
}

/*
 * What the kernel has booked stands in the words, also where it has lost count: in the root domain of the thread, which may have a CPU
 * of its own.
 */
static void test_busy_words(struct sysroot *root, const char *tree)
{
	static const struct {
		const char *books, *words;
		pid_t tid;
		bool roams;
	} cases[] = {
		{ "dl_rq[0]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : 1048576\n", "it has booked 1.000 of 1.900 CPUs", 2, true },
		{ "dl_rq[0]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : 7\ndl_rq[1]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : 524288\n",
		  "it has booked 0.500 of 0.950 CPUs", 3, false },
		{ "dl_rq[0]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : -262144\n",
		  "as it would anybody: it has lost count, and has booked 0.250 CPU less than nothing", 2, true },
		{ "dl_rq[0]:\n  .dl_bw->bw : 996147\n", "what it has booked cannot be read", 2, true },
		{ "dl_rq[0]:\n  .dl_bw->bw : 996147\n  .dl_bw->total_bw : 7\n", "what it has booked cannot be read", 3, false },
		{ "dl_rq[0]:\n  .dl_bw->total_bw : 7\n", "what it has booked cannot be read", 2, true },
	};

	tree_file(tree, "sys/devices/system/cpu/online", "0-1\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ledger_done) struct ledger none = { 0 }, want = { 0 };
		_cleanup_(plan_done) struct plan plan = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;

		CASE(cases[i].words);
		tree_file(tree, "sys/kernel/debug/sched/debug", cases[i].books);
		memset(&model, 0, sizeof(model));
		model.roams = cases[i].roams;
		model.now[cases[i].tid] = other;
		ledger_put(&want, cases[i].tid, 100000);
		EXPECT_INT(plan_diff(&none, &want, &plan), 0);
		model.busy = 10000;
		EXPECT_INT(apply_plan(root, &plan, &err), -EBUSY);
		EXPECT(err && err->reason == VR_KERNEL_BUSY && strstr(err->text, cases[i].words));
	}
}

static struct step step_make(pid_t tid, const struct sched_state *old, const struct sched_state *new)
{
	return (struct step){ STEP_SCHED, tid, 1000 + (uint64_t)tid, (char *)"vcpu0 of d", *old, *new };
}

static void test_one_step(struct sysroot *root)
{
	const struct sched_state small = { SCHED_DEADLINE, 1, 0, 0, 100000, MS, MS };
	const struct sched_state large = { SCHED_DEADLINE, 1, 0, 0, 200000, MS, MS };
	const struct sched_state parked = { SCHED_DEADLINE, 1, 0, 0, 1024, 2000 * MS, 2000 * MS };
	const struct sched_state fifo = { .policy = SCHED_FIFO, .priority = 10 };
	const struct {
		const char *name;
		pid_t tid;		/* 9: its directory is not there */
		uint64_t later;		/* added to the start time */
		struct sched_state old, new, found;
		int r;
		enum vr_reason reason;
		struct sched_state end;
	} cases[] = {
		{ "take",		1, 0, other, small, other, 0, 0, small },
		{ "take: gone",		9, 0, other, small, other, -ESRCH, VR_THREAD_GONE, other },
		{ "take: another's number", 1, 1, other, small, other, -ESRCH, VR_THREAD_GONE, other },
		{ "take: drifted",	1, 0, other, small, fifo, -ESTALE, VR_READ_BACK, fifo },
		{ "take: has it already", 1, 0, other, small, small, 0, 0, small },
		{ "change: drifted",	1, 0, small, large, fifo, -ESTALE, VR_READ_BACK, fifo },
		{ "give back",		1, 0, small, other, small, 0, 0, other },
		{ "give back: gone",	9, 0, small, other, other, 0, 0, other },
		{ "give back: another's number", 1, 1, small, other, small, 0, 0, small },
		{ "give back: somebody's FIFO stays", 1, 0, small, other, fifo, 0, 0, fifo },
		{ "give back: other parameters go too", 1, 0, small, other, large, 0, 0, other },
		{ "give back: parked half way", 1, 0, small, other, parked, 0, 0, other },
		{ "take: parked by somebody", 1, 0, other, small, parked, -ESTALE, VR_READ_BACK, parked },
		{ "give back to FIFO",	1, 0, small, fifo, small, 0, 0, fifo },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct step step = step_make(cases[i].tid, &cases[i].old, &cases[i].new);
		struct plan plan = { &step, 1 };

		CASE(cases[i].name);
		memset(&model, 0, sizeof(model));
		model.now[1] = cases[i].found;
		step.start_ticks += cases[i].later;
		EXPECT_INT(apply_plan(root, &plan, &err), cases[i].r);
		EXPECT((err != NULL) == (cases[i].r < 0));
		EXPECT(!err || err->reason == cases[i].reason);
		if (cases[i].tid == 1)
			EXPECT(sched_state_equal(&model.now[1], &cases[i].end));
	}
}

/* The second write of a give-back is refused: the thread must not stay parked. */
static void test_not_parked(struct sysroot *root)
{
	const struct sched_state small = { SCHED_DEADLINE, 1, 0, 0, 100000, MS, MS };
	const struct sched_state plain = { .policy = SCHED_OTHER };
	struct step step = step_make(1, &small, &other);
	_cleanup_(vr_error_freep) struct vr_error *err = NULL, *err2 = NULL;
	struct plan plan = { &step, 1 };

	CASE("may not leave: keeps its reservation");
	memset(&model, 0, sizeof(model));
	model.now[1] = small;
	model.no_nice = true;
	EXPECT_INT(apply_plan(root, &plan, &err), -EPERM);
	EXPECT(sched_state_equal(&model.now[1], &small));
	EXPECT(err && err->reason == VR_NOT_PERMITTED && !strstr(err->text, "could not be given"));
	CASE("may not leave, nor come back: an ordinary thread, and that is said");
	model.no_budget = true;
	EXPECT_INT(apply_plan(root, &plan, &err2), -EPERM);
	EXPECT(sched_state_equal(&model.now[1], &plain));
	EXPECT(err2 && strstr(err2->text, "vcpu0 of d could not be given its former state back"));
}

/* A predecessor died between parking a thread and taking it out of SCHED_DEADLINE. */
static void test_undo_parked(struct sysroot *root)
{
	const struct sched_state parked = { SCHED_DEADLINE, 1, 0, 0, 1024, 2000 * MS, 2000 * MS };
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	_cleanup_(plan_done) struct plan plan = { 0 };
	size_t i, foreign, changes = 0;

	scene_make(&plan, before, after);
	for (i = 0; i < plan.n; i++) {
		const struct step *step = &plan.steps[i];
		bool ours = step->old.policy != step->new.policy;

		CASE(ours ? "undo: parked by us" : "undo: a change of parameters never parks");
		memcpy(model.now, before, sizeof(model.now));
		model.now[step->tid] = parked;
		EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
		EXPECT_INT(foreign, !ours);
		EXPECT_INT(model_differs(before), ours ? 0 : 1U << step->tid);
		changes += ours;
	}
	EXPECT_INT(changes, 4);
}

/* What a dead predecessor may have left of its plan, step by step. */
static void test_undo(struct sysroot *root)
{
	const struct sched_state fifo = { .policy = SCHED_FIFO, .priority = 10 };
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	unsigned int done;

	for (done = 0; done <= 6; done++) {
		_cleanup_(plan_done) struct plan plan = { 0 };
		size_t i, foreign = 77;
		char name[64];

		snprintf(name, sizeof(name), "died after %u steps", done);
		CASE(name);
		scene_make(&plan, before, after);
		for (i = 0; i < done; i++)
			model.now[plan.steps[i].tid] = plan.steps[i].new;
		EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
		EXPECT_INT(model_differs(before), 0);
		EXPECT_INT(foreign, 0);
		EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);	/* twice does no harm */
		EXPECT_INT(model_differs(before), 0);
		if (done == 0)
			continue;
		model.now[plan.steps[0].tid] = fifo;
		EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
		EXPECT_INT(foreign, 1);
		EXPECT_INT(model.now[plan.steps[0].tid].policy, SCHED_FIFO);
	}
}

/* NULL: it is not there. */
static void file_put(const char *tree, const char *name, const char *text)
{
	_cleanup_(freep) char *path = tree_path(tree, name);

	if (text)
		tree_file(tree, name, text);
	else
		(void)unlink(path);
}

/* Who leaves rests, but for one that surely was not throttled. */
static void test_rests(struct sysroot *root, const char *tree)
{
	const struct sched_state small = { SCHED_DEADLINE, 1, 0, 0, 100000, MS, MS };
	static const struct {
		const char *name;
		char state;
		const char *sched;	/* NULL: the file is not there */
		bool used;		/* schedstat is there */
		bool rests;
	} cases[] = {
		{ "ready",			'R', "dl.runtime : 50000\n",	true,	true },
		{ "asleep, budget left",	'S', "dl.runtime : 50000\n",	true,	false },
		{ "asleep, never ran",		'S', "dl.runtime : 0\n",	true,	false },
		{ "asleep, in debt",		'S', "dl.runtime : -1\n",	true,	true },
		{ "stopped, budget left",	'T', "dl.runtime : 50000\n",	true,	false },
		{ "the kernel does not tell",	'S', "se.exec_start : 7\n",	true,	true },
		{ "no such file",		'S', NULL,			true,	true },
		{ "what it used is unknown",	'S', "dl.runtime : 50000\n",	false,	true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct step step = step_make(1, &small, &other);
		struct plan plan = { &step, 1 };
		char stat[128];

		CASE(cases[i].name);
		memset(&model, 0, sizeof(model));
		model.now[1] = small;
		snprintf(stat, sizeof(stat), "1 (x) S) %c 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 5 1 0 1001 0 0\n", cases[i].state);
		tree_file(tree, "proc/1/stat", stat);
		file_put(tree, "proc/1/sched", cases[i].sched);
		file_put(tree, "proc/1/schedstat", cases[i].used ? "7 8 9\n" : NULL);
		EXPECT_INT(apply_plan(root, &plan, NULL), 0);
		EXPECT_INT(step.rests, cases[i].rests);
		EXPECT(sched_state_equal(&model.now[1], &other));
	}

	CASE("who takes does not rest; taken back because another cannot have it, it does");
	{
		struct step steps[] = { step_make(2, &other, &small), step_make(9, &other, &small) };
		struct plan plan = { steps, 1 };

		memset(&model, 0, sizeof(model));
		model.now[2] = other;
		EXPECT_INT(apply_plan(root, &plan, NULL), 0);
		EXPECT(!steps[0].rests);
		model.now[2] = other;
		plan.n = 2;
		EXPECT_INT(apply_plan(root, &plan, NULL), -ESRCH);
		EXPECT(steps[0].rests && !steps[1].rests);
	}
}

/* One that perhaps sleeps does not leave unparked: its bandwidth would be lost. */
static void test_leaves_parked(struct sysroot *root, const char *tree)
{
	const struct sched_state small = { SCHED_DEADLINE, 1, 0, 0, 100000, MS, MS };
	_cleanup_(freep) char *stat = tree_path(tree, "proc/1/stat");
	struct step step = step_make(1, &small, &other);
	struct plan plan = { &step, 1 };
	static const struct {
		const char *name;
		int fails;	/* the call that parks */
		int answer;
	} cases[] = {
		{ "it cannot be parked",			 -EBUSY,  -EBUSY },
		{ "it cannot be parked, it may not",		 -EPERM,  -EPERM },
		{ "it has ended, says the kernel",		 -ESRCH,  -EIO },
		{ "the host has other limits, it leaves anyhow", -EINVAL, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].name);
		memset(&model, 0, sizeof(model));
		model.now[1] = small;
		model.fail_at = 2;	/* behind the look */
		model.fail_with = cases[i].fails;
		EXPECT_INT(apply_plan(root, &plan, NULL), cases[i].answer);
		EXPECT(sched_state_equal(&model.now[1], cases[i].answer < 0 ? &small : &other));
	}

	CASE("nobody can tell whether it sleeps");
	memset(&model, 0, sizeof(model));
	model.now[1] = small;
	model.hidden = stat;
	EXPECT_INT(apply_plan(root, &plan, NULL), -EISDIR);
	EXPECT(sched_state_equal(&model.now[1], &small));
	tree_must(rmdir(stat) == 0, stat);
	tree_file(tree, "proc/1/stat", "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 5 1 0 1001 0 0\n");
}

/* One that is in debt as soon as it is SCHED_DEADLINE, and has not run for that, would never run: it leaves again, and rests. */
static void test_lost(struct sysroot *root, const char *tree)
{
	const struct sched_state small = { SCHED_DEADLINE, 1, 0, 0, 100000, MS, MS };
	static const struct {
		const char *name;
		char state;
		unsigned int lost;
		bool overruns;
		bool held_up;
		const char *syscall;	/* NULL: the file is not there */
		int r;
	} cases[] = {
		{ "runs",					'R', 0, false, false, NULL, 0 },
		{ "has overrun its budget by now",		'R', 0, true, false, NULL, 0 },
		{ "is in debt from before",			'R', 1, false, false, NULL, -EBUSY },
		{ "the same, and it is on a queue",		'R', 1, false, false, "running\n", -EBUSY },
		{ "the same, and it has run before it began",	'R', 1, false, true, NULL, -EBUSY },
		{ "is being woken: on no queue it is not taken out of it", 'R', 1, false, false, "202 0x1 0x2\n", 0 },
		{ "sleeps: that cannot be told",		'S', 1, false, false, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct step step = step_make(1, &other, &small);
		struct plan plan = { &step, 1 };
		char stat[128];

		CASE(cases[i].name);
		memset(&model, 0, sizeof(model));
		model.now[1] = other;
		model.tree = tree;
		model.lost = cases[i].lost;
		model.overruns = cases[i].overruns;
		model.held_up = cases[i].held_up;
		snprintf(stat, sizeof(stat), "1 (x) S) %c 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 5 1 0 1001 0 0\n", cases[i].state);
		tree_file(tree, "proc/1/stat", stat);
		file_put(tree, "proc/1/schedstat", "7 8 9\n");
		file_put(tree, "proc/1/syscall", cases[i].syscall);
		EXPECT_INT(apply_plan(root, &plan, &err), cases[i].r);
		EXPECT(sched_state_equal(&model.now[1], cases[i].r < 0 ? &other : &small));
		EXPECT_INT(step.rests, cases[i].r < 0);
		EXPECT_INT(step.debt_ns, cases[i].r < 0 ? 5000000 : 0);
		EXPECT(cases[i].r == 0 || (err && err->reason == VR_KERNEL_BUSY && strstr(err->text, "by 5ms")));
	}

	CASE("on the way back it is tried until it is not lost");
	{
		struct step step = step_make(1, &small, &other);
		struct plan plan = { &step, 1 };

		memset(&model, 0, sizeof(model));
		model.now[1] = other;
		model.tree = tree;
		model.lost = 3;
		tree_file(tree, "proc/1/stat", "1 (x) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 5 1 0 1001 0 0\n");
		file_put(tree, "proc/1/schedstat", "7 8 9\n");
		EXPECT_INT(apply_undo(root, &plan, NULL, NULL), 0);
		EXPECT(sched_state_equal(&model.now[1], &small));
		EXPECT(!step.rests && model.lost == 0);
	}
	file_put(tree, "proc/1/sched", NULL);
	file_put(tree, "proc/1/schedstat", NULL);
}

static void test_undo_fails(struct sysroot *root)
{
	struct sched_state before[THREADS + 1], after[THREADS + 1];
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	CASE("undo: one cannot be looked at, the others are undone nevertheless");
	scene_make(&plan, before, after);
	memcpy(model.now, after, sizeof(model.now));
	model.fail_at = 1;
	model.fail_with = -EIO;
	EXPECT_INT(apply_undo(root, &plan, NULL, NULL), -EIO);
	EXPECT_INT(model_differs(before), 1U << plan.steps[plan.n - 1].tid);
	plan_done(&plan);
	CASE("undo: one cannot, the others are undone nevertheless");
	scene_make(&plan, before, after);
	memcpy(model.now, after, sizeof(model.now));
	model.fail_at = 4;	/* the write of the last step: look, look again, park, write */
	model.fail_with = -EINVAL;
	EXPECT_INT(apply_undo(root, &plan, NULL, &err), -EINVAL);
	EXPECT_INT(model_differs(before), 1U << plan.steps[plan.n - 1].tid);
	EXPECT(err && strstr(err->text, "vcpu6 of d could not be given its former state back"));
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	pid_t tid;

	for (tid = 1; tid <= THREADS; tid++) {
		char name[32], stat[128];

		snprintf(name, sizeof(name), "proc/%d/stat", tid);
		snprintf(stat, sizeof(stat), "%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 5 1 0 %d 0 0\n", tid, 1000 + tid);
		tree_file(tree, name, stat);
	}
	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return expect_result();
	root->ops = &model_ops;

	test_whole(root);
	test_fail_once(root);
	test_gone_once(root);
	test_fail_on(root, false);
	test_fail_on(root, true);
	test_busy_back(root);
	test_busy_words(root, tree);
	test_one_step(root);
	test_not_parked(root);
	test_undo_parked(root);
	test_undo(root);
	test_undo_fails(root);
	test_rests(root, tree);
	test_leaves_parked(root, tree);
	test_lost(root, tree);
	return expect_result();
}
