/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kill-apply.sh kills. Four threads that sleep, two ledgers for them, and the way from one to the other exactly as
 * the daemon goes it: recover what a dead predecessor left, write the plan down, carry it out, write the result down.
 *
 *   kill-apply threads			prints the threads' numbers and sleeps until its standard input ends
 *   kill-apply go DIR before|after|-	recovers; then brings kernel and DIR/state.json to that ledger ("-": only recovers)
 *   kill-apply look DIR		recovers nothing: prints which ledger DIR/state.json and which the threads have
 *
 * go and look take the four thread numbers after DIR and the rest. Exit status 77: SCHED_DEADLINE cannot be set here.
 */
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

#include "apply.h"
#include "state.h"

#define THREADS 4
#define US	NSEC_PER_USEC
#define PERIOD	(100 * NSEC_PER_MSEC)

/* Budgets; 0 = no promise. Of all kinds of steps one: give back, shrink, grow, take. */
static const nsec_t budgets[2][THREADS] = {
	{ 300 * US, 300 * US, 100 * US, 0 },		/* before */
	{ 0, 100 * US, 300 * US, 200 * US },		/* after */
};
static const char *const names[] = { "before", "after" };

static const struct sched_state plain = { .policy = SCHED_OTHER, .nice = 3 };

struct scene {
	struct sysroot *root;
	pid_t tids[THREADS];
	struct ledger ledgers[2];
};

static int complain(const char *what, int r, const struct vr_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err && err->text ? err->text : strerror(-r));
	return r;
}

static pid_t sleeper_tids[THREADS];
static pthread_barrier_t barrier;

static void *sleeper_run(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&barrier);
	pause();
	return NULL;
}

static int threads_main(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	pthread_t thread;
	int i;

	if (sysroot_new(&root, NULL) < 0 || pthread_barrier_init(&barrier, NULL, THREADS + 1) != 0)
		return EXIT_FAILURE;
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, sleeper_run, &sleeper_tids[i]) != 0)
			return EXIT_FAILURE;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++) {
		if (root->ops->sched_set(root, sleeper_tids[i], &plain) < 0)
			return EXIT_FAILURE;
		printf("%d%c", sleeper_tids[i], i + 1 < THREADS ? ' ' : '\n');
	}
	fflush(stdout);
	while (getchar() != EOF)
		;
	return EXIT_SUCCESS;
}

static int ledger_fill(struct ledger *ledger, const struct scene *scene, const nsec_t budget_ns[THREADS])
{
	int i, r;

	for (i = 0; i < THREADS; i++) {
		struct promise promise = {
			.domain = (char *)"d", .pid = scene->tids[0], .tid = scene->tids[i],
			.reservation = { budget_ns[i], PERIOD, PERIOD }, .before = plain,
		};

		if (budget_ns[i] == 0)
			continue;
		vm_thread_name_format(promise.thread, VM_THREAD_VCPU, (uint32_t)i);
		r = sysroot_start_ticks(scene->root, promise.tid, &promise.start_ticks);
		if (r < 0)
			return r;
		r = ledger_add(ledger, &promise);
		if (r < 0)
			return r;
	}
	return 0;
}

static int scene_read(struct scene *scene, char *const *numbers)
{
	int i, r;

	r = sysroot_new(&scene->root, NULL);
	for (i = 0; i < THREADS && r >= 0; i++)
		scene->tids[i] = (pid_t)strtol(numbers[i], NULL, 10);
	for (i = 0; i < 2 && r >= 0; i++)
		r = ledger_fill(&scene->ledgers[i], scene, budgets[i]);
	return r;
}

static void scene_done(struct scene *scene)
{
	ledger_done(&scene->ledgers[0]);
	ledger_done(&scene->ledgers[1]);
	sysroot_free(scene->root);
}

/* The daemon's start: manager_recover(). */
static int recover(const struct scene *scene, struct state *state, struct ledger *ret, struct vr_error **reterr)
{
	_cleanup_(plan_done) struct plan plan = { 0 };
	size_t foreign = 0;
	int r;

	r = state_load(state, ret, &plan, reterr);
	if (r < 0 || plan.n == 0)
		return r;
	r = apply_undo(scene->root, &plan, &foreign, reterr);
	if (r >= 0 && foreign > 0)
		return vr_error_set(reterr, -ESTALE, VR_FAILED, "%zu threads were found changed by somebody", foreign);
	return r < 0 ? r : state_save(state, ret, NULL, reterr);
}

/* The daemon's way of changing something: manager_commit(). */
static int commit(const struct scene *scene, struct state *state, const struct ledger *have, const struct ledger *want,
		  struct vr_error **reterr)
{
	_cleanup_(plan_done) struct plan plan = { 0 };
	int r;

	r = plan_diff(have, want, &plan);
	if (r < 0)
		return r;
	r = state_save(state, have, &plan, reterr);
	if (r < 0)
		return r;
	r = apply_plan(scene->root, &plan, reterr);
	if (r < 0) {
		(void)state_save(state, have, NULL, NULL);
		return r;
	}
	return state_save(state, want, NULL, reterr);
}

static int go(const struct scene *scene, const char *directory, const char *where, struct vr_error **reterr)
{
	_cleanup_(state_closep) struct state *state = NULL;
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	int i, r;

	r = state_open(&state, directory, reterr);
	if (r < 0)
		return r;
	r = recover(scene, state, &ledger, reterr);
	for (i = 0; i < 2 && r >= 0; i++)
		if (strcmp(where, names[i]) == 0)
			r = commit(scene, state, &ledger, &scene->ledgers[i], reterr);
	return r;
}

static bool threads_have(const struct scene *scene, int which)
{
	const struct ledger *ledger = &scene->ledgers[which];
	struct sched_state want, now;
	size_t k;
	int i;

	for (i = 0; i < THREADS; i++) {
		want = plain;
		for (k = 0; k < ledger->n; k++)
			if (ledger->promises[k].tid == scene->tids[i])
				promise_sched_state(&ledger->promises[k], &want);
		if (scene->root->ops->sched_get(scene->root, scene->tids[i], &now) < 0 ||
		    !sched_state_equal(&now, &want))
			return false;
	}
	return true;
}

static bool ledgers_same(const struct ledger *a, const struct ledger *b)
{
	size_t i;

	for (i = 0; a->n == b->n && i < a->n; i++)
		if (a->promises[i].tid != b->promises[i].tid ||
		    a->promises[i].reservation.budget_ns != b->promises[i].reservation.budget_ns)
			return false;
	return a->n == b->n;
}

static void print_threads(const struct scene *scene)
{
	char text[SCHED_STATE_STRLEN];
	struct sched_state now;
	int i;

	for (i = 0; i < THREADS; i++)
		if (scene->root->ops->sched_get(scene->root, scene->tids[i], &now) == 0)
			fprintf(stderr, "thread %d: %s\n", scene->tids[i], sched_state_format(text, &now));
}

static int look(const struct scene *scene, const char *directory, struct vr_error **reterr)
{
	_cleanup_(state_closep) struct state *state = NULL;
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };
	const char *written = "neither", *found = "mixed";
	int i, r;

	r = state_open(&state, directory, reterr);
	if (r >= 0)
		r = state_load(state, &ledger, &plan, reterr);
	if (r < 0)
		return r;
	for (i = 0; i < 2; i++) {
		if (ledgers_same(&ledger, &scene->ledgers[i]))
			written = names[i];
		if (threads_have(scene, i))
			found = names[i];
	}
	printf("%s %s%s\n", written, found, plan.n > 0 ? " under-way" : "");
	if (strcmp(found, "mixed") == 0)
		print_threads(scene);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(scene_done) struct scene scene = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int r;

	if (argc == 2 && strcmp(argv[1], "threads") == 0)
		return threads_main();
	if (argc == 4 + THREADS && strcmp(argv[1], "go") == 0) {
		r = scene_read(&scene, argv + 4);
		if (r >= 0)
			r = go(&scene, argv[2], argv[3], &err);
	} else if (argc == 3 + THREADS && strcmp(argv[1], "look") == 0) {
		r = scene_read(&scene, argv + 3);
		if (r >= 0)
			r = look(&scene, argv[2], &err);
	} else {
		fprintf(stderr, "usage: kill-apply threads | go DIR before|after|- TID... | look DIR TID...\n");
		return 2;
	}
	if (r < 0)
		(void)complain(argv[1], r, err);
	return r == -EPERM || r == -EBUSY ? 77 : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
